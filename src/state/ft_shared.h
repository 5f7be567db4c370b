/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flow table used by several CPUs at once: the same code for BPF and for threads.
 *
 * Protocol.
 * - A bucket's lock guards its tags and entries. The lock of a key's first bucket guards, besides,
 *   whether the key has an entry at all: only who holds it inserts the key, wherever it goes.
 * - A packet takes the lock of its key's first bucket (beba_held_take), runs its rule, writes back
 *   and unlocks (beba_held_release). That is all while keys are in their first buckets and these
 *   have room, and then nobody waits for a second lock.
 * - Otherwise, before the rule runs: it takes the table's lock, then the first bucket's, then that
 *   of each bucket that it looks into or changes. It keeps those of the first and of the entry's
 *   bucket, and the table's only while a new entry may need more buckets.
 * - Counts that are changed under different locks (displaced, beyond, count) change atomically.
 * - A key that is to get an entry is counted first (beba_held_room): the capacity is never
 *   exceeded, and what was counted and not used is given back.
 *
 * No deadlock. Who waits for a lock holds none, or holds the table's; of these there is one, and
 * those that it waits for wait for nothing. One place finds out late that it needs the table's lock
 * (the table filled up between take and room): it tries once and does not wait. And all waiting
 * ends after BEBA_FT_SPINS rounds with BEBA_HELD_BUSY: a packet that is told so is dropped.
 *
 * Guaranteed. Packets of one key, whichever CPU they come to, run one after the other, and each
 * sees all that the one before wrote: no update is lost. A key is never there twice. What the rules
 * were promised (an entry, room for one, or a refusal) holds until release.
 *
 * Reading without locks. A lock word is odd while taken and grows by one at each step: who reads
 * the same even number before and after has read one version of the bucket (beba_held_peek,
 * beba_held_next). It must not be a bucket that the reader has locked.
 *
 * Killed writers (threads on a table in a file; BPF runs to its end). There is no undo record:
 * each word of the entry being written is the old or the new one. beba_ft_join clears the locks.
 *
 * One region for each CPU (`consistency per_cpu`, or one thread): shape.lone = 1, constant. The
 * same code, then without locks and atomic operations; it is never busy.
 *
 * Order of use: take; then, until release, held.entry is the key's entry or NULL, and
 *   room     before a rule that could create an entry runs; only if take had `create`
 *   insert   only after room said BEBA_HELD_OK, once; then held.entry is the new entry
 *   store    beba_ft_store_as on held.entry
 *   remove   frees held.entry; the key may get room and a new entry afterwards
 * Only one key of one table is held at a time, but tables need not be released in any order.
 *
 * What may be defined before this file is included:
 *   BEBA_FT_RARE(ft, shape, op, key, hash, now, token, arg)  how to call beba_held_rare; needed in
 *       BPF: a global function for each table, which looks its map up itself
 *   BEBA_FT_APPLY(ft, shape, seen, now)  how to call beba_ft_apply_as
 *   BEBA_FT_EVICTED(ft, shape, entry, arg)                   sees an entry before it is evicted
 *   BEBA_FT_EXPIRED(ft, shape, entry, seen, freed, arg)      sees what beba_held_sweep expires
 *   BEBA_FT_TSO    in BPF: true where the CPU keeps stores in order; else unlocking is atomic
 *   BEBA_FT_SPINS  rounds of waiting */
#ifndef BEBA_STATE_FT_SHARED_H
#define BEBA_STATE_FT_SHARED_H

#ifdef BEBA_STATE_FT_FORMAT_H
#error "include state/ft_shared.h before state/ft_core.h"
#endif
#define BEBA_FT_SHARED 1
#include "state/ft_core.h"

#ifndef __bpf__
#include <sched.h>
#endif

#ifndef BEBA_FT_EVICTED
#define BEBA_FT_EVICTED(ft, shape, entry, arg) ((void)(arg))
#endif
#ifndef BEBA_FT_EXPIRED
#define BEBA_FT_EXPIRED(ft, shape, entry, seen, freed, arg) ((void)(arg))
#endif
#ifndef BEBA_FT_TSO
#define BEBA_FT_TSO 0
#endif
#ifndef BEBA_FT_SPINS
#ifdef __bpf__
#define BEBA_FT_SPINS (1 << 14)
#else
#define BEBA_FT_SPINS (1 << 20)
#endif
#endif

enum beba_held_answer {
    BEBA_HELD_OK,
    BEBA_HELD_BUSY,    /* a lock was not to be had: after take nothing is held, after others all */
    BEBA_HELD_REFUSED, /* the table is full, counted; all is still held */
};

/* What is held of a table: a number, so that it goes through a global function of BPF. Bits 32 and
 * up: index of the bucket that HOME speaks of. */
enum {
    BEBA_HELD_SLOT = 15,      /* of the entry */
    BEBA_HELD_FOUND = 1 << 4, /* there is an entry: in HOME's bucket, else in the first */
    BEBA_HELD_TABLE = 1 << 5, /* the table's lock */
    BEBA_HELD_HOME = 1 << 6, /* the lock of a bucket beside the first: the entry is or goes there */
    BEBA_HELD_COUNTED = 1 << 7,  /* the table's count has the entry to come */
    BEBA_HELD_EVICT = 1 << 8,    /* another entry has to go first */
    BEBA_HELD_NOT_HAD = 1 << 9,  /* answer busy */
    BEBA_HELD_FULL = 1 << 10,    /* answer refused */
    BEBA_HELD_CREATE = 1 << 11,  /* take: the key may get an entry */
    BEBA_HELD_RECLAIM = 1 << 12, /* room: first free what is over in both buckets, then again */
    BEBA_HELD_MORE = BEBA_HELD_TABLE | BEBA_HELD_HOME | BEBA_HELD_COUNTED,
};

struct beba_held {
    struct beba_ft_entry *entry;  /* of the key, or NULL */
    struct beba_ft_bucket *first; /* locked */
    uint64_t token;
    void *arg; /* the caller's, for its macros; not in BPF */
};

enum beba_held_op {
    BEBA_HELD_OP_TAKE,
    BEBA_HELD_OP_ROOM,
    BEBA_HELD_OP_RECLAIM,
    BEBA_HELD_OP_ROOM_AGAIN,
    BEBA_HELD_OP_EVICT,
    BEBA_HELD_OP_NEAR,
    BEBA_HELD_OP_EVICT_NEAR,
    BEBA_HELD_OP_INSERT,
    BEBA_HELD_OP_REMOVE,
    BEBA_HELD_OP_RELEASE,
    BEBA_HELD_OP_LOCATE,
};

/* Locks -------------------------------------------------------------------------------------- */

#ifdef __bpf__
BEBA_INLINE bool beba_lock_try(uint32_t *lock)
{
    uint32_t v = BEBA_FT_GET(lock);

    return !(v & 1) && __sync_val_compare_and_swap(lock, v, v + 1) == v;
}

BEBA_INLINE void beba_lock_put(uint32_t *lock)
{
    BEBA_FT_BARRIER();
    if (BEBA_FT_TSO)
        BEBA_FT_PUT(lock, BEBA_FT_GET(lock) + 1);
    else
        (void)__sync_fetch_and_add(lock, 1);
    BEBA_FT_BARRIER();
}

/* Keeps loads in order. */
BEBA_INLINE void beba_lock_fence(void)
{
    uint64_t word = 0;

    BEBA_FT_BARRIER();
    if (BEBA_FT_TSO)
        return;
    word = __sync_lock_test_and_set(&word, 1); /* full, as all that give a value back */
    __asm__ volatile("" : : "r"(word) : "memory");
}

struct beba_lock_wait {
    uint32_t *lock;
    uint64_t had;
};

__attribute__((unused)) static long beba_lock_round(uint32_t i, struct beba_lock_wait *w)
{
    (void)i;
    w->had = beba_lock_try(w->lock);
    return w->had != 0;
}

__attribute__((noinline, unused)) static bool beba_lock_wait(uint32_t *lock)
{
    static long (*const loop)(uint32_t n, void *fn, void *arg, uint64_t flags) = (void *)181;
    struct beba_lock_wait w = {.lock = lock};

    loop(BEBA_FT_SPINS, beba_lock_round, &w, 0);
    return w.had != 0;
}
#else
BEBA_INLINE bool beba_lock_try(uint32_t *lock)
{
    uint32_t v = __atomic_load_n(lock, __ATOMIC_RELAXED);

    if ((v & 1) ||
        !__atomic_compare_exchange_n(lock, &v, v + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* readers see it odd before they see a change */
    return true;
}

BEBA_INLINE void beba_lock_put(uint32_t *lock)
{
    __atomic_store_n(lock, __atomic_load_n(lock, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

BEBA_INLINE void beba_lock_fence(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

__attribute__((noinline, unused)) static bool beba_lock_wait(uint32_t *lock)
{
    for (uint32_t i = 0; i < BEBA_FT_SPINS; i++) {
        if (beba_lock_try(lock))
            return true;
        if (i >= 128)
            sched_yield();
#if defined(__x86_64__) || defined(__i386__)
        else
            __builtin_ia32_pause();
#endif
    }
    return false;
}
#endif

BEBA_INLINE bool beba_ft_lock(struct beba_ft_shape shape, uint32_t *lock)
{
    return shape.lone || __builtin_expect(beba_lock_try(lock), 1) || beba_lock_wait(lock);
}

BEBA_INLINE void beba_ft_unlock(struct beba_ft_shape shape, uint32_t *lock)
{
    if (!shape.lone)
        beba_lock_put(lock);
}

/* Count and room ----------------------------------------------------------------------------- */

/* Counts an entry to come; false when the table holds its capacity. */
BEBA_INLINE bool beba_held_reserve(struct beba_ft *ft, struct beba_ft_shape shape)
{
    uint64_t old;

    if (BEBA_FT_GET(&ft->count) >= ft->capacity)
        return false;
    if (shape.lone) {
        ft->count++;
        return true;
    }
#ifdef __bpf__
    old = __sync_fetch_and_add(&ft->count, 1);
#else
    old = __atomic_fetch_add(&ft->count, 1, __ATOMIC_RELAXED);
#endif
    if (__builtin_expect(old < ft->capacity, 1))
        return true;
    BEBA_FT_ADD(shape, &ft->count, ~0ull);
    return false;
}

BEBA_INLINE struct beba_ft_bucket *beba_held_bucket(struct beba_ft *ft, struct beba_ft_shape shape,
                                                    uint64_t hash, uint64_t token)
{
    return BEBA_FT_BUCKET(ft, shape,
                          token & BEBA_HELD_HOME ? token >> 32 : beba_ft_first(ft, hash));
}

#include "state/ft_rare.h"

#ifndef BEBA_FT_RARE
#ifdef __bpf__
#error "define BEBA_FT_RARE"
#endif
#define BEBA_FT_RARE beba_held_away

__attribute__((noinline, unused)) static uint64_t
beba_held_away(struct beba_ft *ft, struct beba_ft_shape shape, enum beba_held_op op,
               const uint32_t *key, uint64_t hash, uint64_t now, uint64_t token, void *arg)
{
    return beba_held_rare(ft, shape, op, key, hash, now, token, arg);
}
#endif

/* Packets ------------------------------------------------------------------------------------ */

/* Goes on with what a rare operation made. */
BEBA_INLINE enum beba_held_answer beba_held_resume(struct beba_ft *ft, struct beba_ft_shape shape,
                                                   uint64_t token, struct beba_held *held)
{
    struct beba_ft_bucket *b = held->first;

    if (token & BEBA_HELD_HOME)
        b = BEBA_FT_BUCKET(ft, shape, token >> 32);
    held->entry = NULL;
    if ((token & BEBA_HELD_FOUND) && b)
        held->entry = beba_ft_entry_at(b, shape, (uint32_t)token & BEBA_HELD_SLOT);
    held->token = token & ~(uint64_t)(BEBA_HELD_NOT_HAD | BEBA_HELD_FULL);
    if (token & BEBA_HELD_NOT_HAD)
        return BEBA_HELD_BUSY;
    return token & BEBA_HELD_FULL ? BEBA_HELD_REFUSED : BEBA_HELD_OK;
}

/* BPF has no prefetch: a load of which nobody waits for the value is one. */
BEBA_INLINE void beba_held_fetch(const struct beba_ft_entry *e, struct beba_ft_shape shape)
{
#ifdef __bpf__
    uint64_t head = 0, tail = 0;

    __asm__ volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(head) : "r"(e));
    if (shape.stride & 63) /* it may lie in two lines */
        __asm__ volatile("%0 = *(u64 *)(%1 + %2)"
                         : "=r"(tail)
                         : "r"(e), "i"(sizeof(struct beba_ft_entry)));
#else
    beba_ft_fetch(e);
    beba_ft_fetch((const uint8_t *)e + shape.stride - 1);
#endif
}

/* Locks the key and finds its entry. create: it may get one if it has none. Not counted. */
BEBA_INLINE enum beba_held_answer beba_held_take(struct beba_ft *ft, struct beba_ft_shape shape,
                                                 const uint32_t *key, uint64_t hash, bool create,
                                                 struct beba_held *held)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    uint32_t slot = beba_ft_home(hash), free;

    held->token = 0;
    held->entry = NULL;
    held->first = b;
    if (!b)
        return BEBA_HELD_BUSY;
    beba_held_fetch(beba_ft_entry_at(b, shape, slot), shape);
    if (!beba_ft_lock(shape, &b->lock))
        return BEBA_HELD_BUSY;
    if (__builtin_expect(b->tag[slot] == beba_ft_tag(hash), 1)) {
        held->entry = beba_ft_entry_at(b, shape, slot);
        held->token = BEBA_HELD_FOUND | slot;
        if (__builtin_expect(beba_ft_same_key(held->entry->body, key, shape.words), 1))
            return BEBA_HELD_OK;
        held->token = 0;
    }
    held->entry = beba_ft_search(b, shape, key, beba_ft_tag(hash), &slot);
    if (__builtin_expect(held->entry != NULL, 1)) {
        held->token = BEBA_HELD_FOUND | slot;
        return BEBA_HELD_OK;
    }
    if (!BEBA_FT_GET(&b->displaced)) {
        if (!create)
            return BEBA_HELD_OK;
        free = beba_ft_match(b, 0); /* two free slots: fewer than BEBA_FT_SPILL entries */
        if ((free & (free - 1)) && BEBA_FT_GET(&ft->count) < ft->capacity)
            return BEBA_HELD_OK;
    }
    beba_ft_unlock(shape, &b->lock);
    return beba_held_resume(ft, shape,
                            BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_TAKE, key, hash, 0,
                                         create ? (uint64_t)BEBA_HELD_CREATE : 0, held->arg),
                            held);
}

/* Makes sure that an insert will succeed, evicting where the table does that. Frees what is over at
 * now where there would be no room otherwise. The key has no entry. */
BEBA_INLINE enum beba_held_answer beba_held_room(struct beba_ft *ft, struct beba_ft_shape shape,
                                                 const uint32_t *key, uint64_t hash, uint64_t now,
                                                 struct beba_held *held)
{
    uint64_t token = held->token, at;
    uint32_t free = beba_ft_match(held->first, 0);

    /* where an entry was freed, the place that it leaves need not be its key's best */
    if (!(token & (BEBA_HELD_TABLE | BEBA_HELD_HOME)) && (free & (free - 1)) &&
        beba_held_reserve(ft, shape)) {
        held->token |= BEBA_HELD_COUNTED;
        return BEBA_HELD_OK;
    }
    token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_ROOM, key, hash, now, token, held->arg);
    /* but it will do where no better one can be looked for */
    if ((token & (BEBA_HELD_NOT_HAD | BEBA_HELD_TABLE)) == BEBA_HELD_NOT_HAD &&
        ((token & BEBA_HELD_HOME) || free) && beba_held_reserve(ft, shape)) {
        held->token |= BEBA_HELD_COUNTED;
        return BEBA_HELD_OK;
    }
    if (token & BEBA_HELD_RECLAIM) {
        at = (uint64_t)beba_ft_first(ft, hash) << 32;
        BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_RECLAIM, key, hash, now, at, held->arg);
        if (token & BEBA_HELD_HOME)
            BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_RECLAIM, key, hash, now, token, held->arg);
        token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_ROOM_AGAIN, key, hash, now, token, held->arg);
    }
    return beba_held_resume(ft, shape, token, held);
}

/* The new entry of a key for which there is room: see beba_ft_insert. Not BEBA_HELD_OK only when an
 * eviction failed: another CPU's lock was not to be had, or nothing near was there to evict. */
BEBA_INLINE enum beba_held_answer beba_held_insert(struct beba_ft *ft, struct beba_ft_shape shape,
                                                   const uint32_t *key, uint64_t hash, uint64_t now,
                                                   struct beba_held *held)
{
    uint64_t token = held->token;
    uint32_t slot;

    if (token & (BEBA_HELD_HOME | BEBA_HELD_EVICT)) {
        if (token & BEBA_HELD_EVICT)
            token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_EVICT, key, hash, now, token, held->arg);
        if (token == (BEBA_HELD_EVICT | BEBA_HELD_TABLE)) {
            token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_NEAR, key, hash, now, token, held->arg);
            token =
                BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_EVICT_NEAR, key, hash, now, token, held->arg);
        }
        if (token & BEBA_HELD_COUNTED)
            token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_INSERT, key, hash, now, token, held->arg);
        return beba_held_resume(ft, shape, token, held);
    }
    slot = beba_ft_vacant(beba_ft_match(held->first, 0), hash);
    held->entry = beba_ft_fill_first(ft, shape, held->first, slot, key, hash, now);
    held->token = BEBA_HELD_FOUND | slot;
    return BEBA_HELD_OK;
}

/* Frees the entry; counts it. */
BEBA_INLINE void beba_held_remove(struct beba_ft *ft, struct beba_ft_shape shape,
                                  const uint32_t *key, uint64_t hash, struct beba_held *held)
{
    uint32_t slot = (uint32_t)held->token & BEBA_HELD_SLOT;

    held->entry = NULL;
    BEBA_FT_COUNT(ft, shape, frees, 1);
    if (held->token & BEBA_HELD_HOME) {
        held->token =
            BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_REMOVE, key, hash, 0, held->token, held->arg);
        return;
    }
    BEBA_FT_PUT(&held->first->tag[slot], 0);
    BEBA_FT_ADD(shape, &ft->count, ~0ull);
    held->token &= ~(uint64_t)(BEBA_HELD_FOUND | BEBA_HELD_SLOT);
}

BEBA_INLINE void beba_held_release(struct beba_ft *ft, struct beba_ft_shape shape,
                                   const uint32_t *key, uint64_t hash, struct beba_held *held)
{
    (void)ft, (void)key, (void)hash;
    if (__builtin_expect((held->token & BEBA_HELD_MORE) != 0, 0))
        BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_RELEASE, key, hash, 0, held->token, held->arg);
    beba_ft_unlock(shape, &held->first->lock);
}

/* Without locks ------------------------------------------------------------------------------ */

enum { BEBA_HELD_TRIES = 8 };

/* Reads state and times of the entry of a key, in no packet's way: 1 = read, 0 = there is none, -1
 * = busy. *seen is as stored: timeouts are the caller's. */
BEBA_INLINE int beba_held_peek(struct beba_ft *ft, struct beba_ft_shape shape, const uint32_t *key,
                               uint64_t hash, struct beba_seen *seen)
{
    BEBA_FT_LOOP
    for (uint32_t i = 0; i < BEBA_HELD_TRIES; i++) {
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
        struct beba_ft_entry *e;
        uint32_t slot = 0, version;
        uint64_t token;

        if (!b)
            return 0;
        version = BEBA_FT_GET(&b->lock);
        beba_lock_fence();
        e = beba_ft_search(b, shape, key, beba_ft_tag(hash), &slot);
        if (!e && !BEBA_FT_GET(&b->displaced))
            return 0;
        if (!e) {
            token = BEBA_FT_RARE(ft, shape, BEBA_HELD_OP_LOCATE, key, hash, 0, 0, NULL);
            if (!(token & BEBA_HELD_FOUND))
                return 0;
            b = BEBA_FT_BUCKET(ft, shape, token >> 32);
            if (!b)
                return 0;
            version = BEBA_FT_GET(&b->lock);
            beba_lock_fence();
            slot = (uint32_t)token & BEBA_HELD_SLOT;
            e = beba_ft_entry_at(b, shape, slot);
            if (BEBA_FT_GET(&b->tag[slot]) != beba_ft_tag(hash) ||
                !beba_ft_same_key(e->body, key, shape.words))
                continue;
        }
        seen->state = BEBA_FT_GET(&e->state);
        seen->entered = BEBA_FT_GET(&e->entered);
        seen->used = BEBA_FT_GET(&e->used);
        beba_lock_fence();
        if (!(version & 1 & !shape.lone) && BEBA_FT_GET(&b->lock) == version)
            return 1;
    }
    return -1;
}

/* Background ---------------------------------------------------------------------------------- */

BEBA_FT_STEP beba_held_sweep_slot(uint32_t i, struct beba_ft_visit *v)
{
    struct beba_ft_shape shape = beba_ft_unpack(&v->shape);
    uint32_t slot = i & (BEBA_FT_SLOTS - 1);
    struct beba_ft_entry *e = beba_ft_entry_at(v->b, shape, slot);
    struct beba_seen seen;
    bool over;

    if (!v->b->tag[slot])
        return 0;
    seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
    BEBA_FT_APPLY_STEP(v->ft, shape, &seen, v->now);
    if (!seen.expired)
        return 0;
    over = beba_ft_is_over(v->ft, &seen);
    BEBA_FT_COUNT(v->ft, shape, expiries, 1);
    BEBA_FT_EXPIRED(v->ft, shape, e, &seen, over, v->arg);
    if (over) {
        beba_ft_end(v, slot);
    } else {
        beba_ft_store_as(v->ft, shape, e, seen.state, seen.entered, seen.used, NULL);
    }
    return 0;
}

/* Expires the entries of one bucket as beba_ft_sweep does, reporting each by BEBA_FT_EXPIRED before
 * it changes: entries freed, or -1 = busy, nothing done. */
BEBA_INLINE int beba_held_sweep(struct beba_ft *ft, struct beba_ft_shape shape, uint32_t index,
                                uint64_t now, void *arg)
{
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, index);
    struct beba_ft_visit v = {
        .ft = ft, .b = b, .shape = beba_ft_pack(shape), .now = now, .arg = arg};

    if (!b || index >= ft->n_buckets)
        return 0;
    if (!beba_ft_lock(shape, &b->lock))
        return -1;
    BEBA_FT_STEPS(BEBA_FT_SLOTS, beba_held_sweep_slot, &v);
    beba_ft_unlock(shape, &b->lock);
    return (int)v.freed;
}

#ifndef __bpf__
/* Walks the entries while the table is used, also by BPF: copies each (room for
 * beba_ft_entry_size bytes, aligned to 8) as it was at one instant. *cursor as for beba_ft_next.
 * False at the end. A bucket that never keeps still is copied as it is found. */
BEBA_INLINE bool beba_held_next(const struct beba_ft *ft, uint64_t *cursor,
                                struct beba_ft_entry *out)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    uint64_t end = (uint64_t)ft->n_buckets * BEBA_FT_SLOTS, *words = (uint64_t *)(void *)out;

    for (; *cursor < end; ++*cursor) {
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, *cursor / BEBA_FT_SLOTS);
        uint32_t slot = *cursor % BEBA_FT_SLOTS;
        const uint64_t *from = (const uint64_t *)(const void *)beba_ft_entry_at(b, shape, slot);
        uint16_t tag = 0;

        for (uint32_t i = 0; i < BEBA_FT_SPINS; i++) {
            uint32_t version = __atomic_load_n(&b->lock, __ATOMIC_ACQUIRE);

            tag = BEBA_FT_GET(&b->tag[slot]);
            for (uint32_t w = 0; tag && w < shape.stride / 8; w++)
                words[w] = BEBA_FT_GET(&from[w]);
            beba_lock_fence();
            if (!(version & 1) && BEBA_FT_GET(&b->lock) == version)
                break;
            if (i >= 128)
                sched_yield(); /* whoever has it is not running */
        }
        if (tag) {
            ++*cursor;
            return true;
        }
    }
    return false;
}
#endif

#endif
