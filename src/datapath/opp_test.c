/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/opp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t two(uint8_t opcode, uint32_t a, uint32_t b)
{
    struct beba_alu alu = {.opcode = opcode, .operand = {a, b}};

    beba_alu_run(&alu);
    return alu.out;
}

static void plain_arithmetic_wraps_and_divides(void **state)
{
    (void)state;
    assert_int_equal(two(BEBA_ALU_SUM, 5, 7), 12);
    assert_int_equal(two(BEBA_ALU_SUM, UINT32_MAX, 2), 1);
    assert_int_equal(two(BEBA_ALU_SUB, 5, 7), 0xfffffffe);
    assert_int_equal(two(BEBA_ALU_MUL, 5, 255), 1275);
    assert_int_equal(two(BEBA_ALU_MUL, 0x10000, 0x10001), 0x10000);
    assert_int_equal(two(BEBA_ALU_DIV, 5, 0), UINT32_MAX);
    assert_int_equal(two(BEBA_ALU_DIV, 0, 0), 0);
    assert_int_equal(two(BEBA_ALU_DIV, 7, 2), 3);
}

static void means_are_scaled_by_1000(void **state)
{
    static const uint32_t sample[] = {142, 142, 242}, want[] = {142000, 142000, 175333};
    struct beba_alu alu = {.opcode = BEBA_ALU_AVG};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        alu.operand[0] = sample[i];
        beba_alu_run(&alu);
        assert_int_equal(alu.operand[1], want[i]);
        assert_int_equal(alu.out, i + 1);
    }
}

static void variance_follows_the_mean(void **state)
{
    static const uint32_t sample[] = {142, 142, 242, 92, 1442};
    static const uint32_t mean[] = {142000, 142000, 175333, 154499, 411999};
    static const uint32_t variance[] = {0, 0, 2233, 2961, 267954};
    struct beba_alu alu = {.opcode = BEBA_ALU_VAR};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        alu.operand[0] = sample[i];
        beba_alu_run(&alu);
        assert_int_equal(alu.out, i + 1);
        assert_int_equal(alu.operand[1], mean[i]);
        assert_int_equal(alu.operand[2], variance[i]);
    }
}

static void moving_averages_shift_first(void **state)
{
    static const uint32_t sample[] = {142, 142, 242};
    static const uint32_t want[][3] = {{119, 133, 226}, {105, 131, 212}, {85, 115, 192},
                                       {71, 106, 174},  {51, 81, 140},   {35, 59, 102},
                                       {17, 31, 51},    {71, 106, 174}};

    (void)state;
    for (unsigned which = 0; which < 8; which++) {
        struct beba_alu alu = {.opcode = BEBA_ALU_EWMA, .operand = {0, which}};

        for (unsigned i = 0; i < 3; i++) {
            alu.operand[2] = sample[i];
            beba_alu_run(&alu);
            assert_int_equal(alu.out, want[which][i]);
            alu.operand[0] = alu.out;
        }
    }
}

static void polynomials_have_signed_coefficients(void **state)
{
    struct beba_alu alu = {
        .opcode = BEBA_ALU_POLY_SUM, .operand = {2, 1, 0, 5}, .coeff = {30, 4, 5, -6}};

    (void)state;
    beba_alu_run(&alu);
    assert_int_equal(alu.out, 34);
    alu = (struct beba_alu){
        .opcode = BEBA_ALU_POLY_SUM, .operand = {2, 1, 10, 5}, .coeff = {30, 4, -5, -128}};
    beba_alu_run(&alu);
    assert_int_equal(alu.out, 0xfffffd8e);
}

static void a_count_that_wraps_divides_by_nothing(void **state)
{
    struct beba_alu alu = {.opcode = BEBA_ALU_VAR, .out = UINT32_MAX, .operand = {7, 1, 3}};

    (void)state;
    beba_alu_run(&alu);
    assert_int_equal(alu.out, 0);
}

static void opcodes_say_what_they_read_and_write(void **state)
{
    static const struct {
        unsigned more, writes;
    } want[] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 1}, {1, 2}, {1, 0}, {2, 0}};

    (void)state;
    for (uint8_t i = 0; i < 8; i++) {
        assert_int_equal(beba_alu_more_operands(i), want[i].more);
        assert_int_equal(beba_alu_writes(i), want[i].writes);
    }
}

static void conditions_compare_unsigned(void **state)
{
    static const struct {
        uint32_t a, b;
        bool holds[6];
    } row[] = {
        {1, 2, {false, true, false, true, false, true}},
        {2, 2, {false, false, true, true, true, false}},
        {0x80000000, 1, {true, false, true, false, false, true}},
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (uint8_t op = 0; op < 6; op++)
            assert_int_equal(beba_condition_holds(op, row[i].a, row[i].b), row[i].holds[op]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_arithmetic_wraps_and_divides),
        cmocka_unit_test(means_are_scaled_by_1000),
        cmocka_unit_test(variance_follows_the_mean),
        cmocka_unit_test(moving_averages_shift_first),
        cmocka_unit_test(polynomials_have_signed_coefficients),
        cmocka_unit_test(a_count_that_wraps_divides_by_nothing),
        cmocka_unit_test(opcodes_say_what_they_read_and_write),
        cmocka_unit_test(conditions_compare_unsigned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
