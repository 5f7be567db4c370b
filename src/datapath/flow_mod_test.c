/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flow-mods [6.4], bundles, timeouts, and what statistics say of entries. */
#include "datapath/world.h"

static struct world w;

enum { ETH_DST = OFPXMT_OFB_ETH_DST, IN_PORT = OFPXMT_OFB_IN_PORT };

struct seen {
    unsigned n;
    struct beba_datapath_flow flow[8];
};

static bool see(void *arg, const struct beba_datapath_flow *flow)
{
    struct seen *seen = arg;

    seen->flow[seen->n++ % 8] = *flow;
    return true;
}

static struct seen flows_that(uint32_t out_port, uint32_t out_group, uint64_t cookie, uint64_t mask)
{
    struct beba_datapath_flow_filter filter = {OFPTT_ALL, out_port, out_group,
                                               cookie,    mask,     {0, NULL}};
    struct seen seen = {0};
    uint64_t cursor = 0;

    assert_true(beba_datapath_flows(w.dp, &filter, w.now, &cursor, see, &seen));
    return seen;
}

static struct seen flows(void)
{
    return flows_that(OFPP_ANY, OFPG_ANY, 0, 0);
}

static int add(uint8_t table, uint16_t priority, uint64_t cookie, uint64_t mac, uint32_t port)
{
    return FLOW(&w, .table = table, .priority = priority, .cookie = cookie,
                .match = MATCH(IS(ETH_DST, mac)), .instructions = APPLY(OUT(port)));
}

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

static void a_miss_is_counted(void **state)
{
    (void)state;
    assert_int_equal(world_run(&w, "tcp"), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_MISS), 1);
    assert_int_equal(FLOW(&w, .instructions = {0}), 0);
    assert_int_equal(world_run(&w, "tcp"), 0);
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_ACTION), 1);
}

static void the_highest_priority_wins(void **state)
{
    (void)state;
    assert_int_equal(
        FLOW(&w, .priority = 5, .match = MATCH(IS(IN_PORT, 1)), .instructions = APPLY(OUT(2))), 0);
    assert_int_equal(FLOW(&w, .priority = 7, .match = MATCH(IS(OFPXMT_OFB_ETH_TYPE, 0x800)),
                          .instructions = APPLY(OUT(3))),
                     0);
    assert_int_equal(world_run(&w, "tcp"), 3);
    assert_int_equal(world_run(&w, "arp"), 2);
}

static void adding_again_replaces(void **state)
{
    struct seen s;

    (void)state;
    assert_int_equal(FLOW(&w, .priority = 5, .cookie = 1, .flags = OFPFF_SEND_FLOW_REM,
                          .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(world_run(&w, "tcp"), 2);
    w.now += 5 * WORLD_S;
    assert_int_equal(FLOW(&w, .priority = 5, .cookie = 2, .instructions = APPLY(OUT(3))), 0);
    assert_int_equal(world_run(&w, "tcp"), 3);
    assert_int_equal(w.n_removed, 0); /* nobody is told of what is replaced */
    s = flows();
    assert_int_equal(s.n, 1);
    assert_int_equal(s.flow[0].cookie, 2);
    assert_int_equal(s.flow[0].packets, 2); /* counters go on */
    assert_int_equal(s.flow[0].lived, 0);   /* the duration does not */
    assert_int_equal(
        FLOW(&w, .priority = 5, .flags = OFPFF_RESET_COUNTS, .instructions = APPLY(OUT(3))), 0);
    assert_int_equal(flows().flow[0].packets, 0);
}

static void overlaps_are_refused_when_asked(void **state)
{
    (void)state;
    assert_int_equal(add(0, 5, 0, 1, 2), 0);
    assert_int_equal(
        FLOW(&w, .priority = 5, .flags = OFPFF_CHECK_OVERLAP, .match = MATCH(IS(IN_PORT, 1))),
        FAILS(OFPET_FLOW_MOD_FAILED, OFPFMFC_OVERLAP));
    assert_int_equal(
        FLOW(&w, .priority = 6, .flags = OFPFF_CHECK_OVERLAP, .match = MATCH(IS(IN_PORT, 1))), 0);
    assert_int_equal(
        FLOW(&w, .priority = 5, .flags = OFPFF_CHECK_OVERLAP, .match = MATCH(IS(ETH_DST, 2))), 0);
    assert_int_equal(flows().n, 3);
}

static void modify_changes_instructions_only(void **state)
{
    struct seen s;

    (void)state;
    assert_int_equal(FLOW(&w, .priority = 5, .cookie = 7, .idle_timeout = 9,
                          .match = MATCH(IS(IN_PORT, 1)), .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(world_run(&w, "tcp"), 2);
    w.now += 3 * WORLD_S;
    assert_int_equal(FLOW(&w, .command = OFPFC_MODIFY_STRICT, .priority = 4,
                          .match = MATCH(IS(IN_PORT, 1)), .instructions = APPLY(OUT(3))),
                     0); /* no such priority: nothing */
    assert_int_equal(world_run(&w, "tcp"), 2);
    assert_int_equal(FLOW(&w, .command = OFPFC_MODIFY, .cookie = 99, .instructions = APPLY(OUT(3))),
                     0);
    assert_int_equal(world_run(&w, "tcp"), 3);
    s = flows();
    assert_int_equal(s.n, 1);
    assert_int_equal(s.flow[0].cookie, 7);
    assert_int_equal(s.flow[0].idle_timeout, 9);
    assert_int_equal(s.flow[0].packets, 3);
    assert_int_equal(s.flow[0].lived, 3 * WORLD_S);
    assert_int_equal(FLOW(&w, .command = OFPFC_MODIFY, .cookie = 1, .cookie_mask = 1,
                          .flags = OFPFF_RESET_COUNTS, .instructions = APPLY(OUT(4))),
                     0);
    assert_int_equal(flows().flow[0].packets, 0);
    assert_int_equal(FLOW(&w, .command = OFPFC_MODIFY, .cookie = 2, .cookie_mask = 15,
                          .instructions = APPLY(OUT(2))),
                     0); /* another cookie */
    assert_int_equal(world_run(&w, "tcp"), 4);
}

static void deletion_is_strict_or_not(void **state)
{
    static const struct beba_of_flow_mod to_port_2 = {
        .command = OFPFC_DELETE, .table = OFPTT_ALL, .out_port = 2, .out_group = OFPG_ANY};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(add(0, 5, 10 + i, i, 2 + i), 0);
        assert_int_equal(add(3, 5, 20 + i, i, 2 + i), 0);
    }
    assert_int_equal(FLOW(&w, .table = 0, .priority = 5, .match = MATCH(IS(ETH_DST, 0x99)),
                          .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE_STRICT, .priority = 5),
                     0); /* not its match */
    assert_int_equal(flows().n, 7);
    assert_int_equal(
        FLOW(&w, .command = OFPFC_DELETE_STRICT, .priority = 5, .match = MATCH(IS(ETH_DST, 0x99))),
        0);
    assert_int_equal(flows().n, 6);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE, .cookie = 12, .cookie_mask = ~0ull), 0);
    assert_int_equal(world_active(&w, 0), 2);
    assert_int_equal(world_active(&w, 3), 3);
    assert_int_equal(beba_datapath_flow_mod(w.dp, &to_port_2, w.now, &w.err), 0);
    assert_int_equal(world_active(&w, 0), 1);
    assert_int_equal(world_active(&w, 3), 2);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE, .table = OFPTT_ALL,
                          .match = MATCH(MASKED(ETH_DST, 1, 1))),
                     0); /* 1 is said more exactly by ETH_DST = 1 */
    assert_int_equal(flows().n, 1);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE, .table = OFPTT_ALL), 0);
    assert_int_equal(flows().n, 0);
}

static void statistics_are_filtered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(add((uint8_t)i, 5, i, i, 1 + i), 0);
    assert_int_equal(flows_that(3, OFPG_ANY, 0, 0).n, 1);
    assert_int_equal(flows_that(OFPP_ANY, OFPG_ANY, 1, 1).n, 2);
    assert_int_equal(flows_that(OFPP_ANY, 1, 0, 0).n, 0);
}

static void refusals_change_nothing(void **state)
{
    (void)state;
#define REFUSED(type, code, ...) assert_int_equal(FLOW(&w, __VA_ARGS__), FAILS(type, code))
    REFUSED(OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID, .table = 255);
    REFUSED(OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID, .table = 254);
    REFUSED(OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND, .command = 9);
    REFUSED(OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS, .flags = 0x100);
    REFUSED(OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, .table = 3,
            .instructions = {.present = BEBA_OF_GOTO, .table = 3});
    REFUSED(OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, .table = 3,
            .instructions = {.present = BEBA_OF_GOTO, .table = 254});
    REFUSED(OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER,
            .instructions = {.present = BEBA_OF_METER, .meter = 1});
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, .instructions = APPLY(GROUP(1)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, .instructions = WRITE(GROUP(OFPG_ANY)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT, .instructions = APPLY(OUT(0)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT, .instructions = APPLY(OUT(OFPP_TABLE)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT, .instructions = APPLY(OUT(OFPP_ANY)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_TYPE, .instructions = APPLY(PLAIN(5)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT,
            .instructions = APPLY(TYPED(OFPAT_PUSH_VLAN, 0x800)));
    REFUSED(OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE, .instructions = APPLY(SET(IN_PORT, 2)));
#undef REFUSED
    assert_int_equal(flows().n, 0);
}

static void a_full_table_takes_no_more(void **state)
{
    (void)state;
    world_close(&w);
    world_open_with(&w, &(struct beba_datapath_opts){.n_workers = 1, .max_entries = 2, .seed = 1});
    assert_int_equal(add(0, 1, 0, 1, 2), 0);
    assert_int_equal(add(0, 1, 0, 2, 2), 0);
    assert_int_equal(add(0, 1, 0, 3, 2), FAILS(OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL));
    assert_int_equal(add(0, 1, 0, 2, 3), 0); /* takes the place of another */
    assert_int_equal(world_active(&w, 0), 2);
}

static void entries_time_out(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .priority = 1, .cookie = 1, .idle_timeout = 5,
                          .flags = OFPFF_SEND_FLOW_REM, .match = MATCH(IS(IN_PORT, 1)),
                          .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(FLOW(&w, .priority = 1, .cookie = 2, .hard_timeout = 8,
                          .flags = OFPFF_SEND_FLOW_REM, .match = MATCH(IS(IN_PORT, 2)),
                          .instructions = APPLY(OUT(2))),
                     0);
    w.now += 4 * WORLD_S;
    assert_int_equal(world_run(&w, "tcp"), 2);
    w.now += 4 * WORLD_S - 1;
    world_clear(&w);
    beba_datapath_expire(w.dp, w.now);
    assert_int_equal(w.n_removed, 0);
    w.now++;
    beba_datapath_expire(w.dp, w.now);
    assert_int_equal(w.n_removed, 1);
    assert_int_equal(w.removed[0].cookie, 2);
    assert_int_equal(w.removed[0].reason, OFPRR_HARD_TIMEOUT);
    assert_int_equal(w.removed[0].lived, 8 * WORLD_S);
    w.now += WORLD_S;
    beba_datapath_expire(w.dp, w.now);
    assert_int_equal(w.n_removed, 2);
    assert_int_equal(w.removed[1].cookie, 1);
    assert_int_equal(w.removed[1].reason, OFPRR_IDLE_TIMEOUT);
    assert_int_equal(w.removed[1].packets, 1);
    assert_int_equal(flows().n, 0);
}

static void deletion_is_told_to_who_asked(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .cookie = 1, .flags = OFPFF_SEND_FLOW_REM), 0);
    assert_int_equal(FLOW(&w, .priority = 1, .cookie = 2), 0);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE), 0);
    assert_int_equal(w.n_removed, 1);
    assert_int_equal(w.removed[0].cookie, 1);
    assert_int_equal(w.removed[0].reason, OFPRR_DELETE);
}

static void bundles_happen_at_once_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(FLOW(&w, .cookie = 1, .idle_timeout = 7, .flags = OFPFF_SEND_FLOW_REM,
                          .instructions = APPLY(OUT(2))),
                     0);
    beba_datapath_begin(w.dp);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE), 0);
    assert_int_equal(FLOW(&w, .priority = 3, .instructions = APPLY(OUT(3))), 0);
    assert_int_equal(ADD_GROUP(&w, .group = 1, .type = OFPGT_ALL), 0);
    assert_int_equal(FLOW(&w, .table = 1, .instructions = APPLY(GROUP(1))), 0);
    assert_int_equal(world_run(&w, "tcp"), 2); /* not yet */
    assert_int_equal(w.n_removed, 0);
    beba_datapath_rollback(w.dp);
    assert_int_equal(world_run(&w, "tcp"), 2);
    assert_int_equal(flows().n, 1);
    assert_int_equal(w.n_removed, 0);
    assert_int_equal(FLOW(&w, .instructions = APPLY(GROUP(1))),
                     FAILS(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP));
    beba_datapath_begin(w.dp);
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE), 0);
    assert_int_equal(FLOW(&w, .priority = 3, .instructions = APPLY(OUT(3))), 0);
    beba_datapath_commit(w.dp);
    assert_int_equal(w.n_removed, 1);
    assert_int_equal(world_run(&w, "tcp"), 3);
    beba_datapath_expire(w.dp, w.now + 100 * WORLD_S);
    assert_int_equal(flows().n, 1);
}

static void tables_lead_on_and_count(void **state)
{
    struct beba_datapath_table_stats stats;

    (void)state;
    assert_int_equal(FLOW(&w, .instructions = {.present = BEBA_OF_GOTO | BEBA_OF_METADATA,
                                               .table = 9,
                                               .metadata = 0x5500,
                                               .metadata_mask = 0xff00}),
                     0);
    assert_int_equal(FLOW(&w, .table = 9, .priority = 1,
                          .match = MATCH(MASKED(OFPXMT_OFB_METADATA, 0x5500, 0xff00)),
                          .instructions = {.present = BEBA_OF_GOTO | BEBA_OF_WRITE,
                                           .table = 253,
                                           .write = ACTIONS(OUT(2), QUEUE(5))}),
                     0);
    assert_int_equal(FLOW(&w, .table = 253, .instructions = WRITE(OUT(4))), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(world_run(&w, "udp"), 4); /* by the cache, too */
        assert_int_equal(w.out[0].queue, 5);
    }
    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE, .table = 253), 0);
    assert_int_equal(world_run(&w, "udp"), 0);
    beba_datapath_table_stats(w.dp, 9, &stats);
    assert_int_equal(stats.lookups, 4);
    assert_int_equal(stats.matches, 4);
    beba_datapath_table_stats(w.dp, 253, &stats);
    assert_int_equal(stats.lookups, 4);
    assert_int_equal(stats.matches, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_miss_is_counted),
        TEST(the_highest_priority_wins),
        TEST(adding_again_replaces),
        TEST(overlaps_are_refused_when_asked),
        TEST(modify_changes_instructions_only),
        TEST(deletion_is_strict_or_not),
        TEST(statistics_are_filtered),
        TEST(refusals_change_nothing),
        TEST(a_full_table_takes_no_more),
        TEST(entries_time_out),
        TEST(deletion_is_told_to_who_asked),
        TEST(bundles_happen_at_once_or_not_at_all),
        TEST(tables_lead_on_and_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
