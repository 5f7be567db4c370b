/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The daemon's parts, for its own files: switch.c makes them, control.c and metrics.c show them.
 * Inside of the room only. */
#ifndef BEBA_SWITCH_DAEMON_H
#define BEBA_SWITCH_DAEMON_H

#include "switch/agent.h"
#include "switch/programs.h"
#include "switch/save.h"
#include "switch/switch.h"
#include "switch/tls.h"

struct beba_control;
struct beba_metrics;

enum { BEBA_DAEMON_ENDPOINTS = 32 };

struct beba_daemon {
    const struct beba_switch_opts *opts;
    struct beba_log log;
    uv_loop_t loop;
    uv_async_t events;
    uv_timer_t expire, slow;
    uv_poll_t netdevs;
    uv_signal_t signal[3];
    bool stopping;
    struct beba_datapath *dp;
    struct beba_workers *workers;
    struct beba_ports *ports;
    struct beba_agent *agent;
    struct beba_save *save;
    struct beba_programs *programs;
    struct beba_log_limit limit;
    struct beba_tls_context *tls;
    struct beba_endpoint *endpoint[BEBA_DAEMON_ENDPOINTS];
    unsigned n_endpoints;
    struct beba_control *control;
    struct beba_metrics *metrics;
    uv_timer_t native_timer; /* engine.c */
    uv_async_t native_done;
    uint64_t natives;   /* times that tables were compiled, as said last */
    bool native_failed; /* as said last */
    uint64_t datapath_id;
    uint64_t started;     /* ns, CLOCK_MONOTONIC */
    uint64_t lost_at;     /* ms, of the loop: when a controller was last seen */
    unsigned controllers; /* when events were last told */
    bool standalone;      /* forwards by itself now */
};

/* Ends the loop; everything is closed in order. */
void beba_daemon_stop(struct beba_daemon *d, const char *why);

/* Native code for the tables, where it is wanted: from the beginning, and whenever tables may have
 * changed. */
int beba_daemon_native_start(struct beba_daemon *d, struct beba_error *err);
void beba_daemon_native_step(struct beba_daemon *d);

/* JSON requests on a unix socket. */
int beba_control_new(struct beba_daemon *d, const char *path, struct beba_control **out,
                     struct beba_error *err);
void beba_control_close(struct beba_control *c);
/* A line for who listens to events; text: JSON. */
void beba_control_event(struct beba_control *c, const char *json);

/* Prometheus text over HTTP. */
int beba_metrics_new(struct beba_daemon *d, const char *address, struct beba_metrics **out,
                     struct beba_error *err);
void beba_metrics_close(struct beba_metrics *m);

#endif
