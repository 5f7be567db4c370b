/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking into a data plane of the public API, and changing its sets. */
#include "lib/lib.h"

#include "lang/lang.h"
#include "pipeline/print.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(BEBA_N_VERDICTS <= sizeof((struct beba_totals){0}.verdict) / sizeof(uint64_t),
              "room for verdicts");
static_assert(BEBA_N_REASONS <= sizeof((struct beba_totals){0}.reason) / sizeof(uint64_t),
              "room for reasons");
static_assert((int)BEBA_MAX_NOTIFY_ARGS <= (int)NAMED_MAX, "room for the fields of a notice");

/* --- texts of the last look ---------------------------------------------------------------- */

static void look(struct beba_dp *dp)
{
    if (dp->text.failed)
        beba_strbuf_free(&dp->text);
    beba_strbuf_clear(&dp->text);
    dp->n_named = 0;
}

/* Ends a piece of text; what follows is another. */
static void end_piece(struct beba_dp *dp)
{
    beba_strbuf_putc(&dp->text, '\0');
}

static void add_named(struct beba_dp *dp, const char *name, struct beba_type type,
                      struct beba_u128 v)
{
    uint32_t i = dp->n_named++;

    dp->named_at[i] = dp->text.len;
    dp->named[i] = (struct beba_named){.name = name, .high = v.hi, .low = v.lo, .bits = type.width};
    beba_value_print(&dp->text, type, v);
    end_piece(dp);
}

/* No piece is added after this. */
static int looked(struct beba_dp *dp)
{
    if (dp->text.failed)
        return -ENOMEM;
    for (uint32_t i = 0; i < dp->n_named; i++)
        dp->named[i].text = dp->text.s + dp->named_at[i];
    return 0;
}

static const char *state_name(const struct beba_table *t, uint32_t state)
{
    return NAME_AT(t->state, t->n_states, state);
}

/* --- flows --------------------------------------------------------------------------------- */

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static int tell_flow(struct beba_dp *dp, const struct beba_flow *f, uint64_t now,
                     struct beba_flow_info *out)
{
    const struct beba_table *t = &dp->p->table[f->table];
    struct beba_flow_info info = {
        .machine = t->name,
        .state = state_name(t, f->state),
        .age = since(now, f->born),
        .in_state = since(now, f->entered),
        .idle = since(now, f->used),
        .timeout_in = f->deadline ? since(f->deadline, now) : BEBA_NO_TIMEOUT,
    };
    struct beba_u128 value;
    struct beba_type type;
    const char *name;
    int rc;

    look(dp);
    beba_key_print(&dp->text, &t->lookup, f->key);
    end_piece(dp);
    while (beba_key_field(&t->lookup, f->key, dp->n_named, &name, &type, &value))
        add_named(dp, name, type, value);
    info.fields = dp->n_named;
    for (uint32_t i = 0; i < t->n_regs; i++)
        add_named(dp, t->reg[i].name, t->reg[i].type, beba_flow_reg(t, f, i));
    info.regs = t->n_regs;
    rc = looked(dp);
    if (rc)
        return rc;
    info.key = dp->text.s;
    info.field = dp->named;
    info.reg = dp->named + info.fields;
    rc = beba_lib_give(out, &info, sizeof(info), sizeof(info));
    return rc ? rc : 1;
}

/* The cursor of a walk over all machines: the machine's number above, its own cursor below. */
enum { CURSOR_BITS = 48 };

static bool next_of_all(struct beba_dp *dp, uint64_t now, uint64_t *cursor, struct beba_flow *out)
{
    const uint64_t mask = (1ull << CURSOR_BITS) - 1;
    uint64_t table = *cursor >> CURSOR_BITS, own = *cursor & mask;
    bool found = false;

    while (table < dp->p->n_tables) {
        found = beba_engine_next_flow(dp->engine, (uint32_t)table, now, &own, out);
        if (found)
            break;
        table++;
        own = 0;
    }
    *cursor = table << CURSOR_BITS | (own & mask);
    return found;
}

int beba_dp_next_flow(struct beba_dp *dp, const char *machine, uint64_t now, uint64_t *cursor,
                      struct beba_flow_info *out)
{
    struct beba_flow flow;
    uint32_t table;

    if (!dp || !cursor || !out || out->size < sizeof(*out))
        return -EINVAL;
    if (!machine)
        return next_of_all(dp, now, cursor, &flow) ? tell_flow(dp, &flow, now, out) : 0;
    if (!FIND(dp->p->table, dp->p->n_tables, machine, &table))
        return -ENOENT;
    if (!beba_engine_next_flow(dp->engine, table, now, cursor, &flow))
        return 0;
    return tell_flow(dp, &flow, now, out);
}

int beba_dp_flow_of(struct beba_dp *dp, const char *machine, const struct beba_frame *frame,
                    struct beba_flow_info *out)
{
    struct beba_packet packet;
    struct beba_flow flow;
    uint32_t table;

    if (!dp || !machine || !frame || !frame->data || frame->link > BEBA_FRAME_SLL2 || !out ||
        out->size < sizeof(*out))
        return -EINVAL;
    if (!FIND(dp->p->table, dp->p->n_tables, machine, &table))
        return -ENOENT;
    beba_lib_packet(frame, &packet);
    beba_packet_parse(&packet);
    if (!beba_engine_find_flow(dp->engine, table, &packet, &flow))
        return 0;
    return tell_flow(dp, &flow, frame->now, out);
}

uint64_t beba_dp_sweep(struct beba_dp *dp, uint32_t buckets, uint64_t now)
{
    return dp ? beba_engine_sweep(dp->engine, buckets, now) : 0;
}

/* --- counters ------------------------------------------------------------------------------ */

int beba_dp_rule(const struct beba_dp *dp, uint32_t rule_id, struct beba_rule_info *out)
{
    struct beba_rule_info info = {0};
    const struct beba_rule_counters *counters;
    const struct beba_sources *sources;
    const struct beba_rule *rule;
    const struct beba_table *t;
    unsigned line, column;

    if (!dp || !out)
        return -EINVAL;
    if (rule_id >= dp->p->n_rules)
        return -ENOENT;
    rule = dp->p->rule[rule_id];
    t = dp->p->table;
    while (rule < t->rule || rule >= t->rule + t->n_rules)
        t++;
    info.machine = t->name;
    info.state = rule->state_mask ? state_name(t, rule->state) : NULL;
    info.rule = rule->label;
    sources = &dp->xfsm->program->sources;
    if (rule->loc.source < sources->n) {
        beba_sources_position(sources, rule->loc, &line, &column);
        info.file = sources->source[rule->loc.source].name;
        info.line = line;
        info.column = column;
    }
    counters = beba_engine_rule(dp->engine, rule_id);
    info.packets = counters->packets;
    info.bytes = counters->bytes;
    return beba_lib_give(out, &info, sizeof(info), sizeof(info));
}

int beba_dp_machine(const struct beba_dp *dp, const char *machine, struct beba_machine_info *out)
{
    struct beba_machine_info info;
    struct beba_table_stats s;
    uint32_t table;

    if (!dp || !machine || !out)
        return -EINVAL;
    if (!FIND(dp->p->table, dp->p->n_tables, machine, &table))
        return -ENOENT;
    beba_engine_table(dp->engine, table, &s);
    info = (struct beba_machine_info){
        .entries = s.entries,
        .capacity = s.capacity,
        .memory = s.memory,
        .lookups = s.counters.lookups,
        .hits = s.counters.hits,
        .creations = s.counters.creations,
        .evictions = s.counters.evictions,
        .refusals = s.counters.refusals,
        .expiries = s.counters.expiries,
        .frees = s.counters.frees,
        .no_key = s.no_key,
    };
    return beba_lib_give(out, &info, sizeof(info), sizeof(info));
}

int beba_dp_counter(const struct beba_dp *dp, const char *name, uint64_t *packets, uint64_t *bytes)
{
    const struct beba_rule_counters *c;
    uint32_t i;

    if (!dp || !name)
        return -EINVAL;
    if (!FIND(dp->p->counter, dp->p->n_counters, name, &i))
        return -ENOENT;
    c = beba_engine_counter(dp->engine, i);
    if (packets)
        *packets = c->packets;
    if (bytes)
        *bytes = c->bytes;
    return 0;
}

int beba_dp_totals(const struct beba_dp *dp, struct beba_totals *out)
{
    const struct beba_engine_stats *s;
    struct beba_totals t;

    if (!dp || !out)
        return -EINVAL;
    s = beba_engine_stats(dp->engine);
    t = (struct beba_totals){
        .packets = s->packets,
        .bytes = s->bytes,
        .events_lost = s->events_lost,
        .copies_lost = s->mirrors_lost,
        .edits_failed = s->edit_failed,
    };
    memcpy(t.verdict, s->verdict, sizeof(s->verdict));
    memcpy(t.reason, s->reason, sizeof(s->reason));
    return beba_lib_give(out, &t, sizeof(t), sizeof(t));
}

/* --- globals and arrays -------------------------------------------------------------------- */

int beba_dp_global(struct beba_dp *dp, const char *name, struct beba_named *out)
{
    struct beba_u128 v;
    uint32_t i;
    int rc;

    if (!dp || !name || !out)
        return -EINVAL;
    if (!FIND(dp->p->global, dp->p->n_globals, name, &i))
        return -ENOENT;
    beba_engine_global(dp->engine, i, &v);
    look(dp);
    add_named(dp, dp->p->global[i].name, dp->p->global[i].type, v);
    rc = looked(dp);
    if (!rc)
        *out = dp->named[0];
    return rc;
}

int beba_dp_cell(const struct beba_dp *dp, const char *array, uint64_t row, uint64_t column,
                 uint64_t *out)
{
    uint32_t i;

    if (!dp || !array || !out)
        return -EINVAL;
    if (!FIND(dp->p->array, dp->p->n_arrays, array, &i))
        return -ENOENT;
    *out = beba_engine_cell(dp->engine, i, row, column);
    return 0;
}

/* --- sets ---------------------------------------------------------------------------------- */

typedef int (*set_change_fn)(struct beba_engine *e, uint32_t set, const struct beba_range *range,
                             struct beba_error *err);

static int change_set(struct beba_dp *dp, const char *set, const char *element,
                      set_change_fn change, struct beba_message *message)
{
    struct beba_error err = {0};
    struct beba_range range;
    uint32_t i;
    int rc;

    if (message)
        message->text[0] = '\0';
    if (!dp || !set || !element)
        return beba_lib_fail(-EINVAL, &err, message);
    if (!FIND(dp->p->set, dp->p->n_sets, set, &i)) {
        rc = beba_error_set(&err, -ENOENT, "the program has no set '%s'", set);
        return beba_lib_fail(rc, &err, message);
    }
    rc = beba_lang_parse_value(element, strlen(element), dp->p->set[i].type, &range, &err);
    if (!rc)
        rc = change(dp->engine, i, &range, &err);
    return rc ? beba_lib_fail(rc, &err, message) : 0;
}

int beba_dp_set_add(struct beba_dp *dp, const char *set, const char *element,
                    struct beba_message *message)
{
    return change_set(dp, set, element, beba_engine_set_add, message);
}

int beba_dp_set_del(struct beba_dp *dp, const char *set, const char *element,
                    struct beba_message *message)
{
    return change_set(dp, set, element, beba_engine_set_del, message);
}

int beba_dp_set_element(struct beba_dp *dp, const char *set, uint32_t i, const char **element)
{
    const struct beba_range *range;
    uint32_t number, n;
    int rc;

    if (!dp || !set || !element)
        return -EINVAL;
    if (!FIND(dp->p->set, dp->p->n_sets, set, &number))
        return -ENOENT;
    range = beba_engine_set_elements(dp->engine, number, &n);
    if (i >= n)
        return -ENOENT;
    look(dp);
    beba_range_print(&dp->text, dp->p->set[number].type, &range[i]);
    rc = looked(dp);
    if (!rc)
        *element = dp->text.s;
    return rc;
}

/* --- events -------------------------------------------------------------------------------- */

static const uint32_t event_kinds[] = {
    [BEBA_EVENT_NOTIFY] = BEBA_EVENT_IS_NOTICE,
    [BEBA_EVENT_ENTERED] = BEBA_EVENT_IS_ENTERED,
    [BEBA_EVENT_EXPIRED] = BEBA_EVENT_IS_EXPIRED,
    [BEBA_EVENT_EVICTED] = BEBA_EVENT_IS_EVICTED,
};

static int tell_event(struct beba_dp *dp, const struct beba_event *e, struct beba_event_info *out)
{
    const struct beba_table *t = &dp->p->table[e->table];
    struct beba_event_info info = {
        .time = e->time,
        .kind = event_kinds[e->kind],
        .machine = t->name,
    };
    size_t key_at;
    int rc;

    look(dp);
    beba_event_print(&dp->text, dp->p, e);
    end_piece(dp);
    key_at = dp->text.len;
    if (e->key_size)
        beba_key_print(&dp->text,
                       t->two_keys && e->kind == BEBA_EVENT_ENTERED ? &t->update : &t->lookup,
                       e->key);
    end_piece(dp);
    if (e->kind == BEBA_EVENT_NOTIFY) {
        const struct beba_notice *notice = &dp->p->notice[e->notice];

        info.text = notice->text;
        for (uint32_t i = 0; i < e->n_args; i++)
            add_named(dp, notice->arg_name[i], notice->arg_type[i], e->arg[i]);
        info.fields = dp->n_named;
        info.field = dp->named;
    } else {
        info.from = state_name(t, e->from);
    }
    if (e->kind == BEBA_EVENT_ENTERED || e->kind == BEBA_EVENT_EXPIRED)
        info.to = state_name(t, e->to);
    rc = looked(dp);
    if (rc)
        return rc;
    info.line = dp->text.s;
    info.key = e->key_size ? dp->text.s + key_at : NULL;
    rc = beba_lib_give(out, &info, sizeof(info), sizeof(info));
    return rc ? rc : 1;
}

int beba_dp_event(struct beba_dp *dp, struct beba_event_info *out)
{
    struct beba_event event;

    if (!dp || !out || out->size < sizeof(*out))
        return -EINVAL;
    return beba_engine_event(dp->engine, &event) ? tell_event(dp, &event, out) : 0;
}
