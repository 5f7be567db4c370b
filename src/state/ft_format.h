/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The region of a flow table: layout, hash, tags. Under ft_core.h, with which it compiles for BPF.
 *
 *   region   struct beba_ft | states | initial registers | schema | bucket 0 | bucket 1 | ...
 *   bucket   64-byte line: lock, displaced, beyond, 16 tags | 16 entries of stride bytes
 *   entry    struct beba_ft_entry | key, padded to 8 | registers, padded to 8
 *
 * Hash. With secret 64-bit words a0..aN and 32-bit key words x, pair-multiply-shift
 *   h = aN + sum (a[2i] + x[2i+1]) * (a[2i+1] + x[2i])  mod 2^64
 * is strongly universal in its top 32 bits (Thorup 2015): for keys chosen without
 * knowledge of the secret, any two of them get independent, uniform values. The top half then goes
 * through a bijection of 32 bits, which keeps that and breaks the lattices that arithmetic
 * progressions (consecutive addresses) form under multiplication, and chooses the first bucket.
 * - Proven, given uniform secret words: n keys put at most 1 + n (1 / n_buckets + 2^-32) into the
 *   first bucket of any one of them in expectation, whatever the keys.
 * - Not proven: that tag and second bucket, mixed by a keyed finaliser from the bottom half, are
 *   independent of the first bucket; that more than two keys are; and ChaCha20, which makes the
 * words from 32 random bytes. ft_hash_test.c measures the first two.
 *
 * In BPF the region is one value of an array map. The verifier must know how far a bucket may be:
 * the shape, constant there, has the offset of the last bucket as limit, and a bucket can be null.
 *
 * What may be defined before this file is included:
 *   BEBA_FT_COUNT(ft, shape, name, n)  adds n to a counter of struct beba_ft_counters kept
 * elsewhere than in the region; BPF has per-CPU counters at shape.table and what ft_shared.h says.
 */
#ifndef BEBA_STATE_FT_FORMAT_H
#define BEBA_STATE_FT_FORMAT_H

#include "state/ft.h"

#if defined(__SSE2__) && !defined(BEBA_FT_SWAR)
#include <emmintrin.h>
#endif

enum {
    BEBA_FT_VERSION = 1,
    BEBA_FT_SLOTS = 16,           /* entries of a bucket */
    BEBA_FT_SPILL = 15,           /* entries from which a bucket shares with the second choice */
    BEBA_FT_BEYOND = 8,           /* buckets after the second choice that may hold a key */
    BEBA_FT_PROBES = 64,          /* buckets looked at for something to evict beyond the two */
    BEBA_FT_STATES_MAX = 1 << 16, /* states of a table */
    BEBA_FT_SCHEMA_MAX = 1 << 20, /* bytes */
    BEBA_FT_WORDS = BEBA_FT_KEY_MAX / 4 + 1,
};
#define BEBA_FT_UNDO_MARK 0xbeba000000000000ull
#define BEBA_FT_MAGIC     0x7466616265620a1aull /* "\032\nbebaft" */

struct beba_ft_bucket {
    uint32_t lock;      /* for targets with several writers */
    uint32_t displaced; /* keys whose first bucket this is and that are elsewhere */
    uint32_t beyond;    /* keys whose second bucket this is and that are in neither */
    uint32_t spare[5];
    uint16_t tag[BEBA_FT_SLOTS]; /* 0 = free */
    uint8_t entries[];
};

/* What a killed writer was overwriting. */
struct beba_ft_undo {
    uint64_t entry; /* offset in the region + BEBA_FT_UNDO_MARK; 0 = nothing to undo */
    uint64_t used, entered;
    uint32_t state, spare;
    uint8_t regs[BEBA_FT_REGS_MAX];
};

/* Sizes that a compiler may know. */
struct beba_ft_shape {
    uint32_t words;       /* of a key, 32 bits each */
    uint32_t regs_at;     /* offset of the registers in an entry */
    uint32_t regs_size;   /* bytes */
    uint32_t stride;      /* bytes of an entry */
    uint32_t bucket_size; /* bytes */
    uint32_t lone;        /* ft_shared.h: only one CPU uses the region, no locks; 0 in a region */
#ifdef __bpf__
    uint32_t limit;    /* offset of the last bucket in the region */
    uint32_t n_states; /* of the table */
    uint32_t table;    /* for the macros of the includer */
#endif
};

BEBA_INLINE uint32_t beba_ft_pad8(uint32_t n)
{
    return (n + 7) & ~7u;
}

/* The head of the region. All that is before count is constant once made, and check covers it. */
struct beba_ft {
    uint64_t magic;
    uint32_t version;
    uint32_t full; /* enum beba_ft_full */
    uint64_t size; /* bytes of the region */
    uint64_t capacity;
    uint32_t key_size, regs_size;
    uint32_t n_buckets, n_states;
#ifdef __bpf__
    uint32_t shape[6]; /* known there when compiling */
#else
    struct beba_ft_shape shape;
#endif
    uint64_t states, regs_init, schema, buckets; /* offsets in the region */
    uint64_t schema_size;                        /* with its NUL */
    uint64_t word[BEBA_FT_WORDS];                /* the secret of the hash */
    uint64_t mix[2];                             /* odd */
    uint32_t turn[2];                            /* odd */
    uint64_t check; /* of all above and of what lies before the buckets */

    uint64_t count __attribute__((aligned(64)));
    struct beba_ft_counters counters;
    uint64_t sweep;    /* next bucket to sweep */
    uint32_t undo_off; /* no undo record is kept: the memory dies with the process */
    uint32_t lock;     /* ft_shared.h: of those who need more than one bucket */
    struct beba_ft_undo undo __attribute__((aligned(64)));
} __attribute__((aligned(64)));

BEBA_INLINE struct beba_ft_shape beba_ft_shape(uint32_t key_size, uint32_t regs_size)
{
    struct beba_ft_shape shape = {.words = (key_size + 3) / 4, .regs_size = regs_size};

    shape.regs_at = (uint32_t)sizeof(struct beba_ft_entry) + beba_ft_pad8(key_size);
    shape.stride = shape.regs_at + beba_ft_pad8(regs_size);
    shape.bucket_size = (uint32_t)sizeof(struct beba_ft_bucket) + BEBA_FT_SLOTS * shape.stride;
    return shape;
}

#ifdef __bpf__
/* BPF has all sizes as constants; this is for what is not used there. */
BEBA_INLINE struct beba_ft_shape beba_ft_shape_of(const struct beba_ft *ft)
{
    return (struct beba_ft_shape){.words = ft->shape[0],
                                  .regs_at = ft->shape[1],
                                  .regs_size = ft->shape[2],
                                  .stride = ft->shape[3],
                                  .bucket_size = ft->shape[4]};
}

/* Constants all: n_states of the table, limit = bytes of the region - shape.bucket_size. */
BEBA_INLINE struct beba_ft_shape beba_ft_shape_in(uint32_t key_size, uint32_t regs_size,
                                                  uint32_t n_states, uint64_t size)
{
    struct beba_ft_shape shape = beba_ft_shape(key_size, regs_size);

    shape.limit = (uint32_t)(size - shape.bucket_size);
    shape.n_states = n_states;
    return shape;
}

/* The verifier compares what is added with the limit, so both must be one register. */
BEBA_INLINE struct beba_ft_bucket *beba_ft_bucket(const struct beba_ft *ft,
                                                  struct beba_ft_shape shape, uint64_t index)
{
    uint64_t at = (ft->buckets + index * shape.bucket_size) & ~63ull;
    uint8_t *b = (uint8_t *)(unsigned long)ft;

    __asm__ volatile("" : "+r"(at));
    if (at > shape.limit)
        return NULL;
    b += at;
    __asm__ volatile("" : "+r"(b));
    return (struct beba_ft_bucket *)b;
}

/* A shape on the stack, where the verifier follows constants in whole words. */
struct beba_ft_packed {
    uint64_t entry, table;
};

BEBA_INLINE struct beba_ft_packed beba_ft_pack(struct beba_ft_shape shape)
{
    return (struct beba_ft_packed){
        .entry = (uint64_t)shape.words | (uint64_t)shape.regs_at << 8 |
                 (uint64_t)shape.regs_size << 24 | (uint64_t)shape.lone << 40 |
                 (uint64_t)shape.table << 48,
        .table = (uint64_t)shape.limit | (uint64_t)shape.n_states << 32,
    };
}

BEBA_INLINE struct beba_ft_shape beba_ft_unpack(const struct beba_ft_packed *packed)
{
    uint64_t entry = packed->entry, table = packed->table;
    struct beba_ft_shape shape = {.words = entry & 0xff,
                                  .regs_at = entry >> 8 & 0xffff,
                                  .regs_size = entry >> 24 & 0xffff,
                                  .lone = entry >> 40 & 1,
                                  .table = (uint32_t)(entry >> 48),
                                  .limit = (uint32_t)table,
                                  .n_states = (uint32_t)(table >> 32)};

    shape.stride = shape.regs_at + beba_ft_pad8(shape.regs_size);
    shape.bucket_size = (uint32_t)sizeof(struct beba_ft_bucket) + BEBA_FT_SLOTS * shape.stride;
    return shape;
}

#define BEBA_FT_STATES(ft)           ((const struct beba_timeouts *)((ft) + 1))
#define BEBA_FT_REGS_INIT(ft, shape) ((const uint8_t *)(BEBA_FT_STATES(ft) + (shape).n_states))
#define BEBA_FT_UNDO(ft)             false /* a BPF program runs to its end */
#define BEBA_FT_OFFSET(ft, entry)    0
#else
BEBA_INLINE struct beba_ft_shape beba_ft_shape_of(const struct beba_ft *ft)
{
    return ft->shape;
}

BEBA_INLINE struct beba_ft_bucket *beba_ft_bucket(const struct beba_ft *ft,
                                                  struct beba_ft_shape shape, uint64_t index)
{
    uintptr_t at = (uintptr_t)ft + ft->buckets + index * shape.bucket_size;

    if (!at)
        __builtin_unreachable(); /* no tests for null where there is none */
    return (struct beba_ft_bucket *)at;
}

struct beba_ft_packed {
    struct beba_ft_shape shape;
};

BEBA_INLINE struct beba_ft_packed beba_ft_pack(struct beba_ft_shape shape)
{
    return (struct beba_ft_packed){shape};
}

BEBA_INLINE struct beba_ft_shape beba_ft_unpack(const struct beba_ft_packed *packed)
{
    return packed->shape;
}

#define BEBA_FT_STATES(ft)           ((const struct beba_timeouts *)((uintptr_t)(ft) + (ft)->states))
#define BEBA_FT_REGS_INIT(ft, shape) ((const uint8_t *)((uintptr_t)(ft) + (ft)->regs_init))
#ifdef BEBA_FT_SHARED
#define BEBA_FT_UNDO(ft) false /* one record would not do for several writers */
#else
#define BEBA_FT_UNDO(ft) __builtin_expect(!(ft)->undo_off, 0)
#endif
#define BEBA_FT_OFFSET(ft, entry) ((uint64_t)((uintptr_t)(entry) - (uintptr_t)(ft)))
#endif
#define BEBA_FT_BUCKET(ft, shape, index) beba_ft_bucket(ft, shape, index)

/* What several CPUs change at once; ft_shared.h defines BEBA_FT_SHARED. */
#ifndef BEBA_FT_SHARED
#define BEBA_FT_ADD(shape, p, n) (*(p) += (n))
#define BEBA_FT_GET(p)           (*(p))
#define BEBA_FT_PUT(p, v)        (*(p) = (v))
#elif defined(__bpf__)
#define BEBA_FT_ADD(shape, p, n) \
    ((shape).lone ? (void)(*(p) += (n)) : (void)__sync_fetch_and_add(p, n))
#define BEBA_FT_GET(p)    (*(const volatile __typeof__(*(p)) *)(p))
#define BEBA_FT_PUT(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#else
#define BEBA_FT_ADD(shape, p, n) \
    ((shape).lone ? (void)(*(p) += (n)) : (void)__atomic_fetch_add(p, n, __ATOMIC_RELAXED))
#define BEBA_FT_GET(p)    __atomic_load_n(p, __ATOMIC_RELAXED)
#define BEBA_FT_PUT(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#endif
#ifndef BEBA_FT_COUNT
#define BEBA_FT_COUNT(ft, shape, name, n) BEBA_FT_ADD(shape, &(ft)->counters.name, n)
#endif
/* A loop to leave as one: unrolled into each other they would be too much for BPF. */
#ifdef __clang__
#define BEBA_FT_LOOP _Pragma("clang loop unroll(disable)")
#else
#define BEBA_FT_LOOP
#endif
/* step(i, c) for i = 0.. below n, until it says that it was enough. In BPF the verifier looks at a
 * step once, not n times: for what is done seldom. A part is a function for the stack's sake. */
#ifdef __bpf__
#define BEBA_FT_PART __attribute__((noinline, unused)) static
#define BEBA_FT_STEP __attribute__((unused)) static long
#define BEBA_FT_STEPS(n, step, c)                                             \
    ((long (*)(uint32_t n_, long (*step_)(uint32_t, __typeof__(c)), void *c_, \
               uint64_t flags))181)((uint32_t)(n), step, c, 0)
#else
#define BEBA_FT_PART BEBA_INLINE
#define BEBA_FT_STEP BEBA_INLINE long
#define BEBA_FT_STEPS(n, step, c)             \
    do {                                      \
        for (uint32_t i_ = 0; i_ < (n); i_++) \
            if (step(i_, c))                  \
                break;                        \
    } while (0)
#endif
/* Keeps the order of stores: what a killed process leaves is a prefix of its stores. */
#define BEBA_FT_BARRIER() __asm__ volatile("" ::: "memory")

/* Words and bytes ---------------------------------------------------------------------------- */

/* clang splits a load of 8 bytes for BPF into loads of the alignment that it knows: there it is
 * told that entries, registers and tags are aligned to 8 and keys to 4. */
#ifdef __bpf__
typedef uint64_t __attribute__((may_alias)) beba_ft_word8;
typedef uint64_t __attribute__((may_alias, aligned(4))) beba_ft_word4;
#else
typedef uint64_t __attribute__((may_alias, aligned(1))) beba_ft_word8;
typedef beba_ft_word8 beba_ft_word4;
#endif

BEBA_INLINE uint64_t beba_ft_load8(const void *p)
{
    return *(const beba_ft_word8 *)p;
}

BEBA_INLINE void beba_ft_copy(void *dst, const void *src, uint32_t n)
{
    uint8_t *d = (uint8_t *)dst;
    const uint8_t *s = (const uint8_t *)src;
    uint32_t i = 0;

    if (n == 8) { /* one register, the common case */
        *(beba_ft_word8 *)dst = *(const beba_ft_word8 *)src;
        return;
    }
    for (; i + 8 <= n; i += 8)
        *(beba_ft_word8 *)(void *)(d + i) = *(const beba_ft_word8 *)(const void *)(s + i);
    for (; i < n; i++)
        d[i] = s[i];
}

/* Into the body of an entry. */
BEBA_INLINE void beba_ft_copy_key(uint8_t *body, const uint32_t *key, uint32_t words)
{
    uint32_t i = 0;

    for (; i + 2 <= words; i += 2)
        *(beba_ft_word8 *)(void *)(body + i * 4) = *(const beba_ft_word4 *)(const void *)(key + i);
    if (i < words)
        __builtin_memcpy(body + i * 4, key + i, 4);
}

BEBA_INLINE bool beba_ft_same(const void *a, const void *b, uint32_t n)
{
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    uint64_t diff = 0;
    uint32_t i = 0;

    for (; i + 8 <= n; i += 8)
        diff |= beba_ft_load8(x + i) ^ beba_ft_load8(y + i);
    for (; i < n; i++)
        diff |= (uint64_t)(x[i] ^ y[i]);
    return !diff;
}

/* Keys, both padded to 4 with zeros; body is that of an entry. */
BEBA_INLINE bool beba_ft_same_key(const uint8_t *body, const uint32_t *key, uint32_t words)
{
    uint64_t diff = 0;
    uint32_t i = 0, last;

    for (; i + 2 <= words; i += 2)
        diff |= beba_ft_load8(body + i * 4) ^ *(const beba_ft_word4 *)(const void *)(key + i);
    if (i < words) {
        __builtin_memcpy(&last, body + i * 4, 4);
        diff |= last ^ key[i];
    }
    return !diff;
}

/* 1 when a < b, without a branch: BPF would be followed both ways. */
BEBA_INLINE uint64_t beba_ft_below(uint64_t a, uint64_t b)
{
    return ((~a & b) | ((~a | b) & (a - b))) >> 63;
}

/* Hash --------------------------------------------------------------------------------------- */

BEBA_INLINE uint64_t beba_ft_sum(const uint64_t *a, const uint32_t *key, uint32_t words)
{
    uint64_t h = a[BEBA_FT_WORDS - 1];
    uint32_t i = 0;

    for (; i + 2 <= words; i += 2)
        h += (a[i] + key[i + 1]) * (a[i + 1] + key[i]);
    if (i < words)
        h += a[i] * (a[i + 1] + key[i]);
    return h;
}

/* Top half: chooses the first bucket. Bottom half: tag, and with the rest the second bucket. */
BEBA_INLINE uint64_t beba_ft_finish(const struct beba_ft *ft, uint64_t h)
{
    uint32_t top = (uint32_t)(h >> 32), bottom = (uint32_t)h;

    top ^= top >> 16;
    top *= ft->turn[0];
    top ^= top >> 15;
    top *= ft->turn[1];
    top ^= top >> 16;
    h = (uint64_t)top << 32 | ((bottom ^ top) * ft->mix[0]) >> 32;
    return h | !(uint16_t)h; /* tag 0 means free */
}

BEBA_INLINE uint64_t beba_ft_hash_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                     const uint32_t *key)
{
    return beba_ft_finish(ft, beba_ft_sum(ft->word, key, shape.words));
}

/* Hash of a key padded to 4. */
BEBA_INLINE uint64_t beba_ft_hash(const struct beba_ft *ft, const uint32_t *key)
{
    uint32_t words = beba_ft_shape_of(ft).words;

    if (words == 4)
        return beba_ft_finish(ft, beba_ft_sum(ft->word, key, 4));
    if (words == 1)
        return beba_ft_finish(ft, beba_ft_sum(ft->word, key, 1));
    if (words == 10)
        return beba_ft_finish(ft, beba_ft_sum(ft->word, key, 10));
    return beba_ft_finish(ft, beba_ft_sum(ft->word, key, words));
}

BEBA_INLINE uint32_t beba_ft_first(const struct beba_ft *ft, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * ft->n_buckets) >> 32);
}

/* Never the first one while there are two buckets. */
BEBA_INLINE uint32_t beba_ft_second(const struct beba_ft *ft, uint64_t hash)
{
    uint64_t r = (hash * ft->mix[1]) >> 32;
    uint64_t i = beba_ft_first(ft, hash) + 1 + ((r * (ft->n_buckets - 1)) >> 32);

    return (uint32_t)(i >= ft->n_buckets ? i - ft->n_buckets : i);
}

/* The i-th bucket after this one; i < n_buckets. */
BEBA_INLINE uint32_t beba_ft_after(const struct beba_ft *ft, uint32_t index, uint32_t i)
{
    uint64_t at = (uint64_t)index + i;

    return (uint32_t)(at >= ft->n_buckets ? at - ft->n_buckets : at);
}

BEBA_INLINE uint16_t beba_ft_tag(uint64_t hash)
{
    return (uint16_t)hash;
}

/* Buckets ------------------------------------------------------------------------------------ */

/* Bit i: lane i of four 16-bit lanes is zero. */
BEBA_INLINE uint32_t beba_ft_zero_lanes(uint64_t v)
{
    uint64_t low = 0x7fff7fff7fff7fffull;
    uint64_t zero = ~(((v & low) + low) | v | low) >> 15;

    return (uint32_t)((zero * ((1ull << 48) + (1ull << 33) + (1ull << 18) + (1ull << 3))) >> 48) &
           15;
}

/* The tests compare this with the vector form. */
BEBA_INLINE uint32_t beba_ft_match_swar(const struct beba_ft_bucket *b, uint16_t tag)
{
    uint64_t want = tag * 0x0001000100010001ull;

    return beba_ft_zero_lanes(beba_ft_load8(b->tag) ^ want) |
           beba_ft_zero_lanes(beba_ft_load8(b->tag + 4) ^ want) << 4 |
           beba_ft_zero_lanes(beba_ft_load8(b->tag + 8) ^ want) << 8 |
           beba_ft_zero_lanes(beba_ft_load8(b->tag + 12) ^ want) << 12;
}

/* Bit i: slot i has this tag; tag 0 finds the free slots. */
BEBA_INLINE uint32_t beba_ft_match(const struct beba_ft_bucket *b, uint16_t tag)
{
#if defined(__SSE2__) && !defined(BEBA_FT_SWAR)
    __m128i want = _mm_set1_epi16((short)tag);
    __m128i low = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)b->tag), want);
    __m128i high = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)(b->tag + 8)), want);

    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
#else
    return beba_ft_match_swar(b, tag);
#endif
}

/* Bits set among the low 16. */
BEBA_INLINE uint32_t beba_ft_bits(uint32_t mask)
{
    mask -= mask >> 1 & 0x5555;
    mask = (mask & 0x3333) + (mask >> 2 & 0x3333);
    mask = (mask + (mask >> 4)) & 0x0f0f;
    return (mask + (mask >> 8)) & 31;
}

/* Position of the lowest bit set; mask is not 0 and has 16 bits. */
BEBA_INLINE uint32_t beba_ft_lowest(uint32_t mask)
{
#ifdef __bpf__
    /* clang 14 does not end on the built-in; the verifier sees that it is a slot */
    return beba_ft_bits((mask & (0 - mask)) - 1) & (BEBA_FT_SLOTS - 1);
#else
    return (uint32_t)__builtin_ctz(mask);
#endif
}

/* The slot that a key gets if it is free: known before the bucket is looked at, so that its line
 * can be asked for together with that of the tags. */
BEBA_INLINE uint32_t beba_ft_home(uint64_t hash)
{
    return (uint32_t)(hash >> 16) & (BEBA_FT_SLOTS - 1);
}

/* The slot for a new key, of those that are free. */
BEBA_INLINE uint32_t beba_ft_vacant(uint32_t free, uint64_t hash)
{
    uint32_t home = beba_ft_home(hash);

    return free >> home & 1 ? home : beba_ft_lowest(free | 1u << (BEBA_FT_SLOTS - 1));
}

BEBA_INLINE struct beba_ft_entry *beba_ft_entry_at(struct beba_ft_bucket *b,
                                                   struct beba_ft_shape shape, uint32_t slot)
{
    return (struct beba_ft_entry *)(b->entries + (size_t)slot * shape.stride);
}

BEBA_INLINE struct beba_ft_entry *beba_ft_search(struct beba_ft_bucket *b,
                                                 struct beba_ft_shape shape, const uint32_t *key,
                                                 uint16_t tag, uint32_t *slot)
{
    uint32_t mask = beba_ft_match(b, tag);

    BEBA_FT_LOOP
    for (uint32_t i = 0; i < BEBA_FT_SLOTS && mask; i++, mask &= mask - 1) {
        struct beba_ft_entry *e;

        *slot = beba_ft_lowest(mask);
        e = beba_ft_entry_at(b, shape, *slot);
        if (__builtin_expect(beba_ft_same_key(e->body, key, shape.words), 1))
            return e;
    }
    return NULL;
}

BEBA_INLINE void beba_ft_fetch(const void *p)
{
#ifdef __bpf__
    (void)p;
#else
    __builtin_prefetch(p, 1, 3);
#endif
}

#endif
