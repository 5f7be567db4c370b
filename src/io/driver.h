/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a driver of live ports gives and gets: one struct beba_driver each, its state begins with a
 * struct beba_port. */
#ifndef BEBA_IO_DRIVER_H
#define BEBA_IO_DRIVER_H

#include "base/error.h"
#include "io/port.h"

#include <errno.h>
#include <pthread.h>

enum { BEBA_PORT_WORDS = 16, BEBA_PORT_TEXT = 4096 };

struct virtio_net_hdr;

/* A description, cut at its commas. */
struct beba_port_words {
    char text[BEBA_PORT_TEXT];
    char *word[BEBA_PORT_WORDS]; /* the first is what the driver drives */
    unsigned n;
};

struct beba_driver {
    const char *name;
    unsigned n_names; /* words that are names; the others are options */
    bool whole;       /* the description is one word: the driver cuts it itself */
    size_t size;      /* of the driver's state */
    /* Options: names separated by blanks, for messages; takes one, -EINVAL when it is none of its
     * own or its value is wrong. value is "" for a word without '='. */
    const char *options;
    int (*option)(struct beba_port *port, const char *name, const char *value);
    /* May fail half-way: close is called then, too. */
    int (*open)(struct beba_port *port, const struct beba_port_words *words,
                struct beba_error *err);
    int (*close)(struct beba_port *port, struct beba_error *err);
    unsigned (*recv)(struct beba_port *port, struct beba_packet *packet, unsigned max);
    void (*release)(struct beba_port *port);
    void (*send)(struct beba_port *port, uint32_t queue, const struct beba_packet *packet);
    /* What beba_port_pass does; NULL: the same as send. */
    void (*pass)(struct beba_port *port, uint32_t queue, const struct beba_packet *packet);
    void (*flush)(struct beba_port *port);
    /* Adds what is counted elsewhere than in port->count, since the port was opened; any thread may
     * ask, until close. May be NULL. */
    void (*losses)(struct beba_port *port, uint64_t loss[BEBA_PORT_N_LOSSES]);
    /* What beba_port_tell does; NULL: the system knows. */
    bool (*tell)(struct beba_port *port, struct beba_netdev *dev, struct beba_netdev_link *link);
};

extern const struct beba_driver beba_driver_packet, beba_driver_tap, beba_driver_pcap,
    beba_driver_xdp;

/* What a driver shares between ports; it makes it with the first that needs it and frees it with
 * the last. */
struct beba_port_group {
    pthread_mutex_t lock; /* of all this; held while a port is opened or closed */
    struct beba_xdp_link *xdp_links;
    struct beba_xdp_memory *xdp_memories;
};

struct beba_port {
    const struct beba_driver *driver;
    struct beba_port_opts opts;
    char *name;
    char about[96];
    int fd, ifindex;
    uint32_t nap; /* of one without fd */
    int control;  /* a socket to ask about interfaces, in the namespace where the port was opened */
    enum beba_port_status status;
    struct beba_port_counters count;
    uint64_t (*drops)(struct beba_port *port); /* by the kernel since asked last; NULL: none ever */
    uint64_t dropped;                          /* the sum of these; any thread adds */
    const uint64_t *rejected;                  /* RX_OFFLOAD, counted by the kernel; may be NULL */
};

/* Counters have one writer, their thread; others read them. */
BEBA_INLINE void beba_port_count(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

BEBA_INLINE void beba_port_lose(struct beba_port *port, enum beba_port_loss why, uint64_t n)
{
    beba_port_count(&port->count.loss[why], n);
}

BEBA_INLINE void beba_port_becomes(struct beba_port *port, enum beba_port_status status)
{
    if (port->status != status)
        __atomic_store_n(&port->status, status, __ATOMIC_RELAXED);
}

BEBA_INLINE uint64_t beba_port_now(const struct beba_port *port)
{
    struct timespec t;

    clock_gettime(port->opts.clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Fills all but bytes, lengths and rooms. */
BEBA_INLINE void beba_port_fresh(const struct beba_port *port, uint64_t now, struct beba_packet *p)
{
    p->link = BEBA_LINK_ETHERNET;
    p->segment = p->inner = 0;
    p->now = now;
    p->metadata = p->tunnel_id = 0;
    p->in_port = p->in_phy_port = port->opts.number;
    p->queue = 0;
}

/* Finishes what the sender left to its interface and counts the packet: true when it is to be
 * given on. */
bool beba_port_take(struct beba_port *port, struct beba_packet *p,
                    const struct virtio_net_hdr *hdr);

/* Counts n packets that could not be sent because of errno error, and sees what became of the
 * interface when it says so. */
void beba_port_unsent(struct beba_port *port, int error, uint64_t n);
/* Fills name, control and ifindex. */
int beba_port_find(struct beba_port *port, const char *name, struct beba_error *err);
/* The interface as it is now. */
enum beba_port_status beba_port_look(const struct beba_port *port);

/* A number from min to max, or -EINVAL. */
BEBA_INLINE int beba_port_number(const char *value, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;

    if (!*value)
        return -EINVAL;
    for (; *value >= '0' && *value <= '9' && v <= max; value++)
        v = 10 * v + (uint64_t)(*value - '0');
    if (*value || v < min || v > max)
        return -EINVAL;
    *out = (uint32_t)v;
    return 0;
}

#endif
