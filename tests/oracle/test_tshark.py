# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The parser against tshark: every registry field that tshark also knows, in every packet.

BEBA_DUMP_FIELDS is the dumper that prints what the parser sees; captures are those shipped in
tests/captures and those of the directory BEBA_CAPTURES (default: shared/captures beside the source
tree). Where the two differ for a reason, differences.py says which; anything else is a failure, and so
is a listed difference that is no more."""

import glob
import os
import shutil
import subprocess
import sys
import warnings

import pytest

import differences
import tshark

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHIPPED = os.path.join(ROOT, "tests", "captures")
OTHERS = os.environ.get("BEBA_CAPTURES",
                        os.path.join(os.path.dirname(ROOT), "shared", "captures"))
DUMP = os.environ.get("BEBA_DUMP_FIELDS", "dump_fields")

pytestmark = pytest.mark.skipif(not shutil.which("tshark") or not shutil.which(DUMP),
                                reason="needs tshark, and the dumper in BEBA_DUMP_FIELDS")


def registry():
    """name -> (layer, wireshark) of every field."""
    out = subprocess.run([DUMP, "registry"], stdout=subprocess.PIPE, check=True)
    rows = (line.split("\t") for line in out.stdout.decode().splitlines())
    return {name: (layer, wireshark) for name, layer, _, _, wireshark in rows}


def compared(fields):
    """Fields that both know: tshark has the field itself, or what it follows from."""
    return {name: row for name, row in fields.items()
            if row[1] or hasattr(tshark.Packet, "get_" + name.replace(".", "_"))}


def dump(captures, directory):
    """Our view: (capture, number, link type, index in the copy, flaws, {checksum: right}, {field:
    value}). A checksum that could not be checked is None."""
    out = subprocess.run([DUMP, directory, *captures], stdout=subprocess.PIPE, check=True)
    for line in out.stdout.decode().splitlines():
        columns = line.split("\t")
        if columns[0] == "skipped":
            continue
        capture, number, link, index, flaws, present, wrong = columns[:7]
        values = dict(column.split("=") for column in columns[7:])
        sums = {name: not int(wrong) & bit if int(present) & bit else None
                for name, bit in (("ip4", 1), ("transport", 2))}
        yield (os.path.basename(capture), int(number), int(link), int(index), int(flaws, 16), sums,
               {name: int(value, 16) for name, value in values.items()})


def compare(captures, directory):
    """Every difference: (capture, number, field, ours, theirs, flaws, tshark's packet)."""
    fields = registry()
    both = compared(fields)
    wanted = {row[1].partition("#")[0] for row in both.values()} - {""}
    packets = list(dump(captures, directory))
    theirs = {}
    for link in {p[2] for p in packets}:
        rows = tshark.run(os.path.join(directory, f"{link}.pcap"), sorted(wanted | set(tshark.EXTRA)))
        for row in rows:
            theirs[link, int(row["frame.number"][0])] = tshark.Packet(row)
    assert len(packets) == len(theirs)
    for capture, number, link, index, flaws, sums, ours in packets:
        packet = theirs[link, index]
        for name, protocols in (("ip4", ["ip"]), ("transport", sorted(tshark.TRANSPORT - {"gre"}))):
            right = packet.checksum(protocols)
            if None not in (right, sums[name]) and right != sums[name]:
                yield capture, number, "checksum of " + name, sums[name], right, flaws, packet
        for name, (layer, wireshark) in both.items():
            value = packet.get(name, layer, wireshark)
            if value is not tshark.UNKNOWN and value != ours.get(name):
                yield capture, number, name, ours.get(name), value, flaws, packet


def check(captures, directory):
    """Fails on a difference that is not listed, and on one that is listed and no more there."""
    unlisted, seen = [], set()
    for capture, number, name, ours, value, flaws, packet in compare(captures, directory):
        row = differences.find(capture, number, name)
        if row is None:
            unlisted.append(f"{capture} packet {number}: {name} is {ours} to us, {value} to tshark "
                            f"({':'.join(packet.tokens)}, flaws {flaws:#x})")
        seen.add((row, number))
    assert not unlisted, "\n" + "\n".join(unlisted)
    stale = differences.stale({os.path.basename(c) for c in captures}, seen)
    assert not stale, f"listed, but no difference: {stale}"


def test_every_field_is_compared_or_ours_alone():
    alone = set(registry()) - set(compared(registry()))
    assert alone == differences.OURS_ALONE


def test_shipped_captures(tmp_path):
    captures = sorted(glob.glob(os.path.join(SHIPPED, "*.pcap*")))
    assert captures
    check(captures, str(tmp_path))


def test_shipped_captures_are_what_the_script_makes(tmp_path):
    pytest.importorskip("scapy")
    subprocess.run([sys.executable, os.path.join(SHIPPED, "make.py"), str(tmp_path)], check=True)
    for path in sorted(glob.glob(os.path.join(SHIPPED, "*.pcap"))):
        with open(path, "rb") as shipped, open(tmp_path / os.path.basename(path), "rb") as made:
            assert shipped.read() == made.read(), os.path.basename(path)


def test_other_captures(tmp_path):
    captures = sorted(glob.glob(os.path.join(OTHERS, "*.pcap*")))
    if not captures:
        warnings.warn(f"no captures in {OTHERS}: the parser is compared on the shipped ones only")
        pytest.skip(f"no captures in {OTHERS}; name a directory in BEBA_CAPTURES")
    check(captures, str(tmp_path))
