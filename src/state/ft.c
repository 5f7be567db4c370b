/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "state/ft.h"

#include "base/error.h"
#include "state/ft_layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

_Static_assert(sizeof(struct beba_ft_bucket) == 64, "the tags of a bucket are one cache line");
_Static_assert(sizeof(struct beba_ft_entry) == 24, "the head of an entry");
_Static_assert(offsetof(struct beba_ft_bucket, tag) % 16 == 0, "tags are loaded as vectors");
_Static_assert(sizeof(struct beba_ft) % 64 == 0, "buckets are aligned");

size_t beba_ft_footprint(const struct beba_ft_desc *desc)
{
    struct beba_ft_sizes sizes = beba_ft_desc_sizes(desc);
    struct beba_ft_layout layout;

    return beba_ft_layout(&sizes, &layout) ? 0 : (size_t)layout.size;
}

/* Says which bound a description breaks. */
static int explain(const struct beba_ft_desc *desc, struct beba_error *err)
{
    if (!desc->key_size || desc->key_size > BEBA_FT_KEY_MAX)
        return beba_error_set(err, -EINVAL, "a key of %u bytes: a flow table takes 1 to %d",
                              desc->key_size, BEBA_FT_KEY_MAX);
    if (desc->regs_size > BEBA_FT_REGS_MAX)
        return beba_error_set(err, -EINVAL, "%u bytes of registers: a flow table takes up to %d",
                              desc->regs_size, BEBA_FT_REGS_MAX);
    if (!desc->n_states || desc->n_states > BEBA_FT_STATES_MAX)
        return beba_error_set(err, -EINVAL, "%u states: a flow table takes 1 to %d", desc->n_states,
                              BEBA_FT_STATES_MAX);
    if (!desc->capacity || desc->capacity > UINT32_MAX)
        return beba_error_set(err, -EINVAL,
                              "a capacity of %" PRIu64 " entries: a flow table takes 1 to %u",
                              desc->capacity, UINT32_MAX);
    return beba_error_set(err, -EINVAL, "the description of the flow table is too large");
}

static int check_states(const struct beba_ft_desc *desc, struct beba_error *err)
{
    for (uint32_t i = 0; desc->states && i < desc->n_states; i++) {
        const struct beba_timeouts *t = &desc->states[i];

        if ((t->idle && t->idle_to >= desc->n_states) || (t->hard && t->hard_to >= desc->n_states))
            return beba_error_set(err, -EINVAL,
                                  "a timeout of state %u leads to a state that does not exist", i);
    }
    return 0;
}

static void make_secret(struct beba_ft *ft, const uint8_t seed[32])
{
    uint64_t words[BEBA_FT_WORDS + 3];

    beba_ft_expand(seed, words, BEBA_FT_WORDS + 3);
    memcpy(ft->word, words, sizeof(ft->word));
    ft->mix[0] = words[BEBA_FT_WORDS] | 1;
    ft->mix[1] = words[BEBA_FT_WORDS + 1] | 1;
    ft->turn[0] = (uint32_t)words[BEBA_FT_WORDS + 2] | 1;
    ft->turn[1] = (uint32_t)(words[BEBA_FT_WORDS + 2] >> 32) | 1;
}

int beba_ft_new(void *mem, size_t size, const struct beba_ft_desc *desc, const uint8_t seed[32],
                struct beba_ft **out, struct beba_error *err)
{
    struct beba_ft_sizes sizes = beba_ft_desc_sizes(desc);
    struct beba_ft_layout layout;
    struct beba_ft *ft = mem;
    struct beba_timeouts *states;
    int rc = beba_ft_layout(&sizes, &layout);

    if (rc)
        return explain(desc, err);
    rc = check_states(desc, err);
    if (rc)
        return rc;
    if ((uintptr_t)mem % 64 || size < layout.size)
        return beba_error_set(err, -EINVAL, "the flow table needs %" PRIu64 " bytes aligned to 64",
                              layout.size);
    memset(ft, 0, layout.buckets);
    for (uint64_t i = 0; i < layout.n_buckets && !desc->zeroed; i++)
        memset((uint8_t *)mem + layout.buckets + i * layout.shape.bucket_size, 0,
               sizeof(struct beba_ft_bucket));
    ft->version = BEBA_FT_VERSION;
    ft->full = desc->full;
    ft->size = layout.size;
    ft->capacity = desc->capacity;
    ft->key_size = desc->key_size;
    ft->regs_size = desc->regs_size;
    ft->shape = layout.shape;
    ft->n_buckets = layout.n_buckets;
    ft->n_states = desc->n_states;
    ft->states = layout.states;
    ft->regs_init = layout.regs_init;
    ft->schema = layout.schema;
    ft->buckets = layout.buckets;
    ft->schema_size = sizes.schema_size;
    make_secret(ft, seed);
    states = (struct beba_timeouts *)(void *)((uint8_t *)mem + layout.states);
    if (desc->states)
        memcpy(states, desc->states, desc->n_states * sizeof(*states));
    beba_timeouts_prepare(states, desc->n_states);
    if (desc->regs_init)
        memcpy((uint8_t *)mem + layout.regs_init, desc->regs_init, desc->regs_size);
    if (desc->schema)
        memcpy((uint8_t *)mem + layout.schema, desc->schema, sizes.schema_size);
    ft->magic = BEBA_FT_MAGIC;
    ft->check = beba_ft_checksum(ft);
    *out = ft;
    return 0;
}

uint64_t beba_ft_entries(const struct beba_ft *ft)
{
    return ft->count;
}

uint64_t beba_ft_capacity(const struct beba_ft *ft)
{
    return ft->capacity;
}

const struct beba_ft_counters *beba_ft_counters(const struct beba_ft *ft)
{
    return &ft->counters;
}

const char *beba_ft_schema(const struct beba_ft *ft)
{
    return (const char *)ft + ft->schema;
}

struct beba_ft_entry *beba_ft_next(struct beba_ft *ft, uint64_t *cursor)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);

    for (uint64_t i = *cursor / BEBA_FT_SLOTS; i < ft->n_buckets; i++) {
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, i);
        uint32_t from = i == *cursor / BEBA_FT_SLOTS ? *cursor % BEBA_FT_SLOTS : 0;
        uint32_t used = ~beba_ft_match(b, 0) & 0xffffu & ~0u << from, slot;

        if (!used)
            continue;
        slot = (uint32_t)__builtin_ctz(used);
        *cursor = i * BEBA_FT_SLOTS + slot + 1;
        return beba_ft_entry_at(b, shape, slot);
    }
    *cursor = (uint64_t)ft->n_buckets * BEBA_FT_SLOTS;
    return NULL;
}

/* Applies the due timeouts of one entry; true when that freed it. */
static bool expire(struct beba_ft *ft, struct beba_ft_shape shape, struct beba_ft_bucket *b,
                   uint32_t slot, uint64_t now, beba_ft_expiry_fn fn, void *arg)
{
    struct beba_ft_entry *e = beba_ft_entry_at(b, shape, slot);
    struct beba_seen seen = {.state = e->state, .entered = e->entered, .used = e->used};
    struct beba_ft_expiry expiry;

    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
    if (!seen.expired)
        return false;
    expiry = (struct beba_ft_expiry){
        .entry = e,
        .from = e->state,
        .to = seen.state,
        .deadline = seen.deadline,
        .freed = beba_ft_is_over(ft, &seen),
    };
    ft->counters.expiries++;
    if (fn)
        fn(arg, &expiry);
    if (!expiry.freed) {
        beba_ft_store_as(ft, shape, e, seen.state, seen.entered, seen.used, NULL);
        return false;
    }
    beba_ft_unlink(ft, shape, b, slot, beba_ft_hash_entry(ft, shape, e));
    ft->counters.frees++;
    return true;
}

uint64_t beba_ft_sweep(struct beba_ft *ft, uint32_t n_buckets, uint64_t now, beba_ft_expiry_fn fn,
                       void *arg)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    uint64_t freed = 0;

    if (n_buckets > ft->n_buckets)
        n_buckets = ft->n_buckets;
    for (uint32_t i = 0; i < n_buckets; i++) {
        uint64_t at = ft->sweep < ft->n_buckets ? ft->sweep : 0;
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, at);
        uint32_t used = ~beba_ft_match(b, 0) & 0xffffu;

        for (; used; used &= used - 1)
            freed += expire(ft, shape, b, (uint32_t)__builtin_ctz(used), now, fn, arg);
        ft->sweep = at + 1;
    }
    return freed;
}
