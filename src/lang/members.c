/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* "x in {80, 443}", "x in 10.0.0.0/8", "x in blocked": constant members become sorted ranges, sets
 * are looked up, and what is only known at run time is compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lower.h"

static int by_low(const void *a, const void *b)
{
    return beba_u128_cmp(((const struct beba_range *)a)->lo, ((const struct beba_range *)b)->lo);
}

static struct beba_u128 successor(struct beba_u128 v)
{
    v.lo++;
    v.hi += v.lo == 0;
    return v;
}

void beba_ranges_merge(struct beba_range *r, uint32_t *n)
{
    uint32_t out = 0;

    if (!*n)
        return;
    qsort(r, *n, sizeof(*r), by_low);
    for (uint32_t i = 1; i < *n; i++) {
        struct beba_u128 next = successor(r[out].hi);
        bool all = !next.hi && !next.lo; /* hi is the largest value there is */

        if (all || beba_u128_cmp(r[i].lo, next) <= 0) {
            if (beba_u128_cmp(r[i].hi, r[out].hi) > 0)
                r[out].hi = r[i].hi;
        } else {
            r[++out] = r[i];
        }
    }
    *n = out + 1;
}

static struct beba_u128 low_bits(unsigned n)
{
    return n > 64 ? beba_u128(beba_mask64(n - 64), ~0ull) : beba_u128(0, beba_mask64(n));
}

static bool member_mismatch(struct lower *c, struct beba_loc loc, struct beba_type type)
{
    char text[64], kind[32];

    beba_report(c->diags, C_TYPE, loc, "'%s' can never be %s", beba_expr_text(c, loc, text),
                beba_type_text(type, kind));
    return false;
}

bool beba_literal_range(struct lower *c, const struct beba_literal *l, struct beba_loc loc,
                        struct beba_type type, struct beba_range *out)
{
    unsigned width;
    struct beba_u128 mask;

    if ((l->forms & LIT_MAC) && type.kind == BEBA_KIND_MAC) {
        out->lo = beba_u128(0, l->mac);
        width = 48;
    } else if ((l->forms & LIT_IP4) && type.kind == BEBA_KIND_IP4) {
        out->lo = beba_u128(0, l->number);
        width = 32;
    } else if ((l->forms & LIT_IP4) && type.kind == BEBA_KIND_IP) {
        out->lo = beba_u128(0, 0xffff00000000ull | l->number);
        width = 32;
    } else if ((l->forms & LIT_IP6) && (type.kind == BEBA_KIND_IP6 || type.kind == BEBA_KIND_IP)) {
        out->lo = l->ip6;
        width = 128;
    } else {
        return member_mismatch(c, loc, type);
    }
    mask = low_bits(l->prefix ? width - l->prefix_len : 0);
    out->lo.hi &= ~mask.hi;
    out->lo.lo &= ~mask.lo;
    out->hi = beba_u128(out->lo.hi | mask.hi, out->lo.lo | mask.lo);
    return true;
}

/* --- members ------------------------------------------------------------------------------- */

/* What was gathered from the members of one list. */
struct members {
    struct beba_expr *left;
    struct beba_type type;
    struct beba_range *range;
    uint32_t n_ranges;
    struct beba_expr **other; /* conditions for what is no constant */
    uint32_t n_other;
    const char *what;
    bool ok;
};

static struct sym *named(const struct lower *c, const struct ast_expr *a, enum sym_kind kind)
{
    struct sym *y = a->kind == E_NAME ? beba_sym_find(c, a->name) : NULL;

    return y && y->kind == kind ? y : NULL;
}

/* The prefix a member is, written out or by the name of a constant. */
static const struct beba_literal *prefix_of(struct lower *c, const struct ast_expr *a)
{
    struct sym *y = named(c, a, SYM_CONST);

    if (y) {
        y->read = true;
        beba_sym_const(c, y);
        a = y->is_range ? y->def->value : a;
    }
    return a && a->kind == E_LITERAL && a->literal->prefix ? a->literal : NULL;
}

static void add_condition(struct lower *c, struct members *m, enum beba_op op, struct beba_expr *a,
                          struct beba_expr *b, struct beba_loc loc)
{
    struct beba_expr *side[2] = {a, b}, *e;

    if (!beba_unify(c, &side[0], &side[1], loc)) {
        m->ok = false;
        return;
    }
    e = beba_expr_new(c, op, beba_type_bool, loc, 2, side);
    m->other[m->n_other++] = e;
    m->ok &= e != NULL;
}

/* A member: a constant as one of the type; what is computed is only compared, so it may be wider.
 */
static struct beba_expr *member_value(struct lower *c, const struct members *m,
                                      const struct ast_expr *a)
{
    struct beba_expr *e = beba_lower_expr(c, a, &m->type);

    return e && e->op == BEBA_OP_CONST ? beba_convert(c, e, m->type, m->what, true) : e;
}

static void add_range(struct lower *c, struct members *m, const struct ast_expr *a)
{
    struct beba_expr *lo = member_value(c, m, a->arg[0]);
    struct beba_expr *hi = member_value(c, m, a->arg[1]), *both[2];

    if (!lo || !hi) {
        m->ok = false;
        return;
    }
    if (lo->op == BEBA_OP_CONST && hi->op == BEBA_OP_CONST) {
        if (beba_u128_cmp(lo->k, hi->k) > 0) {
            beba_report_hint(c->diags,
                             beba_report(c->diags, C_OUT_OF_RANGE, a->loc, "this range is empty"),
                             "the lower end comes first");
            m->ok = false;
            return;
        }
        m->range[m->n_ranges++] = (struct beba_range){lo->k, hi->k};
        return;
    }
    add_condition(c, m, BEBA_OP_GE, m->left, lo, a->loc);
    add_condition(c, m, BEBA_OP_LE, m->left, hi, a->loc);
    if (!m->ok)
        return;
    m->n_other -= 2;
    both[0] = m->other[m->n_other];
    both[1] = m->other[m->n_other + 1];
    m->other[m->n_other] = beba_expr_new(c, BEBA_OP_LAND, beba_type_bool, a->loc, 2, both);
    m->ok &= m->other[m->n_other++] != NULL;
}

static void add_set(struct lower *c, struct members *m, const struct ast_expr *a, struct sym *y)
{
    const struct beba_set *set = &c->p->set[y->id];
    struct beba_type type = set->type;
    struct beba_expr *left = m->left, *e;

    y->read = true;
    if (beba_type_number(type) != beba_type_number(left->type) ||
        (type.kind == BEBA_KIND_MAC) != (left->type.kind == BEBA_KIND_MAC)) {
        char text[64], k1[32], k2[32];

        beba_report(c->diags, C_TYPE, a->loc, "'%s' is %s, but a member of '%s' is %s",
                    beba_expr_text(c, left->loc, text), beba_type_text(left->type, k1), set->name,
                    beba_type_text(type, k2));
        m->ok = false;
        return;
    }
    if (type.kind == BEBA_KIND_IP && left->type.kind == BEBA_KIND_IP4)
        left = beba_expr_new(c, BEBA_OP_MAP4, beba_type_ip, left->loc, 1, &left);
    e = left ? beba_expr_new(c, BEBA_OP_IN_SET, beba_type_bool, a->loc, 1, &left) : NULL;
    if (e)
        e->id = y->id;
    m->other[m->n_other++] = e;
    m->ok &= e != NULL;
}

static void add_member(struct lower *c, struct members *m, const struct ast_expr *a)
{
    struct sym *set = named(c, a, SYM_SET);
    const struct beba_literal *prefix;
    struct beba_expr *e;

    if (a->kind == E_BAD) {
        m->ok = false;
    } else if (set && m->left) {
        if (c->constant)
            beba_report(c->diags, C_NOT_CONSTANT, a->loc, "a set is not a constant");
        add_set(c, m, a, set);
    } else if (a->kind == E_RANGE) {
        add_range(c, m, a);
    } else if ((prefix = prefix_of(c, a)) != NULL) {
        m->ok &= beba_literal_range(c, prefix, a->loc, m->type, &m->range[m->n_ranges]);
        m->n_ranges += m->ok;
    } else {
        e = member_value(c, m, a);
        if (!e)
            m->ok = false;
        else if (e->op == BEBA_OP_CONST)
            m->range[m->n_ranges++] = (struct beba_range){e->k, e->k};
        else
            add_condition(c, m, BEBA_OP_EQ, m->left, e, a->loc);
    }
}

static bool members_init(struct lower *c, struct members *m, uint32_t n)
{
    m->range = beba_arena_array(c->arena, n + 1, sizeof(*m->range));
    m->other = beba_arena_array(c->scratch, 2 * n + 2, sizeof(*m->other));
    m->ok = m->range && m->other;
    c->no_memory |= !m->ok;
    return m->ok;
}

/* state(m) in {a, b} */
static struct beba_expr *lower_states(struct lower *c, const struct ast_expr *a,
                                      struct beba_expr *left)
{
    struct machine *m = &c->machine[left->id];
    struct beba_range *range = beba_arena_array(c->arena, a->n_args, sizeof(*range));
    struct beba_expr *e = beba_expr_new(c, BEBA_OP_IN_LIST, beba_type_bool, a->loc, 1, &left);
    bool ok = true;

    if (!range || !e) {
        c->no_memory = true;
        return NULL;
    }
    for (uint32_t i = 1; i < a->n_args; i++) {
        const struct ast_expr *x = a->arg[i];
        struct sym *y = x->kind == E_NAME ? beba_scope_find(&m->scope, x->name) : NULL;

        if (!y || y->kind != SYM_STATE) {
            if (x->kind == E_NAME)
                beba_unknown_state(c, m, x->name, x->loc);
            else if (x->kind != E_BAD)
                beba_report(c->diags, C_TYPE, x->loc, "this is not the name of a state");
            ok = false;
            continue;
        }
        range[e->n_ranges].lo = range[e->n_ranges].hi = beba_u128(0, y->id);
        e->n_ranges++;
    }
    beba_ranges_merge(range, &e->n_ranges);
    e->range = range;
    return ok ? e : NULL;
}

/* One node over the parts of a disjunction, as flat as it gets. */
static struct beba_expr *any_of(struct lower *c, struct beba_expr **part, uint32_t n,
                                struct beba_loc loc)
{
    struct beba_expr *side[2];

    if (n == 1)
        return part[0];
    side[0] = any_of(c, part, n / 2, loc);
    side[1] = any_of(c, part + n / 2, n - n / 2, loc);
    return side[0] && side[1] ? beba_expr_new(c, BEBA_OP_LOR, beba_type_bool, loc, 2, side) : NULL;
}

static struct beba_expr *fold_in(struct lower *c, const struct members *m, struct beba_loc loc)
{
    bool in = false;

    for (uint32_t i = 0; i < m->n_ranges; i++)
        in |= beba_u128_cmp(m->left->k, m->range[i].lo) >= 0 &&
              beba_u128_cmp(m->left->k, m->range[i].hi) <= 0;
    return beba_expr_const(c, beba_type_bool, beba_u128(0, in), loc);
}

struct beba_expr *beba_lower_in(struct lower *c, const struct ast_expr *a)
{
    char text[64], quoted[70];
    struct members m = {.what = quoted};
    struct beba_expr *list;

    m.left = beba_lower_expr(c, a->arg[0], NULL);
    if (!m.left)
        return NULL;
    if (m.left->type.kind == BEBA_KIND_STATE)
        return m.left->op == BEBA_OP_STATE ? lower_states(c, a, m.left) : NULL;
    m.type = m.left->type;
    snprintf(quoted, sizeof(quoted), "'%s'", beba_expr_text(c, m.left->loc, text));
    if (!members_init(c, &m, a->n_args))
        return NULL;
    if (a->n_args < 2)
        return beba_expr_const(c, beba_type_bool, beba_u128(0, 0), a->loc);
    for (uint32_t i = 1; i < a->n_args; i++)
        add_member(c, &m, a->arg[i]);
    if (!m.ok)
        return NULL;
    beba_ranges_merge(m.range, &m.n_ranges);
    if (m.left->op == BEBA_OP_CONST && !m.n_other)
        return fold_in(c, &m, a->loc);
    if (m.n_ranges) {
        list = beba_expr_new(c, BEBA_OP_IN_LIST, beba_type_bool, a->loc, 1, &m.left);
        if (!list)
            return NULL;
        list->range = m.range;
        list->n_ranges = m.n_ranges;
        m.other[m.n_other++] = list;
    }
    return any_of(c, m.other, m.n_other, a->loc);
}

bool beba_lower_set_elements(struct lower *c, const struct ast_expr *list, struct beba_type type,
                             struct beba_range **out, uint32_t *n)
{
    struct members m = {.type = type, .what = c->members_of ? c->members_of : "the set"};
    bool constant = c->constant;

    *n = 0;
    if (!members_init(c, &m, list->n_args))
        return false;
    c->constant = true;
    c->why_constant = "the element of a set";
    for (uint32_t i = 1; i < list->n_args; i++)
        add_member(c, &m, list->arg[i]);
    c->constant = constant;
    beba_ranges_merge(m.range, &m.n_ranges);
    *out = m.range;
    *n = m.n_ranges;
    return m.ok;
}
