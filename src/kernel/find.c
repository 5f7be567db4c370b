/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Deployments by name: listing, opening. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/internal.h"
#include "state/ft_layout.h"

struct list {
    const char *root;
    const char **names; /* room for cap pointers; then the names */
    int n;
    size_t bytes;
};

static int list_one(void *arg, const char *name)
{
    struct list *l = arg;
    const char **grown;

    if (strchr(name, '~') || strlen(name) >= BEBA_KERNEL_NAME ||
        !beba_kernel_is_there(l->root, name))
        return 0;
    grown = realloc(l->names, ((size_t)l->n + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    l->names = grown;
    grown[l->n] = strdup(name);
    if (!grown[l->n])
        return -ENOMEM;
    l->bytes += strlen(name) + 1;
    l->n++;
    return 0;
}

int beba_kernel_list(const char *given, const char *const **names, struct beba_error *err)
{
    char root[ROOT_MAX];
    struct list l = {.root = root};
    const char **out = NULL;
    int rc = beba_kernel_root(given, root, err), lock;

    *names = NULL;
    if (rc)
        return rc;
    lock = beba_kernel_lock(root, false, false, err);
    if (lock == -ENOENT)
        return 0;
    if (lock < 0)
        return lock;
    rc = beba_kernel_each(root, list_one, &l);
    close(lock);
    if (!rc)
        out = malloc((size_t)l.n * sizeof(*out) + l.bytes + 1);
    if (!rc && !out)
        rc = -ENOMEM;
    if (!rc) {
        char *at = (char *)(out + l.n);

        for (int i = 0; i < l.n; i++) {
            out[i] = at;
            at = stpcpy(at, l.names[i]) + 1;
        }
        *names = out;
    }
    for (int i = 0; i < l.n; i++)
        free((void *)(uintptr_t)l.names[i]);
    free(l.names);
    return rc ? beba_kernel_error(err, rc, "list the deployments") : l.n;
}

struct visit {
    struct beba_kernel *k;
    const char *dir;
    struct beba_error *err;
};

static uint32_t link_ifindex(const char *path)
{
    struct bpf_link_info info = {0};
    uint32_t size = sizeof(info), ifindex = 0;
    int fd = bpf_obj_get(path);

    if (fd < 0)
        return 0;
    if (!bpf_obj_get_info_by_fd(fd, &info, &size))
        ifindex = info.xdp.ifindex; /* tcx has it at the same place */
    close(fd);
    return ifindex;
}

static int open_one(void *arg, const char *name)
{
    struct visit *v = arg;
    struct beba_kernel *k = v->k;
    struct beba_kernel_device d;
    char path[PATH_LEN];
    struct kmap *m;
    int fd, rc = 0;

    snprintf(path, sizeof(path), "%s/%s", v->dir, name);
    if (beba_point_parse(name, &d)) {
        d.ifindex = d.how == BEBA_HOW_LINK ? link_ifindex(path) : if_nametoindex(d.name);
        d.gone = !d.ifindex;
        if (k->n_devices < BEBA_KERNEL_DEVICES)
            k->device[k->n_devices++] = d;
        return 0;
    }
    m = beba_kernel_map_of(k, name);
    for (int i = 0; i < N_PROGS; i++) {
        if (strcmp(name, beba_prog_names[i]) != 0 || k->prog[i] >= 0)
            continue;
        k->prog[i] = rc = bpf_obj_get(path);
    }
    if (m && m->fd < 0) {
        fd = bpf_obj_get(path);
        rc = beba_kmap_take(m, fd);
    }
    if (rc >= 0)
        return 0;
    rc = beba_kernel_error(v->err, rc, "open the deployment");
    beba_error_where(v->err, "%.200s", path);
    return rc;
}

static int read_meta(struct beba_kernel *k, struct beba_error *err)
{
    const struct kmap *m = &k->map[KMAP_META];
    uint32_t zero = 0;
    uint8_t *value;
    int rc = 0;

    if (m->fd < 0 || m->value_size < sizeof(k->meta))
        return beba_error_set(err, -EINVAL, "%s is no deployment of beba: it has no beba_meta",
                              k->name);
    value = calloc(1, m->value_size + 1ul);
    if (!value || bpf_map_lookup_elem(m->fd, &zero, value)) {
        rc = beba_error_set(err, -ENOMEM, "the program's text cannot be read");
        goto out;
    }
    memcpy(&k->meta, value, sizeof(k->meta));
    k->meta.file[sizeof(k->meta.file) - 1] = '\0';
    if (k->meta.magic != BEBA_OBJECT_MAGIC || k->meta.version != BEBA_OBJECT_VERSION ||
        k->meta.text_size > m->value_size - sizeof(k->meta)) {
        rc = beba_error_set(err, -EINVAL, "%s was attached by another version of beba", k->name);
        beba_error_hint(err, "beba detach %s, then attach it again", k->name);
        goto out;
    }
    memmove(value, value + sizeof(k->meta), k->meta.text_size);
    value[k->meta.text_size] = '\0';
    k->text = (char *)value;
    return 0;
out:
    free(value);
    return rc;
}

int beba_kernel_open_at(const char *root, const char *name, struct beba_kernel **out,
                        struct beba_error *err)
{
    char dir[PATH_LEN];
    struct visit v = {.dir = dir, .err = err};
    int rc;

    snprintf(dir, sizeof(dir), "%s/%s", root, name);
    if (!beba_kernel_is_there(root, name)) {
        beba_error_set(err, -ENOENT, "%s is not attached", name);
        beba_error_hint(err, "beba show lists what is");
        return -ENOENT;
    }
    v.k = beba_kernel_alloc(root, name, err);
    rc = v.k ? beba_kernel_each(dir, open_one, &v) : -ENOMEM;
    if (!rc)
        rc = read_meta(v.k, err);
    if (rc) {
        beba_kernel_close(v.k);
        return rc;
    }
    *out = v.k;
    return 0;
}

int beba_kernel_open(const char *given, const char *name, struct beba_kernel **out,
                     struct beba_error *err)
{
    char root[ROOT_MAX], good[BEBA_KERNEL_NAME];
    int rc = beba_kernel_root(given, root, err), lock;

    if (!rc)
        rc = beba_kernel_name_of(name, NULL, good, err);
    if (rc)
        return rc;
    lock = beba_kernel_lock(root, false, false, err);
    if (lock < 0)
        return lock;
    rc = beba_kernel_open_at(root, good, out, err);
    close(lock);
    return rc;
}

static int check_regions(const struct beba_kernel *k, uint32_t i, struct beba_error *err)
{
    const struct ktable *t = &k->table[i];

    for (uint32_t r = 0; r < t->n_regions; r++) {
        const struct beba_ft *ft = ktable_region(t, r);

        if (ft->magic != BEBA_FT_MAGIC || ft->version != BEBA_FT_VERSION ||
            ft->size > t->map.value_size || ft->check != beba_ft_checksum(ft) ||
            ft->key_size != k->p->table[i].lookup.size || ft->regs_size != k->p->table[i].regs_size)
            return beba_error_set(err, -EINVAL, "the flow table of %s is not that of its program",
                                  k->p->table[i].name);
    }
    return 0;
}

/* The deployment is the one that was opened: not replaced since. */
static int check_same(const struct beba_kernel *k, const char *dir, struct beba_error *err)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);

    if (k->prog[PROG_MAIN] >= 0 && !bpf_obj_get_info_by_fd(k->prog[PROG_MAIN], &info, &size) &&
        info.id == beba_pinned_program(dir, "beba_main"))
        return 0;
    beba_error_set(err, -ESTALE, "%s was replaced or taken away just now", k->name);
    beba_error_hint(err, "try again");
    return -ESTALE;
}

int beba_kernel_bind_maps(struct beba_kernel *k, const struct beba_pipeline *p,
                          struct beba_error *err)
{
    struct visit v = {.k = k, .err = err};
    char dir[PATH_LEN];
    int rc = beba_kernel_shape(k, p, err);

    if (rc)
        return rc;
    k->n_devices = 0;
    snprintf(dir, sizeof(dir), "%s/%s", k->root, k->name);
    v.dir = dir;
    rc = check_same(k, dir, err);
    if (!rc)
        rc = beba_kernel_each(dir, open_one, &v);
    if (!rc)
        rc = beba_kernel_map_all(k, false, err);
    for (uint32_t i = 0; i < p->n_tables && !rc; i++)
        if (k->layout.region[i])
            rc = check_regions(k, i, err);
    return rc;
}

int beba_kernel_bind(struct beba_kernel *k, const struct beba_pipeline *p, struct beba_error *err)
{
    int lock = beba_kernel_lock(k->root, false, false, err), rc;

    if (lock < 0)
        return lock;
    rc = beba_kernel_bind_maps(k, p, err);
    close(lock);
    return rc;
}

static uint64_t memory_of(const struct kmap *m)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    char path[64], line[128];
    uint64_t bytes = 0;
    FILE *f;

    if (m->fd < 0 || bpf_obj_get_info_by_fd(m->fd, &info, &size))
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", m->fd);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, "memlock:", 8))
            bytes = strtoull(line + 8, NULL, 10);
    if (f)
        fclose(f);
    return bytes;
}

void beba_kernel_info(const struct beba_kernel *k, struct beba_kernel_info *out)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);

    *out = (struct beba_kernel_info){
        .name = k->name,
        .file = k->meta.file,
        .text = k->text,
        .text_size = k->meta.text_size,
        .target = (uint8_t)k->meta.target,
        .loaded = k->meta.loaded,
        .device = k->device,
        .n_devices = k->n_devices,
    };
    if (k->prog[PROG_MAIN] >= 0 && !bpf_obj_get_info_by_fd(k->prog[PROG_MAIN], &info, &size))
        out->program_id = info.id;
    for (int i = 0; i < N_KMAPS; i++)
        out->memory += memory_of(&k->map[i]);
    for (uint32_t i = 0; k->p && i < k->p->n_tables; i++)
        out->memory += memory_of(&k->table[i].map);
    for (uint32_t i = 0; k->p && i < k->p->n_sets; i++)
        out->memory += memory_of(&k->set[i]);
}
