/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/state_key.h"

#include <endian.h>
#include <string.h>

/* What is an address, in network order; ARP_OP is, too, in keys. All else is little-endian. */
static bool is_address(unsigned field)
{
    switch (field) {
    case OFPXMT_OFB_ETH_DST:
    case OFPXMT_OFB_ETH_SRC:
    case OFPXMT_OFB_IPV4_SRC:
    case OFPXMT_OFB_IPV4_DST:
    case OFPXMT_OFB_ARP_SPA:
    case OFPXMT_OFB_ARP_TPA:
    case OFPXMT_OFB_ARP_SHA:
    case OFPXMT_OFB_ARP_THA:
    case OFPXMT_OFB_IPV6_SRC:
    case OFPXMT_OFB_IPV6_DST:
    case OFPXMT_OFB_IPV6_ND_TARGET:
    case OFPXMT_OFB_IPV6_ND_SLL:
    case OFPXMT_OFB_IPV6_ND_TLL:
        return true;
    default:
        return false;
    }
}

static uint32_t bytes_of(unsigned field)
{
    uint32_t width = beba_key_places[field].width;

    return width == 20 ? 4 : (width + 7) / 8; /* labels */
}

/* How a value lies in the bytes of a key. */
enum form { LITTLE_1, LITTLE_2, LITTLE_3, LITTLE_4, LITTLE_8, BIG_2, BIG_4, BIG_6, BIG_16, VLAN };

static enum form form_of(unsigned field)
{
    static const uint8_t little[] = {LITTLE_1, LITTLE_1, LITTLE_2, LITTLE_3, LITTLE_4};
    uint32_t n = bytes_of(field);

    if (field == OFPXMT_OFB_VLAN_VID)
        return VLAN;
    if (field == OFPXMT_OFB_ARP_OP)
        return BIG_2;
    if (is_address(field))
        return n == 4 ? BIG_4 : n == 6 ? BIG_6 : BIG_16;
    return n > 4 ? LITTLE_8 : (enum form)little[n];
}

static void store_as(enum form form, struct beba_u128 v, uint8_t *out)
{
    uint64_t word = htole64(v.lo);

    switch (form) {
    case LITTLE_1:
        *out = (uint8_t)v.lo;
        break;
    case VLAN:
        word = htole64(v.lo & 0xfff);
        memcpy(out, &word, 2);
        break;
    case LITTLE_2:
        memcpy(out, &word, 2);
        break;
    case LITTLE_3:
        memcpy(out, &word, 3);
        break;
    case LITTLE_4:
        memcpy(out, &word, 4);
        break;
    case LITTLE_8:
        memcpy(out, &word, 8);
        break;
    case BIG_2:
        word = htobe64(v.lo << 48);
        memcpy(out, &word, 2);
        break;
    case BIG_4:
        word = htobe64(v.lo << 32);
        memcpy(out, &word, 4);
        break;
    case BIG_6:
        word = htobe64(v.lo << 16);
        memcpy(out, &word, 6);
        break;
    case BIG_16:
        word = htobe64(v.hi);
        memcpy(out, &word, 8);
        word = htobe64(v.lo);
        memcpy(out + 8, &word, 8);
        break;
    }
}

static uint32_t length_of(uint32_t header)
{
    return header & 0xff;
}

/* Whether a packet can have what the header word says. */
static bool exists(uint32_t header, uint8_t field)
{
    uint32_t bytes;

    if (field >= BEBA_OF_N_FIELDS || (header & 0x100))
        return false;
    bytes = bytes_of(field);
    if (header >> 16 == OFPXMC_EXPERIMENTER)
        bytes += 4; /* its experimenter's number counts, and is zeros in a key */
    return length_of(header) == bytes;
}

static bool are_ends(uint8_t a, uint8_t b)
{
    static const uint8_t ends[][2] = {
        {OFPXMT_OFB_ETH_DST, OFPXMT_OFB_ETH_SRC},   {OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST},
        {OFPXMT_OFB_TCP_SRC, OFPXMT_OFB_TCP_DST},   {OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_UDP_DST},
        {OFPXMT_OFB_SCTP_SRC, OFPXMT_OFB_SCTP_DST}, {OFPXMT_OFB_IPV6_SRC, OFPXMT_OFB_IPV6_DST},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (a == ends[i][0] && b == ends[i][1])
            return true;
    return false;
}

static void sort(struct beba_of_scope *s)
{
    for (uint32_t i = 1; i < s->n; i++)
        for (uint32_t j = i; j && s->header[j - 1] > s->header[j]; j--) {
            uint32_t header = s->header[j];
            uint8_t field = s->field[j];

            s->header[j] = s->header[j - 1];
            s->field[j] = s->field[j - 1];
            s->header[j - 1] = header;
            s->field[j - 1] = field;
        }
}

bool beba_state_scope_make(struct beba_state_scope *out, const struct beba_of_scope *fields,
                           bool biflow)
{
    *out = (struct beba_state_scope){.biflow = biflow, .possible = true};
    if (fields->n > BEBA_OF_KEY_FIELDS)
        return false;
    for (uint32_t i = 0; i < fields->n; i++) {
        out->fields.header[i] = fields->header[i];
        out->fields.field[i] = fields->field[i];
        out->key_len += length_of(fields->header[i]);
        if (!exists(fields->header[i], fields->field[i]))
            out->possible = false;
        else
            out->form[i] = (uint8_t)form_of(fields->field[i]);
    }
    out->fields.n = fields->n;
    if (!out->key_len || out->key_len > BEBA_OF_STATE_KEY) {
        out->key_len = 0;
        return false;
    }
    if (!biflow)
        return true;
    sort(&out->fields);
    for (uint32_t i = 0; i < out->fields.n && out->possible; i++)
        out->form[i] = (uint8_t)form_of(out->fields.field[i]);
    for (uint32_t i = 0; i + 1 < out->fields.n; i++)
        if (are_ends(out->fields.field[i], out->fields.field[i + 1]))
            out->pairs |= (uint8_t)(1u << i);
    return true;
}

/* The greater end of a connection comes first. */
static void order_ends(uint8_t *a, uint32_t n)
{
    uint8_t kept[16];

    if (n > sizeof(kept) || memcmp(a, a + n, n) >= 0)
        return;
    memcpy(kept, a, n);
    memcpy(a, a + n, n);
    memcpy(a + n, kept, n);
}

bool beba_state_scope_key(const struct beba_state_scope *scope, const struct beba_key *packet,
                          union beba_state_key *out)
{
    uint8_t *at = out->byte;

    if (!scope->key_len || !scope->possible)
        return false;
    *out = (union beba_state_key){0};
    for (uint32_t i = 0; i < scope->fields.n; i++) {
        enum beba_of_field field = scope->fields.field[i];

        if (!beba_key_has(packet, field))
            return false;
        store_as(scope->form[i], beba_key_value(packet, field), at);
        at += length_of(scope->fields.header[i]);
    }
    at = out->byte;
    for (uint32_t i = 0; scope->pairs && i < scope->fields.n; i++) {
        uint32_t n = length_of(scope->fields.header[i]);

        if (scope->pairs >> i & 1)
            order_ends(at, n);
        at += n;
    }
    return true;
}

/* Where a field is in keys of the scope, or -1. */
static int offset_of(const struct beba_state_scope *scope, uint8_t field)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < scope->fields.n; i++) {
        if (scope->fields.field[i] == field && exists(scope->fields.header[i], field))
            return (int)at;
        at += length_of(scope->fields.header[i]);
    }
    return -1;
}

bool beba_state_scope_covers(const struct beba_state_scope *scope,
                             const struct beba_of_match *match)
{
    for (uint32_t i = 0; i < match->n; i++)
        if (offset_of(scope, match->oxm[i].field) < 0)
            return false;
    return true;
}

bool beba_state_scope_match(const struct beba_state_scope *scope, const struct beba_of_match *match,
                            const uint8_t *key)
{
    for (uint32_t i = 0; i < match->n; i++) {
        const struct beba_of_oxm *oxm = &match->oxm[i];
        int at = offset_of(scope, oxm->field);
        uint8_t want[16];

        if (at < 0)
            return false;
        store_as(form_of(oxm->field), oxm->value, want);
        if (memcmp(key + at, want, bytes_of(oxm->field)) != 0)
            return false;
    }
    return true;
}

uint32_t beba_state_number(unsigned field, struct beba_u128 value)
{
    if (field == OFPXMT_OFB_VLAN_VID)
        return (uint32_t)value.lo & 0xfff;
    if (!is_address(field))
        return (uint32_t)value.lo;
    switch (bytes_of(field)) {
    case 4:
        return __builtin_bswap32((uint32_t)value.lo);
    case 6:
        return __builtin_bswap32((uint32_t)(value.lo >> 16));
    default:
        return __builtin_bswap32((uint32_t)(value.hi >> 32));
    }
}

struct beba_u128 beba_state_value(unsigned field, uint32_t number)
{
    if (field == OFPXMT_OFB_VLAN_VID)
        return beba_u128(0, (number & 0xfff) | OFPVID_PRESENT);
    if (!is_address(field))
        return beba_u128(0, number & beba_mask64(beba_key_places[field].width));
    switch (bytes_of(field)) {
    case 4:
        return beba_u128(0, __builtin_bswap32(number));
    case 6:
        return beba_u128(0, (uint64_t)__builtin_bswap32(number) << 16);
    default:
        return beba_u128((uint64_t)__builtin_bswap32(number) << 32, 0);
    }
}
