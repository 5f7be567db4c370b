/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The diagnostics of the language by number: code and severity of each are in codes.def. */
#ifndef BEBA_LANG_REPORT_H
#define BEBA_LANG_REPORT_H

#include "base/diag.h"

enum beba_code {
#define BEBA_CODE(id, ...) C_##id,
#include "lang/codes.def"
#undef BEBA_CODE
    BEBA_N_CODES
};

struct beba_code_info {
    const char *code;
    enum beba_severity severity;
    const char *meaning;
};
extern const struct beba_code_info beba_codes[BEBA_N_CODES];

struct beba_diag *beba_report(struct beba_diags *d, enum beba_code code, struct beba_loc loc,
                              const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define beba_report_hint beba_diags_hint

#endif
