#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""One example program: no warnings, all tests pass and cover everything, canonical layout, a diagram that dot draws.

    test_example.py BEBA FILE.xfsm
"""
import re
import shutil
import subprocess
import sys


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def main():
    beba, path = sys.argv[1:]
    faults = []

    code, out, err = run(beba, "check", path)
    if code or "warning" in out + err or "error" in out + err:
        faults.append("check: exit %d\n%s%s" % (code, out, err))

    code, out, err = run(beba, "test", "--min-coverage", "100", path)
    if code:
        faults.append("test: exit %d\n%s%s" % (code, out, err))

    if run(beba, "fmt", "--check", path)[0]:
        faults.append("fmt --check: the layout is not canonical; beba fmt --write mends it")

    code, dot, err = run(beba, "graph", path)
    if code or not dot.lstrip().startswith("digraph"):
        faults.append("graph: exit %d\n%s" % (code, err))
    elif shutil.which("dot"):
        code, svg, err = run("dot", "-Tsvg", stdin=dot)
        if code or err or "<svg" not in svg:
            faults.append("dot: exit %d\n%s" % (code, err))

    text = open(path, encoding="utf-8").read()
    if not text.startswith("# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only\n"):
        faults.append("no SPDX line")
    if not re.search(r"use case \d+", text) or "\n# From: " not in text or "\n# Use: " not in text:
        faults.append("the header must name the use case, where it comes from (From:) and how to use it (Use:)")
    for machine in re.findall(r"^machine \w+ \{.*?^\}", text, re.M | re.S):
        keyed = re.search(r"^    (key|lookup) ", machine, re.M)
        if keyed and ("\n    capacity " not in machine or "\n    without key -> " not in machine):
            faults.append("capacity and without key must be said: " + machine.splitlines()[0])

    for fault in faults:
        print("%s: %s" % (path, fault), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
