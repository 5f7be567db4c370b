/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "emit/cache.h"
#include "emit/emit.h"
#include "lang/lang.h"

static char where[64];

static int setup(void **state)
{
    (void)state;
    snprintf(where, sizeof(where), "/tmp/beba-cache-XXXXXX");
    return mkdtemp(where) && !setenv("BEBA_CACHE", where, 1) ? 0 : -1;
}

/* The files of the cache; the last one's path. */
static unsigned files(char *path, size_t size)
{
    DIR *dir = opendir(where);
    const struct dirent *e;
    unsigned n = 0;

    assert_non_null(dir);
    while ((e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, size, "%s/%.40s", where, e->d_name);
        n++;
    }
    closedir(dir);
    return n;
}

static int teardown(void **state)
{
    char path[128];

    (void)state;
    while (files(path, sizeof(path)))
        unlink(path);
    return rmdir(where);
}

static void open_for(struct beba_cache *c, const char *key)
{
    *c = (struct beba_cache){.dir = -1};
    beba_strbuf_puts(&c->key, key);
    beba_cache_open(c);
}

static void put(const char *key, const char *object)
{
    struct beba_cache c;

    open_for(&c, key);
    beba_cache_put(&c, object, strlen(object));
    beba_cache_close(&c);
}

/* Asserts that it has this object; NULL: none. */
static void has(const char *key, const char *object)
{
    struct beba_cache c;
    size_t size = 0;
    char *got;

    open_for(&c, key);
    got = beba_cache_get(&c, &size);
    if (object) {
        assert_non_null(got);
        assert_int_equal(size, strlen(object));
        assert_memory_equal(got, object, size);
    } else {
        assert_null(got);
    }
    free(got);
    beba_cache_close(&c);
}

static void test_what_was_put_is_there(void **state)
{
    (void)state;
    has("a", NULL);
    put("a", "object of a");
    put("b", "object of b");
    has("a", "object of a");
    has("b", "object of b");
    put("a", "another");
    has("a", "another");
    has("ab", NULL);
}

static void test_a_part_or_another_key_is_none(void **state)
{
    char path[128];

    (void)state;
    put("key", "object");
    assert_int_equal(files(path, sizeof(path)), 1);
    for (off_t size = 35; size-- > 0;) { /* head, key and object are 24, 3 and 6 bytes */
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        if (size >= st.st_size)
            continue;
        assert_int_equal(truncate(path, size), 0);
        has("key", NULL);
    }
    put("key", "object");
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, 24, SEEK_SET);
    fputs("kez", f); /* as if the names were the same by chance */
    fclose(f);
    has("key", NULL);
}

static void test_what_others_may_write_is_not_used(void **state)
{
    char path[128], link[160];

    (void)state;
    put("key", "object");
    assert_int_equal(files(path, sizeof(path)), 1);
    assert_int_equal(chmod(where, 0770), 0);
    has("key", NULL);
    assert_int_equal(chmod(where, 0700), 0);
    assert_int_equal(chmod(path, 0644), 0);
    has("key", NULL);
    assert_int_equal(chmod(path, 0600), 0);
    has("key", "object");
    snprintf(link, sizeof(link), "%s-link", where);
    assert_int_equal(symlink(where, link), 0);
    setenv("BEBA_CACHE", link, 1);
    has("key", NULL);
    setenv("BEBA_CACHE", "", 1);
    has("key", NULL);
    setenv("BEBA_CACHE", where, 1);
    unlink(link);
    if (!geteuid()) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        has("key", NULL);
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(chown(where, 65534, 65534), 0);
        has("key", NULL);
        assert_int_equal(chown(where, 0, 0), 0);
    }
}

static void test_the_oldest_goes(void **state)
{
    char key[16], path[128];

    (void)state;
    for (unsigned i = 0; i < BEBA_CACHE_FILES + 10; i++) {
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        struct beba_cache c;

        snprintf(key, sizeof(key), "%u", i);
        put(key, key);
        open_for(&c, key);
        assert_int_equal(utimensat(c.dir, c.name, times, 0), 0);
        beba_cache_close(&c);
        has("0", "0"); /* what is used stays */
    }
    assert_int_equal(files(path, sizeof(path)), BEBA_CACHE_FILES);
    has("1", NULL);
    has("73", "73");
}

static void test_a_program_is_compiled_once(void **state)
{
    static const char text[] = "machine m { on tcp { pass } else { drop } }\n";
    struct beba_emit_opts opts = {
        .file = "t.xfsm", .text = text, .text_size = sizeof(text) - 1, .cache = true};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    void *object[2] = {NULL, NULL};
    size_t size[2];
    char path[128];
    FILE *f;
    int rc;

    (void)state;
    assert_int_equal(beba_lang_load_text("t.xfsm", text, sizeof(text) - 1, NULL, &program, &diags),
                     0);
    rc = beba_emit_object(program->pipeline, BEBA_TARGET_XDP, &opts, &object[0], &size[0], &err);
    if (rc) {
        print_message("SKIPPED: %s\n", err.what);
        beba_program_free(program);
        skip();
    }
    assert_int_equal(files(path, sizeof(path)), 1);
    f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, -1, SEEK_END);
    fputc('!', f);
    fclose(f);
    assert_int_equal(
        beba_emit_object(program->pipeline, BEBA_TARGET_XDP, &opts, &object[1], &size[1], &err), 0);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(object[0], object[1], size[0] - 1);
    assert_int_equal(((char *)object[1])[size[1] - 1], '!');
    free(object[1]);
    opts.file = "other.xfsm"; /* which the object names */
    assert_int_equal(
        beba_emit_object(program->pipeline, BEBA_TARGET_XDP, &opts, &object[1], &size[1], &err), 0);
    assert_int_equal(files(path, sizeof(path)), 2);
    free(object[1]);
    opts.cache = false;
    assert_int_equal(
        beba_emit_object(program->pipeline, BEBA_TARGET_TC, &opts, &object[1], &size[1], &err), 0);
    assert_int_equal(files(path, sizeof(path)), 2);
    free(object[0]);
    free(object[1]);
    beba_diags_free(&diags);
    beba_program_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_put_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_part_or_another_key_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_others_may_write_is_not_used, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_oldest_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_program_is_compiled_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
