/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Globals, arrays and sets of a program in a file beside its flow tables (DIR/values.json), of the
 * interpreter and of the kernel.
 *
 *   {"format": "beba-values", "version": 1, "program": NAME, "taken": ns since 1970,
 *    "globals": {NAME: VALUE}, "arrays": {NAME: {"[3]": VALUE}}, "sets": {NAME: [ELEMENT]}}
 *
 * Of arrays it has the cells that are not 0. Points in time are in ns since 1970. */
#ifndef BEBA_CLI_VALUES_H
#define BEBA_CLI_VALUES_H

#include "cli/carry.h"
#include "kernel/kernel.h"

#define CLI_VALUES_FILE "values.json"

/* Of an engine or of the kernel: one of them is NULL. */
struct cli_values {
    const struct beba_pipeline *p;
    const struct beba_points *points;
    struct beba_engine *engine;
    struct beba_kernel *kernel;
    int64_t shift; /* from its clock to ns since 1970 */
};

/* Writes DIR/values.json, whole or not at all. */
int cli_values_save(const struct cli_values *v, const char *dir, uint64_t taken,
                    struct beba_error *err);
/* Reads it; *out is NULL when there is none. */
int cli_values_read(const char *dir, json_t **out, struct beba_error *err);
/* Takes over what was read, or only says what would be lost (apply false). */
int cli_values_load(const struct cli_values *v, const json_t *json, bool apply,
                    struct cli_losses *losses, struct beba_error *err);
/* What the arrays and globals of the kernel have now, into an engine of the same pipeline. */
int cli_values_copy(struct beba_kernel *from, struct beba_engine *to, const struct beba_pipeline *p,
                    struct beba_error *err);

#endif
