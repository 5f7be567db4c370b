/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The builder works in three steps: plan which headers there are, lay them out with defaults, then
 * put the assigned values where the parser says the fields are, and compute checksums. At the end
 * every assigned field must read back: what cannot be so in one packet is found out there. */
#include "packet/packet.h"

#include <errno.h>

#include "base/error.h"
#include "packet/checksum.h"
#include "packet/read.h"

#define BIT(layer) (1u << BEBA_LAYER_##layer)

struct plan {
    const struct beba_build *b;
    struct beba_error *err;
    uint32_t layers;
    uint16_t ether_type;
    uint8_t proto; /* transport protocol */
    uint32_t payload_len;
    uint8_t *at; /* where the next header goes */
};

static bool has(const struct plan *w, enum beba_layer layer)
{
    return w->layers >> layer & 1;
}

static const struct beba_assign *assigned(const struct plan *w, enum beba_field_id id)
{
    for (unsigned i = 0; i < w->b->n_assign; i++)
        if (w->b->assign[i].field == id)
            return &w->b->assign[i];
    return NULL;
}

static uint64_t value(const struct plan *w, enum beba_field_id id, uint64_t otherwise)
{
    const struct beba_assign *a = assigned(w, id);

    return a ? a->value.lo : otherwise;
}

static const char *name(const struct beba_assign *a)
{
    return beba_fields[a->field].name;
}

static bool is_mapped(struct beba_u128 v)
{
    return !v.hi && v.lo >> 32 == 0xffff;
}

/* Values of fields that choose the header behind them. */
static const struct chooser {
    uint16_t field, value; /* enum beba_field_id */
    uint8_t layer;
} choosers[] = {
    {BEBA_F_ETH_TYPE, BEBA_ETH_IP4, BEBA_LAYER_IP4},
    {BEBA_F_ETH_TYPE, BEBA_ETH_IP6, BEBA_LAYER_IP6},
    {BEBA_F_ETH_TYPE, BEBA_ETH_ARP, BEBA_LAYER_ARP},
    {BEBA_F_ETH_TYPE, BEBA_ETH_RARP, BEBA_LAYER_ARP},
    {BEBA_F_ETH_TYPE, BEBA_ETH_MPLS, BEBA_LAYER_MPLS},
    {BEBA_F_ETH_TYPE, BEBA_ETH_MPLS_UP, BEBA_LAYER_MPLS},
    {BEBA_F_ETH_TYPE, BEBA_ETH_PBB, BEBA_LAYER_PBB},
    {BEBA_F_IP_VERSION, 4, BEBA_LAYER_IP4},
    {BEBA_F_IP_VERSION, 6, BEBA_LAYER_IP6},
    {BEBA_F_IP_PROTO, BEBA_IP_ICMP, BEBA_LAYER_ICMP},
    {BEBA_F_IP_PROTO, BEBA_IP_TCP, BEBA_LAYER_TCP},
    {BEBA_F_IP_PROTO, BEBA_IP_UDP, BEBA_LAYER_UDP},
    {BEBA_F_IP_PROTO, BEBA_IP_GRE, BEBA_LAYER_GRE},
    {BEBA_F_IP_PROTO, BEBA_IP_ICMP6, BEBA_LAYER_ICMP6},
    {BEBA_F_IP_PROTO, BEBA_IP_SCTP, BEBA_LAYER_SCTP},
};

/* ip4.proto, ip6.proto and ip6.next choose as ip.proto does. */
static enum beba_field_id chooser_of(enum beba_field_id id)
{
    return id == BEBA_F_IP4_PROTO || id == BEBA_F_IP6_NEXT || id == BEBA_F_IP6_PROTO
               ? BEBA_F_IP_PROTO
               : id;
}

/* Headers that follow from one assignment: those of its field, and the one that its value names. */
static uint32_t layers_of(const struct beba_assign *a)
{
    const struct beba_field *f = &beba_fields[a->field];
    uint32_t layers = beba_layer_implies((enum beba_layer)f->layer);

    if (f->type.kind == BEBA_KIND_IP)
        layers |= is_mapped(a->value) ? BIT(IP4) : BIT(IP6);
    for (unsigned i = 0; i < sizeof(choosers) / sizeof(*choosers); i++) {
        const struct chooser *c = &choosers[i];
        if (c->field == chooser_of(a->field) && c->value == a->value.lo)
            layers |= beba_layer_implies((enum beba_layer)c->layer);
    }
    return layers;
}

static uint32_t excluded_by(uint32_t layers)
{
    uint32_t out = 0;

    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if (layers >> i & 1)
            out |= beba_layer_excludes((enum beba_layer)i);
    return out;
}

/* What a caller may say about a field that otherwise follows from the packet. */
static bool is_settable(enum beba_field_id id)
{
    switch (id) {
    case BEBA_F_IN_PORT:
    case BEBA_F_IN_PHY_PORT:
    case BEBA_F_NOW:
    case BEBA_F_PKT_LEN:
    case BEBA_F_IP_VERSION:
    case BEBA_F_IP6_PROTO:
    case BEBA_F_L4_PAYLOAD_LEN:
        return true;
    default:
        return !(beba_fields[id].flags & BEBA_FIELD_READONLY);
    }
}

static int check_assign(const struct plan *w, const struct beba_assign *a)
{
    const struct beba_type *t = &beba_fields[a->field].type;

    if (!is_settable(a->field)) {
        beba_error_set(w->err, -EINVAL,
                       "%s cannot be chosen: it follows from the rest of the packet", name(a));
        if (a->field == BEBA_F_IP_FRAG)
            beba_error_hint(w->err, "assign ip4.mf, ip4.frag_off, ip6frag.mf or ip6frag.off");
        return -EINVAL;
    }
    if (t->width < 128 && (a->value.hi || a->value.lo & ~beba_mask64(t->width)))
        return beba_error_set(w->err, -EINVAL, "the value of %s does not fit in its %u bit%s",
                              name(a), t->width, t->width == 1 ? "" : "s");
    return 0;
}

static int pair_error(const struct plan *w, const struct beba_assign *a,
                      const struct beba_assign *b)
{
    uint32_t mine = beba_layer_implies((enum beba_layer)beba_fields[a->field].layer);
    uint32_t theirs = beba_layer_implies((enum beba_layer)beba_fields[b->field].layer);

    return beba_error_set(w->err, -EINVAL, "%s and %s cannot be in one packet%s", name(a), name(b),
                          mine & excluded_by(theirs) ? "" : " with these values");
}

/* Two assignments that would need headers which exclude each other. */
static int check_pairs(const struct plan *w)
{
    for (unsigned i = 0; i < w->b->n_assign; i++) {
        const struct beba_assign *a = &w->b->assign[i];
        uint32_t excluded = excluded_by(layers_of(a));

        for (unsigned j = 0; j < i; j++) {
            const struct beba_assign *other = &w->b->assign[j];
            if (other->field == a->field && beba_u128_cmp(other->value, a->value) != 0)
                return beba_error_set(w->err, -EINVAL, "%s is assigned twice", name(a));
            if (layers_of(other) & excluded)
                return pair_error(w, other, a);
        }
        for (unsigned l = 0; l < BEBA_N_LAYERS; l++)
            if (w->b->layers >> l & excluded >> l & 1)
                return beba_error_set(w->err, -EINVAL, "%s cannot be in a packet with %s", name(a),
                                      beba_layer_name((enum beba_layer)l));
    }
    return 0;
}

/* A type or protocol that was assigned must be the one of the headers wanted behind it. */
static int check_choice(const struct plan *w, enum beba_field_id id, uint64_t got, const char *what)
{
    const struct beba_assign *a = assigned(w, id);

    if (!a || a->value.lo == got)
        return 0;
    if (id == BEBA_F_ETH_TYPE)
        return beba_error_set(w->err, -EINVAL, "%s = 0x%04llx does not go with the %s wanted",
                              name(a), (unsigned long long)a->value.lo, what);
    return beba_error_set(w->err, -EINVAL, "%s = %llu does not go with the %s wanted", name(a),
                          (unsigned long long)a->value.lo, what);
}

static void close_layers(struct plan *w)
{
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if (w->layers >> i & 1)
            w->layers |= beba_layer_implies((enum beba_layer)i);
}

static const struct {
    uint8_t layer, proto;
} protos[] = {
    {BEBA_LAYER_TCP, BEBA_IP_TCP},     {BEBA_LAYER_UDP, BEBA_IP_UDP},
    {BEBA_LAYER_SCTP, BEBA_IP_SCTP},   {BEBA_LAYER_ICMP, BEBA_IP_ICMP},
    {BEBA_LAYER_ICMP6, BEBA_IP_ICMP6}, {BEBA_LAYER_GRE, BEBA_IP_GRE},
};

static void choose_proto(struct plan *w)
{
    static const uint16_t fields[] = {BEBA_F_IP_PROTO, BEBA_F_IP4_PROTO, BEBA_F_IP6_PROTO,
                                      BEBA_F_IP6_NEXT};

    w->proto = BEBA_IP_EXPERIMENT;
    for (unsigned i = 0; i < sizeof(protos) / sizeof(*protos); i++)
        if (has(w, (enum beba_layer)protos[i].layer)) {
            w->proto = protos[i].proto;
            return;
        }
    for (unsigned i = 0; i < 4; i++) {
        const struct beba_assign *a = assigned(w, (enum beba_field_id)fields[i]);
        if (a && !(a->field == BEBA_F_IP6_NEXT && has(w, BEBA_LAYER_IP6FRAG)))
            w->proto = (uint8_t)a->value.lo;
    }
}

static void choose_type(struct plan *w)
{
    if (has(w, BEBA_LAYER_MPLS))
        w->ether_type = (uint16_t)value(w, BEBA_F_ETH_TYPE, BEBA_ETH_MPLS);
    else if (has(w, BEBA_LAYER_IP))
        w->ether_type = has(w, BEBA_LAYER_IP6) ? BEBA_ETH_IP6 : BEBA_ETH_IP4;
    else if (has(w, BEBA_LAYER_ARP))
        w->ether_type = (uint16_t)value(w, BEBA_F_ETH_TYPE, BEBA_ETH_ARP);
    else if (has(w, BEBA_LAYER_PBB))
        w->ether_type = BEBA_ETH_PBB;
    else
        w->ether_type = (uint16_t)value(w, BEBA_F_ETH_TYPE, BEBA_ETH_LOCAL);
}

static bool is_tunnel(uint64_t type)
{
    return type == BEBA_ETH_MPLS || type == BEBA_ETH_MPLS_UP;
}

static int plan(struct plan *w)
{
    int err;

    w->layers = w->b->layers | BIT(META) | BIT(ETH);
    for (unsigned i = 0; i < w->b->n_assign; i++) {
        err = check_assign(w, &w->b->assign[i]);
        if (err)
            return err;
        w->layers |= layers_of(&w->b->assign[i]);
    }
    err = check_pairs(w);
    if (err)
        return err;
    close_layers(w);
    if (has(w, BEBA_LAYER_L4) && !(w->layers & (BIT(TCP) | BIT(UDP) | BIT(SCTP))))
        w->layers |= BIT(TCP);
    if (has(w, BEBA_LAYER_IP) && !has(w, BEBA_LAYER_IP6))
        w->layers |= BIT(IP4);
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if (w->layers >> i & excluded_by(w->layers) >> i & 1)
            return beba_error_set(w->err, -EINVAL,
                                  "a packet with %s cannot have everything else asked for",
                                  beba_layer_name((enum beba_layer)i));
    choose_proto(w);
    choose_type(w);
    if (has(w, BEBA_LAYER_MPLS) && !is_tunnel(w->ether_type))
        return check_choice(w, BEBA_F_ETH_TYPE, BEBA_ETH_MPLS, "labels");
    err = check_choice(w, BEBA_F_ETH_TYPE, w->ether_type, "network layer");
    if (err)
        return err;
    err = check_choice(w, BEBA_F_IP_PROTO, w->proto, "transport");
    if (!err)
        err = check_choice(w, BEBA_F_IP4_PROTO, w->proto, "transport");
    if (!err)
        err = check_choice(w, BEBA_F_IP6_PROTO, w->proto, "transport");
    if (!err)
        err = check_choice(w, BEBA_F_IP6_NEXT,
                           has(w, BEBA_LAYER_IP6FRAG) ? BEBA_IP_FRAGMENT : w->proto, "transport");
    return err;
}

static uint8_t icmp6_type(const struct plan *w)
{
    uint64_t type = BEBA_ICMP6_ECHO;

    if (has(w, BEBA_LAYER_ND))
        type = assigned(w, BEBA_F_ND_TLL) ? BEBA_ICMP6_NA : BEBA_ICMP6_NS;
    return (uint8_t)value(w, BEBA_F_ICMP6_TYPE, type);
}

/* Bytes of each header as laid out here. */
static uint32_t header_len(const struct plan *w, enum beba_layer layer)
{
    if (!has(w, layer))
        return 0;
    switch (layer) {
    case BEBA_LAYER_ETH:
        return 14;
    case BEBA_LAYER_VLAN:
    case BEBA_LAYER_VLAN2:
    case BEBA_LAYER_MPLS:
    case BEBA_LAYER_MPLS2:
        return 4;
    case BEBA_LAYER_PBB:
        return 18; /* TCI, customer addresses and their type */
    case BEBA_LAYER_ARP:
        return 28;
    case BEBA_LAYER_IP4:
    case BEBA_LAYER_TCP:
        return 20;
    case BEBA_LAYER_IP6:
        return 40;
    case BEBA_LAYER_ICMP6:
        return has(w, BEBA_LAYER_ND) ? 24 : 8;
    case BEBA_LAYER_ND: /* only its option */
        return assigned(w, BEBA_F_ND_SLL) || assigned(w, BEBA_F_ND_TLL) ? 8 : 0;
    case BEBA_LAYER_SCTP:
        return 12;
    case BEBA_LAYER_GRE:
        return assigned(w, BEBA_F_GRE_KEY) ? 8 : 4;
    case BEBA_LAYER_IP6FRAG:
    case BEBA_LAYER_ICMP:
    case BEBA_LAYER_UDP:
    case BEBA_LAYER_VXLAN:
    case BEBA_LAYER_GTPU:
        return 8;
    default:
        return 0;
    }
}

static uint32_t headers_len(const struct plan *w, enum beba_layer from, enum beba_layer to)
{
    uint32_t n = 0;

    for (unsigned i = from; i <= (unsigned)to; i++)
        n += header_len(w, (enum beba_layer)i);
    return n;
}

/* Bytes from this header to the end of the packet. */
static uint16_t rest(const struct plan *w, enum beba_layer from)
{
    return (uint16_t)(headers_len(w, from, BEBA_LAYER_GTPU) + w->payload_len);
}

static int plan_payload(struct plan *w)
{
    uint32_t heads = headers_len(w, BEBA_LAYER_ETH, BEBA_LAYER_GTPU);
    const struct beba_assign *len = assigned(w, BEBA_F_PKT_LEN);
    const struct beba_assign *l4 = assigned(w, BEBA_F_L4_PAYLOAD_LEN);
    uint64_t want = len ? len->value.lo : w->b->frame_len;
    uint64_t n = w->b->payload_len;

    if (l4) {
        uint64_t inner = headers_len(w, BEBA_LAYER_VXLAN, BEBA_LAYER_GTPU);
        if (l4->value.lo < n + inner)
            return beba_error_set(w->err, -EINVAL,
                                  "l4.payload_len is less than the %llu bytes given",
                                  (unsigned long long)(n + inner));
        n = l4->value.lo - inner;
    }
    if (len && want < heads + n)
        return beba_error_set(w->err, -EINVAL,
                              "pkt.len = %llu is too short: headers and payload need %llu bytes",
                              (unsigned long long)want, (unsigned long long)(heads + n));
    if (want > heads + n && !l4)
        n = want - heads;
    if (heads + n > BEBA_PACKET_MAX)
        return beba_error_set(w->err, -EINVAL, "a packet has at most %d bytes", BEBA_PACKET_MAX);
    w->payload_len = (uint32_t)n;
    return 0;
}

/* Lays out n bytes and returns where. */
static uint8_t *put(struct plan *w, uint32_t n)
{
    uint8_t *at = w->at;

    memset(at, 0, n);
    w->at += n;
    return at;
}

static void put_mac(uint8_t *at, uint8_t last)
{
    at[0] = 2;
    at[5] = last;
}

static void put_ethernet(struct plan *w)
{
    uint8_t *at = put(w, 12);
    uint16_t outer = has(w, BEBA_LAYER_VLAN2) ? BEBA_ETH_QINQ : BEBA_ETH_VLAN;

    if (has(w, BEBA_LAYER_ARP) && value(w, BEBA_F_ARP_OP, 1) == 1)
        memset(at, 0xff, 6);
    else
        put_mac(at, 2);
    put_mac(at + 6, 1);
    if (has(w, BEBA_LAYER_VLAN)) {
        at = put(w, 4);
        beba_store16(at, (uint16_t)value(w, BEBA_F_VLAN_TPID, outer));
        beba_store16(at + 2, 1);
    }
    if (has(w, BEBA_LAYER_VLAN2)) {
        at = put(w, 4);
        beba_store16(at, BEBA_ETH_VLAN);
        beba_store16(at + 2, 2);
    }
    beba_store16(put(w, 2), w->ether_type);
}

static void put_pbb(struct plan *w)
{
    uint8_t *at = put(w, 18);

    at[3] = 1;
    put_mac(at + 4, 2);
    put_mac(at + 10, 1);
    beba_store16(at + 16, BEBA_ETH_LOCAL);
}

static void put_mpls(struct plan *w)
{
    bool two = has(w, BEBA_LAYER_MPLS2);

    beba_store32(put(w, 4), 16u << 12 | (two ? 0u : 1u << 8) | 64);
    if (two)
        beba_store32(put(w, 4), 17u << 12 | 1u << 8 | 64);
}

static void put_arp(struct plan *w)
{
    uint8_t *at = put(w, 28);

    beba_store16(at, 1);
    beba_store16(at + 2, BEBA_ETH_IP4);
    at[4] = 6;
    at[5] = 4;
    beba_store16(at + 6, 1);
    beba_store64(at + 8, value(w, BEBA_F_ETH_SRC, 0x020000000001) << 16);
    beba_store32(at + 14, 0x0a000001);
    beba_store32(at + 24, 0x0a000002);
}

static void put_ip4(struct plan *w)
{
    uint16_t total = rest(w, BEBA_LAYER_IP4);
    uint8_t *at = put(w, 20);

    at[0] = 0x45;
    beba_store16(at + 2, total);
    at[8] = 64;
    at[9] = w->proto;
    beba_store32(at + 12, 0x0a000001);
    beba_store32(at + 16, 0x0a000002);
}

static void put_ip6(struct plan *w)
{
    uint16_t plen = rest(w, BEBA_LAYER_IP6FRAG);
    uint8_t *at = put(w, 40);

    at[0] = 0x60;
    beba_store16(at + 4, plen);
    at[6] = has(w, BEBA_LAYER_IP6FRAG) ? BEBA_IP_FRAGMENT : w->proto;
    at[7] = has(w, BEBA_LAYER_ND) ? 255 : 64; /* RFC 4861, section 4.3 */
    beba_store32(at + 8, 0x20010db8);
    at[23] = 1;
    beba_store32(at + 24, 0x20010db8);
    at[39] = 2;
    if (has(w, BEBA_LAYER_IP6FRAG))
        put(w, 8)[0] = w->proto;
}

static void put_icmp(struct plan *w)
{
    uint8_t *at = put(w, 8);

    at[0] = (uint8_t)value(w, BEBA_F_ICMP_TYPE, 8);
    at[5] = at[7] = 1;
}

static void put_icmp6(struct plan *w)
{
    uint8_t *at = put(w, header_len(w, BEBA_LAYER_ICMP6));

    at[0] = icmp6_type(w);
    if (!has(w, BEBA_LAYER_ND)) {
        at[5] = at[7] = 1;
        return;
    }
    beba_store32(at + 8, 0x20010db8);
    at[23] = 2;
    if (header_len(w, BEBA_LAYER_ND)) {
        at = put(w, 8);
        at[0] = assigned(w, BEBA_F_ND_TLL) ? 2 : 1;
        at[1] = 1;
    }
}

static void put_ports(uint8_t *at, uint16_t dst)
{
    beba_store16(at, 1024);
    beba_store16(at + 2, dst);
}

static void put_tcp(struct plan *w)
{
    uint8_t *at = put(w, 20);

    put_ports(at, 80);
    at[12] = 5 << 4;
    beba_store16(at + 14, 65535);
}

static void put_udp(struct plan *w)
{
    uint16_t len =
        (uint16_t)(8 + headers_len(w, BEBA_LAYER_VXLAN, BEBA_LAYER_GTPU) + w->payload_len);
    uint8_t *at = put(w, 8);

    put_ports(at, has(w, BEBA_LAYER_VXLAN)  ? BEBA_PORT_VXLAN
                  : has(w, BEBA_LAYER_GTPU) ? BEBA_PORT_GTPU
                                            : 80);
    beba_store16(at + 4, len);
    if (has(w, BEBA_LAYER_VXLAN))
        beba_store16(put(w, 8), 0x0800);
    if (has(w, BEBA_LAYER_GTPU)) {
        at = put(w, 8);
        at[0] = 0x30;
        at[1] = 255;
        beba_store16(at + 2, (uint16_t)w->payload_len);
    }
}

static void put_sctp(struct plan *w)
{
    uint8_t *at = put(w, 12);

    put_ports(at, 80);
    beba_store32(at + 4, 1);
}

static void put_gre(struct plan *w)
{
    uint8_t *at = put(w, header_len(w, BEBA_LAYER_GRE));

    at[0] = assigned(w, BEBA_F_GRE_KEY) ? 0x20 : 0;
    beba_store16(at + 2, BEBA_ETH_IP4);
}

static const struct {
    uint8_t layer;
    void (*put)(struct plan *w);
} putters[] = {
    {BEBA_LAYER_ETH, put_ethernet}, {BEBA_LAYER_PBB, put_pbb},     {BEBA_LAYER_MPLS, put_mpls},
    {BEBA_LAYER_ARP, put_arp},      {BEBA_LAYER_IP4, put_ip4},     {BEBA_LAYER_IP6, put_ip6},
    {BEBA_LAYER_ICMP, put_icmp},    {BEBA_LAYER_ICMP6, put_icmp6}, {BEBA_LAYER_TCP, put_tcp},
    {BEBA_LAYER_UDP, put_udp},      {BEBA_LAYER_SCTP, put_sctp},   {BEBA_LAYER_GRE, put_gre},
};

static void lay_out(struct plan *w)
{
    for (unsigned i = 0; i < sizeof(putters) / sizeof(*putters); i++)
        if (has(w, (enum beba_layer)putters[i].layer))
            putters[i].put(w);
    memset(w->at, 0, w->payload_len);
    if (w->b->payload)
        memcpy(w->at, w->b->payload, w->b->payload_len);
}

static void set_metadata(struct beba_packet *p, const struct beba_assign *a)
{
    switch (a->field) {
    case BEBA_F_IN_PORT:
        p->in_port = p->in_phy_port = (uint32_t)a->value.lo;
        break;
    case BEBA_F_METADATA:
        p->metadata = a->value.lo;
        break;
    case BEBA_F_TUNNEL_ID:
        p->tunnel_id = a->value.lo;
        break;
    case BEBA_F_NOW:
        p->now = a->value.lo;
        break;
    default:
        break;
    }
}

static void apply(struct beba_packet *p, const struct plan *w)
{
    const struct beba_assign *phy = assigned(w, BEBA_F_IN_PHY_PORT);

    for (unsigned i = 0; i < w->b->n_assign; i++) {
        const struct beba_assign *a = &w->b->assign[i];
        unsigned width;
        uint32_t bit;

        set_metadata(p, a);
        if (beba_field_place(p, a->field, &bit) &&
            beba_change_width(&p->h, a->field, a->value, &width))
            beba_put_bits(p->data, bit, width, a->value);
    }
    if (phy)
        p->in_phy_port = (uint32_t)phy->value.lo;
}

static int verify(const struct beba_packet *p, const struct plan *w)
{
    for (unsigned i = 0; i < w->b->n_assign; i++) {
        const struct beba_assign *a = &w->b->assign[i];
        struct beba_u128 v;

        if (!beba_field_read_wide(p, a->field, &v))
            return beba_error_set(w->err, -EINVAL, "a packet with the other values has no field %s",
                                  name(a));
        if (beba_u128_cmp(v, a->value) != 0)
            return beba_error_set(w->err, -EINVAL,
                                  "%s cannot have that value beside the other values", name(a));
    }
    return 0;
}

int beba_packet_build(struct beba_packet *p, uint8_t *buf, size_t size, size_t headroom,
                      const struct beba_build *b, struct beba_error *err)
{
    struct plan w = {.b = b, .err = err};
    size_t len;
    int ret;

    ret = plan(&w);
    if (!ret)
        ret = plan_payload(&w);
    if (ret)
        return ret;
    len = headers_len(&w, BEBA_LAYER_ETH, BEBA_LAYER_GTPU) + w.payload_len;
    if (headroom > size || len > size - headroom)
        return beba_error_set(err, -ENOBUFS, "a packet of %zu bytes does not fit in the buffer",
                              len);
    *p = (struct beba_packet){
        .data = buf + headroom,
        .len = (uint32_t)len,
        .wire_len = (uint32_t)len,
        .headroom = (uint32_t)headroom,
        .tailroom = (uint32_t)(size - headroom - len),
        .link = BEBA_LINK_ETHERNET,
    };
    w.at = p->data;
    lay_out(&w);
    beba_packet_parse(p);
    apply(p, &w);
    beba_packet_checksums_set(p);
    beba_packet_parse(p);
    return verify(p, &w);
}
