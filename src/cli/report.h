/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was counted, as text and as JSON, wherever the program runs: beba run tells of the
 * interpreter with it, beba show of the kernel. */
#ifndef BEBA_CLI_REPORT_H
#define BEBA_CLI_REPORT_H

#include "cli/cli.h"

/* Where the numbers come from. */
struct report_ops {
    int (*table)(void *from, uint32_t table, struct beba_table_stats *out);
    void (*rule)(void *from, uint32_t rule, struct beba_rule_counters *out);
    void (*counter)(void *from, uint32_t counter, struct beba_rule_counters *out);
    void (*global)(void *from, uint32_t global, struct beba_u128 *out);
    bool (*next_flow)(void *from, uint32_t table, uint64_t now, uint64_t *cursor,
                      struct beba_flow *out);
};

struct report {
    const struct beba_program *program;
    const struct beba_pipeline *p;
    FILE *text;   /* where flows are printed */
    json_t *json; /* gets the result; NULL = text only */
    uint64_t now; /* ns: as of when flows are told */
    const struct report_ops *ops;
    void *from;
};

/* Packets by verdict and by reason, and what was lost. */
void report_verdicts(struct report *r, const struct beba_engine_stats *s, struct beba_strbuf *out);
/* Machines: entries, states, rules. */
void report_tables(struct report *r, struct beba_strbuf *out);
/* Named counters and globals. */
void report_values(struct report *r, struct beba_strbuf *out);
/* Prints the flows of a machine, "" for all, as they are found; with JSON adds them to it. */
void report_flows(struct report *r, const char *machine);

#endif
