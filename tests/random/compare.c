/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void compare_mirrors(const char *what, unsigned number, const struct world *a,
                            const struct beba_result *x, const struct world *b,
                            const struct beba_result *y)
{
    uint32_t n, m;
    const struct beba_mirror *first = beba_engine_mirrors(a->e, &n);
    const struct beba_mirror *second = beba_engine_mirrors(b->e, &m);

    if (x->n_mirrors != y->n_mirrors) {
        complain("%s: packet %u: %u mirrored copies, %u", what, number, x->n_mirrors, y->n_mirrors);
        return;
    }
    for (uint32_t i = 0; i < x->n_mirrors; i++) {
        const struct beba_mirror *p = &first[x->first_mirror + i];
        const struct beba_mirror *q = &second[y->first_mirror + i];

        if (p->port != q->port || p->len != q->len || p->wire_len != q->wire_len ||
            memcmp(p->data, q->data, p->len) != 0)
            complain("%s: packet %u: mirrored copy %u differs", what, number, i);
    }
}

void compare_packet(const char *what, unsigned number, const struct world *a, unsigned i,
                    const struct world *b, unsigned j)
{
    const struct beba_result *x = &a->result[i], *y = &b->result[j];
    const struct beba_packet *p = &a->packet[i], *q = &b->packet[j];

    if (x->verdict != y->verdict || x->reason != y->reason || x->port != y->port ||
        x->table != y->table || x->rule != y->rule)
        complain("%s: packet %u: %s (%s) port %u machine %u rule %d, %s (%s) port %u machine %u "
                 "rule %d",
                 what, number, beba_verdict_name((enum beba_verdict_kind)x->verdict),
                 beba_reason_name((enum beba_reason)x->reason), x->port, x->table, (int)x->rule,
                 beba_verdict_name((enum beba_verdict_kind)y->verdict),
                 beba_reason_name((enum beba_reason)y->reason), y->port, y->table, (int)y->rule);
    if (x->verdict == BEBA_VERDICT_NONE || x->verdict == BEBA_VERDICT_NEXT)
        complain("%s: packet %u: no verdict", what, number);
    if (p->len != q->len || p->wire_len != q->wire_len || memcmp(p->data, q->data, p->len) != 0)
        complain("%s: packet %u: %u bytes, %u that differ", what, number, p->len, q->len);
    if (p->queue != q->queue || p->metadata != q->metadata || p->tunnel_id != q->tunnel_id)
        complain("%s: packet %u: queue, metadata or tunnel_id differ", what, number);
    if (p->h.layers != q->h.layers)
        complain("%s: packet %u: headers differ", what, number);
    compare_mirrors(what, number, a, x, b, y);
}

static bool same_event(const struct beba_event *x, const struct beba_event *y)
{
    bool same = x->time == y->time && x->kind == y->kind && x->n_args == y->n_args &&
                x->table == y->table && x->rule == y->rule && x->from == y->from &&
                x->to == y->to && x->key_size == y->key_size &&
                !memcmp(x->key, y->key, x->key_size);

    for (unsigned i = 0; same && i < x->n_args; i++)
        same = !beba_u128_cmp(x->arg[i], y->arg[i]);
    return same && (x->kind != BEBA_EVENT_NOTIFY || x->notice == y->notice);
}

void compare_events(const char *what, unsigned number, struct world *a, struct world *b)
{
    struct beba_event x, y;
    bool more;

    while (beba_engine_event(a->e, &x)) {
        if (!beba_engine_event(b->e, &y)) {
            complain("%s: up to packet %u: an event is missing", what, number);
            return;
        }
        if (!same_event(&x, &y))
            complain("%s: up to packet %u: events of kind %u and %u at %" PRIu64 " differ", what,
                     number, x.kind, y.kind, x.time);
    }
    more = beba_engine_event(b->e, &y);
    if (more)
        complain("%s: up to packet %u: an event too many", what, number);
}

/* --- what lasts ---------------------------------------------------------------------------- */

void compare_cells(const char *what, const struct world *a, const struct world *b)
{
    const struct beba_pipeline *p = beba_engine_pipeline(a->e);
    struct beba_u128 x, y;

    for (uint32_t i = 0; i < p->n_globals; i++) {
        beba_engine_global(a->e, i, &x);
        beba_engine_global(b->e, i, &y);
        if (beba_u128_cmp(x, y))
            complain("%s: global %s: %" PRIu64 ", %" PRIu64, what, p->global[i].name, x.lo, y.lo);
    }
    for (uint32_t i = 0; i < p->n_arrays; i++)
        for (uint32_t row = 0; row < p->array[i].rows; row++)
            for (uint32_t column = 0; column < p->array[i].columns; column++)
                if (beba_engine_cell(a->e, i, row, column) !=
                    beba_engine_cell(b->e, i, row, column))
                    complain("%s: cell %s[%u][%u] differs", what, p->array[i].name, row, column);
}

static void compare_counters(const char *what, const struct world *a, const struct world *b)
{
    const struct beba_pipeline *p = beba_engine_pipeline(a->e);
    const struct beba_engine_stats *s = beba_engine_stats(a->e), *t = beba_engine_stats(b->e);

    if (memcmp(s, t, sizeof(*s)) != 0)
        complain("%s: the engines' counters differ", what);
    for (uint32_t i = 0; i < p->n_rules; i++)
        if (memcmp(beba_engine_rule(a->e, i), beba_engine_rule(b->e, i),
                   sizeof(struct beba_rule_counters)) != 0)
            complain("%s: counters of rule %u differ", what, i);
    for (uint32_t i = 0; i < p->n_counters; i++)
        if (memcmp(beba_engine_counter(a->e, i), beba_engine_counter(b->e, i),
                   sizeof(struct beba_rule_counters)) != 0)
            complain("%s: counter %s differs", what, p->counter[i].name);
    for (uint32_t i = 0; i < p->n_tables; i++) {
        struct beba_table_stats x = {0}, y = {0};

        beba_engine_table(a->e, i, &x);
        beba_engine_table(b->e, i, &y);
        if (memcmp(&x, &y, sizeof(x)) != 0)
            complain("%s: counters of machine %s differ", what, p->table[i].name);
    }
}

static void compare_flows(const char *what, const struct world *a, const struct world *b,
                          uint32_t table, uint64_t now)
{
    const struct beba_table *t = &beba_engine_pipeline(a->e)->table[table];
    uint64_t first = 0, second = 0;
    struct beba_flow x, y;

    while (beba_engine_next_flow(a->e, table, now, &first, &x)) {
        if (!beba_engine_next_flow(b->e, table, now, &second, &y)) {
            complain("%s: machine %s: a flow is missing", what, t->name);
            return;
        }
        if (memcmp(x.key, y.key, t->lookup.padded) != 0 || x.state != y.state ||
            x.entered != y.entered || x.used != y.used || x.born != y.born ||
            x.deadline != y.deadline || memcmp(x.regs, y.regs, t->regs_size) != 0)
            complain("%s: machine %s: a flow in state %u, %u differs", what, t->name, x.state,
                     y.state);
        if (x.state >= t->n_states)
            complain("%s: machine %s: a flow in no state", what, t->name);
    }
    if (beba_engine_next_flow(b->e, table, now, &second, &y))
        complain("%s: machine %s: a flow too many", what, t->name);
}

void compare_worlds(const char *what, struct world *a, struct world *b, uint64_t now)
{
    const struct beba_pipeline *p = beba_engine_pipeline(a->e);

    compare_counters(what, a, b);
    compare_cells(what, a, b);
    for (uint32_t i = 0; i < p->n_tables; i++)
        if (p->table[i].lookup.kind != BEBA_KEY_NONE)
            compare_flows(what, a, b, i, now);
}

bool was_full(const struct world *w)
{
    const struct beba_pipeline *p = beba_engine_pipeline(w->e);
    bool full = false;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        struct beba_table_stats t = {0};

        beba_engine_table(w->e, i, &t);
        full |= t.counters.evictions || t.counters.refusals;
    }
    return full;
}

void print_counters(const struct world *w)
{
    const struct beba_pipeline *p = beba_engine_pipeline(w->e);
    const struct beba_engine_stats *s = beba_engine_stats(w->e);
    uint32_t taken = 0;

    for (uint32_t i = 0; i < p->n_rules; i++)
        taken += beba_engine_rule(w->e, i)->packets != 0;
    printf("packets %" PRIu64 " rules %u taken %u edit_failed %" PRIu64 " events_lost %" PRIu64,
           s->packets, p->n_rules, taken, s->edit_failed, s->events_lost);
    for (uint32_t i = 0; i < p->n_tables; i++) {
        struct beba_table_stats t = {0};

        beba_engine_table(w->e, i, &t);
        printf(" | lookups %" PRIu64 " hits %" PRIu64 " creations %" PRIu64 " evictions %" PRIu64
               " refusals %" PRIu64 " expiries %" PRIu64 " frees %" PRIu64 " no_key %" PRIu64,
               t.counters.lookups, t.counters.hits, t.counters.creations, t.counters.evictions,
               t.counters.refusals, t.counters.expiries, t.counters.frees, t.no_key);
    }
    putchar('\n');
}
