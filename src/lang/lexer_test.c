/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lang/report.h"
#include "lang/token.h"

struct lexed {
    struct beba_sources sources;
    struct beba_arena arena;
    struct beba_diags diags;
    struct beba_tokens tokens;
};

static void lex(struct lexed *x, const char *text)
{
    memset(x, 0, sizeof(*x));
    assert_int_equal(beba_sources_add(&x->sources, "t", text, strlen(text)), 0);
    assert_int_equal(beba_lex(&x->sources, 0, &x->arena, &x->diags, &x->tokens), 0);
}

static void drop(struct lexed *x)
{
    beba_sources_free(&x->sources);
    beba_arena_free(&x->arena);
    beba_diags_free(&x->diags);
}

static void expect_kinds(const char *text, const uint8_t *kinds, unsigned n)
{
    struct lexed x;

    lex(&x, text);
    assert_int_equal(x.diags.n, 0);
    assert_int_equal(x.tokens.n, n + 1);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(x.tokens.token[i].kind, kinds[i]);
    assert_int_equal(x.tokens.token[n].kind, T_EOF);
    drop(&x);
}

#define EXPECT(text, ...) \
    expect_kinds(text, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_kinds(void **state)
{
    EXPECT("a tcp.dst 5ms", T_NAME, T_DOTTED, T_NUMBER);
    EXPECT("1..5", T_NUMBER, T_DOTDOT, T_NUMBER);
    EXPECT("10.0.0.1..10.0.0.9", T_ADDRESS, T_DOTDOT, T_ADDRESS);
    EXPECT("LOW..HIGH", T_NAME, T_DOTDOT, T_NAME);
    EXPECT("reg fade:bool", T_NAME, T_NAME, T_COLON, T_NAME);
    EXPECT("reg a : u8", T_NAME, T_NAME, T_COLON, T_NAME);
    EXPECT("100/8", T_NUMBER, T_DIV, T_NUMBER);
    EXPECT("10.0.0.0/8 ::/0 ::1 02::1", T_ADDRESS, T_ADDRESS, T_ADDRESS, T_ADDRESS);
    EXPECT("a->b<<c<=d", T_NAME, T_ARROW, T_NAME, T_SHL, T_NAME, T_LE, T_NAME);
    EXPECT("\"a \\\" b\"", T_STRING);
    EXPECT("a # comment\nb", T_NAME, T_NAME);
}

static void test_words_and_lines(void **state)
{
    struct lexed x;

    lex(&x, "goto gotox\n  go # one\n# two\nto");
    assert_int_equal(x.tokens.token[0].word, W_GOTO);
    assert_int_equal(x.tokens.token[1].word, W_NONE);
    assert_false(x.tokens.token[1].newline);
    assert_true(x.tokens.token[2].newline);
    assert_int_equal(x.tokens.n_comments, 2);
    assert_false(x.tokens.comment[0].own_line);
    assert_true(x.tokens.comment[1].own_line);
    assert_int_equal(x.tokens.comment[0].before, 3);
    drop(&x);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } rows[] = {
        {"0", 0},
        {"18446744073709551615", ~0ull},
        {"0xffFF", 65535},
        {"0b101", 5},
        {"1_000", 1000},
        {"10ms", 10000000},
        {"2m", 120000000000},
        {"64k", 64000},
        {"64Ki", 65536},
        {"1500B", 1500},
        {"10Mbps", 10000000},
        {"2kpps", 2000},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lexed x;

        lex(&x, rows[i].text);
        assert_int_equal(x.diags.n, 0);
        assert_int_equal(x.tokens.token[0].kind, T_NUMBER);
        assert_int_equal(x.tokens.literal[0].number, rows[i].value);
        drop(&x);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        {"18446744073709551616", "bad-number"},
        {"20000000000s", "bad-number"},
        {"0x", "bad-number"},
        {"1.5s", "bad-number"},
        {"5sec", "unknown-unit"},
        {"10.0.0", "bad-address"},
        {"10.0.0.256", "bad-address"},
        {"1:2:3", "bad-address"},
        {"10.0.0.0/33", "bad-address"},
        {"2001:db8::/129", "bad-address"},
        {"\"open", "bad-string"},
        {"\"open\\", "bad-string"},
        {"@", "bad-character"},
        {"\x01", "bad-character"},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lexed x;

        lex(&x, rows[i].text);
        assert_int_equal(x.diags.n, 1);
        assert_string_equal(x.diags.diag[0].code, rows[i].code);
        assert_int_equal(x.tokens.token[0].kind, T_BAD);
        drop(&x);
    }
}

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        unsigned forms;
        uint64_t number, mac, hi, lo;
        int prefix;
    } rows[] = {
        {"10.0.0.1", LIT_IP4, 0x0a000001, 0, 0, 0, -1},
        {"10.0.0.0/8", LIT_IP4, 0x0a000000, 0, 0, 0, 8},
        {"2001:db8::1", LIT_IP6, 0, 0, 0x20010db800000000, 1, -1},
        {"::", LIT_IP6 | LIT_MAC, 0, 0, 0, 0, -1},
        {"02::1", LIT_IP6 | LIT_MAC, 0, 0x020000000001, 0x0002000000000000, 1, -1},
        {"aa:bb:cc:dd:ee:ff", LIT_MAC, 0, 0xaabbccddeeff, 0, 0, -1},
        {"a:b:c:d:e:f", LIT_MAC, 0, 0x0a0b0c0d0e0f, 0, 0, -1},
        {"01:00:5e::/25", LIT_IP6 | LIT_MAC, 0, 0x01005e000000, 0x00010000005e0000, 0, 25},
        {"::ffff:1.2.3.4", LIT_IP6, 0, 0, 0, 0xffff01020304, -1},
        {"1:2:3:4:5:6:7:8", LIT_IP6, 0, 0, 0x0001000200030004, 0x0005000600070008, -1},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct beba_literal l;

        assert_true(beba_literal_address(rows[i].text, strlen(rows[i].text), &l));
        assert_int_equal(l.forms, rows[i].forms);
        assert_int_equal(l.number, rows[i].number);
        assert_int_equal(l.mac, rows[i].mac);
        assert_int_equal(l.ip6.hi, rows[i].hi);
        assert_int_equal(l.ip6.lo, rows[i].lo);
        assert_int_equal(l.prefix, rows[i].prefix >= 0);
        if (l.prefix)
            assert_int_equal(l.prefix_len, rows[i].prefix);
    }
}

static void test_no_addresses(void **state)
{
    static const char *const texts[] = {"",
                                        "10.0.0.1/",
                                        "10.0.0.1/x",
                                        "1:2:3:4:5",
                                        ":::",
                                        "1::2::3",
                                        "10.0.0.1.2",
                                        "aa:bb:cc:dd:ee:fff",
                                        "aa:bb:cc:dd:ee:ff:",
                                        "::1:2:3:4:5:6:7:8:9",
                                        "10.0.0.01x"};

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct beba_literal l;

        assert_false(beba_literal_address(texts[i], strlen(texts[i]), &l));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),     cmocka_unit_test(test_words_and_lines),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_no_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
