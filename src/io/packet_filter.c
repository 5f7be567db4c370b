/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/packet_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
    BY_FRAGMENTS = 0xffff, /* gso_size of SCTP's trains, whose segments have no one size */
    IP4_PROTOCOL = 14 + 9,
    IP6_PROTOCOL = 14 + 6,
    TCP = 6,
    COUNTER = 4096, /* bytes that are mapped: a page */
};

enum { R0, R1, R2, R6 = 6 };

/* Places in the program that are jumped to. */
enum { AT_IP6 = 10, AT_PROTOCOL = 11, AT_REJECT = 12, AT_PASS = 18 };

static long bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static struct bpf_insn insn(int code, unsigned dst, unsigned src, int off, int imm)
{
    return (struct bpf_insn){.code = (uint8_t)code,
                             .dst_reg = (uint8_t)(dst & 15),
                             .src_reg = (uint8_t)(src & 15),
                             .off = (int16_t)off,
                             .imm = imm};
}

static struct bpf_insn jump(int from, int to)
{
    return insn(BPF_JMP | BPF_JA, 0, 0, to - from - 1, 0);
}

static struct bpf_insn jump_if(int op, int value, int from, int to)
{
    return insn(BPF_JMP | op | BPF_K, R0, 0, to - from - 1, value);
}

static int load(int map, bool tcp_only)
{
    const struct bpf_insn program[] = {
        insn(BPF_ALU64 | BPF_MOV | BPF_X, R6, R1, 0, 0),
        insn(BPF_LDX | BPF_MEM | BPF_W, R0, R1, offsetof(struct __sk_buff, gso_size), 0),
        jump_if(BPF_JEQ, 0, 2, AT_PASS),
        jump_if(BPF_JEQ, BY_FRAGMENTS, 3, AT_REJECT),
        jump_if(tcp_only ? BPF_JEQ : BPF_JNE, 0, 4, AT_PASS), /* it is not 0 here */
        insn(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 12),
        jump_if(BPF_JEQ, 0x86dd, 6, AT_IP6),
        jump_if(BPF_JNE, 0x0800, 7, AT_REJECT),
        insn(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, IP4_PROTOCOL),
        jump(9, AT_PROTOCOL),
        insn(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, IP6_PROTOCOL),
        jump_if(BPF_JEQ, TCP, 11, AT_PASS),
        insn(BPF_LD | BPF_IMM | BPF_DW, R1, BPF_PSEUDO_MAP_VALUE, 0, map),
        insn(0, 0, 0, 0, 0), /* the second half: at byte 0 of the value */
        insn(BPF_ALU64 | BPF_MOV | BPF_K, R2, 0, 0, 1),
        insn(BPF_STX | BPF_ATOMIC | BPF_DW, R1, R2, 0, BPF_ADD),
        insn(BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, 0),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        insn(BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, INT32_MAX),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    static const char license[] = "Dual BSD/GPL";
    union bpf_attr attr;
    long fd;

    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uint64_t)(uintptr_t)program;
    attr.insn_cnt = sizeof(program) / sizeof(*program);
    attr.license = (uint64_t)(uintptr_t)license;
    fd = bpf(BPF_PROG_LOAD, &attr);
    return fd < 0 ? -errno : (int)fd;
}

static int make_counter(void)
{
    union bpf_attr attr;
    long fd;

    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = sizeof(uint32_t);
    attr.value_size = sizeof(uint64_t);
    attr.max_entries = 1;
    attr.map_flags = BPF_F_MMAPABLE;
    fd = bpf(BPF_MAP_CREATE, &attr);
    return fd < 0 ? -errno : (int)fd;
}

int beba_packet_filter_attach(int fd, bool tcp_only, const uint64_t **rejected)
{
    int map = make_counter(), program = -1, rc = 0;
    void *counter = MAP_FAILED;

    *rejected = NULL;
    if (map < 0)
        return map;
    program = load(map, tcp_only);
    if (program < 0) {
        rc = program;
        goto out;
    }
    counter = mmap(NULL, COUNTER, PROT_READ, MAP_SHARED, map, 0);
    if (counter == MAP_FAILED ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program))) {
        rc = -errno;
        goto out;
    }
    *rejected = counter;
out:
    if (rc && counter != MAP_FAILED)
        munmap(counter, COUNTER);
    if (program >= 0)
        close(program);
    close(map);
    return rc;
}

void beba_packet_filter_free(const uint64_t *rejected)
{
    if (rejected)
        munmap((void *)(uintptr_t)rejected, COUNTER);
}

bool beba_packet_filter_old_kernel(void)
{
    unsigned major = 0, minor = 0;
    struct utsname name;

    return uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2 || major < 6 ||
           (major == 6 && minor < 2);
}
