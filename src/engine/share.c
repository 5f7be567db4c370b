/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Several handles on one engine: making them, and what they counted and noticed together. */
#include <errno.h>
#include <sched.h>

#include "base/error.h"
#include "engine/internal.h"

/* What was summed up last, for who reads it: until somebody asks again. */
struct sums {
    struct beba_engine_stats stats;
    struct beba_rule_counters *rule, *counter;
};

static struct sums *new_sums(struct shared *s)
{
    struct sums *sums = beba_arena_alloc(&s->arena, sizeof(*sums));

    if (!sums)
        return NULL;
    sums->rule = beba_arena_array(&s->arena, s->p->n_rules + 1, sizeof(*sums->rule));
    sums->counter = beba_arena_array(&s->arena, s->p->n_counters + 1, sizeof(*sums->counter));
    return sums->rule && sums->counter ? sums : NULL;
}

int beba_engine_share(struct beba_engine *e, struct beba_engine **out, struct beba_error *err)
{
    struct shared *s = e->shared;
    int rc = 0;

    *out = NULL;
    pthread_mutex_lock(&s->lock);
    if (!s->sums)
        s->sums = new_sums(s);
    if (!s->sums)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    if (!rc)
        rc = beba_handle_new(s, &e->opts, out, err);
    if (!rc)
        e->several = (*out)->several = true;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void beba_engine_wait(struct shared *s)
{
    for (struct beba_engine *e = s->first; e; e = e->next) {
        uint64_t then = __atomic_load_n(&e->batches, __ATOMIC_SEQ_CST);

        while ((then & 1) && __atomic_load_n(&e->batches, __ATOMIC_ACQUIRE) == then)
            sched_yield();
    }
}

/* Globals of more than 64 bits ---------------------------------------------------------------- */

/* Who reads the same even number before and after has read one value. A writer holds it for two
 * stores, and waits for nothing meanwhile. */
struct beba_u128 beba_wide_load(struct shared *s, uint32_t global)
{
    struct beba_u128 v;
    uint32_t before, after;

    do {
        before = __atomic_load_n(&s->wide, __ATOMIC_ACQUIRE);
        v.hi = __atomic_load_n(&s->global[global].hi, __ATOMIC_ACQUIRE);
        v.lo = __atomic_load_n(&s->global[global].lo, __ATOMIC_ACQUIRE);
        after = __atomic_load_n(&s->wide, __ATOMIC_RELAXED);
        if (before & 1)
            sched_yield();
    } while ((before & 1) || before != after);
    return v;
}

void beba_wide_store(struct shared *s, uint32_t global, struct beba_u128 v)
{
    uint32_t even = __atomic_load_n(&s->wide, __ATOMIC_RELAXED) & ~1u;

    while (!__atomic_compare_exchange_n(&s->wide, &even, even + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
        even &= ~1u;
        sched_yield();
    }
    __atomic_store_n(&s->global[global].hi, v.hi, __ATOMIC_RELEASE);
    __atomic_store_n(&s->global[global].lo, v.lo, __ATOMIC_RELEASE);
    __atomic_store_n(&s->wide, even + 2, __ATOMIC_RELEASE);
}

/* Sums --------------------------------------------------------------------------------------- */

/* Structures of 64-bit counters. */
static void add(void *to, const void *from, size_t size)
{
    uint64_t *sum = to;
    const uint64_t *n = from;

    for (size_t i = 0; i < size / sizeof(*n); i++)
        sum[i] += __atomic_load_n(&n[i], __ATOMIC_RELAXED);
}

const struct beba_engine_stats *beba_engine_stats(const struct beba_engine *e)
{
    struct shared *s = e->shared;

    if (!e->several)
        return &e->stats;
    pthread_mutex_lock(&s->lock);
    s->sums->stats = (struct beba_engine_stats){0};
    for (const struct beba_engine *h = s->first; h; h = h->next)
        add(&s->sums->stats, &h->stats, sizeof(h->stats));
    pthread_mutex_unlock(&s->lock);
    return &s->sums->stats;
}

const struct beba_rule_counters *beba_engine_rule(const struct beba_engine *e, uint32_t rule)
{
    struct shared *s = e->shared;
    struct beba_rule_counters *sum;

    if (rule >= e->p->n_rules)
        return NULL;
    if (!e->several)
        return &e->rule[rule];
    sum = &s->sums->rule[rule];
    pthread_mutex_lock(&s->lock);
    *sum = (struct beba_rule_counters){0};
    for (const struct beba_engine *h = s->first; h; h = h->next)
        add(sum, &h->rule[rule], sizeof(*sum));
    pthread_mutex_unlock(&s->lock);
    return sum;
}

const struct beba_rule_counters *beba_engine_counter(const struct beba_engine *e, uint32_t counter)
{
    struct shared *s = e->shared;
    struct beba_rule_counters *sum;

    if (counter >= e->p->n_counters)
        return NULL;
    if (!e->several)
        return &e->counter[counter];
    sum = &s->sums->counter[counter];
    pthread_mutex_lock(&s->lock);
    *sum = (struct beba_rule_counters){0};
    for (const struct beba_engine *h = s->first; h; h = h->next)
        add(sum, &h->counter[counter], sizeof(*sum));
    pthread_mutex_unlock(&s->lock);
    return sum;
}

int beba_engine_table(const struct beba_engine *e, uint32_t table, struct beba_table_stats *out)
{
    struct table_counts counts = {0};
    struct shared *s = e->shared;
    const struct table *t;

    *out = (struct beba_table_stats){0};
    if (table >= e->p->n_tables)
        return -ENOENT;
    t = &e->table[table];
    pthread_mutex_lock(&s->lock);
    for (const struct beba_engine *h = s->first; h; h = h->next)
        add(&counts, &h->counts[table], sizeof(counts));
    pthread_mutex_unlock(&s->lock);
    out->no_key = counts.no_key;
    if (!t->ft)
        return 0;
    out->entries = __atomic_load_n(&t->ft->count, __ATOMIC_RELAXED);
    out->capacity = beba_ft_capacity(t->ft);
    add(&out->counters, &t->ft->counters, sizeof(out->counters));
    out->counters.lookups += counts.lookups;
    out->counters.hits += counts.hits;
    out->memory = t->region.size;
    return 0;
}

/* Events ------------------------------------------------------------------------------------- */

/* The oldest that waits in a handle; NULL: none. */
static const struct beba_event *front(const struct beba_engine *e)
{
    const struct event_ring *r = &e->events;

    if (r->first == __atomic_load_n(&r->ready, __ATOMIC_ACQUIRE))
        return NULL;
    return &r->event[r->first % r->cap];
}

bool beba_engine_event(struct beba_engine *e, struct beba_event *out)
{
    struct shared *s = e->shared;
    struct beba_engine *from = NULL;
    const struct beba_event *event = NULL;

    pthread_mutex_lock(&s->lock);
    for (struct beba_engine *h = s->first; h; h = h->next) {
        const struct beba_event *other = front(h);

        if (other && (!event || other->time < event->time)) {
            event = other;
            from = h;
        }
    }
    if (event) {
        *out = *event;
        __atomic_store_n(&from->events.first, from->events.first + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&s->lock);
    return event != NULL;
}
