/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Rules and their bodies: each way through them becomes an entry. */
#include "openflow/export_walk.h"

#include <stdlib.h>
#include <string.h>

struct frame { /* what comes after a block */
    const struct beba_body *body;
    uint32_t next;
    const struct frame *up;
};

static void run(struct export *x, const struct path *at, const struct cube *c,
                const struct beba_body *body, uint32_t next, const struct frame *up);

static struct beba_of_action *add(struct export *x, struct path *path, uint16_t type,
                                  struct beba_loc loc)
{
    if (path->n_actions == EXPORT_ACTIONS) {
        beba_export_say(x, loc, "more than %d actions in one way through a rule", EXPORT_ACTIONS);
        return NULL;
    }
    path->action[path->n_actions] = (struct beba_of_action){.type = type};
    return &path->action[path->n_actions++];
}

static void add_output(struct export *x, struct path *path, uint32_t port, struct beba_loc loc)
{
    struct beba_of_action *a = add(x, path, OFPAT_OUTPUT, loc);

    if (!a)
        return;
    a->output.port = port;
    a->output.max_len = port == OFPP_CONTROLLER ? OFPCML_NO_BUFFER : 0;
}

/* --- entries
 * -------------------------------------------------------------------------------------- */

static uint64_t initial(const struct export *x)
{
    return x->t->n_regs ? x->t->n_states : 0;
}

/* The last action becomes the first: before headers change, of which keys are made. */
static void put_first(struct path *path)
{
    struct beba_of_action last = path->action[path->n_actions - 1];

    memmove(path->action + 1, path->action, (path->n_actions - 1) * sizeof(last));
    path->action[0] = last;
}

/* bit: of the entry of the other direction. */
static void set_entry(struct export *x, struct path *path, uint32_t state, bool bit,
                      struct beba_loc loc)
{
    struct beba_of_action *a = add(x, path, OFPAT_EXPERIMENTER, loc);
    const struct beba_timeouts *t;
    bool reverse = x->both && bit != x->reverse;

    if (!a)
        return;
    a->beba = BEBA_ACT_SET_STATE;
    a->set_state.state = beba_export_number(x, state, reverse);
    a->set_state.mask = ~0u;
    a->set_state.bit = bit;
    a->set_state.table = x->at->table;
    if (state < x->t->n_states) {
        t = &x->t->timeouts[state];
        /* over when its end has passed, not when it has come */
        a->set_state.hard_timeout = t->hard ? (uint32_t)(t->hard / 1000 - 1) : 0;
        a->set_state.hard_rollback = t->hard ? beba_export_number(x, t->hard_to, reverse) : 0;
        a->set_state.idle_timeout = t->idle ? (uint32_t)(t->idle / 1000 - 1) : 0;
        a->set_state.idle_rollback = t->idle ? beba_export_number(x, t->idle_to, reverse) : 0;
    }
    put_first(path);
}

/* The other direction first: where the packet is its own answer, this one counts. */
static void set_state(struct export *x, struct path *path, uint32_t state, struct beba_loc loc)
{
    set_entry(x, path, state, false, loc);
    if (x->both)
        set_entry(x, path, state, true, loc);
}

static void store(struct export *x, struct path *path, struct beba_loc loc)
{
    int64_t to = path->state;
    unsigned missing = ((1u << x->t->n_regs) - 1) & ~path->assigned;

    if (x->both && to == EXPORT_NO_STATE && x->state > 0 && x->t->timeouts[x->state].idle)
        to = x->state; /* a packet restarts the idle timeout of both */
    if (to == EXPORT_NO_STATE && !path->assigned)
        return;
    if (to == EXPORT_NO_STATE && x->t->two_keys) {
        beba_export_say(x, loc,
                        "with two keys, a rule that assigns registers must enter a state: "
                        "OpenFlow forgets variables of flows in the first one");
        return;
    }
    if (to == EXPORT_NO_STATE && x->fresh)
        to = (int64_t)initial(x);
    else if (to == 0)
        to = x->fresh && !path->assigned && !x->t->two_keys ? 0 : (int64_t)initial(x);
    if (x->may_stale && missing && x->t->two_keys && to) {
        beba_export_say(x, loc,
                        "with two keys, a rule that enters a state must assign all "
                        "registers: OpenFlow keeps those of flows that timeouts ended");
        return;
    }
    if (x->may_stale && x->fresh && to && !x->t->two_keys)
        for (unsigned r = 0; r < x->t->n_regs; r++)
            if (missing >> r & 1) {
                beba_export_reset(x, path, r, loc);
                put_first(path);
            }
    if (to != EXPORT_NO_STATE)
        set_state(x, path, (uint32_t)to, loc);
}

/* go_to: a table, or 0. */
static void emit(struct export *x, struct path *path, const struct cube *c, uint8_t go_to,
                 struct beba_loc loc)
{
    struct beba_of_flow_mod *f;
    struct cube *cube;
    uint64_t rule = path->rule ? path->rule->id : 0xffffffff;

    for (uint32_t i = x->first_of_state; i < x->n_entries; i++)
        if (beba_cube_covers(&x->cube[i], c))
            return;
    if (x->n_entries == EXPORT_ENTRIES) {
        if (!x->full)
            beba_export_say(x, loc, "the rules of '%s' become more than %d entries of OpenFlow",
                            x->t->name, EXPORT_ENTRIES);
        x->full = true;
        return;
    }
    cube = &x->cube[x->n_entries];
    *cube = *c;
    f = &x->entry[x->n_entries++];
    *f = (struct beba_of_flow_mod){.table = x->at->table,
                                   .command = OFPFC_ADD,
                                   .buffer = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY,
                                   .cookie = 0xbebaull << 48 | (uint64_t)x->machine << 32 | rule};
    if (beba_cube_match(c, &x->out->arena, &f->match))
        x->failed = x->full = true;
    if (path->n_actions) {
        f->instructions.present |= BEBA_OF_APPLY;
        f->instructions.apply.n = path->n_actions;
        f->instructions.apply.action =
            beba_arena_copy(&x->out->arena, path->action, path->n_actions * sizeof(*path->action));
    }
    if (path->sets_metadata && go_to) {
        f->instructions.present |= BEBA_OF_METADATA;
        f->instructions.metadata = path->metadata;
        f->instructions.metadata_mask = ~0ull;
    }
    if (go_to) {
        f->instructions.present |= BEBA_OF_GOTO;
        f->instructions.table = go_to;
    }
    if (path->n_actions && !f->instructions.apply.action)
        x->failed = x->full = true;
}

/* --- verdicts
 * -------------------------------------------------------------------------------------- */

/* To a port, also when the packet came from it: that is another action. */
struct sending {
    struct beba_loc loc;
    uint32_t port;
    bool ends; /* else the body goes on */
    const struct path *path;
    const struct frame *frame;
};

static void send_to(struct export *x, const struct sending *s, const struct cube *c)
{
    const struct beba_u128 ones = {0, UINT32_MAX};
    bool real = s->port && s->port <= OFPP_MAX;

    for (int here = 1; here >= 0; here--) {
        struct path *path;
        struct cube in = *c;
        enum narrow r = NARROW_LESS;

        if (here)
            r = real ? beba_cube_add(&in, OFPXMT_OFB_IN_PORT, beba_u128(0, s->port), ones)
                     : NARROW_EMPTY;
        if (r == NARROW_EMPTY)
            continue;
        path = malloc(sizeof(*path));
        if (!path) {
            x->failed = x->full = true;
            return;
        }
        *path = *s->path;
        if (real)
            add_output(x, path, here ? OFPP_IN_PORT : s->port, s->loc);
        if (s->ends)
            emit(x, path, &in, 0, s->loc);
        else
            run(x, path, &in, s->frame->body, s->frame->next, s->frame->up);
        free(path);
        if (r == NARROW_SAME)
            return;
    }
}

/* A port that a register holds: behind all tables, metadata says it. */
static void send_by_register(struct export *x, struct path *path, const struct cube *c,
                             unsigned reg, struct beba_loc loc)
{
    struct beba_of_action *a = add(x, path, OFPAT_EXPERIMENTER, loc);

    if (!a)
        return;
    a->beba = BEBA_ACT_WRITE_CONTEXT;
    a->write_context.source = BEBA_CONTEXT_FDV;
    a->write_context.id = (uint8_t)reg;
    a->write_context.field = OFPXMT_OFB_METADATA;
    a->write_context.header = beba_of_field_header((enum beba_of_field)OFPXMT_OFB_METADATA, false);
    if (x->t->two_keys) /* as the entry was before this packet changed it */
        put_first(path);
    path->sets_metadata = false;
    x->ports = x->first[x->p->n_tables];
    emit(x, path, c, x->ports, loc);
}

static void output(struct export *x, struct path *path, const struct cube *c,
                   const struct beba_verdict *v)
{
    struct sym port = beba_export_sym(x, path, v->port);
    struct sending s = {.loc = v->loc, .ends = true, .path = path};

    if (port.kind == SYM_CONST) {
        s.port = (uint32_t)port.k.lo;
        send_to(x, &s, c);
    } else if (v->port->op == BEBA_OP_REG && (port.kind == SYM_REG || !x->t->two_keys)) {
        send_by_register(x, path, c, v->port->id, v->loc);
    } else {
        beba_export_say(x, v->loc, "OpenFlow sends to ports that are constants or in a register");
    }
}

static void pass(struct export *x, struct path *path, const struct cube *c, struct beba_loc loc)
{
    struct sending s = {.loc = loc, .port = x->opts->pass_port, .ends = true, .path = path};

    if (x->opts->pass == BEBA_EXPORT_PORT) {
        send_to(x, &s, c);
        return;
    }
    if (x->opts->pass == BEBA_EXPORT_FLOOD)
        add_output(x, path, OFPP_FLOOD, loc);
    emit(x, path, c, x->opts->pass == BEBA_EXPORT_TABLE ? x->opts->pass_table : 0, loc);
}

void beba_export_verdict(struct export *x, const struct path *at, const struct cube *c,
                         const struct beba_verdict *v)
{
    struct path *path = malloc(sizeof(*path));
    struct beba_loc loc = v->loc.len || !at->rule ? v->loc : at->rule->loc;

    if (!path) {
        x->failed = x->full = true;
        return;
    }
    *path = *at;
    store(x, path, loc);
    switch (v->kind) {
    case BEBA_VERDICT_PASS:
        pass(x, path, c, loc);
        break;
    case BEBA_VERDICT_NEXT:
        if (x->machine + 1 < x->p->n_tables)
            emit(x, path, c, x->first[x->machine + 1], loc);
        else
            pass(x, path, c, loc);
        break;
    case BEBA_VERDICT_OUTPUT:
        output(x, path, c, v);
        break;
    case BEBA_VERDICT_REPLY:
    case BEBA_VERDICT_FLOOD:
    case BEBA_VERDICT_PUNT:
        add_output(x, path,
                   v->kind == BEBA_VERDICT_REPLY   ? OFPP_IN_PORT
                   : v->kind == BEBA_VERDICT_FLOOD ? OFPP_FLOOD
                                                   : OFPP_CONTROLLER,
                   loc);
        emit(x, path, c, 0, loc);
        break;
    default:
        emit(x, path, c, 0, loc);
        break;
    }
    free(path);
}

/* --- headers
 * ---------------------------------------------------------------------------------------- */

static void note_written(struct export *x, struct path *path, uint32_t field, struct sym value,
                         struct beba_loc loc)
{
    if (path->n_written == EXPORT_WRITTEN) {
        beba_export_say(x, loc, "more than %d fields are written in one rule", EXPORT_WRITTEN);
        return;
    }
    path->written[path->n_written].field = field;
    path->written[path->n_written++].value = value;
}

static bool is_ttl(uint32_t field)
{
    return field == BEBA_F_IP_TTL || field == BEBA_F_IP4_TTL || field == BEBA_F_IP6_HLIM;
}

static int writable(struct export *x, uint32_t field, struct alt alts[EXPORT_ALTS])
{
    int n = 0;

    if (!is_ttl(field)) {
        n = beba_export_alts(x, field, alts);
        for (int i = 0; i < n; i++)
            if (!beba_of_fields[alts[i].field].settable)
                return -1;
        return n;
    }
    if (field != BEBA_F_IP6_HLIM && x->at->eth_type != 0x86dd)
        alts[n++] = (struct alt){.eth_type = 0x0800};
    if (field != BEBA_F_IP4_TTL && x->at->eth_type != 0x0800)
        alts[n++] = (struct alt){.eth_type = 0x86dd};
    return n;
}

static void set_field(struct export *x, struct path *path, const struct alt *a, uint32_t field,
                      struct beba_u128 v, struct beba_loc loc)
{
    struct beba_of_action *set =
        add(x, path, is_ttl(field) ? OFPAT_SET_NW_TTL : OFPAT_SET_FIELD, loc);

    if (!set)
        return;
    if (is_ttl(field)) {
        set->ttl = (uint8_t)v.lo;
        return;
    }
    if (a->mapped)
        v = beba_u128(0, v.lo & UINT32_MAX);
    if (a->field == OFPXMT_OFB_VLAN_VID)
        v.lo |= OFPVID_PRESENT;
    set->set_field = (struct beba_of_oxm){
        .field = a->field, .value = v, .mask = beba_of_field_ones((enum beba_of_field)a->field)};
}

static void write_register(struct export *x, struct path *path, const struct alt *alts, int n,
                           const struct beba_stmt *s)
{
    struct beba_of_action *a;

    for (int i = 1; i < n; i++)
        if (alts[i].field != alts[0].field)
            n = -1;
    if (n < 1 || is_ttl(s->id) || alts[0].shift || x->t->two_keys) {
        beba_export_say(x, s->loc, "OpenFlow cannot write a variable to %s%s",
                        beba_fields[s->id].name, x->t->two_keys ? " with two keys" : "");
        return;
    }
    a = add(x, path, OFPAT_EXPERIMENTER, s->loc);
    if (!a)
        return;
    a->beba = BEBA_ACT_WRITE_CONTEXT;
    a->write_context.source = s->value->op == BEBA_OP_REG ? BEBA_CONTEXT_FDV : BEBA_CONTEXT_GDV;
    a->write_context.id = (uint8_t)s->value->id;
    a->write_context.field = alts[0].field;
    a->write_context.header = beba_of_field_header((enum beba_of_field)alts[0].field, false);
}

/* True when the way goes on by itself; false: it was walked on from here. */
static bool write_field(struct export *x, struct path *path, const struct cube *c,
                        const struct beba_stmt *s, const struct frame *next)
{
    struct sym v = beba_export_sym(x, path, s->value);
    struct alt alts[EXPORT_ALTS];
    int n = writable(x, s->id, alts);
    bool plain = s->assign == BEBA_SET;

    if (plain && s->id == BEBA_F_METADATA && v.kind == SYM_CONST) {
        path->sets_metadata = true;
        path->metadata = v.k.lo;
        note_written(x, path, s->id, v, s->loc);
        return true;
    }
    if (n < 0 || !plain) {
        beba_export_say(x, s->loc,
                        n < 0 ? "OpenFlow does not write %s"
                              : "OpenFlow writes constants and variables to %s",
                        beba_fields[s->id].name);
        return true;
    }
    if (!n)
        return true;
    if (v.kind != SYM_CONST) {
        if (s->value->op == BEBA_OP_REG || s->value->op == BEBA_OP_GLOBAL)
            write_register(x, path, alts, n, s);
        else
            beba_export_say(x, s->loc, "OpenFlow writes constants and variables to %s",
                            beba_fields[s->id].name);
        note_written(x, path, s->id, (struct sym){.kind = SYM_OTHER}, s->loc);
        return true;
    }
    v.type = beba_fields[s->id].type;
    if (v.type.width < 64)
        v.k = beba_u128(0, v.k.lo & beba_mask64(v.type.width));
    for (int i = 0; i <= n; i++) {
        struct cube in = *c;
        enum narrow r = i < n ? beba_cube_prereq(&in, &alts[i]) : NARROW_LESS;
        struct path *way;

        if (r == NARROW_EMPTY)
            continue;
        way = malloc(sizeof(*way));
        if (!way) {
            x->failed = x->full = true;
            return false;
        }
        *way = *path;
        if (i < n)
            set_field(x, way, &alts[i], s->id, v.k, s->loc);
        note_written(x, way, s->id,
                     i < n && beba_export_is_present(x, s->id) ? v
                                                               : (struct sym){.kind = SYM_OTHER},
                     s->loc);
        run(x, way, &in, next->body, next->next, next->up);
        free(way);
        if (r == NARROW_SAME)
            break;
    }
    return false;
}

/* --- bodies
 * ------------------------------------------------------------------------------------------ */

struct branch {
    struct cont k;
    const struct path *path;
    const struct beba_stmt *s;
    const struct frame *up;
};

static void branch(const struct cont *k, const struct cube *c, bool holds)
{
    const struct branch *b = (const struct branch *)k;

    run(k->x, b->path, c, holds ? &b->s->then : &b->s->otherwise, 0, b->up);
}

/* A statement with a random number that is drawn: one way for each. */
struct draw_ways {
    struct draws d;
    struct export *x;
    const struct path *path;
    const struct frame *at; /* where the statement is the next */
};

static void go_drawn(const struct draws *d, const struct cube *c, const struct beba_expr *e,
                     uint64_t v)
{
    const struct draw_ways *w = (const struct draw_ways *)d;
    struct path *path = malloc(sizeof(*path));

    if (!path) {
        w->x->failed = w->x->full = true;
        return;
    }
    *path = *w->path;
    path->drawn = e;
    path->draw = v;
    run(w->x, path, c, w->at->body, w->at->next, w->at->up);
    free(path);
}

static bool draws(struct export *x, const struct path *path, const struct cube *c,
                  const struct beba_stmt *s, const struct frame *next)
{
    struct frame at = next ? *next : (struct frame){0};
    struct draw_ways w = {{go_drawn}, x, path, &at};
    const struct beba_expr *e = s->kind == BEBA_STMT_VERDICT ? s->verdict.port : s->value;

    if (!next || s->kind == BEBA_STMT_IF)
        return false;
    at.next--;
    return beba_export_draw(x, path, e, c, &w.d);
}

/* False: the way has been walked to its end. */
static bool step(struct export *x, struct path *path, const struct cube *c,
                 const struct beba_stmt *s, const struct frame *next)
{
    struct beba_of_action *a;
    struct sym v;

    if (draws(x, path, c, s, next))
        return false;
    switch (s->kind) {
    case BEBA_STMT_ASSIGN:
        if (s->lvalue == BEBA_LV_FIELD)
            return write_field(x, path, c, s, next);
        if (s->lvalue == BEBA_LV_ARRAY)
            beba_export_say(x, s->loc, "OpenFlow has no arrays");
        else
            beba_export_update(x, path, s);
        return true;
    case BEBA_STMT_LET:
        v = beba_export_sym(x, path, s->value);
        if (s->id >= EXPORT_LETS || v.kind == SYM_OTHER)
            beba_export_say(x, s->loc,
                            "OpenFlow computes nothing that is kept for the rest of the "
                            "rule only");
        else
            path->let[s->id] = v;
        return true;
    case BEBA_STMT_IF: {
        struct branch b = {{branch, x}, path, s, next};

        beba_export_cases(x, path, s->value, c, &b.k);
        return false;
    }
    case BEBA_STMT_GOTO:
        path->state = s->id;
        return true;
    case BEBA_STMT_VERDICT:
        beba_export_verdict(x, path, c, &s->verdict);
        return false;
    case BEBA_STMT_NOTIFY:
        add_output(x, path, OFPP_CONTROLLER, s->loc);
        return true;
    case BEBA_STMT_COUNT:
        return true;
    case BEBA_STMT_MIRROR: {
        struct sending to = {.loc = s->loc, .path = path, .frame = next};

        v = beba_export_sym(x, path, s->value);
        if (v.kind != SYM_CONST) {
            beba_export_say(x, s->loc, "OpenFlow mirrors to ports that are constants");
            return true;
        }
        to.port = (uint32_t)v.k.lo;
        send_to(x, &to, c);
        return false;
    }
    case BEBA_STMT_QUEUE:
        v = beba_export_sym(x, path, s->value);
        if (v.kind != SYM_CONST)
            beba_export_say(x, s->loc, "the queue of OpenFlow is a constant");
        else if ((a = add(x, path, OFPAT_SET_QUEUE, s->loc)))
            a->queue = (uint32_t)v.k.lo;
        return true;
    default:
        beba_export_say(x, s->loc,
                        s->kind == BEBA_STMT_SWAP
                            ? "OpenFlow has no action that exchanges two fields"
                            : "tags and labels are not pushed or popped by what is "
                              "exported: OpenFlow drops packets that have none");
        return true;
    }
}

static void run(struct export *x, const struct path *at, const struct cube *c,
                const struct beba_body *body, uint32_t next, const struct frame *up)
{
    static const struct beba_verdict drop = {.kind = BEBA_VERDICT_DROP};
    struct path *path;
    bool on = true;

    if (x->full)
        return;
    path = malloc(sizeof(*path));
    if (!path) {
        x->failed = x->full = true;
        return;
    }
    *path = *at;
    while (on) {
        struct frame f = {body, next + 1, up};

        if (next < body->n) {
            on = step(x, path, c, &body->stmt[next++], &f);
        } else if (up) {
            body = up->body;
            next = up->next;
            up = up->up;
        } else {
            beba_export_verdict(x, path, c, x->t->dflt.kind ? &x->t->dflt : &drop);
            on = false;
        }
    }
    free(path);
}

/* --- rules
 * -------------------------------------------------------------------------------------------- */

struct trial {
    struct cont k;
    struct path *path;
    uint32_t rule;
};

static void try_rules(struct export *x, struct path *path, uint32_t i, const struct cube *c);

static void decide(const struct cont *k, const struct cube *c, bool holds)
{
    const struct trial *t = (const struct trial *)k;

    if (!holds) {
        try_rules(k->x, t->path, t->rule + 1, c);
        return;
    }
    t->path->rule = &k->x->t->rule[t->rule];
    run(k->x, t->path, c, &t->path->rule->body, 0, NULL);
}

static void try_rules(struct export *x, struct path *at, uint32_t i, const struct cube *c)
{
    static const struct beba_verdict drop = {.kind = BEBA_VERDICT_DROP};
    struct path *path = malloc(sizeof(*path));
    uint32_t state = x->state > 0 && (uint64_t)x->state < x->t->n_states ? (uint32_t)x->state : 0;
    struct trial trial = {{decide, x}, path, 0};

    if (!path || x->full) {
        x->failed |= !path;
        free(path);
        return;
    }
    *path = *at;
    path->rule = NULL;
    for (; i < x->t->n_rules; i++) {
        const struct beba_rule *r = &x->t->rule[i];

        if ((state & r->state_mask) != r->state)
            continue;
        for (uint32_t l = 0; l < r->lets.n; l++)
            step(x, path, c, &r->lets.stmt[l], NULL);
        if (r->n_matches)
            beba_export_say(x, r->loc, "a rule that was made of an entry of OpenFlow");
        trial.rule = i;
        if (!r->guard) {
            decide(&trial.k, c, true);
            free(path);
            return;
        }
        beba_export_cases(x, path, r->guard, c, &trial.k);
        free(path);
        return;
    }
    beba_export_verdict(x, path, c, x->t->dflt.kind ? &x->t->dflt : &drop);
    free(path);
}

void beba_export_rules(struct export *x, const struct cube *c)
{
    struct path path = {.state = EXPORT_NO_STATE};

    for (unsigned i = 0; i < BEBA_FLOW_DATA_VARS && i < x->t->n_regs; i++)
        path.reg[i] = (struct sym){
            .kind = x->fresh ? SYM_CONST : SYM_REG, .id = i, .type = x->t->reg[i].type};
    for (unsigned i = 0; i < BEBA_GLOBAL_DATA_VARS && i < x->p->n_globals; i++)
        path.global[i] = (struct sym){.kind = SYM_GLOBAL, .id = i, .type = x->p->global[i].type};
    if (x->state == EXPORT_NO_STATE && x->t->lookup.kind != BEBA_KEY_NONE)
        beba_export_verdict(x, &path, c, &x->t->no_key);
    else
        try_rules(x, &path, 0, c);
}
