/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/target.h"

#include "pipeline/fixture.h"

/* Finishes and checks; the text of all that was found. Frees the pipeline. */
static unsigned check(struct beba_pipeline *p, enum beba_target target, struct beba_strbuf *out)
{
    struct beba_diags diags = {0};
    unsigned n;

    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    n = beba_target_check(p, target, &diags);
    assert_int_equal(n, diags.n);
    beba_strbuf_clear(out);
    for (uint32_t i = 0; i < diags.n; i++)
        beba_strbuf_printf(out, "%s %s: %s\n",
                           diags.diag[i].severity == BEBA_ERROR ? "error" : "warning",
                           diags.diag[i].code, diags.diag[i].message);
    beba_diags_free(&diags);
    beba_pipeline_free(p);
    return n;
}

static void expect_one(struct beba_pipeline *p, enum beba_target target, const char *want)
{
    struct beba_strbuf out = {0};
    unsigned n = check(p, target, &out);

    if (n != 1 || !strstr(beba_strbuf_str(&out), want))
        fail_msg("wanted only '%s', got %u:\n%s", want, n, beba_strbuf_str(&out));
    beba_strbuf_free(&out);
}

static void expect_none(struct beba_pipeline *p, enum beba_target target)
{
    struct beba_strbuf out = {0};

    if (check(p, target, &out))
        fail_msg("wanted nothing, got\n%s", beba_strbuf_str(&out));
    beba_strbuf_free(&out);
}

/* Port knocking that OpenFlow can run; the statement stands first in the first rule. */
static struct beba_pipeline *knocking(void)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p);

    t->lookup.field[0] = BEBA_F_IP4_SRC;
    add_reg(t, "n", BEBA_KIND_UINT, 32, 0);
    return p;
}

static struct beba_pipeline *doing(struct beba_pipeline *p, struct beba_stmt s)
{
    p->table[0].rule[0].body = body(p, 2, s, say(BEBA_VERDICT_DROP));
    return p;
}

static struct beba_pipeline *guarded(struct beba_pipeline *p, struct beba_expr *guard)
{
    p->table[0].rule[0].guard = guard;
    return p;
}

static void test_names(void **state)
{
    for (int i = 0; i < BEBA_N_TARGETS; i++)
        assert_int_equal(beba_target_find(beba_target_name((unsigned)i)), i);
    assert_null(beba_target_name(BEBA_N_TARGETS));
    assert_int_equal(beba_target_find("fpga"), -1);
}

static void test_interpreter_runs_everything(void **state)
{
    struct beba_pipeline *p = knocking();

    expect_none(doing(p, with(BEBA_STMT_MIRROR, 0, num(p, 8, 1))), BEBA_TARGET_INTERP);
    p = knocking();
    expect_none(doing(p, with(BEBA_STMT_MIRROR, 0, num(p, 8, 1))), BEBA_TARGET_NATIVE);
}

static void test_xdp(void **state)
{
    struct beba_pipeline *p = knocking();

    expect_none(p, BEBA_TARGET_XDP);
    p = knocking();
    expect_one(doing(p, with(BEBA_STMT_MIRROR, 0, num(p, 8, 1))), BEBA_TARGET_XDP,
               "error target-xdp: XDP cannot mirror");
    p = knocking();
    expect_none(doing(p, with(BEBA_STMT_MIRROR, 0, num(p, 8, 1))), BEBA_TARGET_TC);
    p = knocking();
    expect_one(doing(p, with(BEBA_STMT_QUEUE, 0, num(p, 8, 1))), BEBA_TARGET_XDP, "queue");
    p = knocking();
    p->table[0].rule[2].guard = is(p, BEBA_F_VLAN_ID, 5); /* said once a table */
    expect_one(guarded(p, is(p, BEBA_F_VLAN_ID, 7)), BEBA_TARGET_XDP, "warning target-xdp: a tag");
    p = knocking();
    p->table[0].lookup.field[0] = BEBA_F_TUNNEL_ID;
    expect_one(p, BEBA_TARGET_XDP, "tunnel_id");
}

static void test_openflow_keys(void **state)
{
    struct beba_pipeline *p = knocking();

    expect_none(p, BEBA_TARGET_OPENFLOW);
    p = knocking();
    p->table[0].lookup.field[0] = BEBA_F_IP_SRC;
    expect_none(p, BEBA_TARGET_OPENFLOW); /* a table for each version */
    p = knocking();
    p->table[0].lookup.field[0] = BEBA_F_VXLAN_VNI;
    expect_one(p, BEBA_TARGET_OPENFLOW, "vxlan.vni is not a field of OpenFlow");
    p = knocking();
    for (unsigned i = 0; i < 6; i++)
        add_key(&p->table[0].lookup, BEBA_F_IN_PORT);
    expect_one(p, BEBA_TARGET_OPENFLOW, "a key of 7 fields");
    p = knocking();
    for (unsigned i = 0; i < 3; i++)
        add_key(&p->table[0].lookup, BEBA_F_IP6_SRC);
    expect_one(p, BEBA_TARGET_OPENFLOW, "a key of 52 bytes");
    p = knocking();
    p->table[0].lookup = (struct beba_key){.kind = BEBA_KEY_CONNECTION};
    expect_one(p, BEBA_TARGET_OPENFLOW, "two copies of a register");
}

static void test_openflow_tables(void **state)
{
    struct beba_pipeline *p = knocking();
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

    for (unsigned i = 0; i < 6; i++)
        add_reg(&p->table[0], names[i], BEBA_KIND_UINT, 8, 0);
    expect_one(p, BEBA_TARGET_OPENFLOW, "7 registers, OpenFlow has at most 6");
    p = knocking();
    add_reg(&p->table[0], "wide", BEBA_KIND_UINT, 64, 0);
    expect_one(p, BEBA_TARGET_OPENFLOW, "'wide' has 64 bits");
    p = knocking();
    p->table[0].reg[0].init.lo = 5;
    expect_one(p, BEBA_TARGET_OPENFLOW, "'n' does not start at 0");
    p = knocking();
    p->table[0].timeouts[1].idle = 1500;
    expect_one(p, BEBA_TARGET_OPENFLOW,
               "warning target-openflow: timeouts of OpenFlow are in micro");
    p = knocking();
    p->table[0].timeouts[1].idle = 7200 * SEC;
    expect_one(p, BEBA_TARGET_OPENFLOW, "'step1' is longer");
}

static void test_openflow_statements(void **state)
{
    struct beba_pipeline *p = knocking();
    struct beba_expr *n = ex(p, BEBA_OP_REG, 32, 0, 0), *one = num(p, 32, 1), *sum, *e;

    sum = op2(p, BEBA_OP_ADD, 64, n, one);
    e = op2(p, BEBA_OP_ADD, 64, op2(p, BEBA_OP_ADD, 64, sum, one), one);
    expect_none(doing(p, set(BEBA_LV_REG, 0, BEBA_SET, e)), BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    one = num(p, 32, 1);
    expect_none(doing(p, set(BEBA_LV_REG, 0, BEBA_SET, ex(p, BEBA_OP_EWMA, 64, 0, 3, n, one, one))),
                BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    e = op2(p, BEBA_OP_MUL, 64, op2(p, BEBA_OP_ADD, 64, n, n), n);
    expect_none(doing(p, set(BEBA_LV_REG, 0, BEBA_SET, e)), BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    expect_one(doing(p, set(BEBA_LV_REG, 0, BEBA_SET, op2(p, BEBA_OP_MOD, 64, n, n))),
               BEBA_TARGET_OPENFLOW, "remainders by constants");
    p = knocking();
    expect_one(doing(p, set(BEBA_LV_REG, 0, BEBA_XOR, num(p, 8, 1))), BEBA_TARGET_OPENFLOW,
               "OpenFlow updates variables by sums");
    p = knocking();
    expect_none(doing(p, set(BEBA_LV_FIELD, BEBA_F_IP_TTL, BEBA_SUB, num(p, 8, 1))),
                BEBA_TARGET_OPENFLOW);
    p = knocking();
    expect_one(doing(p, set(BEBA_LV_FIELD, BEBA_F_IP_DSCP, BEBA_ADD, num(p, 6, 1))),
               BEBA_TARGET_OPENFLOW, "not to a computed value");
    p = knocking();
    expect_one(doing(p, set(BEBA_LV_FIELD, BEBA_F_IP4_ID, BEBA_SET, num(p, 16, 1))),
               BEBA_TARGET_OPENFLOW, "ip4.id is not a field of OpenFlow");
    p = knocking();
    expect_none(doing(p, out_port(ex(p, BEBA_OP_REG, 32, 0, 0))), BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    expect_one(doing(p, out_port(op2(p, BEBA_OP_ADD, 64, n, n))), BEBA_TARGET_OPENFLOW,
               "ports that are constants or in a register");
    p = knocking();
    expect_one(doing(p, with(BEBA_STMT_SWAP, BEBA_LAYER_IP, NULL)), BEBA_TARGET_OPENFLOW,
               "exchanges");
    p = knocking();
    add_let(&p->table[0], "x", 64);
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    expect_one(doing(p, let(0, op2(p, BEBA_OP_ADD, 64, n, n))), BEBA_TARGET_OPENFLOW,
               "computes nothing that is kept");
}

static void test_openflow_conditions(void **state)
{
    struct beba_pipeline *p = knocking();
    struct beba_expr *n, *e, *five;

    e = op2(p, BEBA_OP_AND, 12, field(p, BEBA_F_TCP_FLAGS), num(p, 12, 2));
    expect_none(guarded(p, op2(p, BEBA_OP_EQ, 1, e, num(p, 12, 2))), BEBA_TARGET_OPENFLOW);
    p = knocking();
    e = op2(p, BEBA_OP_SHR, 48, field(p, BEBA_F_ETH_SRC), num(p, 8, 40)); /* the group bit */
    e = op2(p, BEBA_OP_AND, 1, e, num(p, 1, 1));
    expect_none(guarded(p, op2(p, BEBA_OP_EQ, 1, e, num(p, 1, 1))), BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    e = op2(p, BEBA_OP_GT, 1, op2(p, BEBA_OP_ADD, 64, n, n), num(p, 32, 5));
    expect_one(guarded(p, e), BEBA_TARGET_OPENFLOW, "it computes nothing");
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    five = op2(p, BEBA_OP_GT, 1, n, num(p, 32, 5));
    e = five;
    for (unsigned i = 0; i < 20; i++)
        e = op2(p, BEBA_OP_LAND, 1, e, five); /* one condition */
    expect_none(guarded(p, e), BEBA_TARGET_OPENFLOW);
    p = knocking();
    n = ex(p, BEBA_OP_REG, 32, 0, 0);
    e = num(p, 1, 1);
    for (unsigned i = 0; i < 9; i++)
        e = op2(p, BEBA_OP_LAND, 1, e, op2(p, BEBA_OP_GT, 1, n, num(p, 32, i)));
    expect_one(guarded(p, e), BEBA_TARGET_OPENFLOW, "9 conditions, OpenFlow has at most 8");
    p = knocking();
    e = ex(p, BEBA_OP_RANDOM, 32, 0, 1, num(p, 32, 5));
    expect_one(doing(p, with(BEBA_STMT_QUEUE, 0, e)), BEBA_TARGET_OPENFLOW, "random");
}

static void test_openflow_globals(void **state)
{
    struct beba_pipeline *p = knocking();
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

    p->global = beba_arena_array(&p->arena, 9, sizeof(*p->global));
    for (unsigned i = 0; i < 9; i++)
        p->global[p->n_globals++] =
            (struct beba_global){.name = names[i], .type = {BEBA_KIND_UINT, 32}};
    expect_one(p, BEBA_TARGET_OPENFLOW, "9 globals, OpenFlow has at most 8");
    p = knocking();
    p->global = beba_arena_array(&p->arena, 1, sizeof(*p->global));
    p->global[p->n_globals++] = (struct beba_global){.name = "a", .type = {BEBA_KIND_TIME, 64}};
    expect_one(p, BEBA_TARGET_OPENFLOW, "global 'a' has 64 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_interpreter_runs_everything),
        cmocka_unit_test(test_xdp),
        cmocka_unit_test(test_openflow_keys),
        cmocka_unit_test(test_openflow_tables),
        cmocka_unit_test(test_openflow_statements),
        cmocka_unit_test(test_openflow_conditions),
        cmocka_unit_test(test_openflow_globals),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
