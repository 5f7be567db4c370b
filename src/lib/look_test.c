/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking into a data plane of the public API, and changing its sets. */
#include "lib/fixture_test.h"

static void walks_flows(void **state)
{
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    unsigned seen = 0;
    uint64_t cursor = 0;
    int rc;

    feed(dp, KNOCK, SECOND);
    feed(dp, KNOCK, 3 * SECOND);
    feed(dp, "{ ip6.src = 2001:db8::5, udp.dst = 7 }", 5 * SECOND);
    while ((rc = beba_dp_next_flow(dp, "guard", 6 * SECOND, &cursor, &flow)) == 1) {
        bool first = !strcmp(flow.key, "ip.src=10.0.0.1");

        assert_string_equal(flow.machine, "guard");
        assert_string_equal(flow.state, "watched");
        assert_int_equal(flow.fields, 1);
        assert_string_equal(flow.field[0].name, "ip.src");
        assert_string_equal(flow.field[0].text, first ? "10.0.0.1" : "2001:db8::5");
        assert_int_equal(flow.field[0].bits, 128);
        assert_int_equal(flow.field[0].high, first ? 0 : 0x20010db800000000ull);
        assert_int_equal(flow.field[0].low, first ? 0xffff0a000001ull : 5);
        assert_int_equal(flow.regs, 2);
        assert_string_equal(flow.reg[0].name, "tries");
        assert_string_equal(flow.reg[0].text, first ? "2" : "1");
        assert_int_equal(flow.reg[0].low, first ? 2 : 1);
        assert_int_equal(flow.reg[0].bits, 8);
        assert_string_equal(flow.reg[1].name, "at");
        assert_string_equal(flow.reg[1].text, first ? "1s" : "5s");
        assert_int_equal(flow.in_state, (first ? 5 : 1) * SECOND);
        assert_int_equal(flow.idle, (first ? 3 : 1) * SECOND);
        assert_int_equal(flow.timeout_in, (first ? 5 : 9) * SECOND);
        assert_true(flow.age >= flow.in_state && flow.age < flow.in_state + SECOND / 50);
        seen |= first ? 1 : 2;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(seen, 3);

    /* Of all machines, as they are when one has timed out; then when both have. */
    cursor = 0;
    assert_int_equal(beba_dp_next_flow(dp, NULL, 12 * SECOND, &cursor, &flow), 1);
    assert_string_equal(flow.key, "ip.src=2001:db8::5");
    assert_int_equal(beba_dp_next_flow(dp, NULL, 12 * SECOND, &cursor, &flow), 0);
    assert_int_equal(beba_dp_next_flow(dp, NULL, 12 * SECOND, &cursor, &flow), 0);
    cursor = 0;
    assert_int_equal(beba_dp_next_flow(dp, "tag", 0, &cursor, &flow), 0);
    cursor = 0;
    assert_int_equal(beba_dp_next_flow(dp, "nobody", 0, &cursor, &flow), -ENOENT);
    flow.size = 8;
    assert_int_equal(beba_dp_next_flow(dp, NULL, 0, &cursor, &flow), -EINVAL);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void finds_the_flow_of_a_frame(void **state)
{
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_totals totals = {.size = sizeof(totals)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    uint8_t buf[ROOM];
    struct beba_frame frame = build(buf, KNOCK, 4 * SECOND);

    assert_int_equal(beba_dp_flow_of(dp, "guard", &frame, &flow), 0);
    feed(dp, KNOCK, 3 * SECOND);
    assert_int_equal(beba_dp_flow_of(dp, "guard", &frame, &flow), 1);
    assert_string_equal(flow.key, "ip.src=10.0.0.1");
    assert_int_equal(flow.idle, SECOND);
    assert_int_equal(beba_dp_flow_of(dp, "tag", &frame, &flow), 0);
    assert_int_equal(beba_dp_flow_of(dp, "nobody", &frame, &flow), -ENOENT);
    assert_int_equal(beba_dp_totals(dp, &totals), 0);
    assert_int_equal(totals.packets, 1);
    frame = build(buf, "{ arp.op = 1 }", 0);
    assert_int_equal(beba_dp_flow_of(dp, "guard", &frame, &flow), 0);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void tells_no_timeout_where_none_runs(void **state)
{
    static const char text[] = "machine m {\n    key eth.src\n    reg n : u8\n"
                               "    default -> pass\n    always { n = 1 }\n}\n";
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_xfsm *program = load(text);
    struct beba_dp *dp = start(program);
    struct beba_outcome o = feed(dp, "{ eth.src = 02::1 }", SECOND);
    uint64_t cursor = 0;

    assert_int_equal(o.verdict, BEBA_PASS);
    assert_int_equal(o.reason, BEBA_BY_DEFAULT);
    assert_int_equal(beba_dp_next_flow(dp, NULL, SECOND, &cursor, &flow), 1);
    assert_true(flow.timeout_in == BEBA_NO_TIMEOUT);
    assert_string_equal(flow.key, "eth.src=02:00:00:00:00:01");
    assert_int_equal(flow.field[0].bits, 48);
    assert_int_equal(flow.field[0].low, 0x020000000001);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void tells_the_age_of_flows_at_any_time(void **state)
{
    static const char text[] = "machine m {\n    key eth.src\n    reg n : u8\n"
                               "    default -> pass\n    always { n = 1 }\n}\n";
    static const uint64_t day = 86400 * SECOND;
    static const uint64_t starts[] = {0, 1, 416 * 86400 * SECOND, 1795424406 * SECOND};
    static const uint64_t ages[] = {0, 5, SECOND, 100 * 86400 * SECOND, 400 * 86400 * SECOND};
    struct beba_xfsm *program = load(text);

    for (unsigned i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        struct beba_dp *dp = start(program);

        feed(dp, "{ eth.src = 02::1 }", starts[i]);
        for (unsigned k = 0; k < sizeof(ages) / sizeof(*ages); k++) {
            struct beba_flow_info flow = {.size = sizeof(flow)};
            uint64_t cursor = 0;

            assert_int_equal(beba_dp_next_flow(dp, NULL, starts[i] + ages[k], &cursor, &flow), 1);
            assert_in_range(flow.age, ages[k], ages[k] + SECOND / 50);
        }
        if (starts[i] > day) { /* looked at by a clock that went back */
            struct beba_flow_info flow = {.size = sizeof(flow)};
            uint64_t cursor = 0;

            assert_int_equal(beba_dp_next_flow(dp, NULL, starts[i] - SECOND, &cursor, &flow), 1);
            assert_int_equal(flow.age, 0);
        }
        beba_dp_free(dp);
    }
    beba_xfsm_free(program);
}

static void sweeps(void **state)
{
    struct beba_machine_info info = {.size = sizeof(info)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);

    feed(dp, KNOCK, 0);
    /* tries is not at its initial value again: the entry stays, in the state it fell back to. */
    assert_int_equal(beba_dp_sweep(dp, 1000, 5 * SECOND), 0);
    beba_dp_sweep(dp, 1000, 11 * SECOND);
    assert_int_equal(beba_dp_machine(dp, "guard", &info), 0);
    assert_int_equal(info.expiries, 1);
    assert_int_equal(beba_dp_sweep(NULL, 1000, 0), 0);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void sweeps_flows_away(void **state)
{
    static const char text[] =
        "machine m {\n    key ip.src\n    state a { always { goto b; pass } }\n"
        "    state b idle 1s -> a { always { pass } }\n}\n";
    struct beba_machine_info info = {.size = sizeof(info)};
    struct beba_xfsm *program = load(text);
    struct beba_dp *dp = start(program);

    feed(dp, KNOCK, 0);
    assert_int_equal(beba_dp_machine(dp, "m", &info), 0);
    assert_int_equal(info.entries, 1);
    assert_int_equal(beba_dp_sweep(dp, UINT32_MAX, SECOND), 1);
    assert_int_equal(beba_dp_machine(dp, "m", &info), 0);
    assert_int_equal(info.entries, 0);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void counts(void **state)
{
    struct beba_machine_info machine = {.size = sizeof(machine)};
    struct beba_rule_info rule = {.size = sizeof(rule)};
    struct beba_totals totals = {.size = sizeof(totals)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    uint64_t packets = 1, bytes = 1, all = 0;
    uint32_t n = 0;

    assert_int_equal(beba_dp_counter(dp, "refused", &packets, &bytes), 0);
    assert_int_equal(packets, 0);
    feed(dp, KNOCK, 0);
    feed(dp, KNOCK, 0);
    feed(dp, KNOCK, 0);
    feed(dp, "{ arp.op = 1 }", 0);
    for (int rc; !(rc = beba_dp_rule(dp, n, &rule)); n++) {
        assert_string_equal(rule.machine, n < 5 ? "guard" : "tag");
        assert_string_equal(rule.file, "guard.xfsm");
        all += rule.packets;
        if (n == 3) {
            assert_string_equal(rule.state, "watched");
            assert_string_equal(rule.rule, "on tries >= 2");
            assert_int_equal(rule.packets, 1);
            assert_int_equal(rule.bytes, 42);
            assert_int_equal(rule.line, 18);
            assert_int_equal(rule.column, 9);
        }
    }
    assert_int_equal(n, 7);
    assert_int_equal(all, 5); /* two of the three knocks took a rule in both machines */
    assert_int_equal(beba_dp_rule(dp, n, &rule), -ENOENT);
    assert_int_equal(beba_dp_machine(dp, "guard", &machine), 0);
    assert_int_equal(machine.entries, 1);
    assert_int_equal(machine.capacity, 8);
    assert_true(machine.memory > 0);
    assert_int_equal(machine.lookups, 3);
    assert_int_equal(machine.hits, 2);
    assert_int_equal(machine.creations, 1);
    assert_int_equal(machine.no_key, 1);
    assert_int_equal(beba_dp_machine(dp, "tag", &machine), 0);
    assert_int_equal(machine.capacity, 0);
    assert_int_equal(beba_dp_machine(dp, "nobody", &machine), -ENOENT);
    assert_int_equal(beba_dp_counter(dp, "refused", &packets, &bytes), 0);
    assert_int_equal(packets, 1);
    assert_int_equal(bytes, 42);
    assert_int_equal(beba_dp_counter(dp, "refused", NULL, NULL), 0);
    assert_int_equal(beba_dp_counter(dp, "nobody", NULL, NULL), -ENOENT);
    assert_int_equal(beba_dp_totals(dp, &totals), 0);
    assert_int_equal(totals.packets, 4);
    assert_int_equal(totals.verdict[BEBA_OUTPUT], 2);
    assert_int_equal(totals.verdict[BEBA_DROP], 1);
    assert_int_equal(totals.verdict[BEBA_FLOOD], 1);
    assert_int_equal(totals.reason[BEBA_BY_RULE], 3);
    assert_int_equal(totals.reason[BEBA_BY_NO_KEY], 1);
    assert_int_equal(totals.copies_lost, 0);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void reads_globals_and_arrays(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_named value;
    uint64_t cell;

    for (int i = 0; i < 4; i++)
        feed(dp, KNOCK, 0);
    assert_int_equal(beba_dp_global(dp, "total", &value), 0);
    assert_string_equal(value.name, "total");
    assert_string_equal(value.text, "2");
    assert_int_equal(value.low, 2);
    assert_int_equal(value.bits, 64);
    assert_int_equal(beba_dp_global(dp, "last_seen", &value), 0);
    assert_string_equal(value.text, "10.0.0.1");
    assert_int_equal(beba_dp_global(dp, "nobody", &value), -ENOENT);
    assert_int_equal(beba_dp_cell(dp, "hits", 1, 3, &cell), 0);
    assert_int_equal(cell, 10);
    assert_int_equal(beba_dp_cell(dp, "hits", 3, 11, &cell), 0);
    assert_int_equal(cell, 10);
    assert_int_equal(beba_dp_cell(dp, "hits", 0, 3, &cell), 0);
    assert_int_equal(cell, 0);
    assert_int_equal(beba_dp_cell(dp, "nobody", 0, 0, &cell), -ENOENT);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void changes_sets(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_message message;
    const char *element;

    assert_int_equal(feed(dp, KNOCK, 0).verdict, BEBA_OUTPUT);
    assert_int_equal(beba_dp_set_add(dp, "friends", "10.0.0.0/8", &message), 0);
    assert_string_equal(message.text, "");
    assert_int_equal(feed(dp, "{ ip4.src = 10.0.0.2, udp.dst = 7 }", 0).verdict, BEBA_PASS);
    assert_int_equal(beba_dp_set_add(dp, "friends", "10.0.0.0/8", &message), -EEXIST);
    assert_non_null(strstr(message.text, "in the set already"));
    assert_int_equal(beba_dp_set_element(dp, "friends", 0, &element), 0);
    assert_string_equal(element, "10.0.0.0/8");
    assert_int_equal(beba_dp_set_element(dp, "friends", 1, &element), 0);
    assert_string_equal(element, "10.9.0.0/16");
    assert_int_equal(beba_dp_set_element(dp, "friends", 2, &element), 0);
    assert_string_equal(element, "192.0.2.1");
    assert_int_equal(beba_dp_set_element(dp, "friends", 3, &element), -ENOENT);
    assert_int_equal(beba_dp_set_del(dp, "friends", "10.0.0.0/8", NULL), 0);
    assert_int_equal(feed(dp, "{ ip4.src = 10.0.0.2, udp.dst = 7 }", 0).verdict, BEBA_OUTPUT);
    assert_int_equal(beba_dp_set_del(dp, "friends", "10.0.0.0/8", &message), -ENOENT);
    assert_non_null(strstr(message.text, "friends"));
    assert_int_equal(beba_dp_set_add(dp, "friends", "ten", &message), -EINVAL);
    assert_true(message.text[0]);
    assert_int_equal(beba_dp_set_add(dp, "nobody", "10.0.0.1", &message), -ENOENT);
    assert_string_equal(message.text, "the program has no set 'nobody'");
    assert_int_equal(beba_dp_set_element(dp, "nobody", 0, &element), -ENOENT);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void gives_events(void **state)
{
    struct beba_dp_options options = {.size = sizeof(options), .all_events = true, .events = 3};
    struct beba_event_info event = {.size = sizeof(event)};
    struct beba_totals totals = {.size = sizeof(totals)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp;

    assert_int_equal(beba_dp_new(program, &options, &dp, NULL), 0);
    assert_int_equal(beba_dp_event(dp, &event), 0);
    for (int i = 0; i < 3; i++)
        feed(dp, KNOCK, SECOND);
    feed(dp, KNOCK, 11 * SECOND);
    feed(dp, KNOCK, 11 * SECOND); /* its event finds no room */

    assert_int_equal(beba_dp_event(dp, &event), 1);
    assert_int_equal(event.kind, BEBA_EVENT_IS_ENTERED);
    assert_int_equal(event.time, SECOND);
    assert_string_equal(event.machine, "guard");
    assert_string_equal(event.from, "quiet");
    assert_string_equal(event.to, "watched");
    assert_string_equal(event.key, "ip.src=10.0.0.1");
    assert_null(event.text);
    assert_int_equal(event.fields, 0);
    assert_non_null(strstr(event.line, "entered watched from quiet"));

    assert_int_equal(beba_dp_event(dp, &event), 1);
    assert_int_equal(event.kind, BEBA_EVENT_IS_NOTICE);
    assert_string_equal(event.text, "again");
    assert_int_equal(event.fields, 3);
    assert_string_equal(event.field[0].name, "who");
    assert_string_equal(event.field[0].text, "10.0.0.1");
    assert_string_equal(event.field[1].name, "tries");
    assert_int_equal(event.field[1].low, 2);
    assert_string_equal(event.field[2].text, "1s");
    assert_null(event.from);
    assert_null(event.to);

    assert_int_equal(beba_dp_event(dp, &event), 1);
    assert_int_equal(event.kind, BEBA_EVENT_IS_EXPIRED);
    assert_int_equal(event.time, 11 * SECOND);
    assert_string_equal(event.from, "watched");
    assert_string_equal(event.to, "quiet");
    assert_int_equal(beba_dp_event(dp, &event), 0);
    assert_int_equal(beba_dp_totals(dp, &totals), 0);
    assert_true(totals.events_lost >= 1);
    event.size = 0;
    assert_int_equal(beba_dp_event(dp, &event), -EINVAL);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void evicts_and_tells(void **state)
{
    static const char text[] = "machine m {\n    key ip.src\n    capacity 1 when full evict\n"
                               "    reg n : u8\n    always { n += 1; pass }\n}\n";
    struct beba_dp_options options = {.size = sizeof(options), .all_events = true};
    struct beba_event_info event = {.size = sizeof(event)};
    struct beba_xfsm *program = load(text);
    struct beba_dp *dp;

    assert_int_equal(beba_dp_new(program, &options, &dp, NULL), 0);
    feed(dp, KNOCK, 0);
    feed(dp, "{ ip4.src = 10.0.0.2 }", 0);
    assert_int_equal(beba_dp_event(dp, &event), 1);
    assert_int_equal(event.kind, BEBA_EVENT_IS_EVICTED);
    assert_string_equal(event.key, "ip.src=10.0.0.1");
    assert_non_null(event.from);
    assert_null(event.to);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void takes_no_structure_without_size(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_machine_info machine = {.size = sizeof(machine) - 1};
    struct beba_rule_info rule = {.size = 0};
    struct beba_totals totals = {.size = 7};

    assert_int_equal(beba_dp_machine(dp, "guard", &machine), -EINVAL);
    assert_int_equal(beba_dp_rule(dp, 0, &rule), -EINVAL);
    assert_null(rule.rule);
    assert_int_equal(beba_dp_totals(dp, &totals), -EINVAL);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_flows),
        cmocka_unit_test(finds_the_flow_of_a_frame),
        cmocka_unit_test(tells_no_timeout_where_none_runs),
        cmocka_unit_test(tells_the_age_of_flows_at_any_time),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(sweeps_flows_away),
        cmocka_unit_test(counts),
        cmocka_unit_test(reads_globals_and_arrays),
        cmocka_unit_test(changes_sets),
        cmocka_unit_test(gives_events),
        cmocka_unit_test(evicts_and_tells),
        cmocka_unit_test(takes_no_structure_without_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
