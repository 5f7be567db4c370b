/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets: parses any bytes under any link type, reads and writes every field, pushes, pops and
 * swaps, in a buffer of exactly the right size.
 *
 * Input: link type, number of edits, the edits (8 bytes each), the packet. */
#include "fuzz.h"

#include "packet/packet.h"

#include <string.h>

enum { OP_SIZE = 8, MAX_OPS = 24 };

struct ground {
    uint8_t *start, *end; /* of the buffer */
};

static void check_bounds(const struct beba_packet *p, const struct ground *g)
{
    require(p->data >= g->start && p->data + p->len <= g->end);
    require((size_t)(p->data - g->start) >= p->headroom);
    require((size_t)(g->end - p->data) >= (size_t)p->len + p->tailroom);
    require(p->wire_len >= p->len);
}

static void check_headers(const struct beba_packet *p)
{
    const struct beba_headers *h = &p->h;

    require(h->l3_end <= p->len && h->payload <= p->len);
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++) {
        if (h->layers >> i & 1 && i != BEBA_LAYER_META)
            require(h->offset[i] < p->len);
    }
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++) {
        if (!(h->layers >> i & 1))
            continue;
        require((beba_layer_implies(i) & ~h->layers) == 0);
        require((beba_layer_excludes(i) & h->layers) == 0);
    }
}

static struct beba_u128 get(const struct beba_packet *p, enum beba_field_id id, bool *there)
{
    struct beba_u128 v = {1, 1};

    *there = beba_field_read_wide(p, id, &v);
    require(*there == beba_field_present(p, id));
    if (!*there)
        require(!v.hi && !v.lo);
    if (beba_fields[id].type.width <= 64) {
        uint64_t narrow = 1;

        require(beba_field_read(p, id, &narrow) == *there);
        require(narrow == v.lo && !v.hi);
        require((v.lo & ~beba_mask64(beba_fields[id].type.width)) == 0);
    }
    return v;
}

static void read_all(const struct beba_packet *p)
{
    unsigned present, wrong;
    bool there;

    for (enum beba_field_id id = 0; id < BEBA_N_FIELDS; id++)
        get(p, id, &there);
    wrong = beba_packet_checksums(p, &present);
    require((wrong & ~present) == 0);
}

static void write_field(struct beba_packet *p, enum beba_field_id id, uint64_t value)
{
    const struct beba_field *f = &beba_fields[id];
    struct beba_u128 v = {f->type.width > 64 ? value * 0x9e3779b97f4a7c15u : 0, value}, back;
    uint32_t layers = p->h.layers;
    unsigned before, after, wrong_before = beba_packet_checksums(p, &before), wrong_after;
    bool there, written = beba_field_write(p, id, v);

    require(!written || !(f->flags & BEBA_FIELD_READONLY));
    if (!written || f->flags & BEBA_FIELD_STRUCTURAL || p->h.layers != layers)
        return;
    back = get(p, id, &there);
    require(there);
    if (f->type.width <= 64)
        require(back.lo == (value & beba_mask64(f->type.width)));
    wrong_after = beba_packet_checksums(p, &after);
    require((before & ~wrong_before & after & wrong_after) == 0); /* right ones stay right */
}

/* Two swaps restore the packet -- but a wrong checksum of 0 may come back as 0xffff, or the other
 * way round: both are zero in one's complement. */
static void swap_twice(struct beba_packet *p, enum beba_layer layer, uint8_t *copy)
{
    unsigned before, after, wrong = beba_packet_checksums(p, &before);
    uint32_t differ = 0;

    memcpy(copy, p->data, p->len);
    if (!beba_packet_swap(p, layer)) {
        require(!memcmp(copy, p->data, p->len));
        return;
    }
    require((before & ~wrong & beba_packet_checksums(p, &after)) == 0);
    require(beba_packet_swap(p, layer));
    for (uint32_t i = 0; i < p->len; i++) {
        if (copy[i] != p->data[i]) {
            require((copy[i] ^ p->data[i]) == 0xff);
            differ++;
        }
    }
    require(differ == 0 || differ == 2);
}

static void push_and_pop(struct beba_packet *p, uint16_t tci, uint8_t *copy)
{
    uint32_t len = p->len;

    memcpy(copy, p->data, len);
    if (beba_packet_push_vlan(p, tci & 1 ? 0x88a8 : 0x8100, tci)) {
        require(p->len == len && !memcmp(copy, p->data, len));
        return;
    }
    require(p->len == len + 4);
    require(beba_packet_has(p, BEBA_LAYER_VLAN));
    require(!beba_packet_pop_vlan(p));
    require(p->len == len && !memcmp(copy, p->data, len));
}

static void edit(struct beba_packet *p, const uint8_t *op, uint8_t *copy)
{
    static const enum beba_layer swaps[] = {BEBA_LAYER_ETH, BEBA_LAYER_IP, BEBA_LAYER_L4};
    uint64_t value = 0;
    uint16_t word;

    for (unsigned i = 2; i < OP_SIZE; i++)
        value = value << 8 | op[i];
    word = (uint16_t)value;
    switch (op[0] % 8) {
    case 0:
        beba_packet_push_vlan(p, op[2] & 1 ? 0x88a8 : 0x8100, word);
        break;
    case 1:
        beba_packet_pop_vlan(p);
        break;
    case 2:
        beba_packet_push_mpls(p, op[2] & 1 ? 0x8848 : 0x8847, (uint32_t)value & 0xfffff, op[3]);
        break;
    case 3:
        beba_packet_pop_mpls(p, op[2] & 1 ? 0x0800 : op[2] & 2 ? 0x86dd : 0x8847);
        break;
    case 4:
        swap_twice(p, swaps[op[1] % 3], copy);
        break;
    case 5:
        push_and_pop(p, word, copy);
        break;
    default:
        write_field(p, op[1] % BEBA_N_FIELDS, value << 16 | word);
        break;
    }
}

static void run(uint8_t link, const uint8_t *ops, unsigned n_ops, const uint8_t *bytes, size_t len,
                uint32_t room)
{
    uint8_t *buf = malloc(len + 2 * room + 1), *copy = malloc(len + 2 * room + 1);
    struct ground g = {buf, buf + len + 2 * room};
    struct beba_packet p = {.data = buf + room,
                            .len = (uint32_t)len,
                            .wire_len = (uint32_t)len + ops[0],
                            .headroom = room,
                            .tailroom = room,
                            .link = link,
                            .in_port = 1};

    require(buf && copy);
    if (len)
        memcpy(p.data, bytes, len);
    beba_packet_parse(&p);
    check_headers(&p);
    read_all(&p);
    for (unsigned i = 0; i < n_ops; i++) {
        edit(&p, ops + (size_t)i * OP_SIZE, copy);
        check_bounds(&p, &g);
        check_headers(&p);
        read_all(&p);
    }
    free(copy);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n_ops;

    if (size < 2 + OP_SIZE)
        return 0;
    n_ops = data[1] % MAX_OPS;
    if (n_ops > (size - 2) / OP_SIZE)
        n_ops = (unsigned)((size - 2) / OP_SIZE);
    for (uint32_t room = 0; room <= 16; room += 8) /* none at all, one tag or two, four */
        run(data[0] % 4, data + 2, n_ops, data + 2 + (size_t)n_ops * OP_SIZE,
            size - 2 - (size_t)n_ops * OP_SIZE, room);
    return 0;
}
