/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Matches and fields as text; actions and what holds them: text_entry.c. */
#include "openflow/text.h"

#include <inttypes.h>

#include "openflow/fields.h"

/* ovs-ofctl's names where they are not the specification's: in a match, and in a set-field. */
static const struct {
    const char *match, *set;
} names[BEBA_OF_N_FIELDS] = {
    [OFPXMT_OFB_ETH_DST] = {"dl_dst", NULL},
    [OFPXMT_OFB_ETH_SRC] = {"dl_src", NULL},
    [OFPXMT_OFB_ETH_TYPE] = {"dl_type", NULL},
    [OFPXMT_OFB_VLAN_PCP] = {"dl_vlan_pcp", NULL},
    [OFPXMT_OFB_IP_ECN] = {"nw_ecn", NULL},
    [OFPXMT_OFB_IP_PROTO] = {"nw_proto", NULL},
    [OFPXMT_OFB_IPV4_SRC] = {"nw_src", "ip_src"},
    [OFPXMT_OFB_IPV4_DST] = {"nw_dst", "ip_dst"},
    [OFPXMT_OFB_TCP_SRC] = {"tp_src", NULL},
    [OFPXMT_OFB_TCP_DST] = {"tp_dst", NULL},
    [OFPXMT_OFB_UDP_SRC] = {"tp_src", NULL},
    [OFPXMT_OFB_UDP_DST] = {"tp_dst", NULL},
    [OFPXMT_OFB_SCTP_SRC] = {"tp_src", NULL},
    [OFPXMT_OFB_SCTP_DST] = {"tp_dst", NULL},
    [OFPXMT_OFB_ICMPV4_TYPE] = {"icmp_type", "icmp_type"},
    [OFPXMT_OFB_ICMPV4_CODE] = {"icmp_code", "icmp_code"},
    [OFPXMT_OFB_ICMPV6_TYPE] = {"icmp_type", NULL},
    [OFPXMT_OFB_ICMPV6_CODE] = {"icmp_code", NULL},
    [OFPXMT_OFB_IPV6_FLABEL] = {"ipv6_label", "ipv6_label"},
    [OFPXMT_OFB_IPV6_ND_TARGET] = {"nd_target", "nd_target"},
    [OFPXMT_OFB_IPV6_ND_SLL] = {"nd_sll", "nd_sll"},
    [OFPXMT_OFB_IPV6_ND_TLL] = {"nd_tll", "nd_tll"},
    [OFPXMT_OFB_TUNNEL_ID] = {"tun_id", "tun_id"},
};

void beba_of_port_print(struct beba_strbuf *out, uint32_t port)
{
    static const char *const reserved[] = {"IN_PORT", "TABLE",      "NORMAL", "FLOOD",
                                           "ALL",     "CONTROLLER", "LOCAL",  "ANY"};

    if (port >= OFPP_IN_PORT)
        beba_strbuf_puts(out, reserved[port - OFPP_IN_PORT]);
    else
        beba_strbuf_printf(out, "%" PRIu32, port);
}

static void print_tcp_flags(struct beba_strbuf *out, const struct beba_of_oxm *oxm)
{
    static const char *const flags[] = {"fin", "syn", "rst", "psh", "ack",
                                        "urg", "ece", "cwr", "ns"};

    if (!oxm->has_mask || oxm->mask.lo >> 9) {
        beba_strbuf_printf(out, "0x%03" PRIx64, oxm->value.lo);
        if (oxm->has_mask)
            beba_strbuf_printf(out, "/0x%03" PRIx64, oxm->mask.lo);
        return;
    }
    for (unsigned i = 0; i < 9; i++) {
        if (oxm->mask.lo >> i & 1) {
            beba_strbuf_putc(out, oxm->value.lo >> i & 1 ? '+' : '-');
            beba_strbuf_puts(out, flags[i]);
        }
    }
}

static void print_value(struct beba_strbuf *out, uint8_t field, struct beba_u128 v)
{
    const struct beba_of_field_row *row = &beba_of_fields[field];
    struct beba_type type = {BEBA_KIND_UINT, row->bits};

    switch ((enum beba_of_notation)row->notation) {
    case BEBA_OF_HEX:
        beba_strbuf_printf(out, field == OFPXMT_OFB_ETH_TYPE ? "0x%04" PRIx64 : "0x%" PRIx64, v.lo);
        return;
    case BEBA_OF_PORT:
        beba_of_port_print(out, (uint32_t)v.lo);
        return;
    case BEBA_OF_MAC:
        type.kind = BEBA_KIND_MAC;
        break;
    case BEBA_OF_IP4:
        type.kind = BEBA_KIND_IP4;
        break;
    case BEBA_OF_IP6:
        type.kind = BEBA_KIND_IP6;
        break;
    case BEBA_OF_DECIMAL:
    case BEBA_OF_TCP_FLAG_LIST:
        break;
    }
    beba_value_print(out, type, v);
}

/* The length of a mask that is a prefix, or -1. */
static int prefix_of(const struct beba_of_oxm *oxm)
{
    unsigned bits = beba_of_fields[oxm->field].bits, n = 0;

    while (n < bits && (bits - n > 64 ? oxm->mask.hi >> (bits - n - 65) & 1
                                      : oxm->mask.lo >> (bits - n - 1) & 1))
        n++;
    for (unsigned i = 0; i < bits - n; i++) {
        if (i >= 64 ? oxm->mask.hi >> (i - 64) & 1 : oxm->mask.lo >> i & 1)
            return -1;
    }
    return (int)n;
}

static void print_masked(struct beba_strbuf *out, const struct beba_of_oxm *oxm)
{
    uint8_t notation = beba_of_fields[oxm->field].notation;
    bool address = notation == BEBA_OF_IP4 || notation == BEBA_OF_IP6;
    int prefix;

    if (notation == BEBA_OF_TCP_FLAG_LIST) {
        print_tcp_flags(out, oxm);
        return;
    }
    print_value(out, oxm->field, oxm->value);
    if (!oxm->has_mask)
        return;
    beba_strbuf_putc(out, '/');
    prefix = address ? prefix_of(oxm) : -1;
    if (prefix >= 0)
        beba_strbuf_printf(out, "%d", prefix);
    else if (notation == BEBA_OF_DECIMAL)
        beba_strbuf_printf(out, "0x%" PRIx64, oxm->mask.lo);
    else
        print_value(out, oxm->field, oxm->mask);
}

static void print_vlan(struct beba_strbuf *out, const struct beba_of_oxm *oxm)
{
    if (!oxm->has_mask && oxm->value.lo & OFPVID_PRESENT)
        beba_strbuf_printf(out, "dl_vlan=%" PRIu64, oxm->value.lo & 0xfff);
    else if (!oxm->has_mask)
        beba_strbuf_puts(out, "vlan_tci=0x0000/0x1fff");
    else if (oxm->value.lo == OFPVID_PRESENT && oxm->mask.lo == OFPVID_PRESENT)
        beba_strbuf_puts(out, "vlan_tci=0x1000/0x1000");
    else
        beba_strbuf_printf(out, "vlan_vid=0x%" PRIx64 "/0x%" PRIx64, oxm->value.lo, oxm->mask.lo);
}

/* "tcp6" and so on: the word that stands for an EtherType and a protocol. */
static const struct {
    const char *word;
    uint16_t eth_type;
    int16_t proto; /* -1: none */
} words[] = {
    {"icmp", 0x0800, 1},   {"tcp", 0x0800, 6},    {"udp", 0x0800, 17},  {"sctp", 0x0800, 132},
    {"icmp6", 0x86dd, 58}, {"tcp6", 0x86dd, 6},   {"udp6", 0x86dd, 17}, {"sctp6", 0x86dd, 132},
    {"ip", 0x0800, -1},    {"ipv6", 0x86dd, -1},  {"arp", 0x0806, -1},  {"rarp", 0x8035, -1},
    {"mpls", 0x8847, -1},  {"mplsm", 0x8848, -1},
};

struct said { /* by a word */
    bool eth_type, proto;
};

static struct said print_word(struct beba_strbuf *out, const struct beba_of_match *match)
{
    int eth_type = -1, proto = -1;

    for (uint32_t i = 0; i < match->n; i++) {
        if (match->oxm[i].field == OFPXMT_OFB_ETH_TYPE)
            eth_type = (int)match->oxm[i].value.lo;
        else if (match->oxm[i].field == OFPXMT_OFB_IP_PROTO)
            proto = (int)match->oxm[i].value.lo;
    }
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].eth_type == eth_type && (words[i].proto == -1 || words[i].proto == proto)) {
            beba_strbuf_puts(out, words[i].word);
            return (struct said){true, words[i].proto != -1};
        }
    }
    return (struct said){false, false};
}

void beba_of_match_print(struct beba_strbuf *out, const struct beba_of_match *match)
{
    struct said said = print_word(out, match);
    bool comma = said.eth_type;

    for (uint32_t i = 0; i < match->n; i++) {
        const struct beba_of_oxm *oxm = &match->oxm[i];

        if ((oxm->field == OFPXMT_OFB_ETH_TYPE && said.eth_type) ||
            (oxm->field == OFPXMT_OFB_IP_PROTO && said.proto))
            continue;
        if (comma)
            beba_strbuf_putc(out, ',');
        comma = true;
        if (oxm->field == OFPXMT_OFB_VLAN_VID) {
            print_vlan(out, oxm);
            continue;
        }
        beba_strbuf_puts(out, names[oxm->field].match ? names[oxm->field].match
                                                      : beba_of_fields[oxm->field].name);
        beba_strbuf_putc(out, '=');
        print_masked(out, oxm);
    }
}

void beba_of_set_field_print(struct beba_strbuf *out, const struct beba_of_oxm *oxm)
{
    beba_strbuf_puts(out, "set_field:");
    if (oxm->field == OFPXMT_OFB_VLAN_VID)
        beba_strbuf_printf(out, "%" PRIu64, oxm->value.lo);
    else
        print_masked(out, oxm);
    beba_strbuf_printf(out, "->%s",
                       names[oxm->field].set ? names[oxm->field].set
                                             : beba_of_fields[oxm->field].name);
}
