/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Synthetic packets that exercise a program: see bench.h. Private to engine/. */
#ifndef BEBA_ENGINE_STREAM_H
#define BEBA_ENGINE_STREAM_H

#include "packet/packet.h"
#include "pipeline/pipeline.h"

struct beba_error;

/* What a packet should be: fields for the builder, metadata. */
enum { STREAM_ASSIGNS = 64 };
struct stream_packet {
    struct beba_assign assign[STREAM_ASSIGNS];
    unsigned n;
    uint32_t layers; /* taken by what is assigned, with what they imply */
    uint32_t excluded;
    uint32_t in_port;
};

/* A field that guards compare with constants. */
struct stream_hint {
    enum beba_field_id field;
    struct beba_u128 *value;
    uint32_t n, cap;
};

struct stream {
    const struct beba_pipeline *p;
    const struct beba_key *lookup, *update; /* NULL: no table has a key */
    struct stream_hint hint[BEBA_N_FIELDS];
    uint32_t excludes[BEBA_N_LAYERS]; /* beba_layer_excludes */
    uint32_t layers;                  /* that the program asks for */
    bool edits;                       /* the program changes packets */
    bool tcp_flags;                   /* the program looks at TCP flags */
    uint64_t random;
};

int beba_stream_init(struct stream *s, const struct beba_pipeline *p, uint64_t seed);
void beba_stream_free(struct stream *s);

/* The next packet of a flow. handshake: 0..2 for the opening packets of a TCP connection, -1 for
 * what comes after. */
void beba_stream_next(struct stream *s, uint32_t flow, int handshake, struct stream_packet *out);

#endif
