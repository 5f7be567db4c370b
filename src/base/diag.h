/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Diagnostics about a text: errors, warnings and notes with a place, a caret and a hint.
 *
 *     port_knocking.xfsm:8:12: error: unknown field 'udp.dport'
 *         on udp.dport == 1111 { goto step1; drop }
 *            ^~~~~~~~~
 *       hint: the field is called udp.dst
 *
 * A struct beba_diags collects them, keeps them in the order of their places when printed, and
 * drops (and counts) what is past its limit. Messages and hints are copied. Owner: the caller, one
 * thread. */
#ifndef BEBA_BASE_DIAG_H
#define BEBA_BASE_DIAG_H

#include "base/arena.h"
#include "base/int.h"
#include "base/strbuf.h"

/* A place in a text: source number in a struct beba_sources, byte offset, length in bytes. */
struct beba_loc {
    uint32_t source;
    uint32_t offset;
    uint32_t len;
};

struct beba_source {
    const char *name; /* as the user gave it */
    const char *text; /* not NUL-terminated; may hold any bytes */
    size_t len;
};

struct beba_sources {
    struct beba_source *source;
    uint32_t n, cap;
    struct beba_arena arena; /* names and texts */
};

enum beba_severity { BEBA_NOTE, BEBA_WARNING, BEBA_ERROR };

struct beba_diag {
    enum beba_severity severity;
    const char *code; /* a stable short name, "unknown-field"; static string */
    struct beba_loc loc;
    const char *message;
    const char *hint; /* NULL when there is none */
};

struct beba_diags {
    struct beba_diag *diag;
    uint32_t n, cap;
    uint32_t limit; /* most kept; 0 = 100 */
    uint32_t errors, warnings, dropped;
    struct beba_arena arena;
    struct beba_diag lost; /* stands for those dropped; hints to it are dropped too */
};

/* Adds a text (copied); returns its number, or -ENOMEM. */
int beba_sources_add(struct beba_sources *s, const char *name, const char *text, size_t len);
void beba_sources_free(struct beba_sources *s);
/* Line and column of an offset, both from 1; the column counts UTF-8 characters. */
void beba_sources_position(const struct beba_sources *s, struct beba_loc loc, unsigned *line,
                           unsigned *column);

/* Adds a diagnostic; returns it so that a hint can be added, never NULL. */
struct beba_diag *beba_diags_add(struct beba_diags *d, enum beba_severity severity,
                                 const char *code, struct beba_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void beba_diags_hint(struct beba_diags *d, struct beba_diag *diag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void beba_diags_free(struct beba_diags *d);

/* Prints all, in order of place; colour adds ANSI escapes. Control bytes of the source are shown
 * as '?', tabs as one space, lines longer than 120 characters are cut around the caret. */
void beba_diags_print(const struct beba_diags *d, const struct beba_sources *s,
                      struct beba_strbuf *out, bool colour);

#endif
