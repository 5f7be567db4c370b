/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What user space asks of a flow table: one struct beba_object_command, done under the locks that
 * packets take. */
#ifndef BEBA_EMIT_RT_CONTROL_H
#define BEBA_EMIT_RT_CONTROL_H

#include "emit/rt/flow.h"

BEBA_INLINE int beba_control_answer(int answer)
{
    return answer == BEBA_HELD_OK ? 0 : answer == BEBA_HELD_BUSY ? -BEBA_EBUSY : -BEBA_ENOSPC;
}

BEBA_INLINE void beba_control_get(struct beba_object_command *c, struct beba_ft_shape shape,
                                  struct beba_ft_entry *e)
{
    c->state = e->state;
    c->birth = e->birth;
    c->entered = e->entered;
    c->used = e->used;
    beba_ft_copy(c->regs, beba_ft_regs_as(shape, e), shape.regs_size);
}

/* The entry of the command's key, made if there is none. */
BEBA_INLINE int beba_control_entry(struct beba_object_command *c, struct beba_ft *ft,
                                   struct beba_ft_shape shape, uint64_t hash,
                                   struct beba_held *held)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    int answer = 0;

    if (!held->entry)
        answer = (int)beba_held_room(ft, shape, key, hash, c->now, held);
    if (!held->entry && !answer)
        answer = (int)beba_held_insert(ft, shape, key, hash, c->now, held);
    return beba_control_answer(answer);
}

/* Registers of which a bit is set. */
BEBA_INLINE void beba_control_regs(struct beba_object_command *c, uint8_t *regs, uint32_t size)
{
    BEBA_FT_LOOP
    for (uint32_t i = 0; i < size; i++)
        if (c->reg_bytes[(i >> 3) & (BEBA_OBJECT_REGS / 8 - 1)] >> (i & 7) & 1)
            regs[i] = c->regs[i & (BEBA_OBJECT_REGS - 1)];
}

BEBA_INLINE int beba_control_change(struct beba_object_command *c, struct beba_ft *ft,
                                    struct beba_ft_shape shape, uint64_t hash,
                                    struct beba_held *held)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    struct beba_ft_entry *e;
    int err = beba_control_entry(c, ft, shape, hash, held);

    e = held->entry;
    if (err || !e)
        return err;
    if (c->op == BEBA_OBJECT_PUT) {
        e->state = c->state;
        e->birth = c->birth;
        e->entered = c->entered;
        e->used = c->used;
        beba_ft_copy(beba_ft_regs_as(shape, e), c->regs, shape.regs_size);
        return 0;
    }
    if (c->set_state) {
        e->state = c->state;
        e->entered = e->used = c->now;
    }
    beba_control_regs(c, beba_ft_regs_as(shape, e), shape.regs_size);
    if (beba_ft_is_initial_as(ft, shape, e->state, beba_ft_regs_as(shape, e)))
        beba_held_remove(ft, shape, key, hash, held);
    return 0;
}

BEBA_INLINE int beba_control_key(struct beba_object_command *c, struct beba_ft *ft,
                                 struct beba_ft_shape shape)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    uint64_t hash = beba_ft_hash_as(ft, shape, key);
    bool create = c->op == BEBA_OBJECT_PUT || c->op == BEBA_OBJECT_SET;
    struct beba_held held = {0};
    int err;

    if (create && c->state >= shape.n_states)
        return -BEBA_EINVAL;
    err = beba_control_answer((int)beba_held_take(ft, shape, key, hash, create, &held));
    if (err)
        return err;
    if (create)
        err = beba_control_change(c, ft, shape, hash, &held);
    else if (!held.entry)
        err = -BEBA_ENOENT;
    else if (c->op == BEBA_OBJECT_GET)
        beba_control_get(c, shape, held.entry);
    else
        beba_held_remove(ft, shape, key, hash, &held);
    beba_held_release(ft, shape, key, hash, &held);
    return err;
}

struct beba_sweeping {
    uint32_t bucket, freed;
    uint64_t now;
};

/* The part of control_NAME that a machine's own functions do: sweeps bucket by bucket. */
#define BEBA_CONTROL(name)                                                      \
    __attribute__((noinline)) int sweep_##name(uint32_t bucket, uint64_t now)   \
    {                                                                           \
        struct beba_ft *ft = region_of_##name();                                \
                                                                                \
        return ft ? beba_held_sweep(ft, SHAPE_##name, bucket, now, NULL) : 0;   \
    }                                                                           \
                                                                                \
    static long sweep_step_##name(uint32_t i, struct beba_sweeping *s)          \
    {                                                                           \
        int freed = sweep_##name(s->bucket, s->now);                            \
                                                                                \
        (void)i;                                                                \
        s->freed += freed > 0 ? (uint32_t)freed : 0;                            \
        s->bucket++;                                                            \
        return 0;                                                               \
    }                                                                           \
                                                                                \
    __attribute__((noinline)) int change_##name(struct beba_object_command *c)  \
    {                                                                           \
        struct beba_ft *ft = region_of_##name();                                \
                                                                                \
        return c && ft ? beba_control_key(c, ft, SHAPE_##name) : -BEBA_EINVAL;  \
    }                                                                           \
                                                                                \
    __attribute__((noinline)) int control_##name(struct beba_object_command *c) \
    {                                                                           \
        struct beba_sweeping s = {0};                                           \
                                                                                \
        if (!c)                                                                 \
            return -BEBA_EINVAL;                                                \
        if (c->op != BEBA_OBJECT_SWEEP)                                         \
            return change_##name(c);                                            \
        s.bucket = c->bucket;                                                   \
        s.now = c->now;                                                         \
        bpf_loop(c->count, (void *)sweep_step_##name, &s, 0);                   \
        c->bucket = s.bucket;                                                   \
        c->freed = s.freed;                                                     \
        return 0;                                                               \
    }

/* The program name, of the machines that `table` knows; go_on: jumps to the program of others. */
#define BEBA_CONTROL_PROGRAM(name, table, go_on)                                    \
    BEBA_SECTION("xdp") int name(struct xdp_md *ctx)                                \
    {                                                                               \
        struct cpu *cpu = beba_cpu_here();                                          \
        struct beba_object_command *c;                                              \
                                                                                    \
        if (!cpu)                                                                   \
            return XDP_ABORTED;                                                     \
        c = &cpu->scratch.command;                                                  \
        if (bpf_xdp_load_bytes(ctx, 0, c, sizeof(*c)))                              \
            return XDP_ABORTED;                                                     \
        go_on;                                                                      \
        cpu->scratch.now = c->now;                                                  \
        c->status = table(c);                                                       \
        return bpf_xdp_store_bytes(ctx, 0, c, sizeof(*c)) ? XDP_ABORTED : XDP_PASS; \
    }

#endif
