/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "replay.h"

#include "base/error.h"
#include "io/capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool failed;

void complain(const char *fmt, ...)
{
    va_list ap;

    failed = true;
    va_start(ap, fmt);
    vfprintf(stdout, fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized): started above
    va_end(ap);
    putchar('\n');
}

void *checked(void *p)
{
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

unsigned read_capture(const char *path, struct original *out)
{
    struct beba_error err = {0};
    struct beba_reader *reader;
    struct beba_packet p;
    unsigned n = 0;

    if (beba_reader_open(path, &reader, &err)) {
        fprintf(stderr, "%s\n", err.what);
        exit(2);
    }
    while (n < MAX_PACKETS && beba_reader_next(reader, &p, &err) > 0) {
        struct original *o = &out[n++];

        o->bytes = checked(malloc(p.len + 1));
        memcpy(o->bytes, p.data, p.len);
        o->p = p;
        o->p.data = o->bytes;
        o->p.headroom = o->p.tailroom = 0;
        beba_packet_parse(&o->p);
        o->wrong = beba_packet_checksums(&o->p, &o->present);
    }
    beba_reader_close(reader);
    return n;
}

void free_capture(struct original *o, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        free(o[i].bytes);
    free(o);
}

void fill(struct world *w, unsigned slot, const struct original *o)
{
    size_t room = BEBA_HEADROOM + o->p.len + BEBA_TAILROOM;

    w->buffer[slot] = checked(realloc(w->buffer[slot], room));
    memset(w->buffer[slot], 0, room);
    memcpy(w->buffer[slot] + BEBA_HEADROOM, o->bytes, o->p.len);
    w->packet[slot] = o->p;
    w->packet[slot].data = w->buffer[slot] + BEBA_HEADROOM;
    w->packet[slot].headroom = BEBA_HEADROOM;
    w->packet[slot].tailroom = BEBA_TAILROOM;
    memset(&w->packet[slot].h, 0, sizeof(w->packet[slot].h));
}

void world_init(struct world *w, const struct beba_pipeline *pipeline)
{
    struct beba_engine_opts opts = {.seed = 1,
                                    .fixed_seed = true,
                                    .events = 1 << 14,
                                    .mirror_bytes = 1 << 20,
                                    .all_events = true};
    struct beba_error err = {0};

    memset(w, 0, sizeof(*w));
    if (!beba_engine_new(pipeline, &opts, &w->e, &err))
        return;
    fprintf(stderr, "%s\n", err.what);
    exit(2);
}

void world_free(struct world *w)
{
    beba_engine_free(w->e);
    for (unsigned i = 0; i < SLOTS; i++)
        free(w->buffer[i]);
}

void run_batch(struct world *w, const struct original *o, unsigned n)
{
    struct beba_packet *list[SLOTS];

    for (unsigned i = 0; i < n; i++) {
        fill(w, i, &o[i]);
        list[i] = &w->packet[i];
    }
    beba_engine_run(w->e, list, n, w->result);
}
