/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets and values by themselves, as given on a command line. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"
#include "lang/lower.h"
#include "lang/parse.h"

struct single {
    struct beba_tokens tokens;
    struct ast_program program;
    struct parser parser;
    struct beba_arena scratch;
    struct lower lower;
    struct beba_pipeline empty; /* what names could refer to: nothing */
};

static int begin(struct single *s, const char *name, const char *text, size_t len,
                 struct beba_arena *arena, struct beba_sources *sources, struct beba_diags *diags)
{
    int source = beba_sources_add(sources, name, text, len);

    memset(s, 0, sizeof(*s));
    if (source < 0)
        return source;
    s->parser = (struct parser){.tokens = &s->tokens,
                                .arena = &s->scratch,
                                .diags = diags,
                                .program = &s->program,
                                .bad = {.kind = E_BAD, .depth = 1}};
    s->lower = (struct lower){.ast = &s->program,
                              .p = &s->empty,
                              .arena = arena,
                              .scratch = &s->scratch,
                              .diags = diags,
                              .sources = sources,
                              .members_of = "its place"};
    return beba_lex(sources, (uint32_t)source, &s->scratch, diags, &s->tokens);
}

int beba_lang_parse_packet(const char *text, size_t len, struct beba_arena *arena,
                           struct beba_build *out, struct beba_sources *sources,
                           struct beba_diags *diags)
{
    struct single s;
    struct ast_packet packet = {0};
    int rc = begin(&s, "packet", text, len, arena, sources, diags);

    *out = (struct beba_build){0};
    if (!rc) {
        beba_parse_packet(&s.parser, &packet, beba_parse_is(&s.parser, T_LBRACE));
        if (!s.parser.panic && !beba_parse_is(&s.parser, T_EOF))
            beba_parse_expected(&s.parser, "the end of the packet");
        if (!s.parser.no_memory && !diags->errors)
            beba_lower_packet(&s.lower, &packet, out);
        rc = s.parser.no_memory || s.lower.no_memory ? -ENOMEM : diags->errors ? -EINVAL : 0;
    }
    beba_arena_free(&s.scratch);
    return rc;
}

static int first_error(const struct beba_diags *diags, struct beba_error *err)
{
    const struct beba_diag *d = diags->n ? &diags->diag[0] : NULL;

    beba_error_set(err, -EINVAL, "%s", d ? d->message : "not a value");
    if (d && d->hint)
        beba_error_hint(err, "%s", d->hint);
    return -EINVAL;
}

/* The element as the only one of a set of that type. */
static int read_element(struct single *s, struct beba_type type, struct beba_range *out)
{
    struct ast_expr *arg[2] = {NULL, beba_parse_element(&s->parser)};
    struct ast_expr list = {.kind = E_IN, .n_args = 2, .arg = arg};
    struct beba_range *range = NULL;
    uint32_t n = 0;

    if (!s->parser.panic && !beba_parse_is(&s->parser, T_EOF))
        beba_parse_expected(&s->parser, "the end of the value");
    if (s->parser.panic || s->parser.no_memory)
        return s->parser.no_memory ? -ENOMEM : -EINVAL;
    if (!beba_lower_set_elements(&s->lower, &list, type, &range, &n) || n != 1)
        return s->lower.no_memory ? -ENOMEM : -EINVAL;
    *out = range[0];
    return 0;
}

int beba_lang_parse_value(const char *text, size_t len, struct beba_type type,
                          struct beba_range *out, struct beba_error *err)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_arena arena = {0};
    struct single s;
    int rc;

    *out = (struct beba_range){0};
    if (type.kind == BEBA_KIND_STATE)
        return beba_error_set(err, -EINVAL, "a state is known by its machine only");
    rc = begin(&s, "value", text, len, &arena, &sources, &diags);
    if (!rc)
        rc = read_element(&s, type, out);
    if (rc == -ENOMEM)
        beba_error_set(err, rc, "out of memory");
    else if (rc || diags.errors)
        rc = first_error(&diags, err);
    beba_arena_free(&s.scratch);
    beba_arena_free(&arena);
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    return rc;
}
