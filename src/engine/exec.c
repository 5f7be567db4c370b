/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The interpreter as it runs packets. */
#define TRACED 0
#define SURE   0
#define SHARED 0
#include "engine/exec_body.h"

eval_fn beba_eval_any(const struct node *n)
{
    return eval_ops[n->op];
}
