/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The C for the CPU, drawn. Of a program with one machine, port_knocking:
 *
 *     #include "emit/rt/native.h"           fields, events, flow tables; engine/native.h
 *
 *     struct shared {...}                   pointers to globals, arrays and sets
 *     struct cpu {...}                      counters of a run
 *     struct regs_port_knocking {...}       registers as they lie in an entry
 *     struct frame_port_knocking {...}      what is known of a packet while its rules run
 *     struct lane {...}                     what is found out about a packet at first
 *     lookup_key_port_knocking()            the key, in words
 *     table_port_knocking()                 lookup, timeouts, rules, write-back: as for the kernel
 *
 *     keys_of()        kind of the packet, its keys and their hashes; asks for lines of tags
 *     fetch()          asks for entries
 *     tables_of()      runs the packet
 *     batch()          a batch in these phases; entries are asked for sixteen packets ahead
 *     run()            all batches, and what they counted
 *     beba_native_code
 *
 * Small programs that change no packet get a copy of their tables for each common kind of packet,
 * in which the places of headers are constants. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "emit/embedded.h"
#include "emit/write.h"
#include "engine/native.h"

enum {
    AHEAD = 16,     /* packets between asking for tags, for entries, and running */
    AHEAD_MORE = 4, /* with several tables: more at once than a core waits for are forgotten */
};

static const struct kind {
    const char *name;
    uint32_t layers; /* a program that looks at one of these has packets of the kind; 0: of none */
} kinds[] = {
    {"KIND_ETH", 0},
    {"KIND_IP4", 0},
    {"KIND_TCP4", 1},
    {"KIND_UDP4", 1},
};

/* As beba_kind_of says. */
static bool has_kind(const struct emit *e, unsigned i)
{
    const uint32_t eth = 1u << BEBA_LAYER_META | 1u << BEBA_LAYER_ETH;
    const uint32_t transport = 1u << BEBA_LAYER_TCP | 1u << BEBA_LAYER_UDP | 1u << BEBA_LAYER_SCTP |
                               1u << BEBA_LAYER_L4 | 1u << BEBA_LAYER_GRE | 1u << BEBA_LAYER_VXLAN |
                               1u << BEBA_LAYER_GTPU | 1u << BEBA_LAYER_ICMP |
                               1u << BEBA_LAYER_ICMP6 | 1u << BEBA_LAYER_ND;

    if (!e->inlined)
        return false;
    if (!(e->layers & ~eth))
        return i == 0;
    return kinds[i].layers ? (e->layers & transport) != 0 : i == 1 && !(e->layers & transport);
}

/* Types -------------------------------------------------------------------------------------- */

static const char *cell_type(unsigned size)
{
    return size == 1 ? "uint8_t" : size == 2 ? "uint16_t" : size == 4 ? "uint32_t" : "uint64_t";
}

static void shared_type(struct emit *e)
{
    const struct beba_pipeline *p = e->p;

    beba_emit_blank(e);
    beba_emit_line(e, "struct shared {");
    for (uint32_t i = 0; i < p->n_globals; i++) {
        const char *name = beba_emit_global_name(e, i);

        beba_emit_line(e, "    %s *%.*s;",
                       p->global[i].type.width > 64 ? "struct beba_u128" : "uint64_t",
                       (int)strcspn(name, "["), name);
    }
    for (uint32_t i = 0; i < p->n_arrays; i++)
        beba_emit_line(e, "    %s *%s;", cell_type(e->layout.cell_size[i]),
                       beba_emit_array_name(e, i));
    for (uint32_t i = 0; i < p->n_sets; i++)
        beba_emit_line(e, "    const struct set *set_%" PRIu32 "; /* %s */", i,
                       beba_emit_name(e, p->set[i].name, "set", i));
    beba_emit_line(e, "};");
}

static void cpu_type(struct emit *e)
{
    beba_emit_blank(e);
    beba_emit_line(e, "struct cpu {");
    beba_emit_line(e, "    struct beba_count table[%" PRIu32 "];",
                   e->p->n_tables ? e->p->n_tables : 1);
    beba_emit_line(e, "    struct beba_rule_counters *rule, *counter;");
    beba_emit_line(e, "    struct {");
    beba_emit_line(e, "        uint64_t edit_failed;");
    beba_emit_line(e, "    } head;");
    beba_emit_line(e, "    struct beba_tally tally;");
    beba_emit_line(e, "};");
}

static void lane_type(struct emit *e)
{
    beba_emit_blank(e);
    beba_emit_line(e, "struct lane {");
    beba_emit_line(e, "    enum beba_common kind;");
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct table_facts *f = &e->facts[i];
        bool two = e->p->table[i].two_keys;

        if (!f->early)
            continue;
        beba_emit_line(e, "    struct beba_place key_place_%s;", f->name);
        if (f->twin != i)
            continue;
        if (two)
            beba_emit_line(e, "    struct beba_place update_place_%s;", f->name);
        beba_emit_line(e, "    struct keys_%s k_%s;", f->name, f->name);
        beba_emit_line(e, "    bool has_%s, backward_%s;", f->name, f->name);
        if (two)
            beba_emit_line(e, "    bool update_backward_%s;", f->name);
    }
    beba_emit_line(e, "};");
}

/* Timeouts of the states of a table, of one kind. */
static void timeouts(struct emit *e, uint32_t i, const char *kind, bool hard)
{
    const struct beba_table *t = &e->p->table[i];

    beba_emit(e, "static const uint64_t %s_%s[] = {", kind, e->facts[i].name);
    for (uint32_t s = 0; s < t->n_states; s++)
        beba_emit(e, "%s%" PRIu64 "ull", s ? ", " : "",
                  hard ? t->timeouts[s].hard : t->timeouts[s].idle);
    beba_emit(e, "};\n");
}

static void shapes(struct emit *e)
{
    beba_emit_blank(e);
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct beba_table *t = &e->p->table[i];
        const char *name = e->facts[i].name;

        if (!e->facts[i].keyed)
            continue;
        beba_emit_line(e, "#define SHAPE_%s beba_ft_shape(%" PRIu32 ", %" PRIu32 ")", name,
                       t->lookup.size, t->regs_size);
        beba_emit_line(e, "#define region_of_%s() (ctx->table[%" PRIu32 "].ft)", name, i);
        if (e->facts[i].idle)
            timeouts(e, i, "idle", false);
        if (e->facts[i].hard)
            timeouts(e, i, "hard", true);
    }
}

/* At first ----------------------------------------------------------------------------------- */

/* Where a key is: which is "key" or "update". */
static void look(struct emit *e, const char *name, const char *which, const char *hash)
{
    beba_emit_line(e, "    beba_place_look(region_of_%s(), SHAPE_%s, %s, &lane->%s_place_%s);",
                   name, name, hash, which, name);
}

static void take_keys(struct emit *e)
{
    beba_emit_blank(e);
    beba_emit_line(
        e, "BEBA_INLINE void take_keys(beba_ctx *ctx, struct beba_run *x, struct lane *lane)");
    beba_emit_line(e, "{");
    e->indent++;
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct table_facts *f = &e->facts[i];
        const char *n = f->name, *twin = e->facts[f->twin].name;
        const char *hash = beba_arena_printf(
            &e->arena, "beba_ft_hash_as(region_of_%s(), SHAPE_%s, lane->k_%s.key)", n, n, twin);
        bool two = e->p->table[i].two_keys;

        if (!f->early)
            continue;
        if (f->twin != i) {
            hash = beba_arena_printf(&e->arena,
                                     "BEBA_LIKELY(ctx->table[%" PRIu32 "].twin == %" PRIu32
                                     ") ? lane->key_place_%s.hash : %s",
                                     i, f->twin, twin, hash);
            beba_emit_line(e, "if (lane->has_%s) {", twin);
        } else {
            beba_emit_line(e,
                           "lane->has_%s = keys_%s(ctx, x, &lane->k_%s, &lane->backward_%s%s%s);",
                           n, n, n, n, two ? ", &lane->update_backward_" : "", two ? n : "");
            beba_emit_line(e, "if (lane->has_%s) {", n);
        }
        look(e, n, "key", hash);
        if (two)
            look(e, n, "update",
                 beba_arena_printf(&e->arena,
                                   "beba_ft_hash_as(region_of_%s(), SHAPE_%s, lane->k_%s.update)",
                                   n, n, n));
        beba_emit_line(e, "}");
    }
    e->indent--;
    beba_emit_line(e, "}");
}

/* A switch over the kinds of packets that the program has, with that line in each; what is seldom
 * has a function of its own. */
static void each_kind(struct emit *e, const char *expr, const char *line, const char *any)
{
    if (!e->inlined) {
        beba_emit_indent(e);
        beba_emit(e, "    ");
        beba_emit(e, line, "KIND_ANY"); // NOLINT: the line is ours
        beba_emit(e, "\n");
        return;
    }
    beba_emit_line(e, "    switch (%s) {", expr);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!has_kind(e, i))
            continue;
        beba_emit_line(e, "    case %s:", kinds[i].name);
        beba_emit_indent(e);
        beba_emit(e, "        ");
        beba_emit(e, line, kinds[i].name); // NOLINT: the line is ours
        beba_emit(e, "\n");
        beba_emit_line(e, "        break;");
    }
    beba_emit_line(e, "    default:");
    beba_emit_line(e, "        %s", any);
    beba_emit_line(e, "    }");
}

static void keys_of(struct emit *e)
{
    take_keys(e);
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE void keys_as(beba_ctx *ctx, struct beba_packet *packet, "
                      "struct lane *lane,");
    beba_emit_line(e, "                         enum beba_common kind)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct beba_run run, *x = &run;");
    beba_emit_blank(e);
    beba_emit_line(e, "    lane->kind = kind;");
    beba_emit_line(e, "    beba_open(ctx, x, packet, kind);");
    beba_emit_line(e, "    take_keys(ctx, x, lane);");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_SELDOM void keys_of_any(beba_ctx *ctx, struct beba_packet *packet, "
                      "struct lane *lane)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    keys_as(ctx, packet, lane, KIND_ANY);");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(
        e,
        "BEBA_INLINE void keys_of(beba_ctx *ctx, struct beba_packet *packet, struct lane *lane)");
    beba_emit_line(e, "{");
    if (e->inlined)
        beba_emit_line(e, "    enum beba_common kind = beba_kind_of(packet, 0x%" PRIx32 "u);",
                       e->layers);
    else
        beba_emit_line(e, "    enum beba_common kind = KIND_ANY;");
    beba_emit_blank(e);
    beba_emit_line(e, "    if (kind == KIND_ANY)");
    beba_emit_line(e, "        ctx->call->parse(packet);");
    each_kind(e, "kind", "keys_as(ctx, packet, lane, %s);", "keys_of_any(ctx, packet, lane);");
    beba_emit_line(e, "}");
}

static uint32_t n_early(const struct emit *e)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < e->p->n_tables; i++)
        n += e->facts[i].early;
    return n;
}

/* A function that asks for something of each key that the packet has. */
static void ask(struct emit *e, const char *name, const char *call)
{
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE void %s(beba_ctx *ctx, struct lane *lane)", name);
    beba_emit_line(e, "{");
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct table_facts *f = &e->facts[i];

        if (!f->early)
            continue;
        beba_emit_line(e, "    if (lane->has_%s) {", e->facts[f->twin].name);
        beba_emit_line(e, "        %s(region_of_%s(), SHAPE_%s, &lane->key_place_%s);", call,
                       f->name, f->name, f->name);
        if (e->p->table[i].two_keys)
            beba_emit_line(e, "        %s(region_of_%s(), SHAPE_%s, &lane->update_place_%s);", call,
                           f->name, f->name, f->name);
        beba_emit_line(e, "    }");
    }
    beba_emit_line(e, "}");
}

/* The run ------------------------------------------------------------------------------------ */

static void tables_of(struct emit *e)
{
    beba_emit_blank(e);
    beba_emit_line(
        e,
        "BEBA_INLINE void tables_as(beba_ctx *ctx, struct cpu *cpu, struct beba_packet *packet,");
    beba_emit_line(e, "                           struct lane *lane, struct beba_result *result, "
                      "enum beba_common "
                      "kind)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct beba_run run, *x = &run;");
    beba_emit_blank(e);
    beba_emit_line(e, "    beba_open(ctx, x, packet, kind);");
    beba_emit_line(e, "    x->counts = cpu;");
    beba_emit_line(e, "    x->early = lane;");
    if (e->mirrors)
        beba_emit_line(e, "    result->first_mirror = *ctx->n_mirrors;");
    beba_emit_line(e, "    beba_begin(ctx, x, &cpu->tally);");
    e->indent++;
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        beba_emit_table_call(e, i);
        if (i + 1 < e->p->n_tables)
            beba_emit_line(e, "if (x->verdict != BEBA_VERDICT_NEXT)\n        goto end;");
    }
    e->indent--;
    if (e->p->n_tables > 1)
        beba_emit_line(e, "end:");
    beba_emit_line(e, "    beba_end(x, &cpu->tally, result);");
    if (e->mirrors)
        beba_emit_line(e, "    result->n_mirrors = *ctx->n_mirrors - result->first_mirror;");
    else
        beba_emit_line(e, "    result->first_mirror = result->n_mirrors = 0;");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_SELDOM void tables_of_any(beba_ctx *ctx, struct cpu *cpu, "
                      "struct beba_packet *packet,");
    beba_emit_line(e,
                   "                               struct lane *lane, struct beba_result *result)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    tables_as(ctx, cpu, packet, lane, result, KIND_ANY);");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(
        e,
        "BEBA_INLINE void tables_of(beba_ctx *ctx, struct cpu *cpu, struct beba_packet *packet,");
    beba_emit_line(e, "                           struct lane *lane, struct beba_result *result)");
    beba_emit_line(e, "{");
    each_kind(e, "lane->kind", "tables_as(ctx, cpu, packet, lane, result, %s);",
              "tables_of_any(ctx, cpu, packet, lane, result);");
    beba_emit_line(e, "}");
}

static void count_up(struct emit *e)
{
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        if (!e->facts[i].keyed)
            continue;
        beba_emit_line(e,
                       "    *ctx->table[%" PRIu32 "].lookups += cpu->table[%" PRIu32
                       "].hits + cpu->table[%" PRIu32 "].misses;",
                       i, i, i);
        beba_emit_line(e, "    *ctx->table[%" PRIu32 "].hits += cpu->table[%" PRIu32 "].hits;", i,
                       i);
        beba_emit_line(e, "    *ctx->table[%" PRIu32 "].no_key += cpu->table[%" PRIu32 "].no_key;",
                       i, i);
    }
    beba_emit_line(e, "    ctx->stats->edit_failed += cpu->head.edit_failed;");
    beba_emit_line(e, "    beba_tally_up(ctx, n, &cpu->tally);");
}

/* What memory has to bring is asked for steadily: more at once than a core waits for is forgotten.
 */
static void batch(struct emit *e)
{
    uint32_t n = n_early(e), ahead = n > 1 ? AHEAD_MORE : AHEAD;

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE void batch(beba_ctx *ctx, struct cpu *cpu,");
    beba_emit_line(e, "                       struct beba_packet *const *packets, unsigned n,");
    beba_emit_line(e, "                       struct beba_result *results)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct lane lanes[BEBA_BATCH];");
    beba_emit_blank(e);
    beba_emit_line(e, "    for (unsigned i = 0; i < n; i++) {");
    beba_emit_line(e, "        if (i + BEBA_BYTES_AHEAD < n)");
    beba_emit_line(e, "            __builtin_prefetch(packets[i + BEBA_BYTES_AHEAD]->data);");
    beba_emit_line(e, "        keys_of(ctx, packets[i], &lanes[i]);");
    if (n) {
        beba_emit_line(e, "        if (i < %u)", 2 * ahead);
        beba_emit_line(e, "            tags(ctx, &lanes[i]);");
        beba_emit_line(e, "        if (i >= %u && i < %u)", BEBA_BATCH - ahead, BEBA_BATCH);
        beba_emit_line(e, "            fetch(ctx, &lanes[i - %u]);", BEBA_BATCH - ahead);
    }
    beba_emit_line(e, "    }");
    if (n) {
        beba_emit_line(e, "    for (unsigned i = n > %u ? n - %u : 0; i < n && i < %u; i++)",
                       BEBA_BATCH - ahead, BEBA_BATCH - ahead, ahead);
        beba_emit_line(e, "        fetch(ctx, &lanes[i]);");
    }
    beba_emit_line(e, "    for (unsigned i = 0; i < n; i++) {");
    if (n) {
        if (2 * ahead < BEBA_BATCH) {
            beba_emit_line(e, "        if (i + %u < n)", 2 * ahead);
            beba_emit_line(e, "            tags(ctx, &lanes[i + %u]);", 2 * ahead);
        }
        beba_emit_line(e, "        if (i + %u < n)", ahead);
        beba_emit_line(e, "            fetch(ctx, &lanes[i + %u]);", ahead);
    }
    beba_emit_line(e, "        tables_of(ctx, cpu, packets[i], &lanes[i], &results[i]);");
    beba_emit_line(e, "    }");
    beba_emit_line(e, "}");
}

static void run(struct emit *e)
{
    batch(e);
    beba_emit_blank(e);
    beba_emit_line(
        e, "static void run(beba_ctx *ctx, struct beba_packet *const *packets, unsigned n,");
    beba_emit_line(e, "                struct beba_result *results)");
    beba_emit_line(e, "{");
    beba_emit_line(
        e, "    struct cpu here = {.rule = ctx->rule, .counter = ctx->counter}, *cpu = &here;");
    beba_emit_blank(e);
    beba_emit_line(e, "    for (unsigned done = 0; done < n; done += BEBA_BATCH)");
    beba_emit_line(e, "        batch(ctx, cpu, packets + done,");
    beba_emit_line(e,
                   "              n - done < BEBA_BATCH ? n - done : BEBA_BATCH, results + done);");
    count_up(e);
    beba_emit_line(e, "}");
}

static const char *prefix(const struct emit *e)
{
    return e->opts->prefix ? e->opts->prefix : "";
}

/* The symbols that every program has, told apart. */
static void names(struct emit *e, bool begin)
{
    static const char *const own[] = {
        "shared", "cpu",   "lane",      "take_keys", "keys_as",       "keys_of", "keys_of_any",
        "tags",   "fetch", "tables_as", "tables_of", "tables_of_any", "batch",   "run"};

    if (!e->opts->prefix)
        return;
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (begin)
            beba_emit_line(e, "#define %s %s%s", own[i], prefix(e), own[i]);
        else
            beba_emit_line(e, "#undef %s", own[i]);
}

static void code(struct emit *e, uint64_t source)
{
    beba_emit_blank(e);
    beba_emit_line(e, "__attribute__((visibility(\"default\")))");
    beba_emit_line(e, "const struct beba_native_code %s%s = {", prefix(e), BEBA_NATIVE_SYMBOL);
    beba_emit_line(e, "    BEBA_NATIVE_MAGIC, BEBA_NATIVE_VERSION, %d, 0x%" PRIx64 "ull,",
                   !e->opts->workers, source);
    beba_emit_line(e, "    %" PRIu32 ", %" PRIu32 ", run,", e->p->n_tables, e->p->n_rules);
    beba_emit_line(e, "};");
}

/* What the engine says of arrays and sets, where the kernel has it otherwise. */
static int layout(struct emit *e)
{
    const struct beba_pipeline *p = e->p;

    e->layout.cell_size = beba_arena_array(&e->arena, p->n_arrays + 1ul, 1);
    e->layout.set = beba_arena_array(&e->arena, p->n_sets + 1ul, sizeof(*e->layout.set));
    if (!e->layout.cell_size || !e->layout.set)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        unsigned width = p->array[i].type.width;

        e->layout.cell_size[i] = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
    }
    return 0;
}

static void start(struct emit *e)
{
    if (e->opts->file) {
        beba_emit(e, "/* ");
        beba_emit_comment(e, e->opts->file);
        beba_emit(e, ", compiled by beba for this machine: do not change. */\n");
    }
    e->away = true;
    beba_emit_here(e);
    if (!e->opts->workers)
        beba_emit_line(e, "#define BEBA_LONE 1");
    beba_emit_line(e, "#include \"emit/rt/native.h\"");
    names(e, true);
}

static void program(struct emit *e, uint64_t source)
{
    start(e);
    shared_type(e);
    cpu_type(e);
    shapes(e);
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        beba_emit_table_types(e, i);
    lane_type(e);
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct beba_table *t = &e->p->table[i];

        if (!e->facts[i].keyed)
            continue;
        beba_emit_key(e, i, &t->lookup, "lookup");
        if (t->two_keys)
            beba_emit_key(e, i, &t->update, "update");
    }
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        if (e->facts[i].peeked && e->facts[i].keyed)
            beba_emit_peek(e, i);
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        beba_emit_table(e, i);
    keys_of(e);
    ask(e, "tags", "beba_place_tags");
    ask(e, "fetch", "beba_place_fetch");
    tables_of(e);
    run(e);
    code(e, source);
    names(e, false);
}

static int emit(struct emit *e, uint64_t source, struct beba_error *err)
{
    int rc = layout(e);

    if (rc)
        beba_error_set(err, rc, "out of memory");
    if (!rc)
        rc = beba_emit_facts(e, err);
    if (!rc)
        program(e, source);
    if (!rc && e->out->failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    return rc;
}

static uint64_t hash_more(uint64_t h, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) /* FNV-1a */
        h = (h ^ bytes[i]) * 0x100000001b3ull;
    return h;
}

int beba_emit_native_source(const struct beba_pipeline *p, bool workers, uint64_t *out,
                            struct beba_error *err)
{
    const struct beba_emit_opts opts = {.workers = workers};
    struct beba_strbuf text = {0};
    struct emit e = {.p = p,
                     .target = BEBA_TARGET_NATIVE,
                     .native = true,
                     .opts = &opts,
                     .out = &text,
                     .line = 1};
    uint64_t h = 0xcbf29ce484222325ull;
    int rc = emit(&e, 0, err);

    if (!rc) {
        h = hash_more(h, text.s, text.len);
        for (const struct beba_embedded *f = beba_embedded_native; f->name; f++)
            h = hash_more(h, f->text, f->size);
        *out = h;
    }
    beba_strbuf_free(&text);
    beba_arena_free(&e.arena);
    return rc;
}

int beba_emit_native(struct emit *e, struct beba_error *err)
{
    uint64_t source = 0;
    int rc = beba_emit_native_source(e->p, e->opts->workers, &source, err);

    return rc ? rc : emit(e, source, err);
}
