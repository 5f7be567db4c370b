/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* bench/xdp/syn_counter.xfsm, by hand. */
struct flow {
    unsigned long long entered; /* ns */
    unsigned int syns, state;
};

#include "flows.h"

enum { QUIET, WATCHED, BANNED };
enum { LIMIT = 100 };
#define WINDOW 1000000000ull
#define BAN    60000000000ull

SEC("xdp")
int syn_counter(struct xdp_md *ctx)
{
    struct flow start = {0}, *f;
    struct headers h;
    struct held held;
    int verdict = XDP_PASS;
    __u64 now;

    if (!parse(ctx, &h))
        return counted(ctx, XDP_PASS);
    now = bpf_ktime_get_ns();
    f = flow_get(&h.src, now, &held);
    if (f && f->state != QUIET && now - f->entered >= (f->state == WATCHED ? WINDOW : BAN))
        f->state = QUIET;
    if (f && f->state == BANNED)
        verdict = XDP_DROP;
    if (h.syn && !h.ack) {
        if (!f) {
            start = (struct flow){now, 1, WATCHED};
            flow_new(&h.src, now, &held, &start);
        } else if (f->state == QUIET) {
            *f = (struct flow){now, 1, WATCHED};
        } else if (f->state == WATCHED && f->syns < LIMIT) {
            f->syns++;
        } else {
            f->state = BANNED;
            f->entered = now;
            verdict = XDP_DROP;
        }
    }
    flow_put(&held);
    return counted(ctx, (__u32)verdict);
}

char _license[] SEC("license") = "Dual BSD/GPL";
