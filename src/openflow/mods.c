/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Messages that change a switch [7.3.3, 7.3.4], and packet-out [7.3.6]. */
#include "openflow/wire.h"

/* --- flow-mod --------------------------------------------------------------------------------- */

enum {
    FLOW_MOD_MATCH = 48,
    FLOW_MOD_FLAGS = OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS |
                     OFPFF_NO_PKT_COUNTS | OFPFF_NO_BYT_COUNTS,
};

static int check_flow_mod(struct beba_of_dec *d, const struct beba_of_flow_mod *f)
{
    bool delete = f->command == OFPFC_DELETE || f->command == OFPFC_DELETE_STRICT;

    if (f->command > OFPFC_DELETE_STRICT)
        return beba_of_error_set(d->err, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND,
                                 "unknown command %u", f->command);
    if (f->flags & ~FLOW_MOD_FLAGS)
        return beba_of_error_set(d->err, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS,
                                 "unknown flags 0x%x", f->flags);
    if (f->table == OFPTT_ALL && !delete)
        return beba_of_error_set(d->err, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID,
                                 "only a delete is of all tables");
    return 0;
}

static int flow_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_flow_mod *f = &m->flow_mod;
    size_t match;
    int r;

    f->cookie = beba_load64(b + 8);
    f->cookie_mask = beba_load64(b + 16);
    f->table = b[24];
    f->command = b[25];
    f->idle_timeout = beba_load16(b + 26);
    f->hard_timeout = beba_load16(b + 28);
    f->priority = beba_load16(b + 30);
    f->buffer = beba_load32(b + 32);
    f->out_port = beba_load32(b + 36);
    f->out_group = beba_load32(b + 40);
    f->flags = beba_load16(b + 44);
    r = check_flow_mod(d, f);
    if (!r)
        r = beba_of_match_decode(d, b + FLOW_MOD_MATCH, len - FLOW_MOD_MATCH, true, &f->match,
                                 &match);
    if (!r)
        r = beba_of_instructions_decode(d, b + FLOW_MOD_MATCH + match, len - FLOW_MOD_MATCH - match,
                                        f->table == OFPTT_ALL ? -1 : f->table, &f->instructions);
    if (!r && f->command <= OFPFC_MODIFY_STRICT)
        r = beba_of_check_prerequisites(&f->match, &f->instructions, d->err);
    return r;
}

static void put_flow_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_flow_mod *f = &m->flow_mod;

    beba_of_put64(e, f->cookie);
    beba_of_put64(e, f->cookie_mask);
    beba_of_put8(e, f->table);
    beba_of_put8(e, f->command);
    beba_of_put16(e, f->idle_timeout);
    beba_of_put16(e, f->hard_timeout);
    beba_of_put16(e, f->priority);
    beba_of_put32(e, f->buffer);
    beba_of_put32(e, f->out_port);
    beba_of_put32(e, f->out_group);
    beba_of_put16(e, f->flags);
    beba_of_pad(e, 2);
    beba_of_put_match(e, &f->match);
    beba_of_put_instructions(e, &f->instructions);
}

const struct beba_of_body beba_of_flow_mod_body = {flow_mod, put_flow_mod};

/* --- group-mod -------------------------------------------------------------------------------- */

enum { BUCKET = 16 };

static int bad_bucket(struct beba_of_dec *d, size_t len)
{
    return beba_of_error_set(d->err, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_BUCKET,
                             "a bucket has %zu bytes", len);
}

int beba_of_buckets_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n,
                           struct beba_of_bucket **out)
{
    size_t step;
    int r;

    *n = 0;
    for (size_t at = 0; at < len; at += step, (*n)++) {
        step = len - at >= BUCKET ? beba_load16(b + at) : 0;
        if (step < BUCKET || step > len - at || step % 8)
            return bad_bucket(d, step);
    }
    r = beba_of_take_array(d, *n, out);
    for (size_t at = 0, i = 0; !r && at < len; at += step, i++) {
        struct beba_of_bucket *k = &(*out)[i];

        step = beba_load16(b + at);
        k->weight = beba_load16(b + at + 2);
        k->watch_port = beba_load32(b + at + 4);
        k->watch_group = beba_load32(b + at + 8);
        r = beba_of_actions_decode(d, b + at + BUCKET, step - BUCKET, BEBA_OF_IN_LIST, &k->actions);
    }
    return r;
}

void beba_of_put_buckets(struct beba_of_enc *e, const struct beba_of_bucket *bucket, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        size_t start = e->len;

        beba_of_put16(e, 0);
        beba_of_put16(e, bucket[i].weight);
        beba_of_put32(e, bucket[i].watch_port);
        beba_of_put32(e, bucket[i].watch_group);
        beba_of_pad(e, 4);
        beba_of_put_actions(e, &bucket[i].actions);
        beba_of_patch(e, start, 0);
    }
}

static int group_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_group_mod *g = &m->group_mod;

    g->command = beba_load16(b + 8);
    g->type = b[10];
    g->group = beba_load32(b + 12);
    if (g->command > OFPGC_DELETE)
        return beba_of_error_set(d->err, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_COMMAND,
                                 "unknown command %u", g->command);
    if (g->type > OFPGT_FF)
        return beba_of_error_set(d->err, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE,
                                 "unknown type %u of groups", g->type);
    if (g->group > OFPG_MAX && (g->command != OFPGC_DELETE || g->group != OFPG_ALL))
        return beba_of_error_set(d->err, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP,
                                 "no group can be 0x%x", g->group);
    return beba_of_buckets_decode(d, b + 16, len - 16, &g->n_buckets, &g->bucket);
}

static void put_group_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_group_mod *g = &m->group_mod;

    beba_of_put16(e, g->command);
    beba_of_put8(e, g->type);
    beba_of_pad(e, 1);
    beba_of_put32(e, g->group);
    beba_of_put_buckets(e, g->bucket, g->n_buckets);
}

const struct beba_of_body beba_of_group_mod_body = {group_mod, put_group_mod};

/* --- meter-mod -------------------------------------------------------------------------------- */

enum {
    BAND = 16, /* each kind */
    BAND_HEADER = 12,
    METER_FLAGS = OFPMF_KBPS | OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS,
};

int beba_of_bands_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n,
                         struct beba_of_band **out)
{
    struct beba_of_band *band;
    size_t step;
    int r;

    *n = 0;
    for (size_t at = 0; at < len; at += step, (*n)++) {
        step = len - at >= BAND_HEADER ? beba_load16(b + at + 2) : 0;
        if (step != BAND || step > len - at)
            return beba_of_bad_len(d, "a band", step);
    }
    r = beba_of_take_array(d, *n, out);
    for (uint32_t i = 0; !r && i < *n; i++, b += BAND) {
        band = &(*out)[i];
        band->type = beba_load16(b);
        band->rate = beba_load32(b + 4);
        band->burst = beba_load32(b + 8);
        if (band->type == OFPMBT_DSCP_REMARK)
            band->prec_level = b[12];
        else if (band->type == OFPMBT_EXPERIMENTER)
            band->experimenter = beba_load32(b + 12);
        else if (band->type != OFPMBT_DROP)
            r = beba_of_error_set(d->err, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BAND,
                                  "unknown band %u", band->type);
    }
    return r;
}

void beba_of_put_bands(struct beba_of_enc *e, const struct beba_of_band *band, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        beba_of_put16(e, band[i].type);
        beba_of_put16(e, BAND);
        beba_of_put32(e, band[i].rate);
        beba_of_put32(e, band[i].burst);
        if (band[i].type == OFPMBT_DSCP_REMARK) {
            beba_of_put8(e, band[i].prec_level);
            beba_of_pad(e, 3);
        } else {
            beba_of_put32(e, band[i].type == OFPMBT_EXPERIMENTER ? band[i].experimenter : 0);
        }
    }
}

static int meter_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_meter_mod *t = &m->meter_mod;
    bool special;

    t->command = beba_load16(b + 8);
    t->flags = beba_load16(b + 10);
    t->meter = beba_load32(b + 12);
    special = t->meter == OFPM_SLOWPATH || t->meter == OFPM_CONTROLLER ||
              (t->meter == OFPM_ALL && t->command == OFPMC_DELETE);
    if (t->command > OFPMC_DELETE)
        return beba_of_error_set(d->err, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_COMMAND,
                                 "unknown command %u", t->command);
    if (!t->meter || (t->meter > OFPM_MAX && !special))
        return beba_of_error_set(d->err, OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER,
                                 "no meter can be 0x%x", t->meter);
    if (t->flags & ~METER_FLAGS ||
        (t->flags & (OFPMF_KBPS | OFPMF_PKTPS)) == (OFPMF_KBPS | OFPMF_PKTPS))
        return beba_of_error_set(d->err, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_FLAGS,
                                 "flags 0x%x cannot be", t->flags);
    return beba_of_bands_decode(d, b + 16, len - 16, &t->n_bands, &t->band);
}

static void put_meter_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_meter_mod *t = &m->meter_mod;

    beba_of_put16(e, t->command);
    beba_of_put16(e, t->flags);
    beba_of_put32(e, t->meter);
    beba_of_put_bands(e, t->band, t->n_bands);
}

const struct beba_of_body beba_of_meter_mod_body = {meter_mod, put_meter_mod};

/* --- port-mod, table-mod ---------------------------------------------------------------------- */

enum {
    PORT_CONFIG = OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN,
    PORT_FEATURES = 0xffff,
    TABLE_CONFIG = 3, /* deprecated bits that 1.3 still lets be sent */
};

static int port_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_port_mod *p = &m->port_mod;

    p->port = beba_load32(b + 8);
    memcpy(p->hw_addr, b + 16, sizeof(p->hw_addr));
    p->config = beba_load32(b + 24);
    p->mask = beba_load32(b + 28);
    p->advertise = beba_load32(b + 32);
    if ((p->config | p->mask) & ~(uint32_t)PORT_CONFIG)
        return beba_of_error_set(d->err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG,
                                 "unknown bits in config 0x%x/0x%x", p->config, p->mask);
    if (p->advertise & ~(uint32_t)PORT_FEATURES)
        return beba_of_error_set(d->err, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE,
                                 "unknown bits in advertise 0x%x", p->advertise);
    return 0;
}

static void put_port_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_port_mod *p = &m->port_mod;

    beba_of_put32(e, p->port);
    beba_of_pad(e, 4);
    beba_of_put(e, p->hw_addr, sizeof(p->hw_addr));
    beba_of_pad(e, 2);
    beba_of_put32(e, p->config);
    beba_of_put32(e, p->mask);
    beba_of_put32(e, p->advertise);
    beba_of_pad(e, 4);
}

const struct beba_of_body beba_of_port_mod_body = {port_mod, put_port_mod};

static int table_mod(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    m->table_mod.table = b[8];
    m->table_mod.config = beba_load32(b + 12);
    if (m->table_mod.config & ~(uint32_t)TABLE_CONFIG)
        return beba_of_error_set(d->err, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG,
                                 "unknown config 0x%x", m->table_mod.config);
    return 0;
}

static void put_table_mod(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    beba_of_put8(e, m->table_mod.table);
    beba_of_pad(e, 3);
    beba_of_put32(e, m->table_mod.config);
}

const struct beba_of_body beba_of_table_mod_body = {table_mod, put_table_mod};

/* --- packet-out ------------------------------------------------------------------------------- */

enum { PACKET_OUT = 24 };

static int packet_out(struct beba_of_dec *d, const uint8_t *b, size_t len, struct beba_of_msg *m)
{
    struct beba_of_packet_out *p = &m->packet_out;
    size_t actions = beba_load16(b + 16);
    int r;

    p->buffer = beba_load32(b + 8);
    p->in_port = beba_load32(b + 12);
    if (!p->in_port || (p->in_port > OFPP_MAX && p->in_port != OFPP_CONTROLLER &&
                        p->in_port != OFPP_LOCAL && p->in_port != OFPP_ANY))
        return beba_of_error_set(d->err, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT,
                                 "no packet comes in by port 0x%x", p->in_port);
    if (actions > len - PACKET_OUT)
        return beba_of_bad_len(d, "actions of a packet-out", actions);
    r = beba_of_actions_decode(d, b + PACKET_OUT, actions, BEBA_OF_IN_PACKET_OUT, &p->actions);
    p->len = (uint32_t)(len - PACKET_OUT - actions);
    p->data = p->len ? b + PACKET_OUT + actions : NULL;
    return r;
}

static void put_packet_out(struct beba_of_enc *e, const struct beba_of_msg *m)
{
    const struct beba_of_packet_out *p = &m->packet_out;
    size_t start;

    beba_of_put32(e, p->buffer);
    beba_of_put32(e, p->in_port);
    start = e->len;
    beba_of_pad(e, 8);
    beba_of_put_actions(e, &p->actions);
    if (e->failed)
        return;
    beba_store16(e->bytes + start, (uint16_t)(e->len - start - 8));
    beba_of_put(e, p->data, p->len);
}

const struct beba_of_body beba_of_packet_out_body = {packet_out, put_packet_out};
