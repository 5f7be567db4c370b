/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The first thing a program includes: types that its own types are made of. */
#ifndef BEBA_EMIT_RT_START_H
#define BEBA_EMIT_RT_START_H

#include "emit/rt/bpf.h"

#ifdef BEBA_TARGET_XDP
typedef struct xdp_md beba_ctx;
#else
typedef struct __sk_buff beba_ctx;
#endif

#ifndef BEBA_EDITS /* what is not used is not compiled */
#define BEBA_STAGE_EDIT __attribute__((noinline, unused)) static
#endif

#include "base/hash.h"
#include "base/timeout.h"
#include "emit/object.h"
#include "emit/rt/packet.h"
#include "pipeline/arith.h"

enum { BEBA_NO_RULE = 0xffffffff };

/* enum beba_verdict_kind, enum beba_reason and enum beba_event_kind. */
enum {
    BEBA_VERDICT_NONE,
    BEBA_VERDICT_PASS,
    BEBA_VERDICT_DROP,
    BEBA_VERDICT_OUTPUT,
    BEBA_VERDICT_REPLY,
    BEBA_VERDICT_FLOOD,
    BEBA_VERDICT_PUNT,
    BEBA_VERDICT_NEXT,
};
enum {
    BEBA_REASON_RULE,
    BEBA_REASON_DEFAULT,
    BEBA_REASON_NO_KEY,
    BEBA_REASON_FULL,
    BEBA_REASON_END,
};
enum { BEBA_EVENT_NOTIFY, BEBA_EVENT_ENTERED, BEBA_EVENT_EXPIRED, BEBA_EVENT_EVICTED };

/* One packet on its way through the tables. No pointers: it goes through memory between functions
 * that the verifier looks at one by one. */
struct beba_run {
    struct beba_pkt p; /* what the parser found, and what comes with a packet */
    uint64_t number;   /* of the packet, from 0 */
    uint32_t draws;    /* of random numbers */
    uint32_t verdict, reason, port, table, rule;
    uint32_t sampled;
#ifdef BEBA_FINE
    uint32_t lacks; /* what a reader found: the packet lacks the field; the rest of a wide one */
    uint64_t wide;
#endif
};

/* A look into another table. */
struct beba_peek {
    struct beba_seen seen;
    uint64_t hash;
    uint32_t key[BEBA_OBJECT_KEY / 4];
};

/* Memory of one CPU that a packet uses while it runs: more than the stack holds. */
struct beba_scratch {
    struct beba_run run;
    uint64_t now;            /* of the packet, for events of entries */
    uint64_t tick, tick_now; /* the clock, when it was read last: verdict.h */
    uint64_t frame[160];
    struct beba_peek peek;
    struct beba_object_sample sample;
    struct beba_object_command command;
};

#endif
