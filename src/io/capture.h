/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Captures: pcap and pcapng in, pcap out, through libpcap. "-" is standard input or output.
 *
 * Reading keeps one batch of packets in memory, whatever the size of the file; each packet's buffer
 * has head- and tailroom for edits. One thread. Errors name the file, the packet number and what is
 * wrong.
 *
 * Link types: Ethernet, raw IP (also as IPv4 or IPv6 only), Linux cooked v1 and v2, BSD loopback
 * (its 4-byte header is taken off, so it reads, and is written, as raw IP). Packets of up to 262144
 * bytes, libpcap's limit, are read and written whole. */
#ifndef BEBA_IO_CAPTURE_H
#define BEBA_IO_CAPTURE_H

#include "packet/packet.h"

struct beba_error;
struct beba_reader;
struct beba_writer;

enum { BEBA_HEADROOM = 128, BEBA_TAILROOM = 128 };
enum { BEBA_CAPTURE_MAX = 262144 }; /* most bytes of one packet */

/* "libpcap version 1.10.3" */
const char *beba_capture_library(void);

/* -ENOENT and so on, -EINVAL (not a capture), -ENOTSUP (link type that beba does not know). */
int beba_reader_open(const char *path, struct beba_reader **out, struct beba_error *err);
/* The next packet, in the reader's buffer until the next call; now = its timestamp in ns, in_port =
 * 1 (pcapng: interface number + 1). 1 = a packet, 0 = end, -EIO or -EINVAL = truncated or corrupt:
 * what came before was good. */
int beba_reader_next(struct beba_reader *r, struct beba_packet *out, struct beba_error *err);
/* Fills up to n packets, each in a buffer of its own, valid until the next call; returns how many;
 * the error, if any, comes with the call that would return none. n <= BEBA_READER_BATCH. */
enum { BEBA_READER_BATCH = 32 };
int beba_reader_batch(struct beba_reader *r, struct beba_packet *const **out, unsigned n,
                      struct beba_error *err);
/* Bytes read of the file and its size, for progress; size 0 when it is not known (a pipe). */
void beba_reader_progress(const struct beba_reader *r, uint64_t *done, uint64_t *size);
/* The DLT to open a writer with for these packets. */
int beba_reader_dlt(const struct beba_reader *r);
void beba_reader_close(struct beba_reader *r);

/* A capture with the given DLT and nanosecond timestamps. Records are gathered and written in
 * groups; what is in the file is always whole records. A path that exists is overwritten. */
int beba_writer_open(const char *path, int dlt, struct beba_writer **out, struct beba_error *err);
/* -ENOSPC, -EPIPE, ...: nothing of an unfinished record remains in the file; every later call fails
 * in the same way. -EMSGSIZE, -EOVERFLOW (a time past 2106): this record only. */
int beba_writer_put(struct beba_writer *w, uint64_t ns, const uint8_t *data, uint32_t len,
                    uint32_t wire_len, struct beba_error *err);
/* Writes what is gathered. */
int beba_writer_flush(struct beba_writer *w, struct beba_error *err);
/* Records that are in the file for certain, and those given in all. */
void beba_writer_progress(const struct beba_writer *w, uint64_t *written, uint64_t *given);
/* Flushes and closes; an error here is an error of the file. w is gone in any case. */
int beba_writer_close(struct beba_writer *w, struct beba_error *err);

#endif
