/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "lang/lang.h"

/* The key of a machine with this key clause. */
static struct beba_program *load(const char *clause)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_diags diags = {0};
    struct beba_program *p;
    char text[256];
    int n = snprintf(text, sizeof(text), "machine m {\n key %s\n state a { always { pass } }\n}\n",
                     clause);

    assert_int_equal(beba_lang_load_text("t", text, (size_t)n, &opts, &p, &diags), 0);
    beba_diags_free(&diags);
    return p;
}

static const struct beba_key *key_of(const struct beba_program *p)
{
    return &p->pipeline->table[0].lookup;
}

/* What is printed from the bytes that were read. */
static void reads(const char *clause, const char *text, const char *want)
{
    struct beba_program *p = load(clause);
    struct beba_strbuf out = {0};
    struct beba_error err = {0};
    uint8_t bytes[BEBA_MAX_KEY];
    int rc = beba_lang_parse_key(text, strlen(text), key_of(p), bytes, &err);

    if (rc)
        print_error("%s: %s\n", text, err.what);
    assert_int_equal(rc, 0);
    beba_key_print(&out, key_of(p), bytes);
    assert_string_equal(beba_strbuf_str(&out), want);
    for (uint32_t i = key_of(p)->size; i < BEBA_MAX_KEY; i++)
        assert_int_equal(bytes[i], 0);
    beba_strbuf_free(&out);
    beba_program_free(p);
}

static void refuses(const char *clause, const char *text, const char *what, const char *hint)
{
    struct beba_program *p = load(clause);
    struct beba_error err = {0};
    uint8_t bytes[BEBA_MAX_KEY];

    assert_int_equal(beba_lang_parse_key(text, strlen(text), key_of(p), bytes, &err), -EINVAL);
    if (!strstr(err.what, what) || !strstr(err.hint, hint))
        print_error("%s: %s (%s)\n", text, err.what, err.hint);
    assert_non_null(strstr(err.what, what));
    assert_non_null(strstr(err.hint, hint));
    beba_program_free(p);
}

static void fields(void **state)
{
    (void)state;
    reads("ip.src", "ip.src=10.0.0.1", "ip.src=10.0.0.1");
    reads("ip.src", " 10.0.0.1 ", "ip.src=10.0.0.1");
    reads("ip.src", "2001:db8::1", "ip.src=2001:db8::1");
    reads("ip4.src, tcp.dst", "tcp.dst = 80, ip4.src=1.2.3.4", "ip4.src=1.2.3.4, tcp.dst=80");
    reads("eth.src, vlan.id", "eth.src=02::1,vlan.id=0x10",
          "eth.src=02:00:00:00:00:01, vlan.id=16");
    reads("ip.dst, ip.src, l4.src", "ip.src=::1,ip.dst=10.1.2.3, l4.src=65535",
          "ip.dst=10.1.2.3, ip.src=::1, l4.src=65535");
}

static void bad_fields(void **state)
{
    (void)state;
    refuses("ip.src", "ip.scr=10.0.0.1", "'ip.scr' is not a field of the key", "'ip.src'");
    refuses("ip4.src, tcp.dst", "ip4.src=1.2.3.4", "tcp.dst is missing", "ip4.src=..., tcp.dst=");
    refuses("ip4.src, tcp.dst", "1.2.3.4, tcp.dst=5", "which field", "ip4.src=...");
    refuses("ip4.src, tcp.dst", "ip4.src=1.2.3.4,ip4.src=1.2.3.5", "given twice", "");
    refuses("tcp.dst", "70000", "", "");
    refuses("tcp.dst", "", "missing", "tcp.dst");
    refuses("ip4.src", "10.0.0.0/8", "more than one value", "");
    refuses("ip.src", "ip.src=", "", "");
}

static void connections(void **state)
{
    (void)state;
    reads("connection", "10.0.0.1:1234 <-> 10.0.0.2:80 tcp", "10.0.0.1:1234 <-> 10.0.0.2:80 tcp");
    reads("connection", "10.0.0.2:80 -> 10.0.0.1:1234 tcp", "10.0.0.1:1234 <-> 10.0.0.2:80 tcp");
    reads("connection", "10.0.0.1:9 <-> 10.0.0.1:8 udp", "10.0.0.1:8 <-> 10.0.0.1:9 udp");
    reads("connection", "[2001:db8::2]:1 - [2001:db8::1]:2 proto 50",
          "[2001:db8::1]:2 <-> [2001:db8::2]:1 proto 50");
    refuses("connection", "10.0.0.1:1", "not a connection", "<->");
    refuses("connection", "10.0.0.1:1 <-> 10.0.0.2:2", "not a connection", "<->");
    refuses("connection", "10.0.0.1 <-> 10.0.0.2:2 tcp", "not an address and a port", "<->");
    refuses("connection", "10.0.0.1:1 <-> 10.0.0.2:70000 tcp", "", "<->");
    refuses("connection", "10.0.0.1:1 <-> 10.0.0.2:7 tpc", "", "<->");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(bad_fields),
        cmocka_unit_test(connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
