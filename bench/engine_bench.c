/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets in memory through whole programs, on one core.
 *
 *     engine_bench [--quick] [--json FILE]
 *
 * For port knocking, a token bucket a source, and TCP connection tracking by states alone and with
 * the window check (three machines): parse, key, lookup, rules, write back, over 1 000, 100 000 and
 * 1 000 000 flows, drawn uniformly or by Zipf's law with exponent 1. The packets are those of `beba
 * bench` (src/engine/bench.h). The reference of a figure is the same program over 1 000 flows:
 * ratio is what more flows cost, in time over time.
 *
 * Bars: at least 5 million packets a second over 100 000 flows and 3 million over a million, and
 * less than three times the cost of 1 000 flows. */
#include "base/error.h"
#include "engine/bench.h"
#include "lang/lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
    const char *name;
    uint32_t flows;
    const char *skew;
    double mpps, reference; /* reference: over the fewest flows */
};

static const struct {
    uint32_t flows;
    double least; /* Mpps; 0 = no bar */
} sizes[] = {{1000, 0}, {100000, 5}, {1000000, 3}};

static const struct {
    const char *name;
    double exponent;
} skews[] = {{"uniform", 0}, {"zipf", 1}};

static const char *const programs[] = {
    "examples/port_knocking.xfsm",
    "examples/token_bucket.xfsm",
    "bench/tcp_states.xfsm",
    "examples/tcp_conntrack.xfsm",
};

static struct beba_program *load(const char *file)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf text = {0};
    struct beba_error err = {0};
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, file);
    if (beba_lang_load_file(path, &opts, &program, &diags, &err)) {
        if (program)
            beba_diags_print(&diags, &program->sources, &text, false);
        fprintf(stderr, "%s: %s\n%s", path, err.what, beba_strbuf_str(&text));
        exit(1);
    }
    beba_diags_free(&diags);
    return program;
}

static void write_record(FILE *json, const struct record *r, double least, bool first)
{
    fprintf(json,
            "%s\n {\"name\": \"%s\", \"target\": \"interp\", \"flows\": %u, \"skew\": \"%s\", "
            "\"cores\": 1, \"mpps\": %.3f, \"ns_per_packet\": %.2f",
            first ? "" : ",", r->name, r->flows, r->skew, r->mpps, 1e3 / r->mpps);
    if (r->reference > 0)
        fprintf(json, ", \"reference\": %.3f, \"ratio\": %.3f", r->reference,
                r->reference / r->mpps);
    if (least > 0)
        fprintf(json, ", \"bar\": {\"field\": \"ns_per_packet\", \"max\": %.1f}", 1e3 / least);
    fputc('}', json);
}

static void run_program(const char *file, bool quick, FILE *json, unsigned *n)
{
    struct beba_program *program = load(file);
    const char *name = program->pipeline->name;

    for (unsigned s = 0; s < sizeof(skews) / sizeof(*skews); s++) {
        double reference = 0;

        for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            struct beba_bench_opts opts = {.flows = sizes[i].flows,
                                           .skew = skews[s].exponent,
                                           .seconds = quick ? 0.2 : 1.5,
                                           .rounds = quick ? 3 : 9};
            struct beba_bench_result result;
            struct beba_error err = {0};
            struct record r = {name, sizes[i].flows, skews[s].name, 0, reference};

            if (beba_bench_run(program->pipeline, &opts, &result, &err)) {
                fprintf(stderr, "%s: %s\n", name, err.what);
                exit(1);
            }
            r.mpps = result.mpps;
            if (!i)
                reference = result.mpps;
            printf("%-16s %9u %-8s %8.2f Mpps (%.2f..%.2f) %8.1f ns", name, r.flows, r.skew,
                   result.mpps, result.mpps_min, result.mpps_max, result.ns_per_packet);
            printf(r.reference > 0 ? "  x%.2f\n" : "\n", r.reference / r.mpps);
            fflush(stdout);
            if (json)
                write_record(json, &r, sizes[i].least, !(*n)++);
        }
    }
    beba_program_free(program);
}

int main(int argc, char **argv)
{
    FILE *json = NULL;
    bool quick = false;
    unsigned n = 0;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            quick = true;
        } else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (!json) {
                perror(argv[i]);
                return 1;
            }
        } else {
            fprintf(stderr, "usage: engine_bench [--quick] [--json FILE]\n");
            return 2;
        }
    }
    if (json)
        fputc('[', json);
    for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
        run_program(programs[i], quick, json, &n);
    if (!json)
        return 0;
    fputs("\n]\n", json);
    return fclose(json) ? 1 : 0;
}
