/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba build: a program as an object for the kernel, as the C it is made from, or as messages of
 * OpenFlow. */
#include "cli/commands.h"
#include "cli/object.h"
#include "cli/openflow.h"

#include <string.h>
#include <unistd.h>

struct opts {
    const char *target, *output, *march;
    bool emit_c, fine, json, text;
    struct cli_export export;
};

static const struct cli_option options[] = {
    {.name = "target",
     .letter = 't',
     .kind = CLI_STRING,
     .arg = "TARGET",
     .choices = "xdp|tc|native|openflow",
     .offset = offsetof(struct opts, target),
     .help = "What the object is for: xdp (default), tc, native (this kind of CPU, for --engine "
             "native --object FILE) or openflow."},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .complete = CLI_COMPLETE_FILE,
     .arg = "FILE",
     .offset = offsetof(struct opts, output),
     .help = "Where to put it; default: NAME.TARGET.o here, NAME.so for native, and C or text on "
             "standard output."},
    {.name = "emit-c",
     .letter = 'c',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, emit_c),
     .help = "The C source instead of the object."},
    {.name = "fine",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, fine),
     .help = "In smaller pieces, for a program that the kernel's verifier finds too large; slower. "
             "'beba attach' does that by itself where clang is."},
    {.name = "march",
     .kind = CLI_STRING,
     .arg = "CPU",
     .offset = offsetof(struct opts, march),
     .help = "Native: the CPU to compile for, as the C compiler names it; native is this one. "
             "Without it, one that nearly all of its kind can do."},
    {.name = "text",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, text),
     .help = "OpenFlow: the messages as ovs-ofctl writes them, one a line."},
    CLI_EXPORT_OPTIONS(struct opts, export),
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

static int messages(const struct opts *o, const char *path)
{
    bool text = o->text || (!o->output && isatty(STDOUT_FILENO));
    struct cli_messages m;
    struct beba_strbuf out = {0};
    struct beba_error err = {0};
    char name[256];
    int rc = cli_messages_open(path, &o->export, &m);

    if (rc)
        goto out;
    if (text)
        beba_export_print(&out, &m.export);
    else
        beba_strbuf_add(&out, beba_strbuf_str(&m.bytes), m.bytes.len);
    snprintf(name, sizeof(name), "%s.of", m.program.program->pipeline->name);
    if (text && !o->output && !o->json)
        rc = cli_print(stdout, &out) ? CLI_OK : CLI_FAILED;
    else if (o->output && !strcmp(o->output, "-"))
        rc = cli_print(stdout, &out) ? CLI_OK : CLI_FAILED;
    else if (cli_write_file(o->output ? o->output : name, beba_strbuf_str(&out), out.len, &err))
        rc = cli_fail(&err);
    else
        rc = cli_messages_tell(&m, path, o->output ? o->output : name, o->json);
    beba_strbuf_free(&out);
out:
    cli_messages_free(&m);
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *path = call->operand[0], *target = o->target ? o->target : "xdp";
    struct cli_object object;
    struct beba_error err = {0};
    char name[256];
    bool native;
    int rc;

    cli.json = o->json;
    if (o->emit_c && o->json && !o->output)
        return cli_usage("--emit-c with --json needs -o FILE");
    if (!strcmp(target, "openflow"))
        return o->emit_c ? cli_usage("--emit-c is for the kernel's targets and native")
                         : messages(o, path);
    native = !strcmp(target, "native");
    if (o->march && !native)
        return cli_usage("--march is for --target native");
    if (o->text || o->export.pass || o->export.table.given || o->export.ports.given)
        return cli_usage("--text, --pass, --table and --ports are for --target openflow");
    object = (struct cli_object){.fine = o->fine};
    if (native)
        rc = cli_object_native(path, o->march, o->emit_c, &object);
    else
        rc = cli_object_open(path, (enum beba_target)beba_target_find(target), o->emit_c, &object);
    if (!rc && !object.compiled)
        rc = cli_fail_with("%s is an object already", path);
    if (!rc && o->emit_c && (!o->output || !strcmp(o->output, "-"))) {
        rc = write_c(&object);
        goto out;
    }
    if (rc)
        goto out;
    snprintf(name, sizeof(name), "%s.%s", object.program->pipeline->name,
             native                  ? "so"
             : !strcmp(target, "tc") ? "tc.o"
                                     : "xdp.o");
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
    .summary = "compile a program for the kernel, or to OpenFlow",
    .text = "Compiles a program to an object that 'beba attach' loads on any machine of the same "
            "byte order, where clang need not be installed. The object carries the program's text. "
            "For OpenFlow, writes the messages that set up a switch with the BEBA extension.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
