/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/conn.h"
#include "switch/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_SIZE = 2 * 65536, /* the longest message twice: what has come is moved seldom */
    FINISH_MS = 1000,
};

struct queue {
    uint8_t *data;
    size_t len, cap;
};

enum state { NEW, HANDSHAKE, OPEN, FINISHING, CLOSED };

struct beba_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io;
    uv_prepare_t flush;
    uv_timer_t deadline;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct beba_conn_events events;
    struct beba_tls *tls;
    enum state state;
    unsigned handles; /* of libuv's, not closed yet */
    bool paused;      /* by the owner */
    bool full;        /* more than HIGH waits */
    bool writing, reading, in_consume;
    char peer[96];
    char why[160];
    uint8_t *in, *cipher;
    size_t in_len, in_at;
    struct queue pending, flying; /* plaintext that waits; what libuv writes */
    struct beba_conn_stats stats;
};

static void start_reading(struct beba_conn *c);

/* --- queues -------------------------------------------------------------------------------- */

static uint8_t *queue_room(struct queue *q, size_t len)
{
    if (q->cap - q->len < len) {
        size_t cap = q->cap ? q->cap : 4096;
        uint8_t *data;

        while (cap - q->len < len)
            cap *= 2;
        data = realloc(q->data, cap);
        if (!data)
            return NULL;
        q->data = data;
        q->cap = cap;
    }
    q->len += len;
    return q->data + q->len - len;
}

/* A burst's memory is given back. */
static void queue_empty(struct queue *q)
{
    q->len = 0;
    if (q->cap > BEBA_CONN_HIGH) {
        free(q->data);
        *q = (struct queue){0};
    }
}

size_t beba_conn_queued(const struct beba_conn *c)
{
    return c->pending.len + c->flying.len;
}

/* --- closing ------------------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *h)
{
    struct beba_conn *c = h->data;

    if (--c->handles)
        return;
    c->events.closed(c->events.arg, c, c->why);
    beba_tls_free(c->tls);
    free(c->pending.data);
    free(c->flying.data);
    free(c->cipher);
    free(c->in);
    free(c);
}

void beba_conn_close(struct beba_conn *c, const char *why)
{
    if (c->state == CLOSED)
        return;
    if (c->state != FINISHING)
        snprintf(c->why, sizeof(c->why), "%s", why);
    c->state = CLOSED;
    uv_close(&c->io.handle, on_handle_closed);
    uv_close((uv_handle_t *)&c->flush, on_handle_closed);
    uv_close((uv_handle_t *)&c->deadline, on_handle_closed);
}

static void on_deadline(uv_timer_t *t)
{
    struct beba_conn *c = t->data;

    beba_conn_close(c, c->why);
}

static void on_shutdown(uv_shutdown_t *r, int status)
{
    struct beba_conn *c = r->data;

    /* The peer reads to its end and closes, else the deadline does. */
    if (status < 0)
        beba_conn_close(c, c->why);
}

static void finish_written(struct beba_conn *c)
{
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, &c->io.stream, on_shutdown) < 0)
        beba_conn_close(c, c->why);
}

/* --- writing ------------------------------------------------------------------------------- */

static void flush(struct beba_conn *c);

static void drained(struct beba_conn *c)
{
    bool was_full = c->full;

    c->full = false;
    if (c->state == FINISHING && !beba_conn_queued(c)) {
        finish_written(c);
        return;
    }
    if (c->state != OPEN)
        return;
    if (was_full || c->paused)
        c->events.drained(c->events.arg, c);
    if (c->state == OPEN && was_full)
        start_reading(c);
}

static void on_written(uv_write_t *w, int status)
{
    struct beba_conn *c = w->data;

    c->writing = false;
    queue_empty(&c->flying);
    if (status < 0) {
        beba_conn_close(c, uv_strerror(status));
        return;
    }
    if (c->state == CLOSED)
        return;
    flush(c);
    if (beba_conn_queued(c) < BEBA_CONN_HIGH / 2)
        drained(c);
}

static bool take_cipher(struct beba_conn *c)
{
    size_t n = beba_tls_pending(c->tls);
    uint8_t *room = n ? queue_room(&c->flying, n) : NULL;

    if (n && !room)
        return false;
    return !n || beba_tls_take(c->tls, room, n) == n;
}

static void flush(struct beba_conn *c)
{
    uv_buf_t buf;
    int r;

    uv_prepare_stop(&c->flush);
    if (c->writing || c->state == NEW || c->state == CLOSED)
        return;
    if (!c->tls) {
        struct queue swap = c->flying;

        c->flying = c->pending;
        c->pending = swap;
    } else {
        bool good = true;

        if (c->state != HANDSHAKE && c->pending.len) {
            good = beba_tls_write(c->tls, c->pending.data, c->pending.len);
            queue_empty(&c->pending);
        }
        if (!good || !take_cipher(c)) {
            beba_conn_close(c, "TLS failed");
            return;
        }
    }
    if (!c->flying.len)
        return;
    c->stats.bytes_out += c->flying.len;
    buf = uv_buf_init((char *)c->flying.data, (unsigned)c->flying.len);
    c->write.data = c;
    r = uv_write(&c->write, &c->io.stream, &buf, 1, on_written);
    if (r < 0)
        beba_conn_close(c, uv_strerror(r));
    else
        c->writing = true;
}

static void on_flush(uv_prepare_t *p)
{
    flush(p->data);
}

static const size_t limits[BEBA_CONN_N_CLASSES] = {
    [BEBA_CONN_PACKET] = 1 << 20,
    [BEBA_CONN_NOTICE] = 8 << 20,
    [BEBA_CONN_REPLY] = 16 << 20,
};

bool beba_conn_send(struct beba_conn *c, const void *msg, size_t len, enum beba_conn_class class)
{
    uint8_t *room = NULL;

    if (c->state != OPEN)
        return false;
    if (beba_conn_queued(c) + len <= limits[class])
        room = queue_room(&c->pending, len);
    if (!room && class == BEBA_CONN_REPLY)
        beba_conn_close(c, "it does not read what it asked for");
    if (!room) {
        c->stats.dropped++;
        return false;
    }
    memcpy(room, msg, len);
    c->stats.messages_out++;
    if (!c->writing)
        uv_prepare_start(&c->flush, on_flush);
    return true;
}

/* --- reading ------------------------------------------------------------------------------- */

static bool may_read(const struct beba_conn *c)
{
    return !c->paused && !c->full;
}

/* Hands over the messages that are whole. */
static void consume(struct beba_conn *c)
{
    if (c->in_consume)
        return;
    c->in_consume = true;
    while (c->state == OPEN && may_read(c) && c->in_len - c->in_at >= 8) {
        const uint8_t *msg = c->in + c->in_at;
        uint32_t len = (uint32_t)(msg[2] << 8 | msg[3]);

        if (len < 8) {
            beba_conn_close(c, "a message that is shorter than its header");
            break;
        }
        if (c->in_len - c->in_at < len)
            break;
        c->in_at += len;
        c->stats.messages_in++;
        c->events.message(c->events.arg, c, msg, len);
        if (beba_conn_queued(c) > BEBA_CONN_HIGH)
            c->full = true;
    }
    c->in_consume = false;
    if (c->state == CLOSED)
        return;
    if (c->in_at) {
        memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
        c->in_len -= c->in_at;
        c->in_at = 0;
    }
}

static void opened(struct beba_conn *c)
{
    c->state = OPEN;
    c->events.opened(c->events.arg, c);
}

/* Plaintext out of TLS, as far as there is room for it. */
static void decrypt(struct beba_conn *c)
{
    char why[160] = "TLS failed";

    while (c->state == HANDSHAKE || c->state == OPEN || c->state == FINISHING) {
        size_t room = IN_SIZE - c->in_len;
        int n = 0;

        if (room)
            n = beba_tls_read(c->tls, c->in + c->in_len, room, why);
        if (n < 0) {
            flush(c); /* the alert that says why */
            beba_conn_close(c, n == -EPIPE ? "closed by the peer" : why);
            return;
        }
        if (c->state == HANDSHAKE && beba_tls_done(c->tls))
            opened(c);
        if (!n)
            break;
        if (c->state == FINISHING)
            continue;
        c->in_len += (size_t)n;
        consume(c);
        if (!may_read(c))
            break;
    }
    if (c->state != CLOSED && beba_tls_pending(c->tls))
        flush(c);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct beba_conn *c = h->data;

    if (c->tls)
        *buf = uv_buf_init((char *)c->cipher, IN_SIZE / 2);
    else
        *buf = uv_buf_init((char *)c->in + c->in_len, (unsigned)(IN_SIZE - c->in_len));
}

static void stop_reading(struct beba_conn *c)
{
    if (c->reading)
        uv_read_stop(&c->io.stream);
    c->reading = false;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct beba_conn *c = s->data;

    if (n == 0 || c->state == CLOSED)
        return;
    if (n < 0) {
        beba_conn_close(c, n == UV_EOF ? "closed by the peer" : uv_strerror((int)n));
        return;
    }
    c->stats.bytes_in += (uint64_t)n;
    if (c->tls) {
        if (!beba_tls_feed(c->tls, c->cipher, (size_t)n))
            beba_conn_close(c, "not enough memory for TLS");
        else
            decrypt(c);
    } else if (c->state != FINISHING) {
        c->in_len += (size_t)n;
        consume(c);
    }
    if (c->state == OPEN && !may_read(c))
        stop_reading(c);
}

static void start_reading(struct beba_conn *c)
{
    if (c->in_consume)
        return;
    consume(c);
    if (c->tls && c->state == OPEN && may_read(c))
        decrypt(c);
    if (c->state == CLOSED || c->reading || !may_read(c))
        return;
    c->reading = true;
    uv_read_start(&c->io.stream, on_alloc, on_read);
}

void beba_conn_pause(struct beba_conn *c)
{
    c->paused = true;
}

static void on_resumed(uv_timer_t *t)
{
    struct beba_conn *c = t->data;

    if (c->state == OPEN)
        start_reading(c);
}

/* Not at once: the caller may be in the middle of an event. */
void beba_conn_resume(struct beba_conn *c)
{
    c->paused = false;
    if (c->state == OPEN)
        uv_timer_start(&c->deadline, on_resumed, 0, 0);
}

/* --- the connection ------------------------------------------------------------------------ */

struct beba_conn *beba_conn_new(uv_loop_t *loop, bool local, struct beba_tls_context *tls,
                                bool server, const struct beba_conn_events *events)
{
    struct beba_conn *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->events = *events;
    c->in = malloc(IN_SIZE);
    if (tls) {
        c->tls = beba_tls_new(tls, server);
        c->cipher = malloc(IN_SIZE / 2);
    }
    if (!c->in || (tls && (!c->tls || !c->cipher))) {
        beba_tls_free(c->tls);
        free(c->cipher);
        free(c->in);
        free(c);
        return NULL;
    }
    if (local)
        uv_pipe_init(loop, &c->io.pipe, 0);
    else
        uv_tcp_init(loop, &c->io.tcp);
    uv_prepare_init(loop, &c->flush);
    uv_timer_init(loop, &c->deadline);
    c->io.handle.data = c->flush.data = c->deadline.data = c;
    c->handles = 3;
    return c;
}

uv_stream_t *beba_conn_stream(struct beba_conn *c)
{
    return &c->io.stream;
}

const char *beba_conn_peer(const struct beba_conn *c)
{
    return c->peer;
}

void beba_conn_start(struct beba_conn *c, const char *peer)
{
    char why[160] = "TLS failed";

    snprintf(c->peer, sizeof(c->peer), "%s", peer);
    if (c->io.handle.type == UV_TCP)
        uv_tcp_nodelay(&c->io.tcp, 1);
    if (!c->tls) {
        opened(c);
    } else {
        c->state = HANDSHAKE;
        if (beba_tls_read(c->tls, c->in, IN_SIZE, why) < 0) {
            beba_conn_close(c, why);
            return;
        }
        flush(c);
    }
    if (c->state == OPEN || c->state == HANDSHAKE)
        start_reading(c);
}

void beba_conn_finish(struct beba_conn *c, const char *why)
{
    if (c->state == CLOSED || c->state == FINISHING)
        return;
    snprintf(c->why, sizeof(c->why), "%s", why);
    c->state = FINISHING;
    c->in_len = c->in_at;
    uv_timer_start(&c->deadline, on_deadline, FINISH_MS, 0);
    if (!c->reading) {
        c->reading = true;
        uv_read_start(&c->io.stream, on_alloc, on_read);
    }
    if (!c->writing)
        flush(c);
    if (!c->writing && c->state == FINISHING)
        finish_written(c);
}

void beba_conn_stats(const struct beba_conn *c, struct beba_conn_stats *out)
{
    *out = c->stats;
}
