/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/units.h"

#include <inttypes.h>
#include <string.h>

static const struct beba_unit units[] = {
    {"ns", BEBA_UNIT_TIME, 1},
    {"us", BEBA_UNIT_TIME, 1000},
    {"ms", BEBA_UNIT_TIME, 1000000},
    {"s", BEBA_UNIT_TIME, BEBA_NS_PER_SEC},
    {"m", BEBA_UNIT_TIME, 60 * BEBA_NS_PER_SEC},
    {"h", BEBA_UNIT_TIME, 3600 * BEBA_NS_PER_SEC},
    {"d", BEBA_UNIT_TIME, 86400 * BEBA_NS_PER_SEC},
    {"k", BEBA_UNIT_COUNT, 1000},
    {"M", BEBA_UNIT_COUNT, 1000000},
    {"G", BEBA_UNIT_COUNT, 1000000000},
    {"Ki", BEBA_UNIT_COUNT, 1u << 10},
    {"Mi", BEBA_UNIT_COUNT, 1u << 20},
    {"Gi", BEBA_UNIT_COUNT, 1u << 30},
    {"B", BEBA_UNIT_BYTES, 1},
    {"kB", BEBA_UNIT_BYTES, 1000},
    {"MB", BEBA_UNIT_BYTES, 1000000},
    {"GB", BEBA_UNIT_BYTES, 1000000000},
    {"bps", BEBA_UNIT_RATE, 1},
    {"kbps", BEBA_UNIT_RATE, 1000},
    {"Mbps", BEBA_UNIT_RATE, 1000000},
    {"Gbps", BEBA_UNIT_RATE, 1000000000},
    {"pps", BEBA_UNIT_RATE, 1},
    {"kpps", BEBA_UNIT_RATE, 1000},
    {"Mpps", BEBA_UNIT_RATE, 1000000},
};

enum { N_UNITS = sizeof(units) / sizeof(units[0]) };

const struct beba_unit *beba_unit_find(const char *suffix, size_t n)
{
    for (unsigned i = 0; i < N_UNITS; i++) {
        if (strlen(units[i].suffix) == n && !memcmp(units[i].suffix, suffix, n))
            return &units[i];
    }
    return NULL;
}

const struct beba_unit *beba_unit_at(unsigned i)
{
    return i < N_UNITS ? &units[i] : NULL;
}

void beba_duration_print(struct beba_strbuf *out, uint64_t ns)
{
    const struct beba_unit *best = &units[0];

    if (!ns) {
        beba_strbuf_puts(out, "0s");
        return;
    }
    for (unsigned i = 1; i < N_UNITS && units[i].kind == BEBA_UNIT_TIME; i++) {
        if (ns % units[i].scale == 0)
            best = &units[i];
    }
    beba_strbuf_printf(out, "%" PRIu64 "%s", ns / best->scale, best->suffix);
}
