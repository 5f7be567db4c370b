/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Commands and their options, described once, in tables: from them come parsing, --help, messages
 * about misspelt options, completion in the shell and the OPTIONS section of the manual pages. */
#ifndef BEBA_CLI_OPTIONS_H
#define BEBA_CLI_OPTIONS_H

#include "base/int.h"
#include "base/strbuf.h"

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What an option stores, at its offset of the command's struct. */
enum cli_kind {
    CLI_FLAG,     /* bool */
    CLI_STRING,   /* const char * */
    CLI_OPTIONAL, /* const char *: "" when the option stood without a value; the value needs '=' */
    CLI_NUMBER,   /* struct cli_number: decimal or 0x..., with k, M, G, Ki, Mi, Gi */
    CLI_DURATION, /* struct cli_number: ns */
    CLI_LIST,     /* struct cli_list: may be given several times */
};

struct cli_number {
    bool given;
    uint64_t value;
};

struct cli_item {
    const char *value;
    unsigned place; /* among all arguments: for options whose order matters */
};

struct cli_list {
    struct cli_item *item;
    unsigned n;
};

/* What the shell offers for a value or operand. */
enum cli_complete {
    CLI_COMPLETE_NONE,
    CLI_COMPLETE_PROGRAM, /* *.xfsm */
    CLI_COMPLETE_CAPTURE, /* *.pcap *.pcapng *.cap */
    CLI_COMPLETE_FILE,
    CLI_COMPLETE_DIR,
    CLI_COMPLETE_FIELD,
    CLI_COMPLETE_COMMAND,
    CLI_COMPLETE_DEPLOYMENT, /* programs in the kernel */
    CLI_COMPLETE_DEVICE,     /* of the network */
};

struct cli_option {
    const char *name;    /* without the dashes; NULL ends a table */
    char letter;         /* 0 = none */
    uint8_t kind;        /* enum cli_kind */
    uint8_t complete;    /* enum cli_complete */
    const char *arg;     /* what the value is called in help; NULL for a flag */
    const char *choices; /* "interp|native"; NULL = any value */
    size_t offset;
    const char *help; /* one sentence or two */
};

struct cli_call {
    const struct cli_command *command;
    void *opts; /* the command's struct, zeros where nothing was given */
    const char **operand;
    unsigned n_operands;
};

struct cli_command {
    const char *name;
    const char *operands; /* "FILE..." */
    unsigned min, max;    /* operands; max 0 = none, UINT_MAX = any */
    uint8_t complete;     /* enum cli_complete of operands */
    const char *verbs;    /* "get|set": what the first operand may be; NULL = anything */
    const char *summary;  /* half a line */
    const char *text;     /* a paragraph for --help */
    const struct cli_option *options;
    size_t size;                             /* of the struct the options fill */
    int (*run)(const struct cli_call *call); /* returns enum cli_exit */
    bool hidden;
};

extern const struct cli_command *const cli_commands[]; /* NULL ends it */

const struct cli_command *cli_command_find(const char *name);
/* The command a misspelt name may have meant, or NULL. */
const char *cli_command_nearest(const char *name);

/* Parses argv (without the command's name) into *call; 0, or an exit code after a message. Sets
 * *help when --help was among the arguments; then nothing else was checked. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
              bool *help);
void cli_call_free(struct cli_call *call);

/* A number as CLI_NUMBER takes it, a duration as CLI_DURATION does; false when the text is neither.
 */
bool cli_parse_number(const char *text, size_t n, uint64_t *out);
bool cli_parse_duration(const char *text, size_t n, uint64_t *out);

void cli_help(struct beba_strbuf *out, const struct cli_command *command);
void cli_help_all(struct beba_strbuf *out);
/* The OPTIONS section of the manual page, as markdown. */
void cli_manual_options(struct beba_strbuf *out, const struct cli_command *command);
/* What may stand for the last of the words that follow "beba": one candidate a line; "@files
 * GLOB..." and "@dirs" hand over to the shell. */
void cli_complete(struct beba_strbuf *out, const char *const *words, unsigned n);

#endif
