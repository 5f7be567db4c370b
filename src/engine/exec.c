/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter as it runs packets. */
#define TRACED 0
#include "engine/exec_body.h"
