/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Instructions [7.2.4] and BEBA's IN_SWITCH_PKT_GEN. */
#include "openflow/wire.h"

enum { INSTRUCTION_HEADER = 4, MIN_INSTRUCTION = 8, PKT_GEN = 24, MAX_TABLE = OFPTT_MAX };

static int bad(struct beba_of_dec *d, uint16_t code, const char *what, uint32_t value)
{
    return beba_of_error_set(d->err, OFPET_BAD_INSTRUCTION, code, "%s %u", what, value);
}

struct place {
    int table; /* of the flow entry, or -1 */
};

static int goto_table(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                      struct beba_of_instructions *out)
{
    out->table = b[4];
    if (out->table > MAX_TABLE - 1 || out->table <= place.table)
        return bad(d, OFPBIC_BAD_TABLE_ID, "cannot go to table", out->table);
    return 0;
}

static int write_metadata(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                          struct beba_of_instructions *out)
{
    out->metadata = beba_load64(b + 8);
    out->metadata_mask = beba_load64(b + 16);
    return 0;
}

static int write_actions(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                         struct beba_of_instructions *out)
{
    return beba_of_actions_decode(d, b + 8, len - 8, BEBA_OF_IN_LIST, &out->write);
}

static int apply_actions(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                         struct beba_of_instructions *out)
{
    return beba_of_actions_decode(d, b + 8, len - 8, BEBA_OF_IN_LIST, &out->apply);
}

static int clear_actions(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                         struct beba_of_instructions *out)
{
    return 0;
}

static int meter(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                 struct beba_of_instructions *out)
{
    out->meter = beba_load32(b + 4);
    return 0;
}

static int generate(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                    struct beba_of_instructions *out)
{
    if (beba_load32(b + 4) != BEBA_EXPERIMENTER)
        return beba_of_error_set(d->err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_EXPERIMENTER,
                                 "unknown experimenter 0x%08x of an instruction",
                                 beba_load32(b + 4));
    d->msg->beba = true;
    if (len >= 12 && beba_load32(b + 8) != 0)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_INSTRUCTION,
                                  "unknown instruction %u of BEBA", beba_load32(b + 8));
    if (len < PKT_GEN)
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_LEN, "an instruction has %zu bytes",
                                  len);
    if (!beba_of_dialects(d, BEBA_OF_A | BEBA_OF_M))
        return beba_of_error_beba(d->err, BEBA_ERR_BAD_EXP_INSTRUCTION,
                                  "OpenState generates no packets");
    out->template_id = beba_load32(b + 16);
    return beba_of_actions_decode(d, b + PKT_GEN, len - PKT_GEN, BEBA_OF_IN_PACKET_OUT,
                                  &out->generate);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_goto_table(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_put8(e, i->table);
    beba_of_pad(e, 3);
}

static void put_write_metadata(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_pad(e, 4);
    beba_of_put64(e, i->metadata);
    beba_of_put64(e, i->metadata_mask);
}

static void put_write_actions(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_pad(e, 4);
    beba_of_put_actions(e, &i->write);
}

static void put_apply_actions(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_pad(e, 4);
    beba_of_put_actions(e, &i->apply);
}

static void put_clear_actions(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_pad(e, 4);
}

static void put_meter(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_put32(e, i->meter);
}

static void put_generate(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    beba_of_put32(e, BEBA_EXPERIMENTER);
    beba_of_put32(e, 0);
    beba_of_pad(e, 4);
    beba_of_put32(e, i->template_id);
    beba_of_pad(e, 4);
    beba_of_put_actions(e, &i->generate);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static const struct row {
    uint16_t type;
    uint8_t bit; /* enum beba_of_instruction_bit; rows in the order of execution */
    uint8_t len;
    bool more; /* len is the least */
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                  struct beba_of_instructions *out);
    void (*put)(struct beba_of_enc *e, const struct beba_of_instructions *i);
} rows[] = {
    {OFPIT_EXPERIMENTER, BEBA_OF_PKT_GEN, 8, true, generate, put_generate},
    {OFPIT_METER, BEBA_OF_METER, 8, false, meter, put_meter},
    {OFPIT_APPLY_ACTIONS, BEBA_OF_APPLY, 8, true, apply_actions, put_apply_actions},
    {OFPIT_CLEAR_ACTIONS, BEBA_OF_CLEAR, 8, false, clear_actions, put_clear_actions},
    {OFPIT_WRITE_ACTIONS, BEBA_OF_WRITE, 8, true, write_actions, put_write_actions},
    {OFPIT_WRITE_METADATA, BEBA_OF_METADATA, 24, false, write_metadata, put_write_metadata},
    {OFPIT_GOTO_TABLE, BEBA_OF_GOTO, 8, false, goto_table, put_goto_table},
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *row_of(uint16_t type)
{
    for (unsigned i = 0; i < N_ROWS; i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}

static int decode_one(struct beba_of_dec *d, const uint8_t *b, size_t len, struct place place,
                      unsigned n, struct beba_of_instructions *out)
{
    const struct row *row = row_of(beba_load16(b));

    if (!row)
        return bad(d, OFPBIC_UNKNOWN_INST, "unknown instruction", beba_load16(b));
    if (len < row->len || (len > row->len && !row->more))
        return bad(d, OFPBIC_BAD_LEN, "wrong length of an instruction:", (uint32_t)len);
    if (out->present & row->bit)
        return bad(d, OFPBIC_UNSUP_INST, "an instruction comes twice:", row->type);
    out->present |= row->bit;
    out->order[n] = row->type;
    return row->decode(d, b, len, place, out);
}

int beba_of_instructions_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, int table,
                                struct beba_of_instructions *out)
{
    size_t step;
    int r = 0;

    memset(out, 0, sizeof(*out));
    for (size_t at = 0, n = 0; !r && at < len; at += step, n++) {
        step = len - at >= INSTRUCTION_HEADER ? beba_load16(b + at + 2) : 0;
        if (step < MIN_INSTRUCTION || step > len - at || step % 8)
            return bad(d, OFPBIC_BAD_LEN, "wrong length of an instruction:", (uint32_t)step);
        r = decode_one(d, b + at, step, (struct place){table}, (unsigned)n, out);
    }
    return r;
}

static void put_one(struct beba_of_enc *e, const struct row *row,
                    const struct beba_of_instructions *i)
{
    size_t start = e->len;

    beba_of_put16(e, row->type);
    beba_of_put16(e, 0);
    row->put(e, i);
    beba_of_patch(e, start, 2);
}

void beba_of_put_instructions(struct beba_of_enc *e, const struct beba_of_instructions *i)
{
    uint8_t left;

    if (!i)
        return;
    left = i->present;
    for (unsigned n = 0; n < N_ROWS && i->order[n]; n++) {
        const struct row *row = row_of(i->order[n]);

        if (!row || !(left & row->bit))
            continue;
        put_one(e, row, i);
        left &= (uint8_t)~row->bit;
    }
    for (unsigned n = 0; n < N_ROWS; n++) {
        if (left & rows[n].bit)
            put_one(e, &rows[n], i);
    }
}

int beba_of_instructions_encode(const struct beba_of_instructions *instructions,
                                const struct beba_of_codec *codec, uint8_t *out, size_t cap)
{
    struct beba_of_enc e = {.codec = codec, .bytes = out, .cap = cap};

    beba_of_put_instructions(&e, instructions);
    return e.failed ? e.failed : (int)e.len;
}
