#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Compares the diagnostics of golden/*.xfsm with the .expected files beside them, and holds the list of
codes in the source, in the manual and in those files against each other.

Usage: golden_test.py LANG_GOLDEN LANGUAGE_MD [--update]   (--update writes what is expected from now on)"""
import difflib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden")
# No program is known that gives it: it would be a fault of the checker.
UNREACHABLE = {"internal"}


def diagnostics(helper, name):
    run = subprocess.run([helper, "check", name], cwd=GOLDEN, capture_output=True, text=True)
    if run.returncode or run.stderr:
        return f"exit {run.returncode}\n{run.stdout}{run.stderr}"
    return run.stdout


def manual_programs(helper, text):
    """The programs and parts of programs in the manual parse."""
    items = ("machine", "include", "const", "set", "global", "array", "test", "# ")
    tried = []
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M):
        code = "\n".join(line[4:] for line in block.strip("\n").split("\n"))
        if "..." in code:
            continue
        if code.startswith(items):
            tried.append(code)
        elif code.startswith("state "):
            tried.append("machine m {\n" + code + "\n}")
    run = subprocess.run([helper, "parse"], input="\0".join(tried), capture_output=True, text=True)
    if run.returncode or len(tried) < 8:
        return [f"{len(tried)} programs of the manual:\n{run.stdout}"]
    return []


def main():
    helper, manual = os.path.abspath(sys.argv[1]), sys.argv[2]
    update, problems, said = "--update" in sys.argv, [], {}
    names = sorted(n for n in os.listdir(GOLDEN) if n.endswith(".xfsm"))
    for name in names:
        expected, got = os.path.join(GOLDEN, name[:-5] + ".expected"), diagnostics(helper, name)
        if update:
            open(expected, "w", encoding="utf-8").write(got)
        want = open(expected, encoding="utf-8").read() if os.path.exists(expected) else ""
        if got != want:
            problems.append("\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(),
                                                           name + " expected", name, lineterm="")))
        for line in re.findall(r"^\S+:\d+:\d+: (error|warning): .* \[([a-z-]+)\]$", got, re.M):
            said.setdefault(line[1], line[0])
        if name == "ten_mistakes.xfsm" and len(re.findall(r"^ten_mistakes.xfsm:\d+", got, re.M)) < 10:
            problems.append("ten mistakes give less than ten messages in one run")
    source = {}
    for line in subprocess.run([helper, "words"], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.startswith("code "):
            source[line.split()[1]] = line.split()[2]
    text = open(manual, encoding="utf-8").read()
    table = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", text, re.M))
    if table != source:
        problems.append(f"codes of the manual and the source differ: {sorted(set(table.items()) ^ set(source.items()))}")
    if said != {k: v for k, v in source.items() if k not in UNREACHABLE}:
        problems.append("codes without a golden program, or with another severity: "
                        f"{sorted(set(said.items()) ^ set(source.items()))}")
    problems += manual_programs(helper, text)
    reserved = {line.split()[1] for line in subprocess.run(
        [helper, "words"], capture_output=True, text=True, check=True).stdout.splitlines() if line.endswith(" reserved")}
    section = re.search(r"## Reserved words\n(.*?)\nNeither", text, re.S).group(1)
    if set(re.findall(r"`([a-z0-9]+)`", section)) != reserved:
        problems.append("the manual's reserved words differ: "
                        f"{sorted(set(re.findall(r'`([a-z0-9]+)`', section)) ^ reserved)}")
    print("\n".join(problems) if problems else f"{len(names)} programs, {len(said)} codes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
