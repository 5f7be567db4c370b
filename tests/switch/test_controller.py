# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A controller that knows nothing of BEBA: os-ken with the usual learning switch.

    h1 eth0 --- v1 [ switch ] v2 --- eth0 h2
                      | tcp:127.0.0.1:6633
                 osken-manager
"""

import os
import struct
import subprocess
import time

import net as live
from conftest import HERE, Peer, need

pytestmark = [need("osken-manager"), need("ping")]


def controller(switch, log):
    with open(log, "ab") as out:
        return switch.s.spawn("osken-manager", "--ofp-tcp-listen-port", "6633",
                              os.path.join(HERE, "learning_app.py"), stdout=out,
                              stderr=subprocess.STDOUT)


def test_learning_switch(switch, tmp_path):
    log = tmp_path / "controller.log"
    switch.start("-c", "tcp:127.0.0.1:6633")
    first = controller(switch, log)
    live.wait_until("the table-miss entry", lambda: switch.ctl("flows"), timeout=40)
    assert switch.ping() == 3
    entries = switch.ctl("flows")
    assert len(entries) == 3, entries
    counted = switch.counters()
    assert counted["packet_ins_sent"] >= 2 and counted["errors"] == 0

    # The link of h2 goes, and comes back.
    switch.hosts[1].run("ip", "link", "set", "eth0", "down")
    live.wait_until("port status: down", lambda: "PORT reason=2 port=2 state=1" in log.read_text())
    switch.hosts[1].run("ip", "link", "set", "eth0", "up")
    live.wait_until("port status: up", lambda: "PORT reason=2 port=2 state=4" in log.read_text())
    assert switch.ping() == 3

    # The controller goes: packets do not. It is back: the switch is there within seconds.
    live.stop(first)
    assert switch.ping() == 3
    controller(switch, log)
    live.wait_until("the new controller's hello", lambda: switch.counters()["controllers"],
                    timeout=40)
    assert switch.ping() == 3
    assert "ERROR" not in log.read_text()


def test_redial(switch):
    """A listener that closes each connection is dialled again within a second."""
    listener = switch.s.socket()
    listener.bind(("127.0.0.1", 6633))
    listener.listen()
    listener.settimeout(10)
    switch.start("-c", "tcp:127.0.0.1:6633")
    accepted = []
    for _ in range(2):
        s, _ = listener.accept()
        accepted.append(time.monotonic())
        s.sendall(bytes.fromhex("0400000800000000"))
        s.recv(100)
        time.sleep(0.1)
        s.close()
    assert accepted[1] - accepted[0] < 1.1 * live.SLOW + 0.1


def test_auxiliary_connections(switch):
    """They are dialled after the main one, tell which they are, share its role, and go with it."""
    listener = switch.s.socket()
    listener.bind(("127.0.0.1", 6633))
    listener.listen()
    listener.settimeout(10 * live.SLOW)
    switch.start("-c", "tcp:127.0.0.1:6633", "--auxiliary", "2")
    main = Peer(listener.accept()[0]).hello()
    others = [Peer(listener.accept()[0]).hello() for _ in range(2)]
    ids = set()
    for peer in [main, *others]:
        peer.send(5)
        ids.add(peer.until(6)[2][13])
    assert ids == {0, 1, 2}
    others[0].send(24, struct.pack("!I4xQ", 3, 1))
    assert others[0].until(25)
    main.send(24, struct.pack("!I4xQ", 0, 0))
    assert struct.unpack("!I", main.until(25)[2][:4]) == (3,)
    assert switch.counters()["controllers"] == 1
    main.s.close()
    assert all(peer.closed() for peer in others)


def test_silent_controller_is_given_up(switch):
    listener = switch.s.socket()
    listener.bind(("127.0.0.1", 6633))
    listener.listen()
    switch.start("-c", "tcp:127.0.0.1:6633", "--probe", "300ms")
    s, _ = listener.accept()
    s.sendall(bytes.fromhex("0400000800000000"))
    live.wait_until("it is given up", lambda: "no answer to an echo request" in switch.log())
    s.close()


def test_standalone(switch):
    """Without a controller the switch learns; with one, it is the controller's."""
    switch.start("-c", "tcp:127.0.0.1:6633", "--fail-mode", "standalone", "--probe", "300ms")
    live.wait_until("it forwards alone", lambda: switch.ctl("show")[0]["standalone"])
    assert switch.ping() == 3
    assert any("mac_learning" in f.get("rule", "") for f in switch.ctl("flows"))
    listener = switch.s.socket()
    listener.bind(("127.0.0.1", 6633))
    listener.listen()
    s, _ = listener.accept()
    s.sendall(bytes.fromhex("0400000800000000"))
    live.wait_until("the controller has it", lambda: not switch.ctl("show")[0]["standalone"])
    assert switch.ctl("flows") == []
    s.close()


def test_roles(switch):
    """One master; slaves may look, not change; old generations are refused."""
    switch.start()
    a, b = switch.peer().hello(), switch.peer().hello()

    def role(peer, wanted, generation):
        peer.send(24, struct.pack("!I4xQ", wanted, generation))
        kind, _, body = peer.take()
        return struct.unpack("!I4xQ", body) if kind == 25 else struct.unpack("!HH", body[:4])

    assert role(a, 0, 0) == (1, 0xffffffffffffffff)
    assert role(a, 2, 5) == (2, 5)
    assert role(b, 2, 4) == (11, 0)
    assert role(b, 7, 6) == (11, 2)
    assert role(b, 2, 6) == (2, 6)
    assert role(a, 0, 0) == (3, 6)
    flow_mod = struct.pack("!QQBBHHHIIIHxxHHI", 0, 0, 0, 0, 0, 0, 1, 0xffffffff, 0xffffffff,
                           0xffffffff, 0, 1, 4, 0)
    a.send(14, flow_mod)
    kind, _, body = a.take()
    assert kind == 1 and struct.unpack("!HH", body[:4]) == (1, 10)
    assert a.barrier() == [] and switch.ctl("flows") == []
    b.send(14, flow_mod)
    assert b.barrier() == [] and len(switch.ctl("flows")) == 1

    # Asynchronous messages: a slave is told of ports, not of packets.
    switch.hosts[0].run("ip", "link", "set", "eth0", "down")
    assert a.until(12) and b.until(12)
    b.send(28, struct.pack("!6I", 3, 0, 0, 0, 15, 0))
    b.send(26)
    assert struct.unpack("!6I", b.until(27)[2]) == (3, 0, 0, 0, 15, 0)
    switch.hosts[0].run("ip", "link", "set", "eth0", "up")
    assert a.until(12)
    assert all(m[0] != 12 for m in b.barrier())
