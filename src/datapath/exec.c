/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets through the tables [5.1]. */
#include <string.h>

#include "datapath/batch.h"
#include "datapath/native.h"
#include "datapath/program.h"

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

static bool ask_all(const struct beba_batch *b, struct beba_prepared *of)
{
    struct beba_cache *c = &b->w->memory->cache;

    if (!beba_cache_wanted(b->w->dp, c, b->wanted, b->n))
        return false;
    for (unsigned i = 0; i < b->n; i++)
        beba_cache_ask(c, b->wanted, &of[i].key, b->version, &of[i].ask);
    for (unsigned i = 0; i < b->n; i++)
        beba_cache_answer(c, &of[i].ask);
    for (unsigned i = 0; i < b->n; i++)
        beba_cache_follow(&of[i].ask, b->w->index);
    return true;
}

/* A packet of which more is to be done than counting and sending it. */
static void run_one(const struct beba_batch *b, unsigned i, struct beba_prepared *of, bool stateful,
                    bool whole)
{
    struct beba_datapath_exec x;
    uint32_t copies;

    begin(&x, b->w, b->packet[i], b->version, &copies);
    x.key = of->key;
    if (!whole)
        beba_key_begin(&x.key, b->packet[i], beba_key_random(&of->key), beba_key_global(&of->key));
    x.ask = &of->ask;
    if (stateful)
        x.lookup = of->lookup;
    beba_datapath_pipeline(&x, 0);
}

static void fill_key(struct beba_key *key, const struct beba_packet *p, uint16_t random,
                     uint32_t global)
{
    beba_key_begin(key, p, random, global);
}

static void look_in_any(const struct beba_subtable_ref *ref, struct beba_look *look, unsigned n,
                        uint64_t version, const struct beba_batch_calls *calls)
{
    beba_look_by_words(ref, look, n, version);
}

static const struct beba_batch_form any_tables = {fill_key, look_in_any, true, true};
static const struct beba_batch_calls batch_calls = {beba_look_by_words, ask_all, beba_cache_learn,
                                                    beba_stateful_ask, run_one};

void beba_datapath_run(struct beba_datapath_worker *w, struct beba_packet *const packet[],
                       unsigned n)
{
    for (unsigned done = 0; done < n; done += BEBA_BATCH) {
        struct beba_batch b = {.w = w,
                               .packet = packet + done,
                               .n = n - done < BEBA_BATCH ? n - done : BEBA_BATCH,
                               .version = version_now(w->dp)};
        const struct beba_special *special;

        /* In this order: an entry's tuple is wanted before a version has the entry. */
        b.wanted = atomic_load_explicit(&w->dp->wanted, memory_order_acquire);
        special = atomic_load_explicit(&w->dp->special, memory_order_acquire);
        if (special && b.wanted && special->serial == b.wanted->serial)
            special->run(&b, &batch_calls);
        else
            beba_batch_run(&b, &any_tables, &batch_calls);
    }
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
