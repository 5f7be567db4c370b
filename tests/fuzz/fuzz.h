/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A fuzz target: any bytes in, 0 out. It stops the process (require) when what must hold does not.
 * libFuzzer drives it in `make fuzz`; replay_main.c feeds it the corpus in every test run. */
#ifndef BEBA_FUZZ_H
#define BEBA_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(cond)                                                                 \
    do {                                                                              \
        if (!(cond)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

#endif
