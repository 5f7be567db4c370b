/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Compares what the interpreter and the kernel hold and tell. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "differential.h"

void compare_number(struct side_by_side *s, const char *what, const char *name, uint64_t mine,
                    uint64_t theirs)
{
    if (mine != theirs)
        differs(s, "%s %s is %lu; kernel: %lu", what, name, (unsigned long)mine,
                (unsigned long)theirs);
}

static void compare_flows(struct side_by_side *s, uint32_t table)
{
    const struct beba_table *t = &s->k->p->table[table];
    struct beba_ft *mine = s->e->table[table].ft;
    struct beba_ft *theirs = (struct beba_ft *)(void *)s->k->region[table];
    struct beba_error err = {0};
    struct beba_ft_entry *e;
    uint64_t cursor = 0;

    if (beba_ft_verify(theirs, &err))
        differs(s, "machine %s: %s", t->name, err.what);
    if (beba_ft_entries(mine) != beba_ft_entries(theirs))
        differs(s, "machine %s: %lu flows; kernel: %lu", t->name,
                (unsigned long)beba_ft_entries(mine), (unsigned long)beba_ft_entries(theirs));
    while ((e = beba_ft_next(mine, &cursor))) {
        const uint32_t *key = (const uint32_t *)(const void *)beba_ft_key(mine, e);
        struct beba_ft_entry *k = beba_ft_peek(theirs, key, beba_ft_hash(theirs, key));
        struct beba_strbuf text = {0};

        beba_key_print(&text, &t->lookup, beba_ft_key(mine, e));
        if (!k)
            differs(s, "machine %s: the kernel has no flow of %s, used %lu ns ago in state %u",
                    t->name, text.s, (unsigned long)(s->now - e->used), e->state);
        else if (k->state != e->state || k->entered != e->entered || k->used != e->used ||
                 k->birth != e->birth)
            differs(
                s, "machine %s %s: state %u entered %lu used %lu birth %u; kernel: %u %lu %lu %u",
                t->name, text.s, e->state, (unsigned long)e->entered, (unsigned long)e->used,
                e->birth, k->state, (unsigned long)k->entered, (unsigned long)k->used, k->birth);
        else if (memcmp(beba_ft_regs(mine, e), beba_ft_regs(theirs, k), t->regs_size))
            differs(s, "machine %s %s: registers differ", t->name, text.s);
        beba_strbuf_free(&text);
    }
}

void compare_table(struct side_by_side *s, uint32_t i)
{
    static const char *const names[] = {"lookups",  "hits",     "creations", "evictions",
                                        "refusals", "expiries", "frees",     "no_key"};
    const struct beba_object_table *have =
        (const struct beba_object_table *)(const void *)(s->k->cpu + s->k->layout.tables) + i;
    struct beba_table_stats stats;

    beba_engine_table(s->e, i, &stats);
    const uint64_t mine[] = {stats.counters.lookups,   stats.counters.hits,
                             stats.counters.creations, stats.counters.evictions,
                             stats.counters.refusals,  stats.counters.expiries,
                             stats.counters.frees,     stats.no_key};
    const uint64_t theirs[] = {have->hits + have->misses,
                               have->hits,
                               have->creations,
                               have->evictions,
                               have->refusals,
                               have->expiries,
                               have->frees,
                               have->no_key};

    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        compare_number(s, s->k->p->table[i].name, names[n], mine[n], theirs[n]);
    if (s->k->region[i])
        compare_flows(s, i);
}

static void compare_shared(struct side_by_side *s)
{
    const struct beba_pipeline *p = s->k->p;

    for (uint32_t i = 0; i < p->n_globals; i++) {
        const uint64_t *at =
            (const uint64_t *)(const void *)(s->k->shared + s->k->layout.global[i]);
        bool wide = p->global[i].type.width > 64;
        struct beba_u128 v;

        beba_engine_global(s->e, i, &v);
        compare_number(s, "global", p->global[i].name, v.lo, wide ? at[1] : at[0]);
        if (wide)
            compare_number(s, "global", p->global[i].name, v.hi, at[0]);
    }
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const uint8_t *at = s->k->shared + s->k->layout.array[i];
        uint32_t rows = p->array[i].rows ? p->array[i].rows : 1, columns = p->array[i].columns;

        for (uint32_t c = 0; c < rows * columns; c++) {
            uint64_t v = s->k->layout.cell_size[i] == 4 ? ((const uint32_t *)(const void *)at)[c]
                                                        : ((const uint64_t *)(const void *)at)[c];

            compare_number(s, "array", p->array[i].name,
                           beba_engine_cell(s->e, i, c / columns, c % columns), v);
        }
    }
}

static void compare_counters(struct side_by_side *s)
{
    const struct beba_object_counter *rule =
        (const struct beba_object_counter *)(const void *)(s->k->cpu + s->k->layout.rules);
    const struct beba_object_counter *named =
        (const struct beba_object_counter *)(const void *)(s->k->cpu + s->k->layout.counters);
    const struct beba_object_cpu *head = (const struct beba_object_cpu *)(const void *)s->k->cpu;
    const struct beba_engine_stats *stats = beba_engine_stats(s->e);
    uint64_t packets = 0, by_rule;

    for (unsigned i = 0; i < BEBA_OBJECT_VERDICTS; i++)
        packets += head->verdict[i];
    by_rule = packets;
    for (unsigned i = BEBA_REASON_RULE + 1; i < BEBA_OBJECT_REASONS; i++)
        by_rule -= head->reason[i];

    for (uint32_t i = 0; i < s->k->p->n_rules; i++) {
        compare_number(s, "rule", s->k->p->rule[i]->label ? s->k->p->rule[i]->label : "",
                       beba_engine_rule(s->e, i)->packets, rule[i].packets);
        compare_number(s, "rule bytes", s->k->p->rule[i]->label ? s->k->p->rule[i]->label : "",
                       beba_engine_rule(s->e, i)->bytes, rule[i].bytes);
    }
    for (uint32_t i = 0; i < s->k->p->n_counters; i++) {
        compare_number(s, "counter", s->k->p->counter[i].name,
                       beba_engine_counter(s->e, i)->packets, named[i].packets);
        compare_number(s, "counter bytes", s->k->p->counter[i].name,
                       beba_engine_counter(s->e, i)->bytes, named[i].bytes);
    }
    compare_number(s, "packets", "", stats->packets, packets);
    compare_number(s, "bytes", "", stats->bytes, head->bytes);
    compare_number(s, "edit_failed", "", stats->edit_failed, head->edit_failed);
    compare_number(s, "mirrors_lost", "", s->mirrors_lost, head->mirrors_lost);
    compare_number(s, "redirect_failed", "", s->redirect_failed, head->redirect_failed);
    compare_number(s, "events_lost", "", stats->events_lost, head->events_lost);
    for (unsigned i = 0; i < BEBA_N_REASONS; i++)
        compare_number(s, "reason", beba_reason_name(i), stats->reason[i],
                       i == BEBA_REASON_RULE ? by_rule : head->reason[i]);
    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        compare_number(s, "verdict", beba_verdict_name(i), stats->verdict[i], head->verdict[i]);
}

/* Events ------------------------------------------------------------------------------------- */

/* Of a packet that is handed out. */
static void compare_sample(struct side_by_side *s, const struct beba_object_sample *have)
{
    const struct beba_packet *p = s->packet;
    uint32_t cap = p && p->len < BEBA_OBJECT_SAMPLE ? p->len : BEBA_OBJECT_SAMPLE;

    if (!p || s->result->verdict != BEBA_VERDICT_PUNT)
        differs(s, "the kernel hands out a packet");
    else if (have->time != p->now || have->in_port != p->in_port || have->len != p->len ||
             have->cap != cap || memcmp(have->data, p->data, cap))
        differs(s, "punted: %u bytes from port %u; kernel: %u (%u) from %u, or others", p->len,
                p->in_port, have->len, have->cap, have->in_port);
    else if (have->result.verdict != s->result->verdict || have->result.rule != s->result->rule)
        differs(s, "punted by rule %d; kernel: %d", (int)s->result->rule, (int)have->result.rule);
    s->samples++;
}

static bool same_event(const struct beba_event *a, const struct beba_object_event *b)
{
    return a->kind == b->kind && a->time == b->time && a->table == b->table && a->rule == b->rule &&
           a->notice == b->notice && a->from == b->from && a->to == b->to &&
           a->n_args == b->n_args && a->key_size == b->key_size &&
           !memcmp(a->key, b->key, a->key_size) &&
           !memcmp(a->arg, b->arg, a->n_args * sizeof(a->arg[0]));
}

int compare_event(void *arg, void *data, size_t size)
{
    const struct beba_object_event *have = data;
    struct side_by_side *s = *(struct side_by_side **)arg;
    struct beba_event want;

    if (!s) /* left from the run before */
        return 0;
    if (have->kind == BEBA_OBJECT_EVENT_SAMPLE) {
        compare_sample(s, data);
        return 0;
    }
    if (have->kind == BEBA_EVENT_EVICTED && s->evictions_untold)
        return 0;
    if (size < sizeof(*have) || !beba_engine_event(s->e, &want)) {
        differs(s, "the kernel alone tells an event of kind %u in table %u", have->kind,
                have->table);
        return 0;
    }
    if (!same_event(&want, have))
        differs(s,
                "event kind %u time %lu table %u rule %d notice %u from %u to %u, %u args; kernel: "
                "%u %lu %u %d %u %u %u, %u args, or key or args",
                want.kind, (unsigned long)want.time, want.table, (int)want.rule, want.notice,
                want.from, want.to, want.n_args, have->kind, (unsigned long)have->time, have->table,
                (int)have->rule, have->notice, have->from, have->to, have->n_args);
    return 0;
}

void compare_events(struct side_by_side *s)
{
    struct beba_event left;

    s->samples = 0;
    s->k->watcher = s;
    ring_buffer__consume(s->k->events);
    s->k->watcher = NULL;
    while (beba_engine_event(s->e, &left))
        differs(s, "the interpreter alone tells an event of kind %u in table %u", left.kind,
                left.table);
    if (s->packet && s->samples != (s->result->verdict == BEBA_VERDICT_PUNT))
        differs(s, "the kernel hands out %u packets", s->samples);
}

void compare_all(struct side_by_side *s)
{
    for (uint32_t i = 0; i < s->k->p->n_tables; i++)
        compare_table(s, i);
    compare_shared(s);
    compare_counters(s);
}
