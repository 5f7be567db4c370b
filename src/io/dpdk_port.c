/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ports of DPDK: bursts of mbufs in and out. A packet received lies in its mbuf, with the mbuf's
 * headroom; one passed on by a port of this thread goes out in it. */
#include "io/dpdk.h"
#include "io/driver.h"
#include "io/netdev.h"
#include "io/plugin.h"
#include "io/segment.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RING_MIN = 64,
    RING_MAX = 16384,
    MTU_MIN = 68,
    MTU_MAX = 16000,
    NAP_DEFAULT = 50, /* us */
    NAP_MAX = 1000,
    LONGEST = 68 << 10,     /* of a packet in a buffer of ours, with its rooms */
    BUFFERS = 16 * LONGEST, /* for those of one batch that cannot stay where they are */
    LOOK = 256,             /* recvs that find nothing until the link is looked at */
    SPARE = 512,            /* buffers that a pool keeps to receive into */
    AHEAD = 4,              /* packets whose bytes are fetched beforehand */
};

_Static_assert(RTE_PKTMBUF_HEADROOM >= BEBA_HEADROOM, "packets would lack headroom");

/* The packets of a port that its thread has. The thread may look here when the port has been closed
 * and the batch is another port's: so its memory stays, and serials tell. */
struct batch {
    struct batch *next; /* that is in no use */
    uint64_t serial;    /* of the port; 0: none */
    uint32_t number;
    bool lend;                              /* the pool can do without some */
    unsigned n, at;                         /* at: where the next one passed likely is */
    struct rte_mbuf *mbuf[BEBA_PORT_BATCH]; /* NULL: gone out since */
};

struct dpdk_port {
    struct beba_port port;
    struct beba_dpdk_opts opts;
    struct beba_dpdk_device *device;
    uint16_t id, queue;
    uint32_t idle; /* recvs in a row that found nothing */

    struct rte_mbuf *burst[BEBA_PORT_BATCH]; /* received, not yet given on */
    unsigned burst_at, burst_n;
    struct batch *batch; /* given on, where not copied */
    uint64_t serial;
    uint8_t *buffers;
    size_t buffers_used;

    struct rte_mbuf *out[BEBA_PORT_BATCH];
    uint32_t out_len[BEBA_PORT_BATCH];
    unsigned queued;
    uint64_t unsent; /* counted here as lost, of which the device may speak, too */
};

static struct {
    pthread_mutex_t lock;
    struct batch *unused;
    uint64_t serials;
} batches = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The batch that this thread has received last. */
static _Thread_local struct {
    struct batch *batch;
    uint64_t serial;
} receiving;

static struct dpdk_port *self(struct beba_port *port)
{
    return (struct dpdk_port *)port;
}

static void look(struct dpdk_port *s)
{
    struct rte_eth_link link;

    if (__atomic_load_n(&s->device->gone, __ATOMIC_RELAXED))
        beba_port_becomes(&s->port, BEBA_PORT_GONE);
    else if (!rte_eth_link_get_nowait(s->id, &link))
        beba_port_becomes(&s->port, link.link_status ? BEBA_PORT_READY : BEBA_PORT_DOWN);
}

static int get_batch(struct dpdk_port *s)
{
    pthread_mutex_lock(&batches.lock);
    s->batch = batches.unused;
    if (s->batch)
        batches.unused = s->batch->next;
    else
        s->batch = calloc(1, sizeof(*s->batch));
    s->serial = ++batches.serials;
    pthread_mutex_unlock(&batches.lock);
    if (!s->batch)
        return -ENOMEM;
    s->batch->number = s->port.opts.number;
    __atomic_store_n(&s->batch->serial, s->serial, __ATOMIC_RELEASE);
    return 0;
}

static void put_batch(struct batch *b)
{
    __atomic_store_n(&b->serial, 0, __ATOMIC_RELEASE);
    pthread_mutex_lock(&batches.lock);
    b->next = batches.unused;
    batches.unused = b;
    pthread_mutex_unlock(&batches.lock);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void release(struct beba_port *port)
{
    struct dpdk_port *s = self(port);
    struct batch *b = s->batch;
    unsigned n = 0;

    for (unsigned i = 0; i < b->n; i++) {
        if (b->mbuf[i])
            b->mbuf[n++] = b->mbuf[i];
    }
    if (n)
        rte_pktmbuf_free_bulk(b->mbuf, n);
    b->n = b->at = 0;
    s->buffers_used = 0;
}

/* One that lies in pieces, that others have, too, or that left too little room about it. */
static bool copy_out(struct dpdk_port *s, struct rte_mbuf *m, struct beba_packet *p)
{
    uint8_t *at = s->buffers + s->buffers_used;
    uint32_t len = m->pkt_len, left = len;

    if (len > LONGEST - BEBA_HEADROOM - BEBA_TAILROOM) {
        beba_port_lose(&s->port, BEBA_PORT_RX_TRUNCATED, 1);
        return false;
    }
    p->data = at + BEBA_HEADROOM;
    at = p->data;
    for (const struct rte_mbuf *seg = m; seg && left; seg = seg->next) {
        uint32_t n = seg->data_len < left ? seg->data_len : left;

        memcpy(at, rte_pktmbuf_mtod(seg, uint8_t *), n);
        at += n;
        left -= n;
    }
    p->len = p->wire_len = len - left;
    p->headroom = BEBA_HEADROOM;
    p->tailroom = BEBA_TAILROOM;
    s->buffers_used += (BEBA_HEADROOM + p->len + BEBA_TAILROOM + 63) & ~(size_t)63;
    return true;
}

/* False: it is not to be given on. Its mbuf is held, or no longer needed. */
static bool take(struct dpdk_port *s, struct rte_mbuf *m, struct beba_packet *p)
{
    bool good = true;

    if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 && m->nb_segs == 1 &&
        m->data_off >= BEBA_HEADROOM && rte_pktmbuf_tailroom(m) >= BEBA_TAILROOM) {
        p->data = rte_pktmbuf_mtod(m, uint8_t *);
        p->len = p->wire_len = m->data_len;
        p->headroom = m->data_off;
        p->tailroom = rte_pktmbuf_tailroom(m);
    } else {
        good = copy_out(s, m, p);
        rte_pktmbuf_free(m);
        m = NULL;
    }
    if (good && p->len < 14) {
        beba_port_lose(&s->port, BEBA_PORT_RX_SHORT, 1);
        good = false;
    }
    if (m)
        s->batch->mbuf[s->batch->n++] = m;
    return good;
}

static bool burst(struct dpdk_port *s, unsigned max)
{
    beba_dpdk_enter();
    s->burst_at = 0;
    s->burst_n = rte_eth_rx_burst(s->id, s->queue, s->burst, (uint16_t)max);
    if (!s->burst_n) {
        if (++s->idle % LOOK == 0)
            look(s);
        return false;
    }
    s->idle = 0;
    s->batch->lend =
        rte_mempool_get_ops(s->device->pool->ops_index)->get_count(s->device->pool) >= SPARE;
    beba_port_becomes(&s->port, BEBA_PORT_READY);
    return true;
}

static unsigned receive(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    struct dpdk_port *s = self(port);
    uint64_t now;
    unsigned n = 0;

    if (__atomic_load_n(&s->device->gone, __ATOMIC_RELAXED)) {
        beba_port_becomes(port, BEBA_PORT_GONE);
        return 0;
    }
    if (s->burst_at == s->burst_n && !burst(s, max))
        return 0;
    receiving.batch = s->batch;
    receiving.serial = s->serial;
    now = beba_port_now(port);
    for (unsigned i = s->burst_at; i < s->burst_n && i < s->burst_at + AHEAD; i++)
        rte_prefetch0(rte_pktmbuf_mtod(s->burst[i], void *));
    while (n < max && s->burst_at < s->burst_n && s->buffers_used + LONGEST <= BUFFERS) {
        if (s->burst_at + AHEAD < s->burst_n)
            rte_prefetch0(rte_pktmbuf_mtod(s->burst[s->burst_at + AHEAD], void *));
        beba_port_fresh(port, now, &packet[n]);
        n += take(s, s->burst[s->burst_at++], &packet[n]);
    }
    return n;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void flush(struct beba_port *port)
{
    struct dpdk_port *s = self(port);
    unsigned sent = 0, n;
    uint64_t bytes = 0;

    if (!s->queued)
        return;
    if (__atomic_load_n(&s->device->gone, __ATOMIC_RELAXED)) {
        beba_port_becomes(port, BEBA_PORT_GONE);
    } else {
        beba_dpdk_enter();
        do {
            n = rte_eth_tx_burst(s->id, s->queue, s->out + sent, (uint16_t)(s->queued - sent));
            sent += n;
        } while (n && sent < s->queued);
    }
    for (unsigned i = 0; i < sent; i++)
        bytes += s->out_len[i];
    n = s->queued - sent;
    s->queued = 0;
    if (sent) {
        beba_port_count(&port->count.tx_packets, sent);
        beba_port_count(&port->count.tx_bytes, bytes);
    }
    if (!n)
        return;
    rte_pktmbuf_free_bulk(s->out + sent, n);
    look(s);
    beba_port_count(&s->unsent, n);
    beba_port_lose(port,
                   port->status == BEBA_PORT_GONE   ? BEBA_PORT_TX_GONE
                   : port->status == BEBA_PORT_DOWN ? BEBA_PORT_TX_DOWN
                                                    : BEBA_PORT_TX_FULL,
                   n);
}

static void enqueue(struct dpdk_port *s, struct rte_mbuf *m, uint32_t len)
{
    s->out[s->queued] = m;
    s->out_len[s->queued++] = len;
    if (s->queued == BEBA_PORT_BATCH)
        flush(&s->port);
}

/* A buffer for a frame of len bytes: NULL, and counted, when it cannot be had. */
static struct rte_mbuf *fresh(struct dpdk_port *s, uint32_t len)
{
    struct rte_mbuf *m;

    if (len > s->device->room) {
        beba_port_lose(&s->port, BEBA_PORT_TX_MTU, 1);
        return NULL;
    }
    beba_dpdk_enter();
    m = rte_pktmbuf_alloc(s->device->pool);
    if (!m) {
        beba_port_lose(&s->port, BEBA_PORT_TX_FULL, 1);
        return NULL;
    }
    m->data_len = (uint16_t)len;
    m->pkt_len = len;
    return m;
}

static void send_train(struct dpdk_port *s, const struct beba_packet *p)
{
    struct beba_train t;

    if (beba_train_look(p, &t)) {
        beba_port_lose(&s->port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    if (t.headers - (t.outer ? t.outer : t.ip) + p->segment > s->device->mtu) {
        beba_port_lose(&s->port, BEBA_PORT_TX_MTU, 1);
        return;
    }
    for (uint32_t i = 0; i < t.n; i++) {
        struct rte_mbuf *m = fresh(s, t.headers + p->segment);
        uint32_t len;

        if (!m)
            continue;
        len = beba_train_cut(&t, i, rte_pktmbuf_mtod(m, uint8_t *), t.headers + p->segment);
        m->data_len = (uint16_t)len;
        m->pkt_len = len;
        enqueue(s, m, len);
    }
}

static bool fits(struct dpdk_port *s, const struct beba_packet *p)
{
    uint32_t tag = p->data[12] == 0x81 && p->data[13] == 0 ? 4 : 0;

    if (p->len <= s->device->mtu + 14 + tag)
        return true;
    beba_port_lose(&s->port, BEBA_PORT_TX_MTU, 1);
    return false;
}

static void send_packet(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct dpdk_port *s = self(port);
    struct rte_mbuf *m;

    if (p->segment) {
        send_train(s, p);
        return;
    }
    if (!fits(s, p))
        return;
    m = fresh(s, p->len);
    if (!m)
        return;
    memcpy(rte_pktmbuf_mtod(m, void *), p->data, p->len);
    enqueue(s, m, p->len);
}

/* The mbuf that the packet lies in, taken from the port that has received it; NULL if there is none
 * to be had. Packets are mostly passed in the order in which they came. */
static struct rte_mbuf *take_over(const struct beba_packet *p)
{
    struct batch *b = receiving.batch;

    if (!b || __atomic_load_n(&b->serial, __ATOMIC_ACQUIRE) != receiving.serial || !b->lend ||
        p->in_phy_port != b->number)
        return NULL;
    for (unsigned k = 0, i = b->at; k < b->n; k++, i++) {
        struct rte_mbuf *m;

        if (i >= b->n)
            i = 0;
        m = b->mbuf[i];
        if (!m || (uintptr_t)p->data - (uintptr_t)m->buf_addr >= m->buf_len)
            continue;
        b->mbuf[i] = NULL;
        b->at = i + 1;
        m->data_off = (uint16_t)((uintptr_t)p->data - (uintptr_t)m->buf_addr);
        m->data_len = (uint16_t)p->len;
        m->pkt_len = p->len;
        m->ol_flags = 0;
        return m;
    }
    return NULL;
}

static void pass(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct dpdk_port *s = self(port);
    struct rte_mbuf *m;

    if (p->segment || !(m = take_over(p))) {
        send_packet(port, queue, p);
        return;
    }
    if (fits(s, p))
        enqueue(s, m, p->len);
    else
        rte_pktmbuf_free(m);
}

/* --- what it is and what it lost -------------------------------------------------------------- */

/* The device counts for all its queues: the first tells. */
static void losses(struct beba_port *port, uint64_t loss[BEBA_PORT_N_LOSSES])
{
    struct dpdk_port *s = self(port);
    struct rte_eth_stats stats = {0};
    uint64_t unsent = __atomic_load_n(&s->unsent, __ATOMIC_RELAXED);

    if (s->queue || rte_eth_stats_get(s->id, &stats))
        return;
    loss[BEBA_PORT_RX_FULL] += stats.imissed + stats.rx_nombuf;
    loss[BEBA_PORT_RX_ERROR] += stats.ierrors;
    loss[BEBA_PORT_TX_ERROR] += stats.oerrors > unsent ? stats.oerrors - unsent : 0;
}

static uint32_t feature(uint32_t mbit)
{
    static const struct {
        uint32_t mbit, feature;
    } table[] = {{10, BEBA_NETDEV_10MB_FD},    {100, BEBA_NETDEV_100MB_FD},
                 {1000, BEBA_NETDEV_1GB_FD},   {10000, BEBA_NETDEV_10GB_FD},
                 {40000, BEBA_NETDEV_40GB_FD}, {100000, BEBA_NETDEV_100GB_FD},
                 {1000000, BEBA_NETDEV_1TB_FD}};

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (table[i].mbit == mbit)
            return table[i].feature;
    }
    return mbit ? BEBA_NETDEV_OTHER : 0;
}

static bool tell(struct beba_port *port, struct beba_netdev *dev, struct beba_netdev_link *link)
{
    struct dpdk_port *s = self(port);
    struct rte_ether_addr mac = {0};
    struct rte_eth_link now = {0};
    bool gone = __atomic_load_n(&s->device->gone, __ATOMIC_RELAXED);

    *dev = (struct beba_netdev){.mtu = s->device->mtu, .up = !gone};
    *link = (struct beba_netdev_link){0};
    snprintf(dev->name, sizeof(dev->name), "%s", port->name);
    if (gone)
        return true;
    rte_eth_macaddr_get(s->id, &mac);
    memcpy(dev->mac, mac.addr_bytes, sizeof(dev->mac));
    if (rte_eth_link_get_nowait(s->id, &now) || !now.link_status)
        return true;
    dev->running = true;
    if (now.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN && now.link_speed < UINT32_MAX / 1000) {
        link->speed = link->max_speed = now.link_speed * 1000;
        link->current = feature(now.link_speed);
    }
    if (now.link_autoneg)
        link->current |= BEBA_NETDEV_AUTONEG;
    return true;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int take_option(struct dpdk_port *s, const char *word)
{
    static const struct {
        const char *name;
        uint32_t min, max;
        size_t offset;
    } numbers[] = {
        {"rx=", RING_MIN, RING_MAX, offsetof(struct dpdk_port, opts.rx)},
        {"tx=", RING_MIN, RING_MAX, offsetof(struct dpdk_port, opts.tx)},
        {"mtu=", MTU_MIN, MTU_MAX, offsetof(struct dpdk_port, opts.mtu)},
        {"nap=", 0, NAP_MAX, offsetof(struct dpdk_port, port.nap)},
    };

    if (!strcmp(word, "promisc=off") || !strcmp(word, "promisc=on")) {
        s->opts.no_promisc = !strcmp(word, "promisc=off");
        return 0;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        size_t len = strlen(numbers[i].name);

        if (!strncmp(word, numbers[i].name, len))
            return beba_port_number(word + len, numbers[i].min, numbers[i].max,
                                    (uint32_t *)((uint8_t *)s + numbers[i].offset));
    }
    return -EINVAL;
}

/* Takes the words that are ours out of the description; the others are DPDK's. */
static int take_options(struct dpdk_port *s, const char *text, char *args, struct beba_error *err)
{
    static const char ours[] = "beba.", names[] = "beba.rx=64..16384 beba.tx=64..16384 "
                                                  "beba.mtu=68..16000 beba.nap=0..1000 "
                                                  "beba.promisc=on|off";
    char word[64];

    *args = 0;
    for (size_t n; *text; text += n, text += *text == ',') {
        n = strcspn(text, ",");
        if (strncmp(text, ours, strlen(ours)) != 0) {
            sprintf(args + strlen(args), "%s%.*s", *args ? "," : "", (int)n, text);
            continue;
        }
        snprintf(word, sizeof(word), "%.*s", (int)(n - strlen(ours)), text + strlen(ours));
        if (take_option(s, word)) {
            beba_error_set(err, -EINVAL, "no such option, or not with this value: %.*s", (int)n,
                           text);
            beba_error_hint(err, "options of dpdk: %s; others are the device's", names);
            return -EINVAL;
        }
    }
    return 0;
}

static void describe(struct dpdk_port *s)
{
    struct rte_eth_dev_info info;
    struct rte_eth_link link = {0};
    int n;

    if (rte_eth_dev_info_get(s->id, &info))
        return;
    rte_eth_link_get_nowait(s->id, &link);
    n = snprintf(s->port.about, sizeof(s->port.about), "%s, %u queue%s", info.driver_name,
                 s->device->n_queues, s->device->n_queues > 1 ? "s" : "");
    if (n > 0 && (size_t)n < sizeof(s->port.about) && link.link_status && link.link_speed &&
        link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
        snprintf(s->port.about + n, sizeof(s->port.about) - (size_t)n, ", %u Mbit/s",
                 link.link_speed);
}

static int open_port(struct beba_port *port, const struct beba_port_words *words,
                     struct beba_error *err)
{
    struct dpdk_port *s = self(port);
    char args[BEBA_PORT_TEXT];
    int rc;

    port->nap = NAP_DEFAULT;
    rc = take_options(s, words->word[0], args, err);
    if (rc)
        return rc;
    if (!*args || *args == ',')
        return beba_error_set(err, -EINVAL, "a device's name is missing");
    port->name = strndup(args, strcspn(args, ","));
    s->buffers = malloc(BUFFERS);
    if (!port->name || !s->buffers || get_batch(s))
        return beba_error_set(err, -ENOMEM, "out of memory");
    rc = beba_dpdk_open(args, &s->opts, port->opts.queue, port->opts.n_queues, &s->device, err);
    if (rc)
        return rc;
    s->id = s->device->id;
    s->queue = (uint16_t)port->opts.queue;
    look(s);
    describe(s);
    return 0;
}

static int close_port(struct beba_port *port, struct beba_error *err)
{
    struct dpdk_port *s = self(port);

    (void)err;
    if (s->burst_at < s->burst_n)
        rte_pktmbuf_free_bulk(s->burst + s->burst_at, s->burst_n - s->burst_at);
    if (s->device)
        beba_dpdk_close(s->device, port->opts.queue);
    if (s->batch)
        put_batch(s->batch);
    free(s->buffers);
    return 0;
}

static const struct beba_driver driver = {
    .name = "dpdk",
    .whole = true,
    .size = sizeof(struct dpdk_port),
    .open = open_port,
    .close = close_port,
    .recv = receive,
    .release = release,
    .send = send_packet,
    .pass = pass,
    .flush = flush,
    .losses = losses,
    .tell = tell,
};

__attribute__((visibility("default"))) extern const struct beba_plugin beba_plugin;
const struct beba_plugin beba_plugin = {BEBA_PLUGIN_ABI, &driver};
