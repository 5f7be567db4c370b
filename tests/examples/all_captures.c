/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every capture through every program.
 *
 *     all_captures [-w DIR] PROGRAM... -- CAPTURE-OR-DIRECTORY...
 *
 * Each program has one engine for all captures, so that it meets clocks that jump, both ways, and
 * full tables. Every packet goes to every program as a copy with little room around it. After each
 * run: what leaves can be parsed, checksums that were right are right, a packet of which nothing
 * was assigned is what it was, and the counters add up. -w: the Ethernet packets that a program
 * changed, before and after, in DIR/before.pcap and DIR/after.pcap, for others to check. */
#include "base/error.h"
#include "engine/engine.h"
#include "io/capture.h"
#include "lang/lang.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_PROGRAMS = 256,
    ROOM = 64,
    CAPACITY = 64,
    DLT_ETHERNET = 1,
    BUFFER = BEBA_READER_BATCH * (ROOM + BEBA_CAPTURE_MAX + ROOM),
};

struct runner {
    const char *path;
    struct beba_program *program;
    struct beba_engine *engine, *batch_engine;
    uint64_t packets, changed;
};

struct run {
    struct runner runner[MAX_PROGRAMS];
    unsigned n_runners;
    struct beba_writer *before, *after;
    uint8_t *buffer, *buffer2;
    uint64_t captures, skipped, packets;
    unsigned faults;
};

static void fault(struct run *r, const struct runner *at, const char *capture, uint64_t number,
                  const char *what)
{
    fprintf(stderr, "%s: %s, packet %" PRIu64 ": %s\n", at->path, capture, number, what);
    r->faults++;
}

static int load(struct run *r, const char *path)
{
    struct runner *runner = &r->runner[r->n_runners];
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    struct beba_strbuf text = {0};
    struct beba_engine_opts opts = {
        .seed = 1, .fixed_seed = true, .capacity = CAPACITY, .all_events = true};
    int rc;

    if (r->n_runners == MAX_PROGRAMS)
        return -E2BIG;
    runner->path = path;
    rc = beba_lang_load_file(path, NULL, &runner->program, &diags, &err);
    if (rc && diags.n && runner->program) {
        beba_diags_print(&diags, &runner->program->sources, &text, false);
        fputs(beba_strbuf_str(&text), stderr);
    }
    if (!rc)
        rc = beba_engine_new(runner->program->pipeline, &opts, &runner->engine, &err);
    if (!rc)
        rc = beba_engine_new(runner->program->pipeline, &opts, &runner->batch_engine, &err);
    if (rc)
        fprintf(stderr, "%s: %s\n", path, err.what[0] ? err.what : strerror(-rc));
    else
        r->n_runners++;
    beba_strbuf_free(&text);
    beba_diags_free(&diags);
    return rc;
}

static void check_result(struct run *r, const struct runner *at, const char *capture,
                         uint64_t number, const struct beba_packet *was, struct beba_packet *p,
                         const struct beba_result *result)
{
    const struct beba_pipeline *pipeline = at->program->pipeline;
    unsigned had, has, wrong_before, wrong_after;

    if (result->verdict == BEBA_VERDICT_NONE || result->verdict == BEBA_VERDICT_NEXT ||
        result->verdict >= BEBA_N_VERDICTS)
        fault(r, at, capture, number, "no final verdict");
    if (result->table >= pipeline->n_tables && result->reason != BEBA_REASON_END)
        fault(r, at, capture, number, "verdict of a table that does not exist");
    if (p->wire_len < p->len || p->now != was->now)
        fault(r, at, capture, number, "length or time changed");
    wrong_before = beba_packet_checksums(was, &had);
    beba_packet_parse(p);
    if (p->h.layers != was->h.layers)
        fault(r, at, capture, number, "headers appeared or went");
    wrong_after = beba_packet_checksums(p, &has);
    if (has != had || wrong_after & ~wrong_before)
        fault(r, at, capture, number, "a checksum that was right is wrong");
}

static int save(struct run *r, const struct beba_packet *was, const struct beba_packet *p)
{
    int rc = beba_writer_put(r->before, was->now, was->data, was->len, was->wire_len, NULL);

    return rc ? rc : beba_writer_put(r->after, p->now, p->data, p->len, p->wire_len, NULL);
}

/* Copies of n packets, one after the other in buffer, each with a little room around it. */
static void copy_packets(uint8_t *buffer, struct beba_packet *const *from, unsigned n,
                         struct beba_packet *to)
{
    for (unsigned i = 0; i < n; i++) {
        to[i] = *from[i];
        to[i].data = buffer + ROOM;
        to[i].headroom = to[i].tailroom = ROOM;
        memset(buffer, 0x55, ROOM);
        memcpy(to[i].data, from[i]->data, from[i]->len);
        memset(to[i].data + to[i].len, 0xaa, ROOM);
        buffer += ROOM + to[i].len + ROOM;
    }
}

static bool same_bytes(const struct beba_packet *a, const struct beba_packet *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* One packet at a time, then all together in an engine of its own: the results must agree. */
static int run_batch(struct run *r, const char *capture, struct beba_packet *const *packet,
                     unsigned n, int dlt)
{
    struct beba_packet one[BEBA_READER_BATCH], all[BEBA_READER_BATCH], *list[BEBA_READER_BATCH];
    struct beba_result result, results[BEBA_READER_BATCH];
    struct beba_event event;

    for (unsigned i = 0; i < n; i++) {
        beba_packet_parse(packet[i]);
        list[i] = &all[i];
    }
    for (unsigned k = 0; k < r->n_runners; k++) {
        struct runner *runner = &r->runner[k];

        copy_packets(r->buffer, packet, n, one);
        copy_packets(r->buffer2, packet, n, all);
        beba_engine_run(runner->batch_engine, list, n, results);
        for (unsigned i = 0; i < n; i++) {
            struct beba_packet *p = &one[i];

            beba_engine_run(runner->engine, &p, 1, &result);
            check_result(r, runner, capture, r->packets + i + 1, packet[i], p, &result);
            if (result.verdict != results[i].verdict || result.port != results[i].port ||
                result.reason != results[i].reason || result.rule != results[i].rule ||
                !same_bytes(p, &all[i]))
                fault(r, runner, capture, r->packets + i + 1, "differs in a batch");
            runner->packets++;
            if (same_bytes(p, packet[i]))
                continue;
            runner->changed++;
            if (r->before && dlt == DLT_ETHERNET && save(r, packet[i], p))
                return -EIO;
        }
        while (beba_engine_event(runner->engine, &event))
            ;
        while (beba_engine_event(runner->batch_engine, &event))
            ;
    }
    r->packets += n;
    return 0;
}

static int run_capture(struct run *r, const char *path)
{
    struct beba_reader *reader;
    struct beba_error err = {0};
    struct beba_packet *const *packets;
    int n, rc = beba_reader_open(path, &reader, &err);

    if (rc == -ENOTSUP || rc == -EINVAL) { /* a link type beba does not read, or nothing in it */
        r->skipped++;
        return 0;
    }
    if (rc) {
        fprintf(stderr, "%s: %s\n", path, err.what);
        return rc;
    }
    r->captures++;
    rc = 0;
    while (!rc && (n = beba_reader_batch(reader, &packets, BEBA_READER_BATCH, &err)) > 0)
        rc = run_batch(r, path, packets, (unsigned)n, beba_reader_dlt(reader));
    beba_reader_close(reader); /* of a capture that is cut or corrupt: what came before that */
    return rc;
}

static int is_capture(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && (!strcmp(dot, ".pcap") || !strcmp(dot, ".pcapng"));
}

static int run_path(struct run *r, const char *path)
{
    struct dirent **entry;
    struct stat st;
    char name[4096];
    int n, rc = 0;

    if (stat(path, &st)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -errno;
    }
    if (!S_ISDIR(st.st_mode))
        return run_capture(r, path);
    n = scandir(path, &entry, is_capture, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
        if (!rc)
            rc = run_capture(r, name);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    return n < 0 ? -errno : rc;
}

/* The counters of an engine agree with each other and with what went in. */
static void check_counters(struct run *r, const struct runner *at)
{
    const struct beba_engine_stats *stats = beba_engine_stats(at->engine);
    uint64_t verdicts = 0, reasons = 0;

    for (unsigned i = 0; i < BEBA_N_VERDICTS; i++)
        verdicts += stats->verdict[i];
    for (unsigned i = 0; i < BEBA_N_REASONS; i++)
        reasons += stats->reason[i];
    if (stats->packets != at->packets || verdicts != at->packets || reasons != at->packets)
        fault(r, at, "counters", r->packets, "verdicts or reasons do not add up to the packets");
    for (uint32_t t = 0; t < at->program->pipeline->n_tables; t++) {
        struct beba_table_stats table;
        const struct beba_ft_counters *c = &table.counters;

        if (beba_engine_table(at->engine, t, &table))
            fault(r, at, "counters", r->packets, "no statistics of a table");
        else if (table.entries > table.capacity || c->hits > c->lookups ||
                 c->creations - c->frees - c->evictions != table.entries)
            fault(r, at, "counters", r->packets, "entries do not add up");
    }
}

static int open_writers(struct run *r, const char *dir)
{
    char path[4096];
    int rc;

    snprintf(path, sizeof(path), "%s/before.pcap", dir);
    rc = beba_writer_open(path, DLT_ETHERNET, &r->before, NULL);
    if (rc)
        return rc;
    snprintf(path, sizeof(path), "%s/after.pcap", dir);
    return beba_writer_open(path, DLT_ETHERNET, &r->after, NULL);
}

static void finish(struct run *r)
{
    uint64_t changed = 0;

    for (unsigned i = 0; i < r->n_runners; i++) {
        check_counters(r, &r->runner[i]);
        changed += r->runner[i].changed;
    }
    printf("%u programs, %" PRIu64 " captures (%" PRIu64 " skipped: link type or content), %" PRIu64
           " packets each, %" PRIu64 " changed, %u faults\n",
           r->n_runners, r->captures, r->skipped, r->packets, changed, r->faults);
}

int main(int argc, char **argv)
{
    static struct run r;
    int i = 1, rc = 0;

    if (argc > 2 && !strcmp(argv[1], "-w")) {
        rc = open_writers(&r, argv[2]);
        i = 3;
    }
    r.buffer = malloc(BUFFER);
    r.buffer2 = malloc(BUFFER);
    if (!r.buffer || !r.buffer2)
        rc = -ENOMEM;
    for (; !rc && i < argc && strcmp(argv[i], "--"); i++)
        rc = load(&r, argv[i]);
    for (i++; !rc && i < argc; i++)
        rc = run_path(&r, argv[i]);
    finish(&r);
    if (!r.n_runners || !r.captures)
        rc = rc ? rc : -ENOENT;
    if (r.before && beba_writer_close(r.before, NULL))
        rc = -EIO;
    if (r.after && beba_writer_close(r.after, NULL))
        rc = -EIO;
    for (i = 0; (unsigned)i < r.n_runners; i++) {
        beba_engine_free(r.runner[i].engine);
        beba_engine_free(r.runner[i].batch_engine);
        beba_program_free(r.runner[i].program);
    }
    free(r.buffer);
    free(r.buffer2);
    return rc || r.faults ? 1 : 0;
}
