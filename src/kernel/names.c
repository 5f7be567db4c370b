/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names of hooks, roots, deployments and attachments; the clock. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "kernel/internal.h"

static const struct {
    const char *name;
    enum beba_target target;
} hooks[BEBA_N_HOOKS] = {
    [BEBA_HOOK_XDP] = {"xdp", BEBA_TARGET_XDP},
    [BEBA_HOOK_XDP_GENERIC] = {"xdp-generic", BEBA_TARGET_XDP},
    [BEBA_HOOK_TC_INGRESS] = {"tc-ingress", BEBA_TARGET_TC},
    [BEBA_HOOK_TC_EGRESS] = {"tc-egress", BEBA_TARGET_TC},
};
static const struct {
    const char *name, *prefix;
} hows[BEBA_N_HOWS] = {
    [BEBA_HOW_LINK] = {"link", "link_"},
    [BEBA_HOW_FILTER] = {"filter", "filter_"},
    [BEBA_HOW_SHARED] = {"dispatcher", "share_"},
};

const char *beba_hook_name(enum beba_kernel_hook hook)
{
    return hook < BEBA_N_HOOKS ? hooks[hook].name : "?";
}

int beba_hook_find(const char *name)
{
    for (int i = 0; i < BEBA_N_HOOKS; i++)
        if (!strcmp(name, hooks[i].name))
            return i;
    return -1;
}

enum beba_target beba_hook_target(enum beba_kernel_hook hook)
{
    return hook < BEBA_N_HOOKS ? hooks[hook].target : BEBA_TARGET_INTERP;
}

const char *beba_how_name(enum beba_kernel_how how)
{
    return how < BEBA_N_HOWS ? hows[how].name : "?";
}

const char *beba_kernel_reason_name(unsigned reason)
{
    if (reason == BEBA_OBJECT_REASON_BUSY)
        return "busy";
    if (reason == BEBA_OBJECT_REASON_BROKEN)
        return "broken";
    return beba_reason_name((enum beba_reason)reason);
}

int beba_kernel_root(const char *given, char out[ROOT_MAX], struct beba_error *err)
{
    const char *root = given ? given : getenv("BEBA_BPFFS");
    size_t n;

    if (!root || !*root)
        root = "/sys/fs/bpf/beba";
    n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        n--;
    if (n + BEBA_KERNEL_NAME + 80 > ROOT_MAX || *root != '/') {
        beba_error_set(err, -EINVAL, "%s", *root != '/' ? "not a whole path" : "the path is long");
        beba_error_where(err, "%.200s", root);
        beba_error_hint(err, "BEBA_BPFFS is a directory in a BPF file system, from / on");
        return -EINVAL;
    }
    memcpy(out, root, n);
    out[n] = '\0';
    return 0;
}

int beba_kernel_name_of(const char *given, const struct beba_pipeline *p,
                        char out[BEBA_KERNEL_NAME], struct beba_error *err)
{
    const char *name = given ? given : p && p->name && *p->name ? p->name : "program";
    size_t n = strlen(name);

    if (n >= BEBA_KERNEL_NAME) {
        if (given)
            return beba_error_set(err, -EINVAL, "the name has %zu characters; %d at most", n,
                                  BEBA_KERNEL_NAME - 1);
        n = BEBA_KERNEL_NAME - 1;
    }
    for (size_t i = 0; i < n; i++) {
        bool good = isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-';

        if (!good && given)
            break;
        out[i] = good ? name[i] : '_';
        if (i + 1 == n) {
            out[n] = '\0';
            return 0;
        }
    }
    beba_error_set(err, -EINVAL, "'%s' cannot be the name of a deployment", name);
    beba_error_hint(err, "a name has letters, digits, '_' and '-'");
    return -EINVAL;
}

void beba_point_name(const struct beba_kernel_device *d, char out[64])
{
    int n = snprintf(out, 64, "%s%s_%u_", hows[d->how].prefix, hooks[d->hook].name, d->port);

    for (const char *s = d->name; *s && n < 63; s++)
        out[n++] = *s == '.' ? ':' : *s;
    out[n] = '\0';
}

bool beba_point_parse(const char *name, struct beba_kernel_device *out)
{
    unsigned long port;
    char *end;
    size_t n;

    memset(out, 0, sizeof(*out));
    for (out->how = 0; out->how < BEBA_N_HOWS; out->how++)
        if (!strncmp(name, hows[out->how].prefix, strlen(hows[out->how].prefix)))
            break;
    if (out->how == BEBA_N_HOWS)
        return false;
    name += strlen(hows[out->how].prefix);
    n = strcspn(name, "_");
    for (out->hook = 0; out->hook < BEBA_N_HOOKS; out->hook++)
        if (strlen(hooks[out->hook].name) == n && !memcmp(name, hooks[out->hook].name, n))
            break;
    if (out->hook == BEBA_N_HOOKS || name[n] != '_')
        return false;
    port = strtoul(name + n + 1, &end, 10);
    if (end == name + n + 1 || *end != '_' || !end[1] || strlen(end + 1) >= sizeof(out->name))
        return false;
    out->port = (uint32_t)port;
    memcpy(out->name, end + 1, strlen(end + 1) + 1);
    for (char *s = out->name; *s; s++)
        if (*s == ':')
            *s = '.';
    return true;
}

void beba_kernel_warn(const struct beba_kernel_opts *opts, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (!opts->warn)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    opts->warn(opts->warn_arg, text);
}

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return t.tv_sec * (int64_t)BEBA_NS_PER_SEC + t.tv_nsec;
}

uint64_t beba_kernel_now(void)
{
    return (uint64_t)read_clock(CLOCK_MONOTONIC);
}

int64_t beba_kernel_epoch(void)
{
    return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
}
