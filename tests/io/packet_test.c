/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ports on veth pairs: what is on the wire on one side is what the port gives, and the reverse. */
#include "io/live.h"

#include <inttypes.h>

static const char *a0 = "a0"; /* and how it is opened */
static uint8_t frame[FRAME], got[FRAME];
static struct beba_packet packet[BEBA_PORT_BATCH];

/* From the wire into the port, and back out of it. */
static void both_ways(struct beba_port *port, int raw, const uint8_t *bytes, size_t len)
{
    unsigned n;

    raw_send(raw, NULL, bytes, len);
    n = port_recv(port, packet, BEBA_PORT_BATCH, 1000);
    assert_int_equal(n, 1);
    assert_int_equal(packet[0].len, len);
    assert_int_equal(packet[0].wire_len, len);
    assert_memory_equal(packet[0].data, bytes, len);
    assert_int_equal(packet[0].in_port, 3);
    assert_int_equal(packet[0].segment, 0);
    assert_true(packet[0].now > 0);
    assert_true(packet[0].headroom >= BEBA_HEADROOM);
    assert_true(packet[0].tailroom >= BEBA_TAILROOM);
    memset(packet[0].data - packet[0].headroom, 0xa5, packet[0].headroom);
    memset(packet[0].data + len, 0xa5, packet[0].tailroom);
    beba_port_send(port, 0, &packet[0]);
    memset(packet[0].data, 0, len); /* it was taken */
    beba_port_flush(port);
    assert_int_equal(raw_recv(raw, NULL, got, 1000), len);
    assert_memory_equal(got, bytes, len);
}

static void frames_of_all_lengths(void **state)
{
    static const size_t lengths[] = {14,   15,   60,   61,   64,   128,   1000, 1500, 1514,
                                     1600, 1690, 1700, 1701, 1800, 1827,  1828, 1829, 1830,
                                     2000, 2048, 4095, 4096, 9014, 20000, 65535};
    struct beba_port_counters c;
    struct beba_port *port;
    uint64_t bytes = 0;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    run("ip link set a0 mtu 65535 && ip link set b0 mtu 65535");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        fill_frame(frame, lengths[i]);
        both_ways(port, raw, frame, lengths[i]);
        bytes += lengths[i];
    }
    beba_port_counters(port, &c);
    assert_int_equal(c.rx_packets, sizeof(lengths) / sizeof(*lengths));
    assert_int_equal(c.tx_packets, c.rx_packets);
    assert_int_equal(c.rx_bytes, bytes);
    assert_int_equal(c.tx_bytes, bytes);
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++)
        assert_int_equal(c.loss[i], 0);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void long_and_short_ones_stay_in_order(void **state)
{
    struct beba_port *port;
    unsigned all = 0;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    run("ip link set a0 mtu 9000 && ip link set b0 mtu 9000");
    port = port_open("packet:a0");
    raw = raw_open("b0");
    for (unsigned i = 0; i < 200; i++) {
        size_t len = i % 3 ? 60 + i : 9000 - i;

        fill_frame(frame, len);
        beba_store16(frame + 20, (uint16_t)i);
        raw_send(raw, NULL, frame, len);
    }
    while (all < 200) {
        unsigned n = port_recv(port, packet, BEBA_PORT_BATCH, 1000);

        assert_true(n);
        for (unsigned i = 0; i < n; i++, all++) {
            assert_int_equal(beba_load16(packet[i].data + 20), all);
            assert_int_equal(packet[i].len, all % 3 ? 60 + all : 9000 - all);
            beba_port_send(port, 0, &packet[i]);
        }
        beba_port_flush(port);
    }
    for (unsigned i = 0; i < 200; i++) {
        assert_true(raw_recv(raw, NULL, got, 1000) > 0);
        assert_int_equal(beba_load16(got + 20), i);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void tagged_frames(void **state)
{
    static const uint16_t tags[][2][2] = {
        {{0x8100, 0x0005}, {0, 0}},           {{0x8100, 0xe000}, {0, 0}},
        {{0x88a8, 0x6fff}, {0, 0}},           {{0x88a8, 0x0064}, {0x8100, 0x00c8}},
        {{0x8100, 0x0064}, {0x8100, 0x00c8}}, {{0x9100, 0x0064}, {0x8100, 0x00c8}},
    };
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        size_t at = 12;

        fill_frame(frame, 1518);
        for (unsigned k = 0; k < 2 && tags[i][k][0]; k++, at += 4) {
            beba_store16(frame + at, tags[i][k][0]);
            beba_store16(frame + at + 2, tags[i][k][1]);
        }
        beba_store16(frame + at, 0x88b5);
        both_ways(port, raw, frame, 64);
        /* The kernel grants four bytes more than the MTU to 802.1Q only. */
        both_ways(port, raw, frame, tags[i][0][0] == 0x8100 ? 1518 : 1514);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* A TCP packet over IPv4 or IPv6 with the sum of its pseudo-header only; returns where TCP is. */
static size_t tcp_frame(uint8_t *p, size_t payload, bool ip6, bool tagged)
{
    size_t ip = tagged ? 18 : 14, tcp = ip + (ip6 ? 40 : 20);
    uint32_t sum;

    fill_frame(p, tcp + 20 + payload);
    if (tagged) {
        beba_store16(p + 12, 0x8100);
        beba_store16(p + 14, 0x2007);
    }
    beba_store16(p + ip - 2, ip6 ? 0x86dd : 0x0800);
    memset(p + ip, 0, tcp + 20 - ip);
    if (ip6) {
        p[ip] = 0x60;
        beba_store16(p + ip + 4, (uint16_t)(20 + payload));
        p[ip + 6] = 6;
        p[ip + 7] = 64;
        p[ip + 8 + 15] = 1;
        p[ip + 24 + 15] = 2;
        sum = 3;
    } else {
        p[ip] = 0x45;
        beba_store16(p + ip + 2, (uint16_t)(40 + payload));
        p[ip + 8] = 64;
        p[ip + 9] = 6;
        beba_store32(p + ip + 12, 0x0a000001);
        beba_store32(p + ip + 16, 0x0a000002);
        sum = 0x4500 + 40 + (uint32_t)payload + 0x4006 + 0x1400 + 3;
        sum = (sum & 0xffff) + (sum >> 16);
        beba_store16(p + ip + 10, (uint16_t)~sum);
        sum = 0x1400 + 3;
    }
    beba_store16(p + tcp, 1000);
    beba_store16(p + tcp + 2, 2000);
    p[tcp + 12] = 0x50;
    p[tcp + 13] = 0x10;
    sum += 6 + 20 + (uint32_t)payload;
    sum = (sum & 0xffff) + (sum >> 16);
    beba_store16(p + tcp + 16, (uint16_t)sum);
    return tcp;
}

static void checksums_right(struct beba_packet *p)
{
    unsigned present;

    beba_packet_parse(p);
    assert_int_equal(beba_packet_checksums(p, &present), 0);
    assert_true(present & 2);
}

static void partial_checksums_are_completed(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 4; i++) {
        size_t tcp = tcp_frame(frame, 777, i & 1, i & 2);
        struct virtio_net_hdr hdr = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (uint16_t)tcp, .csum_offset = 16};

        raw_send(raw, &hdr, frame, tcp + 20 + 777);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_int_equal(packet[0].len, tcp + 20 + 777);
        assert_int_equal(packet[0].segment, 0);
        checksums_right(&packet[0]);
        assert_memory_equal(packet[0].data, frame, tcp + 16);
        assert_memory_equal(packet[0].data + tcp + 18, frame + tcp + 18, 779);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* A train comes as one, is edited and sent as one; what leaves has the right sums to be cut by. */
static void trains_pass_whole(void **state)
{
    enum { PAYLOAD = 30000, SEGMENT = 1400 };
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 4; i++) {
        bool ip6 = i & 1, tagged = i & 2;
        size_t tcp = tcp_frame(frame, PAYLOAD, ip6, tagged), len = tcp + 20 + PAYLOAD, n;
        uint8_t type = ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                     .gso_type = type,
                                     .hdr_len = (uint16_t)(tcp + 20),
                                     .gso_size = SEGMENT,
                                     .csum_start = (uint16_t)tcp,
                                     .csum_offset = 16};
        struct beba_packet p;

        raw_send(raw, &hdr, frame, len);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_int_equal(packet[0].len, len);
        assert_int_equal(packet[0].segment, SEGMENT);
        assert_memory_equal(packet[0].data, frame, tcp + 16);
        beba_packet_parse(&packet[0]);
        /* An edit that changes the pseudo-header, one that does not, and a tag more or less. */
        assert_true(beba_field_write(&packet[0], ip6 ? BEBA_F_IP6_SRC : BEBA_F_IP4_SRC,
                                     (struct beba_u128){0, 0x01020304}));
        assert_true(beba_field_write(&packet[0], BEBA_F_TCP_DST, (struct beba_u128){0, 8080}));
        if (tagged)
            assert_int_equal(beba_packet_pop_vlan(&packet[0]), 0);
        else
            assert_int_equal(beba_packet_push_vlan(&packet[0], 0x8100, 9), 0);
        len = packet[0].len;
        beba_port_send(port, 0, &packet[0]);
        beba_port_flush(port);
        n = raw_recv(raw, &hdr, got, 1000);
        assert_int_equal(n, len);
        assert_int_equal(hdr.gso_type, type);
        assert_int_equal(hdr.gso_size, SEGMENT);
        tcp = n - PAYLOAD - 20;
        assert_memory_equal(got, packet[0].data, tcp + 16);
        assert_memory_equal(got + tcp + 18, packet[0].data + tcp + 18, PAYLOAD + 2);
        /* The sum of the pseudo-header is what completes to a right checksum. */
        p = (struct beba_packet){.data = got, .len = (uint32_t)n, .wire_len = (uint32_t)n};
        beba_packet_parse(&p);
        {
            uint32_t sum = 6 + 20 + PAYLOAD;
            const uint8_t *ip = got + p.h.offset[BEBA_LAYER_IP];

            for (unsigned k = 0; k < (ip6 ? 32u : 8u); k += 2)
                sum += beba_load16(ip + (ip6 ? 8 : 12) + k);
            while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
            assert_int_equal(beba_load16(got + tcp + 16), sum);
        }
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* What the filter lets into the ring when other trains could stop it. */
static void only_trains_of_tcp(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("a0,gso=tcp");
    raw = raw_open("b0");
    for (unsigned i = 0; i < 4; i++) {
        bool ip6 = i & 1, udp = i & 2;
        size_t l4 = tcp_frame(frame, 3000, ip6, false);
        struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                     .gso_type =
                                         ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
                                     .hdr_len = (uint16_t)(l4 + 20),
                                     .gso_size = 1000,
                                     .csum_start = (uint16_t)l4,
                                     .csum_offset = 16};

        if (udp) {
            frame[ip6 ? 20 : 23] = 17;
            beba_store16(frame + l4 + 4, 3020);
            hdr.gso_type = 5; /* VIRTIO_NET_HDR_GSO_UDP_L4 */
            hdr.hdr_len = (uint16_t)(l4 + 8);
            hdr.csum_offset = 6;
        }
        raw_send(raw, &hdr, frame, l4 + 3020);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, udp ? 50 : 1000), !udp);
        assert_int_equal(lost(port, BEBA_PORT_RX_OFFLOAD), udp ? i - 1 : 0);
    }
    fill_frame(frame, 60);
    both_ways(port, raw, frame, 60);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* Behind a label the kernel would not find TCP: the port cuts. */
static void labelled_trains_are_cut(void **state)
{
    struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                 .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                 .hdr_len = 54,
                                 .gso_size = 1000,
                                 .csum_start = 34,
                                 .csum_offset = 16};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    tcp_frame(frame, 2500, false, false);
    raw_send(raw, &hdr, frame, 54 + 2500);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
    beba_packet_parse(&packet[0]);
    assert_int_equal(beba_packet_push_mpls(&packet[0], 0x8847, 99, 64), 0);
    beba_port_send(port, 0, &packet[0]);
    beba_port_flush(port);
    for (unsigned i = 0; i < 3; i++) {
        size_t n = raw_recv(raw, &hdr, got, 1000);
        struct beba_packet p = {.data = got, .len = (uint32_t)n, .wire_len = (uint32_t)n};

        assert_int_equal(n, 58 + (i < 2 ? 1000 : 500));
        assert_int_equal(hdr.gso_type, 0);
        assert_memory_equal(got + 58, frame + 54 + i * 1000, i < 2 ? 1000 : 500);
        beba_packet_parse(&p);
        assert_int_equal(beba_packet_pop_mpls(&p, 0x0800), 0);
        checksums_right(&p);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void what_is_not_sent_is_counted(void **state)
{
    struct beba_packet p = {.data = frame, .len = 1519, .wire_len = 1519};
    struct beba_port_counters c;
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    fill_frame(frame, 9000);
    for (unsigned i = 0; i < 5; i++) {
        p.len = i & 1 ? 1519 : 100;
        beba_port_send(port, 0, &p);
    }
    p.len = 9000;
    beba_port_send(port, 0, &p);
    p.len = 13;
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    tcp_frame(frame, 5000, false, false);
    p.len = 5054;
    p.segment = 1461;
    beba_port_send(port, 0, &p);
    p.segment = 1460;
    beba_port_send(port, 0, &p);
    frame[12] = 0x12;
    beba_port_send(port, 0, &p);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 100);
    assert_int_equal(raw_recv(raw, NULL, got, 1000), 5054);
    assert_int_equal(raw_recv(raw, NULL, got, 50), 0);
    beba_port_counters(port, &c);
    assert_int_equal(c.tx_packets, 4);
    assert_int_equal(c.tx_bytes, 300 + 5054);
    assert_int_equal(c.loss[BEBA_PORT_TX_MTU], 4);
    assert_int_equal(c.loss[BEBA_PORT_TX_SHORT], 1);
    assert_int_equal(c.loss[BEBA_PORT_TX_SEGMENT], 1);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void a_full_ring_is_counted(void **state)
{
    struct beba_port *port;
    unsigned all = 0, n;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("a0,ring=64");
    raw = raw_open("b0");
    fill_frame(frame, 60);
    for (unsigned i = 0; i < 300; i++)
        raw_send(raw, NULL, frame, 60);
    while ((n = port_recv(port, packet, BEBA_PORT_BATCH, 100)))
        all += n;
    assert_int_equal(all, 64);
    assert_int_equal(lost(port, BEBA_PORT_RX_FULL), 300 - 64);
    assert_int_equal(lost(port, BEBA_PORT_RX_FULL), 300 - 64); /* asking changes nothing */
    raw_send(raw, NULL, frame, 60);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* After a change of the interface: nothing more to do, and waiting really waits. */
static void settles(struct beba_port *port, enum beba_port_status status)
{
    unsigned rounds = 0;

    while (port_recv(port, packet, BEBA_PORT_BATCH, 20) || beba_port_status(port) != status)
        assert_true(++rounds < 50);
    for (rounds = 0; rounds < 5; rounds++) {
        struct pollfd fd = {.fd = beba_port_fd(port), .events = POLLIN};

        assert_int_equal(poll(&fd, 1, 10), 0);
    }
}

static void down_up_and_gone(void **state)
{
    struct beba_packet p = {.data = frame, .len = 60, .wire_len = 60};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    fill_frame(frame, 60);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    run("ip link set a0 down");
    settles(port, BEBA_PORT_DOWN);
    for (unsigned i = 0; i < 3; i++)
        beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(lost(port, BEBA_PORT_TX_DOWN), 3);
    run("ip link set a0 up");
    wait_up("a0");
    both_ways(port, raw, frame, 60);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    close(raw);
    unmake("a0");
    settles(port, BEBA_PORT_GONE);
    beba_port_send(port, 0, &p);
    p.len = 6000;
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(lost(port, BEBA_PORT_TX_GONE), 2);
    assert_int_equal(beba_port_close(port, NULL), 0);
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    both_ways(port, raw, frame, 60);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void a_port_that_is_down_can_be_opened(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    run("ip link add a0 type veth peer name b0");
    port = port_open(a0);
    assert_int_equal(beba_port_status(port), BEBA_PORT_DOWN);
    run("ip link set a0 up && ip link set b0 up");
    wait_up("b0");
    raw = raw_open("b0");
    fill_frame(frame, 60);
    raw_send(raw, NULL, frame, 60);
    for (unsigned i = 0; !port_recv(port, packet, BEBA_PORT_BATCH, 1000); i++)
        assert_true(i < 3); /* the error of having been down comes first */
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void queues_share_flows(void **state)
{
    struct beba_port *port[2];
    unsigned got_by[2] = {0, 0};
    int raw;

    (void)state;
    make_pair("a0", "b0");
    for (unsigned i = 0; i < 2; i++)
        port[i] = port_open_n("a0", i, 2);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 200; i++) {
        tcp_frame(frame, 10, false, false);
        beba_store16(frame + 34, (uint16_t)(i % 50)); /* 50 flows */
        raw_send(raw, NULL, frame, 64);
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned n;

        while ((n = port_recv(port[i], packet, BEBA_PORT_BATCH, 50)))
            got_by[i] += n;
    }
    assert_int_equal(got_by[0] + got_by[1], 200);
    assert_true(got_by[0] && got_by[1]);
    assert_int_equal(got_by[0] % 4, 0); /* a flow's four packets go together */
    for (unsigned i = 0; i < 2; i++)
        beba_port_close(port[i], NULL);
    close(raw);
    unmake("a0");
}

/* Several queues of an interface that is down, which then comes up. */
static void queues_of_one_that_is_down(void **state)
{
    struct beba_port *port[2];
    unsigned all = 0;
    int raw;

    (void)state;
    run("ip link add a0 type veth peer name b0");
    for (unsigned i = 0; i < 2; i++)
        port[i] = port_open_n("a0", i, 2);
    run("ip link set a0 up && ip link set b0 up");
    wait_up("b0");
    raw = raw_open("b0");
    fill_frame(frame, 60);
    for (unsigned i = 0; i < 100; i++)
        raw_send(raw, NULL, frame, 60);
    for (unsigned k = 0; k < 20; k++)
        all += port_recv(port[k % 2], packet, BEBA_PORT_BATCH, 20);
    assert_int_equal(all, 100);
    for (unsigned i = 0; i < 2; i++)
        beba_port_close(port[i], NULL);
    close(raw);
    unmake("a0");
}

/* OpenFlow's queues are classes of the interface's queueing discipline. */
static void queues_are_classes(void **state)
{
    struct beba_packet p = {.data = frame, .len = 60, .wire_len = 60};
    struct beba_port *port;
    char line[256];
    uint64_t sent = 0;
    FILE *f;

    (void)state;
    make_pair("a0", "b0");
    if (system("tc qdisc add dev a0 root handle 1: htb default 1 2>/dev/null && "
               "tc class add dev a0 parent 1: classid 1:1 htb rate 1gbit && "
               "tc class add dev a0 parent 1: classid 1:6 htb rate 1gbit")) {
        printf("SKIPPED: no HTB here\n");
        unmake("a0");
        return;
    }
    port = port_open(a0);
    fill_frame(frame, 60);
    for (unsigned i = 0; i < 30; i++)
        beba_port_send(port, i % 3 ? 5 : 0, &p);
    beba_port_flush(port);
    f = popen("tc -s class show dev a0 classid 1:6", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, " Sent %*u bytes %" SCNu64 " pkt", &sent) == 1)
            break;
    }
    pclose(f);
    assert_int_equal(sent, 20);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void others_than_ethernet_are_refused(void **state)
{
    struct beba_port_opts opts = {0};
    struct beba_error err = {0};
    struct beba_port *port;

    (void)state;
    if (system("ip tuntap add mode tun name tun9 2>/dev/null")) {
        printf("SKIPPED: no TUN here\n");
        return;
    }
    assert_int_equal(beba_port_open("tun9", &opts, &port, &err), -ENOTSUP);
    assert_non_null(strstr(err.what, "not Ethernet"));
    unmake("tun9");
}

static int tests(void)
{
    const struct CMUnitTest common[] = {
        cmocka_unit_test(frames_of_all_lengths),
        cmocka_unit_test(long_and_short_ones_stay_in_order),
        cmocka_unit_test(tagged_frames),
        cmocka_unit_test(partial_checksums_are_completed),
        cmocka_unit_test(trains_pass_whole),
        cmocka_unit_test(labelled_trains_are_cut),
        cmocka_unit_test(what_is_not_sent_is_counted),
        cmocka_unit_test(down_up_and_gone),
        cmocka_unit_test(a_port_that_is_down_can_be_opened),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(only_trains_of_tcp), cmocka_unit_test(a_full_ring_is_counted),
        cmocka_unit_test(queues_share_flows), cmocka_unit_test(queues_of_one_that_is_down),
        cmocka_unit_test(queues_are_classes), cmocka_unit_test(others_than_ethernet_are_refused),
    };
    int failed = cmocka_run_group_tests_name("ring", common, NULL, NULL);

    a0 = "a0,ring=0";
    failed += cmocka_run_group_tests_name("no ring", common, NULL, NULL);
    return failed + cmocka_run_group_tests_name("others", others, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
