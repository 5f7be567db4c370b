/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Inside of the codec: kinds of elements that multipart messages are lists of. */
#ifndef BEBA_OPENFLOW_ELEMENT_H
#define BEBA_OPENFLOW_ELEMENT_H

#include "openflow/wire.h"

struct beba_of_element_row {
    uint16_t wire;    /* bytes, at least */
    int8_t length_at; /* where the element has its length, 16 bits; -1: it is always wire */
    bool single;      /* there is exactly one */
    size_t size;      /* decoded */
    int (*decode)(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out);
    void (*put)(struct beba_of_enc *e, const void *element);
};

/* Of a type of OpenFlow's, but OFPMP_EXPERIMENTER; NULL: there is none. */
const struct beba_of_element_row *beba_of_element_row(uint16_t type);
/* Of BEBA's replies in this dialect, or NULL. */
const struct beba_of_element_row *beba_of_beba_element_row(const struct beba_of_reply_kind *kind,
                                                           enum beba_dialect dialect);
/* All of len bytes. */
int beba_of_elements_decode(struct beba_of_dec *d, const struct beba_of_element_row *row,
                            const uint8_t *b, size_t len, uint32_t *n, void **out);

#endif
