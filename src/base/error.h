/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Errors that a person will read: what is wrong, where, and what to do.
 *
 * Functions return 0 or -errno; those whose failure a person should understand also fill a
 * struct beba_error given by the caller (NULL is allowed everywhere). No allocation, no globals. */
#ifndef BEBA_BASE_ERROR_H
#define BEBA_BASE_ERROR_H

#include <stdarg.h>

struct beba_error {
    int code;        /* -errno */
    char what[512];  /* one sentence, no full stop, no newline */
    char where[256]; /* file, file:line:col, option, packet number; empty when there is none */
    char hint[256];  /* what to do; empty when there is none */
};

/* Fills err (if not NULL) with code and a formatted what; clears where and hint. Returns code. */
int beba_error_set(struct beba_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void beba_error_where(struct beba_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void beba_error_hint(struct beba_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The nearest of the n names to the misspelt one by edit distance (Damerau-Levenshtein), or NULL if
 * none is near enough to be meant. Names may be NULL, which never match. */
const char *beba_nearest(const char *name, const char *const *names, unsigned n);

#endif
