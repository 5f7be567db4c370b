/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The key of a connection, the same for both directions. Compiles for BPF. */
#ifndef BEBA_PACKET_CONNECTION_H
#define BEBA_PACKET_CONNECTION_H

#include "packet/view.h"

/* Words of the key: the ends' addresses of 16 bytes (IPv4 as ::ffff:a.b.c.d) and their ports, the
 * lower (address, port) first, all in network byte order; then the protocol and three zeros. */
enum { BEBA_CONNECTION_WORDS = 10 };

BEBA_INLINE void connection_put64(uint32_t *word, uint64_t v)
{
    word[0] = beba_be32((uint32_t)(v >> 32));
    word[1] = beba_be32((uint32_t)v);
}

/* backward: the source is the higher end. False when the packet has no L4. */
BEBA_INLINE bool beba_connection(beba_view v, const struct beba_headers *h,
                                 uint32_t key[BEBA_CONNECTION_WORDS], bool *backward)
{
    uint64_t src_hi = 0, src_lo, dst_hi = 0, dst_lo;
    uint32_t ports, ip = h->offset[BEBA_LAYER_IP];
    bool back;

    *backward = false;
    if (!beba_has(h, BEBA_LAYER_L4))
        return false;
    if (beba_has(h, BEBA_LAYER_IP4)) {
        src_lo = 0xffff00000000 | beba_view32(v, ip + 12);
        dst_lo = 0xffff00000000 | beba_view32(v, ip + 16);
    } else {
        src_hi = beba_view64(v, ip + 8);
        src_lo = beba_view64(v, ip + 16);
        dst_hi = beba_view64(v, ip + 24);
        dst_lo = beba_view64(v, ip + 32);
    }
    ports = beba_view32(v, h->offset[BEBA_LAYER_L4]);
    back = src_lo != dst_lo ? src_lo > dst_lo : ports >> 16 > (ports & 0xffff);
    if (src_hi != dst_hi)
        back = src_hi > dst_hi;
    *backward = back;
    connection_put64(key, back ? dst_hi : src_hi);
    connection_put64(key + 2, back ? dst_lo : src_lo);
    connection_put64(key + 4, back ? src_hi : dst_hi);
    connection_put64(key + 6, back ? src_lo : dst_lo);
    key[8] = beba_be32(back ? ports << 16 | ports >> 16 : ports);
    key[9] = beba_be32((uint32_t)h->ip_proto << 24);
    return true;
}

/* Puts a value's low bytes, most significant first, at byte at of a key. */
BEBA_INLINE void beba_key_put(uint32_t *key, uint32_t at, unsigned bytes, struct beba_u128 value)
{
    uint8_t *to = (uint8_t *)key + at;

    if (bytes == 16 && at % 4 == 0) {
        connection_put64(key + at / 4, value.hi);
        connection_put64(key + at / 4 + 2, value.lo);
    } else if (bytes == 4 && at % 4 == 0) {
        key[at / 4] = beba_be32((uint32_t)value.lo);
    } else if (bytes == 8 && at % 4 == 0) {
        connection_put64(key + at / 4, value.lo);
    } else {
        for (unsigned i = 0; i < 16; i++) {
            unsigned down = (bytes - 1 - i) * 8;
            if (i < bytes)
                to[i] = (uint8_t)(down >= 64 ? value.hi >> (down & 63) : value.lo >> down);
        }
    }
}

#endif
