/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The OpenFlow codec: any bytes are decoded within bounds of memory; what was decoded is encoded to
 * bytes that mean the same.
 *
 * Input: a byte of settings (dialect, detection, side), then a message, whose length field is set
 * to what is there. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "openflow/codec.h"
#include "openflow/text.h"

static uint8_t first[BEBA_OF_MAX_MESSAGE], second[BEBA_OF_MAX_MESSAGE];

static void print(const struct beba_of_msg *m)
{
    struct beba_strbuf text = {0};

    if (m->type == OFPT_FLOW_MOD)
        beba_of_flow_mod_print(&text, &m->flow_mod);
    else if (m->type == OFPT_EXPERIMENTER && m->experimenter == BEBA_EXPERIMENTER &&
             m->exp_type == BEBA_MSG_STATE_MOD)
        beba_of_state_mod_print(&text, &m->state_mod);
    else if (m->type == OFPT_MULTIPART_REPLY && m->reply.type == OFPMP_FLOW && m->reply.n)
        beba_of_flow_print(&text, &m->reply.flow[0]);
    else if (m->type == OFPT_MULTIPART_REPLY && m->reply.type == OFPMP_GROUP_DESC && m->reply.n)
        beba_of_group_print(&text, &m->reply.group_desc[0]);
    else
        beba_strbuf_puts(&text, beba_of_msg_name(m));
    beba_strbuf_free(&text);
}

/* What was decoded, encoded, decoded and encoded again, is the same bytes. */
static void again(const struct beba_of_msg *m, const struct beba_of_codec *codec)
{
    struct beba_of_codec fixed = {.dialect = codec->dialect};
    struct beba_arena arena = {0};
    struct beba_of_msg back;
    int n = beba_of_encode(m, codec, first, sizeof(first));

    require(n > 0 || n == -EINVAL || n == -EMSGSIZE); /* a dialect or a length that cannot be */
    if (n > 0) {
        require(beba_of_length(first, (size_t)n) == n);
        require(!beba_of_decode(first, (size_t)n, &fixed, &arena, &back, NULL));
        require(beba_of_encode(&back, &fixed, second, sizeof(second)) == n);
        require(!memcmp(first, second, (size_t)n));
    }
    beba_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct beba_of_codec codec = {0};
    struct beba_arena arena = {0};
    struct beba_of_error err;
    struct beba_of_msg m;
    uint8_t *message;
    int r;

    if (size < 9 || size - 1 > BEBA_OF_MAX_MESSAGE)
        return 0;
    codec.dialect = data[0] % 3;
    codec.detect = data[0] >> 2 & 1;
    codec.side = (data[0] >> 3) % 3;
    size--;
    message = malloc(size);
    require(message);
    memcpy(message, data + 1, size);
    message[2] = (uint8_t)(size >> 8);
    message[3] = (uint8_t)size;
    r = beba_of_decode(message, size, &codec, &arena, &m, &err);
    require(arena.used <= 64 * size + 4096);
    if (r) {
        require(r == -EINVAL && err.what[0]);
        require(beba_of_encode_error(&err, message, size, first, sizeof(first)) > 0);
        require(beba_of_error_code_name(err.type, err.code, err.experimenter)[0] != '?');
    } else {
        print(&m);
        again(&m, &codec);
    }
    beba_arena_free(&arena);
    free(message);
    return 0;
}
