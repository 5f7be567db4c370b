/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The headers that the generated C includes, made a part of the library by embed.py. */
#ifndef BEBA_EMIT_EMBEDDED_H
#define BEBA_EMIT_EMBEDDED_H

#include <stddef.h>

struct beba_embedded {
    const char *name; /* "emit/rt/run.h"; NULL ends the list */
    const unsigned char *text;
    size_t size;
};
extern const struct beba_embedded beba_embedded[];        /* for the kernel */
extern const struct beba_embedded beba_embedded_native[]; /* for the CPU */

#endif
