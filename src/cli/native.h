/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Native code for the commands that run packets. */
#ifndef BEBA_CLI_NATIVE_H
#define BEBA_CLI_NATIVE_H

#include "cli/cli.h"
#include "native/native.h"

/* What --engine and --object ask for. */
struct cli_native_opts {
    const char *engine, *object;
};
#define CLI_NATIVE_ENGINE(type, member, help_)                                                     \
    {                                                                                              \
        .name = "engine", .kind = CLI_STRING, .arg = "ENGINE", .choices = "interp|native",         \
        .offset = offsetof(type, member) + offsetof(struct cli_native_opts, engine), .help = help_ \
    }
#define CLI_NATIVE_OBJECT(type, member)                                                         \
    {                                                                                           \
        .name = "object", .kind = CLI_STRING, .arg = "FILE", .complete = CLI_COMPLETE_FILE,     \
        .offset = offsetof(type, member) + offsetof(struct cli_native_opts, object),            \
        .help =                                                                                 \
            "With --engine native: what 'beba build --target native' made of this program, in " \
            "place of compiling it."                                                            \
    }

/* The code that is asked for, or none in *out: the interpreter, because it is asked for, or
 * because, where may_fall_back, there is no code, after a warning. 0 or an exit code after
 * messages. */
int cli_native_open(const struct cli_native_opts *o, const struct beba_program *program,
                    const char *path, bool may_fall_back, struct beba_native_module **out);

#endif
