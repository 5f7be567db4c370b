/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which packets: conjunctions of fields under masks. */
#include "openflow/export_walk.h"

#include <errno.h>

static beba_wide wide(struct beba_u128 v)
{
    return (beba_wide)v.hi << 64 | v.lo;
}

static struct beba_u128 narrow(beba_wide v)
{
    return beba_u128((uint64_t)(v >> 64), (uint64_t)v);
}

enum narrow beba_cube_add(struct cube *c, uint8_t field, struct beba_u128 value,
                          struct beba_u128 mask)
{
    beba_wide v = wide(value), m = wide(mask), had;
    struct beba_of_oxm *o;
    uint32_t i = 0;

    if (!m)
        return NARROW_SAME;
    while (i < c->n && c->oxm[i].field < field)
        i++;
    if (i < c->n && c->oxm[i].field == field) {
        o = &c->oxm[i];
        had = wide(o->mask);
        if ((wide(o->value) ^ v) & had & m)
            return NARROW_EMPTY;
        if (!(m & ~had))
            return NARROW_SAME;
        o->value = narrow(wide(o->value) | (v & m));
        o->mask = narrow(had | m);
        return NARROW_LESS;
    }
    if (c->n == EXPORT_CUBE)
        return NARROW_EMPTY;
    for (uint32_t j = c->n++; j > i; j--)
        c->oxm[j] = c->oxm[j - 1];
    c->oxm[i] = (struct beba_of_oxm){.field = field, .value = narrow(v & m), .mask = mask};
    return NARROW_LESS;
}

bool beba_cube_covers(const struct cube *a, const struct cube *b)
{
    uint32_t j = 0;

    for (uint32_t i = 0; i < a->n; i++) {
        beba_wide m = wide(a->oxm[i].mask);

        while (j < b->n && b->oxm[j].field < a->oxm[i].field)
            j++;
        if (j == b->n || b->oxm[j].field != a->oxm[i].field || (m & ~wide(b->oxm[j].mask)) ||
            ((wide(a->oxm[i].value) ^ wide(b->oxm[j].value)) & m))
            return false;
    }
    return true;
}

int beba_cube_match(const struct cube *c, struct beba_arena *arena, struct beba_of_match *out)
{
    out->n = c->n;
    out->oxm = beba_arena_copy(arena, c->oxm, c->n * sizeof(*c->oxm) + 1);
    for (uint32_t i = 0; out->oxm && i < c->n; i++)
        out->oxm[i].has_mask = beba_u128_cmp(
            out->oxm[i].mask, beba_of_field_ones((enum beba_of_field)out->oxm[i].field));
    return out->oxm ? 0 : -ENOMEM;
}

/* --- fields ------------------------------------------------------------------------------------
 */

enum { IP4 = 0x0800, IP6 = 0x86dd, ARP = 0x0806, MPLS = 0x8847, MPLS_MULTI = 0x8848, PBB = 0x88e7 };
enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132 };

static const struct {
    uint16_t eth_type[2];
    uint8_t ip_proto;
    bool vlan, possible;
} prereqs[BEBA_OF_N_PREREQS] = {
    [BEBA_OF_NEEDS_NOTHING] = {.possible = true},
    [BEBA_OF_NEEDS_VLAN] = {.vlan = true, .possible = true},
    [BEBA_OF_NEEDS_IP] = {{IP4, IP6}, .possible = true},
    [BEBA_OF_NEEDS_IP4] = {{IP4}, .possible = true},
    [BEBA_OF_NEEDS_IP6] = {{IP6}, .possible = true},
    [BEBA_OF_NEEDS_ARP] = {{ARP}, .possible = true},
    [BEBA_OF_NEEDS_MPLS] = {{MPLS, MPLS_MULTI}, .possible = true},
    [BEBA_OF_NEEDS_PBB] = {{PBB}, .possible = true},
    [BEBA_OF_NEEDS_TCP] = {{IP4, IP6}, TCP, .possible = true},
    [BEBA_OF_NEEDS_UDP] = {{IP4, IP6}, UDP, .possible = true},
    [BEBA_OF_NEEDS_SCTP] = {{IP4, IP6}, SCTP, .possible = true},
    [BEBA_OF_NEEDS_ICMP4] = {{IP4}, ICMP, .possible = true},
    [BEBA_OF_NEEDS_ICMP6] = {{IP6}, ICMP6, .possible = true},
};

/* Ours that are several of OpenFlow's, or a part of one. */
static const struct {
    uint16_t field;
    uint8_t of[3];
    uint8_t shift;
} ours[] = {
    {BEBA_F_IP_SRC, {OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV6_SRC}, 0},
    {BEBA_F_IP_DST, {OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_IPV6_DST}, 0},
    {BEBA_F_L4_SRC, {OFPXMT_OFB_TCP_SRC, OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_SCTP_SRC}, 0},
    {BEBA_F_L4_DST, {OFPXMT_OFB_TCP_DST, OFPXMT_OFB_UDP_DST, OFPXMT_OFB_SCTP_DST}, 0},
    {BEBA_F_TCP_FIN, {BEBA_OF_TCP_FLAGS}, 0},
    {BEBA_F_TCP_SYN, {BEBA_OF_TCP_FLAGS}, 1},
    {BEBA_F_TCP_RST, {BEBA_OF_TCP_FLAGS}, 2},
    {BEBA_F_TCP_PSH, {BEBA_OF_TCP_FLAGS}, 3},
    {BEBA_F_TCP_ACK, {BEBA_OF_TCP_FLAGS}, 4},
    {BEBA_F_TCP_URG, {BEBA_OF_TCP_FLAGS}, 5},
    {BEBA_F_TCP_ECE, {BEBA_OF_TCP_FLAGS}, 6},
    {BEBA_F_TCP_CWR, {BEBA_OF_TCP_FLAGS}, 7},
    {BEBA_F_TCP_NS, {BEBA_OF_TCP_FLAGS}, 8},
};

static int add_alts(const struct export *x, uint8_t of, uint8_t shift, bool mapped,
                    struct alt out[EXPORT_ALTS], int n)
{
    unsigned needs = beba_of_fields[of].prereq;

    for (unsigned i = 0; i < 2; i++) {
        struct alt a = {.field = of,
                        .shift = shift,
                        .mapped = mapped,
                        .vlan = prereqs[needs].vlan,
                        .eth_type = prereqs[needs].eth_type[i],
                        .ip_proto = prereqs[needs].ip_proto};

        if ((i && !a.eth_type) || n == EXPORT_ALTS)
            break;
        if ((x->at->eth_type && a.eth_type && x->at->eth_type != a.eth_type) ||
            (x->at->ip_proto && a.ip_proto && x->at->ip_proto != a.ip_proto))
            continue;
        out[n++] = a;
    }
    return n;
}

int beba_export_alts(const struct export *x, uint32_t field, struct alt out[EXPORT_ALTS])
{
    int n = 0;

    for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (ours[i].field != field)
            continue;
        for (unsigned j = 0; j < 3 && (!j || ours[i].of[j]); j++)
            n = add_alts(x, ours[i].of[j], ours[i].shift,
                         beba_fields[field].type.width == 128 && !j, out, n);
        return n;
    }
    for (unsigned of = 0; of <= BEBA_OF_TCP_FLAGS; of++)
        if (beba_of_fields[of].packet == field && prereqs[beba_of_fields[of].prereq].possible)
            return add_alts(x, (uint8_t)of, 0, false, out, 0);
    return -1;
}

enum narrow beba_cube_prereq(struct cube *c, const struct alt *a)
{
    const struct beba_u128 ones = {0, ~0ull};
    enum narrow r = NARROW_SAME, s;

    if (a->vlan)
        r = beba_cube_add(c, OFPXMT_OFB_VLAN_VID, beba_u128(0, OFPVID_PRESENT),
                          beba_u128(0, OFPVID_PRESENT));
    if (r != NARROW_EMPTY && a->eth_type) {
        s = beba_cube_add(c, OFPXMT_OFB_ETH_TYPE, beba_u128(0, a->eth_type),
                          beba_u128(0, ones.lo & 0xffff));
        r = s == NARROW_SAME ? r : s;
    }
    if (r != NARROW_EMPTY && a->ip_proto) {
        s = beba_cube_add(c, OFPXMT_OFB_IP_PROTO, beba_u128(0, a->ip_proto), beba_u128(0, 0xff));
        r = s == NARROW_SAME ? r : s;
    }
    return r;
}

/* --- pieces -------------------------------------------------------------------------------------
 */

static beba_wide ones_of(unsigned width)
{
    return width >= 128 ? ~(beba_wide)0 : ((beba_wide)1 << width) - 1;
}

static bool maskable(uint32_t field)
{
    for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (ours[i].field == field)
            return beba_of_fields[ours[i].of[0]].maskable;
    for (unsigned of = 0; of <= BEBA_OF_TCP_FLAGS; of++)
        if (beba_of_fields[of].packet == field)
            return beba_of_fields[of].maskable;
    return false;
}

int beba_export_pieces(uint32_t field, const struct beba_range *range, uint32_t n,
                       struct piece out[EXPORT_PIECES])
{
    beba_wide all = ones_of(beba_fields[field].type.width);
    bool masks = maskable(field);
    int made = 0;

    for (uint32_t i = 0; i < n; i++) {
        beba_wide lo = wide(range[i].lo), hi = wide(range[i].hi) < all ? wide(range[i].hi) : all;

        while (lo <= hi) {
            beba_wide size = 1;

            /* the largest block that begins here and ends in the range */
            while (masks && !(lo & (size * 2 - 1)) && size - 1 < all && size * 2 - 1 <= hi - lo &&
                   size <= ones_of(127))
                size *= 2;
            if (made == EXPORT_PIECES)
                return -E2BIG;
            out[made++] = (struct piece){narrow(lo), narrow(all & ~(size - 1))};
            if (size - 1 >= hi - lo)
                break;
            lo += size;
        }
    }
    return made;
}

uint32_t beba_export_others(uint32_t field, const struct beba_range *range, uint32_t n,
                            struct beba_range *out)
{
    beba_wide all = ones_of(beba_fields[field].type.width), from = 0;
    uint32_t made = 0;

    for (uint32_t i = 0; i < n; i++) {
        beba_wide lo = wide(range[i].lo), hi = wide(range[i].hi);

        if (lo > from)
            out[made++] = (struct beba_range){narrow(from), narrow(lo - 1 < all ? lo - 1 : all)};
        if (hi >= all)
            return made;
        from = hi + 1;
    }
    out[made++] = (struct beba_range){narrow(from), narrow(all)};
    return made;
}

enum narrow beba_cube_piece(struct cube *c, const struct alt *a, uint32_t field,
                            const struct piece *p)
{
    const beba_wide prefix = (beba_wide)0xffff << 32, low = 0xffffffff;
    beba_wide v = wide(p->value), m = wide(p->mask);
    enum narrow r = beba_cube_prereq(c, a), s;

    if (r == NARROW_EMPTY)
        return r;
    if (a->mapped) {
        if ((v ^ prefix) & m & ~low)
            return NARROW_EMPTY;
        v &= low;
        m &= low;
    }
    v <<= a->shift;
    m <<= a->shift;
    if (a->field == OFPXMT_OFB_VLAN_VID) {
        v |= OFPVID_PRESENT;
        m |= OFPVID_PRESENT;
    }
    s = beba_cube_add(c, a->field, narrow(v & m), narrow(m));
    return s == NARROW_SAME ? r : s;
}
