/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/buffers.h"
#include "openflow/of.h"

#include <stdlib.h>
#include <string.h>

#define LIFETIME_NS 10000000000ull

struct slot {
    uint32_t id;
    bool taken;
    uint64_t since;
    struct beba_buffer buffer;
};

struct beba_buffers {
    uint32_t next; /* id; its slot is next % BEBA_BUFFERS */
    struct slot slot[BEBA_BUFFERS];
};

struct beba_buffers *beba_buffers_new(void)
{
    struct beba_buffers *b = calloc(1, sizeof(*b));

    for (uint32_t i = 0; b && i < BEBA_BUFFERS; i++)
        b->slot[i].id = OFP_NO_BUFFER;
    if (b)
        b->next = BEBA_BUFFERS;
    return b;
}

void beba_buffers_free(struct beba_buffers *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < BEBA_BUFFERS; i++)
        free(b->slot[i].buffer.frame);
    free(b);
}

uint32_t beba_buffers_put(struct beba_buffers *b, uint64_t now, uint32_t in_port,
                          const uint8_t *frame, uint32_t len)
{
    struct slot *s = &b->slot[b->next % BEBA_BUFFERS];
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        return OFP_NO_BUFFER;
    memcpy(copy, frame, len);
    free(s->buffer.frame);
    *s = (struct slot){
        .id = b->next, .since = now, .buffer = {.in_port = in_port, .len = len, .frame = copy}};
    if (++b->next >= OFP_NO_BUFFER - BEBA_BUFFERS)
        b->next = BEBA_BUFFERS;
    return s->id;
}

enum beba_buffer_result beba_buffers_take(struct beba_buffers *b, uint64_t now, uint32_t id,
                                          struct beba_buffer *out)
{
    struct slot *s = &b->slot[id % BEBA_BUFFERS];

    if (id == OFP_NO_BUFFER || s->id != id)
        return BEBA_BUFFER_UNKNOWN;
    if (s->taken)
        return BEBA_BUFFER_EMPTY;
    if (now - s->since > LIFETIME_NS) {
        free(s->buffer.frame);
        s->buffer.frame = NULL;
        s->id = OFP_NO_BUFFER;
        return BEBA_BUFFER_UNKNOWN;
    }
    if (out) {
        *out = s->buffer;
        s->buffer.frame = NULL;
        s->taken = true;
    }
    return BEBA_BUFFER_OK;
}
