/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The rules of a table, in order, as ifs; runs of rules of single states as a switch. */
#include "emit/write.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const field_ids[] = {
#define BEBA_FIELD(id, ...) #id,
#include "packet/fields.def"
#undef BEBA_FIELD
};

/* (field & mask) == value; an absent field does not match. */
static void match(struct emit *e, const struct beba_match *m)
{
    const char *id = field_ids[m->field];
    bool wide = beba_fields[m->field].type.width > 64;
    unsigned n = e->n_temps++;

    beba_emit(e, "({ bool a_%u = false; ", n);
    if (wide)
        beba_emit(e,
                  "bool b_%u = beba_matches(ASK_WIDE(%s, a_%u), beba_u128(0x%" PRIx64
                  "ull, 0x%" PRIx64 "ull), beba_u128(0x%" PRIx64 "ull, 0x%" PRIx64 "ull)); ",
                  n, id, n, m->value.hi, m->value.lo, m->mask.hi, m->mask.lo);
    else
        beba_emit(e, "bool b_%u = (ASK(%s, a_%u) & 0x%" PRIx64 "ull) == 0x%" PRIx64 "ull; ", n, id,
                  n, m->mask.lo, m->value.lo);
    beba_emit(e, "b_%u && !a_%u; })", n, n);
}

static void condition(struct emit *e, const struct beba_rule *r)
{
    beba_emit_indent(e);
    beba_emit(e, "if (");
    for (uint32_t i = 0; i < r->n_matches; i++) {
        beba_emit(e, "%s", i ? " && " : "");
        match(e, &r->match[i]);
    }
    if (r->guard) {
        beba_emit(e, "%s", r->n_matches ? " && " : "");
        beba_emit_truth(e, r->guard);
    }
    if (!r->n_matches && !r->guard)
        beba_emit(e, "1");
    beba_emit(e, ") {\n");
}

static void rule(struct emit *e, const struct beba_rule *r)
{
    const struct table_facts *facts = &e->facts[e->ti];

    for (uint32_t i = 0; i < r->lets.n; i++) {
        beba_emit_at(e, r->lets.stmt[i].loc);
        beba_emit_let(e, r->lets.stmt[i].id, r->lets.stmt[i].value);
    }
    if (r->label) {
        beba_emit_indent(e);
        beba_emit(e, "/* ");
        beba_emit_comment(e, r->label);
        beba_emit(e, " */\n");
    }
    beba_emit_at(e, r->loc);
    condition(e, r);
    e->indent++;
    if (r->creates && facts->keyed && e->t->full == BEBA_FULL_REFUSE)
        beba_emit_line(e, "ROOM();");
    beba_emit_at(e, r->loc);
    beba_emit_line(e, "x->rule = %" PRIu32 "; beba_count(&cpu->rule[%" PRIu32 "], x);", r->id,
                   r->id);
    beba_emit_body(e, &r->body);
    if (!beba_body_decides(&r->body))
        beba_emit_line(e, "goto ran;");
    e->indent--;
    beba_emit_line(e, "}");
    beba_emit_here(e);
}

static bool of_one_state(const struct beba_rule *r)
{
    return r->state_mask == UINT32_MAX;
}

static int by_state(const void *a, const void *b)
{
    const struct beba_rule *x = *(const struct beba_rule *const *)a;
    const struct beba_rule *y = *(const struct beba_rule *const *)b;

    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* Rules n from r on, each of one state. */
static void switch_of(struct emit *e, const struct beba_rule *r, uint32_t n)
{
    const struct beba_rule **sorted = beba_arena_array(&e->arena, n, sizeof(*sorted));
    uint32_t state = 0;

    if (!sorted) {
        e->out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &r[i];
    qsort(sorted, n, sizeof(struct beba_rule *), by_state);
    beba_emit_line(e, "switch (%s) {", e->facts[e->ti].keyed ? "f->seen" : "0");
    for (uint32_t i = 0; i < n; i++) {
        if (!i || sorted[i]->state != state) {
            if (i)
                beba_emit_line(e, "    break;");
            state = sorted[i]->state;
            beba_emit_indent(e);
            beba_emit(e, "case %" PRIu32 ": /* ", state);
            beba_emit_comment(e, state < e->t->n_states ? e->t->state[state].name : "");
            beba_emit(e, " */\n");
        }
        e->indent++;
        rule(e, sorted[i]);
        e->indent--;
    }
    beba_emit_line(e, "    break;");
    beba_emit_line(e, "}");
}

static void rules(struct emit *e, const struct beba_rule *r, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t first = i;

        while (i < n && of_one_state(&r[i]))
            i++;
        if (i > first) {
            switch_of(e, r + first, i - first);
            continue;
        }
        if (r[i].state_mask) {
            beba_emit_line(e, "if ((f->seen & 0x%" PRIx32 ") == 0x%" PRIx32 ") {", r[i].state_mask,
                           r[i].state);
            e->indent++;
            rule(e, &r[i]);
            e->indent--;
            beba_emit_line(e, "}");
        } else if (!r[i].state) {
            rule(e, &r[i]);
        }
        i++;
    }
}

uint32_t beba_emit_chunk_weight(const struct emit *e)
{
    return e->opts->fine ? WEIGHT_FINE : WEIGHT_CHUNK;
}

uint32_t beba_emit_chunk_rules(const struct emit *e)
{
    return e->opts->fine ? RULES_FINE : RULES_CHUNK;
}

/* The rules from first on that share a function. */
static uint32_t chunk_end(const struct emit *e, uint32_t first)
{
    const struct beba_table *t = e->t;
    uint32_t weight = 0, i = first;

    while (i < t->n_rules && i - first < beba_emit_chunk_rules(e)) {
        weight += beba_emit_rule_weight(&t->rule[i]);
        if (i > first && weight > beba_emit_chunk_weight(e))
            break;
        i++;
    }
    return i;
}

/* What becomes of what a function that holds rules says of them. */
void beba_emit_ends(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];

    beba_emit_line(e, "case RAN:");
    beba_emit_line(e, "    goto ran;");
    if (facts->keyed && facts->creates && e->t->full == BEBA_FULL_REFUSE) {
        beba_emit_line(e, "case FULL:");
        beba_emit_line(e, "    goto full;");
        beba_emit_line(e, "case BUSY:");
        beba_emit_line(e, "    goto busy;");
    }
}

void beba_emit_rules(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    uint32_t n = 0;

    if (!facts->n_chunks) {
        rules(e, e->t->rule, e->t->n_rules);
        return;
    }
    for (uint32_t i = 0; i < e->t->n_rules; i = chunk_end(e, i), n++) {
        if (e->opts->fine && facts->keyed) {
            beba_emit_line(e, "how = rules_%s_%" PRIu32 "(ctx, x, f);", facts->name, n);
            beba_emit_line(e, "if (how != NEITHER)");
            beba_emit_line(e, "    goto decided;");
            continue;
        }
        beba_emit_line(e, "switch (rules_%s_%" PRIu32 "(ctx, x, f)) {", facts->name, n);
        beba_emit_ends(e);
        beba_emit_line(e, "}");
    }
}

void beba_emit_chunks(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    uint32_t n = 0, end;

    if (!facts->n_chunks)
        return;
    for (uint32_t i = 0; i < e->t->n_rules; i = end, n++) {
        end = chunk_end(e, i);
        beba_emit_blank(e);
        beba_emit_line(e, "/* Rules %" PRIu32 " to %" PRIu32 " of machine %s. */", e->t->rule[i].id,
                       e->t->rule[end - 1].id, facts->name);
        beba_emit_line(e,
                       "%s__attribute__((noinline)) int rules_%s_%" PRIu32
                       "(beba_ctx *ctx, struct beba_run *x, struct frame_%s *f)",
                       e->native ? "static " : "", facts->name, n, facts->name);
        beba_emit_line(e, "{");
        e->indent++;
        beba_emit_line(e, "ENTER;");
        if (facts->keyed)
            beba_emit_keys_in_scratch(e, e->ti);
        beba_emit_line(e, "BEBA_KEEP(ctx, x, f);");
        beba_emit_line(e, "if (!f)");
        beba_emit_line(e, "    return NEITHER;");
        rules(e, e->t->rule + i, end - i);
        beba_emit_line(e, "return NEITHER;");
        beba_emit_line(e, "ran: __attribute__((unused));");
        beba_emit_line(e, "return RAN;");
        if (facts->keyed && facts->creates && e->t->full == BEBA_FULL_REFUSE) {
            beba_emit_line(e, "full: __attribute__((unused));");
            beba_emit_line(e, "return FULL;");
            beba_emit_line(e, "busy: __attribute__((unused));");
            beba_emit_line(e, "return BUSY;");
        }
        e->indent--;
        beba_emit_line(e, "}");
    }
}
