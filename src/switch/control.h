/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A client of the control socket, between control.c, which talks to it, and requests.c, which does
 * what it asks. Inside of the room only. */
#ifndef BEBA_SWITCH_CONTROL_H
#define BEBA_SWITCH_CONTROL_H

#include "base/strbuf.h"
#include "switch/daemon.h"

#include <jansson.h>

struct beba_control_client {
    struct beba_control *control;
    struct beba_daemon *d;
    struct beba_control_client *next;
    uv_pipe_t pipe;
    uv_write_t write;
    char in[65536];
    size_t in_len;
    struct beba_strbuf out, flying; /* lines that are made, that are written */
    bool writing, busy;
    bool listens; /* to events */
    json_t *request;
    /* Adds lines to out until beba_control_full; true at the end. NULL: nothing more to say. */
    bool (*step)(struct beba_control_client *k);
    uint64_t cursor, n; /* n: lines */
    unsigned index;
};

/* Begins what is asked for: sets step, or does it at once. */
int beba_control_do(struct beba_control_client *k, const char *name, struct beba_error *err);
bool beba_control_full(const struct beba_control_client *k);
/* A string of JSON, with its quotes. */
void beba_control_text(struct beba_strbuf *out, const char *s);

#endif
