/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/deployment.h"

#include "lang/lang.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* --- opening ------------------------------------------------------------------------------- */

static int no_deployment(const char *name, const struct beba_error *why)
{
    const char *const *names = NULL;
    struct beba_error err = *why, ignored;
    int n = beba_kernel_list(NULL, &names, &ignored);
    const char *nearest = n > 0 ? beba_nearest(name, names, (unsigned)n) : NULL;

    if (nearest)
        beba_error_hint(&err, "did you mean '%s'?", nearest);
    else if (!n)
        beba_error_hint(&err, "nothing is attached: beba attach FILE --dev DEVICE");
    else if (n > 0)
        beba_error_hint(&err, "beba show lists what is attached");
    free((void *)(uintptr_t)names);
    return cli_fail(&err);
}

/* The text was a program when it was attached; another version of beba may think otherwise. */
static int load_text(struct cli_deployment *d)
{
    struct beba_lang_opts opts = {.no_warnings = true};
    struct beba_diags diags = {0};
    int rc = beba_lang_load_text(d->info.file, d->info.text, d->info.text_size, &opts, &d->program,
                                 &diags);

    if (diags.errors)
        cli_diags(&diags, &d->program->sources, d->info.file);
    else if (rc)
        cli_fail_with("cannot load the text of %s: %s", d->info.name, strerror(-rc));
    beba_diags_free(&diags);
    return rc ? CLI_FAILED : CLI_OK;
}

static int bind(struct cli_deployment *d)
{
    struct beba_error err = {0};
    int rc;

    beba_kernel_info(d->kernel, &d->info);
    rc = load_text(d);
    if (rc)
        return rc;
    d->p = d->program->pipeline;
    if (beba_kernel_bind(d->kernel, d->p, &err))
        return cli_fail(&err);
    beba_kernel_info(d->kernel, &d->info);
    return CLI_OK;
}

int cli_deployment_open(const char *name, struct cli_deployment *out)
{
    struct beba_error err = {0};
    int rc;

    *out = (struct cli_deployment){0};
    rc = beba_kernel_open(NULL, name, &out->kernel, &err);
    if (rc == -ENOENT)
        return no_deployment(name, &err);
    return rc ? cli_fail(&err) : bind(out);
}

static bool has_device(const struct beba_kernel_info *info, const char *device)
{
    for (unsigned i = 0; i < info->n_devices; i++) {
        if (!strcmp(info->device[i].name, device) && !info->device[i].gone)
            return true;
    }
    return false;
}

int cli_deployment_of_device(const char *device, struct cli_deployment *out)
{
    const char *const *names = NULL;
    struct beba_error err = {0};
    int n = beba_kernel_list(NULL, &names, &err), rc = CLI_OK;

    *out = (struct cli_deployment){0};
    if (n < 0)
        return cli_fail(&err);
    for (int i = 0; i < n; i++) {
        if (beba_kernel_open(NULL, names[i], &out->kernel, &err))
            continue; /* taken away since, or of another version */
        beba_kernel_info(out->kernel, &out->info);
        if (has_device(&out->info, device))
            break;
        cli_deployment_close(out);
    }
    free((void *)(uintptr_t)names);
    if (out->kernel)
        return bind(out);
    beba_error_set(&err, -ENOENT, "no program of beba is attached to device '%s'", device);
    beba_error_hint(&err, "beba show lists programs and their devices");
    rc = cli_fail(&err);
    return rc;
}

void cli_deployment_close(struct cli_deployment *d)
{
    beba_kernel_close(d->kernel);
    beba_program_free(d->program);
    *d = (struct cli_deployment){0};
}

int cli_deployment_command(struct cli_deployment *d, struct beba_object_command *command, int cpu,
                           struct beba_error *err)
{
    struct beba_object_command one;
    bool done = false;
    cpu_set_t cpus;
    int rc = -ENOENT;

    if (cpu >= 0 || !d->p->table[command->table].per_cpu)
        return beba_kernel_command(d->kernel, command, cpu < 0 ? 0 : (unsigned)cpu, err);
    if (sched_getaffinity(0, sizeof(cpus), &cpus))
        return beba_error_set(err, -errno, "cannot tell the CPUs");
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &cpus))
            continue;
        one = *command;
        rc = beba_kernel_command(d->kernel, &one, i, err);
        if (rc && rc != -ENOENT)
            return rc;
        done |= !rc;
    }
    if (done)
        *command = one;
    return done ? 0 : rc;
}

/* --- names --------------------------------------------------------------------------------- */

static int unknown(const char *kind, const char *name, const char *const *names, unsigned n)
{
    const char *nearest = beba_nearest(name, names, n);
    struct beba_strbuf all = {0};

    if (nearest)
        return cli_usage("no %s '%s' in the program; did you mean '%s'?", kind, name, nearest);
    if (!n)
        return cli_usage("no %s '%s' in the program: it has none", kind, name);
    for (unsigned i = 0; i < n && i < 20; i++)
        beba_strbuf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    cli_usage("no %s '%s' in the program; it has %s", kind, name, beba_strbuf_str(&all));
    beba_strbuf_free(&all);
    return CLI_USAGE;
}

/* The names of n things that are size bytes apart and begin with their name, in a new array. */
static int find_name(const char *kind, const char *name, const void *things, unsigned n,
                     size_t size, uint32_t *out)
{
    const char **names = calloc(n ? n : 1, sizeof(*names));
    int rc = CLI_OK;
    unsigned i;

    if (!names)
        return cli_fail_with("out of memory");
    for (i = 0; i < n; i++) {
        memcpy(&names[i], (const char *)things + i * size, sizeof(*names));
        if (!strcmp(names[i], name))
            break;
    }
    *out = i;
    if (i == n)
        rc = unknown(kind, name, names, n);
    free(names);
    return rc;
}

_Static_assert(offsetof(struct beba_table, name) == 0 && offsetof(struct beba_set, name) == 0 &&
                   offsetof(struct beba_global, name) == 0,
               "find_name takes the name from the start");

int cli_find_machine(const struct beba_pipeline *p, const char *name, bool keyed, uint32_t *table)
{
    int rc = find_name("machine", name, p->table, p->n_tables, sizeof(*p->table), table);

    if (!rc && keyed && p->table[*table].lookup.kind == BEBA_KEY_NONE)
        return cli_usage("machine '%s' has no key, and so no flows", name);
    return rc;
}

int cli_find_set(const struct beba_pipeline *p, const char *name, uint32_t *set)
{
    return find_name("set", name, p->set, p->n_sets, sizeof(*p->set), set);
}

int cli_find_global(const struct beba_pipeline *p, const char *name, uint32_t *global)
{
    return find_name("global", name, p->global, p->n_globals, sizeof(*p->global), global);
}
