# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Controllers that do wrong: the switch answers as the specification says, goes on forwarding, and
its memory stays bounded.

    h1 eth0 --- v1 [ switch ] v2 --- eth0 h2
                      | ptcp:6653
                 bytes of this test
"""

import random
import socket
import struct
import time

import pytest

import net as live
from conftest import need

pytestmark = [need("ovs-ofctl"), need("ping")]


@pytest.fixture
def forwarding(switch):
    switch.start()
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping() == 3
    yield switch
    assert switch.alive() and switch.ping() == 3
    assert switch.memory() < 400 * 1024 * live.SLOW


def test_other_version(forwarding):
    for version, bitmap in ((1, b""), (2, b""), (6, struct.pack("!HHI", 1, 8, 1 << 6))):
        peer = forwarding.peer()
        peer.send(0, bitmap, version=version)
        assert peer.take()[0] == 0
        kind, _, body = peer.take()
        assert kind == 1 and struct.unpack("!HH", body[:4]) == (0, 0)
        assert b"1.3" in body[4:]
        assert peer.closed()


def test_newer_version_with_a_bitmap(forwarding):
    peer = forwarding.peer()
    peer.send(0, struct.pack("!HHI", 1, 8, 1 << 6 | 1 << 4), version=6)
    assert peer.take()[0] == 0
    assert peer.barrier() == []


def test_no_hello(forwarding):
    peer = forwarding.peer()
    peer.send(5)
    assert peer.closed()


def test_errors_have_the_message(forwarding):
    peer = forwarding.peer().hello()
    for kind, body, want in ((99, b"", (1, 1)), (14, b"\0" * 3, (1, 6)),
                             (18, struct.pack("!HHI", 77, 0, 0), (1, 2)),
                             (4, struct.pack("!II", 0xdeadbeef, 1), (1, 3)),
                             (18, struct.pack("!HHI", 1, 0, 0) + b"\0" * 5, (1, 6))):
        peer.send(kind, body, xid=0x1234)
        got, xid, data = peer.take()
        assert (got, xid) == (1, 0x1234)
        assert struct.unpack("!HH", data[:4]) == want, (kind, data.hex())
        sent = struct.pack("!BBHI", 4, kind, 8 + len(body), 0x1234) + body
        assert data[4:] == sent[:64]
    assert peer.barrier() == []


def test_short_length(forwarding):
    peer = forwarding.peer().hello()
    peer.s.sendall(bytes.fromhex("0402000400000001"))
    assert peer.closed()


def test_garbage(forwarding):
    chance = random.Random(4)
    for _ in range(50):
        peer = forwarding.peer()
        try:
            if chance.random() < 0.7:
                peer.hello()
            for _ in range(20):
                body = chance.randbytes(chance.randrange(200))
                peer.send(chance.randrange(32), body)
            peer.s.sendall(chance.randbytes(1000))
        except OSError:
            pass
        peer.s.close()
    flows = forwarding.ofctl("dump-flows")
    assert "actions=FLOOD" in flows


def test_byte_by_byte(forwarding):
    peer = forwarding.peer()
    for b in bytes.fromhex("0400000800000000") + bytes.fromhex("0414000800000009"):
        peer.s.sendall(bytes([b]))
        time.sleep(0.002)
    assert peer.take()[0] == 0 and peer.take()[:2] == (21, 9)


def test_thousand_connections(forwarding):
    peers = []
    for _ in range(1000):
        s = forwarding.s.connect("127.0.0.1", 6653, timeout=5)
        if s:
            peers.append(s)
    assert forwarding.ping() == 3
    assert len(forwarding.ctl("controllers")) < 100
    for s in peers:
        s.close()
    live.wait_until("they are gone", lambda: len(forwarding.ctl("controllers")) == 2)
    assert "flood" in forwarding.ofctl("dump-flows").lower()


def test_one_that_does_not_read(forwarding, tmp_path):
    """It asks for much and reads nothing: memory is bounded, others are served."""
    flows = tmp_path / "flows"
    flows.write_text("".join(f"priority=9,ip,nw_src=10.9.{i >> 8}.{i & 255},actions=output:2\n"
                             for i in range(10000)))
    forwarding.ofctl("add-flows", str(flows))
    before = forwarding.memory()
    peer = forwarding.peer().hello()
    request = struct.pack("!BBHIHHI", 4, 18, 56, 1, 1, 0, 0) + struct.pack(
        "!B3xII4xQQHH4x", 255, 0xffffffff, 0xffffffff, 0, 0, 1, 4)
    peer.s.setblocking(False)
    sent = 0
    try:
        for _ in range(5000):
            sent += peer.s.send(request)
    except BlockingIOError:
        pass
    assert sent
    assert forwarding.ping() == 3
    assert "flow_count=10001" in forwarding.ofctl("dump-aggregate")
    assert forwarding.memory() - before < 64 * 1024 * live.SLOW
    peer.s.close()


def test_packet_ins_that_nobody_reads(forwarding):
    """A flood of packet-ins to a controller that sleeps: they are dropped and counted."""
    forwarding.ofctl("del-flows")
    forwarding.ofctl("add-flow", "actions=controller:65535")
    peer = forwarding.peer().hello()
    host = forwarding.hosts[0].socket(socket.AF_PACKET, socket.SOCK_RAW)
    host.bind(("eth0", 0))
    frame = b"\xff" * 6 + bytes.fromhex("020000000001") + b"\x88\xb5" + b"x" * 1400
    for _ in range(20000):
        try:
            host.send(frame)
        except OSError:
            time.sleep(0.001)
    counted = forwarding.counters()
    assert counted["packet_ins_limited"] + counted["packet_ins_dropped"] + \
        counted["packet_ins_ring_full"] > 0
    peer.s.close()
    forwarding.ofctl("del-flows")
    forwarding.ofctl("add-flow", "actions=flood")
