/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Actions done to a packet [5.12]. Set, push and pop have no effect on packets that lack what they
 * are about; no room for a push ends the packet. */
#include <errno.h>

#include "datapath/dp.h"
#include "packet/look.h"

static bool write_packet(struct beba_datapath_exec *x, enum beba_of_field field, struct beba_u128 v)
{
    if (!beba_field_write(x->packet, beba_key_packet_field(field), v))
        return false;
    x->stale = true;
    return true;
}

bool beba_datapath_exec_set(struct beba_datapath_exec *x, enum beba_of_field field,
                            struct beba_u128 value, struct beba_u128 mask)
{
    struct beba_u128 old;

    if (!beba_datapath_exec_get(x, field, &old) || beba_key_packet_field(field) == BEBA_F_NONE)
        return false;
    return write_packet(x, field,
                        beba_u128((old.hi & ~mask.hi) | (value.hi & mask.hi),
                                  (old.lo & ~mask.lo) | (value.lo & mask.lo)));
}

static void set_field(struct beba_datapath_exec *x, const struct beba_of_oxm *oxm)
{
    if (beba_key_has(beba_datapath_exec_key(x), oxm->field))
        write_packet(x, (enum beba_of_field)oxm->field, oxm->value);
}

/* --- TTLs ------------------------------------------------------------------------------------- */

static bool hidden_ip(const struct beba_packet *p)
{
    return p->h.layers & (1u << BEBA_LAYER_MPLS | 1u << BEBA_LAYER_PBB);
}

static void set_ttl(struct beba_datapath_exec *x, enum beba_field_id field, uint64_t ttl)
{
    beba_field_write(x->packet, field, beba_u128(0, ttl));
}

/* Where the TTL is that is next to the outermost label's: that of the second label, or of IP. */
static enum beba_field_id inner_ttl(const struct beba_packet *p)
{
    return beba_packet_has(p, BEBA_LAYER_MPLS2) ? BEBA_F_MPLS2_TTL : BEBA_F_IP_TTL;
}

static void copy_ttl(struct beba_datapath_exec *x, enum beba_field_id from, enum beba_field_id to)
{
    uint64_t ttl;

    if (beba_packet_has(x->packet, BEBA_LAYER_MPLS) && beba_field_read(x->packet, from, &ttl))
        set_ttl(x, to, ttl);
}

/* False when it would be 0: the packet ends, and the controller may hear of it. */
static bool dec_ttl(struct beba_datapath_exec *x, enum beba_field_id field)
{
    uint64_t ttl;

    if (!beba_field_read(x->packet, field, &ttl))
        return true;
    if (ttl > 1) {
        set_ttl(x, field, ttl - 1);
        return true;
    }
    beba_datapath_packet_in(x, OFPR_INVALID_TTL,
                            atomic_load_explicit(&x->dp->miss_send_len, memory_order_relaxed));
    beba_datapath_drop(x, BEBA_DP_DROP_TTL);
    return false;
}

/* --- push and pop ----------------------------------------------------------------------------- */

/* Fields of a new tag are those of the one that was outermost, else 0. */
static int push_vlan(struct beba_packet *p, uint16_t type)
{
    uint16_t tci = 0;

    if (beba_packet_has(p, BEBA_LAYER_VLAN))
        tci = beba_load16(p->data + p->h.offset[BEBA_LAYER_VLAN] + 2);
    return beba_packet_push_vlan(p, type, tci);
}

static int push_mpls(struct beba_packet *p, uint16_t type)
{
    uint64_t label = 0, ttl = 0;

    if (beba_field_read(p, BEBA_F_MPLS_LABEL, &label))
        beba_field_read(p, BEBA_F_MPLS_TTL, &ttl);
    else
        beba_field_read(p, BEBA_F_IP_TTL, &ttl);
    return beba_packet_push_mpls(p, type, (uint32_t)label, (uint8_t)ttl);
}

static int edit(struct beba_packet *p, const struct beba_of_action *a)
{
    switch (a->type) {
    case OFPAT_PUSH_VLAN:
        return push_vlan(p, a->ethertype);
    case OFPAT_POP_VLAN:
        return beba_packet_pop_vlan(p);
    case OFPAT_PUSH_MPLS:
        return push_mpls(p, a->ethertype);
    case OFPAT_POP_MPLS:
        return beba_packet_pop_mpls(p, a->ethertype);
    case OFPAT_PUSH_PBB:
        return beba_packet_push_pbb(p, a->ethertype);
    default:
        return beba_packet_pop_pbb(p);
    }
}

static bool push_or_pop(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    x->stale = true;
    if (edit(x->packet, a) != -ENOBUFS)
        return true;
    beba_datapath_drop(x, BEBA_DP_DROP_EDIT);
    return false;
}

/* --- lists and sets --------------------------------------------------------------------------- */

/* False when the packet has ended. */
static bool apply_one(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    struct beba_packet *p = x->packet;

    switch (a->type) {
    case OFPAT_OUTPUT:
        beba_datapath_output(x, a->output.port, a->output.max_len);
        return true;
    case OFPAT_GROUP:
        beba_datapath_group(x, a->group);
        return true;
    case OFPAT_SET_QUEUE:
        p->queue = a->queue;
        return true;
    case OFPAT_SET_FIELD:
        set_field(x, &a->set_field);
        return true;
    case OFPAT_COPY_TTL_OUT:
        copy_ttl(x, inner_ttl(p), BEBA_F_MPLS_TTL);
        return true;
    case OFPAT_COPY_TTL_IN:
        copy_ttl(x, BEBA_F_MPLS_TTL, inner_ttl(p));
        return true;
    case OFPAT_SET_MPLS_TTL:
        set_ttl(x, BEBA_F_MPLS_TTL, a->ttl);
        return true;
    case OFPAT_DEC_MPLS_TTL:
        return dec_ttl(x, BEBA_F_MPLS_TTL);
    case OFPAT_SET_NW_TTL:
        if (!hidden_ip(p))
            set_ttl(x, BEBA_F_IP_TTL, a->ttl);
        return true;
    case OFPAT_DEC_NW_TTL:
        return hidden_ip(p) || dec_ttl(x, BEBA_F_IP_TTL);
    case OFPAT_EXPERIMENTER:
        beba_stateful_action(x, a);
        return true;
    default:
        return push_or_pop(x, a);
    }
}

bool beba_datapath_apply(struct beba_datapath_exec *x, const struct beba_of_actions *actions)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        x->last = x->ends && i + 1 == actions->n;
        if (!apply_one(x, &actions->action[i]))
            return false;
    }
    return true;
}

static bool apply_slot(struct beba_datapath_exec *x, enum beba_action_slot slot)
{
    const struct beba_action_set *set = &x->set;

    if (slot == BEBA_SLOT_EXPERIMENTER) {
        for (unsigned i = 0; i < set->n_experimenters; i++)
            beba_stateful_action(x, set->experimenter[i]);
        return true;
    }
    if (slot == BEBA_SLOT_SET_FIELD) {
        for (unsigned i = 0; i < set->n_fields; i++)
            set_field(x, &set->set_field[i]->set_field);
        return true;
    }
    x->last = x->ends && slot == BEBA_SLOT_OUTPUT;
    return apply_one(x, set->slot[slot]);
}

void beba_datapath_apply_set(struct beba_datapath_exec *x)
{
    uint32_t left = x->set.present;

    if (left & 1u << BEBA_SLOT_GROUP) /* a group and a port: the group [5.10] */
        left &= ~(1u << BEBA_SLOT_OUTPUT);
    while (left) {
        unsigned slot = (unsigned)__builtin_ctz(left);
        left &= left - 1;
        if (!apply_slot(x, (enum beba_action_slot)slot))
            return;
    }
}
