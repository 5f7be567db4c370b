/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A set of values: the elements as the user named them (ranges; a prefix is a range), and the same
 * merged into sorted, disjoint ranges, in which a value is found by bisection. Owner: the engine.
 * Changing a set allocates; asking it does not. */
#ifndef BEBA_ENGINE_SET_H
#define BEBA_ENGINE_SET_H

#include "pipeline/pipeline.h"

enum { SET_ELEMENTS_MAX = 1 << 24 };

struct set {
    struct beba_range *element; /* sorted by (lo, hi), may overlap */
    struct beba_range *merged;
    uint32_t n_elements, n_merged, cap;
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

#endif
