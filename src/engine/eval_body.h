/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter's expressions: the first half of exec_body.h. */
#include "base/hash.h"
#include "engine/internal.h"
#include "engine/tracer.h"
#include "packet/read.h"
#include "pipeline/arith.h"

/* Expressions -------------------------------------------------------------------------------- */

static uint64_t eval(struct exec *x, const struct node *n);
static struct beba_u128 eval_wide(struct exec *x, const struct node *n);
static void force_let(struct exec *x, uint32_t id);

BEBA_INLINE uint64_t absent_field(struct exec *x)
{
    x->absent = true;
    return 0;
}

/* The first byte of a field, or NULL when the packet lacks its header. */
BEBA_INLINE const uint8_t *field_at(struct exec *x, const struct node *n)
{
    const struct beba_packet *p = x->p;

    if (!(p->h.layers >> n->layer & 1))
        return NULL;
    return p->data + p->h.offset[n->layer] + n->offset;
}

static uint64_t eval_field(struct exec *x, const struct node *n)
{
    uint64_t v;

    if (!beba_field_get(x->p, (enum beba_field_id)n->id, &v))
        return absent_field(x);
    return v;
}

BEBA_INLINE void read_let(struct exec *x, uint32_t id)
{
    if (x->e->pending[id])
        force_let(x, id);
}

static uint64_t eval_let(struct exec *x, const struct node *n)
{
    read_let(x, n->id);
    x->absent |= x->e->let_absent[n->id];
    return x->e->let[n->id].lo;
}

BEBA_INLINE bool compare64(unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
    case BEBA_OP_EQ:
        return a == b;
    case BEBA_OP_NE:
        return a != b;
    case BEBA_OP_LT:
        return a < b;
    case BEBA_OP_LE:
        return a <= b;
    case BEBA_OP_GT:
        return a > b;
    default:
        return a >= b;
    }
}

/* Comparisons are false when an operand read an absent field; what is outside them does not see it.
 */
static bool eval_compare(struct exec *x, const struct node *n)
{
    bool outer = x->absent, result;
    uint64_t a;

    x->absent = false;
    a = eval(x, n->a);
    result = compare64(n->compare, a, eval(x, n->b)) && !x->absent;
    x->absent = outer;
    return result;
}

static bool eval_compare_k(struct exec *x, const struct node *n)
{
    bool outer = x->absent, result;

    x->absent = false;
    result = compare64(n->compare, eval(x, n->a), n->k) && !x->absent;
    x->absent = outer;
    return result;
}

static bool eval_compare_wide(struct exec *x, const struct node *n)
{
    bool outer = x->absent, result;
    struct beba_u128 a;

    x->absent = false;
    a = eval_wide(x, n->a);
    result = beba_compare((enum beba_op)n->compare, a, eval_wide(x, n->b)) && !x->absent;
    x->absent = outer;
    return result;
}

static bool eval_seq(struct exec *x, const struct node *n)
{
    bool outer = x->absent, result;
    uint64_t a, b;

    x->absent = false;
    a = eval(x, n->a);
    b = eval(x, n->b);
    result = n->compare == BEBA_OP_SEQ_LT ? beba_seq_lt(a, b) : beba_seq_leq(a, b);
    result = result && !x->absent;
    x->absent = outer;
    return result;
}

static bool eval_in(struct exec *x, const struct node *n)
{
    const struct set *set = &x->e->set[n->id];
    bool outer = x->absent, result;
    struct beba_u128 v;

    x->absent = false;
    v = eval_wide(x, n->a);
    if (n->op == BEBA_OP_IN_LIST)
        result = ranges_have(n->expr->range, n->expr->n_ranges, v);
    else
        result = ranges_have(set->merged, set->n_merged, v);
    result = result && !x->absent;
    x->absent = outer;
    return result;
}

static uint64_t eval_hash(struct exec *x, const struct node *n)
{
    uint32_t h = 0, n_words = 0;

    for (unsigned i = 0; i < n->n_args; i++)
        h = beba_hash_value(h, eval_wide(x, n->arg[i]), n->arg[i]->width, &n_words);
    return beba_hash_end(h, n_words);
}

static uint64_t cell_load(const struct array *a, uint64_t i)
{
    switch (a->size) {
    case 1:
        return ((const uint8_t *)a->cell)[i];
    case 2:
        return ((const uint16_t *)a->cell)[i];
    case 4:
        return ((const uint32_t *)a->cell)[i];
    default:
        return ((const uint64_t *)a->cell)[i];
    }
}

static void cell_store(const struct array *a, uint64_t i, uint64_t v)
{
    switch (a->size) {
    case 1:
        ((uint8_t *)a->cell)[i] = (uint8_t)v;
        break;
    case 2:
        ((uint16_t *)a->cell)[i] = (uint16_t)v;
        break;
    case 4:
        ((uint32_t *)a->cell)[i] = (uint32_t)v;
        break;
    default:
        ((uint64_t *)a->cell)[i] = v;
    }
}

/* The cell that an index or two name: one-dimensional arrays have one row. */
static uint64_t cell_index(struct exec *x, const struct array *a, const struct node *i,
                           const struct node *j)
{
    uint64_t row = j ? eval(x, i) : 0;

    return array_index(a, row, eval(x, j ? j : i));
}

static uint64_t eval_array(struct exec *x, const struct node *n)
{
    const struct array *a = &x->e->array[n->id];

    return cell_load(a, cell_index(x, a, n->a, n->b));
}

/* The state of this packet's entry in a table, as a packet would see it; nothing is touched. */
static uint64_t eval_state(struct exec *x, const struct node *n)
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
    entry = beba_ft_peek(t->ft, keys.lookup.word, keys.lookup.hash);
    if (!entry)
        return 0;
    seen =
        (struct beba_seen){.state = entry->state, .entered = entry->entered, .used = entry->used};
    beba_timeouts_apply(beba_ft_states(t->ft), t->ft->n_states, &seen, x->p->now);
    return seen.state;
}

static uint64_t eval_random(struct exec *x, const struct node *n)
{
    uint64_t bound = eval(x, n->a);

    return beba_random(x->e->opts.seed, x->number, x->draws++, bound);
}

static uint64_t eval_op(struct exec *x, const struct node *n)
{
    const struct beba_packet *p = x->p;
    const uint8_t *regs = x->read_regs;
    const uint8_t *at;
    uint64_t v[4];

    switch (n->op) {
    case BEBA_OP_CONST:
        return n->k;
    case NODE_BITS:
        at = field_at(x, n);
        return at ? *at >> n->shift & n->k : absent_field(x);
    case NODE_BE16:
        at = field_at(x, n);
        return at ? beba_load16(at) : absent_field(x);
    case NODE_BE32:
        at = field_at(x, n);
        return at ? beba_load32(at) : absent_field(x);
    case NODE_BE48:
        at = field_at(x, n);
        return at ? beba_load_bytes(at, 6) : absent_field(x);
    case NODE_FIELD:
        return eval_field(x, n);
    case NODE_FIELD_WIDE:
    case NODE_REG128:
    case BEBA_OP_MAP4:
        return eval_wide(x, n).lo;
    case NODE_IN_PORT:
        return p->in_port;
    case NODE_NOW:
        return p->now;
    case NODE_PKT_LEN:
        return p->wire_len;
    case NODE_METADATA:
        return p->metadata;
    case NODE_IP_PROTO:
        return beba_packet_has(p, BEBA_LAYER_IP) ? p->h.ip_proto : absent_field(x);
    case NODE_REG8:
        return regs[n->offset];
    case NODE_REG16:
        return *(const uint16_t *)(const void *)(regs + n->offset);
    case NODE_REG32:
        return *(const uint32_t *)(const void *)(regs + n->offset);
    case NODE_REG64:
        return *(const uint64_t *)(const void *)(regs + n->offset);
    case BEBA_OP_LET:
        return eval_let(x, n);
    case BEBA_OP_GLOBAL:
        return x->e->global[n->id].lo;
    case BEBA_OP_STATE:
        return eval_state(x, n);
    case BEBA_OP_FORWARD:
        return x->forward;
    case BEBA_OP_PRESENT:
        return beba_packet_has(p, (enum beba_layer)n->id);
    case BEBA_OP_RANDOM:
        return eval_random(x, n);
    case BEBA_OP_ARRAY:
        return eval_array(x, n);
    case BEBA_OP_IN_LIST:
    case BEBA_OP_IN_SET:
        return eval_in(x, n);
    case BEBA_OP_HASH:
        return eval_hash(x, n);
    case NODE_COMPARE_K:
        return eval_compare_k(x, n);
    case NODE_COMPARE:
        return eval_compare(x, n);
    case NODE_COMPARE_WIDE:
        return eval_compare_wide(x, n);
    case NODE_SEQ:
        return eval_seq(x, n);
    case BEBA_OP_NOT:
        return !eval(x, n->a);
    case BEBA_OP_LAND:
        return eval(x, n->a) && eval(x, n->b);
    case BEBA_OP_LOR:
        return eval(x, n->a) || eval(x, n->b);
    case BEBA_OP_ADD:
        v[0] = eval(x, n->a);
        return v[0] + eval(x, n->b);
    case BEBA_OP_SUB:
        v[0] = eval(x, n->a);
        return v[0] - eval(x, n->b);
    default:
        for (unsigned i = 0; i < n->n_args && i < 4; i++)
            v[i] = eval(x, n->arg[i]);
        return beba_op_apply((enum beba_op)n->op, n->width, v);
    }
}

static struct beba_u128 eval_wide_op(struct exec *x, const struct node *n)
{
    struct beba_u128 v;

    switch (n->op) {
    case BEBA_OP_CONST:
        return n->expr->k;
    case NODE_FIELD_WIDE:
        x->absent |= !beba_field_get_wide(x->p, (enum beba_field_id)n->id, &v);
        return v;
    case NODE_REG128:
        memcpy(&v, x->read_regs + n->offset, sizeof(v));
        return v;
    case BEBA_OP_LET:
        read_let(x, n->id);
        x->absent |= x->e->let_absent[n->id];
        return x->e->let[n->id];
    case BEBA_OP_GLOBAL:
        return x->e->global[n->id];
    case BEBA_OP_MAP4:
        return beba_u128(0, 0xffffull << 32 | (uint32_t)eval(x, n->a));
    default:
        return beba_u128(0, eval_op(x, n));
    }
}

#if TRACED
/* The same, telling the tracer each value and whether it came from an absent field. */
static uint64_t eval(struct exec *x, const struct node *n)
{
    bool outer = x->absent;
    uint64_t v;

    x->absent = false;
    v = eval_op(x, n);
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
static uint64_t eval(struct exec *x, const struct node *n)
{
    return eval_op(x, n);
}

static struct beba_u128 eval_wide(struct exec *x, const struct node *n)
{
    return eval_wide_op(x, n);
}
#define TRACE(call) (void)0
#endif
