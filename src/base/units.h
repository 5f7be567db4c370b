/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Quantities to and from text: times in nanoseconds, counts, sizes and rates.
 *
 *   ns us ms s m h d      durations, to nanoseconds
 *   k M G                 decimal counts (1000, 10^6, 10^9), as in rates and capacities
 *   Ki Mi Gi              binary counts (1024, 2^20, 2^30)
 *   B kB MB GB            bytes
 *   bps kbps Mbps Gbps    bits per second
 *   pps kpps Mpps         packets per second */
#ifndef BEBA_BASE_UNITS_H
#define BEBA_BASE_UNITS_H

#include "base/int.h"
#include "base/strbuf.h"

enum beba_unit_kind { BEBA_UNIT_COUNT, BEBA_UNIT_TIME, BEBA_UNIT_BYTES, BEBA_UNIT_RATE };

struct beba_unit {
    const char *suffix;
    enum beba_unit_kind kind;
    uint64_t scale;
};

#define BEBA_NS_PER_SEC 1000000000ull

/* The unit with this suffix (n bytes, case matters), or NULL. */
const struct beba_unit *beba_unit_find(const char *suffix, size_t n);
/* The i-th unit, or NULL past the last: for messages and docs. */
const struct beba_unit *beba_unit_at(unsigned i);

/* Prints a duration with the largest unit that needs no fraction: 1500ms, 2s, 90s; 0 is "0s". */
void beba_duration_print(struct beba_strbuf *out, uint64_t ns);

#endif
