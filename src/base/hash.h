/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The built-in hash(...) of the language: one documented 32-bit function, the same on every target.
 *
 * MurmurHash3_x86_32 (Austin Appleby, public domain) with seed 0 over 32-bit words. Each argument
 * contributes the words of its width, most significant first: one word up to 32 bits, two up to 64,
 * four for 128. It spreads flows over buckets and paths; it is not keyed, so it is not what
 * protects the flow table (state/ has a secret seed of its own).
 *
 * Header-only; compiles for BPF. */
#ifndef BEBA_BASE_HASH_H
#define BEBA_BASE_HASH_H

#include "base/int.h"

BEBA_INLINE uint32_t beba_rotl32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* Adds one word to a running hash; the first call takes the seed, 0. */
BEBA_INLINE uint32_t beba_hash_word(uint32_t h, uint32_t word)
{
    word *= 0xcc9e2d51u;
    word = beba_rotl32(word, 15);
    word *= 0x1b873593u;
    h ^= word;
    h = beba_rotl32(h, 13);
    return h * 5 + 0xe6546b64u;
}

/* Adds an argument of the given width in bits (1..64, or 128). *n_words counts the words added. */
BEBA_INLINE uint32_t beba_hash_value(uint32_t h, struct beba_u128 v, unsigned width,
                                     uint32_t *n_words)
{
    if (width > 64) {
        h = beba_hash_word(h, (uint32_t)(v.hi >> 32));
        h = beba_hash_word(h, (uint32_t)v.hi);
        *n_words += 2;
    }
    if (width > 32) {
        h = beba_hash_word(h, (uint32_t)(v.lo >> 32));
        *n_words += 1;
    }
    *n_words += 1;
    return beba_hash_word(h, (uint32_t)v.lo);
}

/* Finishes a hash of n_words words. */
BEBA_INLINE uint32_t beba_hash_end(uint32_t h, uint32_t n_words)
{
    h ^= n_words * 4;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    return h;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014): the generator behind random(n) and test data. */
BEBA_INLINE uint64_t beba_splitmix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

#endif
