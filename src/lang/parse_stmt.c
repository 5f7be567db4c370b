/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"
#include "lang/parse.h"

static bool at_assignment(const struct beba_token *t)
{
    return t->kind == T_ASSIGN || t->kind == T_ADD_TO || t->kind == T_SUB_FROM ||
           t->kind == T_AND_INTO || t->kind == T_OR_INTO || t->kind == T_XOR_INTO;
}

/* --- name = value lists -------------------------------------------------------------------- */

struct ast_pair *beba_parse_pairs(struct parser *p, bool names_optional)
{
    struct ast_pair *first = NULL, **last = &first;

    if (!beba_parse_need(p, T_LBRACE, "'{'"))
        return NULL;
    while (!p->panic && !beba_parse_is(p, T_RBRACE)) {
        struct ast_pair *a = beba_parse_new(p, sizeof(*a));
        const struct beba_token *t = beba_parse_peek(p);
        uint32_t start = p->at;

        if (p->no_memory)
            break;
        if ((t->kind == T_NAME || t->kind == T_DOTTED) && t[1].kind == T_ASSIGN) {
            a->name.s = beba_parse_text(p, t);
            a->name.loc = beba_parse_loc(p, p->at, p->at + 1);
            p->at += 2;
        } else if (!names_optional) {
            beba_parse_expected(p, "NAME = VALUE");
            break;
        }
        a->value = beba_parse_expr(p);
        a->loc = beba_parse_loc(p, start, p->at);
        *last = a;
        last = &a->next;
        if (!p->panic && !beba_parse_take(p, T_COMMA))
            break;
    }
    if (!p->panic)
        beba_parse_need(p, T_RBRACE, "',' or '}'");
    return first;
}

/* --- statements ---------------------------------------------------------------------------- */

static void parse_let(struct parser *p, struct ast_stmt *s)
{
    s->kind = S_LET;
    p->at++;
    s->name = beba_parse_new_name(p, "a name");
    if (!p->panic && beba_parse_need(p, T_ASSIGN, "'='"))
        s->value = beba_parse_expr(p);
}

static void parse_if(struct parser *p, struct ast_stmt *s)
{
    s->kind = S_IF;
    if (!beba_parse_enter(p))
        return;
    p->at++;
    s->value = beba_parse_expr(p);
    beba_parse_find_block(p);
    s->then = beba_parse_block(p);
    if (!p->panic && beba_parse_take_word(p, W_ELSE)) {
        if (beba_parse_is_word(p, W_IF)) {
            struct ast_stmt *inner = beba_parse_new(p, sizeof(*inner));
            uint32_t first = p->at;

            parse_if(p, inner);
            inner->loc = beba_parse_loc(p, first, p->at);
            s->otherwise = inner;
        } else {
            s->otherwise = beba_parse_block(p);
        }
    }
    beba_parse_leave(p);
}

static void parse_goto(struct parser *p, struct ast_stmt *s)
{
    s->kind = S_GOTO;
    p->at++;
    s->name = beba_parse_name(p, "the name of a state");
}

static void parse_mirror(struct parser *p, struct ast_stmt *s)
{
    s->kind = S_MIRROR;
    p->at++;
    beba_parse_mark(p, MARK_TIGHT);
    if (beba_parse_need(p, T_LPAREN, "'(' and a port"))
        s->value = beba_parse_expr(p);
    if (!p->panic)
        beba_parse_need(p, T_RPAREN, "')'");
}

static void parse_notify(struct parser *p, struct ast_stmt *s)
{
    uint32_t len;

    s->kind = S_NOTIFY;
    p->at++;
    if (beba_parse_string(p, &s->text, &len) && beba_parse_is(p, T_LBRACE))
        s->args = beba_parse_pairs(p, true);
}

static void parse_swap(struct parser *p, struct ast_stmt *s)
{
    s->kind = S_SWAP;
    p->at++;
    if (beba_parse_take_word(p, W_ETH))
        s->layer = BEBA_LAYER_ETH;
    else if (beba_parse_take_word(p, W_IP))
        s->layer = BEBA_LAYER_IP;
    else if (beba_parse_take_word(p, W_L4))
        s->layer = BEBA_LAYER_L4;
    else
        beba_parse_expected(p, "eth, ip or l4");
}

static bool text_is(struct parser *p, const char *s)
{
    const struct beba_token *t = beba_parse_peek(p);
    uint32_t i = 0;

    while (i < t->len && s[i] && p->tokens->text[t->offset + i] == s[i])
        i++;
    return i == t->len && !s[i];
}

/* vlan.push 100, mpls.pop: one dotted token. False when it is neither. */
static bool parse_tag(struct parser *p, struct ast_stmt *s)
{
    bool vlan = text_is(p, "vlan.push") || text_is(p, "vlan.pop");
    bool push = text_is(p, "vlan.push") || text_is(p, "mpls.push");

    if (!vlan && !push && !text_is(p, "mpls.pop"))
        return false;
    s->kind = push ? S_PUSH : S_POP;
    s->layer = vlan ? BEBA_LAYER_VLAN : BEBA_LAYER_MPLS;
    p->at++;
    if (push)
        s->value = beba_parse_expr(p);
    return true;
}

static void parse_assign(struct parser *p, struct ast_stmt *s)
{
    const struct beba_token *t = beba_parse_peek(p);
    struct ast_expr *target = beba_parse_new(p, sizeof(*target));
    struct beba_diag *d;
    uint32_t first = p->at;

    s->kind = S_ASSIGN;
    s->target = target;
    target->kind = t->kind == T_DOTTED ? E_FIELD : E_NAME;
    target->name = beba_parse_text(p, t);
    target->at = beba_parse_loc(p, first, first + 1);
    p->at++;
    if (beba_parse_is(p, T_LBRACKET) && !beba_parse_peek(p)->newline) {
        p->at = first;
        s->target = beba_parse_bits(p); /* name[row][column] */
    } else {
        target->loc = target->at;
    }
    if (p->panic)
        return;
    if (!at_assignment(beba_parse_peek(p))) {
        d = beba_parse_expected(p, "a statement or an assignment");
        if (beba_parse_is(p, T_EQ))
            beba_report_hint(p->diags, d, "'==' compares; '=' assigns");
        return;
    }
    s->op = beba_parse_peek(p)->kind;
    p->at++;
    s->value = beba_parse_expr(p);
}

static void unknown_statement(struct parser *p)
{
    static const char *const names[] = {"let",    "if",     "goto",  "pass",  "drop",
                                        "output", "reply",  "flood", "punt",  "next",
                                        "mirror", "notify", "count", "queue", "swap"};
    struct beba_diag *d;
    const char *near;

    if (!beba_parse_is(p, T_NAME)) {
        beba_parse_expected(p, "a statement");
        return;
    }
    near = beba_nearest(beba_parse_text(p, beba_parse_peek(p)), names, 15);
    d = beba_parse_expected(p, "a statement");
    if (near)
        beba_report_hint(p->diags, d, "did you mean '%s'?", near);
    else
        beba_report_hint(p->diags, d,
                         "statements are assignments, let, if, goto, verdicts, mirror, notify, "
                         "count, queue, swap, vlan.push and vlan.pop");
}

static void parse_statement(struct parser *p, struct ast_stmt *s)
{
    const struct beba_token *t = beba_parse_peek(p), *next = t + 1;
    bool name_next = next->kind == T_NAME && !next->newline;
    uint32_t first = p->at;

    if (t->kind == T_DOTTED) {
        if (!parse_tag(p, s))
            parse_assign(p, s);
    } else if (t->kind != T_NAME) {
        unknown_statement(p);
    } else if (t->word == W_LET) {
        parse_let(p, s);
    } else if (t->word == W_IF) {
        parse_if(p, s);
    } else if (t->word == W_GOTO) {
        parse_goto(p, s);
    } else if (t->word == W_MIRROR) {
        parse_mirror(p, s);
    } else if (t->word == W_NOTIFY) {
        parse_notify(p, s);
    } else if (t->word == W_SWAP) {
        parse_swap(p, s);
    } else if (beba_parse_at_verdict(p)) {
        s->kind = S_VERDICT;
        s->verdict = beba_parse_verdict(p);
    } else if (t->word == W_COUNT && name_next) {
        s->kind = S_COUNT;
        p->at++;
        s->name = beba_parse_new_name(p, "the name of the counter");
    } else if (t->word == W_QUEUE && !at_assignment(next) && next->kind != T_LBRACKET) {
        s->kind = S_QUEUE;
        p->at++;
        s->value = beba_parse_expr(p);
    } else if (at_assignment(next) || next->kind == T_LBRACKET || next->kind == T_EQ) {
        parse_assign(p, s);
    } else {
        unknown_statement(p);
    }
    s->loc = beba_parse_loc(p, first, p->at);
}

struct ast_stmt *beba_parse_block(struct parser *p)
{
    struct ast_stmt *first = NULL, **last = &first;
    uint32_t open = p->at;

    if (p->panic)
        return NULL;
    if (!beba_parse_open_block(p, "the condition"))
        return NULL;
    if (!beba_parse_enter(p))
        return NULL;
    while (beba_parse_more(p, LEVEL_STMT)) {
        struct ast_stmt *s = beba_parse_new(p, sizeof(*s));
        bool failed;

        parse_statement(p, s);
        failed = p->panic;
        beba_parse_end_line(p);
        if (failed || p->no_memory)
            continue;
        *last = s;
        last = &s->next;
    }
    beba_parse_leave(p);
    beba_parse_close_block(p, open);
    return first;
}
