/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/stream.h"

enum {
    SLOT = 64,  /* packets lie on cache lines */
    FRAME = 64, /* bytes, unless headers need more */
    PACKET_ROOM = 2048,
    HEADROOM = 128,
    STREAM_MIN = 1 << 17, /* packets in memory: twice the flows, but at least these */
    ROUNDS = 5,
    ROUNDS_MAX = 101,
    CHECK = 64,     /* batches between looks at the clock */
    INTERVAL = 100, /* ns between packets */
};

/* Packets one after the other in memory. */
struct packets {
    uint8_t *bytes;
    uint32_t *in_port;
    uint16_t *len;
    uint32_t slot; /* bytes of each */
    uint32_t n;
};

struct bench {
    struct beba_engine *e;
    struct stream *stream;
    struct packets packets;
    struct beba_packet packet[BEBA_BATCH];
    struct beba_packet *batch[BEBA_BATCH];
    struct beba_result result[BEBA_BATCH];
    uint8_t *fresh; /* BEBA_BATCH buffers, for programs that edit */
    uint64_t now;
    uint32_t at; /* next packet */
};

/* Of this thread: what other processes do to the machine stays out of it, but for the caches. */
static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * BEBA_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* Flows -------------------------------------------------------------------------------------- */

/* The cumulated Zipf law; NULL: uniform. */
static int zipf(double skew, uint32_t n, double **out)
{
    double sum = 0, *c;

    *out = NULL;
    if (skew <= 0)
        return 0;
    c = malloc(n * sizeof(*c));
    if (!c)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        sum += pow((double)i + 1, -skew);
        c[i] = sum;
    }
    *out = c;
    return 0;
}

static uint32_t draw_flow(const double *law, uint32_t n, uint64_t *random)
{
    uint32_t lo = 0, hi = n - 1;
    double x;

    *random = beba_splitmix64(*random);
    if (!law)
        return (uint32_t)((*random >> 32) * n >> 32);
    x = (double)(*random >> 11) * 0x1p-53 * law[n - 1];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (law[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Packets ------------------------------------------------------------------------------------ */

static int build(struct stream *s, uint32_t flow, int handshake, uint8_t *buf,
                 struct beba_packet *p, uint32_t *in_port, struct beba_error *err)
{
    struct stream_packet want;
    struct beba_build b = {.assign = want.assign, .frame_len = handshake < 0 ? FRAME : 0};
    unsigned attempts = 8;
    int rc;

    do {
        beba_stream_next(s, flow, handshake, &want);
        b.n_assign = want.n;
        rc = beba_packet_build(p, buf, PACKET_ROOM, HEADROOM, &b, err);
    } while (rc == -EINVAL && --attempts);
    *in_port = want.in_port;
    return rc;
}

static int alloc_packets(struct packets *out, uint32_t n, uint32_t slot)
{
    out->slot = slot;
    out->n = n;
    out->bytes = aligned_alloc(SLOT, (size_t)n * slot);
    out->in_port = calloc(n, sizeof(*out->in_port));
    out->len = calloc(n, sizeof(*out->len));
    return out->bytes && out->in_port && out->len ? 0 : -ENOMEM;
}

static void free_packets(struct packets *p)
{
    free(p->bytes);
    free(p->in_port);
    free(p->len);
    *p = (struct packets){0};
}

static int keep(struct packets *out, uint32_t i, const struct beba_packet *p, uint32_t in_port)
{
    if (p->len > out->slot)
        return -EINVAL;
    memcpy(out->bytes + (size_t)i * out->slot, p->data, p->len);
    out->len[i] = (uint16_t)p->len;
    out->in_port[i] = in_port;
    return 0;
}

static int make_packets(struct bench *b, const struct beba_bench_opts *opts, struct beba_error *err)
{
    uint8_t buf[PACKET_ROOM];
    uint32_t n = opts->flows * 2 > STREAM_MIN ? opts->flows * 2 : STREAM_MIN, in_port = 1;
    uint64_t random = opts->seed;
    struct beba_packet p;
    double *law;
    int rc = zipf(opts->skew, opts->flows, &law);

    if (!rc)
        rc = build(b->stream, 0, -1, buf, &p, &in_port, err);
    if (!rc)
        rc = alloc_packets(&b->packets, n, (p.len + 2 * SLOT - 1) / SLOT * SLOT);
    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = build(b->stream, draw_flow(law, opts->flows, &random), -1, buf, &p, &in_port, err);
        if (!rc)
            rc = keep(&b->packets, i, &p, in_port);
    }
    free(law);
    return rc;
}

/* Running ------------------------------------------------------------------------------------ */

static void run_batch(struct bench *b)
{
    const struct packets *from = &b->packets;

    for (unsigned i = 0; i < BEBA_BATCH; i++) {
        uint8_t *data = from->bytes + (size_t)b->at * from->slot;
        uint32_t len = from->len[b->at];
        struct beba_packet *p = &b->packet[i];

        if (b->fresh)
            data = memcpy(b->fresh + (size_t)i * PACKET_ROOM + HEADROOM, data, len);
        p->data = data;
        p->len = p->wire_len = len;
        p->headroom = b->fresh ? HEADROOM : 0;
        p->tailroom = b->fresh ? PACKET_ROOM - HEADROOM - len : 0;
        p->now = b->now;
        p->metadata = p->tunnel_id = 0;
        p->in_port = p->in_phy_port = from->in_port[b->at];
        b->now += INTERVAL;
        b->at = b->at + 1 < from->n ? b->at + 1 : 0;
    }
    beba_engine_run(b->e, b->batch, BEBA_BATCH, b->result);
}

static void drain_events(struct bench *b)
{
    struct beba_event event;

    while (beba_engine_event(b->e, &event))
        ;
}

/* Opens every flow's connection, in order. */
static int shake_hands(struct bench *b, uint32_t flows, struct beba_error *err)
{
    uint8_t buf[PACKET_ROOM];
    struct beba_packet p, *one = &p;
    uint32_t in_port = 1;
    int rc = 0;

    for (uint32_t i = 0; i < flows && !rc; i++)
        for (int k = 0; k < 3 && !rc; k++) {
            rc = build(b->stream, i, k, buf, &p, &in_port, err);
            if (rc)
                break;
            p.now = b->now;
            p.in_port = p.in_phy_port = in_port;
            b->now += INTERVAL;
            beba_engine_run(b->e, &one, 1, b->result);
        }
    return rc;
}

static double run_round(struct bench *b, double seconds, uint64_t *packets)
{
    uint64_t start = clock_ns(), end = start, until = start + (uint64_t)(seconds * 1e9), n = 0;

    while (end < until) {
        for (unsigned i = 0; i < CHECK; i++)
            run_batch(b);
        n += CHECK * BEBA_BATCH;
        end = clock_ns();
    }
    *packets += n;
    drain_events(b);
    return (double)n * 1e3 / (double)(end - start);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(struct bench *b, const struct beba_bench_opts *opts,
                    struct beba_bench_result *out)
{
    unsigned rounds = opts->rounds ? opts->rounds : ROUNDS;
    double seconds = opts->seconds > 0 ? opts->seconds : 1, mpps[ROUNDS_MAX];

    if (rounds > ROUNDS_MAX)
        rounds = ROUNDS_MAX;
    for (uint32_t i = 0; i < b->packets.n; i += BEBA_BATCH) /* all flows there are, caches warm */
        run_batch(b);
    for (unsigned i = 0; i < rounds; i++)
        mpps[i] = run_round(b, seconds / rounds, &out->packets);
    qsort(mpps, rounds, sizeof(*mpps), ascending);
    out->mpps = mpps[rounds / 2];
    out->mpps_min = mpps[0];
    out->mpps_max = mpps[rounds - 1];
    out->ns_per_packet = 1e3 / out->mpps;
}

static void sum_up(const struct bench *b, const struct beba_pipeline *p,
                   struct beba_bench_result *out)
{
    struct beba_table_stats t;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        beba_engine_table(b->e, i, &t);
        out->entries += t.entries;
        out->capacity += t.capacity;
        out->memory += t.memory;
        out->lookups += t.counters.lookups;
        out->hits += t.counters.hits;
        out->creations += t.counters.creations;
        out->evictions += t.counters.evictions;
        out->refusals += t.counters.refusals;
    }
    memcpy(out->verdict, beba_engine_stats(b->e)->verdict, sizeof(out->verdict));
}

static uint64_t room_for(const struct beba_pipeline *p, uint32_t flows)
{
    uint64_t most = flows + flows / 4 + 16;

    for (uint32_t i = 0; i < p->n_tables; i++)
        if (p->table[i].capacity > most)
            most = p->table[i].capacity;
    return most;
}

int beba_bench_run(const struct beba_pipeline *p, const struct beba_bench_opts *opts,
                   struct beba_bench_result *out, struct beba_error *err)
{
    struct beba_engine_opts engine = {.seed = opts->seed, .fixed_seed = true};
    struct bench *b = calloc(1, sizeof(*b));
    struct stream *stream = calloc(1, sizeof(*stream));
    int rc = -ENOMEM;

    *out = (struct beba_bench_result){0};
    if (err)
        *err = (struct beba_error){0};
    if (!opts->flows || opts->flows > BEBA_BENCH_FLOWS_MAX) {
        rc = beba_error_set(err, -EINVAL, "%u flows: a benchmark takes 1 to %d", opts->flows,
                            BEBA_BENCH_FLOWS_MAX);
        goto out;
    }
    if (!b || !stream)
        goto out;
    b->stream = stream;
    rc = beba_stream_init(stream, p, opts->seed);
    if (rc)
        goto out;
    if (stream->edits) {
        b->fresh = aligned_alloc(SLOT, (size_t)BEBA_BATCH * PACKET_ROOM);
        rc = b->fresh ? 0 : -ENOMEM;
    }
    for (unsigned i = 0; i < BEBA_BATCH; i++)
        b->batch[i] = &b->packet[i];
    b->now = BEBA_NS_PER_SEC;
    engine.capacity = room_for(p, opts->flows);
    if (!rc)
        rc = beba_engine_new(p, &engine, &b->e, err);
    if (!rc)
        rc = make_packets(b, opts, err);
    if (!rc && stream->tcp_flags)
        rc = shake_hands(b, opts->flows, err);
    if (rc)
        goto out;
    measure(b, opts, out);
    sum_up(b, p, out);
out:
    if (rc && err && !err->code)
        beba_error_set(err, rc,
                       rc == -ENOMEM ? "out of memory for the benchmark"
                                     : "no packet can have the key of this program");
    if (b) {
        beba_engine_free(b->e);
        free_packets(&b->packets);
        free(b->fresh);
    }
    if (stream)
        beba_stream_free(stream);
    free(stream);
    free(b);
    return rc;
}
