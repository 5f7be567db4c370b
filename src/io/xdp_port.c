/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces through AF_XDP: packets come past the system's network stack, from rings that the
 * driver fills; without a copy where the driver can, by one in the kernel elsewhere.
 *
 * A port has one socket for each queue of the interface that is its own: all whose number is
 * opts.queue modulo opts.n_queues. All of them, and those of the thread's other XDP ports, have
 * their packets in one memory (io/xdp.h): one that is passed goes to the other port's ring as it
 * lies. Each socket registers that memory for itself rather than borrow another's registration
 * (XDP_SHARED_UMEM), which would give all of them the mode of the first, and end with it. */
#include "io/offload.h"
#include "io/xdp.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RING_MIN = 64,
    RING_DEFAULT = 1024,
    RING_MAX = 8192,
    KERNEL_ROOM = 256, /* before a received packet: XDP_PACKET_HEADROOM */
    SMALL = 11,        /* log2 of the frames' sizes */
    LARGE = 12,
    TAGS = 8,         /* bytes of VLAN tags that ordinary packets have beyond the MTU */
    KICKS = 64,       /* tries to have the kernel send, without any effect */
    IDLE = 8,         /* recvs that find nothing until the socket is asked why */
    BUSY_MAX = 10000, /* us */
    LET_GO = 100000,  /* us */
};

enum zerocopy { ZEROCOPY_AUTO, ZEROCOPY_ON, ZEROCOPY_OFF };

struct xdp_port {
    struct beba_port port;
    enum beba_xdp_mode mode;
    enum zerocopy zerocopy;
    bool no_promisc, alone;
    bool mend;     /* checksums may have been left to the interface */
    bool in_place; /* the driver does not copy */
    uint32_t ring, busy_poll;
    struct beba_xdp_link *link;
    struct beba_xdp_memory *memory;
    uint32_t shift, need; /* frames promised */
    uint8_t id;
    int promisc; /* a socket that holds the interface so */
    uint64_t mtu;

    unsigned n_sockets, next; /* the socket asked first */
    struct beba_xdp_socket *socket;
    unsigned idle, n_held;
    uint32_t held[BEBA_PORT_BATCH];

    /* By the first socket. Places in its ring: what it has been given, told of, has taken, is done
     * with. */
    uint32_t queued, told, taken, done;
    uint32_t dropped; /* of those taken next, by the device; which ones nothing tells */
    unsigned n_spare;
    uint32_t spare[BEBA_PORT_BATCH]; /* frames to copy into */
};

static struct xdp_port *self(struct beba_port *port)
{
    return (struct xdp_port *)port;
}

static int choose(const char *value, const char *const *of, unsigned n, unsigned *out)
{
    for (*out = 0; *out < n; ++*out) {
        if (!strcmp(value, of[*out]))
            return 0;
    }
    return -EINVAL;
}

static int take_option(struct beba_port *port, const char *name, const char *value)
{
    static const char *const modes[] = {"auto", "native", "generic"};
    static const char *const copies[] = {"auto", "on", "off"};
    struct xdp_port *s = self(port);
    unsigned n;
    int rc;

    if (!strcmp(name, "ring"))
        return beba_port_number(value, RING_MIN, RING_MAX, &s->ring);
    if (!strcmp(name, "busy-poll"))
        return beba_port_number(value, 1, BUSY_MAX, &s->busy_poll);
    if (!strcmp(name, "promisc")) {
        s->no_promisc = !strcmp(value, "off");
        return s->no_promisc || !strcmp(value, "on") ? 0 : -EINVAL;
    }
    if (!strcmp(name, "mode")) {
        rc = choose(value, modes, 3, &n);
        s->mode = (enum beba_xdp_mode)n;
        return rc;
    }
    if (!strcmp(name, "zerocopy")) {
        rc = choose(value, copies, 3, &n);
        s->zerocopy = (enum zerocopy)n;
        return rc;
    }
    return -EINVAL;
}

/* --- opening -----------------------------------------------------------------------------------
 */

/* Only behind hardware are checksums of packets that arrive sure to be whole: a neighbour on this
 * machine leaves them to its interface. */
static bool behind_hardware(const struct beba_port *port)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq req = {.ifr_data = (void *)&info};
    unsigned domain, bus, device;

    memcpy(req.ifr_name, port->name, strlen(port->name) + 1);
    return !ioctl(port->control, SIOCETHTOOL, &req) && strcmp(info.driver, "virtio_net") != 0 &&
           sscanf(info.bus_info, "%x:%x:%x.", &domain, &bus, &device) == 3;
}

static uint32_t ask_mtu(const struct beba_port *port)
{
    struct ifreq req = {.ifr_ifindex = port->ifindex};

    if (ioctl(port->control, SIOCGIFNAME, &req) || ioctl(port->control, SIOCGIFMTU, &req))
        return UINT32_MAX; /* sending will say why not */
    return (uint32_t)req.ifr_mtu;
}

/* A socket that receives nothing: the interface is promiscuous until it is closed. */
static int hold_promisc(struct xdp_port *s)
{
    struct packet_mreq promisc = {.mr_ifindex = s->port.ifindex, .mr_type = PACKET_MR_PROMISC};

    s->promisc = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (s->promisc < 0 ||
        setsockopt(s->promisc, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)))
        return -errno;
    return 0;
}

static int prepare_memory(struct xdp_port *s, struct beba_error *err)
{
    uint32_t mtu = ask_mtu(&s->port), ring = RING_MIN;
    uint32_t most = ETH_HLEN + TAGS + KERNEL_ROOM + BEBA_TAILROOM;

    if (!s->ring)
        s->ring = RING_DEFAULT;
    while (ring < s->ring)
        ring *= 2;
    s->ring = ring;
    s->mtu = mtu;
    s->shift = mtu <= (1u << SMALL) - most ? SMALL : LARGE;
    s->need = s->n_sockets * ring + ring + 2 * BEBA_PORT_BATCH;
    if (beba_xdp_memory_get(&s->port, s->alone, s->shift, s->need, &s->memory, &s->id))
        return beba_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

static uint16_t bind_flags(const struct xdp_port *s)
{
    if (s->zerocopy == ZEROCOPY_OFF || s->link->mode == BEBA_XDP_GENERIC)
        return XDP_COPY;
    return s->zerocopy == ZEROCOPY_ON ? XDP_ZEROCOPY : 0;
}

static int fail(struct xdp_port *s, int rc, uint32_t queue, struct beba_error *err)
{
    beba_error_set(err, rc, "cannot open an AF_XDP socket on queue %u: %s", queue, strerror(-rc));
    if (rc == -EBUSY)
        beba_error_hint(err, "the queue is in use: another port, or another program, has it");
    else if (rc == -EPERM)
        beba_error_hint(err, "be root, or have CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF");
    else if (rc == -ENOBUFS || rc == -ENOMEM)
        beba_error_hint(err, "it locks %zu MiB of memory: ulimit -l", s->memory->size >> 20);
    else if (s->zerocopy == ZEROCOPY_ON)
        beba_error_hint(err, "the driver may not be able to receive without a copy: zerocopy=auto");
    return rc;
}

/* Frames to receive into. Under the memory's lock. */
static void give_frames(struct xdp_port *s, struct beba_xdp_socket *k)
{
    struct beba_xdp_memory *m = s->memory;
    uint32_t n = s->ring - k->given, at;

    if (n > m->n_free)
        n = m->n_free;
    n = n ? xsk_ring_prod__reserve(&k->fill, n, &at) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t frame = m->free[--m->n_free];

        beba_xdp_own(m, frame, s->id);
        *xsk_ring_prod__fill_addr(&k->fill, at + i) = (uint64_t)frame << m->shift;
    }
    if (n)
        xsk_ring_prod__submit(&k->fill, n);
    k->given += n;
}

static int open_sockets(struct xdp_port *s, struct beba_error *err)
{
    struct beba_port *port = &s->port;

    for (unsigned i = 0; i < s->n_sockets; i++) {
        struct beba_xdp_socket *k = &s->socket[i];
        uint32_t queue = port->opts.queue + i * port->opts.n_queues;
        int rc = beba_xdp_socket_open(k, port->name, queue, s->memory, s->ring, bind_flags(s),
                                      s->busy_poll),
            fd;

        if (rc)
            return fail(s, rc, queue, err);
        pthread_mutex_lock(&s->memory->lock);
        give_frames(s, k);
        pthread_mutex_unlock(&s->memory->lock);
        rc = xsk_socket__update_xskmap(k->xsk, s->link->map);
        if (rc)
            return fail(s, rc, queue, err);
        fd = xsk_socket__fd(k->xsk);
        if (s->n_sockets == 1)
            port->fd = fd;
        else if (epoll_ctl(port->fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}))
            return beba_error_set(err, -errno, "cannot watch a socket: %s", strerror(errno));
    }
    return 0;
}

static void describe(struct xdp_port *s)
{
    struct xdp_options o = {0};
    socklen_t len = sizeof(o);

    getsockopt(xsk_socket__fd(s->socket[0].xsk), SOL_XDP, XDP_OPTIONS, &o, &len);
    s->in_place = o.flags & XDP_OPTIONS_ZEROCOPY;
    snprintf(s->port.about, sizeof(s->port.about), "%s XDP, %s, %u queue%s%s",
             s->link->mode == BEBA_XDP_NATIVE ? "native" : "generic",
             s->in_place ? "no copy" : "copied by the kernel", s->link->n_queues,
             s->link->n_queues > 1 ? "s" : "", s->busy_poll ? ", busy polling" : "");
}

static int open_locked(struct xdp_port *s, struct beba_error *err)
{
    struct beba_port *port = &s->port;
    uint32_t n, i = port->opts.queue, of = port->opts.n_queues;
    int rc = beba_xdp_link_get(port, s->mode, &s->link, err);

    if (rc)
        return rc;
    n = s->link->n_queues;
    if (n < of) {
        beba_error_set(err, -ENOTSUP, "the interface has %u queue%s for %u threads", n,
                       n > 1 ? "s" : "", of);
        beba_error_hint(err,
                        "fewer threads, or more queues: ethtool -L %s combined %u (veth: rx "
                        "%u tx %u)",
                        port->name, of, of, of);
        return -ENOTSUP;
    }
    s->n_sockets = (n - i + of - 1) / of;
    s->socket = calloc(s->n_sockets, sizeof(*s->socket));
    if (!s->socket)
        return beba_error_set(err, -ENOMEM, "out of memory");
    if (s->n_sockets > 1) {
        port->fd = epoll_create1(EPOLL_CLOEXEC);
        if (port->fd < 0)
            return beba_error_set(err, -errno, "cannot watch sockets: %s", strerror(errno));
    }
    rc = prepare_memory(s, err);
    if (!rc)
        rc = open_sockets(s, err);
    if (!rc)
        describe(s);
    return rc;
}

static int open_port(struct beba_port *port, const struct beba_port_words *words,
                     struct beba_error *err)
{
    struct xdp_port *s = self(port);
    int rc;

    s->promisc = -1;
    rc = beba_port_find(port, words->word[0], err);
    if (rc)
        return rc;
    if (!port->opts.group) {
        s->alone = true;
        if (beba_port_group_new(&port->opts.group))
            return beba_error_set(err, -ENOMEM, "out of memory");
    }
    s->mend = !behind_hardware(port);
    pthread_mutex_lock(&port->opts.group->lock);
    rc = open_locked(s, err);
    pthread_mutex_unlock(&port->opts.group->lock);
    if (!rc && !s->no_promisc) {
        rc = hold_promisc(s);
        if (rc)
            return beba_error_set(err, rc, "cannot make the interface promiscuous: %s",
                                  strerror(-rc));
    }
    if (!rc)
        port->status = beba_port_look(port);
    return rc;
}

static void settle(struct xdp_port *s);

/* The link first: without sockets its program would give the system what comes. Packets on their
 * way out are still read, and a driver that does not copy lets go of its frames a moment after the
 * sockets' end, and nothing tells when. */
static void close_locked(struct xdp_port *s)
{
    bool busy = s->in_place;

    if (s->link)
        beba_xdp_link_put(&s->port, s->link);
    if (s->queued != s->done) {
        settle(s);
        busy |= s->queued != s->done;
    }
    for (unsigned i = 0; s->socket && i < s->n_sockets; i++)
        beba_xdp_socket_close(&s->socket[i]);
    if (busy && s->memory->refs > 1)
        usleep(LET_GO);
    if (s->memory)
        beba_xdp_memory_put(&s->port, s->memory, s->need, s->id);
}

static int close_port(struct beba_port *port, struct beba_error *err)
{
    struct xdp_port *s = self(port);

    (void)err;
    if (port->opts.group) {
        pthread_mutex_lock(&port->opts.group->lock);
        close_locked(s);
        pthread_mutex_unlock(&port->opts.group->lock);
        if (s->alone)
            beba_port_group_free(port->opts.group);
    }
    if (s->n_sockets > 1 && port->fd >= 0)
        close(port->fd);
    if (s->promisc > 0)
        close(s->promisc);
    if (port->control >= 0)
        close(port->control);
    free(s->socket);
    return 0;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

static void release(struct beba_port *port)
{
    struct xdp_port *s = self(port);
    struct beba_xdp_memory *m = s->memory;

    if (!s->n_held)
        return;
    pthread_mutex_lock(&m->lock);
    for (unsigned i = 0; i < s->n_held; i++) {
        if (beba_xdp_owner(m, s->held[i]) == (s->id | BEBA_XDP_HELD)) /* else it was passed */
            beba_xdp_free(m, s->held[i]);
    }
    pthread_mutex_unlock(&m->lock);
    s->n_held = 0;
}

/* Moves a packet that leaves too little room behind it; false when the frame is too small. */
static bool make_room(struct beba_packet *p)
{
    uint32_t by = BEBA_TAILROOM - p->tailroom;

    if (p->headroom < BEBA_HEADROOM + by)
        return false;
    p->data = memmove(p->data - by, p->data, p->len);
    p->headroom -= by;
    p->tailroom += by;
    return true;
}

static bool take(struct xdp_port *s, const struct xdp_desc *d, struct beba_packet *p)
{
    uint32_t size = 1u << s->memory->shift, at = (uint32_t)(d->addr & (size - 1));

    p->data = s->memory->base + d->addr;
    p->len = p->wire_len = d->len;
    p->headroom = at;
    p->tailroom = size - at - d->len;
    if (p->len < ETH_HLEN) {
        beba_port_lose(&s->port, BEBA_PORT_RX_SHORT, 1);
        return false;
    }
    if (p->tailroom < BEBA_TAILROOM && !make_room(p)) {
        beba_port_lose(&s->port, BEBA_PORT_RX_TRUNCATED, 1);
        return false;
    }
    if (s->mend)
        beba_offload_mend(p);
    return true;
}

static unsigned receive_from(struct xdp_port *s, struct beba_xdp_socket *k,
                             struct beba_packet *packet, unsigned max, uint64_t *now)
{
    uint32_t at, n = xsk_ring_cons__peek(&k->rx, max, &at);
    unsigned good = 0;

    if (!n)
        return 0;
    if (!*now)
        *now = beba_port_now(&s->port);
    for (uint32_t i = 0; i < n; i++) {
        const struct xdp_desc *d = xsk_ring_cons__rx_desc(&k->rx, at + i);

        uint32_t frame = (uint32_t)(d->addr >> s->memory->shift);

        beba_xdp_own(s->memory, frame, s->id | BEBA_XDP_HELD);
        s->held[s->n_held++] = frame;
        beba_port_fresh(&s->port, *now, &packet[good]);
        good += take(s, d, &packet[good]);
    }
    xsk_ring_cons__release(&k->rx, n);
    k->given -= n;
    return good;
}

/* Nothing came although the descriptor was ready, or something does not go out. */
static void see_error(struct xdp_port *s)
{
    int error;
    socklen_t len = sizeof(error);

    for (unsigned i = 0; i < s->n_sockets; i++)
        getsockopt(xsk_socket__fd(s->socket[i].xsk), SOL_SOCKET, SO_ERROR, &error, &len);
    beba_port_becomes(&s->port, beba_port_look(&s->port));
}

/* Drivers that say so wait to be told of new frames; a thread that polls makes the driver work. */
static void wake_driver(struct xdp_port *s, struct beba_xdp_socket *k, bool idle)
{
    if (xsk_ring_prod__needs_wakeup(&k->fill) || (idle && s->busy_poll))
        recvfrom(xsk_socket__fd(k->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static void kick(struct xdp_port *s);

static unsigned receive(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    struct xdp_port *s = self(port);
    uint64_t now = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_sockets && n < max; i++) {
        n += receive_from(s, &s->socket[s->next], packet + n, max - s->n_held, &now);
        if (++s->next == s->n_sockets)
            s->next = 0;
    }
    pthread_mutex_lock(&s->memory->lock);
    for (unsigned i = 0; i < s->n_sockets; i++)
        give_frames(s, &s->socket[i]);
    pthread_mutex_unlock(&s->memory->lock);
    for (unsigned i = 0; i < s->n_sockets; i++)
        wake_driver(s, &s->socket[i], !n);
    if (s->told != s->taken)
        kick(s);
    if (n) {
        s->idle = 0;
        beba_port_becomes(port, BEBA_PORT_READY);
        return n;
    }
    if (++s->idle % IDLE == IDLE - 1)
        see_error(s);
    release(port);
    return 0;
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* What the kernel has taken since asked last, and frames that have been sent. */
static void settle(struct xdp_port *s)
{
    struct beba_xdp_socket *k = &s->socket[0];
    struct beba_xdp_memory *m = s->memory;
    uint32_t taken = __atomic_load_n(k->tx.consumer, __ATOMIC_ACQUIRE), n = taken - s->taken, at;
    uint64_t bytes = 0;

    for (; s->taken != taken; s->taken++)
        bytes += xsk_ring_prod__tx_desc(&k->tx, s->taken)->len;
    if (n) {
        uint32_t dropped = s->dropped < n ? s->dropped : n;

        s->dropped -= dropped;
        bytes -= bytes / n * dropped;
        n -= dropped;
        beba_port_count(&s->port.count.tx_packets, n);
        beba_port_count(&s->port.count.tx_bytes, bytes);
        beba_port_becomes(&s->port, BEBA_PORT_READY);
    }
    n = xsk_ring_cons__peek(&k->done, s->ring, &at);
    if (!n)
        return;
    pthread_mutex_lock(&m->lock);
    for (uint32_t i = 0; i < n; i++)
        beba_xdp_free(m, (uint32_t)(*xsk_ring_cons__comp_addr(&k->done, at + i) >> m->shift));
    pthread_mutex_unlock(&m->lock);
    xsk_ring_cons__release(&k->done, n);
    s->done += n;
}

/* The interface does not send now. What lies in the ring goes when it is up again, or is lost. */
static void not_sent(struct xdp_port *s, int error)
{
    beba_port_becomes(&s->port, beba_port_look(&s->port));
    if (s->port.status != BEBA_PORT_GONE) {
        if (error != ENETDOWN)
            beba_port_lose(&s->port, BEBA_PORT_TX_ERROR, 1);
        return;
    }
    beba_port_lose(&s->port, BEBA_PORT_TX_GONE, s->told - s->taken);
    s->taken = s->told;
}

/* Has the kernel send what the ring holds. */
static void kick(struct xdp_port *s)
{
    struct beba_xdp_socket *k = &s->socket[0];
    unsigned tries = 0;

    for (;;) {
        uint32_t before = s->taken;
        ssize_t n;

        if (s->in_place && !xsk_ring_prod__needs_wakeup(&k->tx)) {
            settle(s);
            return;
        }
        n = sendto(xsk_socket__fd(k->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0);
        if (n < 0 && errno == EBUSY) {
            s->dropped++;
            beba_port_lose(&s->port, BEBA_PORT_TX_FULL, 1);
        } else if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
            not_sent(s, errno);
            return;
        }
        settle(s);
        if (s->taken == s->told || (s->taken == before && ++tries >= KICKS))
            return;
    }
}

static void flush(struct beba_port *port)
{
    struct xdp_port *s = self(port);

    if (!s->n_sockets || s->queued == s->taken)
        return;
    if (s->queued != s->told) {
        xsk_ring_prod__submit(&s->socket[0].tx, s->queued - s->told);
        s->told = s->queued;
    }
    kick(s);
}

static bool may_send(struct xdp_port *s, const struct beba_packet *p, uint32_t len)
{
    struct beba_port *port = &s->port;
    uint32_t head = p->data[12] == 0x81 && p->data[13] == 0 ? ETH_HLEN + 4 : ETH_HLEN;

    if (port->status != BEBA_PORT_READY) {
        beba_port_becomes(port, beba_port_look(port));
        if (port->status != BEBA_PORT_READY) {
            beba_port_lose(
                port, port->status == BEBA_PORT_GONE ? BEBA_PORT_TX_GONE : BEBA_PORT_TX_DOWN, 1);
            return false;
        }
    }
    if (len > head + s->mtu)
        s->mtu = ask_mtu(port);
    if (len > head + s->mtu || len > 1u << s->memory->shift) {
        beba_port_lose(port, BEBA_PORT_TX_MTU, 1);
        return false;
    }
    return true;
}

/* The ring has a place; else the packet is counted. */
static bool find_place(struct xdp_port *s)
{
    if (s->queued - s->taken < s->ring)
        return true;
    flush(&s->port);
    if (s->queued - s->taken < s->ring)
        return true;
    beba_port_lose(&s->port, BEBA_PORT_TX_FULL, 1);
    return false;
}

static void put(struct xdp_port *s, uint64_t addr, uint32_t len)
{
    *xsk_ring_prod__tx_desc(&s->socket[0].tx, s->queued++) =
        (struct xdp_desc){.addr = addr, .len = len};
}

static bool find_spare(struct xdp_port *s)
{
    struct beba_xdp_memory *m = s->memory;

    if (s->n_spare)
        return true;
    settle(s);
    pthread_mutex_lock(&m->lock);
    while (s->n_spare < BEBA_PORT_BATCH && m->n_free) {
        uint32_t frame = m->free[--m->n_free];

        beba_xdp_own(m, frame, s->id);
        s->spare[s->n_spare++] = frame;
    }
    pthread_mutex_unlock(&m->lock);
    if (s->n_spare)
        return true;
    beba_port_lose(&s->port, BEBA_PORT_TX_FULL, 1);
    return false;
}

/* A frame to write a packet of len bytes into; NULL, and counted, when there is none. */
static uint8_t *enqueue(struct xdp_port *s, uint32_t len)
{
    uint64_t addr;

    if (!find_place(s) || !find_spare(s))
        return NULL;
    addr = (uint64_t)s->spare[--s->n_spare] << s->memory->shift;
    put(s, addr, len);
    return s->memory->base + addr;
}

static void cut_train(struct xdp_port *s, const struct beba_packet *p)
{
    struct beba_train t;
    uint32_t len;

    if (beba_train_look(p, &t)) {
        beba_port_lose(&s->port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    len = t.headers + p->segment;
    if (!may_send(s, p, len))
        return;
    for (uint32_t i = 0; i < t.n; i++) {
        uint8_t *at = enqueue(s, len);

        if (!at)
            return;
        xsk_ring_prod__tx_desc(&s->socket[0].tx, s->queued - 1)->len =
            beba_train_cut(&t, i, at, len);
    }
}

static void send_packet(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct xdp_port *s = self(port);
    uint8_t *at;

    (void)queue;
    if (p->segment) {
        cut_train(s, p);
    } else if (may_send(s, p, p->len)) {
        at = enqueue(s, p->len);
        if (at)
            memcpy(at, p->data, p->len);
    }
}

static void pass(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct xdp_port *s = self(port);
    struct beba_xdp_memory *m = s->memory;
    size_t addr = (uintptr_t)p->data - (uintptr_t)m->base;

    if (addr >= (size_t)m->n << m->shift || p->segment) {
        send_packet(port, queue, p);
        return;
    }
    if (!may_send(s, p, p->len) || !find_place(s))
        return;
    beba_xdp_own(m, (uint32_t)(addr >> m->shift), s->id);
    put(s, addr, p->len);
}

/* --- counters ----------------------------------------------------------------------------------
 */

static void losses(struct beba_port *port, uint64_t loss[BEBA_PORT_N_LOSSES])
{
    struct xdp_port *s = self(port);

    for (unsigned i = 0; i < s->n_sockets; i++)
        beba_xdp_socket_losses(&s->socket[i], loss);
}

const struct beba_driver beba_driver_xdp = {
    .name = "xdp",
    .n_names = 1,
    .size = sizeof(struct xdp_port),
    .options = "mode=auto|native|generic zerocopy=auto|on|off ring=64..8192 busy-poll=1..10000 "
               "promisc=on|off",
    .option = take_option,
    .open = open_port,
    .close = close_port,
    .recv = receive,
    .release = release,
    .send = send_packet,
    .pass = pass,
    .flush = flush,
    .losses = losses,
};
