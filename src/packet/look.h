/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The reader's core: where fields are, and the values of those that are not simply bits at a place.
 * Compiles for BPF; read.c, checksum.c and emit/rt/packet.h are its users. All of it looks only at
 * what the parser found. */
#ifndef BEBA_PACKET_LOOK_H
#define BEBA_PACKET_LOOK_H

#include "packet/walk.h"

/* What the code here needs of struct beba_field, as constants that fold away. */
struct beba_field_shape {
    uint8_t layer, flags, kind, width;
    uint16_t bit_offset;
};

BEBA_INLINE struct beba_field_shape beba_field_shape(enum beba_field_id id)
{
    enum { RO = BEBA_FIELD_READONLY, SP = BEBA_FIELD_SPECIAL, ST = BEBA_FIELD_STRUCTURAL };
    /* clang-format off */
    static const struct beba_field_shape shapes[BEBA_N_FIELDS] = {
#define BEBA_FIELD(id, name, kind_, width_, layer_, flags_, bit_offset_, ...)                      \
    [BEBA_F_##id] = {.layer = BEBA_LAYER_##layer_, .flags = (flags_), .kind = BEBA_KIND_##kind_,   \
                     .width = (width_), .bit_offset = (bit_offset_)},
#include "packet/fields.def"
#undef BEBA_FIELD
    };
    /* clang-format on */

    return shapes[id];
}

/* Type field that decides the network layer: behind the tags, and behind LLC/SNAP. */
BEBA_INLINE uint32_t beba_look_ether_type(beba_view v, const struct beba_headers *h)
{
    uint32_t at = 12 + 4u * h->n_vlan;

    return beba_view16(v, at) < BEBA_ETH_MIN ? at + 8 : at;
}

/* The next-header byte that names the transport protocol. */
BEBA_STAGE uint32_t beba_look_last_next(beba_view v, const struct beba_headers *h)
{
    uint32_t at, ext;

    BEBA_STAGE_ARG(h);
    at = h->offset[BEBA_LAYER_IP6] + 6u;
    ext = h->offset[BEBA_LAYER_IP6] + 40u;
    for (unsigned n = 0; n <= BEBA_MAX_EXT; n++) {
        uint8_t next = beba_view8(v, at);
        if (!beba_ip6_is_ext(next) || ext >= h->payload)
            break;
        at = ext;
        ext += beba_ip6_ext_size(next, beba_view8(v, ext + 1));
    }
    return at;
}

/* RFC 4861, section 4.6.1: looks for an option; the place of its address, or 0. */
struct beba_look_option {
    beba_view v;
    uint32_t at, end;
    uint8_t option;
    bool found;
};

BEBA_STEP long beba_look_option_step(uint32_t n, struct beba_look_option *o)
{
    uint32_t len;

    (void)n;
    if (o->at + 8 > o->end)
        return 1;
    o->found = beba_view8(o->v, o->at) == o->option;
    len = beba_view8(o->v, o->at + 1) * 8u;
    if (o->found || !len || o->at + len > o->end)
        return 1;
    o->at += len;
    return 0;
}

BEBA_STAGE uint32_t beba_look_nd(beba_view v, const struct beba_headers *h, uint32_t message,
                                 uint32_t option)
{
    struct beba_look_option o = {.v = v, .option = (uint8_t)option};
    uint32_t nd;

    BEBA_STAGE_ARG(h);
    nd = h->offset[BEBA_LAYER_ND];
    o.at = nd + 24;
    o.end = h->l3_end;
    if (beba_view8(v, nd) != message)
        return 0;
    BEBA_LOOP(BEBA_PACKET_MAX / 8, beba_look_option_step, &o);
    return o.found ? o.at + 2 : 0;
}

/* RFC 2890: the key follows the checksum, if there is one. */
BEBA_INLINE bool look_gre_key(beba_view v, const struct beba_headers *h, uint32_t *bit)
{
    uint32_t at = h->offset[BEBA_LAYER_GRE];
    uint16_t flags = beba_view16(v, at);

    at += flags & 0xc000 ? 8 : 4;
    *bit = at * 8;
    return flags & 0x2000 && !(flags & 7) && at + 4 <= h->l3_end;
}

/* Bytes 4..7 of ICMP messages hold id and sequence in these types: echo, timestamp, information,
 * address mask (RFC 792, 950), and echo of ICMPv6 (RFC 4443, section 4). Extended echo (RFC 8335)
 * has only the id there. */
BEBA_INLINE bool look_icmp_word(beba_view v, const struct beba_headers *h, enum beba_field_id id,
                                uint32_t *bit)
{
    bool v6 = id == BEBA_F_ICMP6_ID || id == BEBA_F_ICMP6_SEQ;
    bool is_id = id == BEBA_F_ICMP_ID || id == BEBA_F_ICMP6_ID;
    uint32_t at = h->offset[v6 ? BEBA_LAYER_ICMP6 : BEBA_LAYER_ICMP];
    uint8_t type;

    *bit += at * 8;
    if (at + (is_id ? 6 : 8) > h->l3_end)
        return false;
    type = beba_view8(v, at);
    if (v6)
        return type == 128 || type == 129 || (is_id && (type == 160 || type == 161));
    return type == 0 || type == 8 || (type >= 13 && type <= 18) ||
           (is_id && (type == 42 || type == 43));
}

BEBA_INLINE uint32_t look_by_version(const struct beba_headers *h, uint32_t bit4, uint32_t bit6)
{
    return h->offset[BEBA_LAYER_IP] * 8u + (beba_has(h, BEBA_LAYER_IP4) ? bit4 : bit6);
}

/* The place of a field with code of its own, of a packet that has its layer. */
BEBA_INLINE bool beba_look_special_place(beba_view v, const struct beba_headers *h,
                                         enum beba_link link, enum beba_field_id id, uint32_t *bit)
{
    switch (id) {
    case BEBA_F_ETH_TYPE:
        if (!h->ether_type)
            return false;
        *bit = beba_look_ether_type(v, h) * 8;
        return true;
    case BEBA_F_VLAN_TPID: /* SLL2 has its protocol field far from what it announces */
        *bit = link == BEBA_LINK_SLL2 ? 0 : h->offset[BEBA_LAYER_VLAN] * 8u;
        return true;
    case BEBA_F_IP_SRC:
        *bit = look_by_version(h, 96, 64);
        return true;
    case BEBA_F_IP_DST:
        *bit = look_by_version(h, 128, 192);
        return true;
    case BEBA_F_IP_DSCP:
        *bit = look_by_version(h, 8, 4);
        return true;
    case BEBA_F_IP_ECN:
        *bit = look_by_version(h, 14, 10);
        return true;
    case BEBA_F_IP_TTL:
        *bit = look_by_version(h, 64, 56);
        return true;
    case BEBA_F_IP_PROTO:
    case BEBA_F_IP6_PROTO:
        *bit = beba_has(h, BEBA_LAYER_IP4) ? h->offset[BEBA_LAYER_IP4] * 8u + 72
                                           : beba_look_last_next(v, h) * 8;
        return true;
    case BEBA_F_ICMP_ID:
    case BEBA_F_ICMP_SEQ:
    case BEBA_F_ICMP6_ID:
    case BEBA_F_ICMP6_SEQ:
        return look_icmp_word(v, h, id, bit);
    case BEBA_F_ND_SLL:
        *bit = beba_look_nd(v, h, BEBA_ICMP6_NS, 1) * 8;
        return *bit;
    case BEBA_F_ND_TLL:
        *bit = beba_look_nd(v, h, BEBA_ICMP6_NA, 2) * 8;
        return *bit;
    case BEBA_F_GRE_KEY:
        return look_gre_key(v, h, bit);
    default:
        return false;
    }
}

/* beba_field_place. */
BEBA_INLINE bool beba_look_place(beba_view v, const struct beba_headers *h, enum beba_link link,
                                 enum beba_field_id id, uint32_t *bit)
{
    struct beba_field_shape f = beba_field_shape(id);

    if (f.layer == BEBA_LAYER_META || !(h->layers >> f.layer & 1))
        return false;
    *bit = f.bit_offset;
    if (f.flags & BEBA_FIELD_SPECIAL)
        return beba_look_special_place(v, h, link, id, bit);
    *bit += h->offset[f.layer] * 8u;
    return true;
}

BEBA_INLINE bool beba_look_fragment(beba_view v, const struct beba_headers *h)
{
    if (beba_has(h, BEBA_LAYER_IP4))
        return beba_view16(v, h->offset[BEBA_LAYER_IP4] + 6u) & 0x3fff;
    return beba_has(h, BEBA_LAYER_IP6FRAG) &&
           beba_view16(v, h->offset[BEBA_LAYER_IP6FRAG] + 2u) & 0xfff9;
}

/* ip.len, of a packet with IP. */
BEBA_INLINE uint64_t beba_look_ip_len(beba_view v, const struct beba_headers *h)
{
    uint32_t ip = h->offset[BEBA_LAYER_IP];

    return beba_has(h, BEBA_LAYER_IP4) ? beba_view16(v, ip + 2) : 40u + beba_view16(v, ip + 4);
}

/* l4.payload_len, of a packet with L4. An IP header that claims more than there was on the wire is
 * not believed. */
BEBA_INLINE uint64_t beba_look_payload_len(beba_view v, const struct beba_headers *h, uint64_t wire)
{
    uint32_t at = h->offset[BEBA_LAYER_L4], hlen = 8;
    uint64_t end = h->offset[BEBA_LAYER_IP] + beba_look_ip_len(v, h);

    if (beba_has(h, BEBA_LAYER_TCP))
        hlen = (beba_view8(v, at + 12) >> 4) * 4u;
    else if (beba_has(h, BEBA_LAYER_SCTP))
        hlen = 12;
    end = end < wire ? end : wire;
    return end > at + hlen ? end - at - hlen : 0;
}

/* OpenFlow 1.3.5, section 7.2.3.8. */
enum {
    BEBA_OFPIEH_NONEXT = 1 << 0,
    BEBA_OFPIEH_ESP = 1 << 1,
    BEBA_OFPIEH_AUTH = 1 << 2,
    BEBA_OFPIEH_DEST = 1 << 3,
    BEBA_OFPIEH_FRAG = 1 << 4,
    BEBA_OFPIEH_ROUTER = 1 << 5,
    BEBA_OFPIEH_HOP = 1 << 6,
    BEBA_OFPIEH_UNREP = 1 << 7, /* unexpected repeats */
    BEBA_OFPIEH_UNSEQ = 1 << 8, /* not in the order that RFC 8200, section 4.1, recommends */
};

/* Place of each in the recommended order; destination options may come twice: before the routing
 * header (place 1), and last. 0: not one that counts. */
BEBA_INLINE uint32_t look_ext_bit(uint32_t next, uint32_t *place)
{
    switch (next) {
    case BEBA_IP_HOPOPTS:
        *place = 0;
        return BEBA_OFPIEH_HOP;
    case BEBA_IP_DSTOPTS:
        *place = 6;
        return BEBA_OFPIEH_DEST;
    case BEBA_IP_ROUTING:
        *place = 2;
        return BEBA_OFPIEH_ROUTER;
    case BEBA_IP_FRAGMENT:
        *place = 3;
        return BEBA_OFPIEH_FRAG;
    case BEBA_IP_AH:
        *place = 4;
        return BEBA_OFPIEH_AUTH;
    case BEBA_IP_ESP:
        *place = 5;
        return BEBA_OFPIEH_ESP;
    case BEBA_IP_NONE:
        *place = 7;
        return BEBA_OFPIEH_NONEXT;
    default:
        return 0;
    }
}

/* The chain of extension headers so far; next is the type of the one at at. */
struct beba_look_chain {
    uint32_t at, next;
    uint32_t bits, n_dest, order;
};

/* One more header: 0 where the chain ends. */
BEBA_STAGE int beba_look_chain_step(beba_view v, const struct beba_headers *h,
                                    struct beba_look_chain *c)
{
    uint32_t bit, place, next, at;
    bool again;

    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(c);
    next = c->next;
    at = c->at;
    bit = look_ext_bit(next, &place);
    if (!bit)
        return 0;
    again = c->bits & bit;
    if (next == BEBA_IP_DSTOPTS) {
        place = c->order < 1 && !c->n_dest ? 1 : place;
        again = c->n_dest++ == 2;
    }
    if (again)
        c->bits |= BEBA_OFPIEH_UNREP;
    else if (place < c->order || (place == 0 && c->bits))
        c->bits |= BEBA_OFPIEH_UNSEQ;
    c->bits |= bit;
    c->order = place > c->order ? place : c->order;
    if (!beba_ip6_is_ext((uint8_t)next) || at >= h->payload || at + 8 > h->l3_end ||
        (next == BEBA_IP_FRAGMENT && beba_view16(v, at + 2) >> 3))
        return 0;
    c->next = beba_view8(v, at);
    c->at = at + beba_ip6_ext_size((uint8_t)next, beba_view8(v, at + 1));
    return 1;
}

/* ip6.exthdr. */
BEBA_STAGE uint32_t beba_look_exthdr(beba_view v, const struct beba_headers *h)
{
    struct beba_look_chain c = {0};
    uint32_t ip;

    BEBA_STAGE_ARG(h);
    ip = h->offset[BEBA_LAYER_IP6];
    c.at = ip + 40;
    c.next = beba_view8(v, ip + 6);
    for (unsigned n = 0; n <= BEBA_MAX_EXT; n++)
        if (!beba_look_chain_step(v, h, &c))
            break;
    return c.bits;
}

BEBA_INLINE struct beba_u128 beba_look_address(beba_view v, const struct beba_headers *h,
                                               uint32_t bit)
{
    if (beba_has(h, BEBA_LAYER_IP4))
        return beba_u128(0, 0xffff00000000 | beba_view32(v, bit / 8));
    return beba_u128(beba_view64(v, bit / 8), beba_view64(v, bit / 8 + 8));
}

/* A field with code of its own that is in the packet: not of META. The packet has its layer. */
BEBA_INLINE bool beba_look_special(beba_view v, const struct beba_headers *h, enum beba_link link,
                                   uint64_t wire, enum beba_field_id id, struct beba_u128 *out)
{
    uint32_t width = beba_field_shape(id).width, bit, n;
    uint64_t value;

    switch (id) {
    case BEBA_F_ETH_TYPE:
        value = h->ether_type;
        if (!value)
            return false;
        break;
    case BEBA_F_IP_SRC:
        *out = beba_look_address(v, h, look_by_version(h, 96, 64));
        return true;
    case BEBA_F_IP_DST:
        *out = beba_look_address(v, h, look_by_version(h, 128, 192));
        return true;
    case BEBA_F_IP_PROTO:
    case BEBA_F_IP6_PROTO:
        value = h->ip_proto;
        break;
    case BEBA_F_IP_LEN:
        value = beba_look_ip_len(v, h);
        break;
    case BEBA_F_IP_FRAG:
        value = beba_look_fragment(v, h);
        break;
    case BEBA_F_IP6_EXTHDR:
        value = beba_look_exthdr(v, h);
        break;
    case BEBA_F_TCP_HLEN:
        value = (beba_view8(v, h->offset[BEBA_LAYER_TCP] + 12u) >> 4) * 4u;
        break;
    case BEBA_F_L4_PAYLOAD_LEN:
        value = beba_look_payload_len(v, h, wire);
        break;
    default:
        bit = beba_field_shape(id).bit_offset;
        if (!beba_look_special_place(v, h, link, id, &bit))
            return false;
        n = (bit % 8 + width + 7) / 8;
        value = beba_view_bytes(v, bit / 8, n) >> (n * 8 - bit % 8 - width);
        value &= beba_mask64(width);
        break;
    }
    out->lo = value;
    return true;
}

#endif
