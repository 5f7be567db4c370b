# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Ports through AF_XDP: packets go between them as they lie in memory.

    h1 eth0 --- xdp:v1 [ switch ] xdp:v2 --- eth0 h2
"""

import hashlib
import os
import threading

import net as live
from conftest import need

pytestmark = [need("ovs-ofctl"), need("ping")]


def transfer(switch, source, target, size):
    """Content by TCP; what arrives is compared by its digest."""
    data = os.urandom(1 << 16) * (size >> 16)
    listener = switch.hosts[target - 1].socket()
    listener.bind((f"10.0.0.{target}", 5001))
    listener.listen(1)
    listener.settimeout(60)
    got = []

    def serve():
        s, _ = listener.accept()
        s.settimeout(60)
        digest = hashlib.sha256()
        while part := s.recv(1 << 16):
            digest.update(part)
        got.append(digest.hexdigest())
        s.close()

    thread = threading.Thread(target=serve)
    thread.start()
    s = switch.hosts[source - 1].connect(f"10.0.0.{target}", 5001, timeout=60)
    s.sendall(data)
    s.close()
    thread.join(90)
    listener.close()
    assert got == [hashlib.sha256(data).hexdigest()]


def test_ping_and_tcp(switch):
    switch.start(kind="xdp:")
    assert "native XDP" in switch.log()
    assert [p["driver"] for p in switch.ctl("ports")] == [
        "native XDP, copied by the kernel, 1 queue"] * 2
    switch.ofctl("add-flow", "in_port=1,actions=output:2")
    switch.ofctl("add-flow", "in_port=2,actions=output:1")
    switch.ofctl("add-flow", "priority=40000,in_port=2,ip,actions=dec_ttl,output:1")
    assert switch.ping(count=10) == 10
    for source, target in (1, 2), (2, 1):
        transfer(switch, source, target, 8 << 20)
    stats = switch.ofctl("dump-ports", "1")
    assert int(stats.split("rx pkts=")[1].split(",")[0]) > 5000


def test_packet_outs_floods_and_edits(switch):
    """Copies that differ, and the last of them passed on."""
    switch.start(kind="xdp:")
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping(count=5) == 5
    switch.ofctl("add-flow", "in_port=1,icmp,actions=set_field:1.2.3.4->ip_src,output:2,"
                             "set_field:10.0.0.1->ip_src,output:2")
    assert switch.ping(count=5) == 5
    transfer(switch, 1, 2, 1 << 20)


def test_beside_other_ports(switch):
    switch.start("-p", "xdp:v1,ring=256=7", "-p", "v2=8", ports=False)
    switch.ofctl("add-flow", "in_port=7,actions=output:8")
    switch.ofctl("add-flow", "in_port=8,actions=output:7")
    assert [(p["port"], p["name"]) for p in switch.ctl("ports")] == [(7, "v1"), (8, "v2")]
    assert switch.ping(count=5) == 5
    for source, target in (1, 2), (2, 1):
        transfer(switch, source, target, 4 << 20)


def test_an_interface_that_goes_and_comes(switch):
    switch.start(kind="xdp:")
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping() == 3
    switch.s.run("ip", "link", "del", "v2")
    live.wait_until("the port is absent", lambda: not switch.ctl("ports")[1]["present"])
    switch.net.cable(switch.s, "v2", switch.hosts[1], "eth0")
    switch.hosts[1].run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:02")
    switch.hosts[1].address("eth0", "10.0.0.2/24")
    live.wait_until("the port is back", lambda: switch.ctl("ports")[1]["up"])
    assert switch.ping() == 3


def test_more_workers_than_queues(switch):
    """Two threads need two queues; a switch that is there already has the interface."""
    done = switch.s.run(live.BEBA, "switch", "-p", "xdp:v1", "--workers", "2", check=False)
    assert done.returncode and b"1 queue for 2 threads" in done.stderr
    for host, device in (switch.s, "v1"), (switch.hosts[0], "eth0"):
        host.run("ethtool", "-L", device, "rx", "2", "tx", "2")
    switch.start("--workers", "2", "-p", "xdp:v1", "-p", "v2", ports=False)
    assert "2 queues" in switch.log()
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping(count=5) == 5
    transfer(switch, 1, 2, 1 << 20)
    done = switch.s.run(live.BEBA, "switch", "-p", "xdp:v1", check=False)
    assert done.returncode and b"another XDP program is on the interface" in done.stderr
