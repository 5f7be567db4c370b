/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* docs/machine.md, case by case.
 *
 * The programs of this directory carry most cases as tests of their own; here is what those cannot
 * say: capacity, counters, events, time that goes backwards, random numbers, sets that change, and
 * that what is explained is what runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/tests.h"
#include "lang/lang.h"

struct world {
    struct beba_program *program;
    struct beba_engine *e;
    uint64_t now;
    struct beba_packet packet;
    struct beba_result result;
    uint8_t buf[4096];
};

static struct beba_program *load(const char *text)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};
    struct beba_lang_opts opts = {.no_warnings = true};

    if (beba_lang_load_text("test.xfsm", text, strlen(text), &opts, &program, &diags)) {
        beba_diags_print(&diags, &program->sources, &out, false);
        fail_msg("%s", beba_strbuf_str(&out));
    }
    beba_diags_free(&diags);
    return program;
}

static void begin(struct world *w, const char *text, struct beba_engine_opts opts)
{
    struct beba_error err = {0};

    memset(w, 0, sizeof(*w));
    w->program = load(text);
    opts.seed = 1;
    opts.fixed_seed = true;
    if (beba_engine_new(w->program->pipeline, &opts, &w->e, &err))
        fail_msg("%s", err.what);
    w->now = 1000000000;
}

static void end(struct world *w)
{
    beba_engine_free(w->e);
    beba_program_free(w->program);
}

static void build(struct world *w, uint64_t src, uint64_t dst, uint64_t sport, uint64_t dport)
{
    struct beba_assign assign[] = {
        {BEBA_F_IP4_SRC, {0, src}},
        {BEBA_F_IP4_DST, {0, dst}},
        {BEBA_F_UDP_SRC, {0, sport}},
        {BEBA_F_UDP_DST, {0, dport}},
    };
    struct beba_build build = {.assign = assign, .n_assign = 4};
    struct beba_error err = {0};

    if (beba_packet_build(&w->packet, w->buf, sizeof(w->buf), 256, &build, &err))
        fail_msg("%s", err.what);
    w->packet.now = w->now;
    w->packet.in_port = 1;
}

static int send_ports(struct world *w, uint64_t src, uint64_t sport, uint64_t dport)
{
    struct beba_packet *one = &w->packet;

    build(w, src, 0x0a0000fe, sport, dport);
    beba_engine_run(w->e, &one, 1, &w->result);
    return w->result.verdict;
}

static int send(struct world *w, uint64_t src, uint64_t dport)
{
    return send_ports(w, src, 1024, dport);
}

static struct beba_table_stats stats(struct world *w)
{
    struct beba_table_stats out;

    assert_int_equal(beba_engine_table(w->e, 0, &out), 0);
    return out;
}

/* The programs here ------------------------------------------------------------------------- */

static void runs_programs(void **state)
{
    static const char *const names[] = {
        "absent", "connection", "keys", "lets", "restart", "timeouts", "values", "verdicts",
    };
    struct beba_test_report report;
    struct beba_error err = {0};
    unsigned failures = 0;

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct beba_program *program = NULL;
        struct beba_diags diags = {0};
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s.xfsm", SEMANTICS, names[i]);
        if (beba_lang_load_file(path, NULL, &program, &diags, &err))
            fail_msg("%s does not load: %s", path, err.what);
        assert_int_equal(beba_tests_run(program, &report, &err), 0);
        for (uint32_t k = 0; k < report.n_failures; k++)
            print_error("%s: %s: %s\n", names[i], program->test[report.failure[k].test].name,
                        report.failure[k].text);
        failures += report.n_failures;
        assert_true(report.n_tests > 0);
        beba_test_report_free(&report, program);
        beba_program_free(program);
        beba_diags_free(&diags);
    }
    assert_int_equal(failures, 0);
}

/* Capacity ----------------------------------------------------------------------------------- */

static const char refuse[] =
    "machine m { key ip.src\n reg n : u32\n"
    " capacity 4 when full refuse -> punt\n"
    " without key -> drop\n"
    " state a { on udp.dst == 1 { count tried; goto b; pass } else { drop } }\n"
    " state b idle 10s -> a { on udp.dst == 2 { n += 1; pass } else { flood } } }\n";

static void refuses_when_full(void **state)
{
    struct world w;

    begin(&w, refuse, (struct beba_engine_opts){0});
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(send(&w, 0x0a000001 + i, 1), BEBA_VERDICT_PASS);
    assert_int_equal(stats(&w).entries, 4);
    assert_int_equal(send(&w, 0x0a000009, 1), BEBA_VERDICT_PUNT);
    assert_int_equal(w.result.reason, BEBA_REASON_FULL);
    assert_int_equal(stats(&w).counters.refusals, 1);
    assert_int_equal(beba_engine_rule(w.e, 0)->packets, 4);
    assert_int_equal(beba_engine_counter(w.e, 0)->packets, 4);
    assert_int_equal(send(&w, 0x0a000009, 9), BEBA_VERDICT_DROP); /* creates nothing: no refusal */
    assert_int_equal(send(&w, 0x0a000001, 2), BEBA_VERDICT_PASS); /* has an entry */
    assert_int_equal(stats(&w).counters.refusals, 1);
    w.now += 10000000000;
    assert_int_equal(send(&w, 0x0a000009, 1), BEBA_VERDICT_PASS); /* the dead made room */
    assert_true(stats(&w).entries <= 4);
    end(&w);
}

static void evicts_when_full(void **state)
{
    struct beba_event event;
    struct world w;

    begin(&w,
          "machine m { key ip.src\n capacity 4 when full evict\n without key -> drop\n"
          " state a { on udp.dst == 1 { goto b; pass } else { drop } }\n"
          " state b { on udp.dst == 2 { goto a; drop } else { flood } } }\n",
          (struct beba_engine_opts){.all_events = true});
    for (unsigned i = 0; i < 4; i++) {
        w.now += 1000;
        assert_int_equal(send(&w, 0x0a000001 + i, 1), BEBA_VERDICT_PASS);
    }
    w.now += 1000;
    assert_int_equal(send(&w, 0x0a000001, 3), BEBA_VERDICT_FLOOD); /* used: no longer the oldest */
    assert_false(beba_engine_event(w.e, &event));
    w.now += 1000;
    assert_int_equal(send(&w, 0x0a000009, 1), BEBA_VERDICT_PASS);
    assert_int_equal(stats(&w).entries, 4);
    assert_int_equal(stats(&w).counters.evictions, 1);
    assert_true(beba_engine_event(w.e, &event));
    assert_int_equal(event.kind, BEBA_EVENT_EVICTED);
    assert_int_equal(event.from, 1);
    assert_int_equal(event.key[15], 2); /* 10.0.0.2 */
    assert_int_equal(send(&w, 0x0a000002, 3), BEBA_VERDICT_DROP);
    assert_int_equal(send(&w, 0x0a000001, 2), BEBA_VERDICT_DROP); /* back to the start: freed */
    assert_int_equal(stats(&w).entries, 3);
    assert_int_equal(stats(&w).counters.frees, 1);
    end(&w);
}

/* A key that was never seen, or whose flow is over, costs nothing. */
static void counts_lookups(void **state)
{
    struct world w;

    begin(&w, refuse, (struct beba_engine_opts){0});
    send(&w, 1, 9);
    assert_int_equal(stats(&w).entries, 0);
    send(&w, 1, 1);
    send(&w, 1, 9);
    w.now += 10000000000;
    send(&w, 1, 9);
    assert_int_equal(stats(&w).counters.lookups, 4);
    assert_int_equal(stats(&w).counters.hits, 2);
    assert_int_equal(stats(&w).counters.creations, 1);
    assert_int_equal(stats(&w).counters.expiries, 1);
    assert_int_equal(stats(&w).counters.frees, 1);
    assert_int_equal(stats(&w).entries, 0);
    build(&w, 1, 2, 3, 4);
    w.packet.len = w.packet.wire_len = 14; /* only Ethernet is left */
    beba_engine_run(w.e, (struct beba_packet *[]){&w.packet}, 1, &w.result);
    assert_int_equal(w.result.verdict, BEBA_VERDICT_DROP);
    assert_int_equal(w.result.reason, BEBA_REASON_NO_KEY);
    assert_int_equal(stats(&w).no_key, 1);
    assert_int_equal(stats(&w).counters.lookups, 4);
    end(&w);
}

static void lets_time_go_backwards(void **state)
{
    struct world w;

    begin(&w, refuse, (struct beba_engine_opts){0});
    w.now = 100000000000;
    assert_int_equal(send(&w, 1, 1), BEBA_VERDICT_PASS);
    w.now = 1;
    assert_int_equal(send(&w, 1, 9), BEBA_VERDICT_FLOOD);
    w.now = 10000000000;
    assert_int_equal(send(&w, 1, 9), BEBA_VERDICT_FLOOD);
    w.now = 20000000000;
    assert_int_equal(send(&w, 1, 9), BEBA_VERDICT_DROP);
    w.now = UINT64_MAX;
    assert_int_equal(send(&w, 1, 1), BEBA_VERDICT_PASS);
    assert_int_equal(send(&w, 1, 9), BEBA_VERDICT_FLOOD); /* its deadline never comes */
    end(&w);
}

/* Events ------------------------------------------------------------------------------------- */

static const char noisy[] =
    "machine m { key ip.src\n without key -> drop\n"
    " state a { on udp.dst == 1 { goto b; goto c; pass }\n"
    "           on udp.dst == 2 { notify \"hello\" { port = udp.src, who = ip4.src }; goto b; pass "
    "}\n"
    "           else { drop } }\n"
    " state b notify idle 1s -> c { on udp.dst == 1 { goto b; pass } else { pass } }\n"
    " state c notify hard 2s -> a { else { pass } } }\n";

static void tells_events(void **state)
{
    struct beba_strbuf text = {0};
    struct beba_event event;
    struct world w;

    begin(&w, noisy, (struct beba_engine_opts){.all_events = true});
    send_ports(&w, 0x0a000001, 77, 2);
    assert_true(beba_engine_event(w.e, &event));
    assert_int_equal(event.kind, BEBA_EVENT_NOTIFY);
    assert_int_equal(event.time, w.now);
    assert_int_equal(event.n_args, 2);
    assert_int_equal(event.arg[0].lo, 77);
    assert_int_equal(event.arg[1].lo, 0x0a000001);
    beba_event_print(&text, w.program->pipeline, &event);
    assert_string_equal(beba_strbuf_str(&text),
                        "1.000000000 m notify \"hello\" port=77, who=10.0.0.1 "
                        "[ip.src=10.0.0.1]");
    assert_true(beba_engine_event(w.e, &event));
    assert_int_equal(event.kind, BEBA_EVENT_ENTERED);
    assert_int_equal(event.from, 0);
    assert_int_equal(event.to, 1);
    assert_false(beba_engine_event(w.e, &event));
    w.now += 3000000000; /* b -> c -> a */
    send(&w, 0x0a000001, 9);
    assert_true(beba_engine_event(w.e, &event));
    assert_int_equal(event.kind, BEBA_EVENT_EXPIRED);
    assert_int_equal(event.time, 2000000000);
    assert_int_equal(event.from, 1);
    assert_int_equal(event.to, 0);
    assert_int_equal(stats(&w).counters.expiries, 1);
    assert_false(beba_engine_event(w.e, &event));
    send(&w, 0x0a000002, 1); /* two gotos, one event: the last counts */
    assert_true(beba_engine_event(w.e, &event));
    assert_int_equal(event.to, 2);
    assert_false(beba_engine_event(w.e, &event));
    beba_strbuf_free(&text);
    end(&w);
}

static void loses_events_when_the_ring_is_full(void **state)
{
    struct beba_event event;
    struct world w;

    begin(&w, noisy, (struct beba_engine_opts){.events = 3});
    for (unsigned i = 0; i < 5; i++)
        send(&w, i, 1);
    assert_int_equal(beba_engine_stats(w.e)->events_lost, 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(beba_engine_event(w.e, &event));
        assert_int_equal(event.key[15], i);
    }
    assert_false(beba_engine_event(w.e, &event));
    end(&w);
}

static void sweeps(void **state)
{
    struct beba_event event;
    struct world w;

    begin(&w, noisy, (struct beba_engine_opts){.all_events = true});
    send(&w, 1, 1);
    send(&w, 2, 1);
    while (beba_engine_event(w.e, &event))
        ;
    assert_int_equal(beba_engine_sweep(w.e, 1 << 20, w.now + 1999999999), 0);
    assert_int_equal(stats(&w).entries, 2);
    assert_int_equal(beba_engine_sweep(w.e, 1 << 20, w.now + 2000000000), 2);
    assert_int_equal(stats(&w).entries, 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(beba_engine_event(w.e, &event));
        assert_int_equal(event.kind, BEBA_EVENT_EXPIRED);
        assert_int_equal(event.time, w.now + 2000000000);
    }
    end(&w);
}

/* Mirrors ------------------------------------------------------------------------------------ */

static void mirrors_copies(void **state)
{
    const struct beba_mirror *m;
    struct beba_packet *two[2];
    struct beba_packet other;
    struct beba_result results[2];
    struct world w, v;
    uint32_t n;

    begin(&w, "machine m { default -> pass\n always { mirror(5); ip.ttl = 1; mirror(6) } }\n",
          (struct beba_engine_opts){.mirror_bytes = 140});
    begin(&v, "machine m { always { pass } }\n", (struct beba_engine_opts){0});
    build(&w, 1, 2, 3, 4);
    build(&v, 1, 2, 3, 4);
    other = v.packet;
    two[0] = &w.packet;
    two[1] = &other;
    beba_engine_run(w.e, two, 2, results);
    m = beba_engine_mirrors(w.e, &n);
    assert_int_equal(n, 3); /* 42 bytes each: the fourth finds no room */
    assert_int_equal(beba_engine_stats(w.e)->mirrors_lost, 1);
    assert_int_equal(results[0].n_mirrors, 2);
    assert_int_equal(results[1].first_mirror, 2);
    assert_int_equal(results[1].n_mirrors, 1);
    assert_int_equal(m[0].port, 5);
    assert_int_equal(m[1].port, 6);
    assert_int_equal(m[0].data[22], 64);
    assert_int_equal(m[1].data[22], 1);
    assert_int_equal(m[1].len, 42);
    beba_engine_run(w.e, two, 0, results);
    beba_engine_mirrors(w.e, &n);
    assert_int_equal(n, 0);
    end(&v);
    end(&w);
}

static void counts_edits_that_fail(void **state)
{
    struct world w;

    begin(&w,
          "machine m { default -> pass\n always { vlan.pop; mpls.pop; vlan.push 3; vlan.pop } }\n",
          (struct beba_engine_opts){0});
    send(&w, 1, 2);
    assert_int_equal(beba_engine_stats(w.e)->edit_failed, 2);
    build(&w, 1, 2, 3, 4);
    w.packet.headroom = w.packet.tailroom = 0;
    beba_engine_run(w.e, (struct beba_packet *[]){&w.packet}, 1, &w.result);
    assert_int_equal(beba_engine_stats(w.e)->edit_failed, 6);
    assert_int_equal(w.result.verdict, BEBA_VERDICT_PASS);
    assert_int_equal(w.packet.len, 42);
    end(&w);
}

/* Random numbers, sets, flows ---------------------------------------------------------------- */

static void draws_the_documented_numbers(void **state)
{
    static const uint64_t wanted[] = {56, 59, 12, 70};
    struct beba_u128 v;
    struct world w;

    begin(&w,
          "global a : u32\nglobal b : u32\nglobal c : u32\n"
          "machine m { default -> pass\n always { a = random(100); b = random(100);"
          " c = random(udp.src - udp.src) } }\n",
          (struct beba_engine_opts){0});
    for (unsigned i = 0; i < 2; i++) {
        send(&w, 1, 2);
        assert_int_equal(beba_engine_global(w.e, 0, &v), wanted[i * 2]);
        assert_int_equal(v.lo, wanted[i * 2]);
        assert_int_equal(beba_engine_global(w.e, 1, NULL), wanted[i * 2 + 1]);
        assert_int_equal(beba_engine_global(w.e, 2, NULL), 0);
    }
    end(&w);
}

/* Sets of addresses hold either version. */
static struct beba_range mapped(uint64_t lo, uint64_t hi)
{
    return (struct beba_range){{0, lo | 0xffff00000000}, {0, hi | 0xffff00000000}};
}

static void changes_sets(void **state)
{
    struct beba_range net = mapped(0x0a000000, 0x0affffff), host = mapped(0x0a000001, 0x0a000001);
    struct beba_error err = {0};
    struct world w;
    uint32_t n;

    begin(&w, "set s : ip4 = { 192.0.2.1 }\nmachine m { on ip4.src in s { pass } else { drop } }\n",
          (struct beba_engine_opts){0});
    assert_int_equal(send(&w, 0x0a000001, 1), BEBA_VERDICT_DROP);
    assert_int_equal(beba_engine_set_add(w.e, 0, &net, &err), 0);
    assert_int_equal(beba_engine_set_add(w.e, 0, &host, &err), 0);
    assert_int_equal(beba_engine_set_add(w.e, 0, &host, &err), -EEXIST);
    assert_string_equal(err.what, "10.0.0.1 is in the set already");
    beba_engine_set_elements(w.e, 0, &n);
    assert_int_equal(n, 3);
    assert_int_equal(send(&w, 0x0a000001, 1), BEBA_VERDICT_PASS);
    assert_int_equal(send(&w, 0x0affffff, 1), BEBA_VERDICT_PASS);
    assert_int_equal(beba_engine_set_del(w.e, 0, &net, &err), 0);
    assert_int_equal(send(&w, 0x0a000001, 1), BEBA_VERDICT_PASS); /* the host is still there */
    assert_int_equal(send(&w, 0x0a000002, 1), BEBA_VERDICT_DROP);
    assert_int_equal(beba_engine_set_del(w.e, 0, &net, &err), -ENOENT);
    assert_int_equal(beba_engine_set_del(w.e, 7, &net, &err), -ENOENT);
    end(&w);
}

static void shows_flows(void **state)
{
    struct beba_flow flow;
    uint64_t cursor = 0;
    unsigned n = 0;
    struct world w;

    begin(&w, refuse, (struct beba_engine_opts){0});
    send(&w, 0x0a000001, 1);
    w.now += 4000000000;
    send(&w, 0x0a000001, 2);
    send(&w, 0x0a000002, 1);
    assert_true(beba_engine_find_flow(w.e, 0, &w.packet, &flow));
    assert_int_equal(flow.entered, w.now);
    while (beba_engine_next_flow(w.e, 0, w.now, &cursor, &flow)) {
        const struct beba_table *t = &w.program->pipeline->table[0];

        n++;
        assert_int_equal(flow.state, 1);
        assert_int_equal(flow.used, w.now);
        assert_int_equal(flow.deadline, w.now + 10000000000);
        assert_int_equal(beba_flow_reg(t, &flow, 0).lo, flow.key[15] == 1);
    }
    assert_int_equal(n, 2);
    cursor = 0;
    assert_false(beba_engine_next_flow(w.e, 0, w.now + 10000000000, &cursor, &flow));
    assert_int_equal(stats(&w).entries, 2); /* looking frees nothing */
    end(&w);
}

static void keeps_flows_in_files(void **state)
{
    char dir[] = "/tmp/beba-semantics-XXXXXX", file[64];
    struct world w;

    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/m.ft", dir);
    begin(&w, refuse, (struct beba_engine_opts){.state_dir = dir});
    send(&w, 0x0a000001, 1);
    end(&w);
    begin(&w, refuse, (struct beba_engine_opts){.state_dir = dir});
    assert_int_equal(stats(&w).entries, 1);
    assert_int_equal(send(&w, 0x0a000001, 9), BEBA_VERDICT_FLOOD);
    end(&w);
    unlink(file);
    rmdir(dir);
}

/* Explaining --------------------------------------------------------------------------------- */

static void explains_what_runs(void **state)
{
    struct beba_strbuf text = {0};
    struct beba_result result;
    struct world w;

    begin(&w, noisy, (struct beba_engine_opts){0});
    build(&w, 0x0a000001, 0x0a000002, 77, 2);
    beba_engine_explain(w.e, &w.packet, &result, &text);
    assert_int_equal(result.verdict, BEBA_VERDICT_PASS);
    assert_non_null(strstr(beba_strbuf_str(&text), "10.0.0.1:77 -> 10.0.0.2:2 udp"));
    assert_non_null(strstr(beba_strbuf_str(&text), "none: reads as a"));
    assert_non_null(strstr(beba_strbuf_str(&text), "false: udp.dst is 2"));
    assert_non_null(strstr(beba_strbuf_str(&text), "taken: udp.dst is 2"));
    assert_non_null(strstr(beba_strbuf_str(&text), "a -> b"));
    assert_non_null(strstr(beba_strbuf_str(&text), "verdict pass"));
    beba_strbuf_clear(&text);
    w.now += 500000000;
    build(&w, 0x0a000001, 0x0a000002, 77, 9);
    beba_engine_explain(w.e, &w.packet, &result, &text);
    assert_non_null(
        strstr(beba_strbuf_str(&text), "b for 500ms, last used 500ms ago; idle 1s -> c"));
    beba_strbuf_free(&text);
    end(&w);
}

static void explains_parts_of_guards(void **state)
{
    struct beba_trace trace = {0};
    struct beba_strbuf text = {0};
    struct world w;
    unsigned parts = 0;

    begin(&w,
          "machine m { on tcp.dst == 80 || udp.dst > 5 && udp.src in { 1, 2 } { pass } else { drop "
          "} }\n",
          (struct beba_engine_opts){0});
    build(&w, 1, 2, 3, 9);
    assert_int_equal(beba_engine_trace(w.e, &w.packet, &w.result, &trace), 0);
    for (uint32_t i = 0; i < trace.n; i++)
        parts += trace.step[i].kind == BEBA_TRACE_GUARD;
    assert_int_equal(parts, 4);
    beba_trace_print(&text, &trace, &w.program->sources);
    assert_non_null(strstr(beba_strbuf_str(&text), "false: the packet has no tcp"));
    assert_non_null(strstr(beba_strbuf_str(&text), "true: udp.dst is 9"));
    assert_non_null(strstr(beba_strbuf_str(&text), "false: udp.src is 3"));
    assert_non_null(strstr(beba_strbuf_str(&text), "test.xfsm:1)"));
    beba_strbuf_free(&text);
    beba_trace_free(&trace);
    end(&w);
}

/* Any bytes may come. */
static void survives_any_bytes(void **state)
{
    uint8_t bytes[128];
    struct beba_packet *one;
    uint64_t x = 1;
    struct world w;

    begin(&w,
          "machine m { key connection\n reg n : u32\n without key -> next\n"
          " state a { on tcp.syn || udp.dst > 9 { n += tcp.seq; goto b; pass } else { next } }\n"
          " state b idle 1s -> a { on backward { ip.ttl -= 1; ip.src = ip.dst; swap l4; next }"
          " else { next } } }\n"
          "machine k { lookup eth.dst\n update eth.src\n reg p : u16\n without key -> pass\n"
          " always { p = in_port + ip.proto; vlan.push 3; output(p) } }\n",
          (struct beba_engine_opts){.capacity = 64});
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t len;

        build(&w, i % 7, i % 5, i, i * 3);
        memcpy(bytes, w.packet.data, 42);
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        len = (uint32_t)(x >> 58) % 43;
        bytes[(x >> 32) % 42] ^= (uint8_t)(x >> 40);
        memcpy(w.packet.data, bytes, len);
        w.packet.len = len;
        w.packet.link = (uint8_t)(i % 4);
        w.now += 1000000;
        one = &w.packet;
        beba_engine_run(w.e, &one, 1, &w.result);
        assert_true(w.result.verdict > BEBA_VERDICT_NONE && w.result.verdict < BEBA_VERDICT_NEXT);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_programs),
        cmocka_unit_test(refuses_when_full),
        cmocka_unit_test(evicts_when_full),
        cmocka_unit_test(counts_lookups),
        cmocka_unit_test(lets_time_go_backwards),
        cmocka_unit_test(tells_events),
        cmocka_unit_test(loses_events_when_the_ring_is_full),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(mirrors_copies),
        cmocka_unit_test(counts_edits_that_fail),
        cmocka_unit_test(draws_the_documented_numbers),
        cmocka_unit_test(changes_sets),
        cmocka_unit_test(shows_flows),
        cmocka_unit_test(keeps_flows_in_files),
        cmocka_unit_test(explains_what_runs),
        cmocka_unit_test(explains_parts_of_guards),
        cmocka_unit_test(survives_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
