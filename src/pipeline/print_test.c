/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>

#include "base/error.h"
#include "pipeline/fixture.h"
#include "pipeline/print.h"

static void expect_text(struct beba_strbuf *out, const char *want)
{
    assert_false(out->failed);
    assert_string_equal(beba_strbuf_str(out), want);
    beba_strbuf_free(out);
    *out = (struct beba_strbuf){0};
}

static void expect_expr(struct beba_pipeline *p, struct beba_expr *e, const char *want)
{
    struct beba_strbuf out = {0};

    beba_expr_print(&out, p, p->n_tables ? &p->table[0] : NULL, e);
    expect_text(&out, want);
}

static struct beba_expr *in(struct beba_pipeline *p, struct beba_expr *e, unsigned n,
                            const struct beba_range *range)
{
    struct beba_expr *list = ex(p, BEBA_OP_IN_LIST, 1, 0, 1, e);

    list->range = range;
    list->n_ranges = n;
    return list;
}

static void test_minimal_parentheses(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_expr *a = num(p, 8, 1), *b = num(p, 8, 2), *c = num(p, 8, 3);
    struct beba_expr *t = num(p, 1, 1), *f = num(p, 1, 0);
    struct beba_expr *sum = op2(p, BEBA_OP_ADD, 64, a, b), *product = op2(p, BEBA_OP_MUL, 64, a, b);

    expect_expr(p, op2(p, BEBA_OP_MUL, 64, sum, c), "(1 + 2) * 3");
    expect_expr(p, op2(p, BEBA_OP_ADD, 64, product, c), "1 * 2 + 3");
    expect_expr(p, op2(p, BEBA_OP_SUB, 64, sum, c), "1 + 2 - 3");
    expect_expr(p, op2(p, BEBA_OP_SUB, 64, c, sum), "3 - (1 + 2)");
    expect_expr(p, op2(p, BEBA_OP_AND, 64, op2(p, BEBA_OP_OR, 8, a, b), c), "(1 | 2) & 3");
    expect_expr(p, op2(p, BEBA_OP_OR, 64, op2(p, BEBA_OP_AND, 8, a, b), c), "1 & 2 | 3");
    expect_expr(p, op2(p, BEBA_OP_SHL, 64, a, sum), "1 << 1 + 2");
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, op2(p, BEBA_OP_AND, 8, a, b), c), "1 & 2 == 3");
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, op2(p, BEBA_OP_EQ, 1, a, b), t), "(1 == 2) == true");
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, t, op2(p, BEBA_OP_LT, 1, a, b)), "true == (1 < 2)");
    expect_expr(p, op2(p, BEBA_OP_LOR, 1, op2(p, BEBA_OP_LAND, 1, t, f), f),
                "true && false || false");
    expect_expr(p, op2(p, BEBA_OP_LAND, 1, op2(p, BEBA_OP_LOR, 1, t, f), f),
                "(true || false) && false");
    expect_expr(p, op2(p, BEBA_OP_LAND, 1, t, op2(p, BEBA_OP_LAND, 1, f, t)),
                "true && false && true");
    expect_expr(p, op2(p, BEBA_OP_LOR, 1, t, op2(p, BEBA_OP_LOR, 1, f, t)),
                "true || false || true");
    expect_expr(p, ex(p, BEBA_OP_NOT, 1, 0, 1, op2(p, BEBA_OP_EQ, 1, a, b)), "!(1 == 2)");
    expect_expr(p, ex(p, BEBA_OP_NOT, 1, 0, 1, ex(p, BEBA_OP_NOT, 1, 0, 1, t)), "!!true");
    expect_expr(p, ex(p, BEBA_OP_NEG, 64, 0, 1, sum), "-(1 + 2)");
    expect_expr(p, op2(p, BEBA_OP_MUL, 64, ex(p, BEBA_OP_INV, 8, 0, 1, a), b), "~1 * 2");
    expect_expr(p, op2(p, BEBA_OP_MIN, 64, sum, product), "min(1 + 2, 1 * 2)");
    expect_expr(p, ex(p, BEBA_OP_VAR, 64, 0, 4, a, b, c, sum), "var(1, 2, 3, 1 + 2)");
    expect_expr(p, ex(p, BEBA_OP_RANDOM, 8, 0, 1, c), "random(3)");
    expect_expr(p, ex(p, BEBA_OP_HASH, 32, 0, 2, a, field(p, BEBA_F_IP_SRC)), "hash(1, ip.src)");
    beba_pipeline_free(p);
}

static void test_leaves_and_lists(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_expr *e = num(p, 64, 1500 * 1000 * 1000ull), *forward;
    static const struct beba_range ports[] = {{{0, 80}, {0, 80}}, {{0, 1024}, {0, 65535}}};
    static const struct beba_range net[] = {{{0, 0xffff0a000000}, {0, 0xffff0affffff}}};
    static const struct beba_range net6[] = {
        {{0x20010db800000000, 0}, {0x20010db8ffffffff, UINT64_MAX}}};
    static const struct beba_range odd[] = {{{0, 0xffff0a000001}, {0, 0xffff0a000002}}};
    static const struct beba_range states[] = {{{0, 0}, {0, 0}}, {{0, 2}, {0, 9}}};
    static const struct beba_range all[] = {{{0, 0}, {UINT64_MAX, UINT64_MAX}}};

    add_reg(t, "tokens", BEBA_KIND_UINT, 64, 0);
    add_let(t, "rest", 64);
    p->array = beba_arena_array(&p->arena, 1, sizeof(*p->array));
    p->array[0] = (struct beba_array){.name = "cms", .two_dimensional = true};
    p->n_arrays = 1;
    p->set = beba_arena_array(&p->arena, 1, sizeof(*p->set));
    p->set[0].name = "bad";
    p->n_sets = 1;
    e->type.kind = BEBA_KIND_TIME;
    expect_expr(p, e, "1500ms");
    expect_expr(p, ex(p, BEBA_OP_REG, 64, 0, 0), "tokens");
    expect_expr(p, ex(p, BEBA_OP_REG, 64, 9, 0), "reg9");
    expect_expr(p, ex(p, BEBA_OP_LET, 64, 0, 0), "rest");
    expect_expr(p, ex(p, BEBA_OP_PRESENT, 1, BEBA_LAYER_TCP, 0), "tcp");
    expect_expr(p, ex(p, BEBA_OP_ARRAY, 32, 0, 2, num(p, 8, 1), field(p, BEBA_F_TCP_DST)),
                "cms[1][tcp.dst]");
    expect_expr(p, ex(p, BEBA_OP_IN_SET, 1, 0, 1, field(p, BEBA_F_IP_SRC)), "ip.src in bad");
    expect_expr(p, in(p, field(p, BEBA_F_TCP_DST), 2, ports), "tcp.dst in {80, 1024..65535}");
    expect_expr(p, in(p, field(p, BEBA_F_IP_SRC), 1, net), "ip.src in 10.0.0.0/8");
    expect_expr(p, in(p, field(p, BEBA_F_IP_SRC), 1, net6), "ip.src in 2001:db8::/32");
    expect_expr(p, in(p, field(p, BEBA_F_IP_SRC), 1, odd), "ip.src in 10.0.0.1..10.0.0.2");
    expect_expr(p, in(p, field(p, BEBA_F_IP6_SRC), 1, all), "ip6.src in ::/0");
    expect_expr(p, ex(p, BEBA_OP_NOT, 1, 0, 1, in(p, field(p, BEBA_F_TCP_DST), 1, ports)),
                "!(tcp.dst in 80)");
    forward = ex(p, BEBA_OP_FORWARD, 1, 0, 0);
    expect_expr(p, forward, "forward");
    expect_expr(p, ex(p, BEBA_OP_NOT, 1, 0, 1, forward), "backward");
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, ex(p, BEBA_OP_STATE, 32, 0, 0), num(p, 32, 2)),
                "state(port_knocking) == open");
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, ex(p, BEBA_OP_STATE, 32, 0, 0), num(p, 32, 0xffffffff)),
                "state(port_knocking) == 4294967295");
    expect_expr(p, in(p, ex(p, BEBA_OP_STATE, 32, 0, 0), 2, states),
                "state(port_knocking) in {closed, open}");
    e = ex(p, BEBA_OP_MAP4, 128, 0, 1, field(p, BEBA_F_IP4_SRC));
    expect_expr(p, op2(p, BEBA_OP_EQ, 1, field(p, BEBA_F_IP_SRC), e), "ip.src == ip4.src");
    expect_expr(p, NULL, "...");
    beba_pipeline_free(p);
}

static void test_statements(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_expr *one = num(p, 8, 1);
    struct beba_stmt stmts[18], s;
    struct beba_strbuf out = {0};
    unsigned n = 0;

    add_reg(t, "tokens", BEBA_KIND_UINT, 64, 0);
    add_let(t, "rest", 64);
    p->array = beba_arena_array(&p->arena, 1, sizeof(*p->array));
    p->array[0] = (struct beba_array){.name = "cells"};
    p->n_arrays = 1;
    p->counter = beba_arena_array(&p->arena, 1, sizeof(*p->counter));
    p->counter[0].name = "hits";
    p->n_counters = 1;
    p->notice = beba_arena_array(&p->arena, 1, sizeof(*p->notice));
    p->notice[0] = (struct beba_notice){
        .text = "a \"scan\"\n", .arg_name = (const char *[]){"port"}, .n_args = 1};
    p->n_notices = 1;
    stmts[n++] = set(BEBA_LV_REG, 0, BEBA_SUB, one);
    stmts[n++] = set(BEBA_LV_FIELD, BEBA_F_IP_DSCP, BEBA_SET, num(p, 6, 46));
    s = set(BEBA_LV_ARRAY, 0, BEBA_ADD, one);
    s.index[0] = field(p, BEBA_F_TCP_DST);
    stmts[n++] = s;
    stmts[n++] = let(0, op2(p, BEBA_OP_ADD, 64, one, one));
    stmts[n++] = with(BEBA_STMT_COUNT, 0, NULL);
    s = with(BEBA_STMT_NOTIFY, 0, NULL);
    s.n_args = 1;
    s.args = (struct beba_expr *[]){field(p, BEBA_F_TCP_DST)};
    stmts[n++] = s;
    stmts[n++] = with(BEBA_STMT_MIRROR, 0, one);
    stmts[n++] = with(BEBA_STMT_QUEUE, 0, one);
    stmts[n++] = with(BEBA_STMT_PUSH_VLAN, 0x8100, num(p, 12, 100));
    stmts[n++] = with(BEBA_STMT_PUSH_VLAN, 0x88a8, num(p, 12, 100));
    stmts[n++] = with(BEBA_STMT_POP_VLAN, 0, NULL);
    stmts[n++] = with(BEBA_STMT_PUSH_MPLS, 0x8847, num(p, 20, 16));
    stmts[n++] = with(BEBA_STMT_POP_MPLS, 0, NULL);
    stmts[n++] = with(BEBA_STMT_SWAP, BEBA_LAYER_L4, NULL);
    stmts[n++] =
        when(is(p, BEBA_F_TCP_DST, 22), body(p, 2, go(2), out_port(one)),
             body(p, 1, when(num(p, 1, 1), body(p, 1, say(BEBA_VERDICT_REPLY)), body(p, 0))));
    beba_body_print(&out, p, t, &(struct beba_body){stmts, n}, 2);
    expect_text(&out, "  tokens -= 1\n"
                      "  ip.dscp = 46\n"
                      "  cells[tcp.dst] += 1\n"
                      "  let rest = 1 + 1\n"
                      "  count hits\n"
                      "  notify \"a \\\"scan\\\"\\n\" { port = tcp.dst }\n"
                      "  mirror(1)\n"
                      "  queue 1\n"
                      "  vlan.push 100\n"
                      "  vlan.push 100 (0x88a8)\n"
                      "  vlan.pop\n"
                      "  mpls.push 16\n"
                      "  mpls.pop\n"
                      "  swap l4\n"
                      "  if tcp.dst == 22 {\n"
                      "      goto open\n"
                      "      output(1)\n"
                      "  } else {\n"
                      "      if true {\n"
                      "          reply\n"
                      "      }\n"
                      "  }\n");
    beba_pipeline_free(p);
}

static void test_pipeline_as_text(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);
    struct beba_strbuf out = {0};

    add_reg(t, "tries", BEBA_KIND_UINT, 16, 3);
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    beba_pipeline_print(&out, p);
    expect_text(&out, "pipeline port_knocking\n"
                      "table 0 port_knocking\n"
                      "    key ip.src  # 16 bytes\n"
                      "    reg tries : u16 = 3  # at 0\n"
                      "    capacity 1000 when full refuse -> drop\n"
                      "    without key -> pass\n"
                      "    state closed  # 0\n"
                      "    state step1 idle 1s -> closed  # 1\n"
                      "    state open idle 1m -> closed  # 2\n"
                      "    default -> none\n"
                      "    rule 0 in closed: on udp.dst == 1111  # creates\n"
                      "        when udp.dst == 1111\n"
                      "        goto step1\n"
                      "        drop\n"
                      "    rule 1 in closed: else\n"
                      "        drop\n"
                      "    rule 2 in step1: on udp.dst == 2222  # creates\n"
                      "        when udp.dst == 2222\n"
                      "        goto open\n"
                      "        drop\n"
                      "    rule 3 in step1: else\n"
                      "        goto closed\n"
                      "        drop\n"
                      "    rule 4 in open: on tcp.dst == 22\n"
                      "        when tcp.dst == 22\n"
                      "        pass\n"
                      "    rule 5 in open: else\n"
                      "        drop\n");
    beba_table_schema(&out, t);
    expect_text(&out, "beba-table 1\n"
                      "machine port_knocking\n"
                      "lookup ip.src:128\n"
                      "update ip.src:128\n"
                      "reg tries u16 at:0 init:0x00000000000000000000000000000003\n"
                      "state closed\n"
                      "state step1 idle:1000000000:closed\n"
                      "state open idle:60000000000:closed\n");
    beba_pipeline_free(p);
}

/* A schema gives the table back, and no text does harm. */
static void test_schema_back(void **state)
{
    static const char text[] = "beba-table 1\n"
                               "machine m\n"
                               "lookup ip.src:128 tcp.dst:16\n"
                               "update ip.dst:128 tcp.dst:16\n"
                               "reg tries u16 at:16 init:0x00000000000000000000000000000003\n"
                               "reg who ip6 at:0 init:0x20010db8000000000000000000000001\n"
                               "state closed\n"
                               "state open idle:60000000000:closed\n";
    struct beba_arena arena = {0};
    struct beba_table t;
    struct beba_error err;
    char cut[sizeof(text)];

    assert_int_equal(beba_table_parse_schema(text, &arena, &t, &err), 0);
    assert_string_equal(t.name, "m");
    assert_int_equal(t.lookup.kind, BEBA_KEY_FIELDS);
    assert_int_equal(t.lookup.n_fields, 2);
    assert_int_equal(t.lookup.size, 18);
    assert_int_equal(t.update.field[0], BEBA_F_IP_DST);
    assert_int_equal(t.n_regs, 2);
    assert_string_equal(t.reg[1].name, "who");
    assert_int_equal(t.reg[0].offset, 16);
    assert_int_equal(t.reg[0].init.lo, 3);
    assert_int_equal(t.reg[1].init.hi, 0x20010db8ull << 32);
    assert_int_equal(t.reg[1].type.kind, BEBA_KIND_IP6);
    assert_int_equal(t.regs_size, 24);
    assert_int_equal(t.n_states, 2);
    assert_string_equal(t.state[1].name, "open");
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        memcpy(cut, text, n);
        cut[n] = '\0';
        beba_table_parse_schema(cut, &arena, &t, &err);
        memcpy(cut, text, sizeof(text));
        cut[n] = '~';
        beba_table_parse_schema(cut, &arena, &t, NULL);
    }
    assert_int_equal(beba_table_parse_schema("", &arena, &t, &err), -EINVAL);
    beba_arena_free(&arena);
}

static void test_keys(void **state)
{
    static const uint8_t both[40] = {0, 0, 0, 0,    0, 0,    0,    0,    0, 0,  0xff, 0xff, 10,
                                     0, 0, 1, 0x20, 1, 0x0d, 0xb8, 0,    0, 0,  0,    0,    0,
                                     0, 0, 0, 0,    0, 2,    0x04, 0xd2, 0, 80, 6};
    static const uint8_t mac[8] = {0x02, 0, 0, 0, 0, 1, 0x00, 0x64};
    struct beba_key key = {.kind = BEBA_KEY_CONNECTION};
    struct beba_strbuf out = {0};
    struct beba_u128 value;
    struct beba_type type;
    const char *name;
    uint8_t other[40];

    beba_key_print(&out, &key, both);
    expect_text(&out, "10.0.0.1:1234 <-> [2001:db8::2]:80 tcp");
    memcpy(other, both, sizeof(other));
    other[36] = 47;
    beba_key_print(&out, &key, other);
    expect_text(&out, "10.0.0.1:1234 <-> [2001:db8::2]:80 proto 47");
    assert_int_equal(beba_key_parts(&key), 5);
    assert_true(beba_key_field(&key, both, 1, &name, &type, &value));
    assert_string_equal(name, "ip.b");
    assert_int_equal(type.kind, BEBA_KIND_IP);
    assert_int_equal(value.hi, 0x20010db8ull << 32);
    assert_int_equal(value.lo, 2);
    assert_true(beba_key_field(&key, both, 3, &name, &type, &value));
    assert_string_equal(name, "l4.b");
    assert_int_equal(value.lo, 80);
    assert_false(beba_key_field(&key, both, 5, &name, &type, &value));

    key = (struct beba_key){0};
    beba_key_print(&out, &key, both);
    expect_text(&out, "");
    add_key(&key, BEBA_F_ETH_SRC);
    add_key(&key, BEBA_F_VLAN_ID);
    beba_key_print(&out, &key, mac);
    expect_text(&out, "eth.src=02:00:00:00:00:01, vlan.id=100");
    beba_key_fields_print(&out, &key);
    expect_text(&out, "eth.src, vlan.id");
    assert_int_equal(beba_key_parts(&key), 2);
    assert_true(beba_key_field(&key, mac, 1, &name, &type, &value));
    assert_string_equal(name, "vlan.id");
    assert_int_equal(value.lo, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal_parentheses), cmocka_unit_test(test_leaves_and_lists),
        cmocka_unit_test(test_statements),          cmocka_unit_test(test_pipeline_as_text),
        cmocka_unit_test(test_schema_back),         cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
