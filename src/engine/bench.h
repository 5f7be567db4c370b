/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How fast this machine runs a program: synthetic flows, packets in memory, one core.
 *
 * The packets vary the key fields of the program's first table with a key, so that there are as
 * many flows as asked for; other fields take the constants that the program's guards compare them
 * with, so that rules are reached. Where a program looks at TCP flags, each flow first makes a
 * handshake that is not measured. Flows are drawn uniformly or by a Zipf law; time goes on as at 10
 * million packets a second. What is measured is beba_engine_run on batches of BEBA_BATCH: parsing,
 * lookup, rules, and where the program edits packets, copying each into a fresh buffer first.
 * Allocates; one thread. */
#ifndef BEBA_ENGINE_BENCH_H
#define BEBA_ENGINE_BENCH_H

#include "base/int.h"
#include "pipeline/pipeline.h"

struct beba_error;

enum { BEBA_BENCH_FLOWS_MAX = 1 << 24 };

struct beba_bench_opts {
    uint32_t flows;  /* 1..BEBA_BENCH_FLOWS_MAX */
    double skew;     /* exponent of the Zipf law; 0 = uniform */
    double seconds;  /* measured, all rounds together; 0 = 1 */
    unsigned rounds; /* the result is their median; 0 = 5 */
    uint64_t seed;
};

struct beba_bench_result {
    uint64_t packets;           /* measured */
    double mpps, ns_per_packet; /* median round */
    double mpps_min, mpps_max;
    uint64_t entries, capacity, memory; /* of all tables, at the end */
    uint64_t lookups, hits, creations, evictions, refusals;
    uint64_t verdict[BEBA_N_VERDICTS];
};

/* Every table gets room for the flows, whatever its capacity says. -EINVAL (flows out of bounds; no
 * packet can have the key), -ENOMEM. */
int beba_bench_run(const struct beba_pipeline *p, const struct beba_bench_opts *opts,
                   struct beba_bench_result *out, struct beba_error *err);

#endif
