/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The OpenFlow datapath alone: packets in memory, one core, no ports.
 *
 *     datapath_bench [--quick] [--only NAME] [--json FILE]
 *
 * Tables: one that matches exactly on the Ethernet destination; three of 10 000 entries each, every
 * one with four masks (IPv4 destination; source; destination and TCP port: prefixes of 16 to 28
 * bits, longer ones first); one of 100 000 with five masks. Packets (TCP over IPv4, 64 bytes) are
 * drawn uniformly over the entries of the first table, and are parsed and run in batches of 32;
 * times include parsing. new_flows: every packet is a connection never seen before (its addresses
 * are random behind the entries' prefixes, its ports random), and an entry that none matches looks
 * at all of that, so that nothing is known of it; times include making it. Each by the interpreter,
 * and then by native code where there is a C compiler. states: one stateful table, by source, with
 * 100 000 states. swap: tables change under traffic. Then flow-mods: adds of 100 000 of those
 * entries, and their deletion one by one.
 *
 * Bars: 10 million packets a second, 5 million, none for 100 000 entries, 100 000 flow-mods. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <urcu-qsbr.h>

#include "base/error.h"
#include "base/hash.h"
#include "datapath/datapath.h"
#include "packet/bytes.h"

enum { BATCH = 32, PACKETS = 8192, FRAME = 256, ROOM = 64, LENGTH = 60 };

static struct beba_packet packets[PACKETS];
static uint8_t frames[PACKETS][FRAME];
static uint64_t sent;

struct tables {
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
};

/* Of this thread: what others do meanwhile does not count. */
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    (void)arg;
    (void)port;
    (void)queue;
    (void)p;
    sent++;
}

static void fail(const char *what)
{
    fprintf(stderr, "datapath_bench: %s\n", what);
    exit(1);
}

static struct tables open_tables(void)
{
    struct beba_datapath_opts opts = {.n_workers = 1, .seed = 1};
    struct beba_datapath_sink sink = {.output = output};
    struct tables t = {0};
    struct beba_error err;

    if (beba_datapath_new(&opts, &t.dp, &err))
        fail(err.what);
    t.worker = beba_datapath_worker(t.dp, 0, &sink);
    for (uint32_t port = 1; port <= 8; port++)
        beba_datapath_port_set(t.dp, &(struct beba_datapath_port){port, 0, true});
    return t;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void add(struct tables *t, uint8_t command, uint8_t table, uint16_t priority,
                struct beba_of_oxm *oxm, uint32_t n, uint8_t next)
{
    struct beba_of_action out = {.type = OFPAT_OUTPUT, .output = {.port = 2}};
    struct beba_of_flow_mod mod = {
        .command = command,
        .table = table,
        .priority = priority,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .match = {n, oxm},
        .instructions = {.present = next ? BEBA_OF_GOTO : BEBA_OF_APPLY,
                         .table = next,
                         .apply = {1, &out}},
    };
    struct beba_of_error err;

    if (beba_datapath_flow_mod(t->dp, &mod, 0, &err))
        fail(err.what);
}

static uint32_t address(uint64_t i)
{
    return (uint32_t)beba_splitmix64(i) & 0x7fffffff;
}

static struct beba_of_oxm is(unsigned field, uint64_t value)
{
    return (struct beba_of_oxm){.field = (uint8_t)field, .value = beba_u128(0, value)};
}

static struct beba_of_oxm prefix(unsigned field, uint32_t value, unsigned bits)
{
    uint32_t mask = ~0u << (32 - bits);

    return (struct beba_of_oxm){.field = (uint8_t)field,
                                .has_mask = true,
                                .value = beba_u128(0, value & mask),
                                .mask = beba_u128(0, mask)};
}

/* The i-th entry of a table with so many masks; of the third table with a port too. */
static void wildcard(struct tables *t, uint8_t command, uint8_t table, uint64_t i, unsigned masks,
                     uint8_t next)
{
    unsigned bits = 28 - 12 / (masks - 1) * (unsigned)(i % masks);
    struct beba_of_oxm oxm[4] = {is(OFPXMT_OFB_ETH_TYPE, 0x0800)};
    uint32_t n = 1;

    if (table == 1) {
        oxm[n++] = prefix(OFPXMT_OFB_IPV4_SRC, address(i + (1 << 20)), bits);
    } else {
        oxm[n++] = prefix(OFPXMT_OFB_IPV4_DST, address(i), bits);
    }
    if (table == 2) {
        oxm[n++] = is(OFPXMT_OFB_IP_PROTO, 6);
        oxm[n++] = is(OFPXMT_OFB_TCP_DST, 80);
    }
    add(t, command, table, (uint16_t)bits, oxm, n, next);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void make_packets(uint32_t flows)
{
    for (unsigned i = 0; i < PACKETS; i++) {
        uint64_t flow = beba_splitmix64(i) % flows;
        struct beba_assign assign[] = {
            {BEBA_F_ETH_DST, beba_u128(0, 0x020000000000 | flow)},
            {BEBA_F_IP4_SRC, beba_u128(0, address(flow + (1 << 20)))},
            {BEBA_F_IP4_DST, beba_u128(0, address(flow))},
            {BEBA_F_TCP_DST, beba_u128(0, 80)},
        };
        struct beba_build build = {.assign = assign, .n_assign = 4, .frame_len = LENGTH};
        struct beba_error err;

        memset(&packets[i], 0, sizeof(packets[i]));
        if (beba_packet_build(&packets[i], frames[i], FRAME, ROOM, &build, &err))
            fail(err.what);
        packets[i].in_port = 1;
    }
}

/* What has to be made of packets before each run: connections that were not there before. */
struct renewal {
    uint32_t entries; /* 0: nothing */
    uint64_t next;
};

static void renew(struct renewal *r, struct beba_packet *p)
{
    uint64_t x = beba_splitmix64(r->next++);
    uint32_t entry = (uint32_t)((x >> 32) * r->entries >> 32);
    uint8_t *ip = p->data + 14;

    beba_store32(ip + 12, address(entry + (1 << 20)) ^ ((uint32_t)x & 15));
    beba_store32(ip + 16, address(entry) ^ ((uint32_t)x >> 4 & 15));
    beba_store16(ip + 20, (uint16_t)(x >> 8));
}

static void run_all(struct tables *t, struct renewal *renewal)
{
    struct beba_packet *batch[BATCH];

    for (unsigned i = 0; i < PACKETS; i += BATCH) {
        for (unsigned k = 0; k < BATCH; k++) {
            batch[k] = &packets[i + k];
            if (renewal->entries)
                renew(renewal, batch[k]);
            beba_packet_parse(batch[k]);
        }
        beba_datapath_run(t->worker, batch, BATCH);
        rcu_quiescent_state();
    }
}

/* Millions of packets a second: the median of rounds. */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double measure(struct tables *t, uint32_t renewed, bool quick)
{
    struct renewal renewal = {renewed, 0};
    unsigned rounds = quick ? 3 : 9;
    double took[9], seconds = quick ? 0.1 : 0.5;

    run_all(t, &renewal);
    for (unsigned r = 0; r < rounds; r++) {
        double from = now();
        uint64_t n = 0;

        sent = 0;
        do {
            run_all(t, &renewal);
            n += PACKETS;
        } while (now() - from < seconds);
        took[r] = (double)n / (now() - from) / 1e6;
        if (sent != n)
            fail("packets were lost");
    }
    qsort(took, rounds, sizeof(*took), compare);
    return took[rounds / 2];
}

/* --- records ---------------------------------------------------------------------------------- */

struct report {
    FILE *json;
    unsigned n;
    const char *only; /* NULL: all */
    bool quick;
};

static bool wanted(const struct report *r, const char *name)
{
    return !r->only || !strcmp(r->only, name);
}

static void packets_record(struct report *r, const char *name, const char *engine, uint32_t flows,
                           double mpps, double least)
{
    printf("%-20s %8u entries %-7s %8.2f Mpps %8.1f ns\n", name, flows, engine, mpps, 1e3 / mpps);
    fflush(stdout);
    if (!r->json)
        return;
    fprintf(r->json,
            "%s\n {\"name\": \"%s\", \"target\": \"%s\", "
            "\"flows\": %u, \"skew\": "
            "\"none\", \"cores\": 1, \"mpps\": %.3f, \"ns_per_packet\": %.2f",
            r->n++ ? "," : "", name, engine, flows, mpps, 1e3 / mpps);
    if (least > 0)
        fprintf(r->json, ", \"bar\": {\"field\": \"ns_per_packet\", \"max\": %.1f}", 1e3 / least);
    fputc('}', r->json);
}

/* By the interpreter, and then by native code. */
static void both(struct report *r, const char *name, struct tables *t, uint32_t flows,
                 uint32_t renewed, double least)
{
    const struct beba_datapath_native_opts opts = {0};
    struct beba_datapath_native is;
    struct beba_error err;

    packets_record(r, name, "interp", flows, measure(t, renewed, r->quick), least);
    if (beba_datapath_native_start(t->dp, &opts, &err) || beba_datapath_native_wait(t->dp, &err)) {
        printf("%s: no native code: %s\n", name, err.what);
        return;
    }
    packets_record(r, name, "native", flows, measure(t, renewed, r->quick), least);
    beba_datapath_native(t->dp, &is);
    printf("%-20s compiled in %.0f ms\n", "", (double)is.compile_ns * 1e-6);
}

static void mods_record(struct report *r, const char *name, uint32_t n, double seconds)
{
    double us = seconds * 1e6 / n;

    printf("%-20s %8u entries %8.0f a second %6.2f us\n", name, n, n / seconds, us);
    fflush(stdout);
    if (r->json)
        fprintf(r->json,
                "%s\n {\"name\": \"%s\", \"target\": \"datapath\", \"flows\": %u, \"skew\": "
                "null, \"cores\": 1, \"value\": %.3f, \"unit\": \"us\", \"bar\": {\"field\": "
                "\"value\", \"max\": 10}}",
                r->n++ ? "," : "", name, n, us);
}

static void bench_exact(struct report *r, uint32_t flows)
{
    struct tables t;

    if (!wanted(r, "exact_match"))
        return;
    t = open_tables();
    for (uint32_t i = 0; i < flows; i++) {
        struct beba_of_oxm oxm = is(OFPXMT_OFB_ETH_DST, 0x020000000000 | i);
        add(&t, OFPFC_ADD, 0, 1, &oxm, 1, 0);
    }
    make_packets(flows);
    both(r, "exact_match", &t, flows, 0, 10);
    beba_datapath_free(t.dp);
}

static void bench_tables(struct report *r)
{
    struct tables t;

    if (!wanted(r, "three_tables"))
        return;
    t = open_tables();
    for (uint8_t table = 0; table < 3; table++)
        for (uint32_t i = 0; i < 10000; i++)
            wildcard(&t, OFPFC_ADD, table, i, 4, table < 2 ? (uint8_t)(table + 1) : 0);
    make_packets(10000);
    both(r, "three_tables", &t, 10000, 0, 5);
    beba_datapath_free(t.dp);
}

/* Entries that look at everything a connection is told by; no packet matches. */
static void add_connection(struct tables *t)
{
    struct beba_of_oxm oxm[] = {
        is(OFPXMT_OFB_ETH_TYPE, 0x0800),     is(OFPXMT_OFB_IP_PROTO, 6),
        is(OFPXMT_OFB_IPV4_SRC, 0xfffffffe), is(OFPXMT_OFB_IPV4_DST, 0xfffffffe),
        is(OFPXMT_OFB_TCP_SRC, 1),           is(OFPXMT_OFB_TCP_DST, 1)};

    add(t, OFPFC_ADD, 0, 40, oxm, 6, 0);
}

static void bench_new_flows(struct report *r, uint8_t tables, uint32_t entries)
{
    struct tables t;
    char name[32];

    snprintf(name, sizeof(name), "new_flows_%u_table%s", tables, tables > 1 ? "s" : "");
    if (!wanted(r, name))
        return;
    t = open_tables();
    for (uint8_t table = 0; table < tables; table++)
        for (uint32_t i = 0; i < entries; i++)
            wildcard(&t, OFPFC_ADD, table, i, 4, table + 1u < tables ? (uint8_t)(table + 1) : 0);
    add_connection(&t);
    make_packets(entries);
    both(r, name, &t, entries, entries, 0);
    beba_datapath_free(t.dp);
}

/* One stateful table: all sources are in state 4, which an entry lets through. */
static void bench_states(struct report *r, uint32_t flows)
{
    const struct beba_of_scope source = {
        .n = 1, .header = {0x80001604}, .field = {OFPXMT_OFB_IPV4_SRC}};
    struct beba_of_state_mod mod[] = {
        {.command = BEBA_STATEFUL_TABLE_CONFIG, .stateful = true},
        {.command = BEBA_SET_L_EXTRACTOR, .extractor = {.scope = source}},
        {.command = BEBA_SET_U_EXTRACTOR, .extractor = {.scope = source}},
    };
    struct beba_of_oxm state = is(BEBA_OF_STATE, 4);
    struct beba_of_error err;
    struct tables t;

    if (!wanted(r, "states"))
        return;
    t = open_tables();
    for (unsigned i = 0; i < 3; i++)
        if (beba_datapath_state_mod(t.dp, &mod[i], 0, &err))
            fail(err.what);
    for (uint32_t i = 0; i < flows; i++)
        for (uint32_t low = 0; low < 16; low++) {
            struct beba_of_state_mod set = {.command = BEBA_SET_FLOW_STATE,
                                            .flow = {.key_len = 4, .state = 4, .mask = ~0u}};

            beba_store32(set.flow.key, address(i + (1 << 20)) ^ low);
            if (beba_datapath_state_mod(t.dp, &set, 0, &err))
                fail(err.what);
        }
    add(&t, OFPFC_ADD, 0, 1, &state, 1, 0);
    make_packets(flows);
    both(r, "states", &t, flows * 16, flows, 5);
    beba_datapath_free(t.dp);
}

/* Packets all the time, while entries come with masks that were not there: how long until there is
 * code for them, and what is lost meanwhile. */
static void bench_swap(struct report *r)
{
    const struct beba_datapath_native_opts opts = {0};
    struct renewal none = {0};
    struct beba_datapath_native code;
    struct beba_error err;
    uint64_t n = 0, worst = 0;
    struct tables t;

    if (!wanted(r, "swap"))
        return;
    t = open_tables();
    for (uint32_t i = 0; i < 100000; i++)
        wildcard(&t, OFPFC_ADD, 0, i, 5, 0);
    make_packets(100000);
    if (beba_datapath_native_start(t.dp, &opts, &err) || beba_datapath_native_wait(t.dp, &err)) {
        printf("swap: no native code: %s\n", err.what);
        beba_datapath_free(t.dp);
        return;
    }
    sent = 0;
    for (unsigned i = 0; i < (r->quick ? 3u : 9u); i++) {
        struct beba_of_oxm oxm[] = {is(OFPXMT_OFB_ETH_TYPE, 0x0800), is(OFPXMT_OFB_IP_PROTO, 17),
                                    prefix(OFPXMT_OFB_IPV4_SRC, 0x0a000000, 8 + i)};

        add(&t, OFPFC_ADD, 0, 50, oxm, 3, 0);
        do {
            run_all(&t, &none);
            n += PACKETS;
            beba_datapath_native_step(t.dp);
            beba_datapath_native(t.dp, &code);
        } while (code.structure != code.compiled && !code.failed);
        worst = code.swap_ns > worst ? code.swap_ns : worst;
    }
    printf("%-20s %8u entries, at most %.0f ms; of %llu packets %llu lost\n", "swap", 100000,
           (double)worst * 1e-6, (unsigned long long)n, (unsigned long long)(n - sent));
    if (r->json)
        fprintf(r->json,
                "%s\n {\"name\": \"swap_time\", \"target\": \"native\", \"flows\": 100000, "
                "\"skew\": null, \"cores\": 1, \"value\": %.1f, \"unit\": \"ms\"},\n "
                "{\"name\": \"swap_lost\", \"target\": \"native\", \"flows\": 100000, "
                "\"skew\": null, \"cores\": 1, \"value\": %llu, \"unit\": \"packets\"}",
                r->n++ ? "," : "", (double)worst * 1e-6, (unsigned long long)(n - sent));
    beba_datapath_free(t.dp);
}

static void bench_mods(struct report *r)
{
    uint32_t n = 100000;
    struct tables t;
    double from;

    if (!wanted(r, "wildcards"))
        return;
    t = open_tables();
    from = now();
    for (uint32_t i = 0; i < n; i++)
        wildcard(&t, OFPFC_ADD, 0, i, 5, 0);
    mods_record(r, "flow_adds", n, now() - from);
    make_packets(n);
    both(r, "wildcards", &t, n, 0, 0);
    from = now();
    for (uint32_t i = 0; i < n; i++)
        wildcard(&t, OFPFC_DELETE_STRICT, 0, i, 5, 0);
    mods_record(r, "flow_deletes", n, now() - from);
    beba_datapath_free(t.dp);
}

int main(int argc, char **argv)
{
    struct report r = {0};

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick"))
            r.quick = true;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            r.only = argv[++i];
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            r.json = fopen(argv[++i], "w");
        else
            fail("usage: datapath_bench [--quick] [--only NAME] [--json FILE]");
    }
    if (r.json)
        fputc('[', r.json);
    rcu_register_thread();
    bench_exact(&r, 1000);
    bench_exact(&r, 10000);
    bench_tables(&r);
    bench_new_flows(&r, 1, 10000);
    bench_new_flows(&r, 3, 10000);
    bench_new_flows(&r, 1, 100000);
    bench_new_flows(&r, 3, 100000);
    bench_states(&r, 6250);
    bench_swap(&r);
    bench_mods(&r);
    rcu_unregister_thread();
    if (r.json) {
        fputs("]\n", r.json);
        fclose(r.json);
    }
    return 0;
}
