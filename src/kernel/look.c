/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking into the mapped maps while packets run. */
#include <errno.h>
#include <string.h>

#include "kernel/internal.h"

enum { REGION_SHIFT = 40 }; /* of a cursor: bits below are the region's own */

static size_t cpu_offset(const struct kmap *m, uint32_t cpu)
{
    return (((size_t)m->value_size + 7) & ~(size_t)7) * cpu;
}

static const uint8_t *cpu_block(const struct beba_kernel *k, uint32_t cpu)
{
    const struct kmap *m = &k->map[KMAP_CPU];

    return m->mem + cpu_offset(m, cpu);
}

/* Sum over the CPUs of the i-th of n words at an offset. */
static uint64_t sum(const struct beba_kernel *k, size_t offset)
{
    uint64_t total = 0;

    for (uint32_t cpu = 0; cpu < k->map[KMAP_CPU].max_entries; cpu++)
        total += __atomic_load_n((const uint64_t *)(const void *)(cpu_block(k, cpu) + offset),
                                 __ATOMIC_RELAXED);
    return total;
}

#define SUM_HEAD(k, field) sum(k, offsetof(struct beba_object_cpu, field))

void beba_kernel_stats(struct beba_kernel *k, struct beba_kernel_stats *out)
{
    uint64_t others = 0;

    memset(out, 0, sizeof(*out));
    out->engine.bytes = SUM_HEAD(k, bytes);
    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        out->engine.packets += out->engine.verdict[i] = SUM_HEAD(k, verdict[i]);
    for (unsigned i = BEBA_REASON_RULE + 1; i < BEBA_OBJECT_REASONS; i++) {
        uint64_t n = SUM_HEAD(k, reason[i]);

        others += n;
        if (i < BEBA_N_REASONS)
            out->engine.reason[i] = n;
    }
    /* counted after the verdict: none is missing */
    out->engine.reason[BEBA_REASON_RULE] =
        out->engine.packets > others ? out->engine.packets - others : 0;
    out->engine.events_lost = SUM_HEAD(k, events_lost);
    out->engine.mirrors_lost = SUM_HEAD(k, mirrors_lost);
    out->engine.edit_failed = SUM_HEAD(k, edit_failed);
    out->busy = SUM_HEAD(k, reason[BEBA_OBJECT_REASON_BUSY]);
    out->broken = SUM_HEAD(k, reason[BEBA_OBJECT_REASON_BROKEN]);
    out->redirect_failed = SUM_HEAD(k, redirect_failed);
}

int beba_kernel_table(struct beba_kernel *k, uint32_t table, struct beba_table_stats *out)
{
    const struct ktable *t;
    size_t at;

    memset(out, 0, sizeof(*out));
    if (table >= k->p->n_tables)
        return -ENOENT;
    t = &k->table[table];
    at = k->layout.tables + table * sizeof(struct beba_object_table);
#define SUM_TABLE(field) sum(k, at + offsetof(struct beba_object_table, field))
    out->no_key = SUM_TABLE(no_key);
    out->counters = (struct beba_ft_counters){
        .hits = SUM_TABLE(hits),
        .creations = SUM_TABLE(creations),
        .evictions = SUM_TABLE(evictions),
        .refusals = SUM_TABLE(refusals),
        .expiries = SUM_TABLE(expiries),
        .frees = SUM_TABLE(frees),
    };
    out->counters.lookups = out->counters.hits + SUM_TABLE(misses);
#undef SUM_TABLE
    for (uint32_t r = 0; r < t->n_regions; r++) {
        const struct beba_ft *ft = ktable_region(t, r);

        out->entries += __atomic_load_n(&ft->count, __ATOMIC_RELAXED);
        out->capacity += ft->capacity;
        out->memory += ft->size;
    }
    return 0;
}

static void counter_at(const struct beba_kernel *k, size_t offset, struct beba_rule_counters *out)
{
    out->packets = sum(k, offset + offsetof(struct beba_object_counter, packets));
    out->bytes = sum(k, offset + offsetof(struct beba_object_counter, bytes));
}

void beba_kernel_rule(struct beba_kernel *k, uint32_t rule, struct beba_rule_counters *out)
{
    memset(out, 0, sizeof(*out));
    if (rule < k->p->n_rules)
        counter_at(k, k->layout.rules + rule * sizeof(struct beba_object_counter), out);
}

void beba_kernel_counter(struct beba_kernel *k, uint32_t counter, struct beba_rule_counters *out)
{
    memset(out, 0, sizeof(*out));
    if (counter < k->p->n_counters)
        counter_at(k, k->layout.counters + counter * sizeof(struct beba_object_counter), out);
}

/* Flows -------------------------------------------------------------------------------------- */

bool beba_kernel_next_flow(struct beba_kernel *k, uint32_t table, uint64_t now, uint64_t *cursor,
                           struct beba_flow *out)
{
    const struct ktable *t;
    uint64_t low = (1ull << REGION_SHIFT) - 1;

    if (table >= k->p->n_tables || !k->layout.region[table])
        return false;
    t = &k->table[table];
    for (uint64_t r = *cursor >> REGION_SHIFT; r < t->n_regions; *cursor = ++r << REGION_SHIFT) {
        struct beba_ft *ft = ktable_region(t, (uint32_t)r);
        struct beba_ft_entry *copy = (struct beba_ft_entry *)(void *)k->entry;
        uint64_t at = *cursor & low;

        while (beba_ft_next(ft, &at)) {
            *cursor = r << REGION_SHIFT | at;
            if (beba_entry_copy(ft, at - 1, copy) && beba_flow_of_entry(ft, table, copy, now, out))
                return true;
        }
    }
    return false;
}

bool beba_kernel_flow_of_key(struct beba_kernel *k, uint32_t table, const void *key, uint64_t now,
                             struct beba_flow *out)
{
    struct beba_ft_entry *copy = (struct beba_ft_entry *)(void *)k->entry;
    uint32_t padded[BEBA_FT_KEY_MAX / 4] = {0};
    const struct ktable *t;

    if (table >= k->p->n_tables || !k->layout.region[table])
        return false;
    t = &k->table[table];
    memcpy(padded, key, k->p->table[table].lookup.size);
    for (uint32_t r = 0; r < t->n_regions; r++) {
        struct beba_ft *ft = ktable_region(t, r);
        struct beba_ft_shape shape = beba_ft_shape_of(ft);
        const struct beba_ft_entry *e = beba_ft_peek(ft, padded, beba_ft_hash(ft, padded));
        uint64_t at, bucket;

        if (!e)
            continue;
        at = (uint64_t)((uintptr_t)e - (uintptr_t)ft) - ft->buckets;
        bucket = at / shape.bucket_size;
        at = (at % shape.bucket_size - sizeof(struct beba_ft_bucket)) / shape.stride;
        if (beba_entry_copy(ft, bucket * BEBA_FT_SLOTS + at, copy) &&
            beba_ft_same_key(copy->body, padded, shape.words) &&
            beba_flow_of_entry(ft, table, copy, now, out))
            return true;
    }
    return false;
}

/* Globals and arrays -------------------------------------------------------------------------- */

static uint64_t *global_at(const struct beba_kernel *k, uint32_t global)
{
    return (uint64_t *)(void *)(k->map[KMAP_SHARED].mem + k->layout.global[global]);
}

void beba_kernel_global(struct beba_kernel *k, uint32_t global, struct beba_u128 *out)
{
    const uint64_t *at;

    *out = beba_u128(0, 0);
    if (global >= k->p->n_globals)
        return;
    at = global_at(k, global);
    if (k->p->global[global].type.width > 64)
        *out = beba_u128(at[0], at[1]);
    else
        out->lo = __atomic_load_n(at, __ATOMIC_RELAXED);
}

static struct beba_object_shared *writable(struct beba_kernel *k)
{
    struct kmap *m = &k->map[KMAP_SHARED];

    return beba_kmap_map(m, true) ? NULL : (struct beba_object_shared *)(void *)m->mem;
}

void beba_kernel_set_global(struct beba_kernel *k, uint32_t global, struct beba_u128 value)
{
    uint64_t *at;

    if (global >= k->p->n_globals || !writable(k))
        return;
    at = global_at(k, global);
    if (k->p->global[global].type.width > 64) {
        at[0] = value.hi;
        at[1] = value.lo;
    } else {
        __atomic_store_n(at, value.lo & beba_mask64(k->p->global[global].type.width),
                         __ATOMIC_RELAXED);
    }
}

static uint8_t *cell_at(const struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column)
{
    const struct beba_array *a = &k->p->array[array];
    uint64_t rows = a->rows ? a->rows : 1, columns = a->columns ? a->columns : 1;

    return k->map[KMAP_SHARED].mem + k->layout.array[array] +
           (row % rows * columns + column % columns) * k->layout.cell_size[array];
}

uint64_t beba_kernel_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column)
{
    const void *at;

    if (array >= k->p->n_arrays)
        return 0;
    at = cell_at(k, array, row, column);
    return k->layout.cell_size[array] == 4
               ? __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED)
               : __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
}

void beba_kernel_set_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column,
                          uint64_t value)
{
    void *at;

    if (array >= k->p->n_arrays || !writable(k))
        return;
    at = cell_at(k, array, row, column);
    value &= beba_mask64(k->p->array[array].type.width);
    if (k->layout.cell_size[array] == 4)
        __atomic_store_n((uint32_t *)at, (uint32_t)value, __ATOMIC_RELAXED);
    else
        __atomic_store_n((uint64_t *)at, value, __ATOMIC_RELAXED);
}

void beba_kernel_sample(struct beba_kernel *k, uint32_t every, uint64_t until)
{
    struct kmap *m = &k->map[KMAP_CPU];

    if (beba_kmap_map(m, true))
        return;
    for (uint32_t cpu = 0; cpu < m->max_entries; cpu++) {
        struct beba_object_cpu *head =
            (struct beba_object_cpu *)(void *)(m->mem + cpu_offset(m, cpu));

        __atomic_store_n(&head->sample_until, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&head->sample_every, every ? every : 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&head->sample_until, every ? until : 0, __ATOMIC_SEQ_CST);
    }
}

void beba_kernel_all_events(struct beba_kernel *k, bool all)
{
    struct beba_object_shared *shared = writable(k);

    if (shared)
        __atomic_store_n(&shared->all_events, all, __ATOMIC_SEQ_CST);
}
