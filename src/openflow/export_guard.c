/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Guards: what a program asks, as matches and conditions. */
#include "openflow/export_walk.h"

#include "base/arena.h"

#include <stdlib.h>

#define BIT(layer) (1u << BEBA_LAYER_##layer)

static bool over(struct export *x, struct beba_loc loc)
{
    if (x->steps++ < EXPORT_STEPS)
        return x->failed && x->full;
    if (!x->full)
        beba_export_say(x, loc, "the rules have too many cases to be entries of OpenFlow");
    x->full = true;
    return true;
}

/* An entry before takes all of these packets. */
static bool taken(const struct export *x, const struct cube *c)
{
    for (uint32_t i = x->first_of_state; i < x->n_entries; i++)
        if (beba_cube_covers(&x->cube[i], c))
            return true;
    return false;
}

static void go(const struct cont *k, const struct cube *c, bool holds)
{
    if (!taken(k->x, c))
        k->fn(k, c, holds);
}

/* --- values ------------------------------------------------------------------------------------
 */

static struct sym constant(struct beba_u128 v, struct beba_type type)
{
    return (struct sym){.kind = SYM_CONST, .k = v, .type = type};
}

static struct sym field_now(const struct path *path, const struct beba_expr *e)
{
    for (uint32_t i = path->n_written; i--;)
        if (path->written[i].field == e->id)
            return path->written[i].value;
    return (struct sym){.kind = SYM_FIELD, .id = e->id, .type = beba_fields[e->id].type};
}

struct sym beba_export_sym(struct export *x, const struct path *path, const struct beba_expr *e)
{
    struct sym a, b;

    switch (e->op) {
    case BEBA_OP_CONST:
        return constant(e->k, e->type);
    case BEBA_OP_FIELD:
        return field_now(path, e);
    case BEBA_OP_REG:
        return e->id < BEBA_FLOW_DATA_VARS ? path->reg[e->id] : (struct sym){.kind = SYM_OTHER};
    case BEBA_OP_GLOBAL:
        return e->id < BEBA_GLOBAL_DATA_VARS ? path->global[e->id]
                                             : (struct sym){.kind = SYM_OTHER};
    case BEBA_OP_LET:
        return e->id < EXPORT_LETS ? path->let[e->id] : (struct sym){.kind = SYM_OTHER};
    case BEBA_OP_STATE:
        if (e->id != x->machine || x->state == EXPORT_NO_STATE)
            break;
        if (path->state != EXPORT_NO_STATE && !x->t->two_keys)
            return constant(beba_u128(0, (uint64_t)path->state), e->type);
        return constant(beba_u128(0, (uint64_t)x->state), e->type);
    case BEBA_OP_ADD:
    case BEBA_OP_SUB:
        a = beba_export_sym(x, path, e->arg[0]);
        b = beba_export_sym(x, path, e->arg[1]);
        if (b.kind != SYM_CONST || a.kind == SYM_FIELD || a.kind == SYM_OTHER)
            break;
        if (a.kind == SYM_CONST)
            a.k.lo = e->op == BEBA_OP_ADD ? a.k.lo + b.k.lo : a.k.lo - b.k.lo;
        else
            a.add = e->op == BEBA_OP_ADD ? a.add + b.k.lo : a.add - b.k.lo;
        a.type.width = 64;
        return a;
    case BEBA_OP_RANDOM:
        if (path->drawn == e)
            return constant(beba_u128(0, path->draw), e->type);
        break;
    case BEBA_OP_FORWARD:
        return constant(beba_u128(0, !x->reverse), e->type);
    default:
        break;
    }
    return (struct sym){.kind = SYM_OTHER, .type = e->type};
}

/* --- operands -----------------------------------------------------------------------------------
 */

bool beba_export_extractor(struct export *x, uint8_t field, struct beba_loc loc, uint8_t *id)
{
    for (*id = 0; *id < x->vars.n_header_fields; ++*id)
        if (x->vars.header_field[*id] == field)
            return true;
    if (x->vars.n_header_fields == BEBA_HEADER_FIELDS) {
        beba_export_say(x, loc,
                        "more than %d header fields as values, also of those that tell whether a "
                        "packet has a header, OpenFlow's most a table",
                        BEBA_HEADER_FIELDS);
        return false;
    }
    x->vars.header_field[x->vars.n_header_fields++] = field;
    return true;
}

static bool header_field(struct export *x, const struct sym *s, struct beba_loc loc,
                         struct operand *out)
{
    const struct beba_field *f = &beba_fields[s->id];
    struct alt alts[EXPORT_ALTS];
    uint8_t field = BEBA_OF_PKT_LEN;
    int n = 1;

    if (s->id != BEBA_F_PKT_LEN) {
        n = beba_export_alts(x, s->id, alts);
        for (int i = 1; i < n; i++)
            if (alts[i].field != alts[0].field)
                n = -1;
        if (n > 0)
            field = alts[0].field;
    }
    if (s->id == BEBA_F_NOW) {
        beba_export_say(x, loc, "OpenFlow's clock counts milliseconds in 32 bits, not %s", f->name);
        return false;
    }
    if (n < 1 || f->type.width > 32 || (n && s->id != BEBA_F_PKT_LEN && alts[0].shift) ||
        (f->type.width == 1 && field == BEBA_OF_TCP_FLAGS)) {
        beba_export_say(x, loc, "%s is no value that conditions and updates of OpenFlow can read",
                        f->name);
        return false;
    }
    out->type = BEBA_OPERAND_HF;
    return beba_export_extractor(x, field, loc, &out->id);
}

/* IPv4 addresses are numbers of the other byte order there. */
static uint32_t number_of(const struct sym *s)
{
    uint32_t v = (uint32_t)s->k.lo;

    return s->type.kind == BEBA_KIND_IP4 ? __builtin_bswap32(v) : v;
}

static bool shared_constant(struct export *x, uint32_t v, struct beba_loc loc, struct operand *out)
{
    out->type = BEBA_OPERAND_GDV;
    for (unsigned i = x->p->n_globals; i < x->vars.n_constants; i++) {
        out->id = (uint8_t)i;
        if (x->vars.constant[i] == v)
            return true;
    }
    if (x->vars.n_constants == BEBA_GLOBAL_DATA_VARS) {
        beba_export_say(x, loc,
                        "more than %d globals and constants to compare and compute with, "
                        "OpenFlow's most a table",
                        BEBA_GLOBAL_DATA_VARS);
        return false;
    }
    out->id = (uint8_t)x->vars.n_constants;
    x->vars.constant[x->vars.n_constants++] = v;
    return true;
}

bool beba_export_operand(struct export *x, const struct sym *s, bool may_be_constant,
                         struct beba_loc loc, struct operand *out)
{
    switch (s->kind) {
    case SYM_CONST:
        if (s->k.hi || s->k.lo > UINT32_MAX)
            break;
        if (may_be_constant && number_of(s) <= UINT8_MAX) {
            *out = (struct operand){BEBA_OPERAND_CONSTANT, (uint8_t)number_of(s)};
            return true;
        }
        return shared_constant(x, number_of(s), loc, out);
    case SYM_REG:
    case SYM_GLOBAL:
        if (s->add)
            break;
        *out = (struct operand){s->kind == SYM_REG ? BEBA_OPERAND_FDV : BEBA_OPERAND_GDV,
                                (uint8_t)s->id};
        return true;
    case SYM_FIELD:
        return header_field(x, s, loc, out);
    default:
        break;
    }
    beba_export_say(x, loc,
                    "OpenFlow compares and computes with variables, header fields and "
                    "constants of 32 bits as they were when the packet came");
    return false;
}

/* --- conditions ---------------------------------------------------------------------------------
 */

static int find_condition(struct export *x, uint8_t op, struct operand a, struct operand b,
                          struct beba_loc loc)
{
    unsigned i = 0;

    for (; i < x->vars.n_conditions; i++)
        if (x->vars.condition[i].op == op && x->vars.condition[i].a.type == a.type &&
            x->vars.condition[i].a.id == a.id && x->vars.condition[i].b.type == b.type &&
            x->vars.condition[i].b.id == b.id)
            return (int)i;
    if (i == BEBA_CONDITIONS) {
        beba_export_say(x, loc,
                        "more than %d conditions, also those that ask whether a packet has a "
                        "header, OpenFlow's most a table",
                        BEBA_CONDITIONS);
        return -1;
    }
    x->vars.condition[i].op = op;
    x->vars.condition[i].a = a;
    x->vars.condition[i].b = b;
    x->vars.n_conditions++;
    return (int)i;
}

bool beba_export_condition(struct export *x, uint8_t op, struct operand a, struct operand b,
                           bool want, struct beba_loc loc, const struct cube *c,
                           const struct cont *k)
{
    int id = find_condition(x, op, a, b, loc);
    struct cube in = *c;
    enum narrow r;

    if (id < 0)
        return false;
    r = beba_cube_add(&in, (uint8_t)(BEBA_OF_CONDITION0 + id), beba_u128(0, want),
                      beba_u128(0, 0xff));
    if (r != NARROW_EMPTY)
        go(k, &in, true);
    if (r != NARROW_SAME)
        go(k, c, false);
    return true;
}

/* a op b by a condition; one and its opposite share it. */
static void compare(struct export *x, uint8_t op, const struct sym *a, const struct sym *b,
                    struct beba_loc loc, const struct cube *c, const struct cont *k)
{
    static const struct {
        uint8_t op, want;
    } as[] = {
        [0] = {BEBA_COND_EQ, 1},
        [BEBA_OP_NE - BEBA_OP_EQ] = {BEBA_COND_EQ, 0},
        [BEBA_OP_LT - BEBA_OP_EQ] = {BEBA_COND_LT, 1},
        [BEBA_OP_LE - BEBA_OP_EQ] = {BEBA_COND_LTE, 1},
        [BEBA_OP_GT - BEBA_OP_EQ] = {BEBA_COND_LTE, 0},
        [BEBA_OP_GE - BEBA_OP_EQ] = {BEBA_COND_LT, 0},
    };
    struct operand l, r;

    if (op > BEBA_OP_NE && (a->type.kind == BEBA_KIND_IP4 || b->type.kind == BEBA_KIND_IP4)) {
        beba_export_say(x, loc, "OpenFlow's conditions do not order addresses");
        return;
    }
    if (beba_export_operand(x, a, false, loc, &l) && beba_export_operand(x, b, false, loc, &r))
        beba_export_condition(x, as[op - BEBA_OP_EQ].op, l, r, as[op - BEBA_OP_EQ].want, loc, c, k);
}

/* --- headers -------------------------------------------------------------------------------------
 */

bool beba_export_is_present(const struct export *x, uint32_t field)
{
    return x->known >> beba_fields[field].layer & 1;
}

/* A field of OpenFlow that is there when the layer is. */
static const struct {
    uint8_t layer, field[3];
} signs[] = {
    {BEBA_LAYER_IP, {OFPXMT_OFB_IP_PROTO}},
    {BEBA_LAYER_IP4, {OFPXMT_OFB_IPV4_SRC}},
    {BEBA_LAYER_IP6, {OFPXMT_OFB_IPV6_SRC}},
    {BEBA_LAYER_TCP, {OFPXMT_OFB_TCP_SRC}},
    {BEBA_LAYER_UDP, {OFPXMT_OFB_UDP_SRC}},
    {BEBA_LAYER_SCTP, {OFPXMT_OFB_SCTP_SRC}},
    {BEBA_LAYER_ICMP, {OFPXMT_OFB_ICMPV4_TYPE}},
    {BEBA_LAYER_ICMP6, {OFPXMT_OFB_ICMPV6_TYPE}},
    {BEBA_LAYER_ARP, {OFPXMT_OFB_ARP_OP}},
    {BEBA_LAYER_MPLS, {OFPXMT_OFB_MPLS_TC}},
    {BEBA_LAYER_L4, {OFPXMT_OFB_TCP_SRC, OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_SCTP_SRC}},
};

/* Kinds that the table's packets are not of. */
static bool impossible(const struct export *x, uint32_t layer)
{
    for (unsigned l = 0; l < BEBA_N_LAYERS; l++)
        if ((x->known >> l & 1) && (beba_layer_excludes((enum beba_layer)l) >> layer & 1))
            return true;
    return false;
}

static void sign_present(struct export *x, const uint8_t field[3], struct beba_loc loc,
                         const struct cube *c, const struct cont *k)
{
    for (unsigned i = 0; i < 3 && field[i]; i++) {
        struct operand o = {BEBA_OPERAND_HF, 0};
        struct cube in = *c;
        enum narrow r;
        int id;

        if (!beba_export_extractor(x, field[i], loc, &o.id))
            return;
        id = find_condition(x, BEBA_COND_EQ, o, o, loc);
        if (id < 0)
            return;
        r = beba_cube_add(&in, (uint8_t)(BEBA_OF_CONDITION0 + id), beba_u128(0, 1),
                          beba_u128(0, 0xff));
        if (r != NARROW_EMPTY)
            go(k, &in, true);
        if (r == NARROW_SAME)
            return;
    }
    go(k, c, false);
}

void beba_export_present(struct export *x, uint32_t layer, struct beba_loc loc,
                         const struct cube *c, const struct cont *k)
{
    static const struct alt tag = {.vlan = true};
    struct cube in = *c;
    enum narrow r;

    if (x->known >> layer & 1) {
        go(k, c, true);
        return;
    }
    if (impossible(x, layer)) {
        go(k, c, false);
        return;
    }
    if (layer == BEBA_LAYER_VLAN) {
        r = beba_cube_prereq(&in, &tag);
        if (r != NARROW_EMPTY)
            go(k, &in, true);
        if (r != NARROW_SAME)
            go(k, c, false);
        return;
    }
    for (unsigned i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (signs[i].layer == layer) {
            sign_present(x, signs[i].field, loc, c, k);
            return;
        }
    beba_export_say(x, loc, "OpenFlow cannot tell packets without %s",
                    layer < BEBA_N_LAYERS && beba_layer_name((enum beba_layer)layer)
                        ? beba_layer_name((enum beba_layer)layer)
                        : "this header");
}

struct holds_not {
    struct cont k;
    const struct cont *next;
};

static void turn(const struct cont *k, const struct cube *c, bool holds)
{
    const struct holds_not *n = (const struct holds_not *)k;

    n->next->fn(n->next, c, !holds);
}

/* Cubes in which the field lies in a piece get truth; then the rest. */
static void in_pieces(struct export *x, uint32_t field, const struct piece *piece, int n,
                      bool truth, struct beba_loc loc, const struct cube *c, const struct cont *k)
{
    struct alt alts[EXPORT_ALTS];
    int n_alts = beba_export_alts(x, field, alts);

    for (int i = 0; i < n_alts; i++)
        for (int j = 0; j < n && !over(x, loc); j++) {
            struct cube in = *c;
            enum narrow r = beba_cube_piece(&in, &alts[i], field, &piece[j]);

            if (r != NARROW_EMPTY)
                go(k, &in, truth);
            if (r == NARROW_SAME)
                return;
        }
    if (truth)
        go(k, c, false);
    else if (!n_alts)
        go(k, c, false);
    else
        beba_export_present(x, beba_fields[field].layer, loc, c, k);
}

static void in_ranges(struct export *x, uint32_t field, const struct beba_range *range, uint32_t n,
                      struct beba_loc loc, const struct cube *c, const struct cont *k)
{
    struct beba_range *others = malloc((n + 1) * sizeof(*others));
    struct piece *in = malloc(2 * EXPORT_PIECES * sizeof(*in)), *out = in + EXPORT_PIECES;
    struct sym f = {.kind = SYM_FIELD, .id = field, .type = beba_fields[field].type};
    int n_in, n_out;
    uint32_t n_others;

    if (!others || !in) {
        x->failed = x->full = true;
        goto out;
    }
    n_others = beba_export_others(field, range, n, others);
    n_in = beba_export_pieces(field, range, n, in);
    n_out = beba_export_pieces(field, others, n_others, out);
    if (n_in >= 0 && (n_out < 0 || n_in <= n_out + 1) && n_others)
        in_pieces(x, field, in, n_in, true, loc, c, k);
    else if (n_out >= 0)
        in_pieces(x, field, out, n_out, false, loc, c, k);
    else if (n == 1 && (!range->lo.lo || range->hi.lo >= beba_mask64(f.type.width))) {
        bool up = range->lo.lo != 0;
        struct sym bound = constant(up ? range->lo : range->hi, f.type);

        compare(x, up ? BEBA_OP_GE : BEBA_OP_LE, &f, &bound, loc, c, k);
    } else {
        beba_export_say(x, loc, "the values of %s become more than %d matches of OpenFlow",
                        beba_fields[field].name, EXPORT_PIECES);
    }
out:
    free(others);
    free(in);
}

static struct beba_u128 before(struct beba_u128 v)
{
    return beba_u128(v.lo ? v.hi : v.hi - 1, v.lo - 1);
}

static struct beba_u128 after(struct beba_u128 v)
{
    return beba_u128(v.lo + 1 ? v.hi : v.hi + 1, v.lo + 1);
}

/* field op v */
static void field_is(struct export *x, uint8_t op, uint32_t field, struct beba_u128 v,
                     struct beba_loc loc, const struct cube *c, const struct cont *k)
{
    const struct beba_u128 most = {~0ull, ~0ull}, none = {0, 0};
    struct beba_range r[2] = {{v, v}};
    uint32_t n = 1;
    bool first = !v.hi && !v.lo, last = !beba_u128_cmp(v, most);

    switch (op) {
    case BEBA_OP_EQ:
        break;
    case BEBA_OP_NE:
        n = 0;
        if (!first)
            r[n++] = (struct beba_range){none, before(v)};
        if (!last)
            r[n++] = (struct beba_range){after(v), most};
        break;
    case BEBA_OP_LT:
        n = !first;
        r[0] = (struct beba_range){none, before(v)};
        break;
    case BEBA_OP_LE:
        r[0] = (struct beba_range){none, v};
        break;
    case BEBA_OP_GT:
        n = !last;
        r[0] = (struct beba_range){after(v), most};
        break;
    default:
        r[0] = (struct beba_range){v, most};
        break;
    }
    /* past the field's width nothing lies */
    if (beba_fields[field].type.width < 128)
        while (n && (r[n - 1].lo.hi || r[n - 1].lo.lo > beba_mask64(beba_fields[field].type.width)))
            n--;
    if (n)
        in_ranges(x, field, r, n, loc, c, k);
    else
        go(k, c, false);
}

/* (field >> shift) & mask, compared for equality: false when e is not of this shape. */
static bool bits_are(struct export *x, const struct path *path, const struct beba_expr *e,
                     const struct cube *c, const struct cont *k)
{
    const struct beba_expr *a = e->arg[0];
    uint64_t mask = ~0ull, want, bits;
    struct piece piece;
    unsigned shift = 0, width;
    int n_alts;
    struct alt alts[EXPORT_ALTS];
    struct sym f;

    if ((e->op != BEBA_OP_EQ && e->op != BEBA_OP_NE) || e->arg[1]->op != BEBA_OP_CONST ||
        a->op == BEBA_OP_FIELD)
        return false;
    if (a->op == BEBA_OP_AND && a->arg[1]->op == BEBA_OP_CONST) {
        mask = a->arg[1]->k.lo;
        a = a->arg[0];
    }
    if (a->op == BEBA_OP_SHR && a->arg[1]->op == BEBA_OP_CONST) {
        shift = a->arg[1]->k.lo & 63;
        a = a->arg[0];
    }
    if (a->op != BEBA_OP_FIELD || (f = beba_export_sym(x, path, a)).kind != SYM_FIELD)
        return false;
    width = f.type.width;
    n_alts = beba_export_alts(x, f.id, alts);
    if (width > 64 || n_alts < 0)
        return false;
    want = e->arg[1]->k.lo;
    bits = beba_mask64(width) >> shift & mask;
    if (want & ~bits || !bits) { /* (0 & 0) == 0 asks for the header only */
        if ((want == 0) == (e->op == BEBA_OP_EQ) && !(want & ~bits))
            beba_export_present(x, beba_fields[f.id].layer, e->loc, c, k);
        else if (e->op == BEBA_OP_NE)
            beba_export_present(x, beba_fields[f.id].layer, e->loc, c, k);
        else
            go(k, c, false);
        return true;
    }
    piece = (struct piece){{0, want << shift}, {0, bits << shift}};
    if (n_alts && piece.mask.lo != beba_mask64(width) && !beba_of_fields[alts[0].field].maskable) {
        beba_export_say(x, e->loc, "OpenFlow cannot match some bits of %s only",
                        beba_fields[f.id].name);
        return true;
    }
    in_pieces(x, f.id, &piece, 1, e->op == BEBA_OP_EQ, e->loc, c, k);
    return true;
}

/* An IPv4 field where an address of either version is meant: its field, and ranges as its values.
 */
static const struct beba_expr *unmapped(const struct beba_expr *e)
{
    return e->op == BEBA_OP_MAP4 && e->arg[0]->op == BEBA_OP_FIELD ? e->arg[0] : NULL;
}

static uint32_t unmap(const struct beba_range *range, uint32_t n, struct beba_range *out)
{
    const struct beba_range all = {{0, 0xffffull << 32}, {0, 0xffffull << 32 | UINT32_MAX}};
    uint32_t made = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct beba_u128 lo = range[i].lo, hi = range[i].hi;

        if (beba_u128_cmp(hi, all.lo) < 0 || beba_u128_cmp(lo, all.hi) > 0)
            continue;
        lo = beba_u128_cmp(lo, all.lo) < 0 ? all.lo : lo;
        hi = beba_u128_cmp(hi, all.hi) > 0 ? all.hi : hi;
        out[made++] =
            (struct beba_range){beba_u128(0, lo.lo & UINT32_MAX), beba_u128(0, hi.lo & UINT32_MAX)};
    }
    return made;
}

static void compared(struct export *x, const struct path *path, const struct beba_expr *e,
                     const struct cube *c, const struct cont *k)
{
    static const uint8_t mirrored[] = {BEBA_OP_EQ, BEBA_OP_NE, BEBA_OP_GT,
                                       BEBA_OP_GE, BEBA_OP_LT, BEBA_OP_LE};
    struct alt alts[EXPORT_ALTS];
    uint8_t op = e->op;
    struct sym a, b;

    if (bits_are(x, path, e, c, k))
        return;
    a = beba_export_sym(x, path, e->arg[0]);
    b = beba_export_sym(x, path, e->arg[1]);
    for (unsigned i = 0; i < 2; i++)
        if (e->arg[i]->op == BEBA_OP_RANDOM && path->drawn != e->arg[i] &&
            (i ? a : b).kind == SYM_CONST) {
            beba_export_drawn(x, i ? mirrored[op - BEBA_OP_EQ] : op, e->arg[i], (i ? a : b).k.lo, c,
                              k);
            return;
        }
    if (unmapped(e->arg[0]) && b.kind == SYM_CONST && b.k.lo >> 32 == 0xffff && !b.k.hi) {
        a = beba_export_sym(x, path, unmapped(e->arg[0]));
        b.k.lo &= UINT32_MAX;
    }
    if (a.kind == SYM_CONST && b.kind != SYM_CONST) {
        struct sym s = a;

        a = b;
        b = s;
        op = mirrored[op - BEBA_OP_EQ];
    }
    if (a.kind == SYM_CONST && b.kind == SYM_CONST) {
        int d = beba_u128_cmp(a.k, b.k);

        go(k, c,
           op == BEBA_OP_EQ   ? d == 0
           : op == BEBA_OP_NE ? d != 0
           : op == BEBA_OP_LT ? d < 0
           : op == BEBA_OP_LE ? d <= 0
           : op == BEBA_OP_GT ? d > 0
                              : d >= 0);
        return;
    }
    if ((a.kind == SYM_FIELD && !beba_export_alts(x, a.id, alts)) ||
        (b.kind == SYM_FIELD && !beba_export_alts(x, b.id, alts))) {
        go(k, c, false); /* packets of this family have no such field */
        return;
    }
    if (a.kind == SYM_FIELD && b.kind == SYM_CONST && beba_export_alts(x, a.id, alts) >= 0) {
        field_is(x, op, a.id, b.k, e->loc, c, k);
        return;
    }
    if ((a.kind == SYM_REG || a.kind == SYM_GLOBAL) && b.kind == SYM_CONST && a.add &&
        op <= BEBA_OP_NE && a.type.width == 32) { /* r was assigned r + add, in 32 bits */
        b.k.lo = (b.k.lo - a.add) & UINT32_MAX;
        a.add = 0;
    }
    if (b.kind == SYM_CONST && (b.k.hi || b.k.lo > UINT32_MAX) && a.kind != SYM_OTHER &&
        (a.kind != SYM_FIELD || a.id == BEBA_F_PKT_LEN)) {
        go(k, c, op == BEBA_OP_NE || op == BEBA_OP_LT || op == BEBA_OP_LE);
        return;
    }
    compare(x, op, &a, &b, e->loc, c, k);
}

/* A truth value by itself. */
static void truth(struct export *x, const struct path *path, const struct beba_expr *e,
                  const struct cube *c, const struct cont *k)
{
    struct sym s = beba_export_sym(x, path, e), zero = constant(beba_u128(0, 0), e->type);
    struct alt alts[EXPORT_ALTS];

    if (s.kind == SYM_CONST)
        go(k, c, s.k.hi || s.k.lo);
    else if (s.kind == SYM_FIELD && beba_export_alts(x, s.id, alts) >= 0)
        field_is(x, BEBA_OP_GT, s.id, zero.k, e->loc, c, k);
    else
        compare(x, BEBA_OP_NE, &s, &zero, e->loc, c, k);
}

/* --- all together
 * --------------------------------------------------------------------------------- */

struct second {
    struct cont k;
    const struct cont *next;
    const struct path *path;
    const struct beba_expr *e;
    bool when; /* the first one's truth with which the second one decides */
};

static void then(const struct cont *k, const struct cube *c, bool holds)
{
    const struct second *s = (const struct second *)k;

    if (holds == s->when)
        beba_export_cases(k->x, s->path, s->e, c, s->next);
    else
        s->next->fn(s->next, c, holds);
}

static void listed(struct export *x, const struct path *path, const struct beba_expr *e,
                   const struct beba_range *range, uint32_t n, const struct cube *c,
                   const struct cont *k)
{
    const struct beba_expr *ip4 = unmapped(e->arg[0]);
    struct sym s = beba_export_sym(x, path, ip4 ? ip4 : e->arg[0]);
    struct beba_range *own = NULL;
    struct alt alts[EXPORT_ALTS];

    if (ip4 && n) {
        own = malloc(n * sizeof(*own));
        if (!own) {
            x->failed = x->full = true;
            return;
        }
        n = unmap(range, n, own);
        range = own;
    }
    if (s.kind == SYM_CONST) {
        bool in = false;

        for (uint32_t i = 0; i < n; i++)
            in |= beba_u128_cmp(range[i].lo, s.k) <= 0 && beba_u128_cmp(s.k, range[i].hi) <= 0;
        go(k, c, in);
    } else if (s.kind == SYM_FIELD && beba_export_alts(x, s.id, alts) >= 0) {
        if (n)
            in_ranges(x, s.id, range, n, e->loc, c, k);
        else
            go(k, c, false);
    } else {
        beba_export_say(x, e->loc, "OpenFlow looks up header fields in lists, nothing else");
    }
    free(own);
}

void beba_export_cases(struct export *x, const struct path *path, const struct beba_expr *e,
                       const struct cube *c, const struct cont *k)
{
    if (over(x, e->loc) || taken(x, c))
        return;
    switch (e->op) {
    case BEBA_OP_NOT: {
        struct holds_not n = {{turn, x}, k};

        beba_export_cases(x, path, e->arg[0], c, &n.k);
        return;
    }
    case BEBA_OP_LAND:
    case BEBA_OP_LOR: {
        struct second s = {{then, x}, k, path, e->arg[1], e->op == BEBA_OP_LAND};

        beba_export_cases(x, path, e->arg[0], c, &s.k);
        return;
    }
    case BEBA_OP_EQ:
    case BEBA_OP_NE:
    case BEBA_OP_LT:
    case BEBA_OP_LE:
    case BEBA_OP_GT:
    case BEBA_OP_GE:
        compared(x, path, e, c, k);
        return;
    case BEBA_OP_IN_LIST:
        listed(x, path, e, e->range, e->n_ranges, c, k);
        return;
    case BEBA_OP_IN_SET:
        listed(x, path, e, x->p->set[e->id].range, x->p->set[e->id].n_ranges, c, k);
        return;
    case BEBA_OP_PRESENT:
        beba_export_present(x, e->id, e->loc, c, k);
        return;
    case BEBA_OP_SEQ_LT:
    case BEBA_OP_SEQ_LEQ:
        beba_export_say(x, e->loc, "OpenFlow does not compare sequence numbers");
        return;
    default:
        truth(x, path, e, c, k);
        return;
    }
}
