/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "packet/bytes.h"
#include "packet/read.h"
#include "packet/samples.h"
#include "packet/walk.h"

#define BIT(layer) (1u << BEBA_LAYER_##layer)
#define IP4_UDP    (BIT(META) | BIT(IP4) | BIT(IP) | BIT(UDP) | BIT(L4))

/* Frames that the builder cannot make. Hex, spaces ignored. */
struct frame {
    const char *what;
    uint8_t link;
    const char *hex;
    uint32_t layers;
    uint16_t flaws, ether_type;
    uint8_t ip_proto;
    uint16_t payload;
};

/* clang-format off */
#define MACS     "020000000002 020000000001 "
#define UDP8     "0400 0035 0008 0000 "
#define IP4(len) "4500 " len " 0000 0000 40 11 0000 0a000001 0a000002 "
#define IP6(len, next)       \
    "60000000 " len " " next \
    " 40 20010db8000000000000000000000001 20010db8000000000000000000000002 "

static const struct frame frames[] = {
    {"empty", BEBA_LINK_ETHERNET, "", BIT(META), BEBA_FLAW_TRUNCATED, 0, 0, 0},
    {"LLC", BEBA_LINK_ETHERNET, MACS "0004 42 42 03 00 0000", BIT(META) | BIT(ETH), 0, 0, 0, 14},
    {"SNAP", BEBA_LINK_ETHERNET, MACS "0024 aaaa03 000000 0800" IP4("001c") UDP8,
     IP4_UDP | BIT(ETH), 0, 0x800, 17, 50},
    {"SNAP with its length below the IP length", BEBA_LINK_ETHERNET,
     MACS "001c aaaa03 000000 0800" IP4("001c") UDP8, BIT(META) | BIT(ETH) | BIT(IP4) | BIT(IP),
     BEBA_FLAW_BAD_LENGTH, 0x800, 17, 42},
    {"SNAP of another organisation", BEBA_LINK_ETHERNET, MACS "000a aaaa03 00000c 2000 0000",
     BIT(META) | BIT(ETH), 0, 0, 0, 14},
    {"three tags", BEBA_LINK_ETHERNET, MACS "88a8 0001 9100 0002 8100 0003 0800" IP4("001c") UDP8,
     IP4_UDP | BIT(ETH) | BIT(VLAN) | BIT(VLAN2), 0, 0x800, 17, 54},
    {"tag without a type", BEBA_LINK_ETHERNET, MACS "8100 0001 08",
     BIT(META) | BIT(ETH) | BIT(VLAN), BEBA_FLAW_TRUNCATED, 0, 0, 14},
    {"tag in SNAP", BEBA_LINK_ETHERNET, MACS "8100 0001 0024 aaaa03 000000 0800" IP4("001c") UDP8,
     IP4_UDP | BIT(ETH) | BIT(VLAN), 0, 0x800, 17, 54},
    {"17 tags", BEBA_LINK_ETHERNET,
     MACS "81000001 81000001 81000001 81000001 81000001 81000001 81000001 81000001"
          "81000001 81000001 81000001 81000001 81000001 81000001 81000001 81000001 81000001 0800",
     BIT(META) | BIT(ETH) | BIT(VLAN) | BIT(VLAN2), BEBA_FLAW_TOO_DEEP, 0x8100, 0, 78},
    {"raw IPv4", BEBA_LINK_IP, IP4("001c") UDP8, IP4_UDP, 0, 0x800, 17, 28},
    {"raw IPv6", BEBA_LINK_IP, IP6("0008", "11") UDP8,
     BIT(META) | BIT(IP6) | BIT(IP) | BIT(UDP) | BIT(L4), 0, 0x86dd, 17, 48},
    {"raw neither", BEBA_LINK_IP, "50", BIT(META), BEBA_FLAW_BAD_VERSION, 0, 0, 0},
    {"SLL", BEBA_LINK_SLL, "0000 0001 0006 0200000000010000 0800" IP4("001c") UDP8, IP4_UDP, 0,
     0x800, 17, 44},
    {"SLL, tagged", BEBA_LINK_SLL,
     "0000 0001 0006 0200000000010000 8100 0005 0800" IP4("001c") UDP8, IP4_UDP | BIT(VLAN), 0,
     0x800, 17, 48},
    {"SLL of netlink", BEBA_LINK_SLL, "0004 0338 0000 0000000000000000 0800" IP4("001c") UDP8,
     BIT(META), 0, 0, 0, 16},
    {"SLL2", BEBA_LINK_SLL2, "0800 0000 00000002 0001 00 06 0200000000010000" IP4("001c") UDP8,
     IP4_UDP, 0, 0x800, 17, 48},
    {"version 5 under type 0x0800", BEBA_LINK_ETHERNET,
     MACS "0800 5500 0014 0000 0000 40 11 0000 0a000001 0a000002", BIT(META) | BIT(ETH),
     BEBA_FLAW_BAD_VERSION, 0x800, 0, 14},
    {"IPv4 header length below 20", BEBA_LINK_IP,
     "4400 001c 0000 0000 40 11 0000 0a000001 0a000002", BIT(META), BEBA_FLAW_BAD_LENGTH, 0x800, 0,
     0},
    {"IPv4 total length below the fixed header", BEBA_LINK_IP, IP4("0013") UDP8, BIT(META),
     BEBA_FLAW_BAD_LENGTH, 0x800, 0, 0},
    {"IPv4 total length below the options", BEBA_LINK_IP,
     "4600 0016 0000 0000 40 11 0000 0a000001 0a000002 01010100" UDP8, BIT(META),
     BEBA_FLAW_BAD_LENGTH, 0x800, 0, 0},
    {"IPv4 total length beyond the wire", BEBA_LINK_IP, IP4("0100") UDP8, IP4_UDP,
     BEBA_FLAW_BAD_LENGTH, 0x800, 17, 28},
    {"IPv4 total length cuts the UDP header", BEBA_LINK_IP, IP4("001b") UDP8,
     BIT(META) | BIT(IP4) | BIT(IP), BEBA_FLAW_BAD_LENGTH, 0x800, 17, 20},
    {"IPv4 options run off the end", BEBA_LINK_IP,
     "4f00 0040 0000 0000 40 11 0000 0a000001 0a000002" UDP8, BIT(META) | BIT(IP4) | BIT(IP),
     BEBA_FLAW_BAD_LENGTH | BEBA_FLAW_TRUNCATED, 0x800, 17, 0},
    {"IPv4 options", BEBA_LINK_IP, "4600 0020 0000 0000 40 11 0000 0a000001 0a000002 01010100" UDP8,
     IP4_UDP, 0, 0x800, 17, 32},
    {"UDP length below 8", BEBA_LINK_IP, IP4("001c") "0400 0035 0007 0000",
     BIT(META) | BIT(IP4) | BIT(IP), BEBA_FLAW_BAD_LENGTH, 0x800, 17, 20},
    {"UDP length beyond the packet", BEBA_LINK_IP, IP4("001c") "0400 0035 0009 0000", IP4_UDP,
     BEBA_FLAW_BAD_LENGTH, 0x800, 17, 28},
    {"VXLAN beyond the UDP length", BEBA_LINK_IP,
     IP4("0024") "0400 12b5 0008 0000 0800000000138800", IP4_UDP, BEBA_FLAW_BAD_LENGTH, 0x800, 17,
     28},
    {"TCP data offset below 5", BEBA_LINK_IP,
     "4500 0028 0000 0000 40 06 0000 0a000001 0a000002 04000050 00000001 00000002 4002ffff 00000000",
     BIT(META) | BIT(IP4) | BIT(IP), BEBA_FLAW_BAD_LENGTH, 0x800, 6, 20},
    {"TCP options beyond the packet", BEBA_LINK_IP,
     "4500 0028 0000 0000 40 06 0000 0a000001 0a000002 04000050 00000001 00000002 f002ffff "
     "00000000",
     BIT(META) | BIT(IP4) | BIT(IP) | BIT(TCP) | BIT(L4), BEBA_FLAW_TRUNCATED, 0x800, 6, 40},
    {"all extension headers", BEBA_LINK_IP,
     IP6("0048", "00") "3c00000000000000 2b00000000000000 2c00000000000000 3300000000000001"
               "3c040000 00000001 00000002 00000003 00000004 00000005 1100000000000000" UDP8,
     BIT(META) | BIT(IP6) | BIT(IP) | BIT(IP6FRAG) | BIT(UDP) | BIT(L4), 0, 0x86dd, 17, 112},
    {"ESP stops the chain", BEBA_LINK_IP, IP6("0010", "3c") "3200000000000000 0000000100000001",
     BIT(META) | BIT(IP6) | BIT(IP), 0, 0x86dd, 50, 48},
    {"no next header", BEBA_LINK_IP, IP6("0000", "3b"), BIT(META) | BIT(IP6) | BIT(IP), 0, 0x86dd,
     59, 40},
    {"extension header beyond the packet", BEBA_LINK_IP, IP6("0008", "3c") "11010000 00000000",
     BIT(META) | BIT(IP6) | BIT(IP), BEBA_FLAW_TRUNCATED, 0x86dd, 60, 40},
    {"ICMP is not ICMPv6", BEBA_LINK_IP, IP6("0008", "01") "0800000000010001",
     BIT(META) | BIT(IP6) | BIT(IP), 0, 0x86dd, 1, 40},
    {"GRE: checksum, key, sequence", BEBA_LINK_IP,
     "4500 0024 0000 0000 40 2f 0000 0a000001 0a000002 b0000800 00000000 0000cafe 00000001",
     BIT(META) | BIT(IP4) | BIT(IP) | BIT(GRE), 0, 0x800, 47, 36},
    {"UDP longer than the first fragment", BEBA_LINK_IP,
     "4500 001c 0000 2000 40 11 0000 0a000001 0a000002 04000035 00400000", IP4_UDP, 0, 0x800, 17, 28},
    {"UDP longer than the first fragment of IPv6", BEBA_LINK_IP,
     IP6("0010", "2c") "11000001 00000007 04000035 00400000",
     BIT(META) | BIT(IP6) | BIT(IP) | BIT(IP6FRAG) | BIT(UDP) | BIT(L4), 0, 0x86dd, 17, 56},
    {"UDP longer than an atomic fragment", BEBA_LINK_IP,
     IP6("0010", "2c") "11000000 00000007 04000035 00400000",
     BIT(META) | BIT(IP6) | BIT(IP) | BIT(IP6FRAG) | BIT(UDP) | BIT(L4), BEBA_FLAW_BAD_LENGTH, 0x86dd,
     17, 56},
    {"later IPv6 fragment", BEBA_LINK_IP, IP6("0010", "2c") "11000008 00000007 04000035 00080000",
     BIT(META) | BIT(IP6) | BIT(IP) | BIT(IP6FRAG), BEBA_FLAW_LATER_FRAGMENT, 0x86dd, 17, 48},
    {"GRE of PPTP: key, sequence, acknowledgement", BEBA_LINK_IP,
     "4500 0024 0000 0000 40 2f 0000 0a000001 0a000002 3081880b 00000007 00000001 00000002",
     BIT(META) | BIT(IP4) | BIT(IP) | BIT(GRE), 0, 0x800, 47, 36},
    {"SCTP", BEBA_LINK_IP,
     "4500 0020 0000 0000 40 84 0000 0a000001 0a000002 00010002 00000003 00000000",
     BIT(META) | BIT(IP4) | BIT(IP) | BIT(SCTP) | BIT(L4), 0, 0x800, 132, 32},
    {"ICMP", BEBA_LINK_IP, "4500 001c 0000 0000 40 01 0000 0a000001 0a000002 0800000000010001",
     BIT(META) | BIT(IP4) | BIT(IP) | BIT(ICMP), 0, 0x800, 1, 24},
    {"type 1501 is neither length nor type", BEBA_LINK_ETHERNET, MACS "05dd 0000",
     BIT(META) | BIT(ETH), 0, 0, 0, 14},
    {"type 0x0600", BEBA_LINK_ETHERNET, MACS "0600 0000", BIT(META) | BIT(ETH), 0, 0x600, 0, 14},
    {"GTP' is not GTP-U", BEBA_LINK_IP, IP4("0024") "0400 0868 0010 0000 20ff000000000001", IP4_UDP,
     BEBA_FLAW_BAD_VERSION, 0x800, 17, 28},
    {"GTP-U with an extension header", BEBA_LINK_IP,
     IP4("002c") "0400 0868 0018 0000 34ff000800000001 00000085 01100100", IP4_UDP | BIT(GTPU), 0,
     0x800, 17, 44},
    {"MPLS without bottom", BEBA_LINK_ETHERNET, MACS "8847 00010040 00020040",
     BIT(META) | BIT(ETH) | BIT(MPLS) | BIT(MPLS2), BEBA_FLAW_TRUNCATED, 0x8847, 0, 22},
    {"MPLS over a pseudowire", BEBA_LINK_ETHERNET, MACS "8847 00010140 00000000",
     BIT(META) | BIT(ETH) | BIT(MPLS), 0, 0x8847, 0, 18},
    {"MPLS to IPv4", BEBA_LINK_ETHERNET, MACS "8848 00010140" IP4("001c") UDP8,
     IP4_UDP | BIT(ETH) | BIT(MPLS), 0, 0x8848, 17, 46},
    {"ARP for ATM", BEBA_LINK_ETHERNET, MACS "0806 0013 0800 14 04 0001" IP4("001c") UDP8,
     BIT(META) | BIT(ETH), 0, 0x806, 0, 14},
    {"later IPv4 fragment", BEBA_LINK_IP, "4500 001c 0000 0001 40 11 0000 0a000001 0a000002" UDP8,
     BIT(META) | BIT(IP4) | BIT(IP), BEBA_FLAW_LATER_FRAGMENT, 0x800, 17, 20},
};
/* clang-format on */

static uint32_t from_hex(const char *hex, uint8_t *out)
{
    uint32_t n = 0;

    for (; *hex; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[n++] = (uint8_t)byte;
        hex++;
    }
    return n;
}

/* Reads every field by every way and checks that they agree. */
static void read_all(const struct beba_packet *p)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        enum beba_field_id id = (enum beba_field_id)i;
        struct beba_u128 wide;
        uint64_t v;
        bool has = beba_field_present(p, id);
        unsigned width = beba_fields[i].type.width;

        assert_int_equal(beba_field_read(p, id, &v), has);
        assert_int_equal(beba_field_read_wide(p, id, &wide), has);
        assert_true(v == wide.lo);
        if (!has)
            assert_true(!wide.hi && !wide.lo);
        else if (width <= 64)
            assert_true(!wide.hi && !(wide.lo & ~beba_mask64(width)));
    }
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++) {
        uint32_t implied = beba_layer_implies((enum beba_layer)i);
        if (p->h.layers >> i & 1) {
            assert_int_equal(p->h.layers & implied, implied);
            assert_false(p->h.layers & beba_layer_excludes((enum beba_layer)i));
        }
    }
    assert_true(p->h.l3_end <= p->len && p->h.payload <= p->len);
}

/* Parses a copy that ends where the heap block does, so that a sanitizer sees every byte too far.
 */
static struct beba_headers parse_exact(const uint8_t *d, uint32_t len, uint32_t wire, uint8_t link)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct beba_packet p = {.data = copy, .len = len, .wire_len = wire, .link = link};
    unsigned present;

    assert_non_null(copy);
    memcpy(copy, d, len);
    beba_packet_parse(&p);
    read_all(&p);
    beba_packet_checksums(&p, &present);
    free(copy);
    return p.h;
}

/* Fewer bytes: no layer that was not there, and those that are there are where they were. */
static void truncate_everywhere(const uint8_t *d, uint32_t len, uint8_t link)
{
    struct beba_headers whole = parse_exact(d, len, len, link);

    for (uint32_t n = 0; n < len; n++) {
        struct beba_headers h = parse_exact(d, n, len, link);
        assert_int_equal(h.layers & ~whole.layers, 0);
        for (unsigned i = BEBA_LAYER_ETH; i < BEBA_N_LAYERS; i++)
            if (h.layers >> i & 1)
                assert_int_equal(h.offset[i], whole.offset[i]);
        if (h.layers != whole.layers)
            assert_true(h.flaws & (BEBA_FLAW_TRUNCATED | BEBA_FLAW_LATER_FRAGMENT) ||
                        h.ether_type != whole.ether_type || n <= h.payload);
        parse_exact(d, n, n, link);
    }
}

static void finds_headers(void **state)
{
    uint8_t d[256];

    for (unsigned i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        const struct frame *f = &frames[i];
        uint32_t len = from_hex(f->hex, d);
        struct beba_headers h = parse_exact(d, len, len, f->link);
        bool right = h.layers == f->layers && h.flaws == f->flaws &&
                     h.ether_type == f->ether_type && h.ip_proto == f->ip_proto &&
                     h.payload == f->payload;
        if (!right)
            fail_msg("%s: layers %#x (not %#x), flaws %#x (%#x), type %#x (%#x), proto %u (%u), "
                     "payload %u (%u)",
                     f->what, h.layers, f->layers, h.flaws, f->flaws, h.ether_type, f->ether_type,
                     h.ip_proto, f->ip_proto, h.payload, f->payload);
    }
}

static void survives_truncation(void **state)
{
    uint8_t d[SAMPLE_SIZE];
    struct beba_packet p;

    for (unsigned i = 0; i < sizeof(frames) / sizeof(*frames); i++)
        truncate_everywhere(d, from_hex(frames[i].hex, d), frames[i].link);
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        assert_int_equal(sample_build(&samples[i], &p, d, NULL), 0);
        truncate_everywhere(p.data, p.len, p.link);
    }
}

/* Each byte in turn takes values that lengths, versions and next headers care for. */
static void survives_lies(void **state)
{
    static const uint8_t lies[] = {0, 1, 4, 5, 6, 0x0f, 0x2c, 0x45, 0x65, 0x81, 0xff};
    uint8_t d[SAMPLE_SIZE];
    struct beba_packet p;

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        assert_int_equal(sample_build(&samples[i], &p, d, NULL), 0);
        for (uint32_t at = 0; at < p.h.payload; at++) {
            uint8_t honest = p.data[at];
            for (unsigned k = 0; k < sizeof(lies); k++) {
                p.data[at] = lies[k];
                parse_exact(p.data, p.len, p.len, p.link);
                parse_exact(p.data, p.h.payload, p.len, p.link);
            }
            p.data[at] = honest;
        }
    }
}

static void survives_noise(void **state)
{
    uint8_t d[SAMPLE_SIZE];
    uint64_t seed = 1;
    struct beba_packet p;

    for (unsigned round = 0; round < 20000; round++) {
        assert_int_equal(sample_build(&samples[round % N_SAMPLES], &p, d, NULL), 0);
        for (unsigned k = 0; k < 4; k++) {
            seed = beba_splitmix64(seed);
            p.data[seed % p.len] = (uint8_t)(seed >> 32);
        }
        parse_exact(p.data, p.len, p.len + (uint32_t)(seed >> 60), (uint8_t)(seed >> 50 & 3));
    }
}

static void reads_values(void **state)
{
    static const struct {
        const char *field;
        uint64_t value;
    } want[] = {
        {"eth.dst", 0x020000000002},
        {"eth.src", 0x020000000001},
        {"eth.type", 0x86dd},
        {"ip.version", 6},
        {"ip.dscp", 0x2e},
        {"ip.ecn", 1},
        {"ip6.dscp", 0x2e},
        {"ip6.ecn", 1},
        {"ip6.flow", 0x12345},
        {"ip6.plen", 48},
        {"ip.len", 88},
        {"ip6.next", 43},
        {"ip6.proto", 6},
        {"ip.proto", 6},
        {"ip6.hlim", 63},
        {"ip.ttl", 63},
        {"ip6.exthdr", 0x30},
        {"ip.frag", 1},
        {"ip6frag.mf", 1},
        {"ip6frag.off", 0},
        {"ip6frag.id", 0x01020304},
        {"tcp.src", 1025},
        {"tcp.dst", 443},
        {"l4.src", 1025},
        {"l4.dst", 443},
        {"tcp.seq", 0x11223344},
        {"tcp.ack_no", 0x55667788},
        {"tcp.hlen", 24},
        {"tcp.flags", 0x112},
        {"tcp.ns", 1},
        {"tcp.syn", 1},
        {"tcp.ack", 1},
        {"tcp.fin", 0},
        {"tcp.window", 0x2000},
        {"tcp.csum", 0xabcd},
        {"tcp.urgptr", 0x0001},
        {"l4.payload_len", 8},
        {"pkt.len", 102},
        {"pkt.caplen", 102},
        {"in_port", 7},
    };
    static const char hex[] = MACS "86dd 6b912345 0030 2b 3f 20010db8000000000000000000000001"
                                   "20010db8000000000000000000000002 2c00000000000000"
                                   "0600000101020304 040101bb 11223344 55667788 6112 2000 abcd 0001"
                                   "02040578 0102030405060708";
    uint8_t d[256];
    struct beba_packet p = {.data = d, .in_port = 7};
    struct beba_u128 addr;

    p.len = p.wire_len = from_hex(hex, d);
    beba_packet_parse(&p);
    assert_int_equal(p.h.flaws, 0);
    for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
        uint64_t v;
        enum beba_field_id id = beba_field_find(want[i].field, strlen(want[i].field));
        if (!beba_field_read(&p, id, &v) || v != want[i].value)
            fail_msg("%s is %llx", want[i].field, (unsigned long long)v);
    }
    assert_true(beba_field_read_wide(&p, BEBA_F_IP_DST, &addr));
    assert_true(addr.hi == 0x20010db800000000 && addr.lo == 2);
    assert_true(beba_field_read_wide(&p, BEBA_F_IP6_SRC, &addr));
    assert_true(addr.hi == 0x20010db800000000 && addr.lo == 1);
    assert_false(beba_field_present(&p, BEBA_F_IP4_SRC));
    assert_false(beba_field_present(&p, BEBA_F_UDP_SRC));
}

/* A length that the wire does not bear out is not counted; one that only the capture cut is. */
static void payload_length_is_bounded_by_the_wire(void **state)
{
    uint8_t d[64];
    struct beba_packet p = {.data = d, .link = BEBA_LINK_IP};
    uint64_t v;

    p.len = p.wire_len = from_hex(IP4("0100") UDP8, d);
    beba_packet_parse(&p);
    assert_true(beba_field_read(&p, BEBA_F_L4_PAYLOAD_LEN, &v));
    assert_int_equal(v, 0);
    p.wire_len = 256;
    beba_packet_parse(&p);
    assert_true(beba_field_read(&p, BEBA_F_L4_PAYLOAD_LEN, &v));
    assert_int_equal(v, 228);
    p.len = p.wire_len = from_hex(IP4("001e") UDP8 "0102 00000000", d); /* padded */
    beba_packet_parse(&p);
    assert_true(beba_field_read(&p, BEBA_F_L4_PAYLOAD_LEN, &v));
    assert_int_equal(v, 2);
}

/* Stacks are followed up to their bound, and not one further. */
static void stacks_have_a_bound(void **state)
{
    static const struct {
        const char *head, *layer, *tail;
        unsigned deepest;
        uint8_t link;
    } rows[] = {
        {MACS "8100", "0001 8100", "0001 88b5", 16, BEBA_LINK_ETHERNET},
        {MACS "8847", "00010040", "00010140", 32, BEBA_LINK_ETHERNET},
        {IP6("0400", "3c"), "3c00000000000000", "3b00000000000000", 16, BEBA_LINK_IP},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (unsigned n = 1; n <= rows[i].deepest + 1; n++) {
            uint8_t d[2048] = {0};
            struct beba_packet p = {.data = d, .link = rows[i].link};
            p.len = from_hex(rows[i].head, d);
            for (unsigned k = 1; k < n; k++)
                p.len += from_hex(rows[i].layer, d + p.len);
            p.len += from_hex(rows[i].tail, d + p.len);
            p.wire_len = 2048;
            beba_packet_parse(&p);
            assert_int_equal(p.h.flaws, n > rows[i].deepest ? BEBA_FLAW_TOO_DEEP : 0);
        }
}

/* RFC 8335: an extended echo request has an id, and no 16-bit sequence number. */
static void reads_ids_of_the_right_messages(void **state)
{
    static const struct {
        const char *hex;
        bool v6, id, seq;
    } rows[] = {
        {"0800 0000 1234 5678", false, true, true},   {"0000 0000 1234 5678", false, true, true},
        {"0d00 0000 1234 5678", false, true, true},   {"0300 0000 1234 5678", false, false, false},
        {"2a00 0000 1234 5678", false, true, false},  {"2b00 0000 1234 5678", false, true, false},
        {"2c00 0000 1234 5678", false, false, false}, {"1300 0000 1234 5678", false, false, false},
        {"0800 0000 1234", false, true, false},       {"0800 0000 12", false, false, false},
        {"8000 0000 1234 5678", true, true, true},    {"8100 0000 1234 5678", true, true, true},
        {"a000 0000 1234 5678", true, true, false},   {"a100 0000 1234 5678", true, true, false},
        {"a200 0000 1234 5678", true, false, false},  {"0100 0000 1234 5678", true, false, false},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t d[64];
        struct beba_packet p = {.data = d, .link = BEBA_LINK_IP};
        uint64_t id, seq;
        p.len = from_hex(
            rows[i].v6 ? IP6("0008", "3a") : "4500 001c 0000 0000 40 01 0000 0a000001 0a000002", d);
        p.len += from_hex(rows[i].hex, d + p.len);
        p.wire_len = 28;
        beba_packet_parse(&p);
        assert_int_equal(beba_field_read(&p, rows[i].v6 ? BEBA_F_ICMP6_ID : BEBA_F_ICMP_ID, &id),
                         rows[i].id);
        assert_int_equal(beba_field_read(&p, rows[i].v6 ? BEBA_F_ICMP6_SEQ : BEBA_F_ICMP_SEQ, &seq),
                         rows[i].seq);
        assert_int_equal(id, rows[i].id ? 0x1234 : 0);
        assert_int_equal(seq, rows[i].seq ? 0x5678 : 0);
    }
}

static void finds_neighbour_discovery_options(void **state)
{
    static const struct {
        const char *hex;
        uint64_t sll, tll;
    } rows[] = {
        {"87000000 00000000 fe800000000000000000000000000002 0101020304050607", 0x020304050607, 0},
        {"87000000 00000000 fe800000000000000000000000000002 0501000000000578 0101020304050607",
         0x020304050607, 0},
        {"87000000 00000000 fe800000000000000000000000000002 0201020304050607", 0, 0},
        {"88000000 00000000 fe800000000000000000000000000002 0201020304050607", 0, 0x020304050607},
        {"87000000 00000000 fe800000000000000000000000000002 0500000000000578 0101020304050607", 0,
         0},
        {"87000000 00000000 fe800000000000000000000000000002 01010203040506", 0, 0},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t d[128];
        struct beba_packet p = {.data = d, .link = BEBA_LINK_IP};
        uint64_t v;
        p.len = from_hex(IP6("0028", "3a"), d);
        p.len += from_hex(rows[i].hex, d + p.len);
        p.wire_len = 128;
        beba_packet_parse(&p);
        assert_int_equal(beba_field_read(&p, BEBA_F_ND_SLL, &v), rows[i].sll != 0);
        assert_int_equal(v, rows[i].sll);
        assert_int_equal(beba_field_read(&p, BEBA_F_ND_TLL, &v), rows[i].tll != 0);
        assert_int_equal(v, rows[i].tll);
    }
}

static void reads_keys_and_fragments(void **state)
{
    static const struct {
        const char *hex;
        enum beba_field_id id;
        uint64_t value;
        bool has;
    } rows[] = {
        {"4500 0024 0000 0000 40 2f 0000 0a000001 0a000002 b0000800 00000000 0000cafe 00000001",
         BEBA_F_GRE_KEY, 0xcafe, true},
        {"4500 001c 0000 0000 40 2f 0000 0a000001 0a000002 20000800 0000beef", BEBA_F_GRE_KEY,
         0xbeef, true},
        {"4500 001c 0000 0000 40 2f 0000 0a000001 0a000002 20010800 0000beef", BEBA_F_GRE_KEY, 0,
         false},
        {"4500 001c 0000 0000 40 2f 0000 0a000001 0a000002 00000800 0000beef", BEBA_F_GRE_KEY, 0,
         false},
        {"4500 001b 0000 0000 40 2f 0000 0a000001 0a000002 20000800 0000beef", BEBA_F_GRE_KEY, 0,
         false},
        {"4500 0014 0000 0000 40 fd 0000 0a000001 0a000002", BEBA_F_IP_FRAG, 0, true},
        {"4500 0014 0000 4000 40 fd 0000 0a000001 0a000002", BEBA_F_IP_FRAG, 0, true},
        {"4500 0014 0000 2000 40 fd 0000 0a000001 0a000002", BEBA_F_IP_FRAG, 1, true},
        {"4500 0014 0000 0001 40 fd 0000 0a000001 0a000002", BEBA_F_IP_FRAG, 1, true},
        {IP6("0008", "2c") "fd000000 00000007", BEBA_F_IP_FRAG, 0, true},
        {IP6("0008", "2c") "fd000001 00000007", BEBA_F_IP_FRAG, 1, true},
        {IP6("0008", "2c") "fd000008 00000007", BEBA_F_IP_FRAG, 1, true},
        {IP6("0000", "fd"), BEBA_F_IP_FRAG, 0, true},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t d[64];
        struct beba_packet p = {.data = d, .link = BEBA_LINK_IP};
        uint64_t v;
        p.len = p.wire_len = from_hex(rows[i].hex, d);
        beba_packet_parse(&p);
        assert_int_equal(beba_field_read(&p, rows[i].id, &v), rows[i].has);
        assert_int_equal(v, rows[i].value);
    }
}

/* OpenFlow 1.3.5, section 7.2.3.8. */
static void reads_extension_bits(void **state)
{
    static const struct {
        const char *hex;
        uint64_t bits;
    } rows[] = {
        {IP6("0008", "11") UDP8, 0},
        {IP6("0000", "3b"), 1},
        {IP6("0008", "00") "3b00000000000000", 0x41},
        {IP6("0010", "2b") "0000000000000000 3b00000000000000", 0x161},
        {IP6("0010", "3c") "2b00000000000000 3b00000000000000", 0x29},
        {IP6("0018", "3c") "2b00000000000000 3c00000000000000 3b00000000000000", 0x29},
        {IP6("0018", "3c") "3c00000000000000 3c00000000000000 3b00000000000000", 0x89},
        {IP6("0010", "2b") "2b00000000000000 3b00000000000000", 0xa1},
        {IP6("0010", "2c") "2b00000000000000 3b00000000000000", 0x131},
        {IP6("0010", "2c") "3200000000000000 0000000000000000", 0x12},
    };
    uint8_t d[256];

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct beba_packet p = {.data = d, .link = BEBA_LINK_IP};
        uint64_t v;
        p.len = p.wire_len = from_hex(rows[i].hex, d);
        beba_packet_parse(&p);
        assert_true(beba_field_read(&p, BEBA_F_IP6_EXTHDR, &v));
        if (v != rows[i].bits)
            fail_msg("chain %u: %#llx, not %#llx", i, (unsigned long long)v,
                     (unsigned long long)rows[i].bits);
    }
}

static void expect_walked(struct beba_packet *p, const char *what, unsigned i)
{
    struct beba_headers h = {0};
    struct beba_walk w;

    beba_walk_begin(&h, &w, p->len, p->wire_len);
    beba_walk_ethernet(p->data, &h, &w, BEBA_WALK_COMPLETE);
    beba_walk_end(&h, &w);
    memset(&p->h, 0, sizeof(p->h));
    beba_packet_parse(p);
    if (p->h.layers != h.layers || p->h.flaws != h.flaws || p->h.ether_type != h.ether_type ||
        p->h.ip_proto != h.ip_proto || p->h.n_vlan != h.n_vlan || p->h.n_mpls != h.n_mpls ||
        p->h.l3_end != h.l3_end || p->h.payload != h.payload)
        fail_msg("%s, change %u: parsed in another way than walked", what, i);
    for (unsigned layer = 0; layer < BEBA_N_LAYERS; layer++)
        if (h.layers >> layer & 1)
            assert_int_equal(p->h.offset[layer], h.offset[layer]);
}

/* The usual frames are not walked; what comes out is the same, whatever is wrong with them. */
static void plain_frames_are_as_walked(void **state)
{
    static const char *const rows[][2] = {
        {"TCP", MACS "0800 4500 0030 0000 4000 40 06 0000 0a000001 0a000002"
                     "0400 0050 00000001 00000002 7010 1000 0000 0000 0101080a 0000 0001 00000002"},
        {"UDP", MACS "0800 4500 0024 0000 0000 40 11 0000 0a000001 0a000002"
                     "0400 0035 0010 0000 0102030405060708 0000000000000000000000000000"},
    };
    uint8_t d[256], changed[256];
    uint64_t random = 1;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct beba_packet p = {.data = changed};
        uint32_t len = (uint32_t)from_hex(rows[i][1], d);

        for (unsigned n = 0; n < 300000; n++) {
            memcpy(changed, d, len);
            for (unsigned k = 0; k < n % 4; k++) {
                random = beba_splitmix64(random);
                changed[12 + (random >> 32) % (len - 12)] = (uint8_t)(random >> (random & 7));
            }
            random = beba_splitmix64(random);
            p.len = n & 4 ? len : (uint32_t)(random % (len + 1));
            p.wire_len = n & 8 ? p.len : len;
            expect_walked(&p, rows[i][0], n);
        }
        for (unsigned at = 0; at < len; at++)
            for (unsigned value = 0; value < 256; value++) {
                memcpy(changed, d, len);
                changed[at] = (uint8_t)value;
                p.len = p.wire_len = len;
                expect_walked(&p, rows[i][0], at * 256 + value);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_headers),
        cmocka_unit_test(survives_truncation),
        cmocka_unit_test(survives_lies),
        cmocka_unit_test(survives_noise),
        cmocka_unit_test(reads_values),
        cmocka_unit_test(reads_extension_bits),
        cmocka_unit_test(payload_length_is_bounded_by_the_wire),
        cmocka_unit_test(reads_ids_of_the_right_messages),
        cmocka_unit_test(finds_neighbour_discovery_options),
        cmocka_unit_test(reads_keys_and_fragments),
        cmocka_unit_test(stacks_have_a_bound),
        cmocka_unit_test(plain_frames_are_as_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
