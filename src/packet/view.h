/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How the cores of parser, reader and editor (walk.h, look.h, change.h) reach a packet's bytes, so
 * that they are the same code in user space and in the kernel.
 *
 * In user space a view is the packet's data, and a load is a plain load: the cores look only where
 * they have checked that there is something. The BPF verifier wants to see a check of its own;
 * there emit/rt/view.h, included before this file, says what a view is, and its loads return 0, and
 * its stores do nothing, where the packet is not.
 *
 *   beba_view                   a packet's bytes; passed by value
 *   beba_view8(v, at) ...       big-endian loads, beba_put8(v, at, value) ... stores
 *   beba_view_checksum          a transport checksum follows a change from words that summed to old
 *                               to words that sum to new
 *   BEBA_STAGE                  a part that the verifier looks at on its own: returns an integer;
 *                               what it gets by pointer is not NULL, said by
 * BEBA_STAGE_ARG(pointer) BEBA_STAGE_EDIT             the same where packets are changed: not every
 * program does BEBA_LOOP(max, step, state) calls step(number, state), a BEBA_STEP, until it returns
 * nonzero, at most max times */
#ifndef BEBA_PACKET_VIEW_H
#define BEBA_PACKET_VIEW_H

#include "packet/bytes.h"
#include "packet/headers.h"

#ifndef BEBA_VIEW_CHECKED
typedef uint8_t *beba_view;

#define BEBA_STAGE          static inline
#define BEBA_STAGE_EDIT     static inline
#define BEBA_STAGE_ARG(p)   ((void)0)
#define BEBA_STAGE_VALUE(x) ((void)(x))
#define BEBA_STEP           static inline
#define BEBA_LOOP(max, step, state)                                                 \
    do {                                                                            \
        for (uint32_t loop_n = 0; loop_n < (max) && !step(loop_n, state); loop_n++) \
            ;                                                                       \
    } while (0)

BEBA_INLINE uint8_t beba_view8(beba_view v, uint32_t at)
{
    return v[at];
}

BEBA_INLINE uint16_t beba_view16(beba_view v, uint32_t at)
{
    return beba_load16(v + at);
}

BEBA_INLINE uint32_t beba_view32(beba_view v, uint32_t at)
{
    return beba_load32(v + at);
}

BEBA_INLINE uint64_t beba_view64(beba_view v, uint32_t at)
{
    return beba_load64(v + at);
}

BEBA_INLINE void beba_put8(beba_view v, uint32_t at, uint8_t value)
{
    v[at] = value;
}

BEBA_INLINE void beba_put16(beba_view v, uint32_t at, uint16_t value)
{
    beba_store16(v + at, value);
}

BEBA_INLINE void beba_put32(beba_view v, uint32_t at, uint32_t value)
{
    beba_store32(v + at, value);
}

BEBA_INLINE void beba_put64(beba_view v, uint32_t at, uint64_t value)
{
    beba_store64(v + at, value);
}
#endif

BEBA_INLINE bool beba_has(const struct beba_headers *h, enum beba_layer layer)
{
    return h->layers >> layer & 1;
}

/* An unsigned number of 1, 2, 3, 4, 6 or 8 bytes. */
BEBA_INLINE uint64_t beba_view_bytes(beba_view v, uint32_t at, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return beba_view8(v, at);
    case 2:
        return beba_view16(v, at);
    case 3:
        return (uint64_t)beba_view16(v, at) << 8 | beba_view8(v, at + 2);
    case 4:
        return beba_view32(v, at);
    case 6:
        return (uint64_t)beba_view32(v, at) << 16 | beba_view16(v, at + 4);
    default:
        return beba_view64(v, at);
    }
}

BEBA_INLINE void beba_put_bytes(beba_view v, uint32_t at, unsigned bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        beba_put8(v, at, (uint8_t)value);
        return;
    case 2:
        beba_put16(v, at, (uint16_t)value);
        return;
    case 3:
        beba_put16(v, at, (uint16_t)(value >> 8));
        beba_put8(v, at + 2, (uint8_t)value);
        return;
    case 4:
        beba_put32(v, at, (uint32_t)value);
        return;
    case 6:
        beba_put32(v, at, (uint32_t)(value >> 16));
        beba_put16(v, at + 4, (uint16_t)value);
        return;
    default:
        beba_put64(v, at, value);
        return;
    }
}

/* Writes the low width bits of value at that bit; 128-bit values start at a byte. */
BEBA_INLINE void beba_put_bits(beba_view v, uint32_t bit, unsigned width, struct beba_u128 value)
{
    uint32_t at = bit / 8;
    unsigned n = (bit % 8 + width + 7) / 8, shift = n * 8 - bit % 8 - width;
    uint64_t mask = beba_mask64(width) << shift, bits = value.lo << shift & mask;

    if (width == 128) {
        beba_put64(v, at, value.hi);
        beba_put64(v, at + 8, value.lo);
    } else if (width == n * 8) {
        beba_put_bytes(v, at, n, bits);
    } else {
        beba_put_bytes(v, at, n, (beba_view_bytes(v, at, n) & ~mask) | bits);
    }
}

#endif
