/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packets in groups [5.6]. */
#include "datapath/group.h"

#include "base/hash.h"
#include "datapath/dp.h"

/* --- liveness --------------------------------------------------------------------------------- */

static bool group_live(struct beba_datapath_exec *x, uint32_t id, unsigned depth);

/* A bucket that watches nothing is live. */
static bool bucket_live(struct beba_datapath_exec *x, const struct beba_of_bucket *b,
                        unsigned depth)
{
    if (b->watch_port == OFPP_ANY && b->watch_group == OFPG_ANY)
        return true;
    if (b->watch_port != OFPP_ANY && beba_datapath_port_live(x->dp, b->watch_port))
        return true;
    return b->watch_group != OFPG_ANY && group_live(x, b->watch_group, depth + 1);
}

static const struct beba_group *find_group(struct beba_datapath_exec *x, uint32_t id)
{
    const struct beba_object *o = beba_object_find(&x->dp->groups, id);

    return o ? (const struct beba_group *)beba_object_body(o, x->version) : NULL;
}

static bool group_live(struct beba_datapath_exec *x, uint32_t id, unsigned depth)
{
    const struct beba_group *g = depth < BEBA_DP_GROUP_DEPTH ? find_group(x, id) : NULL;

    for (uint32_t i = 0; g && i < g->n_buckets; i++)
        if (bucket_live(x, &g->bucket[i], depth))
            return true;
    return false;
}

/* --- which bucket ----------------------------------------------------------------------------- */

/* What all packets of a connection have alike. Absent fields' words may hold anything. */
static uint64_t flow_hash(struct beba_datapath_exec *x)
{
    static const uint8_t fields[] = {
        OFPXMT_OFB_ETH_DST,  OFPXMT_OFB_ETH_SRC,  OFPXMT_OFB_ETH_TYPE, OFPXMT_OFB_VLAN_VID,
        OFPXMT_OFB_IP_PROTO, OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_IPV6_SRC,
        OFPXMT_OFB_IPV6_DST, OFPXMT_OFB_TCP_SRC,  OFPXMT_OFB_TCP_DST,  OFPXMT_OFB_UDP_SRC,
        OFPXMT_OFB_UDP_DST,  OFPXMT_OFB_SCTP_SRC, OFPXMT_OFB_SCTP_DST, OFPXMT_OFB_MPLS_LABEL,
        OFPXMT_OFB_ARP_SPA,  OFPXMT_OFB_ARP_TPA,
    };
    const struct beba_key *key = beba_datapath_exec_key(x);
    uint64_t h = x->dp->opts.seed;

    for (unsigned i = 0; i < sizeof(fields); i++) {
        struct beba_u128 v;
        if (!beba_key_has(key, fields[i]))
            continue;
        v = beba_key_value(key, (enum beba_of_field)fields[i]);
        h = beba_splitmix64(h ^ v.lo);
        if (v.hi)
            h = beba_splitmix64(h ^ v.hi);
    }
    return h;
}

/* Weights say how much of the flows a bucket gets; all 0: all the same. */
static uint32_t weighted(const struct beba_group *g, uint64_t h)
{
    uint64_t at;

    if (!g->weight)
        return (uint32_t)(h % g->n_buckets);
    at = h % g->weight;
    for (uint32_t i = 0; i < g->n_buckets; i++) {
        if (at < g->bucket[i].weight)
            return i;
        at -= g->bucket[i].weight;
    }
    return 0;
}

/* Draws for a flow until the bucket is live, so that flows of live buckets stay where they are. */
static uint32_t select_bucket(struct beba_datapath_exec *x, const struct beba_group *g)
{
    uint64_t h = flow_hash(x);

    for (unsigned n = 0; n < 16; n++) {
        uint32_t i = weighted(g, h);
        if (bucket_live(x, &g->bucket[i], 0))
            return i;
        h = beba_splitmix64(h);
    }
    for (uint32_t i = 0; i < g->n_buckets; i++)
        if ((g->bucket[i].weight || !g->weight) && bucket_live(x, &g->bucket[i], 0))
            return i;
    return g->n_buckets;
}

static uint32_t first_live(struct beba_datapath_exec *x, const struct beba_group *g)
{
    uint32_t i = 0;

    while (i < g->n_buckets && !bucket_live(x, &g->bucket[i], 0))
        i++;
    return i;
}

/* --- what it does ----------------------------------------------------------------------------- */

static void count(const struct beba_datapath_exec *x, struct beba_tally *tally)
{
    const struct beba_packet *p = x->packet;

    beba_count(&tally->packets, 1);
    beba_count(&tally->bytes, p->wire_len > p->len ? p->wire_len : p->len);
}

static void run_bucket(struct beba_datapath_exec *x, const struct beba_group *g, uint32_t i)
{
    struct beba_datapath_exec copy;
    struct beba_packet packet;

    count(x, &g->tally[x->worker->index * g->n_buckets + i]);
    if (!g->edits[i])
        beba_datapath_lend(x, &copy);
    else if (!beba_datapath_copy(x, &copy, &packet))
        return;
    copy.depth = (uint8_t)(x->depth + 1);
    beba_action_set_write(&copy.set, &g->bucket[i].actions);
    beba_datapath_apply_set(&copy);
    x->went |= copy.went;
}

void beba_datapath_group(struct beba_datapath_exec *x, uint32_t id)
{
    const struct beba_group *g = find_group(x, id);
    uint32_t i = 0;

    if (x->depth >= BEBA_DP_GROUP_DEPTH) {
        beba_datapath_drop(x, BEBA_DP_DROP_TOO_DEEP);
        return;
    }
    if (g)
        count(x, &g->body.tally[x->worker->index]);
    if (g && g->type == OFPGT_ALL) {
        for (i = 0; i < g->n_buckets; i++)
            run_bucket(x, g, i);
        return;
    }
    if (g && g->n_buckets && g->type == OFPGT_SELECT)
        i = select_bucket(x, g);
    else if (g && g->type == OFPGT_FF)
        i = first_live(x, g);
    if (g && i < g->n_buckets)
        run_bucket(x, g, i);
    else
        beba_datapath_drop(x, BEBA_DP_DROP_GROUP);
}
