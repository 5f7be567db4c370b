/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The arithmetic of BEBA's data variables and conditions (docs/beba-extension.md, 10): unsigned, 32
 * bits, to the bit what the original computes. No state, no packets. */
#ifndef BEBA_DATAPATH_OPP_H
#define BEBA_DATAPATH_OPP_H

#include "openflow/of.h"

#include <stdbool.h>
#include <stdint.h>

struct beba_alu {
    uint8_t opcode;      /* enum beba_opcode */
    uint32_t out;        /* in: the output's value before (AVG, VAR); out: the result */
    uint32_t operand[4]; /* AVG writes operand[1], VAR operand[1] and [2] */
    int8_t coeff[4];     /* POLY_SUM */
};

/* Operands that an opcode reads besides the first two: 0, 1 (the third) or 2. */
unsigned beba_alu_more_operands(uint8_t opcode);
/* The last operand that it writes: 0 = none, 1 = the second, 2 = the second and the third. */
unsigned beba_alu_writes(uint8_t opcode);
void beba_alu_run(struct beba_alu *alu);

/* op: enum beba_condition. */
bool beba_condition_holds(uint8_t op, uint32_t a, uint32_t b);

#endif
