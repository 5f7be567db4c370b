/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/lower.h"

void beba_check_machines(struct lower *c)
{
    (void)c;
}
