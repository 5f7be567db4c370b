/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include <errno.h>
#include <string.h>

#include "packet/change.h"

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
    bool parse;

    if (beba_fields[id].flags & BEBA_FIELD_READONLY)
        return false;
    if (beba_fields[id].layer == BEBA_LAYER_META)
        return write_metadata(p, id, v.lo);
    if (!beba_change_field(p->data, &p->h, (enum beba_link)p->link, id, v, &parse))
        return false;
    if (parse)
        beba_packet_parse(p);
    return true;
}

bool beba_packet_swap(struct beba_packet *p, enum beba_layer layer)
{
    bool parse;

    if (!beba_change_swap_layer(p->data, &p->h, layer, &parse))
        return false;
    if (parse)
        beba_packet_parse(p);
    return true;
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

/* OpenFlow 1.3.5, section 5.12: immediately after the Ethernet header and before other tags. */
int beba_packet_push_mpls(struct beba_packet *p, uint16_t ethertype, uint32_t label, uint8_t ttl)
{
    uint32_t word;
    int err;

    if (!is_ethernet(p) || !beba_change_is_mpls(ethertype) ||
        !beba_change_label(p->data, &p->h, label, ttl, &word))
        return -EINVAL;
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
    at = p->h.offset[BEBA_LAYER_MPLS];
    if (at != 14 + 4u * p->h.n_vlan) /* behind LLC/SNAP there is a length that would lie */
        return -EINVAL;
    beba_store16(p->data + at - 2, ethertype);
    close_gap(p, at, 4);
    beba_packet_parse(p);
    return 0;
}

enum {
    ADDRESSES = 12,
    ITAG = 4,                        /* priority, flags and service */
    PBB_SIZE = 2 + ITAG + ADDRESSES, /* type, I-TAG, the customer's addresses */
};

int beba_packet_push_pbb(struct beba_packet *p, uint16_t ethertype)
{
    uint32_t service = 0, priority = 0;
    int err;

    if (!is_ethernet(p) || ethertype != BEBA_ETH_PBB)
        return -EINVAL;
    if (beba_packet_has(p, BEBA_LAYER_PBB))
        service = beba_load32(p->data + p->h.offset[BEBA_LAYER_PBB] + 2) & 0xffffff;
    if (beba_packet_has(p, BEBA_LAYER_VLAN))
        priority = p->data[p->h.offset[BEBA_LAYER_VLAN] + 2] >> 5;
    err = open_gap(p, ADDRESSES, PBB_SIZE);
    if (err)
        return err;
    beba_store16(p->data + ADDRESSES, ethertype);
    beba_store32(p->data + ADDRESSES + 2, priority << 29 | service);
    memcpy(p->data + ADDRESSES + 2 + ITAG, p->data, ADDRESSES);
    beba_packet_parse(p);
    return 0;
}

int beba_packet_pop_pbb(struct beba_packet *p)
{
    uint32_t at;

    if (!is_ethernet(p) || !beba_packet_has(p, BEBA_LAYER_PBB))
        return -EINVAL;
    at = p->h.offset[BEBA_LAYER_PBB];
    if (at + PBB_SIZE + 2 > p->len)
        return -EINVAL;
    memcpy(p->data, p->data + at + 2 + ITAG, ADDRESSES);
    close_gap(p, at, PBB_SIZE);
    beba_packet_parse(p);
    return 0;
}
