/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The maps and programs of a deployment: descriptors, sizes, mappings, pins. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/internal.h"
#include "state/ft_layout.h"

const char *const beba_map_names[N_KMAPS] = {
    [KMAP_META] = "beba_meta",   [KMAP_SHARED] = "beba_shared",   [KMAP_CPU] = "beba_cpu",
    [KMAP_PORTS] = "beba_ports", [KMAP_IN_PORT] = "beba_in_port", [KMAP_EVENTS] = "beba_events",
    [KMAP_NEXT] = "beba_next",   [KMAP_MAINS] = "beba_mains",     [KMAP_CONTROLS] = "beba_controls",
};
const char *const beba_prog_names[N_PROGS] = {
    [PROG_MAIN] = "beba_main",
    [PROG_CONTROL] = "beba_control",
    [PROG_GATE] = "beba_gate",
};

int beba_kmap_take(struct kmap *m, int fd)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    int rc = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &size);

    if (rc) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    beba_kmap_drop(m);
    m->fd = fd;
    m->key_size = info.key_size;
    m->value_size = info.value_size;
    m->max_entries = info.max_entries;
    return 0;
}

int beba_kmap_map(struct kmap *m, bool write)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (((size_t)m->value_size + 7) & ~(size_t)7) * m->max_entries;
    void *mem;

    if (m->fd < 0 || (m->mem && (m->writable || !write)))
        return 0;
    size = (size + page - 1) & ~(page - 1);
    mem = mmap(NULL, size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, m->fd, 0);
    if (mem == MAP_FAILED)
        return -errno;
    if (m->mem)
        munmap(m->mem, m->size);
    m->mem = mem;
    m->size = size;
    m->writable = write;
    return 0;
}

void beba_kmap_drop(struct kmap *m)
{
    if (m->mem)
        munmap(m->mem, m->size);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct kmap){.fd = -1};
}

struct beba_kernel *beba_kernel_alloc(const char *root, const char *name, struct beba_error *err)
{
    struct beba_kernel *k = calloc(1, sizeof(*k));

    if (!k) {
        beba_error_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    snprintf(k->root, sizeof(k->root), "%s", root);
    snprintf(k->name, sizeof(k->name), "%s", name);
    for (int i = 0; i < N_KMAPS; i++)
        k->map[i].fd = -1;
    for (int i = 0; i < N_PROGS; i++)
        k->prog[i] = -1;
    return k;
}

int beba_kernel_shape(struct beba_kernel *k, const struct beba_pipeline *p, struct beba_error *err)
{
    int rc = beba_object_layout(p, &k->arena, &k->layout, err);

    if (rc)
        return rc;
    k->table = beba_arena_array(&k->arena, p->n_tables + 1ul, sizeof(*k->table));
    k->set = beba_arena_array(&k->arena, p->n_sets + 1ul, sizeof(*k->set));
    if (!k->table || !k->set)
        return beba_error_set(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < p->n_tables; i++)
        k->table[i].map.fd = -1;
    for (uint32_t i = 0; i < p->n_sets; i++)
        k->set[i].fd = -1;
    k->p = p;
    return 0;
}

void beba_kernel_close(struct beba_kernel *k)
{
    if (!k)
        return;
    beba_kernel_events(k, 0, NULL, NULL, NULL);
    for (uint32_t i = 0; k->p && k->table && i < k->p->n_tables; i++)
        beba_kmap_drop(&k->table[i].map);
    for (uint32_t i = 0; k->p && k->set && i < k->p->n_sets; i++)
        beba_kmap_drop(&k->set[i]);
    for (int i = 0; i < N_KMAPS; i++)
        beba_kmap_drop(&k->map[i]);
    for (int i = 0; i < N_PROGS; i++)
        if (k->prog[i] >= 0)
            close(k->prog[i]);
    free(k->text);
    beba_arena_free(&k->arena);
    free(k);
}

/* "flows_12": 12 when below n, else -1. */
static long numbered(const char *name, const char *prefix, uint32_t n)
{
    size_t len = strlen(prefix);
    unsigned long i;
    char *end;

    if (strncmp(name, prefix, len) != 0 || name[len] < '0' || name[len] > '9')
        return -1;
    i = strtoul(name + len, &end, 10);
    return *end || i >= n ? -1 : (long)i;
}

struct kmap *beba_kernel_map_of(struct beba_kernel *k, const char *name)
{
    long i;

    for (int m = 0; m < N_KMAPS; m++)
        if (!strcmp(name, beba_map_names[m]))
            return &k->map[m];
    if (!k->p)
        return NULL;
    i = numbered(name, "flows_", k->p->n_tables);
    if (i >= 0 && k->layout.region[i])
        return &k->table[i].map;
    i = numbered(name, "set_", k->p->n_sets);
    return i >= 0 && !k->layout.set[i] ? &k->set[i] : NULL;
}

static int map_one(struct kmap *m, bool write, const char *name, uint64_t least,
                   struct beba_error *err)
{
    int rc;

    if (m->fd < 0 || m->value_size < least)
        return beba_error_set(err, -EINVAL, "%s %s: it was made by another version of beba", name,
                              m->fd < 0 ? "is missing" : "is too small");
    rc = beba_kmap_map(m, write);
    return rc ? beba_kernel_error(err, rc, "map the program's memory") : 0;
}

int beba_kernel_map_all(struct beba_kernel *k, bool write, struct beba_error *err)
{
    const struct beba_object_layout *l = &k->layout;
    bool shared = l->shared_size > sizeof(struct beba_object_shared);
    char name[32];
    int rc = 0;

    if (shared || k->map[KMAP_SHARED].fd >= 0)
        rc = map_one(&k->map[KMAP_SHARED], write, "beba_shared", l->shared_size, err);
    if (!rc)
        rc = map_one(&k->map[KMAP_CPU], write, "beba_cpu", l->cpu_size, err);
    for (uint32_t i = 0; i < k->p->n_tables && !rc; i++) {
        struct ktable *t = &k->table[i];

        if (!l->region[i])
            continue;
        snprintf(name, sizeof(name), "flows_%u", i);
        rc = map_one(&t->map, write, name, l->region[i], err);
        t->n_regions = t->map.max_entries;
        t->stride = ((size_t)t->map.value_size + 7) & ~(size_t)7;
    }
    return rc;
}

int beba_kernel_pin_all(const struct beba_kernel *k, const char *dir, struct beba_error *err)
{
    char name[32];
    int rc = 0;

    for (int i = 0; i < N_PROGS && !rc; i++)
        if (k->prog[i] >= 0)
            rc = beba_kernel_pin(k->prog[i], dir, beba_prog_names[i], err);
    for (int i = 0; i < N_KMAPS && !rc; i++)
        if (k->map[i].fd >= 0)
            rc = beba_kernel_pin(k->map[i].fd, dir, beba_map_names[i], err);
    for (uint32_t i = 0; i < k->p->n_tables && !rc; i++) {
        snprintf(name, sizeof(name), "flows_%u", i);
        if (k->table[i].map.fd >= 0)
            rc = beba_kernel_pin(k->table[i].map.fd, dir, name, err);
    }
    for (uint32_t i = 0; i < k->p->n_sets && !rc; i++) {
        snprintf(name, sizeof(name), "set_%u", i);
        if (k->set[i].fd >= 0)
            rc = beba_kernel_pin(k->set[i].fd, dir, name, err);
    }
    return rc;
}

bool beba_entry_copy(struct beba_ft *ft, uint64_t index, void *room)
{
    enum { TRIES = 1000 };
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, index / BEBA_FT_SLOTS);
    uint32_t slot = index % BEBA_FT_SLOTS;
    const struct beba_ft_entry *e = beba_ft_entry_at(b, shape, slot);

    for (int i = 0; i < TRIES; i++) { /* the lock is odd while taken, and another number after */
        uint32_t before = __atomic_load_n(&b->lock, __ATOMIC_ACQUIRE);
        uint16_t tag = __atomic_load_n(&b->tag[slot], __ATOMIC_ACQUIRE);

        if (before & 1)
            continue;
        if (!tag)
            return false;
        memcpy(room, e, shape.stride);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        /* Tables of one region a CPU have no locks: there the second look must see the same. */
        if (__atomic_load_n(&b->lock, __ATOMIC_ACQUIRE) == before && b->tag[slot] == tag &&
            !memcmp(room, e, shape.stride))
            return true;
    }
    return true; /* in use without end: as good as it gets */
}
