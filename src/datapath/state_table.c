/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/state_table.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SECOND       1000000000ull
#define FLUSH_PERIOD (60 * SECOND)
enum { SWEEP_MOST = 4096 }; /* buckets of one step */

_Static_assert(sizeof(struct beba_state_regs) % 8 == 0, "registers are whole words");
_Static_assert(sizeof(struct beba_state_regs) <= BEBA_FT_REGS_MAX, "registers fit");

int beba_state_table_open(struct beba_state_table *t, const char *file, uint32_t key_len,
                          uint64_t capacity, const char *schema, struct beba_error *err)
{
    struct beba_ft_desc desc = {.key_size = key_len,
                                .regs_size = sizeof(struct beba_state_regs),
                                .n_states = 1,
                                .capacity = capacity,
                                .full = BEBA_FT_EVICT,
                                .schema = schema,
                                .zeroed = true};
    int rc = beba_ft_open(&t->region, file, &desc, &t->ft, err);

    if (rc == -ESTALE && file && !unlink(file)) /* of other scopes: what it holds means nothing */
        rc = beba_ft_open(&t->region, file, &desc, &t->ft, err);
    if (rc) {
        t->ft = NULL;
        return rc;
    }
    t->key_len = key_len;
    return 0;
}

void beba_state_table_close(struct beba_state_table *t)
{
    if (t->ft)
        beba_ft_close(&t->region);
    *t = (struct beba_state_table){0};
}

/* Timers ------------------------------------------------------------------------------------- */

static bool is_past(uint64_t now, uint64_t since, uint32_t timeout)
{
    return timeout && now > since && now - since > timeout * 1000ull;
}

static bool is_due(const struct beba_state_regs *r, uint64_t now)
{
    return is_past(now, r->written, r->hard_timeout) || is_past(now, r->looked_up, r->idle_timeout);
}

bool beba_state_apply(struct beba_state_regs *r, uint64_t now)
{
    if (__builtin_expect(!is_due(r, now), 1))
        return false;
    r->state = is_past(now, r->written, r->hard_timeout) ? r->hard_rollback : r->idle_rollback;
    r->hard_timeout = r->idle_timeout = r->hard_rollback = r->idle_rollback = 0;
    r->written = now;
    return true;
}

bool beba_state_write(struct beba_state_regs *r, const struct beba_state_change_of *c, uint64_t now)
{
    uint32_t state = (r->state & ~c->mask) | (c->state & c->mask);
    bool hard = c->hard_timeout && c->hard_rollback != state;
    bool idle = c->idle_timeout && c->idle_rollback != state;

    r->state = state;
    r->hard_timeout = hard ? c->hard_timeout : 0;
    r->hard_rollback = hard ? c->hard_rollback : 0;
    r->idle_timeout = idle ? c->idle_timeout : 0;
    r->idle_rollback = idle ? c->idle_rollback : 0;
    r->written = r->looked_up = now;
    return state || hard || idle;
}

/* One key ------------------------------------------------------------------------------------ */

static struct beba_state_regs *regs_of(const struct beba_ft *ft, struct beba_ft_entry *e)
{
    return e ? (struct beba_state_regs *)(void *)beba_ft_regs(ft, e) : NULL;
}

void beba_state_fetch(const struct beba_state_table *t, const union beba_state_key *key)
{
    const struct beba_ft *ft = t->ft;
    uint64_t hash = beba_ft_hash(ft, key->word);
    struct beba_ft_bucket *b = BEBA_FT_BUCKET(ft, ft->shape, beba_ft_first(ft, hash));

    beba_ft_fetch(b);
    beba_held_fetch(beba_ft_entry_at(b, ft->shape, beba_ft_home(hash)), ft->shape);
}

void beba_state_take(struct beba_state_hold *hold, struct beba_state_table *t,
                     const union beba_state_key *key, uint64_t now, bool create)
{
    struct beba_ft *ft = t->ft;

    hold->table = t;
    hold->key = key;
    hold->now = now;
    hold->hash = beba_ft_hash(ft, key->word);
    for (;;) {
        hold->held.arg = NULL;
        /* whoever has the lock is on its way and waits for nobody */
        while (beba_held_take(ft, ft->shape, key->word, hold->hash, create, &hold->held) !=
               BEBA_HELD_OK)
            ;
        hold->regs = regs_of(ft, hold->held.entry);
        if (!hold->regs || !beba_state_apply(hold->regs, now))
            return;
        BEBA_FT_COUNT(ft, ft->shape, expiries, 1);
        if (!t->deletes || hold->regs->state)
            return;
        beba_state_remove(hold);
        beba_state_release(hold);
    }
}

void beba_state_touch(struct beba_state_hold *hold)
{
    if (hold->regs && BEBA_FT_GET(&hold->held.entry->used) < hold->now)
        BEBA_FT_PUT(&hold->held.entry->used, hold->now);
}

bool beba_state_create(struct beba_state_hold *hold)
{
    struct beba_ft *ft = hold->table->ft;
    const uint32_t *key = hold->key->word;

    if (beba_held_room(ft, ft->shape, key, hold->hash, hold->now, &hold->held) != BEBA_HELD_OK ||
        beba_held_insert(ft, ft->shape, key, hold->hash, hold->now, &hold->held) != BEBA_HELD_OK)
        return false;
    hold->regs = regs_of(ft, hold->held.entry);
    if (!hold->regs)
        return false;
    hold->regs->written = hold->regs->looked_up = hold->now;
    return true;
}

void beba_state_remove(struct beba_state_hold *hold)
{
    struct beba_ft *ft = hold->table->ft;

    beba_held_remove(ft, ft->shape, hold->key->word, hold->hash, &hold->held);
    hold->regs = NULL;
}

void beba_state_release(struct beba_state_hold *hold)
{
    struct beba_ft *ft = hold->table->ft;

    beba_held_release(ft, ft->shape, hold->key->word, hold->hash, &hold->held);
}

/* All of them -------------------------------------------------------------------------------- */

/* An entry as copied. */
union copy {
    struct beba_ft_entry entry;
    uint64_t
        words[(sizeof(struct beba_ft_entry) + BEBA_OF_STATE_KEY + sizeof(struct beba_state_regs)) /
              8];
};

bool beba_state_next(struct beba_state_table *t, uint64_t *cursor, struct beba_state_copy *out)
{
    struct beba_ft *ft = t->ft;
    union copy copy = {0};
    uint64_t at;

    for (; (at = *cursor / BEBA_FT_SLOTS) < ft->n_buckets; *cursor = (at + 1) * BEBA_FT_SLOTS)
        if (beba_ft_match(BEBA_FT_BUCKET(ft, ft->shape, at), 0) != 0xffff)
            break; /* there is something in it */
    if (!beba_held_next(ft, cursor, &copy.entry))
        return false;
    out->key = (union beba_state_key){0};
    memcpy(out->key.byte, copy.entry.body, t->key_len);
    memcpy(&out->regs, regs_of(ft, &copy.entry), sizeof(out->regs));
    out->used = copy.entry.used;
    return true;
}

/* Nothing that a packet could tell from no entry, but for its variables; and nobody asked. */
static bool is_idle(const struct beba_state_regs *r, uint64_t used, uint64_t now)
{
    return !r->state && !r->hard_timeout && !r->idle_timeout && now > used &&
           now - used >= FLUSH_PERIOD;
}

static void flush(struct beba_state_table *t, const struct beba_state_copy *copy, uint64_t now)
{
    struct beba_state_hold hold;

    if (!is_due(&copy->regs, now) && !is_idle(&copy->regs, copy->used, now))
        return;
    beba_state_take(&hold, t, &copy->key, now, false);
    if (hold.regs && is_idle(&copy->regs, copy->used, now) && hold.held.entry->used == copy->used &&
        !memcmp(hold.regs, &copy->regs, sizeof(copy->regs)))
        beba_state_remove(&hold);
    beba_state_release(&hold);
}

void beba_state_sweep(struct beba_state_table *t, uint64_t now)
{
    uint64_t elapsed, buckets, cursor, end;
    struct beba_state_copy copy;

    if (!t->ft)
        return;
    if (!t->swept || now < t->swept)
        t->swept = now;
    elapsed = now - t->swept < FLUSH_PERIOD ? now - t->swept : FLUSH_PERIOD;
    buckets = t->ft->n_buckets * (elapsed / 1000) / (FLUSH_PERIOD / 1000);
    if (!buckets)
        return;
    t->swept = now - elapsed + buckets * (FLUSH_PERIOD / 1000) / t->ft->n_buckets * 1000;
    if (buckets > SWEEP_MOST) {
        buckets = SWEEP_MOST;
        t->swept = now;
    }
    if (t->sweep >= t->ft->n_buckets)
        t->sweep = 0;
    cursor = (uint64_t)t->sweep * BEBA_FT_SLOTS;
    end = cursor + buckets * BEBA_FT_SLOTS;
    while (cursor < end && beba_state_next(t, &cursor, &copy))
        flush(t, &copy, now);
    t->sweep = (uint32_t)((end / BEBA_FT_SLOTS) % t->ft->n_buckets);
}
