/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/code.h"

#include <string.h>

#include "engine/uses.h"
#include "pipeline/arith.h"

enum {
    LISTS_MAX = 1 << 22, /* rules in all lists of a table */
    SURE_MAX = 1 << 16,  /* rules that are worth a second form */
    LAZY_DEPTH = 16,     /* of an expression: lazy lets may nest, and the stack is bounded */
};

struct build {
    struct beba_arena *arena;
    const struct beba_pipeline *p;
    const struct beba_table *t;
    bool failed;                 /* out of memory */
    bool sure;                   /* the form of rules for packets with all fields, */
    bool forward;                /* and of one direction, where there are two */
    uint32_t layers;             /* sure: layers that the packet has */
    uint32_t headers;            /* sure: layers of fields that are read */
    uint8_t read[BEBA_MAX_LETS]; /* lets that the body being compiled reads */
    struct let_use use[BEBA_MAX_LETS];
};

static void *take(struct build *b, size_t n, size_t size)
{
    void *p = beba_arena_array(b->arena, n ? n : 1, size);

    b->failed |= !p;
    return p;
}

/* Fields ------------------------------------------------------------------------------------- */

static void field_node(struct node *node, enum beba_field_id id)
{
    const struct beba_field *f = &beba_fields[id];
    unsigned bit = f->bit_offset % 8, width = f->type.width;

    node->id = id;
    node->layer = f->layer;
    node->offset = f->bit_offset / 8;
    node->op = width > 64 ? NODE_FIELD_WIDE : NODE_FIELD;
    if (id == BEBA_F_IN_PORT) {
        node->op = NODE_IN_PORT;
    } else if (id == BEBA_F_NOW) {
        node->op = NODE_NOW;
    } else if (id == BEBA_F_PKT_LEN) {
        node->op = NODE_PKT_LEN;
    } else if (id == BEBA_F_METADATA) {
        node->op = NODE_METADATA;
    } else if (id == BEBA_F_IP_PROTO) {
        node->op = NODE_IP_PROTO;
    } else if (id == BEBA_F_L4_PAYLOAD_LEN) {
        node->op = NODE_PAYLOAD_LEN;
    } else if (f->flags & BEBA_FIELD_SPECIAL) {
        return;
    } else if (bit + width <= 8) {
        node->op = NODE_BITS;
        node->shift = (uint8_t)(8 - bit - width);
        node->k = beba_mask64(width);
    } else if (bit == 0 && width == 16) {
        node->op = NODE_BE16;
    } else if (bit + width <= 16) {
        node->op = NODE_BITS16;
        node->shift = (uint8_t)(16 - bit - width);
        node->k = beba_mask64(width);
    } else if (bit == 0 && width == 32) {
        node->op = NODE_BE32;
    } else if (bit == 0 && width == 48) {
        node->op = NODE_BE48;
    }
}

/* Expressions -------------------------------------------------------------------------------- */

static struct node *expr_node(struct build *b, const struct beba_expr *e);

/* A let that is read once, before any body runs, is computed where it is read. */
static bool is_inlined(const struct build *b, uint32_t let)
{
    const struct let_use *u = &b->use[let];

    return b->sure && u->value && u->defined == 1 && u->in_guards == 1 && !u->in_bodies;
}

static bool is_wide(const struct node *n)
{
    return n->width > 64;
}

/* Operations that have a case for a constant on the right. */
static uint8_t constant_op(unsigned op)
{
    switch (op) {
    case BEBA_OP_ADD:
        return NODE_ADD_K;
    case BEBA_OP_SUB:
        return NODE_SUB_K;
    case BEBA_OP_MUL:
        return NODE_MUL_K;
    case BEBA_OP_AND:
        return NODE_AND_K;
    case BEBA_OP_SHL:
        return NODE_SHL_K;
    case BEBA_OP_SHR:
        return NODE_SHR_K;
    default:
        return op >= BEBA_OP_EQ && op <= BEBA_OP_GE ? (uint8_t)(NODE_EQ_K + op - BEBA_OP_EQ) : 0;
    }
}

struct flags {
    uint8_t mask, value;
};

/* A flag, its negation, or several. */
static bool flags_of(const struct node *n, const struct node **field, struct flags *out)
{
    bool negated = n->op == BEBA_OP_NOT;

    *field = negated ? n->a : n;
    if (!negated && n->op == NODE_FLAGS) {
        *out = (struct flags){(uint8_t)n->k, n->shift};
        return true;
    }
    if ((*field)->op != NODE_BITS || (*field)->k != 1)
        return false;
    out->mask = (uint8_t)(1u << (*field)->shift);
    out->value = negated ? 0 : out->mask;
    return true;
}

/* Some flag must be set unless it is sure that there are flags, so that a packet without the header
 * gives false either way. */
static void flags_node(struct node *n, bool sure)
{
    const struct node *fa, *fb;
    struct flags a, b;

    if (!flags_of(n->a, &fa, &a) || !flags_of(n->b, &fb, &b) || (!sure && !(a.value | b.value)))
        return;
    if (fa->layer != fb->layer || fa->offset != fb->offset ||
        ((a.value ^ b.value) & a.mask & b.mask))
        return;
    n->op = NODE_FLAGS;
    n->layer = fa->layer;
    n->offset = fa->offset;
    n->k = a.mask | b.mask;
    n->shift = a.value | b.value;
}

/* A flag that is not set, once there are flags. */
static void not_node(struct node *n)
{
    struct flags flags;
    const struct node *field;

    if (n->a->op != NODE_BITS || !flags_of(n, &field, &flags))
        return;
    n->op = NODE_FLAGS;
    n->layer = field->layer;
    n->offset = field->offset;
    n->k = flags.mask;
    n->shift = flags.value;
    n->n_args = 0;
}

static void binary_node(struct node *n, bool sure)
{
    uint8_t special = constant_op(n->op);

    if (n->op >= BEBA_OP_EQ && n->op <= BEBA_OP_GE && (is_wide(n->a) || is_wide(n->b))) {
        n->compare = n->op;
        n->op = NODE_COMPARE_WIDE;
    } else if (special && n->b->op == BEBA_OP_CONST) {
        n->op = special;
        n->k = n->b->k;
        n->shift = n->k & 63;
    }
    if (n->op == BEBA_OP_LAND)
        flags_node(n, sure);
    if (n->op == NODE_EQ_K && n->a->op == NODE_BE16) {
        n->op = NODE_EQ_BE16_K;
        n->layer = n->a->layer;
        n->offset = n->a->offset;
    }
}

static void reg_node(struct build *b, struct node *n)
{
    const struct beba_reg *r = &b->t->reg[n->id];

    n->offset = r->offset;
    switch (r->size) {
    case 1:
        n->op = NODE_REG8;
        break;
    case 2:
        n->op = NODE_REG16;
        break;
    case 4:
        n->op = NODE_REG32;
        break;
    case 8:
        n->op = NODE_REG64;
        break;
    default:
        n->op = NODE_REG128;
    }
}

/* Arithmetic on constants is done now. */
static void fold(struct node *n)
{
    uint64_t v[4] = {0};

    if (n->op < BEBA_OP_ADD || n->op > BEBA_OP_SHR)
        return;
    for (unsigned i = 0; i < n->n_args; i++) {
        if (n->arg[i]->op != BEBA_OP_CONST || is_wide(n->arg[i]))
            return;
        v[i] = n->arg[i]->k;
    }
    n->k = beba_op_apply((enum beba_op)n->op, n->width, v);
    n->op = BEBA_OP_CONST;
}

/* Shifts and masks of a field are those of another field. */
static void narrow(struct node *n)
{
    const struct node *field = n->a;
    uint64_t k = n->k;

    if ((n->op != NODE_AND_K && n->op != NODE_SHR_K) ||
        (field->op != NODE_BITS && field->op != NODE_BITS16))
        return;
    if (n->op == NODE_SHR_K && field->shift + n->shift > 15u)
        return;
    k = n->op == NODE_AND_K ? field->k & k : field->k >> n->shift;
    n->shift = n->op == NODE_AND_K ? field->shift : (uint8_t)(field->shift + n->shift);
    n->k = k;
    n->op = field->op;
    n->layer = field->layer;
    n->offset = field->offset;
    n->n_args = 0;
}

static void set_operands(struct node *n, struct node *a, struct node *b)
{
    n->arg[0] = n->a = a;
    n->arg[1] = n->b = b;
}

/* A constant on the left of what does not mind goes to the right. */
static void turn(struct node *n)
{
    if ((n->op == BEBA_OP_MIN || n->op == BEBA_OP_MAX || n->op == BEBA_OP_ADD ||
         n->op == BEBA_OP_MUL) &&
        n->a->op == BEBA_OP_CONST)
        set_operands(n, n->b, n->a);
}

/* (p && q) && r is p && (q && r), whose last part is a jump and not a call. */
static void lean(struct node *n)
{
    struct node *a = n->a, *p;

    if ((n->op != BEBA_OP_LAND && n->op != BEBA_OP_LOR) || n->op != a->op)
        return;
    p = a->a;
    set_operands(a, a->b, n->b);
    if (a->op == BEBA_OP_LAND)
        flags_node(a, true);
    lean(a);
    a->run = beba_eval_sure(a);
    set_operands(n, p, a);
}

/* Pure, and not deep. */
static bool can_wait(const struct node *n, unsigned depth)
{
    if (depth > LAZY_DEPTH || n->op == BEBA_OP_RANDOM)
        return false;
    for (unsigned i = 0; i < n->n_args; i++)
        if (!can_wait(n->arg[i], depth + 1))
            return false;
    return true;
}

static void constant(struct node *n, bool truth)
{
    n->op = BEBA_OP_CONST;
    n->k = truth;
    n->n_args = 0;
}

/* true && p is p, false && p is false. */
static void fold_truth(struct node *n)
{
    bool any = n->op == BEBA_OP_LOR;

    if (n->op != BEBA_OP_LAND && !any)
        return;
    if (n->a->op == BEBA_OP_CONST) {
        if (!n->a->k == any)
            *n = *n->b;
        else
            constant(n, any);
    } else if (n->b->op == BEBA_OP_CONST) {
        if (!n->b->k == any)
            *n = *n->a;
        else if (can_wait(n->a, 0))
            constant(n, any);
    }
}

/* What is known of packets with all fields. The trace shows every part, so this is for the sure
 * form alone. */
static void specialise_sure(struct build *b, struct node *n)
{
    if (n->op == BEBA_OP_PRESENT && b->layers >> n->id & 1) {
        constant(n, true);
    } else if (n->op == BEBA_OP_FORWARD) {
        constant(n, b->forward);
    } else if (n->op == BEBA_OP_NOT && n->a->op == BEBA_OP_CONST) {
        constant(n, !n->a->k);
    } else if (n->op == BEBA_OP_NOT) {
        not_node(n);
    } else if (n->n_args == 2) {
        narrow(n);
        fold_truth(n);
    }
    if (n->n_args == 2)
        lean(n);
}

static void specialise(struct build *b, struct node *n, const struct beba_expr *e)
{
    switch ((enum beba_op)e->op) {
    case BEBA_OP_FIELD:
        field_node(n, (enum beba_field_id)e->id);
        break;
    case BEBA_OP_REG:
        reg_node(b, n);
        break;
    default:
        fold(n);
        if (n->op != BEBA_OP_CONST && n->n_args == 2) {
            if (b->sure)
                turn(n);
            binary_node(n, b->sure);
        }
        if (b->sure)
            specialise_sure(b, n);
    }
}

static struct node *expr_node(struct build *b, const struct beba_expr *e)
{
    struct node *n;

    if (!e)
        return NULL;
    if (e->op == BEBA_OP_LET && is_inlined(b, e->id))
        return expr_node(b, b->use[e->id].value);
    n = take(b, 1, sizeof(*n));
    if (!n)
        return NULL;
    n->op = e->op;
    n->width = e->type.width;
    n->n_args = e->n_args;
    n->id = e->id;
    n->k = e->k.lo;
    n->expr = e;
    if (e->n_args) {
        n->arg = take(b, e->n_args, sizeof(*n->arg));
        if (!n->arg)
            return NULL;
    }
    for (unsigned i = 0; i < e->n_args; i++) {
        n->arg[i] = expr_node(b, e->arg[i]);
        if (!n->arg[i])
            return NULL;
    }
    if (e->op == BEBA_OP_LET && e->id < BEBA_MAX_LETS)
        b->read[e->id] = 1;
    if (b->sure && e->op == BEBA_OP_FIELD)
        b->headers |= 1u << beba_fields[e->id].layer;
    n->a = e->n_args > 0 ? n->arg[0] : NULL;
    n->b = e->n_args > 1 ? n->arg[1] : NULL;
    specialise(b, n, e);
    n->run = b->sure ? beba_eval_sure(n) : beba_eval_any(n);
    return n;
}

/* The tree anew, with each node's operands right behind it, where they can be: those without
 * operands of their own (sure.c reads them there), so the rest are copies. */
static struct node *lay_out(struct build *b, const struct node *n)
{
    struct node *out = n ? take(b, 1u + n->n_args, sizeof(*out)) : NULL;

    if (!out)
        return NULL;
    *out = *n;
    for (unsigned i = 0; i < n->n_args; i++) {
        out[1 + i] = *n->arg[i];
        out->arg[i] = n->arg[i]->n_args ? lay_out(b, n->arg[i]) : &out[1 + i];
        if (!out->arg[i])
            return NULL;
    }
    out->a = n->n_args > 0 ? out->arg[0] : NULL;
    out->b = n->n_args > 1 ? out->arg[1] : NULL;
    return out;
}

static struct node *expr_code(struct build *b, const struct beba_expr *e)
{
    struct node *n = expr_node(b, e);

    return b->sure ? lay_out(b, n) : n;
}

/* Statements --------------------------------------------------------------------------------- */

static struct code_verdict verdict_code(struct build *b, const struct beba_verdict *v)
{
    return (struct code_verdict){
        .kind = v->kind,
        .has_port = v->port || v->kind == BEBA_VERDICT_REPLY,
        .port = expr_code(b, v->port),
        .source = v,
    };
}

static uint8_t assigned_width(struct build *b, const struct beba_stmt *s)
{
    switch ((enum beba_lvalue)s->lvalue) {
    case BEBA_LV_REG:
        return b->t->reg[s->id].type.width;
    case BEBA_LV_GLOBAL:
        return b->p->global[s->id].type.width;
    case BEBA_LV_ARRAY:
        return b->p->array[s->id].type.width;
    case BEBA_LV_FIELD:
        return beba_fields[s->id].type.width;
    }
    return 64;
}

static void stmt_code(struct build *b, struct code_stmt *out, const struct beba_stmt *s)
{
    *out = (struct code_stmt){
        .kind = s->kind,
        .lvalue = s->lvalue,
        .assign = s->assign,
        .n_args = s->n_args,
        .id = s->id,
        .index = {expr_code(b, s->index[0]), expr_code(b, s->index[1])},
        .value = expr_code(b, s->value),
        .verdict = verdict_code(b, &s->verdict),
        .source = s,
    };
    if (s->kind == BEBA_STMT_ASSIGN)
        out->width = assigned_width(b, s);
    if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_REG) {
        out->offset = b->t->reg[s->id].offset;
        out->size = (uint8_t)b->t->reg[s->id].size;
    }
    if (!s->n_args)
        return;
    out->args = take(b, s->n_args, sizeof(*out->args));
    for (unsigned i = 0; out->args && i < s->n_args; i++)
        out->args[i] = expr_code(b, s->args[i]);
}

static uint32_t count_stmts(const struct beba_body *body)
{
    uint32_t n = body->n;

    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        n += count_stmts(&s->then) + count_stmts(&s->otherwise) + (s->otherwise.n > 0);
    }
    return n;
}

/* Where the next one goes. */
static struct code_stmt *stmts_code(struct build *b, struct code_stmt *out,
                                    const struct beba_body *body, unsigned depth)
{
    for (uint32_t i = 0; i < body->n && !b->failed; i++) {
        const struct beba_stmt *s = &body->stmt[i];
        struct code_stmt *branch = out++;

        stmt_code(b, branch, s);
        branch->depth = (uint8_t)depth;
        if (s->kind != BEBA_STMT_IF)
            continue;
        out = stmts_code(b, out, &s->then, depth + 1);
        if (s->otherwise.n)
            out++;
        branch->other = out;
        if (!s->otherwise.n)
            continue;
        branch = out - 1;
        out = stmts_code(b, out, &s->otherwise, depth + 1);
        *branch = (struct code_stmt){.kind = STMT_SKIP, .other = out};
    }
    return out;
}

static struct code_body body_code(struct build *b, const struct beba_body *body)
{
    struct code_body out = {NULL, count_stmts(body)};

    out.stmt = take(b, out.n + 1, sizeof(*out.stmt));
    if (!out.stmt)
        return out;
    stmts_code(b, out.stmt, body, 0);
    out.stmt[out.n].kind = STMT_END;
    return out;
}

/* Rules -------------------------------------------------------------------------------------- */

static void match_code(struct build *b, struct code_match *out, const struct beba_match *m)
{
    out->value = m->value;
    out->mask = m->mask;
    out->field = take(b, 1, sizeof(*out->field));
    if (!out->field)
        return;
    out->field->width = beba_fields[m->field].type.width;
    field_node(out->field, (enum beba_field_id)m->field);
    out->field->run = beba_eval_any(out->field);
}

static void body_lets(struct build *b, struct code_rule *r)
{
    uint32_t *list = take(b, BEBA_MAX_LETS, sizeof(*list));

    for (uint32_t i = 0; list && i < BEBA_MAX_LETS; i++)
        if (b->read[i])
            list[r->n_body_lets++] = i;
    r->body_lets = list;
}

/* A let that is written once waits for its first reader from the start of the table: no rule has to
 * bring it up. Lets that are computed where they are read are not there at all. */
static void sort_lets(struct build *b, struct code_body *lets, const struct code_stmt **waiting)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < lets->n; i++) {
        struct code_stmt *s = &lets->stmt[i], *copy;

        if (is_inlined(b, s->id))
            continue;
        s->lazy = can_wait(s->value, 0);
        if (!s->lazy || b->use[s->id].defined != 1) {
            lets->stmt[n++] = *s;
            continue;
        }
        copy = take(b, 1, sizeof(*copy));
        if (!copy)
            return;
        *copy = *s;
        waiting[s->id] = copy;
    }
    lets->n = n;
}

static void rule_code(struct build *b, struct code_rule *out, const struct beba_rule *r,
                      const struct code_stmt **waiting)
{
    out->id = r->id;
    out->state = r->state;
    out->state_mask = r->state_mask;
    out->creates = r->creates;
    out->n_matches = r->n_matches;
    out->source = r;
    if (r->n_matches)
        out->match = take(b, r->n_matches, sizeof(*out->match));
    for (uint32_t i = 0; out->match && i < r->n_matches; i++)
        match_code(b, &out->match[i], &r->match[i]);
    out->lets = body_code(b, &r->lets);
    if (!b->failed)
        sort_lets(b, &out->lets, waiting);
    out->guard = expr_code(b, r->guard);
    if (b->sure && out->guard && out->guard->op == BEBA_OP_CONST && out->guard->k)
        out->guard = NULL;
    out->plain = !out->lets.n && !r->n_matches;
    memset(b->read, 0, sizeof(b->read));
    out->body = body_code(b, &r->body);
    body_lets(b, out);
}

static bool rule_in_state(const struct code_rule *r, uint32_t state)
{
    return (state & r->state_mask) == r->state;
}

static uint32_t count_lists(const struct code_table *t, const struct code_rule *rule)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct code_rule *r = &rule[i];

        if (!r->state_mask)
            n += r->state ? 0 : t->n_states;
        else if (r->state_mask == UINT32_MAX)
            n += r->state < t->n_states;
        else
            return UINT32_MAX;
        if (n > LISTS_MAX)
            return UINT32_MAX;
    }
    return (uint64_t)t->n_states * t->n_rules > LISTS_MAX * 16ull ? UINT32_MAX : (uint32_t)n;
}

static bool never_holds(const struct code_rule *r)
{
    return r->plain && r->guard && r->guard->op == BEBA_OP_CONST && !r->guard->k;
}

static void state_lists(struct build *b, const struct code_table *t, struct code_rules *rules)
{
    uint32_t n = count_lists(t, rules->rule);
    const struct code_rule ***first, **list;

    if (n == UINT32_MAX)
        return;
    first = take(b, t->n_states, sizeof(*first));
    list = take(b, n + t->n_states, sizeof(*list));
    if (b->failed)
        return;
    for (uint32_t s = 0; s < t->n_states; s++) {
        first[s] = list;
        for (uint32_t i = 0; i < t->n_rules; i++)
            if (rule_in_state(&rules->rule[i], s) && !(b->sure && never_holds(&rules->rule[i])))
                *list++ = &rules->rule[i];
        *list++ = NULL;
    }
    rules->first = first;
}

/* Keys --------------------------------------------------------------------------------------- */

static struct key_part key_part(enum beba_field_id id)
{
    const struct beba_field *f = &beba_fields[id];
    struct key_part part = {.kind = KEY_FIELD, .layer = f->layer, .field = (uint16_t)id};

    part.size = (uint8_t)((f->type.width + 7) / 8);
    if (id == BEBA_F_IP_SRC) {
        part.kind = KEY_IP_SRC;
    } else if (id == BEBA_F_IP_DST) {
        part.kind = KEY_IP_DST;
    } else if (!(f->flags & BEBA_FIELD_SPECIAL) && !(f->bit_offset % 8) && !(f->type.width % 8)) {
        part.kind = KEY_COPY;
        part.offset = f->bit_offset / 8;
    }
    return part;
}

static struct code_key key_code(const struct beba_key *key)
{
    struct code_key out = {.size = key->size, .padded = key->padded};

    out.layers = 1u << BEBA_LAYER_META;
    if (key->kind == BEBA_KEY_CONNECTION) {
        out.shape = KEY_CONNECTION;
        out.layers |= 1u << BEBA_LAYER_IP | 1u << BEBA_LAYER_L4;
    }
    if (key->kind != BEBA_KEY_FIELDS)
        return out;
    out.shape = KEY_PARTS;
    out.n_parts = key->n_fields;
    for (unsigned i = 0; i < key->n_fields; i++) {
        out.part[i] = key_part((enum beba_field_id)key->field[i]);
        out.layers |= 1u << out.part[i].layer;
    }
    return out;
}

static bool same_key(const struct beba_key *a, const struct beba_key *b)
{
    return a->kind == b->kind && a->n_fields == b->n_fields &&
           !memcmp(a->field, b->field, a->n_fields * sizeof(*a->field));
}

static bool body_edits(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD)
            return true;
        if (s->kind >= BEBA_STMT_PUSH_VLAN && s->kind <= BEBA_STMT_SWAP)
            return true;
        if (body_edits(&s->then) || body_edits(&s->otherwise))
            return true;
    }
    return false;
}

static bool table_edits(const struct beba_table *t)
{
    for (uint32_t i = 0; i < t->n_rules; i++)
        if (body_edits(&t->rule[i].body))
            return true;
    return false;
}

/* Which keys can be taken before the first table runs. */
static void early_keys(struct code_table *code, const struct beba_pipeline *p)
{
    bool edits = false;

    for (uint32_t i = 0; i < p->n_tables; i++) {
        code[i].twin = i;
        code[i].early = !edits && i < EARLY_TABLES && p->table[i].lookup.kind != BEBA_KEY_NONE;
        for (uint32_t j = 0; code[i].early && !code[i].two_keys && j < i; j++)
            if (code[j].early && !code[j].two_keys &&
                same_key(&p->table[i].lookup, &p->table[j].lookup)) {
                code[i].twin = j;
                break;
            }
        edits = edits || table_edits(&p->table[i]);
    }
}

static void rules_code(struct build *b, const struct code_table *code, const struct beba_table *t,
                       struct code_rules *out)
{
    uint32_t n_lets = (t->n_lets + LETS_SET - 1) / LETS_SET * LETS_SET;

    out->rule = take(b, t->n_rules, sizeof(*out->rule));
    out->lets = take(b, n_lets, sizeof(struct code_stmt *));
    for (uint32_t i = 0; !b->failed && i < t->n_rules; i++)
        rule_code(b, &out->rule[i], &t->rule[i], out->lets);
    if (!b->failed)
        state_lists(b, code, out);
}

static void table_code(struct build *b, struct code_table *out, const struct beba_table *t)
{
    b->t = t;
    out->source = t;
    out->two_keys = t->two_keys;
    for (uint32_t i = 0; i < t->n_rules; i++)
        out->creates |= t->rule[i].creates;
    out->lookup = key_code(&t->lookup);
    out->update = key_code(t->two_keys ? &t->update : &t->lookup);
    out->n_states = t->n_states ? t->n_states : 1;
    out->n_lets = t->n_lets;
    out->regs_init = t->regs_init;
    out->no_key = verdict_code(b, &t->no_key);
    out->full = verdict_code(b, &t->full_verdict);
    out->dflt = verdict_code(b, &t->dflt);
    out->n_rules = t->n_rules;
    beba_let_uses(t, b->use);
    rules_code(b, out, t, &out->rules[RULES_ANY]);
    out->sure_layers = beba_sure_layers(t);
    if (out->sure_layers == NEVER || t->n_rules > SURE_MAX)
        return;
    b->sure = b->forward = true;
    b->layers = out->sure_layers;
    rules_code(b, out, t, &out->rules[RULES_FORWARD]);
    b->forward = false;
    out->rules[RULES_BACKWARD] = out->rules[RULES_FORWARD];
    if (t->lookup.kind == BEBA_KEY_CONNECTION)
        rules_code(b, out, t, &out->rules[RULES_BACKWARD]);
    b->sure = false;
}

struct code_table *beba_code_new(struct beba_arena *arena, const struct beba_pipeline *p,
                                 uint32_t *headers)
{
    struct build b = {.arena = arena, .p = p};
    struct code_table *out = take(&b, p->n_tables, sizeof(*out));

    for (uint32_t i = 0; out && i < p->n_tables; i++) {
        out[i].id = i;
        table_code(&b, &out[i], &p->table[i]);
    }
    if (out)
        early_keys(out, p);
    *headers = b.headers & ~(1u << BEBA_LAYER_META);
    return b.failed ? NULL : out;
}
