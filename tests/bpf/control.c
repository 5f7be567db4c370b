/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What user space does with flows: in the kernel by beba_control, in the interpreter's tables by
 * the functions that do the same there. */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "differential.h"

enum { SECONDS = 1000000000 };

static void ask_kernel(struct side_by_side *s, struct beba_object_command *c)
{
    struct beba_object_command in = *c;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &in, .data_size_in = sizeof(in), .data_out = c,
                .data_size_out = sizeof(*c));
    int rc;

    c->status = in.status = -EIO;
    rc = bpf_prog_test_run_opts(s->k->control_fd, &run);
    if (rc)
        differs(s, "beba_control does not run: %s", strerror(-rc));
}

/* A key: mostly of an entry that is there. */
static void choose_key(struct beba_ft *ft, uint64_t r, uint8_t *key)
{
    uint64_t cursor = (r >> 8) % ((uint64_t)ft->n_buckets * BEBA_FT_SLOTS);
    struct beba_ft_entry *e = r & 3 ? beba_ft_next(ft, &cursor) : NULL;

    memset(key, 0, BEBA_OBJECT_KEY);
    if (e) {
        memcpy(key, beba_ft_key(ft, e), ft->key_size);
        return;
    }
    for (uint32_t i = 0; i < ft->key_size; i++)
        key[i] = (uint8_t)(beba_splitmix64(r + i) & (i % 2 ? 1 : 0x13));
}

/* Numbers as registers hold them; some, or all, are the first ones. */
static void choose_regs(const struct beba_table *t, const struct beba_ft *ft, uint64_t r,
                        struct beba_object_command *c)
{
    memcpy(c->regs, (const uint8_t *)ft + ft->regs_init, ft->regs_size);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        const struct beba_reg *reg = &t->reg[i];
        uint64_t lo = beba_splitmix64(r + i), hi = beba_splitmix64(lo);
        struct beba_u128 wide = beba_u128(hi, lo);

        if (!(lo >> 32 & 3) || !(r & 7))
            continue;
        lo &= reg->type.width < 64 ? (1ull << reg->type.width) - 1 : ~0ull;
        memcpy(c->regs + reg->offset, reg->size == 16 ? (void *)&wide : (void *)&lo, reg->size);
        for (uint32_t b = reg->offset; b < reg->offset + reg->size; b++)
            c->reg_bytes[b / 8] |= (uint8_t)(1u << b % 8);
    }
}

static int set(struct beba_ft *ft, const struct beba_object_command *c)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    uint64_t hash = beba_ft_hash(ft, key);
    struct beba_ft_entry *e;
    bool evicted;
    uint8_t *regs;

    if (c->state >= ft->n_states)
        return -EINVAL;
    e = beba_ft_peek(ft, key, hash);
    if (!e)
        e = beba_ft_insert(ft, key, hash, c->now, NULL, &evicted);
    if (!e)
        return -ENOSPC;
    if (c->set_state) {
        e->state = c->state;
        e->entered = e->used = c->now;
    }
    regs = beba_ft_regs(ft, e);
    for (uint32_t i = 0; i < ft->regs_size; i++)
        if (c->reg_bytes[i / 8] >> i % 8 & 1)
            regs[i] = c->regs[i];
    if (beba_ft_is_initial(ft, e->state, regs))
        beba_ft_remove(ft, e);
    return 0;
}

static int put(struct beba_engine *e, const struct beba_object_command *c)
{
    struct beba_flow flow = {.table = c->table,
                             .key = c->key,
                             .state = c->state,
                             .backward = c->birth & 1,
                             .entered = c->entered,
                             .used = c->used,
                             .born = (uint64_t)(c->birth >> 1) << 24};

    memcpy(flow.regs, c->regs, sizeof(flow.regs));
    return beba_engine_put_flow(e, &flow);
}

static int get(struct beba_ft *ft, struct beba_object_command *c)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    struct beba_ft_entry *e = beba_ft_peek(ft, key, beba_ft_hash(ft, key));

    if (!e)
        return -ENOENT;
    c->state = e->state;
    c->birth = e->birth;
    c->entered = e->entered;
    c->used = e->used;
    memcpy(c->regs, beba_ft_regs(ft, e), ft->regs_size);
    return 0;
}

static int del(struct beba_ft *ft, const struct beba_object_command *c)
{
    const uint32_t *key = (const uint32_t *)(const void *)c->key;
    struct beba_ft_entry *e = beba_ft_peek(ft, key, beba_ft_hash(ft, key));

    if (!e)
        return -ENOENT;
    beba_ft_remove(ft, e);
    return 0;
}

/* All tables, as the interpreter does it. */
static void sweep(struct side_by_side *s)
{
    uint64_t now = s->now + SECONDS, mine = beba_engine_sweep(s->e, UINT32_MAX, now), theirs = 0;

    for (uint32_t i = 0; i < s->k->p->n_tables; i++) {
        struct beba_object_command c = {.op = BEBA_OBJECT_SWEEP, .table = i, .now = now};

        if (!s->k->region[i])
            continue;
        c.count = s->e->table[i].ft->n_buckets;
        ask_kernel(s, &c);
        theirs += c.freed;
        if (c.status || c.bucket != c.count)
            differs(s, "sweep: %d, up to bucket %u of %u", c.status, c.bucket, c.count);
    }
    compare_number(s, "sweep", "", mine, theirs);
}

static void compare_answer(struct side_by_side *s, const char *what, int status,
                           const struct beba_object_command *mine,
                           const struct beba_object_command *theirs)
{
    if (status != theirs->status)
        differs(s, "%s: %s; kernel: %s", what, strerror(-status), strerror(-theirs->status));
    else if (!status && (mine->state != theirs->state || mine->birth != theirs->birth ||
                         mine->entered != theirs->entered || mine->used != theirs->used ||
                         memcmp(mine->regs, theirs->regs, sizeof(mine->regs))))
        differs(s, "%s: state %u birth %u; kernel: %u %u, or times or registers", what, mine->state,
                mine->birth, theirs->state, theirs->birth);
}

void control_both(struct side_by_side *s, uint64_t r)
{
    static const char *const names[] = {"get", "put", "set", "del"};
    uint32_t table = (uint32_t)(r >> 4) % s->k->p->n_tables;
    struct beba_object_command mine, theirs;
    struct beba_ft *ft;
    int status = 0;

    if (s->k->control_fd < 0 || !s->k->region[table])
        return;
    if (r % 16 == 0) {
        sweep(s);
        compare_events(s);
        return;
    }
    ft = s->e->table[table].ft;
    mine = (struct beba_object_command){.op = (uint32_t)(r % 4), .table = table, .now = s->now};
    r = beba_splitmix64(r);
    choose_key(ft, r, mine.key);
    if (mine.op == BEBA_OBJECT_PUT || mine.op == BEBA_OBJECT_SET) {
        choose_regs(&s->k->p->table[table], ft, r >> 16, &mine);
        mine.set_state = mine.op == BEBA_OBJECT_SET ? r >> 40 & 1 : 0;
        mine.state = mine.set_state || mine.op == BEBA_OBJECT_PUT
                         ? (uint32_t)(r >> 20) % (ft->n_states + !(r >> 32 & 15))
                         : 0;
    }
    if (mine.op == BEBA_OBJECT_PUT) {
        mine.now = mine.used = s->now - (r >> 44) % SECONDS;
        mine.entered = mine.used - (r >> 34) % SECONDS;
        mine.birth = (uint32_t)(mine.entered >> 24) << 1 | (r >> 33 & 1);
    }
    theirs = mine;
    status = mine.op == BEBA_OBJECT_GET   ? get(ft, &mine)
             : mine.op == BEBA_OBJECT_PUT ? put(s->e, &mine)
             : mine.op == BEBA_OBJECT_SET ? set(ft, &mine)
                                          : del(ft, &mine);
    ask_kernel(s, &theirs);
    compare_answer(s, names[mine.op], status, &mine, &theirs);
    s->evictions_untold = true;
    compare_events(s);
    s->evictions_untold = false;
}
