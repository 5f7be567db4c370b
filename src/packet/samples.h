/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets for the tests of this room: built from names and values, or given as bytes. */
#ifndef BEBA_PACKET_SAMPLES_H
#define BEBA_PACKET_SAMPLES_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "packet/packet.h"

enum { SAMPLE_SIZE = 2048, SAMPLE_HEADROOM = 64, SAMPLE_ASSIGN = 8 };

struct sample_value {
    const char *field;
    uint64_t lo, hi;
};

/* Headers by field values; payload bytes count up from 0. */
struct sample {
    const char *what;
    uint32_t payload_len;
    struct sample_value set[SAMPLE_ASSIGN];
};

#define V4(a, b, c, d) \
    ((uint64_t)(a) << 24 | (uint64_t)(b) << 16 | (uint64_t)(c) << 8 | (uint64_t)(d))
#define MAPPED(a, b, c, d) (0xffff00000000 | V4(a, b, c, d))

/* clang-format off */
#define F(field, value)  {field, value, 0}
#define W(field, hi, lo) {field, lo, hi}
/* clang-format on */

static const struct sample samples[] = {
    {"bare Ethernet", 46, {F("eth.type", 0x88b5)}},
    {"tcp", 10, {F("tcp.dst", 443), F("tcp.syn", 1), F("ip4.src", V4(192, 0, 2, 1))}},
    {"tcp, odd payload", 7, {F("tcp.dst", 443), F("tcp.flags", 0xfff), F("ip.ttl", 1)}},
    {"tcp over ip6", 11, {F("tcp.dst", 443), W("ip6.src", 2, 1), F("ip6.flow", 0xabcde)}},
    {"udp", 33, {F("udp.dst", 53), F("udp.src", 5353)}},
    {"udp over ip6", 32, {F("udp.dst", 53), F("ip6.dscp", 46)}},
    {"udp, no payload", 0, {F("udp.dst", 9)}},
    {"sctp", 20, {F("sctp.dst", 2905), F("sctp.vtag", 0xdeadbeef)}},
    {"sctp over ip6", 21, {F("sctp.dst", 2905), F("ip6.hlim", 3)}},
    {"icmp echo", 56, {F("icmp.type", 8), F("icmp.id", 77), F("icmp.seq", 3)}},
    {"icmp unreachable", 28, {F("icmp.type", 3), F("icmp.code", 3)}},
    {"icmp6 echo", 13, {F("icmp6.type", 128), F("icmp6.id", 5)}},
    {"solicitation", 0, {W("nd.target", 0xfe80ull << 48, 9), F("nd.sll", 0x020304050607)}},
    {"advertisement", 0, {W("nd.target", 0xfe80ull << 48, 9), F("nd.tll", 0x020304050607)}},
    {"arp", 18, {F("arp.op", 1), F("arp.tpa", V4(10, 1, 1, 1))}},
    {"vlan", 20, {F("vlan.id", 100), F("vlan.pcp", 5), F("udp.dst", 53)}},
    {"QinQ", 20, {F("vlan.id", 100), F("vlan2.id", 200), F("tcp.dst", 22), F("vlan2.dei", 1)}},
    {"mpls", 20, {F("mpls.label", 1000), F("tcp.dst", 22)}},
    {"two labels, ip6", 20, {F("mpls2.label", 1000), F("mpls.tc", 3), W("ip6.src", 1, 1)}},
    {"pbb", 60, {F("pbb.isid", 0x123456)}},
    {"first fragment", 24, {F("udp.dst", 53), F("ip4.mf", 1), F("ip4.id", 7)}},
    {"later fragment", 24, {F("ip4.frag_off", 100), F("ip4.proto", 253)}},
    {"first fragment, ip6", 24, {F("udp.dst", 53), F("ip6frag.mf", 1), F("ip6frag.id", 7)}},
    {"later fragment, ip6", 24, {F("ip6frag.off", 100), F("ip6.proto", 253)}},
    {"gre", 30, {F("gre.proto", 0x6558)}},
    {"gre with key", 30, {F("gre.key", 0xcafe), F("ip6.ecn", 1)}},
    {"vxlan", 60, {F("vxlan.vni", 5000)}},
    {"vxlan over ip6", 60, {F("vxlan.vni", 5000), W("ip6.src", 1, 1)}},
    {"gtp-u", 40, {F("gtpu.teid", 0x01020304)}},
    {"ip4 only", 40, {F("ip.src", MAPPED(198, 51, 100, 1)), F("ip.dscp", 10)}},
};

enum { N_SAMPLES = sizeof(samples) / sizeof(*samples) };

static uint8_t sample_payload[256];

/* Builds s into buf of SAMPLE_SIZE bytes. */
static inline int sample_build(const struct sample *s, struct beba_packet *p, uint8_t *buf,
                               struct beba_error *err)
{
    struct beba_assign assign[SAMPLE_ASSIGN];
    struct beba_build b = {
        .assign = assign, .payload = sample_payload, .payload_len = s->payload_len};

    for (unsigned i = 0; i < sizeof(sample_payload); i++)
        sample_payload[i] = (uint8_t)(i + 1);
    for (unsigned i = 0; i < SAMPLE_ASSIGN && s->set[i].field; i++) {
        const struct sample_value *v = &s->set[i];
        assign[b.n_assign].field = beba_field_find(v->field, strlen(v->field));
        assign[b.n_assign++].value = beba_u128(v->hi, v->lo);
    }
    return beba_packet_build(p, buf, SAMPLE_SIZE, SAMPLE_HEADROOM, &b, err);
}

#endif
