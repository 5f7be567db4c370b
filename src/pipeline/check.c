/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"
#include "pipeline/layout.h"

#include <errno.h>

int beba_pipeline_finish(struct beba_pipeline *p, struct beba_error *err)
{
    int rc;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        struct beba_table *t = &p->table[i];

        beba_key_layout(&t->lookup);
        beba_key_layout(&t->update);
        t->two_keys = t->update.kind != BEBA_KEY_NONE;
        beba_regs_layout(t);
    }
    rc = beba_pipeline_layout(p);
    if (rc)
        return beba_error_set(err, rc, "out of memory");
    return 0;
}
