/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs at tables of the datapath, among tables with entries. */
#include "datapath/datapath.h"

#include "base/error.h"
#include "lang/lang.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include <cmocka.h>

#define SECOND 1000000000ull
enum { PORTS = 4, MOST = 64 };

struct fixture {
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    uint64_t now;
    unsigned n_out, n_in;
    uint32_t out[MOST], queue[MOST];
    uint8_t frame[256];
    uint32_t frame_len;
    uint64_t cookie;
    unsigned n_events;
    char event[256];
};

static void note_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet)
{
    struct fixture *f = arg;

    assert_in_range(f->n_out, 0, MOST - 1);
    f->queue[f->n_out] = queue;
    f->out[f->n_out++] = port;
    f->frame_len = packet->len;
    memcpy(f->frame, packet->data, packet->len);
}

static void note_in(void *arg, const struct beba_datapath_packet_in *in)
{
    struct fixture *f = arg;

    f->n_in++;
    f->cookie = in->cookie;
    assert_int_equal(in->reason, OFPR_ACTION);
}

static void note_event(void *arg, uint64_t time, const char *text)
{
    struct fixture *f = arg;

    assert_true(time == f->now);
    f->n_events++;
    snprintf(f->event, sizeof(f->event), "%s", text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct beba_datapath_sink sink = {.arg = f, .output = note_output, .packet_in = note_in};
    struct beba_error err = {0};

    assert_non_null(f);
    urcu_qsbr_register_thread();
    f->now = 1700000000 * SECOND;
    if (beba_datapath_new(&(struct beba_datapath_opts){.n_workers = 2}, &f->dp, &err))
        fail_msg("%s", err.what);
    f->worker = beba_datapath_worker(f->dp, 0, &sink);
    for (uint32_t i = 1; i <= PORTS; i++)
        assert_int_equal(
            beba_datapath_port_set(f->dp, &(struct beba_datapath_port){.port = i, .up = true}), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    beba_datapath_free(f->dp);
    free(f);
    urcu_qsbr_unregister_thread();
    return 0;
}

static struct beba_program *compile(const char *text)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_program *program;
    struct beba_diags diags = {0};

    if (beba_lang_load_text("test", text, strlen(text), &opts, &program, &diags))
        fail_msg("%s", text);
    beba_diags_free(&diags);
    return program;
}

static int load(struct fixture *f, uint8_t table, const char *text)
{
    struct beba_program *program = compile(text);
    struct beba_error err = {0};
    int rc = beba_datapath_program_load(
        f->dp, &(struct beba_datapath_program_opts){.table = table, .name = "test"}, program, &err);

    if (rc) {
        assert_true(err.what[0] != 0);
        beba_program_free(program);
    }
    return rc;
}

/* An entry without a match: to a port, or to a table. */
static int add(struct fixture *f, uint8_t table, uint32_t port, uint8_t next,
               struct beba_of_error *err)
{
    struct beba_of_action action = {.type = OFPAT_OUTPUT, .output = {.port = port}};
    struct beba_of_flow_mod mod = {.table = table,
                                   .command = OFPFC_ADD,
                                   .buffer = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY,
                                   .instructions = {.present = next ? BEBA_OF_GOTO : BEBA_OF_APPLY,
                                                    .table = next,
                                                    .apply = {1, &action}}};

    return beba_datapath_flow_mod(f->dp, &mod, f->now, err);
}

static unsigned udp(struct fixture *f, uint32_t src, uint16_t dport)
{
    const struct beba_assign a[] = {{BEBA_F_IP4_SRC, {0, src}},
                                    {BEBA_F_IP4_DST, {0, 0x0a000064}},
                                    {BEBA_F_UDP_DST, {0, dport}},
                                    {BEBA_F_UDP_SRC, {0, 999}}};
    const struct beba_build build = {.assign = a, .n_assign = 4, .frame_len = 100};
    struct beba_packet packet = {0}, *list = &packet;
    struct beba_error err = {0};
    unsigned before = f->n_out;
    uint8_t buf[512];

    if (beba_packet_build(&packet, buf, sizeof(buf), 64, &build, &err))
        fail_msg("%s", err.what);
    packet.in_port = packet.in_phy_port = 1;
    packet.now = f->now;
    beba_packet_parse(&packet);
    beba_datapath_run(f->worker, &list, 1);
    urcu_qsbr_quiescent_state();
    return f->n_out - before;
}

static uint64_t dropped(struct fixture *f)
{
    uint64_t drops[BEBA_DP_N_DROPS];

    beba_datapath_drops(f->dp, drops);
    return drops[BEBA_DP_DROP_PROGRAM];
}

static const char knocking[] =
    "machine knock {\n"
    "    key ip.src\n"
    "    without key -> pass\n"
    "    state closed {\n"
    "        on udp.dst == 1111 { goto step1; drop }\n"
    "        else { drop }\n"
    "    }\n"
    "    state step1 idle 1s -> closed {\n"
    "        on udp.dst == 2222 { goto open; notify \"opened\" { src = ip.src }; drop }\n"
    "        else { goto closed; drop }\n"
    "    }\n"
    "    state open idle 60s -> closed {\n"
    "        on udp.dst == 22 && ip4.dst == 10.0.0.100 { pass }\n"
    "        else { drop }\n"
    "    }\n"
    "}\n";

static void programs_run_before_entries(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f, 0, knocking), 0);
    assert_string_equal(beba_datapath_program_name(f->dp, 0), "test");
    assert_null(beba_datapath_program_name(f->dp, 1));
    assert_int_equal(add(f, 1, 2, 0, NULL), 0);
    assert_int_equal(udp(f, 7, 22), 0);
    udp(f, 7, 1111);
    udp(f, 7, 2222);
    assert_int_equal(dropped(f), 3);
    assert_int_equal(udp(f, 7, 22), 1);
    assert_int_equal(f->out[0], 2);
    assert_int_equal(udp(f, 8, 22), 0);
    f->now += 61 * SECOND;
    assert_int_equal(udp(f, 7, 22), 0);
    beba_datapath_expire(f->dp, f->now);
}

/* In the middle of a flow, which goes on in the state that it had. */
static void programs_become_native(void **state)
{
    struct fixture *f = *state;
    struct beba_datapath_native is;
    struct beba_error err = {0};

    assert_int_equal(load(f, 0, knocking), 0);
    assert_int_equal(add(f, 1, 2, 0, NULL), 0);
    udp(f, 7, 1111);
    assert_int_equal(
        beba_datapath_native_start(f->dp, &(struct beba_datapath_native_opts){0}, &err), 0);
    if (beba_datapath_native_wait(f->dp, &err))
        fail_msg("%s", err.what);
    beba_datapath_native(f->dp, &is);
    assert_int_equal(is.n_programs, 1);
    udp(f, 7, 2222);
    assert_int_equal(dropped(f), 2);
    assert_int_equal(udp(f, 7, 22), 1);
    assert_int_equal(f->out[0], 2);
    assert_int_equal(udp(f, 8, 22), 0);
    f->now += 61 * SECOND;
    assert_int_equal(udp(f, 7, 22), 0);
    beba_datapath_expire(f->dp, f->now);
    /* the next one is being compiled when the datapath goes */
    assert_int_equal(load(f, 0, "machine a { always { drop } }\n"), 0);
    beba_datapath_native_step(f->dp);
    assert_int_equal(beba_datapath_program_unload(f->dp, 0), 0);
    beba_datapath_expire(f->dp, f->now);
    beba_datapath_expire(f->dp, f->now);
}

static void programs_run_after_entries_and_after_each_other(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, 0, 0, 5, NULL), 0);
    assert_int_equal(load(f, 5,
                          "machine a { on udp.dst == 1 { drop } on udp.dst == 2 { output(3) } "
                          "else { udp.src = 77; pass } }\n"),
                     0);
    assert_int_equal(load(f, 6,
                          "machine b { on udp.dst == 3 { reply } on udp.dst == 4 { flood } "
                          "on udp.dst == 5 { punt } on udp.src == 77 { output(4) } "
                          "else { drop } }\n"),
                     0);
    assert_int_equal(udp(f, 7, 1), 0);
    assert_int_equal(udp(f, 7, 2), 1);
    assert_int_equal(f->out[0], 3);
    assert_int_equal(udp(f, 7, 3), 1);
    assert_int_equal(f->out[1], 1); /* where it came from */
    assert_int_equal(udp(f, 7, 4), PORTS - 1);
    assert_int_equal(udp(f, 7, 5), 0);
    assert_int_equal(f->n_in, 1);
    assert_int_equal(f->cookie, 2); /* the rule */
    assert_int_equal(udp(f, 7, 6), 1);
    assert_int_equal(f->out[f->n_out - 1], 4);
}

static void entries_see_what_programs_wrote(void **state)
{
    struct fixture *f = *state;
    struct beba_of_oxm port = {
        .field = OFPXMT_OFB_UDP_DST, .value = {0, 4242}, .mask = {0, 0xffff}};
    struct beba_of_action out = {.type = OFPAT_OUTPUT, .output = {.port = 3}};
    struct beba_of_flow_mod mod = {.table = 1,
                                   .command = OFPFC_ADD,
                                   .buffer = OFP_NO_BUFFER,
                                   .match = {1, &port},
                                   .instructions = {.present = BEBA_OF_APPLY, .apply = {1, &out}}};
    struct beba_of_oxm needs[] = {
        {.field = OFPXMT_OFB_ETH_TYPE, .value = {0, 0x800}, .mask = {0, 0xffff}},
        {.field = OFPXMT_OFB_IP_PROTO, .value = {0, 17}, .mask = {0, 0xff}},
        port};

    mod.match = (struct beba_of_match){3, needs};
    assert_int_equal(load(f, 0, "machine a { always { udp.dst = 4242; mirror(2); pass } }\n"), 0);
    assert_int_equal(beba_datapath_flow_mod(f->dp, &mod, f->now, NULL), 0);
    assert_int_equal(udp(f, 7, 1), 2);
    assert_int_equal(f->out[0], 2);
    assert_int_equal(f->out[1], 3);
}

static void events_are_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f, 3, knocking), 0);
    assert_int_equal(add(f, 0, 0, 3, NULL), 0);
    udp(f, 0x0a000007, 1111);
    udp(f, 0x0a000007, 2222);
    beba_datapath_program_events(f->dp, 3, note_event, f);
    assert_int_equal(f->n_events, 1);
    assert_non_null(strstr(f->event, "opened"));
    assert_non_null(strstr(f->event, "10.0.0.7"));
    beba_datapath_program_events(f->dp, 3, note_event, f);
    beba_datapath_program_events(f->dp, 4, note_event, f);
    assert_int_equal(f->n_events, 1);
}

struct shown {
    unsigned n, stop_at;
    struct {
        char name[80];
        uint64_t packets;
        uint16_t priority;
        uint32_t n_match, present, port;
        struct beba_of_oxm oxm[8];
    } rule[16];
};

static bool show(void *arg, const struct beba_datapath_flow *flow)
{
    struct shown *s = arg;

    assert_in_range(s->n, 0, 15);
    snprintf(s->rule[s->n].name, 80, "%s", flow->name ? flow->name : "-");
    s->rule[s->n].packets = flow->packets;
    s->rule[s->n].priority = flow->priority;
    s->rule[s->n].present = flow->instructions->present;
    if (flow->instructions->apply.n)
        s->rule[s->n].port = flow->instructions->apply.action[0].output.port;
    s->rule[s->n].n_match = flow->match->n;
    for (uint32_t i = 0; i < flow->match->n; i++)
        s->rule[s->n].oxm[i] = flow->match->oxm[i];
    s->n++;
    return s->n != s->stop_at;
}

static void rules_are_shown_as_entries(void **state)
{
    struct fixture *f = *state;
    struct beba_datapath_flow_filter all = {
        .table = OFPTT_ALL, .out_port = OFPP_ANY, .out_group = OFPG_ANY};
    struct beba_datapath_flow_filter filter = all;
    struct beba_of_oxm oxm = {.field = OFPXMT_OFB_UDP_DST, .value = {0, 22}, .mask = {0, 0xffff}};
    struct beba_datapath_table_stats stats;
    struct shown s = {0};
    uint64_t cursor = 0;

    assert_int_equal(load(f, 2, knocking), 0);
    assert_int_equal(add(f, 0, 0, 2, NULL), 0);
    assert_int_equal(add(f, 3, 2, 0, NULL), 0);
    udp(f, 7, 1111);
    udp(f, 7, 2222);
    udp(f, 7, 22);
    assert_true(beba_datapath_flows(f->dp, &all, f->now, &cursor, show, &s));
    assert_int_equal(s.n, 8);
    assert_string_equal(s.rule[0].name, "-");
    assert_string_equal(s.rule[1].name, "knock: on udp.dst == 1111");
    assert_int_equal(s.rule[1].packets, 1);
    assert_int_equal(s.rule[1].n_match, 3); /* STATE, IP_PROTO, UDP_DST */
    assert_int_equal(s.rule[1].oxm[0].field, BEBA_OF_STATE);
    assert_int_equal(s.rule[1].oxm[0].value.lo, 0);
    assert_int_equal(s.rule[1].oxm[1].field, OFPXMT_OFB_IP_PROTO);
    assert_int_equal(s.rule[1].oxm[2].value.lo, 1111);
    assert_int_equal(s.rule[1].present, 0); /* drops */
    assert_int_equal(s.rule[5].packets, 1);
    assert_int_equal(s.rule[5].n_match, 5);
    assert_int_equal(s.rule[5].oxm[3].value.lo, 0x0800);
    assert_int_equal(s.rule[5].oxm[4].value.lo, 0x0a000064);
    assert_int_equal(s.rule[5].present, BEBA_OF_GOTO);
    assert_true(s.rule[5].priority < s.rule[1].priority);
    assert_string_equal(s.rule[7].name, "-");
    beba_datapath_table_stats(f->dp, 2, &stats);
    assert_int_equal(stats.active, 6);
    assert_string_equal(stats.name, "test");
    assert_int_equal(stats.lookups, 3);

    filter.match = (struct beba_of_match){1, &oxm};
    filter.table = 2;
    s = (struct shown){0};
    cursor = 0;
    assert_true(beba_datapath_flows(f->dp, &filter, f->now, &cursor, show, &s));
    assert_int_equal(s.n, 1);
    s = (struct shown){.stop_at = 1}; /* one at a time */
    cursor = 0;
    while (!beba_datapath_flows(f->dp, &all, f->now, &cursor, show, &s))
        s.stop_at = s.n + 1;
    assert_int_equal(s.n, 8);
}

static void tables_of_programs_are_read_only(void **state)
{
    struct fixture *f = *state;
    struct beba_of_error err = {0};
    struct beba_of_flow_mod clear = {.table = OFPTT_ALL,
                                     .command = OFPFC_DELETE,
                                     .buffer = OFP_NO_BUFFER,
                                     .out_port = OFPP_ANY,
                                     .out_group = OFPG_ANY};

    assert_int_equal(load(f, 2, knocking), 0);
    assert_int_not_equal(add(f, 2, 1, 0, &err), 0);
    assert_int_equal(err.type, OFPET_FLOW_MOD_FAILED);
    assert_int_equal(err.code, OFPFMFC_EPERM);
    assert_int_not_equal(
        beba_datapath_state_mod(f->dp,
                                &(struct beba_of_state_mod){.command = BEBA_STATEFUL_TABLE_CONFIG,
                                                            .table = 2,
                                                            .stateful = true},
                                f->now, &err),
        0);
    assert_int_equal(beba_datapath_flow_mod(f->dp, &clear, f->now, &err),
                     0); /* what can be deleted */
    assert_non_null(beba_datapath_program_name(f->dp, 2));
}

static void programs_need_a_free_table_and_one_behind(void **state)
{
    struct fixture *f = *state;
    struct beba_error err = {0};

    assert_int_equal(add(f, 3, 1, 0, NULL), 0);
    assert_int_equal(load(f, 3, knocking), -EBUSY);
    assert_int_equal(load(f, BEBA_DP_TABLES - 1, knocking), -EINVAL);
    struct beba_program *program = compile(knocking);
    assert_int_equal(
        beba_datapath_program_load(
            f->dp, &(struct beba_datapath_program_opts){.table = 9, .next = 9}, program, &err),
        -EINVAL);
    beba_program_free(program);
}

static void programs_are_replaced_and_unloaded(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, 1, 3, 0, NULL), 0);
    assert_int_equal(load(f, 0, "machine a { always { drop } }\n"), 0);
    assert_int_equal(udp(f, 7, 1), 0);
    assert_int_equal(load(f, 0, "machine a { always { pass } }\n"), 0);
    assert_int_equal(udp(f, 7, 1), 1);
    assert_int_equal(beba_datapath_program_unload(f->dp, 0), 0);
    assert_int_equal(beba_datapath_program_unload(f->dp, 0), -ENOENT);
    assert_int_equal(udp(f, 7, 1), 0); /* an empty table */
    assert_int_equal(add(f, 0, 0, 1, NULL), 0);
    assert_int_equal(udp(f, 7, 1), 1);
}

enum { ROUNDS = 20000 };

static void ignore_output(void *arg, uint32_t port, uint32_t queue,
                          const struct beba_packet *packet)
{
    (void)port, (void)queue, (void)packet;
    ++*(uint64_t *)arg;
}

struct thread {
    pthread_t id;
    struct beba_datapath_worker *worker;
    uint64_t now;
};

static void *run_many(void *arg)
{
    struct thread *t = arg;
    const struct beba_assign a[] = {{BEBA_F_IP4_SRC, {0, 7}}, {BEBA_F_UDP_DST, {0, 5}}};
    const struct beba_build build = {.assign = a, .n_assign = 2};
    struct beba_packet packet, *list = &packet;
    uint8_t buf[512];

    urcu_qsbr_register_thread();
    for (unsigned i = 0; i < ROUNDS; i++) {
        packet = (struct beba_packet){0};
        if (beba_packet_build(&packet, buf, sizeof(buf), 64, &build, NULL))
            break;
        packet.in_port = 1;
        packet.now = t->now;
        beba_datapath_run(t->worker, &list, 1);
        urcu_qsbr_quiescent_state();
    }
    urcu_qsbr_unregister_thread();
    return NULL;
}

/* Every tenth packet of the flow goes out, whichever worker it comes to. */
static void workers_share_the_flows(void **state)
{
    struct fixture *f = *state;
    uint64_t sent[2] = {0};
    struct thread t[2];

    assert_int_equal(load(f, 0,
                          "machine count { key ip.src\n reg n : u32\n"
                          "  always { n += 1; if n % 10 == 9 { output(2) } drop } }\n"),
                     0);
    for (unsigned i = 0; i < 2; i++) {
        const struct beba_datapath_sink sink = {.arg = &sent[i], .output = ignore_output};

        t[i] = (struct thread){.worker = beba_datapath_worker(f->dp, i, &sink), .now = f->now};
        assert_int_equal(pthread_create(&t[i].id, NULL, run_many, &t[i]), 0);
    }
    urcu_qsbr_thread_offline();
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i].id, NULL);
    urcu_qsbr_thread_online();
    assert_int_equal(sent[0] + sent[1], 2 * ROUNDS / 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(programs_run_before_entries),
        TEST(programs_become_native),
        TEST(programs_run_after_entries_and_after_each_other),
        TEST(entries_see_what_programs_wrote),
        TEST(events_are_told),
        TEST(rules_are_shown_as_entries),
        TEST(tables_of_programs_are_read_only),
        TEST(programs_need_a_free_table_and_one_behind),
        TEST(programs_are_replaced_and_unloaded),
        TEST(workers_share_the_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
