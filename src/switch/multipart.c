/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Multipart requests [7.3.5], and the replies that are written piece by piece. */
#include "io/netdev.h"
#include "switch/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- jobs ----------------------------------------------------------------------------------- */

static int on_part(void *arg, const uint8_t *bytes, size_t len)
{
    struct beba_session *s = arg;

    return beba_conn_send(s->conn, bytes, len, BEBA_CONN_REPLY) ? 0 : -EPIPE;
}

bool beba_session_job_full(const struct beba_job *job)
{
    return beba_conn_queued(job->session->conn) > BEBA_CONN_HIGH;
}

void beba_session_job_drop(struct beba_session *s)
{
    if (!s->job)
        return;
    beba_arena_free(&s->job->arena);
    free(s->job);
    s->job = NULL;
}

void beba_session_job_go_on(struct beba_session *s)
{
    if (!s->job || (!s->job->reply.failed && !s->job->step(s->job)))
        return;
    beba_of_reply_end(&s->job->reply);
    beba_session_job_drop(s);
    beba_conn_resume(s->conn);
}

int beba_session_job(struct beba_session *s, const struct beba_of_msg *m,
                     bool (*step)(struct beba_job *job), struct beba_of_error *err)
{
    struct beba_job *job = malloc(sizeof(*job));

    if (!job)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW,
                                 "not enough memory for a reply");
    memset(job, 0, offsetof(struct beba_job, reply));
    job->session = s;
    job->request = m->request;
    job->arena = s->arena;
    s->arena = (struct beba_arena){0};
    beba_of_reply_begin(&job->reply, &s->codec, m->xid, &job->request, on_part, s);
    job->step = step;
    job->cursor = 0;
    job->index = 0;
    job->now = beba_agent_now();
    s->job = job;
    if (!step(job)) {
        beba_conn_pause(s->conn);
        return 0;
    }
    beba_of_reply_end(&job->reply);
    beba_session_job_drop(s);
    return 0;
}

static struct beba_datapath *dp_of(const struct beba_job *job)
{
    return job->session->agent->o.dp;
}

/* --- flows ---------------------------------------------------------------------------------- */

static struct beba_datapath_flow_filter filter_of(const struct beba_of_flow_request *r)
{
    return (struct beba_datapath_flow_filter){.table = r->table,
                                              .out_port = r->out_port,
                                              .out_group = r->out_group,
                                              .cookie = r->cookie,
                                              .cookie_mask = r->cookie_mask,
                                              .match = r->match};
}

static bool is_plain(const struct beba_job *job)
{
    return !job->session->codec.seen_beba;
}

static bool add_flow(void *arg, const struct beba_datapath_flow *f)
{
    struct beba_job *job = arg;
    struct beba_arena arena = {0};
    struct beba_of_flow_stats stats = {.table = f->table,
                                       .priority = f->priority,
                                       .idle_timeout = f->idle_timeout,
                                       .hard_timeout = f->hard_timeout,
                                       .flags = f->flags,
                                       .duration = f->lived,
                                       .cookie = f->cookie,
                                       .packets = f->packets,
                                       .bytes = f->bytes,
                                       .match = f->match,
                                       .instructions = f->instructions};

    if (is_plain(job)) {
        stats.match = beba_plain_match(&arena, stats.match);
        stats.instructions = beba_plain_instructions(&arena, stats.instructions);
    }
    beba_of_reply_add(&job->reply, &stats);
    beba_arena_free(&arena);
    return !beba_session_job_full(job);
}

static bool step_flows(struct beba_job *job)
{
    struct beba_datapath_flow_filter filter = filter_of(&job->request.flow);

    return beba_datapath_flows(dp_of(job), &filter, job->now, &job->cursor, add_flow, job);
}

static bool sum_flow(void *arg, const struct beba_datapath_flow *f)
{
    struct beba_of_aggregate *sum = arg;

    sum->packets += f->packets;
    sum->bytes += f->bytes;
    sum->flows++;
    return true;
}

static bool step_aggregate(struct beba_job *job)
{
    struct beba_datapath_flow_filter filter = filter_of(&job->request.flow);
    struct beba_of_aggregate sum = {0};

    beba_datapath_flows(dp_of(job), &filter, job->now, &job->cursor, sum_flow, &sum);
    beba_of_reply_add(&job->reply, &sum);
    return true;
}

/* --- tables, ports, groups, meters ------------------------------------------------------------ */

static bool step_desc(struct beba_job *job)
{
    const struct beba_agent_opts *o = &job->session->agent->o;
    struct beba_of_desc desc = {
        .manufacturer = "The beba authors", .hardware = "beba switch", .serial = "none"};

    snprintf(desc.software, sizeof(desc.software), "%s", o->version);
    snprintf(desc.datapath, sizeof(desc.datapath), "%s", o->description);
    beba_of_reply_add(&job->reply, &desc);
    return true;
}

static bool step_tables(struct beba_job *job)
{
    for (unsigned t = 0; t < BEBA_DP_TABLES; t++) {
        struct beba_datapath_table_stats stats;
        struct beba_datapath_limits limits;
        struct beba_of_table_stats e = {.table = (uint8_t)t};

        beba_datapath_limits(dp_of(job), (uint8_t)t, &limits);
        if (limits.gone)
            continue;
        beba_datapath_table_stats(dp_of(job), (uint8_t)t, &stats);
        e.active = stats.active;
        e.lookups = stats.lookups;
        e.matched = stats.matches;
        beba_of_reply_add(&job->reply, &e);
    }
    return true;
}

static bool step_port_stats(struct beba_job *job)
{
    struct beba_ports *ports = job->session->agent->ports;
    uint32_t wanted = job->request.port.port;

    for (struct beba_swport *p = beba_ports_first(ports); p; p = p->next) {
        struct beba_of_port_stats stats;

        if (!p->present || (wanted != OFPP_ANY && wanted != p->number))
            continue;
        beba_ports_stats(ports, p, &stats);
        beba_of_reply_add(&job->reply, &stats);
    }
    return true;
}

static bool step_port_desc(struct beba_job *job)
{
    for (struct beba_swport *p = beba_ports_first(job->session->agent->ports); p; p = p->next) {
        if (p->present)
            beba_of_reply_add(&job->reply, &p->of);
    }
    return true;
}

static bool add_group_stats(struct beba_job *job, const struct beba_datapath_group *g)
{
    struct beba_of_counters *bucket = calloc(g->n_buckets + 1, sizeof(*bucket));
    struct beba_of_group_stats stats = {.group = g->group,
                                        .ref_count = g->ref_count,
                                        .packets = g->packets,
                                        .bytes = g->bytes,
                                        .duration = g->lived,
                                        .n_buckets = g->n_buckets,
                                        .bucket = bucket};

    for (uint32_t i = 0; bucket && i < g->n_buckets; i++)
        beba_datapath_bucket_stats(dp_of(job), g->group, i, &bucket[i].packets, &bucket[i].bytes);
    if (bucket)
        beba_of_reply_add(&job->reply, &stats);
    free(bucket);
    return true;
}

static void add_group_desc(struct beba_job *job, const struct beba_datapath_group *g)
{
    struct beba_of_group_desc desc = {g->type, g->group, g->n_buckets, g->bucket};
    struct beba_arena arena = {0};
    struct beba_of_bucket *plain = NULL;

    if (is_plain(job))
        plain = beba_arena_copy(&arena, g->bucket, g->n_buckets * sizeof(*plain));
    for (uint32_t i = 0; plain && i < g->n_buckets; i++)
        plain[i].actions = beba_plain_actions(&arena, &plain[i].actions);
    if (plain)
        desc.bucket = plain;
    beba_of_reply_add(&job->reply, &desc);
    beba_arena_free(&arena);
}

static bool step_groups(struct beba_job *job)
{
    struct beba_datapath_group g;

    while (!beba_session_job_full(job)) {
        if (!beba_datapath_group_next(dp_of(job), &job->cursor, job->now, &g))
            return true;
        if (job->request.type == OFPMP_GROUP_DESC) {
            add_group_desc(job, &g);
        } else if (job->request.group == OFPG_ALL || job->request.group == g.group) {
            add_group_stats(job, &g);
        }
    }
    return false;
}

/* All actions that there are, as bits. */
static uint32_t action_bits(void)
{
    uint32_t bits = 1u << OFPAT_OUTPUT;

    for (unsigned a = OFPAT_COPY_TTL_OUT; a <= OFPAT_POP_PBB; a++) {
        if (a != 13 && a != 14)
            bits |= 1u << a;
    }
    return bits;
}

static bool step_group_features(struct beba_job *job)
{
    struct beba_of_group_features f = {
        .types = 1u << OFPGT_ALL | 1u << OFPGT_SELECT | 1u << OFPGT_INDIRECT | 1u << OFPGT_FF,
        .capabilities = OFPGFC_SELECT_WEIGHT | OFPGFC_SELECT_LIVENESS | OFPGFC_CHAINING |
                        OFPGFC_CHAINING_CHECKS,
    };

    for (unsigned i = 0; i < 4; i++) {
        f.max_groups[i] = 4096;
        f.actions[i] = action_bits();
    }
    beba_of_reply_add(&job->reply, &f);
    return true;
}

static bool add_meter_stats(struct beba_job *job, const struct beba_datapath_meter *m)
{
    struct beba_of_counters *band = calloc(m->n_bands + 1, sizeof(*band));
    struct beba_of_meter_stats stats = {.meter = m->meter,
                                        .flow_count = m->flow_count,
                                        .packets = m->packets,
                                        .bytes = m->bytes,
                                        .duration = m->lived,
                                        .n_bands = m->n_bands,
                                        .band = band};

    for (uint32_t i = 0; band && i < m->n_bands; i++)
        beba_datapath_band_stats(dp_of(job), m->meter, i, &band[i].packets, &band[i].bytes);
    if (band)
        beba_of_reply_add(&job->reply, &stats);
    free(band);
    return true;
}

static bool step_meters(struct beba_job *job)
{
    struct beba_datapath_meter m;

    while (!beba_session_job_full(job)) {
        if (!beba_datapath_meter_next(dp_of(job), &job->cursor, job->now, &m))
            return true;
        if (job->request.meter != OFPM_ALL && job->request.meter != m.meter)
            continue;
        if (job->request.type == OFPMP_METER_CONFIG) {
            struct beba_of_meter_config config = {m.flags, m.meter, m.n_bands, m.band};

            beba_of_reply_add(&job->reply, &config);
        } else {
            add_meter_stats(job, &m);
        }
    }
    return false;
}

static bool step_meter_features(struct beba_job *job)
{
    struct beba_of_meter_features f = {
        .max_meter = 4096,
        .band_types = 1u << OFPMBT_DROP | 1u << OFPMBT_DSCP_REMARK,
        .capabilities = OFPMF_KBPS | OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS,
        .max_bands = 16,
        .max_color = 0,
    };

    beba_of_reply_add(&job->reply, &f);
    return true;
}

/* --- queues: the classes of the interfaces' queueing disciplines ---------------------------------
 */

enum { QUEUES = 256 }; /* of a port */

static int check_port(struct beba_session *s, uint32_t port, uint16_t type, uint16_t code,
                      struct beba_of_error *err)
{
    if (port == OFPP_ANY || beba_ports_find(s->agent->ports, port))
        return 0;
    return beba_of_error_set(err, type, code, "there is no port %u", port);
}

static int queues_of(const struct beba_swport *p, struct beba_netdev_queue out[QUEUES])
{
    int n = p->present && p->ifindex ? beba_netdev_queues(p->ifindex, out, QUEUES) : 0;

    return n < 0 ? 0 : n;
}

static int check_queue(struct beba_session *s, const struct beba_of_request *r,
                       struct beba_of_error *err)
{
    struct beba_netdev_queue q[QUEUES];
    int bad = check_port(s, r->port.port, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT, err);

    if (bad || r->port.queue == OFPQ_ALL)
        return bad;
    for (struct beba_swport *p = beba_ports_first(s->agent->ports); p; p = p->next)
        for (int i = 0,
                 n = r->port.port == OFPP_ANY || r->port.port == p->number ? queues_of(p, q) : 0;
             i < n; i++)
            if (q[i].queue == r->port.queue)
                return 0;
    return beba_of_error_set(err, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE, "there is no queue %u",
                             r->port.queue);
}

static bool step_queues(struct beba_job *job)
{
    struct beba_ports *ports = job->session->agent->ports;
    const struct beba_of_request *r = &job->request;
    struct beba_netdev_queue q[QUEUES];

    for (struct beba_swport *p = beba_ports_first(ports); p; p = p->next) {
        struct beba_of_port_stats port;
        int n = r->port.port == OFPP_ANY || r->port.port == p->number ? queues_of(p, q) : 0;

        if (n)
            beba_ports_stats(ports, p, &port);
        for (int i = 0; i < n; i++) {
            struct beba_of_queue_stats stats = {.port = p->number,
                                                .queue = q[i].queue,
                                                .tx_bytes = q[i].tx_bytes,
                                                .tx_packets = q[i].tx_packets,
                                                .tx_errors = q[i].tx_dropped,
                                                .duration = port.duration};

            if (r->port.queue == OFPQ_ALL || r->port.queue == q[i].queue)
                beba_of_reply_add(&job->reply, &stats);
        }
    }
    return true;
}

/* Tenths of a percent of the port's speed; past 1000 where it is not known. */
static uint16_t tenths(uint64_t rate, uint32_t kbit)
{
    uint64_t part = kbit ? rate * 8 / kbit : UINT16_MAX;

    return kbit && part > 1000 ? 1000 : (uint16_t)part;
}

int beba_session_queues(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                        uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = {
        .version = OFP_VERSION, .type = OFPT_QUEUE_GET_CONFIG_REPLY, .xid = m->xid};
    struct beba_of_queue queue[QUEUES];
    struct beba_of_queue_property property[QUEUES][2];
    struct beba_netdev_queue q[QUEUES];
    int r = check_port(s, m->queue_port, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT, err);

    if (r)
        return r;
    reply.queue_config.port = m->queue_port;
    reply.queue_config.queue = queue;
    for (struct beba_swport *p = beba_ports_first(s->agent->ports); p; p = p->next) {
        int n = m->queue_port == OFPP_ANY || m->queue_port == p->number ? queues_of(p, q) : 0;

        for (int i = 0; i < n && reply.queue_config.n < QUEUES; i++) {
            uint32_t at = reply.queue_config.n++;
            const uint64_t rate[] = {q[i].min_rate, q[i].max_rate};

            queue[at] = (struct beba_of_queue){
                .queue = q[i].queue, .port = p->number, .property = property[at]};
            for (unsigned which = 0; which < 2; which++)
                if (rate[which])
                    property[at][queue[at].n_properties++] = (struct beba_of_queue_property){
                        .type = which ? OFPQT_MAX_RATE : OFPQT_MIN_RATE,
                        .rate = tenths(rate[which], p->of.current_speed)};
        }
    }
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

/* ------------------------------------------------------------------------------------------- */

static int check_flow(struct beba_session *s, const struct beba_of_request *r,
                      struct beba_of_error *err)
{
    if (r->flow.table < BEBA_DP_TABLES || r->flow.table == OFPTT_ALL)
        return 0;
    return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID, "there is no table %u",
                             r->flow.table);
}

static int check_port_stats(struct beba_session *s, const struct beba_of_request *r,
                            struct beba_of_error *err)
{
    return check_port(s, r->port.port, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT, err);
}

static int check_meter(struct beba_session *s, const struct beba_of_request *r,
                       struct beba_of_error *err)
{
    struct beba_datapath_meter m;
    uint64_t cursor = 0;

    if (r->meter == OFPM_ALL)
        return 0;
    while (beba_datapath_meter_next(s->agent->o.dp, &cursor, 0, &m)) {
        if (m.meter == r->meter)
            return 0;
    }
    return beba_of_error_set(err, OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER,
                             "there is no meter %u", r->meter);
}

/* A request that is one object, or none, comes in one message; one that has none may have more. */
static int check_more(const struct beba_of_request *r, struct beba_of_error *err)
{
    static const uint32_t empty = 1u << OFPMP_DESC | 1u << OFPMP_TABLE | 1u << OFPMP_GROUP_DESC |
                                  1u << OFPMP_GROUP_FEATURES | 1u << OFPMP_METER_FEATURES |
                                  1u << OFPMP_PORT_DESC;

    if (!(r->flags & OFPMPF_REQ_MORE) || r->type == OFPMP_TABLE_FEATURES ||
        (r->type < 32 && empty >> r->type & 1))
        return 0;
    return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW,
                             "requests of this type are one object, in one message");
}

static const struct {
    bool (*step)(struct beba_job *job);
    int (*check)(struct beba_session *s, const struct beba_of_request *r,
                 struct beba_of_error *err);
} kinds[] = {
    [OFPMP_DESC] = {step_desc, NULL},
    [OFPMP_FLOW] = {step_flows, check_flow},
    [OFPMP_AGGREGATE] = {step_aggregate, check_flow},
    [OFPMP_TABLE] = {step_tables, NULL},
    [OFPMP_PORT_STATS] = {step_port_stats, check_port_stats},
    [OFPMP_QUEUE] = {step_queues, check_queue},
    [OFPMP_GROUP] = {step_groups, NULL},
    [OFPMP_GROUP_DESC] = {step_groups, NULL},
    [OFPMP_GROUP_FEATURES] = {step_group_features, NULL},
    [OFPMP_METER] = {step_meters, check_meter},
    [OFPMP_METER_CONFIG] = {step_meters, check_meter},
    [OFPMP_METER_FEATURES] = {step_meter_features, NULL},
    [OFPMP_TABLE_FEATURES] = {beba_session_step_features, NULL},
    [OFPMP_PORT_DESC] = {step_port_desc, NULL},
};

int beba_session_multipart(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    const struct beba_of_request *r = &m->request;
    int bad = check_more(r, err);

    if (bad)
        return bad;
    if (r->type == OFPMP_EXPERIMENTER)
        return beba_session_beba_stats(s, m, err);
    if (r->type >= sizeof(kinds) / sizeof(kinds[0]))
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART,
                                 "multipart type %u is not known", r->type);
    if (kinds[r->type].check)
        bad = kinds[r->type].check(s, r, err);
    else if (r->type == OFPMP_TABLE_FEATURES)
        bad = beba_session_set_features(s, m, bytes, len, err);
    if (bad || r->flags & OFPMPF_REQ_MORE)
        return bad;
    return beba_session_job(s, m, kinds[r->type].step, err);
}
