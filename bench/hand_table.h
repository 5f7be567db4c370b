/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The hand-written loops' table and parser: what one writes for one program when nothing else has
 * to work. Entries are an array of words, the key first, and lie in cache lines that are probed one
 * after the other; half of the slots stay free, so that a lookup is one line nearly always. Nothing
 * is ever taken out: an entry that is over is used again by the next new flow that comes upon it.
 * All sizes are constants of the caller, all functions inline. */
#ifndef BEBA_BENCH_HAND_TABLE_H
#define BEBA_BENCH_HAND_TABLE_H

#include "base/int.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#define HAND_INLINE static inline __attribute__((always_inline))

enum { HAND_LINE = 8, HAND_PROBES = 128 }; /* words; lines looked at */

struct hand_table {
    uint64_t *word;
    uint32_t n_lines;
    uint64_t entries, capacity;
    uint64_t secret[4];
};

/* What an entry is made of: words of it and of its key, the word with its time, entries a line. */
struct hand_shape {
    unsigned words, key, time, ways;
};

static void *hand_alloc(size_t size)
{
    const size_t huge = 2u << 20;
    void *mem = mmap(NULL, size + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t at = ((uintptr_t)mem + huge - 1) & ~(uintptr_t)(huge - 1);

    if (mem == MAP_FAILED)
        return NULL;
    madvise((void *)at, size, MADV_HUGEPAGE);
    return (void *)at;
}

static bool hand_table_new(struct hand_table *t, struct hand_shape s, uint64_t capacity)
{
    *t = (struct hand_table){
        .n_lines = (uint32_t)(capacity * 2 / s.ways + HAND_PROBES),
        .capacity = capacity,
        .secret = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93}};
    t->word = hand_alloc((size_t)t->n_lines * HAND_LINE * sizeof(*t->word));
    return t->word;
}

HAND_INLINE uint64_t hand_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

HAND_INLINE uint64_t hand_hash(const struct hand_table *t, const uint64_t *key, unsigned n)
{
    uint64_t h = hand_fold(key[0] ^ t->secret[0], (n > 1 ? key[1] : 0) ^ t->secret[1]);

    for (unsigned i = 2; i < n; i += 2)
        h ^= hand_fold(key[i] ^ t->secret[2] ^ (h << 1),
                       (i + 1 < n ? key[i + 1] : 0) ^ t->secret[3]);
    return h;
}

/* The first line of a key, on its way into the cache. */
HAND_INLINE uint32_t hand_prefetch(const struct hand_table *t, const uint64_t *key, unsigned n)
{
    uint32_t line = (uint32_t)(((hand_hash(t, key, n) >> 32) * t->n_lines) >> 32);

    __builtin_prefetch(t->word + (size_t)line * HAND_LINE, 1, 3);
    return line;
}

HAND_INLINE bool hand_same(const uint64_t *e, const uint64_t *key, unsigned n)
{
    uint64_t differ = 0;

    for (unsigned i = 0; i < n; i++)
        differ |= e[i] ^ key[i];
    return !differ;
}

HAND_INLINE bool hand_free(const uint64_t *e, unsigned n)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < n; i++)
        any |= e[i];
    return !any;
}

HAND_INLINE uint64_t *hand_find(const struct hand_table *t, struct hand_shape s, uint32_t line,
                                const uint64_t *key)
{
    for (unsigned probe = 0; probe < HAND_PROBES; probe++) {
        uint64_t *l = t->word + (size_t)line * HAND_LINE;
        unsigned same = 0;

        for (unsigned w = 0; w < s.ways; w++) /* where in the line it is, no branch can guess */
            same |= (unsigned)hand_same(l + w * s.words, key, s.key) << w;
        if (same)
            return l + (unsigned)__builtin_ctz(same) * s.words;
        if (hand_free(l + (s.ways - 1) * s.words, s.key))
            return NULL; /* lines fill from the front */
        line = line + 1 < t->n_lines ? line + 1 : 0;
    }
    return NULL;
}

/* A place for a key that is not there, with the key in it and zeros behind: free, or of an entry
 * that is over, or, with evict, of the oldest one on the way. NULL: no room. */
HAND_INLINE uint64_t *hand_insert(struct hand_table *t, struct hand_shape s, uint32_t line,
                                  const uint64_t *key, uint64_t now,
                                  bool (*over)(const uint64_t *e, uint64_t now), bool evict)
{
    uint64_t *found = NULL, *oldest = NULL;

    for (unsigned probe = 0; probe < HAND_PROBES && !found; probe++) {
        uint64_t *l = t->word + (size_t)line * HAND_LINE;

        for (unsigned w = 0; w < s.ways && !found; w++, l += s.words) {
            if (hand_free(l, s.key)) {
                probe = HAND_PROBES;
                if (t->entries < t->capacity) {
                    found = l;
                    t->entries++;
                }
                break;
            }
            if (over(l, now))
                found = l;
            else if (!oldest || l[s.time] < oldest[s.time])
                oldest = l;
        }
        line = line + 1 < t->n_lines ? line + 1 : 0;
    }
    if (!found && evict)
        found = oldest;
    if (found) {
        memcpy(found, key, s.key * sizeof(*key));
        memset(found + s.key, 0, (s.words - s.key) * sizeof(*key));
    }
    return found;
}

/* Headers ------------------------------------------------------------------------------------ */

/* Addresses and ports as they are on the wire; IPv4 as ::ffff:a.b.c.d. */
struct hand_headers {
    uint64_t src[2], dst[2];
    uint16_t sport, dport;
    uint8_t proto; /* 0: a later fragment, or what is behind is not there */
    uint8_t flags; /* of TCP */
};

HAND_INLINE uint16_t hand_16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

HAND_INLINE void hand_mapped(uint64_t out[2], const uint8_t *address)
{
    uint32_t v;

    memcpy(&v, address, sizeof(v));
    out[0] = 0;
    out[1] = (uint64_t)v << 32 | 0xffff0000u;
}

/* False for what is not IP. */
HAND_INLINE bool hand_parse(const struct beba_packet *p, struct hand_headers *h)
{
    const uint8_t *d = p->data, *end = d + p->len, *l4;

    if (p->len < 34)
        return false;
    if (hand_16(d + 12) == htons(0x0800)) {
        if (d[14] >> 4 != 4 || (d[14] & 15) < 5)
            return false;
        hand_mapped(h->src, d + 26);
        hand_mapped(h->dst, d + 30);
        h->proto = hand_16(d + 20) & htons(0x1fff) ? 0 : d[23];
        l4 = d + 14 + (d[14] & 15) * 4;
    } else if (hand_16(d + 12) == htons(0x86dd) && p->len >= 54) {
        memcpy(h->src, d + 22, 16);
        memcpy(h->dst, d + 38, 16);
        h->proto = d[20];
        l4 = d + 54;
    } else {
        return false;
    }
    h->sport = h->dport = 0;
    h->flags = 0;
    if (h->proto == IPPROTO_TCP && l4 + 20 <= end) {
        h->flags = l4[13];
    } else if (h->proto != IPPROTO_UDP || l4 + 8 > end) {
        h->proto = 0;
        return true;
    }
    h->sport = hand_16(l4);
    h->dport = hand_16(l4 + 2);
    return true;
}

#endif
