/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"
#include "pipeline/fixture.h"

#include <errno.h>
#include <stdio.h>

/* A sound pipeline with one of everything; each case below breaks one thing in it. */
static struct beba_pipeline *sound(void)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_knocking(p), *l = add_table(p, "learning");
    struct beba_range *range = beba_arena_array(&p->arena, 2, sizeof(*range));

    p->global = beba_arena_array(&p->arena, 1, sizeof(*p->global));
    p->global[p->n_globals++] = (struct beba_global){.name = "g", .type = {BEBA_KIND_UINT, 32}};
    p->array = beba_arena_array(&p->arena, 2, sizeof(*p->array));
    p->array[p->n_arrays++] =
        (struct beba_array){.name = "cells", .type = {BEBA_KIND_UINT, 32}, .rows = 1, .columns = 8};
    p->array[p->n_arrays++] = (struct beba_array){.name = "cms",
                                                  .type = {BEBA_KIND_UINT, 32},
                                                  .rows = 4,
                                                  .columns = 8,
                                                  .two_dimensional = true};
    range[0] = (struct beba_range){{0, 80}, {0, 80}};
    range[1] = (struct beba_range){{0, 100}, {0, 200}};
    p->set = beba_arena_array(&p->arena, 1, sizeof(*p->set));
    p->set[p->n_sets++] = (struct beba_set){
        .name = "ports", .type = {BEBA_KIND_UINT, 16}, .range = range, .n_ranges = 2};
    p->counter = beba_arena_array(&p->arena, 1, sizeof(*p->counter));
    p->counter[p->n_counters++].name = "hits";
    p->notice = beba_arena_array(&p->arena, 1, sizeof(*p->notice));
    p->notice[p->n_notices] = (struct beba_notice){.text = "seen", .n_args = 1};
    p->notice[0].arg_name = beba_arena_copy(&p->arena, &(const char *){"port"}, sizeof(char *));
    p->notice[0].arg_type = beba_arena_copy(&p->arena, &(struct beba_type){BEBA_KIND_UINT, 16},
                                            sizeof(struct beba_type));
    p->n_notices++;

    add_key(&l->lookup, BEBA_F_ETH_DST);
    add_key(&l->update, BEBA_F_ETH_SRC);
    add_state(l, "unknown", 0, 0);
    add_state(l, "known", 300 * SEC, 0);
    add_reg(l, "port", BEBA_KIND_UINT, 16, 0);
    add_let(l, "twice", 64);
    add_rule(l, 0, "always", NULL,
             body(p, 3, set(BEBA_LV_REG, 0, BEBA_SET, field(p, BEBA_F_IN_PORT)), go(1),
                  say(BEBA_VERDICT_FLOOD)));
    add_rule(l, 1, "always", NULL, body(p, 1, out_port(ex(p, BEBA_OP_REG, 16, 0, 0))));
    assert_ptr_equal(t, &p->table[0]);
    return p;
}

static void outcome(struct beba_pipeline *p, int code, const char *what, const char *where)
{
    struct beba_error err = {0};
    int rc = beba_pipeline_finish(p, &err);

    if (rc != code || !strstr(err.what, what) || !strstr(err.where, where))
        fail_msg("wanted %d '%s' at '%s', got %d '%s' at '%s'", code, what, where, rc, err.what,
                 err.where);
    beba_pipeline_free(p);
}

/* The statement stands first in the first rule of table 'learning'. */
static void expect_stmt(struct beba_pipeline *p, struct beba_stmt s, int code, const char *what)
{
    p->table[1].rule[0].body = body(p, 2, s, say(BEBA_VERDICT_DROP));
    outcome(p, code, what, code ? "table 'learning', rule 0 (always), statement 0" : "");
}

/* The value is assigned to register port. */
static void expect_assigned(struct beba_pipeline *p, struct beba_expr *e, int code,
                            const char *what)
{
    expect_stmt(p, set(BEBA_LV_REG, 0, BEBA_SET, e), code, what);
}

static void expect_guard(struct beba_pipeline *p, struct beba_expr *e, int code, const char *what)
{
    p->table[1].rule[0].guard = e;
    outcome(p, code, what, code ? "table 'learning', rule 0 (always), guard" : "");
}

static void test_accepts(void **state)
{
    outcome(sound(), 0, "", "");
}

static void test_finish_fills(void **state)
{
    struct beba_pipeline *p = sound();
    const struct beba_table *t = &p->table[0], *l = &p->table[1];

    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    assert_int_equal(beba_pipeline_finish(p, NULL), 0); /* twice is once */
    assert_int_equal(p->n_rules, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(p->rule[i]->id, i);
        assert_ptr_equal(p->rule[i], i < 6 ? &t->rule[i] : &l->rule[i - 6]);
    }
    assert_false(t->two_keys);
    assert_true(l->two_keys);
    assert_int_equal(t->lookup.size, 16);
    assert_int_equal(l->lookup.size, 6);
    assert_int_equal(l->lookup.padded, 8);
    assert_true(t->rule[0].creates);
    assert_false(t->rule[1].creates);
    assert_false(t->rule[3].creates); /* back to a start without timeouts */
    assert_true(l->rule[0].creates);
    assert_false(l->rule[1].creates);
    beba_pipeline_free(p);
}

static void test_creates_looks_into_ifs(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_expr *yes = num(p, 1, 1);

    p->table[0].rule[1].body =
        body(p, 1, when(yes, body(p, 0), body(p, 1, when(yes, body(p, 1, go(2)), body(p, 0)))));
    p->table[0].timeouts[0].hard = SEC; /* now entering the start means an entry */
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    assert_true(p->table[0].rule[1].creates);
    assert_true(p->table[0].rule[3].creates);
    beba_pipeline_free(p);
}

static void test_layout_of_registers(void **state)
{
    static const struct {
        unsigned width, offset, size;
    } want[] = {{8, 30, 1}, {64, 16, 8}, {1, 31, 1}, {128, 0, 16}, {16, 28, 2}, {20, 24, 4}};
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_table(p, "t");
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    uint64_t wide;
    uint16_t e;

    add_key(&t->lookup, BEBA_F_IP_SRC);
    add_state(t, "start", 0, 0);
    for (unsigned i = 0; i < 6; i++)
        add_reg(t, names[i],
                want[i].width == 128 ? BEBA_KIND_IP6
                : want[i].width == 1 ? BEBA_KIND_BOOL
                                     : BEBA_KIND_UINT,
                want[i].width, 1);
    t->reg[3].init.hi = 0x20010db8ull << 32;
    t->reg[4].init.lo = 0x1234;
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(t->reg[i].offset, want[i].offset);
        assert_int_equal(t->reg[i].size, want[i].size);
    }
    assert_int_equal(t->regs_size, 32);
    memcpy(&wide, t->regs_init, 8);
    assert_int_equal(wide, 0x20010db8ull << 32);
    memcpy(&wide, t->regs_init + 8, 8);
    assert_int_equal(wide, 1);
    memcpy(&e, t->regs_init + 28, 2);
    assert_int_equal(e, 0x1234);
    assert_int_equal(t->regs_init[30], 1);
    beba_pipeline_free(p);
}

static void test_layout_of_keys(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t = add_table(p, "t"), *c = add_table(p, "c");

    add_key(&t->lookup, BEBA_F_VLAN_ID);
    add_key(&t->lookup, BEBA_F_ETH_SRC);
    add_key(&t->lookup, BEBA_F_TCP_SYN);
    add_state(t, "start", 0, 0);
    c->lookup.kind = BEBA_KEY_CONNECTION;
    add_state(c, "start", 0, 0);
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    assert_int_equal(t->lookup.size, 2 + 6 + 1);
    assert_int_equal(t->lookup.padded, 12);
    assert_int_equal(c->lookup.size, 37);
    assert_int_equal(c->lookup.padded, 40);
    beba_pipeline_free(p);
}

static void test_timeouts_get_their_periods(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_table *t = &p->table[0];

    t->timeouts[0] = (struct beba_timeouts){.hard = SEC, .hard_to = 1};
    assert_int_equal(beba_pipeline_finish(p, NULL), 0);
    assert_int_equal(t->timeouts[0].period, 2 * SEC);
    assert_int_equal(t->timeouts[2].period, 0);
    beba_pipeline_free(p);
}

static void test_rejects_tables(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();

    outcome(p, -EINVAL, "without tables", "");
    p = sound();
    p->table[1].name = "port_knocking";
    outcome(p, -EINVAL, "two tables are called 'port_knocking'", "");
    p = sound();
    p->table[1].name = NULL;
    outcome(p, -EINVAL, "table 1 has no name", "");
    p = sound();
    p->n_tables = 256;
    outcome(p, -E2BIG, "256 tables, at most 255", "");
    p = sound();
    p->table[0].capacity = 0;
    outcome(p, -EINVAL, "capacity of 0", "table 'port_knocking'");
    p = sound();
    p->table[0].capacity = 1ull << 32;
    outcome(p, -EINVAL, "outside of 1..4294967295", "table 'port_knocking'");
    p = sound();
    p->table[0].full = 2;
    outcome(p, -EINVAL, "policy 2 when full", "table 'port_knocking'");
    p = sound();
    p->table[0].full_verdict.kind = BEBA_VERDICT_NONE;
    outcome(p, -EINVAL, "a verdict is missing", "verdict when full");
    p = sound();
    p->table[0].no_key.kind = BEBA_VERDICT_NONE;
    outcome(p, -EINVAL, "a verdict is missing", "verdict without key");
    p = sound();
    p->table[0].dflt.kind = BEBA_N_VERDICTS;
    outcome(p, -EINVAL, "a verdict is missing", "default verdict");
    p = sound();
    p->table[0].dflt.kind = BEBA_VERDICT_OUTPUT;
    outcome(p, -EINVAL, "output without a port", "default verdict");
    p = sound();
    p->table[1].no_key = (struct beba_verdict){.kind = BEBA_VERDICT_OUTPUT};
    p->table[1].no_key.port = ex(p, BEBA_OP_REG, 16, 0, 0);
    outcome(p, -EINVAL, "where there is no entry", "verdict without key");
}

static void test_rejects_keys(void **state)
{
    struct beba_pipeline *p = sound();

    p->table[0].lookup.kind = 3;
    outcome(p, -EINVAL, "key kind 3", "table 'port_knocking', lookup key");
    p = sound();
    p->table[0].lookup.n_fields = 0;
    outcome(p, -EINVAL, "without fields", "lookup key");
    p = sound();
    p->table[0].lookup.n_fields = 17;
    outcome(p, -E2BIG, "17 key fields, at most 16", "lookup key");
    p = sound();
    p->table[0].lookup.field[0] = BEBA_N_FIELDS;
    outcome(p, -EINVAL, "does not exist", "lookup key");
    p = sound();
    for (unsigned i = 0; i < 4; i++)
        add_key(&p->table[0].lookup, BEBA_F_IP_DST);
    outcome(p, -E2BIG, "80 bytes of key, at most 64", "lookup key");
    p = sound();
    p->table[0].lookup.kind = BEBA_KEY_CONNECTION;
    outcome(p, -EINVAL, "not made of fields", "lookup key");
    p = sound();
    add_key(&p->table[1].update, BEBA_F_VLAN_ID);
    outcome(p, -EINVAL, "differ in their fields' number", "table 'learning'");
    p = sound();
    p->table[1].update.field[0] = BEBA_F_IP_SRC;
    outcome(p, -EINVAL, "eth.dst and ip.src differ in width", "table 'learning'");
    p = sound();
    p->table[1].lookup = p->table[1].update = (struct beba_key){0};
    outcome(p, -EINVAL, "a table without a key has registers", "table 'learning'");
    p = sound();
    p->table[0].lookup = (struct beba_key){0};
    outcome(p, -EINVAL, "a table without a key has states", "table 'port_knocking'");
}

static void test_rejects_registers_and_states(void **state)
{
    struct beba_pipeline *p = sound();
    static char names[BEBA_MAX_REGS + 1][8];

    p->table[1].reg[0].name = NULL;
    outcome(p, -EINVAL, "register 0 has no name", "table 'learning'");
    p = sound();
    p->table[1].reg[0].init.lo = 65536;
    outcome(p, -EINVAL, "initial value of 'port' does not fit in 16 bits", "table 'learning'");
    p = sound();
    p->table[1].reg[0].type.width = 65;
    outcome(p, -EINVAL, "'port' has a type", "table 'learning'");
    p = sound();
    p->table[1].reg[0].type = (struct beba_type){BEBA_KIND_MAC, 32};
    outcome(p, -EINVAL, "'port' has a type", "table 'learning'");
    p = sound();
    add_reg(&p->table[1], "port", BEBA_KIND_UINT, 8, 0);
    outcome(p, -EINVAL, "two registers are called 'port'", "table 'learning'");
    p = sound();
    for (unsigned i = 1; i <= BEBA_MAX_REGS; i++) {
        snprintf(names[i], sizeof(names[i]), "r%u", i);
        add_reg(&p->table[1], names[i], BEBA_KIND_UINT, 8, 0);
    }
    outcome(p, -E2BIG, "65 registers, at most 64", "table 'learning'");
    p = sound();
    for (unsigned i = 1; i <= 32; i++)
        add_reg(&p->table[1], names[i], BEBA_KIND_UINT, 64, 0);
    outcome(p, -E2BIG, "264 bytes of registers, at most 256", "table 'learning'");
    p = sound();
    p->table[0].n_states = 0;
    outcome(p, -EINVAL, "a table with a key has no state", "table 'port_knocking'");
    p = sound();
    p->table[0].state[2].name = "closed";
    outcome(p, -EINVAL, "two states are called 'closed'", "table 'port_knocking'");
    p = sound();
    p->table[0].timeouts[1].idle_to = 3;
    outcome(p, -EINVAL, "state 'step1' falls back", "table 'port_knocking'");
    p = sound();
    p->table[0].timeouts = NULL;
    outcome(p, -EINVAL, "timeouts of the states are missing", "table 'port_knocking'");
    p = sound();
    p->table[0].n_states = 65536;
    outcome(p, -E2BIG, "65536 states", "table 'port_knocking'");
}

static void test_rejects_shared_things(void **state)
{
    struct beba_pipeline *p = sound();

    p->global[0].init.lo = 1ull << 32;
    outcome(p, -EINVAL, "initial value of 'g'", "");
    p = sound();
    p->array[0].rows = 2;
    outcome(p, -EINVAL, "array 'cells' has 2 rows", "");
    p = sound();
    p->array[1].columns = 0;
    outcome(p, -EINVAL, "array 'cms' has 4 rows and 0 columns", "");
    p = sound();
    p->array[1].columns = BEBA_MAX_CELLS / 4 + 1;
    outcome(p, -E2BIG, "cells, at most", "");
    p = sound();
    p->array[0].type = (struct beba_type){BEBA_KIND_IP6, 128};
    outcome(p, -EINVAL, "array 'cells' has cells of kind", "");
    p = sound();
    p->set[0].range[1].hi.lo = 99;
    outcome(p, -EINVAL, "element 1 of set 'ports'", "");
    p = sound();
    p->set[0].range[1].hi.lo = 65536;
    outcome(p, -EINVAL, "element 1 of set 'ports'", "");
    p = sound();
    p->notice[0].text = NULL;
    outcome(p, -EINVAL, "notice 0 has no text", "");
    p = sound();
    p->notice[0].n_args = 9;
    outcome(p, -E2BIG, "9 values in a notice, at most 8", "");
    p = sound();
    p->counter[0].name = NULL;
    outcome(p, -EINVAL, "counter 0 has no name", "");
}

static void test_rejects_rules(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_match *m;

    p->table[1].rule[0].state = 2;
    outcome(p, -EINVAL, "state 2 does not exist, there are 2", "table 'learning', rule 0");
    p = sound();
    p->table[1].rule[0].state_mask = 0;
    p->table[1].rule[0].state = 1;
    outcome(p, -EINVAL, "bits outside of its mask", "table 'learning', rule 0");
    p = sound();
    p->table[1].rule[0].lets = body(p, 1, go(1));
    outcome(p, -EINVAL, "not a let", "table 'learning', rule 0 (always), let");
    p = sound();
    p->table[1].rule[0].n_matches = 1;
    outcome(p, -EINVAL, "1 matches are missing", "table 'learning', rule 0");
    p = sound();
    m = beba_arena_alloc(&p->arena, sizeof(*m));
    *m = (struct beba_match){BEBA_F_VLAN_ID, {0, 7}, {0, 0x1fff}};
    p->table[1].rule[0].match = m;
    p->table[1].rule[0].n_matches = 1;
    outcome(p, -EINVAL, "mask of vlan.id is wider than its 12 bits", "rule 0 (always), match");
    p = sound();
    m = beba_arena_alloc(&p->arena, sizeof(*m));
    *m = (struct beba_match){BEBA_F_VLAN_ID, {0, 7}, {0, 3}};
    p->table[1].rule[0].match = m;
    p->table[1].rule[0].n_matches = 1;
    outcome(p, -EINVAL, "value of vlan.id has bits outside", "rule 0 (always), match");
    p = sound();
    expect_guard(p, num(p, 8, 1), -EINVAL, "8 bits is not a truth value");
}

static void test_rejects_statements(void **state)
{
    struct beba_pipeline *p = sound();

    expect_stmt(p, (struct beba_stmt){.kind = BEBA_N_STMTS}, -EINVAL, "statement kind");
    p = sound();
    expect_stmt(p, go(2), -EINVAL, "state 2 does not exist");
    p = sound();
    expect_stmt(p, say(BEBA_VERDICT_NONE), -EINVAL, "a verdict is missing");
    p = sound();
    expect_stmt(p, say(BEBA_VERDICT_NEXT), 0, "");
    p = sound();
    expect_stmt(p, say(BEBA_VERDICT_OUTPUT), -EINVAL, "output without a port");
    p = sound();
    expect_stmt(p, out_port(field(p, BEBA_F_IP_SRC)), -EINVAL, "128 bits is used where 64");
    p = sound();
    expect_stmt(p, set(BEBA_LV_REG, 1, BEBA_SET, num(p, 8, 1)), -EINVAL,
                "does not exist (number 1)");
    p = sound();
    expect_stmt(p, set(4, 0, BEBA_SET, num(p, 8, 1)), -EINVAL, "something of kind 4");
    p = sound();
    expect_stmt(p, set(BEBA_LV_REG, 0, 6, num(p, 8, 1)), -EINVAL, "assignment operator 6");
    p = sound();
    expect_stmt(p, set(BEBA_LV_REG, 0, BEBA_SET, NULL), -EINVAL, "expression is missing");
    p = sound();
    expect_stmt(p, set(BEBA_LV_FIELD, BEBA_F_NOW, BEBA_SET, num(p, 8, 1)), -EINVAL,
                "now cannot be assigned");
    p = sound();
    expect_stmt(p, set(BEBA_LV_FIELD, BEBA_F_IP_SRC, BEBA_SET, num(p, 32, 1)), -EINVAL,
                "32 bits is used where 128");
    p = sound();
    expect_stmt(p, set(BEBA_LV_FIELD, BEBA_F_IP_SRC, BEBA_ADD, num(p, 128, 1)), -EINVAL,
                "ip.src' has 128 bits and can only be set");
    p = sound();
    expect_stmt(p, set(BEBA_LV_ARRAY, 0, BEBA_ADD, num(p, 8, 1)), -EINVAL, "expression is missing");
    p = sound();
    expect_stmt(p, let(1, num(p, 8, 1)), -EINVAL, "let 1 does not exist");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_COUNT, 1, NULL), -EINVAL, "counter 1");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_NOTIFY, 0, NULL), -EINVAL,
                "notice \"seen\" takes 1 values, not 0");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_SWAP, BEBA_LAYER_TCP, NULL), -EINVAL, "no two ends");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_PUSH_VLAN, 0, num(p, 12, 5)), -EINVAL, "ether type 0x0");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_POP_MPLS, 0x10000, NULL), -EINVAL, "ether type 0x10000");
    p = sound();
    expect_stmt(p, with(BEBA_STMT_MIRROR, 0, NULL), -EINVAL, "expression is missing");
    p = sound();
    p->table[1].lookup = p->table[1].update = (struct beba_key){0};
    p->table[1].n_regs = 0;
    p->table[1].n_states = 0;
    p->table[1].n_rules = 1;
    expect_stmt(p, go(0), -EINVAL, "without a key enters a state");
}

static void test_rejects_expressions(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_expr *e;

    expect_assigned(p, ex(p, BEBA_N_OPS, 8, 0, 0), -EINVAL, "operation");
    p = sound();
    expect_assigned(p, num(p, 8, 256), -EINVAL, "does not fit in its 8 bits");
    p = sound();
    expect_assigned(p, num(p, 65, 0), -EINVAL, "an expression of 65 bits");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_FIELD, 16, BEBA_N_FIELDS, 0), -EINVAL, "field");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_FIELD, 8, BEBA_F_TCP_DST, 0), -EINVAL, "tcp.dst has 16 bits");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_REG, 16, 1, 0), -EINVAL, "register 1 does not exist");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_LET, 64, 0, 0), -EINVAL,
                    "'twice' is read before it is computed");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_GLOBAL, 32, 1, 0), -EINVAL, "global 1");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_STATE, 32, 2, 0), -EINVAL, "table 2");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_STATE, 16, 0, 0), -EINVAL,
                    "result of 'state' is said to have 16");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_FORWARD, 1, 0, 0), -EINVAL, "key is a connection");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_PRESENT, 1, BEBA_N_LAYERS, 0), -EINVAL, "layer");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_ARRAY, 32, 1, 1, num(p, 8, 0)), -EINVAL,
                    "has rows and columns");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_ARRAY, 32, 0, 1, field(p, BEBA_F_IP_SRC)), -EINVAL,
                    "argument 1 has 128");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_ADD, 64, 0, 1, num(p, 8, 0)), -EINVAL, "'+' has 1 arguments");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_HASH, 32, 0, 0), -EINVAL, "'hash' has 0 arguments");
    p = sound();
    expect_assigned(p, op2(p, BEBA_OP_ADD, 16, num(p, 8, 0), num(p, 8, 0)), -EINVAL,
                    "result of '+' is said to have 16 bits, it has 64");
    p = sound();
    expect_assigned(p, op2(p, BEBA_OP_OR, 8, num(p, 8, 0), num(p, 16, 0)), -EINVAL, "it has 16");
    p = sound();
    expect_assigned(p, op2(p, BEBA_OP_AND, 8, num(p, 8, 0), num(p, 16, 0)), 0, "");
    p = sound();
    expect_assigned(p, op2(p, BEBA_OP_ADD, 64, field(p, BEBA_F_IP_SRC), num(p, 8, 0)), -EINVAL,
                    "'+' takes up to 64 bits");
    p = sound();
    expect_guard(p, op2(p, BEBA_OP_EQ, 1, field(p, BEBA_F_IP_SRC), num(p, 32, 0)), -EINVAL,
                 "compares 128 bits with 32");
    p = sound();
    expect_guard(p, op2(p, BEBA_OP_LAND, 1, num(p, 1, 0), num(p, 2, 0)), -EINVAL,
                 "takes truth values, argument 2 has 2");
    p = sound();
    expect_guard(p, ex(p, BEBA_OP_NOT, 8, 0, 1, num(p, 1, 0)), -EINVAL, "result of '!'");
    p = sound();
    expect_assigned(p, ex(p, BEBA_OP_MAP4, 128, 0, 1, num(p, 48, 0)), -EINVAL,
                    "takes an IPv4 address");
    p = sound();
    expect_guard(p, ex(p, BEBA_OP_IN_SET, 1, 1, 1, num(p, 16, 0)), -EINVAL, "set 1");
    p = sound();
    expect_guard(p, ex(p, BEBA_OP_IN_SET, 1, 0, 1, field(p, BEBA_F_IP_SRC)), -EINVAL,
                 "members of 16 bits, not of 128");
    p = sound();
    e = ex(p, BEBA_OP_IN_LIST, 1, 0, 1, num(p, 16, 0));
    e->range = (struct beba_range[]){{{0, 5}, {0, 9}}, {{0, 9}, {0, 10}}};
    e->n_ranges = 2;
    expect_guard(p, e, -EINVAL, "not sorted and disjoint");
    p = sound();
    e = ex(p, BEBA_OP_IN_LIST, 1, 0, 1, num(p, 16, 0));
    e->range = (struct beba_range[]){{{1, 5}, {1, 9}}};
    e->n_ranges = 1;
    expect_guard(p, e, -EINVAL, "members of 128");
}

/* A let is seen by the rules that are tried only where it was computed, and within its own block.
 */
static void test_lets_reach(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_expr *read = ex(p, BEBA_OP_LET, 64, 0, 0);

    p->table[1].rule[0].lets = body(p, 1, let(0, num(p, 8, 1)));
    expect_assigned(p, read, 0, "");

    p = sound();
    p->table[1].rule[0].lets = body(p, 1, let(0, num(p, 8, 1))); /* of state 0 */
    p->table[1].rule[1].body = body(p, 1, out_port(ex(p, BEBA_OP_LET, 64, 0, 0)));
    outcome(p, -EINVAL, "'twice' is read before", "table 'learning', rule 1");

    p = sound();
    p->table[1].rule[0].lets = body(p, 1, let(0, num(p, 8, 1)));
    p->table[1].rule[0].state_mask = 0; /* of any state */
    p->table[1].rule[1].body = body(p, 1, out_port(ex(p, BEBA_OP_LET, 64, 0, 0)));
    outcome(p, 0, "", "");

    p = sound();
    p->table[1].rule[0].body =
        body(p, 2, when(num(p, 1, 1), body(p, 1, let(0, num(p, 8, 1))), body(p, 0)),
             out_port(ex(p, BEBA_OP_LET, 64, 0, 0)));
    outcome(p, -EINVAL, "'twice' is read before", "statement 1");

    p = sound();
    p->table[1].rule[0].body =
        body(p, 2, let(0, num(p, 8, 1)), out_port(ex(p, BEBA_OP_LET, 64, 0, 0)));
    outcome(p, 0, "", "");
}

static void test_bounds_depth_and_size(void **state)
{
    struct beba_pipeline *p = sound();
    struct beba_expr *e = num(p, 64, 1);
    struct beba_body b = body(p, 0);

    for (unsigned i = 0; i < BEBA_MAX_DEPTH - 1; i++)
        e = op2(p, BEBA_OP_ADD, 64, num(p, 8, 1), e);
    expect_assigned(p, e, 0, "");

    p = sound();
    e = num(p, 64, 1);
    for (unsigned i = 0; i < BEBA_MAX_DEPTH; i++)
        e = op2(p, BEBA_OP_ADD, 64, num(p, 8, 1), e);
    expect_assigned(p, e, -E2BIG, "nested more than 200 deep");

    p = sound();
    e = num(p, 64, 1);
    for (unsigned i = 0; i < 40; i++)
        e = op2(p, BEBA_OP_ADD, 64, e, e); /* 2^40 when walked as a tree */
    expect_assigned(p, e, -E2BIG, "more than 16777216 expressions");

    p = sound();
    for (unsigned i = 0; i < BEBA_MAX_DEPTH + 1; i++)
        b = body(p, 1, when(num(p, 1, 1), b, body(p, 0)));
    p->table[1].rule[0].body = b;
    outcome(p, -E2BIG, "nested more than 200 deep", "rule 0 (always), statement 0");
}

static void test_body_decides(void **state)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_body drop = body(p, 1, say(BEBA_VERDICT_DROP)), empty = body(p, 0);
    struct beba_body both = body(p, 1, when(num(p, 1, 1), drop, drop));
    struct beba_body one = body(p, 1, when(num(p, 1, 1), drop, empty));
    struct beba_body then = body(p, 2, when(num(p, 1, 1), drop, empty), say(BEBA_VERDICT_PASS));

    assert_true(beba_body_decides(&drop));
    assert_true(beba_body_decides(&both));
    assert_true(beba_body_decides(&then));
    assert_false(beba_body_decides(&one));
    assert_false(beba_body_decides(&empty));
    beba_pipeline_free(p);
    beba_pipeline_free(NULL);
}

static void test_operations_are_described(void **state)
{
    for (unsigned i = 0; i < BEBA_N_OPS; i++) {
        assert_non_null(beba_ops[i].name);
        assert_true(beba_ops[i].arity <= 4 || beba_ops[i].arity == 255);
        assert_true(beba_ops[i].precedence <= 10);
    }
    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        assert_string_not_equal(beba_verdict_name(i), "unknown");
    assert_string_equal(beba_verdict_name(BEBA_N_VERDICTS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_finish_fills),
        cmocka_unit_test(test_creates_looks_into_ifs),
        cmocka_unit_test(test_layout_of_registers),
        cmocka_unit_test(test_layout_of_keys),
        cmocka_unit_test(test_timeouts_get_their_periods),
        cmocka_unit_test(test_rejects_tables),
        cmocka_unit_test(test_rejects_keys),
        cmocka_unit_test(test_rejects_registers_and_states),
        cmocka_unit_test(test_rejects_shared_things),
        cmocka_unit_test(test_rejects_rules),
        cmocka_unit_test(test_rejects_statements),
        cmocka_unit_test(test_rejects_expressions),
        cmocka_unit_test(test_lets_reach),
        cmocka_unit_test(test_bounds_depth_and_size),
        cmocka_unit_test(test_body_decides),
        cmocka_unit_test(test_operations_are_described),
    };

    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
