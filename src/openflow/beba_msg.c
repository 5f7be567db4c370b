/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BEBA's messages (docs/beba-extension.md): STATE_MOD, PKTTMP_MOD and the two notifications. */
#include "openflow/wire.h"

enum { PAYLOAD = 18 }; /* where what follows command and pad begins */

static int bad_len(struct beba_of_dec *d, size_t len)
{
    return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_LEN, "%zu bytes of payload", len);
}

static int bad_table(struct beba_of_dec *d, uint8_t table)
{
    return beba_of_error_beba(d->err, BEBA_ERR_BAD_TABLE_ID, "no state table %u", table);
}

/* --- STATE_MOD ----------------------------------------------------------------------------------
 */

typedef struct beba_of_state_mod mod;

static int table_config(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    s->stateful = b[1] != 0;
    return 0;
}

static void put_table_config(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_put8(e, s->stateful);
}

/* O has its count where A and M have the bit, which leaves one form for each length, whatever the
 * setting. */
static int extractor(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    uint32_t n = len >= 12 ? beba_load32(b + 8) : 0, old = beba_load32(b + 4);
    size_t at;

    if (old && old <= BEBA_OF_KEY_FIELDS && len == 8 + 4 * (size_t)old) {
        beba_of_dialects(d, BEBA_OF_O);
        n = old;
        at = 8;
    } else if (n && n <= BEBA_OF_KEY_FIELDS && len == 12 + 4 * (size_t)n) {
        beba_of_dialects(d, b[1] ? BEBA_OF_A : BEBA_OF_A | BEBA_OF_M);
        s->extractor.biflow = b[1];
        s->extractor.bit = b[4];
        at = 12;
    } else {
        return bad_len(d, len);
    }
    beba_of_scope_decode(b + at, n, &s->extractor.scope);
    return 0;
}

static void put_extractor(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    if (e->codec->dialect == BEBA_DIALECT_OPENSTATE) {
        if (s->extractor.biflow || s->extractor.bit)
            beba_of_refuse(e);
        beba_of_pad(e, 3);
    } else {
        if (s->extractor.biflow && e->codec->dialect == BEBA_DIALECT_MASTER)
            beba_of_refuse(e);
        beba_of_put8(e, s->extractor.biflow);
        beba_of_pad(e, 2);
        beba_of_put8(e, s->extractor.bit);
        beba_of_pad(e, 3);
    }
    beba_of_put32(e, s->extractor.scope.n);
    beba_of_put_headers(e, &s->extractor.scope);
}

/* A key of key_len bytes is all that follows b + from. */
static int key(struct beba_of_dec *d, const uint8_t *b, size_t len, size_t from, mod *s)
{
    uint32_t n = beba_load32(b + 4);

    if (!n || n > BEBA_OF_STATE_KEY || len != from + n)
        return bad_len(d, len);
    s->flow.key_len = n;
    memcpy(s->flow.key, b + from, n);
    return 0;
}

static int set_flow_state(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    s->flow.state = beba_load32(b + 8);
    s->flow.mask = beba_load32(b + 12);
    s->flow.hard_rollback = beba_load32(b + 16);
    s->flow.idle_rollback = beba_load32(b + 20);
    s->flow.hard_timeout = beba_load32(b + 24);
    s->flow.idle_timeout = beba_load32(b + 28);
    return key(d, b, len, 32, s);
}

static void put_key_len(struct beba_of_enc *e, const mod *s)
{
    if (s->flow.key_len > BEBA_OF_STATE_KEY)
        beba_of_refuse(e);
    beba_of_put32(e, s->flow.key_len);
}

static void put_set_flow_state(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_pad(e, 3);
    put_key_len(e, s);
    beba_of_put32(e, s->flow.state);
    beba_of_put32(e, s->flow.mask);
    beba_of_put32(e, s->flow.hard_rollback);
    beba_of_put32(e, s->flow.idle_rollback);
    beba_of_put32(e, s->flow.hard_timeout);
    beba_of_put32(e, s->flow.idle_timeout);
    if (!e->failed)
        beba_of_put(e, s->flow.key, s->flow.key_len);
}

static int del_flow_state(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    return key(d, b, len, 8, s);
}

static void put_del_flow_state(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_pad(e, 3);
    put_key_len(e, s);
    if (!e->failed)
        beba_of_put(e, s->flow.key, s->flow.key_len);
}

static int set_global_state(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    s->global_state.value = beba_load32(b);
    s->global_state.mask = beba_load32(b + 4);
    return 0;
}

static void put_set_global_state(struct beba_of_enc *e, const mod *s)
{
    beba_of_put32(e, s->global_state.value);
    beba_of_put32(e, s->global_state.mask);
}

static int reset_global_state(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    return 0;
}

static void put_reset_global_state(struct beba_of_enc *e, const mod *s)
{
}

static int header_field(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    enum beba_of_field field;

    s->header_field.id = b[1];
    s->header_field.header = beba_load32(b + 4);
    if (s->header_field.id >= BEBA_HEADER_FIELDS)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXTRACTOR_ID, "no header field %u", b[1]);
    field = beba_of_field_of_header(s->header_field.header);
    if (field < BEBA_OF_N_FIELDS && s->header_field.header != beba_of_field_header(field, false))
        field = BEBA_OF_N_FIELDS;
    s->header_field.field = (uint8_t)field;
    return 0;
}

static void put_header_field(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_put8(e, s->header_field.id);
    beba_of_pad(e, 2);
    beba_of_put32(e, s->header_field.header);
}

static int condition(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    int r = 0;

    s->condition.id = b[1];
    s->condition.op = b[2];
    for (unsigned i = 0; i < 2; i++) {
        s->condition.operand_type[i] = b[3] >> (6 - 2 * i) & 3;
        s->condition.operand[i] = b[4 + i];
    }
    if (s->condition.id >= BEBA_CONDITIONS)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_CONDITION_ID, "no condition %u", b[1]);
    if (s->condition.op > BEBA_COND_NEQ)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_CONDITION, "no operator %u", b[2]);
    for (unsigned i = 0; !r && i < 2; i++)
        r = beba_of_check_condition_operand(d, s->condition.operand_type[i],
                                            s->condition.operand[i]);
    return r;
}

static void put_condition(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_put8(e, s->condition.id);
    beba_of_put8(e, s->condition.op);
    beba_of_put8(e, (uint8_t)((s->condition.operand_type[0] & 3) << 6 |
                              (s->condition.operand_type[1] & 3) << 4));
    beba_of_put(e, s->condition.operand, 2);
    beba_of_pad(e, 2);
}

static int global_var(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    s->global_var.id = b[1];
    s->global_var.value = beba_load32(b + 4);
    s->global_var.mask = beba_load32(b + 8);
    if (s->global_var.id >= BEBA_GLOBAL_DATA_VARS)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID,
                                  "no global data variable %u", b[1]);
    return 0;
}

static void put_global_var(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_put8(e, s->global_var.id);
    beba_of_pad(e, 2);
    beba_of_put32(e, s->global_var.value);
    beba_of_put32(e, s->global_var.mask);
}

static int flow_var(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s)
{
    s->flow.variable = b[1];
    s->flow.state = beba_load32(b + 8);
    s->flow.mask = beba_load32(b + 12);
    if (key(d, b, len, 16, s))
        return -EINVAL;
    if (b[0] < BEBA_STATE_TABLES && s->flow.variable >= BEBA_FLOW_DATA_VARS)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_FLOW_DATA_VAR_ID, "no flow data variable %u",
                                  b[1]);
    return 0;
}

static void put_flow_var(struct beba_of_enc *e, const mod *s)
{
    beba_of_put8(e, s->table);
    beba_of_put8(e, s->flow.variable);
    beba_of_pad(e, 2);
    put_key_len(e, s);
    beba_of_put32(e, s->flow.state);
    beba_of_put32(e, s->flow.mask);
    if (!e->failed)
        beba_of_put(e, s->flow.key, s->flow.key_len);
}

static const struct row {
    const char *name;
    uint8_t dialects;
    uint8_t len;   /* of the payload */
    bool more;     /* len is the least; the rest is decode's to check */
    bool no_table; /* byte 0 is no table */
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, mod *s);
    void (*put)(struct beba_of_enc *e, const mod *s);
} rows[] = {
    [BEBA_STATEFUL_TABLE_CONFIG] = {"STATEFUL_TABLE_CONFIG", BEBA_OF_ALL_DIALECTS, 2, false, false,
                                    table_config, put_table_config},
    [BEBA_SET_L_EXTRACTOR] = {"SET_L_EXTRACTOR", BEBA_OF_ALL_DIALECTS, 8, true, false, extractor,
                              put_extractor},
    [BEBA_SET_U_EXTRACTOR] = {"SET_U_EXTRACTOR", BEBA_OF_ALL_DIALECTS, 8, true, false, extractor,
                              put_extractor},
    [BEBA_SET_FLOW_STATE] = {"SET_FLOW_STATE", BEBA_OF_ALL_DIALECTS, 32, true, false,
                             set_flow_state, put_set_flow_state},
    [BEBA_DEL_FLOW_STATE] = {"DEL_FLOW_STATE", BEBA_OF_ALL_DIALECTS, 8, true, false, del_flow_state,
                             put_del_flow_state},
    [BEBA_SET_GLOBAL_STATE] = {"SET_GLOBAL_STATE", BEBA_OF_ALL_DIALECTS, 8, false, true,
                               set_global_state, put_set_global_state},
    [BEBA_RESET_GLOBAL_STATE] = {"RESET_GLOBAL_STATE", BEBA_OF_ALL_DIALECTS, 0, false, true,
                                 reset_global_state, put_reset_global_state},
    [BEBA_SET_HEADER_FIELD_EXTRACTOR] = {"SET_HEADER_FIELD_EXTRACTOR", BEBA_OF_A, 8, false, false,
                                         header_field, put_header_field},
    [BEBA_SET_CONDITION] = {"SET_CONDITION", BEBA_OF_A, 8, false, false, condition, put_condition},
    [BEBA_SET_GLOBAL_DATA_VAR] = {"SET_GLOBAL_DATA_VAR", BEBA_OF_A, 12, false, false, global_var,
                                  put_global_var},
    [BEBA_SET_FLOW_DATA_VAR] = {"SET_FLOW_DATA_VAR", BEBA_OF_A, 16, true, false, flow_var,
                                put_flow_var},
};

const char *beba_of_state_mod_name(uint8_t command)
{
    return command < sizeof(rows) / sizeof(rows[0]) ? rows[command].name : "STATE_MOD";
}

/* Lengths first, then the table, then what else is wrong: the order of the originals. */
static int state_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    mod *s = &m->state_mod;
    const struct row *row;
    int r;

    if (len < PAYLOAD)
        return bad_len(d, 0);
    s->command = b[16];
    row = s->command < sizeof(rows) / sizeof(rows[0]) ? &rows[s->command] : NULL;
    if (!row || !beba_of_dialects(d, row->dialects))
        return beba_of_error_beba(d->err, BEBA_ERR_STATE_MOD_BAD_COMMAND, "unknown command %u",
                                  b[16]);
    b += PAYLOAD;
    len -= PAYLOAD;
    if (len < row->len || (len > row->len && !row->more))
        return bad_len(d, len);
    if (!row->no_table)
        s->table = b[0];
    if (!row->more && !row->no_table && s->table >= BEBA_STATE_TABLES)
        return bad_table(d, s->table);
    r = row->decode(d, b, len, s);
    if (!r && s->table >= BEBA_STATE_TABLES)
        return bad_table(d, s->table);
    return r;
}

static void put_state_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const mod *s = &m->state_mod;

    if (s->command >= sizeof(rows) / sizeof(rows[0])) {
        beba_of_refuse(e);
        return;
    }
    beba_of_put8(e, s->command);
    beba_of_pad(e, 1);
    rows[s->command].put(e, s);
}

const struct beba_of_body beba_of_state_mod_body = {state_mod, put_state_mod};

/* --- PKTTMP_MOD ---------------------------------------------------------------------------------
 */

enum { TEMPLATE = 26 }; /* where the frame begins */

static int template_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_template_mod *t = &m->template_mod;

    if (len < PAYLOAD)
        return bad_len(d, 0);
    t->command = b[16];
    if (t->command > BEBA_PKTTMP_DEL)
        return beba_of_error_beba(d->err, BEBA_ERR_PKTTMP_MOD_BAD_COMMAND, "unknown command %u",
                                  b[16]);
    if (len < TEMPLATE || (t->command == BEBA_PKTTMP_DEL && len != TEMPLATE))
        return bad_len(d, len - PAYLOAD);
    t->id = beba_load32(b + PAYLOAD);
    t->len = (uint32_t)(len - TEMPLATE);
    t->frame = t->len ? b + TEMPLATE : NULL;
    return 0;
}

static void put_template_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put8(e, m->template_mod.command);
    beba_of_pad(e, 1);
    beba_of_put32(e, m->template_mod.id);
    beba_of_pad(e, 4);
    beba_of_put(e, m->template_mod.frame, m->template_mod.len);
}

const struct beba_of_body beba_of_template_mod_body = {template_mod, put_template_mod};

/* --- notifications ------------------------------------------------------------------------------
 */

enum { STATE_CHANGED_MASTER = 84, STATE_CHANGED_ADVANCED = 108, NOTIFICATION_MATCH = 24 };

static int state_changed(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_state_changed *s = &m->state_changed;

    if (len != STATE_CHANGED_MASTER && len != STATE_CHANGED_ADVANCED)
        return bad_len(d, len);
    s->table = beba_load32(b + 16);
    s->old_state = beba_load32(b + 20);
    s->new_state = beba_load32(b + 24);
    s->mask = beba_load32(b + 28);
    s->key_len = beba_load32(b + 32);
    memcpy(s->key, b + 36, sizeof(s->key));
    for (unsigned i = 0; len == STATE_CHANGED_ADVANCED && i < BEBA_FLOW_DATA_VARS; i++)
        s->vars[i] = __builtin_bswap32(beba_load32(b + 84 + 4 * (size_t)i)); /* little-endian */
    return 0;
}

static void put_state_changed(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_state_changed *s = &m->state_changed;

    beba_of_put32(e, s->table);
    beba_of_put32(e, s->old_state);
    beba_of_put32(e, s->new_state);
    beba_of_put32(e, s->mask);
    beba_of_put32(e, BEBA_OF_STATE_KEY);
    beba_of_put(e, s->key, sizeof(s->key));
    for (unsigned i = 0; e->codec->dialect == BEBA_DIALECT_ADVANCED && i < BEBA_FLOW_DATA_VARS; i++)
        beba_of_put32(e, __builtin_bswap32(s->vars[i]));
}

const struct beba_of_body beba_of_state_changed_body = {state_changed, put_state_changed};

static int notification(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_flow_notification *f = &m->notification;
    size_t at;
    int r;

    if (len < NOTIFICATION_MATCH)
        return bad_len(d, len);
    f->table = beba_load32(b + 16);
    f->kind = beba_load32(b + 20);
    r = beba_of_match_decode(d, b + NOTIFICATION_MATCH, len - NOTIFICATION_MATCH, false, &f->match,
                             &at);
    if (r)
        return r;
    at += NOTIFICATION_MATCH;
    if (len - at < 4)
        return bad_len(d, len);
    f->n = beba_load32(b + at);
    if (f->n > sizeof(f->instruction) / sizeof(f->instruction[0]) || len - at - 4 < 4ull * f->n)
        return bad_len(d, len);
    for (uint32_t i = 0; i < f->n; i++)
        f->instruction[i] = beba_load32(b + at + 4 + 4 * (size_t)i);
    return 0;
}

static void put_notification(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_flow_notification *f = &m->notification;
    size_t start = e->len;

    beba_of_put32(e, f->table);
    beba_of_put32(e, f->kind);
    beba_of_put_match(e, &f->match);
    beba_of_put32(e, f->n);
    for (uint32_t i = 0; i < f->n; i++)
        beba_of_put32(e, f->instruction[i]);
    beba_of_pad8(e, start);
}

const struct beba_of_body beba_of_notification_body = {notification, put_notification};
