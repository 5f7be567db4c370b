/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Actions: what packets look like afterwards, checksums included, groups, meters, ports and
 * packet-ins. */
#include "datapath/world.h"

#include "packet/bytes.h"

static struct world w;

static int open_world(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

enum { MAX_LIST = 6, MAX_WANT = 5 };

struct want {
    const char *field; /* or a layer that is absent, as "!vlan" */
    uint64_t value;
};

/* A list done to a sample: what comes out by port 2. */
static const struct row {
    const char *what;
    uint32_t n;
    struct beba_of_action list[MAX_LIST];
    struct want want[MAX_WANT];
} rows[] = {
    {"tcp", 1, {SET(OFPXMT_OFB_ETH_DST, 0x0a0b0c0d0e0f)}, {{"eth.dst", 0x0a0b0c0d0e0f}}},
    {"tcp", 1, {SET(OFPXMT_OFB_ETH_SRC, 5)}, {{"eth.src", 5}}},
    {"bare Ethernet", 1, {SET(OFPXMT_OFB_ETH_TYPE, 0x88b6)}, {{"eth.type", 0x88b6}}},
    {"tcp", 1, {SET(OFPXMT_OFB_IPV4_SRC, 0x01020304)}, {{"ip4.src", 0x01020304}}},
    {"udp", 1, {SET(OFPXMT_OFB_IPV4_DST, 0x01020304)}, {{"ip4.dst", 0x01020304}}},
    {"tcp", 1, {SET(OFPXMT_OFB_IP_DSCP, 46)}, {{"ip.dscp", 46}, {"ip.ecn", 0}}},
    {"tcp over ip6", 1, {SET(OFPXMT_OFB_IP_ECN, 3)}, {{"ip.ecn", 3}}},
    {"ip4 only", 1, {SET(OFPXMT_OFB_IP_PROTO, 99)}, {{"ip.proto", 99}}},
    {"tcp", 1, {SET(OFPXMT_OFB_TCP_SRC, 7)}, {{"tcp.src", 7}}},
    {"tcp over ip6", 1, {SET(OFPXMT_OFB_TCP_DST, 8)}, {{"tcp.dst", 8}}},
    {"udp over ip6", 1, {SET(OFPXMT_OFB_UDP_SRC, 7)}, {{"udp.src", 7}}},
    {"udp", 1, {SET(OFPXMT_OFB_UDP_DST, 8)}, {{"udp.dst", 8}}},
    {"sctp",
     2,
     {SET(OFPXMT_OFB_SCTP_SRC, 7), SET(OFPXMT_OFB_SCTP_DST, 8)},
     {{"sctp.src", 7}, {"sctp.dst", 8}}},
    {"icmp echo",
     2,
     {SET(OFPXMT_OFB_ICMPV4_TYPE, 0), SET(OFPXMT_OFB_ICMPV4_CODE, 1)},
     {{"icmp.type", 0}, {"icmp.code", 1}}},
    {"icmp6 echo",
     2,
     {SET(OFPXMT_OFB_ICMPV6_TYPE, 129), SET(OFPXMT_OFB_ICMPV6_CODE, 1)},
     {{"icmp6.type", 129}, {"icmp6.code", 1}}},
    {"arp",
     5,
     {SET(OFPXMT_OFB_ARP_OP, 2), SET(OFPXMT_OFB_ARP_SPA, 1), SET(OFPXMT_OFB_ARP_TPA, 2),
      SET(OFPXMT_OFB_ARP_SHA, 3), SET(OFPXMT_OFB_ARP_THA, 4)},
     {{"arp.op", 2}, {"arp.spa", 1}, {"arp.tpa", 2}, {"arp.sha", 3}, {"arp.tha", 4}}},
    {"tcp over ip6",
     3,
     {SET(OFPXMT_OFB_IPV6_FLABEL, 0x12345), SET(OFPXMT_OFB_IPV6_SRC, 9),
      SET(OFPXMT_OFB_IPV6_DST, 8)},
     {{"ip6.flow", 0x12345}, {"ip6.src", 9}, {"ip6.dst", 8}}},
    {"solicitation",
     2,
     {SET(OFPXMT_OFB_IPV6_ND_TARGET, 5), SET(OFPXMT_OFB_IPV6_ND_SLL, 6)},
     {{"nd.target", 5}, {"nd.sll", 6}}},
    {"advertisement", 1, {SET(OFPXMT_OFB_IPV6_ND_TLL, 6)}, {{"nd.tll", 6}}},
    {"mpls",
     3,
     {SET(OFPXMT_OFB_MPLS_LABEL, 77), SET(OFPXMT_OFB_MPLS_TC, 5), SET(OFPXMT_OFB_MPLS_BOS, 1)},
     {{"mpls.label", 77}, {"mpls.tc", 5}, {"mpls.bos", 1}}},
    {"pbb", 1, {SET(OFPXMT_OFB_PBB_ISID, 0xabcdef)}, {{"pbb.isid", 0xabcdef}}},
    {"vlan",
     2,
     {SET(OFPXMT_OFB_VLAN_VID, OFPVID_PRESENT | 9), SET(OFPXMT_OFB_VLAN_PCP, 2)},
     {{"vlan.id", 9}, {"vlan.pcp", 2}}},
    /* what is not there is not set */
    {"udp", 1, {SET(OFPXMT_OFB_TCP_SRC, 7)}, {{"udp.src", 5353}}},
    {"mpls", 1, {SET(OFPXMT_OFB_TCP_DST, 7)}, {{"tcp.dst", 22}}},
    /* tags: a new one is like the one before, and outermost */
    {"tcp",
     1,
     {TYPED(OFPAT_PUSH_VLAN, 0x8100)},
     {{"vlan.id", 0}, {"vlan.pcp", 0}, {"vlan.tpid", 0x8100}, {"tcp.dst", 443}}},
    {"vlan",
     1,
     {TYPED(OFPAT_PUSH_VLAN, 0x88a8)},
     {{"vlan.id", 100}, {"vlan.pcp", 5}, {"vlan.tpid", 0x88a8}, {"vlan2.id", 100}}},
    {"tcp",
     2,
     {TYPED(OFPAT_PUSH_VLAN, 0x8100), SET(OFPXMT_OFB_VLAN_VID, OFPVID_PRESENT | 42)},
     {{"vlan.id", 42}}},
    {"vlan", 1, {PLAIN(OFPAT_POP_VLAN)}, {{"!vlan", 0}, {"udp.dst", 53}}},
    {"QinQ", 1, {PLAIN(OFPAT_POP_VLAN)}, {{"vlan.id", 200}, {"!vlan2", 0}}},
    {"tcp", 1, {PLAIN(OFPAT_POP_VLAN)}, {{"tcp.dst", 443}}},
    {"tcp",
     1,
     {TYPED(OFPAT_PUSH_MPLS, 0x8847)},
     {{"mpls.label", 0}, {"mpls.bos", 1}, {"mpls.ttl", 1}, {"ip.ttl", 1}, {"tcp.dst", 443}}},
    {"two labels, ip6",
     1,
     {TYPED(OFPAT_PUSH_MPLS, 0x8847)},
     {{"mpls.label", 16}, {"mpls.bos", 0}, {"mpls.tc", 3}, {"mpls2.label", 16}}},
    {"mpls", 1, {TYPED(OFPAT_POP_MPLS, 0x0800)}, {{"!mpls", 0}, {"tcp.dst", 22}}},
    {"bare Ethernet", 1, {TYPED(OFPAT_PUSH_PBB, 0x88e7)}, {{"pbb.isid", 0}, {"eth.type", 0x88e7}}},
    {"pbb", 1, {TYPED(OFPAT_PUSH_PBB, 0x88e7)}, {{"pbb.isid", 0x123456}}},
    {"tcp",
     2,
     {TYPED(OFPAT_PUSH_PBB, 0x88e7), PLAIN(OFPAT_POP_PBB)},
     {{"!pbb", 0}, {"tcp.dst", 443}}},
    /* TTLs; "tcp, odd payload" has a TTL of 1 */
    {"udp", 1, {TTL(OFPAT_SET_NW_TTL, 17)}, {{"ip.ttl", 17}}},
    {"udp over ip6", 2, {TTL(OFPAT_SET_NW_TTL, 17), PLAIN(OFPAT_DEC_NW_TTL)}, {{"ip.ttl", 16}}},
    {"mpls", 1, {TTL(OFPAT_SET_MPLS_TTL, 17)}, {{"mpls.ttl", 17}}},
    {"mpls", 2, {TTL(OFPAT_SET_MPLS_TTL, 17), PLAIN(OFPAT_DEC_MPLS_TTL)}, {{"mpls.ttl", 16}}},
    {"mpls", 2, {TTL(OFPAT_SET_MPLS_TTL, 17), PLAIN(OFPAT_COPY_TTL_IN)}, {{"ip.ttl", 17}}},
    {"two labels, ip6",
     2,
     {TTL(OFPAT_SET_MPLS_TTL, 17), PLAIN(OFPAT_COPY_TTL_IN)},
     {{"mpls2.ttl", 17}}},
    {"udp",
     4,
     {TTL(OFPAT_SET_NW_TTL, 33), TYPED(OFPAT_PUSH_MPLS, 0x8847), TTL(OFPAT_SET_MPLS_TTL, 2),
      PLAIN(OFPAT_COPY_TTL_OUT)},
     {{"mpls.ttl", 33}}},
};

static void check_row(const struct row *r, bool as_set)
{
    struct beba_of_action list[MAX_LIST + 1];
    struct beba_of_actions actions = {r->n + 1, list};
    unsigned present, wrong;
    struct beba_packet p;

    memcpy(list, r->list, sizeof(r->list));
    list[r->n] = (struct beba_of_action)OUT(2);
    assert_int_equal(FLOW(&w, .instructions = {.present = as_set ? BEBA_OF_WRITE : BEBA_OF_APPLY,
                                               .apply = actions,
                                               .write = actions}),
                     0);
    world_make(&w, r->what);
    if (!strcmp(r->what, "tcp")) /* so that it is seen where a TTL comes from */
        beba_field_write(&w.packet, BEBA_F_IP_TTL, beba_u128(0, 1));
    assert_int_equal(world_go(&w), 1);
    assert_int_equal(w.out[0].port, 2);
    p = world_came(&w, 0);
    for (unsigned i = 0; i < MAX_WANT && r->want[i].field; i++) {
        const char *name = r->want[i].field;
        struct beba_u128 v;

        if (*name == '!') {
            int layer = beba_layer_find(name + 1, strlen(name + 1));
            assert_true(layer >= 0);
            assert_false(beba_packet_has(&p, (enum beba_layer)layer));
            continue;
        }
        if (!beba_field_read_wide(&p, beba_field_find(name, strlen(name)), &v))
            fail_msg("row %u, %s: no %s", (unsigned)(r - rows), r->what, name);
        if (v.lo != r->want[i].value)
            fail_msg("row %u, %s: %s is %llx", (unsigned)(r - rows), r->what, name,
                     (unsigned long long)v.lo);
    }
    wrong = beba_packet_checksums(&p, &present);
    if (wrong)
        fail_msg("row %u, %s: checksums %u are wrong", (unsigned)(r - rows), r->what, wrong);
}

static void actions_do_what_they_say(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        check_row(&rows[i], false);
}

/* A set of one action, or of set-fields, is the same as the list. */
static void and_so_in_a_set(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].n == 1 || rows[i].list[1].type == OFPAT_SET_FIELD)
            check_row(&rows[i], true);
}

static void a_set_has_an_order_of_its_own(void **state)
{
    struct beba_packet p;
    uint64_t v;

    (void)state;
    assert_int_equal(
        FLOW(&w, .instructions = {.present = BEBA_OF_WRITE | BEBA_OF_GOTO,
                                  .table = 1,
                                  .write = ACTIONS(
                                      OUT(3), SET(OFPXMT_OFB_VLAN_VID, OFPVID_PRESENT | 7),
                                      PLAIN(OFPAT_DEC_NW_TTL), TYPED(OFPAT_PUSH_VLAN, 0x8100))}),
        0);
    assert_int_equal(
        FLOW(&w, .table = 1,
             .instructions = WRITE(OUT(2), SET(OFPXMT_OFB_VLAN_VID, OFPVID_PRESENT | 8))),
        0);
    assert_int_equal(world_run(&w, "udp"), 2);
    p = world_came(&w, 0);
    assert_true(beba_field_read(&p, BEBA_F_VLAN_ID, &v));
    assert_int_equal(v, 8);
    assert_true(beba_field_read(&p, BEBA_F_IP_TTL, &v));
    assert_int_equal(v, 63);
    assert_int_equal(FLOW(&w, .table = 1, .instructions = {.present = BEBA_OF_CLEAR}), 0);
    assert_int_equal(world_run(&w, "udp"), 0);
}

static void lists_are_done_in_turn(void **state)
{
    struct beba_packet p;
    uint64_t v;

    (void)state;
    assert_int_equal(FLOW(&w, .instructions = APPLY(OUT(2), SET(OFPXMT_OFB_UDP_DST, 9), OUT(3),
                                                    QUEUE(4), OUT(4))),
                     0);
    world_make(&w, "udp");
    assert_int_equal(world_go(&w), 3);
    p = world_came(&w, 0);
    assert_true(beba_field_read(&p, BEBA_F_UDP_DST, &v) && v == 53);
    p = world_came(&w, 1);
    assert_true(beba_field_read(&p, BEBA_F_UDP_DST, &v) && v == 9);
    assert_int_equal(w.out[1].queue, 0);
    assert_int_equal(w.out[2].queue, 4);
}

/* Later tables match on the packet as it is then. */
static void what_was_changed_is_matched(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .instructions = {.present = BEBA_OF_APPLY | BEBA_OF_GOTO,
                                               .table = 1,
                                               .apply = ACTIONS(SET(OFPXMT_OFB_UDP_DST, 9))}),
                     0);
    assert_int_equal(FLOW(&w, .table = 1, .priority = 2, .match = MATCH(IS(OFPXMT_OFB_UDP_DST, 9)),
                          .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(FLOW(&w, .table = 1, .instructions = APPLY(OUT(3))), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world_run(&w, "udp"), 2);
}

/* --- TTLs that end, ports, packet-ins ----------------------------------------------------------
 */

static void a_ttl_that_ends_ends_the_packet(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .instructions = APPLY(PLAIN(OFPAT_DEC_NW_TTL), OUT(2))), 0);
    assert_int_equal(world_run(&w, "tcp, odd payload"), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_TTL), 1);
    assert_int_equal(w.n_in, 1);
    assert_int_equal(w.in[0].reason, OFPR_INVALID_TTL);
}

static void packet_ins_say_why_and_from_where(void **state)
{
    bool port = false, length = false;

    (void)state;
    assert_int_equal(FLOW(&w, .cookie = 5, .instructions = APPLY(OUT(OFPP_CONTROLLER))), 0);
    assert_int_equal(world_run(&w, "udp"), 0);
    assert_int_equal(w.n_in, 1);
    assert_int_equal(w.in[0].reason, OFPR_NO_MATCH); /* the table-miss entry */
    assert_int_equal(w.in[0].cookie, 5);
    assert_int_equal(w.in[0].max_len, 100);
    for (unsigned i = 0; i < w.in[0].n; i++) {
        const struct beba_of_oxm *m = &w.in[0].oxm[i];
        port |= m->field == OFPXMT_OFB_IN_PORT && m->value.lo == 1 && i < w.in[0].n_plain;
        length |=
            m->field == BEBA_OF_PKT_LEN && m->value.lo == w.packet.len && i >= w.in[0].n_plain;
    }
    assert_true(port);
    assert_true(length);
    assert_int_equal(FLOW(&w, .priority = 1, .instructions = APPLY(OUT(OFPP_CONTROLLER))), 0);
    assert_int_equal(world_run(&w, "udp"), 0);
    assert_int_equal(w.in[0].reason, OFPR_ACTION);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE_STRICT, .priority = 1), 0);
    world_port(&w, 1, OFPPC_NO_PACKET_IN, true);
    assert_int_equal(world_run(&w, "udp"), 0);
    assert_int_equal(w.n_in, 0);
}

static uint64_t ports_out(void)
{
    uint64_t ports = 0;

    for (unsigned i = 0; i < w.n_out; i++)
        ports |= w.out[i].port == OFPP_LOCAL ? 1 : 1ull << w.out[i].port;
    return ports;
}

static uint64_t out_by(uint32_t port)
{
    assert_int_equal(FLOW(&w, .instructions = APPLY(OUT(port))), 0);
    world_make(&w, "udp");
    world_go(&w);
    return ports_out();
}

static void ports_are_as_configured(void **state)
{
    (void)state;
    assert_int_equal(out_by(OFPP_FLOOD), 1 << 2 | 1 << 3 | 1 << 4);
    assert_int_equal(out_by(OFPP_ALL), 1 << 2 | 1 << 3 | 1 << 4);
    assert_int_equal(out_by(OFPP_IN_PORT), 1 << 1);
    assert_int_equal(out_by(OFPP_LOCAL), 1);
    assert_int_equal(out_by(1), 0); /* back only by IN_PORT */
    world_port(&w, 3, OFPPC_NO_FWD, true);
    world_port(&w, 4, 0, false);
    assert_int_equal(out_by(OFPP_FLOOD), 1 << 2);
    assert_int_equal(out_by(3), 0);
    assert_int_equal(out_by(4), 0);
    assert_int_equal(out_by(77), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_PORT), 4);
    beba_datapath_port_del(w.dp, 2);
    assert_int_equal(out_by(2), 0);
    world_port(&w, 2, 0, true);
    world_port(&w, 1, OFPPC_NO_RECV, true);
    assert_int_equal(out_by(2), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_PORT), 6);
}

static void fragments_are_dropped_on_wish(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .instructions = APPLY(OUT(2))), 0);
    assert_int_equal(world_run(&w, "first fragment"), 2);
    beba_datapath_config(w.dp, OFPC_FRAG_DROP, 128);
    assert_int_equal(world_run(&w, "first fragment"), 0);
    assert_int_equal(world_run(&w, "later fragment, ip6"), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_FRAGMENT), 2);
    assert_int_equal(world_run(&w, "udp"), 2);
}

static void packet_outs_run_lists(void **state)
{
    struct beba_of_actions table = ACTIONS(OUT(OFPP_TABLE), OUT(3));
    struct beba_of_actions none = {0, NULL};

    (void)state;
    assert_int_equal(beba_datapath_check_actions(w.dp, &table, &w.err), 0);
    assert_int_equal(FLOW(&w, .instructions = APPLY(SET(OFPXMT_OFB_UDP_DST, 1), OUT(OFPP_IN_PORT))),
                     0);
    world_make(&w, "udp");
    world_clear(&w);
    beba_datapath_execute(w.worker, &w.packet, &table);
    assert_int_equal(w.n_out, 2);
    assert_int_equal(w.out[0].port, 1);
    assert_int_equal(w.out[1].port, 3);
    assert_memory_not_equal(w.out[0].frame, w.out[1].frame, w.out[0].len); /* a copy was changed */
    beba_datapath_execute(w.worker, &w.packet, &none);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_ACTION), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(actions_do_what_they_say),          TEST(and_so_in_a_set),
        TEST(a_set_has_an_order_of_its_own),     TEST(lists_are_done_in_turn),
        TEST(what_was_changed_is_matched),       TEST(a_ttl_that_ends_ends_the_packet),
        TEST(packet_ins_say_why_and_from_where), TEST(ports_are_as_configured),
        TEST(fragments_are_dropped_on_wish),     TEST(packet_outs_run_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
