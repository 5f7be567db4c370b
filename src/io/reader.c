/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/capture.h"

#include "base/error.h"
#include "base/units.h"
#include "io/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Distance of the buffers: not a multiple of the page, or they would all fall on the same cache
 * sets. */
enum { STRIDE = BEBA_HEADROOM + BEBA_CAPTURE_MAX + BEBA_TAILROOM + 192 };

struct link_type {
    int dlt;
    int write_dlt; /* of a file with these packets */
    uint8_t link;  /* enum beba_link */
    uint8_t strip; /* bytes to take off the front */
};

static const struct link_type link_types[] = {
    {DLT_EN10MB, DLT_EN10MB, BEBA_LINK_ETHERNET, 0},
    {DLT_RAW, DLT_RAW, BEBA_LINK_IP, 0},
    {DLT_IPV4, DLT_IPV4, BEBA_LINK_IP, 0},
    {DLT_IPV6, DLT_IPV6, BEBA_LINK_IP, 0},
    {DLT_NULL, DLT_RAW, BEBA_LINK_IP, 4},
    {DLT_LOOP, DLT_RAW, BEBA_LINK_IP, 4},
    {DLT_LINUX_SLL, DLT_LINUX_SLL, BEBA_LINK_SLL, 0},
    {DLT_LINUX_SLL2, DLT_LINUX_SLL2, BEBA_LINK_SLL2, 0},
};

struct beba_reader {
    char *path;
    pcap_t *pcap;
    struct beba_source_stream *source; /* lives as long as pcap */
    const struct link_type *type;
    uint64_t size;    /* of the file, 0 = not known */
    uint64_t packets; /* returned */
    int ended;        /* 1 = end of file, -errno = failed */
    struct beba_error error;
    uint8_t *buffers; /* BEBA_READER_BATCH of STRIDE bytes; untouched pages cost nothing */
    struct beba_packet packet[BEBA_READER_BATCH];
    struct beba_packet *list[BEBA_READER_BATCH];
};

static const char *shown(const char *path)
{
    return strcmp(path, "-") ? path : "standard input";
}

/* -errno, or a descriptor. */
static int open_file(const char *path, uint64_t *size, struct beba_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    struct stat st;
    int rc;

    *size = 0;
    if (fd < 0)
        goto fail;
    if (fstat(fd, &st) < 0)
        goto fail;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        goto fail;
    }
    if (S_ISREG(st.st_mode))
        *size = (uint64_t)st.st_size;
    return fd;
fail:
    rc = -errno;
    beba_error_set(err, rc, "cannot open the capture: %s", strerror(-rc));
    beba_error_where(err, "%s", shown(path));
    if (fd >= 0)
        close(fd);
    return rc;
}

struct other_format {
    uint8_t n;
    uint8_t magic[4];
    const char *name, *tool;
};

static const struct other_format other_formats[] = {
    {2, {0x1f, 0x8b}, "gzip data", "zcat"},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, "zstd data", "zstdcat"},
    {4, {0x04, 0x22, 0x4d, 0x18}, "lz4 data", "lz4cat"},
    {3, {'B', 'Z', 'h'}, "bzip2 data", "bzcat"},
    {4, {0xfd, '7', 'z', 'X'}, "xz data", "xzcat"},
};

/* Why libpcap did not take the file, said so that a person knows what to do. */
static int refuse(const char *path, const struct beba_source_stream *source, const char *text,
                  struct beba_error *err)
{
    int error = beba_source_errno(source);
    const uint8_t *head;
    size_t n = beba_source_head(source, &head);

    if (error) {
        beba_error_set(err, -EIO, "cannot read the capture: %s", strerror(error));
        beba_error_where(err, "%s", shown(path));
        return -EIO;
    }
    if (!n) {
        beba_error_set(err, -EINVAL, "the capture is empty: it has not even a file header");
        beba_error_where(err, "%s", shown(path));
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof(other_formats) / sizeof(*other_formats); i++) {
        const struct other_format *f = &other_formats[i];

        if (n < f->n || memcmp(head, f->magic, f->n) != 0)
            continue;
        beba_error_set(err, -EINVAL, "not a capture but %s", f->name);
        beba_error_where(err, "%s", shown(path));
        beba_error_hint(err, "unpack it on the way: %s FILE | beba ... -r -", f->tool);
        return -EINVAL;
    }
    beba_error_set(err, -EINVAL, "not a pcap or pcapng capture: %s", text);
    beba_error_where(err, "%s", shown(path));
    if (!strncmp(text, "unknown file format", 19))
        beba_error_hint(err, "editcap -F pcapng IN OUT converts other capture formats");
    return -EINVAL;
}

static const struct link_type *find_link_type(int dlt)
{
    for (size_t i = 0; i < sizeof(link_types) / sizeof(*link_types); i++) {
        if (link_types[i].dlt == dlt)
            return &link_types[i];
    }
    return NULL;
}

static int refuse_link_type(const char *path, int dlt, struct beba_error *err)
{
    const char *name = pcap_datalink_val_to_name(dlt);
    const char *what = pcap_datalink_val_to_description(dlt);

    beba_error_set(err, -ENOTSUP, "link type %d (%s%s%s) is not supported", dlt,
                   name ? name : "unknown", what ? ", " : "", what ? what : "");
    beba_error_where(err, "%s", shown(path));
    beba_error_hint(err,
                    "beba reads Ethernet, raw IP, loopback and Linux cooked captures; strip the "
                    "link header with 'editcap -C LEN -T rawip IN OUT', or capture with -y EN10MB");
    return -ENOTSUP;
}

int beba_reader_open(const char *path, struct beba_reader **out, struct beba_error *err)
{
    char text[PCAP_ERRBUF_SIZE];
    struct beba_reader *r = calloc(1, sizeof(*r));
    FILE *file = NULL;
    int fd = -1, rc;

    *out = NULL;
    if (!r)
        return beba_error_set(err, -ENOMEM, "out of memory");
    r->path = strdup(path);
    r->buffers = malloc((size_t)STRIDE * BEBA_READER_BATCH);
    if (!r->path || !r->buffers) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    fd = open_file(path, &r->size, err);
    if (fd < 0) {
        rc = fd;
        goto out;
    }
    rc = beba_source_open(fd, &r->source, &file);
    if (rc) {
        close(fd);
        beba_error_set(err, rc, "out of memory");
        goto out;
    }
    r->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!r->pcap) {
        rc = refuse(path, r->source, text, err);
        fclose(file);
        goto out;
    }
    r->type = find_link_type(pcap_datalink(r->pcap));
    if (!r->type) {
        rc = refuse_link_type(path, pcap_datalink(r->pcap), err);
        goto out;
    }
    *out = r;
    r = NULL;
    rc = 0;
out:
    beba_reader_close(r);
    return rc;
}

static int failed(struct beba_reader *r)
{
    int error = beba_source_errno(r->source);
    const char *text = pcap_geterr(r->pcap);

    r->ended = error ? -EIO : -EINVAL;
    if (error) {
        beba_error_set(&r->error, -EIO, "cannot read the capture: %s", strerror(error));
    } else if (!strncmp(text, "truncated dump file", 19)) {
        beba_error_set(&r->error, -EINVAL, "the capture ends in the middle of a packet (%s)", text);
        beba_error_hint(&r->error, "what came before it is whole; the file was cut short");
    } else {
        beba_error_set(&r->error, -EINVAL, "the capture is corrupt: %s", text);
        beba_error_hint(&r->error, "what came before is good; packets after this place are lost");
    }
    beba_error_where(&r->error, "%s, packet %llu", shown(r->path),
                     (unsigned long long)r->packets + 1);
    return r->ended;
}

static uint64_t to_ns(const struct timeval *ts)
{
    /* Both words of a pcap record's time are unsigned; libpcap reads them as signed. */
    uint64_t sec = ts->tv_sec < 0 ? (uint32_t)ts->tv_sec : (uint64_t)ts->tv_sec;
    uint64_t fraction = ts->tv_usec < 0 ? (uint32_t)ts->tv_usec : (uint64_t)ts->tv_usec;

    if (sec >= UINT64_MAX / BEBA_NS_PER_SEC)
        return UINT64_MAX;
    return sec * BEBA_NS_PER_SEC + fraction;
}

/* 1, 0, or -errno with r->error set. */
static int read_one(struct beba_reader *r, unsigned slot, struct beba_packet *out)
{
    struct pcap_pkthdr *h;
    const u_char *data;
    uint32_t strip = r->type->strip;
    int rc;

    if (r->ended)
        return r->ended == 1 ? 0 : r->ended;
    rc = pcap_next_ex(r->pcap, &h, &data);
    if (rc == PCAP_ERROR_BREAK) {
        r->ended = 1;
        return 0;
    }
    if (rc != 1)
        return failed(r);
    if (h->caplen > BEBA_CAPTURE_MAX) {
        r->ended = beba_error_set(&r->error, -EINVAL,
                                  "the capture is corrupt: a packet of %u bytes, the most is %u",
                                  h->caplen, (unsigned)BEBA_CAPTURE_MAX);
        beba_error_where(&r->error, "%s, packet %llu", shown(r->path),
                         (unsigned long long)r->packets + 1);
        return r->ended;
    }
    r->packets++;
    if (strip > h->caplen)
        strip = h->caplen;
    memset(out, 0, sizeof(*out));
    out->data = r->buffers + (size_t)slot * STRIDE + BEBA_HEADROOM;
    out->len = h->caplen - strip;
    out->wire_len = (h->len > h->caplen ? h->len : h->caplen) - strip;
    out->headroom = BEBA_HEADROOM;
    out->tailroom = BEBA_CAPTURE_MAX - out->len + BEBA_TAILROOM;
    out->link = r->type->link;
    out->now = to_ns(&h->ts);
    out->in_port = beba_source_interface(r->source) + 1;
    out->in_phy_port = out->in_port;
    memcpy(out->data, data + strip, out->len);
    return 1;
}

int beba_reader_next(struct beba_reader *r, struct beba_packet *out, struct beba_error *err)
{
    int rc = read_one(r, 0, out);

    if (rc < 0 && err)
        *err = r->error;
    return rc;
}

int beba_reader_batch(struct beba_reader *r, struct beba_packet *const **out, unsigned n,
                      struct beba_error *err)
{
    unsigned i;
    int rc = 0;

    if (n > BEBA_READER_BATCH)
        n = BEBA_READER_BATCH;
    for (i = 0; i < n; i++) {
        if (i && !beba_source_ready(r->source))
            break;
        rc = read_one(r, i, &r->packet[i]);
        if (rc != 1)
            break;
        r->list[i] = &r->packet[i];
    }
    *out = r->list;
    if (rc < 0 && !i) {
        if (err)
            *err = r->error;
        return rc;
    }
    return (int)i;
}

void beba_reader_progress(const struct beba_reader *r, uint64_t *done, uint64_t *size)
{
    *done = beba_source_bytes(r->source);
    *size = r->size;
}

int beba_reader_dlt(const struct beba_reader *r)
{
    return r->type->write_dlt;
}

const char *beba_capture_library(void)
{
    return pcap_lib_version();
}

void beba_reader_close(struct beba_reader *r)
{
    if (!r)
        return;
    if (r->pcap)
        pcap_close(r->pcap);
    free(r->path);
    free(r->buffers);
    free(r);
}
