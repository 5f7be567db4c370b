/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba fmt: the one canonical layout. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "lang/lang.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    bool write, check;
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
    {0},
};

static int format(const char *path, const struct opts *o)
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
        if (!rc)
            rc = cli_fail_with("%s: cannot format: out of memory", path);
        goto out;
    }
    same = out.len == len && !memcmp(beba_strbuf_str(&out), text, len);
    if (o->check) {
        if (!same)
            printf("%s\n", path);
        rc = same ? CLI_OK : CLI_FAILED;
    } else if (!o->write || standard) {
        cli_print(stdout, &out);
    } else if (!same && cli_write_file(path, beba_strbuf_str(&out), out.len, &err)) {
        rc = cli_fail(&err);
    }
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
    int worst = CLI_OK;

    if (o->write && o->check)
        return cli_usage("--write and --check exclude each other");
    for (unsigned i = 0; i < call->n_operands; i++) {
        if (format(call->operand[i], o))
            worst = CLI_FAILED;
    }
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
