/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Making a deployment and taking it away. docs/kernel.md says why in this order. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/internal.h"

static bool port_is_taken(const struct beba_kernel_port *port, unsigned n, uint32_t number)
{
    for (unsigned i = 0; i < n; i++)
        if (port[i].port == number)
            return true;
    return false;
}

/* Numbers the ports that have none. */
static int number_ports(const struct beba_kernel_opts *opts,
                        struct beba_kernel_port port[BEBA_KERNEL_DEVICES], struct beba_error *err)
{
    if (!opts->n_ports)
        return beba_error_set(err, -EINVAL, "no device to attach to");
    if (opts->n_ports > BEBA_KERNEL_DEVICES)
        return beba_error_set(err, -E2BIG, "%u devices; %d at most", opts->n_ports,
                              BEBA_KERNEL_DEVICES);
    for (unsigned i = 0; i < opts->n_ports; i++) {
        port[i] = opts->port[i];
        if (!port[i].port)
            continue;
        if (port_is_taken(port, i, port[i].port))
            return beba_error_set(err, -EINVAL, "two devices have the port %u", port[i].port);
    }
    for (unsigned i = 0; i < opts->n_ports; i++) {
        for (unsigned j = 0; j < i; j++)
            if (!strcmp(port[i].device, port[j].device))
                return beba_error_set(err, -EINVAL, "%s is named twice", port[i].device);
        for (uint32_t number = 1; !port[i].port; number++)
            if (!port_is_taken(port, opts->n_ports, number))
                port[i].port = number;
    }
    return 0;
}

static int find_devices(struct beba_kernel *k, const struct beba_kernel_opts *opts,
                        struct beba_error *err)
{
    for (unsigned i = 0; i < opts->n_ports; i++) {
        struct beba_kernel_device *d = &k->device[i];
        const char *name = opts->port[i].device;

        d->ifindex = if_nametoindex(name);
        if (!d->ifindex || strlen(name) >= sizeof(d->name)) {
            beba_error_set(err, -ENODEV, "there is no device %s in this network namespace", name);
            beba_error_hint(err, "ip link lists the devices");
            return -ENODEV;
        }
        memcpy(d->name, name, strlen(name) + 1);
        d->port = opts->port[i].port;
        d->hook = opts->hook;
    }
    k->n_devices = opts->n_ports;
    return 0;
}

static bool driver_is(const char *device, const char *driver)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (char *)&info};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is = false;

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    if (fd >= 0) {
        is = !ioctl(fd, SIOCETHTOOL, &request) && !strcmp(info.driver, driver);
        close(fd);
    }
    return is;
}

static bool verdict_sends(const struct beba_verdict *v)
{
    return v->kind == BEBA_VERDICT_OUTPUT || v->kind == BEBA_VERDICT_FLOOD;
}

static bool body_sends(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_MIRROR ||
            (s->kind == BEBA_STMT_VERDICT && verdict_sends(&s->verdict)) ||
            (s->kind == BEBA_STMT_IF && (body_sends(&s->then) || body_sends(&s->otherwise))))
            return true;
    }
    return false;
}

/* The program sends packets to ports of its choice. */
static bool sends_to_ports(const struct beba_pipeline *p)
{
    for (uint32_t i = 0; i < p->n_rules; i++)
        if (body_sends(&p->rule[i]->body))
            return true;
    for (uint32_t i = 0; i < p->n_tables; i++) {
        const struct beba_table *t = &p->table[i];

        if (verdict_sends(&t->dflt) || verdict_sends(&t->no_key) || verdict_sends(&t->full_verdict))
            return true;
    }
    return false;
}

/* What works, but not as one would think. */
static void warn_about(const struct beba_kernel *k, const struct beba_kernel_opts *opts)
{
    bool sends = sends_to_ports(k->p);

    for (unsigned i = 0; sends && i < k->n_devices; i++)
        if (opts->hook == BEBA_HOOK_XDP && driver_is(k->device[i].name, "veth"))
            beba_kernel_warn(
                opts,
                "frames that the program sends to %s arrive only if the other end of the "
                "pair runs XDP too, or has GRO on (ethtool -K PEER gro on)",
                k->device[i].name);
    if (sends && opts->hook == BEBA_HOOK_XDP_GENERIC)
        beba_kernel_warn(opts, "flood is slow in generic XDP: every copy is made anew");
}

static int make_dir(const char *root, const char *name, char dir[PATH_LEN], struct beba_error *err)
{
    snprintf(dir, PATH_LEN, "%s/%s", root, name);
    return mkdir(dir, 0700) ? beba_kernel_error(err, -errno, "write to the BPF file system") : 0;
}

static int pin_point(const struct point *point, const char *dir, struct beba_error *err)
{
    char name[64];

    if (point->link < 0)
        return 0; /* it is there already */
    beba_point_name(point->device, name);
    return beba_kernel_pin(point->link, dir, name, err);
}

/* From a loaded program to a deployment. */
static int deploy(struct beba_kernel *k, const struct beba_kernel_opts *opts,
                  struct beba_error *err)
{
    struct point point[BEBA_KERNEL_DEVICES];
    char fresh[BEBA_KERNEL_NAME + 8], from[PATH_LEN], to[PATH_LEN];
    bool one, named = false;
    unsigned n = 0;
    int rc;

    for (unsigned i = 0; i < BEBA_KERNEL_DEVICES; i++)
        point[i] = (struct point){&k->device[i], -1};
    snprintf(fresh, sizeof(fresh), "%s" NEW_SUFFIX, k->name);
    snprintf(to, sizeof(to), "%s/%s", k->root, k->name);
    rc = make_dir(k->root, fresh, from, err);
    if (rc)
        return rc;
    rc = beba_kernel_pin_all(k, from, err);
    for (; n < k->n_devices && !rc; n++)
        rc = beba_point_attach(k, from, &point[n], opts->share, err);
    one = n == 1 && point[0].link >= 0;
    if (!rc && one)
        rc = beba_gate_set(k->map[KMAP_NEXT].fd, k->prog[PROG_MAIN]);
    for (unsigned i = 0; i < n && !rc && !one; i++)
        rc = pin_point(&point[i], from, err);
    if (!rc && rename(from, to))
        rc = beba_kernel_error(err, -errno, "name the deployment");
    named = !rc;
    if (!rc && one)
        rc = pin_point(&point[0], to, err);
    else if (!rc)
        rc = beba_gate_set(k->map[KMAP_NEXT].fd, k->prog[PROG_MAIN]);
    for (unsigned i = 0; i < n; i++)
        if (point[i].link >= 0)
            close(point[i].link);
    if (rc) {
        if (err && !err->what[0])
            beba_kernel_error(err, rc, "start the program");
        beba_kernel_remove(k->root, named ? k->name : fresh, true, NULL);
    }
    return rc;
}

int beba_kernel_attach(const void *object, size_t size, const struct beba_pipeline *p,
                       const struct beba_kernel_opts *given, struct beba_error *err)
{
    struct beba_kernel_port port[BEBA_KERNEL_DEVICES];
    struct beba_kernel_opts opts = *given;
    char root[ROOT_MAX], name[BEBA_KERNEL_NAME];
    struct beba_kernel *k = NULL;
    struct beba_error none;
    int rc, lock = -1;

    err = err ? err : &none;
    memset(err, 0, sizeof(*err));
    opts.port = port;
    rc = beba_kernel_root(opts.root, root, err);
    if (!rc)
        rc = beba_kernel_name_of(opts.name, p, name, err);
    if (!rc)
        rc = number_ports(given, port, err);
    if (rc)
        return rc;
    lock = beba_kernel_lock(root, true, true, err);
    if (lock < 0)
        return lock;
    if (beba_kernel_is_there(root, name)) {
        rc = beba_error_set(err, -EEXIST, "%s is attached already", name);
        beba_error_hint(err, "beba replace %s, beba detach %s, or --name for another name", name,
                        name);
    }
    if (!rc)
        rc = beba_kernel_load_object(object, size, p, &opts, root, name, NULL, &k, err);
    if (!rc)
        rc = find_devices(k, &opts, err);
    if (!rc)
        rc = beba_gate_new(k, beba_hook_target((enum beba_kernel_hook)opts.hook), err);
    if (!rc)
        rc = beba_kernel_fill_ports(k, err);
    if (!rc)
        rc = deploy(k, &opts, err);
    if (!rc)
        warn_about(k, &opts);
    beba_kernel_close(k);
    close(lock);
    return rc;
}

int beba_kernel_detach(const char *given, const char *name, struct beba_error *err)
{
    char root[ROOT_MAX], good[BEBA_KERNEL_NAME];
    int rc = beba_kernel_root(given, root, err), lock;

    if (!rc)
        rc = beba_kernel_name_of(name, NULL, good, err);
    if (rc)
        return rc;
    lock = beba_kernel_lock(root, true, false, err);
    if (lock < 0)
        return lock;
    if (beba_kernel_is_there(root, good)) {
        rc = beba_kernel_remove(root, good, true, err);
    } else {
        rc = beba_error_set(err, -ENOENT, "%s is not attached", good);
        beba_error_hint(err, "beba show lists what is");
    }
    close(lock);
    return rc;
}
