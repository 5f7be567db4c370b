/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Interfaces through AF_PACKET: a TPACKET_V2 ring to receive, sendmmsg to send.
 *
 * The ring has slots for packets of ordinary size; the kernel keeps longer ones (jumbo frames,
 * trains) whole in the socket's queue as well, where recvmsg finds them in the same order. A V3
 * ring would give packets only when a block is full or a millisecond old; recvmmsg has a system
 * call's copy and release of each packet on our side, where the ring has them on the sender's.
 * Without a ring (ring=0, or where BPF cannot guard it, see io/packet_filter.h) every packet is
 * taken by recvmsg. */
#include "io/driver.h"
#include "io/offload.h"
#include "io/packet_filter.h"

#include "packet/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SLOT = 2048,      /* bytes of a slot with its headers and headroom */
    BLOCK = 64 << 10, /* of which the ring is made */
    SLOTS_MIN = 64,
    SLOTS_DEFAULT = 1024, /* of all queues together */
    SLOTS_MAX = 16384,
    RESERVE = BEBA_HEADROOM + 16, /* the tag and struct virtio_net_hdr */
    LONGEST = 68 << 10,           /* of a packet in a buffer, with its rooms */
    BUFFERS = 16 * LONGEST,       /* for the long packets of one batch */
    QUEUED = 128 << 10,           /* bytes that wait to be sent */
    SEND_AT_ONCE = 4096,          /* packets this long are not copied first */
    RECEIVE_BUFFER = 8 << 20,     /* of long packets in the socket */
    SEND_BUFFER = 4 << 20,
    IDLE = 8, /* recvs that find nothing until the socket is asked why */
    HDR = sizeof(struct virtio_net_hdr),
};

struct packet_port {
    struct beba_port port;
    bool no_promisc, bypass, tcp_only, no_ring;
    uint32_t slots;
    const uint64_t *rejected; /* by the filter; NULL: there is none */
    uint8_t *ring;
    uint32_t at, held; /* the next slot; so many before it are in use */
    uint32_t idle;     /* recvs in a row that found nothing */
    uint8_t *buffers;
    size_t buffers_used;

    int tx;
    uint32_t priority;
    unsigned queued;
    size_t queued_bytes;
    uint8_t *queue;
    struct iovec iov[BEBA_PORT_BATCH];
    struct mmsghdr msg[BEBA_PORT_BATCH];
};

static struct packet_port *self(struct beba_port *port)
{
    return (struct packet_port *)port;
}

static int take_option(struct beba_port *port, const char *name, const char *value)
{
    struct packet_port *s = self(port);

    if (!strcmp(name, "ring")) {
        s->no_ring = !strcmp(value, "0");
        return s->no_ring ? 0 : beba_port_number(value, SLOTS_MIN, SLOTS_MAX, &s->slots);
    }
    if (!strcmp(name, "gso")) {
        s->tcp_only = !strcmp(value, "tcp");
        return s->tcp_only || !strcmp(value, "all") ? 0 : -EINVAL;
    }
    if (!strcmp(name, "promisc")) {
        s->no_promisc = !strcmp(value, "off");
        return s->no_promisc || !strcmp(value, "on") ? 0 : -EINVAL;
    }
    if (!strcmp(name, "bypass") && !*value) {
        s->bypass = true;
        return 0;
    }
    return -EINVAL;
}

static int set(int fd, int name, int value)
{
    return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) ? -errno : 0;
}

static int bind_to(int fd, int ifindex, uint16_t protocol)
{
    struct sockaddr_ll a = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = ifindex};

    return bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
}

static int make_ring(struct packet_port *s)
{
    struct tpacket_req req = {.tp_block_size = BLOCK, .tp_frame_size = SLOT};
    int rc;

    if (beba_packet_filter_attach(s->port.fd, s->tcp_only || beba_packet_filter_old_kernel(),
                                  &s->rejected))
        s->no_ring = true;
    if (s->no_ring)
        return 0;
    if (!s->slots)
        s->slots = SLOTS_DEFAULT / s->port.opts.n_queues;
    if (s->slots < SLOTS_MIN)
        s->slots = SLOTS_MIN;
    s->slots = (s->slots + BLOCK / SLOT - 1) / (BLOCK / SLOT) * (BLOCK / SLOT);
    req.tp_block_nr = s->slots / (BLOCK / SLOT);
    req.tp_frame_nr = s->slots;
    rc = setsockopt(s->port.fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) ? -errno : 0;
    if (rc)
        return rc;
    s->ring =
        mmap(NULL, (size_t)s->slots * SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, s->port.fd, 0);
    if (s->ring == MAP_FAILED) {
        s->ring = NULL;
        return -errno;
    }
    return 0;
}

/* PACKET_FANOUT_FLAG_IGNORE_OUTGOING of newer headers: the group hears what its sockets send, even
 * though each of them ignores it. */
enum { FANOUT_IGNORE_OUTGOING = 0x4000 };

/* All who open this interface in this process share the flows. */
static int join_fanout(struct packet_port *s, const char **step)
{
    uint32_t group = (uint32_t)getpid() * 31u + (uint32_t)s->port.ifindex;
    uint32_t value = (group & 0xffff) | (uint32_t)(PACKET_FANOUT_HASH | FANOUT_IGNORE_OUTGOING)
                                            << 16;

    if (s->port.opts.n_queues < 2)
        return 0;
    *step = "share the interface's flows among queues (older kernels want it to be up)";
    return set(s->port.fd, PACKET_FANOUT, (int)value);
}

static void grow(int fd, int forced, int plain, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)))
        setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

static int open_rx(struct packet_port *s, const char **step)
{
    struct packet_mreq promisc = {.mr_ifindex = s->port.ifindex, .mr_type = PACKET_MR_PROMISC};
    static const struct {
        int name, value;
    } options[] = {
        {PACKET_IGNORE_OUTGOING, 1}, {PACKET_VERSION, TPACKET_V2}, {PACKET_VNET_HDR, 1},
        {PACKET_RESERVE, RESERVE},   {PACKET_COPY_THRESH, 1},      {PACKET_AUXDATA, 1},
    };
    int rc = 0;

    *step = "open a packet socket";
    s->port.fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->port.fd < 0)
        return -errno;
    grow(s->port.fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
    *step = "set up the packet socket";
    for (size_t i = 0; i < sizeof(options) / sizeof(*options) && !rc; i++)
        rc = set(s->port.fd, options[i].name, options[i].value);
    if (rc)
        return rc;
    *step = "make the ring";
    rc = make_ring(s);
    if (rc)
        return rc;
    *step = "receive from the interface";
    rc = bind_to(s->port.fd, s->port.ifindex, ETH_P_ALL);
    if (!rc)
        rc = join_fanout(s, step);
    if (!rc && !s->no_promisc &&
        setsockopt(s->port.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)))
        rc = -errno;
    return rc;
}

static int open_tx(struct packet_port *s, const char **step)
{
    int rc;

    *step = "open a packet socket to send";
    s->tx = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->tx < 0)
        return -errno;
    grow(s->tx, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
    rc = set(s->tx, PACKET_VNET_HDR, 1);
    if (!rc && s->bypass)
        rc = set(s->tx, PACKET_QDISC_BYPASS, 1);
    return rc ? rc : bind_to(s->tx, s->port.ifindex, 0);
}

static int close_port(struct beba_port *port, struct beba_error *err)
{
    struct packet_port *s = self(port);

    (void)err;
    if (s->ring)
        munmap(s->ring, (size_t)s->slots * SLOT);
    if (port->fd >= 0)
        close(port->fd);
    if (s->tx > 0)
        close(s->tx);
    if (port->control >= 0)
        close(port->control);
    beba_packet_filter_free(s->rejected);
    free(s->buffers);
    free(s->queue);
    return 0;
}

static struct tpacket2_hdr *slot(const struct packet_port *s, uint32_t i)
{
    return (struct tpacket2_hdr *)(void *)(s->ring + (size_t)i * SLOT);
}

static void release(struct beba_port *port)
{
    struct packet_port *s = self(port);
    uint32_t i = s->at >= s->held ? s->at - s->held : s->at + s->slots - s->held;

    for (; s->held; s->held--) {
        __atomic_store_n(&slot(s, i)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        if (++i == s->slots)
            i = 0;
    }
    s->buffers_used = 0;
}

/* A tag that the kernel took off, as a ring's slot or a message tells it. */
static void put_tag(struct beba_packet *p, uint32_t status, uint16_t tpid, uint16_t tci,
                    struct virtio_net_hdr *hdr)
{
    if (!(status & TP_STATUS_VLAN_VALID))
        return;
    beba_offload_tag(p, status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q, tci);
    if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        hdr->csum_start = (uint16_t)(hdr->csum_start + 4);
}

/* A packet that fills its slot so far that it has no room behind it. */
static void move_to_buffer(struct packet_port *s, struct beba_packet *p)
{
    uint8_t *data = s->buffers + s->buffers_used + RESERVE;

    p->data = memcpy(data, p->data, p->len);
    p->tailroom = BEBA_TAILROOM;
    s->buffers_used += (RESERVE + p->len + BEBA_TAILROOM + 63) & ~(size_t)63;
}

static bool take_slot(struct packet_port *s, const struct tpacket2_hdr *h, struct beba_packet *p)
{
    struct virtio_net_hdr hdr;

    p->data = (uint8_t *)(uintptr_t)h + h->tp_mac;
    memcpy(&hdr, p->data - HDR, HDR);
    p->len = p->wire_len = h->tp_len;
    p->headroom = RESERVE;
    p->tailroom = SLOT - h->tp_mac - p->len;
    if (p->tailroom < BEBA_TAILROOM)
        move_to_buffer(s, p);
    if (h->tp_len >= 14)
        put_tag(p, h->tp_status, h->tp_vlan_tpid, h->tp_vlan_tci, &hdr);
    return beba_port_take(&s->port, p, &hdr);
}

static const struct tpacket_auxdata *find_auxdata(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
            return (const struct tpacket_auxdata *)(const void *)CMSG_DATA(c);
    }
    return NULL;
}

/* recvmsg has failed: 0, or -EAGAIN when there is nothing to receive now. */
static int see_failure(struct packet_port *s, int error)
{
    switch (error) {
    case EAGAIN:
        return -EAGAIN;
    case EINTR:
        return 0;
    case EINVAL: /* a train that no struct virtio_net_hdr can tell of */
        beba_port_lose(&s->port, BEBA_PORT_RX_OFFLOAD, 1);
        return 0;
    case ENETDOWN:
    case ENXIO:
        beba_port_becomes(&s->port, beba_port_look(&s->port));
        return 0;
    default:
        beba_port_lose(&s->port, BEBA_PORT_RX_ERROR, 1);
        return -EAGAIN;
    }
}

/* The next packet of the socket's queue: 1, 0 when it is not to be given on, -EAGAIN. In the ring,
 * long ones are also there. */
static int take_long(struct packet_port *s, struct beba_packet *p)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    uint8_t *buffer = s->buffers + s->buffers_used;
    struct virtio_net_hdr hdr;
    struct iovec iov[] = {{&hdr, HDR}, {buffer + RESERVE, LONGEST - RESERVE - BEBA_TAILROOM}};
    struct msghdr msg = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
    const struct tpacket_auxdata *aux;
    ssize_t n = recvmsg(s->port.fd, &msg, MSG_DONTWAIT | MSG_TRUNC);

    if (n < (ssize_t)HDR)
        return see_failure(s, n < 0 ? errno : EIO);
    if (msg.msg_flags & MSG_TRUNC) {
        beba_port_lose(&s->port, BEBA_PORT_RX_TRUNCATED, 1);
        return 0;
    }
    p->data = buffer + RESERVE;
    p->len = p->wire_len = (uint32_t)n - HDR;
    p->headroom = RESERVE;
    p->tailroom = BEBA_TAILROOM;
    aux = find_auxdata(&msg);
    if (aux && p->len >= 14)
        put_tag(p, aux->tp_status, aux->tp_vlan_tpid, aux->tp_vlan_tci, &hdr);
    if (!beba_port_take(&s->port, p, &hdr))
        return 0;
    s->buffers_used += ((size_t)(p->data - buffer) + p->len + BEBA_TAILROOM + 63) & ~(size_t)63;
    return 1;
}

/* Nothing came although the descriptor was ready: it may be the interface that has changed. Asking
 * for the error also takes it off the descriptor. */
static void see_error(struct packet_port *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (!getsockopt(s->port.fd, SOL_SOCKET, SO_ERROR, &error, &len) && error)
        beba_port_becomes(&s->port, beba_port_look(&s->port));
}

/* Without a ring: all are in the socket's queue. */
static unsigned receive_queued(struct packet_port *s, struct beba_packet *packet, unsigned max)
{
    uint64_t now = beba_port_now(&s->port);
    unsigned n = 0;
    int rc = 0;

    while (n < max && rc != -EAGAIN && s->buffers_used + LONGEST <= BUFFERS) {
        beba_port_fresh(&s->port, now, &packet[n]);
        rc = take_long(s, &packet[n]);
        n += rc > 0;
    }
    if (n)
        beba_port_becomes(&s->port, BEBA_PORT_READY);
    return n;
}

static unsigned receive_ring(struct packet_port *s, struct beba_packet *packet, unsigned max)
{
    struct beba_port *port = &s->port;
    uint64_t now = 0;
    unsigned n = 0;

    while (n < max && s->held < s->slots / 2) {
        struct tpacket2_hdr *h = slot(s, s->at);
        uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
        struct beba_packet *p = &packet[n];
        bool whole;

        if (!(status & TP_STATUS_USER))
            break;
        if (s->buffers_used + LONGEST > BUFFERS)
            break;
        if (!now)
            now = beba_port_now(port);
        beba_port_fresh(port, now, p);
        if (status & TP_STATUS_COPY) {
            whole = take_long(s, p) > 0;
        } else if (h->tp_snaplen < h->tp_len) {
            beba_port_lose(port, BEBA_PORT_RX_FULL, 1);
            whole = false;
        } else {
            whole = take_slot(s, h, p);
        }
        n += whole;
        s->held++;
        if (++s->at == s->slots)
            s->at = 0;
    }
    if (n)
        beba_port_becomes(port, BEBA_PORT_READY);
    s->idle = s->held ? 0 : s->idle + 1;
    if (s->idle % IDLE == IDLE - 1)
        see_error(s);
    if (!n)
        release(port);
    return n;
}

static unsigned receive(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    struct packet_port *s = self(port);

    return s->ring ? receive_ring(s, packet, max) : receive_queued(s, packet, max);
}

static void flush(struct beba_port *port)
{
    struct packet_port *s = self(port);
    unsigned at = 0;
    uint64_t sent = 0, bytes = 0;

    while (at < s->queued) {
        int n = sendmmsg(s->tx, s->msg + at, s->queued - at, MSG_DONTWAIT);

        if (n > 0) {
            for (int i = 0; i < n; i++)
                bytes += s->iov[at + (unsigned)i].iov_len - HDR;
            sent += (unsigned)n;
            at += (unsigned)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        n = errno == ENETDOWN || errno == ENXIO || errno == ENODEV ? (int)(s->queued - at) : 1;
        beba_port_unsent(port, errno, (uint64_t)n);
        at += (unsigned)n;
    }
    s->queued = 0;
    s->queued_bytes = 0;
    if (!sent)
        return;
    beba_port_becomes(port, BEBA_PORT_READY);
    beba_port_count(&port->count.tx_packets, sent);
    beba_port_count(&port->count.tx_bytes, bytes);
}

static void send_now(struct packet_port *s, struct iovec *iov, size_t n_iov, uint32_t bytes)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
    ssize_t n;

    do {
        n = sendmsg(s->tx, &msg, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        beba_port_unsent(&s->port, errno, 1);
        return;
    }
    beba_port_becomes(&s->port, BEBA_PORT_READY);
    beba_port_count(&s->port.count.tx_packets, 1);
    beba_port_count(&s->port.count.tx_bytes, bytes);
}

static uint8_t *enqueue(struct packet_port *s, uint32_t len)
{
    size_t need = (HDR + (size_t)len + 63) & ~(size_t)63;
    uint8_t *at;

    if (s->queued == BEBA_PORT_BATCH || s->queued_bytes + need > QUEUED)
        flush(&s->port);
    at = s->queue + s->queued_bytes;
    s->iov[s->queued].iov_base = at;
    s->iov[s->queued].iov_len = HDR + len;
    s->queued++;
    s->queued_bytes += need;
    memset(at, 0, HDR);
    return at + HDR;
}

/* A classful queueing discipline takes a packet's priority as its class, MAJOR:MINOR. */
static void choose_queue(struct packet_port *s, uint32_t queue)
{
    uint32_t priority = queue && queue < 0xffff ? 1u << 16 | (queue + 1) : 0;

    if (priority == s->priority)
        return;
    flush(&s->port);
    setsockopt(s->tx, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority));
    s->priority = priority;
}

static bool fits(const struct packet_port *s, const struct beba_train *t)
{
    struct ifreq req = {.ifr_ifindex = s->port.ifindex};

    if (ioctl(s->port.control, SIOCGIFNAME, &req) || ioctl(s->port.control, SIOCGIFMTU, &req))
        return true; /* sending will say why not */
    return t->headers - (t->outer ? t->outer : t->ip) + t->packet->segment <= (uint32_t)req.ifr_mtu;
}

static void cut_train(struct packet_port *s, const struct beba_train *t)
{
    uint32_t len = t->headers + t->packet->segment;

    if (len > QUEUED / 2) {
        beba_port_lose(&s->port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        uint8_t *at = enqueue(s, len);

        s->iov[s->queued - 1].iov_len = HDR + beba_train_cut(t, i, at, len);
    }
}

/* Headers with the checksum of the pseudo-header in a copy, payload from where it is. */
static void send_train(struct packet_port *s, const struct beba_packet *p)
{
    struct beba_train t;
    struct virtio_net_hdr hdr;
    uint8_t headers[512];
    struct iovec iov[] = {{&hdr, HDR}, {headers, 0}, {NULL, 0}};

    if (beba_train_look(p, &t)) {
        beba_port_lose(&s->port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    if (!fits(s, &t)) {
        beba_port_lose(&s->port, BEBA_PORT_TX_MTU, 1);
        return;
    }
    if (!t.plain || t.headers > sizeof(headers)) {
        cut_train(s, &t);
        return;
    }
    flush(&s->port);
    beba_offload_train(&t, &hdr);
    memcpy(headers, p->data, t.headers);
    beba_store16(headers + hdr.csum_start + hdr.csum_offset, beba_train_pseudo(&t));
    iov[1].iov_len = t.headers;
    iov[2].iov_base = p->data + t.headers;
    iov[2].iov_len = t.payload;
    send_now(s, iov, 3, t.headers + t.payload);
}

static void send_packet(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct packet_port *s = self(port);
    struct virtio_net_hdr none = {0};
    struct iovec iov[] = {{&none, HDR}, {p->data, p->len}};

    choose_queue(s, queue);
    if (p->segment) {
        send_train(s, p);
    } else if (p->len >= SEND_AT_ONCE) {
        flush(port);
        send_now(s, iov, 2, p->len);
    } else {
        memcpy(enqueue(s, p->len), p->data, p->len);
    }
}

static uint64_t drops(struct beba_port *port)
{
    struct tpacket_stats stats = {0};
    socklen_t len = sizeof(stats);

    if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
        return 0;
    return stats.tp_drops;
}

static int open_port(struct beba_port *port, const struct beba_port_words *words,
                     struct beba_error *err)
{
    struct packet_port *s = self(port);
    const char *step = "";
    int rc = beba_port_find(port, words->word[0], err);

    if (rc)
        return rc;
    s->buffers = malloc(BUFFERS);
    s->queue = malloc(QUEUED);
    if (!s->buffers || !s->queue)
        return beba_error_set(err, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < BEBA_PORT_BATCH; i++) {
        s->msg[i].msg_hdr.msg_iov = &s->iov[i];
        s->msg[i].msg_hdr.msg_iovlen = 1;
    }
    rc = open_rx(s, &step);
    if (!rc)
        rc = open_tx(s, &step);
    if (rc) {
        beba_error_set(err, rc, "cannot %s: %s", step, strerror(-rc));
        if (rc == -EPERM)
            beba_error_hint(err, "be root, or have CAP_NET_RAW and CAP_NET_ADMIN");
        return rc;
    }
    port->drops = drops;
    port->rejected = s->rejected;
    port->status = beba_port_look(port);
    return 0;
}

const struct beba_driver beba_driver_packet = {
    .name = "packet",
    .n_names = 1,
    .size = sizeof(struct packet_port),
    .options = "ring=0|64..16384 promisc=on|off gso=all|tcp bypass",
    .option = take_option,
    .open = open_port,
    .close = close_port,
    .recv = receive,
    .release = release,
    .send = send_packet,
    .flush = flush,
};
