/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What packets are described with, in user space and in the kernel: layers, fields by number, and
 * the headers that the parser found. Compiles for BPF. */
#ifndef BEBA_PACKET_HEADERS_H
#define BEBA_PACKET_HEADERS_H

#include "base/int.h"

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

/* What the first byte of data is. */
enum beba_link {
    BEBA_LINK_ETHERNET,
    BEBA_LINK_IP,   /* an IPv4 or IPv6 header, told apart by its version nibble */
    BEBA_LINK_SLL,  /* Linux cooked v1: 16-byte header */
    BEBA_LINK_SLL2, /* Linux cooked v2: 20-byte header */
};

/* What was wrong with the packet, as bits. The layers before the flaw are valid and usable; a
 * header whose own lengths deny its fixed part (IPv4, TCP, UDP) is not there, as hosts drop such
 * packets. */
enum beba_flaw {
    BEBA_FLAW_TRUNCATED = 1 << 0,   /* a header runs past the captured bytes */
    BEBA_FLAW_BAD_LENGTH = 1 << 1,  /* a length field contradicts another or the packet */
    BEBA_FLAW_BAD_VERSION = 1 << 2, /* IP version does not match what announced it */
    BEBA_FLAW_TOO_DEEP = 1 << 3,    /* more tags, labels or extension headers than are followed */
    BEBA_FLAW_LATER_FRAGMENT = 1 << 4, /* no flaw of its own: no L4 header behind the offset */
};

/* Headers found by the parser. Offsets are from data; valid where the layer's bit is set. */
struct beba_headers {
    uint32_t layers;     /* 1 << enum beba_layer */
    uint16_t flaws;      /* enum beba_flaw */
    uint16_t ether_type; /* the one that decides the network layer, after the tags; 0 = none */
    uint8_t ip_proto;    /* transport protocol, after IPv6 extension headers */
    uint8_t n_vlan, n_mpls;
    uint16_t offset[BEBA_N_LAYERS];
    uint16_t l3_end;  /* end of the network packet by its own length, at most the captured end */
    uint16_t payload; /* offset of what follows the innermost parsed header */
};

/* Longest packet the parser follows: offsets are 16 bits. Longer ones are parsed up to there. */
enum { BEBA_PACKET_MAX = 65535 };

#endif
