/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Native code for a datapath's tables. What is structure becomes code: which bits of a packet
 * matches look at, and the tuples (combinations of masks) of the subtables. What is data stays
 * data: entries, their priorities and instructions, counters, timeouts, groups, meters, states.
 *
 * So the code is right for whatever entries come and go, as long as matches look at no other bits:
 * that is the serial of struct beba_wanted, which every batch compares. A subtable with a tuple
 * that the code does not know is looked through by the interpreter's function. When the structure
 * has changed and then been quiet, or has changed for long, new code is compiled by a thread of its
 * own, and one store puts it in. The old code goes when no worker runs it.
 *
 * Who may call: the control thread. Inside of the room only, but for datapath.h's functions. */
#ifndef BEBA_DATAPATH_NATIVE_H
#define BEBA_DATAPATH_NATIVE_H

#include "base/strbuf.h"
#include "datapath/dp.h"
#include "emit/embedded.h"

struct beba_batch;
struct beba_batch_calls;
struct beba_cc_module;

/* Code that workers run; replaced whole. */
struct beba_special {
    uint32_t serial; /* of what is wanted */
    void (*run)(const struct beba_batch *b, const struct beba_batch_calls *calls);
    struct beba_cc_module *module;
};

/* The C for the tables as they are (native_write.c). */
void beba_datapath_native_write(const struct beba_datapath *dp, struct beba_strbuf *out);
extern const struct beba_embedded beba_datapath_headers[];

/* The structure has changed: a subtable, or a stateful table, came or went. */
void beba_datapath_native_changed(struct beba_datapath *dp);
/* By beba_datapath_free, when no worker runs. */
void beba_datapath_native_free(struct beba_datapath *dp);

#endif
