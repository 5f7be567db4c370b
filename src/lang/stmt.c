/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "lang/lower.h"

enum { TPID_VLAN = 0x8100, TYPE_MPLS = 0x8847 };

bool beba_decides(const struct beba_body *body)
{
    const struct beba_stmt *s = body->n ? &body->stmt[body->n - 1] : NULL;

    if (!s)
        return false;
    return s->kind == BEBA_STMT_VERDICT ||
           (s->kind == BEBA_STMT_IF && beba_decides(&s->then) && beba_decides(&s->otherwise));
}

bool beba_lower_verdict(struct lower *c, const struct ast_verdict *v, struct beba_verdict *out)
{
    *out = (struct beba_verdict){.kind = v->kind, .loc = v->loc};
    if (v->kind != BEBA_VERDICT_OUTPUT)
        return true;
    out->port = beba_lower_to(c, v->port, beba_type_port, "a port");
    return out->port != NULL;
}

/* --- lets ---------------------------------------------------------------------------------- */

struct sym *beba_lower_let(struct lower *c, const struct ast_name *name,
                           const struct ast_expr *value, struct beba_stmt *out)
{
    struct machine *m = c->m;
    struct beba_expr *e = beba_lower_expr(c, value, NULL);
    struct sym *s = beba_sym_declare(c, &m->scope, name, SYM_LET);
    uint32_t slot = m->table->n_lets;

    if (s && e)
        s->type = e->type;
    if (!s || !e || c->no_memory)
        return NULL;
    if (slot == BEBA_MAX_LETS) {
        if (!m->too_many_lets)
            beba_report(c->diags, C_TOO_LARGE, name->loc, "a machine has at most %d lets",
                        BEBA_MAX_LETS);
        m->too_many_lets = true;
        return NULL;
    }
    m->table->n_lets++;
    s->id = slot;
    m->let_name[slot] = beba_keep(c, name->s);
    m->let_type[slot] = e->type;
    m->let_value[slot] = e;
    *out = (struct beba_stmt){.kind = BEBA_STMT_LET, .id = slot, .value = e, .loc = name->loc};
    return s;
}

/* --- assignment ---------------------------------------------------------------------------- */

static bool read_only(struct lower *c, const struct ast_expr *t, const char *what, const char *hint)
{
    struct beba_diag *d = beba_report(c->diags, C_READ_ONLY, t->at, "'%s' %s", t->name, what);

    if (hint)
        beba_report_hint(c->diags, d, "%s", hint);
    return false;
}

static bool field_target(struct lower *c, const struct ast_expr *t, enum beba_field_id id,
                         struct beba_stmt *out, struct beba_type *type)
{
    if (beba_fields[id].flags & BEBA_FIELD_READONLY)
        return read_only(c, t, "cannot be assigned",
                         beba_fields[id].layer == BEBA_LAYER_META
                             ? "it says how the packet came in"
                             : "lengths and checksums follow from the rest of the packet");
    out->lvalue = BEBA_LV_FIELD;
    out->id = (uint32_t)id;
    *type = beba_fields[id].type;
    return true;
}

static bool array_target(struct lower *c, const struct ast_expr *t, struct beba_stmt *out,
                         struct beba_type *type)
{
    struct beba_expr *e = beba_lower_expr(c, t, NULL);
    struct sym *y = beba_sym_find(c, t->name);

    if (!e)
        return false;
    y->written = true;
    out->lvalue = BEBA_LV_ARRAY;
    out->id = e->id;
    for (unsigned i = 0; i < e->n_args; i++)
        out->index[i] = e->arg[i];
    *type = e->type;
    return true;
}

static bool lower_target(struct lower *c, const struct ast_expr *t, struct beba_stmt *out,
                         struct beba_type *type)
{
    struct sym *y = t->kind == E_NAME ? beba_sym_find(c, t->name) : NULL;
    enum beba_field_id id;

    if (t->kind == E_BAD)
        return false;
    if (t->kind == E_INDEX)
        return array_target(c, t, out, type);
    if (t->kind == E_FIELD) {
        id = beba_lower_field(c, t->name, t->at);
        return id != BEBA_F_NONE && field_target(c, t, id, out, type);
    }
    if (!y) {
        id = beba_field_find(t->name, strlen(t->name));
        if (id != BEBA_F_NONE)
            return field_target(c, t, id, out, type);
        if (beba_layer_find(t->name, strlen(t->name)) >= 0)
            return read_only(c, t, "is a header, not one of its fields", NULL);
        beba_lower_expr(c, t, NULL); /* says what is unknown */
        return false;
    }
    y->written = true;
    switch ((enum sym_kind)y->kind) {
    case SYM_REG:
        out->lvalue = BEBA_LV_REG;
        *type = c->m->table->reg[y->id].type;
        break;
    case SYM_GLOBAL:
        out->lvalue = BEBA_LV_GLOBAL;
        *type = c->p->global[y->id].type;
        break;
    case SYM_CONST:
        return read_only(c, t, "is a constant", "what changes is a reg (per flow) or a global");
    case SYM_LET:
        y->read = true;
        return read_only(c, t, "is a let; it keeps its value",
                         "what changes is a reg (per flow) or a global");
    case SYM_ARRAY:
        return read_only(c, t, "is an array", "assign one of its cells: NAME[INDEX] = VALUE");
    case SYM_STATE:
        return read_only(c, t, "is a state", "states are entered with 'goto'");
    case SYM_SET:
    case SYM_MACHINE:
        return read_only(c, t, "cannot be assigned", "sets are changed from outside: beba set add");
    }
    out->id = y->id;
    return true;
}

static uint8_t assign_op(uint8_t sign)
{
    switch (sign) {
    case T_ADD_TO:
        return BEBA_ADD;
    case T_SUB_FROM:
        return BEBA_SUB;
    case T_AND_INTO:
        return BEBA_AND;
    case T_OR_INTO:
        return BEBA_OR;
    case T_XOR_INTO:
        return BEBA_XOR;
    default:
        return BEBA_SET;
    }
}

static bool lower_assign(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    struct beba_type type = {0};
    char what[96], text[64];
    bool ok = lower_target(c, a->target, out, &type);

    out->kind = BEBA_STMT_ASSIGN;
    out->assign = assign_op(a->op);
    if (!ok) {
        beba_lower_expr(c, a->value, NULL);
        return false;
    }
    if (out->assign != BEBA_SET && beba_type_wide(type)) {
        beba_report(c->diags, C_TYPE, a->target->loc, "128-bit values can only be set, with '='");
        return false;
    }
    snprintf(what, sizeof(what), "'%s'", beba_expr_text(c, a->target->loc, text));
    out->value = beba_lower_to(c, a->value, type, what);
    return out->value != NULL;
}

/* --- the others ---------------------------------------------------------------------------- */

static bool lower_goto(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    struct sym *y;

    out->kind = BEBA_STMT_GOTO;
    if (c->m->table->lookup.kind == BEBA_KEY_NONE) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_NO_KEY, a->loc,
                                     "machine '%s' has no key, so it has no states",
                                     c->m->table->name),
                         "give it a key: key ip.src");
        return false;
    }
    y = beba_scope_find(&c->m->scope, a->name.s);
    if (!y || y->kind != SYM_STATE) {
        if (a->name.s)
            beba_unknown_state(c, c->m, a->name.s, a->name.loc);
        return false;
    }
    y->read = true;
    out->id = y->id;
    return true;
}

uint32_t beba_counter_id(struct lower *c, const char *name, struct beba_loc loc)
{
    struct sym *y = beba_scope_find(&c->counters, name);

    if (!y) {
        y = beba_scope_add(c, &c->counters, name, SYM_GLOBAL, loc);
        if (!y)
            return 0;
        y->id = c->p->n_counters++;
    }
    return y->id;
}

static const char *argument_name(struct lower *c, const struct ast_pair *a)
{
    char text[64];

    return beba_keep(c, a->name.s ? a->name.s : beba_expr_text(c, a->value->loc, text));
}

static bool same_shape(const struct beba_notice *a, const struct beba_notice *b)
{
    if (a->n_args != b->n_args)
        return false;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (strcmp(a->arg_name[i], b->arg_name[i]) != 0 ||
            a->arg_type[i].width != b->arg_type[i].width ||
            a->arg_type[i].kind != b->arg_type[i].kind)
            return false;
    return true;
}

/* Notifications of one text are one kind of event, wherever they come from. */
static bool notice_id(struct lower *c, const struct ast_stmt *a, struct beba_notice *n,
                      uint32_t *id)
{
    struct sym *y = beba_scope_find(&c->notices, a->text);

    if (y && !same_shape(y->data, n)) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_DUPLICATE, a->loc,
                                     "the notification of this text has other fields in line %u",
                                     beba_line_of(c, y->loc)),
                         "give it another text");
        return false;
    }
    if (!y) {
        n->text = beba_keep(c, a->text);
        y = beba_scope_add(c, &c->notices, n->text, SYM_CONST, a->loc);
        if (!y)
            return false;
        y->data = n;
        y->id = c->p->n_notices++;
    }
    *id = y->id;
    return true;
}

static bool lower_notify(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    struct beba_notice *n = beba_arena_alloc(c->scratch, sizeof(*n));
    uint32_t count = 0;
    bool ok = true;

    out->kind = BEBA_STMT_NOTIFY;
    for (const struct ast_pair *p = a->args; p; p = p->next)
        count++;
    if (count > BEBA_MAX_NOTIFY_ARGS) {
        beba_report(c->diags, C_TOO_LARGE, a->loc, "a notification has at most %d fields",
                    BEBA_MAX_NOTIFY_ARGS);
        return false;
    }
    if (!n || !a->text)
        return false;
    n->arg_name = beba_arena_array(c->arena, count + 1, sizeof(*n->arg_name));
    n->arg_type = beba_arena_array(c->arena, count + 1, sizeof(*n->arg_type));
    out->args = beba_arena_array(c->arena, count + 1, sizeof(*out->args));
    if (!n->arg_name || !n->arg_type || !out->args) {
        c->no_memory = true;
        return false;
    }
    for (const struct ast_pair *p = a->args; p; p = p->next) {
        struct beba_expr *e = beba_lower_expr(c, p->value, NULL);

        if (!e) {
            ok = false;
            continue;
        }
        n->arg_name[n->n_args] = argument_name(c, p);
        n->arg_type[n->n_args] = e->type;
        out->args[n->n_args++] = e;
    }
    out->n_args = (uint8_t)n->n_args;
    return ok && notice_id(c, a, n, &out->id);
}

static bool lower_tag(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    bool vlan = a->layer == BEBA_LAYER_VLAN;
    struct beba_type type = {BEBA_KIND_UINT, (uint8_t)(vlan ? 16 : 20)};

    if (a->kind == S_POP) {
        out->kind = vlan ? BEBA_STMT_POP_VLAN : BEBA_STMT_POP_MPLS;
        return true;
    }
    out->kind = vlan ? BEBA_STMT_PUSH_VLAN : BEBA_STMT_PUSH_MPLS;
    out->id = vlan ? TPID_VLAN : TYPE_MPLS;
    out->value = beba_lower_to(c, a->value, type, vlan ? "a VLAN tag" : "an MPLS label");
    return out->value != NULL;
}

static bool lower_if(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    out->kind = BEBA_STMT_IF;
    out->value = beba_lower_bool(c, a->value);
    out->then = beba_lower_body(c, a->then);
    out->otherwise = beba_lower_body(c, a->otherwise);
    return out->value != NULL;
}

static bool lower_value(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    bool queue = a->kind == S_QUEUE;

    out->kind = queue ? BEBA_STMT_QUEUE : BEBA_STMT_MIRROR;
    out->value = beba_lower_to(c, a->value, beba_type_port, queue ? "a queue" : "a port");
    return out->value != NULL;
}

static bool lower_stmt(struct lower *c, const struct ast_stmt *a, struct beba_stmt *out)
{
    *out = (struct beba_stmt){.loc = a->loc};
    switch ((enum ast_stmt_kind)a->kind) {
    case S_LET:
        return beba_lower_let(c, &a->name, a->value, out) != NULL;
    case S_ASSIGN:
        return lower_assign(c, a, out);
    case S_IF:
        return lower_if(c, a, out);
    case S_GOTO:
        return lower_goto(c, a, out);
    case S_VERDICT:
        out->kind = BEBA_STMT_VERDICT;
        return beba_lower_verdict(c, &a->verdict, &out->verdict);
    case S_MIRROR:
    case S_QUEUE:
        return lower_value(c, a, out);
    case S_NOTIFY:
        return lower_notify(c, a, out);
    case S_COUNT:
        out->kind = BEBA_STMT_COUNT;
        out->id = a->name.s ? beba_counter_id(c, a->name.s, a->name.loc) : 0;
        return a->name.s != NULL;
    case S_PUSH:
    case S_POP:
        return lower_tag(c, a, out);
    case S_SWAP:
        out->kind = BEBA_STMT_SWAP;
        out->id = a->layer;
        return true;
    }
    return false;
}

static void check_unreachable(struct lower *c, const struct ast_stmt *a,
                              const struct beba_body *body)
{
    if (!a->next || !beba_decides(body))
        return;
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_UNREACHABLE_STATEMENT, a->next->loc,
                                 "this is never reached: the verdict before it ends the rule"),
                     "put it before the verdict");
}

struct beba_body beba_lower_body(struct lower *c, const struct ast_stmt *s)
{
    struct beba_body body = {0};
    struct sym **lets = c->m->scope.last;
    bool unreachable = false;
    uint32_t n = 0;

    for (const struct ast_stmt *a = s; a; a = a->next)
        n++;
    if (!n)
        return body;
    body.stmt = beba_arena_array(c->arena, n, sizeof(*body.stmt));
    if (!body.stmt) {
        c->no_memory = true;
        return body;
    }
    for (const struct ast_stmt *a = s; a && !c->no_memory; a = a->next) {
        /* a wrong verdict is a verdict still: nothing follows from its being left out */
        bool ok = lower_stmt(c, a, &body.stmt[body.n]);

        body.n += !unreachable && (ok || a->kind == S_VERDICT || a->kind == S_IF);
        if (!unreachable && beba_decides(&body)) {
            check_unreachable(c, a, &body);
            unreachable = true;
        }
    }
    beba_scope_hide(&c->m->scope, lets);
    return body;
}
