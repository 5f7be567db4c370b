/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Roles of controllers [6.3.5], what each wants to be told [7.3.10], and telling them. */
#include "switch/session.h"

#include <string.h>

/* All but packets with an invalid TTL; a slave is told of ports only. */
void beba_session_async_default(struct beba_of_async *async)
{
    *async = (struct beba_of_async){
        .packet_in = {1u << OFPR_NO_MATCH | 1u << OFPR_ACTION, 0},
        .port_status = {7, 7},
        .flow_removed = {15, 0},
    };
}

static bool wants(const struct beba_session *s, const uint32_t mask[2], unsigned reason)
{
    return s->ready && !s->auxiliary && mask[s->role == OFPCR_ROLE_SLAVE] >> reason & 1;
}

/* --- roles ---------------------------------------------------------------------------------- */

int beba_session_role(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                      uint32_t len, struct beba_of_error *err)
{
    struct beba_session *self = beba_session_main(s);
    struct beba_agent *a = s->agent;
    struct beba_of_msg reply = {.version = OFP_VERSION, .type = OFPT_ROLE_REPLY, .xid = m->xid};

    if (m->role.role > OFPCR_ROLE_SLAVE)
        return beba_of_error_set(err, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_BAD_ROLE,
                                 "role %u is none", m->role.role);
    if (m->role.role == OFPCR_ROLE_MASTER || m->role.role == OFPCR_ROLE_SLAVE) {
        if (a->generation_known && (int64_t)(m->role.generation - a->generation) < 0)
            return beba_of_error_set(
                err, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE, "generation %llu is older than %llu",
                (unsigned long long)m->role.generation, (unsigned long long)a->generation);
        a->generation = m->role.generation;
        a->generation_known = true;
    }
    if (m->role.role == OFPCR_ROLE_MASTER) {
        for (struct beba_session *other = a->first; other; other = other->next) {
            if (other != self && other->role == OFPCR_ROLE_MASTER)
                other->role = OFPCR_ROLE_SLAVE;
        }
    }
    if (m->role.role != OFPCR_ROLE_NOCHANGE)
        self->role = m->role.role;
    reply.role = (struct beba_of_role){self->role, a->generation_known ? a->generation : ~0ull};
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

int beba_session_get_async(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    struct beba_of_msg reply = {.version = OFP_VERSION,
                                .type = OFPT_GET_ASYNC_REPLY,
                                .xid = m->xid,
                                .async = beba_session_main(s)->async};

    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

int beba_session_set_async(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    beba_session_main(s)->async = m->async;
    return 0;
}

/* --- telling -------------------------------------------------------------------------------- */

static void packet_in(struct beba_agent *a, const struct beba_event *e)
{
    struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_PACKET_IN};
    struct beba_of_packet_in *in = &m.packet_in;

    *in = (struct beba_of_packet_in){.buffer = OFP_NO_BUFFER,
                                     .total_len = (uint16_t)e->len,
                                     .reason = e->reason,
                                     .table = e->table,
                                     .cookie = e->cookie,
                                     .match = {e->n_plain, (struct beba_of_oxm *)(uintptr_t)e->oxm},
                                     .data = {e->frame, e->len}};
    bool wanted = false, taken = false;

    for (struct beba_session *s = a->first; s; s = s->next) {
        if (!wants(s, s->async.packet_in, e->reason))
            continue;
        wanted = true;
        if (e->max_len < e->len && e->max_len != OFPCML_NO_BUFFER && in->buffer == OFP_NO_BUFFER) {
            in->buffer =
                beba_buffers_put(a->buffers, beba_agent_now(), e->in_port, e->frame, e->len);
            if (in->buffer != OFP_NO_BUFFER)
                in->data.len = e->max_len;
        }
        in->match.n = s->codec.seen_beba ? e->n_oxm : e->n_plain;
        if (beba_session_send(s, &m, BEBA_CONN_PACKET))
            taken = true;
    }
    if (taken)
        a->stats.packet_ins++;
    else if (wanted)
        a->stats.packet_ins_dropped++;
    else
        a->stats.packet_ins_unwanted++;
}

static void state_changed(struct beba_agent *a, const struct beba_datapath_state_change *c)
{
    struct beba_of_msg m = {.version = OFP_VERSION,
                            .type = OFPT_EXPERIMENTER,
                            .experimenter = BEBA_EXPERIMENTER,
                            .exp_type = BEBA_MSG_STATE_CHANGED,
                            .beba = true};

    m.state_changed = (struct beba_of_state_changed){.table = c->table,
                                                     .old_state = c->old_state,
                                                     .new_state = c->new_state,
                                                     .mask = c->mask,
                                                     .key_len = c->key_len};
    memcpy(m.state_changed.key, c->key, sizeof(c->key));
    memcpy(m.state_changed.vars, c->vars, sizeof(c->vars));
    for (struct beba_session *s = a->first; s; s = s->next) {
        if (s->ready && !s->auxiliary && s->codec.seen_beba && s->role != OFPCR_ROLE_SLAVE &&
            s->codec.dialect != BEBA_DIALECT_OPENSTATE)
            beba_session_send(s, &m, BEBA_CONN_NOTICE);
    }
}

void beba_agent_event(struct beba_agent *a, const struct beba_event *e)
{
    if (e->kind == BEBA_EVENT_STATE_CHANGED)
        state_changed(a, e->change);
    else
        packet_in(a, e);
}

void beba_agent_port_changed(struct beba_agent *a, uint8_t reason, const struct beba_swport *port)
{
    struct beba_of_msg m = {.version = OFP_VERSION,
                            .type = OFPT_PORT_STATUS,
                            .port_status = {.reason = reason, .port = port->of}};

    for (struct beba_session *s = a->first; s; s = s->next) {
        if (!wants(s, s->async.port_status, reason))
            continue;
        beba_session_send(s, &m, BEBA_CONN_NOTICE);
        a->stats.port_status++;
    }
}

void beba_agent_removed(void *arg, const struct beba_datapath_removed *r)
{
    struct beba_agent *a = arg;
    struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_FLOW_REMOVED};
    struct beba_arena arena = {0};
    struct beba_of_match plain;

    m.flow_removed = (struct beba_of_flow_removed){.cookie = r->cookie,
                                                   .packets = r->packets,
                                                   .bytes = r->bytes,
                                                   .duration = r->lived,
                                                   .priority = r->priority,
                                                   .idle_timeout = r->idle_timeout,
                                                   .hard_timeout = r->hard_timeout,
                                                   .reason = r->reason,
                                                   .table = r->table,
                                                   .match = *r->match};
    plain = *beba_plain_match(&arena, r->match);
    for (struct beba_session *s = a->first; s; s = s->next) {
        if (!wants(s, s->async.flow_removed, r->reason))
            continue;
        m.flow_removed.match = s->codec.seen_beba ? *r->match : plain;
        beba_session_send(s, &m, BEBA_CONN_NOTICE);
        a->stats.flow_removed++;
    }
    beba_arena_free(&arena);
}
