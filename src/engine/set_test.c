/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/hash.h"
#include "engine/set.h"

static struct beba_range range(uint64_t lo, uint64_t hi)
{
    return (struct beba_range){{0, lo}, {0, hi}};
}

static bool has(const struct set *s, uint64_t v)
{
    return set_has(s, beba_u128(0, v));
}

static void merges_what_overlaps_or_touches(void **state)
{
    struct beba_range elements[] = {range(10, 20), range(5, 12), range(21, 30), range(40, 40),
                                    range(10, 20)};
    struct set s;

    assert_int_equal(beba_set_init(&s, elements, 5), 0);
    assert_int_equal(s.n_elements, 4);
    assert_int_equal(s.merged->n, 2);
    for (uint64_t v = 0; v < 50; v++)
        assert_int_equal(has(&s, v), (v >= 5 && v <= 30) || v == 40);
    beba_set_free(&s);
}

static void removing_an_element_leaves_what_others_cover(void **state)
{
    struct beba_range wide = range(0, 100), narrow = range(50, 60);
    struct set s;

    assert_int_equal(beba_set_init(&s, NULL, 0), 0);
    assert_false(has(&s, 0));
    assert_int_equal(beba_set_add(&s, &wide), 0);
    assert_int_equal(beba_set_add(&s, &narrow), 0);
    assert_int_equal(beba_set_add(&s, &narrow), -EEXIST);
    assert_int_equal(s.merged->n, 1);
    assert_int_equal(beba_set_del(&s, &wide), 0);
    assert_int_equal(beba_set_del(&s, &wide), -ENOENT);
    assert_true(has(&s, 55));
    assert_false(has(&s, 49));
    assert_false(has(&s, 61));
    beba_set_free(&s);
}

static void ends_of_the_number_line(void **state)
{
    struct beba_range all = {{0, 0}, {UINT64_MAX, UINT64_MAX}};
    struct beba_range last = {{UINT64_MAX, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
    struct beba_range carry[] = {{{0, 5}, {0, UINT64_MAX}}, {{1, 0}, {1, 7}}};
    struct set s;

    assert_int_equal(beba_set_init(&s, carry, 2), 0);
    assert_int_equal(s.merged->n, 1);
    assert_true(set_has(&s, beba_u128(1, 7)));
    assert_false(set_has(&s, beba_u128(1, 8)));
    assert_false(has(&s, 4));
    assert_int_equal(beba_set_add(&s, &last), 0);
    assert_int_equal(beba_set_add(&s, &all), 0);
    assert_int_equal(s.merged->n, 1);
    assert_true(set_has(&s, beba_u128(UINT64_MAX, UINT64_MAX)));
    assert_true(has(&s, 0));
    beba_set_free(&s);
}

/* Random changes against a plain list. */
static void agrees_with_a_list(void **state)
{
    enum { N = 64, DOMAIN = 256 };
    bool in[N] = {0};
    struct beba_range element[N];
    uint64_t random = 7;
    struct set s;

    assert_int_equal(beba_set_init(&s, NULL, 0), 0);
    for (unsigned i = 0; i < N; i++) {
        uint64_t lo = beba_splitmix64(random + i) % DOMAIN;

        element[i] = range(lo, lo + i); /* all different: i is the length */
    }
    for (unsigned round = 0; round < 2000; round++) {
        unsigned i;
        uint64_t v;
        bool expected = false;

        random = beba_splitmix64(random);
        i = random % N;
        v = (random >> 32) % (DOMAIN + N);
        assert_int_equal(in[i] ? beba_set_del(&s, &element[i]) : beba_set_add(&s, &element[i]), 0);
        in[i] = !in[i];
        for (unsigned k = 0; k < N; k++)
            expected |= in[k] && v >= element[k].lo.lo && v <= element[k].hi.lo;
        assert_int_equal(has(&s, v), expected);
    }
    beba_set_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_what_overlaps_or_touches),
        cmocka_unit_test(removing_an_element_leaves_what_others_cover),
        cmocka_unit_test(ends_of_the_number_line),
        cmocka_unit_test(agrees_with_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
