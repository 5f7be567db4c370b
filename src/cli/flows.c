/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/flows.h"

#include "base/units.h"

#include <string.h>

/* Three digits of up to 120 s, as %.3g has them: a million flows have two or three each. */
static void seconds(struct beba_strbuf *out, uint64_t ns)
{
    char text[16];
    uint64_t unit = 1000, rest;
    unsigned digits = 6, n;

    while ((ns + unit / 2) / unit > 999) {
        unit *= 10;
        digits--;
    }
    rest = (ns + unit / 2) / unit; /* of units, of which a second has 10^digits */
    for (n = 0, unit = 1; n < digits; n++)
        unit *= 10;
    beba_strbuf_put_u64(out, rest / unit);
    rest %= unit;
    for (n = 1; rest; rest %= unit) {
        unit /= 10;
        text[n++] = (char)('0' + rest / unit);
    }
    text[0] = '.';
    if (n > 1)
        beba_strbuf_add(out, text, n);
}

void cli_span(struct beba_strbuf *out, uint64_t ns)
{
    double s = (double)ns / (double)BEBA_NS_PER_SEC;
    uint64_t minutes = (uint64_t)(s / 60);

    if (s >= 120) {
        beba_strbuf_printf(out, "%llum%02.0fs", (unsigned long long)minutes,
                           s - 60.0 * (double)minutes);
        return;
    }
    if (ns >= 100000)
        seconds(out, ns);
    else
        beba_strbuf_printf(out, "%.3g", s);
    beba_strbuf_putc(out, 's');
}

uint64_t cli_since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

const char *cli_state_name(const struct beba_table *t, uint32_t state)
{
    return state < t->n_states ? t->state[state].name : "?";
}

void cli_flow_print(struct beba_strbuf *out, const struct beba_table *t, const struct beba_flow *f,
                    uint64_t now)
{
    const char *state = cli_state_name(t, f->state);
    size_t len = strlen(state);

    beba_strbuf_puts(out, "  ");
    beba_strbuf_add(out, state, len);
    beba_strbuf_pad(out, ' ', len < 8 ? 9 - len : 1);
    beba_key_print(out, &t->lookup, f->key);
    for (uint32_t i = 0; i < t->n_regs; i++) {
        beba_strbuf_puts(out, "  ");
        beba_strbuf_puts(out, t->reg[i].name);
        beba_strbuf_putc(out, '=');
        beba_value_print(out, t->reg[i].type, beba_flow_reg(t, f, i));
    }
    beba_strbuf_puts(out, "  in state ");
    cli_span(out, cli_since(now, f->entered));
    beba_strbuf_puts(out, ", idle ");
    cli_span(out, cli_since(now, f->used));
    if (f->deadline) {
        beba_strbuf_puts(out, ", timeout in ");
        cli_span(out, cli_since(f->deadline, now));
    }
    beba_strbuf_putc(out, '\n');
}

json_t *cli_flow_json(const struct beba_table *t, const struct beba_flow *f, uint64_t now)
{
    struct beba_strbuf key = {0};
    json_t *regs = json_object(), *json;

    beba_key_print(&key, &t->lookup, f->key);
    for (uint32_t i = 0; i < t->n_regs; i++)
        json_object_set_new(regs, t->reg[i].name,
                            cli_json_value(t->reg[i].type, beba_flow_reg(t, f, i)));
    json = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "machine", cli_json_text(t->name), "key",
        cli_json_text(beba_strbuf_str(&key)), "state", cli_json_text(cli_state_name(t, f->state)),
        "registers", regs, "age", cli_json_u64(cli_since(now, f->born)), "in_state",
        cli_json_u64(cli_since(now, f->entered)), "idle", cli_json_u64(cli_since(now, f->used)),
        "timeout_in", f->deadline ? cli_json_u64(cli_since(f->deadline, now)) : json_null());
    beba_strbuf_free(&key);
    return json;
}

void cli_reg_store(uint8_t *regs, const struct beba_reg *reg, struct beba_u128 value)
{
    uint8_t *at = regs + reg->offset;

    switch (reg->size) {
    case 1:
        *at = (uint8_t)value.lo;
        break;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)value.lo}, 2);
        break;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)value.lo}, 4);
        break;
    case 8:
        memcpy(at, &value.lo, 8);
        break;
    default:
        memcpy(at, &value, 16);
    }
}

/* --- events -------------------------------------------------------------------------------- */

void cli_event_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_event *e)
{
    beba_event_print(out, p, e);
    while (out->len && out->s[out->len - 1] == '\n')
        out->s[--out->len] = '\0';
}

static void add_notice(json_t *json, const struct beba_pipeline *p, const struct beba_event *e)
{
    const struct beba_notice *n = &p->notice[e->notice];
    json_t *fields = json_object();

    json_object_set_new(json, "notice", cli_json_text(n->text));
    for (uint32_t i = 0; i < n->n_args && i < e->n_args; i++)
        json_object_set_new(fields, n->arg_name[i], cli_json_value(n->arg_type[i], e->arg[i]));
    json_object_set_new(json, "fields", fields);
}

json_t *cli_event_json(const struct beba_pipeline *p, const struct beba_event *e)
{
    static const char *const kinds[] = {"notify", "entered", "expired", "evicted"};
    const struct beba_table *t = e->table < p->n_tables ? &p->table[e->table] : NULL;
    struct beba_strbuf key = {0}, text = {0};
    json_t *json;

    cli_event_print(&text, p, e);
    json = json_pack("{s:o, s:s, s:o}", "time", cli_json_u64(e->time), "kind", kinds[e->kind],
                     "text", cli_json_text(beba_strbuf_str(&text)));
    if (t)
        json_object_set_new(json, "machine", cli_json_text(t->name));
    if (t && e->key_size) {
        beba_key_print(&key, &t->lookup, e->key);
        json_object_set_new(json, "key", cli_json_text(beba_strbuf_str(&key)));
    }
    if (e->kind == BEBA_EVENT_NOTIFY && e->notice < p->n_notices)
        add_notice(json, p, e);
    if (t && e->kind != BEBA_EVENT_NOTIFY && e->from < t->n_states)
        json_object_set_new(json, "from", cli_json_text(t->state[e->from].name));
    if (t && (e->kind == BEBA_EVENT_ENTERED || e->kind == BEBA_EVENT_EXPIRED) &&
        e->to < t->n_states)
        json_object_set_new(json, "to", cli_json_text(t->state[e->to].name));
    beba_strbuf_free(&key);
    beba_strbuf_free(&text);
    return json;
}
