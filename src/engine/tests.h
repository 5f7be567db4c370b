/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Runs the tests inside a program and measures what they covered. */
#ifndef BEBA_ENGINE_TESTS_H
#define BEBA_ENGINE_TESTS_H

#include "engine/engine.h"
#include "pipeline/program.h"

struct beba_native_code;

/* One failed expectation: where it stands and what was seen instead. */
struct beba_failure {
    uint32_t test, step;
    uint32_t repetition; /* from 1 */
    struct beba_loc loc;
    char text[512]; /* "expected drop, got pass: rule 3 (else) of port_knocking" */
};

struct beba_test_report {
    uint32_t n_tests, n_failed; /* tests */
    struct beba_failure *failure;
    uint32_t n_failures, cap;
    uint8_t *rule_hit; /* one a rule of the pipeline */
    uint8_t *
        *state_hit; /* per table, one a state: a packet saw an entry in it, or left one in it */
    bool *test_ok;  /* one a test */
    uint32_t rules, rules_hit, states, states_hit;
};

/* Runs every test on a fresh engine each, at a fixed seed. -errno when an engine cannot be made. */
int beba_tests_run(const struct beba_program *program, struct beba_test_report *out,
                   struct beba_error *err);
/* The same beside native code (NULL: none) on tables of its own: a test fails, too, where a packet
 * has another result, or leaves other bytes. */
int beba_tests_run_code(const struct beba_program *program, const struct beba_native_code *code,
                        struct beba_test_report *out, struct beba_error *err);
void beba_test_report_free(struct beba_test_report *report, const struct beba_program *program);

#endif
