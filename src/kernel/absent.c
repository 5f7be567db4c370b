/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* This room where there is no libbpf: everything says so. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "kernel/kernel.h"

static int absent(struct beba_error *err)
{
    beba_error_set(err, -ENOTSUP,
                   "this beba was built without libbpf: it cannot put programs into "
                   "the kernel");
    beba_error_hint(err, "install libbpf-dev (Debian) and build it again: meson setup -Dkernel="
                         "enabled");
    return -ENOTSUP;
}

bool beba_kernel_built(void)
{
    return false;
}

bool beba_kernel_shares(void)
{
    return false;
}

uint64_t beba_kernel_memory(const struct beba_pipeline *p, uint64_t *tables, struct beba_error *err)
{
    if (tables)
        *tables = 0;
    absent(err);
    return 0;
}

int beba_kernel_load(const void *object, size_t size, const struct beba_pipeline *p,
                     const struct beba_kernel_opts *opts, struct beba_kernel **out,
                     struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_verify(const void *object, size_t size, const struct beba_pipeline *p,
                       uint32_t *insns, struct beba_error *err)
{
    *insns = 0;
    return absent(err);
}

int beba_kernel_attach(const void *object, size_t size, const struct beba_pipeline *p,
                       const struct beba_kernel_opts *opts, struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_replace(const void *object, size_t size, const struct beba_pipeline *p,
                        const struct beba_pipeline *old, const struct beba_kernel_opts *opts,
                        struct beba_kernel_carried *carried, struct beba_error *err)
{
    memset(carried, 0, sizeof(*carried));
    return absent(err);
}

int beba_kernel_detach(const char *root, const char *name, struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_list(const char *root, const char *const **names, struct beba_error *err)
{
    *names = NULL;
    return absent(err);
}

int beba_kernel_open(const char *root, const char *name, struct beba_kernel **out,
                     struct beba_error *err)
{
    return absent(err);
}

/* From here on nothing is reached: without open and load there is no struct beba_kernel. */

int beba_kernel_bind(struct beba_kernel *k, const struct beba_pipeline *p, struct beba_error *err)
{
    return absent(err);
}

void beba_kernel_close(struct beba_kernel *k)
{
}

void beba_kernel_info(const struct beba_kernel *k, struct beba_kernel_info *out)
{
    memset(out, 0, sizeof(*out));
}

void beba_kernel_stats(struct beba_kernel *k, struct beba_kernel_stats *out)
{
    memset(out, 0, sizeof(*out));
}

int beba_kernel_table(struct beba_kernel *k, uint32_t table, struct beba_table_stats *out)
{
    memset(out, 0, sizeof(*out));
    return absent(NULL);
}

void beba_kernel_rule(struct beba_kernel *k, uint32_t rule, struct beba_rule_counters *out)
{
    memset(out, 0, sizeof(*out));
}

void beba_kernel_counter(struct beba_kernel *k, uint32_t counter, struct beba_rule_counters *out)
{
    memset(out, 0, sizeof(*out));
}

bool beba_kernel_next_flow(struct beba_kernel *k, uint32_t table, uint64_t now, uint64_t *cursor,
                           struct beba_flow *out)
{
    return false;
}

bool beba_kernel_flow_of_key(struct beba_kernel *k, uint32_t table, const void *key, uint64_t now,
                             struct beba_flow *out)
{
    return false;
}

void beba_kernel_global(struct beba_kernel *k, uint32_t global, struct beba_u128 *out)
{
    *out = beba_u128(0, 0);
}

uint64_t beba_kernel_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column)
{
    return 0;
}

int64_t beba_kernel_set(struct beba_kernel *k, uint32_t set, struct beba_range **out,
                        struct beba_error *err)
{
    *out = NULL;
    return absent(err);
}

void beba_kernel_set_global(struct beba_kernel *k, uint32_t global, struct beba_u128 value)
{
}

void beba_kernel_set_cell(struct beba_kernel *k, uint32_t array, uint64_t row, uint64_t column,
                          uint64_t value)
{
}

int beba_kernel_set_add(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_set_del(struct beba_kernel *k, uint32_t set, const struct beba_range *range,
                        struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_command(struct beba_kernel *k, struct beba_object_command *command, unsigned cpu,
                        struct beba_error *err)
{
    return absent(err);
}

int64_t beba_kernel_sweep(struct beba_kernel *k, uint64_t now, struct beba_error *err)
{
    return absent(err);
}

void beba_kernel_sample(struct beba_kernel *k, uint32_t every, uint64_t until)
{
}

void beba_kernel_all_events(struct beba_kernel *k, bool all)
{
}

int beba_kernel_events(struct beba_kernel *k, int timeout_ms, beba_kernel_record_fn fn, void *arg,
                       struct beba_error *err)
{
    return absent(err);
}

bool beba_kernel_event(const struct beba_kernel *k, const void *record, size_t size,
                       struct beba_event *out)
{
    return false;
}

int beba_kernel_run(struct beba_kernel *k, struct beba_kernel_packet *packet,
                    struct beba_error *err)
{
    return absent(err);
}

int beba_kernel_time(struct beba_kernel *k, const struct beba_kernel_packet *packet, uint32_t times,
                     uint32_t *ns, struct beba_error *err)
{
    *ns = 0;
    return absent(err);
}
