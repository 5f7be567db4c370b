# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""beba switch --engine: native code for the tables, put in under traffic.

    h1 eth0 --- v1 (port 1) [ switch ] v2 (port 2) --- eth0 h2
                                |
                       punix: ovs-ofctl
"""

import os
import re
import shutil
import threading
import time

import net as live
import pytest
from conftest import need

pytestmark = need("ovs-ofctl")
compiler = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")

PORT = 7000


class Stream:
    """Numbered datagrams from h1 to h2, one after the other, until it is stopped."""

    def __init__(self, switch):
        switch.hosts[0].run("ip", "neigh", "add", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev",
                            "eth0")
        self.source, self.target = switch.hosts[0].udp(), switch.hosts[1].udp("10.0.0.2", PORT)
        self.target.settimeout(2 * live.SLOW)
        self.sent, self.got, self.stopping = 0, [], False
        self.threads = [threading.Thread(target=run) for run in (self._send, self._take)]
        for t in self.threads:
            t.start()

    def _send(self):
        while not self.stopping:
            self.source.sendto(b"%d" % self.sent, ("10.0.0.2", PORT))
            self.sent += 1
            time.sleep(0.0005)

    def _take(self):
        while not self.stopping or len(self.got) < self.sent:
            try:
                self.got.append(int(self.target.recv(100)))
            except TimeoutError:
                return

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join()


def engine(switch):
    return switch.ctl("show")[0]


def compiled(switch):
    now = engine(switch)
    return now["engine"] == "native" and now["structure"] == now["compiled"] and now


@compiler
def test_swap_under_traffic(switch):
    switch.start("--engine", "native")
    switch.ofctl("add-flow", "table=0,priority=1,cookie=0x7,in_port=1,actions=goto_table:1")
    switch.ofctl("add-flow", "table=1,priority=1,udp,actions=output:2")
    live.wait_until("native code", lambda: compiled(switch), timeout=60)
    stream = Stream(switch)
    took = []
    for i, match in enumerate(("udp,nw_dst=10.9.0.0/16", "tcp,tp_dst=80", "dl_dst=2:9:9:9:9:9",
                               "ipv6,ipv6_dst=fe80::/10")):
        before = engine(switch)["compilations"]
        switch.ofctl("add-flow", f"table={i % 2},priority=9,{match},actions=drop")
        live.wait_until("new code", lambda n=before: (compiled(switch) or {"compilations": n})
                        ["compilations"] > n, timeout=60)
        took.append(engine(switch)["swap_ms"])
    # entries with known masks are data
    before = engine(switch)["compilations"]
    switch.ofctl("add-flows", "-", stdin="".join(
        f"table=1,priority=9,udp,nw_dst=10.{i}.0.0/16,actions=drop\n"
        for i in range(10, 200)).encode())
    time.sleep(0.5)
    assert engine(switch)["compilations"] == before
    stream.stop()
    print("from the last flow-mod to the new code:", took, "ms")
    assert stream.got == list(range(stream.sent)), "packets were lost, or out of order"
    counted = int(re.search(r"cookie=0x7,.*n_packets=(\d+)", switch.ofctl("dump-flows")).group(1))
    assert counted >= stream.sent > 100


@compiler
@need("ping")
def test_program(switch):
    """A program that learns addresses goes on with what it knows when its code is put in."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "mac_learning.xfsm")
    switch.start("--engine", "auto")
    switch.ctl("load", os.path.abspath(path), "--table", "0")
    assert switch.ping() == 3
    live.wait_until("its code", lambda: engine(switch)["programs_compiled"], timeout=60)
    assert switch.ping() == 3
    assert not engine(switch)["engine_error"]


@need("ping")
def test_no_compiler(switch):
    switch.net.env = dict(switch.net.env, BEBA_CC="/nonexistent/cc")
    switch.start("--engine", "native")
    for port in (1, 2):
        switch.ofctl("add-flow", f"in_port={port},actions=flood")
    live.wait_until("the failure is told", lambda: engine(switch)["engine_error"])
    assert engine(switch)["engine"] == "interp"
    assert switch.ping() == 3
    assert "the interpreter goes on: " in switch.log() and "/nonexistent/cc" in switch.log()


@need("ping")
def test_auto_without_compiler(switch):
    switch.net.env = dict(switch.net.env, BEBA_CC="/nonexistent/cc")
    switch.start("--engine", "auto")
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping() == 3
    assert engine(switch)["engine"] == "interp" and "engine_error" not in engine(switch)
    assert "WARNING" not in switch.log().upper()
