/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/dpdk.h"
#include "io/driver.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DESCRIPTORS = 1024, /* of a queue */
    FRAME = 2048,       /* bytes of a buffer at least */
    OVERHEAD = 14 + 8,  /* of a frame over its MTU: Ethernet header and two tags */
    CACHE = 256,        /* buffers that a thread keeps */
    KEY_MAX = 64,
};

/* A pool whose buffers are not all back, because the rings of another port still have some. */
struct retired {
    struct retired *next;
    struct rte_mempool *pool;
};

static struct {
    pthread_mutex_t lock; /* of all this */
    struct beba_dpdk_device *first;
    struct retired *retired;
    unsigned pools; /* made so far: their names */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- pools ------------------------------------------------------------------------------------ */

static bool complete(const struct rte_mempool *pool)
{
    return rte_mempool_avail_count(pool) == pool->size;
}

static void free_retired(void)
{
    struct retired **at = &all.retired;

    while (*at) {
        struct retired *r = *at;

        if (!complete(r->pool)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        rte_mempool_free(r->pool);
        free(r);
    }
}

static void retire(struct rte_mempool *pool)
{
    struct retired *r = calloc(1, sizeof(*r));

    if (!r)
        return; /* with its buffers, as nobody can tell when they are back */
    *r = (struct retired){.next = all.retired, .pool = pool};
    all.retired = r;
    free_retired();
}

static int make_pool(struct beba_dpdk_device *d, uint32_t rx, uint32_t tx, struct beba_error *err)
{
    uint32_t frame = (d->mtu + OVERHEAD + 63) & ~63u;
    unsigned n = d->n_queues * (rx + 2 * tx + 4 * BEBA_PORT_BATCH + CACHE) + 3 * CACHE;
    char name[32];

    d->room = (frame > FRAME ? frame : FRAME) + BEBA_TAILROOM;
    snprintf(name, sizeof(name), "beba%u", all.pools++);
    d->pool = rte_pktmbuf_pool_create(name, n, CACHE, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + d->room),
                                      rte_eth_dev_socket_id(d->id));
    if (d->pool)
        return 0;
    beba_error_set(err, -ENOMEM, "not enough memory of DPDK's for %u buffers of %u bytes", n,
                   (unsigned)(RTE_PKTMBUF_HEADROOM + d->room));
    beba_error_hint(err, "reserve huge pages, or have BEBA_DPDK_ARGS=\"-m MEGABYTES\" in the "
                         "environment; beba.rx=N and beba.tx=N make rings smaller");
    return -ENOMEM;
}

/* --- configuring ------------------------------------------------------------------------------ */

static int on_event(uint16_t id, enum rte_eth_event_type event, void *arg, void *ret)
{
    struct beba_dpdk_device *d = arg;

    __atomic_store_n(&d->gone, true, __ATOMIC_RELAXED);
    return 0;
}

/* The same queue for both directions of a connection, if the card can: a key of one 16-bit word. */
static void spread(const struct rte_eth_dev_info *info, struct rte_eth_conf *conf,
                   uint8_t key[KEY_MAX])
{
    uint64_t can = info->flow_type_rss_offloads &
                   (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP);

    if (!can)
        return;
    for (unsigned i = 0; i < KEY_MAX; i++)
        key[i] = i & 1 ? 0x5a : 0x6d;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf.rss_hf = can;
    if (info->hash_key_size && info->hash_key_size <= KEY_MAX) {
        conf->rx_adv_conf.rss_conf.rss_key = key;
        conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
    }
}

static int failed(struct beba_dpdk_device *d, const char *what, int rc, struct beba_error *err)
{
    char heard[256];

    beba_dpdk_heard(heard, sizeof(heard));
    beba_error_set(err, rc, "cannot %s %s: %s", what, d->name,
                   heard[0] ? heard : rte_strerror(-rc));
    return rc;
}

static int configure(struct beba_dpdk_device *d, const struct beba_dpdk_opts *opts,
                     struct beba_error *err)
{
    uint16_t rx = (uint16_t)(opts->rx ? opts->rx : DESCRIPTORS);
    uint16_t tx = (uint16_t)(opts->tx ? opts->tx : DESCRIPTORS), n = (uint16_t)d->n_queues;
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf = {0};
    uint8_t key[KEY_MAX];
    int rc = rte_eth_dev_info_get(d->id, &info);

    if (rc)
        return failed(d, "ask for what it is,", rc, err);
    if (info.max_rx_queues < n || info.max_tx_queues < n) {
        beba_error_set(err, -ENOTSUP, "%s has %u and %u queues, to receive and to send; %u needed",
                       d->name, info.max_rx_queues, info.max_tx_queues, n);
        beba_error_hint(err,
                        "one for each worker; virtual devices have arguments for it, as "
                        "qpairs=%u of net_af_packet",
                        n);
        return -ENOTSUP;
    }
    conf.rxmode.mtu = opts->mtu;
    conf.intr_conf.lsc = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
    conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
    if (n > 1)
        spread(&info, &conf, key);
    rc = rte_eth_dev_configure(d->id, n, n, &conf);
    if (!rc)
        rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &rx, &tx);
    if (rc)
        return failed(d, "configure", rc, err);
    d->mtu = opts->mtu;
    if (!d->mtu) {
        uint16_t mtu = 1500;

        rte_eth_dev_get_mtu(d->id, &mtu);
        d->mtu = mtu;
    }
    rc = make_pool(d, rx, tx, err);
    for (uint16_t i = 0; i < n && !rc; i++) {
        unsigned node = (unsigned)rte_eth_dev_socket_id(d->id);

        rc = rte_eth_rx_queue_setup(d->id, i, rx, node, NULL, d->pool);
        if (!rc)
            rc = rte_eth_tx_queue_setup(d->id, i, tx, node, NULL);
        if (rc)
            failed(d, "set up the queues of", rc, err);
    }
    return rc;
}

static int start(struct beba_dpdk_device *d, const struct beba_dpdk_opts *opts,
                 struct beba_error *err)
{
    int rc = rte_eth_dev_start(d->id);

    if (rc) {
        failed(d, "start", -ENODEV, err);
        return -ENODEV;
    }
    rte_eth_dev_callback_register(d->id, RTE_ETH_EVENT_INTR_RMV, on_event, d);
    if (!opts->no_promisc)
        rte_eth_promiscuous_enable(d->id); /* where there is such a thing */
    rte_eth_stats_reset(d->id);
    return 0;
}

/* --- finding ---------------------------------------------------------------------------------- */

static int find(const struct beba_dpdk_device *d, uint16_t *id)
{
    struct rte_dev_iterator it;

    if (!rte_eth_dev_get_port_by_name(d->name, id))
        return 0;
    if (rte_eth_iterator_init(&it, d->name))
        return -ENODEV;
    *id = rte_eth_iterator_next(&it);
    rte_eth_iterator_cleanup(&it);
    return *id == RTE_MAX_ETHPORTS ? -ENODEV : 0;
}

static int probe(struct beba_dpdk_device *d, struct beba_error *err)
{
    char heard[256];
    int rc;

    if (!find(d, &d->id))
        return 0;
    rc = rte_dev_probe(d->args);
    d->ours = !rc;
    if (!rc && !find(d, &d->id))
        return 0;
    beba_dpdk_heard(heard, sizeof(heard));
    beba_error_set(err, -ENXIO, "DPDK has no device %s, or not with these arguments%s%s", d->name,
                   heard[0] ? ": " : "", heard);
    if (!strncmp(d->name, "net_", 4))
        beba_error_hint(err, "is the package of its driver there? apt-cache search librte-net");
    else
        beba_error_hint(err, "a card must be bound to vfio-pci: dpdk-devbind.py --status; virtual "
                             "devices are net_KIND0,ARGUMENTS");
    return -ENXIO;
}

/* --- opening and closing ---------------------------------------------------------------------- */

/* What is still on its way in goes back to where it is from. */
static void drain(struct beba_dpdk_device *d)
{
    struct rte_mbuf *m[BEBA_PORT_BATCH];

    for (unsigned q = 0; q < d->n_queues; q++) {
        for (unsigned i = 0; i < 64; i++) {
            uint16_t n = rte_eth_rx_burst(d->id, (uint16_t)q, m, BEBA_PORT_BATCH);

            if (!n)
                break;
            rte_pktmbuf_free_bulk(m, n);
        }
    }
}

static void destroy(struct beba_dpdk_device *d, bool started)
{
    struct rte_eth_dev_info info = {0};

    if (d->pool || d->ours)
        rte_eth_dev_info_get(d->id, &info);
    if (started) {
        rte_eth_dev_callback_unregister(d->id, RTE_ETH_EVENT_INTR_RMV, on_event, d);
        if (!d->gone)
            drain(d);
        rte_eth_dev_stop(d->id);
    }
    if (d->ours && info.device)
        rte_dev_remove(info.device);
    if (d->pool)
        retire(d->pool);
    free(d->name);
    free(d->args);
    free(d);
}

static int create(const char *args, const struct beba_dpdk_opts *opts, unsigned n_queues,
                  struct beba_dpdk_device **out, struct beba_error *err)
{
    struct beba_dpdk_device *d = calloc(1, sizeof(*d));
    char rest[64];
    int rc;

    if (!d || !(d->args = strdup(args)) || !(d->name = strndup(args, strcspn(args, ",")))) {
        if (d)
            free(d->args);
        free(d);
        return beba_error_set(err, -ENOMEM, "out of memory");
    }
    d->n_queues = n_queues;
    free_retired();
    beba_dpdk_listen();
    rc = probe(d, err);
    if (!rc)
        rc = configure(d, opts, err);
    if (!rc)
        rc = start(d, opts, err);
    beba_dpdk_heard(rest, sizeof(rest));
    if (rc) {
        destroy(d, false);
        return rc;
    }
    d->next = all.first;
    all.first = d;
    *out = d;
    return 0;
}

static struct beba_dpdk_device *known(const char *args)
{
    struct beba_dpdk_device *d = all.first;
    size_t n = strcspn(args, ",");

    while (d && (strlen(d->name) != n || strncmp(d->name, args, n) != 0))
        d = d->next;
    return d;
}

static int open_locked(const char *args, const struct beba_dpdk_opts *opts, unsigned queue,
                       unsigned n_queues, struct beba_dpdk_device **out, struct beba_error *err)
{
    struct beba_dpdk_device *d = known(args);
    int rc;

    if (!d) {
        rc = create(args, opts, n_queues, &d, err);
        if (rc)
            return rc;
    } else if (strcmp(d->args, args) != 0 || d->n_queues != n_queues) {
        return beba_error_set(err, -EBUSY, "the device is open with other arguments");
    } else if (d->taken >> queue & 1) {
        return beba_error_set(err, -EBUSY, "the device is open already");
    }
    d->taken |= 1ull << queue;
    *out = d;
    return 0;
}

int beba_dpdk_open(const char *args, const struct beba_dpdk_opts *opts, unsigned queue,
                   unsigned n_queues, struct beba_dpdk_device **out, struct beba_error *err)
{
    int rc;

    if (n_queues > BEBA_DPDK_QUEUES)
        return beba_error_set(err, -ENOTSUP, "at most %d queues", BEBA_DPDK_QUEUES);
    rc = beba_dpdk_start(err);
    if (rc)
        return rc;
    pthread_mutex_lock(&all.lock);
    rc = open_locked(args, opts, queue, n_queues, out, err);
    pthread_mutex_unlock(&all.lock);
    return rc;
}

void beba_dpdk_close(struct beba_dpdk_device *d, unsigned queue)
{
    struct beba_dpdk_device **at = &all.first;

    pthread_mutex_lock(&all.lock);
    d->taken &= ~(1ull << queue);
    if (!d->taken) {
        while (*at != d)
            at = &(*at)->next;
        *at = d->next;
        destroy(d, true);
    }
    pthread_mutex_unlock(&all.lock);
}
