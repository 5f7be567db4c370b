/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel against the interpreter: every program given runs on the packets of every capture
 * given, and on packets made for it, packet by packet in both. Everything that can be seen must be
 * the same: verdict, reason, port, table, rule and bytes of each packet; at the end all flows,
 * globals, cells and counters. Each program as XDP and as tc program, loaded by libbpf alone.
 *
 *     differential [-v] [-t xdp|tc] PROGRAM... -- [CAPTURE...]
 *
 * Exit 1 where something differs, 77 where this machine cannot load programs. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/error.h"
#include "base/hash.h"
#include "emit/emit.h"
#include "emit/object.h"
#include "engine/bench.h"
#include "engine/engine.h"
#include "engine/internal.h"
#include "engine/stream.h"
#include "io/capture.h"
#include "lang/lang.h"

enum {
    SEED = 7,
    CAPACITY = 300,  /* small, so that tables fill */
    LEN_MAX = 3000,  /* bytes that test runs take */
    SHOW_MAX = 8,    /* differences of one run that are shown */
    SYNTHETIC = 3000 /* packets made for each program */
};

static bool verbose;

/* One program in the kernel. */
struct loaded {
    const struct beba_pipeline *p;
    struct beba_arena arena;
    struct beba_object_layout layout;
    struct bpf_object *object;
    int main_fd;
    uint8_t *shared, *cpu, **region;
    size_t cpu_bytes;
    bool tc;
};

struct side_by_side {
    struct loaded *k;
    struct beba_engine *e;
    const char *program, *capture, *target;
    unsigned long n, differ;
    uint64_t now; /* of the last packet */
};

__attribute__((format(printf, 2, 3))) static void differs(struct side_by_side *s, const char *fmt,
                                                          ...)
{
    va_list ap;

    if (s->differ++ >= SHOW_MAX)
        return;
    printf("  %s %s %s #%lu: ", s->target, s->program, s->capture, s->n);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

/* Loading ------------------------------------------------------------------------------------ */

static char log_text[1 << 26];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
    return verbose && level != LIBBPF_DEBUG ? vfprintf(stderr, fmt, ap) : 0;
}

static void *map_memory(struct bpf_object *object, const char *name, size_t *size)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    size_t value, n;
    void *mem;

    if (!map)
        return NULL;
    value = (bpf_map__value_size(map) + 7ul) & ~7ul;
    n = (value * bpf_map__max_entries(map) + 4095) & ~4095ul;
    mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (size)
        *size = n;
    return mem == MAP_FAILED ? NULL : mem;
}

static void show_log(const char *program)
{
    size_t n = strlen(log_text), from = n > 3000 ? n - 3000 : 0;

    fprintf(stderr, "%s: the kernel refuses:\n%s\n", program, log_text + from);
    if (getenv("BEBA_LOG")) {
        FILE *f = fopen(getenv("BEBA_LOG"), "w");
        if (f) {
            fputs(log_text, f);
            fclose(f);
        }
    }
}

static int set_config(struct bpf_object *object)
{
    struct bpf_map *map = NULL;
    struct beba_object_config *config;
    size_t size;

    bpf_object__for_each_map(map, object)
    {
        const char *name = bpf_map__name(map);

        if (!strstr(name, ".rodata"))
            continue;
        config = (struct beba_object_config *)bpf_map__initial_value(map, &size);
        if (!config || size < sizeof(*config))
            continue;
        *config = (struct beba_object_config){
            .test = 1, .tso = 1, .n_cpus = (uint32_t)libbpf_num_possible_cpus(), .seed = SEED};
        return 0;
    }
    return -ENOENT;
}

static void add_prefixes(int fd, const struct beba_range *r, unsigned width)
{
    unsigned bytes = (width + 7) / 8, bits = bytes * 8;
    struct beba_u128 lo = r->lo;

    for (;;) {
        struct beba_object_prefix key = {0};
        struct beba_u128 end = lo;
        unsigned host = 0;
        uint8_t one = 1;

        /* the largest prefix that starts at lo and does not pass hi */
        while (host < bits) {
            struct beba_u128 bit =
                host < 64 ? beba_u128(0, 1ull << host) : beba_u128(1ull << (host - 64), 0);
            struct beba_u128 next = beba_u128(end.hi | bit.hi, end.lo | bit.lo);

            if ((lo.lo & bit.lo) || (lo.hi & bit.hi) || beba_u128_cmp(next, r->hi) > 0)
                break;
            end = next;
            host++;
        }
        key.bits = bits - host;
        for (unsigned i = 0; i < bytes; i++) {
            unsigned down = (bytes - 1 - i) * 8;

            key.value[i] = (uint8_t)(down >= 64 ? lo.hi >> (down - 64) : lo.lo >> down);
        }
        bpf_map_update_elem(fd, &key, &one, BPF_ANY);
        if (beba_u128_cmp(end, r->hi) >= 0)
            return;
        lo = beba_u128(end.hi + (end.lo == ~0ull), end.lo + 1);
    }
}

static void fill_sets(struct loaded *k)
{
    for (uint32_t i = 0; i < k->p->n_sets; i++) {
        const struct beba_set *set = &k->p->set[i];
        char name[32];

        if (k->layout.set[i])
            continue;
        snprintf(name, sizeof(name), "set_%u", i);
        for (uint32_t r = 0; r < set->n_ranges; r++)
            add_prefixes(bpf_object__find_map_fd_by_name(k->object, name), &set->range[r],
                         set->type.width);
    }
}

static int map_all(struct loaded *k)
{
    k->shared = map_memory(k->object, "beba_shared", NULL);
    k->cpu = map_memory(k->object, "beba_cpu", &k->cpu_bytes);
    if (!k->shared || !k->cpu)
        return -ENOMEM;
    for (uint32_t i = 0; i < k->p->n_tables; i++) {
        char name[32];

        if (!k->layout.region[i])
            continue;
        snprintf(name, sizeof(name), "flows_%u", i);
        k->region[i] = map_memory(k->object, name, NULL);
        if (!k->region[i])
            return -ENOMEM;
    }
    return 0;
}

static int load(struct loaded *k, const struct beba_program *program, const char *file,
                enum beba_target target)
{
    struct beba_emit_opts opts = {.file = file, .sources = &program->sources};
    struct beba_error err = {0};
    struct bpf_program *prog;
    struct bpf_map *map;
    void *object = NULL;
    size_t size;
    int rc;

    *k = (struct loaded){.p = program->pipeline, .tc = target == BEBA_TARGET_TC};
    opts.text = program->sources.source[0].text;
    opts.text_size = program->sources.source[0].len;
    rc = beba_emit_object(k->p, target, &opts, &object, &size, &err);
    if (!rc)
        rc = beba_object_layout(k->p, &k->arena, &k->layout, &err);
    if (rc) {
        fprintf(stderr, "%s: %s\n", file, err.what);
        goto out;
    }
    log_text[0] = 0;
    LIBBPF_OPTS(bpf_object_open_opts, open_opts, .object_name = "differential",
                .kernel_log_buf = log_text, .kernel_log_size = sizeof(log_text),
                .kernel_log_level = 0);
    k->object = bpf_object__open_mem(object, size, &open_opts);
    k->region = beba_arena_array(&k->arena, k->p->n_tables + 1ul, sizeof(*k->region));
    if (!k->object || !k->region) {
        rc = -errno;
        fprintf(stderr, "%s: libbpf does not open the object: %s\n", file, strerror(-rc));
        goto out;
    }
    map = bpf_object__find_map_by_name(k->object, "beba_cpu");
    bpf_map__set_max_entries(map, (uint32_t)libbpf_num_possible_cpus());
    rc = set_config(k->object);
    if (!rc)
        rc = bpf_object__load(k->object);
    if (rc) {
        show_log(file);
        goto out;
    }
    if (verbose)
        for (prog = bpf_object__next_program(k->object, NULL); prog;
             prog = bpf_object__next_program(k->object, prog))
            printf("  %s %s: %zu instructions\n", file, bpf_program__name(prog),
                   bpf_program__insn_cnt(prog));
    k->main_fd = bpf_program__fd(bpf_object__find_program_by_name(k->object, "beba_main"));
    rc = map_all(k);
    if (!rc)
        fill_sets(k);
out:
    free(object);
    return rc;
}

static void unload(struct loaded *k)
{
    bpf_object__close(k->object); /* maps go with the process */
    beba_arena_free(&k->arena);
}

/* As new, with the tables of the engine: the same secret. */
static void reset(struct loaded *k, const struct beba_engine *e)
{
    const struct beba_pipeline *p = k->p;

    memset(k->cpu, 0, k->cpu_bytes);
    memset(k->shared, 0, k->layout.shared_size);
    for (uint32_t i = 0; i < p->n_globals; i++)
        memcpy(k->shared + k->layout.global[i],
               p->global[i].type.width > 64 ? (const void *)&p->global[i].init
                                            : (const void *)&p->global[i].init.lo,
               p->global[i].type.width > 64 ? 16 : 8);
    for (uint32_t i = 0; i < p->n_sets; i++)
        for (uint32_t r = 0; k->layout.set[i] && r < p->set[i].n_ranges; r++)
            for (uint64_t v = p->set[i].range[r].lo.lo; v <= p->set[i].range[r].hi.lo; v++)
                ((uint64_t *)(void *)(k->shared + k->layout.set[i]))[v >> 6] |= 1ull << (v & 63);
    for (uint32_t i = 0; i < p->n_tables; i++)
        if (k->region[i])
            memcpy(k->region[i], e->table[i].ft, e->table[i].ft->size);
}

/* Packets ------------------------------------------------------------------------------------ */

static void compare_result(struct side_by_side *s, const struct beba_result *want)
{
    const struct beba_object_result *have =
        &((const struct beba_object_cpu *)(const void *)s->k->cpu)->result;

    if (have->verdict != want->verdict || have->reason != want->reason ||
        have->port != want->port || have->table != want->table || have->rule != want->rule)
        differs(s, "%s (%s) port %u table %u rule %d; kernel: %s (%d) port %u table %u rule %d",
                beba_verdict_name(want->verdict), beba_reason_name(want->reason), want->port,
                want->table, (int)want->rule,
                have->verdict < BEBA_N_VERDICTS ? beba_verdict_name(have->verdict) : "?",
                have->reason, have->port, have->table, (int)have->rule);
}

static void compare_bytes(struct side_by_side *s, const struct beba_packet *want,
                          const uint8_t *have, uint32_t len)
{
    uint32_t i = 0;

    if (len != want->len) {
        differs(s, "%u bytes; kernel: %u", want->len, len);
        return;
    }
    while (i < len && want->data[i] == have[i])
        i++;
    if (i < len)
        differs(s, "byte %u is %02x; kernel: %02x", i, want->data[i], have[i]);
}

static void compare_table(struct side_by_side *s, uint32_t i);

/* One packet in both. */
static void run_both(struct side_by_side *s, const uint8_t *data, uint32_t len, uint64_t now,
                     uint32_t in_port)
{
    static uint8_t mine[LEN_MAX + 512], theirs[LEN_MAX + 512];
    struct beba_object_shared *shared = (struct beba_object_shared *)(void *)s->k->shared;
    struct beba_packet packet = {.data = mine + 256,
                                 .len = len,
                                 .wire_len = len,
                                 .headroom = 256,
                                 .tailroom = 256,
                                 .now = now,
                                 .in_port = in_port,
                                 .in_phy_port = in_port};
    struct beba_packet *list[1] = {&packet};
    struct beba_result result;
    int rc;

    memcpy(mine + 256, data, len);
    s->now = shared->test_now = now;
    shared->test_in_port = in_port;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = data, .data_size_in = len, .data_out = theirs,
                .data_size_out = sizeof(theirs));
    rc = bpf_prog_test_run_opts(s->k->main_fd, &run);
    if (rc)
        return; /* not a packet that this kernel runs programs on */
    beba_engine_run(s->e, list, 1, &result);
    compare_result(s, &result);
    compare_bytes(s, &packet, theirs, run.data_size_out);
    if (getenv("BEBA_EACH") && !s->differ)
        for (uint32_t i = 0; i < s->k->p->n_tables; i++)
            compare_table(s, i);
    s->n++;
}

/* State -------------------------------------------------------------------------------------- */

static void compare_flows(struct side_by_side *s, uint32_t table)
{
    const struct beba_table *t = &s->k->p->table[table];
    struct beba_ft *mine = s->e->table[table].ft;
    struct beba_ft *theirs = (struct beba_ft *)(void *)s->k->region[table];
    struct beba_error err = {0};
    struct beba_ft_entry *e;
    uint64_t cursor = 0;

    if (beba_ft_verify(theirs, &err))
        differs(s, "machine %s: %s", t->name, err.what);
    if (beba_ft_entries(mine) != beba_ft_entries(theirs))
        differs(s, "machine %s: %lu flows; kernel: %lu", t->name,
                (unsigned long)beba_ft_entries(mine), (unsigned long)beba_ft_entries(theirs));
    while ((e = beba_ft_next(mine, &cursor))) {
        const uint32_t *key = (const uint32_t *)(const void *)beba_ft_key(mine, e);
        struct beba_ft_entry *k = beba_ft_peek(theirs, key, beba_ft_hash(theirs, key));
        struct beba_strbuf text = {0};

        beba_key_print(&text, &t->lookup, beba_ft_key(mine, e));
        if (!k)
            differs(s, "machine %s: the kernel has no flow of %s, used %lu ns ago in state %u",
                    t->name, text.s, (unsigned long)(s->now - e->used), e->state);
        else if (k->state != e->state || k->entered != e->entered || k->used != e->used ||
                 k->birth != e->birth)
            differs(
                s, "machine %s %s: state %u entered %lu used %lu birth %u; kernel: %u %lu %lu %u",
                t->name, text.s, e->state, (unsigned long)e->entered, (unsigned long)e->used,
                e->birth, k->state, (unsigned long)k->entered, (unsigned long)k->used, k->birth);
        else if (memcmp(beba_ft_regs(mine, e), beba_ft_regs(theirs, k), t->regs_size))
            differs(s, "machine %s %s: registers differ", t->name, text.s);
        beba_strbuf_free(&text);
    }
}

static void compare_number(struct side_by_side *s, const char *what, const char *name,
                           uint64_t mine, uint64_t theirs)
{
    if (mine != theirs)
        differs(s, "%s %s is %lu; kernel: %lu", what, name, (unsigned long)mine,
                (unsigned long)theirs);
}

static void compare_table(struct side_by_side *s, uint32_t i)
{
    static const char *const names[] = {"lookups",  "hits",     "creations", "evictions",
                                        "refusals", "expiries", "frees",     "no_key"};
    const struct beba_object_table *have =
        (const struct beba_object_table *)(const void *)(s->k->cpu + s->k->layout.tables) + i;
    struct beba_table_stats stats;

    beba_engine_table(s->e, i, &stats);
    const uint64_t mine[] = {stats.counters.lookups,   stats.counters.hits,
                             stats.counters.creations, stats.counters.evictions,
                             stats.counters.refusals,  stats.counters.expiries,
                             stats.counters.frees,     stats.no_key};
    const uint64_t theirs[] = {have->lookups,  have->hits,     have->creations, have->evictions,
                               have->refusals, have->expiries, have->frees,     have->no_key};

    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        compare_number(s, s->k->p->table[i].name, names[n], mine[n], theirs[n]);
    if (s->k->region[i])
        compare_flows(s, i);
}

static void compare_shared(struct side_by_side *s)
{
    const struct beba_pipeline *p = s->k->p;

    for (uint32_t i = 0; i < p->n_globals; i++) {
        const uint64_t *at =
            (const uint64_t *)(const void *)(s->k->shared + s->k->layout.global[i]);
        bool wide = p->global[i].type.width > 64;
        struct beba_u128 v;

        beba_engine_global(s->e, i, &v);
        compare_number(s, "global", p->global[i].name, v.lo, wide ? at[1] : at[0]);
        if (wide)
            compare_number(s, "global", p->global[i].name, v.hi, at[0]);
    }
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const uint8_t *at = s->k->shared + s->k->layout.array[i];
        uint32_t rows = p->array[i].rows ? p->array[i].rows : 1, columns = p->array[i].columns;

        for (uint32_t c = 0; c < rows * columns; c++) {
            uint64_t v = s->k->layout.cell_size[i] == 4 ? ((const uint32_t *)(const void *)at)[c]
                                                        : ((const uint64_t *)(const void *)at)[c];

            compare_number(s, "array", p->array[i].name,
                           beba_engine_cell(s->e, i, c / columns, c % columns), v);
        }
    }
}

static void compare_counters(struct side_by_side *s)
{
    const struct beba_object_counter *rule =
        (const struct beba_object_counter *)(const void *)(s->k->cpu + s->k->layout.rules);
    const struct beba_object_counter *named =
        (const struct beba_object_counter *)(const void *)(s->k->cpu + s->k->layout.counters);
    const struct beba_object_cpu *head = (const struct beba_object_cpu *)(const void *)s->k->cpu;
    const struct beba_engine_stats *stats = beba_engine_stats(s->e);

    for (uint32_t i = 0; i < s->k->p->n_rules; i++) {
        compare_number(s, "rule", s->k->p->rule[i]->label ? s->k->p->rule[i]->label : "",
                       beba_engine_rule(s->e, i)->packets, rule[i].packets);
        compare_number(s, "rule bytes", s->k->p->rule[i]->label ? s->k->p->rule[i]->label : "",
                       beba_engine_rule(s->e, i)->bytes, rule[i].bytes);
    }
    for (uint32_t i = 0; i < s->k->p->n_counters; i++) {
        compare_number(s, "counter", s->k->p->counter[i].name,
                       beba_engine_counter(s->e, i)->packets, named[i].packets);
        compare_number(s, "counter bytes", s->k->p->counter[i].name,
                       beba_engine_counter(s->e, i)->bytes, named[i].bytes);
    }
    compare_number(s, "packets", "", stats->packets, head->packets);
    compare_number(s, "bytes", "", stats->bytes, head->bytes);
    compare_number(s, "edit_failed", "", stats->edit_failed, head->edit_failed);
    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        compare_number(s, "verdict", beba_verdict_name(i), stats->verdict[i], head->verdict[i]);
}

/* Runs --------------------------------------------------------------------------------------- */

static int begin(struct side_by_side *s)
{
    struct beba_engine_opts opts = {.seed = SEED, .fixed_seed = true, .all_events = true};
    struct beba_error err = {0};
    int rc = beba_engine_new(s->k->p, &opts, &s->e, &err);

    if (rc)
        fprintf(stderr, "%s: %s\n", s->program, err.what);
    else
        reset(s->k, s->e);
    s->n = s->differ = 0;
    return rc;
}

static unsigned long end(struct side_by_side *s)
{
    for (uint32_t i = 0; i < s->k->p->n_tables; i++)
        compare_table(s, i);
    compare_shared(s);
    compare_counters(s);
    beba_engine_free(s->e);
    if (s->differ > SHOW_MAX)
        printf("  ... and %lu more\n", s->differ - SHOW_MAX);
    return s->differ;
}

static unsigned long run_capture(struct side_by_side *s)
{
    struct beba_reader *reader;
    struct beba_packet packet;
    uint64_t last = 0;

    if (beba_reader_open(s->capture, &reader, NULL))
        return 0;
    if (begin(s)) {
        beba_reader_close(reader);
        return 1;
    }
    while (beba_reader_next(reader, &packet, NULL) > 0) {
        uint32_t len = packet.len < LEN_MAX ? packet.len : LEN_MAX;

        if (packet.link != BEBA_LINK_ETHERNET || len < 15)
            continue;
        last = packet.now;
        run_both(s, packet.data, len, packet.now, 1 + (uint32_t)(s->n % 3 == 2));
    }
    (void)last;
    beba_reader_close(reader);
    return end(s);
}

static unsigned long run_synthetic(struct side_by_side *s)
{
    struct stream stream = {0};
    uint64_t now = 1700000000000000000ull;

    s->capture = "made for it";
    if (beba_stream_init(&stream, s->k->p, SEED) || begin(s))
        return 1;
    for (unsigned i = 0; i < SYNTHETIC; i++) {
        struct stream_packet made = {0};
        struct beba_packet packet = {0};
        uint8_t buf[2048];
        struct beba_build build = {.assign = made.assign};
        uint64_t r = beba_splitmix64(i);

        beba_stream_next(&stream, (uint32_t)(r % 997), i % 7 < 3 ? (int)(i % 7) : -1, &made);
        build.n_assign = made.n;
        now += (r >> 32) % 50 ? (r >> 20) % 3000000 : (r >> 20) % 40000000000ull;
        if (beba_packet_build(&packet, buf, sizeof(buf), 128, &build, NULL) || packet.len < 15)
            continue;
        run_both(s, packet.data, packet.len, now, made.in_port ? made.in_port : 1);
    }
    beba_stream_free(&stream);
    return end(s);
}

static unsigned long run_program(const char *file, enum beba_target target, char **captures,
                                 unsigned long *n)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0}, lacks = {0};
    struct loaded k = {0};
    struct side_by_side s = {.k = &k,
                             .program = strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
                             .target = beba_target_name(target)};
    unsigned long differ = 0;

    if (beba_lang_load_file(file, NULL, &program, &diags, NULL)) {
        printf("  %s does not load\n", file);
        return 1;
    }
    beba_target_check(program->pipeline, target, &lacks);
    if (lacks.errors) {
        printf("skip %s %s: %s\n", s.target, s.program, lacks.diag[0].message);
        goto out;
    }
    for (uint32_t i = 0; i < program->pipeline->n_tables; i++)
        if (program->pipeline->table[i].capacity > CAPACITY)
            program->pipeline->table[i].capacity = CAPACITY;
    if (load(&k, program, file, target)) {
        printf("FAIL %s %s: not loaded\n", s.target, s.program);
        differ = 1;
        goto out;
    }
    for (; *captures; captures++) {
        s.capture = *captures;
        differ += run_capture(&s);
        *n += s.n;
    }
    differ += run_synthetic(&s);
    *n += s.n;
    printf("%s %s %s\n", differ ? "FAIL" : "same", s.target, s.program);
out:
    fflush(stdout);
    unload(&k);
    beba_program_free(program);
    beba_diags_free(&diags);
    beba_diags_free(&lacks);
    return differ;
}

static bool may_load(void)
{
    struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2},
                               {.code = BPF_JMP | BPF_EXIT}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "may", "GPL", insns, 2, NULL);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    unsigned long differ = 0, n = 0;
    const char *only = NULL;
    cpu_set_t cpu;
    int first = 1, dash;

    for (; first < argc && argv[first][0] == '-' && argv[first][1] != '-'; first++) {
        if (!strcmp(argv[first], "-v"))
            verbose = true;
        else if (!strcmp(argv[first], "-t") && first + 1 < argc)
            only = argv[++first];
    }
    for (dash = first; dash < argc && strcmp(argv[dash], "--"); dash++)
        ;
    libbpf_set_print(quiet);
    if (!may_load()) {
        printf("SKIPPED: this machine does not load BPF programs here\n");
        return 77;
    }
    CPU_ZERO(&cpu); /* one CPU's counters are all there are */
    CPU_SET(0, &cpu);
    sched_setaffinity(0, sizeof(cpu), &cpu);
    for (int i = first; i < dash; i++)
        for (int t = BEBA_TARGET_XDP; t <= BEBA_TARGET_TC; t++)
            if (!only || !strcmp(only, beba_target_name((unsigned)t)))
                differ += run_program(argv[i], (enum beba_target)t,
                                      dash < argc ? argv + dash + 1 : argv + argc, &n);
    printf("%lu packets, %lu differences\n", n, differ);
    return differ != 0;
}
