/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba doctor: what this machine can run, and what is missing. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/tests.h"
#include "io/capture.h"
#include "kernel/probe.h"
#include "lang/lang.h"
#include "native/cc.h"
#include "state/ft_core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct opts {
    bool json;
};

static const struct cli_option options[] = {
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

enum level { LEVEL_CORE, LEVEL_OPTIONAL, LEVEL_KERNEL };
enum outcome { OUTCOME_OK, OUTCOME_MISSING, OUTCOME_FAILED, OUTCOME_UNKNOWN };

struct finding {
    enum outcome outcome;
    char text[512];
};

__attribute__((format(printf, 3, 4))) static void find(struct finding *f, enum outcome outcome,
                                                       const char *fmt, ...)
{
    va_list ap;

    f->outcome = outcome;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
}

/* The first line of a file, or "". */
static void first_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");

    out[0] = '\0';
    if (!f)
        return;
    if (!fgets(out, (int)size, f))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(f);
}

/* A number of /proc/meminfo. */
static unsigned long long meminfo(const char *key)
{
    FILE *f = fopen("/proc/meminfo", "re");
    unsigned long long v = 0;
    size_t n = strlen(key);
    char line[256];

    while (f && fgets(line, sizeof(line), f)) {
        if (!strncmp(line, key, n) && line[n] == ':')
            v = strtoull(line + n + 1, NULL, 10);
    }
    if (f)
        fclose(f);
    return v;
}

static void check_libpcap(struct finding *f)
{
    find(f, OUTCOME_OK, "%s", beba_capture_library());
}

static const char builtin[] = "machine knock {\n"
                              "    key ip.src\n"
                              "    capacity 1k when full refuse -> drop\n"
                              "    reg seen : u32\n"
                              "    state shut {\n"
                              "        on udp.dst == 7 { seen = 1; goto open; drop }\n"
                              "        else { drop }\n"
                              "    }\n"
                              "    state open idle 10s -> shut { always { seen += 1; pass } }\n"
                              "}\n"
                              "test \"opens, and shuts in time\" {\n"
                              "    send { ip4.src = 10.0.0.1, udp.dst = 8 } expect drop, shut\n"
                              "    send { ip4.src = 10.0.0.1, udp.dst = 7 } expect drop, open\n"
                              "    send { ip4.src = 10.0.0.1, tcp.dst = 22 } expect pass\n"
                              "    send { ip4.src = 10.0.0.2, tcp.dst = 22 } expect drop, shut\n"
                              "    wait 10s\n"
                              "    send { ip4.src = 10.0.0.1, tcp.dst = 22 } expect drop, shut\n"
                              "}\n";

static void check_program(struct finding *f)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_test_report report = {0};
    struct beba_error err = {0};
    int rc = beba_lang_load_text("built in", builtin, sizeof(builtin) - 1, NULL, &program, &diags);

    if (rc) {
        find(f, OUTCOME_FAILED, "the built-in program does not load: %s",
             diags.n ? diags.diag[0].message : strerror(-rc));
    } else if (beba_tests_run(program, &report, &err)) {
        find(f, OUTCOME_FAILED, "the built-in program does not run: %.400s", err.what);
    } else if (report.n_failed || !report.n_tests) {
        find(f, OUTCOME_FAILED, "the built-in program runs wrong: %.400s",
             report.n_failures ? report.failure[0].text : "no tests");
    } else {
        find(f, OUTCOME_OK, "a built-in program loads, runs and gives the right verdicts");
    }
    if (program)
        beba_test_report_free(&report, program);
    beba_program_free(program);
    beba_diags_free(&diags);
}

/* Fills a table, takes every third key out again, looks all up, checks every invariant. */
static bool exercise(struct beba_ft *ft, struct beba_error *err)
{
    enum { KEYS = 10000 };
    uint32_t key[BEBA_FT_KEY_MAX / 4] = {0};
    bool evicted;

    for (key[0] = 0; key[0] < KEYS; key[0]++) {
        if (!beba_ft_insert(ft, key, beba_ft_hash(ft, key), key[0], NULL, &evicted) || evicted)
            return beba_error_set(err, -EIO, "no room for key %u", key[0]) == 0;
    }
    for (key[0] = 0; key[0] < KEYS; key[0] += 3)
        beba_ft_remove(ft, beba_ft_find(ft, key, beba_ft_hash(ft, key)));
    for (key[0] = 0; key[0] < KEYS; key[0]++) {
        bool there = beba_ft_find(ft, key, beba_ft_hash(ft, key)) != NULL;

        if (there != (key[0] % 3 != 0))
            return beba_error_set(err, -EIO, "key %u is %s", key[0],
                                  there ? "still there" : "lost") == 0;
    }
    return beba_ft_verify(ft, err) == 0;
}

static void check_flow_table(struct finding *f)
{
    struct beba_timeouts states[1] = {{0}};
    struct beba_ft_desc desc = {.key_size = 4,
                                .states = states,
                                .n_states = 1,
                                .capacity = 20000,
                                .full = BEBA_FT_REFUSE,
                                .schema = ""};
    struct beba_ft_region region;
    struct beba_error err = {0};
    struct beba_ft *ft;

    if (beba_ft_open(&region, NULL, &desc, &ft, &err)) {
        find(f, OUTCOME_FAILED, "no flow table can be made: %.400s", err.what);
        return;
    }
    if (exercise(ft, &err))
        find(f, OUTCOME_OK, "10000 keys inserted, found and removed; every invariant holds");
    else
        find(f, OUTCOME_FAILED, "the flow table is broken: %.400s", err.what);
    beba_ft_close(&region);
}

static void check_graphviz(struct finding *f)
{
    const char *path = getenv("PATH");
    char name[4096];

    for (const char *p = path; p && *p;) {
        size_t n = strcspn(p, ":");

        snprintf(name, sizeof(name), "%.*s/dot", (int)n, p);
        if (!access(name, X_OK)) {
            find(f, OUTCOME_OK, "%s", name);
            return;
        }
        p += n + (p[n] == ':');
    }
    find(f, OUTCOME_MISSING,
         "not found: beba graph prints .dot but draws nothing; install graphviz");
}

static void check_cpu(struct finding *f)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __SSE2__
    bool sse2 = __builtin_cpu_supports("sse2"), avx2 = __builtin_cpu_supports("avx2");

    find(f, sse2 ? OUTCOME_OK : OUTCOME_FAILED, "%ld core%s; SSE2 %s%s", cores,
         cores == 1 ? "" : "s",
         sse2 ? "used by the flow table" : "missing, and this build needs it",
         avx2 ? ", AVX2 present" : "");
#else
    find(f, OUTCOME_OK, "%ld core%s; flow table in portable code", cores, cores == 1 ? "" : "s");
#endif
}

static void check_memory(struct finding *f)
{
    struct beba_strbuf text = {0};

    cli_bytes(&text, meminfo("MemAvailable") * 1024);
    beba_strbuf_puts(&text, " available of ");
    cli_bytes(&text, meminfo("MemTotal") * 1024);
    find(f, OUTCOME_OK, "%s", beba_strbuf_str(&text));
    beba_strbuf_free(&text);
}

static void check_huge_pages(struct finding *f)
{
    unsigned long long reserved = meminfo("HugePages_Total");
    char mode[128];

    first_line("/sys/kernel/mm/transparent_hugepage/enabled", mode, sizeof(mode));
    if (strstr(mode, "[always]") || strstr(mode, "[madvise]") || reserved)
        find(f, OUTCOME_OK, "transparent: %s; reserved: %llu", *mode ? mode : "unknown", reserved);
    else
        find(f, OUTCOME_MISSING,
             "none: big flow tables run slower; "
             "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
}

/* --- the kernel ---------------------------------------------------------------------------- */

/* Runs a program with one argument and takes the first line it prints; false when it cannot. */
static bool first_output(const char *program, const char *arg, char *out, size_t size)
{
    int pipe_fd[2], status;
    pid_t pid;
    ssize_t n;

    out[0] = '\0';
    if (pipe2(pipe_fd, O_CLOEXEC))
        return false;
    pid = fork();
    if (!pid) {
        dup2(pipe_fd[1], STDOUT_FILENO);
        dup2(pipe_fd[1], STDERR_FILENO);
        execlp(program, program, arg, (char *)NULL);
        _exit(127);
    }
    close(pipe_fd[1]);
    n = pid < 0 ? -1 : read(pipe_fd[0], out, size - 1);
    close(pipe_fd[0]);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return pid > 0 && waitpid(pid, &status, 0) == pid &&
           (!WIFEXITED(status) || WEXITSTATUS(status) != 127) && n > 0;
}

static void check_clang(struct finding *f)
{
    static const char *const names[] = {"clang",    "clang-19", "clang-18", "clang-17",
                                        "clang-16", "clang-15", "clang-14"};
    const char *given = getenv("BEBA_CLANG");
    char version[256];

    if (given && *given) {
        if (first_output(given, "--version", version, sizeof(version)))
            find(f, OUTCOME_OK, "%s: %s", given, version);
        else
            find(f, OUTCOME_MISSING, "BEBA_CLANG names '%.200s', which does not run", given);
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (first_output(names[i], "--version", version, sizeof(version))) {
            find(f, OUTCOME_OK, "%s: %s", names[i], version);
            return;
        }
    }
    find(f, OUTCOME_MISSING,
         "not found: beba attach takes objects of beba build only; "
         "install clang, or name one by BEBA_CLANG");
}

static void check_cc(struct finding *f)
{
    struct beba_error err = {0};
    char version[256];

    if (!beba_cc_version(NULL, version, sizeof(version), &err))
        find(f, OUTCOME_OK, "%s", version);
    else
        find(f, OUTCOME_MISSING, "%.200s: no --engine native; %.200s", err.what, err.hint);
}

static const struct check {
    const char *name;
    enum level level;
    void (*run)(struct finding *f);
} checks[] = {
    {"program", LEVEL_CORE, check_program},       {"flow table", LEVEL_CORE, check_flow_table},
    {"libpcap", LEVEL_CORE, check_libpcap},       {"cpu", LEVEL_CORE, check_cpu},
    {"memory", LEVEL_OPTIONAL, check_memory},     {"huge pages", LEVEL_OPTIONAL, check_huge_pages},
    {"graphviz", LEVEL_OPTIONAL, check_graphviz}, {"C compiler", LEVEL_OPTIONAL, check_cc},
    {"clang", LEVEL_KERNEL, check_clang},
};

/* --- the command --------------------------------------------------------------------------- */

struct doctor {
    bool json, core_ok, kernel_ok, kernel_known;
    json_t *list;
};

static void tell(struct doctor *d, const char *name, enum level level, const struct finding *f,
                 const char *hint)
{
    static const char *const outcomes[] = {"ok", "missing", "FAILED", "unknown"};
    static const char *const levels[] = {"core", "optional", "kernel"};
    json_t *json;

    if (!d->json) {
        printf("%-8s %-16s %s%s%s\n", outcomes[f->outcome], name, f->text, *hint ? ": " : "", hint);
        return;
    }
    json = json_pack("{s:o, s:b, s:s, s:s, s:o}", "name", cli_json_text(name), "ok",
                     f->outcome == OUTCOME_OK, "outcome",
                     f->outcome == OUTCOME_FAILED ? "failed" : outcomes[f->outcome], "level",
                     levels[level], "text", cli_json_text(f->text));
    if (*hint)
        json_object_set_new(json, "hint", cli_json_text(hint));
    json_array_append_new(d->list, json);
}

static void tell_probe(void *arg, const struct beba_probe *probe)
{
    static const uint8_t outcomes[] = {OUTCOME_OK, OUTCOME_MISSING, OUTCOME_UNKNOWN};
    struct doctor *d = arg;
    struct finding f = {.outcome = outcomes[probe->outcome]};

    snprintf(f.text, sizeof(f.text), "%s", probe->text);
    if (probe->needed && probe->outcome == BEBA_PROBE_MISSING)
        d->kernel_ok = false;
    if (probe->needed && probe->outcome == BEBA_PROBE_UNKNOWN)
        d->kernel_known = false;
    tell(d, probe->name, LEVEL_KERNEL, &f, probe->hint);
}

static void conclude(const struct doctor *d)
{
    if (!d->core_ok) {
        puts("\nbeba does not work on this machine: see FAILED above.");
        return;
    }
    puts("\nbeba works on this machine: it runs programs on captures.");
    if (!d->kernel_ok)
        puts("In the kernel it cannot run programs as things are: see missing above.");
    else if (!d->kernel_known)
        puts("Whether it can run programs in the kernel is not all known: see unknown above.");
    else
        puts("It can run programs in the kernel.");
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct doctor d = {o->json, true, true, true, json_array()};
    int rc = CLI_OK;

    cli.json = o->json;
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        struct finding f;

        checks[i].run(&f);
        if (checks[i].level == LEVEL_CORE && f.outcome != OUTCOME_OK)
            d.core_ok = false;
        tell(&d, checks[i].name, checks[i].level, &f, "");
    }
    beba_kernel_probe(tell_probe, &d);
    if (o->json)
        rc = cli_print_json(
            stdout,
            json_pack("{s:b, s:o, s:s, s:O}", "ok", d.core_ok, "kernel",
                      d.kernel_ok && !d.kernel_known ? json_null() : json_boolean(d.kernel_ok),
                      "version", BEBA_VERSION, "checks", d.list));
    else
        conclude(&d);
    json_decref(d.list);
    return d.core_ok ? rc : CLI_FAILED;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "what this machine can run, and what is missing",
    .text =
        "Checks what beba needs: runs a built-in program, exercises a flow table, looks for "
        "libraries and tools, asks the kernel what it gives to programs, looks at the network "
        "devices, and says what is missing, what that costs and what to do. Works for any user; "
        "root sees more.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
