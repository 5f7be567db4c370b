/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs in the kernel's XDP, side by side with the same written by hand in C (bench/xdp/), with
 * the kernel's LRU hash map and on a flat array map; all compiled by the same clang.
 *
 *     xdp_bench [--quick] [--json FILE] [--program NAME] [--flows N]
 *
 * All count: ours packets and bytes by rule and the lookups of a table, the others packets and
 * bytes by verdict.
 *
 * BPF_PROG_TEST_RUN repeats bench/xdp/vary.bpf.c, which gives each packet a source of 1, 65 536 or
 * a million at random and jumps to the program under test. What vary costs alone, measured in the
 * same round, is taken off. Tables are made for a quarter more flows than there are. Rounds go
 * through all programs in turn; medians. "live" sends frames (BPF_F_TEST_XDP_LIVE_FRAMES) in place
 * of one buffer, and includes what the kernel does for them.
 *
 * ratio is the time of ours over that of the reference. Bars: against LRU 1 at one flow, 1/2 at
 * 65 536 and 1/2.5 at a million; against the array map 1.15. */
#include "base/error.h"
#include "emit/emit.h"
#include "kernel/kernel.h"
#include "lang/lang.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LRU, ARRAY, OURS, N_KINDS, ROUNDS_MAX = 15 };

static const char *const kinds[N_KINDS] = {"lru", "array", "beba"};

static const struct {
    const char *name, *file;
} programs[] = {
    {"port_knocking", "examples/port_knocking.xfsm"},
    {"token_bucket", "examples/token_bucket.xfsm"},
    {"syn_counter", "bench/xdp/syn_counter.xfsm"},
};

static const struct {
    uint32_t flows, capacity;
    bool live;
    double most; /* of our time over that with the LRU map */
} sizes[] = {{1, 81920, false, 1.0},
             {65536, 81920, false, 0.5},
             {65536, 81920, true, 0},
             {1000000, 1310720, false, 0.4}};

struct harness {
    struct bpf_object *object;
    int prog, slot; /* vary, and the map it jumps through */
    int values;     /* the map of its variables */
    uint32_t repeat;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "xdp_bench: %s: %s\n", what, why);
    exit(1);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* A UDP or TCP datagram to start from: vary fills in source and port. */
static void frame(uint8_t out[64], bool tcp)
{
    static const uint8_t udp[42] = {2,    0, 0,  0,  0, 1,   2, 0,    0,  0,    0, 2,  8,  0,
                                    0x45, 0, 0,  50, 0, 1,   0, 0,    64, 17,   0, 0,  11, 0,
                                    0,    1, 10, 0,  0, 100, 4, 0xd2, 4,  0x57, 0, 30, 0,  0};

    memset(out, 0, 64);
    memcpy(out, udp, sizeof(udp));
    if (tcp) {
        out[23] = 6;
        out[46] = 0x50; /* header length */
        out[47] = 2;    /* SYN */
    }
}

static int open_object(const char *path, struct bpf_object **out)
{
    struct bpf_program *p;

    *out = bpf_object__open_file(path, NULL);
    p = *out ? bpf_object__next_program(*out, NULL) : NULL;
    if (!p)
        die(path, "no program");
    bpf_program__set_expected_attach_type(p, 0); /* as ours: one jump table for all */
    if (bpf_object__load(*out))
        die(path, "the kernel refuses it");
    return bpf_program__fd(p);
}

static int variables(struct bpf_object *o)
{
    struct bpf_map *map;

    bpf_object__for_each_map(map, o)
    {
        if (strstr(bpf_map__name(map), ".data"))
            return bpf_map__fd(map);
    }
    die("vary", "no variables");
    return -1;
}

static void set_flows(const struct harness *h, uint32_t flows)
{
    struct {
        uint32_t flows, spare;
        uint64_t state;
    } v = {.flows = flows, .state = 1};
    uint32_t zero = 0;

    if (bpf_map_update_elem(h->values, &zero, &v, BPF_ANY))
        die("vary", strerror(errno));
}

static void aim(const struct harness *h, int prog)
{
    uint32_t zero = 0;

    if (prog < 0)
        bpf_map_delete_elem(h->slot, &zero);
    else if (bpf_map_update_elem(h->slot, &zero, &prog, BPF_ANY))
        die("tail call", strerror(errno));
}

static double run(const struct harness *h, bool tcp, bool live, uint32_t repeat)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    uint8_t in[64];

    frame(in, tcp);
    opts.data_in = in;
    opts.data_size_in = sizeof(in);
    opts.repeat = (int)repeat;
    opts.flags = live ? BPF_F_TEST_XDP_LIVE_FRAMES : 0;
    if (bpf_prog_test_run_opts(h->prog, &opts))
        die("BPF_PROG_TEST_RUN", strerror(errno));
    return opts.duration;
}

static struct beba_program *load(const char *file, uint32_t capacity)
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
    for (uint32_t i = 0; i < program->pipeline->n_tables; i++)
        program->pipeline->table[i].capacity = capacity;
    return program;
}

static struct beba_kernel *load_ours(struct beba_program *program, const char *file, int *prog)
{
    struct beba_emit_opts emit = {.file = file};
    struct beba_kernel_opts opts = {0};
    struct beba_kernel_info info;
    struct beba_kernel *k = NULL;
    struct beba_error err = {0};
    void *object;
    size_t size;

    emit.sources = &program->sources;
    if (beba_emit_object(program->pipeline, BEBA_TARGET_XDP, &emit, &object, &size, &err) ||
        beba_kernel_load(object, size, program->pipeline, &opts, &k, &err))
        die(file, err.what);
    free(object);
    beba_kernel_info(k, &info);
    *prog = bpf_prog_get_fd_by_id(info.program_id);
    if (*prog < 0)
        die(file, strerror(errno));
    return k;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof(*v), ascending);
    return v[n / 2];
}

static void write_record(FILE *json, const char *name, const char *than, unsigned size, double ours,
                         double reference, double most, unsigned *n)
{
    fprintf(json,
            "%s\n {\"name\": \"%s_%s_vs_%s\", \"target\": \"xdp\", \"flows\": %u, \"skew\": "
            "\"uniform\", \"cores\": 1, \"mpps\": %.3f, \"ns_per_packet\": %.2f, "
            "\"reference\": %.3f, \"ratio\": %.3f",
            (*n)++ ? "," : "", sizes[size].live ? "xdp_live" : "xdp", name, than, sizes[size].flows,
            1e3 / ours, ours, 1e3 / reference, ours / reference);
    if (most > 0)
        fprintf(json, ", \"bar\": {\"field\": \"ratio\", \"max\": %.2f}", most);
    fputc('}', json);
}

static void compare(struct harness *h, const char *name, const int prog[N_KINDS], unsigned size,
                    unsigned rounds, FILE *json, unsigned *n)
{
    double ns[N_KINDS][ROUNDS_MAX], mid[N_KINDS];
    uint32_t flows = sizes[size].flows;
    bool tcp = !strcmp(name, "syn_counter"), live = sizes[size].live;

    set_flows(h, flows);
    for (unsigned k = 0; k < N_KINDS; k++) { /* every flow is there before it is measured */
        aim(h, prog[k]);
        run(h, tcp, false, flows < 65536 ? h->repeat : flows * 6);
    }
    for (unsigned r = 0; r < rounds; r++) {
        double own = 0;

        if (!live) {
            aim(h, -1);
            own = run(h, tcp, false, h->repeat);
        }
        for (unsigned k = 0; k < N_KINDS; k++) {
            aim(h, prog[k]);
            ns[k][r] = run(h, tcp, live, h->repeat) - own;
            if (ns[k][r] < 1)
                ns[k][r] = 1;
        }
    }
    for (unsigned k = 0; k < N_KINDS; k++)
        mid[k] = median(ns[k], rounds);
    printf("%-14s %9u %-5s %8.0f %8.0f %8.0f %9.2f %9.2f\n", name, flows, live ? "live" : "",
           mid[LRU], mid[ARRAY], mid[OURS], mid[OURS] / mid[LRU], mid[OURS] / mid[ARRAY]);
    fflush(stdout);
    if (!json)
        return;
    write_record(json, name, kinds[LRU], size, mid[OURS], mid[LRU], sizes[size].most, n);
    write_record(json, name, kinds[ARRAY], size, mid[OURS], mid[ARRAY], live ? 0 : 1.15, n);
}

/* One size of one program: all kinds have a table for size->capacity flows. */
static void run_size(struct harness *h, unsigned i, unsigned size, unsigned rounds, FILE *json,
                     unsigned *n)
{
    uint32_t capacity = sizes[size].capacity;
    const char *name = programs[i].name;
    struct beba_program *program = load(programs[i].file, capacity);
    struct bpf_object *hand[OURS];
    struct beba_kernel *k;
    char path[4096];
    int prog[N_KINDS];

    for (unsigned j = 0; j < OURS; j++) {
        snprintf(path, sizeof(path), "%s/%s_%s_%u.bpf", OBJECTS, name, kinds[j], capacity);
        prog[j] = open_object(path, &hand[j]);
    }
    k = load_ours(program, programs[i].file, &prog[OURS]);
    compare(h, name, prog, size, rounds, json, n);
    close(prog[OURS]);
    beba_kernel_close(k);
    for (unsigned j = 0; j < OURS; j++)
        bpf_object__close(hand[j]);
    beba_program_free(program);
}

int main(int argc, char **argv)
{
    struct harness h = {.repeat = 1000000};
    unsigned rounds = 9, n = 0, flows = 0;
    const char *only = NULL;
    FILE *json = NULL;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            rounds = 3;
            h.repeat = 200000;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (!json)
                die(argv[i], strerror(errno));
        } else if (!strcmp(argv[i], "--program") && i + 1 < argc) {
            only = argv[++i];
        } else if (!strcmp(argv[i], "--flows") && i + 1 < argc) {
            flows = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: xdp_bench [--quick] [--json FILE] [--program NAME] "
                            "[--flows N]\n");
            return 2;
        }
    }
    if (json)
        fputc('[', json);
    if (geteuid()) {
        printf("not run: XDP needs root\n");
    } else if (unshare(CLONE_NEWNET)) { /* live frames that pass go to this loopback */
        die("a network namespace", strerror(errno));
    } else {
        libbpf_set_print(quiet);
        h.prog = open_object(OBJECTS "/vary.bpf", &h.object);
        h.slot = bpf_object__find_map_fd_by_name(h.object, "program");
        h.values = variables(h.object);
        printf("%-14s %9s %-5s %8s %8s %8s %9s %9s\n", "ns a packet", "flows", "", "LRU", "array",
               "beba", "/LRU", "/array");
        for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
            for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
                if ((!only || !strcmp(only, programs[i].name)) &&
                    (!flows || flows == sizes[s].flows))
                    run_size(&h, i, s, rounds, json, &n);
        bpf_object__close(h.object);
    }
    if (!json)
        return 0;
    fputs("\n]\n", json);
    return fclose(json) ? 1 : 0;
}
