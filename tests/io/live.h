/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A network namespace of the test's own, and packet sockets that say exactly what was on the wire.
 */
#ifndef BEBA_IO_LIVE_H
#define BEBA_IO_LIVE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "io/netdev.h"
#include "io/port.h"
#include "packet/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HDR = sizeof(struct virtio_net_hdr), FRAME = 70000 };

static inline void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void run(const char *fmt, ...)
{
    char command[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    assert_true(n < (int)sizeof(command));
    if (system(command))
        fail_msg("failed: %s", command);
}

/* Without IPv6, whose announcements would come between. */
static inline void quiet(void)
{
    FILE *f = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w");

    if (f) {
        fputs("1", f);
        fclose(f);
    }
}

/* The kernel drops what is sent to an interface whose link it has not yet seen come up. */
static inline void wait_up(const char *name)
{
    run("for i in $(seq 200); do ip link show %s | grep -q 'state UP' && exit 0; sleep 0.02; done; "
        "exit 1",
        name);
}

static inline void make_pair(const char *a, const char *b)
{
    run("ip link del %s 2>/dev/null; ip link add %s type veth peer name %s && ip link set %s up && "
        "ip link set %s up",
        a, a, b, a, b);
    wait_up(a);
    wait_up(b);
}

static inline void unmake(const char *a)
{
    run("ip link del %s", a);
}

/* Every message has a struct virtio_net_hdr before it. */
static inline int raw_open(const char *name)
{
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
                            .sll_protocol = htons(ETH_P_ALL),
                            .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, size = 8 << 20;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static inline void raw_send(int fd, const struct virtio_net_hdr *hdr, const void *data, size_t len)
{
    struct virtio_net_hdr none = {0};
    struct iovec iov[] = {{(void *)(uintptr_t)(hdr ? hdr : &none), HDR},
                          {(void *)(uintptr_t)data, len}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

    assert_int_equal(sendmsg(fd, &msg, 0), HDR + len);
}

/* The frame as on the wire, its tag put back; 0 when none comes within ms. */
static inline size_t raw_recv(int fd, struct virtio_net_hdr *hdr, uint8_t *out, int ms)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct virtio_net_hdr h;
    struct iovec iov[] = {{hdr ? hdr : &h, HDR}, {out, FRAME}};
    struct msghdr msg = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct tpacket_auxdata aux;
    ssize_t n;

    if (poll(&p, 1, ms) != 1)
        return 0;
    n = recvmsg(fd, &msg, 0);
    assert_true(n > HDR);
    n -= HDR;
    assert_non_null(CMSG_FIRSTHDR(&msg));
    memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(aux));
    if (aux.tp_status & TP_STATUS_VLAN_VALID) {
        memmove(out + 16, out + 12, (size_t)n - 12);
        beba_store16(out + 12, aux.tp_vlan_tpid);
        beba_store16(out + 14, aux.tp_vlan_tci);
        n += 4;
    }
    return (size_t)n;
}

static inline struct beba_port *port_open_n(const char *description, unsigned queue,
                                            unsigned n_queues)
{
    struct beba_port_opts opts = {
        .number = 3, .queue = queue, .n_queues = n_queues, .clock = CLOCK_MONOTONIC};
    struct beba_error err = {0};
    struct beba_port *port;

    if (beba_port_open(description, &opts, &port, &err))
        fail_msg("%s: %s", err.where, err.what);
    return port;
}

static inline struct beba_port *port_open_in(struct beba_port_group *group, const char *description)
{
    struct beba_port_opts opts = {.number = 3, .clock = CLOCK_MONOTONIC, .group = group};
    struct beba_error err = {0};
    struct beba_port *port;

    if (beba_port_open(description, &opts, &port, &err))
        fail_msg("%s: %s", err.where, err.what);
    return port;
}

static inline struct beba_port *port_open(const char *description)
{
    return port_open_n(description, 0, 1);
}

static inline unsigned port_recv(struct beba_port *port, struct beba_packet *p, unsigned max,
                                 int ms)
{
    struct pollfd fd = {.fd = beba_port_fd(port), .events = POLLIN};

    beba_port_release(port);
    if (poll(&fd, 1, ms) != 1)
        return 0;
    return beba_port_recv(port, p, max);
}

static inline uint64_t lost(struct beba_port *port, enum beba_port_loss why)
{
    struct beba_port_counters c;

    beba_port_counters(port, &c);
    return c.loss[why];
}

/* A frame of len bytes behind an Ethernet header, for nobody's IP stack. */
static inline void fill_frame(uint8_t *frame, size_t len)
{
    static const uint8_t head[14] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5};

    for (size_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(i * 13 + i / 251);
    memcpy(frame, head, sizeof(head));
}

static inline int main_in_namespace(int (*tests)(void))
{
    if (geteuid() || unshare(CLONE_NEWNET)) {
        printf("SKIPPED: network namespaces need root\n");
        return 77;
    }
    if (system("ip -V >/dev/null 2>&1")) {
        printf("SKIPPED: no ip command (iproute2)\n");
        return 77;
    }
    quiet();
    run("ip link set lo up");
    return tests();
}

#endif
