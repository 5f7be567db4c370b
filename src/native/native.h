/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs as native code: made by the system's compiler (native/cc.h) at run time, or ahead of
 * time as a file, and put into an engine by beba_engine_use (engine/native.h).
 *
 * Owner: the caller. A module outlives the engines that use its code. Any thread. */
#ifndef BEBA_NATIVE_NATIVE_H
#define BEBA_NATIVE_NATIVE_H

#include "engine/native.h"
#include "native/cc.h"

struct beba_native_opts {
    struct beba_cc_opts cc; /* headers is not used */
    const char *file;       /* of the program, for #line and messages */
    const struct beba_sources *sources;
    bool workers; /* several threads run it on shared tables: with locks */
};

struct beba_native_module;

/* The object (free() it), for a file. -errno as beba_cc_compile and beba_emit_c. */
int beba_native_compile(const struct beba_pipeline *p, const struct beba_native_opts *opts,
                        void **object, size_t *size, struct beba_error *err);
/* An object that was compiled before. -EINVAL: it is none of beba, of another version of beba, or
 * of another program. Its code runs when it is loaded: it has to be trusted. */
int beba_native_open(const struct beba_pipeline *p, const void *object, size_t size,
                     const char *name, struct beba_native_module **out, struct beba_error *err);
/* Both. */
int beba_native_new(const struct beba_pipeline *p, const struct beba_native_opts *opts,
                    struct beba_native_module **out, struct beba_error *err);
const struct beba_native_code *beba_native_code(const struct beba_native_module *module);
/* When no engine uses its code any more. NULL is allowed. */
void beba_native_free(struct beba_native_module *module);

#endif
