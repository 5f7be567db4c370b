/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* For the tests: short ways to write expressions, statements and tables by hand. Everything is
 * taken from the pipeline's arena. */
#ifndef BEBA_PIPELINE_FIXTURE_H
#define BEBA_PIPELINE_FIXTURE_H

#include "base/units.h"
#include "pipeline/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SEC BEBA_NS_PER_SEC

static inline struct beba_expr *ex(struct beba_pipeline *p, enum beba_op op, unsigned width,
                                   uint32_t id, unsigned n_args, ...)
{
    struct beba_expr *e = beba_arena_alloc(&p->arena, sizeof(*e));
    va_list ap;

    e->op = (uint8_t)op;
    e->type = (struct beba_type){width == 1     ? BEBA_KIND_BOOL
                                 : width == 128 ? BEBA_KIND_IP
                                                : BEBA_KIND_UINT,
                                 (uint8_t)width};
    e->id = id;
    e->n_args = (uint8_t)n_args;
    e->arg = beba_arena_array(&p->arena, n_args + 1, sizeof(*e->arg));
    va_start(ap, n_args);
    for (unsigned i = 0; i < n_args; i++)
        e->arg[i] = va_arg(ap, struct beba_expr *);
    va_end(ap);
    return e;
}

static inline struct beba_expr *num(struct beba_pipeline *p, unsigned width, uint64_t v)
{
    struct beba_expr *e = ex(p, BEBA_OP_CONST, width, 0, 0);

    e->k.lo = v;
    return e;
}

static inline struct beba_expr *field(struct beba_pipeline *p, enum beba_field_id id)
{
    struct beba_expr *e = ex(p, BEBA_OP_FIELD, beba_fields[id].type.width, id, 0);

    e->type = beba_fields[id].type;
    return e;
}

static inline struct beba_expr *op2(struct beba_pipeline *p, enum beba_op op, unsigned width,
                                    struct beba_expr *a, struct beba_expr *b)
{
    return ex(p, op, width, 0, 2, a, b);
}

static inline struct beba_expr *is(struct beba_pipeline *p, enum beba_field_id id, uint64_t v)
{
    return op2(p, BEBA_OP_EQ, 1, field(p, id), num(p, beba_fields[id].type.width, v));
}

/* statements are passed by value and copied */
static inline struct beba_body body(struct beba_pipeline *p, unsigned n, ...)
{
    struct beba_body b = {beba_arena_array(&p->arena, n + 1, sizeof(struct beba_stmt)), n};
    va_list ap;

    va_start(ap, n);
    for (unsigned i = 0; i < n; i++)
        b.stmt[i] = va_arg(ap, struct beba_stmt);
    va_end(ap);
    return b;
}

static inline struct beba_stmt go(uint32_t state)
{
    return (struct beba_stmt){.kind = BEBA_STMT_GOTO, .id = state};
}

static inline struct beba_stmt say(enum beba_verdict_kind kind)
{
    return (struct beba_stmt){.kind = BEBA_STMT_VERDICT, .verdict = {.kind = (uint8_t)kind}};
}

static inline struct beba_stmt out_port(struct beba_expr *port)
{
    return (struct beba_stmt){.kind = BEBA_STMT_VERDICT,
                              .verdict = {.kind = BEBA_VERDICT_OUTPUT, .port = port}};
}

static inline struct beba_stmt set(enum beba_lvalue lvalue, uint32_t id, enum beba_assign_op how,
                                   struct beba_expr *value)
{
    return (struct beba_stmt){.kind = BEBA_STMT_ASSIGN,
                              .lvalue = (uint8_t)lvalue,
                              .assign = (uint8_t)how,
                              .id = id,
                              .value = value};
}

static inline struct beba_stmt let(uint32_t slot, struct beba_expr *value)
{
    return (struct beba_stmt){.kind = BEBA_STMT_LET, .id = slot, .value = value};
}

static inline struct beba_stmt when(struct beba_expr *cond, struct beba_body then,
                                    struct beba_body otherwise)
{
    return (struct beba_stmt){
        .kind = BEBA_STMT_IF, .value = cond, .then = then, .otherwise = otherwise};
}

static inline struct beba_stmt with(enum beba_stmt_kind kind, uint32_t id, struct beba_expr *value)
{
    return (struct beba_stmt){.kind = (uint8_t)kind, .id = id, .value = value};
}

/* room for tables, states, registers and rules: tests fill what they need */
static inline struct beba_table *add_table(struct beba_pipeline *p, const char *name)
{
    struct beba_table *t;

    if (!p->table)
        p->table = beba_arena_array(&p->arena, 8, sizeof(*p->table));
    t = &p->table[p->n_tables++];
    t->name = name;
    t->capacity = 1000;
    t->no_key.kind = BEBA_VERDICT_PASS;
    t->state = beba_arena_array(&p->arena, 16, sizeof(*t->state));
    t->timeouts = beba_arena_array(&p->arena, 16, sizeof(*t->timeouts));
    t->reg = beba_arena_array(&p->arena, BEBA_MAX_REGS + 1, sizeof(*t->reg));
    t->rule = beba_arena_array(&p->arena, 32, sizeof(*t->rule));
    t->let_name = beba_arena_array(&p->arena, 8, sizeof(*t->let_name));
    t->let_type = beba_arena_array(&p->arena, 8, sizeof(*t->let_type));
    return t;
}

static inline void add_key(struct beba_key *key, enum beba_field_id id)
{
    key->kind = BEBA_KEY_FIELDS;
    key->field[key->n_fields++] = (uint16_t)id;
}

static inline uint32_t add_state(struct beba_table *t, const char *name, uint64_t idle,
                                 uint32_t idle_to)
{
    t->state[t->n_states].name = name;
    t->timeouts[t->n_states].idle = idle;
    t->timeouts[t->n_states].idle_to = idle_to;
    return t->n_states++;
}

static inline uint32_t add_reg(struct beba_table *t, const char *name, enum beba_kind kind,
                               unsigned width, uint64_t init)
{
    t->reg[t->n_regs] =
        (struct beba_reg){.name = name, .type = {(uint8_t)kind, (uint8_t)width}, .init = {0, init}};
    return t->n_regs++;
}

static inline uint32_t add_let(struct beba_table *t, const char *name, unsigned width)
{
    t->let_name[t->n_lets] = name;
    t->let_type[t->n_lets] = (struct beba_type){BEBA_KIND_UINT, (uint8_t)width};
    return t->n_lets++;
}

static inline struct beba_rule *add_rule(struct beba_table *t, uint32_t state, const char *label,
                                         struct beba_expr *guard, struct beba_body b)
{
    struct beba_rule *r = &t->rule[t->n_rules++];

    r->state = state;
    r->state_mask = 0xffffffff;
    r->label = label;
    r->guard = guard;
    r->body = b;
    return r;
}

/* Port knocking of two ports: SSH opens to a host that knocks 1111, 2222. */
static inline struct beba_table *add_knocking(struct beba_pipeline *p)
{
    struct beba_table *t = add_table(p, "port_knocking");

    p->name = "port_knocking";
    add_key(&t->lookup, BEBA_F_IP_SRC);
    t->full = BEBA_FULL_REFUSE;
    t->full_verdict.kind = BEBA_VERDICT_DROP;
    add_state(t, "closed", 0, 0);
    add_state(t, "step1", SEC, 0);
    add_state(t, "open", 60 * SEC, 0);
    add_rule(t, 0, "on udp.dst == 1111", is(p, BEBA_F_UDP_DST, 1111),
             body(p, 2, go(1), say(BEBA_VERDICT_DROP)));
    add_rule(t, 0, "else", NULL, body(p, 1, say(BEBA_VERDICT_DROP)));
    add_rule(t, 1, "on udp.dst == 2222", is(p, BEBA_F_UDP_DST, 2222),
             body(p, 2, go(2), say(BEBA_VERDICT_DROP)));
    add_rule(t, 1, "else", NULL, body(p, 2, go(0), say(BEBA_VERDICT_DROP)));
    add_rule(t, 2, "on tcp.dst == 22", is(p, BEBA_F_TCP_DST, 22),
             body(p, 1, say(BEBA_VERDICT_PASS)));
    add_rule(t, 2, "else", NULL, body(p, 1, say(BEBA_VERDICT_DROP)));
    return t;
}

#endif
