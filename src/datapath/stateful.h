/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BEBA's stateful tables: OpenState's state tables, OPP's variables, conditions and ALU, packet
 * templates. Between the datapath's core (exec.h), which calls what is first here at fixed points
 * of a packet's way, and the agent, which asks for statistics.
 *
 * State lives in the flow table (state/ft_shared.h): an entry's registers are struct
 * beba_state_regs. Timeouts are an entry's own, given by each SET_STATE, not those of a state. */
#ifndef BEBA_DATAPATH_STATEFUL_H
#define BEBA_DATAPATH_STATEFUL_H

#include "datapath/datapath.h"

struct beba_datapath_exec; /* a packet on its way: datapath/exec.h */
struct beba_stateful;      /* all stateful tables, global state, templates of a datapath */

struct beba_state_regs {
    uint64_t written;                    /* ns: state last written */
    uint64_t looked_up;                  /* ns: by a packet, or written: the idle timer's start */
    uint32_t hard_timeout, idle_timeout; /* us; 0: not armed */
    uint32_t hard_rollback, idle_rollback;
    uint32_t var[BEBA_FLOW_DATA_VARS];
    uint32_t state;
    uint32_t spare;
};

/* Points of a packet's way. */
void beba_stateful_enter(struct beba_datapath_exec *x,
                         uint8_t table); /* before a table's match: sets
                                           STATE, GLOBAL_STATE, CONDITIONs */
void beba_stateful_action(struct beba_datapath_exec *x, const struct beba_of_action *action);
/* The frame of a template, until the worker is next seen between packets. */
bool beba_stateful_template(struct beba_stateful *s, uint32_t id, const uint8_t **frame,
                            uint32_t *len);

/* Statistics (docs/beba-extension.md, 6). */
struct beba_state_entry {
    uint8_t table;
    uint32_t state;
    uint8_t key[BEBA_OF_STATE_KEY];
    uint32_t key_len;  /* 0: the default entry, last of its table */
    uint64_t duration; /* ns since the state was written */
    struct beba_state_regs regs;
    const struct beba_of_scope *lookup;
};
struct beba_state_filter {
    uint8_t table; /* OFPTT_ALL: all */
    bool by_state;
    uint32_t state;
    struct beba_of_match match;
    bool remove; /* takes what it returns out */
};
/* As beba_datapath_flows; fn false stops after that entry. */
bool beba_datapath_states(struct beba_datapath *dp, const struct beba_state_filter *filter,
                          uint64_t now, uint64_t *cursor,
                          bool (*fn)(void *arg, const struct beba_state_entry *e), void *arg);
uint32_t beba_datapath_global_state(struct beba_datapath *dp);
void beba_datapath_global_vars(struct beba_datapath *dp, uint8_t table,
                               uint32_t out[BEBA_GLOBAL_DATA_VARS]);
/* What people ask of a table's entries; all 0 for one that never was stateful. */
struct beba_state_table_info {
    uint32_t key_len;
    uint64_t entries, capacity, memory; /* memory: bytes */
    uint64_t created, evicted, refused, expired;
};
void beba_datapath_state_table(struct beba_datapath *dp, uint8_t table,
                               struct beba_state_table_info *out);
/* True when the table is stateful and has both scopes. */
bool beba_datapath_is_stateful(struct beba_datapath *dp, uint8_t table);

#endif
