/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking into and changing flow tables that several handles use (state/ft_shared.h), for who is
 * not a packet. Room for a copy: union spare_entry. Private to engine/. */
#ifndef BEBA_ENGINE_HELD_H
#define BEBA_ENGINE_HELD_H

#include "engine/internal.h"

/* The state at now of a key's entry, 0 without one. Nothing of the table may be held; something of
 * others may, so it does not wait without end: -EBUSY. */
int beba_held_state(const struct table *t, const struct flow_key *key, uint64_t now,
                    uint64_t *state);
/* Copies the entry of a key; false when there is none. */
bool beba_held_copy(const struct table *t, const struct flow_key *key, struct beba_ft_entry *out);
/* Walks the entries, as beba_held_next does. */
bool beba_held_walk(const struct table *t, uint64_t *cursor, struct beba_ft_entry *out);
/* As beba_engine_put_flow. */
int beba_held_put(const struct table *t, const struct flow_key *key, const struct beba_flow *flow);
/* Frees all entries. room: of a copy. */
void beba_held_clear(const struct table *t, struct beba_ft_entry *room);
/* As beba_ft_sweep. */
uint64_t beba_held_expire(struct beba_engine *e, uint32_t table, uint32_t n_buckets, uint64_t now);

#endif
