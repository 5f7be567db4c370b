/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Making an engine, and running batches through it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/hash.h"
#include "engine/held.h"
#include "engine/tracer.h"
#include "engine/uses.h"

enum {
    EVENTS_DEFAULT = 4096,
    MIRROR_BYTES_DEFAULT = 1 << 20,
    MIRROR_BYTES_MIN = 64, /* of a copy, to size the list of copies */
    AHEAD = 4,             /* packets whose first bytes are asked for before they are parsed */
    /* Packets whose entries are asked for before they are run, with one early table and with
     * several. More at once than a core can wait for are forgotten. */
    ENTRIES_AHEAD = 16,
    ENTRIES_AHEAD_MORE = 4,
};

/* Making ------------------------------------------------------------------------------------- */

static void fixed_secret(uint64_t seed, uint32_t table, uint8_t out[32])
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = beba_splitmix64(seed ^ beba_splitmix64(table * 4ull + i));

        memcpy(out + i * 8, &v, 8);
    }
}

/* Tables of this process with one key have one secret: one hash serves them all. */
static int table_secret(struct shared *s, const struct beba_engine_opts *opts, uint32_t i,
                        struct beba_error *err)
{
    struct table *t = &s->table[i];
    uint32_t twin = t->code->twin;

    if (twin != i) {
        memcpy(t->secret, s->table[twin].secret, sizeof(t->secret));
        t->keys = s->table[twin].keys;
    } else if (opts->fixed_seed) {
        fixed_secret(opts->seed, i, t->secret);
    } else if (getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret)) {
        return beba_error_set(err, -EIO, "cannot get random bytes");
    }
    return 0;
}

static char *table_path(const char *state_dir, const struct beba_table *t)
{
    char *path;

    if (!state_dir)
        return NULL;
    return asprintf(&path, "%s/%s.ft", state_dir, t->name) < 0 ? NULL : path;
}

static int make_table(struct shared *s, const struct beba_engine_opts *opts, uint32_t i,
                      struct beba_error *err)
{
    const struct beba_table *source = &s->p->table[i];
    struct table *t = &s->table[i];
    struct beba_strbuf schema = {0};
    struct beba_ft_desc desc = {
        .key_size = source->lookup.size,
        .regs_size = source->regs_size,
        .regs_init = source->regs_init,
        .states = source->timeouts,
        .n_states = source->n_states,
        .capacity = opts->capacity ? opts->capacity : source->capacity,
        .full = source->full == BEBA_FULL_EVICT ? BEBA_FT_EVICT : BEBA_FT_REFUSE,
    };
    char *path = NULL;
    int rc;

    t->keys = t->code->early ? i * BEBA_BATCH : 0;
    if (source->lookup.kind == BEBA_KEY_NONE)
        return 0;
    beba_table_schema(&schema, source);
    path = table_path(opts->state_dir, source);
    if (schema.failed || (opts->state_dir && !path)) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    desc.schema = beba_strbuf_str(&schema);
    rc = beba_ft_open(&t->region, path, &desc, &t->ft, err);
    if (!rc && !path)
        rc = table_secret(s, opts, i, err);
    if (!rc && !path) {
        rc = beba_ft_new(t->region.mem, t->region.size, &desc, t->secret, &t->ft, err);
        if (!rc)
            t->ft->undo_off = 1;
    }
    if (rc && err && !err->where[0])
        beba_error_where(err, "machine %s", source->name);
out:
    free(path);
    beba_strbuf_free(&schema);
    return rc;
}

static int make_array(struct array *out, const struct beba_array *source)
{
    unsigned width = source->type.width;

    out->size = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
    out->rows = source->rows ? source->rows : 1;
    out->columns = source->columns ? source->columns : 1;
    out->cell = calloc(out->rows * out->columns, out->size);
    return out->cell ? 0 : -ENOMEM;
}

static void *room(struct beba_arena *arena, size_t n, size_t size)
{
    return beba_arena_array(arena, n ? n : 1, size);
}

/* All but the flow tables. */
static int make_parts(struct shared *s)
{
    const struct beba_pipeline *p = s->p;
    const struct code_table *code = beba_code_new(&s->arena, p, &s->headers);
    int rc = 0;

    s->table = room(&s->arena, p->n_tables, sizeof(*s->table));
    s->global = room(&s->arena, p->n_globals, sizeof(*s->global));
    s->array = room(&s->arena, p->n_arrays, sizeof(*s->array));
    s->set = room(&s->arena, p->n_sets, sizeof(*s->set));
    if (!code || !s->table || !s->global || !s->array || !s->set)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_tables; i++) {
        s->table[i].code = &code[i];
        s->table[i].region.fd = -1;
        s->table[i].odd = code[i].sure_layers == NEVER ||
                          (p->table[i].lookup.kind != BEBA_KEY_NONE && !code[i].early);
    }
    for (uint32_t i = 0; i < p->n_globals; i++)
        s->global[i] = p->global[i].init;
    for (uint32_t i = 0; i < p->n_arrays && !rc; i++)
        rc = make_array(&s->array[i], &p->array[i]);
    for (uint32_t i = 0; i < p->n_sets && !rc; i++)
        rc = beba_set_init(&s->set[i], p->set[i].range, p->set[i].n_ranges);
    return rc;
}

static void list_early(struct beba_engine *e)
{
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct table *t = &e->table[i];
        struct early early = {t, t->ft, t->keys, t->code->two_keys};

        if (!t->code->early)
            continue;
        e->early[e->n_early++] = early;
        if (t->keys == i * BEBA_BATCH)
            e->taken[e->n_taken++] = early;
    }
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if (e->shared->headers >> i & 1)
            e->header[e->n_headers++] = (uint8_t)i;
}

static int make_handle(struct beba_engine *e)
{
    const struct beba_pipeline *p = e->p;

    e->events.cap = e->opts.events ? e->opts.events : EVENTS_DEFAULT;
    e->mirrors.size = e->opts.mirror_bytes ? e->opts.mirror_bytes : MIRROR_BYTES_DEFAULT;
    e->mirrors.cap = e->mirrors.size / MIRROR_BYTES_MIN + 1;
    e->rule = room(&e->arena, p->n_rules, sizeof(*e->rule));
    e->counter = room(&e->arena, p->n_counters, sizeof(*e->counter));
    e->counts = room(&e->arena, p->n_tables, sizeof(*e->counts));
    e->events.event = room(&e->arena, e->events.cap, sizeof(*e->events.event));
    e->mirrors.mirror = room(&e->arena, e->mirrors.cap, sizeof(*e->mirrors.mirror));
    e->mirrors.bytes = room(&e->arena, e->mirrors.size, 1);
    e->copy = room(&e->arena, 1, sizeof(*e->copy));
    if (!e->rule || !e->counter || !e->counts || !e->events.event || !e->mirrors.mirror ||
        !e->mirrors.bytes || !e->copy)
        return -ENOMEM;
    list_early(e);
    return 0;
}

int beba_handle_new(struct shared *s, const struct beba_engine_opts *opts, struct beba_engine **out,
                    struct beba_error *err)
{
    /* Apart from what other threads write. */
    struct beba_engine *e = aligned_alloc(64, (sizeof(*e) + 63) / 64 * 64);
    int rc;

    if (!e)
        return beba_error_set(err, -ENOMEM, "out of memory");
    memset(e, 0, sizeof(*e));
    e->p = s->p;
    e->table = s->table;
    e->global = s->global;
    e->array = s->array;
    e->set = s->set;
    e->shared = s;
    e->opts = *opts;
    e->opts.state_dir = NULL; /* the caller's, and only of use so far */
    rc = make_handle(e);
    if (rc) {
        beba_arena_free(&e->arena);
        free(e);
        return beba_error_set(err, rc, "out of memory for the engine");
    }
    e->first_number = (uint64_t)s->n_made++ << 48;
    e->next = s->first;
    s->first = e;
    s->n_handles++;
    *out = e;
    return 0;
}

static void free_shared(struct shared *s)
{
    for (uint32_t i = 0; s->table && i < s->p->n_tables; i++)
        if (s->table[i].code)
            beba_ft_close(&s->table[i].region);
    for (uint32_t i = 0; s->array && i < s->p->n_arrays; i++)
        free(s->array[i].cell);
    for (uint32_t i = 0; s->set && i < s->p->n_sets; i++)
        beba_set_free(&s->set[i]);
    pthread_mutex_destroy(&s->lock);
    beba_arena_free(&s->arena);
    free(s);
}

int beba_engine_new(const struct beba_pipeline *p, const struct beba_engine_opts *opts,
                    struct beba_engine **out, struct beba_error *err)
{
    static const struct beba_engine_opts none;
    struct shared *s = calloc(1, sizeof(*s));
    int rc;

    *out = NULL;
    if (!s)
        return beba_error_set(err, -ENOMEM, "out of memory");
    if (!opts)
        opts = &none;
    s->p = p;
    pthread_mutex_init(&s->lock, NULL);
    rc = make_parts(s);
    if (rc)
        beba_error_set(err, rc, "out of memory for the engine");
    for (uint32_t i = 0; i < p->n_tables && !rc; i++)
        rc = make_table(s, opts, i, err);
    if (!rc)
        rc = beba_handle_new(s, opts, out, err);
    if (rc)
        free_shared(s);
    return rc;
}

void beba_engine_free(struct beba_engine *e)
{
    struct beba_engine **place;
    struct shared *s;
    bool last;

    if (!e)
        return;
    s = e->shared;
    pthread_mutex_lock(&s->lock);
    for (place = &s->first; *place != e; place = &(*place)->next)
        ;
    *place = e->next;
    last = !--s->n_handles;
    pthread_mutex_unlock(&s->lock);
    beba_arena_free(&e->arena);
    free(e);
    if (last)
        free_shared(s);
}

/* Running ------------------------------------------------------------------------------------ */

/* The keys of one packet in the early tables. */
BEBA_INLINE void take_keys(const struct beba_engine *e, const struct beba_packet *p,
                           struct table_keys *keys)
{
    for (uint32_t i = 0; i < e->n_taken; i++)
        table_keys_take(e->taken[i].table, p, &keys[e->taken[i].keys]);
}

BEBA_INLINE void prefetch_tags(const struct beba_engine *e, const struct table_keys *keys)
{
    for (uint32_t i = 0; i < e->n_early; i++) {
        const struct early *t = &e->early[i];
        const struct table_keys *own = &keys[t->keys];

        if (!own->has)
            continue;
        beba_ft_prefetch(t->ft, own->lookup.hash);
        if (t->two_keys)
            beba_ft_prefetch(t->ft, own->update.hash);
    }
}

BEBA_INLINE void prefetch_entries(const struct beba_engine *e, const struct table_keys *keys)
{
    for (uint32_t i = 0; i < e->n_early; i++) {
        const struct early *t = &e->early[i];
        const struct table_keys *own = &keys[t->keys];

        if (!own->has)
            continue;
        beba_ft_prefetch_entry(t->ft, own->lookup.hash);
        if (t->two_keys)
            beba_ft_prefetch_entry(t->ft, own->update.hash);
    }
}

BEBA_INLINE void run_batch(struct beba_engine *e, struct beba_packet *const *packets, unsigned n,
                           struct beba_result *results, bool several)
{
    struct table_keys keys[EARLY_TABLES * BEBA_BATCH];
    unsigned ahead = e->n_early > 1 ? ENTRIES_AHEAD_MORE : ENTRIES_AHEAD;
    unsigned tags_ahead = 2 * ahead; /* they must be there when entries are asked for */

    for (unsigned i = 0; i < n; i++) {
        if (i + AHEAD < n)
            __builtin_prefetch(packets[i + AHEAD]->data);
        beba_packet_parse(packets[i]);
        take_keys(e, packets[i], &keys[i]);
        if (i < tags_ahead)
            prefetch_tags(e, &keys[i]);
    }
    for (unsigned i = 0; i < ahead && i < n; i++)
        prefetch_entries(e, &keys[i]);
    for (unsigned i = 0; i < n; i++) {
        if (i + tags_ahead < n)
            prefetch_tags(e, &keys[i + tags_ahead]);
        if (i + ahead < n)
            prefetch_entries(e, &keys[i + ahead]);
        if (several)
            beba_exec_packet_shared(e, packets[i], &keys[i], &results[i]);
        else
            beba_exec_packet(e, packets[i], &keys[i], &results[i]);
    }
}

void beba_engine_run(struct beba_engine *e, struct beba_packet *const *packets, unsigned n,
                     struct beba_result *results)
{
    bool several = e->several;

    engine_enter(e);
    if (e->code && !(several && e->code->lone)) {
        e->code->run(&e->native, packets, n, results);
        engine_leave(e);
        return;
    }
    for (unsigned i = 0; i < n; i += BEBA_BATCH) {
        unsigned some = n - i < BEBA_BATCH ? n - i : BEBA_BATCH;

        if (__builtin_expect(several, 0))
            run_batch(e, packets + i, some, results + i, true);
        else
            run_batch(e, packets + i, some, results + i, false);
    }
    engine_leave(e);
}

void beba_engine_run_traced(struct beba_engine *e, struct beba_packet *packet,
                            struct beba_result *result, struct tracer *tracer)
{
    struct table_keys keys[EARLY_TABLES * BEBA_BATCH];

    engine_enter(e);
    beba_tracer_reset(tracer);
    beba_packet_parse(packet);
    take_keys(e, packet, keys);
    beba_tracer_packet(tracer, e, packet);
    if (e->several)
        beba_exec_packet_traced_shared(e, packet, keys, result, tracer);
    else
        beba_exec_packet_traced(e, packet, keys, result, tracer);
    engine_leave(e);
    beba_tracer_end(tracer, e, result);
}

/* What packets leave behind ------------------------------------------------------------------- */

struct beba_event *beba_event_new(struct beba_engine *e, enum beba_event_kind kind, uint64_t time,
                                  uint32_t table)
{
    struct event_ring *r = &e->events;
    struct beba_event *event;

    if (r->last - __atomic_load_n(&r->first, __ATOMIC_ACQUIRE) == r->cap) {
        bump(&e->stats.events_lost);
        return NULL;
    }
    event = &r->event[r->last++ % r->cap];
    memset(event, 0, offsetof(struct beba_event, key));
    event->time = time;
    event->kind = (uint8_t)kind;
    event->table = table;
    event->rule = NO_RULE;
    return event;
}

void beba_event_key(const struct beba_engine *e, struct beba_event *event, const void *key)
{
    const struct beba_key *lookup = &e->p->table[event->table].lookup;

    event->key_size = lookup->size;
    memcpy(event->key, key, lookup->size);
}

void beba_event_expired(struct beba_engine *e, uint32_t table, const struct beba_ft_entry *entry,
                        uint32_t to, uint64_t deadline)
{
    struct beba_event *event;

    if (!e->opts.all_events)
        return;
    event = beba_event_new(e, BEBA_EVENT_EXPIRED, deadline, table);
    if (!event)
        return;
    event->from = entry->state;
    event->to = to;
    beba_event_key(e, event, entry->body);
}

void beba_mirror_add(struct beba_engine *e, const struct beba_packet *p, uint32_t port)
{
    struct mirror_list *m = &e->mirrors;
    uint8_t *copy = m->bytes + m->used;

    if (m->n == m->cap || p->len > m->size - m->used) {
        bump(&e->stats.mirrors_lost);
        return;
    }
    memcpy(copy, p->data, p->len);
    m->used += p->len;
    m->mirror[m->n++] =
        (struct beba_mirror){.port = port, .len = p->len, .wire_len = p->wire_len, .data = copy};
}

const struct beba_mirror *beba_engine_mirrors(const struct beba_engine *e, uint32_t *n)
{
    *n = e->mirrors.n;
    return e->mirrors.mirror;
}

struct sweep {
    struct beba_engine *e;
    uint32_t table;
};

static void swept(void *arg, const struct beba_ft_expiry *expiry)
{
    struct sweep *s = arg;

    beba_event_expired(s->e, s->table, expiry->entry, expiry->to, expiry->deadline);
}

uint64_t beba_engine_sweep(struct beba_engine *e, uint32_t n_buckets, uint64_t now)
{
    uint64_t freed = 0;

    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        struct sweep s = {e, i};

        if (!e->table[i].ft)
            continue;
        freed += e->several ? beba_held_expire(e, i, n_buckets, now)
                            : beba_ft_sweep(e->table[i].ft, n_buckets, now, swept, &s);
    }
    engine_publish(e);
    return freed;
}
