/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The packet path of the flow table (see ft.h): inline, no libc, bounded loops; compiles for BPF.
 *
 * Placement. A new key goes to its first bucket while that has fewer than BEBA_FT_SPILL entries,
 * else to the emptier of its two, and when both are full into one of the BEBA_FT_BEYOND buckets
 * after the second. A bucket counts the keys that have it first and live elsewhere (displaced), and
 * those that have it second and live beyond: while displaced is 0, a miss is known after one tag
 * line.
 *
 * A table whose sizes are known when compiling is served by the _as functions with a constant
 * struct beba_ft_shape (beba_ft_shape(13, 8)); the others read the shape from the table.
 *
 * struct beba_ft_entry pointers are valid until the entry is removed or evicted. */
#ifndef BEBA_STATE_FT_CORE_H
#define BEBA_STATE_FT_CORE_H

#include "state/ft_format.h"

/* Lookup ------------------------------------------------------------------------------------- */

/* Asks for the tag line of the first bucket. */
BEBA_INLINE void beba_ft_prefetch_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                     uint64_t hash)
{
    beba_ft_fetch(BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash)));
}

BEBA_INLINE void beba_ft_prefetch(const struct beba_ft *ft, uint64_t hash)
{
    beba_ft_prefetch_as(ft, beba_ft_shape_of(ft), hash);
}

/* Asks for the entry whose tag is in this bucket; false when there is none. */
BEBA_INLINE bool beba_ft_fetch_entry(struct beba_ft_bucket *b, struct beba_ft_shape shape,
                                     uint64_t hash)
{
    uint32_t mask = beba_ft_match(b, beba_ft_tag(hash));
    const uint8_t *e;

    if (!mask)
        return false;
    e = (const uint8_t *)beba_ft_entry_at(b, shape, beba_ft_lowest(mask));
    beba_ft_fetch(e);
    beba_ft_fetch(e + shape.stride - 1);
    return true;
}

BEBA_INLINE bool beba_ft_prefetch_entry_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                           uint64_t hash)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));

    if (!b || beba_ft_fetch_entry(b, shape, hash) || !b->displaced)
        return false;
    beba_ft_fetch(BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, hash)));
    return true;
}

/* Asks for the entry, once the tag line is there. True when the entry can only be in the second
 * bucket: then it asked for that one's tag line, and beba_ft_prefetch_aside, after all others of
 * the batch, asks for the entry. */
BEBA_INLINE bool beba_ft_prefetch_entry(const struct beba_ft *ft, uint64_t hash)
{
    return beba_ft_prefetch_entry_as(ft, beba_ft_shape_of(ft), hash);
}

BEBA_INLINE void beba_ft_prefetch_aside_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                           uint64_t hash)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, hash));

    if (b)
        beba_ft_fetch_entry(b, shape, hash);
}

BEBA_INLINE void beba_ft_prefetch_aside(const struct beba_ft *ft, uint64_t hash)
{
    beba_ft_prefetch_aside_as(ft, beba_ft_shape_of(ft), hash);
}

/* The rest of beba_ft_locate: for keys that are not in their first bucket. */
BEBA_INLINE struct beba_ft_entry *
beba_ft_locate_aside_as(struct beba_ft *ft, struct beba_ft_shape shape, const uint32_t *key,
                        uint64_t hash, struct beba_ft_bucket **bucket, uint32_t *slot)
{
    uint32_t second = beba_ft_second(ft, hash), beyond;
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, second);
    struct beba_ft_entry *e;

    if (!b)
        return NULL;
    e = beba_ft_search(b, shape, key, beba_ft_tag(hash), slot);
    beyond = b->beyond;
    BEBA_FT_LOOP
    for (uint32_t i = 1; !e && beyond && i <= BEBA_FT_BEYOND && i < ft->n_buckets; i++) {
        b = BEBA_FT_BUCKET(ft, shape, beba_ft_after(ft, second, i));
        if (!b)
            return NULL;
        e = beba_ft_search(b, shape, key, beba_ft_tag(hash), slot);
    }
    *bucket = b;
    return e;
}

#ifdef __bpf__
#define BEBA_FT_LOCATE_ASIDE(ft, shape, ...) beba_ft_locate_aside_as(ft, shape, __VA_ARGS__)
#else
#define BEBA_FT_LOCATE_ASIDE(ft, shape, ...) beba_ft_locate_aside(ft, __VA_ARGS__)

/* Out of the way of the hot loop, which it would take registers from. */
__attribute__((noinline, unused)) static struct beba_ft_entry *
beba_ft_locate_aside(struct beba_ft *ft, const uint32_t *key, uint64_t hash,
                     struct beba_ft_bucket **bucket, uint32_t *slot)
{
    return beba_ft_locate_aside_as(ft, beba_ft_shape_of(ft), key, hash, bucket, slot);
}
#endif

/* The entry of the key with the bucket and slot it is in, or NULL. */
BEBA_INLINE struct beba_ft_entry *beba_ft_locate(struct beba_ft *ft, struct beba_ft_shape shape,
                                                 const uint32_t *key, uint64_t hash,
                                                 struct beba_ft_bucket **bucket, uint32_t *slot)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_entry *e;

    if (!b)
        return NULL;
    *bucket = b;
    e = beba_ft_search(b, shape, key, beba_ft_tag(hash), slot);
    if (__builtin_expect(e || !b->displaced, 1))
        return e;
    return BEBA_FT_LOCATE_ASIDE(ft, shape, key, hash, bucket, slot);
}

BEBA_INLINE struct beba_ft_entry *beba_ft_peek_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                                  const uint32_t *key, uint64_t hash)
{
    struct beba_ft_bucket *b;
    uint32_t slot;

    return beba_ft_locate(ft, shape, key, hash, &b, &slot);
}

/* Like find, but counts nothing: for looking at another machine's entry. The usual keys get code of
 * their own: an address, a 5-tuple of IPv4, of IPv6. */
BEBA_INLINE struct beba_ft_entry *beba_ft_peek(struct beba_ft *ft, const uint32_t *key,
                                               uint64_t hash)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);

    if (shape.words == 4) {
        shape.words = 4; /* now a constant */
        return beba_ft_peek_as(ft, shape, key, hash);
    }
    if (shape.words == 1) {
        shape.words = 1;
        return beba_ft_peek_as(ft, shape, key, hash);
    }
    if (shape.words == 10) {
        shape.words = 10;
        return beba_ft_peek_as(ft, shape, key, hash);
    }
    return beba_ft_peek_as(ft, shape, key, hash);
}

#ifndef BEBA_FT_SHARED
BEBA_INLINE struct beba_ft_entry *beba_ft_count(struct beba_ft *ft, struct beba_ft_shape shape,
                                                struct beba_ft_entry *e)
{
    (void)ft;
    (void)shape;
    BEBA_FT_COUNT(ft, shape, lookups, 1);
    BEBA_FT_COUNT(ft, shape, hits, e != NULL);
    return e;
}

BEBA_INLINE struct beba_ft_entry *beba_ft_find_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                                  const uint32_t *key, uint64_t hash)
{
    return beba_ft_count(ft, shape, beba_ft_peek_as(ft, shape, key, hash));
}

/* The entry of the key, or NULL. Counts a lookup, and a hit. Does not touch the entry. */
BEBA_INLINE struct beba_ft_entry *beba_ft_find(struct beba_ft *ft, const uint32_t *key,
                                               uint64_t hash)
{
    return beba_ft_count(ft, beba_ft_shape_of(ft), beba_ft_peek(ft, key, hash));
}
#endif

/* Parts -------------------------------------------------------------------------------------- */

BEBA_INLINE const struct beba_timeouts *beba_ft_states(const struct beba_ft *ft)
{
    return BEBA_FT_STATES(ft);
}

BEBA_INLINE const uint8_t *beba_ft_key(const struct beba_ft *ft, const struct beba_ft_entry *e)
{
    (void)ft;
    return e->body;
}

BEBA_INLINE uint8_t *beba_ft_regs_as(struct beba_ft_shape shape, struct beba_ft_entry *e)
{
    return (uint8_t *)e + shape.regs_at;
}

BEBA_INLINE uint8_t *beba_ft_regs(const struct beba_ft *ft, struct beba_ft_entry *e)
{
    return beba_ft_regs_as(beba_ft_shape_of(ft), e);
}

BEBA_INLINE uint32_t beba_ft_entry_size(const struct beba_ft *ft)
{
    return beba_ft_shape_of(ft).stride;
}

BEBA_INLINE bool beba_ft_is_initial_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                       uint32_t state, const void *regs)
{
    const struct beba_timeouts *t = BEBA_FT_STATES(ft);

    return !state && !t->idle && !t->hard &&
           beba_ft_same(regs, BEBA_FT_REGS_INIT(ft, shape), shape.regs_size);
}

/* True when an entry in this state with these registers is the same as no entry: initial state,
 * initial registers, no timeout. */
BEBA_INLINE bool beba_ft_is_initial(const struct beba_ft *ft, uint32_t state, const void *regs)
{
    return beba_ft_is_initial_as(ft, beba_ft_shape_of(ft), state, regs);
}

#ifdef __bpf__
/* beba_timeouts_apply by steps that the verifier looks at once. */
struct beba_ft_chain {
    const struct beba_timeouts *states;
    struct beba_seen *seen;
    uint64_t now, n;
};

BEBA_FT_STEP beba_ft_chain_step(uint32_t i, struct beba_ft_chain *c)
{
    struct beba_seen *seen = c->seen;
    uint64_t state = seen->state, period;

    __asm__ volatile("" : "+r"(state));
    if (state >= c->n)
        return 1;
    period = c->states[state].period;
    if (i && period && c->now - seen->entered >= period)
        seen->entered = seen->used = c->now - (c->now - seen->entered) % period;
    if (!beba_timeouts_step(&c->states[state], seen, c->now))
        return 1;
    if (!i) {
        seen->expired = true;
        seen->deadline = seen->entered;
    }
    return 0;
}

BEBA_INLINE void beba_ft_apply_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                  struct beba_seen *seen, uint64_t now)
{
    struct beba_ft_chain c = {
        .states = BEBA_FT_STATES(ft), .seen = seen, .now = now, .n = shape.n_states};

    seen->expired = false;
    seen->deadline = 0;
    if (now >= seen->used)
        BEBA_FT_STEPS(shape.n_states + 1, beba_ft_chain_step, &c);
}

/* A function, which takes the stack only while it runs. */
__attribute__((noinline, unused)) static void
beba_ft_apply_away(const struct beba_ft *ft, uint32_t n, struct beba_seen *seen, uint64_t now)
{
    beba_ft_apply_as(ft, (struct beba_ft_shape){.n_states = n}, seen, now);
}

#ifndef BEBA_FT_APPLY
#define BEBA_FT_APPLY(ft, shape, seen, now) beba_ft_apply_away(ft, (shape).n_states, seen, now)
#endif
#else
/* What the timeouts due at now make of an entry. */
BEBA_INLINE void beba_ft_apply_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                  struct beba_seen *seen, uint64_t now)
{
    (void)shape;
    beba_timeouts_apply(BEBA_FT_STATES(ft), ft->n_states, seen, now);
}

#define BEBA_FT_APPLY(ft, shape, seen, now) beba_ft_apply_as(ft, shape, seen, now)
#endif

/* The same in what visits entries one by one. */
#ifndef BEBA_FT_APPLY_STEP
#define BEBA_FT_APPLY_STEP BEBA_FT_APPLY
#endif

/* True when timeouts (seen: what they made of an entry) ended the entry: they led to the initial
 * state, which has none itself. Whatever its registers hold, the key starts anew. */
BEBA_INLINE bool beba_ft_is_over(const struct beba_ft *ft, const struct beba_seen *seen)
{
    const struct beba_timeouts *t = BEBA_FT_STATES(ft);

    return seen->expired && !seen->state && !t->idle && !t->hard;
}

/* Change ------------------------------------------------------------------------------------- */

BEBA_INLINE void beba_ft_store_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                  struct beba_ft_entry *e, uint32_t state, uint64_t entered,
                                  uint64_t used, const void *regs)
{
    uint8_t *r = beba_ft_regs_as(shape, e);

    if (BEBA_FT_UNDO(ft)) {
        ft->undo.used = e->used;
        ft->undo.entered = e->entered;
        ft->undo.state = e->state;
        beba_ft_copy(ft->undo.regs, r, shape.regs_size);
        BEBA_FT_BARRIER();
        ft->undo.entry = BEBA_FT_UNDO_MARK + BEBA_FT_OFFSET(ft, e);
        BEBA_FT_BARRIER();
    }
    BEBA_FT_PUT(&e->used, used);
    BEBA_FT_PUT(&e->entered, entered);
    BEBA_FT_PUT(&e->state, state);
    if (regs)
        beba_ft_copy(r, regs, shape.regs_size);
    if (BEBA_FT_UNDO(ft)) {
        BEBA_FT_BARRIER();
        ft->undo.entry = 0;
        BEBA_FT_BARRIER();
    }
}

/* Writes state, times and registers (NULL: leaves them) into an entry so that a process killed at
 * any instruction leaves the old or the new contents (see the undo record in struct beba_ft). */
BEBA_INLINE void beba_ft_store(struct beba_ft *ft, struct beba_ft_entry *e, uint32_t state,
                               uint64_t entered, uint64_t used, const void *regs)
{
    beba_ft_store_as(ft, beba_ft_shape_of(ft), e, state, entered, used, regs);
}

/* Adds to the counts of keys that are not where they would be first: 1 or, to subtract, ~0. */
BEBA_INLINE void beba_ft_strayed(struct beba_ft *ft, struct beba_ft_shape shape,
                                 const struct beba_ft_bucket *b, uint64_t hash, uint32_t add)
{
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_bucket *second;

    if (!first || first == b)
        return;
    BEBA_FT_ADD(shape, &first->displaced, add);
    second = BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, hash));
    if (second && second != b)
        BEBA_FT_ADD(shape, &second->beyond, add);
}

/* Takes an entry out and leaves it in the table's count. hash is that of its key. */
BEBA_INLINE void beba_ft_detach(struct beba_ft *ft, struct beba_ft_shape shape,
                                struct beba_ft_bucket *b, uint32_t slot, uint64_t hash)
{
    BEBA_FT_PUT(&b->tag[slot & (BEBA_FT_SLOTS - 1)], 0);
    BEBA_FT_BARRIER();
    beba_ft_strayed(ft, shape, b, hash, ~0u);
}

/* Takes an entry out, without counting why. */
BEBA_INLINE void beba_ft_unlink(struct beba_ft *ft, struct beba_ft_shape shape,
                                struct beba_ft_bucket *b, uint32_t slot, uint64_t hash)
{
    beba_ft_detach(ft, shape, b, slot, hash);
    BEBA_FT_ADD(shape, &ft->count, ~0ull);
}

BEBA_INLINE uint64_t beba_ft_hash_entry(const struct beba_ft *ft, struct beba_ft_shape shape,
                                        const struct beba_ft_entry *e)
{
    return beba_ft_hash_as(ft, shape, (const uint32_t *)(const void *)e->body);
}

BEBA_INLINE void beba_ft_remove_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                   struct beba_ft_entry *e)
{
    const uint32_t *key = (const uint32_t *)(const void *)e->body;
    uint64_t hash = beba_ft_hash_as(ft, shape, key);
    struct beba_ft_bucket *b;
    uint32_t slot;

    if (!beba_ft_locate(ft, shape, key, hash, &b, &slot))
        return;
    beba_ft_unlink(ft, shape, b, slot, hash);
    BEBA_FT_COUNT(ft, shape, frees, 1);
}

/* Frees an entry; counts it. */
BEBA_INLINE void beba_ft_remove(struct beba_ft *ft, struct beba_ft_entry *e)
{
    beba_ft_remove_as(ft, beba_ft_shape_of(ft), e);
}

/* The entries of a bucket, one after the other. */
struct beba_ft_visit {
    struct beba_ft *ft;
    struct beba_ft_bucket *b;
    struct beba_ft_packed shape;
    uint64_t now, freed;
    void *arg;
};

/* Frees one that timeouts have ended. */
BEBA_FT_PART void beba_ft_end(struct beba_ft_visit *v, uint32_t slot)
{
    struct beba_ft_shape shape = beba_ft_unpack(&v->shape);
    struct beba_ft_entry *e = beba_ft_entry_at(v->b, shape, slot & (BEBA_FT_SLOTS - 1));

    beba_ft_unlink(v->ft, shape, v->b, slot, beba_ft_hash_entry(v->ft, shape, e));
    BEBA_FT_COUNT(v->ft, shape, frees, 1);
    v->freed++;
}

BEBA_FT_STEP beba_ft_reclaim_slot(uint32_t i, struct beba_ft_visit *v)
{
    struct beba_ft_shape shape = beba_ft_unpack(&v->shape);
    uint32_t slot = i & (BEBA_FT_SLOTS - 1);
    struct beba_ft_entry *e = beba_ft_entry_at(v->b, shape, slot);
    struct beba_seen seen;

    if (!v->b->tag[slot])
        return 0;
    seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
    BEBA_FT_APPLY_STEP(v->ft, shape, &seen, v->now);
    if (!beba_ft_is_over(v->ft, &seen))
        return 0;
    BEBA_FT_COUNT(v->ft, shape, expiries, 1);
    beba_ft_end(v, slot);
    return 0;
}

/* Frees the entries of a bucket that timeouts have ended. */
BEBA_INLINE void beba_ft_reclaim(struct beba_ft *ft, struct beba_ft_shape shape,
                                 struct beba_ft_bucket *b, uint64_t now)
{
    struct beba_ft_visit v = {.ft = ft, .b = b, .shape = beba_ft_pack(shape), .now = now};

    BEBA_FT_STEPS(BEBA_FT_SLOTS, beba_ft_reclaim_slot, &v);
}

/* The emptier bucket for a new key and its free slots (a mask); NULL when both are full. */
BEBA_INLINE struct beba_ft_bucket *beba_ft_emptier(struct beba_ft_bucket *first,
                                                   struct beba_ft_bucket *second, uint32_t *free)
{
    uint32_t free1, free2, n1, n2;

    free1 = beba_ft_match(first, 0);
    n1 = beba_ft_bits(free1);
    *free = free1;
    if (n1 > BEBA_FT_SLOTS - BEBA_FT_SPILL || first == second)
        return n1 ? first : NULL;
    free2 = beba_ft_match(second, 0);
    n2 = beba_ft_bits(free2);
    if (n1 >= n2)
        return n1 ? first : NULL;
    *free = free2;
    return second;
}

/* The same, NULL also when the table holds its capacity. */
BEBA_INLINE struct beba_ft_bucket *beba_ft_pick(struct beba_ft *ft, struct beba_ft_bucket *first,
                                                struct beba_ft_bucket *second, uint32_t *free)
{
    return ft->count >= ft->capacity ? NULL : beba_ft_emptier(first, second, free);
}

/* The bucket for a new key; makes room by expiry when there is none. */
BEBA_INLINE struct beba_ft_bucket *beba_ft_place(struct beba_ft *ft, struct beba_ft_shape shape,
                                                 uint64_t hash, uint64_t now, uint32_t *free)
{
    struct beba_ft_bucket *first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    uint32_t index = beba_ft_second(ft, hash);
    struct beba_ft_bucket *second = BEBA_FT_BUCKET(ft, shape, index);
    struct beba_ft_bucket *b;

    if (!first || !second)
        return NULL;
    b = beba_ft_pick(ft, first, second, free);
    if (__builtin_expect(b != NULL, 1))
        return b;
    beba_ft_reclaim(ft, shape, first, now);
    if (second != first)
        beba_ft_reclaim(ft, shape, second, now);
    b = beba_ft_pick(ft, first, second, free);
    if (b || ft->count >= ft->capacity)
        return b;
    BEBA_FT_LOOP
    for (uint32_t i = 1; i <= BEBA_FT_BEYOND && i < ft->n_buckets; i++) {
        b = BEBA_FT_BUCKET(ft, shape, beba_ft_after(ft, index, i));
        *free = b ? beba_ft_match(b, 0) : 0;
        if (*free)
            return b;
    }
    return NULL;
}

BEBA_INLINE bool beba_ft_room_as(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                                 uint64_t now)
{
    uint32_t free;

    if (beba_ft_place(ft, shape, hash, now, &free))
        return true;
    BEBA_FT_COUNT(ft, shape, refusals, ft->full == BEBA_FT_REFUSE);
    return false;
}

/* True when an insert of this key would succeed without evicting. Counts a refusal when it would
 * not and the table refuses; reclaims entries that are dead at now. */
BEBA_INLINE bool beba_ft_room(struct beba_ft *ft, uint64_t hash, uint64_t now)
{
    return beba_ft_room_as(ft, beba_ft_shape_of(ft), hash, now);
}

struct beba_ft_old {
    struct beba_ft_bucket *b;
    uint64_t stride, taken;
    uint64_t used, slot, found;
};

/* Without branches, which BPF would follow one by one. */
BEBA_FT_STEP beba_ft_older(uint32_t i, struct beba_ft_old *o)
{
    uint64_t slot = i & (BEBA_FT_SLOTS - 1);
    const struct beba_ft_entry *e =
        (const struct beba_ft_entry *)(const void *)(o->b->entries + slot * o->stride);
    uint64_t u = e->used, less = u ^ o->used;
    uint64_t equal = (less | (0 - less)) >> 63 ^ 1;
    uint64_t take = beba_ft_below(u, o->used);

    take = 0 - ((take | (equal & ~o->found)) & o->taken >> slot & 1);
    o->used ^= (o->used ^ u) & take;
    o->slot ^= (o->slot ^ slot) & take;
    o->found |= take & 1;
    return 0;
}

/* Looks for an entry of the bucket used before *used. */
BEBA_INLINE bool beba_ft_oldest(struct beba_ft_bucket *b, struct beba_ft_shape shape,
                                uint64_t *used, uint32_t *slot)
{
    struct beba_ft_old o = {.b = b,
                            .stride = shape.stride,
                            .taken = ~(uint64_t)beba_ft_match(b, 0),
                            .used = *used,
                            .slot = *slot};

    BEBA_FT_STEPS(BEBA_FT_SLOTS, beba_ft_older, &o);
    *used = o.used;
    *slot = (uint32_t)o.slot & (BEBA_FT_SLOTS - 1);
    return o.found != 0;
}

/* Takes out the least recently used entry of both buckets, or, when both are empty, of one near. */
BEBA_INLINE bool beba_ft_evict(struct beba_ft *ft, struct beba_ft_shape shape, uint64_t hash,
                               struct beba_ft_entry *evicted)
{
    uint32_t at = beba_ft_second(ft, hash), slot = 0, slot2 = 0;
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    struct beba_ft_bucket *b2 = BEBA_FT_BUCKET(ft, shape, at);
    struct beba_ft_entry *e;
    uint64_t used = ~0ull, used2;
    bool found;

    if (!b || !b2)
        return false;
    found = beba_ft_oldest(b, shape, &used, &slot);
    used2 = used;
    if (b2 != b && beba_ft_oldest(b2, shape, &used2, &slot2) && (!found || used2 < used)) {
        found = true;
        b = b2;
        slot = slot2;
    }
    BEBA_FT_LOOP
    for (uint32_t i = 0; !found && i < BEBA_FT_PROBES; i++) {
        at = beba_ft_after(ft, at, ft->n_buckets > 1);
        b = BEBA_FT_BUCKET(ft, shape, at);
        if (!b)
            return false;
        used = ~0ull;
        found = beba_ft_oldest(b, shape, &used, &slot);
    }
    if (!found)
        return false;
    e = beba_ft_entry_at(b, shape, slot);
    if (evicted)
        beba_ft_copy(evicted, e, shape.stride);
    beba_ft_unlink(ft, shape, b, slot, beba_ft_hash_entry(ft, shape, e));
    BEBA_FT_COUNT(ft, shape, evictions, 1);
    return true;
}

/* Makes the new entry in a free slot of its key's first bucket; the table's count is the caller's.
 */
BEBA_INLINE struct beba_ft_entry *beba_ft_fill_first(struct beba_ft *ft, struct beba_ft_shape shape,
                                                     struct beba_ft_bucket *b, uint32_t slot,
                                                     const uint32_t *key, uint64_t hash,
                                                     uint64_t now)
{
    struct beba_ft_entry *e = beba_ft_entry_at(b, shape, slot);

    BEBA_FT_PUT(&e->used, now);
    BEBA_FT_PUT(&e->entered, now);
    BEBA_FT_PUT(&e->state, 0);
    e->birth = (uint32_t)(now >> 24) << 1;
    if (shape.words & 1)
        __builtin_memset(e->body + shape.words * 4, 0, 4);
    beba_ft_copy_key(e->body, key, shape.words);
    beba_ft_copy(beba_ft_regs_as(shape, e), BEBA_FT_REGS_INIT(ft, shape), shape.regs_size);
    BEBA_FT_COUNT(ft, shape, creations, 1);
    BEBA_FT_BARRIER(); /* complete before it can be found */
    BEBA_FT_PUT(&b->tag[slot], beba_ft_tag(hash));
    BEBA_FT_BARRIER();
    return e;
}

/* The same in any of its buckets. */
BEBA_INLINE struct beba_ft_entry *beba_ft_fill(struct beba_ft *ft, struct beba_ft_shape shape,
                                               struct beba_ft_bucket *b, uint32_t slot,
                                               const uint32_t *key, uint64_t hash, uint64_t now)
{
    beba_ft_strayed(ft, shape, b, hash, 1);
    return beba_ft_fill_first(ft, shape, b, slot, key, hash, now);
}

BEBA_INLINE struct beba_ft_entry *beba_ft_insert_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                                    const uint32_t *key, uint64_t hash,
                                                    uint64_t now, struct beba_ft_entry *evicted,
                                                    bool *did_evict)
{
    uint32_t free = 0, slot;
    struct beba_ft_bucket *b = beba_ft_place(ft, shape, hash, now, &free);

    *did_evict = false;
    if (__builtin_expect(!b, 0)) {
        if (ft->full == BEBA_FT_EVICT && beba_ft_evict(ft, shape, hash, evicted)) {
            *did_evict = true;
            b = beba_ft_place(ft, shape, hash, now, &free);
        }
        if (!b) {
            BEBA_FT_COUNT(ft, shape, refusals, 1);
            return NULL;
        }
    }
    slot = beba_ft_vacant(free, hash);
    BEBA_FT_ADD(shape, &ft->count, 1);
    return beba_ft_fill(ft, shape, b, slot, key, hash, now);
}

/* A new entry for a key that has none: state 0, initial registers, used = entered = now, birth set
 * (forward: set bit 0 for backward); counts a creation. When the table is full, entries among the
 * candidates that are dead at now are freed first. Then, with EVICT, replaces the least recently
 * used candidate after copying it to *evicted (room for beba_ft_entry_size bytes; may be NULL) and
 * sets *did_evict; with REFUSE, NULL, counted. */
BEBA_INLINE struct beba_ft_entry *beba_ft_insert(struct beba_ft *ft, const uint32_t *key,
                                                 uint64_t hash, uint64_t now,
                                                 struct beba_ft_entry *evicted, bool *did_evict)
{
    return beba_ft_insert_as(ft, beba_ft_shape_of(ft), key, hash, now, evicted, did_evict);
}

#endif
