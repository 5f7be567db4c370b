/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/buffers.h"
#include "openflow/of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t frame[4] = {1, 2, 3, 4};

static void test_taken_once(void **state)
{
    struct beba_buffers *b = beba_buffers_new();
    uint32_t id = beba_buffers_put(b, 0, 7, frame, sizeof(frame));
    struct beba_buffer out;

    assert_int_not_equal(id, OFP_NO_BUFFER);
    assert_int_equal(beba_buffers_take(b, 1, id, NULL), BEBA_BUFFER_OK);
    assert_int_equal(beba_buffers_take(b, 1, id, &out), BEBA_BUFFER_OK);
    assert_int_equal(out.in_port, 7);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.frame, frame, 4);
    free(out.frame);
    assert_int_equal(beba_buffers_take(b, 1, id, &out), BEBA_BUFFER_EMPTY);
    assert_int_equal(beba_buffers_take(b, 1, id + 1, &out), BEBA_BUFFER_UNKNOWN);
    assert_int_equal(beba_buffers_take(b, 1, OFP_NO_BUFFER, &out), BEBA_BUFFER_UNKNOWN);
    beba_buffers_free(b);
}

static void test_oldest_makes_room(void **state)
{
    struct beba_buffers *b = beba_buffers_new();
    uint32_t first = beba_buffers_put(b, 0, 1, frame, sizeof(frame)), last = first;

    for (unsigned i = 0; i < BEBA_BUFFERS; i++)
        last = beba_buffers_put(b, 0, 1, frame, sizeof(frame));
    assert_int_equal(beba_buffers_take(b, 0, first, NULL), BEBA_BUFFER_UNKNOWN);
    assert_int_equal(beba_buffers_take(b, 0, first + 1, NULL), BEBA_BUFFER_OK);
    assert_int_equal(beba_buffers_take(b, 0, last, NULL), BEBA_BUFFER_OK);
    beba_buffers_free(b);
}

static void test_expires(void **state)
{
    struct beba_buffers *b = beba_buffers_new();
    uint32_t id = beba_buffers_put(b, 1000, 1, frame, sizeof(frame));

    assert_int_equal(beba_buffers_take(b, 9000000000ull, id, NULL), BEBA_BUFFER_OK);
    assert_int_equal(beba_buffers_take(b, 11000000000ull, id, NULL), BEBA_BUFFER_UNKNOWN);
    beba_buffers_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_once),
        cmocka_unit_test(test_oldest_makes_room),
        cmocka_unit_test(test_expires),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
