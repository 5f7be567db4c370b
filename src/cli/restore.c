/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba restore: flows and values from files into a program in the kernel. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "cli/values.h"
#include "state/ft_core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct opts {
    bool drop_state, json;
    bool state; /* of beba attach --state: what cannot be is a warning */
};

static const struct cli_option options[] = {
    {.name = "drop-state",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, drop_state),
     .help = "Take over what can be, and leave out what cannot."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

/* A file of flows. */
struct source {
    char *path;
    void *mem;
    size_t size;
    struct beba_ft *ft;
    struct cli_carry carry;
    uint32_t table;   /* it goes to */
    uint64_t flows;   /* in it that have not timed out */
    uint64_t carried; /* of them that can be taken over */
    uint64_t put;
};

struct restore {
    const struct opts *o;
    struct cli_deployment d;
    struct beba_arena arena;
    struct beba_points points;
    struct source *source;
    unsigned n_sources;
    const char *dir; /* of the values; NULL: a file of flows was given */
    json_t *values;
    bool other_sets; /* those of another text: the program's own stand */
    struct cli_losses losses;
    uint64_t now;   /* ns since 1970 */
    int64_t epoch;  /* from the kernel's clock to it */
    uint64_t ended; /* flows in the files that have timed out since */
};

static int fail(struct beba_error *err, const char *path, const char *doing)
{
    int code = -errno;

    beba_error_set(err, code, "cannot %s: %s", doing, strerror(-code));
    beba_error_where(err, "%s", path);
    return code;
}

/* --- files --------------------------------------------------------------------------------- */

/* Mapped privately: joining mends a table that a killed run left, and the file stays as it is. */
static int map_source(struct source *s, struct beba_error *err)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
    struct stat st;

    if (fd < 0)
        return fail(err, s->path, "open");
    if (fstat(fd, &st)) {
        rc = fail(err, s->path, "read");
    } else if (!S_ISREG(st.st_mode) || !st.st_size) {
        rc = beba_error_set(err, -EINVAL, "this is not a flow table");
        beba_error_where(err, "%s", s->path);
    } else if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK) {
        rc = beba_error_set(err, -EBUSY, "another process uses this flow table");
        beba_error_where(err, "%s", s->path);
    }
    if (rc)
        goto out;
    s->size = (size_t)st.st_size;
    s->mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (s->mem == MAP_FAILED) {
        s->mem = NULL;
        rc = fail(err, s->path, "map");
        goto out;
    }
    rc = beba_ft_join(s->mem, s->size, NULL, &s->ft, err);
    if (rc)
        beba_error_where(err, "%s", s->path);
out:
    close(fd);
    return rc;
}

static int add_source(struct restore *r, char *path)
{
    struct source *more = realloc(r->source, (r->n_sources + 1) * sizeof(*more));

    if (more)
        r->source = more;
    if (!more || !path) {
        free(path);
        return -ENOMEM;
    }
    more[r->n_sources++] = (struct source){.path = path};
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

static bool is_table(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && !strcmp(name + n - 3, ".ft");
}

static int find_sources(struct restore *r, const char *from, struct beba_error *err)
{
    struct dirent *entry;
    struct stat st;
    int rc = 0;
    DIR *d;

    if (stat(from, &st))
        return fail(err, from, "open");
    if (!S_ISDIR(st.st_mode))
        return add_source(r, strdup(from)) ? beba_error_set(err, -ENOMEM, "out of memory") : 0;
    r->dir = from;
    d = opendir(from);
    if (!d)
        return fail(err, from, "open");
    while (!rc && (entry = readdir(d))) {
        char *path;

        if (is_table(entry->d_name))
            rc = add_source(r, asprintf(&path, "%s/%s", from, entry->d_name) < 0 ? NULL : path);
    }
    closedir(d);
    if (rc)
        return beba_error_set(err, rc, "out of memory");
    if (r->n_sources)
        qsort(r->source, r->n_sources, sizeof(*r->source), by_path);
    rc = cli_values_read(from, &r->values, err);
    if (!rc && !r->n_sources && !r->values) {
        rc = beba_error_set(err, -ENOENT, "no flow tables (MACHINE.ft) and no values in it");
        beba_error_where(err, "%s", from);
        beba_error_hint(err, "give a directory that beba snapshot or beba run --state wrote");
    }
    return rc;
}

/* --- looking ------------------------------------------------------------------------------- */

/* The next flow that has not timed out, as one of the program. *out holds: it can be taken over. */
static bool next_flow(struct restore *r, struct source *s, uint64_t *cursor, struct beba_flow *out,
                      bool *holds)
{
    struct beba_ft_entry *entry;
    struct beba_flow flow;

    while ((entry = beba_ft_next(s->ft, cursor))) {
        if (!beba_flow_of_entry(s->ft, s->table, entry, r->now, &flow))
            continue;
        out->table = s->table;
        *holds = cli_carry_flow(&s->carry, &flow, out);
        return true;
    }
    return false;
}

/* Finds the machine of a table by the name in its schema. */
static int plan(struct restore *r, struct source *s, struct beba_error *err)
{
    static const struct beba_table nowhere = {.name = ""};
    const struct beba_table *t = &nowhere;
    struct beba_flow flow;
    uint64_t cursor = 0;
    bool holds;
    int rc = cli_carry_plan(&s->carry, beba_ft_schema(s->ft), t, err);

    if (rc) {
        beba_error_where(err, "%s", s->path);
        return rc;
    }
    for (s->table = 0; s->table < r->d.p->n_tables; s->table++) {
        t = &r->d.p->table[s->table];
        if (!strcmp(t->name, s->carry.from.name) && t->lookup.kind != BEBA_KEY_NONE)
            break;
    }
    if (s->table < r->d.p->n_tables) {
        cli_carry_free(&s->carry);
        rc = cli_carry_plan(&s->carry, beba_ft_schema(s->ft), t, err);
    }
    if (rc)
        return rc;
    while (next_flow(r, s, &cursor, &flow, &holds)) {
        s->flows++;
        s->carried += holds;
    }
    r->ended += beba_ft_entries(s->ft) - s->flows;
    if (s->table < r->d.p->n_tables)
        cli_carry_losses(&s->carry, s->flows, &r->losses);
    else if (s->flows)
        cli_losses_add(&r->losses, s->flows, "machine %s: the running program has none",
                       s->carry.from.name);
    return 0;
}

static int look(struct restore *r, struct beba_error *err)
{
    const struct cli_values v = {
        .p = r->d.p, .points = &r->points, .kernel = r->d.kernel, .shift = r->epoch};
    int rc = 0;

    for (unsigned i = 0; i < r->n_sources && !rc; i++) {
        rc = map_source(&r->source[i], err);
        if (!rc)
            rc = plan(r, &r->source[i], err);
    }
    if (!rc && r->values)
        rc = cli_values_load(&v, r->values, false, &r->losses, err);
    if (!rc && r->losses.failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    return rc;
}

/* --- putting ------------------------------------------------------------------------------- */

static int put(struct restore *r, const struct beba_flow *flow, struct beba_error *err)
{
    const struct beba_table *t = &r->d.p->table[flow->table];
    struct beba_object_command c = {
        .op = BEBA_OBJECT_PUT,
        .table = flow->table,
        .state = flow->state,
        .birth = (uint32_t)(flow->born >> 24) << 1 | flow->backward,
        .entered = flow->entered,
        .used = flow->used,
    };

    memcpy(c.key, flow->key, t->lookup.size);
    memcpy(c.regs, flow->regs, t->regs_size);
    return cli_deployment_command(&r->d, &c, -1, err);
}

static int put_source(struct restore *r, struct source *s, struct beba_error *err)
{
    uint64_t cursor = 0, full = 0;
    struct beba_flow flow;
    bool holds;
    int rc = 0;

    while (s->carried && !rc && next_flow(r, s, &cursor, &flow, &holds)) {
        if (!holds)
            continue;
        cli_flow_shift(&flow, &r->d.p->table[s->table], r->points.reg[s->table], -r->epoch);
        rc = put(r, &flow, err);
        s->put += !rc;
        if (rc == -ENOSPC) {
            full++;
            rc = 0;
        }
    }
    if (full)
        cli_losses_add(&r->losses, full, "machine %s: no room in its table",
                       r->d.p->table[s->table].name);
    return rc;
}

static int put_all(struct restore *r, struct beba_error *err)
{
    const struct cli_values v = {
        .p = r->d.p, .points = &r->points, .kernel = r->d.kernel, .shift = r->epoch};
    struct cli_losses again = {0}; /* told already */
    int rc = 0;

    if (r->values)
        rc = cli_values_load(&v, r->values, true, &again, err);
    cli_losses_free(&again);
    for (unsigned i = 0; i < r->n_sources && !rc; i++)
        rc = put_source(r, &r->source[i], err);
    return rc;
}

/* --- the command --------------------------------------------------------------------------- */

static uint64_t total(const struct restore *r, size_t field)
{
    uint64_t sum = 0, one;

    for (unsigned i = 0; i < r->n_sources; i++) {
        memcpy(&one, (const char *)&r->source[i] + field, sizeof(one));
        sum += one;
    }
    return sum;
}

static json_t *report_json(const struct restore *r)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}", "program", cli_json_text(r->d.info.name),
                     "restored", cli_json_u64(total(r, offsetof(struct source, put))), "flows",
                     cli_json_u64(total(r, offsetof(struct source, flows))), "ended",
                     cli_json_u64(r->ended), "values", r->values != NULL, "losses",
                     cli_losses_json(&r->losses));
}

static int refuse(const struct restore *r)
{
    struct beba_strbuf text = {0};
    struct beba_error err;
    int rc;

    if (r->o->json) {
        json_t *json = report_json(r);

        beba_error_set(&err, -ESTALE, "not all of it can be taken over");
        json_object_set_new(json, "error", cli_json_error(&err));
        cli.failed_json = true;
        cli_print_json(stdout, json);
    }
    rc = cli_fail_with("not all of it can be taken over, and nothing was:");
    cli_losses_print(&text, &r->losses);
    beba_strbuf_puts(&text, "  hint: --drop-state takes over the rest\n");
    cli_print(stderr, &text);
    return rc;
}

/* What there was before an attach is lost, and the program runs all the same. */
static int lost(const struct beba_error *err)
{
    cli_warn("warning: flows of before are not there: %s%s%s", err->where,
             err->where[0] ? ": " : "", err->what);
    return CLI_OK;
}

/* A restore that failed half way has changed flows: always say how many. */
static int tell(const struct restore *r, int rc, struct beba_error *err)
{
    unsigned long long done = total(r, offsetof(struct source, put));
    unsigned long long all = total(r, offsetof(struct source, flows));
    struct beba_strbuf text = {0};

    if (r->o->state && (rc || cli.json))
        return rc ? lost(err) : CLI_OK;
    if (rc) {
        beba_error_hint(err, "%llu of %llu flows were restored before it", done, all);
        if (r->o->json) {
            json_t *json = report_json(r);

            json_object_set_new(json, "error", cli_json_error(err));
            cli.failed_json = true;
            cli_print_json(stdout, json);
        }
        return cli_fail(err);
    }
    if (r->o->json)
        return cli_print_json(stdout, report_json(r));
    beba_strbuf_printf(&text, "%s: %llu of %llu flows restored", r->d.info.name, done, all);
    if (r->ended)
        beba_strbuf_printf(&text, "; %llu had timed out since", (unsigned long long)r->ended);
    if (r->values)
        beba_strbuf_puts(&text, "; globals, arrays and sets restored");
    beba_strbuf_putc(&text, '\n');
    if (r->losses.n) {
        beba_strbuf_puts(&text, "not taken over:\n");
        cli_losses_print(&text, &r->losses);
    }
    return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
}

static int restore(struct restore *r, const char *from)
{
    struct beba_error err = {0};
    int rc;

    r->epoch = beba_kernel_epoch();
    r->now = beba_kernel_now() + (uint64_t)r->epoch;
    if (beba_points_find(r->d.p, &r->arena, &r->points))
        return cli_fail_with("out of memory");
    rc = find_sources(r, from, &err);
    if (r->other_sets)
        json_object_del(r->values, "sets");
    if (!rc)
        rc = look(r, &err);
    if (rc)
        return r->o->state ? lost(&err) : cli_fail(&err);
    if (r->losses.n && !r->o->drop_state)
        return refuse(r);
    return tell(r, put_all(r, &err), &err);
}

/* True when the snapshot was taken of this very program. */
static bool same_text(const struct restore *r, const char *from)
{
    struct beba_strbuf path = {0};
    char *text = NULL;
    size_t size = 0;
    bool same;

    beba_strbuf_printf(&path, "%s/program.xfsm", from);
    same = !path.failed && !cli_read_file(path.s, &text, &size, NULL) &&
           size == r->d.info.text_size && !memcmp(text, r->d.info.text, size);
    beba_strbuf_free(&path);
    free(text);
    return same;
}

static int run_on(const struct opts *o, const char *name, const char *from)
{
    struct restore r = {.o = o};
    int rc;

    rc = cli_deployment_open(name, &r.d);
    r.other_sets = !rc && o->state && !same_text(&r, from);
    if (!rc)
        rc = restore(&r, from);
    for (unsigned i = 0; i < r.n_sources; i++) {
        if (r.source[i].mem)
            munmap(r.source[i].mem, r.source[i].size);
        cli_carry_free(&r.source[i].carry);
        free(r.source[i].path);
    }
    free(r.source);
    json_decref(r.values);
    cli_losses_free(&r.losses);
    beba_arena_free(&r.arena);
    cli_deployment_close(&r.d);
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;

    cli.json = o->json;
    return run_on(o, call->operand[0], call->operand[1]);
}

int cli_restore_state(const char *name, const char *from)
{
    static const struct opts o = {.drop_state = true, .state = true};
    struct stat st;

    if (stat(from, &st) && errno == ENOENT)
        return CLI_OK;
    return run_on(&o, name, from);
}

const struct cli_command cli_restore = {
    .name = "restore",
    .operands = "NAME FROM",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .summary = "put the flows and values of a snapshot into a running program",
    .text = "Puts flows, globals, arrays and sets into a program in the kernel. FROM is a "
            "directory that beba snapshot or beba run --state wrote, or one MACHINE.ft of it. What "
            "is taken over is found by the names of machine, key, states and registers. Flows that "
            "are there and not in FROM stay.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
