/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/timeout.h"

/* How long the state is kept when it was entered and used at the same time; 0 = for ever. */
static uint64_t dwell(const struct beba_timeouts *t)
{
    if (!t->hard || !t->idle)
        return t->hard | t->idle;
    return t->hard < t->idle ? t->hard : t->idle;
}

static uint32_t fallback(const struct beba_timeouts *t)
{
    return t->hard && t->hard == dwell(t) ? t->hard_to : t->idle_to;
}

/* Time once around the cycle through s, if s lies on one. A cycle longer than 2^64 ns counts as
 * none: no chain gets around it. */
static uint64_t period(const struct beba_timeouts *states, uint32_t n, uint32_t s)
{
    uint64_t sum = 0;
    uint32_t at = s;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t d = dwell(&states[at]);

        if (!d || __builtin_add_overflow(sum, d, &sum))
            return 0;
        at = fallback(&states[at]);
        if (at == s)
            return sum;
    }
    return 0;
}

void beba_timeouts_prepare(struct beba_timeouts *states, uint32_t n)
{
    for (uint32_t s = 0; s < n; s++)
        states[s].period = period(states, n, s);
}
