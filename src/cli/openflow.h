/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program as messages of OpenFlow, for the commands that write and send them. */
#ifndef BEBA_CLI_OPENFLOW_H
#define BEBA_CLI_OPENFLOW_H

#include "cli/cli.h"
#include "openflow/export.h"

/* Options that say how a program is exported. */
struct cli_export {
    const char *pass;
    struct cli_number table, ports;
};
#define CLI_EXPORT_OPTIONS(type, member)                                                         \
    {.name = "pass",                                                                             \
     .kind = CLI_STRING,                                                                         \
     .arg = "WHERE",                                                                             \
     .offset = offsetof(type, member.pass),                                                      \
     .help = "OpenFlow: what pass means: flood (default; with two ports, out by the other), "    \
             "port:N or table:N."},                                                              \
        {.name = "table",                                                                        \
         .kind = CLI_NUMBER,                                                                     \
         .arg = "N",                                                                             \
         .offset = offsetof(type, member.table),                                                 \
         .help = "OpenFlow: the program's first table (default 0)."},                            \
    {                                                                                            \
        .name = "ports", .kind = CLI_NUMBER, .arg = "N", .offset = offsetof(type, member.ports), \
        .help = "OpenFlow: the greatest port that registers hold (default 64)."                  \
    }

struct cli_messages {
    struct cli_program program; /* .program NULL: the file had the messages */
    struct beba_export export;  /* of a program */
    struct beba_strbuf bytes;
};

/* Of a program, or of a file that 'beba build' made: any other bytes are no messages. 0, or an exit
 * code after messages. Free it in every case. */
int cli_messages_open(const char *path, const struct cli_export *how, struct cli_messages *out);
void cli_messages_free(struct cli_messages *m);
/* Says what was written. */
int cli_messages_tell(const struct cli_messages *m, const char *path, const char *output,
                      bool json);

#endif
