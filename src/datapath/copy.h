/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Copies of what modifications speak of, each in one piece of memory that free() ends. */
#ifndef BEBA_DATAPATH_COPY_H
#define BEBA_DATAPATH_COPY_H

#include "openflow/model.h"

/* A flow entry's match and instructions. */
struct beba_rule {
    struct beba_of_instructions instructions;
    struct beba_of_match match;
};
struct beba_rule *beba_rule_copy(const struct beba_of_match *match,
                                 const struct beba_of_instructions *instructions);

struct beba_of_bucket *beba_buckets_copy(const struct beba_of_bucket *bucket, uint32_t n);

#endif
