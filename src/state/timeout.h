/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Timeouts of states: idle (not looked up for d) and hard (d since entered), exact on observation.
 *
 * A packet that arrives at or after the deadline sees the fallback state, whose own timeouts count from
 * that deadline, chained as often as needed. After the first step of a chain the dwell time of a state
 * depends on the state alone, so a chain that comes back to a state is periodic: whole periods are
 * skipped by a modulo, and the loop is bounded by the number of states.
 * When both deadlines fall on the same instant the hard one counts (as BEBA: hard before idle).
 *
 * Header-only; compiles for BPF. */
#ifndef BEBA_STATE_TIMEOUT_H
#define BEBA_STATE_TIMEOUT_H

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

/* Fills period of n states from the rest; call once when a table is set up. */
void beba_timeouts_prepare(struct beba_timeouts *states, uint32_t n);

#endif
