/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The designs of the BEBA controllers' applications, run packet by packet. */
#include "datapath/state_fixture_test.h"

#define ETH_OF_IP   IS(OFPXMT_OFB_ETH_TYPE, 0x0800)
#define UDP_TO(p)   ETH_OF_IP, IS(OFPXMT_OFB_IP_PROTO, 17), IS(OFPXMT_OFB_UDP_DST, (p))
#define TCP_FLAG(v) ETH_OF_IP, IS(OFPXMT_OFB_IP_PROTO, 6), IS(BEBA_OF_TCP_FLAGS, (v))

/* L eth_dst, U eth_src; the state is the port. */
static void mac_learning(void **state)
{
    const uint64_t h1 = 1, h2 = 2, h3 = 3;
    struct fixture *f = *state;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_ETH_DST), SCOPE(OFPXMT_OFB_ETH_SRC));
    for (uint32_t in = 1; in <= 4; in++)
        for (uint32_t s = 0; s <= 4; s++)
            FLOW(f, .match = {IS(OFPXMT_OFB_IN_PORT, in), IS(BEBA_OF_STATE, s)},
                 .apply = {TO_STATE(0, in, .hard_timeout = 10000000), OUT(s ? s : OFPP_FLOOD)});
    assert_int_equal(ether(f, 1, h1, h2), PORTS - 1); /* floods */
    assert_int_equal(ether(f, 2, h2, h1), 1);
    assert_int_equal(f->out[f->n_out - 1], 1);
    assert_int_equal(ether(f, 1, h1, h2), 1);
    assert_int_equal(f->out[f->n_out - 1], 2);
    assert_int_equal(ether(f, 1, h1, h3), PORTS - 1);
    f->now += 9 * SECOND;
    assert_int_equal(ether(f, 2, h2, h1), 1); /* h2 is learnt anew, h1 ages */
    f->now += SECOND + 1;
    assert_int_equal(ether(f, 3, h3, h1), PORTS - 1);
    assert_int_equal(ether(f, 3, h3, h2), 1);
    assert_int_equal(f->out[f->n_out - 1], 2);
}

/* UDP 10, 11, 12, 13 opens 22 for 10 seconds; a wrong knock starts anew. */
static void port_knocking(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_IPV4_SRC), SCOPE(OFPXMT_OFB_IPV4_SRC));
    for (uint32_t i = 0; i < 3; i++)
        FLOW(f, .priority = 10, .match = {IS(BEBA_OF_STATE, i), UDP_TO(10 + i)},
             .apply = {TO_STATE(0, i + 1, .idle_timeout = 5000000)});
    FLOW(f, .priority = 10, .match = {IS(BEBA_OF_STATE, 3), UDP_TO(13)},
         .apply = {TO_STATE(0, 4, .hard_timeout = 10000000)});
    FLOW(f, .priority = 10, .match = {IS(BEBA_OF_STATE, 4), UDP_TO(22)}, .apply = {OUT(2)});
    FLOW(f, .priority = 10, .match = {UDP_TO(1300)}, .apply = {OUT(2)});
    FLOW(f, .priority = 0, .match = {ETH_OF_IP}, .apply = {TO_STATE(0, 0)});
#define KNOCK(port) udp(f, 1, (struct flow){7, 8, 9, (port)})
    assert_int_equal(KNOCK(22), 0);
    for (uint16_t p = 10; p <= 13; p++)
        assert_int_equal(KNOCK(p), 0);
    assert_int_equal(KNOCK(22), 1);
    assert_int_equal(udp(f, 1, (struct flow){6, 8, 9, 22}), 0); /* somebody else */
    f->now += 10 * SECOND;
    assert_int_equal(KNOCK(22), 1);
    f->now += 1;
    assert_int_equal(KNOCK(22), 0);

    KNOCK(10), KNOCK(11), KNOCK(10), KNOCK(12), KNOCK(13);
    assert_int_equal(KNOCK(22), 0);
    KNOCK(10), KNOCK(11);
    assert_int_equal(KNOCK(1300), 1); /* passes without a knock */
    f->now += 5 * SECOND + 1;         /* too slow */
    KNOCK(12), KNOCK(13);
    assert_int_equal(KNOCK(22), 0);
    KNOCK(10), KNOCK(11), KNOCK(12), KNOCK(13);
    assert_int_equal(KNOCK(22), 1);
}

/* The handshake in both directions: L = U = 4-tuple, U1 = its reverse. */
static void tcp_handshakes(void **state)
{
    const struct flow there = {0x0a000001, 0x0a000002, 4000, 80};
    const struct flow back = {0x0a000002, 0x0a000001, 80, 4000};
    struct fixture *f = *state;
    struct seen s;

    make_stateful(
        f, 0,
        SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_TCP_SRC, OFPXMT_OFB_TCP_DST),
        SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_TCP_SRC, OFPXMT_OFB_TCP_DST));
    assert_int_equal(set_scope(f, 0, REVERSE,
                               SCOPE(OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_TCP_DST,
                                     OFPXMT_OFB_TCP_SRC)),
                     0);
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, 0), TCP_FLAG(0x02)},
         .apply = {TO_STATE(0, 1, .idle_timeout = 10000000),
                   TO_STATE(0, 2, .bit = 1, .idle_timeout = 10000000), OUT(2)});
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, 2), TCP_FLAG(0x12)},
         .apply = {TO_STATE(0, 3), TO_STATE(0, 3, .bit = 1), OUT(1)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 3)}, .apply = {OUT(3)});
    assert_int_equal(tcp(f, 1, there, 0x10), 0); /* in the middle of nothing */
    assert_int_equal(tcp(f, 2, back, 0x12), 0);
    assert_int_equal(tcp(f, 1, there, 0x02), 1);
    assert_int_equal(tcp(f, 2, back, 0x12), 1);
    assert_int_equal(tcp(f, 1, there, 0x10), 1);
    assert_int_equal(tcp(f, 2, back, 0x18), 1);
    s = stored(f, 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.entry[0].state, 3);
    assert_int_equal(s.entry[1].state, 3);
}

/* A new connection gets a server at random and keeps it. */
static void sticky_load_balancing(void **state)
{
    struct fixture *f = *state;
    struct beba_of_action bucket[3][4];
    struct beba_of_bucket buckets[3];
    struct beba_of_group_mod group = {
        .command = OFPGC_ADD, .type = OFPGT_SELECT, .group = 1, .n_buckets = 3, .bucket = buckets};
    struct beba_of_error err;
    unsigned seen = 0;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_TCP_SRC),
                  SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_TCP_SRC));
    for (uint32_t i = 0; i < 3; i++) {
        const struct beba_of_action server[] = {TO_STATE(0, i + 2),
                                                {.type = OFPAT_SET_FIELD,
                                                 .set_field = {.field = OFPXMT_OFB_IPV4_DST,
                                                               .value = {0, 0x0a000000 + i + 2},
                                                               .mask = {0, 0xffffffff}}},
                                                OUT(i + 2)};

        memcpy(bucket[i], server, sizeof(server));
        buckets[i] = (struct beba_of_bucket){.weight = 100,
                                             .watch_port = OFPP_ANY,
                                             .watch_group = OFPG_ANY,
                                             .actions = {3, bucket[i]}};
        FLOW(f, .match = {ETH_OF_IP, IS(OFPXMT_OFB_IP_PROTO, 6), IS(BEBA_OF_STATE, i + 2)},
             .apply = {server[1], server[2]});
    }
    assert_int_equal(beba_datapath_group_mod(f->dp, &group, f->now, &err), 0);
    FLOW(f, .match = {ETH_OF_IP, IS(OFPXMT_OFB_IP_PROTO, 6), IS(BEBA_OF_STATE, 0)},
         .apply = {{.type = OFPAT_GROUP, .group = 1}});
    for (uint16_t c = 0; c < 40; c++) {
        const struct flow p = {0x0b000001, 0x0a0000ff, (uint16_t)(1000 + c), 80};
        uint32_t port;

        assert_int_equal(tcp(f, 1, p, 2), 1);
        port = f->out[f->n_out - 1];
        seen |= 1u << port;
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(tcp(f, 1, p, 0x10), 1);
            assert_int_equal(f->out[f->n_out - 1], port);
            assert_int_equal(sent(f, BEBA_F_IP4_DST), 0x0a000000 + port);
        }
    }
    assert_int_equal(seen, 7 << 2);
}

/* 1 token a second, a bucket of 20 (times are those of tokens; FDV0 = when the bucket was empty,
 * FDV2 = when it will be full). */
static void token_bucket(void **state)
{
    struct fixture *f = *state;
    unsigned passed = 0, late = 0;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_IPV4_SRC), SCOPE(OFPXMT_OFB_IPV4_SRC));
    assert_int_equal(set_header_field(f, 0, 0, BEBA_OF_TIMESTAMP), 0);
    assert_int_equal(set_condition(f, 0, 0, BEBA_COND_GTE, HF, 0, FDV, 0), 0); /* has a token */
    assert_int_equal(set_condition(f, 0, 1, BEBA_COND_LTE, HF, 0, FDV, 2), 0); /* is not full */
    assert_int_equal(set_global_var(f, 0, 0, 19000), 0); /* (bucket - 1) in ms */
    assert_int_equal(set_global_var(f, 0, 1, 1000), 0);  /* a token in ms */
    FLOW(f, .priority = 2, .match = {IS(BEBA_OF_STATE, 0)},
         .apply = {ALU(0, BEBA_ALU_SUB, FDV, 0, HF, 0, GDV, 0),
                   ALU(0, BEBA_ALU_SUM, FDV, 2, HF, 0, GDV, 1), TO_STATE(0, 1), OUT(2)});
    FLOW(f, .priority = 1,
         .match = {IS(BEBA_OF_STATE, 1), IS(BEBA_OF_CONDITION0, 1), IS(BEBA_OF_CONDITION0 + 1, 1)},
         .apply = {ALU(0, BEBA_ALU_SUM, FDV, 0, FDV, 0, GDV, 1),
                   ALU(0, BEBA_ALU_SUM, FDV, 2, FDV, 2, GDV, 1), OUT(2)});
    FLOW(f, .priority = 1,
         .match = {IS(BEBA_OF_STATE, 1), IS(BEBA_OF_CONDITION0, 1), IS(BEBA_OF_CONDITION0 + 1, 0)},
         .apply = {ALU(0, BEBA_ALU_SUB, FDV, 0, HF, 0, GDV, 0),
                   ALU(0, BEBA_ALU_SUM, FDV, 2, HF, 0, GDV, 1), OUT(2)});
    FLOW(f, .priority = 1, .match = {IS(BEBA_OF_STATE, 1), IS(BEBA_OF_CONDITION0, 0)});
    for (unsigned i = 0; i < 100; i++) { /* 10 a second, for 10 seconds */
        unsigned n = udp(f, 1, (struct flow){7, 8, 9, 10});

        passed += n;
        if (i < 20)
            assert_int_equal(n, 1);
        f->now += 100 * MILLI;
    }
    assert_in_range(passed, 28, 31); /* 20, and one a second */
    f->now += 60 * SECOND;
    for (unsigned i = 0; i < 100; i++)
        late += udp(f, 1, (struct flow){7, 8, 9, 10});
    assert_in_range(late, 19, 21); /* the bucket is full again, not fuller */
}

static void quota_by_condition_on_a_counter(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_ETH_DST), SCOPE(OFPXMT_OFB_ETH_DST));
    assert_int_equal(set_global_var(f, 0, 0, 4), 0);
    assert_int_equal(set_condition(f, 0, 5, BEBA_COND_GTE, FDV, 0, GDV, 0), 0);
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0 + 5, 0)},
         .apply = {ALU(0, BEBA_ALU_SUM, FDV, 0, FDV, 0, NUM, 1), OUT(2)});
    FLOW(f, .match = {IS(BEBA_OF_CONDITION0 + 5, 1)});
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(ether(f, 1, 1, 5), i < 4);
    assert_int_equal(ether(f, 1, 1, 6), 1);
}

static void window_by_condition_on_time(void **state)
{
    struct fixture *f = *state;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_ETH_DST), SCOPE(OFPXMT_OFB_ETH_DST));
    assert_int_equal(set_header_field(f, 0, 0, BEBA_OF_TIMESTAMP), 0);
    assert_int_equal(set_global_var(f, 0, 0, 3500), 0);
    assert_int_equal(set_condition(f, 0, 3, BEBA_COND_LT, HF, 0, FDV, 0), 0);
    FLOW(f, .match = {IS(BEBA_OF_STATE, 0)},
         .apply = {ALU(0, BEBA_ALU_SUM, FDV, 0, HF, 0, GDV, 0), TO_STATE(0, 1), OUT(2)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 1), IS(BEBA_OF_CONDITION0 + 3, 1)}, .apply = {OUT(2)});
    FLOW(f, .match = {IS(BEBA_OF_STATE, 1), IS(BEBA_OF_CONDITION0 + 3, 0)},
         .apply = {TO_STATE(0, 2)});
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(ether(f, 1, 1, 5), i < 35);
        f->now += 100 * MILLI;
    }
}

/* Table 0 pushes a label, table 1 writes a constant label and a counter as its traffic class. */
static void variables_written_into_mpls(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set_stateful(f, 1, true), 0);
    make_stateful(f, 1, SCOPE(OFPXMT_OFB_ETH_DST), SCOPE(OFPXMT_OFB_ETH_DST));
    assert_int_equal(set_global_var(f, 1, 2, 678), 0);
    FLOW(f, .match = {ETH_OF_IP}, .apply = {{.type = OFPAT_PUSH_MPLS, .ethertype = 0x8847}},
         .next = 1);
    FLOW(f, .table = 1,
         .apply = {CONTEXT(BEBA_CONTEXT_GDV, 2, OFPXMT_OFB_MPLS_LABEL),
                   CONTEXT(BEBA_CONTEXT_GDV, 3, OFPXMT_OFB_MPLS_TC),
                   ALU(1, BEBA_ALU_SUM, GDV, 3, GDV, 3, NUM, 1),
                   ALU(1, BEBA_ALU_SUM, FDV, 2, FDV, 2, NUM, 3), OUT(2)});
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(udp(f, 1, (struct flow){1, 2, 3, 4}), 1);
        assert_int_equal(sent(f, BEBA_F_MPLS_LABEL), 678);
        assert_int_equal(sent(f, BEBA_F_MPLS_TC), i % 8);
    }
    assert_int_equal(stored(f, 1).entry[0].regs.var[2], 30);
}

/* The address before and after translation lie in the entry; what comes back finds it by metadata.
 */
static void dynamic_nat(void **state)
{
    const struct flow out = {0x0a000003, 0x08080808, 5555, 53};
    struct fixture *f = *state;
    uint64_t metadata = 0x0807060504030201ull;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_UDP_SRC),
                  SCOPE(OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_UDP_SRC));
    assert_int_equal(set_stateful(f, 1, true), 0);
    make_stateful(f, 1, SCOPE(OFPXMT_OFB_METADATA), SCOPE(OFPXMT_OFB_METADATA));
    assert_int_equal(set_flow_state(f, 1, metadata, 8, 2001), 0); /* a little-endian key */
    assert_int_equal(set_header_field(f, 1, 0, BEBA_OF_STATE), 0);
    assert_int_equal(set_global_var(f, 1, 0, 0x01000001), 0); /* 1.0.0.1 */
    FLOW(f, .match = {ETH_OF_IP}, .next = 1);
    FLOW(f, .table = 1, .match = {IS(BEBA_OF_STATE, 2001), ETH_OF_IP},
         .apply = {ALU(1, BEBA_ALU_SUM, GDV, 1, HF, 0, NUM, 0),
                   CONTEXT(BEBA_CONTEXT_GDV, 0, OFPXMT_OFB_IPV4_SRC),
                   CONTEXT(BEBA_CONTEXT_STATE, 0, OFPXMT_OFB_UDP_SRC), OUT(2)});
    {
        struct beba_assign a[4];
        struct beba_packet *packet;
        struct frame frame;

        fill_udp(a, out);
        build(f, &frame, 1, 100, a, 4);
        frame.packet.metadata = metadata;
        packet = &frame.packet;
        beba_datapath_run(f->worker, &packet, 1);
    }
    assert_int_equal(f->n_out, 1);
    assert_int_equal(sent(f, BEBA_F_IP4_SRC), 0x01000001);
    assert_int_equal(sent(f, BEBA_F_UDP_SRC), 2001);
    assert_int_equal(udp(f, 1, out), 0); /* metadata 0: another key */
}

/* A template is sent when a state is reached. */
static void packets_generated_by_state(void **state)
{
    static const uint8_t probe[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 'h', 'i'};
    struct fixture *f = *state;
    struct beba_of_template_mod mod = {BEBA_PKTTMP_ADD, 9, probe, sizeof(probe)};
    struct beba_of_action to_4 = OUT(4), to_2[] = {INC(0), OUT(2)};
    struct beba_of_flow_mod flow_mod = {
        .command = OFPFC_ADD,
        .buffer = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .instructions = {.present = BEBA_OF_PKT_GEN | BEBA_OF_APPLY,
                         .template_id = 9,
                         .generate = {1, &to_4},
                         .apply = {2, to_2}},
    };
    struct beba_of_oxm third = {.field = BEBA_OF_STATE, .value = {0, 2}, .mask = {0, 0xffffffff}};
    struct beba_of_error err;

    make_stateful(f, 0, SCOPE(OFPXMT_OFB_ETH_SRC), SCOPE(OFPXMT_OFB_ETH_SRC));
    assert_int_equal(beba_datapath_template_mod(f->dp, &mod, &err), 0);
    FLOW(f, .apply = {INC(0), OUT(2)});
    flow_mod.priority = 1;
    flow_mod.match = (struct beba_of_match){1, &third};
    assert_int_equal(beba_datapath_flow_mod(f->dp, &flow_mod, f->now, &err), 0);
    assert_int_equal(ether(f, 4, 1, 5), 1);
    assert_int_equal(ether(f, 4, 1, 5), 1);
    assert_int_equal(ether(f, 4, 1, 5), 2); /* also to where it came from */
    assert_int_equal(f->out[2], 4);
    assert_int_equal(f->out[3], 2);
    assert_int_equal(ether(f, 4, 1, 5), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(mac_learning),
        TEST(port_knocking),
        TEST(tcp_handshakes),
        TEST(sticky_load_balancing),
        TEST(token_bucket),
        TEST(quota_by_condition_on_a_counter),
        TEST(window_by_condition_on_time),
        TEST(variables_written_into_mpls),
        TEST(dynamic_nat),
        TEST(packets_generated_by_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
