/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program and its object for the kernel, from a program's file or from an object's. */
#ifndef BEBA_CLI_OBJECT_H
#define BEBA_CLI_OBJECT_H

#include "cli/cli.h"
#include "emit/emit.h"

struct cli_object {
    struct beba_program *program;
    enum beba_target target;
    void *bytes;
    size_t size;
    struct beba_strbuf text; /* the program in one piece: includes are in it */
    bool compiled;           /* here and now; false: it was an object already */
    bool fine;               /* in small pieces: beba_emit_opts */
};

/* Reads path; a program is compiled for target, an object is taken as it is. emit_c: the C in place
 * of the object. out->fine: see there; the rest of it is set. 0, or an exit code after messages.
 * Free it in every case. */
int cli_object_open(const char *path, enum beba_target target, bool emit_c, struct cli_object *out);
/* The same for the CPU: march is of struct beba_cc_opts. */
int cli_object_native(const char *path, const char *march, bool emit_c, struct cli_object *out);
void cli_object_free(struct cli_object *o);
/* Compiles the same program in smaller pieces: for one that the kernel finds too large. False when
 * it is in such pieces already, or cannot be compiled; *o is then as it was. */
bool cli_object_refine(struct cli_object *o);

/* "  machine m: 1000 flows x 40 bytes, 72.1 KiB" for each with flows; adds to a JSON array. */
void cli_object_memory(const struct beba_pipeline *p, struct beba_strbuf *out, json_t *machines);

#endif
