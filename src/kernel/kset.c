/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Sets in the kernel: a bitmap in beba_shared for types of up to 16 bits, else a trie of prefixes.
 * A range is the prefixes it is made of. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "kernel/internal.h"

static struct beba_u128 shift_left_ones(unsigned n) /* n low bits */
{
    return n >= 64 ? beba_u128(beba_mask64(n - 64), ~0ull) : beba_u128(0, beba_mask64(n));
}

static struct beba_u128 plus_one(struct beba_u128 v)
{
    v.lo++;
    v.hi += !v.lo;
    return v;
}

static struct beba_u128 either(struct beba_u128 a, struct beba_u128 b)
{
    return beba_u128(a.hi | b.hi, a.lo | b.lo);
}

static bool overlap(struct beba_u128 a, struct beba_u128 b)
{
    return (a.hi & b.hi) || (a.lo & b.lo);
}

int beba_range_prefixes(const struct beba_range *range, unsigned bits,
                        int (*fn)(void *arg, struct beba_u128 value, unsigned len), void *arg)
{
    struct beba_u128 at = range->lo, all = shift_left_ones(bits);

    while (beba_u128_cmp(at, range->hi) <= 0) {
        struct beba_u128 last = at;
        unsigned host = 0;
        int rc;

        while (host < bits) { /* the largest prefix that starts here and stays inside */
            struct beba_u128 wider = shift_left_ones(host + 1);

            if (overlap(at, wider) || beba_u128_cmp(either(at, wider), range->hi) > 0)
                break;
            host++;
            last = either(at, wider);
        }
        rc = fn(arg, at, bits - host);
        if (rc)
            return rc;
        if (beba_u128_cmp(last, all) >= 0)
            break;
        at = plus_one(last);
    }
    return 0;
}

/* Bitmaps -------------------------------------------------------------------------------------- */

static uint8_t *bitmap(const struct beba_kernel *k, uint32_t set)
{
    return k->layout.set[set] ? k->map[KMAP_SHARED].mem + k->layout.set[set] : NULL;
}

static bool bit_is(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

/* How many bits of the range were not as wanted. */
static uint64_t bits_set(uint8_t *bits, const struct beba_range *range, bool on)
{
    uint64_t changed = 0;

    for (uint64_t i = range->lo.lo; i <= range->hi.lo && i < 65536; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);

        if (bit_is(bits, i) == on)
            continue;
        if (on)
            __atomic_fetch_or(&bits[i / 8], bit, __ATOMIC_RELAXED);
        else
            __atomic_fetch_and(&bits[i / 8], (uint8_t)~bit, __ATOMIC_RELAXED);
        changed++;
    }
    return changed;
}

/* Tries ---------------------------------------------------------------------------------------- */

struct trie {
    const struct kmap *map;
    unsigned bits, bytes; /* of the type */
    bool add;
    uint64_t changed;
};

static void trie_key(const struct trie *t, struct beba_u128 value, unsigned len,
                     struct beba_object_prefix *key)
{
    memset(key, 0, sizeof(*key));
    key->bits = t->bytes * 8 - t->bits + len;
    for (unsigned i = 0; i < t->bytes; i++) {
        unsigned shift = (t->bytes - 1 - i) * 8;

        key->value[i] = (uint8_t)(shift >= 64 ? value.hi >> (shift - 64) : value.lo >> shift);
    }
}

static int trie_one(void *arg, struct beba_u128 value, unsigned len)
{
    struct trie *t = arg;
    struct beba_object_prefix key;
    uint64_t one = 1;
    int rc;

    trie_key(t, value, len, &key);
    if (t->add)
        rc = bpf_map_update_elem(t->map->fd, &key, &one, BPF_NOEXIST);
    else
        rc = bpf_map_delete_elem(t->map->fd, &key);
    t->changed += !rc;
    return rc == -EEXIST || rc == -ENOENT ? 0 : rc;
}

static struct trie trie_of(const struct beba_kernel *k, uint32_t set, bool add)
{
    unsigned bits = k->p->set[set].type.width;

    return (struct trie){.map = &k->set[set], .bits = bits, .bytes = (bits + 7) / 8, .add = add};
}

static int change(struct beba_kernel *k, uint32_t set, const struct beba_range *range, bool add,
                  uint64_t *changed)
{
    struct trie t = trie_of(k, set, add);
    int rc;

    *changed = 0;
    if (k->layout.set[set]) {
        rc = beba_kmap_map(&k->map[KMAP_SHARED], true);
        if (!rc)
            *changed = bits_set(bitmap(k, set), range, add);
        return rc;
    }
    if (t.map->fd < 0)
        return 0; /* the program never looks at it */
    rc = beba_range_prefixes(range, t.bits, trie_one, &t);
    *changed = t.changed;
    return rc;
}

int beba_kset_put(struct beba_kernel *k, uint32_t set, const struct beba_range *range)
{
    uint64_t changed;

    return change(k, set, range, true, &changed);
}

int beba_kset_drop(struct beba_kernel *k, uint32_t set, const struct beba_range *range)
{
    uint64_t changed;

    return change(k, set, range, false, &changed);
}

static int change_told(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                       bool add, struct beba_error *err)
{
    struct beba_strbuf value = {0};
    uint64_t changed;
    int rc;

    if (set >= k->p->n_sets)
        return beba_error_set(err, -ENOENT, "there is no set number %u", set);
    rc = change(k, set, range, add, &changed);
    if (!rc && !changed)
        rc = add ? -EEXIST : -ENOENT;
    if (rc) {
        beba_value_print(&value, k->p->set[set].type, range->lo);
        beba_error_set(err, rc, "%s %s", beba_strbuf_str(&value),
                       rc == -EEXIST   ? "is in the set already"
                       : rc == -ENOENT ? "is not in the set"
                       : rc == -ENOSPC ? "does not fit: the set is full"
                                       : strerror(-rc));
        beba_error_where(err, "set %s", k->p->set[set].name);
        beba_strbuf_free(&value);
    }
    return rc;
}

int beba_kernel_set_add(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return change_told(k, set, range, true, err);
}

int beba_kernel_set_del(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return change_told(k, set, range, false, err);
}

/* Reading -------------------------------------------------------------------------------------- */

struct ranges {
    struct beba_range *range;
    size_t n, cap;
};

static int append(struct ranges *r, struct beba_u128 lo, struct beba_u128 hi)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct beba_range *grown = realloc(r->range, cap * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        r->range = grown;
        r->cap = cap;
    }
    r->range[r->n++] = (struct beba_range){lo, hi};
    return 0;
}

static int read_bitmap(const uint8_t *bits, struct ranges *out)
{
    int rc = 0;

    for (uint64_t i = 0; i < 65536 && !rc; i++) {
        uint64_t first = i;

        if (!bit_is(bits, i))
            continue;
        while (i + 1 < 65536 && bit_is(bits, i + 1))
            i++;
        rc = append(out, beba_u128(0, first), beba_u128(0, i));
    }
    return rc;
}

static int read_trie(const struct trie *t, struct ranges *out)
{
    struct beba_object_prefix key, next;
    int rc = bpf_map_get_next_key(t->map->fd, NULL, &next);

    while (!rc) {
        struct beba_u128 lo = {0, 0};
        unsigned len;

        key = next;
        for (unsigned i = 0; i < t->bytes; i++) {
            lo.hi = lo.hi << 8 | lo.lo >> 56;
            lo.lo = lo.lo << 8 | key.value[i];
        }
        len = key.bits - (t->bytes * 8 - t->bits);
        rc = append(out, lo, either(lo, shift_left_ones(len > t->bits ? 0 : t->bits - len)));
        if (!rc)
            rc = bpf_map_get_next_key(t->map->fd, &key, &next);
    }
    return rc == -ENOENT ? 0 : rc;
}

static int by_value(const void *a, const void *b)
{
    const struct beba_range *x = a, *y = b;
    int c = beba_u128_cmp(x->lo, y->lo);

    return c ? c : beba_u128_cmp(x->hi, y->hi);
}

int64_t beba_kernel_set(struct beba_kernel *k, uint32_t set, struct beba_range **out,
                        struct beba_error *err)
{
    struct ranges r = {0};
    struct trie t;
    int rc = 0;

    *out = NULL;
    if (set >= k->p->n_sets)
        return beba_error_set(err, -ENOENT, "there is no set number %u", set);
    t = trie_of(k, set, false);
    if (bitmap(k, set))
        rc = read_bitmap(bitmap(k, set), &r);
    else if (t.map->fd >= 0)
        rc = read_trie(&t, &r);
    if (rc) {
        free(r.range);
        return beba_kernel_error(err, rc, "read a set");
    }
    if (r.n)
        qsort(r.range, r.n, sizeof(*r.range), by_value);
    *out = r.range;
    return (int64_t)r.n;
}
