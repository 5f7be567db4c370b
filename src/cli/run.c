/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba run: a program on a capture. */
#include "cli/run.h"

#include "cli/commands.h"
#include "cli/values.h"
#include "io/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {.name = "read",
     .letter = 'r',
     .kind = CLI_STRING,
     .arg = "CAPTURE",
     .complete = CLI_COMPLETE_CAPTURE,
     .offset = offsetof(struct run_opts, read),
     .help = "The pcap or pcapng capture to run on; '-' is standard input."},
    {.name = "write",
     .letter = 'w',
     .kind = CLI_STRING,
     .arg = "CAPTURE",
     .complete = CLI_COMPLETE_CAPTURE,
     .offset = offsetof(struct run_opts, write),
     .help =
         "Write the packets that leave (pass, output, reply, flood) as the program edited them, "
         "with their original times; '-' is standard output, and results then go to standard "
         "error."},
    {.name = "mirrors",
     .kind = CLI_STRING,
     .arg = "CAPTURE",
     .complete = CLI_COMPLETE_CAPTURE,
     .offset = offsetof(struct run_opts, mirrors),
     .help = "Write the mirrored copies."},
    {.name = "drop-out",
     .kind = CLI_STRING,
     .arg = "CAPTURE",
     .complete = CLI_COMPLETE_CAPTURE,
     .offset = offsetof(struct run_opts, dropped),
     .help = "Write the packets that do not leave (drop, punt)."},
    {.name = "flows",
     .letter = 'f',
     .kind = CLI_OPTIONAL,
     .arg = "MACHINE",
     .offset = offsetof(struct run_opts, flows),
     .help = "List the flows as they are after the last packet, of all machines or of one."},
    {.name = "trace",
     .kind = CLI_FLAG,
     .offset = offsetof(struct run_opts, trace),
     .help =
         "One line a packet: number, time since the first, verdict, packet, what decided, changes "
         "of state."},
    {.name = "events",
     .letter = 'e',
     .kind = CLI_FLAG,
     .offset = offsetof(struct run_opts, events),
     .help = "Print events as they come: notifications, states entered where the program asks, "
             "expiries, evictions."},
    {.name = "limit",
     .letter = 'c',
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct run_opts, limit),
     .help = "Stop after N packets."},
    CLI_NATIVE_ENGINE(struct run_opts, native,
                      "What runs the program: interp, the interpreter (default), or native: "
                      "compiled for this machine by its C compiler, and where that cannot be, the "
                      "interpreter after all."),
    CLI_NATIVE_OBJECT(struct run_opts, native),
    {.name = "seed",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct run_opts, seed),
     .help =
         "Seed of random numbers and of the tables' hashes, for runs that repeat exactly; without "
         "it random(n) starts from 0 and the tables take a secret from the system."},
    {.name = "state",
     .kind = CLI_STRING,
     .arg = "DIR",
     .complete = CLI_COMPLETE_DIR,
     .offset = offsetof(struct run_opts, state),
     .help = "Keep the flow tables in files DIR/MACHINE.ft, and globals, arrays and sets in "
             "DIR/values.json, which a later run goes on with; DIR is made when it is not there. A "
             "snapshot of beba snapshot is such a directory, and beba restore takes one."},
    {.name = "quiet",
     .letter = 'q',
     .kind = CLI_FLAG,
     .offset = offsetof(struct run_opts, quiet),
     .help = "No summary and no progress bar."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct run_opts, json),
     .help =
         "Print the result as one JSON object; with --trace, --events and --flows it holds them "
         "too, collected in memory."},
    {0},
};

/* --- progress ------------------------------------------------------------------------------ */

enum { BAR = 30, TICK_MS = 100, BATCHES_A_LOOK = 64 };

struct progress {
    bool wanted, shown;
    unsigned batches;
    struct timespec start, last;
};

static double seconds_since(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

static void progress_start(struct progress *bar, const struct run *r)
{
    const char *term = getenv("TERM");

    memset(bar, 0, sizeof(*bar));
    bar->wanted = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 && !r->o->quiet &&
                  !r->o->trace && !r->o->events;
    clock_gettime(CLOCK_MONOTONIC, &bar->start);
    bar->last = bar->start;
}

static void progress_tick(struct progress *bar, const struct run *r, const struct beba_reader *in)
{
    uint64_t done, size;
    double s;

    if (!bar->wanted || ++bar->batches % BATCHES_A_LOOK ||
        seconds_since(&bar->last) * 1000 < TICK_MS)
        return;
    clock_gettime(CLOCK_MONOTONIC, &bar->last);
    beba_reader_progress(in, &done, &size);
    s = seconds_since(&bar->start);
    fprintf(stderr, "\r\033[K");
    if (size) {
        int filled = (int)(done * BAR / size);

        fprintf(stderr, "[%.*s%.*s] %3u%%  ", filled,
                "==============================", BAR - filled, "                              ",
                (unsigned)(done * 100 / size));
    }
    fprintf(stderr, "%.1f M packets, %.2f M a second", (double)r->packets / 1e6,
            (double)r->packets / s / 1e6);
    fflush(stderr);
    bar->shown = true;
}

static void progress_end(const struct progress *bar)
{
    if (bar->shown)
        fprintf(stderr, "\r\033[K");
}

/* --- running ------------------------------------------------------------------------------- */

struct files {
    struct beba_reader *in;
    struct beba_writer *leaving, *mirrors, *dropped;
};

static bool leaves(uint8_t verdict)
{
    return verdict == BEBA_VERDICT_PASS || verdict == BEBA_VERDICT_OUTPUT ||
           verdict == BEBA_VERDICT_REPLY || verdict == BEBA_VERDICT_FLOOD;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
           S_ISREG(x.st_mode);
}

static int open_writer(const char *path, const struct run *r, int dlt, struct beba_writer **out)
{
    struct beba_error err;

    if (!path)
        return CLI_OK;
    if (same_file(path, r->o->read))
        return cli_fail_with("%s: is the capture that is read; write to another file", path);
    if (beba_writer_open(path, dlt, out, &err))
        return cli_fail(&err);
    return CLI_OK;
}

static int open_files(const struct run *r, struct files *f)
{
    struct beba_error err;
    int dlt, rc;

    if (beba_reader_open(r->o->read, &f->in, &err))
        return cli_fail(&err);
    dlt = beba_reader_dlt(f->in);
    rc = open_writer(r->o->write, r, dlt, &f->leaving);
    if (!rc)
        rc = open_writer(r->o->mirrors, r, dlt, &f->mirrors);
    if (!rc)
        rc = open_writer(r->o->dropped, r, dlt, &f->dropped);
    return rc;
}

static int close_one(struct beba_writer **w, int rc)
{
    struct beba_error err;
    int failed = beba_writer_close(*w, &err);

    *w = NULL;
    return failed && !rc ? cli_fail(&err) : rc;
}

static int close_files(struct files *f, int rc)
{
    beba_reader_close(f->in);
    f->in = NULL;
    rc = close_one(&f->leaving, rc);
    rc = close_one(&f->mirrors, rc);
    return close_one(&f->dropped, rc);
}

static int flush_files(const struct run *r, const struct files *f)
{
    struct beba_writer *const all[] = {f->leaving, f->mirrors, f->dropped};
    struct beba_error err;

    fflush(r->text);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (all[i] && beba_writer_flush(all[i], &err))
            return cli_fail(&err);
    }
    return CLI_OK;
}

/* A record that its file cannot hold is told and left out; a file that fails ends the run. */
static int write_one(struct beba_writer *w, uint64_t now, const uint8_t *data, uint32_t len,
                     uint32_t wire_len, uint64_t number, uint64_t *count)
{
    struct beba_error err;
    int rc = beba_writer_put(w, now, data, len, wire_len, &err);

    if (!rc) {
        (*count)++;
        return CLI_OK;
    }
    if (!err.where[0])
        beba_error_where(&err, "packet %llu", (unsigned long long)number);
    return cli_fail(&err);
}

static int write_packet(struct run *r, struct files *f, const struct beba_packet *p,
                        const struct beba_result *result, uint64_t number)
{
    bool out = leaves(result->verdict);
    struct beba_writer *w = out ? f->leaving : f->dropped;
    const struct beba_mirror *m;
    uint32_t n;
    int rc = CLI_OK;

    if (f->mirrors && result->n_mirrors) {
        m = beba_engine_mirrors(r->engine, &n);
        for (uint32_t i = 0; i < result->n_mirrors && result->first_mirror + i < n && !rc; i++) {
            const struct beba_mirror *copy = &m[result->first_mirror + i];

            rc = write_one(f->mirrors, p->now, copy->data, copy->len, copy->wire_len, number,
                           &r->mirrored);
        }
    }
    if (!rc && w)
        rc = write_one(w, p->now, p->data, p->len, p->wire_len, number,
                       out ? &r->written : &r->kept);
    return rc;
}

static int run_batch(struct run *r, struct files *f, struct beba_packet *const *packets, unsigned n)
{
    struct beba_result results[BEBA_READER_BATCH];
    int rc = CLI_OK;

    if (!r->packets)
        r->first = r->last = packets[0]->now;
    for (unsigned i = 0; i < n; i++) {
        r->bytes += packets[i]->wire_len;
        if (packets[i]->now > r->last)
            r->last = packets[i]->now;
    }
    beba_engine_run(r->engine, packets, n, results);
    for (unsigned i = 0; i < n && !rc; i++)
        rc = write_packet(r, f, packets[i], &results[i], r->packets + i + 1);
    r->packets += n;
    run_trace_events(r);
    return rc;
}

/* Packet by packet, so that states before and after can be told and events stand beside packets. */
static int run_traced(struct run *r, struct files *f, struct beba_packet *const *packets,
                      unsigned n, struct run_before *before)
{
    struct beba_result result;
    int rc = CLI_OK;

    for (unsigned i = 0; i < n && !rc; i++) {
        if (!r->packets)
            r->first = r->last = packets[i]->now;
        r->bytes += packets[i]->wire_len;
        r->packets++;
        if (packets[i]->now > r->last)
            r->last = packets[i]->now;
        run_trace_before(r, before, packets[i]);
        beba_engine_run(r->engine, &packets[i], 1, &result);
        rc = write_packet(r, f, packets[i], &result, r->packets);
        run_trace_after(r, before, &result);
        run_trace_events(r);
    }
    return rc;
}

static int run_capture(struct run *r, struct files *f)
{
    struct run_before *before = NULL;
    struct beba_packet *const *packets;
    struct beba_error err;
    struct progress bar;
    int n = 0, rc = CLI_OK;

    if (r->o->trace) {
        before = calloc(1, sizeof(*before));
        if (before)
            before->state = calloc(r->p->n_tables ? r->p->n_tables : 1, sizeof(*before->state));
        if (!before || !before->state) {
            free(before);
            return cli_fail_with("out of memory");
        }
    }
    progress_start(&bar, r);
    while (!rc && !ferror(r->text)) {
        uint64_t left = BEBA_READER_BATCH;

        if (r->o->limit.given && r->o->limit.value - r->packets < left)
            left = r->o->limit.value - r->packets;
        n = left ? beba_reader_batch(f->in, &packets, (unsigned)left, &err) : 0;
        if (n <= 0)
            break;
        rc = before ? run_traced(r, f, packets, (unsigned)n, before)
                    : run_batch(r, f, packets, (unsigned)n);
        if (!rc &&
            n < BEBA_READER_BATCH) /* who writes to the pipe has paused: hand on what there is */
            rc = flush_files(r, f);
        progress_tick(&bar, r, f->in);
    }
    progress_end(&bar);
    if (n < 0) {
        /* What came before is reported all the same: the failure is a part of the report. */
        if (r->json) {
            json_object_set_new(r->json, "error", cli_json_error(&err));
            cli.failed_json = true;
        }
        rc = cli_fail(&err);
    }
    if (before)
        free(before->state);
    free(before);
    return rc;
}

/* Flows that timed out with no further packet end here, so that they are reported and counted, too.
 * In parts, for the events of each have to be taken before there are too many. */
static void end_flows(struct run *r)
{
    enum { PART = 1024, SLOTS = 8 }; /* buckets; a bucket has room for more entries than that */
    uint64_t buckets = 0;

    for (uint32_t i = 0; r->packets && i < r->p->n_tables; i++) {
        struct beba_table_stats s;

        if (!beba_engine_table(r->engine, i, &s) && s.capacity / SLOTS + 1 > buckets)
            buckets = s.capacity / SLOTS + 1;
    }
    for (uint64_t done = 0; done < buckets; done += PART) {
        beba_engine_sweep(r->engine, PART, r->last);
        run_trace_events(r);
    }
}

/* --- setting up ---------------------------------------------------------------------------- */

static int check_flows(const struct run *r)
{
    const char *names[BEBA_MAX_TABLES], *nearest;

    if (!r->o->flows || !*r->o->flows)
        return CLI_OK;
    for (uint32_t i = 0; i < r->p->n_tables; i++) {
        names[i] = r->p->table[i].name;
        if (!strcmp(names[i], r->o->flows))
            return CLI_OK;
    }
    nearest = beba_nearest(r->o->flows, names, r->p->n_tables);
    return nearest ? cli_usage("no machine '%s' in the program; did you mean '%s'?", r->o->flows,
                               nearest)
                   : cli_usage("no machine '%s' in the program", r->o->flows);
}

static int check_opts(const struct run_opts *o)
{
    const char *out[] = {o->write, o->mirrors, o->dropped};
    unsigned standard = 0;

    if (!o->read)
        return cli_usage("no capture to run on: give -r CAPTURE");
    for (size_t i = 0; i < sizeof(out) / sizeof(*out); i++) {
        standard += out[i] && !strcmp(out[i], "-");
        for (size_t k = 0; k < i; k++) {
            if (out[i] && out[k] && (!strcmp(out[i], out[k]) || same_file(out[i], out[k])))
                return cli_usage("two options write to '%s'", out[i]);
        }
    }
    return standard > 1 ? cli_usage("only one capture can go to standard output") : CLI_OK;
}

static bool writes_to_stdout(const struct run_opts *o)
{
    return (o->write && !strcmp(o->write, "-")) || (o->mirrors && !strcmp(o->mirrors, "-")) ||
           (o->dropped && !strcmp(o->dropped, "-"));
}

/* --- values kept beside the flow tables ---------------------------------------------------- */

static int load_values(const struct run *r, const struct cli_values *v)
{
    struct cli_losses losses = {0};
    struct beba_error err = {0};
    json_t *json;
    int rc = cli_values_read(r->o->state, &json, &err);

    if (!rc && json)
        rc = cli_values_load(v, json, true, &losses, &err);
    json_decref(json);
    for (unsigned i = 0; i < losses.n; i++)
        cli_warn("%s: %s", r->o->state, losses.loss[i].what);
    cli_losses_free(&losses);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int save_values(const struct run *r, const struct cli_values *v)
{
    struct beba_error err = {0};

    if (!r->p->n_globals && !r->p->n_arrays && !r->p->n_sets)
        return CLI_OK;
    return cli_values_save(v, r->o->state, r->last, &err) ? cli_fail(&err) : CLI_OK;
}

/* Captures have times since 1970, as the file has: nothing is moved. */
static int run_kept(struct run *r, struct files *files)
{
    struct beba_arena arena = {0};
    struct beba_points points;
    struct cli_values v = {.p = r->p, .points = &points, .engine = r->engine};
    int rc, saved;

    if (beba_points_find(r->p, &arena, &points))
        return cli_fail_with("out of memory");
    rc = load_values(r, &v);
    if (!rc) {
        rc = run_capture(r, files);
        end_flows(r);
        saved = save_values(r, &v);
        rc = rc ? rc : saved;
    }
    beba_arena_free(&arena);
    return rc;
}

static int run_program(struct run *r)
{
    struct beba_engine_opts opts = {.seed = r->o->seed.value,
                                    .fixed_seed = r->o->seed.given,
                                    .events = r->o->events ? 65536 : 0,
                                    .state_dir = r->o->state,
                                    .all_events = r->o->events};
    struct files files = {0};
    struct beba_error err = {0};
    int rc;

    if (r->o->state && mkdir(r->o->state, 0700) && errno != EEXIST) {
        beba_error_set(&err, -errno, "cannot make the directory: %s", strerror(errno));
        beba_error_where(&err, "%s", r->o->state);
        return cli_fail(&err);
    }
    rc = cli_native_open(&r->o->native, r->program, r->path, true, &r->native);
    if (rc)
        return rc;
    if (beba_engine_new(r->p, &opts, &r->engine, &err))
        return cli_fail(&err);
    if (r->native && beba_engine_use(r->engine, beba_native_code(r->native)))
        return cli_fail_with("out of memory");
    rc = open_files(r, &files);
    if (rc) {
        close_files(&files, rc);
        return rc;
    }
    if (r->o->state) {
        rc = run_kept(r, &files);
    } else {
        rc = run_capture(r, &files);
        end_flows(r);
    }
    rc = close_files(&files, rc);
    /* A failed output file leaves a half result; a broken capture leaves a good one of what came.
     */
    if (cli.failed_json && r->json && !json_object_get(r->json, "error"))
        return rc;
    run_report(r);
    if (r->json && cli_print_json(r->text, json_incref(r->json)))
        rc = CLI_FAILED;
    return rc;
}

static int run(const struct cli_call *call)
{
    const struct run_opts *o = call->opts;
    struct run r = {.o = o, .path = call->operand[0], .text = stdout};
    struct cli_program p = {0};
    int rc;

    cli.json = o->json;
    rc = check_opts(o);
    if (rc)
        return rc;
    if (writes_to_stdout(o))
        r.text = stderr;
    rc = cli_load(call->operand[0], false, &p);
    if (rc)
        goto out;
    r.program = p.program;
    r.p = p.program->pipeline;
    if (o->json)
        r.json = json_pack("{s:o, s:o}", "program", cli_json_text(r.path), "capture",
                           cli_json_text(o->read));
    rc = check_flows(&r);
    if (!rc)
        rc = run_program(&r);
out:
    json_decref(r.json);
    beba_engine_free(r.engine);
    beba_native_free(r.native);
    cli_program_free(&p);
    return rc;
}

const struct cli_command cli_run = {
    .name = "run",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "run a program on a capture",
    .text = "Runs a program on a capture and counts: packets by verdict and by rule, what the flow "
            "tables did, flows by state. Time is the time of the capture. Memory does not grow "
            "with the "
            "capture.",
    .options = options,
    .size = sizeof(struct run_opts),
    .run = run,
};
