/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Makes one message of each kind that a switch sends, and prints a line for each: its name and its
 * bytes in hex. No two numbers of a message are the same; test_osken.py knows which they are. */
#include "openflow/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

enum { XID = 0x01020304 };
static const uint64_t seconds = 1000000000u;
static struct beba_of_codec codec;
static uint8_t out[BEBA_OF_MAX_MESSAGE];

static void print(const char *name, const uint8_t *bytes, size_t len)
{
    printf("%s ", name);
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

static void emit(const char *name, struct beba_of_msg m)
{
    int n;

    m.xid = XID;
    n = beba_of_encode(&m, &codec, out, sizeof(out));
    if (n < 0) {
        fprintf(stderr, "make: %s: %s\n", name, strerror(-n));
        exit(1);
    }
    print(name, out, (size_t)n);
}

/* --- parts
 * ---------------------------------------------------------------------------------------- */

static struct beba_of_oxm oxm[] = {
    {.field = OFPXMT_OFB_IN_PORT, .value = {0, 7}},
    {.field = OFPXMT_OFB_ETH_DST,
     .has_mask = true,
     .value = {0, 0x021100000000},
     .mask = {0, 0xffff00000000}},
    {.field = OFPXMT_OFB_ETH_TYPE, .value = {0, 0x86dd}},
    {.field = OFPXMT_OFB_VLAN_VID, .value = {0, 0x1005}},
    {.field = OFPXMT_OFB_IP_PROTO, .value = {0, 6}},
    {.field = OFPXMT_OFB_IPV6_SRC, .value = {0x20010db800000000, 9}},
    {.field = OFPXMT_OFB_TCP_DST, .value = {0, 443}},
};
static struct beba_of_match match = {COUNT(oxm), oxm};

static struct beba_of_action applied[] = {
    {.type = OFPAT_PUSH_VLAN, .ethertype = 0x88a8},
    {.type = OFPAT_SET_FIELD, .set_field = {.field = OFPXMT_OFB_VLAN_VID, .value = {0, 0x1009}}},
    {.type = OFPAT_SET_QUEUE, .queue = 12},
    {.type = OFPAT_OUTPUT, .output = {.port = 13, .max_len = 14}},
    {.type = OFPAT_SET_NW_TTL, .ttl = 15},
    {.type = OFPAT_GROUP, .group = 16},
};
static struct beba_of_action written[] = {{.type = OFPAT_OUTPUT, .output = {.port = 17}}};
static struct beba_of_instructions instructions = {
    .present = BEBA_OF_METER | BEBA_OF_APPLY | BEBA_OF_CLEAR | BEBA_OF_WRITE | BEBA_OF_METADATA |
               BEBA_OF_GOTO,
    .table = 18,
    .meter = 19,
    .metadata = 20,
    .metadata_mask = 21,
    .apply = {COUNT(applied), applied},
    .write = {COUNT(written), written},
};

static struct beba_of_bucket buckets[] = {
    {.weight = 31, .watch_port = 32, .watch_group = 33, .actions = {COUNT(applied), applied}},
    {.weight = 34, .watch_port = OFPP_ANY, .watch_group = OFPG_ANY},
};
static struct beba_of_band bands[] = {
    {.type = OFPMBT_DROP, .rate = 41, .burst = 42},
    {.type = OFPMBT_DSCP_REMARK, .rate = 43, .burst = 44, .prec_level = 45},
};
static const struct beba_of_port port = {
    .port = 51,
    .hw_addr = {2, 0x11, 0x22, 0x33, 0x44, 0x55},
    .name = "exactly16letters",
    .config = 52,
    .state = 53,
    .current = 54,
    .advertised = 55,
    .supported = 56,
    .peer = 57,
    .current_speed = 58,
    .max_speed = 59,
};

/* --- messages
 * ------------------------------------------------------------------------------------- */

static void connection(void)
{
    static const uint8_t data[] = "abc";

    emit("hello", (struct beba_of_msg){.type = OFPT_HELLO,
                                       .hello = {.has_bitmap = true, .versions = 1 << 4}});
    emit("error", (struct beba_of_msg){.type = OFPT_ERROR,
                                       .error = {.type = 3, .code = 2, .data = {data, 3}}});
    emit("experimenter_error", (struct beba_of_msg){.type = OFPT_ERROR,
                                                    .error = {.type = OFPET_EXPERIMENTER,
                                                              .code = 4,
                                                              .experimenter = BEBA_EXPERIMENTER,
                                                              .data = {data, 3}}});
    emit("echo_reply", (struct beba_of_msg){.type = OFPT_ECHO_REPLY, .echo = {data, 3}});
    emit("features", (struct beba_of_msg){.type = OFPT_FEATURES_REPLY,
                                          .features = {.datapath_id = 0x1122334455667788,
                                                       .n_buffers = 2,
                                                       .n_tables = 254,
                                                       .auxiliary_id = 3,
                                                       .capabilities = 0x47}});
    emit("get_config", (struct beba_of_msg){.type = OFPT_GET_CONFIG_REPLY,
                                            .config = {.flags = 1, .miss_send_len = 2}});
    emit("barrier", (struct beba_of_msg){.type = OFPT_BARRIER_REPLY});
    emit("role", (struct beba_of_msg){
                     .type = OFPT_ROLE_REPLY,
                     .role = {.role = OFPCR_ROLE_MASTER, .generation = 0x1122334455667788}});
    emit("async",
         (struct beba_of_msg){
             .type = OFPT_GET_ASYNC_REPLY,
             .async = {.packet_in = {1, 2}, .port_status = {3, 4}, .flow_removed = {5, 6}}});
    emit("bundle", (struct beba_of_msg){.type = OFPT_EXPERIMENTER,
                                        .experimenter = ONF_EXPERIMENTER,
                                        .exp_type = ONF_ET_BUNDLE_CONTROL,
                                        .bundle_control = {.bundle = 9,
                                                           .type = ONF_BCT_COMMIT_REPLY,
                                                           .flags = ONF_BF_ORDERED}});
}

static void asynchronous(void)
{
    static const uint8_t frame[] = "a frame, cut";

    emit("packet_in", (struct beba_of_msg){.type = OFPT_PACKET_IN,
                                           .packet_in = {.buffer = 1,
                                                         .total_len = 1500,
                                                         .reason = OFPR_ACTION,
                                                         .table = 2,
                                                         .cookie = 0x1122334455667788,
                                                         .match = match,
                                                         .data = {frame, 12}}});
    emit("flow_removed", (struct beba_of_msg){.type = OFPT_FLOW_REMOVED,
                                              .flow_removed = {.cookie = 1,
                                                               .priority = 2,
                                                               .reason = OFPRR_DELETE,
                                                               .table = 3,
                                                               .duration = 4 * seconds + 5,
                                                               .idle_timeout = 6,
                                                               .hard_timeout = 7,
                                                               .packets = 8,
                                                               .bytes = 9,
                                                               .match = match}});
    emit("port_status",
         (struct beba_of_msg){.type = OFPT_PORT_STATUS,
                              .port_status = {.reason = OFPPR_MODIFY, .port = port}});
}

static void queues(void)
{
    static const struct beba_of_queue_property rates[] = {
        {.type = OFPQT_MIN_RATE, .rate = 100},
        {.type = OFPQT_MAX_RATE, .rate = 900},
    };
    static const struct beba_of_queue list[] = {
        {.queue = 1, .port = 2, .n_properties = 2, .property = rates},
        {.queue = 3, .port = 4},
    };

    emit("queues", (struct beba_of_msg){.type = OFPT_QUEUE_GET_CONFIG_REPLY,
                                        .queue_config = {.port = 5, .n = 2, .queue = list}});
}

/* --- multipart replies, by the writer -----------------------------------------------------------
 */

static int send(void *arg, const uint8_t *bytes, size_t len)
{
    print(arg, bytes, len);
    return 0;
}

static struct beba_of_reply writer;

static void reply(const char *name, uint16_t type, const void *element, unsigned times)
{
    struct beba_of_request request = {.type = type};
    char copy[64];

    snprintf(copy, sizeof(copy), "%s", name);
    beba_of_reply_begin(&writer, &codec, XID, &request, send, copy);
    for (unsigned i = 0; i < times; i++) {
        if (beba_of_reply_add(&writer, element))
            exit(1);
    }
    if (beba_of_reply_end(&writer))
        exit(1);
}

static void flows(void)
{
    static const struct beba_of_desc desc = {.manufacturer = "makers",
                                             .hardware = "ware",
                                             .software = "soft",
                                             .serial = "1234",
                                             .datapath = "path"};
    const struct beba_of_flow_stats flow = {.table = 1,
                                            .duration = 2 * seconds + 3,
                                            .priority = 4,
                                            .idle_timeout = 5,
                                            .hard_timeout = 6,
                                            .flags = OFPFF_SEND_FLOW_REM,
                                            .cookie = 7,
                                            .packets = 8,
                                            .bytes = 9,
                                            .match = &match,
                                            .instructions = &instructions};
    static const struct beba_of_aggregate aggregate = {.packets = 1, .bytes = 2, .flows = 3};
    static const struct beba_of_table_stats table = {
        .table = 1, .active = 2, .lookups = 3, .matched = 4};

    reply("desc", OFPMP_DESC, &desc, 1);
    reply("flow", OFPMP_FLOW, &flow, 2);
    reply("many_flows", OFPMP_FLOW, &flow, 500);
    reply("no_flow", OFPMP_FLOW, NULL, 0);
    reply("aggregate", OFPMP_AGGREGATE, &aggregate, 1);
    reply("table", OFPMP_TABLE, &table, 254);
}

static void ports(void)
{
    static const struct beba_of_port_stats stats = {
        .port = 1,
        .counter = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13},
        .duration = 14ull * 1000000000u + 15,
    };
    static const struct beba_of_queue_stats queue = {.port = 1,
                                                     .queue = 2,
                                                     .tx_bytes = 3,
                                                     .tx_packets = 4,
                                                     .tx_errors = 5,
                                                     .duration = 6ull * 1000000000u + 7};

    reply("port", OFPMP_PORT_STATS, &stats, 2);
    reply("port_desc", OFPMP_PORT_DESC, &port, 2);
    reply("queue", OFPMP_QUEUE, &queue, 2);
}

static void groups_and_meters(void)
{
    static const struct beba_of_counters counters[] = {{61, 62}, {63, 64}};
    const struct beba_of_group_stats group = {.group = 1,
                                              .ref_count = 2,
                                              .packets = 3,
                                              .bytes = 4,
                                              .duration = 5 * seconds + 6,
                                              .n_buckets = 2,
                                              .bucket = counters};
    const struct beba_of_group_desc desc = {
        .type = OFPGT_FF, .group = 1, .n_buckets = COUNT(buckets), .bucket = buckets};
    static const struct beba_of_group_features features = {
        .types = 1, .capabilities = 2, .max_groups = {3, 4, 5, 6}, .actions = {7, 8, 9, 10}};
    const struct beba_of_meter_stats meter = {.meter = 1,
                                              .flow_count = 2,
                                              .packets = 3,
                                              .bytes = 4,
                                              .duration = 5 * seconds + 6,
                                              .n_bands = 2,
                                              .band = counters};
    const struct beba_of_meter_config config = {
        .flags = OFPMF_PKTPS, .meter = 1, .n_bands = COUNT(bands), .band = bands};
    static const struct beba_of_meter_features meters = {
        .max_meter = 1, .band_types = 2, .capabilities = 3, .max_bands = 4, .max_color = 5};

    reply("group", OFPMP_GROUP, &group, 2);
    reply("group_desc", OFPMP_GROUP_DESC, &desc, 2);
    reply("group_features", OFPMP_GROUP_FEATURES, &features, 1);
    reply("meter", OFPMP_METER, &meter, 2);
    reply("meter_config", OFPMP_METER_CONFIG, &config, 2);
    reply("meter_features", OFPMP_METER_FEATURES, &meters, 1);
}

static void tables(void)
{
    static const struct beba_of_id types[] = {{1, 0}, {3, 0}};
    static const struct beba_of_id fields[] = {{0x80000706, 0}, {0x80000004, 0}};
    static const uint8_t next[] = {5, 6, 7};
    static const struct beba_of_table_property properties[] = {
        {.type = OFPTFPT_INSTRUCTIONS, .n = 2, .id = types},
        {.type = OFPTFPT_NEXT_TABLES, .n = 3, .table = next},
        {.type = OFPTFPT_APPLY_ACTIONS_MISS, .n = 2, .id = types},
        {.type = OFPTFPT_MATCH, .n = 2, .id = fields},
    };
    const struct beba_of_table_features features = {.table = 1,
                                                    .name = "first",
                                                    .metadata_match = 2,
                                                    .metadata_write = 3,
                                                    .config = 4,
                                                    .max_entries = 5,
                                                    .n_properties = COUNT(properties),
                                                    .property = properties};

    reply("table_features", OFPMP_TABLE_FEATURES, &features, 2);
}

/* --- messages of a controller, which os-ken makes too --------------------------------------------
 */

static void controller(void)
{
    static const struct beba_of_oxm tcp[] = {
        {.field = OFPXMT_OFB_ETH_TYPE, .value = {0, 0x0800}},
        {.field = OFPXMT_OFB_IP_PROTO, .value = {0, 6}},
        {.field = OFPXMT_OFB_TCP_SRC, .value = {0, 1234}},
    };
    struct beba_of_match of_tcp = {COUNT(tcp), (struct beba_of_oxm *)(uintptr_t)tcp};
    static const uint8_t frame[] = "frame";

    emit("flow_mod",
         (struct beba_of_msg){.type = OFPT_FLOW_MOD,
                              .flow_mod = {.cookie = 0x1111111122222222,
                                           .cookie_mask = 0x3333333344444444,
                                           .table = 5,
                                           .command = OFPFC_MODIFY,
                                           .idle_timeout = 6,
                                           .hard_timeout = 7,
                                           .priority = 8,
                                           .buffer = 9,
                                           .out_port = 10,
                                           .out_group = 11,
                                           .flags = OFPFF_SEND_FLOW_REM | OFPFF_NO_BYT_COUNTS,
                                           .match = of_tcp,
                                           .instructions = instructions}});
    emit("group_mod", (struct beba_of_msg){.type = OFPT_GROUP_MOD,
                                           .group_mod = {.command = OFPGC_MODIFY,
                                                         .type = OFPGT_FF,
                                                         .group = 77,
                                                         .n_buckets = COUNT(buckets),
                                                         .bucket = buckets}});
    emit("meter_mod", (struct beba_of_msg){.type = OFPT_METER_MOD,
                                           .meter_mod = {.command = OFPMC_MODIFY,
                                                         .flags = OFPMF_KBPS | OFPMF_BURST,
                                                         .meter = 44,
                                                         .n_bands = COUNT(bands),
                                                         .band = bands}});
    emit("port_mod", (struct beba_of_msg){.type = OFPT_PORT_MOD,
                                          .port_mod = {.port = 3,
                                                       .hw_addr = {2, 0x11, 0x22, 0x33, 0x44, 0x55},
                                                       .config = 0x21,
                                                       .mask = 0x65,
                                                       .advertise = 0x2040}});
    emit("table_mod",
         (struct beba_of_msg){.type = OFPT_TABLE_MOD, .table_mod = {.table = 4, .config = 3}});
    emit("packet_out", (struct beba_of_msg){.type = OFPT_PACKET_OUT,
                                            .packet_out = {.buffer = 1,
                                                           .in_port = 2,
                                                           .actions = {COUNT(written), written},
                                                           .data = frame,
                                                           .len = 5}});
    emit("flow_request", (struct beba_of_msg){.type = OFPT_MULTIPART_REQUEST,
                                              .request = {.type = OFPMP_FLOW,
                                                          .flow = {.table = 3,
                                                                   .out_port = 4,
                                                                   .out_group = 5,
                                                                   .cookie = 6,
                                                                   .cookie_mask = 7,
                                                                   .match = of_tcp}}});
    emit("queue_request",
         (struct beba_of_msg){.type = OFPT_MULTIPART_REQUEST,
                              .request = {.type = OFPMP_QUEUE, .port = {.port = 3, .queue = 4}}});
    emit("set_config", (struct beba_of_msg){.type = OFPT_SET_CONFIG,
                                            .config = {.flags = 1, .miss_send_len = 256}});
    emit("set_async",
         (struct beba_of_msg){
             .type = OFPT_SET_ASYNC,
             .async = {.packet_in = {1, 2}, .port_status = {3, 4}, .flow_removed = {5, 6}}});
}

int main(void)
{
    controller();
    connection();
    asynchronous();
    queues();
    flows();
    ports();
    groups_and_meters();
    tables();
    return 0;
}
