/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "openflow/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int set(struct beba_of_error *err, uint16_t type, uint16_t code, uint32_t experimenter,
               const char *fmt, va_list args)
{
    if (!err)
        return -EINVAL;
    err->type = type;
    err->code = code;
    err->experimenter = experimenter;
    vsnprintf(err->what, sizeof(err->what), fmt, args);
    return -EINVAL;
}

int beba_of_error_set(struct beba_of_error *err, uint16_t type, uint16_t code, const char *fmt, ...)
{
    va_list args;
    int r;

    va_start(args, fmt);
    r = set(err, type, code, 0, fmt, args);
    va_end(args);
    return r;
}

int beba_of_error_beba(struct beba_of_error *err, uint16_t code, const char *fmt, ...)
{
    va_list args;
    int r;

    va_start(args, fmt);
    r = set(err, OFPET_EXPERIMENTER, code, BEBA_EXPERIMENTER, fmt, args);
    va_end(args);
    return r;
}

int beba_of_error_onf(struct beba_of_error *err, uint16_t code, const char *fmt, ...)
{
    va_list args;
    int r;

    va_start(args, fmt);
    r = set(err, OFPET_EXPERIMENTER, code, ONF_EXPERIMENTER, fmt, args);
    va_end(args);
    return r;
}
