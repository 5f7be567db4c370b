/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flow table against a simple model of it: an array indexed by key number, timeouts taken one
 * step at a time. Random operations as an engine does them, at times that go on, with sweeps
 * between.
 *
 * BEBA_FT_MODEL_OPS: operations in all, 10 million by default; sanitizer builds give less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "state/ft_core.h"

enum { REGS = 12, KEY_WORDS = 4, N_STATES = 6 };

static const uint8_t init[REGS] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2};

static const struct beba_timeouts states[N_STATES] = {
    {0},
    {.idle = 4000, .idle_to = 0},
    {.idle = 900, .hard = 2500, .idle_to = 1, .hard_to = 3},
    {.hard = 1000, .hard_to = 4},
    {.idle = 700, .idle_to = 3, .hard = 100000, .hard_to = 1},
    {0},
};

struct flow {
    bool there;
    uint32_t state;
    uint64_t entered, used;
    uint8_t regs[REGS];
};

struct model {
    struct beba_ft *ft;
    struct flow *flow;
    uint32_t n_flows; /* key numbers */
    uint64_t random, now;
    struct beba_ft_counters count;
    uint64_t reclaimed; /* freed by the table when it needed room */
    struct beba_ft_entry *evicted;
};

static uint64_t draw(struct model *m)
{
    return m->random = beba_splitmix64(m->random);
}

/* 13 bytes; the number can be had back from the first word. */
static void make_key(uint32_t key[KEY_WORDS], uint32_t i)
{
    uint64_t rest = beba_splitmix64(i);

    key[0] = i * 2654435761u;
    key[1] = (uint32_t)rest;
    key[2] = (uint32_t)(rest >> 32);
    key[3] = i & 0xff;
}

static uint32_t number_of(const struct beba_ft_entry *e)
{
    uint32_t word;

    memcpy(&word, e->body, 4);
    return word * 244002641u; /* the inverse of 2654435761 modulo 2^32 */
}

/* What a packet sees of f, as ft.h says it; true when a timeout was due. */
static bool expire(struct flow *f, uint64_t now)
{
    bool any = false;

    for (;;) {
        const struct beba_timeouts *t = &states[f->state];
        uint64_t hard = t->hard ? f->entered + t->hard : UINT64_MAX;
        uint64_t idle = t->idle ? f->used + t->idle : UINT64_MAX;

        if (hard > now && idle > now)
            return any;
        f->state = hard <= idle ? t->hard_to : t->idle_to;
        f->entered = f->used = hard <= idle ? hard : idle;
        any = true;
    }
}

static bool dead(const struct flow *f, uint64_t now)
{
    struct flow seen = *f;

    return expire(&seen, now) && !seen.state; /* which has no timeouts */
}

static void compare(struct model *m, struct beba_ft_entry *e, const struct flow *f, uint32_t i)
{
    uint32_t key[KEY_WORDS];

    make_key(key, i);
    assert_memory_equal(beba_ft_key(m->ft, e), key, sizeof(key));
    assert_int_equal(e->state, f->state);
    assert_int_equal(e->entered, f->entered);
    assert_int_equal(e->used, f->used);
    assert_memory_equal(beba_ft_regs(m->ft, e), f->regs, REGS);
}

/* The table frees what is dead when it needs room; the model hears of it when it looks. */
static void notice_reclaimed(struct model *m, struct flow *f)
{
    assert_true(dead(f, m->now));
    f->there = false;
    m->reclaimed++;
}

static void notice_evicted(struct model *m)
{
    uint32_t i = number_of(m->evicted);

    assert_true(i < m->n_flows && m->flow[i].there);
    compare(m, m->evicted, &m->flow[i], i);
    m->flow[i].there = false;
    m->count.evictions++;
}

static struct beba_ft_entry *create(struct model *m, uint32_t i, const uint32_t *key, uint64_t hash)
{
    bool room = beba_ft_room(m->ft, hash, m->now), refuse = m->ft->full == BEBA_FT_REFUSE;
    bool evicted;
    struct beba_ft_entry *e = beba_ft_insert(m->ft, key, hash, m->now, m->evicted, &evicted);

    if (!room && refuse) {
        m->count.refusals += 2; /* room said no, and so does insert */
        assert_null(e);
        assert_int_equal(beba_ft_entries(m->ft), beba_ft_capacity(m->ft));
        return NULL;
    }
    assert_non_null(e);
    assert_int_equal(evicted, !room);
    if (evicted)
        notice_evicted(m);
    m->count.creations++;
    m->flow[i] = (struct flow){.there = true, .entered = m->now, .used = m->now};
    memcpy(m->flow[i].regs, init, REGS);
    compare(m, e, &m->flow[i], i);
    return e;
}

/* One packet: find, expire, perhaps create, change, store or free. */
static void packet(struct model *m)
{
    uint32_t i = (uint32_t)(draw(m) % m->n_flows), key[KEY_WORDS];
    struct flow *f = &m->flow[i];
    struct beba_ft_entry *e;
    struct beba_seen seen;
    uint64_t hash, r = draw(m);

    make_key(key, i);
    hash = beba_ft_hash(m->ft, key);
    beba_ft_prefetch(m->ft, hash);
    if (beba_ft_prefetch_entry(m->ft, hash))
        beba_ft_prefetch_aside(m->ft, hash);
    e = beba_ft_find(m->ft, key, hash);
    m->count.lookups++;
    m->count.hits += e != NULL;
    assert_ptr_equal(beba_ft_peek(m->ft, key, hash), e);
    if (!e && f->there)
        notice_reclaimed(m, f);
    if (!e && r % 4)
        e = create(m, i, key, hash);
    if (!e)
        return;
    assert_true(f->there);
    compare(m, e, f, i);
    seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
    beba_timeouts_apply(beba_ft_states(m->ft), N_STATES, &seen, m->now);
    assert_int_equal(seen.expired, expire(f, m->now));
    assert_int_equal(seen.state, f->state);
    assert_int_equal(seen.entered, f->entered);
    assert_int_equal(seen.used, f->used);
    if (seen.expired) {
        m->count.expiries++;
        m->ft->counters.expiries++; /* as an engine does */
    }
    assert_int_equal(beba_ft_is_over(m->ft, &seen), seen.expired && !f->state);
    if (beba_ft_is_over(m->ft, &seen)) {
        beba_ft_remove(m->ft, e);
        m->count.frees++;
        f->there = false;
        return;
    }
    f->used = m->now;
    if (r >> 8 & 1) { /* another state, at times with its registers at the start */
        f->state = (uint32_t)(r >> 16) % N_STATES;
        f->entered = m->now;
        memcpy(f->regs, init, REGS);
        f->regs[r % REGS] ^= (uint8_t)(r >> 24 & 1);
    }
    if (beba_ft_is_initial(m->ft, f->state, f->regs)) {
        beba_ft_remove(m->ft, e);
        m->count.frees++;
        f->there = false;
        return;
    }
    beba_ft_store(m->ft, e, f->state, f->entered, f->used, f->regs);
    compare(m, e, f, i);
}

static void swept(void *arg, const struct beba_ft_expiry *expiry)
{
    struct model *m = arg;
    uint32_t i = number_of(expiry->entry);
    struct flow *f = &m->flow[i];

    assert_true(i < m->n_flows && f->there);
    assert_int_equal(expiry->from, f->state);
    assert_true(expiry->deadline <= m->now);
    assert_true(expire(f, m->now));
    assert_int_equal(expiry->to, f->state);
    assert_int_equal(expiry->freed, !f->state);
    f->there = !expiry->freed;
    m->count.expiries++;
    m->count.frees += expiry->freed;
}

/* The table and the model hold the same, and the table is sound. */
static void settle(struct model *m)
{
    const struct beba_ft_counters *c = beba_ft_counters(m->ft);
    uint64_t cursor = 0, n = 0, there = 0;
    struct beba_ft_entry *e;
    struct beba_error err;

    if (beba_ft_verify(m->ft, &err))
        fail_msg("%s", err.what);
    for (uint32_t i = 0; i < m->n_flows; i++) {
        uint32_t key[KEY_WORDS];

        make_key(key, i);
        e = beba_ft_peek(m->ft, key, beba_ft_hash(m->ft, key));
        if (!e && m->flow[i].there)
            notice_reclaimed(m, &m->flow[i]);
        assert_int_equal(e != NULL, m->flow[i].there);
        if (e)
            compare(m, e, &m->flow[i], i);
        there += m->flow[i].there;
    }
    while ((e = beba_ft_next(m->ft, &cursor))) {
        assert_true(m->flow[number_of(e)].there);
        n++;
    }
    assert_int_equal(n, there);
    assert_int_equal(beba_ft_entries(m->ft), there);
    assert_int_equal(c->lookups, m->count.lookups);
    assert_int_equal(c->hits, m->count.hits);
    assert_int_equal(c->creations, m->count.creations);
    assert_int_equal(c->evictions, m->count.evictions);
    assert_int_equal(c->refusals, m->count.refusals);
    assert_int_equal(c->expiries, m->count.expiries + m->reclaimed);
    assert_int_equal(c->frees, m->count.frees + m->reclaimed);
    assert_int_equal(c->creations - c->frees - c->evictions, there);
}

static void run(uint64_t capacity, uint32_t n_flows, enum beba_ft_full full, uint64_t ops)
{
    struct beba_ft_desc desc = {
        .key_size = 13,
        .regs_size = REGS,
        .regs_init = init,
        .states = states,
        .n_states = N_STATES,
        .capacity = capacity,
        .full = full,
    };
    struct model m = {.n_flows = n_flows, .random = capacity ^ full};
    size_t size = beba_ft_footprint(&desc);
    uint8_t seed[32] = {(uint8_t)capacity, (uint8_t)full};
    void *mem = aligned_alloc(64, (size + 63) / 64 * 64);
    uint64_t pace = 4000 / n_flows + 1; /* so that flows idle about as long as their timeouts are */
    uint64_t check = ops / 4 + 1;
    struct beba_error err;

    assert_int_equal(beba_ft_new(mem, size, &desc, seed, &m.ft, &err), 0);
    m.flow = calloc(n_flows, sizeof(*m.flow));
    m.evicted = malloc(beba_ft_entry_size(m.ft));
    assert_true(m.flow && m.evicted);
    m.now = full ? 1000 : 1ull << 62;
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t r = draw(&m);

        m.now += r % 64 ? (r >> 8) % (2 * pace) : (r >> 8) % 3000;
        if (r >> 40 == 0)
            m.now += 1000000; /* everything expires, round the cycle of 3 and 4 */
        packet(&m);
        if ((r >> 32) % 1024 == 0)
            beba_ft_sweep(m.ft, (uint32_t)(r >> 44) % (m.ft->n_buckets * 2), m.now, swept, &m);
        if (i % check == check - 1)
            settle(&m);
    }
    settle(&m);
    free(m.evicted);
    free(m.flow);
    free(mem);
}

static void agrees_with_the_model(void **state)
{
    static const struct {
        uint64_t capacity;
        uint32_t n_flows;
        unsigned share; /* of the operations, in percent */
    } tables[] = {
        {1, 3, 3},        {2, 2, 3},         {16, 20, 4},       {17, 100, 4},
        {33, 40, 4},      {100, 150, 6},     {100, 3000, 4},    {1000, 1100, 7},
        {5000, 20000, 5}, {60000, 70000, 5}, {60000, 40000, 5},
    };
    const char *env = getenv("BEBA_FT_MODEL_OPS");
    uint64_t ops = env ? strtoull(env, NULL, 0) : 10000000;

    for (unsigned i = 0; i < sizeof(tables) / sizeof(*tables); i++)
        for (int full = BEBA_FT_EVICT; full <= BEBA_FT_REFUSE; full++)
            run(tables[i].capacity, tables[i].n_flows, (enum beba_ft_full)full,
                ops * tables[i].share / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
