/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/netdev.h"

#include "base/error.h"
#include "io/netdev_link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { RECEIVE = 64 << 10, SOCKET_BUFFER = 1 << 20, ANSWER_SECONDS = 5 };

struct list {
    struct beba_netdev *dev;
    unsigned n, cap;
};

struct beba_netdevs {
    int watch; /* what changes */
    int ask;   /* requests and their answers; also for ioctls */
    uint32_t seq;
    struct list all;
    struct beba_netdev_event *queue; /* what asking for all again has found */
    unsigned n_queue, at_queue, cap_queue;
    uint32_t len, at; /* of the bytes of the last message that are there and were looked at */
    _Alignas(struct nlmsghdr) uint8_t message[RECEIVE];
    _Alignas(struct nlmsghdr) uint8_t answer[RECEIVE];
};

/* --- messages ------------------------------------------------------------------------------- */

static bool parse(const struct nlmsghdr *h, struct beba_netdev *out)
{
    const struct ifinfomsg *info = NLMSG_DATA(h);
    uint32_t left;

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
        return false;
    *out = (struct beba_netdev){.ifindex = info->ifi_index,
                                .up = info->ifi_flags & IFF_UP,
                                .running = (info->ifi_flags & (IFF_UP | IFF_RUNNING)) ==
                                           (IFF_UP | IFF_RUNNING)};
    left = h->nlmsg_len - (uint32_t)NLMSG_LENGTH(sizeof(*info));
    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        const void *data = RTA_DATA(a);
        size_t n = RTA_PAYLOAD(a);

        if (a->rta_type == IFLA_IFNAME && n && n <= sizeof(out->name))
            memcpy(out->name, data, n - 1);
        else if (a->rta_type == IFLA_MTU && n == 4)
            memcpy(&out->mtu, data, 4);
        else if (a->rta_type == IFLA_ADDRESS && n == 6)
            memcpy(out->mac, data, 6);
    }
    return out->name[0];
}

static int parse_stats(const struct nlmsghdr *h, struct beba_netdev_stats *out)
{
    const struct ifinfomsg *info = NLMSG_DATA(h);
    uint32_t left = h->nlmsg_len - (uint32_t)NLMSG_LENGTH(sizeof(*info));
    struct rtnl_link_stats64 s = {0};

    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        size_t n = RTA_PAYLOAD(a);

        if (a->rta_type != IFLA_STATS64)
            continue;
        memcpy(&s, RTA_DATA(a), n < sizeof(s) ? n : sizeof(s));
        *out = (struct beba_netdev_stats){
            .rx_packets = s.rx_packets,
            .tx_packets = s.tx_packets,
            .rx_bytes = s.rx_bytes,
            .tx_bytes = s.tx_bytes,
            .rx_dropped = s.rx_dropped,
            .tx_dropped = s.tx_dropped,
            .rx_errors = s.rx_errors,
            .tx_errors = s.tx_errors,
            .rx_frame_errors = s.rx_frame_errors,
            .rx_over_errors = s.rx_over_errors,
            .rx_crc_errors = s.rx_crc_errors,
            .collisions = s.collisions,
        };
        return 0;
    }
    return -EOPNOTSUPP;
}

static int send_request(struct beba_netdevs *d, int ifindex, uint32_t filter)
{
    struct {
        struct nlmsghdr h;
        struct ifinfomsg info;
        struct rtattr attr;
        uint32_t filter;
    } q = {
        .h = {.nlmsg_len = sizeof(q),
              .nlmsg_type = RTM_GETLINK,
              .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (ifindex ? 0 : NLM_F_DUMP)),
              .nlmsg_seq = ++d->seq},
        .info = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex},
        .attr = {.rta_len = RTA_LENGTH(4), .rta_type = IFLA_EXT_MASK},
        .filter = filter,
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    if (sendto(d->ask, &q, sizeof(q), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -errno;
    return 0;
}

/* 1 when a message was given, 0 at the end of the answer. */
static int next_answer(struct beba_netdevs *d, uint32_t *left, struct nlmsghdr **h)
{
    for (;;) {
        if (!*left) {
            ssize_t n = recv(d->ask, d->answer, sizeof(d->answer), 0);

            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return -errno;
            *left = (uint32_t)n;
            *h = (struct nlmsghdr *)(void *)d->answer;
        } else {
            *h = NLMSG_NEXT(*h, *left);
        }
        if (!NLMSG_OK(*h, *left)) {
            *left = 0;
            continue;
        }
        if ((*h)->nlmsg_seq != d->seq)
            continue;
        if ((*h)->nlmsg_type == NLMSG_DONE)
            return 0;
        if ((*h)->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(*h);

            return e->error;
        }
        if ((*h)->nlmsg_type == RTM_NEWLINK)
            return 1;
    }
}

/* --- the table ------------------------------------------------------------------------------ */

static struct beba_netdev *find(const struct list *l, int ifindex)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->dev[i].ifindex == ifindex)
            return &l->dev[i];
    }
    return NULL;
}

static int add(struct list *l, const struct beba_netdev *dev)
{
    if (l->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 32;
        struct beba_netdev *more = realloc(l->dev, cap * sizeof(*more));

        if (!more)
            return -ENOMEM;
        l->dev = more;
        l->cap = cap;
    }
    l->dev[l->n++] = *dev;
    return 0;
}

static bool same(const struct beba_netdev *a, const struct beba_netdev *b)
{
    return a->mtu == b->mtu && a->up == b->up && a->running == b->running &&
           !strcmp(a->name, b->name) && !memcmp(a->mac, b->mac, sizeof(a->mac));
}

/* 1 when dev is news, which *out then tells. */
static int learn(struct list *l, const struct beba_netdev *dev, struct beba_netdev_event *out)
{
    struct beba_netdev *known = find(l, dev->ifindex);
    int rc;

    *out = (struct beba_netdev_event){.change = BEBA_NETDEV_APPEARED, .now = *dev};
    if (!known) {
        rc = add(l, dev);
        return rc ? rc : 1;
    }
    if (same(known, dev))
        return 0;
    out->change = BEBA_NETDEV_CHANGED;
    out->before = *known;
    *known = *dev;
    return 1;
}

static int forget(struct list *l, int ifindex, struct beba_netdev_event *out)
{
    struct beba_netdev *known = find(l, ifindex);

    if (!known)
        return 0;
    *out = (struct beba_netdev_event){.change = BEBA_NETDEV_GONE, .now = *known};
    *known = l->dev[--l->n];
    return 1;
}

static int read_all(struct beba_netdevs *d, struct list *out)
{
    struct nlmsghdr *h = NULL;
    struct beba_netdev dev;
    uint32_t left = 0;
    int rc = send_request(d, 0, RTEXT_FILTER_SKIP_STATS);

    while (!rc && (rc = next_answer(d, &left, &h)) == 1) {
        rc = 0;
        if (parse(h, &dev))
            rc = add(out, &dev);
    }
    return rc;
}

static int enqueue(struct beba_netdevs *d, const struct beba_netdev_event *e)
{
    if (d->n_queue == d->cap_queue) {
        unsigned cap = d->cap_queue ? d->cap_queue * 2 : 32;
        struct beba_netdev_event *more = realloc(d->queue, cap * sizeof(*more));

        if (!more)
            return -ENOMEM;
        d->queue = more;
        d->cap_queue = cap;
    }
    d->queue[d->n_queue++] = *e;
    return 0;
}

/* Messages were lost: the difference to what there is now. First what went, so that a name that
 * came back is free. */
static int compare(struct beba_netdevs *d)
{
    struct list now = {0};
    struct beba_netdev_event e;
    int rc = read_all(d, &now);

    d->n_queue = d->at_queue = 0;
    for (unsigned i = d->all.n; i-- > 0 && !rc;) {
        if (!find(&now, d->all.dev[i].ifindex) && forget(&d->all, d->all.dev[i].ifindex, &e))
            rc = enqueue(d, &e);
    }
    for (unsigned i = 0; i < now.n && !rc; i++) {
        rc = learn(&d->all, &now.dev[i], &e);
        if (rc == 1)
            rc = enqueue(d, &e);
    }
    free(now.dev);
    return rc;
}

/* --- what others call ----------------------------------------------------------------------- */

static int open_sockets(struct beba_netdevs *d)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    int size = SOCKET_BUFFER;

    d->watch = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    d->ask = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (d->watch < 0 || d->ask < 0)
        return -errno;
    setsockopt(d->watch, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(d->ask, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return bind(d->watch, (struct sockaddr *)&groups, sizeof(groups)) ? -errno : 0;
}

int beba_netdevs_open(struct beba_netdevs **out, struct beba_error *err)
{
    struct beba_netdevs *d = calloc(1, sizeof(*d));
    int rc;

    *out = NULL;
    if (!d)
        return beba_error_set(err, -ENOMEM, "out of memory");
    d->watch = d->ask = -1;
    rc = open_sockets(d);
    if (!rc)
        rc = read_all(d, &d->all);
    if (rc) {
        beba_netdevs_close(d);
        return beba_error_set(err, rc, "cannot watch the network interfaces: %s", strerror(-rc));
    }
    *out = d;
    return 0;
}

void beba_netdevs_close(struct beba_netdevs *d)
{
    if (!d)
        return;
    if (d->watch >= 0)
        close(d->watch);
    if (d->ask >= 0)
        close(d->ask);
    free(d->all.dev);
    free(d->queue);
    free(d);
}

int beba_netdevs_fd(const struct beba_netdevs *d)
{
    return d->watch;
}

/* 0 with len bytes to look at, or -errno. */
static int read_message(struct beba_netdevs *d)
{
    ssize_t n;

    do {
        n = recv(d->watch, d->message, sizeof(d->message), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    d->at = 0;
    d->len = n > 0 ? (uint32_t)n : 0;
    return n < 0 ? -errno : 0;
}

/* 1 when there is something to look at, 0 when nothing has come. */
static int receive(struct beba_netdevs *d)
{
    int rc = read_message(d);

    if (rc == -EAGAIN)
        return 0;
    if (rc != -ENOBUFS)
        return rc ? rc : 1;
    /* What is still queued is older than what asking will tell. */
    while (rc != -EAGAIN) {
        if (rc && rc != -ENOBUFS)
            return rc;
        rc = read_message(d);
    }
    rc = compare(d);
    return rc ? rc : 1;
}

static int look(struct beba_netdevs *d, struct beba_netdev_event *out)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(d->message + d->at);
    uint32_t left = d->len - d->at;
    struct beba_netdev dev;

    if (!NLMSG_OK(h, left)) {
        d->at = d->len = 0;
        return 0;
    }
    d->at += NLMSG_ALIGN(h->nlmsg_len);
    if (d->at > d->len)
        d->at = d->len;
    if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
        return 0;
    if (!parse(h, &dev))
        return 0;
    return h->nlmsg_type == RTM_NEWLINK ? learn(&d->all, &dev, out)
                                        : forget(&d->all, dev.ifindex, out);
}

int beba_netdevs_next(struct beba_netdevs *d, struct beba_netdev_event *out)
{
    int rc = 0;

    for (;;) {
        if (d->at_queue < d->n_queue) {
            *out = d->queue[d->at_queue++];
            return 1;
        }
        while (d->at < d->len && !rc)
            rc = look(d, out);
        if (rc)
            return rc;
        rc = receive(d);
        if (rc != 1)
            return rc;
        rc = 0;
    }
}

bool beba_netdevs_find(const struct beba_netdevs *d, const char *name, struct beba_netdev *out)
{
    for (unsigned i = 0; i < d->all.n; i++) {
        if (!strcmp(d->all.dev[i].name, name)) {
            *out = d->all.dev[i];
            return true;
        }
    }
    return false;
}

bool beba_netdevs_at(const struct beba_netdevs *d, int ifindex, struct beba_netdev *out)
{
    const struct beba_netdev *dev = find(&d->all, ifindex);

    if (dev)
        *out = *dev;
    return dev;
}

bool beba_netdevs_each(const struct beba_netdevs *d, unsigned *cursor, struct beba_netdev *out)
{
    if (*cursor >= d->all.n)
        return false;
    *out = d->all.dev[(*cursor)++];
    return true;
}

int beba_netdevs_stats(struct beba_netdevs *d, int ifindex, struct beba_netdev_stats *out)
{
    struct nlmsghdr *h = NULL;
    uint32_t left = 0;
    int rc;

    *out = (struct beba_netdev_stats){0};
    if (ifindex <= 0)
        return -ENODEV;
    rc = send_request(d, ifindex, 0);
    if (!rc)
        rc = next_answer(d, &left, &h);
    return rc == 1 ? parse_stats(h, out) : rc;
}

int beba_netdevs_link(struct beba_netdevs *d, int ifindex, struct beba_netdev_link *out)
{
    return beba_netdev_link_read(d->ask, ifindex, out);
}

int beba_netdevs_advertise(struct beba_netdevs *d, int ifindex, uint32_t features)
{
    return beba_netdev_link_advertise(d->ask, ifindex, features);
}

int beba_netdevs_set_up(struct beba_netdevs *d, int ifindex, bool up)
{
    struct ifreq req = {.ifr_ifindex = ifindex};

    if (ioctl(d->ask, SIOCGIFNAME, &req) || ioctl(d->ask, SIOCGIFFLAGS, &req))
        return -errno;
    req.ifr_flags = (short)(up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP);
    return ioctl(d->ask, SIOCSIFFLAGS, &req) ? -errno : 0;
}
