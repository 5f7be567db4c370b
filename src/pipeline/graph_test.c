/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/fixture.h"

static const char *dot(struct beba_pipeline *p, struct beba_strbuf *out)
{
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    beba_strbuf_clear(out);
    beba_pipeline_dot(out, p);
    assert_false(out->failed);
    return beba_strbuf_str(out);
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in\n%s", part, text);
}

static void expect_not_in(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in\n%s", part, text);
}

static void test_states_and_edges(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_strbuf out = {0};
    struct beba_table *t = add_knocking(p);
    const char *s;

    t->timeouts[2].hard = 3600 * SEC;
    s = dot(p, &out);
    expect_in(s, "digraph \"port_knocking\" {");
    expect_in(s, "subgraph cluster_0 {");
    expect_in(s, "t0_start -> t0_s0;");
    expect_in(s, "t0_s0 -> t0_s1 [label=\"  udp.dst == 1111 / drop  \\l\"];");
    expect_in(s, "t0_s1 -> t0_s0 [label=\"  else / drop  \\l\"];");
    expect_in(s, "fontcolor=\"#b05a00\", dir=back, label=\"  idle 1s  \\l\"];");
    expect_in(s, "t0_s0 -> t0_s1 [style=dashed");
    expect_in(s, "label=\"  idle 1m  \\l  hard 1h  \\l\"];"); /* one edge for both */
    expect_in(s, "<b>open</b><br/><font point-size=\"9\">tcp.dst == 22 / pass<br align=\"left\"/>"
                 "else / drop<br align=\"left\"/></font>");
    expect_not_in(s, "in any state");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

static void test_is_the_same_each_time(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_strbuf a = {0}, b = {0};

    add_knocking(p);
    assert_string_equal(dot(p, &a), dot(p, &b));
    beba_strbuf_free(&a);
    beba_strbuf_free(&b);
    beba_pipeline_free(p);
}

static void test_escapes(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_strbuf out = {0};
    const char *s;

    p->name = "a\"b\\c";
    t->rule[0].label = "on x & \"y\" < 1 \\ \x01";
    t->rule[1].label = "on a & \"b\" < 2 > \x01";
    s = dot(p, &out);
    expect_in(s, "digraph \"a\\\"b\\\\c\" {");
    expect_in(s, "label=\"  x &amp; \\\"y\\\" < 1 \\\\ ? / drop  \\l\"");
    expect_in(s, "a &amp; &quot;b&quot; &lt; 2 &gt; ? / drop<br");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

static void test_gotos_inside_ifs(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_strbuf out = {0};
    const char *s;

    t->rule[4].body =
        body(p, 2, when(is(p, BEBA_F_TCP_FIN, 1), body(p, 1, go(0)), body(p, 1, go(1))),
             say(BEBA_VERDICT_PASS));
    t->rule[5].body = body(
        p, 2, when(is(p, BEBA_F_TCP_RST, 1), body(p, 2, go(0), say(BEBA_VERDICT_PASS)), body(p, 0)),
        say(BEBA_VERDICT_DROP));
    s = dot(p, &out);
    expect_in(s, "t0_s2 -> t0_s0 [label=\"  tcp.dst == 22, if tcp.fin == true / pass  \\l"
                 "  else, if tcp.rst == true / pass  \\l\"];");
    expect_in(s, "t0_s2 -> t0_s1 [label=\"  tcp.dst == 22, unless tcp.fin == true  \\l      / pass "
                 " \\l\"];");
    /* the first always leaves, the second may stay */
    expect_in(s, "<b>open</b><br/><font point-size=\"9\">else / drop<br");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

/* What ends a rule is told also when it stands in an if, or in the table's default. */
static void test_every_end(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_strbuf out = {0};
    const char *s;

    t->rule[1].body =
        body(p, 1, when(num(p, 1, 1), body(p, 1, say(BEBA_VERDICT_FLOOD)), body(p, 0)));
    t->rule[3].body = body(p, 1, go(0));
    t->dflt.kind = BEBA_VERDICT_PUNT;
    s = dot(p, &out);
    expect_in(s, "else / flood or punt<br");
    expect_in(s, "t0_s1 -> t0_s0 [label=\"  else / punt  \\l\"];");
    t->dflt.kind = BEBA_VERDICT_NONE;
    expect_in(dot(p, &out), "else / flood or drop<br");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

static void test_loops_any_state_and_stateless(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p), *acl = add_table(p, "acl"), *one = add_table(p, "one");
    struct beba_strbuf out = {0};
    const char *s;

    t->rule[4].body = body(p, 2, go(2), say(BEBA_VERDICT_PASS));
    add_rule(t, 0, "on tcp.rst", is(p, BEBA_F_TCP_RST, 1),
             body(p, 2, go(0), say(BEBA_VERDICT_DROP)))
        ->state_mask = 0;
    add_rule(acl, 0, NULL, is(p, BEBA_F_TCP_DST, 80), body(p, 1, say(BEBA_VERDICT_PASS)))
        ->state_mask = 0;
    add_key(&one->lookup, BEBA_F_IP_SRC);
    add_reg(one, "n", BEBA_KIND_UINT, 8, 0);
    add_state(one, "start", 0, 0);
    add_rule(one, 0, "always", NULL,
             body(p, 2, set(BEBA_LV_REG, 0, BEBA_ADD, num(p, 8, 1)), say(BEBA_VERDICT_PASS)))
        ->state_mask = 0;
    s = dot(p, &out);
    expect_in(s, "tcp.dst == 22 / restart; pass<br");
    expect_in(s, "<b>in any state</b>");
    expect_in(s, "t0_s3 -> t0_s0 [style=dashed, label=\"  tcp.rst / drop  \\l\"];");
    expect_in(s, "no key");
    expect_in(s, "t1_s0 [label=<<font point-size=\"9\">tcp.dst == 80 / pass<br");
    expect_in(s, "reg n : u8");
    expect_in(s, "<b>start</b><br/><font point-size=\"9\">always / n += 1; pass<br");
    expect_not_in(s, "t2_s1");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

static void test_bounds_what_it_draws(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_strbuf out = {0};
    const char *s;

    for (unsigned i = 0; i < 20; i++)
        add_rule(t, 0, "on ip.ttl == 1", is(p, BEBA_F_IP_TTL, 1), body(p, 1, go(1)));
    t->rule[4].label = "on a_long_name == 1 && another_long_name == 2 && a_third_name == 3";
    s = dot(p, &out);
    expect_in(s, "  and 9 more  \\l");
    expect_in(s, "<br align=\"left\"/>&#160;&#160;&#160; ");
    beba_strbuf_free(&out);
    beba_pipeline_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_and_edges),
        cmocka_unit_test(test_is_the_same_each_time),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_gotos_inside_ifs),
        cmocka_unit_test(test_every_end),
        cmocka_unit_test(test_loops_any_state_and_stateless),
        cmocka_unit_test(test_bounds_what_it_draws),
    };

    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
