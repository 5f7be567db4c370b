# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A program is replaced twenty times under a stream of numbered packets: none is lost, all flows stay.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( counted )  10.0.0.100, udp 7

At most WINDOW packets are under way, fewer than the smallest queue between the two takes: what is
missing was lost by the program, or by its replacement.
"""

import collections
import re
import socket
import struct
import threading
import time

import pytest

import net as live

FLOWS = 200
WINDOW = 100

PROGRAM = """machine counted {
    key ip.src, udp.src, udp.dst
    reg n : u64
    capacity 10k when full refuse -> drop
    without key -> pass

    state fresh {
        on udp.dst == 7 { n = 1; goto seen; pass }
        else { pass }
    }
    state seen idle 600s -> fresh {
        on udp.dst == 7 { n += 1; pass }
        else { drop }
    }
}
"""
# The same table, another rule; and another table: one register more.
RULE = PROGRAM.replace("else { drop }", "on udp.dst == 9 { count nines; drop }\n        else { pass }")
TABLE = PROGRAM.replace("    capacity", "    reg bytes : u64\n    capacity").replace(
    "n += 1; pass", "n += 1; bytes += pkt.len; pass")


class Stream:
    """Numbered datagrams from FLOWS ports in turn, until stop()."""

    def __init__(self, client, server):
        self.sinks = server.udp("10.0.0.100", 7)
        self.sinks.setsockopt(socket.SOL_SOCKET, live.SO_RCVBUFFORCE, 16 << 20)
        self.sources = [client.udp("10.0.0.1", 20000 + i) for i in range(FLOWS)]
        self.sent, self.got = 0, 0
        self.of_flow = collections.Counter()
        self.wrong = []
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _receive(self, timeout):
        self.sinks.settimeout(timeout)
        try:
            number = struct.unpack("!Q", self.sinks.recv(64))[0]
        except (TimeoutError, socket.timeout):
            return False
        if number != self.got:
            self.wrong.append((number, self.got))
        self.got = number + 1
        return True

    def _run(self):
        while not self.ending and not self.wrong:
            if self.sent - self.got < WINDOW:
                flow = self.sent % FLOWS
                self.sources[flow].sendto(struct.pack("!Q", self.sent), ("10.0.0.100", 7))
                self.of_flow[20000 + flow] += 1
                self.sent += 1
                continue
            while self.got < self.sent and not self.wrong:
                if not self._receive(10):
                    self.wrong.append(("nothing more", self.got))
            time.sleep(0.001)  # the replacement needs the CPU, too
        while not self.wrong and self.got < self.sent and self._receive(5):
            pass

    def stop(self):
        self.ending = True
        self.thread.join(60)


@pytest.mark.parametrize("hook,times", [("xdp", 20), ("tc-ingress", 6)])
def test_nothing_is_lost(pair, written, tmp_path, hook, times):
    client, server = pair
    target = "xdp" if hook == "xdp" else "tc"
    objects = {}
    for name, text in (("same", PROGRAM), ("rule", RULE), ("table", TABLE)):
        objects[name] = tmp_path / f"{name}.o"
        server.beba("build", written(name, text), "--target", target, "-o", objects[name])
    server.beba("attach", objects["same"], "--name", "counted", "--dev", "eth0", "--hook", hook)
    stream = Stream(client, server)
    live.wait_until("all flows", lambda: stream.sent > 3 * FLOWS or stream.wrong)
    slowest = 0.0
    for i in range(times):
        before = stream.sent
        start = time.monotonic()
        done = server.beba("replace", "counted", objects["rule" if i % 2 else "same"], "--json")
        slowest = max(slowest, time.monotonic() - start)
        assert not stream.wrong, (i, stream.wrong)
        live.wait_until("packets after it", lambda: stream.sent > before + WINDOW or stream.wrong)
    stream.stop()
    print(f"{stream.sent} packets, {times} replacements, the slowest {slowest * 1000:.0f} ms; {done.out}")
    assert not stream.wrong and stream.got == stream.sent > 1000

    flows = server.flows("counted")
    assert len(flows) == FLOWS and all(f["state"] == "seen" for f in flows)
    counted = {port_of(f): f["registers"]["n"] for f in flows}
    assert counted == stream.of_flow, "every packet of every flow was counted"
    counters = server.counters("counted")
    assert counters.clean() and counters.verdict["drop"] == 0


def test_flows_move_to_another_table(pair, written, tmp_path):
    client, server = pair
    server.beba("attach", written("counted", PROGRAM), "--dev", "eth0")
    bigger = tmp_path / "table.o"
    server.beba("build", written("table", TABLE), "-o", bigger)
    stream = Stream(client, server)
    live.wait_until("all flows", lambda: stream.sent > 3 * FLOWS or stream.wrong)
    server.beba("replace", "counted", bigger)
    before = stream.sent
    live.wait_until("all flows again", lambda: stream.sent > before + 3 * FLOWS or stream.wrong)
    stream.stop()
    assert not stream.wrong and stream.got == stream.sent
    flows = {port_of(f): f["registers"] for f in server.flows("counted")}
    assert len(flows) == FLOWS and all(regs["bytes"] > 0 for regs in flows.values())
    short = sum(stream.of_flow[port] - regs["n"] for port, regs in flows.items())
    assert 0 <= short <= FLOWS, "at most what came while the last copies were made"

    # Back to the smaller one: what would be lost is said, and refused while there are flows.
    refused = server.beba("replace", "counted", written("counted", PROGRAM), check=False)
    assert refused.code == 1 and "bytes" in refused.err and "--drop-state" in refused.err
    assert len(server.flows("counted")) == FLOWS
    server.beba("replace", "counted", written("counted", PROGRAM), "--drop-state")
    assert {port_of(f): f["registers"]["n"] for f in server.flows("counted")} == {
        port: regs["n"] for port, regs in flows.items()}


def port_of(flow):
    return int(re.search(r"udp\.src=(\d+)", flow["key"]).group(1))
