/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Shows all that emit/rt/packet.h sees in a packet, and does one edit: the programs under test, for
 * xdp or tc as BEBA_TARGET_* says. */
#include "emit/rt/bpf.h"

#ifdef BEBA_TARGET_TC
typedef struct __sk_buff beba_ctx;
#define PROGRAM BEBA_SECTION("tc")
#else
typedef struct xdp_md beba_ctx;
#define PROGRAM BEBA_SECTION("xdp")
#endif

#include "emit/rt/packet.h"
#include "packet.h"

#define ONE(name, type_)                                                           \
    BEBA_MAP(name, BEBA_UINT(type, BPF_MAP_TYPE_ARRAY); BEBA_UINT(max_entries, 1); \
             BEBA_UINT(map_flags, BPF_F_MMAPABLE); BEBA_UINT(key_size, 4);         \
             BEBA_UINT(value_size, sizeof(type_));)

ONE(orders, struct order);
ONE(answers, struct answer);

BEBA_INLINE struct order *order(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&orders, &zero);
}

BEBA_INLINE struct answer *answer(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&answers, &zero);
}

BEBA_INLINE void tell(beba_ctx *ctx, const struct beba_pkt *p, struct answer *a)
{
    a->h = p->h;
    a->len = p->len;
#ifdef BEBA_TARGET_TC
    a->vlan_present = (uint32_t)BEBA_VIEW_CONTEXT(ctx, vlan_present);
    a->vlan_proto = (uint32_t)BEBA_VIEW_CONTEXT(ctx, vlan_proto);
    a->vlan_tci = (uint32_t)BEBA_VIEW_CONTEXT(ctx, vlan_tci);
#endif
}

/* Reads fields LOOK_AT * k and on. */
#define LOOK(k)                         \
    PROGRAM int look_##k(beba_ctx *ctx) \
    {                                   \
        struct answer *a = answer();    \
        struct beba_pkt p;              \
                                        \
        if (!a)                         \
            return -1;                  \
        beba_pkt_parse(ctx, &p, ~0u);   \
        tell(ctx, &p, a);               \
        look(ctx, &p, a, (k)*LOOK_AT);  \
        return 0;                       \
    }

BEBA_INLINE void look(beba_ctx *ctx, const struct beba_pkt *p, struct answer *a, unsigned from)
{
    bool present;

#define BEBA_FIELD(id, ...)                                                        \
    if (BEBA_F_##id >= from && BEBA_F_##id < from + LOOK_AT) {                     \
        a->value[BEBA_F_##id] = beba_pkt_read_wide(ctx, p, BEBA_F_##id, &present); \
        a->present[BEBA_F_##id] = present;                                         \
    }
#include "packet/fields.def"
#undef BEBA_FIELD
}

LOOK(0)
LOOK(1)
LOOK(2)
LOOK(3)
LOOK(4)
LOOK(5)

/* What a program that asks for little sees, and its key. */
PROGRAM int look_ports(beba_ctx *ctx)
{
    struct answer *a = answer();
    struct beba_pkt p;
    bool backward = false;

    if (!a)
        return -1;
    beba_pkt_parse(ctx, &p, 1u << BEBA_LAYER_L4);
    tell(ctx, &p, a);
    a->connection = beba_pkt_connection(ctx, &p, a->key, &backward);
    a->backward = backward;
    return 0;
}

#define BEBA_FIELD(id, ...)                                                                \
    BEBA_STAGE int write_##id(beba_ctx *ctx, struct beba_pkt *p, uint64_t hi, uint64_t lo) \
    {                                                                                      \
        BEBA_STAGE_ARG(p);                                                                 \
        BEBA_STAGE_VALUE(hi);                                                              \
        BEBA_STAGE_VALUE(lo);                                                              \
        return beba_pkt_write(ctx, p, BEBA_F_##id, beba_u128(hi, lo));                     \
    }
#include "packet/fields.def"
#undef BEBA_FIELD

BEBA_INLINE int write(beba_ctx *ctx, struct beba_pkt *p, const struct order *o)
{
    uint64_t hi = o->value.hi, lo = o->value.lo;

    switch (o->a) {
#define BEBA_FIELD(id, ...) \
    case BEBA_F_##id:       \
        return write_##id(ctx, p, hi, lo);
#include "packet/fields.def"
#undef BEBA_FIELD
    default:
        return -1;
    }
}

BEBA_INLINE int swap(beba_ctx *ctx, struct beba_pkt *p, uint32_t layer)
{
    switch (layer) {
    case BEBA_LAYER_ETH:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_ETH);
    case BEBA_LAYER_IP:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_IP);
    case BEBA_LAYER_IP6:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_IP6);
    case BEBA_LAYER_L4:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_L4);
    case BEBA_LAYER_UDP:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_UDP);
    default:
        return beba_pkt_swap(ctx, p, BEBA_LAYER_ARP);
    }
}

BEBA_INLINE int edit(beba_ctx *ctx, struct beba_pkt *p, const struct order *o)
{
    switch (o->op) {
    case DO_SWAP:
        return swap(ctx, p, o->a);
    case DO_PUSH_VLAN:
        return beba_pkt_push_vlan(ctx, p, o->a, o->b);
    case DO_POP_VLAN:
        return beba_pkt_pop_vlan(ctx, p);
    case DO_PUSH_MPLS:
        return beba_pkt_push_mpls(ctx, p, o->a, o->b, o->c);
    case DO_POP_MPLS:
        return beba_pkt_pop_mpls(ctx, p, o->a);
    default:
        return write(ctx, p, o);
    }
}

/* The packet is left as the program sees it: in tc, with its tags in it. */
PROGRAM int change(beba_ctx *ctx)
{
    struct answer *a = answer();
    struct order *o = order();
    struct beba_pkt p;

    if (!a || !o)
        return -1;
    beba_pkt_parse(ctx, &p, BEBA_PKT_EDIT);
    beba_pkt_parse_all(ctx, &p);
    a->result = edit(ctx, &p, o);
    tell(ctx, &p, a);
    return 0;
}

#ifdef BEBA_TARGET_TC
/* A tag that the kernel keeps beside the packet: seen in it, edited, and beside it again. */
PROGRAM int aside(beba_ctx *ctx)
{
    struct answer *a = answer();
    struct order *o = order();
    struct beba_pkt p;

    if (!a || !o || bpf_skb_vlan_push(ctx, beba_be16(BEBA_ETH_VLAN), 7))
        return -1;
    beba_pkt_parse(ctx, &p, ~0u);
    if (o->op != DO_WRITE)
        a->result = edit(ctx, &p, o);
    beba_pkt_finish(ctx, &p);
    tell(ctx, &p, a);
    return 0;
}
#endif

char _license[] BEBA_SECTION("license") = "Dual BSD/GPL";
