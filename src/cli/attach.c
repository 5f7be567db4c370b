/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba attach, beba detach, beba replace: programs into the kernel and out of it. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "cli/object.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void warn(void *arg, const char *text)
{
    (void)arg;
    cli_warn("warning: %s", text);
}

/* Tells a failure, and with verbose what the verifier wrote. */
static int fail(const struct beba_error *err, bool verbose, struct beba_strbuf *log)
{
    int rc = cli_fail(err);

    if (verbose && log->len) {
        fputs("the verifier's log:\n", stderr);
        fwrite(log->s, 1, log->len, stderr);
    }
    return rc;
}

/* In smaller pieces, of what the kernel finds too large; false when that cannot be. */
static bool refine(struct cli_object *object)
{
    if (!cli_object_refine(object))
        return false;
    cli_warn("warning: too large for the kernel's verifier at once: compiled again, in smaller "
             "pieces, which are slower");
    return true;
}

/* --- attach -------------------------------------------------------------------------------- */

struct attach_opts {
    struct cli_list dev;
    const char *hook, *name, *state;
    bool share, verbose, json;
};

static const struct cli_option attach_options[] = {
    {.name = "dev",
     .letter = 'd',
     .kind = CLI_LIST,
     .arg = "DEVICE[=PORT]",
     .complete = CLI_COMPLETE_DEVICE,
     .offset = offsetof(struct attach_opts, dev),
     .help = "Attach to DEVICE, which is port PORT of the program; may be given several times. "
             "Ports are numbered 1, 2, ... where nothing is said."},
    {.name = "hook",
     .letter = 'k',
     .kind = CLI_STRING,
     .arg = "HOOK",
     .choices = "xdp|xdp-generic|tc-ingress|tc-egress",
     .offset = offsetof(struct attach_opts, hook),
     .help = "Where: xdp, in the driver (default); xdp-generic, for devices whose driver cannot; "
             "tc-ingress or tc-egress. An object for tc goes to tc-ingress."},
    {.name = "name",
     .letter = 'n',
     .kind = CLI_STRING,
     .arg = "NAME",
     .offset = offsetof(struct attach_opts, name),
     .help = "The name it is found by; default: that of the program's file."},
    {.name = "state",
     .letter = 's',
     .kind = CLI_STRING,
     .arg = "DIR",
     .complete = CLI_COMPLETE_DIR,
     .offset = offsetof(struct attach_opts, state),
     .help = "Go on with the flows and values that beba snapshot wrote to DIR, as far as there are "
             "any and the program has room for them."},
    {.name = "share",
     .kind = CLI_FLAG,
     .offset = offsetof(struct attach_opts, share),
     .help = "Live beside other XDP programs, through libxdp's dispatcher."},
    {.name = "verbose",
     .letter = 'v',
     .kind = CLI_FLAG,
     .offset = offsetof(struct attach_opts, verbose),
     .help = "When the kernel's verifier refuses the program, print all it says."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct attach_opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

/* "eth0" or "eth0=7"; the name is cut off in place, in a copy. */
static int parse_device(const char *text, struct beba_kernel_port *out)
{
    const char *eq = strchr(text, '=');
    uint64_t port = 0;
    char *name;

    if (eq && (!cli_parse_number(eq + 1, strlen(eq + 1), &port) || !port || port > UINT16_MAX))
        return cli_usage("'%s' is not a value for --dev: a port is 1 to %d", text, UINT16_MAX);
    name = eq ? strndup(text, (size_t)(eq - text)) : strdup(text);
    if (!name)
        return cli_fail_with("out of memory");
    *out = (struct beba_kernel_port){name, (uint32_t)port};
    return CLI_OK;
}

static int print_attached(const struct attach_opts *o, const char *name, uint64_t memory,
                          json_t *machines)
{
    struct cli_deployment d;
    json_t *devices = json_array();
    struct beba_strbuf text = {0};
    int rc = cli_deployment_open(name, &d);

    for (unsigned i = 0; !rc && i < d.info.n_devices; i++) {
        const struct beba_kernel_device *dev = &d.info.device[i];

        beba_strbuf_printf(&text, "%s: attached to %s, port %u, by %s%s\n", name, dev->name,
                           dev->port, beba_hook_name((enum beba_kernel_hook)dev->hook),
                           dev->how == BEBA_HOW_SHARED ? ", beside others" : "");
        json_array_append_new(devices,
                              json_pack("{s:o, s:i, s:s, s:s}", "device", cli_json_text(dev->name),
                                        "port", (int)dev->port, "hook",
                                        beba_hook_name((enum beba_kernel_hook)dev->hook), "by",
                                        beba_how_name((enum beba_kernel_how)dev->how)));
    }
    cli_deployment_close(&d);
    if (o->json) {
        beba_strbuf_free(&text);
        return cli_print_json(stdout, json_pack("{s:o, s:o, s:o, s:O}", "name", cli_json_text(name),
                                                "devices", devices, "memory", cli_json_u64(memory),
                                                "machines", machines));
    }
    json_decref(devices);
    cli_print(stdout, &text);
    return rc;
}

static int attach(struct cli_object *object, const struct attach_opts *o,
                  struct beba_kernel_opts *opts)
{
    const struct beba_pipeline *p = object->program->pipeline;
    struct beba_strbuf text = {0}, log = {0};
    struct beba_error err = {0};
    json_t *machines = json_array();
    uint64_t tables = 0, memory = beba_kernel_memory(p, &tables, &err);
    char name[BEBA_KERNEL_NAME];
    int rc = CLI_OK;

    if (!memory) {
        rc = cli_fail(&err);
        goto out;
    }
    beba_strbuf_printf(&text, "%s: takes ", p->name);
    cli_bytes(&text, memory);
    beba_strbuf_puts(&text, " of the kernel's memory\n");
    cli_object_memory(p, &text, machines);
    if (!o->json)
        cli_print(stdout, &text);
    fflush(stdout);
    opts->log = &log;
    opts->warn = warn;
    rc = beba_kernel_attach(object->bytes, object->size, p, opts, &err);
    if (rc == -E2BIG && refine(object)) {
        beba_strbuf_free(&log);
        err = (struct beba_error){0};
        rc = beba_kernel_attach(object->bytes, object->size, p, opts, &err);
    }
    if (rc) {
        rc = fail(&err, o->verbose, &log);
        goto out;
    }
    rc = beba_kernel_name_of(opts->name, p, name, &err) ? cli_fail(&err) : CLI_OK;
    if (!rc)
        rc = print_attached(o, name, memory, machines);
    if (!rc && o->state)
        rc = cli_restore_state(name, o->state);
out:
    json_decref(machines);
    beba_strbuf_free(&text);
    beba_strbuf_free(&log);
    return rc;
}

static int run_attach(const struct cli_call *call)
{
    const struct attach_opts *o = call->opts;
    struct beba_kernel_port port[BEBA_KERNEL_DEVICES] = {{0}};
    struct beba_kernel_opts opts = {.name = o->name, .share = o->share, .port = port};
    int hook = beba_hook_find(o->hook ? o->hook : "xdp"), rc = CLI_OK;
    struct cli_object object = {0};

    cli.json = o->json;
    if (!o->dev.n)
        return cli_usage("give --dev DEVICE");
    if (o->dev.n > BEBA_KERNEL_DEVICES)
        return cli_usage("%u devices; %d at most", o->dev.n, BEBA_KERNEL_DEVICES);
    for (; opts.n_ports < o->dev.n && !rc; opts.n_ports += !rc)
        rc = parse_device(o->dev.item[opts.n_ports].value, &port[opts.n_ports]);
    if (!rc && o->share && beba_hook_target((enum beba_kernel_hook)hook) != BEBA_TARGET_XDP)
        rc = cli_usage("--share is for XDP; programs on tc share a device anyway");
    if (!rc)
        rc = cli_object_open(call->operand[0], beba_hook_target((enum beba_kernel_hook)hook), false,
                             &object);
    if (!rc && !o->hook && object.target == BEBA_TARGET_TC)
        hook = BEBA_HOOK_TC_INGRESS;
    opts.hook = (uint8_t)hook;
    if (!rc)
        rc = attach(&object, o, &opts);
    cli_object_free(&object);
    for (unsigned i = 0; i < opts.n_ports; i++)
        free((void *)(uintptr_t)port[i].device);
    return rc;
}

const struct cli_command cli_attach = {
    .name = "attach",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "put a program into the kernel",
    .text = "Compiles a program, or takes an object of 'beba build', loads it into the kernel and "
            "attaches it to network devices: to all of them, or to none. It stays when the command "
            "ends.",
    .options = attach_options,
    .size = sizeof(struct attach_opts),
    .run = run_attach,
};

/* --- detach -------------------------------------------------------------------------------- */

struct detach_opts {
    const char *dev;
    bool all, json;
};

static const struct cli_option detach_options[] = {
    {.name = "dev",
     .letter = 'd',
     .kind = CLI_STRING,
     .arg = "DEVICE",
     .complete = CLI_COMPLETE_DEVICE,
     .offset = offsetof(struct detach_opts, dev),
     .help = "The programs that are attached to DEVICE, from all their devices."},
    {.name = "all",
     .letter = 'a',
     .kind = CLI_FLAG,
     .offset = offsetof(struct detach_opts, all),
     .help = "All programs."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct detach_opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

static bool is_on(const char *name, const char *device)
{
    struct beba_kernel *k = NULL;
    struct beba_kernel_info info;
    bool on = false;

    if (beba_kernel_open(NULL, name, &k, NULL))
        return false;
    beba_kernel_info(k, &info);
    for (unsigned i = 0; i < info.n_devices; i++)
        on |= !strcmp(info.device[i].name, device);
    beba_kernel_close(k);
    return on;
}

static int detach_one(const char *name, json_t *done, bool json)
{
    struct beba_error err = {0};

    if (beba_kernel_detach(NULL, name, &err))
        return cli_fail(&err);
    json_array_append_new(done, cli_json_text(name));
    if (!json)
        printf("%s: detached\n", name);
    return CLI_OK;
}

static int run_detach(const struct cli_call *call)
{
    const struct detach_opts *o = call->opts;
    const char *const *names = NULL;
    struct beba_error err = {0};
    json_t *done = json_array();
    int rc = CLI_OK, n = 0;

    cli.json = o->json;
    if (!call->n_operands && !o->dev && !o->all) {
        json_decref(done);
        return cli_usage("give a NAME, --dev DEVICE or --all");
    }
    for (unsigned i = 0; i < call->n_operands; i++)
        rc |= detach_one(call->operand[i], done, o->json);
    if (o->dev || o->all)
        n = beba_kernel_list(NULL, &names, &err);
    if (n < 0)
        rc = cli_fail(&err);
    for (int i = 0; i < n; i++)
        if (o->all || is_on(names[i], o->dev))
            rc |= detach_one(names[i], done, o->json);
    if (!rc && o->dev && !json_array_size(done))
        rc = cli_fail_with("no program of beba is attached to %s", o->dev);
    free((void *)(uintptr_t)names);
    if (o->json && !rc)
        return cli_print_json(stdout, json_pack("{s:o}", "detached", done));
    json_decref(done);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_detach = {
    .name = "detach",
    .operands = "NAME...",
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .max = UINT_MAX,
    .summary = "take programs out of the kernel",
    .text = "Takes programs off their devices and out of the kernel, with their flows and all they "
            "have in memory. Nothing of them stays.",
    .options = detach_options,
    .size = sizeof(struct detach_opts),
    .run = run_detach,
};

/* --- replace ------------------------------------------------------------------------------- */

struct replace_opts {
    bool drop_state, verbose, json;
};

static const struct cli_option replace_options[] = {
    {.name = "drop-state",
     .kind = CLI_FLAG,
     .offset = offsetof(struct replace_opts, drop_state),
     .help = "Replace it also when some flows or registers cannot be carried over."},
    {.name = "verbose",
     .letter = 'v',
     .kind = CLI_FLAG,
     .offset = offsetof(struct replace_opts, verbose),
     .help = "When the kernel's verifier refuses the program, print all it says."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct replace_opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

static json_t *print_losses(const struct beba_kernel_carried *c, FILE *to)
{
    json_t *lost = json_array();

    for (uint32_t i = 0; i < c->losses && i < BEBA_KERNEL_LOSSES; i++) {
        unsigned long long flows = c->loss[i].flows;

        if (to)
            fprintf(to, "  %s: %llu flow%s\n", c->loss[i].what, flows, flows == 1 ? "" : "s");
        json_array_append_new(lost, json_pack("{s:o, s:o}", "what", cli_json_text(c->loss[i].what),
                                              "flows", cli_json_u64(flows)));
    }
    return lost;
}

static int replace(const char *name, struct cli_object *object, const struct cli_deployment *old,
                   const struct replace_opts *o)
{
    struct beba_strbuf log = {0};
    struct beba_kernel_opts opts = {
        .name = name, .drop_state = o->drop_state, .log = &log, .warn = warn};
    struct beba_kernel_carried carried;
    struct beba_error err = {0};
    const struct beba_pipeline *p = object->program->pipeline;
    json_t *lost;
    int rc = beba_kernel_replace(object->bytes, object->size, p, old->p, &opts, &carried, &err);

    if (rc == -E2BIG && refine(object)) {
        beba_strbuf_free(&log);
        err = (struct beba_error){0};
        rc = beba_kernel_replace(object->bytes, object->size, p, old->p, &opts, &carried, &err);
    }
    if (rc) {
        if (rc == -ESTALE && carried.losses)
            fprintf(stderr, "beba replace: this would be lost:\n");
        json_decref(print_losses(&carried, rc == -ESTALE ? stderr : NULL));
        rc = fail(&err, o->verbose, &log);
        beba_strbuf_free(&log);
        return rc;
    }
    beba_strbuf_free(&log);
    if (!o->json) {
        printf("%s: replaced; %llu flow%s carried over\n", name, (unsigned long long)carried.flows,
               carried.flows == 1 ? "" : "s");
        if (carried.losses)
            printf("dropped:\n");
    }
    lost = print_losses(&carried, o->json ? NULL : stdout);
    if (o->json)
        return cli_print_json(
            stdout, json_pack("{s:o, s:o, s:i, s:i, s:o}", "name", cli_json_text(name), "flows",
                              cli_json_u64(carried.flows), "kept", (int)carried.kept, "moved",
                              (int)carried.moved, "dropped", lost));
    json_decref(lost);
    return CLI_OK;
}

static int run_replace(const struct cli_call *call)
{
    const struct replace_opts *o = call->opts;
    struct cli_object object = {0};
    struct cli_deployment old;
    int rc;

    cli.json = o->json;
    rc = cli_deployment_open(call->operand[0], &old);
    if (!rc)
        rc = cli_object_open(call->operand[1], (enum beba_target)old.info.target, false, &object);
    if (!rc)
        rc = replace(call->operand[0], &object, &old, o);
    cli_object_free(&object);
    cli_deployment_close(&old);
    return rc;
}

const struct cli_command cli_replace = {
    .name = "replace",
    .operands = "NAME FILE",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .summary = "put a new program in the place of a running one",
    .text =
        "Swaps a running program for another one, on all its devices at one instant and without "
        "losing a packet. Flows carry over by the names of machine, key, states and registers; "
        "globals, arrays, sets and counters by theirs. What cannot carry over is listed, and "
        "the command fails while it concerns any flow, unless --drop-state is given.",
    .options = replace_options,
    .size = sizeof(struct replace_opts),
    .run = run_replace,
};
