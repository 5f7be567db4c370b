/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet on its way through the datapath: what its core (exec.c, action.c) and the stateful part
 * (stateful.c) share of it. Inside of the room only. */
#ifndef BEBA_DATAPATH_EXEC_H
#define BEBA_DATAPATH_EXEC_H

#include <stdatomic.h>

#include "datapath/action_set.h"
#include "datapath/datapath.h"
#include "datapath/key.h"
#include "datapath/state_key.h"
#include "datapath/stateful.h"

/* Of one worker; no other thread writes here. */
struct beba_datapath_worker {
    struct beba_datapath *dp;
    struct beba_datapath_sink sink;
    unsigned index;                      /* 0 .. n_workers - 1 */
    uint64_t random;                     /* splitmix64's counter */
    struct beba_datapath_memory *memory; /* frames of copies */
    uint64_t drops[BEBA_DP_N_DROPS];
};

/* The key that the packet's state was looked up by, in the stateful table that it came to last. */
struct beba_state_lookup {
    bool entered; /* false at first: there was no such table */
    uint8_t table;
    bool has_key;
    const void *by; /* the configuration that gave the key, of table 0, before entered */
    union beba_state_key key;
};

struct beba_datapath_exec {
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    struct beba_packet *packet;
    struct beba_key key; /* of the packet; headers changed since when stale */
    bool stale;
    bool went;        /* it, or a copy of it, came out somewhere, or ended for a counted reason */
    uint8_t table;    /* now; of a packet-out 0 */
    uint8_t reason;   /* OFPR_* of output to the controller */
    uint8_t depth;    /* of groups that led to groups */
    uint8_t level;    /* of copies: whose frame the packet is in */
    bool packet_out;  /* OFPP_TABLE is there to go to */
    bool ends;        /* with the actions being applied */
    bool last;        /* nobody needs the packet after the next output */
    uint64_t version; /* of the tables, as the packet sees them */
    uint64_t cookie;  /* of the entry that matched; of a packet-out ~0 */
    uint32_t in_port;
    uint32_t *copies; /* that may still be made of what came in */
    struct beba_state_lookup lookup;
    struct beba_ask *ask; /* what entries it takes, while the key is as it came; else NULL */
    uint8_t asked;        /* entries taken of the answer */
    struct beba_action_set set;
};

/* The key with the headers as they are now. */
void beba_datapath_exec_refill(struct beba_datapath_exec *x);
BEBA_INLINE struct beba_key *beba_datapath_exec_key(struct beba_datapath_exec *x)
{
    if (__builtin_expect(x->stale, 0))
        beba_datapath_exec_refill(x);
    return &x->key;
}

/* A field as a number; false when the packet lacks it. VLAN_VID has OFPVID_PRESENT in it. */
BEBA_INLINE bool beba_datapath_exec_get(struct beba_datapath_exec *x, enum beba_of_field field,
                                        struct beba_u128 *out)
{
    const struct beba_key *key = beba_datapath_exec_key(x);

    *out = beba_u128(0, 0);
    if (field >= BEBA_OF_N_FIELDS || !beba_key_has(key, field))
        return false;
    *out = beba_key_value(key, field);
    return true;
}

/* As SET_FIELD does: bits of mask become those of value; checksums follow. False, and nothing done,
 * when the packet lacks the field or it cannot be set. */
bool beba_datapath_exec_set(struct beba_datapath_exec *x, enum beba_of_field field,
                            struct beba_u128 value, struct beba_u128 mask);

/* The next random number of the worker. */
uint64_t beba_datapath_worker_random(struct beba_datapath_worker *w);

/* Counts why a packet ended. */
BEBA_INLINE void beba_datapath_drop(struct beba_datapath_exec *x, enum beba_datapath_drop reason)
{
    uint64_t *drops = &x->worker->drops[reason];

    __atomic_store_n(drops, *drops + 1, __ATOMIC_RELAXED);
    x->went = true;
}

/* --- what the stateful part and the core know of each other ----------------------------------- */

/* The core calls beba_stateful_enter for tables of which this is true, after it has made STATE and
 * CONDITION0..7 absent and set GLOBAL_STATE. The stateful part sets both by these, at any time. */
bool beba_datapath_stateful_table(const struct beba_datapath *dp, uint8_t table);
void beba_datapath_set_stateful_table(struct beba_datapath *dp, uint8_t table, bool stateful);
/* The global state: read by every packet in every table. */
_Atomic uint32_t *beba_datapath_global(struct beba_datapath *dp);

/* Ahead of a packet's way, so that memory is asked early: makes the key for a table of which
 * beba_datapath_stateful_table is true, for the exec to start with. */
void beba_stateful_ask(struct beba_datapath *dp, uint8_t table, const struct beba_key *packet,
                       struct beba_state_lookup *out);

struct beba_stateful *beba_datapath_stateful(struct beba_datapath *dp);
/* opts: with its defaults filled in. */
int beba_stateful_new(struct beba_datapath *dp, const struct beba_datapath_opts *opts,
                      struct beba_stateful **out, struct beba_error *err);
void beba_stateful_free(struct beba_stateful *s);
/* By beba_datapath_expire: timeouts of some of the entries. */
void beba_stateful_expire(struct beba_stateful *s, uint64_t now);
/* Frees by the control thread what packets may still look at: fn(arg) is called after all workers
 * have been seen between packets. */
int beba_datapath_defer(struct beba_datapath *dp, void (*fn)(void *arg), void *arg);

/* Of one action in a flow-mod, a bucket or a packet-out: 0, or the specification's error. */
int beba_stateful_check_action(struct beba_datapath *dp, const struct beba_of_action *action,
                               struct beba_of_error *err);

#endif
