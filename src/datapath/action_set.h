/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The action set of a packet [5.10]: at most one action of each kind, one set-field for each field,
 * and BEBA's actions, all of them, in the order written (docs/beba-extension.md). Actions are
 * borrowed from flow entries, which outlive the packet. */
#ifndef BEBA_DATAPATH_ACTION_SET_H
#define BEBA_DATAPATH_ACTION_SET_H

#include "openflow/model.h"

/* In the order of execution. */
enum beba_action_slot {
    BEBA_SLOT_COPY_TTL_IN,
    BEBA_SLOT_POP_VLAN,
    BEBA_SLOT_POP_MPLS,
    BEBA_SLOT_POP_PBB,
    BEBA_SLOT_PUSH_MPLS,
    BEBA_SLOT_PUSH_PBB,
    BEBA_SLOT_PUSH_VLAN,
    BEBA_SLOT_COPY_TTL_OUT,
    BEBA_SLOT_DEC_MPLS_TTL,
    BEBA_SLOT_DEC_NW_TTL,
    BEBA_SLOT_EXPERIMENTER,
    BEBA_SLOT_SET_MPLS_TTL,
    BEBA_SLOT_SET_NW_TTL,
    BEBA_SLOT_SET_FIELD,
    BEBA_SLOT_SET_QUEUE,
    BEBA_SLOT_GROUP,
    BEBA_SLOT_OUTPUT,
    BEBA_N_SLOTS
};

enum { BEBA_SET_EXPERIMENTERS = 32 }; /* more are refused by flow-mods, and left out when merged */

struct beba_action_set {
    uint32_t present; /* 1 << enum beba_action_slot */
    uint8_t n_fields, n_experimenters;
    uint64_t fields; /* 1 << enum beba_of_field: which set_field has */
    const struct beba_of_action *slot[BEBA_N_SLOTS];
    const struct beba_of_action *set_field[BEBA_OF_N_FIELDS];
    const struct beba_of_action *experimenter[BEBA_SET_EXPERIMENTERS];
};

BEBA_INLINE void beba_action_set_clear(struct beba_action_set *set)
{
    set->present = 0;
    set->n_fields = set->n_experimenters = 0;
    set->fields = 0;
}

/* Merges actions into the set. */
void beba_action_set_write(struct beba_action_set *set, const struct beba_of_actions *actions);

/* The slot of an action, BEBA_N_SLOTS for those unknown. */
enum beba_action_slot beba_action_slot_of(const struct beba_of_action *action);

#endif
