/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs become the pipelines they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"

struct loaded {
    struct beba_program *program;
    struct beba_pipeline *p;
    struct beba_diags diags;
};

static int load(struct loaded *l, const char *text)
{
    int rc;

    memset(l, 0, sizeof(*l));
    rc = beba_lang_load_text("dir/name.xfsm", text, strlen(text), NULL, &l->program, &l->diags);
    assert_non_null(l->program);
    l->p = l->program->pipeline;
    return rc;
}

static void drop(struct loaded *l)
{
    beba_program_free(l->program);
    beba_diags_free(&l->diags);
}

static void must_load(struct loaded *l, const char *text)
{
    int rc = load(l, text);

    if (rc || l->diags.n) {
        struct beba_strbuf out = {0};

        beba_diags_print(&l->diags, &l->program->sources, &out, false);
        print_error("%s", beba_strbuf_str(&out));
        beba_strbuf_free(&out);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(l->diags.n, 0);
}

static const char policer[] =
    "const RATE  = 1000\nconst BURST = 100\n"
    "machine policer {\n"
    "    key ip.src\n    without key -> pass\n"
    "    reg tokens : u64 = BURST * 1s / RATE\n    reg last : time\n"
    "    state on_watch {\n"
    "        let t = min(BURST * 1s / RATE, sat_add(tokens, now - last))\n"
    "        on t >= 1s / RATE { tokens = t - 1s / RATE; last = now; pass }\n"
    "        else { tokens = t; last = now; drop }\n"
    "    }\n}\n";

static void test_policer(void **state)
{
    struct loaded l;
    const struct beba_table *t;
    const struct beba_rule *r;

    must_load(&l, policer);
    assert_string_equal(l.p->name, "name");
    assert_int_equal(l.p->n_tables, 1);
    t = &l.p->table[0];
    assert_int_equal(t->lookup.kind, BEBA_KEY_FIELDS);
    assert_int_equal(t->lookup.field[0], BEBA_F_IP_SRC);
    assert_int_equal(t->n_regs, 2);
    assert_int_equal(t->reg[0].init.lo, 100000000);
    assert_int_equal(t->reg[1].type.kind, BEBA_KIND_TIME);
    assert_int_equal(t->capacity, 65536);
    assert_false(t->per_cpu);
    assert_int_equal(t->n_lets, 1);
    assert_string_equal(t->let_name[0], "t");
    assert_int_equal(t->let_type[0].kind, BEBA_KIND_TIME);
    assert_int_equal(t->n_rules, 2);
    r = &t->rule[0];
    assert_string_equal(r->label, "on t >= 1s / RATE");
    assert_int_equal(r->lets.n, 1);
    assert_int_equal(r->state_mask, 0xffffffff);
    assert_int_equal(r->guard->op, BEBA_OP_GE);
    assert_int_equal(r->guard->arg[1]->op, BEBA_OP_CONST);
    assert_int_equal(r->guard->arg[1]->k.lo, 1000000);
    assert_int_equal(r->body.n, 3);
    assert_int_equal(r->body.stmt[2].verdict.kind, BEBA_VERDICT_PASS);
    assert_true(r->creates);
    assert_null(t->rule[1].guard);
    assert_string_equal(t->rule[1].label, "else");
    drop(&l);
}

static void test_mac_learning(void **state)
{
    struct loaded l;
    const struct beba_table *t;
    const struct beba_step *s;

    must_load(
        &l, "machine mac_learning {\n lookup eth.dst\n update eth.src\n reg port : u16\n"
            " capacity 64k when full evict\n"
            " consistency per_cpu\n"
            " state unknown { always { port = in_port; goto known; flood } }\n"
            " state known idle 5m -> unknown {\n"
            "  always { port = in_port; goto known; output(port) } }\n}\n"
            "test \"learns\" {\n"
            " send { eth.src = 02::1, eth.dst = 02::2 } in 1 expect flood\n"
            " wait 5m\n"
            " send { eth.src = 02::2, payload \"a\\x41\", len = 100 } in 2 times 3 every 1s each\n"
            "  expect output(1), flow { port = 2 }, out { eth.dst = 02::1 }, known, no flow\n"
            "}\n");
    t = &l.p->table[0];
    assert_true(t->two_keys);
    assert_int_equal(t->update.field[0], BEBA_F_ETH_SRC);
    assert_int_equal(t->capacity, 64000);
    assert_true(t->per_cpu);
    assert_int_equal(t->timeouts[1].idle, 300000000000);
    assert_int_equal(t->timeouts[1].idle_to, 0);
    assert_int_equal(t->rule[1].state, 1);
    assert_int_equal(l.program->n_tests, 1);
    assert_int_equal(l.program->test[0].n_steps, 3);
    s = &l.program->test[0].step[0];
    assert_int_equal(s->build.assign[0].value.lo, 0x020000000001);
    assert_int_equal(s->expect.verdict, BEBA_VERDICT_FLOOD);
    assert_int_equal(l.program->test[0].step[1].wait, 300000000000);
    s = &l.program->test[0].step[2];
    assert_int_equal(s->in_port, 2);
    assert_int_equal(s->repeat, 3);
    assert_true(s->each);
    assert_int_equal(s->interval, 1000000000);
    assert_int_equal(s->build.payload_len, 2);
    assert_memory_equal(s->build.payload, "aA", 2);
    assert_int_equal(s->build.frame_len, 100);
    assert_true(s->expect.has_port);
    assert_int_equal(s->expect.port, 1);
    assert_int_equal(s->expect.reg[0].value.lo, 2);
    assert_int_equal(s->expect.field[0].value.lo, 0x020000000001);
    assert_int_equal(s->expect.state[0].state, 1);
    assert_int_equal(s->expect.n_no_flow, 1);
    drop(&l);
}

static void test_rule_order(void **state)
{
    struct loaded l;
    const struct beba_table *t;

    must_load(&l, "machine m {\n key ip.src\n without key -> pass\n default -> drop\n"
                  " in any state { on tcp.dst == 1 { pass } }\n"
                  " state a { on tcp.dst == 2 { goto b; pass } }\n"
                  " on tcp.dst == 3 { pass }\n"
                  " state b idle 1s -> a { on tcp.dst == 4 { pass } }\n"
                  " on tcp.dst == 5 { pass }\n}\n");
    t = &l.p->table[0];
    assert_int_equal(t->n_rules, 5);
    for (unsigned i = 0; i < 5; i++) {
        static const uint64_t ports[] = {2, 4, 1, 3, 5};
        static const uint32_t masks[] = {0xffffffff, 0xffffffff, 0, 0, 0};

        assert_int_equal(t->rule[i].guard->arg[1]->k.lo, ports[i]);
        assert_int_equal(t->rule[i].state_mask, masks[i]);
    }
    drop(&l);
}

static void test_addresses(void **state)
{
    struct loaded l;
    const struct beba_expr *g;

    must_load(&l,
              "set v4 : ip4 = { 10.0.0.0/8, 11.0.0.0/8 }\nset both = { 10.0.0.1, 2001:db8::/32 }\n"
              "machine m {\n"
              " on ip.src == 10.0.0.1 { drop }\n"
              " on ip4.src in v4 { drop }\n"
              " on ip.dst in { 10.0.0.0/8, 2001:db8::1 } { drop }\n"
              " on ip4.dst == ip.src { drop }\n"
              " on ip6.src in both { drop }\n"
              " else { pass }\n}\n");
    g = l.p->table[0].rule[0].guard;
    assert_int_equal(g->arg[1]->type.width, 128);
    assert_int_equal(g->arg[1]->k.lo, 0xffff0a000001);
    g = l.p->table[0].rule[1].guard;
    assert_int_equal(g->op, BEBA_OP_IN_SET);
    assert_int_equal(g->arg[0]->op, BEBA_OP_MAP4);
    assert_int_equal(l.p->set[0].type.width, 128);
    assert_int_equal(l.p->set[0].n_ranges, 1); /* neighbours are one range */
    assert_int_equal(l.p->set[0].range[0].lo.lo, 0xffff0a000000);
    assert_int_equal(l.p->set[0].range[0].hi.lo, 0xffff0bffffff);
    g = l.p->table[0].rule[2].guard;
    assert_int_equal(g->op, BEBA_OP_IN_LIST);
    assert_int_equal(g->n_ranges, 2);
    assert_int_equal(g->range[0].lo.lo, 0xffff0a000000);
    g = l.p->table[0].rule[3].guard;
    assert_int_equal(g->arg[0]->op, BEBA_OP_MAP4);
    drop(&l);
}

static void test_members(void **state)
{
    struct loaded l;
    const struct beba_expr *g;

    must_load(&l, "const LOW = 10\nset ports = { 1 }\nglobal top : u16 = 7\n"
                  "machine m {\n"
                  " on tcp.dst in { 443, 80, 81, LOW..20, ports, top } { drop }\n"
                  " on 5 in { 4..6 } { top = 1; drop }\n}\n");
    g = l.p->table[0].rule[0].guard;
    assert_int_equal(g->op, BEBA_OP_LOR);
    while (g->op == BEBA_OP_LOR)
        g = g->arg[1];
    assert_int_equal(g->op, BEBA_OP_IN_LIST);
    assert_int_equal(g->n_ranges, 3); /* 10..20, 80..81, 443 */
    assert_int_equal(g->range[1].lo.lo, 80);
    assert_int_equal(g->range[1].hi.lo, 81);
    assert_null(l.p->table[0].rule[1].guard); /* constant: always */
    drop(&l);
}

static void test_states_of_others(void **state)
{
    struct loaded l;
    const struct beba_expr *g;

    must_load(&l, "machine a {\n"
                  " on state(b) == two || state(b) in { one, two } { next }\n else { drop }\n}\n"
                  "machine b {\n key connection\n without key -> pass\n"
                  " state one { on backward { goto two; pass } else { pass } }\n"
                  " state two idle 1s -> one { always { pass } }\n}\n");
    g = l.p->table[0].rule[0].guard;
    assert_int_equal(g->arg[0]->op, BEBA_OP_EQ);
    assert_int_equal(g->arg[0]->arg[0]->id, 1);
    assert_int_equal(g->arg[0]->arg[1]->k.lo, 1);
    assert_int_equal(g->arg[1]->n_ranges, 1);
    g = l.p->table[1].rule[0].guard;
    assert_int_equal(g->op, BEBA_OP_NOT);
    assert_int_equal(g->arg[0]->op, BEBA_OP_FORWARD);
    drop(&l);
}

static void test_statements(void **state)
{
    struct loaded l;
    const struct beba_body *b;

    must_load(&l,
              "array u32 cms[4][1Ki]\nmachine m {\n"
              " on ip4 && tcp {\n"
              "  ip.ttl -= 1; ip4.src = ip4.dst & 0xff; cms[1][hash(ip.src)] += 1\n"
              "  count hits; queue 3; mirror(7); swap l4; vlan.push 100; vlan.pop; mpls.push 5\n"
              "  mpls.pop; metadata |= 1; notify \"seen\" { ip.src, x = cms[0][1] }\n"
              "  if tcp.syn { let a = tcp.seq; metadata = a } else if tcp.fin { count hits }\n"
              "  output(in_port + 1)\n }\n else { reply }\n}\n");
    b = &l.p->table[0].rule[0].body;
    assert_int_equal(b->n, 15);
    assert_int_equal(b->stmt[0].assign, BEBA_SUB);
    assert_int_equal(b->stmt[0].lvalue, BEBA_LV_FIELD);
    assert_int_equal(b->stmt[2].lvalue, BEBA_LV_ARRAY);
    assert_non_null(b->stmt[2].index[1]);
    assert_int_equal(b->stmt[6].id, BEBA_LAYER_L4);
    assert_int_equal(b->stmt[7].id, 0x8100);
    assert_int_equal(b->stmt[9].id, 0x8847);
    assert_int_equal(b->stmt[12].n_args, 2);
    assert_string_equal(l.p->notice[0].arg_name[0], "ip.src");
    assert_string_equal(l.p->notice[0].arg_name[1], "x");
    assert_int_equal(b->stmt[13].kind, BEBA_STMT_IF);
    assert_int_equal(b->stmt[13].otherwise.stmt[0].kind, BEBA_STMT_IF);
    assert_int_equal(l.p->n_counters, 1);
    drop(&l);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        {"", "no-rules"},
        {"machine m { on tcp { pass } }", "missing-verdict"},
        {"machine m { always { goto x; pass } }", "no-key"},
        {"const A = 1 / 0\nmachine m { always { pass } }", "division-by-zero"},
        {"machine m { on tcp.dst == 65536 { pass } else { pass } }", "out-of-range"},
        {"include \"x\"\nmachine m { always { pass } }", "include"},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct loaded l;

        assert_int_equal(load(&l, rows[i].text), -EINVAL);
        assert_null(l.p);
        assert_int_equal(l.diags.errors, 1);
        assert_string_equal(l.diags.diag[0].code, rows[i].code);
        drop(&l);
    }
}

/* --- includes ------------------------------------------------------------------------------ */

static int read_hook(void *arg, const char *path, char **text, size_t *len)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        {"dir/a.xfsm", "include \"sub/../b.xfsm\"\nconst A = B + 1\nconst UNUSED = 1\n"},
        {"dir/b.xfsm", "include \"sub/c.xfsm\"\nconst B = C + 1\n"},
        {"dir/sub/c.xfsm", "const C = 1\n"},
        {"dir/loop.xfsm", "include \"./name.xfsm\"\n"},
    };

    ++*(unsigned *)arg;
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (strcmp(files[i].path, path) != 0)
            continue;
        *text = strdup(files[i].text);
        *len = strlen(files[i].text);
        return 0;
    }
    return -ENOENT;
}

static void test_includes(void **state)
{
    static const char text[] = "include \"a.xfsm\"\ninclude \"b.xfsm\"\n"
                               "machine m { on tcp.dst == A { pass } else { drop } }\n";
    unsigned reads = 0;
    struct beba_lang_opts opts = {.read = read_hook, .arg = &reads};
    struct loaded l = {0};

    assert_int_equal(
        beba_lang_load_text("dir/name.xfsm", text, strlen(text), &opts, &l.program, &l.diags), 0);
    assert_int_equal(l.diags.n, 0);
    assert_int_equal(reads, 3); /* b counts once */
    assert_int_equal(l.program->pipeline->table[0].rule[0].guard->arg[1]->k.lo, 3);
    drop(&l);

    memset(&l, 0, sizeof(l));
    assert_int_equal(beba_lang_load_text("dir/name.xfsm", "include \"loop.xfsm\"", 19, &opts,
                                         &l.program, &l.diags),
                     -EINVAL);
    assert_string_equal(l.diags.diag[0].code, "include");
    assert_non_null(strstr(l.diags.diag[0].message, "includes itself"));
    drop(&l);
}

static void test_no_warnings(void **state)
{
    static const char text[] = "const A = 1\nmachine m { always { pass } }\n";
    struct beba_lang_opts opts = {.no_warnings = true};
    struct loaded l;

    assert_int_equal(load(&l, text), 0);
    assert_int_equal(l.diags.warnings, 1);
    drop(&l);
    memset(&l, 0, sizeof(l));
    assert_int_equal(beba_lang_load_text("t", text, strlen(text), &opts, &l.program, &l.diags), 0);
    assert_int_equal(l.diags.n, 0);
    drop(&l);
}

static void test_no_file(void **state)
{
    struct beba_program *program;
    struct beba_diags diags = {0};
    struct beba_error err;

    assert_int_equal(beba_lang_load_file("/nonexistent.xfsm", NULL, &program, &diags, &err),
                     -ENOENT);
    assert_null(program);
    assert_string_equal(err.where, "/nonexistent.xfsm");
    beba_diags_free(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policer),    cmocka_unit_test(test_mac_learning),
        cmocka_unit_test(test_rule_order), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_members),    cmocka_unit_test(test_states_of_others),
        cmocka_unit_test(test_statements), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_includes),   cmocka_unit_test(test_no_warnings),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
