/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program as OpenFlow 1.3 with the BEBA extension (its advanced dialect): state tables, flow
 * entries, and a barrier at the end. What the extension cannot express is an error at its place.
 *
 * Each machine becomes a table, or, when its key says ip.src or l4.dst, a table that tells families
 * apart and one for each (IPv4 and IPv6, TCP, UDP and SCTP). A rule becomes entries that are tried
 * in its order, one for each way through its body; its cookie is 0xbeba, the table and the rule's
 * number, so that its counters are the sum of its entries'. A state has its number; a flow in the
 * first state whose registers hold something has the number after the last. A connection is an
 * entry for each direction: that of packets against the first one has its states' numbers after all
 * others, and what one packet does it does to both. Ports that registers hold are told apart in a
 * table behind all others.
 *
 * Timeouts are one microsecond shorter than the program's: OpenFlow's are over when their end has
 * passed, the language's when it has come. Packets with MPLS labels or a PBB tag have no IP in
 * OpenFlow, and RARP is no ARP. Capacities are those of the switch. */
#ifndef BEBA_OPENFLOW_EXPORT_H
#define BEBA_OPENFLOW_EXPORT_H

#include "openflow/message.h"
#include "pipeline/pipeline.h"

enum beba_export_pass { /* what pass means: the language says, the packet goes on */
                        BEBA_EXPORT_FLOOD, /* on a switch of two ports: out by the other one */
                        BEBA_EXPORT_PORT,
                        BEBA_EXPORT_TABLE,
};

struct beba_export_opts {
    uint8_t first_table;
    uint8_t pass;       /* enum beba_export_pass */
    uint32_t pass_port; /* PORT */
    uint8_t pass_table; /* TABLE: one behind the program's */
    uint32_t ports;     /* the greatest port that a register can hold; 0: 64 */
};

struct beba_export_table {
    uint8_t table;
    uint32_t machine;
    bool stateful;
    uint16_t eth_type; /* the family: 0 = any */
    uint8_t ip_proto;  /* 0 = any */
};

struct beba_export {
    struct beba_of_msg *msg; /* xids from 1 */
    uint32_t n, cap;
    struct beba_export_table *table; /* those with a machine's rules */
    uint32_t n_tables;
    uint8_t end; /* the first table behind the program's */
    struct beba_arena arena;
};

/* 0; -EINVAL: diags says what cannot be expressed (code target-openflow); -ENOMEM. The pipeline is
 * finished. Free out in every case. */
int beba_export(const struct beba_pipeline *p, const struct beba_export_opts *opts,
                struct beba_export *out, struct beba_diags *diags);
void beba_export_free(struct beba_export *e);

/* All that keeps the program from being exported, and what will be otherwise: beba_target_check,
 * then the export itself. Returns how many diagnostics. */
unsigned beba_export_check(const struct beba_pipeline *p, struct beba_diags *diags);

/* A line a message, as ovs-ofctl writes them; one message without its newline. */
void beba_export_print(struct beba_strbuf *out, const struct beba_export *e);
void beba_export_print_msg(struct beba_strbuf *out, const struct beba_of_msg *m);
/* The messages as bytes, one after the other. 0 or -errno. */
int beba_export_encode(struct beba_strbuf *out, const struct beba_export *e);

#endif
