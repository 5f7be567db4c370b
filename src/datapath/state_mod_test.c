/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every STATE_MOD and PKTTMP_MOD, with each error and the order of checks. */
#include "datapath/state_fixture_test.h"

#include "datapath/exec.h"

#define ETH_KEY SCOPE(OFPXMT_OFB_ETH_DST)

static void tables_become_stateful_by_flag_and_both_scopes(void **state)
{
    struct fixture *f = *state;

    assert_false(beba_datapath_is_stateful(f->dp, 3));
    assert_int_equal(set_stateful(f, 3, true), 0);
    assert_false(beba_datapath_is_stateful(f->dp, 3));
    assert_int_equal(set_scope(f, 3, LOOKUP, ETH_KEY), 0);
    assert_int_equal(set_scope(f, 3, REVERSE, ETH_KEY), 0);
    assert_false(beba_datapath_is_stateful(f->dp, 3));
    assert_int_equal(set_scope(f, 3, UPDATE, ETH_KEY), 0);
    assert_true(beba_datapath_is_stateful(f->dp, 3));
    assert_true(beba_datapath_stateful_table(f->dp, 3));
    assert_int_equal(set_flow_state(f, 3, 1, 6, 88), 0);
    assert_int_equal(set_stateful(f, 3, false), 0);
    assert_false(beba_datapath_is_stateful(f->dp, 3));
    assert_false(beba_datapath_stateful_table(f->dp, 3));
    assert_int_equal(states(f, &(struct beba_state_filter){.table = 3}).n, 0);
    assert_int_equal(set_stateful(f, 3, true), 0); /* all of it is still there */
    assert_int_equal(stored(f, 3).entry[0].state, 88);
}

static void tables_are_0_to_63(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set_stateful(f, 63, true), 0);
    for (uint8_t command = 0; command <= BEBA_SET_FLOW_DATA_VAR; command++) {
        struct beba_of_state_mod mod = about(command, 64, 1, 6);

        if (command == BEBA_SET_GLOBAL_STATE || command == BEBA_RESET_GLOBAL_STATE)
            continue;
        if (command == BEBA_SET_L_EXTRACTOR || command == BEBA_SET_U_EXTRACTOR)
            mod.extractor.scope = ETH_KEY;
        assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_TABLE_ID));
    }
    assert_int_equal(refused(f, &(struct beba_of_state_mod){.command = 11, .table = 99}),
                     REFUSED(BEBA_ERR_STATE_MOD_BAD_COMMAND));
}

static void lengths_come_before_tables(void **state)
{
    struct fixture *f = *state;
    struct beba_of_scope seven = {.n = 7};

    assert_int_equal(set_scope(f, 99, LOOKUP, (struct beba_of_scope){0}),
                     REFUSED(BEBA_ERR_BAD_EXP_LEN));
    assert_int_equal(set_scope(f, 99, UPDATE, seven), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t command[] = {BEBA_SET_FLOW_STATE, BEBA_DEL_FLOW_STATE,
                                          BEBA_SET_FLOW_DATA_VAR};
        struct beba_of_state_mod mod = about(command[i], 99, 0, 0);

        mod.flow.variable = 9;
        assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_EXP_LEN));
        mod.flow.key_len = 49;
        assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    }
}

static void scopes_need_a_stateful_table_and_equal_lengths(void **state)
{
    struct fixture *f = *state;
    struct beba_of_scope two = SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST);

    assert_int_equal(set_scope(f, 1, LOOKUP, ETH_KEY), REFUSED(BEBA_ERR_SET_EXTRACTOR));
    assert_int_equal(set_stateful(f, 1, true), 0);
    assert_int_equal(set_scope(f, 1, LOOKUP, two), 0);
    assert_int_equal(set_scope(f, 1, LOOKUP, ETH_KEY), 0); /* the only one: may change */
    assert_int_equal(set_scope(f, 1, UPDATE, two), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    assert_int_equal(set_scope(f, 1, REVERSE, two), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    assert_int_equal(set_scope(f, 1, UPDATE, SCOPE(OFPXMT_OFB_ETH_SRC)), 0);
    assert_int_equal(set_scope(f, 1, LOOKUP, two), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    assert_true(beba_datapath_is_stateful(f->dp, 1));
    assert_int_equal(set_stateful(f, 1, false), 0);
    assert_int_equal(set_scope(f, 1, LOOKUP, two), REFUSED(BEBA_ERR_SET_EXTRACTOR));
    assert_int_equal(set_stateful(f, 2, true), 0);
    assert_int_equal(set_scope(f, 2, LOOKUP,
                               SCOPE(OFPXMT_OFB_IPV6_SRC, OFPXMT_OFB_IPV6_DST,
                                     OFPXMT_OFB_IPV6_ND_TARGET, OFPXMT_OFB_IP_PROTO)),
                     REFUSED(BEBA_ERR_BAD_EXP_LEN));
}

static void bits_of_lookup_scopes_do_not_count(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = {.command = BEBA_SET_L_EXTRACTOR,
                                    .extractor = {.scope = ETH_KEY, .bit = 1}};

    assert_int_equal(set_stateful(f, 0, true), 0);
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(set_scope(f, 0, UPDATE, ETH_KEY), 0);
    assert_true(beba_datapath_is_stateful(f->dp, 0));
}

static void entries_survive_new_scopes(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, ETH_KEY, ETH_KEY);
    assert_int_equal(set_flow_state(f, 0, 0x020000000000, 6, 5), 0);
    assert_int_equal(set_scope(f, 0, LOOKUP, SCOPE(OFPXMT_OFB_ETH_SRC)), 0);
    assert_int_equal(stored(f, 0).n, 1);
    assert_int_equal(stored(f, 0).entry[0].lookup->field[0], OFPXMT_OFB_ETH_SRC);
}

static void flow_states_are_set_with_masks_and_timers(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_STATE, 3, 0x020000000000, 6);
    struct seen s;

    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_SET_FLOW_STATE));
    make_stateful(f, 3, ETH_KEY, ETH_KEY);
    mod.flow.key_len = 5;
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    mod.flow.key_len = 6;
    assert_int_equal(refused(f, &mod), 0); /* state 0: nothing is stored */
    assert_int_equal(stored(f, 3).n, 0);

    mod.flow.state = 88; /* docs/beba-extension.md, 12.1 */
    mod.flow.mask = 0xff;
    mod.flow.hard_rollback = 8;
    mod.flow.idle_rollback = 6;
    mod.flow.hard_timeout = 7000000;
    mod.flow.idle_timeout = 5000000;
    assert_int_equal(refused(f, &mod), 0);
    f->now += 2 * SECOND;
    s = stored(f, 3);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.entry[0].table, 3);
    assert_int_equal(s.entry[0].state, 88);
    assert_int_equal(s.entry[0].key_len, 6);
    assert_memory_equal(s.entry[0].key, "\0\0\0\0\0\2", 6);
    assert_true(s.entry[0].duration == 2 * SECOND);
    assert_int_equal(s.entry[0].regs.hard_timeout, 7000000);
    assert_int_equal(s.entry[0].regs.idle_timeout, 5000000);
    assert_int_equal(s.entry[0].regs.hard_rollback, 8);
    assert_int_equal(s.entry[0].regs.idle_rollback, 6);

    f->now += 3 * SECOND; /* exactly the idle timeout: not yet past */
    assert_int_equal(stored(f, 3).entry[0].state, 88);
    f->now += 1;
    s = stored(f, 3);
    assert_int_equal(s.entry[0].state, 6);
    assert_int_equal(s.entry[0].regs.hard_timeout | s.entry[0].regs.idle_timeout |
                         s.entry[0].regs.hard_rollback | s.entry[0].regs.idle_rollback,
                     0);
    assert_true(s.entry[0].duration == 0); /* written when it was found out */
    f->now += SECOND;
    assert_true(stored(f, 3).entry[0].duration == SECOND);

    mod.flow.state = 0x1200;
    mod.flow.mask = 0xff00;
    mod.flow.hard_rollback = 0x1206; /* where it is: not armed */
    mod.flow.idle_timeout = 0;
    assert_int_equal(refused(f, &mod), 0);
    s = stored(f, 3);
    assert_int_equal(s.entry[0].state, 0x1206);
    assert_int_equal(s.entry[0].regs.hard_timeout | s.entry[0].regs.hard_rollback, 0);
}

static void entries_in_state_0_stay_and_rollbacks_make_entries(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_STATE, 0, 7, 6);

    make_stateful(f, 0, ETH_KEY, ETH_KEY);
    assert_int_equal(set_flow_state(f, 0, 9, 6, 5), 0);
    assert_int_equal(set_flow_state(f, 0, 9, 6, 0), 0);
    assert_int_equal(stored(f, 0).n, 1);
    mod.flow.hard_timeout = 1; /* its rollback, 0, would change nothing */
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(stored(f, 0).n, 1);
    mod.flow.hard_rollback = 4;
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(stored(f, 0).n, 2);
    f->now += 1001;
    assert_int_equal(states(f, &(struct beba_state_filter){.by_state = true, .state = 4}).n, 1);
}

static void flow_states_are_deleted(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_DEL_FLOW_STATE, 0, 9, 6);

    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_DEL_FLOW_STATE));
    make_stateful(f, 0, ETH_KEY, ETH_KEY);
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_DEL_FLOW_STATE));
    assert_int_equal(set_flow_state(f, 0, 9, 6, 5), 0);
    mod.flow.key_len = 4;
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    mod.flow.key_len = 6;
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(stored(f, 0).n, 0);
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_DEL_FLOW_STATE));
}

static void global_state_is_masked_and_reset(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = {.command = BEBA_SET_GLOBAL_STATE, .global_state = {5, 15}};

    assert_int_equal(beba_datapath_global_state(f->dp), 0);
    assert_int_equal(refused(f, &mod), 0);
    mod.global_state.value = 0xabc0;
    mod.global_state.mask = 0xff00;
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(beba_datapath_global_state(f->dp), 0xab05);
    mod.command = BEBA_RESET_GLOBAL_STATE;
    mod.table = 200; /* says nothing here */
    assert_int_equal(refused(f, &mod), 0);
    assert_int_equal(beba_datapath_global_state(f->dp), 0);
}

static void header_fields_and_conditions_are_checked(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set_header_field(f, 1, 8, BEBA_OF_TIMESTAMP),
                     REFUSED(BEBA_ERR_BAD_EXTRACTOR_ID));
    assert_int_equal(set_header_field(f, 1, 2, BEBA_OF_TIMESTAMP),
                     REFUSED(BEBA_ERR_BAD_HEADER_EXTRACTOR));
    assert_int_equal(set_condition(f, 1, 8, 9, NUM, 0, 0, 0), REFUSED(BEBA_ERR_BAD_CONDITION_ID));
    assert_int_equal(set_condition(f, 1, 7, 6, NUM, 0, 0, 0), REFUSED(BEBA_ERR_BAD_CONDITION));
    assert_int_equal(set_condition(f, 1, 7, 5, NUM, 0, 0, 0), REFUSED(BEBA_ERR_BAD_OPERAND_TYPE));
    assert_int_equal(set_condition(f, 1, 7, 5, FDV, 0, NUM, 0), REFUSED(BEBA_ERR_BAD_OPERAND_TYPE));
    assert_int_equal(set_condition(f, 1, 7, 5, FDV, 6, NUM, 0),
                     REFUSED(BEBA_ERR_BAD_FLOW_DATA_VAR_ID));
    assert_int_equal(set_condition(f, 1, 7, 5, FDV, 5, GDV, 8),
                     REFUSED(BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID));
    assert_int_equal(set_condition(f, 1, 7, 5, GDV, 7, HF, 8), REFUSED(BEBA_ERR_BAD_EXTRACTOR_ID));
    assert_int_equal(set_condition(f, 1, 7, 5, FDV, 5, GDV, 7), REFUSED(BEBA_ERR_BAD_CONDITION));
    make_stateful(f, 1, ETH_KEY, ETH_KEY);
    assert_int_equal(set_header_field(f, 1, 2, BEBA_OF_TIMESTAMP), 0);
    assert_int_equal(set_condition(f, 1, 7, 5, FDV, 5, GDV, 7), 0);
    assert_int_equal(set_condition(f, 1, 7, 0, FDV, 0, HF, 7), 0);
}

static void variables_are_set_with_masks(void **state)
{
    struct fixture *f = *state;
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_DATA_VAR, 1, 7, 6);
    uint32_t vars[BEBA_GLOBAL_DATA_VARS];
    struct seen s;

    assert_int_equal(set_global_var(f, 1, 8, 1), REFUSED(BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID));
    assert_int_equal(set_global_var(f, 1, 3, 3500), REFUSED(BEBA_ERR_BAD_CONDITION));
    mod.flow.variable = 6;
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_FLOW_DATA_VAR_ID));
    mod.flow.variable = 2;
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_SET_FLOW_STATE));
    beba_datapath_global_vars(f->dp, 1, vars);
    assert_int_equal(vars[3], 0);

    make_stateful(f, 1, ETH_KEY, ETH_KEY);
    assert_int_equal(set_global_var(f, 1, 3, 3500), 0);
    assert_int_equal(refused(f, &(struct beba_of_state_mod){.command = BEBA_SET_GLOBAL_DATA_VAR,
                                                            .table = 1,
                                                            .global_var = {3, 0xff, 0xf}}),
                     0);
    beba_datapath_global_vars(f->dp, 1, vars);
    assert_int_equal(vars[3], (3500 & ~15) | 15);
    assert_int_equal(vars[2], 0);
    beba_datapath_global_vars(f->dp, 2, vars);
    assert_int_equal(vars[3], 0);

    mod.flow.key_len = 4;
    assert_int_equal(refused(f, &mod), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    mod.flow.key_len = 6;
    assert_int_equal(refused(f, &mod), 0); /* 0: makes nothing */
    assert_int_equal(stored(f, 1).n, 0);
    mod.flow.state = 0x4d;
    mod.flow.mask = 0xf;
    assert_int_equal(refused(f, &mod), 0);
    mod.flow.state = 0x70;
    mod.flow.mask = 0x30;
    f->now += SECOND;
    assert_int_equal(refused(f, &mod), 0);
    s = stored(f, 1);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.entry[0].state, 0);
    assert_int_equal(s.entry[0].regs.var[2], 0x7d); /* 0x4d: no mask when it was made */
    assert_true(s.entry[0].duration == SECOND);
}

static void templates_are_added_replaced_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct beba_stateful *s = beba_datapath_stateful(f->dp);
    struct beba_of_error err;
    const uint8_t *frame;
    uint32_t len;

    for (uint32_t i = 0; i < 20; i++) {
        uint8_t bytes[] = {(uint8_t)i, 0xbb};

        assert_int_equal(
            beba_datapath_template_mod(
                f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_ADD, i * 7 % 20, bytes, 2}, &err),
            0);
    }
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(beba_stateful_template(s, i * 7 % 20, &frame, &len));
        assert_int_equal(len, 2);
        assert_int_equal(frame[0], i);
    }
    assert_false(beba_stateful_template(s, 20, &frame, &len));
    assert_int_equal(beba_datapath_template_mod(
                         f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_ADD, 9, NULL, 0}, &err),
                     0);
    assert_true(beba_stateful_template(s, 9, &frame, &len));
    assert_int_equal(len, 0);
    assert_int_equal(beba_datapath_template_mod(
                         f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_DEL, 9, NULL, 0}, &err),
                     0);
    assert_false(beba_stateful_template(s, 9, &frame, &len));
    assert_true(beba_stateful_template(s, 10, &frame, &len));
    assert_int_not_equal(
        beba_datapath_template_mod(
            f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_DEL, 9, NULL, 0}, &err),
        0);
    assert_int_equal(err.code, BEBA_ERR_PKTTMP_MOD_FAILED);
    assert_int_not_equal(
        beba_datapath_template_mod(f->dp, &(struct beba_of_template_mod){2, 9, NULL, 0}, &err), 0);
    assert_int_equal(err.code, BEBA_ERR_PKTTMP_MOD_BAD_COMMAND);
}

static void templates_are_limited(void **state)
{
    struct fixture *f = *state;
    struct beba_of_error err;
    int rc = 0;

    for (uint32_t i = 0; i < 1024; i++)
        rc |= beba_datapath_template_mod(
            f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_ADD, i, NULL, 0}, &err);
    assert_int_equal(rc, 0);
    assert_int_not_equal(
        beba_datapath_template_mod(
            f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_ADD, 1024, NULL, 0}, &err),
        0);
    assert_int_equal(err.code, BEBA_ERR_PKTTMP_MOD_FAILED);
    assert_int_equal(beba_datapath_template_mod(
                         f->dp, &(struct beba_of_template_mod){BEBA_PKTTMP_ADD, 5, NULL, 0}, &err),
                     0);
}

/* What beba_stateful_check_action says: 0, or code + 1. */
static int check(struct fixture *f, struct beba_of_action action)
{
    struct beba_of_error err = {0};

    if (!beba_stateful_check_action(f->dp, &action, &err))
        return 0;
    assert_int_equal(err.type, OFPET_EXPERIMENTER);
    return err.code + 1;
}
#define CHECK(...) check(f, (struct beba_of_action)__VA_ARGS__)

static void actions_are_checked(void **state)
{
    struct fixture *f = *state;
    struct beba_of_action bad = CONTEXT(BEBA_CONTEXT_STATE, 99, OFPXMT_OFB_IN_PORT);
    struct beba_of_error err;

    assert_int_equal(CHECK(TO_STATE(63, 1)), 0);
    assert_int_equal(CHECK(TO_STATE(64, 1)), REFUSED(BEBA_ERR_BAD_TABLE_ID));
    assert_int_equal(CHECK(TO_STATE(64, 1, .scope = {.n = 7})), REFUSED(BEBA_ERR_BAD_EXP_LEN));
    assert_int_equal(CHECK(INC(64)), REFUSED(BEBA_ERR_BAD_TABLE_ID));
    assert_int_equal(CHECK({.type = OFPAT_EXPERIMENTER, .beba = 5}),
                     REFUSED(BEBA_ERR_BAD_EXP_ACTION));
    assert_int_equal(CHECK(ALU(64, 8, FDV, 6, NUM, 0, 0, 0)), REFUSED(BEBA_ERR_BAD_TABLE_ID));
    assert_int_equal(CHECK(ALU(0, 8, FDV, 6, NUM, 0, 0, 0)), REFUSED(BEBA_ERR_BAD_OPERAND_TYPE));
    assert_int_equal(CHECK(ALU(0, 8, FDV, 6, HF, 8, GDV, 8)), REFUSED(BEBA_ERR_BAD_EXTRACTOR_ID));
    assert_int_equal(CHECK(ALU(0, 8, FDV, 6, HF, 7, GDV, 8)),
                     REFUSED(BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID));
    assert_int_equal(CHECK(ALU(0, 8, FDV, 6, HF, 7, NUM, 255)),
                     REFUSED(BEBA_ERR_BAD_FLOW_DATA_VAR_ID));
    assert_int_equal(CHECK(ALU(0, 8, HF, 6, HF, 7, NUM, 255)), REFUSED(BEBA_ERR_BAD_OPERAND_TYPE));
    assert_int_equal(CHECK(ALU(0, 8, GDV, 7, HF, 7, NUM, 255)), REFUSED(BEBA_ERR_BAD_OPCODE));
    assert_int_equal(CHECK(ALU(0, BEBA_ALU_VAR, GDV, 7, HF, 7, NUM, 255)), 0);
    /* operands 3 and 4 by their own ids */
    assert_int_equal(CHECK({.type = OFPAT_EXPERIMENTER,
                            .beba = BEBA_ACT_SET_DATA_VAR,
                            .set_data_var = {.opcode = BEBA_ALU_VAR,
                                             .operand_type = {FDV, FDV, GDV, FDV},
                                             .operand = {0, 0, 9, 9}}}),
                     REFUSED(BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID));
    assert_int_equal(CHECK({.type = OFPAT_EXPERIMENTER,
                            .beba = BEBA_ACT_SET_DATA_VAR,
                            .set_data_var = {.opcode = BEBA_ALU_POLY_SUM,
                                             .operand_type = {FDV, FDV, GDV, FDV},
                                             .operand = {0, 0, 7, 9}}}),
                     REFUSED(BEBA_ERR_BAD_FLOW_DATA_VAR_ID));
    assert_int_equal(CHECK({.type = OFPAT_EXPERIMENTER,
                            .beba = BEBA_ACT_SET_DATA_VAR,
                            .set_data_var = {.opcode = BEBA_ALU_SUM,
                                             .operand_type = {FDV, FDV, GDV, FDV},
                                             .operand = {0, 0, 9, 9}}}),
                     0);
    assert_int_equal(CHECK(CONTEXT(3, 0, OFPXMT_OFB_IP_DSCP)), REFUSED(BEBA_ERR_BAD_SOURCE_TYPE));
    assert_int_equal(CHECK(CONTEXT(BEBA_CONTEXT_FDV, 6, OFPXMT_OFB_IP_DSCP)),
                     REFUSED(BEBA_ERR_BAD_FLOW_DATA_VAR_ID));
    assert_int_equal(CHECK(CONTEXT(BEBA_CONTEXT_GDV, 8, OFPXMT_OFB_IP_DSCP)),
                     REFUSED(BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID));
    assert_int_equal(CHECK(CONTEXT(BEBA_CONTEXT_STATE, 99, OFPXMT_OFB_METADATA)), 0);
    for (unsigned i = 0; i < 5; i++) {
        static const uint8_t field[] = {OFPXMT_OFB_IN_PORT, OFPXMT_OFB_IN_PHY_PORT,
                                        OFPXMT_OFB_IPV6_EXTHDR, BEBA_OF_STATE, BEBA_OF_PKT_LEN};

        bad.write_context.field = field[i];
        assert_int_not_equal(beba_stateful_check_action(f->dp, &bad, &err), 0);
        assert_int_equal(err.type, OFPET_BAD_ACTION);
        assert_int_equal(err.code, OFPBAC_BAD_SET_TYPE);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tables_become_stateful_by_flag_and_both_scopes),
        TEST(tables_are_0_to_63),
        TEST(lengths_come_before_tables),
        TEST(scopes_need_a_stateful_table_and_equal_lengths),
        TEST(bits_of_lookup_scopes_do_not_count),
        TEST(entries_survive_new_scopes),
        TEST(flow_states_are_set_with_masks_and_timers),
        TEST(entries_in_state_0_stay_and_rollbacks_make_entries),
        TEST(flow_states_are_deleted),
        TEST(global_state_is_masked_and_reset),
        TEST(header_fields_and_conditions_are_checked),
        TEST(variables_are_set_with_masks),
        TEST(templates_are_added_replaced_and_deleted),
        TEST(templates_are_limited),
        TEST(actions_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
