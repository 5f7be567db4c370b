/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter: expressions, statements, rules, tables (docs/machine.md). Compiled four times:
 * with TRACED 1 it tells a struct tracer what happens, one source, so that what is explained is
 * what runs; with SHARED 1 other handles use the same tables and globals at the same time. */
#if SHARED
struct exec;
struct beba_ft_entry;
static void evicted_event(struct exec *x, const struct beba_ft_entry *entry);
#define BEBA_FT_EVICTED(ft, shape, entry, arg) evicted_event(arg, entry)
#include "state/ft_shared.h"
#endif
#include "engine/eval_body.h"

/* A function of its own, so that what is done seldom takes no registers from what is done always.
 */
#define APART __attribute__((noinline))

/* Adds to what this handle counts. Others may read it while several share. */
#if SHARED
#define COUNT(n, more) __atomic_store_n(&(n), (n) + (more), __ATOMIC_RELAXED)
#else
#define COUNT(n, more) ((n) += (more))
#endif

/* Statements --------------------------------------------------------------------------------- */

static uint64_t combine(unsigned op, uint64_t old, uint64_t v)
{
    switch (op) {
    case BEBA_ADD:
        return old + v;
    case BEBA_SUB:
        return old - v;
    case BEBA_AND:
        return old & v;
    case BEBA_OR:
        return old | v;
    case BEBA_XOR:
        return old ^ v;
    default:
        return v;
    }
}

static uint64_t load_reg(const uint8_t *at, unsigned size)
{
    switch (size) {
    case 1:
        return *at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    default:
        return *(const uint64_t *)(const void *)at;
    }
}

static void store_reg(uint8_t *at, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        *at = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)(void *)at = (uint16_t)v;
        break;
    case 4:
        *(uint32_t *)(void *)at = (uint32_t)v;
        break;
    default:
        *(uint64_t *)(void *)at = v;
    }
}

/* Makes regs a copy of U, for the first assignment. */
BEBA_INLINE void own_regs(struct exec *x)
{
    const struct code_table *t = x->t->code;

    if (x->dirty)
        return;
    x->dirty = true;
    beba_ft_copy(x->regs, x->old_regs, t->source->regs_size);
    if (!t->two_keys)
        x->read_regs = (const uint8_t *)x->regs;
}

static void assign_reg(struct exec *x, const struct code_stmt *s)
{
    uint8_t *at = (uint8_t *)x->regs + s->offset;
    struct beba_u128 wide;
    uint64_t v;

    own_regs(x);
    if (s->size == 16) {
        wide = eval_wide(x, s->value);
        memcpy(at, &wide, sizeof(wide));
        return;
    }
    v = eval(x, s->value);
    if (s->assign != BEBA_SET)
        v = combine(s->assign, load_reg(x->read_regs + s->offset, s->size), v);
    store_reg(at, s->size, v & beba_mask64(s->width));
}

/* A shared value becomes itself combined with v, in one step for everybody. */
#if SHARED
#define CHANGE(type, at, v, s)                                                           \
    do {                                                                                 \
        type *place = (type *)(at), old = __atomic_load_n(place, __ATOMIC_RELAXED), new; \
                                                                                         \
        do                                                                               \
            new = (type)(combine((s)->assign, old, v) & beba_mask64((s)->width));        \
        while (!__atomic_compare_exchange_n(place, &old, new, true, __ATOMIC_RELAXED,    \
                                            __ATOMIC_RELAXED));                          \
    } while (0)
#else
#define CHANGE(type, at, v, s)                                                      \
    do {                                                                            \
        type *place = (type *)(at);                                                 \
                                                                                    \
        *place = (type)(combine((s)->assign, *place, v) & beba_mask64((s)->width)); \
    } while (0)
#endif

static void assign_global(struct exec *x, const struct code_stmt *s)
{
    uint64_t v;

    if (s->width > 64) {
        global_store(x->e, s->id, eval_wide(x, s->value));
        return;
    }
    v = eval(x, s->value);
    CHANGE(uint64_t, &x->e->global[s->id].lo, v, s);
}

static void assign_cell(struct exec *x, const struct code_stmt *s)
{
    const struct array *a = &x->e->array[s->id];
    uint64_t i = cell_index(x, a, s->index[0], s->index[1]), v = eval(x, s->value);

    switch (a->size) {
    case 1:
        CHANGE(uint8_t, (uint8_t *)a->cell + i, v, s);
        break;
    case 2:
        CHANGE(uint16_t, (uint16_t *)a->cell + i, v, s);
        break;
    case 4:
        CHANGE(uint32_t, (uint32_t *)a->cell + i, v, s);
        break;
    default:
        CHANGE(uint64_t, (uint64_t *)a->cell + i, v, s);
    }
}

static void assign_field(struct exec *x, const struct code_stmt *s)
{
    enum beba_field_id id = (enum beba_field_id)s->id;
    struct beba_u128 v = eval_wide(x, s->value);
    uint64_t old;

    if (s->assign != BEBA_SET) {
        if (!beba_field_get(x->p, id, &old))
            return;
        v.lo = combine(s->assign, old, v.lo);
    }
    beba_field_write(x->p, id, v);
}

static void assign(struct exec *x, const struct code_stmt *s)
{
    switch ((enum beba_lvalue)s->lvalue) {
    case BEBA_LV_REG:
        assign_reg(x, s);
        break;
    case BEBA_LV_GLOBAL:
        assign_global(x, s);
        break;
    case BEBA_LV_ARRAY:
        assign_cell(x, s);
        break;
    case BEBA_LV_FIELD:
        assign_field(x, s);
        break;
    }
}

APART static void run_lets(struct exec *x, const struct code_body *lets)
{
    const struct code_stmt **pending = x->e->pending, *s = lets->stmt;

    for (uint32_t n = lets->n; n; n--, s++) {
        pending[s->id] = s;
        if (!s->lazy)
            force_let(x, s->id);
    }
}

APART static void notify(struct exec *x, const struct code_stmt *s)
{
    struct beba_u128 arg[BEBA_MAX_NOTIFY_ARGS];
    struct beba_event *event;

    for (unsigned i = 0; i < s->n_args; i++)
        arg[i] = eval_wide(x, s->args[i]);
    TRACE(beba_tracer_notice(x->tracer, s->id));
    event = beba_event_new(x->e, BEBA_EVENT_NOTIFY, x->p->now, x->t->code->id);
    if (!event)
        return;
    event->rule = x->rule;
    event->notice = s->id;
    event->n_args = s->n_args;
    memcpy(event->arg, arg, s->n_args * sizeof(*arg));
    if (x->t->ft)
        beba_event_key(x->e, event, x->keys->lookup.word);
}

static void count(struct beba_rule_counters *c, const struct beba_packet *p)
{
    COUNT(c->packets, 1);
    COUNT(c->bytes, p->wire_len);
}

APART static int edit(struct exec *x, const struct code_stmt *s)
{
    struct beba_packet *p = x->p;
    uint64_t v = s->value ? eval(x, s->value) : 0;
    uint64_t ttl = 64;

    switch (s->kind) {
    case BEBA_STMT_PUSH_VLAN:
        return beba_packet_push_vlan(p, (uint16_t)s->id, (uint16_t)v);
    case BEBA_STMT_POP_VLAN:
        return beba_packet_pop_vlan(p);
    case BEBA_STMT_PUSH_MPLS:
        if (!beba_field_read(p, BEBA_F_MPLS_TTL, &ttl) && !beba_field_read(p, BEBA_F_IP_TTL, &ttl))
            ttl = 64;
        return beba_packet_push_mpls(p, (uint16_t)s->id, (uint32_t)v & 0xfffff, (uint8_t)ttl);
    default:
        return beba_packet_pop_mpls(p, (uint16_t)s->id);
    }
}

APART static void set_port(struct exec *x, const struct code_verdict *v)
{
    x->port = v->port ? (uint32_t)eval(x, v->port) : x->p->in_port;
}

BEBA_INLINE void set_verdict(struct exec *x, const struct code_verdict *v)
{
    x->verdict = v->kind;
    if (v->has_port)
        set_port(x, v);
}

/* The statements that are not in run_body. */
APART static void run_stmt(struct exec *x, const struct code_stmt *s)
{
    switch ((enum beba_stmt_kind)s->kind) {
    case BEBA_STMT_LET:
        let(x, s);
        break;
    case BEBA_STMT_MIRROR:
        beba_mirror_add(x->e, x->p, (uint32_t)eval(x, s->value));
        break;
    case BEBA_STMT_NOTIFY:
        notify(x, s);
        break;
    case BEBA_STMT_COUNT:
        count(&x->e->counter[s->id], x->p);
        break;
    case BEBA_STMT_PUSH_VLAN:
    case BEBA_STMT_POP_VLAN:
    case BEBA_STMT_PUSH_MPLS:
    case BEBA_STMT_POP_MPLS:
        if (edit(x, s))
            COUNT(x->e->stats.edit_failed, 1);
        break;
    case BEBA_STMT_SWAP:
        beba_packet_swap(x->p, (enum beba_layer)s->id);
        break;
    case BEBA_STMT_QUEUE:
        x->p->queue = (uint32_t)eval(x, s->value);
        break;
    case BEBA_STMT_GOTO:
        x->state = s->id;
        x->went = true;
        break;
    case BEBA_STMT_ASSIGN:
    case BEBA_STMT_IF:
    case BEBA_STMT_VERDICT:
    case BEBA_N_STMTS:
        break;
    }
}

/* Up to a verdict, or the end. */
static void run_body(struct exec *x, const struct code_stmt *s)
{
    for (;;) {
        bool truth;

        if (s->kind == BEBA_STMT_IF) {
            truth = eval(x, s->value) != 0;
            TRACE(beba_tracer_if(x->tracer, x, s, truth, s->depth));
            s = truth ? s + 1 : s->other;
            continue;
        }
        if (s->kind == BEBA_STMT_VERDICT) {
            set_verdict(x, &s->verdict);
            TRACE(beba_tracer_stmt(x->tracer, x, s, s->depth));
            return;
        }
        switch (s->kind) {
        case STMT_SKIP:
            s = s->other;
            continue;
        case STMT_END:
            return;
        case BEBA_STMT_ASSIGN:
            assign(x, s);
            break;
        default:
            run_stmt(x, s);
        }
        TRACE(beba_tracer_stmt(x->tracer, x, s, s->depth));
        s++;
    }
}

#include "engine/entry_body.h"

APART static void entered_event(struct exec *x, uint32_t from)
{
    struct beba_event *event = beba_event_new(x->e, BEBA_EVENT_ENTERED, x->p->now, x->t->code->id);
    const struct table_keys *keys = x->keys;

    if (!event)
        return;
    event->rule = x->rule;
    event->from = from;
    event->to = x->state;
    if (x->t->ft)
        beba_event_key(x->e, event, x->t->code->two_keys ? keys->update.word : keys->lookup.word);
}

/* Rules -------------------------------------------------------------------------------------- */

APART static bool matches(struct exec *x, const struct code_rule *r)
{
    for (uint32_t i = 0; i < r->n_matches; i++) {
        const struct code_match *m = &r->match[i];
        struct beba_u128 v;

        x->absent = false;
        v = eval_wide_op(x, m->field);
        if (x->absent || (v.lo & m->mask.lo) != m->value.lo || (v.hi & m->mask.hi) != m->value.hi) {
            TRACE(beba_tracer_match(x->tracer, x, r, i, v, x->absent));
            return false;
        }
    }
    return true;
}

BEBA_INLINE bool holds(struct exec *x, const struct code_rule *r)
{
    bool truth;

    TRACE(beba_tracer_rule(x->tracer, x, r));
    if (!r->plain) {
        if (r->lets.n)
            run_lets(x, &r->lets);
        if (r->n_matches && !matches(x, r))
            return false;
    }
    truth = !r->guard || eval(x, r->guard);
    TRACE(beba_tracer_guard(x->tracer, x, r, truth));
    return truth;
}

/* find_rule, where there are no lists. */
APART static const struct code_rule *find_in_all(struct exec *x)
{
    for (uint32_t i = 0; i < x->t->code->n_rules; i++) {
        const struct code_rule *r = &x->rules->rule[i];

        if ((x->read_state & r->state_mask) == r->state && holds(x, r))
            return r;
    }
    return NULL;
}

/* The first rule that holds, or NULL. */
static const struct code_rule *find_rule(struct exec *x)
{
    const struct code_rules *rules = x->rules;
    uint32_t state = x->read_state;

    if (__builtin_expect(rules->first && state < x->t->code->n_states, 1)) {
        const struct code_rule **r = rules->first[state];

        for (; *r; r++)
            if (holds(x, *r))
                break;
        return *r;
    }
    return find_in_all(x);
}

/* Tables ------------------------------------------------------------------------------------- */

static enum beba_reason run_rules(struct exec *x, struct beba_ft_entry *entry)
{
    const struct code_table *t = x->t->code;
    const struct code_rule *r = find_rule(x);
    uint32_t from = x->state;

    if (busy(x))
        return give_up(x);
    if (r && r->creates && !entry && x->t->ft && !has_room(x)) {
        if (busy(x))
            return give_up(x);
        TRACE(beba_tracer_refused(x->tracer, x, r));
        set_verdict(x, &t->full);
        return BEBA_REASON_FULL;
    }
    if (r) {
        for (uint32_t i = 0; i < r->n_body_lets; i++)
            read_let(x, r->body_lets[i]);
        x->rule = r->id;
        count(&x->e->rule[r->id], x->p);
        run_body(x, r->body.stmt);
        if (busy(x))
            return give_up(x);
        if (x->went && t->source->state[x->state].notify)
            entered_event(x, from);
        if (x->t->ft && (x->went || x->dirty))
            write_back(x, entry);
        if (busy(x))
            return give_up(x);
    }
    if (x->verdict != BEBA_VERDICT_NONE)
        return BEBA_REASON_RULE;
    set_verdict(x, &t->dflt);
    if (x->verdict == BEBA_VERDICT_NONE)
        x->verdict = BEBA_VERDICT_DROP;
    return BEBA_REASON_DEFAULT;
}

APART static enum beba_reason lack_key(struct exec *x, const struct table *t)
{
    COUNT(x->e->counts[t->code->id].no_key, 1);
    set_verdict(x, &t->code->no_key);
    if (x->verdict == BEBA_VERDICT_NONE)
        x->verdict = BEBA_VERDICT_DROP;
    TRACE(beba_tracer_no_key(x->tracer, x));
    return BEBA_REASON_NO_KEY;
}

BEBA_INLINE enum beba_reason run_table(struct exec *x, const struct table *t,
                                       const struct table_keys *keys)
{
    const struct code_table *code = t->code;
    bool sure = !TRACED && !(code->sure_layers & ~x->p->h.layers);
    struct beba_ft_entry *entry = NULL;
    enum beba_reason reason;

    x->t = t;
    x->keys = keys;
    x->rule = NO_RULE;
    x->port = 0;
    x->read_state = x->state = 0;
    x->forward = true;
    x->went = x->dirty = false;
    x->verdict = BEBA_VERDICT_NONE;
    x->read_regs = x->old_regs = t->code->regs_init;
    TRACE(beba_tracer_table(x->tracer, x));
    if (t->ft) {
        if (__builtin_expect(!keys->has, 0))
            return lack_key(x, t);
        entry = look_up(x);
        if (busy(x))
            return give_up(x);
    }
    x->rules = &code->rules[sure ? RULES_BACKWARD + x->forward : RULES_ANY];
    for (uint32_t i = 0; i < code->n_lets; i += LETS_SET)
        memcpy(&x->e->pending[i], &x->rules->lets[i], LETS_SET * sizeof(*x->e->pending));
    TRACE(beba_tracer_entries(x->tracer, x));
    reason = run_rules(x, entry);
    TRACE(beba_tracer_left(x->tracer, x, entry, reason));
    if (t->ft)
        let_go(x);
    return reason;
}

static void find_headers(struct exec *x)
{
    const struct beba_engine *e = x->e;

#pragma GCC unroll 1
    for (uint32_t i = 0; i < e->n_headers; i++)
        x->header[e->header[i]] = x->p->data + x->p->h.offset[e->header[i]];
}

/* Of an odd table: its keys were not taken early, or it may move headers. */
APART static const struct table_keys *odd_keys(const struct exec *x, const struct table *t,
                                               const struct table_keys *early,
                                               struct table_keys *late)
{
    if (!t->ft || t->code->early)
        return early;
    table_keys_take(t, x->p, late);
    return late;
}

#if TRACED && SHARED
#define EXEC beba_exec_packet_traced_shared
#elif TRACED
#define EXEC beba_exec_packet_traced
#elif SHARED
#define EXEC beba_exec_packet_shared
#else
#define EXEC beba_exec_packet
#endif

#if TRACED
void EXEC(struct beba_engine *e, struct beba_packet *p, const struct table_keys *keys,
          struct beba_result *result, struct tracer *tracer)
#else
void EXEC(struct beba_engine *e, struct beba_packet *p, const struct table_keys *keys,
          struct beba_result *result)
#endif
{
    struct exec x;
    struct table_keys late;
    enum beba_reason reason = BEBA_REASON_END;
    uint32_t i = 0, n_tables = e->p->n_tables;
    const struct table *t = e->table;

    x.e = e;
    x.p = p;
    x.number = e->stats.packets;
#if SHARED
    struct holding holding;

    holding.taken = false;
    x.holding = &holding;
    x.busy = false;
    x.number += e->first_number;
#endif
    COUNT(e->stats.packets, 1);
    x.draws = 0;
    x.absent = false;
    x.verdict = BEBA_VERDICT_NEXT;
    x.rule = NO_RULE;
    x.port = 0;
#if TRACED
    x.tracer = tracer;
#endif
    COUNT(e->stats.bytes, p->wire_len);
    result->first_mirror = e->mirrors.n;
    find_headers(&x);
    for (; i < n_tables && x.verdict == BEBA_VERDICT_NEXT; i++, t++) {
        const struct table_keys *own = &keys[t->keys];

        if (__builtin_expect(t->odd, 0))
            own = odd_keys(&x, t, own, &late);
        reason = run_table(&x, t, own);
        if (__builtin_expect(t->odd, 0))
            find_headers(&x);
    }
    if (x.verdict == BEBA_VERDICT_NEXT) {
        x.verdict = BEBA_VERDICT_PASS;
        reason = BEBA_REASON_END;
    }
    result->verdict = x.verdict;
    result->reason = (uint8_t)reason;
    result->port = x.port;
    result->table = i ? i - 1 : 0;
    result->rule = x.rule;
    result->n_mirrors = e->mirrors.n - result->first_mirror;
    COUNT(e->stats.verdict[x.verdict], 1);
    COUNT(e->stats.reason[reason], 1);
}
