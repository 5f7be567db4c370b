/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which headers a packet has for certain at each place of a machine: what its key needs, what the
 * guard asks for, what earlier rules have ruled out, and what every way into a state has found. A
 * field read where its header may be missing gives 0, which is rarely meant. In comparisons it is:
 * they are false. */
#include <stdio.h>
#include <string.h>

#include "lang/check.h"

#define BIT(layer) (1u << BEBA_LAYER_##layer)

enum {
    ALWAYS = BIT(META) | BIT(ETH),
    TRANSPORT = BIT(TCP) | BIT(UDP) | BIT(SCTP),
    ROUNDS = 32, /* of the fixpoint over states; more give up knowing anything */
};

struct presence {
    struct lower *c;
    struct machine *m;
    uint32_t *state;  /* transports known in each state */
    bool collect;     /* no reports: gather what is known where states are entered */
    uint32_t base;    /* known of every packet that comes here */
    uint32_t *onward; /* known of every packet that goes on to the next machine */
};

static bool is_comparison(const struct beba_expr *e)
{
    return (e->op >= BEBA_OP_EQ && e->op <= BEBA_OP_GE) || e->op == BEBA_OP_IN_LIST ||
           e->op == BEBA_OP_IN_SET || e->op == BEBA_OP_SEQ_LT || e->op == BEBA_OP_SEQ_LEQ;
}

/* Layers of all fields that an operand reads, itself or through a let. */
static uint32_t read_layers(const struct machine *m, const struct beba_expr *e)
{
    uint32_t out = 0;

    if (e->op == BEBA_OP_FIELD)
        return beba_layer_implies((enum beba_layer)beba_fields[e->id].layer);
    if (e->op == BEBA_OP_LET)
        return m->let_value[e->id] ? read_layers(m, m->let_value[e->id]) : 0;
    for (unsigned i = 0; i < e->n_args; i++)
        if (!is_comparison(e->arg[i]))
            out |= read_layers(m, e->arg[i]);
    return out;
}

uint32_t beba_implied_layers(const struct machine *m, const struct beba_expr *e, bool truth)
{
    uint32_t a, b, out = 0;

    switch (e->op) {
    case BEBA_OP_PRESENT:
        return truth ? beba_layer_implies((enum beba_layer)e->id) : 0;
    case BEBA_OP_FIELD:
        return truth ? read_layers(m, e) : 0;
    case BEBA_OP_LET:
        return m->let_value[e->id] ? beba_implied_layers(m, m->let_value[e->id], truth) : 0;
    case BEBA_OP_NOT:
        return beba_implied_layers(m, e->arg[0], !truth);
    case BEBA_OP_LAND:
    case BEBA_OP_LOR:
        a = beba_implied_layers(m, e->arg[0], truth);
        b = beba_implied_layers(m, e->arg[1], truth);
        return (e->op == BEBA_OP_LAND) == truth ? a | b : a & b;
    default:
        break;
    }
    if (!truth || !is_comparison(e))
        return 0;
    for (unsigned i = 0; i < e->n_args; i++)
        out |= is_comparison(e->arg[i]) ? 0 : read_layers(m, e->arg[i]);
    return out;
}

uint32_t beba_key_layers(const struct machine *m)
{
    const struct beba_key *keys[2] = {&m->table->lookup, &m->table->update};
    uint32_t out = ALWAYS;

    for (unsigned k = 0; k < 2; k++) {
        if (keys[k]->kind == BEBA_KEY_CONNECTION)
            out |= beba_layer_implies(BEBA_LAYER_L4) | beba_layer_implies(BEBA_LAYER_IP);
        for (unsigned i = 0; i < keys[k]->n_fields; i++)
            out |= beba_layer_implies((enum beba_layer)beba_fields[keys[k]->field[i]].layer);
    }
    return out;
}

/* --- reading ------------------------------------------------------------------------------- */

static void report_absent(const struct presence *p, struct beba_loc loc, const char *what,
                          enum beba_layer layer)
{
    const char *name = beba_layer_name(layer);

    if (p->collect)
        return;
    beba_report_hint(p->c->diags,
                     beba_report(p->c->diags, C_MAYBE_ABSENT, loc,
                                 "the packet may have no %s here: "
                                 "%s",
                                 name, what),
                     "ask for it in the guard: 'on %s && ...'", name);
}

static void check_read(const struct presence *p, const struct beba_expr *e, uint32_t known);

static void check_args(const struct presence *p, const struct beba_expr *e, uint32_t known)
{
    for (unsigned i = 0; i < e->n_args; i++) {
        check_read(p, e->arg[i], known);
        if (i == 0 && (e->op == BEBA_OP_LAND || e->op == BEBA_OP_LOR))
            known |= beba_implied_layers(p->m, e->arg[0], e->op == BEBA_OP_LAND);
    }
}

static void check_read(const struct presence *p, const struct beba_expr *e, uint32_t known)
{
    char what[128], text[64];
    const struct beba_field *f;
    uint32_t missing;

    if (e->op == BEBA_OP_FIELD) {
        f = &beba_fields[e->id];
        if (e->type.kind == BEBA_KIND_BOOL || known >> f->layer & 1)
            return;
        snprintf(what, sizeof(what), "'%s' is then 0", beba_expr_text(p->c, e->loc, text));
        report_absent(p, e->loc, what, (enum beba_layer)f->layer);
    } else if (e->op == BEBA_OP_LET) {
        const struct beba_expr *v = p->m->let_value[e->id];

        missing = v && v->type.kind != BEBA_KIND_BOOL ? read_layers(p->m, v) & ~known : 0;
        if (!missing)
            return;
        snprintf(what, sizeof(what), "'%s' is computed from a field that is then 0",
                 beba_expr_text(p->c, e->loc, text));
        report_absent(p, e->loc, what, (enum beba_layer)__builtin_ctz(missing));
    } else if (!is_comparison(e)) {
        check_args(p, e, known);
    }
}

/* --- statements ---------------------------------------------------------------------------- */

static void enter_state(struct presence *p, uint32_t state, uint32_t known)
{
    p->state[state] &= known & TRANSPORT;
}

static void check_field_write(const struct presence *p, const struct beba_stmt *s, uint32_t known)
{
    const struct beba_field *f = &beba_fields[s->id];
    char what[128];

    if (known >> f->layer & 1)
        return;
    snprintf(what, sizeof(what), "assigning %s then does nothing", f->name);
    report_absent(p, s->loc, what, (enum beba_layer)f->layer);
}

static void check_tag(const struct presence *p, const struct beba_stmt *s, uint32_t *known,
                      enum beba_layer layer, enum beba_layer inner)
{
    if (s->kind == BEBA_STMT_PUSH_VLAN || s->kind == BEBA_STMT_PUSH_MPLS) {
        *known |= 1u << layer;
        return;
    }
    if (!(*known >> layer & 1))
        report_absent(p, s->loc, "there is nothing to pop", layer);
    *known &= ~(1u << layer | 1u << inner);
}

static uint32_t check_body(struct presence *p, const struct beba_body *body, uint32_t known);

static uint32_t check_if(struct presence *p, const struct beba_stmt *s, uint32_t known)
{
    uint32_t yes = known | beba_implied_layers(p->m, s->value, true);
    uint32_t no = known | beba_implied_layers(p->m, s->value, false);

    yes = check_body(p, &s->then, yes);
    no = check_body(p, &s->otherwise, no);
    if (beba_decides(&s->then))
        return no;
    return beba_decides(&s->otherwise) ? yes : yes & no;
}

static uint32_t check_stmt(struct presence *p, const struct beba_stmt *s, uint32_t known)
{
    switch (s->kind) {
    case BEBA_STMT_ASSIGN:
        if (s->lvalue == BEBA_LV_FIELD)
            check_field_write(p, s, known);
        for (unsigned i = 0; i < 2; i++)
            if (s->index[i])
                check_read(p, s->index[i], known);
        check_read(p, s->value, known);
        break;
    case BEBA_STMT_IF:
        return check_if(p, s, known);
    case BEBA_STMT_GOTO:
        enter_state(p, s->id, known);
        break;
    case BEBA_STMT_VERDICT:
        if (s->verdict.port)
            check_read(p, s->verdict.port, known);
        if (s->verdict.kind == BEBA_VERDICT_NEXT)
            *p->onward &= known;
        break;
    case BEBA_STMT_NOTIFY:
        for (unsigned i = 0; i < s->n_args; i++)
            check_read(p, s->args[i], known);
        break;
    case BEBA_STMT_PUSH_VLAN:
    case BEBA_STMT_POP_VLAN:
        check_tag(p, s, &known, BEBA_LAYER_VLAN, BEBA_LAYER_VLAN2);
        break;
    case BEBA_STMT_PUSH_MPLS:
    case BEBA_STMT_POP_MPLS:
        check_tag(p, s, &known, BEBA_LAYER_MPLS, BEBA_LAYER_MPLS2);
        break;
    case BEBA_STMT_SWAP:
        if (!(known >> s->id & 1))
            report_absent(p, s->loc, "there is nothing to swap", (enum beba_layer)s->id);
        break;
    default:
        if (s->value && s->kind != BEBA_STMT_LET)
            check_read(p, s->value, known);
        break;
    }
    return known;
}

static uint32_t check_body(struct presence *p, const struct beba_body *body, uint32_t known)
{
    for (uint32_t i = 0; i < body->n; i++)
        known = check_stmt(p, &body->stmt[i], known);
    return known;
}

/* --- rules --------------------------------------------------------------------------------- */

static void check_run(struct presence *p, const struct rule_run *run, uint32_t known)
{
    for (uint32_t i = run->first; i < run->end; i++) {
        const struct beba_rule *r = &p->m->table->rule[i];
        uint32_t here = known;

        if (r->guard) {
            here |= beba_implied_layers(p->m, r->guard, true);
            known |= beba_implied_layers(p->m, r->guard, false);
        }
        check_body(p, &r->body, here);
    }
}

static void check_runs(struct presence *p, const struct rule_run *run)
{
    const struct beba_table *t = p->m->table;
    uint32_t base = p->base | beba_key_layers(p->m), closed;

    for (uint32_t s = 0; s < t->n_states; s++) {
        closed = base;
        for (unsigned l = 0; l < BEBA_N_LAYERS; l++)
            if (p->state[s] >> l & 1)
                closed |= beba_layer_implies((enum beba_layer)l);
        check_run(p, &run[s], closed);
        if (t->timeouts[s].idle)
            enter_state(p, t->timeouts[s].idle_to, closed);
        if (t->timeouts[s].hard)
            enter_state(p, t->timeouts[s].hard_to, closed);
    }
    check_run(p, &run[t->n_states], base);
}

static bool keyed_by_proto(const struct beba_key *key)
{
    bool proto = key->kind == BEBA_KEY_CONNECTION, ports = proto;

    for (unsigned i = 0; i < key->n_fields; i++) {
        proto |= key->field[i] == BEBA_F_IP_PROTO;
        ports |= key->field[i] == BEBA_F_L4_SRC || key->field[i] == BEBA_F_L4_DST;
    }
    return proto && ports;
}

/* A flow keeps its protocol: what every way into a state has found stays true in it. */
static void know_states(struct presence *p, const struct rule_run *run)
{
    const struct beba_table *t = p->m->table;
    uint32_t *before = beba_arena_array(p->c->scratch, t->n_states + 1, sizeof(*before));
    bool proto = keyed_by_proto(&t->lookup) && !t->two_keys && before;
    unsigned round = 0;

    for (uint32_t s = 1; s < t->n_states; s++)
        p->state[s] = proto ? TRANSPORT : 0;
    if (!proto)
        return;
    p->collect = true;
    do {
        memcpy(before, p->state, t->n_states * sizeof(*before));
        check_runs(p, run);
        p->state[0] = 0;
    } while (memcmp(before, p->state, t->n_states * sizeof(*before)) != 0 && ++round < ROUNDS);
    p->collect = false;
    for (uint32_t s = 1; s < t->n_states; s++) /* several at once: never entered, or given up */
        if (round == ROUNDS || (p->state[s] & (p->state[s] - 1)))
            p->state[s] = 0;
}

/* What a machine with that verdict for a packet sends on, knowing no more than it came with. */
static void onward(const struct presence *p, const struct beba_verdict *v, uint32_t known)
{
    if (v->kind == BEBA_VERDICT_NEXT)
        *p->onward &= known;
}

uint32_t beba_check_presence(struct lower *c, struct machine *m, uint32_t known)
{
    const struct beba_table *t = m->table;
    uint32_t n, next = ~0u;
    struct rule_run *run = beba_rule_runs(c, m, &n);
    struct presence p = {.c = c, .m = m, .base = known, .onward = &next};

    p.state = beba_arena_array(c->scratch, t->n_states + 1, sizeof(*p.state));
    if (!run || !p.state) {
        c->no_memory = true;
        return 0;
    }
    know_states(&p, run);
    check_runs(&p, run);
    if (t->lookup.kind != BEBA_KEY_NONE)
        onward(&p, &t->no_key, known);
    onward(&p, &t->full_verdict, known | beba_key_layers(m));
    onward(&p, &t->dflt, known);
    return next == ~0u ? 0 : next;
}
