/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int open_object(const char *path, const struct beba_pipeline *p,
                       struct beba_native_module **out)
{
    struct beba_error err = {0};
    char *bytes;
    size_t size;
    int rc = cli_read_file(path, &bytes, &size, &err);

    if (rc)
        return cli_fail(&err);
    rc = beba_native_open(p, bytes, size, path, out, &err);
    free(bytes);
    return rc ? cli_fail(&err) : CLI_OK;
}

int cli_native_open(const struct cli_native_opts *o, const struct beba_program *program,
                    const char *path, bool may_fall_back, struct beba_native_module **out)
{
    struct beba_native_opts opts = {.file = path, .sources = &program->sources};
    struct beba_error err = {0};
    int rc;

    *out = NULL;
    if (!o->engine || strcmp(o->engine, "native") != 0)
        return o->object ? cli_usage("--object is for --engine native") : CLI_OK;
    if (o->object)
        return open_object(o->object, program->pipeline, out);
    rc = beba_native_new(program->pipeline, &opts, out, &err);
    if (!rc)
        return CLI_OK;
    if (!may_fall_back || (rc != -ENOENT && rc != -EIO && rc != -ETIMEDOUT))
        return cli_fail(&err);
    cli_warn("%s; the interpreter goes on%s%s", err.what, err.hint[0] ? ". " : "", err.hint);
    return CLI_OK;
}
