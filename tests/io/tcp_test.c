/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Hosts with all their offloads on, in namespaces of their own, talk through two ports. */
#include "io/live.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum { BYTES = 48 << 20, CHUNK = 1 << 16, SERVICE = 7777 };

/* What the forwarder tells. */
static struct shared {
    uint64_t trains, packets;
    uint64_t loss[2][BEBA_PORT_N_LOSSES];
    volatile bool stop;
} * shared;

static void forward(const char *a, const char *b)
{
    static struct beba_packet packet[BEBA_PORT_BATCH];
    struct beba_port_group *group;
    struct beba_port *port[2];

    if (beba_port_group_new(&group))
        _exit(1);
    port[0] = port_open_in(group, a);
    port[1] = port_open_in(group, b);

    while (!shared->stop) {
        struct pollfd fd[2] = {{.fd = beba_port_fd(port[0]), .events = POLLIN},
                               {.fd = beba_port_fd(port[1]), .events = POLLIN}};

        poll(fd, 2, 100);
        for (unsigned i = 0; i < 2; i++) {
            unsigned n;

            while ((n = beba_port_recv(port[i], packet, BEBA_PORT_BATCH))) {
                for (unsigned k = 0; k < n; k++) {
                    shared->trains += packet[k].segment > 0;
                    beba_port_pass(port[!i], 0, &packet[k]);
                }
                shared->packets += n;
                beba_port_flush(port[!i]);
            }
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < BEBA_PORT_N_LOSSES; k++)
            shared->loss[i][k] = lost(port[i], k);
        beba_port_close(port[i], NULL);
    }
    beba_port_group_free(group);
    _exit(0);
}

/* A process with a network namespace of its own, which waits to be killed. */
static pid_t host(void)
{
    int ready[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void give_host(pid_t pid, const char *name, unsigned number)
{
    run("ip link del %s 2>/dev/null; ip link add %s type veth peer name e0 netns %d && "
        "ip link set %s up",
        name, name, pid, name);
    run("nsenter -t %d -n sh -c 'ip addr add 10.77.0.%u/24 dev e0 && "
        "ip addr add fd77::%u/64 dev e0 nodad && ip link set e0 up'",
        pid, number, number);
}

static pid_t start_forwarder(const char *a, const char *b)
{
    pid_t pid;

    memset(shared, 0, sizeof(*shared));
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        forward(a, b);
    }
    usleep(300000);
    return pid;
}

/* Returns when the forwarder has told its counters, none of which may speak of mangled packets. */
static void stop_forwarder(pid_t pid)
{
    int status;

    shared->stop = true;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < BEBA_PORT_N_LOSSES; k++) {
            if (k != BEBA_PORT_RX_FULL && k != BEBA_PORT_TX_FULL && k != BEBA_PORT_TX_DOWN)
                assert_int_equal(shared->loss[i][k], 0);
        }
    }
}

static struct sockaddr_in6 address(bool ip6, unsigned number)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(SERVICE)};
    char text[64];

    snprintf(text, sizeof(text), ip6 ? "fd77::%u" : "::ffff:10.77.0.%u", number);
    inet_pton(AF_INET6, text, &a.sin6_addr);
    return a;
}

static void enter(pid_t pid)
{
    char name[64];
    FILE *f;

    snprintf(name, sizeof(name), "/proc/%d/ns/net", pid);
    f = fopen(name, "r");
    if (!f || setns(fileno(f), CLONE_NEWNET))
        _exit(10);
    fclose(f);
}

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 31 + i / 4093);
}

static void serve(bool tcp, int ready)
{
    static uint8_t chunk[CHUNK];
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(SERVICE)};
    struct timeval patience = {.tv_sec = 20};
    int s = socket(AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), on = 1;
    uint64_t at = 0;
    ssize_t n;

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(s, (struct sockaddr *)&any, sizeof(any)) || (tcp && listen(s, 1)))
        _exit(11);
    if (write(ready, "", 1) != 1)
        _exit(12);
    if (tcp)
        s = accept(s, NULL, NULL);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!tcp)
        _exit(recv(s, chunk, sizeof(chunk), 0) == 1000 && chunk[999] == byte_at(999) ? 0 : 13);
    while ((n = recv(s, chunk, sizeof(chunk), 0)) > 0) {
        for (ssize_t i = 0; i < n; i++, at++) {
            if (chunk[i] != byte_at(at))
                _exit(14);
        }
    }
    _exit(at == BYTES ? 0 : 15);
}

static void send_all(bool tcp, const struct sockaddr_in6 *to)
{
    static uint8_t chunk[CHUNK];
    struct timeval patience = {.tv_sec = 20};
    int s = socket(AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(s, (const struct sockaddr *)to, sizeof(*to)))
        _exit(20);
    for (uint64_t at = 0; at < (tcp ? BYTES : CHUNK); at += CHUNK) {
        for (uint32_t i = 0; i < CHUNK; i++)
            chunk[i] = byte_at(at + i);
        for (size_t done = 0; done < (tcp ? CHUNK : 1000);) {
            ssize_t n = send(s, chunk + done, (tcp ? CHUNK : 1000) - done, 0);

            if (n <= 0)
                _exit(21);
            done += (size_t)n;
        }
    }
    _exit(0);
}

/* From the namespace of one process to that of another (0: this one), where number lives. */
static void transfer(pid_t from, pid_t to, bool tcp, bool ip6, unsigned number)
{
    struct sockaddr_in6 a = address(ip6, number);
    struct timespec begun, done;
    double seconds;
    int ready[2], status;
    pid_t server, client;
    char c;

    assert_int_equal(pipe(ready), 0);
    server = fork();
    if (!server) {
        if (to)
            enter(to);
        serve(tcp, ready[1]);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    client = fork();
    if (!client) {
        if (from)
            enter(from);
        send_all(tcp, &a);
    }
    waitpid(client, &status, 0);
    assert_int_equal(status, 0);
    waitpid(server, &status, 0);
    assert_int_equal(status, 0);
    clock_gettime(CLOCK_MONOTONIC, &done);
    seconds = (double)(done.tv_sec - begun.tv_sec) + 1e-9 * (double)(done.tv_nsec - begun.tv_nsec);
    if (tcp)
        printf("    %s: %.2f Gbit/s, content checked\n", ip6 ? "IPv6" : "IPv4",
               8e-9 * BYTES / seconds);
}

static void between_namespaces(void **state)
{
    pid_t a = host(), b = host(), f;

    (void)state;
    give_host(a, "w1", 1);
    give_host(b, "w2", 2);
    f = start_forwarder("w1", "w2");
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        transfer(a, b, true, ip6, 2);
        transfer(b, a, true, ip6, 1);
        transfer(a, b, false, ip6, 2);
    }
    stop_forwarder(f);
    assert_true(shared->trains > 100);
    end(a);
    end(b);
}

/* A switch's own port: the system on the TAP's other side. */
static void between_a_namespace_and_a_tap(void **state)
{
    pid_t a = host(), f;

    (void)state;
    if (access("/dev/net/tun", R_OK | W_OK)) {
        printf("SKIPPED: no /dev/net/tun\n");
        end(a);
        return;
    }
    give_host(a, "w1", 1);
    f = start_forwarder("w1", "tap:t0");
    run("ip addr add 10.77.0.9/24 dev t0 && echo 0 >/proc/sys/net/ipv6/conf/t0/disable_ipv6 && "
        "ip addr add fd77::9/64 dev t0 nodad");
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        transfer(a, 0, true, ip6, 9);
        transfer(0, a, true, ip6, 1);
        transfer(0, a, false, ip6, 1);
    }
    stop_forwarder(f);
    assert_true(shared->trains > 100);
    end(a);
}

/* The hosts' own tunnel: their trains are inside of it. */
static void tunnel(const char *w1, const char *w2, bool trains)
{
    pid_t a = host(), b = host(), f;
    pid_t pid[2] = {a, b};

    give_host(a, "w1", 1);
    give_host(b, "w2", 2);
    for (unsigned i = 0; i < 2; i++) {
        char command[512];

        snprintf(command, sizeof(command),
                 "nsenter -t %d -n sh -c 'ip addr flush dev e0 && ip addr add 10.78.0.%u/24 dev e0 "
                 "&& ip link add vx0 type vxlan id 5 remote 10.78.0.%u dstport 4789 dev e0 && "
                 "ip addr add 10.77.0.%u/24 dev vx0 && ip link set vx0 up' 2>/dev/null",
                 pid[i], i + 1, 2 - i, i + 1);
        if (system(command)) {
            printf("SKIPPED: no VXLAN here\n");
            goto out;
        }
    }
    f = start_forwarder(w1, w2);
    transfer(a, b, true, false, 2);
    transfer(b, a, true, false, 1);
    stop_forwarder(f);
    assert_true(!trains || shared->trains > 100);
out:
    end(a);
    end(b);
}

static void through_a_tunnel(void **state)
{
    (void)state;
    tunnel("w1", "w2", true);
#ifdef BEBA_XDP_PORTS
    tunnel("xdp:w1", "xdp:w2", false);
#endif
}

#ifdef BEBA_XDP_PORTS
/* AF_XDP ports, which see checksums that were left unfinished and no trains, among themselves and
 * with one of another driver. */
static void through_xdp_ports(void **state)
{
    static const char *const with[] = {"xdp:w2", "w2"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        pid_t a = host(), b = host(), f;

        give_host(a, "w1", 1);
        give_host(b, "w2", 2);
        f = start_forwarder("xdp:w1", with[i]);
        for (unsigned ip6 = 0; ip6 < 2; ip6++) {
            transfer(a, b, true, ip6, 2);
            transfer(b, a, true, ip6, 1);
            transfer(a, b, false, ip6, 2);
        }
        stop_forwarder(f);
        assert_true(shared->packets > 1000);
        end(a);
        end(b);
    }
}
#endif

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(between_namespaces),
        cmocka_unit_test(between_a_namespace_and_a_tap),
        cmocka_unit_test(through_a_tunnel),
#ifdef BEBA_XDP_PORTS
        cmocka_unit_test(through_xdp_ports),
#endif
    };

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
