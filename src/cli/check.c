/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba check: all errors and warnings of programs, and what they will need. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "emit/emit.h"
#include "kernel/kernel.h"
#include "openflow/export.h"
#include "pipeline/target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct opts {
    const char *target;
    bool no_warnings, strict, json;
};

static const struct cli_option options[] = {
    {.name = "target",
     .letter = 't',
     .kind = CLI_STRING,
     .arg = "TARGET",
     .choices = "interp|xdp|tc|native|openflow",
     .offset = offsetof(struct opts, target),
     .help = "Also say what TARGET cannot do of the program, and why: interp, xdp, tc, native or "
             "openflow."},
    {.name = "no-warnings",
     .letter = 'W',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, no_warnings),
     .help = "Errors only."},
    {.name = "strict",
     .letter = 's',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, strict),
     .help = "Fail when there are warnings, too."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

static void print_machine(struct beba_strbuf *out, const struct beba_table *t, uint64_t memory)
{
    beba_strbuf_printf(out, "  %s: ", t->name);
    if (t->lookup.kind != BEBA_KEY_NONE)
        beba_strbuf_printf(out, "%u state%s, ", t->n_states, t->n_states == 1 ? "" : "s");
    beba_strbuf_printf(out, "%u rule%s", t->n_rules, t->n_rules == 1 ? "" : "s");
    if (memory) {
        beba_strbuf_printf(out, ", %llu flows at most in ", (unsigned long long)t->capacity);
        cli_bytes(out, memory);
    }
    beba_strbuf_putc(out, '\n');
}

static json_t *machine_json(const struct beba_table *t, uint64_t memory)
{
    return json_pack("{s:o, s:i, s:i, s:o, s:o}", "name", cli_json_text(t->name), "states",
                     t->lookup.kind == BEBA_KEY_NONE ? 0 : (int)t->n_states, "rules",
                     (int)t->n_rules, "capacity",
                     cli_json_u64(t->lookup.kind == BEBA_KEY_NONE ? 0 : t->capacity), "memory",
                     cli_json_u64(memory));
}

static void summarise(const struct cli_program *p, json_t *file, struct beba_strbuf *text)
{
    const struct beba_pipeline *pl = p->program->pipeline;
    json_t *machines = json_array();

    beba_strbuf_printf(text, "%s: ok, %u machine%s, %u test%s", p->path, pl->n_tables,
                       pl->n_tables == 1 ? "" : "s", p->program->n_tests,
                       p->program->n_tests == 1 ? "" : "s");
    if (p->diags.warnings)
        beba_strbuf_printf(text, ", %u warning%s", p->diags.warnings,
                           p->diags.warnings == 1 ? "" : "s");
    beba_strbuf_putc(text, '\n');
    for (uint32_t i = 0; i < pl->n_tables; i++) {
        uint64_t memory = cli_table_memory(&pl->table[i]);

        print_machine(text, &pl->table[i], memory);
        json_array_append_new(machines, machine_json(&pl->table[i], memory));
    }
    json_object_set_new(file, "machines", machines);
    json_object_set_new(file, "tests", json_integer(p->program->n_tests));
}

static bool in_kernel(enum beba_target target)
{
    return target == BEBA_TARGET_XDP || target == BEBA_TARGET_TC;
}

enum { LARGE = 200000 }; /* instructions of a program that are surely verified */

/* What a program costs in the kernel. */
struct costs {
    struct beba_emit_budget b;
    struct beba_error err;
    int made;       /* 0, or why it could not be compiled */
    int verified;   /* 0, -E2BIG and -EINVAL: what this kernel's verifier says; else not asked */
    uint32_t insns; /* that it went through */
    bool fine;      /* in small pieces */
};

static void find_costs(const struct cli_program *p, enum beba_target target, bool fine,
                       struct costs *c)
{
    const struct beba_source *source = p->program->sources.source;
    struct beba_emit_opts opts = {.file = p->path,
                                  .text = source[0].text,
                                  .text_size = source[0].len,
                                  .sources = &p->program->sources,
                                  .fine = fine,
                                  .cache = true};
    const struct beba_pipeline *pl = p->program->pipeline;
    void *object = NULL;
    size_t size = 0;

    *c = (struct costs){.fine = fine, .verified = -ENOSYS};
    c->made = beba_emit_object(pl, target, &opts, &object, &size, &c->err);
    if (beba_emit_measure(pl, object, size, &c->b, c->made ? NULL : &c->err))
        c->made = c->made ? c->made : -EINVAL;
    if (!c->made)
        c->verified = beba_kernel_verify(object, size, pl, &c->insns, &c->err);
    free(object);
    if (c->verified == -E2BIG && !fine)
        find_costs(p, target, true, c);
}

/* What the verifier would refuse, and what could not be found out. */
static void judge(const struct costs *c, enum beba_target target, struct beba_diags *diags)
{
    const char *code = target == BEBA_TARGET_XDP ? "target-xdp" : "target-tc";
    const struct beba_emit_budget *b = &c->b;
    struct beba_loc nowhere = {0};
    struct beba_diag *d = NULL;

    if (c->made == -ENOENT)
        d = beba_diags_add(diags, BEBA_NOTE, code, nowhere,
                           "instructions and stack are not known: %s", c->err.what);
    else if (c->made || c->verified == -E2BIG || c->verified == -EINVAL)
        d = beba_diags_add(diags, BEBA_ERROR, code, nowhere, "%s", c->err.what);
    if (d && c->err.hint[0])
        beba_diags_hint(diags, d, "%s", c->err.hint);
    if (d)
        return;
    if (b->stack > b->stack_max)
        beba_diags_add(diags, BEBA_WARNING, code, nowhere,
                       "kernels that round each frame up to 32 bytes, as 6.1 does, refuse it: "
                       "it takes %u bytes of stack there, and has %u",
                       b->stack, b->stack_max);
    if (c->fine)
        beba_diags_add(diags, BEBA_NOTE, code, nowhere,
                       "too large for the verifier at once: beba attach takes it apart into "
                       "smaller pieces, which are slower (beba build --fine)");
    if (b->functions > b->functions_max)
        beba_diags_add(diags, BEBA_ERROR, code, nowhere,
                       "a program for the kernel has at most %u functions, and this one %u: "
                       "a machine has too many rules, or asks for the states of too many others",
                       b->functions_max, b->functions);
    if (b->maps > b->maps_max)
        beba_diags_add(diags, BEBA_ERROR, code, nowhere,
                       "a program for the kernel has at most %u maps, and this one %u: it has "
                       "too many sets",
                       b->maps_max, b->maps);
    if (c->verified && b->largest > LARGE)
        beba_diags_add(diags, BEBA_WARNING, code, nowhere,
                       "the kernel's verifier may give up on a program of %u instructions: it "
                       "goes through a million, some several times; as root this command asks it",
                       b->largest);
}

/* What the program costs in the kernel, before it is loaded. */
static void budget(const struct cli_program *p, enum beba_target target, struct beba_diags *diags,
                   json_t *file, struct beba_strbuf *text)
{
    json_t *json = json_object();
    struct costs c;

    find_costs(p, target, false, &c);
    judge(&c, target, diags);
    beba_strbuf_printf(text, "  %s: ", beba_target_name(target));
    if (!c.made) {
        const struct beba_emit_budget *b = &c.b;

        beba_strbuf_printf(text, "%u instructions, ", b->instructions);
        if (!c.verified)
            beba_strbuf_printf(text, "%u steps of the verifier's million, ", c.insns);
        beba_strbuf_printf(text, "%u of %u bytes of stack, ", b->stack, b->stack_max);
        json_object_set_new(json, "instructions", json_integer(b->instructions));
        json_object_set_new(json, "verified", c.verified ? json_null() : json_integer(c.insns));
        json_object_set_new(json, "fine", json_boolean(c.fine));
        json_object_set_new(json, "stack", json_integer(b->stack));
        json_object_set_new(json, "stack_max", json_integer(b->stack_max));
        json_object_set_new(json, "programs", json_integer(b->n_programs));
        json_object_set_new(json, "functions", json_integer(b->functions));
        json_object_set_new(json, "functions_max", json_integer(b->functions_max));
        json_object_set_new(json, "maps", json_integer(b->maps));
        json_object_set_new(json, "maps_max", json_integer(b->maps_max));
        json_object_set_new(json, "object_size", cli_json_u64(b->object_size));
    }
    cli_bytes(text, c.b.map_memory);
    beba_strbuf_puts(text, " of memory with one CPU\n");
    json_object_set_new(json, "memory", cli_json_u64(c.b.map_memory));
    json_object_set_new(file, "budget", json);
}

static int check_one(const char *path, const struct opts *o, json_t *files, FILE *to)
{
    struct cli_program p;
    struct beba_strbuf text = {0}, costs = {0};
    json_t *file = json_object();
    bool had_json = cli.json;
    uint32_t errors, warnings;
    int rc;

    cli.json = false; /* failures of one file are told in its object */
    rc = cli_load(path, o->no_warnings, &p);
    errors = p.diags.errors;
    warnings = p.diags.warnings;
    if (!rc && o->target) {
        enum beba_target target = (enum beba_target)beba_target_find(o->target);
        struct beba_diags diags = {0};

        if (target == BEBA_TARGET_OPENFLOW)
            beba_export_check(p.program->pipeline, &diags);
        else
            beba_target_check(p.program->pipeline, target, &diags);
        if (in_kernel(target) && !diags.errors)
            budget(&p, target, &diags, file, &costs);
        rc = cli_diags(&diags, &p.program->sources, path);
        json_object_set_new(file, "target", json_string(o->target));
        json_object_set_new(file, "target_diagnostics",
                            cli_json_diags(&diags, &p.program->sources));
        errors += diags.errors;
        warnings += diags.warnings;
        beba_diags_free(&diags);
    }
    cli.json = had_json;
    if (o->strict && warnings)
        rc = CLI_FAILED;
    json_object_set_new(file, "file", cli_json_text(path));
    json_object_set_new(file, "ok", json_boolean(!rc));
    json_object_set_new(file, "errors", json_integer(errors));
    json_object_set_new(file, "warnings", json_integer(warnings));
    if (p.program)
        json_object_set_new(file, "diagnostics", cli_json_diags(&p.diags, &p.program->sources));
    if (p.program && p.program->pipeline && !p.diags.errors)
        summarise(&p, file, &text);
    if (costs.len)
        beba_strbuf_add(&text, costs.s, costs.len);
    if (rc && errors + warnings)
        cli_warn("%s: %u error%s, %u warning%s", path, errors, errors == 1 ? "" : "s", warnings,
                 warnings == 1 ? "" : "s");
    if (!o->json && !rc)
        cli_print(to, &text);
    beba_strbuf_free(&text);
    beba_strbuf_free(&costs);
    json_array_append_new(files, file);
    cli_program_free(&p);
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    json_t *files = json_array();
    int worst = CLI_OK;

    for (unsigned i = 0; i < call->n_operands; i++) {
        if (check_one(call->operand[i], o, files, stdout))
            worst = CLI_FAILED;
    }
    if (o->json) {
        int rc = cli_print_json(stdout, json_pack("{s:b, s:o}", "ok", !worst, "files", files));

        return rc ? rc : worst;
    }
    json_decref(files);
    return worst;
}

const struct cli_command cli_check = {
    .name = "check",
    .operands = "FILE...",
    .min = 1,
    .max = UINT_MAX,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "all errors and warnings of programs",
    .text = "Checks programs and prints every error and warning with its place and what to write "
            "instead. Of a good program it prints its machines and the memory they take when full. "
            "With a target in the kernel it compiles the program, counts what the verifier counts "
            "and, as root, asks the verifier itself.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
