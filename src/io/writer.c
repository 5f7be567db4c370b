/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/capture.h"

#include "base/error.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* draft-ietf-opsawg-pcap, sections 4 and 5: in the byte order of the machine that writes. */
struct file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy;
    uint32_t snaplen, link_type;
};

struct record_header {
    uint32_t seconds, nanoseconds;
    uint32_t len, wire_len;
};

enum {
    BUFFER = 2 * (BEBA_CAPTURE_MAX + (int)sizeof(struct record_header)),
    MOST = BEBA_CAPTURE_MAX, /* libpcap refuses to read longer ones */
};
#define MAGIC_NANOSECONDS 0xa1b23c4du

struct beba_writer {
    char *path;
    int fd;
    bool regular;
    int failed;     /* -errno of the file */
    off_t base;     /* where in the file the capture starts */
    uint64_t whole; /* bytes from there that are whole records */
    uint64_t written, given;
    size_t used;
    uint8_t buffer[BUFFER];
};

static const char *shown(const struct beba_writer *w)
{
    return strcmp(w->path, "-") ? w->path : "standard output";
}

static int fail(struct beba_writer *w, int code, struct beba_error *err)
{
    w->failed = code;
    beba_error_set(err, code, "cannot write the capture: %s", strerror(-code));
    beba_error_where(err, "%s", shown(w));
    if (code == -ENOSPC || code == -EDQUOT || code == -EFBIG)
        beba_error_hint(err, "%llu of %llu packets are in the file, all whole",
                        (unsigned long long)w->written, (unsigned long long)w->given);
    return code;
}

/* LINKTYPE_ of the file; the few DLT_ values whose number differs between systems. */
static uint32_t link_type(int dlt)
{
    return dlt == DLT_RAW ? 101u : (uint32_t)dlt;
}

/* Adds the whole records among the n bytes at p that reached the file; returns their bytes. */
static size_t count_whole(struct beba_writer *w, const uint8_t *p, size_t n)
{
    size_t at = 0;

    if (!w->whole) {
        if (n < sizeof(struct file_header))
            return 0;
        at = sizeof(struct file_header);
    }
    while (n - at >= sizeof(struct record_header)) {
        struct record_header h;

        memcpy(&h, p + at, sizeof(h));
        if (n - at - sizeof(h) < h.len)
            break;
        at += sizeof(h) + h.len;
        w->written++;
    }
    w->whole += at;
    return at;
}

int beba_writer_flush(struct beba_writer *w, struct beba_error *err)
{
    size_t done = 0;
    int rc = 0;

    if (w->failed)
        return fail(w, w->failed, err);
    while (done < w->used) {
        ssize_t n = write(w->fd, w->buffer + done, w->used - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? -errno : -EIO;
            break;
        }
        done += (size_t)n;
    }
    count_whole(w, w->buffer, done);
    w->used = 0;
    if (!rc)
        return 0;
    if (w->regular && ftruncate(w->fd, w->base + (off_t)w->whole) < 0)
        rc = -errno;
    return fail(w, rc, err);
}

static int open_output(const char *path, struct beba_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                               : dup(STDOUT_FILENO);
    int rc;

    if (fd < 0) {
        rc = -errno;
        beba_error_set(err, rc, "cannot create the capture: %s", strerror(-rc));
        beba_error_where(err, "%s", strcmp(path, "-") ? path : "standard output");
        return rc;
    }
    if (isatty(fd)) {
        close(fd);
        beba_error_set(err, -EINVAL, "a capture is binary and is not written to a terminal");
        beba_error_where(err, "%s", strcmp(path, "-") ? path : "standard output");
        beba_error_hint(err, "name a file, or pipe it on: beba ... -w - | tcpdump -nr -");
        return -EINVAL;
    }
    return fd;
}

int beba_writer_open(const char *path, int dlt, struct beba_writer **out, struct beba_error *err)
{
    struct file_header h = {.magic = MAGIC_NANOSECONDS,
                            .major = 2,
                            .minor = 4,
                            .snaplen = MOST,
                            .link_type = link_type(dlt)};
    struct beba_writer *w = malloc(sizeof(*w));
    struct stat st;

    *out = NULL;
    if (!w)
        return beba_error_set(err, -ENOMEM, "out of memory");
    memset(w, 0, offsetof(struct beba_writer, buffer));
    w->path = strdup(path);
    w->fd = w->path ? open_output(path, err) : beba_error_set(err, -ENOMEM, "out of memory");
    if (w->fd < 0) {
        int rc = w->fd;

        free(w->path);
        free(w);
        return rc;
    }
    w->base = lseek(w->fd, 0, SEEK_CUR);
    w->regular = !fstat(w->fd, &st) && S_ISREG(st.st_mode) && w->base >= 0 &&
                 !(fcntl(w->fd, F_GETFL) & O_APPEND);
    memcpy(w->buffer, &h, sizeof(h));
    w->used = sizeof(h);
    *out = w;
    return 0;
}

int beba_writer_put(struct beba_writer *w, uint64_t ns, const uint8_t *data, uint32_t len,
                    uint32_t wire_len, struct beba_error *err)
{
    struct record_header h = {.nanoseconds = (uint32_t)(ns % BEBA_NS_PER_SEC),
                              .len = len,
                              .wire_len = wire_len > len ? wire_len : len};
    int rc;

    w->given++;
    if (w->failed)
        return fail(w, w->failed, err);
    if (len > MOST)
        return beba_error_set(err, -EMSGSIZE, "a packet of %u bytes; a capture holds up to %u", len,
                              (unsigned)MOST);
    if (ns / BEBA_NS_PER_SEC > UINT32_MAX)
        return beba_error_set(err, -EOVERFLOW,
                              "a pcap file cannot hold a time after the year 2106");
    h.seconds = (uint32_t)(ns / BEBA_NS_PER_SEC);
    if (w->used + sizeof(h) + len > BUFFER) {
        rc = beba_writer_flush(w, err);
        if (rc)
            return rc;
    }
    memcpy(w->buffer + w->used, &h, sizeof(h));
    memcpy(w->buffer + w->used + sizeof(h), data, len);
    w->used += sizeof(h) + len;
    return 0;
}

void beba_writer_progress(const struct beba_writer *w, uint64_t *written, uint64_t *given)
{
    *written = w->written;
    *given = w->given;
}

int beba_writer_close(struct beba_writer *w, struct beba_error *err)
{
    int rc;

    if (!w)
        return 0;
    rc = w->failed ? fail(w, w->failed, err) : beba_writer_flush(w, err);
    if (close(w->fd) < 0 && !rc)
        rc = fail(w, -errno, err);
    free(w->path);
    free(w);
    return rc;
}
