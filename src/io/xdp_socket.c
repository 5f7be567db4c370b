/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/xdp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TX_BUDGET_OPTION = 9, /* XDP_MAX_TX_SKB_BUDGET of newer headers */
    PREFER_BUSY_POLL = 69,
    BUSY_POLL_BUDGET = 70,
    BUSY_BUDGET = 64, /* packets */
    SEND_BUFFER = 4 << 20,
    BETWEEN_TRIES = 10000, /* us */
    TRIES = 100,
};

static void set(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

static void tune(int fd, uint32_t ring, uint32_t busy_poll)
{
    int size = SEND_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
        set(fd, SOL_SOCKET, SO_SNDBUF, size);
    set(fd, SOL_XDP, TX_BUDGET_OPTION, (int)ring);
    if (busy_poll) {
        set(fd, SOL_SOCKET, PREFER_BUSY_POLL, 1);
        set(fd, SOL_SOCKET, SO_BUSY_POLL, (int)busy_poll);
        set(fd, SOL_SOCKET, BUSY_POLL_BUDGET, BUSY_BUDGET);
    }
}

static int try_open(struct beba_xdp_socket *k, const char *name, uint32_t queue,
                    const struct beba_xdp_memory *m, uint32_t ring, uint16_t flags)
{
    struct xsk_umem_config memory = {
        .fill_size = ring, .comp_size = ring, .frame_size = 1u << m->shift};
    struct xsk_socket_config config = {.rx_size = ring,
                                       .tx_size = ring,
                                       .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
                                       .bind_flags = XDP_USE_NEED_WAKEUP | flags};
    struct xsk_socket *xsk;
    int rc = xsk_umem__create(&k->umem, m->base, (uint64_t)m->n << m->shift, &k->fill, &k->done,
                              &memory);

    if (!rc)
        rc = xsk_socket__create(&xsk, name, queue, k->umem, &k->rx, &k->tx, &config);
    if (!rc)
        k->xsk = xsk;
    return rc;
}

/* The kernel frees a queue only some time after its last socket was closed. */
int beba_xdp_socket_open(struct beba_xdp_socket *k, const char *name, uint32_t queue,
                         const struct beba_xdp_memory *memory, uint32_t ring, uint16_t flags,
                         uint32_t busy_poll)
{
    int rc = try_open(k, name, queue, memory, ring, flags);

    for (unsigned tries = 0; rc == -EBUSY && tries < TRIES; tries++) {
        beba_xdp_socket_close(k);
        usleep(BETWEEN_TRIES);
        rc = try_open(k, name, queue, memory, ring, flags);
    }
    if (!rc)
        tune(xsk_socket__fd(k->xsk), ring, busy_poll);
    return rc;
}

void beba_xdp_socket_close(struct beba_xdp_socket *k)
{
    if (k->xsk)
        xsk_socket__delete(k->xsk);
    if (k->umem)
        xsk_umem__delete(k->umem);
    *k = (struct beba_xdp_socket){0};
}

/* In dropped are those too long for a frame and those for which there was none. */
void beba_xdp_socket_losses(const struct beba_xdp_socket *k, uint64_t loss[BEBA_PORT_N_LOSSES])
{
    struct xdp_statistics st = {0};
    socklen_t len = sizeof(st);

    if (getsockopt(xsk_socket__fd(k->xsk), SOL_XDP, XDP_STATISTICS, &st, &len))
        return;
    loss[BEBA_PORT_RX_FULL] += st.rx_ring_full + st.rx_fill_ring_empty_descs;
    if (st.rx_dropped > st.rx_fill_ring_empty_descs)
        loss[BEBA_PORT_RX_TRUNCATED] += st.rx_dropped - st.rx_fill_ring_empty_descs;
    loss[BEBA_PORT_TX_ERROR] += st.tx_invalid_descs;
}
