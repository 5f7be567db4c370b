/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The entries of the room: text and files to programs, includes followed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"
#include "lang/lower.h"
#include "lang/parse.h"

enum { MAX_FILES = 64, MAX_INCLUDE_DEPTH = 16 };

struct file {
    const char *path;
    bool open; /* being read: including it again is a cycle */
};

struct loader {
    const struct beba_lang_opts *opts;
    struct beba_program *program;
    struct beba_diags *diags;
    struct beba_arena scratch;
    struct ast_program ast;
    struct file file[MAX_FILES];
    unsigned n_files, depth;
    const char *path; /* of the file being parsed */
    int rc;
};

/* --- paths and files ----------------------------------------------------------------------- */

char *beba_lang_include_path(struct beba_arena *arena, const char *from, const char *path)
{
    const char *slash = strrchr(from, '/');
    char *joined, *out, *in;
    size_t n = 0, base;

    if (*path == '/' || !slash)
        joined = beba_arena_printf(arena, "%s", path);
    else
        joined = beba_arena_printf(arena, "%.*s%s", (int)(slash - from + 1), from, path);
    if (!joined)
        return NULL;
    out = in = joined;
    base = *in == '/';
    n = base;
    in += base;
    while (*in) {
        size_t len = strcspn(in, "/");
        bool up = len == 2 && in[0] == '.' && in[1] == '.';
        size_t last = n > base ? n - 1 : base;

        while (last > base && out[last - 1] != '/')
            last--;
        if (len == 0 || (len == 1 && in[0] == '.')) {
            /* nothing */
        } else if (up && n > base && strncmp(out + last, "../", 3) != 0) {
            n = last;
        } else {
            memmove(out + n, in, len);
            n += len;
            out[n++] = '/';
        }
        in += len + (in[len] == '/');
    }
    if (n > base)
        n--;
    out[n] = '\0';
    return out;
}

static int read_stream(FILE *f, char **text, size_t *len)
{
    size_t cap = 0, n;

    *text = NULL;
    *len = 0;
    do {
        char *p = realloc(*text, cap = cap ? cap * 2 : 65536);

        if (!p) {
            free(*text);
            *text = NULL;
            return -ENOMEM;
        }
        *text = p;
        n = fread(*text + *len, 1, cap - *len, f);
        *len += n;
    } while (n && *len <= BEBA_LANG_MAX_TEXT);
    if (!ferror(f))
        return 0;
    free(*text);
    *text = NULL;
    return errno ? -errno : -EIO;
}

static int read_path(const char *path, char **text, size_t *len)
{
    FILE *f = fopen(path, "rb");
    int rc;

    if (!f)
        return errno ? -errno : -EIO;
    errno = 0;
    rc = read_stream(f, text, len);
    fclose(f);
    return rc;
}

/* --- includes ------------------------------------------------------------------------------ */

static void parse_source(struct loader *l, uint32_t source, const char *path, bool included);

static const char *include_error(struct loader *l, const char *path, bool *again)
{
    *again = false;
    for (unsigned i = 0; i < l->n_files; i++) {
        if (strcmp(l->file[i].path, path) != 0)
            continue;
        *again = true;
        return l->file[i].open ? "includes itself" : NULL;
    }
    if (l->n_files == MAX_FILES)
        return "is one file too many: at most 64 are read";
    if (l->depth == MAX_INCLUDE_DEPTH)
        return "is included more than 16 files deep";
    return NULL;
}

static void include(void *arg, const struct ast_include *inc)
{
    struct loader *l = arg;
    const char *from = l->path;
    char *path = beba_lang_include_path(&l->scratch, from, inc->path), *text = NULL;
    const char *what;
    size_t len = 0;
    bool again;
    int rc;

    if (!path) {
        l->rc = -ENOMEM;
        return;
    }
    what = include_error(l, path, &again);
    if (what) {
        beba_report(l->diags, C_INCLUDE, inc->loc, "%s %s", path, what);
        return;
    }
    if (again)
        return;
    rc = l->opts && l->opts->read ? l->opts->read(l->opts->arg, path, &text, &len)
                                  : read_path(path, &text, &len);
    if (rc) {
        beba_report_hint(
            l->diags,
            beba_report(l->diags, C_INCLUDE, inc->loc, "cannot read %s: %s", path, strerror(-rc)),
            "paths are relative to the file that includes");
        return;
    }
    rc = beba_sources_add(&l->program->sources, path, text, len);
    free(text);
    if (rc < 0) {
        l->rc = rc;
        return;
    }
    parse_source(l, (uint32_t)rc, path, true);
    l->path = from;
}

static void parse_source(struct loader *l, uint32_t source, const char *path, bool included)
{
    struct beba_tokens tokens;
    /* As long-lived as the tree, which points to its bad expression. */
    struct parser *parser = beba_arena_alloc(&l->scratch, sizeof(*parser));
    struct file *file = &l->file[l->n_files++];

    *file = (struct file){path, true};
    l->path = path;
    l->depth++;
    if (!parser || beba_lex(&l->program->sources, source, &l->scratch, l->diags, &tokens)) {
        l->rc = -ENOMEM;
    } else {
        *parser = (struct parser){.tokens = &tokens,
                                  .arena = &l->scratch,
                                  .diags = l->diags,
                                  .included = included,
                                  .include = include,
                                  .arg = l,
                                  .program = &l->ast,
                                  .bad = {.kind = E_BAD, .depth = 1}};
        beba_parse_file(parser);
        if (parser->no_memory)
            l->rc = -ENOMEM;
    }
    l->depth--;
    file->open = false;
}

/* --- programs ------------------------------------------------------------------------------ */

/* "examples/port_knocking.xfsm" gives port_knocking. */
static const char *program_name(struct beba_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    return beba_arena_strndup(arena, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static bool keep_notices(struct lower *c)
{
    struct beba_pipeline *p = c->p;

    p->notice = beba_arena_array(c->arena, p->n_notices + 1, sizeof(*p->notice));
    p->counter = beba_arena_array(c->arena, p->n_counters + 1, sizeof(*p->counter));
    if (!p->notice || !p->counter)
        return false;
    for (struct sym *s = c->notices.first; s; s = s->next)
        p->notice[s->id] = *(struct beba_notice *)s->data;
    for (struct sym *s = c->counters.first; s; s = s->next)
        p->counter[s->id].name = beba_keep(c, s->name);
    return true;
}

static int finish(struct loader *l, struct lower *c)
{
    struct beba_error err;
    int rc = beba_pipeline_finish(c->p, &err);
    struct beba_loc loc = {0, 0, 0};

    if (rc)
        beba_report_hint(l->diags, beba_report(l->diags, C_INTERNAL, loc, "%s", err.what),
                         "this is a fault of the checker; %s",
                         err.where[0] ? err.where : "please report the program");
    return rc == -ENOMEM ? rc : 0;
}

static int lower(struct loader *l, const char *path)
{
    struct beba_pipeline *p = beba_pipeline_new();
    struct lower c = {.ast = &l->ast,
                      .program = l->program,
                      .p = p,
                      .scratch = &l->scratch,
                      .diags = l->diags,
                      .sources = &l->program->sources,
                      .syntax_errors = l->diags->errors > 0};

    if (!p)
        return -ENOMEM;
    l->program->pipeline = p;
    c.arena = &p->arena;
    p->name = program_name(c.arena, path);
    if (!beba_scope_init(&c, &c.counters, 4096) || !beba_scope_init(&c, &c.notices, 4096))
        return -ENOMEM;
    beba_lower_defs(&c);
    if (!c.no_memory)
        beba_lower_machines(&c);
    if (!c.no_memory)
        beba_lower_tests(&c);
    if (c.no_memory || !p->name || !keep_notices(&c))
        return -ENOMEM;
    if (!c.n_machines && !l->diags->errors)
        beba_report_hint(l->diags,
                         beba_report(l->diags, C_NO_RULES, (struct beba_loc){0, 0, 0},
                                     "this file has no machine"),
                         "the smallest is 'machine all { always { pass } }'");
    if (!c.syntax_errors)
        beba_check_machines(&c);
    if (c.no_memory)
        return -ENOMEM;
    return l->diags->errors ? 0 : finish(l, &c);
}

static void drop_warnings(struct beba_diags *d)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->n; i++)
        if (d->diag[i].severity == BEBA_ERROR)
            d->diag[n++] = d->diag[i];
    d->n = n;
    d->warnings = 0;
}

int beba_lang_load_text(const char *name, const char *text, size_t len,
                        const struct beba_lang_opts *opts, struct beba_program **out,
                        struct beba_diags *diags)
{
    struct loader l = {.opts = opts, .diags = diags};
    int rc;

    *out = l.program = calloc(1, sizeof(*l.program));
    if (!l.program)
        return -ENOMEM;
    l.ast.last_def = &l.ast.defs;
    l.ast.last_machine = &l.ast.machines;
    l.ast.last_test = &l.ast.tests;
    rc = beba_sources_add(&l.program->sources, name, text, len);
    if (rc < 0)
        return rc;
    parse_source(&l, 0, name, false);
    rc = l.rc ? l.rc : lower(&l, name);
    beba_arena_free(&l.scratch);
    if (opts && opts->no_warnings)
        drop_warnings(diags);
    if (!rc && diags->errors)
        rc = -EINVAL;
    if (rc) {
        beba_pipeline_free(l.program->pipeline);
        l.program->pipeline = NULL;
        l.program->test = NULL;
        l.program->n_tests = 0;
    }
    return rc;
}

int beba_lang_load_file(const char *path, const struct beba_lang_opts *opts,
                        struct beba_program **out, struct beba_diags *diags, struct beba_error *err)
{
    bool standard = !strcmp(path, "-");
    char *text = NULL;
    size_t len = 0;
    int rc = standard ? read_stream(stdin, &text, &len) : read_path(path, &text, &len);

    *out = NULL;
    if (rc) {
        beba_error_set(err, rc, "cannot read the program: %s", strerror(-rc));
        beba_error_where(err, "%s", path);
        return rc;
    }
    rc = beba_lang_load_text(standard ? "<stdin>" : path, text, len, opts, out, diags);
    free(text);
    if (rc == -ENOMEM)
        beba_error_set(err, rc, "out of memory");
    else if (rc)
        beba_error_set(err, rc, "%u error%s in the program", diags->errors,
                       diags->errors == 1 ? "" : "s");
    return rc;
}
