/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void suffixes_are_found_exactly(void **state)
{
    static const struct {
        const char *suffix;
        int kind; /* -1: no such unit */
        uint64_t scale;
    } cases[] = {
        {"ns", BEBA_UNIT_TIME, 1},
        {"ms", BEBA_UNIT_TIME, 1000000},
        {"m", BEBA_UNIT_TIME, 60 * BEBA_NS_PER_SEC},
        {"d", BEBA_UNIT_TIME, 86400 * BEBA_NS_PER_SEC},
        {"k", BEBA_UNIT_COUNT, 1000},
        {"Ki", BEBA_UNIT_COUNT, 1024},
        {"Gi", BEBA_UNIT_COUNT, 1u << 30},
        {"B", BEBA_UNIT_BYTES, 1},
        {"Mbps", BEBA_UNIT_RATE, 1000000},
        {"kpps", BEBA_UNIT_RATE, 1000},
        {"K", -1, 0},
        {"sec", -1, 0},
        {"", -1, 0},
        {"mbps", -1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct beba_unit *u = beba_unit_find(cases[i].suffix, strlen(cases[i].suffix));

        if (cases[i].kind < 0) {
            assert_null(u);
            continue;
        }
        assert_non_null(u);
        assert_int_equal(u->kind, cases[i].kind);
        assert_true(u->scale == cases[i].scale);
    }
    assert_ptr_equal(beba_unit_find("mscience", 2), beba_unit_find("ms", 2));
}

static void every_unit_finds_itself(void **state)
{
    const struct beba_unit *u;
    unsigned n = 0;

    (void)state;
    while ((u = beba_unit_at(n))) {
        assert_ptr_equal(beba_unit_find(u->suffix, strlen(u->suffix)), u);
        assert_true(u->scale > 0);
        n++;
    }
    assert_int_equal(n, 24);
    assert_null(beba_unit_at(UINT32_MAX));
}

static void durations_print_without_fractions(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1500, "1500ns"},
        {2000, "2us"},
        {1500000000, "1500ms"},
        {2000000000, "2s"},
        {90 * BEBA_NS_PER_SEC, "90s"},
        {120 * BEBA_NS_PER_SEC, "2m"},
        {3600 * BEBA_NS_PER_SEC, "1h"},
        {36 * 3600 * BEBA_NS_PER_SEC, "36h"},
        {48 * 3600 * BEBA_NS_PER_SEC, "2d"},
        {UINT64_MAX, "18446744073709551615ns"},
    };
    struct beba_strbuf b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        beba_strbuf_clear(&b);
        beba_duration_print(&b, cases[i].ns);
        assert_string_equal(beba_strbuf_str(&b), cases[i].text);
    }
    beba_strbuf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_are_found_exactly),
        cmocka_unit_test(every_unit_finds_itself),
        cmocka_unit_test(durations_print_without_fractions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
