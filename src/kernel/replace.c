/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A new program in the place of a running one. docs/kernel.md says why in this order. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/internal.h"

/* Copies between which at most this many flows changed are good enough: the rest is put after the
 * swap. */
enum { CALM = 64, COPIES = 8 };

struct repin {
    const char *from, *to;
    struct beba_error *err;
};

/* What is attached is pinned a second time. */
static int repin(void *arg, const char *name)
{
    const struct repin *r = arg;
    struct beba_kernel_device d;
    char path[PATH_LEN];
    int fd, rc;

    if (!beba_point_parse(name, &d))
        return 0;
    snprintf(path, sizeof(path), "%s/%s", r->from, name);
    fd = bpf_obj_get(path);
    if (fd < 0)
        return beba_kernel_error(r->err, fd, "open what is attached");
    rc = beba_kernel_pin(fd, r->to, name, r->err);
    close(fd);
    return rc;
}

/* Waits until no packet runs the old program any more. */
static void settle(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        usleep(50000);
}

static int take_gate(struct beba_kernel *k, const struct beba_kernel *old, struct beba_error *err)
{
    int next = fcntl(old->map[KMAP_NEXT].fd, F_DUPFD_CLOEXEC, 3);
    int rc = beba_kmap_take(&k->map[KMAP_NEXT], next < 0 ? -errno : next);

    k->prog[PROG_GATE] = fcntl(old->prog[PROG_GATE], F_DUPFD_CLOEXEC, 3);
    memcpy(k->device, old->device, sizeof(k->device));
    k->n_devices = old->n_devices;
    return rc || k->prog[PROG_GATE] < 0
               ? beba_kernel_error(err, rc ? rc : -EBADF, "take over the gate")
               : 0;
}

static int lossy(const struct beba_kernel_carried *carried, const char *name,
                 struct beba_error *err)
{
    beba_error_set(err, -ESTALE, "%s (%llu flow%s)%s", carried->loss[0].what,
                   (unsigned long long)carried->loss[0].flows,
                   carried->loss[0].flows == 1 ? "" : "s", carried->losses > 1 ? ", and more" : "");
    beba_error_where(err, "%s", name);
    beba_error_hint(err, "--drop-state replaces the program without what cannot be carried over");
    return -ESTALE;
}

/* The swap, and what comes after it. */
static int swap(struct beba_kernel *old, struct beba_kernel *k, struct migration *m,
                const struct beba_kernel_opts *opts, struct beba_error *err)
{
    char fresh[BEBA_KERNEL_NAME + 8], from[PATH_LEN], to[PATH_LEN];
    struct repin r = {from, to, err};
    uint64_t failed;
    int rc;

    snprintf(fresh, sizeof(fresh), "%s" NEW_SUFFIX, old->name);
    snprintf(from, sizeof(from), "%s/%s", old->root, old->name);
    snprintf(to, sizeof(to), "%s/%s", old->root, fresh);
    if (mkdir(to, 0700))
        return beba_kernel_error(err, -errno, "write to the BPF file system");
    rc = beba_kernel_pin_all(k, to, err);
    if (!rc)
        rc = beba_kernel_each(from, repin, &r);
    for (int i = 0; i < COPIES && !rc; i++)
        if (beba_migration_copy(m, k) <= CALM)
            break;
    if (!rc)
        rc = beba_kernel_carry(old, k, beba_migration_reuse(m)->shared, err);
    if (!rc) {
        rc = beba_gate_set(k->map[KMAP_NEXT].fd, k->prog[PROG_MAIN]);
        if (rc)
            beba_kernel_error(err, rc, "swap the programs");
    }
    if (rc) {
        beba_kernel_remove(old->root, fresh, false, NULL);
        return rc;
    }
    settle();
    failed = beba_migration_finish(m, k);
    if (failed)
        beba_kernel_warn(opts, "%llu flows changed while they were copied and could not be updated",
                         (unsigned long long)failed);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE))
        return beba_kernel_error(err, -errno, "name the new program");
    beba_kernel_remove(old->root, fresh, false, NULL);
    return 0;
}

static int prepare(const void *object, size_t size, const struct beba_pipeline *p,
                   const struct beba_kernel_opts *given, const struct beba_kernel *old,
                   const struct migration *m, struct beba_kernel **out, struct beba_error *err)
{
    struct beba_kernel_port port[BEBA_KERNEL_DEVICES];
    struct beba_kernel_opts opts = *given;
    int rc;

    for (unsigned i = 0; i < old->n_devices; i++)
        port[i] = (struct beba_kernel_port){old->device[i].name, old->device[i].port};
    opts.port = port;
    opts.n_ports = old->n_devices;
    rc = beba_kernel_load_object(object, size, p, &opts, old->root, old->name,
                                 beba_migration_reuse(m), out, err);
    if (!rc)
        rc = take_gate(*out, old, err);
    if (!rc)
        rc = beba_kernel_fill_ports(*out, err);
    return rc;
}

int beba_kernel_replace(const void *object, size_t size, const struct beba_pipeline *p,
                        const struct beba_pipeline *old_p, const struct beba_kernel_opts *opts,
                        struct beba_kernel_carried *carried, struct beba_error *err)
{
    char root[ROOT_MAX], name[BEBA_KERNEL_NAME];
    struct beba_kernel *old = NULL, *k = NULL;
    struct migration *m = NULL;
    struct beba_table_stats stats;
    int rc = beba_kernel_root(opts->root, root, err), lock;

    memset(carried, 0, sizeof(*carried));
    if (!rc)
        rc = beba_kernel_name_of(opts->name, p, name, err);
    if (rc)
        return rc;
    lock = beba_kernel_lock(root, true, false, err);
    if (lock < 0)
        return lock;
    rc = beba_kernel_open_at(root, name, &old, err);
    if (!rc)
        rc = beba_kernel_bind_maps(old, old_p, err);
    if (!rc)
        rc = beba_migration_new(old, p, &m, err);
    if (!rc)
        beba_migration_losses(m, carried);
    if (!rc && carried->losses && !opts->drop_state)
        rc = lossy(carried, name, err);
    if (!rc)
        rc = prepare(object, size, p, opts, old, m, &k, err);
    if (!rc)
        rc = swap(old, k, m, opts, err);
    for (uint32_t i = 0; !rc && i < p->n_tables; i++)
        if (!beba_kernel_table(k, i, &stats))
            carried->flows += stats.entries;
    beba_migration_free(m);
    beba_kernel_close(k);
    beba_kernel_close(old);
    close(lock);
    return rc;
}
