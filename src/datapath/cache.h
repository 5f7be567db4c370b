/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A worker's memory of which entries packets took: for the bits of a packet that any entry's match
 * looks at, the entries of the tables that it went through unchanged. It is right for one version
 * of the tables only, so every change empties it; where packets seldom meet it, it is left out for
 * a while, and where there are few subtables, altogether. */
#ifndef BEBA_DATAPATH_CACHE_H
#define BEBA_DATAPATH_CACHE_H

#include "datapath/classifier.h"

enum {
    BEBA_WANTED_WORDS = 10, /* matches on more are not remembered */
    BEBA_PATH_TABLES = 5,
};

/* What matches look at, over all tables; replaced whole. */
struct beba_wanted {
    uint32_t serial;
    uint32_t n_words; /* of the key; more than BEBA_WANTED_WORDS: too many */
    uint8_t word[BEBA_KEY_WORDS];
    uint64_t mask[BEBA_KEY_WORDS];
};

struct beba_path {
    alignas(BEBA_CACHE_LINE) uint64_t tag; /* version and serial; 0: empty */
    uint64_t word[BEBA_WANTED_WORDS];
    struct beba_entry *entry[BEBA_PATH_TABLES]; /* NULL behind the last */
};

struct beba_cache {
    struct beba_path *path;
    uint32_t tries, hits; /* since it was last judged */
    uint32_t left_out;    /* packets that still pass it by */
};

struct beba_datapath;

int beba_cache_init(struct beba_cache *c); /* 0 or -ENOMEM */
void beba_cache_free(struct beba_cache *c);

/* By the writer: a subtable came, or went; 0 or -ENOMEM. */
int beba_wanted_add(struct beba_datapath *dp, struct beba_subtable *s);
void beba_wanted_again(struct beba_datapath *dp);

/* A packet that asks, or for which entries were looked up ahead. */
struct beba_ask {
    struct beba_path *slot; /* NULL: it does not ask */
    bool known;
    uint8_t n;             /* entries that it is to take, or has taken */
    struct beba_path took; /* what it will be known by, and those */
};

/* In three steps for the packets of a batch, so that memory has time to come: makes a question of a
 * key; answers it; and looks where the answer leads. */
void beba_cache_ask(struct beba_cache *c, const struct beba_wanted *wanted,
                    const struct beba_key *key, uint64_t version, struct beba_ask *ask);
void beba_cache_answer(struct beba_cache *c, struct beba_ask *ask);
void beba_cache_follow(const struct beba_ask *ask, unsigned worker);
/* After the batch: remembers what an unknown packet took, in the first way while that is old. */
void beba_cache_learn(struct beba_ask *ask);
/* Whether the next n packets ask. */
bool beba_cache_wanted(const struct beba_datapath *dp, struct beba_cache *c,
                       const struct beba_wanted *wanted, unsigned n);

#endif
