/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/tracer.h"

#include <stdlib.h>

void tracer_reset(struct tracer *t)
{
    t->n_visits = 0;
    t->n_notices = 0;
    t->n_values = 0;
}

void tracer_free(struct tracer *t)
{
    free(t->notice);
    free(t->value);
    beba_strbuf_free(&t->text);
    beba_strbuf_free(&t->why);
}

void tracer_table(struct tracer *t, const struct exec *x)
{
    t->visit[t->n_visits++] = (struct visit){.table = x->t->code->id};
}

void tracer_no_key(struct tracer *t, const struct exec *x)
{
}

void tracer_expired(struct tracer *t, const struct exec *x, struct beba_ft_entry *entry,
                    const struct beba_seen *seen)
{
}

void tracer_entry(struct tracer *t, const struct exec *x, const struct flow_key *key,
                  struct beba_ft_entry *entry, bool update)
{
    struct visit *v = &t->visit[t->n_visits - 1];

    v->has_key = true;
    v->update = *key;
    if (!update)
        v->seen = entry ? entry->state : 0;
}

void tracer_rule(struct tracer *t, const struct exec *x, const struct code_rule *r)
{
}

void tracer_value(struct tracer *t, const struct node *n, struct beba_u128 v, bool absent)
{
}

void tracer_match(struct tracer *t, const struct code_rule *r, uint32_t match, struct beba_u128 v,
                  bool absent)
{
}

void tracer_guard(struct tracer *t, const struct exec *x, const struct code_rule *r, bool truth)
{
}

void tracer_refused(struct tracer *t, const struct exec *x, const struct code_rule *r)
{
}

void tracer_if(struct tracer *t, const struct exec *x, const struct code_stmt *s, bool truth,
               unsigned depth)
{
}

void tracer_stmt(struct tracer *t, const struct exec *x, const struct code_stmt *s, unsigned depth)
{
}

void tracer_notice(struct tracer *t, uint32_t notice)
{
    uint32_t cap = t->cap_notices ? t->cap_notices * 2 : 8;
    uint32_t *grown;

    if (t->n_notices == t->cap_notices) {
        grown = reallocarray(t->notice, cap, sizeof(*grown));
        if (!grown) {
            t->failed = true;
            return;
        }
        t->notice = grown;
        t->cap_notices = cap;
    }
    t->notice[t->n_notices++] = notice;
}

void tracer_left(struct tracer *t, const struct exec *x, enum beba_reason reason)
{
    t->visit[t->n_visits - 1].left = x->state;
}
