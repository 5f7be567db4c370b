/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ports of DPDK over its virtual devices, without huge pages. DPDK is started once for all tests;
 * those that are about starting it, and the other end of a memif, are processes of their own. */
#include "live.h"

#include "io/capture.h"
#include "io/idle.h"

#include <signal.h>
#include <time.h>

enum { ROUNDS = 20000 };

/* DPDK's net_af_xdp does not free what it has of libxdp. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:xsk_umem__create";
}

static struct beba_packet packet[BEBA_PORT_BATCH];

/* Polls until n packets have come at once, or for a second or two. */
static unsigned poll_port(struct beba_port *port, unsigned n)
{
    struct beba_idle idle = {0};
    unsigned got = 0;

    for (unsigned i = 0; i < ROUNDS && got < n; i++) {
        struct timespec nap = {.tv_nsec = beba_idle_nap(&idle, 100)};

        if (nap.tv_nsec)
            nanosleep(&nap, NULL);
        got = beba_port_recv(port, packet, n);
    }
    return got;
}

static int refuse(const char *description, struct beba_error *err)
{
    struct beba_port_opts opts = {.n_queues = 1};
    struct beba_port *port = NULL;
    int rc = beba_port_open(description, &opts, &port, err);

    assert_int_not_equal(rc, 0);
    assert_null(port);
    assert_string_equal(err->where, description);
    assert_true(*err->hint || *err->what);
    return rc;
}

static struct beba_packet frame_of(uint8_t *buffer, size_t len)
{
    fill_frame(buffer + BEBA_HEADROOM, len);
    return (struct beba_packet){.data = buffer + BEBA_HEADROOM,
                                .len = (uint32_t)len,
                                .wire_len = (uint32_t)len,
                                .headroom = BEBA_HEADROOM,
                                .tailroom = BEBA_TAILROOM};
}

static void null_gives_packets_with_room(void **state)
{
    struct beba_port *port = port_open("dpdk:net_null0,size=60,beba.nap=7");
    struct beba_port_counters c;

    assert_string_equal(beba_port_name(port), "net_null0");
    assert_int_equal(beba_port_fd(port), -1);
    assert_int_equal(beba_port_nap(port), 7);
    assert_int_equal(beba_port_ifindex(port), 0);
    assert_int_equal(beba_port_recv(port, packet, BEBA_PORT_BATCH), BEBA_PORT_BATCH);
    for (unsigned i = 0; i < BEBA_PORT_BATCH; i++) {
        assert_int_equal(packet[i].len, 60);
        assert_int_equal(packet[i].in_port, 3);
        assert_true(packet[i].now);
        assert_true(packet[i].headroom >= BEBA_HEADROOM);
        assert_true(packet[i].tailroom >= BEBA_TAILROOM);
        memset(packet[i].data - BEBA_HEADROOM, 0xa5, BEBA_HEADROOM + 60 + BEBA_TAILROOM);
        beba_port_send(port, 0, &packet[i]);
    }
    beba_port_counters(port, &c);
    assert_int_equal(c.rx_packets, BEBA_PORT_BATCH);
    assert_int_equal(c.rx_bytes, 60 * BEBA_PORT_BATCH);
    assert_int_equal(c.tx_packets, BEBA_PORT_BATCH);
    beba_port_close(port, NULL);
}

/* Far more packets than there are buffers: none is lost on the way. */
static void buffers_come_back(void **state)
{
    struct beba_port *a = port_open("dpdk:net_null0,size=60,beba.rx=64,beba.tx=64");
    struct beba_port *b = port_open("dpdk:net_null1,size=60");
    struct beba_port_counters c;

    for (unsigned i = 0; i < 1000; i++) {
        unsigned n = beba_port_recv(a, packet, BEBA_PORT_BATCH);

        assert_int_equal(n, BEBA_PORT_BATCH);
        for (unsigned k = 0; k < n; k += 2)
            beba_port_pass(b, 0, &packet[k]);
        for (unsigned k = 1; k < n; k += 4)
            beba_port_send(b, 0, &packet[k]);
        beba_port_flush(b);
    }
    beba_port_counters(b, &c);
    assert_int_equal(c.tx_packets, 48000);
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++)
        assert_int_equal(c.loss[i], 0);
    beba_port_close(a, NULL);
    beba_port_close(b, NULL);
}

/*      +--------+
 *   +->|  ring  |--+
 *   |  +--------+  |   what is sent is received */
static void ring_keeps_bytes(void **state)
{
    static uint8_t buffer[BEBA_HEADROOM + 2048], expect[1514];
    struct beba_port *port = port_open("dpdk:net_ring0");
    size_t lens[] = {14, 60, 61, 1513, 1514};

    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        struct beba_packet p = frame_of(buffer, lens[i]);

        beba_port_send(port, 0, &p);
        memset(p.data, 0, lens[i]); /* sent is copied */
    }
    beba_port_flush(port);
    assert_int_equal(poll_port(port, 5), 5);
    for (size_t i = 0; i < 5; i++) {
        fill_frame(expect, lens[i]);
        assert_int_equal(packet[i].len, lens[i]);
        assert_memory_equal(packet[i].data, expect, lens[i]);
    }
    beba_port_close(port, NULL);
}

/* Passed on, a packet goes out in the memory that it came in, as it was edited there. */
static void passing_does_not_copy(void **state)
{
    static uint8_t buffer[BEBA_HEADROOM + 2048];
    struct beba_port *port = port_open("dpdk:net_ring0");
    struct beba_packet p = frame_of(buffer, 100);
    uint8_t *data;

    beba_store16(p.data + 12, 0x8100);
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(poll_port(port, 1), 1);
    beba_packet_parse(&packet[0]);
    assert_int_equal(beba_packet_pop_vlan(&packet[0]), 0);
    data = packet[0].data;
    data[20] = 0x77;
    beba_port_pass(port, 0, &packet[0]);
    beba_port_flush(port);
    assert_int_equal(poll_port(port, 1), 1);
    assert_ptr_equal(packet[0].data, data);
    assert_int_equal(packet[0].len, 96);
    assert_int_equal(data[20], 0x77);
    /* A copy of its description with bytes elsewhere is not what was received. */
    memcpy(buffer + BEBA_HEADROOM, data, 96);
    p = packet[0];
    p.data = buffer + BEBA_HEADROOM;
    beba_port_pass(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(poll_port(port, 1), 1);
    assert_ptr_not_equal(packet[0].data, data);
    assert_memory_equal(packet[0].data, buffer + BEBA_HEADROOM, 96);
    beba_port_close(port, NULL);
}

/* Tags pushed again and again use up the headroom that came with the packet: it gets a new one. */
static void headroom_is_never_short(void **state)
{
    static uint8_t buffer[BEBA_HEADROOM + 2048];
    struct beba_port *port = port_open("dpdk:net_ring0");
    struct beba_packet p = frame_of(buffer, 64);

    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    for (unsigned i = 1; i <= 100; i++) {
        assert_int_equal(poll_port(port, 1), 1);
        assert_true(packet[0].headroom >= BEBA_HEADROOM);
        beba_packet_parse(&packet[0]);
        assert_int_equal(beba_packet_push_vlan(&packet[0], 0x88a8, (uint16_t)i), 0);
        beba_port_pass(port, 0, &packet[0]);
        beba_port_flush(port);
    }
    assert_int_equal(poll_port(port, 1), 1);
    assert_int_equal(packet[0].len, 64 + 400);
    assert_memory_equal(packet[0].data + 12 + 400, p.data + 12, 52);
    beba_port_close(port, NULL);
}

static void what_cannot_be_sent_is_counted(void **state)
{
    static uint8_t buffer[BEBA_HEADROOM + 4096];
    struct beba_port *port = port_open("dpdk:net_ring0");
    struct beba_packet p = frame_of(buffer, 1515);
    struct beba_port_counters c;

    beba_port_send(port, 0, &p);
    assert_int_equal(lost(port, BEBA_PORT_TX_MTU), 1);
    beba_store16(p.data + 12, 0x8100);
    p.len = 1518;
    beba_port_send(port, 0, &p);
    p.len = 1519;
    beba_port_send(port, 0, &p);
    assert_int_equal(lost(port, BEBA_PORT_TX_MTU), 2);
    p.len = 13;
    beba_port_send(port, 0, &p);
    assert_int_equal(lost(port, BEBA_PORT_TX_SHORT), 1);
    p.len = 60;
    for (unsigned i = 0; i < 3000; i++)
        beba_port_send(port, 0, &p);
    beba_port_flush(port);
    beba_port_counters(port, &c);
    assert_true(c.loss[BEBA_PORT_TX_FULL] > 1000);
    assert_int_equal(c.tx_packets + c.loss[BEBA_PORT_TX_FULL], 3001);
    assert_int_equal(c.loss[BEBA_PORT_TX_ERROR], 0);
    beba_port_close(port, NULL);
}

static void trains_are_cut(void **state)
{
    static uint8_t buffer[4096];
    static const uint8_t payload[2500] = {1};
    const struct beba_assign assign[] = {{BEBA_F_IP_SRC, {0, 0xffff0a000001}},
                                         {BEBA_F_TCP_DST, {0, 80}}};
    const struct beba_build b = {assign, 2, 0, payload, sizeof(payload), 0};
    struct beba_port *port = port_open("dpdk:net_ring0");
    struct beba_packet p = {0};

    assert_int_equal(beba_packet_build(&p, buffer, sizeof(buffer), BEBA_HEADROOM, &b, NULL), 0);
    p.segment = 1000;
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(poll_port(port, 3), 3);
    for (unsigned i = 0; i < 3; i++) {
        unsigned present, wrong;

        assert_int_equal(packet[i].len, i < 2 ? 1054 : 554);
        beba_packet_parse(&packet[i]);
        wrong = beba_packet_checksums(&packet[i], &present);
        assert_int_equal(present, 3);
        assert_int_equal(wrong, 0);
    }
    beba_port_close(port, NULL);
}

/*   capture --> net_pcap0 --> beba --> net_pcap0 --> capture */
static void captures_pass_unchanged(void **state)
{
    static const char *const names[] = {"ip4", "ip6", "mpls", "arp"};
    const char *dir = getenv("SOURCE_ROOT");

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char in[512], out[64], description[1024];
        struct beba_reader *reader[2];
        struct beba_packet a, b;
        struct beba_error err;
        struct beba_port *port;
        unsigned n;

        snprintf(in, sizeof(in), "%s/tests/captures/%s.pcap", dir, names[i]);
        snprintf(out, sizeof(out), "/tmp/beba-dpdk-%d.pcap", (int)getpid());
        snprintf(description, sizeof(description),
                 "dpdk:net_pcap0,rx_pcap=%s,tx_pcap=%s,beba.mtu=9000", in, out);
        port = port_open(description);
        while ((n = beba_port_recv(port, packet, BEBA_PORT_BATCH))) {
            for (unsigned k = 0; k < n; k++)
                beba_port_pass(port, 0, &packet[k]);
        }
        beba_port_close(port, NULL);
        assert_int_equal(beba_reader_open(in, &reader[0], &err), 0);
        assert_int_equal(beba_reader_open(out, &reader[1], &err), 0);
        for (n = 0; beba_reader_next(reader[0], &a, &err) == 1; n++) {
            assert_int_equal(beba_reader_next(reader[1], &b, &err), 1);
            assert_int_equal(a.len, b.len);
            assert_memory_equal(a.data, b.data, a.len);
        }
        assert_true(n > 0);
        assert_int_equal(beba_reader_next(reader[1], &b, &err), 0);
        beba_reader_close(reader[0]);
        beba_reader_close(reader[1]);
        unlink(out);
    }
}

/*   raw socket -- v1 ======= v0 -- net_af_packet0 or net_af_xdp0 */
static void through_an_interface(const char *description)
{
    static uint8_t buffer[BEBA_HEADROOM + 2048], got[FRAME], expect[1514];
    size_t lens[] = {60, 61, 1000, 1514};
    struct beba_netdev_link link;
    struct beba_netdev dev;
    struct beba_port *port;
    int fd;

    make_pair("v0", "v1");
    port = port_open(description);
    fd = raw_open("v1");
    assert_true(beba_port_tell(port, &dev, &link));
    assert_true(dev.up && dev.running);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        struct beba_packet p = frame_of(buffer, lens[i]);

        fill_frame(expect, lens[i]);
        raw_send(fd, NULL, expect, lens[i]);
        assert_int_equal(poll_port(port, 1), 1);
        assert_int_equal(packet[0].len, lens[i]);
        assert_memory_equal(packet[0].data, expect, lens[i]);
        beba_port_send(port, 0, &p);
        beba_port_flush(port);
        assert_int_equal(raw_recv(fd, NULL, got, 2000), lens[i]);
        assert_memory_equal(got, expect, lens[i]);
    }
    close(fd);
    beba_port_close(port, NULL);
    unmake("v0");
}

static void af_packet_goes_both_ways(void **state)
{
    through_an_interface("dpdk:net_af_packet0,iface=v0");
}

static void af_xdp_goes_both_ways(void **state)
{
    through_an_interface("dpdk:net_af_xdp0,iface=v0");
}

static void queues_are_opened_one_each(void **state)
{
    struct beba_port_opts opts = {.number = 1, .n_queues = 2};
    struct beba_port *port[2], *other;
    struct beba_error err;

    for (unsigned i = 0; i < 2; i++) {
        opts.queue = i;
        assert_int_equal(beba_port_open("dpdk:net_null0", &opts, &port[i], &err), 0);
        assert_non_null(strstr(beba_port_about(port[i]), "2 queues"));
        assert_int_equal(beba_port_recv(port[i], packet, 8), 8);
    }
    assert_int_equal(beba_port_open("dpdk:net_null0", &opts, &other, &err), -EBUSY);
    assert_int_equal(beba_port_open("dpdk:net_null0,size=99", &opts, &other, &err), -EBUSY);
    beba_port_close(port[0], NULL);
    assert_int_equal(beba_port_recv(port[1], packet, 8), 8);
    beba_port_close(port[1], NULL);
    opts.n_queues = 64;
    assert_int_equal(beba_port_open("dpdk:net_ring0", &opts, &other, &err), -ENOTSUP);
    assert_non_null(strstr(err.what, "queues"));
}

/* The other end: gives back what comes, with the first byte changed, until it is killed. */
static void echo(const char *path)
{
    char description[256];
    struct beba_port *port;

    snprintf(description, sizeof(description),
             "dpdk:net_memif0,role=client,id=0,socket=%s,socket-abstract=no", path);
    /* A client that comes while its server is being started is sent away for good. */
    while (access(path, F_OK))
        usleep(10000);
    sleep(1);
    port = port_open(description);
    for (;;) {
        unsigned n = poll_port(port, 1);

        for (unsigned i = 0; i < n; i++) {
            packet[i].data[0] ^= 0x40;
            beba_port_pass(port, 0, &packet[i]);
        }
        beba_port_flush(port);
    }
}

static char memif_path[64];
static pid_t memif_pid;

/*   beba -- memif server ====== memif client -- beba, another process */
static void memif_joins_processes(void **state)
{
    static uint8_t buffer[BEBA_HEADROOM + 2048], expect[1514];
    char description[256];
    struct beba_port *port;
    unsigned tries = 0;

    snprintf(description, sizeof(description),
             "dpdk:net_memif0,role=server,id=0,socket=%s,socket-abstract=no", memif_path);
    port = port_open(description);
    for (; beba_port_status(port) != BEBA_PORT_READY && tries < 30000; tries++) {
        beba_port_recv(port, packet, 1);
        usleep(1000);
    }
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    for (unsigned len = 60; len <= 1500; len += 96) {
        struct beba_packet p = frame_of(buffer, len);

        fill_frame(expect, len);
        expect[0] ^= 0x40;
        beba_port_send(port, 0, &p);
        beba_port_flush(port);
        assert_int_equal(poll_port(port, 1), 1);
        assert_int_equal(packet[0].len, len);
        assert_memory_equal(packet[0].data, expect, len);
    }
    /* The other end dies: the port is down, and says so of what is sent. */
    kill(memif_pid, SIGKILL);
    waitpid(memif_pid, NULL, 0);
    for (tries = 0; beba_port_status(port) != BEBA_PORT_DOWN && tries < 100000; tries++)
        beba_port_recv(port, packet, 1);
    assert_int_equal(beba_port_status(port), BEBA_PORT_DOWN);
    {
        struct beba_packet p = frame_of(buffer, 60);
        struct beba_netdev_link link;
        struct beba_netdev dev;

        beba_port_send(port, 0, &p);
        beba_port_flush(port);
        assert_int_equal(lost(port, BEBA_PORT_TX_DOWN), 1);
        assert_true(beba_port_tell(port, &dev, &link));
        assert_true(dev.up && !dev.running);
    }
    beba_port_close(port, NULL);
}

static void what_is_not_there_is_refused(void **state)
{
    struct beba_error err;

    assert_int_equal(refuse("dpdk:net_nonsense0", &err), -ENXIO);
    assert_non_null(strstr(err.what, "net_nonsense0"));
    assert_int_equal(refuse("dpdk:0000:7f:1f.7", &err), -ENXIO);
    assert_non_null(strstr(err.hint, "vfio"));
    assert_int_equal(refuse("dpdk:net_pcap0", &err), -ENXIO);
    assert_non_null(strstr(err.what, "No rx or tx queues"));
    assert_int_equal(refuse("dpdk:net_null0,wrong=1", &err), -ENXIO);
    assert_int_equal(refuse("dpdk:net_af_packet0,iface=nowhere", &err), -ENXIO);
    assert_int_equal(refuse("dpdk:", &err), -EINVAL);
    assert_int_equal(refuse("dpdk:net_null0,beba.rx=63", &err), -EINVAL);
    assert_int_equal(refuse("dpdk:net_null0,beba.rx=", &err), -EINVAL);
    assert_int_equal(refuse("dpdk:net_null0,beba.colour=1", &err), -EINVAL);
    assert_non_null(strstr(err.hint, "beba.rx"));
    assert_int_equal(refuse("dpdk:net_null0,beba.rx=16384,beba.tx=16384,beba.mtu=16000", &err),
                     -ENOMEM);
    assert_non_null(strstr(err.hint, "BEBA_DPDK_ARGS"));
    beba_port_close(port_open("dpdk:net_null0"), NULL); /* and nothing is left of them */
}

/* --- before DPDK is started ------------------------------------------------------------------- */

static int in_child(int (*fn)(void))
{
    pid_t pid = fork();
    int status;

    if (!pid)
        _exit(fn());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int refused_twice(void)
{
    struct beba_error err;

    setenv("BEBA_DPDK_ARGS", "--nonsense=1", 1);
    for (unsigned i = 0; i < 2; i++) {
        if (refuse("dpdk:net_null0", &err) != -EINVAL || !strstr(err.what, "DPDK does not start") ||
            !strstr(err.hint, "--nonsense"))
            return 1;
    }
    return 0;
}

static int without_memory(void)
{
    struct beba_error err;

    setenv("BEBA_DPDK_ARGS", "-m 4000000000", 1);
    refuse("dpdk:net_null0", &err);
    return !strstr(err.what, "DPDK does not start");
}

static int without_driver(void)
{
    struct beba_error err;

    setenv("BEBA_DRIVERS", "/nonexistent", 1);
    return refuse("dpdk:net_null0", &err) != -ENOTSUP || !strstr(err.hint, "beba-dpdk");
}

/* Threads and processors of the program are not DPDK's to choose. */
static int affinity_stays(void)
{
    cpu_set_t before, after;

    sched_getaffinity(0, sizeof(before), &before);
    beba_port_close(port_open("dpdk:net_null0"), NULL);
    sched_getaffinity(0, sizeof(after), &after);
    return !CPU_EQUAL(&before, &after);
}

static void starting_may_fail(void **state)
{
    assert_int_equal(in_child(refused_twice), 0);
    assert_int_equal(in_child(without_memory), 0);
    assert_int_equal(in_child(without_driver), 0);
    assert_int_equal(in_child(affinity_stays), 0);
}

static int start_echo(void **state)
{
    snprintf(memif_path, sizeof(memif_path), "/tmp/beba-memif-%d.sock", (int)getpid());
    memif_pid = fork();
    if (!memif_pid) {
        echo(memif_path);
        _exit(1);
    }
    return memif_pid < 0;
}

static int end_echo(void **state)
{
    kill(memif_pid, SIGKILL);
    waitpid(memif_pid, NULL, 0);
    unlink(memif_path);
    return 0;
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(starting_may_fail),
        cmocka_unit_test_setup_teardown(memif_joins_processes, start_echo, end_echo),
        cmocka_unit_test(null_gives_packets_with_room),
        cmocka_unit_test(buffers_come_back),
        cmocka_unit_test(ring_keeps_bytes),
        cmocka_unit_test(passing_does_not_copy),
        cmocka_unit_test(headroom_is_never_short),
        cmocka_unit_test(what_cannot_be_sent_is_counted),
        cmocka_unit_test(trains_are_cut),
        cmocka_unit_test(captures_pass_unchanged),
        cmocka_unit_test(af_packet_goes_both_ways),
        cmocka_unit_test(af_xdp_goes_both_ways),
        cmocka_unit_test(queues_are_opened_one_each),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
