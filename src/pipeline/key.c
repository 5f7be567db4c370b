/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/print.h"

/* The parts of a connection in the order of its bytes. */
static const struct {
    const char *name;
    struct beba_type type;
} ends[] = {
    {"ip.a", {BEBA_KIND_IP, 128}},     {"ip.b", {BEBA_KIND_IP, 128}},
    {"l4.a", {BEBA_KIND_UINT, 16}},    {"l4.b", {BEBA_KIND_UINT, 16}},
    {"ip.proto", {BEBA_KIND_UINT, 8}},
};
enum { N_ENDS = sizeof(ends) / sizeof(ends[0]) };

static struct beba_u128 take(const uint8_t **at, unsigned width)
{
    struct beba_u128 v = {0, 0};

    for (unsigned i = 0; i < (width + 7) / 8; i++) {
        v.hi = v.hi << 8 | v.lo >> 56;
        v.lo = v.lo << 8 | *(*at)++;
    }
    return v;
}

unsigned beba_key_parts(const struct beba_key *key)
{
    if (key->kind == BEBA_KEY_CONNECTION)
        return N_ENDS;
    return key->kind == BEBA_KEY_FIELDS ? key->n_fields : 0;
}

bool beba_key_field(const struct beba_key *key, const uint8_t *bytes, unsigned i, const char **name,
                    struct beba_type *type, struct beba_u128 *value)
{
    if (i >= beba_key_parts(key))
        return false;
    for (unsigned part = 0; part <= i; part++) {
        bool field = key->kind == BEBA_KEY_FIELDS;

        *name = field ? beba_fields[key->field[part]].name : ends[part].name;
        *type = field ? beba_fields[key->field[part]].type : ends[part].type;
        *value = take(&bytes, type->width);
    }
    return true;
}

static void print_end(struct beba_strbuf *out, struct beba_u128 address, uint64_t port)
{
    const struct beba_type type = {BEBA_KIND_IP, 128};
    bool ip4 = !address.hi && address.lo >> 32 == 0xffff;

    beba_strbuf_puts(out, ip4 ? "" : "[");
    beba_value_print(out, type, address);
    beba_strbuf_printf(out, "%s:%u", ip4 ? "" : "]", (unsigned)port);
}

static void print_connection(struct beba_strbuf *out, const uint8_t *bytes)
{
    struct beba_u128 v[N_ENDS];
    const char *proto;

    for (unsigned i = 0; i < N_ENDS; i++)
        v[i] = take(&bytes, ends[i].type.width);
    print_end(out, v[0], v[2].lo);
    beba_strbuf_puts(out, " <-> ");
    print_end(out, v[1], v[3].lo);
    proto = v[4].lo == 6 ? "tcp" : v[4].lo == 17 ? "udp" : v[4].lo == 132 ? "sctp" : NULL;
    if (proto)
        beba_strbuf_printf(out, " %s", proto);
    else
        beba_strbuf_printf(out, " proto %u", (unsigned)v[4].lo);
}

void beba_key_print(struct beba_strbuf *out, const struct beba_key *key, const uint8_t *bytes)
{
    struct beba_u128 value;
    struct beba_type type;
    const char *name;

    if (key->kind == BEBA_KEY_CONNECTION) {
        print_connection(out, bytes);
        return;
    }
    for (unsigned i = 0; beba_key_field(key, bytes, i, &name, &type, &value); i++) {
        beba_strbuf_puts(out, i ? ", " : "");
        beba_strbuf_puts(out, name);
        beba_strbuf_putc(out, '=');
        beba_value_print(out, type, value);
    }
}

void beba_key_fields_print(struct beba_strbuf *out, const struct beba_key *key)
{
    if (key->kind == BEBA_KEY_CONNECTION)
        beba_strbuf_puts(out, "connection");
    for (unsigned i = 0; key->kind == BEBA_KEY_FIELDS && i < key->n_fields; i++)
        beba_strbuf_printf(out, "%s%s", i ? ", " : "", beba_fields[key->field[i]].name);
}
