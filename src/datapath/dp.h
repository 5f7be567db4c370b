/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The inside of a datapath: its parts, versions of what it has, and how what was removed is freed.
 *
 * A change makes something new in version + 1, or marks something as removed in it, and is noted.
 * Commit makes that version the packets'; rollback takes the noted changes back. What was removed
 * then goes through two grace periods: after the first no packet has an old version, and it is
 * taken out of the tables; after the second no packet looks at it, and it is freed. */
#ifndef BEBA_DATAPATH_DP_H
#define BEBA_DATAPATH_DP_H

#include "datapath/cache.h"
#include "datapath/classifier.h"
#include "datapath/exec.h"
#include "datapath/object.h"

enum {
    BEBA_DP_LEVELS = BEBA_DP_GROUP_DEPTH + 4, /* of copies of copies */
    BEBA_DP_ROOM = 128,                       /* before and behind a copy, for what is pushed */
};
#define BEBA_DP_RANDOM_STEP 0x9e3779b97f4a7c15ull /* of splitmix64 */

struct beba_list {
    void **item;
    size_t n, cap;
};
int beba_list_add(struct beba_list *list, void *item); /* 0 or -ENOMEM */

struct beba_table {
    struct beba_classifier classifier;
    struct beba_list entries; /* control: current ones, struct beba_entry */
};

/* Ports as packets see them; replaced whole. */
enum { BEBA_LOW_PORTS = 1024 };
struct beba_ports {
    uint32_t n;
    uint16_t low[BEBA_LOW_PORTS]; /* where a port with such a number is, from 1; 0: nowhere */
    struct beba_datapath_port port[BEBA_DP_PORTS];
};

struct beba_datapath_memory {
    struct beba_cache cache;
    uint8_t *level[BEBA_DP_LEVELS]; /* frames of BEBA_PACKET_MAX, and room */
    struct {                        /* of each table */
        uint64_t lookups, matches;
    } table[BEBA_DP_TABLES];
};

/* Noted changes. */
enum beba_change_kind {
    BEBA_CHANGE_ENTRY_ADDED,
    BEBA_CHANGE_ENTRY_REMOVED,
    BEBA_CHANGE_BODY_ADDED,
    BEBA_CHANGE_BODY_REMOVED,
};
struct beba_datapath_change {
    enum beba_change_kind kind;
    void *what; /* struct beba_entry, or struct beba_body */
};

struct beba_later {
    void (*fn)(void *arg);
    void *arg;
};

struct beba_datapath {
    _Atomic uint64_t version;
    struct beba_table *_Atomic table[BEBA_DP_TABLES];
    _Atomic bool stateful_table[BEBA_DP_TABLES];
    _Atomic uint32_t global_state;
    struct beba_ports *_Atomic ports;
    _Atomic uint16_t config, miss_send_len;
    struct beba_objects groups, meters;
    struct beba_stateful *stateful;
    struct beba_datapath_opts opts;
    struct beba_wanted *_Atomic wanted;
    _Atomic uint32_t n_subtables;         /* of all tables */
    struct beba_special *_Atomic special; /* native code for the tables as they are; NULL: none */
    struct beba_datapath_worker *worker;  /* n_workers of them */

    /* control */
    bool bundle;
    uint64_t order;                        /* of the next entry */
    uint32_t n_shapes;                     /* of subtables; numbers are not used again */
    struct beba_datapath_compiler *native; /* native.c; NULL: there is only the interpreter */
    struct beba_datapath_change *change;
    size_t n_changes, cap_changes;
    struct beba_list heap;              /* entries by when they time out next */
    struct beba_list found;             /* entries that a modification is about */
    struct beba_datapath_change *limbo; /* removed, not yet taken out */
    size_t n_limbo, cap_limbo;
    struct beba_later *later; /* taken out, not yet freed */
    size_t n_later, cap_later;
    void (*removed)(void *arg, const struct beba_datapath_removed *removed);
    void *removed_arg;
    struct beba_datapath_limits *limits; /* of BEBA_DP_TABLES; NULL: none were set */
};

BEBA_INLINE const struct beba_datapath_port *beba_port_find(const struct beba_ports *ports,
                                                            uint32_t port)
{
    if (port < BEBA_LOW_PORTS)
        return ports->low[port] ? &ports->port[ports->low[port] - 1] : NULL;
    for (uint32_t i = 0; i < ports->n; i++)
        if (ports->port[i].port == port)
            return &ports->port[i];
    return NULL;
}

BEBA_INLINE const struct beba_datapath_port *beba_datapath_port(const struct beba_datapath *dp,
                                                                uint32_t port)
{
    return beba_port_find(atomic_load_explicit(&dp->ports, memory_order_acquire), port);
}

BEBA_INLINE bool beba_datapath_may_send(const struct beba_datapath_port *port)
{
    return port && port->up && !(port->config & (OFPPC_PORT_DOWN | OFPPC_NO_FWD));
}

/* last: nobody looks at the packet afterwards. */
BEBA_INLINE void beba_datapath_give(const struct beba_datapath_sink *sink,
                                    const struct beba_datapath_port *port,
                                    const struct beba_packet *p, bool last)
{
    if (last && sink->pass)
        sink->pass(sink->arg, port->port, p->queue, p);
    else
        sink->output(sink->arg, port->port, p->queue, p);
}

BEBA_INLINE uint64_t beba_datapath_next_version(const struct beba_datapath *dp)
{
    return atomic_load_explicit(&dp->version, memory_order_relaxed) + 1;
}

/* fn(arg) when no packet can look at arg any more. arg may be NULL: nothing. */
void beba_datapath_later(struct beba_datapath *dp, void (*fn)(void *arg), void *arg);

/* Notes a change that has been made. 0 or -ENOMEM: then the caller takes it back. */
int beba_datapath_note(struct beba_datapath *dp, enum beba_change_kind kind, void *what);
/* Takes back what was noted since there were n changes. */
void beba_datapath_undo(struct beba_datapath *dp, size_t n);
/* At the end of a modification: undone if it failed since there were n changes, else committed
 * unless a bundle is open. Returns failed. */
int beba_datapath_end(struct beba_datapath *dp, size_t n, int failed);

/* --- entries (table.c) ----------------------------------------------------------------------- */

BEBA_INLINE struct beba_table *beba_datapath_table(const struct beba_datapath *dp, uint8_t table)
{
    return atomic_load_explicit(&dp->table[table], memory_order_acquire);
}
struct beba_table *beba_table_make(struct beba_datapath *dp,
                                   uint8_t table); /* there already, or new */
void beba_tables_free(struct beba_datapath *dp);

/* What a new entry says; rule, and tally when not NULL, become its own, also when it fails. */
struct beba_entry_says {
    uint8_t table;
    uint16_t priority, idle, hard, flags;
    uint64_t cookie, created, installed;
    uint64_t order; /* 0: the next */
    struct beba_rule *rule;
    struct beba_tally *tally; /* shared with an entry before it; NULL: counts from 0 */
};
/* Puts an entry in, seen from the next version on, and notes it. */
int beba_entry_add(struct beba_datapath *dp, const struct beba_entry_says *says);
/* Marks as removed from the next version on, and notes it. reason: OFPRR_*, or BEBA_SILENT. */
int beba_entry_remove(struct beba_datapath *dp, struct beba_entry *e, uint8_t reason, uint64_t now);
void beba_entry_unadd(struct beba_datapath *dp, struct beba_entry *e);
void beba_entry_unremove(struct beba_datapath *dp, struct beba_entry *e);
void beba_entry_take_out(struct beba_datapath *dp, struct beba_entry *e); /* and free, later */
/* Tells of its removal whom it concerns. */
void beba_entry_tell(struct beba_datapath *dp, const struct beba_entry *e);

/* Counters for each worker, all 0, with no reference; the last reference's end frees them. */
struct beba_tally *beba_tally_new(const struct beba_datapath *dp);
void beba_tally_release(struct beba_tally *tally);
void beba_tally_sum(const struct beba_datapath *dp, const struct beba_tally *tally,
                    uint64_t *packets, uint64_t *bytes, uint64_t *used);

/* --- timeouts (heap.c) ------------------------------------------------------------------------ */

int beba_heap_reserve(struct beba_datapath *dp); /* room for one more; 0 or -ENOMEM */
void beba_heap_add(struct beba_datapath *dp, struct beba_entry *e);
void beba_heap_remove(struct beba_datapath *dp, struct beba_entry *e);
int beba_heap_expire(struct beba_datapath *dp, uint64_t now); /* removes; 0 or -ENOMEM */

/* --- checks (check.c) ------------------------------------------------------------------------- */

enum beba_check_where { BEBA_CHECK_FLOW, BEBA_CHECK_BUCKET, BEBA_CHECK_PACKET_OUT };
int beba_check_actions(struct beba_datapath *dp, const struct beba_of_actions *actions,
                       enum beba_check_where where, struct beba_of_error *err);
int beba_check_set(struct beba_datapath *dp, const struct beba_of_actions *actions,
                   enum beba_check_where where, struct beba_of_error *err);
int beba_check_instructions(struct beba_datapath *dp, uint8_t table,
                            const struct beba_of_instructions *in, struct beba_of_error *err);

/* Table features (limits.c): an entry is one that its table accepts. */
int beba_limits_check(const struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                      struct beba_of_error *err);

/* --- packets ---------------------------------------------------------------------------------- */

/* action.c */
bool beba_datapath_apply(struct beba_datapath_exec *x,
                         const struct beba_of_actions *actions); /* false: ended */
void beba_datapath_apply_set(struct beba_datapath_exec *x);
/* exec.c: from a table on. */
void beba_datapath_pipeline(struct beba_datapath_exec *x, uint8_t table);
/* A packet of its own made like x's, in a level of its own; false and counted when there is none.
 */
bool beba_datapath_copy(struct beba_datapath_exec *x, struct beba_datapath_exec *copy,
                        struct beba_packet *packet);
/* An execution of its own of the same packet. */
void beba_datapath_lend(struct beba_datapath_exec *x, struct beba_datapath_exec *other);
/* One more output or copy of what came in: false, and counted, when there were too many. */
bool beba_datapath_may_copy(struct beba_datapath_exec *x);
/* output.c */
void beba_datapath_output(struct beba_datapath_exec *x, uint32_t port, uint16_t max_len);
void beba_datapath_packet_in(struct beba_datapath_exec *x, uint8_t reason, uint16_t max_len);
bool beba_datapath_port_live(const struct beba_datapath *dp, uint32_t port);
/* group.c */
void beba_datapath_group(struct beba_datapath_exec *x, uint32_t group);
/* meter.c: false when the packet is dropped. */
bool beba_datapath_meter(struct beba_datapath_exec *x, uint32_t meter);
/* OFPM_CONTROLLER: false when the controller is not told. */
bool beba_datapath_meter_controller(struct beba_datapath_exec *x);

void beba_groups_init(struct beba_datapath *dp);
void beba_meters_init(struct beba_datapath *dp);
/* Group or meter with that number, current; references by entries and groups to them. */
struct beba_object *beba_datapath_find_group(const struct beba_datapath *dp, uint32_t group);
struct beba_object *beba_datapath_find_meter(const struct beba_datapath *dp, uint32_t meter);
void beba_datapath_refer(struct beba_datapath *dp, const struct beba_of_actions *actions, int by);
/* To that port, or that group; ANY: to none. */
bool beba_actions_lead_to(const struct beba_of_actions *actions, uint32_t port, uint32_t group);
bool beba_entry_leads_to(const struct beba_entry *e, uint32_t port, uint32_t group);
/* Removes all entries that refer to a group, or to a meter; noted. 0 or -ENOMEM. */
int beba_flows_remove_group(struct beba_datapath *dp, uint32_t group, uint64_t now);
int beba_flows_remove_meter(struct beba_datapath *dp, uint32_t meter, uint64_t now);

#endif
