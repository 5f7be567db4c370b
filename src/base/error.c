/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

int beba_error_set(struct beba_error *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return code;
    memset(err, 0, sizeof(*err));
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->what, sizeof(err->what), fmt, ap);
    va_end(ap);
    return code;
}

void beba_error_where(struct beba_error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return;
    va_start(ap, fmt);
    vsnprintf(err->where, sizeof(err->where), fmt, ap);
    va_end(ap);
}

void beba_error_hint(struct beba_error *err, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
}

enum { NEAREST_MAX = 64 };

/* Damerau-Levenshtein distance (optimal string alignment) of names up to NEAREST_MAX bytes. */
static unsigned distance(const char *a, size_t la, const char *b, size_t lb)
{
    unsigned char d[3][NEAREST_MAX + 1];
    unsigned char *before = d[0], *last = d[1], *row = d[2];

    for (size_t j = 0; j <= lb; j++)
        last[j] = (unsigned char)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned char *spare = before;

        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u);

            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (row[j - 1] + 1u < best)
                best = row[j - 1] + 1u;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            row[j] = (unsigned char)best;
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[lb];
}

const char *beba_nearest(const char *name, const char *const *names, unsigned n)
{
    size_t len = strlen(name);
    unsigned best = len <= 3 ? 2 : (unsigned)(len / 3) + 2; /* strictly below */
    const char *found = NULL;

    if (!len || len > NEAREST_MAX)
        return NULL;
    for (unsigned i = 0; i < n; i++) {
        size_t l = names[i] ? strlen(names[i]) : 0;

        if (l && l <= NEAREST_MAX) {
            unsigned d = distance(name, len, names[i], l);

            if (d < best) {
                best = d;
                found = names[i];
            }
        }
    }
    return found;
}
