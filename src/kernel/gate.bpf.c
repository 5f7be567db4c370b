/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The gate with types, for libxdp's dispatcher (share.c). Compiled when beba is built. */
#define SEC(name) __attribute__((section(name), used))

struct xdp_md {
    unsigned data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

enum { TAIL_CALL = 12, PROG_ARRAY = 3, PASS = 2 };

struct {
    int (*type)[PROG_ARRAY];
    int (*key_size)[4];
    int (*value_size)[4];
    int (*max_entries)[1];
} beba_next SEC(".maps");

SEC("xdp") int beba_gate(struct xdp_md *ctx)
{
    long (*tail_call)(void *, void *, unsigned) = (long (*)(void *, void *, unsigned))TAIL_CALL;

    tail_call(ctx, &beba_next, 0);
    return PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
