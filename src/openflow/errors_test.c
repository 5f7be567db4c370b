/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Malformed and forbidden messages, and the error that each gets. */
#include "openflow/codec.h"
#include "openflow/hex_test.h"

#define X   "bebabeba"
#define ANY "ffffffff"

static struct beba_arena arena;
static uint8_t bytes[70000], reply[70000];

static int clean(void **state)
{
    beba_arena_free(&arena);
    return 0;
}

struct bad {
    const char *hex;
    uint16_t type, code;
};

static void expect(const char *hex, size_t n, uint16_t type, uint16_t code)
{
    struct beba_of_codec codec = {.side = BEBA_OF_FROM_CONTROLLER};
    struct beba_of_error err = {0};
    struct beba_of_msg m;
    uint8_t *exact = malloc(n); /* so that a sanitizer sees reads past its end */
    int r;

    memcpy(exact, bytes, n);
    r = beba_of_decode(exact, n, &codec, &arena, &m, &err);
    if (r != -EINVAL || err.type != type || err.code != code || !err.what[0])
        fail_msg("%s: %d %u/%u %s, not %u/%u", hex, r, err.type, err.code, err.what, type, code);
    assert_int_equal(err.experimenter,
                     type == OFPET_EXPERIMENTER
                         ? code >= ONFERR_ET_UNKNOWN ? ONF_EXPERIMENTER : BEBA_EXPERIMENTER
                         : 0);
    free(exact);
}

static void expect_all(const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(bad[i].hex, hex_read(bad[i].hex, bytes, sizeof(bytes)), bad[i].type, bad[i].code);
}
#define EXPECT(list) expect_all(list, sizeof(list) / sizeof((list)[0]))

/* Sets the length of a message to what is there. */
static size_t fit(const char *hex)
{
    size_t n = hex_read(hex, bytes, sizeof(bytes));

    bytes[2] = (uint8_t)(n >> 8);
    bytes[3] = (uint8_t)n;
    return n;
}

static void expect_fit(const char *format, const struct bad *bad, size_t n)
{
    static char hex[4096];

    for (size_t i = 0; i < n; i++) {
        char *at = strchr(format, '%');

        assert_non_null(at);
        snprintf(hex, sizeof(hex), "%.*s%s%s", (int)(at - format), format, bad[i].hex, at + 1);
        expect(hex, fit(hex), bad[i].type, bad[i].code);
    }
}
#define EXPECT_IN(format, list) expect_fit(format, list, sizeof(list) / sizeof((list)[0]))

static void headers(void **state)
{
    static const struct bad bad[] = {
        {"05020008 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION},
        {"041e0008 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE},
        {"04ff0008 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE},
        {"04060020 00000001 0000000000000000 0000000000000000 0000000000000000", OFPET_BAD_REQUEST,
         OFPBRC_BAD_TYPE}, /* a switch's */
        {"04050009 00000001 00", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {"04050010 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN}, /* header and bytes differ */
        {"0409000a 00000001 0000", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {"0409000c 00000001 0003 0080", OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_BAD_FLAGS},
        {"04180018 00000001 00000004 00000000 0000000000000000", OFPET_ROLE_REQUEST_FAILED,
         OFPRRFC_BAD_ROLE},
        {"04110010 00000001 00000000 00000004", OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG},
        {"04040010 00000001 00002320 0000000a", OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER},
        {"04040010 00000001 " X " 00000002", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_MESSAGE},
        {"04040010 00000001 " X " 00000009", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_MESSAGE},
        {"04040010 00000001 4f4e4600 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE},
    };

    EXPECT(bad);
}

static void framing(void **state)
{
    static const uint8_t good[] = {4, 2, 0, 8, 0, 0, 0, 1}, lost[] = {4, 2, 0, 7, 0, 0, 0, 1};

    assert_int_equal(beba_of_length(good, 7), 0);
    assert_int_equal(beba_of_length(good, 8), 8);
    assert_int_equal(beba_of_length(lost, 8), -EPROTO);
}

#define FLOW_MOD(table, command, flags)                                                         \
    "040e0000 01020304 0000000000000000 0000000000000000 " table command " 0000 0000 8000 " ANY \
    " " ANY " " ANY " " flags " 0000 "
#define EMPTY_MATCH "0001000400000000 "

static void flow_mods(void **state)
{
    static const struct bad bad[] = {
        {FLOW_MOD("00", "05", "0000") EMPTY_MATCH, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND},
        {FLOW_MOD("00", "00", "0020") EMPTY_MATCH, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS},
        {FLOW_MOD("ff", "00", "0000") EMPTY_MATCH, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID},
        {FLOW_MOD("ff", "01", "0000") EMPTY_MATCH, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID},
        {FLOW_MOD("00", "00", "0000"), OFPET_BAD_REQUEST, OFPBRC_BAD_LEN}, /* no match */
    };

    EXPECT_IN("%", bad);
}

static void matches(void **state)
{
    static const struct bad bad[] = {
        {"0000000400000000", OFPET_BAD_MATCH, OFPBMC_BAD_TYPE},
        {"0001000300000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN},
        {"0001000900000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN}, /* past the message */
        {"0001000680000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN}, /* half a header */
        {"0001000980000004 0000000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN}, /* half a value */
        {"0001000b80000003 000001 0000000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN},
        {"0001000a80005202 0001 000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_FIELD},
        {"0001000c00000004 00000001 00000000", OFPET_BAD_MATCH, OFPBMC_BAD_FIELD}, /* NXM */
        {"0001000cffff0004 12345678 00000000", OFPET_BAD_MATCH, OFPBMC_BAD_FIELD},
        {"0001000affff0002 1234 000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_LEN},
        {"00010010ffff1a08 " X " 00000000", OFPET_BAD_MATCH, OFPBMC_BAD_FIELD},
        {"0001000effff0506 " X " 00 01 0000", OFPET_BAD_MATCH, OFPBMC_BAD_FIELD}, /* masked */
        {"00010010 80000108 00000001 ffffffff", OFPET_BAD_MATCH, OFPBMC_BAD_MASK},
        {"00010014 80000606 021100000000 80000606 00000000 00000000", OFPET_BAD_MATCH,
         OFPBMC_BAD_LEN}, /* the second one is cut */
        {"00010018 80000606 021100000000 80000606 021100000000", OFPET_BAD_MATCH, OFPBMC_DUP_FIELD},
        {"00010014 8000070c 021100000001 ffff00000000 00000000", OFPET_BAD_MATCH,
         OFPBMC_BAD_WILDCARDS},
        {"00010014ffff030c " X " 00000106 000000ff 00000000", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_MATCH_WILDCARD},
        {"0001000a 80000c02 2000 000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_VALUE},
        {"0001000f 80000c02 1001 80000e01 08 00", OFPET_BAD_MATCH, OFPBMC_BAD_VALUE},
        {"00010009 80000e01 01 00000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ},
        {"0001000f 80000c02 0000 80000e01 01 00", OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ},
        {"00010009 80001401 06 00000000000000", OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ},
        {"00010010 80000a02 0800 80001a02 0050", OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ},
        {"00010015 80000a02 0800 80001401 11 80001a02 0050 000000", OFPET_BAD_MATCH,
         OFPBMC_BAD_PREREQ}, /* a TCP port of UDP */
        {"00010012 80001604 0a000001 80000a02 0800 000000000000", OFPET_BAD_MATCH,
         OFPBMC_BAD_PREREQ}, /* it comes too late */
    };

    EXPECT_IN(FLOW_MOD("00", "00", "0000") "%", bad);
}

static void instructions(void **state)
{
    static const struct bad bad[] = {
        {"00070008 00000000", OFPET_BAD_INSTRUCTION, OFPBIC_UNKNOWN_INST},
        {"00010004", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN},
        {"0001000c 01000000 00000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN},
        {"00010010 01000000 00000000 00000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN},
        {"00010010 01000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN},
        {"00020008 00000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN},
        {"00010008 05000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID}, /* itself */
        {"00010008 fe000000", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID},
        {"00050008 00000000 00050008 00000000", OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST},
        {"ffff0008 00001234", OFPET_BAD_INSTRUCTION, OFPBIC_BAD_EXPERIMENTER},
        {"ffff0010 " X " 00000001 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_INSTRUCTION},
        {"ffff0010 " X " 00000000 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
    };

    EXPECT_IN(FLOW_MOD("05", "00", "0000") EMPTY_MATCH "%", bad);
}

/* Each in an apply-actions, which is padded to a right length itself. */
static void actions(void **state)
{
    static const struct bad bad[] = {
        {"001c0008 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_TYPE},
        {"00010008 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_TYPE},
        {"00000008 00000001", OFPET_BAD_ACTION, OFPBAC_BAD_LEN},
        {"00000004 00000001", OFPET_BAD_ACTION, OFPBAC_BAD_LEN},
        {"00000010 00000001", OFPET_BAD_ACTION, OFPBAC_BAD_LEN},
        {"00180010 00000000 00000000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_LEN},
        {"00000010 00000000 00000000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT},
        {"00000010 ffffffff 00000000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT},
        {"00000010 ffffff01 00000000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT},
        {"00000010 fffffff9 00000000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT},
        {"00160008 ffffff01", OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP},
        {"00110008 08000000", OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT},
        {"00130008 81000000", OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT},
        {"001a0008 88a80000", OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT},
        {"00190010 80000004 00000001 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE},
        {"00190010 80005202 0001 000000000000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE},
        {"00190010 00000004 00000001 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE},
        {"00190018 8000070c 021100000000 ffff00000000 00000000", OFPET_BAD_ACTION,
         OFPBAC_BAD_SET_TYPE}, /* masked */
        {"00190010 ffff0208 " X " 00000001", OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE},
        {"00190010 80000604 02110000 00000000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_LEN},
        {"00190010 8000060a 021100000000 0000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_LEN},
        {"00190018 80000606 021100000000 0000 0000000000000000", OFPET_BAD_ACTION,
         OFPBAC_BAD_SET_LEN},
        {"00190010 80000e01 08 00000000000000", OFPET_BAD_ACTION, OFPBAC_BAD_SET_ARGUMENT},
        {"ffff0008 00002320", OFPET_BAD_ACTION, OFPBAC_BAD_EXPERIMENTER},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        static char hex[512];
        size_t n = hex_read(bad[i].hex, bytes, sizeof(bytes));

        snprintf(hex, sizeof(hex), FLOW_MOD("00", "00", "0000") EMPTY_MATCH "0004%04zx00000000%s%s",
                 (8 + n + 7) / 8 * 8, bad[i].hex, n % 8 ? "00000000" : "");
        expect(hex, fit(hex), bad[i].type, bad[i].code);
    }
}

static void inconsistent(void **state)
{
    static const struct bad bad[] = {
        {EMPTY_MATCH "00040018 00000000 00190010 80001604 0a000001 00000000", OFPET_BAD_ACTION,
         OFPBAC_MATCH_INCONSISTENT},
        {EMPTY_MATCH "00030018 00000000 00190010 80000e01 01 00000000000000", OFPET_BAD_ACTION,
         OFPBAC_MATCH_INCONSISTENT},
    };

    EXPECT_IN(FLOW_MOD("00", "00", "0000") "%", bad);
}

#define GROUP_MOD "040f0000 01020304 "
#define METER_MOD "041d0000 01020304 "
#define PORT_MOD  "04100000 01020304 00000001 00000000 021122334455 0000 "

static void other_mods(void **state)
{
    static const struct bad bad[] = {
        {GROUP_MOD "0003 00 00 00000001", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_COMMAND},
        {GROUP_MOD "0000 04 00 00000001", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE},
        {GROUP_MOD "0000 00 00 fffffffc", OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP},
        {GROUP_MOD "0000 00 00 00000001 000f0000", OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_BUCKET},
        {METER_MOD "0003 0001 00000001", OFPET_METER_MOD_FAILED, OFPMMFC_BAD_COMMAND},
        {METER_MOD "0000 0003 00000001", OFPET_METER_MOD_FAILED, OFPMMFC_BAD_FLAGS},
        {METER_MOD "0000 0010 00000001", OFPET_METER_MOD_FAILED, OFPMMFC_BAD_FLAGS},
        {METER_MOD "0000 0001 00000000", OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER},
        {METER_MOD "0000 0001 ffffffff", OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER},
        {METER_MOD "0000 0001 00000001 0003 0010 00000001 00000000 00000000",
         OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BAND},
        {METER_MOD "0000 0001 00000001 0001 0008 00000001 00000000 00000000", OFPET_BAD_REQUEST,
         OFPBRC_BAD_LEN},
        {PORT_MOD "00000002 00000000 00000000 00000000", OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG},
        {PORT_MOD "00000000 00000000 00010000 00000000", OFPET_PORT_MOD_FAILED,
         OFPPMFC_BAD_ADVERTISE},
        {"040d0000 01020304 " ANY " 00000000 0000 000000000000", OFPET_BAD_REQUEST,
         OFPBRC_BAD_PORT},
        {"040d0000 01020304 " ANY " 00000001 0008 000000000000", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
    };

    EXPECT_IN("%", bad);
}

#define MULTIPART "04120000 01020304 "
#define FEATURES  "000c0000 00000000 "
#define NAME      "0000000000 0000000000000000000000000000000000000000000000000000000000000000"
#define NUMBERS   "0000000000000000 0000000000000000 00000000 00000000"

static void multiparts(void **state)
{
    static const struct bad bad[] = {
        {MULTIPART "000e0000 00000000", OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART},
        {MULTIPART "00000000 00000000 00", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {MULTIPART "00010000 00000000", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {MULTIPART "00040000 00000000 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {MULTIPART "ffff0000 00000000", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {MULTIPART "ffff0000 00000000 00001234 00000000", OFPET_BAD_REQUEST,
         OFPBRC_BAD_EXPERIMENTER},
        {MULTIPART "ffff0000 00000000 " X " 00000009", OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER},
        {MULTIPART "ffff0000 00000000 " X " 00000000 40000000 00000000 " EMPTY_MATCH,
         OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID},
        {MULTIPART "ffff0000 00000000 " X " 00000000 00000000", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {MULTIPART "ffff0000 00000000 " X " 00000003 00000000 00000040", OFPET_BAD_REQUEST,
         OFPBRC_BAD_TABLE_ID},
        {MULTIPART FEATURES "0050 00 " NAME NUMBERS "000e0009 0000 0000", OFPET_BAD_REQUEST,
         OFPBRC_BAD_LEN}, /* shorter than it says */
        {MULTIPART FEATURES "0048 00 " NAME NUMBERS "000e0009 00000000",
         OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_LEN},
        {MULTIPART FEATURES "0048 00 " NAME NUMBERS "00090004 00000000",
         OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TYPE},
        {MULTIPART FEATURES "0048 00 " NAME NUMBERS "00000006 00010000",
         OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_LEN},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t n = fit(bad[i].hex);

        expect(bad[i].hex, n, bad[i].type, bad[i].code);
    }
}

#define BUNDLE "04040000 01020304 4f4e4600 "

static void bundles(void **state)
{
    static const struct bad bad[] = {
        {BUNDLE "000008fc 00000001 0008 0000", OFPET_EXPERIMENTER, ONFERR_ET_BAD_TYPE},
        {BUNDLE "000008fc 00000001 0000 0004", OFPET_EXPERIMENTER, ONFERR_ET_BAD_FLAGS},
        {BUNDLE "000008fc 00000001", OFPET_BAD_REQUEST, OFPBRC_BAD_LEN},
        {BUNDLE "000008fd 00000001 0000 0000 04110018 01020304 00000000 00000000",
         OFPET_EXPERIMENTER, ONFERR_ET_MSG_BAD_LEN},
        {BUNDLE "000008fd 00000001 0000 0000 04110010 01020305 00000000 00000000",
         OFPET_EXPERIMENTER, ONFERR_ET_MSG_BAD_XID},
        {BUNDLE "000008fd 00000001 0000 0000 04140008 01020304", OFPET_EXPERIMENTER,
         ONFERR_ET_MSG_UNSUP},
        {BUNDLE "000008fd 00000001 0000 0000 04110010 01020304 00000000 00000010",
         OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG},
        {BUNDLE "000008fd 00000001 0000 0000 04040018 01020304 4f4e4600 000008fc 00000001 00000000",
         OFPET_EXPERIMENTER, ONFERR_ET_MSG_UNSUP},
    };

    EXPECT_IN("%", bad);
}

#define STATE_MOD "04040000 01020304 " X " 00000000 "
#define TEMPLATE  "04040000 01020304 " X " 00000001 "
#define KEY_48    "000000000000000000000000000000000000000000000000"

static void state_mods(void **state)
{
    static const struct bad bad[] = {
        {"04040000 01020304 " X " 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0b00", OFPET_EXPERIMENTER, BEBA_ERR_STATE_MOD_BAD_COMMAND},
        {STATE_MOD "0000 03", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0000 4001", OFPET_EXPERIMENTER, BEBA_ERR_BAD_TABLE_ID},
        {STATE_MOD "0000 400100", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN}, /* length first */
        {STATE_MOD "0100 03000000 00000000 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0100 03000000 00000000 00000002 80000606", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0100 03000000 00000000 00000007 80000606 80000606 80000606 80000606 80000606"
                   " 80000606 80000606",
         OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0100 40000000 00000000 00000001 80000606", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_TABLE_ID},
        {STATE_MOD "0300 03000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
         OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0400 03000000 00000031 " KEY_48 KEY_48 "00", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0400 03000000 00000006 0000000002", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0400 40000000 00000006 000000000002", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_TABLE_ID},
        {STATE_MOD "0500 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0600 00", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {STATE_MOD "0700 01080000 ffff1408", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXTRACTOR_ID},
        {STATE_MOD "0800 01080290 02030000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_CONDITION_ID},
        {STATE_MOD "0800 01050690 02030000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_CONDITION},
        {STATE_MOD "0800 010502c0 02030000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_OPERAND_TYPE},
        {STATE_MOD "0800 01050200 06030000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_FLOW_DATA_VAR_ID},
        {STATE_MOD "0800 01050290 02080000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID},
        {STATE_MOD "0800 01050290 08030000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXTRACTOR_ID},
        {STATE_MOD "0900 01080000 00000dac ffffffff", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID},
        {STATE_MOD "0a00 01060000 00000006 0000004d ffffffff 000000000002", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_FLOW_DATA_VAR_ID},
        {TEMPLATE "0200 00000009 00000000", OFPET_EXPERIMENTER, BEBA_ERR_PKTTMP_MOD_BAD_COMMAND},
        {TEMPLATE "0000 00000009 000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {TEMPLATE "0100 00000009 00000000 00", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
    };

    EXPECT_IN("%", bad);
}

#define VAR(types, table, op, out, operands)                                               \
    "ffff0028 " X " 00000003 00000000 " types table op out "000000 " operands " 00000000 " \
    "00000000 00000000"

static void beba_actions(void **state)
{
    static const struct bad bad[] = {
        {"ffff0018 " X " 00000005 00000000 00000000 00000000", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_EXP_ACTION},
        {"ffff0008 " X, OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {"ffff0010 " X " 00000001 00000000", OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXP_LEN},
        {"ffff0018 " X " 00000002 00000000 40000000 00000000", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_TABLE_ID},
        {VAR("3000", "40", "00", "00", "00000000"), OFPET_EXPERIMENTER, BEBA_ERR_BAD_TABLE_ID},
        {VAR("c000", "01", "00", "00", "00000000"), OFPET_EXPERIMENTER, BEBA_ERR_BAD_OPERAND_TYPE},
        {VAR("0000", "01", "00", "00", "06000000"), OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_FLOW_DATA_VAR_ID},
        {VAR("1000", "01", "00", "00", "00080000"), OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID},
        {VAR("8000", "01", "00", "00", "08000000"), OFPET_EXPERIMENTER, BEBA_ERR_BAD_EXTRACTOR_ID},
        {VAR("0000", "01", "00", "06", "00000000"), OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_FLOW_DATA_VAR_ID},
        {VAR("0000", "01", "08", "00", "00000000"), OFPET_EXPERIMENTER, BEBA_ERR_BAD_OPCODE},
        {VAR("0400", "01", "05", "00", "00000900"), OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID}, /* operand 3 itself */
        {VAR("0300", "01", "07", "00", "00000000"), OFPET_EXPERIMENTER, BEBA_ERR_BAD_OPERAND_TYPE},
        {"ffff0018 " X " 00000004 00000000 03020000 80004404", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_SOURCE_TYPE},
        {"ffff0018 " X " 00000004 00000000 00060000 80004404", OFPET_EXPERIMENTER,
         BEBA_ERR_BAD_FLOW_DATA_VAR_ID},
        {"ffff0018 " X " 00000004 00000000 01020000 80000004", OFPET_BAD_ACTION,
         OFPBAC_BAD_SET_TYPE},
        {"ffff0018 " X " 00000004 00000000 01020000 ffff0208", OFPET_BAD_ACTION,
         OFPBAC_BAD_SET_TYPE},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        static char hex[512];
        size_t n = hex_read(bad[i].hex, bytes, sizeof(bytes));

        snprintf(hex, sizeof(hex), "040d0000 01020304 " ANY " fffffffd %04zx 000000000000 %s", n,
                 bad[i].hex);
        expect(hex, fit(hex), bad[i].type, bad[i].code);
    }
}

/* --- what is answered
 * ------------------------------------------------------------------------------ */

static void answers(void **state)
{
    struct beba_of_error standard = {.type = OFPET_BAD_MATCH, .code = OFPBMC_BAD_PREREQ};
    struct beba_of_error beba = {
        .type = OFPET_EXPERIMENTER, .code = 7, .experimenter = BEBA_EXPERIMENTER};
    struct beba_of_error onf = {
        .type = OFPET_EXPERIMENTER, .code = ONFERR_ET_BAD_ID, .experimenter = ONF_EXPERIMENTER};
    struct beba_of_error hello = {.type = OFPET_HELLO_FAILED, .what = "no common version"};
    static const uint8_t head[] = {4, 1, 0, 76, 1, 2, 3, 4, 0, 4, 0, 9};
    int n;

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    memcpy(bytes + 4, (const uint8_t[]){1, 2, 3, 4}, 4);
    n = beba_of_encode_error(&standard, bytes, 1000, reply, sizeof(reply));
    assert_int_equal(n, 12 + 64);
    assert_memory_equal(reply, head, sizeof(head));
    assert_memory_equal(reply + 12, bytes, 64);
    assert_int_equal(beba_of_encode_error(&standard, bytes, 20, reply, sizeof(reply)), 12 + 20);
    assert_int_equal(beba_of_encode_error(&beba, bytes, 1000, reply, sizeof(reply)), 16 + 1000);
    assert_memory_equal(reply + 16, bytes, 1000);
    n = beba_of_encode_error(&beba, bytes, 65535, reply, sizeof(reply));
    assert_int_equal(n, 65535); /* what fits */
    assert_int_equal(beba_of_encode_error(&onf, bytes, 1000, reply, sizeof(reply)), 16 + 64);
    n = beba_of_encode_error(&hello, bytes, 8, reply, sizeof(reply));
    assert_int_equal(n, 12 + (int)strlen(hello.what));
    assert_memory_equal(reply + 12, hello.what, strlen(hello.what));
    assert_int_equal(beba_of_encode_error(&beba, bytes, 1000, reply, 100), -ENOBUFS);
}

static void names(void **state)
{
    assert_string_equal(beba_of_error_type_name(OFPET_BAD_MATCH), "BAD_MATCH");
    assert_string_equal(beba_of_error_code_name(OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ, 0),
                        "BAD_PREREQ");
    assert_string_equal(beba_of_error_code_name(OFPET_EXPERIMENTER, 7, BEBA_EXPERIMENTER),
                        "BAD_EXP_LEN");
    assert_string_equal(beba_of_error_code_name(OFPET_EXPERIMENTER, 2302, ONF_EXPERIMENTER),
                        "BAD_ID");
    assert_string_equal(beba_of_error_code_name(77, 1, 0), "?");
    assert_string_equal(beba_of_error_code_name(OFPET_BAD_MATCH, 99, 0), "?");
}

/* A bounded arena makes a large message fail, and nothing else. */
static void memory(void **state)
{
    struct beba_arena small = {.limit = 64};
    struct beba_of_codec codec = {0};
    struct beba_of_error err;
    struct beba_of_msg m;
    size_t n = fit(FLOW_MOD("00", "00", "0000") EMPTY_MATCH
                   "00040028 00000000 00000010 00000001 ffe50000 00000000 00000010 00000001 "
                   "ffe50000 00000000");

    assert_int_equal(beba_of_decode(bytes, n, &codec, &small, &m, &err), -ENOMEM);
    assert_string_equal(err.what, "no memory for a message");
    beba_arena_free(&small);
    assert_int_equal(beba_of_decode(bytes, n, &codec, &arena, &m, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(headers, clean),
        cmocka_unit_test_teardown(framing, clean),
        cmocka_unit_test_teardown(flow_mods, clean),
        cmocka_unit_test_teardown(matches, clean),
        cmocka_unit_test_teardown(instructions, clean),
        cmocka_unit_test_teardown(actions, clean),
        cmocka_unit_test_teardown(inconsistent, clean),
        cmocka_unit_test_teardown(other_mods, clean),
        cmocka_unit_test_teardown(multiparts, clean),
        cmocka_unit_test_teardown(bundles, clean),
        cmocka_unit_test_teardown(state_mods, clean),
        cmocka_unit_test_teardown(beba_actions, clean),
        cmocka_unit_test_teardown(answers, clean),
        cmocka_unit_test_teardown(names, clean),
        cmocka_unit_test_teardown(memory, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
