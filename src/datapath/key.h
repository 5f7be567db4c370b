/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet as tables match it: all OpenFlow fields in a flat array of words, and which are there.
 *
 * Word 0 has a bit for each field (enum beba_of_field) that the packet has. A match on a field
 * covers its bit and its value, so words of absent fields may hold anything; fields that no packet
 * has together share bits. VLAN_VID is the exception, as in OpenFlow: its value is there always,
 * OFPVID_NONE without a tag, and a match covers the value only; its bit says that there is a tag.
 *
 * Headers behind an MPLS label or a PBB tag are not there [5.12, 7.2.3.8]. */
#ifndef BEBA_DATAPATH_KEY_H
#define BEBA_DATAPATH_KEY_H

#include "openflow/model.h"
#include "packet/packet.h"

enum { BEBA_KEY_WORDS = 21 };

struct beba_key {
    uint64_t w[BEBA_KEY_WORDS];
};

/* Where a field is; of 128 bits: word, and the low half in the next one. */
struct beba_key_place {
    uint8_t word, shift, width;
};
extern const struct beba_key_place beba_key_places[BEBA_OF_N_FIELDS];

/* The field of the packet that an OpenFlow field is; BEBA_F_NONE: none, as STATE. VLAN_VID is
 * vlan.id, which has no OFPVID_PRESENT. */
enum beba_field_id beba_key_packet_field(enum beba_of_field field);

/* Fills in what comes from the packet: headers, ports, metadata, tunnel, PKT_LEN and TIMESTAMP.
 * BEBA's other fields stay. */
void beba_key_fill(struct beba_key *key, const struct beba_packet *p);

/* A key anew, with what does not come from the packet. */
void beba_key_begin(struct beba_key *key, const struct beba_packet *p, uint16_t random,
                    uint32_t global_state);

BEBA_INLINE bool beba_key_has(const struct beba_key *key, unsigned field)
{
    return key->w[0] >> field & 1;
}

/* GLOBAL_STATE and RANDOM, which are always there. */
uint32_t beba_key_global(const struct beba_key *key);
uint16_t beba_key_random(const struct beba_key *key);

/* The field's value, whether it is there or not. */
struct beba_u128 beba_key_value(const struct beba_key *key, enum beba_of_field field);
/* Sets a field, and that it is there; v is cut to its width. */
void beba_key_set(struct beba_key *key, enum beba_of_field field, struct beba_u128 v);

BEBA_INLINE void beba_key_absent(struct beba_key *key, unsigned field)
{
    key->w[0] &= ~(1ull << field);
}

/* A match as masked words: a packet matches when (key & mask) == value, for all words. */
void beba_key_match(const struct beba_of_match *match, struct beba_key *value,
                    struct beba_key *mask);

#endif
