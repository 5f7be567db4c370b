/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/object.h"

#include "lang/lang.h"
#include "native/native.h"
#include "state/ft_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the text in one piece ----------------------------------------------------------------- */

/* The path in a line `include "path"`; NULL: it is none. */
static const char *included(const char *line, size_t n, size_t *len)
{
    static const char word[] = "include";
    const char *end = line + n, *close;

    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    if ((size_t)(end - line) < sizeof(word) || memcmp(line, word, sizeof(word) - 1) != 0)
        return NULL;
    line += sizeof(word) - 1;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    if (line == end || *line != '"')
        return NULL;
    line++;
    close = memchr(line, '"', (size_t)(end - line));
    if (!close)
        return NULL;
    *len = (size_t)(close - line);
    return line;
}

/* The number of the source that this one includes by this path, or 0. */
static uint32_t find_source(const struct beba_sources *all, uint32_t from, const char *path,
                            size_t len)
{
    struct beba_arena arena = {0};
    char *asked = beba_arena_printf(&arena, "%.*s", (int)len, path), *name = NULL;
    uint32_t found = 0;

    if (asked)
        name = beba_lang_include_path(&arena, all->source[from].name, asked);
    for (uint32_t i = 1; name && i < all->n && !found; i++)
        if (!strcmp(all->source[i].name, name))
            found = i;
    beba_arena_free(&arena);
    return found;
}

static void flatten(const struct beba_sources *all, uint32_t from, bool *done,
                    struct beba_strbuf *out)
{
    const struct beba_source *s = &all->source[from];

    done[from] = true;
    for (size_t at = 0; at < s->len;) {
        const char *line = s->text + at, *nl = memchr(line, '\n', s->len - at), *path;
        size_t n = nl ? (size_t)(nl - line) + 1 : s->len - at, len = 0;
        uint32_t other;

        at += n;
        path = included(line, n, &len);
        if (!path) {
            beba_strbuf_add(out, line, n);
            continue;
        }
        other = find_source(all, from, path, len);
        if (other && !done[other])
            flatten(all, other, done, out);
        beba_strbuf_putc(out, '\n');
    }
}

static int one_text(struct cli_object *o)
{
    const struct beba_sources *all = &o->program->sources;
    bool *done = calloc(all->n + 1ul, sizeof(*done));

    if (!done)
        return cli_fail_with("out of memory");
    if (all->n)
        flatten(all, 0, done, &o->text);
    free(done);
    return o->text.failed ? cli_fail_with("out of memory") : CLI_OK;
}

/* --- programs and objects ------------------------------------------------------------------ */

/* What the target cannot do of the program. */
static int check_target(const struct cli_object *o, const char *path)
{
    struct beba_diags diags = {0};
    int rc;

    beba_target_check(o->program->pipeline, o->target, &diags);
    rc = cli_diags(&diags, &o->program->sources, path);
    beba_diags_free(&diags);
    return rc;
}

static int compile(const char *path, struct cli_object *o, bool emit_c)
{
    struct beba_emit_opts opts = {
        .file = path, .sources = &o->program->sources, .fine = o->fine, .cache = true};
    const struct beba_pipeline *p = o->program->pipeline;
    struct beba_strbuf c = {0};
    struct beba_error err = {0};
    int rc = check_target(o, path);

    if (!rc)
        rc = one_text(o);
    if (rc)
        return rc;
    opts.text = beba_strbuf_str(&o->text);
    opts.text_size = o->text.len;
    if (!emit_c)
        return beba_emit_object(p, o->target, &opts, &o->bytes, &o->size, &err) ? cli_fail(&err)
                                                                                : CLI_OK;
    if (beba_emit_c(p, o->target, &opts, &c, &err)) {
        beba_strbuf_free(&c);
        return cli_fail(&err);
    }
    o->bytes = c.s;
    o->size = c.len;
    return CLI_OK;
}

static const char *usual_march(void)
{
#ifdef __x86_64__
    return "x86-64-v2";
#else
    return "";
#endif
}

int cli_object_native(const char *path, const char *march, bool emit_c, struct cli_object *out)
{
    struct beba_native_opts opts = {.file = path, .cc.march = march ? march : usual_march()};
    struct beba_error err = {0};
    struct cli_program p = {0};
    int rc;

    *out = (struct cli_object){.target = BEBA_TARGET_NATIVE, .compiled = true};
    rc = cli_load(path, true, &p);
    out->program = p.program;
    beba_diags_free(&p.diags);
    if (rc)
        return rc;
    if (emit_c)
        return compile(path, out, true);
    opts.sources = &out->program->sources;
    rc = beba_native_compile(out->program->pipeline, &opts, &out->bytes, &out->size, &err);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int read_object(struct cli_object *o)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    const char *text, *file;
    size_t size;
    int rc;

    if (beba_emit_object_text(o->bytes, o->size, &text, &size, &file, &o->target, &err))
        return cli_fail(&err);
    rc = beba_lang_load_text(file, text, size, &opts, &o->program, &diags);
    if (rc) {
        rc = diags.errors ? cli_diags(&diags, &o->program->sources, file) : CLI_FAILED;
        if (!diags.errors)
            cli_fail_with("the program in the object cannot be loaded: out of memory");
    }
    beba_diags_free(&diags);
    return rc;
}

bool cli_object_refine(struct cli_object *o)
{
    struct beba_emit_opts opts = {.sources = &o->program->sources, .fine = true, .cache = true};
    const char *text, *file;
    enum beba_target target;
    void *bytes = NULL;
    size_t size = 0;

    if (o->fine ||
        beba_emit_object_text(o->bytes, o->size, &text, &opts.text_size, &file, &target, NULL))
        return false;
    opts.text = text;
    opts.file = file;
    if (beba_emit_object(o->program->pipeline, target, &opts, &bytes, &size, NULL))
        return false;
    free(o->bytes);
    o->bytes = bytes;
    o->size = size;
    o->fine = true;
    return true;
}

static bool is_object(const char *bytes, size_t size)
{
    return size > 4 && !memcmp(bytes, "\177ELF", 4);
}

int cli_object_open(const char *path, enum beba_target target, bool emit_c, struct cli_object *out)
{
    struct cli_program program;
    struct beba_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    int rc;

    *out = (struct cli_object){.target = target, .fine = out->fine};
    if (strcmp(path, "-") != 0 && cli_read_file(path, &bytes, &size, &err))
        return cli_fail(&err);
    if (bytes && is_object(bytes, size)) {
        out->bytes = bytes;
        out->size = size;
        return read_object(out);
    }
    free(bytes);
    rc = cli_load(path, false, &program);
    out->program = program.program;
    program.program = NULL;
    cli_program_free(&program);
    out->compiled = true;
    return rc ? rc : compile(path, out, emit_c);
}

void cli_object_free(struct cli_object *o)
{
    beba_program_free(o->program);
    beba_strbuf_free(&o->text);
    free(o->bytes);
    *o = (struct cli_object){0};
}

void cli_object_memory(const struct beba_pipeline *p, struct beba_strbuf *out, json_t *machines)
{
    for (uint32_t i = 0; i < p->n_tables; i++) {
        const struct beba_table *t = &p->table[i];
        uint32_t entry = beba_ft_shape(t->lookup.size, t->regs_size).stride;
        uint64_t memory = cli_table_memory(t);

        if (t->lookup.kind == BEBA_KEY_NONE)
            continue;
        beba_strbuf_printf(out, "  machine %s: %llu flows x %u bytes, ", t->name,
                           (unsigned long long)t->capacity, entry);
        cli_bytes(out, memory);
        beba_strbuf_putc(out, '\n');
        if (machines)
            json_array_append_new(machines,
                                  json_pack("{s:o, s:o, s:i, s:o}", "name", cli_json_text(t->name),
                                            "capacity", cli_json_u64(t->capacity), "entry",
                                            (int)entry, "memory", cli_json_u64(memory)));
    }
}
