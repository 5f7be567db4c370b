/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUESS = 32 }; /* most of what is printed fits: then it is formatted once */

void beba_strbuf_free(struct beba_strbuf *b)
{
    free(b->s);
    memset(b, 0, sizeof(*b));
}

void beba_strbuf_clear(struct beba_strbuf *b)
{
    b->len = 0;
    if (b->s)
        b->s[0] = '\0';
}

static bool room(struct beba_strbuf *b, size_t n)
{
    size_t cap = b->cap ? b->cap : 128;
    char *s;

    if (b->failed || n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
        b->failed = true;
        return false;
    }
    if (b->len + n + 1 <= b->cap)
        return true;
    while (cap < b->len + n + 1)
        cap *= 2;
    s = realloc(b->s, cap);
    if (!s) {
        b->failed = true;
        return false;
    }
    b->s = s;
    b->cap = cap;
    return true;
}

void beba_strbuf_add(struct beba_strbuf *b, const char *s, size_t n)
{
    if (!room(b, n))
        return;
    if (n)
        memcpy(b->s + b->len, s, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void beba_strbuf_puts(struct beba_strbuf *b, const char *s)
{
    beba_strbuf_add(b, s, strlen(s));
}

void beba_strbuf_putc(struct beba_strbuf *b, char c)
{
    beba_strbuf_add(b, &c, 1);
}

void beba_strbuf_put_u64(struct beba_strbuf *b, uint64_t v)
{
    char text[20], *at = text + sizeof(text);

    do {
        *--at = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    beba_strbuf_add(b, at, (size_t)(text + sizeof(text) - at));
}

void beba_strbuf_pad(struct beba_strbuf *b, char c, size_t n)
{
    if (!room(b, n))
        return;
    memset(b->s + b->len, c, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void beba_strbuf_printf(struct beba_strbuf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = room(b, GUESS) ? vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap) : -1;
    if (n >= 0 && b->len + (size_t)n < b->cap) {
        b->len += (size_t)n;
    } else if (n >= 0 && room(b, (size_t)n)) {
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        b->failed = true;
        if (b->s)
            b->s[b->len] = '\0';
    }
    va_end(again);
    va_end(ap);
}

const char *beba_strbuf_str(const struct beba_strbuf *b)
{
    return b->s ? b->s : "";
}
