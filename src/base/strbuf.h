/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A growing string for printers. Owner: the caller, one thread. A failed allocation sets .failed
 * and makes every later call do nothing, so printers check once, at the end. */
#ifndef BEBA_BASE_STRBUF_H
#define BEBA_BASE_STRBUF_H

#include "base/int.h"

struct beba_strbuf {
    char *s; /* NUL-terminated once anything was added; NULL before */
    size_t len, cap;
    bool failed;
};

void beba_strbuf_free(struct beba_strbuf *b);
void beba_strbuf_clear(struct beba_strbuf *b); /* len = 0, memory kept */
void beba_strbuf_add(struct beba_strbuf *b, const char *s, size_t n);
void beba_strbuf_puts(struct beba_strbuf *b, const char *s);
void beba_strbuf_putc(struct beba_strbuf *b, char c);
void beba_strbuf_put_u64(struct beba_strbuf *b, uint64_t v);   /* in decimal */
void beba_strbuf_pad(struct beba_strbuf *b, char c, size_t n); /* c, n times */
void beba_strbuf_printf(struct beba_strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The text so far, "" when nothing was added; stays owned by b. */
const char *beba_strbuf_str(const struct beba_strbuf *b);

#endif
