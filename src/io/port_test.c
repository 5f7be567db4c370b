/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Descriptions of ports, and pairs of captures; live ones are tested in tests/io. */
#include "io/fixture_test.h"
#include "io/port.h"
#include "packet/bytes.h"

#include <errno.h>
#include <poll.h>
#include <pcap/pcap.h>

static const struct beba_port_opts opts = {.number = 7, .clock = CLOCK_MONOTONIC};

static struct beba_port *open_pair(const char *in, const char *out, const char *options)
{
    char text[256];
    struct beba_port *port;
    struct beba_error err = {0};

    snprintf(text, sizeof(text), "pcap:%s,%s%s", in, out, options);
    if (beba_port_open(text, &opts, &port, &err))
        fail_msg("%s: %s", err.where, err.what);
    return port;
}

static uint64_t lost(struct beba_port *port, enum beba_port_loss why)
{
    struct beba_port_counters c;

    beba_port_counters(port, &c);
    return c.loss[why];
}

static bool readable(struct beba_port *port, int ms)
{
    struct pollfd fd = {.fd = beba_port_fd(port), .events = POLLIN};

    return poll(&fd, 1, ms) == 1;
}

/* A capture of n packets, ms apart, of 60 bytes and more, the i-th filled with i. */
static char *capture(unsigned n, unsigned ms)
{
    struct bytes b = {0};
    char *name;

    put_pcap_header(&b, 0xa1b2c3d4u, 65535, DLT_EN10MB);
    for (unsigned i = 0; i < n; i++)
        put_pcap_record(&b, 1000 + i * ms / 1000, i * ms % 1000 * 1000, (uint8_t)i, 60 + i, 60 + i);
    name = save(&b);
    free(b.p);
    return name;
}

static char *empty_name(void)
{
    struct bytes b = {0};

    put(&b, "", 0);
    free(b.p);
    b.p = NULL;
    return save(&b);
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *what;
    } bad[] = {
        {"netmap:0", -EINVAL, "no such kind of port"},
        {"", -EINVAL, "an interface's name has 1 to 15 bytes"},
        {"averyveryverylongname", -EINVAL, "an interface's name has 1 to 15 bytes"},
        {"packet:nosuch-beba", -ENODEV, "cannot find the interface: No such device"},
        {"lo,ring=4", -EINVAL, "no such option, or not with this value: ring=4"},
        {"lo,ring=65x", -EINVAL, "no such option, or not with this value: ring=65x"},
        {"lo,ring=99999999999999999999", -EINVAL,
         "no such option, or not with this value: ring=99999999999999999999"},
        {"lo,promisc=maybe", -EINVAL, "no such option, or not with this value: promisc=maybe"},
        {"lo,fast", -EINVAL, "no such option, or not with this value: fast"},
        {"lo,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", -EINVAL,
         "the port's description has too many options"},
        {"tap:", -EINVAL, "not a name for an interface: ''"},
#ifdef BEBA_XDP_PORTS
        {"xdp:nosuch-beba", -ENODEV, "cannot find the interface: No such device"},
        {"xdp:lo,mode=fast", -EINVAL, "no such option, or not with this value: mode=fast"},
        {"xdp:lo,zerocopy=", -EINVAL, "no such option, or not with this value: zerocopy="},
        {"xdp:lo,ring=63", -EINVAL, "no such option, or not with this value: ring=63"},
        {"xdp:lo,busy-poll=0", -EINVAL, "no such option, or not with this value: busy-poll=0"},
#else
        {"xdp:lo", -ENOTSUP, "this beba was built without libxdp and libbpf"},
#endif
        {"tap:t%d", -EINVAL, "not a name for an interface: 't%d'"},
        {"tap:t,mtu=3", -EINVAL, "no such option, or not with this value: mtu=3"},
        {"pcap:/nonexistent/a,", -ENOENT, "cannot open the capture: No such file or directory"},
        {"pcap:,,fast", -EINVAL, "no such option, or not with this value: fast"},
        {"pcap:,,clock=wall", -EINVAL, "no such option, or not with this value: clock=wall"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct beba_port *port = (void *)&port;
        struct beba_error err = {0};

        assert_int_equal(beba_port_open(bad[i].text, &opts, &port, &err), bad[i].code);
        assert_string_equal(err.what, bad[i].what);
        assert_string_equal(err.where, bad[i].text);
        assert_null(port);
    }
}

static void losses_are_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++) {
        const struct beba_port_loss_info *info = &beba_port_losses[i];

        assert_non_null(info->name);
        assert_non_null(info->help);
        assert_memory_equal(info->name, info->tx ? "tx_" : "rx_", 3);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(info->name, beba_port_losses[k].name);
    }
}

static void captures_go_in_and_out(void **state)
{
    char *in = capture(100, 1), *out = empty_name();
    struct beba_port *port = open_pair(in, out, ",clock=capture");
    struct beba_packet packet[BEBA_PORT_BATCH];
    struct beba_port_counters c;
    struct beba_reader *r;
    struct beba_packet p;
    unsigned n, all = 0;

    (void)state;
    assert_int_equal(beba_port_ifindex(port), 0);
    while (readable(port, 0)) {
        n = beba_port_recv(port, packet, 10);
        assert_true(n <= 10);
        for (unsigned i = 0; i < n; i++, all++) {
            assert_int_equal(packet[i].in_port, 7);
            assert_int_equal(packet[i].len, 60 + all);
            assert_int_equal(packet[i].data[all], all);
            assert_int_equal(packet[i].now, 1000000000000ull + all * 1000000ull);
            assert_true(packet[i].headroom >= BEBA_HEADROOM);
            packet[i].data[0] = 0xee;
            beba_port_send(port, 0, &packet[i]);
            packet[i].data[0] = 0xdd; /* it was copied */
        }
    }
    assert_int_equal(all, 100);
    assert_int_equal(beba_port_status(port), BEBA_PORT_ENDED);
    assert_int_equal(beba_port_recv(port, packet, 10), 0);
    beba_port_counters(port, &c);
    assert_int_equal(c.rx_packets, 100);
    assert_int_equal(c.rx_bytes, 100 * 60 + 99 * 50);
    assert_int_equal(c.tx_packets, 100);
    assert_int_equal(c.tx_bytes, c.rx_bytes);
    assert_int_equal(beba_port_close(port, NULL), 0);
    assert_int_equal(beba_reader_open(out, &r, NULL), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(beba_reader_next(r, &p, NULL), 1);
        assert_int_equal(p.len, 60 + i);
        assert_int_equal(p.now, 1000000000000ull + i * 1000000ull);
        assert_int_equal(p.data[0], 0xee);
        assert_int_equal(p.data[59], i);
    }
    assert_int_equal(beba_reader_next(r, &p, NULL), 0);
    beba_reader_close(r);
    discard(in);
    discard(out);
}

static void a_capture_can_keep_its_time(void **state)
{
    char *in = capture(4, 60);
    struct beba_port *port = open_pair(in, "", ",pace");
    struct beba_packet packet[BEBA_PORT_BATCH];
    struct timespec t;
    uint64_t begun = 0;
    unsigned all = 0;

    (void)state;
    for (;;) {
        if (!readable(port, 0))
            assert_true(readable(port, 1000));
        unsigned n = beba_port_recv(port, packet, BEBA_PORT_BATCH);
        clock_gettime(CLOCK_MONOTONIC, &t);
        for (unsigned i = 0; i < n; i++, all++) {
            if (!begun)
                begun = packet[i].now;
            assert_true(packet[i].now >= begun + all * 60000000ull);
            assert_true(packet[i].now <= (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
        }
        if (beba_port_status(port) == BEBA_PORT_ENDED)
            break;
    }
    assert_int_equal(all, 4);
    assert_false(readable(port, 0));
    beba_port_close(port, NULL);
    discard(in);
}

static void short_and_truncated_packets_are_counted(void **state)
{
    struct bytes b = {0};
    struct beba_port *port;
    struct beba_packet packet[BEBA_PORT_BATCH];
    char *in;

    (void)state;
    put_pcap_header(&b, 0xa1b2c3d4u, 65535, DLT_EN10MB);
    put_pcap_record(&b, 1, 0, 1, 13, 13);
    put_pcap_record(&b, 1, 0, 2, 60, 61);
    put_pcap_record(&b, 1, 0, 3, 14, 14);
    in = save(&b);
    free(b.p);
    port = open_pair(in, "", "");
    assert_int_equal(beba_port_recv(port, packet, BEBA_PORT_BATCH), 1);
    assert_int_equal(packet[0].data[0], 3);
    assert_int_equal(lost(port, BEBA_PORT_RX_SHORT), 1);
    assert_int_equal(lost(port, BEBA_PORT_RX_TRUNCATED), 1);
    packet[0].len = 13;
    beba_port_send(port, 0, &packet[0]);
    assert_int_equal(lost(port, BEBA_PORT_TX_SHORT), 1);
    beba_port_close(port, NULL);
    discard(in);
}

static void a_broken_capture_gives_what_was_good(void **state)
{
    struct bytes b = {0};
    struct beba_port *port;
    struct beba_packet packet[BEBA_PORT_BATCH];
    struct beba_error err = {0};
    unsigned all = 0;
    char *in;

    (void)state;
    put_pcap_header(&b, 0xa1b2c3d4u, 65535, DLT_EN10MB);
    put_pcap_record(&b, 1, 0, 1, 60, 60);
    put_pcap_record(&b, 1, 0, 2, 60, 60);
    b.n -= 10;
    in = save(&b);
    free(b.p);
    port = open_pair(in, "", "");
    while (readable(port, 0))
        all += beba_port_recv(port, packet, BEBA_PORT_BATCH);
    assert_int_equal(all, 1);
    assert_int_equal(beba_port_status(port), BEBA_PORT_ENDED);
    assert_int_equal(lost(port, BEBA_PORT_RX_ERROR), 1);
    assert_true(beba_port_close(port, &err) < 0);
    assert_true(err.what[0]);
    discard(in);
}

static void captures_of_other_links_are_refused(void **state)
{
    struct bytes b = {0};
    struct beba_port *port;
    struct beba_error err = {0};
    struct beba_port_opts two = {.n_queues = 2, .queue = 1};
    char text[256], *in;

    (void)state;
    put_pcap_header(&b, 0xa1b2c3d4u, 65535, DLT_RAW);
    in = save(&b);
    free(b.p);
    snprintf(text, sizeof(text), "pcap:%s,", in);
    assert_int_equal(beba_port_open(text, &opts, &port, &err), -ENOTSUP);
    assert_non_null(strstr(err.what, "has no Ethernet packets"));
    assert_int_equal(beba_port_open("pcap:,", &two, &port, &err), -ENOTSUP);
    discard(in);
}

static void trains_are_cut_for_a_capture(void **state)
{
    static uint8_t room[5000];
    static const struct beba_assign a[] = {
        {BEBA_F_IP4_SRC, {0, 0x0a000001}}, {BEBA_F_IP4_DST, {0, 0x0a000002}},
        {BEBA_F_TCP_SRC, {0, 1}},          {BEBA_F_TCP_DST, {0, 2}},
        {BEBA_F_TCP_SEQ, {0, 100}},
    };
    static const uint8_t payload[2500] = {1, 2, 3};
    struct beba_build build = {.assign = a, .n_assign = 5, .payload = payload, .payload_len = 2500};
    char *out = empty_name();
    struct beba_port *port = open_pair("", out, "");
    struct beba_reader *r;
    struct beba_packet p = {0};
    unsigned present;

    (void)state;
    assert_int_equal(beba_port_status(port), BEBA_PORT_ENDED);
    assert_int_equal(beba_packet_build(&p, room, sizeof(room), 64, &build, NULL), 0);
    p.now = 5000000000ull;
    p.segment = 1000;
    beba_port_send(port, 0, &p);
    p.data[12] = 0; /* no IP any more */
    beba_port_send(port, 0, &p);
    assert_int_equal(lost(port, BEBA_PORT_TX_SEGMENT), 1);
    assert_int_equal(beba_port_close(port, NULL), 0);
    assert_int_equal(beba_reader_open(out, &r, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(beba_reader_next(r, &p, NULL), 1);
        assert_int_equal(p.len, 54 + (i < 2 ? 1000 : 500));
        assert_int_equal(p.now, 5000000000ull);
        beba_packet_parse(&p);
        assert_int_equal(beba_packet_checksums(&p, &present), 0);
        assert_int_equal(beba_load32(p.data + 38), 100 + i * 1000);
    }
    assert_int_equal(beba_reader_next(r, &p, NULL), 0);
    beba_reader_close(r);
    discard(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(losses_are_named),
        cmocka_unit_test(captures_go_in_and_out),
        cmocka_unit_test(a_capture_can_keep_its_time),
        cmocka_unit_test(short_and_truncated_packets_are_counted),
        cmocka_unit_test(a_broken_capture_gives_what_was_good),
        cmocka_unit_test(captures_of_other_links_are_refused),
        cmocka_unit_test(trains_are_cut_for_a_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
