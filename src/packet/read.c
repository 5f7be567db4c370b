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

static uint32_t off(const struct beba_packet *p, enum beba_layer layer)
{
    return p->h.offset[layer];
}

/* Type field that decides the network layer: behind the tags, and behind LLC/SNAP. */
static uint32_t ether_type_at(const struct beba_packet *p)
{
    uint32_t at = 12 + 4u * p->h.n_vlan;

    return beba_load16(p->data + at) < BEBA_ETH_MIN ? at + 8 : at;
}

/* The next-header byte that names the transport protocol. */
static uint32_t ip6_last_next_at(const struct beba_packet *p)
{
    uint32_t at = off(p, BEBA_LAYER_IP6) + 6;
    uint32_t ext = off(p, BEBA_LAYER_IP6) + 40;

    while (beba_ip6_is_ext(p->data[at]) && ext < p->h.payload) {
        uint32_t len = beba_ip6_ext_len(p->data[at], p->data + ext);
        at = ext;
        ext += len;
    }
    return at;
}

/* RFC 4861, section 4.6.1: the option of that type in a solicitation or advertisement. */
static bool nd_option(const struct beba_packet *p, uint8_t message, uint8_t option, uint32_t *bit)
{
    uint32_t nd = off(p, BEBA_LAYER_ND);
    uint32_t at = nd + 24;

    if (p->data[nd] != message)
        return false;
    while (at + 8 <= p->h.l3_end) {
        if (p->data[at] == option) {
            *bit = (at + 2) * 8;
            return true;
        }
        if (!p->data[at + 1])
            return false;
        at += p->data[at + 1] * 8u;
    }
    return false;
}

/* RFC 2890: the key follows the checksum, if there is one. */
static bool gre_key(const struct beba_packet *p, uint32_t *bit)
{
    uint32_t at = off(p, BEBA_LAYER_GRE);
    uint16_t flags = beba_load16(p->data + at);

    at += flags & 0xc000 ? 8 : 4;
    *bit = at * 8;
    return flags & 0x2000 && !(flags & 7) && at + 4 <= p->h.l3_end;
}

/* Bytes 4..7 of ICMP messages hold id and sequence in these types: echo, timestamp, information,
 * address mask (RFC 792, 950), and echo of ICMPv6 (RFC 4443, section 4). Extended echo (RFC 8335)
 * has only the id there. */
static bool icmp_word(const struct beba_packet *p, enum beba_field_id id, uint32_t *bit)
{
    bool v6 = beba_fields[id].layer == BEBA_LAYER_ICMP6;
    bool is_id = id == BEBA_F_ICMP_ID || id == BEBA_F_ICMP6_ID;
    uint32_t at = off(p, v6 ? BEBA_LAYER_ICMP6 : BEBA_LAYER_ICMP);
    uint8_t type = p->data[at];

    *bit += at * 8;
    if (at + (is_id ? 6 : 8) > p->h.l3_end)
        return false;
    if (v6)
        return type == 128 || type == 129 || (is_id && (type == 160 || type == 161));
    return type == 0 || type == 8 || (type >= 13 && type <= 18) ||
           (is_id && (type == 42 || type == 43));
}

static uint32_t by_version(const struct beba_packet *p, uint32_t bit4, uint32_t bit6)
{
    return off(p, BEBA_LAYER_IP) * 8 + (beba_packet_has(p, BEBA_LAYER_IP4) ? bit4 : bit6);
}

bool beba_field_place(const struct beba_packet *p, enum beba_field_id id, uint32_t *bit)
{
    const struct beba_field *f = &beba_fields[id];

    if (f->layer == BEBA_LAYER_META || !(p->h.layers >> f->layer & 1))
        return false;
    *bit = f->bit_offset;
    if (!(f->flags & BEBA_FIELD_SPECIAL)) {
        *bit += off(p, (enum beba_layer)f->layer) * 8;
        return true;
    }
    switch (id) {
    case BEBA_F_ETH_TYPE:
        if (!p->h.ether_type)
            return false;
        *bit = ether_type_at(p) * 8;
        return true;
    case BEBA_F_VLAN_TPID: /* SLL2 has its protocol field far from what it announces */
        *bit = p->link == BEBA_LINK_SLL2 ? 0 : off(p, BEBA_LAYER_VLAN) * 8;
        return true;
    case BEBA_F_IP_SRC:
        *bit = by_version(p, 96, 64);
        return true;
    case BEBA_F_IP_DST:
        *bit = by_version(p, 128, 192);
        return true;
    case BEBA_F_IP_DSCP:
        *bit = by_version(p, 8, 4);
        return true;
    case BEBA_F_IP_ECN:
        *bit = by_version(p, 14, 10);
        return true;
    case BEBA_F_IP_TTL:
        *bit = by_version(p, 64, 56);
        return true;
    case BEBA_F_IP_PROTO:
    case BEBA_F_IP6_PROTO:
        *bit = beba_packet_has(p, BEBA_LAYER_IP4) ? off(p, BEBA_LAYER_IP4) * 8 + 72
                                                  : ip6_last_next_at(p) * 8;
        return true;
    case BEBA_F_ICMP_ID:
    case BEBA_F_ICMP_SEQ:
    case BEBA_F_ICMP6_ID:
    case BEBA_F_ICMP6_SEQ:
        return icmp_word(p, id, bit);
    case BEBA_F_ND_SLL:
        return nd_option(p, BEBA_ICMP6_NS, 1, bit);
    case BEBA_F_ND_TLL:
        return nd_option(p, BEBA_ICMP6_NA, 2, bit);
    case BEBA_F_GRE_KEY:
        return gre_key(p, bit);
    default:
        return false;
    }
}

static bool is_fragment(const struct beba_packet *p)
{
    if (beba_packet_has(p, BEBA_LAYER_IP4))
        return beba_load16(p->data + off(p, BEBA_LAYER_IP4) + 6) & 0x3fff;
    return beba_packet_has(p, BEBA_LAYER_IP6FRAG) &&
           beba_load16(p->data + off(p, BEBA_LAYER_IP6FRAG) + 2) & 0xfff9;
}

/* OpenFlow 1.3.5, section 7.2.3.8. */
enum {
    OFPIEH_NONEXT = 1 << 0,
    OFPIEH_ESP = 1 << 1,
    OFPIEH_AUTH = 1 << 2,
    OFPIEH_DEST = 1 << 3,
    OFPIEH_FRAG = 1 << 4,
    OFPIEH_ROUTER = 1 << 5,
    OFPIEH_HOP = 1 << 6,
    OFPIEH_UNREP = 1 << 7, /* unexpected repeats */
    OFPIEH_UNSEQ = 1 << 8, /* not in the order that RFC 8200, section 4.1, recommends */
};

/* Place of each in the recommended order; destination options may come twice: before the routing
 * header (place 1), and last. */
static const struct {
    uint8_t next, place;
    uint16_t bit;
} ext_order[] = {
    {BEBA_IP_HOPOPTS, 0, OFPIEH_HOP},    {BEBA_IP_DSTOPTS, 6, OFPIEH_DEST},
    {BEBA_IP_ROUTING, 2, OFPIEH_ROUTER}, {BEBA_IP_FRAGMENT, 3, OFPIEH_FRAG},
    {BEBA_IP_AH, 4, OFPIEH_AUTH},        {BEBA_IP_ESP, 5, OFPIEH_ESP},
    {BEBA_IP_NONE, 7, OFPIEH_NONEXT},
};

static uint64_t ip6_exthdr(const struct beba_packet *p)
{
    const uint8_t *d = p->data;
    uint32_t at = off(p, BEBA_LAYER_IP6) + 40;
    uint8_t next = d[off(p, BEBA_LAYER_IP6) + 6];
    unsigned bits = 0, n_dest = 0, order = 0;

    for (;;) {
        unsigned i = 0, n = sizeof(ext_order) / sizeof(*ext_order), bit, place;
        bool again;

        while (i < n && ext_order[i].next != next)
            i++;
        if (i == n)
            return bits;
        bit = ext_order[i].bit;
        place = ext_order[i].place;
        again = bits & bit;
        if (next == BEBA_IP_DSTOPTS) {
            place = order < 1 && !n_dest ? 1 : place;
            again = n_dest++ == 2;
        }
        if (again)
            bits |= OFPIEH_UNREP;
        else if (place < order || (place == 0 && bits))
            bits |= OFPIEH_UNSEQ;
        bits |= bit;
        order = place > order ? place : order;
        if (!beba_ip6_is_ext(next) || at >= p->h.payload || at + 8 > p->h.l3_end ||
            (next == BEBA_IP_FRAGMENT && beba_load16(d + at + 2) >> 3))
            return bits;
        i = next;
        next = d[at];
        at += beba_ip6_ext_len((uint8_t)i, d + at);
    }
}

static struct beba_u128 address(const struct beba_packet *p, uint32_t bit)
{
    const uint8_t *at = p->data + bit / 8;

    if (beba_packet_has(p, BEBA_LAYER_IP4))
        return beba_u128(0, 0xffff00000000 | beba_load32(at));
    return beba_u128(beba_load64(at), beba_load64(at + 8));
}

bool beba_field_read_special(const struct beba_packet *p, enum beba_field_id id,
                             struct beba_u128 *out)
{
    uint64_t v;
    uint32_t bit, n;
    unsigned width = beba_fields[id].type.width;

    *out = beba_u128(0, 0);
    if (!(p->h.layers >> beba_fields[id].layer & 1))
        return false;
    switch (id) {
    case BEBA_F_IN_PORT:
        v = p->in_port;
        break;
    case BEBA_F_IN_PHY_PORT:
        v = p->in_phy_port;
        break;
    case BEBA_F_METADATA:
        v = p->metadata;
        break;
    case BEBA_F_TUNNEL_ID:
        v = p->tunnel_id;
        break;
    case BEBA_F_NOW:
        v = p->now;
        break;
    case BEBA_F_PKT_LEN:
        v = p->wire_len > p->len ? p->wire_len : p->len;
        break;
    case BEBA_F_PKT_CAPLEN:
        v = p->len;
        break;
    case BEBA_F_ETH_TYPE:
        v = p->h.ether_type;
        if (!v)
            return false;
        break;
    case BEBA_F_IP_SRC:
        *out = address(p, by_version(p, 96, 64));
        return true;
    case BEBA_F_IP_DST:
        *out = address(p, by_version(p, 128, 192));
        return true;
    case BEBA_F_IP_PROTO:
    case BEBA_F_IP6_PROTO:
        v = p->h.ip_proto;
        break;
    case BEBA_F_IP_LEN:
        v = beba_ip_len(p);
        break;
    case BEBA_F_IP_FRAG:
        v = is_fragment(p);
        break;
    case BEBA_F_IP6_EXTHDR:
        v = ip6_exthdr(p);
        break;
    case BEBA_F_TCP_HLEN:
        v = (p->data[off(p, BEBA_LAYER_TCP) + 12] >> 4) * 4u;
        break;
    case BEBA_F_L4_PAYLOAD_LEN:
        v = beba_l4_payload_len(p);
        break;
    default:
        if (!beba_field_place(p, id, &bit))
            return false;
        n = (bit % 8 + width + 7) / 8;
        v = beba_load_bytes(p->data + bit / 8, n) >> (n * 8 - bit % 8 - width);
        v &= beba_mask64(width);
        break;
    }
    out->lo = v;
    return true;
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
