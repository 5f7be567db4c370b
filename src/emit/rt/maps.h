/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The maps that every program has (emit/object.h), and how its own are declared. */
#ifndef BEBA_EMIT_RT_MAPS_H
#define BEBA_EMIT_RT_MAPS_H

#include "emit/rt/start.h"

#define BEBA_ARRAY(name, n, type_)            \
    struct {                                  \
        BEBA_UINT(type, BPF_MAP_TYPE_ARRAY);  \
        BEBA_UINT(max_entries, n);            \
        BEBA_UINT(map_flags, BPF_F_MMAPABLE); \
        uint32_t *key;                        \
        type_ *value;                         \
    } name BEBA_SECTION(".maps")

#define BEBA_SET(name, bytes)                        \
    struct {                                         \
        BEBA_UINT(type, BPF_MAP_TYPE_LPM_TRIE);      \
        BEBA_UINT(max_entries, BEBA_OBJECT_SET_MAX); \
        BEBA_UINT(map_flags, BPF_F_NO_PREALLOC);     \
        BEBA_UINT(key_size, 4 + (bytes));            \
        BEBA_UINT(value_size, 1);                    \
    } name BEBA_SECTION(".maps")

/* Programs to jump to. */
#define BEBA_PROGRAMS(name, n, ctx)               \
    struct {                                      \
        BEBA_UINT(type, BPF_MAP_TYPE_PROG_ARRAY); \
        BEBA_UINT(max_entries, n);                \
        BEBA_UINT(key_size, 4);                   \
        int (*values[])(ctx *);                   \
    } name BEBA_SECTION(".maps")

/* Port or ifindex to the other. */
#define BEBA_PORT_MAP(name, kind)                  \
    struct {                                       \
        BEBA_UINT(type, kind);                     \
        BEBA_UINT(max_entries, BEBA_OBJECT_PORTS); \
        BEBA_UINT(key_size, 4);                    \
        BEBA_UINT(value_size, 4);                  \
    } name BEBA_SECTION(".maps")

BEBA_ARRAY(beba_shared, 1, struct shared);
BEBA_ARRAY(beba_cpu, 1, struct cpu); /* the loader makes it one a possible CPU */
#ifdef BEBA_TARGET_XDP
BEBA_PORT_MAP(beba_ports, BPF_MAP_TYPE_DEVMAP_HASH);
#else
BEBA_PORT_MAP(beba_ports, BPF_MAP_TYPE_HASH);
#endif
BEBA_PORT_MAP(beba_in_port, BPF_MAP_TYPE_HASH);
struct {
    BEBA_UINT(type, BPF_MAP_TYPE_RINGBUF);
    BEBA_UINT(max_entries, BEBA_OBJECT_EVENTS);
} beba_events BEBA_SECTION(".maps");

/* Set before the program is loaded. */
const volatile struct beba_object_config beba_config BEBA_SECTION(".rodata");

BEBA_INLINE struct cpu *beba_cpu_here(void)
{
    uint32_t id = bpf_get_smp_processor_id();

    return bpf_map_lookup_elem(&beba_cpu, &id);
}

BEBA_INLINE struct shared *beba_shared_here(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&beba_shared, &zero);
}

/* Ends of a packet that no rule chose. */
BEBA_INLINE int beba_end_with(struct beba_run *x, uint32_t reason)
{
    x->verdict = BEBA_VERDICT_DROP;
    x->reason = reason;
    return 0;
}

BEBA_INLINE int beba_broken(struct beba_run *x)
{
    return beba_end_with(x, BEBA_OBJECT_REASON_BROKEN);
}

BEBA_INLINE int beba_busy(struct beba_run *x)
{
    return beba_end_with(x, BEBA_OBJECT_REASON_BUSY);
}

/* Keeps the arguments of a function that the verifier looks at by itself: the compiler, which sees
 * both sides, would not pass what is not used. */
#define BEBA_KEEP(a, b, c) __asm__ volatile("" : : "r"(a), "r"(b), "r"(c))

/* Globals, arrays and small sets, where there are any. */
#ifdef BEBA_SHARES
#define BEBA_SHARED       struct shared *shared = beba_shared_here()
#define BEBA_SHARED_THERE (shared != NULL)
#else
#define BEBA_SHARED       ((void)0)
#define BEBA_SHARED_THERE true
#endif

/* What each function begins with: what it needs, or the packet's end. */
#define ENTER                          \
    struct cpu *cpu = beba_cpu_here(); \
    BEBA_SHARED;                       \
    BEBA_KEEP(ctx, x, x);              \
    if (!x)                            \
        return 0;                      \
    if (!cpu || !BEBA_SHARED_THERE)    \
    return beba_broken(x)

#endif
