/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Metrics for Prometheus: GET /metrics, answered and closed. */
#include "base/error.h"
#include "base/strbuf.h"
#include "datapath/stateful.h"
#include "switch/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 16, REQUEST_MAX = 4096, LIFE_MS = 5000 };

struct client {
    struct beba_metrics *m;
    struct client *next;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    unsigned handles;
    char in[REQUEST_MAX];
    size_t in_len;
    bool answered;
    struct beba_strbuf out;
};

struct beba_metrics {
    struct beba_daemon *d;
    uv_tcp_t listener;
    struct client *clients;
    unsigned n_clients, handles;
    bool closing;
};

static void maybe_free(struct beba_metrics *m)
{
    if (m->closing && !m->n_clients && !m->handles)
        free(m);
}

static void on_closed(uv_handle_t *h)
{
    struct client *k = h->data, **at;
    struct beba_metrics *m = k->m;

    if (--k->handles)
        return;
    for (at = &m->clients; *at != k; at = &(*at)->next)
        ;
    *at = k->next;
    m->n_clients--;
    beba_strbuf_free(&k->out);
    free(k);
    maybe_free(m);
}

static void close_client(struct client *k)
{
    if (uv_is_closing((uv_handle_t *)&k->tcp))
        return;
    uv_close((uv_handle_t *)&k->tcp, on_closed);
    uv_close((uv_handle_t *)&k->timer, on_closed);
}

/* --- the text ----------------------------------------------------------------------------------
 */

static void head(struct beba_strbuf *out, const char *name, const char *type, const char *help)
{
    beba_strbuf_printf(out, "# HELP beba_%s %s\n# TYPE beba_%s %s\n", name, help, name, type);
}

static void value(struct beba_strbuf *out, const char *name, const char *labels, uint64_t v)
{
    beba_strbuf_printf(out, "beba_%s%s %llu\n", name, labels, (unsigned long long)v);
}

static void single(struct beba_strbuf *out, const char *name, const char *type, const char *help,
                   uint64_t v)
{
    head(out, name, type, help);
    value(out, name, "", v);
}

static void write_ports(struct beba_daemon *d, struct beba_strbuf *out)
{
    static const struct {
        const char *name, *help;
    } what[] = {
        {"port_receive_packets_total", "Packets received."},
        {"port_receive_bytes_total", "Bytes received."},
        {"port_transmit_packets_total", "Packets sent."},
        {"port_transmit_bytes_total", "Bytes sent."},
        {"port_lost_packets_total", "Packets that were not received or not sent, by reason."},
        {"port_up", "Whether packets go through."},
    };
    char labels[128];

    for (unsigned w = 0; w < 6; w++) {
        head(out, what[w].name, w == 5 ? "gauge" : "counter", what[w].help);
        for (struct beba_swport *p = beba_ports_first(d->ports); p; p = p->next) {
            struct beba_port_counters c;
            uint64_t v[6];

            beba_workers_port_counters(d->workers, p->number, &c);
            v[0] = c.rx_packets;
            v[1] = c.rx_bytes;
            v[2] = c.tx_packets;
            v[3] = c.tx_bytes;
            v[5] = p->present && p->of.state & OFPPS_LIVE;
            if (w != 4) {
                snprintf(labels, sizeof(labels), "{port=\"%u\",name=\"%s\"}", p->number, p->name);
                value(out, what[w].name, labels, v[w]);
                continue;
            }
            for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++) {
                snprintf(labels, sizeof(labels), "{port=\"%u\",name=\"%s\",reason=\"%s\"}",
                         p->number, p->name, beba_port_losses[i].name);
                value(out, what[w].name, labels, c.loss[i]);
            }
        }
    }
}

static void write_tables(struct beba_daemon *d, struct beba_strbuf *out)
{
    static const struct {
        const char *name, *type, *help;
    } what[] = {
        {"table_entries", "gauge", "Flow entries of a table."},
        {"table_lookups_total", "counter", "Packets that were looked up."},
        {"table_matched_total", "counter", "Packets that matched an entry."},
        {"table_states", "gauge", "Flows that a stateful table keeps."},
    };
    char labels[32];

    for (unsigned w = 0; w < 4; w++) {
        head(out, what[w].name, what[w].type, what[w].help);
        for (unsigned t = 0; t < BEBA_DP_TABLES; t++) {
            struct beba_state_table_info info = {0};
            struct beba_datapath_table_stats s;

            beba_datapath_table_stats(d->dp, (uint8_t)t, &s);
            if (!s.active && !s.lookups && !s.stateful)
                continue;
            if (t < BEBA_STATE_TABLES)
                beba_datapath_state_table(d->dp, (uint8_t)t, &info);
            snprintf(labels, sizeof(labels), "{table=\"%u\"}", t);
            value(out, what[w].name, labels,
                  w == 0   ? s.active
                  : w == 1 ? s.lookups
                  : w == 2 ? s.matches
                           : info.entries);
        }
    }
}

static void write_metrics(struct beba_daemon *d, struct beba_strbuf *out)
{
    uint64_t drops[BEBA_DP_N_DROPS];
    struct beba_worker_stats w;
    struct beba_agent_stats a;
    char labels[64];

    beba_datapath_drops(d->dp, drops);
    beba_workers_stats(d->workers, &w);
    beba_agent_stats(d->agent, &a);
    write_ports(d, out);
    write_tables(d, out);
    head(out, "dropped_packets_total", "counter", "Packets that went nowhere, by reason.");
    for (unsigned i = 0; i < BEBA_DP_N_DROPS; i++) {
        snprintf(labels, sizeof(labels), "{reason=\"%s\"}",
                 beba_datapath_drop_name((enum beba_datapath_drop)i));
        value(out, "dropped_packets_total", labels, drops[i]);
    }
    single(out, "packets_total", "counter", "Packets received by all ports.", w.received);
    single(out, "packet_ins_total", "counter", "Packets handed to the control thread.",
           w.packet_ins);
    single(out, "packet_ins_limited_total", "counter", "Packet-ins lost to the rate limit.",
           w.limited);
    single(out, "packet_ins_full_total", "counter", "Packet-ins lost to a full ring.", w.ring_full);
    single(out, "packet_ins_unsent_total", "counter", "Packet-ins that slow controllers lost.",
           a.packet_ins_dropped);
    single(out, "packet_ins_unwanted_total", "counter", "Packet-ins that no controller wanted.",
           a.packet_ins_unwanted);
    single(out, "packet_outs_total", "counter", "Packet-outs executed.", w.executed);
    single(out, "packet_outs_lost_total", "counter", "Packet-outs lost to a full ring.",
           w.packet_outs_full);
    single(out, "controllers", "gauge", "Connections that speak OpenFlow.", a.controllers);
    single(out, "messages_total", "counter", "Messages from controllers.", a.messages);
    single(out, "errors_total", "counter", "Error messages sent.", a.errors_sent);
    single(out, "flow_mods_total", "counter", "Flow-mods carried out.", a.flow_mods);
    single(out, "uptime_seconds", "gauge", "Since the switch began.",
           (uv_hrtime() - d->started) / 1000000000);
}

/* --- HTTP --------------------------------------------------------------------------------------
 */

static void on_written(uv_write_t *w, int status)
{
    close_client(w->data);
}

static void answer(struct client *k)
{
    struct beba_strbuf body = {0};
    bool get = !strncmp(k->in, "GET /metrics ", 13) || !strncmp(k->in, "GET /metrics?", 13);
    uv_buf_t buf;

    k->answered = true;
    if (get)
        write_metrics(k->m->d, &body);
    else
        beba_strbuf_puts(&body, "only GET /metrics\n");
    beba_strbuf_printf(&k->out,
                       "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                       "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                       get ? "200 OK" : "404 Not Found", body.len);
    beba_strbuf_add(&k->out, beba_strbuf_str(&body), body.len);
    beba_strbuf_free(&body);
    k->write.data = k;
    buf = uv_buf_init(k->out.s, (unsigned)k->out.len);
    if (k->out.failed || uv_write(&k->write, (uv_stream_t *)&k->tcp, &buf, 1, on_written) < 0)
        close_client(k);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct client *k = h->data;

    *buf = uv_buf_init(k->in + k->in_len, (unsigned)(sizeof(k->in) - 1 - k->in_len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct client *k = s->data;

    if (n < 0 || k->answered) {
        if (n < 0)
            close_client(k);
        k->in_len = 0;
        return;
    }
    k->in_len += (size_t)n;
    k->in[k->in_len] = '\0';
    if (strstr(k->in, "\r\n\r\n") || strstr(k->in, "\n\n"))
        answer(k);
}

static void on_timer(uv_timer_t *t)
{
    close_client(t->data);
}

static void on_connection(uv_stream_t *s, int status)
{
    struct beba_metrics *m = s->data;
    struct client *k = status < 0 ? NULL : calloc(1, sizeof(*k));

    if (!k)
        return;
    k->m = m;
    k->next = m->clients;
    m->clients = k;
    m->n_clients++;
    uv_tcp_init(&m->d->loop, &k->tcp);
    uv_timer_init(&m->d->loop, &k->timer);
    k->tcp.data = k->timer.data = k;
    k->handles = 2;
    if (uv_accept(s, (uv_stream_t *)&k->tcp) < 0 || m->n_clients > CLIENTS) {
        close_client(k);
        return;
    }
    uv_timer_start(&k->timer, on_timer, LIFE_MS, 0);
    uv_read_start((uv_stream_t *)&k->tcp, on_alloc, on_read);
}

static void on_listener_closed(uv_handle_t *h)
{
    struct beba_metrics *m = h->data;

    m->handles--;
    maybe_free(m);
}

int beba_metrics_new(struct beba_daemon *d, const char *address, struct beba_metrics **out,
                     struct beba_error *err)
{
    struct beba_metrics *m = calloc(1, sizeof(*m));
    const char *colon = strrchr(address, ':');
    struct sockaddr_storage ss;
    struct beba_address a;
    char text[300];
    int r;

    if (!m)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    m->d = d;
    uv_tcp_init(&d->loop, &m->listener);
    m->listener.data = m;
    m->handles = 1;
    snprintf(text, sizeof(text), "ptcp:%s:%.*s", colon ? colon + 1 : "",
             colon ? (int)(colon - address) : 0, address);
    r = colon && colon[1] ? beba_address_parse(text, &a, NULL) : -EINVAL;
    if (!r && uv_ip4_addr(a.host[0] ? a.host : "0.0.0.0", a.port, (struct sockaddr_in *)&ss))
        r = uv_ip6_addr(a.host, a.port, (struct sockaddr_in6 *)&ss);
    if (!r)
        r = uv_tcp_bind(&m->listener, (const struct sockaddr *)&ss, 0);
    if (!r)
        r = uv_listen((uv_stream_t *)&m->listener, 16, on_connection);
    if (!r) {
        *out = m;
        return 0;
    }
    beba_error_set(err, r, "cannot show metrics on '%s': %s", address, uv_strerror(r));
    beba_error_hint(err, "HOST:PORT, the host as an address");
    beba_metrics_close(m);
    return r;
}

void beba_metrics_close(struct beba_metrics *m)
{
    if (!m)
        return;
    m->closing = true;
    uv_close((uv_handle_t *)&m->listener, on_listener_closed);
    for (struct client *k = m->clients; k; k = k->next)
        close_client(k);
}
