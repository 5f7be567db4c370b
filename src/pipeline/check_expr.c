/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/check.h"

#include <errno.h>

/* How wide the result of an operation is, at least: no value may be wider than its type says. */
enum need {
    NEED_NONE, /* leaves and what is checked by its own code */
    NEED_1,
    NEED_32,
    NEED_64,
    NEED_128,
    NEED_FIRST, /* as wide as the first argument */
    NEED_LEAST, /* as the narrower of two */
    NEED_MOST,  /* as the wider of two */
};

/* What the arguments may be. */
enum takes { TAKES_NARROW /* up to 64 bits */, TAKES_ANY, TAKES_ALIKE, TAKES_TRUTH, TAKES_32 };

struct shape {
    uint8_t need, takes;
};

static const struct shape shapes[BEBA_N_OPS] = {
    [BEBA_OP_FORWARD] = {NEED_1, 0},
    [BEBA_OP_PRESENT] = {NEED_1, 0},
    [BEBA_OP_STATE] = {NEED_32, 0},
    [BEBA_OP_RANDOM] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_NOT] = {NEED_1, TAKES_TRUTH},
    [BEBA_OP_INV] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_NEG] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_MAP4] = {NEED_128, TAKES_32},
    [BEBA_OP_ARRAY] = {NEED_NONE, TAKES_NARROW},
    [BEBA_OP_IN_LIST] = {NEED_1, TAKES_ANY},
    [BEBA_OP_IN_SET] = {NEED_1, TAKES_ANY},
    [BEBA_OP_ADD] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_SUB] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_MUL] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_DIV] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_MOD] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_AND] = {NEED_LEAST, TAKES_NARROW},
    [BEBA_OP_OR] = {NEED_MOST, TAKES_NARROW},
    [BEBA_OP_XOR] = {NEED_MOST, TAKES_NARROW},
    [BEBA_OP_SHL] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_SHR] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_EQ] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_NE] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_LT] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_LE] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_GT] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_GE] = {NEED_1, TAKES_ALIKE},
    [BEBA_OP_LAND] = {NEED_1, TAKES_TRUTH},
    [BEBA_OP_LOR] = {NEED_1, TAKES_TRUTH},
    [BEBA_OP_MIN] = {NEED_LEAST, TAKES_NARROW},
    [BEBA_OP_MAX] = {NEED_MOST, TAKES_NARROW},
    [BEBA_OP_SAT_ADD] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_SAT_SUB] = {NEED_FIRST, TAKES_NARROW},
    [BEBA_OP_ABS_DIFF] = {NEED_MOST, TAKES_NARROW},
    [BEBA_OP_HASH] = {NEED_32, TAKES_ANY},
    [BEBA_OP_EWMA] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_AVG] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_VAR] = {NEED_64, TAKES_NARROW},
    [BEBA_OP_SEQ_LT] = {NEED_1, TAKES_NARROW},
    [BEBA_OP_SEQ_LEQ] = {NEED_1, TAKES_NARROW},
};

bool beba_type_valid(struct beba_type type)
{
    switch (type.kind) {
    case BEBA_KIND_BOOL:
        return type.width == 1;
    case BEBA_KIND_IP4:
        return type.width == 32;
    case BEBA_KIND_MAC:
        return type.width == 48;
    case BEBA_KIND_IP:
    case BEBA_KIND_IP6:
        return type.width == 128;
    case BEBA_KIND_UINT:
    case BEBA_KIND_TIME:
    case BEBA_KIND_PORT:
    case BEBA_KIND_STATE:
        return type.width >= 1 && type.width <= 64;
    default:
        return false;
    }
}

bool beba_fits(struct beba_u128 v, unsigned width)
{
    if (width > 64)
        return true;
    return !v.hi && !(v.lo & ~beba_mask64(width));
}

bool beba_ranges_sorted(const struct beba_range *range, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (beba_u128_cmp(range[i].lo, range[i].hi) > 0)
            return false;
        if (i && beba_u128_cmp(range[i - 1].hi, range[i].lo) >= 0)
            return false;
    }
    return true;
}

/* --- leaves -------------------------------------------------------------------------------- */

static int out_of_range(struct beba_check *c, const char *what, uint32_t id, uint32_t n)
{
    return beba_check_fail(c, -EINVAL, "%s %u does not exist, there are %u", what, id, n);
}

static int has_width(struct beba_check *c, const struct beba_expr *e, const char *what,
                     unsigned width)
{
    if (e->type.width == width)
        return 0;
    return beba_check_fail(c, -EINVAL, "%s has %u bits, its use says %u", what, width,
                           e->type.width);
}

static int check_reg(struct beba_check *c, const struct beba_expr *e)
{
    if (!c->t || c->no_entry)
        return beba_check_fail(c, -EINVAL, "a register is read where there is no entry");
    if (e->id >= c->t->n_regs)
        return out_of_range(c, "register", e->id, c->t->n_regs);
    return has_width(c, e, c->t->reg[e->id].name, c->t->reg[e->id].type.width);
}

/* A let of an earlier rule counts when every packet that tries this rule has tried that one. */
static bool let_reaches(const struct beba_check *c, uint32_t slot)
{
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const struct beba_let_def *d = &c->def[i];

        if (d->slot == slot && !(d->mask & ~c->rule->state_mask) &&
            (c->rule->state & d->mask) == d->state)
            return true;
    }
    return false;
}

static int check_let(struct beba_check *c, const struct beba_expr *e,
                     const struct beba_slots *slots)
{
    uint32_t n = c->t ? c->t->n_lets : 0;

    if (e->id >= n)
        return out_of_range(c, "let", e->id, n);
    if (!(slots->set[e->id / 64] >> e->id % 64 & 1) && !(c->rule && let_reaches(c, e->id)))
        return beba_check_fail(c, -EINVAL, "'%s' is read before it is computed",
                               c->t->let_name[e->id]);
    return has_width(c, e, c->t->let_name[e->id], c->t->let_type[e->id].width);
}

static int check_array(struct beba_check *c, const struct beba_expr *e)
{
    const struct beba_array *a;

    if (e->id >= c->p->n_arrays)
        return out_of_range(c, "array", e->id, c->p->n_arrays);
    a = &c->p->array[e->id];
    if (e->n_args != (a->two_dimensional ? 2 : 1))
        return beba_check_fail(c, -EINVAL, "array '%s' has %s, not %u indices", a->name,
                               a->two_dimensional ? "rows and columns" : "one index", e->n_args);
    return has_width(c, e, a->name, a->type.width);
}

/* What id, k and ranges name. */
static int check_operand(struct beba_check *c, const struct beba_expr *e,
                         const struct beba_slots *slots)
{
    switch (e->op) {
    case BEBA_OP_CONST:
        if (!beba_fits(e->k, e->type.width))
            return beba_check_fail(c, -EINVAL, "a constant does not fit in its %u bits",
                                   e->type.width);
        return 0;
    case BEBA_OP_FIELD:
        if (e->id >= BEBA_N_FIELDS)
            return out_of_range(c, "field", e->id, BEBA_N_FIELDS);
        return has_width(c, e, beba_fields[e->id].name, beba_fields[e->id].type.width);
    case BEBA_OP_REG:
        return check_reg(c, e);
    case BEBA_OP_LET:
        return check_let(c, e, slots);
    case BEBA_OP_GLOBAL:
        if (e->id >= c->p->n_globals)
            return out_of_range(c, "global", e->id, c->p->n_globals);
        return has_width(c, e, c->p->global[e->id].name, c->p->global[e->id].type.width);
    case BEBA_OP_STATE:
        if (e->id >= c->p->n_tables)
            return out_of_range(c, "table", e->id, c->p->n_tables);
        if (c->p->table[e->id].lookup.kind == BEBA_KEY_NONE)
            return beba_check_fail(c, -EINVAL, "state(%s): the table has no key",
                                   c->p->table[e->id].name);
        return 0;
    case BEBA_OP_FORWARD:
        if (!c->t || c->no_entry || c->t->lookup.kind != BEBA_KEY_CONNECTION)
            return beba_check_fail(c, -EINVAL, "forward needs an entry whose key is a connection");
        return 0;
    case BEBA_OP_PRESENT:
        if (e->id >= BEBA_N_LAYERS)
            return out_of_range(c, "layer", e->id, BEBA_N_LAYERS);
        return 0;
    case BEBA_OP_ARRAY:
        return check_array(c, e);
    case BEBA_OP_IN_LIST:
        if (e->n_ranges && !e->range)
            return beba_check_fail(c, -EINVAL, "a list without its ranges");
        if (!beba_ranges_sorted(e->range, e->n_ranges))
            return beba_check_fail(c, -EINVAL, "the ranges of a list are not sorted and disjoint");
        return 0;
    case BEBA_OP_IN_SET:
        if (e->id >= c->p->n_sets)
            return out_of_range(c, "set", e->id, c->p->n_sets);
        return 0;
    default:
        return 0;
    }
}

/* --- arguments and result ------------------------------------------------------------------ */

static int check_takes(struct beba_check *c, const struct beba_expr *e)
{
    const char *name = beba_ops[e->op].name;

    for (unsigned i = 0; i < e->n_args; i++) {
        unsigned width = e->arg[i]->type.width;

        switch (shapes[e->op].takes) {
        case TAKES_NARROW:
            if (width > 64)
                return beba_check_fail(c, -EINVAL, "'%s' takes up to 64 bits, argument %u has 128",
                                       name, i + 1);
            break;
        case TAKES_ALIKE:
            if ((width > 64) != (e->arg[0]->type.width > 64))
                return beba_check_fail(c, -EINVAL, "'%s' compares %u bits with %u", name,
                                       e->arg[0]->type.width, width);
            break;
        case TAKES_TRUTH:
            if (width != 1)
                return beba_check_fail(c, -EINVAL,
                                       "'%s' takes truth values, argument %u has %u bits", name,
                                       i + 1, width);
            break;
        case TAKES_32:
            if (width != 32)
                return beba_check_fail(c, -EINVAL, "'%s' takes an IPv4 address, not %u bits", name,
                                       width);
            break;
        default:
            break;
        }
    }
    return 0;
}

/* Members of a list or set must be as narrow as what is looked for, where that has one word. */
static int check_members(struct beba_check *c, const struct beba_expr *e)
{
    unsigned width = e->arg[0]->type.width;

    if (e->op == BEBA_OP_IN_SET && (width > 64) != (c->p->set[e->id].type.width > 64))
        return beba_check_fail(c, -EINVAL, "set '%s' has members of %u bits, not of %u",
                               c->p->set[e->id].name, c->p->set[e->id].type.width, width);
    if (e->op == BEBA_OP_IN_LIST && width <= 64)
        for (uint32_t i = 0; i < e->n_ranges; i++)
            if (e->range[i].hi.hi)
                return beba_check_fail(c, -EINVAL, "a list for %u bits holds members of 128",
                                       width);
    return 0;
}

static unsigned needed(const struct beba_expr *e)
{
    unsigned first = e->n_args > 0 ? e->arg[0]->type.width : 0;
    unsigned second = e->n_args > 1 ? e->arg[1]->type.width : first;

    switch (shapes[e->op].need) {
    case NEED_1:
        return 1;
    case NEED_32:
        return 32;
    case NEED_64:
        return 64;
    case NEED_128:
        return 128;
    case NEED_FIRST:
        return first;
    case NEED_LEAST:
        return first < second ? first : second;
    case NEED_MOST:
        return first > second ? first : second;
    default:
        return e->type.width;
    }
}

static int check_result(struct beba_check *c, const struct beba_expr *e)
{
    const struct beba_op_info *info = &beba_ops[e->op];
    unsigned width = e->type.width, least = needed(e);

    if (width < least || (width > 64) != (least > 64) || (info->boolean && width != 1))
        return beba_check_fail(c, -EINVAL, "the result of '%s' is said to have %u bits, it has %u",
                               info->name, width, least);
    return 0;
}

static int check_arity(struct beba_check *c, const struct beba_expr *e)
{
    const struct beba_op_info *info = &beba_ops[e->op];

    if (info->arity == 255 ? !e->n_args : e->n_args != info->arity)
        return beba_check_fail(c, -EINVAL, "'%s' has %u arguments", info->name, e->n_args);
    if (e->n_args && !e->arg)
        return beba_check_fail(c, -EINVAL, "'%s' lacks its arguments", info->name);
    return 0;
}

static int check_expr(struct beba_check *c, const struct beba_expr *e,
                      const struct beba_slots *slots, unsigned depth)
{
    int rc = beba_check_node(c, depth);

    if (rc)
        return rc;
    if (!e)
        return beba_check_fail(c, -EINVAL, "an expression is missing");
    if (e->op >= BEBA_N_OPS)
        return out_of_range(c, "operation", e->op, BEBA_N_OPS);
    if (!(e->type.width >= 1 && e->type.width <= 64) && e->type.width != 128)
        return beba_check_fail(c, -EINVAL, "an expression of %u bits", e->type.width);
    if (e->type.kind > BEBA_KIND_STATE)
        return out_of_range(c, "kind", e->type.kind, BEBA_KIND_STATE + 1);
    rc = check_arity(c, e);
    for (unsigned i = 0; !rc && i < e->n_args; i++)
        rc = check_expr(c, e->arg[i], slots, depth + 1);
    if (!rc)
        rc = check_operand(c, e, slots);
    if (!rc)
        rc = check_takes(c, e);
    if (!rc && (e->op == BEBA_OP_IN_LIST || e->op == BEBA_OP_IN_SET))
        rc = check_members(c, e);
    return rc ? rc : check_result(c, e);
}

int beba_check_expr(struct beba_check *c, const struct beba_expr *e, const struct beba_slots *slots)
{
    return check_expr(c, e, slots, 0);
}

int beba_check_value(struct beba_check *c, const struct beba_expr *e,
                     const struct beba_slots *slots, unsigned max)
{
    int rc = check_expr(c, e, slots, 0);

    if (rc)
        return rc;
    if ((e->type.width > 64) != (max > 64))
        return beba_check_fail(c, -EINVAL, "a value of %u bits is used where %u are needed",
                               e->type.width, max);
    return 0;
}

int beba_check_truth(struct beba_check *c, const struct beba_expr *e,
                     const struct beba_slots *slots)
{
    int rc = check_expr(c, e, slots, 0);

    if (!rc && e->type.width != 1)
        return beba_check_fail(c, -EINVAL, "a condition of %u bits is not a truth value",
                               e->type.width);
    return rc;
}
