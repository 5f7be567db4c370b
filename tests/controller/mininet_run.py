#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Run inside a network namespace of its own: Mininet with BebaSwitch and a controller that listens
at 127.0.0.1:6653. Prints one JSON object. Never `mn -c`, which ends processes of others."""

import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                                "controller", "mininet"))

from beba_mininet import BebaSwitch  # noqa: E402
from mininet.net import Mininet  # noqa: E402
from mininet.node import RemoteController  # noqa: E402
from mininet.topo import LinearTopo  # noqa: E402


def main():
    net = Mininet(topo=LinearTopo(k=2, n=2), switch=BebaSwitch, autoSetMacs=True,
                  controller=lambda name: RemoteController(name, ip="127.0.0.1", port=6653))
    out = {}
    try:
        net.start()
        deadline = time.time() + 10
        while time.time() < deadline and not all(s.connected() for s in net.switches):
            time.sleep(0.1)
        out["connected"] = [s.connected() for s in net.switches]
        time.sleep(1)  # the application has set the switches up
        out["loss"] = net.pingAll(timeout="2")
        a, b = net.hosts[0], net.hosts[-1]
        b.cmd("iperf3 -s -1 -D --pidfile iperf.pid")
        time.sleep(0.3)
        speed = a.cmd(f"iperf3 -c {b.IP()} -t 2 -J")
        out["mbps"] = json.loads(speed[speed.index("{"):])["end"]["sum_received"][
            "bits_per_second"] / 1e6
        net.configLinkStatus("s1", "s2", "down")
        time.sleep(0.5)
        out["across a link down"] = re.search(r"(\d+) received", a.cmd(
            f"ping -c 2 -i 0.2 -W 1 {b.IP()}")).group(1)
        net.configLinkStatus("s1", "s2", "up")
        time.sleep(1.5)
        out["after"] = re.search(r"(\d+) received", a.cmd(
            f"ping -c 3 -i 0.2 -W 1 {b.IP()}")).group(1)
    finally:
        net.stop()
    print(json.dumps(out))


if __name__ == "__main__":
    main()
