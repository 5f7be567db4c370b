/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the places a pipeline may run on cannot express.
 *
 * The interpreter runs everything. For the others the check names what would not carry over and
 * why, so that a program can be planned for them. It knows facts of the targets only (helpers that
 * XDP lacks, limits of the BEBA extension of OpenFlow), nothing about a particular compiler. */
#ifndef BEBA_PIPELINE_TARGET_H
#define BEBA_PIPELINE_TARGET_H

#include "pipeline/pipeline.h"

enum beba_target {
    BEBA_TARGET_INTERP,
    BEBA_TARGET_XDP,
    BEBA_TARGET_TC,
    BEBA_TARGET_NATIVE,
    BEBA_TARGET_OPENFLOW,
    BEBA_N_TARGETS
};

/* The target of this name, or -1. */
int beba_target_find(const char *name);
/* "xdp"; NULL past the last. */
const char *beba_target_name(unsigned target);

/* Adds a diagnostic with code "target-NAME" for each thing the target cannot do (error) or does
 * otherwise (warning); returns how many. The pipeline is finished. */
unsigned beba_target_check(const struct beba_pipeline *p, enum beba_target target,
                           struct beba_diags *diags);

#endif
