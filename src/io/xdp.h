/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What XDP ports are made of: the program that gives an interface's packets to sockets, and the
 * memory that the ports of one thread share. Both are found in the group (io/driver.h) and counted;
 * the group's lock is held while they are taken and given back. */
#ifndef BEBA_IO_XDP_H
#define BEBA_IO_XDP_H

#include "io/driver.h"

#include <xdp/xsk.h>

enum beba_xdp_mode { BEBA_XDP_AUTO, BEBA_XDP_NATIVE, BEBA_XDP_GENERIC };

/* The program on an interface, as long as this process lives. */
struct beba_xdp_link {
    struct beba_xdp_link *next;
    unsigned refs;
    int ifindex, link, map; /* of sockets by the interface's queue */
    enum beba_xdp_mode mode;
    bool tags;         /* VLAN tags that the device took off are put back */
    uint32_t n_queues; /* of the interface */
    uint32_t offloads; /* ETH_FLAG_* switched off, to be switched on again */
    bool gro;          /* the same */
};

/* -EBUSY: another program is there. */
int beba_xdp_link_get(struct beba_port *port, enum beba_xdp_mode mode, struct beba_xdp_link **out,
                      struct beba_error *err);
void beba_xdp_link_put(struct beba_port *port, struct beba_xdp_link *link);

/* Frames of one size. Each socket registers the whole of it, so a frame may be received by one and
 * sent by another, whatever their drivers and modes are, and a port may go at any time. Frames are
 * of nobody (free), or of a port: with the kernel for it, or received and not yet released
 * (BEBA_XDP_HELD). The lock guards the free ones; threads meet there only when a port is opened or
 * closed. */
enum { BEBA_XDP_HELD = 0x80 };

struct beba_xdp_memory {
    struct beba_xdp_memory *next;
    unsigned refs, thread;
    uint32_t shift, n, reserved; /* log2 of a frame's size; frames; of them promised to ports */
    uint8_t *base;
    size_t size;
    uint64_t ids[2]; /* in use */
    pthread_mutex_t lock;
    uint32_t n_free;
    uint32_t *free;
    uint8_t *owner; /* the port's id, perhaps held; 0: free */
};

/* Memory with need frames of 1 << shift bytes for a port, and the port's id; with room for others
 * unless the port is alone. */
int beba_xdp_memory_get(struct beba_port *port, bool alone, uint32_t shift, uint32_t need,
                        struct beba_xdp_memory **out, uint8_t *id);
/* What is still the port's becomes free. */
void beba_xdp_memory_put(struct beba_port *port, struct beba_xdp_memory *memory, uint32_t need,
                         uint8_t id);

BEBA_INLINE void beba_xdp_own(struct beba_xdp_memory *m, uint32_t frame, uint8_t id)
{
    __atomic_store_n(&m->owner[frame], id, __ATOMIC_RELAXED);
}

BEBA_INLINE uint8_t beba_xdp_owner(const struct beba_xdp_memory *m, uint32_t frame)
{
    return __atomic_load_n(&m->owner[frame], __ATOMIC_RELAXED);
}

/* Under the lock. */
BEBA_INLINE void beba_xdp_free(struct beba_xdp_memory *m, uint32_t frame)
{
    beba_xdp_own(m, frame, 0);
    m->free[m->n_free++] = frame;
}

/* A socket on one of the interface's queues, with rings of ring places each (a power of two). */
struct beba_xdp_socket {
    struct xsk_umem *umem;
    struct xsk_socket *xsk;
    struct xsk_ring_prod fill, tx;
    struct xsk_ring_cons rx, done;
    uint32_t given; /* frames with the kernel to receive into, or received and waiting */
};

/* flags: XDP_COPY, XDP_ZEROCOPY or 0; busy_poll in us, 0: not. -EBUSY: the queue is another's. What
 * fails half-way is to be closed. */
int beba_xdp_socket_open(struct beba_xdp_socket *k, const char *name, uint32_t queue,
                         const struct beba_xdp_memory *memory, uint32_t ring, uint16_t flags,
                         uint32_t busy_poll);
void beba_xdp_socket_close(struct beba_xdp_socket *k);
/* Adds what the kernel counts. */
void beba_xdp_socket_losses(const struct beba_xdp_socket *k, uint64_t loss[BEBA_PORT_N_LOSSES]);

#endif
