/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Checksums inside packets: the Internet checksum (RFC 1071, 1624) and SCTP's CRC32c (RFC 9260). */
#ifndef BEBA_PACKET_CHECKSUM_H
#define BEBA_PACKET_CHECKSUM_H

#include "packet/change.h"
#include "packet/packet.h"

/* Adds the n bytes at at to a running one's complement sum; an odd last byte is padded with 0. */
uint64_t beba_sum_add(uint64_t sum, const uint8_t *at, size_t n);

uint32_t beba_crc32c(const uint8_t *at, size_t n);

/* Computes all checksums of a whole packet anew. */
void beba_packet_checksums_set(struct beba_packet *p);

#endif
