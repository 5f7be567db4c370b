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

/* Time once around the cycle that s lies on. A cycle as long as a mark counts as none: no chain
 * gets around it. */
static void set_cycle(struct beba_timeouts *states, uint32_t s, uint64_t marks)
{
    uint64_t sum = 0;
    uint32_t at = s;

    do {
        if (__builtin_add_overflow(sum, dwell(&states[at]), &sum) || sum >= marks)
            return;
        at = fallback(&states[at]);
    } while (at != s);
    do {
        states[at].period = sum;
        at = fallback(&states[at]);
    } while (at != s);
}

/* Follows each chain until it ends, meets a state that was seen before, or closes a cycle. Until
 * the end, period holds a mark on states that were seen: which walk it was. */
void beba_timeouts_prepare(struct beba_timeouts *states, uint32_t n)
{
    const uint64_t marks = UINT64_MAX - n;

    for (uint32_t s = 0; s < n; s++)
        states[s].period = 0;
    for (uint32_t s = 0; s < n; s++) {
        uint32_t at = s;

        while (!states[at].period && dwell(&states[at])) {
            states[at].period = marks + 1 + s;
            at = fallback(&states[at]);
        }
        if (states[at].period == marks + 1 + s)
            set_cycle(states, at, marks);
    }
    for (uint32_t s = 0; s < n; s++)
        if (states[s].period > marks)
            states[s].period = 0;
}
