/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter where several handles use the same tables. */
#define TRACED 0
#define SURE   0
#define SHARED 1
#include "engine/exec_body.h"
