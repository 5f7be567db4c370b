/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Events and samples, into the ring that user space reads. What finds no room is counted. */
#ifndef BEBA_EMIT_RT_EVENT_H
#define BEBA_EMIT_RT_EVENT_H

#include "emit/rt/maps.h"
#include "state/ft.h"

BEBA_INLINE struct beba_object_event *beba_event_of(struct beba_object_cpu *head, uint32_t table,
                                                    uint32_t kind, uint64_t time)
{
    struct beba_object_event *event = bpf_ringbuf_reserve(&beba_events, sizeof(*event), 0);

    if (!event) {
        head->events_lost++;
        return NULL;
    }
    __builtin_memset(event, 0, sizeof(*event));
    event->time = time;
    event->kind = (uint8_t)kind;
    event->table = table;
    event->rule = BEBA_NO_RULE;
    event->cpu = bpf_get_smp_processor_id();
    return event;
}

BEBA_INLINE struct beba_object_event *
beba_event_new(struct beba_run *x, struct beba_object_cpu *head, uint32_t kind, uint64_t time)
{
    return beba_event_of(head, x->table, kind, time);
}

BEBA_INLINE void beba_event_key(struct beba_object_event *event, const uint32_t *key, uint32_t size,
                                uint32_t padded)
{
    uint32_t *to = (uint32_t *)(void *)event->key;

    event->key_size = (uint8_t)size;
    _Pragma("unroll") for (uint32_t i = 0; i < BEBA_OBJECT_KEY / 4; i++)
    {
        if (i < padded / 4)
            to[i] = key[i];
    }
}

BEBA_INLINE void beba_event_send(struct beba_object_event *event)
{
    bpf_ringbuf_submit(event, 0);
}

/* A rule entered a state marked `notify`. */
BEBA_INLINE void beba_entered(struct beba_run *x, struct beba_object_cpu *head, uint32_t from,
                              uint32_t to, const uint32_t *key, uint32_t size, uint32_t padded)
{
    struct beba_object_event *event = beba_event_new(x, head, BEBA_EVENT_ENTERED, x->p.now);

    if (!event)
        return;
    event->rule = x->rule;
    event->from = from;
    event->to = to;
    if (key)
        beba_event_key(event, key, size, padded);
    beba_event_send(event);
}

/* Samples ------------------------------------------------------------------------------------ */

BEBA_INLINE long beba_load_packet(beba_ctx *ctx, void *to, uint32_t n)
{
#ifdef BEBA_TARGET_XDP
    return bpf_xdp_load_bytes(ctx, 0, to, n);
#else
    return bpf_skb_load_bytes(ctx, 0, to, n);
#endif
}

/* Keeps the packet as it is now. */
BEBA_INLINE void beba_sample_take(beba_ctx *ctx, struct beba_run *x, struct beba_object_sample *s,
                                  uint32_t len)
{
    uint32_t n = len < BEBA_OBJECT_SAMPLE ? len : BEBA_OBJECT_SAMPLE;

    s->time = x->p.now;
    s->kind = BEBA_OBJECT_EVENT_SAMPLE;
    s->in_port = x->p.in_port;
    s->len = len;
    s->cap = 0;
    BEBA_HIDE(n);
    if (n > 0 && n <= BEBA_OBJECT_SAMPLE && !beba_load_packet(ctx, s->data, n))
        s->cap = n;
}

/* Keeps an entry that a sampled packet found, before its timeouts and its rule. regs_at: from the
 * start of the entry. */
BEBA_INLINE void beba_sample_entry(struct beba_run *x, struct beba_object_cpu *head, uint32_t table,
                                   const struct beba_ft_entry *e, uint32_t key_size,
                                   uint32_t regs_at, uint32_t regs_size, bool update)
{
    const uint64_t *key = (const uint64_t *)(const void *)e->body;
    const uint64_t *regs = (const uint64_t *)(const void *)((const uint8_t *)e + regs_at);
    struct beba_object_entry *out = bpf_ringbuf_reserve(&beba_events, sizeof(*out), 0);

    if (!out) {
        head->events_lost++;
        return;
    }
    __builtin_memset(out, 0, sizeof(*out));
    out->time = x->p.now;
    out->kind = BEBA_OBJECT_EVENT_ENTRY;
    out->found = 1;
    out->update = update;
    out->key_size = (uint8_t)key_size;
    out->table = table;
    out->state = e->state;
    out->birth = e->birth;
    out->cpu = bpf_get_smp_processor_id();
    out->entered = e->entered;
    out->used = e->used;
    _Pragma("unroll") for (uint32_t i = 0; i < BEBA_OBJECT_KEY / 8; i++)
    {
        if (i * 8 < key_size)
            ((uint64_t *)(void *)out->key)[i] = key[i];
    }
    _Pragma("unroll") for (uint32_t i = 0; i < BEBA_OBJECT_REGS / 8; i++)
    {
        if (i * 8 < regs_size)
            ((uint64_t *)(void *)out->regs)[i] = regs[i];
    }
    bpf_ringbuf_submit(out, 0);
}

BEBA_INLINE void beba_sample_send(struct beba_object_cpu *head, struct beba_object_sample *s,
                                  const struct beba_object_result *result)
{
    s->cpu = bpf_get_smp_processor_id();
    s->result = *result;
    if (bpf_ringbuf_output(&beba_events, s, sizeof(*s), 0))
        head->events_lost++;
}

#endif
