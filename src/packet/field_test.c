/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum beba_field_id find(const char *name)
{
    return beba_field_find(name, strlen(name));
}

static enum beba_field_id find_alias(const char *name)
{
    return beba_field_find_alias(name, strlen(name));
}

static void finds_every_name(void **state)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        const struct beba_field *f = &beba_fields[i];
        assert_int_equal(find(f->name), i);
        assert_true(f->type.width >= 1 && (f->type.width <= 64 || f->type.width == 128));
        assert_true(f->type.kind != BEBA_KIND_BOOL || f->type.width == 1);
        assert_true(f->type.kind != BEBA_KIND_MAC || f->type.width == 48);
        assert_true(f->type.kind != BEBA_KIND_IP4 || f->type.width == 32);
        assert_true(f->layer < BEBA_N_LAYERS);
        assert_non_null(f->aliases);
        assert_true(strlen(f->help) > 0);
    }
    assert_int_equal(find("tcp.ds"), BEBA_F_NONE);
    assert_int_equal(find(""), BEBA_F_NONE);
    assert_int_equal(beba_field_find("tcp.dstport", 7), BEBA_F_TCP_DST);
}

static void knows_other_tools_names(void **state)
{
    static const struct {
        const char *name;
        enum beba_field_id id;
    } names[] = {
        {"tcp.dstport", BEBA_F_TCP_DST},
        {"tcp dport", BEBA_F_TCP_DST},
        {"tcp_dst", BEBA_F_TCP_DST},
        {"ipv4_src", BEBA_F_IP4_SRC},
        {"ip saddr", BEBA_F_IP4_SRC},
        {"ip.dsfield.dscp", BEBA_F_IP4_DSCP},
        {"tcp.ack", BEBA_F_TCP_ACK_NO},
        {"ipv6_nd_target", BEBA_F_ND_TARGET},
        {"ether daddr", BEBA_F_ETH_DST},
        {"vlan.id#2", BEBA_F_VLAN2_ID},
        {"th dport", BEBA_F_L4_DST},
        {"dport", BEBA_F_L4_DST},
        {"frame.time_epoch", BEBA_F_NOW},
        {"nw_tos", BEBA_F_NONE},
        {"", BEBA_F_NONE},
        {"tcp", BEBA_F_NONE},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(find_alias(names[i].name), names[i].id);
}

static void no_alias_means_two_fields(void **state)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        const char *s = beba_fields[i].aliases;
        while (*s) {
            size_t n = strcspn(s, " ");
            assert_int_equal(beba_field_find_alias(s, n), i);
            assert_int_equal(beba_field_find(s, n), BEBA_F_NONE);
            s += n;
            s += strspn(s, " ");
        }
        if (beba_fields[i].wireshark)
            assert_int_equal(find_alias(beba_fields[i].wireshark), i);
    }
}

static void suggests_the_nearest(void **state)
{
    assert_string_equal(beba_field_nearest("tcp.dts", 7), "tcp.dst");
    assert_string_equal(beba_field_nearest("ipv4.src", 8), "ip4.src");
    assert_null(beba_field_nearest("completely.else", 15));
}

static void has_openflow_fields_once(void **state)
{
    unsigned seen[40] = {0};

    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        assert_in_range(beba_fields[i].oxm + 1, 0, 40);
        if (beba_fields[i].oxm >= 0)
            seen[beba_fields[i].oxm]++;
        else
            assert_null(beba_fields[i].prereq);
    }
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(seen[i], 1);
}

/* Numbers and widths of OpenFlow 1.3.5, table 12. */
static void openflow_rows_are_right(void **state)
{
    static const struct {
        const char *name;
        uint8_t width;
        const char *prereq;
    } rows[40] = {
        {"in_port", 32, NULL},
        {"in_phy_port", 32, "IN_PORT present"},
        {"metadata", 64, NULL},
        {"eth.dst", 48, NULL},
        {"eth.src", 48, NULL},
        {"eth.type", 16, NULL},
        {"vlan.id", 12, NULL}, /* 12+1 on the wire: the present bit */
        {"vlan.pcp", 3, "VLAN_VID!=NONE"},
        {"ip.dscp", 6, "ETH_TYPE=0x0800 or ETH_TYPE=0x86dd"},
        {"ip.ecn", 2, "ETH_TYPE=0x0800 or ETH_TYPE=0x86dd"},
        {"ip.proto", 8, "ETH_TYPE=0x0800 or ETH_TYPE=0x86dd"},
        {"ip4.src", 32, "ETH_TYPE=0x0800"},
        {"ip4.dst", 32, "ETH_TYPE=0x0800"},
        {"tcp.src", 16, "IP_PROTO=6"},
        {"tcp.dst", 16, "IP_PROTO=6"},
        {"udp.src", 16, "IP_PROTO=17"},
        {"udp.dst", 16, "IP_PROTO=17"},
        {"sctp.src", 16, "IP_PROTO=132"},
        {"sctp.dst", 16, "IP_PROTO=132"},
        {"icmp.type", 8, "IP_PROTO=1"},
        {"icmp.code", 8, "IP_PROTO=1"},
        {"arp.op", 16, "ETH_TYPE=0x0806"},
        {"arp.spa", 32, "ETH_TYPE=0x0806"},
        {"arp.tpa", 32, "ETH_TYPE=0x0806"},
        {"arp.sha", 48, "ETH_TYPE=0x0806"},
        {"arp.tha", 48, "ETH_TYPE=0x0806"},
        {"ip6.src", 128, "ETH_TYPE=0x86dd"},
        {"ip6.dst", 128, "ETH_TYPE=0x86dd"},
        {"ip6.flow", 20, "ETH_TYPE=0x86dd"},
        {"icmp6.type", 8, "IP_PROTO=58"},
        {"icmp6.code", 8, "IP_PROTO=58"},
        {"nd.target", 128, "ICMPV6_TYPE=135 or ICMPV6_TYPE=136"},
        {"nd.sll", 48, "ICMPV6_TYPE=135"},
        {"nd.tll", 48, "ICMPV6_TYPE=136"},
        {"mpls.label", 20, "ETH_TYPE=0x8847 or ETH_TYPE=0x8848"},
        {"mpls.tc", 3, "ETH_TYPE=0x8847 or ETH_TYPE=0x8848"},
        {"mpls.bos", 1, "ETH_TYPE=0x8847 or ETH_TYPE=0x8848"},
        {"pbb.isid", 24, "ETH_TYPE=0x88E7"},
        {"tunnel_id", 64, NULL},
        {"ip6.exthdr", 9, "ETH_TYPE=0x86dd"},
    };

    for (int i = 0; i < 40; i++) {
        const struct beba_field *f = &beba_fields[find(rows[i].name)];
        assert_int_equal(f->oxm, i);
        assert_int_equal(f->type.width, rows[i].width);
        if (rows[i].prereq)
            assert_string_equal(f->prereq, rows[i].prereq);
        else
            assert_null(f->prereq);
    }
}

#define BIT(layer) (1u << BEBA_LAYER_##layer)

static void layers_imply_and_exclude(void **state)
{
    uint32_t tcp = beba_layer_implies(BEBA_LAYER_TCP);

    assert_int_equal(tcp, BIT(TCP) | BIT(L4) | BIT(IP) | BIT(META));
    assert_int_equal(beba_layer_implies(BEBA_LAYER_IP4), BIT(IP4) | BIT(IP) | BIT(META));
    assert_true(beba_layer_excludes(BEBA_LAYER_TCP) & BIT(UDP));
    assert_true(beba_layer_excludes(BEBA_LAYER_TCP) & BIT(VXLAN));
    assert_true(beba_layer_excludes(BEBA_LAYER_ICMP) & BIT(IP6));
    assert_false(beba_layer_excludes(BEBA_LAYER_TCP) & (BIT(IP4) | BIT(IP6) | BIT(VLAN)));
    assert_false(beba_layer_excludes(BEBA_LAYER_L4) & (BIT(TCP) | BIT(IP6)));
    for (unsigned a = 0; a < BEBA_N_LAYERS; a++) {
        uint32_t excludes = beba_layer_excludes((enum beba_layer)a);
        assert_false(excludes & beba_layer_implies((enum beba_layer)a));
        for (unsigned b = 0; b < BEBA_N_LAYERS; b++)
            assert_int_equal(excludes >> b & 1, beba_layer_excludes((enum beba_layer)b) >> a & 1);
    }
}

static void names_layers(void **state)
{
    assert_null(beba_layer_name(BEBA_LAYER_META));
    for (int i = BEBA_LAYER_META + 1; i < BEBA_N_LAYERS; i++) {
        const char *name = beba_layer_name((enum beba_layer)i);
        assert_non_null(name);
        assert_int_equal(beba_layer_find(name, strlen(name)), i);
    }
    assert_int_equal(beba_layer_find("tcpx", 4), -1);
    assert_int_equal(beba_layer_find("tcpx", 3), BEBA_LAYER_TCP);
}

static void prints_values(void **state)
{
    static const struct {
        struct beba_type type;
        struct beba_u128 v;
        const char *text;
    } rows[] = {
        {{BEBA_KIND_UINT, 16}, {0, 80}, "80"},
        {{BEBA_KIND_PORT, 32}, {0, 3}, "3"},
        {{BEBA_KIND_BOOL, 1}, {0, 1}, "true"},
        {{BEBA_KIND_BOOL, 1}, {0, 0}, "false"},
        {{BEBA_KIND_TIME, 64}, {0, 1500000000}, "1500ms"},
        {{BEBA_KIND_IP4, 32}, {0, 0x0a000001}, "10.0.0.1"},
        {{BEBA_KIND_IP, 128}, {0, 0xffff0a000001}, "10.0.0.1"},
        {{BEBA_KIND_IP, 128}, {0x20010db800000000, 1}, "2001:db8::1"},
        {{BEBA_KIND_IP6, 128}, {0, 0}, "::"},
        {{BEBA_KIND_MAC, 48}, {0, 0xaabbccddeeff}, "aa:bb:cc:dd:ee:ff"},
        {{BEBA_KIND_UINT, 128}, {1, 2}, "0x10000000000000002"},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct beba_strbuf b = {0};
        beba_value_print(&b, rows[i].type, rows[i].v);
        assert_string_equal(beba_strbuf_str(&b), rows[i].text);
        beba_strbuf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_name),
        cmocka_unit_test(knows_other_tools_names),
        cmocka_unit_test(no_alias_means_two_fields),
        cmocka_unit_test(suggests_the_nearest),
        cmocka_unit_test(has_openflow_fields_once),
        cmocka_unit_test(openflow_rows_are_right),
        cmocka_unit_test(layers_imply_and_exclude),
        cmocka_unit_test(names_layers),
        cmocka_unit_test(prints_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
