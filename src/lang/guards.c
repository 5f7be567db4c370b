/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Guards that can never hold, and rules whose packets an earlier one takes. A guard is seen as a
 * conjunction of facts: values of an operand lie in ranges, the packet has or lacks a header,
 * anything else is true. Two rules are compared fact by fact; what is not understood is never
 * reported. */
#include <string.h>

#include "lang/check.h"

enum {
    MAX_FACTS = 24,
    MAX_RANGES = 16,
    LOOK_BACK = 128, /* earlier rules a rule is compared with */
    MAX_BRANCHES = 8,
};

/* --- expressions --------------------------------------------------------------------------- */

bool beba_same_expr(const struct beba_expr *a, const struct beba_expr *b)
{
    if (a == b)
        return a->op != BEBA_OP_RANDOM && a->op != BEBA_N_OPS;
    if (a->op != b->op || a->id != b->id || a->n_args != b->n_args || a->n_ranges != b->n_ranges ||
        beba_u128_cmp(a->k, b->k) != 0 || a->op == BEBA_OP_RANDOM || a->op == BEBA_N_OPS)
        return false;
    for (uint32_t i = 0; i < a->n_ranges; i++)
        if (memcmp(&a->range[i], &b->range[i], sizeof(a->range[i])) != 0)
            return false;
    for (unsigned i = 0; i < a->n_args; i++)
        if (!beba_same_expr(a->arg[i], b->arg[i]))
            return false;
    return true;
}

static bool is_random(const struct beba_expr *e)
{
    bool out = e->op == BEBA_OP_RANDOM;

    for (unsigned i = 0; i < e->n_args; i++)
        out |= is_random(e->arg[i]);
    return out;
}

/* --- facts --------------------------------------------------------------------------------- */

struct ranges {
    struct beba_range r[MAX_RANGES];
    uint32_t n;
};

/* operand lies in ranges; operand NULL: whole is true (or false) */
struct fact {
    const struct beba_expr *operand, *whole;
    bool truth;
    struct ranges in;
};

struct facts {
    const struct machine *m;
    struct fact fact[MAX_FACTS];
    unsigned n;
    uint32_t has, lacks;                               /* layers */
    const struct beba_expr *disjunction[MAX_BRANCHES]; /* looked into after the rest */
    unsigned n_disjunctions;
    bool partial; /* there was more than fits: the guard asks for more than is known here */
    const struct beba_expr *clash; /* the part that contradicts the ones before */
    const char *why;
};

/* What checking one machine needs, made once: facts are large. */
struct workspace {
    struct lower *c;
    const struct machine *m;
    struct facts rule, alternative, branch[MAX_BRANCHES];
};

static void no_facts(struct facts *f, const struct machine *m)
{
    f->m = m;
    f->n = f->n_disjunctions = 0;
    f->has = beba_key_layers(m);
    f->lacks = 0;
    f->partial = false;
    f->clash = NULL;
}

static struct beba_u128 largest(unsigned width)
{
    return width > 64 ? beba_u128(~0ull, ~0ull) : beba_u128(0, beba_mask64(width));
}

static struct beba_u128 step(struct beba_u128 v, bool up)
{
    if (up) {
        v.lo++;
        v.hi += !v.lo;
    } else {
        v.hi -= !v.lo;
        v.lo--;
    }
    return v;
}

static enum beba_op mirrored(enum beba_op op)
{
    switch (op) {
    case BEBA_OP_LT:
        return BEBA_OP_GT;
    case BEBA_OP_LE:
        return BEBA_OP_GE;
    case BEBA_OP_GT:
        return BEBA_OP_LT;
    case BEBA_OP_GE:
        return BEBA_OP_LE;
    default:
        return op;
    }
}

static void add(struct ranges *out, struct beba_u128 lo, struct beba_u128 hi)
{
    if (beba_u128_cmp(lo, hi) <= 0)
        out->r[out->n++] = (struct beba_range){lo, hi};
}

/* The values for which "operand op k" holds. */
static void ranges_of(enum beba_op op, struct beba_u128 k, unsigned width, struct ranges *out)
{
    struct beba_u128 zero = {0, 0}, top = largest(width);
    bool low = !k.hi && !k.lo, high = beba_u128_cmp(k, top) >= 0;

    out->n = 0;
    if (op == BEBA_OP_EQ && beba_u128_cmp(k, top) <= 0)
        add(out, k, k);
    if ((op == BEBA_OP_NE || op == BEBA_OP_LT) && !low)
        add(out, zero,
            high && op == BEBA_OP_LT && beba_u128_cmp(k, top) > 0 ? top : step(k, false));
    if ((op == BEBA_OP_NE || op == BEBA_OP_GT) && !high)
        add(out, step(k, true), top);
    if (op == BEBA_OP_LE)
        add(out, zero, high ? top : k);
    if (op == BEBA_OP_GE)
        add(out, k, top);
}

/* "operand in ranges" as far as e says such a thing. */
static bool as_ranges(const struct beba_expr *e, bool truth, struct fact *out)
{
    const struct beba_expr *operand = e;

    out->truth = true;
    out->whole = e;
    if (e->op >= BEBA_OP_EQ && e->op <= BEBA_OP_GE && truth) {
        bool right = e->arg[1]->op == BEBA_OP_CONST;
        const struct beba_expr *k = e->arg[right ? 1 : 0];
        enum beba_op op = right ? (enum beba_op)e->op : mirrored((enum beba_op)e->op);

        operand = e->arg[right ? 0 : 1];
        if (k->op != BEBA_OP_CONST || operand->op == BEBA_OP_CONST)
            return false;
        ranges_of(op, k->k, operand->type.width, &out->in);
    } else if (e->op == BEBA_OP_IN_LIST && truth && e->n_ranges <= MAX_RANGES) {
        operand = e->arg[0];
        memcpy(out->in.r, e->range, e->n_ranges * sizeof(*e->range));
        out->in.n = e->n_ranges;
    } else if (e->op == BEBA_OP_FIELD || e->op == BEBA_OP_REG || e->op == BEBA_OP_GLOBAL ||
               e->op == BEBA_OP_FORWARD || e->op == BEBA_OP_LET) {
        ranges_of(BEBA_OP_EQ, beba_u128(0, truth), 1, &out->in);
    } else {
        return false;
    }
    out->operand = operand;
    return !is_random(operand);
}

static void intersect(struct ranges *a, const struct ranges *b)
{
    struct ranges out = {.n = 0};

    for (uint32_t i = 0; i < a->n; i++) {
        for (uint32_t j = 0; j < b->n && out.n < MAX_RANGES; j++) {
            struct beba_u128 lo = a->r[i].lo, hi = a->r[i].hi;

            if (beba_u128_cmp(b->r[j].lo, lo) > 0)
                lo = b->r[j].lo;
            if (beba_u128_cmp(b->r[j].hi, hi) < 0)
                hi = b->r[j].hi;
            add(&out, lo, hi);
        }
    }
    *a = out;
}

static bool subset(const struct ranges *a, const struct ranges *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        bool inside = false;

        for (uint32_t j = 0; j < b->n; j++)
            inside |= beba_u128_cmp(a->r[i].lo, b->r[j].lo) >= 0 &&
                      beba_u128_cmp(a->r[i].hi, b->r[j].hi) <= 0;
        if (!inside)
            return false;
    }
    return true;
}

/* --- gathering ----------------------------------------------------------------------------- */

static void clash(struct facts *f, const struct beba_expr *e, const char *why)
{
    if (f->clash)
        return;
    f->clash = e;
    f->why = why;
}

static void need_layers(struct facts *f, const struct beba_expr *e, uint32_t layers)
{
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if ((layers >> i & 1) && (beba_layer_excludes((enum beba_layer)i) & f->has))
            clash(f, e, "no packet has all of these headers (those of the key count too)");
    if (layers & f->lacks)
        clash(f, e, "the header is asked for and ruled out");
    f->has |= layers;
}

static void lack_layer(struct facts *f, const struct beba_expr *e, unsigned layer)
{
    if (f->has >> layer & 1)
        clash(f, e, "the key or the guard needs this header");
    f->lacks |= 1u << layer;
}

static struct fact *find(struct facts *f, const struct beba_expr *operand)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->fact[i].operand && beba_same_expr(f->fact[i].operand, operand))
            return &f->fact[i];
    return NULL;
}

static void add_fact(struct facts *f, const struct fact *fact, const struct beba_expr *e)
{
    struct fact *old = fact->operand ? find(f, fact->operand) : NULL;

    if (old) {
        intersect(&old->in, &fact->in);
        if (!old->in.n)
            clash(f, e, "no value satisfies both");
        return;
    }
    if (fact->operand && !fact->in.n)
        clash(f, e, "no value of that many bits satisfies it");
    if (f->n == MAX_FACTS)
        f->partial = true;
    else
        f->fact[f->n++] = *fact;
}

static void gather(struct facts *f, const struct beba_expr *e, bool truth)
{
    bool conjunction = (e->op == BEBA_OP_LAND && truth) || (e->op == BEBA_OP_LOR && !truth);
    struct fact fact = {0};

    if (e->op == BEBA_OP_NOT) {
        gather(f, e->arg[0], !truth);
        if (f->clash == e->arg[0])
            f->clash = e;
    } else if (conjunction) {
        gather(f, e->arg[0], truth);
        gather(f, e->arg[1], truth);
    } else if (e->op == BEBA_OP_LOR && truth) {
        if (f->n_disjunctions == MAX_BRANCHES)
            f->partial = true;
        else
            f->disjunction[f->n_disjunctions++] = e;
    } else if (e->op == BEBA_OP_PRESENT) {
        if (truth)
            need_layers(f, e, beba_layer_implies((enum beba_layer)e->id));
        else
            lack_layer(f, e, e->id);
    } else if (e->op == BEBA_OP_CONST) {
        if (!e->k.lo == truth)
            clash(f, e, "it is false whatever the packet is");
    } else {
        need_layers(f, e, beba_implied_layers(f->m, e, truth));
        if (!as_ranges(e, truth, &fact)) {
            fact.operand = NULL;
            fact.whole = e;
            fact.truth = truth;
        }
        add_fact(f, &fact, e);
    }
}

/* --- never --------------------------------------------------------------------------------- */

static void report_never(struct lower *c, const struct beba_expr *part, const struct facts *f,
                         bool branch)
{
    const char *what = branch ? "alternative" : "rule";
    char text[64];
    struct beba_diag *d;

    if (f->clash == part)
        d = beba_report(c->diags, C_NEVER_MATCHES, part->loc, "this %s never holds", what);
    else
        d = beba_report(c->diags, C_NEVER_MATCHES, f->clash->loc,
                        "this %s never holds: '%s' contradicts what is before it", what,
                        beba_expr_text(c, f->clash->loc, text));
    beba_report_hint(c->diags, d, "%s", f->why);
}

/* Alternatives inside a guard, each with the facts around it. */
static void check_alternatives(struct workspace *w, const struct beba_expr *e, unsigned depth)
{
    struct facts *f = &w->alternative;

    if (e->op == BEBA_OP_LOR && depth < MAX_BRANCHES) {
        check_alternatives(w, e->arg[0], depth + 1);
        check_alternatives(w, e->arg[1], depth + 1);
        return;
    }
    *f = w->rule;
    f->n_disjunctions = 0;
    gather(f, e, true);
    if (f->clash)
        report_never(w->c, e, f, true);
}

static bool check_never(struct workspace *w, const struct beba_rule *r)
{
    if (w->rule.clash) {
        report_never(w->c, r->guard, &w->rule, false);
        return true;
    }
    for (unsigned i = 0; i < w->rule.n_disjunctions; i++)
        check_alternatives(w, w->rule.disjunction[i], 0);
    return false;
}

/* --- shadowed ------------------------------------------------------------------------------ */

/* True when the facts make e have that truth. */
static bool entails(struct facts *f, const struct beba_expr *e, bool truth)
{
    bool all = (e->op == BEBA_OP_LAND && truth) || (e->op == BEBA_OP_LOR && !truth);
    bool one = (e->op == BEBA_OP_LOR && truth) || (e->op == BEBA_OP_LAND && !truth);
    struct fact want = {0}, *have;

    if (e->op == BEBA_OP_NOT)
        return entails(f, e->arg[0], !truth);
    if (all)
        return entails(f, e->arg[0], truth) && entails(f, e->arg[1], truth);
    if (one && (entails(f, e->arg[0], truth) || entails(f, e->arg[1], truth)))
        return true;
    if (e->op == BEBA_OP_PRESENT)
        return truth ? f->has >> e->id & 1
                     : (f->lacks >> e->id & 1) ||
                           (beba_layer_excludes((enum beba_layer)e->id) & f->has);
    if (as_ranges(e, truth, &want)) {
        have = find(f, want.operand);
        return have && subset(&have->in, &want.in);
    }
    for (unsigned i = 0; i < f->n; i++)
        if (!f->fact[i].operand && f->fact[i].truth == truth &&
            beba_same_expr(f->fact[i].whole, e) && !is_random(e))
            return true;
    for (unsigned i = 0; truth && i < f->n_disjunctions; i++)
        if (beba_same_expr(f->disjunction[i], e) && !is_random(e))
            return true;
    return false;
}

static bool shadows(struct workspace *w, const struct beba_rule *early, struct facts *f,
                    const struct beba_expr *late, unsigned depth)
{
    struct facts *branch = &w->branch[depth];

    if (entails(f, early->guard, true))
        return true;
    if (f->n_disjunctions != 1 || f->n || depth + 1 >= MAX_BRANCHES || late->op != BEBA_OP_LOR)
        return false;
    for (unsigned i = 0; i < 2; i++) { /* every alternative must be taken */
        no_facts(branch, w->m);
        gather(branch, late->arg[i], true);
        if (!shadows(w, early, branch, late->arg[i], depth + 1))
            return false;
    }
    return true;
}

static void check_shadowed(struct workspace *w, const struct rule_run *run, uint32_t at)
{
    const struct beba_table *t = w->m->table;
    const struct beba_rule *late = &t->rule[at];
    uint32_t first = at - run->first > LOOK_BACK ? at - LOOK_BACK : run->first;

    for (uint32_t i = first; i < at; i++) {
        const struct beba_rule *early = &t->rule[i];

        if (!early->guard || !shadows(w, early, &w->rule, late->guard, 0))
            continue;
        beba_report_hint(w->c->diags,
                         beba_report(w->c->diags, C_SHADOWED_RULE, late->loc,
                                     "this rule is never reached: an earlier one takes all of its "
                                     "packets"),
                         "line %u: '%s'; put the narrower rule first",
                         beba_line_of(w->c, early->loc), early->label);
        return;
    }
}

/* --- rules --------------------------------------------------------------------------------- */

static void check_run(struct workspace *w, const struct rule_run *run)
{
    const struct beba_table *t = w->m->table;
    const struct beba_rule *always = NULL;

    for (uint32_t i = run->first; i < run->end; i++) {
        const struct beba_rule *r = &t->rule[i];

        if (always) {
            beba_report_hint(
                w->c->diags,
                beba_report(w->c->diags, C_UNREACHABLE_RULE, r->loc, "this rule is never reached"),
                "line %u: '%s' takes every packet", beba_line_of(w->c, always->loc), always->label);
            return;
        }
        if (!r->guard) {
            always = r;
            continue;
        }
        no_facts(&w->rule, w->m);
        gather(&w->rule, r->guard, true);
        if (!check_never(w, r) && !w->rule.partial)
            check_shadowed(w, run, i);
    }
}

/* Rules for any state come after each state's own: an else there leaves them nothing. */
static void check_any(struct lower *c, const struct machine *m, const struct rule_run *run)
{
    const struct beba_table *t = m->table;
    const struct rule_run *any = &run[t->n_states];

    if (any->first == any->end || !t->n_states)
        return;
    for (uint32_t s = 0; s < t->n_states; s++) {
        bool always = false;

        for (uint32_t i = run[s].first; i < run[s].end; i++)
            always |= !t->rule[i].guard;
        if (!always)
            return;
    }
    beba_report_hint(c->diags,
                     beba_report(c->diags, C_UNREACHABLE_RULE, t->rule[any->first].loc,
                                 "this rule is never reached: every state takes every packet "
                                 "before it"),
                     "rules for any state come after the state's own; leave out the 'else' there");
}

void beba_check_guards(struct lower *c, struct machine *m)
{
    uint32_t n;
    struct rule_run *run = beba_rule_runs(c, m, &n);
    struct workspace *w = beba_arena_alloc(c->scratch, sizeof(*w));

    if (!run || !w) {
        c->no_memory = true;
        return;
    }
    w->c = c;
    w->m = m;
    for (uint32_t i = 0; i < n; i++)
        check_run(w, &run[i]);
    check_any(c, m, run);
}
