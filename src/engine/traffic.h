/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The packets of a benchmark, one after the other in memory: see bench.h. Private to engine/. */
#ifndef BEBA_ENGINE_TRAFFIC_H
#define BEBA_ENGINE_TRAFFIC_H

#include "engine/stream.h"

enum { TRAFFIC_ROOM = 2048, TRAFFIC_HEADROOM = 128 }; /* of the largest packet, and before it */

struct traffic {
    struct stream stream;
    uint8_t *bytes;
    uint32_t *in_port;
    uint16_t *len;
    uint32_t slot, n; /* bytes of each, packets */
    uint32_t *fresh;  /* places of those that open a flow, ascending */
    uint32_t n_fresh;
    uint32_t flows, next_flow;
};

/* Packets of so many flows, drawn by Zipf's law (0: uniformly), of which a share opens a flow each.
 * Zero-initialise *t; free it also when this fails. -EINVAL: no packet can have the key. -ENOMEM.
 */
int beba_traffic_make(struct traffic *t, const struct beba_pipeline *p, uint32_t flows, double skew,
                      double new_flows, uint64_t seed, struct beba_error *err);
void beba_traffic_free(struct traffic *t);

/* One packet of a flow, in TRAFFIC_ROOM bytes at buf. handshake: see beba_stream_next. */
int beba_traffic_packet(struct traffic *t, uint32_t flow, int handshake, uint8_t *buf,
                        struct beba_packet *out, struct beba_error *err);
/* Gives the packets that open flows new ones. */
int beba_traffic_renew(struct traffic *t, struct beba_error *err);

#endif
