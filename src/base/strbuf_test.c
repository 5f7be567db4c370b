/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void text_grows(void **state)
{
    struct beba_strbuf b = {0};

    (void)state;
    assert_string_equal(beba_strbuf_str(&b), "");
    beba_strbuf_puts(&b, "on ");
    beba_strbuf_printf(&b, "%s == %d", "udp.dst", 1111);
    beba_strbuf_putc(&b, ' ');
    beba_strbuf_add(&b, "{}xxx", 2);
    beba_strbuf_pad(&b, '.', 3);
    beba_strbuf_pad(&b, '.', 0);
    assert_string_equal(beba_strbuf_str(&b), "on udp.dst == 1111 {}...");
    assert_int_equal(b.len, strlen(b.s));
    beba_strbuf_clear(&b);
    assert_string_equal(beba_strbuf_str(&b), "");
    beba_strbuf_puts(&b, "again");
    assert_string_equal(beba_strbuf_str(&b), "again");
    beba_strbuf_free(&b);
    assert_null(b.s);
}

static void every_length_fits(void **state)
{
    struct beba_strbuf b = {0}, c = {0};

    (void)state;
    for (size_t n = 0; n < 1100; n++) {
        beba_strbuf_clear(&b);
        beba_strbuf_printf(&b, "%*s", (int)n, "");
        assert_int_equal(b.len, n);
        assert_int_equal(strlen(beba_strbuf_str(&b)), n);
        beba_strbuf_putc(&c, (char)('a' + n % 26));
        assert_int_equal(strlen(c.s), n + 1);
    }
    assert_int_equal(c.s[27], 'b');
    beba_strbuf_free(&b);
    beba_strbuf_free(&c);
}

static void bytes_may_be_zero(void **state)
{
    struct beba_strbuf b = {0};

    (void)state;
    beba_strbuf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.s, "a\0b", 4);
    beba_strbuf_free(&b);
}

static void after_a_failure_nothing_is_added(void **state)
{
    struct beba_strbuf b = {0};

    (void)state;
    beba_strbuf_puts(&b, "kept");
    beba_strbuf_pad(&b, ' ', SIZE_MAX / 2);
    assert_true(b.failed);
    beba_strbuf_puts(&b, "lost");
    beba_strbuf_printf(&b, "%d", 1);
    beba_strbuf_putc(&b, 'x');
    assert_string_equal(beba_strbuf_str(&b), "kept");
    beba_strbuf_free(&b);
    assert_false(b.failed);
}

static void numbers_and_what_does_not_fit_at_once(void **state)
{
    struct beba_strbuf b = {0};

    (void)state;
    beba_strbuf_put_u64(&b, 0);
    beba_strbuf_putc(&b, ' ');
    beba_strbuf_put_u64(&b, UINT64_MAX);
    assert_string_equal(b.s, "0 18446744073709551615");
    for (unsigned n = 0; n < 700; n += 7) { /* ends before, at and after the room there is */
        beba_strbuf_clear(&b);
        beba_strbuf_pad(&b, 'x', n);
        beba_strbuf_printf(&b, "%0100d|%s", 7, "end");
        assert_int_equal(b.len, n + 104);
        assert_int_equal(strlen(b.s), b.len);
        assert_string_equal(b.s + n + 99, "7|end");
    }
    assert_false(b.failed);
    beba_strbuf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(every_length_fits),
        cmocka_unit_test(bytes_may_be_zero),
        cmocka_unit_test(after_a_failure_nothing_is_added),
        cmocka_unit_test(numbers_and_what_does_not_fit_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
