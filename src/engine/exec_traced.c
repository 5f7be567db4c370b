/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter with somebody watching: for explain and for a program's tests. */
#define TRACED 1
#define SURE   0
#define SHARED 0
#include "engine/exec_body.h"
