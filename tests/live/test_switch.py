# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Four hosts on a learning switch, which is one program on four ports.

    h1 eth0 ------ p1 +--------------------+ p3 ------ eth0 h3
    10.0.0.1          |  mac_learning, xdp |           10.0.0.3
    h2 eth0 ------ p2 +--------------------+ p4 ------ eth0 h4
    10.0.0.2                                           10.0.0.4
"""

import os

import pytest

import net as live
from net import BROADCAST, eth, mac, udp4

PORTS = (1, 2, 3, 4)


@pytest.fixture(params=["xdp", "tc-ingress"])
def switch(net, request):
    box = net.host("switch")
    hosts = {}
    for n in PORTS:
        hosts[n] = net.host(f"h{n}")
        net.cable(box, f"p{n}", hosts[n], "eth0")
        hosts[n].address("eth0", f"10.0.0.{n}/24")
    box.beba("attach", os.path.join(live.EXAMPLES, "mac_learning.xfsm"), "--hook", request.param,
             *[word for n in PORTS for word in ("--dev", f"p{n}")])
    return box, hosts


def frame(dst, src, number):
    return eth(dst, src, 0x0800, udp4("10.9.9.1", "10.9.9.2", 7, 9, b"frame %04d" % number))


def number_of(data):
    return int(data[48:52]) if data[42:48] == b"frame " else None


def test_floods_what_it_does_not_know_and_nothing_else(switch):
    box, hosts = switch
    taps = {n: host.tap("eth0") for n, host in hosts.items()}
    sent = 0

    def send(src, dst, to):
        """The frame arrives at the hosts of to once and unchanged, and nowhere else."""
        nonlocal sent
        sent += 1
        data = frame(dst, mac(src), sent)
        taps[src].send(data)
        for n in to:
            got = taps[n].until(lambda f: number_of(f) == sent)
            assert [f for f in got if number_of(f)] == [data], (n, got)
        # A frame for all comes after it on every port: what was not there by now does not come.
        sent += 1
        taps[src].send(frame(BROADCAST, mac(src), sent))
        for n in PORTS:
            if n != src:
                got = taps[n].until(lambda f: number_of(f) == sent)
                assert [number_of(f) for f in got if number_of(f)] == [sent], n
        assert not [f for f in taps[src].take() if number_of(f)], "back where it came from"

    send(1, mac(2), (2, 3, 4))
    send(2, mac(1), (1,))
    send(1, mac(2), (2,))
    send(3, mac(1), (1,))
    send(4, mac(3), (3,))
    send(4, mac(9), (1, 2, 3))
    send(1, BROADCAST, (2, 3, 4))

    flows = {f["key"].split("=")[-1]: f["registers"]["port"] for f in box.flows("mac_learning")}
    for n in PORTS:
        assert flows[f"02:00:00:00:00:0{n}"] == n, flows
    counters = box.counters("mac_learning")
    assert counters.clean()
    assert counters.verdict["output"] == 4 and counters.verdict["flood"] >= 10


def test_carries_connections(switch):
    box, hosts = switch
    hosts[4].serve("10.0.0.4", 80, b"four ")
    taps = [hosts[n].tap("eth0") for n in (1, 2)]
    visitor = hosts[3].connect("10.0.0.4", 80, 5)
    assert visitor, box.beba("show", "counters").out
    for _ in range(100):
        assert live.ask(visitor, b"x" * 1000 + b"\n") == b"four "
    seen = [f for tap in taps for f in tap.take() if f[12:14] == b"\x08\0"]
    assert not seen, "only the two ports of the connection see it"
    assert box.counters("mac_learning").clean()
