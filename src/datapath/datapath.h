/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The OpenFlow datapath: flow tables, groups, meters and BEBA's state tables, and packets run
 * through them.
 *
 * Threads. One control thread changes a datapath and reads its statistics; workers run packets at
 * the same time. Changes are versions: a packet takes the version when it comes in and sees the
 * tables as they were then, so one flow-mod, or all of a bundle, happens between two packets.
 * Removed things are freed after all workers have been seen between packets (liburcu, QSBR).
 *
 * Bounds: BEBA_DP_* and struct beba_datapath_opts. What does not fit is refused with OpenFlow's
 * error. Every packet that goes nowhere is counted by reason. Semantics: OpenFlow 1.3.5 [sections],
 * BEBA: docs/beba-extension.md. Memory of the packet path is made beforehand, per worker. */
#ifndef BEBA_DATAPATH_DATAPATH_H
#define BEBA_DATAPATH_DATAPATH_H

#include "openflow/model.h"
#include "packet/packet.h"

struct beba_error;
struct beba_datapath;
struct beba_datapath_worker;

enum {
    BEBA_DP_TABLES = 254,
    BEBA_DP_PORTS = 256,      /* at most */
    BEBA_DP_GROUP_DEPTH = 16, /* groups that lead to groups */
    BEBA_DP_CLONES = 4096, /* copies that one packet may make (flood, groups, packet generation) */
};

enum beba_datapath_drop {                      /* why a packet ended */
                          BEBA_DP_DROP_MISS,   /* no entry matched */
                          BEBA_DP_DROP_ACTION, /* the entry says nothing about where to go */
                          BEBA_DP_DROP_METER,
                          BEBA_DP_DROP_TTL,
                          BEBA_DP_DROP_PORT,     /* down, absent, NO_FWD, NO_RECV */
                          BEBA_DP_DROP_GROUP,    /* no live bucket, no such group */
                          BEBA_DP_DROP_TOO_DEEP, /* too many copies, or groups in groups */
                          BEBA_DP_DROP_EDIT,     /* no room for a header, or nothing to pop */
                          BEBA_DP_DROP_FRAGMENT, /* OFPC_FRAG_DROP */
                          BEBA_DP_DROP_BUSY,     /* a flow's lock was not to be had */
                          BEBA_DP_DROP_PROGRAM,  /* a program's verdict */
                          BEBA_DP_N_DROPS
};
const char *beba_datapath_drop_name(enum beba_datapath_drop reason);

struct beba_datapath_opts {
    unsigned n_workers;                             /* 1..64 */
    uint32_t max_entries;                           /* of a flow table; 0: 1 << 20 */
    uint32_t max_groups, max_meters, max_templates; /* 0: 4096, 4096, 1024 */
    uint64_t max_flows;                             /* of a state table; 0: 1 << 20 */
    const char *state_file; /* prefix of the files that hold state tables; NULL: private memory */
    uint64_t seed;          /* of SELECT and RANDOM; 0: from the system */
    bool openstate;         /* entries of state tables that come to state 0 are deleted */
};

int beba_datapath_new(const struct beba_datapath_opts *opts, struct beba_datapath **out,
                      struct beba_error *err);
void beba_datapath_free(struct beba_datapath *dp);

/* --- control: 0, or -EINVAL with err; a refused change changes nothing ----------------------- */

/* now: ns, of the clock that packets carry. */
int beba_datapath_flow_mod(struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                           uint64_t now, struct beba_of_error *err);
int beba_datapath_group_mod(struct beba_datapath *dp, const struct beba_of_group_mod *mod,
                            uint64_t now, struct beba_of_error *err);
int beba_datapath_meter_mod(struct beba_datapath *dp, const struct beba_of_meter_mod *mod,
                            uint64_t now, struct beba_of_error *err);
int beba_datapath_table_mod(struct beba_datapath *dp, const struct beba_of_table_mod *mod,
                            struct beba_of_error *err);
int beba_datapath_state_mod(struct beba_datapath *dp, const struct beba_of_state_mod *mod,
                            uint64_t now, struct beba_of_error *err);
int beba_datapath_template_mod(struct beba_datapath *dp, const struct beba_of_template_mod *mod,
                               struct beba_of_error *err);

/* What a table accepts [7.3.5.5.2]: instructions and actions as bits by type, fields and tables as
 * bits by number. miss is of the entry without a match and with priority 0. The extension's parts
 * are always accepted. */
struct beba_of_table_features;
struct beba_datapath_ability {
    uint64_t instructions, write, apply, write_set, apply_set, next[4];
};
struct beba_datapath_limits {
    uint32_t gone; /* not in the pipeline */
    uint32_t max_entries;
    uint64_t metadata_match, metadata_write, match, masked, wildcard;
    struct beba_datapath_ability hit, miss;
};
/* Sets the features of all tables, those not named are gone; all or nothing. Entries of tables that
 * change are removed and nobody is told [7.3.5.5]. */
int beba_datapath_limit(struct beba_datapath *dp, const struct beba_of_table_features *set,
                        uint32_t n, uint64_t now, struct beba_of_error *err);
void beba_datapath_limits(const struct beba_datapath *dp, uint8_t table,
                          struct beba_datapath_limits *out);

/* Changes between begin and commit become visible at once; after a failed one, or on wish,
 * rollback leaves no trace. Flow-mods, group-mods and meter-mods only. */
void beba_datapath_begin(struct beba_datapath *dp);
void beba_datapath_commit(struct beba_datapath *dp);
void beba_datapath_rollback(struct beba_datapath *dp);

/* Checks actions as a packet-out has them [7.3.6]. */
int beba_datapath_check_actions(struct beba_datapath *dp, const struct beba_of_actions *actions,
                                struct beba_of_error *err);

/* --- ports: what the datapath must know of them ----------------------------------------------- */

struct beba_datapath_port {
    uint32_t port;   /* 1..OFPP_MAX, or OFPP_LOCAL */
    uint32_t config; /* OFPPC_* */
    bool up;         /* live */
};
int beba_datapath_port_set(struct beba_datapath *dp, const struct beba_datapath_port *port);
void beba_datapath_port_del(struct beba_datapath *dp, uint32_t port);

/* OFPC_FRAG_*, and invalid-TTL and miss packets' max_len of SET_CONFIG. */
void beba_datapath_config(struct beba_datapath *dp, uint16_t flags, uint16_t miss_send_len);

/* --- what comes out ------------------------------------------------------------------------- */

struct beba_datapath_packet_in {
    const struct beba_packet *packet;
    uint8_t reason; /* OFPR_* */
    uint8_t table;
    uint64_t cookie;
    uint16_t max_len;
    struct beba_of_match match; /* in_port and the pipeline fields that are there [7.4.1]; BEBA's
                                   fields last, from n_plain on */
    uint32_t n_plain;
};

struct beba_datapath_state_change { /* STATE_CHANGED */
    uint32_t table, old_state, new_state, mask;
    uint8_t key[BEBA_OF_STATE_KEY];
    uint32_t key_len;
    uint32_t vars[BEBA_FLOW_DATA_VARS];
};

/* A worker's outside. Called during beba_datapath_run; the packet is lent for the call. */
struct beba_datapath_sink {
    void *arg;
    /* port: a real one or OFPP_LOCAL, which is up and may be sent to. */
    void (*output)(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet);
    /* The same, of a packet that the datapath is done with: its bytes may be taken over. NULL:
     * output is called instead. */
    void (*pass)(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet);
    void (*packet_in)(void *arg, const struct beba_datapath_packet_in *in);
    void (*state_changed)(void *arg,
                          const struct beba_datapath_state_change *change); /* NULL: nobody asks */
};

/* --- packets -------------------------------------------------------------------------------- */

/* Worker i of n_workers, used by one thread at a time, which is registered with QSBR. */
struct beba_datapath_worker *beba_datapath_worker(struct beba_datapath *dp, unsigned i,
                                                  const struct beba_datapath_sink *sink);

/* Runs n parsed packets through table 0 [5.1]. in_port and now are set. Packets are changed in
 * place and need head- and tailroom for what actions push. */
void beba_datapath_run(struct beba_datapath_worker *w, struct beba_packet *const packet[],
                       unsigned n);

/* Executes a packet-out's actions on a parsed packet [7.3.6]; OFPP_TABLE leads to table 0. */
void beba_datapath_execute(struct beba_datapath_worker *w, struct beba_packet *packet,
                           const struct beba_of_actions *actions);

/* --- expiry: by the control thread, a few times a second ------------------------------------- */

/* Entries that idle or hard timeouts, deletes or group-deletes removed, for FLOW_REMOVED: called
 * for each with OFPFF_SEND_FLOW_REM, also from flow_mod and group_mod. */
struct beba_datapath_removed {
    uint64_t cookie, packets, bytes, lived; /* ns */
    uint16_t priority, idle_timeout, hard_timeout;
    uint8_t reason; /* OFPRR_* */
    uint8_t table;
    const struct beba_of_match *match;
};
void beba_datapath_on_removed(struct beba_datapath *dp,
                              void (*fn)(void *arg, const struct beba_datapath_removed *removed),
                              void *arg);
/* Applies timeouts of flow entries, and of a part of the state tables' entries. */
void beba_datapath_expire(struct beba_datapath *dp, uint64_t now);

/* --- statistics: by the control thread ------------------------------------------------------- */

struct beba_datapath_flow {
    uint8_t table;
    uint16_t priority, idle_timeout, hard_timeout, flags;
    uint64_t cookie, packets, bytes, lived; /* ns */
    const struct beba_of_match *match;
    const struct beba_of_instructions *instructions;
    const char *name; /* of a program's rule, "machine: on tcp.dst == 22"; else NULL. Such entries
                         are read-only, and their match is what OpenFlow can say of the rule's */
};
struct beba_datapath_flow_filter { /* of OFPMP_FLOW and AGGREGATE; table OFPTT_ALL, ports ANY */
    uint8_t table;
    uint32_t out_port, out_group;
    uint64_t cookie, cookie_mask;
    struct beba_of_match match;
};
/* Calls fn for each flow entry until it returns false; the order is stable while nothing changes,
 * and *cursor (0 at first) goes on where a call ended. Returns true at the end. */
bool beba_datapath_flows(struct beba_datapath *dp, const struct beba_datapath_flow_filter *filter,
                         uint64_t now, uint64_t *cursor,
                         bool (*fn)(void *arg, const struct beba_datapath_flow *flow), void *arg);

struct beba_datapath_table_stats {
    uint32_t active, max_entries;
    uint64_t lookups, matches;
    bool stateful;
    const char *name;
};
void beba_datapath_table_stats(struct beba_datapath *dp, uint8_t table,
                               struct beba_datapath_table_stats *out);

struct beba_datapath_group {
    uint32_t group, ref_count;
    uint8_t type;
    uint64_t packets, bytes, lived;
    uint32_t n_buckets;
    const struct beba_of_bucket *bucket;
    uint64_t bucket_packets, bucket_bytes; /* see beba_datapath_bucket_stats */
};
/* *cursor as above; false at the end. */
bool beba_datapath_group_next(struct beba_datapath *dp, uint64_t *cursor, uint64_t now,
                              struct beba_datapath_group *out);
void beba_datapath_bucket_stats(struct beba_datapath *dp, uint32_t group, uint32_t bucket,
                                uint64_t *packets, uint64_t *bytes);

struct beba_datapath_meter {
    uint32_t meter, flow_count;
    uint16_t flags;
    uint64_t packets, bytes, lived;
    uint32_t n_bands;
    const struct beba_of_band *band;
};
bool beba_datapath_meter_next(struct beba_datapath *dp, uint64_t *cursor, uint64_t now,
                              struct beba_datapath_meter *out);
void beba_datapath_band_stats(struct beba_datapath *dp, uint32_t meter, uint32_t band,
                              uint64_t *packets, uint64_t *bytes);

void beba_datapath_drops(struct beba_datapath *dp, uint64_t out[BEBA_DP_N_DROPS]);

/* --- programs: .xfsm at a table --------------------------------------------------------------- */

/* A program takes the place of a table's entries. Each packet that comes to the table runs through
 * all of its machines; pass leads on to table next, drop, output, reply and flood end it, punt
 * makes a packet-in. Its flows are the engine's own, in one piece for all workers, which take
 * turns. */
struct beba_datapath_program_opts {
    uint8_t table; /* without entries, and not stateful; one that has a program gets the new one */
    uint8_t next;  /* a later table; 0: the one after */
    const char *name;
    const char *state_dir; /* where flows are files; NULL: private memory */
    uint64_t capacity;     /* flows of each machine; 0: as the program says */
};
struct beba_program;
/* Takes the program, unless it fails: -EINVAL, -EBUSY, -ENOMEM, and what opening files gives. */
int beba_datapath_program_load(struct beba_datapath *dp,
                               const struct beba_datapath_program_opts *opts,
                               struct beba_program *program, struct beba_error *err);
int beba_datapath_program_unload(struct beba_datapath *dp,
                                 uint8_t table); /* -ENOENT: there is none */
const char *beba_datapath_program_name(struct beba_datapath *dp,
                                       uint8_t table); /* NULL: no program */
/* What the program notified of since: calls fn with each event as text. By the control thread. */
void beba_datapath_program_events(struct beba_datapath *dp, uint8_t table,
                                  void (*fn)(void *arg, uint64_t time, const char *text),
                                  void *arg);

/* --- native code: the tables' structure, and programs at tables, compiled by the system's C
 * compiler ---------------------
 */

/* The interpreter goes on whatever becomes of it; entries, counters and states are the same. */
struct beba_datapath_native_opts {
    void (*wake)(
        void *arg); /* by another thread: call beba_datapath_native_step soon; NULL: none */
    void *arg;
    unsigned quiet; /* ms without a change of structure before it is compiled; 0: 25 */
};
/* From now on tables are compiled, by a thread of its own. 0 or -errno. */
int beba_datapath_native_start(struct beba_datapath *dp,
                               const struct beba_datapath_native_opts *opts,
                               struct beba_error *err);
/* Takes what has been compiled, and has compiled what has changed. Returns in how many ms to call
 * again, 0: when tables have changed, or when woken. By the control thread. */
unsigned beba_datapath_native_step(struct beba_datapath *dp);
/* Until workers run code for the tables as they are. 0, or what failed. */
int beba_datapath_native_wait(struct beba_datapath *dp, struct beba_error *err);

struct beba_datapath_native {
    bool started;
    bool runs;           /* code for the tables as they are, or were before what is new */
    bool failed;         /* for the structure of now; error says why */
    uint64_t structure;  /* how often it has changed */
    uint64_t compiled;   /* the change that the code is for */
    uint64_t n_compiled; /* times */
    uint64_t n_programs; /* at tables, that were compiled */
    bool program_failed; /* the last of them; error says why */
    uint64_t compile_ns; /* the last time: in the compiler */
    uint64_t swap_ns;    /* and from the last change until workers had the code */
    char error[800];
};
void beba_datapath_native(const struct beba_datapath *dp, struct beba_datapath_native *out);

/* State entries, for BEBA's statistics and for people: see datapath/stateful.h. */

#endif
