/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include <errno.h>

#include "packet/checksum.h"
#include "packet/put.h"
#include "packet/read.h"

/* Bytes about to change, and what their checksums need to know. */
struct change {
    uint32_t at, n;    /* widened to the 16-bit words of the checksums */
    uint64_t sum;      /* of those words, before */
    uint32_t sctp_crc; /* before */
    bool sctp;
};

static uint32_t off(const struct beba_packet *p, enum beba_layer layer)
{
    return p->h.offset[layer];
}

static bool has_sctp_crc(const struct beba_packet *p, uint32_t at)
{
    return beba_packet_has(p, BEBA_LAYER_SCTP) && at >= off(p, BEBA_LAYER_SCTP) &&
           beba_packet_is_whole(p);
}

static struct change change_begin(const struct beba_packet *p, uint32_t at, uint32_t n)
{
    struct change c = {.at = at, .n = n};

    if (!beba_packet_has(p, BEBA_LAYER_IP) || at < off(p, BEBA_LAYER_IP))
        return c;
    /* all headers from IP on start at an even distance from it */
    c.at -= (at - off(p, BEBA_LAYER_IP)) & 1;
    c.n = (at + n - c.at + 1) & ~1u;
    c.sum = beba_sum_add(0, p->data + c.at, c.n);
    c.sctp = has_sctp_crc(p, at);
    if (c.sctp)
        c.sctp_crc = beba_packet_sctp_crc(p);
    return c;
}

static void update16(uint8_t *at, uint64_t old, uint64_t new)
{
    beba_store16(at, beba_sum_update(beba_load16(at), old, new));
}

/* Zero says that a UDP sender computed no checksum; a computed zero is sent as 0xffff (RFC 768). */
static void update_transport(struct beba_packet *p, uint64_t old, uint64_t new)
{
    uint32_t at = beba_packet_checksum_at(p);
    bool udp = beba_packet_has(p, BEBA_LAYER_UDP);

    if (!at || (udp && !beba_load16(p->data + at)))
        return;
    update16(p->data + at, old, new);
    if (udp && !beba_load16(p->data + at))
        beba_store16(p->data + at, 0xffff);
}

/* True when the word at at is an address that the transport checksum covers. */
static bool in_pseudo_header(const struct beba_packet *p, uint32_t at)
{
    uint32_t in_ip = at - off(p, BEBA_LAYER_IP);
    bool v4 = beba_packet_has(p, BEBA_LAYER_IP4);
    uint32_t src = v4 ? 12 : 8, dst = v4 ? 16 : 24, end = v4 ? 20 : 40;

    if (in_ip < src || in_ip >= end || beba_packet_has(p, BEBA_LAYER_ICMP))
        return false;
    return in_ip < dst || !beba_packet_source_routed(p);
}

static void change_end(struct beba_packet *p, const struct change *c)
{
    uint32_t ip = off(p, BEBA_LAYER_IP), transport = beba_packet_checksum_at(p);
    uint64_t sum;

    if (!beba_packet_has(p, BEBA_LAYER_IP) || c->at < ip)
        return;
    sum = beba_sum_add(0, p->data + c->at, c->n);
    if (beba_packet_has(p, BEBA_LAYER_IP4) && c->at < ip + 20)
        update16(p->data + ip + 10, c->sum, sum);
    if (transport && (c->at >= p->h.offset[beba_packet_transport(p)] || in_pseudo_header(p, c->at)))
        update_transport(p, c->sum, sum);
    if (c->sctp) { /* a CRC is linear: a wrong one stays wrong by the same difference */
        uint8_t *at = p->data + off(p, BEBA_LAYER_SCTP) + 8;
        beba_store32(at, beba_load32(at) ^ c->sctp_crc ^ beba_packet_sctp_crc(p));
    }
    if (beba_packet_has(p, BEBA_LAYER_GRE) && c->at >= off(p, BEBA_LAYER_GRE)) {
        uint8_t *at = p->data + off(p, BEBA_LAYER_GRE);
        if (at[0] & 0x80 && off(p, BEBA_LAYER_GRE) + 6u <= p->h.l3_end)
            update16(at + 4, c->sum, sum);
    }
}

static bool is_tunnel_port(uint16_t port)
{
    return port == BEBA_PORT_VXLAN || port == BEBA_PORT_GTPU;
}

/* UDP ports are rewritten often and seldom change what a packet is. */
static bool ports_decide(const struct beba_packet *p, enum beba_field_id id, uint64_t v)
{
    if (id != BEBA_F_UDP_SRC && id != BEBA_F_UDP_DST && id != BEBA_F_L4_SRC && id != BEBA_F_L4_DST)
        return true;
    return beba_packet_has(p, BEBA_LAYER_UDP) &&
           (p->h.layers >> BEBA_LAYER_VXLAN & 1 || p->h.layers >> BEBA_LAYER_GTPU & 1 ||
            is_tunnel_port((uint16_t)v));
}

static bool write_metadata(struct beba_packet *p, enum beba_field_id id, uint64_t v)
{
    if (id == BEBA_F_METADATA)
        p->metadata = v;
    else
        p->tunnel_id = v;
    return true;
}

bool beba_field_write(struct beba_packet *p, enum beba_field_id id, struct beba_u128 v)
{
    const struct beba_field *f = &beba_fields[id];
    struct change c;
    unsigned width;
    uint32_t bit;

    if (f->flags & BEBA_FIELD_READONLY)
        return false;
    if (f->layer == BEBA_LAYER_META)
        return write_metadata(p, id, v.lo);
    if (!beba_field_place(p, id, &bit) || !beba_field_put_width(p, id, v, &width))
        return false;
    c = change_begin(p, bit / 8, (bit % 8 + width + 7) / 8);
    beba_bits_put(p->data, bit, width, v);
    change_end(p, &c);
    if (f->flags & BEBA_FIELD_STRUCTURAL && ports_decide(p, id, v.lo))
        beba_packet_parse(p);
    return true;
}

static void swap_bytes(uint8_t *a, uint8_t *b, uint32_t n)
{
    uint8_t save[16];

    memcpy(save, a, n);
    memcpy(a, b, n);
    memcpy(b, save, n);
}

/* Sums do not care for the order of source and destination -- but with a source route the transport
 * checksum covers only the source. */
static void swap_ip(struct beba_packet *p)
{
    bool v4 = beba_packet_has(p, BEBA_LAYER_IP4);
    uint32_t n = v4 ? 4 : 16;
    uint8_t *src = p->data + off(p, BEBA_LAYER_IP) + (v4 ? 12 : 8);

    if (beba_packet_source_routed(p) && !beba_packet_has(p, BEBA_LAYER_ICMP))
        update_transport(p, beba_sum_add(0, src, n), beba_sum_add(0, src + n, n));
    swap_bytes(src, src + n, n);
}

static void swap_l4(struct beba_packet *p)
{
    uint32_t at = off(p, BEBA_LAYER_L4);
    struct change c = change_begin(p, at, 4);

    swap_bytes(p->data + at, p->data + at + 2, 2);
    change_end(p, &c);
    if (beba_packet_has(p, BEBA_LAYER_UDP) && (is_tunnel_port(beba_load16(p->data + at)) ||
                                               is_tunnel_port(beba_load16(p->data + at + 2))))
        beba_packet_parse(p);
}

bool beba_packet_swap(struct beba_packet *p, enum beba_layer layer)
{
    if (!beba_packet_has(p, layer))
        return false;
    switch (layer) {
    case BEBA_LAYER_ETH:
        swap_bytes(p->data, p->data + 6, 6);
        return true;
    case BEBA_LAYER_IP:
    case BEBA_LAYER_IP4:
    case BEBA_LAYER_IP6:
        swap_ip(p);
        return true;
    case BEBA_LAYER_L4:
    case BEBA_LAYER_TCP:
    case BEBA_LAYER_UDP:
    case BEBA_LAYER_SCTP:
        swap_l4(p);
        return true;
    default:
        return false;
    }
}

static void resized(struct beba_packet *p, int by)
{
    uint32_t wire = p->wire_len > p->len ? p->wire_len : p->len;

    p->len = (uint32_t)((int64_t)p->len + by);
    p->wire_len = (uint32_t)((int64_t)wire + by);
}

/* Makes room for n bytes at at, moving the shorter part where there is headroom for it. */
static int open_gap(struct beba_packet *p, uint32_t at, uint32_t n)
{
    if (p->headroom >= n) {
        p->data -= n;
        p->headroom -= n;
        memmove(p->data, p->data + n, at);
    } else if (p->tailroom >= n) {
        memmove(p->data + at + n, p->data + at, p->len - at);
        p->tailroom -= n;
    } else {
        return -ENOBUFS;
    }
    resized(p, (int)n);
    return 0;
}

static void close_gap(struct beba_packet *p, uint32_t at, uint32_t n)
{
    memmove(p->data + n, p->data, at);
    p->data += n;
    p->headroom += n;
    resized(p, -(int)n);
}

static bool is_ethernet(const struct beba_packet *p)
{
    return p->link == BEBA_LINK_ETHERNET && beba_packet_has(p, BEBA_LAYER_ETH);
}

int beba_packet_push_vlan(struct beba_packet *p, uint16_t tpid, uint16_t tci)
{
    int err;

    if (!is_ethernet(p) || !beba_eth_is_vlan(tpid))
        return -EINVAL;
    err = open_gap(p, 12, 4);
    if (err)
        return err;
    beba_store16(p->data + 12, tpid);
    beba_store16(p->data + 14, tci);
    beba_packet_parse(p);
    return 0;
}

int beba_packet_pop_vlan(struct beba_packet *p)
{
    if (!is_ethernet(p) || !beba_packet_has(p, BEBA_LAYER_VLAN))
        return -EINVAL;
    close_gap(p, 12, 4);
    beba_packet_parse(p);
    return 0;
}

static bool is_mpls(uint16_t type)
{
    return type == BEBA_ETH_MPLS || type == BEBA_ETH_MPLS_UP;
}

/* OpenFlow 1.3.5, section 5.12: immediately after the Ethernet header and before other tags. */
int beba_packet_push_mpls(struct beba_packet *p, uint16_t ethertype, uint32_t label, uint8_t ttl)
{
    uint32_t word;
    uint16_t type;
    int err;

    if (!is_ethernet(p) || !is_mpls(ethertype))
        return -EINVAL;
    type = beba_load16(p->data + 12);
    if (type < BEBA_ETH_MIN) /* a length cannot become a label's payload */
        return -EINVAL;
    word = (label & 0xfffff) << 12 | ttl;
    if (!is_mpls(type))
        word |= 1u << 8;
    else if (beba_packet_has(p, BEBA_LAYER_MPLS)) /* the traffic class is inherited */
        word |= (p->data[off(p, BEBA_LAYER_MPLS) + 2] & 0x0eu) << 8;
    err = open_gap(p, 14, 4);
    if (err)
        return err;
    beba_store16(p->data + 12, ethertype);
    beba_store32(p->data + 14, word);
    beba_packet_parse(p);
    return 0;
}

int beba_packet_pop_mpls(struct beba_packet *p, uint16_t ethertype)
{
    uint32_t at;

    if (!is_ethernet(p) || !beba_packet_has(p, BEBA_LAYER_MPLS))
        return -EINVAL;
    at = off(p, BEBA_LAYER_MPLS);
    if (at != 14 + 4u * p->h.n_vlan) /* behind LLC/SNAP there is a length that would lie */
        return -EINVAL;
    beba_store16(p->data + at - 2, ethertype);
    close_gap(p, at, 4);
    beba_packet_parse(p);
    return 0;
}
