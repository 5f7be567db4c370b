/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Native code put in, and taken out, while a worker runs packets; and what becomes of it where
 * there is no compiler. That its results are the interpreter's is differ_test.c's to say. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "datapath/world.h"

enum { BATCH = 8, SWAPS = 4 };

struct runner {
    struct world *w;
    _Atomic bool stop;
    uint64_t run, sent; /* the thread's own, until it has ended */
};

static void count_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    struct runner *r = arg;

    (void)queue;
    (void)p;
    r->sent += port == 2;
}

static void *run_packets(void *arg)
{
    struct runner *r = arg;
    struct beba_packet *list[BATCH];

    for (unsigned i = 0; i < BATCH; i++)
        list[i] = &r->w->packet;
    rcu_register_thread();
    while (!r->stop) {
        beba_datapath_run(r->w->worker, list, BATCH);
        r->run += BATCH;
        rcu_quiescent_state();
        sched_yield();
    }
    rcu_unregister_thread();
    return NULL;
}

/* As the switch does: steps until there is code for the tables. */
static void step_until_compiled(struct world *w)
{
    struct beba_datapath_native is;

    do {
        beba_datapath_native_step(w->dp);
        beba_datapath_expire(w->dp, w->now); /* the old code goes */
        rcu_quiescent_state();
        sched_yield();
        beba_datapath_native(w->dp, &is);
        if (is.failed)
            fail_msg("%s", is.error);
    } while (is.structure != is.compiled);
    assert_true(is.runs);
}

static bool sum_packets(void *arg, const struct beba_datapath_flow *flow)
{
    uint64_t *packets = arg;

    *packets += flow->packets;
    return true;
}

static void test_swap_while_packets_run(void **state)
{
    static const uint8_t fields[SWAPS] = {OFPXMT_OFB_ETH_SRC, OFPXMT_OFB_IPV4_DST,
                                          OFPXMT_OFB_UDP_DST, OFPXMT_OFB_ARP_SPA};
    const struct beba_datapath_flow_filter all = {OFPTT_ALL, OFPP_ANY, OFPG_ANY, 0, 0, {0}};
    struct world w;
    struct runner r = {.w = &w};
    struct beba_datapath_sink sink = {.arg = &r, .output = count_output};
    struct beba_error err;
    uint64_t packets = 0, cursor = 0;
    pthread_t thread;

    (void)state;
    world_open(&w);
    world_make(&w, "tcp");
    assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .priority = 1,
                          .match = MATCH(IS(OFPXMT_OFB_IN_PORT, 1)), .instructions = APPLY(OUT(2))),
                     0);
    beba_datapath_worker(w.dp, 0, &sink);
    assert_int_equal(
        beba_datapath_native_start(w.dp, &(struct beba_datapath_native_opts){.quiet = 1}, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_packets, &r), 0);
    step_until_compiled(&w);
    for (unsigned i = 0; i < SWAPS; i++) {
        assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .priority = 9,
                              .match = MATCH(MASKED(fields[i], 0xee, 0xff)),
                              .instructions = APPLY(OUT(3))),
                         0);
        step_until_compiled(&w);
    }
    r.stop = true;
    pthread_join(thread, NULL);
    assert_true(r.run > 0);
    assert_int_equal(r.sent, r.run);
    assert_true(beba_datapath_flows(w.dp, &all, w.now, &cursor, sum_packets, &packets));
    assert_int_equal(packets, r.run);
    world_close(&w);
}

static void test_known_masks_need_no_compiler(void **state)
{
    struct beba_datapath_native before, after;
    struct beba_error err;
    struct world w;

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .priority = 1,
                              .match = MATCH(IS(OFPXMT_OFB_ETH_DST, i)),
                              .instructions = APPLY(OUT(2))),
                         0);
        if (i)
            continue;
        assert_int_equal(
            beba_datapath_native_start(w.dp, &(struct beba_datapath_native_opts){0}, &err), 0);
        if (beba_datapath_native_wait(w.dp, &err))
            fail_msg("%s", err.what);
        beba_datapath_native(w.dp, &before);
    }
    beba_datapath_native(w.dp, &after);
    assert_int_equal(after.structure, before.structure);
    assert_int_equal(after.n_compiled, 1);
    assert_true(after.runs);
    /* what looks at other bits is the interpreter's at once */
    assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .priority = 2,
                          .match = MATCH(IS(OFPXMT_OFB_IN_PORT, 1)), .instructions = APPLY(OUT(3))),
                     0);
    beba_datapath_native(w.dp, &after);
    assert_false(after.runs);
    assert_int_equal(world_run(&w, "tcp"), 3);
    world_close(&w);
}

static void test_no_compiler(void **state)
{
    struct beba_datapath_native is;
    struct beba_error err = {0};
    struct world w;

    (void)state;
    world_open(&w);
    setenv("BEBA_CC", "/nonexistent/cc", 1);
    assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .match = MATCH(IS(OFPXMT_OFB_IN_PORT, 1)),
                          .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(beba_datapath_native_start(w.dp, &(struct beba_datapath_native_opts){0}, &err),
                     0);
    assert_int_equal(beba_datapath_native_wait(w.dp, &err), -EIO);
    assert_non_null(strstr(err.what, "/nonexistent/cc"));
    beba_datapath_native(w.dp, &is);
    assert_true(is.failed && !is.runs && is.error[0]);
    assert_int_equal(world_run(&w, "tcp"), 2);
    unsetenv("BEBA_CC");
    /* it is tried again when the structure changes */
    assert_int_equal(FLOW(&w, .command = OFPFC_ADD, .match = MATCH(IS(OFPXMT_OFB_ETH_TYPE, 1)),
                          .instructions = APPLY(OUT(2))),
                     0);
    if (beba_datapath_native_wait(w.dp, &err))
        fail_msg("%s", err.what);
    assert_int_equal(world_run(&w, "tcp"), 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swap_while_packets_run),
        cmocka_unit_test(test_known_masks_need_no_compiler),
        cmocka_unit_test(test_no_compiler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
