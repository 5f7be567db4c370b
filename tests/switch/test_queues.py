# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Queues are the classes 1:2, 1:3, ... of an interface's queueing discipline.

    h1 ---1 [ switch ] 2=== HTB ===--- h2
                 |
             ovs-ofctl, bytes
"""

import re
import struct

from conftest import need

pytestmark = need("ovs-ofctl")


def test_queues(switch):
    tc = lambda *args: switch.s.run("tc", *args)  # noqa: E731
    tc("qdisc", "add", "dev", "v2", "root", "handle", "1:", "htb", "default", "2")
    tc("class", "add", "dev", "v2", "parent", "1:", "classid", "1:2", "htb", "rate", "1gbit", "ceil", "5gbit")
    tc("class", "add", "dev", "v2", "parent", "1:", "classid", "1:8", "htb", "rate", "1gbit")
    switch.start()
    switch.ofctl("add-flow", "in_port=1,icmp,actions=set_queue:7,output:2")
    switch.ofctl("add-flow", "priority=1,actions=flood")
    assert switch.ping(count=5) == 5
    text = switch.ofctl("queue-stats")
    sent = {int(q): int(p) for q, p in re.findall(r"port 2 queue (\d+): bytes=\d+, pkts=(\d+)", text)}
    assert set(sent) == {1, 7} and sent[7] == 5, text
    assert "queue 7" not in switch.ofctl("queue-stats", "2", "1")
    assert "port 2" not in switch.ofctl("queue-stats", "1")
    text = switch.ofctl("queue-get-config", "2")
    assert "queue 1:" in text and "queue 7:" in text, text
    assert re.search(r"queue 1:.*min_rate", text) and "max_rate" in text, text
    peer = switch.peer().hello()
    for port, queue, error in [(2, 3, (9, 1)), (9, 1, (9, 0))]:
        peer.send(18, struct.pack("!HHIII", 5, 0, 0, port, queue))
        kind, _, answer = peer.barrier()[0]
        assert kind == 1 and struct.unpack("!HH", answer[:4]) == error


def test_port_advertises(switch):
    """veth supports no modes: asked for some, the port says so, and is otherwise not changed."""
    peer = switch.start().peer().hello()
    mac = switch.s.run("ip", "-br", "link", "show", "v1").stdout.split()[2].decode()
    hw_addr = bytes.fromhex(mac.replace(":", ""))
    for modes, error in [(0, []), (1 << 5, [(7, 3)]), (1 << 20, [(7, 3)])]:
        peer.send(16, struct.pack("!I4x6s2xIII4x", 1, hw_addr, 4, 4, modes))
        assert [struct.unpack("!HH", answer[:4]) for kind, _, answer in peer.barrier() if kind == 1] == error
