/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba push: sends a program's messages to a switch, and waits for what it says of them. */
#include "cli/commands.h"
#include "cli/openflow.h"
#include "openflow/codec.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
enum { TIMEOUT = 10, MOST_SHOWN = 64, HELLO_XID = 0x7fff0000, FEATURES_XID, BARRIER_XID };

struct opts {
    struct cli_number timeout;
    struct cli_export export;
    bool json;
};

static const struct cli_option options[] = {
    {.name = "timeout",
     .kind = CLI_DURATION,
     .arg = "TIME",
     .offset = offsetof(struct opts, timeout),
     .help = "How long the switch may take for all of it (default 10s)."},
    CLI_EXPORT_OPTIONS(struct opts, export),
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

struct connection {
    const char *address;
    int fd;
    uint64_t until;     /* ns */
    const uint8_t *out; /* to be sent */
    size_t n_out;
    uint8_t in[1 << 17];
    size_t n_in;
    const struct beba_strbuf *messages;
    uint64_t datapath_id;
    bool has_features, done;
    unsigned refused;
    json_t *errors;
};

static uint64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* --- connecting
 * ----------------------------------------------------------------------------------- */

static int broken(const struct connection *c, struct beba_error *err, const char *what, int code)
{
    beba_error_set(err, code, "%s: %s", what, strerror(-code));
    beba_error_where(err, "%s", c->address);
    return code;
}

/* Waits until events are there, within the time limit. */
static int wait_for(const struct connection *c, short events, struct beba_error *err)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    uint64_t now = clock_now();
    int n = 0;

    while (now < c->until) {
        n = poll(&p, 1, (int)((c->until - now) / 1000000 + 1));
        if (n > 0)
            return p.revents;
        if (n < 0 && errno != EINTR)
            return broken(c, err, "cannot wait for the switch", -errno);
        now = clock_now();
    }
    beba_error_set(err, -ETIMEDOUT, "the switch does not answer in time");
    beba_error_where(err, "%s", c->address);
    beba_error_hint(err, "does it speak OpenFlow 1.3 there? --timeout gives it more time");
    return -ETIMEDOUT;
}

static int dial(struct connection *c, const struct sockaddr *to, socklen_t len,
                struct beba_error *err)
{
    int rc, code = 0;
    socklen_t n = sizeof(code);

    c->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return broken(c, err, "no socket", -errno);
    if (!connect(c->fd, to, len))
        return 0;
    if (errno != EINPROGRESS && errno != EAGAIN)
        return broken(c, err, "cannot reach the switch", -errno);
    rc = wait_for(c, POLLOUT, err);
    if (rc < 0)
        return rc;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &n) || code)
        return broken(c, err, "cannot reach the switch", code ? -code : -errno);
    return 0;
}

static int dial_tcp(struct connection *c, const char *at, struct beba_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    const char *colon = strrchr(at, ':'), *port = colon ? colon + 1 : "6653";
    size_t n = colon ? (size_t)(colon - at) : strlen(at);
    struct addrinfo *list = NULL;
    char host[256];
    int rc;

    if (n > 1 && at[0] == '[' && at[n - 1] == ']') {
        at++;
        n -= 2;
    }
    snprintf(host, sizeof(host), "%.*s", (int)n, at);
    rc = getaddrinfo(host, port, &hints, &list);
    if (rc) {
        beba_error_set(err, -EINVAL, "cannot find the switch: %s", gai_strerror(rc));
        beba_error_where(err, "%s", c->address);
        return -EINVAL;
    }
    rc = -EINVAL;
    for (const struct addrinfo *a = list; a && rc; a = a->ai_next) {
        if (c->fd >= 0)
            close(c->fd);
        rc = dial(c, a->ai_addr, a->ai_addrlen, err);
    }
    freeaddrinfo(list);
    return rc;
}

static int dial_unix(struct connection *c, const char *path, struct beba_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(to.sun_path))
        return broken(c, err, "the socket's path is too long", -ENAMETOOLONG);
    memcpy(to.sun_path, path, strlen(path) + 1);
    return dial(c, (const struct sockaddr *)&to, sizeof(to), err);
}

/* --- talking
 * ---------------------------------------------------------------------------------------- */

/* The message that an error is about: by its xid, in what was sent. */
static void print_refused(const struct connection *c, uint32_t xid, struct beba_strbuf *out)
{
    const uint8_t *b = (const uint8_t *)c->messages->s;
    struct beba_of_codec codec = {.side = BEBA_OF_FROM_CONTROLLER,
                                  .dialect = BEBA_DIALECT_ADVANCED};
    struct beba_arena arena = {0};
    struct beba_of_msg msg;

    for (size_t at = 0; at < c->messages->len;) {
        size_t n = (size_t)beba_of_length(b + at, c->messages->len - at);
        uint32_t its = (uint32_t)b[at + 4] << 24 | (uint32_t)b[at + 5] << 16 |
                       (uint32_t)b[at + 6] << 8 | b[at + 7];

        if (its == xid && !beba_of_decode(b + at, n, &codec, &arena, &msg, NULL)) {
            beba_export_print_msg(out, &msg);
            break;
        }
        for (size_t i = 0; its == xid && i < n && i < MOST_SHOWN; i++)
            beba_strbuf_printf(out, "%02x%s", b[at + i], i % 4 == 3 ? " " : "");
        at += n;
    }
    beba_arena_free(&arena);
}

static void tell_error(struct connection *c, const struct beba_of_msg *m)
{
    const char *type =
        m->error.type == OFPET_EXPERIMENTER ? "BEBA" : beba_of_error_type_name(m->error.type);
    const char *code = beba_of_error_code_name(m->error.type, m->error.code, m->error.experimenter);
    struct beba_strbuf text = {0};

    print_refused(c, m->xid, &text);
    cli_warn("%s refuses message %u: %s, %s\n  %s", c->address, m->xid, type, code,
             beba_strbuf_str(&text));
    json_array_append_new(c->errors, json_pack("{s:o, s:s, s:s, s:o}", "xid", cli_json_u64(m->xid),
                                               "type", type, "code", code, "message",
                                               cli_json_text(beba_strbuf_str(&text))));
    beba_strbuf_free(&text);
    c->refused++;
}

static int send_all(struct connection *c, const uint8_t *bytes, size_t n, struct beba_error *err);

static int answer(struct connection *c, const uint8_t *bytes, size_t len, struct beba_error *err)
{
    struct beba_of_codec codec = {.side = BEBA_OF_FROM_SWITCH, .dialect = BEBA_DIALECT_ADVANCED};
    struct beba_arena arena = {0};
    struct beba_of_msg m;
    int rc = 0;
    uint8_t *echo;

    if (beba_of_decode(bytes, len, &codec, &arena, &m, NULL)) {
        beba_arena_free(&arena); /* of no interest here */
        return 0;
    }
    switch (m.type) {
    case OFPT_HELLO:
        if (m.version < OFP_VERSION) {
            beba_error_set(err, -EPROTO, "the switch does not speak OpenFlow 1.3");
            beba_error_where(err, "%s", c->address);
            rc = -EPROTO;
        }
        break;
    case OFPT_ERROR:
        tell_error(c, &m);
        break;
    case OFPT_ECHO_REQUEST:
        echo = beba_arena_copy(&arena, bytes, len);
        if (echo) {
            echo[1] = OFPT_ECHO_REPLY;
            rc = send_all(c, echo, len, err);
        }
        break;
    case OFPT_FEATURES_REPLY:
        c->has_features = true;
        c->datapath_id = m.features.datapath_id;
        break;
    case OFPT_BARRIER_REPLY:
        c->done |= m.xid == BARRIER_XID;
        break;
    default:
        break;
    }
    beba_arena_free(&arena);
    return rc;
}

static int receive(struct connection *c, struct beba_error *err)
{
    ssize_t n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, 0);
    size_t at = 0;
    int len, rc = 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return broken(c, err, "the switch has closed the connection", n ? -errno : -ECONNRESET);
    c->n_in += (size_t)n;
    while (!rc && c->n_in - at >= 8) {
        len = beba_of_length(c->in + at, c->n_in - at);
        if (len < 8)
            return broken(c, err, "the switch does not speak OpenFlow", -EPROTO);
        if ((size_t)len > c->n_in - at)
            break;
        rc = answer(c, c->in + at, (size_t)len, err);
        at += (size_t)len;
    }
    memmove(c->in, c->in + at, c->n_in - at);
    c->n_in -= at;
    return rc;
}

/* Answers are taken while sending: neither side waits for the other. */
static int send_all(struct connection *c, const uint8_t *bytes, size_t n, struct beba_error *err)
{
    while (n) {
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        int rc;

        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return broken(c, err, "the switch has closed the connection", -errno);
        rc = wait_for(c, POLLOUT | POLLIN, err);
        if (rc < 0)
            return rc;
        if (rc & POLLIN && !c->out) { /* not while answering */
            c->out = bytes;
            rc = receive(c, err);
            c->out = NULL;
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int send_plain(struct connection *c, uint8_t type, uint32_t xid, struct beba_error *err)
{
    const uint8_t bytes[8] = {
        OFP_VERSION,         type,        0, 8, (uint8_t)(xid >> 24), (uint8_t)(xid >> 16),
        (uint8_t)(xid >> 8), (uint8_t)xid};

    return send_all(c, bytes, sizeof(bytes), err);
}

static int wait_until(struct connection *c, const bool *what, struct beba_error *err)
{
    int rc = 0;

    while (!*what && rc >= 0) {
        rc = wait_for(c, POLLIN, err);
        if (rc >= 0)
            rc = receive(c, err);
    }
    return rc < 0 ? rc : 0;
}

static int talk(struct connection *c, struct beba_error *err)
{
    int rc = send_plain(c, OFPT_HELLO, HELLO_XID, err);

    if (!rc)
        rc = send_plain(c, OFPT_FEATURES_REQUEST, FEATURES_XID, err);
    if (!rc)
        rc = wait_until(c, &c->has_features, err);
    if (!rc)
        rc = send_all(c, (const uint8_t *)c->messages->s, c->messages->len, err);
    if (!rc)
        rc = send_plain(c, OFPT_BARRIER_REQUEST, BARRIER_XID, err);
    if (!rc)
        rc = wait_until(c, &c->done, err);
    return rc;
}

/* --- the command
 * ------------------------------------------------------------------------------------- */

static unsigned count(const struct beba_strbuf *messages)
{
    unsigned n = 0;

    for (size_t at = 0; at < messages->len; n++)
        at += (size_t)beba_of_length((const uint8_t *)messages->s + at, messages->len - at);
    return n;
}

static int tell(struct connection *c, const struct opts *o, const char *path)
{
    struct beba_strbuf text = {0};
    unsigned n = count(c->messages);
    int rc;

    if (o->json) {
        rc = cli_print_json(stdout, json_pack("{s:b, s:o, s:o, s:o, s:i, s:i, s:O}", "ok",
                                              !c->refused, "file", cli_json_text(path), "switch",
                                              cli_json_text(c->address), "datapath_id",
                                              cli_json_u64(c->datapath_id), "messages", (int)n,
                                              "refused", (int)c->refused, "errors", c->errors));
        return rc ? rc : c->refused ? CLI_FAILED : CLI_OK;
    }
    if (c->refused) {
        cli_warn("%u of %u messages were refused: the program is not all there", c->refused, n);
        return CLI_FAILED;
    }
    beba_strbuf_printf(&text, "%s: %u messages, switch %016llx has taken all\n", path, n,
                       (unsigned long long)c->datapath_id);
    return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *address = call->operand[0], *path = call->operand[1];
    struct connection *c = calloc(1, sizeof(*c));
    struct cli_messages m;
    struct beba_error err = {0};
    int rc;

    cli.json = o->json;
    if (!c)
        return cli_fail_with("not enough memory");
    c->fd = -1;
    c->address = address;
    c->messages = &m.bytes;
    c->errors = json_array();
    if (strncmp(address, "tcp:", 4) != 0 && strncmp(address, "unix:", 5) != 0) {
        json_decref(c->errors);
        free(c);
        return cli_usage("a switch is tcp:HOST[:PORT] or unix:PATH, not '%s'", address);
    }
    rc = cli_messages_open(path, &o->export, &m);
    if (rc)
        goto out;
    c->until = clock_now() + (o->timeout.given ? o->timeout.value : TIMEOUT * SECOND);
    rc = address[0] == 't' ? dial_tcp(c, address + 4, &err) : dial_unix(c, address + 5, &err);
    if (!rc)
        rc = talk(c, &err);
    rc = rc ? cli_fail(&err) : tell(c, o, path);
out:
    if (c->fd >= 0)
        close(c->fd);
    json_decref(c->errors);
    free(c);
    cli_messages_free(&m);
    return rc;
}

const struct cli_command cli_push = {
    .name = "push",
    .operands = "SWITCH FILE",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "send a program to an OpenFlow switch",
    .text = "Sends a program, or messages that 'beba build --target openflow' wrote, to a switch "
            "with the BEBA extension: tcp:HOST[:PORT] or unix:PATH. Waits until the switch has "
            "taken all, and shows each error with the message that drew it.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
