/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "engine/traffic.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

enum {
    LINE = 64,           /* packets lie on cache lines */
    FRAME = 64,          /* bytes, unless headers need more */
    LEAST = 1 << 17,     /* packets: twice the flows, but at least these */
    LAST_FLOW = 1 << 27, /* that addresses can tell apart */
};

/* The cumulated Zipf law; NULL: uniform. */
static int zipf(double skew, uint32_t n, double **out)
{
    double sum = 0, *c;

    *out = NULL;
    if (skew <= 0)
        return 0;
    c = malloc(n * sizeof(*c));
    if (!c)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        sum += pow((double)i + 1, -skew);
        c[i] = sum;
    }
    *out = c;
    return 0;
}

static uint32_t draw_flow(const double *law, uint32_t n, uint64_t *random)
{
    uint32_t lo = 0, hi = n - 1;
    double x;

    *random = beba_splitmix64(*random);
    if (!law)
        return (uint32_t)((*random >> 32) * n >> 32);
    x = (double)(*random >> 11) * 0x1p-53 * law[n - 1];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (law[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int beba_traffic_packet(struct traffic *t, uint32_t flow, int handshake, uint8_t *buf,
                        struct beba_packet *out, struct beba_error *err)
{
    struct stream_packet want;
    struct beba_build b = {.assign = want.assign, .frame_len = handshake < 0 ? FRAME : 0};
    unsigned attempts = 8;
    int rc;

    do {
        beba_stream_next(&t->stream, flow, handshake, &want);
        b.n_assign = want.n;
        rc = beba_packet_build(out, buf, TRAFFIC_ROOM, TRAFFIC_HEADROOM, &b, err);
    } while (rc == -EINVAL && --attempts);
    out->in_port = out->in_phy_port = want.in_port;
    return rc;
}

static int put(struct traffic *t, uint32_t at, uint32_t flow, struct beba_error *err)
{
    uint8_t buf[TRAFFIC_ROOM];
    struct beba_packet p;
    int rc = beba_traffic_packet(t, flow, -1, buf, &p, err);

    if (!rc && p.len > t->slot)
        rc = -EINVAL;
    if (rc)
        return rc;
    memcpy(t->bytes + (size_t)at * t->slot, p.data, p.len);
    t->len[at] = (uint16_t)p.len;
    t->in_port[at] = p.in_port;
    return 0;
}

static int take_memory(struct traffic *t, struct beba_error *err)
{
    uint8_t buf[TRAFFIC_ROOM];
    struct beba_packet p;
    int rc = beba_traffic_packet(t, 0, -1, buf, &p, err);

    if (rc)
        return rc;
    t->n = t->flows * 2 > LEAST ? t->flows * 2 : LEAST;
    t->slot = (p.len + 2 * LINE - 1) / LINE * LINE;
    t->bytes = aligned_alloc(LINE, (size_t)t->n * t->slot);
    t->in_port = calloc(t->n, sizeof(*t->in_port));
    t->len = calloc(t->n, sizeof(*t->len));
    t->fresh = calloc(t->n, sizeof(*t->fresh));
    return t->bytes && t->in_port && t->len && t->fresh ? 0 : -ENOMEM;
}

int beba_traffic_make(struct traffic *t, const struct beba_pipeline *p, uint32_t flows, double skew,
                      double new_flows, uint64_t seed, struct beba_error *err)
{
    uint64_t random = seed;
    double *law = NULL;
    int rc = beba_stream_init(&t->stream, p, seed);

    t->flows = t->next_flow = flows;
    if (!rc)
        rc = zipf(skew, flows, &law);
    if (!rc)
        rc = take_memory(t, err);
    for (uint32_t i = 0; i < t->n && !rc; i++) {
        rc = put(t, i, draw_flow(law, flows, &random), err);
        if (new_flows <= 0)
            continue;
        random = beba_splitmix64(random);
        if ((double)(random >> 11) * 0x1p-53 < new_flows)
            t->fresh[t->n_fresh++] = i;
    }
    free(law);
    return rc;
}

int beba_traffic_renew(struct traffic *t, struct beba_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < t->n_fresh && !rc; i++) {
        rc = put(t, t->fresh[i], t->next_flow, err);
        t->next_flow = t->next_flow + 1 < LAST_FLOW ? t->next_flow + 1 : t->flows;
    }
    return rc;
}

void beba_traffic_free(struct traffic *t)
{
    beba_stream_free(&t->stream);
    free(t->bytes);
    free(t->in_port);
    free(t->len);
    free(t->fresh);
}
