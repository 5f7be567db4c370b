/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a meter does, in some versions. */
#ifndef BEBA_DATAPATH_METER_H
#define BEBA_DATAPATH_METER_H

#include "datapath/object.h"

enum { BEBA_METER_BANDS = 16 };

/* Tokens are 1e-6 bit, or 1e-9 packet: a rate in kb/s, or packets/s, is tokens a nanosecond. */
struct beba_meter_band {
    uint64_t tokens, most;
    uint64_t packets, bytes; /* that it was applied to */
};

struct beba_meter {
    struct beba_body body;
    uint16_t flags; /* OFPMF_* */
    uint32_t n_bands;
    struct beba_of_band band[BEBA_METER_BANDS];
    _Atomic bool busy; /* by a worker: bands and their time */
    uint64_t filled;   /* ns */
    struct beba_meter_band bucket[BEBA_METER_BANDS];
};

#endif
