/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Trains cut and checksums finished, judged by the packet room's own parser and checksums. */
#include "io/fixture_test.h"
#include "io/offload.h"
#include "io/segment.h"
#include "packet/bytes.h"
#include "packet/checksum.h"

#include <errno.h>

enum { HEADROOM = 64, ROOM = 70000, PAYLOAD = 4000, SEGMENT = 1448 };

static uint8_t room[ROOM], out[ROOM], payload[PAYLOAD];

static struct beba_packet build(const struct beba_assign *a, unsigned n, uint32_t len)
{
    struct beba_packet p = {0};
    struct beba_build b = {.assign = a, .n_assign = n, .payload = payload, .payload_len = len};
    struct beba_error err = {0};

    for (uint32_t i = 0; i < PAYLOAD; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    if (beba_packet_build(&p, room, sizeof(room), HEADROOM, &b, &err))
        fail_msg("%s", err.what);
    beba_packet_parse(&p);
    return p;
}

static struct beba_packet build_tcp(uint32_t len)
{
    static const struct beba_assign a[] = {
        {BEBA_F_IP4_SRC, {0, 0x0a000001}}, {BEBA_F_IP4_DST, {0, 0x0a000002}},
        {BEBA_F_TCP_SRC, {0, 40000}},      {BEBA_F_TCP_DST, {0, 80}},
        {BEBA_F_TCP_SEQ, {0, 0xfffffff0}}, {BEBA_F_TCP_FLAGS, {0, 0x99}}, /* CWR ACK PSH FIN */
        {BEBA_F_IP4_ID, {0, 0xffff}},
    };

    return build(a, sizeof(a) / sizeof(*a), len);
}

static uint64_t read_field(const struct beba_packet *p, enum beba_field_id id)
{
    uint64_t v;

    assert_true(beba_field_read(p, id, &v));
    return v;
}

/* Cuts p and looks at every segment: payload in order, checksums right, nothing lost. */
static void cut_and_check(struct beba_packet *p, bool tcp)
{
    struct beba_train t;
    uint32_t seen = 0;

    p->segment = SEGMENT;
    assert_int_equal(beba_train_look(p, &t), 0);
    assert_int_equal(t.n, (t.payload + SEGMENT - 1) / SEGMENT);
    assert_int_equal(t.tcp, tcp);
    for (uint32_t i = 0; i < t.n; i++) {
        uint32_t len = beba_train_cut(&t, i, out, sizeof(out)), part;
        struct beba_packet q = {.data = out, .len = len, .wire_len = len};
        unsigned present;

        beba_packet_parse(&q);
        part = len - t.headers;
        assert_int_equal(part, i + 1 < t.n ? SEGMENT : t.payload - i * SEGMENT);
        assert_int_equal(q.h.flaws, 0);
        assert_memory_equal(out + t.headers, payload + seen, part);
        assert_memory_equal(out, p->data, 12);
        if (beba_packet_has(&q, BEBA_LAYER_L4)) { /* not behind labels */
            assert_int_equal(beba_packet_checksums(&q, &present), 0);
            assert_int_equal(present, t.ip6 ? 2 : 3);
            assert_int_equal(q.h.l3_end, len);
        }
        seen += part;
    }
    assert_int_equal(seen, t.payload);
    if (t.n > 1)
        assert_int_equal(beba_train_cut(&t, 0, out, t.headers + SEGMENT - 1), 0);
}

static void tcp_is_cut(void **state)
{
    struct beba_packet p = build_tcp(PAYLOAD);
    struct beba_train t;

    (void)state;
    cut_and_check(&p, true);
    assert_int_equal(beba_train_look(&p, &t), 0);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t len = beba_train_cut(&t, i, out, sizeof(out));
        struct beba_packet q = {.data = out, .len = len, .wire_len = len};
        static const uint64_t flags[] = {0x90, 0x10, 0x19};

        beba_packet_parse(&q);
        assert_int_equal(read_field(&q, BEBA_F_TCP_FLAGS), flags[i]);
        assert_int_equal(read_field(&q, BEBA_F_TCP_SEQ), 0xfffffff0u + i * SEGMENT);
        assert_int_equal(read_field(&q, BEBA_F_IP4_ID), (0xffff + i) & 0xffff);
    }
}

static void tcp_behind_tags_and_labels_is_cut(void **state)
{
    struct beba_packet p = build_tcp(PAYLOAD);
    struct beba_train t;

    (void)state;
    assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 5), 0);
    assert_int_equal(beba_packet_push_vlan(&p, 0x88a8, 6), 0);
    cut_and_check(&p, true);
    assert_int_equal(beba_train_look(&p, &t), 0);
    assert_true(t.plain);
    p = build_tcp(PAYLOAD);
    assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 77, 64), 0);
    assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 78, 64), 0);
    cut_and_check(&p, true);
    assert_int_equal(beba_train_look(&p, &t), 0);
    assert_false(t.plain);
}

static void tcp_over_ip6_is_cut(void **state)
{
    static const struct beba_assign a[] = {
        {BEBA_F_IP6_SRC, {0xfd00000000000000, 1}},
        {BEBA_F_IP6_DST, {0xfd00000000000000, 2}},
        {BEBA_F_TCP_SRC, {0, 1}},
        {BEBA_F_TCP_DST, {0, 2}},
    };
    struct beba_packet p = build(a, 4, PAYLOAD);

    (void)state;
    cut_and_check(&p, true);
}

static void udp_is_cut(void **state)
{
    static const struct beba_assign a[] = {{BEBA_F_IP4_SRC, {0, 0x0a000001}},
                                           {BEBA_F_IP4_DST, {0, 0x0a000002}},
                                           {BEBA_F_UDP_SRC, {0, 1}},
                                           {BEBA_F_UDP_DST, {0, 443}}};
    struct beba_packet p = build(a, 4, PAYLOAD);

    (void)state;
    cut_and_check(&p, false);
}

/* Puts n bytes of headers, the last of them an IP header's carrier, before a whole packet. */
static struct beba_packet wrap(const struct beba_packet *inside, bool ip6, uint8_t proto,
                               const uint8_t *carrier, uint32_t n, bool ethernet)
{
    static uint8_t wrapped[ROOM];
    uint32_t skip = ethernet ? 0 : 14, ip = ip6 ? 40 : 20, rest = inside->len - skip;
    struct beba_packet p = {.data = wrapped, .len = 14 + ip + n + rest};

    p.wire_len = p.len;
    memset(wrapped, 0, 14 + ip);
    wrapped[5] = 9;
    beba_store16(wrapped + 12, ip6 ? 0x86dd : 0x0800);
    wrapped[14] = ip6 ? 0x60 : 0x45;
    if (ip6) {
        beba_store16(wrapped + 18, (uint16_t)(n + rest));
        wrapped[20] = proto;
        wrapped[37] = 7;
        wrapped[53] = 8;
    } else {
        beba_store16(wrapped + 16, (uint16_t)(ip + n + rest));
        wrapped[23] = proto;
        wrapped[29] = 7;
        wrapped[33] = 8;
    }
    memcpy(wrapped + 14 + ip, carrier, n);
    memcpy(wrapped + 14 + ip + n, inside->data + skip, rest);
    return p;
}

static void trains_in_tunnels_are_cut(void **state)
{
    /* VXLAN without and with a checksum, GRE with one and a key, IP in IP */
    static const struct {
        uint8_t proto, n, bytes[16];
        bool ip6, ethernet;
    } tunnels[] = {
        {17, 16, {0, 9, 0x12, 0xb5, 0, 0, 0, 0, 8}, false, true},
        {17, 16, {0, 9, 0x12, 0xb5, 0, 0, 1, 1, 8}, false, true},
        {17, 16, {0, 9, 0x12, 0xb5, 0, 0, 1, 1, 8}, true, true},
        {47, 12, {0xa0, 0, 8, 0, 1, 1, 0, 0, 0, 0, 0, 5}, false, false},
        {47, 4, {0, 0, 0x65, 0x58}, true, true},
        {4, 0, {0}, false, false},
    };

    (void)state;
    for (size_t k = 0; k < sizeof(tunnels) / sizeof(*tunnels); k++) {
        struct beba_packet inside = build_tcp(PAYLOAD), p;
        uint32_t ip = 14 + (tunnels[k].ip6 ? 40 : 20), seen = 0,
                 skip = tunnels[k].ethernet ? 14 : 0;
        struct beba_train t;

        p = wrap(&inside, tunnels[k].ip6, tunnels[k].proto, tunnels[k].bytes, tunnels[k].n,
                 tunnels[k].ethernet);
        p.segment = SEGMENT;
        p.inner = 20 + PAYLOAD;
        assert_int_equal(beba_train_look(&p, &t), 0);
        assert_int_equal(t.n, 3);
        assert_false(t.plain);
        for (uint32_t i = 0; i < t.n; i++) {
            uint32_t len = beba_train_cut(&t, i, out, sizeof(out)), part = len - t.headers;
            struct beba_packet q = {.data = out, .len = len, .wire_len = len};
            struct beba_packet in = {.data = out + ip + tunnels[k].n + skip,
                                     .len = len - ip - tunnels[k].n - skip,
                                     .link = BEBA_LINK_IP};
            unsigned present;

            beba_packet_parse(&q);
            assert_int_equal(q.h.flaws, 0);
            assert_int_equal(q.h.l3_end, len);
            assert_int_equal(beba_packet_checksums(&q, &present), 0);
            assert_int_equal(present & 1, !tunnels[k].ip6);
            assert_int_equal(present >> 1 & 1, tunnels[k].proto == 17 && tunnels[k].bytes[6]);
            if (tunnels[k].proto == 47 && tunnels[k].bytes[0] & 0x80) {
                uint64_t sum = beba_sum_add(0, out + ip, len - ip);

                while (sum >> 16)
                    sum = (sum & 0xffff) + (sum >> 16);
                assert_int_equal(sum, 0xffff);
            }
            in.wire_len = in.len;
            beba_packet_parse(&in);
            assert_int_equal(in.h.flaws, 0);
            assert_int_equal(beba_packet_checksums(&in, &present), 0);
            assert_int_equal(present, 3);
            assert_int_equal(read_field(&in, BEBA_F_TCP_SEQ), 0xfffffff0u + i * SEGMENT);
            assert_memory_equal(out + t.headers, payload + seen, part);
            seen += part;
        }
        assert_int_equal(seen, PAYLOAD);
        p.inner--;
        assert_int_equal(beba_train_look(&p, &t), -EINVAL);
        p.inner = UINT16_MAX;
        assert_int_equal(beba_train_look(&p, &t), -EINVAL);
    }
}

static void one_segment_is_a_train_of_one(void **state)
{
    struct beba_packet p = build_tcp(10);
    struct beba_packet empty;

    (void)state;
    cut_and_check(&p, true);
    empty = build_tcp(0);
    empty.segment = 100;
    {
        struct beba_train t;

        assert_int_equal(beba_train_look(&empty, &t), 0);
        assert_int_equal(t.n, 1);
        assert_int_equal(beba_train_cut(&t, 0, out, sizeof(out)), t.headers);
    }
}

static void what_cannot_be_cut_is_refused(void **state)
{
    struct beba_packet p = build_tcp(PAYLOAD);
    struct beba_train t;
    uint32_t len = p.len;

    (void)state;
    assert_int_equal(beba_train_look(&p, &t), -EINVAL); /* no segment size */
    p.segment = SEGMENT;
    for (p.len = 0; p.len < len; p.len++)
        assert_int_equal(beba_train_look(&p, &t), -EINVAL);
    p.data[14 + 6] |= 0x20; /* more fragments */
    assert_int_equal(beba_train_look(&p, &t), -EINVAL);
    p.data[14 + 6] = 0;
    p.data[14 + 9] = 132; /* SCTP */
    assert_int_equal(beba_train_look(&p, &t), -EINVAL);
    p.data[14 + 9] = 6;
    p.data[14 + 20 + 12] = 0xf0; /* options, which are a part of the payload */
    assert_int_equal(beba_train_look(&p, &t), 0);
    p.data[14 + 20 + 12] = 0x40;
    assert_int_equal(beba_train_look(&p, &t), -EINVAL);
    p.data[12] = 0x12;
    assert_int_equal(beba_train_look(&p, &t), -EINVAL);
}

/* Random headers never make it read past the packet (sanitizers watch). */
static void noise_is_no_train(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        struct beba_packet p = {.segment = 100};
        struct beba_train t;
        uint8_t *bytes;

        seed = seed * 1664525u + 1013904223u;
        p.len = p.wire_len = seed >> 24;
        bytes = malloc(p.len + 1);
        assert_non_null(bytes);
        for (uint32_t i = 0; i < p.len; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        if (p.len > 24) {
            static const uint16_t type[] = {0x0800, 0x86dd, 0x8100, 0x8847, 0x88e7};

            beba_store16(bytes + 12, type[seed % 5]);
            bytes[14] = (uint8_t)((seed & 8 ? 0x40 : 0x60) | (bytes[14] & 15));
        }
        p.data = bytes;
        p.inner = round & 1 ? (uint16_t)(seed >> 16 & 0xff) : 0;
        if (!beba_train_look(&p, &t))
            beba_train_cut(&t, t.n - 1, out, sizeof(out));
        free(bytes);
    }
}

static void partial(uint32_t proto, enum beba_field_id port, uint16_t offset)
{
    const struct beba_assign a[] = {{BEBA_F_IP4_SRC, {0, 0x0a000001}},
                                    {BEBA_F_IP4_DST, {0, 0x0a000002}},
                                    {BEBA_F_IP_PROTO, {0, proto}},
                                    {port, {0, 9}}};
    struct beba_packet p = build(a, 4, 333);
    struct virtio_net_hdr hdr = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = offset};
    uint8_t right[2000];
    uint32_t n = offset == 8 ? 4 : 2;
    uint64_t sum;

    memcpy(right, p.data, p.len);
    memset(p.data + 34 + offset, 0, n);
    if (offset != 8) { /* what the sender leaves is the pseudo-header's sum */
        sum = 0x0a00 * 2 + 1 + 2 + proto + (p.len - 34);
        beba_store16(p.data + 34 + offset, (uint16_t)sum);
    }
    assert_int_equal(beba_offload_finish(&p, &hdr), 0);
    assert_memory_equal(p.data, right, p.len);
    assert_int_equal(p.segment, 0);
    hdr.csum_start = (uint16_t)(p.len - offset - 1);
    assert_int_equal(beba_offload_finish(&p, &hdr), -EINVAL);
}

static void checksums_left_out_are_completed(void **state)
{
    (void)state;
    partial(6, BEBA_F_TCP_DST, 16);
    partial(17, BEBA_F_UDP_DST, 6);
    partial(132, BEBA_F_SCTP_DST, 8);
}

static void trains_are_known_by_where_their_checksum_is(void **state)
{
    struct beba_packet p = build_tcp(PAYLOAD);
    struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                 .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
                                 .gso_size = SEGMENT,
                                 .csum_start = 34,
                                 .csum_offset = 16};
    struct virtio_net_hdr again;
    struct beba_train t;

    (void)state;
    assert_int_equal(beba_offload_finish(&p, &hdr), 0);
    assert_int_equal(p.segment, SEGMENT);
    assert_int_equal(beba_train_look(&p, &t), 0);
    beba_offload_train(&t, &again);
    assert_int_equal(again.gso_type, hdr.gso_type);
    assert_int_equal(again.gso_size, SEGMENT);
    assert_int_equal(again.csum_start, 34);
    assert_int_equal(again.csum_offset, 16);
    assert_int_equal(again.hdr_len, 54);
    hdr.csum_start = 84; /* of a packet inside this one */
    assert_int_equal(beba_offload_finish(&p, &hdr), -EINVAL);
    assert_int_equal(p.segment, 0);
    hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP;
    assert_int_equal(beba_offload_finish(&p, &hdr), -EINVAL);
}

static void tags_are_put_back(void **state)
{
    struct beba_packet p = build_tcp(20);
    uint8_t before[200];
    uint32_t len = p.len;

    (void)state;
    memcpy(before, p.data, len);
    beba_offload_tag(&p, 0x88a8, 0x6123);
    assert_int_equal(p.len, len + 4);
    assert_int_equal(p.wire_len, len + 4);
    assert_int_equal(p.headroom, HEADROOM - 4);
    assert_memory_equal(p.data, before, 12);
    assert_memory_equal(p.data + 12, "\x88\xa8\x61\x23", 4);
    assert_memory_equal(p.data + 16, before + 12, len - 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_is_cut),
        cmocka_unit_test(tcp_behind_tags_and_labels_is_cut),
        cmocka_unit_test(tcp_over_ip6_is_cut),
        cmocka_unit_test(udp_is_cut),
        cmocka_unit_test(trains_in_tunnels_are_cut),
        cmocka_unit_test(one_segment_is_a_train_of_one),
        cmocka_unit_test(what_cannot_be_cut_is_refused),
        cmocka_unit_test(noise_is_no_train),
        cmocka_unit_test(checksums_left_out_are_completed),
        cmocka_unit_test(trains_are_known_by_where_their_checksum_is),
        cmocka_unit_test(tags_are_put_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
