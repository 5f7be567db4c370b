/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Writing a field's bits where they are, without checksums: under the editor and the builder. */
#ifndef BEBA_PACKET_PUT_H
#define BEBA_PACKET_PUT_H

#include "packet/bytes.h"
#include "packet/packet.h"

/* Bits to write for this field of this packet: its width, but 32 for ip.src and ip.dst over IPv4.
 * False when v is an address of the other version. */
BEBA_INLINE bool beba_field_put_width(const struct beba_packet *p, enum beba_field_id id,
                                      struct beba_u128 v, unsigned *width)
{
    *width = beba_fields[id].type.width;
    if (beba_fields[id].type.kind != BEBA_KIND_IP)
        return true;
    bool v4 = beba_packet_has(p, BEBA_LAYER_IP4);
    if (v4)
        *width = 32;
    return v4 == (!v.hi && v.lo >> 32 == 0xffff);
}

/* Writes the low width bits of v at that bit; 128-bit values start at a byte. */
BEBA_INLINE void beba_bits_put(uint8_t *data, uint32_t bit, unsigned width, struct beba_u128 v)
{
    uint8_t *at = data + bit / 8;
    unsigned n = (bit % 8 + width + 7) / 8, shift = n * 8 - bit % 8 - width;
    uint64_t mask = beba_mask64(width) << shift, bits = v.lo << shift & mask;

    if (width == 128) {
        beba_store64(at, v.hi);
        beba_store64(at + 8, v.lo);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned down = (n - 1 - i) * 8;
        at[i] = (uint8_t)((at[i] & ~(mask >> down)) | (bits >> down & 0xff));
    }
}

#endif
