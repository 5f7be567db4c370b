/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The editor's core: bytes change, and the checksums that cover them follow (RFC 1624, equation 3).
 * Compiles for BPF; edit.c, checksum.c and emit/rt/packet.h are its users. */
#ifndef BEBA_PACKET_CHANGE_H
#define BEBA_PACKET_CHANGE_H

#include "packet/look.h"

/* 16 bits of a running sum. */
BEBA_INLINE uint16_t beba_sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The checksum after words that summed to old became words that sum to new. */
BEBA_INLINE uint16_t beba_sum_update(uint16_t checksum, uint64_t old, uint64_t new)
{
    return (uint16_t)~beba_sum_fold((uint64_t)(uint16_t)~checksum + (uint16_t)~beba_sum_fold(old) +
                                    new);
}

/* Most bytes of one change: an IPv6 address, widened to words. */
enum { BEBA_CHANGE_MAX = 18 };

/* The sum of the n / 2 words at at. */
BEBA_INLINE uint64_t beba_change_sum(beba_view v, uint32_t at, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < BEBA_CHANGE_MAX && i < n; i += 2)
        sum += beba_view16(v, at + i);
    return sum;
}

/* The layer that carries the transport checksum: TCP, UDP, ICMP or ICMPv6; META if there is none.
 */
BEBA_INLINE enum beba_layer beba_change_transport(const struct beba_headers *h, uint32_t *csum)
{
    if (beba_has(h, BEBA_LAYER_TCP)) {
        *csum = h->offset[BEBA_LAYER_TCP] + 16u;
        return BEBA_LAYER_TCP;
    }
    if (beba_has(h, BEBA_LAYER_UDP)) {
        *csum = h->offset[BEBA_LAYER_UDP] + 6u;
        return BEBA_LAYER_UDP;
    }
    if (beba_has(h, BEBA_LAYER_ICMP)) {
        *csum = h->offset[BEBA_LAYER_ICMP] + 2u;
        return BEBA_LAYER_ICMP;
    }
    if (beba_has(h, BEBA_LAYER_ICMP6)) {
        *csum = h->offset[BEBA_LAYER_ICMP6] + 2u;
        return BEBA_LAYER_ICMP6;
    }
    *csum = 0;
    return BEBA_LAYER_META;
}

/* One option of an IPv4 header that starts at ip and is hlen long: where the next one is, or 1 or 2
 * when nothing else is to be looked at: 1 when a source route still has hops to go. */
BEBA_STAGE_EDIT uint32_t beba_change_option(beba_view v, uint32_t ip, uint32_t hlen, uint32_t at)
{
    uint8_t type, len;

    if (at + 3 > hlen)
        return 2;
    type = beba_view8(v, ip + at);
    if (!type)
        return 2;
    if (type == 1)
        return at + 1;
    len = beba_view8(v, ip + at + 1);
    if (type == 131 || type == 137)
        return beba_view8(v, ip + at + 2) <= len ? 1 : 2;
    return len < 2 ? 2 : at + len;
}

/* Loose and strict source route, RFC 791, section 3.1: hops remain while the pointer is inside. */
BEBA_INLINE bool change_ip4_routed(beba_view v, const struct beba_headers *h)
{
    uint32_t ip = h->offset[BEBA_LAYER_IP], at = 20;
    uint32_t hlen = (beba_view8(v, ip) & 15u) * 4;

    if (hlen <= 20 || ip + hlen > h->l3_end)
        return false;
    for (unsigned n = 0; n < 40 && at > 2; n++)
        at = beba_change_option(v, ip, hlen, at);
    return at == 1;
}

BEBA_INLINE bool change_ip6_routed(beba_view v, const struct beba_headers *h)
{
    uint32_t ip = h->offset[BEBA_LAYER_IP], at = ip + 40;
    uint8_t next = beba_view8(v, ip + 6);

    for (unsigned n = 0; n <= BEBA_MAX_EXT && beba_ip6_is_ext(next) && at + 8 <= h->l3_end; n++) {
        uint8_t type = next;
        if (next == BEBA_IP_ROUTING && beba_view8(v, at + 3))
            return true;
        next = beba_view8(v, at);
        at += beba_ip6_ext_size(type, beba_view8(v, at + 1));
    }
    return false;
}

/* True when the destination in the IP header is not the one the transport checksum covers: a source
 * route still has hops to go (RFC 8200, section 8.1; RFC 1122, section 3.2.1.8). */
BEBA_STAGE_EDIT int beba_change_routed(beba_view v, const struct beba_headers *h)
{
    BEBA_STAGE_ARG(h);
    if (beba_has(h, BEBA_LAYER_IP4))
        return change_ip4_routed(v, h);
    return beba_has(h, BEBA_LAYER_IP6) && change_ip6_routed(v, h);
}

/* True when the whole datagram is here: not a fragment, and captured to its end. */
BEBA_INLINE bool beba_change_whole(beba_view v, const struct beba_headers *h)
{
    return beba_has(h, BEBA_LAYER_IP) && !beba_look_fragment(v, h) &&
           h->offset[BEBA_LAYER_IP] + beba_look_ip_len(v, h) == h->l3_end;
}

/* A CRC32c as it grows, four bits at a time: SCTP is rare on the packet path, and 16 words stay in
 * one cache line. */
BEBA_INLINE uint32_t beba_crc32c_byte(uint32_t crc, uint8_t byte)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    crc ^= byte;
    crc = crc >> 4 ^ table[crc & 15];
    return crc >> 4 ^ table[crc & 15];
}

struct beba_change_crc {
    beba_view v;
    uint32_t from, n; /* bytes; the four from the eighth on, the checksum, count as zeros */
    uint32_t crc;
};

BEBA_STEP long beba_change_crc_step(uint32_t i, struct beba_change_crc *c)
{
    if (i >= c->n)
        return 1;
    c->crc = beba_crc32c_byte(c->crc, i >= 8 && i < 12 ? 0 : beba_view8(c->v, c->from + i));
    return 0;
}

/* The CRC32c an SCTP packet should carry, as a number to store big-endian; its datagram is whole.
 */
BEBA_STAGE_EDIT uint32_t beba_change_sctp_crc(beba_view v, const struct beba_headers *h)
{
    struct beba_change_crc c = {.v = v, .crc = ~0u};

    BEBA_STAGE_ARG(h);
    c.from = h->offset[BEBA_LAYER_SCTP];
    c.n = h->l3_end - c.from;
    BEBA_LOOP(BEBA_PACKET_MAX, beba_change_crc_step, &c);
    return __builtin_bswap32(~c.crc); /* sent least significant byte first */
}

BEBA_INLINE void change_sum16(beba_view v, uint32_t at, uint64_t old, uint64_t new)
{
    beba_put16(v, at, beba_sum_update(beba_view16(v, at), old, new));
}

/* Zero says that a UDP sender computed no checksum; a computed zero is sent as 0xffff (RFC 768).
 * pseudo: it is an address that changed. */
BEBA_STAGE_EDIT int beba_change_transport_sum(beba_view v, const struct beba_headers *h,
                                              uint64_t old, uint64_t new, uint32_t pseudo)
{
    enum beba_layer layer;
    uint32_t at;

    BEBA_STAGE_ARG(h);
    BEBA_STAGE_VALUE(pseudo);
    layer = beba_change_transport(h, &at);
    if (layer == BEBA_LAYER_META || (layer == BEBA_LAYER_UDP && !beba_view16(v, at)))
        return 0;
#ifdef BEBA_VIEW_TRANSPORT_SUM
    BEBA_VIEW_TRANSPORT_SUM(v, h, at, old, new, pseudo);
#else
    change_sum16(v, at, old, new);
#endif
    if (layer == BEBA_LAYER_UDP && !beba_view16(v, at))
        beba_put16(v, at, 0xffff);
    return 1;
}

/* True when the word at at is an address that the transport checksum covers. */
BEBA_INLINE bool change_in_pseudo_header(beba_view v, const struct beba_headers *h, uint32_t at)
{
    uint32_t in_ip = at - h->offset[BEBA_LAYER_IP];
    bool v4 = beba_has(h, BEBA_LAYER_IP4);
    uint32_t src = v4 ? 12 : 8, dst = v4 ? 16 : 24, end = v4 ? 20 : 40;

    if (in_ip < src || in_ip >= end || beba_has(h, BEBA_LAYER_ICMP))
        return false;
    return in_ip < dst || !beba_change_routed(v, h);
}

/* The sums follow: words at at, not before the IP header, summed to old and sum to new now. */
BEBA_STAGE_EDIT int beba_change_sums(beba_view v, const struct beba_headers *h, uint32_t at,
                                     uint64_t old, uint64_t new)
{
    uint32_t ip, csum;
    enum beba_layer layer;
    bool covered = false;

    BEBA_STAGE_ARG(h);
    ip = h->offset[BEBA_LAYER_IP];
    layer = beba_change_transport(h, &csum);
    if (beba_has(h, BEBA_LAYER_IP4) && at < ip + 20) {
        change_sum16(v, ip + 10, old, new);
        covered = true;
    }
    if (layer != BEBA_LAYER_META) {
        bool pseudo = at < csum && at < ip + 40 && change_in_pseudo_header(v, h, at);
        bool inside = at >= csum - (layer == BEBA_LAYER_TCP ? 16 : layer == BEBA_LAYER_UDP ? 6 : 2);
        if (inside || pseudo)
            covered |= beba_change_transport_sum(v, h, old, new, !inside);
    }
    if (beba_has(h, BEBA_LAYER_GRE) && at >= h->offset[BEBA_LAYER_GRE]) {
        uint32_t gre = h->offset[BEBA_LAYER_GRE];
        if (beba_view8(v, gre) & 0x80 && gre + 6 <= h->l3_end) {
            change_sum16(v, gre + 4, old, new);
            covered = true;
        }
    }
    return covered;
}

/* Bytes about to change, and what their checksums need to know. */
struct beba_change {
    uint32_t at, n;    /* widened to the 16-bit words of the checksums; n = 0: no checksum */
    uint64_t sum;      /* of those words, before */
    uint32_t sctp_crc; /* before */
    bool sctp;
};

/* odd: at is at an odd distance from the IP header. */
BEBA_INLINE struct beba_change beba_change_begin(beba_view v, const struct beba_headers *h,
                                                 uint32_t at, uint32_t n, bool odd)
{
    struct beba_change c = {.at = at};

    if (!beba_has(h, BEBA_LAYER_IP) || at < h->offset[BEBA_LAYER_IP])
        return c;
    c.sctp =
        beba_has(h, BEBA_LAYER_SCTP) && at >= h->offset[BEBA_LAYER_SCTP] && beba_change_whole(v, h);
    c.at -= odd;
    c.n = (n + odd + 1) & ~1u;
    c.sum = beba_change_sum(v, c.at, c.n);
    if (c.sctp)
        c.sctp_crc = beba_change_sctp_crc(v, h);
    return c;
}

BEBA_INLINE void beba_change_end(beba_view v, const struct beba_headers *h,
                                 const struct beba_change *c)
{
    uint64_t sum;
    bool covered;

    if (!c->n)
        return;
    sum = beba_change_sum(v, c->at, c->n);
    covered = beba_change_sums(v, h, c->at, c->sum, sum);
#ifdef BEBA_VIEW_UNCOVERED
    if (!covered)
        BEBA_VIEW_UNCOVERED(v, c->sum, sum);
#else
    (void)covered;
#endif
    if (c->sctp) { /* a CRC is linear: a wrong one stays wrong by the same difference */
        uint32_t at = h->offset[BEBA_LAYER_SCTP] + 8u;
        beba_put32(v, at, beba_view32(v, at) ^ c->sctp_crc ^ beba_change_sctp_crc(v, h));
    }
}

BEBA_INLINE bool beba_change_tunnel_port(uint16_t port)
{
    return port == BEBA_PORT_VXLAN || port == BEBA_PORT_GTPU;
}

/* Bits to write for this field of this packet: its width, but 32 for ip.src and ip.dst over IPv4.
 * False when the value is an address of the other version. */
BEBA_INLINE bool beba_change_width(const struct beba_headers *h, enum beba_field_id id,
                                   struct beba_u128 value, uint32_t *width)
{
    struct beba_field_shape f = beba_field_shape(id);
    bool v4 = beba_has(h, BEBA_LAYER_IP4);

    *width = f.kind == BEBA_KIND_IP && v4 ? 32 : f.width;
    return f.kind != BEBA_KIND_IP || v4 == (!value.hi && value.lo >> 32 == 0xffff);
}

/* Writes a field that is in the packet; fields of META are the caller's. parse = the packet is to
 * be parsed again: UDP ports are rewritten often and seldom change what a packet is. */
BEBA_INLINE bool beba_change_field(beba_view v, const struct beba_headers *h, enum beba_link link,
                                   enum beba_field_id id, struct beba_u128 value, bool *parse)
{
    struct beba_field_shape f = beba_field_shape(id);
    struct beba_change c;
    uint32_t bit, at, width;
    bool odd;

    *parse = false;
    if (f.flags & BEBA_FIELD_READONLY || !beba_look_place(v, h, link, id, &bit))
        return false;
    if (!beba_change_width(h, id, value, &width))
        return false;
    at = bit / 8;
    /* all headers from IP on start at an even distance from it */
    odd = f.flags & BEBA_FIELD_SPECIAL ? (at - h->offset[BEBA_LAYER_IP]) & 1 : f.bit_offset / 8 & 1;
    c = beba_change_begin(v, h, at, (bit % 8 + width + 7) / 8, odd);
    beba_put_bits(v, bit, width, value);
    beba_change_end(v, h, &c);
    if (!(f.flags & BEBA_FIELD_STRUCTURAL))
        return true;
    *parse = true;
    if (id == BEBA_F_UDP_SRC || id == BEBA_F_UDP_DST || id == BEBA_F_L4_SRC || id == BEBA_F_L4_DST)
        *parse = beba_has(h, BEBA_LAYER_UDP) &&
                 (beba_has(h, BEBA_LAYER_VXLAN) || beba_has(h, BEBA_LAYER_GTPU) ||
                  beba_change_tunnel_port((uint16_t)value.lo));
    return true;
}

/* Exchanges n bytes, 2, 4, 6 or 8, at a and b. */
BEBA_INLINE void beba_change_swap(beba_view v, uint32_t a, uint32_t b, unsigned n)
{
    uint64_t x = beba_view_bytes(v, a, n);

    beba_put_bytes(v, a, n, beba_view_bytes(v, b, n));
    beba_put_bytes(v, b, n, x);
}

/* Sums do not care for the order of source and destination -- but with a source route the transport
 * checksum covers only the source. */
BEBA_STAGE_EDIT int beba_change_swap_ip(beba_view v, const struct beba_headers *h)
{
    uint32_t src, n;
    bool v4;

    BEBA_STAGE_ARG(h);
    v4 = beba_has(h, BEBA_LAYER_IP4);
    src = h->offset[BEBA_LAYER_IP] + (v4 ? 12u : 8u);
    n = v4 ? 4 : 16;
    if (beba_change_routed(v, h) && !beba_has(h, BEBA_LAYER_ICMP))
        beba_change_transport_sum(v, h, beba_change_sum(v, src, n), beba_change_sum(v, src + n, n),
                                  1);
    if (v4) {
        beba_change_swap(v, src, src + 4, 4);
    } else {
        beba_change_swap(v, src, src + 16, 8);
        beba_change_swap(v, src + 8, src + 24, 8);
    }
    return 0;
}

/* Exchanges the ports; true when the packet is to be parsed again. */
BEBA_INLINE bool beba_change_swap_l4(beba_view v, const struct beba_headers *h)
{
    uint32_t at = h->offset[BEBA_LAYER_L4];
    struct beba_change c = beba_change_begin(v, h, at, 4, false);

    beba_change_swap(v, at, at + 2, 2);
    beba_change_end(v, h, &c);
    return beba_has(h, BEBA_LAYER_UDP) && (beba_change_tunnel_port(beba_view16(v, at)) ||
                                           beba_change_tunnel_port(beba_view16(v, at + 2)));
}

/* beba_packet_swap. */
BEBA_INLINE bool beba_change_swap_layer(beba_view v, const struct beba_headers *h,
                                        enum beba_layer layer, bool *parse)
{
    *parse = false;
    if (!beba_has(h, layer))
        return false;
    switch (layer) {
    case BEBA_LAYER_ETH:
        beba_change_swap(v, 0, 6, 6);
        return true;
    case BEBA_LAYER_IP:
    case BEBA_LAYER_IP4:
    case BEBA_LAYER_IP6:
        beba_change_swap_ip(v, h);
        return true;
    case BEBA_LAYER_L4:
    case BEBA_LAYER_TCP:
    case BEBA_LAYER_UDP:
    case BEBA_LAYER_SCTP:
        *parse = beba_change_swap_l4(v, h);
        return true;
    default:
        return false;
    }
}

BEBA_INLINE bool beba_change_is_mpls(uint16_t type)
{
    return type == BEBA_ETH_MPLS || type == BEBA_ETH_MPLS_UP;
}

/* The label to push right behind the addresses of an Ethernet frame. False when that cannot be: a
 * length cannot become a label's payload. */
BEBA_INLINE bool beba_change_label(beba_view v, const struct beba_headers *h, uint32_t label,
                                   uint8_t ttl, uint32_t *word)
{
    uint16_t type = beba_view16(v, 12);

    *word = (label & 0xfffff) << 12 | ttl;
    if (type < BEBA_ETH_MIN)
        return false;
    if (!beba_change_is_mpls(type))
        *word |= 1u << 8;
    else if (beba_has(h, BEBA_LAYER_MPLS)) /* the traffic class is inherited */
        *word |= (beba_view8(v, h->offset[BEBA_LAYER_MPLS] + 2u) & 0x0eu) << 8;
    return true;
}

#endif
