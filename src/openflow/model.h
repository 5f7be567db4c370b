/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What OpenFlow 1.3.5 and the BEBA extension speak of, decoded: matches, actions, instructions,
 * buckets, bands and the modifications made of them. Numbers are in host order.
 *
 * The codec (openflow/codec.h) makes these from bytes and bytes from these; the datapath executes
 * them; the exporter makes them from a program. Nothing here knows a socket or a packet. Lists and
 * what they point to belong to whoever made them (the codec: an arena).
 *
 * Sources: OpenFlow Switch Specification 1.3.5 (sections in brackets); ONF extensions EXT-230
 * (bundles) and EXT-109 (TCP flags); the BEBA extension: docs/beba-extension.md. */
#ifndef BEBA_OPENFLOW_MODEL_H
#define BEBA_OPENFLOW_MODEL_H

#include "base/int.h"
#include "openflow/of.h"

#include <stddef.h>

/* --- fields [7.2.3] ------------------------------------------------------------------------ */

/* 0..39 are the OXM numbers of class OFPXMC_OPENFLOW_BASIC; then what extensions add. */
enum beba_of_field {
    /* 0..39: OFPXMT_OFB_* of of.h */
    BEBA_OF_TCP_FLAGS = 40, /* class 0x8000 field 40 (BEBA), or experimenter ONF field 42 */
    BEBA_OF_GLOBAL_STATE,   /* from here on: experimenter BEBA, in this order */
    BEBA_OF_STATE,
    BEBA_OF_CONDITION0,
    BEBA_OF_CONDITION7 = BEBA_OF_CONDITION0 + 7,
    BEBA_OF_TIMESTAMP,
    BEBA_OF_RANDOM,
    BEBA_OF_PKT_LEN,
    BEBA_OF_N_FIELDS
};

/* A field with value and mask as numbers, right-aligned: IPv4 10.0.0.1 is lo = 0x0a000001; a MAC
 * has 48 bits of lo; VLAN_VID has OFPVID_PRESENT in it. Without has_mask, mask is all ones of the
 * field's width. value has no bits outside mask. */
struct beba_of_oxm {
    uint8_t field; /* enum beba_of_field */
    bool has_mask; /* as sent: all-ones masks are kept, so that replies echo what was installed */
    bool onf_form; /* TCP_FLAGS came in the ONF experimenter form */
    struct beba_u128 value, mask;
};

struct beba_of_match {
    uint32_t n;
    struct beba_of_oxm *oxm; /* in the order sent; no field twice */
};

/* --- actions [7.2.5] ------------------------------------------------------------------------ */

enum { BEBA_OF_KEY_FIELDS = 6 }; /* fields of an extractor */

/* An extractor: fields of a key in order, by OXM header words (value not meant). */
struct beba_of_scope {
    uint32_t n;
    uint32_t header[BEBA_OF_KEY_FIELDS]; /* as on the wire, for replies */
    uint8_t field[BEBA_OF_KEY_FIELDS];   /* enum beba_of_field; BEBA_OF_N_FIELDS: unknown, which no
                                            packet has */
};

enum beba_of_operand { BEBA_OPERAND_FDV, BEBA_OPERAND_GDV, BEBA_OPERAND_HF, BEBA_OPERAND_CONSTANT };

struct beba_of_action {
    uint16_t type; /* OFPAT_*; OFPAT_EXPERIMENTER: one of BEBA's */
    uint32_t beba; /* enum beba_act, of an experimenter action */
    union {
        struct {
            uint32_t port;
            uint16_t max_len; /* of a packet-in */
        } output;
        uint32_t group;
        uint32_t queue;
        uint8_t ttl;        /* SET_MPLS_TTL, SET_NW_TTL */
        uint16_t ethertype; /* PUSH_VLAN, PUSH_MPLS, PUSH_PBB, POP_MPLS */
        struct beba_of_oxm set_field;
        struct {
            uint32_t state, mask;
            uint8_t table;
            uint8_t bit; /* which update scope */
            uint32_t hard_rollback, idle_rollback;
            uint32_t hard_timeout, idle_timeout; /* us */
            struct beba_of_scope scope;          /* n = 0: the table's update scope */
        } set_state;
        struct {
            uint32_t value, mask;
        } set_global_state;
        struct {
            uint8_t table;
        } inc_state;
        struct {
            uint8_t table, opcode, bit;
            uint8_t out_type, out; /* FDV or GDV */
            uint8_t operand_type[4], operand[4];
            int8_t coeff[4];
            struct beba_of_scope scope;
        } set_data_var;
        struct {
            uint8_t source, id; /* enum beba_context_source */
            uint8_t field;      /* enum beba_of_field */
            uint32_t header;
        } write_context;
    };
};

struct beba_of_actions {
    uint32_t n;
    struct beba_of_action *action;
};

/* --- instructions [7.2.4] ------------------------------------------------------------------- */

/* Executed in the order of these bits, whatever the order sent. */
enum beba_of_instruction_bit {
    BEBA_OF_PKT_GEN = 1 << 0,
    BEBA_OF_METER = 1 << 1,
    BEBA_OF_APPLY = 1 << 2,
    BEBA_OF_CLEAR = 1 << 3,
    BEBA_OF_WRITE = 1 << 4,
    BEBA_OF_METADATA = 1 << 5,
    BEBA_OF_GOTO = 1 << 6,
};

struct beba_of_instructions {
    uint8_t present; /* enum beba_of_instruction_bit */
    uint8_t table;   /* GOTO */
    uint32_t meter;
    uint32_t template_id; /* PKT_GEN */
    uint64_t metadata, metadata_mask;
    struct beba_of_actions apply, write, generate;
    uint16_t order[8]; /* the types as sent, for replies; 0 = end */
};

/* --- modifications --------------------------------------------------------------------------- */

struct beba_of_flow_mod { /* [7.3.4.1] */
    uint64_t cookie, cookie_mask;
    uint8_t table, command;              /* OFPFC_* */
    uint16_t idle_timeout, hard_timeout; /* s */
    uint16_t priority;
    uint32_t buffer;
    uint32_t out_port, out_group;
    uint16_t flags; /* OFPFF_* */
    struct beba_of_match match;
    struct beba_of_instructions instructions;
};

struct beba_of_bucket {
    uint16_t weight;
    uint32_t watch_port, watch_group;
    struct beba_of_actions actions;
};

struct beba_of_group_mod { /* [7.3.4.2] */
    uint16_t command;
    uint8_t type;
    uint32_t group;
    uint32_t n_buckets;
    struct beba_of_bucket *bucket;
};

struct beba_of_band {
    uint16_t type;
    uint32_t rate, burst; /* kb/s or packets/s; kb or packets */
    uint8_t prec_level;   /* DSCP_REMARK */
    uint32_t experimenter;
};

struct beba_of_meter_mod { /* [7.3.4.4] */
    uint16_t command, flags;
    uint32_t meter;
    uint32_t n_bands;
    struct beba_of_band *band;
};

struct beba_of_port_mod { /* [7.3.4.3] */
    uint32_t port;
    uint8_t hw_addr[6];
    uint32_t config, mask, advertise;
};

struct beba_of_table_mod { /* [7.3.3] */
    uint8_t table;
    uint32_t config;
};

struct beba_of_packet_out { /* [7.3.6] */
    uint32_t buffer, in_port;
    struct beba_of_actions actions;
    const uint8_t *data;
    uint32_t len;
};

/* --- BEBA's modifications --------------------------------------------------------------------- */

enum { BEBA_OF_STATE_KEY = 48 }; /* bytes */

struct beba_of_state_mod {
    uint8_t command; /* enum beba_state_mod */
    uint8_t table;
    union {
        bool stateful; /* STATEFUL_TABLE_CONFIG */
        struct {       /* SET_L_EXTRACTOR, SET_U_EXTRACTOR */
            struct beba_of_scope scope;
            uint8_t biflow, bit;
        } extractor;
        struct { /* SET_FLOW_STATE, DEL_FLOW_STATE, SET_FLOW_DATA_VAR */
            uint8_t key[BEBA_OF_STATE_KEY];
            uint32_t key_len;
            uint32_t state, mask; /* state, or the variable's value */
            uint32_t hard_rollback, idle_rollback;
            uint32_t hard_timeout, idle_timeout; /* us */
            uint8_t variable;
        } flow;
        struct { /* SET_GLOBAL_STATE */
            uint32_t value, mask;
        } global_state;
        struct { /* SET_HEADER_FIELD_EXTRACTOR */
            uint8_t id, field;
            uint32_t header;
        } header_field;
        struct { /* SET_CONDITION */
            uint8_t id, op;
            uint8_t operand_type[2], operand[2];
        } condition;
        struct { /* SET_GLOBAL_DATA_VAR */
            uint8_t id;
            uint32_t value, mask;
        } global_var;
    };
};

struct beba_of_template_mod { /* PKTTMP_MOD */
    uint8_t command;
    uint32_t id;
    const uint8_t *frame;
    uint32_t len;
};

/* --- errors [7.4.4] ----------------------------------------------------------------------------
 */

/* Why a message is refused. Nothing has changed then. what is for the log. */
struct beba_of_error {
    uint16_t type, code;   /* OFPET_*; of an experimenter error, code is its exp_type */
    uint32_t experimenter; /* of type OFPET_EXPERIMENTER: 0xBEBABEBA, or ONF's */
    char what[160];
};

/* Fills err (may be NULL); returns -EINVAL, so that callers can return it. */
int beba_of_error_set(struct beba_of_error *err, uint16_t type, uint16_t code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* BEBA's own errors: OFPET_EXPERIMENTER with its id; ONF's, of bundles. */
int beba_of_error_beba(struct beba_of_error *err, uint16_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int beba_of_error_onf(struct beba_of_error *err, uint16_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
