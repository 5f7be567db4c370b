/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Shows that ft_core.h compiles for BPF, with header and buckets in two maps: compiled by the
 * tests, never loaded. */
#include "base/int.h"

/* What the kernel gives: helper 1, bpf_map_lookup_elem. */
static void *(*const lookup_elem)(void *map, const void *key) = (void *)1;

struct map {
    uint64_t type, key, value, max_entries;
};

static struct map head_map __attribute__((section(".maps"), used));
static struct map bucket_map __attribute__((section(".maps"), used));

#define BEBA_FT_BUCKET(ft, shape, index) bucket_at(index)
#define BEBA_FT_STATES(ft)               ((const struct beba_timeouts *)((ft) + 1))
#define BEBA_FT_REGS_INIT(ft)            ((const uint8_t *)((ft) + 1) + 2 * sizeof(struct beba_timeouts))

struct beba_ft_bucket;

BEBA_INLINE struct beba_ft_bucket *bucket_at(uint32_t index)
{
    return lookup_elem(&bucket_map, &index);
}

#include "state/ft_core.h"

__attribute__((section("xdp"), used)) int packet(const uint32_t *context)
{
    struct beba_ft_shape shape = beba_ft_shape(13, 8);
    uint32_t zero = 0, key[4] = {context[0], context[1], context[2], 6};
    struct beba_ft *ft = lookup_elem(&head_map, &zero);
    uint64_t now = context[3], hash, count;
    struct beba_ft_entry *e;
    struct beba_seen seen;
    bool evicted;

    if (!ft)
        return 0;
    hash = beba_ft_hash_as(ft, shape, key);
    e = beba_ft_find_as(ft, shape, key, hash);
    if (!e) {
        if (!beba_ft_room_as(ft, shape, hash, now))
            return 1;
        e = beba_ft_insert_as(ft, shape, key, hash, now, NULL, &evicted);
        if (!e)
            return 1;
    }
    seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
    beba_timeouts_apply(BEBA_FT_STATES(ft), 2, &seen, now);
    if (beba_ft_is_over(ft, &seen)) {
        beba_ft_remove_as(ft, shape, e);
        return 2;
    }
    __builtin_memcpy(&count, beba_ft_regs_as(shape, e), 8);
    count++;
    if (beba_ft_is_initial_as(ft, shape, 1, &count))
        return 3;
    beba_ft_store_as(ft, shape, e, 1, now, now, &count);
    return 2;
}
