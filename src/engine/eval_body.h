/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter's expressions: the first half of exec_body.h. With SURE 1 (sure.c) they are those
 * of a table whose packet has every field that the table reads: nothing is absent. */
#include "base/hash.h"
#include "engine/held.h"
#include "engine/tracer.h"
#include "packet/read.h"
#include "pipeline/arith.h"

/* Expressions -------------------------------------------------------------------------------- */

/* Values of up to 64 bits: one function an operation, in a table. */
static const eval_fn eval_ops[NODE_N_OPS];

static struct beba_u128 eval_wide_op(struct exec *x, const struct node *n);
static void force_let(struct exec *x, uint32_t id);

#if TRACED
/* Tells the tracer each value and whether it came from an absent field. */
static uint64_t eval(struct exec *x, const struct node *n)
{
    bool outer = x->absent;
    uint64_t v;

    x->absent = false;
    v = eval_ops[n->op](x, n);
    beba_tracer_value(x->tracer, n, beba_u128(0, v), x->absent);
    x->absent |= outer;
    return v;
}

static struct beba_u128 eval_wide(struct exec *x, const struct node *n)
{
    bool outer = x->absent;
    struct beba_u128 v;

    x->absent = false;
    v = eval_wide_op(x, n);
    beba_tracer_value(x->tracer, n, v, x->absent);
    x->absent |= outer;
    return v;
}
#define TRACE(call) call
#else
BEBA_INLINE uint64_t eval(struct exec *x, const struct node *n)
{
    return n->run(x, n);
}

BEBA_INLINE struct beba_u128 eval_wide(struct exec *x, const struct node *n)
{
    return eval_wide_op(x, n);
}
#define TRACE(call) (void)0
#endif

/* Fields ------------------------------------------------------------------------------------- */

BEBA_INLINE uint64_t absent_field(struct exec *x)
{
    x->absent = true;
    return 0;
}

BEBA_INLINE bool lacks_field(const struct exec *x, const struct node *n)
{
    return !SURE && __builtin_expect(!(x->p->h.layers >> n->layer & 1), 0);
}

BEBA_INLINE const uint8_t *field_at(const struct exec *x, const struct node *n)
{
    return (SURE ? x->header[n->layer] : x->p->data + x->p->h.offset[n->layer]) + n->offset;
}

/* A function of one expression, which may use x, p and n. */
#define LEAF(name, value)                                                \
    BEBA_INLINE uint64_t op_##name(struct exec *x, const struct node *n) \
    {                                                                    \
        return value;                                                    \
    }
#define FIELD(name, value) LEAF(name, lacks_field(x, n) ? absent_field(x) : (value))
#define REG(name, type)    LEAF(name, *(const type *)(const void *)(x->read_regs + n->offset))

FIELD(bits, *field_at(x, n) >> n->shift & n->k)
FIELD(bits16, beba_load16(field_at(x, n)) >> n->shift & n->k)
FIELD(be16, beba_load16(field_at(x, n)))
FIELD(be32, beba_load32(field_at(x, n)))
FIELD(be48, beba_load_bytes(field_at(x, n), 6))
FIELD(ip_proto, x->p->h.ip_proto)
FIELD(payload_len, beba_l4_payload_len(x->p))
LEAF(in_port, x->p->in_port)
LEAF(now, x->p->now)
LEAF(pkt_len, x->p->wire_len)
LEAF(metadata, x->p->metadata)
LEAF(present, x->p->h.layers >> n->id & 1)
LEAF(constant, n->k)
LEAF(global, __atomic_load_n(&x->e->global[n->id].lo, __ATOMIC_RELAXED))
LEAF(forward, x->forward)
REG(reg8, uint8_t)
REG(reg16, uint16_t)
REG(reg32, uint32_t)
REG(reg64, uint64_t)

static uint64_t op_field(struct exec *x, const struct node *n)
{
    uint64_t v;

    return beba_field_get(x->p, (enum beba_field_id)n->id, &v) ? v : absent_field(x);
}

BEBA_INLINE void read_let(struct exec *x, uint32_t id)
{
    if (x->e->pending[id])
        force_let(x, id);
}

BEBA_INLINE struct beba_u128 let_value(struct exec *x, const struct node *n)
{
    read_let(x, n->id);
    if (!SURE)
        x->absent |= x->e->let_absent[n->id];
    return x->e->let[n->id];
}

LEAF(let, let_value(x, n).lo)

/* Operators ---------------------------------------------------------------------------------- */

/* A function of its operands a and b, which are read by the functions of A and B: `node`, whatever
 * they are, or, where that is known when the node is made (sure.c), one of the leaves above. PART
 * says where the operand is. */
#define PART_node(n, which) (n)->which
#define UNARY_OF(A, name, value)                                          \
    static uint64_t op_##name##_##A(struct exec *x, const struct node *n) \
    {                                                                     \
        uint64_t a = op_##A(x, PART_##A(n, a));                           \
                                                                          \
        return value;                                                     \
    }
#define BINARY_OF(A, B, name, value)                                            \
    static uint64_t op_##name##_##A##_##B(struct exec *x, const struct node *n) \
    {                                                                           \
        uint64_t a = op_##A(x, PART_##A(n, a)), b = op_##B(x, PART_##B(n, b));  \
                                                                                \
        return value;                                                           \
    }
/* Comparisons are false when an operand read an absent field; what is outside them does not see it.
 */
#if SURE
#define COMPARE(name, type_a, eval_a, type_b, eval_b, value)        \
    static uint64_t op_##name(struct exec *x, const struct node *n) \
    {                                                               \
        type_a a = eval_a;                                          \
        type_b b = eval_b;                                          \
                                                                    \
        return value;                                               \
    }
#else
#define COMPARE(name, type_a, eval_a, type_b, eval_b, value)        \
    static uint64_t op_##name(struct exec *x, const struct node *n) \
    {                                                               \
        bool outer = x->absent, result;                             \
        type_a a;                                                   \
        type_b b;                                                   \
                                                                    \
        x->absent = false;                                          \
        a = eval_a;                                                 \
        b = eval_b;                                                 \
        result = (value) && !x->absent;                             \
        x->absent = outer;                                          \
        return result;                                              \
    }
#endif
#define COMPARE_OF(A, B, name, value)                                        \
    COMPARE(name##_##A##_##B, uint64_t, op_##A(x, PART_##A(n, a)), uint64_t, \
            op_##B(x, PART_##B(n, b)), value)
#define COMPARE_K_OF(A, name, value) \
    COMPARE(name##_##A, uint64_t, op_##A(x, PART_##A(n, a)), uint64_t, n->k, value)

/* DO(..., name, value) for each operator; those of COMMON get functions for kinds of operands. */
#define COMMON(DO, ...)                          \
    DO(__VA_ARGS__, add, a + b)                  \
    DO(__VA_ARGS__, sub, a - b)                  \
    DO(__VA_ARGS__, min, a < b ? a : b)          \
    DO(__VA_ARGS__, max, a > b ? a : b)          \
    DO(__VA_ARGS__, sat_add, beba_sat_add(a, b)) \
    DO(__VA_ARGS__, sat_sub, beba_sat_sub(a, b))
#define OTHERS(DO, ...)        \
    DO(__VA_ARGS__, mul, a *b) \
    DO(__VA_ARGS__, and, a &b) \
    DO(__VA_ARGS__, or, a | b)
#define WITH_K(DO, ...)                   \
    DO(__VA_ARGS__, add_k, a + n->k)      \
    DO(__VA_ARGS__, sub_k, a - n->k)      \
    DO(__VA_ARGS__, mul_k, a * n->k)      \
    DO(__VA_ARGS__, and_k, a & n->k)      \
    DO(__VA_ARGS__, shl_k, a << n->shift) \
    DO(__VA_ARGS__, shr_k, a >> n->shift)
#define COMPARISONS(DO, ...)                   \
    DO(__VA_ARGS__, eq, a == b)                \
    DO(__VA_ARGS__, ne, a != b)                \
    DO(__VA_ARGS__, lt, a < b)                 \
    DO(__VA_ARGS__, le, a <= b)                \
    DO(__VA_ARGS__, gt, a > b)                 \
    DO(__VA_ARGS__, ge, a >= b)                \
    DO(__VA_ARGS__, seq_lt, beba_seq_lt(a, b)) \
    DO(__VA_ARGS__, seq_leq, beba_seq_leq(a, b))
#define COMPARISONS_K(DO, ...)    \
    DO(__VA_ARGS__, eq_k, a == b) \
    DO(__VA_ARGS__, ne_k, a != b) \
    DO(__VA_ARGS__, lt_k, a < b)  \
    DO(__VA_ARGS__, le_k, a <= b) \
    DO(__VA_ARGS__, gt_k, a > b)  \
    DO(__VA_ARGS__, ge_k, a >= b)
/* Truth values are 0 or 1, so the last part can be a jump. */
#define LAND_OF(A, B)                                                       \
    static uint64_t op_land_##A##_##B(struct exec *x, const struct node *n) \
    {                                                                       \
        return op_##A(x, PART_##A(n, a)) ? op_##B(x, PART_##B(n, b)) : 0;   \
    }
#define LOR_OF(A, B)                                                       \
    static uint64_t op_lor_##A##_##B(struct exec *x, const struct node *n) \
    {                                                                      \
        return op_##A(x, PART_##A(n, a)) ? 1 : op_##B(x, PART_##B(n, b));  \
    }

LEAF(node, eval(x, n))
COMMON(BINARY_OF, node, node)
OTHERS(BINARY_OF, node, node)
WITH_K(UNARY_OF, node)
COMPARISONS(COMPARE_OF, node, node)
COMPARISONS_K(COMPARE_K_OF, node)
UNARY_OF(node, not, !a)
LAND_OF(node, node)
LOR_OF(node, node)

/* Without the values of the parts, which the tracer wants. */
#if TRACED
#define op_flags     op_land_node_node
#define op_eq_be16_k op_eq_k_node
#else
FIELD(flags, (*field_at(x, n) & n->k) == n->shift)
LEAF(eq_be16_k, !lacks_field(x, n) && beba_load16(field_at(x, n)) == n->k)
#endif

/* The other operators. */
static uint64_t op_any(struct exec *x, const struct node *n)
{
    uint64_t v[4] = {0};

    for (unsigned i = 0; i < n->n_args && i < 4; i++)
        v[i] = eval(x, n->arg[i]);
    return beba_op_apply((enum beba_op)n->expr->op, n->width, v);
}

COMPARE(compare_wide, struct beba_u128, eval_wide(x, n->a), struct beba_u128, eval_wide(x, n->b),
        beba_compare((enum beba_op)n->compare, a, b))
COMPARE(in_list, struct beba_u128, eval_wide(x, n->a), uint32_t, n->expr->n_ranges,
        ranges_have(n->expr->range, b, a))
COMPARE(in_set, struct beba_u128, eval_wide(x, n->a), const struct set *, &x->e->set[n->id],
        set_has(b, a))

/* Functions and tables ----------------------------------------------------------------------- */

static uint64_t op_hash(struct exec *x, const struct node *n)
{
    uint32_t h = 0, n_words = 0;

    for (unsigned i = 0; i < n->n_args; i++)
        h = beba_hash_value(h, eval_wide(x, n->arg[i]), n->arg[i]->width, &n_words);
    return beba_hash_end(h, n_words);
}

/* The cell that an index or two name: one-dimensional arrays have one row. */
static uint64_t cell_index(struct exec *x, const struct array *a, const struct node *i,
                           const struct node *j)
{
    uint64_t row = j ? eval(x, i) : 0;

    return array_index(a, row, eval(x, j ? j : i));
}

static uint64_t op_array(struct exec *x, const struct node *n)
{
    const struct array *a = &x->e->array[n->id];

    return cell_load(a, cell_index(x, a, n->a, n->b));
}

static uint64_t shared_state(struct exec *x, const struct table *t, const struct flow_key *key)
{
    uint64_t state;

    x->busy |= beba_held_state(t, key, x->p->now, &state) != 0;
    return state;
}

/* The state of this packet's entry in a table, as a packet would see it; nothing is touched. */
static uint64_t op_state(struct exec *x, const struct node *n)
{
    const struct table *t = &x->e->table[n->id];
    struct table_keys keys;
    struct beba_ft_entry *entry;
    struct beba_seen seen;

    if (t == x->t)
        return t->ft && !x->keys->has ? UINT32_MAX : t->code->two_keys ? x->read_state : x->state;
    if (!t->ft)
        return 0;
    table_keys_take(t, x->p, &keys);
    if (!keys.has)
        return UINT32_MAX;
    if (x->e->several)
        return shared_state(x, t, &keys.lookup);
    entry = beba_ft_peek(t->ft, keys.lookup.word, keys.lookup.hash);
    if (!entry)
        return 0;
    seen =
        (struct beba_seen){.state = entry->state, .entered = entry->entered, .used = entry->used};
    beba_timeouts_apply(beba_ft_states(t->ft), t->ft->n_states, &seen, x->p->now);
    return seen.state;
}

static uint64_t op_random(struct exec *x, const struct node *n)
{
    uint64_t bound = eval(x, n->a);

    return beba_random(x->e->opts.seed, x->number, x->draws++, bound);
}

static uint64_t op_wide(struct exec *x, const struct node *n)
{
    return eval_wide_op(x, n).lo;
}

static const eval_fn eval_ops[NODE_N_OPS] = {
    [BEBA_OP_CONST] = op_constant,
    [BEBA_OP_FIELD] = op_field,
    [BEBA_OP_LET] = op_let,
    [BEBA_OP_GLOBAL] = op_global,
    [BEBA_OP_STATE] = op_state,
    [BEBA_OP_FORWARD] = op_forward,
    [BEBA_OP_PRESENT] = op_present,
    [BEBA_OP_RANDOM] = op_random,
    [BEBA_OP_NOT] = op_not_node,
    [BEBA_OP_INV] = op_any,
    [BEBA_OP_NEG] = op_any,
    [BEBA_OP_MAP4] = op_wide,
    [BEBA_OP_ARRAY] = op_array,
    [BEBA_OP_IN_LIST] = op_in_list,
    [BEBA_OP_IN_SET] = op_in_set,
    [BEBA_OP_ADD] = op_add_node_node,
    [BEBA_OP_SUB] = op_sub_node_node,
    [BEBA_OP_MUL] = op_mul_node_node,
    [BEBA_OP_DIV] = op_any,
    [BEBA_OP_MOD] = op_any,
    [BEBA_OP_AND] = op_and_node_node,
    [BEBA_OP_OR] = op_or_node_node,
    [BEBA_OP_XOR] = op_any,
    [BEBA_OP_SHL] = op_any,
    [BEBA_OP_SHR] = op_any,
    [BEBA_OP_EQ] = op_eq_node_node,
    [BEBA_OP_NE] = op_ne_node_node,
    [BEBA_OP_LT] = op_lt_node_node,
    [BEBA_OP_LE] = op_le_node_node,
    [BEBA_OP_GT] = op_gt_node_node,
    [BEBA_OP_GE] = op_ge_node_node,
    [BEBA_OP_LAND] = op_land_node_node,
    [BEBA_OP_LOR] = op_lor_node_node,
    [BEBA_OP_MIN] = op_min_node_node,
    [BEBA_OP_MAX] = op_max_node_node,
    [BEBA_OP_SAT_ADD] = op_sat_add_node_node,
    [BEBA_OP_SAT_SUB] = op_sat_sub_node_node,
    [BEBA_OP_ABS_DIFF] = op_any,
    [BEBA_OP_HASH] = op_hash,
    [BEBA_OP_EWMA] = op_any,
    [BEBA_OP_AVG] = op_any,
    [BEBA_OP_VAR] = op_any,
    [BEBA_OP_SEQ_LT] = op_seq_lt_node_node,
    [BEBA_OP_SEQ_LEQ] = op_seq_leq_node_node,
    [NODE_BITS] = op_bits,
    [NODE_BITS16] = op_bits16,
    [NODE_BE16] = op_be16,
    [NODE_BE32] = op_be32,
    [NODE_BE48] = op_be48,
    [NODE_FIELD] = op_field,
    [NODE_FIELD_WIDE] = op_wide,
    [NODE_IN_PORT] = op_in_port,
    [NODE_NOW] = op_now,
    [NODE_PKT_LEN] = op_pkt_len,
    [NODE_METADATA] = op_metadata,
    [NODE_IP_PROTO] = op_ip_proto,
    [NODE_PAYLOAD_LEN] = op_payload_len,
    [NODE_REG8] = op_reg8,
    [NODE_REG16] = op_reg16,
    [NODE_REG32] = op_reg32,
    [NODE_REG64] = op_reg64,
    [NODE_REG128] = op_wide,
    [NODE_ADD_K] = op_add_k_node,
    [NODE_SUB_K] = op_sub_k_node,
    [NODE_MUL_K] = op_mul_k_node,
    [NODE_AND_K] = op_and_k_node,
    [NODE_SHL_K] = op_shl_k_node,
    [NODE_SHR_K] = op_shr_k_node,
    [NODE_EQ_K] = op_eq_k_node,
    [NODE_NE_K] = op_ne_k_node,
    [NODE_LT_K] = op_lt_k_node,
    [NODE_LE_K] = op_le_k_node,
    [NODE_GT_K] = op_gt_k_node,
    [NODE_GE_K] = op_ge_k_node,
    [NODE_EQ_BE16_K] = op_eq_be16_k,
    [NODE_FLAGS] = op_flags,
    [NODE_COMPARE_WIDE] = op_compare_wide,
};

/* Values of any width. */
static struct beba_u128 eval_wide_op(struct exec *x, const struct node *n)
{
    struct beba_u128 v;

    switch (n->op) {
    case BEBA_OP_CONST:
        return n->expr->op == BEBA_OP_CONST ? n->expr->k : beba_u128(0, n->k);
    case NODE_FIELD_WIDE:
        x->absent |= !beba_field_get_wide(x->p, (enum beba_field_id)n->id, &v);
        return v;
    case NODE_REG128:
        memcpy(&v, x->read_regs + n->offset, sizeof(v));
        return v;
    case BEBA_OP_LET:
        return let_value(x, n);
    case BEBA_OP_GLOBAL:
        return global_load(x->e, n->id);
    case BEBA_OP_MAP4:
        return beba_u128(0, 0xffffull << 32 | (uint32_t)eval(x, n->a));
    default:
        return beba_u128(0, (TRACED ? eval_ops[n->op] : n->run)(x, n));
    }
}

/* Lets --------------------------------------------------------------------------------------- */

static void let(struct exec *x, const struct code_stmt *s)
{
    bool outer = x->absent;
    struct beba_engine *e = x->e;
    struct beba_u128 v;

    if (!SURE)
        x->absent = false;
    v = s->value->width > 64 ? eval_wide(x, s->value) : beba_u128(0, eval(x, s->value));
    e->let[s->id] = v;
    e->pending[s->id] = NULL;
    if (SURE)
        return;
    e->let_absent[s->id] = x->absent;
    x->absent = outer;
}

/* A let before a guard is pure and nothing it reads changes until a body runs, so it is computed
 * when somebody reads it, or when the body starts. */
static void force_let(struct exec *x, uint32_t id)
{
    const struct code_stmt *s = x->e->pending[id];

    let(x, s);
    TRACE(beba_tracer_stmt(x->tracer, x, s, 0));
}
