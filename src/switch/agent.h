/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The OpenFlow agent: what controllers say, carried out on the datapath and the ports, and what
 * they are told. Messages come by endpoints (switch/endpoint.h); every refused one is answered with
 * the specification's error and has changed nothing. Control thread only. */
#ifndef BEBA_SWITCH_AGENT_H
#define BEBA_SWITCH_AGENT_H

#include "openflow/codec.h"
#include "switch/endpoint.h"
#include "switch/ports.h"

struct beba_agent;

struct beba_agent_opts {
    uv_loop_t *loop;
    const struct beba_log *log;
    struct beba_datapath *dp;
    struct beba_workers *workers;
    uint64_t datapath_id;
    uint8_t dialect;    /* enum beba_dialect */
    bool detect;        /* each connection's dialect follows its messages */
    unsigned auxiliary; /* connections besides the main one, to each controller that is dialled */
    unsigned probe;     /* ms of silence before an echo request, and before it counts as lost */
    const char *version, *description; /* for DESC */
    /* A message that changed the pipeline, or a port, has been carried out; to be saved. */
    void (*changed)(void *arg, const struct beba_of_msg *msg, const uint8_t *bytes, uint32_t len);
    void (*settle)(void *arg); /* before a barrier is answered */
    void *arg;
};

struct beba_agent_stats {
    unsigned controllers;           /* connections whose hello is done */
    uint64_t messages, errors_sent; /* from all connections, also those that are gone */
    uint64_t flow_mods, packet_outs;
    /* Each is counted once: sent to a controller at least; dropped, since too much waits for all
     * who want it; no controller is there that wants it. */
    uint64_t packet_ins, packet_ins_dropped, packet_ins_unwanted;
    uint64_t port_status, flow_removed;
    unsigned buffers;
};

int beba_agent_new(const struct beba_agent_opts *opts, struct beba_agent **out,
                   struct beba_error *err);
/* After all endpoints have been closed. */
void beba_agent_free(struct beba_agent *a);
/* Ports are made after the agent, which they tell of changes. */
void beba_agent_ports(struct beba_agent *a, struct beba_ports *ports);
/* For endpoints: whoever they connect is a controller. */
struct beba_endpoint_events beba_agent_events(struct beba_agent *a);
/* Stops what would keep the loop running. */
void beba_agent_stop(struct beba_agent *a);

/* Carries out a message as if a controller had sent it: what was saved, and the control socket. */
int beba_agent_apply(struct beba_agent *a, const struct beba_of_msg *msg, const uint8_t *bytes,
                     uint32_t len, struct beba_of_error *err);

/* What happens, for controllers that want to know. */
void beba_agent_event(struct beba_agent *a, const struct beba_event *e);
void beba_agent_port_changed(struct beba_agent *a, uint8_t reason, const struct beba_swport *port);

/* The time of the datapath: ns, CLOCK_REALTIME. */
uint64_t beba_agent_now(void);
void beba_agent_stats(const struct beba_agent *a, struct beba_agent_stats *out);

struct beba_agent_peer { /* a connection */
    char peer[96];
    uint32_t role; /* OFPCR_ROLE_* */
    bool ready, uses_beba;
    uint64_t messages_in, messages_out, dropped;
};
/* From *cursor (0 at first); false at the end. */
bool beba_agent_peer(const struct beba_agent *a, unsigned *cursor, struct beba_agent_peer *out);

#endif
