/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where connections come from: addresses that are dialled until somebody answers, and again when
 * the connection is lost (after half a second, then half as long again each time, up to 8 seconds),
 * and addresses that are listened on (at most BEBA_ENDPOINT_CONNS at a time). Used by the loop's
 * thread. */
#ifndef BEBA_SWITCH_ENDPOINT_H
#define BEBA_SWITCH_ENDPOINT_H

#include "switch/address.h"
#include "switch/conn.h"
#include "switch/log.h"

enum { BEBA_ENDPOINT_CONNS = 64 };

struct beba_error;
struct beba_endpoint;

/* Who uses the connections. */
struct beba_endpoint_events {
    void *arg;
    /* Returns what the other calls get; NULL refuses the connection. */
    void *(*opened)(void *arg, struct beba_endpoint *e, struct beba_conn *c);
    void (*message)(void *session, const uint8_t *msg, uint32_t len);
    void (*drained)(void *session);
    void (*closed)(void *session, const char *why);
};

struct beba_endpoint_opts {
    uv_loop_t *loop;
    const struct beba_log *log;
    struct beba_address address;
    /* Asked at every connection; NULL there: none (and the address is not of TLS). */
    struct beba_tls_context *const *tls;
    struct beba_endpoint_events events;
};

/* Begins to dial, or listens. */
int beba_endpoint_new(const struct beba_endpoint_opts *opts, struct beba_endpoint **out,
                      struct beba_error *err);
/* Another one to the same address. */
int beba_endpoint_again(const struct beba_endpoint *e, struct beba_endpoint **out,
                        struct beba_error *err);
/* Closes its connections; the events come, and then the memory goes, from the loop. */
void beba_endpoint_close(struct beba_endpoint *e);
const struct beba_address *beba_endpoint_address(const struct beba_endpoint *e);
/* Connections that stand. */
unsigned beba_endpoint_connected(const struct beba_endpoint *e);
/* The peer speaks OpenFlow: the next loss is dialled anew without delay. */
void beba_endpoint_good(struct beba_endpoint *e);

#endif
