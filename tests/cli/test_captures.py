# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every capture of a directory of real ones: what a program passes is written as it was read."""

import glob
import os
import struct

import pytest
from conftest import ROOT, beba, unpack

DIRECTORY = os.environ.get("BEBA_CAPTURES", os.path.join(ROOT, "..", "shared", "captures"))
FILES = sorted(glob.glob(os.path.join(DIRECTORY, "*.pcap*")))


@pytest.fixture(scope="module")
def pass_all(tmp_path_factory):
    path = tmp_path_factory.mktemp("captures") / "pass.xfsm"
    path.write_text("machine m {\n    always { pass }\n}\n")
    return path


def records(path):
    """(nanoseconds, bytes) of each packet: of pcap files read here, of pcapng files by scapy."""
    with open(path, "rb") as f:
        data = f.read()
    magic = data[:4]
    order = "<" if magic[1:2] in (b"\xc3", b"\x3c") else ">"
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from pcapng_records(path)
        return
    scale, at = 1 if b"\x3c" in magic else 1000, 24
    while at < len(data):
        sec, fraction, length, _ = struct.unpack_from(order + "IIII", data, at)
        yield sec * 10**9 + fraction * scale, data[at + 16:at + 16 + length]
        at += 16 + length


def pcapng_records(path):
    from scapy.utils import RawPcapReader
    reader = RawPcapReader(path)
    for data, meta in reader:
        yield ((meta.tshigh << 32) + meta.tslow) * 10**9 // meta.tsresol, data
    reader.close()


@pytest.mark.skipif(not FILES, reason=f"no captures in {DIRECTORY}; set BEBA_CAPTURES")
def test_what_passes_is_written_as_it_was_read(pass_all, tmp_path):
    out, compared = tmp_path / "out.pcap", 0
    for path in FILES:
        r = beba("run", pass_all, "-r", path, "-w", out, "--json")
        assert "Traceback" not in r.err and r.json, path
        if r.code:
            assert path in r.json["error"]["where"], path
            continue
        want = list(records(path))
        got = unpack(out.read_bytes())
        assert r.json["packets"] == len(want) == len(got), path
        for (a, x), (b, y) in zip(want, got):
            assert x == y or x[4:] == y, path  # loopback headers are taken off
            assert a == b, path
        compared += 1
    assert compared > len(FILES) // 2
