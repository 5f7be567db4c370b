/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The operations of expressions. Constants only; compiles for BPF. */
#ifndef BEBA_PIPELINE_OP_H
#define BEBA_PIPELINE_OP_H

enum beba_op {
    /* leaves */
    BEBA_OP_CONST,  /* k */
    BEBA_OP_FIELD,  /* field id */
    BEBA_OP_REG,    /* register id of this table, as read at lookup (L) */
    BEBA_OP_LET,    /* let slot id of this table */
    BEBA_OP_GLOBAL, /* global register id */
    BEBA_OP_STATE,  /* state of this packet's entry in table id; 0xffffffff when it has no key there
                     */
    BEBA_OP_FORWARD, /* the packet goes the way of the one that created the entry (or would create
                        it) */
    BEBA_OP_PRESENT, /* the packet has layer id */
    BEBA_OP_RANDOM,  /* uniform in 0..arg[0]-1; 0 when arg[0] is 0 */
    /* one argument */
    BEBA_OP_NOT,   /* logical */
    BEBA_OP_INV,   /* ~ within the width */
    BEBA_OP_NEG,   /* two's complement, 64 bits */
    BEBA_OP_MAP4,  /* an IPv4 address as ::ffff:a.b.c.d: ip4 to ip */
    BEBA_OP_ARRAY, /* cell of array id: arg[0] row, arg[1] column (one-dimensional: arg[0] only) */
    BEBA_OP_IN_LIST, /* arg[0] lies in one of the ranges */
    BEBA_OP_IN_SET,  /* arg[0] lies in set id */
    /* two arguments: 64-bit, wrapping */
    BEBA_OP_ADD,
    BEBA_OP_SUB,
    BEBA_OP_MUL,
    BEBA_OP_DIV, /* x/0 = 0 */
    BEBA_OP_MOD, /* x%0 = x */
    BEBA_OP_AND,
    BEBA_OP_OR,
    BEBA_OP_XOR,
    BEBA_OP_SHL, /* count modulo 64 */
    BEBA_OP_SHR,
    /* comparisons: false when an operand read a field the packet lacks; 128 bits allowed */
    BEBA_OP_EQ,
    BEBA_OP_NE,
    BEBA_OP_LT,
    BEBA_OP_LE,
    BEBA_OP_GT,
    BEBA_OP_GE,
    /* short-circuit */
    BEBA_OP_LAND,
    BEBA_OP_LOR,
    /* built-ins; 64 bits */
    BEBA_OP_MIN,
    BEBA_OP_MAX,
    BEBA_OP_SAT_ADD,
    BEBA_OP_SAT_SUB,
    BEBA_OP_ABS_DIFF,
    BEBA_OP_HASH,    /* n arguments of any width: base/hash.h; 32 bits */
    BEBA_OP_EWMA,    /* (previous, sample, w): BEBA's, w = weight of previous in eighths, 1..7 */
    BEBA_OP_AVG,     /* (mean, n, sample) -> new mean, scaled by 1000 */
    BEBA_OP_VAR,     /* (variance, mean, n, sample) -> new variance; mean is the one before */
    BEBA_OP_SEQ_LT,  /* modulo 2^32: (int32)(a - b) < 0 */
    BEBA_OP_SEQ_LEQ, /* modulo 2^32: (int32)(a - b) <= 0 */
    BEBA_N_OPS
};

#endif
