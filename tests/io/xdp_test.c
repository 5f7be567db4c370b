/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* AF_XDP ports on veth pairs: what is on the wire on one side is what the port gives, and the
 * reverse; memory goes round between ports and is all there in the end. */
#include "io/live.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <pthread.h>

static const char topology[] = "    raw socket == b0 ---- a0 == xdp:a0\n"
                               "    raw socket == d0 ---- c0 == xdp:c0\n";

static const char *a0; /* how it is opened */
static uint8_t frame[FRAME], got[FRAME];
static struct beba_packet packet[BEBA_PORT_BATCH];

static struct beba_port *open_in(struct beba_port_group *group, const char *description,
                                 unsigned queue, unsigned n_queues, struct beba_error *err)
{
    struct beba_port_opts opts = {.number = 3,
                                  .queue = queue,
                                  .n_queues = n_queues,
                                  .clock = CLOCK_MONOTONIC,
                                  .group = group};
    struct beba_port *port = NULL;
    int rc = beba_port_open(description, &opts, &port, err);

    assert_int_equal(rc ? err->code : 0, rc);
    return port;
}

static struct beba_port *must_open(struct beba_port_group *group, const char *description,
                                   unsigned queue, unsigned n_queues)
{
    struct beba_error err = {0};
    struct beba_port *port = open_in(group, description, queue, n_queues, &err);

    if (!port)
        fail_msg("%s: %s", err.where, err.what);
    return port;
}

/* From the wire into the port, and back out of it. */
static void both_ways(struct beba_port *port, int raw, const uint8_t *bytes, size_t len, bool last)
{
    raw_send(raw, NULL, bytes, len);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
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
    if (last) {
        beba_port_pass(port, 0, &packet[0]);
    } else {
        beba_port_send(port, 0, &packet[0]);
        memset(packet[0].data, 0, len); /* it was taken */
    }
    beba_port_flush(port);
    assert_int_equal(raw_recv(raw, NULL, got, 1000), len);
    assert_memory_equal(got, bytes, len);
}

static void no_losses(struct beba_port *port)
{
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++)
        assert_int_equal(lost(port, i), 0);
}

static void frames_of_all_lengths(void **state)
{
    static const size_t lengths[] = {14, 15, 60, 61, 64, 128, 1000, 1500, 1514};
    struct beba_port_counters c;
    struct beba_port *port;
    uint64_t bytes = 0, n = 0;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    assert_string_equal(beba_port_about(port), strstr(a0, "generic")
                                                   ? "generic XDP, copied by the kernel, 1 queue"
                                                   : "native XDP, copied by the kernel, 1 queue");
    raw = raw_open("b0");
    for (unsigned i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++, n++) {
        size_t len = lengths[i / 2];

        fill_frame(frame, len);
        both_ways(port, raw, frame, len, i % 2);
        bytes += len;
    }
    beba_port_counters(port, &c);
    assert_int_equal(c.rx_packets, n);
    assert_int_equal(c.tx_packets, n);
    assert_int_equal(c.rx_bytes, bytes);
    assert_int_equal(c.tx_bytes, bytes);
    no_losses(port);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void frames_of_a_larger_mtu(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    run("ip link set a0 mtu 3000 && ip link set b0 mtu 3000");
    port = port_open(a0);
    raw = raw_open("b0");
    for (size_t len = 1500; len <= 3014; len += 757) {
        fill_frame(frame, len);
        both_ways(port, raw, frame, len, true);
    }
    no_losses(port);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void tags_in_the_bytes(void **state)
{
    static const uint16_t types[] = {0x8100, 0x88a8, 0x9100};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 3; i++) {
        fill_frame(frame, 1518);
        beba_store16(frame + 12, types[i]);
        beba_store16(frame + 14, (uint16_t)(0x6005 + i));
        beba_store16(frame + 16, 0x88b5);
        both_ways(port, raw, frame, 64, false);
        both_ways(port, raw, frame, types[i] == 0x8100 ? 1518 : 1514, true);
    }
    no_losses(port);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* A program on what leaves b0 that puts a tag of number id beside the bytes, as VLAN interfaces do;
 * the link, or -1. */
static int tag_what_leaves(uint16_t type, uint16_t id)
{
    const enum bpf_attach_type egress = 47; /* BPF_TCX_EGRESS of newer headers */
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = htons(type)},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = id},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1}, /* TCX_NEXT */
        {.code = BPF_JMP | BPF_EXIT},
    };
    int program = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tag", "Dual BSD/GPL", code,
                                sizeof(code) / sizeof(*code), NULL);
    int link = bpf_link_create(program, (int)if_nametoindex("b0"), egress, NULL);

    close(program);
    return link;
}

/* Tags that the sender leaves to its interface are beside the bytes where XDP programs look. */
static void tags_beside_the_bytes(void **state)
{
    struct beba_port *port;
    int raw, link;

    (void)state;
    if (access("/sys/kernel/btf/vmlinux", R_OK)) {
        printf("SKIPPED: the kernel does not tell its types\n");
        return;
    }
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 2; i++) {
        uint32_t tag = i ? 0x88a8004e : 0x8100004d;

        link = tag_what_leaves((uint16_t)(tag >> 16), (uint16_t)tag);
        if (link < 0) {
            printf("SKIPPED: no programs on what leaves an interface here\n");
            break;
        }
        fill_frame(frame, 300);
        raw_send(raw, NULL, frame, 300);
        close(link);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_int_equal(packet[0].len, 304);
        assert_memory_equal(packet[0].data, frame, 12);
        assert_int_equal(beba_load32(packet[0].data + 12), tag);
        assert_memory_equal(packet[0].data + 16, frame + 12, 288);
        beba_port_pass(port, 0, &packet[0]);
        beba_port_flush(port);
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 304);
        assert_int_equal(beba_load32(got + 12), tag);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* A TCP packet over IPv4 or IPv6 with the sum of its pseudo-header only; returns where TCP is. */
static size_t tcp_frame(uint8_t *p, size_t payload, bool ip6)
{
    size_t tcp = ip6 ? 54 : 34;
    uint32_t sum;

    fill_frame(p, tcp + 20 + payload);
    beba_store16(p + 12, ip6 ? 0x86dd : 0x0800);
    memset(p + 14, 0, tcp + 20 - 14);
    p[14] = ip6 ? 0x60 : 0x45;
    if (ip6) {
        beba_store16(p + 18, (uint16_t)(20 + payload));
        beba_store16(p + 20, 0x0640);
        p[37] = 1;
        p[53] = 2;
        sum = 3;
    } else {
        beba_store16(p + 16, (uint16_t)(40 + payload));
        beba_store16(p + 22, 0x4006);
        beba_store32(p + 26, 0x0a000001);
        beba_store32(p + 30, 0x0a000002);
        sum = 0x1400 + 3;
    }
    beba_store16(p + tcp, 1000);
    beba_store16(p + tcp + 2, 2000);
    p[tcp + 12] = 0x50;
    sum += 6 + 20 + (uint32_t)payload;
    beba_store16(p + tcp + 16, (uint16_t)((sum & 0xffff) + (sum >> 16)));
    return tcp;
}

static bool checksum_right(struct beba_packet *p)
{
    unsigned present;

    beba_packet_parse(p);
    return !(beba_packet_checksums(p, &present) & 2) && present & 2;
}

static void partial_checksums_are_completed(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    for (unsigned i = 0; i < 2; i++) {
        size_t tcp = tcp_frame(frame, 777, i), len = tcp + 20 + 777;
        struct virtio_net_hdr hdr = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (uint16_t)tcp, .csum_offset = 16};

        raw_send(raw, &hdr, frame, len);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_int_equal(packet[0].len, len);
        assert_true(checksum_right(&packet[0]));
        assert_memory_equal(packet[0].data, frame, tcp + 16);
        assert_memory_equal(packet[0].data + tcp + 18, frame + tcp + 18, 779);
        /* A wrong one stays wrong. */
        beba_store16(frame + tcp + 16, 0x1234);
        raw_send(raw, NULL, frame, len);
        assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
        assert_memory_equal(packet[0].data, frame, len);
        assert_false(checksum_right(&packet[0]));
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* A train that another port received is cut by this one. */
static void trains_are_cut(void **state)
{
    struct beba_packet p = {.data = frame, .segment = 1000};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    p.len = p.wire_len = (uint32_t)tcp_frame(frame, 2500, false) + 20 + 2500;
    beba_port_pass(port, 0, &p);
    p.segment = 1461;
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    for (unsigned i = 0; i < 3; i++) {
        size_t len = 54 + (i < 2 ? 1000 : 500);
        struct beba_packet out = {.data = got, .len = (uint32_t)len, .wire_len = (uint32_t)len};

        assert_int_equal(raw_recv(raw, NULL, got, 1000), len);
        assert_memory_equal(got + 54, frame + 54 + i * 1000, len - 54);
        assert_true(checksum_right(&out));
    }
    assert_int_equal(lost(port, BEBA_PORT_TX_MTU), 1);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* So many that every frame goes round several times, by both ways of sending, in both directions;
 * a port that comes later and goes earlier changes nothing. */
static void frames_go_round(void **state)
{
    enum { ROUNDS = 400, BURST = 100 };
    struct beba_port_group *group;
    struct beba_port *port[2], *third = NULL;
    int raw[2];

    (void)state;
    make_pair("a0", "b0");
    make_pair("c0", "d0");
    make_pair("e0", "f0");
    assert_int_equal(beba_port_group_new(&group), 0);
    port[0] = must_open(group, "xdp:a0,ring=128", 0, 1);
    port[1] = must_open(group, "xdp:c0,ring=256", 0, 1);
    raw[0] = raw_open("b0");
    raw[1] = raw_open("d0");
    for (unsigned r = 0; r < ROUNDS; r++) {
        unsigned in = r & 1, n = 0;

        if (r == ROUNDS / 4)
            third = must_open(group, "xdp:e0", 0, 1);
        if (r == ROUNDS / 2)
            beba_port_close(third, NULL);
        for (unsigned i = 0; i < BURST; i++) {
            fill_frame(frame, 60 + i);
            beba_store32(frame + 20, r * BURST + i);
            raw_send(raw[in], NULL, frame, 60 + i);
        }
        while (n < BURST) {
            unsigned k = port_recv(port[in], packet, BEBA_PORT_BATCH, 1000);

            assert_true(k > 0);
            for (unsigned i = 0; i < k; i++, n++) {
                assert_int_equal(packet[i].len, 60 + n);
                if (r % 3 == 2)
                    beba_port_send(port[!in], 0, &packet[i]);
                else if (r % 7 != 3)
                    beba_port_pass(port[!in], 0, &packet[i]);
            }
            beba_port_flush(port[!in]);
        }
        for (unsigned i = 0; i < BURST && (r % 3 == 2 || r % 7 != 3); i++) {
            assert_int_equal(raw_recv(raw[!in], NULL, got, 1000), 60 + i);
            assert_int_equal(beba_load32(got + 20), r * BURST + i);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        no_losses(port[i]);
        beba_port_close(port[i], NULL);
        close(raw[i]);
    }
    beba_port_group_free(group);
    unmake("a0");
    unmake("c0");
    unmake("e0");
}

struct forwarder {
    struct beba_port *port[2];
    _Atomic bool stop;
};

static void *forward(void *arg)
{
    static struct beba_packet moved[BEBA_PORT_BATCH];
    struct forwarder *f = arg;

    while (!f->stop) {
        struct pollfd fd = {.fd = beba_port_fd(f->port[0]), .events = POLLIN};
        unsigned n;

        poll(&fd, 1, 10);
        while ((n = beba_port_recv(f->port[0], moved, BEBA_PORT_BATCH))) {
            for (unsigned i = 0; i < n; i++)
                beba_port_pass(f->port[1], 0, &moved[i]);
            beba_port_flush(f->port[1]);
        }
    }
    return NULL;
}

/* Another port of the thread is opened and closed, and counters are read, while it works. */
static void beside_a_thread_that_works(void **state)
{
    enum { ROUNDS = 40, BURST = 20 };
    struct forwarder f = {0};
    struct beba_port_group *group;
    struct beba_port_counters c;
    pthread_t thread;
    int in, out;

    (void)state;
    make_pair("a0", "b0");
    make_pair("c0", "d0");
    make_pair("e0", "f0");
    assert_int_equal(beba_port_group_new(&group), 0);
    f.port[0] = must_open(group, "xdp:a0", 0, 1);
    f.port[1] = must_open(group, "xdp:c0", 0, 1);
    in = raw_open("b0");
    out = raw_open("d0");
    fill_frame(frame, 60);
    assert_int_equal(pthread_create(&thread, NULL, forward, &f), 0);
    for (unsigned r = 0; r < ROUNDS; r++) {
        struct beba_port *third;

        for (unsigned i = 0; i < BURST; i++)
            raw_send(in, NULL, frame, 60);
        third = must_open(group, "xdp:e0", 0, 1);
        beba_port_counters(f.port[0], &c);
        beba_port_send(third, 0, &(struct beba_packet){.data = frame, .len = 60});
        beba_port_close(third, NULL);
        for (unsigned i = 0; i < BURST; i++)
            assert_int_equal(raw_recv(out, NULL, got, 5000), 60);
    }
    f.stop = true;
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 2; i++) {
        no_losses(f.port[i]);
        beba_port_close(f.port[i], NULL);
    }
    beba_port_group_free(group);
    close(in);
    close(out);
    unmake("a0");
    unmake("c0");
    unmake("e0");
}

/* Ports whose frames differ in size, and one of another driver. */
static void between_memories(void **state)
{
    static const char *const others[] = {"xdp:c0", "packet:c0"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct beba_port_group *group;
        struct beba_port *a, *c;
        int rawb, rawd;

        make_pair("a0", "b0");
        make_pair("c0", "d0");
        run("ip link set a0 mtu 2000");
        assert_int_equal(beba_port_group_new(&group), 0);
        a = must_open(group, a0, 0, 1);
        c = must_open(group, others[i], 0, 1);
        rawb = raw_open("b0");
        rawd = raw_open("d0");
        for (unsigned k = 0; k < 50; k++) {
            fill_frame(frame, 100 + k);
            raw_send(rawb, NULL, frame, 100 + k);
            assert_int_equal(port_recv(a, packet, BEBA_PORT_BATCH, 1000), 1);
            beba_port_pass(c, 0, &packet[0]);
            beba_port_flush(c);
            assert_int_equal(raw_recv(rawd, NULL, got, 1000), 100 + k);
            assert_memory_equal(got, frame, 100 + k);
            raw_send(rawd, NULL, frame, 100 + k);
            assert_int_equal(port_recv(c, packet, BEBA_PORT_BATCH, 1000), 1);
            beba_port_pass(a, 0, &packet[0]);
            beba_port_flush(a);
            assert_int_equal(raw_recv(rawb, NULL, got, 1000), 100 + k);
            assert_memory_equal(got, frame, 100 + k);
        }
        beba_port_close(a, NULL);
        beba_port_close(c, NULL);
        beba_port_group_free(group);
        close(rawb);
        close(rawd);
        unmake("a0");
        unmake("c0");
    }
}

static void what_is_not_received_is_counted(void **state)
{
    struct beba_port *port;
    unsigned all = 0, n;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("xdp:a0,ring=64");
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
    /* Longer than a frame has room for. */
    run("ip link set b0 mtu 3000 && ip link set a0 mtu 3000");
    fill_frame(frame, 2500);
    raw_send(raw, NULL, frame, 2500);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 100), 0);
    assert_int_equal(lost(port, BEBA_PORT_RX_TRUNCATED), 1);
    assert_int_equal(lost(port, BEBA_PORT_RX_FULL), 300 - 64);
    /* So long that a packet must be moved to have room behind it, and one that cannot be. */
    fill_frame(frame, 1750);
    raw_send(raw, NULL, frame, 1750);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
    assert_memory_equal(packet[0].data, frame, 1750);
    assert_true(packet[0].headroom >= BEBA_HEADROOM && packet[0].tailroom >= BEBA_TAILROOM);
    raw_send(raw, NULL, frame, 1792);
    assert_int_equal(port_recv(port, packet, BEBA_PORT_BATCH, 1000), 1);
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
        p.len = i & 1 ? 1515 : 100;
        beba_port_send(port, 0, &p);
    }
    p.len = 9000;
    beba_port_pass(port, 0, &p);
    p.len = 13;
    beba_port_send(port, 0, &p);
    beba_port_pass(port, 0, &p);
    beba_port_flush(port);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 100);
    assert_int_equal(raw_recv(raw, NULL, got, 50), 0);
    beba_port_counters(port, &c);
    assert_int_equal(c.tx_packets, 3);
    assert_int_equal(c.tx_bytes, 300);
    assert_int_equal(c.loss[BEBA_PORT_TX_MTU], 3);
    assert_int_equal(c.loss[BEBA_PORT_TX_SHORT], 2);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* More than the ring holds before a flush: it is flushed on the way. */
static void a_full_queue_is_sent(void **state)
{
    struct beba_packet p = {.data = frame, .len = 100, .wire_len = 100};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("xdp:a0,ring=64");
    raw = raw_open("b0");
    fill_frame(frame, 100);
    for (unsigned i = 0; i < 1000; i++) {
        beba_store32(frame + 20, i);
        beba_port_send(port, 0, &p);
    }
    beba_port_flush(port);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 100);
        assert_int_equal(beba_load32(got + 20), i);
    }
    no_losses(port);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* What the device drops is counted, and does not fill the ring. */
static void a_peer_that_is_down(void **state)
{
    struct beba_packet p = {.data = frame, .len = 100, .wire_len = 100};
    struct beba_port_counters c;
    struct beba_port *port;
    uint64_t all = 0;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("xdp:a0,ring=64");
    fill_frame(frame, 100);
    run("ip link set b0 down");
    for (unsigned i = 0; i < 1000; i++) {
        beba_port_send(port, 0, &p);
        if (i % 10 == 9)
            beba_port_flush(port);
    }
    run("ip link set b0 up");
    wait_up("a0");
    wait_up("b0");
    raw = raw_open("b0");
    both_ways(port, raw, frame, 100, true);
    beba_port_counters(port, &c);
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++)
        all += c.loss[i];
    assert_int_equal(c.tx_packets, 1);
    assert_int_equal(c.tx_bytes, 100);
    assert_int_equal(all, 1000);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void down_up_and_gone(void **state)
{
    struct beba_packet p = {.data = frame, .len = 60, .wire_len = 60};
    struct beba_port *port;
    struct pollfd fd;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    fill_frame(frame, 60);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    run("ip link set a0 down");
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(beba_port_status(port), BEBA_PORT_DOWN);
    for (unsigned i = 0; i < 3; i++)
        beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(lost(port, BEBA_PORT_TX_DOWN), 3);
    fd = (struct pollfd){.fd = beba_port_fd(port), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 10), 0);
    run("ip link set a0 up");
    wait_up("a0");
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    for (unsigned i = 0; i < 2; i++) /* the first of all lay in the ring */
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 60);
    both_ways(port, raw, frame, 60, true);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    close(raw);
    unmake("a0");
    for (unsigned i = 0; beba_port_status(port) != BEBA_PORT_GONE; i++) {
        assert_true(i < 50);
        assert_int_equal(beba_port_recv(port, packet, BEBA_PORT_BATCH), 0);
    }
    beba_port_send(port, 0, &p);
    beba_port_flush(port);
    assert_int_equal(lost(port, BEBA_PORT_TX_GONE), 1);
    assert_int_equal(beba_port_close(port, NULL), 0);
    make_pair("a0", "b0");
    port = port_open(a0);
    raw = raw_open("b0");
    both_ways(port, raw, frame, 60, false);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

/* Gone while packets lie in the ring, in a group with a port that stays. */
static void one_of_a_group_goes(void **state)
{
    struct beba_port_group *group;
    struct beba_port *a, *c;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    make_pair("c0", "d0");
    assert_int_equal(beba_port_group_new(&group), 0);
    a = must_open(group, "xdp:a0", 0, 1);
    c = must_open(group, "xdp:c0", 0, 1);
    raw = raw_open("d0");
    fill_frame(frame, 60);
    raw_send(raw, NULL, frame, 60);
    assert_int_equal(port_recv(c, packet, BEBA_PORT_BATCH, 1000), 1);
    unmake("a0");
    beba_port_pass(a, 0, &packet[0]);
    beba_port_flush(a);
    assert_int_equal(beba_port_status(a), BEBA_PORT_GONE);
    assert_int_equal(lost(a, BEBA_PORT_TX_GONE), 1);
    beba_port_close(a, NULL);
    make_pair("a0", "b0");
    a = must_open(group, "xdp:a0", 0, 1);
    for (unsigned i = 0; i < 3000; i++)
        both_ways(c, raw, frame, 60, i & 1);
    beba_port_close(c, NULL);
    beba_port_close(a, NULL);
    beba_port_group_free(group);
    close(raw);
    unmake("a0");
    unmake("c0");
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
    wait_up("a0");
    wait_up("b0");
    raw = raw_open("b0");
    fill_frame(frame, 60);
    both_ways(port, raw, frame, 60, true);
    assert_int_equal(beba_port_status(port), BEBA_PORT_READY);
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static void make_wide_pair(unsigned queues)
{
    run("ip link add a0 numrxqueues %u numtxqueues %u type veth peer name b0 numrxqueues %u "
        "numtxqueues %u && ip link set a0 up && ip link set b0 up",
        queues, queues, queues, queues);
    wait_up("a0");
    wait_up("b0");
}

/* Packets of many flows; returns how many each of n ports has got. */
static void spread(int raw, struct beba_port **port, unsigned n, unsigned *got_by)
{
    memset(got_by, 0, n * sizeof(*got_by));
    for (unsigned i = 0; i < 200; i++) {
        tcp_frame(frame, 10, false);
        beba_store16(frame + 34, (uint16_t)i);
        raw_send(raw, NULL, frame, 64);
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned k;

        while ((k = port_recv(port[i], packet, BEBA_PORT_BATCH, 50))) {
            got_by[i] += k;
            for (unsigned j = 0; j < k; j++)
                beba_port_pass(port[i], 0, &packet[j]);
            beba_port_flush(port[i]);
        }
    }
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(raw_recv(raw, NULL, got, 1000), 64);
}

static void all_queues_are_served(void **state)
{
    struct beba_port_group *group;
    struct beba_port *port[2];
    struct beba_error err = {0};
    unsigned got_by[2];
    int raw;

    (void)state;
    make_wide_pair(3);
    assert_int_equal(beba_port_group_new(&group), 0);
    raw = raw_open("b0");
    port[0] = must_open(group, "xdp:a0", 0, 1);
    assert_non_null(strstr(beba_port_about(port[0]), "3 queues"));
    spread(raw, port, 1, got_by);
    assert_int_equal(got_by[0], 200);
    beba_port_close(port[0], NULL);
    for (unsigned i = 0; i < 2; i++)
        port[i] = must_open(group, "xdp:a0", i, 2);
    spread(raw, port, 2, got_by);
    assert_int_equal(got_by[0] + got_by[1], 200);
    assert_null(open_in(group, "xdp:a0", 0, 4, &err));
    assert_int_equal(err.code, -ENOTSUP);
    assert_string_equal(err.what, "the interface has 3 queues for 4 threads");
    for (unsigned i = 0; i < 2; i++)
        beba_port_close(port[i], NULL);
    beba_port_group_free(group);
    close(raw);
    unmake("a0");
}

static void an_interface_in_use_is_refused(void **state)
{
    struct beba_error err = {0};
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("xdp:a0");
    assert_null(open_in(NULL, "xdp:a0", 0, 1, &err));
    assert_int_equal(err.code, -EBUSY);
    assert_string_equal(err.what, "another XDP program is on the interface");
    assert_null(open_in(NULL, "xdp:a0,mode=generic", 0, 1, &err));
    assert_int_equal(err.code, -EBUSY);
    beba_port_close(port, NULL);
    port = port_open(a0);
    raw = raw_open("b0");
    fill_frame(frame, 60);
    both_ways(port, raw, frame, 60, true);
    close(raw);
    beba_port_close(port, NULL);
    assert_null(open_in(NULL, "xdp:a0,zerocopy=on", 0, 1, &err));
    assert_string_equal(err.what, "cannot open an AF_XDP socket on queue 0: Operation not "
                                  "supported");
    run("ip link show dev a0 | grep -q xdp && exit 1; exit 0");
    unmake("a0");
}

static void a_port_that_polls(void **state)
{
    struct beba_port *port;
    int raw;

    (void)state;
    make_pair("a0", "b0");
    port = port_open("xdp:a0,busy-poll=20");
    raw = raw_open("b0");
    fill_frame(frame, 60);
    for (unsigned i = 0; i < 20; i++) {
        unsigned n = 0;

        raw_send(raw, NULL, frame, 60);
        for (unsigned k = 0; !n && k < 100000; k++)
            n = beba_port_recv(port, packet, BEBA_PORT_BATCH);
        assert_int_equal(n, 1);
    }
    close(raw);
    beba_port_close(port, NULL);
    unmake("a0");
}

static int tests(void)
{
    const struct CMUnitTest common[] = {
        cmocka_unit_test(frames_of_all_lengths),
        cmocka_unit_test(frames_of_a_larger_mtu),
        cmocka_unit_test(tags_in_the_bytes),
        cmocka_unit_test(partial_checksums_are_completed),
        cmocka_unit_test(trains_are_cut),
        cmocka_unit_test(between_memories),
        cmocka_unit_test(what_is_not_sent_is_counted),
        cmocka_unit_test(down_up_and_gone),
        cmocka_unit_test(a_port_that_is_down_can_be_opened),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(tags_beside_the_bytes),
        cmocka_unit_test(frames_go_round),
        cmocka_unit_test(beside_a_thread_that_works),
        cmocka_unit_test(what_is_not_received_is_counted),
        cmocka_unit_test(a_full_queue_is_sent),
        cmocka_unit_test(a_peer_that_is_down),
        cmocka_unit_test(one_of_a_group_goes),
        cmocka_unit_test(all_queues_are_served),
        cmocka_unit_test(an_interface_in_use_is_refused),
        cmocka_unit_test(a_port_that_polls),
    };
    int failed;

    fputs(topology, stdout);
    a0 = "xdp:a0,mode=native";
    failed = cmocka_run_group_tests_name("native", common, NULL, NULL);
    a0 = "xdp:a0,mode=generic";
    failed += cmocka_run_group_tests_name("generic", common, NULL, NULL);
    a0 = "xdp:a0";
    return failed + cmocka_run_group_tests_name("others", others, NULL, NULL);
}

int main(void)
{
    return main_in_namespace(tests);
}
