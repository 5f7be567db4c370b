/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* One connection that carries OpenFlow messages: framing, TLS, bounded queues. It knows of messages
 * only their header's length. Owned by the libuv loop, whose thread makes all calls.
 *
 * What goes out is queued and written when the loop comes round, so that many small messages make
 * few system calls. While more than BEBA_CONN_HIGH bytes wait, nothing more is read: a peer that
 * does not read its replies gets to send no requests. */
#ifndef BEBA_SWITCH_CONN_H
#define BEBA_SWITCH_CONN_H

#include "base/int.h"

#include <uv.h>

struct beba_tls_context;
struct beba_conn;

enum {
    BEBA_CONN_HIGH = 1 << 20, /* bytes that may wait before reading stops */
};

/* Messages by what becomes of them when too much waits. */
enum beba_conn_class {
    BEBA_CONN_PACKET, /* packet-ins: dropped from 1 MiB on */
    BEBA_CONN_NOTICE, /* other asynchronous ones: dropped from 8 MiB on */
    BEBA_CONN_REPLY,  /* closes the connection at 16 MiB */
    BEBA_CONN_N_CLASSES
};

struct beba_conn_events {
    void *arg;
    void (*opened)(void *arg, struct beba_conn *c); /* can be written to; TLS's handshake is done */
    /* A message, whole by its header's length, which is at least 8. Lent for the call. */
    void (*message)(void *arg, struct beba_conn *c, const uint8_t *msg, uint32_t len);
    /* What waited has been written, after BEBA_CONN_HIGH or beba_conn_pause. */
    void (*drained)(void *arg, struct beba_conn *c);
    /* The last event; the connection's memory goes after it. */
    void (*closed)(void *arg, struct beba_conn *c, const char *why);
};

struct beba_conn_stats {
    uint64_t messages_in, messages_out, bytes_in, bytes_out, dropped; /* dropped: asynchronous */
};

/* A connection whose stream is not connected yet: uv_accept or uv_tcp_connect it, then start. local
 * makes a stream of the unix kind. NULL: no memory. */
struct beba_conn *beba_conn_new(uv_loop_t *loop, bool local, struct beba_tls_context *tls,
                                bool server, const struct beba_conn_events *events);
uv_stream_t *beba_conn_stream(struct beba_conn *c);
/* Reads and writes from now on; peer is for people. */
void beba_conn_start(struct beba_conn *c, const char *peer);
const char *beba_conn_peer(const struct beba_conn *c);

/* Queues a message; false when it was not. */
bool beba_conn_send(struct beba_conn *c, const void *msg, size_t len, enum beba_conn_class class);
size_t beba_conn_queued(const struct beba_conn *c);

/* No message is handed over until resume: for answers that are made piece by piece. */
void beba_conn_pause(struct beba_conn *c);
void beba_conn_resume(struct beba_conn *c);

/* Closes at once, or after what waits has been written (within a second). closed is called later,
 * from the loop; nothing else is, from now on. */
void beba_conn_close(struct beba_conn *c, const char *why);
void beba_conn_finish(struct beba_conn *c, const char *why);

void beba_conn_stats(const struct beba_conn *c, struct beba_conn_stats *out);

#endif
