/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/key.h"

#include <string.h>

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

#define CONDITION(i) [BEBA_OF_CONDITION0 + (i)] = {W_CONDITION, 8 * (i), 8}

const struct beba_key_place beba_key_places[BEBA_OF_N_FIELDS] = {
    [OFPXMT_OFB_IN_PORT] = {W_PORTS, 0, 32},
    [OFPXMT_OFB_IN_PHY_PORT] = {W_PORTS, 32, 32},
    [OFPXMT_OFB_METADATA] = {W_METADATA, 0, 64},
    [OFPXMT_OFB_TUNNEL_ID] = {W_TUNNEL, 0, 64},
    [OFPXMT_OFB_ETH_DST] = {W_ETH_DST, 16, 48},
    [OFPXMT_OFB_ETH_TYPE] = {W_ETH_DST, 0, 16},
    [OFPXMT_OFB_ETH_SRC] = {W_ETH_SRC, 16, 48},
    [OFPXMT_OFB_VLAN_VID] = {W_ETH_SRC, 0, 13},
    [OFPXMT_OFB_VLAN_PCP] = {W_ETH_SRC, 13, 3},
    [OFPXMT_OFB_IPV4_SRC] = {W_IP4, 32, 32},
    [OFPXMT_OFB_IPV4_DST] = {W_IP4, 0, 32},
    [OFPXMT_OFB_ARP_SPA] = {W_IP4, 32, 32},
    [OFPXMT_OFB_ARP_TPA] = {W_IP4, 0, 32},
    [OFPXMT_OFB_IP_PROTO] = {W_IP, 0, 8},
    [OFPXMT_OFB_IP_DSCP] = {W_IP, 8, 6},
    [OFPXMT_OFB_IP_ECN] = {W_IP, 14, 2},
    [OFPXMT_OFB_TCP_SRC] = {W_IP, 32, 16},
    [OFPXMT_OFB_TCP_DST] = {W_IP, 16, 16},
    [OFPXMT_OFB_UDP_SRC] = {W_IP, 32, 16},
    [OFPXMT_OFB_UDP_DST] = {W_IP, 16, 16},
    [OFPXMT_OFB_SCTP_SRC] = {W_IP, 32, 16},
    [OFPXMT_OFB_SCTP_DST] = {W_IP, 16, 16},
    [OFPXMT_OFB_ICMPV4_TYPE] = {W_IP, 32, 8},
    [OFPXMT_OFB_ICMPV4_CODE] = {W_IP, 16, 8},
    [OFPXMT_OFB_ICMPV6_TYPE] = {W_IP, 32, 8},
    [OFPXMT_OFB_ICMPV6_CODE] = {W_IP, 16, 8},
    [OFPXMT_OFB_ARP_OP] = {W_IP, 16, 16},
    [BEBA_OF_TCP_FLAGS] = {W_IP, 48, 12},
    [OFPXMT_OFB_ARP_SHA] = {W_SHA, 0, 48},
    [OFPXMT_OFB_ARP_THA] = {W_THA, 0, 48},
    [OFPXMT_OFB_IPV6_SRC] = {W_IP6_SRC, 0, 128},
    [OFPXMT_OFB_IPV6_DST] = {W_IP6_DST, 0, 128},
    [OFPXMT_OFB_IPV6_FLABEL] = {W_LABEL, 0, 20},
    [OFPXMT_OFB_IPV6_EXTHDR] = {W_LABEL, 20, 9},
    [OFPXMT_OFB_IPV6_ND_TARGET] = {W_ND, 0, 128},
    [OFPXMT_OFB_IPV6_ND_SLL] = {W_SHA, 0, 48},
    [OFPXMT_OFB_IPV6_ND_TLL] = {W_THA, 0, 48},
    [OFPXMT_OFB_MPLS_LABEL] = {W_LABEL, 32, 20},
    [OFPXMT_OFB_MPLS_TC] = {W_LABEL, 52, 3},
    [OFPXMT_OFB_MPLS_BOS] = {W_LABEL, 55, 1},
    [OFPXMT_OFB_PBB_ISID] = {W_SIZE, 0, 24},
    [BEBA_OF_PKT_LEN] = {W_SIZE, 24, 16},
    [BEBA_OF_RANDOM] = {W_SIZE, 40, 16},
    [BEBA_OF_STATE] = {W_STATE, 0, 32},
    [BEBA_OF_GLOBAL_STATE] = {W_STATE, 32, 32},
    [BEBA_OF_TIMESTAMP] = {W_TIME, 0, 32},
    CONDITION(0),
    CONDITION(1),
    CONDITION(2),
    CONDITION(3),
    CONDITION(4),
    CONDITION(5),
    CONDITION(6),
    CONDITION(7),
};

static const uint16_t packet_fields[BEBA_OF_TCP_FLAGS + 1] = {
    [OFPXMT_OFB_IN_PORT] = BEBA_F_IN_PORT,        [OFPXMT_OFB_IN_PHY_PORT] = BEBA_F_IN_PHY_PORT,
    [OFPXMT_OFB_METADATA] = BEBA_F_METADATA,      [OFPXMT_OFB_ETH_DST] = BEBA_F_ETH_DST,
    [OFPXMT_OFB_ETH_SRC] = BEBA_F_ETH_SRC,        [OFPXMT_OFB_ETH_TYPE] = BEBA_F_ETH_TYPE,
    [OFPXMT_OFB_VLAN_VID] = BEBA_F_VLAN_ID,       [OFPXMT_OFB_VLAN_PCP] = BEBA_F_VLAN_PCP,
    [OFPXMT_OFB_IP_DSCP] = BEBA_F_IP_DSCP,        [OFPXMT_OFB_IP_ECN] = BEBA_F_IP_ECN,
    [OFPXMT_OFB_IP_PROTO] = BEBA_F_IP_PROTO,      [OFPXMT_OFB_IPV4_SRC] = BEBA_F_IP4_SRC,
    [OFPXMT_OFB_IPV4_DST] = BEBA_F_IP4_DST,       [OFPXMT_OFB_TCP_SRC] = BEBA_F_TCP_SRC,
    [OFPXMT_OFB_TCP_DST] = BEBA_F_TCP_DST,        [OFPXMT_OFB_UDP_SRC] = BEBA_F_UDP_SRC,
    [OFPXMT_OFB_UDP_DST] = BEBA_F_UDP_DST,        [OFPXMT_OFB_SCTP_SRC] = BEBA_F_SCTP_SRC,
    [OFPXMT_OFB_SCTP_DST] = BEBA_F_SCTP_DST,      [OFPXMT_OFB_ICMPV4_TYPE] = BEBA_F_ICMP_TYPE,
    [OFPXMT_OFB_ICMPV4_CODE] = BEBA_F_ICMP_CODE,  [OFPXMT_OFB_ARP_OP] = BEBA_F_ARP_OP,
    [OFPXMT_OFB_ARP_SPA] = BEBA_F_ARP_SPA,        [OFPXMT_OFB_ARP_TPA] = BEBA_F_ARP_TPA,
    [OFPXMT_OFB_ARP_SHA] = BEBA_F_ARP_SHA,        [OFPXMT_OFB_ARP_THA] = BEBA_F_ARP_THA,
    [OFPXMT_OFB_IPV6_SRC] = BEBA_F_IP6_SRC,       [OFPXMT_OFB_IPV6_DST] = BEBA_F_IP6_DST,
    [OFPXMT_OFB_IPV6_FLABEL] = BEBA_F_IP6_FLOW,   [OFPXMT_OFB_ICMPV6_TYPE] = BEBA_F_ICMP6_TYPE,
    [OFPXMT_OFB_ICMPV6_CODE] = BEBA_F_ICMP6_CODE, [OFPXMT_OFB_IPV6_ND_TARGET] = BEBA_F_ND_TARGET,
    [OFPXMT_OFB_IPV6_ND_SLL] = BEBA_F_ND_SLL,     [OFPXMT_OFB_IPV6_ND_TLL] = BEBA_F_ND_TLL,
    [OFPXMT_OFB_MPLS_LABEL] = BEBA_F_MPLS_LABEL,  [OFPXMT_OFB_MPLS_TC] = BEBA_F_MPLS_TC,
    [OFPXMT_OFB_MPLS_BOS] = BEBA_F_MPLS_BOS,      [OFPXMT_OFB_PBB_ISID] = BEBA_F_PBB_ISID,
    [OFPXMT_OFB_TUNNEL_ID] = BEBA_F_TUNNEL_ID,    [OFPXMT_OFB_IPV6_EXTHDR] = BEBA_F_IP6_EXTHDR,
    [BEBA_OF_TCP_FLAGS] = BEBA_F_TCP_FLAGS,
};

enum beba_field_id beba_key_packet_field(enum beba_of_field field)
{
    return field > BEBA_OF_TCP_FLAGS ? BEBA_F_NONE : (enum beba_field_id)packet_fields[field];
}

#define HAS(field) (1ull << (field))

static uint64_t load48(const uint8_t *at)
{
    return (uint64_t)beba_load32(at) << 16 | beba_load16(at + 4);
}

static uint64_t fill_arp(struct beba_key *key, const uint8_t *arp)
{
    key->w[W_IP4] = (uint64_t)beba_load32(arp + 14) << 32 | beba_load32(arp + 24);
    key->w[W_IP] = (uint64_t)beba_load16(arp + 6) << 16;
    key->w[W_SHA] = load48(arp + 8);
    key->w[W_THA] = load48(arp + 18);
    return HAS(OFPXMT_OFB_ARP_OP) | HAS(OFPXMT_OFB_ARP_SPA) | HAS(OFPXMT_OFB_ARP_TPA) |
           HAS(OFPXMT_OFB_ARP_SHA) | HAS(OFPXMT_OFB_ARP_THA);
}

static uint64_t fill_mpls(struct beba_key *key, const uint8_t *label)
{
    uint64_t word = beba_load32(label);

    key->w[W_LABEL] = word >> 12 << 32 | (word >> 9 & 7) << 52 | (word >> 8 & 1) << 55;
    return HAS(OFPXMT_OFB_MPLS_LABEL) | HAS(OFPXMT_OFB_MPLS_TC) | HAS(OFPXMT_OFB_MPLS_BOS);
}

static uint64_t fill_nd(struct beba_key *key, const struct beba_packet *p)
{
    const uint8_t *nd = p->data + p->h.offset[BEBA_LAYER_ND];
    uint64_t has = HAS(OFPXMT_OFB_IPV6_ND_TARGET);
    uint32_t at;

    key->w[W_ND] = beba_load64(nd + 8);
    key->w[W_ND + 1] = beba_load64(nd + 16);
    at = beba_look_nd(p->data, &p->h, BEBA_ICMP6_NS, 1);
    if (at) {
        key->w[W_SHA] = load48(p->data + at);
        has |= HAS(OFPXMT_OFB_IPV6_ND_SLL);
    }
    at = beba_look_nd(p->data, &p->h, BEBA_ICMP6_NA, 2);
    if (at) {
        key->w[W_THA] = load48(p->data + at);
        has |= HAS(OFPXMT_OFB_IPV6_ND_TLL);
    }
    return has;
}

/* ip: the word of IP, so far; the transport's ports, or type and code. */
static uint64_t fill_transport(struct beba_key *key, const struct beba_packet *p, uint64_t ip)
{
    const struct beba_headers *h = &p->h;
    const uint8_t *at;
    uint64_t has = 0, ports;

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
        if (h->layers & 1u << BEBA_LAYER_ND)
            has |= fill_nd(key, p);
    }
    key->w[W_IP] = ip;
    return has;
}

static uint64_t fill_ip4(struct beba_key *key, const struct beba_packet *p)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP4];
    uint64_t word = p->h.ip_proto | (uint64_t)(ip[1] >> 2) << 8 | (uint64_t)(ip[1] & 3) << 14;

    key->w[W_IP4] = beba_load64(ip + 12);
    return HAS(OFPXMT_OFB_IPV4_SRC) | HAS(OFPXMT_OFB_IPV4_DST) | HAS(OFPXMT_OFB_IP_PROTO) |
           HAS(OFPXMT_OFB_IP_DSCP) | HAS(OFPXMT_OFB_IP_ECN) | fill_transport(key, p, word);
}

static uint64_t fill_ip6(struct beba_key *key, const struct beba_packet *p)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP6];
    uint32_t first = beba_load32(ip);
    uint64_t word =
        p->h.ip_proto | (uint64_t)(first >> 22 & 63) << 8 | (uint64_t)(first >> 20 & 3) << 14;
    uint64_t exthdr = 0;

    if (ip[6] != BEBA_IP_TCP && ip[6] != BEBA_IP_UDP)
        exthdr = beba_look_exthdr(p->data, &p->h);
    key->w[W_IP6_SRC] = beba_load64(ip + 8);
    key->w[W_IP6_SRC + 1] = beba_load64(ip + 16);
    key->w[W_IP6_DST] = beba_load64(ip + 24);
    key->w[W_IP6_DST + 1] = beba_load64(ip + 32);
    key->w[W_LABEL] = (first & 0xfffff) | exthdr << 20;
    return HAS(OFPXMT_OFB_IPV6_SRC) | HAS(OFPXMT_OFB_IPV6_DST) | HAS(OFPXMT_OFB_IPV6_FLABEL) |
           HAS(OFPXMT_OFB_IPV6_EXTHDR) | HAS(OFPXMT_OFB_IP_PROTO) | HAS(OFPXMT_OFB_IP_DSCP) |
           HAS(OFPXMT_OFB_IP_ECN) | fill_transport(key, p, word);
}

/* What is behind the Ethernet addresses and tags: the first that is there hides the others. */
static uint64_t fill_network(struct beba_key *key, const struct beba_packet *p)
{
    uint32_t layers = p->h.layers;

    if (layers & (1u << BEBA_LAYER_PBB | 1u << BEBA_LAYER_MPLS)) {
        if (layers & 1u << BEBA_LAYER_MPLS)
            return fill_mpls(key, p->data + p->h.offset[BEBA_LAYER_MPLS]);
        key->w[W_SIZE] |= beba_load32(p->data + p->h.offset[BEBA_LAYER_PBB] + 2) & 0xffffff;
        return HAS(OFPXMT_OFB_PBB_ISID);
    }
    if (layers & 1u << BEBA_LAYER_IP4)
        return fill_ip4(key, p);
    if (layers & 1u << BEBA_LAYER_IP6)
        return fill_ip6(key, p);
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

void beba_key_fill(struct beba_key *key, const struct beba_packet *p)
{
    uint64_t has = (key->w[0] & OTHERS) | ALWAYS;
    uint64_t type = p->h.ether_type, tag = 0;
    uint32_t wire = p->wire_len > p->len ? p->wire_len : p->len;

    key->w[W_PORTS] = (uint64_t)(p->in_phy_port ? p->in_phy_port : p->in_port) << 32 | p->in_port;
    key->w[W_METADATA] = p->metadata;
    key->w[W_TUNNEL] = p->tunnel_id;
    key->w[W_SIZE] = (key->w[W_SIZE] & 0xffffull << 40) | (wire < 0xffff ? wire : 0xffffull) << 24;
    key->w[W_TIME] = (uint32_t)(p->now / NS_PER_MS);
    if (p->h.layers & 1u << BEBA_LAYER_ETH) {
        if (p->h.layers & 1u << BEBA_LAYER_VLAN) {
            uint16_t tci = beba_load16(p->data + p->h.offset[BEBA_LAYER_VLAN] + 2);
            tag = (tci & 0xfffull) | OFPVID_PRESENT | (uint64_t)(tci >> 13) << 13;
            has |= HAS(OFPXMT_OFB_VLAN_VID) | HAS(OFPXMT_OFB_VLAN_PCP);
        }
        key->w[W_ETH_DST] = load48(p->data) << 16 | type;
        key->w[W_ETH_SRC] = load48(p->data + 6) << 16 | tag;
        has |= HAS(OFPXMT_OFB_ETH_DST) | HAS(OFPXMT_OFB_ETH_SRC);
        if (type)
            has |= HAS(OFPXMT_OFB_ETH_TYPE);
    } else {
        key->w[W_ETH_SRC] = 0;
    }
    key->w[0] = has | fill_network(key, p);
}

void beba_key_begin(struct beba_key *key, const struct beba_packet *p, uint16_t random,
                    uint32_t global_state)
{
    memset(key, 0, sizeof(*key));
    key->w[0] = HAS(BEBA_OF_RANDOM) | HAS(BEBA_OF_GLOBAL_STATE);
    key->w[W_SIZE] = (uint64_t)random << 40;
    key->w[W_STATE] = (uint64_t)global_state << 32;
    beba_key_fill(key, p);
}

uint32_t beba_key_global(const struct beba_key *key)
{
    return (uint32_t)(key->w[W_STATE] >> 32);
}

struct beba_u128 beba_key_value(const struct beba_key *key, enum beba_of_field field)
{
    struct beba_key_place place = beba_key_places[field];

    if (place.width == 128)
        return beba_u128(key->w[place.word], key->w[place.word + 1]);
    return beba_u128(0, key->w[place.word] >> place.shift & beba_mask64(place.width));
}

static void put(struct beba_key *key, struct beba_key_place place, struct beba_u128 v)
{
    uint64_t mask = beba_mask64(place.width) << place.shift;

    if (place.width == 128) {
        key->w[place.word] = v.hi;
        key->w[place.word + 1] = v.lo;
    } else {
        key->w[place.word] = (key->w[place.word] & ~mask) | (v.lo << place.shift & mask);
    }
}

void beba_key_set(struct beba_key *key, enum beba_of_field field, struct beba_u128 v)
{
    put(key, beba_key_places[field], v);
    key->w[0] |= HAS(field);
}

void beba_key_match(const struct beba_of_match *match, struct beba_key *value,
                    struct beba_key *mask)
{
    memset(value, 0, sizeof(*value));
    memset(mask, 0, sizeof(*mask));
    for (uint32_t i = 0; i < match->n; i++) {
        const struct beba_of_oxm *m = &match->oxm[i];
        struct beba_u128 bits = m->has_mask ? m->mask : beba_u128(~0ull, ~0ull);

        put(mask, beba_key_places[m->field], bits);
        put(value, beba_key_places[m->field],
            beba_u128(m->value.hi & bits.hi, m->value.lo & bits.lo));
        if (m->field == OFPXMT_OFB_VLAN_VID)
            continue;
        mask->w[0] |= HAS(m->field);
        value->w[0] |= HAS(m->field);
    }
}
