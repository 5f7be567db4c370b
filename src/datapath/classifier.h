/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which entry of a flow table matches: tuple-space search (Srinivasan, Suri, Varghese, SIGCOMM
 * 1999). Entries with the same mask are in one subtable, a hash table over their masked words.
 * Subtables are looked through from the highest priority down, and no further than they could hold
 * something better than what was found.
 *
 * One writer; readers at the same time, who see entries by version. What the writer takes out is
 * freed by the caller when no reader can look at it any more; see dp.h. */
#ifndef BEBA_DATAPATH_CLASSIFIER_H
#define BEBA_DATAPATH_CLASSIFIER_H

#include "datapath/entry.h"
#include "datapath/key.h"

struct beba_datapath;

/* An open hash table of rows: entries with the same masked values, chained by priority. A slot has
 * 16 bits of the row's hash above 48 bits of its first entry's address. */
struct beba_slots {
    uint32_t mask; /* number - 1 */
    _Atomic uint64_t slot[];
};

struct beba_priority { /* entries of one priority in a subtable */
    uint32_t n;
    uint16_t priority;
    uint64_t oldest; /* none is older */
};

struct beba_tuple {  /* what entries with one mask look at */
    uint64_t fields; /* that a packet must have: word 0 of the mask */
    uint8_t n_words;
    uint8_t word[BEBA_KEY_WORDS];
    uint64_t mask[BEBA_KEY_WORDS];
};

struct beba_subtable {
    struct beba_tuple tuple;
    uint32_t shape; /* the same number for the same tuple: what native code knows it by */
    struct beba_slots *_Atomic slots;
    /* control */
    uint32_t n_rows, n_dead; /* slots used, and those that were */
    uint32_t n_entries;
    uint32_t n_priorities, cap_priorities;
    struct beba_priority *priority; /* highest last */
};

struct beba_subtables {
    uint32_t n;
    struct beba_subtable_ref {
        struct beba_subtable *subtable;
        uint32_t highest; /* priority */
        uint64_t oldest;  /* of that priority */
    } of[];               /* highest, then oldest, first */
};

struct beba_classifier {
    struct beba_subtables *_Atomic list;
};

/* An entry with room for the words of the mask, not yet in. value: masked. NULL: no memory. */
struct beba_entry *beba_entry_new(struct beba_classifier *c, const struct beba_key *value,
                                  const struct beba_key *mask);

/* Before an entry that is not in is freed. */
void beba_entry_unused(struct beba_entry *e);

/* Puts an entry in; it is seen from its version on. 0; -ENOMEM: free it later, it may have been
 * seen.
 */
int beba_classifier_add(struct beba_datapath *dp, struct beba_classifier *c, struct beba_entry *e);
/* Takes an entry out that no packet sees any more. */
void beba_classifier_remove(struct beba_datapath *dp, struct beba_classifier *c,
                            struct beba_entry *e);
/* The current entry of exactly that match and priority. */
struct beba_entry *beba_classifier_find(const struct beba_classifier *c,
                                        const struct beba_key *value, const struct beba_key *mask,
                                        uint16_t priority);
/* Calls fn for every current entry whose match says all that value and mask say, or (overlap) that
 * may match a packet together with them; until fn returns other than 0, which is returned. fn may
 * mark entries as removed, but add none. */
int beba_classifier_each(const struct beba_classifier *c, const struct beba_key *value,
                         const struct beba_key *mask, bool overlap,
                         int (*fn)(void *arg, struct beba_entry *e), void *arg);
/* Frees everything but entries. */
void beba_classifier_free(struct beba_classifier *c);

/* The entry that a packet of that version matches, or NULL. */
struct beba_entry *beba_classifier_look(const struct beba_classifier *c, const struct beba_key *key,
                                        uint64_t version);

/* The same for many packets at once, so that they wait for memory together (look.h). Of a look key
 * is given, and best comes out. */
enum { BEBA_LOOKS = 32 };
struct beba_look {
    const struct beba_key *key;
    struct beba_entry *best;
    struct beba_entry *found; /* while it goes on: of one subtable */
    uint64_t hash;
};
/* In one subtable. */
void beba_look_by_words(const struct beba_subtable_ref *ref, struct beba_look *look, unsigned n,
                        uint64_t version);

#endif
