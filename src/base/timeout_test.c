/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/timeout.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct beba_seen look(const struct beba_timeouts *t, uint32_t n, uint32_t state,
                             uint64_t entered, uint64_t used, uint64_t now)
{
    struct beba_seen seen = {.state = state, .entered = entered, .used = used};

    beba_timeouts_apply(t, n, &seen, now);
    return seen;
}

static void a_timeout_is_exact_on_observation(void **state)
{
    struct beba_timeouts t[2] = {{0}, {.idle = 10, .idle_to = 0}};
    struct beba_seen seen;

    (void)state;
    beba_timeouts_prepare(t, 2);
    seen = look(t, 2, 1, 100, 105, 114);
    assert_int_equal(seen.state, 1);
    assert_false(seen.expired);
    seen = look(t, 2, 1, 100, 105, 115);
    assert_int_equal(seen.state, 0);
    assert_true(seen.expired);
    assert_int_equal(seen.deadline, 115);
    assert_int_equal(seen.entered, 115);
}

static void hard_comes_before_idle_at_the_same_instant(void **state)
{
    struct beba_timeouts t[3] = {{0}, {.idle = 10, .idle_to = 0, .hard = 10, .hard_to = 2}, {0}};

    (void)state;
    beba_timeouts_prepare(t, 3);
    assert_int_equal(look(t, 3, 1, 100, 100, 110).state, 2);
    assert_int_equal(look(t, 3, 1, 100, 100, 109).state, 1);
    assert_int_equal(look(t, 3, 1, 100, 95, 110).state, 0); /* idle was due at 105 */
}

static void a_clock_that_runs_backwards_expires_nothing(void **state)
{
    struct beba_timeouts t[2] = {{0}, {.idle = 10, .idle_to = 0, .hard = 5}};

    (void)state;
    beba_timeouts_prepare(t, 2);
    assert_int_equal(look(t, 2, 1, 100, 100, 50).state, 1);
    assert_int_equal(look(t, 2, 1, 100, 100, 0).state, 1);
}

static void deadlines_past_the_end_of_time_never_come(void **state)
{
    struct beba_timeouts t[2] = {{0}, {.idle = UINT64_MAX, .hard = UINT64_MAX - 5}};

    (void)state;
    beba_timeouts_prepare(t, 2);
    assert_int_equal(look(t, 2, 1, 100, 100, UINT64_MAX).state, 1);
    t[1].hard = 50;
    assert_int_equal(look(t, 2, 1, UINT64_MAX - 10, UINT64_MAX - 10, UINT64_MAX).state, 1);
}

static void a_long_sleep_in_a_cycle_costs_no_more_than_its_states(void **state)
{
    struct beba_timeouts t[2] = {{.hard = 1, .hard_to = 1}, {.idle = 2, .idle_to = 0}};
    uint64_t now = 1000000000000000000ull;
    struct beba_seen seen;

    (void)state;
    beba_timeouts_prepare(t, 2);
    assert_int_equal(t[0].period, 3);
    seen = look(t, 2, 0, 0, 0, now);
    assert_int_equal(seen.state, now % 3 == 0 ? 0 : 1);
    assert_int_equal(seen.entered, now % 3 == 0 ? now : now - now % 3 + 1);
    assert_int_equal(seen.deadline, 1);
}

/* Random graphs against the definition: apply what is due first, one timeout after the other. */
static void any_graph_agrees_with_single_steps(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct beba_timeouts t[5];
        struct beba_seen want, got;
        uint32_t n;
        uint64_t now;

        seed = beba_splitmix64(seed);
        n = 1 + (uint32_t)(seed % 5);
        memset(t, 0, sizeof(t));
        for (uint32_t i = 0; i < n; i++) {
            uint64_t r = beba_splitmix64(seed + i);

            t[i].hard = r % 4;
            t[i].idle = r / 4 % 4;
            t[i].hard_to = (uint32_t)(r / 16 % n);
            t[i].idle_to = (uint32_t)(r / 1024 % n);
        }
        beba_timeouts_prepare(t, n);
        want = (struct beba_seen){.state = (uint32_t)(seed / 8 % n), .entered = 10};
        want.used = 10 + seed / 64 % 5;
        now = 10 + seed / 1024 % 60;
        got = look(t, n, want.state, want.entered, want.used, now);
        if (now >= want.used) {
            while (beba_timeouts_step(&t[want.state], &want, now)) {
                if (!want.expired)
                    want.deadline = want.entered;
                want.expired = true;
            }
        }
        assert_int_equal(got.state, want.state);
        assert_int_equal(got.entered, want.entered);
        assert_int_equal(got.used, want.used);
        assert_int_equal(got.expired, want.expired);
        assert_int_equal(got.deadline, want.deadline);
    }
}

static void every_state_is_followed_once(void **state)
{
    enum { N = 65536 };
    struct beba_timeouts *t = calloc(N, sizeof(*t));

    (void)state;
    for (uint32_t i = 0; i < N; i++) /* a tail of half of them, then a cycle */
        t[i] = (struct beba_timeouts){.hard = 1000, .hard_to = i + 1 < N ? i + 1 : N / 2};
    beba_timeouts_prepare(t, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(t[i].period, i < N / 2 ? 0 : N / 2 * 1000);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_is_exact_on_observation),
        cmocka_unit_test(hard_comes_before_idle_at_the_same_instant),
        cmocka_unit_test(a_clock_that_runs_backwards_expires_nothing),
        cmocka_unit_test(deadlines_past_the_end_of_time_never_come),
        cmocka_unit_test(a_long_sleep_in_a_cycle_costs_no_more_than_its_states),
        cmocka_unit_test(any_graph_agrees_with_single_steps),
        cmocka_unit_test(every_state_is_followed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
