#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The unit is one that systemd takes, and runs commands with options that there are.

    systemd/test_unit.py BUILD/systemd/beba@.service BUILD/beba [BUILD/systemd/beba-switch.service]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def output(*cmd):
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def check(ok, what, details=""):
    print(f"{'ok' if ok else 'not ok'} - {what}")
    if not ok:
        print(details)
        sys.exit(1)


def commands(text, beba):
    """The commands of the unit, and the options it gives them, are there."""
    found = re.findall(r"^Exec\w+=(\S+)/beba (\w+)(.*)$", text, re.M)
    check([f[1] for f in found] == ["attach", "replace", "snapshot", "detach"],
          "it attaches, replaces, saves flows, detaches",
          text)
    for _, name, rest in found:
        status, shown = output(beba, name, "--help")
        check(status == 0, f"beba {name} is a command", shown)
        for option in re.findall(r"--[a-z-]+", rest):
            check(option in shown, f"beba {name} has {option}", shown)
    for option in re.findall(r"--[a-z-]+", re.search(r"BEBA_OPTIONS=(.*)", text).group(1)):
        check(option in output(beba, "attach", "--help")[1], f"beba attach has {option}")


def switch_commands(text, beba):
    """The same of the switch's unit."""
    found = re.findall(r"^ExecStart=(\S+)/beba (\w+)(.*)$", text, re.M)
    check([f[1] for f in found] == ["switch"], "it runs the switch", text)
    options = re.findall(r"--[a-z-]+", found[0][2] + re.search(r"BEBA_SWITCH_OPTIONS=(.*)", text).group(1))
    shown = output(beba, "switch", "--help")[1]
    for option in options:
        check(option in shown, f"beba switch has {option}", shown)


def verify(text, beba, name="beba@knock.service"):
    if not shutil.which("systemd-analyze"):
        print("SKIPPED: systemd-analyze is not installed")
        return
    with tempfile.TemporaryDirectory() as d:
        unit = os.path.join(d, name)
        with open(unit, "w", encoding="utf-8") as f:
            f.write(re.sub(r"=(-?)/\S+/beba ", rf"=\1{beba} ", text))
        status, said = output("systemd-analyze", "verify", "--man=no", unit)
        mine = [line for line in said.splitlines() if "beba" in line]
        check(status == 0 and not mine, "systemd-analyze verify is content", said)
        status, said = output("systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
        m = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        check(m and float(m.group(1)) < 4.5, "what it may do is little", said)


def main():
    unit, beba, *switch = map(os.path.abspath, sys.argv[1:])
    with open(unit, encoding="utf-8") as f:
        text = f.read()
    check("@" not in re.sub(r"beba@|@system-service|@mount", "", text), "nothing is left to fill in", text)
    commands(text, beba)
    verify(text, beba)
    if switch:
        with open(switch[0], encoding="utf-8") as f:
            text = f.read()
        check("@" not in text.replace("@system-service", ""), "nothing is left to fill in", text)
        switch_commands(text, beba)
        verify(text, beba, "beba-switch.service")


if __name__ == "__main__":
    main()
