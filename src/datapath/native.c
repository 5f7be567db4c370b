/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/native.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "datapath/machine.h"
#include "datapath/program.h"
#include "native/cc.h"

enum {
    QUIET_MS = 25,
    PATIENCE_MS = 250, /* structure that never is quiet is compiled all the same */
    COMPILER_SECONDS = 20,
    POLL_MS = 10, /* where nobody is woken */
};

/* One compilation, of the tables or of a table's program: handed to the thread, and back. */
struct work {
    struct beba_machine *machine; /* held; NULL: the tables */
    struct beba_native_module *program;
    struct beba_strbuf text;
    uint64_t structure;
    uint32_t serial;
    uint64_t changed; /* ns: when the structure last had */
    uint64_t took;
    struct beba_cc_module *module;
    struct beba_error err;
    int rc;
};

struct beba_datapath_compiler {
    struct beba_datapath_native_opts opts;
    struct beba_datapath_native info;
    uint64_t first_change, last_change; /* ns; first: since something was compiled */
    struct beba_strbuf text;            /* of the code that is in */
    pthread_t thread;
    bool busy; /* control: the thread has work, or its result waits */

    pthread_mutex_t lock;
    pthread_cond_t todo, done;
    struct work work;
    bool has_work, has_result, stop;
};

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t ms(uint64_t n)
{
    return n * 1000000;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void compile(struct work *w)
{
    const struct beba_cc_opts opts = {
        .optimize = "-O1", .seconds = COMPILER_SECONDS, .headers = beba_datapath_headers};
    uint64_t from = now();

    w->err = (struct beba_error){0};
    if (w->machine)
        w->rc = beba_machine_compile(w->machine, &w->program, &w->err);
    else
        w->rc = beba_cc_load(&opts, "tables.c", beba_strbuf_str(&w->text), w->text.len, &w->module,
                             &w->err);
    w->took = now() - from;
}

static void *run(void *arg)
{
    struct beba_datapath_compiler *n = arg;

    pthread_mutex_lock(&n->lock);
    while (!n->stop) {
        if (!n->has_work) {
            pthread_cond_wait(&n->todo, &n->lock);
            continue;
        }
        n->has_work = false;
        pthread_mutex_unlock(&n->lock);
        compile(&n->work);
        pthread_mutex_lock(&n->lock);
        n->has_result = true;
        pthread_cond_signal(&n->done);
        if (n->opts.wake && !n->stop)
            n->opts.wake(n->opts.arg);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

/* --- the control thread ----------------------------------------------------------------------- */

static void free_special(void *arg)
{
    struct beba_special *s = arg;

    beba_cc_close(s->module);
    free(s);
}

void beba_datapath_native_changed(struct beba_datapath *dp)
{
    struct beba_datapath_compiler *n = dp->native;

    if (!n)
        return;
    n->last_change = now();
    if (n->info.structure == n->info.compiled || n->info.failed)
        n->first_change = n->last_change;
    n->info.structure++;
    n->info.failed = false;
}

static uint32_t serial_of(const struct beba_datapath *dp)
{
    const struct beba_wanted *wanted = atomic_load_explicit(&dp->wanted, memory_order_relaxed);

    return wanted ? wanted->serial : 0;
}

static void note_error(struct beba_datapath_compiler *n, const struct beba_error *err)
{
    snprintf(n->info.error, sizeof(n->info.error), "%s%s%s", err->what, err->hint[0] ? "; " : "",
             err->hint);
}

/* Of the tables as they are; they are compiled again when their structure changes. */
static void fail(struct beba_datapath_compiler *n, const struct beba_error *err)
{
    n->info.failed = true;
    note_error(n, err);
}

/* One store: batches from now on run the code. */
static void put_in(struct beba_datapath *dp, struct work *w)
{
    struct beba_datapath_compiler *n = dp->native;
    struct beba_special *s = calloc(1, sizeof(*s)), *old;

    if (s)
        s->run = (void (*)(const struct beba_batch *, const struct beba_batch_calls *))(
            uintptr_t)beba_cc_symbol(w->module, "beba_special_run");
    if (!s || !s->run) {
        beba_error_set(&w->err, -ENOMEM, "no memory for native code");
        fail(n, &w->err);
        beba_cc_close(w->module);
        free(s);
        return;
    }
    s->serial = w->serial;
    s->module = w->module;
    old = atomic_load_explicit(&dp->special, memory_order_relaxed);
    atomic_store_explicit(&dp->special, s, memory_order_release);
    if (old)
        beba_datapath_later(dp, free_special, old);
    n->info.compiled = w->structure;
    n->info.n_compiled++;
    n->info.compile_ns = w->took;
    n->info.swap_ns = now() - w->changed;
    if (!n->info.program_failed)
        n->info.error[0] = '\0';
}

static void take_program(struct beba_datapath_compiler *n, struct work *w)
{
    if (!w->rc) {
        beba_machine_use(w->machine, w->program);
        n->info.n_programs++;
        n->info.program_failed = false;
    } else {
        n->info.program_failed = true;
        note_error(n, &w->err);
    }
    beba_machine_free(w->machine);
    w->machine = NULL;
}

static void take_result(struct beba_datapath *dp, struct work *w)
{
    struct beba_datapath_compiler *n = dp->native;

    if (w->machine) {
        take_program(n, w);
        return;
    }
    if (!w->rc)
        put_in(dp, w);
    else if (w->structure == n->info.structure)
        fail(n, &w->err);
    if (n->info.compiled == w->structure) {
        beba_strbuf_free(&n->text);
        n->text = w->text;
    } else {
        beba_strbuf_free(&w->text);
    }
    w->text = (struct beba_strbuf){0};
    w->module = NULL;
}

/* The same code for other bits of the same words, or the same ones again: only its serial. */
static bool is_same(struct beba_datapath *dp, const struct beba_strbuf *text)
{
    struct beba_datapath_compiler *n = dp->native;
    struct beba_special *old = atomic_load_explicit(&dp->special, memory_order_relaxed);

    return old && old->serial == serial_of(dp) && n->text.len == text->len &&
           !memcmp(n->text.s, text->s, text->len);
}

static void give(struct beba_datapath_compiler *n, const struct work *w)
{
    pthread_mutex_lock(&n->lock);
    n->work = *w;
    n->has_work = true;
    pthread_cond_signal(&n->todo);
    pthread_mutex_unlock(&n->lock);
    n->busy = true;
}

static void begin_program(struct beba_datapath *dp)
{
    struct work w = {.machine = beba_datapath_program_uncompiled(dp)};

    if (!w.machine)
        return;
    beba_machine_hold(w.machine);
    give(dp->native, &w);
}

/* Writes the C, and gives it to the thread. */
static void begin(struct beba_datapath *dp)
{
    struct beba_datapath_compiler *n = dp->native;
    struct work w = {
        .structure = n->info.structure, .serial = serial_of(dp), .changed = n->last_change};

    if (!w.serial) { /* there never was an entry */
        n->info.compiled = w.structure;
        return;
    }
    beba_datapath_native_write(dp, &w.text);
    if (w.text.failed) {
        beba_error_set(&w.err, -ENOMEM, "no memory for the tables' C");
        fail(n, &w.err);
        beba_strbuf_free(&w.text);
        return;
    }
    if (is_same(dp, &w.text)) {
        n->info.compiled = w.structure;
        beba_strbuf_free(&w.text);
        return;
    }
    give(n, &w);
}

static bool is_due(const struct beba_datapath_compiler *n, uint64_t at)
{
    return at - n->last_change >= ms(n->opts.quiet) || at - n->first_change >= ms(PATIENCE_MS);
}

static bool is_pending(const struct beba_datapath_compiler *n)
{
    return n->info.structure != n->info.compiled && !n->info.failed;
}

unsigned beba_datapath_native_step(struct beba_datapath *dp)
{
    struct beba_datapath_compiler *n = dp->native;

    if (!n)
        return 0;
    if (n->busy) {
        pthread_mutex_lock(&n->lock);
        n->busy = !n->has_result;
        n->has_result = false;
        pthread_mutex_unlock(&n->lock);
        if (n->busy)
            return n->opts.wake ? 0 : POLL_MS;
        take_result(dp, &n->work);
    }
    if (is_pending(n) && is_due(n, now()))
        begin(dp);
    if (!n->busy)
        begin_program(dp);
    if (n->busy)
        return n->opts.wake ? 0 : POLL_MS;
    return is_pending(n) ? n->opts.quiet : 0;
}

int beba_datapath_native_wait(struct beba_datapath *dp, struct beba_error *err)
{
    struct beba_datapath_compiler *n = dp->native;

    for (;;) {
        if (!n->busy && is_pending(n))
            begin(dp);
        if (!n->busy)
            begin_program(dp);
        if (!n->busy && !is_pending(n))
            break;
        pthread_mutex_lock(&n->lock);
        while (n->busy && !n->has_result)
            pthread_cond_wait(&n->done, &n->lock);
        pthread_mutex_unlock(&n->lock);
        beba_datapath_native_step(dp);
    }
    return n->info.failed || n->info.program_failed ? beba_error_set(err, -EIO, "%s", n->info.error)
                                                    : 0;
}

int beba_datapath_native_start(struct beba_datapath *dp,
                               const struct beba_datapath_native_opts *opts, struct beba_error *err)
{
    struct beba_datapath_compiler *n;
    int rc;

    if (dp->native)
        return 0;
    n = calloc(1, sizeof(*n));
    if (!n)
        return beba_error_set(err, -ENOMEM, "not enough memory");
    n->opts = *opts;
    n->opts.quiet = opts->quiet ? opts->quiet : QUIET_MS;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->todo, NULL);
    pthread_cond_init(&n->done, NULL);
    rc = pthread_create(&n->thread, NULL, run, n);
    if (rc) {
        free(n);
        return beba_error_set(err, -rc, "cannot start a thread: %s", strerror(rc));
    }
    n->info.started = true;
    dp->native = n;
    beba_datapath_native_changed(dp);
    return 0;
}

void beba_datapath_native_free(struct beba_datapath *dp)
{
    struct beba_datapath_compiler *n = dp->native;
    struct beba_special *s = atomic_load_explicit(&dp->special, memory_order_relaxed);

    if (n) {
        pthread_mutex_lock(&n->lock);
        n->stop = true;
        pthread_cond_signal(&n->todo);
        pthread_mutex_unlock(&n->lock);
        pthread_join(n->thread, NULL);
        pthread_cond_destroy(&n->todo);
        pthread_cond_destroy(&n->done);
        pthread_mutex_destroy(&n->lock);
        beba_strbuf_free(&n->text);
        if (n->busy) {
            beba_cc_close(n->work.module);
            beba_native_module_free(n->work.program);
            beba_machine_free(n->work.machine);
            beba_strbuf_free(&n->work.text);
        }
        free(n);
    }
    dp->native = NULL;
    atomic_store_explicit(&dp->special, NULL, memory_order_relaxed);
    if (s)
        beba_datapath_later(dp, free_special, s);
}

void beba_datapath_native(const struct beba_datapath *dp, struct beba_datapath_native *out)
{
    const struct beba_special *s = atomic_load_explicit(&dp->special, memory_order_relaxed);

    *out = dp->native ? dp->native->info : (struct beba_datapath_native){0};
    out->runs = s && s->serial == serial_of(dp);
}
