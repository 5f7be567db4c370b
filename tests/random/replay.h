/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between replay.c (the runs) and compare.c (what must be the same after them). */
#ifndef BEBA_RANDOM_REPLAY_H
#define BEBA_RANDOM_REPLAY_H

#include "engine/engine.h"

enum { SLOTS = 100 }; /* packets a call: more than the engine's batch */

/* An engine and the packets of its last call. */
struct world {
    struct beba_engine *e;
    uint8_t *buffer[SLOTS];
    struct beba_packet packet[SLOTS];
    struct beba_result result[SLOTS];
};

/* Something does not hold: says so; the exit status will be 1. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Result, bytes and mirrored copies of one packet. */
void compare_packet(const char *what, unsigned number, const struct world *a, unsigned i,
                    const struct world *b, unsigned j);
void compare_events(const char *what, unsigned number, struct world *a, struct world *b);
/* Everything that lasts: counters, globals, arrays and flows. */
void compare_worlds(const char *what, struct world *a, struct world *b, uint64_t now);
/* Only globals and arrays. */
void compare_cells(const char *what, const struct world *a, const struct world *b);

/* Some table had no room for an entry. */
bool was_full(const struct world *w);

/* How often what happened: that a generator's programs do something can be seen here. */
void print_counters(const struct world *w);

#endif
