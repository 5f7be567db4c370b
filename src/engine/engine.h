/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine: runs a pipeline on batches of packets. This one is the interpreter, the reference
 * semantics of beba (docs/machine.md); compiled engines will stand behind the same interface.
 *
 * An engine owns its tables, globals, arrays, sets, counters and event ring; all memory is taken
 * when it is made, none on the packet path. The pipeline must outlive it.
 *
 * Threads. A handle (struct beba_engine) serves one thread at a time; each thread that runs packets
 * has its own, made by beba_engine_share. Handles have the same flow tables, globals, arrays and
 * sets; each has its own statistics, events, mirrors and scratch memory. Who reads statistics reads
 * sums over all handles, and events come from all of them. */
#ifndef BEBA_ENGINE_ENGINE_H
#define BEBA_ENGINE_ENGINE_H

#include "packet/packet.h"
#include "pipeline/pipeline.h"
#include "state/ft.h"

struct beba_error;
struct beba_engine;

enum {
    BEBA_BATCH = 32,
    BEBA_MAX_PORTS = 65536,
};

enum beba_event_kind {
    BEBA_EVENT_NOTIFY,
    BEBA_EVENT_ENTERED,
    BEBA_EVENT_EXPIRED,
    BEBA_EVENT_EVICTED,
};

struct beba_event {
    uint64_t time; /* ns: now of the packet; for expiries the deadline */
    uint8_t kind;  /* enum beba_event_kind */
    uint8_t n_args;
    uint32_t table, rule; /* rule: 0xffffffff when none */
    uint32_t notice;      /* NOTIFY */
    uint32_t from, to;    /* ENTERED, EXPIRED: states; EVICTED: from */
    uint32_t key_size;    /* 0: the table has no key */
    uint8_t key[BEBA_FT_KEY_MAX];
    struct beba_u128 arg[BEBA_MAX_NOTIFY_ARGS];
};

struct beba_engine_opts {
    uint64_t seed;         /* of random(n) and of the flow tables when fixed_seed */
    bool fixed_seed;       /* reproducible; otherwise the flow tables take a secret of the system */
    uint32_t events;       /* room in the event ring; 0 = 4096 */
    uint32_t mirror_bytes; /* room for mirrored copies of one batch; 0 = 1 MiB */
    uint64_t capacity;     /* overrides every table's capacity; 0 = as the program says */
    const char *state_dir; /* tables in mapped files DIR/<machine>.ft; NULL = private memory */
    bool all_events;       /* record EXPIRED and EVICTED too */
};

/* Why a packet ended as it did. */
enum beba_reason {
    BEBA_REASON_RULE,    /* a rule's own verdict */
    BEBA_REASON_DEFAULT, /* the table's default */
    BEBA_REASON_NO_KEY,
    BEBA_REASON_FULL,
    BEBA_REASON_END,  /* next after the last table */
    BEBA_REASON_BUSY, /* several handles: an entry's lock was not to be had, dropped */
    BEBA_N_REASONS
};
const char *beba_reason_name(enum beba_reason reason);

struct beba_result {
    uint8_t verdict;                  /* enum beba_verdict_kind, never NONE or NEXT */
    uint8_t reason;                   /* enum beba_reason */
    uint32_t port;                    /* OUTPUT; REPLY: the input port */
    uint32_t table;                   /* that decided */
    uint32_t rule;                    /* that decided; 0xffffffff when none */
    uint32_t first_mirror, n_mirrors; /* in the engine's mirror list, until the next run */
};

struct beba_mirror {
    uint32_t port;
    uint32_t len, wire_len;
    const uint8_t *data;
};

/* Everything an engine counts, by the same names on every target. */
struct beba_rule_counters {
    uint64_t packets, bytes;
};
struct beba_table_stats {
    uint64_t entries, capacity;
    struct beba_ft_counters counters;
    uint64_t no_key;
    uint64_t memory; /* bytes of the region */
};
struct beba_engine_stats {
    uint64_t packets, bytes;
    uint64_t verdict[BEBA_N_VERDICTS];
    uint64_t reason[BEBA_N_REASONS];
    uint64_t events_lost, mirrors_lost;
    uint64_t edit_failed; /* a push without room, a pop without a tag */
};

int beba_engine_new(const struct beba_pipeline *p, const struct beba_engine_opts *opts,
                    struct beba_engine **out, struct beba_error *err);
/* Another handle on the same engine, with the options of e. While no handle runs. -ENOMEM. */
int beba_engine_share(struct beba_engine *e, struct beba_engine **out, struct beba_error *err);
/* Frees a handle with what it counted; the last one frees the tables. */
void beba_engine_free(struct beba_engine *e);

/* Runs n packets in order; results[i] belongs to packets[i]. Packets are parsed here, may be
 * edited, and keep their buffers. Any n; works in batches of BEBA_BATCH. */
void beba_engine_run(struct beba_engine *e, struct beba_packet *const *packets, unsigned n,
                     struct beba_result *results);

/* Mirrored copies of the last run. */
const struct beba_mirror *beba_engine_mirrors(const struct beba_engine *e, uint32_t *n);
/* Takes the oldest event; false when there is none. */
bool beba_engine_event(struct beba_engine *e, struct beba_event *out);
void beba_event_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                      const struct beba_event *event);

/* Background expiry of all tables: a bounded piece of work. Returns entries freed. */
uint64_t beba_engine_sweep(struct beba_engine *e, uint32_t n_buckets, uint64_t now);

const struct beba_pipeline *beba_engine_pipeline(const struct beba_engine *e);
const struct beba_engine_stats *beba_engine_stats(const struct beba_engine *e);
const struct beba_rule_counters *beba_engine_rule(const struct beba_engine *e, uint32_t rule);
const struct beba_rule_counters *beba_engine_counter(const struct beba_engine *e, uint32_t counter);
int beba_engine_table(const struct beba_engine *e, uint32_t table, struct beba_table_stats *out);
/* A global register; also returns its low 64 bits. out may be NULL. */
uint64_t beba_engine_global(const struct beba_engine *e, uint32_t global, struct beba_u128 *out);
/* An array's cell; indices are taken modulo its size, row is 0 of a one-dimensional one. */
uint64_t beba_engine_cell(const struct beba_engine *e, uint32_t array, uint64_t row,
                          uint64_t column);

/* Flows, as they are at now (due timeouts applied to the copy, the entry untouched). */
struct beba_flow {
    uint32_t table;
    const uint8_t *key; /* in the table, until the next run */
    uint32_t state;
    bool backward;                  /* made by a packet that goes backward: for FORWARD */
    uint64_t entered, used, born;   /* ns; born to 2^24 ns */
    uint64_t deadline;              /* ns of the next timeout, 0 = none runs */
    uint8_t regs[BEBA_FT_REGS_MAX]; /* aligned as a uint64_t: registers are read in place */
};
/* Walks a table's flows; *cursor starts at 0; false at the end. Flows whose timeouts have freed
 * them by now are left out. */
bool beba_engine_next_flow(struct beba_engine *e, uint32_t table, uint64_t now, uint64_t *cursor,
                           struct beba_flow *out);
/* An entry of a table's region, or a copy of one, as a flow; key points into it. False when
 * timeouts have freed it by now. */
bool beba_flow_of_entry(const struct beba_ft *ft, uint32_t table, struct beba_ft_entry *entry,
                        uint64_t now, struct beba_flow *out);
/* A register of a flow. */
struct beba_u128 beba_flow_reg(const struct beba_table *t, const struct beba_flow *flow,
                               uint32_t reg);
/* The flow with these key bytes; without an entry false, and *out has the initial state and
 * registers and no key. */
bool beba_engine_flow_of_key(struct beba_engine *e, uint32_t table, const void *key, uint64_t now,
                             struct beba_flow *out);
/* The flow of this packet, parsed, in a table (its lookup key); false when it has no key or no
 * entry. */
bool beba_engine_find_flow(struct beba_engine *e, uint32_t table, const struct beba_packet *packet,
                           struct beba_flow *out);

/* Makes or overwrites the flow of flow->key with its state, times and registers (not: deadline).
 * -EINVAL: no such table or state; -ENOSPC: no room, and the table refuses. */
int beba_engine_put_flow(struct beba_engine *e, const struct beba_flow *flow);
/* Takes all flows out of all tables. */
void beba_engine_clear(struct beba_engine *e);
/* Shared values, cut to their width. */
void beba_engine_set_global(struct beba_engine *e, uint32_t global, struct beba_u128 value);
void beba_engine_set_cell(struct beba_engine *e, uint32_t array, uint64_t row, uint64_t column,
                          uint64_t value);

/* Sets, changed by name while in use. -ENOENT, -EEXIST, -ENOSPC. */
int beba_engine_set_add(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                        struct beba_error *err);
int beba_engine_set_del(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                        struct beba_error *err);

/* The elements of a set, sorted, until it is next changed. */
const struct beba_range *beba_engine_set_elements(const struct beba_engine *e, uint32_t set,
                                                  uint32_t *n);

/* --- explain ------------------------------------------------------------------------------- */

enum beba_trace_kind {
    BEBA_TRACE_PACKET,
    BEBA_TRACE_TABLE,  /* "machine port_knocking" */
    BEBA_TRACE_KEY,    /* "ip.src=10.0.0.1"; why: which field is missing */
    BEBA_TRACE_ENTRY,  /* state and times; why: registers */
    BEBA_TRACE_EXPIRY, /* a timeout was due */
    BEBA_TRACE_LET,
    BEBA_TRACE_RULE,  /* result: taken or not */
    BEBA_TRACE_GUARD, /* a part of a compound guard, or the condition of an if */
    BEBA_TRACE_STATEMENT,
    BEBA_TRACE_FULL,  /* the table had no room */
    BEBA_TRACE_STORE, /* what became of the entry */
    BEBA_TRACE_VERDICT,
    BEBA_N_TRACE_KINDS
};
const char *beba_trace_kind_name(enum beba_trace_kind kind);

struct beba_trace_step {
    uint8_t kind;         /* enum beba_trace_kind */
    int8_t result;        /* 1 true, 0 false, -1 neither */
    uint8_t depth;        /* indentation: parts of a guard, statements of an if */
    uint32_t table, rule; /* rule: 0xffffffff when none */
    struct beba_loc loc;  /* of what it is about; len 0 when it has none */
    const char *text;     /* "on tcp.dst == 22" */
    const char *why;      /* "tcp.dst is 80"; "" when there is nothing to say */
};

/* What happened to a packet and why, step by step. Zero-initialise it; it may be used again. */
struct beba_trace {
    struct beba_trace_step *step;
    uint32_t n, cap;
    struct beba_arena arena; /* texts */
};

/* Runs one packet like beba_engine_run and records what happened and why: key, entry, timeouts,
 * every guard tried with the values that made it true or false, statements, verdict. -ENOMEM: the
 * packet ran, but the record is incomplete. Allocates. */
int beba_engine_trace(struct beba_engine *e, struct beba_packet *packet, struct beba_result *result,
                      struct beba_trace *out);
/* As text for people; sources (may be NULL) give places. */
void beba_trace_print(struct beba_strbuf *out, const struct beba_trace *trace,
                      const struct beba_sources *sources);
void beba_trace_free(struct beba_trace *trace);

/* Both at once, without places. */
void beba_engine_explain(struct beba_engine *e, struct beba_packet *packet,
                         struct beba_result *result, struct beba_strbuf *out);

#endif
