/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parts of the engine share. Private to engine/. */
#ifndef BEBA_ENGINE_INTERNAL_H
#define BEBA_ENGINE_INTERNAL_H

#include <pthread.h>

#include "engine/code.h"
#include "engine/engine.h"
#include "engine/key.h"
#include "engine/native.h"
#include "engine/set.h"
#include "state/ft_core.h"

#define NO_RULE UINT32_MAX

struct table {
    const struct code_table *code;
    struct beba_ft *ft; /* NULL: the table has no key */
    bool odd;           /* see odd_keys */
    uint32_t keys;      /* early: where they begin, of a batch; those of a twin are its own */
    struct beba_ft_region region;
    uint8_t secret[32]; /* of the hash, unless the table lies in a file */
};

/* A table whose keys are taken before the first table runs. */
struct early {
    const struct table *table;
    struct beba_ft *ft;
    uint32_t keys; /* where they begin, of a batch */
    bool two_keys;
};

/* Cells of 1, 2, 4 or 8 bytes. */
struct array {
    void *cell;
    uint64_t rows, columns;
    uint8_t size;
};

/* Room for the copy of an evicted entry. */
union spare_entry {
    struct beba_ft_entry entry;
    uint64_t room[(sizeof(struct beba_ft_entry) + BEBA_FT_KEY_MAX + BEBA_FT_REGS_MAX) / 8 + 2];
};

struct event_ring {
    struct beba_event *event;
    uint64_t cap;
    uint64_t first, last, ready; /* since the beginning: taken, put, and to be taken */
};

struct mirror_list {
    struct beba_mirror *mirror;
    uint8_t *bytes;
    uint32_t n, cap;
    uint32_t used, size; /* of bytes */
};

/* What a handle counts of a table beside what the region counts. */
struct table_counts {
    uint64_t no_key;
    uint64_t lookups, hits; /* of handles that share: else the region has them */
};

/* What the handles of an engine have in common. */
struct shared {
    const struct beba_pipeline *p;
    struct beba_arena arena; /* of all that is here, and of the code */
    struct table *table;
    struct beba_u128 *global;
    struct array *array;
    struct set *set;
    pthread_mutex_t lock; /* of the list of handles, and of who changes sets */
    struct beba_engine *first;
    uint32_t n_handles; /* there are now */
    uint32_t n_made;    /* in all */
    uint32_t wide;      /* odd while a global of more than 64 bits is written */
    uint32_t headers;   /* 1 << the layers that sure rules read */
    struct sums *sums;  /* NULL while there is one handle */
};

/* One handle: what one thread needs to run packets. What points into struct shared is copied here,
 * so that the packet path finds it at one step. */
struct beba_engine {
    const struct beba_pipeline *p;
    struct table *table;
    struct beba_u128 *global;
    struct array *array;
    struct set *set;
    struct beba_engine_opts opts;
    struct early early[EARLY_TABLES], taken[EARLY_TABLES]; /* taken: once, of twins */
    uint32_t n_early, n_taken;
    uint8_t header[BEBA_N_LAYERS]; /* layers that sure rules read */
    uint32_t n_headers;
    bool several; /* there are or were other handles: tables are used with locks */

    struct beba_rule_counters *rule, *counter;
    struct table_counts *counts; /* of each table */
    struct beba_engine_stats stats;
    uint64_t first_number; /* of its packets, for random(n): no two handles draw the same */
    struct event_ring events;
    struct mirror_list mirrors;
    struct beba_u128 let[BEBA_MAX_LETS];
    bool let_absent[BEBA_MAX_LETS];                 /* the let read a field the packet lacked */
    const struct code_stmt *pending[BEBA_MAX_LETS]; /* lets that nobody has read yet */

    uint64_t batches; /* begun and ended: odd while one runs. Sets wait for it */
    struct shared *shared;
    struct beba_engine *next; /* of the handles */
    struct beba_arena arena;  /* of what is this handle's */
    union spare_entry *copy;  /* of the entry that a flow was last made of; handles that share */
    const struct beba_native_code *code; /* NULL: the interpreter runs packets */
    struct beba_native native;           /* filled when code is first used */
    union spare_entry evicted;
};

/* The keys of a packet in a table. */
struct table_keys {
    bool has; /* the packet has all fields of both keys */
    struct flow_key lookup, update;
};

struct tracer;

/* One packet on its way through the tables. */
struct exec {
    struct beba_engine *e;
    struct beba_packet *p;
    const struct table *t;
    const struct code_rules *rules; /* of table t, in the form that this packet takes */
    const struct table_keys *keys;  /* in table t */
    struct tracer *tracer;          /* NULL when nobody watches */
    uint64_t number;                /* of the packet, from 0 */
    uint32_t draws;                 /* of random numbers so far */
    bool absent;   /* the expression being evaluated read a field the packet lacks */
    uint32_t rule; /* taken in this table, or NO_RULE */
    uint32_t port;
    uint32_t read_state, state; /* L, U */
    bool forward;
    bool went;  /* a goto happened */
    bool dirty; /* a register was assigned: regs is U */
    uint8_t verdict;
    const uint8_t *read_regs;             /* L: of the entry, or initial ones; regs once written */
    const uint8_t *old_regs;              /* U before the rule */
    uint64_t regs[BEBA_FT_REGS_MAX / 8];  /* U, when dirty */
    struct holding *holding;              /* handles that share: what is locked */
    bool busy;                            /* the same: a lock was not to be had */
    const uint8_t *header[BEBA_N_LAYERS]; /* where the headers of e->header[] are */
};

/* Runs a parsed packet through all tables. keys: those of an early table at
 * keys[table.keys]. */
void beba_exec_packet(struct beba_engine *e, struct beba_packet *p, const struct table_keys *keys,
                      struct beba_result *result);
void beba_exec_packet_shared(struct beba_engine *e, struct beba_packet *p,
                             const struct table_keys *keys, struct beba_result *result);
void beba_exec_packet_traced(struct beba_engine *e, struct beba_packet *p,
                             const struct table_keys *keys, struct beba_result *result,
                             struct tracer *tracer);

void beba_exec_packet_traced_shared(struct beba_engine *e, struct beba_packet *p,
                                    const struct table_keys *keys, struct beba_result *result,
                                    struct tracer *tracer);

/* Runs one packet, unparsed, as beba_engine_run does, and tells the tracer. */
void beba_engine_run_traced(struct beba_engine *e, struct beba_packet *packet,
                            struct beba_result *result, struct tracer *tracer);

BEBA_INLINE void table_keys_take(const struct table *t, const struct beba_packet *p,
                                 struct table_keys *out)
{
    const struct code_table *code = t->code;

    out->has = key_take(&code->lookup, p, &out->lookup);
    if (!out->has)
        return;
    out->lookup.hash = beba_ft_hash(t->ft, out->lookup.word);
    if (!code->two_keys)
        return;
    out->has = key_take(&code->update, p, &out->update);
    if (out->has)
        out->update.hash = beba_ft_hash(t->ft, out->update.word);
}

/* Between the two a handle runs packets: whoever changes what they read waits for that. */
BEBA_INLINE void engine_enter(struct beba_engine *e)
{
    e->mirrors.n = 0;
    e->mirrors.used = 0;
    if (e->several)
        __atomic_store_n(&e->batches, e->batches + 1, __ATOMIC_SEQ_CST);
}

/* Events may be taken by another thread, once they are complete. */
BEBA_INLINE void engine_publish(struct beba_engine *e)
{
    __atomic_store_n(&e->events.ready, e->events.last, __ATOMIC_RELEASE);
}

BEBA_INLINE void engine_leave(struct beba_engine *e)
{
    engine_publish(e);
    if (e->several)
        __atomic_store_n(&e->batches, e->batches + 1, __ATOMIC_RELEASE);
}

/* Waits until no handle runs a batch that began before. shared->lock is held. */
void beba_engine_wait(struct shared *s);

/* A handle on s, the first one or another. */
int beba_handle_new(struct shared *s, const struct beba_engine_opts *opts, struct beba_engine **out,
                    struct beba_error *err);

/* Counts what another thread may read; for what is seldom. */
BEBA_INLINE void bump(uint64_t *n)
{
    __atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
}

/* Room for an event, time and table filled; NULL and counted when the ring is full. */
struct beba_event *beba_event_new(struct beba_engine *e, enum beba_event_kind kind, uint64_t time,
                                  uint32_t table);
void beba_event_key(const struct beba_engine *e, struct beba_event *event, const void *key);

/* Due timeouts bring an entry, as it still is, to a state; told if somebody wants to know. */
void beba_event_expired(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                        uint32_t to, uint64_t deadline);

/* Copies the packet as it is now. */
void beba_mirror_add(struct beba_engine *e, const struct beba_packet *p, uint32_t port);

BEBA_INLINE uint64_t array_index(const struct array *a, uint64_t row, uint64_t column)
{
    return row % a->rows * a->columns + column % a->columns;
}

BEBA_INLINE uint64_t cell_load(const struct array *a, uint64_t i)
{
    switch (a->size) {
    case 1:
        return __atomic_load_n((const uint8_t *)a->cell + i, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n((const uint16_t *)a->cell + i, __ATOMIC_RELAXED);
    case 4:
        return __atomic_load_n((const uint32_t *)a->cell + i, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((const uint64_t *)a->cell + i, __ATOMIC_RELAXED);
    }
}

BEBA_INLINE void cell_store(const struct array *a, uint64_t i, uint64_t v)
{
    switch (a->size) {
    case 1:
        __atomic_store_n((uint8_t *)a->cell + i, (uint8_t)v, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((uint16_t *)a->cell + i, (uint16_t)v, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)a->cell + i, (uint32_t)v, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint64_t *)a->cell + i, v, __ATOMIC_RELAXED);
    }
}

/* A global of more than 64 bits is read and written as a whole. */
struct beba_u128 beba_wide_load(struct shared *s, uint32_t global);
void beba_wide_store(struct shared *s, uint32_t global, struct beba_u128 v);

BEBA_INLINE struct beba_u128 global_load(const struct beba_engine *e, uint32_t global)
{
    if (e->several && e->p->global[global].type.width > 64)
        return beba_wide_load(e->shared, global);
    return beba_u128(e->global[global].hi,
                     __atomic_load_n(&e->global[global].lo, __ATOMIC_RELAXED));
}

BEBA_INLINE void global_store(const struct beba_engine *e, uint32_t global, struct beba_u128 v)
{
    if (e->p->global[global].type.width > 64)
        beba_wide_store(e->shared, global, v);
    else
        __atomic_store_n(&e->global[global].lo, v.lo, __ATOMIC_RELAXED);
}

#endif
