/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Loads programs as kernel/ does, by libbpf alone. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "differential.h"

static char log_text[1 << 26];

/* The memory of a map; of one with a value for each CPU, this CPU's. */
static void *map_memory(struct bpf_object *object, const char *name)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    size_t value, n, cpu;
    uint8_t *mem;

    if (!map)
        return NULL;
    value = (bpf_map__value_size(map) + 7ul) & ~7ul;
    n = (value * bpf_map__max_entries(map) + 4095) & ~4095ul;
    cpu = bpf_map__max_entries(map) > 1 ? (size_t)sched_getcpu() : 0;
    mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    return mem == MAP_FAILED ? NULL : mem + cpu * value;
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

static int set_config(struct bpf_object *object, uint64_t seed)
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
            .test = 1, .tso = 1, .n_cpus = (uint32_t)libbpf_num_possible_cpus(), .seed = seed};
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
    k->shared = map_memory(k->object, "beba_shared");
    k->cpu = map_memory(k->object, "beba_cpu");
    if (!k->shared || !k->cpu)
        return -ENOMEM;
    for (uint32_t i = 0; i < k->p->n_tables; i++) {
        char name[32];

        if (!k->layout.region[i])
            continue;
        snprintf(name, sizeof(name), "flows_%u", i);
        k->region[i] = map_memory(k->object, name);
        if (!k->region[i])
            return -ENOMEM;
    }
    return 0;
}

static void one_a_cpu(struct loaded *k)
{
    uint32_t n = (uint32_t)libbpf_num_possible_cpus();

    bpf_map__set_max_entries(bpf_object__find_map_by_name(k->object, "beba_cpu"), n);
    for (uint32_t i = 0; i < k->p->n_tables; i++) {
        char name[32];

        snprintf(name, sizeof(name), "flows_%u", i);
        if (k->layout.region[i] && k->p->table[i].per_cpu)
            bpf_map__set_max_entries(bpf_object__find_map_by_name(k->object, name), n);
    }
}

static void fill_ports(struct loaded *k)
{
    int fd = bpf_object__find_map_fd_by_name(k->object, "beba_ports");

    for (uint32_t port = 1; port <= N_PORTS; port++) {
        uint32_t ifindex = ports_ifindex(port);

        if (fd >= 0 && ports_have(port))
            bpf_map_update_elem(fd, &port, &ifindex, BPF_ANY);
    }
}

static void show_cost(const char *file, const struct bpf_program *prog)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);

    if (bpf_program__fd(prog) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
        return;
    printf("  %s %s: %u instructions, the verifier went through %u; %u maps\n", file,
           bpf_program__name(prog), info.xlated_prog_len / 8, info.verified_insns, info.nr_map_ids);
}

static bool too_large(void)
{
    return strstr(log_text, "BPF program is too large") ||
           strstr(log_text, "jumps is too complex") || strstr(log_text, "combined stack size");
}

static int load_pieces(struct loaded *k, const struct beba_program *program, const char *file,
                       enum beba_target target, uint64_t seed, bool pieces)
{
    const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    struct beba_emit_opts opts = {
        .file = name, .sources = &program->sources, .fine = pieces, .no_control = no_control};
    struct beba_error err = {0};
    struct bpf_program *prog;
    void *object = NULL;
    size_t size;
    int rc;

    *k = (struct loaded){.p = program->pipeline, .seed = seed, .tc = target == BEBA_TARGET_TC};
    opts.text = program->sources.source[0].text;
    opts.text_size = program->sources.source[0].len;
    rc = object_of(k->p, target, &opts, &object, &size, &err);
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
    one_a_cpu(k);
    rc = set_config(k->object, seed);
    if (!rc)
        rc = bpf_object__load(k->object);
    if (rc) {
        rc = too_large() && !pieces ? -E2BIG : rc;
        if (rc != -E2BIG)
            show_log(file);
        goto out;
    }
    if (verbose)
        bpf_object__for_each_program(prog, k->object) show_cost(file, prog);
    k->main_fd = bpf_program__fd(bpf_object__find_program_by_name(k->object, "beba_main"));
    prog = bpf_object__find_program_by_name(k->object, "beba_control");
    k->control_fd = prog ? bpf_program__fd(prog) : -1;
    rc = map_all(k);
    if (rc)
        goto out;
    fill_sets(k);
    fill_ports(k);
    k->events = ring_buffer__new(bpf_object__find_map_fd_by_name(k->object, "beba_events"),
                                 compare_event, &k->watcher, NULL);
    if (!k->events)
        rc = -errno;
out:
    free(object);
    return rc;
}

/* In small pieces where the verifier finds it too large, as `beba attach` does. */
int load(struct loaded *k, const struct beba_program *program, const char *file,
         enum beba_target target, uint64_t seed)
{
    int rc = load_pieces(k, program, file, target, seed, fine);

    if (rc != -E2BIG || fine)
        return rc;
    unload(k);
    rc = load_pieces(k, program, file, target, seed, true);
    if (!rc)
        printf("  %s: too large at once, loaded in small pieces\n", file);
    return rc;
}

void unload(struct loaded *k)
{
    ring_buffer__free(k->events);
    bpf_object__close(k->object); /* maps go with the process */
    beba_arena_free(&k->arena);
}

void reset(struct loaded *k, const struct beba_engine *e)
{
    const struct beba_pipeline *p = k->p;

    memset(k->cpu, 0, k->layout.cpu_size);
    memset(k->shared, 0, k->layout.shared_size);
    ((struct beba_object_shared *)(void *)k->shared)->all_events = 1;
    ring_buffer__consume(k->events);
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
