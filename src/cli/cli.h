/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the commands share: messages, loading a program, JSON, a table of columns.
 *
 * Results go to standard output, messages to standard error. With --json standard output has one
 * JSON value and nothing else; a failure is {"error": ...} there, besides the message. */
#ifndef BEBA_CLI_CLI_H
#define BEBA_CLI_CLI_H

#include "base/diag.h"
#include "base/error.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "pipeline/program.h"

#include <jansson.h>
#include <stdio.h>

/* Set once by main, before a command runs. */
struct cli {
    const char *command; /* "run"; NULL before one is known */
    bool json;           /* failures are told in JSON too */
    bool failed_json;    /* and one was */
    int output_errno;    /* why standard output failed; 0 = it did not, or nobody noticed yet */
};
extern struct cli cli;

/* Messages. All return an exit code, so that a command can end with one. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_fail(const struct beba_error *err);
int cli_fail_with(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Colour: the stream is a terminal, and NO_COLOR and TERM=dumb do not forbid it. */
bool cli_colour(FILE *f);

/* --- output -------------------------------------------------------------------------------- */

/* Prints and frees text; false when standard output or memory failed (main says so in the end). */
bool cli_print(FILE *to, struct beba_strbuf *text);
/* Prints a JSON value and drops the reference; CLI_OK or CLI_FAILED. */
int cli_print_json(FILE *to, json_t *root);
/* Writes a file so that it is there whole or not at all; keeps the mode of one that exists. */
int cli_write_file(const char *path, const char *text, size_t len, struct beba_error *err);
/* Reads a file ("-" is standard input); *text is malloc'ed and NUL-terminated. */
int cli_read_file(const char *path, char **text, size_t *len, struct beba_error *err);

/* --- JSON ---------------------------------------------------------------------------------- */

/* Unsigned 64 bits: as a number while it fits, as a string beyond 2^63 - 1. */
json_t *cli_json_u64(uint64_t v);
/* A string; bytes that are no UTF-8 become '?'. */
json_t *cli_json_text(const char *s);
/* A value of the language: numbers and times as numbers, truth as truth, addresses as strings. */
json_t *cli_json_value(struct beba_type type, struct beba_u128 v);
json_t *cli_json_error(const struct beba_error *err);
json_t *cli_json_diags(const struct beba_diags *diags, const struct beba_sources *sources);

/* --- programs ------------------------------------------------------------------------------ */

struct cli_program {
    struct beba_program *program;
    struct beba_diags diags;
    const char *path;
};

/* Loads a program; its diagnostics are printed to standard error. 0, or an exit code after
 * messages. Free it in every case. */
int cli_load(const char *path, bool no_warnings, struct cli_program *out);
void cli_program_free(struct cli_program *p);
/* Prints diagnostics to standard error; with --json and errors, tells them as the failure. */
int cli_diags(const struct beba_diags *diags, const struct beba_sources *sources, const char *path);

/* "port_knocking.xfsm:8": where something stands in the program. */
void cli_place(struct beba_strbuf *out, const struct beba_sources *sources, struct beba_loc loc);
/* The state a rule belongs to, or NULL when it is tried in any. */
const char *cli_rule_state(const struct beba_table *t, const struct beba_rule *rule);
/* "rule 'on udp.dst == 1111' of closed", ", no rule matched", ...: what decided. */
void cli_decision(struct beba_strbuf *out, const struct beba_pipeline *p,
                  const struct beba_result *result);
/* "pass", "output(3)" */
void cli_verdict(struct beba_strbuf *out, const struct beba_result *result);
/* "12.0 KiB" */
void cli_bytes(struct beba_strbuf *out, uint64_t bytes);
/* Bytes a table's flows take when there is room for all of its capacity; 0 without a key. */
uint64_t cli_table_memory(const struct beba_table *t);
/* One line about a packet that was parsed: ends, protocol, flags, length. */
void cli_summary(struct beba_strbuf *out, const struct beba_packet *p);

#endif
