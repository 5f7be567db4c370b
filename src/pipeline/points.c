/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/points.h"

#include <errno.h>
#include <string.h>

/* UNKNOWN: nothing that is known was assigned yet; ANY: a constant, which can be both. */
enum sort { UNKNOWN, ANY, LENGTH, POINT };

enum { ROUNDS = 64 }; /* through how many values a point is followed */

struct finder {
    const struct beba_pipeline *p;
    const struct beba_table *t;
    uint8_t **reg, **let; /* enum sort, by table */
    uint8_t *global, *array;
    uint32_t table;
    bool changed;
};

static enum sort sort_of(const struct finder *f, const struct beba_expr *e);

/* a + b, and what gives one of them */
static enum sort join(enum sort a, enum sort b)
{
    if (a == POINT || b == POINT)
        return POINT;
    if (a == UNKNOWN || b == UNKNOWN)
        return UNKNOWN;
    return a == ANY && b == ANY ? ANY : LENGTH;
}

static enum sort difference(enum sort a, enum sort b)
{
    if (a == UNKNOWN || (b == UNKNOWN && a == POINT))
        return UNKNOWN;
    if (a == POINT)
        return b == POINT ? LENGTH : POINT;
    return a == ANY && b == ANY ? ANY : LENGTH;
}

static enum sort two(const struct finder *f, const struct beba_expr *e)
{
    enum sort a = sort_of(f, e->arg[0]), b = sort_of(f, e->arg[1]);

    return e->op == BEBA_OP_SUB || e->op == BEBA_OP_SAT_SUB ? difference(a, b) : join(a, b);
}

static enum sort sort_of(const struct finder *f, const struct beba_expr *e)
{
    switch ((enum beba_op)e->op) {
    case BEBA_OP_CONST:
        return ANY;
    case BEBA_OP_FIELD:
        return e->id == BEBA_F_NOW ? POINT : LENGTH;
    case BEBA_OP_REG:
        return f->reg[f->table][e->id];
    case BEBA_OP_LET:
        return f->let[f->table][e->id];
    case BEBA_OP_GLOBAL:
        return f->global[e->id];
    case BEBA_OP_ARRAY:
        return f->array[e->id];
    case BEBA_OP_ADD:
    case BEBA_OP_SUB:
    case BEBA_OP_SAT_ADD:
    case BEBA_OP_SAT_SUB:
    case BEBA_OP_MIN:
    case BEBA_OP_MAX:
    case BEBA_OP_EWMA:
        return two(f, e);
    default:
        return LENGTH;
    }
}

/* A point stays one; otherwise what is known last counts. */
static void assign(struct finder *f, uint8_t *to, enum sort value)
{
    if (value == UNKNOWN || value == ANY || *to == POINT || *to == value)
        return;
    *to = (uint8_t)value;
    f->changed = true;
}

static void assignment(struct finder *f, const struct beba_stmt *s)
{
    uint8_t *to;

    switch ((enum beba_lvalue)s->lvalue) {
    case BEBA_LV_REG:
        to = &f->reg[f->table][s->id];
        break;
    case BEBA_LV_GLOBAL:
        to = &f->global[s->id];
        break;
    case BEBA_LV_ARRAY:
        to = &f->array[s->id];
        break;
    default:
        return;
    }
    /* += and -= move what is there; they do not say what it is. */
    if (s->assign == BEBA_SET)
        assign(f, to, sort_of(f, s->value));
}

static void body(struct finder *f, const struct beba_body *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const struct beba_stmt *s = &b->stmt[i];

        if (s->kind == BEBA_STMT_ASSIGN) {
            assignment(f, s);
        } else if (s->kind == BEBA_STMT_LET) {
            assign(f, &f->let[f->table][s->id], sort_of(f, s->value));
        } else if (s->kind == BEBA_STMT_IF) {
            body(f, &s->then);
            body(f, &s->otherwise);
        }
    }
}

static void table(struct finder *f, uint32_t i)
{
    f->table = i;
    f->t = &f->p->table[i];
    for (uint32_t r = 0; r < f->t->n_rules; r++) {
        body(f, &f->t->rule[r].lets);
        body(f, &f->t->rule[r].body);
    }
}

static int rooms(struct finder *f, struct beba_arena *arena)
{
    const struct beba_pipeline *p = f->p;

    f->reg = beba_arena_array(arena, p->n_tables + 1, sizeof(*f->reg));
    f->let = beba_arena_array(arena, p->n_tables + 1, sizeof(*f->let));
    f->global = beba_arena_array(arena, p->n_globals + 1, 1);
    f->array = beba_arena_array(arena, p->n_arrays + 1, 1);
    if (!f->reg || !f->let || !f->global || !f->array)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_tables; i++) {
        f->reg[i] = beba_arena_array(arena, p->table[i].n_regs + 1, 1);
        f->let[i] = beba_arena_array(arena, p->table[i].n_lets + 1, 1);
        if (!f->reg[i] || !f->let[i])
            return -ENOMEM;
    }
    return 0;
}

int beba_points_find(const struct beba_pipeline *p, struct beba_arena *arena,
                     struct beba_points *out)
{
    struct finder f = {.p = p};

    *out = (struct beba_points){
        .reg = beba_arena_array(arena, p->n_tables + 1, sizeof(*out->reg)),
        .global = beba_arena_array(arena, p->n_globals + 1, sizeof(*out->global)),
        .array = beba_arena_array(arena, p->n_arrays + 1, sizeof(*out->array)),
    };
    if (!out->reg || !out->global || !out->array || rooms(&f, arena))
        return -ENOMEM;
    for (unsigned i = 0; i < ROUNDS && (!i || f.changed); i++) {
        f.changed = false;
        for (uint32_t t = 0; t < p->n_tables; t++)
            table(&f, t);
    }
    /* Narrower ones hold remainders or a clock of their own. */
    for (uint32_t t = 0; t < p->n_tables; t++)
        for (uint32_t r = 0; r < p->table[t].n_regs; r++)
            if (f.reg[t][r] == POINT && p->table[t].reg[r].type.width == 64)
                out->reg[t] |= 1ull << r;
    for (uint32_t i = 0; i < p->n_globals; i++)
        out->global[i] = f.global[i] == POINT && p->global[i].type.width == 64;
    for (uint32_t i = 0; i < p->n_arrays; i++)
        out->array[i] = f.array[i] == POINT && p->array[i].type.width == 64;
    return 0;
}
