/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Before each record. One of SKIP length fills the end of the ring. */
struct header {
    uint32_t len, pad;
};

enum { SKIP = -1 };

static uint64_t record_size(uint32_t len)
{
    return (sizeof(struct header) + len + 7) & ~7ull;
}

static struct header *at(struct beba_ring *r, uint64_t position)
{
    return (struct header *)(void *)(r->data + (position & (r->size - 1)));
}

int beba_ring_init(struct beba_ring *r, uint64_t size)
{
    memset(r, 0, sizeof(*r));
    r->data = aligned_alloc(64, size);
    r->size = size;
    return r->data ? 0 : -ENOMEM;
}

void beba_ring_free(struct beba_ring *r)
{
    free(r->data);
    r->data = NULL;
}

void *beba_ring_reserve(struct beba_ring *r, uint32_t len)
{
    uint64_t need = record_size(len), head, left;

    if (need > r->size / 2)
        return NULL;
    head = atomic_load_explicit(&r->head, memory_order_relaxed);
    left = r->size - (head & (r->size - 1));
    if (left < need)
        need += left;
    if (head + need - r->tail_seen > r->size) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head + need - r->tail_seen > r->size)
            return NULL;
    }
    if (need > record_size(len)) {
        at(r, head)->len = (uint32_t)SKIP;
        head += left;
        atomic_store_explicit(&r->head, head, memory_order_release);
    }
    at(r, head)->len = len;
    return at(r, head) + 1;
}

void beba_ring_push(struct beba_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

    atomic_store_explicit(&r->head, head + record_size(at(r, head)->len), memory_order_release);
}

void *beba_ring_front(struct beba_ring *r, uint32_t *len)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);

    if (tail == head)
        return NULL;
    if (at(r, tail)->len == (uint32_t)SKIP) {
        tail += r->size - (tail & (r->size - 1));
        atomic_store_explicit(&r->tail, tail, memory_order_release);
        if (tail == head)
            return NULL;
    }
    *len = at(r, tail)->len;
    return at(r, tail) + 1;
}

void beba_ring_pop(struct beba_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    atomic_store_explicit(&r->tail, tail + record_size(at(r, tail)->len), memory_order_release);
}

bool beba_ring_empty(const struct beba_ring *r)
{
    return atomic_load_explicit(&r->head, memory_order_acquire) ==
           atomic_load_explicit(&r->tail, memory_order_acquire);
}
