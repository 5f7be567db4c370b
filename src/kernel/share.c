/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Beside other XDP programs: the gate in libxdp's dispatcher. The dispatcher takes a program that
 * stands in for one of its functions, which only an object with types can be loaded as: the
 * object's own beba_gate, with the running gate's beba_next. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "kernel/internal.h"

#ifdef BEBA_LIBXDP
#include <xdp/libxdp.h>

#include "kernel/gate.bpf.h" /* made from gate.bpf.c */

bool beba_kernel_shares(void)
{
    return true;
}

static int quiet(enum libxdp_print_level level, const char *fmt, va_list ap)
{
    (void)level;
    (void)fmt;
    (void)ap;
    return 0;
}

/* libxdp gives -errno in a pointer. */
static int failed(const void *p)
{
    return p ? (int)libxdp_get_error(p) : -ENOENT;
}

static enum xdp_attach_mode mode_of(const struct beba_kernel_device *d)
{
    return d->hook == BEBA_HOOK_XDP ? XDP_MODE_NATIVE : XDP_MODE_SKB;
}

static int explain(const struct beba_kernel *k, const struct beba_kernel_device *d, int rc,
                   struct beba_error *err)
{
    if (rc == -EBUSY || rc == -EEXIST)
        return beba_point_busy(d, k->root, err);
    if (rc == -EOPNOTSUPP) {
        beba_error_set(err, rc,
                       "libxdp cannot attach its dispatcher to %s: the driver has no XDP "
                       "of its own, or the kernel lacks what it needs",
                       d->name);
        beba_error_hint(err, "use --hook xdp-generic");
        return rc;
    }
    if (rc == -ENOENT) {
        beba_error_set(err, rc, "libxdp does not find its dispatcher or the BPF file system");
        beba_error_hint(err, "install libxdp1; LIBXDP_BPFFS says where the file system is when it "
                             "is not /sys/fs/bpf");
        return rc;
    }
    return beba_kernel_error(err, rc, "attach through libxdp");
}

/* The gate from the object; as: instead of the gate of that program. */
static int load_gate(struct bpf_object **out, int as)
{
    LIBBPF_OPTS(bpf_object_open_opts, open, .object_name = "beba_gate");
    struct bpf_program *gate;
    int rc;

    *out = bpf_object__open_mem(gate_object, sizeof(gate_object), &open);
    gate = *out ? bpf_object__find_program_by_name(*out, "beba_gate") : NULL;
    if (!gate)
        return -ENOENT;
    rc = bpf_program__set_expected_attach_type(gate, 0);
    if (!rc && as >= 0)
        rc = bpf_program__set_type(gate, BPF_PROG_TYPE_EXT);
    if (!rc && as >= 0)
        rc = bpf_program__set_attach_target(gate, as, "beba_gate");
    return rc ? rc : bpf_object__load(*out);
}

int beba_share_probe(void)
{
    struct bpf_object *gate = NULL, *other = NULL;
    int rc = load_gate(&gate, -1);

    if (!rc)
        rc = load_gate(&other, bpf_program__fd(bpf_object__next_program(gate, NULL)));
    bpf_object__close(other);
    bpf_object__close(gate);
    return rc;
}

/* Where the kernel cannot run the dispatcher, libxdp attaches the program alone. */
static int check_dispatcher(struct xdp_program *prog, const struct beba_kernel_device *d,
                            struct beba_error *err)
{
    struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex((int)d->ifindex);
    bool alone = failed(all) || xdp_multiprog__is_legacy(all);
    int rc;

    if (!failed(all))
        xdp_multiprog__close(all);
    if (!alone)
        return 0;
    xdp_program__detach(prog, (int)d->ifindex, mode_of(d), 0);
    rc = beba_share_probe();
    beba_error_set(err, -EOPNOTSUPP, "this kernel does not run libxdp's dispatcher%s%s",
                   rc ? ": programs in the place of functions are refused: " : "",
                   rc ? strerror(-rc) : "");
    beba_error_hint(err, "'xdp-loader load -vv' tells why; without --share the program has the "
                         "device for itself");
    return -EOPNOTSUPP;
}

int beba_share_attach(const struct beba_kernel *k, const struct beba_kernel_device *d,
                      struct beba_error *err)
{
    LIBBPF_OPTS(bpf_object_open_opts, open, .object_name = "beba_gate");
    DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = "beba_gate");
    struct xdp_program *prog = NULL;
    struct bpf_program *gate;
    struct bpf_object *object;
    struct bpf_map *map;
    int rc;

    libxdp_set_print(quiet);
    object = bpf_object__open_mem(gate_object, sizeof(gate_object), &open);
    if (!object)
        return beba_kernel_error(err, -errno, "open the gate");
    map = bpf_object__find_map_by_name(object, "beba_next");
    gate = bpf_object__find_program_by_name(object, "beba_gate");
    rc = map && gate ? bpf_map__reuse_fd(map, k->map[KMAP_NEXT].fd) : -ENOENT;
    if (!rc)
        rc = bpf_program__set_expected_attach_type(gate, 0); /* as that of what it jumps to */
    if (!rc) {
        opts.obj = object;
        prog = xdp_program__create(&opts);
        rc = failed(prog);
    }
    if (!rc)
        rc = xdp_program__attach(prog, (int)d->ifindex, mode_of(d), 0);
    if (rc)
        explain(k, d, rc, err);
    else
        rc = check_dispatcher(prog, d, err);
    if (prog && !libxdp_get_error(prog))
        xdp_program__close(prog);
    bpf_object__close(object);
    return rc;
}

/* The program uses this map. */
static bool uses(int prog_fd, uint32_t map_id)
{
    uint32_t ids[4] = {0}, size;
    struct bpf_prog_info info = {.nr_map_ids = 4, .map_ids = (uint64_t)(uintptr_t)ids};

    size = sizeof(info);
    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
        return false;
    for (uint32_t i = 0; i < info.nr_map_ids && i < 4; i++)
        if (ids[i] == map_id)
            return true;
    return false;
}

static uint32_t next_id(const char *dir)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);
    char path[PATH_LEN];
    int fd, rc;

    snprintf(path, sizeof(path), "%s/beba_next", dir);
    fd = bpf_obj_get(path);
    if (fd < 0)
        return 0;
    rc = bpf_obj_get_info_by_fd(fd, &info, &size);
    close(fd);
    return rc ? 0 : info.id;
}

int beba_share_detach(const char *dir, const struct beba_kernel_device *d)
{
    uint32_t ifindex = if_nametoindex(d->name), id = next_id(dir);
    struct xdp_multiprog *all;
    struct xdp_program *prog = NULL;
    int rc = 0;

    if (!ifindex || !id)
        return 0;
    libxdp_set_print(quiet);
    all = xdp_multiprog__get_from_ifindex((int)ifindex);
    if (failed(all))
        return 0; /* nothing there */
    if (xdp_multiprog__is_legacy(all)) {
        xdp_multiprog__close(all);
        return 0; /* somebody else's, that cannot be shared */
    }
    while ((prog = xdp_multiprog__next_prog(prog, all))) {
        if (!uses(xdp_program__fd(prog), id))
            continue;
        rc = xdp_program__detach(prog, (int)ifindex, xdp_multiprog__attach_mode(all), 0);
        break;
    }
    xdp_multiprog__close(all);
    return rc;
}

#else

bool beba_kernel_shares(void)
{
    return false;
}

int beba_share_probe(void)
{
    return -ENOTSUP;
}

int beba_share_attach(const struct beba_kernel *k, const struct beba_kernel_device *d,
                      struct beba_error *err)
{
    (void)k;
    (void)d;
    beba_error_set(err, -ENOTSUP, "this beba was built without libxdp, which shares devices");
    beba_error_hint(err, "build it with libxdp-dev and clang installed");
    return -ENOTSUP;
}

int beba_share_detach(const char *dir, const struct beba_kernel_device *d)
{
    (void)dir;
    (void)d;
    return 0;
}

#endif
