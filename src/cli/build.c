/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba build: a program as an object for the kernel, or as the C it is made from. */
#include "cli/commands.h"
#include "cli/object.h"

#include <string.h>

struct opts {
    const char *target, *output;
    bool emit_c, json;
};

static const struct cli_option options[] = {
    {.name = "target",
     .letter = 't',
     .kind = CLI_STRING,
     .arg = "TARGET",
     .choices = "xdp|tc",
     .offset = offsetof(struct opts, target),
     .help = "What the object is for: xdp (default) or tc."},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .complete = CLI_COMPLETE_FILE,
     .arg = "FILE",
     .offset = offsetof(struct opts, output),
     .help = "Where to put it; default: NAME.TARGET.o here, and C on standard output."},
    {.name = "emit-c",
     .letter = 'c',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, emit_c),
     .help = "The C source instead of the object."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

static int write_c(const struct cli_object *object)
{
    struct beba_strbuf text = {0};

    beba_strbuf_add(&text, object->bytes, object->size);
    return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
}

static int tell(const struct cli_object *object, const struct opts *o, const char *path,
                const char *output)
{
    const struct beba_pipeline *p = object->program->pipeline;
    struct beba_strbuf text = {0};
    json_t *machines = json_array();

    beba_strbuf_printf(&text, "%s: for %s, ", output, beba_target_name(object->target));
    cli_bytes(&text, object->size);
    beba_strbuf_putc(&text, '\n');
    cli_object_memory(p, &text, machines);
    if (!o->json) {
        json_decref(machines);
        return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
    }
    beba_strbuf_free(&text);
    return cli_print_json(stdout, json_pack("{s:o, s:o, s:s, s:o, s:o}", "file",
                                            cli_json_text(path), "output", cli_json_text(output),
                                            "target", beba_target_name(object->target), "size",
                                            cli_json_u64(object->size), "machines", machines));
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *path = call->operand[0], *target = o->target ? o->target : "xdp";
    struct cli_object object;
    struct beba_error err = {0};
    char name[256];
    int rc;

    cli.json = o->json;
    if (o->emit_c && o->json && !o->output)
        return cli_usage("--emit-c with --json needs -o FILE");
    rc = cli_object_open(path, (enum beba_target)beba_target_find(target), o->emit_c, &object);
    if (!rc && !object.compiled)
        rc = cli_fail_with("%s is an object already", path);
    if (!rc && o->emit_c && (!o->output || !strcmp(o->output, "-"))) {
        rc = write_c(&object);
        goto out;
    }
    if (rc)
        goto out;
    snprintf(name, sizeof(name), "%s.%s.o", object.program->pipeline->name, target);
    if (cli_write_file(o->output ? o->output : name, object.bytes, object.size, &err))
        rc = cli_fail(&err);
    else
        rc = tell(&object, o, path, o->output ? o->output : name);
out:
    cli_object_free(&object);
    return rc;
}

const struct cli_command cli_build = {
    .name = "build",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "compile a program for the kernel",
    .text = "Compiles a program to an object that 'beba attach' loads on any machine of the same "
            "byte order, where clang need not be installed. The object carries the program's text.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
