/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void an_error_has_what_where_and_hint(void **state)
{
    struct beba_error err;

    (void)state;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(beba_error_set(&err, -ENOENT, "no file %s", "a.pcap"), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.what, "no file a.pcap");
    assert_string_equal(err.where, "");
    assert_string_equal(err.hint, "");
    beba_error_where(&err, "packet %d", 3);
    beba_error_hint(&err, "look again");
    assert_string_equal(err.where, "packet 3");
    assert_string_equal(err.hint, "look again");
}

static void nobody_need_ask_for_the_error(void **state)
{
    (void)state;
    assert_int_equal(beba_error_set(NULL, -EINVAL, "x"), -EINVAL);
    beba_error_where(NULL, "x");
    beba_error_hint(NULL, "x");
}

static void long_texts_are_cut(void **state)
{
    struct beba_error err;

    (void)state;
    beba_error_set(&err, -EINVAL, "%600s", "x");
    beba_error_where(&err, "%600s", "x");
    beba_error_hint(&err, "%600s", "x");
    assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
    assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
    assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

static void the_nearest_name_is_found(void **state)
{
    static const char *const names[] = {"udp.dst", "udp.src", NULL, "tcp.dst", "eth.type", "ip"};
    static const struct {
        const char *wrong, *right;
    } cases[] = {
        {"udp.dts", "udp.dst"}, /* exchanged letters are one mistake */
        {"udp.dsst", "udp.dst"}, {"upd.src", "udp.src"},
        {"tcp.ds", "tcp.dst"},   {"eth.tpye", "eth.type"},
        {"udp.dst", "udp.dst"},  {"ipp", "ip"},
        {"banana", NULL},        {"", NULL},
        {"xyz", NULL}, /* a short name may have one mistake, not three */
    };
    char long_name[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = beba_nearest(cases[i].wrong, names, 6);

        if (cases[i].right)
            assert_string_equal(found, cases[i].right);
        else
            assert_null(found);
    }
    memset(long_name, 'a', sizeof(long_name));
    long_name[199] = '\0';
    assert_null(beba_nearest(long_name, names, 6));
    assert_null(beba_nearest("udp.dst", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_what_where_and_hint),
        cmocka_unit_test(nobody_need_ask_for_the_error),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(the_nearest_name_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
