/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BEBA's actions (docs/beba-extension.md, "Experimenter actions"). */
#include "openflow/wire.h"

enum {
    HEADER = 16,
    SET_STATE_OLD = 48, /* O and M */
    SET_STATE = 56,     /* A, before its fields */
    SET_DATA_VAR = 40,  /* before its fields */
};

/* --- scopes ----------------------------------------------------------------------------------- */

void beba_of_scope_decode(const uint8_t *b, uint32_t n, struct beba_of_scope *out)
{
    out->n = n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t header = beba_load32(b + 4 * (size_t)i);
        enum beba_of_field field = beba_of_field_of_header(header);

        out->header[i] = header;
        if (field < BEBA_OF_N_FIELDS && header != beba_of_field_header(field, false))
            field = BEBA_OF_N_FIELDS;
        out->field[i] = (uint8_t)field;
    }
}

void beba_of_put_headers(struct beba_of_enc *e, const struct beba_of_scope *scope)
{
    for (uint32_t i = 0; i < scope->n && i < BEBA_OF_KEY_FIELDS; i++)
        beba_of_put32(e, scope->header[i]);
}

static int bad_len(struct beba_of_dec *d, size_t len)
{
    return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_LEN, "an action of BEBA has %zu bytes", len);
}

/* An action's own scope: n header words and what pads them, to the end of the action. */
static int own_scope(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t n,
                     struct beba_of_scope *out)
{
    if (n > BEBA_OF_KEY_FIELDS || len < beba_of_up8((size_t)n * 4))
        return bad_len(d, len);
    beba_of_scope_decode(b, n, out);
    return 0;
}

static int check_table(struct beba_of_dec *d, uint8_t table)
{
    if (table < BEBA_STATE_TABLES)
        return 0;
    return beba_of_error_beba(d->err, BEBA_ERR_BAD_TABLE_ID, "no state table %u", table);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int set_state(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_action *a)
{
    bool old = len == SET_STATE_OLD;

    if (len < SET_STATE && !old)
        return bad_len(d, len);
    /* The length tells the form, whatever the setting. */
    beba_of_dialects(d, !old ? BEBA_OF_A : b[44] ? BEBA_OF_M : BEBA_OF_M | BEBA_OF_O);
    a->set_state.state = beba_load32(b + 16);
    a->set_state.mask = beba_load32(b + 20);
    a->set_state.table = b[24];
    a->set_state.hard_rollback = beba_load32(b + 28);
    a->set_state.idle_rollback = beba_load32(b + 32);
    a->set_state.hard_timeout = beba_load32(b + 36);
    a->set_state.idle_timeout = beba_load32(b + 40);
    a->set_state.bit = b[44];
    if (check_table(d, a->set_state.table))
        return -EINVAL;
    if (old)
        return 0;
    return own_scope(d, b + SET_STATE, len - SET_STATE, beba_load32(b + 52), &a->set_state.scope);
}

static int set_global_state(struct beba_of_dec *d, const uint8_t *b, size_t len,
                            struct beba_of_action *a)
{
    a->set_global_state.value = beba_load32(b + 16);
    a->set_global_state.mask = beba_load32(b + 20);
    return 0;
}

static int inc_state(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_action *a)
{
    a->inc_state.table = b[16];
    return check_table(d, a->inc_state.table);
}

/* May an operand of this type and number be there? */
static int check_operand(struct beba_of_dec *d, unsigned type, unsigned id, bool may_be_constant)
{
    static const struct {
        unsigned n;
        uint16_t code;
        const char *name;
    } kinds[] = {
        [BEBA_OPERAND_FDV] = {BEBA_FLOW_DATA_VARS, BEBA_ERR_BAD_FLOW_DATA_VAR_ID,
                              "flow data variable"},
        [BEBA_OPERAND_GDV] = {BEBA_GLOBAL_DATA_VARS, BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID,
                              "global data variable"},
        [BEBA_OPERAND_HF] = {BEBA_HEADER_FIELDS, BEBA_ERR_BAD_EXTRACTOR_ID, "header field"},
    };

    if (type == BEBA_OPERAND_CONSTANT) {
        if (may_be_constant)
            return 0;
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_OPERAND_TYPE, "a constant cannot be here");
    }
    if (id < kinds[type].n)
        return 0;
    return beba_of_error_beba(d->err, kinds[type].code, "no %s %u", kinds[type].name, id);
}

int beba_of_check_condition_operand(struct beba_of_dec *d, unsigned type, unsigned id)
{
    return check_operand(d, type, id, false);
}

static int check_data_var(struct beba_of_dec *d, const struct beba_of_action *a)
{
    static const uint8_t operands[] = {
        [BEBA_ALU_SUM] = 2, [BEBA_ALU_SUB] = 2, [BEBA_ALU_MUL] = 2,  [BEBA_ALU_DIV] = 2,
        [BEBA_ALU_AVG] = 3, [BEBA_ALU_VAR] = 3, [BEBA_ALU_EWMA] = 3, [BEBA_ALU_POLY_SUM] = 4,
    };
    const uint8_t *type = a->set_data_var.operand_type, *id = a->set_data_var.operand;
    int r = check_table(d, a->set_data_var.table);

    if (!r)
        r = check_operand(d, type[0], id[0], false);
    if (!r)
        r = check_operand(d, type[1], id[1], true);
    if (!r)
        r = check_operand(d, a->set_data_var.out_type, a->set_data_var.out, false);
    if (!r && a->set_data_var.opcode > BEBA_ALU_POLY_SUM)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_OPCODE, "no operation %u",
                                  a->set_data_var.opcode);
    for (unsigned i = 2; !r && i < operands[a->set_data_var.opcode]; i++)
        r = check_operand(d, type[i], id[i], false);
    return r;
}

static int set_data_var(struct beba_of_dec *d, const uint8_t *b, size_t len,
                        struct beba_of_action *a)
{
    uint16_t types = beba_load16(b + 16);
    int r;

    r = own_scope(d, b + SET_DATA_VAR, len - SET_DATA_VAR, beba_load32(b + 32),
                  &a->set_data_var.scope);
    if (r)
        return r;
    for (unsigned i = 0; i < 4; i++) {
        a->set_data_var.operand_type[i] = types >> (14 - 2 * i) & 3;
        a->set_data_var.operand[i] = b[24 + i];
        a->set_data_var.coeff[i] = (int8_t)b[28 + i];
    }
    a->set_data_var.out_type = types >> 7 & 1;
    a->set_data_var.table = b[18];
    a->set_data_var.opcode = b[19];
    a->set_data_var.out = b[20];
    a->set_data_var.bit = b[36];
    return check_data_var(d, a);
}

static int write_context(struct beba_of_dec *d, const uint8_t *b, size_t len,
                         struct beba_of_action *a)
{
    enum beba_of_field field;

    a->write_context.source = b[16];
    a->write_context.id = b[17];
    a->write_context.header = beba_load32(b + 20);
    if (a->write_context.source > BEBA_CONTEXT_STATE)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_SOURCE_TYPE, "no source %u",
                                  a->write_context.source);
    if (a->write_context.source != BEBA_CONTEXT_STATE &&
        check_operand(d, a->write_context.source, a->write_context.id, false))
        return -EINVAL;
    field = beba_of_field_of_header(a->write_context.header);
    if (field == BEBA_OF_N_FIELDS ||
        a->write_context.header != beba_of_field_header(field, false) ||
        !(beba_of_fields[field].settable || field == (int)OFPXMT_OFB_METADATA))
        return beba_of_error_set(d->err, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE,
                                 "context cannot be written to field 0x%08x",
                                 a->write_context.header);
    a->write_context.field = (uint8_t)field;
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_own_scope(struct beba_of_enc *e, const struct beba_of_scope *scope)
{
    beba_of_put_headers(e, scope);
    if (scope->n % 2)
        beba_of_put32(e, 0);
}

static void put_set_state(struct beba_of_enc *e, const struct beba_of_action *a)
{
    bool openstate = e->codec->dialect == BEBA_DIALECT_OPENSTATE;

    beba_of_put32(e, a->set_state.state);
    beba_of_put32(e, a->set_state.mask);
    beba_of_put8(e, a->set_state.table);
    beba_of_pad(e, 3);
    beba_of_put32(e, a->set_state.hard_rollback);
    beba_of_put32(e, a->set_state.idle_rollback);
    beba_of_put32(e, a->set_state.hard_timeout);
    beba_of_put32(e, a->set_state.idle_timeout);
    beba_of_put8(e, openstate ? 0 : a->set_state.bit);
    beba_of_pad(e, 3);
    if (e->codec->dialect != BEBA_DIALECT_ADVANCED) {
        if (a->set_state.scope.n || (openstate && a->set_state.bit))
            beba_of_refuse(e);
        return;
    }
    beba_of_pad(e, 4);
    beba_of_put32(e, a->set_state.scope.n);
    put_own_scope(e, &a->set_state.scope);
}

static void put_set_global_state(struct beba_of_enc *e, const struct beba_of_action *a)
{
    beba_of_put32(e, a->set_global_state.value);
    beba_of_put32(e, a->set_global_state.mask);
}

static void put_inc_state(struct beba_of_enc *e, const struct beba_of_action *a)
{
    beba_of_put8(e, a->inc_state.table);
    beba_of_pad(e, 7);
}

static void put_set_data_var(struct beba_of_enc *e, const struct beba_of_action *a)
{
    unsigned types = (a->set_data_var.out_type & 1u) << 7;

    for (unsigned i = 0; i < 4; i++)
        types |= (a->set_data_var.operand_type[i] & 3u) << (14 - 2 * i);
    beba_of_put16(e, (uint16_t)types);
    beba_of_put8(e, a->set_data_var.table);
    beba_of_put8(e, a->set_data_var.opcode);
    beba_of_put8(e, a->set_data_var.out);
    beba_of_pad(e, 3);
    beba_of_put(e, a->set_data_var.operand, 4);
    beba_of_put(e, a->set_data_var.coeff, 4);
    beba_of_put32(e, a->set_data_var.scope.n);
    beba_of_put8(e, a->set_data_var.bit);
    beba_of_pad(e, 3);
    put_own_scope(e, &a->set_data_var.scope);
}

static void put_write_context(struct beba_of_enc *e, const struct beba_of_action *a)
{
    beba_of_put8(e, a->write_context.source);
    beba_of_put8(e, a->write_context.id);
    beba_of_pad(e, 2);
    beba_of_put32(e, a->write_context.header);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static const struct row {
    uint8_t dialects;
    uint8_t len; /* at least */
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_action *a);
    void (*put)(struct beba_of_enc *e, const struct beba_of_action *a);
} rows[] = {
    [BEBA_ACT_SET_STATE] = {BEBA_OF_ALL_DIALECTS, SET_STATE_OLD, set_state, put_set_state},
    [BEBA_ACT_SET_GLOBAL_STATE] = {BEBA_OF_ALL_DIALECTS, 24, set_global_state,
                                   put_set_global_state},
    [BEBA_ACT_INC_STATE] = {BEBA_OF_A | BEBA_OF_M, 24, inc_state, put_inc_state},
    [BEBA_ACT_SET_DATA_VAR] = {BEBA_OF_A, SET_DATA_VAR, set_data_var, put_set_data_var},
    [BEBA_ACT_WRITE_CONTEXT] = {BEBA_OF_A, 24, write_context, put_write_context},
};

int beba_of_beba_action_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                               struct beba_of_action *a)
{
    const struct row *row;
    uint32_t type;

    if (beba_load32(b + 4) != BEBA_EXPERIMENTER)
        return beba_of_error_set(d->err, OFPET_BAD_ACTION, OFPBAC_BAD_EXPERIMENTER,
                                 "unknown experimenter 0x%08x of an action", beba_load32(b + 4));
    d->msg->beba = true;
    if (len < HEADER)
        return bad_len(d, len);
    type = beba_load32(b + 8);
    row = type < sizeof(rows) / sizeof(rows[0]) ? &rows[type] : NULL;
    if (!row || !beba_of_dialects(d, row->dialects))
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_ACTION, "unknown action %u of BEBA",
                                  type);
    if (len < row->len)
        return bad_len(d, len);
    a->beba = type;
    return row->decode(d, b, len, a);
}

void beba_of_put_beba_action(struct beba_of_enc *e, const struct beba_of_action *a)
{
    if (a->beba >= sizeof(rows) / sizeof(rows[0])) {
        beba_of_refuse(e);
        return;
    }
    beba_of_put32(e, BEBA_EXPERIMENTER);
    beba_of_put32(e, a->beba);
    beba_of_pad(e, 4);
    rows[a->beba].put(e, a);
}
