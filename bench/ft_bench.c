/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How fast the flow table is, and what it takes.
 *
 *     ft_bench [--quick] [--json FILE]
 *
 * - lookup: packets in batches of 32: hash, prefetch, find, count in a register, store. Keys are
 *   random IPv4 5-tuples, drawn uniformly or by Zipf's law with exponent 1. undo: with the undo
 *   record that tables in files keep, which the reference has not.
 * - insert: new flows into an empty table until 90 % of its slots are used: find, insert, store.
 * - memory: bytes of the region for each flow at 90 % of the slots, and at the declared capacity.
 *
 * The reference of a lookup is bench/ft_reference.h, a loop written by hand for one key size on the
 * same region. Rounds of all alternate; figures are medians over the rounds. A ratio is time over
 * time of the reference in the same round. */
#include "ft_reference.h"

#include "base/error.h"
#include "base/hash.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { BATCH = 32, ROUNDS_MAX = 15 };

struct bench {
    FILE *json;
    unsigned records;
    uint32_t packets; /* of a round */
    unsigned rounds;
};

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    madvise(p, size, MADV_HUGEPAGE);
    return p;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(*v), compare);
    return v[n / 2];
}

/* The i-th of the random 5-tuples: 13 bytes in 4 words. */
static void tuple(uint64_t i, uint32_t key[4])
{
    uint64_t a = beba_splitmix64(i * 2), b = beba_splitmix64(i * 2 + 1);

    key[0] = (uint32_t)a;
    key[1] = (uint32_t)(a >> 32);
    key[2] = (uint32_t)b;
    key[3] = (b >> 63) ? 6 : 17;
}

static struct beba_ft *make(struct beba_ft_region *region, uint32_t key_size, uint64_t capacity)
{
    static const struct beba_timeouts states[2] = {{0}, {.idle = 1000000000, .idle_to = 0}};
    struct beba_ft_desc desc = {
        .key_size = key_size,
        .regs_size = 8,
        .n_states = 2,
        .states = states,
        .capacity = capacity,
        .full = BEBA_FT_REFUSE,
        .schema = "bench",
    };
    struct beba_error err;
    struct beba_ft *ft;

    if (beba_ft_open(region, NULL, &desc, &ft, &err)) {
        fprintf(stderr, "ft_bench: %s\n", err.what);
        exit(1);
    }
    return ft;
}

/* The work of an engine on known flows, with the sizes that the table has. */
__attribute__((noinline)) static void run_table(struct beba_ft *ft, const uint32_t (*packet)[4],
                                                uint32_t n, uint64_t now)
{
    uint64_t hash[BATCH], late[BATCH];

    for (uint32_t at = 0; at + BATCH <= n; at += BATCH) {
        uint32_t n_late = 0;

        for (uint32_t i = 0; i < BATCH; i++) {
            hash[i] = beba_ft_hash(ft, packet[at + i]);
            beba_ft_prefetch(ft, hash[i]);
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            late[n_late] = hash[i];
            n_late += beba_ft_prefetch_entry(ft, hash[i]);
        }
        for (uint32_t i = 0; i < n_late; i++)
            beba_ft_prefetch_aside(ft, late[i]);
        for (uint32_t i = 0; i < BATCH; i++) {
            struct beba_ft_entry *e = beba_ft_find(ft, packet[at + i], hash[i]);
            uint64_t reg;

            if (!e)
                continue;
            memcpy(&reg, beba_ft_regs(ft, e), 8);
            reg++;
            beba_ft_store(ft, e, 1, now, now, &reg);
        }
        now += BATCH;
    }
}

/* The same with sizes that the compiler knows. */
__attribute__((noinline)) static void run_fixed(struct beba_ft *ft, const uint32_t (*packet)[4],
                                                uint32_t n, uint64_t now)
{
    struct beba_ft_shape shape = beba_ft_shape(13, 8);
    uint64_t hash[BATCH], late[BATCH];

    for (uint32_t at = 0; at + BATCH <= n; at += BATCH) {
        uint32_t n_late = 0;

        for (uint32_t i = 0; i < BATCH; i++) {
            hash[i] = beba_ft_hash_as(ft, shape, packet[at + i]);
            beba_ft_prefetch_as(ft, shape, hash[i]);
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            late[n_late] = hash[i];
            n_late += beba_ft_prefetch_entry_as(ft, shape, hash[i]);
        }
        for (uint32_t i = 0; i < n_late; i++)
            beba_ft_prefetch_aside_as(ft, shape, late[i]);
        for (uint32_t i = 0; i < BATCH; i++) {
            struct beba_ft_entry *e = beba_ft_find_as(ft, shape, packet[at + i], hash[i]);
            uint64_t reg;

            if (!e)
                continue;
            memcpy(&reg, beba_ft_regs_as(shape, e), 8);
            reg++;
            beba_ft_store_as(ft, shape, e, 1, now, now, &reg);
        }
        now += BATCH;
    }
}

static void fill(struct beba_ft *ft, uint64_t from, uint64_t n, uint64_t now)
{
    uint64_t hash[BATCH], reg = 0;
    uint32_t key[BATCH][4];

    for (uint64_t at = 0; at < n; at += BATCH) {
        uint32_t m = n - at < BATCH ? (uint32_t)(n - at) : BATCH;

        for (uint32_t i = 0; i < m; i++) {
            tuple(from + at + i, key[i]);
            hash[i] = beba_ft_hash(ft, key[i]);
            beba_ft_prefetch(ft, hash[i]);
        }
        for (uint32_t i = 0; i < m; i++) {
            struct beba_ft_entry *e = beba_ft_find(ft, key[i], hash[i]);
            bool evicted;

            if (!e)
                e = beba_ft_insert(ft, key[i], hash[i], now, NULL, &evicted);
            if (e)
                beba_ft_store(ft, e, 1, now, now, &reg);
        }
    }
}

/* A flow number by Zipf's law with exponent 1 (inverse of its continuous form), spread over the
 * keys. */
static uint64_t zipf(uint64_t n, uint64_t random)
{
    double u = (double)(random >> 11) * 0x1p-53;
    uint64_t rank = (uint64_t)exp(u * log((double)n + 1)) - 1;

    return (rank < n ? rank : n - 1) * 2654435761u % n;
}

static void record(struct bench *b, const char *name, uint64_t flows, const char *skew, double ns,
                   double reference, double ratio)
{
    if (!b->json)
        return;
    fprintf(b->json,
            "%s\n  {\"name\": \"%s\", \"target\": \"table\", \"flows\": %" PRIu64
            ", \"skew\": \"%s\", \"cores\": 1, \"mpps\": %.2f, \"ns_per_packet\": %.2f, ",
            b->records++ ? "," : "", name, flows, skew, 1e3 / ns, ns);
    if (reference > 0)
        fprintf(b->json, "\"reference\": %.2f, \"ratio\": %.3f}", 1e3 / reference, ratio);
    else
        fprintf(b->json, "\"reference\": null, \"ratio\": null}");
}

static void bench_lookup(struct bench *b, uint64_t flows, bool skewed, bool undo)
{
    struct beba_ft_region region;
    struct beba_ft *ft = make(&region, 13, flows);
    size_t size = (size_t)b->packets * 16;
    uint32_t(*packet)[4] = map(size);
    double t[3][ROUNDS_MAX], r[3][ROUNDS_MAX], ns[3], ratio[3];
    const char *skew = skewed ? "zipf" : "uniform";
    uint64_t now = 1;

    fill(ft, 0, flows, now);
    ft->undo_off = !undo;
    for (uint32_t i = 0; i < b->packets; i++) {
        uint64_t random = beba_splitmix64(~(uint64_t)i);

        tuple(skewed ? zipf(flows, random) : random % flows, packet[i]);
    }
    for (unsigned round = 0; round <= b->rounds; round++) { /* round 0 warms up */
        for (unsigned k = 0; k < 3; k++) {
            unsigned which = (round + k) % 3;
            double start = seconds();

            if (which == 0)
                run_table(ft, (const uint32_t(*)[4])packet, b->packets, now);
            else if (which == 1)
                run_fixed(ft, (const uint32_t(*)[4])packet, b->packets, now);
            else
                ft_reference(ft, (const uint32_t(*)[4])packet, b->packets, now);
            if (round)
                t[which][round - 1] = (seconds() - start) * 1e9 / b->packets;
            now += b->packets;
        }
    }
    for (unsigned k = 0; k < 3; k++)
        for (unsigned round = 0; round < b->rounds; round++)
            r[k][round] = t[k][round] / t[2][round];
    for (unsigned k = 0; k < 3; k++) {
        ns[k] = median(t[k], b->rounds);
        ratio[k] = median(r[k], b->rounds);
    }
    printf("%9" PRIu64 " %-8s %9.1f %8.1f %7.2f %9.1f %7.2f %9.1f\n", flows, undo ? "undo" : skew,
           1e3 / ns[0], ns[0], ratio[0], 1e3 / ns[1], ratio[1], 1e3 / ns[2]);
    if (ft->counters.hits != ft->counters.lookups - flows)
        printf("          warning: %" PRIu64 " lookups missed\n",
               ft->counters.lookups - flows - ft->counters.hits);
    record(b, undo ? "ft_lookup_undo" : "ft_lookup", flows, skew, ns[0], ns[2], ratio[0]);
    record(b, undo ? "ft_lookup_fixed_undo" : "ft_lookup_fixed", flows, skew, ns[1], ns[2],
           ratio[1]);
    munmap(packet, size);
    beba_ft_close(&region);
}

static void bench_insert(struct bench *b, uint64_t capacity)
{
    double t[ROUNDS_MAX], ns;
    uint64_t flows = 0, refused = 0;
    unsigned rounds = b->rounds < 5 ? b->rounds : 5;

    for (unsigned round = 0; round < rounds; round++) {
        struct beba_ft_region region;
        struct beba_ft *ft = make(&region, 13, capacity);
        double start;

        flows = (uint64_t)ft->n_buckets * BEBA_FT_SLOTS * 9 / 10;
        ft->capacity = flows; /* more than was asked for: the limit is the structure's */
        start = seconds();
        fill(ft, 0, flows, 1);
        t[round] = (seconds() - start) * 1e9 / (double)flows;
        refused = ft->counters.refusals;
        beba_ft_close(&region);
    }
    ns = median(t, rounds);
    printf("%9" PRIu64 " %12.1f %9.1f %12" PRIu64 "\n", flows, 1e3 / ns, ns, refused);
    record(b, "ft_insert", flows, "uniform", ns, 0, 0);
}

static void memory(struct bench *b, uint32_t key_size, uint64_t capacity)
{
    struct beba_ft_region region;
    struct beba_ft *ft = make(&region, key_size, capacity);
    double slots = (double)ft->n_buckets * BEBA_FT_SLOTS;

    printf("%4u-byte key + 8 %14.1f %22.1f\n", key_size, (double)ft->size / (slots * 0.9),
           (double)ft->size / (double)capacity);
    if (b->json)
        fprintf(b->json,
                "%s\n  {\"name\": \"ft_memory_%u\", \"target\": \"table\", \"flows\": %" PRIu64
                ", \"value\": %.1f, \"unit\": \"bytes a flow\"}",
                b->records++ ? "," : "", key_size, (uint64_t)(slots * 0.9),
                (double)ft->size / (slots * 0.9));
    beba_ft_close(&region);
}

int main(int argc, char **argv)
{
    static const uint64_t flows[] = {1000, 100000, 1000000, 10000000};
    struct bench b = {.packets = 4 << 20, .rounds = 9};
    unsigned sizes = 4;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            b.packets = 1 << 20;
            b.rounds = 5;
            sizes = 3;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            if (!b.json) {
                perror(argv[i]);
                return 1;
            }
        } else {
            fprintf(stderr, "usage: ft_bench [--quick] [--json FILE]\n");
            return 2;
        }
    }
    if (b.json)
        fputc('[', b.json);
    printf("lookup and update, one core, batches of %d, 13-byte key + 8 bytes of registers\n",
           BATCH);
    printf("                      sizes read from the table       sizes constant   reference\n");
    printf("    flows skew          Mpps ns/packet   ratio      Mpps   ratio      Mpps\n");
    for (unsigned i = 0; i < sizes; i++)
        bench_lookup(&b, flows[i], false, false);
    bench_lookup(&b, 1000000, true, false);
    bench_lookup(&b, 1000000, false, true);
    printf("\ninsert to 90 %% of the slots, fresh memory\n    flows   M inserts/s        ns      "
           "refused\n");
    for (unsigned i = 1; i < sizes; i++)
        bench_insert(&b, flows[i]);
    printf("\nbytes a flow       at 90 %% of the slots   at the capacity (82 %%)\n");
    memory(&b, 13, 1000000);
    memory(&b, 37, 1000000);
    if (b.json) {
        fputs("\n]\n", b.json);
        if (fclose(b.json)) {
            perror("ft_bench");
            return 1;
        }
    }
    return 0;
}
