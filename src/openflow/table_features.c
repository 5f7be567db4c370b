/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Table features [7.3.5.5]: a table's properties, asked for, told and set. */
#include "openflow/wire.h"

enum { FEATURES = 64, PROPERTY = 4 };

enum kind { UNKNOWN, TYPES, TABLES, FIELDS, EXPERIMENTER };

static enum kind kind_of(uint16_t type)
{
    static const uint8_t kinds[] = {
        [OFPTFPT_INSTRUCTIONS] = TYPES,    [OFPTFPT_INSTRUCTIONS_MISS] = TYPES,
        [OFPTFPT_NEXT_TABLES] = TABLES,    [OFPTFPT_NEXT_TABLES_MISS] = TABLES,
        [OFPTFPT_WRITE_ACTIONS] = TYPES,   [OFPTFPT_WRITE_ACTIONS_MISS] = TYPES,
        [OFPTFPT_APPLY_ACTIONS] = TYPES,   [OFPTFPT_APPLY_ACTIONS_MISS] = TYPES,
        [OFPTFPT_MATCH] = FIELDS,          [OFPTFPT_WILDCARDS] = FIELDS,
        [OFPTFPT_WRITE_SETFIELD] = FIELDS, [OFPTFPT_WRITE_SETFIELD_MISS] = FIELDS,
        [OFPTFPT_APPLY_SETFIELD] = FIELDS, [OFPTFPT_APPLY_SETFIELD_MISS] = FIELDS,
    };

    if (type == OFPTFPT_EXPERIMENTER || type == OFPTFPT_EXPERIMENTER_MISS)
        return EXPERIMENTER;
    return type < sizeof(kinds) ? (enum kind)kinds[type] : UNKNOWN;
}

static int bad(struct beba_of_dec *d, uint16_t code, const char *what, uint32_t value)
{
    return beba_of_error_set(d->err, OFPET_TABLE_FEATURES_FAILED, code, "%s %u", what, value);
}

/* The length of the id at b; 0: it does not fit. */
static size_t id_len(enum kind kind, const uint8_t *b, size_t len)
{
    size_t n;

    if (len < 4)
        return 0;
    if (kind == FIELDS)
        n = beba_load16(b) == OFPXMC_EXPERIMENTER ? 8 : 4;
    else
        n = beba_load16(b + 2);
    if (n > len)
        return 0;
    if (kind == TYPES && (n < 4 || (beba_load16(b) == OFPIT_EXPERIMENTER && n < 8)))
        return 0;
    return n;
}

static int ids(struct beba_of_dec *d, enum kind kind, const uint8_t *b, size_t len,
               struct beba_of_table_property *p)
{
    struct beba_of_id *id;
    size_t step;
    int r;

    for (size_t at = 0; at < len; at += step, p->n++) {
        step = id_len(kind, b + at, len - at);
        if (!step)
            return bad(d, OFPTFFC_BAD_LEN, "an id does not fit in a property of type", p->type);
    }
    r = beba_of_take_array(d, p->n, &id);
    for (size_t at = 0, i = 0; !r && at < len; at += step, i++) {
        step = id_len(kind, b + at, len - at);
        id[i].id = kind == FIELDS ? beba_load32(b + at) : beba_load16(b + at);
        if (step >= 8)
            id[i].experimenter = beba_load32(b + at + 4);
    }
    p->id = id;
    return r;
}

static int property(struct beba_of_dec *d, const uint8_t *b, size_t len,
                    struct beba_of_table_property *p)
{
    enum kind kind;

    p->type = beba_load16(b);
    kind = kind_of(p->type);
    b += PROPERTY;
    len -= PROPERTY;
    switch (kind) {
    case TYPES:
    case FIELDS:
        return ids(d, kind, b, len, p);
    case TABLES:
    case EXPERIMENTER:
        p->n = (uint32_t)len;
        p->table = len ? b : NULL;
        return 0;
    case UNKNOWN:
        break;
    }
    return bad(d, OFPTFFC_BAD_TYPE, "unknown property", p->type);
}

/* The bytes that the property at b takes with its padding; 0: it does not fit. */
static size_t property_len(const uint8_t *b, size_t len)
{
    size_t n = len >= PROPERTY ? beba_load16(b + 2) : 0;

    return n < PROPERTY || beba_of_up8(n) > len ? 0 : beba_of_up8(n);
}

int beba_of_table_features_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                                  struct beba_of_table_features *out)
{
    struct beba_of_table_property *p = NULL;
    uint32_t n = 0;
    size_t step;
    int r;

    out->table = b[2];
    memcpy(out->name, b + 8, OFP_MAX_TABLE_NAME_LEN);
    out->metadata_match = beba_load64(b + 40);
    out->metadata_write = beba_load64(b + 48);
    out->config = beba_load32(b + 56);
    out->max_entries = beba_load32(b + 60);
    for (size_t at = FEATURES; at < len; at += step, n++) {
        step = property_len(b + at, len - at);
        if (!step)
            return bad(d, OFPTFFC_BAD_LEN, "a property does not fit in table", out->table);
    }
    r = beba_of_take_array(d, n, &p);
    for (size_t at = FEATURES; !r && at < len; at += beba_of_up8(step)) {
        step = beba_load16(b + at + 2);
        r = property(d, b + at, step, &p[out->n_properties++]);
    }
    out->property = p;
    return r;
}

static void put_property(struct beba_of_enc *e, const struct beba_of_table_property *p)
{
    enum kind kind = kind_of(p->type);
    size_t start = e->len;

    beba_of_put16(e, p->type);
    beba_of_put16(e, 0);
    if (kind == TABLES || kind == EXPERIMENTER)
        beba_of_put(e, p->table, p->n);
    for (uint32_t i = 0; (kind == TYPES || kind == FIELDS) && i < p->n; i++) {
        const struct beba_of_id *id = &p->id[i];
        bool experimenter =
            kind == TYPES ? id->id == OFPIT_EXPERIMENTER : id->id >> 16 == OFPXMC_EXPERIMENTER;

        if (kind == TYPES) {
            beba_of_put16(e, (uint16_t)id->id);
            beba_of_put16(e, experimenter ? 8 : 4);
        } else {
            beba_of_put32(e, id->id);
        }
        if (experimenter)
            beba_of_put32(e, id->experimenter);
    }
    beba_of_patch(e, start, 2);
    beba_of_pad8(e, start);
}

void beba_of_put_table_features(struct beba_of_enc *e, const struct beba_of_table_features *t)
{
    size_t start = e->len;

    beba_of_put16(e, 0);
    beba_of_put8(e, t->table);
    beba_of_pad(e, 5);
    beba_of_put_name(e, t->name, OFP_MAX_TABLE_NAME_LEN);
    beba_of_put64(e, t->metadata_match);
    beba_of_put64(e, t->metadata_write);
    beba_of_put32(e, t->config);
    beba_of_put32(e, t->max_entries);
    for (uint32_t i = 0; i < t->n_properties; i++)
        put_property(e, &t->property[i]);
    beba_of_patch(e, start, 0);
}
