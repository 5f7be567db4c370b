/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a flow table used by several CPUs does seldom: keys that are not in their first bucket,
 * room, eviction. Part of state/ft_shared.h, which has the protocol.
 *
 * In BPF each operation is verified by itself, and what it goes through - slots, buckets - goes by
 * steps that the verifier looks at once. What they share lies on the stack, of which there is
 * little: structs here are as small as can be, and constants lie in them in whole words. */
#ifndef BEBA_STATE_FT_RARE_H
#define BEBA_STATE_FT_RARE_H

/* On the way through the buckets of a key: first, second, and those beyond. Kept small: it lies on
 * the stack of BPF. */
struct beba_held_way {
    struct beba_ft *ft;
    const uint32_t *key;
    struct beba_ft_packed shape;
    uint64_t hash;
    uint32_t at;    /* the bucket looked at */
    uint16_t mask;  /* its slots that are still to be compared */
    uint16_t found; /* low bits of the token: not whole words, the verifier forgets what they are */
    uint8_t n;      /* buckets before it */
    uint8_t locked;
};

BEBA_INLINE struct beba_held_way beba_held_way(struct beba_ft *ft, struct beba_ft_shape shape,
                                               const uint32_t *key, uint64_t hash)
{
    return (struct beba_held_way){.ft = ft,
                                  .key = key,
                                  .shape = beba_ft_pack(shape),
                                  .hash = hash,
                                  .at = beba_ft_first(ft, hash)};
}

/* Compares one slot, or goes to the next bucket, locking it or not: 17 steps are enough for a
 * bucket. */
BEBA_INLINE long beba_held_find_next(struct beba_held_way *w, bool locks)
{
    struct beba_ft_shape shape = beba_ft_unpack(&w->shape);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(w->ft, shape, w->at);
    uint32_t mask = w->mask, slot, n = w->n;
    bool more;

    if (!b)
        return 1;
    if (mask) {
        slot = beba_ft_lowest(mask);
        if (beba_ft_same_key(beba_ft_entry_at(b, shape, slot)->body, w->key, shape.words)) {
            w->found = (uint16_t)(BEBA_HELD_FOUND | slot);
            return 1;
        }
        w->mask = (uint16_t)(mask & (mask - 1));
        return 0;
    }
    more = (n > 1) | ((n ? BEBA_FT_GET(&b->beyond) : BEBA_FT_GET(&b->displaced)) != 0);
    more &= (n <= BEBA_FT_BEYOND) & (n < w->ft->n_buckets);
    if (locks && w->locked)
        beba_ft_unlock(shape, &b->lock);
    w->locked = false;
    if (!more)
        return 1;
    w->n = (uint8_t)(n + 1);
    w->at = beba_ft_after(w->ft, beba_ft_second(w->ft, w->hash), n);
    if (w->at == beba_ft_first(w->ft, w->hash))
        return 0;
    b = BEBA_FT_BUCKET(w->ft, shape, w->at);
    if (!b || (locks && !beba_ft_lock(shape, &b->lock))) {
        w->found = BEBA_HELD_NOT_HAD;
        return 1;
    }
    w->locked = locks;
    w->mask = (uint16_t)beba_ft_match(b, beba_ft_tag(w->hash));
    return 0;
}

BEBA_FT_STEP beba_held_find_step(uint32_t i, struct beba_held_way *w)
{
    (void)i;
    return beba_held_find_next(w, true);
}

BEBA_FT_STEP beba_held_aside_step(uint32_t i, struct beba_held_way *w)
{
    (void)i;
    return beba_held_find_next(w, false);
}

enum { BEBA_HELD_FIND_STEPS = (BEBA_FT_BEYOND + 2) * (BEBA_FT_SLOTS + 1) };

BEBA_INLINE uint64_t beba_held_found(const struct beba_held_way *w)
{
    if ((w->found & BEBA_HELD_FOUND) && w->n)
        return w->found | BEBA_HELD_HOME | (uint64_t)w->at << 32;
    return w->found;
}

/* Looks for a key in all its buckets, the first of which is locked; locks the one it is in. */
BEBA_INLINE uint64_t beba_held_find(struct beba_ft *ft, struct beba_ft_shape shape,
                                    struct beba_ft_bucket *first, const uint32_t *key,
                                    uint64_t hash)
{
    struct beba_held_way w = beba_held_way(ft, shape, key, hash);

    w.mask = (uint16_t)beba_ft_match(first, beba_ft_tag(hash));
    BEBA_FT_STEPS(BEBA_HELD_FIND_STEPS, beba_held_find_step, &w);
    return beba_held_found(&w);
}

/* The same after the first, without locks. */
BEBA_INLINE uint64_t beba_held_aside(struct beba_ft *ft, struct beba_ft_shape shape,
                                     const uint32_t *key, uint64_t hash)
{
    struct beba_held_way w = beba_held_way(ft, shape, key, hash);

    BEBA_FT_STEPS(BEBA_HELD_FIND_STEPS, beba_held_aside_step, &w);
    return beba_held_found(&w);
}

BEBA_INLINE uint64_t beba_held_take_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                         const uint32_t *key, uint64_t hash, uint64_t want)
{
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    uint64_t token;

    if (!first || !beba_ft_lock(shape, &ft->lock))
        return BEBA_HELD_NOT_HAD;
    if (!beba_ft_lock(shape, &first->lock)) {
        beba_ft_unlock(shape, &ft->lock);
        return BEBA_HELD_NOT_HAD;
    }
    token = beba_held_find(ft, shape, first, key, hash);
    if (token & BEBA_HELD_NOT_HAD)
        beba_ft_unlock(shape, &first->lock);
    else if (!token && (want & BEBA_HELD_CREATE))
        return BEBA_HELD_TABLE; /* room may need it */
    beba_ft_unlock(shape, &ft->lock);
    return token;
}

BEBA_FT_STEP beba_held_beyond_step(uint32_t i, struct beba_held_way *w)
{
    struct beba_ft_shape shape = beba_ft_unpack(&w->shape);
    uint64_t at = beba_ft_after(w->ft, beba_ft_second(w->ft, w->hash), i + 1);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(w->ft, shape, at);

    if (i + 1 >= w->ft->n_buckets)
        return 1;
    if (at == beba_ft_first(w->ft, w->hash))
        return 0;
    if (!b || !beba_ft_lock(shape, &b->lock)) {
        w->found = BEBA_HELD_NOT_HAD;
        return 1;
    }
    if (beba_ft_match(b, 0)) {
        w->found = BEBA_HELD_HOME;
        w->at = (uint32_t)at;
        return 1;
    }
    beba_ft_unlock(shape, &b->lock);
    return 0;
}

/* A free slot beyond the second bucket, its bucket locked. */
BEBA_INLINE uint64_t beba_held_beyond(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash)
{
    struct beba_held_way w = beba_held_way(ft, shape, NULL, hash);

    BEBA_FT_STEPS(BEBA_FT_BEYOND, beba_held_beyond_step, &w);
    return w.found & BEBA_HELD_HOME ? BEBA_HELD_HOME | (uint64_t)w.at << 32 : w.found;
}

/* The room in b, one of the two buckets, both locked: keeps what the entry to come needs. */
BEBA_INLINE uint64_t beba_held_give(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                                    struct beba_ft_bucket *b, struct beba_ft_bucket *first,
                                    struct beba_ft_bucket *second)
{
    beba_ft_unlock(shape, &ft->lock);
    if (b != first)
        return BEBA_HELD_COUNTED | BEBA_HELD_HOME | (uint64_t)beba_ft_second(ft, hash) << 32;
    if (second != first)
        beba_ft_unlock(shape, &second->lock);
    return BEBA_HELD_COUNTED;
}

BEBA_INLINE uint64_t beba_held_room_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                         uint64_t hash, uint64_t token)
{
    uint32_t at = beba_ft_second(ft, hash), free;
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_bucket *second = BEBA_FT_BUCKET(ft, shape, at);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, token >> 32);

    if (!first || !second || !b)
        return token | BEBA_HELD_NOT_HAD;
    if (!(token & BEBA_HELD_TABLE) && !shape.lone && !beba_lock_try(&ft->lock))
        return token | BEBA_HELD_NOT_HAD;
    if (token & BEBA_HELD_HOME) /* of an entry that was freed */
        beba_ft_unlock(shape, &b->lock);
    if (second != first && !beba_ft_lock(shape, &second->lock))
        return BEBA_HELD_TABLE | BEBA_HELD_NOT_HAD;
    b = beba_ft_emptier(first, second, &free);
    if (b && beba_held_reserve(ft, shape))
        return beba_held_give(ft, shape, hash, b, first, second);
    token = BEBA_HELD_TABLE | BEBA_HELD_RECLAIM;
    if (second != first)
        token |= BEBA_HELD_HOME | (uint64_t)at << 32;
    return token;
}

/* Of a bucket that is locked. */
BEBA_INLINE uint64_t beba_held_reclaim(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t now,
                                       uint64_t token)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, token >> 32);

    if (b)
        beba_ft_reclaim(ft, shape, b, now);
    return 0;
}

BEBA_INLINE uint64_t beba_held_room_again(struct beba_ft *ft, struct beba_ft_shape shape,
                                          uint64_t hash)
{
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_bucket *second = BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, hash)), *b;
    uint64_t token = 0;
    uint32_t free;
    bool counted;

    if (!first || !second)
        return BEBA_HELD_TABLE | BEBA_HELD_NOT_HAD;
    counted = beba_held_reserve(ft, shape);
    b = beba_ft_emptier(first, second, &free);
    if (counted && b)
        return beba_held_give(ft, shape, hash, b, first, second);
    if (second != first)
        beba_ft_unlock(shape, &second->lock);
    if (counted) {
        token = beba_held_beyond(ft, shape, hash);
        if (token & BEBA_HELD_HOME) {
            beba_ft_unlock(shape, &ft->lock);
            return token | BEBA_HELD_COUNTED;
        }
        BEBA_FT_ADD(shape, &ft->count, ~0ull);
    }
    token |= BEBA_HELD_TABLE;
    if (token & BEBA_HELD_NOT_HAD)
        return token;
    if (ft->full == BEBA_FT_EVICT)
        return token | BEBA_HELD_EVICT;
    BEBA_FT_COUNT(ft, shape, refusals, 1);
    return token | BEBA_HELD_FULL;
}

/* Takes out an entry and leaves it in the count, for the one to come. */
BEBA_INLINE void beba_held_drop(struct beba_ft *ft, struct beba_ft_shape shape,
                                struct beba_ft_bucket *b, uint32_t slot, void *arg)
{
    struct beba_ft_entry *e = beba_ft_entry_at(b, shape, slot & BEBA_HELD_SLOT);

    (void)arg;
    BEBA_FT_EVICTED(ft, shape, e, arg);
    beba_ft_detach(ft, shape, b, slot, beba_ft_hash_entry(ft, shape, e));
    BEBA_FT_COUNT(ft, shape, evictions, 1);
}

/* Evicts the least recently used of both buckets; gives the place of the entry to come. What is
 * held does not change when both are empty. */
BEBA_INLINE uint64_t beba_held_evict(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                                     uint64_t token, void *arg)
{
    uint32_t at = beba_ft_second(ft, hash), slot = 0, slot2 = 0, free = 0;
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_bucket *second = BEBA_FT_BUCKET(ft, shape, at), *b;
    uint64_t used = ~0ull, used2;
    bool found, other;

    if (!first || !second || (second != first && !beba_ft_lock(shape, &second->lock)))
        return token | BEBA_HELD_NOT_HAD;
    found = beba_ft_oldest(first, shape, &used, &slot);
    used2 = used;
    other = beba_ft_oldest(second, shape, &used2, &slot2) && (!found || used2 < used);
    if (other)
        beba_held_drop(ft, shape, second, slot2, arg);
    else if (found)
        beba_held_drop(ft, shape, first, slot, arg);
    b = beba_ft_emptier(first, second, &free);
    if (second != first && (b != second || !(other || found)))
        beba_ft_unlock(shape, &second->lock);
    if (!(other || found))
        return token;
    beba_ft_unlock(shape, &ft->lock);
    return b == first ? (uint64_t)BEBA_HELD_COUNTED
                      : BEBA_HELD_COUNTED | BEBA_HELD_HOME | (uint64_t)at << 32;
}

BEBA_FT_STEP beba_held_near_step(uint32_t i, struct beba_held_way *w)
{
    struct beba_ft_shape shape = beba_ft_unpack(&w->shape);
    uint64_t at = beba_ft_after(w->ft, beba_ft_second(w->ft, w->hash), i + 1);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(w->ft, shape, at);

    if (i + 1 >= w->ft->n_buckets)
        return 1;
    if (!b || at == beba_ft_first(w->ft, w->hash) || beba_ft_match(b, 0) == 0xffff)
        return 0;
    w->at = (uint32_t)at;
    return 1;
}

/* A bucket near that has an entry, for when both are empty: its index in the bits of HOME; else
 * that of the first, in which there is nothing. */
BEBA_INLINE uint64_t beba_held_near(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                                    uint64_t token)
{
    struct beba_held_way w = beba_held_way(ft, shape, NULL, hash);

    BEBA_FT_STEPS(BEBA_FT_BEYOND, beba_held_near_step, &w);
    return (uint32_t)token | (uint64_t)w.at << 32;
}

/* Evicts from there: the new entry goes to the first, which is empty. */
BEBA_INLINE uint64_t beba_held_evict_near(struct beba_ft *ft, struct beba_ft_shape shape,
                                          uint64_t hash, uint64_t token, void *arg)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, token >> 32);
    uint64_t used = ~0ull;
    uint32_t slot = 0;
    bool found;

    if (token >> 32 == beba_ft_first(ft, hash) || !b || !beba_ft_lock(shape, &b->lock))
        return (uint32_t)token | BEBA_HELD_NOT_HAD;
    found = beba_ft_oldest(b, shape, &used, &slot);
    if (found)
        beba_held_drop(ft, shape, b, slot, arg);
    beba_ft_unlock(shape, &b->lock);
    if (!found)
        return (uint32_t)token | BEBA_HELD_NOT_HAD;
    beba_ft_unlock(shape, &ft->lock);
    return BEBA_HELD_COUNTED;
}

BEBA_INLINE uint64_t beba_held_insert_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                           const uint32_t *key, uint64_t hash, uint64_t now,
                                           uint64_t token)
{
    struct beba_ft_bucket *b = beba_held_bucket(ft, shape, hash, token);
    uint32_t slot;

    if (!b)
        return token | BEBA_HELD_NOT_HAD;
    slot = beba_ft_vacant(beba_ft_match(b, 0), hash);
    beba_ft_fill(ft, shape, b, slot, key, hash, now);
    return (token & ~(uint64_t)BEBA_HELD_COUNTED) | BEBA_HELD_FOUND | slot;
}

BEBA_INLINE uint64_t beba_held_remove_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                           uint64_t hash, uint64_t token)
{
    struct beba_ft_bucket *b = beba_held_bucket(ft, shape, hash, token);

    if (b)
        beba_ft_unlink(ft, shape, b, (uint32_t)token & BEBA_HELD_SLOT, hash);
    return token & ~(uint64_t)(BEBA_HELD_FOUND | BEBA_HELD_SLOT);
}

BEBA_INLINE uint64_t beba_held_release_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                            uint64_t token)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, token >> 32);

    if (token & BEBA_HELD_COUNTED)
        BEBA_FT_ADD(shape, &ft->count, ~0ull);
    if ((token & BEBA_HELD_HOME) && b)
        beba_ft_unlock(shape, &b->lock);
    if (token & BEBA_HELD_TABLE)
        beba_ft_unlock(shape, &ft->lock);
    return 0;
}

/* All that is not the common case, for a function of its own. */
BEBA_INLINE uint64_t beba_held_rare(struct beba_ft *ft, struct beba_ft_shape shape,
                                    enum beba_held_op op, const uint32_t *key, uint64_t hash,
                                    uint64_t now, uint64_t token, void *arg)
{
    switch (op) {
    case BEBA_HELD_OP_TAKE:
        return beba_held_take_rare(ft, shape, key, hash, token);
    case BEBA_HELD_OP_ROOM:
        return beba_held_room_rare(ft, shape, hash, token);
    case BEBA_HELD_OP_RECLAIM:
        return beba_held_reclaim(ft, shape, now, token);
    case BEBA_HELD_OP_ROOM_AGAIN:
        return beba_held_room_again(ft, shape, hash);
    case BEBA_HELD_OP_EVICT:
        return beba_held_evict(ft, shape, hash, token, arg);
    case BEBA_HELD_OP_NEAR:
        return beba_held_near(ft, shape, hash, token);
    case BEBA_HELD_OP_EVICT_NEAR:
        return beba_held_evict_near(ft, shape, hash, token, arg);
    case BEBA_HELD_OP_INSERT:
        return beba_held_insert_rare(ft, shape, key, hash, now, token);
    case BEBA_HELD_OP_REMOVE:
        return beba_held_remove_rare(ft, shape, hash, token);
    case BEBA_HELD_OP_RELEASE:
        return beba_held_release_rare(ft, shape, token);
    case BEBA_HELD_OP_LOCATE:
        return beba_held_aside(ft, shape, key, hash);
    }
    return token | BEBA_HELD_NOT_HAD;
}

#endif
