/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The threads that forward packets, and all that passes between them and the control thread.
 *
 * Each thread serves every port by a queue of its own (io/port.h), runs what it receives through
 * the datapath and sends what comes out. It never waits for the control thread: packet-ins go into
 * a ring of bounded size at a bounded rate, what does not fit is counted and gone. The control
 * thread hands packet-outs over by a ring, too, and changes the ports by commands that a worker
 * carries out between two batches. All functions here are the control thread's. */
#ifndef BEBA_SWITCH_WORKER_H
#define BEBA_SWITCH_WORKER_H

#include "datapath/datapath.h"
#include "io/port.h"

struct beba_error;
struct beba_workers;

struct beba_workers_opts {
    struct beba_datapath *dp;
    unsigned n;              /* threads, 1..64 */
    uint32_t packet_in_rate; /* a second, of all threads */
    bool state_changes;      /* STATE_CHANGED is wanted */
    void (*wake)(void *arg); /* called by any worker: events wait */
    void *arg;
};

int beba_workers_new(const struct beba_workers_opts *opts, struct beba_workers **out,
                     struct beba_error *err);
/* Stops the threads and closes the ports. */
void beba_workers_free(struct beba_workers *ws);

/* number: 1..65279, or OFPP_LOCAL. Opens the port for each thread. */
int beba_workers_port_add(struct beba_workers *ws, uint32_t number, const char *description,
                          struct beba_error *err);
void beba_workers_port_del(struct beba_workers *ws, uint32_t number);
/* How its interface is driven (io/port.h). */
const char *beba_workers_port_about(struct beba_workers *ws, uint32_t number);
/* Sums over the threads; false when there is no such port. */
bool beba_workers_port_counters(struct beba_workers *ws, uint32_t number,
                                struct beba_port_counters *out);

/* beba_port_tell of io/port.h. */
bool beba_workers_port_tell(struct beba_workers *ws, uint32_t number, struct beba_netdev *dev,
                            struct beba_netdev_link *link);

/* Hands a packet-out to a thread; false when too many wait. actions is copied. */
bool beba_workers_packet_out(struct beba_workers *ws, uint32_t in_port,
                             const struct beba_of_actions *actions, const uint8_t *frame,
                             uint32_t len);
/* Waits until the packet-outs handed over have been executed: for barriers. */
void beba_workers_sync(struct beba_workers *ws);

enum beba_event_kind { BEBA_EVENT_PACKET_IN, BEBA_EVENT_STATE_CHANGED };

/* What a worker has to tell. */
struct beba_event {
    uint8_t kind; /* enum beba_event_kind */
    uint8_t reason, table;
    uint16_t max_len;
    uint64_t cookie;
    uint32_t in_port, len; /* of the frame */
    uint32_t n_oxm, n_plain;
    const struct beba_of_oxm *oxm;
    const uint8_t *frame;
    const struct beba_datapath_state_change *change;
};
/* The next event of any worker; it is lent until beba_workers_pop. */
bool beba_workers_next(struct beba_workers *ws, struct beba_event *out);
void beba_workers_pop(struct beba_workers *ws);

struct beba_worker_stats {
    uint64_t received, executed; /* packets; packet-outs */
    uint64_t packet_ins;         /* handed over */
    uint64_t limited, ring_full; /* packet-ins lost to the rate, to a full ring */
    uint64_t packet_outs_full;   /* packet-outs lost to a full ring */
    uint64_t notifications_lost; /* STATE_CHANGED */
};
void beba_workers_stats(struct beba_workers *ws, struct beba_worker_stats *out);

#endif
