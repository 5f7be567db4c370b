# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs in the interpreter and, exported, in the datapath: the same verdicts, bytes and flows."""

import glob
import os
import struct
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "random"))
import generate  # noqa: E402
import packets  # noqa: E402
sys.path.insert(0, HERE)
import expressible  # noqa: E402

EXPORT = os.path.join(os.environ["BEBA_OPENFLOW_TESTS"], "export")
EXAMPLES = sorted(glob.glob(os.path.join(ROOT, "examples", "*.xfsm")))
CAPTURES = sorted(glob.glob(os.path.join(ROOT, "examples", "captures", "*.pcap")) +
                  glob.glob(os.path.join(ROOT, "tests", "captures", "*.pcap")) +
                  [os.path.join(ROOT, "docs", "tutorial.pcap")])
MUST = {"port_knocking", "mac_learning", "syn_flood", "udp_firewall", "round_robin"}  # these are always exported
REFUSED, INVALID = 77, 3


def run(program, *captures):
    done = subprocess.run([EXPORT, program, *captures], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize("program", EXAMPLES, ids=os.path.basename)
def test_example(program, tmp_path):
    name = os.path.basename(program)[:-5]
    made = tmp_path / "made.pcap"
    with open(program, encoding="utf-8") as file:
        source = file.read()
    packets.write_capture(str(made), generate.frames(len(name), source))
    if "random(" in source:
        return  # test_random
    status, output = run(program, *CAPTURES, str(made))
    if status == REFUSED and name not in MUST:
        assert output.strip(), "what cannot be expressed is named"
        return
    assert status == 0, output


@pytest.mark.parametrize("program", sorted(glob.glob(os.path.join(HERE, "programs", "*.xfsm"))),
                         ids=os.path.basename)
def test_program(program, tmp_path):
    made = tmp_path / "made.pcap"
    with open(program, encoding="utf-8") as file:
        packets.write_capture(str(made), generate.frames(1, file.read()))
    status, output = run(program, *CAPTURES, str(made))
    assert status == 0, output


DRAWS = """machine draws {
    key flow
    reg path : u16
    without key -> drop
    state fresh {
        on udp.dst < 1000 && TEST { output(20) }
        on udp.dst >= 1900 { output(21) }
        else { goto bound; output(22) }
    }
    state bound { always { drop } }
}
"""


def independent(n):
    """Packets of as many flows: what is drawn for one says nothing of another."""
    frames = []
    for i in range(n):
        udp = struct.pack("!HHHH", 1024 + i % 50000, i % 2000, 8, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([10, 0, i >> 8, i & 255]), bytes(4))
        frames.append(packets.Frame(bytes.fromhex("0200000000010200000000020800") + ip + udp + bytes(18), i * 1000, 1))
    return frames


TESTS = ["random(5) == 1", "random(5) != 0", "random(6) <= 3", "4 < random(7)", "random(2) >= 1", "random(3) == 2"]


@pytest.mark.parametrize("text", [None] + [DRAWS.replace("TEST", test) for test in TESTS],
                         ids=["forwarding_consistency", *TESTS])
def test_random(text, tmp_path):
    program, capture = tmp_path / "p.xfsm", tmp_path / "p.pcap"
    if text is None:
        with open(os.path.join(ROOT, "examples", "forwarding_consistency.xfsm"), encoding="utf-8") as file:
            text = file.read()
    program.write_text(text, encoding="utf-8")
    packets.write_capture(str(capture), independent(12000))
    status, output = run("-r", str(program), str(capture))
    assert status == 0, output
    assert output.count("port ") >= 3, output


def whatever(make, seeds, tmp_path):
    """Whatever check says of a program, the exporter agrees, and so do the packets."""
    exported = 0
    for seed in seeds:
        text = make(seed)
        program, capture = tmp_path / "p.xfsm", tmp_path / "p.pcap"
        program.write_text(text, encoding="utf-8")
        packets.write_capture(str(capture), generate.frames(seed, text))
        status, output = run(str(program), str(capture))
        assert status in (0, REFUSED, INVALID), f"seed {seed}: {output}\n{text}"
        exported += status == 0
    return exported


def test_generated(tmp_path):
    whatever(lambda seed: generate.program(seed, 0, True).text(), range(1, 201), tmp_path)


def test_generated_for_openflow(tmp_path):
    assert whatever(expressible.program, range(1, 301), tmp_path) > 50
