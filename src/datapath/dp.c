/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <urcu-qsbr.h>

#include "base/error.h"
#include "base/hash.h"

enum {
    MAX_WORKERS = 64,
    MANY = 4096, /* removed things are freed together: a grace period takes time */
};

/* Room for one more item of size in a list of cap. */
static int grow(void **items, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? *cap * 2 : 64;
    void *to;

    if (n < *cap)
        return 0;
    to = realloc(*items, more * size);
    if (!to)
        return -ENOMEM;
    *items = to;
    *cap = more;
    return 0;
}

int beba_list_add(struct beba_list *list, void *item)
{
    if (grow((void **)&list->item, list->n, &list->cap, sizeof(*list->item)))
        return -ENOMEM;
    list->item[list->n++] = item;
    return 0;
}

/* --- what was removed ------------------------------------------------------------------------- */

void beba_datapath_later(struct beba_datapath *dp, void (*fn)(void *arg), void *arg)
{
    if (!arg)
        return;
    if (grow((void **)&dp->later, dp->n_later, &dp->cap_later, sizeof(*dp->later))) {
        synchronize_rcu();
        fn(arg);
        return;
    }
    dp->later[dp->n_later++] = (struct beba_later){fn, arg};
}

int beba_datapath_defer(struct beba_datapath *dp, void (*fn)(void *arg), void *arg)
{
    beba_datapath_later(dp, fn, arg);
    return 0;
}

static void take_out(struct beba_datapath *dp, const struct beba_datapath_change *c)
{
    if (c->kind == BEBA_CHANGE_ENTRY_ADDED || c->kind == BEBA_CHANGE_ENTRY_REMOVED)
        beba_entry_take_out(dp, c->what);
    else
        beba_body_take_out(dp, c->what);
}

/* A grace period: frees what was taken out before it, takes out what was removed before it. */
static void reap(struct beba_datapath *dp)
{
    size_t n = dp->n_later, limbo = dp->n_limbo;

    synchronize_rcu();
    for (size_t i = 0; i < n; i++)
        dp->later[i].fn(dp->later[i].arg);
    dp->n_later -= n;
    memmove(dp->later, dp->later + n, dp->n_later * sizeof(*dp->later));
    dp->n_limbo = 0;
    for (size_t i = 0; i < limbo; i++)
        take_out(dp, &dp->limbo[i]);
}

static void reap_some(struct beba_datapath *dp)
{
    if (dp->n_limbo >= MANY || dp->n_later >= MANY)
        reap(dp);
}

/* Room in limbo was made when the change was noted. */
static void into_limbo(struct beba_datapath *dp, const struct beba_datapath_change *c)
{
    dp->limbo[dp->n_limbo++] = *c;
}

/* --- changes ------------------------------------------------------------------------------------
 */

int beba_datapath_note(struct beba_datapath *dp, enum beba_change_kind kind, void *what)
{
    if (grow((void **)&dp->change, dp->n_changes, &dp->cap_changes, sizeof(*dp->change)) ||
        grow((void **)&dp->limbo, dp->n_limbo + dp->n_changes, &dp->cap_limbo, sizeof(*dp->limbo)))
        return -ENOMEM;
    dp->change[dp->n_changes++] = (struct beba_datapath_change){kind, what};
    return 0;
}

void beba_datapath_undo(struct beba_datapath *dp, size_t n)
{
    while (dp->n_changes > n) {
        struct beba_datapath_change c = dp->change[--dp->n_changes];
        switch (c.kind) {
        case BEBA_CHANGE_ENTRY_ADDED:
            beba_entry_unadd(dp, c.what);
            into_limbo(dp, &c);
            break;
        case BEBA_CHANGE_ENTRY_REMOVED:
            beba_entry_unremove(dp, c.what);
            break;
        case BEBA_CHANGE_BODY_ADDED:
            beba_body_unadd(dp, c.what);
            into_limbo(dp, &c);
            break;
        case BEBA_CHANGE_BODY_REMOVED:
            beba_body_unremove(dp, c.what);
            break;
        }
    }
}

static void commit(struct beba_datapath *dp)
{
    size_t n = dp->n_changes;

    if (!n)
        return;
    atomic_store_explicit(&dp->version, beba_datapath_next_version(dp), memory_order_release);
    dp->n_changes = 0;
    for (size_t i = 0; i < n; i++) {
        const struct beba_datapath_change *c = &dp->change[i];
        if (c->kind == BEBA_CHANGE_ENTRY_REMOVED || c->kind == BEBA_CHANGE_BODY_REMOVED)
            into_limbo(dp, c);
        if (c->kind == BEBA_CHANGE_ENTRY_REMOVED)
            beba_entry_tell(dp, c->what);
    }
    reap_some(dp);
}

void beba_datapath_begin(struct beba_datapath *dp)
{
    dp->bundle = true;
}

void beba_datapath_commit(struct beba_datapath *dp)
{
    dp->bundle = false;
    commit(dp);
}

void beba_datapath_rollback(struct beba_datapath *dp)
{
    dp->bundle = false;
    beba_datapath_undo(dp, 0);
    reap_some(dp);
}

int beba_datapath_end(struct beba_datapath *dp, size_t n, int failed)
{
    if (failed)
        beba_datapath_undo(dp, n);
    else if (!dp->bundle)
        commit(dp);
    return failed;
}

/* --- timeouts --------------------------------------------------------------------------------- */

void beba_datapath_expire(struct beba_datapath *dp, uint64_t now)
{
    size_t n = dp->n_changes;

    if (!dp->bundle)
        beba_datapath_end(dp, n, beba_heap_expire(dp, now));
    if (dp->stateful)
        beba_stateful_expire(dp->stateful, now);
    if (dp->n_limbo || dp->n_later)
        reap(dp);
}

void beba_datapath_on_removed(struct beba_datapath *dp,
                              void (*fn)(void *arg, const struct beba_datapath_removed *removed),
                              void *arg)
{
    dp->removed = fn;
    dp->removed_arg = arg;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int fill_opts(struct beba_datapath_opts *o, struct beba_error *err)
{
    if (o->n_workers < 1 || o->n_workers > MAX_WORKERS)
        return beba_error_set(err, -EINVAL, "%u workers: 1 to %d are possible", o->n_workers,
                              MAX_WORKERS);
    o->max_entries = o->max_entries ? o->max_entries : 1u << 20;
    o->max_groups = o->max_groups ? o->max_groups : 4096;
    o->max_meters = o->max_meters ? o->max_meters : 4096;
    o->max_templates = o->max_templates ? o->max_templates : 1024;
    o->max_flows = o->max_flows ? o->max_flows : 1u << 20;
    if (!o->seed && getrandom(&o->seed, sizeof(o->seed), 0) != sizeof(o->seed))
        return beba_error_set(err, -EIO, "the system has no random numbers");
    return 0;
}

static int make_worker(struct beba_datapath *dp, unsigned i)
{
    struct beba_datapath_worker *w = &dp->worker[i];

    w->dp = dp;
    w->index = i;
    w->random = beba_splitmix64(dp->opts.seed + i);
    w->memory = calloc(1, sizeof(*w->memory));
    if (!w->memory)
        return -ENOMEM;
    if (beba_cache_init(&w->memory->cache))
        return -ENOMEM;
    for (unsigned level = 0; level < BEBA_DP_LEVELS; level++) {
        w->memory->level[level] = malloc(BEBA_PACKET_MAX + 2 * BEBA_DP_ROOM);
        if (!w->memory->level[level])
            return -ENOMEM;
    }
    return 0;
}

static int make_workers(struct beba_datapath *dp)
{
    int err = 0;

    dp->worker = calloc(dp->opts.n_workers, sizeof(*dp->worker));
    if (!dp->worker)
        return -ENOMEM;
    for (unsigned i = 0; i < dp->opts.n_workers && !err; i++)
        err = make_worker(dp, i);
    return err;
}

int beba_datapath_new(const struct beba_datapath_opts *opts, struct beba_datapath **out,
                      struct beba_error *err)
{
    struct beba_datapath *dp = calloc(1, sizeof(*dp));
    int r;

    *out = NULL;
    if (!dp)
        return beba_error_set(err, -ENOMEM, "out of memory");
    dp->opts = *opts;
    dp->order = 1;
    dp->version = 1;
    dp->miss_send_len = OFP_DEFAULT_MISS_SEND_LEN;
    beba_groups_init(dp);
    beba_meters_init(dp);
    r = fill_opts(&dp->opts, err);
    if (r)
        goto fail;
    dp->ports = calloc(1, sizeof(*dp->ports));
    r = dp->ports ? make_workers(dp) : -ENOMEM;
    if (r) {
        beba_error_set(err, r, "out of memory");
        goto fail;
    }
    r = beba_stateful_new(dp, &dp->opts, &dp->stateful, err);
    if (r)
        goto fail;
    *out = dp;
    return 0;

fail:
    beba_datapath_free(dp);
    return r;
}

static void free_worker(struct beba_datapath_worker *w)
{
    for (unsigned level = 0; w->memory && level < BEBA_DP_LEVELS; level++)
        free(w->memory->level[level]);
    if (w->memory)
        beba_cache_free(&w->memory->cache);
    free(w->memory);
}

void beba_datapath_free(struct beba_datapath *dp)
{
    if (!dp)
        return;
    beba_datapath_native_free(dp);
    if (dp->stateful)
        beba_stateful_free(dp->stateful);
    beba_datapath_undo(dp, 0);
    while (dp->n_limbo || dp->n_later)
        reap(dp);
    beba_tables_free(dp);
    beba_objects_free(&dp->groups);
    beba_objects_free(&dp->meters);
    while (dp->n_later)
        reap(dp);
    for (unsigned i = 0; dp->worker && i < dp->opts.n_workers; i++)
        free_worker(&dp->worker[i]);
    free(dp->worker);
    free(dp->ports);
    free(dp->wanted);
    free(dp->change);
    free(dp->heap.item);
    free(dp->found.item);
    free(dp->limbo);
    free(dp->later);
    free(dp->limits);
    free(dp);
}

struct beba_datapath_worker *beba_datapath_worker(struct beba_datapath *dp, unsigned i,
                                                  const struct beba_datapath_sink *sink)
{
    if (i >= dp->opts.n_workers)
        return NULL;
    dp->worker[i].sink = *sink;
    return &dp->worker[i];
}

uint64_t beba_datapath_worker_random(struct beba_datapath_worker *w)
{
    return beba_splitmix64(w->random += BEBA_DP_RANDOM_STEP);
}

bool beba_datapath_stateful_table(const struct beba_datapath *dp, uint8_t table)
{
    return table < BEBA_DP_TABLES &&
           atomic_load_explicit(&dp->stateful_table[table], memory_order_acquire);
}

void beba_datapath_set_stateful_table(struct beba_datapath *dp, uint8_t table, bool stateful)
{
    if (table < BEBA_DP_TABLES)
        atomic_store_explicit(&dp->stateful_table[table], stateful, memory_order_release);
    beba_datapath_native_changed(dp);
}

_Atomic uint32_t *beba_datapath_global(struct beba_datapath *dp)
{
    return &dp->global_state;
}

struct beba_stateful *beba_datapath_stateful(struct beba_datapath *dp)
{
    return dp->stateful;
}

void beba_datapath_config(struct beba_datapath *dp, uint16_t flags, uint16_t miss_send_len)
{
    atomic_store_explicit(&dp->config, flags, memory_order_relaxed);
    atomic_store_explicit(&dp->miss_send_len, miss_send_len, memory_order_relaxed);
}
