/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/key_fill.h"

#include <string.h>

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

void beba_key_fill(struct beba_key *key, const struct beba_packet *p)
{
    static const uint64_t all[BEBA_KEY_WORDS] = {[0 ... BEBA_KEY_WORDS - 1] = ~0ull};

    beba_key_fill_wanted(key, p, all);
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

uint16_t beba_key_random(const struct beba_key *key)
{
    return (uint16_t)(key->w[W_SIZE] >> 40);
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
