/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parts of beba run: run.c drives, run_report.c tells the outcome, run_trace.c tells of
 * packets. */
#ifndef BEBA_CLI_RUN_H
#define BEBA_CLI_RUN_H

#include "cli/cli.h"
#include "cli/native.h"

struct run_opts {
    const char *read, *write, *mirrors, *dropped, *flows, *state;
    struct cli_native_opts native;
    struct cli_number seed, limit;
    bool trace, events, json, quiet;
};

struct run {
    const struct run_opts *o;
    const char *path;
    const struct beba_program *program;
    const struct beba_pipeline *p;
    struct beba_engine *engine;
    struct beba_native_module *native; /* NULL: the interpreter runs it */
    FILE *text;   /* where results go: standard output, unless packets go there */
    json_t *json; /* the result with --json, else NULL */
    uint64_t packets, bytes;
    uint64_t first, last;             /* ns; time of the first and last packet */
    uint64_t written, mirrored, kept; /* packets written by --write, --mirrors, --drop-out */
};

/* One line, or one JSON object, about a packet that ran. before: a copy made before the run. */
struct run_before {
    struct beba_packet packet;
    uint8_t bytes[2048];
    uint32_t *state; /* one a table: of its entry before; UINT32_MAX when there is no key */
};
void run_trace_before(struct run *r, struct run_before *b, const struct beba_packet *p);
void run_trace_after(struct run *r, struct run_before *b, const struct beba_result *result);
void run_trace_events(struct run *r);

/* Everything that was counted, and the flows where asked for. */
void run_report(struct run *r);

#endif
