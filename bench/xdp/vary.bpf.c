/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Makes each run of BPF_PROG_TEST_RUN another packet: a source address of `flows` at random and one
 * of five destination ports, then the program under test in slot 0. With slot 0 empty it measures
 * itself. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} program SEC(".maps");

__u32 flows = 1;
__u64 state = 1;

const __u16 ports[8] = {1111, 2222, 3333, 4444, 22, 22, 80, 443};

SEC("xdp")
int vary(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __u64 z = state += 0x9e3779b97f4a7c15;

    if (data + 42 > end)
        return XDP_ABORTED;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    *(__u32 *)(data + 26) = bpf_htonl(0x0b000000 + (__u32)(((z >> 32) * flows) >> 32));
    *(__u16 *)(data + 36) = bpf_htons(ports[z & 7]);
    bpf_tail_call(ctx, &program, 0);
    return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
