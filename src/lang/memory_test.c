/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Memory that runs out at any allocation ends in -ENOMEM, not in a crash, a loop or a half program.
 * The linker sends malloc, calloc and realloc here. EXAMPLES and GOLDEN name directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lang/lang.h"

enum { MOST = 1000 };

static long left = -1; /* allocations that succeed; -1: all */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool granted(void)
{
    if (left > 0)
        left--;
    return left != 0;
}

void *__wrap_malloc(size_t size)
{
    return granted() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return granted() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *p, size_t size)
{
    return granted() ? __real_realloc(p, size) : NULL;
}

static bool load(const char *text, size_t len, long allocations)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    bool enough;
    int rc;

    left = allocations;
    rc = beba_lang_load_text("t.xfsm", text, len, NULL, &program, &diags);
    enough = left > 0;
    left = -1;
    assert_true(rc == 0 || rc == -ENOMEM || rc == -EINVAL);
    assert_true(rc == 0 || !program || !program->pipeline);
    beba_diags_free(&diags);
    beba_program_free(program);
    return enough;
}

static bool format(const char *text, size_t len, long allocations)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};
    bool enough;
    int rc;

    left = allocations;
    rc = beba_lang_format("t.xfsm", text, len, &out, &sources, &diags);
    enough = left > 0;
    left = -1;
    assert_true(rc == 0 || rc == -ENOMEM || rc == -EINVAL);
    beba_strbuf_free(&out);
    beba_sources_free(&sources);
    beba_diags_free(&diags);
    return enough;
}

static void exhaust(const char *path)
{
    static char text[1 << 18];
    FILE *f = fopen(path, "rb");
    size_t len;
    long n = 1;

    assert_non_null(f);
    len = fread(text, 1, sizeof(text), f);
    fclose(f);
    while (n < MOST && (!load(text, len, n) || !format(text, len, n)))
        n++;
    assert_true(n > 5 && n < MOST);
}

static void test_programs(void **state)
{
    exhaust(EXAMPLES "/mac_learning.xfsm");
    exhaust(EXAMPLES "/class_rate_limit.xfsm");
}

static void test_mistakes(void **state)
{
    exhaust(GOLDEN "/syntax.xfsm");
    exhaust(GOLDEN "/ten_mistakes.xfsm");
    exhaust(GOLDEN "/maybe_absent.xfsm");
    exhaust(GOLDEN "/shadowed_rule.xfsm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
