/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages of a connection and of configuration, and what a switch tells unasked: hello [7.5],
 * error, echo, features, config [7.3], packet-in, flow-removed, port-status [7.4], roles,
 * asynchronous configuration, queues. */
#include "openflow/wire.h"

static struct beba_of_data rest(const uint8_t *b, size_t from, size_t len)
{
    return (struct beba_of_data){len > from ? b + from : NULL, (uint32_t)(len - from)};
}

/* --- hello ------------------------------------------------------------------------------------ */

enum { HEADER = 8 };

static int hello(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    size_t step;

    m->hello.versions = (uint32_t)beba_mask64(m->version < 31 ? m->version + 1u : 32) & ~1u;
    for (size_t at = HEADER; len - at >= 4; at += beba_of_up8(step)) {
        step = beba_load16(b + at + 2);
        if (step < 4 || step > len - at)
            return beba_of_bad_len(d, "an element of a hello", step);
        if (beba_load16(b + at) == OFPHET_VERSIONBITMAP && step >= 8) {
            m->hello.has_bitmap = true;
            m->hello.versions = beba_load32(b + at + 4);
        }
        if (beba_of_up8(step) > len - at)
            break;
    }
    return 0;
}

static void put_hello(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    if (!m->hello.has_bitmap)
        return;
    beba_of_put16(e, OFPHET_VERSIONBITMAP);
    beba_of_put16(e, 8);
    beba_of_put32(e, m->hello.versions);
}

const struct beba_of_body beba_of_hello_body = {hello, put_hello};

/* --- error, echo --------------------------------------------------------------------------------
 */

static int error(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    size_t data = 12;

    m->error.type = beba_load16(b + 8);
    m->error.code = beba_load16(b + 10);
    if (m->error.type == OFPET_EXPERIMENTER) {
        if (len < 16)
            return beba_of_bad_len(d, "an experimenter's error", len);
        m->error.experimenter = beba_load32(b + 12);
        data = 16;
    }
    m->error.data = rest(b, data, len);
    return 0;
}

static void put_error(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put16(e, m->error.type);
    beba_of_put16(e, m->error.code);
    if (m->error.type == OFPET_EXPERIMENTER)
        beba_of_put32(e, m->error.experimenter);
    beba_of_put(e, m->error.data.bytes, m->error.data.len);
}

const struct beba_of_body beba_of_error_body = {error, put_error};

static int echo(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->echo = rest(b, HEADER, len);
    return 0;
}

static void put_echo(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put(e, m->echo.bytes, m->echo.len);
}

const struct beba_of_body beba_of_echo_body = {echo, put_echo};

/* --- features, config ----------------------------------------------------------------------------
 */

static int features(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->features.datapath_id = beba_load64(b + 8);
    m->features.n_buffers = beba_load32(b + 16);
    m->features.n_tables = b[20];
    m->features.auxiliary_id = b[21];
    m->features.capabilities = beba_load32(b + 24);
    return 0;
}

static void put_features(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put64(e, m->features.datapath_id);
    beba_of_put32(e, m->features.n_buffers);
    beba_of_put8(e, m->features.n_tables);
    beba_of_put8(e, m->features.auxiliary_id);
    beba_of_pad(e, 2);
    beba_of_put32(e, m->features.capabilities);
    beba_of_pad(e, 4);
}

const struct beba_of_body beba_of_features_body = {features, put_features};

static int config(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->config.flags = beba_load16(b + 8);
    m->config.miss_send_len = beba_load16(b + 10);
    if (m->type == OFPT_SET_CONFIG && m->config.flags > OFPC_FRAG_REASM)
        return beba_of_error_set(d->err, OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_BAD_FLAGS,
                                 "unknown flags 0x%x", m->config.flags);
    return 0;
}

static void put_config(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put16(e, m->config.flags);
    beba_of_put16(e, m->config.miss_send_len);
}

const struct beba_of_body beba_of_config_body = {config, put_config};

/* --- packet-in, flow-removed, port-status ------------------------------------------------------
 */

enum { PACKET_IN_MATCH = 24, FLOW_REMOVED_MATCH = 48 };

static int packet_in(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_packet_in *p = &m->packet_in;
    size_t match;
    int r;

    p->buffer = beba_load32(b + 8);
    p->total_len = beba_load16(b + 12);
    p->reason = b[14];
    p->table = b[15];
    p->cookie = beba_load64(b + 16);
    r = beba_of_match_decode(d, b + PACKET_IN_MATCH, len - PACKET_IN_MATCH, false, &p->match,
                             &match);
    if (r)
        return r;
    if (len - PACKET_IN_MATCH - match < 2)
        return beba_of_bad_len(d, "a packet-in", len);
    p->data = rest(b, PACKET_IN_MATCH + match + 2, len);
    return 0;
}

static void put_packet_in(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_packet_in *p = &m->packet_in;

    beba_of_put32(e, p->buffer);
    beba_of_put16(e, p->total_len);
    beba_of_put8(e, p->reason);
    beba_of_put8(e, p->table);
    beba_of_put64(e, p->cookie);
    beba_of_put_match(e, &p->match);
    beba_of_pad(e, 2);
    beba_of_put(e, p->data.bytes, p->data.len);
}

const struct beba_of_body beba_of_packet_in_body = {packet_in, put_packet_in};

static uint64_t load_duration(const uint8_t *b)
{
    return beba_load32(b) * 1000000000ull + beba_load32(b + 4);
}

static int flow_removed(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_flow_removed *f = &m->flow_removed;
    size_t match;

    f->cookie = beba_load64(b + 8);
    f->priority = beba_load16(b + 16);
    f->reason = b[18];
    f->table = b[19];
    f->duration = load_duration(b + 20);
    f->idle_timeout = beba_load16(b + 28);
    f->hard_timeout = beba_load16(b + 30);
    f->packets = beba_load64(b + 32);
    f->bytes = beba_load64(b + 40);
    return beba_of_match_decode(d, b + FLOW_REMOVED_MATCH, len - FLOW_REMOVED_MATCH, false,
                                &f->match, &match);
}

static void put_flow_removed(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_flow_removed *f = &m->flow_removed;

    beba_of_put64(e, f->cookie);
    beba_of_put16(e, f->priority);
    beba_of_put8(e, f->reason);
    beba_of_put8(e, f->table);
    beba_of_put_duration(e, f->duration);
    beba_of_put16(e, f->idle_timeout);
    beba_of_put16(e, f->hard_timeout);
    beba_of_put64(e, f->packets);
    beba_of_put64(e, f->bytes);
    beba_of_put_match(e, &f->match);
}

const struct beba_of_body beba_of_flow_removed_body = {flow_removed, put_flow_removed};

void beba_of_port_decode(const uint8_t *b, struct beba_of_port *out)
{
    out->port = beba_load32(b);
    memcpy(out->hw_addr, b + 8, sizeof(out->hw_addr));
    memcpy(out->name, b + 16, OFP_MAX_PORT_NAME_LEN);
    out->config = beba_load32(b + 32);
    out->state = beba_load32(b + 36);
    out->current = beba_load32(b + 40);
    out->advertised = beba_load32(b + 44);
    out->supported = beba_load32(b + 48);
    out->peer = beba_load32(b + 52);
    out->current_speed = beba_load32(b + 56);
    out->max_speed = beba_load32(b + 60);
}

void beba_of_put_port(struct beba_of_enc *e, const struct beba_of_port *port)
{
    beba_of_put32(e, port->port);
    beba_of_pad(e, 4);
    beba_of_put(e, port->hw_addr, sizeof(port->hw_addr));
    beba_of_pad(e, 2);
    beba_of_put_name(e, port->name, OFP_MAX_PORT_NAME_LEN);
    beba_of_put32(e, port->config);
    beba_of_put32(e, port->state);
    beba_of_put32(e, port->current);
    beba_of_put32(e, port->advertised);
    beba_of_put32(e, port->supported);
    beba_of_put32(e, port->peer);
    beba_of_put32(e, port->current_speed);
    beba_of_put32(e, port->max_speed);
}

static int port_status(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->port_status.reason = b[8];
    beba_of_port_decode(b + 16, &m->port_status.port);
    return 0;
}

static void put_port_status(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put8(e, m->port_status.reason);
    beba_of_pad(e, 7);
    beba_of_put_port(e, &m->port_status.port);
}

const struct beba_of_body beba_of_port_status_body = {port_status, put_port_status};

/* --- roles, asynchronous configuration ----------------------------------------------------------
 */

static int role(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->role.role = beba_load32(b + 8);
    m->role.generation = beba_load64(b + 16);
    if (m->role.role > OFPCR_ROLE_SLAVE)
        return beba_of_error_set(d->err, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_BAD_ROLE,
                                 "unknown role %u", m->role.role);
    return 0;
}

static void put_role(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put32(e, m->role.role);
    beba_of_pad(e, 4);
    beba_of_put64(e, m->role.generation);
}

const struct beba_of_body beba_of_role_body = {role, put_role};

static int async(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    for (unsigned i = 0; i < 2; i++) {
        m->async.packet_in[i] = beba_load32(b + 8 + 4 * (size_t)i);
        m->async.port_status[i] = beba_load32(b + 16 + 4 * (size_t)i);
        m->async.flow_removed[i] = beba_load32(b + 24 + 4 * (size_t)i);
    }
    return 0;
}

static void put_async(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const uint32_t *masks[] = {m->async.packet_in, m->async.port_status, m->async.flow_removed};

    for (unsigned i = 0; i < 3; i++) {
        beba_of_put32(e, masks[i][0]);
        beba_of_put32(e, masks[i][1]);
    }
}

const struct beba_of_body beba_of_async_body = {async, put_async};

/* --- queues -------------------------------------------------------------------------------------
 */

enum { QUEUES = 16, QUEUE = 16, PROPERTY = 8, RATE_PROPERTY = 16, EXPERIMENTER_PROPERTY = 16 };

static int queue_request(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->queue_port = beba_load32(b + 8);
    return 0;
}

static void put_queue_request(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put32(e, m->queue_port);
    beba_of_pad(e, 4);
}

const struct beba_of_body beba_of_queue_request_body = {queue_request, put_queue_request};

static int queue_property(struct beba_of_dec *d, const uint8_t *b, size_t len,
                          struct beba_of_queue_property *out)
{
    out->type = beba_load16(b);
    if (len < RATE_PROPERTY)
        return beba_of_bad_len(d, "a property of a queue", len);
    if (out->type == OFPQT_EXPERIMENTER) {
        out->experimenter = beba_load32(b + 8);
        out->data = rest(b, EXPERIMENTER_PROPERTY, len);
    } else {
        out->rate = beba_load16(b + 8);
    }
    return 0;
}

static int queue_properties(struct beba_of_dec *d, const uint8_t *b, size_t len,
                            struct beba_of_queue *q)
{
    struct beba_of_queue_property *property = NULL;
    uint32_t n = 0;
    size_t step;
    int r;

    for (size_t at = 0; at < len; at += step, n++) {
        step = len - at >= PROPERTY ? beba_load16(b + at + 2) : 0;
        if (step < PROPERTY || step > len - at)
            return beba_of_bad_len(d, "a property of a queue", step);
    }
    r = beba_of_take_array(d, n, &property);
    for (size_t at = 0; !r && at < len; at += step) {
        step = beba_load16(b + at + 2);
        r = queue_property(d, b + at, step, &property[q->n_properties++]);
    }
    q->property = property;
    return r;
}

static int queue_reply(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_queue *queue = NULL;
    uint32_t n = 0;
    size_t step;
    int r;

    m->queue_config.port = beba_load32(b + 8);
    for (size_t at = QUEUES; at < len; at += step, n++) {
        step = len - at >= QUEUE ? beba_load16(b + at + 8) : 0;
        if (step < QUEUE || step > len - at)
            return beba_of_bad_len(d, "a queue", step);
    }
    r = beba_of_take_array(d, n, &queue);
    for (size_t at = QUEUES, i = 0; !r && at < len; at += step, i++) {
        step = beba_load16(b + at + 8);
        queue[i].queue = beba_load32(b + at);
        queue[i].port = beba_load32(b + at + 4);
        r = queue_properties(d, b + at + QUEUE, step - QUEUE, &queue[i]);
    }
    m->queue_config.n = r ? 0 : n;
    m->queue_config.queue = queue;
    return r;
}

static void put_queue_property(struct beba_of_enc *e, const struct beba_of_queue_property *p)
{
    size_t start = e->len;

    beba_of_put16(e, p->type);
    beba_of_put16(e, 0);
    beba_of_pad(e, 4);
    if (p->type == OFPQT_EXPERIMENTER) {
        beba_of_put32(e, p->experimenter);
        beba_of_pad(e, 4);
        beba_of_put(e, p->data.bytes, p->data.len);
    } else {
        beba_of_put16(e, p->rate);
        beba_of_pad(e, 6);
    }
    beba_of_patch(e, start, 2);
}

static void put_queue_reply(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put32(e, m->queue_config.port);
    beba_of_pad(e, 4);
    for (uint32_t i = 0; i < m->queue_config.n; i++) {
        const struct beba_of_queue *q = &m->queue_config.queue[i];
        size_t start = e->len;

        beba_of_put32(e, q->queue);
        beba_of_put32(e, q->port);
        beba_of_put16(e, 0);
        beba_of_pad(e, 6);
        for (uint32_t k = 0; k < q->n_properties; k++)
            put_queue_property(e, &q->property[k]);
        beba_of_patch(e, start, 8);
    }
}

const struct beba_of_body beba_of_queue_reply_body = {queue_reply, put_queue_reply};
