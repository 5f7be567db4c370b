/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The bytes of a capture file on their way to libpcap.
 *
 * libpcap does not say which interface a pcapng packet came from, and cuts packets at the snapshot
 * length that a pcap header claims. Both are in the bytes: this stream follows the blocks of a
 * pcapng file as they pass and queues the interface of each packet, and shows libpcap the snapshot
 * length of a pcap file as "no limit". Format: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
 */
#ifndef BEBA_IO_SOURCE_H
#define BEBA_IO_SOURCE_H

#include "base/int.h"

#include <stdio.h>

struct beba_source_stream;

/* Takes over fd. *file is for libpcap, which closes it: the stream is freed with it. -errno. */
int beba_source_open(int fd, struct beba_source_stream **out, FILE **file);
/* Takes the interface number of the next packet, 0 if there is none (or no pcapng). */
uint32_t beba_source_interface(struct beba_source_stream *s);
/* False when reading on would have to wait for whoever writes to the pipe. */
bool beba_source_ready(const struct beba_source_stream *s);
/* Bytes read so far. */
uint64_t beba_source_bytes(const struct beba_source_stream *s);
/* The errno that ended reading, 0 if none did. */
int beba_source_errno(const struct beba_source_stream *s);
/* The first bytes of the file, at most 24; returns how many there are. */
size_t beba_source_head(const struct beba_source_stream *s, const uint8_t **head);

#endif
