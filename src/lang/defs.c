/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* const, set, global and array. */
#include "lang/lower.h"

#include <inttypes.h>

enum { CONST_DEPTH = 100 };

void beba_sym_const(struct lower *c, struct sym *s)
{
    const struct ast_expr *v = s->def->value;
    struct machine *m = c->m;
    bool constant = c->constant;
    const char *why = c->why_constant;

    if (s->phase == 2)
        return;
    if (s->phase == 1) {
        if (!s->hidden)
            beba_report(c->diags, C_CONST_CYCLE, s->loc, "'%s' is defined by itself", s->name);
        s->phase = 2;
        return;
    }
    if (c->const_depth >= CONST_DEPTH) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_TOO_DEEP, s->loc,
                                     "constants are defined by each other more than %d deep",
                                     CONST_DEPTH),
                         "define a constant before the ones that use it");
        s->phase = 2;
        return;
    }
    s->phase = 1;
    if (v && v->kind == E_LITERAL && v->literal->prefix) {
        s->is_range = true;
        s->phase = 2;
        return;
    }
    c->m = NULL; /* registers and lets of the machine that happened to use it first do not count */
    c->constant = true;
    c->why_constant = "a const";
    c->const_depth++;
    s->value = beba_lower_expr(c, v, NULL);
    c->const_depth--;
    c->m = m;
    c->constant = constant;
    c->why_constant = why;
    if (s->value && s->value->op != BEBA_OP_CONST)
        s->value = NULL;
    s->phase = 2;
}

/* What the elements of a set without a type are, by the first that says it. */
static struct beba_type infer(struct lower *c, const struct ast_expr *list)
{
    bool ambiguous = false;

    for (uint32_t i = 1; i < list->n_args; i++) {
        const struct ast_expr *a = list->arg[i];
        struct sym *y;

        if (a->kind == E_RANGE)
            a = a->arg[0];
        y = a->kind == E_NAME ? beba_scope_find(&c->scope, a->name) : NULL;
        if (y && y->kind == SYM_CONST) {
            beba_sym_const(c, y);
            if (y->value && y->value->op == BEBA_OP_CONST && beba_type_number(y->value->type))
                return y->value->type;
            a = y->def->value;
        }
        if (!a || a->kind != E_LITERAL)
            continue;
        if (a->literal->forms == (LIT_MAC | LIT_IP6))
            ambiguous = true;
        else if (a->literal->forms & LIT_MAC)
            return beba_type_mac;
        else if (a->literal->forms & (LIT_IP4 | LIT_IP6))
            return beba_type_ip;
        else if (a->literal->unit && a->literal->unit->kind == BEBA_UNIT_TIME)
            return beba_type_time;
        else
            return beba_type_uint;
    }
    return ambiguous ? beba_type_ip : beba_type_uint;
}

static void lower_set(struct lower *c, const struct ast_def *d, struct sym *s)
{
    struct beba_set *set = &c->p->set[s->id];
    struct beba_type type = d->type.type;

    if (!d->list || d->list->kind == E_BAD)
        return;
    if (!d->type.given && d->list->n_args < 2)
        beba_report_hint(
            c->diags,
            beba_report(c->diags, C_TYPE, d->name.loc, "an empty set does not tell what it holds"),
            "give it a type: set %s : ip = {}", d->name.s);
    if (!d->type.given)
        type = infer(c, d->list);
    set->type = type;
    beba_lower_set_elements(c, d->list, type, &set->range, &set->n_ranges);
    if (type.kind != BEBA_KIND_IP4 && type.kind != BEBA_KIND_IP6)
        return;
    set->type = beba_type_ip; /* one kind of address set: IPv4 is a part of it */
    for (uint32_t i = 0; type.kind == BEBA_KIND_IP4 && i < set->n_ranges; i++) {
        set->range[i].lo.lo |= 0xffff00000000ull;
        set->range[i].hi.lo |= 0xffff00000000ull;
    }
}

static void lower_global(struct lower *c, const struct ast_def *d, struct sym *s)
{
    struct beba_expr *e;

    c->p->global[s->id].type = d->type.type;
    if (!d->value)
        return;
    e = beba_lower_const(c, d->value, d->type.type, "the initial value of a global");
    if (e)
        c->p->global[s->id].init = e->k;
}

static void lower_array(struct lower *c, const struct ast_def *d, struct sym *s)
{
    struct beba_array *a = &c->p->array[s->id];
    uint64_t size[2] = {1, 1}, cells;

    a->type = d->type.type;
    a->two_dimensional = d->index[1] != NULL;
    a->rows = a->columns = 1;
    if (beba_type_wide(a->type))
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_TYPE, d->type.loc,
                                     "the cells of an array have at most 64 bits"),
                         "use u8 u16 u32 u64 bool time ip4 or mac");
    for (unsigned i = 0; i < 2 && d->index[i]; i++) {
        struct beba_expr *e =
            beba_lower_const(c, d->index[i], beba_type_uint, "the size of an array");

        if (!e)
            return;
        size[i] = e->k.lo;
        if (!size[i] || size[i] > BEBA_MAX_CELLS) {
            beba_report(c->diags, C_OUT_OF_RANGE, e->loc, "an array has 1..%d cells",
                        BEBA_MAX_CELLS);
            return;
        }
    }
    cells = size[0] * size[1];
    if (cells > BEBA_MAX_CELLS) {
        beba_report(c->diags, C_OUT_OF_RANGE, d->loc, "an array has 1..%d cells, not %" PRIu64,
                    BEBA_MAX_CELLS, cells);
        return;
    }
    a->rows = a->two_dimensional ? (uint32_t)size[0] : 1;
    a->columns = (uint32_t)(a->two_dimensional ? size[1] : size[0]);
}

static struct sym *declare(struct lower *c, const struct ast_def *d)
{
    static const uint8_t kinds[] = {
        [D_CONST] = SYM_CONST, [D_SET] = SYM_SET, [D_GLOBAL] = SYM_GLOBAL, [D_ARRAY] = SYM_ARRAY};
    struct sym *s = beba_sym_declare(c, &c->scope, &d->name, (enum sym_kind)kinds[d->kind]);

    if (!s)
        return NULL;
    s->def = d;
    s->included = d->included;
    if (d->kind == D_SET) {
        s->id = c->p->n_sets++;
        c->p->set[s->id] = (struct beba_set){.name = beba_keep(c, d->name.s), .loc = d->name.loc};
    } else if (d->kind == D_GLOBAL) {
        s->id = c->p->n_globals++;
        c->p->global[s->id] = (struct beba_global){
            .name = beba_keep(c, d->name.s), .type = d->type.type, .loc = d->name.loc};
    } else if (d->kind == D_ARRAY) {
        s->id = c->p->n_arrays++;
        c->p->array[s->id] = (struct beba_array){.name = beba_keep(c, d->name.s),
                                                 .type = d->type.type,
                                                 .two_dimensional = d->index[1] != NULL,
                                                 .rows = 1,
                                                 .columns = 1,
                                                 .loc = d->name.loc};
    }
    return s;
}

void beba_lower_defs(struct lower *c)
{
    uint32_t n = 0;

    for (const struct ast_def *d = c->ast->defs; d; d = d->next)
        n++;
    if (!beba_scope_init(c, &c->scope, n))
        return;
    c->p->set = beba_arena_array(c->arena, n + 1, sizeof(*c->p->set));
    c->p->global = beba_arena_array(c->arena, n + 1, sizeof(*c->p->global));
    c->p->array = beba_arena_array(c->arena, n + 1, sizeof(*c->p->array));
    if (!c->p->set || !c->p->global || !c->p->array) {
        c->no_memory = true;
        return;
    }
    for (const struct ast_def *d = c->ast->defs; d; d = d->next)
        declare(c, d);
    for (struct sym *s = c->scope.first; s && !c->no_memory; s = s->next) {
        if (s->kind == SYM_CONST)
            beba_sym_const(c, s);
        else if (s->kind == SYM_SET)
            lower_set(c, s->def, s);
        else if (s->kind == SYM_GLOBAL)
            lower_global(c, s->def, s);
        else
            lower_array(c, s->def, s);
    }
}
