/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What ft_table_bpf.c and ft_table_test.c agree on. */
#ifndef FT_TABLE_H
#define FT_TABLE_H

#include "base/int.h"

enum {
    TABLE_KEY = 13,
    TABLE_REGS = 16,
    TABLE_STATES = 3,
    TABLE_MANY = 5,
    TABLE_SIZE = 1 << 20, /* of the map's value */
};

enum { TABLE_TOUCH, TABLE_DROP, TABLE_PEEK, TABLE_SWEEP };

/* Of the counters of a CPU. */
enum { COUNTERS_BUSY = 56, COUNTERS_SIZE = 80 };

struct command {
    uint32_t op;
    uint32_t answer; /* enum beba_held_answer */
    uint32_t key[4];
    uint64_t now;
    uint64_t reg;
    int32_t found;  /* PEEK: or not; TOUCH: an entry that was over, SWEEP: entries freed */
    uint32_t state; /* TOUCH, in: whether what was over starts anew at once; PEEK: of the entry */
};

#endif
