/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include "packet/bytes.h"

/* How far stacks are followed: deeper ones are BEBA_FLAW_TOO_DEEP. */
enum { MAX_VLAN = 16, MAX_MPLS = 32, MAX_EXT = 16, MAX_GTPU_EXT = 8 };

/* What the parser knows while it walks; end shrinks as headers tell their lengths. */
struct walk {
    const uint8_t *d;
    struct beba_headers *h;
    uint32_t wire; /* end of the packet on the wire */
    uint32_t cap;  /* end of the captured bytes */
    uint32_t end;  /* no header goes beyond this */
    uint32_t told; /* end of the network packet by its own length, captured or not */
    uint32_t layers;
    uint16_t flaws;
    bool fragment;
};

#define BIT(layer) (1u << BEBA_LAYER_##layer)

static inline uint32_t min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* True when n bytes at at belong to the packet; else notes who broke the promise. */
static inline bool fits(struct walk *w, uint32_t at, uint32_t n)
{
    if (__builtin_expect(at + n <= w->end, 1))
        return true;
    w->flaws |= at + n > w->cap ? BEBA_FLAW_TRUNCATED : BEBA_FLAW_BAD_LENGTH;
    return false;
}

static inline void found(struct walk *w, enum beba_layer layer, uint32_t at)
{
    w->layers |= 1u << layer;
    w->h->offset[layer] = (uint16_t)at;
}

static inline void payload(struct walk *w, uint32_t at)
{
    w->h->payload = (uint16_t)min32(at, w->cap);
}

/* RFC 2784, 2890; RFC 1701 put the routing offset beside the checksum; version 1 is RFC 2637. */
static void gre(struct walk *w, uint32_t at)
{
    uint32_t len = 4;
    uint16_t flags;

    if (!fits(w, at, 4))
        return;
    found(w, BEBA_LAYER_GRE, at);
    flags = beba_load16(w->d + at);
    len += flags & 0xc000 ? 4 : 0;
    len += flags & 0x2000 ? 4 : 0;
    len += flags & 0x1000 ? 4 : 0;
    if ((flags & 7) == 1)
        len += flags & 0x0080 ? 4 : 0;
    payload(w, at + (fits(w, at, len) ? len : 4));
}

/* RFC 7348, section 5. */
static void vxlan(struct walk *w, uint32_t at)
{
    if (!fits(w, at, 8))
        return;
    found(w, BEBA_LAYER_VXLAN, at);
    payload(w, at + 8);
}

/* 3GPP TS 29.281, section 5: version 1, protocol type GTP. */
static void gtpu(struct walk *w, uint32_t at)
{
    uint8_t flags, next;

    if (!fits(w, at, 8))
        return;
    flags = w->d[at];
    if (flags >> 4 != 3) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return;
    }
    found(w, BEBA_LAYER_GTPU, at);
    at += 8;
    payload(w, at);
    if (!(flags & 7) || !fits(w, at, 4))
        return;
    next = flags & 4 ? w->d[at + 3] : 0;
    at += 4;
    payload(w, at);
    for (unsigned n = 0; next; n++) {
        uint32_t len;
        if (n == MAX_GTPU_EXT) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return;
        }
        if (!fits(w, at, 4))
            return;
        len = w->d[at] * 4u;
        if (!len) {
            w->flaws |= BEBA_FLAW_BAD_LENGTH;
            return;
        }
        if (!fits(w, at, len))
            return;
        next = w->d[at + len - 1];
        at += len;
        payload(w, at);
    }
}

static inline void udp(struct walk *w, uint32_t at)
{
    uint32_t len;
    uint16_t dst;

    if (!fits(w, at, 8))
        return;
    len = beba_load16(w->d + at + 4);
    if (len < 8) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return;
    }
    found(w, BEBA_LAYER_UDP, at);
    found(w, BEBA_LAYER_L4, at);
    payload(w, at + 8);
    if (at + len > w->told && !w->fragment)
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
    else
        w->end = min32(w->end, at + len);
    dst = beba_load16(w->d + at + 2);
    if (__builtin_expect(dst == BEBA_PORT_VXLAN, 0))
        vxlan(w, at + 8);
    else if (__builtin_expect(dst == BEBA_PORT_GTPU, 0))
        gtpu(w, at + 8);
}

static inline void tcp(struct walk *w, uint32_t at)
{
    uint32_t len;

    if (!fits(w, at, 20))
        return;
    len = (w->d[at + 12] >> 4) * 4u;
    if (len < 20) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return;
    }
    found(w, BEBA_LAYER_TCP, at);
    found(w, BEBA_LAYER_L4, at);
    payload(w, at + (fits(w, at, len) ? len : 20));
}

static void icmp6(struct walk *w, uint32_t at)
{
    uint8_t type;

    if (!fits(w, at, 4))
        return;
    found(w, BEBA_LAYER_ICMP6, at);
    payload(w, at + 4);
    type = w->d[at];
    if ((type != BEBA_ICMP6_NS && type != BEBA_ICMP6_NA) || !fits(w, at, 24))
        return;
    found(w, BEBA_LAYER_ND, at);
    payload(w, at + 24);
}

static inline void transport(struct walk *w, uint8_t proto, uint32_t at)
{
    w->h->ip_proto = proto;
    payload(w, at);
    switch (proto) {
    case BEBA_IP_TCP:
        tcp(w, at);
        return;
    case BEBA_IP_UDP:
        udp(w, at);
        return;
    case BEBA_IP_SCTP: /* RFC 9260, section 3.1 */
        if (!fits(w, at, 12))
            return;
        found(w, BEBA_LAYER_SCTP, at);
        found(w, BEBA_LAYER_L4, at);
        payload(w, at + 12);
        return;
    case BEBA_IP_ICMP:
        if (!(w->layers & BIT(IP4)) || !fits(w, at, 4))
            return;
        found(w, BEBA_LAYER_ICMP, at);
        payload(w, at + 4);
        return;
    case BEBA_IP_ICMP6:
        if (w->layers & BIT(IP6))
            icmp6(w, at);
        return;
    case BEBA_IP_GRE:
        gre(w, at);
        return;
    default:
        return;
    }
}

/* The network packet says it ends at told. */
static inline void network_end(struct walk *w, uint32_t told)
{
    if (told > w->wire)
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
    w->told = told;
    w->end = min32(w->end, told);
    w->h->l3_end = (uint16_t)w->end;
}

static inline void ip4(struct walk *w, uint32_t at)
{
    uint32_t hlen, total;
    uint16_t frag;

    payload(w, at);
    if (!fits(w, at, 20))
        return;
    if (w->d[at] >> 4 != 4) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return;
    }
    hlen = (w->d[at] & 15u) * 4;
    total = beba_load16(w->d + at + 2);
    if (hlen < 20 || total < hlen) {
        w->flaws |= BEBA_FLAW_BAD_LENGTH;
        return;
    }
    found(w, BEBA_LAYER_IP4, at);
    found(w, BEBA_LAYER_IP, at);
    w->h->ip_proto = w->d[at + 9];
    network_end(w, at + total);
    if (!fits(w, at, hlen))
        return;
    frag = beba_load16(w->d + at + 6);
    w->fragment = frag & 0x3fff;
    if (__builtin_expect(frag & 0x1fff, 0)) {
        w->flaws |= BEBA_FLAW_LATER_FRAGMENT;
        payload(w, at + hlen);
        return;
    }
    transport(w, w->d[at + 9], at + hlen);
}

/* RFC 8200. The chain ends at the first header that is not an extension, or cannot be followed. */
static void extensions(struct walk *w, uint8_t next, uint32_t at)
{
    for (unsigned n = 0; beba_ip6_is_ext(next); n++) {
        uint8_t type = next;
        uint32_t len;

        w->h->ip_proto = type;
        payload(w, at);
        if (n == MAX_EXT) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return;
        }
        if (!fits(w, at, 8))
            return;
        len = beba_ip6_ext_len(type, w->d + at);
        if (!fits(w, at, len))
            return;
        next = w->d[at];
        if (type == BEBA_IP_FRAGMENT) {
            uint16_t frag = beba_load16(w->d + at + 2);
            if (!(w->layers & BIT(IP6FRAG)))
                found(w, BEBA_LAYER_IP6FRAG, at);
            w->fragment |= (frag & 0xfff9) != 0;
            if (frag >> 3) {
                w->flaws |= BEBA_FLAW_LATER_FRAGMENT;
                w->h->ip_proto = next;
                payload(w, at + 8);
                return;
            }
        }
        at += len;
    }
    transport(w, next, at);
}

static inline void ip6(struct walk *w, uint32_t at)
{
    uint8_t next;

    payload(w, at);
    if (!fits(w, at, 40))
        return;
    if (w->d[at] >> 4 != 6) {
        w->flaws |= BEBA_FLAW_BAD_VERSION;
        return;
    }
    found(w, BEBA_LAYER_IP6, at);
    found(w, BEBA_LAYER_IP, at);
    network_end(w, at + 40 + beba_load16(w->d + at + 4));
    next = w->d[at + 6];
    if (__builtin_expect(beba_ip6_is_ext(next), 0))
        extensions(w, next, at + 40);
    else
        transport(w, next, at + 40);
}

/* RFC 826, 903: only the forms with 6-byte hardware and 4-byte protocol addresses are the layer. */
static void arp(struct walk *w, uint32_t at)
{
    payload(w, at);
    if (!fits(w, at, 8) || w->d[at + 4] != 6 || w->d[at + 5] != 4 || !fits(w, at, 28))
        return;
    found(w, BEBA_LAYER_ARP, at);
    payload(w, at + 28);
}

/* RFC 3032. Labels do not say what they carry: an IP version nibble does (RFC 4928, section 3). */
static void mpls(struct walk *w, uint32_t at)
{
    bool bottom;

    do {
        payload(w, at);
        if (w->h->n_mpls == MAX_MPLS) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            return;
        }
        if (!fits(w, at, 4))
            return;
        if (w->h->n_mpls < 2)
            found(w, w->h->n_mpls ? BEBA_LAYER_MPLS2 : BEBA_LAYER_MPLS, at);
        w->h->n_mpls++;
        bottom = w->d[at + 2] & 1;
        at += 4;
    } while (!bottom);
    payload(w, at);
    if (at >= w->end)
        return;
    if (w->d[at] >> 4 == 4)
        ip4(w, at);
    else if (w->d[at] >> 4 == 6)
        ip6(w, at);
}

/* Everything behind a type field other than plain IP: tags, LLC, and the rarer network layers. The
 * tag's layer starts at the type field that announces it, two bytes before at. */
static void tagged(struct walk *w, uint16_t type, uint32_t at)
{
    payload(w, at);
    while (beba_eth_is_vlan(type)) {
        if (w->h->n_vlan == MAX_VLAN) {
            w->flaws |= BEBA_FLAW_TOO_DEEP;
            break;
        }
        if (!fits(w, at, 2))
            return;
        if (w->h->n_vlan < 2)
            found(w, w->h->n_vlan ? BEBA_LAYER_VLAN2 : BEBA_LAYER_VLAN, at - 2);
        w->h->n_vlan++;
        if (!fits(w, at + 2, 2))
            return;
        type = beba_load16(w->d + at + 2);
        at += 4;
        payload(w, at);
    }
    if (type < BEBA_ETH_MIN) { /* a length: IEEE 802.2 LLC, and SNAP with an EtherType */
        if (type > 1500)
            return;
        if (at + type > w->wire)
            w->flaws |= BEBA_FLAW_BAD_LENGTH;
        w->end = min32(w->end, at + type);
        w->h->l3_end = (uint16_t)w->end;
        if (at + 8 > w->end || beba_load32(w->d + at) != 0xaaaa0300 || w->d[at + 4] ||
            (w->d[at + 5] && w->d[at + 5] != 0xf8))
            return;
        type = beba_load16(w->d + at + 6);
        at += 8;
        payload(w, at);
        if (type < BEBA_ETH_MIN)
            return;
    }
    w->h->ether_type = type;
    switch (type) {
    case BEBA_ETH_IP4:
        ip4(w, at);
        return;
    case BEBA_ETH_IP6:
        ip6(w, at);
        return;
    case BEBA_ETH_ARP:
    case BEBA_ETH_RARP:
        arp(w, at);
        return;
    case BEBA_ETH_MPLS:
    case BEBA_ETH_MPLS_UP:
        mpls(w, at);
        return;
    case BEBA_ETH_PBB: /* IEEE 802.1Q, 9.7: type, TCI of 4 bytes, then the customer's frame */
        if (!fits(w, at, 4))
            return;
        found(w, BEBA_LAYER_PBB, at - 2);
        payload(w, at + 4);
        return;
    default:
        return;
    }
}

/* Linux cooked captures (LINKTYPE_LINUX_SLL, _SLL2): the protocol is an EtherType for devices that
 * have those, and then whatever would follow it on Ethernet comes after the cooked header. */
static void cooked(struct walk *w, uint32_t proto_at, uint32_t arp_type_at, uint32_t size)
{
    uint16_t proto, hw;

    if (!fits(w, 0, size))
        return;
    payload(w, size);
    proto = beba_load16(w->d + proto_at);
    hw = beba_load16(w->d + arp_type_at);
    if (hw == 824 || hw == 778 || proto < BEBA_ETH_MIN) /* netlink, GRE; not EtherTypes */
        return;
    tagged(w, proto, size);
}

static void other_link(struct walk *w, enum beba_link link)
{
    if (link == BEBA_LINK_SLL) {
        cooked(w, 14, 2, 16);
    } else if (link == BEBA_LINK_SLL2) {
        cooked(w, 0, 8, 20);
    } else if (fits(w, 0, 1)) {
        if (w->d[0] >> 4 == 4) {
            w->h->ether_type = BEBA_ETH_IP4;
            ip4(w, 0);
        } else if (w->d[0] >> 4 == 6) {
            w->h->ether_type = BEBA_ETH_IP6;
            ip6(w, 0);
        } else {
            w->flaws |= BEBA_FLAW_BAD_VERSION;
        }
    }
}

void beba_packet_parse(struct beba_packet *p)
{
    struct beba_headers *h = &p->h;
    uint32_t cap = min32(p->len, BEBA_PACKET_MAX);
    uint32_t wire = p->wire_len > cap ? min32(p->wire_len, BEBA_PACKET_MAX) : cap;
    struct walk w = {
        .d = p->data, .h = h, .wire = wire, .cap = cap, .end = cap, .layers = BIT(META)};

    h->ether_type = 0;
    h->ip_proto = 0;
    h->n_vlan = h->n_mpls = 0;
    h->l3_end = (uint16_t)cap;
    h->payload = 0;
    if (__builtin_expect(p->link == BEBA_LINK_ETHERNET, 1)) {
        if (fits(&w, 0, 14)) {
            uint16_t type = beba_load16(w.d + 12);
            found(&w, BEBA_LAYER_ETH, 0);
            if (type == BEBA_ETH_IP4) {
                h->ether_type = type;
                ip4(&w, 14);
            } else {
                tagged(&w, type, 14);
            }
        }
    } else {
        other_link(&w, (enum beba_link)p->link);
    }
    h->layers = w.layers;
    h->flaws = w.flaws;
}
