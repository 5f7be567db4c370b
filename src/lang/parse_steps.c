/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/parse.h"

/* --- packets ------------------------------------------------------------------------------- */

static void parse_part(struct parser *p, struct ast_packet *out, struct ast_pair ***last)
{
    const struct beba_token *t = beba_parse_peek(p);
    struct ast_pair *a;
    uint32_t first = p->at;

    if (beba_parse_is_word(p, W_PAYLOAD) && t[1].kind != T_ASSIGN) {
        const char *s;

        p->at++;
        if (out->has_payload)
            beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, first, p->at),
                        "the payload is already given");
        out->has_payload = true;
        if (beba_parse_string(p, &s, &out->payload_len))
            out->payload = (const uint8_t *)s;
        return;
    }
    if (beba_parse_is_word(p, W_LEN) && t[1].kind == T_ASSIGN) {
        p->at += 2;
        if (out->len)
            beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, first, first + 1),
                        "the length is already given");
        out->len = beba_parse_expr(p);
        return;
    }
    if (t->kind != T_NAME && t->kind != T_DOTTED) {
        beba_report_hint(p->diags, beba_parse_expected(p, "a field"),
                         "packets are { ip4.src = 10.0.0.1, tcp.dst = 80, tcp.syn }");
        return;
    }
    a = beba_parse_new(p, sizeof(*a));
    a->name.s = beba_parse_text(p, t);
    a->name.loc = beba_parse_loc(p, p->at, p->at + 1);
    p->at++;
    if (beba_parse_is(p, T_EQ))
        beba_report_hint(p->diags, beba_parse_expected(p, "'='"),
                         "a packet is given by assignments: one '='");
    else if (beba_parse_take(p, T_ASSIGN))
        a->value = beba_parse_expr(p);
    a->loc = beba_parse_loc(p, first, p->at);
    if (p->no_memory)
        return;
    **last = a;
    *last = &a->next;
}

void beba_parse_packet(struct parser *p, struct ast_packet *out, bool braces)
{
    struct ast_pair **last = &out->parts;
    uint32_t first = p->at;

    if (braces && !beba_parse_need(p, T_LBRACE, "'{' and the fields of the packet"))
        return;
    while (!p->panic && !beba_parse_is(p, T_RBRACE) && !beba_parse_is(p, T_EOF)) {
        parse_part(p, out, &last);
        if (!p->panic && !beba_parse_take(p, T_COMMA))
            break;
    }
    if (!p->panic && braces)
        beba_parse_need(p, T_RBRACE, "',' or '}'");
    else if (!p->panic && !beba_parse_is(p, T_EOF))
        beba_parse_expected(p, "','");
    out->loc = beba_parse_loc(p, first, p->at);
}

/* --- expectations -------------------------------------------------------------------------- */

static void parse_flow(struct parser *p, struct ast_expect *x)
{
    p->at++;
    if (beba_parse_is(p, T_NAME) && !beba_parse_peek(p)->newline)
        x->machine = beba_parse_name(p, "the name of a machine");
    if (x->kind == X_FLOW)
        x->pairs = beba_parse_pairs(p, false);
}

/* A state, with its machine before it or not: one dotted token or a name. */
static void parse_state(struct parser *p, struct ast_expect *x)
{
    const struct beba_token *t = beba_parse_peek(p);
    const char *s = p->tokens->text + t->offset;
    uint32_t dot = 0;

    x->kind = X_STATE;
    x->name.loc = beba_parse_loc(p, p->at, p->at + 1);
    while (dot < t->len && s[dot] != '.')
        dot++;
    if (dot < t->len) {
        x->machine.s = beba_arena_strndup(p->arena, s, dot);
        x->machine.loc = x->name.loc;
        x->machine.loc.len = dot;
        x->name.loc.offset += dot + 1;
        x->name.loc.len -= dot + 1;
        x->name.s = beba_arena_strndup(p->arena, s + dot + 1, t->len - dot - 1);
    } else {
        x->name.s = beba_arena_strndup(p->arena, s, t->len);
    }
    if (!x->name.s)
        p->no_memory = true;
    p->at++;
}

static void parse_expectation(struct parser *p, struct ast_expect *x)
{
    const struct beba_token *t = beba_parse_peek(p);
    uint32_t len;

    if (beba_parse_at_verdict(p)) {
        x->verdict = beba_parse_verdict(p);
        x->kind = X_VERDICT;
    } else if (beba_parse_is_word(p, W_FLOW)) {
        x->kind = X_FLOW;
        parse_flow(p, x);
    } else if (beba_parse_is_word(p, W_NO) && t[1].kind == T_NAME && t[1].word == W_FLOW) {
        p->at++;
        x->kind = X_NO_FLOW;
        parse_flow(p, x);
    } else if ((beba_parse_is_word(p, W_OUT) || beba_parse_is_word(p, W_COUNT)) &&
               t[1].kind == T_LBRACE) {
        x->kind = t->word == W_OUT ? X_OUT : X_COUNT;
        p->at++;
        x->pairs = beba_parse_pairs(p, false);
    } else if (beba_parse_is_word(p, W_GLOBAL)) {
        x->kind = X_GLOBAL;
        p->at++;
        x->pairs = beba_parse_pairs(p, false);
    } else if (beba_parse_take_word(p, W_NOTIFY)) {
        x->kind = X_NOTIFY;
        beba_parse_string(p, &x->text, &len);
    } else if (beba_parse_take_word(p, W_MIRROR)) {
        x->kind = X_MIRROR;
        beba_parse_mark(p, MARK_TIGHT);
        if (beba_parse_need(p, T_LPAREN, "'(' and a port"))
            x->port = beba_parse_expr(p);
        if (!p->panic)
            beba_parse_need(p, T_RPAREN, "')'");
    } else if (t->kind == T_DOTTED || (t->kind == T_NAME && !beba_word_reserved(t->word))) {
        parse_state(p, x);
    } else {
        beba_report_hint(p->diags, beba_parse_expected(p, "something to expect"),
                         "a verdict, a state, flow { }, no flow, out { }, global { }, count { }, "
                         "notify \"\" or mirror(PORT)");
    }
}

static void parse_expects(struct parser *p, struct ast_step *s)
{
    struct ast_expect **last = &s->expects;

    do {
        struct ast_expect *x = beba_parse_new(p, sizeof(*x));
        uint32_t first = p->at;

        parse_expectation(p, x);
        x->loc = beba_parse_loc(p, first, p->at);
        if (p->panic)
            return;
        *last = x;
        last = &x->next;
    } while (beba_parse_take(p, T_COMMA));
}

/* --- steps --------------------------------------------------------------------------------- */

static void option(struct parser *p, struct ast_expr **out)
{
    const struct beba_token *t = beba_parse_peek(p);

    if (*out)
        beba_report(p->diags, C_DUPLICATE, beba_parse_loc(p, p->at, p->at + 1),
                    "'%s' is already given", beba_word_text(t->word));
    p->at++;
    *out = beba_parse_bits(p);
}

static void parse_send(struct parser *p, struct ast_step *s)
{
    beba_parse_packet(p, &s->packet, true);
    while (!p->panic) {
        if (beba_parse_is_word(p, W_IN))
            option(p, &s->in);
        else if (beba_parse_is_word(p, W_TIMES))
            option(p, &s->times);
        else if (beba_parse_is_word(p, W_EVERY))
            option(p, &s->every);
        else if (beba_parse_take_word(p, W_EACH))
            s->each = true;
        else
            break;
    }
    if (p->panic || !beba_parse_take_word(p, W_EXPECT))
        return;
    if (beba_parse_peek(p)->newline)
        beba_parse_expected(p, "what to expect");
    else
        parse_expects(p, s);
}

static void parse_step(struct parser *p, struct ast_step *s)
{
    uint32_t first = p->at;

    if (beba_parse_take_word(p, W_SEND)) {
        parse_send(p, s);
    } else if (beba_parse_take_word(p, W_WAIT)) {
        s->wait = true;
        s->every = beba_parse_expr(p);
    } else {
        beba_report_hint(p->diags, beba_parse_expected(p, "a step"),
                         "steps are 'send { } expect ...' and 'wait TIME'");
    }
    s->loc = beba_parse_loc(p, first, p->at);
}

void beba_parse_test(struct parser *p)
{
    struct ast_test *t = beba_parse_new(p, sizeof(*t));
    struct ast_step **last = &t->steps;
    uint32_t first = p->at++, open, len;

    if (!beba_parse_string(p, &t->name, &len))
        beba_parse_find_block(p);
    t->loc = beba_parse_loc(p, first, p->at);
    open = p->at;
    if (p->panic || !beba_parse_open_block(p, "the name of the test"))
        return;
    while (beba_parse_more(p, LEVEL_MACHINE)) {
        struct ast_step *s = beba_parse_new(p, sizeof(*s));
        bool failed;

        parse_step(p, s);
        failed = p->panic;
        beba_parse_end_line(p);
        if (failed || p->no_memory)
            continue;
        *last = s;
        last = &s->next;
    }
    beba_parse_close_block(p, open);
    if (p->no_memory)
        return;
    *p->program->last_test = t;
    p->program->last_test = &t->next;
}
