/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flows from a running program to the one that takes its place.
 *
 * Entries never move, so a copy of the old region as it was last seen, compared slot by slot, says
 * what has changed since: first what is gone, then what is new or different. Before the swap
 * changes go straight into the new region, which no packet sees yet; after it through beba_control,
 * and only where the new program has not changed the flow itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

enum { LOST = UINT32_MAX };

struct reg_copy {
    uint32_t from, from_size, to, to_size;
};

/* A table of the new program and the one of the old it takes flows from. */
struct move {
    bool moves;
    uint32_t old;
    uint32_t *state; /* of an old state: the new one, or LOST */
    struct reg_copy reg[BEBA_MAX_REGS];
    unsigned n_regs;
    uint8_t *seen; /* the old regions as they were last seen */
    bool *lost_reg;
};

struct migration {
    struct beba_arena arena;
    struct beba_kernel *old;
    const struct beba_pipeline *p;
    struct kernel_reuse reuse;
    struct move *move; /* one a table of the new program */
    bool *taken;       /* old tables that have a new one */
};

/* What the flow becomes. */
struct carried {
    uint32_t key[BEBA_FT_KEY_MAX / 4];
    uint32_t state, birth;
    uint64_t entered, used;
    uint8_t regs[BEBA_FT_REGS_MAX];
};

/* Comparing programs -------------------------------------------------------------------------- */

static bool same_key(const struct beba_key *a, const struct beba_key *b)
{
    return a->kind == b->kind && a->n_fields == b->n_fields &&
           !memcmp(a->field, b->field, a->n_fields * sizeof(a->field[0]));
}

static bool same_timeouts(const struct beba_table *a, const struct beba_table *b)
{
    for (uint32_t i = 0; i < a->n_states; i++) {
        const struct beba_timeouts *x = &a->timeouts[i], *y = &b->timeouts[i];

        if (x->idle != y->idle || x->hard != y->hard || (x->idle && x->idle_to != y->idle_to) ||
            (x->hard && x->hard_to != y->hard_to))
            return false;
    }
    return true;
}

static bool same_schema(const struct beba_table *a, const struct beba_table *b)
{
    struct beba_strbuf x = {0}, y = {0};
    bool same;

    beba_table_schema(&x, a);
    beba_table_schema(&y, b);
    same = !x.failed && !y.failed && !strcmp(beba_strbuf_str(&x), beba_strbuf_str(&y));
    beba_strbuf_free(&x);
    beba_strbuf_free(&y);
    return same;
}

/* The region of one is the region of the other, to the byte. */
static bool same_table(const struct beba_table *a, const struct beba_table *b)
{
    return same_key(&a->lookup, &b->lookup) && a->capacity == b->capacity && a->full == b->full &&
           a->per_cpu == b->per_cpu && a->n_states == b->n_states && a->regs_size == b->regs_size &&
           (!a->regs_size || !memcmp(a->regs_init, b->regs_init, a->regs_size)) &&
           same_timeouts(a, b) && same_schema(a, b);
}

static const struct beba_reg *find_reg(const struct beba_table *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_regs; i++)
        if (!strcmp(t->reg[i].name, name))
            return &t->reg[i];
    return NULL;
}

static int plan_move(struct migration *m, uint32_t i, uint32_t j)
{
    const struct beba_table *from = &m->old->p->table[j], *to = &m->p->table[i];
    const struct ktable *kt = &m->old->table[j];
    struct move *move = &m->move[i];

    move->moves = true;
    move->old = j;
    move->state = beba_arena_array(&m->arena, from->n_states, sizeof(*move->state));
    move->lost_reg = beba_arena_array(&m->arena, from->n_regs + 1ul, sizeof(*move->lost_reg));
    move->seen = calloc(kt->n_regions, kt->stride);
    if (!move->state || !move->lost_reg || !move->seen)
        return -ENOMEM;
    for (uint32_t s = 0; s < from->n_states; s++) {
        move->state[s] = LOST;
        for (uint32_t n = 0; n < to->n_states; n++)
            if (!strcmp(from->state[s].name, to->state[n].name))
                move->state[s] = n;
    }
    for (uint32_t r = 0; r < from->n_regs; r++) {
        const struct beba_reg *a = &from->reg[r], *b = find_reg(to, a->name);

        if (!b || b->type.width < a->type.width)
            move->lost_reg[r] = true;
        else
            move->reg[move->n_regs++] = (struct reg_copy){a->offset, a->size, b->offset, b->size};
    }
    return 0;
}

static int plan(struct migration *m, uint32_t i)
{
    const struct beba_pipeline *old = m->old->p;
    const struct beba_table *to = &m->p->table[i];

    m->reuse.table[i] = -1;
    if (to->lookup.kind == BEBA_KEY_NONE)
        return 0;
    for (uint32_t j = 0; j < old->n_tables; j++) {
        const struct beba_table *from = &old->table[j];

        if (strcmp(from->name, to->name) != 0 || !same_key(&from->lookup, &to->lookup))
            continue;
        m->taken[j] = true;
        if (!same_table(from, to))
            return plan_move(m, i, j);
        m->reuse.table[i] = j;
        return 0;
    }
    return 0;
}

int beba_migration_new(struct beba_kernel *old, const struct beba_pipeline *p,
                       struct migration **out, struct beba_error *err)
{
    struct migration *m = calloc(1, sizeof(*m));
    int rc = m ? 0 : -ENOMEM;

    if (!rc) {
        m->old = old;
        m->p = p;
        m->reuse.from = old;
        m->reuse.shared = old->map[KMAP_SHARED].fd >= 0 && beba_kernel_same_shared(old->p, p);
        m->reuse.table = beba_arena_array(&m->arena, p->n_tables + 1ul, sizeof(*m->reuse.table));
        m->move = beba_arena_array(&m->arena, p->n_tables + 1ul, sizeof(*m->move));
        m->taken = beba_arena_array(&m->arena, old->p->n_tables + 1ul, sizeof(*m->taken));
        rc = m->reuse.table && m->move && m->taken ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; i < p->n_tables && !rc; i++)
        rc = plan(m, i);
    if (rc) {
        beba_migration_free(m);
        return beba_error_set(err, rc, "out of memory");
    }
    *out = m;
    return 0;
}

void beba_migration_free(struct migration *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; m->move && i < m->p->n_tables; i++)
        free(m->move[i].seen);
    beba_arena_free(&m->arena);
    free(m);
}

const struct kernel_reuse *beba_migration_reuse(const struct migration *m)
{
    return &m->reuse;
}

/* What would be lost -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void lose(struct beba_kernel_carried *out,
                                                       uint64_t flows, const char *fmt, ...)
{
    va_list ap;

    if (!flows)
        return;
    if (out->losses < BEBA_KERNEL_LOSSES) {
        struct beba_kernel_loss *loss = &out->loss[out->losses];

        va_start(ap, fmt);
        vsnprintf(loss->what, sizeof(loss->what), fmt, ap);
        va_end(ap);
        loss->flows = flows;
    }
    out->losses++;
}

static const char *why_gone(const struct migration *m, const char *name)
{
    for (uint32_t i = 0; i < m->p->n_tables; i++)
        if (!strcmp(m->p->table[i].name, name))
            return m->p->table[i].lookup.kind == BEBA_KEY_NONE ? "has no key any more"
                                                               : "has another key";
    return "is not in the new program";
}

static void move_losses(struct migration *m, const struct move *move,
                        struct beba_kernel_carried *out)
{
    const struct beba_table *t = &m->old->p->table[move->old];
    uint64_t *count = calloc(t->n_states, sizeof(*count)), cursor = 0, all = 0;
    uint64_t now = beba_kernel_now();
    struct beba_flow flow;

    while (count && beba_kernel_next_flow(m->old, move->old, now, &cursor, &flow)) {
        if (flow.state < t->n_states)
            count[flow.state]++;
        all++;
    }
    for (uint32_t s = 0; count && s < t->n_states; s++)
        if (move->state[s] == LOST)
            lose(out, count[s], "state %s of machine %s is not in the new program",
                 t->state[s].name, t->name);
    for (uint32_t r = 0; r < t->n_regs; r++)
        if (move->lost_reg[r])
            lose(out, all, "register %s of machine %s is %s in the new program", t->reg[r].name,
                 t->name,
                 find_reg(&m->p->table[move - m->move], t->reg[r].name) ? "narrower" : "not");
    free(count);
}

void beba_migration_losses(struct migration *m, struct beba_kernel_carried *out)
{
    struct beba_table_stats stats;

    for (uint32_t j = 0; j < m->old->p->n_tables; j++) {
        const char *name = m->old->p->table[j].name;

        if (m->taken[j] || beba_kernel_table(m->old, j, &stats))
            continue;
        lose(out, stats.entries, "machine %s %s", name, why_gone(m, name));
    }
    for (uint32_t i = 0; i < m->p->n_tables; i++) {
        out->moved += m->move[i].moves;
        out->kept += m->reuse.table[i] >= 0;
        if (m->move[i].moves)
            move_losses(m, &m->move[i], out);
    }
}

/* Copying ------------------------------------------------------------------------------------- */

static struct beba_u128 load(const uint8_t *at, uint32_t size)
{
    struct beba_u128 v = {0, 0};
    uint16_t two;
    uint32_t four;

    switch (size) {
    case 1:
        v.lo = *at;
        break;
    case 2:
        memcpy(&two, at, 2);
        v.lo = two;
        break;
    case 4:
        memcpy(&four, at, 4);
        v.lo = four;
        break;
    case 8:
        memcpy(&v.lo, at, 8);
        break;
    default:
        memcpy(&v, at, sizeof(v));
    }
    return v;
}

static void store(uint8_t *at, uint32_t size, struct beba_u128 v)
{
    uint16_t two = (uint16_t)v.lo;
    uint32_t four = (uint32_t)v.lo;

    switch (size) {
    case 1:
        *at = (uint8_t)v.lo;
        break;
    case 2:
        memcpy(at, &two, 2);
        break;
    case 4:
        memcpy(at, &four, 4);
        break;
    case 8:
        memcpy(at, &v.lo, 8);
        break;
    default:
        memcpy(at, &v, sizeof(v));
    }
}

/* An old entry as the new program has it; false: its state is lost. */
static bool convert(const struct migration *m, const struct move *move, const struct beba_ft *ft,
                    const struct beba_ft_entry *e, struct carried *out)
{
    const struct beba_table *to = &m->p->table[move - m->move];
    const uint8_t *regs = (const uint8_t *)e + ft->shape.regs_at;

    if (e->state >= m->old->p->table[move->old].n_states || move->state[e->state] == LOST)
        return false;
    memset(out, 0, sizeof(*out));
    memcpy(out->key, e->body, ft->shape.words * 4ul);
    out->state = move->state[e->state];
    out->birth = e->birth;
    out->entered = e->entered;
    out->used = e->used;
    if (to->regs_size)
        memcpy(out->regs, to->regs_init, to->regs_size);
    for (unsigned i = 0; i < move->n_regs; i++) {
        const struct reg_copy *r = &move->reg[i];

        store(out->regs + r->to, r->to_size, load(regs + r->from, r->from_size));
    }
    return true;
}

/* Where changes go. */
struct sink {
    struct migration *m;
    struct move *move;
    struct beba_kernel *to;
    uint32_t table, region;
    struct beba_ft *ft; /* of the new table */
    bool live;          /* packets use it */
    uint64_t changed, failed;
};

static void drop_direct(struct beba_ft *ft, const uint32_t *key)
{
    struct beba_ft_entry *e = beba_ft_peek(ft, key, beba_ft_hash(ft, key));

    if (e)
        beba_ft_remove(ft, e);
}

static bool put_direct(struct beba_ft *ft, const struct carried *c)
{
    uint64_t hash = beba_ft_hash(ft, c->key);
    struct beba_ft_entry *e = beba_ft_peek(ft, c->key, hash);
    bool evicted;

    if (beba_ft_is_initial(ft, c->state, c->regs)) {
        drop_direct(ft, c->key);
        return true;
    }
    if (!e)
        e = beba_ft_insert(ft, c->key, hash, c->used, NULL, &evicted);
    if (!e)
        return false;
    beba_ft_store(ft, e, c->state, c->entered, c->used, c->regs);
    e->birth = c->birth;
    return true;
}

static bool command(struct sink *s, uint32_t op, const struct carried *c)
{
    struct beba_object_command cmd = {
        .op = op,
        .table = s->table,
        .state = c->state,
        .birth = c->birth,
        .entered = c->entered,
        .used = c->used,
    };
    int rc;

    memcpy(cmd.key, c->key, sizeof(cmd.key));
    memcpy(cmd.regs, c->regs, sizeof(cmd.regs));
    rc = beba_kernel_command(s->to, &cmd, s->region, NULL);
    return !rc || (op == BEBA_OBJECT_DEL && rc == -ENOENT);
}

/* The new program has the flow still as it was put there (before NULL: it has none). */
static bool untouched(const struct sink *s, const uint32_t *key, const struct carried *before)
{
    const struct beba_ft_entry *e = beba_ft_peek(s->ft, key, beba_ft_hash(s->ft, key));
    const uint8_t *regs = (const uint8_t *)e + s->ft->shape.regs_at;

    if (!e || !before)
        return !e && !before;
    return e->state == before->state && e->entered == before->entered && e->used == before->used &&
           !memcmp(regs, before->regs, s->ft->regs_size);
}

static void gone(struct sink *s, const struct beba_ft *old, const struct beba_ft_entry *seen)
{
    struct carried before;

    s->changed++;
    if (!convert(s->m, s->move, old, seen, &before))
        return;
    if (!s->live)
        drop_direct(s->ft, before.key);
    else if (untouched(s, before.key, &before))
        s->failed += !command(s, BEBA_OBJECT_DEL, &before);
}

static void put(struct sink *s, const struct beba_ft *old, const struct beba_ft_entry *seen,
                const struct beba_ft_entry *e)
{
    struct carried before, now;
    bool had = seen && convert(s->m, s->move, old, seen, &before);

    s->changed++;
    if (!convert(s->m, s->move, old, e, &now)) {
        if (had)
            gone(s, old, seen);
        return;
    }
    if (!s->live)
        s->failed += !put_direct(s->ft, &now);
    else if (untouched(s, now.key, had ? &before : NULL))
        s->failed += !command(s, BEBA_OBJECT_PUT, &now);
}

/* One slot: step 0 takes out what is gone, step 1 puts in what is new or changed. */
static void slot(struct sink *s, struct beba_ft *old, struct beba_ft *seen, uint64_t index,
                 int step)
{
    struct beba_ft_shape shape = old->shape;
    uint32_t i = index % BEBA_FT_SLOTS;
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(old, shape, index / BEBA_FT_SLOTS);
    struct beba_ft_bucket *was =
        (struct beba_ft_bucket *)(void *)((uint8_t *)seen + ((uint8_t *)b - (uint8_t *)old));
    struct beba_ft_entry *before = beba_ft_entry_at(was, shape, i);
    struct beba_ft_entry *now = (struct beba_ft_entry *)(void *)s->m->old->entry;
    bool there, same;

    if (!b->tag[i] && !was->tag[i])
        return;
    there = beba_entry_copy(old, index, now);
    same = there && was->tag[i] && !memcmp(before->body, now->body, shape.words * 4ul);
    if (!step) {
        if (was->tag[i] && !same) {
            gone(s, old, before);
            was->tag[i] = 0;
        }
        return;
    }
    if (!there || (was->tag[i] && !same) || (same && !memcmp(before, now, shape.stride)))
        return; /* what went after step 0 is seen next time */
    put(s, old, same ? before : NULL, now);
    memcpy(before, now, shape.stride);
    was->tag[i] = 1;
}

static void pass(struct migration *m, struct beba_kernel *to, bool live, uint64_t *changed,
                 uint64_t *failed)
{
    for (uint32_t i = 0; i < m->p->n_tables; i++) {
        struct move *move = &m->move[i];
        const struct ktable *from = move->moves ? &m->old->table[move->old] : NULL;

        for (uint32_t r = 0; from && r < from->n_regions; r++) {
            uint32_t region = r % to->table[i].n_regions;
            struct beba_ft *old = ktable_region(from, r);
            struct beba_ft *seen = (struct beba_ft *)(void *)(move->seen + r * from->stride);
            struct sink s = {m,    move, to, i, region, ktable_region(&to->table[i], region),
                             live, 0,    0};

            for (int step = 0; step < 2; step++)
                for (uint64_t at = 0; at < (uint64_t)old->n_buckets * BEBA_FT_SLOTS; at++)
                    slot(&s, old, seen, at, step);
            *changed += s.changed;
            *failed += s.failed;
        }
    }
}

uint64_t beba_migration_copy(struct migration *m, struct beba_kernel *to)
{
    uint64_t changed = 0, failed = 0;

    pass(m, to, false, &changed, &failed);
    return changed;
}

uint64_t beba_migration_finish(struct migration *m, struct beba_kernel *to)
{
    uint64_t changed = 0, failed = 0;

    pass(m, to, true, &changed, &failed);
    return failed;
}
