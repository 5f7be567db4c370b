/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the hand-written programs share: headers, and the state of a flow by source address, either
 * in the kernel's LRU hash map (-DUSE_LRU: what one would write today) or in a flat array map of
 * buckets (what one would write with a week to spend).
 *
 * Both count packets and bytes by verdict, in an array for each CPU, as programs that are deployed
 * do and as ours counts them by rule; each returns by counted.
 *
 * Each program defines struct flow, includes this with -DCAPACITY=N flows, and uses flow_get (the
 * flow and its lock, NULL where there is none), flow_new and flow_put; now is what the program has
 * read. */
#ifndef BEBA_BENCH_XDP_FLOWS_H
#define BEBA_BENCH_XDP_FLOWS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INLINE static __attribute__((always_inline)) inline

/* An address of either version, IPv4 as ::ffff:a.b.c.d. */
struct address {
    __u64 hi, lo;
};

struct headers {
    struct address src, dst;
    __u32 len;
    __u8 proto;
    __u16 dport; /* of TCP and UDP */
    __u8 syn, ack;
};

/* False for what is not IP. */
INLINE int parse(struct xdp_md *ctx, struct headers *h)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    void *l4;

    if ((void *)(eth + 1) > end)
        return 0;
    h->len = (__u32)(end - data);
    if (eth->h_proto == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = (void *)(eth + 1);
        if ((void *)(ip + 1) > end || ip->ihl < 5)
            return 0;
        h->src.hi = h->dst.hi = 0;
        h->src.lo = 0xffff00000000 | bpf_ntohl(ip->saddr);
        h->dst.lo = 0xffff00000000 | bpf_ntohl(ip->daddr);
        h->proto = ip->protocol;
        l4 = (void *)ip + ip->ihl * 4;
        if (ip->frag_off & bpf_htons(0x1fff))
            h->proto = 0;
    } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr *ip = (void *)(eth + 1);
        if ((void *)(ip + 1) > end)
            return 0;
        __builtin_memcpy(&h->src, &ip->saddr, 16);
        __builtin_memcpy(&h->dst, &ip->daddr, 16);
        h->proto = ip->nexthdr;
        l4 = ip + 1;
    } else {
        return 0;
    }
    h->dport = 0;
    h->syn = h->ack = 0;
    if (h->proto == IPPROTO_TCP) {
        struct tcphdr *tcp = l4;
        if ((void *)(tcp + 1) > end)
            return 1;
        h->dport = bpf_ntohs(tcp->dest);
        h->syn = tcp->syn;
        h->ack = tcp->ack;
    } else if (h->proto == IPPROTO_UDP) {
        struct udphdr *udp = l4;
        if ((void *)(udp + 1) > end)
            return 1;
        h->dport = bpf_ntohs(udp->dest);
    }
    return 1;
}

struct tally {
    __u64 packets, bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, XDP_REDIRECT + 1);
    __type(key, __u32);
    __type(value, struct tally);
} verdicts SEC(".maps");

INLINE int counted(struct xdp_md *ctx, __u32 verdict)
{
    struct tally *t = bpf_map_lookup_elem(&verdicts, &verdict);

    if (t) {
        t->packets++;
        t->bytes += ctx->data_end - ctx->data;
    }
    return (int)verdict;
}

#ifdef USE_LRU

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, CAPACITY);
    __type(key, struct address);
    __type(value, struct flow);
} flows SEC(".maps");

struct held {
    int unused;
};

INLINE struct flow *flow_get(const struct address *key, __u64 now, struct held *held)
{
    return bpf_map_lookup_elem(&flows, key);
}

/* Stores a flow that was not there. */
INLINE void flow_new(const struct address *key, __u64 now, struct held *held,
                     const struct flow *init)
{
    bpf_map_update_elem(&flows, key, init, BPF_ANY);
}

INLINE void flow_put(struct held *held)
{
}

#else

enum { WAYS = 3, BUCKETS = CAPACITY * 2 / WAYS };

struct slot {
    struct address key; /* hi and lo 0: free, which no source address is */
    __u64 used;
    struct flow flow;
};

struct bucket {
    __u32 lock, spare;
    struct slot slot[WAYS];
} __attribute__((aligned(64)));

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BUCKETS);
    __type(key, __u32);
    __type(value, struct bucket);
} buckets SEC(".maps");

struct held {
    struct bucket *first, *second; /* locked, or NULL */
};

const volatile __u64 secret[4] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
                                  0xd6e8feb86659fd93};

struct wait {
    struct bucket *b;
};

static long try_again(__u32 i, struct wait *w)
{
    return __sync_val_compare_and_swap(&w->b->lock, 0, 1) == 0;
}

INLINE int lock(struct bucket *b)
{
    struct wait w = {b};

    if (__sync_val_compare_and_swap(&b->lock, 0, 1) == 0)
        return 1;
    return bpf_loop(1 << 20, try_again, &w, 0) < 1 << 20;
}

INLINE void unlock(struct bucket *b)
{
    __asm__ volatile("" ::: "memory");
    *(volatile __u32 *)&b->lock = 0; /* x86 keeps stores in order */
}

INLINE struct slot *search(struct bucket *b, const struct address *key)
{
#pragma unroll
    for (int i = 0; i < WAYS; i++)
        if (b->slot[i].key.lo == key->lo && b->slot[i].key.hi == key->hi)
            return &b->slot[i];
    return NULL;
}

/* Locks the flow's first bucket, and its second one, in order of number, when it is not there. */
INLINE struct flow *flow_get(const struct address *key, __u64 now, struct held *held)
{
    __u64 h = (key->hi + secret[0]) * (key->lo + secret[1]) + (key->lo ^ secret[2]) * secret[3];
    __u32 i1, i2;
    struct slot *s;

    h ^= h >> 29;
    h *= secret[0] | 1;
    i1 = (__u32)(((h >> 32) * BUCKETS) >> 32);
    i2 = (__u32)(((h & 0xffffffff) * BUCKETS) >> 32);
    held->first = bpf_map_lookup_elem(&buckets, &i1);
    held->second = NULL;
    if (!held->first || !lock(held->first)) {
        held->first = NULL;
        return NULL;
    }
    s = search(held->first, key);
    if (!s && i1 != i2) {
        struct bucket *b2 = bpf_map_lookup_elem(&buckets, &i2);
        if (b2 && i2 < i1) {
            unlock(held->first);
            if (!lock(b2)) {
                held->first = NULL;
                return NULL;
            }
            held->second = b2;
            if (!lock(held->first)) {
                held->first = NULL;
                return NULL;
            }
            s = search(held->first, key);
        } else if (b2 && lock(b2)) {
            held->second = b2;
        }
        if (!s && held->second)
            s = search(held->second, key);
    }
    if (!s)
        return NULL;
    s->used = now;
    return &s->flow;
}

INLINE struct slot *vacant(struct bucket *b)
{
    static const struct address none;

    return search(b, &none);
}

INLINE void flow_new(const struct address *key, __u64 now, struct held *held,
                     const struct flow *init)
{
    struct slot *s = NULL;

    if (!held->first)
        return;
    s = vacant(held->first);
    if (!s && held->second)
        s = vacant(held->second);
    if (!s) { /* the one used longest ago makes room */
        s = &held->first->slot[0];
#pragma unroll
        for (int i = 1; i < WAYS; i++)
            if (held->first->slot[i].used < s->used)
                s = &held->first->slot[i];
    }
    s->key = *key;
    s->used = now;
    s->flow = *init;
}

INLINE void flow_put(struct held *held)
{
    if (held->second)
        unlock(held->second);
    if (held->first)
        unlock(held->first);
}

#endif
#endif
