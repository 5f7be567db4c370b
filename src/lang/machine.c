/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Machines become tables: first all of their names, so that state(other) and tests may look ahead,
 * then their rules. */
#include <inttypes.h>
#include <string.h>

#include "lang/check.h"

enum {
    DEFAULT_CAPACITY = 65536,
    KEY_BYTES = 64, /* what a flow table holds */
    REGS_BYTES = 256,
    RULE_EXACT = 0xffffffffu,
};

static const uint16_t five_tuple[] = {BEBA_F_IP_SRC, BEBA_F_IP_DST, BEBA_F_L4_SRC, BEBA_F_L4_DST,
                                      BEBA_F_IP_PROTO};

/* --- keys ---------------------------------------------------------------------------------- */

static void check_together(struct lower *c, const struct ast_pair *f, enum beba_field_id id,
                           const struct beba_key *key)
{
    for (unsigned i = 0; i < key->n_fields; i++) {
        const struct beba_field *other = &beba_fields[key->field[i]];

        if (key->field[i] == id) {
            beba_report(c->diags, C_DUPLICATE, f->loc, "'%s' is in the key already", f->name.s);
            return;
        }
        if (beba_layer_excludes((enum beba_layer)beba_fields[id].layer) >> other->layer & 1) {
            struct beba_diag *d =
                beba_report(c->diags, C_KEY_CONFLICT, f->loc, "no packet has both '%s' and '%s'",
                            other->name, f->name.s);

            if (other->layer == BEBA_LAYER_IP4 || other->layer == BEBA_LAYER_IP6)
                beba_report_hint(c->diags, d, "the fields ip.* are there in either version");
            else if (other->layer == BEBA_LAYER_TCP || other->layer == BEBA_LAYER_UDP)
                beba_report_hint(c->diags, d, "l4.src and l4.dst are ports of TCP, UDP and SCTP");
            return;
        }
    }
}

static void lower_key(struct lower *c, const struct ast_key *a, struct beba_key *key)
{
    uint32_t bytes = 0;

    if (!a->kind)
        return;
    key->kind = a->whole == W_CONNECTION ? BEBA_KEY_CONNECTION : BEBA_KEY_FIELDS;
    if (a->whole == W_FLOW) {
        key->n_fields = 5;
        memcpy(key->field, five_tuple, sizeof(five_tuple));
    }
    for (const struct ast_pair *f = a->fields; f; f = f->next) {
        enum beba_field_id id = beba_lower_field(c, f->name.s, f->loc);

        if (id == BEBA_F_NONE)
            continue;
        if (key->n_fields == BEBA_MAX_KEY_FIELDS) {
            beba_report(c->diags, C_TOO_LARGE, f->loc, "a key has at most %d fields",
                        BEBA_MAX_KEY_FIELDS);
            return;
        }
        check_together(c, f, id, key);
        key->field[key->n_fields++] = (uint16_t)id;
        bytes += (beba_fields[id].type.width + 7u) / 8;
    }
    if (bytes > KEY_BYTES)
        beba_report(c->diags, C_TOO_LARGE, a->loc, "this key has %u bytes; at most %d fit", bytes,
                    KEY_BYTES);
}

static void check_pair(struct lower *c, const struct ast_machine *a, struct beba_table *t)
{
    const char *hint = "both keys need fields of the same widths in the same order";
    bool same = t->lookup.kind == t->update.kind && t->lookup.n_fields == t->update.n_fields;

    for (unsigned i = 0; same && i < t->lookup.n_fields; i++)
        same = beba_fields[t->lookup.field[i]].type.width ==
               beba_fields[t->update.field[i]].type.width;
    if (!same)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_KEY_PAIR, a->update.loc,
                                     "lookup and update keys do not fit each other"),
                         "%s", hint);
}

static void lower_keys(struct lower *c, const struct ast_machine *a, struct beba_table *t)
{
    const struct ast_key *one = a->lookup.kind ? &a->lookup : &a->update;

    if (a->key.kind && one->kind)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_KEY_PAIR, one->loc,
                                     "a machine has either 'key' or 'lookup' and 'update'"),
                         "drop one of them");
    if (!a->lookup.kind != !a->update.kind && !a->key.kind && !c->syntax_errors)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_KEY_PAIR, one->loc, "'%s' without '%s'",
                                     a->lookup.kind ? "lookup" : "update",
                                     a->lookup.kind ? "update" : "lookup"),
                         "where both are the same, write 'key'");
    lower_key(c, a->key.kind ? &a->key : a->lookup.kind ? &a->lookup : &a->update, &t->lookup);
    if (a->key.kind || !a->update.kind || !a->lookup.kind)
        return;
    lower_key(c, &a->update, &t->update);
    t->two_keys = true;
    check_pair(c, a, t);
}

/* --- names --------------------------------------------------------------------------------- */

static void declare_regs(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    uint32_t n = 0, bytes = 0;

    for (const struct ast_reg *r = m->ast->regs; r; r = r->next)
        n++;
    t->reg = beba_arena_array(c->arena, n + 1, sizeof(*t->reg));
    if (!t->reg) {
        c->no_memory = true;
        return;
    }
    for (const struct ast_reg *r = m->ast->regs; r; r = r->next) {
        struct sym *s = beba_sym_declare(c, &m->scope, &r->name, SYM_REG);

        if (!s)
            continue;
        if (t->n_regs == BEBA_MAX_REGS) {
            beba_report(c->diags, C_TOO_LARGE, r->name.loc, "a machine has at most %d registers",
                        BEBA_MAX_REGS);
            return;
        }
        s->id = t->n_regs++;
        t->reg[s->id] = (struct beba_reg){
            .name = beba_keep(c, r->name.s), .type = r->type.type, .loc = r->name.loc};
        if (!r->type.given)
            t->reg[s->id].type = beba_type_uint;
        bytes += (t->reg[s->id].type.width + 7u) / 8;
        if (t->n_regs == 1 && t->lookup.kind == BEBA_KEY_NONE)
            beba_report_hint(
                c->diags,
                beba_report(c->diags, C_NO_KEY, r->name.loc,
                            "registers belong to a key, and machine '%s' has none", t->name),
                "give it a key, or use 'global %s : ...' outside of the machine", r->name.s);
    }
    if (bytes > REGS_BYTES)
        beba_report(c->diags, C_TOO_LARGE, m->ast->regs->name.loc,
                    "the registers have %u bytes; at most %d fit", bytes, REGS_BYTES);
}

static void no_states_without_key(struct lower *c, const struct machine *m,
                                  const struct ast_state *s)
{
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_NO_KEY, s->loc,
                                 "states belong to a key, and machine '%s' has none",
                                 m->table->name),
                     "give it a key, such as 'key ip.src', or write the rules without a state");
}

static void declare_states(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    uint32_t n = 0;

    for (const struct ast_state *s = m->ast->states; s; s = s->next)
        n += !s->any;
    t->state = beba_arena_array(c->arena, n + 1, sizeof(*t->state));
    t->timeouts = beba_arena_array(c->arena, n + 1, sizeof(*t->timeouts));
    m->state_ast = beba_arena_array(c->scratch, n + 1, sizeof(*m->state_ast));
    if (!t->state || !t->timeouts || !m->state_ast) {
        c->no_memory = true;
        return;
    }
    for (const struct ast_state *s = m->ast->states; s; s = s->next) {
        struct sym *y;

        if (s->any)
            continue;
        if (t->lookup.kind == BEBA_KEY_NONE && !c->syntax_errors) {
            no_states_without_key(c, m, s);
            t->lookup.kind = BEBA_KEY_CONNECTION; /* say it once */
        }
        y = beba_sym_declare(c, &m->scope, &s->name, SYM_STATE);
        if (!y)
            continue;
        if (t->n_states == BEBA_MAX_STATES) {
            beba_report(c->diags, C_TOO_LARGE, s->loc, "a machine has at most %d states",
                        BEBA_MAX_STATES);
            return;
        }
        y->id = t->n_states++;
        m->state_ast[y->id] = s;
        t->state[y->id] = (struct beba_state){
            .name = beba_keep(c, s->name.s), .notify = s->notify, .loc = s->name.loc};
    }
    if (!t->n_states && t->lookup.kind != BEBA_KEY_NONE) {
        struct sym *y = beba_scope_add(c, &m->scope, "start", SYM_STATE, m->ast->name.loc);

        if (y)
            t->state[t->n_states++] = (struct beba_state){.name = "start", .loc = m->ast->name.loc};
    }
}

static void declare_machine(struct lower *c, const struct ast_machine *a, struct sym *s)
{
    struct machine *m = &c->machine[c->n_machines];
    struct beba_table *t = &c->p->table[c->n_machines];
    uint32_t expected = 64;

    for (const struct ast_state *st = a->states; st; st = st->next)
        expected++;
    m->ast = a;
    m->table = t;
    m->sym = s;
    m->index = s->id = c->n_machines++;
    t->name = beba_keep(c, a->name.s);
    t->loc = a->name.loc;
    if (!beba_scope_init(c, &m->scope, expected))
        return;
    lower_keys(c, a, t);
    declare_regs(c, m);
    declare_states(c, m);
}

/* --- options ------------------------------------------------------------------------------- */

static void only_with_key(struct lower *c, const struct machine *m, struct beba_loc loc,
                          const char *what)
{
    if (m->table->lookup.kind == BEBA_KEY_NONE)
        beba_report(c->diags, C_NO_KEY, loc, "'%s' needs a key, and machine '%s' has none", what,
                    m->table->name);
}

static void lower_capacity(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    struct beba_expr *e;

    t->capacity = t->lookup.kind == BEBA_KEY_NONE ? 0 : DEFAULT_CAPACITY;
    t->full = BEBA_FULL_EVICT;
    if (!m->ast->capacity)
        return;
    only_with_key(c, m, m->ast->capacity->loc, "capacity");
    e = beba_lower_const(c, m->ast->capacity, beba_type_uint, "a capacity");
    if (e && (!e->k.lo || e->k.lo > 0xffffffffu))
        beba_report(c->diags, C_OUT_OF_RANGE, e->loc, "a capacity is 1..4294967295 entries");
    else if (e)
        t->capacity = e->k.lo;
    if (!m->ast->refuse)
        return;
    t->full = BEBA_FULL_REFUSE;
    beba_lower_verdict(c, &m->ast->full, &t->full_verdict);
}

static void lower_consistency(struct lower *c, struct machine *m)
{
    if (m->ast->consistency.len)
        only_with_key(c, m, m->ast->consistency, "consistency");
    m->table->per_cpu = m->ast->per_cpu;
}

/* True when every packet on an Ethernet port has all of the key. */
static bool key_always_there(const struct beba_key *key)
{
    if (key->kind == BEBA_KEY_CONNECTION)
        return false;
    for (unsigned i = 0; i < key->n_fields; i++)
        if (beba_fields[key->field[i]].layer > BEBA_LAYER_ETH)
            return false;
    return true;
}

static void lower_no_key(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    const struct ast_key *key = m->ast->key.kind ? &m->ast->key : &m->ast->lookup;

    t->no_key = (struct beba_verdict){.kind = BEBA_VERDICT_PASS, .loc = m->ast->loc};
    if (m->ast->no_key.kind) {
        only_with_key(c, m, m->ast->no_key.loc, "without key");
        c->no_entry = "without the key";
        beba_lower_verdict(c, &m->ast->no_key, &t->no_key);
        c->no_entry = NULL;
        return;
    }
    if (t->lookup.kind == BEBA_KEY_NONE || !key->kind || c->syntax_errors ||
        (key_always_there(&t->lookup) && (!t->two_keys || key_always_there(&t->update))))
        return;
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_NO_KEY_PATH, key->loc,
                                 "packets that lack the key pass; say so if that is meant"),
                     "add 'without key -> pass' (or drop)");
}

static void lower_timeouts(struct lower *c, struct machine *m, uint32_t state)
{
    struct beba_timeouts *t = &m->table->timeouts[state];
    const struct ast_state *s = m->state_ast[state];

    for (const struct ast_timeout *a = s ? s->timeouts : NULL; a; a = a->next) {
        struct beba_expr *e = beba_lower_const(c, a->after, beba_type_time, "a timeout");
        struct sym *y = beba_scope_find(&m->scope, a->to.s);
        uint64_t *after = a->hard ? &t->hard : &t->idle;

        if (a->to.s && (!y || y->kind != SYM_STATE)) {
            beba_unknown_state(c, m, a->to.s, a->to.loc);
            y = NULL;
        }
        if (*after)
            beba_report(c->diags, C_DUPLICATE, a->loc, "state '%s' has a%s timeout already",
                        s->name.s, a->hard ? " hard" : "n idle");
        if (e && !e->k.lo)
            beba_report(c->diags, C_OUT_OF_RANGE, e->loc, "a timeout is longer than 0s");
        if (!e || !y)
            continue;
        y->read = true;
        *after = e->k.lo;
        *(a->hard ? &t->hard_to : &t->idle_to) = y->id;
    }
}

/* --- rules --------------------------------------------------------------------------------- */

struct rule_list {
    struct beba_rule *rule;
    uint32_t n, cap;
};

static uint32_t count_lets(const struct ast_rule *r)
{
    uint32_t n = 0;

    for (; r && r->kind == R_LET; r = r->next)
        n++;
    return n;
}

/* The lets before a rule; returns the rule, or NULL when none follows them. */
static const struct ast_rule *lower_lets(struct lower *c, const struct ast_rule *r,
                                         struct beba_body *lets)
{
    uint32_t n = count_lets(r);

    if (!n)
        return r;
    lets->stmt = beba_arena_array(c->arena, n, sizeof(*lets->stmt));
    if (!lets->stmt) {
        c->no_memory = true;
        return NULL;
    }
    for (; r && r->kind == R_LET; r = r->next)
        lets->n += beba_lower_let(c, &r->name, r->guard, &lets->stmt[lets->n]) != NULL;
    return r;
}

static void lower_rules(struct lower *c, const struct ast_state *s, uint32_t state, uint32_t mask,
                        struct beba_table *t)
{
    struct sym **lets = c->m->scope.last;

    for (const struct ast_rule *r = s->rules; r && !c->no_memory;) {
        struct beba_rule *out = &t->rule[t->n_rules];

        *out = (struct beba_rule){.state = state, .state_mask = mask};
        r = lower_lets(c, r, &out->lets);
        if (!r)
            break;
        out->loc = r->loc;
        out->label = beba_keep(c, r->label);
        if (r->kind == R_ON) {
            out->guard = beba_lower_bool(c, r->guard);
            if (!out->guard)
                out->guard = beba_opaque_guard(c, r->loc);
        }
        if (out->guard && out->guard->op == BEBA_OP_CONST && out->guard->k.lo)
            out->guard = NULL; /* on true */
        out->body = beba_lower_body(c, r->body);
        t->n_rules++;
        r = r->next;
    }
    beba_scope_hide(&c->m->scope, lets);
}

static void lower_all_rules(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    uint32_t n = 0;

    for (const struct ast_state *s = m->ast->states; s; s = s->next)
        for (const struct ast_rule *r = s->rules; r; r = r->next)
            n += r->kind != R_LET;
    if (n > BEBA_MAX_RULES) {
        beba_report(c->diags, C_TOO_LARGE, m->ast->name.loc, "a machine has at most %d rules",
                    BEBA_MAX_RULES);
        return;
    }
    t->rule = beba_arena_array(c->arena, n + 1, sizeof(*t->rule));
    if (!t->rule) {
        c->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < t->n_states; i++)
        if (m->state_ast[i])
            lower_rules(c, m->state_ast[i], i, RULE_EXACT, t);
    for (const struct ast_state *s = m->ast->states; s; s = s->next)
        if (s->any)
            lower_rules(c, s, 0, 0, t);
    if (!t->n_rules && !c->syntax_errors)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_NO_RULES, m->ast->name.loc,
                                     "machine '%s' has no rules", t->name),
                         "add at least 'always { pass }'");
}

static void keep_lets(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;

    t->let_name = beba_arena_copy(c->arena, m->let_name, (t->n_lets + 1) * sizeof(*m->let_name));
    t->let_type = beba_arena_copy(c->arena, m->let_type, (t->n_lets + 1) * sizeof(*m->let_type));
    c->no_memory |= !t->let_name || !t->let_type;
}

static void lower_machine(struct lower *c, struct machine *m)
{
    struct beba_table *t = m->table;
    uint32_t reg = 0;

    c->m = m;
    for (const struct ast_reg *r = m->ast->regs; r && reg < t->n_regs; r = r->next) {
        struct beba_expr *e;

        if (!r->name.s || strcmp(t->reg[reg].name, r->name.s) != 0)
            continue;
        e = r->init
                ? beba_lower_const(c, r->init, t->reg[reg].type, "the initial value of a register")
                : NULL;
        if (e)
            t->reg[reg].init = e->k;
        reg++;
    }
    lower_capacity(c, m);
    lower_consistency(c, m);
    lower_no_key(c, m);
    if (m->ast->dflt.kind)
        beba_lower_verdict(c, &m->ast->dflt, &t->dflt);
    for (uint32_t i = 0; i < t->n_states; i++)
        lower_timeouts(c, m, i);
    lower_all_rules(c, m);
    keep_lets(c, m);
    c->m = NULL;
}

void beba_lower_machines(struct lower *c)
{
    uint32_t n = 0;

    for (const struct ast_machine *a = c->ast->machines; a; a = a->next)
        n++;
    if (!beba_scope_init(c, &c->machines, n))
        return;
    c->machine = beba_arena_array(c->scratch, n + 1, sizeof(*c->machine));
    c->p->table = beba_arena_array(c->arena, n + 1, sizeof(*c->p->table));
    if (!c->machine || !c->p->table) {
        c->no_memory = true;
        return;
    }
    for (const struct ast_machine *a = c->ast->machines; a && !c->no_memory; a = a->next) {
        struct sym *s = beba_sym_declare(c, &c->machines, &a->name, SYM_MACHINE);

        if (s && c->n_machines == BEBA_MAX_TABLES) {
            beba_report(c->diags, C_TOO_LARGE, a->loc, "a program has at most %d machines",
                        BEBA_MAX_TABLES);
            break;
        }
        if (s) {
            s->included = a->included;
            declare_machine(c, a, s);
        }
    }
    c->p->n_tables = c->n_machines;
    for (uint32_t i = 0; i < c->n_machines && !c->no_memory; i++)
        lower_machine(c, &c->machine[i]);
}
