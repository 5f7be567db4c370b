/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What C for the CPU (beba_emit_c with BEBA_TARGET_NATIVE) includes: what emit/rt/run.h is for the
 * kernel. Included once, also before several programs; nothing in it depends on the program.
 *
 * In a function of the program:
 *   ctx      struct beba_native: the engine's data
 *   x        struct beba_run: the packet
 *   cpu      what is counted
 *   shared   globals, arrays, sets
 *   lane     what was found out about the packet before its turn
 *   f        what is known of it in this table
 *
 * A packet is of a kind, a constant in each copy of the code. Of the common kinds it is known where
 * headers are; KIND_ANY has been parsed as the interpreter does it. */
#ifndef BEBA_EMIT_RT_NATIVE_H
#define BEBA_EMIT_RT_NATIVE_H

#include "base/hash.h"
#include "base/timeout.h"
#include "engine/native.h"
#include "engine/set.h"
#include "packet/connection.h"
#include "packet/look.h"
#include "packet/packet.h"
#include "pipeline/arith.h"

enum { BEBA_NO_RULE = 0xffffffff };
enum { BEBA_BYTES_AHEAD = 8 }; /* packets whose first bytes are asked for */

/* What a function that holds rules says of them. */
enum { NEITHER, RAN, FULL, BUSY };

typedef const struct beba_native beba_ctx;
#define beba_object_event  beba_event
#define BEBA_INLINE_PLACES BEBA_INLINE
#define BEBA_KEEP(a, b, c) ((void)0)
/* A lock was not to be had: the end of the packet. */
#define beba_busy(x)   ((x)->verdict = BEBA_VERDICT_DROP, (int)((x)->reason = BEBA_REASON_BUSY))
#define BEBA_SELDOM    __attribute__((cold, noinline, unused)) static
#define BEBA_LIKELY(x) __builtin_expect(!!(x), 1)

enum beba_common {
    KIND_ANY,
    KIND_ETH, /* looked at no further */
    KIND_IP4, /* behind Ethernet, looked at no further */
    KIND_TCP4,
    KIND_UDP4,
};

struct beba_count {
    uint64_t hits, misses, no_key;
};

/* What a run has counted so far. */
struct beba_tally {
    uint64_t packets, bytes, verdict[BEBA_N_VERDICTS], reason[BEBA_N_REASONS];
};

/* One packet on its way through the tables. */
struct beba_run {
    beba_ctx *ctx;
    void *counts, *early; /* struct cpu, struct lane */
    struct beba_packet *packet;
    uint8_t *data; /* of the common kinds, in which it stays where it is */
    enum beba_common kind;
    struct {
        uint64_t now;
        uint32_t in_port;
    } p;
    uint64_t number; /* of the packet, from 0 */
    uint32_t draws;  /* of random numbers */
    uint32_t verdict, reason, port, table, rule;
};

/* Kinds -------------------------------------------------------------------------------------- */

/* The kind of a packet of which these layers are looked at, and edits are none. The conditions are
 * those under which packet/walk.h finds the headers where beba_kind_headers says. */
BEBA_INLINE enum beba_common beba_kind_of(const struct beba_packet *p, uint32_t want)
{
    uint32_t len = p->len, end, total;
    const uint8_t *d = p->data;
    uint16_t type;
    uint8_t proto;

    if (__builtin_expect(p->link != BEBA_LINK_ETHERNET || len > BEBA_PACKET_MAX, 0))
        return KIND_ANY;
    if (!(want & ~(BEBA_BIT(META) | BEBA_BIT(ETH)))) {
        type = len < 14 ? 0 : beba_load16(d + 12);
        return type >= BEBA_ETH_MIN && !beba_eth_is_vlan(type) ? KIND_ETH : KIND_ANY;
    }
    if (len < 34 || beba_load16(d + 12) != BEBA_ETH_IP4 || d[14] != 0x45)
        return KIND_ANY;
    total = beba_load16(d + 16);
    if (total < 20)
        return KIND_ANY;
    if (!(want & BEBA_WALK_TRANSPORT))
        return KIND_IP4;
    end = 14 + total < len ? 14 + total : len;
    if (beba_load16(d + 20) & 0x3fff)
        return KIND_ANY;
    proto = d[23];
    if (proto == BEBA_IP_TCP)
        return end >= 54 && d[46] >= 0x50 ? KIND_TCP4 : KIND_ANY;
    if (proto == BEBA_IP_UDP)
        return end >= 42 && beba_load16(d + 38) >= 8 && !(want & (BEBA_BIT(VXLAN) | BEBA_BIT(GTPU)))
                   ? KIND_UDP4
                   : KIND_ANY;
    return KIND_ANY;
}

BEBA_INLINE uint32_t beba_kind_layers(enum beba_common kind)
{
    switch (kind) {
    case KIND_ETH:
        return BEBA_BIT(META) | BEBA_BIT(ETH);
    case KIND_IP4:
        return BEBA_BIT(META) | BEBA_BIT(ETH) | BEBA_BIT(IP4) | BEBA_BIT(IP);
    case KIND_TCP4:
        return beba_kind_layers(KIND_IP4) | BEBA_BIT(TCP) | BEBA_BIT(L4);
    case KIND_UDP4:
        return beba_kind_layers(KIND_IP4) | BEBA_BIT(UDP) | BEBA_BIT(L4);
    default:
        return 0;
    }
}

/* Where the header is. */
BEBA_INLINE uint32_t beba_kind_offset(enum beba_common kind, enum beba_layer layer)
{
    if (layer == BEBA_LAYER_ETH)
        return 0;
    return layer == BEBA_LAYER_IP || layer == BEBA_LAYER_IP4 ? 14 : 34;
}

/* All that is known of a packet of that kind; the compiler keeps what is asked for. */
BEBA_INLINE void beba_kind_headers(const struct beba_run *x, struct beba_headers *h)
{
    const uint8_t *d = x->data;
    uint32_t len = x->packet->len;

    h->layers = beba_kind_layers(x->kind);
    h->flaws = 0;
    h->n_vlan = h->n_mpls = 0;
    h->payload = 14;
    h->offset[BEBA_LAYER_ETH] = 0;
    if (x->kind == KIND_ETH) {
        h->ether_type = beba_load16(d + 12);
        h->ip_proto = 0;
        h->l3_end = (uint16_t)len;
        return;
    }
    h->ether_type = BEBA_ETH_IP4;
    h->offset[BEBA_LAYER_IP4] = h->offset[BEBA_LAYER_IP] = 14;
    h->offset[BEBA_LAYER_TCP] = h->offset[BEBA_LAYER_UDP] = h->offset[BEBA_LAYER_L4] = 34;
    h->l3_end = (uint16_t)beba_walk_min(len, 14u + beba_load16(d + 16));
    h->ip_proto = x->kind == KIND_TCP4 ? BEBA_IP_TCP : x->kind == KIND_UDP4 ? BEBA_IP_UDP : d[23];
}

/* Fields ------------------------------------------------------------------------------------- */

BEBA_INLINE uint8_t *beba_data(const struct beba_run *x)
{
    return x->kind == KIND_ANY ? x->packet->data : x->data;
}

BEBA_INLINE bool beba_run_has(const struct beba_run *x, enum beba_layer layer)
{
    uint32_t layers = x->kind == KIND_ANY ? x->packet->h.layers : beba_kind_layers(x->kind);

    return layer == BEBA_LAYER_META || (layers >> layer & 1);
}

BEBA_INLINE uint64_t beba_read_meta(const struct beba_run *x, enum beba_field_id id)
{
    const struct beba_packet *p = x->packet;

    switch (id) {
    case BEBA_F_IN_PORT:
        return p->in_port;
    case BEBA_F_IN_PHY_PORT:
        return p->in_phy_port;
    case BEBA_F_METADATA:
        return p->metadata;
    case BEBA_F_TUNNEL_ID:
        return p->tunnel_id;
    case BEBA_F_NOW:
        return x->p.now;
    case BEBA_F_PKT_LEN:
        return p->wire_len;
    default:
        return p->len;
    }
}

/* A field; 0 and *present = false where the packet lacks it. sure: it has its layer. */
BEBA_INLINE struct beba_u128 beba_read(const struct beba_run *x, enum beba_field_id id, bool sure,
                                       bool *present)
{
    struct beba_field_shape f = beba_field_shape(id);
    struct beba_u128 out = {0, 0};
    uint8_t *v = beba_data(x);
    uint32_t at, n;

    *present = true;
    if (f.layer == BEBA_LAYER_META)
        return beba_u128(0, beba_read_meta(x, id));
    if (!sure && !beba_run_has(x, (enum beba_layer)f.layer)) {
        *present = false;
        return out;
    }
    if (f.flags & BEBA_FIELD_SPECIAL) {
        const struct beba_packet *p = x->packet;
        uint64_t wire = p->wire_len > p->len ? p->wire_len : p->len;

        if (x->kind == KIND_ANY) {
            *present = beba_look_special(v, &p->h, (enum beba_link)p->link, wire, id, &out);
        } else {
            struct beba_headers h;

            beba_kind_headers(x, &h);
            *present = beba_look_special(v, &h, BEBA_LINK_ETHERNET, wire, id, &out);
        }
        return out;
    }
    at = x->kind == KIND_ANY ? x->packet->h.offset[f.layer]
                             : beba_kind_offset(x->kind, (enum beba_layer)f.layer);
    at += f.bit_offset / 8u;
    n = (f.bit_offset % 8u + f.width + 7) / 8;
    if (f.width == 128)
        return beba_u128(beba_view64(v, at), beba_view64(v, at + 8));
    out.lo = beba_view_bytes(v, at, n) >> (n * 8 - f.bit_offset % 8 - f.width);
    out.lo &= beba_mask64(f.width);
    return out;
}

#define HAS(layer) beba_run_has(x, BEBA_LAYER_##layer)
#define BEBA_READ(id, sure)                         \
    ({                                              \
        bool present_;                              \
        beba_read(x, BEBA_F_##id, sure, &present_); \
    })
#define F(id)         BEBA_READ(id, false).lo
#define F_WIDE(id)    BEBA_READ(id, false)
#define HAVE(id)      BEBA_READ(id, true).lo
#define HAVE_WIDE(id) BEBA_READ(id, true)
#define ASK_WIDE(id, absent)                                               \
    ({                                                                     \
        bool present_;                                                     \
        struct beba_u128 v_ = beba_read(x, BEBA_F_##id, false, &present_); \
        absent |= !present_;                                               \
        v_;                                                                \
    })
#define ASK(id, absent) ASK_WIDE(id, absent).lo
#define WRITE(id, v)    ((void)ctx->call->field_write(x->packet, BEBA_F_##id, v))

#define beba_run_push_vlan(ctx, x, tpid, tci) \
    (ctx)->call->push_vlan((x)->packet, (uint16_t)(tpid), (uint16_t)(tci))
#define beba_run_pop_vlan(ctx, x)       (ctx)->call->pop_vlan((x)->packet)
#define beba_run_pop_mpls(ctx, x, type) (ctx)->call->pop_mpls((x)->packet, (uint16_t)(type))
#define beba_run_swap(ctx, x, layer)    ((void)(ctx)->call->swap((x)->packet, layer))
#define beba_run_mirror(ctx, x, head, port) \
    (ctx)->call->mirror((ctx)->e, (x)->packet, (uint32_t)(port))
#define beba_run_queue(ctx, queue_) ((void)(x->packet->queue = (uint32_t)(queue_)))

BEBA_INLINE int beba_run_push_mpls(beba_ctx *ctx, struct beba_run *x, uint32_t type, uint64_t label)
{
    uint64_t ttl = 64;

    if (HAS(MPLS))
        ttl = F(MPLS_TTL);
    else if (HAS(IP))
        ttl = F(IP_TTL);
    return ctx->call->push_mpls(x->packet, (uint16_t)type, (uint32_t)label & 0xfffff, (uint8_t)ttl);
}

BEBA_INLINE bool beba_key_connection(beba_ctx *ctx, struct beba_run *x, uint32_t *key,
                                     bool *backward)
{
    (void)ctx;
    if (!HAS(IP))
        return *backward = false;
    if (x->kind != KIND_ANY) {
        struct beba_headers h;

        beba_kind_headers(x, &h);
        return beba_connection(x->data, &h, key, backward);
    }
    return beba_connection(x->packet->data, &x->packet->h, key, backward);
}

/* Numbers ------------------------------------------------------------------------------------ */

BEBA_INLINE uint64_t beba_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

BEBA_INLINE uint64_t beba_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

BEBA_INLINE uint64_t beba_apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

BEBA_INLINE uint64_t beba_draw(struct beba_run *x, uint64_t bound)
{
    return beba_random(x->ctx->seed, x->number, x->draws++, bound);
}

BEBA_INLINE uint64_t beba_cell(uint64_t i, uint64_t cells)
{
    return i % cells;
}

BEBA_INLINE uint64_t beba_cell2(uint64_t row, uint64_t column, uint64_t rows, uint64_t columns)
{
    return row % rows * columns + column % columns;
}

BEBA_INLINE bool beba_matches(struct beba_u128 v, struct beba_u128 value, struct beba_u128 mask)
{
    return (v.hi & mask.hi) == value.hi && (v.lo & mask.lo) == value.lo;
}

/* What is at the place becomes what an expression of `old` says. */
#ifdef BEBA_LONE
#define BEBA_CHANGE(at, value)                \
    do {                                      \
        __typeof__(*(at)) *cell_ = (at);      \
        uint64_t old = *cell_;                \
        *cell_ = (__typeof__(*cell_))(value); \
    } while (0)
#else
#define BEBA_CHANGE(at, value)                                                            \
    do {                                                                                  \
        __typeof__(*(at)) *cell_ = (at), is_ = __atomic_load_n(cell_, __ATOMIC_RELAXED);  \
        __typeof__(*(at)) new_;                                                           \
        do {                                                                              \
            uint64_t old = is_;                                                           \
            new_ = (__typeof__(*cell_))(value);                                           \
        } while (!__atomic_compare_exchange_n(cell_, &is_, new_, false, __ATOMIC_RELAXED, \
                                              __ATOMIC_RELAXED));                         \
    } while (0)
#endif

BEBA_INLINE bool beba_in_set(const struct set *set, unsigned width, struct beba_u128 v)
{
    (void)width;
    return set_has(set, v);
}

/* Counters and events ------------------------------------------------------------------------ */

BEBA_INLINE void beba_count(struct beba_rule_counters *c, const struct beba_run *x)
{
    c->packets++;
    c->bytes += x->packet->wire_len;
}

#define beba_event_new(x, head, kind, time) \
    (x)->ctx->call->event((x)->ctx->e, kind, time, (x)->table)
#define beba_event_send(event) ((void)(event))

BEBA_INLINE void beba_event_key(struct beba_event *event, const uint32_t *key, uint32_t size,
                                uint32_t padded)
{
    (void)padded;
    event->key_size = size;
    __builtin_memcpy(event->key, key, size);
}

/* A rule entered a state marked `notify`. */
__attribute__((noinline, unused)) static void beba_entered_event(beba_ctx *ctx, uint64_t now,
                                                                 uint32_t table, uint32_t rule,
                                                                 uint32_t from, uint32_t to,
                                                                 const uint32_t *key, uint32_t size)
{
    struct beba_event *event = ctx->call->event(ctx->e, BEBA_EVENT_ENTERED, now, table);

    if (!event)
        return;
    event->rule = rule;
    event->from = from;
    event->to = to;
    beba_event_key(event, key, size, size);
    beba_event_send(event);
}

#define beba_entered(x, head, from, to, key, size, padded) \
    beba_entered_event(ctx, (x)->p.now, (x)->table, (x)->rule, from, to, key, size)

/* What each function of a table begins with. */
#define ENTER                                             \
    struct cpu *cpu __attribute__((unused)) = x->counts;  \
    struct lane *lane __attribute__((unused)) = x->early; \
    const struct shared *shared __attribute__((unused)) = (const void *)ctx->values

#include "emit/rt/native_flow.h"

/* The beginning and the end of a packet ------------------------------------------------------- */

BEBA_INLINE void beba_open(beba_ctx *ctx, struct beba_run *x, struct beba_packet *packet,
                           enum beba_common kind)
{
    x->ctx = ctx;
    x->packet = packet;
    x->p.now = packet->now;
    x->p.in_port = packet->in_port;
    x->kind = kind;
    x->data = packet->data;
}

BEBA_INLINE void beba_begin(beba_ctx *ctx, struct beba_run *x, struct beba_tally *tally)
{
    x->number = ctx->first_number + ctx->stats->packets + tally->packets++;
    x->draws = 0;
    x->reason = BEBA_REASON_END;
    x->verdict = BEBA_VERDICT_NEXT;
    x->rule = BEBA_NO_RULE;
    x->table = x->port = 0;
    tally->bytes += x->packet->wire_len;
}

BEBA_INLINE void beba_end(struct beba_run *x, struct beba_tally *tally, struct beba_result *result)
{
    if (x->verdict == BEBA_VERDICT_NEXT) {
        x->verdict = BEBA_VERDICT_PASS;
        x->reason = BEBA_REASON_END;
    }
    result->verdict = (uint8_t)x->verdict;
    result->reason = (uint8_t)x->reason;
    result->port = x->port;
    result->table = x->table;
    result->rule = x->rule;
    tally->verdict[x->verdict]++;
    if (x->reason != BEBA_REASON_RULE) /* what the others leave */
        tally->reason[x->reason]++;
}

BEBA_INLINE void beba_tally_up(beba_ctx *ctx, unsigned n, const struct beba_tally *tally)
{
    struct beba_engine_stats *stats = ctx->stats;
    uint64_t by_rule = n;

    stats->packets += n;
    stats->bytes += tally->bytes;
    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        stats->verdict[i] += tally->verdict[i];
    for (unsigned i = 0; i < BEBA_N_REASONS; i++) {
        stats->reason[i] += tally->reason[i];
        by_rule -= tally->reason[i];
    }
    stats->reason[BEBA_REASON_RULE] += by_rule;
}

#endif
