/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TAP devices: what the system sends through the interface is received, what is sent comes to the
 * system. Trains pass whole in both directions. One packet is one system call here. */
#include "io/driver.h"
#include "io/offload.h"

#include "packet/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    LONGEST = 68 << 10,                             /* of a packet with its rooms */
    BUFFERS = BEBA_PORT_BATCH * 2048 + 4 * LONGEST, /* for a batch */
    HDR = sizeof(struct virtio_net_hdr),
};

/* Headers of Linux before 6.2 lack them. */
enum { OFFLOAD_USO4 = 0x20, OFFLOAD_USO6 = 0x40 };

struct tap_port {
    struct beba_port port;
    bool persist;
    uint8_t *buffers;
    uint8_t segment[BEBA_CAPTURE_MAX / 2];
};

static struct tap_port *self(struct beba_port *port)
{
    return (struct tap_port *)port;
}

static int take_option(struct beba_port *port, const char *name, const char *value)
{
    if (strcmp(name, "persist") != 0 || *value)
        return -EINVAL;
    self(port)->persist = true;
    return 0;
}

static int attach(struct beba_port *port, const char *name)
{
    static const unsigned offloads[] = {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN |
                                            OFFLOAD_USO4 | OFFLOAD_USO6,
                                        TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN};
    struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    if (port->opts.n_queues > 1)
        req.ifr_flags |= IFF_MULTI_QUEUE;
    strncpy(req.ifr_name, name, IFNAMSIZ - 1);
    port->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port->fd < 0 || ioctl(port->fd, TUNSETIFF, &req))
        return -errno;
    if (self(port)->persist && ioctl(port->fd, TUNSETPERSIST, 1))
        return -errno;
    if (ioctl(port->fd, TUNSETOFFLOAD, (unsigned long)offloads[0]) &&
        ioctl(port->fd, TUNSETOFFLOAD, (unsigned long)offloads[1]))
        return -errno;
    return 0;
}

static int bring_up(const struct beba_port *port)
{
    struct ifreq req = {0};

    strncpy(req.ifr_name, port->name, IFNAMSIZ - 1);
    if (ioctl(port->control, SIOCGIFFLAGS, &req))
        return -errno;
    req.ifr_flags |= IFF_UP;
    return ioctl(port->control, SIOCSIFFLAGS, &req) ? -errno : 0;
}

static int open_port(struct beba_port *port, const struct beba_port_words *words,
                     struct beba_error *err)
{
    const char *name = words->word[0];
    int rc;

    if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '%') || strchr(name, '/'))
        return beba_error_set(err, -EINVAL, "not a name for an interface: '%s'", name);
    rc = attach(port, name);
    if (rc) {
        beba_error_set(err, rc, "cannot make or attach the TAP device: %s", strerror(-rc));
        if (rc == -EPERM)
            beba_error_hint(err, "be root, or have CAP_NET_ADMIN");
        else if (rc == -ENOENT || rc == -ENODEV)
            beba_error_hint(err, "the kernel needs /dev/net/tun (modprobe tun)");
        else if (rc == -EBUSY || rc == -EINVAL)
            beba_error_hint(err, "%s exists and is no TAP device, or another program has it", name);
        return rc;
    }
    rc = beba_port_find(port, name, err);
    if (rc)
        return rc;
    rc = bring_up(port);
    if (rc)
        return beba_error_set(err, rc, "cannot bring the TAP device up: %s", strerror(-rc));
    self(port)->buffers = malloc(BUFFERS);
    if (!self(port)->buffers)
        return beba_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

static int close_port(struct beba_port *port, struct beba_error *err)
{
    (void)err;
    if (port->fd >= 0)
        close(port->fd);
    if (port->control >= 0)
        close(port->control);
    free(self(port)->buffers);
    return 0;
}

static unsigned receive(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    uint8_t *at = self(port)->buffers, *end = at + BUFFERS;
    uint64_t now = 0;
    unsigned n = 0;

    while (n < max && end - at >= LONGEST) {
        struct virtio_net_hdr hdr;
        struct iovec iov[] = {{&hdr, HDR},
                              {at + BEBA_HEADROOM, LONGEST - BEBA_HEADROOM - BEBA_TAILROOM}};
        struct beba_packet *p = &packet[n];
        ssize_t len = readv(port->fd, iov, 2);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < HDR) {
            if (len >= 0 || (errno != EAGAIN && errno != EBADFD))
                beba_port_lose(port, BEBA_PORT_RX_ERROR, 1);
            if (len < 0 && errno == EAGAIN)
                break;
            beba_port_becomes(port, beba_port_look(port));
            break;
        }
        if (!now)
            now = beba_port_now(port);
        beba_port_fresh(port, now, p);
        p->data = at + BEBA_HEADROOM;
        p->len = p->wire_len = (uint32_t)len - HDR;
        p->headroom = BEBA_HEADROOM;
        p->tailroom = BEBA_TAILROOM;
        if (!beba_port_take(port, p, &hdr))
            continue;
        n++;
        at += (BEBA_HEADROOM + p->len + BEBA_TAILROOM + 63) & ~63u;
    }
    if (n)
        beba_port_becomes(port, BEBA_PORT_READY);
    return n;
}

static void nothing(struct beba_port *port)
{
    (void)port;
}

static bool put(struct beba_port *port, struct iovec *iov, int n_iov)
{
    ssize_t n;

    do {
        n = writev(port->fd, iov, n_iov);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        beba_port_unsent(port, errno, 1);
        return false;
    }
    beba_port_becomes(port, BEBA_PORT_READY);
    beba_port_count(&port->count.tx_packets, 1);
    beba_port_count(&port->count.tx_bytes, (uint64_t)n - HDR);
    return true;
}

static void cut_train(struct beba_port *port, const struct beba_train *t)
{
    struct tap_port *s = self(port);
    struct virtio_net_hdr hdr = {0};

    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t len = beba_train_cut(t, i, s->segment, sizeof(s->segment));
        struct iovec iov[] = {{&hdr, HDR}, {s->segment, len}};

        if (!put(port, iov, 2))
            return;
    }
}

static void send_packet(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct virtio_net_hdr hdr = {0};
    uint8_t headers[512];
    struct iovec iov[] = {{&hdr, HDR}, {p->data, p->len}, {NULL, 0}};
    struct beba_train t;

    (void)queue;
    if (!p->segment) {
        put(port, iov, 2);
        return;
    }
    if (beba_train_look(p, &t)) {
        beba_port_lose(port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    if (!t.plain || t.headers > sizeof(headers)) {
        cut_train(port, &t);
        return;
    }
    beba_offload_train(&t, &hdr);
    memcpy(headers, p->data, t.headers);
    beba_store16(headers + hdr.csum_start + hdr.csum_offset, beba_train_pseudo(&t));
    iov[1] = (struct iovec){headers, t.headers};
    iov[2] = (struct iovec){p->data + t.headers, t.payload};
    put(port, iov, 3);
}

const struct beba_driver beba_driver_tap = {
    .name = "tap",
    .n_names = 1,
    .size = sizeof(struct tap_port),
    .options = "persist",
    .option = take_option,
    .open = open_port,
    .close = close_port,
    .recv = receive,
    .release = nothing,
    .send = send_packet,
    .flush = nothing,
};
