/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Joining a region that exists, and checking one. */
#include "base/error.h"
#include "state/ft_layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HINT_OTHER  "run the program that made the table, or remove its file to start empty"
#define HINT_BROKEN "remove the file to start empty, or restore a copy"

static int broken(struct beba_error *err, const char *what)
{
    beba_error_set(err, -EBADMSG, "the flow table is damaged: %s", what);
    beba_error_hint(err, HINT_BROKEN);
    return -EBADMSG;
}

static int differs(struct beba_error *err, const char *what, uint64_t is, uint64_t want)
{
    beba_error_set(err, -ESTALE,
                   "the flow table was made with %s %" PRIu64 ", the program has %" PRIu64, what,
                   is, want);
    beba_error_hint(err, HINT_OTHER);
    return -ESTALE;
}

/* Magic, version, and that the offsets are those of the sizes: after this nothing points outside.
 */
static int check_head(const struct beba_ft *ft, size_t size, struct beba_error *err)
{
    struct beba_ft_sizes sizes;
    struct beba_ft_layout layout;

    if (size < sizeof(*ft))
        return broken(err, "it is shorter than its header");
    if (ft->magic != BEBA_FT_MAGIC) {
        beba_error_set(err, -EINVAL, "this is not a flow table%s",
                       ft->magic == __builtin_bswap64(BEBA_FT_MAGIC)
                           ? " of this machine: its bytes are in the other order"
                           : "");
        beba_error_hint(err, "give another file name");
        return -EINVAL;
    }
    if (ft->version != BEBA_FT_VERSION) {
        beba_error_set(err, -EPROTO,
                       "the flow table has format version %u, this program uses version %d",
                       ft->version, BEBA_FT_VERSION);
        beba_error_hint(err, HINT_OTHER);
        return -EPROTO;
    }
    sizes = beba_ft_sizes_of(ft);
    if (beba_ft_layout(&sizes, &layout) || ft->n_buckets != layout.n_buckets ||
        memcmp(&ft->shape, &layout.shape, sizeof(ft->shape)) != 0 || ft->states != layout.states ||
        ft->regs_init != layout.regs_init || ft->schema != layout.schema ||
        ft->buckets != layout.buckets || ft->size != layout.size)
        return broken(err, "the sizes in its header do not agree");
    if (size < layout.size)
        return broken(err, "it is cut short");
    if (ft->check != beba_ft_checksum(ft) || ((const char *)ft)[ft->schema + ft->schema_size - 1])
        return broken(err, "its header has changed");
    if (ft->full != BEBA_FT_EVICT && ft->full != BEBA_FT_REFUSE)
        return broken(err, "its policy when full is unknown");
    return 0;
}

/* The timeouts without their periods, which follow from them. */
static bool same_timeouts(const struct beba_timeouts *a, const struct beba_timeouts *b)
{
    return a->idle == b->idle && a->hard == b->hard && (!a->idle || a->idle_to == b->idle_to) &&
           (!a->hard || a->hard_to == b->hard_to);
}

static int check_desc(const struct beba_ft *ft, const struct beba_ft_desc *desc,
                      struct beba_error *err)
{
    static const struct beba_timeouts none;
    const char *schema = desc->schema ? desc->schema : "";

    if (strcmp(beba_ft_schema(ft), schema) != 0) {
        beba_error_set(err, -ESTALE,
                       "the flow table was made for '%.160s', the program has '%.160s'",
                       beba_ft_schema(ft), schema);
        beba_error_hint(err, HINT_OTHER);
        return -ESTALE;
    }
    if (ft->key_size != desc->key_size)
        return differs(err, "a key size of", ft->key_size, desc->key_size);
    if (ft->regs_size != desc->regs_size)
        return differs(err, "a register size of", ft->regs_size, desc->regs_size);
    if (ft->n_states != desc->n_states)
        return differs(err, "a number of states of", ft->n_states, desc->n_states);
    if (ft->capacity != desc->capacity)
        return differs(err, "a capacity of", ft->capacity, desc->capacity);
    if (ft->full != desc->full) {
        beba_error_set(err, -ESTALE, "the flow table was made to %s when full, the program is not",
                       ft->full == BEBA_FT_EVICT ? "evict" : "refuse");
        beba_error_hint(err, HINT_OTHER);
        return -ESTALE;
    }
    for (uint32_t i = 0; i < desc->n_states; i++)
        if (!same_timeouts(&beba_ft_states(ft)[i], desc->states ? &desc->states[i] : &none)) {
            beba_error_set(err, -ESTALE, "the flow table was made with other timeouts of state %u",
                           i);
            beba_error_hint(err, HINT_OTHER);
            return -ESTALE;
        }
    for (uint32_t i = 0; i < desc->regs_size; i++) {
        uint8_t want = desc->regs_init ? ((const uint8_t *)desc->regs_init)[i] : 0;

        if (BEBA_FT_REGS_INIT(ft, ft->shape)[i] != want) {
            beba_error_set(err, -ESTALE,
                           "the flow table was made with other initial registers (byte %u)", i);
            beba_error_hint(err, HINT_OTHER);
            return -ESTALE;
        }
    }
    return 0;
}

/* Brings back what a killed writer was overwriting. */
static int undo(struct beba_ft *ft, struct beba_error *err)
{
    struct beba_ft_undo *u = &ft->undo;
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    uint64_t offset = u->entry - BEBA_FT_UNDO_MARK, in_bucket;
    struct beba_ft_entry *e;

    if (!u->entry)
        return 0;
    if (offset < ft->buckets || offset >= ft->size || u->state >= ft->n_states)
        return broken(err, "its undo record is not one");
    in_bucket = (offset - ft->buckets) % shape.bucket_size;
    if (in_bucket < sizeof(struct beba_ft_bucket) ||
        (in_bucket - sizeof(struct beba_ft_bucket)) % shape.stride)
        return broken(err, "its undo record is not one");
    e = (struct beba_ft_entry *)(void *)((uint8_t *)ft + offset);
    e->used = u->used;
    e->entered = u->entered;
    e->state = u->state;
    beba_ft_copy(beba_ft_regs(ft, e), u->regs, shape.regs_size);
    BEBA_FT_BARRIER();
    u->entry = 0;
    return 0;
}

/* Where a key is: 0 = its first bucket, 1 = its second, 2 = beyond, -1 = where it cannot be found.
 */
static int place_of(const struct beba_ft *ft, uint64_t hash, uint32_t at)
{
    uint32_t second = beba_ft_second(ft, hash);

    if (at == beba_ft_first(ft, hash))
        return 0;
    if (at == second)
        return 1;
    return (at > second ? at - second : at + (uint64_t)ft->n_buckets - second) <= BEBA_FT_BEYOND
               ? 2
               : -1;
}

static int check_entry(const struct beba_ft *ft, struct beba_ft_shape shape, uint32_t at,
                       const struct beba_ft_entry *e, uint16_t tag, struct beba_error *err)
{
    uint32_t padded = beba_ft_pad8(ft->key_size);
    uint64_t hash = beba_ft_hash_entry(ft, shape, e);

    for (uint32_t i = ft->key_size; i < padded; i++)
        if (e->body[i])
            return broken(err, "a key is not padded with zeros");
    if (e->state >= ft->n_states)
        return broken(err, "an entry is in a state that does not exist");
    if (tag != beba_ft_tag(hash))
        return broken(err, "a tag is not that of its key");
    if (place_of(ft, hash, at) < 0)
        return broken(err, "a key is in a bucket that is not its own");
    return 0;
}

/* What lies in the buckets. */
struct tally {
    uint64_t count, displaced, beyond;
};

/* Checks every entry by itself and counts them; with fix, which must be the table with displaced
 * and beyond cleared, sets those. */
static int check_entries(const struct beba_ft *ft, struct beba_ft *fix, struct tally *tally,
                         struct beba_error *err)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);

    *tally = (struct tally){0};
    for (uint32_t i = 0; i < ft->n_buckets; i++) {
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, i);

        for (uint32_t slot = 0; slot < BEBA_FT_SLOTS; slot++) {
            const struct beba_ft_entry *e = beba_ft_entry_at(b, shape, slot);
            uint64_t hash;
            int rc, place;

            if (!b->tag[slot])
                continue;
            rc = check_entry(ft, shape, i, e, b->tag[slot], err);
            if (rc)
                return rc;
            hash = beba_ft_hash_entry(ft, shape, e);
            place = place_of(ft, hash, i);
            tally->count++;
            tally->displaced += place > 0;
            tally->beyond += place > 1;
            if (fix)
                beba_ft_strayed(fix, shape, b, hash, 1);
        }
    }
    return 0;
}

int beba_ft_join(void *mem, size_t size, const struct beba_ft_desc *desc, struct beba_ft **out,
                 struct beba_error *err)
{
    struct beba_ft *ft = mem;
    struct beba_ft_shape shape;
    struct tally tally;
    int rc;

    if ((uintptr_t)mem % 64)
        return beba_error_set(err, -EINVAL, "a flow table is aligned to 64 bytes");
    rc = check_head(ft, size, err);
    if (!rc && desc)
        rc = check_desc(ft, desc, err);
    if (!rc)
        rc = undo(ft, err);
    if (rc)
        return rc;
    shape = beba_ft_shape_of(ft);
    for (uint32_t i = 0; i < ft->n_buckets; i++) {
        struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, shape, i);

        b->displaced = b->beyond = b->lock = 0;
    }
    rc = check_entries(ft, ft, &tally, err);
    if (rc)
        return rc;
    if (tally.count > ft->capacity)
        return broken(err, "it holds more entries than its capacity");
    ft->count = tally.count;
    ft->undo_off = ft->lock = 0;
    *out = ft;
    return 0;
}

int beba_ft_verify(const struct beba_ft *ft, struct beba_error *err)
{
    struct beba_ft_shape shape = beba_ft_shape_of(ft);
    struct tally tally;
    uint64_t displaced = 0, beyond = 0, cursor = 0;
    struct beba_ft *walk = (struct beba_ft *)(uintptr_t)ft; /* next and peek change nothing */
    struct beba_ft_entry *e;
    int rc = check_head(ft, ft->size, err);

    if (!rc)
        rc = check_entries(ft, NULL, &tally, err);
    if (rc)
        return rc;
    if (ft->undo.entry)
        return broken(err, "a change is half done");
    if (tally.count != ft->count)
        return broken(err, "its count of entries is wrong");
    if (tally.count > ft->capacity)
        return broken(err, "it holds more entries than its capacity");
    for (uint32_t i = 0; i < ft->n_buckets; i++) {
        displaced += BEBA_FT_BUCKET(ft, shape, i)->displaced;
        beyond += BEBA_FT_BUCKET(ft, shape, i)->beyond;
    }
    if (displaced != tally.displaced || beyond != tally.beyond)
        return broken(err, "its count of keys outside their first buckets is wrong");
    while ((e = beba_ft_next(walk, &cursor))) {
        const uint32_t *key = (const uint32_t *)(const void *)e->body;

        if (beba_ft_peek(walk, key, beba_ft_hash(ft, key)) != e)
            return broken(err, "a key is there twice, or cannot be found");
    }
    return 0;
}
