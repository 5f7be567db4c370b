/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/trace_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/tracer.h"

enum { WHY_COLUMN = 40 };

void beba_trace_time_print(struct beba_strbuf *out, uint64_t ns)
{
    static const struct {
        uint64_t scale;
        int digits;
        const char *unit;
    } units[] = {{1000000000, 9, "s"}, {1000000, 6, "ms"}, {1000, 3, "us"}, {1, 0, "ns"}};
    unsigned u = 0;
    uint64_t rest;
    int digits;

    if (!ns) {
        beba_strbuf_puts(out, "0s");
        return;
    }
    while (ns < units[u].scale)
        u++;
    beba_strbuf_printf(out, "%" PRIu64, ns / units[u].scale);
    rest = ns % units[u].scale;
    digits = units[u].digits;
    while (rest && rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    if (rest)
        beba_strbuf_printf(out, ".%0*" PRIu64, digits, rest);
    beba_strbuf_puts(out, units[u].unit);
}

void beba_trace_value_print(struct beba_strbuf *out, struct beba_type type, struct beba_u128 v)
{
    if (type.kind == BEBA_KIND_TIME)
        beba_trace_time_print(out, v.lo);
    else
        beba_value_print(out, type, v);
}

const char *beba_trace_state_name(const struct beba_table *t, uint32_t state)
{
    return state < t->n_states && t->state[state].name ? t->state[state].name : "?";
}

void beba_trace_timeouts_print(struct beba_strbuf *out, const struct beba_table *t, uint32_t state)
{
    const struct beba_timeouts *timeouts;

    if (state >= t->n_states)
        return;
    timeouts = &t->timeouts[state];
    if (timeouts->idle) {
        beba_strbuf_puts(out, "; idle ");
        beba_trace_time_print(out, timeouts->idle);
        beba_strbuf_printf(out, " -> %s", beba_trace_state_name(t, timeouts->idle_to));
    }
    if (timeouts->hard) {
        beba_strbuf_puts(out, "; hard ");
        beba_trace_time_print(out, timeouts->hard);
        beba_strbuf_printf(out, " -> %s", beba_trace_state_name(t, timeouts->hard_to));
    }
}

void beba_trace_regs_print(struct beba_strbuf *out, const struct beba_table *t, const uint8_t *regs)
{
    struct beba_flow flow = {0};

    memcpy(flow.regs, regs, t->regs_size);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        beba_strbuf_printf(out, "%s%s = ", i ? ", " : "", t->reg[i].name);
        beba_trace_value_print(out, t->reg[i].type, beba_flow_reg(t, &flow, i));
    }
}

/* Packets ------------------------------------------------------------------------------------ */

static void print_field(struct beba_strbuf *out, const struct beba_packet *p, enum beba_field_id id)
{
    struct beba_u128 v;

    if (beba_field_read_wide(p, id, &v))
        beba_value_print(out, beba_fields[id].type, v);
}

static void print_end(struct beba_strbuf *out, const struct beba_packet *p, bool dst)
{
    bool port = beba_packet_has(p, BEBA_LAYER_L4);
    bool bracket = port && beba_packet_has(p, BEBA_LAYER_IP6);

    beba_strbuf_puts(out, bracket ? "[" : "");
    print_field(out, p, dst ? BEBA_F_IP_DST : BEBA_F_IP_SRC);
    beba_strbuf_puts(out, bracket ? "]" : "");
    if (!port)
        return;
    beba_strbuf_putc(out, ':');
    print_field(out, p, dst ? BEBA_F_L4_DST : BEBA_F_L4_SRC);
}

static void print_flags(struct beba_strbuf *out, const struct beba_packet *p)
{
    static const struct {
        enum beba_field_id id;
        const char *name;
    } flags[] = {
        {BEBA_F_TCP_SYN, "syn"}, {BEBA_F_TCP_ACK, "ack"}, {BEBA_F_TCP_FIN, "fin"},
        {BEBA_F_TCP_RST, "rst"}, {BEBA_F_TCP_PSH, "psh"}, {BEBA_F_TCP_URG, "urg"},
    };
    uint64_t v;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (beba_field_read(p, flags[i].id, &v) && v)
            beba_strbuf_printf(out, " %s", flags[i].name);
}

static void print_ends(struct beba_strbuf *out, const struct beba_packet *p)
{
    static const enum beba_layer protocols[] = {
        BEBA_LAYER_TCP,  BEBA_LAYER_UDP,   BEBA_LAYER_SCTP,
        BEBA_LAYER_ICMP, BEBA_LAYER_ICMP6, BEBA_LAYER_GRE,
    };

    if (beba_packet_has(p, BEBA_LAYER_IP)) {
        print_end(out, p, false);
        beba_strbuf_puts(out, " -> ");
        print_end(out, p, true);
        for (unsigned i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
            if (beba_packet_has(p, protocols[i]))
                beba_strbuf_printf(out, " %s", beba_layer_name(protocols[i]));
        print_flags(out, p);
    } else if (beba_packet_has(p, BEBA_LAYER_ARP)) {
        beba_strbuf_puts(out, "arp ");
        print_field(out, p, BEBA_F_ARP_SPA);
        beba_strbuf_puts(out, " -> ");
        print_field(out, p, BEBA_F_ARP_TPA);
    } else if (beba_packet_has(p, BEBA_LAYER_ETH)) {
        print_field(out, p, BEBA_F_ETH_SRC);
        beba_strbuf_puts(out, " -> ");
        print_field(out, p, BEBA_F_ETH_DST);
        beba_strbuf_printf(out, " type 0x%04x", p->h.ether_type);
    } else {
        beba_strbuf_puts(out, "no header that beba knows");
    }
}

void beba_trace_packet_print(struct beba_strbuf *out, const struct beba_packet *p)
{
    static const struct {
        uint16_t flaw;
        const char *text;
    } flaws[] = {
        {BEBA_FLAW_TRUNCATED, "truncated"},
        {BEBA_FLAW_BAD_LENGTH, "bad length"},
        {BEBA_FLAW_BAD_VERSION, "bad IP version"},
        {BEBA_FLAW_TOO_DEEP, "too many headers"},
        {BEBA_FLAW_LATER_FRAGMENT, "a later fragment"},
    };

    print_ends(out, p);
    beba_strbuf_printf(out, ", %" PRIu32 " bytes, in port %" PRIu32 ", t = ", p->wire_len,
                       p->in_port);
    beba_trace_time_print(out, p->now);
    for (unsigned i = 0; i < sizeof(flaws) / sizeof(*flaws); i++)
        if (p->h.flaws & flaws[i].flaw)
            beba_strbuf_printf(out, ", %s", flaws[i].text);
}

/* Traces ------------------------------------------------------------------------------------- */

/* How a kind of step is called in JSON and at the start of a line. */
static const struct {
    const char *name, *label;
} kinds[BEBA_N_TRACE_KINDS] = {
    [BEBA_TRACE_PACKET] = {"packet", NULL},      [BEBA_TRACE_TABLE] = {"machine", NULL},
    [BEBA_TRACE_KEY] = {"key", "key"},           [BEBA_TRACE_ENTRY] = {"entry", "entry"},
    [BEBA_TRACE_EXPIRY] = {"expiry", "expired"}, [BEBA_TRACE_LET] = {"let", ""},
    [BEBA_TRACE_RULE] = {"rule", "rule"},        [BEBA_TRACE_GUARD] = {"condition", ""},
    [BEBA_TRACE_STATEMENT] = {"statement", ""},  [BEBA_TRACE_FULL] = {"full", "full"},
    [BEBA_TRACE_STORE] = {"store", "flow"},      [BEBA_TRACE_VERDICT] = {"verdict", NULL},
};

const char *beba_trace_kind_name(enum beba_trace_kind kind)
{
    return kind < BEBA_N_TRACE_KINDS ? kinds[kind].name : "unknown";
}

int beba_engine_trace(struct beba_engine *e, struct beba_packet *packet, struct beba_result *result,
                      struct beba_trace *out)
{
    struct tracer *t = calloc(1, sizeof(*t));
    struct beba_packet *const one = packet;
    bool failed = !t;

    beba_arena_free(&out->arena);
    out->n = 0;
    if (!t) {
        beba_engine_run(e, &one, 1, result);
        return -ENOMEM;
    }
    t->trace = out;
    beba_engine_run_traced(e, packet, result, t);
    failed = t->failed;
    beba_tracer_free(t);
    free(t);
    return failed ? -ENOMEM : 0;
}

void beba_trace_free(struct beba_trace *trace)
{
    free(trace->step);
    beba_arena_free(&trace->arena);
    *trace = (struct beba_trace){0};
}

static void print_place(struct beba_strbuf *out, const struct beba_sources *sources,
                        struct beba_loc loc)
{
    unsigned line, column;

    if (!sources || !loc.len || loc.source >= sources->n)
        return;
    beba_sources_position(sources, loc, &line, &column);
    beba_strbuf_printf(out, ", %s:%u", sources->source[loc.source].name, line);
}

static const char *result_word(const struct beba_trace_step *s)
{
    if (s->kind == BEBA_TRACE_RULE)
        return s->result ? "taken" : "false";
    if (s->kind == BEBA_TRACE_GUARD && s->result >= 0)
        return s->result ? "true" : "false";
    return "";
}

static void print_line(struct beba_strbuf *out, const struct beba_trace_step *s)
{
    size_t start = out->len;
    const char *word = result_word(s);
    size_t column;

    beba_strbuf_printf(out, "  %-8s", kinds[s->kind].label);
    beba_strbuf_pad(out, ' ', s->depth * 2u);
    beba_strbuf_puts(out, s->text);
    if (!*word && !*s->why) {
        beba_strbuf_putc(out, '\n');
        return;
    }
    column = out->len - start;
    if (column + 2 > WHY_COLUMN) {
        beba_strbuf_putc(out, '\n');
        column = 0;
    }
    beba_strbuf_pad(out, ' ', WHY_COLUMN - column);
    beba_strbuf_puts(out, word);
    beba_strbuf_printf(out, "%s%s\n", *word && *s->why ? ": " : "", s->why);
}

void beba_trace_print(struct beba_strbuf *out, const struct beba_trace *trace,
                      const struct beba_sources *sources)
{
    for (uint32_t i = 0; i < trace->n; i++) {
        const struct beba_trace_step *s = &trace->step[i];

        switch (s->kind) {
        case BEBA_TRACE_PACKET:
            beba_strbuf_printf(out, "packet %s  %s\n", s->text, s->why);
            break;
        case BEBA_TRACE_TABLE:
            beba_strbuf_printf(out, "machine %s\n", s->text);
            break;
        case BEBA_TRACE_VERDICT:
            beba_strbuf_printf(out, "verdict %s (%s", s->text, s->why);
            print_place(out, sources, s->loc);
            beba_strbuf_puts(out, ")\n");
            break;
        default:
            print_line(out, s);
        }
    }
}

void beba_engine_explain(struct beba_engine *e, struct beba_packet *packet,
                         struct beba_result *result, struct beba_strbuf *out)
{
    struct beba_trace trace = {0};

    out->failed |= beba_engine_trace(e, packet, result, &trace) != 0;
    beba_trace_print(out, &trace, NULL);
    beba_trace_free(&trace);
}
