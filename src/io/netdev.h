/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The system's network interfaces: which there are, how they are, and what changes (rtnetlink,
 * ethtool). One descriptor to wait on; one thread. */
#ifndef BEBA_IO_NETDEV_H
#define BEBA_IO_NETDEV_H

#include "base/int.h"

struct beba_error;
struct beba_netdevs;

enum { BEBA_NETDEV_NAME = 16 }; /* bytes of a name with its end */

struct beba_netdev {
    int ifindex;
    uint32_t mtu;
    char name[BEBA_NETDEV_NAME];
    uint8_t mac[6];
    bool up;      /* as configured */
    bool running; /* and the link is there: packets go through */
};

/* Bits of struct beba_netdev_link, those of OpenFlow's ports (OFPPF_*, 1.3.5 section 7.2.1). */
enum beba_netdev_feature {
    BEBA_NETDEV_10MB_HD = 1 << 0,
    BEBA_NETDEV_10MB_FD = 1 << 1,
    BEBA_NETDEV_100MB_HD = 1 << 2,
    BEBA_NETDEV_100MB_FD = 1 << 3,
    BEBA_NETDEV_1GB_HD = 1 << 4,
    BEBA_NETDEV_1GB_FD = 1 << 5,
    BEBA_NETDEV_10GB_FD = 1 << 6,
    BEBA_NETDEV_40GB_FD = 1 << 7,
    BEBA_NETDEV_100GB_FD = 1 << 8,
    BEBA_NETDEV_1TB_FD = 1 << 9,
    BEBA_NETDEV_OTHER = 1 << 10,
    BEBA_NETDEV_COPPER = 1 << 11,
    BEBA_NETDEV_FIBER = 1 << 12,
    BEBA_NETDEV_AUTONEG = 1 << 13,
    BEBA_NETDEV_PAUSE = 1 << 14,
    BEBA_NETDEV_PAUSE_ASYM = 1 << 15,
};

struct beba_netdev_link {
    uint32_t current, advertised, supported, peer; /* enum beba_netdev_feature */
    uint32_t speed, max_speed;                     /* kbit/s; 0: not known */
};

struct beba_netdev_stats { /* the kernel's, struct rtnl_link_stats64 */
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, rx_errors,
        tx_errors, rx_frame_errors, rx_over_errors, rx_crc_errors, collisions;
};

/* Asks for all interfaces of the network namespace and for changes from then on. */
int beba_netdevs_open(struct beba_netdevs **out, struct beba_error *err);
void beba_netdevs_close(struct beba_netdevs *devs);
/* Readable when something has changed. */
int beba_netdevs_fd(const struct beba_netdevs *devs);

enum beba_netdev_change {
    BEBA_NETDEV_APPEARED,
    BEBA_NETDEV_CHANGED, /* up, running, MTU, MAC or name */
    BEBA_NETDEV_GONE,
};
struct beba_netdev_event {
    enum beba_netdev_change change;
    struct beba_netdev now;    /* GONE: as it was */
    struct beba_netdev before; /* CHANGED only */
};
/* The next change: 1, 0 when there is none now, -errno. Where the kernel had to leave changes out,
 * what differs is found by asking for all again. */
int beba_netdevs_next(struct beba_netdevs *devs, struct beba_netdev_event *out);

/* As the changes taken so far left it; false when there is none of that name or number. */
bool beba_netdevs_find(const struct beba_netdevs *devs, const char *name, struct beba_netdev *out);
bool beba_netdevs_at(const struct beba_netdevs *devs, int ifindex, struct beba_netdev *out);
/* All, from *cursor (0 at first) on; false at the end. */
bool beba_netdevs_each(const struct beba_netdevs *devs, unsigned *cursor, struct beba_netdev *out);

/* 0, -ENODEV; what the driver does not tell is 0. */
int beba_netdevs_link(struct beba_netdevs *devs, int ifindex, struct beba_netdev_link *out);
int beba_netdevs_stats(struct beba_netdevs *devs, int ifindex, struct beba_netdev_stats *out);

/* Changes an interface: flags 1 up, 0 down (OpenFlow's PORT_DOWN). -errno. */
int beba_netdevs_set_up(struct beba_netdevs *devs, int ifindex, bool up);
/* What the interface advertises of what it supports (enum beba_netdev_feature). -EINVAL: a mode
 * that it does not support; -errno. */
int beba_netdevs_advertise(struct beba_netdevs *devs, int ifindex, uint32_t modes);

/* Queue N of OpenFlow: class 1:(N + 1) of the interface's queueing discipline. Rates are HTB's. */
struct beba_netdev_queue {
    uint32_t queue;
    uint64_t tx_bytes, tx_packets, tx_dropped;
    uint64_t min_rate, max_rate; /* bytes/s; 0: not known */
};
/* Those that there are now, by number, at most most; how many, or -errno. A socket of its own. */
int beba_netdev_queues(int ifindex, struct beba_netdev_queue *out, unsigned most);

#endif
