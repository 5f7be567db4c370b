/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A message of OpenFlow 1.3.5, of the BEBA extension or of EXT-230, decoded.
 *
 * Made by beba_of_decode: lists and matches lie in its arena; data, frames and error data point
 * into the bytes that were decoded. */
#ifndef BEBA_OPENFLOW_MESSAGE_H
#define BEBA_OPENFLOW_MESSAGE_H

#include "openflow/multipart.h"

struct beba_of_data { /* bytes that a message carries */
    const uint8_t *bytes;
    uint32_t len;
};

struct beba_of_hello { /* [7.5.1] */
    bool has_bitmap;
    uint32_t versions; /* bit v: version v is spoken; without a bitmap, all up to the header's */
};

struct beba_of_error_msg { /* [7.4.4] */
    uint16_t type, code;   /* code is the exp_type of OFPET_EXPERIMENTER */
    uint32_t experimenter;
    struct beba_of_data data;
};

struct beba_of_features { /* reply [7.3.1] */
    uint64_t datapath_id;
    uint32_t n_buffers, capabilities; /* OFPC_* */
    uint8_t n_tables, auxiliary_id;
};

struct beba_of_config { /* [7.3.2] */
    uint16_t flags, miss_send_len;
};

struct beba_of_packet_in { /* [7.4.1] */
    uint32_t buffer;
    uint16_t total_len;
    uint8_t reason, table;
    uint64_t cookie;
    struct beba_of_match match;
    struct beba_of_data data;
};

struct beba_of_flow_removed { /* [7.4.2] */
    uint64_t cookie, packets, bytes, duration;
    uint16_t priority, idle_timeout, hard_timeout;
    uint8_t reason, table;
    struct beba_of_match match;
};

struct beba_of_port_status { /* [7.4.3] */
    uint8_t reason;
    struct beba_of_port port;
};

struct beba_of_role { /* [7.3.9] */
    uint32_t role;
    uint64_t generation;
};

struct beba_of_async { /* [7.3.10]; [0]: as master or equal, [1]: as slave */
    uint32_t packet_in[2], port_status[2], flow_removed[2];
};

struct beba_of_queue_property {
    uint16_t type; /* OFPQT_* */
    uint16_t rate; /* MIN_RATE, MAX_RATE: tenths of a percent */
    uint32_t experimenter;
    struct beba_of_data data;
};

struct beba_of_queue {
    uint32_t queue, port;
    uint32_t n_properties;
    const struct beba_of_queue_property *property;
};

struct beba_of_queue_config { /* reply [7.3.6] */
    uint32_t port;
    uint32_t n;
    const struct beba_of_queue *queue;
};

struct beba_of_state_changed { /* BEBA_MSG_STATE_CHANGED */
    uint32_t table, old_state, new_state, mask;
    uint8_t key[BEBA_OF_STATE_KEY];
    uint32_t key_len; /* the wire says 48 always */
    uint32_t vars[BEBA_FLOW_DATA_VARS];
};

struct beba_of_flow_notification { /* BEBA_MSG_FLOW_NOTIFICATION */
    uint32_t table, kind;          /* kind: OFPT_FLOW_MOD */
    struct beba_of_match match;
    uint32_t n;
    uint32_t instruction[8]; /* types in order of execution */
};

struct beba_of_bundle_control {
    uint32_t bundle;
    uint16_t type, flags; /* ONF_BCT_*, ONF_BF_* */
    struct beba_of_data properties;
};

struct beba_of_msg;

struct beba_of_bundle_add {
    uint32_t bundle;
    uint16_t flags;
    struct beba_of_data bytes;   /* of the message within */
    struct beba_of_msg *message; /* the same, decoded */
    struct beba_of_data properties;
};

struct beba_of_msg {
    uint8_t version; /* OFP_VERSION, but of HELLO and ERROR */
    uint8_t type;    /* OFPT_* */
    uint32_t xid;
    uint32_t experimenter, exp_type; /* of OFPT_EXPERIMENTER */
    bool beba; /* something of the BEBA extension is in it: its sender knows the extension */
    union {
        struct beba_of_hello hello;
        struct beba_of_error_msg error;
        struct beba_of_data echo; /* request, reply */
        struct beba_of_features features;
        struct beba_of_config config; /* GET_CONFIG_REPLY, SET_CONFIG */
        struct beba_of_packet_in packet_in;
        struct beba_of_flow_removed flow_removed;
        struct beba_of_port_status port_status;
        struct beba_of_packet_out packet_out;
        struct beba_of_flow_mod flow_mod;
        struct beba_of_group_mod group_mod;
        struct beba_of_port_mod port_mod;
        struct beba_of_table_mod table_mod;
        struct beba_of_meter_mod meter_mod;
        struct beba_of_request request;       /* MULTIPART_REQUEST */
        struct beba_of_multipart_reply reply; /* MULTIPART_REPLY */
        uint32_t queue_port;                  /* QUEUE_GET_CONFIG_REQUEST */
        struct beba_of_queue_config queue_config;
        struct beba_of_role role;   /* request, reply */
        struct beba_of_async async; /* GET_ASYNC_REPLY, SET_ASYNC */
        struct beba_of_state_mod state_mod;
        struct beba_of_template_mod template_mod;
        struct beba_of_state_changed state_changed;
        struct beba_of_flow_notification notification;
        struct beba_of_bundle_control bundle_control;
        struct beba_of_bundle_add bundle_add;
    };
};

#endif
