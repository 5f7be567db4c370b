/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where everything is in the maps. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "emit/object.h"

enum {
    SMALL_SET = 16,       /* bits of a set's type up to which it is a bitmap */
    SHARED_MAX = 1 << 28, /* bytes of beba_shared */
    CPU_MAX = 1 << 28,    /* bytes of a value of beba_cpu */
    SCRATCH = 4096,       /* bytes: one packet's run, frames, an entry */
};

static uint64_t align(uint64_t v, uint64_t to)
{
    return (v + to - 1) & ~(to - 1);
}

void beba_object_ft_desc(const struct beba_table *t, const char *schema, struct beba_ft_desc *out)
{
    *out = (struct beba_ft_desc){
        .key_size = t->lookup.size,
        .regs_size = t->regs_size,
        .regs_init = t->regs_init,
        .states = t->timeouts,
        .n_states = t->n_states,
        .capacity = t->capacity,
        .full = t->full == BEBA_FULL_EVICT ? BEBA_FT_EVICT : BEBA_FT_REFUSE,
        .schema = schema,
    };
}

static int shared_layout(const struct beba_pipeline *p, struct beba_object_layout *out,
                         struct beba_error *err)
{
    uint64_t at = sizeof(struct beba_object_shared);

    for (uint32_t i = 0; i < p->n_globals; i++) {
        out->global[i] = (uint32_t)at;
        at += p->global[i].type.width > 64 ? 16 : 8;
    }
    for (uint32_t i = 0; i < p->n_sets; i++) {
        if (p->set[i].type.width > SMALL_SET)
            continue;
        out->set[i] = (uint32_t)at;
        at += 65536 / 8;
    }
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];
        uint64_t cells = (uint64_t)(a->rows ? a->rows : 1) * (a->columns ? a->columns : 1);

        out->cell_size[i] = a->type.width <= 32 ? 4 : 8;
        at = align(at, 8);
        out->array[i] = (uint32_t)at;
        at += cells * out->cell_size[i];
        if (at > SHARED_MAX) {
            beba_error_set(err, -E2BIG, "the arrays up to %s take more than %d MB", a->name,
                           SHARED_MAX >> 20);
            beba_error_hint(err, "make it smaller: the kernel takes one piece of memory for all");
            return -E2BIG;
        }
    }
    out->shared_size = align(at, 8);
    return 0;
}

static int cpu_layout(const struct beba_pipeline *p, struct beba_object_layout *out,
                      struct beba_error *err)
{
    uint64_t at = align(sizeof(struct beba_object_cpu), 8);

    out->tables = (uint32_t)at;
    at += p->n_tables * sizeof(struct beba_object_table);
    out->rules = (uint32_t)at;
    at += p->n_rules * sizeof(struct beba_object_counter);
    out->counters = (uint32_t)at;
    at += p->n_counters * sizeof(struct beba_object_counter);
    out->scratch = (uint32_t)at;
    at = align(at + SCRATCH, 64);
    if (at > CPU_MAX)
        return beba_error_set(err, -E2BIG,
                              "the counters of %" PRIu32 " rules do not fit into %d MB", p->n_rules,
                              CPU_MAX >> 20);
    out->cpu_size = (uint32_t)at;
    return 0;
}

/* The most entries whose region is small enough. */
static uint64_t capacity_that_fits(struct beba_ft_desc *desc)
{
    uint64_t low = 1, high = desc->capacity;

    while (low < high) {
        size_t size;

        desc->capacity = low + (high - low + 1) / 2;
        size = beba_ft_footprint(desc);
        if (size && size <= BEBA_OBJECT_REGION_MAX)
            low = desc->capacity;
        else
            high = desc->capacity - 1;
    }
    return low;
}

static int region_layout(const struct beba_table *t, uint64_t *out, struct beba_error *err)
{
    struct beba_strbuf schema = {0};
    struct beba_ft_desc desc;
    int rc = 0;

    *out = 0;
    if (t->lookup.kind == BEBA_KEY_NONE)
        return 0;
    beba_table_schema(&schema, t);
    if (schema.failed) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    beba_object_ft_desc(t, beba_strbuf_str(&schema), &desc);
    *out = beba_ft_footprint(&desc);
    if (!*out || *out > BEBA_OBJECT_REGION_MAX) {
        uint64_t asked = desc.capacity;

        rc = beba_error_set(err, -E2BIG,
                            "%" PRIu64 " flows of machine %s take more than the %d MB that the "
                            "kernel's verifier lets a program reach",
                            asked, t->name, BEBA_OBJECT_REGION_MAX >> 20);
        beba_error_hint(err, "a capacity of %" PRIu64 " fits", capacity_that_fits(&desc));
    }
out:
    beba_strbuf_free(&schema);
    return rc;
}

int beba_object_layout(const struct beba_pipeline *p, struct beba_arena *arena,
                       struct beba_object_layout *out, struct beba_error *err)
{
    int rc;

    memset(out, 0, sizeof(*out));
    out->global = beba_arena_array(arena, p->n_globals + 1ul, sizeof(*out->global));
    out->array = beba_arena_array(arena, p->n_arrays + 1ul, sizeof(*out->array));
    out->cell_size = beba_arena_array(arena, p->n_arrays + 1ul, sizeof(*out->cell_size));
    out->set = beba_arena_array(arena, p->n_sets + 1ul, sizeof(*out->set));
    out->region = beba_arena_array(arena, p->n_tables + 1ul, sizeof(*out->region));
    if (!out->global || !out->array || !out->cell_size || !out->set || !out->region)
        return beba_error_set(err, -ENOMEM, "out of memory");
    rc = shared_layout(p, out, err);
    if (!rc)
        rc = cpu_layout(p, out, err);
    for (uint32_t i = 0; i < p->n_tables && !rc; i++)
        rc = region_layout(&p->table[i], &out->region[i], err);
    return rc;
}
