#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The house rules that a machine can check, on every tracked file. Exit 1 and one line a breach."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = ["base", "packet", "pipeline", "lang", "state", "engine", "emit", "native", "kernel", "io",
         "openflow", "datapath", "switch", "lib", "cli"]
MAX_LINES = 900
SPDX = "SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only"

SOURCE = re.compile(r"\.(c|h|def|py|sh|xfsm|build|in)$|(^|/)(Makefile|\.ci/run|meson_options\.txt)$")
HAS_SPDX = re.compile(r"\.(c|h|def|py|sh|xfsm|build|md|in)$|(^|/)(Makefile|\.gitignore|"
                      r"\.clang-(format|tidy)|\.ci/run|meson_options\.txt)$")
# Programs that are test data: what a formatter or a checker is shown may look like anything.
DATA = re.compile(r"^tests/(fuzz/(corpus|crashes)|.*/(golden|data|cases|bad|errors|fmt|layout))/")
SELF = "tests/lint/rules.py"


def tracked(*patterns):
    """Names of the files that git knows, relative to the root."""
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *patterns],
                         cwd=ROOT, stdout=subprocess.PIPE, check=True)
    names = out.stdout.decode().split("\0")
    return [name for name in names if name and os.path.isfile(os.path.join(ROOT, name))]


def rule_spdx(name, text):
    """Every file that can hold a licence line has it near its top."""
    if HAS_SPDX.search(name) and SPDX not in "\n".join(text.splitlines()[:6]):
        yield 1, "no licence line: " + SPDX


def rule_length(name, text):
    """A file past 900 lines is two nouns."""
    if SOURCE.search(name) and text.count("\n") > MAX_LINES:
        yield MAX_LINES, f"{text.count(chr(10))} lines; at most {MAX_LINES}"


def rule_unfinished(name, text):
    """Nothing is left for later by a comment."""
    if name != SELF and SOURCE.search(name):
        for n, line in enumerate(text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield n, "unfinished: " + line.strip()


def rule_paths(name, text):
    """No path of one particular machine."""
    if name != SELF:
        for n, line in enumerate(text.splitlines(), 1):
            if re.search(r"(^|[\s\"'=(:])(/(?:work|root)/|/home/\w)", line):
                yield n, "path of one machine: " + line.strip()


def rule_white(name, text):
    """No tabs (but in Makefiles), no blanks at line ends, a newline at the end of the file."""
    if not SOURCE.search(name) and not name.endswith(".md"):
        return
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"
    for n, line in enumerate(text.splitlines(), 1):
        if "\t" in line and not name.endswith("Makefile"):
            yield n, "tab"
        if line != line.rstrip():
            yield n, "blanks at the end of the line"


def rule_width(name, text):
    """Lines that one can read side by side; formatters see to C and to programs."""
    if re.search(r"\.(py|sh|build)$", name):
        for n, line in enumerate(text.splitlines(), 1):
            if len(line) > 122:
                yield n, f"{len(line)} columns"


def rule_rooms(name, text):
    """A room includes only rooms above it; jansson only in cli and switch, libpcap only in io."""
    m = re.match(r"src/(\w+)/[^/]+\.(c|h|def)$", name)
    if not m or m.group(1) not in ROOMS:
        return
    mine = ROOMS.index(m.group(1))
    test = name.endswith("_test.c")
    for n, line in enumerate(text.splitlines(), 1):
        inc = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not inc:
            continue
        kind, path = inc.groups()
        room = path.split("/")[0]
        if kind == '"' and "/" not in path:
            yield n, f'include "{path}" with its room'
        elif kind == '"' and room in ROOMS and ROOMS.index(room) > mine:
            yield n, f"{m.group(1)}/ may not know {room}/"
        elif kind == '"' and room not in ROOMS and room != "beba":
            yield n, f'"{path}" is in no room'
        elif kind == "<" and path.startswith("jansson") and m.group(1) not in ("cli", "switch"):
            yield n, "jansson only in cli/ and switch/"
        elif kind == "<" and path.startswith("pcap") and m.group(1) != "io" and not test:
            yield n, "libpcap only in io/"


def rule_guards(name, text):
    """Include guards are BEBA_<ROOM>_<FILE>_H; a _body.h is included more than once on purpose."""
    m = re.match(r"(?:src|include)/(\w+)/([^/]+)\.h$", name)
    if m and not name.endswith("_body.h"):
        want = f"BEBA_{m.group(1)}_{m.group(2)}_H".upper().replace("-", "_")
        if m.group(1) == "beba":
            want = f"BEBA_{m.group(2)}_H".upper()
        if f"#ifndef {want}\n" not in text or f"#define {want}\n" not in text:
            yield 1, f"no include guard {want}"


def rule_tests_run(name, text):
    """Every unit test is named in its room's meson.build."""
    m = re.match(r"(src/\w+)/(\w+)_test\.c$", name)
    if m:
        with open(os.path.join(ROOT, m.group(1), "meson.build"), encoding="utf-8") as f:
            if not re.search(rf"['/_]{m.group(2)}(_test\.c)?'", f.read()):
                yield 1, f"not run: {m.group(1)}/meson.build does not name it"


def main():
    rules = [f for n, f in sorted(globals().items()) if n.startswith("rule_")]
    breaches = 0
    for name in tracked():
        with open(os.path.join(ROOT, name), "rb") as f:
            data = f.read()
        if b"\0" in data or DATA.search(name):
            continue
        text = data.decode("utf-8", "replace")
        for rule in rules:
            for line, what in rule(name, text):
                print(f"{name}:{line}: {what}")
                breaches += 1
    if breaches:
        print(f"{breaches} breaches of {len(rules)} rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
