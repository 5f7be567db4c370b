/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking at an engine, and changing its sets. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "engine/held.h"

const char *beba_reason_name(enum beba_reason reason)
{
    static const char *const names[BEBA_N_REASONS] = {
        [BEBA_REASON_RULE] = "rule",
        [BEBA_REASON_DEFAULT] = "default",
        [BEBA_REASON_NO_KEY] = "no key",
        [BEBA_REASON_FULL] = "table full",
        [BEBA_REASON_END] = "end of the program",
        [BEBA_REASON_BUSY] = "busy",
    };

    return reason < BEBA_N_REASONS ? names[reason] : "unknown";
}

const struct beba_pipeline *beba_engine_pipeline(const struct beba_engine *e)
{
    return e->p;
}

uint64_t beba_engine_global(const struct beba_engine *e, uint32_t global, struct beba_u128 *out)
{
    struct beba_u128 v = {0, 0};

    if (global < e->p->n_globals)
        v = global_load(e, global);
    if (out)
        *out = v;
    return v.lo;
}

uint64_t beba_engine_cell(const struct beba_engine *e, uint32_t array, uint64_t row,
                          uint64_t column)
{
    const struct array *a;

    if (array >= e->p->n_arrays)
        return 0;
    a = &e->array[array];
    return cell_load(a, array_index(a, row, column));
}

/* Flows -------------------------------------------------------------------------------------- */

static uint64_t next_deadline(const struct beba_timeouts *t, uint64_t entered, uint64_t used)
{
    uint64_t hard = t->hard && entered + t->hard >= t->hard ? entered + t->hard : 0;
    uint64_t idle = t->idle && used + t->idle >= t->idle ? used + t->idle : 0;

    if (!hard || !idle)
        return hard | idle;
    return hard < idle ? hard : idle;
}

/* When an entry was made, which it remembers in 31 bits of 2^24 ns: 417 days, then over again. Of
 * all times that look alike it is the last before now, or one just after it (clocks go back, too).
 */
static uint64_t born(uint32_t birth, uint64_t now)
{
    enum { WRAP = 1u << 31, AHEAD = 1 << 20 }; /* ahead: 4.9 hours */
    uint64_t units = now >> 24, ago = (units - (birth >> 1)) & (WRAP - 1);

    if (ago >= WRAP - AHEAD)
        return (units + WRAP - ago) << 24;
    return ago < units ? (units - ago) << 24 : 0;
}

bool beba_flow_of_entry(const struct beba_ft *ft, uint32_t table, struct beba_ft_entry *entry,
                        uint64_t now, struct beba_flow *out)
{
    struct beba_seen seen = {.state = entry->state, .entered = entry->entered, .used = entry->used};

    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
    if (beba_ft_is_over(ft, &seen))
        return false;
    *out = (struct beba_flow){
        .table = table,
        .key = beba_ft_key(ft, entry),
        .state = seen.state,
        .entered = seen.entered,
        .used = seen.used,
        .born = born(entry->birth, now),
        .backward = entry->birth & 1,
    };
    if (seen.state < ft->n_states)
        out->deadline = next_deadline(&beba_ft_states(ft)[seen.state], seen.entered, seen.used);
    memcpy(out->regs, beba_ft_regs(ft, entry), ft->regs_size);
    return true;
}

static bool view(const struct table *t, struct beba_ft_entry *entry, uint64_t now,
                 struct beba_flow *out)
{
    return beba_flow_of_entry(t->ft, t->code->id, entry, now, out);
}

bool beba_engine_next_flow(struct beba_engine *e, uint32_t table, uint64_t now, uint64_t *cursor,
                           struct beba_flow *out)
{
    struct beba_ft_entry *entry;

    if (table >= e->p->n_tables || !e->table[table].ft)
        return false;
    for (;;) {
        if (!e->several)
            entry = beba_ft_next(e->table[table].ft, cursor);
        else
            entry =
                beba_held_walk(&e->table[table], cursor, &e->copy->entry) ? &e->copy->entry : NULL;
        if (!entry || view(&e->table[table], entry, now, out))
            return entry != NULL;
    }
}

static void init_flow(const struct table *t, struct beba_flow *out)
{
    const struct beba_table *source = t->code->source;

    *out = (struct beba_flow){.table = t->code->id};
    if (source->regs_size)
        memcpy(out->regs, source->regs_init, source->regs_size);
}

bool beba_engine_flow_of_key(struct beba_engine *e, uint32_t table, const void *key, uint64_t now,
                             struct beba_flow *out)
{
    struct beba_ft_entry *entry;
    const struct table *t;
    struct flow_key padded = {0};

    if (table >= e->p->n_tables || !e->table[table].ft)
        return false;
    t = &e->table[table];
    memcpy(padded.word, key, t->ft->key_size);
    padded.hash = beba_ft_hash(t->ft, padded.word);
    if (e->several)
        entry = beba_held_copy(t, &padded, &e->copy->entry) ? &e->copy->entry : NULL;
    else
        entry = beba_ft_peek(t->ft, padded.word, padded.hash);
    if (entry && view(t, entry, now, out))
        return true;
    init_flow(t, out);
    return false;
}

bool beba_engine_find_flow(struct beba_engine *e, uint32_t table, const struct beba_packet *packet,
                           struct beba_flow *out)
{
    struct flow_key key;

    if (table >= e->p->n_tables || !e->table[table].ft ||
        !key_take(&e->table[table].code->lookup, packet, &key))
        return false;
    return beba_engine_flow_of_key(e, table, key.word, packet->now, out);
}

_Static_assert(offsetof(struct beba_flow, regs) % 8 == 0, "registers are read in place");

struct beba_u128 beba_flow_reg(const struct beba_table *t, const struct beba_flow *flow,
                               uint32_t reg)
{
    const uint8_t *at = flow->regs + t->reg[reg].offset;
    struct beba_u128 wide;

    switch (t->reg[reg].size) {
    case 1:
        return beba_u128(0, *at);
    case 2:
        return beba_u128(0, *(const uint16_t *)(const void *)at);
    case 4:
        return beba_u128(0, *(const uint32_t *)(const void *)at);
    case 8:
        memcpy(&wide.lo, at, 8);
        return beba_u128(0, wide.lo);
    default:
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
}

/* Sets --------------------------------------------------------------------------------------- */

static int set_error(const struct beba_engine *e, uint32_t set, const struct beba_range *range,
                     int rc, struct beba_error *err)
{
    static const struct {
        int rc;
        const char *what;
    } texts[] = {
        {-EEXIST, "is in the set already"},
        {-ENOENT, "is not in the set"},
        {-ENOSPC, "does not fit: the set is full"},
        {-ENOMEM, "does not fit: out of memory"},
    };
    struct beba_strbuf value = {0};

    beba_value_print(&value, e->p->set[set].type, range->lo);
    for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].rc == rc)
            beba_error_set(err, rc, "%s %s", beba_strbuf_str(&value), texts[i].what);
    beba_error_where(err, "set %s", e->p->set[set].name);
    beba_strbuf_free(&value);
    return rc;
}

static int no_set(uint32_t set, struct beba_error *err)
{
    return beba_error_set(err, -ENOENT, "there is no set number %" PRIu32, set);
}

/* A change, after which no handle reads what was there before. */
static int change_set(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                      int (*change)(struct set *s, const struct beba_range *range),
                      struct beba_error *err)
{
    int rc;

    if (set >= e->p->n_sets)
        return no_set(set, err);
    pthread_mutex_lock(&e->shared->lock);
    rc = change(&e->set[set], range);
    if (!rc && e->several)
        beba_engine_wait(e->shared);
    pthread_mutex_unlock(&e->shared->lock);
    return rc ? set_error(e, set, range, rc, err) : 0;
}

int beba_engine_set_add(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return change_set(e, set, range, beba_set_add, err);
}

int beba_engine_set_del(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return change_set(e, set, range, beba_set_del, err);
}

const struct beba_range *beba_engine_set_elements(const struct beba_engine *e, uint32_t set,
                                                  uint32_t *n)
{
    *n = 0;
    if (set >= e->p->n_sets)
        return NULL;
    *n = e->set[set].n_elements;
    return e->set[set].element;
}

/* Events ------------------------------------------------------------------------------------- */

static const char *state_name(const struct beba_table *t, uint32_t state)
{
    return state < t->n_states && t->state[state].name ? t->state[state].name : "?";
}

static void print_notice(struct beba_strbuf *out, const struct beba_pipeline *p,
                         const struct beba_event *event)
{
    const struct beba_notice *notice = &p->notice[event->notice];

    beba_strbuf_printf(out, "notify \"%s\"", notice->text);
    for (unsigned i = 0; i < event->n_args; i++) {
        beba_strbuf_printf(out, "%s %s=", i ? "," : "", notice->arg_name[i]);
        beba_value_print(out, notice->arg_type[i], event->arg[i]);
    }
}

void beba_event_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                      const struct beba_event *event)
{
    const struct beba_table *t = &p->table[event->table];

    beba_strbuf_printf(out, "%" PRIu64 ".%09u %s ", (uint64_t)(event->time / BEBA_NS_PER_SEC),
                       (unsigned)(event->time % BEBA_NS_PER_SEC), t->name);
    switch ((enum beba_event_kind)event->kind) {
    case BEBA_EVENT_NOTIFY:
        print_notice(out, p, event);
        break;
    case BEBA_EVENT_ENTERED:
        beba_strbuf_printf(out, "entered %s from %s", state_name(t, event->to),
                           state_name(t, event->from));
        break;
    case BEBA_EVENT_EXPIRED:
        beba_strbuf_printf(out, "%s expired to %s", state_name(t, event->from),
                           state_name(t, event->to));
        break;
    case BEBA_EVENT_EVICTED:
        beba_strbuf_printf(out, "evicted in %s", state_name(t, event->from));
        break;
    }
    if (!event->key_size)
        return;
    beba_strbuf_puts(out, " [");
    beba_key_print(out, t->two_keys && event->kind == BEBA_EVENT_ENTERED ? &t->update : &t->lookup,
                   event->key);
    beba_strbuf_putc(out, ']');
}
