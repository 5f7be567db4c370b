/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba explain: what happened to one packet, and why. */
#include "cli/explain.h"

#include "base/units.h"
#include "cli/commands.h"
#include "io/capture.h"
#include "lang/lang.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {.name = "read",
     .letter = 'r',
     .kind = CLI_STRING,
     .arg = "CAPTURE",
     .complete = CLI_COMPLETE_CAPTURE,
     .offset = offsetof(struct explain_opts, read),
     .help = "The capture to run on; '-' is standard input."},
    {.name = "number",
     .letter = 'n',
     .kind = CLI_LIST,
     .arg = "N",
     .offset = offsetof(struct explain_opts, numbers),
     .help = "Explain packet N of the capture, counted from 1, or packets N-M; those before it run "
             "silently. May be given several times. With --dev: stop after N packets."},
    {.name = "packet",
     .letter = 'p',
     .kind = CLI_LIST,
     .arg = "PACKET",
     .offset = offsetof(struct explain_opts, packets),
     .help =
         "Explain a packet given by its fields, as in a test: '{ ip4.src = 10.0.0.1, tcp.dst = 22 "
         "}'. May be given several times; the packets run in order, after those of the "
         "capture."},
    {.name = "in",
     .letter = 'i',
     .kind = CLI_LIST,
     .arg = "PORT",
     .offset = offsetof(struct explain_opts, ports),
     .help = "Port that the --packet options after this one come in by; 1 without it."},
    {.name = "at",
     .kind = CLI_LIST,
     .arg = "TIME",
     .offset = offsetof(struct explain_opts, times),
     .help = "When the --packet options after this one come: time since the start (with a capture, "
             "since its last packet), such as 1500ms."},
    {.name = "dev",
     .letter = 'd',
     .kind = CLI_STRING,
     .arg = "DEVICE",
     .complete = CLI_COMPLETE_DEVICE,
     .offset = offsetof(struct explain_opts, dev),
     .help = "Explain the packets that the program attached to DEVICE handles now, sampled."},
    {.name = "match",
     .letter = 'm',
     .kind = CLI_STRING,
     .arg = "GUARD",
     .offset = offsetof(struct explain_opts, match),
     .help = "With --dev: only packets for which GUARD holds, an expression as in a rule, such as "
             "'tcp.dst == 22 && ip.src in 10.0.0.0/8'."},
    {.name = "drops",
     .kind = CLI_FLAG,
     .offset = offsetof(struct explain_opts, drops),
     .help = "With --dev: only packets that were dropped."},
    {.name = "every",
     .kind = CLI_NUMBER,
     .arg = "K",
     .offset = offsetof(struct explain_opts, every),
     .help = "With --dev: look at one of K packets only; 1 without it."},
    {.name = "timeout",
     .kind = CLI_DURATION,
     .arg = "TIME",
     .offset = offsetof(struct explain_opts, timeout),
     .help = "With --dev: stop after TIME; without it, when interrupted."},
    {.name = "seed",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct explain_opts, seed),
     .help = "Seed of random numbers, as in beba run."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct explain_opts, json),
     .help = "Print the result as one JSON object; with --dev one a packet, in a line each."},
    {0},
};

struct interval {
    uint64_t first, last;
};

enum { BUFFER = BEBA_HEADROOM + 65536 + BEBA_TAILROOM };

/* "7", "3-9" */
static int parse_interval(const char *text, struct interval *out)
{
    const char *dash = strchr(text, '-');
    size_t n = dash ? (size_t)(dash - text) : strlen(text);

    if (!cli_parse_number(text, n, &out->first))
        goto bad;
    out->last = out->first;
    if (dash && !cli_parse_number(dash + 1, strlen(dash + 1), &out->last))
        goto bad;
    if (!out->first || out->last < out->first)
        goto bad;
    return CLI_OK;
bad:
    return cli_usage("'%s' is not a packet number from 1 or a range such as 3-9", text);
}

static const char *basis(int8_t result)
{
    return result < 0 ? NULL : result ? "true" : "false";
}

static json_t *step_json(const struct explain *x, const struct beba_trace_step *s)
{
    const struct beba_sources *sources = x->sources;
    json_t *json =
        json_pack("{s:s, s:o, s:o}", "kind", beba_trace_kind_name((enum beba_trace_kind)s->kind),
                  "text", cli_json_text(s->text), "why", cli_json_text(s->why));

    if (basis(s->result))
        json_object_set_new(json, "result", json_boolean(s->result));
    json_object_set_new(json, "depth", json_integer(s->depth));
    if (s->loc.len && s->loc.source < sources->n) {
        unsigned line, column;

        beba_sources_position(sources, s->loc, &line, &column);
        json_object_set_new(json, "line", json_integer(line));
    }
    return json;
}

static void add_json(struct explain *x, const char *title, const struct beba_trace *trace,
                     const struct beba_packet *p, const struct beba_result *result)
{
    struct beba_strbuf verdict = {0};
    json_t *steps = json_array();

    for (uint32_t i = 0; i < trace->n; i++)
        json_array_append_new(steps, step_json(x, &trace->step[i]));
    cli_verdict(&verdict, result);
    json_array_append_new(
        x->list,
        json_pack("{s:o, s:o, s:i, s:o, s:s, s:o, s:o}", "packet", cli_json_text(title), "time",
                  cli_json_u64(p->now), "in_port", (int)p->in_port, "verdict",
                  cli_json_text(beba_strbuf_str(&verdict)), "reason",
                  beba_reason_name((enum beba_reason)result->reason), "machine",
                  result->table < x->p->n_tables ? cli_json_text(x->p->table[result->table].name)
                                                 : json_null(),
                  "steps", steps));
    beba_strbuf_free(&verdict);
}

int explain_one(struct explain *x, const char *title, struct beba_packet *p,
                struct beba_result *result)
{
    struct beba_strbuf out = {0};
    struct beba_trace trace = {0};
    int rc;

    if (!x->list && x->explained && !x->o->dev)
        beba_strbuf_putc(&out, '\n');
    rc = beba_engine_trace(x->engine, p, result, &trace);
    x->explained++;
    if (rc)
        rc = cli_fail_with("%s: out of memory while recording what happened", title);
    else if (x->list)
        add_json(x, title, &trace, p, result);
    else
        beba_trace_print(&out, &trace, x->sources);
    beba_trace_free(&trace);
    cli_print(stdout, &out);
    return rc;
}

static bool wanted(const struct interval *list, unsigned n, uint64_t number)
{
    for (unsigned i = 0; i < n; i++) {
        if (number >= list[i].first && number <= list[i].last)
            return true;
    }
    return false;
}

static int explain_capture(struct explain *x, const struct interval *list)
{
    unsigned n_list = x->o->numbers.n;
    uint64_t number = 0, last = n_list && !x->o->packets.n ? 0 : UINT64_MAX;
    struct beba_reader *in;
    struct beba_packet p, *one = &p;
    struct beba_result result;
    struct beba_error err;
    char title[64];
    int rc;

    for (unsigned i = 0; i < n_list && last != UINT64_MAX; i++)
        last = list[i].last > last ? list[i].last : last;
    if (beba_reader_open(x->o->read, &in, &err))
        return cli_fail(&err);
    while (number < last && (rc = beba_reader_next(in, &p, &err)) == 1) {
        number++;
        x->now = p.now;
        if (wanted(list, n_list, number)) {
            snprintf(title, sizeof(title), "packet %llu", (unsigned long long)number);
            rc = explain_one(x, title, &p, &result);
        } else {
            beba_engine_run(x->engine, &one, 1, &result);
            rc = CLI_OK;
        }
        if (rc)
            break;
    }
    if (number >= last)
        rc = CLI_OK;
    else if (rc < 0)
        rc = cli_fail(&err);
    beba_reader_close(in);
    if (rc)
        return rc;
    for (unsigned i = 0; i < n_list; i++) {
        if (list[i].first > number)
            return cli_fail_with("%s has %llu packets; there is no packet %llu", x->o->read,
                                 (unsigned long long)number, (unsigned long long)list[i].first);
    }
    return CLI_OK;
}

/* The last item of a list that stands before place; NULL if none does. */
static const char *in_force(const struct cli_list *list, unsigned place)
{
    const char *value = NULL;

    for (unsigned i = 0; i < list->n && list->item[i].place < place; i++)
        value = list->item[i].value;
    return value;
}

static int build(struct explain *x, const struct cli_item *item, struct beba_packet *p,
                 uint8_t *buffer)
{
    const char *port = in_force(&x->o->ports, item->place);
    const char *time = in_force(&x->o->times, item->place);
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_arena arena = {0};
    struct beba_build b = {0};
    struct beba_error err = {0};
    uint64_t in = 1, at = 0;
    int rc = CLI_OK;

    if (port && (!cli_parse_number(port, strlen(port), &in) || in > UINT32_MAX))
        return cli_usage("'%s' is not a value for --in: it takes a port number", port);
    if (time && !cli_parse_duration(time, strlen(time), &at))
        return cli_usage("'%s' is not a value for --at: it takes a time with a unit, such as 2s",
                         time);
    if (beba_lang_parse_packet(item->value, strlen(item->value), &arena, &b, &sources, &diags)) {
        rc = cli_diags(&diags, &sources, "--packet");
        rc = rc ? rc : cli_fail_with("--packet: out of memory");
        goto out;
    }
    cli_diags(&diags, &sources, "--packet");
    if (beba_packet_build(p, buffer, BUFFER, BEBA_HEADROOM, &b, &err)) {
        if (!err.where[0])
            beba_error_where(&err, "--packet");
        rc = cli_fail(&err);
        goto out;
    }
    p->in_port = p->in_phy_port = (uint32_t)in;
    p->now = x->now + at;
out:
    beba_sources_free(&sources);
    beba_diags_free(&diags);
    beba_arena_free(&arena);
    return rc;
}

static int explain_given(struct explain *x)
{
    uint8_t *buffer = malloc(BUFFER);
    struct beba_packet p;
    struct beba_result result;
    char title[64];
    int rc = CLI_OK;

    if (!buffer)
        return cli_fail_with("out of memory");
    for (unsigned i = 0; i < x->o->packets.n && !rc; i++) {
        memset(&p, 0, sizeof(p));
        rc = build(x, &x->o->packets.item[i], &p, buffer);
        snprintf(title, sizeof(title), "given packet %u", i + 1);
        if (!rc)
            rc = explain_one(x, title, &p, &result);
    }
    free(buffer);
    return rc;
}

static int check_opts(const struct explain_opts *o, struct interval *list)
{
    if (o->match || o->drops || o->every.given || o->timeout.given)
        return cli_usage("--match, --drops, --every and --timeout go with --dev");
    if (!o->read && !o->packets.n)
        return cli_usage("no packet to explain: give -r CAPTURE -n N, or --packet '{ ... }'");
    if (o->read && !o->numbers.n && !o->packets.n)
        return cli_usage("which packet of the capture? give -n N");
    if (!o->read && o->numbers.n)
        return cli_usage("--number needs a capture: give -r CAPTURE");
    for (unsigned i = 0; i < o->numbers.n; i++) {
        int rc = parse_interval(o->numbers.item[i].value, &list[i]);

        if (rc)
            return rc;
    }
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    const struct explain_opts *o = call->opts;
    struct beba_engine_opts eopts = {.seed = o->seed.value, .fixed_seed = o->seed.given};
    struct interval *list = calloc(o->numbers.n + 1, sizeof(*list));
    struct cli_program p = {0};
    struct explain x = {.o = o, .now = BEBA_NS_PER_SEC};
    struct beba_error err;
    int rc;

    cli.json = o->json;
    if (o->dev) {
        free(list);
        return call->n_operands ? cli_usage("--dev takes the program that is attached, and no FILE")
                                : explain_live(o);
    }
    if (!call->n_operands) {
        free(list);
        return cli_usage("FILE is missing; or give --dev DEVICE");
    }
    rc = list ? check_opts(o, list) : cli_fail_with("out of memory");
    if (!rc)
        rc = cli_load(call->operand[0], false, &p);
    if (rc)
        goto out;
    x.p = p.program->pipeline;
    x.sources = &p.program->sources;
    x.list = o->json ? json_array() : NULL;
    if (beba_engine_new(x.p, &eopts, &x.engine, &err)) {
        rc = cli_fail(&err);
        goto out;
    }
    if (o->read)
        rc = explain_capture(&x, list);
    if (!rc)
        rc = explain_given(&x);
    if (!rc && o->json)
        rc = cli_print_json(stdout, json_pack("{s:o, s:O}", "program",
                                              cli_json_text(call->operand[0]), "packets", x.list));
out:
    json_decref(x.list);
    beba_engine_free(x.engine);
    cli_program_free(&p);
    free(list);
    return rc;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .operands = "[FILE]",
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "what happened to one packet, and why",
    .text =
        "Says of one packet: its key, its entry, every guard that was tried with the values that "
        "made it true or false, the statements that ran, the verdict.",
    .options = options,
    .size = sizeof(struct explain_opts),
    .run = run,
};
