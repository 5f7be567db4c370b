/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/check.h"

enum { COMPLEMENTS = 64 };

struct beba_expr *beba_opaque_guard(struct lower *c, struct beba_loc loc)
{
    return beba_expr_new(c, BEBA_N_OPS, beba_type_bool, loc, 0, NULL);
}

struct rule_run *beba_rule_runs(struct lower *c, const struct machine *m, uint32_t *n)
{
    const struct beba_table *t = m->table;
    struct rule_run *run = beba_arena_array(c->scratch, t->n_states + 1, sizeof(*run));
    uint32_t at = 0;

    *n = 0;
    if (!run) {
        c->no_memory = true;
        return NULL;
    }
    for (uint32_t s = 0; s < t->n_states; s++) {
        run[s] = (struct rule_run){at, at, s};
        while (at < t->n_rules && t->rule[at].state_mask && t->rule[at].state == s)
            at++;
        run[s].end = at;
    }
    run[t->n_states] = (struct rule_run){at, t->n_rules, t->n_states};
    *n = t->n_states + 1;
    return run;
}

/* --- verdicts ------------------------------------------------------------------------------ */

static const struct beba_expr *negated(const struct beba_expr *e)
{
    return e->op == BEBA_OP_NOT ? e->arg[0] : NULL;
}

static bool complements(const struct beba_expr *a, const struct beba_expr *b)
{
    return (negated(a) && beba_same_expr(negated(a), b)) ||
           (negated(b) && beba_same_expr(negated(b), a));
}

/* True when one of the rules holds whatever the packet is. */
static bool exhaustive(const struct beba_table *t, const struct rule_run *run)
{
    for (uint32_t i = run->first; i < run->end; i++)
        if (!t->rule[i].guard)
            return true;
    if (run->end - run->first > COMPLEMENTS)
        return false;
    for (uint32_t i = run->first; i < run->end; i++)
        for (uint32_t j = i + 1; j < run->end; j++)
            if (complements(t->rule[i].guard, t->rule[j].guard))
                return true;
    return false;
}

static void check_bodies(struct lower *c, const struct beba_table *t)
{
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct beba_rule *r = &t->rule[i];

        if (beba_decides(&r->body))
            continue;
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_MISSING_VERDICT, r->loc,
                                     r->body.n ? "this rule may end without a verdict"
                                               : "this rule has no verdict"),
                         "end it with pass, drop, ..., or give machine '%s' a 'default -> drop'",
                         t->name);
    }
}

static void check_verdicts(struct lower *c, const struct machine *m, const struct rule_run *run)
{
    const struct beba_table *t = m->table;
    const struct rule_run *any = &run[t->n_states];

    if (m->ast->dflt.kind || !t->n_rules)
        return;
    check_bodies(c, t);
    if (exhaustive(t, any))
        return;
    if (!t->n_states)
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_MISSING_VERDICT, t->loc,
                                     "packets that no rule of machine '%s' takes have no verdict",
                                     t->name),
                         "end its rules with 'else { ... }', or add 'default -> drop'");
    for (uint32_t s = 0; s < t->n_states; s++) {
        if (exhaustive(t, &run[s]))
            continue;
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_MISSING_VERDICT, t->state[s].loc,
                                     "packets that no rule of state '%s' takes have no verdict",
                                     t->state[s].name),
                         "end its rules with 'else { ... }', or give the machine a "
                         "'default -> drop'");
    }
}

/* --- states -------------------------------------------------------------------------------- */

typedef void (*goto_fn)(void *arg, uint32_t state);

static void each_goto(const struct beba_body *body, goto_fn fn, void *arg)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_GOTO)
            fn(arg, s->id);
        each_goto(&s->then, fn, arg);
        each_goto(&s->otherwise, fn, arg);
    }
}

struct reach {
    uint8_t *seen;
    uint32_t *todo, n;
};

static void reach(void *arg, uint32_t state)
{
    struct reach *r = arg;

    if (r->seen[state])
        return;
    r->seen[state] = 1;
    r->todo[r->n++] = state;
}

static void each_goto_of(const struct beba_table *t, const struct rule_run *run, goto_fn fn,
                         void *arg)
{
    for (uint32_t i = run->first; i < run->end; i++)
        each_goto(&t->rule[i].body, fn, arg);
}

static void each_timeout(const struct beba_timeouts *t, goto_fn fn, void *arg)
{
    if (t->idle)
        fn(arg, t->idle_to);
    if (t->hard)
        fn(arg, t->hard_to);
}

static void check_reachable(struct lower *c, const struct machine *m, const struct rule_run *run)
{
    const struct beba_table *t = m->table;
    struct reach r = {.seen = beba_arena_array(c->scratch, t->n_states + 1, 1),
                      .todo = beba_arena_array(c->scratch, t->n_states + 1, sizeof(uint32_t))};

    if (!r.seen || !r.todo) {
        c->no_memory = true;
        return;
    }
    reach(&r, 0);
    each_goto_of(t, &run[t->n_states], reach, &r);
    while (r.n) {
        uint32_t s = r.todo[--r.n];

        each_goto_of(t, &run[s], reach, &r);
        each_timeout(&t->timeouts[s], reach, &r);
    }
    for (uint32_t s = 0; s < t->n_states; s++)
        if (!r.seen[s])
            beba_report_hint(c->diags,
                             beba_report(c->diags, C_UNREACHABLE_STATE, t->state[s].loc,
                                         "state '%s' is never entered", t->state[s].name),
                             "no goto and no timeout leads from '%s' to it", t->state[0].name);
}

struct leaves {
    uint32_t from;
    bool out;
};

static void leave(void *arg, uint32_t state)
{
    struct leaves *l = arg;

    l->out |= state != l->from;
}

/* The states that rules for any state lead to, as far as it matters: none, one, or several. */
struct targets {
    uint32_t first;
    bool some, several;
};

static void add_target(void *arg, uint32_t state)
{
    struct targets *t = arg;

    t->several |= t->some && t->first != state;
    if (!t->some)
        t->first = state;
    t->some = true;
}

static void check_exits(struct lower *c, const struct machine *m, const struct rule_run *run)
{
    const struct beba_table *t = m->table;
    struct targets any = {0};

    each_goto_of(t, &run[t->n_states], add_target, &any);
    for (uint32_t s = 1; s < t->n_states; s++) {
        struct leaves l = {.from = s, .out = any.several || (any.some && any.first != s)};

        each_goto_of(t, &run[s], leave, &l);
        each_timeout(&t->timeouts[s], leave, &l);
        if (!l.out)
            beba_report_hint(
                c->diags,
                beba_report(c->diags, C_NO_EXIT, t->state[s].loc,
                            "state '%s' is never left: its flows stay for ever", t->state[s].name),
                "add a timeout: state %s idle 5m -> %s", t->state[s].name, t->state[0].name);
    }
}

/* --- use of names -------------------------------------------------------------------------- */

static void unused(struct lower *c, const struct sym *s, const char *hint)
{
    struct beba_diag *d = beba_report(c->diags, C_UNUSED, s->loc, "'%s' is %s that nothing uses",
                                      s->name, beba_sym_kind_name((enum sym_kind)s->kind));

    if (hint)
        beba_report_hint(c->diags, d, "%s", hint);
}

static void check_reg(struct lower *c, const struct sym *s)
{
    if (s->read == s->written) {
        if (!s->read)
            unused(c, s, NULL);
    } else if (s->read) {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_REG_NEVER_WRITTEN, s->loc,
                                     "register '%s' is never assigned: it keeps its initial value",
                                     s->name),
                         "a value that never changes is a 'const'");
    } else {
        beba_report_hint(c->diags,
                         beba_report(c->diags, C_REG_NEVER_READ, s->loc,
                                     "register '%s' is assigned, but never read", s->name),
                         "read it in a rule, or in a test: expect flow { %s = ... }", s->name);
    }
}

static void check_unused(struct lower *c, const struct scope *scope)
{
    for (const struct sym *s = scope->first; s; s = s->next) {
        if (s->included || s->kind == SYM_STATE)
            continue;
        if (s->kind == SYM_REG)
            check_reg(c, s);
        else if (!s->read && !s->written)
            unused(c, s,
                   s->kind == SYM_LET ? "lets count for the rules and statements after them"
                                      : NULL);
    }
}

void beba_check_machines(struct lower *c)
{
    uint32_t known = 0;

    for (uint32_t i = 0; i < c->n_machines && !c->no_memory; i++) {
        struct machine *m = &c->machine[i];
        uint32_t n;
        struct rule_run *run = beba_rule_runs(c, m, &n);

        if (run)
            check_verdicts(c, m, run);
    }
    if (c->diags->errors)
        return; /* what follows may come from them */
    check_unused(c, &c->scope);
    for (uint32_t i = 0; i < c->n_machines && !c->no_memory; i++) {
        struct machine *m = &c->machine[i];
        uint32_t n;
        struct rule_run *run = beba_rule_runs(c, m, &n);

        if (!run)
            return;
        check_unused(c, &m->scope);
        if (m->table->n_states) {
            check_reachable(c, m, run);
            check_exits(c, m, run);
        }
        beba_check_guards(c, m);
        known = beba_check_presence(c, m, known);
    }
}
