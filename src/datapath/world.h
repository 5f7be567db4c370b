/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* For the tests of this room: a datapath with one worker, what came out of it, and short ways to
 * write flow-mods. */
#ifndef BEBA_DATAPATH_WORLD_H
#define BEBA_DATAPATH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include <cmocka.h>

#include "base/error.h"
#include "datapath/datapath.h"
#include "packet/samples.h"

enum { WORLD_OUT = 64, WORLD_FRAME = 512 };

struct world_out {
    uint32_t port, queue, len;
    uint8_t frame[WORLD_FRAME];
};

struct world_in {
    uint8_t reason, table;
    uint64_t cookie;
    uint16_t max_len;
    uint32_t n_plain, n;
    struct beba_of_oxm oxm[BEBA_OF_N_FIELDS];
    uint32_t len;
};

struct world {
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    uint64_t now;
    struct beba_of_error err;
    unsigned n_out, n_in, n_removed;
    struct world_out out[WORLD_OUT];
    struct world_in in[WORLD_OUT];
    struct beba_datapath_removed removed[WORLD_OUT];
    uint8_t frame[SAMPLE_SIZE];
    struct beba_packet packet;
};

#define WORLD_S 1000000000ull

/* --- lists ------------------------------------------------------------------------------------ */

#define COUNT(type, ...) (sizeof((type[]){__VA_ARGS__}) / sizeof(type))
#define MATCH(...)                                                                               \
    {                                                                                            \
        .n = COUNT(struct beba_of_oxm, __VA_ARGS__), .oxm = (struct beba_of_oxm[]){__VA_ARGS__}, \
    }
#define ACTIONS(...)                                      \
    {                                                     \
        .n = COUNT(struct beba_of_action, __VA_ARGS__),   \
        .action = (struct beba_of_action[]){__VA_ARGS__}, \
    }
/* clang-format off */
#define IS(field_, v)            {.field = (field_), .value = {0, (v)}}
#define MASKED(field_, v, m)     {.field = (field_), .has_mask = true, .value = {0, (v)}, .mask = {0, (m)}}
#define OUT(port_)               {.type = OFPAT_OUTPUT, .output = {.port = (port_), .max_len = 100}}
#define SET(field_, v)           {.type = OFPAT_SET_FIELD, .set_field = {.field = (field_), .value = {0, (v)}}}
#define GROUP(group_)            {.type = OFPAT_GROUP, .group = (group_)}
#define TYPED(type_, ethertype_) {.type = (type_), .ethertype = (ethertype_)}
#define TTL(type_, ttl_)         {.type = (type_), .ttl = (ttl_)}
#define PLAIN(type_)             {.type = (type_)}
#define QUEUE(queue_)            {.type = OFPAT_SET_QUEUE, .queue = (queue_)}
#define APPLY(...)               {.present = BEBA_OF_APPLY, .apply = ACTIONS(__VA_ARGS__)}
#define WRITE(...)               {.present = BEBA_OF_WRITE, .write = ACTIONS(__VA_ARGS__)}
/* clang-format on */

/* 0 or an error's type and code as one number: FAILS(type, code). */
#define FLOW(w, ...)                                                                         \
    world_result(w, beba_datapath_flow_mod((w)->dp,                                          \
                                           &(struct beba_of_flow_mod){.out_port = OFPP_ANY,  \
                                                                      .out_group = OFPG_ANY, \
                                                                      __VA_ARGS__},          \
                                           (w)->now, &(w)->err))
#define ADD_GROUP(w, ...)                                                                      \
    world_result(w, beba_datapath_group_mod((w)->dp, &(struct beba_of_group_mod){__VA_ARGS__}, \
                                            (w)->now, &(w)->err))
#define ADD_METER(w, ...)                                                                      \
    world_result(w, beba_datapath_meter_mod((w)->dp, &(struct beba_of_meter_mod){__VA_ARGS__}, \
                                            (w)->now, &(w)->err))
#define BUCKETS(...)                                                                            \
    .n_buckets = COUNT(struct beba_of_bucket, __VA_ARGS__), .bucket = (struct beba_of_bucket[]) \
    {                                                                                           \
        __VA_ARGS__                                                                             \
    }
#define BANDS(...)                                                                      \
    .n_bands = COUNT(struct beba_of_band, __VA_ARGS__), .band = (struct beba_of_band[]) \
    {                                                                                   \
        __VA_ARGS__                                                                     \
    }
#define NO_WATCH          .watch_port = OFPP_ANY, .watch_group = OFPG_ANY
#define FAILS(type, code) ((type)*65536 + (code) + 1)

static inline int world_result(const struct world *w, int r)
{
    return r ? FAILS(w->err.type, w->err.code) : 0;
}

/* --- what comes out --------------------------------------------------------------------------- */

static void world_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    struct world *w = arg;
    struct world_out *out = &w->out[w->n_out % WORLD_OUT];

    w->n_out++;
    out->port = port;
    out->queue = queue;
    out->len = p->len < WORLD_FRAME ? p->len : WORLD_FRAME;
    memcpy(out->frame, p->data, out->len);
}

static void world_packet_in(void *arg, const struct beba_datapath_packet_in *in)
{
    struct world *w = arg;
    struct world_in *out = &w->in[w->n_in++ % WORLD_OUT];

    *out = (struct world_in){
        .reason = in->reason,
        .table = in->table,
        .cookie = in->cookie,
        .max_len = in->max_len,
        .n_plain = in->n_plain,
        .n = in->match.n,
    };
    memcpy(out->oxm, in->match.oxm, in->match.n * sizeof(*in->match.oxm));
    out->len = in->packet->len;
}

static void world_removed(void *arg, const struct beba_datapath_removed *removed)
{
    struct world *w = arg;

    struct beba_datapath_removed *out = &w->removed[w->n_removed++ % WORLD_OUT];

    *out = *removed;
    out->match = NULL;
}

static inline void world_port(struct world *w, uint32_t port, uint32_t config, bool up)
{
    assert_int_equal(beba_datapath_port_set(w->dp, &(struct beba_datapath_port){port, config, up}),
                     0);
}

/* Ports 1 to 4 and LOCAL. */
static inline void world_open_with(struct world *w, const struct beba_datapath_opts *opts)
{
    struct beba_datapath_sink sink = {
        .arg = w, .output = world_output, .packet_in = world_packet_in};
    struct beba_error err;

    memset(w, 0, sizeof(*w));
    w->now = 1000 * WORLD_S;
    rcu_register_thread();
    assert_int_equal(beba_datapath_new(opts, &w->dp, &err), 0);
    w->worker = beba_datapath_worker(w->dp, 0, &sink);
    beba_datapath_on_removed(w->dp, world_removed, w);
    for (uint32_t port = 1; port <= 4; port++)
        world_port(w, port, 0, true);
    world_port(w, OFPP_LOCAL, 0, true);
}

static inline void world_open(struct world *w)
{
    world_open_with(w, &(struct beba_datapath_opts){.n_workers = 1, .seed = 42});
}

static inline void world_close(struct world *w)
{
    beba_datapath_free(w->dp);
    rcu_unregister_thread();
}

/* --- packets ---------------------------------------------------------------------------------- */

static inline void world_build(struct world *w, const struct sample *s)
{
    struct beba_error err;

    memset(&w->packet, 0, sizeof(w->packet));
    assert_int_equal(sample_build(s, &w->packet, w->frame, &err), 0);
    beba_packet_parse(&w->packet);
    w->packet.in_port = 1;
    w->packet.now = w->now;
}

/* The sample of that name, from port 1, not yet run. */
static inline void world_make(struct world *w, const char *what)
{
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        if (!strcmp(samples[i].what, what)) {
            world_build(w, &samples[i]);
            return;
        }
    }
    fail_msg("no sample %s", what);
}

static inline void world_clear(struct world *w)
{
    w->n_out = w->n_in = w->n_removed = 0;
}

/* Runs w->packet, forgetting what came out before; how many outputs there were. */
static inline unsigned world_go(struct world *w)
{
    struct beba_packet *packet[1] = {&w->packet};

    world_clear(w);
    beba_datapath_run(w->worker, packet, 1);
    rcu_quiescent_state();
    return w->n_out;
}

/* The only port that the sample left by, 0: none. */
static inline uint32_t world_run(struct world *w, const char *what)
{
    world_make(w, what);
    if (!world_go(w))
        return 0;
    assert_int_equal(w->n_out, 1);
    return w->out[0].port;
}

/* What came out i-th, parsed. */
static inline struct beba_packet world_came(struct world *w, unsigned i)
{
    struct beba_packet p = {
        .data = w->out[i].frame, .len = w->out[i].len, .wire_len = w->out[i].len};

    assert_true(i < w->n_out);
    beba_packet_parse(&p);
    return p;
}

static inline uint64_t world_drops(struct world *w, enum beba_datapath_drop reason)
{
    uint64_t drops[BEBA_DP_N_DROPS];

    beba_datapath_drops(w->dp, drops);
    return drops[reason];
}

static inline unsigned world_active(struct world *w, uint8_t table)
{
    struct beba_datapath_table_stats stats;

    beba_datapath_table_stats(w->dp, table, &stats);
    return stats.active;
}

#endif
