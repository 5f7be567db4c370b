/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A controller's connection, as the files of the agent share it. Inside of the room only. */
#ifndef BEBA_SWITCH_SESSION_H
#define BEBA_SWITCH_SESSION_H

#include "switch/agent.h"
#include "switch/buffers.h"

struct beba_bundle;
struct beba_part;
struct beba_job;

/* The messages of a request that has more [7.3.5]. */
struct beba_parts {
    struct beba_part *first; /* NULL: none */
    uint32_t xid, bytes;
};

struct beba_agent {
    struct beba_agent_opts o;
    struct beba_ports *ports;
    struct beba_session *first;
    struct beba_buffers *buffers;
    uv_timer_t tick;
    struct beba_of_config config;
    bool generation_known;
    uint64_t generation;
    bool packet_outs; /* handed over since the last barrier */
    struct beba_agent_stats stats;
    struct beba_log_limit limit;
    struct beba_parts saved; /* of table features that are loaded */
    char (
        *table_names)[OFP_MAX_TABLE_NAME_LEN + 1]; /* of BEBA_DP_TABLES; given by TABLE_FEATURES */
    uint8_t out[BEBA_OF_MAX_MESSAGE];
};

enum { BEBA_SESSION_BUNDLES = 16, BEBA_SESSION_AUXILIARIES = 16 };

struct beba_session {
    struct beba_agent *agent;
    struct beba_session *next;
    struct beba_endpoint *endpoint;
    struct beba_conn *conn;
    struct beba_of_codec codec;
    struct beba_arena arena;        /* of the message that is being carried out */
    bool ready;                     /* hello is done */
    uint64_t opened, heard, probed; /* ms, of the loop; probed 0: no echo is awaited */
    uint64_t progress;              /* bytes queued when last looked at */
    uint32_t role;                  /* of an auxiliary connection: see main */
    struct beba_of_async async;
    uint8_t auxiliary;         /* its id; 0: a main connection */
    struct beba_session *main; /* of an auxiliary one; NULL when that is gone */
    struct beba_endpoint *auxiliaries[BEBA_SESSION_AUXILIARIES]; /* of a main one */
    struct beba_bundle *bundles;
    unsigned n_bundles;
    struct beba_job *job; /* a reply that is being written */
    struct beba_parts parts;
};

/* What carries out a message. 0, or -EINVAL with the error to answer. */
typedef int beba_handler(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                         uint32_t len, struct beba_of_error *err);

beba_handler beba_session_flow_mod, beba_session_group_mod, beba_session_meter_mod,
    beba_session_table_mod, beba_session_port_mod, beba_session_packet_out;
beba_handler beba_session_role, beba_session_get_async, beba_session_set_async;
beba_handler beba_session_multipart, beba_session_queues;
beba_handler beba_session_bundle_control, beba_session_bundle_add;
beba_handler beba_session_state_mod, beba_session_template_mod;

/* Auxiliary connections [6.3.6]: dialled when the main one's hello is done, closed with it. They
 * carry requests and their replies, with the role of the main one. */
void beba_session_auxiliaries_open(struct beba_session *s);
void beba_session_auxiliaries_close(struct beba_session *s);
/* Finds the main connection of one that was opened. */
void beba_session_find_main(struct beba_session *s);
/* Whose role and asynchronous configuration count. */
struct beba_session *beba_session_main(struct beba_session *s);

bool beba_session_send(struct beba_session *s, const struct beba_of_msg *msg,
                       enum beba_conn_class class);
void beba_session_error(struct beba_session *s, const struct beba_of_error *err,
                        const uint8_t *message, uint32_t len);

/* FLOW_MOD, GROUP_MOD, METER_MOD on the datapath, without their buffers. */
int beba_agent_modify(struct beba_agent *a, const struct beba_of_msg *m, struct beba_of_error *err);
/* PACKET_OUT: checks it, and hands it over. */
int beba_agent_packet_out(struct beba_agent *a, const struct beba_of_packet_out *po,
                          bool only_check, struct beba_of_error *err);
/* A FLOW_MOD or PACKET_OUT names a buffer that is there. */
int beba_agent_buffer_check(struct beba_agent *a, uint32_t buffer, struct beba_of_error *err);
/* BEBA's FLOW_NOTIFICATION, for who uses the extension. */
void beba_session_notify(struct beba_session *s, uint32_t xid, const struct beba_of_flow_mod *mod);

/* Multipart requests of BEBA; called by beba_session_multipart. */
int beba_session_beba_stats(struct beba_session *s, const struct beba_of_msg *m,
                            struct beba_of_error *err);

/* Replies that are written as far as the connection takes them: step writes a part and returns true
 * at the end. While one is written, no further message of the session is read. */
struct beba_job {
    struct beba_session *session;
    struct beba_of_request request;
    struct beba_arena arena; /* of the request */
    struct beba_of_reply reply;
    bool (*step)(struct beba_job *job);
    uint64_t cursor, now;
    unsigned index;
};
/* Takes the session's arena, where the request lies. */
int beba_session_job(struct beba_session *s, const struct beba_of_msg *m,
                     bool (*step)(struct beba_job *job), struct beba_of_error *err);
void beba_session_job_go_on(struct beba_session *s);
void beba_session_job_drop(struct beba_session *s);
/* No more should be added for now. */
bool beba_session_job_full(const struct beba_job *job);

/* TABLE_FEATURES: writing, and setting when the last part has come. */
bool beba_session_step_features(struct beba_job *job);
beba_handler beba_session_set_features;
int beba_agent_features(struct beba_agent *a, struct beba_parts *parts,
                        const struct beba_of_codec *codec, const struct beba_of_msg *m,
                        const uint8_t *bytes, uint32_t len, struct beba_of_error *err);
void beba_parts_free(struct beba_parts *parts);

/* What a controller is shown that has not used the BEBA extension: without its fields, actions and
 * instructions. Memory is the arena's; where nothing is left out, *in is what comes back. */
const struct beba_of_match *beba_plain_match(struct beba_arena *arena,
                                             const struct beba_of_match *in);
const struct beba_of_instructions *beba_plain_instructions(struct beba_arena *arena,
                                                           const struct beba_of_instructions *in);
struct beba_of_actions beba_plain_actions(struct beba_arena *arena,
                                          const struct beba_of_actions *in);

void beba_session_bundles_drop(struct beba_session *s);
/* FLOW_REMOVED, by the datapath. */
void beba_agent_removed(void *arg, const struct beba_datapath_removed *removed);
void beba_session_async_default(struct beba_of_async *async);

#endif
