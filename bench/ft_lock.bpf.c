/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet that counts in a register of its flow, in the four ways that ft_lock_bench.c compares.
 */
#include "base/int.h"

#include "ft_lock.h"

#define SEC(name) __attribute__((section(name), used))

/* What linux/bpf.h has, which needs headers of the machine that BPF is not. */
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_F_MMAPABLE = 1 << 10, XDP_DROP = 1, XDP_PASS = 2 };

struct xdp_md {
    uint32_t data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

static void *(*const lookup_elem)(void *map, const void *key) = (void *)1;
static uint32_t (*const processor)(void) = (void *)8;

struct region {
    uint8_t bytes[LOCK_SIZE];
};

struct line {
    uint64_t random, lost, spare[14];
};

struct {
    int (*type)[BPF_MAP_TYPE_ARRAY];
    int (*max_entries)[LOCK_CPUS];
    int (*map_flags)[BPF_F_MMAPABLE];
    uint32_t *key;
    struct region *value;
} flows SEC(".maps");

struct {
    int (*type)[BPF_MAP_TYPE_ARRAY];
    int (*max_entries)[LOCK_CPUS];
    uint32_t *key;
    struct line *value;
} lines SEC(".maps");

struct flow_key {
    uint32_t word[4];
};

#define BEBA_FT_COUNT(ft, shape, name, n) ((void)0)
#define BEBA_FT_TSO                       1
#define BEBA_FT_RARE(ft, shape, op, key, hash, now, token, arg) \
    rare((op) | (shape).lone << 8 | (shape).table << 9,         \
         (const struct flow_key *)(const void *)(key), hash, now, token)

uint64_t rare(uint32_t op, const struct flow_key *key, uint64_t hash, uint64_t now, uint64_t token);

#include "state/ft_shared.h"

#define SHAPE beba_ft_shape_in(LOCK_KEY, LOCK_REGS, 1, LOCK_SIZE)

/* op: and bit 8: without locks, bit 9: in the region of this CPU. */
__attribute__((noinline)) uint64_t rare(uint32_t op, const struct flow_key *key, uint64_t hash,
                                        uint64_t now, uint64_t token)
{
    uint32_t region = op >> 9 & 1 ? processor() : 0;
    struct beba_ft *ft = lookup_elem(&flows, &region);
    struct beba_ft_shape shape = SHAPE;

    if (!ft || !key)
        return BEBA_HELD_NOT_HAD;
    if (!(op >> 8 & 1))
        return beba_held_rare(ft, shape, (enum beba_held_op)op, key->word, hash, now, token, NULL);
    shape.lone = 1;
    return beba_held_rare(ft, shape, (enum beba_held_op)(op & 255), key->word, hash, now, token,
                          NULL);
}

/* The next packet's key: false when something is not there. */
BEBA_INLINE bool next_key(struct xdp_md *ctx, uint32_t key[4], struct line **line)
{
    uint32_t *mask = (uint32_t *)(long)ctx->data, cpu = processor(), n;

    *line = lookup_elem(&lines, &cpu);
    if (!*line || (void *)(mask + 1) > (void *)(long)ctx->data_end)
        return false;
    (*line)->random = (*line)->random * 6364136223846793005ull + 1442695040888963407ull;
    n = (uint32_t)((*line)->random >> 33) & *mask;
    key[0] = n;
    key[1] = n * 2654435761u;
    key[2] = ~n;
    key[3] = 6;
    return true;
}

BEBA_INLINE int with_locks(struct xdp_md *ctx, bool lone, bool own)
{
    uint32_t region = own ? processor() : 0;
    struct beba_ft_shape shape = SHAPE;
    struct beba_ft *ft = lookup_elem(&flows, &region);
    struct beba_held held = {0};
    struct line *line;
    uint32_t key[4];
    uint64_t hash, reg;

    shape.lone = lone;
    shape.table = own;
    if (!ft || !next_key(ctx, key, &line))
        return XDP_DROP;
    hash = beba_ft_hash_as(ft, shape, key);
    if (beba_held_take(ft, shape, key, hash, true, &held)) {
        line->lost++;
        return XDP_DROP;
    }
    if (held.entry) {
        reg = beba_ft_load8(beba_ft_regs_as(shape, held.entry)) + 1;
        beba_ft_store_as(ft, shape, held.entry, 0, 1, 1, &reg);
    }
    beba_held_release(ft, shape, key, hash, &held);
    return XDP_PASS;
}

SEC("xdp") int lock(struct xdp_md *ctx)
{
    return with_locks(ctx, false, false);
}

SEC("xdp") int per_cpu(struct xdp_md *ctx)
{
    return with_locks(ctx, true, true);
}

/* One region and nothing against others: updates are lost. */
SEC("xdp") int none(struct xdp_md *ctx)
{
    return with_locks(ctx, true, false);
}

/* For one register only: read, compute, write if it is still what was read. */
SEC("xdp") int cas(struct xdp_md *ctx)
{
    struct beba_ft_shape shape = SHAPE;
    uint32_t zero = 0, key[4];
    struct beba_ft *ft = lookup_elem(&flows, &zero);
    struct beba_ft_entry *e;
    struct line *line;
    uint64_t *reg, old, was;

    if (!ft || !next_key(ctx, key, &line))
        return XDP_DROP;
    e = beba_ft_peek_as(ft, shape, key, beba_ft_hash_as(ft, shape, key));
    if (!e)
        return XDP_PASS;
    reg = (uint64_t *)(void *)beba_ft_regs_as(shape, e);
    old = BEBA_FT_GET(reg);
    BEBA_FT_LOOP
    for (uint32_t i = 0; i < 64; i++) {
        was = __sync_val_compare_and_swap(reg, old, old + 1);
        if (was == old) {
            BEBA_FT_PUT(&e->used, 1);
            return XDP_PASS;
        }
        old = was;
    }
    line->lost++;
    return XDP_DROP;
}

/* What the measurement itself takes. */
SEC("xdp") int nothing(struct xdp_md *ctx)
{
    struct line *line;
    uint32_t key[4], zero = 0;
    struct beba_ft *ft = lookup_elem(&flows, &zero);

    if (!ft || !next_key(ctx, key, &line))
        return XDP_DROP;
    line->spare[0] = key[1];
    return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
