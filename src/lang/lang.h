/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The language: text -> program, with diagnostics. Grammar and meaning: docs/language.md.
 *
 * Any bytes give a program or diagnostics, never a crash; recursion is bounded. One thread a call.
 */
#ifndef BEBA_LANG_LANG_H
#define BEBA_LANG_LANG_H

#include "base/diag.h"
#include "pipeline/program.h"

struct beba_error;

struct beba_lang_opts {
    bool no_warnings;
    /* Reads an included file; NULL = the file system, relative to the including file. Returns 0 and
     * a malloc'ed text, or -errno. For fuzzing and editors. */
    int (*read)(void *arg, const char *path, char **text, size_t *len);
    void *arg;
};

/* Parses, checks and lowers a text. 0: *out is a finished program (diags may hold warnings).
 * -EINVAL: diags say what is wrong and *out holds the sources only, to print them with.
 * -ENOMEM. The caller frees *out and diags in every case. */
int beba_lang_load_text(const char *name, const char *text, size_t len,
                        const struct beba_lang_opts *opts, struct beba_program **out,
                        struct beba_diags *diags);
/* The same from a file ("-" is standard input). -errno and err when the file cannot be read. */
int beba_lang_load_file(const char *path, const struct beba_lang_opts *opts,
                        struct beba_program **out, struct beba_diags *diags,
                        struct beba_error *err);

/* The path of what file `from` includes, "." and ".." taken out where that is plain: the name of
 * its source. NULL: out of memory. */
char *beba_lang_include_path(struct beba_arena *arena, const char *from, const char *path);

/* The one canonical layout; comments survive; formatting twice changes nothing. -EINVAL and diags
 * when the text does not parse. */
int beba_lang_format(const char *name, const char *text, size_t len, struct beba_strbuf *out,
                     struct beba_sources *sources, struct beba_diags *diags);

/* "{ ip4.src = 10.0.0.1, tcp.dst = 80 }" or "ip4.src = 10.0.0.1, ..." to assignments, as in send.
 * Memory is taken from the arena. */
int beba_lang_parse_packet(const char *text, size_t len, struct beba_arena *arena,
                           struct beba_build *out, struct beba_sources *sources,
                           struct beba_diags *diags);
/* One constant of a type ("10.0.0.0/8", "80", "open"): for sets and registers on the command line.
 */
int beba_lang_parse_value(const char *text, size_t len, struct beba_type type,
                          struct beba_range *out, struct beba_error *err);
/* A key as beba_key_print prints it: "ip.src=10.0.0.1, tcp.dst=80", in any order; the value alone
 * where the key has one field; "10.0.0.1:1234 <-> 10.0.0.2:80 tcp" for a connection, either end
 * first (->, <- and - do too). out gets key->padded bytes. */
int beba_lang_parse_key(const char *text, size_t len, const struct beba_key *key,
                        uint8_t out[BEBA_MAX_KEY], struct beba_error *err);

#endif
