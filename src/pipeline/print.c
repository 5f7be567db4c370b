/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Expressions, statements and verdicts as the language writes them. */
#include "pipeline/print.h"

struct printer {
    struct beba_strbuf *out;
    const struct beba_pipeline *p;
    const struct beba_table *t; /* may be NULL */
};

/* --- names --------------------------------------------------------------------------------- */

static void name_or_number(struct beba_strbuf *out, const char *name, const char *what, uint32_t id)
{
    if (name)
        beba_strbuf_puts(out, name);
    else
        beba_strbuf_printf(out, "%s%u", what, id);
}

static const char *reg_name(const struct beba_table *t, uint32_t id)
{
    return t && id < t->n_regs ? t->reg[id].name : NULL;
}

static const char *let_name(const struct beba_table *t, uint32_t id)
{
    return t && id < t->n_lets ? t->let_name[id] : NULL;
}

static const char *state_name(const struct beba_table *t, uint64_t id)
{
    return t && id < t->n_states ? t->state[id].name : NULL;
}

static const char *field_name(uint32_t id)
{
    return id < BEBA_N_FIELDS ? beba_fields[id].name : NULL;
}

#define NAME_OF(p, list, id) ((p) && (id) < (p)->n_##list##s ? (p)->list[id].name : NULL)

void beba_type_print(struct beba_strbuf *out, struct beba_type type)
{
    switch (type.kind) {
    case BEBA_KIND_BOOL:
        beba_strbuf_puts(out, "bool");
        break;
    case BEBA_KIND_TIME:
        beba_strbuf_puts(out, "time");
        break;
    case BEBA_KIND_IP4:
        beba_strbuf_puts(out, "ip4");
        break;
    case BEBA_KIND_IP6:
        beba_strbuf_puts(out, "ip6");
        break;
    case BEBA_KIND_IP:
        beba_strbuf_puts(out, "ip");
        break;
    case BEBA_KIND_MAC:
        beba_strbuf_puts(out, "mac");
        break;
    default:
        beba_strbuf_printf(out, "u%u", type.width);
    }
}

void beba_quoted_print(struct beba_strbuf *out, const char *s)
{
    beba_strbuf_putc(out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            beba_strbuf_printf(out, "\\%c", c);
        else if (c == '\n')
            beba_strbuf_puts(out, "\\n");
        else if (c == '\t')
            beba_strbuf_puts(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            beba_strbuf_printf(out, "\\x%02x", c);
        else
            beba_strbuf_putc(out, (char)c);
    }
    beba_strbuf_putc(out, '"');
}

/* --- expressions --------------------------------------------------------------------------- */

/* Length of the prefix that a range of addresses is, or -1. */
static int prefix_length(struct beba_type type, const struct beba_range *r)
{
    unsigned width = type.width, host = 0;
    struct beba_u128 diff = {r->lo.hi ^ r->hi.hi, r->lo.lo ^ r->hi.lo};

    if (type.kind != BEBA_KIND_IP && type.kind != BEBA_KIND_IP6 && type.kind != BEBA_KIND_IP4)
        return -1;
    while (host < 64 && diff.lo >> host & 1)
        host++;
    if (host == 64)
        while (host < 128 && diff.hi >> (host - 64) & 1)
            host++;
    if (host > width || r->lo.lo & beba_mask64(host) ||
        (host > 64 && r->lo.hi & beba_mask64(host - 64)) || diff.lo != beba_mask64(host) ||
        diff.hi != (host > 64 ? beba_mask64(host - 64) : 0))
        return -1;
    if (type.kind == BEBA_KIND_IP && !r->lo.hi && r->lo.lo >> 32 == 0xffff && host <= 32)
        return (int)(32 - host);
    return (int)(width - host);
}

void beba_range_print(struct beba_strbuf *out, struct beba_type type, const struct beba_range *r)
{
    int length;

    beba_value_print(out, type, r->lo);
    if (!beba_u128_cmp(r->lo, r->hi))
        return;
    length = prefix_length(type, r);
    if (length >= 0) {
        beba_strbuf_printf(out, "/%d", length);
        return;
    }
    beba_strbuf_puts(out, "..");
    beba_value_print(out, type, r->hi);
}

static void print_list(struct beba_strbuf *out, struct beba_type type,
                       const struct beba_range *range, uint32_t n)
{
    if (n == 1) {
        beba_range_print(out, type, range);
        return;
    }
    beba_strbuf_putc(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        beba_strbuf_puts(out, i ? ", " : "");
        beba_range_print(out, type, &range[i]);
    }
    beba_strbuf_putc(out, '}');
}

static void expr(const struct printer *f, const struct beba_expr *e, unsigned least,
                 unsigned depth);

static void args(const struct printer *f, const struct beba_expr *e, unsigned depth)
{
    beba_strbuf_printf(f->out, "%s(", beba_ops[e->op].name);
    for (unsigned i = 0; i < e->n_args; i++) {
        beba_strbuf_puts(f->out, i ? ", " : "");
        expr(f, e->arg[i], 0, depth + 1);
    }
    beba_strbuf_putc(f->out, ')');
}

/* A state is compared by its name. */
static bool state_constant(const struct printer *f, const struct beba_expr *e,
                           const struct beba_expr *other)
{
    const char *name;

    if (!f->p || e->op != BEBA_OP_CONST || other->op != BEBA_OP_STATE ||
        other->id >= f->p->n_tables)
        return false;
    name = state_name(&f->p->table[other->id], e->k.lo);
    if (name)
        beba_strbuf_puts(f->out, name);
    return name;
}

/* state(m) in {a, b}: every state by its name. */
static void print_states(const struct printer *f, const struct beba_expr *e)
{
    const struct beba_table *t = &f->p->table[e->arg[0]->id];
    const char *between = "";

    beba_strbuf_putc(f->out, '{');
    for (uint32_t i = 0; i < e->n_ranges; i++) {
        for (uint64_t s = e->range[i].lo.lo; s <= e->range[i].hi.lo && s < t->n_states; s++) {
            beba_strbuf_printf(f->out, "%s%s", between, t->state[s].name);
            between = ", ";
        }
    }
    beba_strbuf_putc(f->out, '}');
}

static void infix(const struct printer *f, const struct beba_expr *e, unsigned depth)
{
    unsigned precedence = beba_ops[e->op].precedence;
    bool comparison = e->op >= BEBA_OP_EQ && e->op <= BEBA_OP_GE;
    bool chain = e->op == e->arg[1]->op && (e->op == BEBA_OP_LAND || e->op == BEBA_OP_LOR);

    if (!comparison || !state_constant(f, e->arg[0], e->arg[1]))
        expr(f, e->arg[0], precedence + comparison, depth + 1);
    beba_strbuf_printf(f->out, " %s ", beba_ops[e->op].name);
    if (!comparison || !state_constant(f, e->arg[1], e->arg[0]))
        expr(f, e->arg[1], precedence + !chain, depth + 1);
}

static void prefix(const struct printer *f, const struct beba_expr *e, unsigned depth)
{
    if (e->op == BEBA_OP_NOT && e->arg[0]->op == BEBA_OP_FORWARD) {
        beba_strbuf_puts(f->out, "backward");
        return;
    }
    beba_strbuf_puts(f->out, beba_ops[e->op].name);
    expr(f, e->arg[0], 10, depth + 1);
}

static void leaf(const struct printer *f, const struct beba_expr *e)
{
    switch (e->op) {
    case BEBA_OP_CONST:
        beba_value_print(f->out, e->type, e->k);
        break;
    case BEBA_OP_FIELD:
        name_or_number(f->out, field_name(e->id), "field", e->id);
        break;
    case BEBA_OP_REG:
        name_or_number(f->out, reg_name(f->t, e->id), "reg", e->id);
        break;
    case BEBA_OP_LET:
        name_or_number(f->out, let_name(f->t, e->id), "let", e->id);
        break;
    case BEBA_OP_GLOBAL:
        name_or_number(f->out, NAME_OF(f->p, global, e->id), "global", e->id);
        break;
    case BEBA_OP_STATE:
        beba_strbuf_puts(f->out, "state(");
        name_or_number(f->out, NAME_OF(f->p, table, e->id), "table", e->id);
        beba_strbuf_putc(f->out, ')');
        break;
    case BEBA_OP_FORWARD:
        beba_strbuf_puts(f->out, "forward");
        break;
    default: /* PRESENT */
        name_or_number(f->out, e->id == BEBA_LAYER_META ? "true" : beba_layer_name(e->id), "layer",
                       e->id);
    }
}

static void array_cell(const struct printer *f, const struct beba_expr *e, unsigned depth)
{
    name_or_number(f->out, NAME_OF(f->p, array, e->id), "array", e->id);
    for (unsigned i = 0; i < e->n_args; i++) {
        beba_strbuf_putc(f->out, '[');
        expr(f, e->arg[i], 0, depth + 1);
        beba_strbuf_putc(f->out, ']');
    }
}

static void bare(const struct printer *f, const struct beba_expr *e, unsigned depth)
{
    switch (e->op) {
    case BEBA_OP_MAP4:
        expr(f, e->arg[0], 0, depth + 1);
        break;
    case BEBA_OP_ARRAY:
        array_cell(f, e, depth);
        break;
    case BEBA_OP_IN_LIST:
        expr(f, e->arg[0], 4, depth + 1);
        beba_strbuf_puts(f->out, " in ");
        if (f->p && e->arg[0]->op == BEBA_OP_STATE && e->arg[0]->id < f->p->n_tables)
            print_states(f, e);
        else
            print_list(f->out, e->arg[0]->type, e->range, e->n_ranges);
        break;
    case BEBA_OP_IN_SET:
        expr(f, e->arg[0], 4, depth + 1);
        beba_strbuf_puts(f->out, " in ");
        name_or_number(f->out, NAME_OF(f->p, set, e->id), "set", e->id);
        break;
    default:
        if (!e->n_args)
            leaf(f, e);
        else if (!beba_ops[e->op].precedence)
            args(f, e, depth);
        else if (e->n_args == 1)
            prefix(f, e, depth);
        else
            infix(f, e, depth);
    }
}

/* In parentheses when it binds less tightly than least. */
static void expr(const struct printer *f, const struct beba_expr *e, unsigned least, unsigned depth)
{
    unsigned precedence;

    if (depth > BEBA_MAX_DEPTH || !e || e->op >= BEBA_N_OPS) {
        beba_strbuf_puts(f->out, "...");
        return;
    }
    while (e->op == BEBA_OP_MAP4 && depth++ <= BEBA_MAX_DEPTH)
        e = e->arg[0];
    precedence = beba_ops[e->op].precedence;
    if (e->op == BEBA_OP_NOT && e->arg[0]->op == BEBA_OP_FORWARD)
        precedence = 0;
    if (precedence && precedence < least) {
        beba_strbuf_putc(f->out, '(');
        bare(f, e, depth);
        beba_strbuf_putc(f->out, ')');
    } else {
        bare(f, e, depth);
    }
}

void beba_expr_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_expr *e)
{
    expr(&(struct printer){out, p, t}, e, 0, 0);
}

/* --- statements ---------------------------------------------------------------------------- */

static const char *const assign_names[] = {
    [BEBA_SET] = "=",  [BEBA_ADD] = "+=", [BEBA_SUB] = "-=",
    [BEBA_AND] = "&=", [BEBA_OR] = "|=",  [BEBA_XOR] = "^=",
};

static void verdict(const struct printer *f, const struct beba_verdict *v)
{
    beba_strbuf_puts(f->out, beba_verdict_name(v->kind));
    if (v->kind != BEBA_VERDICT_OUTPUT)
        return;
    beba_strbuf_putc(f->out, '(');
    expr(f, v->port, 0, 0);
    beba_strbuf_putc(f->out, ')');
}

static void target(const struct printer *f, const struct beba_stmt *s)
{
    switch (s->lvalue) {
    case BEBA_LV_REG:
        name_or_number(f->out, reg_name(f->t, s->id), "reg", s->id);
        break;
    case BEBA_LV_GLOBAL:
        name_or_number(f->out, NAME_OF(f->p, global, s->id), "global", s->id);
        break;
    case BEBA_LV_FIELD:
        name_or_number(f->out, field_name(s->id), "field", s->id);
        break;
    default:
        name_or_number(f->out, NAME_OF(f->p, array, s->id), "array", s->id);
        for (unsigned i = 0; i < 2 && s->index[i]; i++) {
            beba_strbuf_putc(f->out, '[');
            expr(f, s->index[i], 0, 0);
            beba_strbuf_putc(f->out, ']');
        }
    }
}

static void notify(const struct printer *f, const struct beba_stmt *s)
{
    const struct beba_notice *n = f->p && s->id < f->p->n_notices ? &f->p->notice[s->id] : NULL;

    beba_strbuf_puts(f->out, "notify ");
    beba_quoted_print(f->out, n ? n->text : "?");
    if (!s->n_args)
        return;
    beba_strbuf_puts(f->out, " {");
    for (unsigned i = 0; i < s->n_args; i++) {
        beba_strbuf_puts(f->out, i ? ", " : " ");
        if (n && i < n->n_args)
            beba_strbuf_printf(f->out, "%s = ", n->arg_name[i]);
        expr(f, s->args[i], 0, 0);
    }
    beba_strbuf_puts(f->out, " }");
}

static void with_value(const struct printer *f, const char *word, const struct beba_expr *value,
                       const char *end)
{
    beba_strbuf_puts(f->out, word);
    expr(f, value, 0, 0);
    beba_strbuf_puts(f->out, end);
}

static void body(const struct printer *f, const struct beba_body *b, unsigned indent,
                 unsigned depth);

static void conditional(const struct printer *f, const struct beba_stmt *s, unsigned indent,
                        unsigned depth)
{
    with_value(f, "if ", s->value, " {\n");
    body(f, &s->then, indent + 4, depth + 1);
    beba_strbuf_pad(f->out, ' ', indent);
    if (s->otherwise.n) {
        beba_strbuf_puts(f->out, "} else {\n");
        body(f, &s->otherwise, indent + 4, depth + 1);
        beba_strbuf_pad(f->out, ' ', indent);
    }
    beba_strbuf_putc(f->out, '}');
}

static void stmt(const struct printer *f, const struct beba_stmt *s, unsigned indent,
                 unsigned depth)
{
    switch (s->kind) {
    case BEBA_STMT_ASSIGN:
        target(f, s);
        beba_strbuf_printf(f->out, " %s ", s->assign <= BEBA_XOR ? assign_names[s->assign] : "?");
        expr(f, s->value, 0, 0);
        break;
    case BEBA_STMT_LET:
        beba_strbuf_puts(f->out, "let ");
        name_or_number(f->out, let_name(f->t, s->id), "let", s->id);
        with_value(f, " = ", s->value, "");
        break;
    case BEBA_STMT_IF:
        conditional(f, s, indent, depth);
        break;
    case BEBA_STMT_GOTO:
        beba_strbuf_puts(f->out, "goto ");
        name_or_number(f->out, state_name(f->t, s->id), "state", s->id);
        break;
    case BEBA_STMT_VERDICT:
        verdict(f, &s->verdict);
        break;
    case BEBA_STMT_MIRROR:
        with_value(f, "mirror(", s->value, ")");
        break;
    case BEBA_STMT_NOTIFY:
        notify(f, s);
        break;
    case BEBA_STMT_COUNT:
        beba_strbuf_puts(f->out, "count ");
        name_or_number(f->out, NAME_OF(f->p, counter, s->id), "counter", s->id);
        break;
    case BEBA_STMT_PUSH_VLAN:
        with_value(f, "vlan.push ", s->value, "");
        if (s->id != 0x8100)
            beba_strbuf_printf(f->out, " (0x%04x)", s->id);
        break;
    case BEBA_STMT_POP_VLAN:
        beba_strbuf_puts(f->out, "vlan.pop");
        break;
    case BEBA_STMT_PUSH_MPLS:
        with_value(f, "mpls.push ", s->value, "");
        if (s->id != 0x8847)
            beba_strbuf_printf(f->out, " (0x%04x)", s->id);
        break;
    case BEBA_STMT_POP_MPLS:
        beba_strbuf_puts(f->out, "mpls.pop");
        if (s->id)
            beba_strbuf_printf(f->out, " (0x%04x)", s->id);
        break;
    case BEBA_STMT_SWAP:
        beba_strbuf_puts(f->out, "swap ");
        name_or_number(f->out, s->id < BEBA_N_LAYERS ? beba_layer_name(s->id) : NULL, "layer",
                       s->id);
        break;
    case BEBA_STMT_QUEUE:
        with_value(f, "queue ", s->value, "");
        break;
    default:
        beba_strbuf_puts(f->out, "...");
    }
}

static void body(const struct printer *f, const struct beba_body *b, unsigned indent,
                 unsigned depth)
{
    for (uint32_t i = 0; i < b->n; i++) {
        beba_strbuf_pad(f->out, ' ', indent);
        if (depth > BEBA_MAX_DEPTH)
            beba_strbuf_puts(f->out, "...");
        else
            stmt(f, &b->stmt[i], indent, depth);
        beba_strbuf_putc(f->out, '\n');
    }
}

void beba_stmt_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_stmt *s)
{
    stmt(&(struct printer){out, p, t}, s, 0, 0);
}

void beba_body_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_body *b, unsigned indent)
{
    body(&(struct printer){out, p, t}, b, indent, 0);
}

void beba_verdict_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                        const struct beba_table *t, const struct beba_verdict *v)
{
    verdict(&(struct printer){out, p, t}, v);
}
