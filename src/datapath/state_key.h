/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys of BEBA's state tables: fields of a packet in the byte form that its applications know
 * (docs/beba-extension.md, 9.3), and the numbers that fields are as operands. */
#ifndef BEBA_DATAPATH_STATE_KEY_H
#define BEBA_DATAPATH_STATE_KEY_H

#include "datapath/key.h"

enum { BEBA_STATE_KEY_WORDS = BEBA_OF_STATE_KEY / 4 };

/* The bytes of a key, zero beyond its length. */
union beba_state_key {
    uint32_t word[BEBA_STATE_KEY_WORDS];
    uint8_t byte[BEBA_OF_STATE_KEY];
};

/* An extractor, ready for use. */
struct beba_state_scope {
    struct beba_of_scope fields; /* in the order of the key: of a biflow scope, sorted */
    uint32_t key_len;            /* bytes; 0: not set */
    bool biflow;
    bool possible; /* no field that no packet has */
    uint8_t pairs; /* bit i: fields i and i + 1 are the two ends of a connection */
    uint8_t form[BEBA_OF_KEY_FIELDS]; /* how each is laid out: state_key.c */
};

/* False, and *out not set, when the fields are more than a key has room for, or none. */
bool beba_state_scope_make(struct beba_state_scope *out, const struct beba_of_scope *fields,
                           bool biflow);
/* The key of a packet; false when it lacks a field. */
bool beba_state_scope_key(const struct beba_state_scope *scope, const struct beba_key *packet,
                          union beba_state_key *out);
/* True when the fields of a match, all of them in the scope, are those of a stored key. Masks do
 * not count. */
bool beba_state_scope_match(const struct beba_state_scope *scope, const struct beba_of_match *match,
                            const uint8_t *key);
/* True when the scope has all fields of the match. */
bool beba_state_scope_covers(const struct beba_state_scope *scope,
                             const struct beba_of_match *match);

/* A field as a data variable holds it, and back: addresses by their first four bytes, in little
 * endian; other fields by their low 32 bits. */
uint32_t beba_state_number(unsigned field, struct beba_u128 value);
struct beba_u128 beba_state_value(unsigned field, uint32_t number);

#endif
