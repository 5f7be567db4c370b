/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Runs clang in a directory of its own, which holds the program and the headers it includes and is
 * gone afterwards. */
#include "emit/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "emit/cache.h"
#include "emit/embedded.h"

enum { NOT_FOUND = 127 };

/* Directories, those inside of others after them. */
static const char *const directories[] = {
    "base", "emit", "emit/rt", "packet", "pipeline", "state",
};
enum { N_DIRECTORIES = sizeof(directories) / sizeof(directories[0]) };

static const char *const own_files[] = {"beba.bpf.c", "beba.bpf.o", "messages"};
enum { N_OWN_FILES = sizeof(own_files) / sizeof(own_files[0]) };

static int write_file(int dir, const char *name, const void *text, size_t size)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;
    int rc = 0;

    if (fd < 0)
        return -errno;
    while (done < size && !rc) {
        ssize_t n = write(fd, (const char *)text + done, size - done);

        if (n < 0 && errno != EINTR)
            rc = -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (close(fd) && !rc)
        rc = -errno;
    return rc;
}

static int read_file(int dir, const char *name, char **text, size_t *size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), rc = 0;
    struct stat st;

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
    *size = 0;
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

static int make_directory(char *path, size_t size, struct beba_error *err)
{
    const char *tmp = getenv("TMPDIR");
    int dir;

    snprintf(path, size, "%s/beba-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    if (!mkdtemp(path))
        return beba_error_set(err, -errno, "cannot make a directory like %s: %s", path,
                              strerror(errno));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return beba_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    return dir;
}

static int fill_directory(int dir, const struct beba_strbuf *c, struct beba_error *err)
{
    int rc = 0;

    for (unsigned i = 0; i < N_DIRECTORIES && !rc; i++)
        if (mkdirat(dir, directories[i], 0700))
            rc = -errno;
    for (const struct beba_embedded *h = beba_embedded; h->name && !rc; h++)
        rc = write_file(dir, h->name, h->text, h->size);
    if (!rc)
        rc = write_file(dir, own_files[0], c->s, c->len);
    if (rc)
        beba_error_set(err, rc, "cannot write the C for clang: %s", strerror(-rc));
    return rc;
}

static void remove_directory(int dir, const char *path)
{
    for (const struct beba_embedded *h = beba_embedded; h->name; h++)
        unlinkat(dir, h->name, 0);
    for (unsigned i = 0; i < N_OWN_FILES; i++)
        unlinkat(dir, own_files[i], 0);
    for (unsigned i = N_DIRECTORIES; i-- > 0;)
        unlinkat(dir, directories[i], AT_REMOVEDIR);
    close(dir);
    rmdir(path);
}

static const char *const clangs[] = {"clang",    "clang-19", "clang-18", "clang-17",
                                     "clang-16", "clang-15", "clang-14", NULL};
/* Its arguments; the first is its name. */
static const char *const arguments[] = {"clang",
                                        "-target",
                                        "bpf",
                                        "-mcpu=v3",
                                        "-O2",
                                        "-g",
                                        "-std=gnu17",
                                        "-Wall",
                                        "-Werror",
                                        "-Wno-unused-function",
                                        "-Wno-unused-variable",
                                        "-Wno-unused-label",
                                        "-Wno-parentheses-equality",
                                        "-Wno-tautological-compare",
                                        "-ffreestanding",
                                        "-fno-strict-aliasing",
                                        "-fno-color-diagnostics",
                                        "-I.",
                                        "-c",
                                        "beba.bpf.c",
                                        "-o",
                                        "beba.bpf.o",
                                        NULL};
enum { N_ARGUMENTS = sizeof(arguments) / sizeof(arguments[0]) };

/* The clang that is asked for; NULL: any. */
static const char *asked_for(const struct beba_emit_opts *opts)
{
    const char *asked = opts && opts->clang ? opts->clang : getenv("BEBA_CLANG");

    return asked && asked[0] ? asked : NULL;
}

/* In the child. */
static void exec_clang(int dir, const char *asked)
{
    const char *args[N_ARGUMENTS];
    int out = openat(dir, own_files[2], O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (out < 0 || fchdir(dir) || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(NOT_FOUND - 1);
    memcpy(args, arguments, sizeof(args));
    if (asked) {
        args[0] = asked;
        execvp(asked, (char *const *)(uintptr_t)args);
        _exit(NOT_FOUND);
    }
    for (unsigned i = 0; clangs[i]; i++) {
        args[0] = clangs[i];
        execvp(clangs[i], (char *const *)(uintptr_t)args);
    }
    _exit(NOT_FOUND);
}

/* The first error of clang: "port_knocking.xfsm:26:9: error: ...". */
static int first_message(int dir, const char *text, struct beba_error *err)
{
    const char *line = strstr(text, "error: ");
    size_t n;

    (void)dir;
    if (!line)
        return beba_error_set(err, -EIO, "clang failed%s%.400s", text[0] ? ": " : "", text);
    while (line > text && line[-1] != '\n')
        line--;
    n = strcspn(line, "\n");
    beba_error_set(err, -EIO, "clang: %.*s", (int)(n < 400 ? n : 400), line);
    beba_error_hint(err,
                    "this is a fault of beba or of that clang; another is taken by BEBA_CLANG");
    return -EIO;
}

static int run_clang(int dir, const char *asked, struct beba_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int status, rc;
    pid_t pid;

    pid = fork();
    if (pid < 0)
        return beba_error_set(err, -errno, "cannot start clang: %s", strerror(errno));
    if (!pid)
        exec_clang(dir, asked);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return beba_error_set(err, -errno, "lost clang: %s", strerror(errno));
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
        beba_error_set(err, -ENOENT, "cannot run %s, which compiles programs for the kernel",
                       asked ? asked : "clang");
        beba_error_hint(err, "install clang (Debian: apt-get install clang), or name one by "
                             "BEBA_CLANG");
        return -ENOENT;
    }
    rc = read_file(dir, own_files[2], &text, &size);
    if (rc)
        return beba_error_set(err, -EIO, "clang failed");
    rc = first_message(dir, text, err);
    free(text);
    return rc;
}

/* All that an object is made from. */
static bool cache_key(struct beba_cache *cache, const struct beba_strbuf *c, const char *asked)
{
    const char *const only[] = {asked, NULL};

    if (!beba_cache_add_command(cache, asked ? only : clangs))
        return false;
    for (unsigned i = 1; i + 1 < N_ARGUMENTS; i++)
        beba_strbuf_printf(&cache->key, "%s ", arguments[i]);
    for (const struct beba_embedded *h = beba_embedded; h->name; h++) {
        beba_strbuf_puts(&cache->key, h->name);
        beba_strbuf_add(&cache->key, (const char *)h->text, h->size);
    }
    beba_strbuf_add(&cache->key, c->s, c->len);
    return true;
}

static int compile(const struct beba_strbuf *c, const char *asked, void **object, size_t *size,
                   struct beba_error *err)
{
    char path[PATH_MAX], *bytes = NULL;
    int dir = make_directory(path, sizeof(path), err), rc;

    if (dir < 0)
        return dir;
    rc = fill_directory(dir, c, err);
    if (!rc)
        rc = run_clang(dir, asked, err);
    if (!rc && (rc = read_file(dir, own_files[1], &bytes, size)))
        beba_error_set(err, rc, "cannot read what clang made: %s", strerror(-rc));
    *object = bytes;
    remove_directory(dir, path);
    return rc;
}

int beba_emit_object(const struct beba_pipeline *p, enum beba_target target,
                     const struct beba_emit_opts *opts, void **object, size_t *size,
                     struct beba_error *err)
{
    struct beba_cache cache = {.dir = -1};
    const char *asked = asked_for(opts);
    struct beba_strbuf c = {0};
    int rc;

    *object = NULL;
    *size = 0;
    rc = beba_emit_c(p, target, opts, &c, err);
    if (rc)
        goto out;
    if (opts && opts->cache && cache_key(&cache, &c, asked))
        beba_cache_open(&cache);
    *object = beba_cache_get(&cache, size);
    if (*object)
        goto out;
    rc = compile(&c, asked, object, size, err);
    if (!rc)
        beba_cache_put(&cache, *object, *size);
out:
    beba_cache_close(&cache);
    beba_strbuf_free(&c);
    return rc;
}
