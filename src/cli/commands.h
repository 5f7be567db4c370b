/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The commands, one file each: cli/<name>.c. */
#ifndef BEBA_CLI_COMMANDS_H
#define BEBA_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct cli_command cli_flow, cli_set, cli_global, cli_snapshot, cli_restore, cli_top;
extern const struct cli_command cli_build, cli_push, cli_attach, cli_detach, cli_replace, cli_show;
extern const struct cli_command cli_check, cli_test, cli_run, cli_explain, cli_graph, cli_fmt,
    cli_fields, cli_bench, cli_doctor, cli_help_command, cli_complete_command, cli_manual_command;

#ifdef BEBA_SWITCH
extern const struct cli_command cli_switch, cli_ctl;
#endif

#endif
