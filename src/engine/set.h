/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A set of values: the elements as the user named them (ranges; a prefix is a range), and the same
 * merged into sorted, disjoint ranges, in which a value is found by bisection. Owner: the engine.
 * Changing a set allocates; asking it does not.
 *
 * One thread changes a set while others ask it: a change makes the merged ranges anew and puts them
 * in place in one step. Before the next change nobody may still read those before. */
#ifndef BEBA_ENGINE_SET_H
#define BEBA_ENGINE_SET_H

#include "pipeline/pipeline.h"

enum { SET_ELEMENTS_MAX = 1 << 24 };

struct merged {
    uint32_t n, cap;
    struct beba_range range[];
};

struct set {
    struct beba_range *element; /* sorted by (lo, hi), may overlap */
    struct merged *merged;      /* what packets see */
    struct merged *spare;       /* what they saw before */
    uint32_t n_elements, cap;
};

/* -ENOMEM, -EEXIST, -ENOSPC; -ENOENT. */
int beba_set_init(struct set *s, const struct beba_range *range, uint32_t n);
int beba_set_add(struct set *s, const struct beba_range *range);
int beba_set_del(struct set *s, const struct beba_range *range);
void beba_set_free(struct set *s);

/* True when v lies in one of the n sorted, disjoint ranges. */
BEBA_INLINE bool ranges_have(const struct beba_range *range, uint32_t n, struct beba_u128 v)
{
    uint32_t lo = 0, hi = n;

    while (lo < hi) { /* the first range that starts above v */
        uint32_t mid = lo + (hi - lo) / 2;

        if (beba_u128_cmp(range[mid].lo, v) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo && beba_u128_cmp(v, range[lo - 1].hi) <= 0;
}

BEBA_INLINE bool set_has(const struct set *s, struct beba_u128 v)
{
    const struct merged *m = __atomic_load_n(&s->merged, __ATOMIC_ACQUIRE);

    return ranges_have(m->range, m->n, v);
}

#endif
