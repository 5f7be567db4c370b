/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Expressions as C.
 *
 * Values of up to 64 bits are C expressions of type uint64_t (truth values may be int); wider ones
 * of type struct beba_u128. Fields are read by macros of rt/run.h:
 *
 *   F(TCP_DST)         0 when the packet lacks it
 *   HAVE(TCP_DST)      the same where the packet surely has the layer
 *   ASK(TCP_DST, f)    the same as F, and sets flag f when the packet lacks it
 *   HAS(TCP)           the packet has the layer
 *
 * A comparison is false when an operand read an absent field. Nearly always that is known from the
 * layers of the fields it reads: HAS(TCP) && HAVE(TCP_DST) == 22. Where it depends on what was
 * evaluated (&& in an operand), where a field may lack in a packet with its layer (icmp.id), or
 * where evaluating has an effect (random), a flag is kept while the operands are evaluated. */
#include "emit/write.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const field_ids[] = {
#define BEBA_FIELD(id, ...) #id,
#include "packet/fields.def"
#undef BEBA_FIELD
};

static const char *const layer_ids[BEBA_N_LAYERS] = {
    "META", "ETH",   "VLAN", "VLAN2", "PBB", "MPLS", "MPLS2", "ARP",   "IP4",  "IP6", "IP6FRAG",
    "ICMP", "ICMP6", "ND",   "TCP",   "UDP", "SCTP", "GRE",   "VXLAN", "GTPU", "IP",  "L4",
};

static bool is_comparison(unsigned op)
{
    return op == BEBA_OP_IN_LIST || op == BEBA_OP_IN_SET ||
           (op >= BEBA_OP_EQ && op <= BEBA_OP_GE) || op == BEBA_OP_SEQ_LT || op == BEBA_OP_SEQ_LEQ;
}

/* Fields that a packet may lack although it has their layer. */
static bool is_fickle(uint32_t id)
{
    switch (id) {
    case BEBA_F_ETH_TYPE:
    case BEBA_F_ICMP_ID:
    case BEBA_F_ICMP_SEQ:
    case BEBA_F_ICMP6_ID:
    case BEBA_F_ICMP6_SEQ:
    case BEBA_F_ND_SLL:
    case BEBA_F_ND_TLL:
    case BEBA_F_GRE_KEY:
        return true;
    default:
        return false;
    }
}

/* What the operands of a comparison read, themselves. */
struct reads {
    const struct table_facts *facts;
    uint32_t layers;
    bool lets;    /* a let that may lack */
    bool fickle;  /* presence is not that of layers */
    bool depends; /* what is read depends on values, or reading has an effect */
};

static void find_reads(struct reads *r, const struct beba_expr *x)
{
    if (x->op == BEBA_OP_FIELD) {
        r->layers |= 1u << beba_fields[x->id].layer;
        r->fickle |= is_fickle(x->id);
    }
    if (x->op == BEBA_OP_LET && r->facts->may_lack[x->id])
        r->lets = true;
    if (x->op == BEBA_OP_LAND || x->op == BEBA_OP_LOR || x->op == BEBA_OP_RANDOM)
        r->depends = true;
    if (is_comparison(x->op)) {
        for (unsigned i = 0; i < x->n_args; i++) {
            struct reads inner = {.facts = r->facts};

            find_reads(&inner, x->arg[i]);
            r->depends |= inner.depends;
        }
        return;
    }
    for (unsigned i = 0; i < x->n_args; i++)
        find_reads(r, x->arg[i]);
}

bool beba_emit_may_lack(const struct table_facts *facts, const struct beba_expr *x)
{
    struct reads r = {.facts = facts};

    find_reads(&r, x);
    return r.layers & ~(1u << BEBA_LAYER_META) || r.lets || r.fickle;
}

/* Layers that a packet has for which the expression is true. */
static uint32_t surely(const struct beba_expr *x)
{
    uint32_t layers = 0;

    if (x->op == BEBA_OP_PRESENT)
        return beba_layer_implies((enum beba_layer)x->id);
    if (x->op == BEBA_OP_LAND)
        return surely(x->arg[0]) | surely(x->arg[1]);
    if (x->op == BEBA_OP_FIELD) /* a true one is not absent */
        layers = 1u << beba_fields[x->id].layer;
    for (unsigned i = 0; is_comparison(x->op) && i < x->n_args; i++)
        if (x->arg[i]->op == BEBA_OP_FIELD)
            layers |= 1u << beba_fields[x->arg[i]->id].layer;
    for (unsigned i = 1; i < BEBA_N_LAYERS; i++)
        if (layers >> i & 1)
            layers |= beba_layer_implies((enum beba_layer)i);
    return layers;
}

const char *beba_emit_let_name(struct emit *e, uint32_t slot)
{
    const char *name = beba_emit_name(e, e->t->let_name ? e->t->let_name[slot] : NULL, "v", slot);

    return beba_arena_printf(&e->arena, "%s_%" PRIu32, name, slot);
}

const char *beba_emit_reg_name(struct emit *e, const struct beba_table *t, uint32_t reg)
{
    return beba_arena_printf(&e->arena, "r_%s", beba_emit_name(e, t->reg[reg].name, "", reg));
}

const char *beba_emit_global_name(struct emit *e, uint32_t i)
{
    return beba_arena_printf(&e->arena, e->native ? "g_%s[0]" : "g_%s",
                             beba_emit_name(e, e->p->global[i].name, "", i));
}

const char *beba_emit_array_name(struct emit *e, uint32_t i)
{
    return beba_arena_printf(&e->arena, "a_%s", beba_emit_name(e, e->p->array[i].name, "", i));
}

/* Leaves ------------------------------------------------------------------------------------- */

static void field(struct emit *e, uint32_t id, bool wide)
{
    const char *suffix = wide ? "_WIDE" : "";
    unsigned layer = beba_fields[id].layer;
    bool known = layer == BEBA_LAYER_META || (e->known >> layer & 1);

    if (known && !is_fickle(id))
        beba_emit(e, "HAVE%s(%s)", suffix, field_ids[id]);
    else if (e->absent)
        beba_emit(e, "ASK%s(%s, %s)", suffix, field_ids[id], e->absent);
    else
        beba_emit(e, "F%s(%s)", suffix, field_ids[id]);
}

static void let(struct emit *e, uint32_t slot)
{
    const char *name = beba_emit_let_name(e, slot);

    if (e->absent && e->facts[e->ti].may_lack[slot])
        beba_emit(e, "(%s |= f->lacks_%s, f->let_%s)", e->absent, name, name);
    else
        beba_emit(e, "f->let_%s", name);
}

static void constant(struct emit *e, uint64_t v)
{
    beba_emit(e, v > 0xffff ? "0x%" PRIx64 "ull" : "%" PRIu64 "ull", v);
}

static void state_of(struct emit *e, uint32_t table)
{
    if (table == e->ti)
        beba_emit(e, "(uint64_t)f->%s", e->t->two_keys ? "seen" : "state");
    else if (!e->facts[table].keyed)
        beba_emit(e, "0ull");
    else
        beba_emit(e, "state_of_%s(ctx, x)", e->facts[table].name);
}

/* Comparisons -------------------------------------------------------------------------------- */

static void lets_there(struct emit *e, const struct beba_expr *x)
{
    if (x->op == BEBA_OP_LET && e->facts[e->ti].may_lack[x->id])
        beba_emit(e, "!f->lacks_%s && ", beba_emit_let_name(e, x->id));
    if (is_comparison(x->op))
        return;
    for (unsigned i = 0; i < x->n_args; i++)
        lets_there(e, x->arg[i]);
}

static void layers_there(struct emit *e, uint32_t layers)
{
    for (unsigned i = 1; i < BEBA_N_LAYERS; i++)
        if (layers >> i & 1)
            beba_emit(e, "HAS(%s) && ", layer_ids[i]);
}

static void number(struct emit *e, struct beba_u128 v, bool wide)
{
    if (wide)
        beba_emit(e, "beba_u128(0x%" PRIx64 "ull, 0x%" PRIx64 "ull)", v.hi, v.lo);
    else
        constant(e, v.lo);
}

static void one_range(struct emit *e, const char *v, const struct beba_range *r, bool wide)
{
    bool single = !beba_u128_cmp(r->lo, r->hi);

    if (wide) {
        beba_emit(e, single ? "beba_compare(BEBA_OP_EQ, %s, " : "(beba_compare(BEBA_OP_GE, %s, ",
                  v);
        number(e, r->lo, wide);
        if (single) {
            beba_emit(e, ")");
            return;
        }
        beba_emit(e, ") && beba_compare(BEBA_OP_LE, %s, ", v);
        number(e, r->hi, wide);
        beba_emit(e, "))");
        return;
    }
    beba_emit(e, single ? "%s == " : "(%s >= ", v);
    constant(e, r->lo.lo);
    if (single)
        return;
    beba_emit(e, " && %s <= ", v);
    constant(e, r->hi.lo);
    beba_emit(e, ")");
}

/* Ranges are sorted: many are halved until few are left. */
static void ranges(struct emit *e, const char *v, const struct beba_range *r, uint32_t n, bool wide)
{
    if (n > LIST_CHAIN) {
        uint32_t half = n / 2;

        beba_emit(e, wide ? "(beba_compare(BEBA_OP_LT, %s, " : "(%s < ", v);
        number(e, r[half].lo, wide);
        beba_emit(e, wide ? ") ? " : " ? ");
        ranges(e, v, r, half, wide);
        beba_emit(e, " : ");
        ranges(e, v, r + half, n - half, wide);
        beba_emit(e, ")");
        return;
    }
    beba_emit(e, "(");
    for (uint32_t i = 0; i < n; i++) {
        beba_emit(e, "%s", i ? " || " : "");
        one_range(e, v, &r[i], wide);
    }
    beba_emit(e, n ? ")" : "0)");
}

static void in_list(struct emit *e, const struct beba_expr *x)
{
    bool wide = x->arg[0]->type.width > 64;
    unsigned n = e->n_temps++;
    char v[16];

    snprintf(v, sizeof(v), "v_%u", n);
    beba_emit(e, "({ %s %s = ", wide ? "struct beba_u128" : "uint64_t", v);
    if (wide)
        beba_emit_wide(e, x->arg[0]);
    else
        beba_emit_value(e, x->arg[0]);
    beba_emit(e, "; ");
    ranges(e, v, x->range, x->n_ranges, wide);
    beba_emit(e, "; })");
}

static void in_set(struct emit *e, const struct beba_expr *x)
{
    unsigned width = e->p->set[x->id].type.width;

    if (e->layout.set[x->id]) {
        beba_emit(e, "beba_in_bits(shared->set_%" PRIu32 ", ", x->id);
        beba_emit_value(e, x->arg[0]);
    } else {
        beba_emit(e, "beba_in_set(%sset_%" PRIu32 ", %u, ", e->native ? "shared->" : "&", x->id,
                  width);
        beba_emit_wide(e, x->arg[0]);
    }
    beba_emit(e, ")");
}

static void compare_values(struct emit *e, const struct beba_expr *x)
{
    const struct beba_expr *a = x->arg[0], *b = x->n_args > 1 ? x->arg[1] : NULL;

    if (x->op == BEBA_OP_IN_LIST || x->op == BEBA_OP_IN_SET) {
        (x->op == BEBA_OP_IN_LIST ? in_list : in_set)(e, x);
        return;
    }
    if (x->op == BEBA_OP_SEQ_LT || x->op == BEBA_OP_SEQ_LEQ) {
        beba_emit(e, x->op == BEBA_OP_SEQ_LT ? "beba_seq_lt(" : "beba_seq_leq(");
        beba_emit_value(e, a);
        beba_emit(e, ", ");
        beba_emit_value(e, b);
        beba_emit(e, ")");
        return;
    }
    if (a->type.width > 64 || b->type.width > 64) {
        static const char *const names[] = {"EQ", "NE", "LT", "LE", "GT", "GE"};

        beba_emit(e, "beba_compare(BEBA_OP_%s, ", names[x->op - BEBA_OP_EQ]);
        beba_emit_wide(e, a);
        beba_emit(e, ", ");
        beba_emit_wide(e, b);
        beba_emit(e, ")");
        return;
    }
    beba_emit_value(e, a);
    beba_emit(e, " %s ", beba_ops[x->op].name);
    beba_emit_value(e, b);
}

static void compare(struct emit *e, const struct beba_expr *x)
{
    struct reads r = {.facts = &e->facts[e->ti]};
    uint32_t known = e->known;
    const char *outer = e->absent;

    for (unsigned i = 0; i < x->n_args; i++)
        find_reads(&r, x->arg[i]);
    r.layers &= ~(1u << BEBA_LAYER_META);
    if (r.fickle || (r.depends && (r.layers || r.lets))) {
        e->absent = beba_arena_printf(&e->arena, "absent_%u", e->n_temps++);
        beba_emit(e, "({ bool %s = false; bool b_%s = ", e->absent, e->absent);
        compare_values(e, x);
        beba_emit(e, "; b_%s && !%s; })", e->absent, e->absent);
        e->absent = outer;
        return;
    }
    e->absent = NULL;
    beba_emit(e, "(");
    layers_there(e, r.layers & ~e->known);
    for (unsigned i = 0; i < x->n_args; i++)
        lets_there(e, x->arg[i]);
    for (unsigned i = 1; i < BEBA_N_LAYERS; i++)
        if (r.layers >> i & 1)
            e->known |= beba_layer_implies((enum beba_layer)i);
    compare_values(e, x);
    beba_emit(e, ")");
    e->known = known;
    e->absent = outer;
}

/* Operations --------------------------------------------------------------------------------- */

static void call(struct emit *e, const char *function, const struct beba_expr *x)
{
    beba_emit(e, "%s(", function);
    for (unsigned i = 0; i < x->n_args; i++) {
        beba_emit(e, "%s", i ? ", " : "");
        beba_emit_value(e, x->arg[i]);
    }
    beba_emit(e, ")");
}

static void infix(struct emit *e, const char *operator, const struct beba_expr * x)
{
    beba_emit(e, "((uint64_t)");
    beba_emit_value(e, x->arg[0]);
    beba_emit(e, " %s ", operator);
    beba_emit_value(e, x->arg[1]);
    beba_emit(e, ")");
}

static void hash(struct emit *e, const struct beba_expr *x)
{
    unsigned n = e->n_temps++;

    beba_emit(e, "({ uint32_t h_%u = 0, n_%u = 0; ", n, n);
    for (unsigned i = 0; i < x->n_args; i++) {
        beba_emit(e, "h_%u = beba_hash_value(h_%u, ", n, n);
        beba_emit_wide(e, x->arg[i]);
        beba_emit(e, ", %u, &n_%u); ", x->arg[i]->type.width, n);
    }
    beba_emit(e, "(uint64_t)beba_hash_end(h_%u, n_%u); })", n, n);
}

static void logic(struct emit *e, const struct beba_expr *x)
{
    uint32_t known = e->known;

    beba_emit(e, "(");
    beba_emit_truth(e, x->arg[0]);
    beba_emit(e, " %s ", x->op == BEBA_OP_LAND ? "&&" : "||");
    if (x->op == BEBA_OP_LAND)
        e->known |= surely(x->arg[0]);
    beba_emit_truth(e, x->arg[1]);
    e->known = known;
    beba_emit(e, ")");
}

static void cell_number(struct emit *e, uint32_t array, const struct beba_expr *row,
                        const struct beba_expr *column)
{
    const struct beba_array *a = &e->p->array[array];
    uint32_t rows = a->rows ? a->rows : 1, columns = a->columns ? a->columns : 1;

    if (column) {
        beba_emit(e, "beba_cell2(");
        beba_emit_value(e, row);
        beba_emit(e, ", ");
        beba_emit_value(e, column);
        beba_emit(e, ", %" PRIu32 ", %" PRIu32 ")", rows, columns);
    } else {
        beba_emit(e, "beba_cell(");
        beba_emit_value(e, row);
        beba_emit(e, ", %" PRIu64 ")", (uint64_t)columns);
    }
}

void beba_emit_cell_index(struct emit *e, uint32_t array, const struct beba_expr *row,
                          const struct beba_expr *column)
{
    cell_number(e, array, row, column);
}

static void operation(struct emit *e, const struct beba_expr *x)
{
    static const char *const functions[BEBA_N_OPS] = {
        [BEBA_OP_DIV] = "beba_div",         [BEBA_OP_MOD] = "beba_mod",
        [BEBA_OP_MIN] = "beba_min",         [BEBA_OP_MAX] = "beba_max",
        [BEBA_OP_SAT_ADD] = "beba_sat_add", [BEBA_OP_SAT_SUB] = "beba_sat_sub",
        [BEBA_OP_ABS_DIFF] = "beba_apart",  [BEBA_OP_EWMA] = "beba_ewma",
        [BEBA_OP_AVG] = "beba_avg",         [BEBA_OP_VAR] = "beba_var",
    };
    unsigned width = x->type.width;

    switch ((enum beba_op)x->op) {
    case BEBA_OP_INV:
        beba_emit(e, "(~(uint64_t)");
        beba_emit_value(e, x->arg[0]);
        if (width < 64)
            beba_emit(e, " & 0x%" PRIx64 "ull", beba_mask64(width));
        beba_emit(e, ")");
        break;
    case BEBA_OP_NEG:
        beba_emit(e, "(0ull - ");
        beba_emit_value(e, x->arg[0]);
        beba_emit(e, ")");
        break;
    case BEBA_OP_ADD:
    case BEBA_OP_SUB:
    case BEBA_OP_MUL:
    case BEBA_OP_AND:
    case BEBA_OP_OR:
    case BEBA_OP_XOR:
        infix(e, beba_ops[x->op].name, x);
        break;
    case BEBA_OP_SHL:
    case BEBA_OP_SHR:
        beba_emit(e, "((uint64_t)");
        beba_emit_value(e, x->arg[0]);
        beba_emit(e, x->op == BEBA_OP_SHL ? " << (" : " >> (");
        beba_emit_value(e, x->arg[1]);
        beba_emit(e, " & 63))");
        break;
    default:
        call(e, functions[x->op], x);
    }
}

/* A global of two words that other threads of this process write. */
static bool is_read_whole(const struct emit *e, const struct beba_expr *x)
{
    return x->op == BEBA_OP_GLOBAL && e->native && e->opts->workers &&
           e->p->global[x->id].type.width > 64;
}

void beba_emit_value(struct emit *e, const struct beba_expr *x)
{
    if (is_comparison(x->op)) {
        compare(e, x);
        return;
    }
    switch ((enum beba_op)x->op) {
    case BEBA_OP_CONST:
        constant(e, x->k.lo);
        break;
    case BEBA_OP_FIELD:
        field(e, x->id, false);
        break;
    case BEBA_OP_REG:
        beba_emit(e, x->type.width > 64 ? "f->%s.%s.lo" : "(uint64_t)f->%s.%s",
                  e->t->two_keys ? "read" : "regs", beba_emit_reg_name(e, e->t, x->id));
        break;
    case BEBA_OP_LET:
        let(e, x->id);
        if (e->t->let_type[x->id].width > 64)
            beba_emit(e, ".lo");
        break;
    case BEBA_OP_GLOBAL:
        if (is_read_whole(e, x)) {
            beba_emit_wide(e, x);
            beba_emit(e, ".lo");
            break;
        }
        beba_emit(e, "shared->%s%s", beba_emit_global_name(e, x->id),
                  e->p->global[x->id].type.width > 64 ? ".lo" : "");
        break;
    case BEBA_OP_STATE:
        state_of(e, x->id);
        break;
    case BEBA_OP_FORWARD:
        beba_emit(e, "f->forward");
        break;
    case BEBA_OP_PRESENT:
        beba_emit(e, "HAS(%s)", layer_ids[x->id]);
        break;
    case BEBA_OP_RANDOM:
        beba_emit(e, "beba_draw(x, ");
        beba_emit_value(e, x->arg[0]);
        beba_emit(e, ")");
        break;
    case BEBA_OP_NOT:
        beba_emit(e, "!");
        beba_emit_truth(e, x->arg[0]);
        break;
    case BEBA_OP_MAP4:
        beba_emit_wide(e, x);
        beba_emit(e, ".lo");
        break;
    case BEBA_OP_ARRAY:
        beba_emit(e, "(uint64_t)shared->%s[", beba_emit_array_name(e, x->id));
        cell_number(e, x->id, x->arg[0], x->n_args > 1 ? x->arg[1] : NULL);
        beba_emit(e, "]");
        break;
    case BEBA_OP_LAND:
    case BEBA_OP_LOR:
        logic(e, x);
        break;
    case BEBA_OP_HASH:
        hash(e, x);
        break;
    default:
        operation(e, x);
    }
}

/* As a condition: parenthesised where it must be. */
void beba_emit_truth(struct emit *e, const struct beba_expr *x)
{
    beba_emit_value(e, x);
}

void beba_emit_wide(struct emit *e, const struct beba_expr *x)
{
    if (x->op == BEBA_OP_CONST) {
        number(e, x->k, true);
    } else if (x->op == BEBA_OP_FIELD && beba_fields[x->id].type.width > 64) {
        field(e, x->id, true);
    } else if (x->op == BEBA_OP_REG && x->type.width > 64) {
        beba_emit(e, "f->%s.%s", e->t->two_keys ? "read" : "regs",
                  beba_emit_reg_name(e, e->t, x->id));
    } else if (x->op == BEBA_OP_LET && e->t->let_type[x->id].width > 64) {
        let(e, x->id);
    } else if (is_read_whole(e, x)) {
        beba_emit(e, "ctx->call->load_wide(ctx->e, %" PRIu32 ")", x->id);
    } else if (x->op == BEBA_OP_GLOBAL && e->p->global[x->id].type.width > 64) {
        beba_emit(e, "shared->%s", beba_emit_global_name(e, x->id));
    } else if (x->op == BEBA_OP_MAP4) {
        beba_emit(e, "beba_u128(0, 0xffff00000000ull | (uint32_t)");
        beba_emit_value(e, x->arg[0]);
        beba_emit(e, ")");
    } else {
        beba_emit(e, "beba_u128(0, ");
        beba_emit_value(e, x);
        beba_emit(e, ")");
    }
}

void beba_emit_let(struct emit *e, uint32_t slot, const struct beba_expr *x)
{
    const char *name = beba_emit_let_name(e, slot);
    bool lacks = e->facts[e->ti].may_lack[slot];

    beba_emit_indent(e);
    if (lacks) {
        beba_emit(e, "f->lacks_%s = false;\n", name);
        beba_emit_indent(e);
        e->absent = beba_arena_printf(&e->arena, "f->lacks_%s", name);
    }
    beba_emit(e, "f->let_%s = ", name);
    if (e->t->let_type[slot].width > 64)
        beba_emit_wide(e, x);
    else
        beba_emit_value(e, x);
    beba_emit(e, ";\n");
    e->absent = NULL;
}

const char *beba_emit_combine(unsigned assign)
{
    static const char *const operators[] = {
        [BEBA_SET] = "",  [BEBA_ADD] = "+", [BEBA_SUB] = "-",
        [BEBA_AND] = "&", [BEBA_OR] = "|",  [BEBA_XOR] = "^",
    };

    return operators[assign];
}
