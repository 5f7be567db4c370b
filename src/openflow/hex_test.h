/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* For the tests of this room: bytes written as hexadecimal digits with blanks anywhere. */
#ifndef BEBA_OPENFLOW_HEX_TEST_H
#define BEBA_OPENFLOW_HEX_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline size_t hex_read(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;
    unsigned byte;

    for (;;) {
        while (*hex == ' ')
            hex++;
        if (!*hex)
            return n;
        assert_true(n < cap);
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        out[n++] = (uint8_t)byte;
        hex += 2;
    }
}

#endif
