/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Timeouts of states: idle (not looked up for d) and hard (d since entered), exact on observation.
 *
 * A packet that arrives at or after the deadline sees the fallback state, whose own timeouts count
 * from that deadline, chained as often as needed. After the first step of a chain the dwell time of
 * a state depends on the state alone, so a chain that comes back to a state is periodic: whole
 * periods are skipped by a modulo, and the loop is bounded by the number of states. When both
 * deadlines fall on the same instant the hard one counts (as BEBA: hard before idle). A deadline
 * past 2^64 ns never comes. A clock that runs backwards (captures) expires nothing.
 *
 * Header-only but for _prepare; compiles for BPF. */
#ifndef BEBA_BASE_TIMEOUT_H
#define BEBA_BASE_TIMEOUT_H

#include "base/int.h"

struct beba_timeouts {
    uint64_t idle, hard;       /* ns; 0 = none */
    uint32_t idle_to, hard_to; /* fallback states */
    uint64_t period;           /* ns around the cycle of timeouts this state lies on; 0 = on none */
};

/* What the packet sees. */
struct beba_seen {
    uint32_t state;
    uint64_t entered, used; /* ns */
    bool expired;           /* at least one timeout was due */
    uint64_t deadline;      /* when the first due one was, if expired */
};

/* Fills period of n states from the rest; call once when a table is set up. Fallback states must be
 * below n. */
void beba_timeouts_prepare(struct beba_timeouts *states, uint32_t n);

/* Applies the timeout that is due first, if one is due at now. */
BEBA_INLINE bool beba_timeouts_step(const struct beba_timeouts *t, struct beba_seen *seen,
                                    uint64_t now)
{
    uint64_t hard = seen->entered + t->hard, idle = seen->used + t->idle;
    bool has_hard = t->hard && hard >= t->hard && hard <= now; /* second test: no wrap */
    bool has_idle = t->idle && idle >= t->idle && idle <= now;

    if (!has_hard && !has_idle)
        return false;
    if (has_hard && (!has_idle || hard <= idle)) {
        seen->state = t->hard_to;
        seen->entered = seen->used = hard;
    } else {
        seen->state = t->idle_to;
        seen->entered = seen->used = idle;
    }
    return true;
}

/* Applies all due timeouts to what was read from an entry (state, entered, used); sets expired and,
 * then, deadline. */
BEBA_INLINE void beba_timeouts_apply(const struct beba_timeouts *states, uint32_t n,
                                     struct beba_seen *seen, uint64_t now)
{
    const struct beba_timeouts *t;

    seen->expired = false;
    seen->deadline = 0;
    if (now < seen->used || seen->state >= n)
        return;
    if (!beba_timeouts_step(&states[seen->state], seen, now))
        return;
    seen->expired = true;
    seen->deadline = seen->entered;
    for (uint32_t i = 0; i < n && seen->state < n;
         i++) { /* the way to the cycle, and once around */
        t = &states[seen->state];
        if (t->period && now - seen->entered >= t->period)
            seen->entered = seen->used = now - (now - seen->entered) % t->period;
        if (!beba_timeouts_step(t, seen, now))
            return;
    }
}

#endif
