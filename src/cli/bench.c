/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba bench: the speed of a program on this machine. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/bench.h"

#include <stdlib.h>
#include <string.h>

struct opts {
    const char *flows, *skew, *seconds;
    struct cli_number seed;
    bool json;
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

struct plan {
    uint32_t flows[MOST];
    double skew[MOST];
    unsigned n_flows, n_skews;
    double seconds;
};

static int parse_flows(const char *text, struct plan *plan)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        uint64_t v;

        if (plan->n_flows == MOST || !cli_parse_number(text, n, &v) || !v ||
            v > BEBA_BENCH_FLOWS_MAX)
            return cli_usage("--flows takes up to %d numbers from 1 to %d, separated by commas",
                             MOST, BEBA_BENCH_FLOWS_MAX);
        plan->flows[plan->n_flows++] = (uint32_t)v;
        text += n + (text[n] == ',');
    }
    return plan->n_flows ? CLI_OK : cli_usage("--flows needs a number");
}

static int parse_skew(const char *text, struct plan *plan)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        char *end;
        double v = -1;

        if (n == 7 && !memcmp(text, "uniform", 7))
            v = 0;
        else if (n == 4 && !memcmp(text, "zipf", 4))
            v = 1;
        else if (n > 5 && !memcmp(text, "zipf=", 5) &&
                 ((v = strtod(text + 5, &end)), end != text + n))
            v = -1;
        if (plan->n_skews == MOST || !(v >= 0 && v <= 10))
            return cli_usage(
                "--skew takes uniform, zipf or zipf=S with S from 0 to 10, separated by "
                "commas");
        plan->skew[plan->n_skews++] = v;
        text += n + (text[n] == ',');
    }
    return plan->n_skews ? CLI_OK : cli_usage("--skew needs a value");
}

static int make_plan(const struct opts *o, struct plan *plan)
{
    char *end = NULL;
    int rc = parse_flows(o->flows ? o->flows : "1k,100k,1M", plan);

    if (!rc)
        rc = parse_skew(o->skew ? o->skew : "uniform,zipf", plan);
    if (rc)
        return rc;
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

static json_t *result_json(uint32_t flows, double skew, const struct beba_bench_result *r)
{
    return json_pack("{s:o, s:f, s:o, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "flows",
                     cli_json_u64(flows), "skew", skew, "packets", cli_json_u64(r->packets), "mpps",
                     r->mpps, "mpps_min", r->mpps_min, "mpps_max", r->mpps_max, "ns_per_packet",
                     r->ns_per_packet, "entries", cli_json_u64(r->entries), "memory",
                     cli_json_u64(r->memory), "lookups", cli_json_u64(r->lookups), "hits",
                     cli_json_u64(r->hits), "creations", cli_json_u64(r->creations));
}

static void print_result(uint32_t flows, const char *skew, const struct beba_bench_result *r)
{
    struct beba_strbuf memory = {0};

    cli_bytes(&memory, r->memory);
    printf("%9u  %-9s %9.2f %11.1f %9.1f%% %11s  %.2f to %.2f\n", flows, skew, r->mpps,
           r->ns_per_packet, r->lookups ? 100 * (double)r->hits / (double)r->lookups : 0,
           beba_strbuf_str(&memory), r->mpps_min, r->mpps_max);
    fflush(stdout);
    beba_strbuf_free(&memory);
}

static int measure(const struct beba_pipeline *p, const struct plan *plan, const struct opts *o,
                   json_t *list)
{
    if (!o->json)
        printf("%9s  %-9s %9s %11s %10s %11s  %s\n", "flows", "skew", "Mpps", "ns a packet", "hits",
               "memory", "spread (Mpps)");
    for (unsigned i = 0; i < plan->n_flows; i++) {
        for (unsigned k = 0; k < plan->n_skews; k++) {
            struct beba_bench_opts opts = {.flows = plan->flows[i],
                                           .skew = plan->skew[k],
                                           .seconds = plan->seconds,
                                           .seed = o->seed.value};
            struct beba_bench_result r = {0};
            struct beba_error err;
            char skew[16];

            if (beba_bench_run(p, &opts, &r, &err))
                return cli_fail(&err);
            skew_name(skew, plan->skew[k]);
            if (!o->json)
                print_result(plan->flows[i], skew, &r);
            json_array_append_new(list, result_json(plan->flows[i], plan->skew[k], &r));
        }
    }
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct plan plan = {0};
    struct cli_program p = {0};
    json_t *list = json_array();
    int rc;

    cli.json = o->json;
    rc = make_plan(o, &plan);
    if (!rc)
        rc = cli_load(call->operand[0], true, &p);
    if (!rc)
        rc = measure(p.program->pipeline, &plan, o, list);
    if (!rc && o->json)
        rc = cli_print_json(stdout, json_pack("{s:o, s:s, s:i, s:O}", "program",
                                              cli_json_text(call->operand[0]), "engine", "interp",
                                              "cores", 1, "results", list));
    json_decref(list);
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
        "Measures how many packets a second this machine runs through a program, on one core and "
        "from memory, for several numbers of flows and spreads of packets over them. Hits are "
        "lookups that found an entry.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
