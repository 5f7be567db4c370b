/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/tests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "engine/native.h"
#include "engine/tracer.h"

enum { HEADROOM = 256, PACKET_ROOM = 1 << 17, SEED = 1 };

struct run {
    const struct beba_program *program;
    const struct beba_pipeline *p;
    struct beba_engine *e;
    struct beba_test_report *report;
    struct tracer tracer;
    struct beba_packet packet; /* as it left */
    struct visit beyond;       /* scratch */
    struct beba_strbuf text;
    uint8_t *buf;
    const struct beba_native_code *code; /* NULL: only the interpreter */
    struct beba_engine *other;           /* that runs it */
    struct beba_packet other_packet;
    struct beba_result other_result;
    uint8_t *other_buf;
    uint64_t now;
    uint32_t test, step, repetition;
    bool failed; /* this test */
};

/* Failures ----------------------------------------------------------------------------------- */

static int fail(struct run *r, struct beba_loc loc)
{
    struct beba_test_report *out = r->report;
    struct beba_failure *f;

    if (out->n_failures == out->cap) {
        uint32_t cap = out->cap ? out->cap * 2 : 16;
        struct beba_failure *grown = reallocarray(out->failure, cap, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        out->failure = grown;
        out->cap = cap;
    }
    f = &out->failure[out->n_failures++];
    *f = (struct beba_failure){
        .test = r->test, .step = r->step, .repetition = r->repetition, .loc = loc};
    snprintf(f->text, sizeof(f->text), "%s", beba_strbuf_str(&r->text));
    r->failed = true;
    return 0;
}

static struct beba_strbuf *expected(struct run *r)
{
    beba_strbuf_clear(&r->text);
    beba_strbuf_puts(&r->text, "expected ");
    return &r->text;
}

static const char *state_name(const struct beba_table *t, uint32_t state)
{
    return state < t->n_states && t->state[state].name ? t->state[state].name : "?";
}

/* Expectations ------------------------------------------------------------------------------- */

static void print_port(struct beba_strbuf *out, unsigned verdict, uint32_t port)
{
    beba_strbuf_puts(out, beba_verdict_name((enum beba_verdict_kind)verdict));
    if (verdict == BEBA_VERDICT_OUTPUT)
        beba_strbuf_printf(out, "(%" PRIu32 ")", port);
}

/* Who decided, for the reader of a failure. */
static void print_source(struct run *r, const struct beba_result *result)
{
    const struct beba_rule *rule;
    unsigned line, column;

    if (result->table < r->p->n_tables)
        beba_strbuf_printf(&r->text, ": %s of %s",
                           beba_reason_name((enum beba_reason)result->reason),
                           r->p->table[result->table].name);
    if (result->rule >= r->p->n_rules)
        return;
    rule = r->p->rule[result->rule];
    if (rule->label)
        beba_strbuf_printf(&r->text, ", '%s'", rule->label);
    if (!rule->loc.len)
        return;
    beba_sources_position(&r->program->sources, rule->loc, &line, &column);
    beba_strbuf_printf(&r->text, " in line %u", line);
}

static int check_verdict(struct run *r, const struct beba_expect *x,
                         const struct beba_result *result)
{
    bool port_matters = x->has_port && x->verdict == BEBA_VERDICT_OUTPUT;

    if (x->verdict == BEBA_VERDICT_NONE)
        return 0;
    if (x->verdict == result->verdict && (!port_matters || x->port == result->port))
        return 0;
    if (x->has_port)
        print_port(expected(r), x->verdict, x->port);
    else
        beba_strbuf_puts(expected(r), beba_verdict_name((enum beba_verdict_kind)x->verdict));
    beba_strbuf_puts(&r->text, ", got ");
    print_port(&r->text, result->verdict, result->port);
    print_source(r, result);
    return fail(r, x->verdict_loc);
}

/* What the packet did in a table; in one that it did not reach, what it would have found. */
static const struct visit *visit_of(struct run *r, uint32_t table)
{
    const struct table *t = &r->e->table[table];
    struct table_keys keys;

    for (uint32_t i = 0; i < r->tracer.n_visits; i++)
        if (r->tracer.visit[i].table == table)
            return &r->tracer.visit[i];
    r->beyond = (struct visit){.table = table};
    if (!t->ft)
        return &r->beyond;
    table_keys_take(t, &r->packet, &keys);
    r->beyond.has_key = keys.has;
    if (!keys.has)
        return &r->beyond;
    r->beyond.lookup = keys.lookup;
    r->beyond.update = t->code->two_keys ? keys.update : keys.lookup;
    return &r->beyond;
}

/* The flow that the packet updates, as it is now. False when the packet has no key in the table;
 * without an entry *out has the initial state and registers. */
static bool flow_of(struct run *r, uint32_t table, struct beba_flow *out)
{
    const struct visit *v = visit_of(r, table);

    if (!v->has_key)
        return false;
    beba_engine_flow_of_key(r->e, table, v->update.word, r->now, out);
    return true;
}

static void no_key(struct run *r, uint32_t table)
{
    beba_strbuf_printf(&r->text, ", but the packet has no key in %s", r->p->table[table].name);
}

static int check_state(struct run *r, const struct beba_expect_state *x)
{
    const struct beba_table *t = &r->p->table[x->table];
    struct beba_flow flow;
    bool has = flow_of(r, x->table, &flow);

    if (has && flow.state == x->state)
        return 0;
    beba_strbuf_printf(expected(r), "state %s", state_name(t, x->state));
    if (has)
        beba_strbuf_printf(&r->text, ", got %s", state_name(t, flow.state));
    else
        no_key(r, x->table);
    return fail(r, x->loc);
}

/* "expected tokens = 5, got 4" */
static int check_value(struct run *r, const char *name, struct beba_type type,
                       const struct beba_expected *x, struct beba_u128 got)
{
    if (!beba_u128_cmp(got, x->value))
        return 0;
    beba_strbuf_printf(expected(r), "%s = ", name);
    beba_value_print(&r->text, type, x->value);
    beba_strbuf_puts(&r->text, ", got ");
    beba_value_print(&r->text, type, got);
    return fail(r, x->loc);
}

static int check_reg(struct run *r, const struct beba_expected *x)
{
    const struct beba_table *t = &r->p->table[x->table];
    const struct beba_reg *reg = &t->reg[x->id];
    struct beba_flow flow;

    if (flow_of(r, x->table, &flow))
        return check_value(r, reg->name, reg->type, x, beba_flow_reg(t, &flow, x->id));
    beba_strbuf_printf(expected(r), "%s = ", reg->name);
    beba_value_print(&r->text, reg->type, x->value);
    no_key(r, x->table);
    return fail(r, x->loc);
}

static int check_field(struct run *r, const struct beba_expected *x, const struct beba_packet *p)
{
    const struct beba_field *f = &beba_fields[x->id];
    struct beba_u128 got;

    if (beba_field_read_wide(p, (enum beba_field_id)x->id, &got))
        return check_value(r, f->name, f->type, x, got);
    beba_strbuf_printf(expected(r), "%s = ", f->name);
    beba_value_print(&r->text, f->type, x->value);
    beba_strbuf_puts(&r->text, ", but the packet that leaves has no such field");
    return fail(r, x->loc);
}

static int check_global(struct run *r, const struct beba_expected *x)
{
    const struct beba_global *g = &r->p->global[x->id];
    struct beba_u128 got;

    beba_engine_global(r->e, x->id, &got);
    return check_value(r, g->name, g->type, x, got);
}

static int check_counter(struct run *r, const struct beba_expected *x)
{
    static const struct beba_type count = {BEBA_KIND_UINT, 64};
    uint64_t packets = beba_engine_counter(r->e, x->id)->packets;

    return check_value(r, r->p->counter[x->id].name, count, x, beba_u128(0, packets));
}

static int check_notice(struct run *r, const struct beba_expected_notice *x)
{
    for (uint32_t i = 0; i < r->tracer.n_notices; i++)
        if (r->tracer.notice[i] == x->notice)
            return 0;
    beba_strbuf_printf(expected(r), "notify \"%s\", got ", r->p->notice[x->notice].text);
    if (r->tracer.n_notices)
        beba_strbuf_printf(&r->text, "\"%s\"", r->p->notice[r->tracer.notice[0]].text);
    else
        beba_strbuf_puts(&r->text, "no notification");
    return fail(r, x->loc);
}

static int check_no_flow(struct run *r, uint32_t table, struct beba_loc loc)
{
    const struct beba_table *t = &r->p->table[table];
    const struct visit *v = visit_of(r, table);
    struct beba_flow flow;

    if (!v || !v->has_key || !beba_engine_flow_of_key(r->e, table, v->update.word, r->now, &flow))
        return 0;
    beba_strbuf_printf(expected(r), "no flow in %s, got one in %s [", t->name,
                       state_name(t, flow.state));
    beba_key_print(&r->text, t->two_keys ? &t->update : &t->lookup, flow.key);
    beba_strbuf_putc(&r->text, ']');
    return fail(r, loc);
}

static int check_mirror(struct run *r, const struct beba_step *s, const struct beba_result *result)
{
    const struct beba_mirror *list;
    uint32_t n;

    if (!s->expect.mirror_asked)
        return 0;
    list = beba_engine_mirrors(r->e, &n);
    for (uint32_t i = 0; i < result->n_mirrors; i++)
        if (list[result->first_mirror + i].port == s->expect.mirror_port)
            return 0;
    beba_strbuf_printf(expected(r), "mirror(%" PRIu32 "), got ", s->expect.mirror_port);
    if (result->n_mirrors)
        beba_strbuf_printf(&r->text, "mirror(%" PRIu32 ")", list[result->first_mirror].port);
    else
        beba_strbuf_puts(&r->text, "no mirror");
    return fail(r, s->loc);
}

static int check(struct run *r, const struct beba_step *s, const struct beba_packet *p,
                 const struct beba_result *result)
{
    const struct beba_expect *x = &s->expect;
    int rc = check_verdict(r, x, result);

    for (uint32_t i = 0; i < x->n_states && !rc; i++)
        rc = check_state(r, &x->state[i]);
    for (uint32_t i = 0; i < x->n_regs && !rc; i++)
        rc = check_reg(r, &x->reg[i]);
    for (uint32_t i = 0; i < x->n_fields && !rc; i++)
        rc = check_field(r, &x->field[i], p);
    for (uint32_t i = 0; i < x->n_globals && !rc; i++)
        rc = check_global(r, &x->global[i]);
    for (uint32_t i = 0; i < x->n_counters && !rc; i++)
        rc = check_counter(r, &x->counter[i]);
    for (uint32_t i = 0; i < x->n_notices && !rc; i++)
        rc = check_notice(r, &x->notice[i]);
    for (uint32_t i = 0; i < x->n_no_flow && !rc; i++)
        rc = check_no_flow(r, x->no_flow[i], s->loc);
    return rc ? rc : check_mirror(r, s, result);
}

/* Running ------------------------------------------------------------------------------------ */

static void cover(struct run *r)
{
    for (uint32_t i = 0; i < r->tracer.n_visits; i++) {
        const struct visit *v = &r->tracer.visit[i];
        const struct beba_table *t = &r->p->table[v->table];

        if (v->seen < t->n_states && (v->has_key || t->lookup.kind == BEBA_KEY_NONE))
            r->report->state_hit[v->table][v->seen] = 1;
        if (v->left < t->n_states && v->has_key)
            r->report->state_hit[v->table][v->left] = 1;
    }
}

static bool same_result(const struct run *r, const struct beba_result *a,
                        const struct beba_packet *packet)
{
    const struct beba_result *b = &r->other_result;

    return a->verdict == b->verdict && a->reason == b->reason && a->port == b->port &&
           a->table == b->table && a->rule == b->rule && a->n_mirrors == b->n_mirrors &&
           packet->len == r->other_packet.len &&
           !memcmp(packet->data, r->other_packet.data, packet->len);
}

/* The packet, before it runs, through the native code. */
static void send_other(struct run *r, const struct beba_packet *packet)
{
    struct beba_packet *one = &r->other_packet;

    if (!r->other)
        return;
    *one = *packet;
    memcpy(r->other_buf, r->buf, PACKET_ROOM);
    one->data = r->other_buf + (packet->data - r->buf);
    beba_engine_run(r->other, &one, 1, &r->other_result);
}

static int differs(struct run *r, const struct beba_step *s, const struct beba_result *result)
{
    print_port(expected(r), result->verdict, result->port);
    beba_strbuf_puts(&r->text, " of the native code, as the interpreter says, got ");
    print_port(&r->text, r->other_result.verdict, r->other_result.port);
    print_source(r, &r->other_result);
    return fail(r, s->loc);
}

static int send_one(struct run *r, const struct beba_step *s, bool checked)
{
    struct beba_packet *packet = &r->packet;
    struct beba_result result;
    struct beba_error err = {0};
    int rc = beba_packet_build(packet, r->buf, PACKET_ROOM, HEADROOM, &s->build, &err);

    if (rc) {
        beba_strbuf_clear(&r->text);
        beba_strbuf_printf(&r->text, "the packet cannot be built: %s", err.what);
        return fail(r, s->loc);
    }
    packet->now = r->now;
    packet->in_port = s->in_port;
    packet->in_phy_port = s->in_port;
    send_other(r, packet);
    beba_engine_run_traced(r->e, packet, &result, &r->tracer);
    cover(r);
    if (r->other && !same_result(r, &result, packet))
        return differs(r, s, &result);
    return checked ? check(r, s, packet, &result) : 0;
}

static int run_step(struct run *r, const struct beba_step *s)
{
    int rc = 0;

    if (s->kind == BEBA_STEP_WAIT) {
        r->now += s->wait;
        return 0;
    }
    for (uint32_t i = 1; i <= s->repeat && !rc && !r->failed; i++) {
        if (i > 1)
            r->now += s->interval;
        r->repetition = i;
        rc = send_one(r, s, s->each || i == s->repeat);
    }
    return rc;
}

/* A test ends with its first failed step: what follows would fail for the same reason. */
static int run_test(struct run *r, const struct beba_testcase *t, struct beba_error *err)
{
    struct beba_engine_opts opts = {.seed = SEED, .fixed_seed = true, .events = 16};
    int rc = beba_engine_new(r->p, &opts, &r->e, err);

    if (!rc && r->code)
        rc = beba_engine_new(r->p, &opts, &r->other, err);
    if (!rc && r->code)
        rc = beba_engine_use(r->other, r->code);
    if (rc)
        goto out;
    r->now = BEBA_NS_PER_SEC;
    r->failed = false;
    for (r->step = 0; r->step < t->n_steps && !rc && !r->failed; r->step++)
        rc = run_step(r, &t->step[r->step]);
    for (uint32_t i = 0; i < r->p->n_rules; i++)
        r->report->rule_hit[i] |= beba_engine_rule(r->e, i)->packets != 0;
out:
    beba_engine_free(r->e);
    beba_engine_free(r->other);
    r->e = r->other = NULL;
    if (rc && err && !err->code)
        beba_error_set(err, rc, "out of memory");
    return rc;
}

static int make_report(struct beba_test_report *out, const struct beba_program *program)
{
    const struct beba_pipeline *p = program->pipeline;

    *out = (struct beba_test_report){.n_tests = program->n_tests, .rules = p->n_rules};
    out->rule_hit = calloc(p->n_rules + 1, 1);
    out->state_hit = calloc(p->n_tables + 1, sizeof(*out->state_hit));
    out->test_ok = calloc(program->n_tests + 1, sizeof(*out->test_ok));
    if (!out->rule_hit || !out->state_hit || !out->test_ok)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_tables; i++) {
        out->states += p->table[i].n_states;
        out->state_hit[i] = calloc(p->table[i].n_states + 1, 1);
        if (!out->state_hit[i])
            return -ENOMEM;
    }
    return 0;
}

static void sum_up(struct beba_test_report *out, const struct beba_pipeline *p)
{
    for (uint32_t i = 0; i < p->n_rules; i++)
        out->rules_hit += out->rule_hit[i];
    for (uint32_t i = 0; i < p->n_tables; i++)
        for (uint32_t s = 0; s < p->table[i].n_states; s++)
            out->states_hit += out->state_hit[i][s];
    for (uint32_t i = 0; i < out->n_tests; i++)
        out->n_failed += !out->test_ok[i];
}

int beba_tests_run(const struct beba_program *program, struct beba_test_report *out,
                   struct beba_error *err)
{
    return beba_tests_run_code(program, NULL, out, err);
}

int beba_tests_run_code(const struct beba_program *program, const struct beba_native_code *code,
                        struct beba_test_report *out, struct beba_error *err)
{
    struct run *r = calloc(1, sizeof(*r));
    int rc = make_report(out, program);

    if (r)
        r->buf = malloc(2ul * PACKET_ROOM);
    if (rc || !r || !r->buf) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    r->program = program;
    r->p = program->pipeline;
    r->report = out;
    r->code = code;
    r->other_buf = r->buf + PACKET_ROOM;
    for (r->test = 0; r->test < program->n_tests && !rc; r->test++) {
        rc = run_test(r, &program->test[r->test], err);
        out->test_ok[r->test] = !rc && !r->failed;
    }
    sum_up(out, r->p);
out:
    if (r) {
        beba_tracer_free(&r->tracer);
        beba_strbuf_free(&r->text);
        free(r->buf);
    }
    free(r);
    return rc;
}

void beba_test_report_free(struct beba_test_report *report, const struct beba_program *program)
{
    for (uint32_t i = 0; report->state_hit && i < program->pipeline->n_tables; i++)
        free(report->state_hit[i]);
    free(report->failure);
    free(report->rule_hit);
    free(report->state_hit);
    free(report->test_ok);
    *report = (struct beba_test_report){0};
}
