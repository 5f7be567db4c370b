/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A table as C: its types, and the function that runs it as docs/machine.md, "Running a table",
 * says: keys, lookup, timeouts, rules, write-back. */
#include "emit/write.h"

#include <inttypes.h>
#include <string.h>

/* Types -------------------------------------------------------------------------------------- */

static const char *reg_type(unsigned size)
{
    return size == 1   ? "uint8_t"
           : size == 2 ? "uint16_t"
           : size == 4 ? "uint32_t"
           : size == 8 ? "uint64_t"
                       : "struct beba_u128";
}

/* In the order of their offsets, which is how they lie in an entry. */
static void regs_type(struct emit *e, uint32_t i)
{
    const struct beba_table *t = &e->p->table[i];
    uint32_t used = 0;

    beba_emit_blank(e);
    beba_emit_line(e, "/* The registers of machine %s, as they lie in an entry. */",
                   e->facts[i].name);
    beba_emit_line(e, "struct regs_%s {", e->facts[i].name);
    for (uint32_t size = 16; size; size /= 2) {
        for (uint32_t r = 0; r < t->n_regs; r++) {
            if (t->reg[r].size != size)
                continue;
            beba_emit_line(e, "    %s %s;", reg_type(size), beba_emit_reg_name(e, t, r));
            used = t->reg[r].offset + size;
        }
    }
    if (used < t->regs_size)
        beba_emit_line(e, "    uint8_t zeros[%" PRIu32 "];", t->regs_size - used);
    beba_emit_line(e, "} __attribute__((aligned(8)));");
    for (uint32_t r = 0; r < t->n_regs; r++)
        beba_emit_line(
            e, "_Static_assert(__builtin_offsetof(struct regs_%s, %s) == %" PRIu32 ", \"\");",
            e->facts[i].name, beba_emit_reg_name(e, t, r), t->reg[r].offset);
}

static void frame_type(struct emit *e, uint32_t i)
{
    const struct beba_table *t = &e->p->table[i];
    const struct table_facts *facts = &e->facts[i];

    beba_emit_blank(e);
    if (facts->keyed) {
        beba_emit_line(
            e, "/* Its keys, of which other functions are told; the frame stays in registers. */");
        beba_emit_line(e, "struct keys_%s {", facts->name);
        beba_emit_line(e, "    uint32_t key[%" PRIu32 "] __attribute__((aligned(8)));",
                       t->lookup.padded / 4);
        if (t->two_keys)
            beba_emit_line(e, "    uint32_t update[%" PRIu32 "] __attribute__((aligned(8)));",
                           t->update.padded / 4);
        beba_emit_line(e, "};");
    }
    beba_emit_line(e, "/* What is known of a packet while machine %s runs. */", facts->name);
    beba_emit_line(e, "struct frame_%s {", facts->name);
    if (facts->keyed) {
        beba_emit_line(e, "    uint64_t key_hash, token;");
        if (t->two_keys)
            beba_emit_line(e, "    uint64_t update_hash;");
    }
    if (e->native && facts->keyed && facts->n_chunks)
        beba_emit_line(e, "    struct keys_%s *k;", facts->name);
    if (t->n_regs) {
        beba_emit_line(e, "    struct regs_%s regs;", facts->name);
        if (t->two_keys)
            beba_emit_line(e, "    struct regs_%s read;", facts->name);
    }
    for (uint32_t l = 0; l < t->n_lets; l++)
        beba_emit_line(e, "    %s let_%s;",
                       t->let_type[l].width > 64 ? "struct beba_u128" : "uint64_t",
                       beba_emit_let_name(e, l));
    for (uint32_t l = 0; l < t->n_lets; l++)
        if (facts->may_lack[l])
            beba_emit_line(e, "    bool lacks_%s;", beba_emit_let_name(e, l));
    beba_emit_line(e, "    uint32_t seen, state; /* at lookup; as goto changes it */");
    beba_emit_line(e, "    uint32_t from;");
    beba_emit_line(e, "    bool found, backward, update_backward, forward, went, dirty;");
    beba_emit_line(e, "};");
}

void beba_emit_table_types(struct emit *e, uint32_t i)
{
    e->t = &e->p->table[i];
    e->ti = i;
    if (e->facts[i].keyed)
        regs_type(e, i);
    frame_type(e, i);
}

/* Entries ------------------------------------------------------------------------------------ */

static bool stays_initial(const struct beba_table *t)
{
    return t->timeouts[0].idle || t->timeouts[0].hard;
}

/* bool initial_<name>(f): U is as if there were none. */
static void initial(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE bool initial_%s(const struct frame_%s *f)", facts->name,
                   facts->name);
    beba_emit_line(e, "{");
    if (stays_initial(e->t)) {
        beba_emit_line(e, "    return false; /* the first state has a timeout */");
        beba_emit_line(e, "}");
        return;
    }
    beba_emit_indent(e);
    beba_emit(e, "    return !f->state");
    for (uint32_t r = 0; r < e->t->n_regs; r++) {
        const struct beba_reg *reg = &e->t->reg[r];
        const char *name = beba_emit_reg_name(e, e->t, r);

        if (reg->size == 16)
            beba_emit(e,
                      " &&\n           f->regs.%s.hi == 0x%" PRIx64
                      "ull && f->regs.%s.lo == 0x%" PRIx64 "ull",
                      name, reg->init.hi, name, reg->init.lo);
        else
            beba_emit(e, " &&\n           f->regs.%s == 0x%" PRIx64 "ull", name, reg->init.lo);
    }
    beba_emit(e, ";\n");
    beba_emit_line(e, "}");
}

/* void start_<name>(regs): the registers of a key without an entry. */
static void start(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    uint32_t used = 0;

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE void start_%s(struct regs_%s *regs)", facts->name, facts->name);
    beba_emit_line(e, "{");
    for (uint32_t r = 0; r < e->t->n_regs; r++) {
        const struct beba_reg *reg = &e->t->reg[r];
        const char *name = beba_emit_reg_name(e, e->t, r);

        if (reg->size == 16)
            beba_emit_line(e, "    regs->%s = beba_u128(0x%" PRIx64 "ull, 0x%" PRIx64 "ull);", name,
                           reg->init.hi, reg->init.lo);
        else
            beba_emit_line(e, "    regs->%s = (%s)0x%" PRIx64 "ull;", name, reg_type(reg->size),
                           reg->init.lo);
        used = reg->offset + reg->size > used ? reg->offset + reg->size : used;
    }
    for (uint32_t i = used; i < e->t->regs_size; i++)
        beba_emit_line(e, "    regs->zeros[%" PRIu32 "] = 0;", i - used);
    beba_emit_line(e, "}");
}

static void observe(struct emit *e, const char *key, const char *lookup)
{
    const struct table_facts *facts = &e->facts[e->ti];

    if (!e->native) {
        beba_emit_line(e, "if (__builtin_expect(x->sampled, 0) && held.entry)");
        beba_emit_line(e,
                       "    beba_sample_entry(x, &cpu->head, %" PRIu32 ", held.entry, %" PRIu32
                       ", SHAPE_%s.regs_at, SHAPE_%s.regs_size, %s);",
                       e->ti, e->t->lookup.size, facts->name, facts->name,
                       strcmp(lookup, "true") ? "true" : "false");
    }
    if (facts->timed && e->native)
        beba_emit_line(
            e,
            "beba_observe(x, ft, SHAPE_%s, k->%s, f->%s_hash, &held, %s, %s%s, %s%s, %" PRIu32 ");",
            facts->name, key, key, lookup, facts->idle ? "idle_" : "NULL",
            facts->idle ? facts->name : "", facts->hard ? "hard_" : "NULL",
            facts->hard ? facts->name : "", e->t->n_states);
    else if (facts->timed)
        beba_emit_line(e, "beba_observe(x, ft, SHAPE_%s, k->%s, f->%s_hash, &held, %s, %d);",
                       facts->name, key, key, lookup, facts->idle | facts->hard << 1);
    else if (!strcmp(lookup, "true"))
        beba_emit_line(e, "if (held.entry)\n        held.entry->used = x->p.now;");
}

static void read_entry(struct emit *e, const char *regs)
{
    const struct table_facts *facts = &e->facts[e->ti];

    if (e->t->n_regs) {
        beba_emit_line(e, "if (held.entry)");
        beba_emit_line(
            e, "    f->%s = *(const struct regs_%s *)beba_ft_regs_as(SHAPE_%s, held.entry);", regs,
            facts->name, facts->name);
        beba_emit_line(e, "else");
        beba_emit_line(e, "    start_%s(&f->%s);", facts->name, regs);
    }
}

/* Locks a key and finds its entry; where that cannot be, the packet is dropped. */
static void take(struct emit *e, const char *key, bool create)
{
    const struct table_facts *facts = &e->facts[e->ti];

    if (facts->early)
        beba_emit_line(e, "f->%s_hash = lane->%s_place_%s.hash;", key, key, facts->name);
    else
        beba_emit_line(e, "f->%s_hash = beba_ft_hash_as(ft, SHAPE_%s, k->%s);", key, facts->name,
                       key);
    if (facts->early)
        beba_emit_line(e,
                       "if (beba_held_take_at(ft, SHAPE_%s, k->%s, &lane->%s_place_%s, %s, &held))",
                       facts->name, key, key, facts->name, create ? "true" : "false");
    else
        beba_emit_line(e, "if (beba_held_take(ft, SHAPE_%s, k->%s, f->%s_hash, %s, &held))",
                       facts->name, key, key, create ? "true" : "false");
    beba_emit_line(e, "    return beba_busy(x);");
}

static void release(struct emit *e, const char *key)
{
    beba_emit_line(e, "beba_held_release(ft, SHAPE_%s, k->%s, f->%s_hash, &held);",
                   e->facts[e->ti].name, key, key);
}

static void look_up(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    bool two = e->t->two_keys;

    if (facts->early) {
        const char *name = e->facts[facts->twin].name;

        beba_emit_line(e, "f->backward = lane->backward_%s;", name);
        if (two)
            beba_emit_line(e, "f->update_backward = lane->update_backward_%s;", name);
        beba_emit_line(e, "if (!lane->has_%s) {", name);
    } else if (e->alone) {
        beba_emit_line(e, "f->backward = backward;");
        if (two)
            beba_emit_line(e, "f->update_backward = update_backward;");
        beba_emit_line(e, "if (!keyed) {");
    } else {
        beba_emit_line(e, "if (!keys_%s(ctx, x, k, &f->backward%s)) {", facts->name,
                       two ? ", &f->update_backward" : "");
    }
    e->indent++;
    beba_emit_line(e, "cpu->table[%" PRIu32 "].no_key++;", e->ti);
    beba_emit_verdict(e, &e->t->no_key);
    if (e->t->no_key.kind == BEBA_VERDICT_NONE)
        beba_emit_line(e, "x->verdict = BEBA_VERDICT_DROP;");
    beba_emit_line(e, "x->reason = BEBA_REASON_NO_KEY;");
    beba_emit_line(e, "return 0;");
    e->indent--;
    beba_emit_line(e, "}");
    beba_emit_line(e, "ft = region_of_%s();", facts->name);
    if (!e->native) {
        beba_emit_line(e, "if (!ft)");
        beba_emit_line(e, "    return beba_broken(x);");
    }
    take(e, "key", facts->creates && !two);
    beba_emit_line(e, "if (held.entry)");
    beba_emit_line(e, "    cpu->table[%" PRIu32 "].hits++;", e->ti);
    beba_emit_line(e, "else");
    beba_emit_line(e, "    cpu->table[%" PRIu32 "].misses++;", e->ti);
    observe(e, "key", "true");
    beba_emit_line(e, "f->forward = !held.entry || (held.entry->birth & 1) == f->backward;");
    beba_emit_line(e, "f->seen = f->state = held.entry ? held.entry->state : 0;");
    read_entry(e, two ? "read" : "regs");
    if (two) {
        release(e, "key");
        take(e, "update", facts->creates);
        observe(e, "update", "false");
        beba_emit_line(e, "f->state = held.entry ? held.entry->state : 0;");
        read_entry(e, "regs");
    }
    beba_emit_line(e, "f->found = held.entry != NULL;");
    beba_emit_line(e, "f->from = f->state;");
    beba_emit_line(e, "f->token = held.token;");
}

/* The table's own function ------------------------------------------------------------------- */

static void entered(struct emit *e)
{
    bool any = false;

    for (uint32_t s = 0; s < e->t->n_states; s++)
        any |= e->t->state[s].notify;
    if (!any || !e->facts[e->ti].goes)
        return;
    beba_emit_indent(e);
    beba_emit(e, "if (f->went && (");
    any = false;
    for (uint32_t s = 0; s < e->t->n_states; s++) {
        if (!e->t->state[s].notify)
            continue;
        beba_emit(e, "%sf->state == %" PRIu32, any ? " || " : "", s);
        any = true;
    }
    beba_emit(e, "))\n");
    beba_emit_line(
        e, "    beba_entered(x, &cpu->head, f->from, f->state, %s, %" PRIu32 ", %" PRIu32 ");",
        e->t->two_keys ? "k->update" : "k->key", e->t->lookup.size, e->t->lookup.padded);
}

static bool refuses(const struct beba_table *t)
{
    return t->full == BEBA_FULL_REFUSE;
}

/* Of a table in a file, which a killed process must not leave half written. */
static void store_whole(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    bool regs = facts->assigns && e->t->n_regs;

    beba_emit_line(e, "if (held.entry && BEBA_UNDO(ft)) {");
    if (regs)
        beba_emit_line(e, "    struct regs_%s regs = f->regs;", facts->name);
    beba_emit_line(e, "    ctx->call->store(ctx->e, %" PRIu32 ", held.entry, f->state,", e->ti);
    beba_emit_line(e, "                     f->went ? x->p.now : held.entry->entered,");
    beba_emit_line(e, "                     f->went ? x->p.now : held.entry->used, %s);",
                   regs ? "f->dirty ? &regs : NULL" : "NULL");
    beba_emit_line(e, "} else");
}

static void write_back(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    const char *key = e->t->two_keys ? "update" : "key";
    const char *backward = e->t->two_keys ? "update_backward" : "backward";

    if (!facts->keyed || !(facts->assigns || facts->goes))
        return;
    beba_emit_line(e, "if (f->went || f->dirty) {");
    e->indent++;
    beba_emit_line(e, "if (initial_%s(f)) {", facts->name);
    beba_emit_line(e, "    if (held.entry)");
    beba_emit_line(e, "        beba_held_remove(ft, SHAPE_%s, k->%s, f->%s_hash, &held);",
                   facts->name, key, key);
    beba_emit_line(e, "} else {");
    e->indent++;
    if (facts->creates) {
        if (refuses(e->t)) {
            beba_emit_line(e, "if (!held.entry) {");
        } else {
            beba_emit_line(e,
                           "if (!held.entry && !beba_held_room(ft, SHAPE_%s, k->%s, f->%s_hash, "
                           "x->p.now, &held)) {",
                           facts->name, key, key);
        }
        beba_emit_line(e, "    beba_held_insert(ft, SHAPE_%s, k->%s, f->%s_hash, x->p.now, &held);",
                       facts->name, key, key);
        beba_emit_line(e, "    if (held.entry)");
        beba_emit_line(e, "        held.entry->birth |= f->%s;", backward);
        beba_emit_line(e, "}");
    }
    if (e->native)
        store_whole(e);
    beba_emit_line(e, "if (held.entry) {");
    e->indent++;
    beba_emit_line(e, "held.entry->state = f->state;");
    if (facts->goes) {
        beba_emit_line(e, "if (f->went)");
        beba_emit_line(e, "    held.entry->entered = held.entry->used = x->p.now;");
    }
    if (facts->assigns) {
        beba_emit_line(e, "if (f->dirty)");
        beba_emit_line(e, "    *(struct regs_%s *)beba_ft_regs_as(SHAPE_%s, held.entry) = f->regs;",
                       facts->name, facts->name);
    }
    e->indent--;
    beba_emit_line(e, "}");
    e->indent--;
    beba_emit_line(e, "}");
    e->indent--;
    beba_emit_line(e, "}");
}

/* How a rule that could create an entry makes sure that there is room. */
static void room(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    const char *key = e->t->two_keys ? "update" : "key";

    beba_emit_blank(e);
    beba_emit_line(e, "#undef ROOM");
    beba_emit_line(e, "#define ROOM() \\");
    beba_emit_line(e, "    do { \\");
    beba_emit_line(e, "        if (!f->found) { \\");
    beba_emit_line(
        e,
        "            int room = beba_room(x, region_of_%s(), SHAPE_%s, k->%s, f->%s_hash, "
        "&f->token); \\",
        facts->name, facts->name, key, key);
    beba_emit_line(e, "            if (room == BEBA_HELD_BUSY) \\");
    beba_emit_line(e, "                goto busy; \\");
    beba_emit_line(e, "            if (room) \\");
    beba_emit_line(e, "                goto full; \\");
    beba_emit_line(e, "        } \\");
    beba_emit_line(e, "    } while (0)");
}

static void after_rules(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    const char *key = e->t->two_keys ? "update" : "key";

    beba_emit_line(e, "goto done;");
    if (facts->keyed && facts->creates && refuses(e->t)) {
        beba_emit_line(e, "busy: __attribute__((unused));");
        beba_emit_line(e, "held.token = f->token;");
        beba_emit_line(e, "beba_busy(x);");
        beba_emit_line(e, "goto leave;");
        beba_emit_line(e, "full: __attribute__((unused));");
        beba_emit_line(e, "held.token = f->token;");
        beba_emit_verdict(e, &e->t->full_verdict);
        beba_emit_line(e, "x->reason = BEBA_REASON_FULL;");
        beba_emit_line(e, "goto leave;");
    }
    beba_emit_line(e, "ran: __attribute__((unused));");
    if (facts->keyed && facts->creates && refuses(e->t))
        beba_emit_line(e, "held.token = f->token;");
    entered(e);
    write_back(e);
    beba_emit_line(e, "done:");
    beba_emit_line(e, "x->reason = BEBA_REASON_RULE;");
    beba_emit_line(e, "if (x->verdict == BEBA_VERDICT_NONE) {");
    e->indent++;
    beba_emit_line(e, "x->reason = BEBA_REASON_DEFAULT;");
    beba_emit_verdict(e, &e->t->dflt);
    if (e->t->dflt.kind == BEBA_VERDICT_NONE)
        beba_emit_line(e, "x->verdict = BEBA_VERDICT_DROP;");
    e->indent--;
    beba_emit_line(e, "}");
    if (facts->keyed) {
        beba_emit_line(e, "leave: __attribute__((unused));");
        release(e, key);
    }
    beba_emit_line(e, "return 0;");
}

static void peek_native(struct emit *e, uint32_t i)
{
    const char *name = e->facts[i].name;

    beba_emit_blank(e);
    beba_emit_line(e, "/* The state of this packet's entry in machine %s, without touching it. */",
                   name);
    beba_emit_line(e, "BEBA_INLINE uint64_t state_of_%s(beba_ctx *ctx, struct beba_run *x)", name);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct keys_%s k;", name);
    beba_emit_line(e, "    bool backward;");
    beba_emit_blank(e);
    beba_emit_line(e, "    if (!lookup_key_%s(ctx, x, k.key, &backward))", name);
    beba_emit_line(e, "        return 0xffffffffu;");
    beba_emit_line(e, "    return beba_peek_state(x, region_of_%s(), SHAPE_%s, k.key);", name,
                   name);
    beba_emit_line(e, "}");
}

/* Two functions, one after the other, with the key in memory between them: rules that ask may be
 * deep on the stack. */
void beba_emit_peek(struct emit *e, uint32_t i)
{
    const struct table_facts *facts = &e->facts[i];

    if (e->native) {
        peek_native(e, i);
        return;
    }
    beba_emit_blank(e);
    beba_emit_line(e, "/* This packet's key in machine %s, for peek_%s. */", facts->name,
                   facts->name);
    beba_emit_line(e,
                   "__attribute__((noinline)) int peek_key_%s(beba_ctx *ctx, struct beba_run *x)",
                   facts->name);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct cpu *cpu = beba_cpu_here();");
    beba_emit_line(e, "    struct beba_ft *ft = region_of_%s();", facts->name);
    beba_emit_line(e, "    bool backward;");
    beba_emit_blank(e);
    beba_emit_line(e, "    BEBA_KEEP(ctx, x, x);");
    beba_emit_line(
        e, "    if (!x || !cpu || !ft || !lookup_key_%s(ctx, x, cpu->scratch.peek.key, &backward))",
        facts->name);
    beba_emit_line(e, "        return 0;");
    beba_emit_line(
        e, "    cpu->scratch.peek.hash = beba_ft_hash_as(ft, SHAPE_%s, cpu->scratch.peek.key);",
        facts->name);
    beba_emit_line(e, "    return 1;");
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(e, "/* The state of the entry with that key, without touching it. */");
    beba_emit_line(e, "__attribute__((noinline)) int peek_%s(struct beba_run *x)", facts->name);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    struct cpu *cpu = beba_cpu_here();");
    beba_emit_line(e, "    struct beba_ft *ft = region_of_%s();", facts->name);
    beba_emit_blank(e);
    beba_emit_line(e, "    if (!x || !cpu || !ft)");
    beba_emit_line(e, "        return 0;");
    beba_emit_line(e, "    return (int)beba_peek_state(x, ft, SHAPE_%s, &cpu->scratch.peek);",
                   facts->name);
    beba_emit_line(e, "}");
    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE uint64_t state_of_%s(beba_ctx *ctx, struct beba_run *x)",
                   facts->name);
    beba_emit_line(e, "{");
    beba_emit_line(e, "    return peek_key_%s(ctx, x) ? (uint32_t)peek_%s(x) : 0xffffffffu;",
                   facts->name, facts->name);
    beba_emit_line(e, "}");
}

/* Behind the frame. */
void beba_emit_keys_in_scratch(struct emit *e, uint32_t i)
{
    const char *name = e->facts[i].name;

    if (e->native) {
        if (e->facts[i].keyed)
            beba_emit_line(e, "struct keys_%s *k = f->k;", name);
    } else if (e->facts[i].keyed) {
        beba_emit_line(
            e, "struct keys_%s *k = (void *)(cpu->scratch.frame + (sizeof(*f) + 7) / 8);", name);
        beba_emit_line(
            e, "_Static_assert(sizeof(*f) + 7 + sizeof(*k) <= sizeof(cpu->scratch.frame), \"\");");
    } else {
        beba_emit_line(e, "_Static_assert(sizeof(*f) <= sizeof(cpu->scratch.frame), \"\");");
    }
}

/* bool keys_<name>(ctx, x, k, backward, ...): all keys; false when the packet lacks one. */
static void keys(struct emit *e)
{
    const char *name = e->facts[e->ti].name;
    bool two = e->t->two_keys;

    beba_emit_blank(e);
    beba_emit_line(e, "BEBA_INLINE bool keys_%s(beba_ctx *ctx, struct beba_run *x,", name);
    beba_emit_line(e, "                         struct keys_%s *k, bool *backward%s)", name,
                   two ? ", bool *update_backward" : "");
    beba_emit_line(e, "{");
    beba_emit_line(e, "    return lookup_key_%s(ctx, x, k->key, backward)%s%s%s;", name,
                   two ? " && update_key_" : "", two ? name : "",
                   two ? "(ctx, x, k->update, update_backward)" : "");
    beba_emit_line(e, "}");
}

/* The parameters of a table's function after the packet. */
static const char *given(struct emit *e)
{
    const char *shared = e->shares ? ", struct shared *shared" : "";

    if (e->global || e->native)
        return "";
    if (!e->alone || !e->facts[e->ti].keyed)
        return beba_arena_printf(&e->arena, ", struct cpu *cpu%s", shared);
    return beba_arena_printf(
        &e->arena, ", struct cpu *cpu%s, struct keys_%s *k, bool keyed, bool backward%s", shared,
        e->facts[e->ti].name, e->t->two_keys ? ", bool update_backward" : "");
}

void beba_emit_table_call(struct emit *e, uint32_t i)
{
    bool keys = e->alone && e->facts[i].keyed;

    bool given = !e->global && !e->native;

    beba_emit_line(e, "table_%s(ctx, x%s%s%s%s);", e->facts[i].name, given ? ", cpu" : "",
                   e->shares && given ? ", shared" : "", keys ? ", k, keyed, backward" : "",
                   keys && e->p->table[i].two_keys ? ", update_backward" : "");
}

static void begin(struct emit *e)
{
    beba_emit_line(e, "x->table = %" PRIu32 ";", e->ti);
    beba_emit_line(e, "x->rule = BEBA_NO_RULE;");
    beba_emit_line(e, "x->verdict = BEBA_VERDICT_NONE;");
    beba_emit_line(e, "x->port = 0;");
    beba_emit_line(e, "f->went = f->dirty = false;");
}

/* The start of a part of a table: int <part>_<name>(ctx, x<more>), with the frame in memory. */
static void part(struct emit *e, const char *name, const char *more, bool held)
{
    beba_emit_blank(e);
    beba_emit_line(e, "__attribute__((noinline)) int %s_%s(beba_ctx *ctx, struct beba_run *x%s)",
                   name, e->facts[e->ti].name, more);
    beba_emit_line(e, "{");
    e->indent++;
    beba_emit_line(e, "ENTER;");
    beba_emit_line(e, "struct frame_%s *f = (void *)cpu->scratch.frame;", e->facts[e->ti].name);
    beba_emit_keys_in_scratch(e, e->ti);
    if (held) {
        beba_emit_line(e, "struct beba_held held = {0};");
        beba_emit_line(e, "struct beba_ft *ft;");
    }
    beba_emit_blank(e);
}

/* In small pieces: find_<name>() looks up, the rules follow one another, close_<name>() writes
 * back. While rules run nothing else is on the stack. */
static void table_in_parts(struct emit *e)
{
    const struct table_facts *facts = &e->facts[e->ti];
    const char *key = e->t->two_keys ? "update" : "key";

    part(e, "find", "", true);
    begin(e);
    look_up(e);
    beba_emit_line(e, "return 1;");
    e->indent--;
    beba_emit_line(e, "}");

    part(e, "close", ", int how", true);
    beba_emit_line(e, "BEBA_KEEP(ctx, x, how);");
    beba_emit_line(e, "ft = region_of_%s();", facts->name);
    beba_emit_line(e, "if (!ft)");
    beba_emit_line(e, "    return beba_broken(x);");
    beba_emit_line(e, "held.first = BEBA_FT_BUCKET(ft, SHAPE_%s, beba_ft_first(ft, f->%s_hash));",
                   facts->name, key);
    beba_emit_line(e, "if (!held.first)");
    beba_emit_line(e, "    return beba_broken(x);");
    beba_emit_line(e, "beba_held_resume(ft, SHAPE_%s, f->token, &held);", facts->name);
    beba_emit_line(e, "switch (how) {");
    beba_emit_ends(e);
    beba_emit_line(e, "}");
    after_rules(e);
    e->indent--;
    beba_emit_line(e, "}");

    part(e, "table", "", false);
    beba_emit_line(e, "int how;");
    beba_emit_blank(e);
    beba_emit_line(e, "if (!find_%s(ctx, x))", facts->name);
    beba_emit_line(e, "    return 0;");
    beba_emit_rules(e);
    beba_emit_line(e, "how = NEITHER;");
    beba_emit_line(e, "decided: __attribute__((unused));");
    beba_emit_line(e, "return close_%s(ctx, x, how);", facts->name);
    e->indent--;
    beba_emit_line(e, "}");
}

void beba_emit_table(struct emit *e, uint32_t i)
{
    const struct table_facts *facts = &e->facts[i];
    bool on_stack = e->native || (!facts->n_chunks && facts->frame_size <= beba_emit_frame_most(e));

    e->t = &e->p->table[i];
    e->ti = i;
    if (facts->keyed) {
        if (facts->creates && refuses(e->t))
            room(e);
        initial(e);
        start(e);
        keys(e);
    }
    beba_emit_chunks(e);
    if (e->opts->fine && facts->keyed && facts->n_chunks) {
        table_in_parts(e);
        return;
    }
    beba_emit_blank(e);
    beba_emit_line(e, "%s%s int table_%s(beba_ctx *ctx, struct beba_run *x%s)",
                   e->native && e->global ? "static " : "",
                   e->global ? "__attribute__((noinline))" : "BEBA_INLINE_PLACES", facts->name,
                   given(e));
    beba_emit_line(e, "{");
    e->indent++;
    if (e->global || e->native)
        beba_emit_line(e, "ENTER;");
    if (on_stack) {
        beba_emit_line(e, "struct frame_%s frame, *f = &frame;", facts->name);
        if (facts->early)
            beba_emit_line(e, "struct keys_%s *k = (void *)&lane->k_%s;", facts->name,
                           e->facts[facts->twin].name);
        else if (facts->keyed && !e->alone)
            beba_emit_line(e, "struct keys_%s keys, *k = &keys;", facts->name);
    } else {
        beba_emit_line(e, "struct frame_%s *f = (void *)cpu->scratch.frame;", facts->name);
        beba_emit_keys_in_scratch(e, i);
    }
    if (facts->keyed) {
        if (e->native)
            beba_emit_line(e, "BEBA_HELD(held, %" PRIu32 ");", i);
        else
            beba_emit_line(e, "struct beba_held held = {0};");
        beba_emit_line(e, "struct beba_ft *ft;");
    }
    beba_emit_blank(e);
    if (e->native && facts->keyed && facts->n_chunks)
        beba_emit_line(e, "f->k = k;");
    begin(e);
    if (facts->keyed)
        look_up(e);
    else
        beba_emit_line(e, "f->forward = true, f->seen = f->state = f->from = 0;");
    beba_emit_rules(e);
    after_rules(e);
    e->indent--;
    beba_emit_line(e, "}");
}
