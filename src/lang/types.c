/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lang/lower.h"

const struct beba_type beba_type_uint = {BEBA_KIND_UINT, 64}, beba_type_bool = {BEBA_KIND_BOOL, 1},
                       beba_type_time = {BEBA_KIND_TIME, 64}, beba_type_ip = {BEBA_KIND_IP, 128},
                       beba_type_ip4 = {BEBA_KIND_IP4, 32}, beba_type_ip6 = {BEBA_KIND_IP6, 128},
                       beba_type_mac = {BEBA_KIND_MAC, 48}, beba_type_port = {BEBA_KIND_PORT, 32},
                       beba_type_state = {BEBA_KIND_STATE, 32};

bool beba_type_wide(struct beba_type t)
{
    return t.width > 64;
}

bool beba_type_number(struct beba_type t)
{
    return t.kind == BEBA_KIND_UINT || t.kind == BEBA_KIND_TIME || t.kind == BEBA_KIND_PORT ||
           t.kind == BEBA_KIND_BOOL;
}

bool beba_type_address(struct beba_type t)
{
    return t.kind == BEBA_KIND_IP4 || t.kind == BEBA_KIND_IP6 || t.kind == BEBA_KIND_IP ||
           t.kind == BEBA_KIND_MAC;
}

const char *beba_type_text(struct beba_type t, char buf[32])
{
    static const char *const names[] = {
        [BEBA_KIND_BOOL] = "true or false",  [BEBA_KIND_TIME] = "a time",
        [BEBA_KIND_IP4] = "an IPv4 address", [BEBA_KIND_IP6] = "an IPv6 address",
        [BEBA_KIND_IP] = "an IP address",    [BEBA_KIND_MAC] = "a MAC address",
        [BEBA_KIND_PORT] = "a port number",  [BEBA_KIND_STATE] = "a state",
    };

    if (t.kind != BEBA_KIND_UINT)
        return names[t.kind];
    if (t.width == 64)
        return "a number";
    snprintf(buf, 32, "a%s %u-bit number",
             t.width == 8 || t.width == 11 || t.width == 18 ? "n" : "", t.width);
    return buf;
}

const char *beba_expr_text(const struct lower *c, struct beba_loc loc, char buf[64])
{
    const struct beba_source *s;
    size_t n = loc.len < 60 ? loc.len : 57;

    if (loc.source >= c->sources->n) {
        snprintf(buf, 64, "this");
        return buf;
    }
    s = &c->sources->source[loc.source];
    if (loc.offset + n > s->len)
        n = loc.offset < s->len ? s->len - loc.offset : 0;
    for (size_t i = 0; i < n; i++) {
        char ch = s->text[loc.offset + i];

        buf[i] = ch == '\n' || ch == '\t' || ch == '\r' ? ' ' : ch;
    }
    memcpy(buf + n, loc.len < 60 ? "" : "...", loc.len < 60 ? 1 : 4);
    return buf;
}

/* --- making expressions -------------------------------------------------------------------- */

struct beba_expr *beba_expr_new(struct lower *c, enum beba_op op, struct beba_type type,
                                struct beba_loc loc, uint32_t n_args, struct beba_expr *const *args)
{
    struct beba_expr *e = beba_arena_alloc(c->arena, sizeof(*e));

    if (e && n_args)
        e->arg = beba_arena_array(c->arena, n_args, sizeof(*e->arg));
    if (!e || (n_args && !e->arg)) {
        c->no_memory = true;
        return NULL;
    }
    e->op = (uint8_t)op;
    e->type = type;
    e->loc = loc;
    e->n_args = (uint8_t)n_args;
    for (uint32_t i = 0; i < n_args; i++)
        e->arg[i] = args[i];
    return e;
}

struct beba_expr *beba_expr_const(struct lower *c, struct beba_type type, struct beba_u128 v,
                                  struct beba_loc loc)
{
    struct beba_expr *e = beba_expr_new(c, BEBA_OP_CONST, type, loc, 0, NULL);

    if (e)
        e->k = v;
    return e;
}

/* --- fitting ------------------------------------------------------------------------------- */

static struct beba_expr *mapped(struct lower *c, struct beba_expr *e)
{
    if (e->op == BEBA_OP_CONST)
        return beba_expr_const(c, beba_type_ip, beba_u128(0, 0xffff00000000ull | e->k.lo), e->loc);
    return beba_expr_new(c, BEBA_OP_MAP4, beba_type_ip, e->loc, 1, &e);
}

static bool fits(const struct beba_expr *k, struct beba_type t)
{
    return t.width >= 64 ? t.width > 64 || !k->k.hi : !k->k.hi && k->k.lo <= beba_mask64(t.width);
}

static void report_range(struct lower *c, const struct beba_expr *k, const char *what,
                         struct beba_type t)
{
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_OUT_OF_RANGE, k->loc,
                                 "%" PRIu64 " does not fit %s, which has %u bit%s", k->k.lo, what,
                                 t.width, t.width == 1 ? "" : "s"),
                     "its values are 0..%" PRIu64, beba_mask64(t.width));
}

static void bare_time(struct lower *c, const struct beba_expr *k)
{
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_BARE_TIME, k->loc,
                                 "a number without a unit used as a time means nanoseconds"),
                     "write %" PRIu64 "s, %" PRIu64 "ms or %" PRIu64 "ns", k->k.lo, k->k.lo,
                     k->k.lo);
}

static bool bare_number(const struct beba_expr *e)
{
    return e->op == BEBA_OP_CONST && e->type.kind == BEBA_KIND_UINT && e->k.lo;
}

static struct beba_expr *mismatch(struct lower *c, const struct beba_expr *e, struct beba_type to,
                                  const char *what)
{
    char text[64], a[32], b[32];
    struct beba_diag *d = beba_report(c->diags, C_TYPE, e->loc, "'%s' is %s, but %s is %s",
                                      beba_expr_text(c, e->loc, text), beba_type_text(e->type, a),
                                      what, beba_type_text(to, b));

    if (to.kind == BEBA_KIND_IP4 && e->type.kind == BEBA_KIND_IP)
        beba_report_hint(c->diags, d, "use an ip4.* field, or the type ip, which holds either");
    else if (to.kind == BEBA_KIND_IP6 && e->type.kind == BEBA_KIND_IP4)
        beba_report_hint(c->diags, d, "the type ip and the fields ip.* hold either version");
    else if (to.kind == BEBA_KIND_BOOL && e->op == BEBA_OP_CONST)
        beba_report_hint(c->diags, d, "write true or false");
    else if (to.kind == BEBA_KIND_BOOL)
        beba_report_hint(c->diags, d, "compare it: '%s != 0'", beba_expr_text(c, e->loc, text));
    else if (beba_type_address(to) && e->op == BEBA_OP_CONST && beba_type_number(e->type))
        beba_report_hint(c->diags, d, "%s",
                         to.kind == BEBA_KIND_MAC   ? "write an address: 02:00:00:00:00:01"
                         : to.kind == BEBA_KIND_IP6 ? "write an address: 2001:db8::1"
                                                    : "write an address: 10.0.0.1");
    return NULL;
}

/* Storing loses bits that the program can name: a field or register in a smaller one. */
static void check_truncation(struct lower *c, const struct beba_expr *e, struct beba_type to,
                             const char *what)
{
    char text[64];
    bool named = e->op == BEBA_OP_FIELD || e->op == BEBA_OP_REG || e->op == BEBA_OP_GLOBAL ||
                 e->op == BEBA_OP_ARRAY || e->op == BEBA_OP_HASH;

    if (!named || e->type.width <= to.width || e->type.kind == BEBA_KIND_PORT)
        return;
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_TRUNCATED, e->loc,
                                 "'%s' has %u bits, %s keeps the low %u",
                                 beba_expr_text(c, e->loc, text), e->type.width, what, to.width),
                     "if that is meant, write '%s & 0x%" PRIx64 "'",
                     beba_expr_text(c, e->loc, text), beba_mask64(to.width));
}

struct beba_expr *beba_convert(struct lower *c, struct beba_expr *e, struct beba_type to,
                               const char *what, bool exact)
{
    bool k = e->op == BEBA_OP_CONST, number = beba_type_number(e->type);
    struct beba_expr *out;

    if (e->type.kind == BEBA_KIND_STATE || to.kind == BEBA_KIND_STATE)
        return e->type.kind == to.kind ? e : mismatch(c, e, to, what);
    if (to.kind == BEBA_KIND_IP && e->type.kind == BEBA_KIND_IP4)
        return mapped(c, e);
    if (beba_type_wide(to))
        return beba_type_wide(e->type) ? e : mismatch(c, e, to, what);
    if (beba_type_wide(e->type))
        return mismatch(c, e, to, what);
    if (beba_type_address(to))
        return e->type.kind == to.kind || (number && !k && e->type.kind != BEBA_KIND_BOOL)
                   ? e
                   : mismatch(c, e, to, what);
    if (to.kind == BEBA_KIND_BOOL && e->type.kind != BEBA_KIND_BOOL) {
        if (!k || !number || e->k.lo > 1)
            return mismatch(c, e, to, what);
        return beba_expr_const(c, to, e->k, e->loc);
    }
    if (!number && (exact || k || to.width < e->type.width))
        return mismatch(c, e, to, what);
    if (to.kind == BEBA_KIND_TIME && bare_number(e))
        bare_time(c, e);
    if (!k) {
        check_truncation(c, e, to, what);
        return e;
    }
    if (!fits(e, to)) {
        report_range(c, e, what, to);
        return NULL;
    }
    out = beba_expr_const(c, to, e->k, e->loc);
    return out;
}

bool beba_check_fits(struct lower *c, const struct beba_expr *k, const struct beba_expr *other)
{
    char text[64], quoted[70];

    if (k->op != BEBA_OP_CONST || other->op == BEBA_OP_CONST || other->type.width >= 64 ||
        !beba_type_number(other->type) || fits(k, other->type))
        return true;
    snprintf(quoted, sizeof(quoted), "'%s'", beba_expr_text(c, other->loc, text));
    report_range(c, k, quoted, other->type);
    return false;
}

static bool is_ip(struct beba_type t)
{
    return t.kind == BEBA_KIND_IP4 || t.kind == BEBA_KIND_IP6 || t.kind == BEBA_KIND_IP;
}

static bool different(struct lower *c, const struct beba_expr *a, const struct beba_expr *b,
                      struct beba_loc at)
{
    char ta[64], tb[64], ka[32], kb[32];
    struct beba_diag *d =
        beba_report(c->diags, C_TYPE, at, "'%s' is %s and '%s' is %s: they cannot be compared",
                    beba_expr_text(c, a->loc, ta), beba_type_text(a->type, ka),
                    beba_expr_text(c, b->loc, tb), beba_type_text(b->type, kb));

    if (is_ip(a->type) && is_ip(b->type))
        beba_report_hint(c->diags, d, "the fields ip.* and the type ip hold either version");
    else if (beba_type_address(a->type) && b->op == BEBA_OP_CONST && beba_type_number(b->type))
        beba_report_hint(c->diags, d, "write the address out: %s",
                         a->type.kind == BEBA_KIND_MAC ? "02:00:00:00:00:01" : "10.0.0.1");
    return false;
}

/* A number as it is stored somewhere; a computed one may well be 0 or 1 only. */
static bool stored_number(const struct beba_expr *e)
{
    return e->type.kind != BEBA_KIND_BOOL &&
           (e->op == BEBA_OP_FIELD || e->op == BEBA_OP_REG || e->op == BEBA_OP_GLOBAL);
}

bool beba_unify(struct lower *c, struct beba_expr **a, struct beba_expr **b, struct beba_loc at)
{
    struct beba_type x = (*a)->type, y = (*b)->type;
    bool nx = beba_type_number(x), ny = beba_type_number(y);

    if (x.kind == BEBA_KIND_STATE || y.kind == BEBA_KIND_STATE)
        return x.kind == y.kind || different(c, *a, *b, at);
    if (is_ip(x) && is_ip(y)) {
        if (x.width == y.width)
            return true;
        if (x.kind == BEBA_KIND_IP && y.kind == BEBA_KIND_IP4)
            return (*b = mapped(c, *b)) != NULL;
        if (y.kind == BEBA_KIND_IP && x.kind == BEBA_KIND_IP4)
            return (*a = mapped(c, *a)) != NULL;
        return different(c, *a, *b, at);
    }
    if (beba_type_wide(x) || beba_type_wide(y))
        return different(c, *a, *b, at);
    if (!nx && !ny)
        return x.kind == y.kind || different(c, *a, *b, at);
    if (!nx) /* an address and a number: computed numbers only */
        return (*b)->op != BEBA_OP_CONST || different(c, *a, *b, at);
    if (!ny)
        return (*a)->op != BEBA_OP_CONST || different(c, *a, *b, at);
    if (x.kind == BEBA_KIND_BOOL && bare_number(*b) && (*b)->k.lo > 1)
        return different(c, *a, *b, at);
    if (y.kind == BEBA_KIND_BOOL && bare_number(*a) && (*a)->k.lo > 1)
        return different(c, *a, *b, at);
    if ((x.kind == BEBA_KIND_BOOL && stored_number(*b)) ||
        (y.kind == BEBA_KIND_BOOL && stored_number(*a)))
        return different(c, *a, *b, at);
    if (x.kind == BEBA_KIND_TIME && bare_number(*b))
        bare_time(c, *b);
    if (y.kind == BEBA_KIND_TIME && bare_number(*a))
        bare_time(c, *a);
    return beba_check_fits(c, *a, *b) && beba_check_fits(c, *b, *a);
}
