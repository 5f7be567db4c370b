/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The arithmetic of expressions: one definition, for constant folding, the interpreter and every
 * compiled target. 64 bits, unsigned, wrapping; no operation traps.
 *
 * Header-only; compiles for BPF. Meaning: docs/machine.md, "Values". */
#ifndef BEBA_PIPELINE_ARITH_H
#define BEBA_PIPELINE_ARITH_H

#include "base/hash.h"
#include "base/int.h"
#include "pipeline/op.h"

BEBA_INLINE uint64_t beba_div(uint64_t a, uint64_t b)
{
    return b ? a / b : 0;
}

BEBA_INLINE uint64_t beba_mod(uint64_t a, uint64_t b)
{
    return b ? a % b : a;
}

BEBA_INLINE uint64_t beba_sat_add(uint64_t a, uint64_t b)
{
    return a + b < a ? ~0ull : a + b;
}

BEBA_INLINE uint64_t beba_sat_sub(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Numbers modulo 2^32, as TCP's (RFC 9293, 3.4): the shorter way from b to a is backwards. */
BEBA_INLINE bool beba_seq_lt(uint64_t a, uint64_t b)
{
    return (uint32_t)(a - b) >> 31;
}

BEBA_INLINE bool beba_seq_leq(uint64_t a, uint64_t b)
{
    return (uint32_t)a == (uint32_t)b || beba_seq_lt(a, b);
}

/* Exponentially weighted moving average, shift first, w eighths of the weight on the previous
 * value; w outside 1..7 counts as 4. These are BEBA's coefficients 0..6 in its order. */
BEBA_INLINE uint64_t beba_ewma(uint64_t previous, uint64_t sample, uint64_t w)
{
    switch (w) {
    case 1:
        return (previous >> 3) + (sample >> 3) * 7;
    case 2:
        return (previous >> 2) + (sample >> 2) * 3;
    case 3:
        return (previous >> 3) * 3 + (sample >> 3) * 5;
    case 5:
        return (previous >> 3) * 5 + (sample >> 3) * 3;
    case 6:
        return (previous >> 2) * 3 + (sample >> 2);
    case 7:
        return (previous >> 3) * 7 + (sample >> 3);
    default:
        return (previous >> 1) + (sample >> 1);
    }
}

/* Mean, scaled by 1000, of n + 1 samples: mean is that of the n before. */
BEBA_INLINE uint64_t beba_avg(uint64_t mean, uint64_t n, uint64_t sample)
{
    return beba_div(mean * n + sample * 1000, n + 1);
}

/* Variance, not scaled, of n + 1 samples: variance and mean (scaled by 1000) are those of the n
 * before. */
BEBA_INLINE uint64_t beba_var(uint64_t variance, uint64_t mean, uint64_t n, uint64_t sample)
{
    uint64_t after = beba_avg(mean, n, sample);

    if (!n)
        return 0;
    return beba_div(variance * n + (sample - mean / 1000) * (sample - after / 1000), n + 1);
}

/* The k-th random(bound) of packet number n, both from 0. */
BEBA_INLINE uint64_t beba_random(uint64_t seed, uint64_t n, uint32_t k, uint64_t bound)
{
    uint64_t r = beba_splitmix64(seed + (n << 32) + k) >> 32;

    /* r * bound / 2^32 without the bits above 64 getting lost */
    return r * (bound >> 32) + (r * (uint32_t)bound >> 32);
}

/* The result of an operation on a[0..]: those of one to four arguments of up to 64 bits that need
 * nothing but their values. Comparisons and logic give 0 or 1. width is that of the result and
 * matters to INV alone. HASH, comparisons of 128 bits and whatever reads a packet or a table are
 * elsewhere. */
BEBA_INLINE uint64_t beba_op_apply(enum beba_op op, unsigned width, const uint64_t *a)
{
    switch (op) {
    case BEBA_OP_NOT:
        return !a[0];
    case BEBA_OP_INV:
        return ~a[0] & beba_mask64(width);
    case BEBA_OP_NEG:
        return 0 - a[0];
    case BEBA_OP_ADD:
        return a[0] + a[1];
    case BEBA_OP_SUB:
        return a[0] - a[1];
    case BEBA_OP_MUL:
        return a[0] * a[1];
    case BEBA_OP_DIV:
        return beba_div(a[0], a[1]);
    case BEBA_OP_MOD:
        return beba_mod(a[0], a[1]);
    case BEBA_OP_AND:
        return a[0] & a[1];
    case BEBA_OP_OR:
        return a[0] | a[1];
    case BEBA_OP_XOR:
        return a[0] ^ a[1];
    case BEBA_OP_SHL:
        return a[0] << (a[1] & 63);
    case BEBA_OP_SHR:
        return a[0] >> (a[1] & 63);
    case BEBA_OP_EQ:
        return a[0] == a[1];
    case BEBA_OP_NE:
        return a[0] != a[1];
    case BEBA_OP_LT:
        return a[0] < a[1];
    case BEBA_OP_LE:
        return a[0] <= a[1];
    case BEBA_OP_GT:
        return a[0] > a[1];
    case BEBA_OP_GE:
        return a[0] >= a[1];
    case BEBA_OP_LAND:
        return a[0] && a[1];
    case BEBA_OP_LOR:
        return a[0] || a[1];
    case BEBA_OP_MIN:
        return a[0] < a[1] ? a[0] : a[1];
    case BEBA_OP_MAX:
        return a[0] > a[1] ? a[0] : a[1];
    case BEBA_OP_SAT_ADD:
        return beba_sat_add(a[0], a[1]);
    case BEBA_OP_SAT_SUB:
        return beba_sat_sub(a[0], a[1]);
    case BEBA_OP_ABS_DIFF:
        return a[0] > a[1] ? a[0] - a[1] : a[1] - a[0];
    case BEBA_OP_EWMA:
        return beba_ewma(a[0], a[1], a[2]);
    case BEBA_OP_AVG:
        return beba_avg(a[0], a[1], a[2]);
    case BEBA_OP_VAR:
        return beba_var(a[0], a[1], a[2], a[3]);
    case BEBA_OP_SEQ_LT:
        return beba_seq_lt(a[0], a[1]);
    case BEBA_OP_SEQ_LEQ:
        return beba_seq_leq(a[0], a[1]);
    default:
        return 0;
    }
}

/* A comparison of values of any width; other operations give false. */
BEBA_INLINE bool beba_compare(enum beba_op op, struct beba_u128 a, struct beba_u128 b)
{
    int c = beba_u128_cmp(a, b);

    switch (op) {
    case BEBA_OP_EQ:
        return c == 0;
    case BEBA_OP_NE:
        return c != 0;
    case BEBA_OP_LT:
        return c < 0;
    case BEBA_OP_LE:
        return c <= 0;
    case BEBA_OP_GT:
        return c > 0;
    case BEBA_OP_GE:
        return c >= 0;
    default:
        return false;
    }
}

#endif
