/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a program starts with: empty tables, globals, sets; ports. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "kernel/internal.h"

static int make_seed(const struct beba_kernel_opts *opts, uint32_t table, uint8_t seed[32],
                     struct beba_error *err)
{
    if (!opts->fixed_seed)
        return getrandom(seed, 32, 0) == 32
                   ? 0
                   : beba_error_set(err, -errno, "the system gives no random numbers");
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = beba_splitmix64(opts->seed + table * 4ull + i);

        memcpy(seed + i * 8, &word, 8);
    }
    return 0;
}

static int fill_table(struct beba_kernel *k, uint32_t i, const struct beba_kernel_opts *opts,
                      struct beba_error *err)
{
    const struct beba_table *t = &k->p->table[i];
    struct ktable *kt = &k->table[i];
    struct beba_strbuf schema = {0};
    struct beba_ft_desc desc;
    uint8_t seed[32];
    int rc = make_seed(opts, i, seed, err);

    beba_table_schema(&schema, t);
    if (schema.failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    beba_object_ft_desc(t, beba_strbuf_str(&schema), &desc);
    for (uint32_t r = 0; r < kt->n_regions && !rc; r++) {
        struct beba_ft *ft;

        rc = beba_ft_new(ktable_region(kt, r), kt->map.value_size, &desc, seed, &ft, err);
        if (!rc)
            ft->undo_off = 1; /* what is in the kernel is not killed between two stores */
    }
    beba_strbuf_free(&schema);
    return rc;
}

int beba_kernel_fill(struct beba_kernel *k, const struct beba_kernel_opts *opts,
                     const struct kernel_reuse *reuse, struct beba_error *err)
{
    const struct beba_pipeline *p = k->p;
    int rc = 0;

    for (uint32_t i = 0; i < p->n_tables && !rc; i++)
        if (k->layout.region[i] && !(reuse && reuse->table[i] >= 0))
            rc = fill_table(k, i, opts, err);
    if (rc || (reuse && reuse->shared))
        return rc;
    for (uint32_t i = 0; i < p->n_globals; i++)
        beba_kernel_set_global(k, i, p->global[i].init);
    if (reuse)
        return 0; /* sets come from the running program */
    for (uint32_t i = 0; i < p->n_sets && !rc; i++)
        for (uint32_t j = 0; j < p->set[i].n_ranges && !rc; j++)
            rc = beba_kset_put(k, i, &p->set[i].range[j]);
    return rc ? beba_kernel_error(err, rc, "fill the program's sets") : 0;
}

int beba_kernel_fill_ports(struct beba_kernel *k, struct beba_error *err)
{
    int rc = 0;

    for (unsigned i = 0; i < k->n_devices && !rc; i++) {
        const struct beba_kernel_device *d = &k->device[i];
        uint32_t value[4] = {d->ifindex}; /* a devmap's may have a program after it */

        if (d->gone)
            continue;
        if (k->map[KMAP_PORTS].fd >= 0)
            rc = bpf_map_update_elem(k->map[KMAP_PORTS].fd, &d->port, value, 0);
        if (!rc && k->map[KMAP_IN_PORT].fd >= 0)
            rc = bpf_map_update_elem(k->map[KMAP_IN_PORT].fd, &d->ifindex, &d->port, 0);
    }
    return rc ? beba_kernel_error(err, rc, "fill the program's ports") : 0;
}
