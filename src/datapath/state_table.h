/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The entries of one state table, used by all workers at once: the flow table of
 * state/ft_shared.h, in which an entry's state and timers are registers.
 *
 * An entry's ft time `used` is when it was last found or written, for eviction; its ft state is
 * always 0 and has no timeouts, since here timeouts are an entry's own. A full table evicts the
 * entry unused for longest. */
#ifndef BEBA_DATAPATH_STATE_TABLE_H
#define BEBA_DATAPATH_STATE_TABLE_H

#include "state/ft_shared.h"

#include "datapath/state_key.h"
#include "datapath/stateful.h"

struct beba_state_table {
    struct beba_ft_region region;
    struct beba_ft *ft; /* NULL: the table was never enabled */
    uint32_t key_len;   /* bytes */
    uint32_t sweep;     /* the bucket to sweep next */
    uint64_t swept;     /* ns: when the last step of that was */
    bool deletes;       /* what comes to state 0, as OpenState does */
};

/* file NULL: private memory. A file is joined when it was made for the same scopes and size, else
 * it starts empty. */
int beba_state_table_open(struct beba_state_table *t, const char *file, uint32_t key_len,
                          uint64_t capacity, const char *schema, struct beba_error *err);
void beba_state_table_close(struct beba_state_table *t);

/* The entry of a key, held: nobody else changes it until release. */
struct beba_state_hold {
    struct beba_state_table *table;
    const union beba_state_key *key;
    struct beba_state_regs *regs; /* NULL: there is none */
    uint64_t now, hash;
    struct beba_held held;
};

/* Asks the memory for what take will look at. */
void beba_state_fetch(const struct beba_state_table *t, const union beba_state_key *key);
/* Takes the key and applies the timeouts due at now. create: beba_state_create may follow. */
void beba_state_take(struct beba_state_hold *hold, struct beba_state_table *t,
                     const union beba_state_key *key, uint64_t now, bool create);
/* Notes that a packet, or the controller, used the entry: eviction takes it later. */
void beba_state_touch(struct beba_state_hold *hold);
/* Gives the key an entry, written now and otherwise all zeros. False when that needs other buckets,
 * which are in use: release and take again; or, very seldom, when there is no room. */
bool beba_state_create(struct beba_state_hold *hold);
void beba_state_remove(struct beba_state_hold *hold);
void beba_state_release(struct beba_state_hold *hold);

enum { BEBA_STATE_TRIES = 64 }; /* of create */

/* Applies the timeout that is due at now, if one is; true then. */
bool beba_state_apply(struct beba_state_regs *regs, uint64_t now);
/* Writes the state and arms its timers, as SET_STATE does; true when that leaves something to be
 * stored. */
struct beba_state_change_of {
    uint32_t state, mask;
    uint32_t hard_rollback, idle_rollback;
    uint32_t hard_timeout, idle_timeout; /* us */
};
bool beba_state_write(struct beba_state_regs *regs, const struct beba_state_change_of *change,
                      uint64_t now);

/* Copies of entries. *cursor starts at 0; false at the end. */
struct beba_state_copy {
    union beba_state_key key;
    struct beba_state_regs regs;
    uint64_t used;
};
bool beba_state_next(struct beba_state_table *t, uint64_t *cursor, struct beba_state_copy *out);

/* The flush, by steps: within about a minute all entries have got what timeouts make of them, and
 * those in state 0 without timers that were not used for a minute are gone. */
void beba_state_sweep(struct beba_state_table *t, uint64_t now);

#endif
