/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* OpenFlow 1.3 with the BEBA extension. A table has six 32-bit variables an entry, eight of its own
 * and eight conditions that compare two operands each before the match; an action computes one
 * function of variables, header fields and small constants; headers take constants or variables. */
#include "pipeline/target_walk.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_TABLES = 64,
    MAX_KEY_FIELDS = 6,
    MAX_KEY = 48,
    MAX_FLOW_VARIABLES = 6,
    MAX_TABLE_VARIABLES = 8,
    MAX_CONDITIONS = 8,
};

/* Fields that the extension adds to those of OpenFlow. */
static const uint16_t extra[] = {
    BEBA_F_NOW,     BEBA_F_PKT_LEN, BEBA_F_TCP_FLAGS, BEBA_F_TCP_NS,
    BEBA_F_TCP_CWR, BEBA_F_TCP_ECE, BEBA_F_TCP_URG,   BEBA_F_TCP_ACK,
    BEBA_F_TCP_PSH, BEBA_F_TCP_RST, BEBA_F_TCP_SYN,   BEBA_F_TCP_FIN,
};

/* Fields that are another one in each version or protocol: each gets entries, or a table. */
static const uint16_t spanning[] = {BEBA_F_IP_SRC, BEBA_F_IP_DST, BEBA_F_L4_SRC, BEBA_F_L4_DST};

static bool spans(uint32_t field)
{
    for (unsigned i = 0; i < sizeof(spanning) / sizeof(spanning[0]); i++)
        if (spanning[i] == field)
            return true;
    return false;
}

static bool readable(uint32_t field)
{
    if (beba_fields[field].oxm >= 0)
        return true;
    for (unsigned i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
        if (extra[i] == field)
            return true;
    return spans(field);
}

static void say_no_field(struct beba_target_walk *w, uint32_t field, struct beba_loc loc)
{
    beba_target_say(w, BEBA_ERROR, loc, "%s is not a field of OpenFlow", beba_fields[field].name);
}

static bool is_leaf(const struct beba_expr *e)
{
    return e->op == BEBA_OP_CONST || e->op == BEBA_OP_FIELD || e->op == BEBA_OP_REG ||
           e->op == BEBA_OP_GLOBAL;
}

static bool is_comparison(const struct beba_expr *e)
{
    return e->op >= BEBA_OP_EQ && e->op <= BEBA_OP_GE;
}

/* field == constant, also masked or shifted: the match does it; of a field or of the state itself,
 * any comparison. */
static bool is_match(const struct beba_expr *e)
{
    const struct beba_expr *a = e->arg[0], *b = e->arg[1];

    if ((a->op == BEBA_OP_FIELD || a->op == BEBA_OP_STATE) && b->op == BEBA_OP_CONST)
        return true;
    if ((e->op != BEBA_OP_EQ && e->op != BEBA_OP_NE) || b->op != BEBA_OP_CONST)
        return false;
    if (a->op == BEBA_OP_AND && a->arg[1]->op == BEBA_OP_CONST)
        a = a->arg[0];
    if (a->op == BEBA_OP_SHR && a->arg[1]->op == BEBA_OP_CONST)
        a = a->arg[0];
    return a->op == BEBA_OP_FIELD;
}

static bool is_const(const struct beba_expr *e)
{
    return e->op == BEBA_OP_CONST && !e->k.hi;
}

/* A packet's 16 bits. */
static void check_random(struct beba_target_walk *w, const struct beba_expr *e)
{
    if (!is_const(e->arg[0]) || e->arg[0]->k.lo > UINT16_MAX + 1u)
        beba_target_say(w, BEBA_ERROR, e->loc,
                        "OpenFlow's random numbers have 16 bits, and a constant bound");
    else if (e->arg[0]->k.lo & (e->arg[0]->k.lo - 1))
        beba_target_say(w, BEBA_WARNING, e->loc,
                        "OpenFlow's random numbers have 16 bits: %llu values are not quite as "
                        "likely as each other",
                        (unsigned long long)e->arg[0]->k.lo);
}

static void add_condition(struct beba_target_walk *w, const struct beba_expr *e)
{
    struct beba_strbuf text = {0}, *more;

    beba_expr_print(&text, w->p, w->t, e);
    for (unsigned i = 0; i < w->n_conditions; i++) {
        if (!strcmp(beba_strbuf_str(&w->condition[i]), beba_strbuf_str(&text))) {
            beba_strbuf_free(&text);
            return;
        }
    }
    more = realloc(w->condition, (w->n_conditions + 1) * sizeof(*more));
    if (!more) {
        beba_strbuf_free(&text);
        return;
    }
    w->condition = more;
    w->condition[w->n_conditions++] = text;
}

void beba_openflow_expr(struct beba_target_walk *w, const struct beba_expr *e)
{
    if (e->op == BEBA_OP_FIELD && !readable(e->id))
        say_no_field(w, e->id, e->loc);
    if (e->op == BEBA_OP_RANDOM)
        check_random(w, e);
    if (!is_comparison(e) || is_match(e) ||
        (e->arg[0]->op == BEBA_OP_RANDOM && is_const(e->arg[1])) ||
        (e->arg[1]->op == BEBA_OP_RANDOM && is_const(e->arg[0])))
        return;
    add_condition(w, e);
    if (!is_leaf(e->arg[0]) || !is_leaf(e->arg[1]))
        beba_target_say(
            w, BEBA_ERROR, e->loc,
            "a condition of OpenFlow compares variables and fields, it computes nothing");
}

/* By one action or more. */
static bool is_update(const struct beba_expr *e)
{
    switch (e->op) {
    case BEBA_OP_ADD:
    case BEBA_OP_SUB:
    case BEBA_OP_MUL:
        return is_update(e->arg[0]) && is_update(e->arg[1]);
    case BEBA_OP_DIV:
        if (is_leaf(e->arg[0]) && is_leaf(e->arg[1]))
            return true;
        return is_update(e->arg[0]) && is_const(e->arg[1]);
    case BEBA_OP_MOD:
    case BEBA_OP_SHL:
    case BEBA_OP_SHR:
        return is_update(e->arg[0]) && is_const(e->arg[1]);
    case BEBA_OP_AND:
        return is_update(e->arg[0]) && is_const(e->arg[1]) &&
               !(e->arg[1]->k.lo & (e->arg[1]->k.lo + 1));
    case BEBA_OP_RANDOM:
        return true;
    case BEBA_OP_AVG:
    case BEBA_OP_VAR:
    case BEBA_OP_EWMA:
        for (unsigned i = 0; i < e->n_args; i++)
            if (!is_leaf(e->arg[i]))
                return false;
        return true;
    default:
        return is_leaf(e);
    }
}

static void check_variable(struct beba_target_walk *w, const struct beba_stmt *s)
{
    if (s->assign <= BEBA_SUB && is_update(s->value))
        return;
    beba_target_say(
        w, BEBA_ERROR, s->loc,
        "OpenFlow updates variables by sums, differences, products, quotients and remainders by "
        "constants, and ewma");
}

static bool is_ttl(const struct beba_stmt *s)
{
    return (s->id == BEBA_F_IP_TTL || s->id == BEBA_F_IP4_TTL || s->id == BEBA_F_IP6_HLIM) &&
           s->value->op == BEBA_OP_CONST &&
           (s->assign == BEBA_SET || (s->assign == BEBA_SUB && s->value->k.lo == 1));
}

static void check_header(struct beba_target_walk *w, const struct beba_stmt *s)
{
    if (is_ttl(s))
        return;
    if (beba_fields[s->id].oxm < 0 && !spans(s->id))
        say_no_field(w, s->id, s->loc);
    else if (s->assign != BEBA_SET || !is_leaf(s->value) || s->value->op == BEBA_OP_FIELD)
        beba_target_say(
            w, BEBA_ERROR, s->loc,
            "OpenFlow sets a field to a constant or a variable, not to a computed value");
}

void beba_openflow_stmt(struct beba_target_walk *w, const struct beba_stmt *s)
{
    if (s->kind == BEBA_STMT_LET && !is_leaf(s->value))
        beba_target_say(w, BEBA_ERROR, s->loc,
                        "OpenFlow computes nothing that is kept for the rest of the rule only");
    if (s->kind != BEBA_STMT_ASSIGN)
        return;
    if (s->lvalue == BEBA_LV_ARRAY)
        beba_target_say(w, BEBA_ERROR, s->loc, "OpenFlow has no arrays");
    else if (s->lvalue == BEBA_LV_FIELD)
        check_header(w, s);
    else
        check_variable(w, s);
}

void beba_openflow_verdict(struct beba_target_walk *w, const struct beba_verdict *v)
{
    if (v->kind == BEBA_VERDICT_OUTPUT && v->port->op != BEBA_OP_CONST &&
        v->port->op != BEBA_OP_REG)
        beba_target_say(w, BEBA_ERROR, v->loc,
                        "OpenFlow sends to ports that are constants or in a register");
}

/* --- tables -------------------------------------------------------------------------------- */

static void check_key(struct beba_target_walk *w, const struct beba_key *key)
{
    if (key->kind == BEBA_KEY_CONNECTION) {
        if (w->t->n_regs)
            beba_target_say(w, BEBA_ERROR, w->t->loc,
                            "OpenFlow keeps an entry for each direction of a connection, and two "
                            "copies of a register would not stay one");
        return;
    }
    if (key->n_fields > MAX_KEY_FIELDS)
        beba_target_say(w, BEBA_ERROR, w->t->loc, "a key of %u fields, OpenFlow has at most %d",
                        key->n_fields, MAX_KEY_FIELDS);
    if (key->size > MAX_KEY)
        beba_target_say(w, BEBA_ERROR, w->t->loc, "a key of %u bytes, OpenFlow has at most %d",
                        key->size, MAX_KEY);
    for (unsigned i = 0; i < key->n_fields; i++)
        if (beba_fields[key->field[i]].oxm < 0 && !spans(key->field[i]))
            say_no_field(w, key->field[i], w->t->loc);
}

static void check_timeout(struct beba_target_walk *w, const struct beba_state *s, uint64_t ns)
{
    if (ns % 1000)
        beba_target_say(w, BEBA_WARNING, s->loc,
                        "timeouts of OpenFlow are in microseconds: that of '%s' is rounded",
                        s->name);
    if (ns / 1000 > UINT32_MAX)
        beba_target_say(w, BEBA_ERROR, s->loc,
                        "the timeout of '%s' is longer than 4294967295 us, OpenFlow's longest",
                        s->name);
}

void beba_openflow_table(struct beba_target_walk *w)
{
    const struct beba_table *t = w->t;

    check_key(w, &t->lookup);
    if (t->two_keys)
        check_key(w, &t->update);
    if (t->n_regs > MAX_FLOW_VARIABLES)
        beba_target_say(w, BEBA_ERROR, t->reg[MAX_FLOW_VARIABLES].loc,
                        "%u registers, OpenFlow has at most %d an entry", t->n_regs,
                        MAX_FLOW_VARIABLES);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        if (t->reg[i].type.width > 32)
            beba_target_say(w, BEBA_ERROR, t->reg[i].loc,
                            "register '%s' has %u bits, OpenFlow's variables have 32",
                            t->reg[i].name, t->reg[i].type.width);
        if (t->reg[i].init.hi | t->reg[i].init.lo)
            beba_target_say(w, BEBA_ERROR, t->reg[i].loc,
                            "register '%s' does not start at 0, OpenFlow's variables do",
                            t->reg[i].name);
    }
    for (uint32_t i = 0; i < t->n_states; i++) {
        check_timeout(w, &t->state[i], t->timeouts[i].idle);
        check_timeout(w, &t->state[i], t->timeouts[i].hard);
    }
    if (w->n_conditions > MAX_CONDITIONS)
        beba_target_say(w, BEBA_ERROR, t->loc, "%u conditions, OpenFlow has at most %d a table",
                        w->n_conditions, MAX_CONDITIONS);
    for (unsigned i = 0; i < w->n_conditions; i++)
        beba_strbuf_free(&w->condition[i]);
    free(w->condition);
    w->condition = NULL;
    w->n_conditions = 0;
}

void beba_openflow_pipeline(struct beba_target_walk *w)
{
    const struct beba_pipeline *p = w->p;

    if (p->n_tables > MAX_TABLES)
        beba_target_say(w, BEBA_ERROR, p->table[MAX_TABLES].loc,
                        "%u tables, OpenFlow with BEBA has at most %d", p->n_tables, MAX_TABLES);
    if (p->n_globals > MAX_TABLE_VARIABLES)
        beba_target_say(w, BEBA_ERROR, p->global[MAX_TABLE_VARIABLES].loc,
                        "%u globals, OpenFlow has at most %d a table", p->n_globals,
                        MAX_TABLE_VARIABLES);
    for (uint32_t i = 0; i < p->n_globals; i++)
        if (p->global[i].type.width > 32)
            beba_target_say(w, BEBA_ERROR, p->global[i].loc,
                            "global '%s' has %u bits, OpenFlow's variables have 32",
                            p->global[i].name, p->global[i].type.width);
}
