/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "openflow/fields.h"

#include <string.h>

/* clang-format off */
#define OXM(field, name_, bytes_, bits_, maskable_, settable_, needs, notation_, id) \
    [OFPXMT_OFB_##field] = {.name = name_, .class = OFPXMC_OPENFLOW_BASIC,            \
                            .number = OFPXMT_OFB_##field, .bytes = bytes_,            \
                            .bits = bits_, .maskable = maskable_,                     \
                            .settable = settable_, .prereq = BEBA_OF_NEEDS_##needs,   \
                            .notation = BEBA_OF_##notation_, .packet = BEBA_F_##id}
#define EXP(field, name_, number_, bytes_, maskable_, notation_)                      \
    [field] = {.name = name_, .class = OFPXMC_EXPERIMENTER, .number = number_,        \
               .bytes = bytes_, .bits = 8 * (bytes_), .maskable = maskable_,          \
               .notation = BEBA_OF_##notation_, .packet = BEBA_F_NONE}

/* OpenFlow 1.3.5, tables 11 and 12; set-field: section 7.2.5. */
const struct beba_of_field_row beba_of_fields[BEBA_OF_N_FIELDS] = {
    OXM(IN_PORT,        "in_port",        4,  32,  false, false, NOTHING,    PORT,    IN_PORT),
    OXM(IN_PHY_PORT,    "in_phy_port",    4,  32,  false, false, IN_PORT,    PORT,    IN_PHY_PORT),
    OXM(METADATA,       "metadata",       8,  64,  true,  false, NOTHING,    HEX,     METADATA),
    OXM(ETH_DST,        "eth_dst",        6,  48,  true,  true,  NOTHING,    MAC,     ETH_DST),
    OXM(ETH_SRC,        "eth_src",        6,  48,  true,  true,  NOTHING,    MAC,     ETH_SRC),
    OXM(ETH_TYPE,       "eth_type",       2,  16,  false, true,  NOTHING,    HEX,     ETH_TYPE),
    OXM(VLAN_VID,       "vlan_vid",       2,  13,  true,  true,  NOTHING,    HEX,     VLAN_ID),
    OXM(VLAN_PCP,       "vlan_pcp",       1,  3,   false, true,  VLAN,       DECIMAL, VLAN_PCP),
    OXM(IP_DSCP,        "ip_dscp",        1,  6,   false, true,  IP,         DECIMAL, IP_DSCP),
    OXM(IP_ECN,         "ip_ecn",         1,  2,   false, true,  IP,         DECIMAL, IP_ECN),
    OXM(IP_PROTO,       "ip_proto",       1,  8,   false, true,  IP,         DECIMAL, IP_PROTO),
    OXM(IPV4_SRC,       "ipv4_src",       4,  32,  true,  true,  IP4,        IP4,     IP4_SRC),
    OXM(IPV4_DST,       "ipv4_dst",       4,  32,  true,  true,  IP4,        IP4,     IP4_DST),
    OXM(TCP_SRC,        "tcp_src",        2,  16,  false, true,  TCP,        DECIMAL, TCP_SRC),
    OXM(TCP_DST,        "tcp_dst",        2,  16,  false, true,  TCP,        DECIMAL, TCP_DST),
    OXM(UDP_SRC,        "udp_src",        2,  16,  false, true,  UDP,        DECIMAL, UDP_SRC),
    OXM(UDP_DST,        "udp_dst",        2,  16,  false, true,  UDP,        DECIMAL, UDP_DST),
    OXM(SCTP_SRC,       "sctp_src",       2,  16,  false, true,  SCTP,       DECIMAL, SCTP_SRC),
    OXM(SCTP_DST,       "sctp_dst",       2,  16,  false, true,  SCTP,       DECIMAL, SCTP_DST),
    OXM(ICMPV4_TYPE,    "icmpv4_type",    1,  8,   false, true,  ICMP4,      DECIMAL, ICMP_TYPE),
    OXM(ICMPV4_CODE,    "icmpv4_code",    1,  8,   false, true,  ICMP4,      DECIMAL, ICMP_CODE),
    OXM(ARP_OP,         "arp_op",         2,  16,  false, true,  ARP,        DECIMAL, ARP_OP),
    OXM(ARP_SPA,        "arp_spa",        4,  32,  true,  true,  ARP,        IP4,     ARP_SPA),
    OXM(ARP_TPA,        "arp_tpa",        4,  32,  true,  true,  ARP,        IP4,     ARP_TPA),
    OXM(ARP_SHA,        "arp_sha",        6,  48,  true,  true,  ARP,        MAC,     ARP_SHA),
    OXM(ARP_THA,        "arp_tha",        6,  48,  true,  true,  ARP,        MAC,     ARP_THA),
    OXM(IPV6_SRC,       "ipv6_src",       16, 128, true,  true,  IP6,        IP6,     IP6_SRC),
    OXM(IPV6_DST,       "ipv6_dst",       16, 128, true,  true,  IP6,        IP6,     IP6_DST),
    OXM(IPV6_FLABEL,    "ipv6_flabel",    4,  20,  true,  true,  IP6,        HEX,     IP6_FLOW),
    OXM(ICMPV6_TYPE,    "icmpv6_type",    1,  8,   false, true,  ICMP6,      DECIMAL, ICMP6_TYPE),
    OXM(ICMPV6_CODE,    "icmpv6_code",    1,  8,   false, true,  ICMP6,      DECIMAL, ICMP6_CODE),
    OXM(IPV6_ND_TARGET, "ipv6_nd_target", 16, 128, false, true,  ND,         IP6,     ND_TARGET),
    OXM(IPV6_ND_SLL,    "ipv6_nd_sll",    6,  48,  false, true,  ND_SOLICIT, MAC,     ND_SLL),
    OXM(IPV6_ND_TLL,    "ipv6_nd_tll",    6,  48,  false, true,  ND_ADVERT,  MAC,     ND_TLL),
    OXM(MPLS_LABEL,     "mpls_label",     4,  20,  false, true,  MPLS,       DECIMAL, MPLS_LABEL),
    OXM(MPLS_TC,        "mpls_tc",        1,  3,   false, true,  MPLS,       DECIMAL, MPLS_TC),
    OXM(MPLS_BOS,       "mpls_bos",       1,  1,   false, true,  MPLS,       DECIMAL, MPLS_BOS),
    OXM(PBB_ISID,       "pbb_isid",       3,  24,  true,  true,  PBB,        HEX,     PBB_ISID),
    OXM(TUNNEL_ID,      "tunnel_id",      8,  64,  true,  true,  NOTHING,    HEX,     TUNNEL_ID),
    OXM(IPV6_EXTHDR,    "ipv6_exthdr",    2,  9,   true,  false, IP6,        HEX,     IP6_EXTHDR),
    [BEBA_OF_TCP_FLAGS] = {.name = "tcp_flags", .class = OFPXMC_OPENFLOW_BASIC, .number = 40,
                           .bytes = 2, .bits = 12, .maskable = true, .settable = true,
                           .prereq = BEBA_OF_NEEDS_TCP, .notation = BEBA_OF_TCP_FLAG_LIST,
                           .packet = BEBA_F_TCP_FLAGS},
    EXP(BEBA_OF_GLOBAL_STATE,   "global_state", 0,  4, true,  HEX),
    EXP(BEBA_OF_STATE,          "state",        1,  4, true,  DECIMAL),
    EXP(BEBA_OF_CONDITION0,     "condition0",   2,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 1, "condition1",   3,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 2, "condition2",   4,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 3, "condition3",   5,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 4, "condition4",   6,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 5, "condition5",   7,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION0 + 6, "condition6",   8,  1, false, DECIMAL),
    EXP(BEBA_OF_CONDITION7,     "condition7",   9,  1, false, DECIMAL),
    EXP(BEBA_OF_TIMESTAMP,      "timestamp",    10, 4, false, DECIMAL),
    EXP(BEBA_OF_RANDOM,         "random",       11, 2, false, DECIMAL),
    EXP(BEBA_OF_PKT_LEN,        "pkt_len",      12, 2, false, DECIMAL),
};
/* clang-format on */

enum { EXPERIMENTER_ID = 4 }; /* bytes of a value that are the id */

enum beba_of_field beba_of_field_of_header(uint32_t header)
{
    uint32_t class = header >> 16, number = header >> 9 & 0x7f;
    enum beba_of_field field;

    if (class == OFPXMC_OPENFLOW_BASIC && number <= BEBA_OF_TCP_FLAGS)
        field = number;
    else if (class == OFPXMC_EXPERIMENTER && number <= BEBA_OF_PKT_LEN - BEBA_OF_GLOBAL_STATE)
        field = BEBA_OF_GLOBAL_STATE + number;
    else
        return BEBA_OF_N_FIELDS;
    return field;
}

uint32_t beba_of_field_header(enum beba_of_field field, bool has_mask)
{
    const struct beba_of_field_row *row = &beba_of_fields[field];
    uint32_t len = (uint32_t)row->bytes << has_mask;

    if (row->class == OFPXMC_EXPERIMENTER)
        len += EXPERIMENTER_ID;
    return (uint32_t)row->class << 16 | (uint32_t)row->number << 9 | (uint32_t)has_mask << 8 | len;
}

enum beba_of_field beba_of_field_find(const char *name)
{
    enum beba_field_id id;

    for (enum beba_of_field i = 0; i < BEBA_OF_N_FIELDS; i++) {
        if (!strcmp(beba_of_fields[i].name, name))
            return i;
    }
    id = beba_field_find_alias(name, strlen(name));
    for (enum beba_of_field i = 0; id != BEBA_F_NONE && i < BEBA_OF_N_FIELDS; i++) {
        if (beba_of_fields[i].packet == id)
            return i;
    }
    return BEBA_OF_N_FIELDS;
}

struct beba_u128 beba_of_field_ones(enum beba_of_field field)
{
    unsigned bits = beba_of_fields[field].bits;

    return beba_u128(bits > 64 ? beba_mask64(bits - 64) : 0, beba_mask64(bits));
}
