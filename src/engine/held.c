/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
struct beba_ft_entry;
struct beba_seen;
static void expired(void *arg, const struct beba_ft_entry *entry, const struct beba_seen *seen);
#define BEBA_FT_EXPIRED(ft, shape, entry, seen, freed, arg) expired(arg, entry, seen)
#include "state/ft_shared.h"

#include "engine/held.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

enum {
    PEEKS = 4096, /* of a state, each of several tries; then its packet is dropped */
    PATIENT = 32, /* peeks without giving the processor away */
};

int beba_held_state(const struct table *t, const struct flow_key *key, uint64_t now,
                    uint64_t *state)
{
    struct beba_ft_shape shape = beba_ft_shape_of(t->ft);
    struct beba_seen seen = {0};
    int found = -1;

    for (unsigned i = 0; found < 0 && i < PEEKS; i++) {
        if (i > PATIENT)
            sched_yield(); /* whoever has the lock may not be running */
        found = beba_held_peek(t->ft, shape, key->word, key->hash, &seen);
    }
    if (found > 0)
        beba_timeouts_apply(beba_ft_states(t->ft), t->ft->n_states, &seen, now);
    *state = seen.state;
    return found < 0 ? -EBUSY : 0;
}

/* Without end: who waits here holds nothing that the holder could wait for. */
static void take(struct beba_ft *ft, const struct flow_key *key, bool create,
                 struct beba_held *held)
{
    while (beba_held_take(ft, beba_ft_shape_of(ft), key->word, key->hash, create, held) !=
           BEBA_HELD_OK)
        sched_yield();
}

static void release(struct beba_ft *ft, const struct flow_key *key, struct beba_held *held)
{
    beba_held_release(ft, beba_ft_shape_of(ft), key->word, key->hash, held);
}

bool beba_held_copy(const struct table *t, const struct flow_key *key, struct beba_ft_entry *out)
{
    struct beba_held held = {0};

    take(t->ft, key, false, &held);
    if (held.entry)
        memcpy(out, held.entry, beba_ft_entry_size(t->ft));
    release(t->ft, key, &held);
    return held.entry != NULL;
}

bool beba_held_walk(const struct table *t, uint64_t *cursor, struct beba_ft_entry *out)
{
    return beba_held_next(t->ft, cursor, out);
}

int beba_held_put(const struct table *t, const struct flow_key *key, const struct beba_flow *flow)
{
    struct beba_ft *ft = t->ft;
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    enum beba_held_answer answer;
    struct beba_held held = {0};

    do {
        take(ft, key, true, &held);
        answer = BEBA_HELD_OK;
        if (!held.entry)
            answer = beba_held_room(ft, shape, key->word, key->hash, flow->used, &held);
        if (!held.entry && answer == BEBA_HELD_OK)
            answer = beba_held_insert(ft, shape, key->word, key->hash, flow->used, &held);
        if (answer == BEBA_HELD_OK) {
            held.entry->birth = (uint32_t)(flow->born >> 24) << 1 | flow->backward;
            beba_ft_store(ft, held.entry, flow->state, flow->entered, flow->used, flow->regs);
        }
        release(ft, key, &held);
    } while (answer == BEBA_HELD_BUSY);
    return answer == BEBA_HELD_OK ? 0 : -ENOSPC;
}

void beba_held_clear(const struct table *t, struct beba_ft_entry *room)
{
    struct beba_ft *ft = t->ft;
    struct beba_held held = {0};
    uint64_t cursor = 0;

    while (beba_held_next(ft, &cursor, room)) {
        struct flow_key key = {0};

        memcpy(key.word, room->body, ft->key_size);
        key.hash = beba_ft_hash(ft, key.word);
        take(ft, &key, false, &held);
        if (held.entry)
            beba_held_remove(ft, beba_ft_shape_of(ft), key.word, key.hash, &held);
        release(ft, &key, &held);
    }
}

struct sweep {
    struct beba_engine *e;
    uint32_t table;
};

static void expired(void *arg, const struct beba_ft_entry *entry, const struct beba_seen *seen)
{
    struct sweep *s = arg;

    beba_event_expired(s->e, s->table, entry, seen->state, seen->deadline);
}

uint64_t beba_held_expire(struct beba_engine *e, uint32_t table, uint32_t n_buckets, uint64_t now)
{
    struct beba_ft *ft = e->table[table].ft;
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    struct sweep s = {e, table};
    uint64_t freed = 0;

    if (n_buckets > ft->n_buckets)
        n_buckets = ft->n_buckets;
    for (uint32_t i = 0; i < n_buckets; i++) {
        uint64_t at = __atomic_fetch_add(&ft->sweep, 1, __ATOMIC_RELAXED) % ft->n_buckets;
        int n;

        while ((n = beba_held_sweep(ft, shape, (uint32_t)at, now, &s)) < 0)
            sched_yield();
        freed += (unsigned)n;
    }
    return freed;
}
