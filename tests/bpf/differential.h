/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parts of the differential test share: differential.c says what it is. */
#ifndef BEBA_TEST_DIFFERENTIAL_H
#define BEBA_TEST_DIFFERENTIAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "emit/emit.h"
#include "emit/object.h"
#include "engine/engine.h"
#include "engine/internal.h"
#include "lang/lang.h"

enum {
    N_PORTS = 4,    /* devices that packets go out by: ports 1.. */
    LEN_MAX = 3000, /* bytes that test runs take */
    SHOW_MAX = 8,   /* differences of one run that are shown */
};

extern bool verbose;
extern bool no_control; /* only packets change flows */
extern bool fine;       /* programs in small pieces */

struct side_by_side;

/* One program in the kernel. Everything runs on one CPU: maps of all CPUs point to its part. */
struct loaded {
    const struct beba_pipeline *p;
    struct beba_arena arena;
    struct beba_object_layout layout;
    struct bpf_object *object;
    struct ring_buffer *events;
    int main_fd, control_fd; /* control_fd: -1 where no machine has a key */
    uint8_t *shared, *cpu, **region;
    uint64_t seed;
    bool tc;
    struct side_by_side *watcher; /* that events are compared for now */
};

struct side_by_side {
    struct loaded *k;
    struct beba_engine *e;
    const char *program, *capture, *target;
    unsigned long n, differ;
    uint64_t now; /* of the last packet */
    /* of the last packet, for the events that it made */
    const struct beba_packet *packet;
    const struct beba_result *result;
    uint32_t samples;
    bool evictions_untold; /* the interpreter has no events of what user space evicts */
    uint64_t mirrors_lost, redirect_failed; /* that the kernel should count */
};

__attribute__((format(printf, 2, 3))) void differs(struct side_by_side *s, const char *fmt, ...);
void compare_number(struct side_by_side *s, const char *what, const char *name, uint64_t mine,
                    uint64_t theirs);

/* cache.c: beba_emit_object, from $BEBA_OBJECTS where that has it. */
int object_of(const struct beba_pipeline *p, enum beba_target target,
              const struct beba_emit_opts *opts, void **object, size_t *size,
              struct beba_error *err);

/* loaded.c: programs in the kernel. seed: of random(). */
int load(struct loaded *k, const struct beba_program *program, const char *file,
         enum beba_target target, uint64_t seed);
void unload(struct loaded *k);
/* As new, with the tables of the engine: the same secret. */
void reset(struct loaded *k, const struct beba_engine *e);

/* compare.c: what both hold. */
void compare_table(struct side_by_side *s, uint32_t i);
void compare_all(struct side_by_side *s);
/* The events since the last call. */
void compare_events(struct side_by_side *s);
int compare_event(void *watcher, void *data, size_t size); /* as struct ring_buffer calls it */

/* ports.c: devices in a network namespace of its own. True when there are some: then what a packet
 * sends can be looked at. */
bool ports_open(void);
bool ports_have(uint32_t port);
uint32_t ports_ifindex(uint32_t port);
/* The next frame that came out of a port; its length, 0 = none. */
size_t ports_take(uint32_t port, uint8_t *to, size_t size);

/* control.c: one change of a flow in both, chosen by r. */
void control_both(struct side_by_side *s, uint64_t r);

#endif
