/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets kept for controllers that were shown their beginning only [7.4.1]. As many as there are
 * slots, each for a few seconds; the oldest makes room. A buffer is taken once. */
#ifndef BEBA_SWITCH_BUFFERS_H
#define BEBA_SWITCH_BUFFERS_H

#include "base/int.h"

enum { BEBA_BUFFERS = 256 };

struct beba_buffers;

struct beba_buffer {
    uint32_t in_port, len;
    uint8_t *frame; /* whoever takes the buffer frees it */
};

struct beba_buffers *beba_buffers_new(void);
void beba_buffers_free(struct beba_buffers *b);
/* Keeps a copy; returns its id, OFP_NO_BUFFER when there is no memory. now: ns. */
uint32_t beba_buffers_put(struct beba_buffers *b, uint64_t now, uint32_t in_port,
                          const uint8_t *frame, uint32_t len);
enum beba_buffer_result { BEBA_BUFFER_OK, BEBA_BUFFER_EMPTY, BEBA_BUFFER_UNKNOWN };
/* EMPTY: it has been taken already. out NULL: only asks. */
enum beba_buffer_result beba_buffers_take(struct beba_buffers *b, uint64_t now, uint32_t id,
                                          struct beba_buffer *out);

#endif
