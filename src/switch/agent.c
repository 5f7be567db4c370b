/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"
#include "switch/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 500, HELLO_MS = 10000, STUCK_MS = 30000 };

uint64_t beba_agent_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- sending --------------------------------------------------------------------------------- */

bool beba_session_send(struct beba_session *s, const struct beba_of_msg *msg,
                       enum beba_conn_class class)
{
    struct beba_agent *a = s->agent;
    int n = beba_of_encode(msg, &s->codec, a->out, sizeof(a->out));

    if (n >= 0)
        return beba_conn_send(s->conn, a->out, (size_t)n, class);
    beba_log_limited(a->o.log, &a->limit, BEBA_LOG_WARNING, "%s: cannot say %s: %s",
                     beba_conn_peer(s->conn), beba_of_msg_name(msg), strerror(-n));
    return false;
}

void beba_session_error(struct beba_session *s, const struct beba_of_error *err,
                        const uint8_t *message, uint32_t len)
{
    struct beba_agent *a = s->agent;
    int n = beba_of_encode_error(err, message, len, a->out, sizeof(a->out));

    a->stats.errors_sent++;
    beba_log_limited(a->o.log, &a->limit, BEBA_LOG_INFO, "%s: refused: %s, %s: %s",
                     beba_conn_peer(s->conn), beba_of_error_type_name(err->type),
                     beba_of_error_code_name(err->type, err->code, err->experimenter), err->what);
    if (n > 0)
        beba_conn_send(s->conn, a->out, (size_t)n, BEBA_CONN_REPLY);
}

static struct beba_of_msg answer(const struct beba_of_msg *m, uint8_t type)
{
    return (struct beba_of_msg){.version = OFP_VERSION, .type = type, .xid = m->xid};
}

/* --- messages about the connection ------------------------------------------------------------ */

static int on_hello(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                    uint32_t len, struct beba_of_error *err)
{
    struct beba_agent *a = s->agent;

    if (s->ready)
        return 0;
    if (!(m->hello.versions & 1u << OFP_VERSION)) {
        beba_of_error_set(err, OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE,
                          "only OpenFlow 1.3 (version 4) is spoken here");
        beba_log_limited(a->o.log, &a->limit, BEBA_LOG_WARNING,
                         "%s: refused: it does not speak OpenFlow 1.3", beba_conn_peer(s->conn));
        beba_session_error(s, err, bytes, len);
        beba_conn_finish(s->conn, "no common version");
        return 0;
    }
    s->ready = true;
    if (!s->auxiliary)
        a->stats.controllers++;
    beba_session_auxiliaries_open(s);
    beba_endpoint_good(s->endpoint);
    beba_log(a->o.log,
             beba_endpoint_address(s->endpoint)->passive ? BEBA_LOG_INFO : BEBA_LOG_NOTICE,
             "%s: connected", beba_conn_peer(s->conn));
    return 0;
}

static int on_error(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                    uint32_t len, struct beba_of_error *err)
{
    struct beba_agent *a = s->agent;

    beba_log_limited(a->o.log, &a->limit, BEBA_LOG_WARNING, "%s: it says error %s, %s",
                     beba_conn_peer(s->conn), beba_of_error_type_name(m->error.type),
                     beba_of_error_code_name(m->error.type, m->error.code, m->error.experimenter));
    return 0;
}

static int on_echo(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                   uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = answer(m, OFPT_ECHO_REPLY);

    reply.echo = m->echo;
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

static int on_nothing(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                      uint32_t len, struct beba_of_error *err)
{
    return 0;
}

static uint8_t n_tables(const struct beba_datapath *dp)
{
    struct beba_datapath_limits limits;
    uint8_t n = 0;

    for (unsigned t = 0; t < BEBA_DP_TABLES; t++) {
        beba_datapath_limits(dp, (uint8_t)t, &limits);
        n = (uint8_t)(n + !limits.gone);
    }
    return n;
}

static int on_features(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                       uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = answer(m, OFPT_FEATURES_REPLY);

    reply.features = (struct beba_of_features){
        .datapath_id = s->agent->o.datapath_id,
        .n_buffers = BEBA_BUFFERS,
        .n_tables = n_tables(s->agent->o.dp),
        .auxiliary_id = s->auxiliary,
        .capabilities = OFPC_FLOW_STATS | OFPC_TABLE_STATS | OFPC_PORT_STATS | OFPC_GROUP_STATS |
                        OFPC_QUEUE_STATS,
    };
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

static int on_get_config(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                         uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = answer(m, OFPT_GET_CONFIG_REPLY);

    reply.config = s->agent->config;
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

static int on_set_config(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                         uint32_t len, struct beba_of_error *err)
{
    struct beba_agent *a = s->agent;

    if (m->config.flags > OFPC_FRAG_DROP)
        return beba_of_error_set(err, OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_BAD_FLAGS,
                                 "flags 0x%x: fragments are not put together", m->config.flags);
    a->config = m->config;
    beba_datapath_config(a->o.dp, m->config.flags, m->config.miss_send_len);
    return 0;
}

static int on_barrier(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                      uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = answer(m, OFPT_BARRIER_REPLY);

    if (s->agent->packet_outs)
        beba_workers_sync(s->agent->o.workers);
    s->agent->packet_outs = false;
    s->agent->o.settle(s->agent->o.arg);
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

static int on_experimenter(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    if (m->experimenter == BEBA_EXPERIMENTER && m->exp_type == BEBA_MSG_STATE_MOD)
        return beba_session_state_mod(s, m, bytes, len, err);
    if (m->experimenter == BEBA_EXPERIMENTER && m->exp_type == BEBA_MSG_PKTTMP_MOD)
        return beba_session_template_mod(s, m, bytes, len, err);
    if (m->experimenter == ONF_EXPERIMENTER && m->exp_type == ONF_ET_BUNDLE_CONTROL)
        return beba_session_bundle_control(s, m, bytes, len, err);
    if (m->experimenter == ONF_EXPERIMENTER && m->exp_type == ONF_ET_BUNDLE_ADD_MESSAGE)
        return beba_session_bundle_add(s, m, bytes, len, err);
    return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                             "experimenter 0x%x is not known", m->experimenter);
}

static const struct {
    beba_handler *handle;
    bool early; /* before hello is done, too */
    bool write; /* not by slaves */
} handlers[] = {
    [OFPT_HELLO] = {on_hello, true, false},
    [OFPT_ERROR] = {on_error, true, false},
    [OFPT_ECHO_REQUEST] = {on_echo, true, false},
    [OFPT_ECHO_REPLY] = {on_nothing, true, false},
    [OFPT_EXPERIMENTER] = {on_experimenter, false, true},
    [OFPT_FEATURES_REQUEST] = {on_features, false, false},
    [OFPT_GET_CONFIG_REQUEST] = {on_get_config, false, false},
    [OFPT_SET_CONFIG] = {on_set_config, false, false},
    [OFPT_PACKET_OUT] = {beba_session_packet_out, false, true},
    [OFPT_FLOW_MOD] = {beba_session_flow_mod, false, true},
    [OFPT_GROUP_MOD] = {beba_session_group_mod, false, true},
    [OFPT_PORT_MOD] = {beba_session_port_mod, false, true},
    [OFPT_TABLE_MOD] = {beba_session_table_mod, false, true},
    [OFPT_MULTIPART_REQUEST] = {beba_session_multipart, false, false},
    [OFPT_BARRIER_REQUEST] = {on_barrier, false, false},
    [OFPT_QUEUE_GET_CONFIG_REQUEST] = {beba_session_queues, false, false},
    [OFPT_ROLE_REQUEST] = {beba_session_role, false, false},
    [OFPT_GET_ASYNC_REQUEST] = {beba_session_get_async, false, false},
    [OFPT_SET_ASYNC] = {beba_session_set_async, false, false},
    [OFPT_METER_MOD] = {beba_session_meter_mod, false, true},
};

static int dispatch(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                    uint32_t len, struct beba_of_error *err)
{
    if (m->type >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[m->type].handle)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE,
                                 "a message of type %u is not for a switch", m->type);
    if (!s->ready && !handlers[m->type].early) {
        beba_conn_close(s->conn, "it begins without a hello");
        return 0;
    }
    if (beba_session_main(s)->role == OFPCR_ROLE_SLAVE && handlers[m->type].write)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, "a slave may not send %s",
                                 beba_of_msg_name(m));
    return handlers[m->type].handle(s, m, bytes, len, err);
}

/* --- the connection's events ------------------------------------------------------------------ */

static void on_message(void *session, const uint8_t *bytes, uint32_t len)
{
    struct beba_session *s = session;
    struct beba_of_error err = {0};
    struct beba_of_msg m = {0};
    int r;

    s->heard = uv_now(s->agent->o.loop);
    s->probed = 0;
    s->agent->stats.messages++;
    r = beba_of_decode(bytes, len, &s->codec, &s->arena, &m, &err);
    if (r && m.type == OFPT_ERROR)
        r = 0; /* errors are not answered with errors */
    else if (!r)
        r = dispatch(s, &m, bytes, len, &err);
    if (r) {
        beba_session_error(s, &err, bytes, len);
        if (!s->ready)
            beba_conn_finish(s->conn, "it does not begin with a hello");
    }
    beba_arena_free(&s->arena);
}

static void on_drained(void *session)
{
    beba_session_job_go_on(session);
}

static void *on_opened(void *arg, struct beba_endpoint *e, struct beba_conn *c)
{
    struct beba_agent *a = arg;
    struct beba_session *s = calloc(1, sizeof(*s)), **at = &a->first;
    struct beba_of_msg hello = {
        .version = OFP_VERSION,
        .type = OFPT_HELLO,
        .hello = {.has_bitmap = true, .versions = 1u << OFP_VERSION},
    };

    if (!s)
        return NULL;
    s->agent = a;
    s->endpoint = e;
    s->conn = c;
    s->codec = (struct beba_of_codec){
        .side = BEBA_OF_FROM_CONTROLLER, .dialect = a->o.dialect, .detect = a->o.detect};
    s->role = OFPCR_ROLE_EQUAL;
    s->opened = s->heard = uv_now(a->o.loop);
    beba_session_async_default(&s->async);
    beba_session_find_main(s);
    while (*at)
        at = &(*at)->next;
    *at = s;
    beba_session_send(s, &hello, BEBA_CONN_REPLY);
    return s;
}

static void on_closed(void *session, const char *why)
{
    struct beba_session *s = session, **at = &s->agent->first;
    struct beba_agent *a = s->agent;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->ready && !s->auxiliary)
        a->stats.controllers--;
    beba_session_auxiliaries_close(s);
    beba_log_limited(a->o.log, &a->limit,
                     beba_endpoint_address(s->endpoint)->passive ? BEBA_LOG_INFO : BEBA_LOG_WARNING,
                     "%s: connection lost: %s", beba_conn_peer(s->conn), why);
    beba_session_job_drop(s);
    beba_session_bundles_drop(s);
    beba_parts_free(&s->parts);
    beba_arena_free(&s->arena);
    free(s);
}

struct beba_endpoint_events beba_agent_events(struct beba_agent *a)
{
    return (struct beba_endpoint_events){a, on_opened, on_message, on_drained, on_closed};
}

/* Silent peers are asked for an echo, and given up when none comes. */
static void check(struct beba_session *s, uint64_t now)
{
    struct beba_of_msg echo = {.version = OFP_VERSION, .type = OFPT_ECHO_REQUEST};
    size_t queued = beba_conn_queued(s->conn);

    if (!s->ready) {
        if (now - s->opened > HELLO_MS)
            beba_conn_close(s->conn, "no hello");
        return;
    }
    if (queued > BEBA_CONN_HIGH / 2 || s->job) { /* it is read from only after it has read */
        struct beba_conn_stats stats;

        beba_conn_stats(s->conn, &stats);
        if (stats.bytes_out - queued != s->progress)
            s->heard = now;
        s->progress = stats.bytes_out - queued;
        if (now - s->heard > STUCK_MS)
            beba_conn_close(s->conn, "it does not read");
        return;
    }
    if (s->probed) {
        if (now - s->probed > s->agent->o.probe)
            beba_conn_close(s->conn, "no answer to an echo request");
    } else if (now - s->heard > s->agent->o.probe) {
        s->probed = now;
        beba_session_send(s, &echo, BEBA_CONN_REPLY);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct beba_agent *a = t->data;
    struct beba_session *next;

    for (struct beba_session *s = a->first; s; s = next) {
        next = s->next;
        if (a->o.probe)
            check(s, uv_now(a->o.loop));
    }
}

/* --- the agent ------------------------------------------------------------------------------- */

int beba_agent_new(const struct beba_agent_opts *opts, struct beba_agent **out,
                   struct beba_error *err)
{
    struct beba_agent *a = calloc(1, sizeof(*a));

    if (a) {
        a->buffers = beba_buffers_new();
        a->table_names = calloc(BEBA_DP_TABLES, sizeof(*a->table_names));
    }
    if (!a || !a->buffers || !a->table_names) {
        beba_agent_free(a);
        return beba_error_set(err, -ENOMEM, "not enough memory for the agent");
    }
    a->o = *opts;
    a->config = (struct beba_of_config){OFPC_FRAG_NORMAL, OFP_DEFAULT_MISS_SEND_LEN};
    beba_datapath_on_removed(opts->dp, beba_agent_removed, a);
    uv_timer_init(opts->loop, &a->tick);
    a->tick.data = a;
    uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
    *out = a;
    return 0;
}

void beba_agent_ports(struct beba_agent *a, struct beba_ports *ports)
{
    a->ports = ports;
}

void beba_agent_stop(struct beba_agent *a)
{
    if (!uv_is_closing((uv_handle_t *)&a->tick))
        uv_close((uv_handle_t *)&a->tick, NULL);
}

void beba_agent_free(struct beba_agent *a)
{
    if (!a)
        return;
    beba_buffers_free(a->buffers);
    free(a->table_names);
    beba_parts_free(&a->saved);
    free(a);
}

int beba_agent_apply(struct beba_agent *a, const struct beba_of_msg *msg, const uint8_t *bytes,
                     uint32_t len, struct beba_of_error *err)
{
    int r;

    switch (msg->type) {
    case OFPT_FLOW_MOD:
    case OFPT_GROUP_MOD:
    case OFPT_METER_MOD:
        r = beba_agent_modify(a, msg, err);
        break;
    case OFPT_TABLE_MOD:
        r = beba_datapath_table_mod(a->o.dp, &msg->table_mod, err);
        break;
    case OFPT_EXPERIMENTER:
        if (msg->experimenter == BEBA_EXPERIMENTER && msg->exp_type == BEBA_MSG_STATE_MOD)
            r = beba_datapath_state_mod(a->o.dp, &msg->state_mod, beba_agent_now(), err);
        else if (msg->experimenter == BEBA_EXPERIMENTER && msg->exp_type == BEBA_MSG_PKTTMP_MOD)
            r = beba_datapath_template_mod(a->o.dp, &msg->template_mod, err);
        else
            return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                                     "%s does not change the pipeline", beba_of_msg_name(msg));
        break;
    case OFPT_MULTIPART_REQUEST:
        if (msg->request.type == OFPMP_TABLE_FEATURES) {
            const struct beba_of_codec codec = {.side = BEBA_OF_FROM_CONTROLLER, .detect = true};

            return beba_agent_features(a, &a->saved, &codec, msg, bytes, len, err);
        }
        /* fall through */
    default:
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE,
                                 "%s does not change the pipeline", beba_of_msg_name(msg));
    }
    if (!r)
        a->o.changed(a->o.arg, msg, bytes, len);
    return r;
}

void beba_agent_stats(const struct beba_agent *a, struct beba_agent_stats *out)
{
    *out = a->stats;
}

bool beba_agent_peer(const struct beba_agent *a, unsigned *cursor, struct beba_agent_peer *out)
{
    const struct beba_session *s = a->first;
    struct beba_conn_stats stats;

    for (unsigned i = 0; s && i < *cursor; i++)
        s = s->next;
    if (!s)
        return false;
    beba_conn_stats(s->conn, &stats);
    *out = (struct beba_agent_peer){.role = s->role,
                                    .ready = s->ready,
                                    .uses_beba = s->codec.seen_beba,
                                    .messages_in = stats.messages_in,
                                    .messages_out = stats.messages_out,
                                    .dropped = stats.dropped};
    strncpy(out->peer, beba_conn_peer(s->conn), sizeof(out->peer) - 1);
    ++*cursor;
    return true;
}
