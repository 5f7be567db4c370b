/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys: the function that takes one out of a packet, made of whole words. */
#include "emit/write.h"

#include <inttypes.h>

static const char *const field_ids[] = {
#define BEBA_FIELD(id, ...) #id,
#include "packet/fields.def"
#undef BEBA_FIELD
};

/* Adds to each word of the key the bits of a field of n bytes that starts at byte at. */
static void put_field(struct emit *e, const struct beba_key *key, unsigned i, uint32_t at)
{
    unsigned width = beba_fields[key->field[i]].type.width;
    unsigned bytes = (width + 7) / 8;
    bool wide = width > 64;

    if (wide)
        beba_emit_line(e, "struct beba_u128 v%u = ASK_WIDE(%s, absent);", i,
                       field_ids[key->field[i]]);
    else
        beba_emit_line(e, "uint64_t v%u = ASK(%s, absent);", i, field_ids[key->field[i]]);
    for (uint32_t word = at / 4; word * 4 < at + bytes; word++) {
        /* how far the field's end is to the left of the word's end, in bits */
        int shift = ((int)(word * 4 + 4) - (int)(at + bytes)) * 8;
        const char *v = beba_arena_printf(&e->arena, "v%u", i);

        if (wide && shift <= -64) {
            v = beba_arena_printf(&e->arena, "v%u.hi", i);
            shift += 64;
        } else if (wide && shift < 0 && shift > -64 && shift < -32) {
            v = beba_arena_printf(&e->arena, "(v%u.hi << %d | v%u.lo >> %d)", i, 64 + shift, i,
                                  -shift);
            shift = 0;
        } else if (wide) {
            v = beba_arena_printf(&e->arena, "v%u.lo", i);
        }
        if (shift > 0)
            beba_emit_line(e, "w%" PRIu32 " |= beba_be32((uint32_t)(%s << %d));", word, v, shift);
        else if (shift < 0)
            beba_emit_line(e, "w%" PRIu32 " |= beba_be32((uint32_t)(%s >> %d));", word, v, -shift);
        else
            beba_emit_line(e, "w%" PRIu32 " |= beba_be32((uint32_t)%s);", word, v);
    }
}

void beba_emit_key(struct emit *e, uint32_t i, const struct beba_key *key, const char *which)
{
    const char *name = e->facts[i].name;
    uint32_t at = 0;

    beba_emit_blank(e);
    beba_emit_line(e, "/* The %s key of machine %s; false when the packet has none. */", which,
                   name);
    beba_emit_line(e, "BEBA_INLINE bool %s_key_%s(beba_ctx *ctx, struct beba_run *x,", which, name);
    beba_emit_line(e, "                           uint32_t *key, bool *backward)");
    beba_emit_line(e, "{");
    e->indent++;
    if (key->kind == BEBA_KEY_CONNECTION) {
        beba_emit_line(e, "return beba_key_connection(ctx, x, key, backward);");
    } else {
        beba_emit_line(e, "bool absent = false;");
        beba_emit_blank(e);
        beba_emit_line(e, "*backward = false;");
        for (uint32_t word = 0; word < key->padded / 4; word++)
            beba_emit_line(e, "uint32_t w%" PRIu32 " = 0;", word);
        for (unsigned f = 0; f < key->n_fields; f++) {
            put_field(e, key, f, at);
            at += (beba_fields[key->field[f]].type.width + 7u) / 8;
        }
        for (uint32_t word = 0; word < key->padded / 4; word++)
            beba_emit_line(e, "key[%" PRIu32 "] = w%" PRIu32 ";", word, word);
        beba_emit_line(e, "return !absent;");
    }
    e->indent--;
    beba_emit_line(e, "}");
}
