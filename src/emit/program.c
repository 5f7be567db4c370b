/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The C that comes out, drawn. Of a program with one machine, port_knocking:
 *
 *     #define BEBA_TARGET_XDP 1
 *     #include "emit/rt/start.h"            helpers, the packet, macros for what is below
 *
 *     struct shared {...}                   value of beba_shared: globals, arrays, small sets
 *     struct cpu {...}                      value of beba_cpu: counters, scratch memory
 *     BEBA_MAP(beba_shared, ...) ...        the maps of emit/object.h
 *
 *     struct regs_port_knocking {...}       registers as they lie in an entry
 *     struct frame_port_knocking {...}      what is known of a packet while its rules run
 *     #include "emit/rt/run.h"              events, verdicts, results; flow tables and their locks
 *
 *     lookup_key_port_knocking()            the key, in words
 *     rare_port_knocking()                  what a lookup seldom needs, verified by itself
 *     table_port_knocking()                 key, lock, lookup, timeouts; then the rules:
 *
 *         switch (f->seen) {
 *         case 0: // closed
 *     #line 26 "port_knocking.xfsm"
 *             if ((HAS(UDP) && HAVE(UDP_DST) == 1111ull)) {
 *                 x->rule = 1; beba_count(&cpu->rule[1], x);
 *     #line 26 "port_knocking.xfsm"
 *                 f->state = 1, f->went = true; // step1
 *                 x->verdict = BEBA_VERDICT_DROP;
 *                 goto ran;
 *             }
 *
 *                                           then: the entry is stored, made or freed; unlock
 *     beba_main()                           the packet through all tables, and what becomes of it
 *     beba_control()                        changes of flows that user space asks for
 *
 * With more than one machine, or a large one, tables are global functions: the verifier looks at
 * each once, by itself. The rules of a large machine are cut into functions rules_NAME_0, _1, ...
 * What goes from one to the other goes through memory: struct beba_run and the frame. Pointers into
 * maps and packets are taken anew in each. A program of very many tables is several (groups.c).
 *
 * write.c puts lines and places, facts.c looks before, expr.c, stmt.c, rules.c, key.c and table.c
 * write what they are named after, compile.c runs clang. */
#include "emit/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const field_ids[] = {
#define BEBA_FIELD(id, ...) #id,
#include "packet/fields.def"
#undef BEBA_FIELD
};

/* Values of maps ----------------------------------------------------------------------------- */

static void shared_type(struct emit *e)
{
    const struct beba_pipeline *p = e->p;

    beba_emit_blank(e);
    beba_emit_line(e, "struct shared {");
    beba_emit_line(e, "    struct beba_object_shared head;");
    for (uint32_t i = 0; i < p->n_globals; i++)
        beba_emit_line(e, "    %s %s;",
                       p->global[i].type.width > 64 ? "struct beba_u128" : "uint64_t",
                       beba_emit_global_name(e, i));
    for (uint32_t i = 0; i < p->n_sets; i++)
        if (e->layout.set[i])
            beba_emit_line(e, "    uint64_t set_%" PRIu32 "[1024]; /* %s */", i,
                           beba_emit_name(e, p->set[i].name, "set", i));
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];

        beba_emit_line(e, "    %s %s[%" PRIu64 "] __attribute__((aligned(8)));",
                       e->layout.cell_size[i] == 4 ? "uint32_t" : "uint64_t",
                       beba_emit_array_name(e, i),
                       (uint64_t)(a->rows ? a->rows : 1) * (a->columns ? a->columns : 1));
    }
    beba_emit_line(e, "} __attribute__((aligned(8)));");
    beba_emit_line(e, "_Static_assert(sizeof(struct shared) == %" PRIu64 ", \"\");",
                   e->layout.shared_size);
}

static void cpu_type(struct emit *e)
{
    const struct beba_pipeline *p = e->p;

    beba_emit_blank(e);
    beba_emit_line(e, "struct cpu {");
    beba_emit_line(e, "    struct beba_object_cpu head;");
    beba_emit_line(e, "    struct beba_object_table table[%" PRIu32 "];", p->n_tables);
    if (p->n_rules)
        beba_emit_line(e, "    struct beba_object_counter rule[%" PRIu32 "];", p->n_rules);
    if (p->n_counters)
        beba_emit_line(e, "    struct beba_object_counter counter[%" PRIu32 "];", p->n_counters);
    beba_emit_line(e, "    struct beba_scratch scratch;");
    beba_emit_line(e, "    uint8_t spare[%" PRIu32 " - sizeof(struct beba_scratch)];",
                   e->layout.cpu_size - e->layout.scratch);
    beba_emit_line(e, "};");
    beba_emit_line(e,
                   "_Static_assert(__builtin_offsetof(struct cpu, scratch) == %" PRIu32 ", \"\");",
                   e->layout.scratch);
    beba_emit_line(e, "_Static_assert(sizeof(struct cpu) == %" PRIu32 ", \"\");",
                   e->layout.cpu_size);
}

/* Maps --------------------------------------------------------------------------------------- */

static void flow_maps(struct emit *e)
{
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        if (!e->facts[i].keyed)
            continue;
        beba_emit_blank(e);
        beba_emit_line(e, "/* Flows of machine %s, up to %" PRIu64 ". */", e->facts[i].name,
                       e->p->table[i].capacity);
        beba_emit_line(e, "struct region_%" PRIu32 " {", i);
        beba_emit_line(e, "    uint8_t bytes[%" PRIu64 " + BEBA_OBJECT_SLACK];",
                       e->layout.region[i]);
        beba_emit_line(e, "};");
        beba_emit_line(e, "BEBA_ARRAY(flows_%" PRIu32 ", 1, struct region_%" PRIu32 ");%s", i, i,
                       e->p->table[i].per_cpu ? " /* the loader makes it one a possible CPU */"
                                              : "");
        beba_emit_blank(e);
        beba_emit_line(e, "BEBA_INLINE struct beba_ft *region_of_%s(void)", e->facts[i].name);
        beba_emit_line(e, "{");
        beba_emit_line(e, "    uint32_t i = %s;",
                       e->p->table[i].per_cpu ? "bpf_get_smp_processor_id()" : "0");
        beba_emit_blank(e);
        beba_emit_line(e, "    return bpf_map_lookup_elem(&flows_%" PRIu32 ", &i);", i);
        beba_emit_line(e, "}");
    }
}

static void set_maps(struct emit *e)
{
    for (uint32_t i = 0; i < e->p->n_sets; i++) {
        if (e->layout.set[i])
            continue;
        beba_emit_blank(e);
        beba_emit_line(e, "/* Set %s. */", beba_emit_name(e, e->p->set[i].name, "set", i));
        beba_emit_line(e, "BEBA_SET(set_%" PRIu32 ", %u);", i, (e->p->set[i].type.width + 7u) / 8);
    }
}

/* Flow tables -------------------------------------------------------------------------------- */

static void shapes(struct emit *e)
{
    beba_emit_blank(e);
    beba_emit_line(e, "#include \"base/timeout.h\"");
    beba_emit_blank(e);
    beba_emit_line(e, "/* What state/ft_shared.h does seldom: a function a machine. */");
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct beba_table *t = &e->p->table[i];
        const char *name = e->facts[i].name;

        if (!e->facts[i].keyed)
            continue;
        beba_emit_line(e, "struct key_%s {", name);
        beba_emit_line(e, "    uint32_t word[%" PRIu32 "];", t->lookup.padded / 4);
        beba_emit_line(e, "};");
        beba_emit_line(e, "int due_%s(struct beba_seen *seen, uint64_t now);", name);
        beba_emit_line(e,
                       "#define SHAPE_%s BEBA_SHAPE(%" PRIu32 ", %" PRIu32 ", %" PRIu32 ", %" PRIu32
                       ", %" PRIu64 "ull, %d)",
                       name, i, t->lookup.size, t->regs_size, t->n_states, e->layout.region[i],
                       t->per_cpu);
    }
    beba_emit_blank(e);
    beba_emit_line(
        e, "BEBA_INLINE void beba_due(uint32_t table, struct beba_seen *seen, uint64_t now)");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    switch (table) {");
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        if (!e->facts[i].keyed)
            continue;
        beba_emit_line(e, "    case %" PRIu32 ":", i);
        if (e->facts[i].timed)
            beba_emit_line(e, "        due_%s(seen, now);", e->facts[i].name);
        else
            beba_emit_line(e, "        seen->expired = false;");
        beba_emit_line(e, "        break;");
    }
    beba_emit_line(e, "    }");
    beba_emit_line(e, "}");
}

/* Timeouts that are due are applied to what was read from an entry. */
static void due(struct emit *e, uint32_t i)
{
    const char *name = e->facts[i].name;

    beba_emit_blank(e);
    beba_emit_line(e, "__attribute__((noinline)) int due_%s(struct beba_seen *seen, uint64_t now)",
                   name);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct beba_ft *ft = region_of_%s();", name);
    beba_emit_blank(e);
    beba_emit_line(e, "    if (!ft || !seen)");
    beba_emit_line(e, "        return 0;");
    beba_emit_line(e, "    beba_ft_apply_as(ft, SHAPE_%s, seen, now);", name);
    beba_emit_line(e, "    return 0;");
    beba_emit_line(e, "}");
}

/* A line for each part of what machine i does seldom; emit/rt/flow.h has what is in it. */
static void rare_parts(struct emit *e, uint32_t i, const char *indent, const char *what)
{
    const struct table_facts *facts = &e->facts[i];
    bool evicts = e->p->table[i].full != BEBA_FULL_REFUSE;
    const struct {
        const char *name;
        bool has;
    } part[] = {
        {"TAKE", true},    {"KEEP", true},      {"RECLAIM", facts->timed},
        {"EVICT", evicts}, {"REFUSE", !evicts}, {"LOCATE", facts->peeked},
    };

    for (size_t k = 0; k < sizeof(part) / sizeof(part[0]); k++)
        if (part[k].has)
            beba_emit_line(e, "%s%s(%s, %s)", indent, what, part[k].name, facts->name);
}

static void rare(struct emit *e)
{
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        if (e->facts[i].keyed)
            rare_parts(e, i, "", "BEBA_RARE_FUNCTION");
    beba_emit_line(
        e, "BEBA_INLINE uint64_t beba_rare(uint32_t table, uint32_t op, const uint32_t *key, "
           "uint64_t hash,");
    beba_emit_line(e, "                               uint64_t now, uint64_t token)");
    beba_emit_line(e, "{");
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        if (!e->facts[i].keyed)
            continue;
        beba_emit_line(e, "    if (table == %" PRIu32 ")", i);
        beba_emit_line(e, "        switch (op) {");
        rare_parts(e, i, "            ", "BEBA_RARE_CASE");
        beba_emit_line(e, "        }");
    }
    beba_emit_line(e, "    return token;");
    beba_emit_line(e, "}");
}

/* The machines first to end - 1, for beba_control or, of a later group, for beba_control_<g>. */
static void control_of(struct emit *e, uint32_t first, uint32_t end)
{
    uint32_t g = e->facts[first].group;
    const char *suffix = g ? beba_arena_printf(&e->arena, "_%" PRIu32, g) : "";

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE int beba_control_table%s(struct beba_object_command *c)",
                   suffix);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    switch (c->table) {");
    for (uint32_t i = first; i < end; i++)
        if (e->facts[i].keyed)
            beba_emit_line(e, "    case %" PRIu32 ":\n        return control_%s(c);", i,
                           e->facts[i].name);
    beba_emit_line(e, "    }");
    beba_emit_line(e, "    return -BEBA_EINVAL;");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_CONTROL_PROGRAM(beba_control%s, beba_control_table%s, %s)", suffix,
                   suffix, !g && e->n_groups > 1 ? "beba_control_go_on(ctx, c->table)" : "(void)0");
}

/* Jumps to the program of a machine that is not in the first group. */
static void control_go_on(struct emit *e)
{
    uint32_t first = beba_emit_group_end(e, 0);

    if (e->n_groups < 2)
        return;
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE void beba_control_go_on(struct xdp_md *ctx, uint32_t table)");
    beba_emit_line(e, "{");
    for (uint32_t end; first < e->p->n_tables; first = end) {
        end = beba_emit_group_end(e, first);
        beba_emit_line(e, "    if (table >= %" PRIu32 " && table < %" PRIu32 ")", first, end);
        beba_emit_line(e, "        bpf_tail_call(ctx, &beba_controls, %" PRIu32 ");",
                       e->facts[first].group);
    }
    beba_emit_line(e, "}");
}

static void control(struct emit *e)
{
    bool any = false;

    if (e->opts->no_control)
        return;
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const char *name = e->facts[i].name;

        if (!e->facts[i].keyed)
            continue;
        any = true;
        beba_emit_blank(e);
        beba_emit_line(e, "/* What user space asks for in machine %s. */", name);
        beba_emit_line(e, "BEBA_CONTROL(%s)", name);
    }
    if (!any && e->n_groups < 2)
        return;
    control_go_on(e);
    for (uint32_t i = 0; i < e->p->n_tables; i = beba_emit_group_end(e, i))
        control_of(e, i, beba_emit_group_end(e, i));
}

/* The program -------------------------------------------------------------------------------- */

static void start(struct emit *e)
{
    const char *file = e->opts->file ? e->opts->file : e->p->name;

    beba_emit(e, "/* ");
    beba_emit_comment(e, file ? file : "A program");
    beba_emit(e, ", compiled by beba for %s: do not change. */\n", beba_target_name(e->target));
    e->away = true;
    beba_emit_here(e);
    beba_emit_line(e, "#define BEBA_TARGET_%s 1", e->target == BEBA_TARGET_XDP ? "XDP" : "TC");
    if (e->random)
        beba_emit_line(e, "#define BEBA_DRAWS 1");
    beba_emit_line(e, "#define BEBA_WANT (0x%" PRIx32 "u%s) /* layers */", e->layers,
                   e->edits ? " | BEBA_PKT_EDIT" : "");
    if (e->edits)
        beba_emit_line(e, "#define BEBA_EDITS 1");
    if (e->n_groups > 1)
        beba_emit_line(e, "#define BEBA_GROUPS %" PRIu32, e->n_groups);
    if (e->shares)
        beba_emit_line(e, "#define BEBA_SHARES 1");
    if (e->opts->fine)
        beba_emit_line(e, "#define BEBA_FINE 1 /* in small pieces */");
    if (e->alone)
        beba_emit_line(e, "#define BEBA_ALONE 1");
    if (e->reads_tunnel)
        beba_emit_line(e, "#define BEBA_READS_TUNNEL 1");
    if (e->reads_port)
        beba_emit_line(e, "#define BEBA_READS_PORT 1");
    if (!e->reads_now && e->shortest >= TICK_TIMEOUT)
        beba_emit_line(e, "#define BEBA_TICK 1 /* nothing needs the time better than that */");
    beba_emit_line(e, "#include \"emit/rt/start.h\"");
}

/* Parses a packet, and takes its keys with what is known of each kind that is told apart. */
static void main_parse(struct emit *e)
{
    static const struct {
        const char *label, *known;
    } kinds[] = {
        {"case BEBA_PKT_IP4", "BEBA_PKT_IP4"},
        {"case BEBA_PKT_IP6", "BEBA_PKT_IP6"},
        {"default", NULL},
    };

    if (!e->facts[0].keyed) {
        beba_emit_line(e, "    beba_pkt_parse_away(ctx, &x->p, BEBA_WANT, &cpu->scratch.run.p);");
        return;
    }
    beba_emit_line(
        e, "    switch (beba_pkt_parse_away(ctx, &x->p, BEBA_WANT, &cpu->scratch.run.p)) {");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        beba_emit_line(e, "    %s:", kinds[i].label);
        if (kinds[i].known)
            beba_emit_line(e, "        beba_pkt_known(&x->p, %s);", kinds[i].known);
        beba_emit_line(e, "        keyed = keys_%s(ctx, x, k, &backward%s);", e->facts[0].name,
                       e->p->table[0].two_keys ? ", &update_backward" : "");
        beba_emit_line(e, "        break;");
    }
    beba_emit_line(e, "    }");
}

/* Runs the packet through the tables first to end - 1, and jumps to the program of the next. */
static void main_tables(struct emit *e, uint32_t first, uint32_t end)
{
    e->indent++;
    for (uint32_t i = first; i < end; i++) {
        beba_emit_table_call(e, i);
        if (i + 1 < e->p->n_tables)
            beba_emit_line(e, "if (x->verdict != BEBA_VERDICT_NEXT)\n        goto end;");
    }
    if (end < e->p->n_tables) {
        beba_emit_line(e, "bpf_tail_call(ctx, &beba_mains, %" PRIu32 ");", e->facts[end].group);
        beba_emit_line(e, "beba_broken(x);");
    }
    e->indent--;
    if (e->p->n_tables > 1)
        beba_emit_line(e, "end: __attribute__((unused));");
    beba_emit_line(e, "    return beba_end(ctx, x, &cpu->head, &cpu->scratch);");
    beba_emit_line(e, "}");
}

/* The programs of the groups after the first: the packet is known already. */
static void more_mains(struct emit *e, uint32_t first)
{
    for (uint32_t end; first < e->p->n_tables; first = end) {
        end = beba_emit_group_end(e, first);
        beba_emit_blank(e);
        beba_emit_line(e, "BEBA_SECTION(\"%s\") int beba_main_%" PRIu32 "(beba_ctx *ctx)",
                       e->target == BEBA_TARGET_XDP ? "xdp" : "tc", e->facts[first].group);
        beba_emit_line(e, "{");
        beba_emit_line(e, "    struct cpu *cpu = beba_cpu_here();");
        beba_emit_line(e, "    struct beba_run *x;");
        beba_emit_blank(e);
        beba_emit_line(e, "    if (!cpu)");
        beba_emit_line(e, "        return BEBA_ACT_DROP;");
        beba_emit_line(e, "    x = &cpu->scratch.run;");
        main_tables(e, first, end);
    }
}

static void main_function(struct emit *e)
{
    uint32_t first = e->p->n_tables ? beba_emit_group_end(e, 0) : 0;

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_SECTION(\"%s\") int beba_main(beba_ctx *ctx)",
                   e->target == BEBA_TARGET_XDP ? "xdp" : "tc");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct cpu *cpu = beba_cpu_here();");
    if (!e->global)
        beba_emit_line(e, "    BEBA_SHARED;");
    beba_emit_line(e, e->alone ? "    struct beba_run run, *x = &run;" : "    struct beba_run *x;");
    if (e->alone && e->facts[0].keyed) {
        beba_emit_line(e, "    struct keys_%s keys, *k = &keys;", e->facts[0].name);
        beba_emit_line(e, "    bool keyed, backward%s;",
                       e->p->table[0].two_keys ? ", update_backward = false" : "");
    }
    beba_emit_blank(e);
    beba_emit_line(e, "    if (!cpu%s)", e->global ? "" : " || !BEBA_SHARED_THERE");
    beba_emit_line(e, "        return BEBA_ACT_DROP;");
    if (e->alone)
        main_parse(e);
    else
        beba_emit_line(e, "    x = &cpu->scratch.run;\n    beba_pkt_parse(ctx, &x->p, BEBA_WANT);");
    beba_emit_line(e, "    beba_begin(ctx, x, &cpu->head, &cpu->scratch);");
    main_tables(e, 0, first);
    more_mains(e, first);
}

/* A string literal a line. */
static void literal(struct emit *e, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (!i || text[i - 1] == '\n')
            beba_emit(e, i ? "\"\n        \"" : "\"");
        if (c == '\n')
            beba_emit(e, "\\n");
        else if (c == '"' || c == '\\' || c == '?')
            beba_emit(e, "\\%c", c);
        else if (c < ' ' || c > '~')
            beba_emit(e, "\\%03o", c);
        else
            beba_strbuf_putc(e->out, (char)c);
    }
    beba_emit(e, n ? "\"" : "\"\"");
}

/* The source text, for whoever looks at the object later. */
static void text_section(struct emit *e)
{
    const char *file = e->opts->file ? e->opts->file : "";
    size_t n = strlen(file);

    beba_emit_blank(e);
    beba_emit_line(e, "struct beba_meta_value {");
    beba_emit_line(e, "    struct beba_object_meta head;");
    beba_emit_line(e, "    char text[%zu];", e->opts->text_size + 1);
    beba_emit_line(e, "};");
    beba_emit_line(e, "BEBA_ARRAY(beba_meta, 1, struct beba_meta_value);");
    beba_emit_blank(e);
    beba_emit_line(e, "const struct beba_meta_value beba_text BEBA_SECTION(\"beba.text\") = {");
    beba_emit_line(e, "    .head = {BEBA_OBJECT_MAGIC, BEBA_OBJECT_VERSION, %u, %zu, 0,", e->target,
                   e->opts->text_size);
    beba_emit(e, "             ");
    literal(e, n < 256 ? file : file + n - 255, n < 256 ? n : 255);
    beba_emit(e, "},\n    .text =\n        ");
    literal(e, e->opts->text ? e->opts->text : "", e->opts->text ? e->opts->text_size : 0);
    beba_emit(e, ",\n};\n");
    beba_emit_blank(e);
    beba_emit_line(e, "char beba_license[] BEBA_SECTION(\"license\") = \"Dual BSD/GPL\";");
}

/* Functions that read one field each. */
static void readers(struct emit *e)
{
    for (uint32_t i = 0; e->opts->fine && i < BEBA_N_FIELDS; i++)
        if (e->reads[i])
            beba_emit_line(e, "BEBA_READER(%s)", field_ids[i]);
}

static void program(struct emit *e)
{
    start(e);
    shared_type(e);
    cpu_type(e);
    beba_emit_blank(e);
    beba_emit_line(e, "#include \"emit/rt/maps.h\"");
    flow_maps(e);
    set_maps(e);
    beba_emit_group_maps(e);
    shapes(e);
    beba_emit_blank(e);
    beba_emit_line(e, "#include \"emit/rt/run.h\"");
    beba_emit_blank(e);
    readers(e);
    rare(e);
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        beba_emit_table_types(e, i);
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        const struct beba_table *t = &e->p->table[i];

        if (!e->facts[i].keyed)
            continue;
        beba_emit_key(e, i, &t->lookup, "lookup");
        if (t->two_keys)
            beba_emit_key(e, i, &t->update, "update");
        if (e->facts[i].timed)
            due(e, i);
    }
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        if (e->facts[i].peeked && e->facts[i].keyed)
            beba_emit_peek(e, i);
    for (uint32_t i = 0; i < e->p->n_tables; i++)
        beba_emit_table(e, i);
    main_function(e);
    control(e);
    text_section(e);
}

static int unsupported(struct emit *e, struct beba_error *err)
{
    struct beba_diags diags = {0};
    int rc = 0;

    beba_target_check(e->p, e->target, &diags);
    for (uint32_t i = 0; i < diags.n && !rc; i++)
        if (diags.diag[i].severity == BEBA_ERROR)
            rc = beba_error_set(err, -ENOTSUP, "%s", diags.diag[i].message);
    beba_diags_free(&diags);
    return rc;
}

int beba_emit_c(const struct beba_pipeline *p, enum beba_target target,
                const struct beba_emit_opts *opts, struct beba_strbuf *out, struct beba_error *err)
{
    static const struct beba_emit_opts none;
    struct emit e = {.p = p, .target = target, .opts = opts ? opts : &none, .out = out, .line = 1};
    int rc;

    e.native = target == BEBA_TARGET_NATIVE;
    if (target != BEBA_TARGET_XDP && target != BEBA_TARGET_TC && !e.native)
        return beba_error_set(err, -ENOTSUP, "no C is written for target %s",
                              beba_target_name(target));
    e.source = (struct beba_source){e.opts->file, e.opts->text, e.opts->text_size};
    e.own = (struct beba_sources){.source = &e.source, .n = e.opts->text && e.opts->file};
    if (e.native) {
        rc = beba_emit_native(&e, err);
        goto out;
    }
    rc = unsupported(&e, err);
    if (!rc)
        rc = beba_object_layout(p, &e.arena, &e.layout, err);
    if (!rc)
        rc = beba_emit_facts(&e, err);
    if (!rc)
        program(&e);
    if (!rc && out->failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
out:
    beba_arena_free(&e.arena);
    return rc;
}
