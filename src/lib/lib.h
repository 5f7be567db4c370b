/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parts of libbeba share: the two opaque objects, and how texts and structures reach the
 * caller. The contract is include/beba/beba.h. Private to lib/. */
#ifndef BEBA_LIB_LIB_H
#define BEBA_LIB_LIB_H

#include "beba/beba.h"

#include "base/error.h"
#include "engine/engine.h"
#include "native/native.h"
#include "pipeline/program.h"

/* A key's parts and a machine's registers are told together. */
enum { NAMED_MAX = BEBA_MAX_KEY_FIELDS + BEBA_MAX_REGS };

struct beba_xfsm {
    struct beba_program *program;
};

struct beba_dp {
    const struct beba_xfsm *xfsm;
    const struct beba_pipeline *p;
    struct beba_engine *engine;
    struct beba_native_module *native; /* NULL: the interpreter runs packets */
    struct beba_packet *packet;        /* cap of each */
    struct beba_packet **list;
    struct beba_result *result;
    uint32_t cap;
    /* Texts and values told last; named_at: where in text the value's text begins. */
    struct beba_strbuf text;
    struct beba_named named[NAMED_MAX];
    size_t named_at[NAMED_MAX];
    uint32_t n_named;
};

/* Hands a text over to the caller; NULL for an empty one. -ENOMEM when it is not all there. */
int beba_lib_text(struct beba_strbuf *text, char **out);

/* Fills a message (NULL: none) from an error; returns rc. */
int beba_lib_fail(int rc, const struct beba_error *err, struct beba_message *message);

/* Copies a structure that begins with its size to the caller's, as far as that goes. -EINVAL when
 * the caller's is smaller than the structure was in its first version. */
int beba_lib_give(void *to, const void *from, size_t size, size_t first);

/* The i-th name of an array of structures that begin with one; NULL past the last. */
const char *beba_lib_name(const void *array, size_t stride, uint32_t n, uint32_t i);
#define NAME_AT(array, n, i) beba_lib_name(array, sizeof(*(array)), n, i)
/* Its index; false when there is none of that name, or name is NULL. */
bool beba_lib_find(const void *array, size_t stride, uint32_t n, const char *name, uint32_t *out);
#define FIND(array, n, name, out) beba_lib_find(array, sizeof(*(array)), n, name, out)

/* A frame as the engine sees it. */
void beba_lib_packet(const struct beba_frame *frame, struct beba_packet *out);

#endif
