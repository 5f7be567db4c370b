/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The match fields of OpenFlow: one row each, for codec, printers and whoever executes them. */
#ifndef BEBA_OPENFLOW_FIELDS_H
#define BEBA_OPENFLOW_FIELDS_H

#include "openflow/model.h"
#include "packet/field.h"

enum beba_of_prereq { /* [7.2.3.7], table 12 */
                      BEBA_OF_NEEDS_NOTHING,
                      BEBA_OF_NEEDS_IN_PORT,
                      BEBA_OF_NEEDS_VLAN,
                      BEBA_OF_NEEDS_IP,
                      BEBA_OF_NEEDS_IP4,
                      BEBA_OF_NEEDS_IP6,
                      BEBA_OF_NEEDS_ARP,
                      BEBA_OF_NEEDS_MPLS,
                      BEBA_OF_NEEDS_PBB,
                      BEBA_OF_NEEDS_TCP,
                      BEBA_OF_NEEDS_UDP,
                      BEBA_OF_NEEDS_SCTP,
                      BEBA_OF_NEEDS_ICMP4,
                      BEBA_OF_NEEDS_ICMP6,
                      BEBA_OF_NEEDS_ND,
                      BEBA_OF_NEEDS_ND_SOLICIT,
                      BEBA_OF_NEEDS_ND_ADVERT,
                      BEBA_OF_N_PREREQS
};

enum beba_of_notation { /* how people write a value */
                        BEBA_OF_DECIMAL,
                        BEBA_OF_HEX,
                        BEBA_OF_MAC,
                        BEBA_OF_IP4,
                        BEBA_OF_IP6,
                        BEBA_OF_PORT,
                        BEBA_OF_TCP_FLAG_LIST,
};

struct beba_of_field_row {
    const char *name; /* "eth_dst": the specification's, in lower case */
    uint16_t class;   /* OFPXMC_* */
    uint8_t number;   /* within class */
    uint8_t bytes;    /* of a value on the wire, without an experimenter's id */
    uint8_t bits;     /* that count, at most 8 * bytes */
    bool maskable, settable;
    uint8_t prereq;   /* enum beba_of_prereq */
    uint8_t notation; /* enum beba_of_notation */
    uint16_t packet;  /* enum beba_field_id, or BEBA_F_NONE: not of the packet */
};

extern const struct beba_of_field_row beba_of_fields[BEBA_OF_N_FIELDS];

/* The field of an OXM header word as used in lists (extractors, table features), whatever its mask
 * bit; BEBA_OF_N_FIELDS: none. Experimenter words mean BEBA's fields. */
enum beba_of_field beba_of_field_of_header(uint32_t header);
/* The header word; of experimenter fields the length includes the id. */
uint32_t beba_of_field_header(enum beba_of_field field, bool has_mask);
/* By name ("eth_dst", also ovs-ofctl's "dl_dst"); BEBA_OF_N_FIELDS: none. */
enum beba_of_field beba_of_field_find(const char *name);
/* All ones of a field's width. */
struct beba_u128 beba_of_field_ones(enum beba_of_field field);

#endif
