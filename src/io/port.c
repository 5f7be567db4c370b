/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/port.h"

#include "io/driver.h"
#include "io/offload.h"
#include "io/plugin.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const struct beba_port_loss_info beba_port_losses[BEBA_PORT_N_LOSSES] = {
    [BEBA_PORT_RX_FULL] = {"rx_ring_full", "received packets found no room in the ring", 0, 0},
    [BEBA_PORT_RX_TRUNCATED] = {"rx_truncated", "longer than any buffer, or cut on the way", 0, 1},
    [BEBA_PORT_RX_SHORT] = {"rx_short", "less than an Ethernet header", 0, 1},
    [BEBA_PORT_RX_OFFLOAD] = {"rx_offload", "left unfinished by the sender, and not to be mended",
                              0, 1},
    [BEBA_PORT_RX_ERROR] = {"rx_error", "the interface or the file cannot be read", 0, 1},
    [BEBA_PORT_TX_FULL] = {"tx_queue_full", "the interface's queue was full", 1, 0},
    [BEBA_PORT_TX_MTU] = {"tx_mtu", "longer than the interface takes", 1, 0},
    [BEBA_PORT_TX_SHORT] = {"tx_short", "less than an Ethernet header", 1, 1},
    [BEBA_PORT_TX_SEGMENT] = {"tx_segment", "a train of segments that cannot be cut", 1, 1},
    [BEBA_PORT_TX_DOWN] = {"tx_down", "the interface is down", 1, 0},
    [BEBA_PORT_TX_GONE] = {"tx_gone", "the interface is gone", 1, 0},
    [BEBA_PORT_TX_ERROR] = {"tx_error", "refused by the interface or the file", 1, 1},
};

/* The first is that of a name alone. */
static const struct beba_driver *const drivers[] = {
    &beba_driver_packet,
    &beba_driver_tap,
    &beba_driver_pcap,
#ifdef BEBA_XDP_PORTS
    &beba_driver_xdp,
#endif
};

/* Drivers that may not have been built. */
static const struct {
    const char *prefix, *needs;
} optional[] = {
    {"xdp:", "libxdp and libbpf"},
};

int beba_port_group_new(struct beba_port_group **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? -pthread_mutex_init(&(*out)->lock, NULL) : -ENOMEM;
}

void beba_port_group_free(struct beba_port_group *group)
{
    if (!group)
        return;
    pthread_mutex_destroy(&group->lock);
    free(group);
}

bool beba_port_take(struct beba_port *port, struct beba_packet *p, const struct virtio_net_hdr *hdr)
{
    if (p->len < 14) {
        beba_port_lose(port, BEBA_PORT_RX_SHORT, 1);
        return false;
    }
    if ((hdr->flags | hdr->gso_type) && beba_offload_finish(p, hdr)) {
        beba_port_lose(port, BEBA_PORT_RX_OFFLOAD, 1);
        return false;
    }
    return true;
}

enum beba_port_status beba_port_look(const struct beba_port *port)
{
    struct ifreq req = {.ifr_ifindex = port->ifindex};

    if (ioctl(port->control, SIOCGIFNAME, &req) || ioctl(port->control, SIOCGIFFLAGS, &req))
        return BEBA_PORT_GONE;
    return req.ifr_flags & IFF_UP ? BEBA_PORT_READY : BEBA_PORT_DOWN;
}

void beba_port_unsent(struct beba_port *port, int error, uint64_t n)
{
    enum beba_port_loss why = BEBA_PORT_TX_ERROR;

    switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        why = BEBA_PORT_TX_FULL;
        break;
    case EMSGSIZE:
        why = BEBA_PORT_TX_MTU;
        break;
    case ENETDOWN:
    case ENODEV:
    case ENXIO:
    case EIO:
    case EBADFD:
        beba_port_becomes(port, beba_port_look(port));
        if (port->status == BEBA_PORT_GONE)
            why = BEBA_PORT_TX_GONE;
        else if (error != EBADFD)
            why = BEBA_PORT_TX_DOWN;
        break;
    default:
        break;
    }
    beba_port_lose(port, why, n);
}

int beba_port_find(struct beba_port *port, const char *name, struct beba_error *err)
{
    struct ifreq req = {0};
    int rc;

    port->name = strdup(name);
    if (!port->name)
        return beba_error_set(err, -ENOMEM, "out of memory");
    port->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (port->control < 0)
        return beba_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
    if (!*name || strlen(name) >= IFNAMSIZ)
        return beba_error_set(err, -EINVAL, "an interface's name has 1 to %d bytes", IFNAMSIZ - 1);
    memcpy(req.ifr_name, name, strlen(name) + 1);
    if (ioctl(port->control, SIOCGIFINDEX, &req)) {
        rc = -errno;
        beba_error_set(err, rc, "cannot find the interface: %s", strerror(-rc));
        beba_error_hint(err, "ip link lists the interfaces; tap:%s makes one", name);
        return rc;
    }
    port->ifindex = req.ifr_ifindex;
    if (ioctl(port->control, SIOCGIFHWADDR, &req))
        return beba_error_set(err, -errno, "cannot find the interface: %s", strerror(errno));
    if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER && req.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return beba_error_set(err, -ENOTSUP, "the interface's packets are not Ethernet's");
    return 0;
}

/* The driver whose name stands before the colon, if one does; *rest is what follows. */
static int find_driver(const char *description, const struct beba_driver **out, const char **rest,
                       struct beba_error *err)
{
    size_t n = strcspn(description, ":,");

    *rest = description;
    *out = drivers[0];
    if (description[n] != ':')
        return 0;
    *rest = description + n + 1;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++) {
        *out = drivers[i];
        if (strlen(drivers[i]->name) == n && !strncmp(drivers[i]->name, description, n))
            return 0;
    }
    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++) {
        if (!strncmp(description, optional[i].prefix, strlen(optional[i].prefix)))
            return beba_error_set(err, -ENOTSUP, "this beba was built without %s",
                                  optional[i].needs);
    }
    if (beba_plugin_known(description, n))
        return beba_plugin_load(description, n, out, err);
    beba_error_set(err, -EINVAL, "no such kind of port");
    beba_error_hint(err,
                    "ports are NAME, packet:NAME, xdp:NAME, tap:NAME, pcap:IN,OUT or dpdk:DEVICE");
    return -EINVAL;
}

static int cut_words(struct beba_port_words *w, const char *text, bool whole,
                     struct beba_error *err)
{
    char *at = w->text;

    if (strlen(text) >= sizeof(w->text))
        return beba_error_set(err, -EINVAL, "the port's description is too long");
    memcpy(w->text, text, strlen(text) + 1);
    w->n = 1;
    w->word[0] = at;
    if (whole)
        return 0;
    for (w->n = 0; at; w->n++) {
        if (w->n == BEBA_PORT_WORDS)
            return beba_error_set(err, -EINVAL, "the port's description has too many options");
        w->word[w->n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = 0;
    }
    return 0;
}

static int take_options(struct beba_port *port, struct beba_port_words *w, struct beba_error *err)
{
    for (unsigned i = port->driver->n_names; i < w->n; i++) {
        char *value = strchr(w->word[i], '=');
        int rc;

        if (value)
            *value++ = 0;
        rc = port->driver->option(port, w->word[i], value ? value : "");
        if (!rc)
            continue;
        beba_error_set(err, rc, "no such option, or not with this value: %s%s%s", w->word[i],
                       value ? "=" : "", value ? value : "");
        beba_error_hint(err, "options of %s: %s", port->driver->name, port->driver->options);
        return rc;
    }
    return 0;
}

static int open_with(const struct beba_driver *driver, const char *rest,
                     const struct beba_port_opts *opts, struct beba_port_words *w,
                     struct beba_port **out, struct beba_error *err)
{
    struct beba_port *port;
    int rc = cut_words(w, rest, driver->whole, err);

    if (rc)
        return rc;
    port = calloc(1, driver->size);
    if (!port)
        return beba_error_set(err, -ENOMEM, "out of memory");
    port->driver = driver;
    port->opts = *opts;
    port->fd = port->control = -1;
    if (!port->opts.n_queues)
        port->opts.n_queues = 1;
    rc = driver->whole ? 0 : take_options(port, w, err);
    if (!rc)
        rc = driver->open(port, w, err);
    if (rc) {
        driver->close(port, NULL);
        free(port->name);
        free(port);
        return rc;
    }
    *out = port;
    return 0;
}

int beba_port_open(const char *description, const struct beba_port_opts *opts,
                   struct beba_port **out, struct beba_error *err)
{
    const char *rest;
    const struct beba_driver *driver;
    struct beba_port_words *w = malloc(sizeof(*w));
    int rc;

    *out = NULL;
    if (!w)
        return beba_error_set(err, -ENOMEM, "out of memory");
    rc = find_driver(description, &driver, &rest, err);
    if (!rc)
        rc = open_with(driver, rest, opts, w, out, err);
    if (rc)
        beba_error_where(err, "%s", description);
    free(w);
    return rc;
}

int beba_port_close(struct beba_port *port, struct beba_error *err)
{
    int rc;

    if (!port)
        return 0;
    beba_port_release(port);
    beba_port_flush(port);
    rc = port->driver->close(port, err);
    free(port->name);
    free(port);
    return rc;
}

const char *beba_port_name(const struct beba_port *port)
{
    return port->name;
}

const char *beba_port_about(const struct beba_port *port)
{
    return port->about;
}

int beba_port_ifindex(const struct beba_port *port)
{
    return port->ifindex;
}

int beba_port_fd(const struct beba_port *port)
{
    return port->fd;
}

unsigned beba_port_nap(const struct beba_port *port)
{
    return port->nap;
}

bool beba_port_tell(struct beba_port *port, struct beba_netdev *dev, struct beba_netdev_link *link)
{
    return port->driver->tell && port->driver->tell(port, dev, link);
}

unsigned beba_port_recv(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    unsigned n;
    uint64_t bytes = 0;

    port->driver->release(port);
    n = port->driver->recv(port, packet, max < BEBA_PORT_BATCH ? max : BEBA_PORT_BATCH);
    if (!n)
        return 0;
    for (unsigned i = 0; i < n; i++)
        bytes += packet[i].len;
    beba_port_count(&port->count.rx_packets, n);
    beba_port_count(&port->count.rx_bytes, bytes);
    return n;
}

void beba_port_release(struct beba_port *port)
{
    port->driver->release(port);
}

void beba_port_send(struct beba_port *port, uint32_t queue, const struct beba_packet *packet)
{
    if (packet->len < 14)
        beba_port_lose(port, BEBA_PORT_TX_SHORT, 1);
    else
        port->driver->send(port, queue, packet);
}

void beba_port_pass(struct beba_port *port, uint32_t queue, const struct beba_packet *packet)
{
    if (packet->len < 14 || !port->driver->pass)
        beba_port_send(port, queue, packet);
    else
        port->driver->pass(port, queue, packet);
}

void beba_port_flush(struct beba_port *port)
{
    port->driver->flush(port);
}

enum beba_port_status beba_port_status(const struct beba_port *port)
{
    return __atomic_load_n(&port->status, __ATOMIC_RELAXED);
}

void beba_port_counters(struct beba_port *port, struct beba_port_counters *out)
{
    struct beba_port_counters *c = &port->count;

    if (port->drops)
        __atomic_fetch_add(&port->dropped, port->drops(port), __ATOMIC_RELAXED);
    out->rx_packets = __atomic_load_n(&c->rx_packets, __ATOMIC_RELAXED);
    out->rx_bytes = __atomic_load_n(&c->rx_bytes, __ATOMIC_RELAXED);
    out->tx_packets = __atomic_load_n(&c->tx_packets, __ATOMIC_RELAXED);
    out->tx_bytes = __atomic_load_n(&c->tx_bytes, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++)
        out->loss[i] = __atomic_load_n(&c->loss[i], __ATOMIC_RELAXED);
    if (port->rejected)
        out->loss[BEBA_PORT_RX_OFFLOAD] += __atomic_load_n(port->rejected, __ATOMIC_RELAXED);
    if (port->driver->losses)
        port->driver->losses(port, out->loss);
    out->loss[BEBA_PORT_RX_FULL] += __atomic_load_n(&port->dropped, __ATOMIC_RELAXED);
}
