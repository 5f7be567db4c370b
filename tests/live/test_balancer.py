# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A load balancer that writes nothing but MAC addresses before two real servers.

    client                     balancer                               server 1
    192.0.2.1  eth0 ----- up ( direct_return, xdp ) s1 ----- eth0  10.0.1.1, 10.0.0.100 on lo
                          192.0.2.254  10.0.1.254   s2 ----- eth0  10.0.1.2, 10.0.0.100 on lo
                                                                      server 2

The client's network is 192.0.2.0/24. Answers pass the balancer as a router, with no state.
"""

import os
import threading

import pytest

import net as live

VIP = "10.0.0.100"
READY, DRAINING = 7001, 7002


class Announcements:
    """Both servers tell every 300 ms that they are there."""

    def __init__(self, servers):
        self.sockets = {n: host.udp(f"10.0.1.{n}") for n, host in servers.items()}
        self.port = {n: READY for n in servers}
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.end.is_set():
            for n, s in self.sockets.items():
                s.sendto(b"here", ("10.0.1.254", self.port[n]))
            self.end.wait(0.3)

    def close(self):
        self.end.set()
        self.thread.join()


@pytest.fixture
def balanced(net):
    client, box = net.host("client"), net.host("balancer")
    servers = {1: net.host("server1"), 2: net.host("server2")}
    net.cable(client, "eth0", box, "up")
    client.address("eth0", "192.0.2.1/24")
    box.address("up", "192.0.2.254/24")
    client.route("default", "via", "192.0.2.254")
    box.sysctl("ipv4/ip_forward", 1)
    for n, server in servers.items():
        net.cable(box, f"s{n}", server, "eth0")
        box.address(f"s{n}", "10.0.1.254/32")
        box.route(f"10.0.1.{n}/32", "dev", f"s{n}")
        server.address("eth0", f"10.0.1.{n}/24")
        server.address("lo", VIP + "/32")
        server.sysctl("ipv4/conf/all/arp_ignore", 1)
        server.route("default", "via", "10.0.1.254", "src", VIP)
    box.beba("attach", os.path.join(live.EXAMPLES, "direct_return.xfsm"), "--dev", "up=1",
             "--dev", "s1=11", "--dev", "s2=12")
    services = {n: server.serve(VIP, 443, b"server %d " % n) for n, server in servers.items()}
    told = Announcements(servers)
    net.keep(told)
    yield client, box, services, told


def test_each_connection_stays_with_its_server(balanced):
    client, box, services, told = balanced
    live.wait_until("both are known", lambda: box.counters("direct_return").rule(
        "front", None, "on udp.dst == READY") >= 4)
    connections = []
    for _ in range(24):
        c = client.connect(VIP, 443, 5)
        assert c, box.beba("show", "counters").out
        connections.append((c, live.ask(c)))
    chosen = {name for _, name in connections}
    assert chosen == {b"server 1 ", b"server 2 "}, chosen
    for _ in range(3):
        for c, name in connections:
            assert live.ask(c) == name
    # Neither address nor port was written: the servers speak with the client as the one address.
    for service in services.values():
        assert {peer[0] for peer in service.peers} == {"192.0.2.1"}
        assert {local for local in service.locals} == {(VIP, 443)}
    flows = [f for f in box.flows("direct_return") if f["state"] == "bound"]
    assert len(flows) == 24
    by_server = [sum(f["registers"]["server"] == n for f in flows) for n in (0, 1)]
    assert by_server == [len(services[1].peers), len(services[2].peers)]

    # Server 2 drains: it keeps what it has and gets nothing new.
    told.port[2] = DRAINING
    before = box.counters("direct_return").rule("front", None, "on udp.dst == DRAINING")
    live.wait_until("draining", lambda: box.counters("direct_return").rule(
        "front", None, "on udp.dst == DRAINING") > before)
    for _ in range(8):
        c = client.connect(VIP, 443, 5)
        assert c and live.ask(c) == b"server 1 "
    for c, name in connections:
        assert live.ask(c) == name
    counters = box.counters("direct_return")
    assert counters.clean() and counters.named("bound") == 32
