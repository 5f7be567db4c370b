/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs at tables, for the other parts of the datapath. */
#ifndef BEBA_DATAPATH_PROGRAM_H
#define BEBA_DATAPATH_PROGRAM_H

#include "datapath/dp.h"

enum beba_program_way {
    BEBA_PROGRAM_NONE,    /* there is no program here */
    BEBA_PROGRAM_GOES_ON, /* at *table */
    BEBA_PROGRAM_ENDED,
};
/* Runs the packet at *table, if that has a program. */
enum beba_program_way beba_datapath_run_program(struct beba_datapath_exec *x, uint8_t *table);
/* Calls fn for its rules from *cursor on, as beba_datapath_flows does for entries. */
bool beba_datapath_program_flows(struct beba_datapath *dp, uint8_t table,
                                 const struct beba_datapath_flow_filter *filter, uint64_t *cursor,
                                 bool (*fn)(void *arg, const struct beba_datapath_flow *flow),
                                 void *arg);
/* A program that is still to be compiled, which it now is no more; NULL: there is none. */
struct beba_machine *beba_datapath_program_uncompiled(struct beba_datapath *dp);
uint32_t beba_datapath_program_rules(struct beba_datapath *dp, uint8_t table); /* 0: no program */

BEBA_INLINE bool beba_table_has_entries(const struct beba_datapath *dp, uint8_t table)
{
    const struct beba_table *t = beba_datapath_table(dp, table);

    return t && t->entries.n;
}

#endif
