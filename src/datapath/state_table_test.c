/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Entries: timers, room, files, the flush, and several threads. */
#include "datapath/state_table.h"

#include "base/error.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static void open_table(struct beba_state_table *t, uint64_t capacity)
{
    struct beba_error err = {0};

    *t = (struct beba_state_table){0};
    if (beba_state_table_open(t, NULL, 4, capacity, "test", &err))
        fail_msg("%s", err.what);
}

static union beba_state_key key_of(uint32_t n)
{
    return (union beba_state_key){.word = {n}};
}

/* Adds to the state, and to the first variable. */
static void add(struct beba_state_table *t, uint32_t n, uint64_t now)
{
    union beba_state_key key = key_of(n);
    struct beba_state_hold hold;
    bool done = false;

    while (!done) {
        beba_state_take(&hold, t, &key, now, true);
        done = hold.regs || beba_state_create(&hold);
        if (done) {
            hold.regs->state++;
            hold.regs->var[0] += 2;
        }
        beba_state_touch(&hold);
        beba_state_release(&hold);
    }
}

/* False when there is no entry. */
static bool read_entry(struct beba_state_table *t, uint32_t n, uint64_t now,
                       struct beba_state_regs *out)
{
    union beba_state_key key = key_of(n);
    struct beba_state_hold hold;
    bool found;

    beba_state_take(&hold, t, &key, now, false);
    found = hold.regs != NULL;
    if (found)
        *out = *hold.regs;
    beba_state_release(&hold);
    return found;
}

static void masks_keep_bits_and_timers_are_armed_by_what_they_change(void **state)
{
    struct beba_state_regs r = {.state = 0xff00, .var = {7}};
    struct beba_state_change_of c = {.state = 0x12,
                                     .mask = 0xff,
                                     .hard_timeout = 5,
                                     .hard_rollback = 0xff12,
                                     .idle_timeout = 6,
                                     .idle_rollback = 1};

    (void)state;
    assert_true(beba_state_write(&r, &c, 10));
    assert_int_equal(r.state, 0xff12);
    assert_int_equal(r.hard_timeout, 0); /* it would change nothing */
    assert_int_equal(r.hard_rollback, 0);
    assert_int_equal(r.idle_timeout, 6);
    assert_int_equal(r.idle_rollback, 1);
    assert_int_equal(r.written, 10);
    assert_int_equal(r.var[0], 7);
    c = (struct beba_state_change_of){.state = 0, .mask = 0xffffffff};
    assert_false(beba_state_write(&r, &c, 11));
    assert_int_equal(r.idle_timeout, 0);
    assert_int_equal(r.idle_rollback, 0);
    c.hard_timeout = 1;
    assert_false(beba_state_write(&r, &c, 11)); /* back to where it is */
    c.hard_rollback = 3;
    assert_true(beba_state_write(&r, &c, 11)); /* 0, but for a while */
}

static void hard_timeouts_come_before_idle_ones(void **state)
{
    struct beba_state_regs r = {.state = 9,
                                .hard_timeout = 10,
                                .hard_rollback = 1,
                                .idle_timeout = 5,
                                .idle_rollback = 2,
                                .written = 100000,
                                .looked_up = 100000,
                                .var = {[5] = 4}},
                           q;

    (void)state;
    q = r;
    assert_false(beba_state_apply(&q, 105000)); /* not before it is past */
    assert_false(beba_state_apply(&q, 50000));  /* nor on a clock that ran backward */
    assert_true(beba_state_apply(&q, 105001));
    assert_int_equal(q.state, 2);
    assert_int_equal(q.written, 105001);
    assert_int_equal(q.hard_timeout | q.idle_timeout | q.hard_rollback | q.idle_rollback, 0);
    assert_int_equal(q.var[5], 4);
    assert_false(beba_state_apply(&q, 10 * SECOND));
    q = r;
    assert_true(beba_state_apply(&q, 110001));
    assert_int_equal(q.state, 1);
    q = r;
    q.looked_up = 109999; /* it is being looked up all the time */
    assert_false(beba_state_apply(&q, 110000));
    assert_true(beba_state_apply(&q, 110001));
    assert_int_equal(q.state, 1);
}

static void timers_hold_for_the_longest_times(void **state)
{
    struct beba_state_regs r = {.state = 1, .hard_timeout = UINT32_MAX, .written = SECOND};

    (void)state;
    assert_false(beba_state_apply(&r, SECOND + UINT32_MAX * 1000ull));
    assert_true(beba_state_apply(&r, SECOND + UINT32_MAX * 1000ull + 1));
    assert_int_equal(r.state, 0);
}

static void a_full_table_forgets_what_was_unused_longest(void **state)
{
    struct beba_state_table t;
    struct beba_state_regs r;
    struct beba_error err = {0};

    (void)state;
    open_table(&t, 32); /* two buckets: each key may be in both */
    for (uint32_t i = 0; i < 32; i++)
        add(&t, i, i + 1);
    add(&t, 0, 100); /* used again */
    add(&t, 1000, 101);
    assert_true(read_entry(&t, 0, 101, &r));
    assert_int_equal(r.state, 2);
    assert_false(read_entry(&t, 1, 101, &r));
    assert_true(read_entry(&t, 1000, 101, &r));
    assert_int_equal(beba_ft_counters(t.ft)->evictions, 1);
    for (uint32_t i = 0; i < 100000; i++)
        add(&t, i, 200 + i);
    assert_int_equal(beba_ft_entries(t.ft), 32);
    assert_int_equal(beba_ft_verify(t.ft, &err), 0);
    beba_state_table_close(&t);
}

static void the_flush_takes_entries_that_say_nothing(void **state)
{
    const struct beba_state_change_of hour = {
        .state = 0, .mask = ~0u, .hard_timeout = 3600000000u, .hard_rollback = 5};
    struct beba_state_table t;
    struct beba_state_hold hold;
    struct beba_state_regs r;
    union beba_state_key key = key_of(3);
    uint64_t now = 1000 * SECOND;

    (void)state;
    open_table(&t, 1000);
    for (uint32_t i = 1; i <= 4; i++)
        add(&t, i, now);
    for (uint32_t i = 1; i <= 2; i++) { /* back to 0 */
        key = key_of(i);
        beba_state_take(&hold, &t, &key, now, false);
        hold.regs->state = 0;
        beba_state_release(&hold);
    }
    key = key_of(3);
    beba_state_take(&hold, &t, &key, now, false);
    beba_state_write(hold.regs, &hour, now);
    beba_state_release(&hold);
    for (unsigned i = 0; i < 50; i++) /* 50 seconds */
        beba_state_sweep(&t, now + i * SECOND);
    assert_int_equal(beba_ft_entries(t.ft), 4);
    key = key_of(2);
    beba_state_take(&hold, &t, &key, now + 50 * SECOND, false);
    beba_state_touch(&hold);
    beba_state_release(&hold);
    for (unsigned i = 50; i < 110; i++)
        beba_state_sweep(&t, now + i * SECOND);
    assert_true(read_entry(&t, 2, now, &r)); /* used 59 seconds ago */
    for (unsigned i = 110; i < 125; i++)
        beba_state_sweep(&t, now + i * SECOND);
    assert_false(read_entry(&t, 1, now, &r));
    for (unsigned i = 125; i < 240; i++)
        beba_state_sweep(&t, now + i * SECOND);
    assert_false(read_entry(&t, 2, now, &r));
    assert_true(read_entry(&t, 3, now, &r)); /* has a timer */
    assert_true(read_entry(&t, 4, now, &r)); /* has a state */
    assert_int_equal(beba_ft_entries(t.ft), 2);
    beba_state_table_close(&t);
}

static void the_flush_applies_timeouts(void **state)
{
    const struct beba_state_change_of c = {
        .state = 7, .mask = ~0u, .idle_timeout = 1000000, .idle_rollback = 3};
    struct beba_state_table t;
    struct beba_state_hold hold;
    struct beba_state_copy copy;
    union beba_state_key key = key_of(3);
    uint64_t now = 1000 * SECOND, cursor = 0;

    (void)state;
    open_table(&t, 100);
    beba_state_take(&hold, &t, &key, now, true);
    assert_true(beba_state_create(&hold));
    beba_state_write(hold.regs, &c, now);
    beba_state_release(&hold);
    for (unsigned i = 0; i < 130; i++)
        beba_state_sweep(&t, now + i * SECOND);
    assert_true(beba_state_next(&t, &cursor, &copy));
    assert_int_equal(copy.regs.state, 3);
    assert_int_equal(copy.key.word[0], 3);
    assert_false(beba_state_next(&t, &cursor, &copy));
    beba_state_table_close(&t);
}

static void walks_see_each_entry_once(void **state)
{
    struct beba_state_table t;
    struct beba_state_copy copy;
    uint64_t cursor = 0;
    bool seen[5000] = {false};
    uint32_t n = 0;

    (void)state;
    open_table(&t, 100000);
    for (uint32_t i = 0; i < 5000; i++)
        add(&t, i, 1);
    while (beba_state_next(&t, &cursor, &copy)) {
        assert_in_range(copy.key.word[0], 0, 4999);
        assert_false(seen[copy.key.word[0]]);
        seen[copy.key.word[0]] = true;
        n++;
    }
    assert_int_equal(n, 5000);
    beba_state_table_close(&t);
}

enum { THREADS = 4, ROUNDS = 50000, KEYS = 97 };

static void *work(void *arg)
{
    for (uint32_t i = 0; i < ROUNDS; i++)
        add(arg, i % KEYS, i);
    return NULL;
}

static void no_thread_loses_what_another_wrote(void **state)
{
    struct beba_state_table t;
    pthread_t thread[THREADS];
    struct beba_error err = {0};
    uint64_t sum = 0;

    (void)state;
    open_table(&t, 200);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, &t), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct beba_state_regs r;

        assert_true(read_entry(&t, i, 0, &r));
        assert_int_equal(r.var[0], 2 * r.state);
        sum += r.state;
    }
    assert_int_equal(sum, (uint64_t)THREADS * ROUNDS);
    assert_int_equal(beba_ft_verify(t.ft, &err), 0);
    beba_state_table_close(&t);
}

struct place {
    char dir[32], file[64];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    strcpy(p->dir, "/tmp/beba-state-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/switch.0.ft", p->dir);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;

    unlink(p->file);
    rmdir(p->dir);
    free(p);
    return 0;
}

static void open_file(struct beba_state_table *t, const char *file, const char *schema)
{
    struct beba_error err = {0};

    *t = (struct beba_state_table){0};
    if (beba_state_table_open(t, file, 4, 1000, schema, &err))
        fail_msg("%s", err.what);
}

static void a_killed_switch_finds_its_entries_again(void **state)
{
    struct place *p = *state;
    struct beba_state_table t;
    struct beba_state_regs r;
    struct beba_error err = {0};
    int status, ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        open_file(&t, p->file, "lookup a");
        for (uint32_t i = 0; i < 500; i++)
            add(&t, i, i);
        if (write(ready[1], "!", 1) == 1)
            for (uint32_t i = 0;; i++)
                add(&t, 500 + i % 300, i);
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    usleep(20000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(ready[0]);
    close(ready[1]);

    open_file(&t, p->file, "lookup a");
    assert_int_equal(beba_ft_verify(t.ft, &err), 0);
    assert_true(beba_ft_entries(t.ft) >= 500);
    for (uint32_t i = 0; i < 500; i++) {
        assert_true(read_entry(&t, i, 500, &r));
        assert_int_equal(r.state, 1);
    }
    add(&t, 1, 1000);
    beba_state_table_close(&t);

    open_file(&t, p->file, "lookup b"); /* of other scopes: nothing that it holds means anything */
    assert_int_equal(beba_ft_entries(t.ft), 0);
    beba_state_table_close(&t);
}

static void a_file_in_use_is_not_opened_twice(void **state)
{
    struct place *p = *state;
    struct beba_state_table t, other = {0};
    struct beba_error err = {0};

    open_file(&t, p->file, "a");
    assert_true(beba_state_table_open(&other, p->file, 4, 1000, "a", &err) < 0);
    assert_null(other.ft);
    beba_state_table_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_keep_bits_and_timers_are_armed_by_what_they_change),
        cmocka_unit_test(hard_timeouts_come_before_idle_ones),
        cmocka_unit_test(timers_hold_for_the_longest_times),
        cmocka_unit_test(a_full_table_forgets_what_was_unused_longest),
        cmocka_unit_test(the_flush_takes_entries_that_say_nothing),
        cmocka_unit_test(the_flush_applies_timeouts),
        cmocka_unit_test(walks_see_each_entry_once),
        cmocka_unit_test(no_thread_loses_what_another_wrote),
        cmocka_unit_test_setup_teardown(a_killed_switch_finds_its_entries_again, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_file_in_use_is_not_opened_twice, make_place,
                                        remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
