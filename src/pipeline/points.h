/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which stored values are points in time (until when, since when) and which are lengths of time.
 *
 * Clocks differ: the kernel counts from its start, captures and files from 1970. Who moves state
 * from one to the other must move points and leave lengths. Types do not tell them apart; what a
 * value is computed from does: now is a point, point - point is a length, and so on. A value that
 * is assigned both is taken for a point. 0 stays 0 everywhere: it means never. */
#ifndef BEBA_PIPELINE_POINTS_H
#define BEBA_PIPELINE_POINTS_H

#include "pipeline/pipeline.h"

struct beba_points {
    uint64_t *reg;        /* of table i: bit r: register r is a point */
    bool *global, *array; /* of array i: its cells are */
};

/* Memory from arena. 0 or -ENOMEM. */
int beba_points_find(const struct beba_pipeline *p, struct beba_arena *arena,
                     struct beba_points *out);

/* A point by another clock. What would come before that clock's start is its first moment. */
BEBA_INLINE uint64_t beba_point_shift(uint64_t point, int64_t shift)
{
    uint64_t back = shift < 0 ? 0 - (uint64_t)shift : 0;

    if (!point)
        return 0;
    if (back)
        return point > back ? point - back : 1;
    return point > UINT64_MAX - (uint64_t)shift ? UINT64_MAX : point + (uint64_t)shift;
}

#endif
