# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of the command share. $BEBA is the binary under test."""

import json
import os
import struct
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, "examples")
os.environ.setdefault("BEBA_CACHE", "")  # the machine's is not for tests
BEBA = os.environ.get("BEBA", os.path.join(ROOT, "build", "beba"))

# Counts packets to port 7 by source; the third one of a source and all later ones are dropped.
PROGRAM = """# two are fine
machine counted {
    key ip.src
    without key -> pass
    reg n : u16
    state fresh {
        on udp.dst == 7 { n = 1; goto seen; pass }
        on udp.dst == 9 { mirror(3); output(2) }
        else { pass }
    }
    state seen idle 10s -> fresh notify {
        on udp.dst == 7 && n < 2 { n += 1; ip.ttl -= 1; count second; pass }
        on udp.dst == 7 { notify "too many" { ip.src, n }; drop }
        else { pass }
    }
}

test "the third is dropped" {
    send { ip4.src = 10.0.0.1, udp.dst = 7 } times 2 each expect pass, seen
    send { ip4.src = 10.0.0.1, udp.dst = 7 } expect drop
}
"""


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode("utf-8", "replace")
        self.text = done.stdout.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.text)


def beba(*args, stdin=b"", cwd=None, env=None, timeout=60):
    """Runs the command; nothing it does may end in a signal or a sanitizer's report."""
    done = subprocess.run([BEBA, *map(str, args)], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=cwd, timeout=timeout,
                          env=dict(os.environ, **(env or {})))
    assert done.returncode in (0, 1, 2), (args, done.returncode, done.stderr)
    assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr
    return Result(done)


def udp(src, dport, payload=b"x", ttl=64, sport=4000):
    """An Ethernet frame with a UDP datagram from 10.0.0.SRC to 10.0.0.99, without UDP checksum."""
    length = 20 + 8 + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, ttl, 17, 0, bytes([10, 0, 0, src]),
                       bytes([10, 0, 0, 99]))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xffff
    head = head[:10] + struct.pack("!H", checksum) + head[12:]
    return (b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + b"\x08\0" + head +
            struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def pcap(packets, linktype=1, start=1000, magic=0xa1b23c4d):
    """The bytes of a capture: packets 1 ms apart, or (seconds, bytes)."""
    out = [struct.pack("<IHHIIII", magic, 2, 4, 0, 0, 65535, linktype)]
    for i, packet in enumerate(packets):
        time, data = packet if isinstance(packet, tuple) else (start + i / 1000, packet)
        sec = int(time)
        out.append(struct.pack("<IIII", sec, round((time - sec) * 1e9), len(data), len(data)) + data)
    return b"".join(out)


def unpack(data):
    """(nanoseconds, bytes) of each record of a capture that the command wrote."""
    assert struct.unpack_from("<I", data)[0] == 0xa1b23c4d
    at, records = 24, []
    while at < len(data):
        sec, frac, length, _ = struct.unpack_from("<IIII", data, at)
        assert at + 16 + length <= len(data), "a part of a record"
        records.append((sec * 10**9 + frac, data[at + 16:at + 16 + length]))
        at += 16 + length
    return records


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "counted.xfsm"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def capture(tmp_path):
    """Four datagrams to port 7 of one source, two to port 9 of another, one of no interest."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([udp(1, 7), udp(1, 7), udp(1, 7), udp(1, 7), udp(2, 9), udp(2, 9),
                           udp(3, 1)]))
    return path
