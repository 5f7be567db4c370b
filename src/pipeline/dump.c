/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Whole pipelines as text, and the schema of a table. */
#include "base/units.h"
#include "pipeline/print.h"

#include <inttypes.h>

enum { SCHEMA_VERSION = 1 };

static void typed(struct beba_strbuf *out, const char *what, const char *name,
                  struct beba_type type)
{
    beba_strbuf_printf(out, "%s %s : ", what, name);
    beba_type_print(out, type);
}

static void dump_shared(struct beba_strbuf *out, const struct beba_pipeline *p)
{
    for (uint32_t i = 0; i < p->n_globals; i++) {
        typed(out, "global", p->global[i].name, p->global[i].type);
        beba_strbuf_puts(out, " = ");
        beba_value_print(out, p->global[i].type, p->global[i].init);
        beba_strbuf_putc(out, '\n');
    }
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];

        beba_strbuf_puts(out, "array ");
        beba_type_print(out, a->type);
        beba_strbuf_printf(out, " %s", a->name);
        if (a->two_dimensional)
            beba_strbuf_printf(out, "[%u]", a->rows);
        beba_strbuf_printf(out, "[%u]\n", a->columns);
    }
    for (uint32_t i = 0; i < p->n_sets; i++) {
        typed(out, "set", p->set[i].name, p->set[i].type);
        beba_strbuf_puts(out, " = {");
        for (uint32_t r = 0; r < p->set[i].n_ranges; r++) {
            beba_strbuf_puts(out, r ? ", " : " ");
            beba_range_print(out, p->set[i].type, &p->set[i].range[r]);
        }
        beba_strbuf_puts(out, " }\n");
    }
    for (uint32_t i = 0; i < p->n_counters; i++)
        beba_strbuf_printf(out, "counter %s\n", p->counter[i].name);
    for (uint32_t i = 0; i < p->n_notices; i++) {
        const struct beba_notice *n = &p->notice[i];

        beba_strbuf_puts(out, "notice ");
        beba_quoted_print(out, n->text);
        for (uint32_t a = 0; a < n->n_args; a++)
            typed(out, a ? "," : " {", n->arg_name[a], n->arg_type[a]);
        beba_strbuf_puts(out, n->n_args ? " }\n" : "\n");
    }
}

static void dump_key(struct beba_strbuf *out, const char *word, const struct beba_key *key)
{
    beba_strbuf_printf(out, "    %s ", word);
    beba_key_fields_print(out, key);
    beba_strbuf_printf(out, "  # %u bytes\n", key->size);
}

static void dump_timeout(struct beba_strbuf *out, const struct beba_table *t, const char *word,
                         uint64_t ns, uint32_t to)
{
    if (!ns)
        return;
    beba_strbuf_printf(out, " %s ", word);
    beba_duration_print(out, ns);
    beba_strbuf_printf(out, " -> %s", t->state[to].name);
}

static void dump_context(struct beba_strbuf *out, const struct beba_pipeline *p,
                         const struct beba_table *t)
{
    dump_key(out, t->two_keys ? "lookup" : "key", &t->lookup);
    if (t->two_keys)
        dump_key(out, "update", &t->update);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        typed(out, "    reg", t->reg[i].name, t->reg[i].type);
        beba_strbuf_puts(out, " = ");
        beba_value_print(out, t->reg[i].type, t->reg[i].init);
        beba_strbuf_printf(out, "  # at %u\n", t->reg[i].offset);
    }
    beba_strbuf_printf(out, "    capacity %" PRIu64 " when full ", t->capacity);
    if (t->full == BEBA_FULL_REFUSE) {
        beba_strbuf_puts(out, "refuse -> ");
        beba_verdict_print(out, p, t, &t->full_verdict);
    } else {
        beba_strbuf_puts(out, "evict");
    }
    if (t->per_cpu)
        beba_strbuf_puts(out, "\n    consistency per_cpu");
    beba_strbuf_puts(out, "\n    without key -> ");
    beba_verdict_print(out, p, t, &t->no_key);
    beba_strbuf_putc(out, '\n');
    for (uint32_t i = 0; i < t->n_states; i++) {
        beba_strbuf_printf(out, "    state %s", t->state[i].name);
        dump_timeout(out, t, "idle", t->timeouts[i].idle, t->timeouts[i].idle_to);
        dump_timeout(out, t, "hard", t->timeouts[i].hard, t->timeouts[i].hard_to);
        beba_strbuf_printf(out, "%s  # %u\n", t->state[i].notify ? " notify" : "", i);
    }
}

static void dump_match(struct beba_strbuf *out, const struct beba_match *m)
{
    struct beba_type type = beba_fields[m->field].type;
    bool exact = type.width > 64 ? (m->mask.hi & m->mask.lo) == ~0ull
                                 : m->mask.lo == beba_mask64(type.width);

    beba_strbuf_printf(out, "        match %s = ", beba_fields[m->field].name);
    beba_value_print(out, type, m->value);
    if (!exact)
        beba_strbuf_printf(out, "/0x%" PRIx64 "%016" PRIx64, m->mask.hi, m->mask.lo);
    beba_strbuf_putc(out, '\n');
}

static void dump_rule(struct beba_strbuf *out, const struct beba_pipeline *p,
                      const struct beba_table *t, const struct beba_rule *r)
{
    beba_strbuf_printf(out, "    rule %u ", r->id);
    if (r->state_mask == 0xffffffff && r->state < t->n_states)
        beba_strbuf_printf(out, "in %s", t->state[r->state].name);
    else if (r->state_mask)
        beba_strbuf_printf(out, "in state 0x%x/0x%x", r->state, r->state_mask);
    else
        beba_strbuf_puts(out, "in any state");
    beba_strbuf_printf(out, ": %s%s\n", r->label ? r->label : "", r->creates ? "  # creates" : "");
    beba_body_print(out, p, t, &r->lets, 8);
    for (uint32_t i = 0; i < r->n_matches; i++)
        dump_match(out, &r->match[i]);
    if (r->guard) {
        beba_strbuf_puts(out, "        when ");
        beba_expr_print(out, p, t, r->guard);
        beba_strbuf_putc(out, '\n');
    }
    beba_body_print(out, p, t, &r->body, 8);
}

void beba_pipeline_print(struct beba_strbuf *out, const struct beba_pipeline *p)
{
    beba_strbuf_printf(out, "pipeline %s\n", p->name ? p->name : "");
    dump_shared(out, p);
    for (uint32_t i = 0; i < p->n_tables; i++) {
        const struct beba_table *t = &p->table[i];

        beba_strbuf_printf(out, "table %u %s\n", i, t->name);
        if (t->lookup.kind != BEBA_KEY_NONE)
            dump_context(out, p, t);
        beba_strbuf_puts(out, "    default -> ");
        beba_verdict_print(out, p, t, &t->dflt);
        beba_strbuf_putc(out, '\n');
        for (uint32_t r = 0; r < t->n_rules; r++)
            dump_rule(out, p, t, &t->rule[r]);
    }
}

/* Numbers without units: a schema is compared byte by byte, and read by programs. */
static void schema_key(struct beba_strbuf *out, const char *word, const struct beba_key *key)
{
    beba_strbuf_puts(out, word);
    if (key->kind == BEBA_KEY_CONNECTION)
        beba_strbuf_puts(out, " connection");
    for (unsigned i = 0; key->kind == BEBA_KEY_FIELDS && i < key->n_fields; i++)
        beba_strbuf_printf(out, " %s:%u", beba_fields[key->field[i]].name,
                           beba_fields[key->field[i]].type.width);
    beba_strbuf_putc(out, '\n');
}

static void schema_state(struct beba_strbuf *out, const struct beba_table *t, uint32_t i)
{
    const struct beba_timeouts *o = &t->timeouts[i];

    beba_strbuf_printf(out, "state %s", t->state[i].name);
    if (o->idle)
        beba_strbuf_printf(out, " idle:%" PRIu64 ":%s", o->idle, t->state[o->idle_to].name);
    if (o->hard)
        beba_strbuf_printf(out, " hard:%" PRIu64 ":%s", o->hard, t->state[o->hard_to].name);
    beba_strbuf_putc(out, '\n');
}

void beba_table_schema(struct beba_strbuf *out, const struct beba_table *t)
{
    beba_strbuf_printf(out, "beba-table %d\nmachine %s\n", SCHEMA_VERSION, t->name);
    schema_key(out, "lookup", &t->lookup);
    schema_key(out, "update", t->two_keys ? &t->update : &t->lookup);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        const struct beba_reg *r = &t->reg[i];

        beba_strbuf_printf(out, "reg %s ", r->name);
        beba_type_print(out, r->type);
        beba_strbuf_printf(out, " at:%u init:0x%016" PRIx64 "%016" PRIx64 "\n", r->offset,
                           r->init.hi, r->init.lo);
    }
    for (uint32_t i = 0; i < t->n_states; i++)
        schema_state(out, t, i);
}
