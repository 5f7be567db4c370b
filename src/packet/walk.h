/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parser's core: walks from header to header. Compiles for BPF; parse.c and emit/rt/packet.h
 * are its users.
 *
 * The same code runs in two ways, told apart by a constant argument. Complete, it does all that
 * packet.h promises. Quick, for the kernel, it does the packets that are nearly all of them and the
 * layers that a program asks for, in straight code, and returns false where the packet is not one
 * of those: then the complete walk starts anew. */
#ifndef BEBA_PACKET_WALK_H
#define BEBA_PACKET_WALK_H

#include "packet/view.h"

/* How far stacks are followed: deeper ones are BEBA_FLAW_TOO_DEEP. */
enum {
    BEBA_MAX_VLAN = 16,
    BEBA_MAX_MPLS = 32,
    BEBA_MAX_EXT = 16,
    BEBA_MAX_GTPU_EXT = 8,
};

/* How to walk: a set of layers, 1 << enum beba_layer, and: */
#define BEBA_WALK_QUICK    (1u << 31)
#define BEBA_WALK_COMPLETE (~BEBA_WALK_QUICK)

/* What the parser knows while it walks; end shrinks as headers tell their lengths. */
struct beba_walk {
    uint32_t wire; /* end of the packet on the wire */
    uint32_t cap;  /* end of the captured bytes */
    uint32_t end;  /* no header goes beyond this */
    uint32_t told; /* end of the network packet by its own length, captured or not */
    uint32_t at;   /* where to go on, handed from one stage to the next */
    uint32_t layers;
    uint16_t flaws;
    uint16_t fragment; /* not 0: a part of a datagram */
#ifdef BEBA_VIEW_NEAR
    const uint8_t *near, *near_end; /* quick: the packet's bytes */
#endif
};

#define BEBA_BIT(layer) (1u << BEBA_LAYER_##layer)

/* What reaches a transport header, and all that lies behind one. */
#define BEBA_WALK_PORTS   (BEBA_BIT(TCP) | BEBA_BIT(UDP) | BEBA_BIT(SCTP) | BEBA_BIT(L4))
#define BEBA_WALK_TUNNELS (BEBA_BIT(GRE) | BEBA_BIT(VXLAN) | BEBA_BIT(GTPU))
#define BEBA_WALK_TRANSPORT \
    (BEBA_WALK_PORTS | BEBA_WALK_TUNNELS | BEBA_BIT(ICMP) | BEBA_BIT(ICMP6) | BEBA_BIT(ND))
#define BEBA_WALK_IP (BEBA_BIT(IP) | BEBA_BIT(IP4) | BEBA_BIT(IP6) | BEBA_BIT(IP6FRAG))

/* The layers to look for when a program wants these. */
BEBA_INLINE uint32_t beba_walk_wants(uint32_t layers)
{
    if (layers & (BEBA_BIT(VXLAN) | BEBA_BIT(GTPU)))
        layers |= BEBA_BIT(UDP);
    if (layers & BEBA_BIT(L4))
        layers |= BEBA_WALK_PORTS;
    if (layers & BEBA_WALK_PORTS)
        layers |= BEBA_BIT(L4);
    if (layers & BEBA_BIT(ND))
        layers |= BEBA_BIT(ICMP6);
    if (layers & (BEBA_WALK_TRANSPORT | BEBA_BIT(IP) | BEBA_BIT(IP6FRAG)))
        layers |= BEBA_WALK_IP;
    return layers | BEBA_BIT(META) | BEBA_BIT(ETH);
}

BEBA_INLINE uint32_t beba_walk_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* True when n bytes at at belong to the packet; else notes who broke the promise. */
BEBA_INLINE bool walk_fits(struct beba_walk *w, uint32_t at, uint32_t n)
{
    if (__builtin_expect(at + n <= w->end, 1))
        return true;
    w->flaws |= at + n > w->cap ? BEBA_FLAW_TRUNCATED : BEBA_FLAW_BAD_LENGTH;
    return false;
}

/* The same where a quick walk looks at bytes: it makes sure of many at once, by constants, and
 * reads them by WALK_SEE. */
#ifdef BEBA_VIEW_NEAR
BEBA_INLINE bool walk_here(struct beba_walk *w, uint32_t at, uint32_t n, uint32_t how)
{
    if (!(how & BEBA_WALK_QUICK))
        return walk_fits(w, at, n);
    if (w->near + at + n > w->near_end)
        return false;
    if (at + n > w->cap)
        __builtin_unreachable(); /* so that the compiler asks no more */
    return walk_fits(w, at, n);
}

#define WALK_SEE(bits, v, w, at, how) \
    ((how)&BEBA_WALK_QUICK ? BEBA_VIEW_NEAR(bits, (w)->near + (at)) : beba_view##bits(v, at))
#else
BEBA_INLINE bool walk_here(struct beba_walk *w, uint32_t at, uint32_t n, uint32_t how)
{
    (void)how;
    return walk_fits(w, at, n);
}

#define WALK_SEE(bits, v, w, at, how) beba_view##bits(v, at)
#endif

BEBA_INLINE void walk_found(struct beba_headers *h, struct beba_walk *w, enum beba_layer layer,
                            uint32_t at)
{
    w->layers |= 1u << layer;
    h->offset[layer] = (uint16_t)at;
}

BEBA_INLINE void walk_payload(struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    h->payload = (uint16_t)beba_walk_min(at, w->cap);
}

/* RFC 2784, 2890; RFC 1701 put the routing offset beside the checksum; version 1 is RFC 2637. */
static inline void walk_gre(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    uint32_t len = 4;
    uint16_t flags;

    if (!walk_fits(w, at, 4))
        return;
    walk_found(h, w, BEBA_LAYER_GRE, at);
    flags = beba_view16(v, at);
    len += flags & 0xc000 ? 4 : 0;
    len += flags & 0x2000 ? 4 : 0;
    len += flags & 0x1000 ? 4 : 0;
    if ((flags & 7) == 1)
        len += flags & 0x0080 ? 4 : 0;
    walk_payload(h, w, at + (walk_fits(w, at, len) ? len : 4));
}

/* RFC 7348, section 5. */
BEBA_INLINE void walk_vxlan(struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    if (!walk_fits(w, at, 8))
        return;
    walk_found(h, w, BEBA_LAYER_VXLAN, at);
    walk_payload(h, w, at + 8);
}

/* 3GPP TS 29.281, section 5: version 1, protocol type GTP. */
static inline void walk_gtpu(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    uint8_t flags, next;

    if (!walk_fits(w, at, 8))
        return;
    flags = beba_view8(v, at);
    if (flags >> 4 != 3) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return;
    }
    walk_found(h, w, BEBA_LAYER_GTPU, at);
    at += 8;
    walk_payload(h, w, at);
    if (!(flags & 7) || !walk_fits(w, at, 4))
        return;
    next = flags & 4 ? beba_view8(v, at + 3) : 0;
    at += 4;
    walk_payload(h, w, at);
    for (unsigned n = 0; next; n++) {
        uint32_t len;
        if (n == BEBA_MAX_GTPU_EXT) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return;
        }
        if (!walk_fits(w, at, 4))
            return;
        len = beba_view8(v, at) * 4u;
        if (!len) {
            w->flaws |= BEBA_FLAW_BAD_LENGTH;
            return;
        }
        if (!walk_fits(w, at, len))
            return;
        next = beba_view8(v, at + len - 1);
        at += len;
        walk_payload(h, w, at);
    }
}

BEBA_INLINE bool walk_udp(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                          uint32_t how)
{
    uint32_t len;
    uint16_t dst;

    if (!walk_here(w, at, 8, how))
        return false;
    len = WALK_SEE(16, v, w, at + 4, how);
    if (len < 8) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return false;
    }
    walk_found(h, w, BEBA_LAYER_UDP, at);
    walk_found(h, w, BEBA_LAYER_L4, at);
    walk_payload(h, w, at + 8);
    if (at + len > w->told && !w->fragment)
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
    else
        w->end = beba_walk_min(w->end, at + len);
    if (!(how & (BEBA_BIT(VXLAN) | BEBA_BIT(GTPU))))
        return true;
    dst = WALK_SEE(16, v, w, at + 2, how);
    if (how & BEBA_WALK_QUICK)
        return dst != BEBA_PORT_VXLAN && dst != BEBA_PORT_GTPU;
    if (__builtin_expect(dst == BEBA_PORT_VXLAN, 0))
        walk_vxlan(h, w, at + 8);
    else if (__builtin_expect(dst == BEBA_PORT_GTPU, 0))
        walk_gtpu(v, h, w, at + 8);
    return true;
}

BEBA_INLINE bool walk_tcp(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                          uint32_t how)
{
    uint32_t len;

    if (!walk_here(w, at, 20, how))
        return false;
    len = (WALK_SEE(8, v, w, at + 12, how) >> 4) * 4u;
    if (len < 20) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return false;
    }
    walk_found(h, w, BEBA_LAYER_TCP, at);
    walk_found(h, w, BEBA_LAYER_L4, at);
    walk_payload(h, w, at + (walk_fits(w, at, len) ? len : 20));
    return true;
}

BEBA_INLINE bool walk_icmp6(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                            uint32_t how)
{
    uint8_t type;

    if (!walk_here(w, at, 4, how))
        return false;
    walk_found(h, w, BEBA_LAYER_ICMP6, at);
    walk_payload(h, w, at + 4);
    type = WALK_SEE(8, v, w, at, how);
    if (type != BEBA_ICMP6_NS && type != BEBA_ICMP6_NA)
        return true;
    if (how & BEBA_WALK_QUICK || !walk_fits(w, at, 24))
        return false;
    walk_found(h, w, BEBA_LAYER_ND, at);
    walk_payload(h, w, at + 24);
    return true;
}

/* RFC 9260, section 3.1. */
BEBA_INLINE void walk_sctp(struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    if (!walk_fits(w, at, 12))
        return;
    walk_found(h, w, BEBA_LAYER_SCTP, at);
    walk_found(h, w, BEBA_LAYER_L4, at);
    walk_payload(h, w, at + 12);
}

BEBA_INLINE bool walk_icmp(struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    if (!(w->layers & BEBA_BIT(IP4)))
        return true;
    if (!walk_fits(w, at, 4))
        return false;
    walk_found(h, w, BEBA_LAYER_ICMP, at);
    walk_payload(h, w, at + 4);
    return true;
}

BEBA_INLINE bool walk_transport(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                uint8_t proto, uint32_t at, uint32_t how)
{
    h->ip_proto = proto;
    walk_payload(h, w, at);
    switch (proto) {
    case BEBA_IP_TCP:
        return !(how & BEBA_BIT(TCP)) || walk_tcp(v, h, w, at, how);
    case BEBA_IP_UDP:
        return !(how & BEBA_BIT(UDP)) || walk_udp(v, h, w, at, how);
    case BEBA_IP_SCTP:
        if (how & BEBA_WALK_QUICK)
            return !(how & BEBA_BIT(SCTP));
        walk_sctp(h, w, at);
        return true;
    case BEBA_IP_ICMP:
        return !(how & BEBA_BIT(ICMP)) || walk_icmp(h, w, at);
    case BEBA_IP_ICMP6:
        return !(how & BEBA_BIT(ICMP6)) || !(w->layers & BEBA_BIT(IP6)) ||
               walk_icmp6(v, h, w, at, how);
    case BEBA_IP_GRE:
        if (how & BEBA_WALK_QUICK)
            return !(how & BEBA_BIT(GRE));
        walk_gre(v, h, w, at);
        return true;
    default:
        return true;
    }
}

/* The network packet says it ends at told. */
BEBA_INLINE void walk_network_end(struct beba_headers *h, struct beba_walk *w, uint32_t told)
{
    if (told > w->wire)
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
    w->told = told;
    w->end = beba_walk_min(w->end, told);
    h->l3_end = (uint16_t)w->end;
}

/* What the walk over a network header says, instead of the transport protocol. */
enum {
    BEBA_WALK_STOP = -1, /* nothing behind it can be told; quick: walk completely */
    BEBA_WALK_DONE = -2, /* nothing behind it is to be looked at */
};

/* The protocol behind the header; w->at = where. */
BEBA_INLINE int walk_ip4(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                         uint32_t how)
{
    uint32_t hlen, total;
    uint16_t frag;
    uint8_t first;

    walk_payload(h, w, at);
    if (!(how & BEBA_BIT(IP4)))
        return BEBA_WALK_DONE;
    if (!walk_here(w, at, 20, how))
        return BEBA_WALK_STOP;
    first = WALK_SEE(8, v, w, at, how);
    if (how & BEBA_WALK_QUICK && first != 0x45)
        return BEBA_WALK_STOP;
    if (first >> 4 != 4) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return BEBA_WALK_STOP;
    }
    hlen = (first & 15u) * 4;
    total = WALK_SEE(16, v, w, at + 2, how);
    if (hlen < 20 || total < hlen) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return BEBA_WALK_STOP;
    }
    walk_found(h, w, BEBA_LAYER_IP4, at);
    walk_found(h, w, BEBA_LAYER_IP, at);
    h->ip_proto = WALK_SEE(8, v, w, at + 9, how);
    walk_network_end(h, w, at + total);
    if (!walk_fits(w, at, hlen))
        return BEBA_WALK_STOP;
    frag = WALK_SEE(16, v, w, at + 6, how);
    w->fragment = frag & 0x3fff;
    if (how & BEBA_WALK_QUICK && frag & 0x3fff)
        return BEBA_WALK_STOP;
    if (__builtin_expect(frag & 0x1fff, 0)) {
        w->flaws |= BEBA_FLAW_LATER_FRAGMENT;
        walk_payload(h, w, at + hlen);
        return BEBA_WALK_STOP;
    }
    w->at = at + hlen;
    return h->ip_proto;
}

/* The same, where the protocol may be an extension header. */
BEBA_INLINE int walk_ip6(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                         uint32_t how)
{
    walk_payload(h, w, at);
    if (!(how & BEBA_BIT(IP6)))
        return BEBA_WALK_DONE;
    if (!walk_here(w, at, 40, how))
        return BEBA_WALK_STOP;
    if (WALK_SEE(8, v, w, at, how) >> 4 != 6) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return BEBA_WALK_STOP;
    }
    walk_found(h, w, BEBA_LAYER_IP6, at);
    walk_found(h, w, BEBA_LAYER_IP, at);
    walk_network_end(h, w, at + 40 + WALK_SEE(16, v, w, at + 4, how));
    w->at = at + 40;
    return WALK_SEE(8, v, w, at + 6, how);
}

BEBA_STAGE int beba_walk_transport(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                   uint32_t proto, uint32_t at)
{
    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(w);
    walk_transport(v, h, w, (uint8_t)proto, at, BEBA_WALK_COMPLETE);
    return 0;
}

/* One extension header: where the next one is; 0 when the chain cannot be followed, or need not be.
 */
BEBA_STAGE uint32_t beba_walk_extension(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                        uint32_t at, uint32_t type)
{
    uint32_t len;

    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(w);
    if (!walk_fits(w, at, 8))
        return 0;
    len = beba_ip6_ext_size((uint8_t)type, beba_view8(v, at + 1));
    if (!walk_fits(w, at, len))
        return 0;
    if (type == BEBA_IP_FRAGMENT) {
        uint16_t frag = beba_view16(v, at + 2);
        if (!(w->layers & BEBA_BIT(IP6FRAG)))
            walk_found(h, w, BEBA_LAYER_IP6FRAG, at);
        w->fragment |= (frag & 0xfff9) != 0;
        if (frag >> 3) {
            w->flaws |= BEBA_FLAW_LATER_FRAGMENT;
            h->ip_proto = beba_view8(v, at);
            walk_payload(h, w, at + 8);
            return 0;
        }
    }
    return at + len;
}

/* An IP packet of that version up to what may be an extension header. */
BEBA_STAGE int beba_walk_ip(beba_view v, struct beba_headers *h, struct beba_walk *w,
                            uint32_t version, uint32_t at)
{
    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(w);
    if (version == 4)
        return walk_ip4(v, h, w, at, BEBA_WALK_COMPLETE);
    if (version == 6)
        return walk_ip6(v, h, w, at, BEBA_WALK_COMPLETE);
    return BEBA_WALK_STOP;
}

/* The rest of an IP packet. RFC 8200: the chain of extension headers ends at the first that is
 * none, or cannot be followed. */
BEBA_INLINE void beba_walk_all_ip(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                  uint32_t version, uint32_t at)
{
    int proto = beba_walk_ip(v, h, w, version, at);
    uint8_t next = (uint8_t)proto;

    if (proto < 0)
        return;
    at = w->at;
    for (unsigned n = 0; version == 6 && beba_ip6_is_ext(next); n++) {
        uint32_t was = at;

        h->ip_proto = next;
        walk_payload(h, w, at);
        if (n == BEBA_MAX_EXT) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return;
        }
        at = beba_walk_extension(v, h, w, at, next);
        if (!at)
            return;
        next = beba_view8(v, was);
    }
    beba_walk_transport(v, h, w, next, at);
}

/* RFC 826, 903: only the forms with 6-byte hardware and 4-byte protocol addresses are the layer. */
BEBA_INLINE bool walk_arp(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at,
                          uint32_t how)
{
    walk_payload(h, w, at);
    if (!walk_here(w, at, 8, how) || WALK_SEE(8, v, w, at + 4, how) != 6 ||
        WALK_SEE(8, v, w, at + 5, how) != 4 || !walk_fits(w, at, 28))
        return false;
    walk_found(h, w, BEBA_LAYER_ARP, at);
    walk_payload(h, w, at + 28);
    return true;
}

/* The version of IP behind the labels, or what is not one; w->at = where.
 *
 * RFC 3032. Labels do not say what they carry: an IP version nibble does (RFC 4928, section 3). */
BEBA_INLINE int walk_mpls(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t at)
{
    unsigned n = 0;
    bool bottom;

    do {
        walk_payload(h, w, at);
        if (n == BEBA_MAX_MPLS) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return 0;
        }
        if (!walk_fits(w, at, 4))
            return 0;
        if (n < 2)
            walk_found(h, w, n ? BEBA_LAYER_MPLS2 : BEBA_LAYER_MPLS, at);
        h->n_mpls = (uint8_t)++n;
        bottom = beba_view8(v, at + 2) & 1;
        at += 4;
    } while (!bottom);
    walk_payload(h, w, at);
    w->at = at;
    return at < w->end ? beba_view8(v, at) >> 4 : 0;
}

/* What has that EtherType: the version of IP in it, or what is not one; w->at = where. */
BEBA_STAGE int beba_walk_network(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                 uint32_t type, uint32_t at)
{
    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(w);
    h->ether_type = (uint16_t)type;
    w->at = at;
    switch (type) {
    case BEBA_ETH_IP4:
        return 4;
    case BEBA_ETH_IP6:
        return 6;
    case BEBA_ETH_ARP:
    case BEBA_ETH_RARP:
        walk_arp(v, h, w, at, BEBA_WALK_COMPLETE);
        return 0;
    case BEBA_ETH_MPLS:
    case BEBA_ETH_MPLS_UP:
        return walk_mpls(v, h, w, at);
    case BEBA_ETH_PBB: /* IEEE 802.1Q, 9.7: type, TCI of 4 bytes, then the customer's frame */
        if (!walk_fits(w, at, 4))
            return 0;
        walk_found(h, w, BEBA_LAYER_PBB, at - 2);
        walk_payload(h, w, at + 4);
        return 0;
    default:
        return 0;
    }
}

/* A length instead of a type: IEEE 802.2 LLC, and SNAP with an EtherType. */
BEBA_INLINE uint16_t walk_llc(beba_view v, struct beba_headers *h, struct beba_walk *w,
                              uint32_t len, uint32_t at)
{
    uint16_t type;

    if (len > 1500)
        return 0;
    if (at + len > w->wire)
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
    w->end = beba_walk_min(w->end, at + len);
    h->l3_end = (uint16_t)w->end;
    if (at + 8 > w->end || beba_view32(v, at) != 0xaaaa0300 || beba_view8(v, at + 4) ||
        (beba_view8(v, at + 5) && beba_view8(v, at + 5) != 0xf8))
        return 0;
    type = beba_view16(v, at + 6);
    w->at = at + 8;
    walk_payload(h, w, at + 8);
    return type < BEBA_ETH_MIN ? 0 : type;
}

/* Tags and LLC: the type behind them, or 0; w->at = where. The tag's layer starts at the type field
 * that announces it, two bytes before at. */
BEBA_STAGE uint32_t beba_walk_tags(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                   uint32_t type, uint32_t at)
{
    BEBA_STAGE_ARG(h);
    BEBA_STAGE_ARG(w);
    walk_payload(h, w, at);
    for (unsigned n = 0; beba_eth_is_vlan((uint16_t)type); n++) {
        if (n == BEBA_MAX_VLAN) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            break;
        }
        if (!walk_fits(w, at, 2))
            return 0;
        if (n < 2)
            walk_found(h, w, n ? BEBA_LAYER_VLAN2 : BEBA_LAYER_VLAN, at - 2);
        h->n_vlan = (uint8_t)(n + 1);
        if (!walk_fits(w, at + 2, 2))
            return 0;
        type = beba_view16(v, at + 2);
        at += 4;
        walk_payload(h, w, at);
    }
    w->at = at;
    return type < BEBA_ETH_MIN ? walk_llc(v, h, w, type, at) : type;
}

/* Everything behind a type field. */
BEBA_INLINE void beba_walk_typed(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                 uint32_t type, uint32_t at)
{
    int version;

    type = beba_walk_tags(v, h, w, type, at);
    if (!type)
        return;
    version = beba_walk_network(v, h, w, type, w->at);
    if (version)
        beba_walk_all_ip(v, h, w, (uint32_t)version, w->at);
}

/* The start of every walk: cap bytes are here, wire were sent. */
BEBA_INLINE void beba_walk_begin(struct beba_headers *h, struct beba_walk *w, uint32_t cap,
                                 uint32_t wire)
{
    cap = beba_walk_min(cap, BEBA_PACKET_MAX);
    wire = wire > cap ? beba_walk_min(wire, BEBA_PACKET_MAX) : cap;
    *w = (struct beba_walk){.wire = wire, .cap = cap, .end = cap, .layers = BEBA_BIT(META)};
    h->ether_type = 0;
    h->ip_proto = 0;
    h->n_vlan = h->n_mpls = 0;
    h->l3_end = (uint16_t)cap;
    h->payload = 0;
}

BEBA_INLINE void beba_walk_end(struct beba_headers *h, const struct beba_walk *w)
{
    h->layers = w->layers;
    h->flaws = w->flaws;
}

/* How most packets are walked, and what is behind all of it. True: done. */
BEBA_INLINE bool walk_common(beba_view v, struct beba_headers *h, struct beba_walk *w,
                             uint16_t type, uint32_t how)
{
    int proto;

    h->ether_type = type;
    if (how & BEBA_WALK_QUICK && type == BEBA_ETH_ARP)
        return !(how & BEBA_BIT(ARP)) || walk_arp(v, h, w, 14, how);
    if (type == BEBA_ETH_IP4) {
        proto = walk_ip4(v, h, w, 14, how);
        if (proto < 0)
            return proto == BEBA_WALK_DONE;
        return walk_transport(v, h, w, (uint8_t)proto, how & BEBA_WALK_QUICK ? 34 : w->at, how);
    }
    proto = walk_ip6(v, h, w, 14, how);
    if (proto < 0)
        return proto == BEBA_WALK_DONE;
    if (beba_ip6_is_ext((uint8_t)proto))
        return false;
    return walk_transport(v, h, w, (uint8_t)proto, 54, how);
}

/* An Ethernet frame. False only of a quick walk. */
BEBA_INLINE bool beba_walk_ethernet(beba_view v, struct beba_headers *h, struct beba_walk *w,
                                    uint32_t how)
{
    uint16_t type;

    /* quick: no use for less than an IPv4 header */
    if (!walk_here(w, 0, how & BEBA_WALK_QUICK ? 34 : 14, how))
        return !(how & BEBA_WALK_QUICK);
    type = WALK_SEE(16, v, w, 12, how);
    walk_found(h, w, BEBA_LAYER_ETH, 0);
    if (how & BEBA_WALK_QUICK)
        return (type == BEBA_ETH_IP4 || type == BEBA_ETH_IP6 || type == BEBA_ETH_ARP) &&
               walk_common(v, h, w, type, how);
#ifndef BEBA_VIEW_CHECKED
    if (type == BEBA_ETH_IP4) {
        walk_common(v, h, w, type, how);
        return true;
    }
#endif
    beba_walk_typed(v, h, w, type, 14);
    return true;
}

#endif
