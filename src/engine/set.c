/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int order(const void *a, const void *b)
{
    const struct beba_range *x = a, *y = b;
    int c = beba_u128_cmp(x->lo, y->lo);

    return c ? c : beba_u128_cmp(x->hi, y->hi);
}

/* The place of the first element that is not before range. */
static uint32_t place(const struct set *s, const struct beba_range *range)
{
    uint32_t lo = 0, hi = s->n_elements;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (order(&s->element[mid], range) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has_element(const struct set *s, uint32_t at, const struct beba_range *range)
{
    return at < s->n_elements && !order(&s->element[at], range);
}

static bool touches(struct beba_u128 hi, struct beba_u128 lo)
{
    struct beba_u128 next = {hi.hi + (hi.lo == UINT64_MAX), hi.lo + 1};

    if (hi.hi == UINT64_MAX && hi.lo == UINT64_MAX)
        return true;
    return beba_u128_cmp(lo, next) <= 0;
}

static void merge(struct set *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_elements; i++) {
        const struct beba_range *r = &s->element[i];

        if (n && touches(s->merged[n - 1].hi, r->lo)) {
            if (beba_u128_cmp(r->hi, s->merged[n - 1].hi) > 0)
                s->merged[n - 1].hi = r->hi;
            continue;
        }
        s->merged[n++] = *r;
    }
    s->n_merged = n;
}

static int reserve(struct set *s, uint32_t n)
{
    uint32_t cap = s->cap ? s->cap : 8;
    struct beba_range *element, *merged;

    if (n > SET_ELEMENTS_MAX)
        return -ENOSPC;
    if (n <= s->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    element = reallocarray(s->element, cap, sizeof(*element));
    if (!element)
        return -ENOMEM;
    s->element = element;
    merged = reallocarray(s->merged, cap, sizeof(*merged));
    if (!merged)
        return -ENOMEM;
    s->merged = merged;
    s->cap = cap;
    return 0;
}

int beba_set_init(struct set *s, const struct beba_range *range, uint32_t n)
{
    int rc;

    *s = (struct set){0};
    rc = reserve(s, n);
    if (rc || !n)
        return rc;
    memcpy(s->element, range, n * sizeof(*range));
    qsort(s->element, n, sizeof(*range), order);
    for (uint32_t i = 0; i < n; i++)
        if (!s->n_elements || order(&s->element[s->n_elements - 1], &s->element[i]))
            s->element[s->n_elements++] = s->element[i];
    merge(s);
    return 0;
}

int beba_set_add(struct set *s, const struct beba_range *range)
{
    uint32_t at = place(s, range);
    int rc;

    if (has_element(s, at, range))
        return -EEXIST;
    rc = reserve(s, s->n_elements + 1);
    if (rc)
        return rc;
    memmove(&s->element[at + 1], &s->element[at], (s->n_elements - at) * sizeof(*range));
    s->element[at] = *range;
    s->n_elements++;
    merge(s);
    return 0;
}

int beba_set_del(struct set *s, const struct beba_range *range)
{
    uint32_t at = place(s, range);

    if (!has_element(s, at, range))
        return -ENOENT;
    s->n_elements--;
    memmove(&s->element[at], &s->element[at + 1], (s->n_elements - at) * sizeof(*range));
    merge(s);
    return 0;
}

void beba_set_free(struct set *s)
{
    free(s->element);
    free(s->merged);
    *s = (struct set){0};
}
