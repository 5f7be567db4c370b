/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What ft_lock.bpf.c and ft_lock_bench.c agree on. */
#ifndef BEBA_BENCH_FT_LOCK_H
#define BEBA_BENCH_FT_LOCK_H

enum {
    LOCK_KEY = 13,
    LOCK_REGS = 8,
    LOCK_FLOWS = 1 << 16,
    LOCK_SIZE = 8 << 20, /* of a region */
    LOCK_CPUS = 2,
};

#endif
