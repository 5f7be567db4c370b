/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    struct beba_arena a = {0};
    unsigned char *last = NULL;

    (void)state;
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = beba_arena_alloc(&a, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_ptr_not_equal(p, last);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
        last = p;
    }
    beba_arena_free(&a);
    assert_null(a.blocks);
    assert_int_equal(a.used, 0);
}

static void large_objects_get_blocks_of_their_own(void **state)
{
    struct beba_arena a = {0};
    char *small, *large;

    (void)state;
    small = beba_arena_strdup(&a, "small");
    large = beba_arena_alloc(&a, 1 << 20);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    assert_string_equal(small, "small");
    beba_arena_free(&a);
}

static void the_limit_holds(void **state)
{
    struct beba_arena a = {.limit = 64};

    (void)state;
    assert_non_null(beba_arena_alloc(&a, 48));
    assert_null(beba_arena_alloc(&a, 17));
    assert_non_null(beba_arena_alloc(&a, 16));
    assert_null(beba_arena_alloc(&a, 1));
    assert_int_equal(a.used, 64);
    beba_arena_free(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct beba_arena a = {0};

    (void)state;
    assert_null(beba_arena_array(&a, SIZE_MAX / 2, 4));
    assert_null(beba_arena_alloc(&a, SIZE_MAX));
    assert_null(beba_arena_strndup(&a, "x", SIZE_MAX));
    assert_non_null(beba_arena_array(&a, 0, 0));
    assert_non_null(beba_arena_array(&a, 3, 4));
    beba_arena_free(&a);
}

static void copies_are_copies(void **state)
{
    struct beba_arena a = {0};
    char text[] = "port knocking";
    char *s = beba_arena_strndup(&a, text, 4);
    char *all = beba_arena_copy(&a, text, sizeof(text));
    char *long_one = beba_arena_printf(&a, "%s %5000d", text, 7);

    (void)state;
    text[0] = 'X';
    assert_string_equal(s, "port");
    assert_string_equal(all, "port knocking");
    assert_int_equal(strlen(long_one), 14 + 5000);
    assert_int_equal(long_one[5013], '7');
    beba_arena_free(&a);
}

static void what_is_cleared_is_zeroed_again(void **state)
{
    struct beba_arena a = {.limit = 40000};
    char *first, *again;

    (void)state;
    beba_arena_clear(&a);
    first = beba_arena_alloc(&a, 1000);
    memset(first, 'x', 1000);
    beba_arena_clear(&a);
    assert_int_equal(a.used, 0);
    again = beba_arena_alloc(&a, 1000);
    assert_ptr_equal(again, first);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(again[i], 0);
    assert_non_null(beba_arena_alloc(&a, 20000)); /* a block of its own, which is not kept */
    beba_arena_clear(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(beba_arena_alloc(&a, 39000));
    beba_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(large_objects_get_blocks_of_their_own),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(what_is_cleared_is_zeroed_again),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(copies_are_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
