/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/machine.h"

#include "base/error.h"
#include "engine/engine.h"
#include "native/native.h"
#include "pipeline/program.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SWEEP = 256 }; /* buckets at once */

struct beba_machine {
    struct beba_program *program;
    const struct beba_pipeline *p;
    struct beba_engine *engine; /* the control thread's handle */
    _Atomic unsigned held;
    struct beba_native_module *module; /* NULL: interpreted */
    _Atomic(const struct beba_native_code *) code;
    unsigned n_workers;
    struct handle {
        struct beba_engine *engine;
        const struct beba_native_code *code; /* that it uses */
    } worker[];                              /* theirs */
};

int beba_machine_new(struct beba_program *program, const struct beba_machine_opts *opts,
                     struct beba_machine **out, struct beba_error *err)
{
    const struct beba_engine_opts engine = {.capacity = opts->capacity,
                                            .state_dir = opts->state_dir};
    struct beba_machine *m = calloc(1, sizeof(*m) + opts->n_workers * sizeof(*m->worker));
    int rc;

    if (!m)
        return beba_error_set(err, -ENOMEM, "out of memory");
    m->p = program->pipeline;
    m->held = 1;
    rc = beba_engine_new(m->p, &engine, &m->engine, err);
    for (; m->n_workers < opts->n_workers && !rc; m->n_workers++)
        rc = beba_engine_share(m->engine, &m->worker[m->n_workers].engine, err);
    if (rc) {
        beba_machine_free(m);
        return rc;
    }
    m->program = program;
    *out = m;
    return 0;
}

void beba_machine_hold(struct beba_machine *m)
{
    atomic_fetch_add(&m->held, 1);
}

void beba_machine_free(struct beba_machine *m)
{
    if (!m || atomic_fetch_sub(&m->held, 1) > 1)
        return;
    for (unsigned i = 0; i < m->n_workers; i++)
        beba_engine_free(m->worker[i].engine);
    beba_engine_free(m->engine);
    beba_native_free(m->module);
    beba_program_free(m->program);
    free(m);
}

/* Native code -------------------------------------------------------------------------------- */

int beba_machine_compile(const struct beba_machine *m, struct beba_native_module **out,
                         struct beba_error *err)
{
    const struct beba_native_opts opts = {.workers = true};

    return beba_native_new(m->p, &opts, out, err);
}

void beba_machine_use(struct beba_machine *m, struct beba_native_module *module)
{
    m->module = module;
    atomic_store_explicit(&m->code, beba_native_code(module), memory_order_release);
}

void beba_native_module_free(struct beba_native_module *module)
{
    beba_native_free(module);
}

/* Between two runs of the worker. Without memory its packets are interpreted further on. */
static void put_in(struct handle *h, const struct beba_native_code *code)
{
    beba_engine_use(h->engine, code);
    h->code = code;
}

/* A verdict of the pipeline in the words of OpenFlow. */
static void translate(uint8_t verdict, uint32_t port, struct beba_machine_result *out)
{
    out->verdict = BEBA_MACHINE_OUTPUT;
    switch (verdict) {
    case BEBA_VERDICT_PASS:
    case BEBA_VERDICT_NEXT:
        out->verdict = BEBA_MACHINE_PASS;
        break;
    case BEBA_VERDICT_OUTPUT:
        out->port = port;
        break;
    case BEBA_VERDICT_REPLY:
        out->port = OFPP_IN_PORT;
        break;
    case BEBA_VERDICT_FLOOD:
        out->port = OFPP_FLOOD;
        break;
    case BEBA_VERDICT_PUNT:
        out->port = OFPP_CONTROLLER;
        break;
    default:
        out->verdict = BEBA_MACHINE_DROP;
        break;
    }
}

void beba_machine_run(struct beba_machine *m, unsigned worker, struct beba_packet *packet,
                      struct beba_machine_result *out)
{
    const struct beba_native_code *code = atomic_load_explicit(&m->code, memory_order_acquire);
    struct handle *h = &m->worker[worker];
    struct beba_result r;

    if (code != h->code)
        put_in(h, code);
    beba_engine_run(h->engine, &packet, 1, &r);
    if (code)
        beba_packet_parse(packet); /* code finds the headers only that the program looks at */
    *out = (struct beba_machine_result){.rule = r.rule, .n_copies = r.n_mirrors};
    translate(r.verdict, r.port, out);
    if (r.reason == BEBA_REASON_BUSY)
        out->verdict = BEBA_MACHINE_BUSY;
}

void beba_machine_copy(struct beba_machine *m, unsigned worker, uint32_t i, uint32_t *port,
                       const uint8_t **data, uint32_t *len)
{
    uint32_t n;
    const struct beba_mirror *mirror = &beba_engine_mirrors(m->worker[worker].engine, &n)[i];

    *port = mirror->port;
    *data = mirror->data;
    *len = mirror->len;
}

/* Rules -------------------------------------------------------------------------------------- */

static void add(struct beba_machine_rule *r, unsigned field, struct beba_u128 value,
                struct beba_u128 mask, bool masked)
{
    for (uint32_t i = 0; i < r->n_match; i++)
        if (r->match[i].field == field)
            return; /* no field twice */
    if (r->n_match == BEBA_MACHINE_MATCH)
        return;
    r->match[r->n_match++] = (struct beba_of_oxm){
        .field = (uint8_t)field,
        .has_mask = masked,
        .value = beba_u128(value.hi & mask.hi, value.lo & mask.lo),
        .mask = mask,
    };
}

static void add_number(struct beba_machine_rule *r, unsigned field, uint64_t value, unsigned width)
{
    add(r, field, beba_u128(0, value), beba_u128(0, beba_mask64(width)), false);
}

/* What a packet with that layer has. */
static void add_layer(struct beba_machine_rule *r, unsigned layer)
{
    static const struct {
        uint8_t layer, field, width;
        uint16_t value;
    } row[] = {
        {BEBA_LAYER_IP4, OFPXMT_OFB_ETH_TYPE, 16, 0x0800},
        {BEBA_LAYER_IP6, OFPXMT_OFB_ETH_TYPE, 16, 0x86dd},
        {BEBA_LAYER_ARP, OFPXMT_OFB_ETH_TYPE, 16, 0x0806},
        {BEBA_LAYER_TCP, OFPXMT_OFB_IP_PROTO, 8, 6},
        {BEBA_LAYER_UDP, OFPXMT_OFB_IP_PROTO, 8, 17},
        {BEBA_LAYER_SCTP, OFPXMT_OFB_IP_PROTO, 8, 132},
        {BEBA_LAYER_ICMP, OFPXMT_OFB_IP_PROTO, 8, 1},
        {BEBA_LAYER_ICMP6, OFPXMT_OFB_IP_PROTO, 8, 58},
    };

    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        if (row[i].layer == layer)
            add_number(r, row[i].field, row[i].value, row[i].width);
}

/* field & mask == value. */
static void add_field(struct beba_machine_rule *r, uint32_t id, struct beba_u128 value,
                      struct beba_u128 mask, bool masked)
{
    const struct beba_field *f = &beba_fields[id];
    bool v4 = !value.hi && value.lo >> 32 == 0xffff;

    if ((id == BEBA_F_IP_SRC || id == BEBA_F_IP_DST) && v4 && !masked) {
        add_layer(r, BEBA_LAYER_IP4);
        add_number(r, id == BEBA_F_IP_SRC ? OFPXMT_OFB_IPV4_SRC : OFPXMT_OFB_IPV4_DST,
                   (uint32_t)value.lo, 32);
        return;
    }
    if (f->oxm < 0 && id != BEBA_F_TCP_FLAGS)
        return;
    add_layer(r, f->layer);
    if (id == BEBA_F_TCP_FLAGS)
        add(r, BEBA_OF_TCP_FLAGS, value, mask, masked);
    else if (id == BEBA_F_VLAN_ID)
        add(r, OFPXMT_OFB_VLAN_VID, beba_u128(0, value.lo | OFPVID_PRESENT),
            beba_u128(0, mask.lo | OFPVID_PRESENT), masked);
    else
        add(r, (unsigned)f->oxm, value, mask, masked);
}

static struct beba_u128 ones(unsigned width)
{
    return width > 64 ? beba_u128(beba_mask64(width - 64), ~0ull)
                      : beba_u128(0, beba_mask64(width));
}

/* A comparison for equality of a field, or of some of its bits, with a constant. */
static void add_equal(struct beba_machine_rule *r, const struct beba_expr *a,
                      const struct beba_expr *b)
{
    if (a->op == BEBA_OP_CONST) {
        const struct beba_expr *c = a;

        a = b;
        b = c;
    }
    if (b->op != BEBA_OP_CONST)
        return;
    if (a->op == BEBA_OP_FIELD)
        add_field(r, a->id, b->k, ones(beba_fields[a->id].type.width), false);
    else if (a->op == BEBA_OP_AND && a->arg[0]->op == BEBA_OP_FIELD &&
             a->arg[1]->op == BEBA_OP_CONST)
        add_field(r, a->arg[0]->id, b->k, a->arg[1]->k, true);
}

/* What always holds where a guard does, as far as matches can say it. */
static void add_guard(struct beba_machine_rule *r, const struct beba_expr *guard)
{
    if (guard->op == BEBA_OP_LAND) {
        add_guard(r, guard->arg[0]);
        add_guard(r, guard->arg[1]);
    } else if (guard->op == BEBA_OP_EQ) {
        add_equal(r, guard->arg[0], guard->arg[1]);
    } else if (guard->op == BEBA_OP_PRESENT) {
        add_layer(r, guard->id);
    } else if (guard->op == BEBA_OP_FIELD && guard->type.width == 1) {
        add_field(r, guard->id, beba_u128(0, 1), beba_u128(0, 1), false);
    }
}

static void find_verdict(struct beba_machine_rule *r, const struct beba_body *body)
{
    const struct beba_verdict *v;

    if (!body->n || body->stmt[body->n - 1].kind != BEBA_STMT_VERDICT)
        return;
    v = &body->stmt[body->n - 1].verdict;
    for (uint32_t i = 0; i + 1 < body->n; i++)
        if (body->stmt[i].kind == BEBA_STMT_IF)
            return; /* which may end otherwise */
    if (v->kind == BEBA_VERDICT_OUTPUT && (!v->port || v->port->op != BEBA_OP_CONST))
        return;
    r->decides = true;
    translate(v->kind, v->port ? (uint32_t)v->port->k.lo : 0, &r->verdict);
}

uint32_t beba_machine_rules(const struct beba_machine *m)
{
    return m->p->n_rules;
}

void beba_machine_rule(struct beba_machine *m, uint32_t i, struct beba_machine_rule *out)
{
    const struct beba_table *t = m->p->table;
    const struct beba_rule *rule;
    const struct beba_rule_counters *n = beba_engine_rule(m->engine, i);

    while (!t->n_rules || i - t->rule[0].id >= t->n_rules)
        t++;
    rule = &t->rule[i - t->rule[0].id];
    *out = (struct beba_machine_rule){.machine = t->name,
                                      .label = rule->label ? rule->label : "",
                                      .packets = n->packets,
                                      .bytes = n->bytes};
    if (t->n_states > 1 && rule->state_mask)
        add(out, BEBA_OF_STATE, beba_u128(0, rule->state), beba_u128(0, rule->state_mask),
            rule->state_mask != UINT32_MAX);
    for (uint32_t k = 0; k < rule->n_matches; k++) {
        struct beba_u128 all = ones(beba_fields[rule->match[k].field].type.width);

        add_field(out, rule->match[k].field, rule->match[k].value, rule->match[k].mask,
                  beba_u128_cmp(rule->match[k].mask, all) != 0);
    }
    if (rule->guard)
        add_guard(out, rule->guard);
    find_verdict(out, &rule->body);
}

/* Control ------------------------------------------------------------------------------------ */

bool beba_machine_event(struct beba_machine *m, struct beba_strbuf *text, uint64_t *time)
{
    struct beba_event event;

    if (!beba_engine_event(m->engine, &event))
        return false;
    *time = event.time;
    beba_event_print(text, m->p, &event);
    return true;
}

void beba_machine_expire(struct beba_machine *m, uint64_t now)
{
    beba_engine_sweep(m->engine, SWEEP, now);
}
