/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ports, as packets leave by them, and packet-ins. */
#include <errno.h>
#include <stdlib.h>

#include "datapath/dp.h"

static const struct beba_ports *ports_of(const struct beba_datapath *dp)
{
    return atomic_load_explicit(&dp->ports, memory_order_acquire);
}

bool beba_datapath_port_live(const struct beba_datapath *dp, uint32_t port)
{
    const struct beba_datapath_port *p = beba_datapath_port(dp, port);

    return p && p->up && !(p->config & OFPPC_PORT_DOWN);
}

/* --- changed by the control thread ------------------------------------------------------------ */

static void index_ports(struct beba_ports *ports)
{
    for (unsigned i = 0; i < BEBA_LOW_PORTS; i++)
        ports->low[i] = 0;
    for (uint32_t i = 0; i < ports->n; i++)
        if (ports->port[i].port < BEBA_LOW_PORTS)
            ports->low[ports->port[i].port] = (uint16_t)(i + 1);
}

static void publish(struct beba_datapath *dp, struct beba_ports *ports)
{
    struct beba_ports *old = atomic_load_explicit(&dp->ports, memory_order_relaxed);

    index_ports(ports);
    atomic_store_explicit(&dp->ports, ports, memory_order_release);
    beba_datapath_later(dp, free, old);
}

static struct beba_ports *copy_ports(const struct beba_datapath *dp)
{
    struct beba_ports *ports = malloc(sizeof(*ports));

    if (ports)
        *ports = *ports_of(dp);
    return ports;
}

int beba_datapath_port_set(struct beba_datapath *dp, const struct beba_datapath_port *port)
{
    struct beba_ports *ports;
    const struct beba_datapath_port *old;

    if (!port->port || (port->port >= OFPP_MAX && port->port != OFPP_LOCAL))
        return -EINVAL;
    ports = copy_ports(dp);
    if (!ports)
        return -ENOMEM;
    old = beba_port_find(ports, port->port);
    if (!old && ports->n == BEBA_DP_PORTS) {
        free(ports);
        return -ENOSPC;
    }
    ports->port[old ? (uint32_t)(old - ports->port) : ports->n++] = *port;
    publish(dp, ports);
    return 0;
}

void beba_datapath_port_del(struct beba_datapath *dp, uint32_t port)
{
    struct beba_ports *ports = copy_ports(dp);
    const struct beba_datapath_port *old = ports ? beba_port_find(ports, port) : NULL;

    if (!old) {
        free(ports);
        return;
    }
    ports->port[old - ports->port] = ports->port[--ports->n];
    publish(dp, ports);
}

/* --- packet-ins [7.4.1] ----------------------------------------------------------------------- */

static void add_oxm(struct beba_datapath_packet_in *in, unsigned field, uint64_t value)
{
    in->match.oxm[in->match.n++] =
        (struct beba_of_oxm){.field = (uint8_t)field, .value = beba_u128(0, value)};
}

void beba_datapath_packet_in(struct beba_datapath_exec *x, uint8_t reason, uint16_t max_len)
{
    const struct beba_packet *p = x->packet;
    struct beba_of_oxm oxm[BEBA_OF_N_FIELDS];
    const struct beba_key *key = beba_datapath_exec_key(x);
    struct beba_datapath_packet_in in = {
        .packet = p,
        .reason = reason,
        .table = x->table,
        .cookie = x->cookie,
        .max_len = max_len,
        .match.oxm = oxm,
    };
    const struct beba_datapath_port *from = beba_datapath_port(x->dp, x->in_port);

    if (reason == OFPR_NO_MATCH && from && from->config & OFPPC_NO_PACKET_IN) {
        beba_datapath_drop(x, BEBA_DP_DROP_MISS);
        return;
    }
    if (!beba_datapath_meter_controller(x)) {
        beba_datapath_drop(x, BEBA_DP_DROP_METER);
        return;
    }
    add_oxm(&in, OFPXMT_OFB_IN_PORT, x->in_port);
    if (p->in_phy_port && p->in_phy_port != x->in_port)
        add_oxm(&in, OFPXMT_OFB_IN_PHY_PORT, p->in_phy_port);
    if (p->metadata)
        add_oxm(&in, OFPXMT_OFB_METADATA, p->metadata);
    if (p->tunnel_id)
        add_oxm(&in, OFPXMT_OFB_TUNNEL_ID, p->tunnel_id);
    in.n_plain = in.match.n;
    for (unsigned f = BEBA_OF_GLOBAL_STATE; f < BEBA_OF_N_FIELDS; f++)
        if (beba_key_has(key, f))
            add_oxm(&in, f, beba_key_value(key, (enum beba_of_field)f).lo);
    x->went = true;
    if (x->worker->sink.packet_in)
        x->worker->sink.packet_in(x->worker->sink.arg, &in);
}

/* --- output ----------------------------------------------------------------------------------- */

static void send(struct beba_datapath_exec *x, const struct beba_datapath_port *port, bool last)
{
    if (!beba_datapath_may_send(port)) {
        beba_datapath_drop(x, BEBA_DP_DROP_PORT);
        return;
    }
    if (!beba_datapath_may_copy(x))
        return;
    x->went = true;
    beba_datapath_give(&x->worker->sink, port, x->packet, last);
}

/* Standard ports: all but LOCAL; those that may not be sent to are no loss. */
static void flood(struct beba_datapath_exec *x)
{
    const struct beba_ports *ports = ports_of(x->dp);
    bool any = false;

    for (uint32_t i = 0; i < ports->n; i++) {
        const struct beba_datapath_port *port = &ports->port[i];
        if (port->port == x->in_port || port->port == OFPP_LOCAL || !beba_datapath_may_send(port))
            continue;
        send(x, port, false);
        any = true;
    }
    if (!any)
        beba_datapath_drop(x, BEBA_DP_DROP_PORT);
}

static void to_tables(struct beba_datapath_exec *x)
{
    struct beba_datapath_exec copy;
    struct beba_packet packet;

    if (!x->packet_out) {
        beba_datapath_drop(x, BEBA_DP_DROP_PORT);
        return;
    }
    if (!beba_datapath_copy(x, &copy, &packet))
        return;
    copy.packet_out = false;
    beba_datapath_pipeline(&copy, 0);
    x->went = true;
}

void beba_datapath_output(struct beba_datapath_exec *x, uint32_t port, uint16_t max_len)
{
    bool last = x->last;

    x->last = false;
    switch (port) {
    case OFPP_FLOOD:
    case OFPP_ALL:
        flood(x);
        return;
    case OFPP_CONTROLLER:
        if (beba_datapath_may_copy(x))
            beba_datapath_packet_in(x, x->reason, max_len);
        return;
    case OFPP_TABLE:
        to_tables(x);
        return;
    case OFPP_IN_PORT:
        send(x, beba_datapath_port(x->dp, x->in_port), last);
        return;
    default:
        /* Back where it came from a packet goes by IN_PORT only. */
        send(x, port == x->in_port ? NULL : beba_datapath_port(x->dp, port), last);
    }
}
