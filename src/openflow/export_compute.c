/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Values that take more than one SET_DATA_VAR: the variables of an entry that the program does not
 * use hold what is between. And numbers that are drawn. */
#include "openflow/export_walk.h"

enum { IP4_ONE = 1 << 24 }; /* the last byte of an address, as a number of OpenFlow */

/* --- bounds ------------------------------------------------------------------------------------
 */

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t p;

    return __builtin_mul_overflow(a, b, &p) ? ~0ull : p;
}

uint64_t beba_export_most(const struct beba_expr *e)
{
    const struct beba_expr *b = e->n_args > 1 ? e->arg[1] : NULL;
    uint64_t k = b && b->op == BEBA_OP_CONST && !b->k.hi ? b->k.lo : 0;
    uint64_t a = e->n_args ? beba_export_most(e->arg[0]) : 0, s;

    switch (e->op) {
    case BEBA_OP_CONST:
        return e->k.hi ? ~0ull : e->k.lo;
    case BEBA_OP_ADD:
        return __builtin_add_overflow(a, beba_export_most(b), &s) ? ~0ull : s;
    case BEBA_OP_MUL:
        return product(a, beba_export_most(b));
    case BEBA_OP_DIV:
        return k ? a / k : a;
    case BEBA_OP_MOD:
        return k && k - 1 < a ? k - 1 : a;
    case BEBA_OP_AND:
        return k && k < a ? k : a;
    case BEBA_OP_SHR:
        return k < 64 ? a >> k : a;
    case BEBA_OP_SHL:
        return k < 32 ? product(a, 1ull << k) : ~0ull;
    case BEBA_OP_RANDOM:
        return a ? a - 1 : 0;
    case BEBA_OP_FIELD:
    case BEBA_OP_REG:
    case BEBA_OP_GLOBAL:
        return e->type.width < 64 ? beba_mask64(e->type.width) : ~0ull;
    default:
        return ~0ull;
    }
}

/* --- sequences ---------------------------------------------------------------------------------
 */

struct sequence {
    struct export *x;
    struct path *path;
    struct beba_loc loc;
    unsigned used; /* bit i: variable i of the entry */
};

static bool free_variable(struct sequence *q, struct operand *out)
{
    for (unsigned i = 0; i < BEBA_FLOW_DATA_VARS; i++)
        if (!(q->used >> i & 1)) {
            q->used |= 1u << i;
            *out = (struct operand){BEBA_OPERAND_FDV, (uint8_t)i};
            return true;
        }
    beba_export_say(q->x, q->loc, "no variable of OpenFlow's %d an entry is left to compute this",
                    BEBA_FLOW_DATA_VARS);
    return false;
}

static void release(struct sequence *q, struct operand o)
{
    if (o.type == BEBA_OPERAND_FDV && o.id >= q->x->t->n_regs)
        q->used &= ~(1u << o.id);
}

static bool number(struct sequence *q, uint64_t k, bool second, struct operand *out)
{
    const struct sym s = {.kind = SYM_CONST, .k = {0, k}, .type = {BEBA_KIND_UINT, 32}};

    return beba_export_operand(q->x, &s, second, q->loc, out);
}

static void alu(struct sequence *q, uint8_t opcode, struct operand out, struct operand a,
                struct operand b)
{
    const struct operand in[2] = {a, b};

    beba_export_alu(q->x, q->path, out, opcode, in, 2, NULL, q->loc);
}

static bool value(struct sequence *q, const struct beba_expr *e, bool second, struct operand *out);

/* a / k, a % k: exact in 32 bits only. */
static bool quotient(struct sequence *q, const struct beba_expr *e, bool rest, uint64_t k,
                     struct operand *out)
{
    struct operand a, by, t;

    if (!k || k > UINT32_MAX || beba_export_most(e->arg[0]) > UINT32_MAX) {
        beba_export_say(q->x, e->loc,
                        "OpenFlow divides numbers of 32 bits by constants, nothing else");
        return false;
    }
    if (!value(q, e->arg[0], false, &a) || !free_variable(q, &t) || !number(q, k, true, &by))
        return false;
    alu(q, BEBA_ALU_DIV, t, a, by);
    if (rest) {
        alu(q, BEBA_ALU_MUL, t, t, by);
        alu(q, BEBA_ALU_SUB, t, a, t);
    }
    release(q, a);
    *out = t;
    return true;
}

static bool binary(struct sequence *q, const struct beba_expr *e, uint8_t opcode,
                   struct operand *out)
{
    struct operand a, b;

    if (!value(q, e->arg[0], false, &a) || !value(q, e->arg[1], true, &b))
        return false;
    release(q, a);
    release(q, b);
    if (!free_variable(q, out))
        return false;
    alu(q, opcode, *out, a, b);
    return true;
}

static bool value(struct sequence *q, const struct beba_expr *e, bool second, struct operand *out)
{
    uint64_t k = e->n_args > 1 && e->arg[1]->op == BEBA_OP_CONST ? e->arg[1]->k.lo : 0;
    struct operand a, by;
    struct sym s;

    if (beba_export_sym(q->x, q->path, e).kind != SYM_OTHER || e->op == BEBA_OP_REG ||
        e->op == BEBA_OP_GLOBAL)
        return beba_export_read_now(q->x, q->path, e, &s) && beba_export_sure(q->x, &s, e->loc) &&
               beba_export_operand(q->x, &s, second, e->loc, out);
    switch (e->op) {
    case BEBA_OP_ADD:
        return binary(q, e, BEBA_ALU_SUM, out);
    case BEBA_OP_SUB:
        return binary(q, e, BEBA_ALU_SUB, out);
    case BEBA_OP_MUL:
        return binary(q, e, BEBA_ALU_MUL, out);
    case BEBA_OP_DIV:
        return quotient(q, e, false, k, out);
    case BEBA_OP_MOD:
        return quotient(q, e, true, k, out);
    case BEBA_OP_SHR:
        return quotient(q, e, false, k < 32 ? 1ull << k : 0, out);
    case BEBA_OP_AND: /* with ones at the end */
        return quotient(q, e, true, k & (k + 1) ? 0 : k + 1, out);
    case BEBA_OP_SHL:
        if (k > 31 || !value(q, e->arg[0], false, &a) || !number(q, 1ull << k, true, &by))
            break;
        release(q, a);
        if (!free_variable(q, out))
            return false;
        alu(q, BEBA_ALU_MUL, *out, a, by);
        return true;
    default:
        break;
    }
    beba_export_say(q->x, e->loc,
                    "OpenFlow computes sums, differences, products, and quotients and remainders "
                    "by constants, of variables, header fields and constants");
    return false;
}

/* An address and what is added to its last byte. */
static bool address(struct sequence *q, const struct beba_expr *e, struct operand *out)
{
    const struct beba_expr *base = e->arg[0], *by = e->arg[1];
    struct sym s = {.kind = SYM_CONST, .type = {BEBA_KIND_IP4, 32}};
    struct operand a, b, one;

    if (e->op == BEBA_OP_ADD && base->op != BEBA_OP_CONST) {
        base = e->arg[1];
        by = e->arg[0];
    }
    if (e->op != BEBA_OP_ADD || base->op != BEBA_OP_CONST ||
        (base->k.lo & UINT8_MAX) + beba_export_most(by) > UINT8_MAX) {
        beba_export_say(q->x, q->loc,
                        "OpenFlow computes addresses only as a constant and what its last byte has "
                        "room for");
        return false;
    }
    s.k = base->k;
    if (!value(q, by, false, &b) || !number(q, IP4_ONE, false, &one) ||
        !beba_export_operand(q->x, &s, false, q->loc, &a))
        return false;
    release(q, b);
    if (!free_variable(q, out))
        return false;
    alu(q, BEBA_ALU_MUL, *out, b, one);
    alu(q, BEBA_ALU_SUM, *out, *out, a);
    return true;
}

void beba_export_compute(struct export *x, struct path *path, struct operand out,
                         struct beba_type type, const struct beba_expr *e)
{
    struct sequence q = {x, path, e->loc, (1u << x->t->n_regs) - 1};
    static const struct operand zero = {BEBA_OPERAND_CONSTANT, 0};
    struct operand made;

    if (x->t->n_regs > BEBA_FLOW_DATA_VARS)
        return;
    if (type.kind != BEBA_KIND_IP4 && type.width < 32 &&
        beba_export_most(e) > beba_mask64(type.width)) {
        beba_export_say(x, e->loc,
                        "OpenFlow's variables have 32 bits: what is assigned to one of %u is not "
                        "cut",
                        type.width);
        return;
    }
    if (type.kind == BEBA_KIND_IP4 ? address(&q, e, &made) : value(&q, e, false, &made)) {
        struct beba_of_action *last = path->n_actions ? &path->action[path->n_actions - 1] : NULL;

        /* the last one writes where it belongs */
        if (last && made.type == BEBA_OPERAND_FDV && made.id >= x->t->n_regs &&
            last->type == OFPAT_EXPERIMENTER && last->beba == BEBA_ACT_SET_DATA_VAR) {
            last->set_data_var.out_type = out.type;
            last->set_data_var.out = out.id;
        } else {
            alu(&q, BEBA_ALU_SUM, out, made, zero);
        }
    }
}

/* --- what is drawn ------------------------------------------------------------------------------
 */

/* The first number of e that is not drawn yet. */
static const struct beba_expr *undrawn(const struct path *path, const struct beba_expr *e)
{
    const struct beba_expr *found = e->op == BEBA_OP_RANDOM && path->drawn != e ? e : NULL;

    for (unsigned i = 0; i < e->n_args && !found; i++)
        found = undrawn(path, e->arg[i]);
    return found;
}

/* The packet's 16 bits, as random(most), are less than bound. */
static bool draw_below(struct export *x, const struct beba_expr *e, uint64_t bound,
                       const struct cube *c, const struct cont *k)
{
    uint64_t most = e->arg[0]->k.lo;
    struct operand a = {BEBA_OPERAND_HF, 0}, b;
    struct sym s = {.kind = SYM_CONST, .type = {BEBA_KIND_UINT, 32}};

    if (x->random && x->random != e) {
        beba_export_say(x, e->loc,
                        "OpenFlow draws one random number for a packet, and this is the "
                        "second one");
        return false;
    }
    x->random = e;
    if (!bound || bound >= most) {
        k->fn(k, c, bound != 0);
        return true;
    }
    s.k.lo = (bound * 65536 + most - 1) / most;
    if (!beba_export_extractor(x, BEBA_OF_RANDOM, e->loc, &a.id) ||
        !beba_export_operand(x, &s, false, e->loc, &b))
        return false;
    return beba_export_condition(x, BEBA_COND_LT, a, b, true, e->loc, c, k);
}

struct not_below {
    struct cont k;
    const struct cont *next;
    const struct beba_expr *e;
    uint64_t bound;
};

static void flip(const struct cont *k, const struct cube *c, bool holds)
{
    const struct not_below *n = (const struct not_below *)k;

    n->next->fn(n->next, c, !holds);
}

static void above_too(const struct cont *k, const struct cube *c, bool holds)
{
    const struct not_below *n = (const struct not_below *)k;
    struct not_below f = {{flip, k->x}, n->next, n->e, 0};

    if (holds)
        draw_below(k->x, n->e, n->bound, c, &f.k);
    else
        n->next->fn(n->next, c, false);
}

void beba_export_drawn(struct export *x, uint8_t op, const struct beba_expr *e, uint64_t v,
                       const struct cube *c, const struct cont *k)
{
    struct not_below f = {{flip, x}, k, e, v};

    if (op == BEBA_OP_LT || op == BEBA_OP_LE) {
        draw_below(x, e, v + (op == BEBA_OP_LE), c, k);
    } else if (op == BEBA_OP_GT || op == BEBA_OP_GE) {
        draw_below(x, e, v + (op == BEBA_OP_GT), c, &f.k);
    } else {
        struct not_below eq = {{above_too, x}, op == BEBA_OP_EQ ? k : &f.k, e, v};

        draw_below(x, e, v + 1, c, &eq.k);
    }
}

struct draw {
    struct cont k;
    const struct beba_expr *e;
    uint64_t n;
    const struct draws *with;
};

static void draw_from(const struct draw *d, const struct cube *c)
{
    if (d->n + 1 < d->e->arg[0]->k.lo)
        draw_below(d->k.x, d->e, d->n + 1, c, &d->k);
    else
        d->with->fn(d->with, c, d->e, d->n);
}

static void drawn(const struct cont *k, const struct cube *c, bool holds)
{
    const struct draw *d = (const struct draw *)k;
    struct draw more = *d;

    if (holds) {
        d->with->fn(d->with, c, d->e, d->n);
        return;
    }
    more.n++;
    draw_from(&more, c);
}

bool beba_export_draw(struct export *x, const struct path *path, const struct beba_expr *e,
                      const struct cube *c, const struct draws *with)
{
    const struct beba_expr *r = e ? undrawn(path, e) : NULL;
    struct draw first = {{drawn, x}, r, 0, with};

    if (!r || path->drawn)
        return false;
    if (r->arg[0]->op != BEBA_OP_CONST || r->arg[0]->k.lo > BEBA_CONDITIONS + 1) {
        beba_export_say(x, r->loc, "OpenFlow draws one of at most %d values to compute with",
                        BEBA_CONDITIONS + 1);
        return false;
    }
    draw_from(&first, c);
    return true;
}

/* --- globals ------------------------------------------------------------------------------------
 */

static uint32_t in_expr(const struct beba_expr *e)
{
    uint32_t bits = e->op == BEBA_OP_GLOBAL && e->id < 32 ? 1u << e->id : 0;

    for (unsigned i = 0; i < e->n_args; i++)
        bits |= in_expr(e->arg[i]);
    return bits;
}

static uint32_t in_body(const struct beba_body *b)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < b->n; i++) {
        const struct beba_stmt *s = &b->stmt[i];

        if (s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_GLOBAL && s->id < 32)
            bits |= 1u << s->id;
        if (s->value)
            bits |= in_expr(s->value);
        if (s->kind == BEBA_STMT_VERDICT && s->verdict.port)
            bits |= in_expr(s->verdict.port);
        bits |= in_body(&s->then) | in_body(&s->otherwise);
    }
    return bits;
}

uint32_t beba_export_globals(const struct beba_table *t)
{
    uint32_t bits = t->dflt.port ? in_expr(t->dflt.port) : 0;

    for (uint32_t i = 0; i < t->n_rules; i++) {
        bits |= in_body(&t->rule[i].lets) | in_body(&t->rule[i].body);
        if (t->rule[i].guard)
            bits |= in_expr(t->rule[i].guard);
    }
    return bits | (t->no_key.port ? in_expr(t->no_key.port) : 0);
}
