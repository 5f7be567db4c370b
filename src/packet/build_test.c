/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "packet/samples.h"

static uint8_t buf[SAMPLE_SIZE];

static struct beba_packet build(uint32_t layers, uint32_t frame_len, const struct beba_assign *a,
                                unsigned n)
{
    struct beba_build b = {.assign = a, .n_assign = n, .layers = layers, .frame_len = frame_len};
    struct beba_error err = {0};
    struct beba_packet p = {0};

    if (beba_packet_build(&p, buf, sizeof(buf), 32, &b, &err))
        fail_msg("%s", err.what);
    return p;
}

static uint64_t read(const struct beba_packet *p, enum beba_field_id id)
{
    uint64_t v;

    if (!beba_field_read(p, id, &v))
        fail_msg("no %s", beba_fields[id].name);
    return v;
}

static void builds_back_to_what_was_assigned(void **state)
{
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        const struct sample *s = &samples[i];
        struct beba_error err = {0};
        struct beba_packet p;
        unsigned present;

        if (sample_build(s, &p, buf, &err))
            fail_msg("%s: %s", s->what, err.what);
        for (unsigned k = 0; k < SAMPLE_ASSIGN && s->set[k].field; k++) {
            const struct sample_value *v = &s->set[k];
            struct beba_u128 got;
            assert_true(
                beba_field_read_wide(&p, beba_field_find(v->field, strlen(v->field)), &got));
            assert_int_equal(beba_u128_cmp(got, beba_u128(v->hi, v->lo)), 0);
        }
        assert_int_equal(p.h.flaws & ~BEBA_FLAW_LATER_FRAGMENT, 0);
        assert_int_equal(beba_packet_checksums(&p, &present), 0);
        assert_ptr_equal(p.data, buf + SAMPLE_HEADROOM);
        assert_int_equal(p.tailroom, SAMPLE_SIZE - SAMPLE_HEADROOM - p.len);
        assert_memory_equal(p.data + p.len - s->payload_len, sample_payload, s->payload_len);
    }
}

static void has_sensible_defaults(void **state)
{
    static const struct beba_assign tcp[] = {{BEBA_F_TCP_DST, {0, 443}}};
    struct beba_packet p = build(0, 0, tcp, 1);
    unsigned present;

    assert_int_equal(p.len, 54);
    assert_int_equal(read(&p, BEBA_F_ETH_SRC), 0x020000000001);
    assert_int_equal(read(&p, BEBA_F_ETH_DST), 0x020000000002);
    assert_int_equal(read(&p, BEBA_F_IP4_SRC), V4(10, 0, 0, 1));
    assert_int_equal(read(&p, BEBA_F_IP4_DST), V4(10, 0, 0, 2));
    assert_int_equal(read(&p, BEBA_F_IP4_TTL), 64);
    assert_int_equal(read(&p, BEBA_F_TCP_SRC), 1024);
    assert_int_equal(read(&p, BEBA_F_TCP_FLAGS), 0);
    assert_int_equal(read(&p, BEBA_F_TCP_WINDOW), 65535);
    assert_int_equal(beba_packet_checksums(&p, &present), 0);
    assert_int_equal(present, 3);

    p = build(1u << BEBA_LAYER_ARP, 0, NULL, 0);
    assert_int_equal(read(&p, BEBA_F_ARP_OP), 1);
    assert_int_equal(read(&p, BEBA_F_ARP_SHA), 0x020000000001);
    assert_int_equal(read(&p, BEBA_F_ETH_DST), 0xffffffffffff);
    p = build(1u << BEBA_LAYER_ICMP, 0, NULL, 0);
    assert_int_equal(read(&p, BEBA_F_ICMP_TYPE), 8);
    p = build(1u << BEBA_LAYER_ND, 0, NULL, 0);
    assert_int_equal(read(&p, BEBA_F_ICMP6_TYPE), 135);
    assert_int_equal(read(&p, BEBA_F_IP6_HLIM), 255);
    p = build(0, 0, NULL, 0);
    assert_int_equal(p.h.layers, 1u << BEBA_LAYER_META | 1u << BEBA_LAYER_ETH);
}

/* Every layer word alone makes a packet that has the layer. */
static void builds_every_layer(void **state)
{
    for (unsigned i = BEBA_LAYER_ETH; i < BEBA_N_LAYERS; i++) {
        struct beba_packet p = build(1u << i, 0, NULL, 0);
        unsigned present;

        if (!beba_packet_has(&p, (enum beba_layer)i))
            fail_msg("no %s", beba_layer_name((enum beba_layer)i));
        assert_int_equal(p.h.flaws, 0);
        assert_int_equal(beba_packet_checksums(&p, &present), 0);
    }
}

/* Every field that can be chosen can be chosen alone. */
static void builds_every_field(void **state)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        struct beba_assign a = {(enum beba_field_id)i, {0, 1}};
        struct beba_build b = {.assign = &a, .n_assign = 1};
        struct beba_error err = {0};
        struct beba_packet p;

        if (beba_fields[i].flags & BEBA_FIELD_READONLY)
            continue;
        if (i == BEBA_F_VLAN_TPID)
            a.value.lo = 0x9100;
        if (i == BEBA_F_ETH_TYPE)
            a.value.lo = 0x0800;
        if (beba_packet_build(&p, buf, sizeof(buf), 0, &b, &err) &&
            i != BEBA_F_IP6_NEXT) /* 1 is ICMP, which IPv6 does not carry */
            fail_msg("%s: %s", beba_fields[i].name, err.what);
    }
}

static void address_chooses_the_version(void **state)
{
    struct beba_assign a[2] = {{BEBA_F_IP_SRC, {0, MAPPED(192, 0, 2, 1)}},
                               {BEBA_F_L4_DST, {0, 53}}};
    struct beba_packet p = build(0, 0, a, 2);

    assert_int_equal(read(&p, BEBA_F_IP4_SRC), V4(192, 0, 2, 1));
    assert_int_equal(read(&p, BEBA_F_TCP_DST), 53);
    a[0].value = beba_u128(0x20010db8ull << 32, 5);
    p = build(0, 0, a, 2);
    assert_int_equal(read(&p, BEBA_F_IP6_SRC), 5);
}

static void protocol_chooses_the_transport(void **state)
{
    struct beba_assign a[2] = {{BEBA_F_IP_PROTO, {0, 17}}, {BEBA_F_L4_DST, {0, 53}}};
    struct beba_packet p = build(0, 0, a, 2);

    assert_int_equal(read(&p, BEBA_F_UDP_DST), 53);
    a[0].value.lo = 89;
    p = build(0, 0, a, 1);
    assert_int_equal(read(&p, BEBA_F_IP4_PROTO), 89);
    assert_false(beba_packet_has(&p, BEBA_LAYER_L4));
    a[0] = (struct beba_assign){BEBA_F_IP6_PROTO, {0, 132}};
    p = build(0, 0, a, 2);
    assert_int_equal(read(&p, BEBA_F_SCTP_DST), 53);
    a[0] = (struct beba_assign){BEBA_F_IP6_NEXT, {0, 17}};
    p = build(0, 0, a, 2);
    assert_int_equal(read(&p, BEBA_F_UDP_DST), 53);
    a[0] = (struct beba_assign){BEBA_F_ETH_TYPE, {0, 0x86dd}};
    p = build(0, 0, a, 2);
    assert_true(beba_packet_has(&p, BEBA_LAYER_IP6));
    a[0] = (struct beba_assign){BEBA_F_ETH_TYPE, {0, 0x8848}};
    p = build(0, 0, a, 2);
    assert_int_equal(read(&p, BEBA_F_ETH_TYPE), 0x8848);
    assert_true(beba_packet_has(&p, BEBA_LAYER_MPLS));
    assert_true(beba_packet_has(&p, BEBA_LAYER_TCP));
    a[0] = (struct beba_assign){BEBA_F_IP_VERSION, {0, 6}};
    p = build(0, 0, a, 2);
    assert_true(beba_packet_has(&p, BEBA_LAYER_IP6));
    a[0].value.lo = 4;
    p = build(0, 0, a, 2);
    assert_true(beba_packet_has(&p, BEBA_LAYER_IP4));
}

static void lengths_are_kept(void **state)
{
    struct beba_assign a[2] = {{BEBA_F_TCP_DST, {0, 80}}, {BEBA_F_PKT_LEN, {0, 1514}}};
    struct beba_packet p = build(0, 0, a, 2);

    assert_int_equal(p.len, 1514);
    assert_int_equal(read(&p, BEBA_F_IP4_LEN), 1500);
    assert_int_equal(read(&p, BEBA_F_L4_PAYLOAD_LEN), 1460);
    p = build(0, 100, a, 1);
    assert_int_equal(p.len, 100);
    p = build(0, 53, a, 1); /* less than the headers is no padding */
    assert_int_equal(p.len, 54);
    a[1].value.lo = 54;
    p = build(0, 0, a, 2);
    assert_int_equal(p.len, 54);
    a[1] = (struct beba_assign){BEBA_F_L4_PAYLOAD_LEN, {0, 77}};
    p = build(0, 0, a, 2);
    assert_int_equal(p.len, 54 + 77);
}

static void metadata_is_set(void **state)
{
    static const struct beba_assign a[] = {{BEBA_F_IN_PORT, {0, 3}},
                                           {BEBA_F_NOW, {0, 12345}},
                                           {BEBA_F_METADATA, {0, 9}},
                                           {BEBA_F_TUNNEL_ID, {0, 8}}};
    struct beba_packet p = build(0, 0, a, 4);

    assert_int_equal(p.in_port, 3);
    assert_int_equal(p.in_phy_port, 3);
    assert_int_equal(p.now, 12345);
    assert_int_equal(p.metadata, 9);
    assert_int_equal(p.tunnel_id, 8);
}

static void refuses(const char *what, const struct beba_assign *a, unsigned n)
{
    struct beba_build b = {.assign = a, .n_assign = n};
    struct beba_error err = {0};
    struct beba_packet p;

    assert_int_equal(beba_packet_build(&p, buf, sizeof(buf), 0, &b, &err), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.what, what);
}

static void refuses_contradictions(void **state)
{
    static const struct {
        const char *what;
        struct beba_assign a[2];
    } rows[] = {
        {"tcp.dst and udp.dst cannot be in one packet",
         {{BEBA_F_TCP_DST, {0, 1}}, {BEBA_F_UDP_DST, {0, 1}}}},
        {"ip4.src and ip6.src cannot be in one packet",
         {{BEBA_F_IP4_SRC, {0, 1}}, {BEBA_F_IP6_SRC, {0, 1}}}},
        {"ip.src and ip.dst cannot be in one packet with these values",
         {{BEBA_F_IP_SRC, {0, MAPPED(10, 0, 0, 1)}}, {BEBA_F_IP_DST, {1, 1}}}},
        {"arp.op and tcp.dst cannot be in one packet",
         {{BEBA_F_ARP_OP, {0, 1}}, {BEBA_F_TCP_DST, {0, 1}}}},
        {"eth.type and ip6.src cannot be in one packet with these values",
         {{BEBA_F_ETH_TYPE, {0, 0x800}}, {BEBA_F_IP6_SRC, {0, 1}}}},
        {"eth.type = 0x88b5 does not go with the network layer wanted",
         {{BEBA_F_ETH_TYPE, {0, 0x88b5}}, {BEBA_F_IP6_SRC, {0, 1}}}},
        {"ip.proto = 89 does not go with the transport wanted",
         {{BEBA_F_IP_PROTO, {0, 89}}, {BEBA_F_L4_DST, {0, 1}}}},
        {"vlan.id is assigned twice", {{BEBA_F_VLAN_ID, {0, 1}}, {BEBA_F_VLAN_ID, {0, 2}}}},
        {"the value of vlan.id does not fit in its 12 bits",
         {{BEBA_F_VLAN_ID, {0, 4096}}, {BEBA_F_VLAN_PCP, {0, 1}}}},
        {"tcp.csum cannot be chosen: it follows from the rest of the packet",
         {{BEBA_F_TCP_CSUM, {0, 1}}, {BEBA_F_TCP_DST, {0, 2}}}},
        {"a packet with the other values has no field tcp.dst",
         {{BEBA_F_TCP_DST, {0, 1}}, {BEBA_F_IP4_FRAG_OFF, {0, 2}}}},
        {"a packet with the other values has no field icmp.id",
         {{BEBA_F_ICMP_TYPE, {0, 3}}, {BEBA_F_ICMP_ID, {0, 2}}}},
        {"pkt.len = 50 is too short: headers and payload need 54 bytes",
         {{BEBA_F_PKT_LEN, {0, 50}}, {BEBA_F_IP6_HLIM, {0, 2}}}},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        refuses(rows[i].what, rows[i].a, 2);
}

static void says_what_to_assign_instead(void **state)
{
    static const struct beba_assign a[] = {{BEBA_F_IP_FRAG, {0, 1}}, {BEBA_F_TCP_CSUM, {0, 1}}};

    for (unsigned i = 0; i < 2; i++) {
        struct beba_build b = {.assign = &a[i], .n_assign = 1};
        struct beba_error err = {0};
        struct beba_packet p;
        assert_int_equal(beba_packet_build(&p, buf, sizeof(buf), 0, &b, &err), -EINVAL);
        assert_int_equal(err.hint[0] != 0, i == 0);
    }
}

static void refuses_small_buffers(void **state)
{
    struct beba_assign a = {BEBA_F_TCP_DST, {0, 1}};
    struct beba_build b = {.assign = &a, .n_assign = 1};
    struct beba_packet p;

    for (size_t size = 0; size < 60; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        assert_int_equal(beba_packet_build(&p, exact, size, 4, &b, NULL), size < 58 ? -ENOBUFS : 0);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_back_to_what_was_assigned),
        cmocka_unit_test(has_sensible_defaults),
        cmocka_unit_test(builds_every_layer),
        cmocka_unit_test(builds_every_field),
        cmocka_unit_test(address_chooses_the_version),
        cmocka_unit_test(protocol_chooses_the_transport),
        cmocka_unit_test(lengths_are_kept),
        cmocka_unit_test(metadata_is_set),
        cmocka_unit_test(refuses_contradictions),
        cmocka_unit_test(says_what_to_assign_instead),
        cmocka_unit_test(refuses_small_buffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
