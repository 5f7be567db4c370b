/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How a key is filled from a packet: of all its words, or, where it is compiled for what some
 * tables look at, of those. Only key.c and native code include this. */
#ifndef BEBA_DATAPATH_KEY_FILL_H
#define BEBA_DATAPATH_KEY_FILL_H

#include "datapath/key.h"
#include "packet/look.h"

enum {
    W_PORTS = 1,
    W_METADATA,
    W_TUNNEL,
    W_ETH_DST,
    W_ETH_SRC,
    W_IP4,
    W_IP,
    W_IP6_SRC,
    W_IP6_DST = W_IP6_SRC + 2,
    W_SHA = W_IP6_DST + 2, /* or ND_SLL */
    W_THA,                 /* or ND_TLL */
    W_ND,
    W_LABEL = W_ND + 2,
    W_SIZE,
    W_STATE,
    W_CONDITION,
    W_TIME,
    N_WORDS
};
_Static_assert((int)N_WORDS == (int)BEBA_KEY_WORDS, "the words of a key");

#define HAS(field) (1ull << (field))

/* The words of a transport's header, and of neighbour discovery; want is as beba_key_fill_wanted's.
 */
#define TRANSPORT                                                                           \
    (HAS(OFPXMT_OFB_TCP_SRC) | HAS(OFPXMT_OFB_TCP_DST) | HAS(BEBA_OF_TCP_FLAGS) |           \
     HAS(OFPXMT_OFB_UDP_SRC) | HAS(OFPXMT_OFB_UDP_DST) | HAS(OFPXMT_OFB_SCTP_SRC) |         \
     HAS(OFPXMT_OFB_SCTP_DST) | HAS(OFPXMT_OFB_ICMPV4_TYPE) | HAS(OFPXMT_OFB_ICMPV4_CODE) | \
     HAS(OFPXMT_OFB_ICMPV6_TYPE) | HAS(OFPXMT_OFB_ICMPV6_CODE) | DISCOVERY)
#define DISCOVERY \
    (HAS(OFPXMT_OFB_IPV6_ND_TARGET) | HAS(OFPXMT_OFB_IPV6_ND_SLL) | HAS(OFPXMT_OFB_IPV6_ND_TLL))
#define NETWORK                                                                                   \
    (TRANSPORT | HAS(OFPXMT_OFB_IPV4_SRC) | HAS(OFPXMT_OFB_IPV4_DST) | HAS(OFPXMT_OFB_IP_PROTO) | \
     HAS(OFPXMT_OFB_IP_DSCP) | HAS(OFPXMT_OFB_IP_ECN) | HAS(OFPXMT_OFB_IPV6_SRC) |                \
     HAS(OFPXMT_OFB_IPV6_DST) | HAS(OFPXMT_OFB_IPV6_FLABEL) | HAS(OFPXMT_OFB_IPV6_EXTHDR) |       \
     HAS(OFPXMT_OFB_ARP_OP) | HAS(OFPXMT_OFB_ARP_SPA) | HAS(OFPXMT_OFB_ARP_TPA) |                 \
     HAS(OFPXMT_OFB_ARP_SHA) | HAS(OFPXMT_OFB_ARP_THA) | HAS(OFPXMT_OFB_MPLS_LABEL) |             \
     HAS(OFPXMT_OFB_MPLS_TC) | HAS(OFPXMT_OFB_MPLS_BOS) | HAS(OFPXMT_OFB_PBB_ISID))

BEBA_INLINE uint64_t beba_key_load48(const uint8_t *at)
{
    return (uint64_t)beba_load32(at) << 16 | beba_load16(at + 4);
}

BEBA_INLINE uint64_t fill_arp(struct beba_key *key, const uint8_t *arp)
{
    key->w[W_IP4] = (uint64_t)beba_load32(arp + 14) << 32 | beba_load32(arp + 24);
    key->w[W_IP] = (uint64_t)beba_load16(arp + 6) << 16;
    key->w[W_SHA] = beba_key_load48(arp + 8);
    key->w[W_THA] = beba_key_load48(arp + 18);
    return HAS(OFPXMT_OFB_ARP_OP) | HAS(OFPXMT_OFB_ARP_SPA) | HAS(OFPXMT_OFB_ARP_TPA) |
           HAS(OFPXMT_OFB_ARP_SHA) | HAS(OFPXMT_OFB_ARP_THA);
}

BEBA_INLINE uint64_t fill_mpls(struct beba_key *key, const uint8_t *label)
{
    uint64_t word = beba_load32(label);

    key->w[W_LABEL] = word >> 12 << 32 | (word >> 9 & 7) << 52 | (word >> 8 & 1) << 55;
    return HAS(OFPXMT_OFB_MPLS_LABEL) | HAS(OFPXMT_OFB_MPLS_TC) | HAS(OFPXMT_OFB_MPLS_BOS);
}

BEBA_INLINE uint64_t fill_nd(struct beba_key *key, const struct beba_packet *p)
{
    const uint8_t *nd = p->data + p->h.offset[BEBA_LAYER_ND];
    uint64_t has = HAS(OFPXMT_OFB_IPV6_ND_TARGET);
    uint32_t at;

    key->w[W_ND] = beba_load64(nd + 8);
    key->w[W_ND + 1] = beba_load64(nd + 16);
    at = beba_look_nd(p->data, &p->h, BEBA_ICMP6_NS, 1);
    if (at) {
        key->w[W_SHA] = beba_key_load48(p->data + at);
        has |= HAS(OFPXMT_OFB_IPV6_ND_SLL);
    }
    at = beba_look_nd(p->data, &p->h, BEBA_ICMP6_NA, 2);
    if (at) {
        key->w[W_THA] = beba_key_load48(p->data + at);
        has |= HAS(OFPXMT_OFB_IPV6_ND_TLL);
    }
    return has;
}

/* ip: the word of IP, so far; the transport's ports, or type and code. */
BEBA_INLINE uint64_t fill_transport(struct beba_key *key, const struct beba_packet *p, uint64_t ip,
                                    const uint64_t *want)
{
    const struct beba_headers *h = &p->h;
    const uint8_t *at;
    uint64_t has = 0, ports;

    if (!(want[0] & TRANSPORT)) {
        key->w[W_IP] = ip;
        return 0;
    }
    if (h->layers & 1u << BEBA_LAYER_L4) {
        at = p->data + h->offset[BEBA_LAYER_L4];
        ports = beba_load32(at); /* source above destination, as in the word */
        ip |= ports << 16;
        if (h->layers & 1u << BEBA_LAYER_TCP) {
            ip |= (uint64_t)(beba_load16(at + 12) & 0xfff) << 48;
            has = HAS(OFPXMT_OFB_TCP_SRC) | HAS(OFPXMT_OFB_TCP_DST) | HAS(BEBA_OF_TCP_FLAGS);
        } else if (h->layers & 1u << BEBA_LAYER_UDP) {
            has = HAS(OFPXMT_OFB_UDP_SRC) | HAS(OFPXMT_OFB_UDP_DST);
        } else {
            has = HAS(OFPXMT_OFB_SCTP_SRC) | HAS(OFPXMT_OFB_SCTP_DST);
        }
    } else if (h->layers & 1u << BEBA_LAYER_ICMP) {
        at = p->data + h->offset[BEBA_LAYER_ICMP];
        ip |= (uint64_t)at[0] << 32 | (uint64_t)at[1] << 16;
        has = HAS(OFPXMT_OFB_ICMPV4_TYPE) | HAS(OFPXMT_OFB_ICMPV4_CODE);
    } else if (h->layers & 1u << BEBA_LAYER_ICMP6) {
        at = p->data + h->offset[BEBA_LAYER_ICMP6];
        ip |= (uint64_t)at[0] << 32 | (uint64_t)at[1] << 16;
        has = HAS(OFPXMT_OFB_ICMPV6_TYPE) | HAS(OFPXMT_OFB_ICMPV6_CODE);
        if (want[0] & DISCOVERY && h->layers & 1u << BEBA_LAYER_ND)
            has |= fill_nd(key, p);
    }
    key->w[W_IP] = ip;
    return has;
}

BEBA_INLINE uint64_t fill_ip4(struct beba_key *key, const struct beba_packet *p,
                              const uint64_t *want)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP4];
    uint64_t word = p->h.ip_proto | (uint64_t)(ip[1] >> 2) << 8 | (uint64_t)(ip[1] & 3) << 14;

    if (want[W_IP4])
        key->w[W_IP4] = beba_load64(ip + 12);
    return HAS(OFPXMT_OFB_IPV4_SRC) | HAS(OFPXMT_OFB_IPV4_DST) | HAS(OFPXMT_OFB_IP_PROTO) |
           HAS(OFPXMT_OFB_IP_DSCP) | HAS(OFPXMT_OFB_IP_ECN) | fill_transport(key, p, word, want);
}

BEBA_INLINE uint64_t fill_ip6(struct beba_key *key, const struct beba_packet *p,
                              const uint64_t *want)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP6];
    uint32_t first = beba_load32(ip);
    uint64_t word =
        p->h.ip_proto | (uint64_t)(first >> 22 & 63) << 8 | (uint64_t)(first >> 20 & 3) << 14;
    uint64_t exthdr = 0;

    if (want[0] & HAS(OFPXMT_OFB_IPV6_EXTHDR) && ip[6] != BEBA_IP_TCP && ip[6] != BEBA_IP_UDP)
        exthdr = beba_look_exthdr(p->data, &p->h);
    key->w[W_IP6_SRC] = beba_load64(ip + 8);
    key->w[W_IP6_SRC + 1] = beba_load64(ip + 16);
    key->w[W_IP6_DST] = beba_load64(ip + 24);
    key->w[W_IP6_DST + 1] = beba_load64(ip + 32);
    key->w[W_LABEL] = (first & 0xfffff) | exthdr << 20;
    return HAS(OFPXMT_OFB_IPV6_SRC) | HAS(OFPXMT_OFB_IPV6_DST) | HAS(OFPXMT_OFB_IPV6_FLABEL) |
           HAS(OFPXMT_OFB_IPV6_EXTHDR) | HAS(OFPXMT_OFB_IP_PROTO) | HAS(OFPXMT_OFB_IP_DSCP) |
           HAS(OFPXMT_OFB_IP_ECN) | fill_transport(key, p, word, want);
}

/* What is behind the Ethernet addresses and tags: the first that is there hides the others. */
BEBA_INLINE uint64_t fill_network(struct beba_key *key, const struct beba_packet *p,
                                  const uint64_t *want)
{
    uint32_t layers = p->h.layers;

    if (layers & (1u << BEBA_LAYER_PBB | 1u << BEBA_LAYER_MPLS)) {
        if (layers & 1u << BEBA_LAYER_MPLS)
            return fill_mpls(key, p->data + p->h.offset[BEBA_LAYER_MPLS]);
        key->w[W_SIZE] |= beba_load32(p->data + p->h.offset[BEBA_LAYER_PBB] + 2) & 0xffffff;
        return HAS(OFPXMT_OFB_PBB_ISID);
    }
    if (layers & 1u << BEBA_LAYER_IP4)
        return fill_ip4(key, p, want);
    if (layers & 1u << BEBA_LAYER_IP6)
        return fill_ip6(key, p, want);
    if (layers & 1u << BEBA_LAYER_ARP)
        return fill_arp(key, p->data + p->h.offset[BEBA_LAYER_ARP]);
    return 0;
}

enum { NS_PER_MS = 1000000 };
#define CONDITIONS (0xffull << BEBA_OF_CONDITION0)
#define OTHERS     (HAS(BEBA_OF_STATE) | HAS(BEBA_OF_GLOBAL_STATE) | HAS(BEBA_OF_RANDOM) | CONDITIONS)

/* A packet of no tunnel has 0 there [7.2.3.7]. */
#define ALWAYS                                                                          \
    (HAS(OFPXMT_OFB_IN_PORT) | HAS(OFPXMT_OFB_IN_PHY_PORT) | HAS(OFPXMT_OFB_METADATA) | \
     HAS(OFPXMT_OFB_TUNNEL_ID) | HAS(BEBA_OF_TIMESTAMP) | HAS(BEBA_OF_PKT_LEN))

/* As beba_key_fill, where want is of the words: word 0 the fields, the others the bits, that
 * anybody looks at; nothing else need be right. */
BEBA_INLINE void beba_key_fill_wanted(struct beba_key *key, const struct beba_packet *p,
                                      const uint64_t *want)
{
    uint64_t has = (key->w[0] & OTHERS) | ALWAYS;
    uint64_t type = p->h.ether_type, tag = 0;
    uint32_t wire = p->wire_len > p->len ? p->wire_len : p->len;

    if (want[W_PORTS])
        key->w[W_PORTS] =
            (uint64_t)(p->in_phy_port ? p->in_phy_port : p->in_port) << 32 | p->in_port;
    if (want[W_METADATA])
        key->w[W_METADATA] = p->metadata;
    if (want[W_TUNNEL])
        key->w[W_TUNNEL] = p->tunnel_id;
    key->w[W_SIZE] = (key->w[W_SIZE] & 0xffffull << 40) | (wire < 0xffff ? wire : 0xffffull) << 24;
    if (want[W_TIME])
        key->w[W_TIME] = (uint32_t)(p->now / NS_PER_MS);
    if (p->h.layers & 1u << BEBA_LAYER_ETH) {
        if ((want[W_ETH_SRC] & 0xffff || want[0] & HAS(OFPXMT_OFB_VLAN_PCP)) &&
            p->h.layers & 1u << BEBA_LAYER_VLAN) {
            uint16_t tci = beba_load16(p->data + p->h.offset[BEBA_LAYER_VLAN] + 2);
            tag = (tci & 0xfffull) | OFPVID_PRESENT | (uint64_t)(tci >> 13) << 13;
            has |= HAS(OFPXMT_OFB_VLAN_VID) | HAS(OFPXMT_OFB_VLAN_PCP);
        }
        if (want[W_ETH_DST])
            key->w[W_ETH_DST] = beba_key_load48(p->data) << 16 | type;
        if (want[W_ETH_SRC])
            key->w[W_ETH_SRC] = beba_key_load48(p->data + 6) << 16 | tag;
        has |= HAS(OFPXMT_OFB_ETH_DST) | HAS(OFPXMT_OFB_ETH_SRC);
        if (type)
            has |= HAS(OFPXMT_OFB_ETH_TYPE);
    } else {
        key->w[W_ETH_SRC] = 0;
    }
    key->w[0] = want[0] & NETWORK ? has | fill_network(key, p, want) : has;
}

/* As beba_key_begin. Wanted words of fields that the packet lacks are 0. */
BEBA_INLINE void beba_key_begin_wanted(struct beba_key *key, const struct beba_packet *p,
                                       uint16_t random, uint32_t global, const uint64_t *want)
{
    for (unsigned i = W_IP4; i <= W_LABEL; i++)
        if (want[i])
            key->w[i] = 0;
    key->w[0] = HAS(BEBA_OF_RANDOM) | HAS(BEBA_OF_GLOBAL_STATE);
    key->w[W_SIZE] = (uint64_t)random << 40;
    key->w[W_STATE] = (uint64_t)global << 32;
    if (want[W_ETH_DST])
        key->w[W_ETH_DST] = 0;
    if (want[W_CONDITION])
        key->w[W_CONDITION] = 0;
    beba_key_fill_wanted(key, p, want);
}

#endif
