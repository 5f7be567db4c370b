/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The packet path of the flow table (see ft.h): inline, no libc, bounded loops; compiles for BPF.
 *
 * struct beba_ft_entry pointers are valid until the entry is removed or evicted. */
#ifndef BEBA_STATE_FT_CORE_H
#define BEBA_STATE_FT_CORE_H

#include "state/ft.h"

/* Declared here so that users can be written against them; bodies follow the layout. */
BEBA_INLINE uint64_t beba_ft_hash(const struct beba_ft *ft, const uint32_t *key); /* key padded to 4 */
BEBA_INLINE void beba_ft_prefetch(const struct beba_ft *ft, uint64_t hash);       /* its tag line */
BEBA_INLINE void beba_ft_prefetch_entry(const struct beba_ft *ft, uint64_t hash); /* its entry */
/* The entry of the key, or NULL. Counts a lookup, and a hit. */
BEBA_INLINE struct beba_ft_entry *beba_ft_find(struct beba_ft *ft, const uint32_t *key, uint64_t hash);
/* Like find, but counts nothing: for looking at another machine's entry. */
BEBA_INLINE struct beba_ft_entry *beba_ft_peek(struct beba_ft *ft, const uint32_t *key, uint64_t hash);
/* True when an insert of this key would succeed without evicting. Counts a refusal when it would not
 * and the table refuses; reclaims entries that are dead at now. */
BEBA_INLINE bool beba_ft_room(struct beba_ft *ft, uint64_t hash, uint64_t now);
/* A new entry for a key that has none: state 0, initial registers, used = entered = now, birth set;
 * counts a creation. When the table is full: with EVICT, replaces the least recently used candidate
 * after copying it to *evicted (room for beba_ft_entry_size bytes; may be NULL) and sets *did_evict;
 * with REFUSE, NULL, counted. */
BEBA_INLINE struct beba_ft_entry *beba_ft_insert(struct beba_ft *ft, const uint32_t *key,
                                                 uint64_t hash, uint64_t now,
                                                 struct beba_ft_entry *evicted, bool *did_evict);
/* Writes state, times and registers into an entry so that a process killed at any instruction leaves
 * the old or the new contents (see the undo record in struct beba_ft). */
BEBA_INLINE void beba_ft_store(struct beba_ft *ft, struct beba_ft_entry *e, uint32_t state,
                               uint64_t entered, uint64_t used, const void *regs);
BEBA_INLINE void beba_ft_remove(struct beba_ft *ft, struct beba_ft_entry *e);
BEBA_INLINE const uint8_t *beba_ft_key(const struct beba_ft *ft, const struct beba_ft_entry *e);
BEBA_INLINE uint8_t *beba_ft_regs(const struct beba_ft *ft, struct beba_ft_entry *e);
BEBA_INLINE uint32_t beba_ft_entry_size(const struct beba_ft *ft);
/* True when an entry in this state with these registers is the same as no entry: initial state, initial
 * registers, no timeout. */
BEBA_INLINE bool beba_ft_is_initial(const struct beba_ft *ft, uint32_t state, const void *regs);
/* Applies due timeouts to what was read from an entry. */
BEBA_INLINE void beba_timeouts_apply(const struct beba_timeouts *states, uint32_t n,
                                     struct beba_seen *seen, uint64_t now);

#endif
