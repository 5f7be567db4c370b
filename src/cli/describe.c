/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Words for places, rules, verdicts and packets. */
#include "cli/cli.h"

#include <string.h>

void cli_place(struct beba_strbuf *out, const struct beba_sources *sources, struct beba_loc loc)
{
    unsigned line, column;

    if (loc.source >= sources->n) {
        beba_strbuf_puts(out, "?");
        return;
    }
    beba_sources_position(sources, loc, &line, &column);
    beba_strbuf_printf(out, "%s:%u", sources->source[loc.source].name, line);
}

const char *cli_rule_state(const struct beba_table *t, const struct beba_rule *rule)
{
    if (!rule->state_mask || rule->state >= t->n_states)
        return NULL;
    return t->state[rule->state].name;
}

void cli_verdict(struct beba_strbuf *out, const struct beba_result *result)
{
    beba_strbuf_puts(out, beba_verdict_name((enum beba_verdict_kind)result->verdict));
    if (result->verdict == BEBA_VERDICT_OUTPUT)
        beba_strbuf_printf(out, "(%u)", result->port);
}

void cli_decision(struct beba_strbuf *out, const struct beba_pipeline *p,
                  const struct beba_result *result)
{
    const struct beba_table *t = result->table < p->n_tables ? &p->table[result->table] : NULL;
    const char *state;

    if (t)
        beba_strbuf_printf(out, "%s: ", t->name);
    if (t && result->reason == BEBA_REASON_RULE && result->rule < p->n_rules) {
        const struct beba_rule *rule = p->rule[result->rule];

        state = cli_rule_state(t, rule);
        if (state && t->n_states > 1)
            beba_strbuf_printf(out, "%s: ", state);
        beba_strbuf_puts(out, rule->label);
        return;
    }
    beba_strbuf_puts(out, beba_reason_name((enum beba_reason)result->reason));
}

void cli_bytes(struct beba_strbuf *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        beba_strbuf_printf(out, "%u bytes", (unsigned)bytes);
        return;
    }
    for (; v >= 1024 && i + 1 < sizeof(units) / sizeof(*units); i++)
        v /= 1024;
    beba_strbuf_printf(out, "%.1f %s", v, units[i]);
}

uint64_t cli_table_memory(const struct beba_table *t)
{
    struct beba_strbuf schema = {0};
    struct beba_ft_desc desc = {.key_size = t->lookup.size,
                                .regs_size = t->regs_size,
                                .regs_init = t->regs_init,
                                .states = t->timeouts,
                                .n_states = t->n_states,
                                .capacity = t->capacity};
    uint64_t size;

    if (t->lookup.kind == BEBA_KEY_NONE)
        return 0;
    beba_table_schema(&schema, t);
    desc.schema = beba_strbuf_str(&schema);
    size = beba_ft_footprint(&desc);
    beba_strbuf_free(&schema);
    return size;
}

static void print_field(struct beba_strbuf *out, const struct beba_packet *p, enum beba_field_id id)
{
    struct beba_u128 v;

    if (beba_field_read_wide(p, id, &v))
        beba_value_print(out, beba_fields[id].type, v);
    else
        beba_strbuf_putc(out, '?');
}

/* src[:port] > dst[:port] */
static void print_ends(struct beba_strbuf *out, const struct beba_packet *p, enum beba_field_id src,
                       enum beba_field_id dst, bool ports)
{
    bool six = src == BEBA_F_IP6_SRC && ports;
    const enum beba_field_id ends[2][2] = {{src, BEBA_F_L4_SRC}, {dst, BEBA_F_L4_DST}};

    for (int i = 0; i < 2; i++) {
        beba_strbuf_puts(out, i ? " > " : "");
        beba_strbuf_puts(out, six ? "[" : "");
        print_field(out, p, ends[i][0]);
        beba_strbuf_puts(out, six ? "]" : "");
        if (ports) {
            beba_strbuf_putc(out, ':');
            print_field(out, p, ends[i][1]);
        }
    }
}

static void print_flags(struct beba_strbuf *out, const struct beba_packet *p)
{
    static const struct {
        enum beba_field_id field;
        char letter;
    } flags[] = {{BEBA_F_TCP_SYN, 'S'}, {BEBA_F_TCP_FIN, 'F'}, {BEBA_F_TCP_RST, 'R'},
                 {BEBA_F_TCP_PSH, 'P'}, {BEBA_F_TCP_ACK, '.'}, {BEBA_F_TCP_URG, 'U'}};
    uint64_t v;

    beba_strbuf_puts(out, " [");
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (beba_field_read(p, flags[i].field, &v) && v)
            beba_strbuf_putc(out, flags[i].letter);
    }
    beba_strbuf_puts(out, "]");
}

void cli_summary(struct beba_strbuf *out, const struct beba_packet *p)
{
    static const enum beba_layer inner[] = {BEBA_LAYER_TCP,  BEBA_LAYER_UDP,   BEBA_LAYER_SCTP,
                                            BEBA_LAYER_ICMP, BEBA_LAYER_ICMP6, BEBA_LAYER_ARP,
                                            BEBA_LAYER_GRE,  BEBA_LAYER_MPLS};
    const char *name = NULL;
    bool ports = beba_packet_has(p, BEBA_LAYER_L4);
    uint64_t v;

    for (size_t i = 0; !name && i < sizeof(inner) / sizeof(*inner); i++) {
        if (beba_packet_has(p, inner[i]))
            name = beba_layer_name(inner[i]);
    }
    if (beba_field_read(p, BEBA_F_VLAN_ID, &v))
        beba_strbuf_printf(out, "vlan %llu ", (unsigned long long)v);
    if (beba_packet_has(p, BEBA_LAYER_IP4))
        print_ends(out, p, BEBA_F_IP4_SRC, BEBA_F_IP4_DST, ports);
    else if (beba_packet_has(p, BEBA_LAYER_IP6))
        print_ends(out, p, BEBA_F_IP6_SRC, BEBA_F_IP6_DST, ports);
    else if (beba_packet_has(p, BEBA_LAYER_ARP))
        print_ends(out, p, BEBA_F_ARP_SPA, BEBA_F_ARP_TPA, false);
    else if (beba_packet_has(p, BEBA_LAYER_ETH))
        print_ends(out, p, BEBA_F_ETH_SRC, BEBA_F_ETH_DST, false);
    else
        beba_strbuf_puts(out, "?");
    if (name)
        beba_strbuf_printf(out, " %s", name);
    else if (beba_packet_has(p, BEBA_LAYER_IP))
        beba_strbuf_printf(out, " ip proto %u", p->h.ip_proto);
    else if (p->h.ether_type)
        beba_strbuf_printf(out, " type 0x%04x", p->h.ether_type);
    if (beba_packet_has(p, BEBA_LAYER_TCP))
        print_flags(out, p);
    beba_strbuf_printf(out, " len %u", p->wire_len);
    if (p->h.flaws & BEBA_FLAW_LATER_FRAGMENT)
        beba_strbuf_puts(out, " fragment");
    if (p->h.flaws & (BEBA_FLAW_TRUNCATED | BEBA_FLAW_BAD_LENGTH | BEBA_FLAW_BAD_VERSION))
        beba_strbuf_puts(out, " malformed");
}
