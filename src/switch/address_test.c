/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/address.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    bool passive, tls, local;
    const char *host; /* or the path */
    uint16_t port;
    const char *written;
} good[] = {
    {"tcp:10.0.0.1", false, false, false, "10.0.0.1", 6653, "tcp:10.0.0.1:6653"},
    {"tcp:10.0.0.1:1", false, false, false, "10.0.0.1", 1, "tcp:10.0.0.1:1"},
    {"tcp:[::1]:6633", false, false, false, "::1", 6633, "tcp:[::1]:6633"},
    {"ssl:c.example", false, true, false, "c.example", 6653, "tls:c.example:6653"},
    {"tls:c.example:65535", false, true, false, "c.example", 65535, "tls:c.example:65535"},
    {"ptcp:", true, false, false, "", 6653, "ptcp:6653"},
    {"ptcp:0", true, false, false, "", 0, "ptcp:0"},
    {"ptcp:6633:127.0.0.1", true, false, false, "127.0.0.1", 6633, "ptcp:6633:127.0.0.1"},
    {"ptls::[::1]", true, true, false, "::1", 6653, "ptls:6653:[::1]"},
    {"pssl:1", true, true, false, "", 1, "ptls:1"},
    {"unix:/run/a:b", false, false, true, "/run/a:b", 0, "unix:/run/a:b"},
    {"punix:x", true, false, true, "x", 0, "punix:x"},
};

static void test_good(void **state)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct beba_address a;

        assert_int_equal(beba_address_parse(good[i].text, &a, NULL), 0);
        assert_int_equal(a.passive, good[i].passive);
        assert_int_equal(a.tls, good[i].tls);
        assert_int_equal(a.local, good[i].local);
        assert_string_equal(a.local ? a.path : a.host, good[i].host);
        if (!a.local)
            assert_int_equal(a.port, good[i].port);
        assert_string_equal(a.text, good[i].written);
    }
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",
        "tcp",
        "tcp:",
        "10.0.0.1:6653",
        "udp:10.0.0.1",
        "tcp:h:0",
        "tcp:h:65536",
        "tcp:h:1x",
        "tcp:h:",
        "tcp:[::1",
        "ptcp:x",
        "ptcp:1:[::1",
        "ptcp:99999999",
        "unix:",
        "tcp:h:1:2",
        "tcp:[::1]6653",
    };
    char longest[400] = "unix:";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct beba_error err = {0};
        struct beba_address a;

        assert_int_not_equal(beba_address_parse(bad[i], &a, &err), 0);
        assert_true(err.what[0]);
    }
    for (int kind = 0; kind < 2; kind++) {
        struct beba_address a;

        memset(longest + strlen(longest), 'x', sizeof(longest) - 1 - strlen(longest));
        assert_int_not_equal(beba_address_parse(longest, &a, NULL), 0);
        memcpy(longest, "tcp:x", 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
