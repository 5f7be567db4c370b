/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/classifier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/dp.h"
#include "datapath/look.h"

enum { FIRST_SLOTS = 8 };
_Static_assert(sizeof(void *) == 8, "slots keep 48 bits of an address");

static uint64_t make_slot(const struct beba_entry *e)
{
    return (uint64_t)(uintptr_t)e | e->hash >> TAG_SHIFT << TAG_SHIFT;
}

struct beba_entry *beba_classifier_look(const struct beba_classifier *c, const struct beba_key *key,
                                        uint64_t version)
{
    const struct beba_subtables *list = atomic_load_explicit(&c->list, memory_order_acquire);
    struct beba_entry *best = NULL;
    uint64_t masked[BEBA_KEY_WORDS];
    uint32_t at;

    for (uint32_t i = 0; list && i < list->n; i++) {
        const struct beba_subtable_ref *ref = &list->of[i];
        const struct beba_subtable *s = ref->subtable;
        struct beba_entry *e;

        if (decided(best, ref))
            break;
        if ((key->w[0] & s->tuple.fields) != s->tuple.fields)
            continue;
        e = find_row(s, hash_key(&s->tuple, key, masked), masked, &at);
        while (e && !beba_lives(&e->life, version))
            e = atomic_load_explicit(&e->next, memory_order_acquire);
        if (e && better(e, best))
            best = e;
    }
    return best;
}

/* --- many packets ----------------------------------------------------------------------------- */

/* Few words are nearly all there are: a copy for each number. */
void beba_look_by_words(const struct beba_subtable_ref *ref, struct beba_look *look, unsigned n,
                        uint64_t version)
{
    const struct beba_tuple *t = &ref->subtable->tuple;

    switch (t->n_words) {
    case 0:
        beba_look_in(ref, look, n, version, t, 0);
        break;
    case 1:
        beba_look_in(ref, look, n, version, t, 1);
        break;
    case 2:
        beba_look_in(ref, look, n, version, t, 2);
        break;
    case 3:
        beba_look_in(ref, look, n, version, t, 3);
        break;
    default:
        beba_look_in(ref, look, n, version, t, t->n_words);
    }
}

/* --- what the writer does --------------------------------------------------------------------- */

static struct beba_subtable *find_subtable(const struct beba_classifier *c,
                                           const struct beba_key *mask)
{
    const struct beba_subtables *list = atomic_load_explicit(&c->list, memory_order_relaxed);

    for (uint32_t i = 0; list && i < list->n; i++) {
        struct beba_subtable *s = list->of[i].subtable;
        unsigned n = 0, w;

        if (s->tuple.fields != mask->w[0])
            continue;
        for (w = 1; w < BEBA_KEY_WORDS; w++) {
            if (!mask->w[w])
                continue;
            if (n == s->tuple.n_words || s->tuple.word[n] != w || s->tuple.mask[n] != mask->w[w])
                break;
            n++;
        }
        if (w == BEBA_KEY_WORDS && n == s->tuple.n_words)
            return s;
    }
    return NULL;
}

static struct beba_slots *new_slots(uint32_t n)
{
    struct beba_slots *slots = calloc(1, sizeof(*slots) + n * sizeof(slots->slot[0]));

    if (slots)
        slots->mask = n - 1;
    return slots;
}

static void free_subtable(void *arg)
{
    struct beba_subtable *s = arg;

    free(atomic_load_explicit(&s->slots, memory_order_relaxed));
    free(s->priority);
    free(s);
}

static struct beba_subtable *new_subtable(const struct beba_key *mask)
{
    struct beba_subtable *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->tuple.fields = mask->w[0];
    for (unsigned w = 1; w < BEBA_KEY_WORDS; w++) {
        if (mask->w[w]) {
            s->tuple.word[s->tuple.n_words] = (uint8_t)w;
            s->tuple.mask[s->tuple.n_words++] = mask->w[w];
        }
    }
    s->slots = new_slots(FIRST_SLOTS);
    if (!s->slots) {
        free(s);
        return NULL;
    }
    return s;
}

struct beba_entry *beba_entry_new(struct beba_classifier *c, const struct beba_key *value,
                                  const struct beba_key *mask)
{
    struct beba_subtable *s = find_subtable(c, mask);
    struct beba_entry *e;
    size_t size;

    /* A subtable that has nothing yet is not listed: it comes with its first entry. */
    if (!s)
        s = new_subtable(mask);
    if (!s)
        return NULL;
    size = sizeof(*e) + s->tuple.n_words * sizeof(e->value[0]);
    size = (size + BEBA_CACHE_LINE - 1) / BEBA_CACHE_LINE * BEBA_CACHE_LINE;
    e = aligned_alloc(BEBA_CACHE_LINE, size);
    if (!e) {
        if (!s->n_entries)
            free_subtable(s);
        return NULL;
    }
    memset(e, 0, size);
    e->subtable = s;
    e->hash = hash_key(&s->tuple, value, e->value);
    return e;
}

void beba_entry_unused(struct beba_entry *e)
{
    if (!e->subtable->n_entries)
        free_subtable(e->subtable);
}

static int compare_refs(const struct beba_subtable_ref *a, const struct beba_subtable_ref *b)
{
    if (a->highest != b->highest)
        return a->highest > b->highest ? -1 : 1;
    return a->oldest < b->oldest ? -1 : 1;
}

/* Publishes the list with s where it now belongs: added, moved, or (when empty) taken out. */
static int relist(struct beba_datapath *dp, struct beba_classifier *c, struct beba_subtable *s)
{
    struct beba_subtables *old = atomic_load_explicit(&c->list, memory_order_relaxed), *list;
    uint32_t n_old = old ? old->n : 0, n = 0;
    struct beba_subtable_ref ref = {.subtable = s};
    bool placed = !s->n_entries;

    if (s->n_entries) {
        ref.highest = s->priority[s->n_priorities - 1].priority;
        ref.oldest = s->priority[s->n_priorities - 1].oldest;
    }
    list = malloc(sizeof(*list) + (n_old + 1) * sizeof(list->of[0]));
    if (!list)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_old; i++) {
        if (old->of[i].subtable == s)
            continue;
        if (!placed && compare_refs(&ref, &old->of[i]) < 0) {
            list->of[n++] = ref;
            placed = true;
        }
        list->of[n++] = old->of[i];
    }
    if (!placed)
        list->of[n++] = ref;
    list->n = n;
    atomic_store_explicit(&c->list, list, memory_order_release);
    beba_datapath_later(dp, free, old);
    return 0;
}

static uint32_t find_priority(const struct beba_subtable *s, uint16_t priority)
{
    uint32_t low = 0, high = s->n_priorities;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->priority[middle].priority < priority)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Counts an entry. 1 when the subtable's place in the list changes, 0, or -ENOMEM. */
static int count_priority(struct beba_subtable *s, const struct beba_entry *e)
{
    uint32_t i = find_priority(s, e->priority);
    bool highest;

    if (i < s->n_priorities && s->priority[i].priority == e->priority) {
        bool older = e->order < s->priority[i].oldest;
        s->priority[i].n++;
        if (older)
            s->priority[i].oldest = e->order;
        return older && i + 1 == s->n_priorities;
    }
    if (s->n_priorities == s->cap_priorities) {
        uint32_t cap = s->cap_priorities ? s->cap_priorities * 2 : 4;
        struct beba_priority *more = realloc(s->priority, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        s->priority = more;
        s->cap_priorities = cap;
    }
    highest = i == s->n_priorities;
    memmove(s->priority + i + 1, s->priority + i, (s->n_priorities - i) * sizeof(*s->priority));
    s->priority[i] = (struct beba_priority){1, e->priority, e->order};
    s->n_priorities++;
    return highest;
}

static bool uncount_priority(struct beba_subtable *s, const struct beba_entry *e)
{
    uint32_t i = find_priority(s, e->priority);

    if (--s->priority[i].n)
        return false;
    s->n_priorities--;
    memmove(s->priority + i, s->priority + i + 1, (s->n_priorities - i) * sizeof(*s->priority));
    return i == s->n_priorities;
}

static void put_slot(struct beba_slots *slots, const struct beba_entry *e)
{
    uint32_t i = (uint32_t)e->hash & slots->mask;

    while (atomic_load_explicit(&slots->slot[i], memory_order_relaxed))
        i = (i + 1) & slots->mask;
    atomic_store_explicit(&slots->slot[i], make_slot(e), memory_order_release);
}

/* Makes sure that a row can be put in: at most half of the slots are used. */
static int make_room(struct beba_datapath *dp, struct beba_subtable *s)
{
    struct beba_slots *old = atomic_load_explicit(&s->slots, memory_order_relaxed), *slots;
    uint32_t n = old->mask + 1;

    if ((s->n_rows + s->n_dead + 1) * 2 <= n)
        return 0;
    while (n < (s->n_rows + 1) * 3)
        n *= 2;
    slots = new_slots(n);
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i <= old->mask; i++) {
        uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
        if (slot && slot != DEAD)
            put_slot(slots, slot_entry(slot));
    }
    s->n_dead = 0;
    atomic_store_explicit(&s->slots, slots, memory_order_release);
    beba_datapath_later(dp, free, old);
    return 0;
}

static bool goes_before(const struct beba_entry *a, const struct beba_entry *b)
{
    return a->priority > b->priority || (a->priority == b->priority && a->order < b->order);
}

/* Puts e into the row that starts at that slot. */
static void put_in_row(struct beba_slots *slots, uint32_t at, struct beba_entry *first,
                       struct beba_entry *e)
{
    struct beba_entry *before = NULL, *behind = first;

    while (behind && !goes_before(e, behind)) {
        before = behind;
        behind = atomic_load_explicit(&behind->next, memory_order_relaxed);
    }
    atomic_store_explicit(&e->next, behind, memory_order_relaxed);
    if (before)
        atomic_store_explicit(&before->next, e, memory_order_release);
    else
        atomic_store_explicit(&slots->slot[at], make_slot(e), memory_order_release);
}

int beba_classifier_add(struct beba_datapath *dp, struct beba_classifier *c, struct beba_entry *e)
{
    struct beba_subtable *s = e->subtable;
    struct beba_entry *first;
    uint32_t at;
    int moved;

    moved = make_room(dp, s) ? -ENOMEM : count_priority(s, e);
    if (moved < 0) {
        beba_entry_unused(e);
        return moved;
    }
    first = find_row(s, e->hash, e->value, &at);
    if (first) {
        put_in_row(s->slots, at, first, e);
    } else {
        put_slot(s->slots, e);
        s->n_rows++;
    }
    s->n_entries++;
    if ((s->n_entries == 1 && beba_wanted_add(dp, s)) || (moved && relist(dp, c, s))) {
        beba_classifier_remove(dp, c, e);
        return -ENOMEM;
    }
    return 0;
}

void beba_classifier_remove(struct beba_datapath *dp, struct beba_classifier *c,
                            struct beba_entry *e)
{
    struct beba_subtable *s = e->subtable;
    struct beba_slots *slots = atomic_load_explicit(&s->slots, memory_order_relaxed);
    struct beba_entry *next = atomic_load_explicit(&e->next, memory_order_relaxed), *prev;
    uint32_t at = 0;

    prev = find_row(s, e->hash, e->value, &at);
    if (prev == e) {
        atomic_store_explicit(&slots->slot[at], next ? make_slot(next) : DEAD,
                              memory_order_release);
        s->n_rows -= !next;
        s->n_dead += !next;
    } else {
        while (atomic_load_explicit(&prev->next, memory_order_relaxed) != e)
            prev = atomic_load_explicit(&prev->next, memory_order_relaxed);
        atomic_store_explicit(&prev->next, next, memory_order_release);
    }
    s->n_entries--;
    if (!uncount_priority(s, e) && s->n_entries)
        return;
    /* Without memory for the list the subtable stays where it was, which is only slower. */
    if (relist(dp, c, s) || s->n_entries)
        return;
    beba_wanted_again(dp);
    beba_datapath_later(dp, free_subtable, s);
}

struct beba_entry *beba_classifier_find(const struct beba_classifier *c,
                                        const struct beba_key *value, const struct beba_key *mask,
                                        uint16_t priority)
{
    struct beba_subtable *s = find_subtable(c, mask);
    uint64_t masked[BEBA_KEY_WORDS];
    struct beba_entry *e;
    uint32_t at;

    if (!s)
        return NULL;
    e = find_row(s, hash_key(&s->tuple, value, masked), masked, &at);
    while (e && (e->priority != priority || !beba_is_current(&e->life)))
        e = atomic_load_explicit(&e->next, memory_order_relaxed);
    return e;
}

/* All that the mask says, the subtable's says too. */
static bool covers(const struct beba_subtable *s, const struct beba_key *mask)
{
    unsigned n = 0;

    if ((s->tuple.fields & mask->w[0]) != mask->w[0])
        return false;
    for (unsigned w = 1; w < BEBA_KEY_WORDS; w++) {
        uint64_t have = n < s->tuple.n_words && s->tuple.word[n] == w ? s->tuple.mask[n++] : 0;
        if ((have & mask->w[w]) != mask->w[w])
            return false;
    }
    return true;
}

static bool agrees(const struct beba_entry *e, const struct beba_key *value,
                   const struct beba_key *mask)
{
    const struct beba_subtable *s = e->subtable;

    for (unsigned i = 0; i < s->tuple.n_words; i++)
        if ((e->value[i] ^ value->w[s->tuple.word[i]]) & s->tuple.mask[i] &
            mask->w[s->tuple.word[i]])
            return false;
    return true;
}

static int each_of_row(struct beba_entry *e, const struct beba_key *value,
                       const struct beba_key *mask, int (*fn)(void *arg, struct beba_entry *e),
                       void *arg)
{
    int r = 0;

    if (!e || !agrees(e, value, mask))
        return 0;
    for (; e && !r; e = atomic_load_explicit(&e->next, memory_order_relaxed))
        if (beba_is_current(&e->life))
            r = fn(arg, e);
    return r;
}

static int each_of_subtable(const struct beba_subtable *s, const struct beba_key *value,
                            const struct beba_key *mask, int (*fn)(void *arg, struct beba_entry *e),
                            void *arg)
{
    const struct beba_slots *slots = atomic_load_explicit(&s->slots, memory_order_relaxed);
    int r = 0;

    for (uint32_t i = 0; i <= slots->mask && !r; i++) {
        uint64_t slot = atomic_load_explicit(&slots->slot[i], memory_order_relaxed);
        if (slot && slot != DEAD)
            r = each_of_row(slot_entry(slot), value, mask, fn, arg);
    }
    return r;
}

int beba_classifier_each(const struct beba_classifier *c, const struct beba_key *value,
                         const struct beba_key *mask, bool overlap,
                         int (*fn)(void *arg, struct beba_entry *e), void *arg)
{
    const struct beba_subtables *list = atomic_load_explicit(&c->list, memory_order_relaxed);
    const struct beba_subtable *exact = find_subtable(c, mask);
    uint64_t masked[BEBA_KEY_WORDS];
    uint32_t at;
    int r = 0;

    for (uint32_t i = 0; list && i < list->n && !r; i++) {
        const struct beba_subtable *s = list->of[i].subtable;
        if (s == exact)
            r = each_of_row(find_row(s, hash_key(&s->tuple, value, masked), masked, &at), value,
                            mask, fn, arg);
        else if (overlap || covers(s, mask))
            r = each_of_subtable(s, value, mask, fn, arg);
    }
    return r;
}

void beba_classifier_free(struct beba_classifier *c)
{
    struct beba_subtables *list = atomic_load_explicit(&c->list, memory_order_relaxed);

    for (uint32_t i = 0; list && i < list->n; i++)
        free_subtable(list->of[i].subtable);
    free(list);
}
