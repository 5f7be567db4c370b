/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The object: what a program compiled for the kernel is made of. The contract between the C that
 * emit/ writes, which runs in the kernel, and kernel/, which loads it and looks into its maps.
 * Compiles for BPF.
 *
 *   programs   beba_main     SEC("xdp") or SEC("tc"): runs packets
 *              beba_control  SEC("xdp"), never attached: changes flows under their locks, one
 *                            struct beba_object_command as packet, through BPF_PROG_TEST_RUN
 *              beba_main_<n>, beba_control_<n>
 *                            of a program of very many machines: what they jump to
 *   maps       beba_meta     ARRAY of 1: struct beba_object_meta, then the program's source text
 *              beba_shared   ARRAY of 1, mmapable: struct beba_object_shared, then globals, arrays
 *                            and small sets where beba_object_layout says
 *              beba_cpu      ARRAY of one a possible CPU, mmapable: struct beba_object_cpu, then
 *                            the counters of tables, rules and names, then scratch
 *              flows_<i>     ARRAY of 1, mmapable: the region of table i (state/ft.h) and
 *                            BEBA_OBJECT_SLACK bytes; one a possible CPU where the table declares
 *                            `consistency per_cpu`
 *              set_<i>       LPM_TRIE: set i when its elements are wider than 16 bits; key =
 *                            struct beba_object_prefix, value u8
 *              beba_ports    xdp: DEVMAP_HASH port -> ifindex; tc: HASH port -> ifindex
 *              beba_in_port  HASH ifindex -> port
 *              beba_events   RINGBUF of struct beba_object_event
 *              beba_mains, beba_controls
 *                            PROG_ARRAYs of beba_main_<n>, beba_control_<n>
 *   .rodata    struct beba_object_config beba_config: set before loading
 *
 * kernel/ makes beba_meta itself, and beba_gate and beba_next, through which devices come to
 * beba_main (docs/kernel.md).
 *
 * Maps that a program does not need are not there. All is little or big endian as the machine is.
 * A flow table's region is made in the mapped value by beba_ft_new before the program is attached;
 * from then on user space only reads it, and changes flows through beba_control. */
#ifndef BEBA_EMIT_OBJECT_H
#define BEBA_EMIT_OBJECT_H

#include "base/int.h"

enum {
    BEBA_OBJECT_VERSION = 2,
    BEBA_OBJECT_PORTS = 256,  /* most ports */
    BEBA_OBJECT_SLACK = 8192, /* bytes after a region: a slot number is known to be below 32 */
    BEBA_OBJECT_REGION_MAX = 1 << 28, /* bytes: the verifier wants offsets below 2^29 */
    BEBA_OBJECT_KEY = 64,             /* room for key bytes */
    BEBA_OBJECT_REGS = 256,           /* room for registers */
    BEBA_OBJECT_ARGS = 8,             /* of a notification */
    BEBA_OBJECT_SAMPLE = 512,         /* most bytes of a sampled packet */
    BEBA_OBJECT_EVENTS = 1 << 20,     /* bytes of the ring buffer */
    BEBA_OBJECT_SET_MAX = 1 << 16,    /* prefixes of a set */
    BEBA_OBJECT_VERDICTS = 8,         /* enum beba_verdict_kind */
    BEBA_OBJECT_REASONS = 8,          /* enum beba_reason, then the ones below */
};
#define BEBA_OBJECT_MAGIC 0x6a626f6162656265ull

/* Reasons after those of enum beba_reason, the last of which is the first here. */
enum {
    BEBA_OBJECT_REASON_BUSY = 5,   /* an entry's lock was not to be had: dropped */
    BEBA_OBJECT_REASON_BROKEN = 6, /* a map or the packet was not there: dropped */
};

/* Constants for the verifier: what is false costs nothing. */
struct beba_object_config {
    uint32_t test; /* now and in_port come from struct beba_object_shared; results are kept */
    uint32_t tso;  /* this machine keeps stores in order (x86, s390): unlocking is a plain store */
    uint32_t n_cpus;
    uint32_t
        single_port; /* every packet comes in by this port: no look at beba_in_port; 0 = look */
    uint64_t seed;   /* of random() */
};

struct beba_object_meta {
    uint64_t magic;
    uint32_t version;
    uint32_t target;    /* enum beba_target */
    uint64_t text_size; /* bytes of the source text that follows, without its NUL */
    uint64_t loaded;    /* ns since 1970 */
    char file[256];     /* the program's file, for people */
};

/* The start of beba_shared. */
struct beba_object_shared {
    uint64_t packets; /* number of the next packet; kept where random() is used */
    uint64_t test_now;
    uint32_t test_in_port;
    uint32_t all_events; /* entries that expire and are evicted are told, too */
};

/* The start of a value of beba_cpu. What can be told from the rest is not counted: packets, the sum
 * of verdicts; reason[BEBA_REASON_RULE], what the other reasons leave of them. The result is of the
 * last packet, with config.test. */
struct beba_object_cpu {
    uint64_t bytes;
    uint64_t verdict[BEBA_OBJECT_VERDICTS];
    uint64_t reason[BEBA_OBJECT_REASONS];
    uint64_t events_lost, mirrors_lost, edit_failed, redirect_failed;
    struct beba_object_result {
        uint8_t verdict, reason;
        uint16_t spare;
        uint32_t port, table, rule;
    } result;
    uint32_t sample_every; /* of N packets of this CPU one; 1 = all */
    uint64_t sample_seen;
    uint64_t sample_until; /* ns of the kernel's monotonic clock: packets are sampled until then */
};

/* Counters of a table; entries are in the region's head. Lookups are hits and misses. */
struct beba_object_table {
    uint64_t hits, misses, creations, evictions, refusals, expiries, frees, no_key;
};

/* Of a rule or a named counter. */
struct beba_object_counter {
    uint64_t packets, bytes;
};

/* Key of a set's trie: network byte order, width of the set's type padded to bytes. */
struct beba_object_prefix {
    uint32_t bits;
    uint8_t value[16];
};

/* Events 0.. are enum beba_event_kind. */
enum {
    BEBA_OBJECT_EVENT_SAMPLE = 16, /* struct beba_object_sample: a packet and its result */
    BEBA_OBJECT_EVENT_ENTRY,       /* an entry that a sampled packet found, before its rule: from =
                                      state or ~0 for none; registers in args is not used: data */
};

/* One record of the ring buffer; time is of the monotonic clock. */
struct beba_object_event {
    uint64_t time;
    uint8_t kind, n_args, key_size, spare;
    uint32_t table, rule, notice, from, to;
    uint32_t cpu;
    uint8_t key[BEBA_OBJECT_KEY];
    struct beba_u128 arg[BEBA_OBJECT_ARGS];
};

struct beba_object_entry {
    uint64_t time;
    uint8_t kind, found, update, key_size; /* update: found by the update key */
    uint32_t table, state, birth, cpu;
    uint64_t entered, used; /* monotonic */
    uint8_t key[BEBA_OBJECT_KEY];
    uint8_t regs[BEBA_OBJECT_REGS];
};

struct beba_object_sample {
    uint64_t time; /* now of the packet */
    uint8_t kind, spare[3];
    uint32_t cpu, in_port, len, cap; /* bytes of the packet; bytes here */
    struct beba_object_result result;
    uint8_t data[BEBA_OBJECT_SAMPLE]; /* as it came in */
};

/* Commands for beba_control: it writes status (0 or -errno) and what it found back. */
enum beba_object_op {
    BEBA_OBJECT_GET,   /* reads the entry of key; -ENOENT */
    BEBA_OBJECT_PUT,   /* creates or overwrites: state, times, birth and registers as given */
    BEBA_OBJECT_SET,   /* creates or changes: state (if set_state; enters it at now), registers
                          whose bit of reg_bytes is set; frees what became initial */
    BEBA_OBJECT_DEL,   /* -ENOENT */
    BEBA_OBJECT_SWEEP, /* expires count buckets from bucket on; freed, next */
};

struct beba_object_command {
    uint8_t frame[14]; /* zeros: where an Ethernet header would be */
    uint16_t spare;
    uint32_t op, table;
    int32_t status;
    uint32_t set_state, state, birth;
    uint32_t bucket, count, freed;
    uint64_t now, entered, used;
    uint8_t key[BEBA_OBJECT_KEY];            /* padded to 4 with zeros */
    uint8_t reg_bytes[BEBA_OBJECT_REGS / 8]; /* SET: bit i: byte i of regs counts */
    uint8_t regs[BEBA_OBJECT_REGS];
};

#ifndef __bpf__
#include "pipeline/pipeline.h"
#include "state/ft.h"

/* Where everything is, from a finished pipeline; the same for whoever computes it. Offsets in bytes
 * from the start of the map's value. */
struct beba_object_layout {
    uint32_t *global;   /* in beba_shared: 8 bytes each, 16 of 128 bits (hi, lo) */
    uint32_t *array;    /* in beba_shared: cells of cell_size bytes, row by row */
    uint8_t *cell_size; /* 4 or 8 */
    uint32_t *set;      /* in beba_shared: 65536 bits where the set's type has up to 16; else 0 */
    uint64_t shared_size;
    uint32_t tables, rules, counters, scratch; /* in a value of beba_cpu */
    uint32_t cpu_size;                         /* multiple of 64 */
    uint64_t *region;                          /* of table i: size of its region; 0: no key */
};

/* The arrays come from arena. -E2BIG with what is too large. */
int beba_object_layout(const struct beba_pipeline *p, struct beba_arena *arena,
                       struct beba_object_layout *out, struct beba_error *err);
/* The description from which the region of a table is made. schema must outlive desc. */
void beba_object_ft_desc(const struct beba_table *t, const char *schema, struct beba_ft_desc *out);
#endif

#endif
