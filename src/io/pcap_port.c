/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A pair of captures as a port. A timer is the descriptor: it has run out whenever a packet is due.
 */
#include "io/driver.h"
#include "io/segment.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct pcap_port {
    struct beba_port port;
    bool pace, capture_clock;
    struct beba_reader *reader;
    struct beba_writer *writer;
    struct beba_packet *const *batch; /* read, not given out before at */
    unsigned n_batch, at;
    uint64_t first, started; /* time of the first packet in the capture and when it was received */
    bool begun;
    struct beba_error error; /* the first; code 0: none */
    uint8_t segment[BEBA_CAPTURE_MAX / 2];
};

static struct pcap_port *self(struct beba_port *port)
{
    return (struct pcap_port *)port;
}

static int take_option(struct beba_port *port, const char *name, const char *value)
{
    struct pcap_port *s = self(port);

    if (!strcmp(name, "pace") && !*value)
        s->pace = true;
    else if (!strcmp(name, "clock") && !strcmp(value, "capture"))
        s->capture_clock = true;
    else
        return -EINVAL;
    return 0;
}

static uint64_t monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Runs out in ns from now, in no time when 0, never when stopped. */
static void set_timer(const struct pcap_port *s, uint64_t ns, bool stopped)
{
    struct itimerspec t = {.it_value = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};

    if (!ns && !stopped)
        t.it_value.tv_nsec = 1;
    timerfd_settime(s->port.fd, 0, &t, NULL);
}

static int open_files(struct pcap_port *s, const char *in, const char *out, struct beba_error *err)
{
    int rc = *in ? beba_reader_open(in, &s->reader, err) : 0;

    if (rc)
        return rc;
    if (s->reader && beba_reader_dlt(s->reader) != DLT_EN10MB) {
        beba_error_set(err, -ENOTSUP, "%s has no Ethernet packets, and a port has", in);
        return -ENOTSUP;
    }
    return *out ? beba_writer_open(out, DLT_EN10MB, &s->writer, err) : 0;
}

static int open_port(struct beba_port *port, const struct beba_port_words *words,
                     struct beba_error *err)
{
    struct pcap_port *s = self(port);
    const char *in = words->word[0], *out = words->n > 1 ? words->word[1] : "";
    size_t size = strlen(in) + strlen(out) + 2;
    int rc;

    if (port->opts.n_queues > 1)
        return beba_error_set(err, -ENOTSUP, "a pair of captures has one queue");
    port->name = malloc(size);
    port->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!port->name || port->fd < 0)
        return beba_error_set(err, -ENOMEM, "out of memory or descriptors");
    snprintf(port->name, size, "%s,%s", in, out);
    rc = open_files(s, in, out, err);
    if (rc)
        return rc;
    if (s->reader)
        set_timer(s, 0, false);
    else
        port->status = BEBA_PORT_ENDED;
    return 0;
}

static void failed(struct pcap_port *s, const struct beba_error *e)
{
    if (!s->error.code)
        s->error = *e;
}

static int close_port(struct beba_port *port, struct beba_error *err)
{
    struct pcap_port *s = self(port);
    struct beba_error e = {0};

    if (s->reader)
        beba_reader_close(s->reader);
    if (s->writer && beba_writer_close(s->writer, &e))
        failed(s, &e);
    if (port->fd >= 0)
        close(port->fd);
    if (s->error.code && err)
        *err = s->error;
    return s->error.code;
}

static bool fill(struct pcap_port *s)
{
    struct beba_error e = {0};
    int n = beba_reader_batch(s->reader, &s->batch, BEBA_READER_BATCH, &e);

    s->at = 0;
    s->n_batch = n > 0 ? (unsigned)n : 0;
    if (n > 0)
        return true;
    if (n < 0) {
        beba_port_lose(&s->port, BEBA_PORT_RX_ERROR, 1);
        failed(s, &e);
    }
    beba_port_becomes(&s->port, BEBA_PORT_ENDED);
    set_timer(s, 0, true);
    return false;
}

/* Not yet: the timer is set for it. */
static bool early(struct pcap_port *s, const struct beba_packet *p)
{
    uint64_t due, now = monotonic();

    if (!s->begun) {
        s->begun = true;
        s->first = p->now;
        s->started = now;
    }
    due = s->started + (p->now > s->first ? p->now - s->first : 0);
    if (due <= now)
        return false;
    set_timer(s, due - now, false);
    return true;
}

static unsigned receive(struct beba_port *port, struct beba_packet *packet, unsigned max)
{
    struct pcap_port *s = self(port);
    uint64_t now = beba_port_now(port);
    unsigned n = 0;

    if (port->status == BEBA_PORT_ENDED || (s->at == s->n_batch && !fill(s)))
        return 0;
    for (; n < max && s->at < s->n_batch; s->at++) {
        const struct beba_packet *p = s->batch[s->at];
        struct beba_packet *to = &packet[n];

        if (s->pace && early(s, p))
            break;
        if (p->len < 14 || p->len < p->wire_len) {
            beba_port_lose(port, p->len < 14 ? BEBA_PORT_RX_SHORT : BEBA_PORT_RX_TRUNCATED, 1);
            continue;
        }
        beba_port_fresh(port, s->capture_clock ? p->now : now, to);
        to->data = p->data;
        to->len = to->wire_len = p->len;
        to->headroom = p->headroom;
        to->tailroom = p->tailroom;
        n++;
    }
    return n;
}

static void nothing(struct beba_port *port)
{
    (void)port;
}

static void put(struct pcap_port *s, uint64_t now, const uint8_t *data, uint32_t len)
{
    struct beba_error e = {0};

    if (s->writer && beba_writer_put(s->writer, now, data, len, len, &e)) {
        beba_port_lose(&s->port, BEBA_PORT_TX_ERROR, 1);
        failed(s, &e);
        return;
    }
    beba_port_count(&s->port.count.tx_packets, 1);
    beba_port_count(&s->port.count.tx_bytes, len);
}

static void send_packet(struct beba_port *port, uint32_t queue, const struct beba_packet *p)
{
    struct pcap_port *s = self(port);
    struct beba_train t;

    (void)queue;
    if (!p->segment) {
        put(s, p->now, p->data, p->len);
        return;
    }
    if (beba_train_look(p, &t)) {
        beba_port_lose(port, BEBA_PORT_TX_SEGMENT, 1);
        return;
    }
    for (uint32_t i = 0; i < t.n; i++)
        put(s, p->now, s->segment, beba_train_cut(&t, i, s->segment, sizeof(s->segment)));
}

static void flush(struct beba_port *port)
{
    struct pcap_port *s = self(port);
    struct beba_error e = {0};

    if (s->writer && beba_writer_flush(s->writer, &e))
        failed(s, &e);
}

const struct beba_driver beba_driver_pcap = {
    .name = "pcap",
    .n_names = 2,
    .size = sizeof(struct pcap_port),
    .options = "pace clock=capture",
    .option = take_option,
    .open = open_port,
    .close = close_port,
    .recv = receive,
    .release = nothing,
    .send = send_packet,
    .flush = flush,
};
