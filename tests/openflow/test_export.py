# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs in the interpreter and, exported, in the datapath: the same verdicts, bytes and flows."""

import glob
import os
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
MUST = {"port_knocking", "mac_learning", "syn_flood", "udp_firewall"}  # these are always exported
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
        packets.write_capture(str(made), generate.frames(len(name), file.read()))
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
