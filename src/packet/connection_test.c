/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/connection.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "packet/packet.h"

static struct beba_packet packet(uint8_t *buf, struct beba_u128 src, struct beba_u128 dst,
                                 uint16_t sport, uint16_t dport)
{
    struct beba_assign assign[] = {{BEBA_F_IP_SRC, src},
                                   {BEBA_F_IP_DST, dst},
                                   {BEBA_F_UDP_SRC, {0, sport}},
                                   {BEBA_F_UDP_DST, {0, dport}}};
    struct beba_build build = {.assign = assign, .n_assign = 4};
    struct beba_packet p;

    assert_int_equal(beba_packet_build(&p, buf, 512, 64, &build, NULL), 0);
    return p;
}

static void same_both_ways(struct beba_u128 low, struct beba_u128 high, uint16_t low_port,
                           uint16_t high_port, const uint8_t want[40])
{
    uint8_t buf[512];
    uint32_t key[BEBA_CONNECTION_WORDS];
    bool backward;
    struct beba_packet p = packet(buf, low, high, low_port, high_port);

    assert_true(beba_connection(p.data, &p.h, key, &backward));
    assert_false(backward);
    assert_memory_equal(key, want, 40);
    p = packet(buf, high, low, high_port, low_port);
    assert_true(beba_connection(p.data, &p.h, key, &backward));
    assert_int_equal(backward, low.lo != high.lo || low.hi != high.hi || low_port != high_port);
    assert_memory_equal(key, want, 40);
}

static struct beba_u128 ip4(uint32_t a)
{
    return beba_u128(0, 0xffff00000000 | a);
}

static void both_directions_have_one_key(void **state)
{
    static const uint8_t v4[40] = {[10] = 0xff, 0xff, 10, 0, 0, 2,   [26] = 0xff, 0xff, 192,
                                   168,         0,    1,  3, 9, 0x0, 80,          17};
    static const uint8_t v6[40] = {0x20, 1, [15] = 9, 0x20, 1, [31] = 10, 1, 2, 3, 4, 17};
    static const uint8_t ports[40] = {[10] = 0xff, 0xff, 10, 0, 0,  2, [26] = 0xff, 0xff, 10,
                                      0,           0,    2,  0, 80, 3, 9,           17};

    same_both_ways(ip4(0x0a000002), ip4(0xc0a80001), 0x309, 80, v4);
    same_both_ways(beba_u128(0x2001ull << 48, 9), beba_u128(0x2001ull << 48, 10), 0x102, 0x304, v6);
    same_both_ways(ip4(0x0a000002), ip4(0x0a000002), 80, 0x309, ports);
}

static void without_ports_there_is_none(void **state)
{
    uint8_t buf[512];
    uint32_t key[BEBA_CONNECTION_WORDS];
    struct beba_build build = {.layers = 1u << BEBA_LAYER_ICMP};
    struct beba_packet p;
    bool backward = true;

    assert_int_equal(beba_packet_build(&p, buf, sizeof(buf), 64, &build, NULL), 0);
    assert_false(beba_connection(p.data, &p.h, key, &backward));
    assert_false(backward);
}

static void values_lie_in_keys_most_significant_byte_first(void **state)
{
    static const uint8_t want[36] = {1,  2,  3,  4,  5,  6,  0xab, 0,  0xde, 0xad, 0xbe, 0xef,
                                     1,  2,  3,  4,  5,  6,  7,    8,  9,    10,   11,   12,
                                     13, 14, 15, 16, 17, 18, 19,   20, 21,   22,   23,   24};
    uint32_t key[9] = {0};

    beba_key_put(key, 0, 6, beba_u128(0, 0x010203040506));
    beba_key_put(key, 6, 1, beba_u128(0, 0xab));
    beba_key_put(key, 8, 4, beba_u128(0, 0xdeadbeef));
    beba_key_put(key, 12, 16, beba_u128(0x0102030405060708, 0x090a0b0c0d0e0f10));
    beba_key_put(key, 28, 8, beba_u128(0, 0x1112131415161718));
    assert_memory_equal(key, want, sizeof(want));
    beba_key_put(key, 1, 16, beba_u128(0x0102030405060708, 0x090a0b0c0d0e0f10));
    assert_memory_equal((uint8_t *)key + 1, want + 12, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_have_one_key),
        cmocka_unit_test(without_ports_there_is_none),
        cmocka_unit_test(values_lie_in_keys_most_significant_byte_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
