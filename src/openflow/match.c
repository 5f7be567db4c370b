/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Matches and the OXM TLVs that they are made of [7.2.3]. */
#include "openflow/wire.h"

enum { MATCH_HEADER = 4, OXM_HEADER = 4, EXPERIMENTER_ID = 4, ONF_TCP_FLAGS = 42 };

/* --- prerequisites --------------------------------------------------------------------------- */

struct needs { /* all of them, each one of two values; -1: anything */
    int32_t eth_type[2], ip_proto, icmp6_type[2];
};

static const struct needs needs[BEBA_OF_N_PREREQS] = {
    [BEBA_OF_NEEDS_NOTHING] = {{-1}, -1, {-1}},
    [BEBA_OF_NEEDS_IN_PORT] = {{-1}, -1, {-1}},
    [BEBA_OF_NEEDS_VLAN] = {{-1}, -1, {-1}},
    [BEBA_OF_NEEDS_IP] = {{0x0800, 0x86dd}, -1, {-1}},
    [BEBA_OF_NEEDS_IP4] = {{0x0800, 0x0800}, -1, {-1}},
    [BEBA_OF_NEEDS_IP6] = {{0x86dd, 0x86dd}, -1, {-1}},
    [BEBA_OF_NEEDS_ARP] = {{0x0806, 0x0806}, -1, {-1}},
    [BEBA_OF_NEEDS_MPLS] = {{0x8847, 0x8848}, -1, {-1}},
    [BEBA_OF_NEEDS_PBB] = {{0x88e7, 0x88e7}, -1, {-1}},
    [BEBA_OF_NEEDS_TCP] = {{0x0800, 0x86dd}, 6, {-1}},
    [BEBA_OF_NEEDS_UDP] = {{0x0800, 0x86dd}, 17, {-1}},
    [BEBA_OF_NEEDS_SCTP] = {{0x0800, 0x86dd}, 132, {-1}},
    [BEBA_OF_NEEDS_ICMP4] = {{0x0800, 0x0800}, 1, {-1}},
    [BEBA_OF_NEEDS_ICMP6] = {{0x86dd, 0x86dd}, 58, {-1}},
    [BEBA_OF_NEEDS_ND] = {{0x86dd, 0x86dd}, 58, {135, 136}},
    [BEBA_OF_NEEDS_ND_SOLICIT] = {{0x86dd, 0x86dd}, 58, {135, 135}},
    [BEBA_OF_NEEDS_ND_ADVERT] = {{0x86dd, 0x86dd}, 58, {136, 136}},
};

static bool one_of(const int32_t want[2], int32_t known)
{
    return want[0] == -1 || known == BEBA_OF_ANY_VALUE || known == want[0] || known == want[1];
}

bool beba_of_prereq_met(const struct beba_of_known *known, enum beba_of_prereq prereq)
{
    const struct needs *n = &needs[prereq];

    if (prereq == BEBA_OF_NEEDS_NOTHING)
        return true;
    if (prereq == BEBA_OF_NEEDS_IN_PORT)
        return known->in_port;
    if (prereq == BEBA_OF_NEEDS_VLAN)
        return known->vlan;
    return one_of(n->eth_type, known->eth_type) &&
           one_of((int32_t[2]){n->ip_proto, n->ip_proto}, known->ip_proto) &&
           one_of(n->icmp6_type, known->icmp6_type);
}

void beba_of_known_add(struct beba_of_known *known, const struct beba_of_oxm *oxm)
{
    switch (oxm->field) {
    case OFPXMT_OFB_IN_PORT:
        known->in_port = true;
        break;
    case OFPXMT_OFB_ETH_TYPE:
        known->eth_type = (int32_t)oxm->value.lo;
        break;
    case OFPXMT_OFB_VLAN_VID:
        known->vlan = (oxm->value.lo & OFPVID_PRESENT) != 0;
        break;
    case OFPXMT_OFB_IP_PROTO:
        known->ip_proto = (int32_t)oxm->value.lo;
        break;
    case OFPXMT_OFB_ICMPV6_TYPE:
        known->icmp6_type = (int32_t)oxm->value.lo;
        break;
    default:
        break;
    }
}

/* --- OXM -------------------------------------------------------------------------------------- */

static struct beba_u128 load(const uint8_t *b, unsigned n)
{
    struct beba_u128 v = {0, 0};

    switch (n) {
    case 1:
        v.lo = b[0];
        return v;
    case 2:
        v.lo = beba_load16(b);
        return v;
    case 4:
        v.lo = beba_load32(b);
        return v;
    case 8:
        v.lo = beba_load64(b);
        return v;
    default:
        break;
    }
    if (n > 8)
        v.hi = beba_load64(b);
    for (unsigned i = n > 8 ? 8 : 0; i < n; i++)
        v.lo = v.lo << 8 | b[i];
    return v;
}

static void store(uint8_t *b, unsigned n, struct beba_u128 v)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned shift = 8 * (n - 1 - i);

        b[i] = (uint8_t)(shift >= 64 ? v.hi >> (shift - 64) : v.lo >> shift);
    }
}

static struct beba_u128 and_not(struct beba_u128 a, struct beba_u128 b)
{
    return beba_u128(a.hi & ~b.hi, a.lo & ~b.lo);
}

static bool is_zero(struct beba_u128 v)
{
    return !v.hi && !v.lo;
}

struct codes { /* of errors, in a match or in a set-field */
    uint16_t type, field, len, value, mask;
};

static const struct codes in_match = {OFPET_BAD_MATCH, OFPBMC_BAD_FIELD, OFPBMC_BAD_LEN,
                                      OFPBMC_BAD_VALUE, OFPBMC_BAD_MASK};
static const struct codes in_set_field = {OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE, OFPBAC_BAD_SET_LEN,
                                          OFPBAC_BAD_SET_ARGUMENT, OFPBAC_BAD_SET_TYPE};

struct tlv {
    uint32_t header;
    enum beba_of_field field;
    bool has_mask, onf;
    const uint8_t *value; /* behind an experimenter's id */
    unsigned len;         /* of value and mask */
};

static bool beba_field(struct beba_of_dec *d, enum beba_of_field field)
{
    bool old = field <= BEBA_OF_STATE;

    d->msg->beba = true;
    return beba_of_dialects(d, old ? BEBA_OF_ALL_DIALECTS : BEBA_OF_A);
}

/* Which field a TLV is; it is whole. */
static int identify(struct beba_of_dec *d, const uint8_t *b, const struct codes *c, struct tlv *t)
{
    uint32_t class, experimenter;

    t->header = beba_load32(b);
    t->has_mask = t->header >> 8 & 1;
    t->len = t->header & 0xff;
    t->value = b + OXM_HEADER;
    t->onf = false;
    class = t->header >> 16;
    if (class == OFPXMC_OPENFLOW_BASIC) {
        t->field = beba_of_field_of_header(t->header);
        if (t->field == BEBA_OF_N_FIELDS)
            return beba_of_error_set(d->err, c->type, c->field, "unknown field %u",
                                     t->header >> 9 & 0x7f);
        return 0;
    }
    if (class != OFPXMC_EXPERIMENTER)
        return beba_of_error_set(d->err, c->type, c->field, "unknown class 0x%04x of fields",
                                 class);
    if (t->len < EXPERIMENTER_ID)
        return beba_of_error_set(d->err, c->type, c->len, "no experimenter id in a field");
    experimenter = beba_load32(t->value);
    t->value += EXPERIMENTER_ID;
    t->len -= EXPERIMENTER_ID;
    if (experimenter == ONF_EXPERIMENTER && (t->header >> 9 & 0x7f) == ONF_TCP_FLAGS) {
        t->field = BEBA_OF_TCP_FLAGS;
        t->onf = true;
        return 0;
    }
    t->field =
        experimenter == BEBA_EXPERIMENTER ? beba_of_field_of_header(t->header) : BEBA_OF_N_FIELDS;
    if (t->field == BEBA_OF_N_FIELDS || !beba_field(d, t->field) ||
        (t->has_mask && !beba_of_fields[t->field].maskable))
        return beba_of_error_set(d->err, c->type, c->field, "unknown field %u of experimenter 0x%x",
                                 t->header >> 9 & 0x7f, experimenter);
    return 0;
}

static int read_oxm(struct beba_of_dec *d, const struct tlv *t, const struct codes *c,
                    struct beba_of_oxm *out)
{
    const struct beba_of_field_row *row = &beba_of_fields[t->field];
    struct beba_u128 ones = beba_of_field_ones(t->field);

    if (t->has_mask && (!row->maskable || c == &in_set_field))
        return beba_of_error_set(d->err, c->type, c->mask, "%s takes no mask here", row->name);
    if (t->len != (unsigned)row->bytes << t->has_mask)
        return beba_of_error_set(d->err, c->type, c->len, "%s has %u bytes, not %u", row->name,
                                 (unsigned)row->bytes << t->has_mask, t->len);
    out->field = (uint8_t)t->field;
    out->has_mask = t->has_mask;
    out->onf_form = t->onf;
    out->value = load(t->value, row->bytes);
    out->mask = ones;
    if (!is_zero(and_not(out->value, ones)))
        return beba_of_error_set(d->err, c->type, c->value, "%s has %u bits", row->name, row->bits);
    if (!t->has_mask)
        return 0;
    out->mask = load(t->value + row->bytes, row->bytes);
    if (!is_zero(and_not(out->value, out->mask))) {
        if (row->class == OFPXMC_EXPERIMENTER)
            return beba_of_error_beba(d->err, BEBA_ERR_BAD_MATCH_WILDCARD,
                                      "%s has bits outside of its mask", row->name);
        return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_BAD_WILDCARDS,
                                 "%s has bits outside of its mask", row->name);
    }
    /* A mask of all ones may be that of the bytes; what is not of the field does not count. */
    out->mask = beba_u128(out->mask.hi & ones.hi, out->mask.lo & ones.lo);
    return 0;
}

/* The TLVs of len bytes; n of them, or an error of where one does not fit. */
static int count(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n)
{
    *n = 0;
    for (size_t at = 0; at < len; (*n)++) {
        if (len - at < OXM_HEADER || len - at - OXM_HEADER < b[at + 3])
            return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_BAD_LEN,
                                     "a field ends past the match");
        at += OXM_HEADER + (size_t)b[at + 3];
    }
    return 0;
}

static int read_all(struct beba_of_dec *d, const uint8_t *b, size_t len, bool prerequisites,
                    struct beba_of_match *out)
{
    struct beba_of_known known = BEBA_OF_NOTHING_KNOWN;
    uint64_t seen = 0;
    struct tlv t = {0};
    uint32_t n;
    int r = count(d, b, len, &n);

    if (r)
        return r;
    if (n > BEBA_OF_N_FIELDS) /* so one comes twice, or is unknown: found below */
        n = BEBA_OF_N_FIELDS + 1;
    r = beba_of_take_array(d, n, &out->oxm);
    for (size_t at = 0; !r && at < len; at += OXM_HEADER + (size_t)b[at + 3]) {
        struct beba_of_oxm *oxm = &out->oxm[out->n];

        r = identify(d, b + at, &in_match, &t);
        if (!r)
            r = read_oxm(d, &t, &in_match, oxm);
        if (r)
            break;
        if (seen >> t.field & 1)
            return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_DUP_FIELD, "%s comes twice",
                                     beba_of_fields[t.field].name);
        if (prerequisites && !beba_of_prereq_met(&known, beba_of_fields[t.field].prereq))
            return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ,
                                     "%s lacks what it needs before it",
                                     beba_of_fields[t.field].name);
        seen |= 1ull << t.field;
        beba_of_known_add(&known, oxm);
        if (t.field == BEBA_OF_TCP_FLAGS)
            d->codec->onf_tcp_flags = t.onf;
        out->n++;
    }
    return r;
}

int beba_of_match_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, bool prerequisites,
                         struct beba_of_match *out, size_t *used)
{
    uint16_t match_len;

    *out = (struct beba_of_match){0, NULL};
    if (len < MATCH_HEADER)
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN, "no match");
    if (beba_load16(b) != OFPMT_OXM)
        return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_BAD_TYPE, "match of type %u",
                                 beba_load16(b));
    match_len = beba_load16(b + 2);
    if (match_len < MATCH_HEADER || beba_of_up8(match_len) > len)
        return beba_of_error_set(d->err, OFPET_BAD_MATCH, OFPBMC_BAD_LEN, "match of %u bytes",
                                 match_len);
    *used = beba_of_up8(match_len);
    return read_all(d, b + MATCH_HEADER, (size_t)match_len - MATCH_HEADER, prerequisites, out);
}

int beba_of_set_field_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                             struct beba_of_oxm *out)
{
    struct tlv t = {0};
    int r;

    if (len < OXM_HEADER || len - OXM_HEADER < b[3] ||
        len != beba_of_up8(MATCH_HEADER + OXM_HEADER + (size_t)b[3]) - MATCH_HEADER)
        return beba_of_error_set(d->err, OFPET_BAD_ACTION, OFPBAC_BAD_SET_LEN,
                                 "set-field and its field differ in length");
    r = identify(d, b, &in_set_field, &t);
    if (r)
        return r;
    if (!beba_of_fields[t.field].settable)
        return beba_of_error_set(d->err, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE, "%s cannot be set",
                                 beba_of_fields[t.field].name);
    return read_oxm(d, &t, &in_set_field, out);
}

void beba_of_put_oxm(struct beba_of_enc *e, const struct beba_of_oxm *oxm)
{
    const struct beba_of_field_row *row = &beba_of_fields[oxm->field];
    uint32_t header = beba_of_field_header(oxm->field, oxm->has_mask), experimenter = 0;
    uint8_t *at;

    if (row->class == OFPXMC_EXPERIMENTER)
        experimenter = BEBA_EXPERIMENTER;
    if (oxm->onf_form) {
        experimenter = ONF_EXPERIMENTER;
        header = (uint32_t)OFPXMC_EXPERIMENTER << 16 | ONF_TCP_FLAGS << 9 |
                 ((header & 0x1ff) + EXPERIMENTER_ID);
    }
    beba_of_put32(e, header);
    if (experimenter)
        beba_of_put32(e, experimenter);
    at = beba_of_room(e, (size_t)row->bytes << oxm->has_mask);
    if (!at)
        return;
    store(at, row->bytes, oxm->value);
    if (oxm->has_mask)
        store(at + row->bytes, row->bytes, oxm->mask);
}

void beba_of_put_match(struct beba_of_enc *e, const struct beba_of_match *match)
{
    size_t start = e->len;

    beba_of_put16(e, OFPMT_OXM);
    beba_of_put16(e, 0);
    for (uint32_t i = 0; match && i < match->n; i++)
        beba_of_put_oxm(e, &match->oxm[i]);
    beba_of_patch(e, start, 2);
    beba_of_pad8(e, start);
}
