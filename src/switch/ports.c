/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/ports.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NUMBER_MAX = 65279 };

struct beba_ports {
    struct beba_ports_opts opts;
    struct beba_netdevs *devs;
    struct beba_swport *first;
    bool opening; /* which brings changes of its own */
};

static uint64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_dpdk(const char *description)
{
    return !strncmp(description, "dpdk:", 5);
}

int beba_ports_new(const struct beba_ports_opts *opts, struct beba_ports **out,
                   struct beba_error *err)
{
    struct beba_ports *ports = calloc(1, sizeof(*ports));
    int r;

    if (!ports)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    ports->opts = *opts;
    r = beba_netdevs_open(&ports->devs, err);
    if (r) {
        free(ports);
        return r;
    }
    *out = ports;
    return 0;
}

void beba_ports_free(struct beba_ports *ports)
{
    struct beba_swport *next;

    if (!ports)
        return;
    for (struct beba_swport *p = ports->first; p; p = next) {
        next = p->next;
        free(p);
    }
    beba_netdevs_close(ports->devs);
    free(ports);
}

struct beba_swport *beba_ports_first(struct beba_ports *ports)
{
    return ports->first;
}

static struct beba_swport *by_number(struct beba_ports *ports, uint32_t number)
{
    struct beba_swport *p = ports->first;

    while (p && p->number != number)
        p = p->next;
    return p;
}

struct beba_swport *beba_ports_find(struct beba_ports *ports, uint32_t number)
{
    struct beba_swport *p = by_number(ports, number);

    return p && p->present ? p : NULL;
}

int beba_ports_fd(const struct beba_ports *ports)
{
    return beba_netdevs_fd(ports->devs);
}

/* --- state ---------------------------------------------------------------------------------- */

static void tell_datapath(struct beba_ports *ports, const struct beba_swport *p)
{
    struct beba_datapath_port port = {
        .port = p->number,
        .config = p->of.config,
        .up = !(p->of.state & OFPPS_LINK_DOWN) && !(p->of.config & OFPPC_PORT_DOWN),
    };

    beba_datapath_port_set(ports->opts.dp, &port);
}

/* What a port is like, as OpenFlow has it. False: it is gone. */
static bool look(struct beba_ports *ports, struct beba_swport *p)
{
    struct beba_netdev_link link = {0};
    struct beba_netdev dev;
    bool told = beba_workers_port_tell(ports->opts.workers, p->number, &dev, &link);

    if (!told && (!p->ifindex || !beba_netdevs_at(ports->devs, p->ifindex, &dev)))
        return true;
    if (told && !dev.up)
        return false;
    memcpy(p->of.hw_addr, dev.mac, 6);
    if (!told) {
        p->of.config &= ~(uint32_t)OFPPC_PORT_DOWN;
        p->of.config |= dev.up ? 0 : OFPPC_PORT_DOWN;
    }
    p->of.state = dev.running ? OFPPS_LIVE : OFPPS_LINK_DOWN;
    if (!told)
        beba_netdevs_link(ports->devs, p->ifindex, &link);
    p->of.current = link.current;
    p->of.advertised = link.advertised;
    p->of.supported = link.supported;
    p->of.peer = link.peer;
    p->of.current_speed = link.speed;
    p->of.max_speed = link.max_speed;
    return true;
}

static void closed(struct beba_ports *ports, struct beba_swport *p)
{
    p->present = false;
    beba_datapath_port_del(ports->opts.dp, p->number);
    beba_workers_port_del(ports->opts.workers, p->number);
    ports->opts.changed(ports->opts.arg, OFPPR_DELETE, p);
}

static int open_port(struct beba_ports *ports, struct beba_swport *p, struct beba_error *err)
{
    struct beba_netdev dev;
    int r = beba_workers_port_add(ports->opts.workers, p->number, p->description, err);

    if (r)
        return r;
    /* A TAP is there only now. */
    ports->opening = true;
    beba_ports_changes(ports);
    ports->opening = false;
    p->ifindex = beba_netdevs_find(ports->devs, p->name, &dev) ? dev.ifindex : 0;
    if (!strncmp(p->description, "pcap:", 5) || is_dpdk(p->description))
        p->ifindex = 0;
    p->of = (struct beba_of_port){.port = p->number, .state = OFPPS_LIVE, .config = p->of.config};
    memcpy(p->of.name, p->name, sizeof(p->of.name));
    p->since = monotonic();
    p->present = true;
    look(ports, p);
    tell_datapath(ports, p);
    ports->opts.changed(ports->opts.arg, OFPPR_ADD, p);
    return 0;
}

/* What a controller is told of a port. */
static bool same(const struct beba_of_port *a, const struct beba_of_port *b)
{
    return a->config == b->config && a->state == b->state && a->current == b->current &&
           a->advertised == b->advertised && a->supported == b->supported && a->peer == b->peer &&
           a->current_speed == b->current_speed && a->max_speed == b->max_speed &&
           !memcmp(a->hw_addr, b->hw_addr, sizeof(a->hw_addr)) && !strcmp(a->name, b->name);
}

/* Looks at a port and tells of it when it is not as it was. */
static void look_again(struct beba_ports *ports, struct beba_swport *p)
{
    struct beba_of_port before = p->of;

    if (!look(ports, p)) {
        beba_log(ports->opts.log, BEBA_LOG_WARNING, "port %u: device %s is gone", p->number,
                 p->name);
        closed(ports, p);
        return;
    }
    if (same(&before, &p->of))
        return;
    beba_log(ports->opts.log, BEBA_LOG_INFO, "port %u (%s): link %s", p->number, p->name,
             p->of.state & OFPPS_LINK_DOWN ? "down" : "up");
    tell_datapath(ports, p);
    ports->opts.changed(ports->opts.arg, OFPPR_MODIFY, p);
}

static void dev_changed(struct beba_ports *ports, const struct beba_netdev_event *e)
{
    for (struct beba_swport *p = ports->first; p; p = p->next) {
        if (p->present && p->ifindex == e->now.ifindex) {
            if (e->change == BEBA_NETDEV_GONE) {
                beba_log(ports->opts.log, BEBA_LOG_WARNING, "port %u: interface %s is gone",
                         p->number, p->name);
                closed(ports, p);
                continue;
            }
            look_again(ports, p);
        } else if (!p->present && e->change != BEBA_NETDEV_GONE && !strcmp(p->name, e->now.name)) {
            beba_ports_retry(ports);
        }
    }
}

void beba_ports_changes(struct beba_ports *ports)
{
    struct beba_netdev_event e;

    while (beba_netdevs_next(ports->devs, &e) == 1)
        dev_changed(ports, &e);
}

static void open_again(struct beba_ports *ports, struct beba_swport *p)
{
    struct beba_error err;

    if (open_port(ports, p, &err))
        beba_log(ports->opts.log, BEBA_LOG_DEBUG, "port %u: %s", p->number, err.what);
    else
        beba_log(ports->opts.log, BEBA_LOG_NOTICE, "port %u: %s is back", p->number, p->name);
}

void beba_ports_retry(struct beba_ports *ports)
{
    struct beba_netdev dev;

    for (struct beba_swport *p = ports->first; p && !ports->opening; p = p->next) {
        if (p->present && !p->ifindex)
            look_again(ports, p);
        else if (!p->present &&
                 (is_dpdk(p->description) || beba_netdevs_find(ports->devs, p->name, &dev)))
            open_again(ports, p);
    }
}

/* --- adding and removing -------------------------------------------------------------------- */

/* Options whose values are numbers, of any kind of port. */
static const char *const numeric[] = {"ring", "busy-poll"};

/* An option's value ("ring=64") is no port's number. DPDK's arguments are all options: "id=0=3". */
static bool is_value(const char *text, const char *comma, const char *equal)
{
    if (!comma || comma > equal)
        return false;
    if (is_dpdk(text))
        return !memchr(comma, '=', (size_t)(equal - comma));
    for (size_t i = 0; i < sizeof(numeric) / sizeof(*numeric); i++) {
        size_t n = strlen(numeric[i]);

        if ((size_t)(equal - comma - 1) == n && !strncmp(comma + 1, numeric[i], n))
            return true;
    }
    return false;
}

/* "veth1=3": splits the number off. */
static int split_number(const char *text, char *description, size_t size, uint32_t *number,
                        struct beba_error *err)
{
    const char *equal = strrchr(text, '='), *comma = strrchr(text, ',');
    size_t n = strlen(text);
    char *end;

    *number = 0;
    if (equal && equal[1] && strspn(equal + 1, "0123456789") == strlen(equal + 1) &&
        !is_value(text, comma, equal)) {
        unsigned long v = strtoul(equal + 1, &end, 10);

        if (!v || v > NUMBER_MAX)
            return beba_error_set(err, -EINVAL, "port number %s is not within 1..%d", equal + 1,
                                  NUMBER_MAX);
        *number = (uint32_t)v;
        n = (size_t)(equal - text);
    }
    if (!n || n >= size)
        return beba_error_set(err, -EINVAL, "'%s' is no port", text);
    memcpy(description, text, n);
    description[n] = '\0';
    return 0;
}

/* The name of the interface, or of the capture's file. */
static void name_of(const char *description, char *out, size_t size)
{
    static const char *const kinds[] = {"packet:", "xdp:", "tap:", "pcap:", "dpdk:"};
    const char *start = description, *p;
    size_t n;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (!strncmp(start, kinds[i], strlen(kinds[i])))
            start += strlen(kinds[i]);
    }
    n = strcspn(start, ",");
    if (!strncmp(description, "pcap:", 5)) {
        if (!n && start[0] == ',')
            n = strcspn(++start, ",");
        for (p = start + n; p > start && p[-1] != '/'; p--)
            ;
        n -= (size_t)(p - start);
        start = p;
    }
    if (n >= size)
        n = size - 1;
    memcpy(out, start, n);
    out[n] = '\0';
}

static uint32_t free_number(struct beba_ports *ports)
{
    uint32_t n = 1;

    while (by_number(ports, n))
        n++;
    return n;
}

static void insert(struct beba_ports *ports, struct beba_swport *p)
{
    struct beba_swport **at = &ports->first;

    while (*at && (*at)->number < p->number)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

static void unlink_port(struct beba_ports *ports, struct beba_swport *p)
{
    struct beba_swport **at = &ports->first;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p);
}

static int add(struct beba_ports *ports, const char *description, uint32_t number, uint32_t limit,
               struct beba_error *err)
{
    struct beba_swport *p;
    const char *about;
    unsigned n = 0;
    int r;

    for (p = ports->first; p; p = p->next)
        n++;
    if (n >= BEBA_DP_PORTS)
        return beba_error_set(err, -ENOSPC, "there are %d ports already", BEBA_DP_PORTS);
    if (by_number(ports, number))
        return beba_error_set(err, -EEXIST, "port %u is there already", number);
    p = calloc(1, sizeof(*p));
    if (!p)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    p->number = number;
    snprintf(p->description, sizeof(p->description), "%s", description);
    name_of(description, p->name, limit);
    insert(ports, p);
    r = open_port(ports, p, err);
    if (r == -ENODEV) {
        beba_log(ports->opts.log, BEBA_LOG_WARNING, "port %u: %s is not there yet: waiting for it",
                 number, p->name);
        return 0;
    }
    if (r) {
        unlink_port(ports, p);
        return r;
    }
    about = beba_workers_port_about(ports->opts.workers, number);
    beba_log(ports->opts.log, BEBA_LOG_INFO, "port %u is %s%s%s", number, p->description,
             *about ? ": " : "", about);
    return 0;
}

int beba_ports_add(struct beba_ports *ports, const char *text, struct beba_error *err)
{
    char description[512], name[OFP_MAX_PORT_NAME_LEN + 1];
    uint32_t number;
    int r = split_number(text, description, sizeof(description), &number, err);

    if (r)
        return r;
    name_of(description, name, sizeof(name));
    for (struct beba_swport *p = ports->first; p; p = p->next) {
        if (!strcmp(p->name, name))
            return beba_error_set(err, -EEXIST, "%s is port %u already", name, p->number);
    }
    return add(ports, description, number ? number : free_number(ports), sizeof(name), err);
}

int beba_ports_add_local(struct beba_ports *ports, const char *name, struct beba_error *err)
{
    char description[64];

    snprintf(description, sizeof(description), "tap:%.40s", name);
    return add(ports, description, OFPP_LOCAL, OFP_MAX_PORT_NAME_LEN + 1, err);
}

int beba_ports_del(struct beba_ports *ports, const char *text, struct beba_error *err)
{
    struct beba_swport *p;
    char number[16];

    for (p = ports->first; p; p = p->next) {
        snprintf(number, sizeof(number), "%u", p->number);
        if (!strcmp(p->name, text) || !strcmp(number, text))
            break;
    }
    if (!p)
        return beba_error_set(err, -ENOENT, "there is no port '%s'", text);
    if (p->present)
        closed(ports, p);
    beba_log(ports->opts.log, BEBA_LOG_INFO, "port %u (%s) is removed", p->number, p->name);
    unlink_port(ports, p);
    return 0;
}

/* --- statistics and configuration ----------------------------------------------------------- */

void beba_ports_stats(struct beba_ports *ports, const struct beba_swport *port,
                      struct beba_of_port_stats *out)
{
    struct beba_port_counters c;

    *out = (struct beba_of_port_stats){.port = port->number, .duration = monotonic() - port->since};
    if (!beba_workers_port_counters(ports->opts.workers, port->number, &c))
        return;
    out->counter[BEBA_OF_RX_PACKETS] = c.rx_packets;
    out->counter[BEBA_OF_TX_PACKETS] = c.tx_packets;
    out->counter[BEBA_OF_RX_BYTES] = c.rx_bytes;
    out->counter[BEBA_OF_TX_BYTES] = c.tx_bytes;
    for (unsigned i = 0; i < BEBA_PORT_N_LOSSES; i++) {
        const struct beba_port_loss_info *info = &beba_port_losses[i];
        unsigned k = info->error ? (info->tx ? BEBA_OF_TX_ERRORS : BEBA_OF_RX_ERRORS)
                                 : (info->tx ? BEBA_OF_TX_DROPPED : BEBA_OF_RX_DROPPED);

        out->counter[k] += c.loss[i];
    }
}

void beba_ports_configure(struct beba_ports *ports, struct beba_swport *port, uint32_t config,
                          uint32_t mask)
{
    uint32_t before = port->of.config;

    port->of.config = (before & ~mask) | (config & mask);
    if (port->of.config == before)
        return;
    if ((before ^ port->of.config) & OFPPC_PORT_DOWN && port->ifindex) {
        int r =
            beba_netdevs_set_up(ports->devs, port->ifindex, !(port->of.config & OFPPC_PORT_DOWN));

        if (r)
            beba_log(ports->opts.log, BEBA_LOG_WARNING, "port %u: cannot set %s %s: %s",
                     port->number, port->name, port->of.config & OFPPC_PORT_DOWN ? "down" : "up",
                     strerror(-r));
    }
    tell_datapath(ports, port);
    ports->opts.changed(ports->opts.arg, OFPPR_MODIFY, port);
}

int beba_ports_advertise(struct beba_ports *ports, struct beba_swport *port, uint32_t advertise)
{
    int r;

    if (advertise == port->of.advertised)
        return 0;
    if (!port->ifindex)
        return -EINVAL;
    r = beba_netdevs_advertise(ports->devs, port->ifindex, advertise);
    if (r)
        return r;
    look(ports, port);
    ports->opts.changed(ports->opts.arg, OFPPR_MODIFY, port);
    return 0;
}
