/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parts of beba explain: explain.c takes packets from captures and from the command line,
 * explain_live.c from programs in the kernel. */
#ifndef BEBA_CLI_EXPLAIN_H
#define BEBA_CLI_EXPLAIN_H

#include "cli/cli.h"

struct explain_opts {
    const char *read, *dev, *match;
    struct cli_list numbers, packets, ports, times;
    struct cli_number seed, every, timeout;
    bool drops, json;
};

struct explain {
    const struct explain_opts *o;
    const struct beba_sources *sources;
    const struct beba_pipeline *p;
    struct beba_engine *engine;
    json_t *list; /* of packets, with --json; NULL: text */
    uint64_t explained;
    uint64_t now; /* of the last packet of the capture */
};

/* Runs a packet and tells what happened. */
int explain_one(struct explain *x, const char *title, struct beba_packet *p,
                struct beba_result *result);
/* What the program on device o->dev decides, packet by packet. */
int explain_live(const struct explain_opts *o);

#endif
