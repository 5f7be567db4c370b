/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The classifier against a list that is searched from its start, and readers beside a writer. */
#include "datapath/classifier.h"

#include <pthread.h>
#include <sched.h>

#include "base/hash.h"
#include "datapath/dp.h"
#include "datapath/world.h"

/* Few fields, few values, so that random entries meet random packets. */
static const struct {
    uint8_t field;
    uint64_t values; /* below this */
    uint64_t mask[3];
} dim[] = {
    {OFPXMT_OFB_IN_PORT, 3, {~0ull, ~0ull, 1}}, {OFPXMT_OFB_ETH_DST, 6, {~0ull, 6, 4}},
    {OFPXMT_OFB_IPV4_DST, 16, {~0ull, 12, 8}},  {OFPXMT_OFB_TCP_DST, 4, {~0ull, 2, 1}},
    {OFPXMT_OFB_IPV6_DST, 4, {~0ull, 1, 3}},    {OFPXMT_OFB_VLAN_VID, 3, {~0ull, 2, 1}},
};
enum { N_DIMS = sizeof(dim) / sizeof(*dim), MODEL = 400 };

struct rule {
    bool there;
    uint8_t table;
    uint16_t priority;
    uint64_t cookie;
    uint32_t n;
    struct beba_of_oxm oxm[N_DIMS];
};

static struct world w;
static struct rule model[MODEL]; /* the oldest first */
static unsigned n_model;

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = beba_splitmix64(*seed);
    return *seed % below;
}

static void random_rule(struct rule *r, uint64_t *seed)
{
    *r = (struct rule){.there = true, .priority = (uint16_t)draw(seed, 5)};
    for (unsigned i = 0; i < N_DIMS; i++) {
        uint64_t mask = dim[i].mask[draw(seed, 3)], value = draw(seed, dim[i].values);
        if (draw(seed, 3))
            continue;
        r->oxm[r->n++] = (struct beba_of_oxm){
            .field = dim[i].field,
            .has_mask = mask != ~0ull,
            .value = beba_u128(0, value & mask),
            .mask = beba_u128(0, mask),
        };
    }
}

static void random_key(struct beba_key *key, uint64_t *seed)
{
    for (unsigned i = 0; i < BEBA_KEY_WORDS; i++)
        key->w[i] = draw(seed, UINT64_MAX); /* what is absent may be anything */
    key->w[0] = 0;
    beba_key_set(key, (enum beba_of_field)OFPXMT_OFB_VLAN_VID, beba_u128(0, 0));
    for (unsigned i = 0; i < N_DIMS; i++)
        if (draw(seed, 4))
            beba_key_set(key, (enum beba_of_field)dim[i].field,
                         beba_u128(0, draw(seed, dim[i].values)));
}

static bool rule_matches(const struct rule *r, const struct beba_key *key)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct beba_of_oxm *m = &r->oxm[i];
        struct beba_u128 v = beba_key_value(key, (enum beba_of_field)m->field);
        uint64_t mask = m->has_mask ? m->mask.lo : ~0ull;
        if (m->field != OFPXMT_OFB_VLAN_VID && !beba_key_has(key, m->field))
            return false;
        if ((v.lo & mask) != m->value.lo || (v.hi && !m->has_mask))
            return false;
    }
    return true;
}

static const struct rule *model_look(const struct beba_key *key)
{
    const struct rule *best = NULL;

    for (unsigned i = 0; i < n_model; i++)
        if (model[i].there && rule_matches(&model[i], key) &&
            (!best || model[i].priority > best->priority))
            best = &model[i];
    return best;
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
    return a->priority == b->priority && a->n == b->n && !memcmp(a->oxm, b->oxm, sizeof(a->oxm));
}

/* An identical rule is replaced, and the new one is the youngest. */
static void model_add(const struct rule *r)
{
    for (unsigned i = 0; i < n_model; i++)
        if (same_rule(&model[i], r))
            model[i].there = false;
    model[n_model++] = *r;
}

static int mod(uint8_t command, const struct rule *r)
{
    return FLOW(&w, .command = command, .priority = r->priority, .cookie = r->cookie,
                .match = {r->n, (struct beba_of_oxm *)r->oxm}, .instructions = APPLY(OUT(2)));
}

static void compare(uint64_t *seed, unsigned n)
{
    const struct beba_table *t = beba_datapath_table(w.dp, 0);
    uint64_t version = beba_datapath_next_version(w.dp) - 1;

    for (unsigned i = 0; i < n; i++) {
        struct beba_key key;
        const struct beba_entry *e;
        const struct rule *want;

        random_key(&key, seed);
        want = model_look(&key);
        e = t ? beba_classifier_look(&t->classifier, &key, version) : NULL;
        if (!want != !e || (e && e->cookie != want->cookie))
            fail_msg("packet %u: entry %llu, not %llu", i, e ? (unsigned long long)e->cookie : 0,
                     want ? (unsigned long long)want->cookie : 0);
    }
}

static bool refused_as_overlap(const struct rule *r)
{
    for (unsigned i = 0; i < n_model; i++) {
        const struct rule *o = &model[i];
        bool apart = false;

        if (!o->there || o->priority != r->priority)
            continue;
        for (uint32_t a = 0; a < r->n; a++)
            for (uint32_t b = 0; b < o->n; b++) {
                const struct beba_of_oxm *x = &r->oxm[a], *y = &o->oxm[b];
                uint64_t both =
                    (x->has_mask ? x->mask.lo : ~0ull) & (y->has_mask ? y->mask.lo : ~0ull);
                apart |= x->field == y->field && (x->value.lo ^ y->value.lo) & both;
            }
        if (!apart)
            return true;
    }
    return false;
}

static void a_random_life(uint64_t seed)
{
    uint64_t cookie = 1;

    world_open(&w);
    n_model = 0;
    while (n_model < MODEL) {
        struct rule r;
        uint64_t what = draw(&seed, 10);

        random_rule(&r, &seed);
        r.cookie = cookie++;
        if (what < 6) {
            assert_int_equal(mod(OFPFC_ADD, &r), 0);
            model_add(&r);
        } else if (what < 8 && n_model) {
            struct rule *gone = &model[draw(&seed, n_model)];
            assert_int_equal(mod(OFPFC_DELETE_STRICT, gone), 0);
            for (unsigned i = 0; i < n_model; i++)
                if (same_rule(&model[i], gone))
                    model[i].there = false;
        } else if (what == 8) {
            int got =
                FLOW(&w, .flags = OFPFF_CHECK_OVERLAP, .priority = r.priority, .cookie = r.cookie,
                     .match = {r.n, r.oxm}, .instructions = APPLY(OUT(2)));
            bool refused = refused_as_overlap(&r);
            assert_int_equal(got, refused ? FAILS(OFPET_FLOW_MOD_FAILED, OFPFMFC_OVERLAP) : 0);
            if (!refused)
                model_add(&r);
        } else if (!draw(&seed, 20)) {
            beba_datapath_expire(w.dp, w.now);
        }
        compare(&seed, 20);
    }
    compare(&seed, 2000);
    beba_datapath_expire(w.dp, w.now);
    compare(&seed, 2000);
    world_close(&w);
}

static void finds_what_a_linear_search_finds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        a_random_life(seed);
}

/* --- the cache: what it says of a packet is what the tables say --------------------------------
 */

static uint32_t port_of(unsigned mac, unsigned ttl)
{
    world_make(&w, mac & 1 ? "udp" : "tcp over ip6");
    w.packet.data[5] = (uint8_t)mac;
    beba_field_write(&w.packet, BEBA_F_IP_TTL, beba_u128(0, ttl));
    return world_go(&w) ? w.out[0].port : 0;
}

static void what_is_remembered_is_right(void **state)
{
    uint64_t seed = 77;

    (void)state;
    world_open(&w);
    for (unsigned round = 0; round < 200; round++) {
        uint8_t table = (uint8_t)draw(&seed, 3);
        uint64_t mask = draw(&seed, 256), value = draw(&seed, 256) & mask;
        uint32_t port = 2 + (uint32_t)draw(&seed, 3), cold[64];
        bool on = table < 2 && draw(&seed, 2);
        uint8_t edits = draw(&seed, 3) ? 0 : BEBA_OF_APPLY;

        assert_int_equal(
            FLOW(&w, .table = table, .priority = (uint16_t)draw(&seed, 9),
                 .match = MATCH(MASKED(OFPXMT_OFB_ETH_DST, value, mask)),
                 .instructions = {.present = BEBA_OF_WRITE | edits | (on ? BEBA_OF_GOTO : 0),
                                  .table = (uint8_t)(table + 1),
                                  .apply = ACTIONS(PLAIN(OFPAT_DEC_NW_TTL)),
                                  .write = ACTIONS(OUT(port))}),
            0);
        for (unsigned mac = 0; mac < 64; mac++)
            cold[mac] = port_of(mac * 5, 2 + mac % 3);
        for (unsigned mac = 0; mac < 64; mac++)
            assert_int_equal(port_of(mac * 5, 2 + mac % 3), cold[mac]);
    }
    world_close(&w);
}

/* --- readers beside a writer ------------------------------------------------------------------ */

enum { READERS = 3, ROUNDS = 3000, PAIRS = 40 };

struct reader {
    pthread_t thread;
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    unsigned index;
    uint64_t out[5], runs;
    _Atomic bool *stop, running;
};

static void reader_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    struct reader *r = arg;

    (void)queue;
    (void)p;
    r->out[port]++;
}

static void *read_on(void *arg)
{
    struct reader *r = arg;
    struct beba_datapath_sink sink = {.arg = r, .output = reader_output};
    uint8_t frame[SAMPLE_SIZE];
    struct beba_packet p = {0}, *list[1] = {&p};
    struct beba_error err;

    r->worker = beba_datapath_worker(r->dp, r->index, &sink);
    if (sample_build(&samples[1], &p, frame, &err))
        return NULL;
    beba_packet_parse(&p);
    p.in_port = 1;
    rcu_register_thread();
    while (!atomic_load(r->stop)) {
        for (unsigned i = 0; i < PAIRS; i++) {
            p.data[5] = (uint8_t)i; /* of the destination */
            beba_datapath_run(r->worker, list, 1);
            r->runs++;
        }
        atomic_store(&r->running, true);
        rcu_quiescent_state();
    }
    rcu_unregister_thread();
    return NULL;
}

static int pair(struct world *world, uint8_t command, uint64_t mac, uint16_t priority,
                uint32_t port)
{
    return FLOW(world, .command = command, .priority = priority, .cookie = mac,
                .match = MATCH(MASKED(OFPXMT_OFB_ETH_DST, mac, 255)),
                .instructions = APPLY(OUT(port)));
}

/* In every version there is exactly one of an entry to port 2 and one, of another priority and
 * another subtable below, to port 3; a packet that saw half of a change would match neither. */
static void packets_see_whole_changes(void **state)
{
    struct reader reader[READERS];
    _Atomic bool stop = false;
    uint64_t seed = 5, runs = 0, seen[5] = {0};

    (void)state;
    world_open_with(&w, &(struct beba_datapath_opts){.n_workers = READERS, .seed = 1});
    for (uint64_t i = 0; i < PAIRS; i++)
        assert_int_equal(pair(&w, OFPFC_ADD, i, 5, 2), 0);
    for (unsigned i = 0; i < READERS; i++) {
        reader[i] = (struct reader){.dp = w.dp, .index = i, .stop = &stop};
        assert_int_equal(pthread_create(&reader[i].thread, NULL, read_on, &reader[i]), 0);
    }
    for (unsigned i = 0; i < READERS; i++)
        while (!atomic_load(&reader[i].running))
            sched_yield();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t mac = draw(&seed, PAIRS);
        bool back = i & 1;

        beba_datapath_begin(w.dp);
        assert_int_equal(pair(&w, OFPFC_DELETE_STRICT, mac, back ? 3 : 5, 2), 0);
        assert_int_equal(pair(&w, OFPFC_DELETE_STRICT, mac, back ? 5 : 3, 2), 0);
        assert_int_equal(pair(&w, OFPFC_ADD, mac, back ? 5 : 3, back ? 2 : 3), 0);
        beba_datapath_commit(w.dp);
        if (i % 64 == 0)
            beba_datapath_expire(w.dp, w.now);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        rcu_thread_offline();
        pthread_join(reader[i].thread, NULL);
        rcu_thread_online();
        runs += reader[i].runs;
        for (unsigned port = 0; port < 5; port++)
            seen[port] += reader[i].out[port];
    }
    assert_int_equal(world_drops(&w, BEBA_DP_DROP_MISS), 0);
    assert_int_equal(seen[2] + seen[3], runs);
    assert_true(runs > 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_linear_search_finds),
        cmocka_unit_test(what_is_remembered_is_right),
        cmocka_unit_test(packets_see_whole_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
