/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The C compiler of the system, found at run time: C text to a shared object in memory, and that
 * into this process.
 *
 * The compiler is $BEBA_CC, else $CC, else the first there is of cc, gcc, clang. It runs in a
 * private directory that is gone afterwards, for a bounded time: when it has not finished by then
 * it is killed with all that it started. Nothing is written elsewhere: an object is loaded from
 * memory.
 *
 * Any thread may call these; opts and texts are only read. */
#ifndef BEBA_NATIVE_CC_H
#define BEBA_NATIVE_CC_H

#include "base/int.h"

struct beba_embedded;
struct beba_error;

enum { BEBA_CC_SECONDS = 60 };

/* Zeros are the usual. */
struct beba_cc_opts {
    const char *cc;                      /* NULL: see above; words, split at blanks */
    const char *march;                   /* NULL: "native", this machine's own; "": the compiler's
                                            baseline, for objects that go elsewhere */
    const char *optimize;                /* NULL: "-O2" */
    unsigned seconds;                    /* limit; 0: BEBA_CC_SECONDS */
    bool aside;                          /* at a lower priority, beside packets that run */
    const struct beba_embedded *headers; /* files beside the C, up to a name NULL; NULL: none */
};

/* Compiles to a shared object (free() it). name: of the C, for messages ("port_knocking.c").
 * -ENOENT: no compiler; -EIO: it failed, with its first message; -ETIMEDOUT. err says what to do.
 */
int beba_cc_compile(const struct beba_cc_opts *opts, const char *name, const char *text,
                    size_t text_size, void **object, size_t *object_size, struct beba_error *err);

/* A shared object in this process. Owner: who opened it. */
struct beba_cc_module;
/* -EINVAL: not a shared object of this machine. name: for messages. */
int beba_cc_open(const void *object, size_t size, const char *name, struct beba_cc_module **out,
                 struct beba_error *err);
/* A function or variable; NULL: there is none. */
void *beba_cc_symbol(const struct beba_cc_module *module, const char *symbol);
/* When nobody runs its code any more. NULL is allowed. */
void beba_cc_close(struct beba_cc_module *module);

/* Both: compiles and opens. */
int beba_cc_load(const struct beba_cc_opts *opts, const char *name, const char *text,
                 size_t text_size, struct beba_cc_module **out, struct beba_error *err);

/* The compiler's own words about itself, its first line ("gcc (Debian 12.2.0-14) 12.2.0").
 * -errno as beba_cc_compile. */
int beba_cc_version(const char *cc, char *text, size_t size, struct beba_error *err);

#endif
