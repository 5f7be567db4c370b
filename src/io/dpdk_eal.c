/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/dpdk.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_MAX = 64, ARGS_TEXT = 4096, HEARD = 400 };

static struct {
    pthread_mutex_t lock;
    bool tried;
    struct beba_error err; /* of the first try */
} eal = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- what it says ----------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    bool listening;
    char text[HEARD];
} voice = {.lock = PTHREAD_MUTEX_INITIALIZER};

static ssize_t on_said(void *cookie, const char *text, size_t len)
{
    pthread_mutex_lock(&voice.lock);
    if (!voice.listening)
        fprintf(stderr, "beba: dpdk: %.*s", (int)len, text);
    else if (!voice.text[0])
        snprintf(voice.text, sizeof(voice.text), "%.*s", (int)strcspn(text, "\n"), text);
    pthread_mutex_unlock(&voice.lock);
    return (ssize_t)len;
}

void beba_dpdk_listen(void)
{
    pthread_mutex_lock(&voice.lock);
    voice.listening = true;
    voice.text[0] = 0;
    pthread_mutex_unlock(&voice.lock);
}

void beba_dpdk_heard(char *out, size_t size)
{
    pthread_mutex_lock(&voice.lock);
    voice.listening = false;
    snprintf(out, size, "%s", voice.text);
    pthread_mutex_unlock(&voice.lock);
}

static void open_log(void)
{
    FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = on_said});

    if (!f)
        return;
    setvbuf(f, NULL, _IOLBF, 0);
    rte_openlog_stream(f);
    rte_log_set_global_level(RTE_LOG_ERR);
}

/* --- starting --------------------------------------------------------------------------------- */

struct args {
    char *word[ARGS_MAX];
    int n;
    char text[ARGS_TEXT];
    size_t used;
};

static void add(struct args *a, const char *word)
{
    size_t len = strlen(word) + 1;

    if (a->n == ARGS_MAX - 1 || len > sizeof(a->text) - a->used)
        return;
    a->word[a->n++] = memcpy(a->text + a->used, word, len);
    a->used += len;
}

/* True when the user's words have one of the options, which are separated by blanks. */
static bool has(const struct args *user, const char *options)
{
    for (int i = 0; i < user->n; i++) {
        size_t len = strcspn(user->word[i], "=");
        const char *at = options;

        if (user->word[i][0] != '-')
            continue;
        if (user->word[i][1] != '-' && len > 2)
            len = 2;
        for (; *at; at += strcspn(at, " "), at += *at == ' ') {
            if (strcspn(at, " ") == len && !strncmp(at, user->word[i], len))
                return true;
        }
    }
    return false;
}

static bool have_hugepages(void)
{
    static const char dir[] = "/sys/kernel/mm/hugepages";
    DIR *d = opendir(dir);
    unsigned long n = 0;

    for (struct dirent *e; d && !n && (e = readdir(d));) {
        char path[512];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, e->d_name);
        f = fopen(path, "r");
        if (f && fscanf(f, "%lu", &n) != 1)
            n = 0;
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return n > 0;
}

static void add_user(struct args *user)
{
    const char *text = getenv("BEBA_DPDK_ARGS");
    char word[ARGS_TEXT];

    while (text && *text) {
        size_t len = strcspn(text += strspn(text, " \t\n"), " \t\n");

        if (len && len < sizeof(word)) {
            memcpy(word, text, len);
            word[len] = 0;
            add(user, word);
        }
        text += len;
    }
}

/* What the user says goes before. One processor of those that we may use is enough: threads come to
 * the EAL, it makes none for packets. A PCI address that no card has keeps it from taking all. */
static void make_args(struct args *a)
{
    struct args user = {.n = 0};
    char text[64];
    cpu_set_t cpus;
    int cpu = 0;

    add_user(&user);
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof(cpus), &cpus);
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET((unsigned)cpu, &cpus))
        cpu++;
    add(a, "beba");
    if (!has(&user, "-c -l --lcores")) {
        snprintf(text, sizeof(text), "--lcores=0@%d", cpu);
        add(a, text);
    }
    if (!has(&user, "-a --allow -b --block --no-pci"))
        add(a, "--allow=0000:00:00.0");
    if (!has(&user, "--telemetry"))
        add(a, "--no-telemetry");
    if (!has(&user, "--file-prefix")) {
        snprintf(text, sizeof(text), "--file-prefix=beba-%d", (int)getpid());
        add(a, text);
    }
    if (has(&user, "--no-huge") || !have_hugepages()) {
        if (!has(&user, "--no-huge"))
            add(a, "--no-huge");
        if (!has(&user, "-m --socket-mem"))
            add(a, "-m512");
        add(a, "--no-shconf"); /* what --in-memory does, which wants huge pages */
    } else {
        add(a, "--in-memory");
    }
    for (int i = 0; i < user.n; i++)
        add(a, user.word[i]);
}

static int start(struct beba_error *err)
{
    struct args a = {.n = 0};
    char heard[HEARD], dir[64];
    sigset_t all, before;
    cpu_set_t cpus;
    int rc, code;

    make_args(&a);
    open_log();
    beba_dpdk_listen();
    /* It binds the calling thread to a processor, and makes one of its own, whose signals would be
     * the program's. */
    sched_getaffinity(0, sizeof(cpus), &cpus);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = rte_eal_init(a.n, a.word);
    code = rte_errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    beba_dpdk_heard(heard, sizeof(heard));
    snprintf(dir, sizeof(dir), "/run/dpdk/beba-%d", (int)getpid());
    rmdir(dir);
    if (rc >= 0)
        return 0;
    rc = code == EACCES || code == EPERM ? -EPERM : code == ENOMEM ? -ENOMEM : -EINVAL;
    beba_error_set(err, rc, "DPDK does not start: %s",
                   heard[0] ? heard : rte_strerror(code ? code : EINVAL));
    beba_error_hint(err,
                    "BEBA_DPDK_ARGS=\"%s\" in the environment adds to its arguments; "
                    "--log-level=debug says more, --no-huge -m N goes without huge pages",
                    getenv("BEBA_DPDK_ARGS") ? getenv("BEBA_DPDK_ARGS") : "");
    return rc;
}

int beba_dpdk_start(struct beba_error *err)
{
    pthread_mutex_lock(&eal.lock);
    if (!eal.tried)
        start(&eal.err);
    eal.tried = true;
    if (eal.err.code && err)
        *err = eal.err;
    pthread_mutex_unlock(&eal.lock);
    return eal.err.code;
}

/* --- threads ---------------------------------------------------------------------------------- */

static pthread_key_t leaving;
static pthread_once_t leaving_once = PTHREAD_ONCE_INIT;

static void on_leave(void *arg)
{
    rte_thread_unregister();
}

static void make_key(void)
{
    pthread_key_create(&leaving, on_leave);
}

void beba_dpdk_enter(void)
{
    static _Thread_local bool entered;

    if (entered)
        return;
    entered = true;
    if (rte_lcore_id() != LCORE_ID_ANY || rte_thread_register())
        return;
    pthread_once(&leaving_once, make_key);
    pthread_setspecific(leaving, &leaving);
}
