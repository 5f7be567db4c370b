/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/fixture_test.h"

#include <errno.h>

#define MICRO 0xa1b2c3d4u
#define NANO  0xa1b23c4du

static int open_bytes(const struct bytes *b, struct beba_reader **r, struct beba_error *err)
{
    char *name = save(b);
    int rc = beba_reader_open(name, r, err);

    discard(name);
    return rc;
}

static void reads_micro_and_nanoseconds_in_both_orders(void **state)
{
    static const uint32_t magic[] = {MICRO, NANO};

    for (int i = 0; i < 4; i++) {
        struct bytes b = {.swap = i & 1};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;

        put_pcap_header(&b, magic[i / 2], 65535, 1);
        put_pcap_record(&b, 1600000000, 123456, 0xab, 60, 1500);
        put_pcap_record(&b, 4294967295u, 999999, 0xcd, 14, 14);
        assert_int_equal(open_bytes(&b, &r, &err), 0);
        assert_int_equal(beba_reader_dlt(r), 1);
        assert_int_equal(beba_reader_next(r, &p, &err), 1);
        assert_int_equal(p.now, 1600000000000000000ull + (i / 2 ? 123456 : 123456000));
        assert_int_equal(p.len, 60);
        assert_int_equal(p.wire_len, 1500);
        assert_int_equal(p.link, BEBA_LINK_ETHERNET);
        assert_int_equal(p.in_port, 1);
        assert_true(p.headroom >= BEBA_HEADROOM && p.tailroom >= BEBA_TAILROOM);
        assert_int_equal(p.data[0], 0xab);
        assert_int_equal(p.data[59], 0xab);
        assert_int_equal(beba_reader_next(r, &p, &err), 1);
        assert_int_equal(p.now / 1000000000, 4294967295u);
        assert_int_equal(beba_reader_next(r, &p, &err), 0);
        assert_int_equal(beba_reader_next(r, &p, &err), 0);
        beba_reader_close(r);
        free(b.p);
    }
}

/* A fraction of more than a second, as broken tools write it: it is added, not lost. */
static void adds_up_an_impossible_fraction(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_packet p;
    struct beba_error err;

    put_pcap_header(&b, NANO, 65535, 1);
    put_pcap_record(&b, 10, 2147483648u, 1, 60, 60);
    assert_int_equal(open_bytes(&b, &r, &err), 0);
    assert_int_equal(beba_reader_next(r, &p, &err), 1);
    assert_int_equal(p.now, 12147483648ull);
    beba_reader_close(r);
    free(b.p);
}

static void maps_every_link_type(void **state)
{
    static const struct {
        uint32_t type;
        uint8_t link;
        uint32_t strip;
    } cases[] = {{1, BEBA_LINK_ETHERNET, 0}, {101, BEBA_LINK_IP, 0},  {228, BEBA_LINK_IP, 0},
                 {229, BEBA_LINK_IP, 0},     {0, BEBA_LINK_IP, 4},    {108, BEBA_LINK_IP, 4},
                 {113, BEBA_LINK_SLL, 0},    {276, BEBA_LINK_SLL2, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes b = {0};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;

        put_pcap_header(&b, MICRO, 65535, cases[i].type);
        put_pcap_record(&b, 1, 2, 0x45, 44, 44);
        put_pcap_record(&b, 1, 2, 0x45, 2, 2); /* shorter than the header to strip */
        assert_int_equal(open_bytes(&b, &r, &err), 0);
        assert_int_equal(beba_reader_next(r, &p, &err), 1);
        assert_int_equal(p.link, cases[i].link);
        assert_int_equal(p.len, 44 - cases[i].strip);
        assert_int_equal(p.wire_len, 44 - cases[i].strip);
        assert_int_equal(beba_reader_next(r, &p, &err), 1);
        assert_int_equal(p.len, cases[i].strip ? 0 : 2);
        beba_reader_close(r);
        free(b.p);
    }
}

static void names_a_link_type_it_does_not_know(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_error err;

    put_pcap_header(&b, MICRO, 65535, 105);
    assert_int_equal(open_bytes(&b, &r, &err), -ENOTSUP);
    assert_null(r);
    assert_non_null(strstr(err.what, "105 (IEEE802_11, 802.11)"));
    assert_non_null(strstr(err.hint, "editcap"));
    free(b.p);
}

static void says_why_a_file_is_no_capture(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } cases[] = {{"", 0, "empty"},
                 {"\x1f\x8b\x08\x00", 4, "gzip data"},
                 {"hello, this is a text of some length", 36, "not a pcap or pcapng capture"},
                 {"\xd4\xc3\xb2\xa1\x02", 5, "not a pcap or pcapng capture: truncated"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes b = {0};
        struct beba_reader *r;
        struct beba_error err;

        put(&b, cases[i].bytes, cases[i].n);
        assert_int_equal(open_bytes(&b, &r, &err), -EINVAL);
        assert_non_null(strstr(err.what, cases[i].what));
        assert_non_null(strstr(err.where, "/tmp/"));
        free(b.p);
    }
}

static void says_why_a_path_cannot_be_opened(void **state)
{
    struct beba_reader *r;
    struct beba_error err;

    assert_int_equal(beba_reader_open("/nowhere/at all.pcap", &r, &err), -ENOENT);
    assert_string_equal(err.where, "/nowhere/at all.pcap");
    assert_int_equal(beba_reader_open("/tmp", &r, &err), -EISDIR);
    assert_int_equal(beba_reader_open("/tmp", &r, NULL), -EISDIR);
}

/* Cut at every byte: a prefix of the packets, then the right outcome; never a crash. */
static void survives_truncation_at_every_byte(void **state)
{
    static const size_t ends[] = {24, 24 + 16 + 60, 24 + 16 + 60 + 16 + 9};
    struct bytes b = {0};

    put_pcap_header(&b, MICRO, 65535, 1);
    put_pcap_record(&b, 1, 0, 1, 60, 60);
    put_pcap_record(&b, 2, 0, 2, 9, 9);
    for (size_t cut = 0; cut <= b.n; cut++) {
        struct bytes part = {b.p, cut, 0};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;
        int n = 0, rc;

        rc = open_bytes(&part, &r, &err);
        if (cut < 24) {
            assert_int_equal(rc, -EINVAL);
            continue;
        }
        assert_int_equal(rc, 0);
        while ((rc = beba_reader_next(r, &p, &err)) == 1)
            assert_int_equal(p.data[0], ++n);
        assert_int_equal(n, (cut >= ends[1]) + (cut >= ends[2]));
        if (cut == ends[0] || cut == ends[1] || cut == ends[2]) {
            assert_int_equal(rc, 0);
        } else {
            char where[32];

            assert_int_equal(rc, -EINVAL);
            snprintf(where, sizeof(where), ", packet %d", n + 1);
            assert_non_null(strstr(err.where, where));
            assert_int_equal(beba_reader_next(r, &p, NULL), -EINVAL); /* and stays so */
        }
        beba_reader_close(r);
    }
    free(b.p);
}

static void reports_a_corrupt_record(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_packet *const *list;
    struct beba_error err;

    put_pcap_header(&b, MICRO, 65535, 1);
    put_pcap_record(&b, 1, 0, 1, 60, 60);
    for (int i = 0; i < 64; i++)
        put32(&b, 0xffffffffu);
    assert_int_equal(open_bytes(&b, &r, &err), 0);
    assert_int_equal(beba_reader_batch(r, &list, 32, &err), 1);
    assert_int_equal(list[0]->len, 60);
    assert_int_equal(beba_reader_batch(r, &list, 32, &err), -EINVAL);
    assert_non_null(strstr(err.what, "corrupt"));
    assert_non_null(strstr(err.where, "packet 2"));
    beba_reader_close(r);
    free(b.p);
}

static void gives_whole_batches_in_buffers_of_their_own(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_packet *const *list;
    struct beba_error err;
    unsigned seen = 0;
    uint64_t done, size;
    int n;

    put_pcap_header(&b, MICRO, 65535, 1);
    for (unsigned i = 0; i < 100; i++)
        put_pcap_record(&b, i, 0, (uint8_t)i, 100, 100);
    assert_int_equal(open_bytes(&b, &r, &err), 0);
    while ((n = beba_reader_batch(r, &list, 1000, &err)) > 0) {
        assert_true(n == BEBA_READER_BATCH || n == 100 % BEBA_READER_BATCH);
        for (int i = 0; i < n; i++) { /* edits reach over both ends without meeting a neighbour */
            memset(list[i]->data - list[i]->headroom, (int)seen + i, list[i]->headroom);
            memset(list[i]->data + list[i]->len, (int)seen + i, list[i]->tailroom);
        }
        for (int i = 0; i < n; i++) {
            assert_int_equal(list[i]->data[0], seen + (unsigned)i);
            assert_int_equal(list[i]->data[99], seen + (unsigned)i);
        }
        seen += (unsigned)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(seen, 100);
    beba_reader_progress(r, &done, &size);
    assert_int_equal(done, b.n);
    assert_int_equal(size, b.n);
    beba_reader_close(r);
    free(b.p);
}

/* Longer than the 64 KiB the parser follows, and longer than the header's snapshot length. */
static void keeps_every_byte_of_long_packets(void **state)
{
    static const uint32_t snaplen[] = {65535, 262144, 100, 0};

    for (size_t i = 0; i < sizeof(snaplen) / sizeof(*snaplen); i++) {
        struct bytes b = {0};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;

        put_pcap_header(&b, MICRO, snaplen[i], 1);
        put_pcap_record(&b, 1, 0, 7, BEBA_CAPTURE_MAX, 300000);
        assert_int_equal(open_bytes(&b, &r, &err), 0);
        assert_int_equal(beba_reader_next(r, &p, &err), 1);
        assert_int_equal(p.len, BEBA_CAPTURE_MAX);
        assert_int_equal(p.wire_len, 300000);
        assert_int_equal(p.data[p.len - 1], 7);
        beba_reader_close(r);
        free(b.p);
    }
}

static void put_section(struct bytes *b)
{
    put32(b, 0x0a0d0d0a);
    put32(b, 28);
    put32(b, 0x1a2b3c4d);
    put16(b, 1);
    put16(b, 0);
    put32(b, 0xffffffffu);
    put32(b, 0xffffffffu);
    put32(b, 28);
}

/* An interface with timestamps in 10^-resolution seconds. */
static void put_interface(struct bytes *b, unsigned type, uint8_t resolution)
{
    put32(b, 1);
    put32(b, 32);
    put16(b, type);
    put16(b, 0);
    put32(b, 0);
    put16(b, 9); /* if_tsresol */
    put16(b, 1);
    put(b, &resolution, 1);
    put_fill(b, 0, 3);
    put32(b, 0); /* end of options */
    put32(b, 32);
}

static void put_enhanced(struct bytes *b, uint32_t interface, uint64_t time, uint8_t fill,
                         uint32_t len)
{
    uint32_t padded = (len + 3) & ~3u;

    put32(b, 6);
    put32(b, 32 + padded);
    put32(b, interface);
    put32(b, (uint32_t)(time >> 32));
    put32(b, (uint32_t)time);
    put32(b, len);
    put32(b, len);
    put_fill(b, fill, padded);
    put32(b, 32 + padded);
}

static void tells_the_interfaces_of_pcapng_apart(void **state)
{
    for (int swap = 0; swap < 2; swap++) {
        struct bytes b = {.swap = swap};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;

        put_section(&b);
        put_interface(&b, 1, 9);
        put_interface(&b, 1, 6);
        for (uint32_t i = 0; i < 5000; i++) /* more than any read-ahead holds */
            put_enhanced(&b, i % 2, 1700000000123456789ull / (i % 2 ? 1000 : 1), (uint8_t)i, 61);
        assert_int_equal(open_bytes(&b, &r, &err), 0);
        for (uint32_t i = 0; i < 5000; i++) {
            assert_int_equal(beba_reader_next(r, &p, &err), 1);
            assert_int_equal(p.in_port, i % 2 + 1);
            assert_int_equal(p.data[60], (uint8_t)i);
            assert_int_equal(p.now, i % 2 ? 1700000000123456000ull : 1700000000123456789ull);
        }
        assert_int_equal(beba_reader_next(r, &p, &err), 0);
        beba_reader_close(r);
        free(b.p);
    }
}

static void survives_truncation_of_pcapng(void **state)
{
    struct bytes b = {0};

    put_section(&b);
    put_interface(&b, 1, 9);
    put_enhanced(&b, 0, 1, 1, 20);
    put_enhanced(&b, 0, 2, 2, 20);
    for (size_t cut = 0; cut <= b.n; cut++) {
        struct bytes part = {b.p, cut, 0};
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;
        int n = 0, rc;

        if (open_bytes(&part, &r, &err))
            continue;
        assert_true(cut >= 60);
        while ((rc = beba_reader_next(r, &p, &err)) == 1)
            assert_int_equal(p.data[0], ++n);
        assert_int_equal(n, cut == b.n ? 2 : cut >= b.n - 52);
        assert_int_equal(rc, cut == 60 || cut == b.n - 52 || cut == b.n ? 0 : -EINVAL);
        beba_reader_close(r);
    }
    free(b.p);
}

/* Bytes in small pieces: the file header and block headers arrive in parts. */
static void reads_a_pipe_that_dribbles(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_packet p;
    struct beba_error err;
    uint64_t done, size;
    int fd[2], saved = dup(0);
    pid_t child;

    put_section(&b);
    put_interface(&b, 1, 9);
    put_interface(&b, 1, 9);
    put_enhanced(&b, 1, 1, 1, 20);
    put_enhanced(&b, 0, 2, 2, 20);
    assert_int_equal(pipe(fd), 0);
    child = fork();
    if (!child) {
        for (size_t i = 0; i < b.n; i++) {
            if (write(fd[1], b.p + i, 1) != 1)
                _exit(1);
            usleep(200);
        }
        _exit(0);
    }
    close(fd[1]);
    dup2(fd[0], 0);
    close(fd[0]);
    assert_int_equal(beba_reader_open("-", &r, &err), 0);
    assert_int_equal(beba_reader_next(r, &p, &err), 1);
    assert_int_equal(p.in_port, 2);
    assert_int_equal(beba_reader_next(r, &p, &err), 1);
    assert_int_equal(p.in_port, 1);
    assert_int_equal(beba_reader_next(r, &p, &err), 0);
    beba_reader_progress(r, &done, &size);
    assert_int_equal(done, b.n);
    assert_int_equal(size, 0);
    beba_reader_close(r);
    dup2(saved, 0);
    close(saved);
    free(b.p);
}

/* What a pipe has is given out, though a batch could hold more. */
static void does_not_wait_for_a_full_batch(void **state)
{
    struct bytes b = {0};
    struct beba_reader *r;
    struct beba_packet *const *list;
    struct beba_error err;
    int fd[2], saved = dup(0);

    put_pcap_header(&b, MICRO, 65535, 1);
    put_pcap_record(&b, 1, 0, 1, 60, 60);
    put_pcap_record(&b, 2, 0, 2, 60, 60);
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], b.p, b.n), (ssize_t)b.n);
    dup2(fd[0], 0);
    close(fd[0]);
    assert_int_equal(beba_reader_open("-", &r, &err), 0);
    assert_int_equal(beba_reader_batch(r, &list, 32, &err), 2);
    assert_int_equal(list[1]->data[0], 2);
    assert_int_equal(write(fd[1], b.p + 24, 76), 76);
    assert_int_equal(beba_reader_batch(r, &list, 32, &err), 1);
    close(fd[1]);
    assert_int_equal(beba_reader_batch(r, &list, 32, &err), 0);
    beba_reader_close(r);
    dup2(saved, 0);
    close(saved);
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_micro_and_nanoseconds_in_both_orders),
        cmocka_unit_test(adds_up_an_impossible_fraction),
        cmocka_unit_test(maps_every_link_type),
        cmocka_unit_test(names_a_link_type_it_does_not_know),
        cmocka_unit_test(says_why_a_file_is_no_capture),
        cmocka_unit_test(says_why_a_path_cannot_be_opened),
        cmocka_unit_test(survives_truncation_at_every_byte),
        cmocka_unit_test(reports_a_corrupt_record),
        cmocka_unit_test(gives_whole_batches_in_buffers_of_their_own),
        cmocka_unit_test(keeps_every_byte_of_long_packets),
        cmocka_unit_test(tells_the_interfaces_of_pcapng_apart),
        cmocka_unit_test(survives_truncation_of_pcapng),
        cmocka_unit_test(reads_a_pipe_that_dribbles),
        cmocka_unit_test(does_not_wait_for_a_full_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
