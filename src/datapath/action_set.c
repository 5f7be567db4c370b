/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/action_set.h"

static const uint8_t slots[OFPAT_POP_PBB + 1] = {
    [OFPAT_OUTPUT] = BEBA_SLOT_OUTPUT,
    [OFPAT_OUTPUT + 1 ... OFPAT_COPY_TTL_OUT - 1] = BEBA_N_SLOTS,
    [OFPAT_COPY_TTL_IN + 1 ... OFPAT_SET_MPLS_TTL - 1] = BEBA_N_SLOTS,
    [OFPAT_COPY_TTL_OUT] = BEBA_SLOT_COPY_TTL_OUT,
    [OFPAT_COPY_TTL_IN] = BEBA_SLOT_COPY_TTL_IN,
    [OFPAT_SET_MPLS_TTL] = BEBA_SLOT_SET_MPLS_TTL,
    [OFPAT_DEC_MPLS_TTL] = BEBA_SLOT_DEC_MPLS_TTL,
    [OFPAT_PUSH_VLAN] = BEBA_SLOT_PUSH_VLAN,
    [OFPAT_POP_VLAN] = BEBA_SLOT_POP_VLAN,
    [OFPAT_PUSH_MPLS] = BEBA_SLOT_PUSH_MPLS,
    [OFPAT_POP_MPLS] = BEBA_SLOT_POP_MPLS,
    [OFPAT_SET_QUEUE] = BEBA_SLOT_SET_QUEUE,
    [OFPAT_GROUP] = BEBA_SLOT_GROUP,
    [OFPAT_SET_NW_TTL] = BEBA_SLOT_SET_NW_TTL,
    [OFPAT_DEC_NW_TTL] = BEBA_SLOT_DEC_NW_TTL,
    [OFPAT_SET_FIELD] = BEBA_SLOT_SET_FIELD,
    [OFPAT_PUSH_PBB] = BEBA_SLOT_PUSH_PBB,
    [OFPAT_POP_PBB] = BEBA_SLOT_POP_PBB,
};

enum beba_action_slot beba_action_slot_of(const struct beba_of_action *action)
{
    if (action->type == OFPAT_EXPERIMENTER)
        return BEBA_SLOT_EXPERIMENTER;
    return action->type > OFPAT_POP_PBB ? BEBA_N_SLOTS : (enum beba_action_slot)slots[action->type];
}

/* A field set again keeps its place: which comes first matters only to fields of one packet. */
static void write_field(struct beba_action_set *set, const struct beba_of_action *action)
{
    uint64_t bit = 1ull << action->set_field.field;

    if (set->fields & bit) {
        for (unsigned i = 0; i < set->n_fields; i++)
            if (set->set_field[i]->set_field.field == action->set_field.field)
                set->set_field[i] = action;
        return;
    }
    set->fields |= bit;
    set->set_field[set->n_fields++] = action;
}

void beba_action_set_write(struct beba_action_set *set, const struct beba_of_actions *actions)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        const struct beba_of_action *a = &actions->action[i];
        enum beba_action_slot slot = beba_action_slot_of(a);

        if (slot == BEBA_N_SLOTS)
            continue;
        set->present |= 1u << slot;
        if (slot == BEBA_SLOT_SET_FIELD)
            write_field(set, a);
        else if (slot != BEBA_SLOT_EXPERIMENTER)
            set->slot[slot] = a;
        else if (set->n_experimenters < BEBA_SET_EXPERIMENTERS)
            set->experimenter[set->n_experimenters++] = a;
    }
}
