/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The same with somebody watching. */
#define TRACED 1
#define SURE   0
#define SHARED 1
#include "engine/exec_body.h"
