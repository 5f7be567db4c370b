/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Native code in an engine: taken in and out between runs, by several threads on the same flows,
 * and objects that are not what they should be. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "lang/lang.h"
#include "native/native.h"

enum { FLOWS = 64, ROUNDS = 400, ROOM = 256, HEADROOM = 64 };

static const char text[] =
    "global all : u64 = 0\n"
    "array u32 cells[16]\n"
    "machine counted {\n"
    "    key ip4.src\n"
    "    reg n : u32\n"
    "    capacity 1000 when full refuse -> drop\n"
    "    without key -> pass\n"
    "    state fresh {\n"
    "        always { n += 1; all += 1; cells[ip4.src] += 1; goto seen; pass }\n"
    "    }\n"
    "    state seen idle 1000s -> fresh {\n"
    "        on udp.dst == 7 { n += 1; all += 1; cells[ip4.src] += 1; drop }\n"
    "        else { n += 1; all += 1; cells[ip4.src] += 1; pass }\n"
    "    }\n"
    "}\n";

struct traffic {
    uint8_t bytes[FLOWS][ROOM];
    struct beba_packet packet[FLOWS], *list[FLOWS];
    struct beba_result result[FLOWS];
};

static struct beba_program *load(const char *source)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};

    if (beba_lang_load_text("t.xfsm", source, strlen(source), NULL, &program, &diags)) {
        beba_diags_print(&diags, &program->sources, &out, false);
        fail_msg("%s", beba_strbuf_str(&out));
    }
    beba_diags_free(&diags);
    return program;
}

static struct beba_native_module *compile(const struct beba_program *p, bool workers)
{
    const struct beba_native_opts opts = {.cc.optimize = "-O1", .workers = workers};
    struct beba_native_module *module;
    struct beba_error err = {0};

    if (beba_native_new(p->pipeline, &opts, &module, &err))
        fail_msg("%s", err.what);
    return module;
}

static void make_traffic(struct traffic *t)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        const struct beba_assign assign[] = {
            {BEBA_F_IP4_SRC, beba_u128(0, 0x0a000000 + i)},
            {BEBA_F_UDP_DST, beba_u128(0, i % 3 ? 7 : 8)},
        };
        const struct beba_build b = {.assign = assign, .n_assign = 2};

        assert_int_equal(beba_packet_build(&t->packet[i], t->bytes[i], ROOM, HEADROOM, &b, NULL),
                         0);
        t->packet[i].now = 1000000000;
        t->list[i] = &t->packet[i];
    }
}

static uint64_t sum_of_flows(struct beba_engine *e)
{
    const struct beba_table *t = &beba_engine_pipeline(e)->table[0];
    uint64_t cursor = 0, sum = 0;
    struct beba_flow flow;

    while (beba_engine_next_flow(e, 0, 1000000000, &cursor, &flow))
        sum += beba_flow_reg(t, &flow, 0).lo;
    return sum;
}

static void check_sums(struct beba_engine *e, uint64_t packets)
{
    uint64_t cells = 0;

    for (unsigned i = 0; i < 16; i++)
        cells += beba_engine_cell(e, 0, 0, i);
    assert_int_equal(beba_engine_stats(e)->packets, packets);
    assert_int_equal(sum_of_flows(e), packets);
    assert_int_equal(cells, packets);
    assert_int_equal(beba_engine_global(e, 0, NULL), packets);
}

static void comes_and_goes(void **state)
{
    struct beba_program *p = load(text);
    struct beba_native_module *one = compile(p, false), *two = compile(p, true);
    const struct beba_native_code *codes[] = {NULL, beba_native_code(one), beba_native_code(two)};
    struct traffic *t = calloc(1, sizeof(*t));
    struct beba_table_stats stats;
    struct beba_engine *e;

    (void)state;
    assert_non_null(t);
    make_traffic(t);
    assert_int_equal(beba_engine_new(p->pipeline, NULL, &e, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(beba_engine_use(e, codes[i % 3]), 0);
        assert_ptr_equal(beba_engine_code(e), codes[i % 3]);
        beba_engine_run(e, t->list, i % FLOWS + 1, t->result);
    }
    check_sums(e, ROUNDS / FLOWS * (FLOWS * (FLOWS + 1) / 2) +
                      (ROUNDS % FLOWS) * (ROUNDS % FLOWS + 1) / 2);
    assert_int_equal(beba_engine_table(e, 0, &stats), 0);
    assert_int_equal(stats.counters.lookups, beba_engine_stats(e)->packets);
    assert_int_equal(stats.counters.creations, FLOWS);
    beba_engine_free(e);
    beba_native_free(one);
    beba_native_free(two);
    beba_program_free(p);
    free(t);
}

static void *run_worker(void *arg)
{
    struct traffic *t = calloc(1, sizeof(*t));

    make_traffic(t);
    for (unsigned i = 0; i < ROUNDS; i++)
        beba_engine_run(arg, t->list, FLOWS, t->result);
    free(t);
    return NULL;
}

/*   thread --> handle --+
 *   thread --> handle --+--> one table, one global, one array
 *   thread --> handle --+        (the third by the interpreter)          */
static void several_threads_lose_nothing(void **state)
{
    enum { N = 3 };
    struct beba_program *p = load(text);
    struct beba_native_module *lone = compile(p, false), *code = compile(p, true);
    struct beba_engine *e[N];
    pthread_t thread[N];

    (void)state;
    assert_int_equal(beba_engine_new(p->pipeline, NULL, &e[0], NULL), 0);
    for (unsigned i = 1; i < N; i++)
        assert_int_equal(beba_engine_share(e[0], &e[i], NULL), 0);
    assert_int_equal(beba_engine_use(e[0], beba_native_code(lone)), -EINVAL);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(beba_engine_use(e[i], beba_native_code(code)), 0);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_worker, e[i]), 0);
    for (unsigned i = 0; i < N; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(beba_engine_stats(e[0])->reason[BEBA_REASON_BUSY], 0);
    check_sums(e[0], (uint64_t)N * ROUNDS * FLOWS);
    for (unsigned i = N; i-- > 0;)
        beba_engine_free(e[i]);
    beba_native_free(lone);
    beba_native_free(code);
    beba_program_free(p);
}

/* Code for one thread stays out of the way once there are others. */
static void gives_way_to_the_interpreter(void **state)
{
    struct beba_program *p = load(text);
    struct beba_native_module *lone = compile(p, false);
    struct traffic *t = calloc(1, sizeof(*t));
    struct beba_engine *e, *other;

    (void)state;
    assert_non_null(t);
    make_traffic(t);
    assert_int_equal(beba_engine_new(p->pipeline, NULL, &e, NULL), 0);
    assert_int_equal(beba_engine_use(e, beba_native_code(lone)), 0);
    beba_engine_run(e, t->list, FLOWS, t->result);
    assert_int_equal(beba_engine_share(e, &other, NULL), 0);
    beba_engine_run(e, t->list, FLOWS, t->result);
    check_sums(e, 2ull * FLOWS);
    beba_engine_free(other);
    beba_engine_free(e);
    beba_native_free(lone);
    beba_program_free(p);
    free(t);
}

static void knows_its_objects(void **state)
{
    const uint64_t magic = BEBA_NATIVE_MAGIC;
    struct beba_program *p = load(text),
                        *other = load("machine m { in any state { always { drop } } }\n");
    struct beba_native_module *m;
    struct beba_error err = {0};
    uint8_t *object, *head;
    size_t size;

    (void)state;
    assert_int_equal(beba_native_compile(p->pipeline, NULL, (void **)&object, &size, &err), 0);
    assert_int_equal(beba_native_open(p->pipeline, object, size, "a.so", &m, &err), 0);
    beba_native_free(m);
    assert_int_equal(beba_native_open(other->pipeline, object, size, "a.so", &m, &err), -EINVAL);
    assert_non_null(strstr(err.what, "another program"));
    head = memmem(object, size, &magic, sizeof(magic));
    assert_non_null(head);
    head[8]++; /* the version follows */
    assert_int_equal(beba_native_open(p->pipeline, object, size, "a.so", &m, &err), -EINVAL);
    assert_non_null(strstr(err.what, "of version"));
    head[8]--;
    head[16]++; /* the hash of what it is made of */
    assert_int_equal(beba_native_open(p->pipeline, object, size, "a.so", &m, &err), -EINVAL);
    assert_non_null(strstr(err.what, "another beba"));
    head[0]++;
    assert_int_equal(beba_native_open(p->pipeline, object, size, "a.so", &m, &err), -EINVAL);
    assert_non_null(strstr(err.what, "not an object that beba compiled"));
    assert_null(m);
    free(object);
    beba_program_free(p);
    beba_program_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_and_goes),
        cmocka_unit_test(several_threads_lose_nothing),
        cmocka_unit_test(gives_way_to_the_interpreter),
        cmocka_unit_test(knows_its_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
