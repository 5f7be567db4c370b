/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* pipeline/points.h, on programs: here, where programs can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "lang/lang.h"
#include "pipeline/points.h"

static struct beba_program *load(const char *text)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_diags diags = {0};
    struct beba_program *p;

    assert_int_equal(beba_lang_load_text("t", text, strlen(text), &opts, &p, &diags), 0);
    beba_diags_free(&diags);
    return p;
}

static void kinds(void **state)
{
    struct beba_program *p = load("global limit : time = 5s\n"
                                  "global started : time\n"
                                  "array time until[4]\n"
                                  "array u32 window[4]\n"
                                  "machine m {\n"
                                  "    key ip.src\n"
                                  "    reg last : time\n"
                                  "    reg gap : time\n"
                                  "    reg longest : time = 7s\n"
                                  "    reg tokens : time = 9s\n"
                                  "    reg copy : time\n"
                                  "    reg slot : u64\n"
                                  "    reg begun : u64\n"
                                  "    state a { always {\n"
                                  "        gap = now - last\n"
                                  "        copy = last\n"
                                  "        last = max(last, now)\n"
                                  "        longest = max(longest, gap)\n"
                                  "        tokens = min(tokens + gap, 9s)\n"
                                  "        slot = now / 1s\n"
                                  "        begun = now - now % 1s\n"
                                  "        until[1] = now + limit\n"
                                  "        window[1] = 5\n"
                                  "        if started == 0s { started = copy }\n"
                                  "        pass } }\n"
                                  "}\n");
    struct beba_arena arena = {0};
    struct beba_points points;

    (void)state;
    assert_int_equal(beba_points_find(p->pipeline, &arena, &points), 0);
    assert_int_equal(points.reg[0], 1 << 0 | 1 << 4 | 1 << 6);
    assert_false(points.global[0]);
    assert_true(points.global[1]);
    assert_true(points.array[0]);
    assert_false(points.array[1]);
    beba_arena_free(&arena);
    beba_program_free(p);
}

/* The examples that store times. */
static void examples(void **state)
{
    static const struct {
        const char *file;
        uint64_t reg, arrays;
    } wanted[] = {
        {"token_bucket.xfsm", 1 << 2, 0},
        {"direct_return.xfsm", 0, 1 << 0 | 1 << 1},
        {"flowlet.xfsm", 1 << 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        struct beba_lang_opts opts = {.no_warnings = true};
        struct beba_diags diags = {0};
        struct beba_program *p;
        struct beba_arena arena = {0};
        struct beba_points points;
        struct beba_error err;
        uint64_t reg = 0, arrays = 0;
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", EXAMPLES, wanted[i].file);
        assert_int_equal(beba_lang_load_file(path, &opts, &p, &diags, &err), 0);
        assert_int_equal(beba_points_find(p->pipeline, &arena, &points), 0);
        for (uint32_t t = 0; t < p->pipeline->n_tables; t++)
            reg |= points.reg[t];
        for (uint32_t a = 0; a < p->pipeline->n_arrays; a++)
            arrays |= (uint64_t)points.array[a] << a;
        if (reg != wanted[i].reg || arrays != wanted[i].arrays)
            print_error("%s: registers %llx, arrays %llx\n", wanted[i].file,
                        (unsigned long long)reg, (unsigned long long)arrays);
        assert_int_equal(reg, wanted[i].reg);
        assert_int_equal(arrays, wanted[i].arrays);
        beba_arena_free(&arena);
        beba_diags_free(&diags);
        beba_program_free(p);
    }
}

static void shifts(void **state)
{
    (void)state;
    assert_int_equal(beba_point_shift(0, 5), 0);
    assert_int_equal(beba_point_shift(0, -5), 0);
    assert_int_equal(beba_point_shift(7, 5), 12);
    assert_int_equal(beba_point_shift(7, -5), 2);
    assert_int_equal(beba_point_shift(5, -7), 1);
    assert_int_equal(beba_point_shift(UINT64_MAX - 1, 5), UINT64_MAX);
    assert_int_equal(beba_point_shift(9, INT64_MIN), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(examples),
        cmocka_unit_test(shifts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
