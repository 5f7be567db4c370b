/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/target_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *code;
} targets[BEBA_N_TARGETS] = {
    [BEBA_TARGET_INTERP] = {"interp", "target-interp"},
    [BEBA_TARGET_XDP] = {"xdp", "target-xdp"},
    [BEBA_TARGET_TC] = {"tc", "target-tc"},
    [BEBA_TARGET_NATIVE] = {"native", "target-native"},
    [BEBA_TARGET_OPENFLOW] = {"openflow", "target-openflow"},
};

enum what { A_STATEMENT, AN_OPERATION, A_FIELD, A_LAYER };

/* One thing that a target lacks. */
static const struct lack {
    uint8_t target, what, severity;
    uint16_t id;
    const char *text;
} lacks[] = {
    {BEBA_TARGET_XDP, A_STATEMENT, BEBA_ERROR, BEBA_STMT_MIRROR,
     "XDP cannot mirror: it has no helper that copies a packet"},
    {BEBA_TARGET_XDP, A_STATEMENT, BEBA_ERROR, BEBA_STMT_QUEUE,
     "XDP cannot choose a queue of the output port"},
    {BEBA_TARGET_XDP, A_FIELD, BEBA_ERROR, BEBA_F_TUNNEL_ID,
     "XDP runs before tunnels are taken off: there is no tunnel_id"},
    {BEBA_TARGET_XDP, A_LAYER, BEBA_WARNING, BEBA_LAYER_VLAN,
     "a tag that the network card strips is not in the packet that XDP sees"},

    {BEBA_TARGET_OPENFLOW, A_STATEMENT, BEBA_ERROR, BEBA_STMT_SWAP,
     "OpenFlow has no action that exchanges two fields"},
    {BEBA_TARGET_OPENFLOW, A_STATEMENT, BEBA_WARNING, BEBA_STMT_NOTIFY,
     "OpenFlow notifies by sending the packet to the controller, without values of the flow"},
    {BEBA_TARGET_OPENFLOW, AN_OPERATION, BEBA_ERROR, BEBA_OP_ARRAY, "OpenFlow has no arrays"},
    {BEBA_TARGET_OPENFLOW, AN_OPERATION, BEBA_ERROR, BEBA_OP_HASH, "OpenFlow has no hash function"},
    {BEBA_TARGET_OPENFLOW, AN_OPERATION, BEBA_ERROR, BEBA_OP_STATE,
     "OpenFlow matches the state of the table the packet is in, not that of another"},
    {BEBA_TARGET_OPENFLOW, AN_OPERATION, BEBA_WARNING, BEBA_OP_IN_SET,
     "OpenFlow has no sets: each member becomes entries of its own"},
};

int beba_target_find(const char *name)
{
    for (int i = 0; i < BEBA_N_TARGETS; i++)
        if (!strcmp(targets[i].name, name))
            return i;
    return -1;
}

const char *beba_target_name(unsigned target)
{
    return target < BEBA_N_TARGETS ? targets[target].name : NULL;
}

void beba_target_say(struct beba_target_walk *w, enum beba_severity severity, struct beba_loc loc,
                     const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    beba_diags_add(w->diags, severity, targets[w->target].code, loc, "%s", text);
    w->found++;
}

/* --- lists --------------------------------------------------------------------------------- */

_Static_assert(sizeof(lacks) / sizeof(lacks[0]) <= 32, "one bit each");

/* Each once a table. */
static void look_up(struct beba_target_walk *w, enum what what, uint32_t id, struct beba_loc loc)
{
    for (unsigned i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++) {
        const struct lack *l = &lacks[i];

        if (l->target != w->target || l->what != what || l->id != id || w->said >> i & 1)
            continue;
        w->said |= 1u << i;
        beba_target_say(w, l->severity, loc, "%s", l->text);
    }
}

static void look_at_field(struct beba_target_walk *w, uint32_t id, struct beba_loc loc)
{
    look_up(w, A_FIELD, id, loc);
    look_up(w, A_LAYER, beba_fields[id].layer, loc);
}

/* --- walk: depths are bounded, the pipeline is finished ------------------------------------- */

static void walk_expr(struct beba_target_walk *w, const struct beba_expr *e)
{
    if (e->op != BEBA_OP_STATE || &w->p->table[e->id] != w->t)
        look_up(w, AN_OPERATION, e->op, e->loc);
    if (e->op == BEBA_OP_FIELD)
        look_at_field(w, e->id, e->loc);
    if (e->op == BEBA_OP_PRESENT)
        look_up(w, A_LAYER, e->id, e->loc);
    if (w->target == BEBA_TARGET_OPENFLOW)
        beba_openflow_expr(w, e);
    for (unsigned i = 0; i < e->n_args; i++)
        walk_expr(w, e->arg[i]);
}

static void walk_verdict(struct beba_target_walk *w, const struct beba_verdict *v)
{
    if (w->target == BEBA_TARGET_OPENFLOW)
        beba_openflow_verdict(w, v);
    if (v->port)
        walk_expr(w, v->port);
}

static void walk_body(struct beba_target_walk *w, const struct beba_body *body);

static void walk_stmt(struct beba_target_walk *w, const struct beba_stmt *s)
{
    look_up(w, A_STATEMENT, s->kind, s->loc);
    if (w->target == BEBA_TARGET_OPENFLOW)
        beba_openflow_stmt(w, s);
    if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD)
        look_at_field(w, s->id, s->loc);
    for (unsigned i = 0; i < 2; i++)
        if (s->index[i])
            walk_expr(w, s->index[i]);
    if (s->value)
        walk_expr(w, s->value);
    if (w->target != BEBA_TARGET_OPENFLOW) /* which tells the controller no values */
        for (unsigned i = 0; i < s->n_args; i++)
            walk_expr(w, s->args[i]);
    if (s->kind == BEBA_STMT_VERDICT)
        walk_verdict(w, &s->verdict);
    walk_body(w, &s->then);
    walk_body(w, &s->otherwise);
}

static void walk_body(struct beba_target_walk *w, const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++)
        walk_stmt(w, &body->stmt[i]);
}

static void walk_key(struct beba_target_walk *w, const struct beba_key *key)
{
    for (unsigned i = 0; i < key->n_fields; i++)
        look_at_field(w, key->field[i], w->t->loc);
}

static void walk_table(struct beba_target_walk *w, const struct beba_table *t)
{
    w->t = t;
    w->said = 0;
    walk_key(w, &t->lookup);
    walk_key(w, &t->update);
    if (t->lookup.kind != BEBA_KEY_NONE) {
        walk_verdict(w, &t->no_key);
        if (t->full == BEBA_FULL_REFUSE)
            walk_verdict(w, &t->full_verdict);
    }
    walk_verdict(w, &t->dflt);
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct beba_rule *r = &t->rule[i];

        for (uint32_t m = 0; m < r->n_matches; m++)
            look_at_field(w, r->match[m].field, r->loc);
        walk_body(w, &r->lets);
        if (r->guard)
            walk_expr(w, r->guard);
        walk_body(w, &r->body);
    }
    if (w->target == BEBA_TARGET_OPENFLOW)
        beba_openflow_table(w);
}

unsigned beba_target_check(const struct beba_pipeline *p, enum beba_target target,
                           struct beba_diags *diags)
{
    struct beba_target_walk w = {.p = p, .target = target, .diags = diags};

    if (target == BEBA_TARGET_INTERP || target == BEBA_TARGET_NATIVE)
        return 0;
    for (uint32_t i = 0; i < p->n_tables; i++)
        walk_table(&w, &p->table[i]);
    if (target == BEBA_TARGET_OPENFLOW)
        beba_openflow_pipeline(&w);
    return w.found;
}
