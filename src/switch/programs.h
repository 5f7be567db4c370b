/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs (.xfsm) at tables of the switch: loaded and taken away while it runs, and there again
 * after a restart, where the switch has a --state FILE: FILE.programs lists them, FILE.flows has
 * their flows. Control thread only. */
#ifndef BEBA_SWITCH_PROGRAMS_H
#define BEBA_SWITCH_PROGRAMS_H

#include "base/strbuf.h"
#include "datapath/datapath.h"
#include "switch/log.h"

/* Where the program of --fail-mode standalone runs; an entry of table 0 leads there, with
 * BEBA_STANDALONE_COOKIE. */
enum { BEBA_STANDALONE_TABLE = 252 };
#define BEBA_STANDALONE_COOKIE 0xbebaffff000000fcull

struct beba_error;
struct beba_programs;

/* state: of --state, or NULL. */
int beba_programs_new(struct beba_datapath *dp, const struct beba_log *log, const char *state,
                      struct beba_programs **out, struct beba_error *err);
void beba_programs_close(struct beba_programs *ps);
/* Loads those of FILE.programs; what fails is told and left out. */
void beba_programs_restore(struct beba_programs *ps);

/* The file's program at a table, in the place of the one that is there; next as in datapath.h. */
int beba_programs_load(struct beba_programs *ps, uint8_t table, uint8_t next, const char *path,
                       struct beba_error *err);
int beba_programs_unload(struct beba_programs *ps, uint8_t table, struct beba_error *err);

struct beba_loaded {
    uint8_t table, next;
    const char *name, *path;
};
/* From *cursor (0 at first); false at the end. */
bool beba_programs_next(const struct beba_programs *ps, unsigned *cursor, struct beba_loaded *out);

/* MAC learning without a controller: examples/mac_learning.xfsm, as it was when this was built.
 * priority: of the entry in table 0. */
int beba_programs_stand_alone(struct beba_programs *ps, uint16_t priority, struct beba_error *err);
void beba_programs_stand_back(struct beba_programs *ps);

#endif
