# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The example applications of controller/, end to end: real hosts, `beba switch`, osken-manager.

    h1 10.0.0.1 --- p1 +--------------+ p3 --- h3 10.0.0.3
                       | beba switch  |
    h2 10.0.0.2 --- p2 +--------------+      osken-manager at 127.0.0.1:6653 of the same namespace
"""

import socket
import time

import net as live
from conftest import pings

TCP_SYN = 2


def knock(host, *ports):
    s = host.udp()
    for port in ports:
        s.sendto(b"knock", ("10.0.0.2", port))
        time.sleep(0.05)


def test_port_knocking(lab):
    client, server = lab.station(1), lab.station(2)
    lab.app("port_knocking")
    lab.switch("p1", "p2")
    lab.ready("port_knocking")
    server.serve("10.0.0.2", 22, b"sshd ")

    assert client.connect("10.0.0.2", 22, 0.5) is None, "shut"
    knock(client, 10, 11, 99, 12, 13)
    assert client.connect("10.0.0.2", 22, 0.5) is None, "one wrong knock"
    knock(client, 10, 11, 12, 13)
    visitor = client.connect("10.0.0.2", 22)
    assert visitor and live.ask(visitor) == b"sshd "


def test_mac_learning(lab):
    hosts = [lab.station(n) for n in (1, 2, 3)]
    lab.app("mac_learning")
    lab.switch("p1", "p2", "p3")
    lab.ready("mac_learning")
    assert pings(hosts[0], "10.0.0.2") == 3
    heard = hosts[2].tap("eth0")
    assert pings(hosts[0], "10.0.0.2", 5) == 5
    assert not [f for f in heard.take() if f[12:14] == b"\x08\x00"], "learned: no flooding"


def test_ddos_mitigation(lab):
    client, server = lab.station(1), lab.station(2)
    lab.app("ddos_mitigation")
    lab.switch("p1", "p2")
    lab.ready("ddos_mitigation")
    server.serve("10.0.0.2", 80, b"web ")
    assert pings(client, "10.0.0.2") == 3
    visitor = client.connect("10.0.0.2", 80)
    assert visitor and live.ask(visitor) == b"web "
    for _ in range(60):
        s = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        s.connect_ex(("10.0.0.2", 80))
    assert client.connect("10.0.0.2", 80, 0.5) is None, "banned"
    assert pings(client, "10.0.0.2", 2) == 0, "whatever it sends"


def test_forwarding_consistency(lab):
    client, servers = lab.station(1), [lab.station(n) for n in (2, 3)]
    for n, server in zip((2, 3), servers):
        server.serve(f"10.0.0.{n}", 80, b"%d " % n)
        server.run("ip", "neigh", "add", "10.0.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
    client.run("ip", "neigh", "add", "10.0.0.100", "lladdr", "02:00:00:00:01:00", "dev", "eth0")
    lab.app("forwarding_consistency")
    lab.switch("p1", "p2", "p3")
    lab.ready("forwarding_consistency")
    seen = []
    for _ in range(24):
        connection = client.connect("10.0.0.100", 80, 3)
        assert connection
        answers = {live.ask(connection) for _ in range(5)}
        assert len(answers) == 1, "one server for the whole connection"
        seen += answers
        connection.close()
    assert set(seen) == {b"2 ", b"3 "}, "both servers work"


def test_in_switch_arp(lab):
    hosts = [lab.station(n) for n in (1, 2, 3)]
    lab.app("in_switch_arp")
    lab.switch("p1", "p2", "p3")
    lab.ready("in_switch_arp")
    heard = hosts[2].tap("eth0")
    assert pings(hosts[0], "10.0.0.2") == 3
    assert not [f for f in heard.take() if f[12:14] == b"\x08\x06"], "no request was flooded"
    neighbours = hosts[0].run("ip", "neigh", "show", "10.0.0.2").stdout.decode()
    assert "02:00:00:00:00:02" in neighbours


def test_failover(lab):
    r"""h1 -- a1 s1 a2 -- b1 s2 b2 -- d1 s4 d3 -- h2
                    a3 -- c1 s3 c2 -- d2           """
    h1, h2 = lab.station(1, "a1"), lab.station(2, "d3")
    for a, b in (("a2", "b1"), ("b2", "d1"), ("a3", "c1"), ("c2", "d2")):
        lab.cable(lab.s, a, lab.s, b)
    for host, other in ((h1, 2), (h2, 1)):
        host.run("ip", "neigh", "add", f"10.0.0.{other}", "lladdr", f"02:00:00:00:00:0{other}",
                 "dev", "eth0")
    lab.app("failover")
    for dpid, ports in ((1, ("a1", "a2", "a3")), (2, ("b1", "b2")), (3, ("c1", "c2")),
                        (4, ("d1", "d2", "d3"))):
        lab.switch(*ports, name=f"s{dpid}", dpid=dpid)
    lab.ready("failover", switches=4)
    detour = lab.s.tap("c1")
    assert pings(h1, "10.0.0.2") == 3
    assert not [f for f in detour.take() if f[12:14] == b"\x08\x00"], "the primary path"
    lab.s.run("ip", "link", "set", "b2", "down")
    time.sleep(0.5)  # both ends have seen it
    assert pings(h1, "10.0.0.2", 10) == 10, "nothing is lost"
    assert [f for f in detour.take() if f[12:14] == b"\x08\x00"], "the detour"
    lab.s.run("ip", "link", "set", "b2", "up")
    time.sleep(6)  # what s1 holds has run out
    detour.take()
    assert pings(h1, "10.0.0.2", 5) == 5
    assert len([f for f in detour.take() if f[12:14] == b"\x08\x00"]) <= 2, "back on the primary"
