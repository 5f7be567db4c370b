/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TLS of a connection, over memory: ciphertext goes in and comes out by calls, and who calls moves
 * it. Both ends show certificates; the peer's must be signed by the authority given. */
#ifndef BEBA_SWITCH_TLS_H
#define BEBA_SWITCH_TLS_H

#include "base/int.h"

struct beba_error;
struct beba_tls_context;
struct beba_tls;

/* All three are files of PEM. */
int beba_tls_context_new(const char *private_key, const char *certificate, const char *ca_cert,
                         struct beba_tls_context **out, struct beba_error *err);
void beba_tls_context_free(struct beba_tls_context *c);

struct beba_tls *beba_tls_new(struct beba_tls_context *context, bool server);
void beba_tls_free(struct beba_tls *t);

/* Ciphertext that came from the peer. False when there is no memory. */
bool beba_tls_feed(struct beba_tls *t, const uint8_t *data, size_t len);
/* Plaintext: n > 0 bytes, 0 when there is none now, -EPIPE when the peer closed, or -EPROTO with
 * why. Also does the handshake; the same answers, 0 while it lasts. */
int beba_tls_read(struct beba_tls *t, uint8_t *out, size_t size, char why[160]);
/* Encrypts all of it; false when TLS failed. Not before the handshake is done. */
bool beba_tls_write(struct beba_tls *t, const uint8_t *data, size_t len);
/* Ciphertext for the peer. */
size_t beba_tls_pending(struct beba_tls *t);
size_t beba_tls_take(struct beba_tls *t, uint8_t *out, size_t size);
bool beba_tls_done(const struct beba_tls *t); /* the handshake */

#endif
