/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct beba_arena_block {
    struct beba_arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char data[];
};

enum { BLOCK = 16 * 1024 };

void beba_arena_free(struct beba_arena *a)
{
    while (a->blocks) {
        struct beba_arena_block *b = a->blocks;

        a->blocks = b->next;
        free(b);
    }
    a->used = 0;
}

void beba_arena_clear(struct beba_arena *a)
{
    struct beba_arena_block *keep = a->blocks;

    if (!keep || keep->size != BLOCK) {
        beba_arena_free(a);
        return;
    }
    a->blocks = keep->next;
    beba_arena_free(a);
    memset(keep->data, 0, keep->used);
    keep->used = 0;
    keep->next = NULL;
    a->blocks = keep;
}

void *beba_arena_alloc(struct beba_arena *a, size_t size)
{
    struct beba_arena_block *b = a->blocks;
    size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) & ~(align - 1);
    if (!size)
        size = align;
    if (a->limit && size > a->limit - a->used)
        return NULL;
    if (!b || size > b->size - b->used) {
        size_t room = size > BLOCK ? size : BLOCK;

        b = calloc(1, sizeof(*b) + room);
        if (!b)
            return NULL;
        b->size = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    a->used += size;
    b->used += size;
    return b->data + b->used - size;
}

void *beba_arena_array(struct beba_arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        return NULL;
    return beba_arena_alloc(a, n * size);
}

void *beba_arena_copy(struct beba_arena *a, const void *src, size_t size)
{
    void *p = beba_arena_alloc(a, size);

    if (p && size)
        memcpy(p, src, size);
    return p;
}

char *beba_arena_strndup(struct beba_arena *a, const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? beba_arena_alloc(a, n + 1) : NULL;

    if (p && n)
        memcpy(p, s, n);
    return p;
}

char *beba_arena_strdup(struct beba_arena *a, const char *s)
{
    return beba_arena_strndup(a, s, strlen(s));
}

char *beba_arena_printf(struct beba_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *p = NULL;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0)
        p = beba_arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}
