/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The packet path of the flow table (see ft.h): inline, no libc, bounded loops; compiles for BPF.
 *
 *   region   struct beba_ft | states | initial registers | schema | bucket 0 | bucket 1 | ...
 *   bucket   64-byte line: lock, displaced, 16 tags | 16 entries of stride bytes
 *   entry    struct beba_ft_entry | key, padded to 8 | registers, padded to 8
 *
 * Placement. A new key goes to its first bucket while that has fewer than BEBA_FT_SPILL entries,
 * else to the emptier of its two, and when both are full into one of the BEBA_FT_BEYOND buckets
 * after the second. A bucket counts the keys that have it first and live elsewhere (displaced), and
 * those that have it second and live beyond: while displaced is 0, a miss is known after one tag
 * line.
 *
 * Hash. With secret 64-bit words a0..aN and 32-bit key words x, pair-multiply-shift
 *   h = aN + sum (a[2i] + x[2i+1]) * (a[2i+1] + x[2i])  mod 2^64
 * is strongly universal in its top 32 bits (Thorup 2015, section 3.5): for keys chosen without
 * knowledge of the secret, any two of them get independent, uniform values. The top half then goes
 * through a bijection of 32 bits, which keeps that and breaks the lattices that arithmetic
 * progressions (consecutive addresses) form under multiplication, and chooses the first bucket.
 *   Proven, if the secret is: expected entries in a key's first bucket <= 1 + n / n_buckets (1 +
 * 2^-32 n_buckets), whatever the keys. Not proven: that tag and second bucket, mixed by a keyed
 * finaliser from the bottom half, are independent of the first bucket; and that more than two keys
 * are independent. Tests measure both.
 *
 * A table whose sizes are known when compiling is served by the _as functions with a constant
 * struct beba_ft_shape (beba_ft_shape(13, 8)); the others read the shape from the table.
 *
 * BPF code keeps header and buckets in map values: it defines BEBA_FT_BUCKET, BEBA_FT_STATES and
 * BEBA_FT_REGS_INIT before it includes this file. Null is allowed: a bucket that cannot be had.
 *
 * struct beba_ft_entry pointers are valid until the entry is removed or evicted. */
#ifndef BEBA_STATE_FT_CORE_H
#define BEBA_STATE_FT_CORE_H

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
    struct beba_ft_shape shape;
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
    uint32_t spare;
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

BEBA_INLINE struct beba_ft_shape beba_ft_shape_of(const struct beba_ft *ft)
{
    return ft->shape;
}

#ifndef BEBA_FT_BUCKET
#define BEBA_FT_BUCKET(ft, shape, index) beba_ft_bucket(ft, shape, index)

BEBA_INLINE struct beba_ft_bucket *beba_ft_bucket(const struct beba_ft *ft,
                                                  struct beba_ft_shape shape, uint64_t index)
{
    uintptr_t at = (uintptr_t)ft + ft->buckets + index * shape.bucket_size;

    if (!at)
        __builtin_unreachable(); /* no tests for null where there is none */
    return (struct beba_ft_bucket *)at;
}
#endif
#ifndef BEBA_FT_STATES
#define BEBA_FT_STATES(ft) ((const struct beba_timeouts *)((uintptr_t)(ft) + (ft)->states))
#endif
#ifndef BEBA_FT_REGS_INIT
#define BEBA_FT_REGS_INIT(ft) ((const uint8_t *)((uintptr_t)(ft) + (ft)->regs_init))
#endif
#ifdef __bpf__
#define BEBA_FT_UNDO(ft)          false /* a BPF program runs to its end */
#define BEBA_FT_OFFSET(ft, entry) 0
#else
#define BEBA_FT_UNDO(ft)          __builtin_expect(!(ft)->undo_off, 0)
#define BEBA_FT_OFFSET(ft, entry) ((uint64_t)((uintptr_t)(entry) - (uintptr_t)(ft)))
#endif
/* A loop to leave as one: unrolled into each other they would be too much for BPF. */
#ifdef __clang__
#define BEBA_FT_LOOP _Pragma("clang loop unroll(disable)")
#else
#define BEBA_FT_LOOP
#endif
/* Keeps the order of stores: what a killed process leaves is a prefix of its stores. */
#define BEBA_FT_BARRIER() __asm__ volatile("" ::: "memory")

/* Words and bytes ---------------------------------------------------------------------------- */

BEBA_INLINE uint64_t beba_ft_load8(const void *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, 8);
    return v;
}

BEBA_INLINE void beba_ft_copy(void *dst, const void *src, uint32_t n)
{
    uint8_t *d = (uint8_t *)dst;
    const uint8_t *s = (const uint8_t *)src;
    uint32_t i = 0;

    if (n == 8) { /* one register, the common case */
        __builtin_memcpy(d, s, 8);
        return;
    }
    for (; i + 8 <= n; i += 8)
        __builtin_memcpy(d + i, s + i, 8);
    for (; i < n; i++)
        d[i] = s[i];
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

/* Keys, both padded to 4 with zeros. */
BEBA_INLINE bool beba_ft_same_key(const uint8_t *body, const uint32_t *key, uint32_t words)
{
    uint64_t diff = 0;
    uint32_t i = 0, last;

    for (; i + 2 <= words; i += 2)
        diff |= beba_ft_load8(body + i * 4) ^ beba_ft_load8(key + i);
    if (i < words) {
        __builtin_memcpy(&last, body + i * 4, 4);
        diff |= last ^ key[i];
    }
    return !diff;
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
    uint32_t words = ft->shape.words;

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
    return beba_ft_bits((mask & (0 - mask)) - 1); /* clang 14 does not end on the built-in */
#else
    return (uint32_t)__builtin_ctz(mask);
#endif
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
#ifndef __bpf__
    __builtin_prefetch(p, 1, 3);
#endif
}

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

BEBA_INLINE struct beba_ft_entry *beba_ft_count(struct beba_ft *ft, struct beba_ft_entry *e)
{
    ft->counters.lookups++;
    ft->counters.hits += e != NULL;
    return e;
}

BEBA_INLINE struct beba_ft_entry *beba_ft_find_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                                  const uint32_t *key, uint64_t hash)
{
    return beba_ft_count(ft, beba_ft_peek_as(ft, shape, key, hash));
}

/* The entry of the key, or NULL. Counts a lookup, and a hit. Does not touch the entry. */
BEBA_INLINE struct beba_ft_entry *beba_ft_find(struct beba_ft *ft, const uint32_t *key,
                                               uint64_t hash)
{
    return beba_ft_count(ft, beba_ft_peek(ft, key, hash));
}

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
    return ft->shape.stride;
}

BEBA_INLINE bool beba_ft_is_initial_as(const struct beba_ft *ft, struct beba_ft_shape shape,
                                       uint32_t state, const void *regs)
{
    const struct beba_timeouts *t = BEBA_FT_STATES(ft);

    return !state && !t->idle && !t->hard &&
           beba_ft_same(regs, BEBA_FT_REGS_INIT(ft), shape.regs_size);
}

/* True when an entry in this state with these registers is the same as no entry: initial state,
 * initial registers, no timeout. */
BEBA_INLINE bool beba_ft_is_initial(const struct beba_ft *ft, uint32_t state, const void *regs)
{
    return beba_ft_is_initial_as(ft, beba_ft_shape_of(ft), state, regs);
}

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
    e->used = used;
    e->entered = entered;
    e->state = state;
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
    first->displaced += add;
    second = BEBA_FT_BUCKET(ft, shape, beba_ft_second(ft, hash));
    if (second && second != b)
        second->beyond += add;
}

/* Takes an entry out, without counting why. hash is that of its key. */
BEBA_INLINE void beba_ft_unlink(struct beba_ft *ft, struct beba_ft_shape shape,
                                struct beba_ft_bucket *b, uint32_t slot, uint64_t hash)
{
    b->tag[slot & (BEBA_FT_SLOTS - 1)] = 0;
    BEBA_FT_BARRIER();
    beba_ft_strayed(ft, shape, b, hash, ~0u);
    ft->count--;
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
    ft->counters.frees++;
}

/* Frees an entry; counts it. */
BEBA_INLINE void beba_ft_remove(struct beba_ft *ft, struct beba_ft_entry *e)
{
    beba_ft_remove_as(ft, beba_ft_shape_of(ft), e);
}

/* Frees the entries of a bucket that timeouts have ended. */
BEBA_INLINE void beba_ft_reclaim(struct beba_ft *ft, struct beba_ft_shape shape,
                                 struct beba_ft_bucket *b, uint64_t now)
{
    BEBA_FT_LOOP
    for (uint32_t i = 0; i < BEBA_FT_SLOTS; i++) {
        struct beba_ft_entry *e = beba_ft_entry_at(b, shape, i);
        struct beba_seen seen;

        if (!b->tag[i])
            continue;
        seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
        beba_timeouts_apply(BEBA_FT_STATES(ft), ft->n_states, &seen, now);
        if (!beba_ft_is_over(ft, &seen))
            continue;
        beba_ft_unlink(ft, shape, b, i, beba_ft_hash_entry(ft, shape, e));
        ft->counters.expiries++;
        ft->counters.frees++;
    }
}

/* The bucket for a new key and its free slots (a mask); NULL when there is none. */
BEBA_INLINE struct beba_ft_bucket *beba_ft_pick(struct beba_ft *ft, struct beba_ft_bucket *first,
                                                struct beba_ft_bucket *second, uint32_t *free)
{
    uint32_t free1, free2, n1, n2;

    if (ft->count >= ft->capacity)
        return NULL;
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
    ft->counters.refusals += ft->full == BEBA_FT_REFUSE;
    return false;
}

/* True when an insert of this key would succeed without evicting. Counts a refusal when it would
 * not and the table refuses; reclaims entries that are dead at now. */
BEBA_INLINE bool beba_ft_room(struct beba_ft *ft, uint64_t hash, uint64_t now)
{
    return beba_ft_room_as(ft, beba_ft_shape_of(ft), hash, now);
}

/* Looks for an entry of the bucket used before *used. */
BEBA_INLINE bool beba_ft_oldest(struct beba_ft_bucket *b, struct beba_ft_shape shape,
                                uint64_t *used, uint32_t *slot)
{
    bool found = false;

    BEBA_FT_LOOP
    for (uint32_t i = 0; i < BEBA_FT_SLOTS; i++) {
        uint64_t u = beba_ft_entry_at(b, shape, i)->used;

        if (!b->tag[i] || u > *used || (found && u == *used))
            continue;
        *used = u;
        *slot = i;
        found = true;
    }
    return found;
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
    ft->counters.evictions++;
    return true;
}

BEBA_INLINE struct beba_ft_entry *beba_ft_insert_as(struct beba_ft *ft, struct beba_ft_shape shape,
                                                    const uint32_t *key, uint64_t hash,
                                                    uint64_t now, struct beba_ft_entry *evicted,
                                                    bool *did_evict)
{
    uint32_t free = 0, slot;
    struct beba_ft_bucket *b = beba_ft_place(ft, shape, hash, now, &free);
    struct beba_ft_entry *e;

    *did_evict = false;
    if (__builtin_expect(!b, 0)) {
        if (ft->full == BEBA_FT_EVICT && beba_ft_evict(ft, shape, hash, evicted)) {
            *did_evict = true;
            b = beba_ft_place(ft, shape, hash, now, &free);
        }
        if (!b) {
            ft->counters.refusals++;
            return NULL;
        }
    }
    slot = beba_ft_lowest(free | 1u << (BEBA_FT_SLOTS - 1));
    e = beba_ft_entry_at(b, shape, slot);
    e->used = e->entered = now;
    e->state = 0;
    e->birth = (uint32_t)(now >> 24) << 1;
    if (shape.words & 1)
        __builtin_memset(e->body + shape.words * 4, 0, 4);
    beba_ft_copy(e->body, key, shape.words * 4);
    beba_ft_copy(beba_ft_regs_as(shape, e), BEBA_FT_REGS_INIT(ft), shape.regs_size);
    beba_ft_strayed(ft, shape, b, hash, 1);
    ft->count++;
    ft->counters.creations++;
    BEBA_FT_BARRIER(); /* complete before it can be found */
    b->tag[slot] = beba_ft_tag(hash);
    BEBA_FT_BARRIER();
    return e;
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
