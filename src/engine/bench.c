/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/traffic.h"

enum {
    ROUNDS = 5,
    ROUNDS_MAX = 101,
    CHECK = 64,        /* batches between looks at the clock */
    INTERVAL = 100,    /* ns between packets */
    PASSES = 4,        /* through all packets, before flows that were new are cleared away */
    SAMPLES = 1 << 14, /* batches timed one by one, of each core */
};

/* One core's share of the packets, first to end, and what it runs them with. */
struct worker {
    struct bench *b;
    struct beba_engine *e;
    struct beba_packet packet[BEBA_BATCH];
    struct beba_packet *batch[BEBA_BATCH];
    struct beba_result result[BEBA_BATCH];
    uint8_t *fresh; /* BEBA_BATCH buffers, for programs that edit */
    uint64_t now;
    uint32_t first, end, at;
    pthread_t thread;
    bool runs;
    /* Of the round. */
    uint64_t packets, ns;
    double *sample; /* SAMPLES, ns; NULL: the round is not for them */
};

struct bench {
    const struct beba_bench_opts *opts;
    struct traffic traffic;
    struct worker *worker;
    double *samples;
    unsigned n;
    unsigned passes; /* since the flows were made */
    uint64_t limit;  /* ns of a round */
    unsigned waiting;
    bool go;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * BEBA_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* Running ------------------------------------------------------------------------------------ */

static void run_batch(struct worker *w)
{
    const struct traffic *from = &w->b->traffic;

    for (unsigned i = 0; i < BEBA_BATCH; i++) {
        uint8_t *data = from->bytes + (size_t)w->at * from->slot;
        uint32_t len = from->len[w->at];
        struct beba_packet *p = &w->packet[i];

        if (w->fresh)
            data = memcpy(w->fresh + (size_t)i * TRAFFIC_ROOM + TRAFFIC_HEADROOM, data, len);
        p->data = data;
        p->len = p->wire_len = len;
        p->headroom = w->fresh ? TRAFFIC_HEADROOM : 0;
        p->tailroom = w->fresh ? TRAFFIC_ROOM - TRAFFIC_HEADROOM - len : 0;
        p->now = w->now;
        p->metadata = p->tunnel_id = 0;
        p->in_port = p->in_phy_port = from->in_port[w->at];
        w->now += INTERVAL * w->b->n;
        w->at = w->at + 1 < w->end ? w->at + 1 : w->first;
    }
    beba_engine_run(w->e, w->batch, BEBA_BATCH, w->result);
}

static void drain_events(struct beba_engine *e)
{
    struct beba_event event;

    while (beba_engine_event(e, &event))
        ;
}

/* Until time is up, or, where packets open flows, all packets have run once. */
static void run_for_a_time(struct worker *w)
{
    clockid_t clock = w->b->n > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    uint64_t start = clock_ns(clock), end = start, most = UINT64_MAX;

    if (w->b->traffic.n_fresh)
        most = (w->end - w->first) / BEBA_BATCH;
    w->packets = 0;
    while (end - start < w->b->limit && most) {
        unsigned n = most < CHECK ? (unsigned)most : CHECK;

        for (unsigned i = 0; i < n; i++)
            run_batch(w);
        most -= n;
        w->packets += n * BEBA_BATCH;
        end = clock_ns(clock);
    }
    w->ns = end - start;
}

static void run_timed(struct worker *w)
{
    uint64_t before = clock_ns(CLOCK_MONOTONIC), after;

    for (unsigned i = 0; i < SAMPLES; i++) {
        run_batch(w);
        after = clock_ns(CLOCK_MONOTONIC);
        w->sample[i] = (double)(after - before);
        before = after;
    }
}

static void *run_thread(void *arg)
{
    struct worker *w = arg;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(w - w->b->worker), &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set); /* as good as it gets */
    __atomic_fetch_add(&w->b->waiting, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&w->b->go, __ATOMIC_ACQUIRE))
        sched_yield();
    if (w->sample)
        run_timed(w);
    else
        run_for_a_time(w);
    return NULL;
}

/* All cores at once; one core needs no thread. */
static int run_all(struct bench *b, struct beba_error *err)
{
    int rc = 0;

    b->waiting = 0;
    b->go = b->n == 1;
    if (b->n == 1) {
        if (b->worker->sample)
            run_timed(b->worker);
        else
            run_for_a_time(b->worker);
        drain_events(b->worker->e);
        return 0;
    }
    for (unsigned i = 0; i < b->n; i++) {
        int failed = pthread_create(&b->worker[i].thread, NULL, run_thread, &b->worker[i]);

        b->worker[i].runs = !failed;
        if (failed && !rc)
            rc = beba_error_set(err, -failed, "a thread for core %u: %s", i, strerror(failed));
    }
    while (!rc && __atomic_load_n(&b->waiting, __ATOMIC_ACQUIRE) < b->n)
        sched_yield();
    __atomic_store_n(&b->go, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < b->n; i++)
        if (b->worker[i].runs)
            pthread_join(b->worker[i].thread, NULL);
    drain_events(b->worker->e);
    return rc;
}

/* Flows -------------------------------------------------------------------------------------- */

/* Opens every flow's connection, in order. */
static int shake_hands(struct bench *b, struct beba_error *err)
{
    struct worker *w = b->worker;
    uint8_t buf[TRAFFIC_ROOM];
    struct beba_packet p = {0}, *one = &p;
    int rc = 0;

    for (uint32_t i = 0; i < b->opts->flows && !rc; i++)
        for (int k = 0; k < 3 && !rc; k++) {
            rc = beba_traffic_packet(&b->traffic, i, k, buf, &p, err);
            if (rc)
                break;
            p.now = w->now;
            w->now += INTERVAL;
            beba_engine_run(w->e, &one, 1, w->result);
        }
    return rc;
}

/* All flows there are, and caches warm. */
static int make_flows(struct bench *b, struct beba_error *err)
{
    int rc = b->traffic.stream.tcp_flags ? shake_hands(b, err) : 0;

    b->passes = 0;
    for (unsigned i = 0; i < b->n && !rc; i++) {
        struct worker *w = &b->worker[i];

        w->now = b->worker->now;
        for (uint32_t at = w->first; at < w->end; at += BEBA_BATCH)
            run_batch(w);
        w->at = w->first;
        b->worker->now = w->now;
    }
    drain_events(b->worker->e);
    return rc;
}

/* New packets for new flows; without any of these, nothing. */
static int renew(struct bench *b, struct beba_error *err)
{
    int rc;

    if (!b->traffic.n_fresh)
        return 0;
    if (b->passes++ == PASSES) {
        beba_engine_clear(b->worker->e);
        rc = make_flows(b, err);
        if (rc)
            return rc;
        b->passes = 1;
    }
    for (unsigned i = 0; i < b->n; i++)
        b->worker[i].at = b->worker[i].first;
    return beba_traffic_renew(&b->traffic, err);
}

/* Measuring ---------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Mpps of all cores, over as much time as a round has. */
static int run_round(struct bench *b, uint64_t *packets, double *mpps, struct beba_error *err)
{
    uint64_t left = b->limit, whole = b->limit;
    double weighted = 0, time = 0;
    int rc = 0;

    while (left && !rc) {
        double rate = 0;
        uint64_t longest = 1;

        b->limit = left;
        rc = renew(b, err);
        if (!rc)
            rc = run_all(b, err);
        for (unsigned i = 0; i < b->n && !rc; i++) {
            const struct worker *w = &b->worker[i];

            rate += (double)w->packets * 1e3 / (double)w->ns;
            *packets += w->packets;
            longest = w->ns > longest ? w->ns : longest;
        }
        weighted += rate * (double)longest;
        time += (double)longest;
        left -= longest < left ? longest : left;
    }
    b->limit = whole;
    *mpps = weighted / time;
    return rc;
}

static int time_batches(struct bench *b, struct beba_bench_result *out, struct beba_error *err)
{
    size_t n = (size_t)b->n * SAMPLES;
    int rc;

    b->samples = calloc(n, sizeof(*b->samples));
    if (!b->samples)
        return -ENOMEM;
    for (unsigned i = 0; i < b->n; i++)
        b->worker[i].sample = b->samples + (size_t)i * SAMPLES;
    rc = renew(b, err);
    if (!rc)
        rc = run_all(b, err);
    if (rc)
        return rc;
    qsort(b->samples, n, sizeof(*b->samples), ascending);
    out->p50 = b->samples[n / 2];
    out->p99 = b->samples[n * 99 / 100];
    out->p999 = b->samples[n * 999 / 1000];
    return 0;
}

static int measure(struct bench *b, struct beba_bench_result *out, struct beba_error *err)
{
    unsigned rounds = b->opts->rounds ? b->opts->rounds : ROUNDS;
    double seconds = b->opts->seconds > 0 ? b->opts->seconds : 1, mpps[ROUNDS_MAX];
    int rc = make_flows(b, err);

    if (rounds > ROUNDS_MAX)
        rounds = ROUNDS_MAX;
    b->limit = (uint64_t)(seconds / rounds * 1e9) + 1;
    for (unsigned i = 0; i < rounds && !rc; i++)
        rc = run_round(b, &out->packets, &mpps[i], err);
    if (rc)
        return rc;
    qsort(mpps, rounds, sizeof(*mpps), ascending);
    out->mpps = mpps[rounds / 2];
    out->mpps_min = mpps[0];
    out->mpps_max = mpps[rounds - 1];
    out->ns_per_packet = 1e3 / out->mpps;
    return b->opts->latency ? time_batches(b, out, err) : 0;
}

static void sum_up(const struct beba_engine *e, const struct beba_pipeline *p,
                   struct beba_bench_result *out)
{
    struct beba_table_stats t;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        beba_engine_table(e, i, &t);
        out->entries += t.entries;
        out->capacity += t.capacity;
        out->memory += t.memory;
        out->lookups += t.counters.lookups;
        out->hits += t.counters.hits;
        out->creations += t.counters.creations;
        out->evictions += t.counters.evictions;
        out->refusals += t.counters.refusals;
    }
    memcpy(out->verdict, beba_engine_stats(e)->verdict, sizeof(out->verdict));
}

/* Making ------------------------------------------------------------------------------------- */

static uint64_t room_for(const struct beba_pipeline *p, const struct bench *b)
{
    uint64_t most = b->opts->flows + b->opts->flows / 4 + 16;

    most += (uint64_t)b->traffic.n_fresh * (PASSES + 1);
    for (uint32_t i = 0; i < p->n_tables; i++)
        if (p->table[i].capacity > most)
            most = p->table[i].capacity;
    return most;
}

static int make_worker(struct bench *b, unsigned i, struct beba_error *err)
{
    struct worker *w = &b->worker[i];
    int rc = 0;

    w->b = b;
    w->now = BEBA_NS_PER_SEC;
    w->first = w->at = (uint32_t)((uint64_t)b->traffic.n * i / b->n);
    w->end = (uint32_t)((uint64_t)b->traffic.n * (i + 1) / b->n);
    for (unsigned k = 0; k < BEBA_BATCH; k++)
        w->batch[k] = &w->packet[k];
    if (b->traffic.stream.edits) {
        w->fresh = malloc((size_t)BEBA_BATCH * TRAFFIC_ROOM);
        if (!w->fresh)
            return -ENOMEM;
    }
    if (i)
        rc = beba_engine_share(b->worker->e, &w->e, err);
    if (!rc && b->opts->prepare)
        rc = b->opts->prepare(b->opts->arg, w->e, err);
    return rc;
}

static int make(struct bench *b, const struct beba_pipeline *p, struct beba_error *err)
{
    struct beba_engine_opts engine = {.seed = b->opts->seed, .fixed_seed = true};
    const struct beba_bench_opts *o = b->opts;
    int rc = beba_traffic_make(&b->traffic, p, o->flows, o->skew, o->new_flows, o->seed, err);

    if (rc)
        return rc;
    b->worker = calloc(b->n, sizeof(*b->worker));
    if (!b->worker)
        return -ENOMEM;
    engine.capacity = room_for(p, b);
    rc = beba_engine_new(p, &engine, &b->worker->e, err);
    for (unsigned i = 0; i < b->n && !rc; i++)
        rc = make_worker(b, i, err);
    return rc;
}

static void free_bench(struct bench *b)
{
    for (unsigned i = 0; b->worker && i < b->n; i++) {
        beba_engine_free(b->worker[i].e);
        free(b->worker[i].fresh);
    }
    free(b->worker);
    free(b->samples);
    beba_traffic_free(&b->traffic);
    free(b);
}

static int check(const struct beba_bench_opts *o, struct beba_error *err)
{
    if (!o->flows || o->flows > BEBA_BENCH_FLOWS_MAX)
        return beba_error_set(err, -EINVAL, "%u flows: a benchmark takes 1 to %d", o->flows,
                              BEBA_BENCH_FLOWS_MAX);
    if (o->cores > BEBA_BENCH_CORES_MAX)
        return beba_error_set(err, -EINVAL, "%u cores: a benchmark takes 1 to %d", o->cores,
                              BEBA_BENCH_CORES_MAX);
    if (!(o->new_flows >= 0 && o->new_flows <= 1))
        return beba_error_set(err, -EINVAL, "a share of new flows is from 0 to 1");
    return 0;
}

int beba_bench_run(const struct beba_pipeline *p, const struct beba_bench_opts *opts,
                   struct beba_bench_result *out, struct beba_error *err)
{
    struct bench *b;
    int rc;

    *out = (struct beba_bench_result){0};
    if (err)
        *err = (struct beba_error){0};
    rc = check(opts, err);
    if (rc)
        return rc;
    b = calloc(1, sizeof(*b));
    if (!b)
        return beba_error_set(err, -ENOMEM, "out of memory for the benchmark");
    b->opts = opts;
    b->n = opts->cores ? opts->cores : 1;
    rc = make(b, p, err);
    if (!rc)
        rc = measure(b, out, err);
    if (!rc)
        sum_up(b->worker->e, p, out);
    if (rc && err && !err->code)
        beba_error_set(err, rc,
                       rc == -ENOMEM ? "out of memory for the benchmark"
                                     : "no packet can have the key of this program");
    free_bench(b);
    return rc;
}
