# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Attaching, looking, detaching: every hook; and nothing is left."""

import json
import os
import subprocess

import pytest
from conftest import COUNTED, PLAIN, WIRE, received, udp


def nothing_left(net, dev="a0"):
    assert net.left() == []
    assert net.xdp(dev) is None and net.tc(dev) == []
    assert net.ok("show").text == "nothing is attached\n"


@pytest.mark.parametrize("hook,flag", [("xdp", "xdp"), ("xdp-generic", "xdpgeneric")])
def test_xdp(pair, hook, flag):
    """
        test --- b0 ======= a0 [program, XDP]
    """
    r = pair.ok("attach", pair.object("counted", COUNTED), "--dev", "a0", "--hook", hook)
    assert "1000 flows x 40 bytes, " in r.text
    assert f"counted: attached to a0, port 1, by {hook}\n" in r.text
    assert pair.xdp("a0") == "beba_gate"
    link = json.loads(pair.ip("-d", "-j", "link", "show", "a0"))[0]["xdp"]["mode"]
    assert link == {"xdp": 1, "xdp-generic": 2}[hook]
    with pair.socket("a0") as s:
        pair.send("b0", *[udp("10.0.0.1", 7)] * 3, udp("10.0.0.2", 9), udp("10.9.1.1", 7))
        assert len(received(s)) == 3
    j = pair.ok("show", "--json").json["programs"]
    assert [p["name"] for p in j] == ["counted"] and j[0]["target"] == "xdp"
    assert j[0]["devices"] == [{"device": "a0", "port": 1, "hook": hook, "by": "link", "gone": False}]
    flow, = pair.ok("show", "flows", "counted", "--json").json["programs"][0]["flows"]
    assert flow["key"] == "ip4.src=10.0.0.1" and flow["state"] == "seen"
    assert flow["registers"] == {"n": 2} and 0 < flow["timeout_in"] <= 60 * 10**9
    counters, = pair.ok("show", "counters", "--json").json["programs"]
    assert counters["packets"] == 5 and counters["verdicts"]["drop"] == 2
    assert counters["machines"][0]["states"] == {"fresh": 0, "seen": 1}
    assert counters["counters"]["refused"]["packets"] == 1 and counters["globals"]["total"] == 1
    assert pair.ok("show", "sets").text == "counted:\n  set blocked: 1 element\n    10.9.0.0/16\n"
    assert pair.ok("show", "globals", "--json").json["programs"][0]["globals"] == {"total": 1}
    events = pair.ok("show", "events", "--json").json["events"]
    assert [e["kind"] for e in events] == ["entered", "notify"]
    assert events[1]["fields"] == {"ip4.src": "10.0.0.1", "n": 2}
    assert pair.ok("detach", "counted").text == "counted: detached\n"
    nothing_left(pair)


@pytest.mark.parametrize("hook", ["tc-ingress", "tc-egress"])
def test_tc(pair, hook):
    """
        test --- b0 ======= a0 [program, tc] --- test
    """
    pair.ok("attach", pair.object("plain", PLAIN, "tc"), "--dev", "a0", "--hook", hook)
    assert pair.xdp("a0") is None
    assert len(pair.tc("a0")) == 1
    near, far = ("a0", "b0") if hook == "tc-egress" else ("b0", "a0")
    pair.send(near, udp("10.0.0.1", 7), udp("10.0.0.1", 9), udp("10.0.0.1", 7))
    counters, = pair.ok("show", "counters", "--json").json["programs"]
    assert counters["verdicts"]["drop"] == 2 and counters["verdicts"]["pass"] >= 1
    assert counters["counters"]["seven"]["packets"] == 2
    if hook == "tc-egress":
        with pair.socket(far) as s:
            pair.send(near, udp("10.0.0.1", 7), udp("10.0.0.1", 9))
            assert [f[36:38] for f in received(s)] == [b"\0\x09"]
    pair.ok("detach", "--dev", "a0")
    nothing_left(pair)


OLD_KERNEL = r"""
#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
static int is_tcx(long number, long command, const unsigned *attr)
{
    return number == SYS_bpf && command == 28 && (attr[2] == 46 || attr[2] == 47);
}
long syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long (*next)(long, ...) = (long (*)(long, ...))dlsym((void *)-1l, "syscall");
    if (is_tcx(number, a, (const unsigned *)b)) { errno = EINVAL; return -1; }
    return next(number, a, b, c, d, e, f);
}
"""


@pytest.mark.parametrize("hook", ["tc-ingress", "tc-egress"])
def test_without_tcx(pair, hook):
    """
        test --- b0 === a0 [program, filter of clsact], as on a kernel before 6.6
    """
    shim = pair.directory + "/old.so"
    if subprocess.run(["cc", "-shared", "-fPIC", "-w", "-xc", "-", "-o", shim],
                      input=OLD_KERNEL.encode()).returncode:
        pytest.skip("no C compiler")
    if "BEBA_SANITIZED" in os.environ:
        return  # a sanitizer's runtime wants to be loaded before anything else
    path = pair.object("plain", PLAIN, "tc")
    r = pair.beba("attach", path, "--dev", "a0", "--hook", hook, env={"LD_PRELOAD": shim})
    assert r.code == 0, r.err
    assert pair.ok("show", "--json").json["programs"][0]["devices"][0]["by"] == "filter"
    near = "a0" if hook == "tc-egress" else "b0"
    pair.send(near, udp("10.0.0.1", 7), udp("10.0.0.1", 9))
    counters, = pair.ok("show", "counters", "--json").json["programs"]
    assert counters["verdicts"]["drop"] == 1 and counters["verdicts"]["pass"] >= 1
    pair.ok("replace", "plain", pair.object("plain", PLAIN.replace("== 7", "== 9"), "tc"))
    pair.send(near, udp("10.0.0.1", 7), udp("10.0.0.1", 9), udp("10.0.0.1", 9))
    counters, = pair.ok("show", "counters", "--json").json["programs"]
    assert counters["verdicts"]["drop"] == 3
    assert len(pair.tc("a0")) == 1
    pair.ok("detach", "plain")
    nothing_left(pair)


def test_object_for_tc_goes_to_tc(pair):
    """
        a0 [program, tc]
    """
    pair.ok("attach", pair.object("plain", PLAIN, "tc"), "--dev", "a0")
    assert pair.ok("show", "--json").json["programs"][0]["devices"][0]["hook"] == "tc-ingress"
    pair.ok("detach", "--all")
    nothing_left(pair)


def test_ports(net):
    """
        test --- b0 === a0 [port 1]    XDP on b0 and b1, too, so that
                          program      frames to their peers arrive
        test --- b1 === a1 [port 2]
    """
    passing = net.object("passing", "machine m {\n    always { pass }\n}\n")
    net.ok("attach", passing, "--dev", "b0", "--dev", "b1")
    r = net.ok("attach", net.object("wire", WIRE), "--dev", "a1=2", "--dev", "a0")
    assert "GRO" in r.err and "a0, port 1" in r.text and "a1, port 2" in r.text
    with net.socket("b1") as s:
        net.send("b0", *[udp("10.0.0.1", 7)] * 3)
        assert len(received(s)) == 3
    with net.socket("b0") as s:
        net.send("b1", *[udp("10.0.0.1", 7)] * 2)
        assert len(received(s)) == 2
    assert net.ok("detach", "wire", "passing").text == "wire: detached\npassing: detached\n"
    nothing_left(net)


def test_several_on_one_tc_hook(pair):
    """
        test --- b0 === a0 [one, tc] [two, tc]
    """
    path = pair.object("plain", PLAIN, "tc")
    pair.ok("attach", path, "--dev", "a0", "--name", "one")
    pair.ok("attach", path, "--dev", "a0", "--name", "two")
    pair.send("b0", udp("10.0.0.1", 7), udp("10.0.0.1", 9))
    j = {p["name"]: p for p in pair.ok("show", "counters", "--json").json["programs"]}
    assert j["one"]["verdicts"]["drop"] == 1 and j["one"]["verdicts"]["pass"] >= 1
    assert j["two"]["packets"] == 0, "the first one decides"
    pair.ok("detach", "one")
    pair.send("b0", udp("10.0.0.1", 7))
    assert pair.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"] == 1
    assert len(pair.tc("a0")) == 1
    pair.ok("detach", "two")
    nothing_left(pair)


def test_beside_others(pair):
    """
        test --- b0 === a0 [libxdp's dispatcher: one, two]
    """
    path = pair.object("plain", PLAIN)
    r = pair.beba("attach", path, "--dev", "a0", "--share", "--name", "one")
    if "without libxdp" in r.err or "does not run libxdp's dispatcher" in r.err:
        print("no dispatcher here: tried that it is said, and that nothing is left")
        assert r.code == 1 and not pair.left()
        nothing_left(pair)
        return
    assert r.code == 0, r.err
    pair.ok("attach", path, "--dev", "a0", "--share", "--name", "two")
    assert pair.xdp("a0") == "xdp_dispatcher"
    pair.send("b0", udp("10.0.0.1", 7), udp("10.0.0.1", 9))
    j = {p["name"]: p for p in pair.ok("show", "counters", "--json").json["programs"]}
    assert sorted(p["verdicts"]["drop"] for p in j.values()) == [0, 1]
    assert sorted(p["verdicts"]["pass"] for p in j.values()) == [1, 1]
    assert pair.ok("show", "--json").json["programs"][0]["devices"][0]["by"] == "dispatcher"
    r = pair.beba("attach", path, "--dev", "a0", "--name", "three")
    assert r.code == 1 and "xdp_dispatcher" in r.err and "--share" in r.err
    pair.ok("replace", "one", path)
    pair.send("b0", udp("10.0.0.1", 7))
    j = {p["name"]: p for p in pair.ok("show", "counters", "--json").json["programs"]}
    assert sum(p["verdicts"]["drop"] for p in j.values()) == 2
    pair.ok("detach", "one")
    assert pair.xdp("a0") == "xdp_dispatcher" and pair.left() == ["two"]
    pair.ok("detach", "two")
    nothing_left(pair)


def test_follow(pair):
    """
        test --- b0 === a0 [program] --- events --- test
    """
    pair.ok("attach", pair.object("counted", COUNTED), "--dev", "a0")
    process = pair.start("show", "events", "--follow", "--json")
    pair.send("b0", udp("10.0.0.1", 7))
    event = json.loads(process.stdout.readline())
    assert event["kind"] == "entered" and event["to"] == "seen"
    process.terminate()
    process.communicate(timeout=10)
    pair.ok("detach", "--all")


def test_device_goes(net):
    """
        test --- b0 === a0 [port 1]  goes away
        test --- b1 === a1 [port 2]
    """
    net.ok("attach", net.object("plain", PLAIN), "--dev", "a0", "--dev", "a1")
    net.ip("link", "del", "a0")
    assert "a0, xdp by link; the device is gone" in net.ok("show").text
    net.send("b1", udp("10.0.0.1", 7))
    assert net.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"] == 1
    net.ok("replace", "plain", net.object("plain", PLAIN))
    net.send("b1", udp("10.0.0.1", 7))
    assert net.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"] == 2
    net.ok("detach", "plain")
    assert net.left() == [] and net.xdp("a1") is None


def test_include(pair):
    """
        a0 [program of two files]
    """
    with open(pair.directory + "/seven.xfsm", "w", encoding="utf-8") as f:
        f.write("const SEVEN = 7\n")
    path = pair.object("plain", 'include "seven.xfsm"\n' + PLAIN.replace("== 7", "== SEVEN"))
    pair.ok("attach", path, "--dev", "a0")
    pair.send("b0", udp("10.0.0.1", 7))
    assert pair.ok("show", "globals", "--json").json["programs"][0]["globals"]["seen"] == 1
    pair.ok("detach", "plain")


def test_many_machines(pair):
    """
        a0 [20 machines, each with flows and timeouts: two programs, one after the other]
    """
    machine = """
machine m{n} {{
    key {key}
    reg count : u32
    without key -> {then}
    state a {{
        on udp.dst == {port} {{ count += 1; goto b; {then} }}
        else {{ {then} }}
    }}
    state b idle {port}s -> a {{
        on udp {{ count += 1; {then} }}
        else {{ goto a; {then} }}
    }}
}}
"""
    keys = ["ip.src", "ip.dst", "connection", "ip.src, l4.dst", "eth.src"]
    text = "".join(machine.format(n=n, key=keys[n % 5], port=n + 1, then="next" if n < 19 else "pass")
                   for n in range(20))
    pair.ok("attach", pair.object("many", text), "--dev", "a0")
    pair.send("b0", udp("10.0.0.1", 7))
    machines = pair.ok("show", "--json", "many").json["programs"][0]["machines"]
    assert [m["entries"] for m in machines] == [int(n == 6) for n in range(20)]
    pair.ok("flow", "set", "many", "m18", "ip.src=10.0.0.9, l4.dst=80", "b", "count=5")  # in the second program
    pair.send("b0", udp("10.0.0.9", 80))
    flow = pair.ok("flow", "get", "many", "m18", "ip.src=10.0.0.9, l4.dst=80", "--json").json["flow"]
    assert flow["registers"]["count"] == 6
    pair.ok("detach", "many")


def test_build(pair):
    """
        nothing is attached
    """
    pair.object("plain", PLAIN)
    c = pair.ok("build", pair.directory + "/plain.xfsm", "--emit-c")
    assert "beba_main" in c.text
    j = pair.ok("build", pair.directory + "/plain.xfsm", "--json").json
    assert j["output"] == "plain.xdp.o" and j["target"] == "xdp" and j["size"] > 1000
    out = subprocess.run(["readelf", "-h", pair.directory + "/plain.xdp.o"], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    assert "BPF" in out
