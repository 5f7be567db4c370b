/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets through two live ports: received on one veth pair, sent by another, nothing in between.
 *
 *     port_bench [--quick] [--json FILE]
 *
 * Forwarders, each a process on one CPU between veth pairs of its own:
 *   beba      beba_port_recv and beba_port_pass (io/port.h) on packet sockets
 *   recvmmsg  a bare loop of recvmmsg and sendmmsg on packet sockets
 *   ovs       Open vSwitch's user-space datapath (netdev), where it is installed
 *   xdp       beba on AF_XDP ports
 *   xdp_bare  a bare loop on libxdp's rings, packets moved from one to the other
 * Everything is in two network namespaces of its own: the forwarders' and that of the generator,
 * which sends as fast as it can from another CPU. Packets are counted where they arrive; rounds
 * alternate between the forwarders, figures are medians. "CPU ns" is what a packet costs the
 * forwarder's process, "delay" from sent to received when one packet is under way. Needs root. */
#include "base/error.h"
#include "io/netdev.h"
#include "io/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef BEBA_XDP_PORTS
#include <xdp/libxdp.h>
#include <xdp/xsk.h>
#endif

enum { BEBA, BARE, OVS, XDP, XDP_BARE, FORWARDERS };
enum { ROUNDS_MAX = 9, BATCH = 64, PINGS = 400, FRAME_MAX = 1514 };

struct forwarder {
    const char *name;
    pid_t pid; /* 0: not there */
    double mpps[ROUNDS_MAX], cpu[ROUNDS_MAX], delay[ROUNDS_MAX], late[ROUNDS_MAX];
};

/* What the generator is asked, and what it answers. */
struct order {
    int forwarder;
    uint32_t size, ms; /* ms 0: the delay of single packets */
};
struct answer {
    uint64_t arrived;
    double seconds, delay, late; /* us: of half and of 99 % of the packets */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "port_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((unsigned)(cpu % (int)sysconf(_SC_NPROCESSORS_ONLN)), &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    return n < (int)sizeof(command) ? system(command) /* NOLINT(cert-env33-c) */ : -1;
}

static int packet_socket(const char *name, int protocol)
{
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
                            .sll_protocol = htons((uint16_t)protocol),
                            .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        die("packet socket");
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
        die(name);
    return fd;
}

/* --- forwarders ----------------------------------------------------------------------------- */

static void forward_beba(const char *in, const char *out)
{
    static struct beba_packet packet[BATCH];
    struct beba_port_opts opts = {.clock = CLOCK_MONOTONIC};
    struct beba_port *from, *to;
    struct beba_error err = {0};

    if (beba_port_group_new(&opts.group))
        _exit(1);
    if (beba_port_open(in, &opts, &from, &err) || beba_port_open(out, &opts, &to, &err)) {
        fprintf(stderr, "port_bench: %s: %s\n", err.where, err.what);
        _exit(1);
    }
    for (;;) {
        struct pollfd fd = {.fd = beba_port_fd(from), .events = POLLIN};
        unsigned n;

        while ((n = beba_port_recv(from, packet, BATCH))) {
            for (unsigned i = 0; i < n; i++)
                beba_port_pass(to, 0, &packet[i]);
            beba_port_flush(to);
        }
        poll(&fd, 1, -1);
    }
}

static void forward_bare(const char *in, const char *out)
{
    static uint8_t buffer[BATCH][2048];
    static struct mmsghdr msg[BATCH];
    static struct iovec iov[BATCH];
    int from = packet_socket(in, ETH_P_ALL), to = packet_socket(out, 0);

    for (;;) {
        struct pollfd fd = {.fd = from, .events = POLLIN};
        int n;

        for (unsigned i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){buffer[i], sizeof(buffer[i])};
            msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
        }
        n = recvmmsg(from, msg, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            poll(&fd, 1, -1);
            continue;
        }
        for (int i = 0; i < n; i++)
            iov[i].iov_len = msg[i].msg_len;
        for (int at = 0, sent; at<n; at += sent> 0 ? sent : 1)
            sent = sendmmsg(to, msg + at, (unsigned)(n - at), MSG_DONTWAIT);
    }
}

#ifdef BEBA_XDP_PORTS
static void forward_xdp(const char *in, const char *out)
{
    char from[32], to[32];

    snprintf(from, sizeof(from), "xdp:%s", in);
    snprintf(to, sizeof(to), "xdp:%s", out);
    forward_beba(from, to);
}

enum { RING = 1024, FRAMES = 4 * RING, FRAME_SIZE = 2048 };

static int silent(enum libxdp_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

static int silent_bpf(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

/* From in's ring to out's, one memory for both, as libxdp's examples do it. */
static void forward_xdp_bare(const char *in, const char *out)
{
    static struct xsk_ring_prod fill[2], tx[2];
    static struct xsk_ring_cons rx[2], done[2];
    struct xsk_umem_config memory = {
        .fill_size = RING, .comp_size = RING, .frame_size = FRAME_SIZE};
    struct xsk_socket_config config = {
        .rx_size = RING, .tx_size = RING, .bind_flags = XDP_USE_NEED_WAKEUP};
    struct xsk_socket *from, *to;
    struct xsk_umem *umem;
    void *area = aligned_alloc(4096, (size_t)FRAMES * FRAME_SIZE);
    uint32_t at = 0, to_at = 0, n;

    libxdp_set_print(silent);
    libbpf_set_print(silent_bpf);
    if (!area ||
        xsk_umem__create(&umem, area, (size_t)FRAMES * FRAME_SIZE, &fill[0], &done[0], &memory) ||
        xsk_socket__create(&from, in, 0, umem, &rx[0], &tx[0], &config) ||
        xsk_socket__create_shared(&to, out, 0, umem, &rx[1], &tx[1], &fill[1], &done[1], &config))
        _exit(1);
    xsk_ring_prod__reserve(&fill[0], RING, &at);
    for (uint32_t i = 0; i < RING; i++)
        *xsk_ring_prod__fill_addr(&fill[0], at + i) = (uint64_t)i * FRAME_SIZE;
    xsk_ring_prod__submit(&fill[0], RING);
    for (;;) {
        struct pollfd fd = {.fd = xsk_socket__fd(from), .events = POLLIN};

        n = xsk_ring_cons__peek(&rx[0], BATCH, &at);
        if (!n)
            poll(&fd, 1, -1);
        if (n && xsk_ring_prod__reserve(&tx[1], n, &to_at)) {
            for (uint32_t i = 0; i < n; i++)
                *xsk_ring_prod__tx_desc(&tx[1], to_at + i) =
                    *xsk_ring_cons__rx_desc(&rx[0], at + i);
            xsk_ring_prod__submit(&tx[1], n);
            xsk_ring_cons__release(&rx[0], n);
        } else {
            xsk_ring_cons__cancel(&rx[0], n);
        }
        while (xsk_ring_prod__needs_wakeup(&tx[1]) &&
               __atomic_load_n(tx[1].consumer, __ATOMIC_ACQUIRE) != *tx[1].producer &&
               sendto(xsk_socket__fd(to), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == EAGAIN)
            ;
        n = xsk_ring_cons__peek(&done[1], RING, &at);
        if (n && xsk_ring_prod__reserve(&fill[0], n, &to_at)) {
            for (uint32_t i = 0; i < n; i++)
                *xsk_ring_prod__fill_addr(&fill[0], to_at + i) =
                    *xsk_ring_cons__comp_addr(&done[1], at + i) & ~(uint64_t)(FRAME_SIZE - 1);
            xsk_ring_prod__submit(&fill[0], n);
            xsk_ring_cons__release(&done[1], n);
        } else {
            xsk_ring_cons__cancel(&done[1], n);
        }
    }
}
#endif

static pid_t start(void (*forward)(const char *in, const char *out), int i)
{
    pid_t pid = fork();
    char in[16], out[16];

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(1);
    snprintf(in, sizeof(in), "in%d", i);
    snprintf(out, sizeof(out), "out%d", i);
    forward(in, out);
    _exit(0);
}

/* A program that ends with this one. */
static pid_t spawn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static pid_t spawn(const char *fmt, ...)
{
    char command[1024] = "exec ";
    va_list ap;
    pid_t pid;

    va_start(ap, fmt);
    vsnprintf(command + 5, sizeof(command) - 5, fmt, ap);
    va_end(ap);
    pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void stop(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* Open vSwitch with all its files in dir, between in2 and out2. */
static void start_ovs(const char *dir, pid_t *db, pid_t *daemon)
{
    const char *schema = "/usr/share/openvswitch/vswitch.ovsschema";

    if (access(schema, R_OK) || run("command -v ovs-vswitchd >/dev/null 2>&1"))
        return;
    setenv("OVS_RUNDIR", dir, 1);
    setenv("OVS_LOGDIR", dir, 1);
    setenv("OVS_DBDIR", dir, 1);
    if (run("ovsdb-tool create %s/conf.db %s", dir, schema))
        return;
    *db = spawn("ovsdb-server %s/conf.db --remote=punix:%s/db.sock --pidfile=%s/ovsdb.pid "
                "2>%s/ovsdb.log",
                dir, dir, dir, dir);
    *daemon = spawn("taskset -c %d ovs-vswitchd unix:%s/db.sock --pidfile=%s/ovs.pid 2>%s/ovs.log",
                    sysconf(_SC_NPROCESSORS_ONLN) > 1, dir, dir, dir);
    for (int i = 0; i < 50 && run("test -S %s/db.sock", dir); i++)
        usleep(100000);
    if (run("ovs-vsctl --db=unix:%s/db.sock --timeout=10 add-br br0 -- set bridge br0 "
            "datapath_type=netdev fail_mode=secure -- add-port br0 in2 -- set interface in2 "
            "ofport_request=1 -- add-port br0 out2 -- set interface out2 ofport_request=2 && "
            "ovs-ofctl add-flow %s/br0.mgmt in_port=1,actions=output:2",
            dir, dir)) {
        stop(*daemon);
        *daemon = 0;
    }
}

/* --- the generator -------------------------------------------------------------------------- */

static uint64_t arrived(int i)
{
    struct beba_netdev_stats stats = {0};
    struct beba_netdevs *devs;
    struct beba_netdev dev;
    char name[16];

    snprintf(name, sizeof(name), "sink%d", i);
    if (beba_netdevs_open(&devs, NULL) || !beba_netdevs_find(devs, name, &dev) ||
        beba_netdevs_stats(devs, dev.ifindex, &stats))
        die(name);
    beba_netdevs_close(devs);
    return stats.rx_packets;
}

static const uint8_t frame[FRAME_MAX] = {2,    0, 0,  0,  0, 9, 2, 0, 0,  0,  0, 8, 8,  0,
                                         0x45, 0, 0,  46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0,
                                         0,    1, 10, 0,  0, 2, 0, 1, 0,  2,  0, 26};

static void generate(int fd, const struct order *o, struct answer *a)
{
    struct iovec iov = {(void *)(uintptr_t)frame, o->size};
    struct mmsghdr msg[BATCH] = {0};
    uint64_t before = arrived(o->forwarder);
    double begin = now(CLOCK_MONOTONIC), end = begin + 1e-3 * o->ms;

    for (int i = 0; i < BATCH; i++)
        msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
    while (now(CLOCK_MONOTONIC) < end)
        sendmmsg(fd, msg, BATCH, 0);
    a->seconds = now(CLOCK_MONOTONIC) - begin;
    a->arrived = arrived(o->forwarder) - before;
    usleep(20000);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void ping(int fd, const struct order *o, struct answer *a)
{
    static double us[PINGS];
    char name[16];
    uint8_t buffer[2048];
    unsigned n = 0;
    int sink;

    snprintf(name, sizeof(name), "sink%d", o->forwarder);
    sink = packet_socket(name, ETH_P_ALL);
    for (unsigned i = 0; i < PINGS; i++) {
        double begin = now(CLOCK_MONOTONIC), end = begin;

        if (send(fd, frame, o->size, 0) < 0)
            continue;
        while (recv(sink, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && end < begin + 0.1)
            end = now(CLOCK_MONOTONIC);
        us[n++] = 1e6 * (now(CLOCK_MONOTONIC) - begin);
        usleep(200);
    }
    close(sink);
    qsort(us, n, sizeof(*us), compare);
    a->delay = n ? us[n / 2] : 0;
    a->late = n ? us[n - 1 - n / 100] : 0;
}

static void generator(int socket)
{
    struct order o;

    pin(0);
    while (read(socket, &o, sizeof(o)) == sizeof(o)) {
        struct answer a = {0};
        char name[16];
        int fd, on = 1;

        snprintf(name, sizeof(name), "gen%d", o.forwarder);
        fd = packet_socket(name, 0);
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
        if (o.ms)
            generate(fd, &o, &a);
        else
            ping(fd, &o, &a);
        close(fd);
        if (write(socket, &a, sizeof(a)) != sizeof(a))
            break;
    }
    _exit(0);
}

static struct answer ask(int socket, struct order o)
{
    struct answer a;

    if (write(socket, &o, sizeof(o)) != sizeof(o) || read(socket, &a, sizeof(a)) != sizeof(a))
        die("the generator has ended");
    return a;
}

/* --- all together --------------------------------------------------------------------------- */

/* The generator in a namespace of its own, with this one's interfaces tied to its. */
static int start_generator(void)
{
    int pair[2];
    char ready;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        die("socketpair");
    pid = fork();
    if (pid < 0)
        die("fork");
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        if (unshare(CLONE_NEWNET) || write(pair[1], "", 1) != 1 || read(pair[1], &ready, 1) != 1)
            _exit(1);
        for (int i = 0; i < FORWARDERS; i++)
            run("ip link set gen%d up; ip link set sink%d up", i, i);
        if (write(pair[1], "", 1) != 1)
            _exit(1);
        generator(pair[1]);
    }
    close(pair[1]);
    if (read(pair[0], &ready, 1) != 1)
        die("a network namespace");
    for (int i = 0; i < FORWARDERS; i++) {
        if (run("ip link add in%d type veth peer name gen%d netns %d && "
                "ip link add out%d type veth peer name sink%d netns %d && "
                "ip link set in%d up && ip link set out%d up",
                i, i, pid, i, i, pid, i, i))
            die("veth pairs");
    }
    if (write(pair[0], "", 1) != 1 || read(pair[0], &ready, 1) != 1)
        die("the generator");
    return pair[0];
}

static void measure(int socket, struct forwarder *f, int i, uint32_t size, uint32_t ms,
                    unsigned round)
{
    clockid_t clock;
    struct answer a;
    double cpu;

    if (clock_getcpuclockid(f->pid, &clock))
        die(f->name);
    cpu = now(clock);
    a = ask(socket, (struct order){i, size, ms});
    cpu = now(clock) - cpu;
    f->mpps[round] = 1e-6 * (double)a.arrived / a.seconds;
    f->cpu[round] = a.arrived ? 1e9 * cpu / (double)a.arrived : 0;
    a = ask(socket, (struct order){i, size, 0});
    f->delay[round] = a.delay;
    f->late[round] = a.late;
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(*v), compare);
    return v[n / 2];
}

static void report(struct forwarder *all, uint32_t size, unsigned rounds, FILE *json,
                   unsigned *records)
{
    static const int reference[FORWARDERS] = {[BEBA] = OVS, [XDP] = XDP_BARE};

    for (int i = 0; i < FORWARDERS; i++) {
        struct forwarder *f = &all[i];
        double mpps, delay, late, other = 0;

        if (!f->pid)
            continue;
        mpps = median(f->mpps, rounds);
        delay = median(f->delay, rounds);
        late = median(f->late, rounds);
        if (reference[i] && all[reference[i]].pid)
            other = median(all[reference[i]].mpps, rounds);
        printf("%5u  %-9s %8.3f %8.0f %9.0f %9.0f", size, f->name, mpps, median(f->cpu, rounds),
               delay, late);
        if (other > 0)
            printf("  %.2f of %s", mpps / other, all[reference[i]].name);
        putchar('\n');
        if (!json)
            continue;
        fprintf(json,
                "%s\n  {\"name\": \"port_forward_%u\", \"target\": \"%s\", \"flows\": null, "
                "\"skew\": null, \"cores\": 1, \"mpps\": %.4f, \"ns_per_packet\": %.0f, ",
                (*records)++ ? "," : "", size, f->name, mpps, 1e3 / mpps);
        if (other > 0)
            fprintf(json, "\"reference\": %.4f, \"ratio\": %.3f%s}", other, other / mpps,
                    i == BEBA ? ", \"bar\": {\"field\": \"ratio\", \"max\": 1.0}" : "");
        else
            fputs("\"reference\": null, \"ratio\": null}", json);
        fprintf(json,
                ",\n  {\"name\": \"port_delay_%u\", \"target\": \"%s\", \"value\": %.1f, "
                "\"p99\": %.1f, \"unit\": \"us\"}",
                size, f->name, delay, late);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {60, FRAME_MAX};
    static struct forwarder all[FORWARDERS] = {[BEBA] = {.name = "beba"},
                                               [BARE] = {.name = "recvmmsg"},
                                               [OVS] = {.name = "ovs"},
                                               [XDP] = {.name = "xdp"},
                                               [XDP_BARE] = {.name = "xdp_bare"}};
    char dir[] = "/tmp/beba-port-bench-XXXXXX";
    unsigned rounds = 5, records = 0;
    uint32_t ms = 1000;
    FILE *json = NULL;
    pid_t db = 0;
    int socket;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            ms = 300;
            rounds = 3;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (!json)
                die(argv[i]);
        }
    }
    if (json)
        fputc('[', json);
    if (geteuid() || unshare(CLONE_NEWNET)) {
        printf("port_bench: SKIPPED: network namespaces need root\n");
        goto out;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    socket = start_generator();
    all[BEBA].pid = start(forward_beba, BEBA);
    all[BARE].pid = start(forward_bare, BARE);
#ifdef BEBA_XDP_PORTS
    all[XDP].pid = start(forward_xdp, XDP);
    all[XDP_BARE].pid = start(forward_xdp_bare, XDP_BARE);
#endif
    if (!mkdtemp(dir))
        die(dir);
    start_ovs(dir, &db, &all[OVS].pid);
    if (!all[OVS].pid)
        printf("port_bench: without Open vSwitch, which is not here or does not start\n");
    printf("bytes  forwarder     Mpps   CPU ns  p50 us    p99 us\n");
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        for (unsigned r = 0; r < rounds; r++)
            for (int k = 0; k < FORWARDERS; k++) {
                int i = (int)(r + (unsigned)k) % FORWARDERS;

                if (all[i].pid)
                    measure(socket, &all[i], i, sizes[s], ms, r);
            }
        report(all, sizes[s], rounds, json, &records);
    }
    for (int i = 0; i < FORWARDERS; i++)
        stop(all[i].pid);
    stop(db);
    run("rm -rf %s", dir);
    close(socket);
out:
    if (json) {
        fputs("\n]\n", json);
        if (fclose(json))
            die("json");
    }
    return 0;
}
