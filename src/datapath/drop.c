/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/datapath.h"

static const char *const names[BEBA_DP_N_DROPS] = {
    [BEBA_DP_DROP_MISS] = "no entry matched",
    [BEBA_DP_DROP_ACTION] = "no output",
    [BEBA_DP_DROP_METER] = "meter",
    [BEBA_DP_DROP_TTL] = "TTL expired",
    [BEBA_DP_DROP_PORT] = "port down or absent",
    [BEBA_DP_DROP_GROUP] = "no live bucket",
    [BEBA_DP_DROP_TOO_DEEP] = "too many copies",
    [BEBA_DP_DROP_EDIT] = "header cannot be changed",
    [BEBA_DP_DROP_FRAGMENT] = "fragment",
    [BEBA_DP_DROP_BUSY] = "flow busy",
    [BEBA_DP_DROP_PROGRAM] = "program",
};

const char *beba_datapath_drop_name(enum beba_datapath_drop reason)
{
    return reason < BEBA_DP_N_DROPS ? names[reason] : "unknown";
}
