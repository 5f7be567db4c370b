/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The control socket: who may open it (its owner) sends a JSON object in a line and gets lines
 * back, each a JSON object; the last one has "ok" or "error". What is long is made piece by piece,
 * as the client reads. */
#include "switch/control.h"
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CLIENTS = 32,
    PIECE = 256 << 10,      /* bytes made at once */
    EVENTS_QUEUE = 1 << 20, /* that may wait for one client */
};

struct beba_control {
    struct beba_daemon *d;
    uv_pipe_t listener;
    struct beba_control_client *clients;
    unsigned n_clients;
    unsigned handles;
    bool closing;
};

static void maybe_free(struct beba_control *c)
{
    if (c->closing && !c->n_clients && !c->handles)
        free(c);
}

static void on_listener_closed(uv_handle_t *h)
{
    struct beba_control *c = h->data;

    c->handles--;
    maybe_free(c);
}

static void on_client_closed(uv_handle_t *h)
{
    struct beba_control_client *k = h->data, **at = &k->control->clients;
    struct beba_control *c = k->control;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    c->n_clients--;
    json_decref(k->request);
    beba_strbuf_free(&k->out);
    beba_strbuf_free(&k->flying);
    free(k);
    maybe_free(c);
}

static void close_client(struct beba_control_client *k)
{
    if (!uv_is_closing((uv_handle_t *)&k->pipe))
        uv_close((uv_handle_t *)&k->pipe, on_client_closed);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void next_request(struct beba_control_client *k);
static void flush(struct beba_control_client *k);

static void on_written(uv_write_t *w, int status)
{
    struct beba_control_client *k = w->data;

    k->writing = false;
    beba_strbuf_clear(&k->flying);
    if (status < 0)
        close_client(k);
    else
        flush(k);
}

bool beba_control_full(const struct beba_control_client *k)
{
    return k->out.len >= PIECE;
}

/* Makes the next piece and writes it. */
static void flush(struct beba_control_client *k)
{
    struct beba_strbuf swap;
    uv_buf_t buf;

    if (k->writing || uv_is_closing((uv_handle_t *)&k->pipe))
        return;
    if (k->step && k->step(k)) {
        k->step = NULL;
        beba_strbuf_printf(&k->out, "{\"ok\": true, \"n\": %llu}\n", (unsigned long long)k->n);
    }
    if (k->out.failed) {
        close_client(k);
        return;
    }
    if (!k->out.len) {
        if (!k->step)
            next_request(k);
        return;
    }
    swap = k->flying;
    k->flying = k->out;
    k->out = swap;
    buf = uv_buf_init(k->flying.s, (unsigned)k->flying.len);
    k->write.data = k;
    if (uv_write(&k->write, (uv_stream_t *)&k->pipe, &buf, 1, on_written) < 0)
        close_client(k);
    else
        k->writing = true;
}

void beba_control_text(struct beba_strbuf *out, const char *s)
{
    beba_strbuf_putc(out, '"');
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;

        if (ch == '"' || ch == '\\')
            beba_strbuf_printf(out, "\\%c", ch);
        else if (ch < 0x20 || ch >= 0x7f)
            beba_strbuf_printf(out, "\\u%04x", ch);
        else
            beba_strbuf_putc(out, (char)ch);
    }
    beba_strbuf_putc(out, '"');
}

static void refuse(struct beba_control_client *k, const struct beba_error *err)
{
    beba_strbuf_puts(&k->out, "{\"error\": ");
    beba_control_text(&k->out, err->what);
    beba_strbuf_puts(&k->out, ", \"where\": ");
    beba_control_text(&k->out, err->where);
    beba_strbuf_puts(&k->out, ", \"hint\": ");
    beba_control_text(&k->out, err->hint);
    beba_strbuf_puts(&k->out, "}\n");
}

static void request(struct beba_control_client *k, const char *line)
{
    struct beba_error err = {0};
    json_error_t bad;
    const char *name;
    int r;

    json_decref(k->request);
    k->cursor = k->n = 0;
    k->index = 0;
    k->step = NULL;
    k->request = json_loads(line, JSON_REJECT_DUPLICATES, &bad);
    name = json_string_value(json_object_get(k->request, "do"));
    if (!name)
        r = beba_error_set(&err, -EINVAL, "a request is a JSON object with \"do\"");
    else
        r = beba_control_do(k, name, &err);
    if (r)
        refuse(k, &err);
    else if (!k->step && !k->listens)
        beba_strbuf_puts(&k->out, "{\"ok\": true}\n");
    flush(k);
}

/* The next line that has come whole. */
static void next_request(struct beba_control_client *k)
{
    char *end = memchr(k->in, '\n', k->in_len);
    size_t n;

    if (!end || k->step || k->listens || k->busy)
        return;
    *end = '\0';
    n = (size_t)(end - k->in) + 1;
    k->busy = true;
    request(k, k->in);
    k->busy = false;
    memmove(k->in, k->in + n, k->in_len - n);
    k->in_len -= n;
    if (k->listens)
        k->in_len = 0;
    if (!k->writing && !k->step)
        next_request(k);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct beba_control_client *k = h->data;

    *buf = uv_buf_init(k->in + k->in_len, (unsigned)(sizeof(k->in) - k->in_len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct beba_control_client *k = s->data;

    if (n < 0) { /* also when a line is too long for the buffer */
        close_client(k);
        return;
    }
    k->in_len = k->listens ? 0 : k->in_len + (size_t)n;
    if (!k->writing && !k->step)
        next_request(k);
}

static void on_connection(uv_stream_t *s, int status)
{
    struct beba_control *c = s->data;
    struct beba_control_client *k = status < 0 ? NULL : calloc(1, sizeof(*k));

    if (!k)
        return;
    k->control = c;
    k->d = c->d;
    uv_pipe_init(&c->d->loop, &k->pipe, 0);
    k->pipe.data = k;
    k->next = c->clients;
    c->clients = k;
    c->n_clients++;
    if (uv_accept(s, (uv_stream_t *)&k->pipe) < 0 || c->n_clients > CLIENTS)
        close_client(k);
    else
        uv_read_start((uv_stream_t *)&k->pipe, on_alloc, on_read);
}

void beba_control_event(struct beba_control *c, const char *json)
{
    if (!c)
        return;
    for (struct beba_control_client *k = c->clients; k; k = k->next) {
        if (!k->listens || k->out.len > EVENTS_QUEUE)
            continue;
        beba_strbuf_printf(&k->out, "%s\n", json);
        flush(k);
    }
}

int beba_control_new(struct beba_daemon *d, const char *path, struct beba_control **out,
                     struct beba_error *err)
{
    struct beba_control *c = calloc(1, sizeof(*c));
    struct stat st;
    mode_t mask;
    int r;

    if (!c)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    c->d = d;
    uv_pipe_init(&d->loop, &c->listener, 0);
    c->listener.data = c;
    c->handles = 1;
    if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
        unlink(path);
    mask = umask(0077);
    r = uv_pipe_bind(&c->listener, path);
    umask(mask);
    if (!r)
        r = uv_listen((uv_stream_t *)&c->listener, 16, on_connection);
    if (!r) {
        *out = c;
        return 0;
    }
    beba_error_set(err, r, "cannot listen on the control socket: %s", uv_strerror(r));
    beba_error_where(err, "%s", path);
    beba_control_close(c);
    return r;
}

void beba_control_close(struct beba_control *c)
{
    if (!c)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
    for (struct beba_control_client *k = c->clients; k; k = k->next)
        close_client(k);
}
