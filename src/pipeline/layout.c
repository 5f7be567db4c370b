/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/layout.h"

#include <errno.h>
#include <string.h>

enum { CONNECTION_SIZE = 16 + 16 + 2 + 2 + 1 };

uint32_t beba_key_layout(struct beba_key *key)
{
    uint32_t size = 0;

    if (key->kind == BEBA_KEY_CONNECTION)
        size = CONNECTION_SIZE;
    else if (key->kind == BEBA_KEY_FIELDS)
        for (unsigned i = 0; i < key->n_fields; i++)
            size += (beba_fields[key->field[i]].type.width + 7u) / 8;
    key->size = size;
    key->padded = (size + 3) & ~3u;
    return size;
}

uint32_t beba_width_size(unsigned width)
{
    uint32_t size = 1;

    while (size * 8 < width)
        size *= 2;
    return size;
}

/* Widest first, and as declared among equals: aligned without holes. */
uint32_t beba_regs_layout(struct beba_table *t)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < t->n_regs; i++)
        t->reg[i].size = beba_width_size(t->reg[i].type.width);
    for (uint32_t size = 16; size; size /= 2) {
        for (uint32_t i = 0; i < t->n_regs; i++) {
            if (t->reg[i].size != size)
                continue;
            t->reg[i].offset = at;
            at += size;
        }
    }
    t->regs_size = (at + 7) & ~7u;
    return t->regs_size;
}

static void put_reg(uint8_t *regs, const struct beba_reg *r)
{
    uint8_t *at = regs + r->offset;
    uint64_t v = r->init.lo;

    switch (r->size) {
    case 16:
        memcpy(at, &r->init.hi, 8);
        memcpy(at + 8, &v, 8);
        break;
    case 8:
        memcpy(at, &v, 8);
        break;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)v}, 4);
        break;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)v}, 2);
        break;
    default:
        *at = (uint8_t)v;
    }
}

static bool enters_with_entry(const struct beba_table *t, uint32_t state)
{
    return state || (t->timeouts && (t->timeouts[state].idle || t->timeouts[state].hard));
}

/* Depth is bounded: the pipeline was checked. */
static bool creates(const struct beba_table *t, const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_REG)
            return true;
        if (s->kind == BEBA_STMT_GOTO && enters_with_entry(t, s->id))
            return true;
        if (s->kind == BEBA_STMT_IF && (creates(t, &s->then) || creates(t, &s->otherwise)))
            return true;
    }
    return false;
}

int beba_pipeline_layout(struct beba_pipeline *p)
{
    uint32_t n_rules = 0;

    for (uint32_t i = 0; i < p->n_tables; i++)
        n_rules += p->table[i].n_rules;
    p->rule = beba_arena_array(&p->arena, n_rules ? n_rules : 1, sizeof(*p->rule));
    if (!p->rule)
        return -ENOMEM;
    p->n_rules = n_rules;
    n_rules = 0;
    for (uint32_t i = 0; i < p->n_tables; i++) {
        struct beba_table *t = &p->table[i];

        t->regs_init = beba_arena_alloc(&p->arena, t->regs_size ? t->regs_size : 1);
        if (!t->regs_init)
            return -ENOMEM;
        for (uint32_t r = 0; r < t->n_regs; r++)
            put_reg(t->regs_init, &t->reg[r]);
        if (t->timeouts)
            beba_timeouts_prepare(t->timeouts, t->n_states);
        for (uint32_t r = 0; r < t->n_rules; r++) {
            t->rule[r].id = n_rules;
            t->rule[r].creates = creates(t, &t->rule[r].body);
            p->rule[n_rules++] = &t->rule[r];
        }
    }
    return 0;
}
