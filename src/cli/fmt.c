/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba fmt: the one canonical layout. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "lang/lang.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    bool write, check, json;
};

static const struct cli_option options[] = {
    {.name = "write",
     .letter = 'w',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, write),
     .help = "Change the files in place, each as a whole or not at all."},
    {.name = "check",
     .letter = 'c',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, check),
     .help = "Change nothing; name the files whose layout is not canonical, and fail if there are "
             "any."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

/* What was found out about a file whose layout would be text. */
static int deliver(const char *path, const struct opts *o, struct beba_strbuf *text, bool same,
                   json_t *file)
{
    bool change = o->write && strcmp(path, "-") != 0;
    struct beba_error err = {0};

    json_object_set_new(file, "canonical", json_boolean(same));
    if (o->check) {
        if (!same && !o->json)
            printf("%s\n", path);
        return same ? CLI_OK : CLI_FAILED;
    }
    if (!change && o->json)
        json_object_set_new(file, "text", cli_json_text(beba_strbuf_str(text)));
    else if (!change)
        cli_print(stdout, text);
    else if (!same && cli_write_file(path, beba_strbuf_str(text), text->len, &err))
        return cli_fail(&err);
    return CLI_OK;
}

static int format(const char *path, const struct opts *o, json_t *file)
{
    bool standard = !strcmp(path, "-");
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};
    struct beba_error err = {0};
    char *text = NULL;
    size_t len = 0;
    bool same;
    int rc;

    if (cli_read_file(path, &text, &len, &err))
        return cli_fail(&err);
    rc = beba_lang_format(standard ? "standard input" : path, text, len, &out, &sources, &diags);
    if (rc) {
        rc = cli_diags(&diags, &sources, path);
        json_object_set_new(file, "diagnostics", cli_json_diags(&diags, &sources));
        if (!rc)
            rc = cli_fail_with("%s: cannot format: out of memory", path);
        goto out;
    }
    same = out.len == len && !memcmp(beba_strbuf_str(&out), text, len);
    rc = deliver(path, o, &out, same, file);
out:
    free(text);
    beba_strbuf_free(&out);
    beba_sources_free(&sources);
    beba_diags_free(&diags);
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    json_t *files = json_array();
    int worst = CLI_OK;

    if (o->write && o->check) {
        json_decref(files);
        return cli_usage("--write and --check exclude each other");
    }
    for (unsigned i = 0; i < call->n_operands; i++) {
        json_t *file = json_pack("{s:o}", "file", cli_json_text(call->operand[i]));
        int rc = format(call->operand[i], o, file);

        json_object_set_new(file, "ok", json_boolean(!rc));
        json_array_append_new(files, file);
        if (rc)
            worst = CLI_FAILED;
    }
    if (o->json) {
        int rc = cli_print_json(stdout, json_pack("{s:b, s:o}", "ok", !worst, "files", files));

        return rc ? rc : worst;
    }
    json_decref(files);
    return worst;
}

const struct cli_command cli_fmt = {
    .name = "fmt",
    .operands = "FILE...",
    .min = 1,
    .max = UINT_MAX,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "the canonical layout of programs",
    .text = "Prints programs in the one canonical layout; comments survive. '-' is standard input.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
