/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* BEBA's actions. Keys are those of the packet's headers as they are now. */
#include "datapath/state_config.h"

#include "datapath/opp.h"

#include <string.h>

/* What an action changes. */
struct target {
    struct beba_datapath_exec *x;
    struct beba_stateful *s;
    const struct beba_state_config *config;
    struct beba_state_table *table;
    struct beba_state_globals *globals;
    union beba_state_key key;
    uint32_t key_len;
    bool has_key;
};

/* False when the table is not enabled: then actions do nothing. */
static bool find_target(struct target *t, struct beba_datapath_exec *x, uint8_t table)
{
    t->x = x;
    t->s = beba_datapath_stateful(x->dp);
    t->config = beba_state_enabled(t->s, table);
    t->has_key = false;
    if (!t->config)
        return false;
    t->table = &t->s->table[table];
    t->globals = &t->s->globals[table];
    t->key_len = t->table->key_len;
    return true;
}

/* The key by the action's own scope or, if it has none, by the table's. */
static void find_key(struct target *t, uint8_t bit, const struct beba_of_scope *own)
{
    const struct beba_state_scope *scope = &t->config->update[bit != 0];
    struct beba_state_scope made;

    if (own->n) {
        if (!scope->key_len)
            scope = &t->config->update[0];
        if (!beba_state_scope_make(&made, own, scope->biflow) || made.key_len != t->key_len)
            return;
        scope = &made;
    }
    t->has_key = beba_state_scope_key(scope, beba_datapath_exec_key(t->x), &t->key);
}

static void tell(struct target *t, uint8_t table, uint32_t old, uint32_t mask,
                 const struct beba_state_regs *regs)
{
    const struct beba_datapath_sink *sink = &t->x->worker->sink;
    struct beba_datapath_state_change change = {
        .table = table, .old_state = old, .mask = mask, .key_len = t->key_len};

    change.new_state = regs->state;
    memcpy(change.key, t->key.byte, sizeof(change.key));
    memcpy(change.vars, regs->var, sizeof(change.vars));
    sink->state_changed(sink->arg, &change);
}

static void set_state(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    const struct beba_state_change_of change = {
        a->set_state.state,         a->set_state.mask,         a->set_state.hard_rollback,
        a->set_state.idle_rollback, a->set_state.hard_timeout, a->set_state.idle_timeout};
    struct beba_state_hold hold;
    struct beba_state_regs copy = {0};
    struct target t;
    uint32_t old = 0;
    bool done = false;

    if (!find_target(&t, x, a->set_state.table))
        return;
    find_key(&t, a->set_state.bit, &a->set_state.scope);
    if (!t.has_key)
        return;
    for (unsigned i = 0; i < BEBA_STATE_TRIES && !done; i++) {
        beba_state_take(&hold, t.table, &t.key, x->packet->now, true);
        copy = hold.regs ? *hold.regs : (struct beba_state_regs){0};
        old = copy.state;
        if (!beba_state_write(&copy, &change, x->packet->now) && !hold.regs) {
            done = true; /* as if there were no entry */
        } else if (hold.regs && t.table->deletes && !copy.state) {
            beba_state_remove(&hold);
            done = true;
        } else if (hold.regs || beba_state_create(&hold)) {
            *hold.regs = copy;
            done = true;
        }
        beba_state_touch(&hold);
        beba_state_release(&hold);
    }
    if (done && x->worker->sink.state_changed && old != copy.state)
        tell(&t, a->set_state.table, old, a->set_state.mask, &copy);
}

static void inc_state(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    static const struct beba_of_scope none;
    struct beba_state_hold hold;
    struct target t;
    bool done = false;

    if (!find_target(&t, x, a->inc_state.table))
        return;
    find_key(&t, 0, &none);
    for (unsigned i = 0; t.has_key && i < BEBA_STATE_TRIES && !done; i++) {
        beba_state_take(&hold, t.table, &t.key, x->packet->now, true);
        done = hold.regs || beba_state_create(&hold);
        if (done)
            hold.regs->state++;
        beba_state_touch(&hold);
        beba_state_release(&hold);
    }
}

static void set_global_state(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    _Atomic uint32_t *global = beba_datapath_global(x->dp);
    uint32_t mask = a->set_global_state.mask, old = atomic_load(global), new;

    do
        new = (old & ~mask) | (a->set_global_state.value & mask);
    while (!atomic_compare_exchange_weak(global, &old, new));
    beba_key_set(beba_datapath_exec_key(x), BEBA_OF_GLOBAL_STATE, beba_u128(0, new));
    x->ask = NULL;
}

/* Data variables ----------------------------------------------------------------------------- */

/* What a SET_DATA_VAR reads and writes: the output, and the operands that its opcode says. */
struct places {
    unsigned n_operands; /* read */
    bool flow, global;   /* variables of which kind are read or written; global: written */
    unsigned n;          /* written */
    struct {
        uint8_t type, id;
        uint32_t value;
    } out[3];
};

static void find_places(const struct beba_of_action *a, struct places *p)
{
    unsigned writes = beba_alu_writes(a->set_data_var.opcode);

    *p = (struct places){.n_operands = 2 + beba_alu_more_operands(a->set_data_var.opcode)};
    p->out[p->n].type = a->set_data_var.out_type;
    p->out[p->n++].id = a->set_data_var.out;
    for (unsigned i = 1; i <= writes; i++)
        if (a->set_data_var.operand_type[i] <= BEBA_OPERAND_GDV) {
            p->out[p->n].type = a->set_data_var.operand_type[i];
            p->out[p->n++].id = a->set_data_var.operand[i];
        }
    for (unsigned i = 0; i < p->n_operands; i++)
        p->flow |= a->set_data_var.operand_type[i] == BEBA_OPERAND_FDV;
    for (unsigned i = 0; i < p->n; i++) {
        p->flow |= p->out[i].type == BEBA_OPERAND_FDV;
        p->global |= p->out[i].type == BEBA_OPERAND_GDV;
    }
}

/* Computes what is to be written; false when an operand is NULL. */
static bool compute(struct target *t, const struct beba_of_action *a, struct places *p,
                    const struct beba_state_regs *regs)
{
    struct beba_alu alu = {.opcode = a->set_data_var.opcode};
    unsigned n = 0;

    memcpy(alu.coeff, a->set_data_var.coeff, sizeof(alu.coeff));
    for (unsigned i = 0; i < p->n_operands; i++)
        if (!beba_state_operand(t->x, t->config, t->globals, a->set_data_var.operand_type[i],
                                a->set_data_var.operand[i], t->has_key, regs, &alu.operand[i]))
            return false;
    if (!beba_state_operand(t->x, t->config, t->globals, p->out[0].type, p->out[0].id, t->has_key,
                            regs, &alu.out))
        return false;
    beba_alu_run(&alu);
    p->out[n++].value = alu.out;
    for (unsigned i = 1; i <= beba_alu_writes(alu.opcode); i++)
        if (a->set_data_var.operand_type[i] <= BEBA_OPERAND_GDV)
            p->out[n++].value = alu.operand[i];
    return true;
}

static void write_globals(struct target *t, const struct places *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->out[i].type == BEBA_OPERAND_GDV)
            atomic_store_explicit(&t->globals->var[p->out[i].id], p->out[i].value,
                                  memory_order_relaxed);
}

/* With the lock of the global variables where some are written. */
static bool compute_locked(struct target *t, const struct beba_of_action *a, struct places *p,
                           const struct beba_state_regs *regs, bool write)
{
    bool done;

    if (!p->global)
        return compute(t, a, p, regs);
    pthread_spin_lock(&t->globals->lock);
    done = compute(t, a, p, regs);
    if (done && write)
        write_globals(t, p);
    pthread_spin_unlock(&t->globals->lock);
    return done;
}

/* A flow variable that is not 0 makes an entry. */
static bool makes_entry(const struct places *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->out[i].type == BEBA_OPERAND_FDV && p->out[i].value)
            return true;
    return false;
}

/* With the key held. False: try again. */
static bool change_vars(struct target *t, const struct beba_of_action *a, struct places *p,
                        struct beba_state_hold *hold)
{
    /* Whether there will be room is known before anything is written. */
    if (!hold->regs) {
        if (!compute_locked(t, a, p, NULL, false))
            return true;
        if (makes_entry(p) && !beba_state_create(hold))
            return false;
    }
    if (!compute_locked(t, a, p, hold->regs, true) || !hold->regs)
        return true;
    for (unsigned i = 0; i < p->n; i++)
        if (p->out[i].type == BEBA_OPERAND_FDV)
            hold->regs->var[p->out[i].id] = p->out[i].value;
    beba_state_touch(hold);
    return true;
}

static void set_data_var(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    struct beba_state_hold hold;
    struct places places;
    struct target t;
    bool done = false;

    if (!find_target(&t, x, a->set_data_var.table))
        return;
    find_places(a, &places);
    if (!places.flow) {
        compute_locked(&t, a, &places, NULL, true);
        return;
    }
    find_key(&t, a->set_data_var.bit, &a->set_data_var.scope);
    for (unsigned i = 0; t.has_key && i < BEBA_STATE_TRIES && !done; i++) {
        beba_state_take(&hold, t.table, &t.key, x->packet->now, true);
        done = change_vars(&t, a, &places, &hold);
        beba_state_release(&hold);
    }
}

/* The source is as it is now, of the entry by which the packet came into its table: what rewrites
 * of its headers, by this action among others, do not change. */
static void write_context(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    enum beba_of_field field = a->write_context.field;
    struct beba_state_regs regs = {0};
    struct beba_state_hold hold;
    struct beba_u128 mask;
    struct target t;
    uint32_t value;

    if (!x->lookup.entered || x->lookup.table != x->table || !find_target(&t, x, x->table))
        return;
    if (a->write_context.source == BEBA_CONTEXT_GDV) {
        value = atomic_load_explicit(&t.globals->var[a->write_context.id], memory_order_relaxed);
    } else {
        if (!x->lookup.has_key)
            return;
        beba_state_take(&hold, t.table, &x->lookup.key, x->packet->now, false);
        if (hold.regs)
            regs = *hold.regs;
        beba_state_release(&hold);
        value = a->write_context.source == BEBA_CONTEXT_STATE ? regs.state
                                                              : regs.var[a->write_context.id];
    }
    if (field >= BEBA_OF_N_FIELDS)
        return;
    mask = beba_key_places[field].width > 64
               ? beba_u128(beba_mask64(beba_key_places[field].width - 64u), ~0ull)
               : beba_u128(0, beba_mask64(beba_key_places[field].width));
    beba_datapath_exec_set(x, field, beba_state_value(field, value), mask);
}

void beba_stateful_action(struct beba_datapath_exec *x, const struct beba_of_action *a)
{
    switch (a->beba) {
    case BEBA_ACT_SET_STATE:
        set_state(x, a);
        break;
    case BEBA_ACT_SET_GLOBAL_STATE:
        set_global_state(x, a);
        break;
    case BEBA_ACT_INC_STATE:
        inc_state(x, a);
        break;
    case BEBA_ACT_SET_DATA_VAR:
        set_data_var(x, a);
        break;
    case BEBA_ACT_WRITE_CONTEXT:
        write_context(x, a);
        break;
    default:
        break;
    }
}
