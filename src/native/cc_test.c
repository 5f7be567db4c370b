/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The compiler: what it makes runs; without it, or when it fails or hangs, a clear error comes in
 * time and nothing is left behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "emit/embedded.h"
#include "native/cc.h"

#define EXPORT "__attribute__((visibility(\"default\"))) "

static void runs(void **state)
{
    static const char text[] = "#include \"a/b/three.h\"\n" EXPORT "int add(int a) { return a + "
                               "THREE; }\n";
    static const unsigned char header[] = "#define THREE 3\n";
    const struct beba_embedded headers[] = {{"a/b/three.h", header, sizeof(header) - 1}, {0}};
    const struct beba_cc_opts opts = {.headers = headers};
    struct beba_cc_module *one, *two;
    struct beba_error err = {0};
    int (*add)(int);

    (void)state;
    assert_int_equal(beba_cc_load(&opts, "add.c", text, strlen(text), &one, &err), 0);
    assert_int_equal(beba_cc_load(&opts, "add.c", text, strlen(text), &two, &err), 0);
    add = (int (*)(int))beba_cc_symbol(one, "add");
    assert_non_null(add);
    assert_ptr_not_equal(beba_cc_symbol(two, "add"), add);
    assert_int_equal(add(4), 7);
    assert_null(beba_cc_symbol(one, "subtract"));
    beba_cc_close(two);
    assert_int_equal(add(5), 8);
    beba_cc_close(one);
    beba_cc_close(NULL);
}

static int load(const char *cc, unsigned seconds, struct beba_error *err)
{
    static const char text[] = EXPORT "int one(void) { return 1; }\n";
    const struct beba_cc_opts opts = {.cc = cc, .seconds = seconds};
    struct beba_cc_module *m;
    int rc = beba_cc_load(&opts, "one.c", text, strlen(text), &m, err);

    assert_true(!rc == !!m);
    beba_cc_close(m);
    return rc;
}

static void is_missing(void **state)
{
    struct beba_error err = {0};

    (void)state;
    assert_int_equal(load("no-such-compiler", 0, &err), -ENOENT);
    assert_non_null(strstr(err.what, "no-such-compiler"));
    setenv("BEBA_CC", "no-such-compiler", 1);
    assert_int_equal(load(NULL, 0, &err), -ENOENT);
    assert_non_null(strstr(err.what, "BEBA_CC"));
    assert_string_not_equal(err.hint, "");
    unsetenv("BEBA_CC");
    setenv("CC", "", 1); /* is as if there were none */
    assert_int_equal(load(NULL, 0, &err), 0);
    unsetenv("CC");
}

static void finds_none(void **state)
{
    char *path = strdup(getenv("PATH"));
    struct beba_error err = {0};

    (void)state;
    assert_non_null(path);
    unsetenv("CC");
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(load(NULL, 0, &err), -ENOENT);
    assert_non_null(strstr(err.what, "there is no C compiler"));
    setenv("PATH", path, 1);
    free(path);
}

static void fails(void **state)
{
    static const char text[] = "int wrong(void) { return unknown; }\n";
    struct beba_error err = {0};
    struct beba_cc_module *m;

    (void)state;
    assert_int_equal(beba_cc_load(NULL, "wrong.c", text, strlen(text), &m, &err), -EIO);
    assert_null(m);
    assert_non_null(strstr(err.what, "unknown"));
    assert_non_null(strstr(err.what, "wrong.c"));
    assert_int_equal(load("false", 0, &err), -EIO);
    assert_non_null(strstr(err.what, "false"));
}

/* Not gone, and no zombie that somebody will wait for. */
static bool runs_still(long pid)
{
    char path[64], line[256] = "";
    bool runs = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (fgets(line, sizeof(line), f))
        runs = !strstr(line, ") Z ");
    fclose(f);
    return runs;
}

/* A compiler that never ends, with a child that never ends. */
static void hangs(void **state)
{
    char dir[] = "/tmp/beba-cc-test-XXXXXX", cc[64], pids[128];
    struct beba_error err = {0};
    time_t begin = time(NULL);
    long pid = 0;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(cc, sizeof(cc), "%s/cc", dir);
    snprintf(pids, sizeof(pids), "%s/pid", dir);
    f = fopen(cc, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\nsleep 1000 &\necho $! >%s\nwait\n", pids);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(cc, 0700), 0);
    assert_int_equal(load(cc, 1, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.what, "after 1 second"));
    assert_true(time(NULL) - begin < 60);
    f = fopen(pids, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld", &pid), 1);
    fclose(f);
    for (int i = 0; runs_still(pid); i++) {
        assert_int_not_equal(i, 100);
        usleep(20000);
    }
    unlink(cc);
    unlink(pids);
    rmdir(dir);
}

static void loads_no_rubbish(void **state)
{
    struct beba_cc_module *m;
    struct beba_error err = {0};

    (void)state;
    assert_int_equal(beba_cc_open("rubbish", 7, "x.so", &m, &err), -EINVAL);
    assert_null(m);
    assert_non_null(strstr(err.what, "x.so"));
    assert_int_equal(beba_cc_open("", 0, "x.so", &m, &err), -EINVAL);
}

static void leaves_nothing(void **state)
{
    char dir[] = "/tmp/beba-cc-test-XXXXXX";
    struct beba_error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    setenv("TMPDIR", dir, 1);
    runs(NULL);
    assert_int_equal(load("false", 0, &err), -EIO);
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(dir), 0);
}

static void says_its_version(void **state)
{
    struct beba_error err = {0};
    char text[256] = "";

    (void)state;
    assert_int_equal(beba_cc_version(NULL, text, sizeof(text), &err), 0);
    assert_string_not_equal(text, "");
    assert_null(strchr(text, '\n'));
    assert_int_equal(beba_cc_version("no-such-compiler", text, sizeof(text), &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs),           cmocka_unit_test(is_missing),
        cmocka_unit_test(finds_none),     cmocka_unit_test(fails),
        cmocka_unit_test(hangs),          cmocka_unit_test(loads_no_rubbish),
        cmocka_unit_test(leaves_nothing), cmocka_unit_test(says_its_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
