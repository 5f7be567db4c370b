/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What controllers and people ask of the stateful tables. */
#include "datapath/state_config.h"

#include <string.h>

/* A cursor: the table, then where in it. */
#define TABLE_SHIFT 48
#define POSITION    ((1ull << TABLE_SHIFT) - 1) /* of the default entry */

struct walk {
    const struct beba_state_filter *filter;
    struct beba_state_table *table;
    const struct beba_state_config *config;
    uint64_t now;
    struct beba_state_entry *out;
};

/* The entry with the timeouts due now applied, also in the table; false when it is not asked for.
 */
static bool select_entry(struct walk *w, const struct beba_state_copy *copy)
{
    const struct beba_state_filter *f = w->filter;
    struct beba_state_hold hold;
    bool wanted;

    beba_state_take(&hold, w->table, &copy->key, w->now, false);
    wanted = hold.regs && (!f->by_state || hold.regs->state == f->state) &&
             beba_state_scope_match(&w->config->lookup, &f->match, copy->key.byte);
    if (wanted) {
        w->out->regs = *hold.regs;
        if (f->remove)
            beba_state_remove(&hold);
    }
    beba_state_release(&hold);
    if (!wanted)
        return false;
    w->out->state = w->out->regs.state;
    w->out->key_len = w->table->key_len;
    memcpy(w->out->key, copy->key.byte, sizeof(w->out->key));
    w->out->duration = w->now > w->out->regs.written ? w->now - w->out->regs.written : 0;
    return true;
}

/* The next entry of a table that is asked for, the default entry last. */
static bool next_of_table(struct walk *w, uint64_t *position)
{
    struct beba_state_copy copy;

    if (!beba_state_scope_covers(&w->config->lookup, &w->filter->match))
        *position = POSITION;
    while (*position < POSITION - 1 && beba_state_next(w->table, position, &copy))
        if (select_entry(w, &copy))
            return true;
    if (*position == POSITION)
        return false;
    *position = POSITION;
    return !w->filter->by_state || !w->filter->state;
}

bool beba_datapath_states(struct beba_datapath *dp, const struct beba_state_filter *filter,
                          uint64_t now, uint64_t *cursor,
                          bool (*fn)(void *arg, const struct beba_state_entry *e), void *arg)
{
    struct beba_stateful *s = beba_datapath_stateful(dp);
    struct beba_state_entry entry;
    uint64_t table, position;
    struct walk w = {.filter = filter, .now = now, .out = &entry};

    while ((table = *cursor >> TABLE_SHIFT) < BEBA_STATE_TABLES) {
        position = *cursor & POSITION;
        w.config = beba_state_enabled(s, (uint8_t)table);
        w.table = &s->table[table];
        if (!w.config || (filter->table != OFPTT_ALL && filter->table != table))
            position = POSITION;
        entry = (struct beba_state_entry){.table = (uint8_t)table};
        if (position == POSITION || !next_of_table(&w, &position)) {
            *cursor = (table + 1) << TABLE_SHIFT;
            continue;
        }
        *cursor = table << TABLE_SHIFT | position;
        entry.lookup = &w.config->lookup.fields;
        if (!fn(arg, &entry))
            return false;
    }
    return true;
}

uint32_t beba_datapath_global_state(struct beba_datapath *dp)
{
    return atomic_load(beba_datapath_global(dp));
}

void beba_datapath_global_vars(struct beba_datapath *dp, uint8_t table,
                               uint32_t out[BEBA_GLOBAL_DATA_VARS])
{
    struct beba_stateful *s = beba_datapath_stateful(dp);

    for (unsigned i = 0; i < BEBA_GLOBAL_DATA_VARS; i++)
        out[i] = table < BEBA_STATE_TABLES ? atomic_load(&s->globals[table].var[i]) : 0;
}

bool beba_datapath_is_stateful(struct beba_datapath *dp, uint8_t table)
{
    return beba_state_enabled(beba_datapath_stateful(dp), table) != NULL;
}

void beba_datapath_state_table(struct beba_datapath *dp, uint8_t table,
                               struct beba_state_table_info *out)
{
    struct beba_stateful *s = beba_datapath_stateful(dp);
    const struct beba_state_table *t;
    const struct beba_ft_counters *n;

    *out = (struct beba_state_table_info){0};
    if (table >= BEBA_STATE_TABLES || !s->table[table].ft)
        return;
    t = &s->table[table];
    n = beba_ft_counters(t->ft);
    *out = (struct beba_state_table_info){
        .key_len = t->key_len,
        .entries = BEBA_FT_GET(&t->ft->count),
        .capacity = beba_ft_capacity(t->ft),
        .memory = t->region.size,
        .created = BEBA_FT_GET(&n->creations),
        .evicted = BEBA_FT_GET(&n->evictions),
        .refused = BEBA_FT_GET(&n->refusals),
        .expired = BEBA_FT_GET(&n->expiries),
    };
}
