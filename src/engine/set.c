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

static uint32_t grown(uint32_t cap, uint32_t n)
{
    if (!cap)
        cap = 8;
    while (cap < n)
        cap *= 2;
    return cap;
}

/* Room for n elements, and for as many ranges in the spare. */
static int reserve(struct set *s, uint32_t n)
{
    if (n > SET_ELEMENTS_MAX)
        return -ENOSPC;
    if (n > s->cap) {
        uint32_t cap = grown(s->cap, n);
        struct beba_range *element = reallocarray(s->element, cap, sizeof(*element));

        if (!element)
            return -ENOMEM;
        s->element = element;
        s->cap = cap;
    }
    if (!s->spare || n > s->spare->cap) {
        uint32_t cap = grown(0, n);
        struct merged *spare = malloc(sizeof(*spare) + cap * sizeof(*spare->range));

        if (!spare)
            return -ENOMEM;
        free(s->spare);
        *spare = (struct merged){.cap = cap};
        s->spare = spare;
    }
    return 0;
}

/* Makes the spare what the elements are and puts it in place. */
static void merge(struct set *s)
{
    struct merged *m = s->spare;

    m->n = 0;
    for (uint32_t i = 0; i < s->n_elements; i++) {
        const struct beba_range *r = &s->element[i];

        if (m->n && touches(m->range[m->n - 1].hi, r->lo)) {
            if (beba_u128_cmp(r->hi, m->range[m->n - 1].hi) > 0)
                m->range[m->n - 1].hi = r->hi;
            continue;
        }
        m->range[m->n++] = *r;
    }
    s->spare = s->merged;
    __atomic_store_n(&s->merged, m, __ATOMIC_SEQ_CST);
}

int beba_set_init(struct set *s, const struct beba_range *range, uint32_t n)
{
    int rc;

    *s = (struct set){0};
    rc = reserve(s, n);
    if (rc)
        return rc;
    if (n) {
        memcpy(s->element, range, n * sizeof(*range));
        qsort(s->element, n, sizeof(*range), order);
    }
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
    int rc;

    if (!has_element(s, at, range))
        return -ENOENT;
    rc = reserve(s, s->n_elements);
    if (rc)
        return rc;
    s->n_elements--;
    memmove(&s->element[at], &s->element[at + 1], (s->n_elements - at) * sizeof(*range));
    merge(s);
    return 0;
}

void beba_set_free(struct set *s)
{
    free(s->element);
    free(s->merged);
    free(s->spare);
    *s = (struct set){0};
}
