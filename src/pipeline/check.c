/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/check.h"

#include "base/error.h"
#include "pipeline/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- where and how much -------------------------------------------------------------------- */

static uint32_t rule_index(const struct beba_check *c)
{
    return (uint32_t)(c->rule - c->t->rule);
}

int beba_check_fail(struct beba_check *c, int code, const char *fmt, ...)
{
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    beba_error_set(c->err, code, "%s", what);
    if (c->t && c->rule && c->part)
        beba_error_where(c->err, "table '%s', rule %u (%s), %s", c->t->name, rule_index(c),
                         c->rule->label ? c->rule->label : "no label", c->part);
    else if (c->t && c->rule)
        beba_error_where(c->err, "table '%s', rule %u (%s), statement %u", c->t->name,
                         rule_index(c), c->rule->label ? c->rule->label : "no label", c->stmt);
    else if (c->t && c->part)
        beba_error_where(c->err, "table '%s', %s", c->t->name, c->part);
    else if (c->t)
        beba_error_where(c->err, "table '%s'", c->t->name ? c->t->name : "?");
    else if (c->part)
        beba_error_where(c->err, "%s", c->part);
    return code;
}

int beba_check_node(struct beba_check *c, unsigned depth)
{
    if (depth >= BEBA_MAX_DEPTH)
        return beba_check_fail(c, -E2BIG, "nested more than %d deep", BEBA_MAX_DEPTH);
    if (c->nodes >= BEBA_MAX_NODES)
        return beba_check_fail(c, -E2BIG, "more than %d expressions and statements",
                               BEBA_MAX_NODES);
    c->nodes++;
    return 0;
}

static int at_most(struct beba_check *c, const char *what, uint64_t n, uint64_t max)
{
    if (n <= max)
        return 0;
    return beba_check_fail(c, -E2BIG, "%llu %s, at most %llu", (unsigned long long)n, what,
                           (unsigned long long)max);
}

static int there(struct beba_check *c, const char *what, const void *p, uint32_t n)
{
    return n && !p ? beba_check_fail(c, -EINVAL, "%u %s are missing", n, what) : 0;
}

/* --- statements ---------------------------------------------------------------------------- */

static int check_body(struct beba_check *c, const struct beba_body *body, struct beba_slots slots,
                      unsigned depth);

static int check_verdict(struct beba_check *c, const struct beba_verdict *v, bool may_none,
                         const struct beba_slots *slots)
{
    if (v->kind >= BEBA_N_VERDICTS || (v->kind == BEBA_VERDICT_NONE && !may_none))
        return beba_check_fail(c, -EINVAL, "a verdict is missing");
    if (v->kind != BEBA_VERDICT_OUTPUT)
        return 0;
    if (!v->port)
        return beba_check_fail(c, -EINVAL, "output without a port");
    return beba_check_value(c, v->port, slots, 64);
}

static int check_target(struct beba_check *c, const struct beba_stmt *s, const char *name,
                        struct beba_type type, const struct beba_slots *slots)
{
    int rc = beba_check_value(c, s->value, slots, type.width);

    if (!rc && type.width > 64 && s->assign != BEBA_SET)
        return beba_check_fail(c, -EINVAL, "'%s' has 128 bits and can only be set", name);
    return rc;
}

static int check_assign(struct beba_check *c, const struct beba_stmt *s,
                        const struct beba_slots *slots)
{
    const struct beba_array *a;
    int rc;

    if (s->assign > BEBA_XOR)
        return beba_check_fail(c, -EINVAL, "assignment operator %u does not exist", s->assign);
    switch (s->lvalue) {
    case BEBA_LV_REG:
        if (s->id >= c->t->n_regs)
            break;
        return check_target(c, s, c->t->reg[s->id].name, c->t->reg[s->id].type, slots);
    case BEBA_LV_GLOBAL:
        if (s->id >= c->p->n_globals)
            break;
        return check_target(c, s, c->p->global[s->id].name, c->p->global[s->id].type, slots);
    case BEBA_LV_FIELD:
        if (s->id >= BEBA_N_FIELDS)
            break;
        if (beba_fields[s->id].flags & BEBA_FIELD_READONLY)
            return beba_check_fail(c, -EINVAL, "%s cannot be assigned", beba_fields[s->id].name);
        return check_target(c, s, beba_fields[s->id].name, beba_fields[s->id].type, slots);
    case BEBA_LV_ARRAY:
        if (s->id >= c->p->n_arrays)
            break;
        a = &c->p->array[s->id];
        rc = beba_check_value(c, s->index[0], slots, 64);
        if (!rc && a->two_dimensional)
            rc = beba_check_value(c, s->index[1], slots, 64);
        else if (!rc && s->index[1])
            rc = beba_check_fail(c, -EINVAL, "array '%s' has one index", a->name);
        return rc ? rc : check_target(c, s, a->name, a->type, slots);
    default:
        return beba_check_fail(c, -EINVAL, "assignment to something of kind %u", s->lvalue);
    }
    return beba_check_fail(c, -EINVAL, "assignment to something that does not exist (number %u)",
                           s->id);
}

static int check_let(struct beba_check *c, const struct beba_stmt *s, struct beba_slots *slots)
{
    int rc;

    if (s->id >= c->t->n_lets)
        return beba_check_fail(c, -EINVAL, "let %u does not exist, there are %u", s->id,
                               c->t->n_lets);
    rc = beba_check_value(c, s->value, slots, c->t->let_type[s->id].width);
    if (rc)
        return rc;
    if (s->value->type.width > c->t->let_type[s->id].width)
        return beba_check_fail(c, -EINVAL, "'%s' has %u bits, its value %u", c->t->let_name[s->id],
                               c->t->let_type[s->id].width, s->value->type.width);
    slots->set[s->id / 64] |= 1ull << s->id % 64;
    return 0;
}

static int check_notify(struct beba_check *c, const struct beba_stmt *s,
                        const struct beba_slots *slots)
{
    const struct beba_notice *n;
    int rc = 0;

    if (s->id >= c->p->n_notices)
        return beba_check_fail(c, -EINVAL, "notice %u does not exist, there are %u", s->id,
                               c->p->n_notices);
    n = &c->p->notice[s->id];
    if (s->n_args != n->n_args || (n->n_args && !s->args))
        return beba_check_fail(c, -EINVAL, "notice \"%s\" takes %u values, not %u", n->text,
                               n->n_args, s->n_args);
    for (uint32_t i = 0; !rc && i < n->n_args; i++) {
        rc = beba_check_value(c, s->args[i], slots, n->arg_type[i].width);
        if (!rc && s->args[i]->type.width > n->arg_type[i].width)
            rc = beba_check_fail(c, -EINVAL, "notice \"%s\": '%s' has %u bits, its value %u",
                                 n->text, n->arg_name[i], n->arg_type[i].width,
                                 s->args[i]->type.width);
    }
    return rc;
}

static int check_if(struct beba_check *c, const struct beba_stmt *s, const struct beba_slots *slots,
                    unsigned depth)
{
    int rc = beba_check_truth(c, s->value, slots);

    if (!rc)
        rc = check_body(c, &s->then, *slots, depth + 1);
    if (!rc)
        rc = check_body(c, &s->otherwise, *slots, depth + 1);
    return rc;
}

static int check_stmt(struct beba_check *c, const struct beba_stmt *s, struct beba_slots *slots,
                      unsigned depth)
{
    switch (s->kind) {
    case BEBA_STMT_ASSIGN:
        return check_assign(c, s, slots);
    case BEBA_STMT_LET:
        return check_let(c, s, slots);
    case BEBA_STMT_IF:
        return check_if(c, s, slots, depth);
    case BEBA_STMT_GOTO:
        if (c->t->lookup.kind == BEBA_KEY_NONE)
            return beba_check_fail(c, -EINVAL, "a table without a key enters a state");
        if (s->id >= c->t->n_states)
            return beba_check_fail(c, -EINVAL, "state %u does not exist, there are %u", s->id,
                                   c->t->n_states);
        return 0;
    case BEBA_STMT_VERDICT:
        return check_verdict(c, &s->verdict, false, slots);
    case BEBA_STMT_NOTIFY:
        return check_notify(c, s, slots);
    case BEBA_STMT_COUNT:
        if (s->id >= c->p->n_counters)
            return beba_check_fail(c, -EINVAL, "counter %u does not exist, there are %u", s->id,
                                   c->p->n_counters);
        return 0;
    case BEBA_STMT_PUSH_VLAN:
    case BEBA_STMT_PUSH_MPLS:
        if (!s->id || s->id > 0xffff)
            return beba_check_fail(c, -EINVAL, "pushes a header of ether type 0x%x", s->id);
        return beba_check_value(c, s->value, slots, 64);
    case BEBA_STMT_POP_MPLS:
        if (s->id > 0xffff)
            return beba_check_fail(c, -EINVAL, "uncovers a header of ether type 0x%x", s->id);
        return 0;
    case BEBA_STMT_POP_VLAN:
        return 0;
    case BEBA_STMT_SWAP:
        if (s->id != BEBA_LAYER_ETH && s->id != BEBA_LAYER_IP && s->id != BEBA_LAYER_L4)
            return beba_check_fail(c, -EINVAL, "swaps layer %u, which has no two ends", s->id);
        return 0;
    case BEBA_STMT_MIRROR:
    case BEBA_STMT_QUEUE:
        return beba_check_value(c, s->value, slots, 64);
    default:
        return beba_check_fail(c, -EINVAL, "statement kind %u does not exist", s->kind);
    }
}

static int check_body(struct beba_check *c, const struct beba_body *body, struct beba_slots slots,
                      unsigned depth)
{
    int rc = there(c, "statements", body->stmt, body->n);

    for (uint32_t i = 0; !rc && i < body->n; i++) {
        if (!depth)
            c->stmt = i;
        rc = beba_check_node(c, depth);
        if (!rc)
            rc = check_stmt(c, &body->stmt[i], &slots, depth);
    }
    return rc;
}

/* --- rules --------------------------------------------------------------------------------- */

static int check_matches(struct beba_check *c, const struct beba_rule *r)
{
    int rc = there(c, "matches", r->match, r->n_matches);

    c->part = "match";
    for (uint32_t i = 0; !rc && i < r->n_matches; i++) {
        const struct beba_match *m = &r->match[i];

        rc = beba_check_node(c, 0);
        if (rc)
            return rc;
        if (m->field >= BEBA_N_FIELDS)
            return beba_check_fail(c, -EINVAL, "field %u does not exist", m->field);
        if (!beba_fits(m->mask, beba_fields[m->field].type.width))
            return beba_check_fail(c, -EINVAL, "the mask of %s is wider than its %u bits",
                                   beba_fields[m->field].name, beba_fields[m->field].type.width);
        if (m->value.hi & ~m->mask.hi || m->value.lo & ~m->mask.lo)
            return beba_check_fail(c, -EINVAL, "the value of %s has bits outside of its mask",
                                   beba_fields[m->field].name);
    }
    return rc;
}

static int check_lets(struct beba_check *c, const struct beba_rule *r)
{
    struct beba_slots slots = {0};
    int rc = there(c, "lets", r->lets.stmt, r->lets.n);

    c->part = "let";
    for (uint32_t i = 0; !rc && i < r->lets.n; i++) {
        const struct beba_stmt *s = &r->lets.stmt[i];

        if (s->kind != BEBA_STMT_LET)
            return beba_check_fail(c, -EINVAL, "a statement that is not a let precedes the guard");
        rc = beba_check_node(c, 0);
        if (!rc)
            rc = check_let(c, s, &slots);
        if (!rc)
            c->def[c->n_defs++] = (struct beba_let_def){s->id, r->state, r->state_mask};
    }
    return rc;
}

static int check_rule(struct beba_check *c, const struct beba_rule *r)
{
    const uint32_t n_states = c->t->n_states ? c->t->n_states : 1;
    const struct beba_slots none = {0};
    int rc;

    c->rule = r;
    c->part = "state";
    if (r->state & ~r->state_mask)
        return beba_check_fail(c, -EINVAL, "the state has bits outside of its mask");
    if (r->state_mask == 0xffffffff && r->state >= n_states)
        return beba_check_fail(c, -EINVAL, "state %u does not exist, there are %u", r->state,
                               n_states);
    rc = check_lets(c, r);
    if (!rc)
        rc = check_matches(c, r);
    c->part = "guard";
    if (!rc && r->guard)
        rc = beba_check_truth(c, r->guard, &none);
    c->part = NULL;
    if (!rc)
        rc = check_body(c, &r->body, none, 0);
    return rc;
}

static int check_rules(struct beba_check *c)
{
    const struct beba_table *t = c->t;
    size_t n_lets = 0;
    int rc = there(c, "rules", t->rule, t->n_rules);

    if (rc)
        return rc;
    for (uint32_t i = 0; i < t->n_rules; i++)
        n_lets += t->rule[i].lets.n;
    rc = at_most(c, "lets among rules", n_lets, BEBA_MAX_NODES);
    if (rc)
        return rc;
    c->n_defs = 0;
    c->def = calloc(n_lets ? n_lets : 1, sizeof(*c->def));
    if (!c->def)
        return beba_check_fail(c, -ENOMEM, "out of memory");
    for (uint32_t i = 0; !rc && i < t->n_rules; i++)
        rc = check_rule(c, &t->rule[i]);
    free(c->def);
    c->def = NULL;
    c->n_defs = 0;
    c->rule = NULL;
    c->part = NULL;
    return rc;
}

/* --- tables -------------------------------------------------------------------------------- */

static int check_key(struct beba_check *c, struct beba_key *key, const char *part)
{
    int rc = 0;

    c->part = part;
    if (key->kind > BEBA_KEY_CONNECTION)
        return beba_check_fail(c, -EINVAL, "key kind %u does not exist", key->kind);
    if (key->kind == BEBA_KEY_FIELDS) {
        if (!key->n_fields)
            return beba_check_fail(c, -EINVAL, "a key without fields");
        rc = at_most(c, "key fields", key->n_fields, BEBA_MAX_KEY_FIELDS);
        if (rc)
            return rc;
        for (unsigned i = 0; i < key->n_fields; i++)
            if (key->field[i] >= BEBA_N_FIELDS)
                return beba_check_fail(c, -EINVAL, "field %u does not exist", key->field[i]);
    } else if (key->n_fields) {
        return beba_check_fail(c, -EINVAL, "fields in a key that is not made of fields");
    }
    rc = at_most(c, "bytes of key", beba_key_layout(key), BEBA_MAX_KEY);
    c->part = NULL;
    return rc;
}

static int check_keys(struct beba_check *c, struct beba_table *t)
{
    int rc = check_key(c, &t->lookup, "lookup key");

    if (!rc)
        rc = check_key(c, &t->update, "update key");
    if (rc)
        return rc;
    t->two_keys = t->update.kind != BEBA_KEY_NONE;
    if (!t->two_keys)
        return 0;
    if (t->update.kind != t->lookup.kind || t->update.n_fields != t->lookup.n_fields)
        return beba_check_fail(c, -EINVAL, "lookup and update key differ in their fields' number");
    for (unsigned i = 0; i < t->update.n_fields; i++)
        if (beba_fields[t->update.field[i]].type.width !=
            beba_fields[t->lookup.field[i]].type.width)
            return beba_check_fail(c, -EINVAL, "%s and %s differ in width",
                                   beba_fields[t->lookup.field[i]].name,
                                   beba_fields[t->update.field[i]].name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No name is missing or there twice; names of n things, the first at *name, size bytes apart. */
static int check_names(struct beba_check *c, const char *what, const void *first, uint32_t n,
                       size_t size)
{
    const char **names = calloc(n ? n : 1, sizeof(*names));
    int rc = 0;

    if (!names)
        return beba_check_fail(c, -ENOMEM, "out of memory");
    for (uint32_t i = 0; !rc && i < n; i++) {
        memcpy(&names[i], (const char *)first + i * size, sizeof(*names));
        if (!names[i])
            rc = beba_check_fail(c, -EINVAL, "%s %u has no name", what, i);
    }
    if (!rc)
        qsort(names, n, sizeof(*names), by_name);
    for (uint32_t i = 1; !rc && i < n; i++)
        if (!strcmp(names[i - 1], names[i]))
            rc = beba_check_fail(c, -EINVAL, "two %ss are called '%s'", what, names[i]);
    free(names);
    return rc;
}

static int check_typed(struct beba_check *c, const char *name, struct beba_type type,
                       struct beba_u128 init)
{
    if (!beba_type_valid(type))
        return beba_check_fail(c, -EINVAL, "'%s' has a type of kind %u and %u bits", name,
                               type.kind, type.width);
    if (!beba_fits(init, type.width))
        return beba_check_fail(c, -EINVAL, "the initial value of '%s' does not fit in %u bits",
                               name, type.width);
    return 0;
}

static int check_regs(struct beba_check *c, struct beba_table *t)
{
    int rc = at_most(c, "registers", t->n_regs, BEBA_MAX_REGS);

    if (!rc)
        rc = there(c, "registers", t->reg, t->n_regs);
    if (!rc)
        rc = check_names(c, "register", t->reg, t->n_regs, sizeof(*t->reg));
    for (uint32_t i = 0; !rc && i < t->n_regs; i++)
        rc = check_typed(c, t->reg[i].name, t->reg[i].type, t->reg[i].init);
    return rc ? rc : at_most(c, "bytes of registers", beba_regs_layout(t), BEBA_MAX_REGS_SIZE);
}

static int check_states(struct beba_check *c, const struct beba_table *t)
{
    int rc = at_most(c, "states", t->n_states, BEBA_MAX_STATES);

    if (!rc)
        rc = there(c, "states", t->state, t->n_states);
    if (!rc && t->n_states && !t->timeouts)
        return beba_check_fail(c, -EINVAL, "the timeouts of the states are missing");
    if (!rc)
        rc = check_names(c, "state", t->state, t->n_states, sizeof(*t->state));
    for (uint32_t i = 0; !rc && i < t->n_states; i++) {
        const struct beba_timeouts *o = &t->timeouts[i];

        if (o->idle_to >= t->n_states || o->hard_to >= t->n_states)
            rc = beba_check_fail(c, -EINVAL, "state '%s' falls back to a state that does not exist",
                                 t->state[i].name);
    }
    return rc;
}

/* A table without a key keeps nothing. */
static int check_stateless(struct beba_check *c, const struct beba_table *t)
{
    if (t->n_regs || t->n_states > 1 || t->update.kind != BEBA_KEY_NONE)
        return beba_check_fail(c, -EINVAL, "a table without a key has %s",
                               t->n_regs         ? "registers"
                               : t->n_states > 1 ? "states"
                                                 : "an update key");
    if (t->n_states && (t->timeouts->idle || t->timeouts->hard))
        return beba_check_fail(c, -EINVAL, "a table without a key has timeouts");
    return 0;
}

static int check_keyed(struct beba_check *c, const struct beba_table *t)
{
    const struct beba_slots none = {0};
    int rc;

    if (!t->n_states)
        return beba_check_fail(c, -EINVAL, "a table with a key has no state");
    if (!t->capacity || t->capacity > 0xffffffff)
        return beba_check_fail(c, -EINVAL, "a capacity of %llu entries, outside of 1..4294967295",
                               (unsigned long long)t->capacity);
    if (t->full > BEBA_FULL_REFUSE)
        return beba_check_fail(c, -EINVAL, "policy %u when full does not exist", t->full);
    c->part = "verdict when full";
    rc = t->full == BEBA_FULL_REFUSE ? check_verdict(c, &t->full_verdict, false, &none) : 0;
    if (rc)
        return rc;
    c->part = "verdict without key";
    c->no_entry = true;
    rc = check_verdict(c, &t->no_key, false, &none);
    c->no_entry = false;
    c->part = NULL;
    return rc;
}

static int check_let_slots(struct beba_check *c, const struct beba_table *t)
{
    int rc = at_most(c, "lets", t->n_lets, BEBA_MAX_LETS);

    if (!rc)
        rc = there(c, "names of lets", t->let_name, t->n_lets);
    if (!rc)
        rc = there(c, "types of lets", t->let_type, t->n_lets);
    for (uint32_t i = 0; !rc && i < t->n_lets; i++) {
        unsigned width = t->let_type[i].width;

        if (!t->let_name[i])
            rc = beba_check_fail(c, -EINVAL, "let %u has no name", i);
        else if (!(width >= 1 && width <= 64) && width != 128)
            rc = beba_check_fail(c, -EINVAL, "'%s' has %u bits", t->let_name[i], width);
    }
    return rc;
}

static int check_table(struct beba_check *c, struct beba_table *t)
{
    const struct beba_slots none = {0};
    int rc;

    c->t = t;
    rc = check_keys(c, t);
    if (!rc)
        rc = check_regs(c, t);
    if (!rc)
        rc = check_states(c, t);
    if (!rc)
        rc = check_let_slots(c, t);
    if (!rc)
        rc = t->lookup.kind == BEBA_KEY_NONE ? check_stateless(c, t) : check_keyed(c, t);
    c->part = "default verdict";
    if (!rc)
        rc = check_verdict(c, &t->dflt, true, &none);
    c->part = NULL;
    if (!rc)
        rc = check_rules(c);
    c->t = NULL;
    return rc;
}

/* --- the whole ----------------------------------------------------------------------------- */

static int check_globals(struct beba_check *c, const struct beba_pipeline *p)
{
    int rc = there(c, "globals", p->global, p->n_globals);

    if (!rc)
        rc = check_names(c, "global", p->global, p->n_globals, sizeof(*p->global));
    for (uint32_t i = 0; !rc && i < p->n_globals; i++)
        rc = check_typed(c, p->global[i].name, p->global[i].type, p->global[i].init);
    return rc;
}

static int check_arrays(struct beba_check *c, const struct beba_pipeline *p)
{
    int rc = there(c, "arrays", p->array, p->n_arrays);

    if (!rc)
        rc = check_names(c, "array", p->array, p->n_arrays, sizeof(*p->array));
    for (uint32_t i = 0; !rc && i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];
        uint64_t cells = (uint64_t)a->rows * a->columns;

        if (!beba_type_valid(a->type) || a->type.width > 64)
            return beba_check_fail(c, -EINVAL, "array '%s' has cells of kind %u and %u bits",
                                   a->name, a->type.kind, a->type.width);
        if (!cells || (!a->two_dimensional && a->rows != 1))
            return beba_check_fail(c, -EINVAL, "array '%s' has %u rows and %u columns", a->name,
                                   a->rows, a->columns);
        if (cells > BEBA_MAX_CELLS)
            return beba_check_fail(c, -E2BIG, "array '%s' has %llu cells, at most %d", a->name,
                                   (unsigned long long)cells, BEBA_MAX_CELLS);
    }
    return rc;
}

/* Elements of a set may overlap: each can be taken out again by itself. */
static int check_sets(struct beba_check *c, const struct beba_pipeline *p)
{
    int rc = there(c, "sets", p->set, p->n_sets);

    if (!rc)
        rc = check_names(c, "set", p->set, p->n_sets, sizeof(*p->set));
    for (uint32_t i = 0; !rc && i < p->n_sets; i++) {
        const struct beba_set *s = &p->set[i];

        if (!beba_type_valid(s->type))
            return beba_check_fail(c, -EINVAL, "set '%s' has members of kind %u and %u bits",
                                   s->name, s->type.kind, s->type.width);
        rc = there(c, "elements of a set", s->range, s->n_ranges);
        for (uint32_t r = 0; !rc && r < s->n_ranges; r++)
            if (!beba_fits(s->range[r].hi, s->type.width) ||
                beba_u128_cmp(s->range[r].lo, s->range[r].hi) > 0)
                rc = beba_check_fail(c, -EINVAL, "element %u of set '%s' is no range of %u bits", r,
                                     s->name, s->type.width);
    }
    return rc;
}

static int check_notices(struct beba_check *c, const struct beba_pipeline *p)
{
    int rc = there(c, "notices", p->notice, p->n_notices);

    for (uint32_t i = 0; !rc && i < p->n_notices; i++) {
        const struct beba_notice *n = &p->notice[i];

        if (!n->text)
            return beba_check_fail(c, -EINVAL, "notice %u has no text", i);
        rc = at_most(c, "values in a notice", n->n_args, BEBA_MAX_NOTIFY_ARGS);
        if (rc)
            return rc;
        if (n->n_args && (!n->arg_name || !n->arg_type))
            return beba_check_fail(c, -EINVAL, "notice \"%s\" lacks the names of its values",
                                   n->text);
        for (uint32_t a = 0; a < n->n_args; a++)
            if (!n->arg_name[a] || !beba_type_valid(n->arg_type[a]))
                return beba_check_fail(c, -EINVAL, "value %u of notice \"%s\" has no name or type",
                                       a, n->text);
    }
    return rc;
}

static int check_all(struct beba_check *c, struct beba_pipeline *p)
{
    uint64_t n_rules = 0;
    int rc = at_most(c, "tables", p->n_tables, BEBA_MAX_TABLES);

    if (!rc && !p->n_tables)
        rc = beba_check_fail(c, -EINVAL, "a pipeline without tables");
    if (!rc)
        rc = there(c, "tables", p->table, p->n_tables);
    if (!rc)
        rc = check_names(c, "table", p->table, p->n_tables, sizeof(*p->table));
    for (uint32_t i = 0; !rc && i < p->n_tables; i++)
        n_rules += p->table[i].n_rules;
    if (!rc)
        rc = at_most(c, "rules", n_rules, BEBA_MAX_RULES);
    if (!rc)
        rc = check_globals(c, p);
    if (!rc)
        rc = check_arrays(c, p);
    if (!rc)
        rc = check_sets(c, p);
    if (!rc)
        rc = there(c, "counters", p->counter, p->n_counters);
    if (!rc)
        rc = check_names(c, "counter", p->counter, p->n_counters, sizeof(*p->counter));
    if (!rc)
        rc = check_notices(c, p);
    for (uint32_t i = 0; !rc && i < p->n_tables; i++)
        rc = check_table(c, &p->table[i]);
    return rc;
}

int beba_pipeline_finish(struct beba_pipeline *p, struct beba_error *err)
{
    struct beba_check c = {.p = p, .err = err};
    int rc = check_all(&c, p);

    if (rc)
        return rc;
    rc = beba_pipeline_layout(p);
    return rc ? beba_error_set(err, rc, "out of memory") : 0;
}
