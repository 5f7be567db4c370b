/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Machines as tables: where they are, what their keys and variables are. */
#include "openflow/export.h"

#include "openflow/codec.h"
#include "openflow/export_walk.h"
#include "openflow/text.h"
#include "pipeline/target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORTS = 64, TABLES = 254 };
static const struct beba_u128 ones32 = {0, UINT32_MAX};

void beba_export_say(struct export *x, struct beba_loc loc, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->failed = true;
    for (uint32_t i = 0; i < x->diags->n; i++) /* of another family or state */
        if (x->diags->diag[i].loc.offset == loc.offset &&
            x->diags->diag[i].loc.source == loc.source && !strcmp(x->diags->diag[i].message, text))
            return;
    beba_diags_add(x->diags, BEBA_ERROR, "target-openflow", loc, "%s", text);
}

/* --- messages -----------------------------------------------------------------------------------
 */

static struct beba_of_msg *add(struct export *x, uint8_t type)
{
    struct beba_export *e = x->out;

    if (e->n == e->cap) {
        uint32_t cap = e->cap ? 2 * e->cap : 64;
        struct beba_of_msg *more = realloc(e->msg, cap * sizeof(*more));

        if (!more) {
            x->failed = x->full = true;
            return NULL;
        }
        e->msg = more;
        e->cap = cap;
    }
    e->msg[e->n] =
        (struct beba_of_msg){.version = OFP_VERSION, .type = type, .xid = e->n + 1, .beba = true};
    return &e->msg[e->n++];
}

static void add_state_mod(struct export *x, struct beba_of_state_mod mod)
{
    struct beba_of_msg *m = add(x, OFPT_EXPERIMENTER);

    if (!m)
        return;
    mod.table = x->at->table;
    m->experimenter = BEBA_EXPERIMENTER;
    m->exp_type = BEBA_MSG_STATE_MOD;
    m->state_mod = mod;
}

static void add_flow_mod(struct export *x, const struct beba_of_flow_mod *mod)
{
    struct beba_of_msg *m = add(x, OFPT_FLOW_MOD);

    if (m)
        m->flow_mod = *mod;
}

/* --- keys
 * ----------------------------------------------------------------------------------------- */

struct family {
    uint16_t eth_type;
    uint8_t ip_proto;
};

static const struct beba_key there = {
    .kind = BEBA_KEY_FIELDS,
    .n_fields = 5,
    .field = {BEBA_F_IP_SRC, BEBA_F_IP_DST, BEBA_F_L4_SRC, BEBA_F_L4_DST, BEBA_F_IP_PROTO}};
static const struct beba_key back = {
    .kind = BEBA_KEY_FIELDS,
    .n_fields = 5,
    .field = {BEBA_F_IP_DST, BEBA_F_IP_SRC, BEBA_F_L4_DST, BEBA_F_L4_SRC, BEBA_F_IP_PROTO}};

static bool has_field(const struct beba_table *t, uint16_t a, uint16_t b)
{
    if (t->lookup.kind == BEBA_KEY_CONNECTION)
        return true;
    for (unsigned i = 0; i < t->lookup.n_fields; i++)
        if (t->lookup.field[i] == a || t->lookup.field[i] == b)
            return true;
    for (unsigned i = 0; t->two_keys && i < t->update.n_fields; i++)
        if (t->update.field[i] == a || t->update.field[i] == b)
            return true;
    return false;
}

static unsigned families(const struct beba_table *t, struct family out[6])
{
    static const uint16_t version[] = {0x0800, 0x86dd};
    static const uint8_t transport[] = {6, 17, 132};
    bool ip = has_field(t, BEBA_F_IP_SRC, BEBA_F_IP_DST);
    bool l4 = has_field(t, BEBA_F_L4_SRC, BEBA_F_L4_DST);
    unsigned n = 0;

    for (unsigned v = 0; v < (ip || l4 ? 2 : 1); v++)
        for (unsigned p = 0; p < (l4 ? 3 : 1); p++)
            out[n++] = (struct family){ip || l4 ? version[v] : 0, l4 ? transport[p] : 0};
    return n;
}

/* The fields of a key in a family; layers: what packets with the key have. */
static bool scope_of(struct export *x, const struct beba_key *key, struct beba_of_scope *out,
                     uint32_t *layers)
{
    struct alt alts[EXPORT_ALTS];

    *out = (struct beba_of_scope){0};
    for (unsigned i = 0; i < key->n_fields; i++) {
        int n = beba_export_alts(x, key->field[i], alts);

        if (n < 1 || alts[0].shift || beba_fields[key->field[i]].type.width == 1 ||
            out->n == BEBA_OF_KEY_FIELDS) {
            beba_export_say(x, x->t->loc, "%s cannot be in a key of OpenFlow",
                            beba_fields[key->field[i]].name);
            return false;
        }
        out->field[out->n] = alts[0].field;
        out->header[out->n++] = beba_of_field_header((enum beba_of_field)alts[0].field, false);
        *layers |= beba_layer_implies(
            (enum beba_layer)beba_fields[beba_of_fields[alts[0].field].packet].layer);
    }
    return true;
}

/* --- a table
 * ---------------------------------------------------------------------------------------- */

static bool check_timeouts(struct export *x)
{
    const struct beba_table *t = x->t;

    x->may_stale = false;
    for (uint32_t s = 0; s < t->n_states; s++) {
        const struct beba_timeouts *o = &t->timeouts[s];
        const uint64_t both[] = {o->hard, o->idle};
        const uint32_t to[] = {o->hard_to, o->idle_to};

        for (unsigned i = 0; i < 2; i++) {
            if (!both[i])
                continue;
            if (!s || both[i] < 2000)
                beba_export_say(x, t->state[s].loc,
                                s ? "the timeout of '%s' is shorter than 2 us, OpenFlow's shortest"
                                  : "'%s', where flows begin, has a timeout: OpenFlow keeps no "
                                    "time of flows that it does not know",
                                t->state[s].name);
            if (t->timeouts[to[i]].hard || t->timeouts[to[i]].idle)
                beba_export_say(x, t->state[s].loc,
                                "'%s' falls back to '%s', which has a timeout itself: OpenFlow "
                                "does not go on from there",
                                t->state[s].name, t->state[to[i]].name);
            x->may_stale |= !to[i] && t->n_regs;
        }
        if (t->lookup.kind == BEBA_KEY_CONNECTION && o->hard && o->idle)
            beba_export_say(x, t->state[s].loc,
                            "'%s' has a hard and an idle timeout: OpenFlow keeps an entry for each "
                            "direction, and what restarts the other's idle one restarts both",
                            t->state[s].name);
        if (o->hard && o->idle && o->hard_to != o->idle_to)
            beba_export_say(x, t->state[s].loc,
                            "the timeouts of '%s' lead to two states: OpenFlow does not ask which "
                            "one was first",
                            t->state[s].name);
    }
    return !x->failed;
}

static void add_variables(struct export *x)
{
    const struct vars *v = &x->vars;

    for (unsigned i = 0; i < v->n_header_fields; i++)
        add_state_mod(x, (struct beba_of_state_mod){
                             .command = BEBA_SET_HEADER_FIELD_EXTRACTOR,
                             .header_field = {(uint8_t)i, v->header_field[i],
                                              beba_of_field_header(
                                                  (enum beba_of_field)v->header_field[i], false)}});
    for (unsigned i = 0; i < v->n_constants; i++)
        add_state_mod(
            x, (struct beba_of_state_mod){.command = BEBA_SET_GLOBAL_DATA_VAR,
                                          .global_var = {(uint8_t)i, v->constant[i], UINT32_MAX}});
    for (unsigned i = 0; i < v->n_conditions; i++)
        add_state_mod(x, (struct beba_of_state_mod){
                             .command = BEBA_SET_CONDITION,
                             .condition = {(uint8_t)i,
                                           v->condition[i].op,
                                           {v->condition[i].a.type, v->condition[i].b.type},
                                           {v->condition[i].a.id, v->condition[i].b.id}}});
}

static void add_scopes(struct export *x, const struct beba_of_scope *lookup,
                       const struct beba_of_scope *update, const struct beba_of_scope *other)
{
    add_state_mod(
        x, (struct beba_of_state_mod){.command = BEBA_STATEFUL_TABLE_CONFIG, .stateful = true});
    add_state_mod(x, (struct beba_of_state_mod){.command = BEBA_SET_L_EXTRACTOR,
                                                .extractor = {.scope = *lookup}});
    add_state_mod(x, (struct beba_of_state_mod){.command = BEBA_SET_U_EXTRACTOR,
                                                .extractor = {.scope = *update}});
    if (x->both)
        add_state_mod(x, (struct beba_of_state_mod){.command = BEBA_SET_U_EXTRACTOR,
                                                    .extractor = {.bit = 1, .scope = *other}});
}

/* Descending priorities, anew for each state: entries of two states never meet. */
static void add_entries(struct export *x, uint32_t from)
{
    for (uint32_t i = from; i < x->n_entries; i++)
        x->entry[i].priority = (uint16_t)(x->n_entries - i);
}

uint32_t beba_export_number(const struct export *x, uint32_t state, bool reverse)
{
    return reverse && state ? state + x->t->n_states : state;
}

static void walk_state(struct export *x, const struct cube *base, uint32_t number)
{
    struct cube c = *base;

    x->first_of_state = x->n_entries;
    if (x->t->lookup.kind != BEBA_KEY_NONE)
        beba_cube_add(&c, BEBA_OF_STATE, beba_u128(0, number), ones32);
    beba_export_rules(x, &c);
    add_entries(x, x->first_of_state);
}

static void walk_states(struct export *x, const struct cube *base)
{
    uint32_t n = x->t->n_states + (x->t->n_regs != 0), had = x->known;

    x->state = EXPORT_NO_STATE;
    x->fresh = x->reverse = false;
    if (x->t->lookup.kind == BEBA_KEY_NONE) {
        x->known = beba_layer_implies(BEBA_LAYER_META);
        walk_state(x, base, 0);
        x->known = had;
        return;
    }
    for (uint32_t s = 0; s < n && !x->full; s++) {
        x->state = s;
        x->fresh = !s;
        for (int back_too = 0; back_too <= (x->both && s) && !x->full; back_too++) {
            x->reverse = back_too;
            walk_state(x, base, beba_export_number(x, s, back_too));
        }
    }
    x->state = EXPORT_NO_STATE;
    x->fresh = x->reverse = false;
    if (!x->full)
        walk_state(x, base, BEBA_NULL_STATE);
}

static void export_family(struct export *x, const struct family *f, uint8_t table)
{
    static const struct beba_key by_port = {
        .kind = BEBA_KEY_FIELDS, .n_fields = 1, .field = {BEBA_F_IN_PORT}};
    const struct beba_key *key = x->t->lookup.kind == BEBA_KEY_NONE ? &by_port
                                 : x->both                          ? &there
                                                                    : &x->t->lookup;
    struct beba_export_table *at = &x->out->table[x->out->n_tables++];
    struct beba_of_scope lookup, update, other;
    struct cube base = {0};
    bool stateful;

    *at = (struct beba_export_table){table, x->machine, false, f->eth_type, f->ip_proto};
    x->at = at;
    x->vars = (struct vars){.n_constants = x->p->n_globals};
    for (uint32_t i = 0; i < x->p->n_globals; i++)
        x->vars.constant[i] = (uint32_t)x->p->global[i].init.lo;
    x->known = beba_layer_implies(BEBA_LAYER_META);
    x->n_entries = x->steps = 0;
    if (!scope_of(x, key, &lookup, &x->known) ||
        !scope_of(x, x->t->two_keys ? &x->t->update : key, &update, &x->known) ||
        !scope_of(x, x->both ? &back : key, &other, &x->known))
        return;
    if (f->eth_type)
        beba_cube_add(&base, OFPXMT_OFB_ETH_TYPE, beba_u128(0, f->eth_type), beba_u128(0, 0xffff));
    if (f->ip_proto)
        beba_cube_add(&base, OFPXMT_OFB_IP_PROTO, beba_u128(0, f->ip_proto), beba_u128(0, 0xff));
    walk_states(x, &base);
    stateful = x->t->lookup.kind != BEBA_KEY_NONE || x->vars.n_conditions || x->globals;
    at->stateful = stateful;
    if (stateful) {
        add_scopes(x, &lookup, &update, &other);
        add_variables(x);
    }
    for (uint32_t i = 0; i < x->n_entries; i++)
        add_flow_mod(x, &x->entry[i]);
}

/* In front of the families: which one a packet is of, and what becomes of it when of none. */
static void export_dispatch(struct export *x, const struct family *f, unsigned n, uint8_t table)
{
    struct beba_export_table at = {table, x->machine, false, 0, 0};
    struct path path = {.state = EXPORT_NO_STATE};
    struct cube none = {0};

    x->at = &at;
    x->n_entries = x->first_of_state = 0;
    x->known = beba_layer_implies(BEBA_LAYER_META);
    x->state = EXPORT_NO_STATE;
    for (unsigned i = 0; i < n; i++) {
        struct cube *c = &x->cube[x->n_entries];
        struct beba_of_flow_mod *mod = &x->entry[x->n_entries++];

        *c = (struct cube){0};
        beba_cube_add(c, OFPXMT_OFB_ETH_TYPE, beba_u128(0, f[i].eth_type), beba_u128(0, 0xffff));
        if (f[i].ip_proto)
            beba_cube_add(c, OFPXMT_OFB_IP_PROTO, beba_u128(0, f[i].ip_proto), beba_u128(0, 0xff));
        *mod = (struct beba_of_flow_mod){
            .table = table,
            .command = OFPFC_ADD,
            .buffer = OFP_NO_BUFFER,
            .out_port = OFPP_ANY,
            .out_group = OFPG_ANY,
            .cookie = 0xbebaull << 48 | (uint64_t)x->machine << 32 | 0xffffffff,
            .instructions = {.present = BEBA_OF_GOTO, .table = (uint8_t)(table + 1 + i)}};
        if (beba_cube_match(c, &x->out->arena, &mod->match))
            x->failed = x->full = true;
    }
    beba_export_verdict(x, &path, &none, &x->t->no_key);
    add_entries(x, 0);
    for (uint32_t i = 0; i < x->n_entries; i++)
        add_flow_mod(x, &x->entry[i]);
}

static void export_machine(struct export *x)
{
    struct family f[6];
    unsigned n = families(x->t, f);
    uint8_t table = x->first[x->machine];
    bool bad = x->failed;

    x->failed = false;
    x->globals = beba_export_globals(x->t);
    if (x->t->n_regs > BEBA_FLOW_DATA_VARS)
        beba_export_say(x, x->t->loc, "more than %d registers", BEBA_FLOW_DATA_VARS);
    x->both = x->t->lookup.kind == BEBA_KEY_CONNECTION;
    if (x->both && x->t->n_regs)
        beba_export_say(x, x->t->loc,
                        "OpenFlow keeps an entry for each direction of a connection, and two "
                        "copies of a register would not stay one");
    if (has_field(x->t, BEBA_F_L4_SRC, BEBA_F_L4_DST) && !x->both &&
        !has_field(x->t, BEBA_F_IP_PROTO, BEBA_F_IP_PROTO))
        beba_export_say(x, x->t->loc,
                        "TCP, UDP and SCTP are tables of their own in OpenFlow, and "
                        "one flow here: put ip.proto in the key, or say tcp.dst");
    if (x->globals && n > 1)
        beba_export_say(x, x->t->loc,
                        "globals belong to one table of OpenFlow, and this machine "
                        "becomes %u: say ip4.src or tcp.dst",
                        n + 1);
    if (check_timeouts(x)) {
        if (n > 1)
            export_dispatch(x, f, n, table++);
        for (unsigned i = 0; i < n && !x->full; i++)
            export_family(x, &f[i], table++);
    }
    x->failed |= bad;
}

/* --- the whole
 * -------------------------------------------------------------------------------------- */

static bool lay_out(struct export *x)
{
    unsigned next = x->opts->first_table;

    for (uint32_t m = 0; m < x->p->n_tables; m++) {
        struct family f[6];
        unsigned n = families(&x->p->table[m], f);

        x->first[m] = (uint8_t)next;
        next += n + (n > 1);
        if (next > BEBA_STATE_TABLES) {
            beba_export_say(x, x->p->table[m].loc,
                            "the program becomes more than %d tables, and state is in the first "
                            "%d of OpenFlow",
                            BEBA_STATE_TABLES - x->opts->first_table, BEBA_STATE_TABLES);
            return false;
        }
    }
    x->first[x->p->n_tables] = (uint8_t)next;
    return true;
}

/* Each port by the metadata that a register wrote; no port, no output. */
static void export_ports(struct export *x)
{
    uint32_t most = x->opts->ports ? x->opts->ports : DEFAULT_PORTS;

    for (uint32_t port = 1; port <= most; port++)
        for (unsigned here = 0; here < 2; here++) {
            struct beba_of_flow_mod mod = {.table = x->ports,
                                           .command = OFPFC_ADD,
                                           .buffer = OFP_NO_BUFFER,
                                           .out_port = OFPP_ANY,
                                           .out_group = OFPG_ANY,
                                           .priority = here ? 2 : 1,
                                           .cookie = 0xbebaull << 48 | 0xffffffff};
            struct beba_of_oxm oxm[2] = {
                {.field = OFPXMT_OFB_IN_PORT, .value = {0, port}, .mask = ones32},
                {.field = OFPXMT_OFB_METADATA, .value = {0, port}, .mask = {0, ~0ull}}};
            struct beba_of_action a = {.type = OFPAT_OUTPUT};

            a.output.port = here ? (uint32_t)OFPP_IN_PORT : port;
            mod.match.n = here ? 2 : 1;
            mod.match.oxm =
                beba_arena_copy(&x->out->arena, here ? oxm : oxm + 1, mod.match.n * sizeof(oxm[0]));
            mod.instructions.present = BEBA_OF_APPLY;
            mod.instructions.apply.n = 1;
            mod.instructions.apply.action = beba_arena_copy(&x->out->arena, &a, sizeof(a));
            if (!mod.match.oxm || !mod.instructions.apply.action)
                x->failed = x->full = true;
            add_flow_mod(x, &mod);
        }
}

/* What an earlier program left in the tables. */
static void delete_entries(struct export *x)
{
    for (unsigned t = x->opts->first_table; t <= x->first[x->p->n_tables]; t++) {
        struct beba_of_flow_mod mod = {.table = (uint8_t)t,
                                       .command = OFPFC_DELETE,
                                       .buffer = OFP_NO_BUFFER,
                                       .out_port = OFPP_ANY,
                                       .out_group = OFPG_ANY,
                                       .cookie = 0xbebaull << 48,
                                       .cookie_mask = 0xffffull << 48};

        add_flow_mod(x, &mod);
    }
}

/* What comes after goes on, where a table is asked for. */
static void check_pass(struct export *x)
{
    struct beba_loc nowhere = {0};

    x->out->end = (uint8_t)(x->first[x->p->n_tables] + (x->ports != 0));
    if (x->opts->pass == BEBA_EXPORT_TABLE && x->opts->pass_table < x->out->end)
        beba_export_say(x, nowhere, "pass leads to table %u, and the program takes those up to %u",
                        x->opts->pass_table, x->out->end - 1u);
}

static void check_globals(struct export *x)
{
    uint32_t seen = 0;

    for (uint32_t t = 0; t < x->p->n_tables; t++) {
        uint32_t here = beba_export_globals(&x->p->table[t]), twice = seen & here;

        if (twice)
            beba_export_say(x, x->p->global[__builtin_ctz(twice)].loc,
                            "global '%s' is used in two machines, and OpenFlow's belong to one "
                            "table",
                            x->p->global[__builtin_ctz(twice)].name);
        seen |= here;
    }
}

int beba_export(const struct beba_pipeline *p, const struct beba_export_opts *opts,
                struct beba_export *out, struct beba_diags *diags)
{
    struct export x = {.p = p, .opts = opts, .diags = diags, .out = out};
    uint32_t errors = diags->errors;
    bool memory = false;

    *out = (struct beba_export){0};
    if (opts->first_table >= BEBA_STATE_TABLES || p->n_globals > BEBA_GLOBAL_DATA_VARS)
        return -EINVAL;
    x.first = calloc(p->n_tables + 1u, 1);
    x.cube = malloc(EXPORT_ENTRIES * sizeof(*x.cube));
    x.entry = malloc(EXPORT_ENTRIES * sizeof(*x.entry));
    out->table = calloc(TABLES, sizeof(*out->table));
    if (!x.first || !x.cube || !x.entry || !out->table) {
        memory = true;
        goto out;
    }
    check_globals(&x);
    if (!lay_out(&x))
        goto out;
    delete_entries(&x);
    for (x.machine = 0; x.machine < p->n_tables; x.machine++) {
        x.t = &p->table[x.machine];
        x.full = false;
        export_machine(&x);
    }
    if (x.ports)
        export_ports(&x);
    check_pass(&x);
    add(&x, OFPT_BARRIER_REQUEST);
out:
    free(x.first);
    free(x.cube);
    free(x.entry);
    if (memory || (x.failed && diags->errors == errors))
        return -ENOMEM;
    return x.failed ? -EINVAL : 0;
}

void beba_export_free(struct beba_export *e)
{
    free(e->msg);
    free(e->table);
    beba_arena_free(&e->arena);
    *e = (struct beba_export){0};
}

/* Addresses of one family that mean those of the other: one flow of the program, two here. */
static void warn_of_mapped(const struct beba_pipeline *p, struct beba_diags *diags)
{
    for (uint32_t i = 0; i < p->n_tables; i++)
        if (has_field(&p->table[i], BEBA_F_IP_SRC, BEBA_F_IP_DST))
            beba_diags_add(diags, BEBA_WARNING, "target-openflow", p->table[i].loc,
                           "IPv4 and IPv6 are two tables of OpenFlow: ::ffff:10.0.0.1 and "
                           "10.0.0.1 are two flows there");
}

unsigned beba_export_check(const struct beba_pipeline *p, struct beba_diags *diags)
{
    const struct beba_export_opts opts = {.pass = BEBA_EXPORT_FLOOD};
    uint32_t had = diags->n;
    struct beba_export e;

    beba_target_check(p, BEBA_TARGET_OPENFLOW, diags);
    warn_of_mapped(p, diags);
    if (!diags->errors) {
        beba_export(p, &opts, &e, diags);
        beba_export_free(&e);
    }
    return diags->n - had;
}

/* --- as text and bytes
 * -------------------------------------------------------------------------------- */

void beba_export_print_msg(struct beba_strbuf *out, const struct beba_of_msg *m)
{
    if (m->type == OFPT_FLOW_MOD) {
        if (m->flow_mod.command == OFPFC_DELETE)
            beba_strbuf_puts(out, "delete ");
        beba_of_flow_mod_print(out, &m->flow_mod);
    } else if (m->type == OFPT_EXPERIMENTER && m->experimenter == BEBA_EXPERIMENTER &&
               m->exp_type == BEBA_MSG_STATE_MOD) {
        beba_of_state_mod_print(out, &m->state_mod);
    } else {
        beba_strbuf_puts(out, beba_of_msg_name(m));
    }
}

void beba_export_print(struct beba_strbuf *out, const struct beba_export *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        beba_export_print_msg(out, &e->msg[i]);
        beba_strbuf_putc(out, '\n');
    }
}

int beba_export_encode(struct beba_strbuf *out, const struct beba_export *e)
{
    const struct beba_of_codec codec = {.dialect = BEBA_DIALECT_ADVANCED};
    uint8_t *bytes = malloc(BEBA_OF_MAX_MESSAGE);
    int n = bytes ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < e->n && n >= 0; i++) {
        n = beba_of_encode(&e->msg[i], &codec, bytes, BEBA_OF_MAX_MESSAGE);
        if (n > 0)
            beba_strbuf_add(out, (const char *)bytes, (size_t)n);
    }
    free(bytes);
    return n < 0 ? n : out->failed ? -ENOMEM : 0;
}
