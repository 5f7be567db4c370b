/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between target.c (the walk and the lists of what is missing) and target_openflow.c. */
#ifndef BEBA_PIPELINE_TARGET_WALK_H
#define BEBA_PIPELINE_TARGET_WALK_H

#include "pipeline/target.h"

struct beba_target_walk {
    const struct beba_pipeline *p;
    const struct beba_table *t;
    enum beba_target target;
    struct beba_diags *diags;
    unsigned found;
    uint32_t said;                 /* of this table: bit i = lack i was named */
    struct beba_strbuf *condition; /* OpenFlow: conditions of this table, as text */
    unsigned n_conditions;
};

void beba_target_say(struct beba_target_walk *w, enum beba_severity severity, struct beba_loc loc,
                     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What the lists cannot say of OpenFlow: shapes and limits. */
void beba_openflow_table(struct beba_target_walk *w);
void beba_openflow_stmt(struct beba_target_walk *w, const struct beba_stmt *s);
void beba_openflow_expr(struct beba_target_walk *w, const struct beba_expr *e);
void beba_openflow_verdict(struct beba_target_walk *w, const struct beba_verdict *v);
void beba_openflow_pipeline(struct beba_target_walk *w);

#endif
