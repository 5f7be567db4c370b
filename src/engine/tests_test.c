/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The runner of a program's tests: what it says when an expectation fails, and what it covers; and
 * the traffic of benchmarks, which must reach a program's rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/bench.h"
#include "engine/tests.h"
#include "lang/lang.h"

static struct beba_program *load(const char *text)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};
    struct beba_lang_opts opts = {.no_warnings = true};

    if (beba_lang_load_text("t.xfsm", text, strlen(text), &opts, &program, &diags)) {
        beba_diags_print(&diags, &program->sources, &out, false);
        fail_msg("%s", beba_strbuf_str(&out));
    }
    beba_diags_free(&diags);
    return program;
}

#define MACHINE                                                                             \
    "global g : u16\n"                                                                      \
    "machine m { key ip.src\n reg n : u32\n without key -> drop\n"                          \
    " state a { on udp.dst == 1 { n += 1; g = 5; count c; goto b; pass } else { drop } }\n" \
    " state b { on udp.dst == 2 { notify \"told\"; mirror(3); output(4) }\n"                \
    "           on udp.dst == 3 { vlan.push 7; reply } else { flood } }\n"                  \
    " state never { else { goto a; drop } } }\n"

static const struct {
    const char *steps, *text; /* NULL: passes */
} cases[] = {
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect pass, b, flow { n = 1 }, global { g = 5 },"
     " count { c = 1 }",
     NULL},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect drop",
     "expected drop, got pass: rule of m, 'on udp.dst == 1' in line 5"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect a", "expected state a, got b"},
    {"send { arp.op = 1 } expect a", "expected state a, but the packet has no key in m"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect flow { n = 7 }", "expected n = 7, got 1"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect global { g = 6 }", "expected g = 6, got 5"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect count { c = 2 }", "expected c = 2, got 1"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect no flow",
     "expected no flow in m, got one in b [ip.src=10.0.0.1]"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 9 } expect drop, no flow", NULL},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect notify \"told\"",
     "expected notify \"told\", got no notification"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect mirror(3)",
     "expected mirror(3), got no mirror"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 }\n"
     "send { ip4.src = 10.0.0.1, udp.dst = 2 } expect output(4), mirror(3), notify \"told\"",
     NULL},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 }\n"
     "send { ip4.src = 10.0.0.1, udp.dst = 2 } expect output(5)",
     "expected output(5), got output(4): rule of m, 'on udp.dst == 2' in line 6"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 }\n"
     "send { ip4.src = 10.0.0.1, udp.dst = 2 } expect mirror(9)",
     "expected mirror(9), got mirror(3)"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 }\n"
     "send { ip4.src = 10.0.0.1, udp.dst = 3 } in 6 expect reply, out { vlan.id = 7 }",
     NULL},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } expect out { vlan.id = 7 }",
     "expected vlan.id = 7, but the packet that leaves has no such field"},
    {"send { ip4.src = 10.0.0.1, udp.dst = 1 } times 3 each expect pass",
     "expected pass, got flood: rule of m, 'else' in line 7"},
};

static void says_what_it_expected_and_saw(void **state)
{
    char text[4096];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct beba_test_report report;
        struct beba_program *program;
        struct beba_error err = {0};

        snprintf(text, sizeof(text), MACHINE "test \"t\" {\n%s\n}\n", cases[i].steps);
        program = load(text);
        assert_int_equal(beba_tests_run(program, &report, &err), 0);
        assert_int_equal(report.n_tests, 1);
        if (cases[i].text) {
            assert_int_equal(report.n_failed, 1);
            assert_true(report.n_failures > 0);
            assert_string_equal(report.failure[0].text, cases[i].text);
            assert_false(report.test_ok[0]);
        } else if (report.n_failures) {
            fail_msg("%s: %s", cases[i].steps, report.failure[0].text);
        }
        beba_test_report_free(&report, program);
        beba_program_free(program);
    }
}

static void measures_what_tests_cover(void **state)
{
    struct beba_test_report report;
    struct beba_program *program;
    struct beba_error err = {0};

    program =
        load(MACHINE "test \"one\" { send { ip4.src = 10.0.0.1, udp.dst = 1 } expect pass }\n"
                     "test \"two\" { send { ip4.src = 10.0.0.1, udp.dst = 2 } expect pass }\n");
    assert_int_equal(beba_tests_run(program, &report, &err), 0);
    assert_int_equal(report.n_tests, 2);
    assert_int_equal(report.n_failed, 1); /* tests do not see each other's flows */
    assert_int_equal(report.failure[0].test, 1);
    assert_int_equal(report.rules, 6);
    assert_int_equal(report.rules_hit, 2);
    assert_int_equal(report.states, 3);
    assert_int_equal(report.states_hit, 2);
    assert_true(report.state_hit[0][0] && report.state_hit[0][1] && !report.state_hit[0][2]);
    beba_test_report_free(&report, program);
    beba_program_free(program);
}

static void benchmarks_reach_the_rules(void **state)
{
    struct beba_bench_opts opts = {.flows = 100, .seconds = 0.01, .rounds = 2};
    struct beba_bench_result result;
    struct beba_error err = {0};
    struct beba_program *program = load(MACHINE);

    assert_int_equal(beba_bench_run(program->pipeline, &opts, &result, &err), 0);
    assert_true(result.packets > 0 && result.mpps > 0);
    assert_int_equal(result.entries, 100);
    assert_true(result.verdict[BEBA_VERDICT_OUTPUT] > 0);
    assert_true(result.verdict[BEBA_VERDICT_REPLY] > 0);
    opts.skew = 1;
    assert_int_equal(beba_bench_run(program->pipeline, &opts, &result, &err), 0);
    assert_true(result.entries > 0 && result.entries <= 100);
    opts.flows = 0;
    assert_int_not_equal(beba_bench_run(program->pipeline, &opts, &result, &err), 0);
    beba_program_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_expected_and_saw),
        cmocka_unit_test(measures_what_tests_cover),
        cmocka_unit_test(benchmarks_reach_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
