/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The switch's ports: by name and number, with what netlink tells of them. Ports of interfaces that
 * vanish are kept and come back with them, under the same number. Control thread only. */
#ifndef BEBA_SWITCH_PORTS_H
#define BEBA_SWITCH_PORTS_H

#include "io/netdev.h"
#include "openflow/multipart.h"
#include "switch/log.h"
#include "switch/worker.h"

struct beba_ports;

struct beba_swport {
    uint32_t number;
    char name[OFP_MAX_PORT_NAME_LEN + 1];
    char description[512]; /* of io/port.h */
    int ifindex;           /* 0: no interface */
    bool present;          /* it is open: there for OpenFlow */
    struct beba_of_port of;
    uint64_t since; /* ns, CLOCK_MONOTONIC */
    struct beba_swport *next;
};

struct beba_ports_opts {
    struct beba_datapath *dp;
    struct beba_workers *workers;
    const struct beba_log *log;
    /* reason: OFPPR_*. For PORT_STATUS. */
    void (*changed)(void *arg, uint8_t reason, const struct beba_swport *port);
    void *arg;
};

int beba_ports_new(const struct beba_ports_opts *opts, struct beba_ports **out,
                   struct beba_error *err);
void beba_ports_free(struct beba_ports *ports);

/* "eth0", "veth1=3", "tap:t0", "pcap:in.pcap,out.pcap=2": a description with the number wanted. The
 * next one that is free where there is none. An interface that is not there yet is waited for. */
int beba_ports_add(struct beba_ports *ports, const char *text, struct beba_error *err);
/* The LOCAL port: a TAP of this name. */
int beba_ports_add_local(struct beba_ports *ports, const char *name, struct beba_error *err);
/* By name or number. */
int beba_ports_del(struct beba_ports *ports, const char *text, struct beba_error *err);

/* In order of number, also those not present; NULL after the last. */
struct beba_swport *beba_ports_first(struct beba_ports *ports);
/* One that is present. */
struct beba_swport *beba_ports_find(struct beba_ports *ports, uint32_t number);
void beba_ports_stats(struct beba_ports *ports, const struct beba_swport *port,
                      struct beba_of_port_stats *out);
/* PORT_MOD's config. */
void beba_ports_configure(struct beba_ports *ports, struct beba_swport *port, uint32_t config,
                          uint32_t mask);
/* PORT_MOD's advertise, where it is another one; -EINVAL: not what the interface supports; -errno.
 */
int beba_ports_advertise(struct beba_ports *ports, struct beba_swport *port, uint32_t advertise);
/* Readable when an interface has changed: then beba_ports_changes. */
int beba_ports_fd(const struct beba_ports *ports);
void beba_ports_changes(struct beba_ports *ports);
/* Opens ports that are absent or could not be opened again, and looks at those that are no
 * interfaces; now and then. */
void beba_ports_retry(struct beba_ports *ports);

#endif
