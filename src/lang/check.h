/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Checks on lowered machines, one file each: what a rule may leave open and where states lead
 * (check.c), which headers a packet has where (presence.c), which guards can hold (guards.c). */
#ifndef BEBA_LANG_CHECK_H
#define BEBA_LANG_CHECK_H

#include "lang/lower.h"

/* The rules of a state, or of all states (any): a run of the table's rules. */
struct rule_run {
    uint32_t first, end;
    uint32_t state; /* any: n_states */
};

/* The runs of a machine: one a state, then one of rules for any state. Scratch memory. */
struct rule_run *beba_rule_runs(struct lower *c, const struct machine *m, uint32_t *n);

/* Same value whenever both are computed for the same packet, in guards of one state. */
bool beba_same_expr(const struct beba_expr *a, const struct beba_expr *b);

/* Layers a packet has for certain when e is true (truth) or false, as a bit set. */
uint32_t beba_implied_layers(const struct machine *m, const struct beba_expr *e, bool truth);
uint32_t beba_key_layers(const struct machine *m);

/* A guard that was wrong: nothing is known about it. */
struct beba_expr *beba_opaque_guard(struct lower *c, struct beba_loc loc);

/* known: layers of every packet that reaches the machine. Returns those of every packet it sends
 * on. */
uint32_t beba_check_presence(struct lower *c, struct machine *m, uint32_t known);
void beba_check_guards(struct lower *c, struct machine *m);

#endif
