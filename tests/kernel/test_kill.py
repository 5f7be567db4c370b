# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""kill -9 of a command at any moment leaves what was before, or what was to be."""

import random
import time

from conftest import PLAIN, udp

TIMES = 25


def duration(net, *args):
    start = time.monotonic()
    net.ok(*args)
    return time.monotonic() - start


def kill_after(net, delay, *args):
    process = net.start(*args)
    time.sleep(delay)
    process.kill()
    process.communicate()


def works(net, port):
    """One datagram to the port is dropped."""
    before = net.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"]
    net.send("b0", udp("10.0.0.1", port))
    after = net.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"]
    return after == before + 1


def test_attach(net):
    """
        test --- b0 === a0 [killed]
        test --- b1 === a1
    """
    path = net.object("plain", PLAIN)
    for devices in (("a0",), ("a0", "a1")):
        args = ["attach", path] + [a for d in devices for a in ("--dev", d)]
        whole = duration(net, *args)
        net.ok("detach", "plain")
        there = 0
        for i in range(TIMES):
            kill_after(net, whole * 1.1 * random.random(), *args)
            programs = net.ok("show", "--json").json["programs"]
            there += len(programs)
            attached = [net.xdp(d) is not None for d in devices]
            if programs:
                assert all(attached) and works(net, 7), i
                net.ok("detach", "plain")
            assert net.left() == [] and not any(net.xdp(d) for d in devices), i
        assert there < TIMES


def test_detach(net):
    """
        test --- b0 === a0 [plain] killed while it goes
        test --- b1 === a1 [plain]
    """
    args = ("attach", net.object("plain", PLAIN), "--dev", "a0", "--dev", "a1")
    net.ok(*args)
    whole = duration(net, "detach", "plain")
    for i in range(TIMES):
        net.ok(*args)
        kill_after(net, whole * 1.1 * random.random(), "detach", "plain")
        programs = net.ok("show", "--json").json["programs"]
        attached = {net.xdp(d) is not None for d in ("a0", "a1")}
        assert attached == {bool(programs)}, i
        if programs:
            assert works(net, 7)
            net.ok("detach", "plain")
        assert net.left() == []


def test_replace(net):
    """
        test --- b0 === a0 [drops port 7] <- [drops port 8], killed
        test --- b1 === a1
    """
    old = net.object("plain", PLAIN)
    new = net.object("plain", PLAIN.replace("== 7", "== 8"))
    net.ok("attach", old, "--dev", "a0", "--dev", "a1")
    whole = duration(net, "replace", "plain", old)
    drops, swapped = 7, 0
    for i in range(TIMES):
        kill_after(net, whole * 1.1 * random.random(), "replace", "plain", new if drops == 7 else old)
        assert len(net.ok("show", "--json").json["programs"]) == 1 and net.left() == ["plain"], i
        rules = net.ok("show", "counters", "--json").json["programs"][0]["machines"][0]["rules"]
        said = 7 if "== 7" in rules[0]["rule"] else 8
        assert works(net, said), (i, "what show tells is what runs")
        assert net.xdp("a0") == net.xdp("a1") == "beba_gate"
        swapped += said != drops
        drops = said
    assert swapped < TIMES
    net.ok("detach", "plain")
    assert net.left() == [] and net.xdp("a0") is None
