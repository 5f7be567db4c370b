/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "native/cc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/int.h"
#include "emit/embedded.h"

enum {
    WORDS = 16, /* of the compiler's command, the program and what goes before our options */
    OPTIONS = 24,
    COMMAND = 1024, /* bytes */
    NICE = 5,
};

#define SOURCE   "beba.c"
#define OBJECT   "beba.so"
#define MESSAGES "messages"

static const char *const own_files[] = {SOURCE, OBJECT, MESSAGES};
enum { N_OWN_FILES = sizeof(own_files) / sizeof(own_files[0]) };

/* Files -------------------------------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = write(fd, (const char *)data + done, size - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_file(int dir, const char *name, const void *data, size_t size)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;

    if (fd < 0)
        return -errno;
    rc = write_all(fd, data, size);
    if (close(fd) && !rc)
        rc = -errno;
    return rc;
}

static int read_file(int dir, const char *name, char **text, size_t *size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), rc = 0;
    struct stat st;

    *text = NULL;
    *size = 0;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st)) {
        rc = -errno;
        goto out;
    }
    *text = malloc((size_t)st.st_size + 1);
    if (!*text) {
        rc = -ENOMEM;
        goto out;
    }
    while (*size < (size_t)st.st_size) {
        ssize_t n = read(fd, *text + *size, (size_t)st.st_size - *size);

        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    (*text)[*size] = 0;
out:
    close(fd);
    return rc;
}

/* The directory part of name after the first at bytes: "a/b/c.h" gives "a", then "a/b". */
static bool next_directory(const char *name, size_t *at, char out[NAME_MAX])
{
    const char *slash = strchr(name + *at, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;

    if (!slash || n >= NAME_MAX)
        return false;
    memcpy(out, name, n);
    out[n] = 0;
    *at = n + 1;
    return true;
}

static int write_header(int dir, const struct beba_embedded *h)
{
    char path[NAME_MAX];
    size_t at = 0;

    while (next_directory(h->name, &at, path))
        if (mkdirat(dir, path, 0700) && errno != EEXIST)
            return -errno;
    return write_file(dir, h->name, h->text, h->size);
}

static void remove_header(int dir, const struct beba_embedded *h)
{
    char path[NAME_MAX];
    size_t n = strlen(h->name);

    if (n >= sizeof(path))
        return;
    memcpy(path, h->name, n + 1);
    unlinkat(dir, path, 0);
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = 0;
        unlinkat(dir, path, AT_REMOVEDIR); /* goes when it is empty */
    }
}

static int make_directory(char *path, size_t size, struct beba_error *err)
{
    const char *tmp = getenv("TMPDIR");
    int dir;

    snprintf(path, size, "%s/beba-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    if (!mkdtemp(path))
        return beba_error_set(err, -errno, "cannot make a directory like %s: %s", path,
                              strerror(errno));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        int rc = -errno;

        rmdir(path);
        return beba_error_set(err, rc, "cannot open %s: %s", path, strerror(-rc));
    }
    return dir;
}

static int fill_directory(int dir, const struct beba_embedded *headers, const char *text,
                          size_t size, struct beba_error *err)
{
    int rc = write_file(dir, SOURCE, text, size);

    for (const struct beba_embedded *h = headers; h && h->name && !rc; h++)
        rc = write_header(dir, h);
    if (rc)
        beba_error_set(err, rc, "cannot write the C for the compiler: %s", strerror(-rc));
    return rc;
}

static void remove_directory(int dir, const char *path, const struct beba_embedded *headers)
{
    for (const struct beba_embedded *h = headers; h && h->name; h++)
        remove_header(dir, h);
    for (unsigned i = 0; i < N_OWN_FILES; i++)
        unlinkat(dir, own_files[i], 0);
    close(dir);
    rmdir(path);
}

/* Running the compiler ----------------------------------------------------------------------- */

/* Which compiler: its words, and where they come from. */
struct command {
    char text[COMMAND];
    char *word[WORDS + 1];
    unsigned n;
    const char *from; /* "BEBA_CC"; NULL: nobody asked for this one */
};

static int split(struct command *c, const char *words, const char *from, struct beba_error *err)
{
    char *rest;

    c->n = 0;
    c->from = from;
    if (strlen(words) >= sizeof(c->text))
        return beba_error_set(err, -E2BIG, "the compiler's name is too long");
    strcpy(c->text, words); // NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits
    for (char *w = strtok_r(c->text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
        if (c->n == WORDS)
            return beba_error_set(err, -E2BIG, "the compiler's name has more than %d words", WORDS);
        c->word[c->n++] = w;
    }
    c->word[c->n] = NULL;
    return 0;
}

static bool is_blank(const char *s)
{
    return !s || !s[strspn(s, " \t")];
}

/* In a group of its own, so that it can be ended with all that it started. */
static int spawn(int dir, char *const *args, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc)
        return -rc;
    rc = posix_spawnattr_init(&attr);
    if (rc) {
        posix_spawn_file_actions_destroy(&files);
        return -rc;
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGCHLD);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    rc = posix_spawn_file_actions_addfchdir_np(&files, dir);
    if (!rc)
        rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_addopen(&files, 1, MESSAGES, O_WRONLY | O_CREAT | O_TRUNC,
                                              0600);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (!rc)
        rc = posix_spawnp(pid, args[0], &files, &attr, args, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return -rc;
}

static int wait_for(pid_t pid, unsigned seconds, int *status)
{
    int fd = pidfd_open(pid, 0), n = 1;

    if (fd >= 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        do
            n = poll(&p, 1, (int)(seconds > INT_MAX / 1000 ? INT_MAX : seconds * 1000));
        while (n < 0 && errno == EINTR);
        close(fd);
    }
    if (n <= 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return n > 0 ? 0 : -ETIMEDOUT;
}

static int not_found(const struct command *c, const char *name, struct beba_error *err)
{
    if (c->from) {
        beba_error_set(err, -ENOENT, "cannot run the C compiler %s, which %s names", name, c->from);
        beba_error_hint(err, "name another, or unset it: then cc, gcc or clang is taken");
        return -ENOENT;
    }
    beba_error_set(err, -ENOENT, "there is no C compiler: neither cc nor gcc nor clang");
    beba_error_hint(err, "install one (Debian: apt-get install gcc libc6-dev), or name one by "
                         "BEBA_CC");
    return -ENOENT;
}

/* Waits for what runs in dir, and tells what it said when it failed. */
static int finish(int dir, pid_t pid, const char *cc, unsigned seconds, const char *name,
                  struct beba_error *err)
{
    const char *line;
    char *text;
    size_t size;
    int status, rc;

    rc = wait_for(pid, seconds, &status);
    if (rc == -ETIMEDOUT) {
        beba_error_set(err, rc, "%s had not compiled %s after %u seconds, and was ended", cc, name,
                       seconds);
        return rc;
    }
    if (rc)
        return beba_error_set(err, rc, "lost the compiler: %s", strerror(-rc));
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    rc = read_file(dir, MESSAGES, &text, &size);
    line = rc ? "" : strstr(text, "error: ");
    while (line && line > text && line[-1] != '\n')
        line--;
    if (!line)
        line = text;
    beba_error_set(err, -EIO, "%s failed on %s%s%.*s", cc, name, *line ? ": " : "",
                   (int)strcspn(line, "\n"), line);
    beba_error_hint(err, "this is a fault of beba or of that compiler; another is taken by "
                         "BEBA_CC");
    free(text);
    return -EIO;
}

/* Runs the compiler that is asked for, or the first there is, in dir with these options. */
static int run(int dir, const struct beba_cc_opts *opts, const char *const *options,
               const char *name, struct beba_error *err)
{
    const char *asked = opts->cc;
    const char *usual[] = {"cc", "gcc", "clang"};
    const char *from = "the caller";
    struct command c = {0};
    unsigned n = 1;
    pid_t pid = -1;
    int rc = 0;

    if (is_blank(asked))
        asked = getenv(from = "BEBA_CC");
    if (is_blank(asked))
        asked = getenv(from = "CC");
    if (is_blank(asked)) {
        n = sizeof(usual) / sizeof(usual[0]);
        from = NULL;
    } else {
        usual[0] = asked;
    }
    for (unsigned i = 0; i < n; i++) {
        char *args[WORDS + OPTIONS + 1];
        unsigned k = 0;

        rc = split(&c, usual[i], from, err);
        if (rc)
            return rc;
        for (unsigned w = 0; w < c.n; w++)
            args[k++] = c.word[w];
        for (unsigned o = 0; options[o] && o < OPTIONS; o++)
            args[k++] = (char *)(uintptr_t)options[o];
        args[k] = NULL;
        rc = spawn(dir, args, &pid);
        if (rc != -ENOENT)
            break;
    }
    if (rc == -ENOENT || rc == -EACCES)
        return not_found(&c, c.word[0], err);
    if (rc)
        return beba_error_set(err, rc, "cannot start %s: %s", c.word[0], strerror(-rc));
    if (opts->aside)
        setpriority(PRIO_PROCESS, (id_t)pid, NICE);
    return finish(dir, pid, c.word[0], opts->seconds ? opts->seconds : BEBA_CC_SECONDS, name, err);
}

int beba_cc_compile(const struct beba_cc_opts *opts, const char *name, const char *text,
                    size_t text_size, void **object, size_t *object_size, struct beba_error *err)
{
    static const struct beba_cc_opts none;
    const char *options[OPTIONS] = {"-shared",
                                    "-fPIC",
                                    "-std=gnu17",
                                    "-fno-strict-aliasing",
                                    "-fvisibility=hidden",
                                    "-fno-semantic-interposition",
                                    "-w",
                                    "-I.",
                                    "-o",
                                    OBJECT,
                                    SOURCE};
    unsigned n = 11;
    char march[128], path[PATH_MAX];
    char *bytes = NULL;
    int dir, rc;

    *object = NULL;
    *object_size = 0;
    opts = opts ? opts : &none;
    options[n++] = opts->optimize ? opts->optimize : "-O2";
    if (!opts->march || opts->march[0]) {
        snprintf(march, sizeof(march), "-march=%s", opts->march ? opts->march : "native");
        options[n] = march;
    }
    dir = make_directory(path, sizeof(path), err);
    if (dir < 0)
        return dir;
    rc = fill_directory(dir, opts->headers, text, text_size, err);
    if (!rc)
        rc = run(dir, opts, options, name, err);
    if (!rc) {
        rc = read_file(dir, OBJECT, &bytes, object_size);
        if (rc)
            beba_error_set(err, rc, "cannot read what the compiler made: %s", strerror(-rc));
    }
    if (rc)
        free(bytes);
    else
        *object = bytes;
    remove_directory(dir, path, opts->headers);
    return rc;
}

int beba_cc_version(const char *cc, char *text, size_t size, struct beba_error *err)
{
    static const char *const options[] = {"--version", NULL};
    const struct beba_cc_opts opts = {.cc = cc};
    char path[PATH_MAX];
    size_t n;
    char *said;
    int dir = make_directory(path, sizeof(path), err), rc;

    if (dir < 0)
        return dir;
    rc = run(dir, &opts, options, "--version", err);
    if (!rc)
        rc = read_file(dir, MESSAGES, &said, &n);
    if (!rc) {
        snprintf(text, size, "%.*s", (int)strcspn(said, "\n"), said);
        free(said);
    }
    remove_directory(dir, path, NULL);
    return rc;
}

/* Loading ------------------------------------------------------------------------------------ */

struct beba_cc_module {
    void *handle;
    int fd; /* stays open: the loader knows objects by the names of their files */
};

/* Memory with a name that can be executed, also where that has to be said. */
static int memory(const char *name)
{
#ifdef MFD_EXEC
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);

    if (fd >= 0 || errno != EINVAL)
        return fd;
#endif
    return memfd_create(name, MFD_CLOEXEC);
}

int beba_cc_open(const void *object, size_t size, const char *name, struct beba_cc_module **out,
                 struct beba_error *err)
{
    struct beba_cc_module *m = calloc(1, sizeof(*m));
    char path[64];
    int rc;

    *out = NULL;
    if (!m)
        return beba_error_set(err, -ENOMEM, "out of memory");
    m->fd = memory("beba native");
    if (m->fd < 0) {
        rc = beba_error_set(err, -errno, "cannot make a file in memory: %s", strerror(errno));
        goto out;
    }
    rc = write_all(m->fd, object, size);
    if (rc) {
        beba_error_set(err, rc, "cannot write a file in memory: %s", strerror(-rc));
        goto out;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle)
        rc = beba_error_set(err, -EINVAL, "cannot load %s: %s", name, dlerror());
    else
        *out = m;
out:
    if (*out)
        return 0;
    if (m->fd >= 0)
        close(m->fd);
    free(m);
    return rc;
}

void *beba_cc_symbol(const struct beba_cc_module *module, const char *symbol)
{
    return dlsym(module->handle, symbol);
}

void beba_cc_close(struct beba_cc_module *module)
{
    if (!module)
        return;
    dlclose(module->handle);
    close(module->fd);
    free(module);
}

int beba_cc_load(const struct beba_cc_opts *opts, const char *name, const char *text,
                 size_t text_size, struct beba_cc_module **out, struct beba_error *err)
{
    void *object;
    size_t size;
    int rc;

    *out = NULL;
    rc = beba_cc_compile(opts, name, text, text_size, &object, &size, err);
    if (rc)
        return rc;
    rc = beba_cc_open(object, size, name, out, err);
    free(object);
    return rc;
}
