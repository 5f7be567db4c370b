/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How well the keyed hash spreads the keys that networks have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "state/ft_layout.h"

enum { WORDS = 4 };

/* A set of keys: the i-th of n. */
struct keys {
    const char *name;
    void (*make)(uint32_t key[WORDS], uint32_t i);
};

static void addresses(uint32_t key[WORDS], uint32_t i)
{
    key[0] = __builtin_bswap32(0x0a000000 + i); /* 10.0.0.0 and on, in network order */
}

static void addresses_host_order(uint32_t key[WORDS], uint32_t i)
{
    key[0] = 0x0a000000 + i;
}

static void ports(uint32_t key[WORDS], uint32_t i)
{
    key[0] = 0x0100000a;
    key[1] = 0x0200000a + (i >> 16);
    key[2] = __builtin_bswap32(i << 16) | 0x5000u << 16;
}

static void same_low_bits(uint32_t key[WORDS], uint32_t i)
{
    key[1] = i << 14;
}

static void multiples_of_large_power(uint32_t key[WORDS], uint32_t i)
{
    key[2] = i << 12;
    key[3] = i >> 20 << 28;
}

static void last_byte_of_each_word(uint32_t key[WORDS], uint32_t i)
{
    for (unsigned w = 0; w < WORDS; w++)
        key[w] = (i >> w * 5 & 31) << 24;
}

static void swapped_pairs(uint32_t key[WORDS], uint32_t i) /* both directions of flows */
{
    uint32_t j = i / 2;

    key[0] = i & 1 ? j : j ^ 0x40000000;
    key[1] = i & 1 ? j ^ 0x40000000 : j;
}

static void random_keys(uint32_t key[WORDS], uint32_t i)
{
    uint64_t a = beba_splitmix64(i), b = beba_splitmix64(~(uint64_t)i);

    memcpy(key, &a, 8);
    memcpy(key + 2, &b, 8);
}

static const struct keys sets[] = {
    {"consecutive addresses", addresses},
    {"consecutive words", addresses_host_order},
    {"consecutive ports", ports},
    {"same low bits", same_low_bits},
    {"multiples of a large power of two", multiples_of_large_power},
    {"one byte of each word", last_byte_of_each_word},
    {"both directions", swapped_pairs},
    {"random", random_keys},
};

static struct beba_ft *make(uint64_t capacity, unsigned number)
{
    struct beba_ft_desc desc = {.key_size = 16, .n_states = 1, .capacity = capacity};
    size_t size = beba_ft_footprint(&desc);
    uint8_t seed[32];
    struct beba_ft *ft;
    struct beba_error err;

    for (unsigned i = 0; i < 32; i++)
        seed[i] = (uint8_t)(beba_splitmix64(number) >> i % 8 * 8) ^ (uint8_t)i;
    desc.full = BEBA_FT_REFUSE;
    assert_int_equal(beba_ft_new(aligned_alloc(64, size), size, &desc, seed, &ft, &err), 0);
    return ft;
}

/* Chi-square of n keys over bins, less its mean, in standard deviations. */
static double chi_square(const uint32_t *count, uint32_t bins, double n)
{
    double expect = n / bins, sum = 0, freedom = bins - 1;

    for (uint32_t i = 0; i < bins; i++)
        sum += ((double)count[i] - expect) * ((double)count[i] - expect) / expect;
    return (sum - freedom) * (sum - freedom) / (2 * freedom) * (sum < freedom ? -1 : 1);
}

/* Buckets, second buckets and tags are as even as random ones. The score is in squared standard
 * deviations: 49 is 7 of them. */
static void spreads_every_set_of_keys(void **state)
{
    enum { N = 1 << 16 };

    for (unsigned seed = 0; seed < 12; seed++) {
        struct beba_ft *ft = make(60000, seed);
        uint32_t *count = calloc(1 << 16, sizeof(*count));

        assert_non_null(count);
        for (unsigned s = 0; s < sizeof(sets) / sizeof(*sets); s++) {
            for (unsigned what = 0; what < 3; what++) {
                uint32_t bins = what < 2 ? ft->n_buckets : 1 << 12;
                double score;

                memset(count, 0, (1 << 16) * sizeof(*count));
                for (uint32_t i = 0; i < N; i++) {
                    uint32_t key[WORDS] = {0};
                    uint64_t hash;

                    sets[s].make(key, i);
                    hash = beba_ft_hash(ft, key);
                    assert_true(beba_ft_tag(hash) != 0);
                    count[what == 0   ? beba_ft_first(ft, hash)
                          : what == 1 ? beba_ft_second(ft, hash)
                                      : beba_ft_tag(hash) >> 4]++;
                }
                score = chi_square(count, bins, N);
                if (score > 49)
                    fail_msg("seed %u, %s, %s: %.1f", seed, sets[s].name,
                             what == 0   ? "first buckets"
                             : what == 1 ? "second buckets"
                                         : "tags",
                             score);
            }
        }
        free(count);
        free(ft);
    }
}

/* No set of keys makes the table refuse before its capacity. */
static void fills_with_every_set_of_keys(void **state)
{
    for (unsigned s = 0; s < sizeof(sets) / sizeof(*sets); s++) {
        for (unsigned seed = 0; seed < 5; seed++) {
            struct beba_ft *ft = make(50000, seed);
            struct beba_error err;

            for (uint32_t i = 0; i < 50000; i++) {
                uint32_t key[WORDS] = {0};
                bool evicted;

                sets[s].make(key, i);
                assert_non_null(beba_ft_insert(ft, key, beba_ft_hash(ft, key), 1, NULL, &evicted));
            }
            if (beba_ft_verify(ft, &err))
                fail_msg("%s: %s", sets[s].name, err.what);
            free(ft);
        }
    }
}

/* Given the first bucket, tag and second bucket are still spread: pairs that share the first bucket
 * share the tag, or the second bucket, no more often than by chance. */
static void makes_tags_independent_of_buckets(void **state)
{
    enum { N = 200000 };
    struct beba_ft *ft = make(1000, 3); /* 77 buckets */
    uint32_t *at = calloc(ft->n_buckets, sizeof(*at)), pairs = 0, same_tag = 0, same_second = 0;
    uint64_t *last = calloc(ft->n_buckets, sizeof(*last));

    assert_true(at && last);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t key[WORDS] = {0}, first;
        uint64_t hash;

        addresses(key, i);
        hash = beba_ft_hash(ft, key);
        first = beba_ft_first(ft, hash);
        if (at[first]++) {
            pairs++;
            same_tag += beba_ft_tag(hash) == beba_ft_tag(last[first]);
            same_second += beba_ft_second(ft, hash) == beba_ft_second(ft, last[first]);
        }
        last[first] = hash;
    }
    assert_true(same_tag <= 20); /* expect 3 */
    assert_in_range(same_second, pairs / ft->n_buckets * 9 / 10, pairs / ft->n_buckets * 11 / 10);
    free(at);
    free(last);
    free(ft);
}

static void never_chooses_the_same_bucket_twice(void **state)
{
    static const uint64_t capacities[] = {1, 16, 17, 33, 50, 100, 10000};

    for (unsigned c = 0; c < sizeof(capacities) / sizeof(*capacities); c++) {
        struct beba_ft *ft = make(capacities[c], c);

        for (uint32_t i = 0; i < 100000; i++) {
            uint32_t key[WORDS], first, second;
            uint64_t hash;

            random_keys(key, i);
            hash = beba_ft_hash(ft, key);
            first = beba_ft_first(ft, hash);
            second = beba_ft_second(ft, hash);
            assert_true(first < ft->n_buckets && second < ft->n_buckets);
            if (ft->n_buckets > 1)
                assert_true(first != second);
        }
        free(ft);
    }
}

/* Two seeds: nothing about one placement tells the other. */
static void depends_on_every_byte_of_the_seed(void **state)
{
    uint64_t a[20], b[20];
    uint8_t seed[32] = {0};

    beba_ft_expand(seed, a, 20);
    for (unsigned byte = 0; byte < 32; byte++) {
        unsigned differ = 0;

        seed[byte] = 1;
        beba_ft_expand(seed, b, 20);
        for (unsigned i = 0; i < 20; i++)
            differ += (unsigned)__builtin_popcountll(a[i] ^ b[i]);
        assert_in_range(differ, 20 * 64 / 2 - 110, 20 * 64 / 2 + 110);
        seed[byte] = 0;
    }
}

/* RFC 8439 appendix A.1, test vectors 1 and 2: key and nonce zero, blocks 0 and 1. */
static void expands_by_chacha20(void **state)
{
    static const uint8_t expect[2][16] = {
        {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd,
         0x28},
        {0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08,
         0x0d},
    };
    uint8_t seed[32] = {0};
    uint64_t words[16];

    beba_ft_expand(seed, words, 16);
    assert_memory_equal(words, expect[0], 16);
    assert_memory_equal(words + 8, expect[1], 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spreads_every_set_of_keys),
        cmocka_unit_test(fills_with_every_set_of_keys),
        cmocka_unit_test(makes_tags_independent_of_buckets),
        cmocka_unit_test(never_chooses_the_same_bucket_twice),
        cmocka_unit_test(depends_on_every_byte_of_the_seed),
        cmocka_unit_test(expands_by_chacha20),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
