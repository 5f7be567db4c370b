/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What flow-mods, buckets and packet-outs may say of this datapath; that their bytes are right is
 * the codec's to say. */
#include "datapath/dp.h"
#include "packet/bytes.h"

static int refuse_action(struct beba_of_error *err, uint16_t code, const char *what, uint32_t which)
{
    return beba_of_error_set(err, OFPET_BAD_ACTION, code, "%s: 0x%x", what, which);
}

static int check_output(uint32_t port, enum beba_check_where where, struct beba_of_error *err)
{
    switch (port) {
    case OFPP_IN_PORT:
    case OFPP_FLOOD:
    case OFPP_ALL:
    case OFPP_CONTROLLER:
    case OFPP_LOCAL:
        return 0;
    case OFPP_TABLE:
        if (where == BEBA_CHECK_PACKET_OUT)
            return 0;
        break;
    default:
        if (port && port < OFPP_MAX)
            return 0;
    }
    return refuse_action(err, OFPBAC_BAD_OUT_PORT, "no port that packets could go to", port);
}

static int check_group(struct beba_datapath *dp, uint32_t group, struct beba_of_error *err)
{
    if (group < OFPG_MAX && beba_object_current(beba_datapath_find_group(dp, group)))
        return 0;
    return refuse_action(err, OFPBAC_BAD_OUT_GROUP, "no such group", group);
}

static int check_set_field(const struct beba_of_oxm *oxm, struct beba_of_error *err)
{
    enum beba_field_id id = beba_key_packet_field(oxm->field);

    if (id == BEBA_F_NONE || beba_fields[id].flags & BEBA_FIELD_READONLY ||
        oxm->field == OFPXMT_OFB_METADATA)
        return refuse_action(err, OFPBAC_BAD_SET_TYPE, "a field that cannot be set", oxm->field);
    if (oxm->has_mask)
        return refuse_action(err, OFPBAC_BAD_SET_LEN, "a field set with a mask", oxm->field);
    if (oxm->field == OFPXMT_OFB_VLAN_VID && !(oxm->value.lo & OFPVID_PRESENT))
        return refuse_action(err, OFPBAC_BAD_SET_ARGUMENT, "a VLAN without OFPVID_PRESENT",
                             (uint32_t)oxm->value.lo);
    return 0;
}

static int check_action(struct beba_datapath *dp, const struct beba_of_action *a,
                        enum beba_check_where where, struct beba_of_error *err)
{
    uint16_t type = a->ethertype;
    bool known = true;

    switch (a->type) {
    case OFPAT_OUTPUT:
        return check_output(a->output.port, where, err);
    case OFPAT_GROUP:
        return check_group(dp, a->group, err);
    case OFPAT_SET_FIELD:
        return check_set_field(&a->set_field, err);
    case OFPAT_PUSH_VLAN:
        known = type == BEBA_ETH_VLAN || type == BEBA_ETH_QINQ;
        break;
    case OFPAT_PUSH_MPLS:
        known = type == BEBA_ETH_MPLS || type == BEBA_ETH_MPLS_UP;
        break;
    case OFPAT_PUSH_PBB:
        known = type == BEBA_ETH_PBB;
        break;
    case OFPAT_EXPERIMENTER:
        return beba_stateful_check_action(dp, a, err);
    default:
        if (beba_action_slot_of(a) == BEBA_N_SLOTS)
            return refuse_action(err, OFPBAC_BAD_TYPE, "no such action", a->type);
    }
    return known ? 0 : refuse_action(err, OFPBAC_BAD_ARGUMENT, "no type to push", type);
}

int beba_check_actions(struct beba_datapath *dp, const struct beba_of_actions *actions,
                       enum beba_check_where where, struct beba_of_error *err)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        int r = check_action(dp, &actions->action[i], where, err);
        if (r)
            return r;
    }
    return 0;
}

/* Action sets and buckets: experimenter actions are kept in a list of fixed length. */
int beba_check_set(struct beba_datapath *dp, const struct beba_of_actions *actions,
                   enum beba_check_where where, struct beba_of_error *err)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < actions->n; i++)
        n += actions->action[i].type == OFPAT_EXPERIMENTER;
    if (n > BEBA_SET_EXPERIMENTERS)
        return refuse_action(err, OFPBAC_TOO_MANY, "too many experimenter actions in a set", n);
    return beba_check_actions(dp, actions, where, err);
}

int beba_datapath_check_actions(struct beba_datapath *dp, const struct beba_of_actions *actions,
                                struct beba_of_error *err)
{
    return beba_check_actions(dp, actions, BEBA_CHECK_PACKET_OUT, err);
}

int beba_check_instructions(struct beba_datapath *dp, uint8_t table,
                            const struct beba_of_instructions *in, struct beba_of_error *err)
{
    int r = 0;

    if (in->present & BEBA_OF_GOTO && (in->table <= table || in->table >= BEBA_DP_TABLES))
        return beba_of_error_set(err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID,
                                 "table %u cannot go to table %u", table, in->table);
    if (in->present & BEBA_OF_METER && in->meter > OFPM_MAX)
        return beba_of_error_set(err, OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER,
                                 "no entry leads to a virtual meter");
    if (in->present & BEBA_OF_METER &&
        !beba_object_current(beba_datapath_find_meter(dp, in->meter)))
        return beba_of_error_set(err, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER,
                                 "there is no meter %u", in->meter);
    if (in->present & BEBA_OF_PKT_GEN)
        r = beba_check_actions(dp, &in->generate, BEBA_CHECK_PACKET_OUT, err);
    if (!r && in->present & BEBA_OF_APPLY)
        r = beba_check_actions(dp, &in->apply, BEBA_CHECK_FLOW, err);
    if (!r && in->present & BEBA_OF_WRITE)
        r = beba_check_set(dp, &in->write, BEBA_CHECK_FLOW, err);
    return r;
}
