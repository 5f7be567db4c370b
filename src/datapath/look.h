/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How a subtable is looked through: compiled for any tuple, by the number of its words, and, in
 * native code, for each tuple there is. Only classifier.c and native code include this. */
#ifndef BEBA_DATAPATH_LOOK_H
#define BEBA_DATAPATH_LOOK_H

#include <stddef.h>

#include "datapath/classifier.h"

enum {
    TAG_SHIFT = 48,
    DEAD = 1, /* a slot whose row is gone: looks go on behind it */
};
#define ADDRESS ((1ull << TAG_SHIFT) - 1)

BEBA_INLINE uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9fb21c651e98df25ull;
    return h ^ h >> 32;
}

/* Low bits choose the slot, high bits are its tag: all depend on all of the words. */
BEBA_INLINE uint64_t finish(uint64_t h)
{
    h = (h ^ h >> 29) * 0x94d049bb133111ebull;
    return h ^ h >> 32;
}

/* The hash of the packet's words under the mask, which are left in masked. */
BEBA_INLINE uint64_t hash_key(const struct beba_tuple *t, const struct beba_key *key,
                              uint64_t *masked)
{
    uint64_t h = 0x2545f4914f6cdd1dull;

    for (unsigned i = 0; i < t->n_words; i++) {
        masked[i] = key->w[t->word[i]] & t->mask[i];
        h = mix(h, masked[i]);
    }
    return finish(h);
}

BEBA_INLINE bool same(const uint64_t *a, const uint64_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

BEBA_INLINE struct beba_entry *slot_entry(uint64_t slot)
{
    return (struct beba_entry *)(uintptr_t)(slot & ADDRESS);
}

/* The first entry of the row with those values, and its slot; NULL without one. */
BEBA_INLINE struct beba_entry *find_row(const struct beba_subtable *s, uint64_t hash,
                                        const uint64_t *masked, uint32_t *at)
{
    const struct beba_slots *slots = atomic_load_explicit(&s->slots, memory_order_acquire);

    for (uint32_t i = (uint32_t)hash & slots->mask;; i = (i + 1) & slots->mask) {
        uint64_t slot = atomic_load_explicit(&slots->slot[i], memory_order_acquire);
        if (!slot)
            return NULL;
        if (((slot ^ hash) >> TAG_SHIFT) == 0 && slot != DEAD) {
            struct beba_entry *e = slot_entry(slot);
            if (same(e->value, masked, s->tuple.n_words)) {
                *at = i;
                return e;
            }
        }
    }
}

BEBA_INLINE bool better(const struct beba_entry *e, const struct beba_entry *best)
{
    return !best || e->priority > best->priority ||
           (e->priority == best->priority && e->order < best->order);
}

/* Whether the subtable, and those behind it, have nothing better. */
BEBA_INLINE bool decided(const struct beba_entry *best, const struct beba_subtable_ref *ref)
{
    return best && (best->priority > ref->highest ||
                    (best->priority == ref->highest && best->order < ref->oldest));
}

/* As hash_key, which keeps the words. n_words is t's, and constant where that is known. */
BEBA_INLINE uint64_t hash_of(const struct beba_tuple *t, unsigned n_words,
                             const struct beba_key *key)
{
    uint64_t h = 0x2545f4914f6cdd1dull;

    for (unsigned i = 0; i < n_words; i++)
        h = mix(h, key->w[t->word[i]] & t->mask[i]);
    return finish(h);
}

BEBA_INLINE bool has_values(const struct beba_tuple *t, unsigned n_words,
                            const struct beba_entry *e, const struct beba_key *key)
{
    uint64_t other = 0;

    for (unsigned i = 0; i < n_words; i++)
        other |= (key->w[t->word[i]] & t->mask[i]) ^ e->value[i];
    return !other;
}

/* For those whose turn it is: whether something with its tag is there. Leaves those for which there
 * is, and returns how many. */
__attribute__((noinline, unused)) static unsigned
look_in_slots(const struct beba_slots *slots, struct beba_look *look, uint8_t *turn, unsigned n)
{
    unsigned n_found = 0;

    for (unsigned k = 0; k < n; k++) {
        struct beba_look *l = &look[turn[k]];
        uint32_t at = (uint32_t)l->hash & slots->mask;
        uint64_t slot;

        while ((slot = atomic_load_explicit(&slots->slot[at], memory_order_acquire)) &&
               ((slot ^ l->hash) >> TAG_SHIFT || slot == DEAD))
            at = (at + 1) & slots->mask;
        l->found = slot_entry(slot);
        turn[n_found] = turn[k];
        n_found += slot != 0;
        __builtin_prefetch(
            (const void *)(uintptr_t)((slot & ADDRESS) + offsetof(struct beba_entry, life)));
    }
    return n_found;
}

/* The row of a packet whose tag is another's, too. */
__attribute__((noinline, unused)) static struct beba_entry *
look_behind(const struct beba_subtable *s, const struct beba_key *key)
{
    uint64_t masked[BEBA_KEY_WORDS];
    uint32_t at;

    return find_row(s, hash_key(&s->tuple, key, masked), masked, &at);
}

/* Three rounds for the packets that are not decided: where its row would be; whether something with
 * its tag is there; and what that is. */
BEBA_INLINE void beba_look_in(const struct beba_subtable_ref *ref, struct beba_look *look,
                              unsigned n, uint64_t version, const struct beba_tuple *t,
                              unsigned n_words)
{
    const struct beba_subtable *s = ref->subtable;
    const struct beba_slots *slots = atomic_load_explicit(&s->slots, memory_order_acquire);
    uint8_t turn[BEBA_LOOKS];
    unsigned n_turns = 0, n_found;

    for (unsigned i = 0; i < n; i++) {
        struct beba_look *l = &look[i];

        if (decided(l->best, ref) || (l->key->w[0] & t->fields) != t->fields)
            continue;
        l->hash = hash_of(t, n_words, l->key);
        __builtin_prefetch((const void *)&slots->slot[(uint32_t)l->hash & slots->mask]);
        turn[n_turns++] = (uint8_t)i;
    }
    n_found = look_in_slots(slots, look, turn, n_turns);
    for (unsigned k = 0; k < n_found; k++) {
        struct beba_look *l = &look[turn[k]];
        struct beba_entry *e = l->found;

        if (!has_values(t, n_words, e, l->key))
            e = look_behind(s, l->key);
        while (e && !beba_lives(&e->life, version))
            e = atomic_load_explicit(&e->next, memory_order_acquire);
        if (e && better(e, l->best))
            l->best = e;
    }
}

#endif
