/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/switch.h"
#include "base/error.h"
#include "switch/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EXPIRE_MS = 100,
    SLOW_MS = 1000,
    EVENTS = 1024, /* taken at once, before connections get their turn */
};

/* --- what happens ------------------------------------------------------------------------------
 */

/* By any worker. */
static void on_wake(void *arg)
{
    struct beba_daemon *d = arg;

    uv_async_send(&d->events);
}

static void on_events(uv_async_t *async)
{
    struct beba_daemon *d = async->data;
    struct beba_event e;

    if (!d->agent)
        return;
    for (unsigned i = 0; i < EVENTS; i++) {
        if (!beba_workers_next(d->workers, &e))
            return;
        beba_agent_event(d->agent, &e);
        beba_workers_pop(d->workers);
    }
    uv_async_send(&d->events);
}

static void on_port(void *arg, uint8_t reason, const struct beba_swport *port)
{
    static const char *const what[] = {"added", "removed", "changed"};
    struct beba_daemon *d = arg;
    char text[128];

    if (d->agent)
        beba_agent_port_changed(d->agent, reason, port);
    snprintf(text, sizeof(text), "{\"event\": \"port %s\", \"port\": %u, \"up\": %s}", what[reason],
             port->number,
             port->of.state & OFPPS_LIVE && reason != OFPPR_DELETE ? "true" : "false");
    beba_control_event(d->control, text);
}

static void on_changed(void *arg, const struct beba_of_msg *msg, const uint8_t *bytes, uint32_t len)
{
    struct beba_daemon *d = arg;

    if (d->save)
        beba_save_add(d->save, msg, bytes, len);
    beba_daemon_native_step(d);
}

static void on_settle(void *arg)
{
    struct beba_daemon *d = arg;

    if (d->save)
        beba_save_flush(d->save);
}

static void on_notice(void *arg, uint64_t time, const char *text)
{
    struct beba_daemon *d = arg;
    struct beba_strbuf line = {0};

    beba_strbuf_puts(&line, "{\"event\": \"program\", \"text\": ");
    beba_control_text(&line, text);
    beba_strbuf_puts(&line, "}");
    beba_control_event(d->control, beba_strbuf_str(&line));
    beba_strbuf_free(&line);
}

/* What programs notify of. */
static void take_notices(struct beba_daemon *d)
{
    struct beba_loaded loaded;
    unsigned cursor = 0;

    while (beba_programs_next(d->programs, &cursor, &loaded))
        beba_datapath_program_events(d->dp, loaded.table, on_notice, d);
}

static void on_expire(uv_timer_t *t)
{
    struct beba_daemon *d = t->data;

    beba_datapath_expire(d->dp, beba_agent_now());
    take_notices(d);
    on_settle(d);
    beba_daemon_native_step(d);
}

/* Whether a controller that the switch dials answers; *dialled: there is one to be dialled. */
static bool controlled(const struct beba_daemon *d, bool *dialled)
{
    bool connected = false;

    *dialled = false;
    for (unsigned i = 0; i < d->n_endpoints; i++) {
        if (beba_endpoint_address(d->endpoint[i])->passive)
            continue;
        *dialled = true;
        connected |= beba_endpoint_connected(d->endpoint[i]) > 0;
    }
    return connected;
}

static void forward_alone(struct beba_daemon *d, uint16_t priority)
{
    struct beba_error err = {0};

    d->standalone = !beba_programs_stand_alone(d->programs, priority, &err);
    if (d->standalone)
        beba_log(&d->log, BEBA_LOG_NOTICE, "no controller: forwarding by learned addresses");
    else
        beba_log_limited(&d->log, &d->limit, BEBA_LOG_ERROR,
                         "cannot forward without a controller: %s", err.what);
}

/* Three times as long as a controller may be silent, and the switch forwards by itself; at once
 * where it has none to dial. */
static void check_controllers(struct beba_daemon *d)
{
    uint64_t now = uv_now(&d->loop);
    bool dialled;

    if (!d->opts->standalone)
        return;
    if (controlled(d, &dialled)) {
        d->lost_at = now;
        if (d->standalone) {
            beba_programs_stand_back(d->programs);
            beba_log(&d->log, BEBA_LOG_NOTICE, "a controller answers: it forwards again");
        }
        d->standalone = false;
    } else if (!d->standalone && (!dialled || now - d->lost_at > 3ull * d->opts->probe)) {
        forward_alone(d, dialled ? UINT16_MAX : 0);
    }
}

/* For who listens to events. */
static void tell_controllers(struct beba_daemon *d)
{
    struct beba_agent_stats stats;
    char text[64];

    beba_agent_stats(d->agent, &stats);
    if (stats.controllers == d->controllers)
        return;
    d->controllers = stats.controllers;
    snprintf(text, sizeof(text), "{\"event\": \"controllers\", \"n\": %u}", stats.controllers);
    beba_control_event(d->control, text);
}

static void on_slow(uv_timer_t *t)
{
    struct beba_daemon *d = t->data;
    struct beba_error err;

    check_controllers(d);
    tell_controllers(d);
    beba_ports_retry(d->ports);
    if (d->save && beba_save_rewrite(d->save, false, &err))
        beba_log(&d->log, BEBA_LOG_ERROR, "%s: %s", err.where, err.what);
}

static void on_netdevs(uv_poll_t *p, int status, int events)
{
    struct beba_daemon *d = p->data;

    beba_ports_changes(d->ports);
}

/* Certificates are read anew; connections that stand keep theirs. */
static void reload(struct beba_daemon *d)
{
    const struct beba_switch_opts *o = d->opts;
    struct beba_tls_context *tls;
    struct beba_error err;

    beba_log(&d->log, BEBA_LOG_NOTICE, "reloading");
    beba_ports_retry(d->ports);
    if (!d->tls)
        return;
    if (beba_tls_context_new(o->private_key, o->certificate, o->ca_cert, &tls, &err)) {
        beba_log(&d->log, BEBA_LOG_ERROR, "%s: %s; the ones read before stay", err.where, err.what);
        return;
    }
    beba_tls_context_free(d->tls);
    d->tls = tls;
}

static void on_signal(uv_signal_t *s, int number)
{
    struct beba_daemon *d = s->data;

    if (number == SIGHUP)
        reload(d);
    else
        beba_daemon_stop(d, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* --- beginning ----------------------------------------------------------------------------------
 */

static int start_datapath(struct beba_daemon *d, struct beba_error *err)
{
    const struct beba_switch_opts *o = d->opts;
    struct beba_datapath_opts dp = {.n_workers = o->workers,
                                    .max_flows = o->max_flows,
                                    .state_file = o->state,
                                    .openstate =
                                        !o->detect && o->dialect == BEBA_DIALECT_OPENSTATE};
    struct beba_workers_opts workers = {.n = o->workers,
                                        .packet_in_rate = o->packet_in_rate,
                                        .state_changes = o->notify_states,
                                        .wake = on_wake,
                                        .arg = d};
    int r = beba_datapath_new(&dp, &d->dp, err);

    if (r)
        return r;
    r = beba_daemon_native_start(d, err);
    if (r)
        return r;
    workers.dp = d->dp;
    return beba_workers_new(&workers, &d->workers, err);
}

static int start_ports(struct beba_daemon *d, struct beba_error *err)
{
    struct beba_ports_opts opts = {
        .dp = d->dp, .workers = d->workers, .log = &d->log, .changed = on_port, .arg = d};
    int r = beba_ports_new(&opts, &d->ports, err);

    for (unsigned i = 0; !r && i < d->opts->n_ports; i++)
        r = beba_ports_add(d->ports, d->opts->ports[i], err);
    if (!r && d->opts->local)
        r = beba_ports_add_local(d->ports, d->opts->local, err);
    return r;
}

/* The first port's hardware address; of a switch without any, a number of the process. */
static uint64_t default_datapath_id(struct beba_daemon *d)
{
    uint64_t id = 0;

    for (struct beba_swport *p = beba_ports_first(d->ports); p && !id; p = p->next) {
        for (unsigned i = 0; i < 6; i++)
            id = id << 8 | p->of.hw_addr[i];
    }
    return id ? id : 0xbeba00000000u | (uint32_t)getpid();
}

static int start_agent(struct beba_daemon *d, struct beba_error *err)
{
    const struct beba_switch_opts *o = d->opts;
    struct beba_agent_opts opts = {.loop = &d->loop,
                                   .log = &d->log,
                                   .dp = d->dp,
                                   .workers = d->workers,
                                   .dialect = o->dialect,
                                   .detect = o->detect,
                                   .auxiliary = o->auxiliary,
                                   .probe = o->probe,
                                   .version = o->version,
                                   .description = o->description,
                                   .changed = on_changed,
                                   .settle = on_settle,
                                   .arg = d};
    int r;

    d->datapath_id = o->has_datapath_id ? o->datapath_id : default_datapath_id(d);
    opts.datapath_id = d->datapath_id;
    r = beba_agent_new(&opts, &d->agent, err);
    if (r)
        return r;
    beba_agent_ports(d->agent, d->ports);
    r = beba_programs_new(d->dp, &d->log, o->state, &d->programs, err);
    if (r || !o->state)
        return r;
    r = beba_save_open(o->state, d->dp, &d->log, &d->save, err);
    if (!r)
        r = beba_save_load(d->save, d->agent, err);
    if (!r)
        beba_programs_restore(d->programs);
    return r;
}

static int start_endpoints(struct beba_daemon *d, struct beba_error *err)
{
    const struct beba_switch_opts *o = d->opts;
    int r;

    if (o->n_controllers > BEBA_DAEMON_ENDPOINTS)
        return beba_error_set(err, -EINVAL, "more than %d controllers", BEBA_DAEMON_ENDPOINTS);
    if (o->private_key) {
        r = beba_tls_context_new(o->private_key, o->certificate, o->ca_cert, &d->tls, err);
        if (r)
            return r;
    }
    for (unsigned i = 0; i < o->n_controllers; i++) {
        struct beba_endpoint_opts e = {.loop = &d->loop,
                                       .log = &d->log,
                                       .tls = &d->tls,
                                       .events = beba_agent_events(d->agent)};

        r = beba_address_parse(o->controllers[i], &e.address, err);
        if (!r && e.address.tls && !d->tls)
            r = beba_error_set(err, -EINVAL, "%s needs --private-key, --certificate and --ca-cert",
                               e.address.text);
        if (!r)
            r = beba_endpoint_new(&e, &d->endpoint[d->n_endpoints], err);
        if (r)
            return r;
        d->n_endpoints++;
    }
    return 0;
}

static int write_pidfile(const char *path, struct beba_error *err)
{
    FILE *f = fopen(path, "we");
    bool good = f && fprintf(f, "%d\n", (int)getpid()) > 0;

    if (f && fclose(f))
        good = false;
    if (good)
        return 0;
    beba_error_set(err, -EIO, "cannot write the process's id: %s", strerror(errno));
    beba_error_where(err, "%s", path);
    return -EIO;
}

static int start_handles(struct beba_daemon *d, struct beba_error *err)
{
    static const int signals[3] = {SIGTERM, SIGINT, SIGHUP};
    int r;

    uv_timer_init(&d->loop, &d->expire);
    uv_timer_init(&d->loop, &d->slow);
    d->expire.data = d->slow.data = d->netdevs.data = d;
    uv_timer_start(&d->expire, on_expire, EXPIRE_MS, EXPIRE_MS);
    uv_timer_start(&d->slow, on_slow, SLOW_MS, SLOW_MS);
    for (unsigned i = 0; i < 3; i++) {
        uv_signal_init(&d->loop, &d->signal[i]);
        d->signal[i].data = d;
        uv_signal_start(&d->signal[i], on_signal, signals[i]);
    }
    r = uv_poll_init(&d->loop, &d->netdevs, beba_ports_fd(d->ports));
    if (!r)
        r = uv_poll_start(&d->netdevs, UV_READABLE, on_netdevs);
    return r ? beba_error_set(err, r, "cannot watch the interfaces: %s", uv_strerror(r)) : 0;
}

static int start(struct beba_daemon *d, struct beba_error *err)
{
    const struct beba_switch_opts *o = d->opts;
    int r = start_datapath(d, err);

    if (!r)
        r = start_ports(d, err);
    if (!r)
        r = start_agent(d, err);
    if (!r)
        r = start_handles(d, err);
    if (!r)
        r = start_endpoints(d, err);
    if (!r && o->control)
        r = beba_control_new(d, o->control, &d->control, err);
    if (!r && o->metrics)
        r = beba_metrics_new(d, o->metrics, &d->metrics, err);
    if (!r && o->pidfile)
        r = write_pidfile(o->pidfile, err);
    return r;
}

/* --- end ----------------------------------------------------------------------------------------
 */

void beba_daemon_stop(struct beba_daemon *d, const char *why)
{
    if (d->stopping)
        return;
    d->stopping = true;
    beba_notify("STOPPING=1");
    beba_log(&d->log, BEBA_LOG_NOTICE, "stopping: %s", why);
    uv_stop(&d->loop);
}

static void close_rest(uv_handle_t *h, void *arg)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Controllers are left in order: what waits is written, then all that libuv has is closed. */
static void stop(struct beba_daemon *d)
{
    for (unsigned i = 0; i < d->n_endpoints; i++)
        beba_endpoint_close(d->endpoint[i]);
    beba_control_close(d->control);
    beba_metrics_close(d->metrics);
    d->control = NULL;
    if (d->agent)
        beba_agent_stop(d->agent);
    if (d->expire.data) {
        uv_close((uv_handle_t *)&d->expire, NULL);
        uv_close((uv_handle_t *)&d->slow, NULL);
        for (unsigned i = 0; i < 3; i++)
            uv_close((uv_handle_t *)&d->signal[i], NULL);
    }
    if (d->netdevs.data && d->netdevs.type == UV_POLL)
        uv_close((uv_handle_t *)&d->netdevs, NULL);
    uv_close((uv_handle_t *)&d->events, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    beba_save_close(d->save);
    beba_programs_close(d->programs);
    beba_workers_free(d->workers);
    beba_ports_free(d->ports);
    beba_agent_free(d->agent);
    beba_datapath_free(d->dp);
    beba_tls_context_free(d->tls);
    uv_walk(&d->loop, close_rest, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    if (d->opts->pidfile)
        unlink(d->opts->pidfile);
}

int beba_switch_run(const struct beba_switch_opts *opts, struct beba_error *err)
{
    struct beba_daemon *d = calloc(1, sizeof(*d));
    int r;

    if (!d)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    d->opts = opts;
    beba_log_init(&d->log, opts->log_level);
    uv_loop_init(&d->loop);
    uv_async_init(&d->loop, &d->events, on_events);
    d->events.data = d;
    d->started = uv_hrtime();
    r = start(d, err);
    if (!r) {
        beba_log(&d->log, BEBA_LOG_NOTICE, "datapath %016llx is ready: %u workers",
                 (unsigned long long)d->datapath_id, opts->workers);
        d->lost_at = uv_now(&d->loop);
        check_controllers(d);
        beba_notify("READY=1");
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    stop(d);
    free(d);
    return r;
}
