/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where things lie in the region of a flow table; for the files of this room. */
#ifndef BEBA_STATE_FT_LAYOUT_H
#define BEBA_STATE_FT_LAYOUT_H

#include "state/ft_core.h"

/* What decides a layout. */
struct beba_ft_sizes {
    uint32_t key_size, regs_size, n_states;
    uint64_t capacity, schema_size; /* the schema with its NUL */
};

struct beba_ft_layout {
    struct beba_ft_shape shape;
    uint32_t n_buckets;
    uint64_t states, regs_init, schema, buckets, size;
};

struct beba_ft_sizes beba_ft_desc_sizes(const struct beba_ft_desc *desc);
struct beba_ft_sizes beba_ft_sizes_of(const struct beba_ft *ft);
/* 0, or -EINVAL when sizes are out of bounds, -EOVERFLOW when the region would be too large. */
int beba_ft_layout(const struct beba_ft_sizes *sizes, struct beba_ft_layout *out);
/* Of everything that is constant once the table is made. */
uint64_t beba_ft_checksum(const struct beba_ft *ft);
/* n pseudo-random words from a 32-byte secret: ChaCha20 key stream (RFC 8439), nonce 0, counter 0.
 */
void beba_ft_expand(const uint8_t seed[32], uint64_t *words, uint32_t n);

#endif
