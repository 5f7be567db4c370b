/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Fixed-width integers that also exist where there is no libc (BPF objects).
 *
 * Headers that are compiled for BPF include this file and nothing from libc. */
#ifndef BEBA_BASE_INT_H
#define BEBA_BASE_INT_H

#ifdef __bpf__
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __SIZE_TYPE__ size_t;
#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* Headers shared with BPF have only inline functions, which the verifier sees as straight code. */
#ifdef __bpf__
/* Places are those of whoever calls: the lines of a program, not of what it is made of. */
#define BEBA_INLINE static inline __attribute__((always_inline, nodebug))
#else
#define BEBA_INLINE static inline __attribute__((always_inline))
#endif

/* An unsigned integer of up to 128 bits: IPv6 addresses. Values of 1..64 bits have hi == 0. */
struct beba_u128 {
    uint64_t hi, lo;
};

BEBA_INLINE struct beba_u128 beba_u128(uint64_t hi, uint64_t lo)
{
    return (struct beba_u128){hi, lo};
}

/* -1, 0 or 1 as a is below, equal to or above b. */
BEBA_INLINE int beba_u128_cmp(struct beba_u128 a, struct beba_u128 b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    if (a.lo != b.lo)
        return a.lo < b.lo ? -1 : 1;
    return 0;
}

/* All ones in the low n bits, n in 0..64. */
BEBA_INLINE uint64_t beba_mask64(unsigned n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

#endif
