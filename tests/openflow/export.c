/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program in the interpreter and, exported, in the datapath: verdicts, bytes, flows.
 *
 *   export [-r] PROGRAM CAPTURE...
 *
 * Captures run one after the other, by ports 1 to 4 in turn, in microseconds. Packets with MPLS or
 * PBB are left out, and RARP: OpenFlow has no IP in them, and no ARP. With -r the program draws
 * random numbers: neither flows nor ports of
 * packets are compared, but how many packets each port gets. Exit
 * status: 0 the same, 1 not, 2 misused, 3 not a valid program, 77 check refuses it (and then the
 * exporter must, too). */
#include "base/error.h"
#include "datapath/datapath.h"
#include "datapath/stateful.h"
#include "engine/engine.h"
#include "io/capture.h"
#include "lang/lang.h"
#include "openflow/codec.h"
#include "openflow/export.h"
#include "openflow/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

enum { PORTS = 64, PASS = 250, MOST = 128, FRAME = 1 << 16, SHOWN = 20 };

struct sent {
    uint32_t port, len;
    uint8_t bytes[2048];
};

struct world {
    const struct beba_pipeline *p;
    struct beba_engine *e;
    struct beba_datapath *dp;
    struct beba_datapath_worker *worker;
    struct beba_export export;
    struct sent sent[MOST];
    unsigned n_sent, n_in, differ;
    bool random;
    unsigned ours[MOST], theirs[MOST]; /* packets by port */
    unsigned long packets;
    uint64_t now;
};

#define DIFFERS(w, ...)                           \
    do {                                          \
        if ((w)->differ++ < SHOWN) {              \
            printf("packet %lu: ", (w)->packets); \
            printf(__VA_ARGS__);                  \
            putchar('\n');                        \
        }                                         \
    } while (0)

static void note_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *p)
{
    struct world *w = arg;
    struct sent *s = &w->sent[w->n_sent % MOST];

    w->n_sent++;
    s->port = port;
    s->len = p->len;
    memcpy(s->bytes, p->data, p->len < sizeof(s->bytes) ? p->len : sizeof(s->bytes));
}

static void note_in(void *arg, const struct beba_datapath_packet_in *in)
{
    ((struct world *)arg)->n_in++;
}

/* --- setting up ------------------------------------------------------------------------------- */

static bool install(struct world *w)
{
    const struct beba_of_codec plain = {.dialect = BEBA_DIALECT_ADVANCED};
    struct beba_of_codec codec = {.side = BEBA_OF_FROM_CONTROLLER,
                                  .dialect = BEBA_DIALECT_ADVANCED};
    static uint8_t bytes[BEBA_OF_MAX_MESSAGE];

    for (uint32_t i = 0; i < w->export.n; i++) {
        struct beba_of_error err = {0};
        struct beba_arena arena = {0};
        struct beba_strbuf text = {0};
        struct beba_of_msg m;
        int n = beba_of_encode(&w->export.msg[i], &plain, bytes, sizeof(bytes)), rc;

        rc = n < 0 ? n : beba_of_decode(bytes, (size_t)n, &codec, &arena, &m, &err);
        if (!rc && m.xid != i + 1)
            rc = -1;
        if (!rc && m.type == OFPT_FLOW_MOD)
            rc = beba_datapath_flow_mod(w->dp, &m.flow_mod, w->now, &err);
        else if (!rc && m.type == OFPT_EXPERIMENTER)
            rc = beba_datapath_state_mod(w->dp, &m.state_mod, w->now, &err);
        if (rc) {
            beba_export_print_msg(&text, &w->export.msg[i]);
            printf("message %u is refused: %s\n  %s\n", i + 1, err.what, beba_strbuf_str(&text));
            beba_strbuf_free(&text);
        }
        beba_arena_free(&arena);
        if (rc)
            return false;
    }
    return true;
}

static bool set_up(struct world *w, struct beba_error *err)
{
    const struct beba_datapath_sink sink = {.arg = w, .output = note_output, .packet_in = note_in};

    urcu_qsbr_register_thread();
    if (beba_engine_new(w->p, &(struct beba_engine_opts){.fixed_seed = true, .capacity = 100000},
                        &w->e, err) ||
        beba_datapath_new(&(struct beba_datapath_opts){.n_workers = 1, .max_flows = 100000}, &w->dp,
                          err))
        return false;
    w->worker = beba_datapath_worker(w->dp, 0, &sink);
    for (uint32_t i = 1; i <= PORTS; i++)
        beba_datapath_port_set(w->dp, &(struct beba_datapath_port){.port = i, .up = true});
    beba_datapath_port_set(w->dp, &(struct beba_datapath_port){.port = PASS, .up = true});
    return install(w);
}

/* --- packets ---------------------------------------------------------------------------------- */

static bool same(const struct sent *s, const uint8_t *bytes, uint32_t len)
{
    return s->len == len &&
           !memcmp(s->bytes, bytes, len < sizeof(s->bytes) ? len : sizeof(s->bytes));
}

static unsigned events(struct world *w)
{
    struct beba_event e;
    unsigned n = 0;

    while (beba_engine_event(w->e, &e))
        n += e.kind == BEBA_EVENT_NOTIFY;
    return n;
}

static void compare(struct world *w, const struct beba_result *r, const struct beba_packet *p)
{
    uint32_t n_mirrors, port = r->port;
    const struct beba_mirror *mirror = beba_engine_mirrors(w->e, &n_mirrors);
    unsigned n = 0, in = events(w) + (r->verdict == BEBA_VERDICT_PUNT), copies = 0;

    for (uint32_t i = 0; i < r->n_mirrors; i++) {
        const struct beba_mirror *m = &mirror[r->first_mirror + i];

        if (!m->port || (m->port > PORTS && m->port != PASS))
            continue;
        if (n >= w->n_sent || w->sent[n].port != m->port || !same(&w->sent[n], m->data, m->len))
            DIFFERS(w, "copy %u to port %u", i, m->port);
        n++;
    }
    if (in != w->n_in)
        DIFFERS(w, "%u packets to the controller, not %u", w->n_in, in);
    if (r->verdict == BEBA_VERDICT_PASS)
        port = PASS;
    if (r->verdict == BEBA_VERDICT_FLOOD)
        copies = PORTS; /* of PORTS + 1, without its own */
    else if (r->verdict != BEBA_VERDICT_DROP && r->verdict != BEBA_VERDICT_PUNT)
        copies = port && (port <= PORTS || port == PASS);
    if (w->n_sent != n + copies)
        DIFFERS(w, "%s to %u by rule %d: sent %u times, not %u; first to %u",
                beba_verdict_name((enum beba_verdict_kind)r->verdict), port, (int)r->rule,
                w->n_sent, n + copies, w->sent[0].port);
    if (w->random && copies == 1) {
        w->ours[port % MOST]++;
        w->theirs[w->sent[n].port % MOST]++;
        return;
    }
    for (; n < w->n_sent && n < MOST; n++) {
        if (copies == 1 && w->sent[n].port != port)
            DIFFERS(w, "sent to port %u, not %u", w->sent[n].port, port);
        if (copies && !same(&w->sent[n], p->data, p->len))
            DIFFERS(w, "other bytes, of rule %d", (int)r->rule);
    }
}

static void run_packet(struct world *w, const struct beba_packet *original, uint32_t in_port)
{
    static uint8_t mine[BEBA_HEADROOM + FRAME + BEBA_TAILROOM],
        theirs[BEBA_HEADROOM + FRAME + BEBA_TAILROOM];
    struct beba_packet a = *original, b, *one = &a, *two = &b;
    struct beba_result result;

    if (original->len > FRAME || original->len < 14 ||
        (original->h.layers & (1u << BEBA_LAYER_MPLS | 1u << BEBA_LAYER_PBB)) ||
        original->h.ether_type == 0x8035)
        return;
    a.in_port = in_port;
    a.in_phy_port = 0;
    a.now = original->now / 1000 * 1000;
    if (a.now > w->now)
        w->now = a.now;
    a.now = w->now;
    a.headroom = BEBA_HEADROOM;
    a.tailroom = BEBA_TAILROOM;
    b = a;
    a.data = mine + BEBA_HEADROOM;
    b.data = theirs + BEBA_HEADROOM;
    memcpy(a.data, original->data, a.len);
    memcpy(b.data, original->data, b.len);
    w->packets++;
    w->n_sent = w->n_in = 0;
    beba_engine_run(w->e, &one, 1, &result);
    beba_packet_parse(&b);
    beba_datapath_run(w->worker, &two, 1);
    compare(w, &result, &a);
}

static bool run_capture(struct world *w, const char *path)
{
    struct beba_error err = {0};
    struct beba_reader *reader;
    struct beba_packet p;

    if (beba_reader_open(path, &reader, &err)) {
        fprintf(stderr, "%s\n", err.what);
        return false;
    }
    while (beba_reader_next(reader, &p, &err) > 0) {
        if (p.link != BEBA_LINK_ETHERNET)
            break;
        beba_packet_parse(&p);
        run_packet(w, &p, 1 + (uint32_t)(w->packets % 4));
    }
    beba_reader_close(reader);
    return true;
}

/* --- flows -------------------------------------------------------------------------------------
 */

struct walk {
    struct world *w;
    const struct beba_export_table *at;
    uint64_t n;
};

static bool is_address(uint8_t field)
{
    uint8_t n = beba_of_fields[field].notation;

    return n == BEBA_OF_MAC || n == BEBA_OF_IP4 || n == BEBA_OF_IP6 || field == OFPXMT_OFB_ARP_OP;
}

/* The key as the program has it. */
static void key_of(const struct walk *k, const struct beba_state_entry *e, uint8_t *out)
{
    const struct beba_key *key = &k->w->p->table[k->at->machine].lookup;
    const uint8_t *from = e->key;

    memset(out, 0, BEBA_MAX_KEY);
    for (unsigned i = 0; i < key->n_fields; i++) {
        unsigned width = beba_fields[key->field[i]].type.width, n = (width + 7) / 8;
        uint32_t len = e->lookup->header[i] & 0xff;

        if (n > len) { /* an IPv4 address among those of both versions */
            out[10] = out[11] = 0xff;
            out += 12;
            n = 4;
        }
        for (unsigned b = 0; b < n; b++)
            *out++ = from[is_address(e->lookup->field[i]) ? b : n - 1 - b];
        from += len;
    }
}

/* The key of a connection: the lower end first. */
static void connection_of(const struct walk *k, const struct beba_state_entry *e, uint8_t *out)
{
    unsigned n = k->at->eth_type == 0x0800 ? 4 : 16;
    uint8_t end[2][18] = {{0}};
    int first;

    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *port = e->key + 2 * n + 2 * i;

        if (n == 4)
            end[i][10] = end[i][11] = 0xff;
        memcpy(end[i] + 16 - n, e->key + i * n, n);
        end[i][16] = port[1];
        end[i][17] = port[0];
    }
    first = memcmp(end[0], end[1], 18) > 0;
    memset(out, 0, BEBA_MAX_KEY);
    for (unsigned i = 0; i < 2; i++) {
        memcpy(out + 16 * i, end[(unsigned)first ^ i], 16);
        memcpy(out + 32 + 2 * i, end[(unsigned)first ^ i] + 16, 2);
    }
    out[36] = k->at->ip_proto;
}

static bool compare_flow(void *arg, const struct beba_state_entry *e)
{
    struct walk *k = arg;
    const struct beba_table *t = &k->w->p->table[k->at->machine];
    bool both = t->lookup.kind == BEBA_KEY_CONNECTION, back = both && e->state >= t->n_states;
    uint32_t state = back ? e->state - t->n_states : e->state == t->n_states ? 0 : e->state;
    uint8_t key[BEBA_MAX_KEY + 4] __attribute__((aligned(8)));
    struct beba_flow flow;
    bool found;

    if (!e->key_len)
        return true;
    if (both)
        connection_of(k, e, key);
    else
        key_of(k, e, key);
    found = beba_engine_flow_of_key(k->w->e, k->at->machine, key, k->w->now, &flow);
    if (!e->state) {
        if (found)
            DIFFERS(k->w, "table %u has a flow in state 0 that goes on as %u", e->table,
                    flow.state);
        return true;
    }
    k->n += found && !back;
    if ((found ? flow.state : 0) != state)
        DIFFERS(k->w, "table %u: a flow in state %u, not %u", e->table, state,
                found ? flow.state : 0);
    for (uint32_t r = 0; r < t->n_regs; r++) {
        uint64_t v = found ? beba_flow_reg(t, &flow, r).lo : t->reg[r].init.lo;

        if (t->reg[r].type.kind == BEBA_KIND_IP4)
            v = __builtin_bswap32((uint32_t)v);
        if (v != e->regs.var[r])
            DIFFERS(k->w, "table %u: %s of a flow is %u, not %llu", e->table, t->reg[r].name,
                    e->regs.var[r], (unsigned long long)v);
    }
    return true;
}

static void compare_flows(struct world *w)
{
    for (uint32_t m = 0; m < w->p->n_tables; m++) {
        uint64_t n = 0, cursor = 0, seen = 0;
        struct beba_flow flow;

        if (w->p->table[m].lookup.kind == BEBA_KEY_NONE)
            continue;
        for (uint32_t i = 0; i < w->export.n_tables; i++) {
            struct walk k = {w, &w->export.table[i], 0};
            struct beba_state_filter filter = {.table = w->export.table[i].table};
            uint64_t at = 0;

            if (k.at->machine != m)
                continue;
            beba_datapath_states(w->dp, &filter, w->now, &at, compare_flow, &k);
            n += k.n;
        }
        while (beba_engine_next_flow(w->e, m, w->now, &cursor, &flow))
            seen++;
        if (n != seen)
            DIFFERS(w, "machine %u has %llu flows, not %llu", m, (unsigned long long)n,
                    (unsigned long long)seen);
    }
}

/* Within five standard deviations, where packets are independent. */
static void compare_ports(struct world *w)
{
    for (unsigned i = 0; w->random && i < MOST; i++) {
        double a = w->ours[i], b = w->theirs[i], d = a - b;

        if (d * d > 25 * (a + b + 1))
            DIFFERS(w, "port %u got %u packets, not about %u", i, w->theirs[i], w->ours[i]);
        if (a + b > 0)
            printf("port %u: %u, %u\n", i, w->ours[i], w->theirs[i]);
    }
}

int main(int argc, char **argv)
{
    const struct beba_export_opts opts = {
        .first_table = 1, .pass = BEBA_EXPORT_PORT, .pass_port = PASS, .ports = PORTS};
    struct beba_lang_opts lang = {.no_warnings = true};
    static struct world w;
    struct beba_program *program;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    bool refused;

    if (argc > 1 && !strcmp(argv[1], "-r")) {
        w.random = true;
        argv++;
        argc--;
    }
    if (argc < 3)
        return 2;
    if (beba_lang_load_file(argv[1], &lang, &program, &diags, &err))
        return 3;
    beba_diags_free(&diags);
    diags = (struct beba_diags){0};
    w.p = program->pipeline;
    beba_export_check(w.p, &diags);
    refused = diags.errors != 0;
    if (refused) {
        for (uint32_t i = 0; i < diags.n; i++)
            if (diags.diag[i].severity == BEBA_ERROR)
                printf("%s; ", diags.diag[i].message);
        beba_diags_free(&diags);
        beba_program_free(program);
        return 77;
    }
    if (beba_export(w.p, &opts, &w.export, &diags)) {
        printf("check accepts what is not exported: %s\n", diags.diag[diags.n - 1].message);
        return 1;
    }
    if (!set_up(&w, &err)) {
        printf("cannot set up: %s\n", err.what);
        return 1;
    }
    /* a packet begins in table 0, and the program after it: a table before is not the program's */
    {
        struct beba_of_flow_mod go = {.command = OFPFC_ADD,
                                      .buffer = OFP_NO_BUFFER,
                                      .out_port = OFPP_ANY,
                                      .out_group = OFPG_ANY,
                                      .instructions = {.present = BEBA_OF_GOTO, .table = 1}};

        if (beba_datapath_flow_mod(w.dp, &go, 0, NULL))
            return 1;
    }
    for (int i = 2; i < argc; i++) {
        if (!run_capture(&w, argv[i]))
            return 2;
        if (!w.random)
            compare_flows(&w);
    }
    compare_ports(&w);
    printf("%lu packets, %u messages, %u tables, %u differences\n", w.packets, w.export.n,
           w.export.n_tables, w.differ);
    beba_export_free(&w.export);
    beba_engine_free(w.e);
    beba_datapath_free(w.dp);
    beba_program_free(program);
    beba_diags_free(&diags);
    urcu_qsbr_unregister_thread();
    return w.differ != 0;
}
