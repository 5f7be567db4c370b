/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of beba_pipeline_finish: check.c calls these once a pipeline is known to be
 * sound. */
#ifndef BEBA_PIPELINE_LAYOUT_H
#define BEBA_PIPELINE_LAYOUT_H

#include "pipeline/pipeline.h"

/* Bytes of a key with valid fields, before padding; fills size and padded. */
uint32_t beba_key_layout(struct beba_key *key);
/* Bytes a register of this width takes. */
uint32_t beba_width_size(unsigned width);
/* Bytes all registers of a table take, padded to 8; fills their sizes and offsets. */
uint32_t beba_regs_layout(struct beba_table *t);
/* Initial registers, rule numbers, creates, periods of timeouts. 0 or -ENOMEM. */
int beba_pipeline_layout(struct beba_pipeline *p);

#endif
