/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A flow table in one value of an array map, and an example of what goes around state/ft_shared.h
 * in BPF. ft_table_test.c runs it. */
#include "base/int.h"

#include "ft_table.h"

/* What linux/bpf.h has, which needs headers of the machine that BPF is not. */
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_F_MMAPABLE = 1 << 10 };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS };

struct xdp_md {
    uint32_t data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

#define SEC(name) __attribute__((section(name), used))

static void *(*const lookup_elem)(void *map, const void *key) = (void *)1;

struct region {
    uint8_t bytes[TABLE_SIZE];
};

struct counters {
    uint64_t lookups, hits, creations, evictions, refusals, expiries, frees, busy;
    uint32_t evicted[4];
};

struct {
    int (*type)[BPF_MAP_TYPE_ARRAY];
    int (*max_entries)[1];
    int (*map_flags)[BPF_F_MMAPABLE];
    uint32_t *key;
    struct region *value;
} flows SEC(".maps");

struct {
    int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
    int (*max_entries)[1];
    uint32_t *key;
    struct counters *value;
} counters SEC(".maps");

_Static_assert(sizeof(struct counters) == COUNTERS_SIZE, "as user space has it");

BEBA_INLINE struct counters *counters_here(void)
{
    uint32_t zero = 0;

    return lookup_elem(&counters, &zero);
}

#define BEBA_FT_COUNT(ft, shape, name, n)            \
    do {                                             \
        struct counters *count_at = counters_here(); \
        if (count_at)                                \
            count_at->name += (n);                   \
    } while (0)
#define BEBA_FT_EVICTED(ft, shape, entry, arg)                      \
    do {                                                            \
        struct counters *count_at = counters_here();                \
        if (count_at)                                               \
            __builtin_memcpy(count_at->evicted, (entry)->body, 16); \
    } while (0)
#define BEBA_FT_TSO 1
#define BEBA_FT_RARE(ft, shape, op, key, hash, now, token, arg) \
    flows_rare(op, (const struct table_key *)(const void *)(key), hash, now, token)

struct table_key {
    uint32_t word[4];
};

uint64_t flows_rare(uint32_t op, const struct table_key *key, uint64_t hash, uint64_t now,
                    uint64_t token);

#include "state/ft_shared.h"

#define SHAPE beba_ft_shape_in(TABLE_KEY, TABLE_REGS, TABLE_STATES, TABLE_SIZE)

/* Verified by itself: what calls it stays small. */
__attribute__((noinline)) uint64_t flows_rare(uint32_t op, const struct table_key *key,
                                              uint64_t hash, uint64_t now, uint64_t token)
{
    uint32_t zero = 0;
    struct beba_ft *ft = lookup_elem(&flows, &zero);

    if (!ft || !key)
        return BEBA_HELD_NOT_HAD;
    return beba_held_rare(ft, SHAPE, (enum beba_held_op)op, key->word, hash, now, token, NULL);
}

/* One packet: counts in the register, state 1 at first, 2 from TABLE_MANY on. */
BEBA_INLINE enum beba_held_answer touch(struct beba_ft *ft, struct command *c)
{
    struct beba_ft_shape shape = SHAPE;
    uint64_t hash = beba_ft_hash_as(ft, shape, c->key), now = c->now;
    struct beba_held held = {0};
    enum beba_held_answer answer = beba_held_take(ft, shape, c->key, hash, true, &held);
    struct beba_seen seen = {.entered = now, .used = now};
    uint64_t reg[TABLE_REGS / 8] = {0};

    if (answer)
        return answer;
    if (held.entry) {
        seen = (struct beba_seen){held.entry->state, held.entry->entered, held.entry->used, 0, 0};
        beba_ft_apply_as(ft, shape, &seen, now);
        if (beba_ft_is_over(ft, &seen))
            beba_held_remove(ft, shape, c->key, hash, &held);
        c->found = !held.entry;
    }
    if (!held.entry && (!c->found || c->state)) {
        answer = beba_held_room(ft, shape, c->key, hash, now, &held);
        if (!answer)
            answer = beba_held_insert(ft, shape, c->key, hash, now, &held);
    }
    if (!answer && held.entry) {
        beba_ft_copy(reg, beba_ft_regs_as(shape, held.entry), TABLE_REGS);
        reg[0]++;
        reg[1] += c->key[0];
        beba_ft_store_as(ft, shape, held.entry, reg[0] < TABLE_MANY ? 1 : 2, now, now, reg);
        c->reg = reg[0];
    }
    beba_held_release(ft, shape, c->key, hash, &held);
    return answer;
}

BEBA_INLINE enum beba_held_answer drop(struct beba_ft *ft, struct command *c)
{
    struct beba_ft_shape shape = SHAPE;
    uint64_t hash = beba_ft_hash_as(ft, shape, c->key);
    struct beba_held held = {0};
    enum beba_held_answer answer = beba_held_take(ft, shape, c->key, hash, false, &held);

    if (answer)
        return answer;
    c->reg = held.entry != NULL;
    if (held.entry)
        beba_held_remove(ft, shape, c->key, hash, &held);
    beba_held_release(ft, shape, c->key, hash, &held);
    return answer;
}

BEBA_INLINE void peek(struct beba_ft *ft, struct command *c)
{
    struct beba_seen seen = {.state = c->state};
    struct beba_ft_shape shape = SHAPE;

    c->found = beba_held_peek(ft, shape, c->key, beba_ft_hash_as(ft, shape, c->key), &seen);
    c->state = seen.state;
}

__attribute__((noinline)) int flows_sweep(uint32_t bucket, uint64_t now)
{
    uint32_t zero = 0;
    struct beba_ft *ft = lookup_elem(&flows, &zero);

    return ft ? beba_held_sweep(ft, SHAPE, bucket, now, NULL) : 0;
}

SEC("xdp") int table_op(struct xdp_md *ctx)
{
    struct command *packet = (struct command *)(long)ctx->data, c;
    uint32_t zero = 0;
    struct beba_ft *ft = lookup_elem(&flows, &zero);

    if (!ft || (void *)(packet + 1) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
    c = *packet;
    switch (c.op) {
    case TABLE_TOUCH:
        c.answer = touch(ft, &c);
        break;
    case TABLE_DROP:
        c.answer = drop(ft, &c);
        break;
    case TABLE_PEEK:
        peek(ft, &c);
        break;
    case TABLE_SWEEP:
        c.found = flows_sweep((uint32_t)c.reg, c.now);
        break;
    }
    if (c.answer == BEBA_HELD_BUSY)
        BEBA_FT_COUNT(ft, SHAPE, busy, 1);
    packet = (struct command *)(long)ctx->data;
    if ((void *)(packet + 1) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
    *packet = c;
    return c.answer == BEBA_HELD_BUSY ? XDP_DROP : XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
