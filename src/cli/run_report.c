/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/run.h"

#include "cli/flows.h"
#include "cli/report.h"

typedef unsigned long long ull;

static void report_packets(struct run *r, struct report *report, struct beba_strbuf *out)
{
    const struct beba_engine_stats *s = beba_engine_stats(r->engine);
    uint64_t span = r->last > r->first ? r->last - r->first : 0;

    beba_strbuf_printf(out, "%s: %llu packet%s, %llu bytes, ", r->o->read, (ull)r->packets,
                       r->packets == 1 ? "" : "s", (ull)r->bytes);
    cli_span(out, span);
    beba_strbuf_puts(out, " of traffic\n");
    if (r->json) {
        json_object_set_new(r->json, "packets", cli_json_u64(r->packets));
        json_object_set_new(r->json, "bytes", cli_json_u64(r->bytes));
        json_object_set_new(r->json, "first_time", cli_json_u64(r->first));
        json_object_set_new(r->json, "last_time", cli_json_u64(r->last));
    }
    report_verdicts(report, s, out);
}

static int table_of(void *from, uint32_t table, struct beba_table_stats *out)
{
    return beba_engine_table(from, table, out);
}

static void rule_of(void *from, uint32_t rule, struct beba_rule_counters *out)
{
    *out = *beba_engine_rule(from, rule);
}

static void counter_of(void *from, uint32_t counter, struct beba_rule_counters *out)
{
    *out = *beba_engine_counter(from, counter);
}

static void global_of(void *from, uint32_t global, struct beba_u128 *out)
{
    beba_engine_global(from, global, out);
}

static bool next_flow_of(void *from, uint32_t table, uint64_t now, uint64_t *cursor,
                         struct beba_flow *out)
{
    return beba_engine_next_flow(from, table, now, cursor, out);
}

static const struct report_ops engine_ops = {
    .table = table_of,
    .rule = rule_of,
    .counter = counter_of,
    .global = global_of,
    .next_flow = next_flow_of,
};

void run_report(struct run *r)
{
    struct report report = {.program = r->program,
                            .p = r->p,
                            .text = r->text,
                            .json = r->json,
                            .now = r->last,
                            .ops = &engine_ops,
                            .from = r->engine};
    struct beba_strbuf out = {0};

    report_packets(r, &report, &out);
    report_tables(&report, &out);
    report_values(&report, &out);
    if (r->json || r->o->quiet)
        beba_strbuf_free(&out);
    else
        cli_print(r->text, &out);
    if (r->o->flows)
        report_flows(&report, r->o->flows);
}
