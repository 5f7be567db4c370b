/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
    HINT_VALUES = 16, /* constants kept of one field */
    PORTS = 4,
    FIRST_PORT = 1024,
    ISN = 1000, /* both sides' first sequence number */
    WINDOW = 60000,
};

static uint32_t draw(struct stream *s, uint32_t n)
{
    s->random = beba_splitmix64(s->random);
    return (uint32_t)((s->random >> 32) * n >> 32);
}

/* What the program looks at ------------------------------------------------------------------ */

static int add_hint(struct stream *s, uint32_t field, struct beba_u128 v)
{
    struct stream_hint *h = &s->hint[field];
    struct beba_u128 *grown;

    h->field = (enum beba_field_id)field;
    s->layers |= 1u << beba_fields[field].layer;
    for (uint32_t i = 0; i < h->n; i++)
        if (!beba_u128_cmp(h->value[i], v))
            return 0;
    if (h->n == HINT_VALUES)
        return 0;
    if (h->n == h->cap) {
        grown = reallocarray(h->value, HINT_VALUES, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        h->value = grown;
        h->cap = HINT_VALUES;
    }
    h->value[h->n++] = v;
    return 0;
}

static const struct beba_expr *under_map(const struct beba_expr *e)
{
    return e->op == BEBA_OP_MAP4 ? e->arg[0] : e;
}

static int scan_leaf(struct stream *s, const struct beba_expr *e)
{
    if (e->op == BEBA_OP_PRESENT)
        s->layers |= 1u << e->id;
    if (e->op != BEBA_OP_FIELD)
        return 0;
    s->layers |= 1u << beba_fields[e->id].layer;
    s->tcp_flags |= e->id >= BEBA_F_TCP_FLAGS && e->id <= BEBA_F_TCP_FIN;
    return beba_fields[e->id].type.kind == BEBA_KIND_BOOL ? add_hint(s, e->id, beba_u128(0, 1)) : 0;
}

static int scan_expr(struct stream *s, const struct beba_expr *e)
{
    const struct beba_expr *a, *b;
    int rc;

    if (!e)
        return 0;
    rc = scan_leaf(s, e);
    for (unsigned i = 0; i < e->n_args && !rc; i++)
        rc = scan_expr(s, e->arg[i]);
    if (rc || !e->n_args)
        return rc;
    a = under_map(e->arg[0]);
    if (a->op != BEBA_OP_FIELD)
        return 0;
    if (e->op == BEBA_OP_IN_LIST)
        for (uint32_t i = 0; i < e->n_ranges && !rc; i++)
            rc = add_hint(s, a->id, e->range[i].lo);
    if (e->op == BEBA_OP_IN_SET)
        for (uint32_t i = 0; i < s->p->set[e->id].n_ranges && i < HINT_VALUES && !rc; i++)
            rc = add_hint(s, a->id, s->p->set[e->id].range[i].lo);
    if (rc || e->op < BEBA_OP_EQ || e->op > BEBA_OP_GE)
        return rc;
    b = under_map(e->arg[1]);
    return b->op == BEBA_OP_CONST ? add_hint(s, a->id, b->k) : 0;
}

static int scan_body(struct stream *s, const struct beba_body *body)
{
    int rc = 0;

    for (uint32_t i = 0; i < body->n && !rc; i++) {
        const struct beba_stmt *stmt = &body->stmt[i];

        s->edits |= stmt->kind == BEBA_STMT_ASSIGN && stmt->lvalue == BEBA_LV_FIELD;
        s->edits |= stmt->kind >= BEBA_STMT_PUSH_VLAN && stmt->kind <= BEBA_STMT_SWAP;
        rc = scan_expr(s, stmt->value);
        if (!rc)
            rc = scan_body(s, &stmt->then);
        if (!rc)
            rc = scan_body(s, &stmt->otherwise);
    }
    return rc;
}

static int scan_rule(struct stream *s, const struct beba_rule *r)
{
    int rc = scan_expr(s, r->guard);

    for (uint32_t i = 0; i < r->n_matches && !rc; i++)
        rc = add_hint(s, r->match[i].field, r->match[i].value);
    if (!rc)
        rc = scan_body(s, &r->lets);
    return rc ? rc : scan_body(s, &r->body);
}

int beba_stream_init(struct stream *s, const struct beba_pipeline *p, uint64_t seed)
{
    int rc = 0;

    memset(s, 0, sizeof(*s));
    s->p = p;
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        s->excludes[i] = beba_layer_excludes((enum beba_layer)i);
    s->random = seed;
    for (uint32_t i = 0; i < p->n_rules && !rc; i++)
        rc = scan_rule(s, p->rule[i]);
    for (uint32_t i = 0; i < p->n_tables && !s->lookup; i++) {
        const struct beba_table *t = &p->table[i];

        if (t->lookup.kind == BEBA_KEY_NONE)
            continue;
        s->lookup = &t->lookup;
        s->update = t->two_keys ? &t->update : NULL;
    }
    return rc;
}

void beba_stream_free(struct stream *s)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++)
        free(s->hint[i].value);
}

/* Packets ------------------------------------------------------------------------------------ */

/* False when the field cannot be together with those there are, or is there already. */
static bool put(const struct stream *s, struct stream_packet *out, enum beba_field_id id,
                struct beba_u128 v)
{
    const struct beba_field *f = &beba_fields[id];
    uint32_t layers = beba_layer_implies((enum beba_layer)f->layer);

    if (id == BEBA_F_IN_PORT) {
        out->in_port = (uint32_t)v.lo;
        return true;
    }
    if (out->n == STREAM_ASSIGNS || f->flags & BEBA_FIELD_READONLY || out->excluded & layers)
        return false;
    for (unsigned i = 0; i < out->n; i++)
        if (out->assign[i].field == id)
            return false;
    out->assign[out->n].field = id;
    out->assign[out->n++].value = v;
    out->layers |= layers;
    out->excluded |= s->excludes[f->layer];
    return true;
}

static void put64(const struct stream *s, struct stream_packet *out, enum beba_field_id id,
                  uint64_t v)
{
    put(s, out, id, beba_u128(0, v & beba_mask64(beba_fields[id].type.width)));
}

/* TCP unless the program asks for UDP or SCTP only. */
static enum beba_layer transport(const struct stream *s)
{
    if (s->layers >> BEBA_LAYER_TCP & 1)
        return BEBA_LAYER_TCP;
    return s->layers >> BEBA_LAYER_SCTP & 1 ? BEBA_LAYER_SCTP : BEBA_LAYER_UDP;
}

static enum beba_field_id port_field(const struct stream *s, bool dst)
{
    switch (transport(s)) {
    case BEBA_LAYER_TCP:
        return dst ? BEBA_F_TCP_DST : BEBA_F_TCP_SRC;
    case BEBA_LAYER_SCTP:
        return dst ? BEBA_F_SCTP_DST : BEBA_F_SCTP_SRC;
    default:
        return dst ? BEBA_F_UDP_DST : BEBA_F_UDP_SRC;
    }
}

/* A port that the program likes, or a web server's. */
static uint64_t server_port(struct stream *s)
{
    const struct stream_hint *h = &s->hint[port_field(s, true)];

    if (!h->n)
        h = &s->hint[BEBA_F_L4_DST];
    return h->n ? h->value[0].lo : 80;
}

static void put_tuple(struct stream *s, uint32_t flow, bool backward, struct stream_packet *out)
{
    uint64_t client = 0x0a000000u + flow, server = 0xc0a80001u;
    uint64_t port = FIRST_PORT + flow % 60000;

    put64(s, out, backward ? BEBA_F_IP4_DST : BEBA_F_IP4_SRC, client);
    put64(s, out, backward ? BEBA_F_IP4_SRC : BEBA_F_IP4_DST, server);
    put64(s, out, port_field(s, backward), port);
    put64(s, out, port_field(s, !backward), server_port(s));
}

static void put_key_field(struct stream *s, enum beba_field_id id, uint32_t flow,
                          struct stream_packet *out)
{
    switch (id) {
    case BEBA_F_IP_SRC:
    case BEBA_F_IP4_SRC:
        put64(s, out, BEBA_F_IP4_SRC, 0x0a000000u + flow);
        break;
    case BEBA_F_IP_DST:
    case BEBA_F_IP4_DST:
        put64(s, out, BEBA_F_IP4_DST, 0xc0000000u + flow);
        break;
    case BEBA_F_L4_SRC:
        put64(s, out, port_field(s, false), FIRST_PORT + flow % 60000);
        break;
    case BEBA_F_L4_DST:
        put64(s, out, port_field(s, true), server_port(s));
        break;
    case BEBA_F_ETH_SRC:
    case BEBA_F_ETH_DST:
        put64(s, out, id, 0x020000000000ull | flow);
        break;
    case BEBA_F_IN_PORT:
        out->in_port = 1 + flow % PORTS;
        break;
    case BEBA_F_IP_PROTO:
        break;
    default:
        if (beba_fields[id].type.width > 64)
            put(s, out, id, beba_u128(0x20010db800000000ull, flow));
        else
            put64(s, out, id, flow);
    }
}

static void put_key(struct stream *s, const struct beba_key *key, uint32_t flow, bool backward,
                    struct stream_packet *out)
{
    if (!key || key->kind == BEBA_KEY_CONNECTION) {
        put_tuple(s, flow, backward, out);
        return;
    }
    for (unsigned i = 0; i < key->n_fields; i++)
        put_key_field(s, (enum beba_field_id)key->field[i], flow, out);
}

static void put_tcp(const struct stream *s, int handshake, bool backward, struct stream_packet *out)
{
    put64(s, out, BEBA_F_TCP_SEQ, handshake == 0 || handshake == 1 ? ISN : ISN + 1);
    put64(s, out, BEBA_F_TCP_ACK_NO, handshake == 0 ? 0 : ISN + 1);
    put64(s, out, BEBA_F_TCP_WINDOW, WINDOW);
    put64(s, out, BEBA_F_TCP_SYN, handshake == 0 || handshake == 1);
    put64(s, out, BEBA_F_TCP_ACK, handshake != 0);
    put64(s, out, BEBA_F_TCP_FIN, 0);
    put64(s, out, BEBA_F_TCP_RST, 0);
}

/* A field the program compares takes, three times of four, one of the constants. */
static void put_hints(struct stream *s, struct stream_packet *out)
{
    uint32_t first = draw(s, BEBA_N_FIELDS);

    for (uint32_t i = 0; i < BEBA_N_FIELDS; i++) {
        const struct stream_hint *h = &s->hint[(first + i) % BEBA_N_FIELDS];
        uint32_t which = draw(s, h->n + h->n / 4 + 1);

        if (h->n && which < h->n)
            put(s, out, h->field, h->value[which]);
    }
}

void beba_stream_next(struct stream *s, uint32_t flow, int handshake, struct stream_packet *out)
{
    bool backward = handshake < 0 ? draw(s, 2) != 0 : handshake == 1;

    out->n = 0;
    out->layers = out->excluded = 0;
    out->in_port = 1 + draw(s, PORTS);
    put_key(s, s->lookup, flow, backward, out);
    if (s->update)
        put_key(s, s->update, draw(s, flow + 1), backward, out);
    if (s->tcp_flags && !(out->excluded >> BEBA_LAYER_TCP & 1))
        put_tcp(s, handshake, backward, out);
    put_hints(s, out);
}
