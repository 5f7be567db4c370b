/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include "base/error.h"
#include "lang/parse.h"

static const struct {
    const char *name;
    struct beba_type type;
} types[] = {
    {"u8", {BEBA_KIND_UINT, 8}},   {"u16", {BEBA_KIND_UINT, 16}}, {"u32", {BEBA_KIND_UINT, 32}},
    {"u64", {BEBA_KIND_UINT, 64}}, {"bool", {BEBA_KIND_BOOL, 1}}, {"time", {BEBA_KIND_TIME, 64}},
    {"ip4", {BEBA_KIND_IP4, 32}},  {"ip6", {BEBA_KIND_IP6, 128}}, {"ip", {BEBA_KIND_IP, 128}},
    {"mac", {BEBA_KIND_MAC, 48}},
};

enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

struct ast_type beba_parse_type(struct parser *p)
{
    const char *names[N_TYPES], *near;
    struct ast_type out = {.given = true};
    struct ast_name name = beba_parse_name(p, "a type");
    struct beba_diag *d;

    out.loc = name.loc;
    out.type = types[3].type;
    if (!name.s)
        return out;
    for (unsigned i = 0; i < N_TYPES; i++) {
        names[i] = types[i].name;
        if (!strcmp(types[i].name, name.s)) {
            out.type = types[i].type;
            return out;
        }
    }
    d = beba_report(p->diags, C_UNKNOWN_TYPE, name.loc, "unknown type '%s'", name.s);
    near = beba_nearest(name.s, names, N_TYPES);
    if (near)
        beba_report_hint(p->diags, d, "did you mean %s?", near);
    else
        beba_report_hint(p->diags, d, "types are u8 u16 u32 u64 bool time ip4 ip6 ip mac");
    return out;
}

static const struct {
    enum beba_word word;
    enum beba_verdict_kind kind;
} verdicts[] = {
    {W_PASS, BEBA_VERDICT_PASS},   {W_DROP, BEBA_VERDICT_DROP},   {W_OUTPUT, BEBA_VERDICT_OUTPUT},
    {W_REPLY, BEBA_VERDICT_REPLY}, {W_FLOOD, BEBA_VERDICT_FLOOD}, {W_PUNT, BEBA_VERDICT_PUNT},
    {W_NEXT, BEBA_VERDICT_NEXT},
};

bool beba_parse_at_verdict(struct parser *p)
{
    for (unsigned i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (beba_parse_is_word(p, verdicts[i].word))
            return true;
    return false;
}

struct ast_verdict beba_parse_verdict(struct parser *p)
{
    struct ast_verdict v = {0};
    uint32_t first = p->at;

    for (unsigned i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (beba_parse_take_word(p, verdicts[i].word))
            v.kind = (uint8_t)verdicts[i].kind;
    if (v.kind == BEBA_VERDICT_NONE) {
        beba_report_hint(p->diags, beba_parse_expected(p, "a verdict"),
                         "verdicts are pass, drop, output(PORT), reply, flood, punt and next");
        return v;
    }
    if (v.kind == BEBA_VERDICT_OUTPUT) {
        beba_parse_mark(p, MARK_TIGHT);
        if (beba_parse_need(p, T_LPAREN, "'(' and a port"))
            v.port = beba_parse_expr(p);
        if (!p->panic)
            beba_parse_need(p, T_RPAREN, "')'");
    }
    v.loc = beba_parse_loc(p, first, p->at);
    return v;
}

/* --- declarations -------------------------------------------------------------------------- */

static void parse_key(struct parser *p, struct ast_machine *m)
{
    uint32_t first = p->at;
    uint8_t word = beba_parse_peek(p)->word;
    struct ast_key *key = word == W_KEY ? &m->key : word == W_LOOKUP ? &m->lookup : &m->update;
    struct ast_pair **last = &key->fields;
    bool again = key->kind != 0;
    struct ast_key ignored = {0};

    if (again) {
        key = &ignored;
        last = &key->fields;
    }
    p->at++;
    key->kind = word;
    if (beba_parse_is_word(p, W_CONNECTION) || beba_parse_is_word(p, W_FLOW)) {
        key->whole = beba_parse_peek(p)->word;
        p->at++;
    } else {
        do {
            struct ast_pair *f = beba_parse_new(p, sizeof(*f));
            const struct beba_token *t = beba_parse_peek(p);

            if (t->kind != T_DOTTED && t->kind != T_NAME) {
                beba_report_hint(p->diags, beba_parse_expected(p, "a field"),
                                 "a key is 'connection', 'flow' or fields: ip.src, tcp.dst");
                break;
            }
            f->name.s = beba_parse_text(p, t);
            f->loc = f->name.loc = beba_parse_loc(p, p->at, p->at + 1);
            p->at++;
            *last = f;
            last = &f->next;
        } while (beba_parse_take(p, T_COMMA));
    }
    key->loc = beba_parse_loc(p, first, p->at);
    if (again)
        beba_report(p->diags, C_DUPLICATE, key->loc, "'%s' is already given", beba_word_text(word));
}

static void parse_reg(struct parser *p, struct ast_machine *m)
{
    struct ast_reg *r = beba_parse_new(p, sizeof(*r));

    p->at++;
    r->name = beba_parse_new_name(p, "the name of the register");
    if (!p->panic && beba_parse_need(p, T_COLON, "':' and a type"))
        r->type = beba_parse_type(p);
    if (!p->panic && beba_parse_take(p, T_ASSIGN))
        r->init = beba_parse_expr(p);
    if (p->no_memory)
        return;
    if (m->last_reg)
        m->last_reg->next = r;
    else
        m->regs = r;
    m->last_reg = r;
}

static void parse_capacity(struct parser *p, struct ast_machine *m)
{
    uint32_t first = p->at++;

    if (m->capacity)
        beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, first, p->at),
                    "'capacity' is already given");
    m->capacity = beba_parse_expr(p);
    if (p->panic || !beba_parse_take_word(p, W_WHEN))
        return;
    if (!beba_parse_need_word(p, W_FULL) || beba_parse_take_word(p, W_EVICT))
        return;
    if (!beba_parse_take_word(p, W_REFUSE)) {
        beba_parse_expected(p, "'evict' or 'refuse -> VERDICT'");
        return;
    }
    m->refuse = true;
    if (beba_parse_need(p, T_ARROW, "'->' and a verdict"))
        m->full = beba_parse_verdict(p);
}

static void parse_consistency(struct parser *p, struct ast_machine *m)
{
    uint32_t first = p->at++;

    if (m->consistency.len)
        beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, first, p->at),
                    "'consistency' is already given");
    m->consistency = beba_parse_loc(p, first, p->at);
    if (beba_parse_take_word(p, W_EXACT))
        return;
    if (beba_parse_take_word(p, W_PER_CPU))
        m->per_cpu = true;
    else
        beba_parse_expected(p, "'exact' or 'per_cpu'");
}

static void parse_arrow_verdict(struct parser *p, struct ast_verdict *out, uint32_t first,
                                const char *what)
{
    if (out->kind)
        beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, first, p->at), "'%s' is already given",
                    what);
    if (!p->panic && beba_parse_need(p, T_ARROW, "'->' and a verdict"))
        *out = beba_parse_verdict(p);
}

static bool parse_declaration(struct parser *p, struct ast_machine *m)
{
    uint32_t first = p->at;

    switch (beba_parse_is(p, T_NAME) ? beba_parse_peek(p)->word : W_NONE) {
    case W_KEY:
    case W_LOOKUP:
    case W_UPDATE:
        parse_key(p, m);
        return true;
    case W_REG:
        parse_reg(p, m);
        return true;
    case W_CAPACITY:
        parse_capacity(p, m);
        return true;
    case W_CONSISTENCY:
        parse_consistency(p, m);
        return true;
    case W_WITHOUT:
        p->at++;
        if (beba_parse_need_word(p, W_KEY))
            parse_arrow_verdict(p, &m->no_key, first, "without key");
        return true;
    case W_DEFAULT:
        p->at++;
        parse_arrow_verdict(p, &m->dflt, first, "default");
        return true;
    default:
        return false;
    }
}

/* --- rules --------------------------------------------------------------------------------- */

/* "on tcp.dst == 22" as written, white space and comments made one space. */
static const char *label_of(struct parser *p, uint32_t first, uint32_t end)
{
    struct beba_strbuf b = {0};
    const char *s;

    for (uint32_t i = first; i < end; i++) {
        const struct beba_token *t = &p->tokens->token[i];

        if (i > first && t->offset > t[-1].offset + t[-1].len)
            beba_strbuf_putc(&b, ' ');
        beba_strbuf_add(&b, p->tokens->text + t->offset, t->len);
    }
    s = beba_arena_strdup(p->arena, beba_strbuf_str(&b));
    p->no_memory |= !s || b.failed;
    beba_strbuf_free(&b);
    return s ? s : "";
}

static void add_rule(struct parser *p, struct ast_rule ***last, struct ast_rule *r)
{
    if (p->no_memory)
        return;
    **last = r;
    *last = &r->next;
}

static bool at_rule(struct parser *p)
{
    return beba_parse_is_word(p, W_ON) || beba_parse_is_word(p, W_ALWAYS) ||
           beba_parse_is_word(p, W_ELSE) || beba_parse_is_word(p, W_LET);
}

static void parse_let(struct parser *p, struct ast_rule *r)
{
    uint32_t first = p->at++;

    r->kind = R_LET;
    r->name = beba_parse_new_name(p, "a name");
    if (!p->panic && beba_parse_need(p, T_ASSIGN, "'='"))
        r->guard = beba_parse_expr(p);
    r->loc = beba_parse_loc(p, first, p->at);
    beba_parse_end_line(p);
}

static void parse_rule(struct parser *p, struct ast_rule ***last)
{
    struct ast_rule *r = beba_parse_new(p, sizeof(*r));
    uint32_t first = p->at;
    uint8_t word = beba_parse_peek(p)->word;

    if (word == W_LET) {
        parse_let(p, r);
        add_rule(p, last, r);
        return;
    }
    p->at++;
    r->kind = word == W_ON ? R_ON : word == W_ALWAYS ? R_ALWAYS : R_ELSE;
    if (word == W_ON)
        r->guard = beba_parse_expr(p);
    r->loc = beba_parse_loc(p, first, p->at);
    r->label = label_of(p, first, p->at);
    if (word == W_ELSE && beba_parse_is_word(p, W_IF))
        beba_report_hint(p->diags, beba_parse_expected(p, "'{'"),
                         "among rules, write 'on GUARD { }' instead of 'else if'");
    beba_parse_find_block(p);
    r->body = beba_parse_block(p);
    add_rule(p, last, r);
    beba_parse_end_line(p);
}

static void unknown_line(struct parser *p, bool in_state)
{
    static const char *const names[] = {"on",      "always",  "else",       "let", "state",
                                        "key",     "lookup",  "update",     "reg", "capacity",
                                        "without", "default", "consistency"};
    struct beba_diag *d = beba_parse_expected(p, in_state ? "a rule" : "a declaration or rule");
    const char *near =
        beba_parse_is(p, T_NAME)
            ? beba_nearest(beba_parse_text(p, beba_parse_peek(p)), names, in_state ? 4 : 13)
            : NULL;

    if (near)
        beba_report_hint(p->diags, d, "did you mean '%s'?", near);
    else
        beba_report_hint(p->diags, d, "rules are 'on GUARD { }', 'always { }' and 'else { }'");
}

static void parse_rules(struct parser *p, struct ast_state *s)
{
    struct ast_rule **last = &s->rules;
    uint32_t open = p->at;

    if (!beba_parse_open_block(p, s->any ? "'in any state'" : "the state"))
        return;
    if (!beba_parse_enter(p))
        return;
    while (beba_parse_more(p, LEVEL_STATE)) {
        if (at_rule(p))
            parse_rule(p, &last);
        else
            unknown_line(p, true);
    }
    beba_parse_leave(p);
    beba_parse_close_block(p, open);
}

static void parse_timeout(struct parser *p, struct ast_timeout ***last)
{
    struct ast_timeout *t = beba_parse_new(p, sizeof(*t));
    uint32_t first = p->at;

    t->hard = beba_parse_is_word(p, W_HARD);
    p->at++;
    t->after = beba_parse_expr(p);
    if (!p->panic && beba_parse_need(p, T_ARROW, "'->' and the state that follows"))
        t->to = beba_parse_name(p, "the name of a state");
    t->loc = beba_parse_loc(p, first, p->at);
    if (p->no_memory)
        return;
    **last = t;
    *last = &t->next;
}

static void add_state(struct parser *p, struct ast_machine *m, struct ast_state *s)
{
    if (p->no_memory)
        return;
    if (m->last_state)
        m->last_state->next = s;
    else
        m->states = s;
    m->last_state = s;
}

static void parse_state(struct parser *p, struct ast_state *s)
{
    struct ast_timeout **last = &s->timeouts;
    uint32_t first = p->at++;

    s->name = beba_parse_new_name(p, "the name of the state");
    while (!p->panic) {
        if (beba_parse_is_word(p, W_IDLE) || beba_parse_is_word(p, W_HARD))
            parse_timeout(p, &last);
        else if (beba_parse_take_word(p, W_NOTIFY))
            s->notify = true;
        else
            break;
    }
    s->loc = beba_parse_loc(p, first, p->at);
    if (!p->panic && !beba_parse_is(p, T_LBRACE))
        beba_report_hint(p->diags, beba_parse_expected(p, "'{' after the state"),
                         "a state is 'state NAME [idle D -> S] [hard D -> S] [notify] { }'");
    beba_parse_find_block(p);
    if (!p->panic)
        parse_rules(p, s);
    beba_parse_end_line(p);
}

static void parse_any(struct parser *p, struct ast_state *s)
{
    uint32_t first = p->at++;

    s->any = true;
    if (beba_parse_need_word(p, W_ANY) && beba_parse_need_word(p, W_STATE)) {
        s->loc = beba_parse_loc(p, first, p->at);
        parse_rules(p, s);
    }
    beba_parse_end_line(p);
}

static struct ast_state *direct_block(struct parser *p, struct ast_machine *m)
{
    if (!m->direct) {
        m->direct = beba_parse_new(p, sizeof(*m->direct));
        m->direct->any = true;
        m->direct->loc = m->loc;
        add_state(p, m, m->direct);
    }
    return m->direct;
}

static void parse_machine_body(struct parser *p, struct ast_machine *m)
{
    struct ast_rule **last_direct = NULL;

    while (beba_parse_more(p, LEVEL_MACHINE)) {
        if (parse_declaration(p, m)) {
            beba_parse_end_line(p);
        } else if (beba_parse_is_word(p, W_STATE) || beba_parse_is_word(p, W_IN)) {
            struct ast_state *s = beba_parse_new(p, sizeof(*s));

            if (beba_parse_is_word(p, W_STATE))
                parse_state(p, s);
            else
                parse_any(p, s);
            add_state(p, m, s);
        } else if (at_rule(p)) {
            struct ast_state *s = direct_block(p, m);

            if (!last_direct)
                last_direct = &s->rules;
            parse_rule(p, &last_direct);
        } else {
            unknown_line(p, false);
        }
    }
}

void beba_parse_machine(struct parser *p)
{
    struct ast_machine *m = beba_parse_new(p, sizeof(*m));
    uint32_t first = p->at++, open;

    m->included = p->included;
    m->name = beba_parse_new_name(p, "the name of the machine");
    m->loc = beba_parse_loc(p, first, p->at);
    beba_parse_find_block(p);
    open = p->at;
    if (p->panic || !beba_parse_open_block(p, "the name of the machine"))
        return;
    parse_machine_body(p, m);
    beba_parse_close_block(p, open);
    if (p->no_memory)
        return;
    *p->program->last_machine = m;
    p->program->last_machine = &m->next;
}
