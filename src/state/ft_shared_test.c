/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Several threads on one table: no update is lost, the capacity holds, no key is there twice, and
 * who reads without locks reads one version. */
#include <stdatomic.h>

struct worker;
static void note_evicted(struct worker *w);
#define BEBA_FT_EVICTED(ft, shape, entry, arg) note_evicted(arg)
#include "state/ft_shared.h"

#include "base/error.h"
#include "base/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 100000 };

struct job {
    struct beba_ft *ft;
    atomic_uint running;
    uint32_t keys; /* drawn from */
    bool frees;    /* one packet in eight frees the entry */
};

struct worker {
    pthread_t thread;
    struct job *job;
    uint64_t seed;
    uint64_t done, busy, refused, evicted;
    uint64_t most; /* entries seen in the table */
    bool torn;
};

static void note_evicted(struct worker *w)
{
    w->evicted++;
}

static void make_key(uint32_t n, uint32_t key[4])
{
    uint64_t h = beba_splitmix64(n);

    key[0] = n;
    key[1] = (uint32_t)h;
    key[2] = (uint32_t)(h >> 32);
    key[3] = 6;
}

/* A packet: counts in the first register and keeps the second one the negative of it; state and
 * times follow too. */
static enum beba_held_answer packet(struct worker *w, const uint32_t key[4], bool frees,
                                    uint64_t now)
{
    struct beba_ft *ft = w->job->ft;
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    uint64_t hash = beba_ft_hash(ft, key), reg[2];
    struct beba_held held = {.arg = w};
    enum beba_held_answer answer = beba_held_take(ft, shape, key, hash, true, &held);

    if (answer)
        return answer;
    if (!held.entry) {
        answer = beba_held_room(ft, shape, key, hash, now, &held);
        if (!answer)
            answer = beba_held_insert(ft, shape, key, hash, now, &held);
    }
    if (!answer && frees) {
        beba_held_remove(ft, shape, key, hash, &held);
    } else if (!answer) {
        memcpy(reg, beba_ft_regs_as(shape, held.entry), 16);
        w->torn |= reg[1] != 0 - reg[0] || held.entry->body[0] != (uint8_t)key[0];
        reg[0]++;
        reg[1]--;
        beba_ft_store_as(ft, shape, held.entry, (uint32_t)reg[0] % 2, reg[0] % 2, now, reg);
    }
    beba_held_release(ft, shape, key, hash, &held);
    return answer;
}

static void *work(void *arg)
{
    struct worker *w = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t random = beba_splitmix64(w->seed++), count;
        enum beba_held_answer answer;
        uint32_t key[4];

        make_key((uint32_t)random % w->job->keys, key);
        answer = packet(w, key, w->job->frees && random >> 61 == 0, i + 1);
        w->busy += answer == BEBA_HELD_BUSY;
        w->refused += answer == BEBA_HELD_REFUSED;
        w->done += answer == BEBA_HELD_OK;
        count = BEBA_FT_GET(&w->job->ft->count);
        w->most = count > w->most ? count : w->most;
    }
    w->job->running--;
    return NULL;
}

/* Reads and sweeps while the others work. */
static void *watch(void *arg)
{
    struct worker *w = arg;
    struct beba_ft *ft = w->job->ft;
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    uint64_t room[16];
    struct beba_ft_entry *e = (struct beba_ft_entry *)(void *)room;

    while (w->job->running) {
        uint64_t cursor = 0, reg[2];
        uint32_t key[4], bucket = (uint32_t)beba_splitmix64(w->seed++) % ft->n_buckets;
        struct beba_seen seen;

        while (beba_held_next(ft, &cursor, e)) {
            memcpy(reg, beba_ft_regs_as(shape, e), 16);
            w->torn |= reg[1] != 0 - reg[0] || e->state != reg[0] % 2;
        }
        for (uint32_t i = 0; i < 64; i++) {
            make_key(i % w->job->keys, key);
            if (beba_held_peek(ft, shape, key, beba_ft_hash(ft, key), &seen) == 1)
                w->torn |= seen.state != seen.entered && seen.entered < 2;
        }
        w->done += beba_held_sweep(ft, shape, bucket, 1, w) >= 0;
    }
    return NULL;
}

static struct beba_ft *make(struct beba_ft_region *region, uint64_t capacity,
                            enum beba_ft_full full)
{
    struct beba_ft_desc desc = {.key_size = 13,
                                .regs_size = 16,
                                .n_states = 2,
                                .capacity = capacity,
                                .full = full,
                                .schema = "shared"};
    struct beba_error err;
    struct beba_ft *ft;

    assert_int_equal(beba_ft_open(region, NULL, &desc, &ft, &err), 0);
    return ft;
}

static void run(struct job *job, struct worker total[1])
{
    struct worker w[THREADS + 1] = {0};
    struct beba_error err;

    job->running = THREADS;
    for (unsigned i = 0; i <= THREADS; i++) {
        w[i].job = job;
        w[i].seed = i * 1000003ull;
        assert_int_equal(pthread_create(&w[i].thread, NULL, i == THREADS ? watch : work, &w[i]), 0);
    }
    memset(total, 0, sizeof(*total));
    for (unsigned i = 0; i <= THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        if (w[i].torn)
            fail_msg("thread %u of %u read two versions", i, THREADS);
        if (i == THREADS)
            break;
        total->done += w[i].done;
        total->busy += w[i].busy;
        total->refused += w[i].refused;
        total->evicted += w[i].evicted;
        total->most = w[i].most > total->most ? w[i].most : total->most;
    }
    if (beba_ft_verify(job->ft, &err))
        fail_msg("%s", err.what);
    assert_true(job->ft->count <= job->ft->capacity);
    assert_int_equal(total->done + total->busy + total->refused, THREADS * ROUNDS);
}

/* Threads count in few registers: the sum is exact. */
static void test_no_lost_update(void **state)
{
    (void)state;
    for (uint32_t keys = 1; keys <= 1000; keys *= 10) {
        struct beba_ft_region region;
        struct job job = {.ft = make(&region, 2000, BEBA_FT_REFUSE), .keys = keys};
        struct beba_ft_entry *e;
        uint64_t cursor = 0, sum = 0, reg;
        struct worker total;

        run(&job, &total);
        while ((e = beba_ft_next(job.ft, &cursor))) {
            memcpy(&reg, beba_ft_regs(job.ft, e), 8);
            sum += reg;
        }
        assert_int_equal(sum, total.done);
        assert_int_equal(job.ft->count, keys);
        assert_int_equal(total.refused, 0);
        assert_int_equal(job.ft->counters.creations, keys);
        beba_ft_close(&region);
    }
}

/* More keys than room: entries come and go, the first buckets overflow. */
static void churn(uint64_t capacity, enum beba_ft_full full, bool frees)
{
    struct beba_ft_region region;
    struct job job = {
        .ft = make(&region, capacity, full), .keys = (uint32_t)capacity * 2, .frees = frees};
    const struct beba_ft_counters *c = &job.ft->counters;
    struct worker total;

    run(&job, &total);
    assert_true(total.most <= capacity + THREADS); /* counted ahead, given back */
    assert_int_equal(c->creations - c->evictions - c->frees, job.ft->count);
    assert_int_equal(c->evictions, total.evicted);
    assert_int_equal(full == BEBA_FT_REFUSE ? total.evicted : total.refused, 0);
    assert_true(total.refused + total.evicted > 0);
    assert_true(frees || job.ft->count == capacity);
    beba_ft_close(&region);
}

static void test_churn(void **state)
{
    static const uint64_t capacity[] = {1, 16, 33, 100, 1000, 20000};

    (void)state;
    for (size_t i = 0; i < sizeof(capacity) / sizeof(*capacity); i++) {
        churn(capacity[i], BEBA_FT_EVICT, false);
        churn(capacity[i], BEBA_FT_REFUSE, false);
        churn(capacity[i], BEBA_FT_REFUSE, true);
    }
}

/* A table with a lone user takes no lock. */
static void test_lone(void **state)
{
    struct beba_ft_region region;
    struct job job = {.ft = make(&region, 100, BEBA_FT_EVICT)};
    struct beba_ft_shape shape = beba_ft_shape_of(job.ft);
    struct beba_error err;

    (void)state;
    shape.lone = 1;
    for (uint32_t i = 0; i < 1000; i++) {
        struct worker w = {.job = &job};
        struct beba_held held = {.arg = &w};
        uint32_t key[4];
        uint64_t hash;

        make_key(i, key);
        hash = beba_ft_hash(job.ft, key);
        assert_int_equal(beba_held_take(job.ft, shape, key, hash, true, &held), BEBA_HELD_OK);
        assert_null(held.entry);
        assert_int_equal(beba_held_room(job.ft, shape, key, hash, i, &held), BEBA_HELD_OK);
        assert_int_equal(beba_held_insert(job.ft, shape, key, hash, i, &held), BEBA_HELD_OK);
        assert_non_null(held.entry);
        beba_held_release(job.ft, shape, key, hash, &held);
    }
    for (uint32_t i = 0; i < job.ft->n_buckets; i++)
        assert_int_equal(BEBA_FT_BUCKET(job.ft, shape, i)->lock, 0);
    assert_int_equal(job.ft->count, 100);
    assert_int_equal(beba_ft_verify(job.ft, &err), 0);
    beba_ft_close(&region);
}

/* A writer was killed with locks taken: whoever joins the region clears them. */
static void test_killed(void **state)
{
    struct beba_ft_region region;
    struct job job = {.ft = make(&region, 100, BEBA_FT_EVICT), .keys = 10};
    struct beba_ft_shape shape = beba_ft_shape_of(job.ft);
    struct worker w = {.job = &job};
    struct beba_held held = {.arg = &w};
    struct beba_error err;
    struct beba_ft *ft;
    uint32_t key[4];
    uint64_t hash;

    (void)state;
    make_key(1, key);
    hash = beba_ft_hash(job.ft, key);
    assert_int_equal(packet(&w, key, false, 1), BEBA_HELD_OK);
    assert_int_equal(beba_held_take(job.ft, shape, key, hash, true, &held), BEBA_HELD_OK);
    assert_true(beba_lock_try(&job.ft->lock));
    assert_int_equal(packet(&w, key, false, 2), BEBA_HELD_BUSY);
    assert_int_equal(beba_ft_join(region.mem, region.size, NULL, &ft, &err), 0);
    assert_int_equal(packet(&w, key, false, 3), BEBA_HELD_OK);
    assert_true(beba_lock_try(&job.ft->lock));
    beba_ft_close(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_lost_update),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_lone),
        cmocka_unit_test(test_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
