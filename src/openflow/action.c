/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Actions [7.2.5], those of the BEBA extension aside (beba_action.c). */
#include "openflow/wire.h"

enum { ACTION_HEADER = 4, MIN_ACTION = 8 };

enum argument {
    UNKNOWN = 0,
    NOTHING,
    OUTPUT,
    GROUP,
    QUEUE,
    TTL,
    ETHERTYPE,
    SET_FIELD,
    EXPERIMENTER
};

struct row {
    uint8_t argument;      /* enum argument */
    uint8_t len;           /* 0: varies */
    uint16_t ethertype[2]; /* the only ones; 0: any */
};

static const struct row rows[] = {
    [OFPAT_OUTPUT] = {OUTPUT, 16, {0}},
    [OFPAT_COPY_TTL_OUT] = {NOTHING, 8, {0}},
    [OFPAT_COPY_TTL_IN] = {NOTHING, 8, {0}},
    [OFPAT_SET_MPLS_TTL] = {TTL, 8, {0}},
    [OFPAT_DEC_MPLS_TTL] = {NOTHING, 8, {0}},
    [OFPAT_PUSH_VLAN] = {ETHERTYPE, 8, {0x8100, 0x88a8}},
    [OFPAT_POP_VLAN] = {NOTHING, 8, {0}},
    [OFPAT_PUSH_MPLS] = {ETHERTYPE, 8, {0x8847, 0x8848}},
    [OFPAT_POP_MPLS] = {ETHERTYPE, 8, {0}},
    [OFPAT_SET_QUEUE] = {QUEUE, 8, {0}},
    [OFPAT_GROUP] = {GROUP, 8, {0}},
    [OFPAT_SET_NW_TTL] = {TTL, 8, {0}},
    [OFPAT_DEC_NW_TTL] = {NOTHING, 8, {0}},
    [OFPAT_SET_FIELD] = {SET_FIELD, 0, {0}},
    [OFPAT_PUSH_PBB] = {ETHERTYPE, 8, {0x88e7, 0x88e7}},
    [OFPAT_POP_PBB] = {NOTHING, 8, {0}},
};
static const struct row experimenter = {EXPERIMENTER, 0, {0}};

static const struct row *row_of(uint16_t type)
{
    if (type == OFPAT_EXPERIMENTER)
        return &experimenter;
    if (type < sizeof(rows) / sizeof(rows[0]) && rows[type].argument)
        return &rows[type];
    return NULL;
}

static bool output_possible(uint32_t port, enum beba_of_place place)
{
    if (port == OFPP_TABLE)
        return place == BEBA_OF_IN_PACKET_OUT;
    if (port >= OFPP_IN_PORT)
        return port != OFPP_ANY;
    return port && port <= OFPP_MAX;
}

static int bad(struct beba_of_dec *d, uint16_t code, const char *what, uint32_t value)
{
    return beba_of_error_set(d->err, OFPET_BAD_ACTION, code, "%s %u (0x%x)", what, value, value);
}

/* b: one action of len bytes. */
static int decode_one(struct beba_of_dec *d, const uint8_t *b, size_t len, enum beba_of_place place,
                      struct beba_of_action *a)
{
    uint16_t type = beba_load16(b);
    const struct row *row = row_of(type);

    if (!row)
        return bad(d, OFPBAC_BAD_TYPE, "unknown action", type);
    if (row->len && len != row->len)
        return bad(d, OFPBAC_BAD_LEN, "wrong length of an action:", (uint32_t)len);
    a->type = type;
    switch ((enum argument)row->argument) {
    case OUTPUT:
        a->output.port = beba_load32(b + 4);
        a->output.max_len = beba_load16(b + 8);
        if (!output_possible(a->output.port, place))
            return bad(d, OFPBAC_BAD_OUT_PORT, "cannot output to port", a->output.port);
        return 0;
    case GROUP:
        a->group = beba_load32(b + 4);
        if (a->group > OFPG_MAX)
            return bad(d, OFPBAC_BAD_OUT_GROUP, "no group can be", a->group);
        return 0;
    case QUEUE:
        a->queue = beba_load32(b + 4);
        return 0;
    case TTL:
        a->ttl = b[4];
        return 0;
    case ETHERTYPE:
        a->ethertype = beba_load16(b + 4);
        if (row->ethertype[0] && a->ethertype != row->ethertype[0] &&
            a->ethertype != row->ethertype[1])
            return bad(d, OFPBAC_BAD_ARGUMENT, "cannot push a header of type", a->ethertype);
        return 0;
    case SET_FIELD:
        return beba_of_set_field_decode(d, b + ACTION_HEADER, len - ACTION_HEADER, &a->set_field);
    case EXPERIMENTER:
        return beba_of_beba_action_decode(d, b, len, a);
    case NOTHING:
    case UNKNOWN:
        break;
    }
    return 0;
}

/* The length of the action at b, which has len bytes from there; 0 with an error. */
static size_t action_len(struct beba_of_dec *d, const uint8_t *b, size_t len)
{
    size_t n = len >= ACTION_HEADER ? beba_load16(b + 2) : 0;

    if (n >= MIN_ACTION && n <= len && n % 8 == 0)
        return n;
    bad(d, OFPBAC_BAD_LEN, "wrong length of an action:", (uint32_t)n);
    return 0;
}

int beba_of_actions_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                           enum beba_of_place place, struct beba_of_actions *out)
{
    uint32_t n = 0;
    size_t step;
    int r;

    *out = (struct beba_of_actions){0, NULL};
    for (size_t at = 0; at < len; at += step, n++) {
        step = action_len(d, b + at, len - at);
        if (!step)
            return -EINVAL;
    }
    r = beba_of_take_array(d, n, &out->action);
    for (size_t at = 0; !r && at < len; at += step) {
        step = beba_load16(b + at + 2);
        r = decode_one(d, b + at, step, place, &out->action[out->n]);
        if (!r)
            out->n++;
    }
    return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_one(struct beba_of_enc *e, const struct beba_of_action *a)
{
    const struct row *row = row_of(a->type);
    size_t start = e->len;

    if (!row) {
        beba_of_refuse(e);
        return;
    }
    beba_of_put16(e, a->type);
    beba_of_put16(e, row->len);
    switch ((enum argument)row->argument) {
    case OUTPUT:
        beba_of_put32(e, a->output.port);
        beba_of_put16(e, a->output.max_len);
        break;
    case GROUP:
        beba_of_put32(e, a->group);
        break;
    case QUEUE:
        beba_of_put32(e, a->queue);
        break;
    case TTL:
        beba_of_put8(e, a->ttl);
        break;
    case ETHERTYPE:
        beba_of_put16(e, a->ethertype);
        break;
    case SET_FIELD:
        beba_of_put_oxm(e, &a->set_field);
        break;
    case EXPERIMENTER:
        beba_of_put_beba_action(e, a);
        break;
    case NOTHING:
    case UNKNOWN:
        break;
    }
    if (row->len)
        beba_of_pad(e, row->len - (e->failed ? row->len : e->len - start));
    beba_of_pad8(e, start);
    beba_of_patch(e, start, 2);
}

void beba_of_put_actions(struct beba_of_enc *e, const struct beba_of_actions *actions)
{
    for (uint32_t i = 0; i < actions->n; i++)
        put_one(e, &actions->action[i]);
}

int beba_of_actions_encode(const struct beba_of_actions *actions, const struct beba_of_codec *codec,
                           uint8_t *out, size_t cap)
{
    struct beba_of_enc e = {.codec = codec, .bytes = out, .cap = cap};

    beba_of_put_actions(&e, actions);
    return e.failed ? e.failed : (int)e.len;
}

/* --- set-field needs its header ----------------------------------------------------------------
 */

static void push_or_pop(struct beba_of_known *known, const struct beba_of_action *a)
{
    switch (a->type) {
    case OFPAT_PUSH_VLAN:
        known->vlan = true;
        break;
    case OFPAT_PUSH_MPLS:
        known->eth_type = a->ethertype;
        break;
    case OFPAT_PUSH_PBB:
        known->eth_type = a->ethertype;
        break;
    case OFPAT_POP_MPLS:
        *known = (struct beba_of_known){a->ethertype, BEBA_OF_ANY_VALUE, BEBA_OF_ANY_VALUE,
                                        known->in_port, known->vlan};
        break;
    case OFPAT_POP_PBB:
        *known = (struct beba_of_known){BEBA_OF_ANY_VALUE, BEBA_OF_ANY_VALUE, BEBA_OF_ANY_VALUE,
                                        known->in_port, true};
        break;
    default:
        break;
    }
}

static int check_list(struct beba_of_known *known, const struct beba_of_actions *actions,
                      struct beba_of_error *err)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        const struct beba_of_action *a = &actions->action[i];

        push_or_pop(known, a);
        if (a->type != OFPAT_SET_FIELD)
            continue;
        if (!beba_of_prereq_met(known, beba_of_fields[a->set_field.field].prereq))
            return beba_of_error_set(err, OFPET_BAD_ACTION, OFPBAC_MATCH_INCONSISTENT,
                                     "set-field of %s, which matching packets need not have",
                                     beba_of_fields[a->set_field.field].name);
        beba_of_known_add(known, &a->set_field);
        if (a->set_field.field == OFPXMT_OFB_VLAN_VID)
            known->vlan = true;
    }
    return 0;
}

int beba_of_check_prerequisites(const struct beba_of_match *match,
                                const struct beba_of_instructions *instructions,
                                struct beba_of_error *err)
{
    struct beba_of_known known = BEBA_OF_NOTHING_KNOWN;
    int r = 0;

    for (uint32_t i = 0; i < match->n; i++)
        beba_of_known_add(&known, &match->oxm[i]);
    if (instructions->present & BEBA_OF_APPLY)
        r = check_list(&known, &instructions->apply, err);
    if (r || !(instructions->present & BEBA_OF_WRITE))
        return r;
    for (uint32_t i = 0; i < instructions->write.n; i++) /* a set pushes and pops first */
        push_or_pop(&known, &instructions->write.action[i]);
    return check_list(&known, &instructions->write, err);
}
