/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flows of one program taken over by another, by the names of key fields, states and registers. */
#ifndef BEBA_CLI_CARRY_H
#define BEBA_CLI_CARRY_H

#include "cli/cli.h"
#include "pipeline/points.h"

/* What could not be taken over: one line each. */
struct cli_losses {
    struct cli_loss {
        char what[256];
        uint64_t flows; /* it concerns; 0: not flows */
    } * loss;
    unsigned n;
    bool failed; /* out of memory */
};
void cli_losses_add(struct cli_losses *l, uint64_t flows, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cli_losses_print(struct beba_strbuf *out, const struct cli_losses *l);
json_t *cli_losses_json(const struct cli_losses *l);
void cli_losses_free(struct cli_losses *l);

struct cli_carry {
    struct beba_arena arena;
    struct beba_table from; /* as its schema tells */
    const struct beba_table *to;
    bool same_key;    /* all fields are there, perhaps in another order */
    uint32_t *state;  /* of each old state the new one; UINT32_MAX: none */
    uint8_t *reg;     /* of each new register the old one; UINT8_MAX: none */
    uint64_t *parted; /* flows lost with each old state */
    uint64_t *gone;   /* flows in which an old register that has no place had a value */
    uint64_t *narrow; /* flows whose value does not fit into each new register */
    uint8_t key[BEBA_MAX_KEY];
};

/* Plans from the schema of a flow table to a table. Free it in every case. */
int cli_carry_plan(struct cli_carry *c, const char *schema, const struct beba_table *to,
                   struct beba_error *err);
/* A flow of the new table: key lies in *c until the next one; table is left alone. False when it
 * cannot be taken over. Counts what is lost. */
bool cli_carry_flow(struct cli_carry *c, const struct beba_flow *from, struct beba_flow *to);
void cli_carry_losses(const struct cli_carry *c, uint64_t flows, struct cli_losses *out);
void cli_carry_free(struct cli_carry *c);

/* Moves a flow to another clock: its times, and registers that are points in time. */
void cli_flow_shift(struct beba_flow *flow, const struct beba_table *t, uint64_t points,
                    int64_t shift);

#endif
