/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a group does, in some versions. */
#ifndef BEBA_DATAPATH_GROUP_H
#define BEBA_DATAPATH_GROUP_H

#include "datapath/object.h"

struct beba_group {
    struct beba_body body;
    uint8_t type; /* OFPGT_* */
    uint32_t n_buckets;
    uint64_t weight; /* of all buckets */
    struct beba_of_bucket *bucket;
    bool *edits;              /* of each bucket: it changes packets */
    struct beba_tally *tally; /* of each worker, of each bucket */
};

#endif
