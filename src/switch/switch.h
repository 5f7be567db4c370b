/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The switch as a daemon: ports, workers, agent, what is saved, and the sockets that people and
 * programs ask. One control thread with a libuv loop, and the workers. */
#ifndef BEBA_SWITCH_SWITCH_H
#define BEBA_SWITCH_SWITCH_H

#include "base/int.h"

struct beba_error;

enum beba_switch_engine {
    BEBA_SWITCH_INTERP,
    BEBA_SWITCH_NATIVE, /* tables are compiled; until they are, and where that fails, interpreted */
    BEBA_SWITCH_AUTO,   /* the same, but nothing is said where there is no compiler */
};

struct beba_switch_opts {
    const char *const *controllers; /* switch/address.h */
    unsigned n_controllers;
    const char *const *ports; /* switch/ports.h */
    unsigned n_ports;
    const char *local; /* LOCAL's TAP; NULL: none */
    bool has_datapath_id;
    uint64_t datapath_id; /* else from the first port's address */
    unsigned auxiliary;   /* connections, of each controller that is dialled */
    unsigned workers;
    uint8_t engine; /* enum beba_switch_engine */
    uint32_t packet_in_rate;
    const char *private_key, *certificate, *ca_cert; /* PEM; all three or none */
    bool standalone;
    uint8_t dialect; /* enum beba_dialect */
    bool detect;
    bool notify_states;      /* STATE_CHANGED is sent */
    uint64_t max_flows;      /* of a state table */
    const char *state;       /* file of the pipeline; those of state tables have its name, too */
    const char *control;     /* path of the control socket; NULL: none */
    const char *metrics;     /* HOST:PORT; NULL: none */
    const char *pidfile;     /* NULL: none */
    int log_level;           /* enum beba_log_level */
    unsigned probe;          /* ms */
    const char *description; /* of the datapath, for controllers */
    const char *version;     /* "beba 0.1.0" */
};

/* Runs until a signal (SIGTERM, SIGINT) or the control socket ends it. SIGHUP reads the
 * certificates again and tries ports that failed. */
int beba_switch_run(const struct beba_switch_opts *opts, struct beba_error *err);

#endif
