/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Records from one thread to one other, without locks: a ring of bytes made beforehand. */
#ifndef BEBA_SWITCH_RING_H
#define BEBA_SWITCH_RING_H

#include "base/int.h"

#include <stdatomic.h>

struct beba_ring {
    uint8_t *data;
    uint64_t size;
    _Alignas(64) _Atomic uint64_t head; /* written up to here */
    uint64_t tail_seen;                 /* by the writer */
    _Alignas(64) _Atomic uint64_t tail; /* read up to here */
};

/* size: a power of 2. -ENOMEM. */
int beba_ring_init(struct beba_ring *r, uint64_t size);
void beba_ring_free(struct beba_ring *r);

/* The writer: room for a record of len bytes, aligned to 8, or NULL when it is full; then push. */
void *beba_ring_reserve(struct beba_ring *r, uint32_t len);
void beba_ring_push(struct beba_ring *r);
/* The reader: the oldest record and its length, or NULL; then pop. */
void *beba_ring_front(struct beba_ring *r, uint32_t *len);
void beba_ring_pop(struct beba_ring *r);
bool beba_ring_empty(const struct beba_ring *r);

#endif
