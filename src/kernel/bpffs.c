/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The BPF file system: the root directory, its lock, and what killed commands left in it. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/internal.h"

static const char usual[] = "/sys/fs/bpf";

static bool is_bpffs(const char *path)
{
    struct statfs s;

    return !statfs(path, &s) && (uint32_t)s.f_type == BPF_FS_MAGIC;
}

/* True when another process is known to be in another mount namespace. */
static bool mounts_differ(pid_t other)
{
    char own[64] = "", its[64] = "", path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)other);
    return readlink("/proc/self/ns/mnt", own, sizeof(own) - 1) > 0 &&
           readlink(path, its, sizeof(its) - 1) > 0 && strcmp(own, its) != 0;
}

static int mount_usual(const char *root, struct beba_error *err)
{
    if (strncmp(root, usual, strlen(usual)) != 0) {
        beba_error_set(err, -ENOENT, "this is in no BPF file system");
        beba_error_where(err, "%.200s", root);
        beba_error_hint(err, "mount one there: mount -t bpf bpf DIRECTORY");
        return -ENOENT;
    }
    if (mounts_differ(1) || mounts_differ(getppid())) { /* it ends with this command, or soon */
        beba_error_set(err, -ENOENT,
                       "no BPF file system is mounted at %s in this mount namespace, and one that "
                       "is mounted now would end with it",
                       usual);
        beba_error_hint(err, "instead of 'ip netns exec NAME': nsenter --net=/run/netns/NAME beba "
                             "...; or set BEBA_BPFFS");
        return -ENOENT;
    }
    if (mount("bpf", usual, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "mode=0700")) {
        int rc = -errno;

        if (rc == -EPERM || rc == -EACCES)
            return beba_kernel_error(err, rc, "mount the BPF file system");
        beba_error_set(err, rc, "cannot mount the BPF file system: %s", strerror(-rc));
        beba_error_where(err, "%s", usual);
        beba_error_hint(err, "mount one elsewhere (mount -t bpf bpf DIRECTORY) and set BEBA_BPFFS");
        return rc;
    }
    return 0;
}

/* mkdir -p of what is missing of root. */
static int make_root(const char *root, struct beba_error *err)
{
    char path[ROOT_MAX];
    size_t n = strlen(root);

    memcpy(path, root, n + 1);
    while (n > 1 && access(path, F_OK)) { /* the part that is there */
        if (errno == EACCES)
            return beba_kernel_error(err, -EACCES, "look into the BPF file system");
        while (n > 1 && path[n - 1] != '/')
            n--;
        path[n > 1 ? --n : n] = '\0';
    }
    if (!is_bpffs(path)) {
        int rc = mount_usual(root, err);

        if (rc)
            return rc;
        n = strlen(usual);
        memcpy(path, usual, n + 1);
    }
    while (strlen(path) < strlen(root)) {
        const char *next = strchr(root + strlen(path) + 1, '/');

        n = next ? (size_t)(next - root) : strlen(root);
        memcpy(path, root, n);
        path[n] = '\0';
        if (mkdir(path, 0700) && errno != EEXIST) {
            int rc = beba_kernel_error(err, -errno, "write to the BPF file system");

            beba_error_where(err, "%.200s", path);
            return rc;
        }
    }
    return 0;
}

bool beba_kernel_is_there(const char *root, const char *name)
{
    char dir[PATH_LEN];
    struct stat s;

    snprintf(dir, sizeof(dir), "%s/%s", root, name);
    return !stat(dir, &s) && S_ISDIR(s.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int beba_kernel_each(const char *dir, int (*fn)(void *arg, const char *name), void *arg)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    struct dirent *d;
    DIR *stream = opendir(dir);
    int rc = 0;

    if (!stream)
        return -errno;
    while ((d = readdir(stream)) && !rc) {
        if (d->d_name[0] == '.')
            continue;
        if (n == cap) {
            size_t more = cap ? cap * 2 : 64;
            char **grown = realloc(names, more * sizeof(*names));

            if (!grown) {
                rc = -ENOMEM;
                break;
            }
            names = grown;
            cap = more;
        }
        names[n] = strdup(d->d_name);
        rc = names[n] ? 0 : -ENOMEM;
        n += !rc;
    }
    closedir(stream);
    if (n)
        qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n && !rc; i++)
        rc = fn(arg, names[i]);
    while (n)
        free(names[--n]);
    free(names);
    return rc;
}

uint32_t beba_pinned_program(const char *dir, const char *name)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info), id = 0;
    char path[PATH_LEN];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = bpf_obj_get(path);
    if (fd < 0)
        return 0;
    if (!bpf_obj_get_info_by_fd(fd, &info, &size))
        id = info.id;
    close(fd);
    return id;
}

uint32_t beba_gate_program(const char *dir)
{
    char path[PATH_LEN];
    uint32_t id = 0, slot = 0;
    int fd;

    snprintf(path, sizeof(path), "%s/beba_next", dir);
    fd = bpf_obj_get(path);
    if (fd < 0)
        return 0;
    if (bpf_map_lookup_elem(fd, &slot, &id))
        id = 0;
    close(fd);
    return id;
}

int beba_kernel_pin(int fd, const char *dir, const char *name, struct beba_error *err)
{
    char path[PATH_LEN];
    int rc;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    rc = bpf_obj_pin(fd, path);
    if (!rc)
        return 0;
    rc = beba_kernel_error(err, rc, "pin to the BPF file system");
    beba_error_where(err, "%.200s", path);
    return rc;
}

struct removal {
    const char *dir;
    bool points; /* these, or all else */
};

static int remove_point(void *arg, const char *name)
{
    const struct removal *r = arg;
    struct beba_kernel_device d;

    return beba_point_parse(name, &d) ? beba_point_detach(r->dir, name) : 0;
}

static int remove_pin(void *arg, const char *name)
{
    const struct removal *r = arg;
    char path[PATH_LEN];

    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (!unlink(path) || (errno == EISDIR && !rmdir(path)) || errno == ENOENT)
        return 0;
    return -errno;
}

int beba_kernel_remove(const char *root, const char *name, bool points, struct beba_error *err)
{
    char dir[PATH_LEN], path[PATH_LEN + 16];
    struct removal r = {.dir = dir};
    int rc, next;

    snprintf(dir, sizeof(dir), "%s/%s", root, name);
    if (points) { /* first nothing runs, on all devices at once */
        snprintf(path, sizeof(path), "%s/beba_next", dir);
        next = bpf_obj_get(path);
        rc = next == -EPERM || next == -EACCES ? next : 0;
        if (next >= 0)
            beba_gate_set(next, -1);
        if (next >= 0)
            close(next);
        if (!rc)
            rc = beba_kernel_each(dir, remove_point, &r);
        if (rc)
            goto out;
    }
    rc = beba_kernel_each(dir, remove_pin, &r);
    if (!rc && rmdir(dir))
        rc = -errno;
out:
    if (rc) {
        beba_kernel_error(err, rc, "remove a deployment");
        beba_error_where(err, "%.200s", dir);
    }
    return rc;
}

/* What killed commands left ---------------------------------------------------------------- */

static int has_point(void *arg, const char *name)
{
    struct beba_kernel_device d;

    (void)arg;
    return beba_point_parse(name, &d);
}

static void tidy_new(const char *root, const char *name)
{
    char plain[BEBA_KERNEL_NAME + 16], dir[PATH_LEN], fresh[PATH_LEN];
    size_t n = strlen(name) - strlen(NEW_SUFFIX);
    uint32_t runs;

    snprintf(plain, sizeof(plain), "%.*s", (int)(n < 63 ? n : 63), name);
    snprintf(dir, sizeof(dir), "%s/%s", root, plain);
    snprintf(fresh, sizeof(fresh), "%s/%s", root, name);
    if (!beba_kernel_is_there(root, plain)) { /* of an attach */
        beba_kernel_remove(root, name, true, NULL);
        return;
    }
    runs = beba_gate_program(dir);
    if (runs && runs == beba_pinned_program(fresh, "beba_main") &&
        renameat2(AT_FDCWD, dir, AT_FDCWD, fresh, RENAME_EXCHANGE))
        return;
    beba_kernel_remove(root, name, false, NULL);
}

static int tidy_one(void *arg, const char *name)
{
    const char *root = arg;
    char dir[PATH_LEN];
    size_t n = strlen(name);

    if (!beba_kernel_is_there(root, name))
        return 0;
    if (n > strlen(NEW_SUFFIX) && !strcmp(name + n - strlen(NEW_SUFFIX), NEW_SUFFIX)) {
        tidy_new(root, name);
        return 0;
    }
    snprintf(dir, sizeof(dir), "%s/%s", root, name);
    if (access(dir, R_OK | W_OK | X_OK))
        return 0;
    if (!beba_gate_program(dir) || !beba_kernel_each(dir, has_point, NULL))
        beba_kernel_remove(root, name, true, NULL);
    return 0;
}

int beba_kernel_lock(const char *root, bool exclusive, bool make, struct beba_error *err)
{
    int fd, rc;

    if (make) {
        rc = make_root(root, err);
        if (rc)
            return rc;
    }
    fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || !is_bpffs(root)) {
        rc = fd < 0 ? -errno : -ENOENT;
        if (fd >= 0)
            close(fd);
        if (rc == -ENOENT)
            beba_error_set(err, rc, "nothing is attached");
        else
            beba_kernel_error(err, rc, "open the BPF file system");
        beba_error_where(err, "%.200s", root);
        return rc;
    }
    if (exclusive)
        rc = flock(fd, LOCK_EX);
    else /* to tidy, unless somebody else is at work */
        rc = flock(fd, LOCK_EX | LOCK_NB);
    if (!rc && !geteuid())
        beba_kernel_each(root, tidy_one, (void *)(uintptr_t)root);
    if (!exclusive)
        rc = flock(fd, LOCK_SH);
    if (rc) {
        rc = -errno;
        close(fd);
        return beba_error_set(err, rc, "cannot lock %.200s: %s", root, strerror(-rc));
    }
    return fd;
}
