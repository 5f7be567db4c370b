#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every capture through every example, and Wireshark's opinion of what the examples changed.

    test_captures.py ALL_CAPTURES SOURCE_ROOT

ALL_CAPTURES (all_captures.c) runs the captures and writes the packets that a program changed, before and after. tshark,
which shares no code with beba, then checks every IPv4, TCP, UDP and ICMP checksum of both: one that was right before must
be right after. The captures: $BEBA_CAPTURES, or ../shared/captures beside the source; always those of the source tree.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

FIELDS = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
          "icmpv6.checksum.status")
PREFERENCES = ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum")
GOOD = "1"


def statuses(path):
    """For each packet: field -> statuses of its occurrences (a tunnel has several)."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=;", "-E", "occurrence=a"]
    for preference in PREFERENCES:
        command += ["-o", preference + ":TRUE"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit("tshark: " + done.stderr)
    return [dict(zip(FIELDS, line.split(";"))) for line in done.stdout.splitlines()]


def compare(directory):
    before = statuses(os.path.join(directory, "before.pcap"))
    after = statuses(os.path.join(directory, "after.pcap"))
    checked = faults = 0
    if len(before) != len(after):
        sys.exit("tshark sees %d packets before and %d after" % (len(before), len(after)))
    for number, (old, new) in enumerate(zip(before, after), 1):
        for field in FIELDS:
            for was, now in zip(old[field].split(","), new[field].split(",")):
                checked += was == GOOD
                if was == GOOD and now != GOOD:
                    faults += 1
                    print("%s: packet %d: %s was good and is %s" % (directory, number, field, now or "absent"),
                          file=sys.stderr)
    return checked, faults


def main():
    driver, root = sys.argv[1:]
    directory = os.environ.get("BEBA_CAPTURES") or os.path.join(root, "..", "shared", "captures")
    captures = [os.path.join(root, "examples", "captures"), os.path.join(root, "tests", "captures")]
    programs = sorted(glob.glob(os.path.join(root, "examples", "*.xfsm")))

    if os.path.isdir(directory):
        captures.append(directory)
    else:
        print("SKIPPED, in part: no captures in %s (set BEBA_CAPTURES)" % directory)
    with tempfile.TemporaryDirectory() as where:
        done = subprocess.run([driver, "-w", where, *programs, "--", *filter(os.path.isdir, captures)], timeout=500)
        if done.returncode:
            return 1
        if not shutil.which("tshark"):
            print("SKIPPED, in part: no tshark to check the changed packets")
            return 0
        checked, faults = compare(where)
    print("tshark: %d checksums were good before, %d of them are not after" % (checked, faults))
    return 1 if faults or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
