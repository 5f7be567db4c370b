/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The gate: what devices run. It jumps to the program in slot 0 of beba_next; while there is none,
 * packets pass. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "kernel/internal.h"

int beba_gate_new(struct beba_kernel *k, enum beba_target target, struct beba_error *err)
{
    bool xdp = target == BEBA_TARGET_XDP;
    int next = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "beba_next", 4, 4, 1, NULL), rc;

    rc = beba_kmap_take(&k->map[KMAP_NEXT], next);
    if (rc)
        return beba_kernel_error(err, rc, "make the gate");
    const struct bpf_insn insns[] = {
        /* r2 = beba_next; r3 = 0; tail_call; r0 = as if nothing were here; exit */
        /* NOLINTNEXTLINE(misc-redundant-expression): BPF_LD and BPF_IMM are both 0 */
        {.code = BPF_LD | BPF_DW | BPF_IMM,
         .dst_reg = 2,
         .src_reg = BPF_PSEUDO_MAP_FD,
         .imm = next},
        {0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = xdp ? XDP_PASS : TC_ACT_UNSPEC},
        {.code = BPF_JMP | BPF_EXIT},
    };

    rc = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "beba_gate", "GPL", insns,
                       sizeof(insns) / sizeof(*insns), NULL);
    if (rc < 0)
        return beba_kernel_error(err, rc, "make the gate");
    k->prog[PROG_GATE] = rc;
    return 0;
}

int beba_gate_set(int next_fd, int prog_fd)
{
    uint32_t slot = 0;
    int rc;

    if (prog_fd >= 0)
        return bpf_map_update_elem(next_fd, &slot, &prog_fd, BPF_ANY);
    rc = bpf_map_delete_elem(next_fd, &slot);
    return rc == -ENOENT ? 0 : rc;
}
