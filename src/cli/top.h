/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parts of beba top: top.c looks, top_view.c draws. */
#ifndef BEBA_CLI_TOP_H
#define BEBA_CLI_TOP_H

#include "cli/deployment.h"

enum { TOP_EVENTS = 64 };

/* A program as it was at the last two looks. */
struct top_program {
    char name[BEBA_KERNEL_NAME];
    struct cli_deployment d;
    uint32_t n_tables;
    double seconds; /* between the looks; 0: there was one only */
    uint64_t when;
    struct beba_kernel_stats stats, before;
    struct beba_rule_counters *rule, *rule_before;
    uint64_t **states; /* flows: of each table, in each state */
    unsigned skip;     /* refreshes without counting flows */
    struct beba_event event[TOP_EVENTS];
    uint64_t n_events, events_before; /* all that came; the newest are kept */
};

struct top_size {
    unsigned rows, columns;
    bool colour;
};

/* details: rules, states and events of every program, as far as there is room. */
void top_draw(struct beba_strbuf *out, const struct top_program *program, unsigned n,
              const struct top_size *size, bool details);
json_t *top_json(const struct top_program *program, unsigned n);

#endif
