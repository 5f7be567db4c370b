/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs run by hand: beba_control for changes, beba_main for tests. */
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "kernel/internal.h"

/* Runs beba_control on the CPU of the caller. */
static int control(const struct beba_kernel *k, struct beba_object_command *command)
{
    struct beba_object_command in = *command;
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = sizeof(in),
                .data_out = command, .data_size_out = sizeof(*command), .repeat = 1);

    return k->prog[PROG_CONTROL] < 0 ? -ENOENT
                                     : bpf_prog_test_run_opts(k->prog[PROG_CONTROL], &opts);
}

static int control_on(const struct beba_kernel *k, struct beba_object_command *command,
                      unsigned cpu)
{
    cpu_set_t before, only;
    int rc;

    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    if (sched_getaffinity(0, sizeof(before), &before) || sched_setaffinity(0, sizeof(only), &only))
        return -errno;
    rc = control(k, command);
    sched_setaffinity(0, sizeof(before), &before);
    return rc;
}

int beba_kernel_command(struct beba_kernel *k, struct beba_object_command *command, unsigned cpu,
                        struct beba_error *err)
{
    int rc;

    if (command->table >= k->p->n_tables || !k->layout.region[command->table])
        return beba_error_set(err, -ENOENT, "there is no machine number %u with a key",
                              command->table);
    memset(command->frame, 0, sizeof(command->frame));
    if (!command->now)
        command->now = beba_kernel_now();
    command->status = -EIO; /* unless the program says otherwise */
    rc = k->table[command->table].n_regions > 1 ? control_on(k, command, cpu) : control(k, command);
    if (rc)
        return beba_kernel_error(err, rc, "run the program that changes flows");
    rc = command->status;
    switch (-rc) {
    case 0:
        return 0;
    case ENOENT:
        return beba_error_set(err, rc, "no such flow");
    case ENOSPC:
        return beba_error_set(err, rc, "the flow table is full");
    case EBUSY:
        return beba_error_set(err, rc, "the flow's lock was not to be had");
    default:
        return beba_error_set(err, rc, "the flow could not be changed: %s", strerror(-rc));
    }
}

int64_t beba_kernel_sweep(struct beba_kernel *k, uint64_t now, struct beba_error *err)
{
    enum { STEP = 256 };
    int64_t freed = 0;

    for (uint32_t i = 0; i < k->p->n_tables; i++) {
        const struct ktable *t = &k->table[i];

        for (uint32_t r = 0; k->layout.region[i] && r < t->n_regions; r++) {
            uint32_t n = ktable_region(t, r)->n_buckets;

            for (uint32_t b = 0; b < n; b += STEP) {
                struct beba_object_command c = {
                    .op = BEBA_OBJECT_SWEEP,
                    .table = i,
                    .bucket = b,
                    .count = n - b < STEP ? n - b : STEP,
                    .now = now,
                };
                int rc = beba_kernel_command(k, &c, r, err);

                if (rc)
                    return rc;
                freed += c.freed;
            }
        }
    }
    return freed;
}

/* Tests ---------------------------------------------------------------------------------------- */

static int run(struct beba_kernel *k, struct bpf_test_run_opts *opts,
               const struct beba_kernel_packet *packet, struct beba_error *err)
{
    struct beba_object_shared *shared;
    int rc;

    if (!k->test)
        return beba_error_set(err, -EINVAL, "the program was not loaded for tests");
    if (k->map[KMAP_SHARED].mem) {
        shared = (struct beba_object_shared *)(void *)k->map[KMAP_SHARED].mem;
        shared->test_now = packet->now;
        shared->test_in_port = packet->in_port;
    }
    rc = bpf_prog_test_run_opts(k->prog[PROG_MAIN], opts);
    return rc ? beba_kernel_error(err, rc, "run a packet") : 0;
}

int beba_kernel_run(struct beba_kernel *k, struct beba_kernel_packet *packet,
                    struct beba_error *err)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->in, .data_size_in = packet->in_size,
                .data_out = packet->out, .data_size_out = packet->out_size, .repeat = 1);
    const struct kmap *m = &k->map[KMAP_CPU];
    cpu_set_t before, only;
    int cpu = sched_getcpu(), rc;

    CPU_ZERO(&only);
    CPU_SET((unsigned)(cpu < 0 ? 0 : cpu), &only);
    if (cpu < 0 || sched_getaffinity(0, sizeof(before), &before) ||
        sched_setaffinity(0, sizeof(only), &only))
        return beba_error_set(err, -errno, "cannot stay on one CPU");
    rc = run(k, &opts, packet, err);
    sched_setaffinity(0, sizeof(before), &before);
    if (rc)
        return rc;
    packet->out_size = opts.data_size_out;
    packet->action = (int32_t)opts.retval;
    memcpy(&packet->result,
           m->mem + (((size_t)m->value_size + 7) & ~(size_t)7) * (unsigned)cpu +
               offsetof(struct beba_object_cpu, result),
           sizeof(packet->result));
    return 0;
}

int beba_kernel_time(struct beba_kernel *k, const struct beba_kernel_packet *packet, uint32_t times,
                     uint32_t *ns, struct beba_error *err)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->in, .data_size_in = packet->in_size,
                .repeat = (int)times);
    int rc = run(k, &opts, packet, err);

    *ns = opts.duration;
    return rc;
}
