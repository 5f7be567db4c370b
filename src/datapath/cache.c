/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/native.h"

enum {
    PATHS = 1 << 14,
    WAYS = 2,
    SERIAL_BITS = 8,
    JUDGED = 2 * PATHS, /* tries */
    LEAVE = 4 * PATHS,  /* packets, when fewer than a quarter of the tries were hits */
    FEW = 2,            /* subtables, which are looked through as fast */
};

int beba_cache_init(struct beba_cache *c)
{
    c->path = aligned_alloc(BEBA_CACHE_LINE, PATHS * sizeof(*c->path));
    if (!c->path)
        return -ENOMEM;
    memset(c->path, 0, PATHS * sizeof(*c->path));
    return 0;
}

void beba_cache_free(struct beba_cache *c)
{
    free(c->path);
}

/* --- what matches look at ----------------------------------------------------------------------
 */

static void unpack(const struct beba_wanted *wanted, struct beba_key *mask)
{
    memset(mask, 0, sizeof(*mask));
    for (uint32_t i = 0; wanted && i < wanted->n_words; i++)
        mask->w[wanted->word[i]] = wanted->mask[i];
}

static void look_at(struct beba_key *mask, const struct beba_subtable *s)
{
    mask->w[0] |= s->tuple.fields;
    for (unsigned i = 0; i < s->tuple.n_words; i++)
        mask->w[s->tuple.word[i]] |= s->tuple.mask[i];
}

static int publish(struct beba_datapath *dp, const struct beba_key *mask)
{
    struct beba_wanted *old = atomic_load_explicit(&dp->wanted, memory_order_relaxed);
    struct beba_wanted *wanted = calloc(1, sizeof(*wanted));

    if (!wanted)
        return -ENOMEM;
    wanted->serial = old ? old->serial + 1 : 1;
    for (unsigned w = 0; w < BEBA_KEY_WORDS; w++) {
        if (!mask->w[w])
            continue;
        wanted->word[wanted->n_words] = (uint8_t)w;
        wanted->mask[wanted->n_words++] = mask->w[w];
    }
    atomic_store_explicit(&dp->wanted, wanted, memory_order_release);
    beba_datapath_later(dp, free, old);
    return 0;
}

static bool same_tuple(const struct beba_tuple *a, const struct beba_tuple *b)
{
    return a->fields == b->fields && a->n_words == b->n_words &&
           !memcmp(a->word, b->word, a->n_words) &&
           !memcmp(a->mask, b->mask, a->n_words * sizeof(a->mask[0]));
}

/* The number of a tuple: that of a subtable with the same one, else a new one. */
static uint32_t shape_of(struct beba_datapath *dp, const struct beba_subtable *s)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        const struct beba_table *t = beba_datapath_table(dp, (uint8_t)i);
        const struct beba_subtables *list =
            t ? atomic_load_explicit(&t->classifier.list, memory_order_relaxed) : NULL;

        for (uint32_t n = 0; list && n < list->n; n++)
            if (same_tuple(&list->of[n].subtable->tuple, &s->tuple))
                return list->of[n].subtable->shape;
    }
    return ++dp->n_shapes;
}

int beba_wanted_add(struct beba_datapath *dp, struct beba_subtable *s)
{
    struct beba_key mask, before;

    s->shape = shape_of(dp, s);
    beba_datapath_native_changed(dp);

    unpack(atomic_load_explicit(&dp->wanted, memory_order_relaxed), &before);
    atomic_store_explicit(&dp->n_subtables, atomic_load(&dp->n_subtables) + 1,
                          memory_order_relaxed);
    mask = before;
    look_at(&mask, s);
    return memcmp(&mask, &before, sizeof(mask)) ? publish(dp, &mask) : 0;
}

void beba_wanted_again(struct beba_datapath *dp)
{
    struct beba_key mask, before;
    uint32_t n_all = 0;

    memset(&mask, 0, sizeof(mask));
    unpack(atomic_load_explicit(&dp->wanted, memory_order_relaxed), &before);
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        const struct beba_table *t = beba_datapath_table(dp, (uint8_t)i);
        const struct beba_subtables *list =
            t ? atomic_load_explicit(&t->classifier.list, memory_order_relaxed) : NULL;
        for (uint32_t n = 0; list && n < list->n; n++)
            look_at(&mask, list->of[n].subtable);
        n_all += list ? list->n : 0;
    }
    atomic_store_explicit(&dp->n_subtables, n_all, memory_order_relaxed);
    beba_datapath_native_changed(dp);
    if (memcmp(&mask, &before, sizeof(mask)))
        publish(dp, &mask); /* without memory it looks at more than it must */
}

/* --- packets ------------------------------------------------------------------------------------
 */

bool beba_cache_wanted(const struct beba_datapath *dp, struct beba_cache *c,
                       const struct beba_wanted *wanted, unsigned n)
{
    if (!wanted || wanted->n_words > BEBA_WANTED_WORDS ||
        atomic_load_explicit(&dp->n_subtables, memory_order_relaxed) <= FEW)
        return false;
    if (c->left_out) {
        c->left_out -= n < c->left_out ? n : c->left_out;
        return false;
    }
    if (c->tries >= JUDGED) {
        c->left_out = c->hits * 4 < c->tries ? LEAVE : 0;
        c->tries = c->hits = 0;
    }
    return true;
}

void beba_cache_ask(struct beba_cache *c, const struct beba_wanted *wanted,
                    const struct beba_key *key, uint64_t version, struct beba_ask *ask)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < BEBA_WANTED_WORDS; i++) {
        uint64_t word = 0;
        if (i < wanted->n_words) {
            word = key->w[wanted->word[i]] & wanted->mask[i];
            /* words that only absent fields are in may hold anything: they cost hits only */
            h = (h ^ word) * 0x9fb21c651e98df25ull;
            h ^= h >> 32;
        }
        ask->took.word[i] = word;
    }
    h *= 0x94d049bb133111ebull;
    ask->took.tag = version << SERIAL_BITS | (wanted->serial & ((1u << SERIAL_BITS) - 1));
    ask->known = false;
    ask->n = 0;
    ask->slot = &c->path[h >> 40 & (PATHS - 1) & ~(WAYS - 1ull)];
    for (unsigned i = 0; i < WAYS * sizeof(*ask->slot); i += BEBA_CACHE_LINE)
        __builtin_prefetch((const char *)ask->slot + i);
}

static bool same(const struct beba_path *a, const struct beba_path *b)
{
    uint64_t other = a->tag ^ b->tag;

    for (unsigned i = 0; i < BEBA_WANTED_WORDS; i++)
        other |= a->word[i] ^ b->word[i];
    return !other;
}

void beba_cache_answer(struct beba_cache *c, struct beba_ask *ask)
{
    const struct beba_path *path = ask->slot;

    ask->known = same(path, &ask->took) || same(++path, &ask->took);
    c->tries++;
    c->hits += ask->known;
    if (!ask->known)
        return;
    /* a copy: the slot may be another's before the packet's turn comes */
    memcpy(ask->took.entry, path->entry, sizeof(path->entry));
    while (ask->n < BEBA_PATH_TABLES && path->entry[ask->n])
        __builtin_prefetch(&path->entry[ask->n++]->life);
}

void beba_cache_follow(const struct beba_ask *ask, unsigned worker)
{
    for (unsigned i = 0; i < ask->n; i++)
        __builtin_prefetch(&ask->took.entry[i]->tally[worker], 1);
}

void beba_cache_learn(struct beba_ask *ask)
{
    if (ask->known || !ask->slot)
        return;
    for (unsigned i = ask->n; i < BEBA_PATH_TABLES; i++)
        ask->took.entry[i] = NULL;
    ask->slot[ask->slot->tag == ask->took.tag] = ask->took;
}
