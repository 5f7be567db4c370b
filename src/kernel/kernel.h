/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs in the kernel: load an object of emit/ (emit/object.h), attach it to devices, find it
 * again by name, look into its maps, change its flows, replace it, take it away.
 *
 * A deployment is a directory of the BPF file system, ROOT/NAME, that pins programs, maps and
 * links; nothing else is kept and nothing keeps running. docs/kernel.md has the layout, the order
 * in which things come to be, and what a command that was killed leaves.
 *
 * This room knows no syntax: the source text of a program lies in the map beba_meta; who opens a
 * deployment reads the text there, makes a pipeline of it, and binds that.
 *
 * Ownership: a struct beba_kernel holds descriptors and mappings of a deployment; the deployment
 * outlives it. Pipelines must outlive what they are bound to. One thread at a time. Commands that
 * change a deployment take an exclusive lock on ROOT, those that open one a shared lock for that
 * moment. Where the library was built without libbpf every function fails with -ENOTSUP.
 *
 * Errors: -errno and struct beba_error. -EPERM: what the process may not; -ENODEV: no such device;
 * -EBUSY: another program is in place; -EOPNOTSUPP: the driver cannot; -ENOMEM; -EINVAL: not an
 * object, of another version, or refused by the verifier; -E2BIG: the verifier gave up on so large
 * a program, which may do in smaller pieces (beba_emit_opts.fine); -ENOENT, -EEXIST: the name. */
#ifndef BEBA_KERNEL_KERNEL_H
#define BEBA_KERNEL_KERNEL_H

#include "emit/object.h"
#include "engine/engine.h"
#include "pipeline/target.h"

struct beba_error;
struct beba_kernel;

enum {
    BEBA_KERNEL_NAME = 64,    /* room for a deployment's name */
    BEBA_KERNEL_DEVICES = 64, /* most devices of a deployment */
};

/* True when this library was built with libbpf. */
bool beba_kernel_built(void);
bool beba_kernel_shares(void); /* and with libxdp */

enum beba_kernel_hook {
    BEBA_HOOK_XDP,         /* in the driver */
    BEBA_HOOK_XDP_GENERIC, /* in the stack: any device, slower */
    BEBA_HOOK_TC_INGRESS,
    BEBA_HOOK_TC_EGRESS,
    BEBA_N_HOOKS
};
const char *beba_hook_name(enum beba_kernel_hook hook); /* "xdp-generic" */
int beba_hook_find(const char *name);                   /* or -1 */
/* What an object must be made for. */
enum beba_target beba_hook_target(enum beba_kernel_hook hook);

/* How a device is attached to: what holds the gate there. */
enum beba_kernel_how {
    BEBA_HOW_LINK,   /* a pinned link: XDP, tcx */
    BEBA_HOW_FILTER, /* a filter of clsact, where the kernel has no tcx */
    BEBA_HOW_SHARED, /* libxdp's dispatcher */
    BEBA_N_HOWS
};
const char *beba_how_name(enum beba_kernel_how how); /* "link", "filter", "dispatcher" */

/* --- making ---------------------------------------------------------------------------------- */

struct beba_kernel_port {
    const char *device; /* in the network namespace of the caller */
    uint32_t port;      /* 0 = the lowest number that is free */
};

/* Told one sentence at a time, of what works but should be known. */
typedef void (*beba_kernel_warn_fn)(void *arg, const char *text);

struct beba_kernel_opts {
    const char *root; /* NULL: $BEBA_BPFFS, else /sys/fs/bpf/beba */
    const char *name; /* NULL: the pipeline's, with '_' for what a name cannot have */
    uint8_t hook;     /* enum beba_kernel_hook */
    bool share;       /* beside other XDP programs, through libxdp's dispatcher */
    bool test;        /* config.test: for BPF_PROG_TEST_RUN */
    bool drop_state;  /* replace: what cannot be carried over is dropped */
    bool fixed_seed;  /* the tables' secret and random() are made from seed */
    uint64_t seed;
    const struct beba_kernel_port *port;
    unsigned n_ports;
    struct beba_strbuf *log; /* gets the verifier's whole log when it refuses; may be NULL */
    beba_kernel_warn_fn warn;
    void *warn_arg;
};

/* Bytes of the kernel's memory that a program takes: tables, sets, counters; and of its tables
 * only. 0 and *error on an impossible layout. */
uint64_t beba_kernel_memory(const struct beba_pipeline *p, uint64_t *tables,
                            struct beba_error *err);

/* Loads an object and makes its tables, globals and sets, without pinning or attaching anything:
 * for running packets with beba_kernel_run. p must be what the object was made from. */
int beba_kernel_load(const void *object, size_t size, const struct beba_pipeline *p,
                     const struct beba_kernel_opts *opts, struct beba_kernel **out,
                     struct beba_error *err);

/* Asks this kernel's verifier for its opinion; nothing stays loaded. *insns: instructions that it
 * went through, of the program with most. -E2BIG, -EINVAL: refused; other errors: it was not asked.
 */
int beba_kernel_verify(const void *object, size_t size, const struct beba_pipeline *p,
                       uint32_t *insns, struct beba_error *err);

/* Loads and attaches to all ports, or to none; the deployment is there when this returns 0. */
int beba_kernel_attach(const void *object, size_t size, const struct beba_pipeline *p,
                       const struct beba_kernel_opts *opts, struct beba_error *err);

/* The name that a deployment gets: given, or made from the pipeline's. -EINVAL. */
int beba_kernel_name_of(const char *given, const struct beba_pipeline *p,
                        char out[BEBA_KERNEL_NAME], struct beba_error *err);

/* What a replacement could not take along; flows is how many it concerns. */
struct beba_kernel_loss {
    char what[192]; /* "state step1 of port_knocking: the new program has none" */
    uint64_t flows;
};
enum { BEBA_KERNEL_LOSSES = 32 };
struct beba_kernel_carried {
    uint64_t flows;       /* carried over, of all tables */
    uint32_t kept, moved; /* tables whose memory stays as it is; whose flows were copied */
    uint32_t losses;      /* all; the first BEBA_KERNEL_LOSSES are told */
    struct beba_kernel_loss loss[BEBA_KERNEL_LOSSES];
};

/* Puts a new program in the place of a running one, for all its devices at one instant. Flows,
 * globals, arrays, sets and counters are carried over by name. -ESTALE and *carried filled when
 * something cannot be and opts->drop_state is not set. opts: root, name, drop_state, log, warn. */
int beba_kernel_replace(const void *object, size_t size, const struct beba_pipeline *p,
                        const struct beba_pipeline *old, const struct beba_kernel_opts *opts,
                        struct beba_kernel_carried *carried, struct beba_error *err);

/* Takes a deployment away with all it has in memory. -ENOENT. */
int beba_kernel_detach(const char *root, const char *name, struct beba_error *err);

/* --- finding --------------------------------------------------------------------------------- */

/* Names of the deployments, sorted; *names is one malloc'ed block. Returns how many or -errno; 0
 * when there is no BPF file system. Also removes what killed commands left, if the caller may. */
int beba_kernel_list(const char *root, const char *const **names, struct beba_error *err);

/* Opens a deployment. *out has text and devices; the rest needs beba_kernel_bind. */
int beba_kernel_open(const char *root, const char *name, struct beba_kernel **out,
                     struct beba_error *err);
/* Maps the deployment's maps and says where all is in them. p: from its text. -EINVAL when the
 * pipeline is not the deployment's. */
int beba_kernel_bind(struct beba_kernel *k, const struct beba_pipeline *p, struct beba_error *err);
void beba_kernel_close(struct beba_kernel *k);

struct beba_kernel_device {
    char name[16]; /* as it was when attached */
    uint32_t ifindex, port;
    uint8_t hook; /* enum beba_kernel_hook */
    uint8_t how;  /* enum beba_kernel_how */
    bool gone;    /* the device is not there any more */
};
struct beba_kernel_info {
    const char *name;
    const char *file; /* the program's */
    const char *text; /* text_size bytes and a NUL */
    size_t text_size;
    uint8_t target;      /* enum beba_target */
    uint64_t loaded;     /* ns since 1970 */
    uint32_t program_id; /* of beba_main */
    uint64_t memory;     /* bytes of all its maps, as the kernel counts them */
    const struct beba_kernel_device *device;
    unsigned n_devices;
};
void beba_kernel_info(const struct beba_kernel *k, struct beba_kernel_info *out);

/* --- looking --------------------------------------------------------------------------------- */

/* The clock of flows and events: CLOCK_MONOTONIC, ns; and what to add for ns since 1970. */
uint64_t beba_kernel_now(void);
int64_t beba_kernel_epoch(void);

/* Sums over the CPUs. Reasons: those of enum beba_reason, then BEBA_OBJECT_REASON_*. */
struct beba_kernel_stats {
    struct beba_engine_stats engine;
    uint64_t busy, broken, redirect_failed;
};
const char *beba_kernel_reason_name(unsigned reason);
void beba_kernel_stats(struct beba_kernel *k, struct beba_kernel_stats *out);
int beba_kernel_table(struct beba_kernel *k, uint32_t table, struct beba_table_stats *out);
void beba_kernel_rule(struct beba_kernel *k, uint32_t rule, struct beba_rule_counters *out);
void beba_kernel_counter(struct beba_kernel *k, uint32_t counter, struct beba_rule_counters *out);

/* Flows as they are at now; like beba_engine_next_flow, but key points into *out's owner: it is
 * valid until the next call. Entries are read while packets run: each is whole. */
bool beba_kernel_next_flow(struct beba_kernel *k, uint32_t table, uint64_t now, uint64_t *cursor,
                           struct beba_flow *out);
/* The flow with these key bytes; false: none. */
bool beba_kernel_flow_of_key(struct beba_kernel *k, uint32_t table, const void *key, uint64_t now,
                             struct beba_flow *out);

void beba_kernel_global(struct beba_kernel *k, uint32_t global, struct beba_u128 *out);
uint64_t beba_kernel_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column);
/* A set's elements, sorted, adjoining values joined to ranges (prefixes stay as they are). *out is
 * malloc'ed. Returns how many or -errno. */
int64_t beba_kernel_set(struct beba_kernel *k, uint32_t set, struct beba_range **out,
                        struct beba_error *err);

/* --- changing -------------------------------------------------------------------------------- */

void beba_kernel_set_global(struct beba_kernel *k, uint32_t global, struct beba_u128 value);
void beba_kernel_set_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column,
                          uint64_t value);
/* A range that is no prefix is added as the prefixes it is made of. -EEXIST, -ENOENT, -ENOSPC. */
int beba_kernel_set_add(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err);
int beba_kernel_set_del(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err);

/* Runs one command under the locks of the entry it concerns; what was found is written back to
 * *command. Fill op, table, key, and what the op needs; now 0 = now. For a table with one region a
 * CPU, cpu says which. 0 or the command's status. */
int beba_kernel_command(struct beba_kernel *k, struct beba_object_command *command, unsigned cpu,
                        struct beba_error *err);
/* Applies due timeouts of all tables and frees what they ended. Returns entries freed, or -errno.
 */
int64_t beba_kernel_sweep(struct beba_kernel *k, uint64_t now, struct beba_error *err);
/* Samples one of every packets until then (kernel's clock); every 0 = stop. */
void beba_kernel_sample(struct beba_kernel *k, uint32_t every, uint64_t until);
/* Tells of entries that expire and are evicted, too. */
void beba_kernel_all_events(struct beba_kernel *k, bool all);

/* --- events ---------------------------------------------------------------------------------- */

/* Called with each record of the ring buffer: struct beba_object_event, _entry or _sample by kind.
 * Returns 0 to go on. */
typedef int (*beba_kernel_record_fn)(void *arg, const void *record, size_t size);
/* Takes what is there and waits for more up to timeout_ms (-1: for ever, until a signal). Returns
 * records taken, 0 at a timeout, -EINTR, or what fn returned. A record is taken by one reader:
 * two that read at the same time share them. -ENOENT when the program has no events. */
int beba_kernel_events(struct beba_kernel *k, int timeout_ms, beba_kernel_record_fn fn, void *arg,
                       struct beba_error *err);
/* The record as an event of the engine, with time in ns since 1970. False when it is none. */
bool beba_kernel_event(const struct beba_kernel *k, const void *record, size_t size,
                       struct beba_event *out);

/* --- running --------------------------------------------------------------------------------- */

struct beba_kernel_packet {
    const void *in;
    uint32_t in_size;
    void *out; /* room for out_size bytes; out_size becomes what left */
    uint32_t out_size;
    uint32_t in_port;
    uint64_t now;
    int32_t action;                   /* XDP_*, TC_ACT_* */
    struct beba_object_result result; /* what the program decided */
};
/* One packet through the program by BPF_PROG_TEST_RUN, on the CPU of the caller; needs
 * opts.test when loading. */
int beba_kernel_run(struct beba_kernel *k, struct beba_kernel_packet *packet,
                    struct beba_error *err);
/* The same packet many times: ns each, as the kernel measures. */
int beba_kernel_time(struct beba_kernel *k, const struct beba_kernel_packet *packet, uint32_t times,
                     uint32_t *ns, struct beba_error *err);

#endif
