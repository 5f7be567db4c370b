/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/state_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A field by its OXM number, class OFPXMC_OPENFLOW_BASIC. */
static void add(struct beba_of_scope *s, uint8_t field, uint32_t bytes)
{
    s->field[s->n] = field;
    s->header[s->n++] = 0x80000000u | (uint32_t)field << 9 | bytes;
}

static void add_beba(struct beba_of_scope *s, uint8_t field, uint32_t bytes)
{
    s->field[s->n] = field;
    s->header[s->n++] = 0xffff0000u | (uint32_t)(field - BEBA_OF_GLOBAL_STATE) << 9 | (bytes + 4);
}

static void has(struct beba_key *k, uint8_t field, uint64_t hi, uint64_t lo)
{
    beba_key_set(k, field, beba_u128(hi, lo));
}

/* The key as hex digits, "-" when there is none. */
static const char *key_of(const struct beba_of_scope *fields, bool biflow,
                          const struct beba_key *packet)
{
    static char out[2 * BEBA_OF_STATE_KEY + 1];
    struct beba_state_scope scope;
    union beba_state_key key;

    assert_true(beba_state_scope_make(&scope, fields, biflow));
    if (!beba_state_scope_key(&scope, packet, &key))
        return "-";
    for (uint32_t i = 0; i < scope.key_len; i++)
        sprintf(out + 2 * i, "%02x", key.byte[i]);
    for (uint32_t i = scope.key_len; i < BEBA_OF_STATE_KEY; i++)
        assert_int_equal(key.byte[i], 0);
    return out;
}

static void numbers_are_little_endian_and_addresses_are_not(void **state)
{
    struct beba_key p = {0};
    struct beba_of_scope s = {0};

    (void)state;
    has(&p, OFPXMT_OFB_IN_PORT, 0, 1);
    has(&p, OFPXMT_OFB_ETH_TYPE, 0, 0x800);
    has(&p, OFPXMT_OFB_METADATA, 0, 0);
    has(&p, OFPXMT_OFB_IP_PROTO, 0, 17);
    add(&s, OFPXMT_OFB_IN_PORT, 4);
    add(&s, OFPXMT_OFB_ETH_TYPE, 2);
    add(&s, OFPXMT_OFB_METADATA, 8);
    add(&s, OFPXMT_OFB_IP_PROTO, 1);
    assert_string_equal(key_of(&s, false, &p), "010000000008000000000000000011");

    s = (struct beba_of_scope){0};
    has(&p, OFPXMT_OFB_UDP_SRC, 0, 1000);
    add(&s, OFPXMT_OFB_UDP_SRC, 2);
    assert_string_equal(key_of(&s, false, &p), "e803");

    s = (struct beba_of_scope){0};
    has(&p, OFPXMT_OFB_ETH_SRC, 0, 0x0a0b0c0d0e0full);
    has(&p, OFPXMT_OFB_IPV4_DST, 0, 0x0a000002);
    has(&p, OFPXMT_OFB_IPV6_DST, 0x20010db800000000, 1);
    add(&s, OFPXMT_OFB_ETH_SRC, 6);
    add(&s, OFPXMT_OFB_IPV6_DST, 16);
    assert_string_equal(key_of(&s, false, &p), "0a0b0c0d0e0f20010db8000000000000000000000001");

    s = (struct beba_of_scope){0};
    p = (struct beba_key){0};
    has(&p, OFPXMT_OFB_MPLS_LABEL, 0, 0x12345);
    has(&p, OFPXMT_OFB_MPLS_TC, 0, 5);
    add(&s, OFPXMT_OFB_MPLS_LABEL, 4);
    add(&s, OFPXMT_OFB_MPLS_TC, 1);
    assert_string_equal(key_of(&s, false, &p), "4523010005");

    s = (struct beba_of_scope){0};
    p = (struct beba_key){0};
    has(&p, OFPXMT_OFB_ARP_OP, 0, 1);
    has(&p, OFPXMT_OFB_ARP_TPA, 0, 0x0a000102);
    add(&s, OFPXMT_OFB_ARP_OP, 2);
    add(&s, OFPXMT_OFB_ARP_TPA, 4);
    assert_string_equal(key_of(&s, false, &p), "00010a000102");
}

static void vlan_ids_have_no_present_bit(void **state)
{
    struct beba_key p = {0};
    struct beba_of_scope s = {0};

    (void)state;
    add(&s, OFPXMT_OFB_VLAN_VID, 2);
    add(&s, OFPXMT_OFB_VLAN_PCP, 1);
    s.field[s.n] = BEBA_OF_TCP_FLAGS;
    s.header[s.n++] = 0x80005002;
    assert_string_equal(key_of(&s, false, &p), "-");
    has(&p, OFPXMT_OFB_VLAN_VID, 0, OFPVID_PRESENT | 5);
    has(&p, OFPXMT_OFB_VLAN_PCP, 0, 3);
    has(&p, BEBA_OF_TCP_FLAGS, 0, 0x112);
    assert_string_equal(key_of(&s, false, &p), "0500031201");
}

static void fields_of_experimenters_have_four_zeros_behind(void **state)
{
    struct beba_key p = {0};
    struct beba_of_scope s = {0};

    (void)state;
    has(&p, BEBA_OF_PKT_LEN, 0, 142);
    add_beba(&s, BEBA_OF_PKT_LEN, 2);
    assert_string_equal(key_of(&s, false, &p), "8e0000000000");
}

static void scopes_have_room_for_48_bytes(void **state)
{
    struct beba_of_scope s = {0};
    struct beba_state_scope made;

    (void)state;
    assert_false(beba_state_scope_make(&made, &s, false));
    add(&s, OFPXMT_OFB_IPV6_SRC, 16);
    add(&s, OFPXMT_OFB_IPV6_DST, 16);
    add(&s, OFPXMT_OFB_IPV6_ND_TARGET, 16);
    assert_true(beba_state_scope_make(&made, &s, false));
    assert_int_equal(made.key_len, 48);
    add(&s, OFPXMT_OFB_IP_PROTO, 1);
    assert_false(beba_state_scope_make(&made, &s, false));
    assert_int_equal(made.key_len, 0);
}

static void no_packet_has_masked_or_unknown_fields(void **state)
{
    struct beba_key p = {0};
    struct beba_of_scope s = {0};

    (void)state;
    has(&p, OFPXMT_OFB_IPV4_SRC, 0, 1);
    s = (struct beba_of_scope){.n = 1, .header = {0x80001708}, .field = {OFPXMT_OFB_IPV4_SRC}};
    assert_string_equal(key_of(&s, false, &p), "-");
    s = (struct beba_of_scope){.n = 1, .header = {0x12341604}, .field = {BEBA_OF_N_FIELDS}};
    assert_string_equal(key_of(&s, false, &p), "-");
    s = (struct beba_of_scope){.n = 1, .header = {0x80001602}, .field = {OFPXMT_OFB_IPV4_SRC}};
    assert_string_equal(key_of(&s, false, &p), "-");
}

static void both_directions_have_one_biflow_key(void **state)
{
    static const uint8_t order[2][4] = {
        {OFPXMT_OFB_IPV4_SRC, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_UDP_DST},
        {OFPXMT_OFB_UDP_DST, OFPXMT_OFB_IPV4_DST, OFPXMT_OFB_UDP_SRC, OFPXMT_OFB_IPV4_SRC}};
    struct beba_key p = {0}, q = {0};

    (void)state;
    has(&p, OFPXMT_OFB_IPV4_SRC, 0, 0x0a000001);
    has(&p, OFPXMT_OFB_IPV4_DST, 0, 0x0a000002);
    has(&p, OFPXMT_OFB_UDP_SRC, 0, 1000);
    has(&p, OFPXMT_OFB_UDP_DST, 0, 2000);
    has(&q, OFPXMT_OFB_IPV4_SRC, 0, 0x0a000002);
    has(&q, OFPXMT_OFB_IPV4_DST, 0, 0x0a000001);
    has(&q, OFPXMT_OFB_UDP_SRC, 0, 2000);
    has(&q, OFPXMT_OFB_UDP_DST, 0, 1000);
    for (unsigned i = 0; i < 2; i++) {
        struct beba_of_scope s = {0};

        for (unsigned f = 0; f < 4; f++)
            add(&s, order[i][f], order[i][f] > OFPXMT_OFB_IPV4_DST ? 2 : 4);
        assert_string_equal(key_of(&s, true, &p), "0a0000020a000001e803d007");
        assert_string_equal(key_of(&s, true, &q), "0a0000020a000001e803d007");
    }
}

static void the_ends_of_different_kinds_are_not_exchanged(void **state)
{
    struct beba_key p = {0};
    struct beba_of_scope s = {0};

    (void)state;
    has(&p, OFPXMT_OFB_IPV4_SRC, 0, 0x0a000001);
    has(&p, OFPXMT_OFB_TCP_DST, 0, 0xffff);
    has(&p, OFPXMT_OFB_ETH_DST, 0, 1);
    has(&p, OFPXMT_OFB_ETH_SRC, 0, 2);
    add(&s, OFPXMT_OFB_TCP_DST, 2);
    add(&s, OFPXMT_OFB_IPV4_SRC, 4);
    add(&s, OFPXMT_OFB_ETH_SRC, 6);
    add(&s, OFPXMT_OFB_ETH_DST, 6);
    assert_string_equal(key_of(&s, true, &p), "0000000000020000000000010a000001ffff");
}

static void statistics_compare_the_bytes_of_keys(void **state)
{
    struct beba_of_scope s = {0};
    struct beba_state_scope scope;
    struct beba_of_oxm oxm = {.field = OFPXMT_OFB_UDP_DST, .value = {0, 2000}};
    struct beba_of_match match = {.n = 1, .oxm = &oxm};
    static const uint8_t key[] = {10, 0, 0, 1, 0xd0, 0x07};

    (void)state;
    add(&s, OFPXMT_OFB_IPV4_SRC, 4);
    add(&s, OFPXMT_OFB_UDP_DST, 2);
    assert_true(beba_state_scope_make(&scope, &s, false));
    assert_true(beba_state_scope_covers(&scope, &match));
    assert_true(beba_state_scope_match(&scope, &match, key));
    oxm.value.lo = 0xd007;
    assert_false(beba_state_scope_match(&scope, &match, key));
    oxm = (struct beba_of_oxm){.field = OFPXMT_OFB_IPV4_SRC, .value = {0, 0x0a000001}};
    assert_true(beba_state_scope_match(&scope, &match, key));
    oxm.field = OFPXMT_OFB_IPV4_DST;
    assert_false(beba_state_scope_covers(&scope, &match));
    assert_true(beba_state_scope_covers(&scope, &(struct beba_of_match){0}));
}

static void addresses_are_numbers_of_their_first_bytes(void **state)
{
    static const struct {
        uint8_t field;
        struct beba_u128 value;
        uint32_t number;
        struct beba_u128 back;
    } row[] = {
        {OFPXMT_OFB_IPV4_SRC, {0, 0x0a000001}, 0x0100000a, {0, 0x0a000001}},
        {OFPXMT_OFB_UDP_DST, {0, 2000}, 2000, {0, 2000}},
        {OFPXMT_OFB_METADATA, {0, 0x123456789abcull}, 0x56789abc, {0, 0x56789abc}},
        {OFPXMT_OFB_ETH_DST, {0, 0x040302010506ull}, 0x01020304, {0, 0x040302010000ull}},
        {OFPXMT_OFB_VLAN_VID, {0, OFPVID_PRESENT | 5}, 5, {0, OFPVID_PRESENT | 5}},
        {BEBA_OF_STATE, {0, 0xffffffff}, 0xffffffff, {0, 0xffffffff}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct beba_u128 back = beba_state_value(row[i].field, row[i].number);

        assert_int_equal(beba_state_number(row[i].field, row[i].value), row[i].number);
        assert_int_equal(beba_u128_cmp(back, row[i].back), 0);
    }
    assert_int_equal(beba_state_value(OFPXMT_OFB_UDP_DST, 0x12345678).lo, 0x5678);
    assert_int_equal(beba_state_value(OFPXMT_OFB_IP_DSCP, 0x13f).lo, 0x3f);
    assert_int_equal(beba_state_value(OFPXMT_OFB_IPV4_SRC, 0x01020304).lo, 0x04030201);
    assert_int_equal(beba_state_value(OFPXMT_OFB_MPLS_TC, 123).lo, 3);
    assert_int_equal(beba_state_value(OFPXMT_OFB_MPLS_LABEL, 678).lo, 678);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian_and_addresses_are_not),
        cmocka_unit_test(vlan_ids_have_no_present_bit),
        cmocka_unit_test(fields_of_experimenters_have_four_zeros_behind),
        cmocka_unit_test(scopes_have_room_for_48_bytes),
        cmocka_unit_test(no_packet_has_masked_or_unknown_fields),
        cmocka_unit_test(both_directions_have_one_biflow_key),
        cmocka_unit_test(the_ends_of_different_kinds_are_not_exchanged),
        cmocka_unit_test(statistics_compare_the_bytes_of_keys),
        cmocka_unit_test(addresses_are_numbers_of_their_first_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
