/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What controllers say to the stateful tables: STATE_MOD, and checks of actions. */
#include "datapath/state_config.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Configuration ------------------------------------------------------------------------------ */

static int no_memory(struct beba_of_error *err)
{
    return beba_of_error_beba(err, BEBA_ERR_STATE_MOD_FAILED, "no memory");
}

/* A copy of the table's configuration, to be changed and published; NULL: no memory. */
static struct beba_state_config *draft(struct beba_stateful *s, uint8_t table)
{
    const struct beba_state_config *now = atomic_load(&s->config[table]);
    struct beba_state_config *c = malloc(sizeof(*c));

    if (!c)
        return NULL;
    if (now) {
        *c = *now;
        return c;
    }
    *c = (struct beba_state_config){0};
    memset(c->header_field, BEBA_OF_N_FIELDS, sizeof(c->header_field));
    return c;
}

/* Names what the entries of a file are. */
static void describe(const struct beba_state_config *c, char out[160])
{
    size_t n = (size_t)snprintf(out, 160, "BEBA state table, lookup");

    for (uint32_t i = 0; i < c->lookup.fields.n; i++)
        n += (size_t)snprintf(out + n, 160 - n, " %08" PRIx32, c->lookup.fields.header[i]);
    n += (size_t)snprintf(out + n, 160 - n, "%s, update", c->lookup.biflow ? " biflow" : "");
    for (uint32_t i = 0; i < c->update[0].fields.n; i++)
        n += (size_t)snprintf(out + n, 160 - n, " %08" PRIx32, c->update[0].fields.header[i]);
    snprintf(out + n, 160 - n, "%s", c->update[0].biflow ? " biflow" : "");
}

static int open_table(struct beba_stateful *s, uint8_t table, const struct beba_state_config *c,
                      struct beba_of_error *err)
{
    struct beba_error why = {0};
    char *file = NULL, schema[160];
    int rc;

    if (s->table[table].ft)
        return 0;
    if (s->state_file && asprintf(&file, "%s.%u.ft", s->state_file, table) < 0)
        return no_memory(err);
    describe(c, schema);
    rc = beba_state_table_open(&s->table[table], file, c->lookup.key_len, s->max_flows, schema,
                               &why);
    free(file);
    s->table[table].deletes = s->deletes;
    return rc ? beba_of_error_beba(err, BEBA_ERR_STATE_MOD_FAILED, "state table %u: %s", table,
                                   why.what)
              : 0;
}

static bool reads_global_state(const struct beba_state_scope *scope)
{
    for (uint32_t i = 0; i < scope->fields.n; i++)
        if (scope->fields.field[i] == BEBA_OF_GLOBAL_STATE)
            return true;
    return false;
}

/* Makes a draft what packets see. Refused, it is freed. */
static int publish(struct beba_stateful *s, uint8_t table, struct beba_state_config *c,
                   struct beba_of_error *err)
{
    struct beba_state_config *old = atomic_load(&s->config[table]);
    int rc = 0;

    c->enabled = c->stateful && c->lookup.key_len && c->update[0].key_len;
    c->early = c->enabled && !reads_global_state(&c->lookup);
    if (c->enabled)
        rc = open_table(s, table, c, err);
    if (rc) {
        free(c);
        return rc;
    }
    atomic_store_explicit(&s->config[table], c, memory_order_release);
    beba_datapath_set_stateful_table(s->dp, table, c->enabled);
    if (old)
        beba_datapath_defer(s->dp, free, old);
    return 0;
}

static int set_stateful(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                        struct beba_of_error *err)
{
    struct beba_state_config *c = draft(s, mod->table);

    if (!c)
        return no_memory(err);
    c->stateful = mod->stateful;
    return publish(s, mod->table, c, err);
}

static int set_extractor(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                         struct beba_of_error *err)
{
    const struct beba_state_config *now = atomic_load(&s->config[mod->table]);
    struct beba_state_scope scope, *all[3];
    struct beba_state_config *c;
    unsigned which = mod->command == BEBA_SET_L_EXTRACTOR ? 0 : mod->extractor.bit ? 2 : 1;

    if (!now || !now->stateful)
        return beba_of_error_beba(err, BEBA_ERR_SET_EXTRACTOR, "table %u is not stateful",
                                  mod->table);
    if (!beba_state_scope_make(&scope, &mod->extractor.scope, mod->extractor.biflow != 0))
        return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN, "a key has 1 to %d bytes",
                                  BEBA_OF_STATE_KEY);
    c = draft(s, mod->table);
    if (!c)
        return no_memory(err);
    all[0] = &c->lookup;
    all[1] = &c->update[0];
    all[2] = &c->update[1];
    for (unsigned i = 0; i < 3; i++) {
        uint32_t other = all[i]->key_len;

        if (i == which || !other || other == scope.key_len)
            continue;
        free(c);
        return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN, "a scope of %u bytes beside one of %u",
                                  scope.key_len, other);
    }
    *all[which] = scope;
    return publish(s, mod->table, c, err);
}

static int set_header_field(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                            struct beba_of_error *err)
{
    struct beba_state_config *c;

    if (mod->header_field.id >= BEBA_HEADER_FIELDS)
        return beba_of_error_beba(err, BEBA_ERR_BAD_EXTRACTOR_ID, "header field %u",
                                  mod->header_field.id);
    if (!beba_state_enabled(s, mod->table))
        return beba_of_error_beba(err, BEBA_ERR_BAD_HEADER_EXTRACTOR,
                                  "table %u is not stateful or has no scopes", mod->table);
    c = draft(s, mod->table);
    if (!c)
        return no_memory(err);
    c->header_field[mod->header_field.id] = mod->header_field.field;
    return publish(s, mod->table, c, err);
}

/* An operand: its kind must be allowed, and its number exist. */
static int check_operand(uint8_t type, uint8_t id, bool constant, struct beba_of_error *err)
{
    switch (type) {
    case BEBA_OPERAND_FDV:
        return id < BEBA_FLOW_DATA_VARS
                   ? 0
                   : beba_of_error_beba(err, BEBA_ERR_BAD_FLOW_DATA_VAR_ID, "flow variable %u", id);
    case BEBA_OPERAND_GDV:
        return id < BEBA_GLOBAL_DATA_VARS ? 0
                                          : beba_of_error_beba(err, BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID,
                                                               "global variable %u", id);
    case BEBA_OPERAND_HF:
        return id < BEBA_HEADER_FIELDS
                   ? 0
                   : beba_of_error_beba(err, BEBA_ERR_BAD_EXTRACTOR_ID, "header field %u", id);
    default:
        return constant ? 0
                        : beba_of_error_beba(err, BEBA_ERR_BAD_OPERAND_TYPE,
                                             "an operand of a kind that cannot be here");
    }
}

static int set_condition(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                         struct beba_of_error *err)
{
    struct beba_state_config *c;
    int rc;

    if (mod->condition.id >= BEBA_CONDITIONS)
        return beba_of_error_beba(err, BEBA_ERR_BAD_CONDITION_ID, "condition %u",
                                  mod->condition.id);
    if (mod->condition.op > BEBA_COND_NEQ)
        return beba_of_error_beba(err, BEBA_ERR_BAD_CONDITION, "operator %u", mod->condition.op);
    for (unsigned i = 0; i < 2; i++) {
        rc = check_operand(mod->condition.operand_type[i], mod->condition.operand[i], false, err);
        if (rc)
            return rc;
    }
    if (!beba_state_enabled(s, mod->table))
        return beba_of_error_beba(err, BEBA_ERR_BAD_CONDITION,
                                  "table %u is not stateful or has no scopes", mod->table);
    c = draft(s, mod->table);
    if (!c)
        return no_memory(err);
    c->conditions |= (uint8_t)(1u << mod->condition.id);
    c->condition[mod->condition.id] = (struct beba_state_condition){
        .op = (int8_t)mod->condition.op,
        .type = {mod->condition.operand_type[0], mod->condition.operand_type[1]},
        .operand = {mod->condition.operand[0], mod->condition.operand[1]},
    };
    return publish(s, mod->table, c, err);
}

/* Entries and variables ------------------------------------------------------------------------ */

static int no_room(const struct beba_of_state_mod *mod, struct beba_of_error *err)
{
    return beba_of_error_beba(err, BEBA_ERR_STATE_MOD_FAILED, "state table %u has no room",
                              mod->table);
}

/* The key of a message about an entry; refused with code when the table is not enabled. */
static int find_key(struct beba_stateful *s, const struct beba_of_state_mod *mod, uint16_t code,
                    union beba_state_key *key, struct beba_of_error *err)
{
    const struct beba_state_config *c;

    c = beba_state_enabled(s, mod->table);
    if (!c)
        return beba_of_error_beba(err, code, "table %u is not stateful or has no scopes",
                                  mod->table);
    if (mod->flow.key_len != c->update[0].key_len)
        return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN,
                                  "a key of %u bytes, the update scope has %u", mod->flow.key_len,
                                  c->update[0].key_len);
    *key = (union beba_state_key){0};
    memcpy(key->byte, mod->flow.key, mod->flow.key_len);
    return 0;
}

static int set_flow_state(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                          uint64_t now, struct beba_of_error *err)
{
    const struct beba_state_change_of change = {mod->flow.state,         mod->flow.mask,
                                                mod->flow.hard_rollback, mod->flow.idle_rollback,
                                                mod->flow.hard_timeout,  mod->flow.idle_timeout};
    struct beba_state_regs copy;
    struct beba_state_hold hold;
    union beba_state_key key;
    bool done = false;
    int rc = find_key(s, mod, BEBA_ERR_SET_FLOW_STATE, &key, err);

    if (rc)
        return rc;
    for (unsigned i = 0; i < BEBA_STATE_TRIES && !done; i++) {
        beba_state_take(&hold, &s->table[mod->table], &key, now, true);
        copy = hold.regs ? *hold.regs : (struct beba_state_regs){0};
        if (!beba_state_write(&copy, &change, now) && !hold.regs) {
            done = true;
        } else if (hold.regs && hold.table->deletes && !copy.state) {
            beba_state_remove(&hold);
            done = true;
        } else if (hold.regs || beba_state_create(&hold)) {
            *hold.regs = copy;
            done = true;
        }
        beba_state_touch(&hold);
        beba_state_release(&hold);
    }
    return done ? 0 : no_room(mod, err);
}

static int del_flow_state(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                          uint64_t now, struct beba_of_error *err)
{
    struct beba_state_hold hold;
    union beba_state_key key;
    bool found;
    int rc = find_key(s, mod, BEBA_ERR_DEL_FLOW_STATE, &key, err);

    if (rc)
        return rc;
    beba_state_take(&hold, &s->table[mod->table], &key, now, false);
    found = hold.regs != NULL;
    if (found)
        beba_state_remove(&hold);
    beba_state_release(&hold);
    return found ? 0
                 : beba_of_error_beba(err, BEBA_ERR_DEL_FLOW_STATE, "table %u has no such key",
                                      mod->table);
}

static int set_flow_var(struct beba_stateful *s, const struct beba_of_state_mod *mod, uint64_t now,
                        struct beba_of_error *err)
{
    uint32_t value = mod->flow.state, mask, *var;
    struct beba_state_hold hold;
    union beba_state_key key;
    bool done = false;
    int rc;

    if (mod->flow.variable >= BEBA_FLOW_DATA_VARS)
        return beba_of_error_beba(err, BEBA_ERR_BAD_FLOW_DATA_VAR_ID, "flow variable %u",
                                  mod->flow.variable);
    rc = find_key(s, mod, BEBA_ERR_SET_FLOW_STATE, &key, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < BEBA_STATE_TRIES && !done; i++) {
        beba_state_take(&hold, &s->table[mod->table], &key, now, true);
        /* a new entry's variable is the value, as with the original */
        mask = hold.regs ? mod->flow.mask : UINT32_MAX;
        done = hold.regs || !value || beba_state_create(&hold);
        if (hold.regs) {
            var = &hold.regs->var[mod->flow.variable];
            *var = (*var & ~mask) | (value & mask);
        }
        beba_state_touch(&hold);
        beba_state_release(&hold);
    }
    return done ? 0 : no_room(mod, err);
}

static int set_global_state(struct beba_stateful *s, uint32_t value, uint32_t mask)
{
    _Atomic uint32_t *global = beba_datapath_global(s->dp);
    uint32_t old = atomic_load(global);

    while (!atomic_compare_exchange_weak(global, &old, (old & ~mask) | (value & mask)))
        ;
    return 0;
}

static int set_global_var(struct beba_stateful *s, const struct beba_of_state_mod *mod,
                          struct beba_of_error *err)
{
    struct beba_state_globals *g = &s->globals[mod->table];
    uint32_t mask = mod->global_var.mask, old;

    if (mod->global_var.id >= BEBA_GLOBAL_DATA_VARS)
        return beba_of_error_beba(err, BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID, "global variable %u",
                                  mod->global_var.id);
    if (!beba_state_enabled(s, mod->table))
        return beba_of_error_beba(err, BEBA_ERR_BAD_CONDITION,
                                  "table %u is not stateful or has no scopes", mod->table);
    pthread_spin_lock(&g->lock);
    old = atomic_load(&g->var[mod->global_var.id]);
    atomic_store(&g->var[mod->global_var.id], (old & ~mask) | (mod->global_var.value & mask));
    pthread_spin_unlock(&g->lock);
    return 0;
}

static int check_table(uint8_t table, struct beba_of_error *err)
{
    return table < BEBA_STATE_TABLES
               ? 0
               : beba_of_error_beba(err, BEBA_ERR_BAD_TABLE_ID, "state table %u", table);
}

/* Lengths are checked before everything else. */
static int check_lengths(const struct beba_of_state_mod *mod, struct beba_of_error *err)
{
    switch (mod->command) {
    case BEBA_SET_L_EXTRACTOR:
    case BEBA_SET_U_EXTRACTOR:
        if (!mod->extractor.scope.n || mod->extractor.scope.n > BEBA_OF_KEY_FIELDS)
            return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN,
                                      "a scope has 1 to %d fields, not %u", BEBA_OF_KEY_FIELDS,
                                      mod->extractor.scope.n);
        return 0;
    case BEBA_SET_FLOW_STATE:
    case BEBA_DEL_FLOW_STATE:
    case BEBA_SET_FLOW_DATA_VAR:
        if (!mod->flow.key_len || mod->flow.key_len > BEBA_OF_STATE_KEY)
            return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN, "a key has 1 to %d bytes, not %u",
                                      BEBA_OF_STATE_KEY, mod->flow.key_len);
        return 0;
    default:
        return 0;
    }
}

int beba_datapath_state_mod(struct beba_datapath *dp, const struct beba_of_state_mod *mod,
                            uint64_t now, struct beba_of_error *err)
{
    struct beba_stateful *s = beba_datapath_stateful(dp);
    int rc;

    if (mod->command == BEBA_SET_GLOBAL_STATE)
        return set_global_state(s, mod->global_state.value, mod->global_state.mask);
    if (mod->command == BEBA_RESET_GLOBAL_STATE)
        return set_global_state(s, 0, UINT32_MAX);
    if (mod->command > BEBA_SET_FLOW_DATA_VAR)
        return beba_of_error_beba(err, BEBA_ERR_STATE_MOD_BAD_COMMAND, "STATE_MOD command %u",
                                  mod->command);
    rc = check_lengths(mod, err);
    if (!rc)
        rc = check_table(mod->table, err);
    if (!rc && beba_datapath_program_name(dp, mod->table))
        rc = beba_of_error_beba(err, BEBA_ERR_STATE_MOD_FAILED, "table %u runs a program",
                                mod->table);
    if (rc)
        return rc;
    switch (mod->command) {
    case BEBA_STATEFUL_TABLE_CONFIG:
        return set_stateful(s, mod, err);
    case BEBA_SET_L_EXTRACTOR:
    case BEBA_SET_U_EXTRACTOR:
        return set_extractor(s, mod, err);
    case BEBA_SET_FLOW_STATE:
        return set_flow_state(s, mod, now, err);
    case BEBA_DEL_FLOW_STATE:
        return del_flow_state(s, mod, now, err);
    case BEBA_SET_HEADER_FIELD_EXTRACTOR:
        return set_header_field(s, mod, err);
    case BEBA_SET_CONDITION:
        return set_condition(s, mod, err);
    case BEBA_SET_GLOBAL_DATA_VAR:
        return set_global_var(s, mod, err);
    default:
        return set_flow_var(s, mod, now, err);
    }
}

/* Actions ------------------------------------------------------------------------------------ */

static int check_scope(const struct beba_of_scope *scope, struct beba_of_error *err)
{
    return scope->n <= BEBA_OF_KEY_FIELDS
               ? 0
               : beba_of_error_beba(err, BEBA_ERR_BAD_EXP_LEN, "a scope of %u fields", scope->n);
}

/* In the order of the originals, but for operands 3 and 4, which these check wrongly. */
static int check_data_var(const struct beba_of_action *a, struct beba_of_error *err)
{
    const uint8_t *type = a->set_data_var.operand_type, *id = a->set_data_var.operand;
    int rc = check_scope(&a->set_data_var.scope, err);

    if (!rc)
        rc = check_table(a->set_data_var.table, err);
    if (!rc)
        rc = check_operand(type[0], id[0], false, err);
    if (!rc)
        rc = check_operand(type[1], id[1], true, err);
    if (!rc && a->set_data_var.out_type > BEBA_OPERAND_GDV)
        rc = beba_of_error_beba(err, BEBA_ERR_BAD_OPERAND_TYPE, "only variables can be written");
    if (!rc)
        rc = check_operand(a->set_data_var.out_type, a->set_data_var.out, false, err);
    if (!rc && a->set_data_var.opcode > BEBA_ALU_POLY_SUM)
        rc = beba_of_error_beba(err, BEBA_ERR_BAD_OPCODE, "opcode %u", a->set_data_var.opcode);
    if (!rc && a->set_data_var.opcode >= BEBA_ALU_AVG)
        rc = check_operand(type[2], id[2], false, err);
    if (!rc && a->set_data_var.opcode == BEBA_ALU_POLY_SUM)
        rc = check_operand(type[3], id[3], false, err);
    return rc;
}

static int check_context(const struct beba_of_action *a, struct beba_of_error *err)
{
    uint8_t field = a->write_context.field;
    int rc = 0;

    if (a->write_context.source > BEBA_CONTEXT_STATE)
        return beba_of_error_beba(err, BEBA_ERR_BAD_SOURCE_TYPE, "source %u",
                                  a->write_context.source);
    if (a->write_context.source != BEBA_CONTEXT_STATE)
        rc = check_operand(a->write_context.source == BEBA_CONTEXT_FDV ? BEBA_OPERAND_FDV
                                                                       : BEBA_OPERAND_GDV,
                           a->write_context.id, false, err);
    if (rc)
        return rc;
    if (field == OFPXMT_OFB_IN_PORT || field == OFPXMT_OFB_IN_PHY_PORT ||
        field == OFPXMT_OFB_IPV6_EXTHDR || field >= BEBA_OF_GLOBAL_STATE)
        return beba_of_error_set(err, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE,
                                 "field %u cannot be written", field);
    return 0;
}

int beba_stateful_check_action(struct beba_datapath *dp, const struct beba_of_action *a,
                               struct beba_of_error *err)
{
    int rc;

    (void)dp;
    switch (a->beba) {
    case BEBA_ACT_SET_STATE:
        rc = check_scope(&a->set_state.scope, err);
        return rc ? rc : check_table(a->set_state.table, err);
    case BEBA_ACT_SET_GLOBAL_STATE:
        return 0;
    case BEBA_ACT_INC_STATE:
        return check_table(a->inc_state.table, err);
    case BEBA_ACT_SET_DATA_VAR:
        return check_data_var(a, err);
    case BEBA_ACT_WRITE_CONTEXT:
        return check_context(a, err);
    default:
        return beba_of_error_beba(err, BEBA_ERR_BAD_EXP_ACTION, "action %u", a->beba);
    }
}
