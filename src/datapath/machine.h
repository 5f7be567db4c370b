/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program that runs at a table of the datapath: the half that knows the engine. Pipelines and the
 * datapath have structures of the same names (tables, rules, keys), so the two meet only here; the
 * other half is program.c.
 *
 * Each worker has a handle of the engine, and so has the control thread: nobody waits but for a
 * flow that another worker has a packet of. */
#ifndef BEBA_DATAPATH_MACHINE_H
#define BEBA_DATAPATH_MACHINE_H

#include "base/strbuf.h"
#include "openflow/model.h"

struct beba_error;
struct beba_machine;
struct beba_native_module;
struct beba_packet;
struct beba_program;

struct beba_machine_opts {
    const char *state_dir; /* where tables are files; NULL: private memory */
    uint64_t capacity;     /* of each table; 0: as the program says */
    unsigned n_workers;
};

/* Takes the program, unless it fails. */
int beba_machine_new(struct beba_program *program, const struct beba_machine_opts *opts,
                     struct beba_machine **out, struct beba_error *err);
/* Whoever made it, or holds it, frees it; the last one in truth. */
void beba_machine_hold(struct beba_machine *m);
void beba_machine_free(struct beba_machine *m);

/* Native code of the program, which may take a second; by any thread, while workers run. */
int beba_machine_compile(const struct beba_machine *m, struct beba_native_module **out,
                         struct beba_error *err);
/* Workers run that from their next packets on. It becomes the machine's own. Once. */
void beba_machine_use(struct beba_machine *m, struct beba_native_module *module);
void beba_native_module_free(struct beba_native_module *module);

enum beba_machine_verdict {
    BEBA_MACHINE_PASS,
    BEBA_MACHINE_DROP,
    BEBA_MACHINE_BUSY,   /* dropped: a flow's lock was not to be had */
    BEBA_MACHINE_OUTPUT, /* to a port, which may be a reserved one: reply, flood, punt */
};
struct beba_machine_result {
    enum beba_machine_verdict verdict;
    uint32_t port;
    uint32_t rule;     /* that decided; UINT32_MAX: none */
    uint32_t n_copies; /* mirrored, until the next run */
};
/* Runs one packet, which may be edited, in a worker's thread. */
void beba_machine_run(struct beba_machine *m, unsigned worker, struct beba_packet *packet,
                      struct beba_machine_result *out);
void beba_machine_copy(struct beba_machine *m, unsigned worker, uint32_t i, uint32_t *port,
                       const uint8_t **data, uint32_t *len);

/* The rest is for the control thread. A rule as flow statistics show it: what of its match OpenFlow
 * can say. */
enum { BEBA_MACHINE_MATCH = 24 };
struct beba_machine_rule {
    const char *machine, *label; /* until the machine is freed */
    uint64_t packets, bytes;
    uint32_t n_match;
    struct beba_of_oxm match[BEBA_MACHINE_MATCH];
    bool decides; /* its body ends by one verdict that is always the same: what it is */
    struct beba_machine_result verdict;
};
uint32_t beba_machine_rules(const struct beba_machine *m);
void beba_machine_rule(struct beba_machine *m, uint32_t i, struct beba_machine_rule *out);

/* The oldest event that nobody took, as text; false when there is none. */
bool beba_machine_event(struct beba_machine *m, struct beba_strbuf *text, uint64_t *time);
/* Timeouts of some of the flows. */
void beba_machine_expire(struct beba_machine *m, uint64_t now);

#endif
