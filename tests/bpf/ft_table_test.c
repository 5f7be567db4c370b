/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flow table in the kernel against the one in user space, and two CPUs on one flow.
 *
 *     ft_table_test OBJECT
 *
 * Operations drawn at random run through BPF_PROG_TEST_RUN on the mapped region and on a model;
 * both must answer alike and hold the same entries. */
#include "ft_table.h"

#include "base/error.h"
#include "base/hash.h"
#include "state/ft_core.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum { SKIP = 77, OPS = 40000, REPEAT = 1000000 };
enum { OK, BUSY, REFUSED }; /* enum beba_held_answer */

struct kernel {
    struct bpf_object *object;
    int prog;
    void *mem;
    struct beba_ft *ft;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static struct beba_ft *make(void *mem, uint64_t capacity, enum beba_ft_full full)
{
    static const struct beba_timeouts states[TABLE_STATES] = {
        {0},
        {.idle = 5000, .idle_to = 0},
        {.idle = 3000, .idle_to = 1, .hard = 20000, .hard_to = 0},
    };
    static const uint8_t seed[32] = {1, 2, 3};
    struct beba_ft_desc desc = {.key_size = TABLE_KEY,
                                .regs_size = TABLE_REGS,
                                .states = states,
                                .n_states = TABLE_STATES,
                                .capacity = capacity,
                                .full = full,
                                .schema = "kernel"};
    struct beba_error err;
    struct beba_ft *ft;

    if (beba_ft_footprint(&desc) > TABLE_SIZE ||
        beba_ft_new(mem, TABLE_SIZE, &desc, seed, &ft, &err))
        die("no table: %s", err.what);
    return ft;
}

static int run(const struct kernel *k, struct command *c, uint32_t repeat, uint32_t *ns)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = c, .data_size_in = sizeof(*c), .data_out = c,
                .data_size_out = sizeof(*c), .repeat = (int)repeat);
    int rc = bpf_prog_test_run_opts(k->prog, &opts);

    if (rc)
        die("BPF_PROG_TEST_RUN: %s", strerror(errno));
    if (ns)
        *ns = opts.duration;
    return (int)opts.retval;
}

static void make_key(uint32_t n, uint32_t key[4])
{
    uint64_t h = beba_splitmix64(n);

    key[0] = n;
    key[1] = (uint32_t)h;
    key[2] = (uint32_t)(h >> 32);
    key[3] = 6;
}

/* What table_op does, with the functions for one writer. */
static void model(struct beba_ft *ft, struct command *c, struct beba_ft_entry *evicted,
                  bool *did_evict)
{
    uint64_t hash = beba_ft_hash(ft, c->key), now = c->now, reg[2];
    struct beba_ft_entry *e = beba_ft_peek(ft, c->key, hash);
    struct beba_seen seen;

    *did_evict = false;
    c->answer = OK;
    if (c->op == TABLE_DROP) {
        c->reg = e != NULL;
        if (e)
            beba_ft_remove(ft, e);
    } else if (c->op == TABLE_PEEK) {
        c->found = e != NULL;
        c->state = e ? e->state : c->state;
    } else if (c->op == TABLE_SWEEP) {
        ft->sweep = c->reg;
        c->found = (int32_t)beba_ft_sweep(ft, c->reg < ft->n_buckets, now, NULL, NULL);
    } else {
        if (e) {
            seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
            beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
            if (beba_ft_is_over(ft, &seen)) {
                beba_ft_remove(ft, e);
                e = NULL;
                c->found = 1;
            }
        }
        if (c->found && !c->state) {
            c->reg = 0;
            return;
        }
        if (!e)
            e = beba_ft_insert(ft, c->key, hash, now, evicted, did_evict);
        if (!e) {
            c->answer = REFUSED;
            return;
        }
        memcpy(reg, beba_ft_regs(ft, e), sizeof(reg));
        reg[0]++;
        reg[1] += c->key[0];
        beba_ft_store(ft, e, reg[0] < TABLE_MANY ? 1 : 2, now, now, reg);
        c->reg = reg[0];
    }
}

static void same_entries(struct beba_ft *a, struct beba_ft *b)
{
    struct beba_error err;
    struct beba_ft_entry *e, *f;
    uint64_t cursor = 0;

    if (beba_ft_verify(a, &err))
        die("the region in the kernel: %s", err.what);
    if (beba_ft_verify(b, &err))
        die("the model: %s", err.what);
    if (a->count != b->count)
        die("%" PRIu64 " entries in the kernel, %" PRIu64 " in the model", a->count, b->count);
    while ((e = beba_ft_next(a, &cursor))) {
        f = beba_ft_peek(b, (uint32_t *)(void *)e->body,
                         beba_ft_hash(b, (uint32_t *)(void *)e->body));
        if (!f || memcmp(e, f, beba_ft_entry_size(a)) != 0)
            die("an entry differs from the model's");
    }
}

static void against_model(struct kernel *k, uint64_t capacity, enum beba_ft_full full)
{
    void *mem = aligned_alloc(64, TABLE_SIZE);
    struct beba_ft *twin = make(mem, capacity, full);
    uint64_t room[16], now = 0, evictions = 0, refusals = 0, freed = 0;
    bool evicted;

    k->ft = make(k->mem, capacity, full);
    for (uint32_t i = 0; i < OPS; i++) {
        uint64_t random = beba_splitmix64(i + capacity * 1000003);
        struct command c = {.now = now += random % 7}, want;

        make_key((uint32_t)(random >> 8) % (uint32_t)(capacity * 3 / 2 + 2), c.key);
        random >>= 40;
        c.op = random % 16 < 12 ? TABLE_TOUCH : random % 16 == 12 ? TABLE_DROP : TABLE_PEEK;
        /* A key that starts anew may go elsewhere than the model puts it, unless there is one
         * place. */
        c.state = k->ft->n_buckets == 1;
        if (random % 64 == 63) {
            c.op = TABLE_SWEEP;
            c.reg = random / 64 % k->ft->n_buckets;
        }
        want = c;
        model(twin, &want, (struct beba_ft_entry *)(void *)room, &evicted);
        run(k, &c, 1, NULL);
        if (memcmp(&c, &want, sizeof(c)) != 0)
            die("capacity %" PRIu64 ", operation %u (%u): answer %u, reg %" PRIu64
                ", found %d, state %u; the model: %u, %" PRIu64 ", %d, %u",
                capacity, i, c.op, c.answer, c.reg, c.found, c.state, want.answer, want.reg,
                want.found, want.state);
        evictions += evicted;
        refusals += c.answer == REFUSED;
        freed += c.op == TABLE_SWEEP ? (uint64_t)c.found : 0;
        if (i % 4096 == 0)
            same_entries(k->ft, twin);
    }
    same_entries(k->ft, twin);
    printf("capacity %6" PRIu64 " %s: %u operations as the model: %" PRIu64 " evictions, %" PRIu64
           " refusals, %" PRIu64 " swept\n",
           capacity, full == BEBA_FT_EVICT ? "evict " : "refuse", OPS, evictions, refusals, freed);
    free(mem);
}

struct half {
    pthread_t thread;
    const struct kernel *k;
    int cpu;
    uint32_t ns;
    uint64_t busy;
};

/* Counts of answers are not kept by the repetition: what is lost to busy is seen in the register.
 */
static void *drive(void *arg)
{
    struct half *h = arg;
    struct command c = {.op = TABLE_TOUCH, .now = 1};
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)h->cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    make_key(1, c.key);
    run(h->k, &c, REPEAT, &h->ns);
    return NULL;
}

/* Sum of a counter over all CPUs: at offset in struct counters of ft_table_bpf.c. */
static uint64_t counter(const struct kernel *k, size_t offset)
{
    int n = libbpf_num_possible_cpus(), fd = bpf_object__find_map_fd_by_name(k->object, "counters");
    uint8_t *values = calloc((size_t)n, COUNTERS_SIZE);
    uint64_t sum = 0, v;
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(fd, &zero, values))
        die("counters: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        memcpy(&v, values + (size_t)i * COUNTERS_SIZE + offset, 8);
        sum += v;
    }
    free(values);
    return sum;
}

static void two_cpus(struct kernel *k)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
    struct half h[2] = {{.k = k, .cpu = 0}, {.k = k, .cpu = cpus - 1}};
    uint64_t cursor = 0, reg = 0, busy = counter(k, COUNTERS_BUSY);
    struct beba_ft_entry *e;

    k->ft = make(k->mem, 100, BEBA_FT_REFUSE);
    for (int i = 0; i < 2; i++)
        pthread_create(&h[i].thread, NULL, drive, &h[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(h[i].thread, NULL);
    busy = counter(k, COUNTERS_BUSY) - busy;
    e = beba_ft_next(k->ft, &cursor);
    if (e)
        memcpy(&reg, beba_ft_regs(k->ft, e), 8);
    if (reg + busy != 2 * REPEAT || k->ft->count != 1)
        die("one flow, %d packets: the register is %" PRIu64 ", %" PRIu64 " were busy", 2 * REPEAT,
            reg, busy);
    printf("one flow, %d CPUs, %d packets: register %" PRIu64 " + busy %" PRIu64
           ": no update lost; %u and %u ns a packet\n",
           cpus, 2 * REPEAT, reg, busy, h[0].ns, h[1].ns);
}

int main(int argc, char **argv)
{
    struct kernel k = {0};
    struct bpf_map *map;
    int rc;

    if (argc != 2)
        die("usage: ft_table_test OBJECT");
    if (geteuid()) {
        printf("SKIPPED: loading BPF programs needs root\n");
        return SKIP;
    }
    libbpf_set_print(quiet);
    k.object = bpf_object__open_file(argv[1], NULL);
    if (!k.object)
        die("%s: %s", argv[1], strerror(errno));
    rc = bpf_object__load(k.object);
    if (rc == -EPERM || rc == -ENOSYS) {
        printf("SKIPPED: this kernel loads no BPF programs: %s\n", strerror(-rc));
        return SKIP;
    }
    if (rc)
        die("%s: %s", argv[1], strerror(-rc));
    map = bpf_object__find_map_by_name(k.object, "flows");
    k.prog = bpf_program__fd(bpf_object__find_program_by_name(k.object, "table_op"));
    k.mem = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (k.mem == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    for (uint64_t capacity = 1; capacity <= 4096; capacity *= 8) {
        against_model(&k, capacity, BEBA_FT_EVICT);
        against_model(&k, capacity, BEBA_FT_REFUSE);
    }
    two_cpus(&k);
    munmap(k.mem, TABLE_SIZE);
    bpf_object__close(k.object);
    return 0;
}
