/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tests of a program, as data. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lang/lower.h"

/* --- packets ------------------------------------------------------------------------------- */

static void check_layers(struct lower *c, struct beba_loc loc, enum beba_layer layer,
                         uint32_t *layers)
{
    uint32_t clash = beba_layer_excludes(layer) & *layers;

    for (unsigned i = 0; clash && i < BEBA_N_LAYERS; i++) {
        if (!(clash >> i & 1) || !beba_layer_name((enum beba_layer)i))
            continue;
        beba_report(c->diags, C_BAD_TEST, loc, "a packet with %s has no %s",
                    beba_layer_name((enum beba_layer)i), beba_layer_name(layer));
        break;
    }
    *layers |= beba_layer_implies(layer);
}

static bool packet_field(struct lower *c, const struct ast_pair *a, enum beba_field_id id,
                         struct beba_assign *out)
{
    struct ast_expr yes = {.kind = E_BOOL, .flag = true, .loc = a->loc, .at = a->loc};
    struct beba_expr *e;
    char what[80];

    if (!a->value && beba_fields[id].type.kind != BEBA_KIND_BOOL) {
        beba_report_hint(
            c->diags,
            beba_report(c->diags, C_BAD_TEST, a->loc, "'%s' needs a value", beba_fields[id].name),
            "write '%s = VALUE'; only flags may stand alone", beba_fields[id].name);
        return false;
    }
    if (id == BEBA_F_IN_PORT || id == BEBA_F_NOW) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_BAD_TEST, a->loc, "'%s' is not in the packet",
                                     beba_fields[id].name),
                         "%s",
                         id == BEBA_F_NOW ? "time moves by 'wait' and 'every'"
                                          : "the port stands behind the packet: 'in 2'");
        return false;
    }
    snprintf(what, sizeof(what), "'%s'", beba_fields[id].name);
    if (a->value && beba_fields[id].type.kind == BEBA_KIND_IP4 &&
        beba_fields[id].layer == BEBA_LAYER_IP)
        return false;
    e = beba_lower_to(c, a->value ? a->value : &yes, beba_fields[id].type, what);
    if (!e)
        return false;
    *out = (struct beba_assign){id, e->k};
    return true;
}

/* Builds the packet once, to tell now what would fail in every run. */
static bool check_build(struct lower *c, const struct ast_packet *a, const struct beba_build *b)
{
    uint8_t *buf = malloc(BEBA_PACKET_MAX);
    struct beba_error err = {0};
    struct beba_diag *d = NULL;
    struct beba_packet p;

    if (!buf) {
        c->no_memory = true;
        return false;
    }
    if (beba_packet_build(&p, buf, BEBA_PACKET_MAX, 0, b, &err)) {
        d = beba_report(c->diags, C_BAD_TEST, a->loc, "%s", err.what);
        if (err.hint[0])
            beba_report_hint(c->diags, d, "%s", err.hint);
    } else if (a->len && p.len > b->frame_len) {
        d = beba_report(c->diags, C_BAD_TEST, a->len->loc,
                        "a packet of %" PRIu32 " bytes has no room for these headers and payload",
                        b->frame_len);
        beba_report_hint(c->diags, d, "they need %" PRIu32, p.len);
    }
    free(buf);
    return !d;
}

bool beba_lower_packet(struct lower *c, const struct ast_packet *a, struct beba_build *out)
{
    struct beba_assign *assign;
    uint32_t n = 0, layers = 0, errors = c->diags->errors;
    bool ok = true, constant = c->constant;

    *out = (struct beba_build){0};
    for (const struct ast_pair *p = a->parts; p; p = p->next)
        n++;
    assign = beba_arena_array(c->arena, n + 1, sizeof(*assign));
    if (!assign) {
        c->no_memory = true;
        return false;
    }
    out->assign = assign;
    c->constant = true;
    c->why_constant = "the field of a packet";
    for (const struct ast_pair *p = a->parts; p; p = p->next) {
        int layer = beba_layer_find(p->name.s, strlen(p->name.s));
        enum beba_field_id id;

        if (!p->value && layer >= 0) {
            out->layers |= 1u << layer;
            check_layers(c, p->loc, (enum beba_layer)layer, &layers);
            continue;
        }
        id = beba_lower_field(c, p->name.s, p->name.loc);
        if (id == BEBA_F_NONE || !packet_field(c, p, id, &assign[out->n_assign])) {
            ok = false;
            continue;
        }
        check_layers(c, p->name.loc, (enum beba_layer)beba_fields[id].layer, &layers);
        out->n_assign++;
    }
    if (a->len) {
        struct beba_expr *e =
            beba_lower_to(c, a->len, (struct beba_type){BEBA_KIND_UINT, 16}, "the length");

        ok &= e != NULL;
        out->frame_len = e ? (uint32_t)e->k.lo : 0;
    }
    c->constant = constant;
    if (a->payload_len) {
        out->payload = beba_arena_copy(c->arena, a->payload, a->payload_len);
        out->payload_len = a->payload_len;
        c->no_memory |= !out->payload;
    }
    ok &= !c->no_memory && c->diags->errors == errors;
    return ok && check_build(c, a, out);
}

/* --- machines named or meant --------------------------------------------------------------- */

static bool has_key(const struct machine *m)
{
    return m->table->lookup.kind != BEBA_KEY_NONE;
}

/* The machine of a flow: named, or the only one that has a key. */
static struct machine *flow_machine(struct lower *c, const struct ast_expect *x)
{
    struct machine *found = NULL;
    struct beba_diag *d;

    if (x->machine.s) {
        found = beba_machine_find(c, x->machine.s, x->machine.loc);
        if (found && !has_key(found)) {
            beba_report(c->diags, C_NO_KEY, x->machine.loc, "machine '%s' has no key, so no flows",
                        found->table->name);
            return NULL;
        }
        return found;
    }
    for (uint32_t i = 0; i < c->n_machines; i++) {
        if (!has_key(&c->machine[i]))
            continue;
        if (found) {
            d = beba_report(c->diags, C_AMBIGUOUS, x->loc, "several machines have flows");
            beba_report_hint(c->diags, d, "name one: 'flow %s'", found->table->name);
            return NULL;
        }
        found = &c->machine[i];
    }
    if (!found && !c->syntax_errors)
        beba_report(c->diags, C_NO_KEY, x->loc, "no machine of this program has flows");
    return found;
}

static struct machine *state_machine(struct lower *c, const struct ast_expect *x)
{
    struct machine *found = NULL;

    if (x->machine.s)
        return beba_machine_find(c, x->machine.s, x->machine.loc);
    for (uint32_t i = 0; i < c->n_machines; i++) {
        struct sym *y = beba_scope_find(&c->machine[i].scope, x->name.s);

        if (!y || y->kind != SYM_STATE)
            continue;
        if (found) {
            beba_report_hint(c->diags,
                             beba_report(c->diags, C_AMBIGUOUS, x->loc,
                                         "several machines have a state '%s'", x->name.s),
                             "write '%s.%s'", found->table->name, x->name.s);
            return NULL;
        }
        found = &c->machine[i];
    }
    if (found)
        return found;
    for (uint32_t i = 0; i < c->n_machines; i++)
        if (has_key(&c->machine[i])) {
            beba_unknown_state(c, &c->machine[i], x->name.s, x->name.loc);
            return NULL;
        }
    if (!c->syntax_errors)
        beba_report(c->diags, C_UNKNOWN_STATE, x->name.loc, "no machine has a state '%s'",
                    x->name.s);
    return NULL;
}

/* --- expectations -------------------------------------------------------------------------- */

static bool constant_of(struct lower *c, const struct ast_expr *a, struct beba_type type,
                        const char *what, struct beba_u128 *out)
{
    struct beba_expr *e = beba_lower_const(c, a, type, what);

    if (e)
        *out = e->k;
    return e != NULL;
}

static void expect_reg(struct lower *c, struct machine *m, const struct ast_pair *a,
                       struct beba_expect *out)
{
    struct sym *y = beba_scope_find(&m->scope, a->name.s);
    struct beba_expected *e = &out->reg[out->n_regs];

    if (!y || y->kind != SYM_REG) {
        struct beba_diag *d =
            beba_report(c->diags, C_UNKNOWN_NAME, a->name.loc, "machine '%s' has no register '%s'",
                        m->table->name, a->name.s);
        const char *near;

        c->m = m;
        near = beba_sym_nearest(c, a->name.s, 1u << SYM_REG);
        c->m = NULL;
        if (near)
            beba_report_hint(c->diags, d, "did you mean %s?", near);
        return;
    }
    y->read = true;
    *e = (struct beba_expected){.table = m->index, .id = y->id, .loc = a->loc};
    out->n_regs +=
        constant_of(c, a->value, m->table->reg[y->id].type, "an expected value", &e->value);
}

static void expect_field(struct lower *c, const struct ast_pair *a, struct beba_expect *out)
{
    enum beba_field_id id = beba_lower_field(c, a->name.s, a->name.loc);
    struct beba_expected *e = &out->field[out->n_fields];

    if (id == BEBA_F_NONE)
        return;
    *e = (struct beba_expected){.id = (uint32_t)id, .loc = a->loc};
    out->n_fields += constant_of(c, a->value, beba_fields[id].type, "an expected value", &e->value);
}

static void expect_global(struct lower *c, const struct ast_pair *a, struct beba_expect *out)
{
    struct sym *y = beba_scope_find(&c->scope, a->name.s);
    struct beba_expected *e = &out->global[out->n_globals];
    struct beba_diag *d;
    const char *near;

    if (!y || y->kind != SYM_GLOBAL) {
        d = beba_report(c->diags, C_UNKNOWN_NAME, a->name.loc, "there is no global '%s'",
                        a->name.s);
        near = beba_sym_nearest(c, a->name.s, 1u << SYM_GLOBAL);
        if (near)
            beba_report_hint(c->diags, d, "did you mean %s?", near);
        return;
    }
    y->read = true;
    *e = (struct beba_expected){.id = y->id, .loc = a->loc};
    out->n_globals +=
        constant_of(c, a->value, c->p->global[y->id].type, "an expected value", &e->value);
}

static void expect_counter(struct lower *c, const struct ast_pair *a, struct beba_expect *out)
{
    struct sym *y = beba_scope_find(&c->counters, a->name.s);
    struct beba_expected *e = &out->counter[out->n_counters];

    if (!y) {
        if (!c->syntax_errors)
            beba_report_hint(c->diags,
                             beba_report(c->diags, C_UNKNOWN_NAME, a->name.loc,
                                         "no rule counts '%s'", a->name.s),
                             "rules count with 'count %s'", a->name.s);
        return;
    }
    *e = (struct beba_expected){.id = y->id, .loc = a->loc};
    out->n_counters += constant_of(c, a->value, beba_type_uint, "an expected count", &e->value);
}

static void expect_notice(struct lower *c, const struct ast_expect *x, struct beba_expect *out)
{
    struct sym *y = beba_scope_find(&c->notices, x->text);

    if (y)
        out->notice[out->n_notices++] = (struct beba_expected_notice){y->id, x->loc};
    else if (!c->syntax_errors)
        beba_report_hint(
            c->diags, beba_report(c->diags, C_BAD_TEST, x->loc, "no rule gives this notification"),
            "the text must be that of a notify statement, letter by letter");
}

static void expect_state(struct lower *c, const struct ast_expect *x, struct beba_expect *out)
{
    struct machine *m = state_machine(c, x);
    struct sym *y = m ? beba_scope_find(&m->scope, x->name.s) : NULL;

    if (!m)
        return;
    if (!y || y->kind != SYM_STATE) {
        beba_unknown_state(c, m, x->name.s, x->name.loc);
        return;
    }
    out->state[out->n_states++] = (struct beba_expect_state){m->index, y->id, x->loc};
}

static void expect_verdict(struct lower *c, const struct ast_expect *x, struct beba_expect *out)
{
    struct beba_u128 port = {0, 0};

    if (out->verdict != BEBA_VERDICT_NONE)
        beba_report(c->diags, C_BAD_TEST, x->loc, "a packet has one verdict");
    if (x->verdict.kind == BEBA_VERDICT_NEXT) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_BAD_TEST, x->loc,
                                     "no packet ends with 'next'; the next machine decides"),
                         "after the last machine 'next' is 'pass'");
        return;
    }
    out->verdict = x->verdict.kind;
    out->verdict_loc = x->loc;
    if (x->verdict.port) {
        out->has_port = constant_of(c, x->verdict.port, beba_type_port, "an expected port", &port);
        out->port = (uint32_t)port.lo;
    }
}

static void lower_expect(struct lower *c, const struct ast_expect *x, struct beba_expect *out)
{
    struct machine *m;
    struct beba_u128 port = {0, 0};

    switch ((enum ast_expect_kind)x->kind) {
    case X_VERDICT:
        expect_verdict(c, x, out);
        break;
    case X_STATE:
        expect_state(c, x, out);
        break;
    case X_FLOW:
        m = flow_machine(c, x);
        for (const struct ast_pair *a = x->pairs; m && a; a = a->next)
            expect_reg(c, m, a, out);
        break;
    case X_NO_FLOW:
        m = flow_machine(c, x);
        if (m)
            out->no_flow[out->n_no_flow++] = m->index;
        break;
    case X_OUT:
        for (const struct ast_pair *a = x->pairs; a; a = a->next)
            expect_field(c, a, out);
        break;
    case X_GLOBAL:
        for (const struct ast_pair *a = x->pairs; a; a = a->next)
            expect_global(c, a, out);
        break;
    case X_COUNT:
        for (const struct ast_pair *a = x->pairs; a; a = a->next)
            expect_counter(c, a, out);
        break;
    case X_NOTIFY:
        expect_notice(c, x, out);
        break;
    case X_MIRROR:
        out->mirror_asked = constant_of(c, x->port, beba_type_port, "an expected port", &port);
        out->mirror_port = (uint32_t)port.lo;
        break;
    }
}

/* Room for the most that the expectations of a step may need. */
static bool expect_room(struct lower *c, const struct ast_step *a, struct beba_expect *out)
{
    uint32_t n = 1;

    for (const struct ast_expect *x = a->expects; x; x = x->next) {
        n++;
        for (const struct ast_pair *p = x->pairs; p; p = p->next)
            n++;
    }
    if (!a->expects)
        return true;
    out->state = beba_arena_array(c->arena, n, sizeof(*out->state));
    out->reg = beba_arena_array(c->arena, n, sizeof(*out->reg));
    out->field = beba_arena_array(c->arena, n, sizeof(*out->field));
    out->global = beba_arena_array(c->arena, n, sizeof(*out->global));
    out->counter = beba_arena_array(c->arena, n, sizeof(*out->counter));
    out->notice = beba_arena_array(c->arena, n, sizeof(*out->notice));
    out->no_flow = beba_arena_array(c->arena, n, sizeof(*out->no_flow));
    if (out->state && out->reg && out->field && out->global && out->counter && out->notice &&
        out->no_flow)
        return true;
    c->no_memory = true;
    return false;
}

/* --- steps --------------------------------------------------------------------------------- */

static void lower_send(struct lower *c, const struct ast_step *a, struct beba_step *out)
{
    struct beba_u128 v;

    out->kind = BEBA_STEP_SEND;
    out->in_port = 1;
    out->repeat = 1;
    out->each = a->each;
    beba_lower_packet(c, &a->packet, &out->build);
    if (a->in && constant_of(c, a->in, beba_type_port, "a port", &v))
        out->in_port = (uint32_t)v.lo;
    if (a->times && constant_of(c, a->times, beba_type_uint, "a number of packets", &v)) {
        if (!v.lo || v.lo > 1000000)
            beba_report(c->diags, C_OUT_OF_RANGE, a->times->loc,
                        "a packet is repeated 1..1000000 times");
        else
            out->repeat = (uint32_t)v.lo;
    }
    if (a->every && constant_of(c, a->every, beba_type_time, "an interval", &v))
        out->interval = v.lo;
    if ((a->every || a->each) && !a->times)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_BAD_TEST, a->loc,
                                     "'%s' is for packets that are repeated",
                                     a->every ? "every" : "each"),
                         "add 'times N'");
    if (!expect_room(c, a, &out->expect))
        return;
    for (const struct ast_expect *x = a->expects; x; x = x->next)
        lower_expect(c, x, &out->expect);
}

static void lower_test(struct lower *c, const struct ast_test *a, struct beba_testcase *out)
{
    uint32_t n = 0;

    for (const struct ast_step *s = a->steps; s; s = s->next)
        n++;
    out->name = beba_keep(c, a->name ? a->name : "");
    out->loc = a->loc;
    out->step = beba_arena_array(c->arena, n + 1, sizeof(*out->step));
    if (!out->step) {
        c->no_memory = true;
        return;
    }
    for (const struct ast_step *s = a->steps; s; s = s->next) {
        struct beba_step *step = &out->step[out->n_steps++];
        struct beba_u128 v = {0, 0};

        step->loc = s->loc;
        if (!s->wait) {
            lower_send(c, s, step);
            continue;
        }
        step->kind = BEBA_STEP_WAIT;
        if (constant_of(c, s->every, beba_type_time, "a wait", &v))
            step->wait = v.lo;
    }
    if (!n && !c->syntax_errors)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_BAD_TEST, a->loc, "this test sends nothing"),
                         "add 'send { ip4.src = 10.0.0.1 } expect pass'");
}

void beba_lower_tests(struct lower *c)
{
    struct beba_program *program = c->program;
    uint32_t n = 0;

    for (const struct ast_test *t = c->ast->tests; t; t = t->next)
        n++;
    program->test = beba_arena_array(c->arena, n + 1, sizeof(*program->test));
    if (!program->test) {
        c->no_memory = true;
        return;
    }
    if (!beba_scope_init(c, &c->tests, n))
        return;
    for (const struct ast_test *t = c->ast->tests; t && !c->no_memory; t = t->next) {
        if (beba_scope_find(&c->tests, t->name))
            beba_report(c->diags, C_DUPLICATE, t->loc, "there is a test of this name already");
        else if (t->name)
            beba_scope_add(c, &c->tests, t->name, SYM_CONST, t->loc);
        lower_test(c, t, &program->test[program->n_tests++]);
    }
}
