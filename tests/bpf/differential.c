/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel against the interpreter: every program given runs on the packets of every capture
 * given, and on packets made for it, packet by packet in both. Everything that can be seen must be
 * the same: verdict, reason, port, table, rule and bytes of each packet; at the end all flows,
 * globals, cells and counters; and on the way all events, what is done with the packet, and the
 * frames that go out. Each program as XDP and as tc program, loaded by libbpf alone.
 *
 *     differential [-fpv] [-t xdp|tc] [-n PACKETS] [-s PACKETS] PROGRAM... -- [CAPTURE...] [--
 * CAPTURE...]
 *
 * Of captures after the second -- only the first packets, -n of each, all in one run. -s: packets
 * made for each program, among which user space changes flows; -p: it does not. -f: in small
 * pieces.
 *
 * Exit 1 where something differs, 77 where this machine cannot load programs. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "differential.h"
#include "engine/bench.h"
#include "engine/stream.h"
#include "io/capture.h"

enum {
    SEED = 7,
    CAPACITY = 300, /* small, so that tables fill */
    CONTROL = 16,   /* packets between changes by user space */
};

bool verbose, no_control, fine;
static unsigned long sample = 16;      /* packets of a capture after the second -- */
static unsigned long synthetic = 3000; /* packets made for each program */

void differs(struct side_by_side *s, const char *fmt, ...)
{
    va_list ap;

    if (s->differ++ >= SHOW_MAX)
        return;
    printf("  %s %s %s #%lu: ", s->target, s->program, s->capture, s->n);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
    return verbose && level != LIBBPF_DEBUG ? vfprintf(stderr, fmt, ap) : 0;
}

/* Packets ------------------------------------------------------------------------------------ */

static void compare_result(struct side_by_side *s, const struct beba_result *want)
{
    const struct beba_object_result *have =
        &((const struct beba_object_cpu *)(const void *)s->k->cpu)->result;

    if (have->verdict != want->verdict || have->reason != want->reason ||
        have->port != want->port || have->table != want->table || have->rule != want->rule)
        differs(s, "%s (%s) port %u table %u rule %d; kernel: %s (%d) port %u table %u rule %d",
                beba_verdict_name(want->verdict), beba_reason_name(want->reason), want->port,
                want->table, (int)want->rule,
                have->verdict < BEBA_N_VERDICTS ? beba_verdict_name(have->verdict) : "?",
                have->reason, have->port, have->table, (int)have->rule);
}

static void compare_bytes(struct side_by_side *s, const struct beba_packet *want,
                          const uint8_t *have, uint32_t len)
{
    uint32_t i = 0;

    if (len != want->len) {
        differs(s, "%u bytes; kernel: %u", want->len, len);
        return;
    }
    while (i < len && want->data[i] == have[i])
        i++;
    if (i < len)
        differs(s, "byte %u is %02x; kernel: %02x", i, want->data[i], have[i]);
}

/* What the kernel does with a packet after the program. */
static void compare_action(struct side_by_side *s, const struct beba_result *want, uint32_t action)
{
    enum { PASS, DROP, REPLY, REDIRECT };
    static const uint32_t actions[2][4] = {{XDP_PASS, XDP_DROP, XDP_TX, XDP_REDIRECT},
                                           {0, 2, 7, 7}}; /* TC_ACT_OK, _SHOT, _REDIRECT */
    unsigned how = DROP;

    if (want->verdict == BEBA_VERDICT_PASS)
        how = PASS;
    else if (want->verdict == BEBA_VERDICT_REPLY)
        how = REPLY;
    else if (want->verdict == BEBA_VERDICT_OUTPUT && ports_have(want->port))
        how = REDIRECT;
    else if (want->verdict == BEBA_VERDICT_OUTPUT)
        s->redirect_failed++;
    else if (want->verdict == BEBA_VERDICT_FLOOD && !s->k->tc)
        how = REDIRECT;
    if (action != actions[s->k->tc][how])
        differs(s, "%s is action %u; kernel: %u", beba_verdict_name(want->verdict),
                actions[s->k->tc][how], action);
}

static void compare_frame(struct side_by_side *s, uint32_t port, const uint8_t *want, uint32_t len)
{
    static uint8_t frame[LEN_MAX + 512];
    size_t n = ports_take(port, frame, sizeof(frame));

    if (n != len || memcmp(frame, want, len))
        differs(s, "a frame of %u bytes to port %u; kernel: %zu, or others", len, port, n);
}

/* Frames that went out while the program ran: copies, and, by tc, floods. */
static void compare_sent(struct side_by_side *s, const struct beba_packet *packet,
                         const struct beba_result *want)
{
    uint32_t n;
    const struct beba_mirror *m = beba_engine_mirrors(s->e, &n) + want->first_mirror;
    uint8_t byte;

    for (n = want->n_mirrors; n; n--, m++) {
        if (ports_have(m->port))
            compare_frame(s, m->port, m->data, m->len);
        else
            s->mirrors_lost++;
    }
    for (uint32_t port = 1; port <= N_PORTS; port++) {
        if (!ports_have(port))
            continue;
        if (want->verdict == BEBA_VERDICT_FLOOD && s->k->tc)
            compare_frame(s, port, packet->data, packet->len);
        if (s->k->tc && ports_take(port, &byte, 1))
            differs(s, "the kernel sends one frame more to port %u", port);
    }
}

/* One packet in both. */
static void run_both(struct side_by_side *s, const uint8_t *data, uint32_t len, uint64_t now,
                     uint32_t in_port)
{
    static uint8_t mine[LEN_MAX + 512], theirs[LEN_MAX + 512];
    struct beba_object_shared *shared = (struct beba_object_shared *)(void *)s->k->shared;
    struct beba_packet packet = {.data = mine + 256,
                                 .len = len,
                                 .wire_len = len,
                                 .headroom = 256,
                                 .tailroom = 256,
                                 .now = now,
                                 .in_port = in_port,
                                 .in_phy_port = in_port};
    struct beba_packet *list[1] = {&packet};
    struct beba_result result;
    int rc;

    memcpy(mine + 256, data, len);
    s->now = shared->test_now = now;
    shared->test_in_port = in_port;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = data, .data_size_in = len, .data_out = theirs,
                .data_size_out = sizeof(theirs));
    rc = bpf_prog_test_run_opts(s->k->main_fd, &run);
    if (rc)
        return; /* not a packet that this kernel runs programs on */
    beba_engine_run(s->e, list, 1, &result);
    compare_result(s, &result);
    compare_bytes(s, &packet, theirs, run.data_size_out);
    compare_action(s, &result, run.retval);
    compare_sent(s, &packet, &result);
    s->packet = &packet;
    s->result = &result;
    compare_events(s);
    s->packet = NULL;
    if (getenv("BEBA_EACH") && !s->differ)
        for (uint32_t i = 0; i < s->k->p->n_tables; i++)
            compare_table(s, i);
    s->n++;
}

/* Runs --------------------------------------------------------------------------------------- */

static int begin(struct side_by_side *s)
{
    struct beba_engine_opts opts = {.seed = s->k->seed, .fixed_seed = true, .all_events = true};
    struct beba_error err = {0};
    int rc = beba_engine_new(s->k->p, &opts, &s->e, &err);

    if (rc)
        fprintf(stderr, "%s: %s\n", s->program, err.what);
    else
        reset(s->k, s->e);
    s->n = s->differ = 0;
    s->mirrors_lost = s->redirect_failed = 0;
    return rc;
}

static unsigned long end(struct side_by_side *s)
{
    compare_all(s);
    beba_engine_free(s->e);
    if (s->differ > SHOW_MAX)
        printf("  ... and %lu more\n", s->differ - SHOW_MAX);
    return s->differ;
}

/* Up to most packets of a capture. */
static void run_packets(struct side_by_side *s, const char *capture, unsigned long most)
{
    struct beba_reader *reader;
    struct beba_packet packet;

    s->capture = capture;
    if (beba_reader_open(capture, &reader, NULL))
        return; /* some are of no capture at all */
    while (most && beba_reader_next(reader, &packet, NULL) > 0) {
        uint32_t len = packet.len < LEN_MAX ? packet.len : LEN_MAX;

        if (packet.link != BEBA_LINK_ETHERNET || len < 15)
            continue;
        run_both(s, packet.data, len, packet.now,
                 packet.in_port > 1 ? packet.in_port : 1 + (uint32_t)(s->n % 3 == 2));
        most--;
    }
    beba_reader_close(reader);
}

static unsigned long run_capture(struct side_by_side *s, const char *capture)
{
    if (begin(s))
        return 1;
    run_packets(s, capture, ~0ul);
    return end(s);
}

/* The first packets of each, one after the other. */
static unsigned long run_samples(struct side_by_side *s, char **captures)
{
    if (begin(s))
        return 1;
    for (; *captures; captures++)
        run_packets(s, *captures, sample);
    return end(s);
}

static unsigned long run_synthetic(struct side_by_side *s)
{
    struct stream stream = {0};
    uint64_t now = 1700000000000000000ull;

    s->capture = "made for it";
    if (beba_stream_init(&stream, s->k->p, s->k->seed) || begin(s))
        return 1;
    for (unsigned i = 0; i < synthetic; i++) {
        struct stream_packet made = {0};
        struct beba_packet packet = {0};
        uint8_t buf[2048];
        struct beba_build build = {.assign = made.assign};
        uint64_t r = beba_splitmix64(i);

        beba_stream_next(&stream, (uint32_t)(r % 997), i % 7 < 3 ? (int)(i % 7) : -1, &made);
        build.n_assign = made.n;
        now += (r >> 32) % 50 ? (r >> 20) % 3000000 : (r >> 20) % 40000000000ull;
        if (beba_packet_build(&packet, buf, sizeof(buf), 128, &build, NULL))
            continue;
        for (; packet.len < 60; packet.len++)
            packet.data[packet.len] = 0;
        run_both(s, packet.data, packet.len, now, made.in_port ? made.in_port : 1);
        if (i % CONTROL == CONTROL - 1 && s->k->control_fd >= 0)
            for (unsigned c = 0; c < 4; c++)
                control_both(s, beba_splitmix64(s->k->seed + i * 4 + c));
    }
    beba_stream_free(&stream);
    return end(s);
}

/* Another one for each program. */
static uint64_t seed_of(const struct beba_program *program)
{
    uint64_t seed = SEED;

    for (size_t i = 0; i < program->sources.source[0].len; i++)
        seed = beba_splitmix64(seed ^ (uint8_t)program->sources.source[0].text[i]);
    return seed;
}

static unsigned long run_program(const char *file, enum beba_target target, char **captures,
                                 unsigned long *n)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0}, lacks = {0};
    struct loaded k = {0};
    struct side_by_side s = {.k = &k,
                             .program = strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
                             .target = beba_target_name(target)};
    unsigned long differ = 0;

    if (beba_lang_load_file(file, NULL, &program, &diags, NULL)) {
        printf("  %s does not load\n", file);
        return 1;
    }
    beba_target_check(program->pipeline, target, &lacks);
    if (lacks.errors) {
        printf("skip %s %s: %s\n", s.target, s.program, lacks.diag[0].message);
        goto out;
    }
    for (uint32_t i = 0; i < program->pipeline->n_tables; i++)
        if (program->pipeline->table[i].capacity > CAPACITY)
            program->pipeline->table[i].capacity = CAPACITY;
    if (load(&k, program, file, target, seed_of(program))) {
        printf("FAIL %s %s: not loaded\n", s.target, s.program);
        differ = 1;
        goto out;
    }
    for (; *captures && strcmp(*captures, "--"); captures++) {
        differ += run_capture(&s, *captures);
        *n += s.n;
    }
    if (*captures) {
        differ += run_samples(&s, captures + 1);
        *n += s.n;
    }
    differ += run_synthetic(&s);
    *n += s.n;
    printf("%s %s %s\n", differ ? "FAIL" : "same", s.target, s.program);
out:
    fflush(stdout);
    unload(&k);
    beba_program_free(program);
    beba_diags_free(&diags);
    beba_diags_free(&lacks);
    return differ;
}

static bool may_load(void)
{
    struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2},
                               {.code = BPF_JMP | BPF_EXIT}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "may", "GPL", insns, 2, NULL);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* On one CPU, the last: its counters are all there are. */
static void stay(void)
{
    cpu_set_t may, only;

    if (sched_getaffinity(0, sizeof(may), &may))
        return;
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (!CPU_ISSET(cpu, &may))
            continue;
        CPU_ZERO(&only);
        CPU_SET(cpu, &only);
        sched_setaffinity(0, sizeof(only), &only);
        return;
    }
}

int main(int argc, char **argv)
{
    unsigned long differ = 0, n = 0;
    const char *only = NULL;
    int first = 1, dash;

    for (; first < argc && argv[first][0] == '-' && argv[first][1] != '-'; first++) {
        if (!strcmp(argv[first], "-v"))
            verbose = true;
        else if (!strcmp(argv[first], "-f"))
            fine = true;
        else if (!strcmp(argv[first], "-p"))
            no_control = true;
        else if (!strcmp(argv[first], "-t") && first + 1 < argc)
            only = argv[++first];
        else if (!strcmp(argv[first], "-n") && first + 1 < argc)
            sample = strtoul(argv[++first], NULL, 10);
        else if (!strcmp(argv[first], "-s") && first + 1 < argc)
            synthetic = strtoul(argv[++first], NULL, 10);
    }
    for (dash = first; dash < argc && strcmp(argv[dash], "--"); dash++)
        ;
    libbpf_set_print(quiet);
    if (!may_load()) {
        printf("SKIPPED: this machine does not load BPF programs here\n");
        return 77;
    }
    stay();
    if (!ports_open())
        printf("without devices: frames that go out are not looked at\n");
    for (int i = first; i < dash; i++)
        for (int t = BEBA_TARGET_XDP; t <= BEBA_TARGET_TC; t++)
            if (!only || !strcmp(only, beba_target_name((unsigned)t)))
                differ += run_program(argv[i], (enum beba_target)t,
                                      dash < argc ? argv + dash + 1 : argv + argc, &n);
    printf("%lu packets, %lu differences\n", n, differ);
    return differ != 0;
}
