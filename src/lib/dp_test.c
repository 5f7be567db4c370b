/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Data planes of the public API: making them, running frames, wrong arguments. */
#include "lib/fixture_test.h"

static void decides_packets(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o;

    o = feed(dp, "{ ip4.src = 10.9.1.1, udp.dst = 7 }", 0);
    assert_int_equal(o.verdict, BEBA_PASS);
    assert_int_equal(o.reason, BEBA_BY_RULE);
    assert_string_equal(o.machine, "guard");
    assert_string_equal(o.rule, "on ip.src in friends");
    assert_int_equal(o.rule_id, 0);
    assert_int_equal(o.copies, 0);

    o = feed(dp, "{ arp.op = 1 }", 0);
    assert_int_equal(o.verdict, BEBA_FLOOD);
    assert_int_equal(o.reason, BEBA_BY_NO_KEY);
    assert_int_equal(o.rule_id, UINT32_MAX);
    assert_null(o.rule);
    assert_string_equal(o.machine, "guard");

    o = feed(dp, KNOCK, SECOND);
    assert_int_equal(o.verdict, BEBA_OUTPUT);
    assert_int_equal(o.port, 5);
    assert_string_equal(o.machine, "tag");
    assert_string_equal(o.rule, "on udp.dst == 7");

    o = feed(dp, "{ ip4.src = 10.0.0.1, udp.dst = 8}", SECOND);
    assert_int_equal(o.verdict, BEBA_REPLY);
    assert_int_equal(o.port, 1);

    o = feed(dp, KNOCK, SECOND);
    assert_int_equal(o.verdict, BEBA_DROP);
    assert_string_equal(beba_verdict_text(o.verdict), "drop");
    assert_int_equal(o.copies, 2);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void names_verdicts_and_reasons(void **state)
{
    static const char *const names[] = {"unknown", "pass",  "drop", "output",
                                        "reply",   "flood", "punt", "unknown"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_string_equal(beba_verdict_text(i), names[i]);
    assert_string_equal(beba_verdict_text(UINT32_MAX), "unknown");
    assert_string_equal(beba_reason_text(BEBA_BY_RULE), "rule");
    assert_string_equal(beba_reason_text(BEBA_BY_FULL), "table full");
    assert_string_equal(beba_reason_text(BEBA_BY_END + 1), "unknown");
}

static void edits_frames_where_they_are(void **state)
{
    struct beba_totals totals = {.size = sizeof(totals)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o;
    uint8_t buf[ROOM], before[ROOM];
    struct beba_frame frame = build(buf, KNOCK, SECOND);
    uint32_t len = frame.len;

    memcpy(before, frame.data, len);
    frame.metadata = 42;
    assert_int_equal(beba_dp_feed(dp, &frame, &o), 0);
    assert_ptr_equal(frame.data, buf + 12);
    assert_int_equal(frame.headroom, 12);
    assert_int_equal(frame.len, len + 4);
    assert_int_equal(frame.wire_len, len + 4);
    assert_int_equal(frame.queue, 3);
    assert_int_equal(frame.metadata, 42);
    assert_memory_equal(frame.data, before, 12);
    assert_memory_equal(frame.data + 12, "\x81\x00\x00\x64", 4);
    assert_memory_equal(frame.data + 16, before + 12, len - 12);

    /* Without room for the tag the packet stays as it was, and that is counted. */
    frame = build(buf, KNOCK, SECOND);
    frame.headroom = frame.tailroom = 0;
    assert_int_equal(beba_dp_feed(dp, &frame, &o), 0);
    assert_int_equal(o.verdict, BEBA_OUTPUT);
    assert_int_equal(frame.len, len);
    assert_int_equal(beba_dp_totals(dp, &totals), 0);
    assert_int_equal(totals.edits_failed, 1);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void runs_natively_on_the_same_flows(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *one = start(program), *other = start(program);
    struct beba_message message;
    struct beba_outcome a, b;
    uint8_t buf[2][ROOM];

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct beba_frame x = build(buf[0], KNOCK, (i + 1) * SECOND);
        struct beba_frame y = build(buf[1], KNOCK, (i + 1) * SECOND);

        if (i == 2)
            assert_int_equal(beba_dp_native(other, &message), 0);
        assert_int_equal(beba_dp_feed(one, &x, &a), 0);
        assert_int_equal(beba_dp_feed(other, &y, &b), 0);
        assert_int_equal(a.verdict, b.verdict);
        assert_int_equal(a.port, b.port);
        assert_int_equal(x.len, y.len);
        assert_memory_equal(x.data, y.data, x.len);
    }
    assert_int_equal(beba_dp_native(other, NULL), 0); /* it is already */
    beba_dp_free(other);
    other = start(program);
    setenv("BEBA_CC", "no-such-compiler", 1);
    assert_int_equal(beba_dp_native(other, &message), -ENOENT);
    assert_non_null(strstr(message.text, "no-such-compiler"));
    unsetenv("BEBA_CC");
    assert_int_equal(beba_dp_native(NULL, &message), -EINVAL);
    beba_dp_free(one);
    beba_dp_free(other);
    beba_xfsm_free(program);
}

static void runs_batches_like_single_frames(void **state)
{
    enum { N = 100 };
    static uint8_t buf[N][ROOM];
    struct beba_xfsm *program = load(guard);
    struct beba_dp *one = start(program), *many = start(program);
    struct beba_frame frames[N];
    struct beba_outcome outcomes[N];
    struct beba_copy copy;
    uint32_t copies = 0;
    char fields[128];

    for (uint32_t i = 0; i < N; i++) {
        snprintf(fields, sizeof(fields), "{ ip4.src = 10.0.0.%u, udp.dst = %u }", i * 7 % 5 + 1,
                 i % 3 ? 7u : 8u);
        frames[i] = build(buf[i], fields, i * SECOND / 4);
    }
    assert_int_equal(beba_dp_run(many, frames, N, outcomes), 0);
    for (uint32_t i = 0; i < N; i++) {
        struct beba_outcome o;

        snprintf(fields, sizeof(fields), "{ ip4.src = 10.0.0.%u, udp.dst = %u }", i * 7 % 5 + 1,
                 i % 3 ? 7u : 8u);
        o = feed(one, fields, i * SECOND / 4);
        assert_int_equal(outcomes[i].verdict, o.verdict);
        assert_int_equal(outcomes[i].rule_id, o.rule_id);
        assert_int_equal(outcomes[i].copies, o.copies);
        assert_int_equal(outcomes[i].first_copy, copies);
        copies += o.copies;
    }
    assert_true(copies > 2);
    /* The copies of every frame of the batch are there. */
    for (uint32_t i = 0; i < copies; i++) {
        assert_int_equal(beba_dp_copy(many, i, &copy), 0);
        assert_int_equal(copy.port, i % 2 ? 10 : 9);
        assert_true(copy.len >= 42);
    }
    assert_int_equal(beba_dp_copy(many, copies, &copy), -ENOENT);
    /* Nothing ran: no copies. */
    assert_int_equal(beba_dp_run(many, NULL, 0, NULL), 0);
    assert_int_equal(beba_dp_copy(many, 0, &copy), -ENOENT);
    beba_dp_free(one);
    beba_dp_free(many);
    beba_xfsm_free(program);
}

static void copies_what_is_mirrored(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o;
    struct beba_copy copy;
    uint8_t buf[ROOM];
    struct beba_frame frame;

    feed(dp, KNOCK, 0);
    feed(dp, KNOCK, 0);
    frame = build(buf, KNOCK, 0);
    assert_int_equal(beba_dp_feed(dp, &frame, &o), 0);
    assert_int_equal(o.copies, 2);
    assert_int_equal(beba_dp_copy(dp, o.first_copy + 1, &copy), 0);
    assert_int_equal(copy.port, 10);
    assert_int_equal(copy.len, frame.len);
    assert_int_equal(copy.wire_len, frame.len);
    assert_memory_equal(copy.data, frame.data, frame.len);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void refuses_frames_that_are_none(void **state)
{
    struct beba_totals totals = {.size = sizeof(totals)};
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o[2];
    uint8_t buf[ROOM];
    struct beba_frame frames[2];
    char *text;

    frames[0] = build(buf, KNOCK, 0);
    frames[1] = frames[0];
    frames[1].link = BEBA_FRAME_SLL2 + 1;
    assert_int_equal(beba_dp_run(dp, frames, 2, o), -EINVAL);
    assert_int_equal(beba_dp_explain(dp, &frames[1], o, &text), -EINVAL);
    assert_null(text);
    frames[1] = (struct beba_frame){0};
    assert_int_equal(beba_dp_run(dp, frames, 2, o), -EINVAL);
    assert_int_equal(beba_dp_totals(dp, &totals), 0);
    assert_int_equal(totals.packets, 0);
    /* An empty frame is one: it lacks every key. */
    frames[1].data = buf;
    assert_int_equal(beba_dp_feed(dp, &frames[1], o), 0);
    assert_int_equal(o[0].reason, BEBA_BY_NO_KEY);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void reads_other_links(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o;
    uint8_t buf[ROOM];
    struct beba_frame frame = build(buf, KNOCK, 0);

    frame.data += 14;
    frame.len -= 14;
    frame.wire_len = 0; /* means len */
    frame.link = BEBA_FRAME_IP;
    assert_int_equal(beba_dp_feed(dp, &frame, &o), 0);
    assert_int_equal(o.verdict, BEBA_OUTPUT);
    assert_int_equal(frame.wire_len, frame.len);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void explains_packets(void **state)
{
    struct beba_xfsm *program = load(guard);
    struct beba_dp *dp = start(program);
    struct beba_outcome o;
    uint8_t buf[ROOM];
    struct beba_frame frame = build(buf, KNOCK, 0);
    char *text;

    assert_int_equal(beba_dp_explain(dp, &frame, &o, &text), 0);
    assert_int_equal(o.verdict, BEBA_OUTPUT);
    assert_ptr_equal(frame.data, buf + 12);
    assert_non_null(strstr(text, "udp.dst == 7"));
    assert_non_null(strstr(text, "guard.xfsm:29"));
    beba_free(text);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void builds_frames(void **state)
{
    struct beba_message message;
    struct beba_frame frame;
    uint8_t buf[ROOM];

    assert_int_equal(
        beba_frame_build("ip6.src = 2001:db8::1, tcp.dst = 80", buf, ROOM, 32, &frame, &message),
        0);
    assert_string_equal(message.text, "");
    assert_ptr_equal(frame.data, buf + 32);
    assert_int_equal(frame.len, 14 + 40 + 20);
    assert_int_equal(frame.headroom, 32);
    assert_int_equal(frame.tailroom, ROOM - 32 - 74);
    assert_int_equal(frame.in_port, 1);
    assert_int_equal(frame.now, 0);
    assert_int_equal(frame.link, BEBA_FRAME_ETHERNET);

    assert_int_equal(beba_frame_build("tcp.dport = 80", buf, ROOM, 0, &frame, &message), -EINVAL);
    assert_non_null(strstr(message.text, "tcp.dst"));
    assert_int_equal(beba_frame_build("{ tcp.dst = 80, udp.dst = 80 }", buf, ROOM, 0, &frame, NULL),
                     -EINVAL);
    assert_int_equal(beba_frame_build("udp.dst = 80", buf, 20, 0, &frame, &message), -ENOBUFS);
    assert_true(message.text[0]);
    assert_int_equal(beba_frame_build("udp.dst = 80", buf, 20, 21, &frame, NULL), -ENOBUFS);
    assert_int_equal(beba_frame_build(NULL, buf, 20, 0, &frame, &message), -EINVAL);
    assert_true(message.text[0]);
    assert_int_equal(beba_frame_build("arp.op = 1", NULL, 20, 0, &frame, NULL), -EINVAL);
    assert_int_equal(beba_frame_build("arp.op = 1", buf, ROOM, 0, NULL, NULL), -EINVAL);
}

static void refuses_when_full(void **state)
{
    struct beba_machine_info info = {.size = sizeof(info)};
    struct beba_dp_options options = {.size = sizeof(options), .capacity = 2};
    struct beba_xfsm *program = load(guard);
    struct beba_outcome o;
    struct beba_dp *dp;

    assert_int_equal(beba_dp_new(program, &options, &dp, NULL), 0);
    feed(dp, "{ ip4.src = 10.0.0.1, udp.dst = 7 }", 0);
    feed(dp, "{ ip4.src = 10.0.0.2, udp.dst = 7 }", 0);
    o = feed(dp, "{ ip4.src = 10.0.0.3, udp.dst = 7 }", 0);
    assert_int_equal(o.verdict, BEBA_PUNT);
    assert_int_equal(o.reason, BEBA_BY_FULL);
    assert_int_equal(beba_dp_machine(dp, "guard", &info), 0);
    assert_int_equal(info.capacity, 2);
    assert_int_equal(info.refusals, 1);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

static void keeps_state_in_files(void **state)
{
    char dir[] = "/tmp/libbeba_test_XXXXXX", file[64];
    struct beba_dp_options options = {.size = sizeof(options), .state_dir = dir};
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_xfsm *program = load(guard);
    struct beba_message message;
    uint64_t cursor = 0;
    struct beba_dp *dp;

    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/guard.ft", dir);
    assert_int_equal(beba_dp_new(program, &options, &dp, NULL), 0);
    feed(dp, KNOCK, SECOND);
    beba_dp_free(dp);
    assert_int_equal(beba_dp_new(program, &options, &dp, NULL), 0);
    assert_int_equal(beba_dp_next_flow(dp, NULL, SECOND, &cursor, &flow), 1);
    assert_string_equal(flow.state, "watched");
    beba_dp_free(dp);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);

    assert_true(beba_dp_new(program, &options, &dp, &message) < 0);
    assert_null(dp);
    assert_true(message.text[0]);
    beba_xfsm_free(program);
}

/* A caller compiled against a later version: its structures are larger. */
static void takes_structures_of_later_versions(void **state)
{
    struct {
        struct beba_dp_options options;
        uint64_t later;
    } options = {.options = {.size = sizeof(options)}};
    struct {
        struct beba_totals totals;
        uint64_t later;
    } totals = {.totals = {.size = sizeof(totals)}, .later = 7};
    struct beba_xfsm *program = load(guard);
    struct beba_message message;
    struct beba_dp *dp;

    assert_int_equal(beba_dp_new(program, &options.options, &dp, NULL), 0);
    assert_int_equal(beba_dp_totals(dp, &totals.totals), 0);
    assert_int_equal(totals.totals.size, sizeof(totals));
    assert_int_equal(totals.later, 0);
    beba_dp_free(dp);
    options.later = 1;
    assert_int_equal(beba_dp_new(program, &options.options, &dp, &message), -E2BIG);
    assert_non_null(strstr(message.text, "newer"));
    options.later = 0;
    options.options.reserved[1] = 1;
    assert_int_equal(beba_dp_new(program, &options.options, &dp, &message), -E2BIG);
    options.options.size = 0;
    assert_int_equal(beba_dp_new(program, &options.options, &dp, &message), -EINVAL);
    assert_non_null(strstr(message.text, "size"));
    beba_xfsm_free(program);
}

static void takes_null_as_the_header_says(void **state)
{
    struct beba_xfsm *program = load(guard), *p;
    struct beba_dp *dp = start(program), *d;
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_frame frame = {0};
    struct beba_message message;
    struct beba_outcome o;
    struct beba_named value;
    const char *element;
    uint64_t n = 0;
    char *text;

    beba_free(NULL);
    beba_xfsm_free(NULL);
    beba_dp_free(NULL);
    assert_int_equal(beba_xfsm_load_file(NULL, &p, NULL), -EINVAL);
    assert_int_equal(beba_xfsm_load_file("-", NULL, &text), -EINVAL);
    assert_null(text);
    assert_int_equal(beba_xfsm_load_text(NULL, "", 0, &p, NULL), -EINVAL);
    assert_int_equal(beba_xfsm_load_text("x", NULL, 0, &p, NULL), -EINVAL);
    assert_int_equal(beba_xfsm_load_text("x", "", 0, NULL, &text), -EINVAL);
    assert_null(beba_xfsm_machine(NULL, 0));
    assert_null(beba_xfsm_state(NULL, "guard", 0));
    assert_null(beba_xfsm_counter(NULL, 0));
    assert_null(beba_xfsm_global(NULL, 0));
    assert_null(beba_xfsm_array(NULL, 0));
    assert_null(beba_xfsm_set(NULL, 0));
    assert_int_equal(beba_xfsm_graph(NULL, &text), -EINVAL);
    assert_int_equal(beba_xfsm_graph(program, NULL), -EINVAL);
    assert_int_equal(beba_xfsm_test(NULL, NULL, &text), -EINVAL);
    assert_null(text);
    assert_int_equal(beba_dp_new(NULL, NULL, &d, &message), -EINVAL);
    assert_null(d);
    assert_true(message.text[0]);
    assert_int_equal(beba_dp_new(program, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(beba_dp_new(program, NULL, &d, NULL), 0);
    beba_dp_free(d);
    assert_int_equal(beba_dp_feed(NULL, &frame, &o), -EINVAL);
    assert_int_equal(beba_dp_feed(dp, NULL, &o), -EINVAL);
    assert_int_equal(beba_dp_feed(dp, &frame, NULL), -EINVAL);
    assert_int_equal(beba_dp_run(dp, NULL, 1, &o), -EINVAL);
    assert_int_equal(beba_dp_explain(dp, &frame, &o, NULL), -EINVAL);
    assert_int_equal(beba_dp_explain(NULL, &frame, &o, &text), -EINVAL);
    assert_int_equal(beba_dp_copy(NULL, 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_copy(dp, 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_next_flow(NULL, NULL, 0, &n, &flow), -EINVAL);
    assert_int_equal(beba_dp_next_flow(dp, NULL, 0, NULL, &flow), -EINVAL);
    assert_int_equal(beba_dp_next_flow(dp, NULL, 0, &n, NULL), -EINVAL);
    assert_int_equal(beba_dp_flow_of(dp, NULL, &frame, &flow), -EINVAL);
    assert_int_equal(beba_dp_flow_of(dp, "guard", &frame, &flow), -EINVAL);
    assert_int_equal(beba_dp_flow_of(dp, "guard", NULL, &flow), -EINVAL);
    assert_int_equal(beba_dp_rule(NULL, 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_rule(dp, 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_machine(dp, NULL, NULL), -EINVAL);
    assert_int_equal(beba_dp_counter(dp, NULL, &n, &n), -EINVAL);
    assert_int_equal(beba_dp_totals(dp, NULL), -EINVAL);
    assert_int_equal(beba_dp_global(dp, NULL, &value), -EINVAL);
    assert_int_equal(beba_dp_global(dp, "total", NULL), -EINVAL);
    assert_int_equal(beba_dp_cell(dp, "hits", 0, 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_cell(dp, NULL, 0, 0, &n), -EINVAL);
    assert_int_equal(beba_dp_set_add(dp, NULL, "10.0.0.1", &message), -EINVAL);
    assert_int_equal(beba_dp_set_add(dp, "friends", NULL, NULL), -EINVAL);
    assert_int_equal(beba_dp_set_del(NULL, "friends", "10.0.0.1", NULL), -EINVAL);
    assert_int_equal(beba_dp_set_element(dp, NULL, 0, &element), -EINVAL);
    assert_int_equal(beba_dp_set_element(dp, "friends", 0, NULL), -EINVAL);
    assert_int_equal(beba_dp_event(dp, NULL), -EINVAL);
    assert_int_equal(beba_dp_event(NULL, NULL), -EINVAL);
    beba_dp_free(dp);
    beba_xfsm_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_packets),
        cmocka_unit_test(names_verdicts_and_reasons),
        cmocka_unit_test(edits_frames_where_they_are),
        cmocka_unit_test(runs_natively_on_the_same_flows),
        cmocka_unit_test(runs_batches_like_single_frames),
        cmocka_unit_test(copies_what_is_mirrored),
        cmocka_unit_test(refuses_frames_that_are_none),
        cmocka_unit_test(reads_other_links),
        cmocka_unit_test(explains_packets),
        cmocka_unit_test(builds_frames),
        cmocka_unit_test(refuses_when_full),
        cmocka_unit_test(keeps_state_in_files),
        cmocka_unit_test(takes_structures_of_later_versions),
        cmocka_unit_test(takes_null_as_the_header_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
