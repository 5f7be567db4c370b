/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A connection over a socket pair: framing in whatever pieces bytes come, queues with an end. */
#include "switch/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    unsigned opened, messages, drained, closed;
    uint32_t last_len;
    bool pause, echo;
    char why[160];
};

static void on_opened(void *arg, struct beba_conn *c)
{
    ((struct seen *)arg)->opened++;
}

static void on_message(void *arg, struct beba_conn *c, const uint8_t *msg, uint32_t len)
{
    struct seen *s = arg;

    s->messages++;
    s->last_len = len;
    assert_int_equal(msg[0], 4);
    if (s->echo)
        beba_conn_send(c, msg, len, BEBA_CONN_REPLY);
    if (s->pause)
        beba_conn_pause(c);
}

static void on_drained(void *arg, struct beba_conn *c)
{
    ((struct seen *)arg)->drained++;
}

static void on_closed(void *arg, struct beba_conn *c, const char *why)
{
    struct seen *s = arg;

    s->closed++;
    strncpy(s->why, why, sizeof(s->why) - 1);
}

struct world {
    uv_loop_t loop;
    struct seen seen;
    struct beba_conn *c;
    int peer;
};

static void spin(struct world *w)
{
    for (int i = 0; i < 20; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct beba_conn_events events = {&w->seen, on_opened, on_message, on_drained, on_closed};
    int fd[2];

    uv_loop_init(&w->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    w->c = beba_conn_new(&w->loop, true, NULL, true, &events);
    assert_int_equal(uv_pipe_open((uv_pipe_t *)beba_conn_stream(w->c), fd[0]), 0);
    w->peer = fd[1];
    beba_conn_start(w->c, "test");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    if (!w->seen.closed)
        beba_conn_close(w->c, "end");
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->seen.closed, 1);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    close(w->peer);
    free(w);
    return 0;
}

static void put(struct world *w, const void *bytes, size_t len)
{
    assert_int_equal(write(w->peer, bytes, len), (ssize_t)len);
}

static const uint8_t ten[10] = {4, 2, 0, 10, 0, 0, 0, 1, 'a', 'b'};

static void test_pieces(void **state)
{
    struct world *w = *state;
    uint8_t three[30];

    assert_int_equal(w->seen.opened, 1);
    for (size_t i = 0; i < sizeof(ten); i++) {
        assert_int_equal(w->seen.messages, 0);
        put(w, ten + i, 1);
        spin(w);
    }
    assert_int_equal(w->seen.messages, 1);
    assert_int_equal(w->seen.last_len, 10);
    for (unsigned i = 0; i < 3; i++)
        memcpy(three + 10 * i, ten, 10);
    put(w, three, 25);
    spin(w);
    assert_int_equal(w->seen.messages, 3);
    put(w, three + 25, 5);
    spin(w);
    assert_int_equal(w->seen.messages, 4);
}

static void test_longest(void **state)
{
    struct world *w = *state;
    uint8_t *m = calloc(1, 65535);
    size_t at = 0;

    m[0] = 4;
    m[2] = m[3] = 0xff;
    w->seen.echo = true;
    while (at < 65535) {
        ssize_t n = write(w->peer, m + at, 65535 - at);

        at += n > 0 ? (size_t)n : 0;
        spin(w);
    }
    spin(w);
    assert_int_equal(w->seen.messages, 1);
    assert_int_equal(w->seen.last_len, 65535);
    for (at = 0; at < 65535;) {
        ssize_t n = read(w->peer, m, 65535 - at);

        at += n > 0 ? (size_t)n : 0;
        spin(w);
    }
    free(m);
}

static void test_too_short(void **state)
{
    struct world *w = *state;

    put(w, "\4\2\0\7\0\0\0\1", 8);
    spin(w);
    assert_int_equal(w->seen.closed, 1);
    assert_int_equal(w->seen.messages, 0);
    assert_non_null(strstr(w->seen.why, "shorter"));
}

static void test_pause(void **state)
{
    struct world *w = *state;
    uint8_t two[20];

    memcpy(two, ten, 10);
    memcpy(two + 10, ten, 10);
    w->seen.pause = true;
    put(w, two, 20);
    spin(w);
    assert_int_equal(w->seen.messages, 1);
    w->seen.pause = false;
    beba_conn_resume(w->c);
    spin(w);
    assert_int_equal(w->seen.messages, 2);
}

/* A peer that reads nothing: packets are dropped, then notices, then the connection is closed. */
static void test_full(void **state)
{
    struct world *w = *state;
    uint8_t *m = calloc(1, 65536);
    struct beba_conn_stats stats;
    size_t sent = 0;

    while (beba_conn_send(w->c, m, 65536, BEBA_CONN_PACKET))
        sent++;
    assert_in_range(sent, 16, 17);
    spin(w);
    while (beba_conn_send(w->c, m, 65536, BEBA_CONN_NOTICE))
        sent++;
    assert_in_range(sent, 127, 145);
    beba_conn_stats(w->c, &stats);
    assert_int_equal(stats.dropped, 2);
    assert_int_equal(stats.messages_out, sent);
    while (beba_conn_send(w->c, m, 65536, BEBA_CONN_REPLY))
        sent++;
    assert_in_range(sent, 255, 275);
    spin(w);
    assert_int_equal(w->seen.closed, 1);
    assert_non_null(strstr(w->seen.why, "does not read"));
    free(m);
}

/* What was sent before the end arrives. */
static void test_finish(void **state)
{
    struct world *w = *state;
    char got[16];

    beba_conn_send(w->c, ten, 10, BEBA_CONN_REPLY);
    beba_conn_finish(w->c, "over");
    spin(w);
    assert_int_equal(read(w->peer, got, sizeof(got)), 10);
    assert_int_equal(read(w->peer, got, sizeof(got)), 0);
    put(w, ten, 10);
    shutdown(w->peer, SHUT_WR);
    spin(w);
    assert_int_equal(w->seen.messages, 0);
    assert_int_equal(w->seen.closed, 1);
    assert_string_equal(w->seen.why, "over");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finish, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
