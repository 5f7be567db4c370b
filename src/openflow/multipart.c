/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Multipart requests and replies [7.3.5], and the writer of replies. */
#include "openflow/element.h"

enum {
    BODY = 16,
    EXPERIMENTER_BODY = 24,
    FLOW_MATCH = 48,
    MASTER_ENTRIES = 500, /* of state statistics in a message, as the original */
};

/* --- requests --------------------------------------------------------------------------------- */

static int nothing(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r)
{
    return 0;
}

static void put_nothing(struct beba_of_enc *e, const struct beba_of_request *r)
{
}

static int flow(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r)
{
    size_t used;

    r->flow.table = b[16];
    r->flow.out_port = beba_load32(b + 20);
    r->flow.out_group = beba_load32(b + 24);
    r->flow.cookie = beba_load64(b + 32);
    r->flow.cookie_mask = beba_load64(b + 40);
    return beba_of_match_decode(d, b + FLOW_MATCH, len - FLOW_MATCH, true, &r->flow.match, &used);
}

static void put_flow(struct beba_of_enc *e, const struct beba_of_request *r)
{
    beba_of_put8(e, r->flow.table);
    beba_of_pad(e, 3);
    beba_of_put32(e, r->flow.out_port);
    beba_of_put32(e, r->flow.out_group);
    beba_of_pad(e, 4);
    beba_of_put64(e, r->flow.cookie);
    beba_of_put64(e, r->flow.cookie_mask);
    beba_of_put_match(e, &r->flow.match);
}

/* 32 bits and 32 of padding: a port, a group or a meter, in the same place of the union. */
_Static_assert(offsetof(struct beba_of_request, port.port) ==
                   offsetof(struct beba_of_request, group),
               "a port lies where a group does");

static int number(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r)
{
    r->group = beba_load32(b + 16);
    return 0;
}

static void put_number(struct beba_of_enc *e, const struct beba_of_request *r)
{
    beba_of_put32(e, r->group);
    beba_of_pad(e, 4);
}

static int queue(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r)
{
    r->port.port = beba_load32(b + 16);
    r->port.queue = beba_load32(b + 20);
    return 0;
}

static void put_queue(struct beba_of_enc *e, const struct beba_of_request *r)
{
    beba_of_put32(e, r->port.port);
    beba_of_put32(e, r->port.queue);
}

static int features(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r)
{
    void *elements;
    int e = beba_of_elements_decode(d, beba_of_element_row(OFPMP_TABLE_FEATURES), b + BODY,
                                    len - BODY, &r->features.n, &elements);

    r->features.table = elements;
    return e;
}

static void put_features(struct beba_of_enc *e, const struct beba_of_request *r)
{
    for (uint32_t i = 0; i < r->features.n; i++)
        beba_of_put_table_features(e, &r->features.table[i]);
}

static const struct request_row {
    uint8_t len;
    bool more;
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r);
    void (*put)(struct beba_of_enc *e, const struct beba_of_request *r);
} request_rows[] = {
    [OFPMP_DESC] = {BODY, false, nothing, put_nothing},
    [OFPMP_FLOW] = {56, true, flow, put_flow},
    [OFPMP_AGGREGATE] = {56, true, flow, put_flow},
    [OFPMP_TABLE] = {BODY, false, nothing, put_nothing},
    [OFPMP_PORT_STATS] = {24, false, number, put_number},
    [OFPMP_QUEUE] = {24, false, queue, put_queue},
    [OFPMP_GROUP] = {24, false, number, put_number},
    [OFPMP_GROUP_DESC] = {BODY, false, nothing, put_nothing},
    [OFPMP_GROUP_FEATURES] = {BODY, false, nothing, put_nothing},
    [OFPMP_METER] = {24, false, number, put_number},
    [OFPMP_METER_CONFIG] = {24, false, number, put_number},
    [OFPMP_METER_FEATURES] = {BODY, false, nothing, put_nothing},
    [OFPMP_TABLE_FEATURES] = {BODY, true, features, put_features},
    [OFPMP_PORT_DESC] = {BODY, false, nothing, put_nothing},
};

static const struct request_row *request_row(uint16_t type)
{
    return type < sizeof(request_rows) / sizeof(request_rows[0]) ? &request_rows[type] : NULL;
}

static int bad_experimenter(struct beba_of_dec *d, uint32_t experimenter)
{
    return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                             "unknown experimenter 0x%08x of a multipart message", experimenter);
}

static int request(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_request *r = &m->request;
    const struct request_row *row;

    r->type = beba_load16(b + 8);
    r->flags = beba_load16(b + 10);
    if (r->type == OFPMP_EXPERIMENTER) {
        if (len < EXPERIMENTER_BODY)
            return beba_of_bad_len(d, "a multipart request", len);
        r->experimenter = beba_load32(b + 16);
        r->exp_type = beba_load32(b + 20);
        if (r->experimenter != BEBA_EXPERIMENTER)
            return bad_experimenter(d, r->experimenter);
        return beba_of_beba_request_decode(d, b, len, r);
    }
    row = request_row(r->type);
    if (!row)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART,
                                 "multipart request of type %u", r->type);
    if (len < row->len || (len > row->len && !row->more))
        return beba_of_bad_len(d, "a multipart request", len);
    return row->decode(d, b, len, r);
}

static void put_request(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_request *r = &m->request;
    const struct request_row *row = request_row(r->type);

    beba_of_put16(e, r->type);
    beba_of_put16(e, r->flags);
    beba_of_pad(e, 4);
    if (r->type == OFPMP_EXPERIMENTER) {
        beba_of_put32(e, r->experimenter);
        beba_of_put32(e, r->exp_type);
        beba_of_put_beba_request(e, r);
    } else if (row) {
        row->put(e, r);
    } else {
        beba_of_refuse(e);
    }
}

const struct beba_of_body beba_of_request_body = {request, put_request};

/* --- replies ------------------------------------------------------------------------------------
 */

static int reply(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_multipart_reply *r = &m->reply;
    const struct beba_of_element_row *row;
    void *elements;
    int e;

    r->type = beba_load16(b + 8);
    r->flags = beba_load16(b + 10);
    if (r->type == OFPMP_EXPERIMENTER) {
        if (len < EXPERIMENTER_BODY)
            return beba_of_bad_len(d, "a multipart reply", len);
        r->experimenter = beba_load32(b + 16);
        r->exp_type = beba_load32(b + 20);
        if (r->experimenter != BEBA_EXPERIMENTER)
            return bad_experimenter(d, r->experimenter);
        return beba_of_beba_reply_decode(d, b, len, r);
    }
    row = beba_of_element_row(r->type);
    if (!row)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART,
                                 "multipart reply of type %u", r->type);
    e = beba_of_elements_decode(d, row, b + BODY, len - BODY, &r->n, &elements);
    r->element = elements;
    return e;
}

static const struct beba_of_element_row *row_of(const struct beba_of_reply_kind *kind,
                                                const struct beba_of_codec *codec)
{
    if (kind->type != OFPMP_EXPERIMENTER)
        return beba_of_element_row(kind->type);
    return beba_of_beba_element_row(kind, codec->dialect);
}

static void put_header(struct beba_of_enc *e, const struct beba_of_reply_kind *kind, uint16_t flags)
{
    beba_of_put16(e, kind->type);
    beba_of_put16(e, flags);
    beba_of_pad(e, 4);
    if (kind->type == OFPMP_EXPERIMENTER) {
        beba_of_put32(e, kind->experimenter);
        beba_of_put32(e, kind->exp_type);
    }
}

static void put_reply(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_multipart_reply *r = &m->reply;
    struct beba_of_reply_kind kind = {r->type, r->experimenter, r->exp_type, r->short_form,
                                      r->global_data};
    const struct beba_of_element_row *row = row_of(&kind, e->codec);

    put_header(e, &kind, r->flags);
    if (!row)
        beba_of_refuse(e);
    for (uint32_t i = 0; row && i < r->n && !e->failed; i++)
        row->put(e, (const uint8_t *)r->element + i * row->size);
}

const struct beba_of_body beba_of_reply_body = {reply, put_reply};

/* --- the writer
 * ----------------------------------------------------------------------------------- */

static struct beba_of_reply_kind kind_of(const struct beba_of_reply *r)
{
    return (struct beba_of_reply_kind){r->type, r->experimenter, r->exp_type, r->short_form,
                                       r->global_data};
}

static struct beba_of_enc writer(struct beba_of_reply *r)
{
    return (struct beba_of_enc){
        .codec = r->codec, .bytes = r->bytes, .len = r->len, .cap = sizeof(r->bytes)};
}

static void start(struct beba_of_reply *r)
{
    struct beba_of_reply_kind kind = kind_of(r);
    struct beba_of_enc e;

    r->len = 0;
    r->n = 0;
    e = writer(r);
    beba_of_put8(&e, OFP_VERSION);
    beba_of_put8(&e, OFPT_MULTIPART_REPLY);
    beba_of_put16(&e, 0);
    beba_of_put32(&e, r->xid);
    put_header(&e, &kind, 0);
    r->len = e.len;
}

static void finish(struct beba_of_reply *r, bool more)
{
    int result;

    beba_store16(r->bytes + 2, (uint16_t)r->len);
    beba_store16(r->bytes + 10, more ? OFPMPF_REPLY_MORE : 0);
    if (r->failed)
        return;
    result = r->send(r->arg, r->bytes, r->len);
    if (result < 0)
        r->failed = result;
}

void beba_of_reply_begin(struct beba_of_reply *r, const struct beba_of_codec *codec, uint32_t xid,
                         const struct beba_of_request *request, beba_of_send_fn *send, void *arg)
{
    r->codec = codec;
    r->send = send;
    r->arg = arg;
    r->xid = xid;
    r->type = request->type;
    r->experimenter = request->experimenter;
    r->exp_type = request->exp_type;
    r->short_form = request->short_form;
    r->global_data = request->global_data;
    r->failed = 0;
    start(r);
}

static uint32_t most(const struct beba_of_reply *r)
{
    bool states = r->type == OFPMP_EXPERIMENTER && r->exp_type != BEBA_MP_GLOBAL_STATE;

    return states && r->codec->dialect == BEBA_DIALECT_MASTER ? MASTER_ENTRIES : UINT32_MAX;
}

int beba_of_reply_add(struct beba_of_reply *r, const void *element)
{
    struct beba_of_reply_kind kind = kind_of(r);
    const struct beba_of_element_row *row = row_of(&kind, r->codec);
    struct beba_of_enc e;

    if (r->failed)
        return r->failed;
    if (!row)
        return -EINVAL;
    if (r->n >= most(r)) {
        finish(r, true);
        start(r);
    }
    e = writer(r);
    row->put(&e, element);
    if (e.failed == -ENOBUFS && r->n) {
        finish(r, true);
        start(r);
        e = writer(r);
        row->put(&e, element);
    }
    if (r->failed)
        return r->failed;
    if (e.failed)
        return e.failed == -ENOBUFS ? -EMSGSIZE : e.failed;
    r->len = e.len;
    r->n++;
    return 0;
}

int beba_of_reply_end(struct beba_of_reply *r)
{
    finish(r, false);
    return r->failed;
}
