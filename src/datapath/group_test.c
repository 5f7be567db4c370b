/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Groups [5.6, 6.5] and meters [5.7, 6.6]. */
#include "datapath/world.h"

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

static uint64_t port_came(unsigned i, enum beba_field_id field)
{
    struct beba_packet p = world_came(&w, i);
    uint64_t v;

    assert_true(beba_field_read(&p, field, &v));
    return v;
}

static struct beba_datapath_group group(uint32_t id)
{
    struct beba_datapath_group g = {0};
    uint64_t cursor = 0;

    while (beba_datapath_group_next(w.dp, &cursor, w.now, &g))
        if (g.group == id)
            return g;
    fail_msg("no group %u", id);
    return g;
}

static void to_group(uint32_t id)
{
    assert_int_equal(FLOW(&w, .instructions = APPLY(GROUP(id))), 0);
}

static void all_makes_copies(void **state)
{
    uint64_t packets, bytes;

    (void)state;
    assert_int_equal(
        ADD_GROUP(&w, .group = 1, .type = OFPGT_ALL,
                  BUCKETS({NO_WATCH, .actions = ACTIONS(SET(OFPXMT_OFB_UDP_DST, 1), OUT(2))},
                          {NO_WATCH, .actions = ACTIONS(OUT(3))})),
        0);
    assert_int_equal(FLOW(&w, .instructions = APPLY(GROUP(1), OUT(4))), 0);
    world_make(&w, "udp");
    assert_int_equal(world_go(&w), 3);
    assert_int_equal(w.out[0].port, 2);
    assert_int_equal(port_came(0, BEBA_F_UDP_DST), 1);
    assert_int_equal(port_came(1, BEBA_F_UDP_DST), 53); /* buckets do not see each other */
    assert_int_equal(port_came(2, BEBA_F_UDP_DST), 53); /* nor does the list see them */
    assert_int_equal(group(1).packets, 1);
    assert_int_equal(group(1).ref_count, 1);
    beba_datapath_bucket_stats(w.dp, 1, 1, &packets, &bytes);
    assert_int_equal(packets, 1);
    assert_int_equal(bytes, w.packet.len);
}

static unsigned chosen[5];

static void send_each(unsigned n, const char *what, enum beba_field_id differs)
{
    memset(chosen, 0, sizeof(chosen));
    for (unsigned i = 0; i < n; i++) {
        world_make(&w, what);
        assert_true(beba_field_write(&w.packet, differs, beba_u128(0, i)));
        if (world_go(&w))
            chosen[w.out[0].port]++;
    }
}

static void send_flows(unsigned n)
{
    send_each(n, "udp", BEBA_F_IP4_SRC);
}

static void select_goes_by_weight_and_flow(void **state)
{
    uint32_t first;

    (void)state;
    assert_int_equal(
        ADD_GROUP(
            &w, .group = 1, .type = OFPGT_SELECT,
            BUCKETS(
                {.weight = 3, NO_WATCH, .actions = ACTIONS(OUT(2))},
                {.weight = 1, .watch_port = 3, .watch_group = OFPG_ANY, .actions = ACTIONS(OUT(3))},
                {.weight = 0, NO_WATCH, .actions = ACTIONS(OUT(4))})),
        0);
    to_group(1);
    first = world_run(&w, "udp");
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(world_run(&w, "udp"), first);
    send_flows(2000);
    assert_in_range(chosen[2], 1400, 1600);
    assert_int_equal(chosen[2] + chosen[3], 2000);
    send_each(2000, "arp", BEBA_F_ARP_TPA);
    assert_in_range(chosen[2], 1400, 1600);
    world_port(&w, 3, 0, false);
    send_flows(200);
    assert_int_equal(chosen[2], 200);
}

static void indirect_has_one_bucket(void **state)
{
    (void)state;
    assert_int_equal(ADD_GROUP(&w, .group = 1, .type = OFPGT_INDIRECT),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP));
    assert_int_equal(ADD_GROUP(&w, .group = 1, .type = OFPGT_INDIRECT,
                               BUCKETS({NO_WATCH, .actions = ACTIONS(OUT(2))})),
                     0);
    to_group(1);
    assert_int_equal(world_run(&w, "udp"), 2);
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_MODIFY, .group = 1, .type = OFPGT_INDIRECT,
                               BUCKETS({NO_WATCH, .actions = ACTIONS(OUT(3))})),
                     0);
    assert_int_equal(world_run(&w, "udp"), 3);
    assert_int_equal(group(1).packets, 2); /* the group's count goes on */
}

static void fast_failover_takes_the_first_that_lives(void **state)
{
    (void)state;
    assert_int_equal(
        ADD_GROUP(&w, .group = 2, .type = OFPGT_ALL,
                  BUCKETS({.watch_port = 4, .watch_group = OFPG_ANY, .actions = ACTIONS(OUT(4))})),
        0);
    assert_int_equal(
        ADD_GROUP(
            &w, .group = 1, .type = OFPGT_FF,
            BUCKETS({.watch_port = 2, .watch_group = OFPG_ANY, .actions = ACTIONS(OUT(2))},
                    {.watch_port = 3, .watch_group = OFPG_ANY, .actions = ACTIONS(OUT(3))},
                    {.watch_port = OFPP_ANY, .watch_group = 2, .actions = ACTIONS(GROUP(2))})),
        0);
    to_group(1);
    assert_int_equal(world_run(&w, "udp"), 2);
    world_port(&w, 2, 0, false);
    assert_int_equal(world_run(&w, "udp"), 3);
    world_port(&w, 3, OFPPC_PORT_DOWN, true);
    assert_int_equal(world_run(&w, "udp"), 4);
    beba_datapath_port_del(w.dp, 4);
    assert_int_equal(world_run(&w, "udp"), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_GROUP), 1);
    world_port(&w, 2, 0, true);
    assert_int_equal(world_run(&w, "udp"), 2);
}

#define CHAIN(id, to) \
    .group = (id), .type = OFPGT_ALL, BUCKETS({NO_WATCH, .actions = ACTIONS(GROUP(to))})

static void chains_have_no_loops(void **state)
{
    (void)state;
    assert_int_equal(ADD_GROUP(&w, CHAIN(1, 1)), FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP));
    assert_int_equal(ADD_GROUP(&w, CHAIN(1, 2)), FAILS(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP));
    assert_int_equal(ADD_GROUP(&w, .group = 3, .type = OFPGT_ALL), 0);
    assert_int_equal(ADD_GROUP(&w, CHAIN(2, 3)), 0);
    assert_int_equal(ADD_GROUP(&w, CHAIN(1, 2)), 0);
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_MODIFY, CHAIN(3, 1)),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP));
    assert_int_equal(group(3).ref_count, 1);
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_DELETE, .group = 3),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_CHAINED_GROUP));
    assert_int_equal(ADD_GROUP(&w, CHAIN(1, 2)),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_GROUP_EXISTS));
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_MODIFY, .group = 9),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_UNKNOWN_GROUP));
    assert_int_equal(ADD_GROUP(&w, .group = 9, .type = 9),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE));
    assert_int_equal(ADD_GROUP(&w, .group = OFPG_ALL),
                     FAILS(OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP));
}

static void groups_take_their_entries_along(void **state)
{
    (void)state;
    assert_int_equal(ADD_GROUP(&w, .group = 1, .type = OFPGT_ALL), 0);
    assert_int_equal(FLOW(&w, .flags = OFPFF_SEND_FLOW_REM, .instructions = WRITE(GROUP(1))), 0);
    assert_int_equal(FLOW(&w, .priority = 1, .instructions = APPLY(OUT(2))), 0);
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_DELETE, .group = OFPG_ALL), 0);
    assert_int_equal(w.n_removed, 1);
    assert_int_equal(w.removed[0].reason, OFPRR_GROUP_DELETE);
    assert_int_equal(world_active(&w, 0), 1);
    assert_int_equal(ADD_GROUP(&w, .command = OFPGC_DELETE, .group = 1), 0); /* none: no error */
}

/* Copies of copies end somewhere: 16 copies of 16 of 16 of 16 are 65536, more than one packet may
 * make. */
static void copies_are_bounded(void **state)
{
    struct beba_of_bucket bucket[16];
    struct beba_of_action action[5];

    (void)state;
    for (uint32_t id = 4; id >= 1; id--) {
        action[id] = id == 4 ? (struct beba_of_action)OUT(2) : (struct beba_of_action)GROUP(id + 1);
        for (unsigned i = 0; i < 16; i++)
            bucket[i] = (struct beba_of_bucket){NO_WATCH, .actions = {1, &action[id]}};
        assert_int_equal(
            ADD_GROUP(&w, .group = id, .type = OFPGT_ALL, .n_buckets = 16, .bucket = bucket), 0);
    }
    to_group(1);
    world_make(&w, "udp");
    assert_int_equal(world_go(&w), BEBA_DP_CLONES);
    assert_true(world_drops(&w, BEBA_DP_DROP_TOO_DEEP) > 0);
}

/* --- meters ------------------------------------------------------------------------------------
 */

static void meter_flow(void)
{
    assert_int_equal(FLOW(&w, .instructions = {.present = BEBA_OF_METER | BEBA_OF_APPLY,
                                               .meter = 1,
                                               .apply = ACTIONS(OUT(2))}),
                     0);
}

static unsigned send_for(unsigned n, uint64_t apart)
{
    unsigned out = 0;

    for (unsigned i = 0; i < n; i++) {
        out += world_run(&w, "udp") == 2;
        w.now += apart;
    }
    return out;
}

static void meters_drop_what_is_too_much(void **state)
{
    struct beba_datapath_meter m;
    uint64_t cursor = 0, packets, bytes;

    (void)state;
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_PKTPS | OFPMF_BURST,
                               BANDS({.type = OFPMBT_DROP, .rate = 100, .burst = 10})),
                     0);
    meter_flow();
    assert_int_equal(send_for(30, 0), 10);                     /* the burst */
    w.now += WORLD_S;                                          /* full again, not more */
    assert_int_equal(send_for(1000, WORLD_S / 1000), 10 + 99); /* 100 a second of 1000 */
    assert_true(beba_datapath_meter_next(w.dp, &cursor, w.now, &m));
    assert_int_equal(m.packets, 1030);
    assert_int_equal(m.flow_count, 1);
    beba_datapath_band_stats(w.dp, 1, 0, &packets, &bytes);
    assert_int_equal(packets, 1030 - 119);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_METER), 1030 - 119);
    assert_false(beba_datapath_meter_next(w.dp, &cursor, w.now, &m));
}

static void meters_count_bits(void **state)
{
    unsigned length, out;

    (void)state;
    assert_int_equal(
        ADD_METER(&w, .meter = 1, .flags = OFPMF_KBPS, BANDS({.type = OFPMBT_DROP, .rate = 1000})),
        0);
    meter_flow();
    world_make(&w, "udp");
    length = w.packet.len;
    out = send_for(20000, WORLD_S / 4000); /* 5 s */
    assert_in_range(out * length * 8, 5000000, 5000000 + 200000);
}

static uint64_t remarked(uint64_t dscp, uint8_t level)
{
    assert_int_equal(ADD_METER(&w, .command = OFPMC_MODIFY, .meter = 1, .flags = OFPMF_PKTPS,
                               BANDS({.type = OFPMBT_DSCP_REMARK, .rate = 0, .prec_level = level})),
                     0);
    world_make(&w, "udp");
    beba_field_write(&w.packet, BEBA_F_IP_DSCP, beba_u128(0, dscp));
    assert_int_equal(world_go(&w), 1);
    return port_came(0, BEBA_F_IP_DSCP);
}

static void meters_remark_precedence(void **state)
{
    (void)state;
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_PKTPS), 0);
    meter_flow();
    assert_int_equal(remarked(10, 1), 12); /* AF11, AF12 */
    assert_int_equal(remarked(10, 2), 14);
    assert_int_equal(remarked(12, 2), 14);
    assert_int_equal(remarked(38, 1), 38); /* AF43 is the last */
    assert_int_equal(remarked(46, 1), 46); /* EF is no class of AF */
    assert_int_equal(remarked(0, 1), 0);
    assert_int_equal(remarked(8, 1), 8);
}

static void meters_are_checked(void **state)
{
    (void)state;
    assert_int_equal(ADD_METER(&w, .meter = 0),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER));
    assert_int_equal(ADD_METER(&w, .command = OFPMC_MODIFY, .meter = 1),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER));
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_KBPS | OFPMF_PKTPS),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_BAD_FLAGS));
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_KBPS, BANDS({.type = 7})),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BAND));
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_KBPS), 0);
    assert_int_equal(ADD_METER(&w, .meter = 1, .flags = OFPMF_KBPS),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_METER_EXISTS));
    meter_flow();
    assert_int_equal(ADD_METER(&w, .command = OFPMC_DELETE, .meter = OFPM_ALL), 0);
    assert_int_equal(world_active(&w, 0), 0);
}

static void virtual_meters_measure_packet_ins(void **state)
{
    (void)state;
    assert_int_equal(ADD_METER(&w, .meter = OFPM_CONTROLLER, .flags = OFPMF_PKTPS | OFPMF_BURST,
                               BANDS({.type = OFPMBT_DROP, .rate = 10, .burst = 3})),
                     0);
    assert_int_equal(ADD_METER(&w, .meter = OFPM_SLOWPATH, .flags = OFPMF_KBPS), 0);
    assert_int_equal(FLOW(&w, .instructions = {.present = BEBA_OF_METER | BEBA_OF_APPLY,
                                               .meter = OFPM_CONTROLLER,
                                               .apply = ACTIONS(OUT(2))}),
                     FAILS(OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER));
    assert_int_equal(FLOW(&w, .instructions = {.present = BEBA_OF_APPLY,
                                               .apply = ACTIONS(OUT(OFPP_CONTROLLER), OUT(2))}),
                     0);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(world_run(&w, "udp"), 2); /* it goes on all the same */
        assert_int_equal(w.n_in, i < 3);
    }
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_METER), 5);
    assert_int_equal(ADD_METER(&w, .command = OFPMC_DELETE, .meter = OFPM_CONTROLLER), 0);
    world_run(&w, "udp");
    assert_int_equal(w.n_in, 1);
    assert_int_equal(ADD_METER(&w, .command = OFPMC_DELETE, .meter = OFPM_ALL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_makes_copies),        TEST(select_goes_by_weight_and_flow),
        TEST(indirect_has_one_bucket), TEST(fast_failover_takes_the_first_that_lives),
        TEST(chains_have_no_loops),    TEST(groups_take_their_entries_along),
        TEST(copies_are_bounded),      TEST(meters_drop_what_is_too_much),
        TEST(meters_count_bits),       TEST(meters_remark_precedence),
        TEST(meters_are_checked),      TEST(virtual_meters_measure_packet_ins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
