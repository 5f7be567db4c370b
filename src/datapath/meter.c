/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Meters [5.7, 6.6, 7.3.4.4]: each band is a token bucket; of those that are empty, the one with
 * the highest rate is applied. */
#include "datapath/meter.h"

#include <errno.h>
#include <stdlib.h>

#include "datapath/dp.h"

enum {
    TOKENS_PER_BIT = 1000000,
    TOKENS_PER_PACKET = 1000000000,
    TOKENS_PER_BURST = 1000000000, /* a packet, or 1000 bits */
    PARTS_OF_SECOND = 10,          /* without a burst: what comes in a tenth of a second */
};

/* --- packets -----------------------------------------------------------------------------------
 */

/* A drop precedence more is 2 more, within a class: AFx1, AFx2, AFx3 [RFC 2597]. */
static uint64_t remark(uint64_t dscp, uint8_t levels)
{
    uint64_t class = dscp >> 3, precedence = (dscp >> 1 & 3) + levels;

    if (dscp & 1 || class < 1 || class > 4 || !(dscp >> 1 & 3))
        return dscp;
    return class << 3 | (precedence < 3 ? precedence : 3) << 1;
}

static void fill(struct beba_meter *m, uint64_t now)
{
    uint64_t ns = now > m->filled ? now - m->filled : 0;

    if (now < m->filled) /* another worker's clock is a little ahead */
        return;
    m->filled = now;
    for (uint32_t i = 0; i < m->n_bands; i++) {
        struct beba_meter_band *b = &m->bucket[i];
        uint64_t rate = m->band[i].rate, missing = b->most - b->tokens;
        b->tokens = rate && ns > missing / rate ? b->most : b->tokens + ns * rate;
    }
}

/* The band to apply, or n_bands. */
static uint32_t measure(struct beba_meter *m, uint64_t now, uint64_t bytes)
{
    uint64_t cost = m->flags & OFPMF_PKTPS ? TOKENS_PER_PACKET : bytes * 8 * TOKENS_PER_BIT;
    uint32_t chosen = m->n_bands;

    fill(m, now);
    for (uint32_t i = 0; i < m->n_bands; i++) {
        struct beba_meter_band *b = &m->bucket[i];
        if (b->tokens >= cost)
            b->tokens -= cost;
        else if (chosen == m->n_bands || m->band[i].rate > m->band[chosen].rate)
            chosen = i;
    }
    if (chosen < m->n_bands) {
        beba_count(&m->bucket[chosen].packets, 1);
        beba_count(&m->bucket[chosen].bytes, bytes);
    }
    return chosen;
}

/* The band to apply to a packet; n_bands, and *out, or NULL where there is no meter. */
static uint32_t meter(struct beba_datapath_exec *x, uint32_t id, struct beba_meter **out)
{
    const struct beba_object *o = beba_object_find(&x->dp->meters, id);
    struct beba_meter *m = o ? (struct beba_meter *)beba_object_body(o, x->version) : NULL;
    const struct beba_packet *p = x->packet;
    uint64_t bytes = p->wire_len > p->len ? p->wire_len : p->len;
    uint32_t band;

    *out = m;
    if (!m)
        return 0;
    beba_count(&m->body.tally[x->worker->index].packets, 1);
    beba_count(&m->body.tally[x->worker->index].bytes, bytes);
    while (atomic_exchange_explicit(&m->busy, true, memory_order_acquire))
        ;
    band = measure(m, p->now, bytes);
    atomic_store_explicit(&m->busy, false, memory_order_release);
    return band;
}

bool beba_datapath_meter_controller(struct beba_datapath_exec *x)
{
    struct beba_meter *m;
    uint32_t band = meter(x, OFPM_CONTROLLER, &m);

    return !m || band == m->n_bands || m->band[band].type != OFPMBT_DROP;
}

bool beba_datapath_meter(struct beba_datapath_exec *x, uint32_t id)
{
    struct beba_meter *m;
    struct beba_u128 dscp;
    uint32_t band = meter(x, id, &m);

    if (!m || band == m->n_bands)
        return true;
    if (m->band[band].type == OFPMBT_DROP) {
        beba_datapath_drop(x, BEBA_DP_DROP_METER);
        return false;
    }
    if (beba_datapath_exec_get(x, (enum beba_of_field)OFPXMT_OFB_IP_DSCP, &dscp))
        beba_datapath_exec_set(x, (enum beba_of_field)OFPXMT_OFB_IP_DSCP,
                               beba_u128(0, remark(dscp.lo, m->band[band].prec_level)),
                               beba_u128(0, 63));
    return true;
}

/* --- mods --------------------------------------------------------------------------------------
 */

static int refuse(struct beba_of_error *err, uint16_t code, const char *what, uint32_t meter)
{
    return beba_of_error_set(err, OFPET_METER_MOD_FAILED, code, "meter %u: %s", meter, what);
}

struct beba_object *beba_datapath_find_meter(const struct beba_datapath *dp, uint32_t meter)
{
    return beba_object_find(&dp->meters, meter);
}

static bool is_there(const struct beba_datapath *dp, uint32_t meter)
{
    return beba_object_current(beba_datapath_find_meter(dp, meter));
}

static void free_meter(struct beba_body *body)
{
    free(body);
}

void beba_meters_init(struct beba_datapath *dp)
{
    dp->meters.free_body = free_meter;
}

static struct beba_meter *make(const struct beba_of_meter_mod *mod, uint64_t now)
{
    struct beba_meter *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->flags = mod->flags;
    m->n_bands = mod->n_bands;
    m->filled = now;
    for (uint32_t i = 0; i < mod->n_bands; i++) {
        const struct beba_of_band *b = &mod->band[i];
        uint64_t packet = mod->flags & OFPMF_PKTPS ? TOKENS_PER_PACKET : 12000ull * TOKENS_PER_BIT;
        uint64_t most = mod->flags & OFPMF_BURST && b->burst
                            ? b->burst * (uint64_t)TOKENS_PER_BURST
                            : b->rate * (uint64_t)TOKENS_PER_BURST / PARTS_OF_SECOND;

        m->band[i] = *b;
        m->bucket[i].most = b->rate && most < packet ? packet : most;
        m->bucket[i].tokens = m->bucket[i].most;
    }
    return m;
}

/* Virtual meters, too [7.3.4.4]; of a slow path, which no packet takes here, nothing is measured.
 */
static bool is_number(uint32_t meter)
{
    return (meter && meter <= OFPM_MAX) || meter == OFPM_CONTROLLER || meter == OFPM_SLOWPATH;
}

static int check(const struct beba_of_meter_mod *mod, struct beba_of_error *err)
{
    enum { RATES = OFPMF_KBPS | OFPMF_PKTPS, ALL = RATES | OFPMF_BURST | OFPMF_STATS };

    if (!is_number(mod->meter))
        return refuse(err, OFPMMFC_INVALID_METER, "no number for a meter", mod->meter);
    if (mod->flags & ~ALL || (mod->flags & RATES) == RATES)
        return refuse(err, OFPMMFC_BAD_FLAGS, "flags that are unknown or exclude each other",
                      mod->meter);
    if (mod->n_bands > BEBA_METER_BANDS)
        return refuse(err, OFPMMFC_OUT_OF_BANDS, "too many bands", mod->meter);
    for (uint32_t i = 0; i < mod->n_bands; i++)
        if (mod->band[i].type != OFPMBT_DROP && mod->band[i].type != OFPMBT_DSCP_REMARK)
            return refuse(err, OFPMMFC_BAD_BAND, "no such type of band", mod->meter);
    return 0;
}

static int set(struct beba_datapath *dp, const struct beba_of_meter_mod *mod, uint64_t now,
               struct beba_of_error *err)
{
    bool there = is_there(dp, mod->meter);
    struct beba_meter *m;
    int r;

    if (mod->command == OFPMC_ADD && there)
        return refuse(err, OFPMMFC_METER_EXISTS, "is there already", mod->meter);
    r = check(mod, err);
    if (r)
        return r;
    if (mod->command == OFPMC_MODIFY && !there)
        return refuse(err, OFPMMFC_UNKNOWN_METER, "is not there", mod->meter);
    if (!there && dp->meters.n >= dp->opts.max_meters)
        return refuse(err, OFPMMFC_OUT_OF_METERS, "there are too many meters", mod->meter);
    m = make(mod, now);
    if (!m || beba_object_set(dp, &dp->meters, mod->meter, &m->body, now))
        return refuse(err, OFPMMFC_OUT_OF_METERS, "out of memory", mod->meter);
    return 0;
}

static int delete_one(struct beba_datapath *dp, const struct beba_object *o, uint64_t now)
{
    uint32_t id = o->id;

    if (o->refs && beba_flows_remove_meter(dp, id, now))
        return -ENOMEM;
    return beba_object_set(dp, &dp->meters, id, NULL, now);
}

static int remove_them(struct beba_datapath *dp, const struct beba_of_meter_mod *mod, uint64_t now,
                       struct beba_of_error *err)
{
    uint64_t cursor = 0;
    struct beba_object *o;
    int r = 0;

    if (mod->meter == OFPM_ALL) {
        while (!r && (o = beba_object_next(&dp->meters, &cursor)))
            r = delete_one(dp, o, now);
    } else if (!is_number(mod->meter)) {
        return refuse(err, OFPMMFC_INVALID_METER, "no number for a meter", mod->meter);
    } else if (is_there(dp, mod->meter)) {
        r = delete_one(dp, beba_datapath_find_meter(dp, mod->meter), now);
    }
    return r ? refuse(err, OFPMMFC_UNKNOWN, "out of memory", mod->meter) : 0;
}

int beba_datapath_meter_mod(struct beba_datapath *dp, const struct beba_of_meter_mod *mod,
                            uint64_t now, struct beba_of_error *err)
{
    size_t n = dp->n_changes;
    int r;

    if (mod->command > OFPMC_DELETE)
        return refuse(err, OFPMMFC_BAD_COMMAND, "no such command", mod->meter);
    r = mod->command == OFPMC_DELETE ? remove_them(dp, mod, now, err) : set(dp, mod, now, err);
    return beba_datapath_end(dp, n, r);
}
