/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reading fields on the packet path: the inline form of beba_field_read, and where fields are.
 *
 * Fields that lie at a fixed place of their header are read by one load chosen from a table made of
 * fields.def; the others by beba_field_read_special. Nothing here looks outside the headers that
 * the parser found. */
#ifndef BEBA_PACKET_READ_H
#define BEBA_PACKET_READ_H

#include "packet/look.h"
#include "packet/packet.h"

/* How to read one field: bytes is how many it touches (1, 2, 3, 4, 6, 8; 16 for addresses), 0 means
 * that it has its own code. */
struct beba_field_reader {
    uint8_t layer;
    uint8_t bytes;
    uint8_t first; /* offset of the first of them in the header */
    uint8_t shift;
    uint64_t mask;
};

extern const struct beba_field_reader beba_field_readers[BEBA_N_FIELDS];

/* The fields with code of their own (BEBA_FIELD_SPECIAL). */
bool beba_field_read_special(const struct beba_packet *p, enum beba_field_id id,
                             struct beba_u128 *out);

/* Where the field is: its first bit from the start of data. False when the packet lacks it or it is
 * not in the packet (metadata, computed ones). ip.src and ip.dst have the width of their version.
 */
bool beba_field_place(const struct beba_packet *p, enum beba_field_id id, uint32_t *bit);

BEBA_INLINE uint64_t beba_load_bytes(const uint8_t *at, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return at[0];
    case 2:
        return beba_load16(at);
    case 3:
        return (uint64_t)beba_load16(at) << 8 | at[2];
    case 4:
        return beba_load32(at);
    case 6:
        return (uint64_t)beba_load32(at) << 16 | beba_load16(at + 4);
    default:
        return beba_load64(at);
    }
}

/* ip.len, of a packet with IP. */
BEBA_INLINE uint64_t beba_ip_len(const struct beba_packet *p)
{
    return beba_look_ip_len(p->data, &p->h);
}

/* l4.payload_len, of a packet with L4. */
BEBA_INLINE uint64_t beba_l4_payload_len(const struct beba_packet *p)
{
    return beba_look_payload_len(p->data, &p->h, p->wire_len > p->len ? p->wire_len : p->len);
}

/* beba_field_read_wide, inline. */
BEBA_INLINE bool beba_field_get_wide(const struct beba_packet *p, enum beba_field_id id,
                                     struct beba_u128 *out)
{
    const struct beba_field_reader *r = &beba_field_readers[id];
    const uint8_t *at;

    *out = beba_u128(0, 0);
    if (!(p->h.layers >> r->layer & 1))
        return false;
    if (!r->bytes)
        return beba_field_read_special(p, id, out);
    at = p->data + p->h.offset[r->layer] + r->first;
    if (r->bytes == 16)
        *out = beba_u128(beba_load64(at), beba_load64(at + 8));
    else
        out->lo = beba_load_bytes(at, r->bytes) >> r->shift & r->mask;
    return true;
}

/* beba_field_read, inline. */
BEBA_INLINE bool beba_field_get(const struct beba_packet *p, enum beba_field_id id, uint64_t *out)
{
    const struct beba_field_reader *r = &beba_field_readers[id];
    struct beba_u128 wide;
    bool present;

    if (__builtin_expect(r->bytes && r->bytes != 16, 1)) {
        *out = 0;
        if (!(p->h.layers >> r->layer & 1))
            return false;
        *out = beba_load_bytes(p->data + p->h.offset[r->layer] + r->first, r->bytes) >> r->shift &
               r->mask;
        return true;
    }
    present = beba_field_get_wide(p, id, &wide);
    *out = wide.lo;
    return present;
}

#endif
