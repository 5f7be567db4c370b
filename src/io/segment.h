/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets that stand for a train of TCP or UDP segments: packet->segment > 0 says how many bytes of
 * payload each has. Cut where a receiver cannot take the train: a capture, a TAP device, an
 * OpenFlow packet-in. */
#ifndef BEBA_IO_SEGMENT_H
#define BEBA_IO_SEGMENT_H

#include "packet/packet.h"

struct beba_train {
    const struct beba_packet *packet;
    uint32_t ip, l4;  /* offsets of the IP and the TCP or UDP header */
    uint32_t headers; /* bytes before the payload */
    uint32_t payload;
    uint32_t n;       /* segments, >= 1 */
    uint32_t outer;   /* in a tunnel: offset of the outer IP header; else 0 */
    uint32_t carrier; /* and of the UDP or GRE header behind that */
    bool tcp, ip6;
    bool udp;   /* the carrier is UDP */
    bool plain; /* only VLAN tags before the IP header: the kernel can cut it */
};

/* What a packet is cut into; it need not be parsed. -EINVAL: neither TCP nor UDP over IP (behind
 * tags, labels, a provider's addresses; with packet->inner, in a tunnel over UDP, GRE or IP), a
 * fragment, its payload is not all there, segment is 0. */
int beba_train_look(const struct beba_packet *packet, struct beba_train *out);
/* Writes segment i < n: headers with lengths, IPv4 identification, sequence number, flags and
 * checksums of its own. Returns its bytes, or 0 when size is too small for it. */
uint32_t beba_train_cut(const struct beba_train *train, uint32_t i, uint8_t *out, size_t size);
/* The folded sum over the pseudo-header, as an interface that makes checksums wants it. */
uint16_t beba_train_pseudo(const struct beba_train *train);

#endif
