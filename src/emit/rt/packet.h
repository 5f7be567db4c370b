/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets in the kernel: what packet/packet.h is in user space, over the same cores. Included once,
 * by C for BPF that has defined BEBA_TARGET_XDP or BEBA_TARGET_TC and typedef'd beba_ctx: struct
 * xdp_md or struct __sk_buff.
 *
 * Fields, layers and sets of layers are compile-time constants: only the code of that field is
 * left. Anything with a loop is a global function, which the verifier looks at once. None of this
 * keeps a pointer into the packet.
 *
 * xdp: the packet is what lies between data and data_end; of one in several buffers, the first.
 *
 * tc: a VLAN tag that the kernel keeps beside the packet is put into it by beba_pkt_parse, and what
 * is outermost goes back beside it in beba_pkt_finish, so that a program sees the frame as it was
 * sent. Checksums that a device is to complete stay so. What the kernel cannot be told: a label
 * pushed at ingress on a packet that is then passed to this machine's own stack, which goes by what
 * the packet was; and a frame of less than 18 bytes cannot lose a tag. */
#ifndef BEBA_EMIT_PACKET_H
#define BEBA_EMIT_PACKET_H

#include "emit/rt/view.h"
#include "packet/change.h"
#include "packet/connection.h"

enum {
    BEBA_PKT_EINVAL = 22,
    BEBA_PKT_ENOBUFS = 105,
    BEBA_PKT_PULL = 256, /* tc: bytes that common packets have their headers in */
};

/* Lies on the stack. */
struct beba_pkt {
    struct beba_headers h;
    uint32_t len;     /* pkt.len and pkt.caplen */
    uint32_t in_port; /* and so on: the caller's, 0 after beba_pkt_parse */
    uint32_t in_phy_port, queue;
    uint32_t aside; /* tc: a tag that means nothing is kept beside the packet */
    uint64_t now, metadata, tunnel_id;
};

/* What a program that edits packets wants besides the layers it names: those whose checksums follow
 * and those that are told apart when it is parsed again. */
#define BEBA_PKT_EDIT (BEBA_WALK_IP | BEBA_WALK_TRANSPORT)

BEBA_INLINE uint32_t pkt_here(beba_ctx *ctx)
{
    return (uint32_t)(BEBA_VIEW_CONTEXT(ctx, data_end) - BEBA_VIEW_CONTEXT(ctx, data));
}

#ifdef BEBA_TARGET_TC
BEBA_INLINE long tc_push(beba_ctx *ctx)
{
    return bpf_skb_vlan_push(ctx, beba_be16(BEBA_ETH_VLAN), 0);
}

/* Four bytes more behind the addresses: a tag of zeros. */
BEBA_STAGE int beba_tc_open(beba_ctx *ctx, struct beba_pkt *p)
{
    BEBA_STAGE_ARG(p);
    if (!p->aside && tc_push(ctx))
        return -BEBA_PKT_ENOBUFS;
    p->aside = 1;
    return tc_push(ctx) ? -BEBA_PKT_ENOBUFS : 0;
}

/* Lets the kernel's idea of the packet's type follow its bytes: it is read anew when a tag goes
 * from the packet to beside it. */
BEBA_STAGE int beba_tc_retype(beba_ctx *ctx, struct beba_pkt *p)
{
    BEBA_STAGE_ARG(p);
    if (beba_tc_open(ctx, p))
        return -BEBA_PKT_ENOBUFS;
    return bpf_skb_vlan_pop(ctx) ? -BEBA_PKT_ENOBUFS : 0;
}

/* Takes the outermost tag, of which the kernel knows, out of the packet. The first pop takes it
 * beside the packet, the second away; that may take the next tag there, and fails where the frame
 * ends inside that one, with all done. */
BEBA_STAGE int beba_tc_close(beba_ctx *ctx, struct beba_pkt *p)
{
    long err;

    BEBA_STAGE_ARG(p);
    err = bpf_skb_vlan_pop(ctx);
    if (!err)
        bpf_skb_vlan_pop(ctx);
    p->aside = BEBA_VIEW_CONTEXT(ctx, vlan_present) && !tc_push(ctx);
    return err ? -BEBA_PKT_ENOBUFS : 0;
}
#endif

/* All tags into the packet. */
BEBA_INLINE void beba_pkt_gather(beba_ctx *ctx, struct beba_pkt *p)
{
#ifdef BEBA_TARGET_TC
    if (BEBA_VIEW_CONTEXT(ctx, vlan_present) && !tc_push(ctx))
        p->aside = 1;
#else
    (void)ctx;
    (void)p;
#endif
}

/* What there is to do before headers can be looked at. */
BEBA_INLINE void pkt_begin(beba_ctx *ctx, struct beba_pkt *p)
{
#ifdef BEBA_TARGET_TC
    beba_pkt_gather(ctx, p);
    p->len = (uint32_t)BEBA_VIEW_CONTEXT(ctx, len);
    if (pkt_here(ctx) < BEBA_PKT_PULL && pkt_here(ctx) < p->len)
        bpf_skb_pull_data(ctx, beba_walk_min(p->len, BEBA_PKT_PULL));
#else
    p->len = pkt_here(ctx);
#endif
}

/* Finds all headers, of any packet. */
BEBA_STAGE int beba_pkt_parse_all(beba_ctx *ctx, struct beba_pkt *p)
{
    struct beba_walk w;

    BEBA_STAGE_ARG(p);
#ifdef BEBA_TARGET_TC
    p->len = (uint32_t)BEBA_VIEW_CONTEXT(ctx, len);
    if (pkt_here(ctx) < p->len)
        bpf_skb_pull_data(ctx, p->len);
#else
    p->len = pkt_here(ctx);
#endif
    beba_walk_begin(&p->h, &w, pkt_here(ctx), p->len);
    beba_walk_ethernet(ctx, &p->h, &w, BEBA_WALK_COMPLETE);
    beba_walk_end(&p->h, &w);
    return 0;
}

/* How a packet was parsed: the kinds that are most of all. */
enum beba_pkt_kind { BEBA_PKT_SELDOM, BEBA_PKT_OTHER, BEBA_PKT_IP4, BEBA_PKT_IP6 };

BEBA_INLINE enum beba_pkt_kind pkt_parse_quick(beba_ctx *ctx, struct beba_pkt *p, uint32_t want)
{
    struct beba_walk w;

    __builtin_memset(p, 0, sizeof(*p));
    pkt_begin(ctx, p);
    beba_walk_begin(&p->h, &w, p->len, p->len);
    w.near = (const uint8_t *)BEBA_VIEW_CONTEXT(ctx, data);
    w.near_end = (const uint8_t *)BEBA_VIEW_CONTEXT(ctx, data_end);
    if (!beba_walk_ethernet(ctx, &p->h, &w, beba_walk_wants(want) | BEBA_WALK_QUICK))
        return BEBA_PKT_SELDOM;
    beba_walk_end(&p->h, &w);
    if (w.layers & BEBA_BIT(IP4))
        return BEBA_PKT_IP4;
    return w.layers & BEBA_BIT(IP6) ? BEBA_PKT_IP6 : BEBA_PKT_OTHER;
}

/* The first thing done with a packet: clears *p, sets len and finds the headers. want = layers,
 * 1 << enum beba_layer, that the program reads; with BEBA_PKT_EDIT when it edits. Others may be
 * reported absent. */
BEBA_INLINE void beba_pkt_parse(beba_ctx *ctx, struct beba_pkt *p, uint32_t want)
{
    if (pkt_parse_quick(ctx, p, want) == BEBA_PKT_SELDOM)
        beba_pkt_parse_all(ctx, p);
}

/* The same for *p in registers: what is seldom is parsed in memory, away. */
BEBA_INLINE enum beba_pkt_kind beba_pkt_parse_away(beba_ctx *ctx, struct beba_pkt *p, uint32_t want,
                                                   struct beba_pkt *away)
{
    enum beba_pkt_kind kind = pkt_parse_quick(ctx, p, want);

    if (kind == BEBA_PKT_SELDOM) {
        beba_pkt_parse_all(ctx, away);
        p->h = away->h;
        p->len = away->len;
    }
    return kind;
}

/* Tells the compiler what the headers of a packet of this kind are. */
BEBA_INLINE void beba_pkt_known(struct beba_pkt *p, enum beba_pkt_kind kind)
{
    bool v6 = kind == BEBA_PKT_IP6;

    p->h.layers |= v6 ? BEBA_BIT(IP6) | BEBA_BIT(IP) : BEBA_BIT(IP4) | BEBA_BIT(IP);
    p->h.layers &= v6 ? ~BEBA_BIT(IP4) : ~BEBA_BIT(IP6);
    p->h.offset[BEBA_LAYER_IP] = 14;
    p->h.offset[v6 ? BEBA_LAYER_IP6 : BEBA_LAYER_IP4] = 14;
    p->h.offset[BEBA_LAYER_L4] = v6 ? 54 : 34;
}

/* The last thing, whatever becomes of the packet; and before others see it, who do not know that
 * the tag beside it may mean nothing. beba_pkt_gather takes it back. */
BEBA_INLINE void beba_pkt_finish(beba_ctx *ctx, struct beba_pkt *p)
{
#ifdef BEBA_TARGET_TC
    if (p->aside)
        bpf_skb_vlan_pop(ctx);
    p->aside = 0;
#else
    (void)ctx;
    (void)p;
#endif
}

BEBA_INLINE bool beba_pkt_has(const struct beba_pkt *p, enum beba_layer layer)
{
    return layer == BEBA_LAYER_META || beba_has(&p->h, layer);
}

BEBA_INLINE bool pkt_read_meta(const struct beba_pkt *p, enum beba_field_id id, uint64_t *out)
{
    switch (id) {
    case BEBA_F_IN_PORT:
        *out = p->in_port;
        return true;
    case BEBA_F_IN_PHY_PORT:
        *out = p->in_phy_port;
        return true;
    case BEBA_F_METADATA:
        *out = p->metadata;
        return true;
    case BEBA_F_TUNNEL_ID:
        *out = p->tunnel_id;
        return true;
    case BEBA_F_NOW:
        *out = p->now;
        return true;
    case BEBA_F_PKT_LEN:
    case BEBA_F_PKT_CAPLEN:
        *out = p->len;
        return true;
    default:
        return false;
    }
}

/* A field; 0 and *present = false where the packet lacks it. */
BEBA_INLINE struct beba_u128 beba_pkt_read_wide(beba_ctx *ctx, const struct beba_pkt *p,
                                                enum beba_field_id id, bool *present)
{
    struct beba_field_shape f = beba_field_shape(id);
    struct beba_u128 out = {0, 0};
    uint32_t at, n;

    *present = false;
    if (f.layer == BEBA_LAYER_META) {
        *present = pkt_read_meta(p, id, &out.lo);
        return out;
    }
    if (!beba_has(&p->h, (enum beba_layer)f.layer))
        return out;
    if (f.flags & BEBA_FIELD_SPECIAL) {
        *present = beba_look_special(ctx, &p->h, BEBA_LINK_ETHERNET, p->len, id, &out);
        return out;
    }
    *present = true;
    at = p->h.offset[f.layer] + f.bit_offset / 8u;
    n = (f.bit_offset % 8u + f.width + 7) / 8;
    if (f.width == 128)
        return beba_u128(beba_view64(ctx, at), beba_view64(ctx, at + 8));
    out.lo = beba_view_bytes(ctx, at, n) >> (n * 8 - f.bit_offset % 8 - f.width);
    out.lo &= beba_mask64(f.width);
    return out;
}

/* The same for fields of up to 64 bits. */
BEBA_INLINE uint64_t beba_pkt_read(beba_ctx *ctx, const struct beba_pkt *p, enum beba_field_id id,
                                   bool *present)
{
    return beba_pkt_read_wide(ctx, p, id, present).lo;
}

/* beba_field_write. */
BEBA_INLINE bool beba_pkt_write(beba_ctx *ctx, struct beba_pkt *p, enum beba_field_id id,
                                struct beba_u128 v)
{
    bool parse;

    if (id == BEBA_F_METADATA || id == BEBA_F_TUNNEL_ID) {
        *(id == BEBA_F_METADATA ? &p->metadata : &p->tunnel_id) = v.lo;
        return true;
    }
    if (!beba_change_field(ctx, &p->h, BEBA_LINK_ETHERNET, id, v, &parse))
        return false;
#ifdef BEBA_TARGET_TC
    if (id == BEBA_F_ETH_TYPE || id == BEBA_F_VLAN_TPID)
        beba_tc_retype(ctx, p);
#endif
    if (parse)
        beba_pkt_parse_all(ctx, p);
    return true;
}

/* beba_packet_swap. */
BEBA_INLINE bool beba_pkt_swap(beba_ctx *ctx, struct beba_pkt *p, enum beba_layer layer)
{
    bool parse;

    if (!beba_change_swap_layer(ctx, &p->h, layer, &parse))
        return false;
    if (parse)
        beba_pkt_parse_all(ctx, p);
    return true;
}

/* Four bytes more behind the addresses, or four less: what is behind them then is the caller's to
 * say. */
BEBA_INLINE int pkt_open(beba_ctx *ctx, struct beba_pkt *p)
{
#ifdef BEBA_TARGET_TC
    return beba_tc_open(ctx, p);
#else
    if (bpf_xdp_adjust_head(ctx, -4))
        return -BEBA_PKT_ENOBUFS;
    beba_put64(ctx, 0, beba_view64(ctx, 4));
    beba_put32(ctx, 8, beba_view32(ctx, 12));
    return 0;
#endif
}

BEBA_INLINE int pkt_close(beba_ctx *ctx, struct beba_pkt *p)
{
#ifdef BEBA_TARGET_TC
    beba_put16(ctx, 12, BEBA_ETH_VLAN);
    if (beba_tc_retype(ctx, p))
        return -BEBA_PKT_ENOBUFS;
    return beba_tc_close(ctx, p);
#else
    beba_put32(ctx, 12, beba_view32(ctx, 8));
    beba_put64(ctx, 4, beba_view64(ctx, 0));
    return bpf_xdp_adjust_head(ctx, 4) ? -BEBA_PKT_EINVAL : 0;
#endif
}

/* beba_packet_push_vlan and so on: 0 or -errno. */
BEBA_STAGE_EDIT int beba_pkt_push_vlan(beba_ctx *ctx, struct beba_pkt *p, uint32_t tpid,
                                       uint32_t tci)
{
    int err;

    BEBA_STAGE_ARG(p);
    if (!beba_has(&p->h, BEBA_LAYER_ETH) || !beba_eth_is_vlan((uint16_t)tpid))
        return -BEBA_PKT_EINVAL;
    err = pkt_open(ctx, p);
    if (err)
        return err;
    beba_put16(ctx, 12, (uint16_t)tpid);
    beba_put16(ctx, 14, (uint16_t)tci);
#ifdef BEBA_TARGET_TC
    if (tpid != BEBA_ETH_VLAN)
        err = beba_tc_retype(ctx, p);
#endif
    beba_pkt_parse_all(ctx, p);
    return err;
}

BEBA_STAGE_EDIT int beba_pkt_pop_vlan(beba_ctx *ctx, struct beba_pkt *p)
{
    int err;

    BEBA_STAGE_ARG(p);
    if (!beba_has(&p->h, BEBA_LAYER_VLAN) || p->len < 18)
        return -BEBA_PKT_EINVAL;
    err = pkt_close(ctx, p);
    beba_pkt_parse_all(ctx, p);
    return err;
}

BEBA_STAGE_EDIT int beba_pkt_push_mpls(beba_ctx *ctx, struct beba_pkt *p, uint32_t ethertype,
                                       uint32_t label, uint32_t ttl)
{
    uint32_t word;
    int err;

    BEBA_STAGE_ARG(p);
    if (!beba_has(&p->h, BEBA_LAYER_ETH) || !beba_change_is_mpls((uint16_t)ethertype) ||
        !beba_change_label(ctx, &p->h, label, (uint8_t)ttl, &word))
        return -BEBA_PKT_EINVAL;
    err = pkt_open(ctx, p);
    if (err)
        return err;
    beba_put16(ctx, 12, (uint16_t)ethertype);
    beba_put32(ctx, 14, word);
#ifdef BEBA_TARGET_TC
    err = beba_tc_retype(ctx, p);
#endif
    beba_pkt_parse_all(ctx, p);
    return err;
}

/* The label is behind the tags: they move over it. */
BEBA_STAGE_EDIT int beba_pkt_pop_mpls(beba_ctx *ctx, struct beba_pkt *p, uint32_t ethertype)
{
    uint32_t at;
    int err;

    BEBA_STAGE_ARG(p);
    at = p->h.offset[BEBA_LAYER_MPLS];
    if (!beba_has(&p->h, BEBA_LAYER_MPLS) || at != 14 + 4u * p->h.n_vlan)
        return -BEBA_PKT_EINVAL;
    beba_put16(ctx, at - 2, (uint16_t)ethertype);
    for (uint32_t n = 0; n <= 2 * BEBA_MAX_VLAN && at > 12; n++) {
        at -= 2;
        beba_put16(ctx, at + 4, beba_view16(ctx, at));
    }
    err = pkt_close(ctx, p);
    beba_pkt_parse_all(ctx, p);
    return err;
}

/* A table's key by connection; backward: the source is the higher end. False when the packet has no
 * ports. */
BEBA_INLINE bool beba_pkt_connection(beba_ctx *ctx, const struct beba_pkt *p,
                                     uint32_t key[BEBA_CONNECTION_WORDS], bool *backward)
{
    return beba_connection(ctx, &p->h, key, backward);
}

/* Puts a field, with its width's bytes, at byte at of a key. False when the packet lacks it. */
BEBA_INLINE bool beba_pkt_key(beba_ctx *ctx, const struct beba_pkt *p, enum beba_field_id id,
                              uint32_t *key, uint32_t at)
{
    bool present;
    struct beba_u128 v = beba_pkt_read_wide(ctx, p, id, &present);

    beba_key_put(key, at, (beba_field_shape(id).width + 7u) / 8, v);
    return present;
}

#endif
