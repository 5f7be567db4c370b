/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static uint32_t hash_words(uint32_t seed, const uint32_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        seed = beba_hash_word(seed, words[i]);
    return beba_hash_end(seed, n);
}

/* Published vectors of MurmurHash3_x86_32, their bytes taken as little-endian words. */
static void words_hash_as_murmur3(void **state)
{
    static const struct {
        uint32_t seed, n, words[4], hash;
    } cases[] = {
        {0, 0, {0}, 0},
        {1, 0, {0}, 0x514e28b7},
        {0xffffffff, 0, {0}, 0x81f16f39},
        {0, 1, {0}, 0x2362f9de},
        {0, 1, {0xffffffff}, 0x76293b50},
        {0, 1, {0x87654321}, 0xf55b516b},
        {0x5082edee, 1, {0x87654321}, 0x2362f9de},
        {0, 1, {0x74736574}, 0xba6bd213},          /* "test" */
        {0x9747b28c, 1, {0x74736574}, 0x704b81dc}, /* "test" */
        {0x9747b28c, 1, {0x61616161}, 0x5a97808a}, /* "aaaa" */
        {0x9747b28c, 1, {0x64636261}, 0xf0478627}, /* "abcd" */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(hash_words(cases[i].seed, cases[i].words, cases[i].n), cases[i].hash);
}

static uint32_t hash_one(struct beba_u128 v, unsigned width)
{
    uint32_t n = 0, h = beba_hash_value(0, v, width, &n);

    return beba_hash_end(h, n);
}

static void a_value_is_the_words_of_its_width(void **state)
{
    static const uint32_t words[] = {0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00};
    struct beba_u128 v = beba_u128(0x1122334455667788, 0x99aabbccddeeff00);

    (void)state;
    assert_int_equal(hash_one(v, 128), hash_words(0, words, 4));
    assert_int_equal(hash_one(beba_u128(0, v.lo), 64), hash_words(0, words + 2, 2));
    assert_int_equal(hash_one(beba_u128(0, 0xbbccddeeff00), 48),
                     hash_words(0, (uint32_t[]){0xbbcc, 0xddeeff00}, 2));
    assert_int_equal(hash_one(beba_u128(0, 0xddeeff00), 32), hash_words(0, words + 3, 1));
    assert_int_equal(hash_one(beba_u128(0, 1), 1), hash_words(0, (uint32_t[]){1}, 1));
}

static void splitmix64_gives_the_published_sequence(void **state)
{
    static const uint64_t expect[] = {6457827717110365317u, 3203168211198807973u,
                                      9817491932198370423u, 4593380528125082431u,
                                      16408922859458223821u};

    (void)state;
    assert_true(beba_splitmix64(0) == 0xe220a8397b1dcdafu);
    for (uint64_t i = 0; i < 5; i++)
        assert_true(beba_splitmix64(1234567 + i * 0x9e3779b97f4a7c15u) == expect[i]);
}

static void wide_integers_compare_and_masks_mask(void **state)
{
    (void)state;
    assert_int_equal(beba_u128_cmp(beba_u128(1, 0), beba_u128(0, ~0ull)), 1);
    assert_int_equal(beba_u128_cmp(beba_u128(1, 2), beba_u128(1, 3)), -1);
    assert_int_equal(beba_u128_cmp(beba_u128(1, 2), beba_u128(1, 2)), 0);
    assert_int_equal(beba_u128_cmp(beba_u128(1, 3), beba_u128(1, 2)), 1);
    assert_int_equal(beba_u128_cmp(beba_u128(0, 3), beba_u128(1, 2)), -1);
    assert_true(beba_mask64(0) == 0);
    assert_true(beba_mask64(1) == 1);
    assert_true(beba_mask64(48) == 0xffffffffffff);
    assert_true(beba_mask64(63) == ~0ull >> 1);
    assert_true(beba_mask64(64) == ~0ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_hash_as_murmur3),
        cmocka_unit_test(a_value_is_the_words_of_its_width),
        cmocka_unit_test(splitmix64_gives_the_published_sequence),
        cmocka_unit_test(wide_integers_compare_and_masks_mask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
