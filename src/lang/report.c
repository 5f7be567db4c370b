/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/report.h"

#include <stdarg.h>
#include <stdio.h>

const struct beba_code_info beba_codes[BEBA_N_CODES] = {
#define BEBA_CODE(id, text, severity, meaning) [C_##id] = {text, BEBA_##severity, meaning},
#include "lang/codes.def"
#undef BEBA_CODE
};

struct beba_diag *beba_report(struct beba_diags *d, enum beba_code code, struct beba_loc loc,
                              const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return beba_diags_add(d, beba_codes[code].severity, beba_codes[code].code, loc, "%s", text);
}
