/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LIMIT = 100, LINE_WIDTH = 120, TEXT_MAX = 1024 };

int beba_sources_add(struct beba_sources *s, const char *name, const char *text, size_t len)
{
    struct beba_source src = {.len = len};

    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 4;
        struct beba_source *p = realloc(s->source, cap * sizeof(*p));

        if (!p)
            return -ENOMEM;
        s->source = p;
        s->cap = cap;
    }
    src.name = beba_arena_strdup(&s->arena, name);
    src.text = beba_arena_strndup(&s->arena, text, len);
    if (!src.name || !src.text)
        return -ENOMEM;
    s->source[s->n] = src;
    return (int)s->n++;
}

void beba_sources_free(struct beba_sources *s)
{
    free(s->source);
    beba_arena_free(&s->arena);
    memset(s, 0, sizeof(*s));
}

static size_t line_start(const struct beba_source *src, size_t offset)
{
    while (offset > 0 && src->text[offset - 1] != '\n')
        offset--;
    return offset;
}

static bool continues_char(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* a UTF-8 continuation byte */
}

static size_t columns(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += !continues_char(s[i]);
    return count;
}

void beba_sources_position(const struct beba_sources *s, struct beba_loc loc, unsigned *line,
                           unsigned *column)
{
    const struct beba_source *src;
    size_t at, start;

    *line = *column = 1;
    if (loc.source >= s->n)
        return;
    src = &s->source[loc.source];
    at = loc.offset < src->len ? loc.offset : src->len;
    for (size_t i = 0; i < at; i++)
        *line += src->text[i] == '\n';
    start = line_start(src, at);
    *column = 1 + (unsigned)columns(src->text + start, at - start);
}

struct beba_diag *beba_diags_add(struct beba_diags *d, enum beba_severity severity,
                                 const char *code, struct beba_loc loc, const char *fmt, ...)
{
    struct beba_diag *diag;
    char text[TEXT_MAX];
    va_list ap;

    d->errors += severity == BEBA_ERROR;
    d->warnings += severity == BEBA_WARNING;
    if (d->n >= (d->limit ? d->limit : DEFAULT_LIMIT)) {
        d->dropped++;
        return &d->lost;
    }
    if (d->n == d->cap) {
        uint32_t cap = d->cap ? d->cap * 2 : 16;
        struct beba_diag *p = realloc(d->diag, cap * sizeof(*p));

        if (!p) {
            d->dropped++;
            return &d->lost;
        }
        d->diag = p;
        d->cap = cap;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag = &d->diag[d->n++];
    *diag = (struct beba_diag){.severity = severity, .code = code, .loc = loc};
    diag->message = beba_arena_strdup(&d->arena, text);
    if (!diag->message)
        diag->message = "out of memory";
    return diag;
}

void beba_diags_hint(struct beba_diags *d, struct beba_diag *diag, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    if (diag == &d->lost)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag->hint = beba_arena_strdup(&d->arena, text);
}

void beba_diags_free(struct beba_diags *d)
{
    free(d->diag);
    beba_arena_free(&d->arena);
    memset(d, 0, sizeof(*d));
}

struct painted {
    const char *on, *off;
};

static struct painted paint(enum beba_severity severity, bool colour)
{
    static const char *const codes[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m"};

    return colour ? (struct painted){codes[severity], "\033[0m"} : (struct painted){"", ""};
}

/* The source line of loc with a caret line below it, cut to LINE_WIDTH around the caret. */
static void print_excerpt(const struct beba_source *src, struct beba_loc loc,
                          struct beba_strbuf *out, struct painted p)
{
    size_t at = loc.offset < src->len ? loc.offset : src->len;
    size_t start = line_start(src, at);
    size_t end = at, from = start, mark;
    bool cut;

    while (end < src->len && src->text[end] != '\n')
        end++;
    if (end > at && src->text[end - 1] == '\r')
        end--;
    if (at - start > LINE_WIDTH * 2 / 3)
        from = at - LINE_WIDTH / 3;
    while (from > start && continues_char(src->text[from]))
        from--;
    cut = end - from > LINE_WIDTH;
    if (cut)
        end = from + LINE_WIDTH;
    while (cut && end > at && continues_char(src->text[end]))
        end--;
    beba_strbuf_puts(out, from > start ? "    ..." : "    ");
    for (size_t i = from; i < end; i++) {
        unsigned char c = (unsigned char)src->text[i];

        beba_strbuf_putc(out, c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
    beba_strbuf_puts(out, cut ? "...\n" : "\n");
    beba_strbuf_pad(out, ' ', columns(src->text + from, at - from) + (from > start ? 7 : 4));
    mark = at < end ? columns(src->text + at, loc.len < end - at ? loc.len : end - at) : 0;
    beba_strbuf_puts(out, p.on);
    beba_strbuf_putc(out, '^');
    if (mark > 1)
        beba_strbuf_pad(out, '~', mark - 1);
    beba_strbuf_printf(out, "%s\n", p.off);
}

static int by_place(const void *a, const void *b)
{
    const struct beba_diag *x = *(const struct beba_diag *const *)a;
    const struct beba_diag *y = *(const struct beba_diag *const *)b;

    if (x->loc.source != y->loc.source)
        return x->loc.source < y->loc.source ? -1 : 1;
    if (x->loc.offset != y->loc.offset)
        return x->loc.offset < y->loc.offset ? -1 : 1;
    return x < y ? -1 : x > y; /* as found */
}

void beba_diags_print(const struct beba_diags *d, const struct beba_sources *s,
                      struct beba_strbuf *out, bool colour)
{
    static const char *const names[] = {"note", "warning", "error"};
    const struct beba_diag **order = d->n ? malloc(d->n * sizeof(*order)) : NULL;

    if (d->n && !order) {
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < d->n; i++)
        order[i] = &d->diag[i];
    if (d->n)
        qsort(order, d->n, sizeof(*order), by_place);
    for (uint32_t i = 0; i < d->n; i++) {
        const struct beba_diag *diag = order[i];
        struct painted p = paint(diag->severity, colour);
        unsigned line, column;

        if (diag->loc.source < s->n) {
            beba_sources_position(s, diag->loc, &line, &column);
            beba_strbuf_printf(out, "%s:%u:%u: ", s->source[diag->loc.source].name, line, column);
        }
        beba_strbuf_printf(out, "%s%s:%s %s [%s]\n", p.on, names[diag->severity], p.off,
                           diag->message, diag->code);
        if (diag->loc.source < s->n)
            print_excerpt(&s->source[diag->loc.source], diag->loc, out, p);
        if (diag->hint)
            beba_strbuf_printf(out, "  hint: %s\n", diag->hint);
    }
    if (d->dropped)
        beba_strbuf_printf(out, "and %u more\n", d->dropped);
    free(order);
}
