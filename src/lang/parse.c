/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

struct beba_token *beba_parse_peek(struct parser *p)
{
    return &p->tokens->token[p->at];
}

static struct beba_token *ahead(struct parser *p, uint32_t n)
{
    uint32_t i = p->at + n;

    return &p->tokens->token[i < p->tokens->n ? i : p->tokens->n - 1];
}

bool beba_parse_is(struct parser *p, enum beba_token_kind kind)
{
    return beba_parse_peek(p)->kind == kind;
}

bool beba_parse_is_word(struct parser *p, enum beba_word word)
{
    return beba_parse_is(p, T_NAME) && beba_parse_peek(p)->word == word;
}

static void advance(struct parser *p)
{
    if (!beba_parse_is(p, T_EOF))
        p->at++;
}

bool beba_parse_take(struct parser *p, enum beba_token_kind kind)
{
    if (!beba_parse_is(p, kind))
        return false;
    advance(p);
    return true;
}

bool beba_parse_take_word(struct parser *p, enum beba_word word)
{
    if (!beba_parse_is_word(p, word))
        return false;
    advance(p);
    return true;
}

struct beba_loc beba_parse_loc(const struct parser *p, uint32_t first, uint32_t end)
{
    const struct beba_token *a = &p->tokens->token[first];
    const struct beba_token *b = &p->tokens->token[end > first ? end - 1 : first];

    return (struct beba_loc){p->tokens->source, a->offset, b->offset + b->len - a->offset};
}

struct beba_diag *beba_parse_error(struct parser *p, enum beba_code code, struct beba_loc loc,
                                   const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (p->panic)
        return &p->diags->lost;
    p->panic = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return beba_report(p->diags, code, loc, "%s", text);
}

struct beba_diag *beba_parse_expected(struct parser *p, const char *what)
{
    const struct beba_token *t = beba_parse_peek(p);
    struct beba_loc loc = {p->tokens->source, t->offset, t->len};

    if (t->kind == T_BAD || (p->at && t[-1].kind == T_BAD)) { /* the lexer has said what is wrong */
        p->panic = true;
        return &p->diags->lost;
    }
    if (t->newline && p->at > p->line_start &&
        t->kind != T_EOF) { /* point at the end of the line */
        const struct beba_token *before = t - 1;

        loc = (struct beba_loc){p->tokens->source, before->offset + before->len, 0};
        return beba_parse_error(p, C_SYNTAX, loc, "expected %s, found the end of the line", what);
    }
    if (t->kind == T_EOF)
        return beba_parse_error(p, C_SYNTAX, loc, "expected %s, found the end of the file", what);
    return beba_parse_error(p, C_SYNTAX, loc, "expected %s, found '%.*s'", what,
                            t->len > 60 ? 60 : (int)t->len, p->tokens->text + t->offset);
}

bool beba_parse_need(struct parser *p, enum beba_token_kind kind, const char *what)
{
    if (beba_parse_take(p, kind))
        return true;
    beba_parse_expected(p, what);
    return false;
}

bool beba_parse_need_word(struct parser *p, enum beba_word word)
{
    char text[32];

    if (beba_parse_take_word(p, word))
        return true;
    snprintf(text, sizeof(text), "'%s'", beba_word_text(word));
    beba_parse_expected(p, text);
    return false;
}

void *beba_parse_new(struct parser *p, size_t size)
{
    void *out = beba_arena_alloc(p->arena, size);

    if (out)
        return out;
    p->no_memory = p->panic = true;
    p->at = p->tokens->n - 1;
    memset(p->spare, 0, sizeof(p->spare));
    return p->spare;
}

const char *beba_parse_text(struct parser *p, const struct beba_token *t)
{
    char *s = beba_arena_strndup(p->arena, p->tokens->text + t->offset, t->len);

    if (s)
        return s;
    p->no_memory = true;
    return "";
}

struct ast_name beba_parse_name(struct parser *p, const char *what)
{
    struct ast_name out = {0};

    if (!beba_parse_is(p, T_NAME)) {
        beba_parse_expected(p, what);
        return out;
    }
    out.loc = beba_parse_loc(p, p->at, p->at + 1);
    out.s = beba_parse_text(p, beba_parse_peek(p));
    advance(p);
    return out;
}

static const char *taken_as(const char *s, enum beba_word word)
{
    if (word != W_NONE && beba_word_reserved(word))
        return "a word of the language";
    if (beba_layer_find(s, strlen(s)) >= 0)
        return "the name of a header";
    if (beba_field_find(s, strlen(s)) != BEBA_F_NONE)
        return "the name of a field";
    return NULL;
}

struct ast_name beba_parse_new_name(struct parser *p, const char *what)
{
    const struct beba_token *t = beba_parse_peek(p);
    struct ast_name out;
    const char *as;

    if (t->kind == T_DOTTED) {
        beba_report_hint(p->diags,
                         beba_parse_error(p, C_SYNTAX, beba_parse_loc(p, p->at, p->at + 1),
                                          "a name without dots is needed here"),
                         "dotted names are header fields; use '_' instead");
        return (struct ast_name){0};
    }
    out = beba_parse_name(p, what);
    as = out.s ? taken_as(out.s, t->word) : NULL;
    if (as) {
        beba_report_hint(p->diags,
                         beba_report(p->diags, C_RESERVED, out.loc, "'%s' is %s", out.s, as),
                         "choose another name, such as %s_ or my_%s", out.s, out.s);
        out.s = NULL;
    }
    return out;
}

void beba_parse_mark(struct parser *p, enum beba_token_mark mark)
{
    beba_parse_peek(p)->mark |= (uint8_t)mark;
}

bool beba_parse_enter(struct parser *p)
{
    if (p->depth >= PARSE_MAX_DEPTH) {
        beba_parse_error(p, C_TOO_DEEP, beba_parse_loc(p, p->at, p->at + 1),
                         "this is nested more than %d deep", PARSE_MAX_DEPTH);
        return false;
    }
    p->depth++;
    return true;
}

void beba_parse_leave(struct parser *p)
{
    p->depth--;
}

/* --- lines and blocks ---------------------------------------------------------------------- */

static bool outer_line(struct parser *p, enum parse_level level)
{
    enum beba_word word = beba_parse_is(p, T_NAME) ? beba_parse_peek(p)->word : W_NONE;
    const struct beba_token *next = ahead(p, 1);

    if (level == LEVEL_FILE || !beba_parse_peek(p)->newline)
        return false;
    if (word == W_MACHINE || word == W_CONST || word == W_GLOBAL)
        return true;
    if ((word == W_TEST || word == W_INCLUDE) && next->kind == T_STRING)
        return true;
    if (level >= LEVEL_STATE && word == W_STATE && next->kind == T_NAME)
        return true;
    if (level >= LEVEL_STATE && word == W_IN && next->kind == T_NAME && next->word == W_ANY)
        return true;
    return level == LEVEL_STMT && (word == W_ON || word == W_ALWAYS || word == W_ELSE);
}

/* Braces that the line has opened and not closed yet: those of lists, which have no lines of their
 * own. */
static unsigned open_braces(const struct parser *p)
{
    unsigned open = 0;

    for (uint32_t i = p->line_start; i < p->at; i++) {
        const struct beba_token *t = &p->tokens->token[i];

        if (t->kind == T_LBRACE && !(t->mark & MARK_BLOCK))
            open++;
        else if (t->kind == T_RBRACE && !(t->mark & MARK_BLOCK) && open)
            open--;
    }
    return open;
}

/* A line that begins with one of these is not the middle of a list: its '}' was forgotten. */
static bool begins_line(const struct beba_token *t)
{
    static const uint8_t words[] = {W_SEND, W_WAIT, W_ON,   W_ALWAYS, W_ELSE, W_GOTO,
                                    W_LET,  W_IF,   W_DROP, W_PASS,   W_STATE};

    for (unsigned i = 0; t->kind == T_NAME && i < sizeof(words); i++)
        if (t->word == words[i])
            return t->newline && t[1].kind != T_ASSIGN && t[1].kind != T_COMMA;
    return false;
}

void beba_parse_sync(struct parser *p)
{
    unsigned open = open_braces(p);
    bool list = open > 0;

    p->panic = false;
    if (p->at == p->line_start && !beba_parse_is(p, T_EOF) && !beba_parse_is(p, T_RBRACE)) {
        open += beba_parse_is(p, T_LBRACE);
        advance(p);
    }
    for (; !beba_parse_is(p, T_EOF); advance(p)) {
        const struct beba_token *t = beba_parse_peek(p);

        if (open ? outer_line(p, LEVEL_MACHINE) : t->newline)
            return;
        if (list && begins_line(t))
            return;
        if (!open && (t->kind == T_RBRACE || t->kind == T_SEMI))
            return;
        if (t->kind == T_LBRACE)
            open++;
        else if (t->kind == T_RBRACE)
            open--;
    }
}

void beba_parse_find_block(struct parser *p)
{
    uint32_t i = p->at;

    if (!p->panic || p->no_memory)
        return;
    while (p->tokens->token[i].kind != T_EOF && p->tokens->token[i].kind != T_LBRACE &&
           p->tokens->token[i].kind != T_RBRACE &&
           (i == p->line_start || !p->tokens->token[i].newline))
        i++;
    if (p->tokens->token[i].kind != T_LBRACE)
        return;
    p->at = i;
    p->panic = false;
}

bool beba_parse_open_block(struct parser *p, const char *after)
{
    char text[80];

    snprintf(text, sizeof(text), "'{' after %s", after);
    if (!beba_parse_is(p, T_LBRACE)) {
        beba_parse_expected(p, text);
        return false;
    }
    beba_parse_mark(p, MARK_BLOCK);
    advance(p);
    return true;
}

void beba_parse_close_block(struct parser *p, uint32_t open)
{
    if (beba_parse_is(p, T_RBRACE)) {
        beba_parse_mark(p, MARK_BLOCK);
        advance(p);
        return;
    }
    beba_report_hint(
        p->diags,
        beba_parse_error(p, C_SYNTAX, beba_parse_loc(p, open, open + 1), "this '{' has no '}'"),
        "close it before the next state, machine or test begins");
}

bool beba_parse_more(struct parser *p, enum parse_level level)
{
    if (p->no_memory)
        return false;
    if (p->panic)
        beba_parse_sync(p);
    while (beba_parse_take(p, T_SEMI))
        ;
    if (beba_parse_is(p, T_EOF) || beba_parse_is(p, T_RBRACE) || outer_line(p, level))
        return false;
    p->line_start = p->at;
    beba_parse_mark(p, MARK_LINE);
    return true;
}

void beba_parse_end_line(struct parser *p)
{
    const struct beba_token *t = beba_parse_peek(p);

    if (p->panic || t->newline || t->kind == T_SEMI || t->kind == T_RBRACE || t->kind == T_EOF)
        return;
    if (p->at && p->tokens->token[p->at - 1].kind == T_RBRACE)
        return;
    beba_parse_expected(p, "';' or a line break");
}

/* --- strings ------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool beba_parse_string(struct parser *p, const char **out, uint32_t *len)
{
    const struct beba_token *t = beba_parse_peek(p);
    const char *s = p->tokens->text + t->offset;
    char *to;
    uint32_t n = 0;

    *out = NULL;
    *len = 0;
    if (t->kind != T_STRING) {
        beba_parse_expected(p, "a string in double quotes");
        return false;
    }
    to = beba_parse_new(p, t->len);
    if (p->no_memory)
        return false;
    for (uint32_t i = 1; i + 1 < t->len; i++) {
        char c = s[i];

        if (c == '\\') {
            struct beba_loc loc = {p->tokens->source, t->offset + i, 2};

            c = s[++i];
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
            else if (c == 'x' && i + 3 < t->len && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
                c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
                i += 2;
            } else if (c != '"' && c != '\\') {
                beba_report_hint(p->diags,
                                 beba_report(p->diags, C_BAD_STRING, loc, "unknown escape"),
                                 "escapes are \\\\ \\\" \\n \\t and \\x with two hex digits");
            }
        }
        to[n++] = c;
    }
    *out = to;
    *len = n;
    advance(p);
    return true;
}

/* --- the file ------------------------------------------------------------------------------ */

static void parse_include(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_include inc = {0};
    uint32_t len;

    if (!beba_parse_string(p, &inc.path, &len))
        return;
    inc.loc = beba_parse_loc(p, first + 1, p->at);
    beba_parse_end_line(p);
    if (!p->include)
        return;
    if (strlen(inc.path) != len || !len)
        beba_report(p->diags, C_INCLUDE, inc.loc, "this is not a file name");
    else
        p->include(p->arg, &inc);
}

static struct ast_def *new_def(struct parser *p, enum ast_def_kind kind)
{
    struct ast_def *d = beba_parse_new(p, sizeof(*d));

    d->kind = (uint8_t)kind;
    d->included = p->included;
    return d;
}

static void add_def(struct parser *p, struct ast_def *d, uint32_t first)
{
    if (p->no_memory)
        return;
    d->loc = beba_parse_loc(p, first, p->at);
    *p->program->last_def = d;
    p->program->last_def = &d->next;
}

static void parse_const(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_def *d = new_def(p, D_CONST);

    d->name = beba_parse_new_name(p, "the name of the constant");
    if (!p->panic && beba_parse_need(p, T_ASSIGN, "'='"))
        d->value = beba_parse_expr(p);
    add_def(p, d, first);
}

static void parse_set(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_def *d = new_def(p, D_SET);

    d->name = beba_parse_new_name(p, "the name of the set");
    if (!p->panic && beba_parse_take(p, T_COLON))
        d->type = beba_parse_type(p);
    if (!p->panic && beba_parse_need(p, T_ASSIGN, "'='"))
        d->list = beba_parse_members(p);
    add_def(p, d, first);
}

static void parse_global(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_def *d = new_def(p, D_GLOBAL);

    d->name = beba_parse_new_name(p, "the name of the global");
    if (!p->panic && beba_parse_need(p, T_COLON, "':' and a type"))
        d->type = beba_parse_type(p);
    if (!p->panic && beba_parse_take(p, T_ASSIGN))
        d->value = beba_parse_expr(p);
    add_def(p, d, first);
}

static void parse_array(struct parser *p)
{
    uint32_t first = p->at++;
    struct ast_def *d = new_def(p, D_ARRAY);

    d->type = beba_parse_type(p);
    if (!p->panic)
        d->name = beba_parse_new_name(p, "the name of the array");
    for (unsigned i = 0; i < 2 && !p->panic && (!i || beba_parse_is(p, T_LBRACKET)); i++) {
        beba_parse_mark(p, MARK_TIGHT);
        if (beba_parse_need(p, T_LBRACKET, "'[' and a size"))
            d->index[i] = beba_parse_expr(p);
        if (!p->panic)
            beba_parse_need(p, T_RBRACKET, "']'");
    }
    add_def(p, d, first);
}

static void parse_item(struct parser *p)
{
    static const struct {
        enum beba_word word;
        void (*parse)(struct parser *p);
    } items[] = {
        {W_INCLUDE, parse_include}, {W_CONST, parse_const}, {W_SET, parse_set},
        {W_GLOBAL, parse_global},   {W_ARRAY, parse_array}, {W_MACHINE, beba_parse_machine},
        {W_TEST, beba_parse_test},
    };
    struct beba_diag *d;

    for (unsigned i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (!beba_parse_is_word(p, items[i].word))
            continue;
        if (items[i].word == W_MACHINE || items[i].word == W_TEST)
            beba_parse_mark(p, MARK_SPACED);
        items[i].parse(p);
        beba_parse_end_line(p);
        p->lost |= p->panic;
        return;
    }
    d = beba_parse_expected(p, "a declaration");
    p->lost = true;
    if (beba_parse_is(p, T_NAME)) {
        static const char *const names[] = {"include", "const",   "set", "global",
                                            "array",   "machine", "test"};
        const char *near = beba_nearest(beba_parse_text(p, beba_parse_peek(p)), names, 7);

        if (near)
            beba_report_hint(p->diags, d, "did you mean '%s'?", near);
        else
            beba_report_hint(p->diags, d,
                             "a file holds include, const, set, global, array, machine and test");
    }
}

void beba_parse_file(struct parser *p)
{
    for (;;) {
        while (beba_parse_more(p, LEVEL_FILE))
            parse_item(p);
        if (beba_parse_is(p, T_EOF) || p->no_memory)
            return;
        p->line_start = p->at;
        if (!p->lost) /* a '}' too many, unless its '{' was skipped */
            beba_parse_expected(p, "a declaration");
        p->panic = false;
        advance(p);
    }
}
