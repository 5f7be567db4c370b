/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where controllers are, as people write it:
 *
 *   tcp:HOST[:PORT]  tls:HOST[:PORT]       dialled, again and again
 *   ptcp:[PORT][:HOST]  ptls:[PORT][:HOST] listened on
 *   unix:PATH  punix:PATH
 *
 * ssl: and pssl: mean tls: and ptls:. An IPv6 address stands in brackets. The port is 6653 where
 * none is given; port 0 listens on one that is free. */
#ifndef BEBA_SWITCH_ADDRESS_H
#define BEBA_SWITCH_ADDRESS_H

#include "base/int.h"

enum { BEBA_OPENFLOW_PORT = 6653 };

struct beba_error;

struct beba_address {
    bool passive, tls, local; /* local: a path */
    uint16_t port;
    char host[254]; /* passive: empty for any */
    char path[108];
    char text[280]; /* as written, with the port */
};

int beba_address_parse(const char *text, struct beba_address *out, struct beba_error *err);

#endif
