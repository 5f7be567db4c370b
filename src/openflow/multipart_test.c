/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Replies written element by element: where they are split, BEBA's statistics in each dialect; and
 * the table of fields. */
#include "openflow/codec.h"
#include "openflow/fields.h"
#include "openflow/hex_test.h"

static struct beba_of_reply writer;
static struct beba_arena arena;

struct got {
    unsigned messages, entries, without_more;
    size_t largest;
    struct beba_of_codec codec;
    struct beba_of_state_stats last;
    uint8_t bytes[BEBA_OF_MAX_MESSAGE];
    size_t len;
};
static struct got got;

static int clean(void **state)
{
    beba_arena_free(&arena);
    memset(&got, 0, sizeof(got));
    return 0;
}

/* Decodes what was sent. */
static int receive(void *arg, const uint8_t *bytes, size_t len)
{
    struct beba_of_msg m;
    struct beba_of_error err;

    assert_int_equal(got.without_more, 0); /* the last one is the last */
    assert_int_equal(beba_of_length(bytes, len), len);
    assert_true(len % 8 == 0);
    assert_int_equal(beba_of_decode(bytes, len, &got.codec, &arena, &m, &err), 0);
    assert_int_equal(m.xid, 77);
    assert_int_equal(m.type, OFPT_MULTIPART_REPLY);
    if (m.reply.type == OFPMP_EXPERIMENTER && m.reply.n && !m.reply.global_data &&
        m.reply.exp_type != BEBA_MP_GLOBAL_STATE)
        got.last = m.reply.state[m.reply.n - 1];
    got.messages++;
    got.entries += m.reply.n;
    got.without_more += !(m.reply.flags & OFPMPF_REPLY_MORE);
    if (len > got.largest)
        got.largest = len;
    memcpy(got.bytes, bytes, len);
    got.len = len;
    return 0;
}

static const struct beba_of_state_stats entry = {
    .table = 3,
    .key = {1, 2, 3, 4, 5, 6},
    .key_len = 6,
    .state = 7,
    .duration = 8000000009,
    .hard_rollback = 10,
    .idle_rollback = 11,
    .hard_timeout = 12,
    .idle_timeout = 13,
    .vars = {14, 15, 16, 17, 18, 19},
    .lookup = {.n = 1, .header = {0x80000606}, .field = {OFPXMT_OFB_ETH_DST}},
};

static void write_states(uint8_t dialect, uint32_t exp_type, unsigned n)
{
    struct beba_of_request request = {.type = OFPMP_EXPERIMENTER,
                                      .experimenter = BEBA_EXPERIMENTER,
                                      .exp_type = exp_type,
                                      .short_form = exp_type >= BEBA_MP_STATE_STATS_SHORT};

    got.codec.dialect = dialect;
    beba_of_reply_begin(&writer, &got.codec, 77, &request, receive, NULL);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(beba_of_reply_add(&writer, &entry), 0);
    assert_int_equal(beba_of_reply_end(&writer), 0);
    assert_int_equal(got.entries, n);
    assert_int_equal(got.without_more, 1);
}

static void check_entry(bool whole, bool variables)
{
    assert_int_equal(got.last.table, 3);
    assert_int_equal(got.last.key_len, 6);
    assert_memory_equal(got.last.key, entry.key, 6);
    assert_int_equal(got.last.state, 7);
    assert_int_equal(got.last.duration, whole ? entry.duration : 0);
    assert_int_equal(got.last.hard_rollback, whole ? 10 : 0);
    assert_int_equal(got.last.idle_timeout, whole ? 13 : 0);
    assert_int_equal(got.last.vars[5], variables ? 19 : 0);
}

static void advanced(void **state)
{
    write_states(BEBA_DIALECT_ADVANCED, BEBA_MP_STATE_STATS, 1000);
    assert_int_equal(got.messages, 3); /* 481 fit */
    assert_int_equal(got.largest, 24 + 481 * 136);
    check_entry(true, true);
    assert_int_equal(got.last.lookup.n, 1);
}

static void advanced_bytes(void **state)
{
    static const char want[] =
        "04130000 0000004d ffff0000 00000000 bebabeba 00000000"
        "0088 03 00 00000008 00000009 00000001 80000606 00000000 00000000 00000000 00000000 "
        "00000000"
        "00000006 010203040506 0000 0000000000000000 0000000000000000 0000000000000000"
        "0000000000000000 0000000000000000 00000007"
        "0000000e 0000000f 00000010 00000011 00000012 00000013 0000000a 0000000b 0000000c 0000000d";
    static uint8_t bytes[256];
    size_t n = hex_read(want, bytes, sizeof(bytes));

    bytes[3] = (uint8_t)n;
    write_states(BEBA_DIALECT_ADVANCED, BEBA_MP_STATE_STATS, 1);
    assert_int_equal(got.len, n);
    assert_memory_equal(got.bytes, bytes, n);
}

static void openstate(void **state)
{
    write_states(BEBA_DIALECT_OPENSTATE, BEBA_MP_STATE_STATS, 1000);
    assert_int_equal(got.messages, 2);
    assert_int_equal(got.largest, 24 + 584 * 112);
    check_entry(true, false);
}

static void master(void **state)
{
    write_states(BEBA_DIALECT_MASTER, BEBA_MP_STATE_STATS_AND_DELETE, 1001);
    assert_int_equal(got.messages, 3);
    assert_int_equal(got.largest, 24 + 500 * 40);
    check_entry(true, false);
}

static void master_short(void **state)
{
    write_states(BEBA_DIALECT_MASTER, BEBA_MP_STATE_STATS_SHORT, 501);
    assert_int_equal(got.messages, 2);
    assert_int_equal(got.largest, 24 + 500 * 16);
    check_entry(false, false);
}

static void nothing(void **state)
{
    write_states(BEBA_DIALECT_MASTER, BEBA_MP_STATE_STATS, 0);
    assert_int_equal(got.messages, 1);
    assert_int_equal(got.len, 24);
}

static void global(void **state)
{
    struct beba_of_request request = {.type = OFPMP_EXPERIMENTER,
                                      .experimenter = BEBA_EXPERIMENTER,
                                      .exp_type = BEBA_MP_GLOBAL_STATE};
    static const struct beba_of_global_data data = {{1, 2, 3, 4, 5, 6, 7, 8}};
    static const uint32_t global_state = 0x11223344;
    static uint8_t bytes[64];
    size_t n;

    beba_of_reply_begin(&writer, &got.codec, 77, &request, receive, NULL);
    assert_int_equal(beba_of_reply_add(&writer, &global_state), 0);
    assert_int_equal(beba_of_reply_end(&writer), 0);
    n = hex_read("04130020 0000004d ffff0000 00000000 bebabeba 00000001 00000000 11223344", bytes,
                 sizeof(bytes));
    assert_int_equal(got.len, n);
    assert_memory_equal(got.bytes, bytes, n);

    got.without_more = 0;
    request.exp_type = BEBA_MP_GLOBAL_DATA;
    request.global_data = true;
    beba_of_reply_begin(&writer, &got.codec, 77, &request, receive, NULL);
    assert_int_equal(beba_of_reply_add(&writer, &data), 0);
    assert_int_equal(beba_of_reply_end(&writer), 0);
    n = hex_read("04130038 0000004d ffff0000 00000000 bebabeba 00000003 00000001 00000002 00000003"
                 "00000004 00000005 00000006 00000007 00000008",
                 bytes, sizeof(bytes));
    assert_int_equal(got.len, n);
    assert_memory_equal(got.bytes, bytes, n);
}

/* --- failures of the writer
 * ------------------------------------------------------------------------ */

static int refuse(void *arg, const uint8_t *bytes, size_t len)
{
    ++*(unsigned *)arg;
    return -EPIPE;
}

static void stops(void **state)
{
    struct beba_of_request request = {.type = OFPMP_TABLE};
    struct beba_of_table_stats table = {0};
    unsigned calls = 0;
    int r = 0;

    beba_of_reply_begin(&writer, &got.codec, 77, &request, refuse, &calls);
    for (unsigned i = 0; i < 10000 && !r; i++)
        r = beba_of_reply_add(&writer, &table);
    assert_int_equal(r, -EPIPE);
    assert_int_equal(beba_of_reply_end(&writer), -EPIPE);
    assert_int_equal(calls, 1);
}

/* An element that no message can hold is left out; what comes after it is not. */
static void too_large(void **state)
{
    static struct beba_of_counters buckets[5000];
    struct beba_of_request request = {.type = OFPMP_GROUP};
    struct beba_of_group_stats group = {.n_buckets = 5000, .bucket = buckets};

    beba_of_reply_begin(&writer, &got.codec, 77, &request, receive, NULL);
    assert_int_equal(beba_of_reply_add(&writer, &group), -EMSGSIZE);
    group.n_buckets = 4000;
    assert_int_equal(beba_of_reply_add(&writer, &group), 0);
    group.n_buckets = 5000;
    assert_int_equal(beba_of_reply_add(&writer, &group), -EMSGSIZE);
    assert_int_equal(beba_of_reply_end(&writer), 0);
    assert_int_equal(got.entries, 1);
}

static void encode_bounds(void **state)
{
    static struct beba_of_counters buckets[5000];
    static uint8_t out[BEBA_OF_MAX_MESSAGE];
    const struct beba_of_group_stats group = {.n_buckets = 5000, .bucket = buckets};
    struct beba_of_msg m = {.type = OFPT_MULTIPART_REPLY,
                            .reply = {.type = OFPMP_GROUP, .n = 1, .group = &group}};

    assert_int_equal(beba_of_encode(&m, &got.codec, out, sizeof(out)), -EMSGSIZE);
    assert_int_equal(beba_of_encode(&m, &got.codec, out, 100), -ENOBUFS);
    m = (struct beba_of_msg){.type = 99};
    assert_int_equal(beba_of_encode(&m, &got.codec, out, sizeof(out)), -EINVAL);
}

/* --- notifications
 * ------------------------------------------------------------------------------------ */

static void state_changed(void **state)
{
    static uint8_t out[256];
    struct beba_of_msg m = {.type = OFPT_EXPERIMENTER,
                            .experimenter = BEBA_EXPERIMENTER,
                            .exp_type = BEBA_MSG_STATE_CHANGED,
                            .state_changed = {.table = 1,
                                              .old_state = 2,
                                              .new_state = 3,
                                              .mask = 4,
                                              .key = {5},
                                              .vars = {6}}},
                       back;

    assert_int_equal(beba_of_encode(&m, &got.codec, out, sizeof(out)), 108);
    assert_int_equal(out[35], 48);
    assert_int_equal(out[84], 6); /* little-endian */
    assert_int_equal(beba_of_decode(out, 108, &got.codec, &arena, &back, NULL), 0);
    assert_int_equal(back.state_changed.vars[0], 6);
    assert_int_equal(back.state_changed.new_state, 3);
    got.codec.dialect = BEBA_DIALECT_MASTER;
    assert_int_equal(beba_of_encode(&m, &got.codec, out, sizeof(out)), 84);
}

/* --- the table of fields
 * ------------------------------------------------------------------------------ */

static void fields(void **state)
{
    for (unsigned i = 0; i < BEBA_OF_N_FIELDS; i++) {
        const struct beba_of_field_row *row = &beba_of_fields[i];

        assert_non_null(row->name);
        assert_in_range(row->bits, 1, 8 * row->bytes);
        assert_int_equal(beba_of_field_of_header(beba_of_field_header(i, false)), i);
        assert_int_equal(beba_of_field_of_header(beba_of_field_header(i, true)), i);
        assert_int_equal(beba_of_field_find(row->name), i);
        if (i < BEBA_OF_TCP_FLAGS) {
            const struct beba_field *f = &beba_fields[row->packet];

            assert_int_equal(f->oxm, i);
            assert_int_equal(row->bits, i == OFPXMT_OFB_VLAN_VID ? 13 : f->type.width);
        }
    }
    assert_int_equal(beba_of_field_header(BEBA_OF_STATE, false), 0xffff0208);
    assert_int_equal(beba_of_field_header(BEBA_OF_STATE, true), 0xffff030c);
    assert_int_equal(beba_of_field_header(BEBA_OF_PKT_LEN, false), 0xffff1806);
    assert_int_equal(beba_of_field_header(BEBA_OF_TCP_FLAGS, true), 0x80005104);
    assert_int_equal(beba_of_field_find("dl_dst"), OFPXMT_OFB_ETH_DST);
    assert_int_equal(beba_of_field_find("nonsense"), BEBA_OF_N_FIELDS);
    assert_int_equal(beba_of_field_of_header(0x80005202), BEBA_OF_N_FIELDS);
    assert_int_equal(beba_of_field_of_header(0x00010004), BEBA_OF_N_FIELDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(advanced, clean),
        cmocka_unit_test_teardown(advanced_bytes, clean),
        cmocka_unit_test_teardown(openstate, clean),
        cmocka_unit_test_teardown(master, clean),
        cmocka_unit_test_teardown(master_short, clean),
        cmocka_unit_test_teardown(nothing, clean),
        cmocka_unit_test_teardown(global, clean),
        cmocka_unit_test_teardown(stops, clean),
        cmocka_unit_test_teardown(too_large, clean),
        cmocka_unit_test_teardown(encode_bounds, clean),
        cmocka_unit_test_teardown(state_changed, clean),
        cmocka_unit_test_teardown(fields, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
