/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/carry.h"

#include "cli/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- losses -------------------------------------------------------------------------------- */

void cli_losses_add(struct cli_losses *l, uint64_t flows, const char *fmt, ...)
{
    struct cli_loss *more = realloc(l->loss, (l->n + 1) * sizeof(*more));
    va_list ap;

    if (!more) {
        l->failed = true;
        return;
    }
    l->loss = more;
    va_start(ap, fmt);
    vsnprintf(more[l->n].what, sizeof(more[l->n].what), fmt, ap);
    va_end(ap);
    more[l->n++].flows = flows;
}

void cli_losses_print(struct beba_strbuf *out, const struct cli_losses *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        beba_strbuf_printf(out, "  %s", l->loss[i].what);
        if (l->loss[i].flows)
            beba_strbuf_printf(out, " (%llu flow%s)", (unsigned long long)l->loss[i].flows,
                               l->loss[i].flows == 1 ? "" : "s");
        beba_strbuf_putc(out, '\n');
    }
}

json_t *cli_losses_json(const struct cli_losses *l)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < l->n; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "what", cli_json_text(l->loss[i].what),
                                              "flows", cli_json_u64(l->loss[i].flows)));
    return list;
}

void cli_losses_free(struct cli_losses *l)
{
    free(l->loss);
    *l = (struct cli_losses){0};
}

/* --- planning ------------------------------------------------------------------------------ */

static bool has_field(const struct beba_key *key, uint16_t field)
{
    for (unsigned i = 0; i < key->n_fields; i++) {
        if (key->field[i] == field)
            return true;
    }
    return false;
}

static bool same_fields(const struct beba_key *a, const struct beba_key *b)
{
    if (a->kind != b->kind || (a->kind == BEBA_KEY_FIELDS && a->n_fields != b->n_fields))
        return false;
    for (unsigned i = 0; a->kind == BEBA_KEY_FIELDS && i < a->n_fields; i++) {
        if (!has_field(b, a->field[i]))
            return false;
    }
    return true;
}

static bool same_sort(struct beba_type a, struct beba_type b)
{
    bool number = a.kind == BEBA_KIND_UINT || a.kind == BEBA_KIND_TIME || a.kind == BEBA_KIND_PORT;
    bool other = b.kind == BEBA_KIND_UINT || b.kind == BEBA_KIND_TIME || b.kind == BEBA_KIND_PORT;

    return a.kind == b.kind || (number && other);
}

static void plan_states(struct cli_carry *c)
{
    for (uint32_t i = 0; i < c->from.n_states; i++) {
        c->state[i] = UINT32_MAX;
        for (uint32_t k = 0; k < c->to->n_states; k++) {
            if (!strcmp(c->from.state[i].name, c->to->state[k].name))
                c->state[i] = k;
        }
    }
}

static void plan_regs(struct cli_carry *c)
{
    for (uint32_t i = 0; i < c->to->n_regs; i++) {
        c->reg[i] = UINT8_MAX;
        for (uint32_t k = 0; k < c->from.n_regs; k++) {
            if (!strcmp(c->to->reg[i].name, c->from.reg[k].name) &&
                same_sort(c->from.reg[k].type, c->to->reg[i].type))
                c->reg[i] = (uint8_t)k;
        }
    }
}

int cli_carry_plan(struct cli_carry *c, const char *schema, const struct beba_table *to,
                   struct beba_error *err)
{
    int rc;

    *c = (struct cli_carry){.to = to};
    rc = beba_table_parse_schema(schema, &c->arena, &c->from, err);
    if (rc)
        return rc;
    c->state = beba_arena_array(&c->arena, c->from.n_states, sizeof(*c->state));
    c->parted = beba_arena_array(&c->arena, c->from.n_states, sizeof(*c->parted));
    c->gone = beba_arena_array(&c->arena, BEBA_MAX_REGS, sizeof(*c->gone));
    c->narrow = beba_arena_array(&c->arena, BEBA_MAX_REGS, sizeof(*c->narrow));
    c->reg = beba_arena_array(&c->arena, BEBA_MAX_REGS, 1);
    if (!c->state || !c->parted || !c->gone || !c->narrow || !c->reg)
        return beba_error_set(err, -ENOMEM, "out of memory");
    c->same_key = same_fields(&c->from.lookup, &to->lookup);
    plan_states(c);
    plan_regs(c);
    return 0;
}

void cli_carry_free(struct cli_carry *c)
{
    beba_arena_free(&c->arena);
    *c = (struct cli_carry){0};
}

/* --- carrying ------------------------------------------------------------------------------ */

static uint32_t field_size(uint16_t field)
{
    return (beba_fields[field].type.width + 7u) / 8;
}

static void carry_key(struct cli_carry *c, const uint8_t *key)
{
    uint8_t *out = c->key;

    memset(c->key, 0, sizeof(c->key));
    if (c->to->lookup.kind == BEBA_KEY_CONNECTION) {
        memcpy(out, key, c->to->lookup.size);
        return;
    }
    for (unsigned i = 0; i < c->to->lookup.n_fields; i++) {
        uint16_t field = c->to->lookup.field[i];
        const uint8_t *at = key;

        for (unsigned k = 0; c->from.lookup.field[k] != field; k++)
            at += field_size(c->from.lookup.field[k]);
        memcpy(out, at, field_size(field));
        out += field_size(field);
    }
}

static bool fits(struct beba_u128 v, unsigned width)
{
    return width > 64 || (!v.hi && v.lo <= beba_mask64(width));
}

static void carry_regs(struct cli_carry *c, const struct beba_flow *from, struct beba_flow *to)
{
    bool taken[BEBA_MAX_REGS] = {false};

    if (c->to->regs_size)
        memcpy(to->regs, c->to->regs_init, c->to->regs_size);
    for (uint32_t i = 0; i < c->to->n_regs; i++) {
        const struct beba_reg *reg = &c->to->reg[i];
        struct beba_u128 v;

        if (c->reg[i] == UINT8_MAX)
            continue;
        v = beba_flow_reg(&c->from, from, c->reg[i]);
        taken[c->reg[i]] = true;
        if (fits(v, reg->type.width))
            cli_reg_store(to->regs, reg, v);
        else
            c->narrow[i]++;
    }
    for (uint32_t i = 0; i < c->from.n_regs; i++) {
        if (!taken[i])
            c->gone[i] += beba_u128_cmp(beba_flow_reg(&c->from, from, i), c->from.reg[i].init) != 0;
    }
}

bool cli_carry_flow(struct cli_carry *c, const struct beba_flow *from, struct beba_flow *to)
{
    uint32_t table = to->table;

    if (!c->same_key || from->state >= c->from.n_states)
        return false;
    if (c->state[from->state] == UINT32_MAX) {
        c->parted[from->state]++;
        return false;
    }
    carry_key(c, from->key);
    *to = (struct beba_flow){
        .table = table,
        .key = c->key,
        .state = c->state[from->state],
        .entered = from->entered,
        .used = from->used,
        .born = from->born,
        .backward = from->backward,
    };
    carry_regs(c, from, to);
    return true;
}

void cli_carry_losses(const struct cli_carry *c, uint64_t flows, struct cli_losses *out)
{
    const char *name = c->to->name;

    if (!c->same_key && flows)
        cli_losses_add(out, flows, "machine %s has another key", name);
    for (uint32_t i = 0; i < c->from.n_states; i++) {
        if (c->parted[i])
            cli_losses_add(out, c->parted[i], "state %s of %s: the running program has none",
                           c->from.state[i].name, name);
    }
    for (uint32_t i = 0; i < c->from.n_regs; i++) {
        if (c->gone[i])
            cli_losses_add(out, c->gone[i],
                           "register %s of %s: the running program has none of that type",
                           c->from.reg[i].name, name);
    }
    for (uint32_t i = 0; i < c->to->n_regs; i++) {
        if (c->narrow[i])
            cli_losses_add(out, c->narrow[i], "register %s of %s: it is narrower now",
                           c->to->reg[i].name, name);
    }
}

void cli_flow_shift(struct beba_flow *flow, const struct beba_table *t, uint64_t points,
                    int64_t shift)
{
    flow->entered = beba_point_shift(flow->entered, shift);
    flow->used = beba_point_shift(flow->used, shift);
    flow->born = beba_point_shift(flow->born, shift);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        struct beba_u128 v;

        if (!(points & 1ull << i))
            continue;
        v = beba_flow_reg(t, flow, i);
        v.lo = beba_point_shift(v.lo, shift);
        cli_reg_store(flow->regs, &t->reg[i], v);
    }
}
