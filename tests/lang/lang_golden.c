/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the tests of the language need of it, without the command line:
 *   check FILE...   the diagnostics of a program, after a line with its name
 *   parse           reads programs from standard input, separated by NUL bytes; says which do not
 * parse words           every word, sign, function and diagnostic code of the language, one a line
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"
#include "lang/lower.h"
#include "lang/report.h"
#include "lang/token.h"

static int check(const char *path)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {.limit = 1000};
    struct beba_strbuf out = {0};
    struct beba_error err = {0};
    int rc = beba_lang_load_file(path, NULL, &program, &diags, &err);

    if (program)
        beba_diags_print(&diags, &program->sources, &out, false);
    printf("%s%d errors, %d warnings\n", beba_strbuf_str(&out), diags.errors, diags.warnings);
    beba_strbuf_free(&out);
    beba_diags_free(&diags);
    beba_program_free(program);
    return rc && rc != -EINVAL;
}

/* Saying something twice is a matter of meaning, not of grammar. */
static bool only_duplicates(const struct beba_diags *diags)
{
    for (uint32_t i = 0; i < diags->n; i++)
        if (strcmp(diags->diag[i].code, beba_codes[C_DUPLICATE].code) != 0)
            return false;
    return diags->n && !diags->dropped;
}

static bool parses(const char *text, size_t len)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0}, again = {0};
    int rc = beba_lang_format("sentence", text, len, &out, &sources, &diags);

    if (!rc)
        rc = beba_lang_format("formatted", out.s ? out.s : "", out.len, &again, &sources, &diags);
    if (rc && only_duplicates(&diags)) {
        rc = 0;
    } else if (rc) {
        beba_strbuf_clear(&out);
        beba_diags_print(&diags, &sources, &out, false);
        printf("%s", beba_strbuf_str(&out));
    } else if (out.len != again.len || (out.len && memcmp(out.s, again.s, out.len) != 0)) {
        printf("formatting twice changes:\n%s\nto:\n%s\n", out.s, again.s);
        rc = -1;
    }
    beba_strbuf_free(&out);
    beba_strbuf_free(&again);
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    return !rc;
}

static int parse_all(void)
{
    char *text = NULL;
    size_t len = 0, cap = 0, at = 0, n = 0, bad = 0;
    size_t got;

    do {
        char *p = realloc(text, cap += 1 << 20);

        if (!p)
            return 1;
        text = p;
        got = fread(text + len, 1, cap - len, stdin);
        len += got;
    } while (got);
    for (; at < len; n++) {
        size_t l = strnlen(text + at, len - at);

        bad += !parses(text + at, l);
        at += l + 1;
    }
    printf("%zu sentences, %zu do not parse\n", n, bad);
    free(text);
    return bad != 0;
}

static void words(void)
{
    for (unsigned i = 1; i < W_N; i++)
        printf("word %s %s\n", beba_word_text((enum beba_word)i),
               beba_word_reserved((enum beba_word)i) ? "reserved" : "free");
    for (unsigned i = 0; i < T_N; i++)
        if (beba_sign_text((enum beba_token_kind)i))
            printf("sign %s\n", beba_sign_text((enum beba_token_kind)i));
    for (unsigned i = 0; beba_function_name(i); i++)
        printf("function %s\n", beba_function_name(i));
    for (unsigned i = 0; i < BEBA_N_CODES; i++)
        printf("code %s %s\n", beba_codes[i].code,
               beba_codes[i].severity == BEBA_ERROR ? "error" : "warning");
}

int main(int argc, char **argv)
{
    int rc = 0;

    if (argc > 2 && !strcmp(argv[1], "check")) {
        for (int i = 2; i < argc; i++)
            rc |= check(argv[i]);
        return rc;
    }
    if (argc == 2 && !strcmp(argv[1], "parse"))
        return parse_all();
    if (argc == 2 && !strcmp(argv[1], "words")) {
        words();
        return 0;
    }
    fprintf(stderr, "usage: lang_golden check FILE... | parse | words\n");
    return 2;
}
