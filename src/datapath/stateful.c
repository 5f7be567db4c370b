/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets that come into a stateful table: state, conditions. And what all parts share. */
#include "datapath/state_config.h"

#include "base/error.h"
#include "datapath/opp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int beba_stateful_new(struct beba_datapath *dp, const struct beba_datapath_opts *opts,
                      struct beba_stateful **out, struct beba_error *err)
{
    struct beba_stateful *s = calloc(1, sizeof(*s));

    if (!s)
        return beba_error_set(err, -ENOMEM, "no memory for the state tables");
    s->dp = dp;
    s->max_flows = opts->max_flows;
    s->deletes = opts->openstate;
    s->max_templates = opts->max_templates;
    if (opts->state_file) {
        s->state_file = strdup(opts->state_file);
        if (!s->state_file) {
            free(s);
            return beba_error_set(err, -ENOMEM, "no memory for the state tables");
        }
    }
    for (unsigned i = 0; i < BEBA_STATE_TABLES; i++)
        pthread_spin_init(&s->globals[i].lock, PTHREAD_PROCESS_PRIVATE);
    *out = s;
    return 0;
}

void beba_stateful_free(struct beba_stateful *s)
{
    struct beba_templates *t;

    if (!s)
        return;
    for (unsigned i = 0; i < BEBA_STATE_TABLES; i++) {
        free(atomic_load(&s->config[i]));
        beba_state_table_close(&s->table[i]);
        pthread_spin_destroy(&s->globals[i].lock);
    }
    beba_programs_free(s);
    t = atomic_load(&s->templates);
    for (uint32_t i = 0; t && i < t->n; i++)
        free(t->item[i]);
    free(t);
    free(s->state_file);
    free(s);
}

bool beba_state_operand(struct beba_datapath_exec *x, const struct beba_state_config *c,
                        const struct beba_state_globals *g, uint8_t type, uint8_t id, bool has_key,
                        const struct beba_state_regs *regs, uint32_t *out)
{
    struct beba_u128 v;
    uint8_t field;

    switch (type) {
    case BEBA_OPERAND_FDV:
        *out = regs ? regs->var[id] : 0;
        return has_key;
    case BEBA_OPERAND_GDV:
        *out = atomic_load_explicit(&g->var[id], memory_order_relaxed);
        return true;
    case BEBA_OPERAND_HF:
        field = c->header_field[id];
        if (!beba_datapath_exec_get(x, field, &v))
            return false;
        *out = beba_state_number(field, v);
        return true;
    default:
        *out = id;
        return true;
    }
}

static uint32_t evaluate(struct beba_datapath_exec *x, const struct beba_state_config *c,
                         const struct beba_state_globals *g,
                         const struct beba_state_condition *condition, bool has_key,
                         const struct beba_state_regs *regs)
{
    uint32_t v[2];

    for (unsigned i = 0; i < 2; i++)
        if (!beba_state_operand(x, c, g, condition->type[i], condition->operand[i], has_key, regs,
                                &v[i]))
            return BEBA_NULL_CONDITION;
    return beba_condition_holds((uint8_t)condition->op, v[0], v[1]);
}

/* The state of the packet's key, and a copy of the entry for the conditions. */
static uint32_t look_up(struct beba_state_table *t, const union beba_state_key *key, uint64_t now,
                        struct beba_state_regs *copy, bool *found)
{
    struct beba_state_hold hold;
    uint32_t state = 0;

    beba_state_take(&hold, t, key, now, false);
    *found = hold.regs != NULL;
    if (hold.regs) {
        if (now > hold.regs->looked_up)
            hold.regs->looked_up = now;
        beba_state_touch(&hold);
        *copy = *hold.regs;
        state = copy->state;
    }
    beba_state_release(&hold);
    return state;
}

/* CONDITION0..7 are bytes of one word of the key. */
static void set_conditions(struct beba_datapath_exec *x, const struct beba_state_config *c,
                           const struct beba_state_globals *g, const struct beba_state_regs *regs)
{
    struct beba_key *key = beba_datapath_exec_key(x);
    uint64_t word = ~0ull; /* all BEBA_NULL_CONDITION */

    for (unsigned i = 0; c->conditions >> i; i++) {
        unsigned shift = beba_key_places[BEBA_OF_CONDITION0 + i].shift;
        uint64_t v = BEBA_NULL_CONDITION;

        if (c->conditions >> i & 1)
            v = evaluate(x, c, g, &c->condition[i], x->lookup.has_key, regs);
        word = (word & ~(0xffull << shift)) | v << shift;
    }
    key->w[beba_key_places[BEBA_OF_CONDITION0].word] = word;
    key->w[0] |= 0xffull << BEBA_OF_CONDITION0;
}

void beba_stateful_ask(struct beba_datapath *dp, uint8_t table, const struct beba_key *packet,
                       struct beba_state_lookup *out)
{
    struct beba_stateful *s = beba_datapath_stateful(dp);
    const struct beba_state_config *c = beba_state_enabled(s, table);

    out->entered = false;
    out->by = c && c->early ? c : NULL;
    if (!out->by)
        return;
    out->has_key = beba_state_scope_key(&c->lookup, packet, &out->key);
    if (out->has_key)
        beba_state_fetch(&s->table[table], &out->key);
}

void beba_stateful_enter(struct beba_datapath_exec *x, uint8_t table)
{
    struct beba_stateful *s = beba_datapath_stateful(x->dp);
    const struct beba_state_config *c = beba_state_enabled(s, table);
    bool asked = x->lookup.by && x->lookup.by == c && !x->lookup.entered && !x->stale;
    struct beba_state_regs regs;
    struct beba_key *key;
    uint32_t state = BEBA_NULL_STATE;
    bool found = false;

    if (!c)
        return;
    key = beba_datapath_exec_key(x);
    if (!asked)
        x->lookup.has_key = beba_state_scope_key(&c->lookup, key, &x->lookup.key);
    x->lookup.entered = true;
    x->lookup.table = table;
    if (x->lookup.has_key)
        state = look_up(&s->table[table], &x->lookup.key, x->packet->now, &regs, &found);
    beba_key_set(key, BEBA_OF_STATE, beba_u128(0, state));
    set_conditions(x, c, &s->globals[table], found ? &regs : NULL);
}

void beba_stateful_expire(struct beba_stateful *s, uint64_t now)
{
    for (unsigned i = 0; i < BEBA_STATE_TABLES; i++)
        beba_state_sweep(&s->table[i], now);
    beba_programs_expire(s, now);
}
