/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How long a thread sleeps that serves ports without a descriptor (io/port.h): not at all while
 * packets come, then from 1 us to what the port bears, doubled each time that nothing has come. */
#ifndef BEBA_IO_IDLE_H
#define BEBA_IO_IDLE_H

#include "base/int.h"

/* Rounds over all ports that find nothing until the thread sleeps: some ten microseconds. */
enum { BEBA_IDLE_SPIN = 256 };

struct beba_idle {
    uint32_t rounds; /* in a row that found nothing; 0 when something came */
};

/* For a round that found nothing: nanoseconds to sleep, 0 to poll at once. nap: microseconds at
 * most (beba_port_nap). */
BEBA_INLINE uint32_t beba_idle_nap(struct beba_idle *idle, uint32_t nap)
{
    uint32_t over;

    if (!nap || ++idle->rounds < BEBA_IDLE_SPIN)
        return 0;
    over = idle->rounds - BEBA_IDLE_SPIN;
    if (over >= 10) {
        idle->rounds = BEBA_IDLE_SPIN + 10;
        return nap * 1000;
    }
    return (1u << over) < nap ? 1000u << over : nap * 1000;
}

#endif
