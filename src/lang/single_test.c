/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"

static int parse(const char *text, struct beba_arena *arena, struct beba_build *out,
                 struct beba_diags *diags)
{
    struct beba_sources sources = {0};
    int rc = beba_lang_parse_packet(text, strlen(text), arena, out, &sources, diags);

    beba_sources_free(&sources);
    return rc;
}

static void test_packets(void **state)
{
    static const char *const texts[] = {"{ ip4.src = 10.0.0.1, tcp.dst = 8 * 10, tcp.syn }",
                                        "ip4.src = 10.0.0.1, tcp.dst = 80, tcp.syn"};

    for (unsigned i = 0; i < 2; i++) {
        struct beba_arena arena = {0};
        struct beba_diags diags = {0};
        struct beba_build b;

        assert_int_equal(parse(texts[i], &arena, &b, &diags), 0);
        assert_int_equal(b.n_assign, 3);
        assert_int_equal(b.assign[0].field, BEBA_F_IP4_SRC);
        assert_int_equal(b.assign[0].value.lo, 0x0a000001);
        assert_int_equal(b.assign[1].value.lo, 80);
        assert_int_equal(b.assign[2].field, BEBA_F_TCP_SYN);
        assert_int_equal(b.assign[2].value.lo, 1);
        beba_arena_free(&arena);
        beba_diags_free(&diags);
    }
}

static void test_bad_packets(void **state)
{
    static const char *const texts[] = {"{ ip4.src = 10.0.0.1",
                                        "tcp.dst = 70000",
                                        "tcp.dst = x",
                                        "tcp.dst = 1 udp",
                                        "{ } 5",
                                        "tcp.dst",
                                        "= 5",
                                        "tcp, udp"};

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct beba_arena arena = {0};
        struct beba_diags diags = {0};
        struct beba_build b;

        assert_int_equal(parse(texts[i], &arena, &b, &diags), -EINVAL);
        assert_true(diags.errors > 0);
        beba_arena_free(&arena);
        beba_diags_free(&diags);
    }
}

static void test_values(void **state)
{
    static const struct {
        const char *text;
        struct beba_type type;
        struct beba_range range;
    } rows[] = {
        {"80", {BEBA_KIND_UINT, 16}, {{0, 80}, {0, 80}}},
        {"1..5", {BEBA_KIND_UINT, 16}, {{0, 1}, {0, 5}}},
        {"5s", {BEBA_KIND_TIME, 64}, {{0, 5000000000}, {0, 5000000000}}},
        {"true", {BEBA_KIND_BOOL, 1}, {{0, 1}, {0, 1}}},
        {"10.0.0.0/8", {BEBA_KIND_IP, 128}, {{0, 0xffff0a000000}, {0, 0xffff0affffff}}},
        {"10.0.0.1", {BEBA_KIND_IP4, 32}, {{0, 0x0a000001}, {0, 0x0a000001}}},
        {"2001:db8::/64",
         {BEBA_KIND_IP, 128},
         {{0x20010db800000000, 0}, {0x20010db800000000, ~0ull}}},
        {"02::1", {BEBA_KIND_MAC, 48}, {{0, 0x020000000001}, {0, 0x020000000001}}},
        {"02::1", {BEBA_KIND_IP6, 128}, {{0x0002000000000000, 1}, {0x0002000000000000, 1}}},
        {"0.0.0.0/0", {BEBA_KIND_IP, 128}, {{0, 0xffff00000000}, {0, 0xffffffffffff}}},
        {"::/0", {BEBA_KIND_IP, 128}, {{0, 0}, {~0ull, ~0ull}}},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct beba_range r;
        struct beba_error err;

        assert_int_equal(
            beba_lang_parse_value(rows[i].text, strlen(rows[i].text), rows[i].type, &r, &err), 0);
        assert_memory_equal(&r, &rows[i].range, sizeof(r));
    }
}

static void test_bad_values(void **state)
{
    static const struct {
        const char *text;
        struct beba_type type;
    } rows[] = {
        {"", {BEBA_KIND_UINT, 16}},          {"70000", {BEBA_KIND_UINT, 16}},
        {"80 81", {BEBA_KIND_UINT, 16}},     {"10.0.0.1", {BEBA_KIND_UINT, 32}},
        {"80", {BEBA_KIND_IP4, 32}},         {"2001:db8::1", {BEBA_KIND_IP4, 32}},
        {"open", {BEBA_KIND_STATE, 32}},     {"tcp.dst", {BEBA_KIND_UINT, 16}},
        {"10.0.0.0/8", {BEBA_KIND_MAC, 48}}, {"5..1", {BEBA_KIND_UINT, 16}},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct beba_range r;
        struct beba_error err = {0};

        assert_int_equal(
            beba_lang_parse_value(rows[i].text, strlen(rows[i].text), rows[i].type, &r, &err),
            -EINVAL);
        assert_true(err.what[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_bad_packets),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bad_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
