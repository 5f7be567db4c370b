/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The beginning and the end of a packet: what it brings, and what becomes of it. */
#ifndef BEBA_EMIT_RT_VERDICT_H
#define BEBA_EMIT_RT_VERDICT_H

#include "emit/rt/event.h"

#ifdef BEBA_TARGET_XDP
enum { BEBA_ACT_PASS = XDP_PASS, BEBA_ACT_DROP = XDP_DROP };
#else
enum { BEBA_ACT_PASS = TC_ACT_OK, BEBA_ACT_DROP = TC_ACT_SHOT };
#endif

/* Beginning ---------------------------------------------------------------------------------- */

BEBA_INLINE uint32_t beba_port_of(beba_ctx *ctx)
{
    uint32_t ifindex = ctx->ingress_ifindex, *port;
    struct shared *shared;

    if (beba_config.test) {
        shared = beba_shared_here();
        return shared ? shared->head.test_in_port : 0;
    }
    if (beba_config.single_port)
        return beba_config.single_port;
    port = bpf_map_lookup_elem(&beba_in_port, &ifindex);
    return port ? *port : 0;
}

/* Where a tick of the kernel, 1 to 10 ms, is good enough, each CPU reads its clock once a tick:
 * that costs as much as all the rest of a packet. */
BEBA_INLINE uint64_t beba_now(struct beba_scratch *scratch)
{
    struct shared *shared;

    if (beba_config.test) {
        shared = beba_shared_here();
        return shared ? shared->head.test_now : 0;
    }
#ifdef BEBA_TICK
    uint64_t tick = bpf_jiffies64();

    if (__builtin_expect(scratch->tick != tick, 0)) {
        scratch->tick = tick;
        scratch->tick_now = bpf_ktime_get_ns();
    }
    return scratch->tick_now;
#else
    (void)scratch;
    return bpf_ktime_get_ns();
#endif
}

#ifdef BEBA_READS_PORT
enum { BEBA_PORT_ALWAYS = 1 };
#else
enum { BEBA_PORT_ALWAYS = 0 };
#endif

BEBA_INLINE bool beba_sample_now(const struct beba_run *x, struct beba_object_cpu *head)
{
    uint32_t every = head->sample_every;

    return __builtin_expect(head->sample_until > x->p.now, 0) &&
           (every <= 1 || head->sample_seen++ % every == 0);
}

#if defined BEBA_READS_TUNNEL && defined BEBA_TARGET_TC
/* The tunnel that a device which takes them off found the packet in; 0: none. */
BEBA_INLINE uint64_t beba_tunnel_of(beba_ctx *ctx, struct beba_scratch *scratch)
{
    struct bpf_tunnel_key *key = (struct bpf_tunnel_key *)(void *)scratch->frame;
    const uint64_t v4 = 0, v6 = 1; /* BPF_F_TUNINFO_IPV6 */

    if (bpf_skb_get_tunnel_key(ctx, key, sizeof(*key), v4) &&
        bpf_skb_get_tunnel_key(ctx, key, sizeof(*key), v6))
        return 0;
    return key->tunnel_id;
}
#endif

/* After the packet was parsed. */
BEBA_INLINE void beba_begin(beba_ctx *ctx, struct beba_run *x, struct beba_object_cpu *head,
                            struct beba_scratch *scratch)
{
    head->bytes += x->p.len; /* which edits change */
    x->p.now = scratch->now = beba_now(scratch);
    x->sampled = beba_sample_now(x, head);
    if (BEBA_PORT_ALWAYS || beba_config.test || x->sampled)
        x->p.in_port = x->p.in_phy_port = beba_port_of(ctx);
#if defined BEBA_READS_TUNNEL && defined BEBA_TARGET_TC
    x->p.tunnel_id = beba_tunnel_of(ctx, scratch);
#endif
    x->number = x->draws = 0;
    x->reason = BEBA_REASON_END;
    x->verdict = BEBA_VERDICT_NEXT;
    x->rule = BEBA_NO_RULE;
    x->table = x->port = 0;
#ifdef BEBA_DRAWS
    struct shared *shared = beba_shared_here();

    if (shared)
        x->number = __sync_fetch_and_add(&shared->head.packets, 1);
#endif
    if (x->sampled)
        beba_sample_take(ctx, x, &scratch->sample, x->p.len);
}

/* The end ------------------------------------------------------------------------------------ */

BEBA_INLINE int beba_lost(struct beba_object_cpu *head)
{
    head->redirect_failed++;
    return BEBA_ACT_DROP;
}

#ifdef BEBA_TARGET_XDP
BEBA_INLINE int beba_output(beba_ctx *ctx, struct beba_object_cpu *head, uint32_t port)
{
    int action = (int)bpf_redirect_map(&beba_ports, port, XDP_DROP);

    (void)ctx;
    return action == XDP_REDIRECT ? action : beba_lost(head);
}

BEBA_INLINE int beba_flood(beba_ctx *ctx, struct beba_object_cpu *head)
{
    int action = (int)bpf_redirect_map(&beba_ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);

    (void)ctx;
    return action == XDP_REDIRECT ? action : beba_lost(head);
}

BEBA_INLINE int beba_reply(beba_ctx *ctx)
{
    (void)ctx;
    return XDP_TX;
}
#else
BEBA_INLINE int beba_output(beba_ctx *ctx, struct beba_object_cpu *head, uint32_t port)
{
    uint32_t *ifindex = bpf_map_lookup_elem(&beba_ports, &port);

    (void)ctx;
    return ifindex ? (int)bpf_redirect(*ifindex, 0) : beba_lost(head);
}

struct beba_flooding {
    beba_ctx *ctx;
    uint32_t from;
};

static long beba_flood_one(void *map, const void *port, uint32_t *ifindex, struct beba_flooding *f)
{
    (void)map, (void)port;
    if (*ifindex != f->from)
        bpf_clone_redirect(f->ctx, *ifindex, 0);
    return 0;
}

BEBA_INLINE int beba_flood(beba_ctx *ctx, struct beba_object_cpu *head)
{
    struct beba_flooding f = {.ctx = ctx, .from = ctx->ifindex};

    (void)head;
    bpf_for_each_map_elem(&beba_ports, beba_flood_one, &f, 0);
    return TC_ACT_SHOT;
}

BEBA_INLINE int beba_reply(beba_ctx *ctx)
{
    return (int)bpf_redirect(ctx->ifindex, 0);
}

/* A copy of the packet as it is now. */
BEBA_INLINE void beba_run_mirror(beba_ctx *ctx, struct beba_run *x, struct beba_object_cpu *head,
                                 uint64_t port)
{
    uint32_t p = (uint32_t)port, *ifindex = bpf_map_lookup_elem(&beba_ports, &p);

    beba_pkt_finish(ctx, &x->p);
    if (!ifindex || bpf_clone_redirect(ctx, *ifindex, 0))
        head->mirrors_lost++;
    beba_pkt_gather(ctx, &x->p);
}

/* The kernel takes a recorded queue, counted from 1, where nothing else chooses one. */
BEBA_INLINE void beba_run_queue(beba_ctx *ctx, uint64_t queue)
{
    ctx->queue_mapping = (uint32_t)queue + 1;
}
#endif

BEBA_INLINE int beba_act(beba_ctx *ctx, struct beba_run *x, struct beba_object_cpu *head)
{
    switch (x->verdict) {
    case BEBA_VERDICT_PASS:
        return BEBA_ACT_PASS;
    case BEBA_VERDICT_OUTPUT:
        return beba_output(ctx, head, x->port);
    case BEBA_VERDICT_REPLY:
        return beba_reply(ctx);
    case BEBA_VERDICT_FLOOD:
        return beba_flood(ctx, head);
    default:
        return BEBA_ACT_DROP;
    }
}

/* The check tells the verifier what the compiler need not know. */
BEBA_INLINE void beba_tally(uint64_t *counts, uint32_t i, uint32_t n)
{
    if (!__builtin_constant_p(i))
        BEBA_HIDE(i);
    if (i < n)
        counts[i]++;
}

BEBA_INLINE int beba_end(beba_ctx *ctx, struct beba_run *x, struct beba_object_cpu *head,
                         struct beba_scratch *scratch)
{
    int action;

    if (x->verdict == BEBA_VERDICT_NEXT) {
        x->verdict = BEBA_VERDICT_PASS;
        x->reason = BEBA_REASON_END;
    }
    beba_tally(head->verdict, x->verdict, BEBA_OBJECT_VERDICTS);
    if (x->reason)
        beba_tally(head->reason, x->reason, BEBA_OBJECT_REASONS);
    if (beba_config.test || x->sampled || x->verdict == BEBA_VERDICT_PUNT) {
        head->result = (struct beba_object_result){.verdict = (uint8_t)x->verdict,
                                                   .reason = (uint8_t)x->reason,
                                                   .port = x->port,
                                                   .table = x->table,
                                                   .rule = x->rule};
        if (x->verdict == BEBA_VERDICT_PUNT && !x->sampled) {
            x->p.in_port = beba_port_of(ctx);
            beba_sample_take(ctx, x, &scratch->sample, x->p.len);
        }
        if (x->verdict == BEBA_VERDICT_PUNT || x->sampled)
            beba_sample_send(head, &scratch->sample, &head->result);
    }
    beba_pkt_finish(ctx, &x->p);
    action = beba_act(ctx, x, head);
#ifdef BEBA_TARGET_TC
    if (beba_config.test) /* which compares bytes: a tag beside the packet is none of them */
        beba_pkt_gather(ctx, &x->p);
#endif
    return action;
}

#endif
