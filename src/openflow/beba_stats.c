/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BEBA's multipart messages (docs/beba-extension.md): the forms of the three dialects. */
#include "openflow/element.h"

enum { BODY = 24, STATE_MATCH = 32, ADVANCED = 136, OPENSTATE = 112, MASTER = 32, SHORT = 8 };

/* --- requests --------------------------------------------------------------------------------- */

static int bad_len(struct beba_of_dec *d, size_t len)
{
    return beba_of_bad_len(d, "a multipart message of BEBA", len);
}

static int state_request(struct beba_of_dec *d, const uint8_t *b, size_t len,
                         struct beba_of_request *r)
{
    size_t used;

    if (len < STATE_MATCH)
        return bad_len(d, len);
    r->state.table = b[24];
    r->state.by_state = b[25] != 0;
    r->state.state = beba_load32(b + 28);
    if (r->state.table >= BEBA_STATE_TABLES && r->state.table != OFPTT_ALL)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID,
                                 "no state table %u", r->state.table);
    return beba_of_match_decode(d, b + STATE_MATCH, len - STATE_MATCH, false, &r->state.match,
                                &used);
}

static void put_state_request(struct beba_of_enc *e, const struct beba_of_request *r)
{
    beba_of_put8(e, r->state.table);
    beba_of_put8(e, r->state.by_state);
    beba_of_pad(e, 2);
    beba_of_put32(e, r->state.state);
    beba_of_put_match(e, &r->state.match);
}

static int global_data_request(struct beba_of_dec *d, const uint8_t *b, size_t len,
                               struct beba_of_request *r)
{
    if (len < 32)
        return bad_len(d, len);
    r->table = b[31];
    if (r->table >= BEBA_STATE_TABLES)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID,
                                 "no state table %u", r->table);
    return 0;
}

static void put_global_data_request(struct beba_of_enc *e, const struct beba_of_request *r)
{
    beba_of_pad(e, 7);
    beba_of_put8(e, r->table);
}

static int global_state_request(struct beba_of_dec *d, const uint8_t *b, size_t len,
                                struct beba_of_request *r)
{
    return 0;
}

static void put_global_state_request(struct beba_of_enc *e, const struct beba_of_request *r)
{
}

static const struct request_row {
    uint32_t exp_type;
    uint8_t dialects;
    bool short_form, global_data;
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_request *r);
    void (*put)(struct beba_of_enc *e, const struct beba_of_request *r);
} request_rows[] = {
    {BEBA_MP_STATE_STATS, BEBA_OF_ALL_DIALECTS, false, false, state_request, put_state_request},
    {BEBA_MP_GLOBAL_STATE, BEBA_OF_ALL_DIALECTS, false, false, global_state_request,
     put_global_state_request},
    {BEBA_MP_STATE_STATS_AND_DELETE, BEBA_OF_A | BEBA_OF_M, false, false, state_request,
     put_state_request},
    {BEBA_MP_GLOBAL_DATA, BEBA_OF_A, false, true, global_data_request, put_global_data_request},
    {BEBA_MP_STATE_STATS_SHORT, BEBA_OF_M, true, false, state_request, put_state_request},
    {BEBA_MP_STATE_STATS_AND_DELETE_SHORT, BEBA_OF_M, true, false, state_request,
     put_state_request},
};

static const struct request_row *request_row(uint32_t exp_type, bool global_data)
{
    for (size_t i = 0; i < sizeof(request_rows) / sizeof(request_rows[0]); i++) {
        if (request_rows[i].exp_type == exp_type && request_rows[i].global_data == global_data)
            return &request_rows[i];
    }
    return NULL;
}

static int unknown(struct beba_of_dec *d, uint32_t exp_type)
{
    return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                             "unknown multipart message %u of BEBA", exp_type);
}

/* exp_type 3 is one thing in A and another in M: the body tells. */
int beba_of_beba_request_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                                struct beba_of_request *r)
{
    const struct request_row *row =
        request_row(r->exp_type, r->exp_type == BEBA_MP_GLOBAL_DATA && len <= STATE_MATCH);

    d->msg->beba = true;
    if (!row || !beba_of_dialects(d, row->dialects))
        return unknown(d, r->exp_type);
    r->short_form = row->short_form;
    r->global_data = row->global_data;
    return row->decode(d, b, len, r);
}

void beba_of_put_beba_request(struct beba_of_enc *e, const struct beba_of_request *r)
{
    const struct request_row *row = request_row(r->exp_type, r->global_data);

    if (row)
        row->put(e, r);
    else
        beba_of_refuse(e);
}

/* --- elements of replies
 * -------------------------------------------------------------------------- */

static uint64_t load_duration(const uint8_t *b)
{
    return beba_load32(b) * 1000000000ull + beba_load32(b + 4);
}

static int master(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_state_stats *s = out;

    s->table = b[2];
    s->key_len = b[3];
    if (s->key_len > sizeof(s->key) || s->key_len > len - MASTER)
        return bad_len(d, len);
    s->duration = load_duration(b + 4);
    s->hard_rollback = beba_load32(b + 12);
    s->idle_rollback = beba_load32(b + 16);
    s->hard_timeout = beba_load32(b + 20);
    s->idle_timeout = beba_load32(b + 24);
    s->state = beba_load32(b + 28);
    memcpy(s->key, b + MASTER, s->key_len);
    return 0;
}

static bool key_fits(struct beba_of_enc *e, const struct beba_of_state_stats *s)
{
    if (s->key_len > sizeof(s->key))
        beba_of_refuse(e);
    return !e->failed;
}

static void put_master(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_state_stats *s = element;
    size_t start = e->len;

    if (!key_fits(e, s))
        return;
    beba_of_put16(e, 0);
    beba_of_put8(e, s->table);
    beba_of_put8(e, (uint8_t)s->key_len);
    beba_of_put_duration(e, s->duration);
    beba_of_put32(e, s->hard_rollback);
    beba_of_put32(e, s->idle_rollback);
    beba_of_put32(e, s->hard_timeout);
    beba_of_put32(e, s->idle_timeout);
    beba_of_put32(e, s->state);
    beba_of_put(e, s->key, s->key_len);
    beba_of_pad8(e, start);
    beba_of_patch(e, start, 0);
}

static int master_short(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_state_stats *s = out;

    s->table = b[2];
    s->key_len = b[3];
    if (s->key_len > sizeof(s->key) || s->key_len > len - SHORT)
        return bad_len(d, len);
    s->state = beba_load32(b + 4);
    memcpy(s->key, b + SHORT, s->key_len);
    return 0;
}

static void put_master_short(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_state_stats *s = element;
    size_t start = e->len;

    if (!key_fits(e, s))
        return;
    beba_of_put16(e, 0);
    beba_of_put8(e, s->table);
    beba_of_put8(e, (uint8_t)s->key_len);
    beba_of_put32(e, s->state);
    beba_of_put(e, s->key, s->key_len);
    beba_of_pad8(e, start);
    beba_of_patch(e, start, 0);
}

/* A's, and O's, which has no variables. */
static int whole(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_state_stats *s = out;
    uint32_t fields = beba_load32(b + 12);
    const uint8_t *at = b + 96;

    s->table = b[2];
    s->duration = load_duration(b + 4);
    s->key_len = beba_load32(b + 40);
    if (fields > BEBA_OF_KEY_FIELDS || s->key_len > sizeof(s->key))
        return bad_len(d, len);
    beba_of_scope_decode(b + 16, fields, &s->lookup);
    memcpy(s->key, b + 44, s->key_len);
    s->state = beba_load32(b + 92);
    for (size_t i = 0; len >= ADVANCED && i < BEBA_FLOW_DATA_VARS; i++, at += 4)
        s->vars[i] = beba_load32(at);
    s->hard_rollback = beba_load32(at);
    s->idle_rollback = beba_load32(at + 4);
    s->hard_timeout = beba_load32(at + 8);
    s->idle_timeout = beba_load32(at + 12);
    return 0;
}

static void put_whole(struct beba_of_enc *e, const struct beba_of_state_stats *s, bool variables)
{
    size_t start = e->len;
    uint32_t fields = s->lookup.n < BEBA_OF_KEY_FIELDS ? s->lookup.n : BEBA_OF_KEY_FIELDS;

    if (!key_fits(e, s))
        return;
    beba_of_put16(e, 0);
    beba_of_put8(e, s->table);
    beba_of_pad(e, 1);
    beba_of_put_duration(e, s->duration);
    beba_of_put32(e, fields);
    beba_of_put_headers(e, &s->lookup);
    beba_of_pad(e, 4 * (size_t)(BEBA_OF_KEY_FIELDS - fields));
    beba_of_put32(e, s->key_len);
    beba_of_put(e, s->key, s->key_len);
    beba_of_pad(e, sizeof(s->key) - s->key_len);
    beba_of_put32(e, s->state);
    for (size_t i = 0; variables && i < BEBA_FLOW_DATA_VARS; i++)
        beba_of_put32(e, s->vars[i]);
    beba_of_put32(e, s->hard_rollback);
    beba_of_put32(e, s->idle_rollback);
    beba_of_put32(e, s->hard_timeout);
    beba_of_put32(e, s->idle_timeout);
    beba_of_patch(e, start, 0);
}

static void put_advanced(struct beba_of_enc *e, const void *element)
{
    put_whole(e, element, true);
}

static void put_openstate(struct beba_of_enc *e, const void *element)
{
    put_whole(e, element, false);
}

static int global_state(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    *(uint32_t *)out = beba_load32(b + 4);
    return 0;
}

static void put_global_state(struct beba_of_enc *e, const void *element)
{
    beba_of_pad(e, 4);
    beba_of_put32(e, *(const uint32_t *)element);
}

static int global_data(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_global_data *s = out;

    for (size_t i = 0; i < BEBA_GLOBAL_DATA_VARS; i++)
        s->vars[i] = beba_load32(b + 4 * i);
    return 0;
}

static void put_global_data(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_global_data *s = element;

    for (size_t i = 0; i < BEBA_GLOBAL_DATA_VARS; i++)
        beba_of_put32(e, s->vars[i]);
}

enum { STATE_SIZE = sizeof(struct beba_of_state_stats) };

const struct beba_of_element_row *beba_of_beba_element_row(const struct beba_of_reply_kind *kind,
                                                           enum beba_dialect dialect)
{
    static const struct beba_of_element_row states[] = {
        [BEBA_DIALECT_ADVANCED] = {ADVANCED, 0, false, STATE_SIZE, whole, put_advanced},
        [BEBA_DIALECT_MASTER] = {MASTER, 0, false, STATE_SIZE, master, put_master},
        [BEBA_DIALECT_OPENSTATE] = {OPENSTATE, 0, false, STATE_SIZE, whole, put_openstate},
    };
    static const struct beba_of_element_row short_states = {
        SHORT, 0, false, STATE_SIZE, master_short, put_master_short};
    static const struct beba_of_element_row global_state_row = {
        8, -1, true, sizeof(uint32_t), global_state, put_global_state};
    static const struct beba_of_element_row global_data_row = {
        32, -1, true, sizeof(struct beba_of_global_data), global_data, put_global_data};

    switch (kind->exp_type) {
    case BEBA_MP_STATE_STATS:
    case BEBA_MP_STATE_STATS_AND_DELETE:
        return &states[dialect];
    case BEBA_MP_GLOBAL_STATE:
        return &global_state_row;
    case BEBA_MP_GLOBAL_DATA:
        return kind->global_data ? &global_data_row : &short_states;
    case BEBA_MP_STATE_STATS_AND_DELETE_SHORT:
        return &short_states;
    default:
        return NULL;
    }
}

/* The dialect of state statistics by the length of their first entry, which differs. */
static enum beba_dialect dialect_of(struct beba_of_dec *d, const uint8_t *b, size_t len)
{
    size_t entry = len >= BODY + 2 ? beba_load16(b + BODY) : 0;
    unsigned dialects = entry == ADVANCED ? BEBA_OF_A : entry == OPENSTATE ? BEBA_OF_O : BEBA_OF_M;

    if (entry && beba_of_dialects(d, dialects))
        return (enum beba_dialect)(dialects == BEBA_OF_A   ? BEBA_DIALECT_ADVANCED
                                   : dialects == BEBA_OF_O ? BEBA_DIALECT_OPENSTATE
                                                           : BEBA_DIALECT_MASTER);
    return d->codec->dialect;
}

int beba_of_beba_reply_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                              struct beba_of_multipart_reply *r)
{
    struct beba_of_reply_kind kind = {OFPMP_EXPERIMENTER, r->experimenter, r->exp_type, false,
                                      false};
    const struct beba_of_element_row *row;
    enum beba_dialect dialect = d->codec->dialect;
    void *elements;
    int e;

    d->msg->beba = true;
    if (r->exp_type == BEBA_MP_STATE_STATS || r->exp_type == BEBA_MP_STATE_STATS_AND_DELETE)
        dialect = dialect_of(d, b, len);
    kind.global_data = r->exp_type == BEBA_MP_GLOBAL_DATA && dialect == BEBA_DIALECT_ADVANCED;
    row = beba_of_beba_element_row(&kind, dialect);
    if (!row)
        return unknown(d, r->exp_type);
    r->global_data = kind.global_data;
    r->short_form = r->exp_type >= BEBA_MP_STATE_STATS_SHORT && !r->global_data;
    e = beba_of_elements_decode(d, row, b + BODY, len - BODY, &r->n, &elements);
    r->element = elements;
    return e;
}
