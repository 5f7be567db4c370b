/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* For tests of the stateful tables: a datapath with one worker, rules and packets in few words, and
 * what came out. */
#ifndef BEBA_DATAPATH_STATE_FIXTURE_TEST_H
#define BEBA_DATAPATH_STATE_FIXTURE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <urcu-qsbr.h>

#include "base/error.h"
#include "datapath/datapath.h"
#include "datapath/key.h"
#include "datapath/stateful.h"

#define SECOND 1000000000ull
#define MILLI  1000000ull
#pragma GCC diagnostic ignored "-Wunused-function" /* each test uses some of it */

enum { MOST = 256, PORTS = 8, HEADROOM = 128 };

struct fixture {
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    uint64_t now;
    unsigned n_out; /* sent: to which ports, and the last frame */
    uint32_t out[MOST];
    uint8_t frame[2048];
    uint32_t frame_len;
    unsigned n_in; /* packet-ins */
    unsigned n_changed;
    struct beba_datapath_state_change changed;
};

static void note_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet)
{
    struct fixture *f = arg;

    (void)queue;
    assert_in_range(f->n_out, 0, MOST - 1);
    f->out[f->n_out++] = port;
    f->frame_len = packet->len;
    memcpy(f->frame, packet->data, packet->len);
}

static void note_packet_in(void *arg, const struct beba_datapath_packet_in *in)
{
    (void)in;
    ((struct fixture *)arg)->n_in++;
}

static void note_changed(void *arg, const struct beba_datapath_state_change *change)
{
    struct fixture *f = arg;

    f->n_changed++;
    f->changed = *change;
}

static void start(struct fixture *f, const struct beba_datapath_opts *opts)
{
    const struct beba_datapath_sink sink = {.arg = f,
                                            .output = note_output,
                                            .packet_in = note_packet_in,
                                            .state_changed = note_changed};
    struct beba_error err = {0};

    *f = (struct fixture){.now = 1700000000 * SECOND};
    if (beba_datapath_new(opts, &f->dp, &err))
        fail_msg("%s", err.what);
    f->worker = beba_datapath_worker(f->dp, 0, &sink);
    for (uint32_t i = 1; i <= PORTS; i++)
        assert_int_equal(
            beba_datapath_port_set(f->dp, &(struct beba_datapath_port){.port = i, .up = true}), 0);
}

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    urcu_qsbr_register_thread();
    start(f, &(struct beba_datapath_opts){.n_workers = 1, .max_flows = 1000, .seed = 7});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    beba_datapath_free(f->dp);
    free(f);
    urcu_qsbr_unregister_thread();
    return 0;
}

/* STATE_MOD ---------------------------------------------------------------------------------- */

/* 0, or code + 1 of BEBA's error. */
static int refused(struct fixture *f, const struct beba_of_state_mod *mod)
{
    struct beba_of_error err = {0};

    if (!beba_datapath_state_mod(f->dp, mod, f->now, &err))
        return 0;
    assert_int_equal(err.type, OFPET_EXPERIMENTER);
    assert_int_equal(err.experimenter, BEBA_EXPERIMENTER);
    return err.code + 1;
}
#define REFUSED(code) ((code) + 1)

static uint32_t header_of(uint8_t field)
{
    uint32_t bytes = (beba_key_places[field].width + 7u) / 8;

    if (field == OFPXMT_OFB_MPLS_LABEL)
        bytes = 4;
    if (field >= BEBA_OF_GLOBAL_STATE)
        return 0xffff0000u | (uint32_t)(field - BEBA_OF_GLOBAL_STATE) << 9 | (bytes + 4);
    return 0x80000000u | (uint32_t)field << 9 | bytes;
}

/* Fields until a negative one. */
#define SCOPE(...) scope_of((const int[]){__VA_ARGS__, -1})
static struct beba_of_scope scope_of(const int *field)
{
    struct beba_of_scope s = {0};

    for (; field[s.n] >= 0; s.n++) {
        s.field[s.n] = (uint8_t)field[s.n];
        s.header[s.n] = header_of((uint8_t)field[s.n]);
    }
    return s;
}

static int set_stateful(struct fixture *f, uint8_t table, bool on)
{
    return refused(f, &(struct beba_of_state_mod){
                          .command = BEBA_STATEFUL_TABLE_CONFIG, .table = table, .stateful = on});
}

enum { LOOKUP, UPDATE, REVERSE };
static int set_scope_as(struct fixture *f, uint8_t table, int which, struct beba_of_scope scope,
                        bool biflow)
{
    struct beba_of_state_mod mod = {.command = which == LOOKUP ? BEBA_SET_L_EXTRACTOR
                                                               : BEBA_SET_U_EXTRACTOR,
                                    .table = table,
                                    .extractor = {.scope = scope, .biflow = biflow}};

    mod.extractor.bit = which == REVERSE;
    return refused(f, &mod);
}

static int set_scope(struct fixture *f, uint8_t table, int which, struct beba_of_scope scope)
{
    return set_scope_as(f, table, which, scope, false);
}

static void make_stateful(struct fixture *f, uint8_t table, struct beba_of_scope lookup,
                          struct beba_of_scope update)
{
    assert_int_equal(set_stateful(f, table, true), 0);
    assert_int_equal(set_scope(f, table, LOOKUP, lookup), 0);
    assert_int_equal(set_scope(f, table, UPDATE, update), 0);
    assert_true(beba_datapath_is_stateful(f->dp, table));
}

static int set_global_var(struct fixture *f, uint8_t table, uint8_t id, uint32_t value)
{
    return refused(f, &(struct beba_of_state_mod){.command = BEBA_SET_GLOBAL_DATA_VAR,
                                                  .table = table,
                                                  .global_var = {id, value, ~0u}});
}

static int set_header_field(struct fixture *f, uint8_t table, uint8_t id, uint8_t field)
{
    return refused(f, &(struct beba_of_state_mod){.command = BEBA_SET_HEADER_FIELD_EXTRACTOR,
                                                  .table = table,
                                                  .header_field = {id, field, header_of(field)}});
}

static int set_condition(struct fixture *f, uint8_t table, uint8_t id, uint8_t op, uint8_t type_a,
                         uint8_t a, uint8_t type_b, uint8_t b)
{
    return refused(f, &(struct beba_of_state_mod){.command = BEBA_SET_CONDITION,
                                                  .table = table,
                                                  .condition = {id, op, {type_a, type_b}, {a, b}}});
}

/* A message about the entry of a key of up to 8 bytes, little-endian. */
static struct beba_of_state_mod about(uint8_t command, uint8_t table, uint64_t key, uint32_t len)
{
    struct beba_of_state_mod mod = {.command = command, .table = table};

    mod.flow.key_len = len;
    mod.flow.mask = ~0u;
    for (uint32_t i = 0; i < len && i < 8; i++)
        mod.flow.key[i] = (uint8_t)(key >> 8 * i);
    return mod;
}

static int set_flow_state(struct fixture *f, uint8_t table, uint64_t key, uint32_t len,
                          uint32_t value)
{
    struct beba_of_state_mod mod = about(BEBA_SET_FLOW_STATE, table, key, len);

    mod.flow.state = value;
    return refused(f, &mod);
}

/* Statistics --------------------------------------------------------------------------------- */

struct seen {
    unsigned n, stop_at;
    struct beba_state_entry entry[MOST];
};

static bool see(void *arg, const struct beba_state_entry *e)
{
    struct seen *s = arg;

    assert_in_range(s->n, 0, MOST - 1);
    s->entry[s->n++] = *e;
    return s->n != s->stop_at;
}

static struct seen states(struct fixture *f, const struct beba_state_filter *filter)
{
    struct seen s = {0};
    uint64_t cursor = 0;

    assert_true(beba_datapath_states(f->dp, filter, f->now, &cursor, see, &s));
    return s;
}

/* All stored entries of a table. */
static struct seen stored(struct fixture *f, uint8_t table)
{
    struct seen s = states(f, &(struct beba_state_filter){.table = table});

    assert_true(s.n > 0);
    assert_int_equal(s.entry[s.n - 1].key_len, 0);
    s.n--;
    return s;
}

/* Rules -------------------------------------------------------------------------------------- */

struct rule {
    uint8_t table;
    uint16_t priority;
    uint8_t next; /* 0: none */
    struct beba_of_oxm match[8];
    struct beba_of_action apply[8], write[8];
};

#define IS(number, v)                                                  \
    {                                                                  \
        .field = (number), .value = {0, (v)}, .mask = { ~0ull, ~0ull } \
    }
#define MASKED(number, v, m)                                                       \
    {                                                                              \
        .field = (number), .has_mask = true, .value = {0, (v)}, .mask = { 0, (m) } \
    }
#define OUT(p)                                         \
    {                                                  \
        .type = OFPAT_OUTPUT, .output = {.port = (p) } \
    }
#define TO_STATE(t, s, ...)                                                    \
    {                                                                          \
        .type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_SET_STATE, .set_state = { \
            .table = (t),                                                      \
            .state = (s),                                                      \
            .mask = ~0u,                                                       \
            __VA_ARGS__                                                        \
        }                                                                      \
    }
#define INC(t)                                                                               \
    {                                                                                        \
        .type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_INC_STATE, .inc_state = {.table = (t) } \
    }
#define CONTEXT(from, i, to)                                                           \
    {                                                                                  \
        .type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_WRITE_CONTEXT, .write_context = { \
            .source = (from),                                                          \
            .id = (i),                                                                 \
            .field = (to)                                                              \
        }                                                                              \
    }
/* out, operands 1 and 2, and what else there is of set_data_var */
#define ALU(t, op, ot, o, ta, a, tb, b, ...)                                         \
    {                                                                                \
        .type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_SET_DATA_VAR, .set_data_var = { \
            .table = (t),                                                            \
            .opcode = (op),                                                          \
            .out_type = (ot),                                                        \
            .out = (o),                                                              \
            .operand_type = {(ta), (tb)},                                            \
            .operand = {(a), (b)},                                                   \
            __VA_ARGS__                                                              \
        }                                                                            \
    }
#define FDV BEBA_OPERAND_FDV
#define GDV BEBA_OPERAND_GDV
#define HF  BEBA_OPERAND_HF
#define NUM BEBA_OPERAND_CONSTANT

static uint32_t count_actions(const struct beba_of_action *a)
{
    uint32_t n = 0;

    while (n < 8 && (a[n].type || a[n].output.port))
        n++;
    return n;
}

static int add_rule(struct fixture *f, struct rule rule, struct beba_of_error *err)
{
    struct beba_of_flow_mod mod = {.table = rule.table,
                                   .command = OFPFC_ADD,
                                   .priority = rule.priority,
                                   .buffer = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY};
    struct beba_of_instructions *in = &mod.instructions;

    mod.match.oxm = rule.match;
    for (; mod.match.n < 8; mod.match.n++) {
        struct beba_of_oxm *oxm = &rule.match[mod.match.n];
        unsigned width = beba_key_places[oxm->field].width;

        if (!oxm->mask.lo)
            break;
        if (!oxm->has_mask)
            oxm->mask = beba_u128(width > 64 ? beba_mask64(width - 64) : 0, beba_mask64(width));
    }
    in->apply = (struct beba_of_actions){count_actions(rule.apply), rule.apply};
    in->write = (struct beba_of_actions){count_actions(rule.write), rule.write};
    in->table = rule.next;
    if (in->apply.n)
        in->present |= BEBA_OF_APPLY;
    if (in->write.n)
        in->present |= BEBA_OF_WRITE;
    if (rule.next)
        in->present |= BEBA_OF_GOTO;
    return beba_datapath_flow_mod(f->dp, &mod, f->now, err);
}

static void flow(struct fixture *f, struct rule rule)
{
    struct beba_of_error err = {0};

    if (add_rule(f, rule, &err))
        fail_msg("%s", err.what);
}
#define FLOW(f, ...) flow(f, (struct rule){__VA_ARGS__})

/* Packets ------------------------------------------------------------------------------------ */

struct frame {
    struct beba_packet packet;
    uint8_t buf[2048];
};

static void build(struct fixture *f, struct frame *frame, uint32_t in_port, uint32_t len,
                  const struct beba_assign *assign, unsigned n)
{
    const struct beba_build b = {.assign = assign, .n_assign = n, .frame_len = len};
    struct beba_error err = {0};

    frame->packet = (struct beba_packet){0};
    if (beba_packet_build(&frame->packet, frame->buf, sizeof(frame->buf), HEADROOM, &b, &err))
        fail_msg("%s", err.what);
    frame->packet.in_port = frame->packet.in_phy_port = in_port;
    frame->packet.now = f->now;
    beba_packet_parse(&frame->packet);
}

/* Runs a packet; how often it, and copies, were sent. */
static unsigned run(struct fixture *f, uint32_t in_port, uint32_t len,
                    const struct beba_assign *assign, unsigned n)
{
    unsigned before = f->n_out;
    struct beba_packet *packet;
    struct frame frame;

    build(f, &frame, in_port, len, assign, n);
    packet = &frame.packet;
    beba_datapath_run(f->worker, &packet, 1);
    urcu_qsbr_quiescent_state();
    return f->n_out - before;
}

static unsigned ether(struct fixture *f, uint32_t in_port, uint64_t src, uint64_t dst)
{
    const struct beba_assign a[] = {
        {BEBA_F_ETH_SRC, {0, src}}, {BEBA_F_ETH_DST, {0, dst}}, {BEBA_F_ETH_TYPE, {0, 0x88b5}}};

    return run(f, in_port, 60, a, 3);
}

struct flow {
    uint32_t src, dst;
    uint16_t sport, dport;
};

static void fill_udp(struct beba_assign a[4], struct flow p)
{
    a[0] = (struct beba_assign){BEBA_F_IP4_SRC, {0, p.src}};
    a[1] = (struct beba_assign){BEBA_F_IP4_DST, {0, p.dst}};
    a[2] = (struct beba_assign){BEBA_F_UDP_SRC, {0, p.sport}};
    a[3] = (struct beba_assign){BEBA_F_UDP_DST, {0, p.dport}};
}

static unsigned udp_sized(struct fixture *f, uint32_t in_port, struct flow p, uint32_t len)
{
    struct beba_assign a[4];

    fill_udp(a, p);
    return run(f, in_port, len, a, 4);
}

static unsigned udp(struct fixture *f, uint32_t in_port, struct flow p)
{
    return udp_sized(f, in_port, p, 100);
}

static unsigned tcp(struct fixture *f, uint32_t in_port, struct flow p, uint32_t flags)
{
    const struct beba_assign a[] = {{BEBA_F_IP4_SRC, {0, p.src}},
                                    {BEBA_F_IP4_DST, {0, p.dst}},
                                    {BEBA_F_TCP_SRC, {0, p.sport}},
                                    {BEBA_F_TCP_DST, {0, p.dport}},
                                    {BEBA_F_TCP_FLAGS, {0, flags}}};

    return run(f, in_port, 100, a, 5);
}

/* Actions as of a packet-out, on a UDP packet. */
static void act(struct fixture *f, struct flow p, const struct beba_of_action *action, uint32_t n)
{
    struct beba_of_action copy[8];
    struct beba_assign a[4];
    struct frame frame;

    memcpy(copy, action, n * sizeof(*action));
    fill_udp(a, p);
    build(f, &frame, 8, 100, a, 4);
    beba_datapath_execute(f->worker, &frame.packet, &(struct beba_of_actions){n, copy});
    urcu_qsbr_quiescent_state();
}
#define ACT(f, p, ...)                                      \
    act(f, p, (const struct beba_of_action[]){__VA_ARGS__}, \
        sizeof((const struct beba_of_action[]){__VA_ARGS__}) / sizeof(struct beba_of_action))

/* A field of the last frame sent. */
static uint64_t sent(struct fixture *f, enum beba_field_id field)
{
    struct beba_packet p = {.data = f->frame, .len = f->frame_len, .wire_len = f->frame_len};
    uint64_t v;

    beba_packet_parse(&p);
    if (!beba_field_read(&p, field, &v))
        fail_msg("what was sent has no %s", beba_fields[field].name);
    return v;
}

#endif
