/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What controllers configured of the stateful tables. Packets read versions of it, which the
 * control thread replaces whole. Inside of the room only. */
#ifndef BEBA_DATAPATH_STATE_CONFIG_H
#define BEBA_DATAPATH_STATE_CONFIG_H

#include "datapath/state_table.h"

#include "datapath/exec.h"

#include <pthread.h>

/* Of one condition; op < 0: not set. */
struct beba_state_condition {
    int8_t op;
    uint8_t type[2], operand[2];
};

/* One version of a table's configuration. */
struct beba_state_config {
    bool stateful;
    bool enabled;                             /* stateful, with lookup and update scope */
    struct beba_state_scope lookup;           /* key_len 0: not set */
    struct beba_state_scope update[2];        /* by bit */
    uint8_t header_field[BEBA_HEADER_FIELDS]; /* enum beba_of_field; BEBA_OF_N_FIELDS: not set */
    struct beba_state_condition condition[BEBA_CONDITIONS];
    uint8_t conditions; /* bit i: condition i is set */
    bool early;         /* the lookup key is known when a packet comes to the first table */
};

/* A table's global variables. The lock is for those who read and write; it is the last one that
 * anybody takes. */
struct beba_state_globals {
    pthread_spinlock_t lock;
    _Atomic uint32_t var[BEBA_GLOBAL_DATA_VARS];
};

struct beba_template {
    uint32_t id, len;
    uint8_t frame[];
};

struct beba_templates {
    uint32_t n;
    struct beba_template *item[]; /* by id */
};

struct beba_stateful {
    struct beba_datapath *dp;
    _Atomic(struct beba_state_config *) config[BEBA_STATE_TABLES]; /* NULL: never configured */
    struct beba_state_table table[BEBA_STATE_TABLES];
    struct beba_state_globals globals[BEBA_STATE_TABLES];
    _Atomic(struct beba_templates *) templates;                   /* NULL: none */
    _Atomic(struct beba_table_program *) program[BEBA_DP_TABLES]; /* NULL: entries */
    uint64_t max_flows;
    bool deletes; /* entries that come to state 0 */
    uint32_t max_templates;
    char *state_file;
};

/* The configuration of a table that is enabled, else NULL. */
BEBA_INLINE const struct beba_state_config *beba_state_enabled(const struct beba_stateful *s,
                                                               uint8_t table)
{
    const struct beba_state_config *c;

    if (table >= BEBA_STATE_TABLES)
        return NULL;
    c = atomic_load_explicit(&s->config[table], memory_order_acquire);
    return c && c->enabled ? c : NULL;
}

/* program.c */
void beba_programs_free(struct beba_stateful *s);
void beba_programs_expire(struct beba_stateful *s, uint64_t now);

/* The value of one operand; false: NULL. regs: of the entry; has_key: the scope in force gave a key
 * (without one, flow variables are NULL). */
bool beba_state_operand(struct beba_datapath_exec *x, const struct beba_state_config *c,
                        const struct beba_state_globals *g, uint8_t type, uint8_t id, bool has_key,
                        const struct beba_state_regs *regs, uint32_t *out);

#endif
