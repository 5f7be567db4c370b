/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The program that gives an interface's packets to the sockets of their queues.
 *
 * It is written here in BPF instructions and held by a link, so that it goes when the process does;
 * libxdp's own would come with a dispatcher, for which not all kernels have what it needs. Packets
 * come to programs as the device has them: where it took a VLAN tag off (veth does without asking),
 * the program asks for it and puts it back, which kernels allow programs bound to the device. */
#include "io/xdp.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    DEV_BOUND = 1 << 6, /* BPF_F_XDP_DEV_BOUND_ONLY of newer headers */
    KFUNC_CALL = 2,     /* BPF_PSEUDO_KFUNC_CALL */
    PROGRAM_MAX = 40,
};

enum { R0, R1, R2, R3, R4, R6 = 6, R10 = 10 };

static struct bpf_insn insn(int code, int dst, int src, int off, int32_t imm)
{
    return (struct bpf_insn){.code = (uint8_t)code,
                             .dst_reg = (uint8_t)(dst & 15),
                             .src_reg = (uint8_t)(src & 15),
                             .off = (int16_t)off,
                             .imm = imm};
}

static struct bpf_insn load(int size, int dst, int src, int off)
{
    return insn(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

static struct bpf_insn store(int size, int dst, int off, int src)
{
    return insn(BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

static struct bpf_insn move(int dst, int src)
{
    return insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static struct bpf_insn constant(int dst, int32_t value)
{
    return insn(BPF_ALU64 | BPF_MOV, dst, 0, 0, value);
}

static struct bpf_insn add(int dst, int32_t value)
{
    return insn(BPF_ALU64 | BPF_ADD, dst, 0, 0, value);
}

static struct bpf_insn call(int32_t helper)
{
    return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

/* Jumps go to one of two places, which are filled in when the program is whole. */
enum { TO_SEND = 1000, TO_DROP };

static struct bpf_insn jump_if(int how, int dst, int src, int to)
{
    return insn(BPF_JMP | how, dst, src, to, 0);
}

static unsigned write_program(struct bpf_insn *p, int map, int32_t ask_tag)
{
    const struct bpf_insn begin[] = {move(R6, R1)};
    const struct bpf_insn tag[] = {
        insn(BPF_ST | BPF_MEM | BPF_W, R10, 0, -4, 0),
        move(R2, R10),
        add(R2, -4), /* where the type comes, as on the wire */
        move(R3, R10),
        add(R3, -2), /* and the tag, as the host has it */
        insn(BPF_JMP | BPF_CALL, 0, KFUNC_CALL, 0, ask_tag),
        jump_if(BPF_JNE | BPF_K, R0, 0, TO_SEND), /* there is none */
        move(R1, R6),
        constant(R2, -4),
        call(BPF_FUNC_xdp_adjust_head),
        jump_if(BPF_JNE | BPF_K, R0, 0, TO_DROP),
        load(BPF_W, R2, R6, offsetof(struct xdp_md, data)),
        load(BPF_W, R3, R6, offsetof(struct xdp_md, data_end)),
        move(R4, R2),
        add(R4, 18),
        jump_if(BPF_JGT | BPF_X, R4, R3, TO_DROP),
        load(BPF_W, R0, R2, 4), /* the addresses */
        store(BPF_W, R2, 0, R0),
        load(BPF_W, R0, R2, 8),
        store(BPF_W, R2, 4, R0),
        load(BPF_W, R0, R2, 12),
        store(BPF_W, R2, 8, R0),
        load(BPF_H, R0, R10, -4),
        store(BPF_H, R2, 12, R0),
        load(BPF_H, R0, R10, -2),
        insn(BPF_ALU | BPF_END | BPF_TO_BE, R0, 0, 0, 16),
        store(BPF_H, R2, 14, R0),
    };
    const struct bpf_insn end[] = {
        load(BPF_W, R2, R6, offsetof(struct xdp_md, rx_queue_index)),
        insn(BPF_LD | BPF_IMM | BPF_DW, R1, BPF_PSEUDO_MAP_FD, 0, map),
        insn(0, 0, 0, 0, 0),
        constant(R3, XDP_PASS), /* where no socket is */
        call(BPF_FUNC_redirect_map),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        constant(R0, XDP_DROP),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    unsigned n = 0, send, drop;

    memcpy(p, begin, sizeof(begin));
    n += sizeof(begin) / sizeof(*begin);
    if (ask_tag) {
        memcpy(p + n, tag, sizeof(tag));
        n += sizeof(tag) / sizeof(*tag);
    }
    send = n;
    memcpy(p + n, end, sizeof(end));
    n += sizeof(end) / sizeof(*end);
    drop = n - 2;
    if (!ask_tag)
        return drop; /* nobody jumps there, which the verifier would not have */
    for (unsigned i = 0; i < n; i++) {
        if (p[i].off == TO_SEND || p[i].off == TO_DROP)
            p[i].off = (int16_t)((p[i].off == TO_SEND ? send : drop) - i - 1);
    }
    return n;
}

/* ask_tag: the kernel's function; 0: a program that does not ask, for any device. */
static int load_program(int map, int ifindex, int32_t ask_tag)
{
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
    struct bpf_insn code[PROGRAM_MAX];
    unsigned n = write_program(code, map, ask_tag);

    if (ask_tag) {
        opts.prog_flags = DEV_BOUND;
        opts.prog_ifindex = (uint32_t)ifindex;
    }
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "beba_port", "Dual BSD/GPL", code, n, &opts);
}

/* The kernel's function that tells a tag; 0 where there is none. */
static int32_t find_ask_tag(void)
{
    struct btf *btf = btf__load_vmlinux_btf();
    int32_t id;

    if (!btf)
        return 0;
    id = btf__find_by_name_kind(btf, "bpf_xdp_metadata_rx_vlan_tag", BTF_KIND_FUNC);
    btf__free(btf);
    return id > 0 ? id : 0;
}

static int attach(struct beba_xdp_link *l, uint32_t flags, int32_t ask_tag)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
    int program = load_program(l->map, l->ifindex, ask_tag), link;

    if (program < 0)
        return program;
    link = bpf_link_create(program, l->ifindex, BPF_XDP, &opts);
    close(program);
    if (link < 0)
        return link;
    l->link = link;
    return 0;
}

static bool taken(int rc)
{
    return rc == -EBUSY || rc == -EEXIST;
}

static int attach_best(struct beba_xdp_link *l, enum beba_xdp_mode mode)
{
    int32_t ask_tag = mode == BEBA_XDP_GENERIC ? 0 : find_ask_tag();
    int rc = -EOPNOTSUPP;

    if (ask_tag) {
        rc = attach(l, XDP_FLAGS_DRV_MODE, ask_tag);
        l->tags = !rc;
    }
    if (rc && !taken(rc) && mode != BEBA_XDP_GENERIC)
        rc = attach(l, XDP_FLAGS_DRV_MODE, 0);
    l->mode = BEBA_XDP_NATIVE;
    if (!rc || taken(rc) || mode == BEBA_XDP_NATIVE)
        return rc;
    l->mode = BEBA_XDP_GENERIC;
    return attach(l, XDP_FLAGS_SKB_MODE, 0);
}

/* --- the interface -----------------------------------------------------------------------------
 */

static int ask(const struct beba_port *port, void *what)
{
    struct ifreq req = {.ifr_data = what};

    memcpy(req.ifr_name, port->name, strlen(port->name) + 1);
    return ioctl(port->control, SIOCETHTOOL, &req) ? -errno : 0;
}

static uint32_t count_queues(const struct beba_port *port)
{
    struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};

    if (ask(port, &c) || !(c.rx_count + c.combined_count))
        return 1;
    return c.rx_count + c.combined_count;
}

/* What a device takes off packets or joins them to, no program sees whole. */
static void switch_offloads_off(const struct beba_port *port, struct beba_xdp_link *l)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS}, gro = {.cmd = ETHTOOL_GGRO};
    uint32_t unwanted = l->tags ? 0 : ETH_FLAG_RXVLAN;

    if (l->mode == BEBA_XDP_GENERIC)
        unwanted |= ETH_FLAG_LRO;
    if (!ask(port, &v) && v.data & unwanted) {
        l->offloads = v.data & unwanted;
        v.cmd = ETHTOOL_SFLAGS;
        v.data &= ~unwanted;
        if (ask(port, &v))
            l->offloads = 0;
    }
    if (l->mode == BEBA_XDP_GENERIC && !ask(port, &gro) && gro.data) {
        gro = (struct ethtool_value){.cmd = ETHTOOL_SGRO};
        l->gro = !ask(port, &gro);
    }
}

static void switch_offloads_on(const struct beba_port *port, const struct beba_xdp_link *l)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS}, gro = {.cmd = ETHTOOL_SGRO, .data = 1};

    if (l->offloads && !ask(port, &v)) {
        v.cmd = ETHTOOL_SFLAGS;
        v.data |= l->offloads;
        ask(port, &v);
    }
    if (l->gro)
        ask(port, &gro);
}

static int make(struct beba_port *port, enum beba_xdp_mode mode, struct beba_xdp_link *l,
                struct beba_error *err)
{
    int rc;

    l->ifindex = port->ifindex;
    l->n_queues = count_queues(port);
    l->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "beba_port", 4, 4, l->n_queues, NULL);
    rc = l->map < 0 ? l->map : attach_best(l, mode);
    if (!rc) {
        switch_offloads_off(port, l);
        return 0;
    }
    if (taken(rc)) {
        beba_error_set(err, -EBUSY, "another XDP program is on the interface");
        beba_error_hint(err,
                        "ip link show dev %s tells which; an interface is one program's or one "
                        "switch's at a time",
                        port->name);
        return -EBUSY;
    }
    beba_error_set(err, rc, "cannot put an XDP program on the interface: %s", strerror(-rc));
    if (rc == -EPERM)
        beba_error_hint(err, "be root, or have CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF");
    else if (mode == BEBA_XDP_NATIVE)
        beba_error_hint(err, "its driver may not have XDP, or not with this MTU: mode=generic");
    return rc;
}

static void destroy(struct beba_xdp_link *l)
{
    if (l->link >= 0)
        close(l->link);
    if (l->map >= 0)
        close(l->map);
    free(l);
}

int beba_xdp_link_get(struct beba_port *port, enum beba_xdp_mode mode, struct beba_xdp_link **out,
                      struct beba_error *err)
{
    struct beba_xdp_link **list = &port->opts.group->xdp_links, *l = *list;
    int rc;

    while (l && l->ifindex != port->ifindex)
        l = l->next;
    if (!l) {
        l = calloc(1, sizeof(*l));
        if (!l)
            return beba_error_set(err, -ENOMEM, "out of memory");
        l->link = l->map = -1;
        rc = make(port, mode, l, err);
        if (rc) {
            destroy(l);
            return rc;
        }
        l->next = *list;
        *list = l;
    }
    l->refs++;
    *out = l;
    return 0;
}

void beba_xdp_link_put(struct beba_port *port, struct beba_xdp_link *link)
{
    struct beba_xdp_link **at = &port->opts.group->xdp_links;

    if (--link->refs)
        return;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    switch_offloads_on(port, link);
    destroy(link);
}
