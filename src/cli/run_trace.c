/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/run.h"

#include "base/units.h"
#include "cli/flows.h"

#include <string.h>

static uint32_t state_of(struct run *r, uint32_t table, const struct beba_packet *p)
{
    const struct beba_table *t = &r->p->table[table];
    struct beba_flow flow;

    if (t->lookup.kind == BEBA_KEY_NONE)
        return UINT32_MAX;
    return beba_engine_find_flow(r->engine, table, p, &flow) ? flow.state : 0;
}

void run_trace_before(struct run *r, struct run_before *b, const struct beba_packet *p)
{
    b->packet = *p;
    b->packet.len = p->len < sizeof(b->bytes) ? p->len : (uint32_t)sizeof(b->bytes);
    b->packet.data = memcpy(b->bytes, p->data, b->packet.len);
    b->packet.headroom = b->packet.tailroom = 0;
    beba_packet_parse(&b->packet);
    for (uint32_t i = 0; i < r->p->n_tables; i++)
        b->state[i] = state_of(r, i, &b->packet);
}

/* "closed -> step1", for each machine in which the packet's flow changed its state. */
static json_t *transitions(struct run *r, struct run_before *b, struct beba_strbuf *out)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < r->p->n_tables; i++) {
        const struct beba_table *t = &r->p->table[i];
        uint32_t from = b->state[i], to = state_of(r, i, &b->packet);

        if (from >= t->n_states || to >= t->n_states || from == to)
            continue;
        beba_strbuf_printf(out, "  [%s%s%s -> %s]", r->p->n_tables > 1 ? t->name : "",
                           r->p->n_tables > 1 ? ": " : "", t->state[from].name, t->state[to].name);
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "machine", cli_json_text(t->name),
                                              "from", cli_json_text(t->state[from].name), "to",
                                              cli_json_text(t->state[to].name)));
    }
    return list;
}

static void append(struct run *r, const char *key, json_t *value)
{
    json_t *list = json_object_get(r->json, key);

    if (!list) {
        list = json_array();
        json_object_set_new(r->json, key, list);
    }
    json_array_append_new(list, value);
}

void run_trace_after(struct run *r, struct run_before *b, const struct beba_result *result)
{
    struct beba_strbuf what = {0}, verdict = {0}, why = {0}, change = {0};
    uint64_t ns = b->packet.now - r->first;
    bool back = b->packet.now < r->first;
    json_t *moves = transitions(r, b, &change);

    if (back)
        ns = r->first - b->packet.now;
    cli_summary(&what, &b->packet);
    cli_verdict(&verdict, result);
    cli_decision(&why, r->p, result);
    if (r->json) {
        append(r, "trace",
               json_pack("{s:o, s:o, s:i, s:o, s:o, s:s, s:o, s:o}", "packet",
                         cli_json_u64(r->packets), "time", cli_json_u64(b->packet.now), "in_port",
                         (int)b->packet.in_port, "summary", cli_json_text(beba_strbuf_str(&what)),
                         "verdict", cli_json_text(beba_strbuf_str(&verdict)), "reason",
                         beba_reason_name((enum beba_reason)result->reason), "decision",
                         cli_json_text(beba_strbuf_str(&why)), "transitions", moves));
    } else {
        fprintf(r->text, "%6llu %s%llu.%06llu  %-10s %s  (%s)%s\n", (unsigned long long)r->packets,
                back ? "-" : "", (unsigned long long)(ns / BEBA_NS_PER_SEC),
                (unsigned long long)(ns % BEBA_NS_PER_SEC / 1000), beba_strbuf_str(&verdict),
                beba_strbuf_str(&what), beba_strbuf_str(&why), beba_strbuf_str(&change));
        json_decref(moves);
    }
    beba_strbuf_free(&what);
    beba_strbuf_free(&verdict);
    beba_strbuf_free(&why);
    beba_strbuf_free(&change);
}

void run_trace_events(struct run *r)
{
    struct beba_event e;

    while (beba_engine_event(r->engine, &e)) {
        struct beba_strbuf text = {0};

        if (!r->o->events)
            continue;
        if (r->json) {
            append(r, "events", cli_event_json(r->p, &e));
            continue;
        }
        cli_event_print(&text, r->p, &e);
        fprintf(r->text, "event: %s\n", beba_strbuf_str(&text));
        beba_strbuf_free(&text);
    }
}
