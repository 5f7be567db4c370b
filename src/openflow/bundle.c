/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bundles: ONF extension EXT-230. */
#include "openflow/wire.h"

enum { CONTROL = 24, ADD = 24 };

static struct beba_of_data rest(const uint8_t *b, size_t from, size_t len)
{
    return (struct beba_of_data){len > from ? b + from : NULL,
                                 len > from ? (uint32_t)(len - from) : 0};
}

static int control(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_bundle_control *c = &m->bundle_control;

    if (len < CONTROL)
        return beba_of_bad_len(d, "a bundle control", len);
    c->bundle = beba_load32(b + 16);
    c->type = beba_load16(b + 20);
    c->flags = beba_load16(b + 22);
    c->properties = rest(b, CONTROL, len);
    if (c->type > ONF_BCT_DISCARD_REPLY)
        return beba_of_error_onf(d->err, ONFERR_ET_BAD_TYPE, "unknown control %u of bundles",
                                 c->type);
    if (c->flags & ~(ONF_BF_ATOMIC | ONF_BF_ORDERED))
        return beba_of_error_onf(d->err, ONFERR_ET_BAD_FLAGS, "unknown flags 0x%x of a bundle",
                                 c->flags);
    return 0;
}

static void put_control(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put32(e, m->bundle_control.bundle);
    beba_of_put16(e, m->bundle_control.type);
    beba_of_put16(e, m->bundle_control.flags);
    beba_of_put(e, m->bundle_control.properties.bytes, m->bundle_control.properties.len);
}

const struct beba_of_body beba_of_bundle_control_body = {control, put_control};

/* Which messages a bundle may hold. */
static bool may_hold(uint8_t type)
{
    return type == OFPT_FLOW_MOD || type == OFPT_GROUP_MOD || type == OFPT_PORT_MOD ||
           type == OFPT_TABLE_MOD || type == OFPT_METER_MOD || type == OFPT_PACKET_OUT ||
           type == OFPT_EXPERIMENTER;
}

static int add(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_bundle_add *a = &m->bundle_add;
    int inner, r;

    if (len < ADD + 8)
        return beba_of_bad_len(d, "a bundle add", len);
    a->bundle = beba_load32(b + 16);
    a->flags = beba_load16(b + 22);
    if (a->flags & ~(ONF_BF_ATOMIC | ONF_BF_ORDERED))
        return beba_of_error_onf(d->err, ONFERR_ET_BAD_FLAGS, "unknown flags 0x%x of a bundle",
                                 a->flags);
    b += ADD;
    len -= ADD;
    inner = beba_of_length(b, len);
    if (inner < 8 || (size_t)inner > len)
        return beba_of_error_onf(d->err, ONFERR_ET_MSG_BAD_LEN,
                                 "a message of %d bytes in %zu bytes of a bundle", inner, len);
    if (beba_load32(b + 4) != m->xid)
        return beba_of_error_onf(d->err, ONFERR_ET_MSG_BAD_XID, "a bundle's message of xid 0x%x",
                                 beba_load32(b + 4));
    if (!may_hold(b[1]))
        return beba_of_error_onf(d->err, ONFERR_ET_MSG_UNSUP, "no bundle holds messages of type %u",
                                 b[1]);
    a->bytes = (struct beba_of_data){b, (uint32_t)inner};
    a->properties = rest(b, beba_of_up8((size_t)inner), len);
    r = beba_of_take_array(d, 1, &a->message);
    if (!r)
        r = beba_of_decode_within(d, b, (size_t)inner, a->message);
    if (!r)
        m->beba |= a->message->beba;
    return r;
}

static void put_add(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_bundle_add *a = &m->bundle_add;
    size_t start;

    beba_of_put32(e, a->bundle);
    beba_of_pad(e, 2);
    beba_of_put16(e, a->flags);
    start = e->len;
    if (a->message) {
        beba_of_put_msg(e, a->message);
        if (!e->failed)
            beba_store32(e->bytes + start + 4, m->xid);
    } else {
        beba_of_put(e, a->bytes.bytes, a->bytes.len);
    }
    if (a->properties.len)
        beba_of_pad8(e, start);
    beba_of_put(e, a->properties.bytes, a->properties.len);
}

const struct beba_of_body beba_of_bundle_add_body = {add, put_add};
