/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The text itself: lines, places, names. */
#include "emit/write.h"

#include <stdio.h>
#include <string.h>

void beba_emit(struct emit *e, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    beba_strbuf_puts(e->out, text);
}

void beba_emit_indent(struct emit *e)
{
    beba_strbuf_pad(e->out, ' ', e->indent * 4ul);
}

void beba_emit_line(struct emit *e, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    beba_emit_indent(e);
    beba_strbuf_puts(e->out, text);
    beba_strbuf_putc(e->out, '\n');
}

void beba_emit_blank(struct emit *e)
{
    beba_strbuf_putc(e->out, '\n');
}

/* As a C string. */
static void put_quoted(struct emit *e, const char *s)
{
    beba_strbuf_putc(e->out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            beba_emit(e, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            beba_strbuf_putc(e->out, '?');
        else
            beba_strbuf_putc(e->out, (char)c);
    }
    beba_strbuf_putc(e->out, '"');
}

void beba_emit_at(struct emit *e, struct beba_loc loc)
{
    const struct beba_sources *s = e->opts->sources ? e->opts->sources : &e->own;
    unsigned line, column;

    if (!loc.len || loc.source >= s->n || loc.offset > s->source[loc.source].len)
        return;
    beba_sources_position(s, loc, &line, &column);
    beba_emit(e, "#line %u ", line);
    put_quoted(e, s->source[loc.source].name);
    beba_strbuf_putc(e->out, '\n');
    e->away = true;
}

void beba_emit_here(struct emit *e)
{
    if (!e->away)
        return;
    for (; e->counted < e->out->len; e->counted++)
        e->line += e->out->s[e->counted] == '\n';
    beba_emit(e, "#line %u \"%s\"\n", BEBA_EMIT_OWN + e->line + 2, BEBA_EMIT_FILE);
    e->away = false;
}

static bool is_identifier(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (!(s[n] == '_' || (s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
              (n && s[n] >= '0' && s[n] <= '9')))
            return false;
    return n && n < 64;
}

const char *beba_emit_name(struct emit *e, const char *name, const char *kind, uint32_t i)
{
    const char *out = name && is_identifier(name) ? beba_arena_printf(&e->arena, "%s", name)
                                                  : beba_arena_printf(&e->arena, "%s%u", kind, i);

    return out ? out : "x";
}

void beba_emit_comment(struct emit *e, const char *text)
{
    for (; text && *text; text++) {
        bool end = text[0] == '*' && text[1] == '/';
        bool begin = text[0] == '/' && text[1] == '*';
        bool odd = (unsigned char)*text < ' ';

        beba_strbuf_putc(e->out, end || begin || odd ? ' ' : *text);
    }
}
