/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Statistics, read by the control thread. */
#include "datapath/group.h"
#include "datapath/meter.h"
#include "datapath/program.h"

static uint64_t lived(uint64_t created, uint64_t now)
{
    return now > created ? now - created : 0;
}

/* --- flow entries ------------------------------------------------------------------------------
 */

struct filter {
    const struct beba_datapath_flow_filter *flow;
    struct beba_key value, mask;
};

/* The entry's match says all that the filter's does. */
static bool says(const struct beba_entry *e, const struct filter *f)
{
    const struct beba_subtable *s = e->subtable;
    unsigned n = 0;

    if ((s->tuple.fields & f->mask.w[0]) != f->mask.w[0])
        return false;
    for (unsigned w = 1; w < BEBA_KEY_WORDS; w++) {
        bool has = n < s->tuple.n_words && s->tuple.word[n] == w;
        uint64_t mask = has ? s->tuple.mask[n] : 0, value = has ? e->value[n] : 0;
        n += has;
        if ((mask & f->mask.w[w]) != f->mask.w[w] || (value & f->mask.w[w]) != f->value.w[w])
            return false;
    }
    return true;
}

static bool passes(const struct beba_entry *e, const struct filter *f)
{
    const struct beba_datapath_flow_filter *flow = f->flow;

    if ((e->cookie ^ flow->cookie) & flow->cookie_mask)
        return false;
    if (flow->out_port != OFPP_ANY && !beba_entry_leads_to(e, flow->out_port, OFPG_ANY))
        return false;
    if (flow->out_group != OFPG_ANY && !beba_entry_leads_to(e, OFPP_ANY, flow->out_group))
        return false;
    return says(e, f);
}

static void describe(const struct beba_datapath *dp, const struct beba_entry *e, uint64_t now,
                     struct beba_datapath_flow *out)
{
    uint64_t used;

    *out = (struct beba_datapath_flow){
        .table = e->table,
        .priority = e->priority,
        .idle_timeout = e->idle,
        .hard_timeout = e->hard,
        .flags = e->flags,
        .cookie = e->cookie,
        .lived = lived(e->created, now),
        .match = &e->rule->match,
        .instructions = &e->rule->instructions,
    };
    beba_tally_sum(dp, e->tally, &out->packets, &out->bytes, &used);
}

bool beba_datapath_flows(struct beba_datapath *dp, const struct beba_datapath_flow_filter *filter,
                         uint64_t now, uint64_t *cursor,
                         bool (*fn)(void *arg, const struct beba_datapath_flow *flow), void *arg)
{
    struct filter f = {.flow = filter};
    uint64_t table = *cursor >> 32, n = *cursor & UINT32_MAX;

    beba_key_match(&filter->match, &f.value, &f.mask);
    for (; table < BEBA_DP_TABLES; table++, n = 0) {
        const struct beba_table *t = beba_datapath_table(dp, (uint8_t)table);
        if (filter->table != OFPTT_ALL && filter->table != table)
            continue;
        if (!beba_datapath_program_flows(dp, (uint8_t)table, filter, &n, fn, arg)) {
            *cursor = table << 32 | n;
            return false;
        }
        while (t && n < t->entries.n) {
            const struct beba_entry *e = t->entries.item[n++];
            struct beba_datapath_flow flow;
            *cursor = table << 32 | n;
            if (!passes(e, &f))
                continue;
            describe(dp, e, now, &flow);
            if (!fn(arg, &flow))
                return false;
        }
    }
    *cursor = (uint64_t)BEBA_DP_TABLES << 32;
    return true;
}

/* --- tables ------------------------------------------------------------------------------------
 */

void beba_datapath_table_stats(struct beba_datapath *dp, uint8_t table,
                               struct beba_datapath_table_stats *out)
{
    const struct beba_table *t = table < BEBA_DP_TABLES ? beba_datapath_table(dp, table) : NULL;

    *out = (struct beba_datapath_table_stats){
        .active = t ? (uint32_t)t->entries.n : 0,
        .max_entries = dp->limits ? dp->limits[table].max_entries : dp->opts.max_entries,
        .stateful = beba_datapath_stateful_table(dp, table),
        .name = beba_datapath_program_name(dp, table),
    };
    if (out->name)
        out->active = beba_datapath_program_rules(dp, table);
    else
        out->name = "";
    for (unsigned i = 0; table < BEBA_DP_TABLES && i < dp->opts.n_workers; i++) {
        out->lookups += beba_counted(&dp->worker[i].memory->table[table].lookups);
        out->matches += beba_counted(&dp->worker[i].memory->table[table].matches);
    }
}

int beba_datapath_table_mod(struct beba_datapath *dp, const struct beba_of_table_mod *mod,
                            struct beba_of_error *err)
{
    if (mod->table >= BEBA_DP_TABLES && mod->table != OFPTT_ALL)
        return beba_of_error_set(err, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_TABLE,
                                 "there is no table %u", mod->table);
    if (mod->config & ~3u) /* OFPTC_DEPRECATED_MASK: no meaning */
        return beba_of_error_set(err, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG,
                                 "tables have no such setting: 0x%x", mod->config);
    return 0;
}

/* --- groups and meters -------------------------------------------------------------------------
 */

bool beba_datapath_group_next(struct beba_datapath *dp, uint64_t *cursor, uint64_t now,
                              struct beba_datapath_group *out)
{
    const struct beba_object *o = beba_object_next(&dp->groups, cursor);
    const struct beba_group *g = (const struct beba_group *)beba_object_current(o);
    uint64_t used;

    if (!g)
        return false;
    *out = (struct beba_datapath_group){
        .group = o->id,
        .ref_count = o->refs,
        .type = g->type,
        .lived = lived(g->body.created, now),
        .n_buckets = g->n_buckets,
        .bucket = g->bucket,
    };
    beba_tally_sum(dp, g->body.tally, &out->packets, &out->bytes, &used);
    return true;
}

void beba_datapath_bucket_stats(struct beba_datapath *dp, uint32_t group, uint32_t bucket,
                                uint64_t *packets, uint64_t *bytes)
{
    const struct beba_group *g =
        (const struct beba_group *)beba_object_current(beba_datapath_find_group(dp, group));

    *packets = *bytes = 0;
    for (unsigned i = 0; g && bucket < g->n_buckets && i < dp->opts.n_workers; i++) {
        *packets += beba_counted(&g->tally[i * g->n_buckets + bucket].packets);
        *bytes += beba_counted(&g->tally[i * g->n_buckets + bucket].bytes);
    }
}

bool beba_datapath_meter_next(struct beba_datapath *dp, uint64_t *cursor, uint64_t now,
                              struct beba_datapath_meter *out)
{
    const struct beba_object *o = beba_object_next(&dp->meters, cursor);
    const struct beba_meter *m = (const struct beba_meter *)beba_object_current(o);
    uint64_t used;

    if (!m)
        return false;
    *out = (struct beba_datapath_meter){
        .meter = o->id,
        .flow_count = o->refs,
        .flags = m->flags,
        .lived = lived(m->body.created, now),
        .n_bands = m->n_bands,
        .band = m->band,
    };
    beba_tally_sum(dp, m->body.tally, &out->packets, &out->bytes, &used);
    return true;
}

void beba_datapath_band_stats(struct beba_datapath *dp, uint32_t meter, uint32_t band,
                              uint64_t *packets, uint64_t *bytes)
{
    const struct beba_meter *m =
        (const struct beba_meter *)beba_object_current(beba_datapath_find_meter(dp, meter));

    *packets = *bytes = 0;
    if (!m || band >= m->n_bands)
        return;
    *packets = beba_counted(&m->bucket[band].packets);
    *bytes = beba_counted(&m->bucket[band].bytes);
}

void beba_datapath_drops(struct beba_datapath *dp, uint64_t out[BEBA_DP_N_DROPS])
{
    for (unsigned r = 0; r < BEBA_DP_N_DROPS; r++) {
        out[r] = 0;
        for (unsigned i = 0; i < dp->opts.n_workers; i++)
            out[r] += beba_counted(&dp->worker[i].drops[r]);
    }
}
