/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/native.h"

enum {
    MANY = 4,      /* subtables, of which a path in the cache saves the looking through */
    TUPLES = 1024, /* with code of their own */
};

static void write_words(struct beba_strbuf *out, const struct beba_tuple *t)
{
    beba_strbuf_puts(out, "{");
    for (unsigned i = 0; i < t->n_words; i++)
        beba_strbuf_printf(out, "%u, ", t->word[i]);
    beba_strbuf_puts(out, "}, {");
    for (unsigned i = 0; i < t->n_words; i++)
        beba_strbuf_printf(out, "0x%llx, ", (unsigned long long)t->mask[i]);
    beba_strbuf_puts(out, "}");
}

/* Subtables of all tables, each shape once: those with most entries, in the order of shapes. */
struct shapes {
    uint32_t n;
    const struct beba_subtable *of[TUPLES];
};

static void take_out(struct shapes *shapes, uint32_t at)
{
    for (uint32_t i = at + 1; i < shapes->n; i++)
        shapes->of[i - 1] = shapes->of[i];
    shapes->n--;
}

static void add_shape(struct shapes *shapes, const struct beba_subtable *s)
{
    uint32_t least = 0, at;

    for (uint32_t i = 0; i < shapes->n; i++) {
        if (shapes->of[i]->shape == s->shape)
            return;
        if (shapes->of[i]->n_entries < shapes->of[least]->n_entries)
            least = i;
    }
    if (shapes->n == TUPLES) {
        if (shapes->of[least]->n_entries >= s->n_entries)
            return;
        take_out(shapes, least);
    }
    for (at = shapes->n++; at && shapes->of[at - 1]->shape > s->shape; at--)
        shapes->of[at] = shapes->of[at - 1];
    shapes->of[at] = s;
}

static void find_shapes(const struct beba_datapath *dp, struct shapes *shapes)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        const struct beba_table *t = beba_datapath_table(dp, (uint8_t)i);
        const struct beba_subtables *list =
            t ? atomic_load_explicit(&t->classifier.list, memory_order_relaxed) : NULL;

        for (uint32_t n = 0; list && n < list->n; n++)
            add_shape(shapes, list->of[n].subtable);
    }
}

static bool any_stateful(const struct beba_datapath *dp)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++)
        if (beba_datapath_stateful_table(dp, (uint8_t)i))
            return true;
    return false;
}

/* A packet that comes into a stateful table needs its whole key. */
static void write_wanted(const struct beba_datapath *dp, struct beba_strbuf *out, bool whole)
{
    const struct beba_wanted *wanted = atomic_load_explicit(&dp->wanted, memory_order_relaxed);

    beba_strbuf_puts(out, "static const uint64_t want[BEBA_KEY_WORDS] = {");
    if (whole)
        beba_strbuf_puts(out, "[0 ... BEBA_KEY_WORDS - 1] = ~0ull");
    for (uint32_t i = 0; !whole && wanted && i < wanted->n_words; i++)
        beba_strbuf_printf(out, "[%u] = 0x%llx, ", wanted->word[i],
                           (unsigned long long)wanted->mask[i]);
    beba_strbuf_puts(out, "};\n");
}

static void write_look(struct beba_strbuf *out, const struct shapes *shapes)
{
    for (uint32_t i = 0; i < shapes->n; i++) {
        const struct beba_tuple *t = &shapes->of[i]->tuple;

        beba_strbuf_printf(out, "static const struct beba_tuple tuple_%u = {0x%llx, %u, ",
                           shapes->of[i]->shape, (unsigned long long)t->fields, t->n_words);
        write_words(out, t);
        beba_strbuf_puts(out, "};\n");
    }
    beba_strbuf_puts(
        out, "BEBA_INLINE void look(const struct beba_subtable_ref *ref, struct beba_look *l,\n"
             "                      unsigned n, uint64_t version,\n"
             "                      const struct beba_batch_calls *calls)\n"
             "{\n    switch (ref->subtable->shape) {\n");
    for (uint32_t i = 0; i < shapes->n; i++) {
        uint32_t shape = shapes->of[i]->shape;

        beba_strbuf_printf(out,
                           "    case %u:\n"
                           "        beba_look_in(ref, l, n, version, &tuple_%u, %u);\n"
                           "        return;\n",
                           shape, shape, shapes->of[i]->tuple.n_words);
    }
    beba_strbuf_puts(out, "    default:\n        calls->look(ref, l, n, version);\n    }\n}\n");
}

void beba_datapath_native_write(const struct beba_datapath *dp, struct beba_strbuf *out)
{
    struct shapes shapes = {0};
    bool whole = any_stateful(dp);

    find_shapes(dp, &shapes);
    beba_strbuf_puts(out, "#include \"datapath/batch.h\"\n"
                          "#include \"datapath/key_fill.h\"\n"
                          "#include \"datapath/look.h\"\n");
    write_wanted(dp, out, whole);
    write_look(out, &shapes);
    beba_strbuf_printf(
        out,
        "BEBA_INLINE void fill(struct beba_key *key, const struct beba_packet *p,\n"
        "                      uint16_t random, uint32_t global)\n"
        "{\n    beba_key_begin_wanted(key, p, random, global, want);\n}\n"
        "__attribute__((visibility(\"default\"))) void\n"
        "beba_special_run(const struct beba_batch *b, const struct beba_batch_calls *calls)\n"
        "{\n"
        "    static const struct beba_batch_form form = {fill, look, %s, %s};\n\n"
        "    beba_batch_run(b, &form, calls);\n"
        "}\n",
        whole ? "true" : "false",
        atomic_load_explicit(&dp->n_subtables, memory_order_relaxed) > MANY ? "true" : "false");
}
