/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flow tables' entries: how they come, and how they go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/dp.h"

struct beba_table *beba_table_make(struct beba_datapath *dp, uint8_t table)
{
    struct beba_table *t = beba_datapath_table(dp, table);

    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (t)
        atomic_store_explicit(&dp->table[table], t, memory_order_release);
    return t;
}

void beba_tally_release(struct beba_tally *tally)
{
    if (!--tally->refs)
        free(tally);
}

static void free_entry(void *arg)
{
    struct beba_entry *e = arg;

    beba_tally_release(e->tally);
    free(e->rule);
    free(e);
}

void beba_tables_free(struct beba_datapath *dp)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        struct beba_table *t = beba_datapath_table(dp, (uint8_t)i);
        if (!t)
            continue;
        for (size_t n = 0; n < t->entries.n; n++)
            free_entry(t->entries.item[n]);
        beba_classifier_free(&t->classifier);
        free(t->entries.item);
        free(t);
    }
}

struct beba_tally *beba_tally_new(const struct beba_datapath *dp)
{
    size_t size = dp->opts.n_workers * sizeof(struct beba_tally);
    struct beba_tally *tally = aligned_alloc(BEBA_CACHE_LINE, size);

    if (tally)
        memset(tally, 0, size);
    return tally;
}

void beba_tally_sum(const struct beba_datapath *dp, const struct beba_tally *tally,
                    uint64_t *packets, uint64_t *bytes, uint64_t *used)
{
    *packets = *bytes = *used = 0;
    for (unsigned i = 0; i < dp->opts.n_workers; i++) {
        uint64_t last = beba_counted(&tally[i].used);
        *packets += beba_counted(&tally[i].packets);
        *bytes += beba_counted(&tally[i].bytes);
        *used = last > *used ? last : *used;
    }
}

/* Recognises instructions that come to one thing. */
static void classify(struct beba_entry *e)
{
    const struct beba_of_instructions *in = &e->rule->instructions;
    const struct beba_of_actions *only = in->present == BEBA_OF_APPLY   ? &in->apply
                                         : in->present == BEBA_OF_WRITE ? &in->write
                                                                        : NULL;

    if (in->present == BEBA_OF_GOTO) {
        e->kind = BEBA_ENTRY_GOTO;
        e->arg = in->table;
    } else if (only && only->n == 1 && only->action[0].type == OFPAT_OUTPUT &&
               only->action[0].output.port < OFPP_MAX) {
        e->kind = BEBA_ENTRY_OUTPUT;
        e->arg = only->action[0].output.port;
    }
}

static void refer(struct beba_datapath *dp, const struct beba_entry *e, int by)
{
    const struct beba_of_instructions *in = &e->rule->instructions;
    struct beba_object *meter =
        in->present & BEBA_OF_METER ? beba_datapath_find_meter(dp, in->meter) : NULL;

    if (in->present & BEBA_OF_APPLY)
        beba_datapath_refer(dp, &in->apply, by);
    if (in->present & BEBA_OF_WRITE)
        beba_datapath_refer(dp, &in->write, by);
    if (in->present & BEBA_OF_PKT_GEN)
        beba_datapath_refer(dp, &in->generate, by);
    if (meter)
        meter->refs += (uint32_t)by;
}

/* Into, and out of, what the control thread keeps of current entries. */
static void make_current(struct beba_datapath *dp, struct beba_entry *e)
{
    struct beba_table *t = beba_datapath_table(dp, e->table);

    e->table_at = (uint32_t)t->entries.n;
    t->entries.item[t->entries.n++] = e;
    beba_heap_add(dp, e);
    refer(dp, e, 1);
}

static void make_past(struct beba_datapath *dp, struct beba_entry *e)
{
    struct beba_table *t = beba_datapath_table(dp, e->table);
    struct beba_entry *last = t->entries.item[--t->entries.n];

    t->entries.item[e->table_at] = last;
    last->table_at = e->table_at;
    beba_heap_remove(dp, e);
    refer(dp, e, -1);
}

static void fill(struct beba_datapath *dp, struct beba_entry *e, const struct beba_entry_says *says)
{
    e->rule = says->rule;
    e->tally = says->tally;
    e->tally->refs++;
    e->table = says->table;
    e->priority = says->priority;
    e->idle = says->idle;
    e->hard = says->hard;
    e->flags = says->flags;
    e->cookie = says->cookie;
    e->created = says->created;
    e->installed = says->installed;
    e->order = says->order ? says->order : dp->order++;
    e->life.added = beba_datapath_next_version(dp);
    atomic_store_explicit(&e->life.removed, BEBA_NOT_REMOVED, memory_order_relaxed);
    if (!e->priority && !e->rule->match.n)
        e->mark |= BEBA_ENTRY_MISS;
    if (e->flags & OFPFF_NO_PKT_COUNTS)
        e->mark |= BEBA_ENTRY_NO_PACKETS;
    if (e->flags & OFPFF_NO_BYT_COUNTS)
        e->mark |= BEBA_ENTRY_NO_BYTES;
    classify(e);
}

/* Room for what make_current does, and may do again when a removal is undone. */
static int reserve(struct beba_datapath *dp, struct beba_table *t)
{
    if (beba_list_add(&t->entries, NULL))
        return -ENOMEM;
    t->entries.n--;
    return beba_heap_reserve(dp);
}

int beba_entry_add(struct beba_datapath *dp, const struct beba_entry_says *in)
{
    struct beba_table *t = beba_table_make(dp, in->table);
    struct beba_entry_says says = *in;
    struct beba_key value, mask;
    struct beba_entry *e;

    if (!says.tally)
        says.tally = beba_tally_new(dp);
    if (!says.tally) {
        free(says.rule);
        return -ENOMEM;
    }
    if (!t || reserve(dp, t))
        goto fail;
    beba_key_match(&says.rule->match, &value, &mask);
    e = beba_entry_new(&t->classifier, &value, &mask);
    if (!e)
        goto fail;
    fill(dp, e, &says);
    if (beba_datapath_note(dp, BEBA_CHANGE_ENTRY_ADDED, e)) {
        beba_entry_unused(e);
        free_entry(e);
        return -ENOMEM;
    }
    if (beba_classifier_add(dp, &t->classifier, e)) {
        dp->n_changes--;
        beba_datapath_later(dp, free_entry, e);
        return -ENOMEM;
    }
    make_current(dp, e);
    return 0;

fail:
    free(says.rule);
    if (!says.tally->refs)
        free(says.tally);
    return -ENOMEM;
}

int beba_entry_remove(struct beba_datapath *dp, struct beba_entry *e, uint8_t reason, uint64_t now)
{
    if (beba_datapath_note(dp, BEBA_CHANGE_ENTRY_REMOVED, e))
        return -ENOMEM;
    e->reason = reason;
    e->ended = now;
    atomic_store_explicit(&e->life.removed, beba_datapath_next_version(dp), memory_order_relaxed);
    make_past(dp, e);
    return 0;
}

void beba_entry_unadd(struct beba_datapath *dp, struct beba_entry *e)
{
    atomic_store_explicit(&e->life.removed, e->life.added, memory_order_relaxed);
    make_past(dp, e);
}

void beba_entry_unremove(struct beba_datapath *dp, struct beba_entry *e)
{
    atomic_store_explicit(&e->life.removed, BEBA_NOT_REMOVED, memory_order_relaxed);
    make_current(dp, e);
}

void beba_entry_take_out(struct beba_datapath *dp, struct beba_entry *e)
{
    beba_classifier_remove(dp, &beba_datapath_table(dp, e->table)->classifier, e);
    beba_datapath_later(dp, free_entry, e);
}

void beba_entry_tell(struct beba_datapath *dp, const struct beba_entry *e)
{
    struct beba_datapath_removed removed = {
        .cookie = e->cookie,
        .lived = e->ended > e->created ? e->ended - e->created : 0,
        .priority = e->priority,
        .idle_timeout = e->idle,
        .hard_timeout = e->hard,
        .reason = e->reason,
        .table = e->table,
        .match = &e->rule->match,
    };
    uint64_t used;

    if (!dp->removed || e->reason == BEBA_SILENT || !(e->flags & OFPFF_SEND_FLOW_REM))
        return;
    beba_tally_sum(dp, e->tally, &removed.packets, &removed.bytes, &used);
    dp->removed(dp->removed_arg, &removed);
}
