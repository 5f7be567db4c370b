/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Compiled objects, kept for the next time. Private to emit/.
 *
 * An object is found by everything that it was made from: the C, the headers, the flags, and which
 * clang; all of it is compared, byte by byte, the hash is only the file's name. The directory is
 * the caller's own and nobody else may write or look there, or it is not used: what root loads
 * comes from root. It holds the newest BEBA_CACHE_FILES objects.
 *
 * $BEBA_CACHE, else /var/cache/beba for root, else beba in $XDG_CACHE_HOME or ~/.cache; empty:
 * none. A cache that cannot be used is no error: the program is compiled. */
#ifndef BEBA_EMIT_CACHE_H
#define BEBA_EMIT_CACHE_H

#include "base/strbuf.h"

enum { BEBA_CACHE_FILES = 64 };

struct beba_cache {
    int dir; /* -1: there is none */
    struct beba_strbuf key;
    char name[40];
};

/* Adds to the key which file a command is: the first of names (NULL ends) on PATH. False: none. */
bool beba_cache_add_command(struct beba_cache *c, const char *const *names);
/* Opens the cache for what the key says by now. */
void beba_cache_open(struct beba_cache *c);
/* The object, malloc'ed, or NULL. */
void *beba_cache_get(const struct beba_cache *c, size_t *size);
void beba_cache_put(const struct beba_cache *c, const void *object, size_t size);
void beba_cache_close(struct beba_cache *c);

#endif
