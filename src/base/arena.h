/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An arena: many small objects with one lifetime. Owner: the caller, one thread. Programs and
 * pipelines live in arenas; nothing on the packet path allocates from one. Memory is zeroed. */
#ifndef BEBA_BASE_ARENA_H
#define BEBA_BASE_ARENA_H

#include <stddef.h>

struct beba_arena {
    struct beba_arena_block *blocks;
    size_t used;  /* bytes handed out */
    size_t limit; /* 0 = none; allocations past it fail */
};

/* An arena that holds nothing needs no memory: zero-initialise it. */
void beba_arena_free(struct beba_arena *a);
/* Frees all objects and keeps a little memory for those that come next: for what is made and thrown
 * away again and again. */
void beba_arena_clear(struct beba_arena *a);

/* size zeroed bytes aligned for any type, or NULL (out of memory, or past the limit). */
void *beba_arena_alloc(struct beba_arena *a, size_t size);
/* n zeroed objects; NULL also when n * size overflows. */
void *beba_arena_array(struct beba_arena *a, size_t n, size_t size);
void *beba_arena_copy(struct beba_arena *a, const void *src, size_t size);
char *beba_arena_strndup(struct beba_arena *a, const char *s, size_t n);
char *beba_arena_strdup(struct beba_arena *a, const char *s);
char *beba_arena_printf(struct beba_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
