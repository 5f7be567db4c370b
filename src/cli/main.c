/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/cli.h"
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

const struct cli_command *const cli_commands[] = {
    &cli_check,
    &cli_test,
    &cli_run,
    &cli_explain,
    &cli_graph,
    &cli_fmt,
    &cli_fields,
    &cli_bench,
    &cli_build,
    &cli_push,
    &cli_attach,
    &cli_show,
    &cli_replace,
    &cli_detach,
    &cli_flow,
    &cli_set,
    &cli_global,
    &cli_snapshot,
    &cli_restore,
    &cli_top,
#ifdef BEBA_SWITCH
    &cli_switch,
    &cli_ctl,
#endif
    &cli_doctor,
    &cli_help_command,
    &cli_complete_command,
    &cli_manual_command,
    NULL,
};

static int run_help(const struct cli_call *call)
{
    const struct cli_command *c = call->n_operands ? cli_command_find(call->operand[0]) : NULL;
    struct beba_strbuf out = {0};

    if (call->n_operands && !c) {
        const char *nearest = cli_command_nearest(call->operand[0]);

        return nearest ? cli_usage("unknown command '%s'; did you mean '%s'?", call->operand[0],
                                   nearest)
                       : cli_usage("unknown command '%s'", call->operand[0]);
    }
    if (c)
        cli_help(&out, c);
    else
        cli_help_all(&out);
    cli_print(stdout, &out);
    return CLI_OK;
}

const struct cli_command cli_help_command = {
    .name = "help",
    .operands = "[COMMAND]",
    .max = 1,
    .complete = CLI_COMPLETE_COMMAND,
    .summary = "what the commands do, or one of them",
    .text = "Lists the commands, or explains one with its options.",
    .run = run_help,
};

static int run_complete(const struct cli_call *call)
{
    struct beba_strbuf out = {0};

    cli_complete(&out, call->operand, call->n_operands);
    cli_print(stdout, &out);
    return CLI_OK;
}

const struct cli_command cli_complete_command = {
    .name = "__complete",
    .operands = "-- WORD...",
    .max = UINT_MAX,
    .summary = "candidates for the last of the words of a command line",
    .text = "Prints what may stand for the last of the words that follow 'beba' on a command line.",
    .run = run_complete,
    .hidden = true,
};

static int run_manual(const struct cli_call *call)
{
    const struct cli_command *c;
    struct beba_strbuf out = {0};

    if (!call->n_operands) {
        for (const struct cli_command *const *p = cli_commands; *p; p++) {
            if (!(*p)->hidden)
                beba_strbuf_printf(&out, "%s\n", (*p)->name);
        }
        cli_print(stdout, &out);
        return CLI_OK;
    }
    c = cli_command_find(call->operand[0]);
    if (!c)
        return cli_usage("unknown command '%s'", call->operand[0]);
    cli_manual_options(&out, c);
    cli_print(stdout, &out);
    return CLI_OK;
}

const struct cli_command cli_manual_command = {
    .name = "__manual",
    .operands = "[COMMAND]",
    .max = 1,
    .summary = "the OPTIONS section of a manual page",
    .text = "Prints the OPTIONS section of a command's manual page, or the names of the commands.",
    .run = run_manual,
    .hidden = true,
};

static int run_command(const struct cli_command *c, int argc, char **argv)
{
    struct beba_strbuf text = {0};
    struct cli_call call;
    bool help;
    int rc;

    cli.command = c->name;
    rc = cli_parse(c, argc, argv, &call, &help);
    if (!rc && help) {
        cli_help(&text, c);
        cli_print(stdout, &text);
    } else if (!rc) {
        rc = c->run(&call);
    }
    cli_call_free(&call);
    return rc;
}

static int dispatch(int argc, char **argv)
{
    struct beba_strbuf text = {0};
    const struct cli_command *c;
    const char *nearest;

    if (argc < 2) {
        cli_help_all(&text);
        cli_print(stderr, &text);
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        cli_help_all(&text);
        cli_print(stdout, &text);
        return CLI_OK;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("beba %s\n", BEBA_VERSION);
        return CLI_OK;
    }
    c = cli_command_find(argv[1]);
    if (c)
        return run_command(c, argc - 2, argv + 2);
    if (argv[1][0] == '-')
        return cli_usage("unknown option '%s'; options follow the command", argv[1]);
    nearest = cli_command_nearest(argv[1]);
    if (nearest)
        return cli_usage("unknown command '%s'; did you mean '%s'?", argv[1], nearest);
    return cli_usage("unknown command '%s'", argv[1]);
}

int main(int argc, char **argv)
{
    int rc;

    /* A closed pipe and a file limit are errors to report, not signals to die of. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    rc = dispatch(argc, argv);
    errno = 0;
    if (fflush(stdout) || ferror(stdout)) {
        int error = cli.output_errno ? cli.output_errno : errno;

        cli_warn("cannot write to standard output: %s", error ? strerror(error) : "write failed");
        rc = CLI_FAILED;
    }
    return rc;
}
