/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/lower.h"

static bool overflow(struct lower *c, const struct beba_expr *e, const char *what, const char *hint)
{
    beba_report_hint(c->diags, beba_report(c->diags, C_OVERFLOW, e->loc, "%s", what), "%s", hint);
    return false;
}

static bool too_large(struct lower *c, const struct beba_expr *e)
{
    return overflow(c, e, "this constant is larger than 64 bits",
                    "the largest number is 18446744073709551615");
}

static bool negative(struct lower *c, const struct beba_expr *e)
{
    return overflow(c, e, "this constant is below zero", "numbers are unsigned; swap the operands");
}

static bool zero(struct lower *c, const struct beba_expr *e)
{
    beba_report(c->diags, C_DIVISION_BY_ZERO, e->arg[1]->loc, "division by zero");
    return false;
}

static bool compare(enum beba_op op, struct beba_u128 a, struct beba_u128 b)
{
    int order = beba_u128_cmp(a, b);

    switch (op) {
    case BEBA_OP_EQ:
        return order == 0;
    case BEBA_OP_NE:
        return order != 0;
    case BEBA_OP_LT:
        return order < 0;
    case BEBA_OP_LE:
        return order <= 0;
    case BEBA_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* Arithmetic of two 64-bit constants; what would wrap silently at run time is an error here. */
static bool compute(struct lower *c, const struct beba_expr *e, uint64_t a, uint64_t b,
                    uint64_t *out)
{
    switch ((enum beba_op)e->op) {
    case BEBA_OP_ADD:
        return !__builtin_add_overflow(a, b, out) || too_large(c, e);
    case BEBA_OP_SUB:
        return !__builtin_sub_overflow(a, b, out) || negative(c, e);
    case BEBA_OP_MUL:
        return !__builtin_mul_overflow(a, b, out) || too_large(c, e);
    case BEBA_OP_DIV:
        *out = b ? a / b : 0;
        return b || zero(c, e);
    case BEBA_OP_MOD:
        *out = b ? a % b : a;
        return b || zero(c, e);
    case BEBA_OP_AND:
        *out = a & b;
        return true;
    case BEBA_OP_OR:
        *out = a | b;
        return true;
    case BEBA_OP_XOR:
        *out = a ^ b;
        return true;
    case BEBA_OP_SHL:
        *out = a << (b & 63);
        return *out >> (b & 63) == a || too_large(c, e);
    case BEBA_OP_SHR:
        *out = a >> (b & 63);
        return true;
    case BEBA_OP_MIN:
        *out = a < b ? a : b;
        return true;
    case BEBA_OP_MAX:
        *out = a > b ? a : b;
        return true;
    case BEBA_OP_SAT_ADD:
        *out = a + b < a ? ~0ull : a + b;
        return true;
    case BEBA_OP_SAT_SUB:
        *out = a > b ? a - b : 0;
        return true;
    case BEBA_OP_ABS_DIFF:
        *out = a > b ? a - b : b - a;
        return true;
    default:
        return false;
    }
}

static bool foldable(const struct beba_expr *e)
{
    if (e->op == BEBA_OP_MAP4 || e->op < BEBA_OP_NOT || e->op == BEBA_OP_ARRAY ||
        e->op == BEBA_OP_IN_LIST || e->op == BEBA_OP_IN_SET || e->op >= BEBA_OP_HASH)
        return false;
    for (unsigned i = 0; i < e->n_args; i++)
        if (e->arg[i]->op != BEBA_OP_CONST)
            return false;
    return true;
}

/* x / 0 and x % 0 are defined at run time, but never meant. */
static bool divides_by_zero(const struct beba_expr *e)
{
    return (e->op == BEBA_OP_DIV || e->op == BEBA_OP_MOD) && e->arg[1]->op == BEBA_OP_CONST &&
           !e->arg[1]->k.lo;
}

struct beba_expr *beba_fold(struct lower *c, struct beba_expr *e)
{
    struct beba_u128 v = {0, 0};

    if (!e)
        return NULL;
    if (divides_by_zero(e)) {
        zero(c, e);
        return NULL;
    }
    if (!foldable(e))
        return e;
    switch ((enum beba_op)e->op) {
    case BEBA_OP_NOT:
        v.lo = !e->arg[0]->k.lo;
        break;
    case BEBA_OP_INV:
        v.lo = ~e->arg[0]->k.lo & beba_mask64(e->type.width);
        break;
    case BEBA_OP_NEG:
        v.lo = 0 - e->arg[0]->k.lo;
        break;
    case BEBA_OP_EQ:
    case BEBA_OP_NE:
    case BEBA_OP_LT:
    case BEBA_OP_LE:
    case BEBA_OP_GT:
    case BEBA_OP_GE:
        v.lo = compare((enum beba_op)e->op, e->arg[0]->k, e->arg[1]->k);
        break;
    case BEBA_OP_LAND:
        v.lo = e->arg[0]->k.lo && e->arg[1]->k.lo;
        break;
    case BEBA_OP_LOR:
        v.lo = e->arg[0]->k.lo || e->arg[1]->k.lo;
        break;
    default:
        if (!compute(c, e, e->arg[0]->k.lo, e->arg[1]->k.lo, &v.lo))
            return NULL;
        break;
    }
    return beba_expr_const(c, e->type, v, e->loc);
}
