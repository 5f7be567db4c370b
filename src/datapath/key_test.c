/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys against the field registry, and matches on every field against tables. */
#include "datapath/key.h"

#include "base/hash.h"
#include "datapath/world.h"

static struct world w;

static bool hidden(const struct beba_packet *p, enum beba_layer layer)
{
    if (layer <= BEBA_LAYER_VLAN)
        return false;
    if (beba_packet_has(p, BEBA_LAYER_PBB))
        return layer != BEBA_LAYER_PBB;
    return beba_packet_has(p, BEBA_LAYER_MPLS) && layer != BEBA_LAYER_MPLS;
}

static void every_field_is_what_the_reader_reads(void **state)
{
    unsigned seen = 0;
    uint64_t all = 0;

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct beba_key key;

        memset(&key, 0x5a, sizeof(key));
        key.w[0] = 0;
        world_build(&w, &samples[i]);
        w.packet.tunnel_id = 77;
        w.packet.metadata = 0x123456789abcdef0;
        w.packet.in_phy_port = 9;
        beba_key_fill(&key, &w.packet);
        for (unsigned f = 0; f <= BEBA_OF_TCP_FLAGS; f++) {
            enum beba_field_id id = beba_key_packet_field((enum beba_of_field)f);
            struct beba_u128 want, got = beba_key_value(&key, (enum beba_of_field)f);
            bool has = beba_field_read_wide(&w.packet, id, &want);

            assert_true(f == BEBA_OF_TCP_FLAGS || beba_fields[id].oxm == (int)f);
            if (hidden(&w.packet, (enum beba_layer)beba_fields[id].layer))
                has = false;
            if (has && f == OFPXMT_OFB_VLAN_VID)
                want.lo |= OFPVID_PRESENT;
            if (beba_key_has(&key, f) != has)
                fail_msg("%s, %s: there %d, not %d", samples[i].what, beba_fields[id].name,
                         beba_key_has(&key, f), has);
            if (has && beba_u128_cmp(got, want))
                fail_msg("%s, %s: %llx, not %llx", samples[i].what, beba_fields[id].name,
                         (unsigned long long)got.lo, (unsigned long long)want.lo);
            all |= (uint64_t)has << f;
            seen += has;
        }
    }
    assert_int_equal(all, (1ull << (BEBA_OF_TCP_FLAGS + 1)) - 1); /* each at least once */
    assert_true(seen > 300);
    world_close(&w);
}

static void pseudo_fields_are_numbers(void **state)
{
    struct beba_key key;

    (void)state;
    world_open(&w);
    memset(&key, 0, sizeof(key));
    world_make(&w, "tcp");
    w.packet.now = 1700000000123456789;
    beba_key_fill(&key, &w.packet);
    assert_int_equal(beba_key_value(&key, BEBA_OF_PKT_LEN).lo, w.packet.len);
    assert_int_equal(beba_key_value(&key, BEBA_OF_TIMESTAMP).lo,
                     (uint32_t)(1700000000123456789 / 1000000));
    for (unsigned f = BEBA_OF_GLOBAL_STATE; f < BEBA_OF_N_FIELDS; f++) {
        beba_key_set(&key, (enum beba_of_field)f, beba_u128(0, f));
        assert_true(beba_key_has(&key, f));
    }
    for (unsigned f = BEBA_OF_GLOBAL_STATE; f < BEBA_OF_N_FIELDS; f++)
        assert_int_equal(beba_key_value(&key, (enum beba_of_field)f).lo, f);
    beba_key_absent(&key, BEBA_OF_STATE);
    assert_false(beba_key_has(&key, BEBA_OF_STATE));
    world_close(&w);
}

/* Installs the one match, with an entry behind it that takes what is left: which of them matched?
 */
static bool matches(const struct beba_of_oxm *oxm)
{
    struct beba_of_oxm copy = *oxm;
    uint32_t port;

    assert_int_equal(FLOW(&w, .command = OFPFC_DELETE, .table = OFPTT_ALL), 0);
    assert_int_equal(FLOW(&w, .priority = 9, .match = {1, &copy}, .instructions = APPLY(OUT(2))),
                     0);
    assert_int_equal(FLOW(&w, .instructions = APPLY(OUT(3))), 0);
    assert_int_equal(world_go(&w), 1);
    port = w.out[0].port;
    assert_true(port == 2 || port == 3);
    return port == 2;
}

static struct beba_u128 flip(struct beba_u128 v, unsigned bit)
{
    if (bit < 64)
        v.lo ^= 1ull << bit;
    else
        v.hi ^= 1ull << (bit - 64);
    return v;
}

static void check_field(const char *what, unsigned f, struct beba_u128 v, bool has, unsigned width)
{
    struct beba_of_oxm oxm = {.field = (uint8_t)f, .value = v};

    if (matches(&oxm) != has)
        fail_msg("%s: field %u is %s", what, f, has ? "not matched" : "matched but absent");
    for (unsigned bit = 0; has && bit<width; bit += width> 8 ? 7 : 1) {
        struct beba_u128 one = flip(beba_u128(0, 0), bit);
        oxm = (struct beba_of_oxm){.field = (uint8_t)f, .value = flip(v, bit)};
        if (matches(&oxm))
            fail_msg("%s: field %u matches with bit %u turned", what, f, bit);
        oxm.has_mask = true;
        oxm.mask = beba_u128(~one.hi, ~one.lo); /* all but that bit */
        oxm.value = beba_u128(v.hi & oxm.mask.hi, v.lo & oxm.mask.lo);
        if (!matches(&oxm))
            fail_msg("%s: field %u without bit %u does not match", what, f, bit);
    }
}

static void tables_match_on_every_field(void **state)
{
    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        world_build(&w, &samples[i]);
        for (unsigned f = 0; f <= BEBA_OF_TCP_FLAGS; f++) {
            struct beba_key key;
            struct beba_u128 v;

            if (f == OFPXMT_OFB_VLAN_VID)
                continue;
            memset(&key, 0, sizeof(key));
            beba_key_fill(&key, &w.packet);
            v = beba_key_value(&key, (enum beba_of_field)f);
            check_field(samples[i].what, f, v, beba_key_has(&key, f), beba_key_places[f].width);
        }
    }
    world_close(&w);
}

static void vlan_vid_is_there_always(void **state)
{
    static const struct {
        const char *what;
        uint64_t value, mask; /* 0: none */
        bool match;
    } row[] = {
        {"tcp", OFPVID_NONE, 0, true},
        {"tcp", OFPVID_PRESENT, OFPVID_PRESENT, false},
        {"tcp", 0, OFPVID_PRESENT, true},
        {"tcp", OFPVID_PRESENT | 100, 0, false},
        {"vlan", OFPVID_NONE, 0, false},
        {"vlan", OFPVID_PRESENT, OFPVID_PRESENT, true},
        {"vlan", 0, OFPVID_PRESENT, false},
        {"vlan", OFPVID_PRESENT | 100, 0, true},
        {"vlan", OFPVID_PRESENT | 101, 0, false},
        {"vlan", OFPVID_PRESENT | 4, OFPVID_PRESENT | 4, true},
        {"QinQ", OFPVID_PRESENT | 100, 0, true},
        {"QinQ", OFPVID_PRESENT | 200, 0, false},
    };

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
        struct beba_of_oxm oxm = {
            .field = OFPXMT_OFB_VLAN_VID,
            .has_mask = row[i].mask,
            .value = beba_u128(0, row[i].value),
            .mask = beba_u128(0, row[i].mask),
        };
        world_make(&w, row[i].what);
        if (matches(&oxm) != row[i].match)
            fail_msg("row %u", i);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_what_the_reader_reads),
        cmocka_unit_test(pseudo_fields_are_numbers),
        cmocka_unit_test(tables_match_on_every_field),
        cmocka_unit_test(vlan_vid_is_there_always),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
