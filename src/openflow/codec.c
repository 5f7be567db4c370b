/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages by their type: the table, and what all of them share. */
#include "openflow/wire.h"

#include <stdio.h>

enum { HEADER = 8, EXPERIMENTER_HEADER = 16, ERROR_HEADER = 12, ERROR_DATA = 64 };

enum sides {
    TO_SWITCH = 1 << BEBA_OF_FROM_CONTROLLER,
    TO_CONTROLLER = 1 << BEBA_OF_FROM_SWITCH,
    BOTH = TO_SWITCH | TO_CONTROLLER,
};

static const struct beba_of_body no_body;

struct row {
    const char *name;
    uint8_t sides;
    uint8_t len; /* at least */
    bool more;   /* or more */
    const struct beba_of_body *body;
};

static const struct row rows[] = {
    [OFPT_HELLO] = {"HELLO", BOTH, 8, true, &beba_of_hello_body},
    [OFPT_ERROR] = {"ERROR", BOTH, 12, true, &beba_of_error_body},
    [OFPT_ECHO_REQUEST] = {"ECHO_REQUEST", BOTH, 8, true, &beba_of_echo_body},
    [OFPT_ECHO_REPLY] = {"ECHO_REPLY", BOTH, 8, true, &beba_of_echo_body},
    [OFPT_FEATURES_REQUEST] = {"FEATURES_REQUEST", TO_SWITCH, 8, false, &no_body},
    [OFPT_FEATURES_REPLY] = {"FEATURES_REPLY", TO_CONTROLLER, 32, false, &beba_of_features_body},
    [OFPT_GET_CONFIG_REQUEST] = {"GET_CONFIG_REQUEST", TO_SWITCH, 8, false, &no_body},
    [OFPT_GET_CONFIG_REPLY] = {"GET_CONFIG_REPLY", TO_CONTROLLER, 12, false, &beba_of_config_body},
    [OFPT_SET_CONFIG] = {"SET_CONFIG", TO_SWITCH, 12, false, &beba_of_config_body},
    [OFPT_PACKET_IN] = {"PACKET_IN", TO_CONTROLLER, 34, true, &beba_of_packet_in_body},
    [OFPT_FLOW_REMOVED] = {"FLOW_REMOVED", TO_CONTROLLER, 56, true, &beba_of_flow_removed_body},
    [OFPT_PORT_STATUS] = {"PORT_STATUS", TO_CONTROLLER, 80, false, &beba_of_port_status_body},
    [OFPT_PACKET_OUT] = {"PACKET_OUT", TO_SWITCH, 24, true, &beba_of_packet_out_body},
    [OFPT_FLOW_MOD] = {"FLOW_MOD", TO_SWITCH, 56, true, &beba_of_flow_mod_body},
    [OFPT_GROUP_MOD] = {"GROUP_MOD", TO_SWITCH, 16, true, &beba_of_group_mod_body},
    [OFPT_PORT_MOD] = {"PORT_MOD", TO_SWITCH, 40, false, &beba_of_port_mod_body},
    [OFPT_TABLE_MOD] = {"TABLE_MOD", TO_SWITCH, 16, false, &beba_of_table_mod_body},
    [OFPT_MULTIPART_REQUEST] = {"MULTIPART_REQUEST", TO_SWITCH, 16, true, &beba_of_request_body},
    [OFPT_MULTIPART_REPLY] = {"MULTIPART_REPLY", TO_CONTROLLER, 16, true, &beba_of_reply_body},
    [OFPT_BARRIER_REQUEST] = {"BARRIER_REQUEST", TO_SWITCH, 8, false, &no_body},
    [OFPT_BARRIER_REPLY] = {"BARRIER_REPLY", TO_CONTROLLER, 8, false, &no_body},
    [OFPT_QUEUE_GET_CONFIG_REQUEST] = {"QUEUE_GET_CONFIG_REQUEST", TO_SWITCH, 16, false,
                                       &beba_of_queue_request_body},
    [OFPT_QUEUE_GET_CONFIG_REPLY] = {"QUEUE_GET_CONFIG_REPLY", TO_CONTROLLER, 16, true,
                                     &beba_of_queue_reply_body},
    [OFPT_ROLE_REQUEST] = {"ROLE_REQUEST", TO_SWITCH, 24, false, &beba_of_role_body},
    [OFPT_ROLE_REPLY] = {"ROLE_REPLY", TO_CONTROLLER, 24, false, &beba_of_role_body},
    [OFPT_GET_ASYNC_REQUEST] = {"GET_ASYNC_REQUEST", TO_SWITCH, 8, false, &no_body},
    [OFPT_GET_ASYNC_REPLY] = {"GET_ASYNC_REPLY", TO_CONTROLLER, 32, false, &beba_of_async_body},
    [OFPT_SET_ASYNC] = {"SET_ASYNC", TO_SWITCH, 32, false, &beba_of_async_body},
    [OFPT_METER_MOD] = {"METER_MOD", TO_SWITCH, 16, true, &beba_of_meter_mod_body},
};

static const struct experimenter_row {
    const char *name;
    uint32_t experimenter, exp_type;
    uint8_t sides, dialects;
    const struct beba_of_body *body;
} experimenter_rows[] = {
    {"BEBA STATE_MOD", BEBA_EXPERIMENTER, BEBA_MSG_STATE_MOD, TO_SWITCH, BEBA_OF_ALL_DIALECTS,
     &beba_of_state_mod_body},
    {"BEBA PKTTMP_MOD", BEBA_EXPERIMENTER, BEBA_MSG_PKTTMP_MOD, TO_SWITCH, BEBA_OF_A | BEBA_OF_M,
     &beba_of_template_mod_body},
    {"BEBA STATE_CHANGED", BEBA_EXPERIMENTER, BEBA_MSG_STATE_CHANGED, TO_CONTROLLER,
     BEBA_OF_A | BEBA_OF_M, &beba_of_state_changed_body},
    {"BEBA FLOW_NOTIFICATION", BEBA_EXPERIMENTER, BEBA_MSG_FLOW_NOTIFICATION, TO_CONTROLLER,
     BEBA_OF_A | BEBA_OF_M, &beba_of_notification_body},
    {"BUNDLE_CONTROL", ONF_EXPERIMENTER, ONF_ET_BUNDLE_CONTROL, BOTH, BEBA_OF_ALL_DIALECTS,
     &beba_of_bundle_control_body},
    {"BUNDLE_ADD_MESSAGE", ONF_EXPERIMENTER, ONF_ET_BUNDLE_ADD_MESSAGE, TO_SWITCH,
     BEBA_OF_ALL_DIALECTS, &beba_of_bundle_add_body},
};
enum { N_EXPERIMENTER_ROWS = sizeof(experimenter_rows) / sizeof(experimenter_rows[0]) };

static const struct row *row_of(uint8_t type)
{
    return type < sizeof(rows) / sizeof(rows[0]) && rows[type].body ? &rows[type] : NULL;
}

static const struct experimenter_row *experimenter_row_of(const struct beba_of_msg *m)
{
    for (unsigned i = 0; i < N_EXPERIMENTER_ROWS; i++) {
        if (experimenter_rows[i].experimenter == m->experimenter &&
            experimenter_rows[i].exp_type == m->exp_type)
            return &experimenter_rows[i];
    }
    return NULL;
}

static bool from_here(const struct beba_of_dec *d, uint8_t sides)
{
    return d->codec->side == BEBA_OF_ANY_SIDE || sides >> d->codec->side & 1;
}

/* --- what the codec's files share ----------------------------------------------------------------
 */

int beba_of_bad_len(struct beba_of_dec *d, const char *what, size_t len)
{
    return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN, "%s of %zu bytes", what,
                             len);
}

int beba_of_take(struct beba_of_dec *d, size_t n, size_t size, void **out)
{
    *out = n ? beba_arena_array(d->arena, n, size) : NULL;
    if (*out || !n)
        return 0;
    beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_EPERM, "no memory for a message");
    return -ENOMEM;
}

bool beba_of_dialects(struct beba_of_dec *d, unsigned dialects)
{
    struct beba_of_codec *c = d->codec;

    if (!c->detect)
        return dialects >> c->dialect & 1;
    if (!c->possible)
        c->possible = BEBA_OF_ALL_DIALECTS;
    c->possible = c->possible & dialects ? (uint8_t)(c->possible & dialects) : (uint8_t)dialects;
    for (unsigned i = 0; !(c->possible >> c->dialect & 1); i++) {
        if (c->possible >> i & 1)
            c->dialect = (uint8_t)i;
    }
    return true;
}

void beba_of_put_duration(struct beba_of_enc *e, uint64_t ns)
{
    beba_of_put32(e, (uint32_t)(ns / 1000000000u));
    beba_of_put32(e, (uint32_t)(ns % 1000000000u));
}

void beba_of_put_name(struct beba_of_enc *e, const char *s, size_t n)
{
    size_t len = strnlen(s, n);

    beba_of_put(e, s, len);
    beba_of_pad(e, n - len);
}

/* --- decode
 * ---------------------------------------------------------------------------------------- */

int beba_of_length(const uint8_t *bytes, size_t len)
{
    int n;

    if (len < HEADER)
        return 0;
    n = beba_load16(bytes + 2);
    return n < HEADER ? -EPROTO : n;
}

static int experimenter(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    const struct experimenter_row *row;

    if (len < EXPERIMENTER_HEADER)
        return beba_of_bad_len(d, "an experimenter's message", len);
    m->experimenter = beba_load32(b + 8);
    m->exp_type = beba_load32(b + 12);
    if (m->experimenter != BEBA_EXPERIMENTER && m->experimenter != ONF_EXPERIMENTER)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                                 "unknown experimenter 0x%08x", m->experimenter);
    m->beba = m->experimenter == BEBA_EXPERIMENTER;
    row = experimenter_row_of(m);
    if (row && m->experimenter == ONF_EXPERIMENTER && d->nested)
        return beba_of_error_onf(d->err, ONFERR_ET_MSG_UNSUP, "a bundle in a bundle");
    if (row && from_here(d, row->sides) && (!m->beba || beba_of_dialects(d, row->dialects)))
        return row->body->decode(d, b, len, m);
    if (m->beba)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_MESSAGE, "unknown message %u of BEBA",
                                  m->exp_type);
    return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE,
                             "unknown message %u of experimenter 0x%08x", m->exp_type,
                             m->experimenter);
}

static int body(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    const struct row *row;

    if (m->type == OFPT_EXPERIMENTER)
        return experimenter(d, b, len, m);
    row = row_of(m->type);
    if (!row || !from_here(d, row->sides))
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE, "message of type %u",
                                 m->type);
    if (len < row->len || (len > row->len && !row->more))
        return beba_of_bad_len(d, row->name, len);
    return row->body->decode ? row->body->decode(d, b, len, m) : 0;
}

static int decode(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    memset(m, 0, sizeof(*m));
    if (len < HEADER)
        return beba_of_bad_len(d, "a message", len);
    m->version = b[0];
    m->type = b[1];
    m->xid = beba_load32(b + 4);
    if (m->version != OFP_VERSION && m->type != OFPT_HELLO && m->type != OFPT_ERROR)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION,
                                 "a message of version %u", m->version);
    if (beba_load16(b + 2) != len)
        return beba_of_bad_len(d, "a message", beba_load16(b + 2));
    return body(d, b, len, m);
}

int beba_of_decode(const uint8_t *bytes, size_t len, struct beba_of_codec *codec,
                   struct beba_arena *arena, struct beba_of_msg *msg, struct beba_of_error *err)
{
    struct beba_of_dec d = {.codec = codec, .arena = arena, .err = err, .msg = msg};
    int r;

    if (err)
        memset(err, 0, sizeof(*err));
    r = decode(&d, bytes, len, msg);
    codec->seen_beba |= msg->beba;
    return r;
}

int beba_of_decode_within(struct beba_of_dec *outer, const uint8_t *b, size_t len,
                          struct beba_of_msg *m)
{
    struct beba_of_dec d = *outer;

    d.msg = m;
    d.nested = true;
    return decode(&d, b, len, m);
}

/* --- encode
 * ---------------------------------------------------------------------------------------- */

static void put_body(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct experimenter_row *x;
    const struct row *row;

    if (m->type == OFPT_EXPERIMENTER) {
        x = experimenter_row_of(m);
        beba_of_put32(e, m->experimenter);
        beba_of_put32(e, m->exp_type);
        if (x)
            x->body->encode(e, m);
        else
            beba_of_refuse(e);
        return;
    }
    row = row_of(m->type);
    if (!row)
        beba_of_refuse(e);
    else if (row->body->encode)
        row->body->encode(e, m);
}

void beba_of_put_msg(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    size_t start = e->len;

    beba_of_put8(e, m->version ? m->version : OFP_VERSION);
    beba_of_put8(e, m->type);
    beba_of_put16(e, 0);
    beba_of_put32(e, m->xid);
    put_body(e, m);
    beba_of_patch(e, start, 2);
}

int beba_of_encode(const struct beba_of_msg *msg, const struct beba_of_codec *codec, uint8_t *out,
                   size_t cap)
{
    struct beba_of_enc e = {.codec = codec, .bytes = out, .cap = cap};

    beba_of_put_msg(&e, msg);
    if (e.failed == -ENOBUFS && cap >= BEBA_OF_MAX_MESSAGE)
        return -EMSGSIZE;
    return e.failed ? e.failed : (int)e.len;
}

int beba_of_encode_error(const struct beba_of_error *err, const uint8_t *message, size_t len,
                         uint8_t *out, size_t cap)
{
    struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_ERROR};
    size_t limit = ERROR_DATA;

    if (len >= HEADER)
        m.xid = beba_load32(message + 4);
    m.error.type = err->type;
    m.error.code = err->code;
    m.error.experimenter = err->experimenter;
    if (err->type == OFPET_HELLO_FAILED) {
        message = (const uint8_t *)err->what;
        len = strlen(err->what);
        limit = sizeof(err->what);
    } else if (err->type == OFPET_EXPERIMENTER && err->experimenter == BEBA_EXPERIMENTER) {
        limit = BEBA_OF_MAX_MESSAGE - ERROR_HEADER - 4;
    }
    m.error.data = (struct beba_of_data){message, (uint32_t)(len < limit ? len : limit)};
    return beba_of_encode(&m, &(struct beba_of_codec){0}, out, cap);
}

const char *beba_of_msg_name(const struct beba_of_msg *msg)
{
    const struct experimenter_row *x = experimenter_row_of(msg);
    const struct row *row = row_of(msg->type);

    if (msg->type == OFPT_EXPERIMENTER)
        return x ? x->name : "EXPERIMENTER";
    return row ? row->name : "unknown message";
}

int beba_of_match_encode(const struct beba_of_match *match, uint8_t *out, size_t cap)
{
    struct beba_of_enc e = {.bytes = out, .cap = cap};

    beba_of_put_match(&e, match);
    return e.failed ? e.failed : (int)e.len;
}
