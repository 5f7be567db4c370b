/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program: a pipeline, and the tests that stood beside it in the file, lowered to data.
 *
 * Owner: the caller. Read-only once made. */
#ifndef BEBA_PIPELINE_PROGRAM_H
#define BEBA_PIPELINE_PROGRAM_H

#include "pipeline/pipeline.h"

/* A value with a name: register = value, field = value. */
struct beba_expected {
    uint32_t table; /* registers: their table */
    uint32_t id;    /* register, field, global or counter */
    struct beba_u128 value;
    struct beba_loc loc;
};

struct beba_expected_notice {
    uint32_t notice; /* id in the pipeline */
    struct beba_loc loc;
};

/* Everything an expect may ask; counts of zero and NONE ask nothing. */
struct beba_expect {
    uint8_t verdict; /* enum beba_verdict_kind; NONE = not asked */
    bool has_port;
    uint32_t port;
    struct beba_loc verdict_loc;
    struct beba_expect_state { /* state after the packet of the entry that the rule updated */
        uint32_t table, state;
        struct beba_loc loc;
    } * state;
    uint32_t n_states;
    struct beba_expected *reg; /* flow { ... }: registers of the updated entry */
    uint32_t n_regs;
    struct beba_expected *field; /* out { ... }: fields of the packet that leaves */
    uint32_t n_fields;
    struct beba_expected *global; /* global { ... } */
    uint32_t n_globals;
    struct beba_expected *counter; /* count { name = packets } */
    uint32_t n_counters;
    struct beba_expected_notice *notice; /* notify "text": this packet gave it */
    uint32_t n_notices;
    uint32_t *no_flow; /* no flow: tables in which the packet's key has no entry afterwards */
    uint32_t n_no_flow;
    bool mirror_asked; /* mirror(port) */
    uint32_t mirror_port;
};

enum beba_step_kind { BEBA_STEP_SEND, BEBA_STEP_WAIT };

struct beba_step {
    uint8_t kind;
    uint64_t wait;     /* WAIT: ns */
    uint32_t repeat;   /* SEND: how often, >= 1; the expectation holds for each, or for the last */
    bool each;         /* expectation of every repetition (otherwise of the last one) */
    uint64_t interval; /* ns between repetitions */
    uint32_t in_port;  /* SEND; 1 when not given */
    struct beba_build build;
    struct beba_expect expect;
    struct beba_loc loc;
};

struct beba_testcase {
    const char *name;
    struct beba_step *step;
    uint32_t n_steps;
    struct beba_loc loc;
};

struct beba_program {
    struct beba_sources sources;
    struct beba_pipeline *pipeline;
    struct beba_testcase *test; /* in the pipeline's arena */
    uint32_t n_tests;
};

void beba_program_free(struct beba_program *p);

#endif
