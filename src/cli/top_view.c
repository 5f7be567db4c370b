/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/flows.h"
#include "cli/top.h"

#include <string.h>
#include <time.h>

typedef unsigned long long ull;

/* A screen that is being filled: lines beyond its end are left out, long ones are cut. */
struct page {
    struct beba_strbuf *out;
    const struct top_size *size;
    unsigned rows;
};

/* Ends the line that begins at start. */
static void end_line(struct page *page, size_t start)
{
    struct beba_strbuf *out = page->out;
    unsigned column = 0;
    bool escape = false;

    if (page->rows >= page->size->rows) {
        out->len = start;
        if (out->s)
            out->s[start] = '\0';
        return;
    }
    for (size_t i = start; i < out->len; i++) {
        escape = escape ? out->s[i] != 'm' : out->s[i] == '\033';
        column += !escape && (out->s[i] & 0xc0) != 0x80 && out->s[i] != 'm';
        if (column >= page->size->columns) {
            out->len = i;
            beba_strbuf_puts(out, page->size->colour ? "\033[0m" : "");
            break;
        }
    }
    if (page->size->rows != UINT32_MAX)
        beba_strbuf_puts(out, "\033[K");
    page->rows++;
    if (page->rows < page->size->rows)
        beba_strbuf_putc(out, '\n');
}

__attribute__((format(printf, 2, 3))) static void line(struct page *page, const char *fmt, ...)
{
    size_t start = page->out->len;
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    beba_strbuf_puts(page->out, text);
    end_line(page, start);
}

static void heading(struct page *page, const char *text)
{
    size_t start = page->out->len;

    beba_strbuf_puts(page->out, page->size->colour ? "\033[1m" : "");
    beba_strbuf_puts(page->out, text);
    beba_strbuf_puts(page->out, page->size->colour ? "\033[0m" : "");
    end_line(page, start);
}

/* --- numbers ------------------------------------------------------------------------------- */

static double rate(uint64_t now, uint64_t before, double seconds)
{
    return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

/* "12.3k": four significant places in up to 6 columns. */
static const char *scaled(double v, char out[16])
{
    static const char units[] = " kMGT";
    unsigned unit = 0;

    for (; v >= 999.95 && unit < 4; unit++)
        v /= 1000;
    if (unit)
        snprintf(out, 16, "%.1f%c", v, units[unit]);
    else
        snprintf(out, 16, "%.*f", v > 0 && v < 10 ? 1 : 0, v);
    return out;
}

/* A number of things: no fraction below 1000. */
static const char *scaled_count(uint64_t n, char out[16])
{
    if (n >= 1000)
        return scaled((double)n, out);
    snprintf(out, 16, "%llu", (ull)n);
    return out;
}

static uint64_t dropped(const struct beba_kernel_stats *s)
{
    return s->engine.verdict[BEBA_VERDICT_DROP] + s->engine.verdict[BEBA_VERDICT_PUNT];
}

static uint64_t flows_of(const struct top_program *t)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < t->n_tables; i++)
        for (uint32_t k = 0; k < t->d.p->table[i].n_states; k++)
            n += t->states[i][k];
    return n;
}

static void devices(struct beba_strbuf *out, const struct top_program *t)
{
    for (unsigned i = 0; i < t->d.info.n_devices; i++)
        beba_strbuf_printf(out, "%s%s", i ? "," : "", t->d.info.device[i].name);
}

/* --- parts --------------------------------------------------------------------------------- */

static void overview(struct page *page, const struct top_program *t)
{
    struct beba_strbuf where = {0};
    char pps[16], bps[16], out[16], flows[16];
    const struct beba_engine_stats *now = &t->stats.engine, *before = &t->before.engine;

    devices(&where, t);
    line(page, "%-20.20s %8s %8s %8s %8s  %s", t->name,
         scaled(rate(now->packets, before->packets, t->seconds), pps),
         scaled(rate(now->bytes, before->bytes, t->seconds) * 8, bps),
         scaled(rate(dropped(&t->stats), dropped(&t->before), t->seconds), out),
         scaled_count(flows_of(t), flows), beba_strbuf_str(&where));
    beba_strbuf_free(&where);
}

static void verdicts(struct page *page, const struct top_program *t)
{
    size_t start = page->out->len;
    char text[16];

    beba_strbuf_puts(page->out, "  verdicts/s:");
    for (int i = 0; i < BEBA_N_VERDICTS; i++) {
        if (t->stats.engine.verdict[i] && i != BEBA_VERDICT_NONE && i != BEBA_VERDICT_NEXT)
            beba_strbuf_printf(
                page->out, " %s %s", beba_verdict_name((enum beba_verdict_kind)i),
                scaled(rate(t->stats.engine.verdict[i], t->before.engine.verdict[i], t->seconds),
                       text));
    }
    end_line(page, start);
    if (t->stats.busy || t->stats.broken || t->stats.redirect_failed || t->stats.engine.events_lost)
        line(page, "  lost: %llu busy, %llu broken, %llu redirects, %llu events",
             (ull)t->stats.busy, (ull)t->stats.broken, (ull)t->stats.redirect_failed,
             (ull)t->stats.engine.events_lost);
}

static void states(struct page *page, const struct top_program *t, uint32_t i)
{
    const struct beba_table *table = &t->d.p->table[i];
    struct beba_table_stats s;
    size_t start = page->out->len;

    if (table->lookup.kind == BEBA_KEY_NONE || beba_kernel_table(t->d.kernel, i, &s))
        return;
    beba_strbuf_printf(page->out, "  flows: %llu of %llu", (ull)s.entries, (ull)s.capacity);
    for (uint32_t k = 0; k < table->n_states; k++) {
        if (t->states[i][k])
            beba_strbuf_printf(page->out, ", %s %llu", table->state[k].name, (ull)t->states[i][k]);
    }
    end_line(page, start);
}

static void machine(struct page *page, const struct top_program *t, uint32_t i)
{
    const struct beba_table *table = &t->d.p->table[i];
    char pps[16], bps[16];

    line(page, "  machine %s", table->name);
    states(page, t, i);
    line(page, "  %8s %8s %12s  rule", "packets/s", "bits/s", "packets");
    for (uint32_t r = 0; r < table->n_rules; r++) {
        const struct beba_rule *rule = &table->rule[r];
        const struct beba_rule_counters *now = &t->rule[rule->id], *old = &t->rule_before[rule->id];
        const char *state = table->n_states > 1 ? cli_rule_state(table, rule) : NULL;

        line(page, "  %9s %8s %12llu  %s%s%s",
             scaled(rate(now->packets, old->packets, t->seconds), pps),
             scaled(rate(now->bytes, old->bytes, t->seconds) * 8, bps), (ull)now->packets,
             state ? state : "", state ? ": " : "", rule->label);
    }
}

static void events(struct page *page, const struct top_program *t)
{
    uint64_t shown = t->n_events < TOP_EVENTS ? t->n_events : TOP_EVENTS;

    if (!shown)
        return;
    if (page->size->rows != UINT32_MAX && page->rows + 2 + shown > page->size->rows)
        shown = page->rows + 2 < page->size->rows ? page->size->rows - page->rows - 2 : 0;
    if (page->size->rows == UINT32_MAX) /* plain text: what came since the last time */
        shown = t->n_events - t->events_before < shown ? t->n_events - t->events_before : shown;
    if (shown)
        line(page, "  newest events");
    for (uint64_t i = t->n_events - shown; i < t->n_events; i++) {
        struct beba_strbuf text = {0};

        cli_event_print(&text, t->d.p, &t->event[i % TOP_EVENTS]);
        line(page, "    %s", beba_strbuf_str(&text));
        beba_strbuf_free(&text);
    }
}

void top_draw(struct beba_strbuf *out, const struct top_program *program, unsigned n,
              const struct top_size *size, bool details)
{
    struct page page = {out, size, 0};
    time_t now = time(NULL);
    struct tm tm;
    char when[64];

    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%H:%M:%S", &tm);
    line(&page, "beba top %s  %u program%s%s", when, n, n == 1 ? "" : "s",
         size->rows == UINT32_MAX ? "" : "  q quits");
    heading(&page, "program              packets/s  bits/s  drops/s    flows  devices");
    for (unsigned i = 0; i < n; i++)
        overview(&page, &program[i]);
    if (!n)
        line(&page, "nothing is attached: beba attach FILE --dev DEVICE");
    for (unsigned i = 0; i < n && (details || page.rows < size->rows); i++) {
        line(&page, "%s", "");
        heading(&page, program[i].name);
        verdicts(&page, &program[i]);
        for (uint32_t k = 0; k < program[i].n_tables; k++)
            machine(&page, &program[i], k);
        events(&page, &program[i]);
    }
}

/* --- JSON ---------------------------------------------------------------------------------- */

static json_t *real(double v)
{
    return json_real((double)(int64_t)(v * 1000) / 1000);
}

static json_t *machine_json(const struct top_program *t, uint32_t i)
{
    const struct beba_table *table = &t->d.p->table[i];
    json_t *states_json = json_object(), *rules = json_array();
    struct beba_table_stats s = {0};

    beba_kernel_table(t->d.kernel, i, &s);
    for (uint32_t k = 0; k < table->n_states; k++)
        json_object_set_new(states_json, table->state[k].name, cli_json_u64(t->states[i][k]));
    for (uint32_t r = 0; r < table->n_rules; r++) {
        const struct beba_rule *rule = &table->rule[r];
        const struct beba_rule_counters *now = &t->rule[rule->id], *old = &t->rule_before[rule->id];
        const char *state = cli_rule_state(table, rule);

        json_array_append_new(
            rules, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "state",
                             state ? cli_json_text(state) : json_null(), "rule",
                             cli_json_text(rule->label), "packets", cli_json_u64(now->packets),
                             "bytes", cli_json_u64(now->bytes), "packets_per_second",
                             real(rate(now->packets, old->packets, t->seconds)), "bits_per_second",
                             real(rate(now->bytes, old->bytes, t->seconds) * 8)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", cli_json_text(table->name), "entries",
                     cli_json_u64(s.entries), "capacity", cli_json_u64(s.capacity), "states",
                     states_json, "rules", rules);
}

static json_t *program_json(const struct top_program *t)
{
    const struct beba_engine_stats *now = &t->stats.engine, *before = &t->before.engine;
    json_t *verdicts_json = json_object(), *machines = json_array(), *list = json_array();
    json_t *where = json_array();
    uint64_t new = t->n_events - t->events_before;

    for (unsigned i = 0; i < t->d.info.n_devices; i++)
        json_array_append_new(where, cli_json_text(t->d.info.device[i].name));
    for (int i = 0; i < BEBA_N_VERDICTS; i++) {
        if (i != BEBA_VERDICT_NONE && i != BEBA_VERDICT_NEXT)
            json_object_set_new(verdicts_json, beba_verdict_name((enum beba_verdict_kind)i),
                                real(rate(now->verdict[i], before->verdict[i], t->seconds)));
    }
    for (uint32_t i = 0; i < t->n_tables; i++)
        json_array_append_new(machines, machine_json(t, i));
    for (uint64_t i = t->n_events - (new < TOP_EVENTS ? new : TOP_EVENTS); i < t->n_events; i++)
        json_array_append_new(list, cli_event_json(t->d.p, &t->event[i % TOP_EVENTS]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     cli_json_text(t->name), "devices", where, "packets",
                     cli_json_u64(now->packets), "bytes", cli_json_u64(now->bytes),
                     "packets_per_second", real(rate(now->packets, before->packets, t->seconds)),
                     "bits_per_second", real(rate(now->bytes, before->bytes, t->seconds) * 8),
                     "verdicts_per_second", verdicts_json, "flows", cli_json_u64(flows_of(t)),
                     "machines", machines, "events", list);
}

json_t *top_json(const struct top_program *program, unsigned n)
{
    json_t *list = json_array();
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(list, program_json(&program[i]));
    return json_pack("{s:o, s:o}", "time",
                     cli_json_u64((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec),
                     "programs", list);
}
