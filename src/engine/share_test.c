/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Several threads, each with a handle of one engine: no update is lost, sums are right, and what
 * changes meanwhile (sets, flows, sweeps, who reads) is in nobody's way. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/units.h"
#include "engine/engine.h"
#include "lang/lang.h"

enum { WORKERS = 4, ROOM = 256, BURST = 32 };

/* BEBA_TEST_PACKETS: of each worker; less where each costs much, as under a sanitizer. */
static unsigned packets_each(void)
{
    const char *n = getenv("BEBA_TEST_PACKETS");

    return n ? (unsigned)strtoul(n, NULL, 10) : 200000;
}

struct fixture {
    struct beba_program *program;
    struct beba_engine *e[WORKERS];
    unsigned n;
};

static void begin(struct fixture *f, const char *text, unsigned n)
{
    struct beba_engine_opts opts = {.fixed_seed = true};
    struct beba_lang_opts lang = {.no_warnings = true};
    struct beba_diags diags = {0};
    struct beba_error err = {0};

    f->n = n;
    assert_int_equal(beba_lang_load_text("share", text, strlen(text), &lang, &f->program, &diags),
                     0);
    assert_int_equal(beba_engine_new(f->program->pipeline, &opts, &f->e[0], &err), 0);
    for (unsigned i = 1; i < n; i++)
        assert_int_equal(beba_engine_share(f->e[0], &f->e[i], &err), 0);
    beba_diags_free(&diags);
}

static void end(struct fixture *f)
{
    for (unsigned i = 0; i < f->n; i++)
        beba_engine_free(f->e[i]);
    beba_program_free(f->program);
}

/* A burst of packets of one thread: from flows sources, one after the other. */
struct burst {
    uint8_t buf[BURST][ROOM * 2];
    struct beba_packet packet[BURST], *ptr[BURST];
};

static void build(struct burst *b, unsigned n_sources, unsigned first)
{
    for (unsigned i = 0; i < BURST; i++) {
        struct beba_assign assign[] = {
            {BEBA_F_IP4_SRC, {0, 0x0a000000 + (first + i) % n_sources}},
            {BEBA_F_IP4_DST, {0, 0xc0000201}},
            {BEBA_F_UDP_DST, {0, 53}},
        };
        struct beba_build build = {.assign = assign, .n_assign = 3};
        struct beba_error err = {0};

        if (beba_packet_build(&b->packet[i], b->buf[i], sizeof(b->buf[i]), ROOM / 2, &build, &err))
            fail_msg("%s", err.what);
        b->packet[i].in_port = 1;
        b->ptr[i] = &b->packet[i];
    }
}

struct job {
    pthread_t thread;
    struct beba_engine *e;
    unsigned n_sources, first, n;
    uint64_t passed;
};

static void *run(void *arg)
{
    struct job *j = arg;
    struct beba_result result[BURST];
    struct burst *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    for (unsigned done = 0; done < j->n; done += BURST) {
        unsigned n = j->n - done < BURST ? j->n - done : BURST;

        if (!done || j->n_sources > BURST)
            build(b, j->n_sources, j->first + done);
        for (unsigned i = 0; i < n; i++)
            b->packet[i].now = BEBA_NS_PER_SEC + done + i;
        beba_engine_run(j->e, b->ptr, n, result);
        for (unsigned i = 0; i < n; i++)
            j->passed += result[i].verdict == BEBA_VERDICT_PASS;
    }
    free(b);
    return NULL;
}

static uint64_t run_all(struct fixture *f, struct job *job, unsigned n_sources, unsigned n)
{
    uint64_t passed = 0;

    for (unsigned i = 0; i < f->n; i++) {
        job[i] = (struct job){.e = f->e[i], .n_sources = n_sources, .first = i * 7, .n = n};
        assert_int_equal(pthread_create(&job[i].thread, NULL, run, &job[i]), 0);
    }
    for (unsigned i = 0; i < f->n; i++) {
        pthread_join(job[i].thread, NULL);
        passed += job[i].passed;
    }
    return passed;
}

static const char counting[] =
    "global all : u64\n"
    "global odd : u32\n"
    "array u16 cells[4]\n"
    "machine m {\n"
    "    key ip.src\n"
    "    reg n : u32\n"
    "    always { n += 1; all += 1; odd += 3; cells[2] += 1; count seen; pass }\n"
    "}\n";

static uint64_t count_of(struct beba_engine *e, struct fixture *f, uint8_t last)
{
    uint8_t key[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last};
    struct beba_flow flow;

    assert_true(beba_engine_flow_of_key(e, 0, key, 2 * BEBA_NS_PER_SEC, &flow));
    return beba_flow_reg(&f->program->pipeline->table[0], &flow, 0).lo;
}

static void no_update_is_lost(void **state)
{
    unsigned each = packets_each();
    uint64_t all = (uint64_t)each * WORKERS;
    struct beba_table_stats stats;
    struct job job[WORKERS];
    struct fixture f;

    begin(&f, counting, WORKERS);
    assert_int_equal(run_all(&f, job, 1, each), all);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(beba_engine_stats(f.e[i])->packets, all);
        assert_int_equal(beba_engine_rule(f.e[i], 0)->packets, all);
        assert_int_equal(beba_engine_counter(f.e[i], 0)->packets, all);
    }
    assert_int_equal(count_of(f.e[1], &f, 0), all);
    assert_int_equal(beba_engine_global(f.e[2], 0, NULL), all);
    assert_int_equal(beba_engine_global(f.e[3], 1, NULL), (all * 3 & 0xffffffff));
    assert_int_equal(beba_engine_cell(f.e[0], 0, 0, 2), all & 0xffff);
    assert_int_equal(beba_engine_table(f.e[0], 0, &stats), 0);
    assert_int_equal(stats.counters.lookups, all);
    assert_int_equal(stats.counters.hits + stats.counters.creations, all);
    assert_int_equal(stats.entries, 1);
    end(&f);
    (void)state;
}

/* Tables that refuse, evict and expire, a machine that reads another's state and is read by it, two
 * keys, a set, values of 128 bits, events. */
static const char busy[] =
    "set allowed : ip4 = { 10.0.0.0/8 }\n"
    "global last : ip6 = ::1\n"
    "machine small {\n"
    "    key ip.src\n"
    "    capacity 64 when full refuse -> drop\n"
    "    without key -> drop\n"
    "    reg n : u32\n"
    "    state idle_one { on ip4.src in allowed && state(pairs) == none { goto busy_one; next }\n"
    "                     else { next } }\n"
    "    state busy_one idle 5us -> idle_one { always { n += 1; next } }\n"
    "}\n"
    "machine pairs {\n"
    "    lookup ip.dst\n"
    "    update ip.src\n"
    "    capacity 100 when full evict\n"
    "    without key -> drop\n"
    "    state none { on state(small) == busy_one { last = ip.src\n"
    "                                               notify \"seen\" { src = ip.src }; goto met; "
    "pass }\n"
    "                 else { pass } }\n"
    "    state met hard 1ms -> none { on ip.src == last { drop } else { pass } }\n"
    "}\n";

struct control {
    pthread_t thread;
    struct beba_engine *e;
    uint64_t events, rounds;
    bool stop;
};

static void *control(void *arg)
{
    struct beba_range range = {{0, 0x0a000000}, {0, 0x0a0000ff}};
    uint8_t key[16] = {[10] = 0xff, [11] = 0xff, [12] = 11};
    struct beba_flow put = {.key = key, .state = 1}, flow;
    struct control *c = arg;
    struct beba_error err = {0};
    struct beba_event event;

    while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
        struct beba_table_stats stats;
        uint64_t now = beba_engine_stats(c->e)->packets / WORKERS + BEBA_NS_PER_SEC;
        uint64_t cursor = 0;

        assert_int_equal(beba_engine_set_add(c->e, 0, &range, &err), 0);
        assert_int_equal(beba_engine_set_del(c->e, 0, &range, &err), 0);
        beba_engine_sweep(c->e, 8, now);
        put.entered = put.used = now;
        key[15]++;
        put.table = (uint32_t)(c->rounds & 1);
        beba_engine_put_flow(c->e, &put);
        while (beba_engine_next_flow(c->e, 0, now, &cursor, &flow))
            assert_in_range(flow.state, 0, 1);
        beba_engine_flow_of_key(c->e, 1, key, now, &flow);
        for (uint32_t t = 0; t < 2; t++) {
            assert_int_equal(beba_engine_table(c->e, t, &stats), 0);
            assert_in_range(stats.entries, 0, stats.capacity);
        }
        while (beba_engine_event(c->e, &event))
            c->events += event.kind == BEBA_EVENT_NOTIFY;
        if (++c->rounds % 64 == 0)
            beba_engine_clear(c->e);
    }
    return NULL;
}

/* While workers run, a control thread changes and looks at all that there is. */
static void control_is_in_nobodys_way(void **state)
{
    unsigned each = packets_each() / 4;
    uint64_t all = (uint64_t)each * WORKERS, reasons = 0;
    const struct beba_engine_stats *stats;
    struct job job[WORKERS];
    struct control c = {0};
    struct beba_event event;
    struct beba_error err;
    struct fixture f;

    begin(&f, busy, WORKERS);
    assert_int_equal(beba_engine_share(f.e[0], &c.e, &err), 0);
    assert_int_equal(pthread_create(&c.thread, NULL, control, &c), 0);
    run_all(&f, job, 300, each);
    __atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
    pthread_join(c.thread, NULL);
    while (beba_engine_event(c.e, &event))
        c.events += event.kind == BEBA_EVENT_NOTIFY;
    stats = beba_engine_stats(c.e);
    assert_int_equal(stats->packets, all);
    for (unsigned i = 0; i < BEBA_N_REASONS; i++)
        reasons += stats->reason[i];
    assert_int_equal(reasons, all);
    /* a full table's lock is tried once, not waited for (state/ft_shared.h) */
    assert_in_range(stats->reason[BEBA_REASON_BUSY], 0, all / 100);
    assert_true(stats->reason[BEBA_REASON_FULL] > 0);
    assert_true(c.events > 0);
    assert_true(c.rounds > 0);
    beba_engine_free(c.e);
    end(&f);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_update_is_lost),
        cmocka_unit_test(control_is_in_nobodys_way),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
