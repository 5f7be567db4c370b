/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the rules of a table read, for code.c. Private to engine/. */
#ifndef BEBA_ENGINE_USES_H
#define BEBA_ENGINE_USES_H

#include "pipeline/pipeline.h"

#define NEVER UINT32_MAX /* layers that no packet has */

/* How the rules of a table use a let: how often they write it, read it before a body runs, read it
 * in bodies. value is what it is when it is written once and may be computed whenever it is read
 * before a body runs; else NULL. */
struct let_use {
    uint32_t defined, in_guards, in_bodies;
    const struct beba_expr *value;
};

/* Fills use[] of all slots. */
void beba_let_uses(const struct beba_table *t, struct let_use use[BEBA_MAX_LETS]);

/* 1 << the layers of all fields that the rules read: with them, none of these is absent. NEVER when
 * there are fields that can be absent from their layer, or layers go while rules run. */
uint32_t beba_sure_layers(const struct beba_table *t);

#endif
