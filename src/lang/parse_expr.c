/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include "lang/parse.h"

/* The grammar's levels of binary operators, loosest first. compare is level 2 and has no sign here.
 */
enum { LEVEL_OR, LEVEL_AND, LEVEL_COMPARE, LEVEL_BITS, LEVEL_UNARY = 9 };

static const struct {
    uint8_t level, sign;
} operators[] = {
    {LEVEL_OR, T_LOR}, {LEVEL_AND, T_LAND}, {LEVEL_BITS, T_OR}, {4, T_XOR}, {5, T_AND}, {6, T_SHL},
    {6, T_SHR},        {7, T_ADD},          {7, T_SUB},         {8, T_MUL}, {8, T_DIV}, {8, T_MOD},
};

static struct ast_expr *parse_level(struct parser *p, unsigned level);

static struct ast_expr *new_expr(struct parser *p, enum ast_expr_kind kind)
{
    struct ast_expr *e = beba_parse_new(p, sizeof(*e));

    e->kind = (uint8_t)kind;
    e->depth = 1;
    e->at = e->loc = beba_parse_loc(p, p->at, p->at + 1);
    return e;
}

static void span(struct ast_expr *e, struct beba_loc from, struct beba_loc to)
{
    e->loc = from;
    e->loc.len = to.offset + to.len - from.offset;
}

/* Appends an argument; the array grows by doubling. */
static void add_arg(struct parser *p, struct ast_expr *e, struct ast_expr *arg)
{
    uint32_t n = e->n_args;

    if ((n & (n - 1)) == 0) {
        struct ast_expr **old = e->arg;

        e->arg = beba_arena_array(p->arena, n ? n * 2 : 1, sizeof(*e->arg));
        if (!e->arg) {
            p->no_memory = p->panic = true;
            e->arg = old;
            return;
        }
        if (n)
            memcpy(e->arg, old, n * sizeof(*old));
    }
    e->arg[e->n_args++] = arg;
    if (arg && arg->depth >= e->depth)
        e->depth = (uint8_t)(arg->depth + 1);
}

/* No expression may be deeper than the pipeline allows. */
static bool too_deep(struct parser *p, const struct ast_expr *e)
{
    if (e->depth < EXPR_MAX_DEPTH)
        return false;
    beba_report_hint(p->diags,
                     beba_parse_error(p, C_TOO_DEEP, e->at, "this expression is too long"),
                     "split it with let");
    return true;
}

/* "and", "or", "not" as other languages have them: says how they are written and takes them. */
static bool english(struct parser *p, const char *word, const char *sign)
{
    const struct beba_token *t = beba_parse_peek(p);
    bool operand = t[t->kind != T_EOF].kind == T_NAME || t[t->kind != T_EOF].kind == T_DOTTED ||
                   t[t->kind != T_EOF].kind == T_LPAREN || t[t->kind != T_EOF].kind == T_NOT;

    if (t->kind != T_NAME || t->len != strlen(word) || !operand ||
        memcmp(p->tokens->text + t->offset, word, t->len) != 0)
        return false;
    beba_report_hint(p->diags,
                     beba_report(p->diags, C_SYNTAX, beba_parse_loc(p, p->at, p->at + 1),
                                 "'%s' is not a word of the language", word),
                     "write '%s'", sign);
    return true;
}

static uint8_t sign_at(struct parser *p, unsigned level)
{
    uint8_t kind = beba_parse_peek(p)->kind;

    if (level == LEVEL_AND && !beba_parse_peek(p)->newline && english(p, "and", "&&"))
        return T_LAND;
    if (level == LEVEL_OR && !beba_parse_peek(p)->newline && english(p, "or", "||"))
        return T_LOR;

    for (unsigned i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (operators[i].sign == kind && operators[i].level == level)
            return kind;
    return T_EOF;
}

/* --- primaries ----------------------------------------------------------------------------- */

static struct ast_expr *parse_literal(struct parser *p)
{
    struct ast_expr *e = new_expr(p, E_LITERAL);

    e->literal = &p->tokens->literal[beba_parse_peek(p)->literal];
    p->at++;
    return e;
}

static void parse_args(struct parser *p, struct ast_expr *e)
{
    p->at++; /* ( */
    if (!beba_parse_is(p, T_RPAREN)) {
        do
            add_arg(p, e, beba_parse_expr(p));
        while (!p->panic && beba_parse_take(p, T_COMMA));
    }
    if (!p->panic)
        beba_parse_need(p, T_RPAREN, "',' or ')'");
}

static void parse_indices(struct parser *p, struct ast_expr *e)
{
    for (unsigned i = 0; i < 2 && !p->panic && beba_parse_is(p, T_LBRACKET); i++) {
        beba_parse_mark(p, MARK_TIGHT);
        p->at++;
        add_arg(p, e, beba_parse_expr(p));
        if (!p->panic)
            beba_parse_need(p, T_RBRACKET, "']'");
    }
}

static bool next_is(struct parser *p, enum beba_token_kind kind)
{
    return p->at + 1 < p->tokens->n && p->tokens->token[p->at + 1].kind == kind;
}

/* "tcp dport" as nft writes it: tell the name it has here. */
static bool two_words(struct parser *p)
{
    struct beba_token *a = beba_parse_peek(p), *b = a + 1;
    struct beba_loc loc = beba_parse_loc(p, p->at, p->at + 2);
    char text[64];
    enum beba_field_id id;

    if (!next_is(p, T_NAME) || b->newline || a->len + b->len + 2 > sizeof(text))
        return false;
    memcpy(text, p->tokens->text + a->offset, a->len);
    text[a->len] = ' ';
    memcpy(text + a->len + 1, p->tokens->text + b->offset, b->len);
    id = beba_field_find_alias(text, a->len + b->len + 1);
    if (id == BEBA_F_NONE)
        return false;
    beba_report_hint(p->diags,
                     beba_report(p->diags, C_UNKNOWN_FIELD, loc, "unknown field '%.*s'",
                                 (int)(a->len + b->len + 1), text),
                     "the field is called %s", beba_fields[id].name);
    p->at += 2;
    return true;
}

static struct ast_expr *parse_name(struct parser *p)
{
    struct beba_token *t = beba_parse_peek(p);
    struct ast_expr *e;

    if (t->word == W_TRUE || t->word == W_FALSE) {
        e = new_expr(p, E_BOOL);
        e->flag = t->word == W_TRUE;
        p->at++;
        return e;
    }
    if (t->word == W_FORWARD || t->word == W_BACKWARD) {
        e = new_expr(p, E_DIRECTION);
        e->flag = t->word == W_FORWARD;
        p->at++;
        return e;
    }
    if (t->word == W_STATE) {
        uint32_t first = p->at++;

        e = new_expr(p, E_STATE);
        beba_parse_mark(p, MARK_TIGHT);
        if (beba_parse_need(p, T_LPAREN, "'(' and the name of a machine")) {
            e->at = beba_parse_loc(p, p->at, p->at + 1);
            e->name = beba_parse_name(p, "the name of a machine").s;
            if (!p->panic)
                beba_parse_need(p, T_RPAREN, "')'");
        }
        e->loc = beba_parse_loc(p, first, p->at);
        return e;
    }
    if (two_words(p))
        return &p->bad;
    if (beba_word_reserved(t->word) && beba_layer_find(p->tokens->text + t->offset, t->len) < 0) {
        beba_parse_expected(p, "a value");
        return &p->bad;
    }
    e = new_expr(p, E_NAME);
    e->name = beba_parse_text(p, t);
    p->at++;
    if (beba_parse_is(p, T_LPAREN) && !beba_parse_peek(p)->newline) {
        e->kind = E_CALL;
        beba_parse_mark(p, MARK_TIGHT);
        parse_args(p, e);
    } else if (beba_parse_is(p, T_LBRACKET)) {
        e->kind = E_INDEX;
        parse_indices(p, e);
    }
    e->loc = beba_parse_loc(p, p->at - 1, p->at);
    span(e, e->at, e->loc);
    return e;
}

static struct ast_expr *parse_parens(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_expr *e;

    if (!beba_parse_enter(p))
        return &p->bad;
    e = beba_parse_expr(p);
    beba_parse_leave(p);
    if (!p->panic)
        beba_parse_need(p, T_RPAREN, "')'");
    if (e != &p->bad)
        e->loc = beba_parse_loc(p, first, p->at);
    return e;
}

static struct ast_expr *parse_primary(struct parser *p)
{
    struct ast_expr *e;

    switch (beba_parse_peek(p)->kind) {
    case T_NUMBER:
    case T_ADDRESS:
        return parse_literal(p);
    case T_NAME:
        return parse_name(p);
    case T_DOTTED:
        e = new_expr(p, E_FIELD);
        e->name = beba_parse_text(p, beba_parse_peek(p));
        p->at++;
        return e;
    case T_LPAREN:
        return parse_parens(p);
    case T_BAD: /* reported by the lexer: stands for a value */
        p->at++;
        return &p->bad;
    default:
        beba_parse_expected(p, "a value");
        return &p->bad;
    }
}

static struct ast_expr *parse_unary(struct parser *p)
{
    struct ast_expr *e, *arg;
    uint32_t first = p->at;

    if (english(p, "not", "!"))
        beba_parse_peek(p)->kind = T_NOT;
    if (!beba_parse_is(p, T_NOT) && !beba_parse_is(p, T_INV) && !beba_parse_is(p, T_SUB))
        return parse_primary(p);
    if (!beba_parse_enter(p))
        return &p->bad;
    e = new_expr(p, E_UNARY);
    e->op = beba_parse_peek(p)->kind;
    beba_parse_mark(p, MARK_UNARY);
    p->at++;
    arg = parse_unary(p);
    beba_parse_leave(p);
    add_arg(p, e, arg);
    e->loc = beba_parse_loc(p, first, p->at);
    return too_deep(p, e) ? &p->bad : e;
}

/* --- operators ----------------------------------------------------------------------------- */

struct ast_expr *beba_parse_element(struct parser *p)
{
    struct ast_expr *lo = beba_parse_bits(p), *e, *hi;

    if (p->panic || !beba_parse_is(p, T_DOTDOT))
        return lo;
    e = new_expr(p, E_RANGE);
    p->at++;
    hi = beba_parse_bits(p);
    add_arg(p, e, lo);
    add_arg(p, e, hi);
    if (lo->kind != E_BAD && hi->kind != E_BAD)
        span(e, lo->loc, hi->loc);
    return e;
}

static void parse_list(struct parser *p, struct ast_expr *e)
{
    p->at++; /* { */
    e->flag = true;
    while (!p->panic && !beba_parse_is(p, T_RBRACE)) {
        add_arg(p, e, beba_parse_element(p));
        if (!p->panic && !beba_parse_take(p, T_COMMA))
            break;
    }
    if (!p->panic)
        beba_parse_need(p, T_RBRACE, "',' or '}'");
}

struct ast_expr *beba_parse_members(struct parser *p)
{
    struct ast_expr *e = new_expr(p, E_IN);
    uint32_t first = p->at;

    add_arg(p, e, NULL);
    if (!beba_parse_is(p, T_LBRACE)) {
        beba_parse_expected(p, "'{' and the elements");
        return &p->bad;
    }
    parse_list(p, e);
    e->loc = beba_parse_loc(p, first, p->at);
    return e;
}

static struct ast_expr *parse_in(struct parser *p, struct ast_expr *left)
{
    struct ast_expr *e = new_expr(p, E_IN);
    uint32_t first;

    p->at++;
    first = p->at;
    add_arg(p, e, left);
    if (beba_parse_is(p, T_LBRACE))
        parse_list(p, e);
    else
        add_arg(p, e, beba_parse_element(p));
    span(e, left->kind == E_BAD ? e->at : left->loc,
         beba_parse_loc(p, p->at > first ? p->at - 1 : first, p->at));
    return too_deep(p, e) ? &p->bad : e;
}

static bool at_comparison(struct parser *p)
{
    uint8_t k = beba_parse_peek(p)->kind;

    return k == T_EQ || k == T_NE || k == T_LT || k == T_LE || k == T_GT || k == T_GE;
}

static struct ast_expr *parse_compare(struct parser *p)
{
    struct ast_expr *left = parse_level(p, LEVEL_BITS), *e, *right;

    if (p->panic)
        return left;
    if (beba_parse_is_word(p, W_IN) &&
        !(next_is(p, T_NAME) && p->tokens->token[p->at + 1].word == W_ANY))
        return parse_in(p, left);
    if (beba_parse_is(p, T_ASSIGN) && !beba_parse_peek(p)->newline) {
        beba_report_hint(p->diags,
                         beba_report(p->diags, C_SYNTAX, beba_parse_loc(p, p->at, p->at + 1),
                                     "'=' assigns; it does not compare"),
                         "write '=='");
        beba_parse_peek(p)->kind = T_EQ; /* go on as if it were */
    }
    if (!at_comparison(p))
        return left;
    e = new_expr(p, E_BINARY);
    e->op = beba_parse_peek(p)->kind;
    p->at++;
    right = parse_level(p, LEVEL_BITS);
    add_arg(p, e, left);
    add_arg(p, e, right);
    if (left->kind != E_BAD && right->kind != E_BAD)
        span(e, left->loc, right->loc);
    if (!p->panic && at_comparison(p))
        beba_report_hint(p->diags,
                         beba_parse_error(p, C_SYNTAX, beba_parse_loc(p, p->at, p->at + 1),
                                          "comparisons cannot be chained"),
                         "write 'a < b && b < c'");
    return too_deep(p, e) ? &p->bad : e;
}

static struct ast_expr *parse_level(struct parser *p, unsigned level)
{
    struct ast_expr *left, *e, *right;
    uint8_t sign;

    if (level == LEVEL_COMPARE)
        return parse_compare(p);
    if (level == LEVEL_UNARY)
        return parse_unary(p);
    left = parse_level(p, level + 1);
    while (!p->panic && (sign = sign_at(p, level)) != T_EOF) {
        bool flat = level <= LEVEL_AND;

        if (flat && left->kind == E_BINARY && left->op == sign && left->flag) {
            e = left; /* a && b && c is one node */
            p->at++;
        } else {
            e = new_expr(p, E_BINARY);
            e->op = sign;
            e->flag = flat;
            p->at++;
            add_arg(p, e, left);
            e->loc = left->kind == E_BAD ? e->at : left->loc;
        }
        right = parse_level(p, level + 1);
        add_arg(p, e, right);
        if (right->kind != E_BAD)
            span(e, e->loc, right->loc);
        if (too_deep(p, e))
            return &p->bad;
        left = e;
    }
    return left;
}

struct ast_expr *beba_parse_bits(struct parser *p)
{
    struct ast_expr *e;

    if (!beba_parse_enter(p))
        return &p->bad;
    e = parse_level(p, LEVEL_BITS);
    beba_parse_leave(p);
    return e;
}

struct ast_expr *beba_parse_expr(struct parser *p)
{
    struct ast_expr *e;

    if (!beba_parse_enter(p))
        return &p->bad;
    e = parse_level(p, LEVEL_OR);
    beba_parse_leave(p);
    return e;
}
