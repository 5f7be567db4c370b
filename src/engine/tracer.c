/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/tracer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/units.h"
#include "engine/trace_text.h"

void beba_tracer_reset(struct tracer *t)
{
    t->n_visits = 0;
    t->n_notices = 0;
    t->n_values = 0;
}

void beba_tracer_free(struct tracer *t)
{
    free(t->notice);
    free(t->value);
    beba_strbuf_free(&t->text);
    beba_strbuf_free(&t->why);
}

/* Steps -------------------------------------------------------------------------------------- */

static struct beba_trace_step *new_step(struct tracer *t)
{
    struct beba_trace *trace = t->trace;
    uint32_t cap = trace->cap ? trace->cap * 2 : 32;
    struct beba_trace_step *grown;

    if (trace->n == trace->cap) {
        grown = reallocarray(trace->step, cap, sizeof(*grown));
        if (!grown)
            return NULL;
        trace->step = grown;
        trace->cap = cap;
    }
    return &trace->step[trace->n++];
}

static const char *keep(struct tracer *t, const struct beba_strbuf *b)
{
    const char *s = beba_arena_strdup(&t->trace->arena, beba_strbuf_str(b));

    t->failed |= !s || b->failed;
    return s ? s : "";
}

/* A step with what is in t->text and t->why, which it empties. */
static void step(struct tracer *t, const struct exec *x, enum beba_trace_kind kind, int result,
                 unsigned depth, struct beba_loc loc)
{
    struct beba_trace_step *s = new_step(t);

    if (s)
        *s = (struct beba_trace_step){
            .kind = (uint8_t)kind,
            .result = (int8_t)result,
            .depth = (uint8_t)(depth < 100 ? depth : 100),
            .table = x && x->t ? x->t->code->id : UINT32_MAX,
            .rule = x ? x->rule : NO_RULE,
            .loc = loc,
            .text = keep(t, &t->text),
            .why = keep(t, &t->why),
        };
    t->failed |= !s;
    beba_strbuf_clear(&t->text);
    beba_strbuf_clear(&t->why);
}

static const struct beba_loc nowhere;

/* Packet, table, key, entry ------------------------------------------------------------------ */

void beba_tracer_packet(struct tracer *t, const struct beba_engine *e, const struct beba_packet *p)
{
    if (!t->trace)
        return;
    beba_strbuf_printf(&t->text, "%" PRIu64, e->stats.packets + 1);
    beba_trace_packet_print(&t->why, p);
    step(t, NULL, BEBA_TRACE_PACKET, -1, 0, nowhere);
}

void beba_tracer_table(struct tracer *t, const struct exec *x)
{
    const struct beba_table *table = x->t->code->source;

    t->visit[t->n_visits++] = (struct visit){.table = x->t->code->id};
    t->n_values = 0;
    if (!t->trace)
        return;
    beba_strbuf_puts(&t->text, table->name);
    step(t, x, BEBA_TRACE_TABLE, -1, 0, table->loc);
}

static void missing_field(struct tracer *t, const struct exec *x, const struct beba_key *key)
{
    static const uint16_t connection[] = {BEBA_F_IP_SRC, BEBA_F_L4_SRC};
    const uint16_t *field = key->kind == BEBA_KEY_CONNECTION ? connection : key->field;
    unsigned n = key->kind == BEBA_KEY_CONNECTION ? 2 : key->n_fields;

    for (unsigned i = 0; i < n && !t->why.len; i++)
        if (!beba_field_present(x->p, (enum beba_field_id)field[i]))
            beba_strbuf_printf(&t->why, "the packet has no %s", beba_fields[field[i]].name);
}

void beba_tracer_no_key(struct tracer *t, const struct exec *x)
{
    const struct beba_table *table = x->t->code->source;

    if (!t->trace)
        return;
    beba_strbuf_puts(&t->text, "none");
    missing_field(t, x, &table->lookup);
    if (table->two_keys)
        missing_field(t, x, &table->update);
    step(t, x, BEBA_TRACE_KEY, 0, 0, table->loc);
}

/* "step2 for 400ms, last used 100ms ago" */
static void print_found(struct tracer *t, const struct exec *x, struct beba_ft_entry *entry)
{
    const struct beba_table *table = x->t->code->source;
    uint64_t now = x->p->now;

    if (!entry) {
        beba_strbuf_printf(&t->text, "none: reads as %s", beba_trace_state_name(table, 0));
        return;
    }
    beba_strbuf_puts(&t->text, beba_trace_state_name(table, entry->state));
    beba_strbuf_puts(&t->text, " for ");
    beba_trace_time_print(&t->text, now > entry->entered ? now - entry->entered : 0);
    beba_strbuf_puts(&t->text, ", last used ");
    beba_trace_time_print(&t->text, now > entry->used ? now - entry->used : 0);
    beba_strbuf_puts(&t->text, " ago");
    beba_trace_timeouts_print(&t->text, table, entry->state);
    beba_trace_regs_print(&t->why, table, beba_ft_regs(x->t->ft, entry));
}

void beba_tracer_found(struct tracer *t, const struct exec *x, const struct flow_key *key,
                       struct beba_ft_entry *entry, bool update)
{
    const struct beba_table *table = x->t->code->source;
    struct visit *v = &t->visit[t->n_visits - 1];

    v->has_key = true;
    v->update = *key;
    if (!update)
        v->lookup = *key;
    if (!t->trace)
        return;
    beba_strbuf_puts(&t->text, update ? "update " : table->two_keys ? "lookup " : "");
    beba_key_print(&t->text, update ? &table->update : &table->lookup, (const uint8_t *)key->word);
    step(t, x, BEBA_TRACE_KEY, 1, 0, table->loc);
    print_found(t, x, entry);
    step(t, x, BEBA_TRACE_ENTRY, entry != NULL, 0, nowhere);
}

void beba_tracer_expired(struct tracer *t, const struct exec *x, struct beba_ft_entry *entry,
                         const struct beba_seen *seen)
{
    const struct beba_table *table = x->t->code->source;

    if (!t->trace)
        return;
    beba_strbuf_printf(&t->text, "%s -> %s", beba_trace_state_name(table, entry->state),
                       beba_trace_state_name(table, seen->state));
    beba_trace_time_print(&t->why, x->p->now - seen->deadline);
    beba_strbuf_puts(&t->why, " ago");
    if (beba_ft_is_over(x->t->ft, seen))
        beba_strbuf_puts(&t->why, "; the entry is free");
    step(t, x, BEBA_TRACE_EXPIRY, -1, 0, nowhere);
}

void beba_tracer_entries(struct tracer *t, const struct exec *x)
{
    struct visit *v = &t->visit[t->n_visits - 1];

    v->seen = x->read_state;
    v->from = v->left = x->state;
}

/* Values ------------------------------------------------------------------------------------- */

void beba_tracer_value(struct tracer *t, const struct node *n, struct beba_u128 v, bool absent)
{
    uint32_t cap = t->cap_values ? t->cap_values * 2 : 64;
    struct traced_value *grown;

    if (!t->trace)
        return;
    if (t->n_values == t->cap_values) {
        grown = reallocarray(t->value, cap, sizeof(*grown));
        if (!grown) {
            t->failed = true;
            return;
        }
        t->value = grown;
        t->cap_values = cap;
    }
    t->value[t->n_values++] = (struct traced_value){n->expr, v, absent};
}

static const struct traced_value *value_of(const struct tracer *t, const struct beba_expr *e)
{
    for (uint32_t i = t->n_values; i-- > 0;)
        if (t->value[i].expr == e)
            return &t->value[i];
    return NULL;
}

static bool is_leaf(const struct beba_expr *e)
{
    switch (e->op) {
    case BEBA_OP_FIELD:
    case BEBA_OP_REG:
    case BEBA_OP_LET:
    case BEBA_OP_GLOBAL:
    case BEBA_OP_STATE:
    case BEBA_OP_RANDOM:
    case BEBA_OP_ARRAY:
        return true;
    default:
        return false;
    }
}

static void print_state_value(struct tracer *t, const struct exec *x, const struct beba_expr *e,
                              struct beba_u128 v)
{
    if (e->op != BEBA_OP_STATE)
        beba_trace_value_print(&t->why, e->type, v);
    else if (v.lo == UINT32_MAX)
        beba_strbuf_puts(&t->why, "none: the packet has no key there");
    else
        beba_strbuf_puts(&t->why, beba_trace_state_name(&x->e->p->table[e->id], (uint32_t)v.lo));
}

/* "tcp.dst is 80", once. */
static void explain_value(struct tracer *t, const struct exec *x, const struct beba_expr *e)
{
    const struct traced_value *value = value_of(t, e);
    struct beba_strbuf *out = &t->why;
    size_t before = out->len;
    const char *layer;

    if (!value || e->op == BEBA_OP_CONST)
        return;
    if (before)
        beba_strbuf_puts(out, ", ");
    if (value->absent && e->op == BEBA_OP_FIELD) {
        layer = beba_layer_name((enum beba_layer)beba_fields[e->id].layer);
        if (!layer || beba_packet_has(x->p, (enum beba_layer)beba_fields[e->id].layer))
            layer = beba_fields[e->id].name;
        beba_strbuf_printf(out, "the packet has no %s", layer);
    } else {
        beba_expr_print(out, x->e->p, x->t->code->source, e);
        beba_strbuf_puts(out, value->absent ? " reads a field the packet lacks" : " is ");
        if (!value->absent)
            print_state_value(t, x, e, value->v);
    }
    if (before && !out->failed && out->len > before + 2) {
        char *added = out->s + before + 2;
        char *found = strstr(out->s, added);

        if (found && found < added) { /* said already */
            out->len = before;
            out->s[before] = '\0';
        }
    }
}

/* The values that decided: of the operands, then of what those are made of. */
static void explain_operands(struct tracer *t, const struct exec *x, const struct beba_expr *e,
                             unsigned depth)
{
    const struct traced_value *value;

    if (depth > BEBA_MAX_DEPTH)
        return;
    for (unsigned i = 0; i < e->n_args; i++) {
        const struct beba_expr *a = e->arg[i];

        value = value_of(t, a);
        if (!value || a->op == BEBA_OP_CONST)
            continue;
        if (is_leaf(a) || (!depth && a->op != BEBA_OP_MAP4 && !value->absent))
            explain_value(t, x, a);
        if (a->op != BEBA_OP_STATE)
            explain_operands(t, x, a, depth + 1);
    }
}

static void explain_atom(struct tracer *t, const struct exec *x, const struct beba_expr *e)
{
    const char *layer;

    if (e->op == BEBA_OP_PRESENT) {
        layer = beba_layer_name((enum beba_layer)e->id);
        beba_strbuf_printf(&t->why, "the packet has %s%s",
                           beba_packet_has(x->p, (enum beba_layer)e->id) ? "" : "no ",
                           layer ? layer : "metadata");
    } else if (is_leaf(e)) {
        const struct traced_value *value = value_of(t, e);

        if (value && (value->absent || e->type.kind != BEBA_KIND_BOOL)) /* a flag's result is it */
            explain_value(t, x, e);
    } else {
        explain_operands(t, x, e, 0);
    }
}

static bool is_compound(const struct beba_expr *e)
{
    return e->op == BEBA_OP_LAND || e->op == BEBA_OP_LOR || e->op == BEBA_OP_NOT;
}

/* The parts of a compound condition that were evaluated, each with its result and why. */
static void explain_parts(struct tracer *t, const struct exec *x, const struct beba_expr *e,
                          unsigned depth)
{
    for (unsigned i = 0; i < e->n_args && depth < BEBA_MAX_DEPTH; i++) {
        const struct beba_expr *a = e->arg[i];
        const struct traced_value *value = value_of(t, a);

        if (is_compound(a) && a->op == e->op) {
            explain_parts(t, x, a, depth);
            continue;
        }
        beba_expr_print(&t->text, x->e->p, x->t->code->source, a);
        if (!value)
            beba_strbuf_puts(&t->why, "not looked at");
        else if (!is_compound(a))
            explain_atom(t, x, a);
        step(t, x, BEBA_TRACE_GUARD, value ? value->v.lo != 0 : -1, depth, a->loc);
        if (value && is_compound(a))
            explain_parts(t, x, a, depth + 1);
    }
}

/* Rules -------------------------------------------------------------------------------------- */

void beba_tracer_rule(struct tracer *t, const struct exec *x, const struct code_rule *r)
{
    t->n_values = 0;
}

static void print_rule(struct tracer *t, const struct exec *x, const struct code_rule *r)
{
    const struct beba_rule *source = r->source;

    if (source->label) {
        beba_strbuf_puts(&t->text, source->label);
    } else if (source->guard) {
        beba_strbuf_puts(&t->text, "on ");
        beba_expr_print(&t->text, x->e->p, x->t->code->source, source->guard);
    } else {
        beba_strbuf_printf(&t->text, r->n_matches ? "rule %" PRIu32 : "always", r->id);
    }
}

static void rule_step(struct tracer *t, struct exec x, const struct code_rule *r, bool truth)
{
    x.rule = r->id;
    print_rule(t, &x, r);
    step(t, &x, BEBA_TRACE_RULE, truth, 0, r->source->loc);
    if (r->source->guard && is_compound(r->source->guard))
        explain_parts(t, &x, r->source->guard, 1);
}

void beba_tracer_match(struct tracer *t, const struct exec *x, const struct code_rule *r,
                       uint32_t match, struct beba_u128 v, bool absent)
{
    const struct beba_field *f = &beba_fields[r->source->match[match].field];

    if (!t->trace)
        return;
    if (absent) {
        beba_strbuf_printf(&t->why, "the packet has no %s", f->name);
    } else {
        beba_strbuf_printf(&t->why, "%s is ", f->name);
        beba_trace_value_print(&t->why, f->type, v);
    }
    rule_step(t, *x, r, false);
}

void beba_tracer_guard(struct tracer *t, const struct exec *x, const struct code_rule *r,
                       bool truth)
{
    const struct beba_expr *guard = r->source->guard;

    if (!t->trace)
        return;
    if (guard && !is_compound(guard))
        explain_atom(t, x, guard);
    rule_step(t, *x, r, truth);
    t->n_values = 0;
}

void beba_tracer_refused(struct tracer *t, const struct exec *x, const struct code_rule *r)
{
    if (!t->trace)
        return;
    beba_strbuf_puts(&t->text, "the table is full and refuses");
    beba_strbuf_puts(&t->why, "the rule does not run");
    step(t, x, BEBA_TRACE_FULL, -1, 0, r->source->loc);
}

/* Statements --------------------------------------------------------------------------------- */

void beba_tracer_if(struct tracer *t, const struct exec *x, const struct code_stmt *s, bool truth,
                    unsigned depth)
{
    const struct beba_expr *condition = s->source->value;

    if (!t->trace)
        return;
    beba_strbuf_puts(&t->text, "if ");
    beba_expr_print(&t->text, x->e->p, x->t->code->source, condition);
    if (!is_compound(condition))
        explain_atom(t, x, condition);
    step(t, x, BEBA_TRACE_GUARD, truth, depth, s->source->loc);
    if (is_compound(condition))
        explain_parts(t, x, condition, depth + 1);
    t->n_values = 0;
}

static void explain_assign(struct tracer *t, const struct exec *x, const struct code_stmt *s)
{
    const struct beba_table *table = x->t->code->source;
    struct beba_flow flow = {0};
    struct beba_u128 v;
    bool has;

    switch ((enum beba_lvalue)s->lvalue) {
    case BEBA_LV_REG:
        memcpy(flow.regs, x->regs, table->regs_size);
        beba_strbuf_printf(&t->why, "%s is now ", table->reg[s->id].name);
        beba_trace_value_print(&t->why, table->reg[s->id].type, beba_flow_reg(table, &flow, s->id));
        break;
    case BEBA_LV_GLOBAL:
        beba_strbuf_printf(&t->why, "%s is now ", x->e->p->global[s->id].name);
        beba_trace_value_print(&t->why, x->e->p->global[s->id].type, global_load(x->e, s->id));
        break;
    case BEBA_LV_FIELD:
        has = beba_field_read_wide(x->p, (enum beba_field_id)s->id, &v);
        beba_strbuf_printf(&t->why, has ? "%s is now " : "the packet has no %s",
                           beba_fields[s->id].name);
        if (has)
            beba_trace_value_print(&t->why, beba_fields[s->id].type, v);
        break;
    case BEBA_LV_ARRAY:
        explain_value(t, x, s->source->value);
        break;
    }
}

/* "t is 5, last is 2s": the value, then what it is made of. */
static void explain_let(struct tracer *t, const struct exec *x, const struct code_stmt *s)
{
    const struct beba_expr *e = s->source->value;
    const struct traced_value *value = value_of(t, e);
    const char *name = x->t->code->source->let_name[s->id];

    if (value && !value->absent) {
        beba_strbuf_printf(&t->why, "%s is ", name ? name : "it");
        print_state_value(t, x, e, value->v);
    }
    if (is_leaf(e) && value && value->absent)
        explain_value(t, x, e);
    explain_operands(t, x, e, 1);
}

static void explain_stmt(struct tracer *t, const struct exec *x, const struct code_stmt *s)
{
    const struct beba_table *table = x->t->code->source;

    switch ((enum beba_stmt_kind)s->kind) {
    case BEBA_STMT_ASSIGN:
        explain_assign(t, x, s);
        break;
    case BEBA_STMT_GOTO:
        beba_strbuf_printf(&t->why, "%s -> %s",
                           beba_trace_state_name(table, t->visit[t->n_visits - 1].from),
                           beba_trace_state_name(table, s->id));
        break;
    case BEBA_STMT_COUNT:
        beba_strbuf_printf(&t->why, "%" PRIu64 " packets", x->e->counter[s->id].packets);
        break;
    case BEBA_STMT_LET:
        explain_let(t, x, s);
        break;
    case BEBA_STMT_VERDICT:
        if (s->source->verdict.port)
            explain_value(t, x, s->source->verdict.port);
        break;
    case BEBA_STMT_NOTIFY:
        for (unsigned i = 0; i < s->n_args; i++)
            explain_value(t, x, s->source->args[i]);
        break;
    default:
        if (s->source->value)
            explain_value(t, x, s->source->value);
    }
}

void beba_tracer_stmt(struct tracer *t, const struct exec *x, const struct code_stmt *s,
                      unsigned depth)
{
    bool is_let = s->kind == BEBA_STMT_LET && x->rule == NO_RULE;

    if (!t->trace)
        return;
    beba_stmt_print(&t->text, x->e->p, x->t->code->source, s->source);
    explain_stmt(t, x, s);
    step(t, x, is_let ? BEBA_TRACE_LET : BEBA_TRACE_STATEMENT, -1, depth, s->source->loc);
    if (!is_let) /* the guard that reads it is not done */
        t->n_values = 0;
}

void beba_tracer_notice(struct tracer *t, uint32_t notice)
{
    uint32_t cap = t->cap_notices ? t->cap_notices * 2 : 8;
    uint32_t *grown;

    if (t->n_notices == t->cap_notices) {
        grown = reallocarray(t->notice, cap, sizeof(*grown));
        if (!grown) {
            t->failed = true;
            return;
        }
        t->notice = grown;
        t->cap_notices = cap;
    }
    t->notice[t->n_notices++] = notice;
}

/* Ends --------------------------------------------------------------------------------------- */

void beba_tracer_left(struct tracer *t, const struct exec *x, const struct beba_ft_entry *entry,
                      enum beba_reason reason)
{
    const struct beba_table *table = x->t->code->source;
    struct visit *v = &t->visit[t->n_visits - 1];
    const struct beba_ft_entry *after = NULL;

    v->left = x->state;
    if (!t->trace || !x->t->ft)
        return;
    after = beba_ft_peek(x->t->ft, v->update.word, v->update.hash);
    if (!after == !entry)
        return;
    if (after)
        beba_strbuf_printf(&t->text, "entry created in %s",
                           beba_trace_state_name(table, after->state));
    else
        beba_strbuf_printf(&t->text, "entry freed: back at the start, %s",
                           beba_trace_state_name(table, 0));
    step(t, x, BEBA_TRACE_STORE, after != NULL, 0, nowhere);
}

void beba_tracer_end(struct tracer *t, const struct beba_engine *e,
                     const struct beba_result *result)
{
    const struct beba_table *table = NULL;
    struct beba_loc loc = nowhere;
    struct beba_trace_step *last;

    if (!t->trace)
        return;
    if (result->table < e->p->n_tables)
        table = &e->p->table[result->table];
    beba_strbuf_puts(&t->text, beba_verdict_name((enum beba_verdict_kind)result->verdict));
    if (result->verdict == BEBA_VERDICT_OUTPUT)
        beba_strbuf_printf(&t->text, "(%" PRIu32 ")", result->port);
    if (result->reason == BEBA_REASON_RULE && result->rule < e->p->n_rules) {
        const struct beba_rule *r = e->p->rule[result->rule];

        beba_strbuf_printf(&t->why, "rule \"%s\"", r->label ? r->label : "?");
        loc = r->loc;
    } else {
        beba_strbuf_puts(&t->why, beba_reason_name((enum beba_reason)result->reason));
    }
    if (table && t->n_visits && table->n_states > 1)
        beba_strbuf_printf(&t->why, " of %s",
                           beba_trace_state_name(table, t->visit[t->n_visits - 1].seen));
    if (table)
        beba_strbuf_printf(&t->why, " in %s", table->name);
    step(t, NULL, BEBA_TRACE_VERDICT, -1, 0, loc);
    if (!t->trace->n)
        return;
    last = &t->trace->step[t->trace->n - 1];
    last->table = result->table;
    last->rule = result->rule;
}
