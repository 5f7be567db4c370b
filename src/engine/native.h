/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The contract between an engine and compiled code that runs its packets.
 *
 * The engine keeps all data: flow tables, globals, arrays, sets, counters, events, mirrors. Code is
 * another way to run packets over them, and may be put in and taken out between any two runs:
 * nothing is converted, nothing is lost. Generated C includes this header, too.
 *
 * Code is made and loaded by native/native.h. */
#ifndef BEBA_ENGINE_NATIVE_H
#define BEBA_ENGINE_NATIVE_H

#include "engine/engine.h"

#define BEBA_NATIVE_SYMBOL "beba_native_code"
#define BEBA_NATIVE_MAGIC  0x766974616e626562ull /* "bebnativ" */
enum { BEBA_NATIVE_VERSION = 1 };

struct beba_ft_shape;

/* What code asks of the engine: nothing of it is in the way of the common packet. */
struct beba_native_calls {
    void (*parse)(struct beba_packet *p);
    bool (*field_write)(struct beba_packet *p, enum beba_field_id id, struct beba_u128 v);
    int (*push_vlan)(struct beba_packet *p, uint16_t tpid, uint16_t tci);
    int (*pop_vlan)(struct beba_packet *p);
    int (*push_mpls)(struct beba_packet *p, uint16_t ethertype, uint32_t label, uint8_t ttl);
    int (*pop_mpls)(struct beba_packet *p, uint16_t ethertype);
    bool (*swap)(struct beba_packet *p, enum beba_layer layer);
    /* A copy of the packet as it is now. */
    void (*mirror)(struct beba_engine *e, const struct beba_packet *p, uint32_t port);
    /* A global of more than 64 bits, where several threads use it. */
    struct beba_u128 (*load_wide)(const struct beba_engine *e, uint32_t global);
    void (*store_wide)(const struct beba_engine *e, uint32_t global, struct beba_u128 v);
    /* Room for an event; NULL when there is none. */
    struct beba_event *(*event)(struct beba_engine *e, enum beba_event_kind kind, uint64_t time,
                                uint32_t table);
    /* Of a table that one thread uses: timeouts may be due; NULL when they ended the entry. */
    struct beba_ft_entry *(*expire)(struct beba_engine *e, uint32_t table,
                                    struct beba_ft_entry *entry, uint64_t now, bool lookup);
    /* A new entry of a key that has none; NULL: the table refused. */
    struct beba_ft_entry *(*insert)(struct beba_engine *e, uint32_t table, const uint32_t *key,
                                    uint64_t hash, uint64_t now);
    void (*remove)(struct beba_engine *e, uint32_t table, struct beba_ft_entry *entry);
    /* Of a table in a file, which a killed process must not leave half written. */
    void (*store)(struct beba_engine *e, uint32_t table, struct beba_ft_entry *entry,
                  uint32_t state, uint64_t entered, uint64_t used, const void *regs);
    /* Of a table that several threads use: what happened to an entry. */
    void (*expired)(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                    const struct beba_seen *seen);
    void (*evicted)(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                    uint64_t now);
};

struct beba_native_table {
    struct beba_ft *ft;                /* NULL: the table has no key */
    uint64_t *lookups, *hits, *no_key; /* counters */
    uint32_t twin; /* an earlier table whose hash of the same key is the same, or its own number */
};

/* What code works on: of one handle, filled by the engine. */
struct beba_native {
    struct beba_engine *e;
    const struct beba_native_calls *call;
    struct beba_native_table *table;
    /* Pointers to the value of each global (uint64_t, or struct beba_u128), the first cell of each
     * array, and each set (struct set of engine/set.h). */
    void *const *values;
    struct beba_rule_counters *rule, *counter;
    struct beba_engine_stats *stats;
    const uint32_t *n_mirrors;
    uint64_t seed;         /* of random() */
    uint64_t first_number; /* of this handle's packets, for random() */
};

/* What a compiled object has under BEBA_NATIVE_SYMBOL. */
struct beba_native_code {
    uint64_t magic;
    uint32_t version;
    uint32_t lone;   /* for one thread at a time: no locks */
    uint64_t source; /* hash of the C, of what it includes, and so of the program */
    uint32_t n_tables, n_rules;
    void (*run)(const struct beba_native *native, struct beba_packet *const *packets, unsigned n,
                struct beba_result *results);
};

/* From the next run on packets go through code (NULL: through the interpreter). Between two runs.
 * Code for one thread is not used while there are several handles: then the interpreter runs them.
 * Afterwards a packet's headers are those that the program looks at: beba_packet_parse has all.
 * What is traced runs in the interpreter, on the same data. The code must be of this engine's
 * pipeline, and stay as long as it is used. -EINVAL: it is not; -ENOMEM. */
int beba_engine_use(struct beba_engine *e, const struct beba_native_code *code);
const struct beba_native_code *beba_engine_code(const struct beba_engine *e);

#endif
