/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One packet on its way through the tables: what the generated C calls for everything that is not
 * in the program itself. Included once, after the program's own struct shared and struct cpu.
 *
 * In a function of the program:
 *   ctx      what the kernel gave: struct xdp_md or struct __sk_buff
 *   x        struct beba_run: the packet
 *   cpu      this processor's counters and scratch memory
 *   shared   globals, arrays and small sets
 *   f        what is known of the packet in this table */
#ifndef BEBA_EMIT_RT_RUN_H
#define BEBA_EMIT_RT_RUN_H

#include "emit/rt/maps.h"

enum { BEBA_TRIES = 64 };

/* What a function that holds rules says of them. */
enum { NEITHER, RAN, FULL, BUSY };

/* As BEBA_INLINE, but the verifier's log has its lines: those of the program's rules. */
#define BEBA_INLINE_PLACES static inline __attribute__((always_inline))

/* Keeps the compiler from knowing a value, so that a check of it stays where it is used. */
#define BEBA_HIDE(x) __asm__ volatile("" : "+r"(x))

/* Fields ------------------------------------------------------------------------------------- */

#define HAS(layer) beba_pkt_has(&x->p, BEBA_LAYER_##layer)
#define F(id)                                              \
    ({                                                     \
        bool present_;                                     \
        beba_pkt_read(ctx, &x->p, BEBA_F_##id, &present_); \
    })
#define F_WIDE(id)                                              \
    ({                                                          \
        bool present_;                                          \
        beba_pkt_read_wide(ctx, &x->p, BEBA_F_##id, &present_); \
    })
/* Of layers that are there: the compiler has seen them asked for. */
#define HAVE(id)      F(id)
#define HAVE_WIDE(id) F_WIDE(id)
#define ASK(id, absent)                                                  \
    ({                                                                   \
        bool present_;                                                   \
        uint64_t v_ = beba_pkt_read(ctx, &x->p, BEBA_F_##id, &present_); \
        absent |= !present_;                                             \
        v_;                                                              \
    })
#define ASK_WIDE(id, absent)                                                          \
    ({                                                                                \
        bool present_;                                                                \
        struct beba_u128 v_ = beba_pkt_read_wide(ctx, &x->p, BEBA_F_##id, &present_); \
        absent |= !present_;                                                          \
        v_;                                                                           \
    })
#define WRITE(id, v) beba_pkt_write(ctx, &x->p, BEBA_F_##id, v)

#ifdef BEBA_EDITS
BEBA_INLINE int beba_run_push_vlan(beba_ctx *ctx, struct beba_run *x, uint32_t tpid, uint64_t tci)
{
    return beba_pkt_push_vlan(ctx, &x->p, tpid, (uint16_t)tci);
}

BEBA_INLINE int beba_run_pop_vlan(beba_ctx *ctx, struct beba_run *x)
{
    return beba_pkt_pop_vlan(ctx, &x->p);
}

BEBA_INLINE int beba_run_push_mpls(beba_ctx *ctx, struct beba_run *x, uint32_t type, uint64_t label)
{
    uint64_t ttl = 64;

    if (HAS(MPLS))
        ttl = F(MPLS_TTL);
    else if (HAS(IP))
        ttl = F(IP_TTL);
    return beba_pkt_push_mpls(ctx, &x->p, type, (uint32_t)label & 0xfffff, (uint8_t)ttl);
}

BEBA_INLINE int beba_run_pop_mpls(beba_ctx *ctx, struct beba_run *x, uint32_t type)
{
    return beba_pkt_pop_mpls(ctx, &x->p, type);
}

BEBA_INLINE void beba_run_swap(beba_ctx *ctx, struct beba_run *x, uint32_t layer)
{
    beba_pkt_swap(ctx, &x->p, layer);
}
#endif

/* Ends in canonical order: the lower (address, port) first. */
BEBA_INLINE bool beba_key_connection(beba_ctx *ctx, struct beba_run *x, uint32_t *key,
                                     bool *backward)
{
    struct beba_u128 src, dst, a, b;
    uint32_t sport, dport;
    int order;

    *backward = false;
    if (!HAS(IP) || !HAS(L4))
        return false;
    src = F_WIDE(IP_SRC);
    dst = F_WIDE(IP_DST);
    sport = (uint32_t)F(L4_SRC);
    dport = (uint32_t)F(L4_DST);
    order = beba_u128_cmp(src, dst);
    *backward = order > 0 || (!order && sport > dport);
    a = *backward ? dst : src;
    b = *backward ? src : dst;
    key[0] = beba_be32((uint32_t)(a.hi >> 32));
    key[1] = beba_be32((uint32_t)a.hi);
    key[2] = beba_be32((uint32_t)(a.lo >> 32));
    key[3] = beba_be32((uint32_t)a.lo);
    key[4] = beba_be32((uint32_t)(b.hi >> 32));
    key[5] = beba_be32((uint32_t)b.hi);
    key[6] = beba_be32((uint32_t)(b.lo >> 32));
    key[7] = beba_be32((uint32_t)b.lo);
    key[8] = beba_be32(*backward ? dport << 16 | sport : sport << 16 | dport);
    key[9] = beba_be32((uint32_t)x->p.h.ip_proto << 24);
    return true;
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
    return beba_random(beba_config.seed, x->number, x->draws++, bound);
}

/* A cell's number; the check tells the verifier what the modulo says. */
BEBA_INLINE uint64_t beba_cell(uint64_t i, uint64_t cells)
{
    i %= cells;
    BEBA_HIDE(i);
    return i < cells ? i : 0;
}

BEBA_INLINE uint64_t beba_cell2(uint64_t row, uint64_t column, uint64_t rows, uint64_t columns)
{
    uint64_t i = row % rows * columns + column % columns;

    BEBA_HIDE(i);
    return i < rows * columns ? i : 0;
}

BEBA_INLINE bool beba_matches(struct beba_u128 v, struct beba_u128 value, struct beba_u128 mask)
{
    return (v.hi & mask.hi) == value.hi && (v.lo & mask.lo) == value.lo;
}

/* A cell becomes what an expression of `old` says, for everybody at once. */
#define BEBA_CHANGE(at, value)                                                        \
    do {                                                                              \
        __typeof__(*(at)) *cell_ = (at), old_ = *(volatile __typeof__(*(at)) *)cell_; \
                                                                                      \
        _Pragma("clang loop unroll(disable)") for (int i_ = 0; i_ < BEBA_TRIES; i_++) \
        {                                                                             \
            uint64_t old = old_;                                                      \
            __typeof__(*(at)) new_ = (__typeof__(*(at)))(value);                      \
            __typeof__(*(at)) is_ = __sync_val_compare_and_swap(cell_, old_, new_);   \
                                                                                      \
            if (is_ == old_)                                                          \
                break;                                                                \
            old_ = is_;                                                               \
        }                                                                             \
    } while (0)

/* Sets --------------------------------------------------------------------------------------- */

BEBA_INLINE bool beba_in_bits(const uint64_t *bits, uint64_t v)
{
    if (v > 0xffff)
        return false;
    BEBA_HIDE(v);
    v &= 0xffff;
    return bits[v >> 6] >> (v & 63) & 1;
}

BEBA_INLINE bool beba_in_set(void *set, unsigned width, struct beba_u128 v)
{
    unsigned bytes = (width + 7) / 8;
    struct beba_object_prefix key = {.bits = bytes * 8};

    if (width < 64 && (v.lo >> (width & 63) || v.hi))
        return false;
    _Pragma("unroll") for (unsigned i = 0; i < 16; i++) if (i < bytes)
    {
        unsigned down = (bytes - 1 - i) * 8;

        key.value[i] = (uint8_t)(down >= 64 ? v.hi >> (down - 64) : v.lo >> down);
    }
    return bpf_map_lookup_elem(set, &key) != NULL;
}

/* Counters ----------------------------------------------------------------------------------- */

BEBA_INLINE void beba_count(struct beba_object_counter *c, const struct beba_run *x)
{
    c->packets++;
    c->bytes += x->p.len;
}

#include "emit/rt/control.h"
#include "emit/rt/event.h"
#include "emit/rt/flow.h"
#include "emit/rt/verdict.h"

/* Small pieces ------------------------------------------------------------------------------- */

/* Fields are read by functions: where many are read in a row, the verifier would follow each of
 * the ways that all those reads can go, one with the other. */
#ifdef BEBA_FINE
#undef F
#undef F_WIDE
#undef ASK
#undef ASK_WIDE
#define BEBA_READER(id)                                                             \
    __attribute__((noinline)) uint64_t read_##id(beba_ctx *ctx, struct beba_run *x) \
    {                                                                               \
        struct beba_u128 v;                                                         \
        bool present;                                                               \
                                                                                    \
        BEBA_KEEP(ctx, x, x);                                                       \
        if (!x)                                                                     \
            return 0;                                                               \
        v = beba_pkt_read_wide(ctx, &x->p, BEBA_F_##id, &present);                  \
        x->wide = v.hi;                                                             \
        x->lacks = !present;                                                        \
        return v.lo;                                                                \
    }
#define F(id) read_##id(ctx, x)
#define F_WIDE(id)                         \
    ({                                     \
        uint64_t low_ = read_##id(ctx, x); \
        beba_u128(x->wide, low_);          \
    })
#define ASK(id, absent)                  \
    ({                                   \
        uint64_t v_ = read_##id(ctx, x); \
        absent |= x->lacks;              \
        v_;                              \
    })
#define ASK_WIDE(id, absent)               \
    ({                                     \
        uint64_t low_ = read_##id(ctx, x); \
        absent |= x->lacks;                \
        beba_u128(x->wide, low_);          \
    })
#endif

#endif
