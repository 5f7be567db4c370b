/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel gives BPF programs: contexts, helpers, kinds of maps. Only what beba uses, so
 * that compiling needs no headers of the system. The numbers are the kernel's interface to
 * programs: include/uapi/linux/bpf.h. */
#ifndef BEBA_EMIT_RT_BPF_H
#define BEBA_EMIT_RT_BPF_H

#include "base/int.h"

#define BEBA_SECTION(name) __attribute__((section(name), used))

struct xdp_md {
    uint32_t data, data_end, data_meta;
    uint32_t ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
    uint32_t len, pkt_type, mark, queue_mapping, protocol;
    uint32_t vlan_present, vlan_tci, vlan_proto, priority;
    uint32_t ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid;
    uint32_t data, data_end;
    uint32_t napi_id, family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
    uint32_t remote_port, local_port, data_meta;
    uint64_t flow_keys __attribute__((aligned(8)));
    uint64_t tstamp;
    uint32_t wire_len, gso_segs;
    uint64_t sk __attribute__((aligned(8)));
    uint32_t gso_size;
    uint8_t tstamp_type;
    uint8_t spare[3];
    uint64_t hwtstamp;
};

struct bpf_tunnel_key {
    uint32_t tunnel_id, remote[4];
    uint8_t tunnel_tos, tunnel_ttl;
    uint16_t tunnel_ext, tunnel_label;
    uint32_t local[4];
};

enum {
    XDP_ABORTED = 0,
    XDP_DROP = 1,
    XDP_PASS = 2,
    XDP_TX = 3,
    XDP_REDIRECT = 4,
    TC_ACT_OK = 0,
    TC_ACT_SHOT = 2,
    TC_ACT_REDIRECT = 7,
};

enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_DEVMAP_HASH = 25,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_F_NO_PREALLOC = 1 << 0,
    BPF_F_MMAPABLE = 1 << 10,
    BPF_F_BROADCAST = 1 << 3,
    BPF_F_EXCLUDE_INGRESS = 1 << 4,
};

#define BEBA_HELPER(type, name, number, ...) \
    static type (*const name)(__VA_ARGS__) __attribute__((unused)) = (void *)(number)

BEBA_HELPER(void *, bpf_map_lookup_elem, 1, void *map, const void *key);
BEBA_HELPER(uint64_t, bpf_ktime_get_ns, 5, void);
BEBA_HELPER(uint32_t, bpf_get_smp_processor_id, 8, void);
BEBA_HELPER(long, bpf_tail_call, 12, void *ctx, void *programs, uint32_t i);
BEBA_HELPER(long, bpf_clone_redirect, 13, struct __sk_buff *skb, uint32_t ifindex, uint64_t flags);
BEBA_HELPER(long, bpf_skb_get_tunnel_key, 20, struct __sk_buff *skb, struct bpf_tunnel_key *key,
            uint32_t size, uint64_t flags);
BEBA_HELPER(long, bpf_redirect, 23, uint32_t ifindex, uint64_t flags);
BEBA_HELPER(long, bpf_skb_load_bytes, 26, const void *skb, uint32_t offset, void *to, uint32_t len);
BEBA_HELPER(uint64_t, bpf_jiffies64, 118, void);
BEBA_HELPER(long, bpf_redirect_map, 51, void *map, uint64_t key, uint64_t flags);
BEBA_HELPER(void *, bpf_ringbuf_reserve, 131, void *ringbuf, uint64_t size, uint64_t flags);
BEBA_HELPER(void, bpf_ringbuf_submit, 132, void *data, uint64_t flags);
BEBA_HELPER(long, bpf_loop, 181, uint32_t n, void *fn, void *context, uint64_t flags);
BEBA_HELPER(long, bpf_xdp_load_bytes, 189, struct xdp_md *xdp, uint32_t offset, void *to,
            uint32_t len);

BEBA_HELPER(long, bpf_ringbuf_output, 130, void *ringbuf, const void *data, uint64_t size,
            uint64_t flags);
BEBA_HELPER(long, bpf_for_each_map_elem, 164, void *map, void *fn, void *context, uint64_t flags);
BEBA_HELPER(long, bpf_xdp_store_bytes, 190, struct xdp_md *xdp, uint32_t offset, const void *from,
            uint32_t len);

/* A map in the form that libbpf reads: attributes as types of members. */
#define BEBA_UINT(name, value) int(*name)[value]
#define BEBA_MAP(name, ...) \
    struct {                \
        __VA_ARGS__         \
    } name BEBA_SECTION(".maps")

#endif
