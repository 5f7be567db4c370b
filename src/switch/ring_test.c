/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 200000 };

static void test_full_and_empty(void **state)
{
    struct beba_ring r;
    uint32_t len;
    unsigned n = 0;

    assert_int_equal(beba_ring_init(&r, 1024), 0);
    assert_null(beba_ring_front(&r, &len));
    assert_true(beba_ring_empty(&r));
    assert_null(beba_ring_reserve(&r, 600));
    while (beba_ring_reserve(&r, 100)) {
        beba_ring_push(&r);
        n++;
    }
    assert_int_equal(n, 9);
    assert_non_null(beba_ring_front(&r, &len));
    assert_int_equal(len, 100);
    beba_ring_pop(&r);
    assert_non_null(beba_ring_reserve(&r, 80));
    beba_ring_push(&r);
    for (n = 0; beba_ring_front(&r, &len); n++)
        beba_ring_pop(&r);
    assert_int_equal(n, 9);
    assert_int_equal(len, 80);
    beba_ring_free(&r);
}

static void *writer(void *arg)
{
    struct beba_ring *r = arg;

    for (uint32_t i = 0; i < RECORDS;) {
        uint32_t len = 4 + i % 97;
        uint8_t *p = beba_ring_reserve(r, len);

        if (!p)
            continue;
        memset(p, (int)(i & 0xff), len);
        memcpy(p, &i, 4);
        beba_ring_push(r);
        i++;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct beba_ring r;
    pthread_t t;

    assert_int_equal(beba_ring_init(&r, 4096), 0);
    assert_int_equal(pthread_create(&t, NULL, writer, &r), 0);
    for (uint32_t i = 0; i < RECORDS;) {
        uint32_t len, got;
        const uint8_t *p = beba_ring_front(&r, &len);

        if (!p)
            continue;
        memcpy(&got, p, 4);
        assert_int_equal(got, i);
        assert_int_equal(len, 4 + i % 97);
        for (uint32_t k = 4; k < len; k++)
            assert_int_equal(p[k], i & 0xff);
        beba_ring_pop(&r);
        i++;
    }
    pthread_join(t, NULL);
    assert_true(beba_ring_empty(&r));
    beba_ring_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_and_empty),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
