/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Expressions of packets that have every field a table reads. Nothing is absent, and the common
 * operators have a function for each kind of leaf their operands can be, which reads it without a
 * call. */
#define TRACED 0
#define SURE   1
#include "engine/eval_body.h"

/* Operands on the right and, after constants have gone there, on the left. */
enum { NODE, REG32, REG64, LET, BE32, BE16, NOW, N_LEFT, CONSTANT = BE16, N_RIGHT };
static const uint8_t left_kind[NODE_N_OPS] = {
    [NODE_REG32] = REG32, [NODE_REG64] = REG64, [BEBA_OP_LET] = LET,
    [NODE_BE32] = BE32,   [NODE_BE16] = BE16,   [NODE_NOW] = NOW,
};
static const uint8_t right_kind[NODE_N_OPS] = {
    [NODE_REG32] = REG32, [NODE_REG64] = REG64,       [BEBA_OP_LET] = LET,
    [NODE_BE32] = BE32,   [BEBA_OP_CONST] = CONSTANT,
};

/* Truth values. */
enum { TRUTH, BIT, FLAGS, LET_BIT, FORWARD, N_TRUTHS };
static const uint8_t truth_kind[NODE_N_OPS] = {
    [NODE_BITS] = BIT,
    [NODE_FLAGS] = FLAGS,
    [BEBA_OP_LET] = LET_BIT,
    [BEBA_OP_FORWARD] = FORWARD,
};

/* Leaves lie right behind the node that reads them (code.c). */
enum { LEAF_a = 1, LEAF_b };
#define PART_reg32(n, which)    ((n) + LEAF_##which)
#define PART_reg64(n, which)    ((n) + LEAF_##which)
#define PART_let(n, which)      ((n) + LEAF_##which)
#define PART_be32(n, which)     ((n) + LEAF_##which)
#define PART_be16(n, which)     ((n) + LEAF_##which)
#define PART_now(n, which)      ((n) + LEAF_##which)
#define PART_constant(n, which) ((n) + LEAF_##which)
#define PART_bits(n, which)     ((n) + LEAF_##which)
#define PART_flags(n, which)    ((n) + LEAF_##which)
#define PART_forward(n, which)  ((n) + LEAF_##which)

/* clang-format off */
#define COMMON_OF(A, B) COMMON(BINARY_OF, A, B) COMPARISONS(COMPARE_OF, A, B)
#define K_OF(A) WITH_K(UNARY_OF, A) COMPARISONS_K(COMPARE_K_OF, A)
#define LEFT(A) COMMON_OF(A, node) RIGHTS(A) K_OF(A)
#define RIGHTS(A) \
    COMMON_OF(A, reg32) COMMON_OF(A, reg64) COMMON_OF(A, let) \
    COMMON_OF(A, be32) COMMON_OF(A, constant)
#define LOGIC_OF(A, B) LAND_OF(A, B) LOR_OF(A, B)
#define LOGICS(A) LOGIC_OF(A, bits) LOGIC_OF(A, flags) LOGIC_OF(A, let) LOGIC_OF(A, forward)
#define LOGIC(A) LOGIC_OF(A, node) LOGICS(A) UNARY_OF(A, not, !a)

RIGHTS(node)
LEFT(reg32)
LEFT(reg64)
LEFT(let)
LEFT(be32)
LEFT(be16)
LEFT(now)
LOGICS(node)
LOGIC(bits)
LOGIC(flags)
LOGIC(let)
LOGIC(forward)

#define ROW(name, A) \
    {op_##name##_##A##_node, op_##name##_##A##_reg32, op_##name##_##A##_reg64, \
     op_##name##_##A##_let, op_##name##_##A##_be32, op_##name##_##A##_constant}
#define ROWS(name) \
    {ROW(name, node), ROW(name, reg32), ROW(name, reg64), ROW(name, let), ROW(name, be32), \
     ROW(name, be16), ROW(name, now)}
#define COLUMN(name) \
    {op_##name##_node, op_##name##_reg32, op_##name##_reg64, op_##name##_let, op_##name##_be32, \
     op_##name##_be16, op_##name##_now}
#define TRUTH_ROW(name, A) \
    {op_##name##_##A##_node, op_##name##_##A##_bits, op_##name##_##A##_flags, \
     op_##name##_##A##_let, op_##name##_##A##_forward}
#define TRUTH_ROWS(name) \
    {TRUTH_ROW(name, node), TRUTH_ROW(name, bits), TRUTH_ROW(name, flags), TRUTH_ROW(name, let), \
     TRUTH_ROW(name, forward)}
/* clang-format on */

static const eval_fn binary[BEBA_N_OPS][N_LEFT][N_RIGHT] = {
    [BEBA_OP_ADD] = ROWS(add),         [BEBA_OP_SUB] = ROWS(sub),
    [BEBA_OP_MIN] = ROWS(min),         [BEBA_OP_MAX] = ROWS(max),
    [BEBA_OP_SAT_ADD] = ROWS(sat_add), [BEBA_OP_SAT_SUB] = ROWS(sat_sub),
    [BEBA_OP_EQ] = ROWS(eq),           [BEBA_OP_NE] = ROWS(ne),
    [BEBA_OP_LT] = ROWS(lt),           [BEBA_OP_LE] = ROWS(le),
    [BEBA_OP_GT] = ROWS(gt),           [BEBA_OP_GE] = ROWS(ge),
    [BEBA_OP_SEQ_LT] = ROWS(seq_lt),   [BEBA_OP_SEQ_LEQ] = ROWS(seq_leq),
};
static const eval_fn with_k[NODE_N_OPS][N_LEFT] = {
    [NODE_ADD_K] = COLUMN(add_k), [NODE_SUB_K] = COLUMN(sub_k), [NODE_MUL_K] = COLUMN(mul_k),
    [NODE_AND_K] = COLUMN(and_k), [NODE_SHL_K] = COLUMN(shl_k), [NODE_SHR_K] = COLUMN(shr_k),
    [NODE_EQ_K] = COLUMN(eq_k),   [NODE_NE_K] = COLUMN(ne_k),   [NODE_LT_K] = COLUMN(lt_k),
    [NODE_LE_K] = COLUMN(le_k),   [NODE_GT_K] = COLUMN(gt_k),   [NODE_GE_K] = COLUMN(ge_k),
};
static const eval_fn land[N_TRUTHS][N_TRUTHS] = TRUTH_ROWS(land);
static const eval_fn lor[N_TRUTHS][N_TRUTHS] = TRUTH_ROWS(lor);
static const eval_fn not [N_TRUTHS] = {op_not_node, op_not_bits, op_not_flags, op_not_let,
                                       op_not_forward};

eval_fn beba_eval_sure(const struct node *n)
{
    eval_fn fn = NULL;

    if (n->op == BEBA_OP_LAND)
        fn = land[truth_kind[n->a->op]][truth_kind[n->b->op]];
    else if (n->op == BEBA_OP_LOR)
        fn = lor[truth_kind[n->a->op]][truth_kind[n->b->op]];
    else if (n->op == BEBA_OP_NOT)
        fn = not [truth_kind[n->a->op]];
    else if (with_k[n->op][NODE])
        fn = with_k[n->op][left_kind[n->a->op]];
    else if (n->op < BEBA_N_OPS && binary[n->op][NODE][NODE])
        fn = binary[n->op][left_kind[n->a->op]][right_kind[n->b->op]];
    return fn ? fn : eval_ops[n->op];
}
