/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/checksum.h"

#include "packet/read.h"

uint64_t beba_sum_add(uint64_t sum, const uint8_t *at, size_t n)
{
    for (; n >= 4; n -= 4, at += 4)
        sum += beba_load32(at);
    if (n >= 2) {
        sum += beba_load16(at);
        n -= 2;
        at += 2;
    }
    if (n)
        sum += (uint64_t)at[0] << 8;
    return sum;
}

/* Four bits at a time: SCTP is rare on the packet path, and 16 words stay in one cache line. */
static uint32_t crc32c_add(uint32_t crc, const uint8_t *at, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    while (n--) {
        crc ^= *at++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

uint32_t beba_crc32c(const uint8_t *at, size_t n)
{
    return ~crc32c_add(~0u, at, n);
}

static const struct {
    uint8_t layer, checksum;
} carriers[] = {
    {BEBA_LAYER_TCP, 16},
    {BEBA_LAYER_UDP, 6},
    {BEBA_LAYER_ICMP, 2},
    {BEBA_LAYER_ICMP6, 2},
};

enum beba_layer beba_packet_transport(const struct beba_packet *p)
{
    for (unsigned i = 0; i < sizeof(carriers) / sizeof(*carriers); i++)
        if (p->h.layers >> carriers[i].layer & 1)
            return (enum beba_layer)carriers[i].layer;
    return BEBA_LAYER_META;
}

uint32_t beba_packet_checksum_at(const struct beba_packet *p)
{
    for (unsigned i = 0; i < sizeof(carriers) / sizeof(*carriers); i++)
        if (p->h.layers >> carriers[i].layer & 1)
            return p->h.offset[carriers[i].layer] + (uint32_t)carriers[i].checksum;
    return 0;
}

/* Loose and strict source route, RFC 791, section 3.1: hops remain while the pointer is inside. */
static bool ip4_source_routed(const uint8_t *ip)
{
    uint32_t hlen = (ip[0] & 15u) * 4, at = 20;

    while (at + 3 <= hlen && ip[at]) {
        if (ip[at] == 1) {
            at++;
            continue;
        }
        if (ip[at] == 131 || ip[at] == 137)
            return ip[at + 2] <= ip[at + 1];
        if (ip[at + 1] < 2)
            return false;
        at += ip[at + 1];
    }
    return false;
}

bool beba_packet_source_routed(const struct beba_packet *p)
{
    const uint8_t *d = p->data, *ip = d + p->h.offset[BEBA_LAYER_IP];
    uint32_t at;
    uint8_t next;

    if (beba_packet_has(p, BEBA_LAYER_IP4))
        return (ip[0] & 15) > 5 && p->h.offset[BEBA_LAYER_IP] + (ip[0] & 15u) * 4 <= p->h.l3_end &&
               ip4_source_routed(ip);
    if (!beba_packet_has(p, BEBA_LAYER_IP6))
        return false;
    next = ip[6];
    at = p->h.offset[BEBA_LAYER_IP] + 40u;
    while (beba_ip6_is_ext(next) && at + 8 <= p->h.l3_end) {
        if (next == BEBA_IP_ROUTING && d[at + 3])
            return true;
        uint8_t type = next;
        next = d[at];
        at += beba_ip6_ext_len(type, d + at);
    }
    return false;
}

bool beba_packet_is_whole(const struct beba_packet *p)
{
    struct beba_u128 fragment;
    uint64_t len;

    beba_field_read_special(p, BEBA_F_IP_FRAG, &fragment);
    return beba_field_get(p, BEBA_F_IP_LEN, &len) && !fragment.lo &&
           p->h.offset[BEBA_LAYER_IP] + len == p->h.l3_end;
}

uint32_t beba_packet_sctp_crc(const struct beba_packet *p)
{
    static const uint8_t zero[4];
    uint32_t at = p->h.offset[BEBA_LAYER_SCTP];
    uint32_t crc = crc32c_add(~0u, p->data + at, 8);

    crc = crc32c_add(crc, zero, sizeof(zero));
    crc = ~crc32c_add(crc, p->data + at + 12, p->h.l3_end - at - 12u);
    return __builtin_bswap32(crc); /* sent least significant byte first */
}

/* Sum over pseudo-header and datagram with its checksum, len bytes from at. */
static uint64_t transport_sum(const struct beba_packet *p, uint32_t at, uint32_t len)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP];
    uint64_t sum = 0;

    if (!beba_packet_has(p, BEBA_LAYER_ICMP)) {
        sum = len + (uint64_t)p->h.ip_proto;
        if (beba_packet_has(p, BEBA_LAYER_IP4))
            sum = beba_sum_add(sum, ip + 12, 8);
        else
            sum = beba_sum_add(sum, ip + 8, 32);
    }
    return beba_sum_add(sum, p->data + at, len);
}

/* The datagram that the transport checksum covers; false where that cannot be told. */
static bool transport_span(const struct beba_packet *p, uint32_t *at, uint32_t *len)
{
    enum beba_layer layer = beba_packet_transport(p);

    if (layer == BEBA_LAYER_META || !beba_packet_is_whole(p) || beba_packet_source_routed(p))
        return false;
    *at = p->h.offset[layer];
    *len = p->h.l3_end - *at;
    if (layer == BEBA_LAYER_UDP) {
        uint32_t told = beba_load16(p->data + *at + 4);
        if (told > *len)
            return false;
        *len = told;
    }
    return true;
}

static bool ip4_span(const struct beba_packet *p, uint32_t *at, uint32_t *len)
{
    if (!beba_packet_has(p, BEBA_LAYER_IP4))
        return false;
    *at = p->h.offset[BEBA_LAYER_IP4];
    *len = (p->data[*at] & 15u) * 4;
    return *at + *len <= p->h.l3_end;
}

unsigned beba_packet_checksums(const struct beba_packet *p, unsigned *present)
{
    uint32_t at, len;
    unsigned wrong = 0;

    *present = 0;
    if (ip4_span(p, &at, &len)) {
        *present |= 1;
        wrong |= beba_sum_fold(beba_sum_add(0, p->data + at, len)) != 0xffff ? 1 : 0;
    }
    if (beba_packet_has(p, BEBA_LAYER_SCTP)) {
        if (beba_packet_is_whole(p)) {
            *present |= 2;
            at = p->h.offset[BEBA_LAYER_SCTP];
            wrong |= beba_load32(p->data + at + 8) != beba_packet_sctp_crc(p) ? 2 : 0;
        }
        return wrong;
    }
    if (!transport_span(p, &at, &len))
        return wrong;
    if (beba_packet_has(p, BEBA_LAYER_UDP) && !beba_load16(p->data + at + 6))
        return wrong;
    *present |= 2;
    wrong |= beba_sum_fold(transport_sum(p, at, len)) != 0xffff ? 2 : 0;
    return wrong;
}

void beba_packet_checksums_set(struct beba_packet *p)
{
    uint32_t at, len;

    if (ip4_span(p, &at, &len)) {
        beba_store16(p->data + at + 10, 0);
        beba_store16(p->data + at + 10,
                     (uint16_t)~beba_sum_fold(beba_sum_add(0, p->data + at, len)));
    }
    if (beba_packet_has(p, BEBA_LAYER_SCTP) && beba_packet_is_whole(p)) {
        at = p->h.offset[BEBA_LAYER_SCTP];
        beba_store32(p->data + at + 8, beba_packet_sctp_crc(p));
    } else if (transport_span(p, &at, &len)) {
        uint32_t csum_at = beba_packet_checksum_at(p);
        uint16_t csum;
        beba_store16(p->data + csum_at, 0);
        csum = (uint16_t)~beba_sum_fold(transport_sum(p, at, len));
        if (!csum && beba_packet_has(p, BEBA_LAYER_UDP))
            csum = 0xffff;
        beba_store16(p->data + csum_at, csum);
    }
}
