/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/key.h"

static bool take_field(const struct key_part *part, const struct beba_packet *p, uint8_t *out)
{
    struct beba_u128 v;

    if (!beba_field_read_wide(p, (enum beba_field_id)part->field, &v))
        return false;
    for (unsigned i = part->size; i-- > 0;) {
        out[i] = (uint8_t)v.lo;
        v.lo = v.lo >> 8 | v.hi << 56;
        v.hi >>= 8;
    }
    return true;
}

bool beba_key_take_fields(const struct code_key *key, const struct beba_packet *p,
                          struct flow_key *out)
{
    uint8_t *to = (uint8_t *)out->word;

    for (unsigned i = 0; i < key->n_parts; i++) {
        const struct key_part *part = &key->part[i];

        switch ((enum key_part_kind)part->kind) {
        case KEY_COPY:
            memcpy(to, p->data + p->h.offset[part->layer] + part->offset, part->size);
            break;
        case KEY_IP_SRC:
            key_address(p, false, to);
            break;
        case KEY_IP_DST:
            key_address(p, true, to);
            break;
        case KEY_FIELD:
            if (!take_field(part, p, to))
                return false;
        }
        to += part->size;
    }
    memset(to, 0, key->padded - key->size);
    return true;
}
