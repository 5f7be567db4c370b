/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba snapshot: flows and values of a program in the kernel, to files. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "cli/values.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct opts {
    const char *output;
    bool json;
};

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .arg = "DIR",
     .complete = CLI_COMPLETE_DIR,
     .offset = offsetof(struct opts, output),
     .help = "The directory to make; it must not exist. Without it: NAME-YYYYMMDD-HHMMSS."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

struct snapshot {
    struct cli_deployment d;
    struct beba_arena arena;
    struct beba_points points;
    uint64_t now;  /* kernel's clock */
    int64_t epoch; /* from it to ns since 1970 */
    uint64_t *flows;
    struct beba_strbuf temporary; /* the directory while it is made */
};

static int fail(struct beba_error *err, const char *path, const char *doing)
{
    int code = -errno;

    beba_error_set(err, code, "cannot %s: %s", doing, strerror(-code));
    beba_error_where(err, "%s", path);
    return code;
}

/* --- flows --------------------------------------------------------------------------------- */

/* Of CPUs that know a flow each for itself, the one that saw it last is kept. */
static bool is_older(const struct beba_table *t, struct beba_engine *engine,
                     const struct beba_flow *flow)
{
    struct beba_flow kept;

    return t->per_cpu &&
           beba_engine_flow_of_key(engine, flow->table, flow->key, flow->used, &kept) &&
           kept.used >= flow->used;
}

static int save_table(struct snapshot *s, struct beba_engine *engine, uint32_t table,
                      struct beba_error *err)
{
    const struct beba_table *t = &s->d.p->table[table];
    struct beba_table_stats stats;
    struct beba_flow flow;
    uint64_t cursor = 0;

    while (beba_kernel_next_flow(s->d.kernel, table, s->now, &cursor, &flow)) {
        cli_flow_shift(&flow, t, s->points.reg[table], s->epoch);
        if (is_older(t, engine, &flow))
            continue;
        if (beba_engine_put_flow(engine, &flow))
            return beba_error_set(err, -ENOSPC, "the table of machine %s overflows", t->name);
    }
    if (!beba_engine_table(engine, table, &stats))
        s->flows[table] = stats.entries;
    return 0;
}

/* An engine whose tables lie in the directory makes the files in the one format. */
static int save_flows(struct snapshot *s, struct beba_error *err)
{
    struct beba_engine_opts opts = {.state_dir = s->temporary.s};
    struct beba_engine *engine;
    int rc = beba_engine_new(s->d.p, &opts, &engine, err);

    for (uint32_t i = 0; !rc && i < s->d.p->n_tables; i++)
        rc = save_table(s, engine, i, err);
    beba_engine_free(engine);
    return rc;
}

/* --- files --------------------------------------------------------------------------------- */

/* Calls fn with the path of each file in the directory. */
static int each_file(const char *dir, int (*fn)(const char *path))
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int rc = d ? 0 : -errno;

    while (d && !rc && (entry = readdir(d))) {
        struct beba_strbuf path = {0};

        if (entry->d_name[0] == '.')
            continue;
        beba_strbuf_printf(&path, "%s/%s", dir, entry->d_name);
        rc = path.failed ? -ENOMEM : fn(path.s);
        beba_strbuf_free(&path);
    }
    if (d)
        closedir(d);
    return rc;
}

static int sync_one(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return -errno;
    rc = fsync(fd) ? -errno : 0;
    close(fd);
    return rc;
}

static int remove_one(const char *path)
{
    return unlink(path) ? -errno : 0;
}

static void remove_all(const char *dir)
{
    each_file(dir, remove_one);
    rmdir(dir);
}

static int save_text(const struct snapshot *s, struct beba_error *err)
{
    struct beba_strbuf path = {0};
    int rc;

    beba_strbuf_printf(&path, "%s/program.xfsm", s->temporary.s);
    rc = path.failed ? beba_error_set(err, -ENOMEM, "out of memory")
                     : cli_write_file(path.s, s->d.info.text, s->d.info.text_size, err);
    beba_strbuf_free(&path);
    return rc;
}

static int save_values(const struct snapshot *s, struct beba_error *err)
{
    const struct cli_values v = {
        .p = s->d.p, .points = &s->points, .kernel = s->d.kernel, .shift = s->epoch};

    return cli_values_save(&v, s->temporary.s, s->now + (uint64_t)s->epoch, err);
}

/* The directory gets its name when all that is in it is on the disk. */
static int publish(const struct snapshot *s, const char *dir, struct beba_error *err)
{
    int rc = each_file(s->temporary.s, sync_one);

    if (!rc)
        rc = sync_one(s->temporary.s);
    if (rc) {
        errno = -rc;
        return fail(err, dir, "write");
    }
    if (renameat2(AT_FDCWD, s->temporary.s, AT_FDCWD, dir, RENAME_NOREPLACE) &&
        (errno != EINVAL || rename(s->temporary.s, dir)))
        return fail(err, dir, "give the snapshot its name");
    return 0;
}

static int save(struct snapshot *s, const char *dir, struct beba_error *err)
{
    struct stat st;
    int rc;

    if (!lstat(dir, &st)) {
        beba_error_set(err, -EEXIST, "exists already");
        beba_error_where(err, "%s", dir);
        beba_error_hint(err, "give another name with --output, or remove it");
        return -EEXIST;
    }
    beba_strbuf_printf(&s->temporary, "%s.new-XXXXXX", dir);
    s->flows = beba_arena_array(&s->arena, s->d.p->n_tables + 1, sizeof(*s->flows));
    if (s->temporary.failed || !s->flows || beba_points_find(s->d.p, &s->arena, &s->points))
        return beba_error_set(err, -ENOMEM, "out of memory");
    if (!mkdtemp(s->temporary.s))
        return fail(err, dir, "make the directory");
    s->now = beba_kernel_now();
    s->epoch = beba_kernel_epoch();
    rc = save_flows(s, err);
    if (!rc)
        rc = save_values(s, err);
    if (!rc)
        rc = save_text(s, err);
    if (!rc)
        rc = publish(s, dir, err);
    if (rc)
        remove_all(s->temporary.s);
    return rc;
}

/* --- the command --------------------------------------------------------------------------- */

static int tell(const struct snapshot *s, const char *dir, bool json)
{
    json_t *machines = json_array();
    uint64_t flows = 0;

    for (uint32_t i = 0; i < s->d.p->n_tables; i++) {
        if (s->d.p->table[i].lookup.kind == BEBA_KEY_NONE)
            continue;
        flows += s->flows[i];
        json_array_append_new(machines,
                              json_pack("{s:o, s:o}", "name", cli_json_text(s->d.p->table[i].name),
                                        "flows", cli_json_u64(s->flows[i])));
    }
    if (json)
        return cli_print_json(
            stdout, json_pack("{s:o, s:o, s:o, s:o}", "program", cli_json_text(s->d.info.name),
                              "directory", cli_json_text(dir), "taken",
                              cli_json_u64(s->now + (uint64_t)s->epoch), "machines", machines));
    printf("%s: %llu flow%s of %s\n", dir, (unsigned long long)flows, flows == 1 ? "" : "s",
           s->d.info.name);
    json_decref(machines);
    return CLI_OK;
}

static void default_name(char *out, size_t size, const char *name)
{
    time_t now = time(NULL);
    struct tm tm;
    char when[32];

    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
    snprintf(out, size, "%s-%s", name, when);
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct snapshot s = {0};
    struct beba_error err = {0};
    char name[BEBA_KERNEL_NAME + 40], *dir;
    size_t n;
    int rc;

    cli.json = o->json;
    default_name(name, sizeof(name), call->operand[0]);
    dir = strdup(o->output ? o->output : name);
    if (!dir)
        return cli_fail_with("out of memory");
    for (n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
        dir[n - 1] = '\0';
    rc = *dir ? cli_deployment_open(call->operand[0], &s.d)
              : cli_usage("'' is no name for a directory");
    if (!rc)
        rc = save(&s, dir, &err) ? cli_fail(&err) : tell(&s, dir, o->json);
    cli_deployment_close(&s.d);
    beba_strbuf_free(&s.temporary);
    beba_arena_free(&s.arena);
    free(dir);
    return rc;
}

const struct cli_command cli_snapshot = {
    .name = "snapshot",
    .operands = "NAME",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .summary = "write the flows and values of a running program to a directory",
    .text = "Writes the flows, globals, arrays and sets of a program in the kernel to a directory, "
            "while it runs. beba run --state goes on from there with a capture, beba restore puts "
            "it back into a program. The directory appears under its name only when it is whole.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
