/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/read.h"

/* Only this flag of fields.def matters here. */
enum { RO = 0, SP = BEBA_FIELD_SPECIAL, ST = 0 };

/* Bytes touched by width bits that start bit_offset bits into a header. */
#define TOUCHED(width, bit_offset) (((bit_offset) % 8 + (width) + 7) / 8)

/* clang-format off */
const struct beba_field_reader beba_field_readers[BEBA_N_FIELDS] = {
#define BEBA_FIELD(id, name, kind, width, layer_, flags, bit_offset, ...)                          \
    [BEBA_F_##id] = {                                                                              \
        .layer = BEBA_LAYER_##layer_,                                                              \
        .bytes = (flags) & SP ? 0 : TOUCHED(width, bit_offset),                                    \
        .first = (bit_offset) / 8,                                                                 \
        .shift = (width) > 64 ? 0 : TOUCHED(width, bit_offset) * 8 - (bit_offset) % 8 - (width),   \
        .mask = (width) >= 64 ? ~0ull : (1ull << ((width) & 63)) - 1,                              \
    },
#include "packet/fields.def"
#undef BEBA_FIELD
};

#define BEBA_FIELD(id, name, kind, width, layer, flags, bit_offset, ...)                           \
    _Static_assert((flags) & SP || TOUCHED(width, bit_offset) == 16 ||                             \
                   0x15e >> TOUCHED(width, bit_offset) & 1, "no load for " name);
#include "packet/fields.def"
#undef BEBA_FIELD
/* clang-format on */

bool beba_field_place(const struct beba_packet *p, enum beba_field_id id, uint32_t *bit)
{
    return beba_look_place(p->data, &p->h, (enum beba_link)p->link, id, bit);
}

bool beba_field_read_special(const struct beba_packet *p, enum beba_field_id id,
                             struct beba_u128 *out)
{
    uint32_t wire = p->wire_len > p->len ? p->wire_len : p->len;

    *out = beba_u128(0, 0);
    if (!(p->h.layers >> beba_fields[id].layer & 1))
        return false;
    switch (id) {
    case BEBA_F_IN_PORT:
        out->lo = p->in_port;
        return true;
    case BEBA_F_IN_PHY_PORT:
        out->lo = p->in_phy_port;
        return true;
    case BEBA_F_METADATA:
        out->lo = p->metadata;
        return true;
    case BEBA_F_TUNNEL_ID:
        out->lo = p->tunnel_id;
        return true;
    case BEBA_F_NOW:
        out->lo = p->now;
        return true;
    case BEBA_F_PKT_LEN:
        out->lo = wire;
        return true;
    case BEBA_F_PKT_CAPLEN:
        out->lo = p->len;
        return true;
    default:
        return beba_look_special(p->data, &p->h, (enum beba_link)p->link, wire, id, out);
    }
}

bool beba_field_read_wide(const struct beba_packet *p, enum beba_field_id id, struct beba_u128 *out)
{
    return beba_field_get_wide(p, id, out);
}

bool beba_field_read(const struct beba_packet *p, enum beba_field_id id, uint64_t *out)
{
    return beba_field_get(p, id, out);
}

bool beba_field_present(const struct beba_packet *p, enum beba_field_id id)
{
    struct beba_u128 v;

    if (!(beba_fields[id].flags & BEBA_FIELD_SPECIAL))
        return p->h.layers >> beba_fields[id].layer & 1;
    return beba_field_read_special(p, id, &v);
}
