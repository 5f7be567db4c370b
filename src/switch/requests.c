/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the control socket can be asked (docs/commands/beba-ctl.md). */
#include "base/error.h"
#include "datapath/stateful.h"
#include "openflow/text.h"
#include "switch/control.h"

#include <errno.h>
#include <string.h>

static int table_of(const struct beba_control_client *k, uint8_t *out, struct beba_error *err)
{
    const json_t *v = json_object_get(k->request, "table");

    *out = OFPTT_ALL;
    if (!v)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= BEBA_DP_TABLES)
        return beba_error_set(err, -EINVAL, "there is no such table");
    *out = (uint8_t)json_integer_value(v);
    return 0;
}

static unsigned long long ull(uint64_t v)
{
    return v;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool step_ports(struct beba_control_client *k)
{
    for (struct beba_swport *p = beba_ports_first(k->d->ports); p; p = p->next) {
        struct beba_of_port_stats s;
        struct beba_port_counters c;
        const char *about;

        beba_ports_stats(k->d->ports, p, &s);
        beba_workers_port_counters(k->d->workers, p->number, &c);
        beba_strbuf_printf(&k->out, "{\"port\": %u, \"name\": ", p->number);
        beba_control_text(&k->out, p->name);
        about = beba_workers_port_about(k->d->workers, p->number);
        if (*about)
            beba_strbuf_printf(&k->out, ", \"driver\": \"%s\"", about);
        beba_strbuf_printf(&k->out,
                           ", \"present\": %s, \"up\": %s, \"config\": %u, \"speed\": %u, "
                           "\"rx_packets\": %llu, \"rx_bytes\": %llu, \"tx_packets\": %llu, "
                           "\"tx_bytes\": %llu, \"lost\": {",
                           p->present ? "true" : "false",
                           p->present && p->of.state & OFPPS_LIVE ? "true" : "false", p->of.config,
                           p->of.current_speed, ull(c.rx_packets), ull(c.rx_bytes),
                           ull(c.tx_packets), ull(c.tx_bytes));
        for (unsigned i = 0, n = 0; i < BEBA_PORT_N_LOSSES; i++) {
            if (c.loss[i])
                beba_strbuf_printf(&k->out, "%s\"%s\": %llu", n++ ? ", " : "",
                                   beba_port_losses[i].name, ull(c.loss[i]));
        }
        beba_strbuf_puts(&k->out, "}}\n");
        k->n++;
    }
    return true;
}

static bool step_tables(struct beba_control_client *k)
{
    for (unsigned t = 0; t < BEBA_DP_TABLES; t++) {
        struct beba_state_table_info info = {0};
        struct beba_datapath_table_stats s;

        beba_datapath_table_stats(k->d->dp, (uint8_t)t, &s);
        if (t < BEBA_STATE_TABLES)
            beba_datapath_state_table(k->d->dp, (uint8_t)t, &info);
        if (!s.active && !s.lookups && !s.stateful)
            continue;
        beba_strbuf_printf(&k->out,
                           "{\"table\": %u, \"entries\": %u, \"max_entries\": %u, \"lookups\": "
                           "%llu, \"matched\": %llu, \"stateful\": %s, \"states\": %llu, "
                           "\"state_capacity\": %llu, \"state_memory\": %llu}\n",
                           t, s.active, s.max_entries, ull(s.lookups), ull(s.matches),
                           s.stateful ? "true" : "false", ull(info.entries), ull(info.capacity),
                           ull(info.memory));
        k->n++;
    }
    return true;
}

static bool add_flow(void *arg, const struct beba_datapath_flow *f)
{
    struct beba_control_client *k = arg;
    struct beba_strbuf text = {0};

    beba_strbuf_printf(
        &k->out,
        "{\"table\": %u, \"priority\": %u, \"cookie\": \"0x%llx\", \"packets\": %llu, "
        "\"bytes\": %llu, \"age\": %llu.%03llu, \"idle_timeout\": %u, "
        "\"hard_timeout\": %u, \"match\": ",
        f->table, f->priority, ull(f->cookie), ull(f->packets), ull(f->bytes),
        ull(f->lived / 1000000000), ull(f->lived / 1000000 % 1000), f->idle_timeout,
        f->hard_timeout);
    beba_of_match_print(&text, f->match);
    beba_control_text(&k->out, beba_strbuf_str(&text));
    beba_strbuf_clear(&text);
    beba_of_instructions_print(&text, f->instructions);
    beba_strbuf_puts(&k->out, ", \"actions\": ");
    beba_control_text(&k->out, beba_strbuf_str(&text));
    if (f->name) {
        beba_strbuf_puts(&k->out, ", \"rule\": ");
        beba_control_text(&k->out, f->name);
    }
    beba_strbuf_puts(&k->out, "}\n");
    beba_strbuf_free(&text);
    k->n++;
    return !beba_control_full(k);
}

static bool step_flows(struct beba_control_client *k)
{
    struct beba_datapath_flow_filter all = {.out_port = OFPP_ANY, .out_group = OFPG_ANY};
    struct beba_error err;

    if (table_of(k, &all.table, &err))
        return true;
    return beba_datapath_flows(k->d->dp, &all, beba_agent_now(), &k->cursor, add_flow, k);
}

static bool step_groups(struct beba_control_client *k)
{
    struct beba_datapath_group g;

    while (!beba_control_full(k)) {
        struct beba_strbuf text = {0};

        if (!beba_datapath_group_next(k->d->dp, &k->cursor, beba_agent_now(), &g))
            return true;
        beba_of_group_print(&text,
                            &(struct beba_of_group_desc){g.type, g.group, g.n_buckets, g.bucket});
        beba_strbuf_printf(&k->out,
                           "{\"group\": %u, \"references\": %u, \"packets\": %llu, \"bytes\": "
                           "%llu, \"text\": ",
                           g.group, g.ref_count, ull(g.packets), ull(g.bytes));
        beba_control_text(&k->out, beba_strbuf_str(&text));
        beba_strbuf_puts(&k->out, "}\n");
        beba_strbuf_free(&text);
        k->n++;
    }
    return false;
}

static bool step_meters(struct beba_control_client *k)
{
    struct beba_datapath_meter m;

    while (!beba_control_full(k)) {
        struct beba_strbuf text = {0};

        if (!beba_datapath_meter_next(k->d->dp, &k->cursor, beba_agent_now(), &m))
            return true;
        beba_of_meter_print(&text,
                            &(struct beba_of_meter_config){m.flags, m.meter, m.n_bands, m.band});
        beba_strbuf_printf(&k->out,
                           "{\"meter\": %u, \"flows\": %u, \"packets\": %llu, \"bytes\": %llu, "
                           "\"text\": ",
                           m.meter, m.flow_count, ull(m.packets), ull(m.bytes));
        beba_control_text(&k->out, beba_strbuf_str(&text));
        beba_strbuf_puts(&k->out, "}\n");
        beba_strbuf_free(&text);
        k->n++;
    }
    return false;
}

static bool add_state(void *arg, const struct beba_state_entry *e)
{
    static const char digits[] = "0123456789abcdef";
    struct beba_control_client *k = arg;
    char key[2 * BEBA_OF_STATE_KEY + 1];

    if (!e->key_len) /* the default entry */
        return true;
    for (uint32_t i = 0; i < e->key_len; i++) {
        key[2 * i] = digits[e->key[i] >> 4];
        key[2 * i + 1] = digits[e->key[i] & 15];
    }
    key[2 * e->key_len] = '\0';
    beba_strbuf_printf(&k->out,
                       "{\"table\": %u, \"key\": \"%s\", \"state\": %u, \"age\": %llu.%03llu, "
                       "\"vars\": [%u, %u, %u, %u, %u, %u]}\n",
                       e->table, key, e->state, ull(e->duration / 1000000000),
                       ull(e->duration / 1000000 % 1000), e->regs.var[0], e->regs.var[1],
                       e->regs.var[2], e->regs.var[3], e->regs.var[4], e->regs.var[5]);
    k->n++;
    return !beba_control_full(k);
}

static bool step_states(struct beba_control_client *k)
{
    struct beba_state_filter all = {0};
    struct beba_error err;

    if (table_of(k, &all.table, &err))
        return true;
    return beba_datapath_states(k->d->dp, &all, beba_agent_now(), &k->cursor, add_state, k);
}

static bool step_controllers(struct beba_control_client *k)
{
    static const char *const roles[] = {"none", "equal", "master", "slave"};
    struct beba_agent_peer peer;
    unsigned cursor = 0;

    for (unsigned i = 0; i < k->d->n_endpoints; i++) {
        const struct beba_address *a = beba_endpoint_address(k->d->endpoint[i]);

        beba_strbuf_puts(&k->out, "{\"address\": ");
        beba_control_text(&k->out, a->text);
        beba_strbuf_printf(&k->out, ", \"connections\": %u}\n",
                           beba_endpoint_connected(k->d->endpoint[i]));
        k->n++;
    }
    while (beba_agent_peer(k->d->agent, &cursor, &peer)) {
        beba_strbuf_puts(&k->out, "{\"peer\": ");
        beba_control_text(&k->out, peer.peer);
        beba_strbuf_printf(&k->out,
                           ", \"ready\": %s, \"role\": \"%s\", \"beba\": %s, \"messages_in\": "
                           "%llu, \"messages_out\": %llu, \"dropped\": %llu}\n",
                           peer.ready ? "true" : "false", roles[peer.role & 3],
                           peer.uses_beba ? "true" : "false", ull(peer.messages_in),
                           ull(peer.messages_out), ull(peer.dropped));
        k->n++;
    }
    return true;
}

static bool step_counters(struct beba_control_client *k)
{
    uint64_t drops[BEBA_DP_N_DROPS];
    struct beba_worker_stats w;
    struct beba_agent_stats a;

    beba_datapath_drops(k->d->dp, drops);
    beba_workers_stats(k->d->workers, &w);
    beba_agent_stats(k->d->agent, &a);
    beba_strbuf_printf(
        &k->out,
        "{\"packets\": %llu, \"packet_outs\": %llu, \"packet_outs_lost\": %llu, \"packet_ins\": "
        "%llu, \"packet_ins_limited\": %llu, \"packet_ins_ring_full\": %llu, "
        "\"packet_ins_sent\": %llu, \"packet_ins_dropped\": %llu, "
        "\"packet_ins_unwanted\": %llu, \"controllers\": %u, \"messages\": %llu, \"errors\": %llu, "
        "\"flow_mods\": %llu, \"drops\": {",
        ull(w.received), ull(w.executed), ull(w.packet_outs_full), ull(w.packet_ins),
        ull(w.limited), ull(w.ring_full), ull(a.packet_ins), ull(a.packet_ins_dropped),
        ull(a.packet_ins_unwanted), a.controllers, ull(a.messages), ull(a.errors_sent),
        ull(a.flow_mods));
    for (unsigned i = 0; i < BEBA_DP_N_DROPS; i++)
        beba_strbuf_printf(&k->out, "%s\"%s\": %llu", i ? ", " : "",
                           beba_datapath_drop_name((enum beba_datapath_drop)i), ull(drops[i]));
    beba_strbuf_puts(&k->out, "}}\n");
    k->n++;
    return true;
}

static bool step_programs(struct beba_control_client *k)
{
    struct beba_loaded l;
    unsigned cursor = 0;

    while (beba_programs_next(k->d->programs, &cursor, &l)) {
        beba_strbuf_printf(&k->out, "{\"table\": %u, \"next\": %u, \"program\": ", l.table, l.next);
        beba_control_text(&k->out, l.name);
        beba_strbuf_puts(&k->out, ", \"path\": ");
        beba_control_text(&k->out, l.path);
        beba_strbuf_puts(&k->out, "}\n");
        k->n++;
    }
    return true;
}

static void show_engine(struct beba_control_client *k)
{
    struct beba_datapath_native is;

    beba_datapath_native(k->d->dp, &is);
    beba_strbuf_printf(&k->out, ", \"engine\": \"%s\"", is.runs ? "native" : "interp");
    if (!is.started)
        return;
    beba_strbuf_printf(&k->out,
                       ", \"structure\": %llu, \"compiled\": %llu, \"compilations\": %llu, "
                       "\"compile_ms\": %llu, \"swap_ms\": %llu, \"programs_compiled\": %llu, "
                       "\"engine_error\": ",
                       ull(is.structure), ull(is.compiled), ull(is.n_compiled),
                       ull(is.compile_ns / 1000000), ull(is.swap_ns / 1000000), ull(is.n_programs));
    beba_control_text(&k->out, is.failed || is.program_failed ? is.error : "");
}

static bool step_show(struct beba_control_client *k)
{
    beba_strbuf_printf(&k->out, "{\"datapath\": \"%016llx\", \"workers\": %u, \"uptime\": %llu, ",
                       ull(k->d->datapath_id), k->d->opts->workers,
                       ull((uv_hrtime() - k->d->started) / 1000000000));
    beba_strbuf_puts(&k->out, "\"version\": ");
    beba_control_text(&k->out, k->d->opts->version);
    beba_strbuf_printf(&k->out, ", \"log_level\": \"%s\", \"standalone\": %s, \"state\": ",
                       beba_log_level_name(k->d->log.level), k->d->standalone ? "true" : "false");
    beba_control_text(&k->out, k->d->opts->state ? k->d->opts->state : "");
    show_engine(k);
    beba_strbuf_puts(&k->out, "}\n");
    k->n++;
    return true;
}

/* --- doing -------------------------------------------------------------------------------------
 */

static int text_of(const struct beba_control_client *k, const char *name, const char **out,
                   struct beba_error *err)
{
    *out = json_string_value(json_object_get(k->request, name));
    return *out ? 0 : beba_error_set(err, -EINVAL, "the request has no \"%s\"", name);
}

static int do_log(struct beba_control_client *k, struct beba_error *err)
{
    const char *text;
    int level, r = text_of(k, "level", &text, err);

    if (r)
        return r;
    level = beba_log_level_parse(text);
    if (level < 0)
        return beba_error_set(err, -EINVAL, "'%s' is no level: error, warning, notice, info, debug",
                              text);
    k->d->log.level = level;
    return 0;
}

static int do_save(struct beba_control_client *k, struct beba_error *err)
{
    if (!k->d->save)
        return beba_error_set(err, -EINVAL, "the switch runs without --state");
    return beba_save_rewrite(k->d->save, true, err);
}

static int do_load(struct beba_control_client *k, struct beba_error *err)
{
    json_int_t next = json_integer_value(json_object_get(k->request, "next"));
    const char *path;
    uint8_t table;
    int r = text_of(k, "path", &path, err);

    if (!r)
        r = table_of(k, &table, err);
    if (r)
        return r;
    if (next < 0 || next >= BEBA_DP_TABLES)
        return beba_error_set(err, -EINVAL, "there is no such table to pass packets on to");
    return beba_programs_load(k->d->programs, table == OFPTT_ALL ? 0 : table, (uint8_t)next, path,
                              err);
}

static int do_unload(struct beba_control_client *k, struct beba_error *err)
{
    uint8_t table;
    int r = table_of(k, &table, err);

    return r ? r : beba_programs_unload(k->d->programs, table == OFPTT_ALL ? 0 : table, err);
}

static int do_port_add(struct beba_control_client *k, struct beba_error *err)
{
    const char *text;
    int r = text_of(k, "port", &text, err);

    return r ? r : beba_ports_add(k->d->ports, text, err);
}

static int do_port_del(struct beba_control_client *k, struct beba_error *err)
{
    const char *text;
    int r = text_of(k, "port", &text, err);

    return r ? r : beba_ports_del(k->d->ports, text, err);
}

static int do_events(struct beba_control_client *k, struct beba_error *err)
{
    k->listens = true;
    return 0;
}

static int do_stop(struct beba_control_client *k, struct beba_error *err)
{
    beba_daemon_stop(k->d, "asked to");
    return 0;
}

static const struct {
    const char *name;
    bool (*step)(struct beba_control_client *k);
    int (*act)(struct beba_control_client *k, struct beba_error *err);
} requests[] = {
    {"show", step_show, NULL},
    {"ports", step_ports, NULL},
    {"tables", step_tables, NULL},
    {"flows", step_flows, NULL},
    {"groups", step_groups, NULL},
    {"meters", step_meters, NULL},
    {"states", step_states, NULL},
    {"controllers", step_controllers, NULL},
    {"counters", step_counters, NULL},
    {"events", NULL, do_events},
    {"log", NULL, do_log},
    {"save", NULL, do_save},
    {"port-add", NULL, do_port_add},
    {"port-del", NULL, do_port_del},
    {"programs", step_programs, NULL},
    {"load", NULL, do_load},
    {"unload", NULL, do_unload},
    {"stop", NULL, do_stop},
};

int beba_control_do(struct beba_control_client *k, const char *name, struct beba_error *err)
{
    uint8_t table;
    int r;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(name, requests[i].name) != 0)
            continue;
        if (requests[i].act)
            return requests[i].act(k, err);
        r = table_of(k, &table, err);
        if (!r)
            k->step = requests[i].step;
        return r;
    }
    return beba_error_set(err, -EINVAL, "'%s' is no request", name);
}
