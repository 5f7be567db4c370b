/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What packet/view.h says, for BPF: a view is the program's context, typedef beba_ctx.
 *
 * The verifier lets a program touch only bytes that it has compared with the end of the packet, on
 * the very register it uses: every access here has that form, out of the compiler's sight where it
 * could take the two apart. Unaligned words are loaded at once; kernels for machines that cannot do
 * that want BPF_F_ANY_ALIGNMENT when the program is loaded. */
#ifndef BEBA_EMIT_VIEW_H
#define BEBA_EMIT_VIEW_H

#include "emit/rt/bpf.h"

#define BEBA_VIEW_CHECKED 1
typedef beba_ctx *beba_view;

#define BEBA_STAGE __attribute__((noinline))
#ifndef BEBA_STAGE_EDIT
#define BEBA_STAGE_EDIT BEBA_STAGE
#endif
#define BEBA_STAGE_ARG(p) \
    do {                  \
        if (!(p))         \
            return 0;     \
    } while (0)
#define BEBA_STAGE_VALUE(x)         __asm__ volatile("" : : "r"(x))
#define BEBA_STEP                   static __attribute__((noinline))
#define BEBA_LOOP(max, step, state) bpf_loop(max, (void *)step, state, 0)

/* A word of the context. The compiler must neither compute the word's address by itself, which the
 * verifier does not accept, nor keep the value: helpers change it. */
#define BEBA_VIEW_CONTEXT(v, member)                                           \
    ({                                                                         \
        uint64_t word_;                                                        \
        __asm__ volatile("%0 = *(u32 *)(%1 + %2)"                              \
                         : "=r"(word_)                                         \
                         : "r"(v), "i"(__builtin_offsetof(beba_ctx, member))); \
        word_;                                                                 \
    })

/* Of the packet's first bytes, when it is known that they are there. */
#define BEBA_VIEW_NEAR(bits, p) beba_be##bits(*(const beba_any##bits *)(p))

/* Sets p to n bytes of the packet at at, or returns what is given. */
#define BEBA_VIEW_AT(p, v, at, n, ...)                           \
    do {                                                         \
        uint64_t at_ = (at);                                     \
        if (!__builtin_constant_p(at)) {                         \
            __asm__ volatile("" : "+r"(at_));                    \
            if (at_ > 0xffff - (n))                              \
                return __VA_ARGS__;                              \
        }                                                        \
        p = (uint8_t *)BEBA_VIEW_CONTEXT(v, data) + at_;         \
        if (!__builtin_constant_p(at))                           \
            __asm__ volatile("" : "+r"(p));                      \
        if (p + (n) > (uint8_t *)BEBA_VIEW_CONTEXT(v, data_end)) \
            return __VA_ARGS__;                                  \
    } while (0)

#define BEBA_VIEW(bits)                                                             \
    typedef uint##bits##_t __attribute__((may_alias)) beba_any##bits;               \
                                                                                    \
    BEBA_INLINE uint##bits##_t beba_view##bits(beba_view v, uint32_t at)            \
    {                                                                               \
        uint8_t *p;                                                                 \
        BEBA_VIEW_AT(p, v, at, bits / 8, 0);                                        \
        return beba_be##bits(*(beba_any##bits *)p);                                 \
    }                                                                               \
                                                                                    \
    BEBA_INLINE void beba_put##bits(beba_view v, uint32_t at, uint##bits##_t value) \
    {                                                                               \
        uint8_t *p;                                                                 \
        BEBA_VIEW_AT(p, v, at, bits / 8);                                           \
        *(beba_any##bits *)p = beba_be##bits(value);                                \
    }

BEBA_INLINE uint8_t beba_be8(uint8_t v)
{
    return v;
}

#include "packet/bytes.h"

BEBA_VIEW(8)
BEBA_VIEW(16)
BEBA_VIEW(32)
BEBA_VIEW(64)

#ifdef BEBA_TARGET_TC
enum { BEBA_PSEUDO_HDR = 1 << 4 };

BEBA_HELPER(long, bpf_l4_csum_replace, 11, struct __sk_buff *skb, uint32_t offset, uint64_t from,
            uint64_t to, uint64_t flags);
BEBA_HELPER(long, bpf_skb_vlan_push, 18, struct __sk_buff *skb, uint16_t proto, uint16_t tci);
BEBA_HELPER(long, bpf_skb_vlan_pop, 19, struct __sk_buff *skb);
BEBA_HELPER(long, bpf_skb_pull_data, 39, struct __sk_buff *skb, uint32_t len);
BEBA_HELPER(int64_t, bpf_csum_update, 40, struct __sk_buff *skb, uint32_t csum);

/* The words that summed to old sum to new: the difference as the kernel counts it. */
#define BEBA_VIEW_DIFF(old, new) \
    beba_be16(beba_sum_fold((uint64_t)(uint16_t)~beba_sum_fold(old) + (new)))

/* The kernel knows whether the checksum in the packet is one, or what the device is to start from;
 * and whether it holds a sum of the packet's bytes itself. An IPv6 address and the checksum that
 * follows it leave that sum as it was, where IPv4 has its header's checksum for the address:
 * kernels take both for IPv4's. */
#define BEBA_VIEW_TRANSPORT_SUM(v, h, at, old, new, pseudo)                   \
    do {                                                                      \
        uint16_t diff_ = BEBA_VIEW_DIFF(old, new);                            \
        bpf_l4_csum_replace(v, at, 0, diff_, (pseudo) ? BEBA_PSEUDO_HDR : 0); \
        if ((pseudo) && !beba_has(h, BEBA_LAYER_IP4))                         \
            bpf_csum_update(v, (uint16_t)~diff_);                             \
    } while (0)

/* No checksum in the packet makes up for this change: the kernel's own sum of the bytes follows. */
#define BEBA_VIEW_UNCOVERED(v, old, new) bpf_csum_update(v, BEBA_VIEW_DIFF(old, new))
#else
BEBA_HELPER(long, bpf_xdp_adjust_head, 44, struct xdp_md *xdp, int delta);
#endif

#endif
