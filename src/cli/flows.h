/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flows and events as the commands print them, wherever they run. Times in ns. */
#ifndef BEBA_CLI_FLOWS_H
#define BEBA_CLI_FLOWS_H

#include "cli/cli.h"

/* A duration for people: three digits of the largest unit. */
void cli_span(struct beba_strbuf *out, uint64_t ns);
/* now - then; 0 when then is later. */
uint64_t cli_since(uint64_t now, uint64_t then);
/* The state's name, or "?". */
const char *cli_state_name(const struct beba_table *t, uint32_t state);

/* One line: state, key, registers, times. */
void cli_flow_print(struct beba_strbuf *out, const struct beba_table *t, const struct beba_flow *f,
                    uint64_t now);
/* {machine, key, state, registers, age, in_state, idle, timeout_in} */
json_t *cli_flow_json(const struct beba_table *t, const struct beba_flow *f, uint64_t now);

/* Writes a register's value to its place among an entry's registers. */
void cli_reg_store(uint8_t *regs, const struct beba_reg *reg, struct beba_u128 value);

/* An event as one line, and as {time, kind, text, machine, key, notice, fields, from, to}. */
void cli_event_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_event *e);
json_t *cli_event_json(const struct beba_pipeline *p, const struct beba_event *e);

#endif
