/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Globals, arrays, sets and counters from a running program to the one that takes its place, by
 * name and type. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

static bool same_type(struct beba_type a, struct beba_type b)
{
    return a.kind == b.kind && a.width == b.width;
}

static bool same_array(const struct beba_array *a, const struct beba_array *b)
{
    return !strcmp(a->name, b->name) && same_type(a->type, b->type) && a->rows == b->rows &&
           a->columns == b->columns;
}

bool beba_kernel_same_shared(const struct beba_pipeline *a, const struct beba_pipeline *b)
{
    if (a->n_globals != b->n_globals || a->n_arrays != b->n_arrays || a->n_sets != b->n_sets)
        return false;
    for (uint32_t i = 0; i < a->n_globals; i++)
        if (strcmp(a->global[i].name, b->global[i].name) != 0 ||
            !same_type(a->global[i].type, b->global[i].type))
            return false;
    for (uint32_t i = 0; i < a->n_arrays; i++)
        if (!same_array(&a->array[i], &b->array[i]))
            return false;
    for (uint32_t i = 0; i < a->n_sets; i++)
        if (strcmp(a->set[i].name, b->set[i].name) != 0 ||
            !same_type(a->set[i].type, b->set[i].type))
            return false;
    return true;
}

static void carry_globals(struct beba_kernel *old, struct beba_kernel *to)
{
    struct beba_u128 v;

    for (uint32_t i = 0; i < to->p->n_globals; i++)
        for (uint32_t j = 0; j < old->p->n_globals; j++) {
            const struct beba_global *a = &old->p->global[j], *b = &to->p->global[i];

            if (strcmp(a->name, b->name) != 0 || !same_type(a->type, b->type))
                continue;
            beba_kernel_global(old, j, &v);
            beba_kernel_set_global(to, i, v);
        }
}

static void carry_arrays(struct beba_kernel *old, struct beba_kernel *to)
{
    for (uint32_t i = 0; i < to->p->n_arrays; i++)
        for (uint32_t j = 0; j < old->p->n_arrays; j++) {
            const struct beba_array *a = &old->p->array[j], *b = &to->p->array[i];
            size_t cells = (size_t)(a->rows ? a->rows : 1) * (a->columns ? a->columns : 1);

            if (same_array(a, b))
                memcpy(to->map[KMAP_SHARED].mem + to->layout.array[i],
                       old->map[KMAP_SHARED].mem + old->layout.array[j],
                       cells * to->layout.cell_size[i]);
        }
}

static bool has_range(const struct beba_set *set, const struct beba_range *range)
{
    for (uint32_t i = 0; i < set->n_ranges; i++)
        if (!beba_u128_cmp(set->range[i].lo, range->lo) &&
            !beba_u128_cmp(set->range[i].hi, range->hi))
            return true;
    return false;
}

/* What is in the set now, less what the old text had and the new one has not, and the other way. */
static int carry_set(struct beba_kernel *old, uint32_t j, struct beba_kernel *to, uint32_t i,
                     bool shared, struct beba_error *err)
{
    const struct beba_set *a = &old->p->set[j], *b = &to->p->set[i];
    struct beba_range *now = NULL;
    int64_t n = beba_kernel_set(old, j, &now, err);
    int rc = n < 0 ? (int)n : 0;

    for (int64_t r = 0; r < n && !rc && !(shared && to->layout.set[i]); r++)
        rc = beba_kset_put(to, i, &now[r]);
    for (uint32_t r = 0; r < a->n_ranges && !rc; r++)
        if (!has_range(b, &a->range[r]))
            rc = beba_kset_drop(to, i, &a->range[r]);
    for (uint32_t r = 0; r < b->n_ranges && !rc; r++)
        if (!has_range(a, &b->range[r]))
            rc = beba_kset_put(to, i, &b->range[r]);
    free(now);
    return rc;
}

static int carry_sets(struct beba_kernel *old, struct beba_kernel *to, bool shared,
                      struct beba_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < to->p->n_sets && !rc; i++) {
        const struct beba_set *b = &to->p->set[i];
        uint32_t j = 0;

        while (j < old->p->n_sets && (strcmp(old->p->set[j].name, b->name) != 0 ||
                                      !same_type(old->p->set[j].type, b->type)))
            j++;
        if (j < old->p->n_sets)
            rc = carry_set(old, j, to, i, shared, err);
        for (uint32_t r = 0; j == old->p->n_sets && r < b->n_ranges && !rc; r++)
            rc = beba_kset_put(to, i, &b->range[r]);
    }
    return rc ? beba_kernel_error(err, rc, "carry the sets over") : 0;
}

/* size bytes of counters of every CPU. */
static void carry_counters(const struct beba_kernel *old, size_t from, struct beba_kernel *to,
                           size_t at, size_t size)
{
    const struct kmap *a = &old->map[KMAP_CPU], *b = &to->map[KMAP_CPU];

    for (uint32_t cpu = 0; cpu < a->max_entries && cpu < b->max_entries; cpu++)
        memcpy(b->mem + (((size_t)b->value_size + 7) & ~(size_t)7) * cpu + at,
               a->mem + (((size_t)a->value_size + 7) & ~(size_t)7) * cpu + from, size);
}

static void carry_table_counters(struct beba_kernel *old, struct beba_kernel *to, uint32_t i,
                                 uint32_t j)
{
    const struct beba_table *a = &old->p->table[j], *b = &to->p->table[i];
    const size_t table = sizeof(struct beba_object_table);
    const size_t rule = sizeof(struct beba_object_counter);

    carry_counters(old, old->layout.tables + j * table, to, to->layout.tables + i * table, table);
    for (uint32_t x = 0; x < b->n_rules; x++)
        for (uint32_t y = 0; y < a->n_rules; y++) {
            const struct beba_rule *p = &a->rule[y], *q = &b->rule[x];

            if (p->state_mask != q->state_mask || strcmp(p->label, q->label) != 0 ||
                (p->state_mask && strcmp(a->state[p->state].name, b->state[q->state].name) != 0))
                continue;
            carry_counters(old, old->layout.rules + p->id * rule, to,
                           to->layout.rules + q->id * rule, rule);
            break;
        }
}

static void carry_all_counters(struct beba_kernel *old, struct beba_kernel *to)
{
    const size_t size = sizeof(struct beba_object_counter);

    carry_counters(old, 0, to, 0, offsetof(struct beba_object_cpu, result));
    for (uint32_t i = 0; i < to->p->n_tables; i++)
        for (uint32_t j = 0; j < old->p->n_tables; j++)
            if (!strcmp(old->p->table[j].name, to->p->table[i].name))
                carry_table_counters(old, to, i, j);
    for (uint32_t i = 0; i < to->p->n_counters; i++)
        for (uint32_t j = 0; j < old->p->n_counters; j++)
            if (!strcmp(old->p->counter[j].name, to->p->counter[i].name))
                carry_counters(old, old->layout.counters + j * size, to,
                               to->layout.counters + i * size, size);
}

int beba_kernel_carry(struct beba_kernel *old, struct beba_kernel *to, bool shared,
                      struct beba_error *err)
{
    if (!shared) {
        carry_globals(old, to);
        carry_arrays(old, to);
    }
    carry_all_counters(old, to);
    return carry_sets(old, to, shared, err);
}
