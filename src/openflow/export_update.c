/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Assignments to registers and globals: one or two SET_DATA_VAR each. */
#include "openflow/export_walk.h"

struct sum {
    unsigned n;
    struct sym term[4];
    int8_t sign[4];
};

static struct beba_of_action *add_action(struct export *x, struct path *path, struct beba_loc loc)
{
    struct beba_of_action *a;

    if (path->n_actions == EXPORT_ACTIONS) {
        beba_export_say(x, loc, "more than %d actions in one way through a rule", EXPORT_ACTIONS);
        return NULL;
    }
    a = &path->action[path->n_actions++];
    *a = (struct beba_of_action){.type = OFPAT_EXPERIMENTER, .beba = BEBA_ACT_SET_DATA_VAR};
    a->set_data_var.table = x->at->table;
    return a;
}

void beba_export_alu(struct export *x, struct path *path, struct operand out, uint8_t opcode,
                     const struct operand *in, unsigned n, const int8_t *sign, struct beba_loc loc)
{
    struct beba_of_action *a = add_action(x, path, loc);

    if (!a)
        return;
    a->set_data_var.opcode = opcode;
    a->set_data_var.out_type = out.type;
    a->set_data_var.out = out.id;
    for (unsigned i = 0; i < n; i++) {
        a->set_data_var.operand_type[i] = in[i].type;
        a->set_data_var.operand[i] = in[i].id;
        a->set_data_var.coeff[i] = sign ? sign[i] : 0;
    }
    for (unsigned i = n; i < 4; i++) /* read with the coefficient 0 */
        a->set_data_var.operand_type[i] = BEBA_OPERAND_GDV;
}

/* out = 0, whatever it is */
static void clear(struct export *x, struct path *path, struct operand out, struct beba_loc loc)
{
    const struct operand in[2] = {out, {BEBA_OPERAND_CONSTANT, 0}};

    beba_export_alu(x, path, out, BEBA_ALU_MUL, in, 2, NULL, loc);
}

void beba_export_reset(struct export *x, struct path *path, unsigned reg, struct beba_loc loc)
{
    clear(x, path, (struct operand){BEBA_OPERAND_FDV, (uint8_t)reg}, loc);
}

/* What a variable holds by now, where that is not what it held when the packet came. */
bool beba_export_read_now(struct export *x, const struct path *path, const struct beba_expr *e,
                          struct sym *out)
{
    *out = beba_export_sym(x, path, e);
    if (x->t->two_keys && out->kind == SYM_REG) {
        beba_export_say(x, e->loc,
                        "OpenFlow updates a variable by those of the same entry, and this one is "
                        "of the lookup key's");
        return false;
    }
    /* r itself, not what it was made of */
    if ((e->op == BEBA_OP_REG || e->op == BEBA_OP_GLOBAL) && out->kind != SYM_CONST)
        *out = (struct sym){
            .kind = e->op == BEBA_OP_REG ? SYM_REG : SYM_GLOBAL, .id = e->id, .type = e->type};
    if (out->kind == SYM_FIELD && !beba_export_is_present(x, out->id)) {
        struct alt alts[EXPORT_ALTS];
        int n = beba_export_alts(x, out->id, alts);

        if (!n) /* reads as 0 */
            *out = (struct sym){.kind = SYM_CONST, .type = e->type};
    }
    return true;
}

static bool flatten(struct export *x, const struct path *path, const struct beba_expr *e,
                    int8_t sign, struct sum *s)
{
    if (e->op == BEBA_OP_ADD || e->op == BEBA_OP_SUB)
        return flatten(x, path, e->arg[0], sign, s) &&
               flatten(x, path, e->arg[1], e->op == BEBA_OP_ADD ? sign : (int8_t)-sign, s);
    if (s->n == 4) {
        beba_export_say(x, e->loc, "OpenFlow adds up four values at most");
        return false;
    }
    s->sign[s->n] = sign;
    return beba_export_read_now(x, path, e, &s->term[s->n++]);
}

bool beba_export_sure(struct export *x, const struct sym *s, struct beba_loc loc)
{
    if (s->kind != SYM_FIELD || s->id == BEBA_F_PKT_LEN || beba_export_is_present(x, s->id))
        return true;
    beba_export_say(x, loc,
                    "OpenFlow computes nothing when a packet has no %s: put it in the key, or "
                    "assign it alone",
                    beba_fields[s->id].name);
    return false;
}

/* Constants alone are one. */
static void fold(struct sum *s)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < s->n; i++) {
        if (s->term[i].kind != SYM_CONST || s->term[i].k.hi)
            return;
        v += s->sign[i] > 0 ? s->term[i].k.lo : -s->term[i].k.lo;
    }
    s->n = 1;
    s->sign[0] = 1;
    s->term[0].k.lo = v & UINT32_MAX;
}

static void assign_sum(struct export *x, struct path *path, struct operand out, struct sum *s,
                       struct beba_loc loc)
{
    struct operand in[4];
    static const struct operand zero = {BEBA_OPERAND_CONSTANT, 0};

    if (s->n == 1 && s->term[0].kind == SYM_CONST && !s->term[0].k.lo && s->sign[0] > 0) {
        clear(x, path, out, loc);
        return;
    }
    if (s->n == 1 && s->term[0].kind == SYM_CONST && s->sign[0] > 0 &&
        beba_export_operand(x, &s->term[0], true, loc, &in[1])) {
        if (in[1].type == BEBA_OPERAND_CONSTANT) {
            clear(x, path, out, loc);
            in[0] = out;
        } else {
            in[0] = in[1];
            in[1] = zero;
        }
        beba_export_alu(x, path, out, BEBA_ALU_SUM, in, 2, NULL, loc);
        return;
    }
    if (s->n == 1 && s->sign[0] > 0) {
        if (s->term[0].kind == SYM_FIELD && !beba_export_is_present(x, s->term[0].id))
            clear(x, path, out, loc); /* stays when the packet has no such field */
        if (!beba_export_operand(x, &s->term[0], false, loc, &in[0]))
            return;
        in[1] = zero;
        beba_export_alu(x, path, out, BEBA_ALU_SUM, in, 2, NULL, loc);
        return;
    }
    for (unsigned i = 0; i < s->n; i++)
        if (!beba_export_sure(x, &s->term[i], loc))
            return;
    if (s->n == 2 && s->sign[0] > 0) {
        if (beba_export_operand(x, &s->term[0], false, loc, &in[0]) &&
            beba_export_operand(x, &s->term[1], true, loc, &in[1]))
            beba_export_alu(x, path, out, s->sign[1] > 0 ? BEBA_ALU_SUM : BEBA_ALU_SUB, in, 2, NULL,
                            loc);
        return;
    }
    for (unsigned i = 0; i < s->n; i++)
        if (!beba_export_operand(x, &s->term[i], i == 1, loc, &in[i]))
            return;
    beba_export_alu(x, path, out, BEBA_ALU_POLY_SUM, in, s->n, s->sign, loc);
}

static void assign_other(struct export *x, struct path *path, struct operand out,
                         const struct beba_stmt *s)
{
    static const uint8_t ewma[] = {3, 0, 1, 2, 3, 4, 5, 6};
    const struct beba_expr *e = s->value;
    struct operand in[3];
    struct sym v[3];

    for (unsigned i = 0; i < e->n_args && i < 3; i++)
        if (!beba_export_read_now(x, path, e->arg[i], &v[i]) || !beba_export_sure(x, &v[i], e->loc))
            return;
    if (e->op == BEBA_OP_EWMA && v[2].kind == SYM_CONST) {
        in[1] = (struct operand){BEBA_OPERAND_CONSTANT, v[2].k.lo < 8 ? ewma[v[2].k.lo] : 3};
        if (beba_export_operand(x, &v[0], false, e->loc, &in[0]) &&
            beba_export_operand(x, &v[1], false, e->loc, &in[2]))
            beba_export_alu(x, path, out, BEBA_ALU_EWMA, in, 3, NULL, e->loc);
        return;
    }
    if (e->op == BEBA_OP_MUL || (e->op == BEBA_OP_DIV && v[1].kind == SYM_CONST && v[1].k.lo)) {
        if (beba_export_operand(x, &v[0], false, e->loc, &in[0]) &&
            beba_export_operand(x, &v[1], true, e->loc, &in[1]))
            beba_export_alu(x, path, out, e->op == BEBA_OP_MUL ? BEBA_ALU_MUL : BEBA_ALU_DIV, in, 2,
                            NULL, e->loc);
        return;
    }
    if (e->op == BEBA_OP_AVG || e->op == BEBA_OP_VAR)
        beba_export_say(x, s->loc,
                        "OpenFlow's avg and var count the samples themselves, and "
                        "compute in 32 bits");
    else if (e->op == BEBA_OP_DIV)
        beba_export_say(x, s->loc, "OpenFlow's quotient by 0 is another one: divide by a constant");
    else
        beba_export_say(x, s->loc,
                        "OpenFlow updates a variable by one sum, difference, product, "
                        "quotient or ewma of variables, header fields and constants");
}

/* Whether a value may be wider than where it goes. */
static bool fits(struct export *x, const struct beba_stmt *s, const struct sum *sum, unsigned width)
{
    const struct sym *v = &sum->term[0];

    if (width == 32 || (width > 32 && x->failed))
        return true;
    if (s->assign == BEBA_SET && sum->n == 1 && sum->sign[0] > 0 &&
        (v->type.width <= width ||
         (v->kind == SYM_CONST && !v->k.hi && v->k.lo <= beba_mask64(width)) ||
         (v->kind == SYM_FIELD && v->id == BEBA_F_IN_PORT && width >= 16)))
        return true;
    beba_export_say(x, s->loc,
                    "OpenFlow's variables have 32 bits: what is assigned to one of %u is not cut",
                    width);
    return false;
}

static bool writes_key(const struct export *x, const struct path *path)
{
    const struct beba_key *key = x->t->two_keys ? &x->t->update : &x->t->lookup;

    for (uint32_t i = 0; i < path->n_written; i++)
        for (unsigned j = 0; j < key->n_fields; j++)
            if (beba_fields[path->written[i].field].layer == beba_fields[key->field[j]].layer ||
                beba_layer_implies((enum beba_layer)beba_fields[key->field[j]].layer) >>
                        beba_fields[path->written[i].field].layer &
                    1 ||
                beba_layer_implies((enum beba_layer)beba_fields[path->written[i].field].layer) >>
                        beba_fields[key->field[j]].layer &
                    1)
                return true;
    return false;
}

/* One action computes it. */
static bool plain(struct export *x, const struct path *path, const struct beba_expr *e)
{
    bool leaves = true;

    if (beba_export_sym(x, path, e).kind != SYM_OTHER || !e->n_args || e->op == BEBA_OP_RANDOM)
        return e->op != BEBA_OP_RANDOM || path->drawn == e;
    if (e->op == BEBA_OP_ADD || e->op == BEBA_OP_SUB)
        return plain(x, path, e->arg[0]) && plain(x, path, e->arg[1]);
    for (unsigned i = 0; i < e->n_args; i++)
        leaves &= !e->arg[i]->n_args || beba_export_sym(x, path, e->arg[i]).kind != SYM_OTHER;
    return leaves && (e->op == BEBA_OP_MUL || e->op == BEBA_OP_DIV || e->op == BEBA_OP_EWMA ||
                      e->op == BEBA_OP_AVG || e->op == BEBA_OP_VAR);
}

static void assigned(struct export *x, struct path *path, const struct beba_stmt *s, struct sym is)
{
    bool reg = s->lvalue == BEBA_LV_REG;

    if (reg)
        path->assigned |= (uint8_t)(1u << s->id);
    if (!reg || !x->t->two_keys)
        *(reg ? &path->reg[s->id] : &path->global[s->id]) = is;
}

void beba_export_update(struct export *x, struct path *path, const struct beba_stmt *s)
{
    bool reg = s->lvalue == BEBA_LV_REG;
    struct operand out = {reg ? BEBA_OPERAND_FDV : BEBA_OPERAND_GDV, (uint8_t)s->id};
    struct beba_type type = reg ? x->t->reg[s->id].type : x->p->global[s->id].type;
    struct beba_expr self = {.op = reg ? BEBA_OP_REG : BEBA_OP_GLOBAL, .id = s->id, .type = type};
    struct sym *now = reg ? &path->reg[s->id] : &path->global[s->id], is = {.kind = SYM_OTHER};
    struct sum sum = {0};

    if (reg && writes_key(x, path)) {
        beba_export_say(x, s->loc,
                        "assign registers before headers of the key change: OpenFlow "
                        "takes the key anew");
        return;
    }
    if (s->assign > BEBA_SUB) {
        beba_export_say(x, s->loc, "OpenFlow has no bitwise updates");
        return;
    }
    if (!plain(x, path, s->value)) {
        struct beba_expr *args[2] = {&self, s->value};
        struct beba_expr more = {.op = s->assign == BEBA_SUB ? BEBA_OP_SUB : BEBA_OP_ADD,
                                 .type = {BEBA_KIND_UINT, 64},
                                 .n_args = 2,
                                 .arg = args,
                                 .loc = s->loc};

        self.loc = s->loc;
        beba_export_compute(x, path, out, type, s->assign == BEBA_SET ? s->value : &more);
        assigned(x, path, s, (struct sym){.kind = SYM_OTHER, .type = type});
        return;
    }
    if (s->assign != BEBA_SET) {
        sum.n = 1;
        sum.sign[0] = 1;
        self.loc = s->loc;
        if (!beba_export_read_now(x, path, &self, &sum.term[0]))
            return;
        is = *now;
    }
    if (s->assign == BEBA_SET && s->value->n_args && s->value->op != BEBA_OP_ADD &&
        s->value->op != BEBA_OP_SUB && s->value->op != BEBA_OP_STATE) {
        sum.n = 1;
        sum.sign[0] = 1;
        sum.term[0] = (struct sym){.kind = SYM_OTHER, .type = {BEBA_KIND_UINT, 64}};
        if (!fits(x, s, &sum, type.width))
            return;
        assign_other(x, path, out, s);
    } else {
        if (!flatten(x, path, s->value, s->assign == BEBA_SUB ? -1 : 1, &sum))
            return;
        if (sum.n > 1)
            fold(&sum);
        if (!fits(x, s, &sum, type.width))
            return;
        assign_sum(x, path, out, &sum, s->loc);
        if (sum.n == 1 && sum.term[0].kind == SYM_CONST)
            is = sum.term[0];
        else if (sum.n == 1 && sum.sign[0] > 0)
            is = beba_export_sym(x, path, s->value);
        else if (sum.n == 2 && sum.term[1].kind == SYM_CONST &&
                 (is.kind == SYM_REG || is.kind == SYM_GLOBAL || is.kind == SYM_CONST)) {
            uint64_t by = sum.sign[1] > 0 ? sum.term[1].k.lo : -sum.term[1].k.lo;

            if (is.kind == SYM_CONST)
                is.k.lo = (is.k.lo + by) & beba_mask64(type.width);
            else
                is.add += by;
        } else {
            is.kind = SYM_OTHER;
        }
    }
    is.type = is.kind == SYM_FIELD ? is.type : type;
    if (is.kind == SYM_FIELD && !beba_export_is_present(x, is.id))
        is.kind = SYM_OTHER; /* 0 where it is absent, and no NULL */
    assigned(x, path, s, is);
}
