/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine's side of compiled code: what it works on, and what it asks for. */
#include "engine/native.h"

#include <errno.h>
#include <string.h>

#include "engine/internal.h"

static void expired(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                    const struct beba_seen *seen)
{
    beba_event_expired(e, table, entry, seen->state, seen->deadline);
}

static void evicted(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                    uint64_t now)
{
    struct beba_event *event;

    if (!e->opts.all_events)
        return;
    event = beba_event_new(e, BEBA_EVENT_EVICTED, now, table);
    if (!event)
        return;
    event->from = entry->state;
    beba_event_key(e, event, entry->body);
}

static struct beba_ft_entry *expire(struct beba_engine *e, uint32_t table,
                                    struct beba_ft_entry *entry, uint64_t now, bool lookup)
{
    struct beba_ft *ft = e->table[table].ft;
    struct beba_seen seen = {.state = entry->state, .entered = entry->entered, .used = entry->used};

    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
    if (!seen.expired) {
        if (lookup)
            entry->used = now;
        return entry;
    }
    ft->counters.expiries++;
    expired(e, table, entry, &seen);
    if (beba_ft_is_over(ft, &seen)) {
        beba_ft_remove(ft, entry);
        return NULL;
    }
    beba_ft_store(ft, entry, seen.state, seen.entered, lookup ? now : seen.used, NULL);
    return entry;
}

static struct beba_ft_entry *insert(struct beba_engine *e, uint32_t table, const uint32_t *key,
                                    uint64_t hash, uint64_t now)
{
    struct beba_ft_entry *entry;
    bool gone;

    entry = beba_ft_insert(e->table[table].ft, key, hash, now, &e->evicted.entry, &gone);
    if (gone)
        evicted(e, table, &e->evicted.entry, now);
    return entry;
}

static void take_out(struct beba_engine *e, uint32_t table, struct beba_ft_entry *entry)
{
    beba_ft_remove(e->table[table].ft, entry);
}

static void store(struct beba_engine *e, uint32_t table, struct beba_ft_entry *entry,
                  uint32_t state, uint64_t entered, uint64_t used, const void *regs)
{
    beba_ft_store(e->table[table].ft, entry, state, entered, used, regs);
}

static const struct beba_native_calls calls = {
    .parse = beba_packet_parse,
    .field_write = beba_field_write,
    .push_vlan = beba_packet_push_vlan,
    .pop_vlan = beba_packet_pop_vlan,
    .push_mpls = beba_packet_push_mpls,
    .pop_mpls = beba_packet_pop_mpls,
    .swap = beba_packet_swap,
    .mirror = beba_mirror_add,
    .event = beba_event_new,
    .load_wide = global_load,
    .store_wide = global_store,
    .expire = expire,
    .insert = insert,
    .remove = take_out,
    .store = store,
    .expired = expired,
    .evicted = evicted,
};

/* An earlier table with the same secret: a key has one hash in both. */
static uint32_t twin_of(const struct beba_engine *e, uint32_t table)
{
    const struct beba_ft *ft = e->table[table].ft;

    for (uint32_t i = 0; ft && i < table; i++) {
        const struct beba_ft *other = e->table[i].ft;

        if (other && !memcmp(other->word, ft->word, sizeof(ft->word)) &&
            !memcmp(other->mix, ft->mix, sizeof(ft->mix)) &&
            !memcmp(other->turn, ft->turn, sizeof(ft->turn)))
            return i;
    }
    return table;
}

/* The region counts lookups where one thread uses it; else each handle does. */
static void fill(struct beba_engine *e, bool lone, struct beba_native_table *table, void **value)
{
    const struct beba_pipeline *p = e->p;
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        table[i].ft = e->table[i].ft;
        table[i].no_key = &e->counts[i].no_key;
        table[i].twin = twin_of(e, i);
        if (!table[i].ft)
            continue;
        table[i].lookups = lone ? &table[i].ft->counters.lookups : &e->counts[i].lookups;
        table[i].hits = lone ? &table[i].ft->counters.hits : &e->counts[i].hits;
    }
    for (uint32_t i = 0; i < p->n_globals; i++)
        value[n++] = p->global[i].type.width > 64 ? (void *)&e->global[i] : &e->global[i].lo;
    for (uint32_t i = 0; i < p->n_arrays; i++)
        value[n++] = e->array[i].cell;
    for (uint32_t i = 0; i < p->n_sets; i++)
        value[n++] = &e->set[i];
    e->native = (struct beba_native){.e = e,
                                     .call = &calls,
                                     .table = table,
                                     .values = value,
                                     .rule = e->rule,
                                     .counter = e->counter,
                                     .stats = &e->stats,
                                     .n_mirrors = &e->mirrors.n,
                                     .seed = e->opts.seed,
                                     .first_number = e->first_number};
}

int beba_engine_use(struct beba_engine *e, const struct beba_native_code *code)
{
    const struct beba_pipeline *p = e->p;
    size_t n_values = (size_t)p->n_globals + p->n_arrays + p->n_sets;
    struct beba_native_table *table;
    void **value;

    if (code && (code->magic != BEBA_NATIVE_MAGIC || code->version != BEBA_NATIVE_VERSION ||
                 code->n_tables != p->n_tables || code->n_rules != p->n_rules))
        return -EINVAL;
    if (code && e->several && code->lone)
        return -EINVAL;
    if (code && !e->native.e) {
        table = beba_arena_array(&e->arena, p->n_tables + 1ul, sizeof(*table));
        value = beba_arena_array(&e->arena, n_values + 1, sizeof(*value));
        if (!table || !value)
            return -ENOMEM;
        e->native.table = table;
        e->native.values = value;
    }
    if (code)
        fill(e, code->lone, e->native.table, (void **)(uintptr_t)e->native.values);
    e->code = code;
    return 0;
}

const struct beba_native_code *beba_engine_code(const struct beba_engine *e)
{
    return e->code;
}
