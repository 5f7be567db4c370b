/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs of the public API. */
#include "lib/fixture_test.h"

static const char wrong[] = "machine m {\n    key ip.src\n    always { pas }\n}\n";

static void tells_its_version(void **state)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", BEBA_VERSION_MAJOR, BEBA_VERSION_MINOR,
             BEBA_VERSION_PATCH);
    assert_string_equal(beba_version(), text);
    assert_int_equal(beba_version_number(), BEBA_VERSION_NUMBER);
    assert_int_equal(BEBA_VERSION_NUMBER,
                     BEBA_VERSION_MAJOR * 1000000 + BEBA_VERSION_MINOR * 1000 + BEBA_VERSION_PATCH);
}

static void loads_programs(void **state)
{
    struct beba_xfsm *program = (void *)1;
    char *diagnostics, path[] = "/tmp/libbeba_test_XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, guard, strlen(guard)), strlen(guard));
    close(fd);
    assert_int_equal(beba_xfsm_load_file(path, &program, &diagnostics), 0);

    assert_null(diagnostics);
    assert_string_equal(beba_xfsm_machine(program, 0), "guard");
    beba_xfsm_free(program);
    unlink(path);

    assert_int_equal(beba_xfsm_load_file(path, &program, &diagnostics), -ENOENT);
    assert_null(program);
    assert_non_null(strstr(diagnostics, path));
    beba_free(diagnostics);
    assert_int_equal(beba_xfsm_load_file(path, &program, NULL), -ENOENT);

    assert_int_equal(beba_xfsm_load_text("w.xfsm", wrong, strlen(wrong), &program, &diagnostics),
                     -EINVAL);
    assert_null(program);
    assert_non_null(strstr(diagnostics, "w.xfsm:3:14: error:"));
    assert_non_null(strstr(diagnostics, "\n        always { pas }"));
    beba_free(diagnostics);
    assert_int_equal(beba_xfsm_load_text("w.xfsm", wrong, strlen(wrong), &program, NULL), -EINVAL);
    assert_int_equal(beba_xfsm_load_text("empty", "", 0, &program, NULL), -EINVAL);
}

static void tells_warnings_of_good_programs(void **state)
{
    static const char text[] =
        "machine m {\n    key ip.src\n    reg r : u8\n    always { pass }\n}\n";
    struct beba_xfsm *program;
    char *diagnostics;

    assert_int_equal(beba_xfsm_load_text("m", text, strlen(text), &program, &diagnostics), 0);
    assert_non_null(program);
    assert_non_null(diagnostics);
    assert_non_null(strstr(diagnostics, "warning:"));
    beba_free(diagnostics);
    beba_xfsm_free(program);
}

static void names_what_programs_have(void **state)
{
    struct beba_xfsm *program = load(guard);

    assert_string_equal(beba_xfsm_machine(program, 0), "guard");
    assert_string_equal(beba_xfsm_machine(program, 1), "tag");
    assert_null(beba_xfsm_machine(program, 2));
    assert_string_equal(beba_xfsm_state(program, "guard", 0), "quiet");
    assert_string_equal(beba_xfsm_state(program, "guard", 1), "watched");
    assert_null(beba_xfsm_state(program, "guard", 2));
    assert_null(beba_xfsm_state(program, "nobody", 0));
    assert_null(beba_xfsm_state(program, NULL, 0));
    assert_string_equal(beba_xfsm_counter(program, 0), "refused");
    assert_null(beba_xfsm_counter(program, 1));
    assert_string_equal(beba_xfsm_global(program, 0), "total");
    assert_string_equal(beba_xfsm_global(program, 1), "last_seen");
    assert_null(beba_xfsm_global(program, UINT32_MAX));
    assert_string_equal(beba_xfsm_array(program, 0), "hits");
    assert_null(beba_xfsm_array(program, 1));
    assert_string_equal(beba_xfsm_set(program, 0), "friends");
    assert_null(beba_xfsm_set(program, 1));
    beba_xfsm_free(program);
}

static void draws_programs(void **state)
{
    struct beba_xfsm *program = load(guard);
    char *dot;

    assert_int_equal(beba_xfsm_graph(program, &dot), 0);
    assert_int_equal(strncmp(dot, "digraph", 7), 0);
    assert_non_null(strstr(dot, "watched"));
    beba_free(dot);
    beba_xfsm_free(program);
}

static void runs_the_tests_inside(void **state)
{
    static const char fails[] = "machine m { always { pass } }\n"
                                "test \"one\" { send { arp.op = 1 } expect pass }\n"
                                "test \"two\" {\n    send { arp.op = 1 } expect drop\n}\n";
    struct beba_test_info info = {.size = sizeof(info)};
    struct beba_xfsm *program = load(guard);
    char *failures;

    assert_int_equal(beba_xfsm_test(program, &info, &failures), 0);
    assert_null(failures);
    assert_int_equal(info.tests, 1);
    assert_int_equal(info.failed, 0);
    assert_int_equal(info.states, 2);
    assert_int_equal(info.rules, 7);
    assert_int_equal(info.rules_taken, 2);
    assert_true(info.states_reached >= 1 && info.states_reached <= 2);
    assert_int_equal(beba_xfsm_test(program, NULL, NULL), 0);
    beba_xfsm_free(program);

    program = load(fails);
    assert_int_equal(beba_xfsm_test(program, &info, &failures), 1);
    assert_int_equal(info.tests, 2);
    assert_int_equal(info.failed, 1);
    assert_non_null(strstr(failures, "guard.xfsm:4:"));
    assert_non_null(strstr(failures, "test \"two\": "));
    assert_null(strstr(failures, "\"one\""));
    beba_free(failures);
    assert_int_equal(beba_xfsm_test(program, NULL, NULL), 1);
    info.size = sizeof(info) - 1;
    assert_int_equal(beba_xfsm_test(program, &info, NULL), -EINVAL);
    beba_xfsm_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_its_version),
        cmocka_unit_test(loads_programs),
        cmocka_unit_test(tells_warnings_of_good_programs),
        cmocka_unit_test(names_what_programs_have),
        cmocka_unit_test(draws_programs),
        cmocka_unit_test(runs_the_tests_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
