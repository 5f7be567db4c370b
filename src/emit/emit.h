/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The emitter: a pipeline as C for the kernel, and that C compiled.
 *
 * The C is meant to be read: names of machines, states, registers and rules, and a #line for each
 * rule and statement, so that clang and the verifier speak of the program's own lines. It includes
 * the run-time headers of emit/rt/ and those of base/, packet/, pipeline/ and state/ that compile
 * for BPF; all of them are carried in the library, so that nothing but clang is needed to compile.
 *
 * Owner: the caller. No state. */
#ifndef BEBA_EMIT_EMIT_H
#define BEBA_EMIT_EMIT_H

#include "base/diag.h"
#include "pipeline/pipeline.h"
#include "pipeline/target.h"

struct beba_error;

struct beba_emit_opts {
    const char *clang; /* NULL: $BEBA_CLANG, else clang, clang-19 .. clang-14 on PATH */
    const char *file;  /* of the program, for #line and messages */
    const char *text;  /* the program's source, carried in the object; text_size bytes */
    size_t text_size;
    const struct beba_sources *sources; /* of a program in several files; NULL: file and text */
    /* In more and smaller pieces, for a program that the verifier takes too long to look through:
     * each group of a few rules and each field that is read is a function, each machine a program
     * as far as there may be so many. Slower. */
    bool fine;
    bool workers;       /* native: several threads run it at once */
    const char *prefix; /* native: of names, where several programs are in one C; NULL: one is */
    bool cache;         /* what was compiled before is taken from the user's cache (emit/cache.h) */
    bool no_control; /* without beba_control: only packets change flows, and clang is done sooner */
};

/* The C. -ENOTSUP with the first thing the target cannot do (beba_target_check has them all);
 * -E2BIG. */
int beba_emit_c(const struct beba_pipeline *p, enum beba_target target,
                const struct beba_emit_opts *opts, struct beba_strbuf *out, struct beba_error *err);

/* Target native: what the C is made of, as a number: of the program, and of what it includes, so
 * that an object of another program, or of another beba, is known. */
int beba_emit_native_source(const struct beba_pipeline *p, bool workers, uint64_t *out,
                            struct beba_error *err);

/* Emits and compiles to an ELF object in memory (free() it). -ENOENT: no clang, with what to
 * install; -EIO: clang failed, with its first message at the program's line. */
int beba_emit_object(const struct beba_pipeline *p, enum beba_target target,
                     const struct beba_emit_opts *opts, void **object, size_t *size,
                     struct beba_error *err);

/* The verifier's log names one file for all lines of a function, whatever #line says: lines of the
 * C itself are numbered from here on, so that those below are the program's. */
#define BEBA_EMIT_FILE "beba.bpf.c"
enum { BEBA_EMIT_OWN = 1000000 };

/* What a program costs in the kernel: of the compiled object. */
struct beba_emit_budget {
    size_t object_size;    /* bytes */
    uint32_t instructions; /* of all functions that a packet may run */
    uint32_t stack;        /* bytes: of the deepest chain of calls, as the verifier counts */
    uint32_t stack_max;    /* 512 */
    uint32_t n_functions;  /* that the verifier looks at one by one */
    uint32_t n_programs;   /* a program of very many machines is several: groups.c */
    uint32_t functions, functions_max; /* of the one with most */
    uint32_t maps, maps_max;
    uint32_t largest;    /* instructions of the longest, functions that others call, too */
    uint64_t map_memory; /* bytes of all maps, without the ring of events, for one CPU */
};
/* Of an object that was made of p: -errno. */
int beba_emit_measure(const struct beba_pipeline *p, const void *object, size_t size,
                      struct beba_emit_budget *out, struct beba_error *err);
/* The same of a program that is compiled for it. -errno as beba_emit_object. */
int beba_emit_budget(const struct beba_pipeline *p, enum beba_target target,
                     const struct beba_emit_opts *opts, struct beba_emit_budget *out,
                     struct beba_error *err);

/* The source text in an object, and what it was made for. -EINVAL: not an object of beba, or of
 * another version. */
int beba_emit_object_text(const void *object, size_t size, const char **text, size_t *text_size,
                          const char **file, enum beba_target *target, struct beba_error *err);

#endif
