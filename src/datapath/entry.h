/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A flow entry, and versions: what is added in version a and removed in version r is seen by
 * packets of versions a .. r - 1. The control thread writes, workers read; what it alone uses is
 * marked so. */
#ifndef BEBA_DATAPATH_ENTRY_H
#define BEBA_DATAPATH_ENTRY_H

#include <stdalign.h>
#include <stdatomic.h>

#include "datapath/copy.h"

enum { BEBA_CACHE_LINE = 64 };
#define BEBA_NOT_REMOVED UINT64_MAX

struct beba_lifetime {
    uint64_t added;
    _Atomic uint64_t removed;
};

BEBA_INLINE bool beba_lives(const struct beba_lifetime *life, uint64_t version)
{
    return life->added <= version &&
           version < atomic_load_explicit(&life->removed, memory_order_relaxed);
}

/* By the control thread: nothing has removed it yet, in a bundle neither. */
BEBA_INLINE bool beba_is_current(const struct beba_lifetime *life)
{
    return beba_lives(life, BEBA_NOT_REMOVED - 1);
}

/* Counters of one worker; the control thread reads them. */
struct beba_tally {
    alignas(BEBA_CACHE_LINE) uint64_t packets;
    uint64_t bytes;
    uint64_t used; /* ns: the last packet's time */
    uint32_t refs; /* control, of the first worker's: entries that count here */
};

BEBA_INLINE void beba_count(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

BEBA_INLINE uint64_t beba_counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct beba_subtable;

/* What instructions come to, where they are simple. */
enum beba_entry_kind {
    BEBA_ENTRY_GENERAL,
    BEBA_ENTRY_OUTPUT, /* to the one port arg, and that is all */
    BEBA_ENTRY_GOTO,   /* to table arg, and that is all */
};

enum {
    BEBA_ENTRY_MISS = 1, /* the table-miss entry */
    BEBA_ENTRY_NO_PACKETS = 2,
    BEBA_ENTRY_NO_BYTES = 4,
};

struct beba_entry {
    /* control */
    struct beba_subtable *subtable;
    uint64_t created;   /* ns: duration starts */
    uint64_t installed; /* ns: timeouts start */
    uint64_t due;       /* ns: when to look whether it has timed out */
    uint64_t ended;     /* ns: when it was removed */
    uint64_t hash;
    uint32_t table_at;          /* in the table's list */
    uint32_t heap_at;           /* in the heap of timeouts, from 1; 0: not there */
    uint16_t idle, hard, flags; /* s; OFPFF_* */
    uint8_t table;
    uint8_t reason; /* OFPRR_* of its removal; BEBA_SILENT: nobody is told */
    /* workers, seldom */
    uint64_t cookie;
    uint64_t order; /* when it came: of entries alike in priority the first is taken */

    /* workers, with every look */
    alignas(BEBA_CACHE_LINE) struct beba_lifetime life;
    struct beba_entry *_Atomic next; /* same masked values; lower priority, or later */
    struct beba_tally *tally;        /* of each worker */
    struct beba_rule *rule;
    uint16_t priority;
    uint8_t kind;
    uint8_t mark;
    uint32_t arg;
    uint64_t value[]; /* masked: as many as the subtable has words */
};

enum { BEBA_SILENT = 255 };

#endif
