/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <string.h>

#include "base/error.h"
#include "lang/lower.h"

/* Functions by name: what they give is 64 bits unless said. */
static const struct {
    const char *name;
    uint8_t op, min_args, max_args;
} functions[] = {
    {"min", BEBA_OP_MIN, 2, 2},           {"max", BEBA_OP_MAX, 2, 2},
    {"sat_add", BEBA_OP_SAT_ADD, 2, 2},   {"sat_sub", BEBA_OP_SAT_SUB, 2, 2},
    {"abs_diff", BEBA_OP_ABS_DIFF, 2, 2}, {"hash", BEBA_OP_HASH, 1, 16},
    {"random", BEBA_OP_RANDOM, 1, 1},     {"ewma", BEBA_OP_EWMA, 3, 3},
    {"avg", BEBA_OP_AVG, 3, 3},           {"var", BEBA_OP_VAR, 4, 4},
    {"seq_lt", BEBA_OP_SEQ_LT, 2, 2},     {"seq_leq", BEBA_OP_SEQ_LEQ, 2, 2},
};

enum { N_FUNCTIONS = sizeof(functions) / sizeof(functions[0]), MAX_ARGS = 16 };

const char *beba_function_name(unsigned i)
{
    return i < N_FUNCTIONS ? functions[i].name : NULL;
}

static const struct {
    uint8_t sign, op;
} binary[] = {
    {T_ADD, BEBA_OP_ADD}, {T_SUB, BEBA_OP_SUB},   {T_MUL, BEBA_OP_MUL}, {T_DIV, BEBA_OP_DIV},
    {T_MOD, BEBA_OP_MOD}, {T_AND, BEBA_OP_AND},   {T_OR, BEBA_OP_OR},   {T_XOR, BEBA_OP_XOR},
    {T_SHL, BEBA_OP_SHL}, {T_SHR, BEBA_OP_SHR},   {T_EQ, BEBA_OP_EQ},   {T_NE, BEBA_OP_NE},
    {T_LT, BEBA_OP_LT},   {T_LE, BEBA_OP_LE},     {T_GT, BEBA_OP_GT},   {T_GE, BEBA_OP_GE},
    {T_LOR, BEBA_OP_LOR}, {T_LAND, BEBA_OP_LAND},
};

static enum beba_op op_of(uint8_t sign)
{
    for (unsigned i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
        if (binary[i].sign == sign)
            return (enum beba_op)binary[i].op;
    return BEBA_N_OPS;
}

/* Where only constants make sense, says so and why. */
static bool must_be_constant(struct lower *c, struct beba_loc loc)
{
    char text[64];

    if (!c->constant)
        return false;
    beba_report(c->diags, C_NOT_CONSTANT, loc,
                "'%s' is not known before the program runs, and %s "
                "must be constant",
                beba_expr_text(c, loc, text), c->why_constant);
    return true;
}

/* --- names --------------------------------------------------------------------------------- */

/* Other tools' names, also with a dot where nft has a space. */
static enum beba_field_id find_alias(const char *name)
{
    enum beba_field_id id = beba_field_find_alias(name, strlen(name));
    char text[64];

    if (id != BEBA_F_NONE || strlen(name) >= sizeof(text))
        return id;
    for (size_t i = 0; i <= strlen(name); i++)
        text[i] = name[i] == '.' ? ' ' : name[i];
    return beba_field_find_alias(text, strlen(text));
}

enum beba_field_id beba_lower_field(struct lower *c, const char *name, struct beba_loc loc)
{
    enum beba_field_id id;
    const char *near;
    struct beba_diag *d;

    if (!name)
        return BEBA_F_NONE;
    id = beba_field_find(name, strlen(name));
    if (id != BEBA_F_NONE)
        return id;
    d = beba_report(c->diags, C_UNKNOWN_FIELD, loc, "unknown field '%s'", name);
    if (c->diags->dropped) /* nobody will read more */
        return BEBA_F_NONE;
    id = find_alias(name);
    near = beba_field_nearest(name, strlen(name));
    if (id != BEBA_F_NONE)
        beba_report_hint(c->diags, d, "the field is called %s", beba_fields[id].name);
    else if (near)
        beba_report_hint(c->diags, d, "did you mean %s?", near);
    else
        beba_report_hint(c->diags, d, "'beba fields' lists them all");
    return BEBA_F_NONE;
}

static struct beba_expr *leaf(struct lower *c, enum beba_op op, struct beba_type type,
                              struct beba_loc loc, uint32_t id)
{
    struct beba_expr *e;

    if (must_be_constant(c, loc))
        return NULL;
    if (c->no_entry && (op == BEBA_OP_REG || op == BEBA_OP_FORWARD)) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_NO_KEY, loc,
                                     "a packet %s has no registers and no "
                                     "direction",
                                     c->no_entry),
                         "use a constant, a field or a global");
        return NULL;
    }
    e = beba_expr_new(c, op, type, loc, 0, NULL);
    if (e)
        e->id = id;
    return e;
}

static struct beba_expr *field_expr(struct lower *c, const struct ast_expr *a)
{
    enum beba_field_id id = beba_lower_field(c, a->name, a->at);

    return id == BEBA_F_NONE ? NULL
                             : leaf(c, BEBA_OP_FIELD, beba_fields[id].type, a->loc, (uint32_t)id);
}

static struct beba_expr *unknown_name(struct lower *c, const struct ast_expr *a)
{
    const char *near, *field;
    struct beba_diag *d;

    if (!c->diags->dropped && find_alias(a->name) != BEBA_F_NONE) {
        beba_lower_field(c, a->name, a->at);
        return NULL;
    }
    for (struct sym *y = c->m && !c->diags->dropped ? c->m->scope.first : NULL; y; y = y->next) {
        if (!y->hidden || strcmp(y->name, a->name) != 0)
            continue;
        d = beba_report(c->diags, C_UNKNOWN_NAME, a->at, "'%s' is not known here", a->name);
        beba_report_hint(c->diags, d, "the let in line %u counts up to the end of its block",
                         beba_line_of(c, y->loc));
        return NULL;
    }
    d = beba_report(c->diags, C_UNKNOWN_NAME, a->at, "unknown name '%s'", a->name);
    near = beba_sym_nearest(c, a->name,
                            1u << SYM_CONST | 1u << SYM_GLOBAL | 1u << SYM_REG | 1u << SYM_LET |
                                1u << SYM_SET | 1u << SYM_ARRAY);
    field = c->diags->dropped ? NULL : beba_field_nearest(a->name, strlen(a->name));
    if (near || field)
        beba_report_hint(c->diags, d, "did you mean %s?", near ? near : field);
    return NULL;
}

static struct beba_expr *wrong_use(struct lower *c, const struct ast_expr *a, const struct sym *y)
{
    struct beba_diag *d = beba_report(c->diags, C_USAGE, a->at, "'%s' is %s, not a value", a->name,
                                      beba_sym_kind_name((enum sym_kind)y->kind));

    if (y->kind == SYM_SET)
        beba_report_hint(c->diags, d, "write 'FIELD in %s'", a->name);
    else if (y->kind == SYM_ARRAY)
        beba_report_hint(c->diags, d, "write '%s[INDEX]'", a->name);
    else if (y->kind == SYM_STATE)
        beba_report_hint(c->diags, d, "write 'state(%s) == %s'",
                         c->m ? c->m->table->name : "MACHINE", a->name);
    return NULL;
}

static struct beba_expr *const_expr(struct lower *c, const struct ast_expr *a, struct sym *y,
                                    const struct beba_type *want)
{
    y->read = true;
    beba_sym_const(c, y);
    if (!y->is_range && y->def->value && y->def->value->kind == E_LITERAL)
        return beba_lower_literal(c, y->def->value->literal, a->loc, want);
    if (y->is_range) {
        beba_report_hint(
            c->diags,
            beba_report(c->diags, C_USAGE, a->at, "'%s' is a range of addresses, not one", a->name),
            "write 'in %s'", a->name);
        return NULL;
    }
    return y->value ? beba_expr_const(c, y->value->type, y->value->k, a->loc) : NULL;
}

static struct beba_expr *name_expr(struct lower *c, const struct ast_expr *a,
                                   const struct beba_type *want)
{
    struct sym *y = beba_sym_find(c, a->name);
    enum beba_field_id id = beba_field_find(a->name, strlen(a->name));
    int layer = beba_layer_find(a->name, strlen(a->name));

    if (y && y->kind != SYM_CONST)
        y->read = true;
    switch (y ? (int)y->kind : -1) {
    case SYM_CONST:
        return const_expr(c, a, y, want);
    case SYM_GLOBAL:
        return leaf(c, BEBA_OP_GLOBAL, c->p->global[y->id].type, a->loc, y->id);
    case SYM_REG:
        return leaf(c, BEBA_OP_REG, c->m->table->reg[y->id].type, a->loc, y->id);
    case SYM_LET: /* width 0: its value is wrong */
        return y->type.width ? leaf(c, BEBA_OP_LET, y->type, a->loc, y->id) : NULL;
    case -1:
        break;
    default:
        return wrong_use(c, a, y);
    }
    if (id != BEBA_F_NONE)
        return leaf(c, BEBA_OP_FIELD, beba_fields[id].type, a->loc, (uint32_t)id);
    if (layer >= 0)
        return leaf(c, BEBA_OP_PRESENT, beba_type_bool, a->loc, (uint32_t)layer);
    return unknown_name(c, a);
}

/* --- literals ------------------------------------------------------------------------------ */

static struct beba_u128 mac_value(const struct beba_literal *l)
{
    return beba_u128(0, l->mac);
}

struct beba_expr *beba_lower_literal(struct lower *c, const struct beba_literal *l,
                                     struct beba_loc loc, const struct beba_type *want)
{
    char text[64];

    if (l->prefix) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_USAGE, loc,
                                     "'%s' is a range of addresses, not one",
                                     beba_expr_text(c, loc, text)),
                         "write 'in %s'", text);
        return NULL;
    }
    if (l->forms == LIT_NUMBER) {
        bool time = l->unit && l->unit->kind == BEBA_UNIT_TIME;

        return beba_expr_const(c, time ? beba_type_time : beba_type_uint, beba_u128(0, l->number),
                               loc);
    }
    if ((l->forms & LIT_MAC) && (!(l->forms & LIT_IP6) || (want && want->kind == BEBA_KIND_MAC)))
        return beba_expr_const(c, beba_type_mac, mac_value(l), loc);
    if (l->forms & LIT_IP4)
        return beba_expr_const(c, beba_type_ip4, beba_u128(0, l->number), loc);
    return beba_expr_const(c, beba_type_ip6, l->ip6, loc);
}

/* --- operators ----------------------------------------------------------------------------- */

static bool arithmetic_operand(struct lower *c, const struct beba_expr *e, const char *sign)
{
    char text[64], kind[32];

    if (!beba_type_wide(e->type) && e->type.kind != BEBA_KIND_STATE)
        return true;
    beba_report_hint(
        c->diags,
        beba_report(c->diags, C_TYPE, e->loc, "'%s' is %s: '%s' takes numbers",
                    beba_expr_text(c, e->loc, text), beba_type_text(e->type, kind), sign),
        "%s",
        beba_type_wide(e->type) ? "128-bit values can be compared, stored, hashed and looked up"
                                : "states can be compared");
    return false;
}

/* Time stays time where the operation keeps its meaning. */
static struct beba_type arithmetic_type(enum beba_op op, struct beba_type a, struct beba_type b)
{
    bool ta = a.kind == BEBA_KIND_TIME, tb = b.kind == BEBA_KIND_TIME;

    if ((op == BEBA_OP_AND || op == BEBA_OP_OR || op == BEBA_OP_XOR) && a.kind == BEBA_KIND_BOOL &&
        b.kind == BEBA_KIND_BOOL)
        return beba_type_bool;
    if (op == BEBA_OP_DIV)
        return ta && !tb ? beba_type_time : beba_type_uint;
    if (op == BEBA_OP_SHL || op == BEBA_OP_SHR || op == BEBA_OP_MOD)
        return ta ? beba_type_time : beba_type_uint;
    return ta || tb ? beba_type_time : beba_type_uint;
}

static struct beba_expr *logical(struct lower *c, enum beba_op op, struct beba_expr **args,
                                 uint32_t n, struct beba_loc loc)
{
    struct beba_expr *side[2];

    if (n == 1)
        return args[0];
    side[0] = logical(c, op, args, n / 2, loc);
    side[1] = logical(c, op, args + n / 2, n - n / 2, loc);
    if (!side[0] || !side[1])
        return NULL;
    return beba_fold(c, beba_expr_new(c, op, beba_type_bool, loc, 2, side));
}

static struct beba_expr *lower_logical(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr **args = beba_arena_array(c->scratch, a->n_args, sizeof(*args));
    bool ok = true;

    if (!args) {
        c->no_memory = true;
        return NULL;
    }
    for (uint32_t i = 0; i < a->n_args; i++) {
        args[i] = beba_lower_bool(c, a->arg[i]);
        ok &= args[i] != NULL;
    }
    return ok ? logical(c, op_of(a->op), args, a->n_args, a->loc) : NULL;
}

/* The state of a machine compared with a name: the name is one of its states. */
static struct beba_expr *state_operand(struct lower *c, const struct ast_expr *a,
                                       const struct ast_expr *other)
{
    struct machine *m;
    struct sym *y;

    if (other->kind != E_STATE || a->kind != E_NAME)
        return beba_lower_expr(c, a, NULL);
    y = beba_scope_find(&c->machines, other->name);
    if (!y) /* the other side says so */
        return NULL;
    m = &c->machine[y->id];
    y = beba_scope_find(&m->scope, a->name);
    if (!y || y->kind != SYM_STATE) {
        beba_unknown_state(c, m, a->name, a->at);
        return NULL;
    }
    return beba_expr_const(c, beba_type_state, beba_u128(0, y->id), a->loc);
}

static bool is_literal(const struct lower *c, const struct ast_expr *a)
{
    struct sym *y = a->kind == E_NAME ? beba_sym_find(c, a->name) : NULL;

    return a->kind == E_LITERAL || (y && y->kind == SYM_CONST);
}

static struct beba_expr *lower_compare(struct lower *c, const struct ast_expr *a)
{
    enum beba_op op = op_of(a->op);
    struct beba_expr *side[2];

    if (a->arg[0]->kind == E_STATE || a->arg[1]->kind == E_STATE) {
        side[0] = state_operand(c, a->arg[0], a->arg[1]);
        side[1] = state_operand(c, a->arg[1], a->arg[0]);
        if (side[0] && side[1] && op != BEBA_OP_EQ && op != BEBA_OP_NE) {
            beba_report_hint(c->diags, beba_report(c->diags, C_TYPE, a->at, "states have no order"),
                             "compare with == or !=, or write 'in {a, b}'");
            return NULL;
        }
    } else if (is_literal(c, a->arg[0])) { /* a literal takes the type of the other side */
        side[1] = beba_lower_expr(c, a->arg[1], NULL);
        side[0] = beba_lower_expr(c, a->arg[0], side[1] ? &side[1]->type : NULL);
    } else {
        side[0] = beba_lower_expr(c, a->arg[0], NULL);
        side[1] = beba_lower_expr(c, a->arg[1], side[0] ? &side[0]->type : NULL);
    }
    if (!side[0] || !side[1] || !beba_unify(c, &side[0], &side[1], a->loc))
        return NULL;
    return beba_fold(c, beba_expr_new(c, op, beba_type_bool, a->loc, 2, side));
}

static struct beba_expr *lower_binary(struct lower *c, const struct ast_expr *a)
{
    enum beba_op op = op_of(a->op);
    struct beba_expr *side[2];
    const char *sign = beba_sign_text((enum beba_token_kind)a->op);

    if (op == BEBA_OP_LAND || op == BEBA_OP_LOR)
        return lower_logical(c, a);
    if (op >= BEBA_OP_EQ && op <= BEBA_OP_GE)
        return lower_compare(c, a);
    side[0] = beba_lower_expr(c, a->arg[0], NULL);
    side[1] = beba_lower_expr(c, a->arg[1], NULL);
    if (!side[0] || !side[1] || !arithmetic_operand(c, side[0], sign) ||
        !arithmetic_operand(c, side[1], sign))
        return NULL;
    return beba_fold(c, beba_expr_new(c, op, arithmetic_type(op, side[0]->type, side[1]->type),
                                      a->loc, 2, side));
}

static struct beba_expr *lower_unary(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr *e;
    struct beba_type type;

    if (a->op == T_NOT) {
        e = beba_lower_bool(c, a->arg[0]);
        return e ? beba_fold(c, beba_expr_new(c, BEBA_OP_NOT, beba_type_bool, a->loc, 1, &e))
                 : NULL;
    }
    e = beba_lower_expr(c, a->arg[0], NULL);
    if (!e || !arithmetic_operand(c, e, beba_sign_text((enum beba_token_kind)a->op)))
        return NULL;
    type = (struct beba_type){BEBA_KIND_UINT, e->type.width};
    if (a->op == T_SUB || e->op == BEBA_OP_CONST)
        type = beba_type_uint;
    return beba_fold(
        c, beba_expr_new(c, a->op == T_SUB ? BEBA_OP_NEG : BEBA_OP_INV, type, a->loc, 1, &e));
}

/* --- calls --------------------------------------------------------------------------------- */

static struct beba_expr *unknown_function(struct lower *c, const struct ast_expr *a)
{
    const char *names[N_FUNCTIONS], *near;
    struct beba_diag *d =
        beba_report(c->diags, C_UNKNOWN_FUNCTION, a->at, "there is no function '%s'", a->name);

    for (unsigned i = 0; i < N_FUNCTIONS; i++)
        names[i] = functions[i].name;
    near = beba_nearest(a->name, names, N_FUNCTIONS);
    if (near)
        beba_report_hint(c->diags, d, "did you mean %s?", near);
    else
        beba_report_hint(c->diags, d,
                         "functions are min max sat_add sat_sub abs_diff hash random ewma avg var "
                         "seq_lt seq_leq");
    return NULL;
}

static struct beba_type call_type(enum beba_op op, struct beba_expr *const *args, uint32_t n)
{
    if (op == BEBA_OP_HASH)
        return (struct beba_type){BEBA_KIND_UINT, 32};
    if (op == BEBA_OP_SEQ_LT || op == BEBA_OP_SEQ_LEQ)
        return beba_type_bool;
    if (op == BEBA_OP_EWMA)
        return arithmetic_type(BEBA_OP_ADD, args[0]->type, args[1]->type);
    if (n == 2)
        return arithmetic_type(op, args[0]->type, args[1]->type);
    return beba_type_uint;
}

static struct beba_expr *lower_call(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr *args[MAX_ARGS] = {0}, *e;
    unsigned f = 0;
    bool ok = true;
    enum beba_op op;

    while (f < N_FUNCTIONS && strcmp(functions[f].name, a->name) != 0)
        f++;
    if (f == N_FUNCTIONS)
        return unknown_function(c, a);
    op = (enum beba_op)functions[f].op;
    if (a->n_args < functions[f].min_args || a->n_args > functions[f].max_args) {
        beba_report(c->diags, C_ARGUMENTS, a->loc, "%s takes %s%u argument%s, not %u", a->name,
                    functions[f].min_args == functions[f].max_args ? "" : "1 to ",
                    functions[f].max_args, functions[f].max_args == 1 ? "" : "s", a->n_args);
        return NULL;
    }
    if ((op == BEBA_OP_HASH || op == BEBA_OP_RANDOM) && must_be_constant(c, a->loc))
        return NULL;
    for (uint32_t i = 0; i < a->n_args; i++) {
        args[i] = beba_lower_expr(c, a->arg[i], NULL);
        ok = ok && args[i] && (op == BEBA_OP_HASH || arithmetic_operand(c, args[i], a->name));
    }
    if (!ok)
        return NULL;
    if (op == BEBA_OP_EWMA && args[2] &&
        (args[2]->op != BEBA_OP_CONST || args[2]->k.lo < 1 || args[2]->k.lo > 7)) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_OUT_OF_RANGE, args[2]->loc,
                                     "the weight of ewma is a constant from 1 to 7"),
                         "it is the weight of the previous value in eighths");
        return NULL;
    }
    e = beba_expr_new(c, op, call_type(op, args, a->n_args), a->loc, a->n_args, args);
    if (e && op == BEBA_OP_RANDOM)
        e->type = beba_type_uint;
    return beba_fold(c, e);
}

static struct beba_expr *lower_index(struct lower *c, const struct ast_expr *a)
{
    struct sym *y = beba_sym_find(c, a->name);
    const struct beba_array *array;
    struct beba_expr *args[2] = {0}, *e;
    struct ast_expr name = *a;
    bool ok = true;

    if (!y) {
        name.loc = a->at;
        return unknown_name(c, &name);
    }
    y->read = true;
    if (y->kind != SYM_ARRAY) {
        beba_report(c->diags, C_USAGE, a->at, "'%s' is %s; only arrays have an index", a->name,
                    beba_sym_kind_name((enum sym_kind)y->kind));
        return NULL;
    }
    if (must_be_constant(c, a->loc))
        return NULL;
    array = &c->p->array[y->id];
    if (a->n_args != (array->two_dimensional ? 2 : 1)) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_ARGUMENTS, a->loc, "array '%s' has %s", a->name,
                                     array->two_dimensional ? "rows and columns" : "one index"),
                         "write '%s%s'", a->name,
                         array->two_dimensional ? "[ROW][COLUMN]" : "[INDEX]");
        return NULL;
    }
    for (uint32_t i = 0; i < a->n_args; i++) {
        args[i] = beba_lower_number(c, a->arg[i]);
        ok &= args[i] != NULL;
    }
    e = ok ? beba_expr_new(c, BEBA_OP_ARRAY, array->type, a->loc, a->n_args, args) : NULL;
    if (e)
        e->id = y->id;
    return e;
}

static struct beba_expr *lower_state(struct lower *c, const struct ast_expr *a)
{
    struct machine *m = beba_machine_find(c, a->name, a->at);

    if (!m)
        return NULL;
    m->sym->read = true;
    if (m->table->lookup.kind == BEBA_KEY_NONE) {
        beba_report(c->diags, C_NO_KEY, a->loc, "machine '%s' has no key, so it has no states",
                    m->table->name);
        return NULL;
    }
    return leaf(c, BEBA_OP_STATE, beba_type_state, a->loc, m->index);
}

static struct beba_expr *lower_direction(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr *e;

    if (must_be_constant(c, a->loc))
        return NULL;
    if (!c->m || c->m->table->lookup.kind != BEBA_KEY_CONNECTION) {
        beba_report_hint(
            c->diags,
            beba_report(c->diags, C_NOT_CONNECTION, a->loc, "only connections have a direction"),
            "give the machine 'key connection'");
        return NULL;
    }
    e = leaf(c, BEBA_OP_FORWARD, beba_type_bool, a->loc, 0);
    return a->flag || !e ? e : beba_expr_new(c, BEBA_OP_NOT, beba_type_bool, a->loc, 1, &e);
}

/* --- entries ------------------------------------------------------------------------------- */

struct beba_expr *beba_lower_expr(struct lower *c, const struct ast_expr *a,
                                  const struct beba_type *want)
{
    switch (a ? (enum ast_expr_kind)a->kind : E_BAD) {
    case E_BAD:
        return NULL;
    case E_LITERAL:
        return beba_lower_literal(c, a->literal, a->loc, want);
    case E_BOOL:
        return beba_expr_const(c, beba_type_bool, beba_u128(0, a->flag), a->loc);
    case E_NAME:
        return name_expr(c, a, want);
    case E_FIELD:
        return field_expr(c, a);
    case E_INDEX:
        return lower_index(c, a);
    case E_CALL:
        return lower_call(c, a);
    case E_STATE:
        return lower_state(c, a);
    case E_DIRECTION:
        return lower_direction(c, a);
    case E_UNARY:
        return lower_unary(c, a);
    case E_BINARY:
        return lower_binary(c, a);
    case E_IN:
        return beba_lower_in(c, a);
    case E_RANGE:
        beba_report_hint(c->diags, beba_report(c->diags, C_USAGE, a->loc, "a range is not a value"),
                         "ranges stand after 'in'");
        return NULL;
    }
    return NULL;
}

struct beba_expr *beba_lower_bool(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr *e = beba_lower_expr(c, a, NULL);
    char text[64], kind[32];

    if (!e || e->type.kind == BEBA_KIND_BOOL)
        return e;
    beba_report_hint(
        c->diags,
        beba_report(c->diags, C_NOT_TRUTH, e->loc, "'%s' is %s, but a condition is true or false",
                    beba_expr_text(c, e->loc, text), beba_type_text(e->type, kind)),
        beba_type_number(e->type) ? "compare it: '%s != 0'" : "compare '%s' with one", text);
    return NULL;
}

struct beba_expr *beba_lower_to(struct lower *c, const struct ast_expr *a, struct beba_type to,
                                const char *what)
{
    struct beba_expr *e = beba_lower_expr(c, a, &to);

    return e ? beba_convert(c, e, to, what, false) : NULL;
}

struct beba_expr *beba_lower_number(struct lower *c, const struct ast_expr *a)
{
    struct beba_expr *e = beba_lower_expr(c, a, NULL);

    return e && arithmetic_operand(c, e, "this place") ? e : NULL;
}

struct beba_expr *beba_lower_const(struct lower *c, const struct ast_expr *a, struct beba_type to,
                                   const char *why)
{
    bool constant = c->constant;
    const char *outer = c->why_constant;
    struct beba_expr *e;

    c->constant = true;
    c->why_constant = why;
    e = beba_lower_to(c, a, to, why);
    c->constant = constant;
    c->why_constant = outer;
    return e && e->op == BEBA_OP_CONST ? e : NULL;
}
