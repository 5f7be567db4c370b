/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs of the public API, and what all of it shares. */
#include "lib/lib.h"

#include "engine/tests.h"
#include "lang/lang.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* beba_lib_name reads the name of any of these. */
static_assert(offsetof(struct beba_table, name) == 0, "name first");
static_assert(offsetof(struct beba_state, name) == 0, "name first");
static_assert(offsetof(struct beba_global, name) == 0, "name first");
static_assert(offsetof(struct beba_array, name) == 0, "name first");
static_assert(offsetof(struct beba_set, name) == 0, "name first");
static_assert(offsetof(struct beba_counter, name) == 0, "name first");

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

const char *beba_version(void)
{
    return STRING(BEBA_VERSION_MAJOR) "." STRING(BEBA_VERSION_MINOR) "." STRING(BEBA_VERSION_PATCH);
}

unsigned beba_version_number(void)
{
    return BEBA_VERSION_NUMBER;
}

void beba_free(char *text)
{
    free(text);
}

/* --- shared -------------------------------------------------------------------------------- */

int beba_lib_text(struct beba_strbuf *text, char **out)
{
    int rc = text->failed ? -ENOMEM : 0;

    *out = NULL;
    if (rc || !text->len) {
        beba_strbuf_free(text);
        return rc;
    }
    *out = text->s;
    *text = (struct beba_strbuf){0};
    return 0;
}

int beba_lib_fail(int rc, const struct beba_error *err, struct beba_message *message)
{
    if (message)
        snprintf(message->text, sizeof(message->text), "%s%s%s%s%s", err->where,
                 err->where[0] ? ": " : "", err->what[0] ? err->what : strerror(-rc),
                 err->hint[0] ? "; " : "", err->hint);
    return rc;
}

int beba_lib_give(void *to, const void *from, size_t size, size_t first)
{
    size_t theirs;

    if (!to)
        return -EINVAL;
    memcpy(&theirs, to, sizeof(theirs));
    if (theirs < first)
        return -EINVAL;
    memcpy((char *)to + sizeof(theirs), (const char *)from + sizeof(theirs),
           (theirs < size ? theirs : size) - sizeof(theirs));
    if (theirs > size)
        memset((char *)to + size, 0, theirs - size);
    return 0;
}

const char *beba_lib_name(const void *array, size_t stride, uint32_t n, uint32_t i)
{
    const char *name;

    if (i >= n)
        return NULL;
    memcpy(&name, (const char *)array + stride * i, sizeof(const char *));
    return name;
}

bool beba_lib_find(const void *array, size_t stride, uint32_t n, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; name && i < n; i++) {
        const char *have = beba_lib_name(array, stride, n, i);

        if (have && !strcmp(have, name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* --- loading ------------------------------------------------------------------------------- */

/* Takes program and diags. */
static int loaded(int rc, struct beba_program *program, struct beba_diags *diags,
                  const struct beba_error *err, struct beba_xfsm **out, char **diagnostics)
{
    struct beba_strbuf text = {0};

    if (!rc) {
        *out = calloc(1, sizeof(**out));
        if (*out)
            (*out)->program = program;
        else
            rc = -ENOMEM;
    }
    if (program && diags->n)
        beba_diags_print(diags, &program->sources, &text, false);
    else if (rc && err->what[0])
        beba_strbuf_printf(&text, "%s%s%s\n", err->where, err->where[0] ? ": " : "", err->what);
    if (diagnostics && beba_lib_text(&text, diagnostics) && !rc) {
        /* Warnings that got lost are no reason to refuse a good program. */
        *diagnostics = NULL;
    }
    beba_strbuf_free(&text);
    beba_diags_free(diags);
    if (rc)
        beba_program_free(program);
    return rc;
}

int beba_xfsm_load_file(const char *path, struct beba_xfsm **out, char **diagnostics)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    int rc;

    if (out)
        *out = NULL;
    if (diagnostics)
        *diagnostics = NULL;
    if (!path || !out)
        return -EINVAL;
    rc = beba_lang_load_file(path, NULL, &program, &diags, &err);
    return loaded(rc, program, &diags, &err, out, diagnostics);
}

int beba_xfsm_load_text(const char *name, const char *text, size_t len, struct beba_xfsm **out,
                        char **diagnostics)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    int rc;

    if (out)
        *out = NULL;
    if (diagnostics)
        *diagnostics = NULL;
    if (!name || !text || !out)
        return -EINVAL;
    rc = beba_lang_load_text(name, text, len, NULL, &program, &diags);
    return loaded(rc, program, &diags, &err, out, diagnostics);
}

void beba_xfsm_free(struct beba_xfsm *program)
{
    if (!program)
        return;
    beba_program_free(program->program);
    free(program);
}

/* --- names --------------------------------------------------------------------------------- */

const char *beba_xfsm_machine(const struct beba_xfsm *program, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;

    return p ? NAME_AT(p->table, p->n_tables, i) : NULL;
}

const char *beba_xfsm_state(const struct beba_xfsm *program, const char *machine, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;
    uint32_t table;

    if (!p || !FIND(p->table, p->n_tables, machine, &table))
        return NULL;
    return NAME_AT(p->table[table].state, p->table[table].n_states, i);
}

const char *beba_xfsm_counter(const struct beba_xfsm *program, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;

    return p ? NAME_AT(p->counter, p->n_counters, i) : NULL;
}

const char *beba_xfsm_global(const struct beba_xfsm *program, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;

    return p ? NAME_AT(p->global, p->n_globals, i) : NULL;
}

const char *beba_xfsm_array(const struct beba_xfsm *program, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;

    return p ? NAME_AT(p->array, p->n_arrays, i) : NULL;
}

const char *beba_xfsm_set(const struct beba_xfsm *program, uint32_t i)
{
    const struct beba_pipeline *p = program ? program->program->pipeline : NULL;

    return p ? NAME_AT(p->set, p->n_sets, i) : NULL;
}

/* --- graph and tests ----------------------------------------------------------------------- */

int beba_xfsm_graph(const struct beba_xfsm *program, char **dot)
{
    struct beba_strbuf text = {0};

    if (dot)
        *dot = NULL;
    if (!program || !dot)
        return -EINVAL;
    beba_pipeline_dot(&text, program->program->pipeline);
    return beba_lib_text(&text, dot);
}

static int print_failures(const struct beba_program *p, const struct beba_test_report *report,
                          char **out)
{
    struct beba_strbuf text = {0};

    for (uint32_t i = 0; i < report->n_failures; i++) {
        const struct beba_failure *f = &report->failure[i];
        unsigned line, column;

        beba_sources_position(&p->sources, f->loc, &line, &column);
        beba_strbuf_printf(&text, "%s:%u:%u: test \"%s\": ", p->sources.source[f->loc.source].name,
                           line, column, p->test[f->test].name);
        if (f->repetition > 1)
            beba_strbuf_printf(&text, "repetition %u: ", (unsigned)f->repetition);
        beba_strbuf_printf(&text, "%s\n", f->text);
    }
    return beba_lib_text(&text, out);
}

int beba_xfsm_test(const struct beba_xfsm *program, struct beba_test_info *out, char **failures)
{
    struct beba_test_report report = {0};
    struct beba_error err;
    int rc, printed = 0;

    if (failures)
        *failures = NULL;
    if (!program || (out && out->size < sizeof(*out)))
        return -EINVAL;
    rc = beba_tests_run(program->program, &report, &err);
    if (!rc) {
        struct beba_test_info info = {
            .tests = report.n_tests,
            .failed = report.n_failed,
            .states = report.states,
            .states_reached = report.states_hit,
            .rules = report.rules,
            .rules_taken = report.rules_hit,
        };

        if (out)
            beba_lib_give(out, &info, sizeof(info), sizeof(info));
        if (failures)
            printed = print_failures(program->program, &report, failures);
        rc = printed ? printed : report.n_failed ? 1 : 0;
    }
    beba_test_report_free(&report, program->program);
    return rc;
}
