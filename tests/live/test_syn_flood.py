# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A flood of forged SYNs ends at the door; a real client gets through it.

    attacker and client                 server
    10.0.0.1  eth0 ------------ eth0 ( first_syn_drop, xdp )  10.0.0.100, a service at tcp 80
"""

import os
import subprocess

import net as live

SYN_RECEIVED = "03"


def half_open(host):
    """Connections that wait for the third packet of the handshake."""
    with host.entered(), open("/proc/thread-self/net/tcp", encoding="ascii") as f:
        return sum(line.split()[3] == SYN_RECEIVED for line in f.readlines()[1:])


def test_a_flood(pair, tool):
    tool("hping3")
    client, server = pair
    service = server.serve("10.0.0.100", 80, b"web ")
    server.route("default", "via", "10.0.0.1")  # answers to forged sources have somewhere to go

    server.beba("attach", os.path.join(live.EXAMPLES, "first_syn_drop.xfsm"), "--dev", "eth0=1")
    flood = client.spawn("hping3", "--flood", "--rand-source", "-S", "-p", "80", "-I", "eth0",
                         "10.0.0.100", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    live.wait_until("the flood", lambda: server.counters("first_syn_drop").named("first_syns") > 20000,
                    30)
    assert flood.poll() is None
    for _ in range(2):
        visitor = client.connect("10.0.0.100", 80, timeout=10 * live.SLOW)
        assert visitor, server.beba("show", "counters").out
        assert live.ask(visitor) == b"web "
        visitor.close()
    waiting = half_open(server)
    assert flood.poll() is None, "the flood went on all the time"
    live.stop(flood)

    assert waiting == 0, "no forged SYN reached the service"
    assert [peer[0] for peer in service.peers] == ["10.0.0.1"] * 2
    counters = server.counters("first_syn_drop")
    assert counters.clean()
    forged = counters.rule("attempts", "unseen", "on in_port == OUTSIDE && tcp.syn")
    assert forged == counters.named("first_syns") > 20000
    let_in = counters.rule("connections", "closed", "on tcp.syn && !tcp.ack")
    assert let_in == counters.rule("attempts", "awaited", "on tcp.syn && !tcp.ack") == 2
    assert counters.verdict["drop"] >= forged
