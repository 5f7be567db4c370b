/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter's flow entries: the middle of exec_body.h. With SHARED 1 other threads use the
 * table, too: the packet holds its key's lock from look_up to let_go (state/ft_shared.h). */

#if SHARED
/* What a packet holds of the table that it is in. */
struct holding {
    struct beba_held held;
    bool taken; /* held is */
    /* With two keys: the registers of L, which is not held while the rule runs. */
    uint64_t regs[BEBA_FT_REGS_MAX / 8];
};
#endif

/* True when a lock was not to be had: the packet is dropped. */
BEBA_INLINE bool busy(const struct exec *x)
{
#if SHARED
    return __builtin_expect(x->busy, 0);
#else
    (void)x;
    return false;
#endif
}

#if SHARED
BEBA_INLINE struct beba_ft_entry *take(struct exec *x, const struct flow_key *key, bool create)
{
    struct holding *h = x->holding;
    struct beba_ft *ft = x->t->ft;

    h->held.arg = x;
    h->taken = beba_held_take(ft, beba_ft_shape_of(ft), key->word, key->hash, create, &h->held) ==
               BEBA_HELD_OK;
    x->busy = !h->taken;
    return h->taken ? h->held.entry : NULL;
}

BEBA_INLINE void release(struct exec *x, const struct flow_key *key)
{
    struct beba_ft *ft = x->t->ft;

    beba_held_release(ft, beba_ft_shape_of(ft), key->word, key->hash, &x->holding->held);
    x->holding->taken = false;
}
#endif

/* L's entry; counts. */
BEBA_INLINE struct beba_ft_entry *find(struct exec *x, const struct flow_key *key)
{
#if SHARED
    const struct code_table *t = x->t->code;
    struct table_counts *counts = &x->e->counts[t->id];
    struct beba_ft_entry *entry = take(x, key, t->creates && !t->two_keys);

    COUNT(counts->lookups, 1);
    COUNT(counts->hits, entry != NULL);
    return entry;
#else
    return beba_ft_find(x->t->ft, key->word, key->hash);
#endif
}

/* U's entry where it is another than L's. */
BEBA_INLINE struct beba_ft_entry *find_update(struct exec *x, const struct flow_key *key)
{
#if SHARED
    struct holding *h = x->holding;

    beba_ft_copy(h->regs, x->read_regs, x->t->code->source->regs_size);
    x->read_regs = (const uint8_t *)h->regs;
    release(x, &x->keys->lookup);
    return take(x, key, x->t->code->creates);
#else
    return beba_ft_peek(x->t->ft, key->word, key->hash);
#endif
}

/* The packet leaves the table. */
BEBA_INLINE void let_go(struct exec *x)
{
#if SHARED
    if (x->holding->taken)
        release(x, x->t->code->two_keys ? &x->keys->update : &x->keys->lookup);
#else
    (void)x;
#endif
}

BEBA_INLINE void remove_entry(struct exec *x, const struct flow_key *key,
                              struct beba_ft_entry *entry)
{
    struct beba_ft *ft = x->t->ft;

#if SHARED
    (void)entry;
    beba_held_remove(ft, beba_ft_shape_of(ft), key->word, key->hash, &x->holding->held);
#else
    (void)key;
    beba_ft_remove(ft, entry);
#endif
}

APART static void evicted_event(struct exec *x, const struct beba_ft_entry *entry)
{
    struct beba_event *event;

    if (!x->e->opts.all_events)
        return;
    event = beba_event_new(x->e, BEBA_EVENT_EVICTED, x->p->now, x->t->code->id);
    if (!event)
        return;
    event->from = entry->state;
    beba_event_key(x->e, event, entry->body);
}

/* False when a lock was not to be had, or there is no room where the table refuses. */
BEBA_INLINE bool has_room_of(struct exec *x, const struct flow_key *key)
{
    struct beba_ft *ft = x->t->ft;
#if SHARED
    enum beba_held_answer answer = beba_held_room(ft, beba_ft_shape_of(ft), key->word, key->hash,
                                                  x->p->now, &x->holding->held);

    x->busy = answer == BEBA_HELD_BUSY;
    return answer == BEBA_HELD_OK;
#else
    return beba_ft_room(ft, key->hash, x->p->now);
#endif
}

/* Of a table with a key: whether there can be an entry of it. */
APART static bool has_room(struct exec *x)
{
    const struct flow_key *key = x->t->code->two_keys ? &x->keys->update : &x->keys->lookup;

    return x->t->ft->full != BEBA_FT_REFUSE || has_room_of(x, key);
}

APART static struct beba_ft_entry *create(struct exec *x, const struct flow_key *key)
{
    struct beba_ft *ft = x->t->ft;
    struct beba_ft_entry *entry;
#if SHARED
    struct holding *h = x->holding;

    if (ft->full != BEBA_FT_REFUSE && !has_room_of(x, key))
        return NULL;
    x->busy = beba_held_insert(ft, beba_ft_shape_of(ft), key->word, key->hash, x->p->now,
                               &h->held) != BEBA_HELD_OK;
    entry = x->busy ? NULL : h->held.entry;
#else
    bool evicted;

    entry = beba_ft_insert(ft, key->word, key->hash, x->p->now, &x->e->evicted.entry, &evicted);
    if (evicted)
        evicted_event(x, &x->e->evicted.entry);
#endif
    if (entry && key->backward)
        entry->birth |= 1;
    return entry;
}

/* False when surely no timeout of the entry is due. */
BEBA_INLINE bool may_be_due(const struct beba_ft *ft, const struct beba_ft_entry *entry,
                            uint64_t now)
{
    const struct beba_timeouts *t = beba_ft_states(ft) + entry->state;

    if (entry->state >= ft->n_states)
        return false;
    return (t->idle && now - entry->used >= t->idle) ||
           (t->hard && now - entry->entered >= t->hard);
}

/* Applies due timeouts to an entry in place; NULL when that brought it back to the start. */
APART static struct beba_ft_entry *expire(struct exec *x, const struct flow_key *key,
                                          struct beba_ft_entry *entry, bool lookup)
{
    struct beba_ft *ft = x->t->ft;
    uint64_t now = x->p->now;
    struct beba_seen seen = {.state = entry->state, .entered = entry->entered, .used = entry->used};

    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
    if (__builtin_expect(!seen.expired, 1)) {
        if (lookup)
            BEBA_FT_PUT(&entry->used, now);
        return entry;
    }
    BEBA_FT_COUNT(ft, beba_ft_shape_of(ft), expiries, 1);
    TRACE(beba_tracer_expired(x->tracer, x, entry, &seen));
    beba_event_expired(x->e, x->t->code->id, entry, seen.state, seen.deadline);
    if (beba_ft_is_over(ft, &seen)) {
        remove_entry(x, key, entry);
        return NULL;
    }
    beba_ft_store(ft, entry, seen.state, seen.entered, lookup ? now : seen.used, NULL);
    return entry;
}

BEBA_INLINE struct beba_ft_entry *observe(struct exec *x, const struct flow_key *key,
                                          struct beba_ft_entry *entry, bool lookup)
{
    if (!entry)
        return NULL;
    if (__builtin_expect(may_be_due(x->t->ft, entry, x->p->now), 0))
        return expire(x, key, entry, lookup);
    if (lookup)
        BEBA_FT_PUT(&entry->used, x->p->now);
    return entry;
}

/* The registers and the state of an entry; of the start when there is none. */
BEBA_INLINE const uint8_t *read_entry(const struct table *t, struct beba_ft_entry *entry,
                                      uint32_t *state)
{
    *state = entry ? entry->state : 0;
    return entry ? beba_ft_regs(t->ft, entry) : t->code->regs_init;
}

/* Reads U where it is another entry than L. */
APART static struct beba_ft_entry *look_up_update(struct exec *x)
{
    const struct flow_key *key = &x->keys->update;
    struct beba_ft_entry *entry = find_update(x, key);

    TRACE(beba_tracer_found(x->tracer, x, key, entry, true));
    entry = observe(x, key, entry, false);
    x->old_regs = read_entry(x->t, entry, &x->state);
    return entry;
}

/* Reads L and U. Returns the entry of the update key, NULL when there is none. */
BEBA_INLINE struct beba_ft_entry *look_up(struct exec *x)
{
    const struct flow_key *key = &x->keys->lookup;
    struct beba_ft_entry *entry = find(x, key);

    if (busy(x))
        return NULL;
    TRACE(beba_tracer_found(x->tracer, x, key, entry, false));
    entry = observe(x, key, entry, true);
    x->forward = !entry || (entry->birth & 1) == key->backward;
    x->read_regs = x->old_regs = read_entry(x->t, entry, &x->read_state);
    x->state = x->read_state;
    return x->t->code->two_keys ? look_up_update(x) : entry;
}

/* Writes U back after a rule that changed it. */
APART static void write_back(struct exec *x, struct beba_ft_entry *entry)
{
    struct beba_ft *ft = x->t->ft;
    const struct flow_key *key = x->t->code->two_keys ? &x->keys->update : &x->keys->lookup;
    const void *regs = x->dirty ? (const void *)x->regs : x->old_regs;
    uint64_t now = x->p->now;

    if (beba_ft_is_initial(ft, x->state, regs)) {
        if (entry)
            remove_entry(x, key, entry);
        return;
    }
    if (!entry)
        entry = create(x, key);
    if (entry)
        beba_ft_store(ft, entry, x->state, x->went ? now : entry->entered,
                      x->went ? now : entry->used, x->dirty ? x->regs : NULL);
}

/* What becomes of a packet that found a lock taken for too long. */
BEBA_INLINE enum beba_reason give_up(struct exec *x)
{
    x->verdict = BEBA_VERDICT_DROP;
    x->rule = NO_RULE;
    return BEBA_REASON_BUSY;
}
