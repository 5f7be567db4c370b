/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The byte vectors of docs/beba-extension.md: decoded, looked at, encoded to the same bytes. */
#include "openflow/codec.h"
#include "openflow/hex_test.h"

#define X "bebabeba"

struct dialect_hex {
    const char *hex;
    uint8_t dialect; /* enum beba_dialect */
};

static struct beba_arena arena;
static uint8_t bytes[512], again[512];

static int clean(void **state)
{
    beba_arena_free(&arena);
    return 0;
}

static struct beba_of_msg decode(const char *hex, uint8_t dialect)
{
    struct beba_of_codec codec = {.dialect = dialect};
    struct beba_of_msg m;
    struct beba_of_error err;
    size_t n = hex_read(hex, bytes, sizeof(bytes));
    int r;

    assert_int_equal(beba_of_length(bytes, n), n);
    r = beba_of_decode(bytes, n, &codec, &arena, &m, &err);
    if (r)
        fail_msg("%s: %u/%u %s", hex, err.type, err.code, err.what);
    r = beba_of_encode(&m, &codec, again, sizeof(again));
    assert_int_equal(r, n);
    assert_memory_equal(again, bytes, n);
    return m;
}

static struct beba_of_state_mod state_mod(const char *hex)
{
    struct beba_of_msg m = decode(hex, BEBA_DIALECT_ADVANCED);

    assert_true(m.beba);
    assert_int_equal(m.xid, 0x01020304);
    assert_int_equal(m.exp_type, BEBA_MSG_STATE_MOD);
    return m.state_mod;
}

static void messages(void **state)
{
    static const uint8_t mac2[] = {0, 0, 0, 0, 0, 2};
    struct beba_of_state_mod s;

    s = state_mod("04040014 01020304 " X " 00000000 0000 0301");
    assert_int_equal(s.command, BEBA_STATEFUL_TABLE_CONFIG);
    assert_int_equal(s.table, 3);
    assert_true(s.stateful);

    s = state_mod("04040022 01020304 " X " 00000000 0100 03000000 00000000 00000001 80000606");
    assert_int_equal(s.command, BEBA_SET_L_EXTRACTOR);
    assert_int_equal(s.extractor.scope.n, 1);
    assert_int_equal(s.extractor.scope.field[0], OFPXMT_OFB_ETH_DST);

    s = state_mod("04040026 01020304 " X
                  " 00000000 0200 03010000 01000000 00000002 80001604 80001804");
    assert_int_equal(s.command, BEBA_SET_U_EXTRACTOR);
    assert_int_equal(s.extractor.biflow, 1);
    assert_int_equal(s.extractor.bit, 1);
    assert_int_equal(s.extractor.scope.field[1], OFPXMT_OFB_IPV4_DST);

    s = state_mod("04040038 01020304 " X
                  " 00000000 0300 03000000 00000006 00000058 000000ff 00000008 00000006"
                  " 006acfc0 004c4b40 000000000002");
    assert_int_equal(s.flow.state, 88);
    assert_int_equal(s.flow.mask, 0xff);
    assert_int_equal(s.flow.hard_rollback, 8);
    assert_int_equal(s.flow.idle_rollback, 6);
    assert_int_equal(s.flow.hard_timeout, 7000000);
    assert_int_equal(s.flow.idle_timeout, 5000000);
    assert_int_equal(s.flow.key_len, 6);
    assert_memory_equal(s.flow.key, mac2, 6);

    s = state_mod("04040020 01020304 " X " 00000000 0400 03000000 00000006 000000000002");
    assert_int_equal(s.command, BEBA_DEL_FLOW_STATE);
    s = state_mod("0404001a 01020304 " X " 00000000 0500 00000005 0000000f");
    assert_int_equal(s.global_state.value, 5);
    assert_int_equal(s.global_state.mask, 15);
    s = state_mod("04040012 01020304 " X " 00000000 0600");
    assert_int_equal(s.command, BEBA_RESET_GLOBAL_STATE);
    s = state_mod("0404001a 01020304 " X " 00000000 0700 01020000 ffff1408");
    assert_int_equal(s.header_field.id, 2);
    assert_int_equal(s.header_field.field, BEBA_OF_TIMESTAMP);
    s = state_mod("0404001a 01020304 " X " 00000000 0800 01050290 02030000");
    assert_int_equal(s.condition.id, 5);
    assert_int_equal(s.condition.op, BEBA_COND_GTE);
    assert_int_equal(s.condition.operand_type[0], BEBA_OPERAND_HF);
    assert_int_equal(s.condition.operand_type[1], BEBA_OPERAND_GDV);
    assert_int_equal(s.condition.operand[0], 2);
    assert_int_equal(s.condition.operand[1], 3);
    s = state_mod("0404001e 01020304 " X " 00000000 0900 01030000 00000dac ffffffff");
    assert_int_equal(s.global_var.id, 3);
    assert_int_equal(s.global_var.value, 3500);
    s = state_mod("04040028 01020304 " X
                  " 00000000 0a00 01020000 00000006 0000004d ffffffff 000000000002");
    assert_int_equal(s.flow.variable, 2);
    assert_int_equal(s.flow.state, 77);
}

static void templates(void **state)
{
    static const uint8_t frame[] = {0xaa, 0xbb, 0xcc};
    struct beba_of_msg m;

    m = decode("0404001d 01020304 " X " 00000001 0000 00000009 00000000 aabbcc",
               BEBA_DIALECT_MASTER);
    assert_int_equal(m.template_mod.id, 9);
    assert_int_equal(m.template_mod.len, 3);
    assert_memory_equal(m.template_mod.frame, frame, 3);
    m = decode("0404001a 01020304 " X " 00000001 0100 00000009 00000000", BEBA_DIALECT_MASTER);
    assert_int_equal(m.template_mod.command, BEBA_PKTTMP_DEL);
}

/* --- actions, in a packet-out ------------------------------------------------------------------
 */

static struct beba_of_action action(const char *hex, uint8_t dialect)
{
    static char packet_out[1024];
    size_t n = hex_read(hex, bytes, sizeof(bytes));
    struct beba_of_msg m;

    snprintf(packet_out, sizeof(packet_out),
             "040d%04zx 01020304 ffffffff fffffffd %04zx 000000000000 %s", 24 + n, n, hex);
    m = decode(packet_out, dialect);
    assert_int_equal(m.packet_out.actions.n, 1);
    return m.packet_out.actions.action[0];
}

#define SET_STATE_BODY                                                                           \
    "bebabeba 00000000 00000000 00000007 0000ffff 02000000 00000003 00000004 00989680 004c4b40 " \
    "01000000"

static void set_state(void **state)
{
    static const struct dialect_hex forms[] = {
        {"ffff0038 " SET_STATE_BODY " 00000000 00000000", BEBA_DIALECT_ADVANCED},
        {"ffff0040 " SET_STATE_BODY " 00000000 00000001 80000606 00000000", BEBA_DIALECT_ADVANCED},
        {"ffff0030 " SET_STATE_BODY, BEBA_DIALECT_MASTER},
    };

    for (unsigned i = 0; i < 3; i++) {
        struct beba_of_action a = action(forms[i].hex, forms[i].dialect);

        assert_int_equal(a.beba, BEBA_ACT_SET_STATE);
        assert_int_equal(a.set_state.state, 7);
        assert_int_equal(a.set_state.mask, 0xffff);
        assert_int_equal(a.set_state.table, 2);
        assert_int_equal(a.set_state.bit, 1);
        assert_int_equal(a.set_state.hard_rollback, 3);
        assert_int_equal(a.set_state.idle_rollback, 4);
        assert_int_equal(a.set_state.hard_timeout, 10000000);
        assert_int_equal(a.set_state.idle_timeout, 5000000);
        assert_int_equal(a.set_state.scope.n, i == 1);
    }
}

static void other_actions(void **state)
{
    struct beba_of_action a;

    a = action("ffff0018 " X " 00000002 00000000 02000000 00000000", BEBA_DIALECT_MASTER);
    assert_int_equal(a.beba, BEBA_ACT_INC_STATE);
    assert_int_equal(a.inc_state.table, 2);
    a = action("ffff0028 " X
               " 00000003 00000000 b4800107 03000000 01c80405 ff020304 00000000 01000000",
               BEBA_DIALECT_ADVANCED);
    assert_int_equal(a.set_data_var.opcode, BEBA_ALU_POLY_SUM);
    assert_int_equal(a.set_data_var.table, 1);
    assert_int_equal(a.set_data_var.out_type, BEBA_OPERAND_GDV);
    assert_int_equal(a.set_data_var.out, 3);
    assert_int_equal(a.set_data_var.operand_type[0], BEBA_OPERAND_HF);
    assert_int_equal(a.set_data_var.operand_type[1], BEBA_OPERAND_CONSTANT);
    assert_int_equal(a.set_data_var.operand_type[2], BEBA_OPERAND_GDV);
    assert_int_equal(a.set_data_var.operand_type[3], BEBA_OPERAND_FDV);
    assert_int_equal(a.set_data_var.operand[1], 200);
    assert_int_equal(a.set_data_var.coeff[0], -1);
    assert_int_equal(a.set_data_var.coeff[3], 4);
    assert_int_equal(a.set_data_var.bit, 1);
    a = action("ffff0018 " X " 00000004 00000000 01020000 80004404", BEBA_DIALECT_ADVANCED);
    assert_int_equal(a.write_context.source, BEBA_CONTEXT_GDV);
    assert_int_equal(a.write_context.id, 2);
    assert_int_equal(a.write_context.field, OFPXMT_OFB_MPLS_LABEL);
}

/* --- matches and instructions, in a flow-mod ----------------------------------------------------
 */

#define FLOW_MOD_BODY                                                                   \
    "01020304 0000000000000000 0000000000000000 0000 0000 0000 8000 ffffffff ffffffff " \
    "ffffffff 0000 0000 "

static void match(void **state)
{
    struct beba_of_msg m =
        decode("040e0070 " FLOW_MOD_BODY
               "0001003b 80000004 00000001 80000a02 0800 80001401 06 80005104 0001 0001 ffff030c " X
               " 00000006 000000ff ffff0008 " X " 00000005 0000000000",
               BEBA_DIALECT_ADVANCED);
    const struct beba_of_oxm *oxm = m.flow_mod.match.oxm;

    assert_true(m.beba);
    assert_int_equal(m.flow_mod.match.n, 6);
    assert_int_equal(oxm[0].field, OFPXMT_OFB_IN_PORT);
    assert_int_equal(oxm[3].field, BEBA_OF_TCP_FLAGS);
    assert_int_equal(oxm[3].mask.lo, 1);
    assert_false(oxm[3].onf_form);
    assert_int_equal(oxm[4].field, BEBA_OF_STATE);
    assert_int_equal(oxm[4].value.lo, 6);
    assert_int_equal(oxm[4].mask.lo, 0xff);
    assert_int_equal(oxm[5].field, BEBA_OF_GLOBAL_STATE);
    assert_int_equal(oxm[5].value.lo, 5);
    assert_false(oxm[5].has_mask);
}

static void packet_generation(void **state)
{
    struct beba_of_msg m = decode("040e0060 " FLOW_MOD_BODY "0001000400000000 "
                                  "ffff0028 " X " 00000000 00000000 00000009 00000000 "
                                  "00000010 00000001 ffe50000 00000000",
                                  BEBA_DIALECT_MASTER);

    assert_int_equal(m.flow_mod.instructions.present, BEBA_OF_PKT_GEN);
    assert_int_equal(m.flow_mod.instructions.template_id, 9);
    assert_int_equal(m.flow_mod.instructions.generate.n, 1);
    assert_int_equal(m.flow_mod.instructions.generate.action[0].output.port, 1);
}

static void statistics(void **state)
{
    struct beba_of_msg m = decode("04120030 01020304 ffff0000 00000000 " X
                                  " 00000000 03010000 00000004 0001000e 80000606 000000000001 0000",
                                  BEBA_DIALECT_ADVANCED);

    assert_int_equal(m.request.exp_type, BEBA_MP_STATE_STATS);
    assert_int_equal(m.request.state.table, 3);
    assert_true(m.request.state.by_state);
    assert_int_equal(m.request.state.state, 4);
    assert_int_equal(m.request.state.match.n, 1);
}

static void notification(void **state)
{
    struct beba_of_msg m = decode("04040038 01020304 " X " 00000003 00000000 0000000e "
                                  "0001 0018 80000004 00000001 ffff0208 " X " 00000000 "
                                  "00000001 00000004",
                                  BEBA_DIALECT_ADVANCED);

    assert_int_equal(m.notification.kind, OFPT_FLOW_MOD);
    assert_int_equal(m.notification.match.n, 2);
    assert_int_equal(m.notification.n, 1);
    assert_int_equal(m.notification.instruction[0], OFPIT_APPLY_ACTIONS);
}

/* --- what tells dialects apart ------------------------------------------------------------------
 */

static void detect(void **state)
{
    static const struct dialect_hex cases[] = {
        {"04040026 01020304 " X " 00000000 0200 03010000 01000000 00000002 80001604 80001804",
         BEBA_DIALECT_ADVANCED}, /* biflow */
        {"0404001e 01020304 " X " 00000000 0100 03000000 00000001 80000606",
         BEBA_DIALECT_OPENSTATE},
        {"04120020 01020304 ffff0000 00000000 " X " 00000003 00000000 00000001",
         BEBA_DIALECT_ADVANCED},
        {"04120028 01020304 ffff0000 00000000 " X " 00000003 03000000 00000000 0001000400000000",
         BEBA_DIALECT_MASTER},
        {"04120028 01020304 ffff0000 00000000 " X " 00000004 03000000 00000000 0001000400000000",
         BEBA_DIALECT_MASTER},
        {"0404001a 01020304 " X " 00000000 0800 01050290 02030000", BEBA_DIALECT_ADVANCED},
        {"04040014 01020304 " X " 00000000 0000 0301", BEBA_DIALECT_ADVANCED}, /* ambiguous */
        {"040d0048 01020304 ffffffff fffffffd 0030 000000000000 ffff0030 " SET_STATE_BODY,
         BEBA_DIALECT_MASTER},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct beba_of_codec codec = {.detect = true};
        struct beba_of_msg m;
        size_t n = hex_read(cases[i].hex, bytes, sizeof(bytes));

        assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, NULL), 0);
        assert_int_equal(codec.dialect, cases[i].dialect);
        assert_true(codec.seen_beba);
    }
}

/* A setting is not led astray: what it has not is unknown. */
static void setting(void **state)
{
    struct beba_of_codec codec = {.dialect = BEBA_DIALECT_MASTER};
    struct beba_of_error err;
    struct beba_of_msg m;
    size_t n =
        hex_read("0404001a 01020304 " X " 00000000 0800 01050290 02030000", bytes, sizeof(bytes));

    assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, &err), -EINVAL);
    assert_int_equal(err.type, OFPET_EXPERIMENTER);
    assert_int_equal(err.code, BEBA_ERR_STATE_MOD_BAD_COMMAND);
    assert_int_equal(codec.dialect, BEBA_DIALECT_MASTER);
}

/* Forms that their lengths tell apart are taken in any setting. */
static void any_setting(void **state)
{
    struct beba_of_codec codec = {.dialect = BEBA_DIALECT_ADVANCED};
    struct beba_of_msg m;
    size_t n = hex_read("040d0048 01020304 ffffffff fffffffd 0030 000000000000 "
                        "ffff0030 " SET_STATE_BODY,
                        bytes, sizeof(bytes));

    assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, NULL), 0);
    n = hex_read("0404001e 01020304 " X " 00000000 0100 03000000 00000001 80000606", bytes,
                 sizeof(bytes));
    assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, NULL), 0);
    assert_int_equal(m.state_mod.extractor.scope.n, 1);
    assert_int_equal(codec.dialect, BEBA_DIALECT_ADVANCED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(messages, clean),
        cmocka_unit_test_teardown(templates, clean),
        cmocka_unit_test_teardown(set_state, clean),
        cmocka_unit_test_teardown(other_actions, clean),
        cmocka_unit_test_teardown(match, clean),
        cmocka_unit_test_teardown(packet_generation, clean),
        cmocka_unit_test_teardown(statistics, clean),
        cmocka_unit_test_teardown(notification, clean),
        cmocka_unit_test_teardown(detect, clean),
        cmocka_unit_test_teardown(setting, clean),
        cmocka_unit_test_teardown(any_setting, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
