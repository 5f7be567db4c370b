/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Statements as C: each with the line of the program that it comes from. A verdict leaves the rule
 * by `goto ran`. */
#include "emit/write.h"

#include <inttypes.h>

static const char *const field_ids[] = {
#define BEBA_FIELD(id, ...) #id,
#include "packet/fields.def"
#undef BEBA_FIELD
};

/* Registers ---------------------------------------------------------------------------------- */

static void assign_reg(struct emit *e, const struct beba_stmt *s)
{
    const struct beba_reg *r = &e->t->reg[s->id];
    const char *name = beba_emit_reg_name(e, e->t, s->id);
    const char *type = r->size == 1   ? "uint8_t"
                       : r->size == 2 ? "uint16_t"
                       : r->size == 4 ? "uint32_t"
                                      : "uint64_t";
    bool masked = r->type.width < r->size * 8;

    beba_emit_indent(e);
    beba_emit(e, "f->regs.%s = ", name);
    if (r->size == 16) {
        beba_emit_wide(e, s->value);
        beba_emit(e, ", f->dirty = true;\n");
        return;
    }
    beba_emit(e, "(%s)(", type);
    if (masked)
        beba_emit(e, "(");
    if (s->assign != BEBA_SET)
        beba_emit(e, "(uint64_t)f->%s.%s %s ", e->t->two_keys ? "read" : "regs", name,
                  beba_emit_combine(s->assign));
    beba_emit(e, "(");
    beba_emit_value(e, s->value);
    beba_emit(e, ")");
    if (masked)
        beba_emit(e, ") & 0x%" PRIx64 "ull", beba_mask64(r->type.width));
    beba_emit(e, "), f->dirty = true;\n");
}

/* Globals and cells -------------------------------------------------------------------------- */

/* What is at the lvalue, of size bytes, becomes itself combined with v: in one step for everybody.
 */
static void combine_shared(struct emit *e, const char *at, unsigned size, unsigned width,
                           unsigned assign)
{
    static const char *const functions[] = {
        [BEBA_SET] = "",
        [BEBA_ADD] = "__sync_fetch_and_add",
        [BEBA_SUB] = "__sync_fetch_and_add",
        [BEBA_AND] = "__sync_fetch_and_and",
        [BEBA_OR] = "__sync_fetch_and_or",
        [BEBA_XOR] = "__sync_fetch_and_xor",
    };
    const char *type = size == 1   ? "uint8_t"
                       : size == 2 ? "uint16_t"
                       : size == 4 ? "uint32_t"
                                   : "uint64_t";

    if (e->native && !e->opts->workers && assign != BEBA_SET)
        beba_emit_line(e, "*%s = (%s)((*%s %s v) & 0x%" PRIx64 "ull);", at, type, at,
                       beba_emit_combine(assign), beba_mask64(width));
    else if (assign == BEBA_SET)
        beba_emit_line(e, "*%s = (%s)(v & 0x%" PRIx64 "ull);", at, type, beba_mask64(width));
    else if (width == size * 8)
        beba_emit_line(e, "%s(%s, (%s)%sv);", functions[assign], at, type,
                       assign == BEBA_SUB ? "-" : "");
    else if (assign == BEBA_ADD || assign == BEBA_SUB)
        beba_emit_line(e, "BEBA_CHANGE(%s, (old %s v) & 0x%" PRIx64 "ull);", at,
                       beba_emit_combine(assign), beba_mask64(width));
    else
        beba_emit_line(e, "%s(%s, (%s)(v & 0x%" PRIx64 "ull));", functions[assign], at, type,
                       beba_mask64(width));
}

static void assign_global(struct emit *e, const struct beba_stmt *s)
{
    const struct beba_global *g = &e->p->global[s->id];
    const char *name = beba_emit_global_name(e, s->id);

    beba_emit_indent(e);
    if (g->type.width > 64) {
        bool whole = e->native && e->opts->workers; /* others read it */

        if (whole)
            beba_emit(e, "ctx->call->store_wide(ctx->e, %" PRIu32 ", ", s->id);
        else
            beba_emit(e, "shared->%s = ", name);
        beba_emit_wide(e, s->value);
        beba_emit(e, whole ? ");\n" : ";\n");
        return;
    }
    beba_emit(e, "{ uint64_t v = ");
    beba_emit_value(e, s->value);
    beba_emit(e, ";\n");
    combine_shared(e, beba_arena_printf(&e->arena, "&shared->%s", name), 8, g->type.width,
                   s->assign);
    beba_emit_line(e, "}");
}

static void assign_cell(struct emit *e, const struct beba_stmt *s)
{
    const struct beba_array *a = &e->p->array[s->id];

    beba_emit_indent(e);
    beba_emit(e, "{ uint64_t i = ");
    beba_emit_cell_index(e, s->id, s->index[0], s->index[1]);
    beba_emit(e, ", v = ");
    beba_emit_value(e, s->value);
    beba_emit(e, ";\n");
    combine_shared(e,
                   beba_arena_printf(&e->arena, "&shared->%s[i]", beba_emit_array_name(e, s->id)),
                   e->layout.cell_size[s->id], a->type.width, s->assign);
    beba_emit_line(e, "}");
}

/* Fields ------------------------------------------------------------------------------------- */

static void assign_field(struct emit *e, const struct beba_stmt *s)
{
    const char *id = field_ids[s->id];

    beba_emit_indent(e);
    if (s->assign == BEBA_SET) {
        beba_emit(e, "WRITE(%s, ", id);
        beba_emit_wide(e, s->value);
        beba_emit(e, ");\n");
        return;
    }
    beba_emit(e, "{ bool absent = false; struct beba_u128 v = ");
    beba_emit_wide(e, s->value);
    beba_emit(e, "; uint64_t old = ASK(%s, absent);\n", id);
    beba_emit_indent(e);
    beba_emit(e, "if (!absent) { v.lo = old %s v.lo; WRITE(%s, v); } }\n",
              beba_emit_combine(s->assign), id);
}

static void assign(struct emit *e, const struct beba_stmt *s)
{
    switch ((enum beba_lvalue)s->lvalue) {
    case BEBA_LV_REG:
        assign_reg(e, s);
        break;
    case BEBA_LV_GLOBAL:
        assign_global(e, s);
        break;
    case BEBA_LV_ARRAY:
        assign_cell(e, s);
        break;
    case BEBA_LV_FIELD:
        assign_field(e, s);
        break;
    }
}

/* The others --------------------------------------------------------------------------------- */

void beba_emit_verdict(struct emit *e, const struct beba_verdict *v)
{
    static const char *const names[] = {
        [BEBA_VERDICT_NONE] = "NONE",   [BEBA_VERDICT_PASS] = "PASS",
        [BEBA_VERDICT_DROP] = "DROP",   [BEBA_VERDICT_OUTPUT] = "OUTPUT",
        [BEBA_VERDICT_REPLY] = "REPLY", [BEBA_VERDICT_FLOOD] = "FLOOD",
        [BEBA_VERDICT_PUNT] = "PUNT",   [BEBA_VERDICT_NEXT] = "NEXT",
    };

    beba_emit_indent(e);
    beba_emit(e, "x->verdict = BEBA_VERDICT_%s;", names[v->kind]);
    if (v->port) {
        beba_emit(e, " x->port = (uint32_t)");
        beba_emit_value(e, v->port);
        beba_emit(e, ";");
    } else if (v->kind == BEBA_VERDICT_REPLY) {
        beba_emit(e, " x->port = x->p.in_port;");
    }
    beba_emit(e, "\n");
}

static void notify(struct emit *e, const struct beba_stmt *s)
{
    beba_emit_indent(e);
    beba_emit(e, "{ struct beba_object_event *event;");
    for (unsigned i = 0; i < s->n_args; i++) {
        bool wide = s->args[i]->type.width > 64;

        beba_emit(e, " %s arg%u = ", wide ? "struct beba_u128" : "uint64_t", i);
        if (wide)
            beba_emit_wide(e, s->args[i]);
        else
            beba_emit_value(e, s->args[i]);
        beba_emit(e, ";");
    }
    beba_emit(e, "\n");
    beba_emit_line(e, "event = beba_event_new(x, &cpu->head, BEBA_EVENT_NOTIFY, x->p.now);");
    beba_emit_line(e, "if (event) {");
    e->indent++;
    beba_emit_line(e, "event->rule = x->rule;");
    beba_emit_line(e, "event->notice = %" PRIu32 ";", s->id);
    beba_emit_line(e, "event->n_args = %u;", s->n_args);
    for (unsigned i = 0; i < s->n_args; i++)
        beba_emit_line(e,
                       s->args[i]->type.width > 64 ? "event->arg[%u] = arg%u;"
                                                   : "event->arg[%u] = beba_u128(0, arg%u);",
                       i, i);
    if (e->facts[e->ti].keyed)
        beba_emit_line(e, "beba_event_key(event, k->key, %" PRIu32 ", %" PRIu32 ");",
                       e->t->lookup.size, e->t->lookup.padded);
    beba_emit_line(e, "beba_event_send(event);");
    e->indent--;
    beba_emit_line(e, "} }");
}

static void edit(struct emit *e, const struct beba_stmt *s)
{
    static const char *const names[] = {
        [BEBA_STMT_PUSH_VLAN] = "beba_run_push_vlan",
        [BEBA_STMT_POP_VLAN] = "beba_run_pop_vlan",
        [BEBA_STMT_PUSH_MPLS] = "beba_run_push_mpls",
        [BEBA_STMT_POP_MPLS] = "beba_run_pop_mpls",
    };

    beba_emit_indent(e);
    beba_emit(e, "cpu->head.edit_failed += %s(ctx, x", names[s->kind]);
    if (s->kind != BEBA_STMT_POP_VLAN)
        beba_emit(e, ", %" PRIu32, s->id);
    if (s->value) {
        beba_emit(e, ", ");
        beba_emit_value(e, s->value);
    }
    beba_emit(e, ") != 0;\n");
}

static void go(struct emit *e, const struct beba_stmt *s)
{
    beba_emit_indent(e);
    beba_emit(e, "f->state = %" PRIu32 ", f->went = true; /* ", s->id);
    beba_emit_comment(e, e->t->state[s->id].name);
    beba_emit(e, " */\n");
}

static void branch(struct emit *e, const struct beba_stmt *s)
{
    beba_emit_indent(e);
    beba_emit(e, "if (");
    beba_emit_truth(e, s->value);
    beba_emit(e, ") {\n");
    e->indent++;
    beba_emit_body(e, &s->then);
    e->indent--;
    if (s->otherwise.n) {
        beba_emit_line(e, "} else {");
        e->indent++;
        beba_emit_body(e, &s->otherwise);
        e->indent--;
    }
    beba_emit_line(e, "}");
}

static void one_value(struct emit *e, const char *before, const struct beba_expr *v)
{
    beba_emit_indent(e);
    beba_emit(e, "%s", before);
    beba_emit_value(e, v);
    beba_emit(e, ");\n");
}

static void stmt(struct emit *e, const struct beba_stmt *s)
{
    static const char *const swaps[BEBA_N_LAYERS] = {
        [BEBA_LAYER_ETH] = "ETH", [BEBA_LAYER_IP] = "IP", [BEBA_LAYER_L4] = "L4"};

    beba_emit_at(e, s->loc);
    switch ((enum beba_stmt_kind)s->kind) {
    case BEBA_STMT_ASSIGN:
        assign(e, s);
        break;
    case BEBA_STMT_LET:
        beba_emit_let(e, s->id, s->value);
        break;
    case BEBA_STMT_IF:
        branch(e, s);
        break;
    case BEBA_STMT_GOTO:
        go(e, s);
        break;
    case BEBA_STMT_VERDICT:
        beba_emit_verdict(e, &s->verdict);
        beba_emit_line(e, "goto ran;");
        break;
    case BEBA_STMT_MIRROR:
        one_value(e, "beba_run_mirror(ctx, x, &cpu->head, ", s->value);
        break;
    case BEBA_STMT_NOTIFY:
        notify(e, s);
        break;
    case BEBA_STMT_COUNT:
        beba_emit_line(e, "beba_count(&cpu->counter[%" PRIu32 "], x);", s->id);
        break;
    case BEBA_STMT_PUSH_VLAN:
    case BEBA_STMT_POP_VLAN:
    case BEBA_STMT_PUSH_MPLS:
    case BEBA_STMT_POP_MPLS:
        edit(e, s);
        break;
    case BEBA_STMT_SWAP:
        if (swaps[s->id])
            beba_emit_line(e, "beba_run_swap(ctx, x, BEBA_LAYER_%s);", swaps[s->id]);
        else
            beba_emit_line(e, "beba_run_swap(ctx, x, %" PRIu32 ");", s->id);
        break;
    case BEBA_STMT_QUEUE:
        one_value(e, "beba_run_queue(ctx, ", s->value);
        break;
    case BEBA_N_STMTS:
        break;
    }
}

void beba_emit_body(struct emit *e, const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++)
        stmt(e, &body->stmt[i]);
}
