/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which entries statistics give, and take out (docs/beba-extension.md, 6.6). */
#include "datapath/state_fixture_test.h"

#define TWO_PORTS SCOPE(OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_UDP_DST)

/* Three entries in table 2, of ports 1 -> 10, 2 -> 10 and 2 -> 11, in states 5, 6 and 0. */
static void fill(struct fixture *f)
{
    make_stateful(f, 2, TWO_PORTS, TWO_PORTS);
    assert_int_equal(set_flow_state(f, 2, 1 | 10 << 16, 4, 5), 0);
    assert_int_equal(set_flow_state(f, 2, 2 | 10 << 16, 4, 6), 0);
    assert_int_equal(set_flow_state(f, 2, 2 | 11 << 16, 4, 1), 0);
    assert_int_equal(set_flow_state(f, 2, 2 | 11 << 16, 4, 0), 0);
}

static struct seen matching(struct fixture *f, struct beba_of_oxm *oxm, uint32_t n)
{
    return states(f, &(struct beba_state_filter){.table = 2, .match = {n, oxm}});
}

static void all_entries_come_and_the_default_entry_last(void **state)
{
    struct fixture *f = *state;
    struct seen s;

    fill(f);
    s = states(f, &(struct beba_state_filter){.table = 2});
    assert_int_equal(s.n, 4);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s.entry[i].key_len, 4);
    assert_int_equal(s.entry[3].table, 2);
    assert_int_equal(s.entry[3].key_len, 0);
    assert_int_equal(s.entry[3].state, 0);
    assert_true(s.entry[3].duration == 0);
    assert_int_equal(s.entry[3].lookup->n, 2);
    assert_int_equal(s.entry[3].lookup->header[1], 0x80002002);
}

static void keys_are_selected_by_the_fields_of_the_lookup_scope(void **state)
{
    struct fixture *f = *state;
    struct beba_of_oxm src = IS(OFPXMT_OFB_UDP_SRC, 2),
                       two[] = {IS(OFPXMT_OFB_UDP_DST, 10), IS(OFPXMT_OFB_UDP_SRC, 2)};
    struct beba_of_oxm other[] = {IS(OFPXMT_OFB_UDP_SRC, 2), IS(OFPXMT_OFB_ETH_TYPE, 0x800)};
    struct beba_of_oxm masked = MASKED(OFPXMT_OFB_UDP_SRC, 2, 2);
    struct seen s;

    fill(f);
    assert_int_equal(matching(f, &src, 1).n, 3);
    s = matching(f, two, 2);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.entry[0].state, 6);
    assert_int_equal(s.entry[1].key_len, 0);
    assert_int_equal(matching(f, other, 2).n, 0); /* not even the default entry */
    assert_int_equal(matching(f, &masked, 1).n, 3);
}

static void states_are_selected(void **state)
{
    struct fixture *f = *state;
    struct beba_state_filter filter = {.table = 2, .by_state = true, .state = 6};
    struct seen s;

    fill(f);
    s = states(f, &filter);
    assert_int_equal(s.n, 1);
    assert_memory_equal(s.entry[0].key, "\2\0\x0a\0", 4);
    filter.state = 0;
    s = states(f, &filter);
    assert_int_equal(s.n, 2); /* what is stored in state 0, and the default entry */
    assert_int_equal(s.entry[0].key_len, 4);
    assert_int_equal(s.entry[1].key_len, 0);
    filter.state = 7;
    assert_int_equal(states(f, &filter).n, 0);
}

static void timeouts_count_before_states(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_STATE, 2, 77, 4);
    struct beba_state_filter filter = {.table = 2, .by_state = true, .state = 8};

    fill(f);
    mod.flow.state = 7;
    mod.flow.hard_timeout = 1000;
    mod.flow.hard_rollback = 8;
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(states(f, &filter).n, 0);
    f->now += 2 * MILLI;
    assert_int_equal(states(f, &filter).n, 1);
    filter.state = 7;
    assert_int_equal(states(f, &filter).n, 0);
}

static void what_is_returned_is_taken_out_on_wish(void **state)
{
    struct fixture *f = *state;
    struct beba_state_filter filter = {.table = 2, .by_state = true, .state = 6, .remove = true};

    fill(f);
    assert_int_equal(states(f, &filter).n, 1);
    assert_int_equal(states(f, &filter).n, 0);
    assert_int_equal(stored(f, 2).n, 2);
    filter.by_state = false;
    assert_int_equal(states(f, &filter).n, 3);
    assert_int_equal(states(f, &filter).n, 1); /* the default entry stays */
}

static void all_tables_that_are_enabled_are_walked(void **state)
{
    struct fixture *f = *state;
    struct seen s;

    fill(f);
    make_stateful(f, 63, TWO_PORTS, TWO_PORTS);
    make_stateful(f, 0, TWO_PORTS, TWO_PORTS);
    assert_int_equal(set_flow_state(f, 63, 1, 4, 9), 0);
    s = states(f, &(struct beba_state_filter){.table = OFPTT_ALL});
    assert_int_equal(s.n, 1 + 4 + 2);
    assert_int_equal(s.entry[0].table, 0);
    assert_int_equal(s.entry[4].table, 2);
    assert_int_equal(s.entry[5].table, 63);
    assert_int_equal(s.entry[5].state, 9);
    assert_int_equal(set_stateful(f, 2, false), 0);
    assert_int_equal(states(f, &(struct beba_state_filter){.table = OFPTT_ALL}).n, 3);
    assert_int_equal(states(f, &(struct beba_state_filter){.table = 2}).n, 0);
    assert_int_equal(states(f, &(struct beba_state_filter){.table = 5}).n, 0);
}

static void walks_go_on_where_they_stopped(void **state)
{
    struct fixture *f = *state;
    const struct beba_state_filter filter = {.table = OFPTT_ALL};
    uint64_t cursor = 0;
    struct seen s = {.stop_at = 1};
    unsigned calls = 0;

    fill(f);
    make_stateful(f, 4, TWO_PORTS, TWO_PORTS);
    for (;;) {
        bool end = beba_datapath_states(f->dp, &filter, f->now, &cursor, see, &s);

        s.stop_at = s.n + 1;
        if (end)
            break;
        calls++;
        assert_in_range(calls, 1, 10);
    }
    assert_int_equal(s.n, 5);
    assert_int_equal(calls, 5);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(s.entry[i].key, s.entry[j].key, 4);
    assert_int_equal(s.entry[3].key_len, 0);
    assert_int_equal(s.entry[4].table, 4);
}

static void reading_does_not_hold_idle_timers(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_STATE, 2, 77, 4);

    make_stateful(f, 2, TWO_PORTS, TWO_PORTS);
    mod.flow.state = 7;
    mod.flow.idle_timeout = 3000;
    assert_int_equal(refused(f, &mod), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(stored(f, 2).entry[0].state, 7);
        f->now += MILLI;
    }
    f->now++;
    assert_int_equal(stored(f, 2).entry[0].state, 0);
}

static void tables_say_how_full_they_are(void **state)
{
    struct fixture *f = *state;
    struct beba_state_table_info info;

    beba_datapath_state_table(f->dp, 2, &info);
    assert_int_equal(info.capacity, 0);
    fill(f);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(set_flow_state(f, 2, 0x10000000 + i, 4, 1), 0);
    beba_datapath_state_table(f->dp, 2, &info);
    assert_int_equal(info.key_len, 4);
    assert_int_equal(info.capacity, 1000);
    assert_in_range(info.entries, 900, 1000);
    assert_int_equal(info.created, 3003);
    assert_int_equal(info.evicted, 3003 - info.entries);
    assert_int_equal(info.refused, 0);
}

/* The datapath of a process that ended without a word, with the same tables again. */
static void states_survive_in_files(void **state)
{
    struct beba_datapath_opts opts = {.n_workers = 1, .max_flows = 100};
    char dir[] = "/tmp/beba-dp-XXXXXX", prefix[64], file[80];
    struct fixture f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(prefix, sizeof(prefix), "%s/state", dir);
    snprintf(file, sizeof(file), "%s.2.ft", prefix);
    opts.state_file = prefix;
    urcu_qsbr_register_thread();
    for (unsigned i = 0; i < 2; i++) {
        start(&f, &opts);
        make_stateful(&f, 2, TWO_PORTS, TWO_PORTS);
        assert_int_equal(stored(&f, 2).n, i);
        assert_int_equal(set_flow_state(&f, 2, 77, 4, 5), 0);
        beba_datapath_free(f.dp);
    }
    start(&f, &opts); /* with other scopes, of the same length */
    make_stateful(&f, 2, SCOPE(OFPXMT_OFB_IPV4_SRC), SCOPE(OFPXMT_OFB_IPV4_SRC));
    assert_int_equal(stored(&f, 2).n, 0);
    beba_datapath_free(f.dp);

    assert_int_equal(truncate(file, 100), 0); /* damaged: the controller hears of it */
    start(&f, &opts);
    assert_int_equal(set_stateful(&f, 2, true), 0);
    assert_int_equal(set_scope(&f, 2, LOOKUP, TWO_PORTS), 0);
    assert_int_equal(set_scope(&f, 2, UPDATE, TWO_PORTS), REFUSED(BEBA_ERR_STATE_MOD_FAILED));
    assert_false(beba_datapath_is_stateful(f.dp, 2));
    beba_datapath_free(f.dp);
    urcu_qsbr_unregister_thread();
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_entries_come_and_the_default_entry_last),
        TEST(keys_are_selected_by_the_fields_of_the_lookup_scope),
        TEST(states_are_selected),
        TEST(timeouts_count_before_states),
        TEST(what_is_returned_is_taken_out_on_wish),
        TEST(all_tables_that_are_enabled_are_walked),
        TEST(walks_go_on_where_they_stopped),
        TEST(reading_does_not_hold_idle_timers),
        TEST(tables_say_how_full_they_are),
        cmocka_unit_test(states_survive_in_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
