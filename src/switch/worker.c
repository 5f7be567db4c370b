/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/worker.h"
#include "base/error.h"
#include "io/idle.h"
#include "io/segment.h"
#include "switch/ring.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <urcu/urcu-qsbr.h>

enum {
    NUMBERS = 65536,       /* port numbers that a worker knows */
    LOCAL_INDEX = 0,       /* of OFPP_LOCAL among them */
    EVENTS_SIZE = 4 << 20, /* bytes of a worker's ring of events */
    OUTS_SIZE = 4 << 20,   /* and of packet-outs */
    FRAME_MAX = 65536,
    PACKET_OUTS = 64, /* executed between two looks at the ports */
};

struct worker_port {
    struct beba_port *io;
    uint32_t number;
    bool touched;
};

struct worker {
    struct beba_workers *ws;
    struct beba_datapath_worker *dp;
    unsigned index;
    pthread_t thread;
    bool started;
    int wake_fd;
    _Atomic bool sleeping, stop;

    struct worker_port port[BEBA_DP_PORTS];
    unsigned n_ports;
    uint16_t index_of[NUMBERS]; /* 1 + place in port; 0: none */
    struct pollfd fds[1 + BEBA_DP_PORTS];
    bool pushed; /* events since the last wake-up */
    struct beba_idle idle;
    uint64_t tokens, refilled; /* of packet-ins: billionths; ns */
    struct beba_ring events, outs;
    uint8_t *scratch; /* room for a frame */

    pthread_mutex_t lock;
    pthread_cond_t done;
    _Atomic bool has_command;
    void (*command)(struct worker *w, void *arg);
    void *command_arg;

    _Atomic uint64_t received, executed, packet_ins, limited, ring_full, notifications_lost;
};

struct beba_workers {
    struct beba_workers_opts opts;
    struct worker *worker; /* opts.n */
    uint64_t rate, burst;  /* of one worker, billionths of packet-ins a second; at once */
    unsigned next;         /* whose events are looked at first */
    unsigned front;        /* whose event is lent */
    struct beba_port_group *group;
    uint64_t outs_full;
};

struct event_record {
    uint8_t kind, reason, table;
    uint16_t max_len;
    uint64_t cookie;
    uint32_t in_port, len, n_oxm, n_plain;
};

struct out_record {
    uint32_t in_port, len, n_actions, pad;
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* --- the worker's side: what comes out of the datapath --------------------------------------- */

static unsigned number_index(uint32_t number)
{
    return number == OFPP_LOCAL ? LOCAL_INDEX : number < NUMBERS ? number : NUMBERS - 1;
}

static void on_output(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet)
{
    struct worker *w = arg;
    unsigned i = w->index_of[number_index(port)];

    if (!i)
        return;
    w->port[i - 1].touched = true;
    beba_port_send(w->port[i - 1].io, queue, packet);
}

static void on_pass(void *arg, uint32_t port, uint32_t queue, const struct beba_packet *packet)
{
    struct worker *w = arg;
    unsigned i = w->index_of[number_index(port)];

    if (!i)
        return;
    w->port[i - 1].touched = true;
    beba_port_pass(w->port[i - 1].io, queue, packet);
}

/* Packet-ins at the rate agreed. */
static bool may_tell(struct worker *w, uint64_t now)
{
    uint64_t passed = now > w->refilled ? now - w->refilled : 0;

    if (passed > 1000000000)
        passed = 1000000000;
    w->refilled = now;
    w->tokens += passed * w->ws->rate;
    if (w->tokens > w->ws->burst)
        w->tokens = w->ws->burst;
    if (w->tokens < 1000000000)
        return false;
    w->tokens -= 1000000000;
    return true;
}

static void tell_frame(struct worker *w, const struct beba_datapath_packet_in *in,
                       const uint8_t *frame, uint32_t len)
{
    uint32_t oxm_len = in->match.n * (uint32_t)sizeof(struct beba_of_oxm);
    struct event_record *e;

    if (!may_tell(w, in->packet->now)) {
        count(&w->limited, 1);
        return;
    }
    e = beba_ring_reserve(&w->events, (uint32_t)sizeof(*e) + oxm_len + len);
    if (!e) {
        count(&w->ring_full, 1);
        return;
    }
    *e = (struct event_record){.kind = BEBA_EVENT_PACKET_IN,
                               .reason = in->reason,
                               .table = in->table,
                               .max_len = in->max_len,
                               .cookie = in->cookie,
                               .in_port = in->packet->in_port,
                               .len = len,
                               .n_oxm = in->match.n,
                               .n_plain = in->n_plain};
    memcpy(e + 1, in->match.oxm, oxm_len);
    memcpy((uint8_t *)(e + 1) + oxm_len, frame, len);
    beba_ring_push(&w->events);
    count(&w->packet_ins, 1);
    w->pushed = true;
}

/* A train is told segment by segment: that is what was on the wire. */
static void on_packet_in(void *arg, const struct beba_datapath_packet_in *in)
{
    struct worker *w = arg;
    const struct beba_packet *p = in->packet;
    struct beba_train train;

    if (!p->segment || beba_train_look(p, &train)) {
        tell_frame(w, in, p->data, p->len < FRAME_MAX ? p->len : FRAME_MAX - 1);
        return;
    }
    for (uint32_t i = 0; i < train.n; i++) {
        uint32_t len = beba_train_cut(&train, i, w->scratch, FRAME_MAX);

        if (len)
            tell_frame(w, in, w->scratch, len);
    }
}

static void on_state_changed(void *arg, const struct beba_datapath_state_change *change)
{
    struct worker *w = arg;
    struct event_record *e =
        beba_ring_reserve(&w->events, (uint32_t)(sizeof(*e) + sizeof(*change)));

    if (!e) {
        count(&w->notifications_lost, 1);
        return;
    }
    *e = (struct event_record){.kind = BEBA_EVENT_STATE_CHANGED};
    memcpy(e + 1, change, sizeof(*change));
    beba_ring_push(&w->events);
    w->pushed = true;
}

/* --- the worker's side: the loop -------------------------------------------------------------- */

static void flush_ports(struct worker *w)
{
    for (unsigned i = 0; i < w->n_ports; i++) {
        if (w->port[i].touched)
            beba_port_flush(w->port[i].io);
        w->port[i].touched = false;
    }
}

static unsigned receive(struct worker *w)
{
    struct beba_packet packet[BEBA_PORT_BATCH], *ptr[BEBA_PORT_BATCH];
    unsigned all = 0;

    for (unsigned i = 0; i < BEBA_PORT_BATCH; i++)
        ptr[i] = &packet[i];
    for (unsigned i = 0; i < w->n_ports; i++) {
        unsigned n = beba_port_recv(w->port[i].io, packet, BEBA_PORT_BATCH);

        if (!n)
            continue;
        for (unsigned k = 0; k < n; k++)
            beba_packet_parse(&packet[k]);
        beba_datapath_run(w->dp, ptr, n);
        flush_ports(w);
        urcu_qsbr_quiescent_state();
        all += n;
    }
    if (all)
        count(&w->received, all);
    return all;
}

static void execute(struct worker *w, const struct out_record *out)
{
    struct beba_of_actions actions = {.n = out->n_actions,
                                      .action = (struct beba_of_action *)(uintptr_t)(out + 1)};
    const uint8_t *frame = (const uint8_t *)(actions.action + actions.n);
    struct beba_packet p = {.data = w->scratch + BEBA_HEADROOM,
                            .len = out->len,
                            .wire_len = out->len,
                            .headroom = BEBA_HEADROOM,
                            .tailroom = BEBA_TAILROOM,
                            .in_port = out->in_port,
                            .in_phy_port = out->in_port};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    p.now = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    memcpy(p.data, frame, out->len);
    beba_packet_parse(&p);
    beba_datapath_execute(w->dp, &p, &actions);
}

static unsigned execute_packet_outs(struct worker *w)
{
    const struct out_record *out;
    unsigned n = 0;
    uint32_t len;

    while (n < PACKET_OUTS && (out = beba_ring_front(&w->outs, &len))) {
        execute(w, out);
        flush_ports(w);
        beba_ring_pop(&w->outs);
        n++;
    }
    if (n)
        count(&w->executed, n);
    return n;
}

static void run_command(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    if (w->command)
        w->command(w, w->command_arg);
    w->command = NULL;
    atomic_store(&w->has_command, false);
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

/* What to wait for. Returns how long in us at most, because of ports that are polled: 0 not at all,
 * UINT_MAX for ever. */
static unsigned fill_fds(struct worker *w)
{
    unsigned nap = UINT_MAX;

    w->fds[0] = (struct pollfd){.fd = w->wake_fd, .events = POLLIN};
    for (unsigned i = 0; i < w->n_ports; i++) {
        const struct beba_port *io = w->port[i].io;
        /* One that has ended would be readable for ever. */
        bool over = beba_port_status(io) >= BEBA_PORT_GONE;

        w->fds[i + 1] = (struct pollfd){.fd = over ? -1 : beba_port_fd(io), .events = POLLIN};
        if (!over && w->fds[i + 1].fd < 0 && beba_port_nap(io) < nap)
            nap = beba_port_nap(io);
    }
    return nap;
}

static void sleep_until_work(struct worker *w)
{
    unsigned nap = fill_fds(w);
    struct timespec t = {.tv_nsec = nap == UINT_MAX ? 0 : beba_idle_nap(&w->idle, nap)};
    uint64_t n;

    if (nap != UINT_MAX && !t.tv_nsec)
        return;
    atomic_store(&w->sleeping, true);
    if (!beba_ring_empty(&w->outs) || atomic_load(&w->has_command) || atomic_load(&w->stop)) {
        atomic_store(&w->sleeping, false);
        return;
    }
    urcu_qsbr_thread_offline();
    ppoll(w->fds, w->n_ports + 1, nap == UINT_MAX ? NULL : &t, NULL);
    urcu_qsbr_thread_online();
    atomic_store(&w->sleeping, false);
    if (w->fds[0].revents && read(w->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        abort();
}

static void *work(void *arg)
{
    struct worker *w = arg;

    /* The naps of io/idle.h are as long as they say. */
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    urcu_qsbr_register_thread();
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        unsigned n = receive(w) + execute_packet_outs(w);

        if (w->pushed)
            w->ws->opts.wake(w->ws->opts.arg);
        w->pushed = false;
        urcu_qsbr_quiescent_state();
        if (atomic_load_explicit(&w->has_command, memory_order_acquire))
            run_command(w);
        else if (!n)
            sleep_until_work(w);
        else
            w->idle.rounds = 0;
    }
    urcu_qsbr_unregister_thread();
    return NULL;
}

/* --- the control thread's side ---------------------------------------------------------------- */

static void wake(struct worker *w)
{
    uint64_t one = 1;

    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&w->sleeping) && write(w->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        abort();
}

/* Has the worker do something between two batches, and waits until it is done. */
static void command(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
    pthread_mutex_lock(&w->lock);
    w->command = fn;
    w->command_arg = arg;
    atomic_store(&w->has_command, true);
    wake(w);
    while (w->command)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

struct port_command {
    uint32_t number;
    struct beba_port *io;
};

static void add_port(struct worker *w, void *arg)
{
    const struct port_command *c = arg;

    w->port[w->n_ports++] = (struct worker_port){.io = c->io, .number = c->number};
    w->index_of[number_index(c->number)] = (uint16_t)w->n_ports;
}

/* The last one takes its place. */
static void del_port(struct worker *w, void *arg)
{
    struct port_command *c = arg;
    unsigned i = w->index_of[number_index(c->number)];

    if (!i)
        return;
    c->io = w->port[i - 1].io;
    w->index_of[number_index(c->number)] = 0;
    w->n_ports--;
    if (i - 1 == w->n_ports)
        return;
    w->port[i - 1] = w->port[w->n_ports];
    w->index_of[number_index(w->port[i - 1].number)] = (uint16_t)i;
}

void beba_workers_port_del(struct beba_workers *ws, uint32_t number)
{
    for (unsigned i = 0; i < ws->opts.n; i++) {
        struct port_command c = {.number = number};

        command(&ws->worker[i], del_port, &c);
        if (c.io)
            beba_port_close(c.io, NULL);
    }
}

int beba_workers_port_add(struct beba_workers *ws, uint32_t number, const char *description,
                          struct beba_error *err)
{
    for (unsigned i = 0; i < ws->opts.n; i++) {
        struct beba_port_opts opts = {.number = number,
                                      .queue = i,
                                      .n_queues = ws->opts.n,
                                      .clock = CLOCK_REALTIME,
                                      .group = ws->group};
        struct port_command c = {.number = number};
        int r = beba_port_open(description, &opts, &c.io, err);

        if (r) {
            beba_workers_port_del(ws, number);
            return r;
        }
        command(&ws->worker[i], add_port, &c);
    }
    return 0;
}

/* The control thread is the only one that changes the lists, so it may read them. */
static struct beba_port *find_port(struct worker *w, uint32_t number)
{
    unsigned i = w->index_of[number_index(number)];

    return i ? w->port[i - 1].io : NULL;
}

const char *beba_workers_port_about(struct beba_workers *ws, uint32_t number)
{
    struct beba_port *io = find_port(&ws->worker[0], number);

    return io ? beba_port_about(io) : "";
}

bool beba_workers_port_counters(struct beba_workers *ws, uint32_t number,
                                struct beba_port_counters *out)
{
    bool found = false;

    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < ws->opts.n; i++) {
        struct beba_port *io = find_port(&ws->worker[i], number);
        struct beba_port_counters c;

        if (!io)
            continue;
        beba_port_counters(io, &c);
        out->rx_packets += c.rx_packets;
        out->rx_bytes += c.rx_bytes;
        out->tx_packets += c.tx_packets;
        out->tx_bytes += c.tx_bytes;
        for (unsigned k = 0; k < BEBA_PORT_N_LOSSES; k++)
            out->loss[k] += c.loss[k];
        found = true;
    }
    return found;
}

bool beba_workers_port_tell(struct beba_workers *ws, uint32_t number, struct beba_netdev *dev,
                            struct beba_netdev_link *link)
{
    struct beba_port *io = find_port(&ws->worker[0], number);

    return io && beba_port_tell(io, dev, link);
}

bool beba_workers_packet_out(struct beba_workers *ws, uint32_t in_port,
                             const struct beba_of_actions *actions, const uint8_t *frame,
                             uint32_t len)
{
    struct worker *w = &ws->worker[in_port % ws->opts.n];
    size_t actions_len = (size_t)actions->n * sizeof(*actions->action);
    struct out_record *out = NULL;

    if (len < FRAME_MAX && actions_len < OUTS_SIZE)
        out = beba_ring_reserve(&w->outs, (uint32_t)(sizeof(*out) + actions_len + len));
    if (!out) {
        ws->outs_full++;
        return false;
    }
    *out = (struct out_record){.in_port = in_port, .len = len, .n_actions = actions->n};
    if (actions_len)
        memcpy(out + 1, actions->action, actions_len);
    if (len)
        memcpy((uint8_t *)(out + 1) + actions_len, frame, len);
    beba_ring_push(&w->outs);
    wake(w);
    return true;
}

static void nothing(struct worker *w, void *arg)
{
}

void beba_workers_sync(struct beba_workers *ws)
{
    for (unsigned i = 0; i < ws->opts.n; i++) {
        while (!beba_ring_empty(&ws->worker[i].outs))
            command(&ws->worker[i], nothing, NULL);
    }
}

bool beba_workers_next(struct beba_workers *ws, struct beba_event *out)
{
    for (unsigned k = 0; k < ws->opts.n; k++) {
        unsigned i = (ws->next + k) % ws->opts.n;
        const struct event_record *e;
        uint32_t len;

        e = beba_ring_front(&ws->worker[i].events, &len);
        if (!e)
            continue;
        ws->front = i;
        *out = (struct beba_event){.kind = e->kind,
                                   .reason = e->reason,
                                   .table = e->table,
                                   .max_len = e->max_len,
                                   .cookie = e->cookie,
                                   .in_port = e->in_port,
                                   .len = e->len,
                                   .n_oxm = e->n_oxm,
                                   .n_plain = e->n_plain};
        if (e->kind == BEBA_EVENT_STATE_CHANGED) {
            out->change = (const struct beba_datapath_state_change *)(const void *)(e + 1);
        } else {
            out->oxm = (const struct beba_of_oxm *)(const void *)(e + 1);
            out->frame = (const uint8_t *)(out->oxm + e->n_oxm);
        }
        return true;
    }
    return false;
}

void beba_workers_pop(struct beba_workers *ws)
{
    beba_ring_pop(&ws->worker[ws->front].events);
    ws->next = (ws->front + 1) % ws->opts.n;
}

void beba_workers_stats(struct beba_workers *ws, struct beba_worker_stats *out)
{
    *out = (struct beba_worker_stats){.packet_outs_full = ws->outs_full};
    for (unsigned i = 0; i < ws->opts.n; i++) {
        struct worker *w = &ws->worker[i];

        out->received += atomic_load_explicit(&w->received, memory_order_relaxed);
        out->executed += atomic_load_explicit(&w->executed, memory_order_relaxed);
        out->packet_ins += atomic_load_explicit(&w->packet_ins, memory_order_relaxed);
        out->limited += atomic_load_explicit(&w->limited, memory_order_relaxed);
        out->ring_full += atomic_load_explicit(&w->ring_full, memory_order_relaxed);
        out->notifications_lost +=
            atomic_load_explicit(&w->notifications_lost, memory_order_relaxed);
    }
}

static int start(struct beba_workers *ws, unsigned i, struct beba_error *err)
{
    struct worker *w = &ws->worker[i];
    struct beba_datapath_sink sink = {.arg = w,
                                      .output = on_output,
                                      .pass = on_pass,
                                      .packet_in = on_packet_in,
                                      .state_changed =
                                          ws->opts.state_changes ? on_state_changed : NULL};
    sigset_t all, before;
    int r;

    w->ws = ws;
    w->index = i;
    w->tokens = ws->burst;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->scratch = malloc(BEBA_HEADROOM + FRAME_MAX + BEBA_TAILROOM);
    if (w->wake_fd < 0 || !w->scratch || beba_ring_init(&w->events, EVENTS_SIZE) ||
        beba_ring_init(&w->outs, OUTS_SIZE))
        return beba_error_set(err, -ENOMEM, "not enough memory for a worker");
    w->dp = beba_datapath_worker(ws->opts.dp, i, &sink);
    if (!w->dp)
        return beba_error_set(err, -ENOMEM, "not enough memory for a worker");
    /* Signals are the control thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        return beba_error_set(err, -r, "cannot start a worker: %s", strerror(r));
    w->started = true;
    return 0;
}

int beba_workers_new(const struct beba_workers_opts *opts, struct beba_workers **out,
                     struct beba_error *err)
{
    struct beba_workers *ws = calloc(1, sizeof(*ws));
    uint64_t rate = opts->packet_in_rate / opts->n;
    int r = 0;

    if (!ws || !(ws->worker = aligned_alloc(64, opts->n * sizeof(*ws->worker)))) {
        free(ws);
        return beba_error_set(err, -ENOMEM, "not enough memory for the workers");
    }
    memset(ws->worker, 0, opts->n * sizeof(*ws->worker));
    ws->opts = *opts;
    ws->rate = rate ? rate : 1;
    ws->burst = (ws->rate / 4 + 1) * 1000000000ull;
    for (unsigned i = 0; i < opts->n; i++) {
        pthread_mutex_init(&ws->worker[i].lock, NULL);
        pthread_cond_init(&ws->worker[i].done, NULL);
        ws->worker[i].wake_fd = -1;
    }
    if (beba_port_group_new(&ws->group))
        r = beba_error_set(err, -ENOMEM, "not enough memory for the workers");
    for (unsigned i = 0; i < opts->n && !r; i++)
        r = start(ws, i, err);
    if (r) {
        beba_workers_free(ws);
        return r;
    }
    *out = ws;
    return 0;
}

static void worker_free(struct worker *w)
{
    if (w->started) {
        atomic_store(&w->stop, true);
        wake(w);
        pthread_join(w->thread, NULL);
    }
    for (unsigned i = 0; i < w->n_ports; i++)
        beba_port_close(w->port[i].io, NULL);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    beba_ring_free(&w->events);
    beba_ring_free(&w->outs);
    free(w->scratch);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->done);
}

void beba_workers_free(struct beba_workers *ws)
{
    if (!ws)
        return;
    for (unsigned i = 0; i < ws->opts.n; i++)
        worker_free(&ws->worker[i]);
    beba_port_group_free(ws->group);
    free(ws->worker);
    free(ws);
}
