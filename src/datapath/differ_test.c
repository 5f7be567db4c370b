/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random tables and random packets: what comes out is the same whether packets are run one by one
 * or in batches, by the interpreter or by native code, while the tables change. Matches are made of
 * packets' own fields, so that they often hold. */
#include "base/hash.h"
#include "datapath/key.h"
#include "datapath/stateful.h"
#include "datapath/world.h"

enum {
    ROUNDS = 200,
    COMPILED = 4, /* rounds with native code; it takes time to make */
    TABLES = 4,
    ENTRIES = 60,
    CHANGES = 8,       /* of the tables, in a round, with packets between them */
    MANY_CHANGES = 80, /* in one with native code */
    PACKETS = 96,
    OUTS = 4096,
    BATCHES = 32,
};

struct came {
    uint32_t port, queue, len, reason;
    uint64_t sum; /* of the bytes, or of a packet-in's match */
};

struct side {
    const char *name;
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    unsigned n_came;
    struct came came[OUTS];
};

enum { ONE, MANY, NATIVE, SIDES };

struct differ {
    uint64_t random, now;
    struct side side[SIDES];
    struct beba_packet packet[PACKETS];
    uint8_t frame[PACKETS][SAMPLE_SIZE];
    uint8_t scratch[PACKETS][SAMPLE_SIZE];
};

static uint64_t next(struct differ *d)
{
    return beba_splitmix64(d->random++);
}

static uint32_t under(struct differ *d, uint32_t n)
{
    return (uint32_t)(next(d) >> 32) % n;
}

/* --- what comes out --------------------------------------------------------------------------- */

static uint64_t sum(uint64_t h, const void *data, size_t n)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * 0x100000001b3ull;
    return h;
}

static struct came *add_came(struct side *s, uint32_t port, const struct beba_packet *p)
{
    struct came *c = &s->came[s->n_came];

    assert_in_range(s->n_came, 0, OUTS - 1);
    s->n_came++;
    *c = (struct came){.port = port, .len = p->len, .sum = sum(1, p->data, p->len)};
    return c;
}

static void on_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    add_came(arg, port, p)->queue = queue;
}

static void on_packet_in(void *arg, const struct beba_datapath_packet_in *in)
{
    struct came *c = add_came(arg, OFPP_CONTROLLER, in->packet);

    c->reason = in->reason | (uint32_t)in->table << 8 | (uint32_t)in->max_len << 16;
    c->sum ^= in->cookie;
    for (uint32_t i = 0; i < in->match.n; i++) {
        c->sum = sum(c->sum, &in->match.oxm[i].field, 1);
        c->sum = sum(c->sum, &in->match.oxm[i].value, sizeof(in->match.oxm[i].value));
    }
}

static void on_state(void *arg, const struct beba_datapath_state_change *change)
{
    struct side *s = arg;

    assert_in_range(s->n_came, 0, OUTS - 1);
    s->came[s->n_came++] = (struct came){.port = change->table,
                                         .queue = change->old_state,
                                         .len = change->new_state,
                                         .sum = sum(2, change->key, change->key_len)};
}

static void open_side(struct side *s, const char *name)
{
    const struct beba_datapath_sink sink = {
        .arg = s, .output = on_output, .packet_in = on_packet_in, .state_changed = on_state};
    const struct beba_datapath_opts opts = {.n_workers = 1, .max_flows = 1000, .seed = 42};
    struct beba_error err;

    s->name = name;
    s->n_came = 0;
    assert_int_equal(beba_datapath_new(&opts, &s->dp, &err), 0);
    s->worker = beba_datapath_worker(s->dp, 0, &sink);
    for (uint32_t port = 1; port <= 4; port++)
        beba_datapath_port_set(s->dp, &(struct beba_datapath_port){port, 0, port != 4});
}

/* --- packets ---------------------------------------------------------------------------------- */

static void make_packets(struct differ *d)
{
    for (unsigned i = 0; i < PACKETS; i++) {
        struct beba_packet *p = &d->packet[i];
        struct beba_error err;

        memset(p, 0, sizeof(*p));
        assert_int_equal(sample_build(&samples[under(d, N_SAMPLES)], p, d->frame[i], &err), 0);
        beba_packet_parse(p);
        beba_field_write(p, BEBA_F_IP4_SRC, beba_u128(0, 0x0a000000 | under(d, 8)));
        beba_field_write(p, BEBA_F_IP4_DST, beba_u128(0, 0x0a010000 | under(d, 4) << 6));
        beba_field_write(p, BEBA_F_ETH_SRC, beba_u128(0, 0x020000000000 | under(d, 4)));
        if (!under(d, 8))
            p->len = p->len > 40 ? 20 + under(d, p->len - 20) : p->len; /* wire_len stays */
        p->in_port = 1 + under(d, 2);
        beba_packet_parse(p);
    }
}

/* Of all sides the same packets, each its own copies. */
static void run(struct differ *d)
{
    static struct beba_packet copy[PACKETS];
    struct beba_packet *list[PACKETS];
    unsigned which[PACKETS], batch = 1 + under(d, BATCHES);

    for (unsigned i = 0; i < PACKETS; i++)
        which[i] = under(d, PACKETS);
    /* a round is no longer than a minute, after which states are swept, in the order of a secret */
    d->now += under(d, 4) * WORLD_S / 8;
    for (unsigned s = 0; s < SIDES; s++) {
        unsigned size = s == ONE ? 1 : batch;

        for (unsigned i = 0; i < PACKETS; i++) {
            const struct beba_packet *from = &d->packet[which[i]];

            copy[i] = *from;
            copy[i].data = d->scratch[i] + (from->data - d->frame[which[i]]);
            copy[i].now = d->now;
            memcpy(d->scratch[i], d->frame[which[i]], SAMPLE_SIZE);
            list[i] = &copy[i];
        }
        d->side[s].n_came = 0;
        for (unsigned i = 0; i < PACKETS; i += size)
            beba_datapath_run(d->side[s].worker, list + i, size < PACKETS - i ? size : PACKETS - i);
        rcu_quiescent_state();
    }
}

/* --- tables ----------------------------------------------------------------------------------- */

static bool usable(const struct beba_key *key, unsigned field)
{
    return beba_key_has(key, field) && field != BEBA_OF_RANDOM && field < BEBA_OF_N_FIELDS &&
           beba_key_places[field].width;
}

static unsigned pick_field(struct differ *d)
{
    static const uint8_t common[] = {OFPXMT_OFB_IN_PORT,  OFPXMT_OFB_ETH_SRC,  OFPXMT_OFB_ETH_TYPE,
                                     OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_IP_PROTO,
                                     BEBA_OF_STATE,       BEBA_OF_GLOBAL_STATE};

    return under(d, 5) ? common[under(d, sizeof(common))] : under(d, BEBA_OF_N_FIELDS);
}

/* Some of the fields of a packet, some of them masked. */
static uint32_t make_match(struct differ *d, struct beba_of_oxm *oxm, uint32_t most)
{
    static const uint64_t masks[] = {~0ull, ~0ull << 2, ~0ull << 8, 0x5555555555555555};
    struct beba_key key;
    uint32_t n = 0;

    beba_key_begin(&key, &d->packet[under(d, PACKETS)], 0, under(d, 2));
    beba_key_set(&key, BEBA_OF_STATE, beba_u128(0, under(d, 3)));
    for (uint32_t left = under(d, most + 1); left; left--) {
        unsigned field = pick_field(d);
        bool again = false;

        for (uint32_t i = 0; i < n; i++)
            again |= oxm[i].field == field;
        if (again || !usable(&key, field))
            continue;
        oxm[n++] = (struct beba_of_oxm){.field = (uint8_t)field,
                                        .has_mask = !under(d, 3),
                                        .value = beba_key_value(&key, (enum beba_of_field)field),
                                        .mask = {masks[under(d, 4)], masks[under(d, 4)]}};
    }
    return n;
}

static struct beba_of_action make_action(struct differ *d)
{
    static const struct beba_of_oxm set[] = {
        {.field = OFPXMT_OFB_IPV4_DST, .value = {0, 0x0a010040}},
        {.field = OFPXMT_OFB_IPV4_SRC, .value = {0, 0x0a000003}},
        {.field = OFPXMT_OFB_ETH_DST, .value = {0, 0x020000000005}},
        {.field = OFPXMT_OFB_TCP_DST, .value = {0, 22}},
        {.field = OFPXMT_OFB_IP_DSCP, .value = {0, 12}},
        {.field = OFPXMT_OFB_VLAN_VID, .value = {0, OFPVID_PRESENT | 7}},
    };

    switch (under(d, 12)) {
    case 0:
        return (struct beba_of_action){.type = OFPAT_SET_QUEUE, .queue = under(d, 3)};
    case 1:
    case 2:
    case 3:
        return (struct beba_of_action){.type = OFPAT_SET_FIELD,
                                       .set_field = set[under(d, sizeof(set) / sizeof(*set))]};
    case 4:
        return (struct beba_of_action){.type = OFPAT_DEC_NW_TTL};
    case 5:
        return (struct beba_of_action){.type = OFPAT_PUSH_VLAN, .ethertype = 0x8100};
    case 6:
        return (struct beba_of_action){.type = OFPAT_POP_VLAN};
    case 7:
        return (struct beba_of_action){
            .type = OFPAT_OUTPUT, .output = {.port = under(d, 2) ? OFPP_FLOOD : OFPP_CONTROLLER}};
    case 8:
        return (struct beba_of_action){.type = OFPAT_EXPERIMENTER,
                                       .beba = BEBA_ACT_SET_STATE,
                                       .set_state = {.table = (uint8_t)under(d, TABLES),
                                                     .state = under(d, 3),
                                                     .mask = ~0u,
                                                     .idle_timeout = under(d, 2) * 400000}};
    case 9:
        return (struct beba_of_action){.type = OFPAT_EXPERIMENTER,
                                       .beba = BEBA_ACT_SET_GLOBAL_STATE,
                                       .set_global_state = {under(d, 2), 1}};
    default:
        return (struct beba_of_action){.type = OFPAT_OUTPUT, .output = {.port = 1 + under(d, 4)}};
    }
}

static void make_instructions(struct differ *d, uint8_t table, struct beba_of_instructions *in,
                              struct beba_of_action action[8])
{
    *in = (struct beba_of_instructions){0};
    if (under(d, 4)) {
        in->apply.action = action;
        in->apply.n = under(d, 2) ? 1 : under(d, 5);
        in->present |= BEBA_OF_APPLY;
    }
    if (!under(d, 6)) {
        in->write.action = action + 4;
        in->write.n = 1 + under(d, 3);
        in->present |= BEBA_OF_WRITE;
    }
    if (!under(d, 8)) {
        in->present |= BEBA_OF_METADATA;
        in->metadata = under(d, 4);
        in->metadata_mask = 3;
    }
    if (!under(d, 12))
        in->present |= BEBA_OF_CLEAR;
    if (table + 1 < TABLES && (!in->present || under(d, 2))) {
        in->present |= BEBA_OF_GOTO;
        in->table = (uint8_t)(table + 1 + under(d, TABLES - 1u - table));
    }
    for (unsigned i = 0; i < 8; i++)
        action[i] = make_action(d);
    if (under(d, 2)) { /* no more than a port, or a table */
        in->present &= table + 1 < TABLES && under(d, 2) ? BEBA_OF_GOTO : BEBA_OF_APPLY;
        in->apply.n = in->present == BEBA_OF_APPLY;
        action[0] = (struct beba_of_action){.type = OFPAT_OUTPUT, .output.port = 1 + under(d, 4)};
    }
}

static void change_entries(struct differ *d, uint8_t command)
{
    struct beba_of_oxm oxm[4];
    struct beba_of_action action[8];
    struct beba_of_flow_mod mod = {
        .command = command,
        .table = (uint8_t)under(d, TABLES),
        .priority = (uint16_t)under(d, 5),
        .cookie = next(d),
        .flags = under(d, 4) ? 0 : (under(d, 2) ? OFPFF_NO_PKT_COUNTS : OFPFF_RESET_COUNTS),
        .idle_timeout = under(d, 6) ? 0 : 1,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .match.oxm = oxm,
    };
    int r[SIDES];

    mod.match.n = make_match(d, oxm, command == OFPFC_DELETE ? 1 : 4);
    make_instructions(d, mod.table, &mod.instructions, action);
    for (unsigned s = 0; s < SIDES; s++) {
        struct beba_of_error err;
        r[s] = beba_datapath_flow_mod(d->side[s].dp, &mod, d->now, &err);
        assert_int_equal(r[s], r[0]);
    }
}

static void change_states(struct differ *d)
{
    static const uint8_t keys[] = {OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_ETH_SRC};
    uint8_t field = keys[under(d, sizeof(keys))];
    struct beba_of_scope scope = {
        .n = 1,
        .field = {field},
        .header = {0x80000000u | (uint32_t)field << 9 | (field == OFPXMT_OFB_ETH_SRC ? 6u : 4u)}};
    struct beba_of_state_mod mod[] = {
        {.command = BEBA_STATEFUL_TABLE_CONFIG, .stateful = under(d, 4)},
        {.command = BEBA_SET_L_EXTRACTOR, .extractor = {.scope = scope}},
        {.command = BEBA_SET_U_EXTRACTOR, .extractor = {.scope = scope}},
    };
    uint8_t table = (uint8_t)under(d, TABLES);

    for (unsigned i = 0; i < sizeof(mod) / sizeof(*mod); i++) {
        mod[i].table = table;
        for (unsigned s = 0; s < SIDES; s++) {
            struct beba_of_error err;
            beba_datapath_state_mod(d->side[s].dp, &mod[i], d->now, &err);
        }
    }
}

/* A bundle that is taken back half the time. */
static void change_bundle(struct differ *d)
{
    bool keep = under(d, 2);

    for (unsigned s = 0; s < SIDES; s++)
        beba_datapath_begin(d->side[s].dp);
    for (unsigned i = 0; i < 4; i++)
        change_entries(d, (uint8_t)under(d, OFPFC_DELETE_STRICT + 1));
    run(d); /* none of it is seen */
    for (unsigned s = 0; s < SIDES; s++) {
        if (keep)
            beba_datapath_commit(d->side[s].dp);
        else
            beba_datapath_rollback(d->side[s].dp);
    }
}

static void change(struct differ *d)
{
    switch (under(d, 8)) {
    case 0:
        change_states(d);
        break;
    case 1:
        change_bundle(d);
        break;
    case 2:
        for (unsigned s = 0; s < SIDES; s++)
            beba_datapath_expire(d->side[s].dp, d->now);
        break;
    case 3:
        change_entries(d, OFPFC_DELETE);
        break;
    default:
        change_entries(d, (uint8_t)under(d, OFPFC_DELETE_STRICT + 1));
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

static void compare_came(const struct side *a, const struct side *b)
{
    for (unsigned i = 0; i < a->n_came && i < b->n_came; i++)
        if (memcmp(&a->came[i], &b->came[i], sizeof(a->came[i])) != 0)
            fail_msg("%s: %u-th: port %u, %u bytes, reason %x; %s: port %u, %u bytes, reason %x",
                     a->name, i, a->came[i].port, a->came[i].len, a->came[i].reason, b->name,
                     b->came[i].port, b->came[i].len, b->came[i].reason);
    assert_int_equal(a->n_came, b->n_came);
}

static bool sum_flow(void *arg, const struct beba_datapath_flow *flow)
{
    const uint64_t count[] = {flow->table, flow->priority, flow->cookie, flow->packets,
                              flow->bytes};
    uint64_t *total = arg;

    *total += sum(3, count, sizeof(count)); /* in any order */
    return true;
}

static bool sum_state(void *arg, const struct beba_state_entry *e)
{
    uint64_t *total = arg;

    *total += sum(sum(e->state, e->key, e->key_len), &e->table, 1);
    return true;
}

enum { FLOWS, STATES, DROPS, STATISTICS, COUNTERS };

static void sum_counters(struct differ *d, struct side *s, uint64_t out[COUNTERS])
{
    const struct beba_datapath_flow_filter all = {OFPTT_ALL, OFPP_ANY, OFPG_ANY, 0, 0, {0}};
    const struct beba_state_filter states = {.table = OFPTT_ALL};
    uint64_t cursor = 0, drops[BEBA_DP_N_DROPS];
    struct beba_datapath_table_stats t;

    memset(out, 0, COUNTERS * sizeof(*out));
    assert_true(beba_datapath_flows(s->dp, &all, d->now, &cursor, sum_flow, &out[FLOWS]));
    cursor = 0;
    assert_true(beba_datapath_states(s->dp, &states, d->now, &cursor, sum_state, &out[STATES]));
    beba_datapath_drops(s->dp, drops);
    out[DROPS] = sum(4, drops, sizeof(drops));
    for (uint8_t table = 0; table < TABLES; table++) {
        beba_datapath_table_stats(s->dp, table, &t);
        out[STATISTICS] = sum(out[STATISTICS], (uint64_t[]){t.active, t.lookups, t.matches},
                              3 * sizeof(uint64_t));
    }
}

static void compare(struct differ *d)
{
    static const char *const what[] = {"flows", "states", "drops", "tables' statistics"};
    uint64_t one[COUNTERS], other[COUNTERS];

    sum_counters(d, &d->side[ONE], one);
    for (unsigned s = 1; s < SIDES; s++) {
        compare_came(&d->side[ONE], &d->side[s]);
        sum_counters(d, &d->side[s], other);
        for (unsigned i = 0; i < COUNTERS; i++)
            if (one[i] != other[i])
                fail_msg("%s and %s: %s differ", d->side[ONE].name, d->side[s].name, what[i]);
    }
}

/* Code for the tables as they are; what changes afterwards comes to tables that it knows in part.
 */
static void compile(struct side *s)
{
    struct beba_datapath_native is;
    struct beba_error err = {0};

    if (beba_datapath_native_start(s->dp, &(struct beba_datapath_native_opts){0}, &err) ||
        beba_datapath_native_wait(s->dp, &err))
        fail_msg("%s", err.what);
    beba_datapath_native(s->dp, &is);
    assert_true(is.started && is.runs && !is.failed);
    assert_int_equal(is.structure, is.compiled);
}

static unsigned round_of(struct differ *d, bool native)
{
    unsigned came = 0, changes = native ? MANY_CHANGES : CHANGES;

    open_side(&d->side[ONE], "one by one");
    open_side(&d->side[MANY], "in batches");
    open_side(&d->side[NATIVE], "native");
    make_packets(d);
    for (unsigned i = 0; i < ENTRIES; i++)
        change_entries(d, OFPFC_ADD);
    if (under(d, 2))
        change_states(d);
    for (unsigned i = 0; i < changes; i++) {
        if (native && i % (MANY_CHANGES / 2) == 0)
            compile(&d->side[NATIVE]);
        run(d);
        compare(d);
        run(d); /* now known */
        compare(d);
        came += d->side[ONE].n_came;
        change(d);
    }
    for (unsigned s = 0; s < SIDES; s++)
        beba_datapath_free(d->side[s].dp);
    return came;
}

static void test_random(void **state)
{
    struct differ *d = calloc(1, sizeof(*d));
    unsigned came = 0;

    (void)state;
    assert_non_null(d);
    rcu_register_thread();
    for (unsigned r = 0; r < ROUNDS; r++) {
        d->random = (uint64_t)r << 32;
        d->now = 1000 * WORLD_S;
        came += round_of(d, r % (ROUNDS / COMPILED) == 0);
    }
    assert_true(came > ROUNDS * CHANGES * PACKETS / 4); /* it is about something */
    rcu_unregister_thread();
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
