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

#include "base/int.h"
#include "base/strbuf.h"

/* How a value is written and read by people. Time is in nanoseconds. */
enum beba_kind {
    BEBA_KIND_UINT,
    BEBA_KIND_BOOL,
    BEBA_KIND_TIME,
    BEBA_KIND_IP4,
    BEBA_KIND_IP6,
    BEBA_KIND_IP, /* either version, 128 bits; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2) */
    BEBA_KIND_MAC,
    BEBA_KIND_PORT, /* a switch port number */
    BEBA_KIND_STATE,
};

struct beba_type {
    uint8_t kind;  /* enum beba_kind */
    uint8_t width; /* bits: 1..64, or 128 */
};

/* Layers, outermost first. A packet has a layer when its parser found all of the fixed header. */
enum beba_layer {
    BEBA_LAYER_META, /* always there: in_port, now, pkt.len, ... */
    BEBA_LAYER_ETH,
    BEBA_LAYER_VLAN,  /* outermost tag */
    BEBA_LAYER_VLAN2, /* second tag (QinQ) */
    BEBA_LAYER_PBB,   /* I-TAG, 802.1ah */
    BEBA_LAYER_MPLS,  /* outermost label */
    BEBA_LAYER_MPLS2, /* second label */
    BEBA_LAYER_ARP,
    BEBA_LAYER_IP4,
    BEBA_LAYER_IP6,
    BEBA_LAYER_IP6FRAG, /* IPv6 fragment header */
    BEBA_LAYER_ICMP,
    BEBA_LAYER_ICMP6,
    BEBA_LAYER_ND, /* neighbour solicitation or advertisement */
    BEBA_LAYER_TCP,
    BEBA_LAYER_UDP,
    BEBA_LAYER_SCTP,
    BEBA_LAYER_GRE,
    BEBA_LAYER_VXLAN,
    BEBA_LAYER_GTPU,
    BEBA_LAYER_IP, /* either version: derived from IP4 and IP6 */
    BEBA_LAYER_L4, /* TCP, UDP or SCTP: derived */
    BEBA_N_LAYERS
};

/* BEBA_F_ETH_SRC and so on: one per row of fields.def, in its order. */
enum beba_field_id {
#define BEBA_FIELD(id, ...) BEBA_F_##id,
#include "packet/fields.def"
#undef BEBA_FIELD
    BEBA_N_FIELDS,
    BEBA_F_NONE = 0xffff
};

enum beba_field_flag {
    BEBA_FIELD_READONLY = 1 << 0,   /* cannot be assigned (lengths, checksums, now, in_port) */
    BEBA_FIELD_SPECIAL = 1 << 1,    /* read and written by its own code, not by offset and width */
    BEBA_FIELD_STRUCTURAL = 1 << 2, /* writing it may change which layers the packet has */
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
