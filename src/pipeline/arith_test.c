/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/arith.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAX UINT64_MAX

static uint64_t apply(enum beba_op op, uint64_t a, uint64_t b)
{
    return beba_op_apply(op, 64, (const uint64_t[]){a, b, 0, 0});
}

static void test_wraps(void **state)
{
    assert_int_equal(apply(BEBA_OP_ADD, MAX, 2), 1);
    assert_int_equal(apply(BEBA_OP_SUB, 5, 7), MAX - 1);
    assert_int_equal(apply(BEBA_OP_MUL, 1ull << 63, 3), 1ull << 63);
    assert_int_equal(apply(BEBA_OP_NEG, 1, 0), MAX);
    assert_int_equal(apply(BEBA_OP_NEG, 0, 0), 0);
    assert_int_equal(apply(BEBA_OP_SAT_ADD, MAX - 1, 1), MAX);
    assert_int_equal(apply(BEBA_OP_SAT_ADD, MAX - 1, 2), MAX);
    assert_int_equal(apply(BEBA_OP_SAT_SUB, 5, 7), 0);
    assert_int_equal(apply(BEBA_OP_SAT_SUB, 7, 5), 2);
    assert_int_equal(apply(BEBA_OP_ABS_DIFF, 5, 7), 2);
    assert_int_equal(apply(BEBA_OP_ABS_DIFF, 0, MAX), MAX);
}

static void test_divides_by_zero(void **state)
{
    assert_int_equal(apply(BEBA_OP_DIV, 7, 0), 0);
    assert_int_equal(apply(BEBA_OP_DIV, 7, 2), 3);
    assert_int_equal(apply(BEBA_OP_MOD, 7, 0), 7);
    assert_int_equal(apply(BEBA_OP_MOD, 7, 4), 3);
}

static void test_shifts_modulo_64(void **state)
{
    assert_int_equal(apply(BEBA_OP_SHL, 1, 63), 1ull << 63);
    assert_int_equal(apply(BEBA_OP_SHL, 1, 64), 1);
    assert_int_equal(apply(BEBA_OP_SHL, 1, 65), 2);
    assert_int_equal(apply(BEBA_OP_SHR, MAX, 63), 1);
    assert_int_equal(apply(BEBA_OP_SHR, 8, MAX), 0); /* by 63 */
    assert_int_equal(apply(BEBA_OP_SHR, 8, 64), 8);
}

static void test_inverts_within_width(void **state)
{
    const uint64_t a[] = {0x0f};

    assert_int_equal(beba_op_apply(BEBA_OP_INV, 8, a), 0xf0);
    assert_int_equal(beba_op_apply(BEBA_OP_INV, 64, a), ~0x0full);
    assert_int_equal(beba_op_apply(BEBA_OP_NOT, 1, a), 0);
}

static void test_compares(void **state)
{
    static const struct {
        enum beba_op op;
        bool less, equal, more;
    } rows[] = {
        {BEBA_OP_EQ, 0, 1, 0}, {BEBA_OP_NE, 1, 0, 1}, {BEBA_OP_LT, 1, 0, 0},
        {BEBA_OP_LE, 1, 1, 0}, {BEBA_OP_GT, 0, 0, 1}, {BEBA_OP_GE, 0, 1, 1},
    };
    const struct beba_u128 low = {1, MAX}, high = {2, 0};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(apply(rows[i].op, 1, MAX), rows[i].less);
        assert_int_equal(apply(rows[i].op, MAX, MAX), rows[i].equal);
        assert_int_equal(apply(rows[i].op, MAX, 1), rows[i].more);
        assert_int_equal(beba_compare(rows[i].op, low, high), rows[i].less);
        assert_int_equal(beba_compare(rows[i].op, low, low), rows[i].equal);
        assert_int_equal(beba_compare(rows[i].op, high, low), rows[i].more);
    }
    assert_false(beba_compare(BEBA_OP_ADD, low, low));
}

static void test_sequence_numbers(void **state)
{
    assert_true(beba_seq_lt(0xfffffff0, 0x10)); /* past the wrap */
    assert_false(beba_seq_lt(0x10, 0xfffffff0));
    assert_false(beba_seq_lt(5, 5));
    assert_true(beba_seq_leq(5, 5));
    assert_true(beba_seq_leq(5, (1ull << 32) + 5));
    assert_true(
        beba_seq_lt(0, 0x80000000)); /* exactly half: (int32)(a - b) is negative both ways */
    assert_true(beba_seq_lt(0x80000000, 0));
}

/* BEBA's extension, section 16.6: variables start at 0, frames of these lengths. */
static void test_beba_average_vectors(void **state)
{
    static const uint64_t sample[] = {142, 142, 242, 92, 1442};
    static const uint64_t mean_after[] = {142000, 142000, 175333, 154499, 411999};
    static const uint64_t variance_after[] = {0, 0, 2233, 2961, 267954};
    uint64_t mean = 0, variance = 0;

    for (uint64_t n = 0; n < 5; n++) {
        const uint64_t v[] = {variance, mean, n, sample[n]}, a[] = {mean, n, sample[n]};

        variance = beba_op_apply(BEBA_OP_VAR, 64, v);
        mean = beba_op_apply(BEBA_OP_AVG, 64, a);
        assert_int_equal(mean, mean_after[n]);
        assert_int_equal(variance, variance_after[n]);
    }
    assert_int_equal(beba_avg(1, MAX, 1), 0); /* n + 1 wraps to 0: x / 0 */
}

static void test_beba_ewma_vectors(void **state)
{
    static const uint64_t sample[] = {142, 142, 242};
    static const uint64_t after[][3] = {{71, 106, 174}, {119, 133, 226}, {105, 131, 212},
                                        {85, 115, 192}, {71, 106, 174},  {51, 81, 140},
                                        {35, 59, 102},  {17, 31, 51},    {71, 106, 174}};

    for (uint64_t w = 0; w < 9; w++) {
        uint64_t e = 0;

        for (unsigned i = 0; i < 3; i++) {
            e = beba_op_apply(BEBA_OP_EWMA, 64, (const uint64_t[]){e, sample[i], w});
            assert_int_equal(e, after[w][i]);
        }
    }
}

static void test_random_is_defined(void **state)
{
    uint64_t r = beba_splitmix64(7 + (3ull << 32) + 1) >> 32;
    unsigned count[8] = {0};

    assert_int_equal(beba_random(7, 3, 1, 0), 0);
    assert_int_equal(beba_random(7, 3, 1, 1), 0);
    assert_int_equal(beba_random(7, 3, 1, 1000), r * 1000 >> 32);
    assert_int_equal(beba_random(7, 3, 1, 1ull << 32), r);
    assert_int_equal(beba_random(7, 3, 1, 1ull << 40), r << 8);
    for (unsigned n = 0; n < 8000; n++)
        count[beba_random(42, n, 0, 8)]++;
    for (unsigned i = 0; i < 8; i++)
        assert_in_range(count[i], 880, 1120); /* four standard deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wraps),
        cmocka_unit_test(test_divides_by_zero),
        cmocka_unit_test(test_shifts_modulo_64),
        cmocka_unit_test(test_inverts_within_width),
        cmocka_unit_test(test_compares),
        cmocka_unit_test(test_sequence_numbers),
        cmocka_unit_test(test_beba_average_vectors),
        cmocka_unit_test(test_beba_ewma_vectors),
        cmocka_unit_test(test_random_is_defined),
    };

    return cmocka_run_group_tests_name("arith", tests, NULL, NULL);
}
