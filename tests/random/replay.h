/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets and engines (world.c), and what must be the same after runs (compare.c). */
#ifndef BEBA_RANDOM_REPLAY_H
#define BEBA_RANDOM_REPLAY_H

#include "engine/engine.h"

enum {
    SLOTS = 100, /* packets a call: more than the engine's batch */
    MAX_PACKETS = 4096,
};

/* A packet of a capture, as it is there. */
struct original {
    struct beba_packet p;
    uint8_t *bytes;
    unsigned wrong, present; /* checksums */
};

/* An engine and the packets of its last call. */
struct world {
    struct beba_engine *e;
    uint8_t *buffer[SLOTS];
    struct beba_packet packet[SLOTS];
    struct beba_result result[SLOTS];
};

extern bool failed;
/* Something does not hold: says so; the exit status will be 1. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* p, unless it is NULL. */
void *checked(void *p);

/* Up to MAX_PACKETS packets; how many. */
unsigned read_capture(const char *path, struct original *out);
void free_capture(struct original *o, unsigned n); /* and o */

void world_init(struct world *w, const struct beba_pipeline *pipeline);
void world_free(struct world *w);
/* A copy of the packet with room around it. */
void fill(struct world *w, unsigned slot, const struct original *o);
/* Copies of n packets, at most SLOTS, through the engine in one call. */
void run_batch(struct world *w, const struct original *o, unsigned n);

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
