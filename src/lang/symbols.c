/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include "base/error.h"
#include "lang/lower.h"

enum { NEAR_MAX = 2048 };

const char *beba_keep(struct lower *c, const char *s)
{
    const char *copy = beba_arena_strdup(c->arena, s);

    if (!copy)
        c->no_memory = true;
    return copy ? copy : "";
}

static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h ^ h >> 15;
}

bool beba_scope_init(struct lower *c, struct scope *s, uint32_t expected)
{
    s->n_buckets = 16;
    while (s->n_buckets < expected && s->n_buckets < 1u << 20)
        s->n_buckets *= 2;
    s->first = NULL;
    s->last = &s->first;
    s->bucket = beba_arena_array(c->scratch, s->n_buckets, sizeof(*s->bucket));
    if (!s->bucket)
        c->no_memory = true;
    return s->bucket != NULL;
}

struct sym *beba_scope_find(const struct scope *s, const char *name)
{
    if (!s->bucket || !name)
        return NULL;
    for (struct sym *y = s->bucket[hash_name(name) & (s->n_buckets - 1)]; y; y = y->chain)
        if (!y->hidden && !strcmp(y->name, name))
            return y;
    return NULL;
}

struct sym *beba_scope_add(struct lower *c, struct scope *s, const char *name, enum sym_kind kind,
                           struct beba_loc loc)
{
    struct sym *y = beba_arena_alloc(c->scratch, sizeof(*y));
    struct sym **b;

    if (!y || !s->bucket) {
        c->no_memory = true;
        return NULL;
    }
    y->name = name;
    y->kind = (uint8_t)kind;
    y->loc = loc;
    b = &s->bucket[hash_name(name) & (s->n_buckets - 1)];
    y->chain = *b;
    *b = y;
    *s->last = y;
    s->last = &y->next;
    return y;
}

struct sym *beba_sym_find(const struct lower *c, const char *name)
{
    struct sym *y = c->m ? beba_scope_find(&c->m->scope, name) : NULL;

    return y ? y : beba_scope_find(&c->scope, name);
}

void beba_scope_hide(struct scope *s, struct sym **from)
{
    for (struct sym *y = *from; y; y = y->next) {
        struct sym **b = &s->bucket[hash_name(y->name) & (s->n_buckets - 1)];

        if (y->kind != SYM_LET || y->hidden)
            continue;
        while (*b && *b != y) /* near the front: what came later is hidden already */
            b = &(*b)->chain;
        if (*b)
            *b = y->chain;
        y->hidden = true;
    }
}

const char *beba_sym_kind_name(enum sym_kind kind)
{
    static const char *const names[] = {
        [SYM_CONST] = "a constant", [SYM_SET] = "a set",         [SYM_GLOBAL] = "a global",
        [SYM_ARRAY] = "an array",   [SYM_MACHINE] = "a machine", [SYM_REG] = "a register",
        [SYM_STATE] = "a state",    [SYM_LET] = "a let",
    };

    return names[kind];
}

unsigned beba_line_of(const struct lower *c, struct beba_loc loc)
{
    unsigned line, column;

    if (c->diags->dropped) /* nobody will read it */
        return 0;
    beba_sources_position(c->sources, loc, &line, &column);
    return line;
}

struct sym *beba_sym_declare(struct lower *c, struct scope *s, const struct ast_name *name,
                             enum sym_kind kind)
{
    struct sym *old;

    if (!name->s)
        return NULL;
    old = beba_scope_find(s, name->s);
    if (!old && s != &c->machines)
        old = beba_scope_find(&c->scope, name->s);
    if (old && kind == SYM_LET) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_SHADOWS, name->loc,
                                     "'%s' is the name of %s already (line %u)", name->s,
                                     beba_sym_kind_name(old->kind), beba_line_of(c, old->loc)),
                         "a let cannot be changed or hidden; choose another name");
        return NULL;
    }
    if (old) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_DUPLICATE, name->loc, "%s '%s' is declared twice",
                                     beba_sym_kind_name(kind), name->s),
                         "in line %u it is %s", beba_line_of(c, old->loc),
                         beba_sym_kind_name(old->kind));
        return NULL;
    }
    return beba_scope_add(c, s, name->s, kind, name->loc);
}

static unsigned collect(const struct scope *s, uint32_t kinds, const char **names, unsigned n)
{
    for (struct sym *y = s->first; y && n < NEAR_MAX; y = y->next)
        if (kinds >> y->kind & 1 && !y->hidden)
            names[n++] = y->name;
    return n;
}

const char *beba_sym_nearest(const struct lower *c, const char *name, uint32_t kinds)
{
    const char **names;
    unsigned n = 0;

    if (c->diags->dropped) /* nobody will read it */
        return NULL;
    names = beba_arena_array(c->scratch, NEAR_MAX, sizeof(*names));
    if (!names)
        return NULL;
    if (c->m)
        n = collect(&c->m->scope, kinds, names, n);
    n = collect(&c->scope, kinds, names, n);
    n = collect(&c->machines, kinds, names, n);
    return beba_nearest(name, names, n);
}

struct beba_diag *beba_unknown_state(struct lower *c, const struct machine *m, const char *name,
                                     struct beba_loc loc)
{
    struct beba_diag *d = beba_report(c->diags, C_UNKNOWN_STATE, loc,
                                      "machine '%s' has no state '%s'", m->table->name, name);
    const char **names, *near;
    struct beba_strbuf list = {0};
    unsigned n;

    if (c->diags->dropped)
        return d;
    names = beba_arena_array(c->scratch, NEAR_MAX, sizeof(*names));
    if (!names)
        return d;
    n = collect(&m->scope, 1u << SYM_STATE, names, 0);
    near = beba_nearest(name, names, n);
    for (unsigned i = 0; i < n && i < 8; i++)
        beba_strbuf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    if (near)
        beba_report_hint(c->diags, d, "did you mean %s?", near);
    else if (n)
        beba_report_hint(c->diags, d, "its states are %s%s", beba_strbuf_str(&list),
                         n > 8 ? ", ..." : "");
    beba_strbuf_free(&list);
    return d;
}

struct machine *beba_machine_find(struct lower *c, const char *name, struct beba_loc loc)
{
    struct sym *y = beba_scope_find(&c->machines, name);
    struct beba_diag *d;
    const char *near;

    if (y)
        return &c->machine[y->id];
    if (!name)
        return NULL;
    d = beba_report(c->diags, C_UNKNOWN_MACHINE, loc, "there is no machine '%s'", name);
    near = beba_sym_nearest(c, name, 1u << SYM_MACHINE);
    if (near)
        beba_report_hint(c->diags, d, "did you mean %s?", near);
    return NULL;
}
