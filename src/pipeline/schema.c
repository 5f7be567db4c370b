/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reading back what beba_table_schema wrote. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pipeline/layout.h"

enum { WORD = 128 };

struct schema {
    const char *at; /* rest of the line */
    struct beba_arena *arena;
    struct beba_table *t;
    struct beba_error *err;
};

static int bad(const struct schema *s, const char *what)
{
    return beba_error_set(s->err, -EINVAL, "the description of the flow table is damaged: %s",
                          what);
}

static bool next(struct schema *s, char word[WORD])
{
    size_t n;

    s->at += strspn(s->at, " ");
    n = strcspn(s->at, " \n");
    if (!n || n >= WORD)
        return false;
    memcpy(word, s->at, n);
    word[n] = '\0';
    s->at += n;
    return true;
}

static int read_key(struct schema *s, struct beba_key *key)
{
    char word[WORD];

    while (next(s, word)) {
        size_t n = strcspn(word, ":");
        enum beba_field_id field;

        if (!strcmp(word, "connection")) {
            key->kind = BEBA_KEY_CONNECTION;
            break;
        }
        field = beba_field_find(word, n);
        if (field == BEBA_F_NONE || key->n_fields == BEBA_MAX_KEY_FIELDS ||
            strtoul(word[n] ? word + n + 1 : "", NULL, 10) != beba_fields[field].type.width)
            return bad(s, "a field of its key");
        key->kind = BEBA_KEY_FIELDS;
        key->field[key->n_fields++] = (uint16_t)field;
    }
    return beba_key_layout(key) && key->size <= BEBA_MAX_KEY ? 0 : bad(s, "its key");
}

static bool read_type(const char *word, struct beba_type *out)
{
    static const struct {
        const char *name;
        struct beba_type type;
    } types[] = {
        {"bool", {BEBA_KIND_BOOL, 1}}, {"time", {BEBA_KIND_TIME, 64}}, {"ip4", {BEBA_KIND_IP4, 32}},
        {"ip6", {BEBA_KIND_IP6, 128}}, {"ip", {BEBA_KIND_IP, 128}},    {"mac", {BEBA_KIND_MAC, 48}},
    };
    char *end;
    unsigned long width;

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        *out = types[i].type;
        if (!strcmp(word, types[i].name))
            return true;
    }
    width = word[0] == 'u' ? strtoul(word + 1, &end, 10) : 0;
    *out = (struct beba_type){BEBA_KIND_UINT, (uint8_t)width};
    return width >= 1 && width <= 64 && !*end;
}

static int read_reg(struct schema *s)
{
    struct beba_table *t = s->t;
    struct beba_reg *r = &t->reg[t->n_regs];
    char name[WORD], type[WORD], at[WORD], init[WORD];
    unsigned end;

    if (t->n_regs == BEBA_MAX_REGS || !next(s, name) || !next(s, type) || !next(s, at) ||
        !next(s, init) || !read_type(type, &r->type) || sscanf(at, "at:%u", &r->offset) != 1 ||
        sscanf(init, "init:0x%16" SCNx64 "%16" SCNx64, &r->init.hi, &r->init.lo) != 2)
        return bad(s, "a register");
    r->name = beba_arena_strdup(s->arena, name);
    r->size = beba_width_size(r->type.width);
    end = r->offset + r->size;
    if (r->offset > BEBA_MAX_REGS_SIZE || end > BEBA_MAX_REGS_SIZE)
        return bad(s, "a register lies outside");
    t->n_regs++;
    if (t->regs_size < ((end + 7) & ~7u))
        t->regs_size = (end + 7) & ~7u;
    return r->name ? 0 : -ENOMEM;
}

static int read_state(struct schema *s, uint32_t room)
{
    struct beba_table *t = s->t;
    char name[WORD];

    if (t->n_states == room || !next(s, name))
        return bad(s, "a state");
    t->state[t->n_states].name = beba_arena_strdup(s->arena, name);
    return t->state[t->n_states++].name ? 0 : -ENOMEM;
}

static int read_line(struct schema *s, uint32_t room)
{
    char word[WORD], name[WORD];

    if (!next(s, word))
        return bad(s, "an empty line");
    if (!strcmp(word, "machine") && next(s, name)) {
        s->t->name = beba_arena_strdup(s->arena, name);
        return s->t->name ? 0 : -ENOMEM;
    }
    if (!strcmp(word, "lookup"))
        return read_key(s, &s->t->lookup);
    if (!strcmp(word, "update"))
        return read_key(s, &s->t->update);
    if (!strcmp(word, "reg"))
        return read_reg(s);
    if (!strcmp(word, "state"))
        return read_state(s, room);
    return 0; /* something that a later version says besides */
}

int beba_table_parse_schema(const char *text, struct beba_arena *arena, struct beba_table *out,
                            struct beba_error *err)
{
    struct schema s = {.arena = arena, .t = out, .err = err};
    uint32_t lines = 0;
    int rc = 0;

    *out = (struct beba_table){0};
    if (strncmp(text, "beba-table ", 11) != 0)
        return bad(&s, "its first line");
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    out->reg = beba_arena_array(arena, BEBA_MAX_REGS, sizeof(*out->reg));
    out->state = beba_arena_array(arena, lines + 1, sizeof(*out->state));
    if (!out->reg || !out->state)
        return beba_error_set(err, -ENOMEM, "out of memory");
    for (const char *line = strchr(text, '\n'); !rc && line && line[1]; line = strchr(s.at, '\n')) {
        s.at = line + 1;
        rc = read_line(&s, lines);
    }
    if (rc == -ENOMEM)
        return beba_error_set(err, rc, "out of memory");
    if (!rc && (!out->name || !out->n_states || out->lookup.kind == BEBA_KEY_NONE))
        rc = bad(&s, "it is not whole");
    return rc;
}
