/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Checksums that were left to an interface, found and completed without being told. */
#include "io/fixture_test.h"
#include "io/offload.h"
#include "packet/bytes.h"
#include "packet/checksum.h"

enum { ROOM = 400 };

struct frame {
    uint8_t bytes[ROOM];
    uint32_t len;
};

static void add(struct frame *f, const void *bytes, uint32_t n)
{
    memcpy(f->bytes + f->len, bytes, n);
    f->len += n;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void ether(struct frame *f, uint16_t type)
{
    uint8_t head[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

    beba_store16(head + 12, type);
    add(f, head, sizeof(head));
}

/* Of a packet with so many bytes behind the header; returns the sum of the addresses. */
static uint64_t ip(struct frame *f, bool v6, uint8_t proto, uint16_t behind)
{
    uint8_t head[40] = {0};
    uint32_t n = v6 ? 40 : 20;

    if (v6) {
        head[0] = 0x60;
        beba_store16(head + 4, behind);
        head[6] = proto;
        head[23] = 1;
        head[39] = 2;
    } else {
        head[0] = 0x45;
        beba_store16(head + 2, (uint16_t)(20 + behind));
        head[9] = proto;
        beba_store32(head + 12, 0x0a000001);
        beba_store32(head + 16, 0x0a000002);
    }
    add(f, head, n);
    return v6 ? beba_sum_add(0, head + 8, 32) : beba_sum_add(0, head + 12, 8);
}

enum { PAYLOAD = 51 };

/* TCP or UDP with the sum of the pseudo-header only; returns where the transport header is. */
static uint32_t transport(struct frame *f, bool v6, uint8_t proto)
{
    uint16_t head = proto == 6 ? 20 : 8, len = (uint16_t)(head + PAYLOAD);
    uint64_t pseudo = ip(f, v6, proto, len) + proto + len;
    uint32_t at = f->len;
    uint8_t bytes[20 + PAYLOAD];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + 3);
    if (proto == 6)
        bytes[12] = 0x50;
    else
        beba_store16(bytes + 4, len);
    beba_store16(bytes + (proto == 6 ? 16 : 6), fold(pseudo));
    add(f, bytes, len);
    return at;
}

static void mend(struct frame *f)
{
    struct beba_packet p = {.data = f->bytes, .len = f->len, .wire_len = f->len};

    beba_offload_mend(&p);
}

/* The transport's bytes and its pseudo-header add up. */
static bool right(const struct frame *f, uint32_t at, bool v6, uint8_t proto)
{
    uint32_t n = (proto == 6 ? 20u : 8u) + PAYLOAD;
    uint64_t sum =
        v6 ? beba_sum_add(0, f->bytes + at - 32, 32) : beba_sum_add(0, f->bytes + at - 8, 8);

    return fold(beba_sum_add(sum + proto + n, f->bytes + at, n)) == 0xffff;
}

static void outer_headers(struct frame *f, unsigned tunnel, uint32_t inner)
{
    static const uint8_t vxlan[8] = {8}, geneve[12] = {1, 0, 0x65, 0x58},
                         gre[4] = {0, 0, 0x65, 0x58};
    uint8_t udp[8] = {0x12, 0x34};

    ether(f, 0x0800);
    switch (tunnel) {
    case 1:
    case 2:
        beba_store16(udp + 2, tunnel == 1 ? 4789 : 6081);
        ip(f, false, 17, (uint16_t)(8 + (tunnel == 1 ? 8u : 12u) + 14 + inner));
        add(f, udp, 8);
        add(f, tunnel == 1 ? vxlan : geneve, tunnel == 1 ? 8u : 12u);
        ether(f, 0x0800);
        break;
    case 3:
        ip(f, false, 47, (uint16_t)(4 + 14 + inner));
        add(f, gre, 4);
        ether(f, 0x0800);
        break;
    default:
        ip(f, false, 4, (uint16_t)inner);
        break;
    }
}

static void sums_are_completed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        bool v6 = i & 1;
        uint8_t proto = i & 2 ? 17 : 6;
        unsigned tags = i >> 2;
        struct frame f = {0}, before;
        uint32_t at;

        ether(&f, tags ? 0x8100 : v6 ? 0x86dd : 0x0800);
        for (; tags; tags--) {
            uint8_t tag[4] = {0, 5};

            beba_store16(tag + 2, tags > 1 ? 0x8100 : v6 ? 0x86dd : 0x0800);
            add(&f, tag, 4);
        }
        at = transport(&f, v6, proto);
        add(&f, "\0\0\0\0\0", 5); /* a frame's padding is no part of it */
        assert_false(right(&f, at, v6, proto));
        mend(&f);
        assert_true(right(&f, at, v6, proto));
        before = f;
        mend(&f); /* a right one stays */
        assert_memory_equal(&f, &before, sizeof(f));
        f.bytes[at + 20] ^= 0x11; /* a wrong one, too */
        before = f;
        mend(&f);
        assert_memory_equal(&f, &before, sizeof(f));
    }
}

static void sums_inside_of_tunnels_are_completed(void **state)
{
    (void)state;
    for (unsigned tunnel = 1; tunnel <= 4; tunnel++) {
        struct frame f = {0};
        uint32_t at;

        outer_headers(&f, tunnel, 20 + 20 + PAYLOAD);
        at = transport(&f, false, 6);
        assert_false(right(&f, at, false, 6));
        mend(&f);
        assert_true(right(&f, at, false, 6));
    }
}

static void an_sctp_sum_of_zero_is_completed(void **state)
{
    uint8_t chunk[40] = {0, 80, 0, 81, 1, 2, 3, 4};
    struct frame f = {0};
    uint32_t crc;

    (void)state;
    ether(&f, 0x0800);
    ip(&f, false, 132, sizeof(chunk));
    crc = __builtin_bswap32(beba_crc32c(chunk, sizeof(chunk)));
    add(&f, chunk, sizeof(chunk));
    mend(&f);
    assert_int_equal(beba_load32(f.bytes + 34 + 8), crc);
}

/* Whatever the bytes are, nothing outside of the packet is looked at: each lies at the end of its
 * memory. */
static void broken_packets_are_safe(void **state)
{
    uint64_t random = 88172645463325252u;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct frame f = {0};
        struct beba_packet p = {0};

        if (i % 5)
            outer_headers(&f, i % 5, 20 + 20 + PAYLOAD);
        else
            ether(&f, i & 1 ? 0x86dd : 0x0800);
        transport(&f, i % 5 == 0 && i & 1, i & 2 ? 6 : 17);
        for (unsigned k = 0; k < 4; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            f.bytes[random % f.len] = (uint8_t)(random >> 32);
        }
        p.len = p.wire_len = 14 + (uint32_t)(random >> 40) % (f.len - 13);
        p.data = malloc(p.len);
        assert_non_null(p.data);
        memcpy(p.data, f.bytes, p.len);
        beba_offload_mend(&p);
        free(p.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_completed),
        cmocka_unit_test(sums_inside_of_tunnels_are_completed),
        cmocka_unit_test(an_sctp_sum_of_zero_is_completed),
        cmocka_unit_test(broken_packets_are_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
