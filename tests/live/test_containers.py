# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two containers on a host that routes between them, and programs on the host's ends of their cables.

    web                              host                                 guest
    10.0.1.2  eth0 ------ veth1 10.0.1.1   10.0.2.1 veth2 ------ eth0  10.0.2.2
    tcp 80, tcp 22        ( gate )                  ( gate )

First through tcx; then as on a kernel before 6.6, with filters of clsact.
"""

import os
import shutil

import pytest

import net as live

# Guests may reach port 80, three connections each; what the web server itself opens is let out.
EGRESS = """machine guarded {
    key connection
    capacity 10k when full refuse -> drop
    without key -> pass

    state closed {
        on tcp.syn && !tcp.ack && tcp.dst == 80 { count opened; goto open; pass }
        on udp { count datagrams; ip.ttl = 77; pass }
        else { count refused; drop }
    }
    state open idle 10s -> closed {
        always { pass }
    }
}
"""

# Sees what the guest sends; counts by source, marks with a DSCP, drops what is not TCP to port 80 or UDP.
INGRESS = """machine marked {
    key ip.src
    reg n : u64
    without key -> pass

    state start {
        on tcp.dst == 80 || udp { n += 1; ip.dscp = 10; pass }
        else { drop }
    }
}
"""

OLD_KERNEL = """/* A kernel without tcx: links to its hooks are not to be had. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <sys/syscall.h>

enum { TCX_FIRST = 46, TCX_LAST = 47 };

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list args;

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_bpf && a[0] == BPF_LINK_CREATE) {
        const union bpf_attr *attr = (const void *)a[1];

        if (attr->link_create.attach_type >= TCX_FIRST && attr->link_create.attach_type <= TCX_LAST) {
            errno = EINVAL;
            return -1;
        }
    }
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
"""


@pytest.fixture
def containers(net):
    box = net.host("box")
    web, guest = net.host("web"), net.host("guest")
    box.sysctl("ipv4/ip_forward", 1)
    for n, host in ((1, web), (2, guest)):
        net.cable(box, f"veth{n}", host, "eth0")
        box.address(f"veth{n}", f"10.0.{n}.1/24")
        host.address("eth0", f"10.0.{n}.2/24")
        host.route("default", "via", f"10.0.{n}.1")
    return box, web, guest


# A sanitizer's runtime wants to be loaded before anything else.
HOWS = ["link"] if "BEBA_TEST_SLOW" in os.environ else ["link", "filter"]


@pytest.fixture(params=HOWS)
def how(request, net, tmp_path):
    """How a program is held at the hook."""
    if request.param == "filter":
        source, shim = tmp_path / "old_kernel.c", tmp_path / "old_kernel.so"
        source.write_text(OLD_KERNEL)
        live.run(shutil.which("gcc") or "clang", "-shared", "-fPIC", "-o", shim, source, "-ldl")
        net.env["LD_PRELOAD"] = str(shim)
    return request.param


def test_both_directions(containers, written, how):
    box, web, guest = containers
    web.serve("10.0.1.2", 80, b"web ")
    web.serve("10.0.1.2", 22, b"sshd ")
    assert guest.connect("10.0.1.2", 22, 3)

    box.beba("attach", written("guarded", EGRESS), "--dev", "veth1", "--hook", "tc-egress")
    box.beba("attach", written("marked", INGRESS), "--dev", "veth2", "--hook", "tc-ingress")
    programs = {p["name"]: p["devices"][0] for p in box.beba("show", "--json").json["programs"]}
    assert {name: (d["device"], d["hook"], d["by"]) for name, d in programs.items()} == {
        "guarded": ("veth1", "tc-egress", how), "marked": ("veth2", "tc-ingress", how)}

    tap = web.tap("eth0")
    visitor = guest.connect("10.0.1.2", 80, 5)
    assert visitor and live.ask(visitor) == b"web "
    assert guest.connect("10.0.1.2", 22, 0.3) is None, "stopped where it came in"
    assert web.connect("10.0.2.2", 7, 1) is None, "nobody there"
    box_made = box.connect("10.0.1.2", 22, 0.3)
    assert box_made is None, "stopped where it goes out"

    with guest.udp() as s:
        s.sendto(b"marked by both", ("10.0.1.2", 9))
    seen = tap.until(lambda f: f[42:] == b"marked by both")
    packets = [f for f in seen if f[12:14] == b"\x08\0" and f[26:30] == bytes([10, 0, 2, 2])]
    assert all(f[15] >> 2 == 10 for f in packets), "DSCP by the first"
    assert packets[-1][22] == 77, "TTL by the second"
    assert live.checksum(packets[-1][14:34]) == 0, "of the header"

    [flow] = box.flows("marked")
    counters = box.counters("marked")
    assert flow["registers"]["n"] == counters.rule("marked", "start", "on tcp.dst == 80") >= 5
    assert counters.rule("marked", "start", "else") >= 1
    guarded = box.counters("guarded")
    assert guarded.named("opened") == 1 and guarded.named("refused") >= 1
    assert guarded.named("datagrams") == 1
    assert guarded.clean() and counters.clean()

    # The other one stays when one goes, and the connection does not break.
    box.beba("detach", "marked")
    assert live.ask(visitor) == b"web "
    assert guest.connect("10.0.1.2", 22, 0.3) is None, "guarded is there"
    box.beba("detach", "guarded")
    assert live.ask(visitor) == b"web "
    assert guest.connect("10.0.1.2", 22, 3)
    for device in ("veth1", "veth2"):
        for direction in ("ingress", "egress"):
            left = box.run("tc", "filter", "show", "dev", device, direction, check=False,
                           stdin=b"").stdout
            assert b"beba" not in left
