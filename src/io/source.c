/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD = 24,    /* bytes of a pcap file header */
    SNAPLEN = 16, /* where in it the snapshot length is */
    BLOCK = 12,   /* bytes of a pcapng block that the follower looks at: type, length, first word */
    BUFFER = 256 * 1024,
};

#define PCAPNG_SECTION   0x0a0d0d0au
#define PCAPNG_PACKET    2u /* obsolete: 16-bit interface */
#define PCAPNG_SIMPLE    3u
#define PCAPNG_ENHANCED  6u
#define PCAPNG_ORDER     0x1a2b3c4du
#define PCAPNG_ORDER_REV 0x4d3c2b1au

enum follow { FOLLOW_START, FOLLOW_BLOCKS, FOLLOW_NOTHING };

struct beba_source_stream {
    int fd;
    int error;
    uint64_t bytes;
    uint8_t head[HEAD];
    size_t n_head;
    enum follow follow;
    bool swap;
    uint8_t block[BLOCK];
    size_t n_block;
    uint64_t skip;   /* bytes of the block that are of no interest */
    uint32_t *queue; /* a ring: interfaces of packets that libpcap has not returned yet */
    size_t cap, first, n;
    FILE *file;
    bool waits; /* not a regular file: reading may have to wait */
};

static uint32_t word(const struct beba_source_stream *s, const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return s->swap ? __builtin_bswap32(v) : v;
}

static int enqueue(struct beba_source_stream *s, uint32_t interface)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        uint32_t *queue = malloc(cap * sizeof(*queue));

        if (!queue)
            return -ENOMEM;
        for (size_t i = 0; i < s->n; i++)
            queue[i] = s->queue[(s->first + i) % s->cap];
        free(s->queue);
        s->queue = queue;
        s->cap = cap;
        s->first = 0;
    }
    s->queue[(s->first + s->n++) % s->cap] = interface;
    return 0;
}

/* The first words of a block are there. What is inconsistent ends following: libpcap will say so.
 */
static int block_begin(struct beba_source_stream *s)
{
    uint32_t type = word(s, s->block), len, interface = 0;

    if (type == PCAPNG_SECTION) {
        uint32_t order;

        memcpy(&order, s->block + 8, 4);
        if (order != PCAPNG_ORDER && order != PCAPNG_ORDER_REV) {
            s->follow = FOLLOW_NOTHING;
            return 0;
        }
        s->swap = order == PCAPNG_ORDER_REV;
    }
    len = word(s, s->block + 4);
    if (len < BLOCK || len % 4) {
        s->follow = FOLLOW_NOTHING;
        return 0;
    }
    s->skip = len - BLOCK;
    s->n_block = 0;
    if (type == PCAPNG_ENHANCED) {
        interface = word(s, s->block + 8);
    } else if (type == PCAPNG_PACKET) {
        uint16_t v;

        memcpy(&v, s->block + 8, 2);
        interface = s->swap ? __builtin_bswap16(v) : v;
    } else if (type != PCAPNG_SIMPLE) {
        return 0;
    }
    return enqueue(s, interface);
}

static int follow(struct beba_source_stream *s, const uint8_t *p, size_t n)
{
    while (n && s->follow == FOLLOW_BLOCKS) {
        if (s->skip) {
            size_t k = s->skip < n ? (size_t)s->skip : n;

            s->skip -= k;
            p += k;
            n -= k;
            continue;
        }
        s->block[s->n_block++] = *p++;
        n--;
        if (s->n_block == BLOCK) {
            int rc = block_begin(s);

            if (rc)
                return rc;
        }
    }
    return 0;
}

static bool is_pcap(const uint8_t *head)
{
    static const uint32_t magic[] = {0xa1b2c3d4u, 0xd4c3b2a1u, 0xa1b23c4du, 0x4d3cb2a1u};
    uint32_t v;

    memcpy(&v, head, 4);
    for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++) {
        if (v == magic[i])
            return true;
    }
    return false;
}

/* Looks at n new bytes, the first of which is byte number at of the file; may change them. */
static int look(struct beba_source_stream *s, uint8_t *p, size_t n, uint64_t at)
{
    uint32_t first;

    for (size_t i = 0; i < n && s->n_head < HEAD; i++)
        s->head[s->n_head++] = p[i];
    if (s->n_head >= 4 && is_pcap(s->head)) {
        for (uint64_t i = at < SNAPLEN ? SNAPLEN : at; i < SNAPLEN + 4 && i < at + n; i++)
            p[i - at] = 0;
    }
    if (s->follow == FOLLOW_START) {
        if (s->n_head < 4)
            return 0;
        memcpy(&first, s->head, 4);
        s->follow = first == PCAPNG_SECTION ? FOLLOW_BLOCKS : FOLLOW_NOTHING;
        if (at) /* the first read gave less than one word */
            memcpy(s->block, s->head, s->n_block = (size_t)at);
    }
    return follow(s, p, n);
}

static ssize_t stream_read(void *arg, char *buf, size_t size)
{
    struct beba_source_stream *s = arg;
    ssize_t n;
    int rc;

    do {
        n = read(s->fd, buf, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        s->error = errno;
    if (n <= 0)
        return n;
    rc = look(s, (uint8_t *)buf, (size_t)n, s->bytes);
    s->bytes += (uint64_t)n;
    if (!rc)
        return n;
    s->error = -rc;
    errno = -rc;
    return -1;
}

/* Only so that ftello works: tells how far the stream was read. */
static int stream_seek(void *arg, off64_t *offset, int whence)
{
    const struct beba_source_stream *s = arg;

    if (whence != SEEK_CUR || *offset) {
        errno = ESPIPE;
        return -1;
    }
    *offset = (off64_t)s->bytes;
    return 0;
}

static int stream_close(void *arg)
{
    struct beba_source_stream *s = arg;

    close(s->fd);
    free(s->queue);
    free(s);
    return 0;
}

int beba_source_open(int fd, struct beba_source_stream **out, FILE **file)
{
    static const cookie_io_functions_t functions = {
        .read = stream_read, .seek = stream_seek, .close = stream_close};
    struct beba_source_stream *s = calloc(1, sizeof(*s));
    struct stat st;

    if (!s)
        return -ENOMEM;
    s->fd = fd;
    s->waits = fstat(fd, &st) || !S_ISREG(st.st_mode);
    s->file = fopencookie(s, "r", functions);
    if (!s->file) {
        free(s);
        return -ENOMEM;
    }
    setvbuf(s->file, NULL, _IOFBF, BUFFER);
    *file = s->file;
    *out = s;
    return 0;
}

uint32_t beba_source_interface(struct beba_source_stream *s)
{
    uint32_t interface;

    if (!s->n)
        return 0;
    interface = s->queue[s->first];
    s->first = (s->first + 1) % s->cap;
    s->n--;
    return interface;
}

bool beba_source_ready(const struct beba_source_stream *s)
{
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};

    if (!s->waits || ftello(s->file) != (off_t)s->bytes)
        return true;
    return poll(&fd, 1, 0) != 0;
}

uint64_t beba_source_bytes(const struct beba_source_stream *s)
{
    return s->bytes;
}

int beba_source_errno(const struct beba_source_stream *s)
{
    return s->error;
}

size_t beba_source_head(const struct beba_source_stream *s, const uint8_t **head)
{
    *head = s->head;
    return s->n_head;
}
