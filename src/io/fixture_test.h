/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Captures made byte by byte, for the tests of this room. */
#ifndef BEBA_IO_FIXTURE_TEST_H
#define BEBA_IO_FIXTURE_TEST_H

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "io/capture.h"

struct bytes {
    uint8_t *p;
    size_t n;
    int swap; /* write words in the other byte order */
};

static inline void put(struct bytes *b, const void *p, size_t n)
{
    b->p = realloc(b->p, b->n + n + 1);
    assert_non_null(b->p);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void put32(struct bytes *b, uint32_t v)
{
    v = b->swap ? __builtin_bswap32(v) : v;
    put(b, &v, 4);
}

static inline void put16(struct bytes *b, unsigned v)
{
    uint16_t x = (uint16_t)v;

    x = b->swap ? __builtin_bswap16(x) : x;
    put(b, &x, 2);
}

static inline void put_fill(struct bytes *b, uint8_t c, size_t n)
{
    b->p = realloc(b->p, b->n + n + 1);
    assert_non_null(b->p);
    memset(b->p + b->n, c, n);
    b->n += n;
}

static inline void put_pcap_header(struct bytes *b, uint32_t magic, uint32_t snaplen, uint32_t type)
{
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, snaplen);
    put32(b, type);
}

static inline void put_pcap_record(struct bytes *b, uint32_t sec, uint32_t frac, uint8_t fill,
                                   uint32_t len, uint32_t wire_len)
{
    put32(b, sec);
    put32(b, frac);
    put32(b, len);
    put32(b, wire_len);
    put_fill(b, fill, len);
}

/* Writes to a new temporary file; the caller unlinks and frees the name. */
static inline char *save(const struct bytes *b)
{
    char *name = strdup("/tmp/beba-io-test-XXXXXX");
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->p, b->n), (ssize_t)b->n);
    close(fd);
    return name;
}

static inline void discard(char *name)
{
    unlink(name);
    free(name);
}

#endif
