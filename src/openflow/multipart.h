/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Multipart messages [7.3.5]: what is asked, the elements that answer, and a writer that turns
 * elements, one at a time, into replies of less than 64 KiB each.
 *
 * Times that a message carries as seconds and nanoseconds are nanoseconds here. */
#ifndef BEBA_OPENFLOW_MULTIPART_H
#define BEBA_OPENFLOW_MULTIPART_H

#include "openflow/model.h"

struct beba_of_codec;

/* --- requests ------------------------------------------------------------------------------- */

struct beba_of_flow_request { /* FLOW, AGGREGATE */
    uint8_t table;
    uint32_t out_port, out_group;
    uint64_t cookie, cookie_mask;
    struct beba_of_match match;
};

struct beba_of_state_request { /* BEBA_MP_STATE_STATS and its kin */
    uint8_t table;             /* OFPTT_ALL: all */
    bool by_state;
    uint32_t state;
    struct beba_of_match match; /* prerequisites are not asked for */
};

struct beba_of_table_features;

struct beba_of_request {
    uint16_t type, flags;            /* OFPMP_*, OFPMPF_REQ_MORE */
    uint32_t experimenter, exp_type; /* of OFPMP_EXPERIMENTER: BEBA_EXPERIMENTER, BEBA_MP_* */
    bool short_form;  /* state statistics in BEBA master's short form (exp_type 3 and 4) */
    bool global_data; /* exp_type 3 is GLOBAL_DATA, of flow table `table` */
    union {
        struct beba_of_flow_request flow;
        struct {
            uint32_t port, queue; /* PORT_STATS (no queue), QUEUE */
        } port;
        uint32_t group; /* GROUP */
        uint32_t meter; /* METER, METER_CONFIG */
        struct {
            uint32_t n; /* 0: asks, else sets */
            struct beba_of_table_features *table;
        } features; /* TABLE_FEATURES */
        struct beba_of_state_request state;
        uint8_t table; /* BEBA_MP_GLOBAL_DATA */
    };
};

/* --- elements of replies -------------------------------------------------------------------- */

struct beba_of_desc { /* DESC; always NUL-terminated */
    char manufacturer[OFP_DESC_STR_LEN + 1], hardware[OFP_DESC_STR_LEN + 1];
    char software[OFP_DESC_STR_LEN + 1], serial[OFP_SERIAL_NUM_LEN + 1];
    char datapath[OFP_DESC_STR_LEN + 1];
};

struct beba_of_flow_stats { /* FLOW */
    uint8_t table;
    uint16_t priority, idle_timeout, hard_timeout, flags;
    uint64_t duration, cookie, packets, bytes;
    const struct beba_of_match *match;
    const struct beba_of_instructions *instructions;
};

struct beba_of_aggregate { /* AGGREGATE */
    uint64_t packets, bytes;
    uint32_t flows;
};

struct beba_of_table_stats { /* TABLE */
    uint8_t table;
    uint32_t active;
    uint64_t lookups, matched;
};

enum beba_of_port_counter { /* in the order of the message; ~0 where there is none */
                            BEBA_OF_RX_PACKETS,
                            BEBA_OF_TX_PACKETS,
                            BEBA_OF_RX_BYTES,
                            BEBA_OF_TX_BYTES,
                            BEBA_OF_RX_DROPPED,
                            BEBA_OF_TX_DROPPED,
                            BEBA_OF_RX_ERRORS,
                            BEBA_OF_TX_ERRORS,
                            BEBA_OF_RX_FRAME_ERR,
                            BEBA_OF_RX_OVER_ERR,
                            BEBA_OF_RX_CRC_ERR,
                            BEBA_OF_COLLISIONS,
                            BEBA_OF_N_PORT_COUNTERS
};

struct beba_of_port_stats { /* PORT_STATS */
    uint32_t port;
    uint64_t counter[BEBA_OF_N_PORT_COUNTERS];
    uint64_t duration;
};

struct beba_of_port { /* PORT_DESC, and PORT_STATUS */
    uint32_t port;
    uint8_t hw_addr[6];
    char name[OFP_MAX_PORT_NAME_LEN + 1];
    uint32_t config, state;                        /* OFPPC_*, OFPPS_* */
    uint32_t current, advertised, supported, peer; /* OFPPF_* */
    uint32_t current_speed, max_speed;             /* kb/s */
};

struct beba_of_queue_stats { /* QUEUE */
    uint32_t port, queue;
    uint64_t tx_bytes, tx_packets, tx_errors, duration;
};

struct beba_of_counters {
    uint64_t packets, bytes;
};

struct beba_of_group_stats { /* GROUP */
    uint32_t group, ref_count;
    uint64_t packets, bytes, duration;
    uint32_t n_buckets;
    const struct beba_of_counters *bucket;
};

struct beba_of_group_desc { /* GROUP_DESC */
    uint8_t type;
    uint32_t group;
    uint32_t n_buckets;
    const struct beba_of_bucket *bucket;
};

struct beba_of_group_features { /* GROUP_FEATURES; arrays by OFPGT_* */
    uint32_t types, capabilities;
    uint32_t max_groups[4], actions[4];
};

struct beba_of_meter_stats { /* METER */
    uint32_t meter, flow_count;
    uint64_t packets, bytes, duration;
    uint32_t n_bands;
    const struct beba_of_counters *band;
};

struct beba_of_meter_config { /* METER_CONFIG */
    uint16_t flags;
    uint32_t meter;
    uint32_t n_bands;
    const struct beba_of_band *band;
};

struct beba_of_meter_features { /* METER_FEATURES */
    uint32_t max_meter, band_types, capabilities;
    uint8_t max_bands, max_color;
};

/* An instruction or action by type, or a field by OXM header word. */
struct beba_of_id {
    uint32_t id;
    uint32_t
        experimenter; /* 0 but of OFPIT_EXPERIMENTER, OFPAT_EXPERIMENTER, OFPXMC_EXPERIMENTER */
};

struct beba_of_table_property {
    uint16_t type; /* OFPTFPT_* */
    uint32_t n;
    union {
        const struct beba_of_id *id; /* instructions, actions, fields */
        const uint8_t *table;        /* NEXT_TABLES */
        const uint8_t *data; /* EXPERIMENTER, n bytes: experimenter, exp_type and what follows */
    };
};

struct beba_of_table_features { /* TABLE_FEATURES */
    uint8_t table;
    char name[OFP_MAX_TABLE_NAME_LEN + 1];
    uint64_t metadata_match, metadata_write;
    uint32_t config, max_entries;
    uint32_t n_properties;
    const struct beba_of_table_property *property;
};

struct beba_of_state_stats { /* BEBA_MP_STATE_STATS and its kin; see docs/beba-extension.md */
    uint8_t table;
    uint8_t key[BEBA_OF_STATE_KEY];
    uint32_t key_len; /* 0: the default entry */
    uint32_t state;
    uint64_t duration;
    uint32_t hard_rollback, idle_rollback;
    uint32_t hard_timeout, idle_timeout; /* us */
    uint32_t vars[BEBA_FLOW_DATA_VARS];
    struct beba_of_scope lookup; /* of the table */
};

struct beba_of_global_data { /* BEBA_MP_GLOBAL_DATA */
    uint32_t vars[BEBA_GLOBAL_DATA_VARS];
};

/* A decoded reply. Which member of the union: by type; one element where the type has just one. */
struct beba_of_multipart_reply {
    uint16_t type, flags; /* OFPMPF_REPLY_MORE */
    uint32_t experimenter, exp_type;
    bool short_form, global_data; /* as in a request */
    uint32_t n;
    union {
        const struct beba_of_desc *desc;
        const struct beba_of_flow_stats *flow;
        const struct beba_of_aggregate *aggregate;
        const struct beba_of_table_stats *table;
        const struct beba_of_port_stats *port;
        const struct beba_of_port *port_desc;
        const struct beba_of_queue_stats *queue;
        const struct beba_of_group_stats *group;
        const struct beba_of_group_desc *group_desc;
        const struct beba_of_group_features *group_features;
        const struct beba_of_meter_stats *meter;
        const struct beba_of_meter_config *meter_config;
        const struct beba_of_meter_features *meter_features;
        const struct beba_of_table_features *table_features;
        const struct beba_of_state_stats *state;
        const uint32_t *global_state;
        const struct beba_of_global_data *global;
        const void *element;
    };
};

/* --- the writer ----------------------------------------------------------------------------- */

/* Takes a finished message; the bytes are lent for the call. Less than 0 stops the writer. */
typedef int beba_of_send_fn(void *arg, const uint8_t *bytes, size_t len);

enum { BEBA_OF_MAX_MESSAGE = 65535 };

/* Replies to one request. Owner: the caller, one thread; about 64 KiB, so not for a stack. An
 * element that fits no more begins a new message, and the one before says REPLY_MORE. Master's
 * state statistics have at most 500 entries a message. */
struct beba_of_reply {
    const struct beba_of_codec *codec;
    beba_of_send_fn *send;
    void *arg;
    uint32_t xid;
    uint16_t type;
    uint32_t experimenter, exp_type;
    bool short_form, global_data;
    size_t len; /* of the message so far */
    uint32_t n; /* elements in it */
    int failed; /* -errno: nothing more is sent */
    uint8_t bytes[BEBA_OF_MAX_MESSAGE];
};

/* codec and request are read during begin and as long as the writer is used. */
void beba_of_reply_begin(struct beba_of_reply *r, const struct beba_of_codec *codec, uint32_t xid,
                         const struct beba_of_request *request, beba_of_send_fn *send, void *arg);
/* The element of the request's type. -EMSGSIZE: larger than any message, left out. */
int beba_of_reply_add(struct beba_of_reply *r, const void *element);
/* Sends what is left, at least one message. Returns the first failure of all. */
int beba_of_reply_end(struct beba_of_reply *r);

#endif
