/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba bench: the speed of a program on this machine. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "native/native.h"
#include "engine/bench.h"

#include <stdlib.h>
#include <string.h>

/* What runs the program, and what makes it of an interpreter. */
#define ENGINES "interp or native"
enum { NATIVE = 1 };
static int use_native(void *arg, struct beba_engine *e, struct beba_error *err)
{
    int rc = beba_engine_use(e, beba_native_code(arg));

    return rc ? beba_error_set(err, rc, "cannot use the native code") : 0;
}
static const struct {
    const char *name;
    int (*prepare)(void *arg, struct beba_engine *e, struct beba_error *err);
} engines[] = {{"interp", NULL}, {"native", use_native}};

struct opts {
    const char *flows, *skew, *new_flows, *cores, *engine, *seconds;
    struct cli_number seed;
    bool latency, json;
};

static const struct cli_option options[] = {
    {.name = "flows",
     .letter = 'f',
     .kind = CLI_STRING,
     .arg = "N,N...",
     .offset = offsetof(struct opts, flows),
     .help = "Numbers of flows to measure with, separated by commas: 1k,100k,1M is the default."},
    {.name = "skew",
     .kind = CLI_STRING,
     .arg = "LAW,LAW",
     .choices = NULL,
     .offset = offsetof(struct opts, skew),
     .help = "How packets are spread over the flows: uniform, zipf, or both (uniform,zipf), the "
             "default. zipf=S sets its exponent, 1 otherwise."},
    {.name = "new-flows",
     .kind = CLI_STRING,
     .arg = "SHARE,SHARE...",
     .offset = offsetof(struct opts, new_flows),
     .help = "Shares of the packets that are of flows never seen before, as 0.1 or 10%; 0 is the "
             "default."},
    {.name = "cores",
     .kind = CLI_STRING,
     .arg = "N,N...",
     .offset = offsetof(struct opts, cores),
     .help = "Numbers of cores that share the packets and the tables; 1 is the default."},
    {.name = "engine",
     .letter = 'e',
     .kind = CLI_STRING,
     .arg = "NAME,NAME",
     .offset = offsetof(struct opts, engine),
     .help = "What runs the program: " ENGINES "; interp is the default."},
    {.name = "latency",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, latency),
     .help = "Also time batches of 32 packets one by one: how long half of them take at most, 99 "
             "of 100, and 999 of 1000."},
    {.name = "seconds",
     .letter = 't',
     .kind = CLI_STRING,
     .arg = "S",
     .offset = offsetof(struct opts, seconds),
     .help = "Seconds to measure for each line of the table, 1 without it; fractions are allowed."},
    {.name = "seed",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, seed),
     .help = "Seed of the traffic."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

enum { MOST = 16 };

/* Values of an option that takes several. */
struct list {
    double value[MOST];
    unsigned n;
};

struct plan {
    struct list flows, skew, new_flows, cores, engine;
    double seconds;
};

typedef bool (*parse_fn)(const char *text, size_t n, double *out);

static bool parse_flows(const char *text, size_t n, double *out)
{
    uint64_t v;

    if (!cli_parse_number(text, n, &v) || !v || v > BEBA_BENCH_FLOWS_MAX)
        return false;
    *out = (double)v;
    return true;
}

static bool parse_cores(const char *text, size_t n, double *out)
{
    return parse_flows(text, n, out) && *out <= BEBA_BENCH_CORES_MAX;
}

static bool parse_real(const char *text, size_t n, double *out)
{
    char *end;

    if (!n)
        return false;
    *out = strtod(text, &end);
    return end == text + n;
}

static bool parse_skew(const char *text, size_t n, double *out)
{
    *out = 0;
    if (n == 7 && !memcmp(text, "uniform", n))
        return true;
    *out = 1;
    if (n == 4 && !memcmp(text, "zipf", n))
        return true;
    return n > 5 && !memcmp(text, "zipf=", 5) && parse_real(text + 5, n - 5, out) && *out >= 0 &&
           *out <= 10;
}

static bool parse_share(const char *text, size_t n, double *out)
{
    bool percent = n && text[n - 1] == '%';

    if (!parse_real(text, n - percent, out))
        return false;
    if (percent)
        *out /= 100;
    return *out >= 0 && *out <= 1;
}

static bool parse_engine(const char *text, size_t n, double *out)
{
    for (unsigned i = 0; i < sizeof(engines) / sizeof(*engines); i++)
        if (n == strlen(engines[i].name) && !memcmp(text, engines[i].name, n)) {
            *out = i;
            return true;
        }
    return false;
}

static int parse_list(const char *text, parse_fn parse, const char *what, struct list *list)
{
    const char *at = text;

    do {
        size_t n = strcspn(at, ",");

        if (list->n == MOST || !parse(at, n, &list->value[list->n++]))
            return cli_usage("%s, up to %d of them, separated by commas", what, MOST);
        at += n + (at[n] == ',');
    } while (*at);
    return CLI_OK;
}

static int make_plan(const struct opts *o, struct plan *plan)
{
    const struct {
        const char *text, *otherwise, *what;
        parse_fn parse;
        struct list *list;
    } lists[] = {
        {o->flows, "1k,100k,1M", "--flows takes numbers from 1 to 16777216", parse_flows,
         &plan->flows},
        {o->skew, "uniform,zipf", "--skew takes uniform, zipf or zipf=S with S from 0 to 10",
         parse_skew, &plan->skew},
        {o->new_flows, "0", "--new-flows takes shares from 0 to 1, or from 0% to 100%", parse_share,
         &plan->new_flows},
        {o->cores, "1", "--cores takes numbers from 1 to 64", parse_cores, &plan->cores},
        {o->engine, "interp", "--engine takes " ENGINES, parse_engine, &plan->engine},
    };
    char *end = NULL;

    for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        int rc = parse_list(lists[i].text ? lists[i].text : lists[i].otherwise, lists[i].parse,
                            lists[i].what, lists[i].list);

        if (rc)
            return rc;
    }
    plan->seconds = o->seconds ? strtod(o->seconds, &end) : 1;
    if ((end && (*end || end == o->seconds)) || !(plan->seconds > 0 && plan->seconds <= 3600))
        return cli_usage("'%s' is not a value for --seconds: it takes a number above 0",
                         o->seconds);
    return CLI_OK;
}

static void skew_name(char out[16], double skew)
{
    if (skew > 0)
        snprintf(out, 16, "zipf %.3g", skew);
    else
        snprintf(out, 16, "uniform");
}

static json_t *result_json(const char *engine, const struct beba_bench_opts *o,
                           const struct beba_bench_result *r)
{
    json_t *made =
        json_pack("{s:o, s:f, s:f, s:i, s:s, s:o, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o}",
                  "flows", cli_json_u64(o->flows), "skew", o->skew, "new_flows", o->new_flows,
                  "cores", (int)o->cores, "engine", engine, "packets", cli_json_u64(r->packets),
                  "mpps", r->mpps, "mpps_min", r->mpps_min, "mpps_max", r->mpps_max,
                  "ns_per_packet", r->ns_per_packet, "entries", cli_json_u64(r->entries), "memory",
                  cli_json_u64(r->memory), "lookups", cli_json_u64(r->lookups), "hits",
                  cli_json_u64(r->hits), "creations", cli_json_u64(r->creations));

    if (o->latency)
        json_object_set_new(
            made, "batch_ns",
            json_pack("{s:f, s:f, s:f}", "p50", r->p50, "p99", r->p99, "p999", r->p999));
    return made;
}

static void print_head(const struct opts *o)
{
    printf("%9s  %-9s %5s %5s  %-6s %8s %11s %6s %11s", "flows", "skew", "new", "cores", "engine",
           "Mpps", "ns a packet", "hits", "memory");
    if (o->latency)
        printf(" %8s %8s %8s", "p50 us", "p99 us", "p99.9 us");
    printf("  spread (Mpps)\n");
}

static void print_result(const char *engine, const struct beba_bench_opts *o,
                         const struct beba_bench_result *r)
{
    struct beba_strbuf memory = {0};
    char skew[16];

    skew_name(skew, o->skew);
    cli_bytes(&memory, r->memory);
    printf("%9u  %-9s %4.3g%% %5u  %-6s %8.2f %11.1f %5.1f%% %11s", o->flows, skew,
           100 * o->new_flows, o->cores, engine, r->mpps, r->ns_per_packet,
           r->lookups ? 100 * (double)r->hits / (double)r->lookups : 0, beba_strbuf_str(&memory));
    if (o->latency)
        printf(" %8.2f %8.2f %8.2f", r->p50 / 1e3, r->p99 / 1e3, r->p999 / 1e3);
    printf("  %.2f to %.2f\n", r->mpps_min, r->mpps_max);
    fflush(stdout);
    beba_strbuf_free(&memory);
}

static int measure_one(const struct beba_pipeline *p, const struct beba_bench_opts *opts,
                       const char *engine, json_t *list)
{
    struct beba_bench_result r = {0};
    struct beba_error err;

    if (beba_bench_run(p, opts, &r, &err))
        return cli_fail(&err);
    if (!cli.json)
        print_result(engine, opts, &r);
    json_array_append_new(list, result_json(engine, opts, &r));
    return CLI_OK;
}

static int measure(const struct beba_pipeline *p, struct beba_native_module *native,
                   const struct plan *plan, const struct opts *o, json_t *list)
{
    const struct list *const axis[] = {&plan->flows, &plan->skew, &plan->new_flows, &plan->cores,
                                       &plan->engine};
    enum { AXES = sizeof(axis) / sizeof(*axis) };
    unsigned at[AXES] = {0}, k;

    if (!o->json)
        print_head(o);
    do { /* the last axis goes round first */
        unsigned engine = (unsigned)plan->engine.value[at[4]];
        struct beba_bench_opts opts = {.flows = (uint32_t)plan->flows.value[at[0]],
                                       .skew = plan->skew.value[at[1]],
                                       .new_flows = plan->new_flows.value[at[2]],
                                       .cores = (unsigned)plan->cores.value[at[3]],
                                       .prepare = engines[engine].prepare,
                                       .arg = native,
                                       .seconds = plan->seconds,
                                       .latency = o->latency,
                                       .seed = o->seed.value};
        int rc = measure_one(p, &opts, engines[engine].name, list);

        if (rc)
            return rc;
        for (k = AXES; k && ++at[k - 1] == axis[k - 1]->n; k--)
            at[k - 1] = 0;
    } while (k);
    return CLI_OK;
}

/* The code, where the native engine is among those to measure: for several cores, if any is. */
static int open_native(const struct cli_program *p, const struct plan *plan, const char *path,
                       struct beba_native_module **out)
{
    struct beba_native_opts opts = {.file = path, .sources = &p->program->sources};
    struct beba_error err = {0};
    bool wanted = false;

    for (unsigned i = 0; i < plan->engine.n; i++)
        wanted |= (unsigned)plan->engine.value[i] == NATIVE;
    for (unsigned i = 0; i < plan->cores.n; i++)
        opts.workers |= plan->cores.value[i] > 1;
    if (!wanted)
        return CLI_OK;
    return beba_native_new(p->program->pipeline, &opts, out, &err) ? cli_fail(&err) : CLI_OK;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct plan plan = {0};
    struct beba_native_module *native = NULL;
    struct cli_program p = {0};
    json_t *list = json_array();
    int rc;

    cli.json = o->json;
    rc = make_plan(o, &plan);
    if (!rc)
        rc = cli_load(call->operand[0], true, &p);
    if (!rc)
        rc = open_native(&p, &plan, call->operand[0], &native);
    if (!rc)
        rc = measure(p.program->pipeline, native, &plan, o, list);
    if (!rc && o->json)
        rc = cli_print_json(stdout, json_pack("{s:o, s:O}", "program",
                                              cli_json_text(call->operand[0]), "results", list));
    json_decref(list);
    beba_native_free(native);
    cli_program_free(&p);
    return rc;
}

const struct cli_command cli_bench = {
    .name = "bench",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "the speed of a program on this machine",
    .text =
        "Measures how many packets a second this machine runs through a program, from memory, for "
        "several numbers of flows, spreads of packets over them, shares of new flows and numbers "
        "of "
        "cores: a line for each combination. Hits are lookups that found an entry.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
