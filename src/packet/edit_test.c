/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "packet/bytes.h"
#include "packet/checksum.h"
#include "packet/samples.h"

static uint8_t buf[SAMPLE_SIZE], before[SAMPLE_SIZE];

static struct beba_packet sample_named(const char *what)
{
    struct beba_packet p = {0};

    for (unsigned i = 0; i < N_SAMPLES; i++)
        if (!strcmp(samples[i].what, what)) {
            assert_int_equal(sample_build(&samples[i], &p, buf, NULL), 0);
            return p;
        }
    fail_msg("no sample %s", what);
    return p;
}

static bool write(struct beba_packet *p, enum beba_field_id id, uint64_t v)
{
    return beba_field_write(p, id, beba_u128(0, v));
}

static uint64_t read(const struct beba_packet *p, enum beba_field_id id)
{
    uint64_t v;

    assert_true(beba_field_read(p, id, &v));
    return v;
}

static void assert_checksums_right(const struct beba_packet *p, unsigned want_present)
{
    unsigned present;

    assert_int_equal(beba_packet_checksums(p, &present), 0);
    assert_int_equal(present, want_present);
}

static struct beba_u128 random_value(enum beba_field_id id, uint64_t *seed)
{
    struct beba_type t = beba_fields[id].type;
    struct beba_u128 v = {0, 0};

    *seed = beba_splitmix64(*seed);
    v.lo = *seed >> (*seed & 1 ? 0 : 60); /* small values too */
    if (t.width < 128)
        v.lo &= beba_mask64(t.width);
    else
        v.hi = beba_splitmix64(*seed + 1);
    return v;
}

/* Whatever is written, what was right is right, and is what a full computation gives. */
static void checksums_follow_edits(void **state)
{
    uint64_t seed = 7;

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct beba_packet p, copy;
        unsigned present, writes = 0;

        assert_int_equal(sample_build(&samples[i], &p, buf, NULL), 0);
        assert_int_equal(beba_packet_checksums(&p, &present), 0);
        for (unsigned round = 0; round < 4000; round++) {
            enum beba_field_id id = (enum beba_field_id)(beba_splitmix64(seed) % BEBA_N_FIELDS);
            struct beba_u128 v = random_value(id, &seed), got;

            if (beba_fields[id].type.kind == BEBA_KIND_IP && beba_packet_has(&p, BEBA_LAYER_IP4))
                v = beba_u128(0, 0xffff00000000 | (v.lo & 0xffffffff));
            if (beba_fields[id].flags & BEBA_FIELD_STRUCTURAL || !beba_field_write(&p, id, v))
                continue;
            writes++;
            assert_true(beba_field_read_wide(&p, id, &got));
            assert_int_equal(beba_u128_cmp(got, v), 0);
            assert_checksums_right(&p, present);
            memcpy(before, p.data, p.len);
            copy = p;
            copy.data = before;
            beba_packet_checksums_set(&copy);
            assert_memory_equal(before, p.data, p.len);
        }
        assert_true(writes > 0);
        copy = p;
        beba_packet_parse(&p);
        assert_int_equal(copy.h.layers, p.h.layers);
    }
}

static void a_fragment_keeps_the_datagrams_checksum(void **state)
{
    static const char *const names[] = {"first fragment", "first fragment, ip6"};

    for (unsigned i = 0; i < 2; i++) {
        struct beba_packet p = sample_named(names[i]);
        enum beba_field_id mf = i ? BEBA_F_IP6FRAG_MF : BEBA_F_IP4_MF;
        enum beba_field_id dst = i ? BEBA_F_IP6_DST : BEBA_F_IP4_DST;

        assert_true(write(&p, mf, 0)); /* now it is whole: give it its checksum, then cut again */
        beba_packet_checksums_set(&p);
        assert_checksums_right(&p, i ? 2 : 3);
        assert_true(write(&p, mf, 1));
        assert_true(write(&p, dst, 0xc0a80101));
        assert_true(write(&p, BEBA_F_UDP_SRC, 9));
        assert_true(write(&p, mf, 0));
        assert_checksums_right(&p, i ? 2 : 3);
    }
}

static void later_fragments_keep_their_payload(void **state)
{
    struct beba_packet p = sample_named("later fragment");

    memcpy(before, p.data, p.len);
    assert_true(write(&p, BEBA_F_IP4_SRC, 0xc0a80101));
    assert_false(write(&p, BEBA_F_L4_DST, 5));
    assert_memory_equal(before + p.h.payload, p.data + p.h.payload, p.len - p.h.payload);
    assert_checksums_right(&p, 1);
}

static void udp_without_checksum_stays_so(void **state)
{
    struct beba_packet p = sample_named("udp");

    beba_store16(p.data + p.h.offset[BEBA_LAYER_UDP] + 6, 0);
    assert_true(write(&p, BEBA_F_IP4_SRC, 0xc0a80101));
    assert_true(write(&p, BEBA_F_UDP_DST, 99));
    assert_int_equal(read(&p, BEBA_F_UDP_CSUM), 0);
    assert_checksums_right(&p, 1);
}

static void udp_checksum_never_becomes_zero(void **state)
{
    struct beba_packet p = sample_named("udp");
    unsigned all_ones = 0;

    for (uint32_t port = 0; port < 65536; port++) {
        uint64_t csum;
        assert_true(write(&p, BEBA_F_UDP_SRC, port));
        csum = read(&p, BEBA_F_UDP_CSUM);
        assert_int_not_equal(csum, 0);
        all_ones += csum == 0xffff;
    }
    assert_true(all_ones > 0);
    assert_checksums_right(&p, 3);
}

static void a_wrong_checksum_stays_wrong(void **state)
{
    static const char *const names[] = {"tcp", "sctp"};

    for (unsigned i = 0; i < 2; i++) {
        struct beba_packet p = sample_named(names[i]);
        unsigned present;

        p.data[p.len - 1] ^= 0x5a;
        assert_int_equal(beba_packet_checksums(&p, &present), 2);
        assert_true(write(&p, BEBA_F_L4_DST, 4242));
        assert_int_equal(beba_packet_checksums(&p, &present), 2);
        p.data[p.len - 1] ^= 0x5a;
        assert_checksums_right(&p, 3);
    }
}

static void sctp_cut_short_is_left_alone(void **state)
{
    struct beba_packet p = sample_named("sctp");
    uint64_t csum = read(&p, BEBA_F_SCTP_CSUM);

    p.len -= 3;
    beba_packet_parse(&p);
    assert_true(write(&p, BEBA_F_SCTP_DST, 1));
    assert_int_equal(read(&p, BEBA_F_SCTP_CSUM), csum);
    assert_checksums_right(&p, 1);
}

/* RFC 8200, section 8.1: the checksum covers the final destination. */
static void a_source_route_hides_the_destination(void **state)
{
    struct beba_packet p = sample_named("tcp over ip6"), routed;
    static uint8_t d[SAMPLE_SIZE];
    uint64_t csum = read(&p, BEBA_F_TCP_CSUM);

    memcpy(d, p.data, 54);
    memset(d + 54, 0, 24);
    memcpy(d + 78, p.data + 54, p.len - 54);
    d[20] = 43; /* 14 + 6: a routing header of 24 bytes with one segment left */
    beba_store16(d + 18, (uint16_t)(p.len - 54 + 24));
    d[54] = 6;
    d[55] = 2;
    d[57] = 1;
    routed = p;
    routed.data = d;
    routed.len = routed.wire_len = p.len + 24;
    beba_packet_parse(&routed);
    assert_int_equal(routed.h.flaws, 0);
    assert_true(write(&routed, BEBA_F_IP6_DST, 77));
    assert_int_equal(read(&routed, BEBA_F_TCP_CSUM), csum);
    assert_true(write(&routed, BEBA_F_IP6_SRC, 78));
    assert_true(write(&p, BEBA_F_IP6_SRC, 78));
    assert_int_equal(read(&routed, BEBA_F_TCP_CSUM), read(&p, BEBA_F_TCP_CSUM));
    assert_true(beba_packet_swap(&routed, BEBA_LAYER_IP)); /* the source is now 77 */
    assert_true(write(&p, BEBA_F_IP6_SRC, 77));
    assert_int_equal(read(&routed, BEBA_F_TCP_CSUM), read(&p, BEBA_F_TCP_CSUM));
    assert_checksums_right(&routed, 0);
}

static void gre_checksum_follows(void **state)
{
    struct beba_packet p = sample_named("gre with key");
    uint32_t at = p.h.offset[BEBA_LAYER_GRE], n = p.len - at;

    /* the key's place becomes the checksum word, and the payload's first word the key */
    p.data[at] = 0xa0;
    beba_store32(p.data + at + 4, 0);
    beba_store16(p.data + at + 4, (uint16_t)~beba_sum_fold(beba_sum_add(0, p.data + at, n)));
    beba_packet_parse(&p);
    assert_true(write(&p, BEBA_F_GRE_KEY, 0x12345678));
    assert_true(write(&p, BEBA_F_GRE_PROTO, 0x0800));
    assert_int_equal(read(&p, BEBA_F_GRE_KEY), 0x12345678);
    assert_int_equal(beba_sum_fold(beba_sum_add(0, p.data + at, n)), 0xffff);
}

static void refuses_what_cannot_be_written(void **state)
{
    struct beba_packet p = sample_named("tcp");

    memcpy(before, p.data, p.len);
    assert_false(write(&p, BEBA_F_UDP_DST, 1));
    assert_false(write(&p, BEBA_F_TCP_CSUM, 1));
    assert_false(write(&p, BEBA_F_PKT_LEN, 1));
    assert_false(write(&p, BEBA_F_IN_PORT, 1));
    assert_false(write(&p, BEBA_F_VLAN_ID, 1));
    assert_false(beba_field_write(&p, BEBA_F_IP_SRC, beba_u128(0x20010db8, 1)));
    assert_memory_equal(before, p.data, p.len);
    p = sample_named("tcp over ip6");
    assert_false(write(&p, BEBA_F_IP_SRC, MAPPED(10, 0, 0, 1)));
}

static void writes_truncate(void **state)
{
    struct beba_packet p = sample_named("vlan");

    assert_true(write(&p, BEBA_F_VLAN_ID, 0xfffff001));
    assert_int_equal(read(&p, BEBA_F_VLAN_ID), 1);
    assert_int_equal(read(&p, BEBA_F_VLAN_PCP), 5);
    assert_int_equal(read(&p, BEBA_F_VLAN_DEI), 0);
}

static void metadata_is_writable(void **state)
{
    struct beba_packet p = sample_named("tcp");

    assert_true(write(&p, BEBA_F_METADATA, ~0ull));
    assert_true(write(&p, BEBA_F_TUNNEL_ID, 5));
    assert_int_equal(read(&p, BEBA_F_METADATA), ~0ull);
    assert_int_equal(read(&p, BEBA_F_TUNNEL_ID), 5);
}

static void structure_follows_writes(void **state)
{
    struct beba_packet p = sample_named("udp");

    assert_true(write(&p, BEBA_F_UDP_DST, 4789));
    assert_true(beba_packet_has(&p, BEBA_LAYER_VXLAN));
    assert_true(write(&p, BEBA_F_L4_DST, 53));
    assert_false(beba_packet_has(&p, BEBA_LAYER_VXLAN));
    assert_checksums_right(&p, 3);
    assert_true(write(&p, BEBA_F_IP_PROTO, 132));
    assert_true(beba_packet_has(&p, BEBA_LAYER_SCTP));
    assert_false(beba_packet_has(&p, BEBA_LAYER_UDP));
    assert_true(write(&p, BEBA_F_ETH_TYPE, 0x86dd));
    assert_false(beba_packet_has(&p, BEBA_LAYER_IP));
    assert_int_equal(p.h.flaws, BEBA_FLAW_BAD_VERSION);
    p = sample_named("solicitation");
    assert_true(write(&p, BEBA_F_ICMP6_TYPE, 128));
    assert_false(beba_packet_has(&p, BEBA_LAYER_ND));
    assert_checksums_right(&p, 2);
    p = sample_named("first fragment, ip6");
    assert_true(write(&p, BEBA_F_IP_PROTO, 6)); /* the last next header, not the first */
    assert_int_equal(read(&p, BEBA_F_IP6_NEXT), 44);
    assert_int_equal(read(&p, BEBA_F_IP6_PROTO), 6);
    p = sample_named("QinQ");
    assert_true(write(&p, BEBA_F_ETH_TYPE, 0x88b5));
    assert_int_equal(read(&p, BEBA_F_VLAN2_ID), 200);
    assert_false(beba_packet_has(&p, BEBA_LAYER_IP));
}

static void swapping_keeps_checksums(void **state)
{
    static const enum beba_layer swaps[] = {BEBA_LAYER_ETH, BEBA_LAYER_IP, BEBA_LAYER_L4};

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct beba_packet p;
        unsigned present;

        assert_int_equal(sample_build(&samples[i], &p, buf, NULL), 0);
        beba_packet_checksums(&p, &present);
        memcpy(before, p.data, p.len);
        for (unsigned k = 0; k < 3; k++) {
            bool has = beba_packet_has(&p, swaps[k]);
            assert_int_equal(beba_packet_swap(&p, swaps[k]), has);
            assert_checksums_right(&p, present);
        }
        for (unsigned k = 0; k < 3; k++)
            beba_packet_swap(&p, swaps[k]);
        assert_memory_equal(before, p.data, p.len);
    }
}

static void swap_exchanges(void **state)
{
    struct beba_packet p = sample_named("tcp over ip6");

    assert_true(beba_packet_swap(&p, BEBA_LAYER_ETH));
    assert_true(beba_packet_swap(&p, BEBA_LAYER_IP6));
    assert_true(beba_packet_swap(&p, BEBA_LAYER_TCP));
    assert_int_equal(read(&p, BEBA_F_ETH_SRC), 0x020000000002);
    assert_int_equal(read(&p, BEBA_F_IP6_DST), 1);
    assert_int_equal(read(&p, BEBA_F_TCP_SRC), 443);
    assert_int_equal(read(&p, BEBA_F_TCP_DST), 1024);
    assert_false(beba_packet_swap(&p, BEBA_LAYER_UDP));
    assert_false(beba_packet_swap(&p, BEBA_LAYER_IP4));
    p = sample_named("arp");
    assert_false(beba_packet_swap(&p, BEBA_LAYER_ARP));
}

static void tags_push_and_pop(void **state)
{
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct beba_packet p, orig;

        assert_int_equal(sample_build(&samples[i], &p, buf, NULL), 0);
        memcpy(before, p.data, p.len);
        orig = p;
        assert_int_equal(beba_packet_push_vlan(&p, 0x88a8, 0xb064), 0);
        assert_int_equal(read(&p, BEBA_F_VLAN_TPID), 0x88a8);
        assert_int_equal(read(&p, BEBA_F_VLAN_ID), 0x064);
        assert_int_equal(read(&p, BEBA_F_VLAN_PCP), 5);
        assert_int_equal(read(&p, BEBA_F_VLAN_DEI), 1);
        assert_int_equal(p.len, orig.len + 4);
        assert_int_equal(p.wire_len, orig.wire_len + 4);
        assert_int_equal(p.h.ether_type, orig.h.ether_type);
        assert_int_equal(p.h.n_vlan, orig.h.n_vlan + 1);
        p.headroom = 0; /* the next goes into the tailroom */
        assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 1), 0);
        assert_int_equal(p.tailroom, orig.tailroom - 4);
        p.tailroom = 3;
        assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 1), -ENOBUFS);
        assert_int_equal(beba_packet_pop_vlan(&p), 0);
        assert_int_equal(beba_packet_pop_vlan(&p), 0);
        assert_int_equal(p.len, orig.len);
        assert_memory_equal(p.data, before, p.len);
        assert_memory_equal(&p.h.layers, &orig.h.layers, sizeof(p.h.layers));
    }
}

static void labels_push_and_pop(void **state)
{
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct beba_packet p, orig;
        uint16_t type;

        assert_int_equal(sample_build(&samples[i], &p, buf, NULL), 0);
        memcpy(before, p.data, p.len);
        orig = p;
        type = beba_load16(p.data + 12);
        assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 70000, 63), 0);
        assert_int_equal(read(&p, BEBA_F_ETH_TYPE), 0x8847);
        assert_int_equal(read(&p, BEBA_F_MPLS_LABEL), 70000);
        assert_int_equal(read(&p, BEBA_F_MPLS_TTL), 63);
        assert_int_equal(read(&p, BEBA_F_MPLS_BOS), type != 0x8847);
        assert_int_equal(beba_packet_push_mpls(&p, 0x8848, 16, 1), 0);
        assert_int_equal(read(&p, BEBA_F_MPLS_BOS), 0);
        assert_int_equal(read(&p, BEBA_F_MPLS2_LABEL), 70000);
        assert_int_equal(beba_packet_pop_mpls(&p, 0x8847), 0);
        assert_int_equal(beba_packet_pop_mpls(&p, type), 0);
        assert_int_equal(p.len, orig.len);
        assert_memory_equal(p.data, before, p.len);
        assert_int_equal(p.h.layers, orig.h.layers);
    }
}

static void tags_need_ethernet(void **state)
{
    struct beba_packet p = sample_named("tcp");

    assert_int_equal(beba_packet_pop_vlan(&p), -EINVAL);
    assert_int_equal(beba_packet_pop_mpls(&p, 0x0800), -EINVAL);
    assert_int_equal(beba_packet_push_vlan(&p, 0x0800, 1), -EINVAL);
    assert_int_equal(beba_packet_push_mpls(&p, 0x0800, 1, 1), -EINVAL);
    p.data += 14;
    p.len -= 14;
    p.link = BEBA_LINK_IP;
    beba_packet_parse(&p);
    assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 1), -EINVAL);
    assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 1, 1), -EINVAL);
}

/* Frames given as bytes, with head- and tailroom. */
static struct beba_packet frame(const char *hex, uint8_t link)
{
    struct beba_packet p = {.data = buf + 64, .headroom = 64, .tailroom = 64, .link = link};

    for (; *hex; hex += 2) {
        unsigned byte;
        while (*hex == ' ')
            hex++;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        p.data[p.len++] = (uint8_t)byte;
    }
    p.wire_len = p.len;
    beba_packet_parse(&p);
    return p;
}

#define MACS "020000000002 020000000001 "

/* Checksums computed by others: scapy. */
static void agrees_with_others_about_checksums(void **state)
{
    struct beba_packet p =
        frame(MACS "0800 450000340001000040848e0ec0000201c63364020b590b5adeadbeef"
                   "8b4e76860000001100000000000000000000000078000000",
              BEBA_LINK_ETHERNET);
    unsigned present;

    assert_checksums_right(&p, 3);
    p.data[p.len - 4] ^= 1;
    assert_int_equal(beba_packet_checksums(&p, &present), 2);
}

/* RFC 1122, section 3.2.1.8: while hops are left, the checksum covers an address in the option. */
static void a_loose_source_route_hides_the_destination(void **state)
{
    static const struct {
        const char *options;
        bool routed;
    } rows[] = {
        {"01 8307 04 cb007109", true},   {"01 8907 04 cb007109", true},
        {"01 8307 08 cb007109", false},  {"01 0707 04 cb007109", false},
        {"9404 0000 8303 04 00", false}, {"9404 0000 8304 04 00", true},
        {"00 8307 04 cb007109", false},  {"9400 0000 8307 0400", false},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char hex[256];
        struct beba_packet p;
        uint64_t csum;

        snprintf(hex, sizeof(hex),
                 "47000030 00000000 40060000 0a000001 0a000002 %s"
                 "04000050 00000001 00000002 5002ffff 12340000",
                 rows[i].options);
        p = frame(hex, BEBA_LINK_IP);
        csum = read(&p, BEBA_F_TCP_CSUM);
        assert_true(write(&p, BEBA_F_IP4_DST, 0xc0a80101));
        assert_int_equal(read(&p, BEBA_F_TCP_CSUM) == csum, rows[i].routed);
        assert_true(write(&p, BEBA_F_IP4_SRC, 0xc0a80102));
        assert_int_not_equal(read(&p, BEBA_F_TCP_CSUM), csum);
    }
}

static void snap_keeps_its_length(void **state)
{
    struct beba_packet p =
        frame(MACS "8100 0064 000c aaaa03 000000 8847 00010140", BEBA_LINK_ETHERNET);

    assert_int_equal(read(&p, BEBA_F_ETH_TYPE), 0x8847);
    assert_int_equal(beba_packet_pop_mpls(&p, 0x0800), -EINVAL);
    assert_true(write(&p, BEBA_F_ETH_TYPE, 0x88b5));
    assert_int_equal(read(&p, BEBA_F_ETH_TYPE), 0x88b5);
    assert_int_equal(beba_load16(p.data + 24), 0x88b5);
    assert_int_equal(read(&p, BEBA_F_VLAN_ID), 100);
    assert_int_equal(beba_packet_pop_vlan(&p), 0);
    assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 1, 1), -EINVAL);
}

static void labels_inherit_and_leave_tags(void **state)
{
    struct beba_packet p = frame(MACS "8847 00010b40"
                                      "45000014 00000000 40fd0000 0a000001 0a000002",
                                 BEBA_LINK_ETHERNET);

    assert_int_equal(read(&p, BEBA_F_MPLS_TC), 5);
    assert_int_equal(beba_packet_push_mpls(&p, 0x8847, 2, 9), 0);
    assert_int_equal(read(&p, BEBA_F_MPLS_TC), 5);
    assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 7), 0);
    assert_int_equal(beba_packet_pop_mpls(&p, 0x8847), 0); /* from behind the tag */
    assert_int_equal(read(&p, BEBA_F_VLAN_ID), 7);
    assert_int_equal(read(&p, BEBA_F_MPLS_LABEL), 16);
    assert_int_equal(beba_packet_pop_mpls(&p, 0x0800), 0);
    assert_int_equal(read(&p, BEBA_F_ETH_TYPE), 0x0800);
    assert_int_equal(read(&p, BEBA_F_IP4_SRC), 0x0a000001);
}

/* Linux cooked v2 has the type of what follows at its start. */
static void cooked_tags_are_written_where_they_are(void **state)
{
    struct beba_packet p =
        frame("8100 0000 00000002 0001 00 06 0200000000010000 0064 88b5 0000", BEBA_LINK_SLL2);

    assert_int_equal(read(&p, BEBA_F_VLAN_TPID), 0x8100);
    assert_int_equal(read(&p, BEBA_F_VLAN_ID), 100);
    assert_true(write(&p, BEBA_F_VLAN_TPID, 0x88a8));
    assert_int_equal(beba_load16(p.data), 0x88a8);
    assert_true(write(&p, BEBA_F_VLAN_ID, 5));
    assert_int_equal(beba_load16(p.data + 20), 5);
    assert_int_equal(beba_packet_push_vlan(&p, 0x8100, 1), -EINVAL);
}

/* RFC 3720, appendix B.4. */
static void crc32c_is_right(void **state)
{
    uint8_t d[32] = {0};

    assert_int_equal(beba_crc32c(d, 32), 0x8a9136aa);
    memset(d, 0xff, 32);
    assert_int_equal(beba_crc32c(d, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        d[i] = (uint8_t)i;
    assert_int_equal(beba_crc32c(d, 32), 0x46dd794e);
}

static void backbone_tags_wrap_the_whole_frame(void **state)
{
    struct beba_packet p = sample_named("vlan");
    uint32_t len = p.len;

    (void)state;
    memcpy(before, p.data, len);
    assert_int_equal(beba_packet_push_pbb(&p, BEBA_ETH_VLAN), -EINVAL);
    assert_int_equal(beba_packet_pop_pbb(&p), -EINVAL);
    assert_int_equal(beba_packet_push_pbb(&p, BEBA_ETH_PBB), 0);
    assert_int_equal(p.len, len + 18);
    assert_int_equal(read(&p, BEBA_F_ETH_TYPE), BEBA_ETH_PBB);
    assert_int_equal(read(&p, BEBA_F_PBB_ISID), 0);
    assert_int_equal(p.data[14] >> 5, 5); /* the priority of the VLAN tag */
    assert_memory_equal(p.data, before, 12);
    assert_memory_equal(p.data + 18, before, len);
    assert_true(write(&p, BEBA_F_PBB_ISID, 0xabcdef));
    assert_int_equal(beba_packet_push_pbb(&p, BEBA_ETH_PBB), 0);
    assert_int_equal(read(&p, BEBA_F_PBB_ISID), 0xabcdef); /* as the one before */
    assert_int_equal(beba_packet_pop_pbb(&p), 0);
    assert_int_equal(beba_packet_pop_pbb(&p), 0);
    assert_int_equal(p.len, len);
    assert_memory_equal(p.data, before, len);
    p.headroom = p.tailroom = 0;
    assert_int_equal(beba_packet_push_pbb(&p, BEBA_ETH_PBB), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_follow_edits),
        cmocka_unit_test(a_fragment_keeps_the_datagrams_checksum),
        cmocka_unit_test(later_fragments_keep_their_payload),
        cmocka_unit_test(udp_without_checksum_stays_so),
        cmocka_unit_test(udp_checksum_never_becomes_zero),
        cmocka_unit_test(a_wrong_checksum_stays_wrong),
        cmocka_unit_test(sctp_cut_short_is_left_alone),
        cmocka_unit_test(a_source_route_hides_the_destination),
        cmocka_unit_test(gre_checksum_follows),
        cmocka_unit_test(refuses_what_cannot_be_written),
        cmocka_unit_test(writes_truncate),
        cmocka_unit_test(metadata_is_writable),
        cmocka_unit_test(structure_follows_writes),
        cmocka_unit_test(swapping_keeps_checksums),
        cmocka_unit_test(swap_exchanges),
        cmocka_unit_test(tags_push_and_pop),
        cmocka_unit_test(labels_push_and_pop),
        cmocka_unit_test(tags_need_ethernet),
        cmocka_unit_test(agrees_with_others_about_checksums),
        cmocka_unit_test(a_loose_source_route_hides_the_destination),
        cmocka_unit_test(snap_keeps_its_length),
        cmocka_unit_test(labels_inherit_and_leave_tags),
        cmocka_unit_test(backbone_tags_wrap_the_whole_frame),
        cmocka_unit_test(cooked_tags_are_written_where_they_are),
        cmocka_unit_test(crc32c_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
