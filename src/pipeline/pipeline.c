/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "pipeline/pipeline.h"

#include "pipeline/program.h"

#include <stdlib.h>

#define ANY 255

const struct beba_op_info beba_ops[BEBA_N_OPS] = {
    [BEBA_OP_CONST] = {"const", 0, 0, false},
    [BEBA_OP_FIELD] = {"field", 0, 0, false},
    [BEBA_OP_REG] = {"reg", 0, 0, false},
    [BEBA_OP_LET] = {"let", 0, 0, false},
    [BEBA_OP_GLOBAL] = {"global", 0, 0, false},
    [BEBA_OP_STATE] = {"state", 0, 0, false},
    [BEBA_OP_FORWARD] = {"forward", 0, 0, true},
    [BEBA_OP_PRESENT] = {"present", 0, 0, true},
    [BEBA_OP_RANDOM] = {"random", 1, 0, false},
    [BEBA_OP_NOT] = {"!", 1, 10, true},
    [BEBA_OP_INV] = {"~", 1, 10, false},
    [BEBA_OP_NEG] = {"-", 1, 10, false},
    [BEBA_OP_MAP4] = {"map4", 1, 0, false},
    [BEBA_OP_ARRAY] = {"array", ANY, 0, false},
    [BEBA_OP_IN_LIST] = {"in", 1, 3, true},
    [BEBA_OP_IN_SET] = {"in", 1, 3, true},
    [BEBA_OP_ADD] = {"+", 2, 8, false},
    [BEBA_OP_SUB] = {"-", 2, 8, false},
    [BEBA_OP_MUL] = {"*", 2, 9, false},
    [BEBA_OP_DIV] = {"/", 2, 9, false},
    [BEBA_OP_MOD] = {"%", 2, 9, false},
    [BEBA_OP_AND] = {"&", 2, 6, false},
    [BEBA_OP_OR] = {"|", 2, 4, false},
    [BEBA_OP_XOR] = {"^", 2, 5, false},
    [BEBA_OP_SHL] = {"<<", 2, 7, false},
    [BEBA_OP_SHR] = {">>", 2, 7, false},
    [BEBA_OP_EQ] = {"==", 2, 3, true},
    [BEBA_OP_NE] = {"!=", 2, 3, true},
    [BEBA_OP_LT] = {"<", 2, 3, true},
    [BEBA_OP_LE] = {"<=", 2, 3, true},
    [BEBA_OP_GT] = {">", 2, 3, true},
    [BEBA_OP_GE] = {">=", 2, 3, true},
    [BEBA_OP_LAND] = {"&&", 2, 2, true},
    [BEBA_OP_LOR] = {"||", 2, 1, true},
    [BEBA_OP_MIN] = {"min", 2, 0, false},
    [BEBA_OP_MAX] = {"max", 2, 0, false},
    [BEBA_OP_SAT_ADD] = {"sat_add", 2, 0, false},
    [BEBA_OP_SAT_SUB] = {"sat_sub", 2, 0, false},
    [BEBA_OP_ABS_DIFF] = {"abs_diff", 2, 0, false},
    [BEBA_OP_HASH] = {"hash", ANY, 0, false},
    [BEBA_OP_EWMA] = {"ewma", 3, 0, false},
    [BEBA_OP_AVG] = {"avg", 3, 0, false},
    [BEBA_OP_VAR] = {"var", 4, 0, false},
    [BEBA_OP_SEQ_LT] = {"seq_lt", 2, 0, true},
    [BEBA_OP_SEQ_LEQ] = {"seq_leq", 2, 0, true},
};

static const char *const verdict_names[BEBA_N_VERDICTS] = {
    [BEBA_VERDICT_NONE] = "none",   [BEBA_VERDICT_PASS] = "pass",
    [BEBA_VERDICT_DROP] = "drop",   [BEBA_VERDICT_OUTPUT] = "output",
    [BEBA_VERDICT_REPLY] = "reply", [BEBA_VERDICT_FLOOD] = "flood",
    [BEBA_VERDICT_PUNT] = "punt",   [BEBA_VERDICT_NEXT] = "next",
};

const char *beba_verdict_name(enum beba_verdict_kind kind)
{
    return (unsigned)kind < BEBA_N_VERDICTS ? verdict_names[kind] : "unknown";
}

struct beba_pipeline *beba_pipeline_new(void)
{
    return calloc(1, sizeof(struct beba_pipeline));
}

void beba_pipeline_free(struct beba_pipeline *p)
{
    if (!p)
        return;
    beba_arena_free(&p->arena);
    free(p);
}

void beba_program_free(struct beba_program *p)
{
    if (!p)
        return;
    beba_sources_free(&p->sources);
    beba_pipeline_free(p->pipeline);
    free(p);
}

static bool decides(const struct beba_body *body, unsigned depth)
{
    if (depth > BEBA_MAX_DEPTH)
        return false;
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_VERDICT)
            return true;
        if (s->kind == BEBA_STMT_IF && decides(&s->then, depth + 1) &&
            decides(&s->otherwise, depth + 1))
            return true;
    }
    return false;
}

bool beba_body_decides(const struct beba_body *body)
{
    return decides(body, 0);
}
