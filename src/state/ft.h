/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flow table: key -> state, registers, times. One flat, pointer-free region.
 *
 * Shape. The region is a header (struct beba_ft), the timeouts of the states, the initial
 * registers, a text schema, and buckets. A bucket is one 64-byte line of tags (16 slots, 16 bits
 * each, 0 = free) followed by its 16 entries. A key has two candidate buckets, and, for the few
 * whose two are full, the eight after the second; a lookup compares tags and touches the entry
 * whose tag matches: in the common case the tag line is in cache and the entry is the one miss.
 * Entries never move. A table that holds its capacity uses 82 % of its slots and refuses nothing
 * before. Nobody who does not know the secret seed can choose keys that collide: buckets come from
 * a strongly universal hash (Thorup, "High speed hashing for integers and strings", 2015);
 * ft_core.h says what is proven.
 *
 * Ownership: the caller owns the memory (private, shared, or a mapped file); nothing here
 * allocates. One writer at a time per table; iteration and sweeping may be interleaved with use by
 * that writer. Units: bytes, ns, entries. Errors: -errno and struct beba_error where a person reads
 * it. */
#ifndef BEBA_STATE_FT_H
#define BEBA_STATE_FT_H

#include "base/int.h"
#include "base/timeout.h"

struct beba_error;
struct beba_ft; /* defined in state/ft_core.h, the part that also compiles for BPF */

enum { BEBA_FT_KEY_MAX = 64, BEBA_FT_REGS_MAX = 256 };

enum beba_ft_full { BEBA_FT_EVICT, BEBA_FT_REFUSE };

/* What a table is made for. */
struct beba_ft_desc {
    uint32_t key_size;  /* bytes, 1..BEBA_FT_KEY_MAX; padded to 4 with zeros by the table's user */
    uint32_t regs_size; /* bytes, 0..BEBA_FT_REGS_MAX */
    const void *regs_init;
    const struct beba_timeouts *states; /* n_states of them; the initial state is 0 */
    uint32_t n_states;
    uint64_t capacity; /* most entries, 1..2^32-1; the region has room for more slots than that */
    enum beba_ft_full full;
    const char *schema; /* text that names key fields, states and registers; NUL-terminated */
    bool zeroed;        /* the memory of a new table is zeros: pages are taken only as flows come */
};

/* An entry. The key follows, padded to 8 bytes, then the registers, padded to 8. */
struct beba_ft_entry {
    uint64_t used;    /* ns, last lookup */
    uint64_t entered; /* ns, state entered */
    uint32_t state;
    uint32_t birth; /* bit 0: created by a packet going backward; rest: when, in 2^24 ns */
    uint8_t body[];
};

struct beba_ft_counters {
    uint64_t lookups, hits, creations, evictions, refusals, expiries, frees;
};

/* Bytes a region needs, 0 when desc is out of bounds. */
size_t beba_ft_footprint(const struct beba_ft_desc *desc);
/* Makes an empty table in mem (64-byte aligned, footprint bytes). seed: 32 secret random bytes;
 * tests may give fixed ones. */
int beba_ft_new(void *mem, size_t size, const struct beba_ft_desc *desc, const uint8_t seed[32],
                struct beba_ft **out, struct beba_error *err);
/* Joins an existing region, from another process or run: checks magic, version and sizes, finishes
 * or undoes what a killed writer left half done, recounts. desc may be NULL; if given, it must
 * agree. */
int beba_ft_join(void *mem, size_t size, const struct beba_ft_desc *desc, struct beba_ft **out,
                 struct beba_error *err);
/* Checks every invariant: counts, tags, buckets of keys, no key twice, states in range. */
int beba_ft_verify(const struct beba_ft *ft, struct beba_error *err);

uint64_t beba_ft_entries(const struct beba_ft *ft);
uint64_t beba_ft_capacity(const struct beba_ft *ft);
const struct beba_ft_counters *beba_ft_counters(const struct beba_ft *ft);
const char *beba_ft_schema(const struct beba_ft *ft);

/* The packet path is in ft_core.h, inline: beba_ft_hash, _prefetch, _prefetch_entry,
 * _prefetch_aside, _find, _peek, _room, _insert, _store, _remove, _key, _regs, _is_initial,
 * _is_over.
 */

/* Walks the entries; the cursor stays valid while the table is used: an entry that is there
 * throughout is seen exactly once, others at most once. *cursor starts at 0; NULL at the end. */
struct beba_ft_entry *beba_ft_next(struct beba_ft *ft, uint64_t *cursor);

/* Background expiry: looks at up to n_buckets buckets from where the last sweep stopped, applies
 * due timeouts, frees entries that they end, and reports each expiry. Invisible to
 * packets except through the freed room. Returns entries freed. The callback must not change the
 * table. */
struct beba_ft_expiry {
    const struct beba_ft_entry *entry;
    uint32_t from, to; /* states */
    uint64_t deadline;
    bool freed;
};
typedef void (*beba_ft_expiry_fn)(void *arg, const struct beba_ft_expiry *expiry);
uint64_t beba_ft_sweep(struct beba_ft *ft, uint32_t n_buckets, uint64_t now, beba_ft_expiry_fn fn,
                       void *arg);

/* A region of its own: private memory (2 MB pages where the system gives them) or a mapped file,
 * which survives the process. file NULL = private. An existing file is joined; a new one is created
 * with mode 0600 and appears under its name only when complete. */
struct beba_ft_region {
    void *mem;
    size_t size;
    int fd; /* -1 when private */
};
int beba_ft_open(struct beba_ft_region *region, const char *file, const struct beba_ft_desc *desc,
                 struct beba_ft **out, struct beba_error *err);
void beba_ft_close(struct beba_ft_region *region);

#endif
