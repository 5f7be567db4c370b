/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Checksums inside packets: the Internet checksum (RFC 1071, 1624) and SCTP's CRC32c (RFC 9260). */
#ifndef BEBA_PACKET_CHECKSUM_H
#define BEBA_PACKET_CHECKSUM_H

#include "packet/bytes.h"
#include "packet/packet.h"

/* Adds the n bytes at at to a running one's complement sum; an odd last byte is padded with 0. */
uint64_t beba_sum_add(uint64_t sum, const uint8_t *at, size_t n);

/* 16 bits of a running sum. */
BEBA_INLINE uint16_t beba_sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The checksum after words that summed to old became words that sum to new (RFC 1624, equation 3).
 */
BEBA_INLINE uint16_t beba_sum_update(uint16_t checksum, uint64_t old, uint64_t new)
{
    return (uint16_t)~beba_sum_fold((uint64_t)(uint16_t)~checksum + (uint16_t)~beba_sum_fold(old) +
                                    new);
}

uint32_t beba_crc32c(const uint8_t *at, size_t n);

/* The layer that carries the transport checksum: TCP, UDP, ICMP or ICMPv6; META if there is none.
 */
enum beba_layer beba_packet_transport(const struct beba_packet *p);
/* Where the checksum of the transport header is: TCP, UDP, ICMP or ICMPv6; 0 if there is none. */
uint32_t beba_packet_checksum_at(const struct beba_packet *p);

/* True when the destination in the IP header is not the one the transport checksum covers: a source
 * route still has hops to go (RFC 8200, section 8.1; RFC 1122, section 3.2.1.8). */
bool beba_packet_source_routed(const struct beba_packet *p);

/* True when the whole datagram is here: not a fragment, and captured to its end. */
bool beba_packet_is_whole(const struct beba_packet *p);

/* The CRC32c an SCTP packet should carry, as a number to store big-endian; its datagram is whole.
 */
uint32_t beba_packet_sctp_crc(const struct beba_packet *p);

/* Computes all checksums of a whole packet anew. */
void beba_packet_checksums_set(struct beba_packet *p);

#endif
