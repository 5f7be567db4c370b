/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets of a program in the kernel, explained while they run.
 *
 * The kernel hands out sampled packets as they came in, each after the entries that it found. An
 * interpreter that holds just these entries runs the packet again, at the packet's time. */
#include "cli/deployment.h"
#include "cli/explain.h"
#include "cli/values.h"
#include "io/capture.h"
#include "lang/lang.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ENTRIES = 1024, /* kept, until their packet comes */
    POLL_MS = 200,
    CAPACITY = 64,         /* of the interpreter's tables: entries of one packet */
    AHEAD_NS = 2000000000, /* for which sampling is asked at a time: a killed command ends so */
    FRESH_NS = 50000000,   /* for which values that were read count as the current ones */

    ROOM = BEBA_HEADROOM + BEBA_OBJECT_SAMPLE + BEBA_TAILROOM,
};

struct live {
    struct explain x;
    struct cli_deployment d;
    struct beba_program *guard; /* NULL: all packets */
    struct beba_engine *guard_engine;
    struct beba_object_entry *entry; /* a ring */
    uint64_t n_entries;
    uint64_t fresh;   /* when values were read */
    uint64_t skipped; /* samples that were not wanted */
    uint64_t wanted;  /* packets to explain */
    int rc;
    uint8_t buffer[ROOM] __attribute__((aligned(8)));
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

/* --- the guard ----------------------------------------------------------------------------- */

/* A program with the guard in a rule: what it passes is wanted. */
static int make_guard(struct live *l)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_engine_opts eopts = {.events = 1};
    struct beba_strbuf text = {0};
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    int rc;

    if (!l->x.o->match)
        return CLI_OK;
    beba_strbuf_printf(&text, "machine match {\n    on %s { pass }\n    else { drop }\n}\n",
                       l->x.o->match);
    rc = text.failed ? -ENOMEM
                     : beba_lang_load_text("--match", text.s, text.len, &opts, &l->guard, &diags);
    if (diags.errors)
        cli_diags(&diags, &l->guard->sources, "--match");
    else if (rc)
        cli_fail_with("--match: %s", strerror(-rc));
    if (!rc && (l->guard->pipeline->n_tables != 1 || l->guard->pipeline->n_rules != 2)) {
        cli_usage("--match takes one expression");
        rc = -EINVAL;
    }
    if (!rc) {
        rc = beba_engine_new(l->guard->pipeline, &eopts, &l->guard_engine, &err);
        if (rc)
            cli_fail(&err);
    }
    beba_diags_free(&diags);
    beba_strbuf_free(&text);
    return rc ? CLI_FAILED : CLI_OK;
}

/* The packet as it came in, in the buffer. */
static void packet_of(struct live *l, const struct beba_object_sample *s, struct beba_packet *p)
{
    memcpy(l->buffer + BEBA_HEADROOM, s->data, s->cap);
    *p = (struct beba_packet){.data = l->buffer + BEBA_HEADROOM,
                              .len = s->cap,
                              .wire_len = s->len,
                              .headroom = BEBA_HEADROOM,
                              .tailroom = ROOM - BEBA_HEADROOM - s->cap,
                              .in_port = s->in_port,
                              .in_phy_port = s->in_port,
                              .now = s->time};
}

static bool wanted(struct live *l, const struct beba_object_sample *s)
{
    struct beba_packet p, *one = &p;
    struct beba_result result;

    if (l->x.o->drops && s->result.verdict != BEBA_VERDICT_DROP)
        return false;
    if (!l->guard_engine)
        return true;
    packet_of(l, s, &p);
    beba_engine_run(l->guard_engine, &one, 1, &result);
    return result.verdict == BEBA_VERDICT_PASS;
}

/* --- one packet ---------------------------------------------------------------------------- */

/* The interpreter gets the entries that the kernel found for this packet, and no others. */
static void put_entries(struct live *l, const struct beba_object_sample *s)
{
    uint64_t first = l->n_entries > ENTRIES ? l->n_entries - ENTRIES : 0;

    beba_engine_clear(l->x.engine);
    for (uint64_t i = first; i < l->n_entries; i++) {
        const struct beba_object_entry *e = &l->entry[i % ENTRIES];
        struct beba_flow flow = {.table = e->table,
                                 .key = e->key,
                                 .state = e->state,
                                 .entered = e->entered,
                                 .used = e->used,
                                 .born = (uint64_t)(e->birth >> 1) << 24,
                                 .backward = e->birth & 1};

        if (e->time != s->time || e->cpu != s->cpu || !e->found)
            continue;
        memcpy(flow.regs, e->regs, sizeof(flow.regs));
        beba_engine_put_flow(l->x.engine, &flow);
    }
}

static int refresh_values(struct live *l)
{
    uint64_t now = beba_kernel_now();
    struct beba_error err = {0};

    if (l->fresh && now - l->fresh < FRESH_NS)
        return CLI_OK;
    l->fresh = now;
    return cli_values_copy(l->d.kernel, l->x.engine, l->d.p, &err) ? cli_fail(&err) : CLI_OK;
}

static struct beba_result result_of(const struct beba_object_result *r)
{
    return (struct beba_result){.verdict = r->verdict,
                                .reason = r->reason,
                                .port = r->port,
                                .table = r->table,
                                .rule = r->rule};
}

static bool differs(const struct beba_result *a, const struct beba_result *b)
{
    return a->verdict != b->verdict || a->reason != b->reason || a->rule != b->rule ||
           (a->verdict == BEBA_VERDICT_OUTPUT && a->port != b->port);
}

/* "drop (knock: closed: else)": what the kernel decided, and why. */
static void kernel_says(struct live *l, const struct beba_result *r, struct beba_strbuf *out)
{
    cli_verdict(out, r);
    beba_strbuf_puts(out, " (");
    if (r->reason < BEBA_N_REASONS)
        cli_decision(out, l->d.p, r);
    else
        beba_strbuf_puts(out, beba_kernel_reason_name(r->reason));
    beba_strbuf_putc(out, ')');
}

static int tell_json(struct live *l, const struct beba_result *kernel, bool differ, uint64_t time)
{
    json_t *packet = json_array_get(l->x.list, 0);
    struct beba_strbuf verdict = {0};
    int rc;

    cli_verdict(&verdict, kernel);
    json_object_set_new(packet, "time", cli_json_u64(time));
    json_object_set_new(
        packet, "kernel",
        json_pack("{s:o, s:s, s:o, s:o, s:b}", "verdict", cli_json_text(beba_strbuf_str(&verdict)),
                  "reason", beba_kernel_reason_name(kernel->reason), "machine",
                  kernel->table < l->d.p->n_tables
                      ? cli_json_text(l->d.p->table[kernel->table].name)
                      : json_null(),
                  "rule",
                  kernel->rule < l->d.p->n_rules ? cli_json_text(l->d.p->rule[kernel->rule]->label)
                                                 : json_null(),
                  "differs", differ));
    rc = json_dumpf(packet, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fputc('\n', stdout);
    json_array_clear(l->x.list);
    beba_strbuf_free(&verdict);
    return rc || fflush(stdout) ? CLI_FAILED : CLI_OK;
}

static int explain_sample(struct live *l, const struct beba_object_sample *s)
{
    uint64_t time = (uint64_t)((int64_t)s->time + beba_kernel_epoch());
    time_t seconds = (time_t)(time / 1000000000);
    struct beba_result result, kernel = result_of(&s->result);
    struct beba_strbuf out = {0};
    struct beba_packet p;
    char when[32];
    struct tm tm;
    int rc = refresh_values(l);

    if (rc)
        return rc;
    put_entries(l, s);
    packet_of(l, s, &p);
    localtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%H:%M:%S", &tm);
    if (!l->x.list) {
        beba_strbuf_printf(&out, "%s%s.%06u kernel: ", l->x.explained ? "\n" : "", when,
                           (unsigned)(time % 1000000000 / 1000));
        kernel_says(l, &kernel, &out);
        beba_strbuf_putc(&out, '\n');
        if (!cli_print(stdout, &out))
            return CLI_FAILED;
    }
    rc = explain_one(&l->x, when, &p, &result);
    if (rc)
        return rc;
    if (l->x.list)
        return tell_json(l, &kernel, differs(&result, &kernel), time);
    if (differs(&result, &kernel))
        puts("  the kernel decided otherwise: globals, arrays, sets or random numbers were not "
             "the same then");
    return fflush(stdout) ? CLI_FAILED : CLI_OK;
}

/* --- the stream ---------------------------------------------------------------------------- */

static int take(void *arg, const void *record, size_t size)
{
    struct live *l = arg;
    const struct beba_object_entry *entry = record;
    struct beba_object_sample sample;

    if (size >= sizeof(*entry) && entry->kind == BEBA_OBJECT_EVENT_ENTRY) {
        l->entry[l->n_entries++ % ENTRIES] = *entry;
        return 0;
    }
    if (size < sizeof(sample) || entry->kind != BEBA_OBJECT_EVENT_SAMPLE)
        return 0;
    memcpy(&sample, record, sizeof(sample));
    if (sample.cap > BEBA_OBJECT_SAMPLE || !wanted(l, &sample)) {
        l->skipped++;
        return 0;
    }
    l->rc = explain_sample(l, &sample);
    return l->rc || l->x.explained >= l->wanted || stopped ? -ECANCELED : 0;
}

static int listen_to(struct live *l)
{
    uint64_t every = l->x.o->every.given ? l->x.o->every.value : 1, now = beba_kernel_now();
    uint64_t end = l->x.o->timeout.given ? now + l->x.o->timeout.value : UINT64_MAX;
    struct beba_error err = {0};
    int rc = 0;

    while (!stopped && !l->rc && l->x.explained < l->wanted && now < end) {
        uint64_t left = (end - now) / 1000000 + 1;

        beba_kernel_sample(l->d.kernel, (uint32_t)every, now + AHEAD_NS);
        rc = beba_kernel_events(l->d.kernel, left < POLL_MS ? (int)left : POLL_MS, take, l, &err);
        if (rc < 0 && rc != -EINTR && rc != -ECANCELED)
            break;
        rc = 0;
        now = beba_kernel_now();
    }
    beba_kernel_sample(l->d.kernel, 0, 0);
    return rc ? cli_fail(&err) : l->rc;
}

static int check(const struct explain_opts *o, uint64_t *wanted_packets)
{
    const char *number = o->numbers.n ? o->numbers.item[0].value : NULL;

    *wanted_packets = UINT64_MAX;
    if (o->read || o->packets.n)
        return cli_usage("--dev explains live packets: --read and --packet do not go with it");
    if (o->numbers.n > 1 ||
        (number && (!cli_parse_number(number, strlen(number), wanted_packets) || !*wanted_packets)))
        return cli_usage("with --dev, --number takes how many packets to explain");
    if (o->every.given && (!o->every.value || o->every.value > UINT32_MAX))
        return cli_usage("--every takes a number from 1");
    return CLI_OK;
}

int explain_live(const struct explain_opts *o)
{
    struct beba_engine_opts eopts = {.capacity = CAPACITY, .seed = o->seed.value};
    struct sigaction action = {.sa_handler = on_signal};
    struct live *l = calloc(1, sizeof(*l));
    struct beba_error err = {0};
    int rc;

    if (!l)
        return cli_fail_with("out of memory");
    l->x.o = o;
    rc = check(o, &l->wanted);
    if (!rc)
        rc = make_guard(l);
    if (!rc)
        rc = cli_deployment_of_device(o->dev, &l->d);
    if (rc)
        goto out;
    l->x.p = l->d.p;
    l->x.sources = &l->d.program->sources;
    l->x.list = o->json ? json_array() : NULL;
    l->entry = calloc(ENTRIES, sizeof(*l->entry));
    if (!l->entry || beba_engine_new(l->d.p, &eopts, &l->x.engine, &err)) {
        rc = l->entry ? cli_fail(&err) : cli_fail_with("out of memory");
        goto out;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    rc = listen_to(l);
    if (!rc && !l->x.explained)
        cli_warn("no packet to explain came%s", l->skipped ? " that is asked for" : "");
out:
    free(l->entry);
    json_decref(l->x.list);
    beba_engine_free(l->x.engine);
    beba_engine_free(l->guard_engine);
    beba_program_free(l->guard);
    cli_deployment_close(&l->d);
    free(l);
    return rc;
}
