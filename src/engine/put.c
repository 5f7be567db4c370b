/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Putting flows and values into an engine from outside: from a snapshot, or from the kernel. */
#include <errno.h>
#include <string.h>

#include "engine/held.h"

int beba_engine_put_flow(struct beba_engine *e, const struct beba_flow *flow)
{
    struct flow_key key = {0};
    struct beba_ft_entry *entry;
    struct beba_ft *ft;
    bool evicted;

    if (flow->table >= e->p->n_tables || !e->table[flow->table].ft)
        return -EINVAL;
    ft = e->table[flow->table].ft;
    if (flow->state >= ft->n_states)
        return -EINVAL;
    memcpy(key.word, flow->key, ft->key_size);
    key.hash = beba_ft_hash(ft, key.word);
    if (e->several)
        return beba_held_put(&e->table[flow->table], &key, flow);
    entry = beba_ft_peek(ft, key.word, key.hash);
    if (!entry)
        entry = beba_ft_insert(ft, key.word, key.hash, flow->used, NULL, &evicted);
    if (!entry)
        return -ENOSPC;
    entry->birth = (uint32_t)(flow->born >> 24) << 1 | flow->backward;
    beba_ft_store(ft, entry, flow->state, flow->entered, flow->used, flow->regs);
    return 0;
}

void beba_engine_clear(struct beba_engine *e)
{
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        struct beba_ft *ft = e->table[i].ft;
        struct beba_ft_entry *entry;
        uint64_t cursor = 0;

        if (ft && e->several)
            beba_held_clear(&e->table[i], &e->copy->entry);
        else
            while (ft && (entry = beba_ft_next(ft, &cursor)))
                beba_ft_remove(ft, entry);
    }
}

void beba_engine_set_global(struct beba_engine *e, uint32_t global, struct beba_u128 value)
{
    uint8_t width;

    if (global >= e->p->n_globals)
        return;
    width = e->p->global[global].type.width;
    if (width <= 64)
        value = beba_u128(0, value.lo & beba_mask64(width));
    global_store(e, global, value);
}

void beba_engine_set_cell(struct beba_engine *e, uint32_t array, uint64_t row, uint64_t column,
                          uint64_t value)
{
    struct array *a;
    uint64_t i;

    if (array >= e->p->n_arrays)
        return;
    a = &e->array[array];
    i = array_index(a, row, column);
    cell_store(a, i, value & beba_mask64(e->p->array[array].type.width));
}
