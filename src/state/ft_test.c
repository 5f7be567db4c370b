/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
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

static const uint8_t seed[32] = {1, 2, 3};

/* 0 = start; 1 idles back to it; 2 goes to 1; 3 and 4 alternate; 5 stays. */
static const struct beba_timeouts states[] = {
    {0},
    {.idle = 100, .idle_to = 0},
    {.hard = 50, .hard_to = 1},
    {.hard = 10, .hard_to = 4},
    {.idle = 20, .idle_to = 3},
    {0},
};

struct fixture {
    struct beba_ft *ft;
    size_t size;
    uint64_t regs_init;
};

static struct beba_ft_desc describe(const struct fixture *f, uint64_t capacity,
                                    enum beba_ft_full full)
{
    return (struct beba_ft_desc){
        .key_size = 13,
        .regs_size = 8,
        .regs_init = &f->regs_init,
        .states = states,
        .n_states = 6,
        .capacity = capacity,
        .full = full,
        .schema = "test",
    };
}

static void *aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);

    assert_non_null(p);
    memset(p, 0xa5, (size + 63) / 64 * 64); /* nothing may depend on zeroed memory */
    return p;
}

static void open_table(struct fixture *f, uint64_t capacity, enum beba_ft_full full)
{
    struct beba_ft_desc desc;
    struct beba_error err;

    f->regs_init = 0x1122334455667788;
    desc = describe(f, capacity, full);
    f->size = beba_ft_footprint(&desc);
    assert_true(f->size > 0);
    assert_int_equal(beba_ft_new(aligned(f->size), f->size, &desc, seed, &f->ft, &err), 0);
    assert_int_equal(beba_ft_verify(f->ft, &err), 0);
}

static void close_table(struct fixture *f)
{
    struct beba_error err;

    if (beba_ft_verify(f->ft, &err))
        fail_msg("%s", err.what);
    free(f->ft);
}

static void make_key(uint32_t key[4], uint64_t i)
{
    key[0] = (uint32_t)i;
    key[1] = (uint32_t)(i >> 32);
    key[2] = 0x00500050;
    key[3] = 6;
}

static struct beba_ft_entry *add(struct beba_ft *ft, uint64_t i, uint64_t now)
{
    uint32_t key[4];
    bool evicted;

    make_key(key, i);
    return beba_ft_insert(ft, key, beba_ft_hash(ft, key), now, NULL, &evicted);
}

static struct beba_ft_entry *look(struct beba_ft *ft, uint64_t i)
{
    uint32_t key[4];

    make_key(key, i);
    return beba_ft_find(ft, key, beba_ft_hash(ft, key));
}

static void refuses_descriptions_out_of_bounds(void **state)
{
    struct fixture f = {0};
    struct beba_error err;
    struct beba_ft *ft;
    struct beba_ft_desc desc = describe(&f, 10, BEBA_FT_EVICT);
    struct beba_timeouts wild[2] = {{.idle = 1, .idle_to = 2}, {0}};
    void *mem = aligned(1 << 16);

    desc.key_size = 0;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    assert_int_equal(beba_ft_new(mem, 1 << 16, &desc, seed, &ft, &err), -EINVAL);
    assert_non_null(strstr(err.what, "key of 0 bytes"));
    desc.key_size = 65;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    desc.key_size = 64;
    assert_true(beba_ft_footprint(&desc) > 0);
    desc.regs_size = 257;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    assert_int_equal(beba_ft_new(mem, 1 << 16, &desc, seed, &ft, &err), -EINVAL);
    assert_non_null(strstr(err.what, "registers"));
    desc.regs_size = 8;
    desc.capacity = 0;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    desc.capacity = 1ull << 32;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    assert_int_equal(beba_ft_new(mem, 1 << 16, &desc, seed, &ft, &err), -EINVAL);
    assert_non_null(strstr(err.what, "capacity of 4294967296"));
    desc.capacity--;
    assert_true(beba_ft_footprint(&desc) > 100ull << 30);
    desc.capacity = 10;
    desc.n_states = 0;
    assert_int_equal(beba_ft_footprint(&desc), 0);
    desc.n_states = 2;
    desc.states = wild;
    assert_int_equal(beba_ft_new(mem, 1 << 16, &desc, seed, &ft, &err), -EINVAL);
    assert_non_null(strstr(err.what, "state 0"));
    desc.states = states;
    desc.n_states = 6;
    assert_int_equal(beba_ft_new(mem, beba_ft_footprint(&desc) - 1, &desc, seed, &ft, &err),
                     -EINVAL);
    assert_int_equal(beba_ft_new((uint8_t *)mem + 8, 1 << 15, &desc, seed, &ft, &err), -EINVAL);
    assert_int_equal(beba_ft_new(mem, beba_ft_footprint(&desc), &desc, seed, &ft, &err), 0);
    free(mem);
}

static void keeps_what_it_is_given(void **state)
{
    struct fixture f;
    struct beba_ft_entry *e;
    uint32_t key[4];
    uint64_t regs = 42;

    open_table(&f, 100, BEBA_FT_REFUSE);
    assert_string_equal(beba_ft_schema(f.ft), "test");
    assert_int_equal(beba_ft_capacity(f.ft), 100);
    assert_null(look(f.ft, 7));
    e = add(f.ft, 7, 5ull << 24);
    assert_non_null(e);
    assert_int_equal(e->state, 0);
    assert_int_equal(e->used, 5ull << 24);
    assert_int_equal(e->entered, 5ull << 24);
    assert_int_equal(e->birth, 5 << 1);
    assert_memory_equal(beba_ft_regs(f.ft, e), &f.regs_init, 8);
    make_key(key, 7);
    assert_memory_equal(beba_ft_key(f.ft, e), key, 16);
    assert_ptr_equal(look(f.ft, 7), e);
    assert_null(look(f.ft, 8));

    beba_ft_store(f.ft, e, 5, 1000, 2000, &regs);
    assert_int_equal(e->state, 5);
    assert_int_equal(e->entered, 1000);
    assert_int_equal(e->used, 2000);
    assert_memory_equal(beba_ft_regs(f.ft, e), &regs, 8);
    beba_ft_store(f.ft, e, 2, 1001, 2001, NULL);
    assert_int_equal(e->state, 2);
    assert_memory_equal(beba_ft_regs(f.ft, e), &regs, 8);

    assert_int_equal(beba_ft_entries(f.ft), 1);
    beba_ft_remove(f.ft, e);
    assert_int_equal(beba_ft_entries(f.ft), 0);
    assert_null(look(f.ft, 7));
    assert_int_equal(beba_ft_counters(f.ft)->lookups, 4);
    assert_int_equal(beba_ft_counters(f.ft)->hits, 1);
    assert_int_equal(beba_ft_counters(f.ft)->creations, 1);
    assert_int_equal(beba_ft_counters(f.ft)->frees, 1);
    make_key(key, 7);
    assert_null(beba_ft_peek(f.ft, key, beba_ft_hash(f.ft, key)));
    assert_int_equal(beba_ft_counters(f.ft)->lookups, 4);
    close_table(&f);
}

static void knows_the_initial_state(void **state)
{
    struct fixture f;
    uint64_t other = 1;

    open_table(&f, 100, BEBA_FT_REFUSE);
    assert_true(beba_ft_is_initial(f.ft, 0, &f.regs_init));
    assert_false(beba_ft_is_initial(f.ft, 0, &other));
    assert_false(beba_ft_is_initial(f.ft, 5, &f.regs_init));
    close_table(&f);
}

/* Every size of key and registers; the public functions and those with a constant shape agree. */
static void works_for_every_size(void **state)
{
    static const uint32_t regs_sizes[] = {0, 1, 7, 8, 9, 16, 24, 255, 256};

    for (uint32_t size = 1; size <= BEBA_FT_KEY_MAX; size++) {
        for (unsigned r = 0; r < sizeof(regs_sizes) / sizeof(*regs_sizes); r++) {
            uint8_t init[256], regs[256];
            struct beba_ft_desc desc = {.key_size = size,
                                        .regs_size = regs_sizes[r],
                                        .regs_init = init,
                                        .n_states = 1,
                                        .capacity = 60};
            size_t bytes = beba_ft_footprint(&desc);
            struct beba_ft_shape shape = beba_ft_shape(size, regs_sizes[r]);
            struct beba_error err;
            struct beba_ft *ft;
            void *mem = aligned(bytes);
            uint32_t n = size == 1 ? 60 : 61; /* the last is one too many */
            bool evicted;

            for (unsigned i = 0; i < 256; i++) {
                init[i] = (uint8_t)(i * 7);
                regs[i] = (uint8_t)(i * 13 + 1);
            }
            desc.full = BEBA_FT_REFUSE;
            assert_int_equal(beba_ft_new(mem, bytes, &desc, seed, &ft, &err), 0);
            for (uint32_t i = 0; i < n; i++) {
                uint32_t key[16] = {0};
                uint64_t hash;
                struct beba_ft_entry *e;

                ((uint8_t *)key)[size - 1] = (uint8_t)i; /* differ in the last byte only */
                hash = beba_ft_hash(ft, key);
                assert_int_equal(hash, beba_ft_hash_as(ft, shape, key));
                assert_null(beba_ft_find(ft, key, hash));
                e = beba_ft_insert(ft, key, hash, i, NULL, &evicted);
                if (i == 60) {
                    assert_null(e);
                    break;
                }
                assert_non_null(e);
                assert_memory_equal(beba_ft_regs(ft, e), init, desc.regs_size);
                beba_ft_store(ft, e, 0, i, i, regs);
                assert_memory_equal(beba_ft_regs(ft, e), regs, desc.regs_size);
                assert_memory_equal(beba_ft_key(ft, e), key, size);
                assert_ptr_equal(beba_ft_find(ft, key, hash), e);
                assert_ptr_equal(beba_ft_find_as(ft, shape, key, hash), e);
            }
            if (beba_ft_verify(ft, &err))
                fail_msg("%s", err.what);
            free(mem);
        }
    }
}

static void refuses_when_full(void **state)
{
    static const uint64_t capacities[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 100, 1000, 20000};

    for (unsigned c = 0; c < sizeof(capacities) / sizeof(*capacities); c++) {
        uint64_t n = capacities[c];
        struct fixture f;
        uint32_t key[4];

        open_table(&f, n, BEBA_FT_REFUSE);
        for (uint64_t i = 0; i < n; i++) {
            struct beba_ft_entry *e;

            make_key(key, i);
            assert_true(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 1));
            e = add(f.ft, i, 1);
            assert_non_null(e); /* all of the capacity can be used */
            beba_ft_store(f.ft, e, 5, 1, 1, NULL);
        }
        assert_int_equal(beba_ft_counters(f.ft)->refusals, 0);
        make_key(key, n);
        assert_false(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 2));
        assert_int_equal(beba_ft_counters(f.ft)->refusals, 1);
        assert_null(add(f.ft, n, 2));
        assert_int_equal(beba_ft_counters(f.ft)->refusals, 2);
        for (uint64_t i = 0; i < n; i++)
            assert_non_null(look(f.ft, i));
        assert_int_equal(beba_ft_entries(f.ft), n);
        close_table(&f);
    }
}

/* One bucket: the victim is the least recently used of all. */
static void evicts_the_least_recently_used(void **state)
{
    struct fixture f;
    struct beba_ft_entry *copy;
    uint32_t key[4];
    uint64_t regs = 99;

    open_table(&f, 16, BEBA_FT_EVICT);
    copy = malloc(beba_ft_entry_size(f.ft));
    assert_non_null(copy);
    for (uint64_t i = 0; i < 16; i++)
        beba_ft_store(f.ft, add(f.ft, i, 1), 5, 100 + i, i == 11 ? 50 : 100 + i, &regs);
    for (uint64_t i = 16; i < 40; i++) {
        uint64_t victim = i == 16 ? 11 : i == 17 ? 0 : ~0ull;
        bool evicted;
        struct beba_ft_entry *e;

        make_key(key, i);
        assert_false(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 1000 + i));
        e = beba_ft_insert(f.ft, key, beba_ft_hash(f.ft, key), 1000 + i, copy, &evicted);
        assert_non_null(e);
        assert_true(evicted);
        beba_ft_store(f.ft, e, 5, 1000 + i, 1000 + i, NULL);
        if (victim != ~0ull) {
            make_key(key, victim);
            assert_memory_equal(beba_ft_key(f.ft, copy), key, 16);
            assert_memory_equal(beba_ft_regs(f.ft, copy), &regs, 8);
            assert_int_equal(copy->state, 5);
            assert_null(look(f.ft, victim));
        }
        assert_int_equal(beba_ft_entries(f.ft), 16);
    }
    assert_int_equal(beba_ft_counters(f.ft)->evictions, 24);
    assert_int_equal(beba_ft_counters(f.ft)->refusals, 0);
    assert_int_equal(beba_ft_counters(f.ft)->frees, 0);
    free(copy);
    close_table(&f);
}

/* Two buckets, which are the candidates of every key: the victim is the least recently used of
 * both. */
static void evicts_the_least_recently_used_of_two_buckets(void **state)
{
    enum { N = 32, MORE = 200 };
    struct fixture f;
    struct beba_ft_entry *copy;
    uint64_t used[N + MORE];
    uint32_t key[4];

    open_table(&f, N, BEBA_FT_EVICT);
    copy = malloc(beba_ft_entry_size(f.ft));
    assert_non_null(copy);
    for (uint64_t i = 0; i < N + MORE; i++) {
        struct beba_ft_entry *e;
        uint64_t victim = 0;
        bool evicted;

        make_key(key, i);
        e = beba_ft_insert(f.ft, key, beba_ft_hash(f.ft, key), 1, copy, &evicted);
        assert_non_null(e);
        assert_int_equal(evicted, i >= N);
        used[i] = 1 + (i * 2654435761u) % 1000003; /* all different */
        beba_ft_store(f.ft, e, 5, 1, used[i], NULL);
        if (!evicted)
            continue;
        for (uint64_t k = 1; k < i; k++)
            if (used[k] < used[victim])
                victim = k;
        make_key(key, victim);
        assert_memory_equal(beba_ft_key(f.ft, copy), key, 16);
        used[victim] = ~0ull;
    }
    free(copy);
    close_table(&f);
}

static void evicts_from_elsewhere_when_its_buckets_are_empty(void **state)
{
    struct fixture f;
    uint32_t key[4];
    uint64_t hash = 0;
    bool evicted = false;

    open_table(&f, 60, BEBA_FT_EVICT);
    f.ft->capacity = 1; /* as if the one entry were all that the table may hold */
    assert_non_null(add(f.ft, 0, 1));
    for (uint64_t i = 1; i < 1000; i++) { /* a key whose buckets are not those of the first */
        uint64_t other;

        make_key(key, 0);
        other = beba_ft_hash(f.ft, key);
        make_key(key, i);
        hash = beba_ft_hash(f.ft, key);
        if (beba_ft_first(f.ft, hash) != beba_ft_first(f.ft, other) &&
            beba_ft_second(f.ft, hash) != beba_ft_first(f.ft, other))
            break;
    }
    assert_non_null(beba_ft_insert(f.ft, key, hash, 2, NULL, &evicted));
    assert_true(evicted);
    assert_int_equal(beba_ft_entries(f.ft), 1);
    assert_null(look(f.ft, 0));
    f.ft->capacity = 60;
    close_table(&f);
}

static void reclaims_the_dead_before_it_is_full(void **state)
{
    for (int full = BEBA_FT_EVICT; full <= BEBA_FT_REFUSE; full++) {
        struct fixture f;
        uint32_t key[4];
        uint64_t held = 7; /* what registers hold does not keep an entry */

        open_table(&f, 16, (enum beba_ft_full)full);
        for (uint64_t i = 0; i < 16; i++) /* 2 -> 1 at 50 -> 0 at 150; the last one stays */
            beba_ft_store(f.ft, add(f.ft, i, 0), i == 15 ? 5 : 2, 0, 0, i % 2 ? &held : NULL);
        make_key(key, 16);
        assert_false(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 149));
        assert_int_equal(beba_ft_entries(f.ft), 16);
        assert_true(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 150));
        assert_int_equal(beba_ft_entries(f.ft), 1);
        assert_int_equal(beba_ft_counters(f.ft)->expiries, 15);
        assert_int_equal(beba_ft_counters(f.ft)->frees, 15);
        assert_int_equal(beba_ft_counters(f.ft)->evictions, 0);
        assert_int_equal(beba_ft_counters(f.ft)->refusals, full == BEBA_FT_REFUSE);
        assert_non_null(add(f.ft, 16, 150));
        assert_non_null(look(f.ft, 15));
        close_table(&f);
    }
}

struct reports {
    unsigned n, freed;
    uint32_t from, to;
    uint64_t deadline;
};

static void report(void *arg, const struct beba_ft_expiry *expiry)
{
    struct reports *r = arg;

    r->n++;
    r->freed += expiry->freed;
    r->from = expiry->from;
    r->to = expiry->to;
    r->deadline = expiry->deadline;
    assert_int_equal(expiry->entry->state, expiry->from); /* as it was */
}

static void sweeps(void **state)
{
    struct fixture f;
    struct reports r = {0};
    uint64_t other = 3;

    open_table(&f, 1000, BEBA_FT_REFUSE);
    beba_ft_store(f.ft, add(f.ft, 1, 0), 2, 1000, 1000, NULL); /* frees at 1150 */
    beba_ft_store(f.ft, add(f.ft, 2, 0), 2, 1000, 1000,
                  &other); /* so does this, whatever it holds */
    beba_ft_store(f.ft, add(f.ft, 3, 0), 5, 1000, 1000, NULL);
    assert_int_equal(beba_ft_sweep(f.ft, ~0u, 1049, report, &r), 0);
    assert_int_equal(r.n, 0);
    assert_int_equal(beba_ft_sweep(f.ft, ~0u, 1050, report, &r), 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.from, 2);
    assert_int_equal(r.to, 1);
    assert_int_equal(r.deadline, 1050);
    assert_int_equal(look(f.ft, 1)->state, 1);
    assert_int_equal(look(f.ft, 1)->entered, 1050);
    assert_int_equal(look(f.ft, 1)->used, 1050);
    assert_int_equal(beba_ft_sweep(f.ft, ~0u, 1149, report, &r), 0);
    assert_int_equal(beba_ft_sweep(f.ft, ~0u, 1200, NULL, NULL), 2);
    assert_int_equal(beba_ft_counters(f.ft)->expiries, 4);
    assert_int_equal(beba_ft_counters(f.ft)->frees, 2);
    assert_null(look(f.ft, 1));
    assert_null(look(f.ft, 2));
    assert_int_equal(look(f.ft, 3)->state, 5);

    /* In steps: every bucket gets its turn. */
    for (uint64_t i = 10; i < 900; i++)
        beba_ft_store(f.ft, add(f.ft, i, 2000), 1, 2000, 2000, NULL);
    for (unsigned i = 0; i < 1000 && beba_ft_entries(f.ft) > 1; i++)
        beba_ft_sweep(f.ft, 1, 3000, NULL, NULL);
    assert_int_equal(beba_ft_entries(f.ft), 1);
    assert_int_equal(beba_ft_sweep(f.ft, 0, 9000, NULL, NULL), 0);
    close_table(&f);
}

static void walks_while_the_table_is_used(void **state)
{
    enum { N = 3000 };
    struct fixture f;
    uint8_t seen[2 * N] = {0};
    uint64_t cursor = 0, step = 0, new = N;
    struct beba_ft_entry *e;

    open_table(&f, 2 * N, BEBA_FT_REFUSE);
    assert_null(beba_ft_next(f.ft, &cursor));
    assert_null(beba_ft_next(f.ft, &cursor)); /* stays at the end */
    for (uint64_t i = 0; i < N; i++)
        assert_non_null(add(f.ft, i, 1));
    cursor = 0;
    while ((e = beba_ft_next(f.ft, &cursor))) {
        uint32_t i;
        struct beba_ft_entry *other;

        memcpy(&i, beba_ft_key(f.ft, e), 4);
        seen[i]++;
        if (step++ % 3 == 0) { /* odd ones go, new ones come */
            other = look(f.ft, (step * 2 + 1) % N | 1);
            if (other)
                beba_ft_remove(f.ft, other);
            if (new < 2 * N)
                assert_non_null(add(f.ft, new ++, 1));
        }
    }
    for (unsigned i = 0; i < 2 * N; i++) {
        if (i < N && i % 2 == 0)
            assert_int_equal(seen[i], 1);
        assert_true(seen[i] <= 1);
    }
    close_table(&f);
}

static void finds_tags_with_and_without_vectors(void **state)
{
    struct beba_ft_bucket b __attribute__((aligned(64)));
    uint64_t random = 1;

    for (unsigned n = 0; n < 200000; n++) {
        uint16_t tag = 0;
        uint32_t expect = 0;

        for (unsigned i = 0; i < BEBA_FT_SLOTS; i++) {
            random = beba_splitmix64(random);
            b.tag[i] = (uint16_t)random;
            if (random >> 60 < 6) /* near misses: same but for one bit, zero, extremes */
                b.tag[i] = (uint16_t)(tag ^ 1u << (random >> 56 & 15));
            if (random >> 60 == 6)
                b.tag[i] = (random >> 56 & 1) ? 0xffff : 0x8000;
            if (random >> 60 == 7)
                b.tag[i] = 0;
            if (random >> 60 == 8 || i == n % 17)
                b.tag[i] = tag;
            tag = n % 4 ? b.tag[0] : 0;
        }
        for (unsigned i = 0; i < BEBA_FT_SLOTS; i++)
            expect |= (uint32_t)(b.tag[i] == tag) << i;
        assert_int_equal(beba_ft_match(&b, tag), expect);
        assert_int_equal(beba_ft_match_swar(&b, tag), expect);
        assert_int_equal(beba_ft_bits(expect), __builtin_popcount(expect));
    }
}

static void takes_few_bytes_a_flow(void **state)
{
    struct beba_ft_desc desc = {.key_size = 13, .regs_size = 8, .n_states = 2, .capacity = 1000000};
    struct beba_ft_shape v4 = beba_ft_shape(13, 8), v6 = beba_ft_shape(37, 8);

    assert_true(v4.bucket_size <= 64.0 * 0.9 * BEBA_FT_SLOTS);
    assert_true(v6.bucket_size <= 112.0 * 0.9 * BEBA_FT_SLOTS);
    assert_true(beba_ft_footprint(&desc) <= 64 * desc.capacity); /* even at the declared capacity */
    desc.key_size = 37;
    assert_true(beba_ft_footprint(&desc) <= 112 * desc.capacity);
}

/* To 90 % of the slots, more than any capacity asks for. */
static void fills_to_ninety_percent(void **state)
{
    struct fixture f;
    uint64_t n, refused = 0;

    open_table(&f, 200000, BEBA_FT_REFUSE);
    n = (uint64_t)f.ft->n_buckets * BEBA_FT_SLOTS * 9 / 10;
    f.ft->capacity = n;
    for (uint64_t i = 0; i < n; i++)
        refused += add(f.ft, i, 1) == NULL;
    assert_true(refused <= n / 5000);
    f.ft->capacity = 200000;
    free(f.ft);
}

/* Entries come and go at the capacity for long: still no refusal. */
static void holds_its_capacity_for_ever(void **state)
{
    static const uint64_t capacities[] = {16, 17, 33, 50, 100, 1000, 30000};

    for (unsigned c = 0; c < sizeof(capacities) / sizeof(*capacities); c++) {
        uint64_t n = capacities[c], *live = calloc(n, sizeof(*live)), random = c;
        struct fixture f;

        assert_non_null(live);
        open_table(&f, n, BEBA_FT_REFUSE);
        for (uint64_t i = 0; i < n; i++) {
            live[i] = i;
            assert_non_null(add(f.ft, i, 1));
        }
        for (uint64_t i = n; i < 20 * n; i++) {
            uint64_t at;

            random = beba_splitmix64(random);
            at = random % n;
            beba_ft_remove(f.ft, look(f.ft, live[at]));
            live[at] = i;
            assert_non_null(add(f.ft, i, 1));
        }
        assert_int_equal(beba_ft_counters(f.ft)->refusals, 0);
        close_table(&f);
        free(live);
    }
}

static void ignores_a_clock_that_runs_back(void **state)
{
    struct fixture f;
    uint32_t key[4];

    open_table(&f, 16, BEBA_FT_REFUSE);
    for (uint64_t i = 0; i < 16; i++)
        beba_ft_store(f.ft, add(f.ft, i, 5000), 1, 5000, 5000, NULL);
    assert_int_equal(beba_ft_sweep(f.ft, ~0u, 10, NULL, NULL), 0);
    make_key(key, 16);
    assert_false(beba_ft_room(f.ft, beba_ft_hash(f.ft, key), 0));
    assert_int_equal(beba_ft_entries(f.ft), 16);
    close_table(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_descriptions_out_of_bounds),
        cmocka_unit_test(keeps_what_it_is_given),
        cmocka_unit_test(knows_the_initial_state),
        cmocka_unit_test(works_for_every_size),
        cmocka_unit_test(refuses_when_full),
        cmocka_unit_test(evicts_the_least_recently_used),
        cmocka_unit_test(evicts_the_least_recently_used_of_two_buckets),
        cmocka_unit_test(evicts_from_elsewhere_when_its_buckets_are_empty),
        cmocka_unit_test(reclaims_the_dead_before_it_is_full),
        cmocka_unit_test(sweeps),
        cmocka_unit_test(walks_while_the_table_is_used),
        cmocka_unit_test(finds_tags_with_and_without_vectors),
        cmocka_unit_test(takes_few_bytes_a_flow),
        cmocka_unit_test(fills_to_ninety_percent),
        cmocka_unit_test(holds_its_capacity_for_ever),
        cmocka_unit_test(ignores_a_clock_that_runs_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
