/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba show: what runs in the kernel. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "cli/flows.h"
#include "cli/report.h"

#include "base/units.h"
#include "pipeline/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct opts {
    const char *machine;
    bool follow, json;
};

static const struct cli_option options[] = {
    {.name = "machine",
     .letter = 'm',
     .kind = CLI_STRING,
     .arg = "MACHINE",
     .offset = offsetof(struct opts, machine),
     .help = "Flows of this machine only."},
    {.name = "follow",
     .letter = 'f',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, follow),
     .help = "Of events: go on, and print each as it happens."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object; of followed events, one object a line."},
    {0},
};

/* Adds what it tells of one program to text, or to json when that is not NULL. */
typedef int (*tell_fn)(struct cli_deployment *d, const struct opts *o, struct beba_strbuf *text,
                       json_t *json);

typedef unsigned long long ull;

/* --- where the numbers come from ----------------------------------------------------------- */

static int table_of(void *from, uint32_t table, struct beba_table_stats *out)
{
    return beba_kernel_table(from, table, out);
}

static void rule_of(void *from, uint32_t rule, struct beba_rule_counters *out)
{
    beba_kernel_rule(from, rule, out);
}

static void counter_of(void *from, uint32_t counter, struct beba_rule_counters *out)
{
    beba_kernel_counter(from, counter, out);
}

static void global_of(void *from, uint32_t global, struct beba_u128 *out)
{
    beba_kernel_global(from, global, out);
}

static bool next_flow_of(void *from, uint32_t table, uint64_t now, uint64_t *cursor,
                         struct beba_flow *out)
{
    return beba_kernel_next_flow(from, table, now, cursor, out);
}

static const struct report_ops kernel_ops = {
    .table = table_of,
    .rule = rule_of,
    .counter = counter_of,
    .global = global_of,
    .next_flow = next_flow_of,
};

static struct report report_of(struct cli_deployment *d, json_t *json)
{
    return (struct report){.program = d->program,
                           .p = d->p,
                           .text = stdout,
                           .json = json,
                           .now = beba_kernel_now(),
                           .ops = &kernel_ops,
                           .from = d->kernel};
}

/* --- programs ------------------------------------------------------------------------------ */

static void print_time(struct beba_strbuf *out, uint64_t ns)
{
    time_t t = (time_t)(ns / BEBA_NS_PER_SEC);
    struct tm tm;
    char text[64];

    if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
        beba_strbuf_puts(out, text);
}

static void tell_machines(struct cli_deployment *d, struct beba_strbuf *text, json_t *machines)
{
    for (uint32_t i = 0; i < d->p->n_tables; i++) {
        const struct beba_table *t = &d->p->table[i];
        struct beba_table_stats s = {0};

        beba_kernel_table(d->kernel, i, &s);
        if (t->lookup.kind == BEBA_KEY_NONE)
            beba_strbuf_printf(text, "  machine %s: no flows\n", t->name);
        else
            beba_strbuf_printf(text, "  machine %s: %llu of %llu flows\n", t->name, (ull)s.entries,
                               (ull)s.capacity);
        json_array_append_new(
            machines, json_pack("{s:o, s:o, s:o, s:o}", "name", cli_json_text(t->name), "entries",
                                cli_json_u64(s.entries), "capacity", cli_json_u64(s.capacity),
                                "memory", cli_json_u64(s.memory)));
    }
}

static int tell_program(struct cli_deployment *d, const struct opts *o, struct beba_strbuf *text,
                        json_t *json)
{
    const struct beba_kernel_info *info = &d->info;
    json_t *devices = json_array(), *machines = json_array();

    (void)o;
    beba_strbuf_printf(text, "%s: %s for %s, program %u, ", info->name, info->file,
                       beba_target_name(info->target), info->program_id);
    cli_bytes(text, info->memory);
    beba_strbuf_puts(text, ", since ");
    print_time(text, info->loaded);
    beba_strbuf_putc(text, '\n');
    for (unsigned i = 0; i < info->n_devices; i++) {
        const struct beba_kernel_device *dev = &info->device[i];
        const char *hook = beba_hook_name((enum beba_kernel_hook)dev->hook);
        const char *how = beba_how_name((enum beba_kernel_how)dev->how);

        beba_strbuf_printf(text, "  port %u: %s, %s by %s%s\n", dev->port, dev->name, hook, how,
                           dev->gone ? "; the device is gone" : "");
        json_array_append_new(devices, json_pack("{s:o, s:i, s:s, s:s, s:b}", "device",
                                                 cli_json_text(dev->name), "port", (int)dev->port,
                                                 "hook", hook, "by", how, "gone", dev->gone));
    }
    tell_machines(d, text, machines);
    if (json) {
        json_object_set_new(json, "file", cli_json_text(info->file));
        json_object_set_new(json, "target", json_string(beba_target_name(info->target)));
        json_object_set_new(json, "id", json_integer(info->program_id));
        json_object_set_new(json, "loaded", cli_json_u64(info->loaded));
        json_object_set_new(json, "memory", cli_json_u64(info->memory));
        json_object_set(json, "devices", devices);
        json_object_set(json, "machines", machines);
    }
    json_decref(devices);
    json_decref(machines);
    return CLI_OK;
}

/* --- counters ------------------------------------------------------------------------------ */

static const struct {
    const char *name, *what;
    size_t offset;
} kernel_counters[] = {
    {"busy", "packets were dropped: their flow's lock was not to be had",
     offsetof(struct beba_kernel_stats, busy)},
    {"broken", "packets were dropped: a map or the packet's data was not there",
     offsetof(struct beba_kernel_stats, broken)},
    {"redirects_failed", "packets were lost: their port has no device",
     offsetof(struct beba_kernel_stats, redirect_failed)},
};

static int tell_counters(struct cli_deployment *d, const struct opts *o, struct beba_strbuf *text,
                         json_t *json)
{
    struct report report = report_of(d, json);
    struct beba_kernel_stats stats;

    (void)o;
    beba_kernel_stats(d->kernel, &stats);
    beba_strbuf_printf(text, "%s: %llu packet%s, %llu bytes\n", d->info.name,
                       (ull)stats.engine.packets, stats.engine.packets == 1 ? "" : "s",
                       (ull)stats.engine.bytes);
    if (json) {
        json_object_set_new(json, "packets", cli_json_u64(stats.engine.packets));
        json_object_set_new(json, "bytes", cli_json_u64(stats.engine.bytes));
    }
    report_verdicts(&report, &stats.engine, text);
    for (size_t i = 0; i < sizeof(kernel_counters) / sizeof(*kernel_counters); i++) {
        uint64_t n;

        memcpy(&n, (const char *)&stats + kernel_counters[i].offset, sizeof(n));
        if (n)
            beba_strbuf_printf(text, "  %llu %s\n", (ull)n, kernel_counters[i].what);
        if (json)
            json_object_set_new(json, kernel_counters[i].name, cli_json_u64(n));
    }
    report_tables(&report, text);
    report_values(&report, text);
    return CLI_OK;
}

/* --- globals, sets ------------------------------------------------------------------------- */

/* Cells that are not 0. */
static void tell_array(struct cli_deployment *d, uint32_t i, struct beba_strbuf *text,
                       json_t *arrays)
{
    const struct beba_array *a = &d->p->array[i];
    json_t *cells = json_array();

    for (uint32_t row = 0; row < (a->rows ? a->rows : 1); row++)
        for (uint32_t column = 0; column < (a->columns ? a->columns : 1); column++) {
            uint64_t v = beba_kernel_cell(d->kernel, i, row, column);

            if (!v)
                continue;
            beba_strbuf_printf(text, "  %s", a->name);
            if (a->two_dimensional)
                beba_strbuf_printf(text, "[%u]", row);
            beba_strbuf_printf(text, "[%u] = ", column);
            beba_value_print(text, a->type, beba_u128(0, v));
            beba_strbuf_putc(text, '\n');
            json_array_append_new(cells, json_pack("{s:i, s:i, s:o}", "row", (int)row, "column",
                                                   (int)column, "value",
                                                   cli_json_value(a->type, beba_u128(0, v))));
        }
    json_object_set_new(arrays, a->name, cells);
}

static int tell_globals(struct cli_deployment *d, const struct opts *o, struct beba_strbuf *text,
                        json_t *json)
{
    json_t *globals = json_object(), *arrays = json_object();

    (void)o;
    beba_strbuf_printf(text, "%s%s\n", d->info.name,
                       d->p->n_globals + d->p->n_arrays ? ":" : ": no globals and no arrays");
    for (uint32_t i = 0; i < d->p->n_globals; i++) {
        const struct beba_global *g = &d->p->global[i];
        struct beba_u128 v;

        beba_kernel_global(d->kernel, i, &v);
        beba_strbuf_printf(text, "  %s = ", g->name);
        beba_value_print(text, g->type, v);
        beba_strbuf_putc(text, '\n');
        json_object_set_new(globals, g->name, cli_json_value(g->type, v));
    }
    for (uint32_t i = 0; i < d->p->n_arrays; i++)
        tell_array(d, i, text, arrays);
    if (json) {
        json_object_set(json, "globals", globals);
        json_object_set(json, "arrays", arrays);
    }
    json_decref(globals);
    json_decref(arrays);
    return CLI_OK;
}

static int tell_sets(struct cli_deployment *d, const struct opts *o, struct beba_strbuf *text,
                     json_t *json)
{
    struct beba_error err = {0};
    json_t *sets = json_object();

    (void)o;
    beba_strbuf_printf(text, "%s%s\n", d->info.name, d->p->n_sets ? ":" : ": no sets");
    for (uint32_t i = 0; i < d->p->n_sets; i++) {
        const struct beba_set *set = &d->p->set[i];
        json_t *elements = json_array();
        struct beba_range *range;
        int64_t n = beba_kernel_set(d->kernel, i, &range, &err);

        json_object_set_new(sets, set->name, elements);
        if (n < 0) {
            json_decref(sets);
            return cli_fail(&err);
        }
        beba_strbuf_printf(text, "  set %s: %lld element%s\n", set->name, (long long)n,
                           n == 1 ? "" : "s");
        for (int64_t j = 0; j < n; j++) {
            struct beba_strbuf element = {0};

            beba_range_print(&element, set->type, &range[j]);
            beba_strbuf_printf(text, "    %s\n", beba_strbuf_str(&element));
            json_array_append_new(elements, cli_json_text(beba_strbuf_str(&element)));
            beba_strbuf_free(&element);
        }
        free(range);
    }
    if (json)
        json_object_set(json, "sets", sets);
    json_decref(sets);
    return CLI_OK;
}

/* --- flows --------------------------------------------------------------------------------- */

/* There may be millions: each is printed as it is found, in JSON too. */
static void stream_flows(struct cli_deployment *d, const char *machine, bool first)
{
    uint64_t now = beba_kernel_now();
    bool any = false;
    json_t *name = cli_json_text(d->info.name);
    char *text = json_dumps(name, JSON_ENCODE_ANY);

    printf("%s\n    {\"name\": %s, \"flows\": [", first ? "" : ",", text);
    free(text);
    json_decref(name);
    for (uint32_t i = 0; i < d->p->n_tables; i++) {
        const struct beba_table *t = &d->p->table[i];
        uint64_t cursor = 0;
        struct beba_flow flow;

        if (t->lookup.kind == BEBA_KEY_NONE || (*machine && strcmp(machine, t->name) != 0))
            continue;
        while (beba_kernel_next_flow(d->kernel, i, now, &cursor, &flow)) {
            json_t *json = cli_flow_json(t, &flow, now);

            fputs(any ? ",\n      " : "\n      ", stdout);
            json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
            json_decref(json);
            any = true;
        }
    }
    fputs(any ? "\n    ]}" : "]}", stdout);
}

static bool has_flows(const struct beba_pipeline *p)
{
    for (uint32_t i = 0; i < p->n_tables; i++)
        if (p->table[i].lookup.kind != BEBA_KEY_NONE)
            return true;
    return false;
}

static int show_flows(const char *const *names, int n, const struct opts *o)
{
    const char *machine = o->machine ? o->machine : "";
    int rc = CLI_OK, told = 0;
    uint32_t ignored;

    for (int i = 0; i < n && !rc; i++) {
        struct cli_deployment d;
        struct report report;

        rc = cli_deployment_open(names[i], &d);
        if (!rc && *machine && n == 1)
            rc = cli_find_machine(d.p, machine, true, &ignored);
        if (!rc && o->json) {
            if (!told)
                fputs("{\"programs\": [", stdout);
            stream_flows(&d, machine, !told++);
        } else if (!rc) {
            report = report_of(&d, NULL);
            printf("%s%s%s", i ? "\n" : "", d.info.name, has_flows(d.p) ? "" : ": no flows\n");
            report_flows(&report, machine);
        }
        cli_deployment_close(&d);
    }
    if (o->json && (told || !rc))
        fputs(told ? "\n]}\n" : "{\"programs\": []}\n", stdout);
    return rc;
}

/* --- events -------------------------------------------------------------------------------- */

struct listener {
    struct cli_deployment *d;
    const struct opts *o;
    json_t *events; /* NULL: printed at once */
};

static int hear(void *arg, const void *record, size_t size)
{
    struct listener *l = arg;
    struct beba_strbuf text = {0};
    struct beba_event event;
    json_t *json;

    if (!beba_kernel_event(l->d->kernel, record, size, &event))
        return 0; /* a sampled packet */
    if (l->events) {
        json_array_append_new(l->events, cli_event_json(l->d->p, &event));
    } else if (l->o->json) {
        json = cli_event_json(l->d->p, &event);
        json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(json);
    } else {
        cli_event_print(&text, l->d->p, &event);
        beba_strbuf_putc(&text, '\n');
        cli_print(stdout, &text);
    }
    if (l->o->follow && fflush(stdout))
        return -EPIPE; /* nobody listens any more */
    return 0;
}

static int show_events(const char *const *names, int n, const struct opts *o)
{
    struct cli_deployment d;
    struct beba_error err = {0};
    struct listener l = {.d = &d, .o = o};
    int rc;

    if (n != 1)
        return cli_usage("%s",
                         n ? "several programs run: give the NAME of one" : "nothing is attached");
    rc = cli_deployment_open(names[0], &d);
    if (rc)
        goto out;
    if (o->json && !o->follow)
        l.events = json_array();
    do
        rc = beba_kernel_events(d.kernel, o->follow ? -1 : 0, hear, &l, &err);
    while (rc >= 0 && o->follow);
    if (rc == -ENOENT && !o->follow)
        rc = 0; /* none, and none to come */
    rc = rc < 0 && rc != -EINTR && rc != -EPIPE ? cli_fail(&err) : CLI_OK;
    if (l.events && !rc)
        rc = cli_print_json(
            stdout, json_pack("{s:o, s:O}", "name", cli_json_text(names[0]), "events", l.events));
    json_decref(l.events);
out:
    cli_deployment_close(&d);
    return rc;
}

/* --- all of them --------------------------------------------------------------------------- */

static int show_each(const char *const *names, int n, const struct opts *o, tell_fn tell)
{
    json_t *programs = json_array();
    struct beba_strbuf text = {0};
    int rc = CLI_OK;

    for (int i = 0; i < n && !rc; i++) {
        json_t *json = o->json ? json_pack("{s:o}", "name", cli_json_text(names[i])) : NULL;
        struct cli_deployment d;

        rc = cli_deployment_open(names[i], &d);
        if (!rc && i)
            beba_strbuf_putc(&text, '\n');
        if (!rc)
            rc = tell(&d, o, &text, json);
        cli_deployment_close(&d);
        if (json)
            json_array_append_new(programs, json);
    }
    if (o->json && !rc)
        rc = cli_print_json(stdout, json_pack("{s:O}", "programs", programs));
    json_decref(programs);
    if (o->json || rc)
        beba_strbuf_free(&text);
    else if (!n)
        puts("nothing is attached");
    else
        cli_print(stdout, &text);
    return rc;
}

static const struct {
    const char *name;
    tell_fn tell;
    int (*show)(const char *const *names, int n, const struct opts *o);
} kinds[] = {
    {"programs", tell_program, NULL},  {"flows", NULL, show_flows},
    {"counters", tell_counters, NULL}, {"sets", tell_sets, NULL},
    {"globals", tell_globals, NULL},   {"events", NULL, show_events},
};

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *name = call->n_operands > 1 ? call->operand[1] : NULL;
    const char *const *names = NULL;
    struct beba_error err = {0};
    size_t kind = 0;
    int n = 1, rc;

    cli.json = o->json;
    for (; call->n_operands && kind < sizeof(kinds) / sizeof(*kinds); kind++)
        if (!strcmp(call->operand[0], kinds[kind].name))
            break;
    if (kind == sizeof(kinds) / sizeof(*kinds)) {
        if (name)
            return cli_usage("'%s' cannot be shown: give programs, flows, counters, sets, globals "
                             "or events",
                             call->operand[0]);
        name = call->operand[0];
        kind = 0;
    }
    if (o->follow && kinds[kind].show != show_events)
        return cli_usage("--follow is for events");
    if (!name)
        n = beba_kernel_list(NULL, &names, &err);
    if (n < 0)
        return cli_fail(&err);
    if (kinds[kind].show)
        rc = kinds[kind].show(name ? &name : names, n, o);
    else
        rc = show_each(name ? &name : names, n, o, kinds[kind].tell);
    free((void *)(uintptr_t)names);
    return rc;
}

const struct cli_command cli_show = {
    .name = "show",
    .operands = "[WHAT] [NAME]",
    .max = 2,
    .summary = "what runs in the kernel: programs, flows, counters, events",
    .text = "Shows the programs in the kernel, or the one called NAME. WHAT is programs (default), "
            "flows, counters, sets, globals or events.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
