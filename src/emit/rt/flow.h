/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The flow tables of a program: state/ft_shared.h with this program's counters and events, and what
 * a machine does with an entry besides. */
#ifndef BEBA_EMIT_RT_FLOW_H
#define BEBA_EMIT_RT_FLOW_H

#include "emit/rt/event.h"

/* Sizes of table i as constants, so that the verifier knows them. */
#define BEBA_SHAPE(i, key_size, regs_size, n_states, size, alone)                            \
    ({                                                                                       \
        struct beba_ft_shape shape_ = beba_ft_shape_in(key_size, regs_size, n_states, size); \
        shape_.table = (i), shape_.lone = (alone);                                           \
        shape_;                                                                              \
    })

#define BEBA_FT_COUNT(ft, shape, name, n)            \
    do {                                             \
        struct cpu *here_ = beba_cpu_here();         \
        if (here_)                                   \
            here_->table[(shape).table].name += (n); \
    } while (0)
#define BEBA_FT_EVICTED(ft, shape, entry, arg)              beba_evicted(ft, shape, entry)
#define BEBA_FT_EXPIRED(ft, shape, entry, seen, freed, arg) beba_expired(ft, shape, entry, seen)
#define BEBA_FT_TSO                                         beba_config.tso
#define BEBA_FT_RARE(ft, shape, op, key, hash, now, token, arg) \
    beba_rare((shape).table, op, key, hash, now, token)

/* What ft_shared.h does seldom: a few functions a machine, which the verifier looks at each by
 * itself. Together are operations that need as much stack; what a machine never does is not there.
 */
#define BEBA_RARE_TAKE(DO, name) DO(TAKE, name)
#define BEBA_RARE_KEEP(DO, name) \
    DO(ROOM, name)               \
    DO(INSERT, name)             \
    DO(REMOVE, name)             \
    DO(RELEASE, name)
#define BEBA_RARE_RECLAIM(DO, name) DO(RECLAIM, name)
#define BEBA_RARE_REFUSE(DO, name)  DO(ROOM_AGAIN, name)
#define BEBA_RARE_EVICT(DO, name) \
    DO(ROOM_AGAIN, name)          \
    DO(EVICT, name)               \
    DO(NEAR, name)                \
    DO(EVICT_NEAR, name)
#define BEBA_RARE_LOCATE(DO, name) DO(LOCATE, name)

#define BEBA_RARE_LABEL(op, name) case BEBA_HELD_OP_##op:
/* With the packet in registers the key is there, too, and gets into memory only for these. */
#ifdef BEBA_ALONE
#define BEBA_RARE_KEY(name)                                                  \
    struct key_##name away_ = *(const struct key_##name *)(const void *)key; \
    const struct key_##name *key_ = &away_
#else
#define BEBA_RARE_KEY(name) const struct key_##name *key_ = (const void *)key
#endif
#define BEBA_RARE_CASE(part, name)                               \
    BEBA_RARE_##part(BEBA_RARE_LABEL, name)                      \
    {                                                            \
        BEBA_RARE_KEY(name);                                     \
        return rare_##part##_##name(key_, hash, now, token, op); \
    }
#define BEBA_RARE_OP(op, name)                                                                  \
    case BEBA_HELD_OP_##op:                                                                     \
        return beba_held_rare(ft, SHAPE_##name, BEBA_HELD_OP_##op, key->word, hash, now, token, \
                              NULL);
#define BEBA_RARE_FUNCTION(part, name)                                                          \
    __attribute__((noinline)) uint64_t rare_##part##_##name(                                    \
        const struct key_##name *key, uint64_t hash, uint64_t now, uint64_t token, uint32_t op) \
    {                                                                                           \
        struct beba_ft *ft = region_of_##name();                                                \
                                                                                                \
        __asm__ volatile("" : : "r"(key), "r"(hash), "r"(now), "r"(token), "r"(op));            \
        if (!ft || !key)                                                                        \
            return BEBA_HELD_NOT_HAD;                                                           \
        switch (op) {                                                                           \
            BEBA_RARE_##part(BEBA_RARE_OP, name)                                                \
        }                                                                                       \
        return BEBA_HELD_NOT_HAD;                                                               \
    }

#include "base/timeout.h"

struct beba_ft;
struct beba_ft_entry;
struct beba_ft_shape;
BEBA_INLINE void beba_evicted(struct beba_ft *ft, struct beba_ft_shape shape,
                              const struct beba_ft_entry *e);
BEBA_INLINE void beba_expired(struct beba_ft *ft, struct beba_ft_shape shape,
                              const struct beba_ft_entry *e, const struct beba_seen *seen);

/* Timeouts are applied in a function that is verified once, not wherever it is called. */
#define BEBA_FT_APPLY(ft, shape, seen, now) beba_due((shape).table, seen, now)

#ifdef BEBA_GROUPS /* programs share what visits entries: it must not name the tables of others */
#define BEBA_FT_APPLY_STEP(ft, shape, seen, now) beba_ft_apply_away(ft, (shape).n_states, seen, now)
#endif

BEBA_INLINE uint64_t beba_rare(uint32_t table, uint32_t op, const uint32_t *key, uint64_t hash,
                               uint64_t now, uint64_t token);

#include "state/ft_shared.h"

/* Events of entries are wanted only while somebody looks. */
BEBA_INLINE struct beba_object_event *beba_entry_event(struct beba_ft *ft,
                                                       struct beba_ft_shape shape,
                                                       const struct beba_ft_entry *e, uint32_t kind,
                                                       uint64_t time)
{
    struct shared *shared = beba_shared_here();
    struct cpu *cpu = beba_cpu_here();
    struct beba_object_event *event;

    if (!shared || !cpu || !shared->head.all_events)
        return NULL;
    event = beba_event_of(&cpu->head, shape.table, kind, time ? time : cpu->scratch.now);
    if (!event)
        return NULL;
    event->from = e->state;
    beba_event_key(event, (const uint32_t *)(const void *)e->body, ft->key_size, shape.words * 4);
    return event;
}

BEBA_INLINE void beba_evicted(struct beba_ft *ft, struct beba_ft_shape shape,
                              const struct beba_ft_entry *e)
{
    struct beba_object_event *event = beba_entry_event(ft, shape, e, BEBA_EVENT_EVICTED, 0);

    if (event)
        beba_event_send(event);
}

BEBA_INLINE void beba_expired(struct beba_ft *ft, struct beba_ft_shape shape,
                              const struct beba_ft_entry *e, const struct beba_seen *seen)
{
    struct beba_object_event *event =
        beba_entry_event(ft, shape, e, BEBA_EVENT_EXPIRED, seen->deadline);

    if (!event)
        return;
    event->to = seen->state;
    beba_event_send(event);
}

/* Packets ------------------------------------------------------------------------------------ */

/* False when surely no timeout of the entry is due. kinds, constant: 1 = states have idle ones, 2 =
 * hard ones. */
BEBA_INLINE bool beba_may_be_due(struct beba_ft *ft, struct beba_ft_shape shape,
                                 const struct beba_ft_entry *e, uint64_t now, unsigned kinds)
{
    uint32_t state = e->state;
    const struct beba_timeouts *t;
    bool due;

    BEBA_HIDE(state);
    if (state >= shape.n_states)
        return false;
    t = BEBA_FT_STATES(ft) + state;
    /* without branches: of no timeout 0 - 1 is left, which nothing exceeds */
    due = kinds & 1 ? now - e->used > t->idle - 1 : false;
    return due | (kinds & 2 ? now - e->entered > t->hard - 1 : false);
}

/* Applies due timeouts to the entry that is held; a lookup uses it. */
BEBA_INLINE void beba_observe(struct beba_run *x, struct beba_ft *ft, struct beba_ft_shape shape,
                              const uint32_t *key, uint64_t hash, struct beba_held *held,
                              bool lookup, unsigned kinds)
{
    struct beba_ft_entry *e = held->entry;
    struct beba_seen seen;

    if (!e)
        return;
    if (__builtin_expect(beba_may_be_due(ft, shape, e, x->p.now, kinds), 0)) {
        seen = (struct beba_seen){.state = e->state, .entered = e->entered, .used = e->used};
        BEBA_FT_APPLY(ft, shape, &seen, x->p.now);
        if (seen.expired) {
            BEBA_FT_COUNT(ft, shape, expiries, 1);
            beba_expired(ft, shape, e, &seen);
            if (beba_ft_is_over(ft, &seen)) {
                beba_held_remove(ft, shape, key, hash, held);
                return;
            }
            e->state = seen.state;
            e->entered = seen.entered;
            e->used = seen.used;
        }
    }
    if (lookup)
        e->used = x->p.now;
}

/* Room for an entry of a key that is held without one. */
BEBA_INLINE int beba_room(struct beba_run *x, struct beba_ft *ft, struct beba_ft_shape shape,
                          const uint32_t *key, uint64_t hash, uint64_t *token)
{
    struct beba_held held = {.token = *token};
    int answer;

    if (!ft)
        return BEBA_HELD_BUSY;
    held.first = BEBA_FT_BUCKET(ft, shape, beba_ft_first(ft, hash));
    if (!held.first)
        return BEBA_HELD_BUSY;
    answer = (int)beba_held_room(ft, shape, key, hash, x->p.now, &held);
    *token = held.token;
    return answer;
}

/* The state of a key's entry as a packet would see it; 0 when there is none. */
BEBA_INLINE uint32_t beba_peek_state(struct beba_run *x, struct beba_ft *ft,
                                     struct beba_ft_shape shape, struct beba_peek *peek)
{
    if (beba_held_peek(ft, shape, peek->key, peek->hash, &peek->seen) <= 0)
        return 0;
    BEBA_FT_APPLY(ft, shape, &peek->seen, x->p.now);
    return peek->seen.state;
}

/* User space --------------------------------------------------------------------------------- */

enum { BEBA_ENOENT = 2, BEBA_EBUSY = 16, BEBA_EINVAL = 22, BEBA_ENOSPC = 28 };

#endif
