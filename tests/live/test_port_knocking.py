# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A door before a real TCP service: shut, knocked at, open, silent for a while, shut.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( port_knocking, xdp )  10.0.0.100, a service at tcp 22
"""

import time

import net as live

KNOCKS = (1111, 2222, 3333, 4444)
OPEN_FOR = 2.0


def test_the_door(pair, edited):
    client, server = pair
    service = server.serve("10.0.0.100", 22, b"sshd ")
    visitor = client.connect("10.0.0.100", 22)
    assert visitor and live.ask(visitor) == b"sshd "
    visitor.close()

    server.beba("attach", edited("port_knocking", ("open idle 60s", f"open idle {OPEN_FOR:g}s")),
                "--dev", "eth0")
    assert server.link("eth0")["xdp"]["mode"] == 1, "in the driver"
    heard = server.udp("10.0.0.100", 1111)
    heard.setblocking(False)

    assert client.connect("10.0.0.100", 22, 0.3) is None, "shut"
    knock(client, KNOCKS[0], KNOCKS[1], 9999, KNOCKS[2], KNOCKS[3])
    assert client.connect("10.0.0.100", 22, 0.3) is None, "one wrong knock"

    knock(client, *KNOCKS)
    visitor = client.connect("10.0.0.100", 22)
    assert visitor, server.beba("show", "flows").out
    assert live.ask(visitor) == b"sshd "
    [flow] = server.flows("port_knocking")
    assert flow["state"] == "open" and flow["key"] == "ip.src=10.0.0.1"
    assert client.connect("10.0.0.100", 80, 0.3) is None, "opens SSH only"
    visitor.close()

    time.sleep(OPEN_FOR + 0.5)  # silence is what is tried
    assert client.connect("10.0.0.100", 22, 0.3) is None, "shut again"
    assert not [f for f in server.flows("port_knocking") if f["state"] == "open"]

    counters = server.counters("port_knocking")
    assert counters.rule("port_knocking", "closed", "on udp.dst == 1111") == 2
    assert counters.rule("port_knocking", "step2", "else") == 1, "the wrong knock"
    assert counters.rule("port_knocking", "step3", "on udp.dst == 4444") == 1
    assert counters.rule("port_knocking", "open", "on tcp.dst == 22") >= 4
    assert counters.rule("port_knocking", "open", "else") >= 1, "tcp 80"
    assert counters.clean() and counters.reason["rule"] == counters.packets - counters.reason["no key"]
    try:
        raise AssertionError("a knock was heard: " + repr(heard.recv(100)))
    except BlockingIOError:
        pass

    server.beba("detach", "port_knocking")
    assert "xdp" not in server.link("eth0")
    assert live.run("ls", server.net.env["BEBA_BPFFS"]).stdout == b"", "without a trace"
    visitor = client.connect("10.0.0.100", 22, 3)
    assert visitor and live.ask(visitor) == b"sshd "
    assert len(service.peers) == 3


def knock(client, *ports):
    with client.udp() as s:
        for port in ports:
            s.sendto(b"knock", ("10.0.0.100", port))
