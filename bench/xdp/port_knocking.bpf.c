/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* examples/port_knocking.xfsm, by hand. */
struct flow {
    unsigned long long seen; /* ns */
    unsigned int state, spare;
};

#include "flows.h"

enum { CLOSED, STEP1, STEP2, STEP3, OPEN };
#define SERVER (0xffff00000000 | 10 << 24 | 100)

SEC("xdp")
int port_knocking(struct xdp_md *ctx)
{
    struct flow start = {0}, *f;
    struct headers h;
    struct held held;
    int verdict = XDP_DROP;
    __u32 state = CLOSED, next;
    __u64 now;

    if (!parse(ctx, &h))
        return counted(ctx, XDP_PASS);
    now = bpf_ktime_get_ns();
    f = flow_get(&h.src, now, &held);
    if (f) {
        state = f->state;
        if (state != CLOSED && now - f->seen >= (state == OPEN ? 60000000000ull : 1000000000ull))
            state = CLOSED;
    }
    next = state;
    if (state == OPEN) {
        if (h.proto == IPPROTO_TCP && h.dport == 22)
            verdict = XDP_PASS;
    } else if (state == CLOSED && h.src.lo == SERVER && !h.src.hi && h.dst.lo != SERVER) {
        verdict = XDP_PASS;
    } else {
        next = h.proto == IPPROTO_UDP && h.dport == 1111 * (state + 1) ? state + 1 : CLOSED;
    }
    if (f) {
        f->state = next;
        f->seen = now;
    } else if (next != CLOSED) {
        start.state = next;
        start.seen = now;
        flow_new(&h.src, now, &held, &start);
    }
    flow_put(&held);
    return counted(ctx, (__u32)verdict);
}

char _license[] SEC("license") = "Dual BSD/GPL";
