/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/endpoint.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DELAY_MIN = 500, DELAY_MAX = 8000, CONNECT_MS = 5000, BACKLOG = 64 };

/* One connection and whose it is. */
struct link {
    struct beba_endpoint *e;
    struct beba_conn *conn;
    void *session;
    struct link *next, **at;
    bool counted; /* it stood */
};

struct beba_endpoint {
    struct beba_endpoint_opts opts;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listener;
    uv_timer_t timer; /* next attempt, or the end of this one */
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    struct link *links, *dialled;
    unsigned handles, n_links, n_connected;
    unsigned delay, failures;
    bool looking_up, closing;
    struct beba_log_limit limit;
};

static void dial(struct beba_endpoint *e);

static void maybe_free(struct beba_endpoint *e)
{
    if (e->closing && !e->handles && !e->links && !e->looking_up)
        free(e);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct beba_endpoint *e = h->data;

    e->handles--;
    maybe_free(e);
}

/* --- dialling ------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *t)
{
    struct beba_endpoint *e = t->data;

    if (e->dialled)
        beba_conn_close(e->dialled->conn, "no answer");
    else if (!e->looking_up)
        dial(e);
}

static void dial_later(struct beba_endpoint *e)
{
    if (e->closing)
        return;
    uv_timer_start(&e->timer, on_timer, e->delay, 0);
    e->delay = e->delay * 3 / 2 > DELAY_MAX ? DELAY_MAX : e->delay * 3 / 2;
}

/* The first failure is told, then one in sixteen: dialling goes on for days. */
static void failed(struct beba_endpoint *e, const char *why)
{
    int level = e->failures++ % 16 ? BEBA_LOG_DEBUG : BEBA_LOG_WARNING;

    beba_log(e->opts.log, level, "%s: cannot connect: %s", e->opts.address.text, why);
    dial_later(e);
}

/* --- links --------------------------------------------------------------------------------- */

static void on_opened(void *arg, struct beba_conn *c)
{
    struct link *l = arg;
    struct beba_endpoint *e = l->e;

    if (e->dialled == l) {
        uv_timer_stop(&e->timer);
        e->failures = 0;
    }
    l->session = e->opts.events.opened(e->opts.events.arg, e, c);
    if (!l->session) {
        beba_conn_close(c, "refused");
        return;
    }
    l->counted = true;
    e->n_connected++;
}

static void on_message(void *arg, struct beba_conn *c, const uint8_t *msg, uint32_t len)
{
    struct link *l = arg;

    l->e->opts.events.message(l->session, msg, len);
}

static void on_drained(void *arg, struct beba_conn *c)
{
    struct link *l = arg;

    l->e->opts.events.drained(l->session);
}

static void on_closed(void *arg, struct beba_conn *c, const char *why)
{
    struct link *l = arg;
    struct beba_endpoint *e = l->e;
    bool dialled = e->dialled == l;

    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    e->n_links--;
    if (l->counted)
        e->n_connected--;
    if (l->session)
        e->opts.events.closed(l->session, why);
    else if (!dialled)
        beba_log_limited(e->opts.log, &e->limit, BEBA_LOG_WARNING, "%s: %s: %s",
                         e->opts.address.text, beba_conn_peer(c), why);
    if (dialled) {
        e->dialled = NULL;
        uv_timer_stop(&e->timer);
        if (l->session)
            dial_later(e);
        else if (!e->closing)
            failed(e, why);
    }
    free(l);
    maybe_free(e);
}

static struct link *link_new(struct beba_endpoint *e)
{
    struct link *l = calloc(1, sizeof(*l));
    struct beba_conn_events events = {l, on_opened, on_message, on_drained, on_closed};
    struct beba_tls_context *tls = e->opts.address.tls ? *e->opts.tls : NULL;

    if (!l)
        return NULL;
    l->e = e;
    l->conn =
        beba_conn_new(e->opts.loop, e->opts.address.local, tls, e->opts.address.passive, &events);
    if (!l->conn) {
        free(l);
        return NULL;
    }
    l->at = &e->links;
    l->next = e->links;
    if (l->next)
        l->next->at = &l->next;
    e->links = l;
    e->n_links++;
    return l;
}

static void peer_name(struct beba_conn *c, char *out, size_t size)
{
    struct sockaddr_storage ss;
    int len = sizeof(ss);
    char ip[64] = "?";
    uint16_t port = 0;

    if (uv_tcp_getpeername((const uv_tcp_t *)beba_conn_stream(c), (struct sockaddr *)&ss, &len) ==
        0) {
        if (ss.ss_family == AF_INET6) {
            uv_ip6_name((const struct sockaddr_in6 *)&ss, ip, sizeof(ip));
            port = ntohs(((const struct sockaddr_in6 *)&ss)->sin6_port);
        } else {
            uv_ip4_name((const struct sockaddr_in *)&ss, ip, sizeof(ip));
            port = ntohs(((const struct sockaddr_in *)&ss)->sin_port);
        }
    }
    snprintf(out, size, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
}

static void start(struct beba_endpoint *e, struct link *l)
{
    char peer[96];

    if (e->opts.address.local || !e->opts.address.passive)
        snprintf(peer, sizeof(peer), "%.90s", e->opts.address.text);
    else
        peer_name(l->conn, peer, sizeof(peer));
    beba_conn_start(l->conn, peer);
}

static void on_connect(uv_connect_t *r, int status)
{
    struct beba_endpoint *e = r->data;
    struct link *l = e->dialled;

    if (status == UV_ECANCELED || !l)
        return;
    if (status < 0)
        beba_conn_close(l->conn, uv_strerror(status));
    else
        start(e, l);
}

static void dial_to(struct beba_endpoint *e, const struct sockaddr *to)
{
    struct link *l = link_new(e);
    int r = 0;

    if (!l) {
        failed(e, "not enough memory");
        return;
    }
    e->dialled = l;
    e->connect.data = e;
    if (to)
        r = uv_tcp_connect(&e->connect, (uv_tcp_t *)beba_conn_stream(l->conn), to, on_connect);
    else
        uv_pipe_connect(&e->connect, (uv_pipe_t *)beba_conn_stream(l->conn), e->opts.address.path,
                        on_connect);
    if (r < 0)
        beba_conn_close(l->conn, uv_strerror(r));
    else
        uv_timer_start(&e->timer, on_timer, CONNECT_MS, 0);
}

static void on_lookup(uv_getaddrinfo_t *r, int status, struct addrinfo *found)
{
    struct beba_endpoint *e = r->data;

    e->looking_up = false;
    if (e->closing)
        maybe_free(e);
    else if (status < 0)
        failed(e, uv_strerror(status));
    else
        dial_to(e, found->ai_addr);
    uv_freeaddrinfo(found);
}

/* The address where it is numeric. */
static bool numeric(const struct beba_address *a, struct sockaddr_storage *out)
{
    const char *host = a->host[0] ? a->host : "0.0.0.0";

    return uv_ip4_addr(host, a->port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(host, a->port, (struct sockaddr_in6 *)out) == 0;
}

static void dial(struct beba_endpoint *e)
{
    const struct beba_address *a = &e->opts.address;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct sockaddr_storage ss;
    char port[8];
    int r;

    if (a->local || numeric(a, &ss)) {
        dial_to(e, a->local ? NULL : (const struct sockaddr *)&ss);
        return;
    }
    snprintf(port, sizeof(port), "%u", a->port);
    e->lookup.data = e;
    e->looking_up = true;
    r = uv_getaddrinfo(e->opts.loop, &e->lookup, on_lookup, a->host, port, &hints);
    if (r < 0) {
        e->looking_up = false;
        failed(e, uv_strerror(r));
    }
}

/* --- listening ----------------------------------------------------------------------------- */

static void on_refused_closed(uv_handle_t *h)
{
    free(h);
}

/* Takes a connection that is too many, so that it does not wait to be taken. */
static void refuse(struct beba_endpoint *e)
{
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } *s = malloc(sizeof(*s));

    beba_log_limited(e->opts.log, &e->limit, BEBA_LOG_WARNING,
                     "%s: more than %d connections: one refused", e->opts.address.text,
                     BEBA_ENDPOINT_CONNS);
    if (!s)
        return;
    if (e->opts.address.local)
        uv_pipe_init(e->opts.loop, &s->pipe, 0);
    else
        uv_tcp_init(e->opts.loop, &s->tcp);
    uv_accept(&e->listener.stream, &s->stream);
    uv_close(&s->handle, on_refused_closed);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct beba_endpoint *e = stream->data;
    struct link *l;

    if (status < 0) {
        beba_log_limited(e->opts.log, &e->limit, BEBA_LOG_WARNING, "%s: %s", e->opts.address.text,
                         uv_strerror(status));
        return;
    }
    l = e->n_links < BEBA_ENDPOINT_CONNS ? link_new(e) : NULL;
    if (!l) {
        refuse(e);
        return;
    }
    if (uv_accept(stream, beba_conn_stream(l->conn)) < 0)
        beba_conn_close(l->conn, "gone before it was taken");
    else
        start(e, l);
}

/* A socket's file that nobody listens on any more. */
static void remove_stale(const char *path)
{
    struct stat st;

    if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
        unlink(path);
}

static int listen_on(struct beba_endpoint *e, struct beba_error *err)
{
    struct beba_address *a = &e->opts.address;
    struct sockaddr_storage ss;
    int r, len = sizeof(ss);

    if (a->local) {
        uv_pipe_init(e->opts.loop, &e->listener.pipe, 0);
        remove_stale(a->path);
        r = uv_pipe_bind(&e->listener.pipe, a->path);
    } else {
        uv_tcp_init(e->opts.loop, &e->listener.tcp);
        r = numeric(a, &ss) ? uv_tcp_bind(&e->listener.tcp, (const struct sockaddr *)&ss, 0)
                            : UV_EINVAL;
    }
    e->listener.handle.data = e;
    e->handles++;
    if (!r)
        r = uv_listen(&e->listener.stream, BACKLOG, on_connection);
    if (r < 0)
        return beba_error_set(err, r, "cannot listen on %s: %s", a->text, uv_strerror(r));
    if (!a->local && !a->port &&
        !uv_tcp_getsockname(&e->listener.tcp, (struct sockaddr *)&ss, &len)) {
        a->port = ntohs(ss.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&ss)->sin6_port
                                                 : ((const struct sockaddr_in *)&ss)->sin_port);
        beba_log(e->opts.log, BEBA_LOG_NOTICE, "listening on port %u", a->port);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------- */

int beba_endpoint_new(const struct beba_endpoint_opts *opts, struct beba_endpoint **out,
                      struct beba_error *err)
{
    struct beba_endpoint *e = calloc(1, sizeof(*e));
    int r = 0;

    if (!e)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    e->opts = *opts;
    e->delay = DELAY_MIN;
    uv_timer_init(opts->loop, &e->timer);
    e->timer.data = e;
    e->handles = 1;
    if (opts->address.passive)
        r = listen_on(e, err);
    else
        uv_timer_start(&e->timer, on_timer, 0, 0);
    if (r < 0) {
        beba_endpoint_close(e);
        return r;
    }
    *out = e;
    return 0;
}

int beba_endpoint_again(const struct beba_endpoint *e, struct beba_endpoint **out,
                        struct beba_error *err)
{
    return beba_endpoint_new(&e->opts, out, err);
}

void beba_endpoint_close(struct beba_endpoint *e)
{
    if (!e || e->closing)
        return;
    e->closing = true;
    uv_close((uv_handle_t *)&e->timer, on_handle_closed);
    if (e->opts.address.passive && e->listener.handle.data)
        uv_close(&e->listener.handle, on_handle_closed);
    if (e->looking_up)
        uv_cancel((uv_req_t *)&e->lookup);
    for (struct link *l = e->links; l; l = l->next)
        beba_conn_close(l->conn, "the switch stops");
}

const struct beba_address *beba_endpoint_address(const struct beba_endpoint *e)
{
    return &e->opts.address;
}

unsigned beba_endpoint_connected(const struct beba_endpoint *e)
{
    return e->n_connected;
}

void beba_endpoint_good(struct beba_endpoint *e)
{
    e->delay = DELAY_MIN;
}
