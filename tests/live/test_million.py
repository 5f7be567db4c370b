# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A million flows: made by the interpreter from a capture, put into the kernel, looked at in time.

    (nobody) eth0 ------------ eth0 ( many )

No packet is sent here: what is tried is the way of the flows.
"""

import resource
import shutil
import struct
import time

import pytest

import net as live

FLOWS = 1000000
SECONDS = 3.0

PROGRAM = """machine many {
    key ip.src
    reg n : u32
    capacity 1100k when full refuse -> drop
    without key -> pass

    state fresh {
        on udp.dst == 7 { n = ip4.src & 0xffff; goto seen; pass }
        else { pass }
    }
    state seen idle 1h -> fresh {
        always { n += 1; pass }
    }
}
"""


def capture(path):
    """One datagram each of FLOWS sources."""
    packet = live.eth(live.mac(2), live.mac(1), 0x0800, live.udp4("10.0.0.0", "10.0.0.1", 7, 7))
    head = struct.pack("<IIII", int(time.time()), 0, len(packet), len(packet)) + packet[:26]
    tail = packet[30:]
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        f.write(b"".join(head + (0x0a000000 + i).to_bytes(4, "big") + tail for i in range(FLOWS)))


def cpu_time():
    """Of all processes that ended."""
    of = resource.getrusage(resource.RUSAGE_CHILDREN)
    return of.ru_utime + of.ru_stime


@pytest.fixture
def room(tmp_path):
    """A directory that is gone afterwards: pytest would keep some hundred megabytes."""
    path = tmp_path / "room"
    path.mkdir()
    yield path
    shutil.rmtree(path)


def test_a_million_flows(pair, written, room):
    _, server = pair
    program = written("many", PROGRAM)
    capture(room / "many.pcap")
    state = room / "state"
    state.mkdir()
    server.beba("run", program, "--read", room / "many.pcap", "--state", state)
    server.beba("attach", program, "--dev", "eth0")
    start = time.monotonic()
    server.beba("restore", "many", state, timeout=120)
    restored = time.monotonic() - start

    times, walls = [], []
    for _ in range(2):
        start, used = time.monotonic(), cpu_time()
        with open(room / "flows", "wb") as out:
            live.run(*server.command(live.BEBA, "show", "flows", "many"), env=server.net.env,
                     stdout=out)
        times.append(cpu_time() - used)
        walls.append(time.monotonic() - start)
    with open(room / "flows", encoding="ascii") as f:
        lines = sum("seen" in line for line in f)
    print(f"restored {FLOWS} flows in {restored:.2f} s, shown in {min(walls):.2f} s, "
          f"of which it had a CPU for {min(times):.2f} s")
    assert lines == FLOWS
    assert min(times) < SECONDS * live.SLOW, "what others took of the machine does not count"

    start = time.monotonic()
    found = server.beba("flow", "get", "many", "many", "ip.src=10.7.8.9", "--json").json["flow"]
    assert found["state"] == "seen" and found["registers"]["n"] == 8 * 256 + 9
    assert time.monotonic() - start < 1 * live.SLOW
    [machine] = server.beba("show", "--json").json["programs"][0]["machines"]
    assert machine["entries"] == FLOWS
