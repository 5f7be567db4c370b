/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The classes of an interface's queueing discipline, by rtnetlink. */
#include "io/netdev.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER = 32 << 10, ANSWER_SECONDS = 5, MAJOR = 1 };

struct answer {
    struct beba_netdev_queue *out;
    unsigned n, most;
    bool end;
    int failed;
};

static int ask(int fd, int ifindex)
{
    struct {
        struct nlmsghdr h;
        struct tcmsg t;
    } q = {.h = {.nlmsg_len = sizeof(q),
                 .nlmsg_type = RTM_GETTCLASS,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = 1},
           .t = {.tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    return sendto(fd, &q, sizeof(q), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -errno
                                                                                        : 0;
}

static void take(void *out, size_t size, const struct rtattr *a)
{
    size_t n = RTA_PAYLOAD(a);

    memcpy(out, RTA_DATA(a), n < size ? n : size);
}

static void read_stats(const struct rtattr *in, struct beba_netdev_queue *q)
{
    struct gnet_stats_basic basic = {0};
    struct gnet_stats_queue queue = {0};
    uint64_t packets = 0;
    uint32_t left = (uint32_t)RTA_PAYLOAD(in);

    for (const struct rtattr *a = RTA_DATA(in); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == TCA_STATS_BASIC)
            take(&basic, sizeof(basic), a);
        else if (a->rta_type == TCA_STATS_PKT64)
            take(&packets, sizeof(packets), a);
        else if (a->rta_type == TCA_STATS_QUEUE)
            take(&queue, sizeof(queue), a);
    }
    q->tx_bytes = basic.bytes;
    q->tx_packets = packets ? packets : basic.packets;
    q->tx_dropped = queue.drops;
}

static void read_htb(const struct rtattr *in, struct beba_netdev_queue *q)
{
    struct tc_htb_opt opt = {0};
    uint64_t rate = 0, ceil = 0;
    uint32_t left = (uint32_t)RTA_PAYLOAD(in);

    for (const struct rtattr *a = RTA_DATA(in); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == TCA_HTB_PARMS)
            take(&opt, sizeof(opt), a);
        else if (a->rta_type == TCA_HTB_RATE64)
            take(&rate, sizeof(rate), a);
        else if (a->rta_type == TCA_HTB_CEIL64)
            take(&ceil, sizeof(ceil), a);
    }
    q->min_rate = rate ? rate : opt.rate.rate;
    q->max_rate = ceil ? ceil : opt.ceil.rate;
}

static void read_class(const struct nlmsghdr *h, struct answer *to)
{
    const struct tcmsg *t = NLMSG_DATA(h);
    const struct rtattr *options = NULL;
    struct beba_netdev_queue q = {0};
    char kind[16] = "";
    uint32_t left;
    unsigned at = to->n;

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*t)) || t->tcm_handle >> 16 != MAJOR ||
        (t->tcm_handle & 0xffff) < 2 || to->n == to->most)
        return;
    q.queue = (t->tcm_handle & 0xffff) - 1;
    left = h->nlmsg_len - (uint32_t)NLMSG_LENGTH(sizeof(*t));
    for (const struct rtattr *a = TCA_RTA(t); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == TCA_KIND)
            take(kind, sizeof(kind) - 1, a);
        else if (a->rta_type == TCA_OPTIONS)
            options = a;
        else if ((a->rta_type & NLA_TYPE_MASK) == TCA_STATS2)
            read_stats(a, &q);
    }
    if (options && !strcmp(kind, "htb"))
        read_htb(options, &q);
    while (at && to->out[at - 1].queue > q.queue) {
        to->out[at] = to->out[at - 1];
        at--;
    }
    to->out[at] = q;
    to->n++;
}

static void read_answer(const uint8_t *bytes, uint32_t len, struct answer *to)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)bytes;

    for (; NLMSG_OK(h, len) && !to->end; h = NLMSG_NEXT(h, len)) {
        if (h->nlmsg_type == NLMSG_ERROR)
            to->failed = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
        to->end = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
        if (h->nlmsg_type == RTM_NEWTCLASS)
            read_class(h, to);
    }
}

int beba_netdev_queues(int ifindex, struct beba_netdev_queue *out, unsigned most)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct answer to = {out, 0, most, false, 0};
    uint8_t *bytes = malloc(ANSWER);
    int r = fd < 0 ? -errno : !bytes ? -ENOMEM : 0;

    if (!r)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!r)
        r = ask(fd, ifindex);
    while (!r && !to.end) {
        ssize_t n = recv(fd, bytes, ANSWER, 0);

        if (n < 0 && errno != EINTR)
            r = -errno;
        else if (n > 0)
            read_answer(bytes, (uint32_t)n, &to);
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
    return r ? r : to.failed ? to.failed : (int)to.n;
}
