/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* DPDK as the driver of dpdk: ports sees it: the EAL, which a process has once and for ever, and
 * devices, which ports share (a queue each). Any thread may open and close. */
#ifndef BEBA_IO_DPDK_H
#define BEBA_IO_DPDK_H

#include "base/error.h"
#include "base/int.h"

struct rte_mempool;

/* --- the EAL ---------------------------------------------------------------------------------- */

/* Starts it with the first call. What it was refused for once it is refused for again. */
int beba_dpdk_start(struct beba_error *err);
/* What DPDK says is kept from begin on, instead of standard error; end gives its first line, "" if
 * there is none. Not nested; held by one thread at a time. */
void beba_dpdk_listen(void);
void beba_dpdk_heard(char *out, size_t size);
/* Makes the calling thread one that DPDK knows, for its life, if it is none yet: without, each
 * buffer would be taken from and given back to a pool under contention. */
void beba_dpdk_enter(void);

/* --- devices ---------------------------------------------------------------------------------- */

enum { BEBA_DPDK_QUEUES = 64 };

struct beba_dpdk_opts {
    uint32_t rx, tx, mtu; /* 0: the default */
    bool no_promisc;
};

struct beba_dpdk_device {
    struct beba_dpdk_device *next;
    char *name, *args;
    uint16_t id; /* of rte_ethdev.h */
    bool ours;   /* made for us: removed with its last user */
    bool gone;   /* unplugged; set by any thread */
    unsigned n_queues;
    uint64_t taken;     /* queues, as bits */
    uint32_t mtu, room; /* bytes of a buffer behind its headroom */
    struct rte_mempool *pool;
};

/* args: "net_memif0,role=client", "0000:03:00.0": device and arguments as DPDK takes them.
 * -ENXIO: no such device or it does not want; -ENODEV: it does not start, as a memif whose server
 * is not there yet; -EBUSY: this queue is open already, or the device is with other arguments;
 * -ENOTSUP: fewer queues than n_queues. */
int beba_dpdk_open(const char *args, const struct beba_dpdk_opts *opts, unsigned queue,
                   unsigned n_queues, struct beba_dpdk_device **out, struct beba_error *err);
void beba_dpdk_close(struct beba_dpdk_device *device, unsigned queue);

#endif
