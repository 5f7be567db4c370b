/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Pieces of text that the printers of pipelines, keys and graphs share. */
#ifndef BEBA_PIPELINE_PRINT_H
#define BEBA_PIPELINE_PRINT_H

#include "pipeline/pipeline.h"

/* "u16", "time", "ip": as a declaration writes it. */
void beba_type_print(struct beba_strbuf *out, struct beba_type type);
/* "80", "1024..65535", "10.0.0.0/8". */
void beba_range_print(struct beba_strbuf *out, struct beba_type type, const struct beba_range *r);
/* A string literal of the language. */
void beba_quoted_print(struct beba_strbuf *out, const char *s);
/* One statement a line, indented. */
void beba_body_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_body *b, unsigned indent);
/* "ip.src, tcp.dst", "connection". */
void beba_key_fields_print(struct beba_strbuf *out, const struct beba_key *key);

#endif
