/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the gate is attached: links of XDP and tcx, filters of clsact. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/internal.h"

enum { TCX_INGRESS = 46, TCX_EGRESS = 47 }; /* enum bpf_attach_type, of Linux 6.6 */

static bool is_tc(const struct beba_kernel_device *d)
{
    return d->hook == BEBA_HOOK_TC_INGRESS || d->hook == BEBA_HOOK_TC_EGRESS;
}

/* BPF_LINK_CREATE itself: the library may be older than tcx. */
static int link_create(int prog, uint32_t ifindex, uint32_t type, uint32_t flags)
{
    union bpf_attr attr;
    long fd;

    memset(&attr, 0, sizeof(attr));
    attr.link_create.prog_fd = (uint32_t)prog;
    attr.link_create.target_ifindex = ifindex;
    attr.link_create.attach_type = type;
    attr.link_create.flags = flags;
    fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
    return fd < 0 ? -errno : (int)fd;
}

static uint32_t program_id(int fd)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);

    return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

static enum bpf_tc_attach_point tc_point(const struct beba_kernel_device *d)
{
    return d->hook == BEBA_HOOK_TC_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

/* Filters are told apart by their handle: the number of the gate. */
static int filter_attach(const struct beba_kernel *k, const char *dir, struct point *point,
                         struct beba_error *err)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)point->device->ifindex,
                .attach_point = tc_point(point->device));
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = k->prog[PROG_GATE], .priority = GATE_PRIORITY,
                .handle = program_id(k->prog[PROG_GATE]));
    char name[64];
    int rc;

    point->device->how = BEBA_HOW_FILTER;
    beba_point_name(point->device, name);
    rc = beba_kernel_pin(k->prog[PROG_GATE], dir, name, err);
    if (rc)
        return rc;
    rc = bpf_tc_hook_create(&hook);
    if (rc && rc != -EEXIST)
        return beba_kernel_error(err, rc, "make the qdisc clsact");
    rc = bpf_tc_attach(&hook, &opts);
    return rc ? beba_kernel_error(err, rc, "attach a filter") : 0;
}

static void explain_xdp(const struct beba_kernel_device *d, int rc, struct beba_error *err)
{
    bool native = d->hook == BEBA_HOOK_XDP;

    switch (-rc) {
    case EOPNOTSUPP:
        beba_error_set(err, rc, "the driver of %s has no XDP of its own", d->name);
        beba_error_hint(err, "use --hook xdp-generic, which runs on every device");
        return;
    case ERANGE:
    case EINVAL:
        beba_error_set(err, rc, "the driver of %s refuses XDP as the device is set up now: %s",
                       d->name,
                       rc == -ERANGE ? "its MTU, or its peer's, is too large"
                                     : "most often its MTU is too large");
        beba_error_hint(err, "ip link set %s mtu 1500%s", d->name,
                        native ? "; or use --hook xdp-generic" : "");
        return;
    default:
        beba_kernel_error(err, rc, native ? "attach XDP" : "attach generic XDP");
        if (native && rc == -ENOMEM)
            beba_error_hint(err, "the driver wants memory or queues that are not there: fewer "
                                 "channels (ethtool -L), or --hook xdp-generic");
    }
}

static int xdp_attach(const struct beba_kernel *k, struct point *point, struct beba_error *err)
{
    struct beba_kernel_device *d = point->device;
    uint32_t flags = d->hook == BEBA_HOOK_XDP ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    int rc = link_create(k->prog[PROG_GATE], d->ifindex, BPF_XDP, flags);

    d->how = BEBA_HOW_LINK;
    if (rc >= 0) {
        point->link = rc;
        return 0;
    }
    if (rc == -EBUSY || rc == -EEXIST)
        return beba_point_busy(d, k->root, err);
    explain_xdp(d, rc, err);
    return rc;
}

static int tc_attach(const struct beba_kernel *k, const char *dir, struct point *point,
                     struct beba_error *err)
{
    struct beba_kernel_device *d = point->device;
    int rc = link_create(k->prog[PROG_GATE], d->ifindex,
                         d->hook == BEBA_HOOK_TC_INGRESS ? TCX_INGRESS : TCX_EGRESS, 0);

    d->how = BEBA_HOW_LINK;
    if (rc >= 0) {
        point->link = rc;
        return 0;
    }
    if (rc == -EINVAL || rc == -EOPNOTSUPP || rc == -ENOSYS) /* before 6.6 */
        return filter_attach(k, dir, point, err);
    if (rc == -ERANGE) {
        beba_error_set(err, rc, "%s has no room for one more program", d->name);
        return rc;
    }
    return beba_kernel_error(err, rc, "attach to tc");
}

int beba_point_attach(const struct beba_kernel *k, const char *dir, struct point *point, bool share,
                      struct beba_error *err)
{
    struct beba_kernel_device *d = point->device;
    char name[64];
    int rc;

    point->link = -1;
    if (is_tc(d)) {
        rc = tc_attach(k, dir, point, err);
    } else if (!share) {
        rc = xdp_attach(k, point, err);
    } else { /* noted first: it stays when the process does not */
        d->how = BEBA_HOW_SHARED;
        beba_point_name(d, name);
        rc = beba_kernel_pin(k->prog[PROG_GATE], dir, name, err);
        if (!rc)
            rc = beba_share_attach(k, d, err);
    }
    if (rc && err && !err->where[0])
        beba_error_where(err, "%s", d->name);
    return rc;
}

static int filter_detach(const char *dir, const char *name, const struct beba_kernel_device *d)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(d->name),
                .attach_point = tc_point(d));
    LIBBPF_OPTS(bpf_tc_opts, opts, .priority = GATE_PRIORITY,
                .handle = beba_pinned_program(dir, name));
    int rc;

    if (!hook.ifindex || !opts.handle)
        return 0;
    rc = bpf_tc_detach(&hook, &opts);
    return rc == -ENOENT || rc == -EINVAL ? 0 : rc;
}

/* A link that is only unpinned ends a while later; who detaches wants it to be over. */
static void link_end(const char *path)
{
    int fd = bpf_obj_get(path);

    if (fd < 0)
        return;
    bpf_link_detach(fd);
    close(fd);
}

int beba_point_detach(const char *dir, const char *name)
{
    struct beba_kernel_device d;
    char path[PATH_LEN];
    int rc = 0;

    if (!beba_point_parse(name, &d))
        return 0;
    if (d.how == BEBA_HOW_FILTER)
        rc = filter_detach(dir, name, &d);
    else if (d.how == BEBA_HOW_SHARED)
        rc = beba_share_detach(dir, &d);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (d.how == BEBA_HOW_LINK)
        link_end(path);
    if (!rc && unlink(path) && errno != ENOENT)
        rc = -errno;
    return rc;
}

/* Who is there -------------------------------------------------------------------------------- */

struct search {
    const char *root, *device;
    char found[BEBA_KERNEL_NAME];
    char in[BEBA_KERNEL_NAME];
};

static int search_point(void *arg, const char *name)
{
    struct search *s = arg;
    struct beba_kernel_device d;

    if (beba_point_parse(name, &d) && !is_tc(&d) && !strcmp(d.name, s->device))
        memcpy(s->found, s->in, sizeof(s->found));
    return 0;
}

static int search_deployment(void *arg, const char *name)
{
    struct search *s = arg;
    char dir[PATH_LEN];

    if (strlen(name) >= sizeof(s->in) || strchr(name, '~') || !beba_kernel_is_there(s->root, name))
        return 0;
    memcpy(s->in, name, strlen(name) + 1);
    snprintf(dir, sizeof(dir), "%s/%s", s->root, name);
    return beba_kernel_each(dir, search_point, s);
}

int beba_point_busy(const struct beba_kernel_device *d, const char *root, struct beba_error *err)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, q);
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    struct search s = {.root = root, .device = d->name};
    bool native = d->hook == BEBA_HOOK_XDP, other_mode;
    int fd;

    if (bpf_xdp_query((int)d->ifindex, 0, &q))
        return beba_error_set(err, -EBUSY, "%s already runs a program", d->name);
    other_mode = native ? q.skb_prog_id && !q.drv_prog_id : q.drv_prog_id && !q.skb_prog_id;
    fd = bpf_prog_get_fd_by_id(q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id);
    if (fd >= 0) {
        bpf_obj_get_info_by_fd(fd, &info, &size);
        close(fd);
    }
    if (!strcmp(info.name, "beba_gate"))
        beba_kernel_each(root, search_deployment, &s);
    if (s.found[0]) {
        beba_error_set(err, -EBUSY, "%s already runs %s", d->name, s.found);
        beba_error_hint(err, "beba replace %s, or beba detach %s", s.found, s.found);
        return -EBUSY;
    }
    beba_error_set(err, -EBUSY, "%s already runs the XDP program %s (id %u)%s", d->name,
                   info.name[0] ? info.name : "without a name", info.id,
                   !other_mode ? ""
                   : native    ? " in generic mode, which excludes native"
                               : " in native mode, which excludes generic");
    if (!strncmp(info.name, "xdp_dispatcher", 14))
        beba_error_hint(err, "--share puts this one beside it");
    else
        beba_error_hint(err, "take it away first: ip link set %s xdp%s off, or bpftool link detach",
                        d->name, native == other_mode ? "generic" : "");
    return -EBUSY;
}
