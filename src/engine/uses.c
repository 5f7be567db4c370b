/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/uses.h"

#include <string.h>

enum { WAIT_DEPTH = 16 }; /* of an expression that is computed later: those may nest */

/* Calls each for every expression of a body, and of the rules of a table. */
struct walk {
    void (*each)(struct walk *w, const struct beba_expr *e);
    bool in_body;
    struct let_use *use;
    uint32_t layers;
};

static void walk_expr(struct walk *w, const struct beba_expr *e)
{
    if (!e)
        return;
    w->each(w, e);
    for (unsigned i = 0; i < e->n_args; i++)
        walk_expr(w, e->arg[i]);
}

static void walk_body(struct walk *w, const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        walk_expr(w, s->index[0]);
        walk_expr(w, s->index[1]);
        walk_expr(w, s->value);
        walk_expr(w, s->verdict.port);
        for (unsigned k = 0; k < s->n_args; k++)
            walk_expr(w, s->args[k]);
        walk_body(w, &s->then);
        walk_body(w, &s->otherwise);
    }
}

static void walk_rules(struct walk *w, const struct beba_table *t)
{
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct beba_rule *r = &t->rule[i];

        w->in_body = false;
        walk_body(w, &r->lets);
        walk_expr(w, r->guard);
        w->in_body = true;
        walk_body(w, &r->body);
    }
}

/* Lets --------------------------------------------------------------------------------------- */

static void read_let(struct walk *w, const struct beba_expr *e)
{
    if (e->op != BEBA_OP_LET || e->id >= BEBA_MAX_LETS)
        return;
    if (w->in_body)
        w->use[e->id].in_bodies++;
    else
        w->use[e->id].in_guards++;
}

static void define_lets(struct let_use *use, const struct beba_body *body, bool in_body);

static void define_let(struct let_use *use, const struct beba_stmt *s, bool in_body)
{
    define_lets(use, &s->then, in_body);
    define_lets(use, &s->otherwise, in_body);
    if (s->kind != BEBA_STMT_LET || s->id >= BEBA_MAX_LETS)
        return;
    use[s->id].value = in_body || use[s->id].defined ? NULL : s->value;
    use[s->id].defined++;
}

static void define_lets(struct let_use *use, const struct beba_body *body, bool in_body)
{
    for (uint32_t i = 0; i < body->n; i++)
        define_let(use, &body->stmt[i], in_body);
}

/* Pure, and not deep. */
static bool can_wait(const struct beba_expr *e, unsigned depth)
{
    if (depth > WAIT_DEPTH || e->op == BEBA_OP_RANDOM)
        return false;
    for (unsigned i = 0; i < e->n_args; i++)
        if (!can_wait(e->arg[i], depth + 1))
            return false;
    return true;
}

void beba_let_uses(const struct beba_table *t, struct let_use use[BEBA_MAX_LETS])
{
    struct walk w = {.each = read_let, .use = use};

    memset(use, 0, BEBA_MAX_LETS * sizeof(*use));
    for (uint32_t i = 0; i < t->n_rules; i++) {
        define_lets(use, &t->rule[i].lets, false);
        define_lets(use, &t->rule[i].body, true);
    }
    walk_rules(&w, t);
    for (uint32_t i = 0; i < BEBA_MAX_LETS; i++)
        if (use[i].value && !can_wait(use[i].value, 0))
            use[i].value = NULL;
}

/* Fields ------------------------------------------------------------------------------------- */

/* False for fields that can be absent though their layer is there. */
static bool comes_with_layer(uint32_t field)
{
    switch (field) {
    case BEBA_F_IN_PORT:
    case BEBA_F_METADATA:
    case BEBA_F_NOW:
    case BEBA_F_PKT_LEN:
    case BEBA_F_IP_SRC:
    case BEBA_F_IP_DST:
    case BEBA_F_IP_PROTO:
    case BEBA_F_IP_LEN:
    case BEBA_F_L4_PAYLOAD_LEN:
        return true;
    default:
        return !(beba_fields[field].flags & BEBA_FIELD_SPECIAL);
    }
}

static void read_field(struct walk *w, const struct beba_expr *e)
{
    if (e->op != BEBA_OP_FIELD)
        return;
    if (comes_with_layer(e->id))
        w->layers |= 1u << beba_fields[e->id].layer;
    else
        w->layers = NEVER;
}

static bool changes_layers(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind >= BEBA_STMT_PUSH_VLAN && s->kind <= BEBA_STMT_POP_MPLS)
            return true;
        if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD &&
            beba_fields[s->id].flags & BEBA_FIELD_STRUCTURAL)
            return true;
        if (changes_layers(&s->then) || changes_layers(&s->otherwise))
            return true;
    }
    return false;
}

uint32_t beba_sure_layers(const struct beba_table *t)
{
    struct walk w = {.each = read_field};

    for (uint32_t i = 0; i < t->n_rules; i++)
        if (changes_layers(&t->rule[i].body))
            return NEVER;
    walk_rules(&w, t);
    return w.layers == NEVER ? NEVER : w.layers & ~(1u << BEBA_LAYER_META);
}
