/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "kernel/probe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/devices.h"
#include "kernel/kernel.h"

#ifdef BEBA_LIBBPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "kernel/internal.h"
#endif

enum { NEED_MAJOR = 5, NEED_MINOR = 17, BPF_FS = 0xcafe4a11, CAP_BPF_BIT = 39 };

__attribute__((format(printf, 3, 4))) static void say(struct beba_probe *p, unsigned outcome,
                                                      const char *fmt, ...)
{
    va_list ap;

    p->outcome = (uint8_t)outcome;
    va_start(ap, fmt);
    vsnprintf(p->text, sizeof(p->text), fmt, ap);
    va_end(ap);
}

static void hint(struct beba_probe *p, const char *text)
{
    snprintf(p->hint, sizeof(p->hint), "%s", text);
}

/* The first line of a file; false when it cannot be read. */
static bool first_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(out, (int)size, f);

    if (f)
        fclose(f);
    if (!ok)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return ok;
}

/* --- the kernel ---------------------------------------------------------------------------- */

static bool at_least(unsigned major, unsigned minor)
{
    struct utsname name;
    unsigned a, b;

    if (uname(&name) || sscanf(name.release, "%u.%u", &a, &b) != 2)
        return false;
    return a > major || (a == major && b >= minor);
}

static void probe_kernel(struct beba_probe *p)
{
    struct utsname name;

    if (uname(&name)) {
        say(p, BEBA_PROBE_UNKNOWN, "unknown");
    } else if (at_least(NEED_MAJOR, NEED_MINOR)) {
        say(p, BEBA_PROBE_OK, "%s %s %s", name.sysname, name.release, name.machine);
    } else {
        say(p, BEBA_PROBE_MISSING, "%s %s is older than %d.%d", name.sysname, name.release,
            NEED_MAJOR, NEED_MINOR);
        hint(p, "boot a newer kernel");
    }
}

static void probe_btf(struct beba_probe *p)
{
    if (!access("/sys/kernel/btf/vmlinux", R_OK)) {
        say(p, BEBA_PROBE_OK, "/sys/kernel/btf/vmlinux");
        return;
    }
    say(p, BEBA_PROBE_MISSING, "no /sys/kernel/btf/vmlinux: programs run, bpftool shows less");
    hint(p, "a kernel with CONFIG_DEBUG_INFO_BTF has it");
}

static void probe_lockdown(struct beba_probe *p)
{
    char text[128];

    if (!first_line("/sys/kernel/security/lockdown", text, sizeof(text)))
        say(p, access("/sys/kernel/security", F_OK) ? BEBA_PROBE_UNKNOWN : BEBA_PROBE_OK, "%s",
            access("/sys/kernel/security/lockdown", F_OK) ? "this kernel has none to see"
                                                          : "not to be read by this user");
    else if (strstr(text, "[confidentiality]")) {
        say(p, BEBA_PROBE_MISSING, "confidentiality: the kernel may refuse BPF programs");
        hint(p, "boot with lockdown=integrity, or none");
    } else {
        say(p, BEBA_PROBE_OK, "%s", text);
    }
}

static void probe_unprivileged(struct beba_probe *p)
{
    char text[16];

    if (!first_line("/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof(text)))
        say(p, BEBA_PROBE_UNKNOWN, "the kernel does not say");
    else
        say(p, BEBA_PROBE_OK, "%s",
            *text == '0' ? "BPF is open to every user; beba needs root all the same"
                         : "BPF is for root only, as is usual");
}

static void probe_jit(struct beba_probe *p)
{
    char text[16];

    if (!first_line("/proc/sys/net/core/bpf_jit_enable", text, sizeof(text))) {
        say(p, BEBA_PROBE_UNKNOWN, "not to be read by this user, or in this network namespace");
    } else if (*text == '0') {
        say(p, BEBA_PROBE_MISSING, "off: programs are interpreted, several times slower");
        hint(p, "sysctl net.core.bpf_jit_enable=1");
    } else {
        say(p, BEBA_PROBE_OK, "on");
    }
}

/* --- what the user may --------------------------------------------------------------------- */

static bool capabilities(unsigned long long *out)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    bool found = false;

    while (f && !found && fgets(line, sizeof(line), f))
        found = sscanf(line, "CapEff: %llx", out) == 1;
    if (f)
        fclose(f);
    return found;
}

static void probe_capabilities(struct beba_probe *p)
{
    static const struct {
        unsigned bit;
        const char *name;
    } wanted[] = {{CAP_BPF_BIT, "CAP_BPF"}, {12, "CAP_NET_ADMIN"}, {38, "CAP_PERFMON"}};
    unsigned long long have = 0;
    char missing[128] = "";
    bool admin;

    if (!capabilities(&have)) {
        say(p, BEBA_PROBE_UNKNOWN, "/proc/self/status is not to be read");
        return;
    }
    admin = have >> 21 & 1; /* CAP_SYS_ADMIN stands for the first and the last */
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        size_t n = strlen(missing);

        if (!(have >> wanted[i].bit & 1) && (wanted[i].bit == 12 || !admin))
            snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "", wanted[i].name);
    }
    if (!*missing) {
        say(p, BEBA_PROBE_OK, "enough to load and attach programs");
        return;
    }
    say(p, BEBA_PROBE_MISSING, "this process lacks %s", missing);
    hint(p, "run beba attach as root, or give the process these capabilities");
}

static void probe_memlock(struct beba_probe *p)
{
    struct rlimit limit;

    if (at_least(5, 11))
        say(p, BEBA_PROBE_OK, "memory of maps is not counted against it (since 5.11)");
    else if (getrlimit(RLIMIT_MEMLOCK, &limit))
        say(p, BEBA_PROBE_UNKNOWN, "unknown");
    else if (limit.rlim_cur == RLIM_INFINITY)
        say(p, BEBA_PROBE_OK, "unlimited");
    else {
        say(p, BEBA_PROBE_MISSING, "%llu KiB: maps must fit into it",
            (unsigned long long)limit.rlim_cur / 1024);
        hint(p, "ulimit -l unlimited");
    }
}

static void probe_bpffs(struct beba_probe *p)
{
    const char *given = getenv("BEBA_BPFFS"), *path = given && *given ? given : "/sys/fs/bpf";
    struct statfs fs;

    if (!statfs(path, &fs) && (uint32_t)fs.f_type == BPF_FS) {
        if (access(path, W_OK)) {
            say(p, BEBA_PROBE_MISSING, "%s is mounted, and not for this user to write", path);
            hint(p, "run as root");
        } else {
            say(p, BEBA_PROBE_OK, "mounted at %s", path);
        }
        return;
    }
    say(p, BEBA_PROBE_MISSING, "no BPF file system at %s", path);
    hint(p, given ? "mount -t bpf bpf DIR, and name DIR by BEBA_BPFFS"
                  : "beba attach mounts it as root, or: mount -t bpf bpf /sys/fs/bpf");
}

static void probe_af_xdp(struct beba_probe *p)
{
    int fd = socket(44 /* AF_XDP */, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        close(fd);
        say(p, BEBA_PROBE_OK, "sockets can be made, for ports xdp:NAME");
    } else if (errno == EPERM) {
        say(p, BEBA_PROBE_UNKNOWN, "needs CAP_NET_RAW to find out; for ports xdp:NAME");
    } else {
        say(p, BEBA_PROBE_MISSING, "this kernel has none, so no ports xdp:NAME");
    }
}

/* --- BPF ----------------------------------------------------------------------------------- */

#ifdef BEBA_LIBBPF

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
    (void)level;
    (void)fmt;
    (void)ap;
    return 0;
}

/* "r0 = 0; exit" */
static int load_trivial(enum bpf_prog_type type)
{
    const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
                                    {.code = BPF_JMP | BPF_EXIT}};
    int fd = bpf_prog_load(type, "beba_probe", "Dual BSD/GPL", code, 2, NULL);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static void probe_type(struct beba_probe *p, enum bpf_prog_type type, const char *what)
{
    int rc = load_trivial(type);

    if (!rc) {
        say(p, BEBA_PROBE_OK, "%s programs can be loaded", what);
    } else if (rc == -EPERM || rc == -EACCES) {
        say(p, BEBA_PROBE_UNKNOWN, "this user may not load programs");
        hint(p, "run beba doctor as root to find out");
    } else if (rc == -ENOSYS) {
        say(p, BEBA_PROBE_MISSING, "this kernel was built without BPF");
        hint(p, "a kernel with CONFIG_BPF_SYSCALL has it");
    } else {
        say(p, BEBA_PROBE_MISSING, "%s programs are refused: %s", what, strerror(-rc));
    }
}

static void probe_xdp(struct beba_probe *p)
{
    probe_type(p, BPF_PROG_TYPE_XDP, "XDP");
}

static void probe_tc(struct beba_probe *p)
{
    probe_type(p, BPF_PROG_TYPE_SCHED_CLS, "tc");
}

struct helper {
    enum bpf_func_id id;
    const char *name; /* and since when */
};

static void probe_helpers(struct beba_probe *p, enum bpf_prog_type type,
                          const struct helper *helper, unsigned n)
{
    char missing[256] = "";
    unsigned unknown = 0;

    for (unsigned i = 0; i < n; i++) {
        int rc = libbpf_probe_bpf_helper(type, helper[i].id, NULL);
        size_t used = strlen(missing);

        unknown += rc < 0;
        if (!rc)
            snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "",
                     helper[i].name);
    }
    if (load_trivial(type)) {
        say(p, BEBA_PROBE_UNKNOWN, "not to be found out by this user");
        hint(p, "run beba doctor as root to find out");
    } else if (*missing) {
        say(p, BEBA_PROBE_MISSING, "the kernel lacks %s", missing);
        hint(p, "boot a newer kernel");
    } else if (unknown) {
        say(p, BEBA_PROBE_UNKNOWN, "%u of %u could not be tried", unknown, n);
    } else {
        say(p, BEBA_PROBE_OK, "all %u that programs use", n);
    }
}

#define COMMON_HELPERS                                                                            \
    {BPF_FUNC_loop, "bpf_loop (5.17)"}, {BPF_FUNC_ringbuf_output, "ring buffers (5.8)"},          \
        {BPF_FUNC_ringbuf_reserve, "ring buffers (5.8)"}, {BPF_FUNC_ktime_get_ns, "ktime (4.1)"}, \
        {BPF_FUNC_tail_call, "tail calls (4.2)"},                                                 \
    {                                                                                             \
        BPF_FUNC_map_lookup_elem, "maps"                                                          \
    }

static void probe_xdp_helpers(struct beba_probe *p)
{
    static const struct helper helpers[] = {
        COMMON_HELPERS,
        {BPF_FUNC_redirect_map, "redirect_map (4.14)"},
        {BPF_FUNC_xdp_load_bytes, "xdp_load_bytes (5.18)"},
        {BPF_FUNC_xdp_adjust_head, "xdp_adjust_head (4.10)"},
    };

    probe_helpers(p, BPF_PROG_TYPE_XDP, helpers, sizeof(helpers) / sizeof(*helpers));
}

static void probe_tc_helpers(struct beba_probe *p)
{
    static const struct helper helpers[] = {
        COMMON_HELPERS,
        {BPF_FUNC_redirect, "redirect (4.4)"},
        {BPF_FUNC_clone_redirect, "clone_redirect (4.2)"},
        {BPF_FUNC_skb_load_bytes, "skb_load_bytes (4.5)"},
        {BPF_FUNC_skb_store_bytes, "skb_store_bytes (4.1)"},
        {BPF_FUNC_skb_vlan_push, "skb_vlan_push (4.3)"},
    };

    probe_helpers(p, BPF_PROG_TYPE_SCHED_CLS, helpers, sizeof(helpers) / sizeof(*helpers));
}

static void probe_maps(struct beba_probe *p)
{
    static const struct {
        enum bpf_map_type type;
        const char *name;
    } maps[] = {
        {BPF_MAP_TYPE_ARRAY, "arrays"},
        {BPF_MAP_TYPE_HASH, "hashes"},
        {BPF_MAP_TYPE_LPM_TRIE, "prefix tries (4.11)"},
        {BPF_MAP_TYPE_DEVMAP_HASH, "device maps (5.4)"},
        {BPF_MAP_TYPE_RINGBUF, "ring buffers (5.8)"},
        {BPF_MAP_TYPE_PROG_ARRAY, "program arrays (4.2)"},
    };
    char missing[256] = "";

    if (load_trivial(BPF_PROG_TYPE_XDP)) {
        say(p, BEBA_PROBE_UNKNOWN, "not to be found out by this user");
        hint(p, "run beba doctor as root to find out");
        return;
    }
    for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
        size_t used = strlen(missing);

        if (libbpf_probe_bpf_map_type(maps[i].type, NULL) == 0)
            snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "",
                     maps[i].name);
    }
    if (*missing) {
        say(p, BEBA_PROBE_MISSING, "the kernel lacks %s", missing);
        hint(p, "boot a newer kernel");
    } else {
        say(p, BEBA_PROBE_OK, "all that programs use");
    }
}

static void probe_tcx(struct beba_probe *p)
{
    if (at_least(6, 6))
        say(p, BEBA_PROBE_OK, "since 6.6: tc programs are attached by links");
    else
        say(p, BEBA_PROBE_OK, "not in this kernel (6.6 has it): clsact is used instead");
}

/* What libxdp's dispatcher needs: a program in the place of another one's function. */
static void probe_dispatcher(struct beba_probe *p)
{
    int rc;

    if (load_trivial(BPF_PROG_TYPE_XDP)) {
        say(p, BEBA_PROBE_UNKNOWN, "not to be found out by this user");
        hint(p, "run beba doctor as root to find out");
        return;
    }
    if (!beba_kernel_shares()) {
        say(p, BEBA_PROBE_MISSING, "no libxdp: beba attach --share is not there");
        return;
    }
    rc = beba_share_probe();
    if (!rc) {
        say(p, BEBA_PROBE_OK, "programs can share a device (beba attach --share)");
        return;
    }
    say(p, BEBA_PROBE_MISSING,
        "beba attach --share does not work: programs in the place of functions are refused: %s",
        strerror(-rc));
    hint(p, "they need CONFIG_BPF_JIT, CONFIG_DEBUG_INFO_BTF and an architecture with BPF "
            "trampolines (x86-64 since 5.6, arm64 since 6.0), and no policy that forbids them");
}

static void probe_libraries(struct beba_probe *p)
{
    if (beba_kernel_shares()) {
        say(p, BEBA_PROBE_OK, "libbpf %u.%u and libxdp", libbpf_major_version(),
            libbpf_minor_version());
        return;
    }
    p->needed = false;
    say(p, BEBA_PROBE_MISSING, "libbpf %u.%u; no libxdp: beba attach --share is not there",
        libbpf_major_version(), libbpf_minor_version());
    hint(p, "build beba with libxdp-dev installed");
}

#else

static void probe_libraries(struct beba_probe *p)
{
    say(p, BEBA_PROBE_MISSING, "beba was built without libbpf: no program goes into the kernel");
    hint(p, "build beba with libbpf-dev installed");
}

#endif

static const struct {
    const char *name;
    bool needed;
    void (*run)(struct beba_probe *p);
} checks[] = {
    {"kernel", true, probe_kernel},
    {"libraries", true, probe_libraries},
    {"capabilities", true, probe_capabilities},
    {"BPF file system", false, probe_bpffs},
#ifdef BEBA_LIBBPF
    {"XDP", true, probe_xdp},
    {"XDP helpers", true, probe_xdp_helpers},
    {"XDP dispatcher", false, probe_dispatcher},
    {"tc", false, probe_tc},
    {"tc helpers", false, probe_tc_helpers},
    {"tcx", false, probe_tcx},
    {"maps", true, probe_maps},
#endif
    {"JIT", false, probe_jit},
    {"BTF", false, probe_btf},
    {"memlock", false, probe_memlock},
    {"lockdown", false, probe_lockdown},
    {"unprivileged BPF", false, probe_unprivileged},
    {"AF_XDP", false, probe_af_xdp},
};

struct listener {
    beba_probe_fn fn;
    void *arg;
};

static void probe_device(void *arg, const struct beba_kernel_nic *d)
{
    const struct listener *to = arg;
    struct beba_probe p = {.needed = false};
    const char *driver = *d->driver ? d->driver : "no driver known";

    snprintf(p.name, sizeof(p.name), "device %s", d->name);
    if (d->loopback)
        say(&p, BEBA_PROBE_OK, "loopback: xdp-generic, tc");
    else if (d->native)
        say(&p, BEBA_PROBE_OK, "%s: xdp, xdp-generic, tc", driver);
    else
        say(&p, BEBA_PROBE_UNKNOWN, "%s: xdp-generic, tc; xdp if the driver has it", driver);
    to->fn(to->arg, &p);
}

void beba_kernel_probe(beba_probe_fn fn, void *arg)
{
    struct listener to = {fn, arg};

#ifdef BEBA_LIBBPF
    libbpf_print_fn_t before = libbpf_set_print(silent);
#endif
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        struct beba_probe p = {.needed = checks[i].needed};

        snprintf(p.name, sizeof(p.name), "%s", checks[i].name);
        checks[i].run(&p);
        fn(arg, &p);
    }
    beba_kernel_devices(probe_device, &to);
#ifdef BEBA_LIBBPF
    libbpf_set_print(before);
#endif
}
