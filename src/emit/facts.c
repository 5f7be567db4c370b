/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the emitter knows of a program before it writes: which lets may lack a value, which tables
 * are asked by others, how long chains of timeouts get, how much code there will be. */
#include "emit/write.h"

#include <errno.h>
#include <string.h>

/* Depths are bounded: the pipeline is finished. */

struct look {
    struct emit *e;
    struct table_facts *f;
    uint32_t ti;
    uint32_t weight;
};

/* Fields that packet/look.h looks for step by step. */
static bool looks_far(uint32_t id)
{
    return id == BEBA_F_IP_PROTO || id == BEBA_F_IP6_PROTO || id == BEBA_F_ND_SLL ||
           id == BEBA_F_ND_TLL || id == BEBA_F_IP6_EXTHDR;
}

static void look_at_field(struct look *l, uint32_t id)
{
    if (!l->e)
        return;
    l->e->layers |= 1u << beba_fields[id].layer;
    l->e->reads[id] = true;
    l->e->reads_now |= id == BEBA_F_NOW;
    l->e->looks_far |= looks_far(id);
    l->e->reads_tunnel |= id == BEBA_F_TUNNEL_ID;
    l->e->reads_port |= id == BEBA_F_IN_PORT || id == BEBA_F_IN_PHY_PORT;
}

static void look_at_expr(struct look *l, const struct beba_expr *x)
{
    if (!x)
        return;
    l->weight += 1 + x->n_ranges / 4;
    if (x->op == BEBA_OP_STATE && l->e && x->id != l->ti) {
        l->e->facts[x->id].peeked = true;
        l->f->peeks++;
    }
    if (x->op == BEBA_OP_RANDOM && l->e)
        l->e->random = true;
    if (x->op == BEBA_OP_FIELD)
        look_at_field(l, x->id);
    if (x->op == BEBA_OP_PRESENT && l->e)
        l->e->layers |= 1u << x->id;
    if (x->op == BEBA_OP_FORWARD)
        l->f->forward = true;
    for (unsigned i = 0; i < x->n_args; i++)
        look_at_expr(l, x->arg[i]);
}

static void look_at_body(struct look *l, const struct beba_body *body);

static void look_at_stmt(struct look *l, const struct beba_stmt *s)
{
    l->weight += s->kind >= BEBA_STMT_NOTIFY && s->kind != BEBA_STMT_COUNT ? 20 : 1;
    if (s->kind == BEBA_STMT_LET && beba_emit_may_lack(l->f, s->value))
        l->f->may_lack[s->id] = true;
    l->f->assigns |= s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_REG;
    l->f->goes |= s->kind == BEBA_STMT_GOTO;
    if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD) {
        l->weight += 30;
        look_at_field(l, s->id);
    }
    if (s->kind == BEBA_STMT_MIRROR && l->e)
        l->e->mirrors = true;
    if (s->kind == BEBA_STMT_SWAP && l->e)
        l->e->layers |= 1u << s->id;
    if (l->e)
        l->e->edits |= (s->kind >= BEBA_STMT_PUSH_VLAN && s->kind <= BEBA_STMT_SWAP) ||
                       (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD &&
                        beba_fields[s->id].layer != BEBA_LAYER_META);
    look_at_expr(l, s->index[0]);
    look_at_expr(l, s->index[1]);
    look_at_expr(l, s->value);
    for (unsigned i = 0; i < s->n_args; i++)
        look_at_expr(l, s->args[i]);
    look_at_expr(l, s->verdict.port);
    look_at_body(l, &s->then);
    look_at_body(l, &s->otherwise);
}

static void look_at_body(struct look *l, const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++)
        look_at_stmt(l, &body->stmt[i]);
}

static uint32_t look_at_rule(struct look *l, const struct beba_rule *r)
{
    l->weight = 1 + r->n_matches * 2;
    for (uint32_t i = 0; i < r->n_matches; i++)
        look_at_field(l, r->match[i].field);
    look_at_body(l, &r->lets);
    look_at_expr(l, r->guard);
    look_at_body(l, &r->body);
    return l->weight;
}

uint32_t beba_emit_rule_weight(const struct beba_rule *r)
{
    struct table_facts f = {0};
    struct look l = {.f = &f};

    return look_at_rule(&l, r);
}

static void look_at_key(struct look *l, const struct beba_key *key)
{
    if (key->kind == BEBA_KEY_CONNECTION)
        l->e->layers |= 1u << BEBA_LAYER_IP | 1u << BEBA_LAYER_L4;
    for (unsigned i = 0; key->kind == BEBA_KEY_FIELDS && i < key->n_fields; i++)
        look_at_field(l, key->field[i]);
}

/* Steps until a chain of timeouts stops or repeats: no more than there are states with timeouts. */
static uint32_t chain_length(const struct beba_table *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n_states; i++)
        n += t->timeouts[i].idle || t->timeouts[i].hard;
    return n;
}

static void timeouts(struct emit *e, struct table_facts *f, const struct beba_table *t)
{
    for (uint32_t i = 0; i < t->n_states; i++) {
        f->idle |= t->timeouts[i].idle != 0;
        f->hard |= t->timeouts[i].hard != 0;
        if (t->timeouts[i].idle && t->timeouts[i].idle < e->shortest)
            e->shortest = t->timeouts[i].idle;
        if (t->timeouts[i].hard && t->timeouts[i].hard < e->shortest)
            e->shortest = t->timeouts[i].hard;
    }
}

static void chunks(const struct emit *e, struct table_facts *f, const uint32_t *weight,
                   uint32_t n_rules)
{
    uint32_t all = 0;

    for (uint32_t i = 0; i < n_rules; i++)
        all += weight[i];
    f->weight = all;
    f->n_chunks = n_rules > RULES_INLINE || all > WEIGHT_INLINE || (e->opts->fine && n_rules);
}

static int table_facts(struct emit *e, uint32_t i, struct beba_error *err)
{
    const struct beba_table *t = &e->p->table[i];
    struct table_facts *f = &e->facts[i];
    struct look l = {.e = e, .f = f, .ti = i};
    uint32_t *weight = beba_arena_array(&e->arena, t->n_rules + 1ul, sizeof(*weight));

    if (!weight)
        return beba_error_set(err, -ENOMEM, "out of memory");
    f->name = beba_emit_name(e, t->name, "table", i);
    if (e->opts->prefix)
        f->name = beba_arena_printf(&e->arena, "%s%s", e->opts->prefix, f->name);
    f->keyed = t->lookup.kind != BEBA_KEY_NONE;
    f->steps = f->keyed ? chain_length(t) : 0;
    f->timed = f->steps > 0;
    if (f->keyed)
        timeouts(e, f, t);
    for (uint32_t r = 0; r < t->n_rules; r++) {
        weight[r] = look_at_rule(&l, &t->rule[r]);
        f->creates |= t->rule[r].creates;
    }
    look_at_expr(&l, t->dflt.port);
    look_at_expr(&l, t->no_key.port);
    look_at_expr(&l, t->full_verdict.port);
    chunks(e, f, weight, t->n_rules);
    look_at_key(&l, &t->lookup);
    look_at_key(&l, &t->update);
    f->frame_size = 64 + t->lookup.padded + (t->two_keys ? t->update.padded : 0) +
                    t->regs_size * (t->two_keys ? 2 : 1) + t->n_lets * 9;
    return 0;
}

uint32_t beba_emit_frame_most(const struct emit *e)
{
    return e->global || e->edits ? FRAME_STACK : FRAME_ALONE;
}

/* One small table that only looks, decides and remembers: its packet can be kept in registers. What
 * sends events, draws or has more to do needs the stack and wants the packet in memory. */
static bool is_alone(const struct emit *e)
{
    const struct beba_pipeline *p = e->p;

    return e->target == BEBA_TARGET_XDP && p->n_tables == 1 && !e->global && !e->edits &&
           !e->looks_far && !e->shares && !e->random && !p->n_notices &&
           p->table[0].n_rules <= RULES_ALONE && p->table[0].lookup.padded <= KEY_ALONE &&
           e->facts[0].frame_size <= beba_emit_frame_most(e);
}

/* True when a rule of the table changes the packet, or what comes with it. */
static bool changes(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if ((s->kind >= BEBA_STMT_PUSH_VLAN && s->kind <= BEBA_STMT_SWAP) ||
            (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD) || changes(&s->then) ||
            changes(&s->otherwise))
            return true;
    }
    return false;
}

/* The first early table that takes the same key. */
static uint32_t twin_of(const struct emit *e, uint32_t i)
{
    const struct beba_table *t = &e->p->table[i];

    for (uint32_t k = 0; k < i; k++) {
        const struct beba_table *other = &e->p->table[k];

        if (e->facts[k].early && !t->two_keys && !other->two_keys &&
            other->lookup.kind == t->lookup.kind && other->lookup.n_fields == t->lookup.n_fields &&
            !memcmp(other->lookup.field, t->lookup.field,
                    t->lookup.n_fields * sizeof(*t->lookup.field)))
            return k;
    }
    return i;
}

/* Which keys can be taken at first, and how much may be copied for each kind of packet. */
static void native_facts(struct emit *e)
{
    uint32_t weight = 0, n = 0;
    bool changed = false, chunks = false;

    e->n_groups = 1;
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct beba_table *t = &e->p->table[i];
        struct table_facts *f = &e->facts[i];

        f->early = f->keyed && !changed && n < EARLY_MOST;
        f->twin = f->early ? twin_of(e, i) : i;
        n += f->early;
        weight += f->weight;
        chunks |= f->n_chunks != 0;
        for (uint32_t r = 0; r < t->n_rules; r++)
            changed |= changes(&t->rule[r].body);
    }
    e->inlined = !e->edits && !chunks && weight <= WEIGHT_KINDS;
    e->global = !e->inlined;
    e->shares = e->p->n_globals || e->p->n_arrays || e->p->n_sets;
}

int beba_emit_facts(struct emit *e, struct beba_error *err)
{
    int rc = 0;

    e->facts = beba_arena_array(&e->arena, e->p->n_tables + 1ul, sizeof(*e->facts));
    if (!e->facts)
        return beba_error_set(err, -ENOMEM, "out of memory");
    e->shortest = UINT64_MAX;
    for (uint32_t i = 0; i < e->p->n_tables && !rc; i++)
        rc = table_facts(e, i, err);
    if (!rc && e->native)
        native_facts(e);
    if (rc || e->native)
        return rc;
    rc = beba_emit_groups(e, err);
    e->global = e->opts->fine || e->p->n_tables > 1 || (e->p->n_tables && e->facts[0].n_chunks);
    e->shares = e->p->n_globals || e->p->n_arrays;
    for (uint32_t i = 0; i < e->p->n_sets; i++)
        e->shares |= e->layout.set[i] != 0;
    e->alone = is_alone(e);
    return rc;
}
