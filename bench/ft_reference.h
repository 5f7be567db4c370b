/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The yardstick of ft_bench: the lookup and update of the flow table written by hand for 13-byte
 * keys and 8 bytes of registers, on the same region: sizes are constants, what the loop needs of
 * the header is in local variables, nothing is shared with ft_core.h but the position of things. */
#ifndef BEBA_BENCH_FT_REFERENCE_H
#define BEBA_BENCH_FT_REFERENCE_H

#include "state/ft_core.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct reference_entry {
    uint64_t used, entered;
    uint32_t state, birth;
    uint64_t key[2];
    uint64_t reg;
};

struct reference_bucket {
    uint32_t lock, displaced, beyond, spare[5];
    uint16_t tag[16];
    struct reference_entry entry[16];
};

_Static_assert(sizeof(struct reference_bucket) == 832, "the layout of 13 + 8 bytes");

static inline unsigned reference_match(const struct reference_bucket *b, uint16_t tag)
{
#ifdef __SSE2__
    __m128i t = _mm_set1_epi16((short)tag);

    return (unsigned)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128((const __m128i *)b->tag), t),
                        _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)(b->tag + 8)), t)));
#else
    unsigned mask = 0;

    for (unsigned i = 0; i < 16; i++)
        mask |= (unsigned)(b->tag[i] == tag) << i;
    return mask;
#endif
}

static inline struct reference_entry *reference_find(struct reference_bucket *b, uint16_t tag,
                                                     const uint64_t key[2])
{
    for (unsigned mask = reference_match(b, tag); mask; mask &= mask - 1) {
        struct reference_entry *e = &b->entry[__builtin_ctz(mask)];

        if (e->key[0] == key[0] && e->key[1] == key[1])
            return e;
    }
    return NULL;
}

__attribute__((noinline)) static void ft_reference(struct beba_ft *ft, const uint32_t (*packet)[4],
                                                   uint32_t n, uint64_t now)
{
    struct reference_bucket *bucket = (struct reference_bucket *)((uintptr_t)ft + ft->buckets);
    uint64_t a0 = ft->word[0], a1 = ft->word[1], a2 = ft->word[2], a3 = ft->word[3];
    uint64_t a4 = ft->word[BEBA_FT_WORDS - 1], m0 = ft->mix[0], m1 = ft->mix[1];
    uint32_t t0 = ft->turn[0], t1 = ft->turn[1], n_buckets = ft->n_buckets;
    uint64_t lookups = 0, hits = 0, hash[32];
    struct reference_bucket *first[32], *late[32];
    uint16_t late_tag[32];

    for (uint32_t at = 0; at + 32 <= n; at += 32) {
        unsigned n_late = 0;

        for (unsigned i = 0; i < 32; i++) {
            const uint32_t *x = packet[at + i];
            uint64_t h = a4 + (a0 + x[1]) * (a1 + x[0]) + (a2 + x[3]) * (a3 + x[2]);
            uint32_t top = (uint32_t)(h >> 32);

            top = (top ^ top >> 16) * t0;
            top = (top ^ top >> 15) * t1;
            top ^= top >> 16;
            h = (uint64_t)top << 32 | (((uint32_t)h ^ top) * m0) >> 32;
            hash[i] = h | !(uint16_t)h;
            first[i] = bucket + (((uint64_t)top * n_buckets) >> 32);
            __builtin_prefetch(first[i], 1, 3);
        }
        for (unsigned i = 0; i < 32; i++) {
            uint16_t tag = (uint16_t)hash[i];
            unsigned mask = reference_match(first[i], tag);

            if (mask) {
                struct reference_entry *e = &first[i]->entry[__builtin_ctz(mask)];

                __builtin_prefetch(e, 1, 3);
                __builtin_prefetch((uint8_t *)e + 47, 1, 3);
            } else if (first[i]->displaced) {
                uint64_t j = (uint64_t)(first[i] - bucket) + 1 +
                             ((((hash[i] * m1) >> 32) * (n_buckets - 1)) >> 32);

                late[n_late] = bucket + (j < n_buckets ? j : j - n_buckets);
                late_tag[n_late] = tag;
                __builtin_prefetch(late[n_late++], 1, 3);
            }
        }
        for (unsigned i = 0; i < n_late; i++) {
            unsigned mask = reference_match(late[i], late_tag[i]);

            if (mask) {
                struct reference_entry *e = &late[i]->entry[__builtin_ctz(mask)];

                __builtin_prefetch(e, 1, 3);
                __builtin_prefetch((uint8_t *)e + 47, 1, 3);
            }
        }
        for (unsigned i = 0; i < 32; i++) {
            uint16_t tag = (uint16_t)hash[i];
            uint64_t key[2];
            struct reference_entry *e;

            __builtin_memcpy(key, packet[at + i], 16);
            lookups++;
            e = reference_find(first[i], tag, key);
            if (!e && first[i]->displaced) {
                uint64_t j = (uint64_t)(first[i] - bucket) + 1 +
                             ((((hash[i] * m1) >> 32) * (n_buckets - 1)) >> 32);

                j = j < n_buckets ? j : j - n_buckets;
                e = reference_find(bucket + j, tag, key);
                for (unsigned k = 0; !e && bucket[j].beyond && k < 8; k++)
                    e = reference_find(bucket + (j + 1 + k) % n_buckets, tag, key);
            }
            if (!e)
                continue;
            hits++;
            e->used = e->entered = now;
            e->state = 1;
            e->reg++;
        }
        now += 32;
    }
    ft->counters.lookups += lookups;
    ft->counters.hits += hits;
}

#endif
