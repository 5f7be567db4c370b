/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What this machine's kernel gives to programs of beba, one finding at a time. Changes nothing,
 * loads nothing that stays, and works for any user: what cannot be found out is said to be so. */
#ifndef BEBA_KERNEL_PROBE_H
#define BEBA_KERNEL_PROBE_H

#include "base/int.h"

enum beba_probe_outcome { BEBA_PROBE_OK, BEBA_PROBE_MISSING, BEBA_PROBE_UNKNOWN };

struct beba_probe {
    char name[32]; /* "kernel", "device eth0" */
    uint8_t outcome;
    bool needed;    /* without it no program runs in the kernel */
    char text[384]; /* what there is, or what is missing */
    char hint[256]; /* what to do; empty: nothing */
};

typedef void (*beba_probe_fn)(void *arg, const struct beba_probe *probe);

/* Calls fn with each finding: the kernel, BPF, then the devices of this network namespace. */
void beba_kernel_probe(beba_probe_fn fn, void *arg);

#endif
