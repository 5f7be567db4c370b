/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Captures: reads any bytes as a capture file, packet by packet and in batches, which must agree.
 */
#include "fuzz.h"

#include "base/error.h"
#include "io/capture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_PACKETS = 4096 };

static uint64_t mix(uint64_t sum, const struct beba_packet *p)
{
    require(p->wire_len >= p->len);
    require(p->headroom >= BEBA_HEADROOM && p->tailroom >= BEBA_TAILROOM);
    require(p->link <= BEBA_LINK_SLL2);
    for (uint32_t i = 0; i < p->len; i++)
        sum = sum * 31 + p->data[i];
    memset(p->data - p->headroom, 0x55, p->headroom); /* the room is ours */
    memset(p->data + p->len, 0xaa, p->tailroom);
    return sum * 31 + p->now + p->wire_len;
}

static uint64_t one_by_one(const char *path, unsigned *n)
{
    struct beba_reader *r;
    struct beba_error err = {0};
    struct beba_packet p;
    uint64_t sum = 0;
    int got = beba_reader_open(path, &r, &err);

    *n = 0;
    if (got) {
        require(got < 0 && err.what[0]);
        return 0;
    }
    while ((got = beba_reader_next(r, &p, &err)) == 1 && *n < MAX_PACKETS) {
        beba_packet_parse(&p);
        sum = mix(sum, &p);
        ++*n;
    }
    if (got < 0)
        require(err.what[0]);
    beba_reader_close(r);
    return sum;
}

static uint64_t in_batches(const char *path, unsigned *n)
{
    struct beba_reader *r;
    struct beba_packet *const *p;
    uint64_t sum = 0;
    int got = beba_reader_open(path, &r, NULL);

    *n = 0;
    if (got)
        return 0;
    while (*n < MAX_PACKETS && (got = beba_reader_batch(r, &p, BEBA_READER_BATCH, NULL)) > 0) {
        require(got <= BEBA_READER_BATCH);
        for (int i = 0; i < got && *n < MAX_PACKETS; i++, ++*n)
            sum = mix(sum, p[i]);
    }
    beba_reader_close(r);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("capture", 0);
    unsigned n1, n2;
    uint64_t a, b;
    char path[64];

    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    a = one_by_one(path, &n1);
    b = in_batches(path, &n2);
    require(n1 == n2 && a == b);
    close(fd);
    return 0;
}
