/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What it takes to keep several CPUs from losing each other's updates of a flow, in the kernel.
 *
 *     ft_lock_bench [--quick] [--json FILE] [OBJECT]
 *
 * A packet finds its flow (13-byte key) and counts in its register (8 bytes), in five ways:
 *   lock     a lock word in the bucket: what `consistency exact` does (state/ft_shared.h)
 *   cas      compare-and-swap on the register: only for one register that fits a word
 *   per_cpu  a region for each CPU: what `consistency per_cpu` does
 *   none     one region, no lock: updates are lost
 *   nothing  no table: what drawing a key and BPF_PROG_TEST_RUN take
 * with one flow and with 65536, on one CPU and on two at once. Figures are ns a packet, of the
 * slower CPU, medians over rounds in which all alternate; lost is of the updates of all rounds. */
#include "ft_lock.h"

#include "base/error.h"
#include "state/ft_core.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#ifndef OBJECTS
#define OBJECTS "."
#endif

enum { WAYS = 5, ROUNDS_MAX = 9 };

static const char *const way_name[WAYS] = {"lock", "cas", "per_cpu", "none", "nothing"};

struct side {
    pthread_t thread;
    pthread_barrier_t *start;
    int prog, cpu;
    uint32_t mask, packets, ns;
};

static void die(const char *what)
{
    fprintf(stderr, "ft_lock_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void fill(void *mem)
{
    static const uint8_t seed[32] = {7};
    struct beba_ft_desc desc = {.key_size = LOCK_KEY,
                                .regs_size = LOCK_REGS,
                                .n_states = 1,
                                .capacity = 100000,
                                .full = BEBA_FT_REFUSE,
                                .schema = "bench"};
    struct beba_error err;
    struct beba_ft *ft;
    bool evicted;

    if (beba_ft_new(mem, LOCK_SIZE, &desc, seed, &ft, &err)) {
        fprintf(stderr, "ft_lock_bench: %s\n", err.what);
        exit(1);
    }
    for (uint32_t n = 0; n < LOCK_FLOWS; n++) {
        uint32_t key[4] = {n, n * 2654435761u, ~n, 6};

        beba_ft_insert(ft, key, beba_ft_hash(ft, key), 1, NULL, &evicted);
    }
}

static uint64_t counted(struct beba_ft *ft)
{
    uint64_t cursor = 0, sum = 0, reg;
    struct beba_ft_entry *e;

    while ((e = beba_ft_next(ft, &cursor))) {
        memcpy(&reg, beba_ft_regs(ft, e), 8);
        sum += reg;
    }
    return sum;
}

static void *drive(void *arg)
{
    struct side *s = arg;
    uint32_t packet[16] = {s->mask};
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
                .repeat = (int)s->packets);
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)s->cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    pthread_barrier_wait(s->start);
    if (bpf_prog_test_run_opts(s->prog, &opts))
        die("BPF_PROG_TEST_RUN");
    s->ns = opts.duration;
    return NULL;
}

static double run(int prog, unsigned cpus, uint32_t flows, uint32_t packets)
{
    struct side side[LOCK_CPUS];
    pthread_barrier_t start;
    uint32_t ns = 0;

    pthread_barrier_init(&start, NULL, cpus);
    for (unsigned i = 0; i < cpus; i++) {
        side[i] = (struct side){
            .start = &start, .prog = prog, .cpu = (int)i, .mask = flows - 1, .packets = packets};
        if (pthread_create(&side[i].thread, NULL, drive, &side[i]))
            die("pthread_create");
    }
    for (unsigned i = 0; i < cpus; i++) {
        pthread_join(side[i].thread, NULL);
        ns = side[i].ns > ns ? side[i].ns : ns;
    }
    pthread_barrier_destroy(&start);
    return ns;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void bench(const int prog[WAYS], uint8_t *mem, unsigned cpus, uint32_t flows,
                  uint32_t packets, unsigned rounds, FILE *json, unsigned *records)
{
    double ns[WAYS][ROUNDS_MAX];
    uint64_t lost[WAYS] = {0};

    for (unsigned round = 0; round < rounds; round++)
        for (unsigned k = 0; k < WAYS; k++) {
            unsigned w = (round + k) % WAYS;
            uint64_t before = 0, after = 0;

            for (unsigned i = 0; i < LOCK_CPUS; i++)
                before += counted((struct beba_ft *)(void *)(mem + (size_t)i * LOCK_SIZE));
            ns[w][round] = run(prog[w], cpus, flows, packets);
            for (unsigned i = 0; i < LOCK_CPUS; i++)
                after += counted((struct beba_ft *)(void *)(mem + (size_t)i * LOCK_SIZE));
            lost[w] += (uint64_t)packets * cpus - (after - before);
        }
    for (unsigned w = 0; w < WAYS; w++) {
        uint64_t all = (uint64_t)packets * cpus * rounds;

        qsort(ns[w], rounds, sizeof(**ns), compare);
        printf("%5u %8u  %-8s %8.0f", cpus, flows, way_name[w], ns[w][rounds / 2]);
        if (w + 1 < WAYS)
            printf(" %9.3f %%", 100.0 * (double)lost[w] / (double)all);
        putchar('\n');
        if (json)
            fprintf(json,
                    "%s\n  {\"name\": \"ft_lock_%s\", \"target\": \"kernel\", \"flows\": %u, "
                    "\"skew\": \"uniform\", \"cores\": %u, \"mpps\": %.2f, "
                    "\"ns_per_packet\": %.0f, \"reference\": null, \"ratio\": null}",
                    (*records)++ ? "," : "", way_name[w], flows, cpus,
                    1e3 * cpus / ns[w][rounds / 2], ns[w][rounds / 2]);
    }
}

int main(int argc, char **argv)
{
    const char *file = OBJECTS "/ft_lock.bpf";
    uint32_t packets = 2000000;
    unsigned rounds = ROUNDS_MAX, records = 0;
    unsigned cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
    struct bpf_object *object;
    FILE *json = NULL;
    int prog[WAYS];
    uint8_t *mem;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            packets = 500000;
            rounds = 3;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (!json)
                die(argv[i]);
        } else {
            file = argv[i];
        }
    }
    if (geteuid()) {
        printf("ft_lock_bench: SKIPPED: loading BPF programs needs root\n");
        if (json)
            fputs("[]\n", json);
        return 0;
    }
    object = bpf_object__open_file(file, NULL);
    if (!object || bpf_object__load(object))
        die(file);
    for (unsigned w = 0; w < WAYS; w++)
        prog[w] = bpf_program__fd(bpf_object__find_program_by_name(object, way_name[w]));
    mem = mmap(NULL, (size_t)LOCK_SIZE * LOCK_CPUS, PROT_READ | PROT_WRITE, MAP_SHARED,
               bpf_object__find_map_fd_by_name(object, "flows"), 0);
    if (mem == MAP_FAILED)
        die("mmap");
    for (unsigned i = 0; i < LOCK_CPUS; i++)
        fill(mem + (size_t)i * LOCK_SIZE);
    if (json)
        fputc('[', json);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf(" CPUs    flows  way      ns/packet       lost\n");
    for (unsigned n = 1; n <= cpus; n++)
        for (unsigned many = 0; many < 2; many++)
            bench(prog, mem, n, many ? LOCK_FLOWS : 1, packets, rounds, json, &records);
    if (json) {
        fputs("\n]\n", json);
        if (fclose(json))
            die("json");
    }
    bpf_object__close(object);
    return 0;
}
