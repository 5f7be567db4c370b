/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba test: runs the tests inside programs and measures what they covered. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/native.h"
#include "engine/tests.h"

#include <limits.h>

struct opts {
    struct cli_number min_coverage;
    struct cli_native_opts native;
    bool verbose, json;
};

static const struct cli_option options[] = {
    {.name = "min-coverage",
     .letter = 'm',
     .kind = CLI_NUMBER,
     .arg = "PERCENT",
     .offset = offsetof(struct opts, min_coverage),
     .help = "Fail when the tests reach less than PERCENT of a program's states and rules."},
    CLI_NATIVE_ENGINE(struct opts, native,
                      "What runs the program: interp, the interpreter (default), or native: "
                      "compiled for this machine, beside the interpreter, and a test fails where "
                      "they differ."),
    {.name = "verbose",
     .letter = 'v',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, verbose),
     .help = "Name the tests that succeed, too."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

struct totals {
    unsigned tests, failed;
};

static void print_failures(struct beba_strbuf *out, const struct beba_program *p,
                           const struct beba_test_report *r, uint32_t test, json_t *list)
{
    for (uint32_t i = 0; i < r->n_failures; i++) {
        const struct beba_failure *f = &r->failure[i];
        unsigned line, column;

        if (f->test != test)
            continue;
        beba_strbuf_puts(out, "          ");
        cli_place(out, &p->sources, f->loc);
        beba_strbuf_puts(out, ": ");
        if (f->repetition > 1)
            beba_strbuf_printf(out, "repetition %u: ", f->repetition);
        beba_strbuf_printf(out, "%s\n", f->text);
        beba_sources_position(&p->sources, f->loc, &line, &column);
        json_array_append_new(list,
                              json_pack("{s:i, s:i, s:i, s:i, s:o}", "step", (int)f->step + 1,
                                        "repetition", (int)f->repetition, "line", (int)line,
                                        "column", (int)column, "message", cli_json_text(f->text)));
    }
}

static json_t *print_tests(struct beba_strbuf *out, const struct beba_program *p,
                           const struct beba_test_report *r, bool verbose)
{
    json_t *tests = json_array();

    for (uint32_t i = 0; i < p->n_tests; i++) {
        json_t *failures = json_array();
        bool ok = r->test_ok[i];

        if (verbose || !ok)
            beba_strbuf_printf(out, "  %-6s  %s\n", ok ? "ok" : "FAILED", p->test[i].name);
        print_failures(out, p, r, i, failures);
        json_array_append_new(tests,
                              json_pack("{s:o, s:b, s:o}", "name", cli_json_text(p->test[i].name),
                                        "ok", ok, "failures", failures));
    }
    return tests;
}

static void add_uncovered(struct beba_strbuf *out, json_t *list, const struct beba_program *p,
                          struct beba_loc loc, const char *machine, const char *state,
                          const char *rule)
{
    struct beba_strbuf place = {0};

    cli_place(&place, &p->sources, loc);
    beba_strbuf_printf(out, "  %s: no test %s %s", beba_strbuf_str(&place),
                       rule ? "takes rule" : "reaches state", rule ? rule : state);
    if (rule && state)
        beba_strbuf_printf(out, " of %s", state);
    if (p->pipeline->n_tables > 1)
        beba_strbuf_printf(out, " of %s", machine);
    beba_strbuf_putc(out, '\n');
    json_array_append_new(list, json_pack("{s:o, s:o, s:o?, s:o?}", "place",
                                          cli_json_text(beba_strbuf_str(&place)), "machine",
                                          cli_json_text(machine), "state",
                                          state ? cli_json_text(state) : NULL, "rule",
                                          rule ? cli_json_text(rule) : NULL));
    beba_strbuf_free(&place);
}

static json_t *print_uncovered(struct beba_strbuf *out, const struct beba_program *p,
                               const struct beba_test_report *r)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->pipeline->n_tables; i++) {
        const struct beba_table *t = &p->pipeline->table[i];

        for (uint32_t s = 0; s < t->n_states && t->lookup.kind != BEBA_KEY_NONE; s++) {
            if (!r->state_hit[i][s])
                add_uncovered(out, list, p, t->state[s].loc, t->name, t->state[s].name, NULL);
        }
        for (uint32_t k = 0; k < t->n_rules; k++) {
            const struct beba_rule *rule = &t->rule[k];

            if (!r->rule_hit[rule->id])
                add_uncovered(out, list, p, rule->loc, t->name,
                              t->n_states > 1 ? cli_rule_state(t, rule) : NULL, rule->label);
        }
    }
    return list;
}

static unsigned coverage(const struct beba_test_report *r)
{
    uint32_t all = r->rules + r->states;

    return all ? (unsigned)((uint64_t)(r->rules_hit + r->states_hit) * 100 / all) : 100;
}

static int report(const struct beba_program *p, const struct beba_test_report *r,
                  const struct opts *o, const char *path, json_t *file)
{
    struct beba_strbuf out = {0}, uncovered = {0};
    unsigned covered = coverage(r);
    bool low = o->min_coverage.given && covered < o->min_coverage.value;

    beba_strbuf_printf(&out, "%s\n", path);
    json_object_set_new(file, "tests", print_tests(&out, p, r, o->verbose));
    json_object_set_new(file, "failed", json_integer(r->n_failed));
    json_object_set_new(file, "uncovered", print_uncovered(&uncovered, p, r));
    json_object_set_new(file, "coverage",
                        json_pack("{s:i, s:i, s:i, s:i, s:i}", "states", (int)r->states_hit,
                                  "states_total", (int)r->states, "rules", (int)r->rules_hit,
                                  "rules_total", (int)r->rules, "percent", (int)covered));
    if (!p->n_tests)
        beba_strbuf_puts(&out, "  no tests in this program\n");
    else
        beba_strbuf_printf(
            &out, "  %u of %u tests ok; they reach %u of %u states, %u of %u rules (%u%%)\n",
            r->n_tests - r->n_failed, r->n_tests, r->states_hit, r->states, r->rules_hit, r->rules,
            covered);
    if (p->n_tests)
        beba_strbuf_puts(&out, beba_strbuf_str(&uncovered));
    beba_strbuf_free(&uncovered);
    if (low)
        beba_strbuf_printf(&out, "  FAILED  coverage is %u%%, %llu%% asked for\n", covered,
                           (unsigned long long)o->min_coverage.value);
    if (o->json)
        beba_strbuf_free(&out);
    else
        cli_print(stdout, &out);
    return r->n_failed || low ? CLI_FAILED : CLI_OK;
}

static int test_one(const char *path, const struct opts *o, json_t *files, struct totals *totals)
{
    struct cli_program p;
    struct beba_native_module *native = NULL;
    struct beba_test_report r = {0};
    struct beba_error err = {0};
    json_t *file = json_object();
    bool had_json = cli.json;
    int rc;

    cli.json = false; /* failures of one file are told in its object */
    rc = cli_load(path, false, &p);
    json_object_set_new(file, "file", cli_json_text(path));
    if (rc && p.program)
        json_object_set_new(file, "diagnostics", cli_json_diags(&p.diags, &p.program->sources));
    if (!rc)
        rc = cli_native_open(&o->native, p.program, path, false, &native);
    if (!rc) {
        rc = beba_tests_run_code(p.program, native ? beba_native_code(native) : NULL, &r, &err);
        if (rc) {
            rc = cli_fail(&err);
            json_object_set_new(file, "error", cli_json_error(&err));
        } else {
            rc = report(p.program, &r, o, path, file);
            totals->tests += r.n_tests;
            totals->failed += r.n_failed;
        }
        beba_test_report_free(&r, p.program);
    }
    cli.json = had_json;
    json_object_set_new(file, "ok", json_boolean(!rc));
    json_array_append_new(files, file);
    beba_native_free(native);
    cli_program_free(&p);
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct totals totals = {0};
    json_t *files = json_array();
    int worst = CLI_OK;

    if (o->min_coverage.given && o->min_coverage.value > 100) {
        json_decref(files);
        return cli_usage("--min-coverage takes a percentage from 0 to 100");
    }
    for (unsigned i = 0; i < call->n_operands; i++) {
        if (test_one(call->operand[i], o, files, &totals))
            worst = CLI_FAILED;
    }
    if (o->json) {
        int rc = cli_print_json(stdout, json_pack("{s:b, s:i, s:i, s:o}", "ok", !worst, "tests",
                                                  (int)totals.tests, "failed", (int)totals.failed,
                                                  "files", files));

        return rc ? rc : worst;
    }
    json_decref(files);
    if (call->n_operands > 1)
        printf("%u programs: %u of %u tests ok\n", call->n_operands, totals.tests - totals.failed,
               totals.tests);
    return worst;
}

const struct cli_command cli_test = {
    .name = "test",
    .operands = "FILE...",
    .min = 1,
    .max = UINT_MAX,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "run the tests inside programs",
    .text =
        "Runs the tests that stand inside programs, each on empty tables, and says which states "
        "and rules no test reached.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
