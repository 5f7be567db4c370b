/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Runs programs on captures as native code and in the interpreter, and compares.
 *
 *   native_compare [-O LEVEL] [-w] [-p] PROGRAM... -- CAPTURE...
 *
 * Each program on every capture; -p: the first on the first, the second on the second, and so on.
 * -w: the code that several threads may run. -c PROGRAM: only says whether it is valid. All
 * programs are compiled at once.
 *
 * Results, bytes, mirrored copies, events, flows, globals, arrays and counters must be the same
 * when the code runs batches, and when code and interpreter take turns on the same tables. Exit
 * status: 0 all that holds, 1 not, 2 misused or unreadable, 3 a program is not valid, 77 no
 * compiler. */
#include "../random/replay.h"

#include "base/error.h"
#include "emit/embedded.h"
#include "emit/emit.h"
#include "engine/native.h"
#include "io/capture.h"
#include "lang/lang.h"
#include "native/cc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INVALID = 3, SKIPPED = 77, PROGRAMS = 256, SECONDS = 600 };

struct one {
    const char *path;
    struct beba_program *program;
    const struct beba_native_code *code;
};

static struct one programs[PROGRAMS];
static unsigned n_programs;

static void load(const char *path)
{
    struct one *o = &programs[n_programs++];
    struct beba_diags diags = {0};
    struct beba_error err = {0};

    o->path = path;
    if (beba_lang_load_file(path, NULL, &o->program, &diags, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.what);
        exit(INVALID);
    }
    beba_diags_free(&diags);
}

static struct beba_cc_module *compile(const char *level, bool workers)
{
    struct beba_cc_opts cc = {
        .optimize = level, .headers = beba_embedded_native, .seconds = SECONDS};
    struct beba_cc_module *module;
    struct beba_strbuf c = {0};
    struct beba_error err = {0};
    char prefix[32], symbol[64];
    int rc;

    for (unsigned i = 0; i < n_programs; i++) {
        struct beba_emit_opts opts = {
            .file = programs[i].path, .prefix = prefix, .workers = workers};

        snprintf(prefix, sizeof(prefix), "p%u_", i);
        if (beba_emit_c(programs[i].program->pipeline, BEBA_TARGET_NATIVE, &opts, &c, &err)) {
            fprintf(stderr, "%s: %s\n", programs[i].path, err.what);
            exit(2);
        }
    }
    rc = beba_cc_load(&cc, "the programs", beba_strbuf_str(&c), c.len, &module, &err);
    beba_strbuf_free(&c);
    if (rc) {
        fprintf(stderr, "%s\n", err.what);
        exit(rc == -ENOENT ? SKIPPED : 1);
    }
    for (unsigned i = 0; i < n_programs; i++) {
        snprintf(symbol, sizeof(symbol), "p%u_" BEBA_NATIVE_SYMBOL, i);
        programs[i].code = beba_cc_symbol(module, symbol);
    }
    return module;
}

static void use(struct world *w, const struct beba_native_code *code)
{
    if (beba_engine_use(w->e, code))
        complain("the engine does not take the code");
}

/* Headers of both in whole: code finds those that its program looks at. */
static void parse(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        beba_packet_parse(&w->packet[i]);
}

/* turns: the code for every other call only. */
static void compare(const struct one *p, const struct original *o, unsigned n, bool turns)
{
    const char *what = turns ? "in turns" : "native";
    struct world a, b;

    world_init(&a, p->program->pipeline);
    world_init(&b, p->program->pipeline);
    use(&b, p->code);
    for (unsigned at = 0, size = 1, calls = 0; at < n && !failed; at += size, calls++) {
        size = turns ? calls % 7 + 1 : SLOTS;
        size = n - at < size ? n - at : size;
        if (turns)
            use(&b, calls % 2 ? p->code : NULL);
        run_batch(&a, o + at, size);
        run_batch(&b, o + at, size);
        parse(&a, size);
        parse(&b, size);
        for (unsigned i = 0; i < size; i++)
            compare_packet(what, at + i + 1, &a, i, &b, i);
        compare_events(what, at + size, &a, &b);
    }
    if (n)
        compare_worlds(what, &a, &b, o[n - 1].p.now);
    world_free(&a);
    world_free(&b);
}

/* Of a kind of link that beba knows. */
static bool is_known(const char *capture)
{
    struct beba_reader *reader;
    struct beba_error err = {0};

    if (beba_reader_open(capture, &reader, &err))
        return false;
    beba_reader_close(reader);
    return true;
}

static unsigned run(const struct one *p, const char *capture)
{
    struct original *o = checked(calloc(MAX_PACKETS, sizeof(*o)));
    unsigned n = read_capture(capture, o), bad;

    failed = false;
    if (!p->code)
        complain("no code");
    else
        compare(p, o, n, false);
    if (!failed)
        compare(p, o, n, true);
    bad = failed;
    if (failed)
        printf("FAIL %s on %s\n", p->path, capture);
    free_capture(o, n);
    return bad;
}

int main(int argc, char **argv)
{
    const char *level = "-O1";
    bool workers = false, paired = false;
    struct beba_cc_module *module;
    unsigned bad = 0, runs = 0;
    int at = 1;

    if (argc == 3 && !strcmp(argv[1], "-c")) {
        load(argv[2]);
        beba_program_free(programs[0].program);
        return 0;
    }
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '-'; at++) {
        workers |= argv[at][1] == 'w';
        paired |= argv[at][1] == 'p';
        if (argv[at][1] == 'O')
            level = argv[at];
    }
    for (; at < argc && strcmp(argv[at], "--") != 0 && n_programs < PROGRAMS; at++)
        load(argv[at]);
    if (at >= argc || !n_programs || (paired && argc - at - 1 != (int)n_programs)) {
        fprintf(stderr, "usage: native_compare [-O LEVEL] [-w] [-p] PROGRAM... -- CAPTURE...\n");
        return 2;
    }
    module = compile(level, workers);
    for (int c = at + 1; c < argc; c++) {
        if (!paired && !is_known(argv[c]))
            continue;
        for (unsigned i = 0; i < n_programs; i++) {
            if (paired && i != (unsigned)(c - at - 1))
                continue;
            bad += run(&programs[i], argv[c]);
            runs++;
        }
    }
    beba_cc_close(module);
    for (unsigned i = 0; i < n_programs; i++)
        beba_program_free(programs[i].program);
    printf("%u runs, %u differ\n", runs, bad);
    return bad != 0;
}
