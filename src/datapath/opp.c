/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/opp.h"

enum { FIXED_POINT = 1000 }; /* means are kept with three decimals */

unsigned beba_alu_more_operands(uint8_t opcode)
{
    switch (opcode) {
    case BEBA_ALU_VAR:
    case BEBA_ALU_EWMA:
        return 1;
    case BEBA_ALU_POLY_SUM:
        return 2;
    default:
        return 0;
    }
}

unsigned beba_alu_writes(uint8_t opcode)
{
    return opcode == BEBA_ALU_AVG ? 1 : opcode == BEBA_ALU_VAR ? 2 : 0;
}

static uint32_t divide(uint32_t a, uint32_t b)
{
    if (!a)
        return 0;
    return b ? a / b : UINT32_MAX;
}

/* The mean of n + 1 samples, of which x is the last. n + 1 wraps to 0 after 2^32 of them. */
static uint32_t mean(uint32_t n, uint32_t old, uint32_t x)
{
    return divide(old * n + x * FIXED_POINT, n + 1);
}

static uint32_t variance(uint32_t n, uint32_t old, uint32_t x, uint32_t mean_before,
                         uint32_t mean_after)
{
    uint32_t before = x - mean_before / FIXED_POINT, after = x - mean_after / FIXED_POINT;

    return n ? divide(old * n + before * after, n + 1) : 0;
}

/* The previous value's part and the sample's, of 1 << shift. */
static uint32_t ewma(uint32_t before, uint32_t which, uint32_t sample)
{
    static const struct {
        uint8_t shift, before, sample;
    } weight[] = {{3, 1, 7}, {2, 1, 3}, {3, 3, 5}, {1, 1, 1}, {3, 5, 3}, {2, 3, 1}, {3, 7, 1}};

    if (which >= sizeof(weight) / sizeof(weight[0]))
        which = 3;
    return (before >> weight[which].shift) * weight[which].before +
           (sample >> weight[which].shift) * weight[which].sample;
}

void beba_alu_run(struct beba_alu *alu)
{
    uint32_t *op = alu->operand, n = alu->out, before = op[1];

    switch (alu->opcode) {
    case BEBA_ALU_SUM:
        alu->out = op[0] + op[1];
        break;
    case BEBA_ALU_SUB:
        alu->out = op[0] - op[1];
        break;
    case BEBA_ALU_MUL:
        alu->out = op[0] * op[1];
        break;
    case BEBA_ALU_DIV:
        alu->out = divide(op[0], op[1]);
        break;
    case BEBA_ALU_AVG:
        op[1] = mean(n, before, op[0]);
        alu->out = n + 1;
        break;
    case BEBA_ALU_VAR:
        op[1] = mean(n, before, op[0]);
        op[2] = variance(n, op[2], op[0], before, op[1]);
        alu->out = n + 1;
        break;
    case BEBA_ALU_EWMA:
        alu->out = ewma(op[0], op[1], op[2]);
        break;
    case BEBA_ALU_POLY_SUM:
        alu->out = 0;
        for (unsigned i = 0; i < 4; i++)
            alu->out += (uint32_t)alu->coeff[i] * op[i];
        break;
    default:
        break;
    }
}

bool beba_condition_holds(uint8_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BEBA_COND_GT:
        return a > b;
    case BEBA_COND_LT:
        return a < b;
    case BEBA_COND_GTE:
        return a >= b;
    case BEBA_COND_LTE:
        return a <= b;
    case BEBA_COND_EQ:
        return a == b;
    default:
        return a != b;
    }
}
