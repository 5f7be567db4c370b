/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets through the tables [5.1]. */
#include <string.h>

#include "datapath/program.h"
#include "packet/look.h"

/* Of a table that is not stateful no packet has these. */
#define STATEFUL_FIELDS (1ull << BEBA_OF_STATE | 0xffull << BEBA_OF_CONDITION0)

void beba_datapath_exec_refill(struct beba_datapath_exec *x)
{
    beba_key_fill(&x->key, x->packet);
    x->stale = false;
    x->ask = NULL;
}

static uint32_t global_state(const struct beba_datapath_worker *w)
{
    return atomic_load_explicit(&w->dp->global_state, memory_order_relaxed);
}

static void make_key(struct beba_datapath_worker *w, const struct beba_packet *p,
                     struct beba_key *key)
{
    beba_key_begin(key, p, (uint16_t)beba_datapath_worker_random(w), global_state(w));
}

/* All but the key. */
static void begin(struct beba_datapath_exec *x, struct beba_datapath_worker *w,
                  struct beba_packet *p, uint64_t version, uint32_t *copies)
{
    x->dp = w->dp;
    x->worker = w;
    x->packet = p;
    x->stale = false;
    x->went = false;
    x->table = 0;
    x->reason = OFPR_ACTION;
    x->depth = x->level = 0;
    x->packet_out = x->ends = x->last = false;
    x->lookup.entered = false;
    x->lookup.by = NULL;
    x->ask = NULL;
    x->asked = 0;
    x->version = version;
    x->cookie = UINT64_MAX;
    x->in_port = p->in_port;
    *copies = BEBA_DP_CLONES;
    x->copies = copies;
    beba_action_set_clear(&x->set);
}

static uint64_t version_now(const struct beba_datapath *dp)
{
    return atomic_load_explicit(&dp->version, memory_order_acquire);
}

bool beba_datapath_may_copy(struct beba_datapath_exec *x)
{
    if (*x->copies) {
        --*x->copies;
        return true;
    }
    beba_datapath_drop(x, BEBA_DP_DROP_TOO_DEEP);
    return false;
}

static void begin_like(const struct beba_datapath_exec *x, struct beba_datapath_exec *copy,
                       struct beba_packet *packet)
{
    copy->dp = x->dp;
    copy->worker = x->worker;
    copy->packet = packet;
    copy->key = x->key;
    copy->stale = x->stale;
    copy->ask = NULL;
    copy->went = false;
    copy->table = x->table;
    copy->reason = x->reason;
    copy->depth = x->depth;
    copy->level = x->level;
    copy->packet_out = x->packet_out;
    copy->ends = copy->last = false;
    copy->version = x->version;
    copy->cookie = x->cookie;
    copy->in_port = x->in_port;
    copy->lookup.entered = false;
    copy->lookup.by = NULL;
    if (x->lookup.entered)
        copy->lookup = x->lookup;
    copy->copies = x->copies;
    beba_action_set_clear(&copy->set);
}

void beba_datapath_lend(struct beba_datapath_exec *x, struct beba_datapath_exec *other)
{
    begin_like(x, other, x->packet);
}

static bool next_level(struct beba_datapath_exec *x, uint8_t *level)
{
    *level = (uint8_t)(x->level + 1);
    if (x->level + 1u < BEBA_DP_LEVELS)
        return beba_datapath_may_copy(x);
    beba_datapath_drop(x, BEBA_DP_DROP_TOO_DEEP);
    return false;
}

static void place_frame(struct beba_datapath_worker *w, uint8_t level, struct beba_packet *packet,
                        const uint8_t *frame, uint32_t len)
{
    packet->data = w->memory->level[level] + BEBA_DP_ROOM;
    packet->len = len;
    packet->headroom = packet->tailroom = BEBA_DP_ROOM;
    memcpy(packet->data, frame, len);
}

bool beba_datapath_copy(struct beba_datapath_exec *x, struct beba_datapath_exec *copy,
                        struct beba_packet *packet)
{
    uint32_t len = x->packet->len < BEBA_PACKET_MAX ? x->packet->len : BEBA_PACKET_MAX;
    uint8_t level;

    if (!next_level(x, &level))
        return false;
    *packet = *x->packet;
    place_frame(x->worker, level, packet, x->packet->data, len);
    begin_like(x, copy, packet);
    copy->level = level;
    return true;
}

/* --- instructions ----------------------------------------------------------------------------- */

/* A template's frame, as a packet-out would bring it [docs/beba-extension.md, 11.4]. */
static void generate(struct beba_datapath_exec *x, const struct beba_of_instructions *in)
{
    struct beba_packet packet = {.now = x->packet->now, .link = BEBA_LINK_ETHERNET};
    struct beba_datapath_exec copy;
    const uint8_t *frame;
    uint32_t len;
    uint8_t level;

    if (!beba_stateful_template(x->dp->stateful, in->template_id, &frame, &len) || !len ||
        len > BEBA_PACKET_MAX || !next_level(x, &level))
        return;
    place_frame(x->worker, level, &packet, frame, len);
    packet.wire_len = len;
    beba_packet_parse(&packet);
    begin_like(x, &copy, &packet);
    copy.level = level;
    copy.stale = true;
    copy.in_port = 0;
    copy.cookie = 0;
    copy.reason = OFPR_ACTION;
    copy.packet_out = true;
    if (beba_datapath_apply(&copy, &in->generate) && !copy.went)
        beba_datapath_drop(&copy, BEBA_DP_DROP_ACTION);
}

static void write_metadata(struct beba_datapath_exec *x, const struct beba_of_instructions *in)
{
    struct beba_packet *p = x->packet;

    p->metadata = (p->metadata & ~in->metadata_mask) | (in->metadata & in->metadata_mask);
    x->ask = NULL;
    if (!x->stale)
        beba_key_set(&x->key, (enum beba_of_field)OFPXMT_OFB_METADATA, beba_u128(0, p->metadata));
}

/* False when the packet has ended. */
static bool instruct(struct beba_datapath_exec *x, const struct beba_of_instructions *in)
{
    if (in->present & BEBA_OF_PKT_GEN)
        generate(x, in);
    if (in->present & BEBA_OF_METER && !beba_datapath_meter(x, in->meter))
        return false;
    x->ends = !(in->present & (BEBA_OF_WRITE | BEBA_OF_GOTO)) && !x->set.present;
    if (in->present & BEBA_OF_APPLY && !beba_datapath_apply(x, &in->apply))
        return false;
    if (in->present & BEBA_OF_CLEAR)
        beba_action_set_clear(&x->set);
    if (in->present & BEBA_OF_WRITE)
        beba_action_set_write(&x->set, &in->write);
    if (in->present & BEBA_OF_METADATA)
        write_metadata(x, in);
    return true;
}

static void count_entry(const struct beba_datapath_worker *w, const struct beba_packet *p,
                        const struct beba_entry *e)
{
    struct beba_tally *tally = &e->tally[w->index];

    if (!(e->mark & BEBA_ENTRY_NO_PACKETS))
        beba_count(&tally->packets, 1);
    if (!(e->mark & BEBA_ENTRY_NO_BYTES))
        beba_count(&tally->bytes, p->wire_len > p->len ? p->wire_len : p->len);
    __atomic_store_n(&tally->used, p->now, __ATOMIC_RELAXED);
}

/* The table's entry for the packet: by what is known of packets like it, else found and noted. */
static struct beba_entry *look(struct beba_datapath_exec *x, uint8_t table)
{
    const struct beba_table *t = beba_datapath_table(x->dp, table);
    struct beba_ask *ask = x->ask;
    struct beba_entry *e;

    if (ask && x->asked < ask->n) {
        e = ask->took.entry[x->asked];
        if (e->table == table) {
            x->asked++;
            return e;
        }
        x->ask = NULL;
    }
    e = t ? beba_classifier_look(&t->classifier, &x->key, x->version) : NULL;
    if (e && x->ask && !ask->known && ask->n < BEBA_PATH_TABLES) {
        ask->took.entry[ask->n++] = e;
        x->asked++;
    }
    return e;
}

static struct beba_entry *match(struct beba_datapath_exec *x, uint8_t table)
{
    struct beba_key *key = beba_datapath_exec_key(x);
    uint32_t global = global_state(x->worker);

    x->table = table;
    key->w[0] &= ~STATEFUL_FIELDS;
    if (__builtin_expect(beba_key_global(key) != global, 0)) {
        beba_key_set(key, BEBA_OF_GLOBAL_STATE, beba_u128(0, global));
        x->ask = NULL;
    }
    if (__builtin_expect(beba_datapath_stateful_table(x->dp, table), 0)) {
        x->ask = NULL;
        beba_stateful_enter(x, table);
        beba_datapath_exec_key(x);
    }
    beba_count(&x->worker->memory->table[table].lookups, 1);
    return look(x, table);
}

void beba_datapath_pipeline(struct beba_datapath_exec *x, uint8_t table)
{
    for (;;) {
        struct beba_entry *e;

        if (__builtin_expect(beba_datapath_stateful_table(x->dp, table), 0)) {
            enum beba_program_way way = beba_datapath_run_program(x, &table);

            if (way == BEBA_PROGRAM_ENDED)
                return;
            if (way == BEBA_PROGRAM_GOES_ON)
                continue;
        }
        e = match(x, table);
        if (!e) {
            beba_datapath_drop(x, BEBA_DP_DROP_MISS);
            return;
        }
        beba_count(&x->worker->memory->table[table].matches, 1);
        count_entry(x->worker, x->packet, e);
        if (e->kind == BEBA_ENTRY_GOTO) {
            table = (uint8_t)e->arg;
            continue;
        }
        if (e->kind == BEBA_ENTRY_OUTPUT && !x->set.present) {
            x->last = true;
            beba_datapath_output(x, e->arg, 0);
            return;
        }
        x->cookie = e->cookie;
        x->reason = e->mark & BEBA_ENTRY_MISS ? OFPR_NO_MATCH : OFPR_ACTION;
        if (!instruct(x, &e->rule->instructions))
            return;
        if (!(e->rule->instructions.present & BEBA_OF_GOTO))
            break;
        table = e->rule->instructions.table;
    }
    x->ends = true;
    beba_datapath_apply_set(x);
    if (!x->went)
        beba_datapath_drop(x, BEBA_DP_DROP_ACTION);
}

/* --- in and out ------------------------------------------------------------------------------- */

static void count_drop(struct beba_datapath_worker *w, enum beba_datapath_drop reason)
{
    beba_count(&w->drops[reason], 1);
}

static bool refused(struct beba_datapath_worker *w, const struct beba_packet *p)
{
    const struct beba_datapath_port *from = beba_datapath_port(w->dp, p->in_port);
    uint16_t config = atomic_load_explicit(&w->dp->config, memory_order_relaxed);

    if (from && from->config & (OFPPC_NO_RECV | OFPPC_PORT_DOWN)) {
        count_drop(w, BEBA_DP_DROP_PORT);
        return true;
    }
    if ((config & OFPC_FRAG_MASK) == OFPC_FRAG_DROP && beba_packet_has(p, BEBA_LAYER_IP) &&
        beba_look_fragment(p->data, &p->h)) {
        count_drop(w, BEBA_DP_DROP_FRAGMENT);
        return true;
    }
    return false;
}

/* Packets are asked about together, and then run one after the other. */
enum { BATCH = BEBA_LOOKS };

struct prepared {
    struct beba_key key;
    struct beba_ask ask;
    struct beba_state_lookup lookup; /* in table 0, where that is stateful */
};

static void ask_all(struct beba_datapath_worker *w, const struct beba_wanted *wanted,
                    uint64_t version, struct prepared *of, unsigned n)
{
    struct beba_cache *c = &w->memory->cache;

    for (unsigned i = 0; i < n; i++)
        beba_cache_ask(c, wanted, &of[i].key, version, &of[i].ask);
    for (unsigned i = 0; i < n; i++)
        beba_cache_answer(c, &of[i].ask);
    for (unsigned i = 0; i < n; i++)
        beba_cache_follow(&of[i].ask, w->index);
}

/* Where a packet that takes the entry is looked up next while its key stays as it is; 0: nowhere.
 * A guess: where the key has changed, what was found is not taken. */
static uint8_t next_table(const struct beba_entry *e)
{
    if (e->kind == BEBA_ENTRY_GOTO)
        return (uint8_t)e->arg;
    if (e->kind == BEBA_ENTRY_OUTPUT)
        return 0;
    return e->rule->instructions.present & BEBA_OF_GOTO ? e->rule->instructions.table : 0;
}

/* Looks up packets that come to the table, and says where each goes from there. */
static void look_up(struct beba_datapath_worker *w, uint8_t table, uint64_t version,
                    struct prepared *const come[], unsigned n, uint8_t *at[])
{
    const struct beba_table *t = beba_datapath_table(w->dp, table);
    struct beba_look look[BATCH];

    for (unsigned i = 0; i < n; i++)
        look[i].key = &come[i]->key;
    if (t)
        beba_classifier_look_all(&t->classifier, look, n, version);
    for (unsigned i = 0; i < n; i++) {
        struct beba_ask *ask = &come[i]->ask;
        struct beba_entry *e = t ? look[i].best : NULL;

        *at[i] = BEBA_DP_TABLES;
        if (!e)
            continue;
        ask->took.entry[ask->n++] = e;
        __builtin_prefetch(&e->tally[w->index], 1);
        if (ask->n < BEBA_PATH_TABLES && next_table(e))
            *at[i] = next_table(e);
    }
}

/* Finds the entries of packets that are not known, table by table. Stateful tables, and what is
 * behind them, are looked up when it is a packet's turn: what it then finds may be what one before
 * it left. */
static void look_ahead(struct beba_datapath_worker *w, uint64_t version, struct prepared *of,
                       unsigned n)
{
    struct prepared *come[BATCH];
    uint8_t at[BATCH], *here[BATCH], table = 0;

    for (unsigned i = 0; i < n; i++)
        at[i] = of[i].ask.known ? BEBA_DP_TABLES : 0;
    while (table < BEBA_DP_TABLES) {
        unsigned n_come = 0;
        uint8_t next = BEBA_DP_TABLES;

        for (unsigned i = 0; i < n; i++) {
            if (at[i] == table) {
                here[n_come] = &at[i];
                come[n_come++] = &of[i];
            }
        }
        if (n_come && beba_datapath_stateful_table(w->dp, table)) {
            for (unsigned i = 0; i < n_come; i++)
                *here[i] = BEBA_DP_TABLES;
        } else if (n_come) {
            look_up(w, table, version, come, n_come, here);
        }
        for (unsigned i = 0; i < n; i++)
            next = at[i] < next ? at[i] : next;
        table = next;
    }
}

/* The tables' entries that a packet takes, from table 0 on, when all they say is where to go next
 * and which port it leaves by; else 0. */
static unsigned simple_way(const struct beba_datapath *dp, const struct prepared *of)
{
    uint8_t table = 0;

    if (beba_key_global(&of->key) != atomic_load_explicit(&dp->global_state, memory_order_relaxed))
        return 0;
    for (unsigned i = 0; i < of->ask.n; i++) {
        const struct beba_entry *e = of->ask.took.entry[i];

        if (e->table != table || beba_datapath_stateful_table(dp, table))
            return 0;
        if (e->kind != BEBA_ENTRY_GOTO)
            return e->kind == BEBA_ENTRY_OUTPUT ? i + 1 : 0;
        table = (uint8_t)e->arg;
    }
    return 0;
}

/* Runs a packet on a simple way; false, and nothing done, when its way is not. */
static bool run_simple(struct beba_datapath_worker *w, struct beba_packet *p,
                       const struct prepared *of)
{
    unsigned n = simple_way(w->dp, of);
    const struct beba_entry *e = NULL;

    for (unsigned i = 0; i < n; i++) {
        e = of->ask.took.entry[i];
        beba_count(&w->memory->table[e->table].lookups, 1);
        beba_count(&w->memory->table[e->table].matches, 1);
        count_entry(w, p, e);
    }
    if (e && !beba_datapath_send(w, p, e->arg))
        count_drop(w, BEBA_DP_DROP_PORT);
    return n;
}

static void run_batch(struct beba_datapath_worker *w, struct beba_packet *const packet[],
                      unsigned n)
{
    uint64_t version = version_now(w->dp);
    const struct beba_wanted *wanted = atomic_load_explicit(&w->dp->wanted, memory_order_acquire);
    bool ask = beba_cache_wanted(w->dp, &w->memory->cache, wanted, n);
    bool stateful = beba_datapath_stateful_table(w->dp, 0);
    struct prepared of[BATCH];
    struct beba_datapath_exec x;
    uint32_t copies;

    for (unsigned i = 0; i < n; i++) {
        make_key(w, packet[i], &of[i].key);
        if (!ask) {
            of[i].ask.known = false;
            of[i].ask.n = 0;
        }
    }
    for (unsigned i = 0; stateful && i < n; i++)
        beba_stateful_ask(w->dp, 0, &of[i].key, &of[i].lookup);
    if (ask)
        ask_all(w, wanted, version, of, n);
    if (n > 1 && !stateful)
        look_ahead(w, version, of, n);
    for (unsigned i = 0; i < n; i++) {
        if (refused(w, packet[i]) || run_simple(w, packet[i], &of[i]))
            continue;
        begin(&x, w, packet[i], version, &copies);
        x.key = of[i].key;
        x.ask = &of[i].ask;
        if (stateful)
            x.lookup = of[i].lookup;
        beba_datapath_pipeline(&x, 0);
    }
    for (unsigned i = 0; ask && i < n; i++)
        beba_cache_learn(&of[i].ask);
}

void beba_datapath_run(struct beba_datapath_worker *w, struct beba_packet *const packet[],
                       unsigned n)
{
    for (unsigned done = 0; done < n; done += BATCH)
        run_batch(w, packet + done, n - done < BATCH ? n - done : BATCH);
}

void beba_datapath_execute(struct beba_datapath_worker *w, struct beba_packet *packet,
                           const struct beba_of_actions *actions)
{
    struct beba_datapath_exec x;
    uint32_t copies;

    begin(&x, w, packet, version_now(w->dp), &copies);
    make_key(w, packet, &x.key);
    x.packet_out = true;
    if (beba_datapath_apply(&x, actions) && !x.went)
        beba_datapath_drop(&x, BEBA_DP_DROP_ACTION);
}
