/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/fixture_test.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char *temporary(void)
{
    struct bytes none = {.p = (uint8_t *)""};

    return save(&none);
}

static void writes_what_it_reads_back(void **state)
{
    static const int dlts[] = {DLT_EN10MB, DLT_RAW, DLT_IPV4, DLT_LINUX_SLL, DLT_LINUX_SLL2};

    for (size_t i = 0; i < sizeof(dlts) / sizeof(*dlts); i++) {
        char *name = temporary();
        struct beba_writer *w;
        struct beba_reader *r;
        struct beba_packet p;
        struct beba_error err;
        uint64_t written, given;
        uint8_t data[1500];

        assert_int_equal(beba_writer_open(name, dlts[i], &w, &err), 0);
        for (uint32_t k = 0; k < 1000; k++) {
            memset(data, (int)k, sizeof(data));
            assert_int_equal(
                beba_writer_put(w, 1700000000000000001ull + k, data, k + 1, k + 10, &err), 0);
        }
        assert_int_equal(beba_writer_flush(w, &err), 0);
        beba_writer_progress(w, &written, &given);
        assert_int_equal(written, 1000);
        assert_int_equal(given, 1000);
        assert_int_equal(beba_writer_close(w, &err), 0);
        assert_int_equal(beba_reader_open(name, &r, &err), 0);
        assert_int_equal(beba_reader_dlt(r), dlts[i]);
        for (uint32_t k = 0; k < 1000; k++) {
            assert_int_equal(beba_reader_next(r, &p, &err), 1);
            assert_int_equal(p.now, 1700000000000000001ull + k);
            assert_int_equal(p.len, k + 1);
            assert_int_equal(p.wire_len, k + 10);
            assert_int_equal(p.data[k], (uint8_t)k);
        }
        assert_int_equal(beba_reader_next(r, &p, &err), 0);
        beba_reader_close(r);
        discard(name);
    }
}

static void keeps_a_file_without_packets_valid(void **state)
{
    char *name = temporary();
    struct beba_writer *w;
    struct beba_reader *r;
    struct beba_packet p;
    struct beba_error err;

    assert_int_equal(beba_writer_open(name, DLT_EN10MB, &w, &err), 0);
    assert_int_equal(beba_writer_close(w, &err), 0);
    assert_int_equal(beba_reader_open(name, &r, &err), 0);
    assert_int_equal(beba_reader_next(r, &p, &err), 0);
    beba_reader_close(r);
    discard(name);
}

static void refuses_what_a_record_cannot_hold(void **state)
{
    char *name = temporary();
    uint8_t *data = calloc(1, BEBA_CAPTURE_MAX + 1);
    struct beba_writer *w;
    struct beba_error err;
    struct stat st;

    assert_int_equal(beba_writer_open(name, DLT_EN10MB, &w, &err), 0);
    assert_int_equal(beba_writer_put(w, 0, data, BEBA_CAPTURE_MAX + 1, 0, &err), -EMSGSIZE);
    assert_int_equal(beba_writer_put(w, UINT64_MAX, data, 60, 60, &err), -EOVERFLOW);
    for (int i = 0; i < 4; i++) /* more than the buffer */
        assert_int_equal(beba_writer_put(w, 0, data, BEBA_CAPTURE_MAX, 0, &err), 0);
    assert_int_equal(beba_writer_close(w, &err), 0);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_size, 24 + 4 * (16 + BEBA_CAPTURE_MAX));
    free(data);
    discard(name);
}

static void reports_a_full_disk(void **state)
{
    struct beba_writer *w;
    struct beba_error err;
    uint8_t data[100] = {0};

    assert_int_equal(beba_writer_open("/dev/full", DLT_EN10MB, &w, &err), 0);
    assert_int_equal(beba_writer_put(w, 0, data, 100, 100, &err), 0);
    assert_int_equal(beba_writer_close(w, &err), -ENOSPC);
    assert_non_null(strstr(err.what, "No space left"));
    assert_string_equal(err.where, "/dev/full");
    assert_string_equal(err.hint, "0 of 1 packets are in the file, all whole");

    assert_int_equal(beba_writer_open("/dev/full", DLT_EN10MB, &w, &err), 0);
    assert_int_equal(beba_writer_put(w, 0, data, 100, 100, &err), 0);
    assert_int_equal(beba_writer_flush(w, &err), -ENOSPC);
    assert_int_equal(beba_writer_put(w, 0, data, 100, 100, &err), -ENOSPC);
    assert_int_equal(beba_writer_close(w, &err), -ENOSPC);
}

/* The file may grow to limit bytes: what is in it afterwards is whole records. */
static void leaves_only_whole_records(void **state)
{
    struct rlimit old, limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    for (rlim_t most = 0; most < 400; most += 7) {
        char *name = temporary();
        struct beba_writer *w;
        struct beba_error err;
        struct stat st;
        uint8_t data[84] = {0};

        assert_int_equal(beba_writer_open(name, DLT_EN10MB, &w, &err), 0);
        for (int i = 0; i < 10; i++)
            assert_int_equal(beba_writer_put(w, 0, data, sizeof(data), 0, &err), 0);
        limit = old;
        limit.rlim_cur = most;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(beba_writer_close(w, &err), -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_size, most < 24 ? 0 : 24 + (most - 24) / 100 * 100);
        discard(name);
    }
}

static void reports_a_closed_pipe_and_a_bad_path(void **state)
{
    int fd[2], saved = dup(1);
    struct beba_writer *w;
    struct beba_error err;

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(beba_writer_open("/nowhere/x.pcap", DLT_EN10MB, &w, &err), -ENOENT);
    assert_string_equal(err.where, "/nowhere/x.pcap");
    assert_int_equal(pipe(fd), 0);
    close(fd[0]);
    fflush(stdout);
    dup2(fd[1], 1);
    close(fd[1]);
    assert_int_equal(beba_writer_open("-", DLT_EN10MB, &w, &err), 0);
    assert_int_equal(beba_writer_close(w, &err), -EPIPE);
    dup2(saved, 1);
    close(saved);
    assert_string_equal(err.where, "standard output");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_reads_back),
        cmocka_unit_test(keeps_a_file_without_packets_valid),
        cmocka_unit_test(refuses_what_a_record_cannot_hold),
        cmocka_unit_test(reports_a_full_disk),
        cmocka_unit_test(leaves_only_whole_records),
        cmocka_unit_test(reports_a_closed_pipe_and_a_bad_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
