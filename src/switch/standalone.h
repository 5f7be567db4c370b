/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Forwarding without a controller (--fail-mode standalone): MAC learning, the program of
 * examples/mac_learning.xfsm as entries of a stateful table. A state is the port behind which an
 * address was seen; addresses are forgotten after five minutes.
 *
 * Table BEBA_STANDALONE_TABLE is taken for it, and an entry of table 0 leads there; all entries
 * have BEBA_STANDALONE_COOKIE. What controllers had set up stays as it is beneath. */
#ifndef BEBA_SWITCH_STANDALONE_H
#define BEBA_SWITCH_STANDALONE_H

#include "switch/ports.h"

enum { BEBA_STANDALONE_TABLE = 63 };
#define BEBA_STANDALONE_COOKIE 0xbebaffff00000063ull

/* Sets it up for the ports that there are now; again when they have changed. priority: of the entry
 * in table 0. */
int beba_standalone_begin(struct beba_dp *dp, struct beba_ports *ports, uint16_t priority,
                          struct beba_of_error *err);
/* Takes its entries away. */
void beba_standalone_end(struct beba_dp *dp);

#endif
