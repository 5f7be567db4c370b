# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every capture of a directory of real ones: what a program passes is written as it was read."""

import glob
import os

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
    """(nanoseconds, bytes) as scapy reads them."""
    from scapy.utils import RawPcapReader
    reader = RawPcapReader(path)
    for data, meta in reader:
        if hasattr(meta, "sec"):
            yield meta.sec * 10**9 + meta.usec * (1 if reader.nano else 1000), data
        else:
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
            if len(x) == 65535:  # scapy cuts there
                y = y[:65535]
            assert x == y or x[4:] == y, path  # loopback headers are taken off
            assert a == b, path
        compared += 1
    assert compared > len(FILES) // 2
