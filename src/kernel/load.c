/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An object of emit/ into the kernel: sizes, constants, the verifier; then its values. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "emit/emit.h"
#include "kernel/internal.h"

bool beba_kernel_built(void)
{
    return true;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
    (void)level;
    (void)fmt;
    (void)ap;
    return 0;
}

uint64_t beba_kernel_memory(const struct beba_pipeline *p, uint64_t *tables, struct beba_error *err)
{
    struct beba_object_layout layout;
    struct beba_arena arena = {0};
    uint64_t sum = 0, all = 0;

    if (!beba_object_layout(p, &arena, &layout, err)) {
        for (uint32_t i = 0; i < p->n_tables; i++)
            sum +=
                layout.region[i] * (p->table[i].per_cpu ? (uint64_t)libbpf_num_possible_cpus() : 1);
        all = sum + layout.shared_size + BEBA_OBJECT_EVENTS +
              layout.cpu_size * (uint64_t)libbpf_num_possible_cpus();
    }
    if (tables)
        *tables = sum;
    beba_arena_free(&arena);
    return all;
}

/* What is being loaded. */
struct load {
    struct bpf_object *object;
    const char *file, *text;
    size_t text_size;
    enum beba_target target;
    char *log[2]; /* of beba_main, beba_control: written when one is refused */
    struct pair { /* a map that is taken over loses its name to the one it had */
        const struct bpf_map *map;
        struct kmap *to;
    } * pair;
    size_t n_pairs;
};

static int open_object(struct load *l, const void *object, size_t size, struct beba_error *err)
{
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "beba");
    int rc =
        beba_emit_object_text(object, size, &l->text, &l->text_size, &l->file, &l->target, err);

    if (rc)
        return rc;
    libbpf_set_print(quiet);
    l->object = bpf_object__open_mem(object, size, &opts);
    if (!l->object)
        return beba_error_set(err, -EINVAL, "this is no object that libbpf can load: %s",
                              strerror(errno));
    return 0;
}

/* Where beba_config lies in .rodata; NULL: nowhere. */
static struct beba_object_config *find_config(const struct load *l)
{
    const struct btf *btf = bpf_object__btf(l->object);
    int32_t id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -1;
    struct bpf_map *map;

    if (id < 0)
        return NULL;
    bpf_object__for_each_map(map, l->object)
    {
        const char *name = bpf_map__name(map);
        const struct btf_type *section = btf__type_by_id(btf, (uint32_t)id);
        size_t len = strlen(name), size;
        uint8_t *data;

        if (len < 7 || strcmp(name + len - 7, ".rodata") != 0)
            continue;
        data = (uint8_t *)(uintptr_t)bpf_map__initial_value(map, &size);
        for (unsigned i = 0; data && i < btf_vlen(section); i++) {
            const struct btf_var_secinfo *v = btf_var_secinfos(section) + i;
            const struct btf_type *t = btf__type_by_id(btf, v->type);

            if (!strcmp(btf__name_by_offset(btf, t->name_off), "beba_config") &&
                v->offset + sizeof(struct beba_object_config) <= size)
                return (struct beba_object_config *)(void *)(data + v->offset);
        }
    }
    return NULL;
}

static uint64_t seed_of(const struct beba_kernel_opts *opts)
{
    uint64_t seed = opts->seed;

    if (!opts->fixed_seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = beba_kernel_now();
    return seed;
}

static int set_config(const struct load *l, const struct beba_kernel_opts *opts,
                      struct beba_error *err)
{
    struct beba_object_config *config = find_config(l);

    if (!config)
        return beba_error_set(err, -EINVAL, "the object has no beba_config: it is broken");
    config->test = opts->test;
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
    config->tso = 1;
#else
    config->tso = 0;
#endif
    config->n_cpus = (uint32_t)libbpf_num_possible_cpus();
    config->single_port = opts->n_ports == 1 ? opts->port[0].port : 0;
    config->seed = seed_of(opts);
    return 0;
}

/* Sizes of maps that the machine decides, and maps taken over from a running program. */
static int set_maps(struct load *l, struct beba_kernel *k, const struct kernel_reuse *reuse,
                    struct beba_error *err)
{
    struct bpf_map *map;
    size_t n = 0;
    int rc = 0;

    bpf_object__for_each_map(map, l->object) n++;
    l->pair = beba_arena_array(&k->arena, n + 1, sizeof(*l->pair));
    if (!l->pair)
        return beba_error_set(err, -ENOMEM, "out of memory");
    bpf_object__for_each_map(map, l->object)
    {
        const char *name = bpf_map__name(map);
        const struct kmap *from = NULL;
        struct kmap *to = beba_kernel_map_of(k, name);

        if (to)
            l->pair[l->n_pairs++] = (struct pair){map, to};
        if (!strcmp(name, "beba_meta") || !strcmp(name, "beba_next"))
            rc = bpf_map__set_autocreate(map, false);
        else if (!strcmp(name, "beba_cpu"))
            rc = bpf_map__set_max_entries(map, (uint32_t)libbpf_num_possible_cpus());
        for (uint32_t i = 0; i < k->p->n_tables && !rc; i++) {
            if (to != &k->table[i].map)
                continue;
            if (reuse && reuse->table[i] >= 0)
                from = &reuse->from->table[reuse->table[i]].map;
            else if (k->p->table[i].per_cpu)
                rc = bpf_map__set_max_entries(map, (uint32_t)libbpf_num_possible_cpus());
        }
        if (reuse && reuse->shared && to == &k->map[KMAP_SHARED])
            from = &reuse->from->map[KMAP_SHARED];
        if (!rc && from)
            rc = bpf_map__reuse_fd(map, from->fd);
        if (rc)
            return beba_error_set(err, rc, "cannot set up the map %s: %s", name, strerror(-rc));
    }
    return 0;
}

static int set_programs(struct load *l, struct beba_error *err)
{
    struct bpf_program *prog;
    bool found[2] = {false, false};

    bpf_object__for_each_program(prog, l->object)
    {
        const char *name = bpf_program__name(prog); /* or with a number, of many machines */
        int i = !strncmp(name, "beba_main", 9) ? 0 : !strncmp(name, "beba_control", 12) ? 1 : -1;

        bpf_program__set_autoload(prog, i >= 0);
        if (i < 0)
            continue;
        found[i] |= !strcmp(name, i ? "beba_control" : "beba_main");
        if (!l->log[i])
            l->log[i] = malloc(LOG_SIZE);
        if (!l->log[i])
            return beba_error_set(err, -ENOMEM, "out of memory");
        l->log[i][0] = '\0';
        bpf_program__set_log_buf(prog, l->log[i], LOG_SIZE);
        bpf_program__set_expected_attach_type(prog, 0); /* as the gate's: it jumps there */
    }
    if (!found[0])
        return beba_error_set(err, -EINVAL, "the object has no program beba_main: it is broken");
    return 0;
}

static int load_object(struct load *l, const struct beba_kernel_opts *opts, struct beba_error *err)
{
    int rc = bpf_object__load(l->object);

    if (!rc)
        return 0;
    for (int i = 0; i < 2; i++) {
        if (!l->log[i] || !strstr(l->log[i], "processed "))
            continue; /* the verifier was not asked, or had nothing against it */
        if (opts->log)
            beba_strbuf_puts(opts->log, l->log[i]);
        rc = beba_kernel_too_large(l->log[i]) ? -E2BIG : -EINVAL;
        return beba_kernel_refused(err, rc, l->log[i], l->file, l->text, l->text_size);
    }
    return beba_kernel_error(err, rc, "load the program");
}

static int keep(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

/* Our own descriptors of what was loaded. */
static int take_all(struct beba_kernel *k, const struct load *l, struct beba_error *err)
{
    int rc = 0;

    for (int i = PROG_MAIN; i <= PROG_CONTROL && rc >= 0; i++) {
        struct bpf_program *prog = bpf_object__find_program_by_name(l->object, beba_prog_names[i]);

        if (prog)
            rc = k->prog[i] = keep(bpf_program__fd(prog));
    }
    for (size_t i = 0; i < l->n_pairs && rc >= 0; i++)
        if (bpf_map__fd(l->pair[i].map) >= 0)
            rc = beba_kmap_take(l->pair[i].to, keep(bpf_map__fd(l->pair[i].map)));
    return rc < 0 ? beba_kernel_error(err, rc, "open the program's maps") : 0;
}

static int make_meta(struct beba_kernel *k, const struct load *l, struct beba_error *err)
{
    size_t size = sizeof(k->meta) + l->text_size + 1;
    uint8_t *value = calloc(1, size);
    struct timespec now;
    uint32_t zero = 0;
    int rc;

    k->text = calloc(1, l->text_size + 1);
    if (!value || !k->text) {
        free(value);
        return beba_error_set(err, -ENOMEM, "out of memory");
    }
    clock_gettime(CLOCK_REALTIME, &now);
    k->meta = (struct beba_object_meta){
        .magic = BEBA_OBJECT_MAGIC,
        .version = BEBA_OBJECT_VERSION,
        .target = (uint32_t)l->target,
        .text_size = l->text_size,
        .loaded = (uint64_t)now.tv_sec * BEBA_NS_PER_SEC + (uint64_t)now.tv_nsec,
    };
    snprintf(k->meta.file, sizeof(k->meta.file), "%s", l->file);
    memcpy(k->text, l->text, l->text_size);
    memcpy(value, &k->meta, sizeof(k->meta));
    memcpy(value + sizeof(k->meta), l->text, l->text_size);
    rc = beba_kmap_take(&k->map[KMAP_META], bpf_map_create(BPF_MAP_TYPE_ARRAY, "beba_meta", 4,
                                                           (uint32_t)size, 1, NULL));
    if (!rc)
        rc = bpf_map_update_elem(k->map[KMAP_META].fd, &zero, value, 0);
    free(value);
    return rc ? beba_kernel_error(err, rc, "make the map of the program's text") : 0;
}

int beba_kernel_load_object(const void *object, size_t size, const struct beba_pipeline *p,
                            const struct beba_kernel_opts *opts, const char *root, const char *name,
                            const struct kernel_reuse *reuse, struct beba_kernel **out,
                            struct beba_error *err)
{
    struct load l = {0};
    struct beba_kernel *k = beba_kernel_alloc(root, name, err);
    uint64_t tables = 0;
    int rc = k ? beba_kernel_shape(k, p, err) : -ENOMEM;

    if (!rc)
        rc = open_object(&l, object, size, err);
    if (!rc && !reuse && beba_hook_target((enum beba_kernel_hook)opts->hook) != l.target) {
        rc = beba_error_set(err, -EINVAL, "the object is made for %s, and the hook %s needs %s",
                            beba_target_name(l.target),
                            beba_hook_name((enum beba_kernel_hook)opts->hook),
                            beba_target_name(beba_hook_target((enum beba_kernel_hook)opts->hook)));
        beba_error_hint(err, "give --hook, or beba build --target");
    }
    if (!rc && reuse && reuse->from->meta.target != (uint32_t)l.target) {
        rc = beba_error_set(err, -EINVAL, "the object is made for %s, and %s runs on %s",
                            beba_target_name(l.target), reuse->from->name,
                            beba_target_name(reuse->from->meta.target));
        beba_error_hint(err, "beba build --target %s, or attach it under another name",
                        beba_target_name(reuse->from->meta.target));
    }
    if (!rc) {
        beba_kernel_memory(p, &tables, NULL);
        rc = beba_kernel_has_memory(tables, err);
    }
    if (!rc)
        rc = set_config(&l, opts, err);
    if (!rc)
        rc = set_maps(&l, k, reuse, err);
    if (!rc)
        rc = set_programs(&l, err);
    if (!rc)
        rc = load_object(&l, opts, err);
    if (!rc)
        rc = take_all(k, &l, err);
    if (!rc)
        rc = make_meta(k, &l, err);
    if (!rc)
        rc = beba_kernel_map_all(k, true, err);
    if (!rc)
        rc = beba_kernel_fill(k, opts, reuse, err);
    if (l.object)
        bpf_object__close(l.object);
    free(l.log[0]);
    free(l.log[1]);
    if (rc) {
        beba_kernel_close(k);
        return rc;
    }
    k->test = opts->test;
    *out = k;
    return 0;
}

int beba_kernel_verify(const void *object, size_t size, const struct beba_pipeline *p,
                       uint32_t *insns, struct beba_error *err)
{
    struct beba_kernel_opts opts = {.fixed_seed = true};
    struct beba_kernel *k = beba_kernel_alloc("", "verify", err);
    struct bpf_program *prog;
    struct load l = {0};
    uint64_t tables = 0;
    int rc = k ? beba_kernel_shape(k, p, err) : -ENOMEM;

    *insns = 0;
    if (!rc)
        rc = open_object(&l, object, size, err);
    if (!rc) {
        beba_kernel_memory(p, &tables, NULL);
        rc = beba_kernel_has_memory(tables, err);
    }
    if (!rc)
        rc = set_config(&l, &opts, err);
    if (!rc)
        rc = set_maps(&l, k, NULL, err);
    if (!rc)
        rc = set_programs(&l, err);
    if (!rc)
        rc = load_object(&l, &opts, err);
    if (!rc) {
        bpf_object__for_each_program(prog, l.object)
        {
            struct bpf_prog_info info = {0};
            uint32_t n = sizeof(info);

            if (bpf_program__fd(prog) >= 0 &&
                !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &n) &&
                info.verified_insns > *insns)
                *insns = info.verified_insns;
        }
    }
    bpf_object__close(l.object);
    free(l.log[0]);
    free(l.log[1]);
    beba_kernel_close(k);
    return rc;
}

int beba_kernel_load(const void *object, size_t size, const struct beba_pipeline *p,
                     const struct beba_kernel_opts *opts, struct beba_kernel **out,
                     struct beba_error *err)
{
    char name[BEBA_KERNEL_NAME];
    int rc = beba_kernel_name_of(opts->name, p, name, err);

    return rc ? rc : beba_kernel_load_object(object, size, p, opts, "", name, NULL, out, err);
}
