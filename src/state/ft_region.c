/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Regions of their own: private memory, and mapped files. */
#include "base/error.h"
#include "state/ft_core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

static int fail(struct beba_error *err, int code, const char *file, const char *what)
{
    beba_error_set(err, code, "%s: %s", what, strerror(-code));
    beba_error_where(err, "%s", file);
    return code;
}

static int random_seed(uint8_t seed[32], struct beba_error *err)
{
    if (getentropy(seed, 32))
        return beba_error_set(err, -errno, "cannot get random bytes: %s", strerror(errno));
    return 0;
}

/* size bytes of zeros, on 2 MB boundaries when that is worth it. */
static void *map_private(size_t size)
{
    size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0, head, tail;
    uint8_t *p;

    if (size > SIZE_MAX - slack)
        return MAP_FAILED;
    p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || !slack)
        return p;
    head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    tail = slack - head;
    if (head)
        munmap(p, head);
    if (tail)
        munmap(p + head + size, tail);
#ifdef MADV_HUGEPAGE
    madvise(p + head, size, MADV_HUGEPAGE);
#endif
    return p + head;
}

/* Whole pages, so that the slack of map_private can be cut off. */
static size_t page_up(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) / page * page;
}

static int open_private(struct beba_ft_region *region, const struct beba_ft_desc *desc,
                        struct beba_ft **out, struct beba_error *err)
{
    uint8_t seed[32];
    int rc = random_seed(seed, err);

    if (rc)
        return rc;
    region->size = page_up(beba_ft_footprint(desc));
    region->mem = map_private(region->size);
    if (region->mem == MAP_FAILED) {
        region->mem = NULL;
        beba_error_set(err, -ENOMEM, "no memory for a flow table of %zu bytes", region->size);
        beba_error_hint(err, "give the table a smaller capacity");
        return -ENOMEM;
    }
    rc = beba_ft_new(region->mem, region->size, desc, seed, out, err);
    if (!rc)
        (*out)->undo_off = 1;
    return rc;
}

static int lock(int fd, const char *file, struct beba_error *err)
{
    if (!flock(fd, LOCK_EX | LOCK_NB))
        return 0;
    if (errno != EWOULDBLOCK)
        return fail(err, -errno, file, "cannot lock the file");
    beba_error_set(err, -EBUSY, "another process uses this flow table");
    beba_error_where(err, "%s", file);
    beba_error_hint(err, "stop it, or give another file name");
    return -EBUSY;
}

static int map_file(struct beba_ft_region *region, const char *file, struct beba_error *err)
{
    region->mem = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
    if (region->mem != MAP_FAILED)
        return 0;
    region->mem = NULL;
    return fail(err, -errno, file, "cannot map the file");
}

/* Gives the finished file its name; -EEXIST when another process was faster. */
static int publish(const char *temporary, const char *file)
{
    if (!link(temporary, file))
        return unlink(temporary) ? -errno : 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != ENOSYS)
        return -errno;
    return rename(temporary, file) ? -errno : 0; /* a file system without links */
}

static int create_file(struct beba_ft_region *region, const char *file,
                       const struct beba_ft_desc *desc, struct beba_ft **out,
                       struct beba_error *err)
{
    static const char suffix[] = ".new-XXXXXX";
    size_t n = strlen(file);
    char *temporary = malloc(n + sizeof(suffix));
    uint8_t seed[32];
    int rc;

    if (!temporary)
        return fail(err, -ENOMEM, file, "cannot create the file");
    memcpy(temporary, file, n);
    memcpy(temporary + n, suffix, sizeof(suffix));
    region->fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (region->fd < 0) {
        rc = fail(err, -errno, file, "cannot create the file");
        goto out_free;
    }
    rc = lock(region->fd, file, err);
    if (rc)
        goto out_unlink;
    region->size = beba_ft_footprint(desc);
    rc = -posix_fallocate(region->fd, 0, (off_t)region->size);
    if (rc) {
        beba_error_set(err, rc, "no room for a flow table of %zu bytes: %s", region->size,
                       strerror(-rc));
        beba_error_where(err, "%s", file);
        beba_error_hint(err, "make room on the disk, or give the table a smaller capacity");
        goto out_unlink;
    }
    rc = map_file(region, file, err);
    if (rc)
        goto out_unlink;
    rc = random_seed(seed, err);
    if (!rc)
        rc = beba_ft_new(region->mem, region->size, desc, seed, out, err);
    if (rc)
        goto out_unlink;
    rc = publish(temporary, file);
    if (!rc)
        goto out_free;
    fail(err, rc, file, "cannot give the new file its name");
out_unlink:
    unlink(temporary);
out_free:
    free(temporary);
    return rc;
}

static int join_file(struct beba_ft_region *region, const char *file,
                     const struct beba_ft_desc *desc, struct beba_ft **out, struct beba_error *err)
{
    struct stat st;
    int rc = lock(region->fd, file, err);

    if (rc)
        return rc;
    if (fstat(region->fd, &st))
        return fail(err, -errno, file, "cannot read the file");
    if (!S_ISREG(st.st_mode) || !st.st_size) {
        beba_error_set(err, -EINVAL, "this is not a flow table");
        beba_error_where(err, "%s", file);
        beba_error_hint(err, "give another file name");
        return -EINVAL;
    }
    region->size = (size_t)st.st_size;
    rc = map_file(region, file, err);
    if (rc)
        return rc;
    rc = beba_ft_join(region->mem, region->size, desc, out, err);
    if (rc)
        beba_error_where(err, "%s", file);
    return rc;
}

static int open_file(struct beba_ft_region *region, const char *file,
                     const struct beba_ft_desc *desc, struct beba_ft **out, struct beba_error *err)
{
    int rc;

    for (int attempt = 0; attempt < 2; attempt++) {
        region->fd = open(file, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (region->fd >= 0)
            return join_file(region, file, desc, out, err);
        if (errno != ENOENT)
            return fail(err, -errno, file, "cannot open the file");
        rc = create_file(region, file, desc, out, err);
        if (rc != -EEXIST)
            return rc;
        beba_ft_close(region); /* another process was faster */
    }
    return rc;
}

int beba_ft_open(struct beba_ft_region *region, const char *file, const struct beba_ft_desc *desc,
                 struct beba_ft **out, struct beba_error *err)
{
    int rc;

    *region = (struct beba_ft_region){.fd = -1};
    if (!beba_ft_footprint(desc))
        return beba_ft_new(NULL, 0, desc, NULL, out, err); /* says which bound is broken */
    rc = file ? open_file(region, file, desc, out, err) : open_private(region, desc, out, err);
    if (rc)
        beba_ft_close(region);
    return rc;
}

void beba_ft_close(struct beba_ft_region *region)
{
    if (region->mem)
        munmap(region->mem, region->size);
    if (region->fd >= 0)
        close(region->fd);
    *region = (struct beba_ft_region){.fd = -1};
}
