/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages that change the pipeline and the ports, and packet-outs. */
#include "switch/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int beba_agent_modify(struct beba_agent *a, const struct beba_of_msg *m, struct beba_of_error *err)
{
    switch (m->type) {
    case OFPT_FLOW_MOD:
        return beba_datapath_flow_mod(a->o.dp, &m->flow_mod, beba_agent_now(), err);
    case OFPT_GROUP_MOD:
        return beba_datapath_group_mod(a->o.dp, &m->group_mod, beba_agent_now(), err);
    default:
        return beba_datapath_meter_mod(a->o.dp, &m->meter_mod, beba_agent_now(), err);
    }
}

int beba_agent_buffer_check(struct beba_agent *a, uint32_t buffer, struct beba_of_error *err)
{
    if (buffer == OFP_NO_BUFFER)
        return 0;
    switch (beba_buffers_take(a->buffers, beba_agent_now(), buffer, NULL)) {
    case BEBA_BUFFER_OK:
        return 0;
    case BEBA_BUFFER_EMPTY:
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BUFFER_EMPTY,
                                 "buffer %u has been used", buffer);
    default:
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN,
                                 "there is no buffer %u", buffer);
    }
}

static int hand_over(struct beba_agent *a, uint32_t in_port, const struct beba_of_actions *actions,
                     const uint8_t *frame, uint32_t len)
{
    a->stats.packet_outs++;
    a->packet_outs = true;
    if (!beba_workers_packet_out(a->o.workers, in_port, actions, frame, len))
        beba_log_limited(a->o.log, &a->limit, BEBA_LOG_WARNING,
                         "more packet-outs than the workers take: one is lost");
    return 0;
}

/* The packet of a buffer goes through the tables, the new entry among them [7.3.4.1]. */
static void run_buffer(struct beba_agent *a, uint32_t id)
{
    struct beba_of_action to_table = {.type = OFPAT_OUTPUT,
                                      .output = {.port = OFPP_TABLE, .max_len = OFPCML_NO_BUFFER}};
    struct beba_of_actions actions = {1, &to_table};
    struct beba_buffer buffer;

    if (id == OFP_NO_BUFFER ||
        beba_buffers_take(a->buffers, beba_agent_now(), id, &buffer) != BEBA_BUFFER_OK)
        return;
    hand_over(a, buffer.in_port, &actions, buffer.frame, buffer.len);
    free(buffer.frame);
}

int beba_session_flow_mod(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                          uint32_t len, struct beba_of_error *err)
{
    struct beba_agent *a = s->agent;
    bool adds = m->flow_mod.command <= OFPFC_MODIFY_STRICT;
    int r = adds ? beba_agent_buffer_check(a, m->flow_mod.buffer, err) : 0;

    if (!r)
        r = beba_agent_apply(a, m, bytes, len, err);
    if (r)
        return r;
    a->stats.flow_mods++;
    if (adds)
        run_buffer(a, m->flow_mod.buffer);
    beba_session_notify(s, m->xid, &m->flow_mod);
    return 0;
}

int beba_session_group_mod(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_apply(s->agent, m, bytes, len, err);
}

int beba_session_meter_mod(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_apply(s->agent, m, bytes, len, err);
}

int beba_session_table_mod(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_apply(s->agent, m, bytes, len, err);
}

int beba_session_port_mod(struct beba_session *s, const struct beba_of_msg *m, const uint8_t *bytes,
                          uint32_t len, struct beba_of_error *err)
{
    const struct beba_of_port_mod *pm = &m->port_mod;
    const uint32_t settable = OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN;
    struct beba_swport *port = beba_ports_find(s->agent->ports, pm->port);
    int r;

    if (!port)
        return beba_of_error_set(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT,
                                 "there is no port %u", pm->port);
    if (memcmp(port->of.hw_addr, pm->hw_addr, 6) != 0)
        return beba_of_error_set(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_HW_ADDR,
                                 "port %u has another hardware address", pm->port);
    if ((pm->config | pm->mask) & ~settable)
        return beba_of_error_set(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG,
                                 "config 0x%x/0x%x has bits that are none", pm->config, pm->mask);
    if (pm->advertise & ~0xffffu)
        return beba_of_error_set(err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE,
                                 "advertise 0x%x has bits that are none", pm->advertise);
    r = pm->advertise ? beba_ports_advertise(s->agent->ports, port, pm->advertise) : 0;
    if (r)
        return beba_of_error_set(err, OFPET_PORT_MOD_FAILED,
                                 r == -EINVAL ? OFPPMFC_BAD_ADVERTISE : OFPPMFC_EPERM,
                                 "port %u cannot advertise 0x%x%s%s", pm->port, pm->advertise,
                                 r == -EINVAL ? "" : ": ", r == -EINVAL ? "" : strerror(-r));
    beba_ports_configure(s->agent->ports, port, pm->config, pm->mask);
    return 0;
}

int beba_agent_packet_out(struct beba_agent *a, const struct beba_of_packet_out *po,
                          bool only_check, struct beba_of_error *err)
{
    struct beba_buffer buffer;
    int r;

    if (po->in_port != OFPP_CONTROLLER && po->in_port != OFPP_ANY &&
        !beba_ports_find(a->ports, po->in_port))
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT, "there is no in_port %u",
                                 po->in_port);
    r = beba_datapath_check_actions(a->o.dp, &po->actions, err);
    if (!r)
        r = beba_agent_buffer_check(a, po->buffer, err);
    if (r)
        return r;
    if (po->buffer == OFP_NO_BUFFER && po->len < 14)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET,
                                 "%u bytes are no Ethernet frame", po->len);
    if (only_check)
        return 0;
    if (po->buffer == OFP_NO_BUFFER)
        return hand_over(a, po->in_port, &po->actions, po->data, po->len);
    beba_buffers_take(a->buffers, beba_agent_now(), po->buffer, &buffer);
    hand_over(a, po->in_port, &po->actions, buffer.frame, buffer.len);
    free(buffer.frame);
    return 0;
}

int beba_session_packet_out(struct beba_session *s, const struct beba_of_msg *m,
                            const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_packet_out(s->agent, &m->packet_out, false, err);
}
