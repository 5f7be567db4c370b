/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The field registry: every header field is described once, in fields.def, and everything else --
 * parser, editor, builder, the language's names, OpenFlow's OXM, tests and docs -- walks that
 * table.
 *
 * A field has a canonical dotted name (tcp.dst), a width in bits, the layer it lives in, a type
 * that says how its values are written, its OXM class and number with OpenFlow's prerequisite where
 * OpenFlow 1.3.5 (section 7.2.3.7) has it, the names other tools use for it, and a one-line
 * description. */
#ifndef BEBA_PACKET_FIELD_H
#define BEBA_PACKET_FIELD_H

#include "base/strbuf.h"
#include "packet/headers.h"

struct beba_type {
    uint8_t kind;  /* enum beba_kind */
    uint8_t width; /* bits: 1..64, or 128 */
};

/* OpenFlow 1.3.5: OXM_OF_* numbers are 0..39 of class 0x8000; -1 = not an OpenFlow field. */
struct beba_field {
    const char *name; /* "tcp.dst" */
    struct beba_type type;
    uint8_t layer;         /* enum beba_layer */
    uint8_t flags;         /* enum beba_field_flag */
    uint16_t bit_offset;   /* from the start of the layer's header, network bit order */
    int16_t oxm;           /* OXM field number, or -1 */
    const char *prereq;    /* OpenFlow prerequisite, as the specification words it; NULL = none */
    const char *wireshark; /* tshark's field, NULL where it has none */
    const char *aliases;   /* other tools' names, separated by spaces; may be "" */
    const char *help;      /* one line */
};

extern const struct beba_field beba_fields[BEBA_N_FIELDS];

/* The field with this canonical name (n bytes), or BEBA_F_NONE. */
enum beba_field_id beba_field_find(const char *name, size_t n);
/* The field some other tool calls by this name (Wireshark's tcp.dstport, nft's "tcp dport",
 * OpenFlow's tcp_dst), or BEBA_F_NONE. */
enum beba_field_id beba_field_find_alias(const char *name, size_t n);
/* The nearest canonical name to a misspelt one, or NULL. */
const char *beba_field_nearest(const char *name, size_t n);

/* "tcp", "ip4", ...: the word that asks whether a packet has the layer; NULL for META. */
const char *beba_layer_name(enum beba_layer layer);
/* The layer of that name, or -1. */
int beba_layer_find(const char *name, size_t n);
/* Layers that are there whenever this one is, as a bit set that includes it: TCP gives {TCP, L4};
 * IP4 gives {IP4, IP}. Layers that can never be there together with this one. */
uint32_t beba_layer_implies(enum beba_layer layer);
uint32_t beba_layer_excludes(enum beba_layer layer);

/* Prints a value as people write it: 10.0.0.1, aa:bb:cc:dd:ee:ff, 2001:db8::1, 80, true. */
void beba_value_print(struct beba_strbuf *out, struct beba_type type, struct beba_u128 v);

#endif
