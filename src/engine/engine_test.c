/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pipelines that the language does not write: rules with OpenFlow's matches and masked states; and
 * running in batches, one by one, and with a tracer, which must agree. The meaning of programs is
 * tested in tests/semantics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "lang/lang.h"

enum { ROOM = 256 };

/* A packet of UDP, or of TCP, in its own buffer. */
struct frame {
    uint8_t buf[ROOM * 2];
    struct beba_packet p;
};

static void build(struct frame *f, bool tcp, uint64_t src, uint64_t dport, uint64_t now)
{
    struct beba_assign assign[] = {
        {BEBA_F_IP4_SRC, {0, src}},
        {BEBA_F_IP4_DST, {0, src % 8}},
        {tcp ? BEBA_F_TCP_DST : BEBA_F_UDP_DST, {0, dport}},
    };
    struct beba_build build = {.assign = assign, .n_assign = 3};
    struct beba_error err = {0};

    if (beba_packet_build(&f->p, f->buf, sizeof(f->buf), ROOM / 2, &build, &err))
        fail_msg("%s", err.what);
    f->p.now = now;
    f->p.in_port = 1;
}

/* Masked states and matches ------------------------------------------------------------------ */

static struct beba_pipeline *begin_pipeline(uint32_t n_states, uint32_t n_rules)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct beba_table *t;

    assert_non_null(p);
    p->name = "hand";
    p->n_tables = 1;
    p->table = t = beba_arena_array(&p->arena, 1, sizeof(*t));
    t->name = "t";
    t->lookup.kind = BEBA_KEY_FIELDS;
    t->lookup.n_fields = 1;
    t->lookup.field[0] = BEBA_F_IP4_SRC;
    t->capacity = 16;
    t->full = BEBA_FULL_EVICT;
    t->full_verdict.kind = BEBA_VERDICT_DROP;
    t->no_key.kind = BEBA_VERDICT_PUNT;
    t->n_states = n_states;
    t->state = beba_arena_array(&p->arena, n_states, sizeof(*t->state));
    t->timeouts = beba_arena_array(&p->arena, n_states, sizeof(*t->timeouts));
    for (uint32_t i = 0; i < n_states; i++)
        t->state[i].name = beba_arena_printf(&p->arena, "s%u", i);
    t->rule = beba_arena_array(&p->arena, n_rules, sizeof(*t->rule));
    return p;
}

/* state/mask, (field & mask) == value -> goto next; output(port). */
static void add_rule(struct beba_pipeline *p, uint32_t state, uint32_t mask,
                     struct beba_match match, uint32_t next, uint64_t port)
{
    struct beba_table *t = &p->table[0];
    struct beba_rule *r = &t->rule[t->n_rules++];
    struct beba_expr *k = beba_arena_alloc(&p->arena, sizeof(*k));

    r->state = state;
    r->state_mask = mask;
    r->match = beba_arena_copy(&p->arena, &match, sizeof(match));
    r->n_matches = 1;
    r->body.stmt = beba_arena_array(&p->arena, 2, sizeof(*r->body.stmt));
    r->body.n = 2;
    r->body.stmt[0].kind = BEBA_STMT_GOTO;
    r->body.stmt[0].id = next;
    k->op = BEBA_OP_CONST;
    k->type = (struct beba_type){BEBA_KIND_PORT, 32};
    k->k.lo = port;
    r->body.stmt[1].kind = BEBA_STMT_VERDICT;
    r->body.stmt[1].verdict.kind = BEBA_VERDICT_OUTPUT;
    r->body.stmt[1].verdict.port = k;
}

static struct beba_match match(uint16_t field, uint64_t value, uint64_t mask)
{
    return (struct beba_match){field, {0, value}, {0, mask}};
}

static uint32_t port_of(struct beba_engine *e, bool tcp, uint64_t src, uint64_t dport)
{
    struct beba_result result;
    struct beba_packet *one;
    struct frame f;

    build(&f, tcp, src, dport, 1);
    one = &f.p;
    beba_engine_run(e, &one, 1, &result);
    return result.verdict == BEBA_VERDICT_OUTPUT ? result.port : 1000u + result.verdict;
}

static void matches_under_masks(void **state)
{
    struct beba_pipeline *p = begin_pipeline(8, 4);
    struct beba_engine_opts opts = {.fixed_seed = true};
    struct beba_error err = {0};
    struct beba_engine *e;

    add_rule(p, 2, 2, match(BEBA_F_UDP_DST, 0x0100, 0xff00), 4, 1); /* bit 1 of the state set */
    add_rule(p, 4, 6, match(BEBA_F_UDP_DST, 7, 0xffff), 0, 2);      /* bit 2 set, bit 1 not */
    add_rule(p, 0, 0, match(BEBA_F_UDP_DST, 0x0100, 0xff00), 3, 3); /* any state */
    add_rule(p, 0, 0, match(BEBA_F_TCP_DST, 0, 0), 5, 4);           /* any TCP */
    if (beba_pipeline_finish(p, &err))
        fail_msg("%s %s", err.what, err.where);
    assert_int_equal(beba_engine_new(p, &opts, &e, &err), 0);
    assert_int_equal(port_of(e, false, 1, 0x0155), 3);                        /* 0 -> 3 */
    assert_int_equal(port_of(e, false, 1, 0x0266), 1000 + BEBA_VERDICT_DROP); /* nothing matches */
    assert_int_equal(port_of(e, false, 1, 0x0100), 1);                        /* 3 -> 4 */
    assert_int_equal(port_of(e, false, 1, 7), 2);                             /* 4 -> 0 */
    assert_int_equal(port_of(e, false, 1, 7), 1000 + BEBA_VERDICT_DROP);
    assert_int_equal(port_of(e, true, 1, 7), 4);  /* the UDP rules do not match what is not there */
    assert_int_equal(port_of(e, false, 1, 7), 2); /* 5 has bit 2 */
    assert_int_equal(beba_engine_rule(e, 1)->packets, 2);
    beba_engine_free(e);
    beba_pipeline_free(p);
}

/* Batches, singles, traces ------------------------------------------------------------------- */

/* Two tables with one key, two keys, edits before a third, lets, random numbers, a small capacity.
 */
static const char mixed[] =
    "array u16 cells[8]\n"
    "machine a { key ip4.src\n reg n : u16\n capacity 64 when full refuse -> flood\n"
    " without key -> next\n"
    " state s { let d = n + l4.dst\n let r = random(4)\n"
    "  on d % 5 == 1 && tcp { n += 1; goto t; next }\n"
    "  on r == 0 { cells[d] += 1; next } else { n = d; next } }\n"
    " state t idle 40us -> s { on tcp.dst == 3 { goto s; drop } else { next } } }\n"
    "machine b { key ip4.src\n reg m : u32 = 3\n capacity 64 when full evict\n"
    " without key -> next\n"
    " state s { let old = m\n on state(a) == t { m += 7; notify \"t\" { m = old }; next }\n"
    "  else { m = m * 3; ip.ttl -= 1; mirror(2); next } } }\n"
    "machine c { lookup ip4.dst\n update ip4.src\n reg q : u64\n capacity 64 when "
    "full evict\n without key -> pass\n"
    " state s { on q > 5 { q = 0; output(q) } else { q += 3 + random(2); reply } } }\n";

static void traffic(struct frame *frames, unsigned n, uint64_t *random, uint64_t *now)
{
    for (unsigned i = 0; i < n; i++) {
        *random = beba_splitmix64(*random);
        *now += *random % 500;
        build(&frames[i], *random >> 60 & 1, *random >> 40 & 127, *random >> 20 & 7, *now);
    }
}

static void same_flows(struct beba_engine *x, struct beba_engine *y, uint32_t table)
{
    struct beba_table_stats a, b;
    struct beba_flow fa, fb;
    uint64_t cursor = 0;

    beba_engine_table(x, table, &a);
    beba_engine_table(y, table, &b);
    assert_memory_equal(&a.counters, &b.counters, sizeof(a.counters));
    assert_int_equal(a.entries, b.entries);
    while (beba_engine_next_flow(x, table, 0, &cursor, &fa)) {
        assert_true(beba_engine_flow_of_key(y, table, fa.key, 0, &fb));
        assert_int_equal(fa.state, fb.state);
        assert_int_equal(fa.entered, fb.entered);
        assert_int_equal(fa.used, fb.used);
        assert_memory_equal(fa.regs, fb.regs, sizeof(fa.regs));
    }
}

static void batches_singles_and_traces_agree(void **state)
{
    enum { N = 77, ROUNDS = 60 };
    static struct frame batch[N], single[N], traced[N];
    struct beba_engine_opts opts = {
        .seed = 9, .fixed_seed = true, .all_events = true, .events = 64};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_result rb[N], rs, rt;
    struct beba_packet *packets[N];
    struct beba_engine *e[3];
    struct beba_trace trace = {0};
    struct beba_event eb, es;
    uint64_t random = 5, now = 1000;

    assert_int_equal(beba_lang_load_text("mixed", mixed, strlen(mixed), NULL, &program, &diags), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(beba_engine_new(program->pipeline, &opts, &e[i], NULL), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        traffic(batch, N, &random, &now);
        for (unsigned i = 0; i < N; i++) {
            single[i] = traced[i] = batch[i];
            single[i].p.data = single[i].buf + (batch[i].p.data - batch[i].buf);
            traced[i].p.data = traced[i].buf + (batch[i].p.data - batch[i].buf);
            packets[i] = &batch[i].p;
        }
        beba_engine_run(e[0], packets, N, rb);
        for (unsigned i = 0; i < N; i++) {
            struct beba_packet *one = &single[i].p;

            beba_engine_run(e[1], &one, 1, &rs);
            assert_int_equal(beba_engine_trace(e[2], &traced[i].p, &rt, &trace), 0);
            assert_true(trace.n > 2);
            assert_int_equal(rs.verdict, rt.verdict);
            assert_int_equal(rs.port, rt.port);
            assert_int_equal(rs.rule, rt.rule);
            assert_int_equal(rs.n_mirrors, rt.n_mirrors);
            assert_int_equal(rb[i].verdict, rs.verdict);
            assert_int_equal(rb[i].port, rs.port);
            assert_int_equal(rb[i].rule, rs.rule);
            assert_int_equal(rb[i].reason, rs.reason);
            assert_int_equal(rb[i].n_mirrors, rs.n_mirrors);
            assert_memory_equal(batch[i].p.data, single[i].p.data, batch[i].p.len);
            assert_memory_equal(batch[i].p.data, traced[i].p.data, batch[i].p.len);
        }
    }
    for (unsigned i = 1; i < 3; i++) {
        assert_memory_equal(beba_engine_stats(e[0]), beba_engine_stats(e[i]),
                            sizeof(struct beba_engine_stats));
        for (uint32_t t = 0; t < 3; t++)
            same_flows(e[0], e[i], t);
        for (uint32_t r = 0; r < program->pipeline->n_rules; r++)
            assert_int_equal(beba_engine_rule(e[0], r)->packets,
                             beba_engine_rule(e[i], r)->packets);
        for (uint64_t k = 0; k < 8; k++)
            assert_int_equal(beba_engine_cell(e[0], 0, 0, k), beba_engine_cell(e[i], 0, 0, k));
    }
    for (uint32_t r = 0; r < program->pipeline->n_rules; r++)
        if (!beba_engine_rule(e[0], r)->packets)
            fail_msg("nothing reaches rule %u", r);
    while (beba_engine_event(e[0], &eb)) {
        assert_true(beba_engine_event(e[1], &es));
        assert_int_equal(eb.kind, es.kind);
        assert_int_equal(eb.time, es.time);
        assert_memory_equal(eb.key, es.key, eb.key_size);
    }
    assert_false(beba_engine_event(e[1], &es));
    for (unsigned i = 0; i < 3; i++)
        beba_engine_free(e[i]);
    beba_trace_free(&trace);
    beba_program_free(program);
    beba_diags_free(&diags);
}

/* Random expressions --------------------------------------------------------------------------- */

/* The traced interpreter evaluates every part of an expression for itself; the other one has shapes
 * for parts that it knows, and forms for packets that lack nothing. Both must count the same. */

static uint64_t roll(uint64_t *random, uint64_t n)
{
    *random = beba_splitmix64(*random);
    return (*random >> 33) % n;
}

static void truth(struct beba_strbuf *out, unsigned depth, uint64_t *random);

static void number(struct beba_strbuf *out, unsigned depth, uint64_t *random)
{
    static const char *const leaf[] = {"r16",
                                       "r32",
                                       "r64",
                                       "l0",
                                       "l1",
                                       "tcp.ack_no",
                                       "ip4.id",
                                       "tcp.seq",
                                       "tcp.dst",
                                       "tcp.window",
                                       "pkt.len",
                                       "l4.payload_len",
                                       "ip4.ttl",
                                       "7",
                                       "(l1 + 65535)",
                                       "tcp.flags",
                                       "(tcp.flags >> 2 & 5)",
                                       "(ip4.dscp >> 1)"};
    static const char *const infix[] = {"+", "-", "*", "&", "|", "<<", ">>", "/"};
    static const char *const call[] = {"min", "max", "sat_add", "sat_sub", "abs_diff"};
    uint64_t kind = depth ? roll(random, 5) : 0;

    if (kind < 2) {
        beba_strbuf_puts(out, leaf[roll(random, sizeof(leaf) / sizeof(*leaf))]);
        return;
    }
    if (kind == 2)
        beba_strbuf_printf(out, "%s(", call[roll(random, sizeof(call) / sizeof(*call))]);
    else
        beba_strbuf_puts(out, "(");
    number(out, depth - 1, random);
    if (kind == 2)
        beba_strbuf_puts(out, ", ");
    else
        beba_strbuf_printf(out, " %s ", infix[roll(random, sizeof(infix) / sizeof(*infix))]);
    number(out, depth - 1, random);
    beba_strbuf_puts(out, ")");
}

static void truth(struct beba_strbuf *out, unsigned depth, uint64_t *random)
{
    static const char *const leaf[] = {"tcp.syn", "tcp.ack", "tcp.fin", "!tcp.rst",
                                       "forward", "tcp",     "t0",      "!tcp.syn"};
    static const char *const infix[] = {"==", "!=", "<", "<=", ">", ">="};
    uint64_t kind = depth ? roll(random, 6) : 0;

    if (kind < 2) {
        beba_strbuf_puts(out, leaf[roll(random, sizeof(leaf) / sizeof(*leaf))]);
    } else if (kind < 4) {
        beba_strbuf_puts(out, roll(random, 4) ? "(" : "!(");
        truth(out, depth - 1, random);
        beba_strbuf_puts(out, kind == 2 ? " && " : " || ");
        truth(out, depth - 1, random);
        beba_strbuf_puts(out, ")");
    } else {
        beba_strbuf_puts(out, kind == 4 ? "(" : roll(random, 2) ? "seq_lt(" : "seq_leq(");
        number(out, depth - 1, random);
        if (kind == 4)
            beba_strbuf_printf(out, " %s ", infix[roll(random, sizeof(infix) / sizeof(*infix))]);
        else
            beba_strbuf_puts(out, ", ");
        number(out, depth - 1, random);
        beba_strbuf_puts(out, ")");
    }
}

static struct beba_program *random_program(uint64_t *random)
{
    struct beba_strbuf text = {0};
    struct beba_program *program = NULL;
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_diags diags = {0};

    beba_strbuf_puts(&text, "machine m { key connection\n reg r16 : u16 = 9\n reg r32 : u32\n"
                            " reg r64 : u64\n capacity 64 when full evict\n"
                            " without key -> drop\n state s {\n let l0 = ");
    beba_strbuf_puts(&text, roll(random, 2) ? "r32 + 1" : "tcp.seq");
    beba_strbuf_puts(&text, "\n let l1 = ");
    beba_strbuf_puts(&text, roll(random, 2) ? "ip4.id" : "l0");
    beba_strbuf_puts(&text, "\n let t0 = tcp.dst < 4\n");
    for (unsigned i = 0; i < 4; i++) {
        beba_strbuf_puts(&text, "on ");
        truth(&text, 4, random);
        beba_strbuf_puts(&text, " { r32 = ");
        number(&text, 3, random);
        beba_strbuf_puts(&text, "\n r64 += ");
        number(&text, 3, random);
        beba_strbuf_printf(&text, "\n if l0 > r64 { r16 = l1 }\n output(%u) }\n", i);
    }
    beba_strbuf_puts(&text, "else { r16 += 1; drop } } }\n");
    if (beba_lang_load_text("random", beba_strbuf_str(&text), text.len, &opts, &program, &diags)) {
        struct beba_strbuf said = {0};

        if (program)
            beba_diags_print(&diags, &program->sources, &said, false);
        fail_msg("%s", beba_strbuf_str(&said));
    }
    beba_diags_free(&diags);
    beba_strbuf_free(&text);
    return program;
}

static void random_expressions_agree(void **state)
{
    enum { PROGRAMS = 400, N = 48 };
    struct beba_engine_opts opts = {.seed = 9, .fixed_seed = true};
    uint64_t random = 77, now = 1000;

    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct beba_program *program = random_program(&random);
        struct beba_trace trace = {0};
        struct beba_engine *e[2];

        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(beba_engine_new(program->pipeline, &opts, &e[k], NULL), 0);
        for (unsigned k = 0; k < N; k++) {
            struct beba_result plain, traced;
            struct beba_packet *one;
            struct frame f;

            build(&f, roll(&random, 4), roll(&random, 3), roll(&random, 8), now++);
            if (beba_packet_has(&f.p, BEBA_LAYER_TCP))
                for (unsigned n = 0; n < 12; n++) /* numbers and flags */
                    f.p.data[f.p.h.offset[BEBA_LAYER_TCP] + 4 + n] ^=
                        (uint8_t)(n == 8 ? 0 : roll(&random, 256));
            one = &f.p;
            beba_engine_run(e[0], &one, 1, &plain);
            assert_int_equal(beba_engine_trace(e[1], &f.p, &traced, &trace), 0);
            assert_int_equal(plain.verdict, traced.verdict);
            assert_int_equal(plain.port, traced.port);
            assert_int_equal(plain.rule, traced.rule);
        }
        same_flows(e[0], e[1], 0);
        for (unsigned k = 0; k < 2; k++)
            beba_engine_free(e[k]);
        beba_trace_free(&trace);
        beba_program_free(program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_under_masks),
        cmocka_unit_test(batches_singles_and_traces_agree),
        cmocka_unit_test(random_expressions_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
