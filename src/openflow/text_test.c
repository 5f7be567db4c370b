/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Text: BEBA's parts and lines of statistics. Flow-mods are read by ovs-ofctl in tests/openflow. */
#include "openflow/text.h"
#include "openflow/codec.h"
#include "openflow/hex_test.h"

static struct beba_strbuf text;
static struct beba_arena arena;

static int clean(void **state)
{
    beba_strbuf_free(&text);
    beba_arena_free(&arena);
    return 0;
}

static void expect(const char *want)
{
    assert_string_equal(beba_strbuf_str(&text), want);
    beba_strbuf_clear(&text);
}

static struct beba_of_oxm tcp[] = {
    {.field = OFPXMT_OFB_ETH_TYPE, .value = {0, 0x0800}},
    {.field = OFPXMT_OFB_IP_PROTO, .value = {0, 6}},
    {.field = OFPXMT_OFB_IPV4_DST,
     .has_mask = true,
     .value = {0, 0x0a000000},
     .mask = {0, 0xff000000}},
    {.field = OFPXMT_OFB_TCP_DST, .value = {0, 22}},
    {.field = BEBA_OF_TCP_FLAGS, .has_mask = true, .value = {0, 2}, .mask = {0, 0x12}},
    {.field = BEBA_OF_STATE, .has_mask = true, .value = {0, 3}, .mask = {0, 0xff}},
};
static const struct beba_of_match match = {sizeof(tcp) / sizeof(tcp[0]), tcp};

static void matches(void **state)
{
    struct beba_of_oxm vlan = {.field = OFPXMT_OFB_VLAN_VID, .value = {0, 0x1005}};
    struct beba_of_match of_vlan = {1, &vlan};

    beba_of_match_print(&text, &match);
    expect("tcp,nw_dst=10.0.0.0/8,tp_dst=22,tcp_flags=+syn-ack,state=3/0xff");
    beba_of_match_print(&text, &of_vlan);
    expect("dl_vlan=5");
    beba_of_match_print(&text, &(struct beba_of_match){0, NULL});
    expect("");
}

static void actions(void **state)
{
    struct beba_of_action list[] = {
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_STATE,
         .set_state = {.state = 7,
                       .mask = 0xffff,
                       .table = 2,
                       .bit = 1,
                       .hard_timeout = 10000000,
                       .hard_rollback = 3,
                       .scope = {.n = 2,
                                 .header = {0x80001604, 0x12345678},
                                 .field = {OFPXMT_OFB_IPV4_SRC, BEBA_OF_N_FIELDS}}}},
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_GLOBAL_STATE,
         .set_global_state = {5, UINT32_MAX}},
        {.type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_INC_STATE, .inc_state = {4}},
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_DATA_VAR,
         .set_data_var = {.table = 1,
                          .opcode = BEBA_ALU_SUM,
                          .out_type = BEBA_OPERAND_GDV,
                          .out = 3,
                          .operand_type = {BEBA_OPERAND_HF, BEBA_OPERAND_CONSTANT},
                          .operand = {1, 200}}},
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_WRITE_CONTEXT,
         .write_context = {BEBA_CONTEXT_FDV, 2, OFPXMT_OFB_MPLS_LABEL, 0x80004404}},
    };
    struct beba_of_actions all = {5, list};

    beba_of_actions_print(&text, &all);
    expect("set_state(state=7/0xffff,table=2,bit=1,hard_timeout=10000000us,hard_rollback=3,"
           "fields=ipv4_src+0x12345678),set_global_state(global_state=5),inc_state(table=4),"
           "set_data_var(gdv3=sum:hf1 200,table=1),write_context:fdv2->mpls_label");
    beba_of_actions_print(&text, &(struct beba_of_actions){0, NULL});
    expect("drop");
}

static void flows(void **state)
{
    struct beba_of_action output = {.type = OFPAT_OUTPUT,
                                    .output = {.port = OFPP_CONTROLLER, .max_len = 128}};
    struct beba_of_instructions instructions = {.present =
                                                    BEBA_OF_PKT_GEN | BEBA_OF_APPLY | BEBA_OF_GOTO,
                                                .table = 2,
                                                .template_id = 9,
                                                .apply = {1, &output},
                                                .generate = {1, &output}};
    struct beba_of_flow_stats flow = {.table = 1,
                                      .priority = 10,
                                      .idle_timeout = 5,
                                      .flags = OFPFF_SEND_FLOW_REM,
                                      .duration = 2003000000,
                                      .cookie = 0xabc,
                                      .packets = 8,
                                      .bytes = 9,
                                      .match = &match,
                                      .instructions = &instructions};

    beba_of_flow_print(&text, &flow);
    expect("cookie=0xabc, duration=2.003s, table=1, n_packets=8, n_bytes=9, idle_timeout=5, "
           "send_flow_rem priority=10,tcp,nw_dst=10.0.0.0/8,tp_dst=22,tcp_flags=+syn-ack,"
           "state=3/0xff actions=pkt_gen(template=9,actions=CONTROLLER:128),CONTROLLER:128,"
           "goto_table:2");
    flow = (struct beba_of_flow_stats){.priority = 0x8000,
                                       .match = &(struct beba_of_match){0, NULL},
                                       .instructions = &(struct beba_of_instructions){0}};
    beba_of_flow_print(&text, &flow);
    expect("cookie=0x0, duration=0.000s, table=0, n_packets=0, n_bytes=0, actions=drop");
}

static void groups_and_meters(void **state)
{
    struct beba_of_action output = {.type = OFPAT_OUTPUT, .output = {.port = 1}};
    struct beba_of_bucket bucket = {
        .weight = 5, .watch_port = 3, .watch_group = OFPG_ANY, .actions = {1, &output}};
    struct beba_of_band bands[] = {
        {.type = OFPMBT_DROP, .rate = 1000, .burst = 10},
        {.type = OFPMBT_DSCP_REMARK, .rate = 2000, .burst = 20, .prec_level = 1}};

    beba_of_group_print(&text, &(struct beba_of_group_desc){OFPGT_SELECT, 7, 1, &bucket});
    expect("group_id=7,type=select,bucket=weight:5,watch_port:3,actions=output:1");
    beba_of_meter_print(&text,
                        &(struct beba_of_meter_config){OFPMF_KBPS | OFPMF_BURST, 1, 2, bands});
    expect("meter=1 kbps burst bands=type=drop rate=1000 burst_size=10 type=dscp_remark rate=2000 "
           "burst_size=20 prec_level=1");
}

static void state_mods(void **state)
{
    static const struct {
        const char *hex, *text;
    } cases[] = {
        {"0000 0301", "stateful_table table=3,stateful=1"},
        {"0200 03010000 01000000 00000002 80001604 80001804",
         "set_update_extractor table=3,fields=ipv4_src+ipv4_dst,biflow=1,bit=1"},
        {"0300 03000000 00000006 00000058 000000ff 00000008 00000006 006acfc0 004c4b40 "
         "000000000002",
         "set_flow_state table=3,state=88/0xff,hard_timeout=7000000us,hard_rollback=8,"
         "idle_timeout=5000000us,idle_rollback=6,key=000000000002"},
        {"0400 03000000 00000006 000000000002", "del_flow_state table=3,key=000000000002"},
        {"0500 00000005 0000000f", "set_global_state global_state=5/0xf"},
        {"0600", "reset_global_state global_state=0"},
        {"0700 01020000 ffff1408", "set_header_field_extractor table=1,hf2=timestamp"},
        {"0800 01050290 02030000", "set_condition table=1,condition5=hf2>=gdv3"},
        {"0900 01030000 00000dac ffffffff", "set_global_data_var table=1,gdv3=3500"},
        {"0a00 01020000 00000006 0000004d ffffffff 000000000002",
         "set_flow_data_var table=1,fdv2=77,key=000000000002"},
    };
    struct beba_of_codec codec = {0};
    struct beba_of_msg m;
    uint8_t bytes[128] = {4, 4, 0, 0, 0, 0, 0, 0, 0xbe, 0xba, 0xbe, 0xba};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = 16 + hex_read(cases[i].hex, bytes + 16, sizeof(bytes) - 16);

        bytes[3] = (uint8_t)n;
        assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, NULL), 0);
        beba_of_state_mod_print(&text, &m.state_mod);
        expect(cases[i].text);
    }
}

static void ports(void **state)
{
    beba_of_port_print(&text, 5);
    beba_strbuf_putc(&text, ' ');
    beba_of_port_print(&text, OFPP_IN_PORT);
    beba_strbuf_putc(&text, ' ');
    beba_of_port_print(&text, OFPP_LOCAL);
    beba_strbuf_putc(&text, ' ');
    beba_of_port_print(&text, OFPP_ANY);
    expect("5 IN_PORT LOCAL ANY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(matches, clean),
        cmocka_unit_test_teardown(actions, clean),
        cmocka_unit_test_teardown(flows, clean),
        cmocka_unit_test_teardown(groups_and_meters, clean),
        cmocka_unit_test_teardown(state_mods, clean),
        cmocka_unit_test_teardown(ports, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
