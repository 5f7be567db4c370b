/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets in stateful tables: lookup, conditions, and each of BEBA's actions. */
#include "datapath/state_fixture_test.h"

#include <pthread.h>

#define IP_KEY SCOPE(OFPXMT_OFB_IPV4_SRC)

static const struct flow a_to_b = {0x0a000001, 0x0a000002, 1000, 2000};
static const struct flow b_to_a = {0x0a000002, 0x0a000001, 2000, 1000};

static const struct flow to_web = {1, 2, 3, 80};

/* The only entry of a table. */
static struct beba_state_entry only(struct fixture *f, uint8_t table)
{
    struct seen s = stored(f, table);

    assert_int_equal(s.n, 1);
    return s.entry[0];
}

/* Lookup ------------------------------------------------------------------------------------- */

static void packets_match_the_state_of_their_key(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, 0)}, .apply = {OUT(1)});
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, 7)}, .apply = {OUT(2)});
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, BEBA_NULL_STATE)}, .apply = {OUT(3)});
    FLOW(f, .priority = 0, .match = {MASKED(BEBA_OF_STATE, 0x10, 0x10)}, .apply = {OUT(4)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_int_equal(f->out[0], 1);
    assert_int_equal(set_flow_state(f, 0, 0x0100000a, 4, 7), 0);
    udp(f, 8, a_to_b);
    assert_int_equal(f->out[1], 2);
    udp(f, 8, b_to_a);
    assert_int_equal(f->out[2], 1);
    ether(f, 8, 1, 2); /* no IPv4 address: no key */
    assert_int_equal(f->out[3], 3);
    assert_int_equal(set_flow_state(f, 0, 0x0100000a, 4, 0x95), 0);
    udp(f, 8, a_to_b);
    assert_int_equal(f->out[4], 4);
}

static void state_is_absent_where_a_table_is_not_stateful(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    FLOW(f, .apply = {OUT(1)}, .next = 1);
    FLOW(f, .table = 1, .priority = 1, .match = {IS(BEBA_OF_STATE, 0)}, .apply = {OUT(2)});
    FLOW(f, .table = 1, .priority = 1, .match = {IS(BEBA_OF_CONDITION0, 255)}, .apply = {OUT(2)});
    FLOW(f, .table = 1, .match = {IS(BEBA_OF_GLOBAL_STATE, 9)}, .apply = {OUT(3)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    ACT(f, a_to_b,
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_GLOBAL_STATE,
         .set_global_state = {9, ~0u}});
    assert_int_equal(udp(f, 8, a_to_b), 2); /* but the global state is there everywhere */
    assert_int_equal(f->out[2], 3);
}

static void global_state_changes_are_seen_by_the_next_table(void **state)
{
    struct fixture *f = *state;

    FLOW(f,
         .apply = {{.type = OFPAT_EXPERIMENTER,
                    .beba = BEBA_ACT_SET_GLOBAL_STATE,
                    .set_global_state = {0xff, 0x0f}}},
         .next = 4);
    FLOW(f, .table = 4, .match = {IS(BEBA_OF_GLOBAL_STATE, 0xf)}, .apply = {OUT(1)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_int_equal(beba_datapath_global_state(f->dp), 0xf);
}

static void idle_timers_are_held_by_lookups_only(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_IPV4_SRC), SCOPE(OFPXMT_OFB_IPV4_DST));
    FLOW(f, .match = {IS(BEBA_OF_STATE, 0)},
         .apply = {TO_STATE(0, 5, .idle_timeout = 1000, .idle_rollback = 6)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 5)}, .apply = {OUT(5)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 6)}, .apply = {OUT(6)});
    udp(f, 8, a_to_b); /* puts b into state 5 */
    for (unsigned i = 0; i < 3; i++) {
        f->now += MILLI;
        assert_int_equal(udp(f, 8, b_to_a), 1);
        assert_int_equal(f->out[i], 5);
    }
    f->now += MILLI;
    ACT(f, a_to_b, INC(0)); /* an update is no lookup */
    f->now += MILLI;
    udp(f, 8, b_to_a);
    assert_int_equal(f->out[3], 6);
}

/* SET_STATE, INC_STATE ----------------------------------------------------------------------- */

static void set_state_writes_masks_and_timers(void **state)
{
    struct fixture *f = *state;
    struct beba_state_entry e;

    make_stateful(f, 2, IP_KEY, IP_KEY);
    ACT(f, a_to_b,
        TO_STATE(2, 0x1234, .hard_timeout = 10000000, .hard_rollback = 3, .idle_timeout = 5000000,
                 .idle_rollback = 4));
    f->now += SECOND;
    e = only(f, 2);
    assert_int_equal(e.state, 0x1234);
    assert_memory_equal(e.key, "\x0a\0\0\x01", 4);
    assert_int_equal(e.regs.hard_timeout, 10000000);
    assert_int_equal(e.regs.hard_rollback, 3);
    assert_int_equal(e.regs.idle_timeout, 5000000);
    assert_int_equal(e.regs.idle_rollback, 4);
    assert_true(e.duration == SECOND);
    ACT(f, a_to_b,
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_STATE,
         .set_state = {.state = 0xff, .mask = 0x0f, .table = 2}});
    e = only(f, 2);
    assert_int_equal(e.state, 0x123f);
    assert_int_equal(e.regs.hard_timeout | e.regs.idle_timeout, 0);
    assert_int_equal(e.regs.hard_rollback | e.regs.idle_rollback, 0);
    assert_true(e.duration == 0);
}

static void set_state_applies_what_is_due_first(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 2, IP_KEY, IP_KEY);
    ACT(f, a_to_b, TO_STATE(2, 0xf0, .hard_timeout = 1000, .hard_rollback = 0x0f));
    f->now += SECOND;
    ACT(f, a_to_b,
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_STATE,
         .set_state = {.state = 0, .mask = 1, .table = 2}});
    assert_int_equal(only(f, 2).state, 0x0e);
}

static void set_state_needs_a_table_and_a_key(void **state)
{
    struct fixture *f = *state;

    ACT(f, a_to_b, TO_STATE(2, 1), INC(2), ALU(2, BEBA_ALU_SUM, GDV, 0, GDV, 0, NUM, 7));
    make_stateful(f, 2, SCOPE(OFPXMT_OFB_TCP_SRC), SCOPE(OFPXMT_OFB_TCP_SRC));
    ACT(f, a_to_b, TO_STATE(2, 1), INC(2), ALU(2, BEBA_ALU_SUM, FDV, 0, FDV, 0, NUM, 7));
    assert_int_equal(stored(f, 2).n, 0);
    assert_int_equal(f->n_changed, 0);
}

static void set_state_to_0_makes_no_entry(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 2, IP_KEY, IP_KEY);
    ACT(f, a_to_b, TO_STATE(2, 0, .hard_timeout = 5));
    assert_int_equal(stored(f, 2).n, 0);
    ACT(f, a_to_b, TO_STATE(2, 0, .hard_timeout = 5, .hard_rollback = 1));
    assert_int_equal(only(f, 2).state, 0);
    f->now += MILLI;
    assert_int_equal(only(f, 2).state, 1);
    ACT(f, a_to_b, TO_STATE(2, 0));
    assert_int_equal(only(f, 2).state, 0); /* what is there stays */
}

/* OpenState's switch: an entry that comes to state 0 is gone. */
static void openstate_deletes_at_state_0(void **state)
{
    struct beba_of_state_mod mod;
    struct fixture f;

    (void)state;
    urcu_qsbr_register_thread();
    start(&f, &(struct beba_datapath_opts){.n_workers = 1, .max_flows = 1000, .openstate = true});
    make_stateful(&f, 0, IP_KEY, IP_KEY);
    ACT(&f, a_to_b, TO_STATE(0, 3));
    assert_int_equal(only(&f, 0).state, 3);
    ACT(&f, a_to_b, TO_STATE(0, 0)); /* by an action */
    assert_int_equal(stored(&f, 0).n, 0);
    ACT(&f, a_to_b, TO_STATE(0, 3, .hard_timeout = 5));
    f.now += MILLI; /* by a rollback */
    assert_int_equal(stored(&f, 0).n, 0);
    ACT(&f, a_to_b, TO_STATE(0, 3, .idle_timeout = 5, .idle_rollback = 4));
    f.now += MILLI;
    assert_int_equal(only(&f, 0).state, 4);
    assert_int_equal(set_flow_state(&f, 0, 0x0100000a, 4, 0), 0); /* by the controller */
    assert_int_equal(stored(&f, 0).n, 0);
    mod = about(BEBA_DEL_FLOW_STATE, 0, 0x0100000a, 4);
    assert_int_equal(refused(&f, &mod), REFUSED(BEBA_ERR_DEL_FLOW_STATE));
    beba_datapath_free(f.dp);
    urcu_qsbr_unregister_thread();
}

static void bit_1_updates_the_other_direction(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    ACT(f, a_to_b, TO_STATE(0, 3, .bit = 1)); /* there is no such scope */
    assert_int_equal(stored(f, 0).n, 0);
    assert_int_equal(set_scope(f, 0, REVERSE, SCOPE(OFPXMT_OFB_IPV4_DST)), 0);
    ACT(f, a_to_b, TO_STATE(0, 3, .bit = 1));
    assert_memory_equal(only(f, 0).key, "\x0a\0\0\x02", 4);
    ACT(f, a_to_b, ALU(0, BEBA_ALU_SUM, FDV, 1, FDV, 0, NUM, 7, .bit = 1));
    assert_int_equal(only(f, 0).regs.var[1], 7);
}

static void actions_may_have_scopes_of_their_own(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    ACT(f, a_to_b, TO_STATE(0, 3, .scope = SCOPE(OFPXMT_OFB_IPV4_DST)));
    assert_memory_equal(only(f, 0).key, "\x0a\0\0\x02", 4);
    ACT(f, a_to_b,
        ALU(0, BEBA_ALU_SUM, FDV, 4, FDV, 4, NUM, 7, .scope = SCOPE(OFPXMT_OFB_IPV4_DST)));
    assert_int_equal(only(f, 0).regs.var[4], 7);
    ACT(f, a_to_b, TO_STATE(0, 9, .scope = SCOPE(OFPXMT_OFB_UDP_DST))); /* of another length */
    assert_int_equal(only(f, 0).state, 3);
    ACT(f, a_to_b,
        TO_STATE(0, 4, .bit = 1, .scope = SCOPE(OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_UDP_DST)));
    assert_int_equal(stored(f, 0).n, 2);
}

static void biflow_scopes_join_both_directions(void **state)
{
    struct fixture *f = *state;
    struct beba_of_scope four =
        SCOPE(OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_UDP_DST);
    struct beba_state_entry e;

    assert_int_equal(set_stateful(f, 0, true), 0);
    assert_int_equal(set_scope_as(f, 0, LOOKUP, four, true), 0);
    assert_int_equal(set_scope_as(f, 0, UPDATE, four, true), 0);
    FLOW(f, .match = {IS(BEBA_OF_STATE, 0)}, .apply = {TO_STATE(0, 1), OUT(1)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 1)}, .apply = {TO_STATE(0, 2), OUT(2)});
    udp(f, 8, a_to_b);
    udp(f, 8, b_to_a);
    assert_int_equal(f->out[0], 1);
    assert_int_equal(f->out[1], 2);
    e = only(f, 0);
    assert_int_equal(e.state, 2);
    assert_memory_equal(e.key, "\x0a\0\0\x02\x0a\0\0\x01\xe8\x03\xd0\x07", 12);
    assert_int_equal(e.lookup->field[0], OFPXMT_OFB_IPV4_SRC); /* as the key is */
}

static void keys_are_of_the_headers_as_they_are(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    make_stateful(f, 1, IP_KEY, IP_KEY);
    FLOW(f,
         .apply = {{.type = OFPAT_SET_FIELD,
                    .set_field = {.field = OFPXMT_OFB_IPV4_SRC,
                                  .value = {0, 0x0a000063},
                                  .mask = {0, 0xffffffff}}},
                   TO_STATE(0, 5),
                   TO_STATE(1, 6)},
         .next = 1);
    FLOW(f, .table = 1, .match = {IS(BEBA_OF_STATE, 6)}, .apply = {OUT(2)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_memory_equal(only(f, 0).key, "\x0a\0\0\x63", 4);
    assert_memory_equal(only(f, 1).key, "\x0a\0\0\x63", 4);
}

static void another_table_gets_the_packets_own_key(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    make_stateful(f, 1, IP_KEY, IP_KEY);
    FLOW(f, .match = {IS(OFPXMT_OFB_IN_PORT, 8)}, .next = 1);
    FLOW(f, .priority = 1, .match = {IS(OFPXMT_OFB_IN_PORT, 2)}, .apply = {TO_STATE(1, 5)});
    FLOW(f, .table = 1, .apply = {OUT(1)});
    udp(f, 8, a_to_b); /* looks a up in table 1 */
    udp(f, 2, b_to_a); /* changes b there */
    assert_memory_equal(only(f, 1).key, "\x0a\0\0\x02", 4);
}

static void inc_state_counts(void **state)
{
    struct fixture *f = *state;
    struct beba_state_entry e;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    ACT(f, a_to_b, INC(0), INC(0));
    assert_int_equal(only(f, 0).state, 2);
    assert_true(only(f, 0).duration == 0);
    ACT(f, a_to_b, TO_STATE(0, ~0u, .hard_timeout = 9000000, .hard_rollback = 8));
    f->now += SECOND;
    ACT(f, a_to_b, INC(0));
    e = only(f, 0);
    assert_int_equal(e.state, 0);
    assert_true(e.duration == SECOND);
    assert_int_equal(e.regs.hard_timeout, 9000000);
    assert_int_equal(f->n_changed, 1); /* by SET_STATE */
}

static void changes_are_told(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 5, IP_KEY, IP_KEY);
    ACT(f, a_to_b, ALU(5, BEBA_ALU_SUM, FDV, 2, FDV, 0, NUM, 9), TO_STATE(5, 0));
    assert_int_equal(f->n_changed, 0);
    ACT(f, a_to_b,
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_STATE,
         .set_state = {.state = 0x77, .mask = 0x70, .table = 5}});
    assert_int_equal(f->n_changed, 1);
    assert_int_equal(f->changed.table, 5);
    assert_int_equal(f->changed.old_state, 0);
    assert_int_equal(f->changed.new_state, 0x70);
    assert_int_equal(f->changed.mask, 0x70);
    assert_int_equal(f->changed.key_len, 4);
    assert_memory_equal(f->changed.key, "\x0a\0\0\x01\0\0", 6);
    assert_int_equal(f->changed.vars[2], 9);
    ACT(f, a_to_b, TO_STATE(5, 0x70)); /* no change */
    assert_int_equal(f->n_changed, 1);
    assert_int_equal(set_flow_state(f, 5, 0x0100000a, 4, 1), 0); /* nor by the controller */
    assert_int_equal(f->n_changed, 1);
}

/* Data variables ------------------------------------------------------------------------------ */

static void means_and_variances_of_lengths(void **state)
{
    static const uint32_t len[] = {142, 142, 242, 92, 1442};
    static const uint32_t mean[] = {142000, 142000, 175333, 154499, 411999};
    static const uint32_t variance[] = {0, 0, 2233, 2961, 267954};
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(set_header_field(f, 0, 1, BEBA_OF_PKT_LEN), 0);
    FLOW(f, .apply = {ALU(0, BEBA_ALU_AVG, FDV, 3, HF, 1, FDV, 4),
                      {.type = OFPAT_EXPERIMENTER,
                       .beba = BEBA_ACT_SET_DATA_VAR,
                       .set_data_var = {.opcode = BEBA_ALU_VAR,
                                        .out_type = FDV,
                                        .out = 0,
                                        .operand_type = {HF, FDV, FDV},
                                        .operand = {1, 1, 2}}}});
    for (unsigned i = 0; i < 5; i++) {
        struct beba_state_entry e;

        udp_sized(f, 8, a_to_b, len[i]);
        e = only(f, 0);
        assert_int_equal(e.state, 0);
        assert_int_equal(e.regs.var[0], i + 1);
        assert_int_equal(e.regs.var[1], mean[i]);
        assert_int_equal(e.regs.var[2], variance[i]);
        assert_int_equal(e.regs.var[3], i + 1);
        assert_int_equal(e.regs.var[4], mean[i]);
    }
}

static void operands_are_flow_and_global_variables_fields_and_constants(void **state)
{
    struct fixture *f = *state;
    uint32_t g[BEBA_GLOBAL_DATA_VARS];

    make_stateful(f, 1, IP_KEY, IP_KEY);
    assert_int_equal(set_header_field(f, 1, 0, OFPXMT_OFB_IPV4_SRC), 0);
    assert_int_equal(set_header_field(f, 1, 1, OFPXMT_OFB_UDP_DST), 0);
    assert_int_equal(set_header_field(f, 1, 2, OFPXMT_OFB_TCP_DST), 0);
    assert_int_equal(set_global_var(f, 1, 7, 100), 0);
    ACT(f, a_to_b, ALU(1, BEBA_ALU_SUM, FDV, 5, HF, 0, NUM, 0),
        ALU(1, BEBA_ALU_SUM, GDV, 3, HF, 1, GDV, 7), ALU(1, BEBA_ALU_SUB, GDV, 4, GDV, 3, NUM, 255),
        ALU(1, BEBA_ALU_SUM, GDV, 5, HF, 2, NUM, 1),  /* a field that is not there */
        ALU(1, BEBA_ALU_SUM, GDV, 6, HF, 7, NUM, 1)); /* a header field never set */
    beba_datapath_global_vars(f->dp, 1, g);
    assert_int_equal(only(f, 1).regs.var[5], 0x0100000a);
    assert_int_equal(g[3], 2100);
    assert_int_equal(g[4], 2100 - 255);
    assert_int_equal(g[5], 0);
    assert_int_equal(g[6], 0);
    /* the mean goes to a global variable, the constant stays one */
    ACT(f, a_to_b, ALU(1, BEBA_ALU_AVG, GDV, 0, HF, 1, GDV, 1),
        ALU(1, BEBA_ALU_AVG, GDV, 2, HF, 1, NUM, 9));
    beba_datapath_global_vars(f->dp, 1, g);
    assert_int_equal(g[0], 1);
    assert_int_equal(g[1], 2000000);
    assert_int_equal(g[2], 1);
}

static void variables_that_are_0_make_no_entry(void **state)
{
    struct fixture *f = *state;
    struct beba_state_entry e;

    make_stateful(f, 1, IP_KEY, IP_KEY);
    ACT(f, a_to_b, ALU(1, BEBA_ALU_SUM, FDV, 0, FDV, 1, NUM, 0));
    assert_int_equal(stored(f, 1).n, 0);
    ACT(f, a_to_b, ALU(1, BEBA_ALU_SUM, FDV, 0, FDV, 1, NUM, 1));
    e = only(f, 1);
    assert_int_equal(e.state, 0);
    f->now += SECOND;
    ACT(f, a_to_b, TO_STATE(1, 4, .hard_timeout = 9000000),
        ALU(1, BEBA_ALU_MUL, FDV, 1, FDV, 0, NUM, 6));
    f->now += SECOND;
    ACT(f, a_to_b, ALU(1, BEBA_ALU_SUB, FDV, 1, FDV, 0, FDV, 1));
    e = only(f, 1);
    assert_int_equal(e.state, 4);
    assert_int_equal(e.regs.var[1], (uint32_t)-5);
    assert_int_equal(e.regs.hard_timeout, 9000000);
    assert_true(e.duration == SECOND);
}

static void polynomials_take_all_operands(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 1, IP_KEY, IP_KEY);
    for (uint8_t i = 0; i < 8; i++)
        assert_int_equal(set_global_var(f, 1, i, i), 0);
    ACT(f, a_to_b,
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_DATA_VAR,
         .set_data_var = {.table = 1,
                          .opcode = BEBA_ALU_POLY_SUM,
                          .out_type = FDV,
                          .out = 2,
                          .operand_type = {GDV, NUM, GDV, GDV},
                          .operand = {2, 1, 0, 5},
                          .coeff = {30, 4, 5, -6}}});
    assert_int_equal(only(f, 1).regs.var[2], 34);
}

/* Conditions ----------------------------------------------------------------------------------- */

static void conditions_are_matched(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(set_header_field(f, 0, 1, OFPXMT_OFB_TCP_DST), 0);
    assert_int_equal(set_global_var(f, 0, 0, 80), 0);
    assert_int_equal(set_condition(f, 0, 5, BEBA_COND_GTE, HF, 1, GDV, 0), 0);
    assert_int_equal(set_condition(f, 0, 0, BEBA_COND_EQ, FDV, 3, GDV, 1), 0);
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_CONDITION0 + 5, 1)}, .apply = {OUT(1)});
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_CONDITION0 + 5, 0)}, .apply = {OUT(2)});
    FLOW(f, .priority = 2, .match = {IS(BEBA_OF_CONDITION0, 0), IS(BEBA_OF_CONDITION0 + 5, 1)},
         .apply = {OUT(3)});
    tcp(f, 8, to_web, 2);
    tcp(f, 8, (struct flow){1, 2, 3, 79}, 2);
    assert_int_equal(f->out[0], 1);
    assert_int_equal(f->out[1], 2);
    assert_int_equal(udp(f, 8, a_to_b), 0); /* NULL: neither */
    ACT(f, to_web, ALU(0, BEBA_ALU_SUM, FDV, 3, FDV, 0, NUM, 1));
    tcp(f, 8, to_web, 2);
    assert_int_equal(f->out[2], 3);
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0 + 5, 255), IS(BEBA_OF_CONDITION0 + 1, 255)},
         .apply = {OUT(4)});
    udp(f, 8, a_to_b);
    assert_int_equal(f->out[3], 4);
}

static void conditions_on_flow_variables_are_null_without_a_key(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(set_condition(f, 0, 0, BEBA_COND_EQ, FDV, 0, GDV, 0), 0);
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0, 1)}, .apply = {OUT(1)});
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0, 255)}, .apply = {OUT(2)});
    udp(f, 8, a_to_b); /* no entry: 0 */
    ether(f, 8, 1, 2);
    assert_int_equal(f->out[0], 1);
    assert_int_equal(f->out[1], 2);
}

static void state_and_time_are_operands(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(set_header_field(f, 0, 0, BEBA_OF_STATE), 0);
    assert_int_equal(set_header_field(f, 0, 1, BEBA_OF_TIMESTAMP), 0);
    assert_int_equal(set_global_var(f, 0, 0, 7), 0);
    assert_int_equal(set_condition(f, 0, 0, BEBA_COND_EQ, HF, 0, GDV, 0), 0);
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0, 1)},
         .apply = {ALU(0, BEBA_ALU_SUM, FDV, 0, HF, 1, NUM, 0),
                   ALU(0, BEBA_ALU_SUM, FDV, 1, HF, 0, NUM, 0), OUT(1)});
    assert_int_equal(udp(f, 8, a_to_b), 0);
    assert_int_equal(set_flow_state(f, 0, 0x0100000a, 4, 7), 0);
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_int_equal(only(f, 0).regs.var[0], (uint32_t)(f->now / MILLI));
    assert_int_equal(only(f, 0).regs.var[1], 7);
}

/* WRITE_CONTEXT ------------------------------------------------------------------------------- */

/* Runs a packet through one write of GDV 0 and gives the field that came out. */
static uint64_t written(struct fixture *f, uint32_t value, uint8_t to, enum beba_field_id field)
{
    assert_int_equal(set_global_var(f, 0, 0, value), 0);
    FLOW(f, .apply = {CONTEXT(BEBA_CONTEXT_GDV, 0, to), OUT(1)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    return sent(f, field);
}

static void contexts_are_written_to_fields(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(written(f, 0x12345678, OFPXMT_OFB_UDP_DST, BEBA_F_UDP_DST), 0x5678);
    assert_int_equal(written(f, 0x13f, OFPXMT_OFB_IP_DSCP, BEBA_F_IP_DSCP), 0x3f);
    assert_int_equal(written(f, 0x01020304, OFPXMT_OFB_IPV4_DST, BEBA_F_IP4_DST), 0x04030201);
    assert_true(written(f, 0x01020304, OFPXMT_OFB_ETH_DST, BEBA_F_ETH_DST) == 0x040302010000);
    assert_int_equal(written(f, 5, OFPXMT_OFB_TCP_DST, BEBA_F_UDP_DST), 2000); /* no TCP */
}

static void metadata_is_written_whole(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    assert_int_equal(set_global_var(f, 0, 3, 0xfffffff0), 0);
    FLOW(f, .apply = {CONTEXT(BEBA_CONTEXT_GDV, 3, OFPXMT_OFB_METADATA)}, .next = 1);
    FLOW(f, .table = 1, .match = {IS(OFPXMT_OFB_METADATA, 0xfffffff0)}, .apply = {OUT(1)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
}

static void contexts_are_those_of_the_table_of_the_entry(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    make_stateful(f, 1, IP_KEY, IP_KEY);
    assert_int_equal(set_flow_state(f, 0, 0x0100000a, 4, 70), 0);
    assert_int_equal(set_flow_state(f, 1, 0x0100000a, 4, 71), 0);
    FLOW(f, .apply = {CONTEXT(BEBA_CONTEXT_STATE, 0, OFPXMT_OFB_UDP_SRC)}, .next = 1);
    FLOW(f, .table = 1,
         .apply = {ALU(1, BEBA_ALU_SUM, FDV, 5, FDV, 0, NUM, 33),
                   CONTEXT(BEBA_CONTEXT_STATE, 0, OFPXMT_OFB_UDP_DST),
                   /* the source address is the key, but the entry is the same afterwards */
                   CONTEXT(BEBA_CONTEXT_FDV, 5, OFPXMT_OFB_IPV4_SRC),
                   CONTEXT(BEBA_CONTEXT_FDV, 5, OFPXMT_OFB_IP_DSCP)},
         .next = 2);
    FLOW(f, .table = 2, .apply = {CONTEXT(BEBA_CONTEXT_STATE, 0, OFPXMT_OFB_IP_DSCP), OUT(1)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_int_equal(sent(f, BEBA_F_UDP_SRC), 70);
    assert_int_equal(sent(f, BEBA_F_UDP_DST), 71);
    assert_int_equal(sent(f, BEBA_F_IP4_SRC), 33u << 24);
    assert_int_equal(sent(f, BEBA_F_IP_DSCP), 33); /* table 2 is not stateful */
    ACT(f, a_to_b, CONTEXT(BEBA_CONTEXT_STATE, 0, OFPXMT_OFB_UDP_SRC), OUT(1));
    assert_int_equal(sent(f, BEBA_F_UDP_SRC), 1000); /* a packet-out is in no table */
}

static void action_sets_run_them_all_before_set_field(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, IP_KEY, IP_KEY);
    FLOW(f, .write = {OUT(1),
                      {.type = OFPAT_SET_FIELD,
                       .set_field = {.field = OFPXMT_OFB_IPV4_SRC,
                                     .value = {0, 5},
                                     .mask = {0, 0xffffffff}}},
                      TO_STATE(0, 6),
                      INC(0)});
    assert_int_equal(udp(f, 8, a_to_b), 1);
    assert_int_equal(only(f, 0).state, 7);
    assert_memory_equal(only(f, 0).key, "\x0a\0\0\x01", 4);
}

/* Threads ------------------------------------------------------------------------------------ */

enum { ROUNDS = 20000 };

struct thread {
    pthread_t id;
    struct fixture *f;
    struct beba_datapath_worker *worker;
};

static void ignore_output(void *arg, uint32_t port, uint32_t queue,
                          const struct beba_packet *packet)
{
    (void)arg, (void)port, (void)queue, (void)packet;
}

static void *run_many(void *arg)
{
    struct thread *t = arg;
    struct beba_assign a[4];
    struct frame frame;

    urcu_qsbr_register_thread();
    fill_udp(a, a_to_b);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct beba_packet *packet = &frame.packet;

        if (i % 64 == 0)
            build(t->f, &frame, 1, 100, a, 4);
        beba_datapath_run(t->worker, &packet, 1);
        urcu_qsbr_quiescent_state();
    }
    urcu_qsbr_unregister_thread();
    return NULL;
}

/* Both count all packets of one flow, in its state, a flow variable and a global one, while the
 * controller changes the table. */
static void workers_lose_no_update(void **state)
{
    static const struct beba_datapath_sink sink = {.output = ignore_output};
    struct fixture f;
    struct thread t[2];
    uint32_t g[BEBA_GLOBAL_DATA_VARS];

    (void)state;
    urcu_qsbr_register_thread();
    start(&f, &(struct beba_datapath_opts){.n_workers = 2, .max_flows = 1000});
    make_stateful(&f, 0, IP_KEY, IP_KEY);
    FLOW(&f, .apply = {INC(0), ALU(0, BEBA_ALU_SUM, FDV, 1, FDV, 1, NUM, 1),
                       ALU(0, BEBA_ALU_SUM, GDV, 2, GDV, 2, NUM, 1), OUT(1)});
    for (unsigned i = 0; i < 2; i++) {
        t[i] = (struct thread){.f = &f, .worker = beba_datapath_worker(f.dp, i, &sink)};
        assert_int_equal(pthread_create(&t[i].id, NULL, run_many, &t[i]), 0);
    }
    for (uint8_t i = 0; i < 200; i++) {
        assert_int_equal(set_condition(&f, 0, i % 8, i % 6, FDV, 0, GDV, 0), 0);
        assert_int_equal(set_header_field(&f, 0, i % 8, BEBA_OF_PKT_LEN), 0);
        beba_datapath_expire(f.dp, f.now);
        assert_in_range(stored(&f, 0).n, 0, 1);
    }
    urcu_qsbr_thread_offline();
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i].id, NULL);
    urcu_qsbr_thread_online();
    beba_datapath_global_vars(f.dp, 0, g);
    assert_int_equal(only(&f, 0).state, 2 * ROUNDS);
    assert_int_equal(only(&f, 0).regs.var[1], 2 * ROUNDS);
    assert_int_equal(g[2], 2 * ROUNDS);
    beba_datapath_free(f.dp);
    urcu_qsbr_unregister_thread();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(packets_match_the_state_of_their_key),
        TEST(state_is_absent_where_a_table_is_not_stateful),
        TEST(global_state_changes_are_seen_by_the_next_table),
        TEST(idle_timers_are_held_by_lookups_only),
        TEST(set_state_writes_masks_and_timers),
        TEST(set_state_applies_what_is_due_first),
        TEST(set_state_needs_a_table_and_a_key),
        TEST(set_state_to_0_makes_no_entry),
        cmocka_unit_test(openstate_deletes_at_state_0),
        TEST(bit_1_updates_the_other_direction),
        TEST(actions_may_have_scopes_of_their_own),
        TEST(biflow_scopes_join_both_directions),
        TEST(keys_are_of_the_headers_as_they_are),
        TEST(another_table_gets_the_packets_own_key),
        TEST(inc_state_counts),
        TEST(changes_are_told),
        TEST(means_and_variances_of_lengths),
        TEST(operands_are_flow_and_global_variables_fields_and_constants),
        TEST(variables_that_are_0_make_no_entry),
        TEST(polynomials_take_all_operands),
        TEST(conditions_are_matched),
        TEST(conditions_on_flow_variables_are_null_without_a_key),
        TEST(state_and_time_are_operands),
        TEST(contexts_are_written_to_fields),
        TEST(metadata_is_written_whole),
        TEST(contexts_are_those_of_the_table_of_the_entry),
        TEST(action_sets_run_them_all_before_set_field),
        cmocka_unit_test(workers_lose_no_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
