/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Watches the traced interpreter. It always notes the tables a packet visited and what it gave
 * notice of (for tests); when it has a trace to write to, also everything else, for people. Private
 * to engine/. */
#ifndef BEBA_ENGINE_TRACER_H
#define BEBA_ENGINE_TRACER_H

#include "engine/internal.h"

struct visit {
    uint32_t table;
    bool has_key;
    uint32_t seen;          /* state at lookup */
    uint32_t from, left;    /* states of the updated entry before and after */
    struct flow_key lookup; /* key of the entry that was looked up, */
    struct flow_key update; /* and of the one that was updated */
};

struct traced_value {
    const struct beba_expr *expr;
    struct beba_u128 v;
    bool absent;
};

struct tracer {
    struct visit visit[BEBA_MAX_TABLES];
    uint32_t n_visits;
    uint32_t *notice; /* ids, in order */
    uint32_t n_notices, cap_notices;
    struct beba_trace *trace; /* NULL: not asked for */
    struct traced_value *value;
    uint32_t n_values, cap_values;
    struct beba_strbuf text, why;
    bool failed; /* out of memory: what there is, is incomplete */
};

void beba_tracer_reset(struct tracer *t);
void beba_tracer_free(struct tracer *t);

void beba_tracer_table(struct tracer *t, const struct exec *x);
void beba_tracer_no_key(struct tracer *t, const struct exec *x);
/* An entry as it was found, before its due timeouts; NULL: none. */
void beba_tracer_found(struct tracer *t, const struct exec *x, const struct flow_key *key,
                       struct beba_ft_entry *entry, bool update);
void beba_tracer_expired(struct tracer *t, const struct exec *x, struct beba_ft_entry *entry,
                         const struct beba_seen *seen);
/* L and U have been read. */
void beba_tracer_entries(struct tracer *t, const struct exec *x);
void beba_tracer_rule(struct tracer *t, const struct exec *x, const struct code_rule *r);
void beba_tracer_value(struct tracer *t, const struct node *n, struct beba_u128 v, bool absent);
void beba_tracer_match(struct tracer *t, const struct exec *x, const struct code_rule *r,
                       uint32_t match, struct beba_u128 v, bool absent);
void beba_tracer_guard(struct tracer *t, const struct exec *x, const struct code_rule *r,
                       bool truth);
void beba_tracer_refused(struct tracer *t, const struct exec *x, const struct code_rule *r);
void beba_tracer_if(struct tracer *t, const struct exec *x, const struct code_stmt *s, bool truth,
                    unsigned depth);
void beba_tracer_stmt(struct tracer *t, const struct exec *x, const struct code_stmt *s,
                      unsigned depth);
void beba_tracer_notice(struct tracer *t, uint32_t notice);
/* The table is done; entry: of the update key, before the rule. */
void beba_tracer_left(struct tracer *t, const struct exec *x, const struct beba_ft_entry *entry,
                      enum beba_reason reason);
/* The packet is done. */
void beba_tracer_end(struct tracer *t, const struct beba_engine *e,
                     const struct beba_result *result);
/* Before the first table. */
void beba_tracer_packet(struct tracer *t, const struct beba_engine *e, const struct beba_packet *p);

#endif
