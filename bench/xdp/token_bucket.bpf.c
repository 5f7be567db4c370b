/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* examples/token_bucket.xfsm, by hand: two buckets a source, held as time. */
struct flow {
    unsigned long long packets, bytes, last; /* ns */
};

#include "flows.h"

#define SECOND 1000000000ull
#define PACKET (SECOND / 1000)
#define FULL_P (100 * PACKET)
#define BYTE   (8 * SECOND / 8000000)
#define FULL_B (64000 * BYTE)

INLINE __u64 refill(__u64 tokens, __u64 since, __u64 full)
{
    __u64 t = tokens + since;

    return t < tokens || t > full ? full : t;
}

SEC("xdp")
int token_bucket(struct xdp_md *ctx)
{
    struct flow start = {FULL_P, FULL_B, 0}, *f;
    struct headers h;
    struct held held;
    int verdict = XDP_DROP;
    __u64 now, cost;

    if (!parse(ctx, &h))
        return counted(ctx, XDP_PASS);
    now = bpf_ktime_get_ns();
    cost = h.len * BYTE;
    f = flow_get(&h.src, now, &held);
    if (f) {
        __u64 p = refill(f->packets, now - f->last, FULL_P);
        __u64 b = refill(f->bytes, now - f->last, FULL_B);
        if (p >= PACKET && b >= cost) {
            p -= PACKET;
            b -= cost;
            verdict = XDP_PASS;
        }
        f->packets = p;
        f->bytes = b;
        f->last = now;
    } else {
        start.packets -= PACKET;
        start.bytes -= cost;
        start.last = now;
        flow_new(&h.src, now, &held, &start);
        verdict = XDP_PASS;
    }
    flow_put(&held);
    return counted(ctx, (__u32)verdict);
}

char _license[] SEC("license") = "Dual BSD/GPL";
