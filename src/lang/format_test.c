/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The layout, and that it changes nothing but the layout. Also: whatever is cut off or changed in
 * the example programs gives diagnostics, not crashes. EXAMPLES and GOLDEN name the directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "lang/lang.h"

static int format(const char *text, size_t len, struct beba_strbuf *out)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    int rc = beba_lang_format("t.xfsm", text, len, out, &sources, &diags);

    assert_true(rc == 0 || (rc == -EINVAL && diags.errors));
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    return rc;
}

static void expect(const char *text, const char *want)
{
    struct beba_strbuf out = {0}, again = {0};

    assert_int_equal(format(text, strlen(text), &out), 0);
    assert_string_equal(beba_strbuf_str(&out), want);
    assert_int_equal(format(out.s, out.len, &again), 0);
    assert_string_equal(beba_strbuf_str(&again), want);
    beba_strbuf_free(&out);
    beba_strbuf_free(&again);
}

static void test_layout(void **state)
{
    expect("const   A=1+ 2*-3 ;const B = ( A )\n\n\n\nset s:u16={1,2 , 3..4}\n",
           "const A = 1 + 2 * -3\nconst B = (A)\n\nset s : u16 = { 1, 2, 3..4 }\n");
    expect(
        "machine m{key ip.src;state a idle 5s->a{on tcp.dst==1{goto a;drop}else{pass}}}",
        "machine m {\n    key ip.src\n    state a idle 5s -> a { on tcp.dst == 1 { goto a; drop }"
        " else { pass } }\n}\n");
    expect(
        "machine m {\n on tcp\n {\n  x[1] [2]+=hash ( a,b )\n  if a {b=1} \n else\n { c = 1\n }\n"
        "\n\n  output ( 1 )\n\n }\n}\nmachine n { always { } }",
        "machine m {\n    on tcp {\n        x[1][2] += hash(a, b)\n        if a { b = 1 } else {\n"
        "            c = 1\n        }\n\n        output(1)\n    }\n}\n\nmachine n {\n"
        "    always { }\n}\n");
    expect("", "");
}

static void test_comments(void **state)
{
    expect(
        "# top\n\n\n# next\nconst A = 1 # a\nconst LONG = 2    # b\n\nconst C = 3 # c\n# end",
        "# top\n\n# next\nconst A = 1     # a\nconst LONG = 2  # b\n\nconst C = 3  # c\n# end\n");
    expect("machine m { # why\n# own\n always { # in\n pass # it\n # last\n }\n}\n",
           "machine m {  # why\n    # own\n    always {  # in\n        pass  # it\n"
           "        # last\n    }\n}\n");
    expect("machine m {\n on a && # first\n b # second\n { pass }\n}\n",
           "machine m {\n    on a &&  # first\n        b    # second\n    { pass }\n}\n");
}

static void test_continued_lines(void **state)
{
    expect("test \"t\" {\nsend { tcp.dst = 1,\nudp } in 1\nexpect pass,\n  drop\n}\nset s = "
           "{\n1,\n2,\n}\n",
           "test \"t\" {\n    send { tcp.dst = 1,\n        udp } in 1\n        expect pass,\n"
           "        drop\n}\nset s = {\n    1,\n    2,\n}\n");
}

/* --- over files ---------------------------------------------------------------------------- */

typedef void (*file_fn)(const char *path, const char *text, size_t len);

static unsigned each_file(const char *dir, file_fn fn)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    unsigned n = 0;

    if (!d)
        return 0;
    while ((entry = readdir(d)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        char path[4096], *text;
        size_t len;
        FILE *f;

        if (!dot || strcmp(dot, ".xfsm") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        f = fopen(path, "rb");
        assert_non_null(f);
        text = malloc(1 << 20);
        assert_non_null(text);
        len = fread(text, 1, 1 << 20, f);
        fclose(f);
        fn(path, text, len);
        free(text);
        n++;
    }
    closedir(d);
    return n;
}

static int load_and_print(const char *text, size_t len, struct beba_strbuf *out)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    int rc = beba_lang_load_text("t.xfsm", text, len, NULL, &program, &diags);

    assert_true(rc == 0 || rc == -EINVAL);
    assert_int_equal(rc != 0, diags.errors != 0);
    for (uint32_t i = 0; i < diags.n; i++) /* what passes the checker is a valid pipeline */
        if (!strcmp(diags.diag[i].code, "internal"))
            fail_msg("%s\n%.*s", diags.diag[i].message, (int)len, text);
    if (!rc)
        beba_pipeline_print(out, program->pipeline);
    beba_diags_free(&diags);
    beba_program_free(program);
    return rc;
}

static void same_after_format(const char *path, const char *text, size_t len)
{
    struct beba_strbuf once = {0}, twice = {0}, before = {0}, after = {0};

    if (!format(text, len, &once)) {
        assert_int_equal(format(once.s, once.len, &twice), 0);
        if (strcmp(once.s, twice.s) != 0)
            fail_msg("%s: formatting twice changes it", path);
        assert_int_equal(load_and_print(text, len, &before),
                         load_and_print(once.s, once.len, &after));
        assert_string_equal(beba_strbuf_str(&before), beba_strbuf_str(&after));
    }
    beba_strbuf_free(&once);
    beba_strbuf_free(&twice);
    beba_strbuf_free(&before);
    beba_strbuf_free(&after);
}

static void test_files(void **state)
{
    assert_true(each_file(GOLDEN, same_after_format) > 40);
    if (!each_file(EXAMPLES, same_after_format))
        print_message("no examples in %s\n", EXAMPLES);
}

/* --- robustness ---------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void survive(const char *text, size_t len)
{
    struct beba_strbuf out = {0};

    load_and_print(text, len, &out);
    beba_strbuf_free(&out);
    format(text, len, &out);
    beba_strbuf_free(&out);
}

static void prefixes(const char *path, const char *text, size_t len)
{
    size_t step = len > 2000 ? len / 97 : len > 400 ? 7 : 1; /* every byte of small files */

    for (size_t n = 0; n < len; n += step)
        survive(text, n);
}

static void mutations(const char *path, const char *text, size_t len)
{
    static const char bytes[] = "{}()[];=<>&|!~-+*/%^\".,:#0a\n\t\\\xff";
    uint64_t seed = 0x9e3779b97f4a7c15ull ^ len;
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    for (unsigned i = 0; len && i < 40; i++) {
        memcpy(copy, text, len);
        for (unsigned k = 0; k <= i % 4; k++)
            copy[next_random(&seed) % len] = bytes[next_random(&seed) % (sizeof(bytes) - 1)];
        survive(copy, len);
    }
    free(copy);
}

/* Words of a program put in the place of others: mostly still readable, seldom meant. */
static void exchanges(const char *path, const char *text, size_t len)
{
    uint64_t seed = 0x2545f4914f6cdd1dull ^ len;
    size_t word[4096][2], n = 0;
    char *copy = malloc(2 * len + 64);

    assert_non_null(copy);
    for (size_t i = 0; i < len && n < 4096; i++) {
        size_t start = i;

        while (i < len && (text[i] == '_' || text[i] == '.' || (text[i] >= '0' && text[i] <= '9') ||
                           (text[i] >= 'a' && text[i] <= 'z')))
            i++;
        if (i > start) {
            word[n][0] = start;
            word[n++][1] = i - start;
        }
    }
    for (unsigned i = 0; n && i < 150; i++) {
        const size_t *a = word[next_random(&seed) % n], *b = word[next_random(&seed) % n];

        memcpy(copy, text, a[0]);
        memcpy(copy + a[0], text + b[0], b[1]);
        memcpy(copy + a[0] + b[1], text + a[0] + a[1], len - a[0] - a[1]);
        survive(copy, len - a[1] + b[1]);
    }
    free(copy);
}

static void test_robust(void **state)
{
    assert_true(each_file(GOLDEN, prefixes) > 40);
    each_file(EXAMPLES, prefixes);
    each_file(GOLDEN, mutations);
    each_file(EXAMPLES, mutations);
    each_file(GOLDEN, exchanges);
    each_file(EXAMPLES, exchanges);
}

static void test_deep(void **state)
{
    static const char *const units[] = {"(",  "!",   "-",   "if x {",       "{",
                                        "[",  "a[",  "a(",  "machine m { ", "on x {",
                                        "1+", "1||", "x&&", "in {"};
    struct beba_strbuf text = {0};

    for (unsigned u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        beba_strbuf_clear(&text);
        beba_strbuf_puts(&text, "machine m { always { x = ");
        for (unsigned i = 0; i < 20000; i++)
            beba_strbuf_puts(&text, units[u]);
        survive(text.s, text.len);
    }
    beba_strbuf_clear(&text);
    for (unsigned i = 0; i < 20000; i++) /* each constant needs the next */
        beba_strbuf_printf(&text, "const c%u = c%u + 1\n", i, i + 1);
    survive(text.s, text.len);
    beba_strbuf_free(&text);
}

/* A machine of many states is checked in time that grows with its size, not its square. */
static double seconds_for(unsigned n_states)
{
    struct beba_strbuf text = {0}, out = {0};
    struct timespec a, b;

    beba_strbuf_puts(&text, "machine m {\n key ip.src\n without key -> pass\n");
    for (unsigned i = 0; i < n_states; i++)
        beba_strbuf_printf(&text,
                           " state s%u idle 1s -> s0 { on tcp.dst == %u { goto s%u; pass }\n"
                           "  else { drop } }\n",
                           i, i % 65536, (i + 1) % n_states);
    beba_strbuf_puts(&text, "}\n");
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(load_and_print(text.s, text.len, &out), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    beba_strbuf_free(&text);
    beba_strbuf_free(&out);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void test_large(void **state)
{
    double small = seconds_for(2000), large = seconds_for(16000);

    print_message("2000 states %.3f s, 16000 states %.3f s\n", small, large);
    assert_true(large < 32 * small + 0.5); /* 8 would be linear; the machine may be busy */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),          cmocka_unit_test(test_comments),
        cmocka_unit_test(test_continued_lines), cmocka_unit_test(test_files),
        cmocka_unit_test(test_robust),          cmocka_unit_test(test_deep),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
