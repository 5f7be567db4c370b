/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/report.h"

#include "cli/flows.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

void report_verdicts(struct report *r, const struct beba_engine_stats *s, struct beba_strbuf *out)
{
    json_t *verdicts = json_object(), *reasons = json_object();

    for (int i = 0; i < BEBA_N_VERDICTS; i++) {
        const char *name = beba_verdict_name((enum beba_verdict_kind)i);

        if (i == BEBA_VERDICT_NONE || i == BEBA_VERDICT_NEXT)
            continue;
        json_object_set_new(verdicts, name, cli_json_u64(s->verdict[i]));
        if (s->verdict[i])
            beba_strbuf_printf(out, "  %-8s %10llu\n", name, (ull)s->verdict[i]);
    }
    for (int i = 0; i < BEBA_N_REASONS; i++)
        json_object_set_new(reasons, beba_reason_name((enum beba_reason)i),
                            cli_json_u64(s->reason[i]));
    if (s->events_lost)
        beba_strbuf_printf(out, "  %llu events were lost: more came than the ring holds\n",
                           (ull)s->events_lost);
    if (s->mirrors_lost)
        beba_strbuf_printf(out, "  %llu mirrored copies were lost: no room\n",
                           (ull)s->mirrors_lost);
    if (s->edit_failed)
        beba_strbuf_printf(out, "  %llu header edits could not be done\n", (ull)s->edit_failed);
    if (r->json) {
        json_object_set(r->json, "verdicts", verdicts);
        json_object_set(r->json, "reasons", reasons);
        json_object_set_new(r->json, "events_lost", cli_json_u64(s->events_lost));
        json_object_set_new(r->json, "mirrors_lost", cli_json_u64(s->mirrors_lost));
        json_object_set_new(r->json, "edits_failed", cli_json_u64(s->edit_failed));
    }
    json_decref(verdicts);
    json_decref(reasons);
}

/* Flows in each state, as of the last packet. */
static void report_states(struct report *r, uint32_t table, struct beba_strbuf *out, json_t *json)
{
    const struct beba_table *t = &r->p->table[table];
    uint64_t *count = calloc(t->n_states, sizeof(*count)), cursor = 0;
    json_t *states = json_object();
    struct beba_flow flow;
    bool first = true;

    while (count && r->ops->next_flow(r->from, table, r->now, &cursor, &flow)) {
        if (flow.state < t->n_states)
            count[flow.state]++;
    }
    for (uint32_t i = 0; count && i < t->n_states; i++) {
        json_object_set_new(states, t->state[i].name, cli_json_u64(count[i]));
        if (count[i]) {
            beba_strbuf_printf(out, "%s%s %llu", first ? "  flows by state: " : ", ",
                               t->state[i].name, (ull)count[i]);
            first = false;
        }
    }
    beba_strbuf_puts(out, first ? "" : "\n");
    json_object_set_new(json, "states", states);
    free(count);
}

static void report_stats(struct report *r, uint32_t table, struct beba_strbuf *out, json_t *json)
{
    struct beba_table_stats s = {0};
    const struct beba_ft_counters *c = &s.counters;

    if (r->ops->table(r->from, table, &s))
        return;
    beba_strbuf_printf(out,
                       "  entries %llu of %llu, lookups %llu, hits %llu, creations %llu, "
                       "evictions %llu, refusals %llu, expiries %llu",
                       (ull)s.entries, (ull)s.capacity, (ull)c->lookups, (ull)c->hits,
                       (ull)c->creations, (ull)c->evictions, (ull)c->refusals, (ull)c->expiries);
    if (s.no_key)
        beba_strbuf_printf(out, ", without key %llu", (ull)s.no_key);
    beba_strbuf_putc(out, '\n');
    json_object_set_new(json, "entries", cli_json_u64(s.entries));
    json_object_set_new(json, "capacity", cli_json_u64(s.capacity));
    json_object_set_new(json, "memory", cli_json_u64(s.memory));
    json_object_set_new(json, "lookups", cli_json_u64(c->lookups));
    json_object_set_new(json, "hits", cli_json_u64(c->hits));
    json_object_set_new(json, "creations", cli_json_u64(c->creations));
    json_object_set_new(json, "evictions", cli_json_u64(c->evictions));
    json_object_set_new(json, "refusals", cli_json_u64(c->refusals));
    json_object_set_new(json, "expiries", cli_json_u64(c->expiries));
    json_object_set_new(json, "no_key", cli_json_u64(s.no_key));
}

static void report_rules(struct report *r, uint32_t table, struct beba_strbuf *out, json_t *json)
{
    const struct beba_table *t = &r->p->table[table];
    json_t *rules = json_array();

    beba_strbuf_printf(out, "  %10s %12s  rule\n", "packets", "bytes");
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct beba_rule *rule = &t->rule[i];
        const char *state = cli_rule_state(t, rule);
        struct beba_rule_counters c;
        unsigned line, column;

        r->ops->rule(r->from, rule->id, &c);
        beba_sources_position(&r->program->sources, rule->loc, &line, &column);
        beba_strbuf_printf(out, "  %10llu %12llu  %s%s%s\n", (ull)c.packets, (ull)c.bytes,
                           state && t->n_states > 1 ? state : "",
                           state && t->n_states > 1 ? ": " : "", rule->label);
        json_array_append_new(rules,
                              json_pack("{s:i, s:o, s:o, s:i, s:o, s:o}", "id", (int)rule->id,
                                        "state", state ? cli_json_text(state) : json_null(), "rule",
                                        cli_json_text(rule->label), "line", (int)line, "packets",
                                        cli_json_u64(c.packets), "bytes", cli_json_u64(c.bytes)));
    }
    json_object_set_new(json, "rules", rules);
}

void report_tables(struct report *r, struct beba_strbuf *out)
{
    json_t *machines = json_array();

    for (uint32_t i = 0; i < r->p->n_tables; i++) {
        const struct beba_table *t = &r->p->table[i];
        json_t *json = json_pack("{s:o}", "name", cli_json_text(t->name));

        beba_strbuf_printf(out, "\nmachine %s\n", t->name);
        if (t->lookup.kind != BEBA_KEY_NONE) {
            report_stats(r, i, out, json);
            report_states(r, i, out, json);
        }
        report_rules(r, i, out, json);
        json_array_append_new(machines, json);
    }
    if (r->json)
        json_object_set(r->json, "machines", machines);
    json_decref(machines);
}

void report_values(struct report *r, struct beba_strbuf *out)
{
    json_t *counters = json_object(), *globals = json_object();

    if (r->p->n_counters)
        beba_strbuf_puts(out, "\ncounters\n");
    for (uint32_t i = 0; i < r->p->n_counters; i++) {
        struct beba_rule_counters c;

        r->ops->counter(r->from, i, &c);
        beba_strbuf_printf(out, "  %10llu %12llu  %s\n", (ull)c.packets, (ull)c.bytes,
                           r->p->counter[i].name);
        json_object_set_new(counters, r->p->counter[i].name,
                            json_pack("{s:o, s:o}", "packets", cli_json_u64(c.packets), "bytes",
                                      cli_json_u64(c.bytes)));
    }
    if (r->p->n_globals)
        beba_strbuf_puts(out, "\nglobals\n");
    for (uint32_t i = 0; i < r->p->n_globals; i++) {
        const struct beba_global *g = &r->p->global[i];
        struct beba_u128 v;

        r->ops->global(r->from, i, &v);
        beba_strbuf_printf(out, "  %s = ", g->name);
        beba_value_print(out, g->type, v);
        beba_strbuf_putc(out, '\n');
        json_object_set_new(globals, g->name, cli_json_value(g->type, v));
    }
    if (r->json) {
        json_object_set(r->json, "counters", counters);
        json_object_set(r->json, "globals", globals);
    }
    json_decref(counters);
    json_decref(globals);
}

/* Flows are printed as they are found: there may be millions. */
void report_flows(struct report *r, const char *machine)
{
    enum { PIECE = 1 << 16 };
    json_t *flows = json_array();

    for (uint32_t i = 0; i < r->p->n_tables; i++) {
        const struct beba_table *t = &r->p->table[i];
        struct beba_strbuf out = {0};
        uint64_t cursor = 0;
        struct beba_flow flow;
        bool any = false;

        if (t->lookup.kind == BEBA_KEY_NONE || (*machine && strcmp(machine, t->name) != 0))
            continue;
        while (r->ops->next_flow(r->from, i, r->now, &cursor, &flow)) {
            if (!any && !r->json)
                fprintf(r->text, "\nflows of %s\n", t->name);
            any = true;
            if (r->json) {
                json_array_append_new(flows, cli_flow_json(t, &flow, r->now));
                continue;
            }
            cli_flow_print(&out, t, &flow, r->now);
            if (out.len < PIECE)
                continue;
            if (!cli_print(r->text, &out)) /* and frees it */
                break;
        }
        cli_print(r->text, &out);
        if (!any && !r->json)
            fprintf(r->text, "\nflows of %s: none\n", t->name);
    }
    if (r->json)
        json_object_set(r->json, "flows", flows);
    json_decref(flows);
}
