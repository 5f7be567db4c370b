/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Takes a table's key out of a parsed packet. Private to engine/. */
#ifndef BEBA_ENGINE_KEY_H
#define BEBA_ENGINE_KEY_H

#include <string.h>

#include "engine/code.h"
#include "packet/bytes.h"
#include "state/ft_core.h"

/* A key, padded with zeros to a multiple of 4, and its hash in the table. */
struct flow_key {
    uint32_t word[BEBA_FT_KEY_MAX / 4];
    uint64_t hash;
    bool backward; /* CONNECTION: the source is the higher end */
};

/* The bytes of a key; false when the packet lacks one of its fields. */
bool beba_key_take_fields(const struct code_key *key, const struct beba_packet *p,
                          struct flow_key *out);

BEBA_INLINE void key_address(const struct beba_packet *p, bool dst, uint8_t out[16])
{
    if (beba_packet_has(p, BEBA_LAYER_IP4)) {
        const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP4];

        memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
        memcpy(out + 12, ip + (dst ? 16 : 12), 4);
    } else {
        memcpy(out, p->data + p->h.offset[BEBA_LAYER_IP6] + (dst ? 24 : 8), 16);
    }
}

BEBA_INLINE int key_compare4(const uint8_t *a, const uint8_t *b)
{
    uint32_t x = beba_load32(a), y = beba_load32(b);

    return (x > y) - (x < y);
}

/* Ends in canonical order: the lower (address, port) first. */
BEBA_INLINE void key_take_connection(const struct beba_packet *p, struct flow_key *out)
{
    bool ip4 = beba_packet_has(p, BEBA_LAYER_IP4);
    const uint8_t *src = p->data + p->h.offset[ip4 ? BEBA_LAYER_IP4 : BEBA_LAYER_IP6];
    const uint8_t *ports = p->data + p->h.offset[BEBA_LAYER_L4];
    uint8_t *key = (uint8_t *)out->word;
    size_t size = ip4 ? 4 : 16;
    int order;

    src += ip4 ? 12 : 8;
    order = ip4 ? key_compare4(src, src + 4) : memcmp(src, src + 16, 16);
    if (!order)
        order = memcmp(ports, ports + 2, 2);
    out->backward = order > 0;
    if (ip4) {
        memcpy(key, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
        memcpy(key + 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
        memcpy(key + 12, src + (order > 0 ? size : 0), 4);
        memcpy(key + 28, src + (order > 0 ? 0 : size), 4);
    } else {
        memcpy(key, src + (order > 0 ? size : 0), 16);
        memcpy(key + 16, src + (order > 0 ? 0 : size), 16);
    }
    memcpy(key + 32, ports + (order > 0 ? 2 : 0), 2);
    memcpy(key + 34, ports + (order > 0 ? 0 : 2), 2);
    out->word[9] = 0;
    key[36] = p->h.ip_proto;
}

BEBA_INLINE bool key_take(const struct code_key *key, const struct beba_packet *p,
                          struct flow_key *out)
{
    if (key->layers & ~p->h.layers & ~(1u << BEBA_LAYER_META))
        return false;
    if (key->shape == KEY_CONNECTION) {
        key_take_connection(p, out);
        return true;
    }
    out->backward = false;
    if (key->n_parts == 1 && key->part[0].kind == KEY_IP_SRC) {
        key_address(p, false, (uint8_t *)out->word);
        return true;
    }
    return beba_key_take_fields(key, p, out);
}

#endif
