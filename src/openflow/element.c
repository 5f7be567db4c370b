/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Elements of multipart replies [7.3.5], one row each; table features and BEBA's are elsewhere. */
#include "openflow/element.h"

static uint64_t load_duration(const uint8_t *b)
{
    return beba_load32(b) * 1000000000ull + beba_load32(b + 4);
}

/* --- desc ------------------------------------------------------------------------------------- */

static int desc(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_desc *s = out;

    memcpy(s->manufacturer, b, OFP_DESC_STR_LEN);
    memcpy(s->hardware, b + 256, OFP_DESC_STR_LEN);
    memcpy(s->software, b + 512, OFP_DESC_STR_LEN);
    memcpy(s->serial, b + 768, OFP_SERIAL_NUM_LEN);
    memcpy(s->datapath, b + 800, OFP_DESC_STR_LEN);
    return 0;
}

static void put_desc(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_desc *s = element;

    beba_of_put_name(e, s->manufacturer, OFP_DESC_STR_LEN);
    beba_of_put_name(e, s->hardware, OFP_DESC_STR_LEN);
    beba_of_put_name(e, s->software, OFP_DESC_STR_LEN);
    beba_of_put_name(e, s->serial, OFP_SERIAL_NUM_LEN);
    beba_of_put_name(e, s->datapath, OFP_DESC_STR_LEN);
}

/* --- flows --------------------------------------------------------------------------------------
 */

enum { FLOW_MATCH = 48 };

static int flow(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_flow_stats *s = out;
    struct beba_of_match *match;
    struct beba_of_instructions *instructions;
    size_t used;
    int r;

    s->table = b[2];
    s->duration = load_duration(b + 4);
    s->priority = beba_load16(b + 12);
    s->idle_timeout = beba_load16(b + 14);
    s->hard_timeout = beba_load16(b + 16);
    s->flags = beba_load16(b + 18);
    s->cookie = beba_load64(b + 24);
    s->packets = beba_load64(b + 32);
    s->bytes = beba_load64(b + 40);
    r = beba_of_take_array(d, 1, &match);
    if (!r)
        r = beba_of_take_array(d, 1, &instructions);
    if (!r)
        r = beba_of_match_decode(d, b + FLOW_MATCH, len - FLOW_MATCH, false, match, &used);
    if (!r)
        r = beba_of_instructions_decode(d, b + FLOW_MATCH + used, len - FLOW_MATCH - used, -1,
                                        instructions);
    if (r)
        return r;
    s->match = match;
    s->instructions = instructions;
    return 0;
}

static void put_flow(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_flow_stats *s = element;
    size_t start = e->len;

    beba_of_put16(e, 0);
    beba_of_put8(e, s->table);
    beba_of_pad(e, 1);
    beba_of_put_duration(e, s->duration);
    beba_of_put16(e, s->priority);
    beba_of_put16(e, s->idle_timeout);
    beba_of_put16(e, s->hard_timeout);
    beba_of_put16(e, s->flags);
    beba_of_pad(e, 4);
    beba_of_put64(e, s->cookie);
    beba_of_put64(e, s->packets);
    beba_of_put64(e, s->bytes);
    beba_of_put_match(e, s->match);
    beba_of_put_instructions(e, s->instructions);
    beba_of_patch(e, start, 0);
}

static int aggregate(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_aggregate *s = out;

    s->packets = beba_load64(b);
    s->bytes = beba_load64(b + 8);
    s->flows = beba_load32(b + 16);
    return 0;
}

static void put_aggregate(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_aggregate *s = element;

    beba_of_put64(e, s->packets);
    beba_of_put64(e, s->bytes);
    beba_of_put32(e, s->flows);
    beba_of_pad(e, 4);
}

/* --- tables, ports, queues
 * ------------------------------------------------------------------------ */

static int table(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_table_stats *s = out;

    s->table = b[0];
    s->active = beba_load32(b + 4);
    s->lookups = beba_load64(b + 8);
    s->matched = beba_load64(b + 16);
    return 0;
}

static void put_table(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_table_stats *s = element;

    beba_of_put8(e, s->table);
    beba_of_pad(e, 3);
    beba_of_put32(e, s->active);
    beba_of_put64(e, s->lookups);
    beba_of_put64(e, s->matched);
}

static int port(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_port_stats *s = out;

    s->port = beba_load32(b);
    for (size_t i = 0; i < BEBA_OF_N_PORT_COUNTERS; i++)
        s->counter[i] = beba_load64(b + 8 + 8 * i);
    s->duration = load_duration(b + 104);
    return 0;
}

static void put_port(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_port_stats *s = element;

    beba_of_put32(e, s->port);
    beba_of_pad(e, 4);
    for (size_t i = 0; i < BEBA_OF_N_PORT_COUNTERS; i++)
        beba_of_put64(e, s->counter[i]);
    beba_of_put_duration(e, s->duration);
}

static int port_desc(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    beba_of_port_decode(b, out);
    return 0;
}

static void put_port_desc(struct beba_of_enc *e, const void *element)
{
    beba_of_put_port(e, element);
}

static int queue(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_queue_stats *s = out;

    s->port = beba_load32(b);
    s->queue = beba_load32(b + 4);
    s->tx_bytes = beba_load64(b + 8);
    s->tx_packets = beba_load64(b + 16);
    s->tx_errors = beba_load64(b + 24);
    s->duration = load_duration(b + 32);
    return 0;
}

static void put_queue(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_queue_stats *s = element;

    beba_of_put32(e, s->port);
    beba_of_put32(e, s->queue);
    beba_of_put64(e, s->tx_bytes);
    beba_of_put64(e, s->tx_packets);
    beba_of_put64(e, s->tx_errors);
    beba_of_put_duration(e, s->duration);
}

/* --- groups -------------------------------------------------------------------------------------
 */

/* Pairs of counters, to the end of an element. */
static int counters(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n,
                    const struct beba_of_counters **out)
{
    struct beba_of_counters *c;
    int r;

    if (len % 16)
        return beba_of_bad_len(d, "counters", len);
    *n = (uint32_t)(len / 16);
    r = beba_of_take_array(d, *n, &c);
    for (uint32_t i = 0; !r && i < *n; i++, b += 16)
        c[i] = (struct beba_of_counters){beba_load64(b), beba_load64(b + 8)};
    *out = c;
    return r;
}

static void put_counters(struct beba_of_enc *e, const struct beba_of_counters *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        beba_of_put64(e, c[i].packets);
        beba_of_put64(e, c[i].bytes);
    }
}

static int group(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_group_stats *s = out;

    s->group = beba_load32(b + 4);
    s->ref_count = beba_load32(b + 8);
    s->packets = beba_load64(b + 16);
    s->bytes = beba_load64(b + 24);
    s->duration = load_duration(b + 32);
    return counters(d, b + 40, len - 40, &s->n_buckets, &s->bucket);
}

static void put_group(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_group_stats *s = element;
    size_t start = e->len;

    beba_of_pad(e, 4);
    beba_of_put32(e, s->group);
    beba_of_put32(e, s->ref_count);
    beba_of_pad(e, 4);
    beba_of_put64(e, s->packets);
    beba_of_put64(e, s->bytes);
    beba_of_put_duration(e, s->duration);
    put_counters(e, s->bucket, s->n_buckets);
    beba_of_patch(e, start, 0);
}

static int group_desc(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_group_desc *s = out;
    struct beba_of_bucket *bucket = NULL;
    int r;

    s->type = b[2];
    s->group = beba_load32(b + 4);
    r = beba_of_buckets_decode(d, b + 8, len - 8, &s->n_buckets, &bucket);
    s->bucket = bucket;
    return r;
}

static void put_group_desc(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_group_desc *s = element;
    size_t start = e->len;

    beba_of_put16(e, 0);
    beba_of_put8(e, s->type);
    beba_of_pad(e, 1);
    beba_of_put32(e, s->group);
    beba_of_put_buckets(e, s->bucket, s->n_buckets);
    beba_of_patch(e, start, 0);
}

static int group_features(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_group_features *s = out;

    s->types = beba_load32(b);
    s->capabilities = beba_load32(b + 4);
    for (size_t i = 0; i < 4; i++) {
        s->max_groups[i] = beba_load32(b + 8 + 4 * i);
        s->actions[i] = beba_load32(b + 24 + 4 * i);
    }
    return 0;
}

static void put_group_features(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_group_features *s = element;

    beba_of_put32(e, s->types);
    beba_of_put32(e, s->capabilities);
    for (size_t i = 0; i < 4; i++)
        beba_of_put32(e, s->max_groups[i]);
    for (size_t i = 0; i < 4; i++)
        beba_of_put32(e, s->actions[i]);
}

/* --- meters -------------------------------------------------------------------------------------
 */

static int meter(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_meter_stats *s = out;

    s->meter = beba_load32(b);
    s->flow_count = beba_load32(b + 12);
    s->packets = beba_load64(b + 16);
    s->bytes = beba_load64(b + 24);
    s->duration = load_duration(b + 32);
    return counters(d, b + 40, len - 40, &s->n_bands, &s->band);
}

static void put_meter(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_meter_stats *s = element;
    size_t start = e->len;

    beba_of_put32(e, s->meter);
    beba_of_pad(e, 8);
    beba_of_put32(e, s->flow_count);
    beba_of_put64(e, s->packets);
    beba_of_put64(e, s->bytes);
    beba_of_put_duration(e, s->duration);
    put_counters(e, s->band, s->n_bands);
    beba_of_patch(e, start, 4);
}

static int meter_config(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_meter_config *s = out;
    struct beba_of_band *band = NULL;
    int r;

    s->flags = beba_load16(b + 2);
    s->meter = beba_load32(b + 4);
    r = beba_of_bands_decode(d, b + 8, len - 8, &s->n_bands, &band);
    s->band = band;
    return r;
}

static void put_meter_config(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_meter_config *s = element;
    size_t start = e->len;

    beba_of_put16(e, 0);
    beba_of_put16(e, s->flags);
    beba_of_put32(e, s->meter);
    beba_of_put_bands(e, s->band, s->n_bands);
    beba_of_patch(e, start, 0);
}

static int meter_features(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    struct beba_of_meter_features *s = out;

    s->max_meter = beba_load32(b);
    s->band_types = beba_load32(b + 4);
    s->capabilities = beba_load32(b + 8);
    s->max_bands = b[12];
    s->max_color = b[13];
    return 0;
}

static void put_meter_features(struct beba_of_enc *e, const void *element)
{
    const struct beba_of_meter_features *s = element;

    beba_of_put32(e, s->max_meter);
    beba_of_put32(e, s->band_types);
    beba_of_put32(e, s->capabilities);
    beba_of_put8(e, s->max_bands);
    beba_of_put8(e, s->max_color);
    beba_of_pad(e, 2);
}

static int table_features(struct beba_of_dec *d, const uint8_t *b, size_t len, void *out)
{
    return beba_of_table_features_decode(d, b, len, out);
}

static void put_table_features(struct beba_of_enc *e, const void *element)
{
    beba_of_put_table_features(e, element);
}

/* --- the table
 * ------------------------------------------------------------------------------------ */

static const struct beba_of_element_row rows[] = {
    [OFPMP_DESC] = {1056, -1, true, sizeof(struct beba_of_desc), desc, put_desc},
    [OFPMP_FLOW] = {56, 0, false, sizeof(struct beba_of_flow_stats), flow, put_flow},
    [OFPMP_AGGREGATE] = {24, -1, true, sizeof(struct beba_of_aggregate), aggregate, put_aggregate},
    [OFPMP_TABLE] = {24, -1, false, sizeof(struct beba_of_table_stats), table, put_table},
    [OFPMP_PORT_STATS] = {112, -1, false, sizeof(struct beba_of_port_stats), port, put_port},
    [OFPMP_QUEUE] = {40, -1, false, sizeof(struct beba_of_queue_stats), queue, put_queue},
    [OFPMP_GROUP] = {40, 0, false, sizeof(struct beba_of_group_stats), group, put_group},
    [OFPMP_GROUP_DESC] = {8, 0, false, sizeof(struct beba_of_group_desc), group_desc,
                          put_group_desc},
    [OFPMP_GROUP_FEATURES] = {40, -1, true, sizeof(struct beba_of_group_features), group_features,
                              put_group_features},
    [OFPMP_METER] = {40, 4, false, sizeof(struct beba_of_meter_stats), meter, put_meter},
    [OFPMP_METER_CONFIG] = {8, 0, false, sizeof(struct beba_of_meter_config), meter_config,
                            put_meter_config},
    [OFPMP_METER_FEATURES] = {16, -1, true, sizeof(struct beba_of_meter_features), meter_features,
                              put_meter_features},
    [OFPMP_TABLE_FEATURES] = {64, 0, false, sizeof(struct beba_of_table_features), table_features,
                              put_table_features},
    [OFPMP_PORT_DESC] = {64, -1, false, sizeof(struct beba_of_port), port_desc, put_port_desc},
};

const struct beba_of_element_row *beba_of_element_row(uint16_t type)
{
    return type < sizeof(rows) / sizeof(rows[0]) ? &rows[type] : NULL;
}

int beba_of_elements_decode(struct beba_of_dec *d, const struct beba_of_element_row *row,
                            const uint8_t *b, size_t len, uint32_t *n, void **out)
{
    size_t step;
    int r;

    *n = 0;
    for (size_t at = 0; at < len; at += step, (*n)++) {
        step = row->wire;
        if (step <= len - at && row->length_at >= 0)
            step = beba_load16(b + at + row->length_at);
        if (step < row->wire || step > len - at)
            return beba_of_bad_len(d, "an element", step);
    }
    if (row->single && *n != 1)
        return beba_of_bad_len(d, "a multipart message", len);
    r = beba_of_take(d, *n, row->size, out);
    for (size_t at = 0, i = 0; !r && at < len; at += step, i++) {
        step = row->length_at >= 0 ? beba_load16(b + at + row->length_at) : row->wire;
        r = row->decode(d, b + at, step, (uint8_t *)*out + i * row->size);
    }
    return r;
}
