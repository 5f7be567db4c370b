/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "emit/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

struct head {
    char magic[8];
    uint64_t key_size, object_size; /* what follows */
};
static const char magic[8] = "bebaobj";

enum { OBJECT_MAX = 64 << 20 };

/* --- what an object is made from ----------------------------------------------------------- */

/* The file that execvp would run. */
static bool find_command(const char *name, char *path, size_t size, struct stat *st)
{
    const char *at = getenv("PATH");

    if (strchr(name, '/')) {
        snprintf(path, size, "%s", name);
        return !access(path, X_OK) && !stat(path, st);
    }
    for (; at && *at; at += at[0] == ':') {
        size_t n = strcspn(at, ":");

        snprintf(path, size, "%.*s/%s", (int)n, at, name);
        if (n && !access(path, X_OK) && !stat(path, st) && S_ISREG(st->st_mode))
            return true;
        at += n;
    }
    return false;
}

bool beba_cache_add_command(struct beba_cache *c, const char *const *names)
{
    char path[PATH_MAX];
    struct stat st;

    for (; *names; names++) {
        if (!find_command(*names, path, sizeof(path), &st))
            continue;
        beba_strbuf_printf(&c->key, "%s %llu %llu %lld %lld.%09ld\n", path,
                           (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                           (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        return true;
    }
    return false;
}

static void name_of(const struct beba_strbuf *key, char *name, size_t size)
{
    uint64_t a = 1, b = 2;

    for (size_t i = 0; i < key->len; i++) {
        a = beba_splitmix64(a ^ (uint8_t)key->s[i]);
        b = (b ^ (uint8_t)key->s[i]) * 0x100000001b3ull;
    }
    snprintf(name, size, "%016" PRIx64 "%016" PRIx64, a, b);
}

/* --- the directory ------------------------------------------------------------------------- */

static bool where(char *path, size_t size)
{
    const char *given = getenv("BEBA_CACHE"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (given)
        snprintf(path, size, "%s", given);
    else if (!geteuid())
        snprintf(path, size, "/var/cache/beba");
    else if (cache && cache[0] == '/')
        snprintf(path, size, "%s/beba", cache);
    else
        snprintf(path, size, "%s/.cache/beba", home ? home : "");
    return path[0] == '/';
}

/* Nobody else has a say in what is there. */
static bool is_private(int fd, mode_t kind)
{
    struct stat st;

    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
           !(st.st_mode & 077);
}

void beba_cache_open(struct beba_cache *c)
{
    char path[PATH_MAX];

    c->dir = -1;
    if (c->key.failed || !where(path, sizeof(path)))
        return;
    name_of(&c->key, c->name, sizeof(c->name));
    mkdir(path, 0700); /* or it is there, or cannot be */
    c->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->dir < 0 || is_private(c->dir, S_IFDIR))
        return;
    close(c->dir);
    c->dir = -1;
}

void beba_cache_close(struct beba_cache *c)
{
    if (c->dir >= 0)
        close(c->dir);
    beba_strbuf_free(&c->key);
}

/* --- objects ------------------------------------------------------------------------------- */

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)to + done, size - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)from + done, size - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

void *beba_cache_get(const struct beba_cache *c, size_t *size)
{
    int fd = c->dir < 0 ? -1 : openat(c->dir, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *key = NULL, *object = NULL;
    struct head head;
    bool good = false;

    if (fd < 0)
        return NULL;
    if (!is_private(fd, S_IFREG) || !read_all(fd, &head, sizeof(head)) ||
        memcmp(head.magic, magic, sizeof(magic)) != 0 || head.key_size != c->key.len ||
        !head.object_size || head.object_size > OBJECT_MAX)
        goto out;
    key = malloc(head.key_size + 1);
    object = malloc(head.object_size);
    good = key && object && read_all(fd, key, head.key_size) &&
           !memcmp(key, c->key.s, head.key_size) && read_all(fd, object, head.object_size);
    *size = head.object_size;
    if (good)
        futimens(fd, NULL); /* it was used: others are older */
out:
    close(fd);
    free(key);
    if (!good) {
        free(object);
        object = NULL;
    }
    return object;
}

/* Removes the oldest where there are too many. */
static void make_room(int cache)
{
    int copy = openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct timespec oldest = {0};
    char name[NAME_MAX + 1] = "";
    const struct dirent *e;
    unsigned n = 0;
    struct stat st;

    if (!dir && copy >= 0)
        close(copy);
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.' || fstatat(cache, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            !S_ISREG(st.st_mode))
            continue;
        if (!n++ || st.st_mtim.tv_sec < oldest.tv_sec ||
            (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec < oldest.tv_nsec)) {
            oldest = st.st_mtim;
            snprintf(name, sizeof(name), "%s", e->d_name);
        }
    }
    if (dir)
        closedir(dir);
    if (n >= BEBA_CACHE_FILES)
        unlinkat(cache, name, 0);
}

void beba_cache_put(const struct beba_cache *c, const void *object, size_t size)
{
    struct head head = {.key_size = c->key.len, .object_size = size};
    char part[64];
    bool whole;
    int fd;

    if (c->dir < 0 || size > OBJECT_MAX)
        return;
    memcpy(head.magic, magic, sizeof(magic));
    make_room(c->dir);
    snprintf(part, sizeof(part), "%s.%ld", c->name, (long)getpid());
    fd = openat(c->dir, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    whole = write_all(fd, &head, sizeof(head)) && write_all(fd, c->key.s, c->key.len) &&
            write_all(fd, object, size);
    if (close(fd) || !whole || renameat(c->dir, part, c->dir, c->name))
        unlinkat(c->dir, part, 0);
}
