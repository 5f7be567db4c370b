/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The canonical layout, from the tokens and what the parser marked on them:
 *
 *   - four spaces a block, one item, rule, statement or step a line
 *   - a block that was written on one line stays there when it fits in 100 columns
 *   - line breaks inside a line's expression or list stay where they were, indented by four more
 *   - comments stay where they were; those behind code are aligned over neighbouring lines
 *   - at most one empty line, one before each machine and test, none at the ends of a block */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lang.h"
#include "lang/parse.h"

enum { WIDTH = 100, INDENT = 4, ALIGN_MAX = 72, GAP = 2 };

struct line {
    uint32_t start, len; /* in text */
    uint32_t comment;    /* number + 1; 0 = none behind the code */
    bool blank;          /* an empty line before it */
};

struct formatter {
    struct beba_tokens *t;
    struct beba_strbuf text;
    struct line *line;
    uint32_t n, cap;
    uint32_t depth;    /* blocks around us, without those on one line */
    uint32_t one_line; /* token number of the '}' that ends the block on one line; 0 = in none */
    bool open;         /* the last line may get more */
    bool closed;       /* it ends in a comment: the next token starts a line */
    bool failed;
    uint32_t comment; /* next to print */
    uint32_t *match;  /* for each block's '{': its '}' */
};

static const struct beba_token *token(const struct formatter *f, uint32_t i)
{
    return &f->t->token[i];
}

static bool is_block(const struct beba_token *t, enum beba_token_kind kind)
{
    return t->kind == kind && (t->mark & MARK_BLOCK);
}

/* Line breaks in the source between two offsets. */
static unsigned breaks(const struct formatter *f, uint32_t from, uint32_t to)
{
    unsigned n = 0;

    for (uint32_t i = from; i < to; i++)
        n += f->t->text[i] == '\n';
    return n;
}

static void match_blocks(struct formatter *f)
{
    uint32_t open[2 * PARSE_MAX_DEPTH], n = 0;

    for (uint32_t i = 0; i < f->t->n; i++) {
        if (is_block(token(f, i), T_LBRACE) && n < 2 * PARSE_MAX_DEPTH)
            open[n++] = i;
        else if (is_block(token(f, i), T_RBRACE) && n)
            f->match[open[--n]] = i;
    }
}

/* --- lines --------------------------------------------------------------------------------- */

static void new_line(struct formatter *f, uint32_t indent, bool blank)
{
    struct line *p;

    if (f->n == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 256;

        p = realloc(f->line, cap * sizeof(*p));
        if (!p) {
            f->failed = true;
            return;
        }
        f->line = p;
        f->cap = cap;
    }
    f->line[f->n] = (struct line){.start = (uint32_t)f->text.len, .blank = blank && f->n > 0};
    f->n++;
    beba_strbuf_pad(&f->text, ' ', indent);
    f->line[f->n - 1].len = indent;
    f->open = true;
    f->closed = false;
}

static void put(struct formatter *f, const char *s, size_t n)
{
    if (!f->n)
        return;
    beba_strbuf_add(&f->text, s, n);
    f->line[f->n - 1].len += (uint32_t)n;
}

static uint32_t column(const struct formatter *f)
{
    return f->n ? f->line[f->n - 1].len : 0;
}

/* --- comments ------------------------------------------------------------------------------ */

static uint32_t end_before(const struct formatter *f, uint32_t i)
{
    uint32_t end = i ? token(f, i - 1)->offset + token(f, i - 1)->len : 0;

    if (f->comment) {
        const struct beba_comment *c = &f->t->comment[f->comment - 1];

        if (c->offset + c->len > end)
            end = c->offset + c->len;
    }
    return end;
}

static size_t comment_len(const struct formatter *f, const struct beba_comment *c)
{
    size_t n = c->len;

    while (n && (unsigned char)f->t->text[c->offset + n - 1] <= ' ')
        n--;
    return n;
}

static void put_comments(struct formatter *f, uint32_t i)
{
    const struct beba_token *t = token(f, i);
    uint32_t indent = f->depth * INDENT;

    if (!(t->mark & MARK_LINE) && !is_block(t, T_RBRACE) && t->kind != T_EOF)
        indent += INDENT;
    for (; f->comment < f->t->n_comments && f->t->comment[f->comment].before <= i; f->comment++) {
        const struct beba_comment *c = &f->t->comment[f->comment];
        uint32_t end = end_before(f, i);
        bool after_open = i && is_block(token(f, i - 1), T_LBRACE) && f->open && !f->closed;

        if (!c->own_line && f->open && !f->closed) {
            f->line[f->n - 1].comment = f->comment + 1;
            f->closed = true;
            continue;
        }
        new_line(f, indent, breaks(f, end, c->offset) > 1 && !after_open);
        put(f, f->t->text + c->offset, comment_len(f, c));
        f->closed = true;
    }
}

static bool has_comment(const struct formatter *f, uint32_t first, uint32_t last)
{
    for (uint32_t k = f->comment; k < f->t->n_comments; k++) {
        uint32_t before = f->t->comment[k].before;

        if (before > last)
            return false;
        if (before > first)
            return true;
    }
    return false;
}

/* --- tokens -------------------------------------------------------------------------------- */

static bool space_between(const struct beba_token *a, const struct beba_token *b)
{
    if (a->kind == T_LPAREN || a->kind == T_LBRACKET || a->kind == T_DOTDOT ||
        (a->mark & MARK_UNARY))
        return false;
    if (b->kind == T_RPAREN || b->kind == T_RBRACKET || b->kind == T_COMMA || b->kind == T_DOTDOT ||
        (b->mark & MARK_TIGHT))
        return false;
    return !(a->kind == T_LBRACE && b->kind == T_RBRACE && !(a->mark & MARK_BLOCK));
}

/* Columns of the block from its '{' to its '}' on one line. */
static uint32_t one_line_width(const struct formatter *f, uint32_t open, uint32_t close)
{
    uint32_t n = token(f, open)->len;

    for (uint32_t i = open + 1; i <= close && n <= WIDTH; i++) {
        const struct beba_token *t = token(f, i), *before = t - 1;

        if (t->kind == T_SEMI)
            continue;
        while (before->kind == T_SEMI)
            before--;
        n += t->len + space_between(before, t);
        n += (t->mark & MARK_LINE) && !is_block(before, T_LBRACE); /* its ';' */
    }
    return n;
}

static bool stays_on_one_line(const struct formatter *f, uint32_t open, bool item)
{
    uint32_t close = f->match[open];

    if (item || !close || has_comment(f, open, close))
        return false;
    for (uint32_t i = open + 1; i <= close; i++)
        if (token(f, i)->newline)
            return false;
    return column(f) + 1 + one_line_width(f, open, close) <= WIDTH;
}

/* In a block on one line: "; " between statements, nothing behind a '}'. */
static void put_inline(struct formatter *f, uint32_t i, const struct beba_token *before)
{
    const struct beba_token *t = token(f, i);

    if ((t->mark & MARK_LINE) && !is_block(before, T_LBRACE) && !is_block(before, T_RBRACE))
        put(f, ";", 1);
    if (space_between(before, t))
        put(f, " ", 1);
}

static void start_line(struct formatter *f, uint32_t i, uint32_t end, bool after_comment)
{
    const struct beba_token *t = token(f, i);
    bool first = i && is_block(token(f, i - 1), T_LBRACE) && !after_comment;
    bool blank = breaks(f, end, t->offset) > 1 || ((t->mark & MARK_SPACED) && !after_comment);

    new_line(f, f->depth * INDENT, blank && !first && !is_block(t, T_RBRACE));
}

static void put_token(struct formatter *f, uint32_t i, const struct beba_token *before)
{
    const struct beba_token *t = token(f, i);
    uint32_t first_comment = f->comment, end;
    bool after_comment, joins;

    put_comments(f, i);
    end = end_before(f, i);
    after_comment = f->comment > first_comment;
    joins = before && (is_block(t, T_LBRACE) || (t->word == W_ELSE && !(t->mark & MARK_LINE)));
    if (is_block(t, T_RBRACE) && !f->one_line && f->depth)
        f->depth--;
    if (f->one_line && before) {
        put_inline(f, i, before);
    } else if ((t->mark & MARK_LINE) || is_block(t, T_RBRACE) || !before) {
        start_line(f, i, end, after_comment && f->t->comment[f->comment - 1].own_line);
    } else if (f->closed || (t->newline && !joins)) {
        bool ends_list = t->kind == T_RBRACE || t->kind == T_RPAREN;

        new_line(f, (f->depth + !(ends_list || joins)) * INDENT, false);
    } else if (before && space_between(before, t)) {
        put(f, " ", 1);
    }
    put(f, f->t->text + t->offset, t->len);
}

static void put_tokens(struct formatter *f)
{
    const struct beba_token *before = NULL;
    bool item = false;

    for (uint32_t i = 0; i < f->t->n && !f->failed; i++) {
        const struct beba_token *t = token(f, i);

        if (t->kind == T_EOF) {
            put_comments(f, i);
            return;
        }
        if (t->kind == T_SEMI) {
            if (!f->one_line)
                put_comments(f, i);
            continue;
        }
        item |= (t->mark & MARK_SPACED) != 0;
        put_token(f, i, before);
        before = t;
        if (is_block(t, T_LBRACE) && !f->one_line) {
            if (stays_on_one_line(f, i, item))
                f->one_line = f->match[i];
            else
                f->depth++;
            item = false;
        } else if (f->one_line == i && is_block(t, T_RBRACE)) {
            f->one_line = 0;
        }
    }
}

/* --- output -------------------------------------------------------------------------------- */

/* The column of the comments behind lines i.. that follow each other; *end is the line after them.
 */
static uint32_t comment_column(const struct formatter *f, uint32_t i, uint32_t *end)
{
    uint32_t column_of = 0;

    for (*end = i; *end < f->n; ++*end) {
        const struct line *l = &f->line[*end];

        if (!l->comment || (*end > i && l->blank))
            break;
        if (l->len <= ALIGN_MAX && l->len > column_of)
            column_of = l->len;
    }
    return column_of + GAP;
}

static void print(const struct formatter *f, struct beba_strbuf *out)
{
    uint32_t end = 0, at = 0;

    for (uint32_t i = 0; i < f->n; i++) {
        const struct line *l = &f->line[i];
        const struct beba_comment *c = l->comment ? &f->t->comment[l->comment - 1] : NULL;

        if (l->blank)
            beba_strbuf_putc(out, '\n');
        beba_strbuf_add(out, f->text.s + l->start, l->len);
        if (c) {
            if (i >= end)
                at = comment_column(f, i, &end);
            beba_strbuf_pad(out, ' ', l->len + GAP > at ? GAP : at - l->len);
            beba_strbuf_add(out, f->t->text + c->offset, comment_len(f, c));
        }
        beba_strbuf_putc(out, '\n');
    }
}

int beba_lang_format(const char *name, const char *text, size_t len, struct beba_strbuf *out,
                     struct beba_sources *sources, struct beba_diags *diags)
{
    struct beba_arena arena = {0};
    struct beba_tokens tokens;
    struct ast_program program = {0};
    struct parser parser = {.tokens = &tokens,
                            .arena = &arena,
                            .diags = diags,
                            .program = &program,
                            .bad = {.kind = E_BAD, .depth = 1}};
    struct formatter f = {.t = &tokens};
    int rc = beba_sources_add(sources, name, text, len);

    if (rc < 0)
        return rc;
    program.last_def = &program.defs;
    program.last_machine = &program.machines;
    program.last_test = &program.tests;
    rc = beba_lex(sources, (uint32_t)rc, &arena, diags, &tokens);
    if (!rc)
        beba_parse_file(&parser);
    if (rc || parser.no_memory) {
        rc = -ENOMEM;
    } else if (diags->errors) {
        rc = -EINVAL;
    } else {
        f.match = beba_arena_array(&arena, tokens.n, sizeof(*f.match));
        f.failed = !f.match;
        if (f.match) {
            match_blocks(&f);
            put_tokens(&f);
        }
        if (!f.failed)
            print(&f, out);
        rc = f.failed || f.text.failed || out->failed ? -ENOMEM : 0;
    }
    beba_strbuf_free(&f.text);
    free(f.line);
    beba_arena_free(&arena);
    return rc;
}
