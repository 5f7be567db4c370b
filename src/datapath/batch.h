/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How packets are run together: keys, what is known of them, their entries table by table, and then
 * each packet in its turn. Compiled twice: in exec.c for any tables, and as native code (native.h)
 * for those there are. Only these include this. */
#ifndef BEBA_DATAPATH_BATCH_H
#define BEBA_DATAPATH_BATCH_H

#include "base/hash.h"
#include "datapath/dp.h"
#include "packet/look.h"

enum { BEBA_BATCH = BEBA_LOOKS };

struct beba_prepared {
    struct beba_key key;
    struct beba_ask ask;
    struct beba_state_lookup lookup; /* in table 0, where that is stateful */
};

struct beba_batch {
    struct beba_datapath_worker *w;
    struct beba_packet *const *packet;
    unsigned n;
    uint64_t version;
    const struct beba_wanted *wanted;
};

struct beba_batch_calls;

/* What differs; constant where a batch is compiled. */
struct beba_batch_form {
    void (*fill)(struct beba_key *key, const struct beba_packet *p, uint16_t random,
                 uint32_t global);
    void (*look)(const struct beba_subtable_ref *ref, struct beba_look *look, unsigned n,
                 uint64_t version, const struct beba_batch_calls *calls);
    bool whole; /* keys have all fields, not only those that matches look at */
    bool ask;   /* what is known of packets is worth asking for */
};

/* What is not compiled with it. */
struct beba_batch_calls {
    void (*look)(const struct beba_subtable_ref *ref, struct beba_look *look, unsigned n,
                 uint64_t version);                                    /* in any subtable */
    bool (*ask)(const struct beba_batch *b, struct beba_prepared *of); /* false: it did not */
    void (*learn)(struct beba_ask *ask);
    void (*state)(struct beba_datapath *dp, uint8_t table, const struct beba_key *key,
                  struct beba_state_lookup *out);
    void (*general)(const struct beba_batch *b, unsigned i, struct beba_prepared *of, bool stateful,
                    bool whole);
};

/* --- entries ahead ---------------------------------------------------------------------------- */

BEBA_INLINE bool is_stateful(const struct beba_datapath *dp, uint8_t table)
{
    return atomic_load_explicit(&dp->stateful_table[table], memory_order_acquire);
}

/* Where a packet that takes the entry is looked up next while its key stays as it is; 0: nowhere.
 * A guess: where the key has changed, what was found is not taken. */
BEBA_INLINE uint8_t next_table(const struct beba_entry *e)
{
    if (e->kind == BEBA_ENTRY_GOTO)
        return (uint8_t)e->arg;
    if (e->kind == BEBA_ENTRY_OUTPUT)
        return 0;
    return e->rule->instructions.present & BEBA_OF_GOTO ? e->rule->instructions.table : 0;
}

/* Looks up packets that come to the table: the which of them. */
BEBA_INLINE void look_up(const struct beba_batch *b, uint8_t table, struct beba_prepared *of,
                         const uint8_t *which, unsigned n, const struct beba_batch_form *form,
                         const struct beba_batch_calls *calls)
{
    const struct beba_table *t = beba_datapath_table(b->w->dp, table);
    const struct beba_subtables *list =
        t ? atomic_load_explicit(&t->classifier.list, memory_order_acquire) : NULL;
    struct beba_look look[BEBA_BATCH];

    if (!list)
        return;
    for (unsigned i = 0; i < n; i++) {
        look[i].key = &of[which[i]].key;
        look[i].best = NULL;
    }
    for (uint32_t i = 0; i < list->n; i++)
        form->look(&list->of[i], look, n, b->version, calls);
    for (unsigned i = 0; i < n; i++) {
        struct beba_ask *ask = &of[which[i]].ask;
        struct beba_entry *e = look[i].best;

        if (!e)
            continue;
        ask->took.entry[ask->n++] = e;
        __builtin_prefetch(&e->tally[b->w->index], 1);
    }
}

/* Finds the entries of packets that are not known, table by table. Stateful tables, and what is
 * behind them, are looked up when it is a packet's turn: what it then finds may be what one before
 * it left. */
BEBA_INLINE void look_ahead(const struct beba_batch *b, struct beba_prepared *of,
                            const struct beba_batch_form *form,
                            const struct beba_batch_calls *calls)
{
    uint8_t come[BEBA_BATCH], at[BEBA_BATCH], left[BEBA_BATCH];
    unsigned n_left = 0;
    uint8_t table = 0;

    for (unsigned i = 0; i < b->n; i++) {
        left[n_left] = (uint8_t)i;
        at[i] = 0;
        n_left += !of[i].ask.known;
    }
    while (n_left) {
        uint8_t next = BEBA_DP_TABLES;
        unsigned n = 0, still = 0;

        for (unsigned k = 0; k < n_left; k++) {
            if (at[left[k]] == table)
                come[n++] = left[k];
            else
                left[still++] = left[k];
        }
        if (!is_stateful(b->w->dp, table))
            look_up(b, table, of, come, n, form, calls);
        for (unsigned k = 0; k < n; k++) {
            const struct beba_ask *ask = &of[come[k]].ask;
            const struct beba_entry *e = ask->n ? ask->took.entry[ask->n - 1] : NULL;

            if (!e || e->table != table || ask->n == BEBA_PATH_TABLES || !next_table(e))
                continue;
            at[come[k]] = next_table(e);
            left[still++] = come[k];
        }
        n_left = still;
        for (unsigned k = 0; k < n_left; k++)
            next = at[left[k]] < next ? at[left[k]] : next;
        table = next;
    }
}

/* --- each packet ------------------------------------------------------------------------------ */

BEBA_INLINE void count_drop(struct beba_datapath_worker *w, enum beba_datapath_drop reason)
{
    beba_count(&w->drops[reason], 1);
}

BEBA_INLINE void count_entry(const struct beba_datapath_worker *w, const struct beba_packet *p,
                             const struct beba_entry *e)
{
    struct beba_tally *tally = &e->tally[w->index];

    if (!(e->mark & BEBA_ENTRY_NO_PACKETS))
        beba_count(&tally->packets, 1);
    if (!(e->mark & BEBA_ENTRY_NO_BYTES))
        beba_count(&tally->bytes, p->wire_len > p->len ? p->wire_len : p->len);
    __atomic_store_n(&tally->used, p->now, __ATOMIC_RELAXED);
}

BEBA_INLINE bool refused(struct beba_datapath_worker *w, const struct beba_packet *p)
{
    const struct beba_datapath_port *from = beba_datapath_port(w->dp, p->in_port);
    uint16_t config = atomic_load_explicit(&w->dp->config, memory_order_relaxed);

    if (from && from->config & (OFPPC_NO_RECV | OFPPC_PORT_DOWN)) {
        count_drop(w, BEBA_DP_DROP_PORT);
        return true;
    }
    if ((config & OFPC_FRAG_MASK) == OFPC_FRAG_DROP && p->h.layers & 1u << BEBA_LAYER_IP &&
        beba_look_fragment(p->data, &p->h)) {
        count_drop(w, BEBA_DP_DROP_FRAGMENT);
        return true;
    }
    return false;
}

/* The tables' entries that a packet takes, from table 0 on, when all they say is where to go next
 * and which port it leaves by; else 0. */
BEBA_INLINE unsigned simple_way(const struct beba_datapath *dp, const struct beba_prepared *of,
                                uint32_t global)
{
    uint8_t table = 0;

    if (global != atomic_load_explicit(&dp->global_state, memory_order_relaxed))
        return 0;
    for (unsigned i = 0; i < of->ask.n; i++) {
        const struct beba_entry *e = of->ask.took.entry[i];

        if (e->table != table || is_stateful(dp, table))
            return 0;
        if (e->kind != BEBA_ENTRY_GOTO)
            return e->kind == BEBA_ENTRY_OUTPUT ? i + 1 : 0;
        table = (uint8_t)e->arg;
    }
    return 0;
}

/* A packet that nothing else is done with, to a port below OFPP_MAX. */
BEBA_INLINE void send_simply(struct beba_datapath_worker *w, struct beba_packet *p, uint32_t port)
{
    const struct beba_datapath_port *to = beba_datapath_port(w->dp, port);

    if (port != p->in_port && beba_datapath_may_send(to))
        beba_datapath_give(&w->sink, to, p, true);
    else
        count_drop(w, BEBA_DP_DROP_PORT);
}

/* Runs a packet on a simple way; false, and nothing done, when its way is not. */
BEBA_INLINE bool run_simply(struct beba_datapath_worker *w, struct beba_packet *p,
                            const struct beba_prepared *of, uint32_t global)
{
    unsigned n = simple_way(w->dp, of, global);
    const struct beba_entry *e = NULL;

    for (unsigned i = 0; i < n; i++) {
        e = of->ask.took.entry[i];
        beba_count(&w->memory->table[e->table].lookups, 1);
        beba_count(&w->memory->table[e->table].matches, 1);
        count_entry(w, p, e);
    }
    if (e)
        send_simply(w, p, e->arg);
    return n;
}

/* At most BEBA_BATCH packets. */
BEBA_INLINE void beba_batch_run(const struct beba_batch *b, const struct beba_batch_form *form,
                                const struct beba_batch_calls *calls)
{
    struct beba_datapath_worker *w = b->w;
    uint32_t global = atomic_load_explicit(&w->dp->global_state, memory_order_relaxed);
    bool stateful = is_stateful(w->dp, 0), asked;
    struct beba_prepared of[BEBA_BATCH];

    for (unsigned i = 0; i < b->n; i++) {
        uint64_t random = beba_splitmix64(w->random += BEBA_DP_RANDOM_STEP);

        form->fill(&of[i].key, b->packet[i], (uint16_t)random, global);
        of[i].ask.known = false;
        of[i].ask.n = 0;
    }
    for (unsigned i = 0; stateful && i < b->n; i++) {
        of[i].lookup.entered = false;
        of[i].lookup.by = NULL;
        if (form->whole)
            calls->state(w->dp, 0, &of[i].key, &of[i].lookup);
    }
    /* into a stateful table every packet comes with a state, and so with a key of its own */
    asked = form->ask && !stateful && calls->ask(b, of);
    if (b->n > 1 && !stateful)
        look_ahead(b, of, form, calls);
    for (unsigned i = 0; i < b->n; i++)
        if (!refused(w, b->packet[i]) && !run_simply(w, b->packet[i], &of[i], global))
            calls->general(b, i, &of[i], stateful, form->whole);
    for (unsigned i = 0; asked && i < b->n; i++)
        calls->learn(&of[i].ask);
}

#endif
