/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter: expressions, statements, rules, tables (docs/machine.md). Compiled twice, by
 * exec.c as it is and by exec_traced.c with TRACED 1, which tells a struct tracer what happens: one
 * source, so that what is explained is what runs. */
#include "engine/eval_body.h"

/* A function of its own, so that what is done seldom takes no registers from what is done always.
 */
#define APART __attribute__((noinline))

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

static void cell_store(const struct array *a, uint64_t i, uint64_t v)
{
    switch (a->size) {
    case 1:
        ((uint8_t *)a->cell)[i] = (uint8_t)v;
        break;
    case 2:
        ((uint16_t *)a->cell)[i] = (uint16_t)v;
        break;
    case 4:
        ((uint32_t *)a->cell)[i] = (uint32_t)v;
        break;
    default:
        ((uint64_t *)a->cell)[i] = v;
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

static void assign_global(struct exec *x, const struct code_stmt *s)
{
    struct beba_u128 *g = &x->e->global[s->id];

    if (s->width > 64) {
        *g = eval_wide(x, s->value);
        return;
    }
    uint64_t v = eval(x, s->value);
    g->lo = combine(s->assign, g->lo, v) & beba_mask64(s->width);
}

static void assign_cell(struct exec *x, const struct code_stmt *s)
{
    const struct array *a = &x->e->array[s->id];
    uint64_t i = cell_index(x, a, s->index[0], s->index[1]), v = eval(x, s->value);

    if (s->assign != BEBA_SET)
        v = combine(s->assign, cell_load(a, i), v);
    cell_store(a, i, v & beba_mask64(s->width));
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
    c->packets++;
    c->bytes += p->wire_len;
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
            x->e->stats.edit_failed++;
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

/* Entries ------------------------------------------------------------------------------------ */

/* False when surely no timeout of the entry is due. */
BEBA_INLINE bool may_be_due(const struct beba_ft *ft, const struct beba_ft_entry *entry,
                            uint64_t now)
{
    const struct beba_timeouts *t = beba_ft_states(ft) + entry->state;

    if (entry->state >= ft->n_states)
        return false;
    return (t->idle && now - entry->used >= t->idle) ||
           (t->hard && now - entry->entered >= t->hard);
}

/* Applies due timeouts to an entry in place; NULL when that brought it back to the start. */
APART static struct beba_ft_entry *expire(struct exec *x, struct beba_ft_entry *entry, bool lookup)
{
    struct beba_ft *ft = x->t->ft;
    uint64_t now = x->p->now;
    struct beba_seen seen = {.state = entry->state, .entered = entry->entered, .used = entry->used};

    beba_timeouts_apply(beba_ft_states(ft), ft->n_states, &seen, now);
    if (__builtin_expect(!seen.expired, 1)) {
        if (lookup)
            entry->used = now;
        return entry;
    }
    ft->counters.expiries++;
    TRACE(beba_tracer_expired(x->tracer, x, entry, &seen));
    if (x->e->opts.all_events) {
        struct beba_event *event =
            beba_event_new(x->e, BEBA_EVENT_EXPIRED, seen.deadline, x->t->code->id);

        if (event) {
            event->from = entry->state;
            event->to = seen.state;
            beba_event_key(x->e, event, beba_ft_key(ft, entry));
        }
    }
    if (beba_ft_is_over(ft, &seen)) {
        beba_ft_remove(ft, entry);
        return NULL;
    }
    beba_ft_store(ft, entry, seen.state, seen.entered, lookup ? now : seen.used, NULL);
    return entry;
}

BEBA_INLINE struct beba_ft_entry *observe(struct exec *x, struct beba_ft_entry *entry, bool lookup)
{
    if (!entry)
        return NULL;
    if (__builtin_expect(may_be_due(x->t->ft, entry, x->p->now), 0))
        return expire(x, entry, lookup);
    if (lookup)
        entry->used = x->p->now;
    return entry;
}

/* The registers and the state of an entry; of the start when there is none. */
BEBA_INLINE const uint8_t *read_entry(const struct table *t, struct beba_ft_entry *entry,
                                      uint32_t *state)
{
    *state = entry ? entry->state : 0;
    return entry ? beba_ft_regs(t->ft, entry) : t->code->regs_init;
}

/* Reads U where it is another entry than L. */
APART static struct beba_ft_entry *look_up_update(struct exec *x)
{
    const struct flow_key *key = &x->keys->update;
    struct beba_ft_entry *entry = beba_ft_peek(x->t->ft, key->word, key->hash);

    TRACE(beba_tracer_found(x->tracer, x, key, entry, true));
    entry = observe(x, entry, false);
    x->old_regs = read_entry(x->t, entry, &x->state);
    return entry;
}

/* Reads L and U. Returns the entry of the update key, NULL when there is none. */
BEBA_INLINE struct beba_ft_entry *look_up(struct exec *x)
{
    const struct flow_key *key = &x->keys->lookup;
    struct beba_ft *ft = x->t->ft;
    struct beba_ft_entry *entry = beba_ft_find(ft, key->word, key->hash);

    TRACE(beba_tracer_found(x->tracer, x, key, entry, false));
    entry = observe(x, entry, true);
    x->forward = !entry || (entry->birth & 1) == key->backward;
    x->read_regs = x->old_regs = read_entry(x->t, entry, &x->read_state);
    x->state = x->read_state;
    return x->t->code->two_keys ? look_up_update(x) : entry;
}

APART static struct beba_ft_entry *create(struct exec *x, const struct flow_key *key)
{
    struct beba_ft *ft = x->t->ft;
    struct beba_ft_entry *entry;
    bool evicted;

    entry = beba_ft_insert(ft, key->word, key->hash, x->p->now, &x->e->evicted.entry, &evicted);
    if (entry && key->backward)
        entry->birth |= 1;
    if (evicted && x->e->opts.all_events) {
        struct beba_event *event =
            beba_event_new(x->e, BEBA_EVENT_EVICTED, x->p->now, x->t->code->id);

        if (event) {
            event->from = x->e->evicted.entry.state;
            beba_event_key(x->e, event, x->e->evicted.entry.body);
        }
    }
    return entry;
}

/* Writes U back after a rule that changed it. */
APART static void write_back(struct exec *x, struct beba_ft_entry *entry)
{
    struct beba_ft *ft = x->t->ft;
    const struct flow_key *key = x->t->code->two_keys ? &x->keys->update : &x->keys->lookup;
    const void *regs = x->dirty ? (const void *)x->regs : x->old_regs;
    uint64_t now = x->p->now;

    if (beba_ft_is_initial(ft, x->state, regs)) {
        if (entry)
            beba_ft_remove(ft, entry);
        return;
    }
    if (!entry)
        entry = create(x, key);
    if (entry)
        beba_ft_store(ft, entry, x->state, x->went ? now : entry->entered,
                      x->went ? now : entry->used, x->dirty ? x->regs : NULL);
}

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

/* Of a table with a key: whether there can be an entry of it. */
APART static bool has_room(struct exec *x)
{
    struct beba_ft *ft = x->t->ft;
    const struct flow_key *key = x->t->code->two_keys ? &x->keys->update : &x->keys->lookup;

    return ft->full != BEBA_FT_REFUSE || beba_ft_room(ft, key->hash, x->p->now);
}

/* Tables ------------------------------------------------------------------------------------- */

static enum beba_reason run_rules(struct exec *x, struct beba_ft_entry *entry)
{
    const struct code_table *t = x->t->code;
    const struct code_rule *r = find_rule(x);
    uint32_t from = x->state;

    if (r && r->creates && !entry && x->t->ft && !has_room(x)) {
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
        if (x->went && t->source->state[x->state].notify)
            entered_event(x, from);
        if (x->t->ft && (x->went || x->dirty))
            write_back(x, entry);
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
    x->e->counts[t->code->id].no_key++;
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
    }
    x->rules = &code->rules[sure ? RULES_BACKWARD + x->forward : RULES_ANY];
    for (uint32_t i = 0; i < code->n_lets; i += LETS_SET)
        memcpy(&x->e->pending[i], &x->rules->lets[i], LETS_SET * sizeof(*x->e->pending));
    TRACE(beba_tracer_entries(x->tracer, x));
    reason = run_rules(x, entry);
    TRACE(beba_tracer_left(x->tracer, x, entry, reason));
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

#if TRACED
void beba_exec_packet_traced(struct beba_engine *e, struct beba_packet *p,
                             const struct table_keys *keys, struct beba_result *result,
                             struct tracer *tracer)
#else
void beba_exec_packet(struct beba_engine *e, struct beba_packet *p, const struct table_keys *keys,
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
    x.number = e->stats.packets++;
    x.draws = 0;
    x.absent = false;
    x.verdict = BEBA_VERDICT_NEXT;
    x.rule = NO_RULE;
    x.port = 0;
#if TRACED
    x.tracer = tracer;
#endif
    e->stats.bytes += p->wire_len;
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
    e->stats.verdict[x.verdict]++;
    e->stats.reason[reason]++;
}
