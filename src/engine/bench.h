/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How fast this machine runs a program: synthetic flows, packets in memory.
 *
 * The packets vary the key fields of the program's first table with a key, so that there are as
 * many flows as asked for; other fields take the constants that the program's guards compare them
 * with, so that rules are reached. Where a program looks at TCP flags, each flow first makes a
 * handshake that is not measured. Flows are drawn uniformly or by a Zipf law; time goes on as at 10
 * million packets a second. A share of the packets can be of flows never seen before; tables have
 * room for some of them, and when that is used up all flows are made anew, outside of what is
 * measured.
 *
 * What is measured is beba_engine_run on batches of BEBA_BATCH: parsing, lookup, rules, and where
 * the program edits packets, copying each into a fresh buffer first. With one core, by the time of
 * the thread, so that other processes are in it only by the caches they use; with several, each
 * thread has a share of the packets and a handle on one engine, and time is the clock's. Allocates
 * and makes threads; all are gone when it returns. */
#ifndef BEBA_ENGINE_BENCH_H
#define BEBA_ENGINE_BENCH_H

#include "base/int.h"
#include "pipeline/pipeline.h"

struct beba_engine;
struct beba_error;

enum { BEBA_BENCH_FLOWS_MAX = 1 << 24, BEBA_BENCH_CORES_MAX = 64 };

struct beba_bench_opts {
    uint32_t flows;   /* 1..BEBA_BENCH_FLOWS_MAX */
    double skew;      /* exponent of the Zipf law; 0 = uniform */
    double new_flows; /* share of packets that open a flow, 0..1 */
    double seconds;   /* measured, all rounds together; 0 = 1 */
    unsigned rounds;  /* the result is their median; 0 = 5 */
    unsigned cores;   /* threads; 0 = 1 */
    bool latency;     /* also time batches one by one, in rounds of their own */
    uint64_t seed;
    /* What makes another engine of an interpreter, before packets run; may be NULL. */
    int (*prepare)(void *arg, struct beba_engine *e, struct beba_error *err);
    void *arg;
};

struct beba_bench_result {
    uint64_t packets;           /* measured */
    double mpps, ns_per_packet; /* median round; of all cores together */
    double mpps_min, mpps_max;
    double p50, p99, p999;              /* ns, of a batch; with latency */
    uint64_t entries, capacity, memory; /* of all tables, at the end */
    uint64_t lookups, hits, creations, evictions, refusals;
    uint64_t verdict[BEBA_N_VERDICTS];
};

/* Every table gets room for the flows, whatever its capacity says. -EINVAL (an option out of
 * bounds; no packet can have the key), -ENOMEM, -EAGAIN (no thread), and what prepare returns. */
int beba_bench_run(const struct beba_pipeline *p, const struct beba_bench_opts *opts,
                   struct beba_bench_result *out, struct beba_error *err);

#endif
