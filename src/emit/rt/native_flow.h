/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flow tables, as tables of C for the CPU use them: with BEBA_LONE by one thread, as the
 * interpreter does it; otherwise by several, under the locks of state/ft_shared.h. */
#ifndef BEBA_EMIT_RT_NATIVE_FLOW_H
#define BEBA_EMIT_RT_NATIVE_FLOW_H

#ifdef BEBA_LONE
#include "state/ft_core.h"

enum { BEBA_HELD_OK, BEBA_HELD_BUSY, BEBA_HELD_REFUSED };

struct beba_held {
    struct beba_ft_entry *entry; /* of the key, or NULL */
    uint64_t token;
    beba_ctx *ctx;
    uint32_t table;
};

BEBA_INLINE int beba_held_take(struct beba_ft *ft, struct beba_ft_shape shape, const uint32_t *key,
                               uint64_t hash, bool create, struct beba_held *held)
{
    (void)create;
    held->entry = beba_ft_peek_as(ft, shape, key, hash);
    return BEBA_HELD_OK;
}

/* Insert makes it. */
#define beba_held_room(ft, shape, key, hash, now, held) BEBA_HELD_OK

BEBA_INLINE void beba_held_insert(struct beba_ft *ft, struct beba_ft_shape shape,
                                  const uint32_t *key, uint64_t hash, uint64_t now,
                                  struct beba_held *held)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    uint32_t free = beba_ft_match(b, 0);

    /* two free slots: fewer than BEBA_FT_SPILL entries, so this is its place */
    if (BEBA_LIKELY((free & (free - 1)) && ft->count < ft->capacity)) {
        ft->count++;
        held->entry = beba_ft_fill_first(ft, shape, b, beba_ft_vacant(free, hash), key, hash, now);
        return;
    }
    held->entry = held->ctx->call->insert(held->ctx->e, held->table, key, hash, now);
}

#define beba_held_remove(ft, shape, key, hash, held) \
    ((held)->ctx->call->remove((held)->ctx->e, (held)->table, (held)->entry), (void)0)
#define beba_held_release(ft, shape, key, hash, held) ((void)(held))

/* Room for an entry of a key that has none, in a table that refuses. */
BEBA_INLINE int beba_room(struct beba_run *x, struct beba_ft *ft, struct beba_ft_shape shape,
                          const uint32_t *key, uint64_t hash, uint64_t *token)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    uint32_t free = beba_ft_match(b, 0);

    (void)key, (void)token;
    if (BEBA_LIKELY((free & (free - 1)) && ft->count < ft->capacity))
        return BEBA_HELD_OK;
    return beba_ft_room(ft, hash, x->p.now) ? BEBA_HELD_OK : BEBA_HELD_REFUSED;
}

#define BEBA_HELD(name, i) struct beba_held name = {.ctx = ctx, .table = (i)}
#define BEBA_UNDO(ft)      __builtin_expect(!(ft)->undo_off, 0)
#else
/* Whose entry is held, for events. */
struct beba_holder {
    beba_ctx *ctx;
    uint64_t now;
    uint32_t table;
};

#define BEBA_FT_EVICTED(ft, shape, entry, arg) beba_evicted(ft, entry, arg)

struct beba_ft;
struct beba_ft_entry;
BEBA_INLINE void beba_evicted(struct beba_ft *ft, const struct beba_ft_entry *entry, void *arg);

#include "state/ft_shared.h"

/* What is held knows its packet, for events. */
BEBA_INLINE void beba_evicted(struct beba_ft *ft, const struct beba_ft_entry *entry, void *arg)
{
    const struct beba_holder *holder = arg;

    (void)ft;
    if (holder)
        holder->ctx->call->evicted(holder->ctx->e, holder->table, entry, holder->now);
}

BEBA_INLINE int beba_room(struct beba_run *x, struct beba_ft *ft, struct beba_ft_shape shape,
                          const uint32_t *key, uint64_t hash, uint64_t *token)
{
    struct beba_holder holder = {x->ctx, x->p.now, x->table};
    struct beba_held held = {.token = *token, .arg = &holder};
    int answer;

    held.first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    answer = (int)beba_held_room(ft, shape, key, hash, x->p.now, &held);
    *token = held.token;
    return answer;
}

#define BEBA_HELD(name, i)                                                       \
    struct beba_holder name##_for = {.ctx = ctx, .now = x->p.now, .table = (i)}; \
    struct beba_held name = {.arg = &name##_for}
#define BEBA_UNDO(ft) false
#endif

/* Where a key is, as far as its bucket's tags tell: taken before the packet's turn, a hint by then.
 */
struct beba_place {
    uint64_t hash;
    struct beba_ft_bucket *bucket; /* the first */
    uint32_t slot;
};

BEBA_INLINE void beba_place_look(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                                 struct beba_place *place)
{
    place->hash = hash;
    place->bucket = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
}

/* Asks for the tags. */
BEBA_INLINE void beba_place_tags(struct beba_ft *ft, struct beba_ft_shape shape,
                                 const struct beba_place *place)
{
    (void)ft, (void)shape;
    beba_ft_fetch(place->bucket);
}

/* Asks for the entry, once the tags are there. */
BEBA_INLINE void beba_place_fetch(struct beba_ft *ft, struct beba_ft_shape shape,
                                  struct beba_place *place)
{
    uint32_t mask = beba_ft_match(place->bucket, beba_ft_tag(place->hash));
    const uint8_t *e;

    place->slot = 0;
    if (__builtin_expect(!mask, 0)) {
        if (place->bucket->displaced)
            beba_ft_fetch(BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, place->hash)));
        return;
    }
    place->slot = beba_ft_lowest(mask);
    e = (const uint8_t *)beba_ft_entry_at(place->bucket, shape, place->slot);
    beba_ft_fetch(e);
    if (shape.stride & 63) /* it may lie in two lines */
        beba_ft_fetch(e + shape.stride - 1);
}

BEBA_INLINE int beba_held_take_at(struct beba_ft *ft, struct beba_ft_shape shape,
                                  const uint32_t *key, const struct beba_place *place, bool create,
                                  struct beba_held *held)
{
#ifdef BEBA_LONE
    struct beba_ft_bucket *b = place->bucket;
    struct beba_ft_entry *e = beba_ft_entry_at(b, shape, place->slot);

    if (BEBA_LIKELY(b->tag[place->slot] == beba_ft_tag(place->hash) &&
                    beba_ft_same_key(e->body, key, shape.words))) {
        held->entry = e;
        return BEBA_HELD_OK;
    }
#endif
    return beba_held_take(ft, shape, key, place->hash, create, held);
}

/* False when surely no timeout of the entry is due. idle, hard: of each of n states, ns; NULL: no
 * state has one. */
BEBA_INLINE bool beba_may_be_due(const struct beba_ft_entry *e, uint64_t now, const uint64_t *idle,
                                 const uint64_t *hard, uint32_t n)
{
    bool due;

    if (__builtin_expect(e->state >= n, 0))
        return false;
    /* of no timeout 0 - 1 is left, which nothing exceeds */
    due = idle ? now - e->used > idle[e->state] - 1 : false;
    return due | (hard ? now - e->entered > hard[e->state] - 1 : false);
}

/* Applies due timeouts to the entry that is held; a lookup uses it. */
BEBA_INLINE void beba_observe(struct beba_run *x, struct beba_ft *ft, struct beba_ft_shape shape,
                              const uint32_t *key, uint64_t hash, struct beba_held *held,
                              bool lookup, const uint64_t *idle, const uint64_t *hard, uint32_t n)
{
    struct beba_ft_entry *e = held->entry;

    if (!e)
        return;
    if (__builtin_expect(beba_may_be_due(e, x->p.now, idle, hard, n), 0)) {
#ifdef BEBA_LONE
        held->entry = x->ctx->call->expire(x->ctx->e, x->table, e, x->p.now, lookup);
        return;
#else
        struct beba_seen seen = {.state = e->state, .entered = e->entered, .used = e->used};

        beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, x->p.now);
        if (seen.expired) {
            BEBA_FT_COUNT(ft, shape, expiries, 1);
            x->ctx->call->expired(x->ctx->e, x->table, e, &seen);
            if (beba_ft_is_over(ft, &seen)) {
                beba_held_remove(ft, shape, key, hash, held);
                return;
            }
            BEBA_FT_PUT(&e->state, seen.state);
            BEBA_FT_PUT(&e->entered, seen.entered);
            BEBA_FT_PUT(&e->used, seen.used);
        }
#endif
    }
    if (lookup)
        BEBA_FT_PUT(&e->used, x->p.now);
}

/* The state of this packet's entry in another table, as a packet would see it; 0 when there is
 * none. */
BEBA_INLINE uint32_t beba_peek_state(const struct beba_run *x, struct beba_ft *ft,
                                     struct beba_ft_shape shape, const uint32_t *key)
{
    uint64_t hash = beba_ft_hash_as(ft, shape, key);
    struct beba_seen seen;

#ifdef BEBA_LONE
    const struct beba_ft_entry *e = beba_ft_peek_as(ft, shape, key, hash);

    if (!e)
        return 0;
    seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
#else
    if (beba_held_peek(ft, shape, key, hash, &seen) <= 0)
        return 0;
#endif
    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, x->p.now);
    return seen.state;
}

#endif
