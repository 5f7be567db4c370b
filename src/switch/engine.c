/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Native code for the tables: when it is compiled, and what is said of it. */
#include "base/error.h"
#include "native/cc.h"
#include "switch/control.h"

static void say(struct beba_daemon *d)
{
    struct beba_datapath_native is;
    bool failed;

    beba_datapath_native(d->dp, &is);
    failed = is.failed || is.program_failed;
    if (failed && !d->native_failed)
        beba_log(&d->log, BEBA_LOG_WARNING, "no native code, the interpreter goes on: %s",
                 is.error);
    d->native_failed = failed;
    if (is.n_compiled != d->natives)
        beba_log(&d->log, BEBA_LOG_INFO,
                 "native code for the tables: compiled in %llu ms, in use %llu ms after the change",
                 (unsigned long long)(is.compile_ns / 1000000),
                 (unsigned long long)(is.swap_ns / 1000000));
    d->natives = is.n_compiled;
}

static void on_timer(uv_timer_t *t)
{
    beba_daemon_native_step(t->data);
}

/* By the thread that compiles. */
static void wake(void *arg)
{
    struct beba_daemon *d = arg;

    uv_async_send(&d->native_done);
}

static void on_done(uv_async_t *async)
{
    beba_daemon_native_step(async->data);
}

void beba_daemon_native_step(struct beba_daemon *d)
{
    unsigned ms;

    if (d->opts->engine == BEBA_SWITCH_INTERP || !d->dp)
        return;
    ms = beba_datapath_native_step(d->dp);
    if (ms && !uv_is_active((uv_handle_t *)&d->native_timer))
        uv_timer_start(&d->native_timer, on_timer, ms, 0);
    say(d);
}

int beba_daemon_native_start(struct beba_daemon *d, struct beba_error *err)
{
    const struct beba_datapath_native_opts opts = {.wake = wake, .arg = d};
    char version[128];
    struct beba_error none = {0};

    uv_timer_init(&d->loop, &d->native_timer);
    uv_async_init(&d->loop, &d->native_done, on_done);
    d->native_timer.data = d->native_done.data = d;
    /* they do not keep the loop running */
    uv_unref((uv_handle_t *)&d->native_timer);
    uv_unref((uv_handle_t *)&d->native_done);
    if (d->opts->engine == BEBA_SWITCH_INTERP)
        return 0;
    if (d->opts->engine == BEBA_SWITCH_AUTO &&
        beba_cc_version(NULL, version, sizeof(version), &none)) {
        beba_log(&d->log, BEBA_LOG_INFO, "the interpreter runs the tables: %s", none.what);
        return 0;
    }
    return beba_datapath_native_start(d->dp, &opts, err);
}
