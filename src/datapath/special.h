/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef BEBA_DATAPATH_SPECIAL_H
#define BEBA_DATAPATH_SPECIAL_H

#include "datapath/batch.h"

struct beba_special {
    uint32_t serial; /* of what is wanted */
    void (*run)(const struct beba_batch *b, const struct beba_batch_calls *calls);
};

#endif
