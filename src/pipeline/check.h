/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between check.c (tables, rules, statements) and check_expr.c (expressions). */
#ifndef BEBA_PIPELINE_CHECK_H
#define BEBA_PIPELINE_CHECK_H

#include "pipeline/pipeline.h"

/* let slots that have a value where the check stands */
struct beba_slots {
    uint64_t set[BEBA_MAX_LETS / 64];
};

/* A let among the rules: seen by those rules after it that are tried only where it was computed. */
struct beba_let_def {
    uint32_t slot, state, mask;
};

struct beba_check {
    const struct beba_pipeline *p;
    const struct beba_table *t;   /* NULL: outside of any */
    const struct beba_rule *rule; /* NULL: outside of any */
    const char *part;             /* "guard", "default verdict"; NULL = a statement */
    uint32_t stmt;                /* outermost statement of the rule's body, from 0 */
    bool no_entry;                /* no lookup has happened: registers and direction mean nothing */
    uint32_t nodes;
    struct beba_let_def *def; /* of this table, in order */
    uint32_t n_defs;
    struct beba_error *err;
};

/* Fills the error with what is wrong and where the check stands. Returns code. */
int beba_check_fail(struct beba_check *c, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Counts one node; -E2BIG past BEBA_MAX_NODES, or below BEBA_MAX_DEPTH. */
int beba_check_node(struct beba_check *c, unsigned depth);

bool beba_type_valid(struct beba_type type);
/* True when v needs no more than width bits. */
bool beba_fits(struct beba_u128 v, unsigned width);
bool beba_ranges_sorted(const struct beba_range *range, uint32_t n);

/* Checks an expression, NULL included. */
int beba_check_expr(struct beba_check *c, const struct beba_expr *e,
                    const struct beba_slots *slots);
/* An expression of at most max bits, or of exactly 128 when max is. */
int beba_check_value(struct beba_check *c, const struct beba_expr *e,
                     const struct beba_slots *slots, unsigned max);
/* A truth value. */
int beba_check_truth(struct beba_check *c, const struct beba_expr *e,
                     const struct beba_slots *slots);

#endif
