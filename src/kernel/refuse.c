/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Why the kernel said no, for people. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emit/emit.h"
#include "kernel/internal.h"

/* Capabilities by bit, as in linux/capability.h. */
static const struct {
    unsigned bit;
    const char *name;
} caps[] = {{39, "CAP_BPF"}, {12, "CAP_NET_ADMIN"}, {38, "CAP_PERFMON"}};
enum { SYS_ADMIN = 21 };

/* The line of a file that starts with key, or its first; "" when there is none. */
static void file_line(const char *path, const char *key, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool found = false;

    while (f && !found && fgets(out, (int)size, f))
        found = !strncmp(out, key, strlen(key));
    if (!found)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (f)
        fclose(f);
}

static uint64_t capabilities(void)
{
    char line[128];

    file_line("/proc/self/status", "CapEff:", line, sizeof(line));
    return strlen(line) > 7 ? strtoull(line + 7, NULL, 16) : ~0ull;
}

static bool locked_down(void)
{
    char line[128];

    file_line("/sys/kernel/security/lockdown", "", line, sizeof(line));
    return strstr(line, "[confidentiality]") || strstr(line, "[integrity]");
}

static int not_permitted(struct beba_error *err, int rc, const char *doing)
{
    uint64_t have = capabilities();
    char missing[128] = "";

    for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++) {
        if (have >> caps[i].bit & 1 || have >> SYS_ADMIN & 1)
            continue;
        snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                 *missing ? ", " : "", caps[i].name);
    }
    if (*missing) {
        beba_error_set(err, rc, "cannot %s: this needs root, or %s", doing, missing);
        beba_error_hint(err, "run it with sudo");
    } else if (locked_down()) {
        beba_error_set(err, rc, "cannot %s: the kernel is locked down and forbids BPF", doing);
        beba_error_hint(err, "/sys/kernel/security/lockdown says so; it comes with Secure Boot, or "
                             "lockdown= on the kernel's command line");
    } else {
        beba_error_set(err, rc, "cannot %s: not permitted", doing);
        beba_error_hint(err, "a container, a security module or the limit of locked memory (ulimit "
                             "-l) may forbid it");
    }
    return rc;
}

int beba_kernel_error(struct beba_error *err, int rc, const char *doing)
{
    switch (-rc) {
    case EPERM:
    case EACCES:
        return not_permitted(err, rc, doing);
    case ENOSYS:
        beba_error_set(err, rc, "cannot %s: the kernel has no BPF", doing);
        beba_error_hint(err, "it needs Linux 5.17 or later with CONFIG_BPF_SYSCALL");
        return rc;
    case ENOMEM:
        beba_error_set(err, rc, "cannot %s: the kernel has no memory for it", doing);
        beba_error_hint(err, "give the machines a smaller capacity, or the memory control group of "
                             "this process a higher limit");
        return rc;
    default:
        return beba_error_set(err, rc, "cannot %s: %s", doing, strerror(-rc));
    }
}

int beba_kernel_has_memory(uint64_t bytes, struct beba_error *err)
{
    uint64_t available;
    char line[128];

    file_line("/proc/meminfo", "MemAvailable:", line, sizeof(line));
    available = *line ? strtoull(line + 13, NULL, 10) * 1024 : UINT64_MAX;
    if (bytes < available)
        return 0;
    beba_error_set(err, -ENOMEM,
                   "the program's tables take %" PRIu64 " MiB and %" PRIu64 " MiB are available",
                   bytes >> 20, available >> 20);
    beba_error_hint(err, "give its machines a smaller capacity");
    return -ENOMEM;
}

/* The verifier's log ----------------------------------------------------------------------- */

/* The last line of [log, end) before which fn holds; its length in *n. */
static const char *last_line(const char *log, const char *end, bool (*is)(const char *, size_t),
                             size_t *n)
{
    while (end > log) {
        const char *start = end - (end[-1] == '\n');

        *n = (size_t)(start - log);
        while (start > log && start[-1] != '\n')
            start--;
        *n -= (size_t)(start - log);
        if (is(start, *n))
            return start;
        end = start;
    }
    return NULL;
}

static bool is_source(const char *s, size_t n)
{
    return n > 2 && s[0] == ';' && s[1] == ' ';
}

/* What the verifier objects to: no source, no statistics, no state of registers. */
static bool is_reason(const char *s, size_t n)
{
    static const char *const other[] = {"processed ", "verification time", "stack depth",
                                        "; ",         "max_states",        "mark_precise"};

    if (!n || (s[0] >= '0' && s[0] <= '9'))
        return false;
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        if (n >= strlen(other[i]) && !memcmp(s, other[i], strlen(other[i])))
            return false;
    return true;
}

static const char *text_line(const char *text, size_t size, unsigned line, int *n)
{
    const char *end = text + size;

    while (--line && text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));

        text = nl ? nl + 1 : end;
    }
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    *n = 0;
    while (text + *n < end && text[*n] != '\n' && *n < 80)
        ++*n;
    return text;
}

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static const char too_large[] = "BPF program is too large";

bool beba_kernel_too_large(const char *log)
{
    static const char *const all[] = {too_large, "jumps is too complex", "combined stack size"};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strstr(log, all[i]))
            return true;
    return false;
}

int beba_kernel_refused(struct beba_error *err, int rc, const char *log, const char *file,
                        const char *text, size_t text_size)
{
    size_t n = 0, reason_size = 0;
    const char *end = log + strlen(log), *reason = last_line(log, end, is_reason, &reason_size);
    const char *at = reason ? reason : end;
    const char *large = strstr(log, too_large);
    unsigned line = 0;

    if (large) { /* it stands behind an instruction */
        reason = at = large;
        reason_size = strcspn(large, "\n");
    }
    /* The last line of the program before it; lines of the run-time headers say nothing. */
    while (!line && (at = last_line(log, at, is_source, &n))) {
        char copy[512], *place;

        snprintf(copy, sizeof(copy), "%.*s", (int)(n < 511 ? n : 511), at);
        place = strstr(copy, " @ ");
        if (!place || (strncmp(place + 3, base(file), strlen(base(file))) != 0 &&
                       strncmp(place + 3, BEBA_EMIT_FILE, strlen(BEBA_EMIT_FILE)) != 0))
            continue;
        place = strrchr(place, ':');
        line = place ? (unsigned)strtoul(place + 1, NULL, 10) : 0;
        line = line < BEBA_EMIT_OWN ? line : 0;
    }
    if (line) {
        int cut;
        const char *source = text_line(text, text_size, line, &cut);

        beba_error_set(err, rc, "the kernel's verifier refuses '%.*s': %.*s", cut, source,
                       (int)(reason_size < 200 ? reason_size : 200), reason ? reason : "");
        beba_error_where(err, "%.200s:%u", file, line);
    } else {
        beba_error_set(err, rc, "the kernel's verifier refuses the program: %.*s",
                       (int)(reason_size < 300 ? reason_size : 300), reason ? reason : "");
        beba_error_where(err, "%.200s", file);
    }
    if (rc == -E2BIG)
        beba_error_hint(err, "the verifier gives up on so much at once: beba build --fine makes "
                             "smaller pieces, as attach does where clang is; or give it fewer or "
                             "smaller machines");
    else
        beba_error_hint(err, "the program is right, its translation is not: --verbose prints the "
                             "verifier's log, which belongs into a report");
    return rc;
}
