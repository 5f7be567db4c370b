/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program in the kernel, opened: its maps, and the program made again from the text it carries.
 */
#ifndef BEBA_CLI_DEPLOYMENT_H
#define BEBA_CLI_DEPLOYMENT_H

#include "cli/cli.h"
#include "kernel/kernel.h"

struct cli_deployment {
    struct beba_kernel *kernel;
    struct beba_kernel_info info;
    struct beba_program *program;
    const struct beba_pipeline *p;
};

/* Opens and binds the deployment of that name. 0, or an exit code after messages; a name that is
 * not there gets the nearest one. Close it in every case. */
int cli_deployment_open(const char *name, struct cli_deployment *out);
/* The one that is attached to this device. */
int cli_deployment_of_device(const char *device, struct cli_deployment *out);
void cli_deployment_close(struct cli_deployment *d);

/* Runs a command on one CPU's table, or with cpu < 0 where it belongs: on all CPUs where each has a
 * table of its own. 0 when it was done on any; *command is then of the last one. */
int cli_deployment_command(struct cli_deployment *d, struct beba_object_command *command, int cpu,
                           struct beba_error *err);

/* Takes over the flows and values of a snapshot, by their names; none at from: nothing. Sets of
 * another text than the program's stay as its own text says. */
int cli_restore_state(const char *name, const char *from);

/* By names, with the nearest one in the message. 0 or an exit code. */
int cli_find_machine(const struct beba_pipeline *p, const char *name, bool keyed, uint32_t *table);
int cli_find_set(const struct beba_pipeline *p, const char *name, uint32_t *set);
int cli_find_global(const struct beba_pipeline *p, const char *name, uint32_t *global);

#endif
