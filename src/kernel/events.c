/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ring buffer of events. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "kernel/internal.h"

static int take(void *arg, void *record, size_t size)
{
    struct beba_kernel *k = arg;

    return k->record ? k->record(k->record_arg, record, size) : 0;
}

int beba_kernel_events(struct beba_kernel *k, int timeout_ms, beba_kernel_record_fn fn, void *arg,
                       struct beba_error *err)
{
    int rc;

    if (!fn) { /* done */
        if (k->ring)
            ring_buffer__free(k->ring);
        k->ring = NULL;
        return 0;
    }
    if (k->map[KMAP_EVENTS].fd < 0)
        return beba_error_set(err, -ENOENT, "%s has no events", k->name);
    k->record = fn;
    k->record_arg = arg;
    if (!k->ring)
        k->ring = ring_buffer__new(k->map[KMAP_EVENTS].fd, take, k, NULL);
    if (!k->ring)
        return beba_kernel_error(err, -errno, "open the ring of events");
    rc = ring_buffer__consume(k->ring);
    if (!rc && timeout_ms)
        rc = ring_buffer__poll(k->ring, timeout_ms);
    if (rc < 0 && rc != -EINTR)
        beba_error_set(err, rc, "events cannot be read: %s", strerror(-rc));
    return rc;
}

bool beba_kernel_event(const struct beba_kernel *k, const void *record, size_t size,
                       struct beba_event *out)
{
    struct beba_object_event e;

    if (size < sizeof(e))
        return false;
    memcpy(&e, record, sizeof(e));
    if (e.kind > BEBA_EVENT_EVICTED || e.table >= k->p->n_tables || e.key_size > BEBA_FT_KEY_MAX ||
        (e.kind == BEBA_EVENT_NOTIFY && e.notice >= k->p->n_notices))
        return false;
    *out = (struct beba_event){
        .time = (uint64_t)((int64_t)e.time + beba_kernel_epoch()),
        .kind = e.kind,
        .table = e.table,
        .rule = e.rule,
        .notice = e.notice,
        .from = e.from,
        .to = e.to,
        .key_size = e.key_size,
        .n_args = e.n_args > BEBA_OBJECT_ARGS ? BEBA_OBJECT_ARGS : e.n_args,
    };
    if (e.kind == BEBA_EVENT_NOTIFY && out->n_args > k->p->notice[e.notice].n_args)
        out->n_args = (uint8_t)k->p->notice[e.notice].n_args;
    memcpy(out->key, e.key, sizeof(out->key));
    memcpy(out->arg, e.arg, sizeof(out->arg));
    return true;
}
