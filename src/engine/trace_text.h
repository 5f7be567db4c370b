/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pieces of text of a trace. Private to engine/. */
#ifndef BEBA_ENGINE_TRACE_TEXT_H
#define BEBA_ENGINE_TRACE_TEXT_H

#include "engine/engine.h"

/* Exact, with a unit that suits: "12.345s", "999.999us". */
void beba_trace_time_print(struct beba_strbuf *out, uint64_t ns);
/* beba_value_print, but times as above. */
void beba_trace_value_print(struct beba_strbuf *out, struct beba_type type, struct beba_u128 v);
/* "10.0.0.1:4000 -> 10.0.0.2:22 tcp syn, 60 bytes, in port 1, t = 12.345s" */
void beba_trace_packet_print(struct beba_strbuf *out, const struct beba_packet *p);
/* "?" when there is none. */
const char *beba_trace_state_name(const struct beba_table *t, uint32_t state);
/* "; idle 1s -> closed" */
void beba_trace_timeouts_print(struct beba_strbuf *out, const struct beba_table *t, uint32_t state);
/* "tokens = 5, last = 1.5s" */
void beba_trace_regs_print(struct beba_strbuf *out, const struct beba_table *t,
                           const uint8_t *regs);

#endif
