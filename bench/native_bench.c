/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs in memory beside the same written by hand in C, on one core.
 *
 *     native_bench [--quick] [--json FILE]
 *
 * Port knocking, a token bucket a source, TCP connections by states and MAC learning: 64-byte
 * packets in memory, in batches of 32, through the interpreter, the native engine where there is a
 * compiler, and a hand-written loop for that one program (hand.h). All get the same packets in the
 * same struct beba_packet and tables for the same number of flows, with every flow there before it
 * is measured. Verdicts are compared while flows are set up and once more before measuring.
 *
 * Rounds go through all of them in turn, so that the machine's drift hits all alike; figures are
 * medians of rounds, and ratio the median of each round's own: time over the hand-written loop's.
 * p50, p99 and p999 are of a batch (us), taken in rounds of their own. new_flows is the share of
 * packets that open a flow not seen before; pages the size that memory is in, by transparent huge
 * pages on or off for all alike. "harness" is what handing over the packets costs, which is in all
 * figures. one_table and four_tables have no loop by hand: their reference is one_table. */
#include "base/error.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "frames.h"
#include "hand.h"
#include "lang/lang.h"
#include "native/native.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS_MAX = 15,
    SIDES_MAX = 4,
    STREAM_MIN = 1 << 17,
    STREAM_MAX = 1 << 23,
    COMPARED = 1 << 16,
    BATCHES = 1 << 14, /* of which the times are kept */
    INTERVAL = 100,    /* ns between packets */
};

typedef void (*hand_fn)(struct hand *h, struct beba_packet *const *packet, hand_verdict *verdict);

static const struct program {
    const char *name, *file;
    frame_fn frame;
    int steps; /* packets that set up a flow */
    hand_fn hand;
    const struct hand_shape *shape;
} programs[] = {
    {"port_knocking", "examples/port_knocking.xfsm", knocking_frame, 4, hand_port_knocking,
     &knock_shape},
    {"token_bucket", "examples/token_bucket.xfsm", source_frame, 1, hand_token_bucket,
     &bucket_shape},
    {"tcp_states", "bench/tcp_states.xfsm", connection_frame, 3, hand_tcp_states, &ct_shape},
    {"mac_learning", "examples/mac_learning.xfsm", station_frame, 1, hand_mac_learning, &mac_shape},
    {"one_table", "bench/one_table.xfsm", chain_frame, 1, NULL, NULL},
    {"four_tables", "bench/four_tables.xfsm", chain_frame, 1, NULL, NULL},
};

/* What is measured with one filling of the tables. */
static const struct setting {
    uint32_t flows;
    bool small; /* 4 KB pages */
    bool quick; /* in a quick run too */
    unsigned n;
    struct {
        double skew, fresh;
    } traffic[3];
} settings[] = {
    {1000, false, true, 2, {{0, 0}, {1, 0}}},
    {100000, false, true, 2, {{0, 0}, {1, 0}}},
    {1000000, false, true, 2, {{0, 0}, {1, 0}}},
    {1000000, false, true, 3, {{0, 0}, {0, 0.01}, {0, 0.1}}},
    {1000000, true, false, 1, {{0, 0}}},
    {10000000, false, false, 2, {{0, 0}, {1, 0}}},
};

struct side {
    const char *name;
    struct beba_engine *engine; /* or */
    hand_fn run;
    struct hand *hand;
    double ns[ROUNDS_MAX];
    double late[BATCHES]; /* us */
    uint64_t verdicts;    /* a sum that tells them apart */
};

struct bench {
    const struct program *program;
    const struct setting *setting;
    struct side side[SIDES_MAX];
    unsigned n_sides;
    uint8_t *frames;
    uint8_t *in_port;
    uint32_t *fresh; /* places of packets that open flows */
    uint32_t n_frames, n_fresh, at, next_flow, round_packets;
    unsigned rounds;
    uint64_t now, random;
    struct beba_packet packet[HAND_BATCH];
    struct beba_packet *batch[HAND_BATCH];
    struct beba_result result[HAND_BATCH];
    hand_verdict verdict[HAND_BATCH];
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "native_bench: %s: %s\n", what, why);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint32_t draw(struct bench *b, uint32_t n)
{
    b->random = beba_splitmix64(b->random);
    return (uint32_t)((b->random >> 32) * n >> 32);
}

/* Traffic ------------------------------------------------------------------------------------ */

/* The cumulated Zipf law; NULL: uniform. */
static double *zipf(double skew, uint32_t n)
{
    double sum = 0, *c = skew > 0 ? malloc(n * sizeof(*c)) : NULL;

    for (uint32_t i = 0; c && i < n; i++)
        c[i] = sum += pow((double)i + 1, -skew);
    return c;
}

static uint32_t draw_flow(struct bench *b, const double *law)
{
    uint32_t lo = 0, hi = b->setting->flows - 1;
    double x;

    if (!law)
        return draw(b, b->setting->flows);
    b->random = beba_splitmix64(b->random);
    x = (double)(b->random >> 11) * 0x1p-53 * law[hi];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (law[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Which flows are popular says nothing about where they are. */
    return (uint32_t)((uint64_t)lo * 2654435761u % b->setting->flows);
}

static void put(struct bench *b, uint32_t at, uint32_t flow, int step, uint32_t other)
{
    uint32_t in_port = 1;

    b->random = beba_splitmix64(b->random);
    b->program->frame(b->frames + (size_t)at * FRAME, flow, step, b->random >> 7, other, &in_port);
    b->in_port[at] = (uint8_t)in_port;
}

static void make_frames(struct bench *b, double skew, double fresh)
{
    double *law = zipf(skew, b->setting->flows);

    b->n_fresh = 0;
    b->at = 0;
    for (uint32_t i = 0; i < b->n_frames; i++) {
        if (fresh > 0 && draw(b, 1000000) < fresh * 1e6)
            b->fresh[b->n_fresh++] = i;
        put(b, i, draw_flow(b, law), STEADY, draw_flow(b, law));
    }
    free(law);
}

/* The next round's new flows. */
static void renew(struct bench *b)
{
    for (uint32_t i = 0; i < b->n_fresh; i++)
        put(b, b->fresh[i], b->next_flow++, NEW, draw(b, b->setting->flows));
}

/* Running ------------------------------------------------------------------------------------ */

/* The next batch, and the one behind it on its way into the cache, as a driver would have it. */
static void take(struct bench *b)
{
    const uint8_t *data = b->frames + (size_t)b->at * FRAME;
    const uint8_t *in_port = b->in_port + b->at;

    b->at = b->at + HAND_BATCH < b->n_frames ? b->at + HAND_BATCH : 0;
    for (unsigned i = 0; i < HAND_BATCH; i++) {
        struct beba_packet *p = &b->packet[i];

        p->data = (uint8_t *)(uintptr_t)(data + (size_t)i * FRAME);
        p->in_port = p->in_phy_port = in_port[i];
        p->now = b->now += INTERVAL;
        __builtin_prefetch(b->frames + (size_t)(b->at + i) * FRAME);
    }
}

static hand_verdict coded(const struct beba_result *r)
{
    return r->verdict | (r->verdict == BEBA_VERDICT_OUTPUT ? r->port << 8 : 0);
}

__attribute__((noinline)) static void run_engine(struct bench *b, struct side *s)
{
    uint64_t sum = 0;

    take(b);
    beba_engine_run(s->engine, b->batch, HAND_BATCH, b->result);
    for (unsigned i = 0; i < HAND_BATCH; i++)
        sum += coded(&b->result[i]);
    s->verdicts += sum;
}

__attribute__((noinline)) static void run_hand(struct bench *b, struct side *s)
{
    uint64_t sum = 0;

    take(b);
    s->run(s->hand, b->batch, b->verdict);
    for (unsigned i = 0; i < HAND_BATCH; i++)
        sum += b->verdict[i];
    s->verdicts += sum;
}

static void harness(struct hand *h, struct beba_packet *const *packet, hand_verdict *verdict)
{
    (void)h;
    for (unsigned i = 0; i < HAND_BATCH; i++)
        verdict[i] = packet[i]->in_port;
}

static void drain(struct side *s)
{
    struct beba_event event;

    while (s->engine && beba_engine_event(s->engine, &event))
        ;
}

static void run_batches(struct bench *b, struct side *s, uint32_t n)
{
    if (s->engine)
        for (uint32_t i = 0; i < n; i++)
            run_engine(b, s);
    else
        for (uint32_t i = 0; i < n; i++)
            run_hand(b, s);
}

/* The same packets through all, verdicts side by side. */
static void compare(struct bench *b, uint32_t batches)
{
    for (uint32_t k = 0; k < batches; k++) {
        hand_verdict first[HAND_BATCH];
        uint32_t at = b->at;
        uint64_t now = b->now;

        for (unsigned i = 0; i < b->n_sides; i++) {
            struct side *s = &b->side[i];
            hand_verdict got[HAND_BATCH];

            if (s->run == harness)
                continue;
            b->at = at;
            b->now = now;
            run_batches(b, s, 1);
            for (unsigned j = 0; j < HAND_BATCH; j++)
                got[j] = s->engine ? coded(&b->result[j]) : b->verdict[j];
            if (!i)
                memcpy(first, got, sizeof(first));
            for (unsigned j = 0; j < HAND_BATCH; j++)
                if (got[j] != first[j]) {
                    fprintf(stderr, "native_bench: %s: packet %u: %s says %#x, %s %#x\n",
                            b->program->name, at + j, b->side[0].name, first[j], s->name, got[j]);
                    exit(1);
                }
        }
        if (!(k & 63))
            for (unsigned i = 0; i < b->n_sides; i++)
                drain(&b->side[i]);
    }
}

/* Every flow to where it is measured: a batch of flows, one packet each, step by step. */
static void set_up(struct bench *b)
{
    uint32_t frames = b->n_frames, steps = (uint32_t)b->program->steps;

    for (uint32_t flow = 0; flow < b->setting->flows; flow += HAND_BATCH) {
        for (uint32_t k = 0; k < steps * HAND_BATCH; k++) {
            uint32_t f = flow + k % HAND_BATCH;

            f = f < b->setting->flows ? f : b->setting->flows - 1;
            put(b, k, f, (int)(k / HAND_BATCH), f ? f - 1 : f);
        }
        b->n_frames = steps * HAND_BATCH;
        b->at = 0;
        compare(b, steps);
        b->n_frames = frames;
    }
}

/* Measuring ---------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *v, unsigned n)
{
    double sorted[ROUNDS_MAX];

    memcpy(sorted, v, n * sizeof(*v));
    qsort(sorted, n, sizeof(*sorted), ascending);
    return sorted[n / 2];
}

static void time_batches(struct bench *b, struct side *s)
{
    uint64_t before = clock_ns(CLOCK_MONOTONIC), after;

    for (unsigned i = 0; i < BATCHES; i++) {
        run_batches(b, s, 1);
        after = clock_ns(CLOCK_MONOTONIC);
        s->late[i] = 1e-3 * (double)(after - before);
        before = after;
    }
    qsort(s->late, BATCHES, sizeof(*s->late), ascending);
}

/* One after the other over the same packets, which begin where the last round has ended. */
static void run_round(struct bench *b, int round)
{
    uint32_t batches = b->round_packets / HAND_BATCH, at = b->at;
    uint64_t now = b->now;

    renew(b);
    for (unsigned k = 0; k < b->n_sides; k++) {
        struct side *s = &b->side[(k + (unsigned)(round < 0 ? 0 : round)) % b->n_sides];
        uint64_t begin;

        b->at = at;
        b->now = now;
        if (round < 0) {
            time_batches(b, s);
        } else {
            begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
            run_batches(b, s, batches);
            s->ns[round] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / b->round_packets;
        }
        drain(s);
    }
}

static uint64_t memory(const struct bench *b, const struct side *s)
{
    struct beba_table_stats t;
    uint64_t sum = 0;

    if (!s->engine)
        return s->hand ? (uint64_t)s->hand->table.n_lines * HAND_LINE * sizeof(uint64_t) : 0;
    for (uint32_t i = 0; i < beba_engine_pipeline(s->engine)->n_tables; i++)
        if (!beba_engine_table(s->engine, i, &t))
            sum += t.memory;
    (void)b;
    return sum;
}

static void report(const struct bench *b, double skew, double fresh, FILE *json)
{
    const struct side *hand = NULL;
    double each[ROUNDS_MAX];

    for (unsigned i = 0; i < b->n_sides; i++)
        if (b->side[i].run && b->side[i].run != harness)
            hand = &b->side[i];
    for (unsigned i = 0; i < b->n_sides; i++) {
        const struct side *s = &b->side[i];
        double ns = median(s->ns, b->rounds), ratio = 0;

        for (unsigned r = 0; hand && r < b->rounds; r++)
            each[r] = s->ns[r] / hand->ns[r];
        if (hand && s != hand && s->run != harness)
            ratio = median(each, b->rounds);
        printf("%-14s %9u %-7s %4.0f%% %-3s %-8s %8.2f %7.1f", b->program->name, b->setting->flows,
               skew > 0 ? "zipf" : "uniform", 100 * fresh, b->setting->small ? "4K" : "2M", s->name,
               1e3 / ns, ns);
        if (ratio > 0)
            printf(" %6.2f", ratio);
        else
            printf(" %6s", "");
        printf(" %8.2f %8.2f %8.2f %8.1f\n", s->late[BATCHES / 2], s->late[BATCHES * 99 / 100],
               s->late[BATCHES * 999ull / 1000], (double)memory(b, s) / (1 << 20));
        if (!json)
            continue;
        fprintf(json,
                "%s\n {\"name\": \"batched_%s\", \"target\": \"%s\", \"flows\": %u, \"skew\": "
                "\"%s\", \"cores\": 1, \"new_flows\": %g, \"pages\": \"%s\", \"mpps\": %.3f, "
                "\"ns_per_packet\": %.2f, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, "
                "\"latency_of\": \"batch of 32\", \"memory\": %llu",
                ftell(json) > 1 ? "," : "", b->program->name, s->name, b->setting->flows,
                skew > 0 ? "zipf" : "uniform", fresh, b->setting->small ? "4K" : "2M", 1e3 / ns, ns,
                s->late[BATCHES / 2], s->late[BATCHES * 99 / 100], s->late[BATCHES * 999ull / 1000],
                (unsigned long long)memory(b, s));
        if (ratio > 0)
            fprintf(json, ", \"reference\": %.3f, \"ratio\": %.3f",
                    1e3 / median(hand->ns, b->rounds), ratio);
        fputc('}', json);
    }
    fflush(stdout);
}

static void add_engine(struct bench *b, const char *name, const struct beba_pipeline *p,
                       uint64_t capacity)
{
    struct beba_engine_opts opts = {.capacity = capacity};
    struct beba_error err = {0};
    struct side *s = &b->side[b->n_sides++];

    s->name = name;
    if (beba_engine_new(p, &opts, &s->engine, &err))
        die(name, err.what);
}

/* Where there is a compiler. */
static void add_native(struct bench *b, const struct beba_pipeline *p, uint64_t capacity)
{
    struct beba_native_module *module;
    struct beba_error err = {0};

    if (beba_native_new(p, NULL, &module, &err)) {
        fprintf(stderr, "native_bench: no native engine: %s\n", err.what);
        return;
    }
    add_engine(b, "native", p, capacity);
    if (beba_engine_use(b->side[b->n_sides - 1].engine, beba_native_code(module)))
        die("native", "the engine does not take the code");
}

static void add_hand(struct bench *b, const char *name, hand_fn run, const struct hand_shape *shape,
                     uint64_t capacity)
{
    struct side *s = &b->side[b->n_sides++];

    s->name = name;
    s->run = run;
    s->hand = calloc(1, sizeof(*s->hand));
    if (!s->hand || (shape && !hand_table_new(&s->hand->table, *shape, capacity)))
        die(name, "out of memory");
}

static struct beba_program *load(const char *file)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, file);
    if (beba_lang_load_file(path, &opts, &program, &diags, &err))
        die(path, err.what);
    beba_diags_free(&diags);
    return program;
}

/* New flows that all rounds of a setting may bring, with some to spare. */
static uint64_t new_flows(const struct bench *b)
{
    double sum = 0;

    for (unsigned i = 0; i < b->setting->n; i++)
        sum += b->setting->traffic[i].fresh;
    return (uint64_t)(sum * 1.1 * (b->rounds + 3) * b->n_frames);
}

static void prepare(struct bench *b, const struct beba_pipeline *pipeline)
{
    uint32_t flows = b->setting->flows;
    uint64_t capacity;

    b->n_frames = flows * 2 > STREAM_MAX ? STREAM_MAX : flows * 2;
    if (b->n_frames < STREAM_MIN)
        b->n_frames = STREAM_MIN;
    if (b->setting->n == 3)
        b->n_frames = b->round_packets; /* new flows are new in each round */
    b->n_frames = b->n_frames / HAND_BATCH * HAND_BATCH;
    capacity = flows + flows / 4 + 64 + new_flows(b);
    b->next_flow = flows;
    b->now = 1000000000;
    b->random = 1;
    b->frames = hand_alloc((size_t)(b->n_frames + HAND_BATCH) * FRAME);
    b->in_port = calloc(b->n_frames, sizeof(*b->in_port));
    b->fresh = calloc(b->n_frames, sizeof(*b->fresh));
    if (!b->frames || !b->in_port || !b->fresh)
        die("packets", "out of memory");
    for (unsigned i = 0; i < HAND_BATCH; i++) {
        b->batch[i] = &b->packet[i];
        b->packet[i].len = b->packet[i].wire_len = FRAME;
    }
    add_engine(b, "interp", pipeline, capacity);
    add_native(b, pipeline, capacity);
    if (b->program->hand) {
        add_hand(b, "hand", b->program->hand, b->program->shape, capacity);
        add_hand(b, "harness", harness, NULL, 0);
    }
}

static void run_setting(const struct program *program, const struct setting *setting, bool quick,
                        FILE *json)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct beba_program *loaded = load(program->file);

    if (!b)
        die("bench", "out of memory");
    b->program = program;
    b->setting = setting;
    b->rounds = quick ? 3 : 9;
    b->round_packets = quick ? 1 << 17 : 1 << 19;
    prepare(b, loaded->pipeline);
    set_up(b);
    for (unsigned t = 0; t < setting->n; t++) {
        double skew = setting->traffic[t].skew, fresh = setting->traffic[t].fresh;

        make_frames(b, skew, fresh);
        renew(b);
        compare(b, COMPARED / HAND_BATCH);
        for (unsigned i = 0; i < b->n_sides; i++)
            b->side[i].verdicts = 0;
        for (unsigned r = 0; r < b->rounds; r++)
            run_round(b, (int)r);
        for (unsigned i = 1; i < b->n_sides; i++)
            if (b->side[i].run != harness && b->side[i].verdicts != b->side[0].verdicts)
                die(program->name, "the verdicts of the rounds differ");
        run_round(b, -1);
        report(b, skew, fresh, json);
    }
}

/* In a process of its own: memory is fresh, and one that fails leaves the others alone. */
static void run_apart(const struct program *program, const struct setting *setting, bool quick,
                      FILE *json)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (!pid) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
        sched_setaffinity(0, sizeof(set), &set);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_THP_DISABLE, setting->small, 0, 0, 0);
        run_setting(program, setting, quick, json);
        fflush(NULL);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
        printf("%s with %u flows: not measured: %s\n", program->name, setting->flows,
               pid < 0               ? strerror(errno)
               : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                     : "it failed");
    if (json)
        fseek(json, 0, SEEK_END);
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    uint32_t flows = 0;
    bool quick = false;
    FILE *json = NULL;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            quick = true;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (!json)
                die(argv[i], strerror(errno));
        } else if (!strcmp(argv[i], "--program") && i + 1 < argc) {
            only = argv[++i];
        } else if (!strcmp(argv[i], "--flows") && i + 1 < argc) {
            flows = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            fputs("usage: native_bench [--quick] [--json FILE] [--program NAME] [--flows N]\n",
                  stderr);
            return 2;
        }
    }
    if (json)
        fputc('[', json);
    printf("%-14s %9s %-7s %5s %-3s %-8s %8s %7s %6s %8s %8s %8s %8s\n", "", "flows", "skew", "new",
           "", "", "Mpps", "ns", "/hand", "p50 us", "p99 us", "p99.9", "MiB");
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
        for (size_t k = 0; k < sizeof(settings) / sizeof(*settings); k++) {
            const struct setting *s = &settings[k];

            if ((only && strcmp(only, programs[i].name)) || (flows && flows != s->flows) ||
                (quick && !s->quick))
                continue;
            if (!programs[i].hand && (s->flows != 1000000 || s->small || s->n == 3))
                continue; /* against each other, at one size */
            run_apart(&programs[i], s, quick, json);
        }
    if (!json)
        return 0;
    fputs("\n]\n", json);
    return fclose(json) ? 1 : 0;
}
