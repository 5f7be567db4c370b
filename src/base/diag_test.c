/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    struct beba_sources sources;
    struct beba_diags diags;
    struct beba_strbuf out;
};

static struct beba_loc at(const struct fixture *f, const char *word)
{
    const struct beba_source *src = &f->sources.source[0];
    const char *p = memmem(src->text, src->len, word, strlen(word));

    assert_non_null(p);
    return (struct beba_loc){0, (uint32_t)(p - src->text), (uint32_t)strlen(word)};
}

static void load(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(beba_sources_add(&f->sources, "a.xfsm", text, strlen(text)), 0);
}

static const char *print(struct fixture *f)
{
    beba_strbuf_clear(&f->out);
    beba_diags_print(&f->diags, &f->sources, &f->out, false);
    return beba_strbuf_str(&f->out);
}

static void drop(struct fixture *f)
{
    beba_strbuf_free(&f->out);
    beba_diags_free(&f->diags);
    beba_sources_free(&f->sources);
}

static void an_error_shows_its_line_caret_and_hint(void **state)
{
    struct fixture f;
    struct beba_diag *d;

    (void)state;
    load(&f, "machine m {\n    on udp.dport == 1111 { drop }\n}\n");
    d = beba_diags_add(&f.diags, BEBA_ERROR, "unknown-field", at(&f, "udp.dport"),
                       "unknown field '%s'", "udp.dport");
    beba_diags_hint(&f.diags, d, "the field is called %s", "udp.dst");
    assert_string_equal(print(&f), "a.xfsm:2:8: error: unknown field 'udp.dport' [unknown-field]\n"
                                   "        on udp.dport == 1111 { drop }\n"
                                   "           ^~~~~~~~~\n"
                                   "  hint: the field is called udp.dst\n");
    assert_int_equal(f.diags.errors, 1);
    drop(&f);
}

static void diagnostics_print_in_order_of_place(void **state)
{
    struct fixture f;
    const char *text;

    (void)state;
    load(&f, "one\ntwo\nthree\n");
    beba_diags_add(&f.diags, BEBA_WARNING, "w", at(&f, "three"), "third");
    beba_diags_add(&f.diags, BEBA_ERROR, "e", at(&f, "one"), "first");
    beba_diags_add(&f.diags, BEBA_NOTE, "n", at(&f, "two"), "second");
    beba_diags_add(&f.diags, BEBA_NOTE, "n", at(&f, "two"), "second again");
    text = print(&f);
    assert_true(strstr(text, "first") < strstr(text, "second"));
    assert_true(strstr(text, "second") < strstr(text, "second again"));
    assert_true(strstr(text, "second again") < strstr(text, "third"));
    assert_int_equal(f.diags.errors, 1);
    assert_int_equal(f.diags.warnings, 1);
    drop(&f);
}

static void what_is_past_the_limit_is_counted(void **state)
{
    struct fixture f;

    (void)state;
    load(&f, "x\n");
    f.diags.limit = 3;
    for (int i = 0; i < 10; i++) {
        struct beba_diag *d =
            beba_diags_add(&f.diags, BEBA_ERROR, "e", (struct beba_loc){0, 0, 1}, "number %d", i);

        assert_non_null(d);
        beba_diags_hint(&f.diags, d, "hint %d", i);
    }
    assert_int_equal(f.diags.n, 3);
    assert_int_equal(f.diags.errors, 10);
    assert_int_equal(f.diags.dropped, 7);
    assert_non_null(strstr(print(&f), "hint 2\nand 7 more\n"));
    assert_null(strstr(print(&f), "hint 3"));
    drop(&f);
}

static void columns_count_characters(void **state)
{
    struct fixture f;
    unsigned line, column;

    (void)state;
    load(&f, "a\n\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 x\n");
    beba_sources_position(&f.sources, at(&f, "x"), &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 5);
    beba_sources_position(&f.sources, (struct beba_loc){0, 1000, 1}, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 1);
    beba_sources_position(&f.sources, (struct beba_loc){9, 0, 1}, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
    beba_diags_add(&f.diags, BEBA_ERROR, "e", at(&f, "x"), "here");
    assert_non_null(strstr(print(&f), "\n        ^\n"));
    drop(&f);
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
    struct fixture f;

    (void)state;
    load(&f, "a\tb\033[2Jc\x7f here\r\n");
    beba_diags_add(&f.diags, BEBA_ERROR, "e", at(&f, "here"), "m");
    assert_string_equal(print(&f), "a.xfsm:1:11: error: m [e]\n"
                                   "    a b?[2Jc? here\n"
                                   "              ^~~~\n");
    drop(&f);
}

static void long_lines_are_cut_around_the_caret(void **state)
{
    struct fixture f;
    char text[4000];
    const char *line, *caret;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 2000, "HERE", 4);
    text[sizeof(text) - 1] = '\0';
    load(&f, text);
    beba_diags_add(&f.diags, BEBA_ERROR, "e", at(&f, "HERE"), "m");
    line = strchr(print(&f), '\n') + 1;
    caret = strchr(line, '\n') + 1;
    assert_true(strchr(line, '\n') - line < 140);
    assert_int_equal(strstr(line, "HERE") - line, strchr(caret, '^') - caret);
    drop(&f);
}

/* Every byte string and every place in it can be printed; continuation bytes may stand alone. */
static void any_bytes_and_any_place_print(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct fixture f = {0};
        char text[700];
        size_t n = round * 7 % sizeof(text);

        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = (char)(round % 3 ? seed >> 56 : 0x80);
        }
        assert_int_equal(beba_sources_add(&f.sources, "f", text, n), 0);
        for (uint32_t i = 0; i < 20; i++)
            beba_diags_add(&f.diags, BEBA_ERROR, "e",
                           (struct beba_loc){i % 2, (uint32_t)(seed >> 33) % 800, i * 50}, "m");
        assert_non_null(strstr(print(&f), "error: m [e]\n"));
        drop(&f);
    }
}

static void colours_are_on_request(void **state)
{
    struct fixture f;

    (void)state;
    load(&f, "x\n");
    beba_diags_add(&f.diags, BEBA_WARNING, "w", at(&f, "x"), "m");
    assert_null(strchr(print(&f), '\033'));
    beba_strbuf_clear(&f.out);
    beba_diags_print(&f.diags, &f.sources, &f.out, true);
    assert_non_null(strstr(beba_strbuf_str(&f.out), "\033[1;35mwarning:\033[0m m"));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_shows_its_line_caret_and_hint),
        cmocka_unit_test(diagnostics_print_in_order_of_place),
        cmocka_unit_test(what_is_past_the_limit_is_counted),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
        cmocka_unit_test(long_lines_are_cut_around_the_caret),
        cmocka_unit_test(any_bytes_and_any_place_print),
        cmocka_unit_test(colours_are_on_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
